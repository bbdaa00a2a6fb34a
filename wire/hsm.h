/*
 * wire/hsm: what kedged asks kedge-hsmd, over a unix stream socket with
 * SO_PEERCRED. Frame: u32 length (at most WIRE_HSM_FRAME), then the message
 * in base_buf encoding: u8 version (1), u8 type, u32 id, fields. Answers
 * repeat type and id, then u8 enum base_err and, unless OK, the sentence.
 * kedge-hsmd parses and re-checks all it is asked to sign: there is no
 * request that signs bytes.
 */
#pragma once

#include "base/base.h"
#include "wire/x509.h"

#define WIRE_HSM_FRAME ((size_t)8 << 20)
#define WIRE_HSM_BATCH 512

enum wire_hsm_type {
	WIRE_HSM_INFO = 1,   /* -> tokens, keys, versions */
	WIRE_HSM_KEYGEN,     /* key pair of (root, generation) or order signer;
			      * again: the same public key comes back */
	WIRE_HSM_CERTS,      /* batch of TBS -> certificates */
	WIRE_HSM_ORDERS,     /* batch of order DER -> CMS */
	WIRE_HSM_TOKEN,      /* one-time join token for a node -> secret */
	WIRE_HSM_BIND,       /* node's public keys, vouched for by a token */
	WIRE_HSM_FORGET,     /* node leaves: its keys are no longer signed */
	WIRE_HSM_AUDIT,      /* head of hsmd's own hash chain */
	WIRE_HSM_TELL,       /* batch of nodes: links and flags as kedged has
			      * them (wire_hsm_node) */
	WIRE_HSM_SHOW,       /* batch of proofs of what nodes hold, signed by
			      * themselves (wire_hsm_proof) */
	WIRE_HSM_RECALL,     /* certificates of a root that were signed here
			      * (wire_hsm_recalled) */
	WIRE_HSM_KNOWN,      /* nodes that are known here, a part at a time
			      * (wire_hsm_known) */
	WIRE_HSM_APPROVE,    /* an approver lets directions be cut, or does not
			      * any more; without an item: what was approved
			      * (wire_hsm_cuts) */
};

struct wire_hsm_key {
	char root[BASE_NAME_MAX + 1];  /* "management", "plant", …; order signer:
					* "order" under root management */
	uint32_t generation;
	bool order_signer;
	enum wire_alg alg;
	struct base_buf spki;          /* answers */
};

/* Requests and answers as structs; compose/parse pairs below. Arrays are
 * owned; _clear frees. */
struct wire_hsm_request {
	enum wire_hsm_type type;
	uint32_t id;
	char fleet[BASE_NAME_MAX + 1];
	struct wire_hsm_key key;       /* KEYGEN; issuer for CERTS; RECALL:
					* its root; APPROVE: the root, and to
					* which generation it rolls */
	size_t nitems;                 /* CERTS: TBS DER; ORDERS: order DER;
					* BIND: SPKI DER per root; TELL: nodes;
					* SHOW: proofs */
	struct base_buf *items;
	struct base_buf cert;          /* ORDERS: the order signer's certificate,
					* DER, or its two, one after the other:
					* kedge-hsmd checks each against its key
					* and signs by each */
	char node[BASE_NAME_MAX + 1];  /* TOKEN, BIND, FORGET */
	char (*roots)[BASE_NAME_MAX + 1];  /* BIND: root of each item */
	uint8_t secret[16];            /* BIND */
	struct base_time end;          /* TOKEN: not after, at most 24 h */
	uint64_t mark;                 /* wire_hsm_is_marked: grows with each
					* of these; a lower one than before is
					* refused: kedged's store is an old
					* copy */
	char after[BASE_NAME_MAX + 1]; /* KNOWN: nodes after this name */
	bool only_ask;                 /* FORGET: could it be forgotten now?
					* Nothing is done */
	bool withdraw;                 /* APPROVE: the approver's yes to the
					* list, and to each that shares a
					* direction with it, does not count
					* any more */
};
/* After such a request kedge-hsmd knows what an older copy of kedged's store
 * does not: it carries a mark. CERTS and SHOW are none of them: an order
 * follows, or its report is asked for again. */
bool wire_hsm_is_marked(enum wire_hsm_type type);
void wire_hsm_request_clear(struct wire_hsm_request *r);
enum base_err wire_hsm_request_compose(const struct wire_hsm_request *r,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_request_parse(struct base_span msg,
    struct wire_hsm_request *out) BASE_MUST;

/* Only the fields that belong to the type travel (docs/protocol.md). */

struct wire_hsm_item {
	enum base_err err;             /* each item has its own fate */
	struct base_buf data;          /* certificate or CMS; sentence on error */
};
struct wire_hsm_answer {
	enum wire_hsm_type type;
	uint32_t id;
	enum base_err err;
	char why[1024];
	struct wire_hsm_key key;       /* KEYGEN */
	size_t nitems;
	struct wire_hsm_item *items;   /* CERTS, ORDERS, TELL, SHOW, RECALL,
					* KNOWN; INFO: text lines */
	uint8_t secret[16];            /* TOKEN */
	uint8_t head[32];              /* AUDIT */
	uint64_t count;                /* AUDIT: records */
	uint64_t mark;                 /* AUDIT: highest on record */
};
void wire_hsm_answer_clear(struct wire_hsm_answer *a);
enum base_err wire_hsm_answer_compose(const struct wire_hsm_answer *a,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_answer_parse(struct base_span msg,
    struct wire_hsm_answer *out) BASE_MUST;

/* ---- items of TELL and SHOW: wire/hsm_told.c ---------------------------------- */

/* Each link is told by its client. */
struct wire_hsm_link {
	char server[BASE_NAME_MAX + 1];
	char client_root[BASE_NAME_MAX + 1];  /* empty: server-only */
	char server_root[BASE_NAME_MAX + 1];
};
struct wire_hsm_node {
	char name[BASE_NAME_MAX + 1];
	bool dual;
	bool shallow;                  /* takes no intermediate in a chain */
	size_t nexcused;               /* roots under which it is excused */
	char (*excused)[BASE_NAME_MAX + 1]; /* owned */
	size_t nlinks;                 /* all in which it is the client */
	struct wire_hsm_link *links;   /* owned */
	size_t ngone;                  /* such that the operator took away while
					* their root rolled */
	struct wire_hsm_link *gone;    /* owned */
};
void wire_hsm_node_clear(struct wire_hsm_node *n);
enum base_err wire_hsm_node_compose(const struct wire_hsm_node *n,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_node_parse(struct base_span item,
    struct wire_hsm_node *out) BASE_MUST;

#define WIRE_HSM_DOUBTS 4

struct wire_hsm_holds {          /* masks of generations, as in policy.h */
	uint64_t trust, present, bridge;
};
struct wire_hsm_proof {
	char node[BASE_NAME_MAX + 1], root[BASE_NAME_MAX + 1];
	struct base_buf order;   /* its CMS, for a kedge-hsmd that came back
				  * from a backup; mostly empty */
	struct base_buf report;  /* CMS of the newest effective report; empty:
				  * none, only doubts */
	size_t ndoubts;          /* what it may hold as well since then */
	struct wire_hsm_holds doubt[WIRE_HSM_DOUBTS];
};
void wire_hsm_proof_clear(struct wire_hsm_proof *p);
enum base_err wire_hsm_proof_compose(const struct wire_hsm_proof *p,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_proof_parse(struct base_span item,
    struct wire_hsm_proof *out) BASE_MUST;

/* ---- items of RECALL and KNOWN: wire/hsm_told.c ------------------------------ */

struct wire_hsm_recalled {
	enum wire_cert_kind kind;  /* NewWithNew, NewWithOld, OldWithNew */
	uint32_t generation;     /* the new one of the two */
	bool stolen;             /* NewWithNew: that generation was left because
				  * its key may be in wrong hands */
	struct base_buf der;     /* owned */
};
void wire_hsm_recalled_clear(struct wire_hsm_recalled *r);
enum base_err wire_hsm_recalled_compose(const struct wire_hsm_recalled *r,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_recalled_parse(struct base_span item,
    struct wire_hsm_recalled *out) BASE_MUST;

struct wire_hsm_part {           /* of a node under one root */
	char root[BASE_NAME_MAX + 1];
	uint64_t epoch;          /* highest that was signed; 0: none */
	uint64_t trust;          /* generations that it may trust, by what it
				  * has reported and what was signed since */
	uint64_t present;        /* that of the last of them */
	struct base_buf spki;    /* its key; empty: none */
	struct base_buf next;    /* that takes its place; mostly empty */
};
struct wire_hsm_known {
	struct wire_hsm_node node; /* as it was told */
	size_t nparts;
	struct wire_hsm_part *parts; /* owned */
};
void wire_hsm_known_clear(struct wire_hsm_known *k);
enum base_err wire_hsm_known_compose(const struct wire_hsm_known *k,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_known_parse(struct base_span item,
    struct wire_hsm_known *out) BASE_MUST;

/* ---- items of APPROVE: wire/hsm_told.c ---------------------------------------- */

#define WIRE_HSM_CUTS 4096

struct wire_hsm_cut {            /* who shows a certificate, who checks it */
	char presenter[BASE_NAME_MAX + 1], verifier[BASE_NAME_MAX + 1];
};
struct wire_hsm_cuts {
	struct base_time start;  /* none of them is cut before; 0: now */
	uint32_t have, need;     /* answers: so many approvers have said so, and
				  * so many must; need 0: nobody is asked */
	size_t n;
	struct wire_hsm_cut *cut; /* ascending, each once; owned */
};
/* Brings what was put into cut into its sequence, each once. */
void wire_hsm_cuts_sort(struct wire_hsm_cuts *c);
/* A direction is on both; two of nothing, which say yes to the way back, say so
 * of the same. */
bool wire_hsm_cuts_meet(const struct wire_hsm_cuts *a,
    const struct wire_hsm_cuts *b);
void wire_hsm_cuts_clear(struct wire_hsm_cuts *c);
enum base_err wire_hsm_cuts_compose(const struct wire_hsm_cuts *c,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_cuts_parse(struct base_span item,
    struct wire_hsm_cuts *out) BASE_MUST;

/* ---- frames: both sides ------------------------------------------------------ */

/* Appends u32 length and the message. RANGE over WIRE_HSM_FRAME. */
enum base_err wire_hsm_frame_put(struct base_buf *out, struct base_span msg)
    BASE_MUST;
/* First message in bytes that came so far; *used is how many bytes it takes
 * with its length. AGAIN when more must come, RANGE when its length is over
 * WIRE_HSM_FRAME or zero: then close the connection. */
enum base_err wire_hsm_frame_get(struct base_span in, struct base_span *msg,
    size_t *used) BASE_MUST;

/* ---- client: kedged, tests, the CLI's start ---------------------------------- */

struct event_base;
struct wire_hsm_conn;            /* one connection, opened on demand */

struct wire_hsm_conf {
	const char *path;        /* unix socket; copied */
	uint32_t answer_ms;      /* deadline of each request; 0: 30 000 */
	uint32_t grace_ms;       /* so long requests wait for a kedge-hsmd
				  * that is not there; 0: 10 000 */
	uint32_t max_waiting;    /* requests on their way; 0: 64 */
};

/* e is BASE_OK when an answer came: a->err then says what kedge-hsmd thinks.
 * Otherwise (TIMEOUT, AGAIN when kedge-hsmd is not there) a is NULL
 * and base_why() has the sentence. a lives until the callback returns; what
 * is moved out of it by nulling belongs to the callee. */
struct wire_hsm_ask {
	struct wire_hsm_request *request;   /* borrowed until _ask returns;
					     * its id is set */
	void (*done)(void *arg, enum base_err e, struct wire_hsm_answer *a);
	void *arg;
};

/* Never blocks, and does not fail because kedge-hsmd is not there yet. */
enum base_err wire_hsm_conn_open(struct event_base *eb,
    const struct wire_hsm_conf *c, struct wire_hsm_conn **out) BASE_MUST;
/* done is called exactly once, from the event loop, never from inside _ask.
 * A request whose connection breaks is sent again on the next one, within
 * its deadline and the grace, in the order in which they were asked: every
 * request is idempotent. AGAIN when max_waiting are on
 * their way. id, when not NULL, is for _cancel. */
enum base_err wire_hsm_conn_ask(struct wire_hsm_conn *c,
    const struct wire_hsm_ask *ask, uint32_t *id) BASE_MUST;
void wire_hsm_conn_cancel(struct wire_hsm_conn *c, uint32_t id);
/* NULL is allowed; done of waiting requests is not called. */
void wire_hsm_conn_close(struct wire_hsm_conn *c);

/* One request over its own connection, blocking, for the CLI and tests. */
enum base_err wire_hsm_call(const struct wire_hsm_conf *c,
    struct wire_hsm_request *r, struct wire_hsm_answer *out) BASE_MUST;
