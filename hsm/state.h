/*
 * hsm/state: what kedge-hsmd knows: its key inventory, what its roots say,
 * which keys a node has, which join tokens are out, what the fleet is and
 * holds (holds.h). It is the fold over the journal; nothing else changes it,
 * but for what holds.h says. Every hsm_put_X only composes a record's fields.
 */
#pragma once

#include "hsm/journal.h"
#include "hsm/keystore.h"
#include "hsm/map.h"

enum hsm_key_state {
	HSM_KEY_INTENT = 1,
	HSM_KEY_MADE,
	HSM_KEY_SWEPT
};

struct hsm_key {
	uint8_t id[HSM_ID];
	char root[BASE_NAME_MAX + 1];
	uint32_t generation;
	bool order_signer;
	enum wire_alg alg;
	char token[BASE_NAME_MAX + 1];
	enum hsm_key_state state;
	struct base_buf spki;
	uint8_t spki_hash[HSM_HASH]; /* of the DER */
	uint8_t ski[20];
	struct hsm_verifier *verifier; /* made when it is first needed */
	/* of its last NewWithNew, once there is one */
	bool has_root;
	struct base_time not_before, not_after;
	uint8_t next_hash[HSM_HASH];
	bool stolen; /* an order has said that it may be in wrong hands */
	bool stolen_kept; /* and that is on record: set by the fold only */
	/* certificates of this key that were signed here last; a kedged whose
	 * store is an old copy takes the same ones again */
	struct base_buf nwn, nwo; /* by itself, by the generation before */
	struct base_buf own; /* of the generation before, by this one */
	/* order signer: SHA-256 of the TBS of each certificate of it */
	uint8_t (*order_tbs)[HSM_HASH];
	size_t norder_tbs;
};

#define HSM_NODE_ROOTS 64

struct hsm_node_key {
	char root[BASE_NAME_MAX + 1];
	struct base_buf spki;
	struct base_buf next; /* good beside it: rekey.c; mostly empty */
};
struct hsm_node {
	char name[BASE_NAME_MAX + 1];
	bool has_token; /* given out, neither used nor voided */
	uint8_t token[HSM_HASH]; /* SHA-256 of its secret */
	struct base_time token_end;
	bool bound;
	uint8_t used[HSM_HASH]; /* the token that bound these keys */
	size_t nkeys;
	struct hsm_node_key *keys;
	/* of the topology that was told, and of the proofs shown: holds.h */
	bool dual, shallow;
	struct hsm_link **as_client, **as_server;
	size_t nas_client, nas_server;
	struct hsm_held *held; /* one per root */
	size_t nheld;
};

/* Of all records together. It is in each START, so that a kedge-hsmd that does
 * not know it says so and stops. One more for each change of a record. */
#define HSM_FORMAT 1

struct hsm_state {
	char fleet[BASE_NAME_MAX + 1]; /* as in the first record */
	struct hsm_key **keys;
	size_t nkeys;
	struct hsm_map nodes; /* SHA-256 of name -> hsm_node */
	struct hsm_map owners; /* SHA-256 of SPKI -> hsm_node */
	struct hsm_map links; /* hsm_link_hash -> hsm_link, owned */
	char **roots; /* names that links and held have */
	size_t nroots;
	uint64_t certs, orders, refused;
	uint64_t mark; /* highest of a request (wire_hsm_is_marked) */
	struct hsm_approval *approvals; /* approve.c */
	size_t napprovals;
};

void hsm_sha256(struct base_span s, uint8_t out[HSM_HASH]);

/* The fold; hsm_journal_fn. */
enum base_err hsm_state_apply(void *state, enum hsm_record kind,
    struct base_time at, struct base_buf *fields);
void hsm_state_clear(struct hsm_state *s);

/* Keys that were made; NULL when there is none. */
struct hsm_key *hsm_state_key(const struct hsm_state *s, const char *root,
    uint32_t generation, bool order_signer);
struct hsm_key *
hsm_state_key_by_spki(const struct hsm_state *s, struct base_span spki);
/* Nodes that are known: bound, or with a token out. */
struct hsm_node *hsm_state_node(const struct hsm_state *s, const char *name);
struct hsm_node *hsm_state_node_make(struct hsm_state *s, const char *name);
/* Its key for a root; NULL. */
const struct hsm_node_key *
hsm_node_key(const struct hsm_node *n, const char *root);
/* Is it that key, or the one that takes its place? */
bool hsm_node_key_is(const struct hsm_node_key *k, struct base_span spki);
/* The node that has this key; NULL. */
struct hsm_node *
hsm_state_owner(const struct hsm_state *s, struct base_span spki);

/* ---- fields of records: each appends to an empty buffer ---------------------- */

void hsm_put_start(struct base_buf *b, const char *fleet);
void hsm_put_intent(struct base_buf *b, const struct hsm_key *k);
void hsm_put_made(struct base_buf *b, const uint8_t id[HSM_ID],
    struct base_span spki);
void hsm_put_swept(struct base_buf *b, const uint8_t id[HSM_ID]);
void hsm_put_token(struct base_buf *b, const char *node,
    const uint8_t hash[HSM_HASH], struct base_time end);
struct hsm_bind {
	const char *node;
	const uint8_t *token; /* HSM_HASH bytes */
	size_t n;
	char (*roots)[BASE_NAME_MAX + 1];
	const struct base_buf *spkis;
};
void hsm_put_bind(struct base_buf *b, const struct hsm_bind *v);
void hsm_put_forget(struct base_buf *b, const char *node);
struct hsm_rekey { /* a new key, as a node has proven it */
	struct base_buf spki;
	bool by_next; /* vouched for by the one that was next before */
};
void hsm_put_rekey(struct base_buf *b, const char *node, const char *root,
    const struct hsm_rekey *v);
/* CERT, ROOT and ORDER_CERT have the same fields. */
void hsm_put_cert(struct base_buf *b, const struct hsm_key *issuer,
    const struct wire_tbs *t, struct base_span tbs);
void hsm_put_signed(struct base_buf *b, const struct hsm_key *k,
    enum wire_cert_kind kind, struct base_span der);
struct hsm_approved {
	uint32_t uid; /* who */
	const char *root;
	uint32_t to;
	struct base_span cuts; /* as a wire_hsm_cuts is composed */
};
/* Of WITHDRAWN, too. */
void hsm_put_approved(struct base_buf *b, const struct hsm_approved *v);
void
hsm_put_stolen(struct base_buf *b, const char *root, uint32_t generation);
void hsm_put_mark(struct base_buf *b, uint64_t mark);
struct hsm_order {
	char node[BASE_NAME_MAX + 1], root[BASE_NAME_MAX + 1];
	uint64_t epoch;
	uint8_t digest[HSM_HASH];
	uint32_t steps, from, to;
	uint8_t key[HSM_HASH]; /* SHA-256 of the SPKI of its node certificate;
				* zeros without one */
};
void hsm_put_order(struct base_buf *b, const struct hsm_order *o);
void hsm_put_refused(struct base_buf *b, uint8_t type, uint32_t uid,
    const char *why);

/* ---- reading them ------------------------------------------------------------- */

enum base_err
hsm_get_bytes(struct base_buf *b, uint8_t *out, size_t n) BASE_MUST;
enum base_err hsm_get_name(struct base_buf *b, char out[BASE_NAME_MAX + 1],
    bool may_be_empty) BASE_MUST;
