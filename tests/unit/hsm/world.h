/*
 * A small CA around hsm/core for tests: keys in memory, a state directory of
 * its own, a clock that stands still until it is set.
 */
#pragma once

#include "hsm/core.h"
#include "wire/msg.h"

#define WORLD_NOW  INT64_C(1790000000000)   /* some day in September 2026 */
#define WORLD_DAY  INT64_C(86400000)

struct world {
	char *dir;
	struct hsm_conf conf;
	struct hsm_core *core;
	EVP_PKEY *node_key[3];       /* of web1, of app1, of the CA */
	struct base_buf node_spki[3];
	const char *root;            /* that rolls: plant, unless set */
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

/* That a request's only item was refused: this error, and a reason with word
 * in it. */
void world_refused(enum base_err e, enum base_err want, const char *word);

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
/* Of web1 under plant 1. */
struct wire_tbs world_node_tbs(void);
/* CERTS of one item: its own fate; *x, unless NULL, gets the certificate. */
enum base_err world_sign(const struct wire_tbs *t, uint32_t generation,
    X509 **x);
enum base_err world_sign_der(struct base_span tbs, const char *root,
    uint32_t generation, X509 **x);
/* NewWithNew of a generation whose key and next key are made first. */
X509 *world_root(const char *root, uint32_t generation);

/* ---- a fleet that rolls: link app1>web1 under plant, mutual ------------------ */

#define WORLD_WEB 0
#define WORLD_APP 1
#define WORLD_CA  2                  /* under management only */

/* DER of the order signer's certificate, made when it is first wanted. */
const struct base_buf *world_signer(void);
/* Generation 2 of the root, both nodes (under management the CA, too) joined
 * under generation 1 by order 1 and reported, the link told. */
void world_fleet(void);
struct world_order {             /* as it was signed last */
	struct base_buf cms;
	uint8_t digest[32];
	struct wire_order o;
};
extern struct world_order world_last;
/* steps for node from 1 to 2 (with JOIN: to 1), asked for; its own fate. */
enum base_err world_order(int node, uint32_t steps, uint64_t epoch);
enum base_err world_order_ask(const struct wire_order *o);
/* The node's report about world_last, with this inventory, as a CMS. */
struct world_report {
	int node, signer;
	enum wire_status status;
	uint64_t epoch, trust;
	uint32_t cert;
	const char *fleet;
	const struct base_buf *rekey; /* NULL: none */
};
void world_report(const struct world_report *r, struct base_buf *cms);
/* Forward for web1, and the order says that the old key is stolen, or does
 * not; back to generation 1, by OldWithNew. */
void world_go_on(bool stolen);
enum base_err world_go_back(uint64_t epoch);
/* SHOW of one proof; its own fate. */
enum base_err world_show(int node, const struct base_buf *report,
    const struct base_buf *order, const struct wire_hsm_holds *doubt);
/* Order, report and SHOW in one, all of which must succeed. */
void world_step(int node, uint32_t steps, uint64_t epoch, uint64_t trust,
    uint32_t cert);
/* TELL of a node without links of its own, or of a dual app1 with its link; its
 * own fate. */
enum base_err world_tell_flags(int node, bool dual, bool shallow);
/* TELL of app1 with or without its link under the root; its own fate. */
enum base_err world_tell(bool linked, bool excused);
