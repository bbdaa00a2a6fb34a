/*
 * ca/store: what kedged remembers, behind one narrow interface. kedged knows
 * no SQL; another engine can stand behind these functions. Everything that
 * belongs together is put between ca_store_begin and ca_store_commit, and a
 * commit is durable when it returns.
 *
 * States are derived from dated facts (struct ca_fact); rows are never
 * changed except where a field says so. Strings are NUL terminated, times
 * are UTC milliseconds with 0 for "not yet".
 */
#pragma once

#include "base/base.h"
#include "policy/policy.h"
#include "wire/msg.h"
#include "wire/x509.h"

#define CA_NAME	       (BASE_NAME_MAX + 1)
#define CA_VIA_MAX     8
#define CA_ADDRESS_MAX 256
#define CA_NAMES_MAX   512
#define CA_REASON_MAX  512
#define CA_FIRST_MAX   1024
#define CA_WINDOWS_MAX 512

struct ca_store;

/* Creates the file (mode 0600) and the schema when it is not there. INTEGRITY
 * when the schema is of another version or the file is damaged. */
enum base_err ca_store_open(const char *path, struct ca_store **out) BASE_MUST;
/* Only to look at a store that no kedged has open, such as a copy: nothing of
 * it is changed. NOTFOUND, INTEGRITY (also of another version); STATE when it
 * is in use. */
enum base_err
ca_store_open_read(const char *path, struct ca_store **out) BASE_MUST;
void ca_store_close(struct ca_store *st);
/* Do not nest. rollback after a failed commit is allowed and harmless. */
enum base_err ca_store_begin(struct ca_store *st) BASE_MUST;
enum base_err ca_store_commit(struct ca_store *st) BASE_MUST;
void ca_store_rollback(struct ca_store *st);
/* The engine's own check of the file plus the audit chain. */
enum base_err ca_store_check(struct ca_store *st) BASE_MUST;

/* ---- small things by name: fleet, order signer's and CA's certificates ------ */

enum base_err ca_store_meta_get(struct ca_store *st, const char *key,
    struct base_buf *out) BASE_MUST; /* NOTFOUND */
enum base_err ca_store_meta_put(struct ca_store *st, const char *key,
    struct base_span value) BASE_MUST;

/* ---- roots ------------------------------------------------------------------ */

struct ca_root {
	char name[CA_NAME];
	enum wire_alg alg;
	uint32_t days; /* validity of each generation */
	uint32_t current; /* generation; changes when a roll is done */
	/* kedged itself starts a roll so many days before the end of the
	 * current generation, by this strategy; 0: never */
	uint32_t roll_before;
	enum pol_strategy strategy;
};
enum base_err
ca_store_root_put(struct ca_store *st, const struct ca_root *r) BASE_MUST;
enum base_err ca_store_root_get(struct ca_store *st, const char *name,
    struct ca_root *out) BASE_MUST; /* NOTFOUND */
enum base_err
ca_store_root_delete(struct ca_store *st, const char *name) BASE_MUST;
/* Sorted by name; *out is one allocation of the caller's (free). */
enum base_err
ca_store_roots(struct ca_store *st, struct ca_root **out, size_t *n) BASE_MUST;

struct ca_gen {
	char root[CA_NAME];
	uint32_t gen;
	/* DER, owned; empty: not made yet */
	struct base_buf spki, nwn, nwo, own;
	/* kedge-hsmd says, and the store had forgotten, that it was left because
	 * its key may be in wrong hands: ca_store_gen_stolen */
	bool stolen;
};
void ca_gen_clear(struct ca_gen *g);
/* Fields once set never change: EXISTS when the row has other bytes. */
enum base_err
ca_store_gen_put(struct ca_store *st, const struct ca_gen *g) BASE_MUST;
enum base_err ca_store_gen_stolen(struct ca_store *st, const char *root,
    uint32_t gen) BASE_MUST;
/* NOTFOUND; out needs no initialisation, is cleared by the caller. */
enum base_err ca_store_gen_get(struct ca_store *st, const char *root,
    uint32_t gen, struct ca_gen *out) BASE_MUST;
enum base_err ca_store_gen_last(struct ca_store *st, const char *root,
    uint32_t *gen) BASE_MUST; /* 0: none */

/* ---- nodes, links -------------------------------------------------------------- */

enum ca_reach {
	CA_DIRECT = 1,
	CA_POLL,
	CA_PUSH
};

struct ca_node {
	char name[CA_NAME];
	enum ca_reach reach;
	bool dual;
	bool shallow; /* takes no intermediate in a client's chain */
	size_t nvia;
	char via[CA_VIA_MAX][CA_NAME];
	char address[CA_ADDRESS_MAX]; /* "" or HOST:PORT */
	char names[CA_NAMES_MAX]; /* further SANs, separated by spaces */
	struct base_time joined; /* 0: has no management certificate */
	struct base_time seen; /* last report or exchange, lazily */
	/* in memory only: its clock less the CA's, by its last stock */
	int64_t off_ms;
	struct base_mono heard; /* as seen; 0: not since the start */
	struct base_mono returned; /* taken back by the operator; 0: was not */
};
enum base_err
ca_store_node_put(struct ca_store *st, const struct ca_node *n) BASE_MUST;
enum base_err ca_store_node_get(struct ca_store *st, const char *name,
    struct ca_node *out) BASE_MUST;
enum base_err
ca_store_node_delete(struct ca_store *st, const char *name) BASE_MUST;
/* Nodes that were deleted and that kedge-hsmd has not forgotten yet: the
 * first by name after this one ("": none), whether this one is among them, and
 * that it is done. after and out may be the same. */
enum base_err ca_store_gone_next(struct ca_store *st, const char *after,
    char out[CA_NAME]) BASE_MUST;
enum base_err ca_store_gone_is_open(struct ca_store *st, const char *node,
    bool *out) BASE_MUST;
enum base_err
ca_store_gone_done(struct ca_store *st, const char *node) BASE_MUST;
/* The store may be an old copy, so one that it says is gone may have been put
 * back since: it is gone still, but not among those that kedge-hsmd is to
 * forget, until the operator confirms it. Those that kedge-hsmd knows are held
 * (the first after this one; "": none; not one that has joined anew), once the
 * others are settled as unknown. */
enum base_err ca_store_gone_hold(struct ca_store *st) BASE_MUST;
enum base_err ca_store_gone_known(struct ca_store *st, const char *node,
    bool *news) BASE_MUST;
enum base_err ca_store_gone_unknown(struct ca_store *st) BASE_MUST;
enum base_err ca_store_gone_confirm(struct ca_store *st, const char *node,
    bool *was) BASE_MUST;
enum base_err ca_store_gone_held(struct ca_store *st, const char *after,
    char out[CA_NAME]) BASE_MUST;
enum base_err
ca_store_nodes(struct ca_store *st, struct ca_node **out, size_t *n) BASE_MUST;

struct ca_link {
	char client[CA_NAME], server[CA_NAME];
	char client_root[CA_NAME]; /* "": server-only authentication */
	char server_root[CA_NAME];
};
enum base_err
ca_store_link_put(struct ca_store *st, const struct ca_link *l) BASE_MUST;
enum base_err ca_store_link_delete(struct ca_store *st, const char *client,
    const char *server) BASE_MUST;
enum base_err
ca_store_links(struct ca_store *st, struct ca_link **out, size_t *n) BASE_MUST;
/* A link that is no more, until kedge-hsmd has heard so: a recovery does not
 * take it up again. said: the operator took it away while a root of it rolled;
 * kedge-hsmd is told that until the roll is over, for it would go on judging by
 * the link. Put again, the link itself takes its place. */
enum base_err ca_store_gone_put(struct ca_store *st, const struct ca_link *l,
    bool said) BASE_MUST;
enum base_err ca_store_gone_has(struct ca_store *st, const struct ca_link *l,
    bool *out) BASE_MUST;
enum base_err ca_store_gone_said(struct ca_store *st, const struct ca_link *l,
    bool *out) BASE_MUST;
/* As ca_store_links, those that were said. */
enum base_err
ca_store_gone(struct ca_store *st, struct ca_link **out, size_t *n) BASE_MUST;
/* kedge-hsmd has the links as they are: all but those said of which a root
 * rolls still. */
enum base_err ca_store_gone_clear(struct ca_store *st) BASE_MUST;

/* Public key of a node under a root, bound by a join. */
enum base_err ca_store_key_put(struct ca_store *st, const char *node,
    const char *root, struct base_span spki) BASE_MUST;
enum base_err ca_store_key_get(struct ca_store *st, const char *node,
    const char *root, struct base_buf *out) BASE_MUST;

/* ---- rolls, facts ------------------------------------------------------------------ */

enum ca_roll_state {
	CA_ROLL_RUNNING = 1,
	CA_ROLL_PAUSED,
	CA_ROLL_DONE
};

struct ca_roll_row {
	uint64_t id; /* from 1; 0 to let the store choose */
	char root[CA_NAME];
	uint32_t from, to;
	enum pol_strategy strategy;
	uint32_t limit, max_in_flight;
	char first[CA_FIRST_MAX]; /* nodes, a space between; "": nobody */
	char windows[CA_WINDOWS_MAX]; /* a semicolon between; "": always */
	bool step; /* each order needs the operator's word; changes */
	bool presume; /* go on when a trust was received */
	bool compromised; /* the old root's key may be in wrong hands: no pace
			   * binds it, sessions are ended; changes */
	/* of such a one, and change: from then on (0: never) those of cut (a
	 * space between; "": nobody) that are in the way are excused */
	struct base_time deadline;
	char cut[CA_FIRST_MAX];
	bool say_again; /* a recovery has voided them, and kicks may be old */
	uint32_t kicks; /* so many orders with a finish, which end sessions, at
			 * once; 0: a tenth of the nodes that have one */
	enum ca_roll_state state; /* changes */
	struct base_time started, ended;
};
enum base_err
ca_store_roll_add(struct ca_store *st, struct ca_roll_row *r) BASE_MUST;
enum base_err ca_store_roll_state(struct ca_store *st, uint64_t id,
    enum ca_roll_state state, struct base_time ended) BASE_MUST;
enum base_err
ca_store_roll_stepping(struct ca_store *st, uint64_t id, bool step) BASE_MUST;
/* From here on it is one whose old key may be in wrong hands. */
enum base_err
ca_store_roll_compromised(struct ca_store *st, uint64_t id) BASE_MUST;
enum base_err ca_store_roll_deadline(struct ca_store *st,
    const struct ca_roll_row *r) BASE_MUST;
/* The newest generation that was left, by a roll to one above this, because its
 * key may be in wrong hands, or of which kedge-hsmd has said that; 0: none. */
enum base_err ca_store_root_compromised(struct ca_store *st, const char *root,
    uint32_t above, uint32_t *out) BASE_MUST;
/* Did a roll leave this generation, or one after it, because its key may have
 * been in wrong hands? Whatever became of that roll; or did kedge-hsmd say so? */
enum base_err ca_store_root_stolen(struct ca_store *st, const char *root,
    uint32_t generation, bool *out) BASE_MUST;
/* The roll goes the other way from here on; no deadline of before holds. */
enum base_err ca_store_roll_turn(struct ca_store *st, uint64_t id,
    uint32_t from, uint32_t to) BASE_MUST;
enum base_err ca_store_rolls(struct ca_store *st, struct ca_roll_row **out,
    size_t *n) BASE_MUST;

struct ca_roll_sum {
	/* of steps, not of what tidies up afterwards; 0: none yet */
	struct base_time first_order, last_report;
};
enum base_err ca_store_roll_sum(struct ca_store *st, uint64_t roll,
    struct ca_roll_sum *out) BASE_MUST;
typedef void ca_name_fn(void *arg, const char *name);
/* Nodes some step of which was proven by reload only. */
enum base_err ca_store_roll_reloads(struct ca_store *st, uint64_t roll,
    ca_name_fn *fn, void *arg) BASE_MUST;

/* Nodes whose finish in this roll is effective without every application told
 * to end its sessions, where the roll or the order asked for that; not those
 * that have ended them by a later finish. */
enum base_err ca_store_roll_unkicked(struct ca_store *st, uint64_t roll,
    ca_name_fn *fn, void *arg) BASE_MUST;

struct ca_fact {
	uint64_t id; /* grows; given by the store */
	char root[CA_NAME], node[CA_NAME];
	uint64_t roll; /* 0: outside of any */
	enum pol_fact_kind kind;
	uint64_t epoch;
	uint32_t steps, from, to;
	struct pol_conf conf;
	struct base_time at;
};
enum base_err
ca_store_fact_add(struct ca_store *st, const struct ca_fact *f) BASE_MUST;
typedef enum base_err ca_fact_fn(void *arg, const struct ca_fact *f);
/* In the order in which they were added; stops at the first error. Those of a
 * node that left are not among them, also when its name is given again. */
enum base_err ca_store_facts_of_roll(struct ca_store *st, uint64_t roll,
    ca_fact_fn *fn, void *arg) BASE_MUST;
enum base_err ca_store_facts_of_node(struct ca_store *st, const char *node,
    const char *root, ca_fact_fn *fn, void *arg) BASE_MUST;
/* EXCUSED and RETURNED only, of all nodes and roots. */
enum base_err ca_store_facts_of_excuses(struct ca_store *st, ca_fact_fn *fn,
    void *arg) BASE_MUST;

/* ---- orders, reports ------------------------------------------------------------------ */

enum ca_order_state {
	CA_ORDER_SENT = 1,
	CA_ORDER_RECEIVED,
	CA_ORDER_EFFECTIVE,
	CA_ORDER_FAILED,
	CA_ORDER_REFUSED,
	CA_ORDER_REPLACED
};
const char *ca_order_state_name(enum ca_order_state s);

struct ca_order {
	char node[CA_NAME], root[CA_NAME];
	uint64_t roll, epoch;
	uint32_t steps, from, to;
	bool bridge;
	uint8_t digest[32];
	struct base_buf cms; /* owned */
	struct base_time issued, expires;
	uint32_t compromised; /* it named this generation as stolen, and asked
			       * for sessions to be ended; 0: no */
	/* dates of the node certificate in it; 0: has none */
	struct base_time leaf_from, leaf_to;
	bool unsent; /* signed, and nobody was given it */
	/* these change */
	enum ca_order_state state;
	struct base_time received, settled;
	enum wire_proof proof;
	bool kicked; /* sessions of before were ended with it */
	char reason[CA_REASON_MAX];
};
void ca_order_clear(struct ca_order *o);
enum base_err
ca_store_order_add(struct ca_store *st, const struct ca_order *o) BASE_MUST;
enum base_err ca_store_order_get(struct ca_store *st, const char *node,
    const char *root, uint64_t epoch, struct ca_order *out) BASE_MUST;
/* The last one of a node that is there which named this generation, or one
 * after it, as one whose key may be in wrong hands. NOTFOUND. */
enum base_err ca_store_order_compromised(struct ca_store *st, const char *root,
    uint32_t generation, struct ca_order *out) BASE_MUST;
/* state, received, settled, proof, kicked, reason */
enum base_err
ca_store_order_update(struct ca_store *st, const struct ca_order *o) BASE_MUST;
/* The same order with other signatures. */
enum base_err ca_store_order_signed(struct ca_store *st,
    const struct ca_order *o, struct base_span cms) BASE_MUST;
/* Open orders below this epoch are replaced: a report settles them too. */
enum base_err ca_store_orders_replace(struct ca_store *st, const char *node,
    const char *root, uint64_t below) BASE_MUST;
/* 0 when there is none. */
enum base_err ca_store_epoch_last(struct ca_store *st, const char *node,
    const char *root, uint64_t *epoch) BASE_MUST;
typedef enum base_err ca_order_fn(void *arg, const struct ca_order *o);
/* sent or received, by node and root; brief leaves cms empty */
enum base_err ca_store_orders_open(struct ca_store *st, bool brief,
    ca_order_fn *fn, void *arg) BASE_MUST;
enum base_err ca_store_orders_of_node(struct ca_store *st, const char *node,
    ca_order_fn *fn, void *arg) BASE_MUST;
/* Those of one root above an epoch, by epoch; cms is empty. */
enum base_err ca_store_orders_after(struct ca_store *st, const char *node,
    const char *root, uint64_t epoch, ca_order_fn *fn, void *arg) BASE_MUST;
/* Those of a roll that are unsent and of which no fact says that they were
 * sent, by node, root and epoch; cms is empty. */
enum base_err ca_store_orders_unsent(struct ca_store *st, uint64_t roll,
    ca_order_fn *fn, void *arg) BASE_MUST;

struct ca_report {
	char node[CA_NAME], root[CA_NAME];
	uint64_t epoch;
	enum wire_status status;
	uint8_t digest[32];
	struct base_span cms; /* borrowed */
	struct base_time at, stored;
};
/* EXISTS: this very report is there already. */
enum base_err
ca_store_report_add(struct ca_store *st, const struct ca_report *r) BASE_MUST;
/* The one that said received of this order; appended. NOTFOUND. */
enum base_err ca_store_report_received(struct ca_store *st, const char *node,
    const char *root, uint64_t epoch, struct base_buf *cms) BASE_MUST;
/* The newest one that said effective; appended. NOTFOUND. */
enum base_err ca_store_report_effective(struct ca_store *st, const char *node,
    const char *root, uint64_t *epoch, struct base_buf *cms) BASE_MUST;
/* How many were added since the store was opened, those too that were rolled
 * back. */
uint64_t ca_store_reports_added(const struct ca_store *st);

/* What a node said last of what it holds: DER of a struct wire_stock. */
enum base_err ca_store_stock_put(struct ca_store *st, const char *node,
    uint64_t number, struct base_span der) BASE_MUST;
enum base_err ca_store_stock_get(struct ca_store *st, const char *node,
    uint64_t *number, struct base_buf *der) BASE_MUST; /* NOTFOUND */

/* ---- certificates, join ------------------------------------------------------------------ */

struct ca_cert {
	char node[CA_NAME], root[CA_NAME];
	uint32_t gen;
	enum wire_cert_kind kind;
	uint8_t serial[16];
	struct base_time not_before, not_after;
	struct base_span der; /* borrowed; valid within a callback */
};
enum base_err
ca_store_cert_add(struct ca_store *st, const struct ca_cert *c) BASE_MUST;
typedef enum base_err ca_cert_fn(void *arg, const struct ca_cert *c);
enum base_err ca_store_certs_of_node(struct ca_store *st, const char *node,
    ca_cert_fn *fn, void *arg) BASE_MUST;

/* The certificate that a node is known to present under a root: of its last
 * effective order that carried one, or, under management, of its join. */
struct ca_leaf {
	char node[CA_NAME], root[CA_NAME];
	uint32_t gen;
	uint64_t epoch; /* of that order; 0: of the join */
	struct base_time not_before, not_after;
	struct base_time due; /* it is to be renewed from then on */
};
/* In place of the last one of this node and root. */
enum base_err
ca_store_leaf_put(struct ca_store *st, const struct ca_leaf *l) BASE_MUST;
enum base_err ca_store_leaf_get(struct ca_store *st, const char *node,
    const char *root, struct ca_leaf *out) BASE_MUST; /* NOTFOUND */
typedef enum base_err ca_leaf_fn(void *arg, const struct ca_leaf *l);
/* Those due by then, and those that shall have another key, the first due
 * first. */
enum base_err ca_store_leaves_due(struct ca_store *st, struct base_time by,
    ca_leaf_fn *fn, void *arg) BASE_MUST;
/* When the next one is due after then; 0: none. */
enum base_err ca_store_leaf_next(struct ca_store *st, struct base_time after,
    struct base_time *out) BASE_MUST;

/* A node is to have another key under a root; spki is empty until the node
 * has proven one. */
enum base_err ca_store_rekey_put(struct ca_store *st, const char *node,
    const char *root, struct base_span spki) BASE_MUST;
/* *asked: it is to; what is proven is appended to *spki. */
enum base_err ca_store_rekey_get(struct ca_store *st, const char *node,
    const char *root, bool *asked, struct base_buf *spki) BASE_MUST;
enum base_err ca_store_rekey_drop(struct ca_store *st, const char *node,
    const char *root) BASE_MUST;
/* The new key is in use, and kedge-hsmd has yet to be shown so. */
enum base_err ca_store_unshown_put(struct ca_store *st, const char *node,
    const char *root) BASE_MUST;
/* The first behind these names, which it takes the place of; "": none. */
enum base_err ca_store_unshown_next(struct ca_store *st, char node[CA_NAME],
    char root[CA_NAME]) BASE_MUST;
enum base_err ca_store_unshown_done(struct ca_store *st, const char *node,
    const char *root) BASE_MUST;
/* Why it was not taken; "": it was not tried yet, or there is no such. */
enum base_err ca_store_unshown_why(struct ca_store *st, const char *node,
    const char *root, char out[CA_REASON_MAX]) BASE_MUST;
enum base_err ca_store_unshown_refused(struct ca_store *st, const char *node,
    const char *root, const char *why) BASE_MUST;
/* Whose key it is; "": nobody's. */
enum base_err ca_store_key_owner(struct ca_store *st, struct base_span spki,
    char out[CA_NAME]) BASE_MUST;

/* One-time tokens: SHA-256 of the secret only. */
struct ca_token {
	char node[CA_NAME];
	struct base_time end;
	uint8_t root[32]; /* SHA-256 of the management root that it names */
	bool burned;
};
/* A new one is not burned. */
enum base_err ca_store_token_add(struct ca_store *st, const uint8_t hash[32],
    const struct ca_token *t) BASE_MUST;
enum base_err ca_store_token_get(struct ca_store *st, const uint8_t hash[32],
    struct ca_token *out) BASE_MUST;
/* Those that are neither burned nor over. fn must not write. */
typedef enum base_err ca_token_each_fn(void *arg, const uint8_t hash[32],
    const struct ca_token *t);
enum base_err ca_store_tokens_open(struct ca_store *st, struct base_time now,
    ca_token_each_fn *fn, void *arg) BASE_MUST;
/* Another one takes the place of those of this node. */
enum base_err ca_store_tokens_void(struct ca_store *st, const char *node)
    BASE_MUST;
enum base_err ca_store_token_burn(struct ca_store *st,
    const uint8_t hash[32]) BASE_MUST; /* STATE when burned already */
enum base_err ca_store_join_put(struct ca_store *st, const char *node,
    const uint8_t request[32], struct base_span answer) BASE_MUST;
enum base_err ca_store_join_get(struct ca_store *st, const uint8_t request[32],
    struct base_buf *answer) BASE_MUST;

/* ---- sums, for metrics (ca/store_sqlite_sums.c) ---- */

struct ca_order_sum {
	char root[CA_NAME];
	enum ca_order_state state;
	uint64_t n;
	struct base_time oldest; /* issued; 0 of those that are settled:
				  * nobody asks, and it is not kept */
};
typedef void ca_order_sum_fn(void *arg, const struct ca_order_sum *s);
/* Orders by root and state. */
enum base_err ca_store_order_sums(struct ca_store *st, ca_order_sum_fn *fn,
    void *arg) BASE_MUST;
struct ca_cert_sum {
	char root[CA_NAME];
	uint32_t gen;
	struct base_time first_end;
};
typedef void ca_cert_sum_fn(void *arg, const struct ca_cert_sum *s);
/* Of what the nodes present: which ends first, by root and generation. */
enum base_err ca_store_cert_sums(struct ca_store *st, ca_cert_sum_fn *fn,
    void *arg) BASE_MUST;
/* Number of audit records, without looking at the chain. */
enum base_err ca_store_audit_count(struct ca_store *st, uint64_t *n) BASE_MUST;

/* ---- audit ---- */

struct ca_audit {
	uint64_t seq; /* from 1, without holes */
	struct base_time at;
	char who[CA_NAME];
	char what[CA_NAME];
	const char *detail; /* borrowed */
	uint8_t hash[32]; /* over the previous hash and all above */
};
/* Within the transaction of what it records. */
enum base_err ca_store_audit_add(struct ca_store *st, struct base_time at,
    const char *who, const char *what, const char *detail) BASE_MUST;
typedef enum base_err ca_audit_fn(void *arg, const struct ca_audit *a);
enum base_err ca_store_audit_list(struct ca_store *st, uint64_t from,
    uint64_t limit, ca_audit_fn *fn, void *arg) BASE_MUST;
/* INTEGRITY names the first bad record. head of an empty chain is zero. */
enum base_err ca_store_audit_verify(struct ca_store *st, uint64_t *count,
    uint8_t head[32]) BASE_MUST;
