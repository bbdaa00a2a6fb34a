/*
 * ca/recovery: what kedged's other parts know of a store that is an old copy,
 * put back from a backup, and of the epochs that show it. ca/recover.c says
 * what is done about it.
 */
#pragma once

#include "base/base.h"
#include "ca/store.h"
#include "wire/hsm.h"

struct ca;
typedef void ca_done_fn(void *arg, enum base_err e);

/* The store is an old copy (ca/recover.c). */
enum ca_recovery_stage {
	CA_RECOVERY_NONE,
	CA_RECOVERY_RECALL, /* kedge-hsmd is asked what it has signed */
	CA_RECOVERY_ASK /* the nodes are asked what they hold */
};
#define CA_RECOVERY_WHY 256
#define CA_RECOVERY_TEXT 640 /* of ca_recover_text */
/* An epoch that a node has taken and nobody gave (ca/claim.c). */
struct ca_claim {
	char node[CA_NAME]; /* "": none */
	char root[CA_NAME];
	uint64_t epoch, given;
	bool asked; /* the answer is on its way, also when node is "" again */
};
struct ca_recovery {
	enum ca_recovery_stage stage;
	struct base_time since;
	char why[CA_RECOVERY_WHY];
	bool wanted; /* begins at the next turn; in the store, too */
	bool busy; /* a request is on its way to hsmd */
	struct ca_claim claim; /* kedge-hsmd is to be asked; in the store */
	bool left; /* links that were not taken up are in the log */
	bool look; /* something may be to do */
	bool answers; /* that were not looked at: rolls wait for that */
	struct base_mono next; /* not before */
	char trouble[CA_REASON_MAX + CA_NAME + 8]; /* last refusal; "" none */
	char said[1280]; /* what failed, as it is in the log; "": it goes on */
};

/* ---- epochs (ca/epoch.c) ---- */

enum base_err ca_epoch_next(struct ca *ca, const char *node, const char *root,
    uint64_t *out) BASE_MUST;
/* The node says, signed, what it has taken. REFUSED when that is absurd. */
enum base_err ca_epoch_seen(struct ca *ca, const char *node, const char *root,
    uint64_t highest) BASE_MUST;

/* hsmd says what it has signed. */
enum base_err ca_epoch_floor(struct ca *ca, const char *node, const char *root,
    uint64_t highest) BASE_MUST;
/* All of an inventory; what is absurd is logged and left. */
void ca_epochs_learn(struct ca *ca, const char *node,
    const struct wire_inventory *list, size_t n);

/* ---- a store that is an old copy (ca/recover.c) ---------------------------------- */

enum base_err ca_recover_load(struct ca *ca) BASE_MUST;
struct base_mono ca_recover_work(struct ca *ca);
/* A node has said something. */
void ca_recover_soon(struct ca *ca);
/* Whether it has taken what was never given, nobody knows yet: it gets no order
 * under this root, for what kedge-hsmd signs now would answer for before. */
bool ca_claim_is_open(const struct ca *ca, const char *node, const char *root);
/* After a change of the nodes: what one said that has left is of no use. */
void ca_claim_look(struct ca *ca);
/* Something shows that the store is old: begins at the next turn, after a
 * restart as well. */
enum base_err ca_recover_want(struct ca *ca, const char *fmt,
    ...) BASE_MUST BASE_PRINTF(2, 3);
/* What the operator says of this node's excuse is kept: STATE while kedge-hsmd
 * has not said who is excused, which is taken for the last word. */
enum base_err ca_recover_keeps_word(const struct ca *ca,
    const char *node) BASE_MUST;
/* The same of what he removes, before it is known whether a recovery begins:
 * that would doubt it as it doubts what the copy says. what: "node", "link". */
enum base_err ca_recover_keeps_removal(const struct ca *ca, const char *what,
    const char *name) BASE_MUST;
/* ca/forget.c, of one that a recovery holds: he says again that it is removed.
 * NOTFOUND: there is no such. */
enum base_err ca_forget_confirm(struct ca *ca, const char *node) BASE_MUST;
/* The store may lack what kedge-hsmd has on record, or have what it has not
 * any more: nothing of it is told, or hsmd would forget that. */
bool ca_recover_is_stale(const struct ca *ca);
/* A recovery does not know yet which rolls there are. */
bool ca_recover_is_unsure(const struct ca *ca);
/* The first, or the second: no node gets an order but a question. Else only who
 * is lost is left alone. */
bool ca_recover_stops_all(const struct ca *ca);
/* Asks kedge-hsmd. A request that an older copy of this store would know
 * nothing of is counted first, durably; so not within a transaction. */
enum base_err
ca_hsm_ask(struct ca *ca, const struct wire_hsm_ask *w) BASE_MUST;
/* First of all in each callback: BASE_OK when there is an answer to look at,
 * whatever it says; AGAIN, "waits for kedge-hsmd: ...", when there is none, or
 * when kedge-hsmd has answered later requests than this one. That is looked
 * into: either this store is an old copy, or the request was sent again after
 * kedge-hsmd died with the answer, and was done. The next try shows. */
enum base_err ca_hsm_heard(struct ca *ca, enum base_err e,
    const struct wire_hsm_answer *a) BASE_MUST;
/* A recovery has begun this roll, which waits for the operator's word. */
bool ca_recover_made(struct ca *ca, uint64_t roll);
/* What was sent in this roll is not all in the store. */
bool ca_recover_was_before(struct ca *ca, uint64_t roll);
#define CA_RECOVERY_NAMES 5
struct ca_recovery_count {
	size_t nodes, lost; /* with a part; of these without an answer */
	char name[CA_RECOVERY_NAMES][CA_NAME]; /* the first of them */
};
enum base_err ca_recover_count(struct ca *ca,
    struct ca_recovery_count *out) BASE_MUST;
/* "" when there is nothing to say. */
void ca_recover_text(struct ca *ca, char *out, size_t max);

/* ca/recall.c: all that hsmd remembers, into the store. */
void ca_recall_go(struct ca *ca, ca_done_fn *done, void *arg);
/* The node presents a certificate of this generation that the store knows
 * nothing of: it is renewed soon. Within a transaction. */
enum base_err ca_recover_leaf(struct ca *ca, const char *node,
    const char *root, uint32_t gen) BASE_MUST;
/* Certificates of one root, from the answer to RECALL, within a
 * transaction. */
enum base_err ca_recall_root(struct ca *ca, const char *root,
    const struct wire_hsm_answer *a) BASE_MUST;
