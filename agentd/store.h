/*
 * agentd/store: what survives a node's restart.
 *
 *   STORE/id                          16 random bytes in hex, made once
 *   STORE/ROOT/key.pem                private key (0600)
 *   STORE/ROOT/next.pem               the one that takes its place (rekey)
 *   STORE/ROOT/vNNNNNN/trust.pem      trust list, newest first
 *                      cert.pem       own leaf
 *                      chain.pem      leaf as served (with NewWithOld)
 *                      manifest.der   what they are, and their SHA-256
 *   STORE/ROOT/vNNNNNN.b              second copy of the four, in one file
 *   STORE/ROOT/current, current.b     version and SHA-256 of its manifest
 *   STORE/ROOT/state                  order in work, last report
 *
 * NNNNNN is the epoch of the order that made the version. Every function
 * leaves either the old or the new behind, at whatever instruction the
 * process dies.
 */
#pragma once

#include <openssl/x509.h>

#include "base/base.h"
#include "wire/msg.h"
#include "wire/x509.h"

#define AG_MANAGEMENT "management"
#define AG_TRUST_MAX  4

/* Everything a node holds under one root: one version. */
struct ag_bundle {
	char root[BASE_NAME_MAX + 1];
	uint64_t epoch;          /* of the order that made it; 0: not stored,
				  * an identity for the time of a join */
	uint64_t previous;       /* version before; own epoch when none */
	size_t ntrust;
	uint32_t trust_gen[AG_TRUST_MAX];   /* newest first */
	X509 *trust[AG_TRUST_MAX];          /* owned; NewWithNew each */
	uint32_t cert_gen;       /* 0: presents nothing */
	X509 *cert;              /* owned */
	uint32_t nwo_gen;        /* generation that nwo vouches for */
	X509 *nwo;               /* owned; NewWithOld, during a roll */
	bool bridging;           /* as a client too: leaf + NewWithOld */
	uint32_t anchor_gen;     /* check anchor of the own certificate */
	X509 *anchor;            /* owned */
};
struct ag_bundle *ag_bundle_new(const char *root, uint64_t epoch);
/* Certificates are shared by reference count. */
struct ag_bundle *ag_bundle_copy(const struct ag_bundle *b);
void ag_bundle_free(struct ag_bundle *b);
/* Bit g-1 for each generation in the trust list. */
uint64_t ag_bundle_generations(const struct ag_bundle *b);
/* NULL when there is none of that generation. */
X509 *ag_bundle_trust(const struct ag_bundle *b, uint32_t generation);
/* Stack of the trust list, for verification; owned by the caller, the
 * certificates by reference count. */
STACK_OF(X509) *ag_bundle_stack(const struct ag_bundle *b);
/* NewWithOld goes along with the leaf that it vouches for, never with an
 * old one. NULL: the leaf alone. */
X509 *ag_bundle_link(const struct ag_bundle *b, bool client);

/* manifest.der; trust, cert and chain are the three files' SHA-256. */
enum base_err ag_manifest_compose(const struct ag_bundle *b,
    uint8_t sha256[3][32], struct base_buf *out) BASE_MUST;
/* Everything but the certificates of the three files; b is fresh. */
enum base_err ag_manifest_parse(struct base_span der, struct ag_bundle *b,
    uint8_t sha256[3][32]) BASE_MUST;

/* ---- store ---------------------------------------------------------------- */

struct ag_store {
	char *dir;               /* owned */
	uint8_t id[16];
};
enum base_err ag_store_open(const char *dir, struct ag_store **out) BASE_MUST;
void ag_store_close(struct ag_store *s);

/* Writes both copies of a version; nothing points to it yet. */
enum base_err ag_store_put(struct ag_store *s, const struct ag_bundle *b)
    BASE_MUST;
/* Makes a version that was put current, or an older one again; removes
 * versions that are neither this nor its previous. */
enum base_err ag_store_swap(struct ag_store *s, const char *root,
    uint64_t epoch) BASE_MUST;
/* The current version. NOTFOUND: never had one. A damaged one falls back to
 * its second copy, and, when it is not settled (was never reported
 * effective), to its previous version; INTEGRITY otherwise. */
enum base_err ag_store_load(struct ag_store *s, const char *root,
    bool settled, struct ag_bundle **out) BASE_MUST;
/* A version by number, for going back. */
enum base_err ag_store_get(struct ag_store *s, const char *root,
    uint64_t epoch, struct ag_bundle **out) BASE_MUST;
/* SHA-256 over the current version's manifest; zeros when there is none. */
void ag_store_digest(struct ag_store *s, const char *root, uint8_t out[32]);

/* The key under a root; made when it is not there. */
enum base_err ag_store_key(struct ag_store *s, const char *root,
    enum wire_alg alg, EVP_PKEY **out) BASE_MUST;

/* The key that is to take its place: NOTFOUND when there is none and make is
 * false. */
enum base_err ag_store_next_key(struct ag_store *s, const char *root,
    bool make, enum wire_alg alg, EVP_PKEY **out) BASE_MUST;
/* It takes its place, and the old one is erased: overwritten where it was,
 * then removed. Again, after a death in the middle: the same. */
enum base_err ag_store_key_swap(struct ag_store *s, const char *root)
    BASE_MUST;

/* ---- state ------------------------------------------------------------------ */

/* The clock mark. Of each root the time is kept at which its order with the
 * highest epoch was issued; the latest of them is the node's mark. Only what
 * the CA has signed raises it, and only the CA takes a time back, by an order
 * about the same root with a higher epoch: it has corrected its clock. */

enum ag_phase { AG_IDLE, AG_PENDING, AG_SETTLED, AG_FAILED };

struct ag_state {
	uint64_t highest;        /* epoch of the last accepted order; 0 none */
	uint8_t digest[32];      /* of that order's DER */
	enum ag_phase phase;
	struct base_buf order;   /* its CMS while PENDING */
	struct base_buf report;  /* CMS of the last final report */
	uint8_t report_digest[32];   /* of the report's DER */
	bool acked;              /* the CA has it */
	uint64_t mark_epoch;     /* highest that was seen, taken or not */
	struct base_time mark;   /* that order was issued then; 0 none */
	bool rekeyed;            /* it says that the next key is in use */
	uint8_t nroute;          /* as the order came */
	char route[WIRE_ROUTE_MAX][BASE_NAME_MAX + 1];
};
void ag_state_clear(struct ag_state *st);
/* An absent file is a fresh state. */
enum base_err ag_state_read(struct ag_store *s, const char *root,
    struct ag_state *out) BASE_MUST;
enum base_err ag_state_write(struct ag_store *s, const char *root,
    const struct ag_state *st) BASE_MUST;
