/*
 * A small CA around hsm/core for tests: keys in memory, a state directory of
 * its own, a clock that stands still until it is set.
 */
#pragma once

#include "hsm/core.h"

#define WORLD_NOW  INT64_C(1790000000000)   /* some day in September 2026 */
#define WORLD_DAY  INT64_C(86400000)

struct world {
	char *dir;
	struct hsm_conf conf;
	struct hsm_core *core;
	EVP_PKEY *node_key[2];       /* of web1, of app1 */
	struct base_buf node_spki[2];
};
extern struct world w;
extern struct base_time world_time;

void world_open(void);               /* empty state */
void world_reopen(struct hsm_ks *ks);   /* same state, other process; NULL:
					 * fresh memory keystore */
void world_close(void);
/* Roots plant and management with generation 1, order signer, node ca, nodes
 * web1 (key 0) and app1 (key 1) bound. */
void world_found(void);

/* One request; the answer is in world_answer until the next one. */
extern struct wire_hsm_answer world_answer;
enum base_err world_ask(struct wire_hsm_request *r);
enum base_err world_keygen(const char *root, uint32_t generation,
    bool order_signer);
enum base_err world_token(const char *node, int64_t end_ms,
    uint8_t secret[16]);
enum base_err world_bind(const char *node, const uint8_t secret[16],
    const struct base_buf *spki, size_t n);
const struct hsm_key *world_key(const char *root, uint32_t generation,
    bool order_signer);

/* Fields as kedged would fill them, issuer (root, generation); node may be
 * NULL for roots. spki is borrowed. */
struct wire_tbs world_tbs(enum wire_cert_kind kind, const char *root,
    uint32_t generation, const char *node, struct base_span spki);
/* CERTS of one item: its own fate; *x, unless NULL, gets the certificate. */
enum base_err world_sign(const struct wire_tbs *t, uint32_t generation,
    X509 **x);
enum base_err world_sign_der(struct base_span tbs, const char *root,
    uint32_t generation, X509 **x);
/* NewWithNew of a generation whose key and next key are made first. */
X509 *world_root(const char *root, uint32_t generation);
