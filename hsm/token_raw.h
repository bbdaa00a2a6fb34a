/*
 * hsm/token_raw: the PKCS#11 calls that libp11 does not offer, or not safely:
 * login without a copy of the PIN, key generation with an explicit template,
 * counting and destroying by CKA_ID. libp11.h and pkcs11.h cannot be included
 * in one file, so only token_raw.c knows the latter, and no type of it shows
 * here. The module must already be loaded and initialised (by libp11).
 */
#pragma once

#include "hsm/keystore.h"

struct hsm_raw;

enum base_err hsm_raw_open(const char *module, unsigned long slot,
    struct hsm_raw **out) BASE_MUST;
/* Flags first, then one C_Login, never a second. DENIED as in
 * hsm_token_login. */
enum base_err hsm_raw_login(struct hsm_raw *r, struct base_span pin) BASE_MUST;
/* A pair with SENSITIVE, not EXTRACTABLE, SIGN only; what the token says it
 * made is read back and must be that, or it is destroyed. */
enum base_err hsm_raw_generate(struct hsm_raw *r, const uint8_t id[HSM_ID],
    enum wire_alg alg, const char *label) BASE_MUST;
/* Exactly one private key may carry the id: REFUSED for more, NOTFOUND for
 * none. Reads its attributes back as well. */
enum base_err
hsm_raw_check(struct hsm_raw *r, const uint8_t id[HSM_ID]) BASE_MUST;
/* Destroys every object with this id; *n is how many. */
enum base_err hsm_raw_destroy(struct hsm_raw *r, const uint8_t id[HSM_ID],
    size_t *n) BASE_MUST;
void hsm_raw_close(struct hsm_raw *r);
