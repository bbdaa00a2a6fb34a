/*
 * hsm/holds: what kedge-hsmd knows of the fleet beside keys: the links that
 * kedged told it, and what each node holds under each root, by the node's own
 * signed reports about orders that were signed here. Part of the state
 * (state.h): changed by records only, read by judge.c.
 */
#pragma once

#include "hsm/state.h"
#include "policy/policy.h"

struct hsm_link {
	struct hsm_node *client, *server;
	const char *client_root; /* "": server-only; names are the state's */
	const char *server_root;
	uint64_t told; /* by which request last */
};

#define HSM_EVENTS 8
#define HSM_DOUBTS 4

/* An order that was signed and not yet answered: it may have done its work
 * or not. */
struct hsm_event {
	uint64_t epoch;
	uint8_t digest[HSM_HASH];
	uint32_t steps, from, to;
	uint8_t key[HSM_HASH]; /* as in hsm_order */
	bool received; /* the node has said that it has it */
};
/* One node under one root. What it may hold: conf or a doubt, each changed by
 * any of the events in their order. */
struct hsm_held {
	const char *root;
	bool excused; /* its directions are not judged */
	bool known; /* it has reported once */
	struct pol_conf conf; /* as of the report */
	uint64_t epoch; /* all orders up to it are settled */
	uint8_t report[HSM_HASH]; /* SHA-256 of the report's CMS */
	size_t ndoubts, nevents;
	struct pol_conf doubt[HSM_DOUBTS];
	struct hsm_event *event; /* at most HSM_EVENTS */
};

/* NULL when nothing was signed for it under this root. */
struct hsm_held *hsm_held_get(const struct hsm_node *n, const char *root);
/* NULL: no such order waits for an answer. */
const struct hsm_event *
hsm_held_event(const struct hsm_held *h, uint64_t epoch,
    const uint8_t digest[HSM_HASH]);
/* May this order be signed after those before? STATE: too many of them wait
 * for an answer; EXISTS: a later one was signed. */
enum base_err hsm_holds_room(const struct hsm_node *n,
    const struct hsm_order *o) BASE_MUST;
/* What c becomes by an order that does its work; whether it bridges is left
 * out. */
struct pol_conf
hsm_event_after(struct pol_conf c, const struct hsm_event *v);
/* Is it excused under this root, as kedged tells? */
bool hsm_is_excused(const struct hsm_node *n, const char *root);

struct hsm_link_names {
	const char *client, *server, *client_root, *server_root;
};
struct hsm_link *
hsm_link_get(const struct hsm_state *s, const struct hsm_link_names *l);
/* Over all links, dual and shallow nodes; the same topology, the same digest. */
void
hsm_topology_digest(const struct hsm_state *s, uint8_t digest[HSM_HASH]);

/* ---- the fold; the first two also ahead of their record's sync, so that the
 * items of one request see each other: doing it again changes nothing --------- */

void hsm_holds_sent(struct hsm_state *s, const struct hsm_order *o);
struct hsm_proven {
	char node[BASE_NAME_MAX + 1], root[BASE_NAME_MAX + 1];
	uint64_t epoch;
	uint8_t order[HSM_HASH], report[HSM_HASH]; /* digests */
	struct pol_conf conf;
};
void hsm_holds_proven(struct hsm_state *s, const struct hsm_proven *v);
struct hsm_received {
	char node[BASE_NAME_MAX + 1], root[BASE_NAME_MAX + 1];
	uint64_t epoch;
	uint8_t digest[HSM_HASH]; /* of the order */
};
void hsm_holds_received(struct hsm_state *s, const struct hsm_received *v);
enum base_err hsm_apply_received(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_presumed(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_order(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_node(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_excuse(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_link(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_holds(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_doubt(struct hsm_state *s, struct base_buf *b);
/* ---- rekey.c ---- */

struct hsm_core;
struct wire_report;
/* May the node have the key that its report brings, in answer to order? The
 * caller frees out->spki. */
enum base_err hsm_rekey_check(struct hsm_core *c, const struct wire_report *w,
    const struct hsm_event *order, struct hsm_rekey *out) BASE_MUST;
void hsm_rekey_record(struct hsm_core *c, const struct wire_report *w,
    const struct hsm_rekey *v);
enum base_err hsm_apply_rekey(struct hsm_state *s, struct base_buf *b);
/* For hsm_order: of the node certificate in o. */
struct wire_order;
void hsm_order_key(const struct wire_order *o, uint8_t key[HSM_HASH]);
/* v is effective: when its certificate is for the new key, the old one is no
 * longer the node's. */
void hsm_rekey_proven(struct hsm_state *s, struct hsm_node *n,
    const struct hsm_event *v, const char *root);

/* ---- approve.c ---- */

enum base_err hsm_apply_approved(struct hsm_state *s, struct base_buf *b);
enum base_err hsm_apply_withdrawn(struct hsm_state *s, struct base_buf *b);
void hsm_approvals_free(struct hsm_state *s);

/* ---- stolen.c ---- */

enum base_err hsm_apply_stolen(struct hsm_state *s, struct base_buf *b);
/* It, or a later one, was left as compromised. */
bool hsm_is_stolen(const struct hsm_state *s, const char *root,
    uint32_t generation);

/* All of a node that leaves: its links go with it. */
void hsm_holds_forget(struct hsm_state *s, struct hsm_node *n);
void hsm_holds_free(struct hsm_node *n);

/* ---- fields of records ----------------------------------------------------------- */

void
hsm_put_node(struct base_buf *b, const char *node, bool dual, bool shallow);
void hsm_put_excuse(struct base_buf *b, const char *node, const char *root,
    bool excused);
enum hsm_link_word {
	HSM_LINK_TOLD,
	HSM_LINK_GONE,
	HSM_LINK_EXCUSED, /* gone while its root rolled */
};
void hsm_put_link(struct base_buf *b, const struct hsm_link_names *l,
    enum hsm_link_word word);
void hsm_put_holds(struct base_buf *b, const struct hsm_proven *v);
/* Also for HSM_R_PRESUMED, which names the order that rests on it. */
void hsm_put_received(struct base_buf *b, const struct hsm_received *v);
void hsm_put_doubt(struct base_buf *b, const char *node, const char *root,
    struct pol_conf conf);
