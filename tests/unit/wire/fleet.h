/*
 * A small fleet made in memory for the tests of wire/: root keys, roots of
 * two generations, node certificates, all through wire_tbs_compose. Used by
 * the test_*.c beside it.
 */
#pragma once

#include "wire/x509.h"

#define FLEET   "acme"
#define T0      ((struct base_time){ INT64_C(1767225600000) }) /* 2026-01-01 */
#define DAY     INT64_C(86400)
#define ON(day) base_time_add_s(T0, (day) * DAY)

struct fleet_key {
	EVP_PKEY *key;
	enum wire_alg alg;
	struct base_buf spki;
	uint8_t ski[20];
};
/* Keys are made once per process and never freed. i tells several of one
 * algorithm apart, 0 to 7; of each size of RSA there is one only. */
const struct fleet_key *fleet_key(enum wire_alg alg, int i);

/* Fields of a certificate of that kind, valid from T0 for a year (a canary
 * for ten minutes); the test changes what it wants to. */
struct wire_tbs fleet_tbs(enum wire_cert_kind kind, const char *root,
    const char *node, const struct fleet_key *subject,
    const struct fleet_key *issuer);
/* Composes, signs, assembles, decodes; fails the test on any error. */
X509 *fleet_issue(const struct wire_tbs *t, const struct fleet_key *issuer);
/* The same for a TBS that the test has changed by hand. */
X509 *fleet_sign(struct base_span tbs, const struct fleet_key *issuer);

/* A stack with a reference to each; NULL ends the list. */
STACK_OF(X509) *fleet_stack(X509 *first, ...);
