/*
 * ca/identity: what the CA is under its own root: to its nodes, and as one of
 * them. Part of kedged.h.
 */
#pragma once

#include "ca/store.h"

struct ca;

/* ---- what the CA is to its nodes (ca/identity.c) ---------------------------------- */

/* The newest certificate of the order signer, or of the CA's TLS key, under
 * a generation of the management root; appended. NOTFOUND. */
enum base_err ca_identity_cert_get(struct ca *ca, enum wire_cert_kind kind,
    uint32_t gen, struct base_buf *der) BASE_MUST;
enum base_err ca_identity_cert_put(struct ca *ca, enum wire_cert_kind kind,
    uint32_t gen, struct base_span der) BASE_MUST;
/* TLS key in its file; NOTFOUND. */
enum base_err
ca_identity_key_read(const struct ca *ca, EVP_PKEY **out) BASE_MUST;
enum base_err ca_identity_key_make(const struct ca *ca) BASE_MUST;
/* What the CA holds under the management root by its facts and its own open
 * order, which is in force as soon as it is stored, into ca and its network.
 * INTEGRITY when it does not belong together; then ca keeps what it has. */
enum base_err ca_identity_load(struct ca *ca) BASE_MUST;
void ca_identity_free(struct ca *ca);
/* The generation of the management root under which orders should be signed and
 * the CA has no certificate for that, because kedge-hsmd does not make one; it
 * is asked again each minute, and until then orders are signed under the other
 * generation only. 0: none. */
uint32_t ca_identity_missing(struct ca *ca);
/* It has a certificate to sign orders under this one; AGAIN: not yet. */
enum base_err ca_identity_can_sign(struct ca *ca, uint32_t gen) BASE_MUST;
/* In the last third of its life. */
bool ca_identity_is_old(const struct ca *ca, const X509 *x);
struct base_mono ca_identity_work(struct ca *ca);

/* ---- the CA as a node of its own root (ca/self.c, ca/resign.c) ---- */

/* Takes its orders and reports; joins itself once. */
struct base_mono ca_self_work(struct ca *ca);
/* The last order for the CA itself; NOTFOUND. */
enum base_err ca_self_order(struct ca *ca, struct ca_order *out) BASE_MUST;
/* Orders that are out get signatures by the generation that is new. */
struct base_mono ca_resign_work(struct ca *ca);
