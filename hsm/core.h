/*
 * hsm/core: what kedge-hsmd does with a request, without sockets: state,
 * journal, keystores and the clock are here, so that unit tests run it as it
 * is. One request at a time.
 *
 * Order of things, always: check, record durably, act, check the result,
 * answer.
 */
#pragma once

#include "hsm/config.h"
#include "hsm/state.h"
#include "wire/hsm.h"

#define HSM_MANAGEMENT "management"
#define HSM_CA	       "ca"

#define HSM_SAID    64
#define HSM_SAID_MS INT64_C(3600000)

#define HSM_APPROVER_SAID_MS INT64_C(60000)

struct hsm_core {
	const struct hsm_conf *conf; /* borrowed */
	struct hsm_ks *ks[HSM_TOKENS]; /* one per token; owned */
	struct base_time (*clock)(void);
	struct base_time now; /* of the request at hand */
	uint32_t uid; /* who asked for it */
	uint64_t count; /* of records, when it came */
	uint64_t mark; /* its mark, until the first record; 0: none */
	uint64_t told; /* items of TELL so far */
	struct hsm_said { /* refusals that are on record, the last ones */
		uint8_t hash[HSM_HASH];
		struct base_time at;
	} said[HSM_SAID];
	size_t nsaid;
	struct base_time approver_said; /* a refusal of one, on record */
	int lock; /* on the state directory */
	struct hsm_state state;
	struct hsm_journal *journal;
};

/* Takes ks, also on error. Locks and reads the state; removes what unfinished
 * key generations left in the tokens, as far as these are there. */
enum base_err
hsm_core_open(const struct hsm_conf *conf, struct hsm_ks *const ks[HSM_TOKENS],
    struct base_time (*clock)(void), struct hsm_core **out) BASE_MUST;
void hsm_core_close(struct hsm_core *c); /* NULL is allowed */

/* Answers every request, also what it refuses. */
void hsm_core_handle(struct hsm_core *c, uint32_t uid,
    const struct wire_hsm_request *r, struct wire_hsm_answer *a);
/* A message that is none: leaves a record of it; of approvers one a minute. */
void hsm_core_garbage(struct hsm_core *c, uint32_t uid, const char *why);

/* ---- between the files of the core ---------------------------------------------- */

typedef enum base_err hsm_handler(struct hsm_core *c,
    const struct wire_hsm_request *r, struct wire_hsm_answer *a);
hsm_handler hsm_do_info, hsm_do_audit, hsm_do_keygen, hsm_do_certs,
    hsm_do_orders, hsm_do_token, hsm_do_bind, hsm_do_forget, hsm_do_tell,
    hsm_do_show, hsm_do_recall, hsm_do_known, hsm_do_approve;

/* Adds a record and frees its fields; before the first one of a request that
 * carries a mark, that. */
void
hsm_core_add(struct hsm_core *c, enum hsm_record kind, struct base_buf *fields);
enum base_err hsm_core_record(struct hsm_core *c, enum hsm_record kind,
    struct base_buf *fields) BASE_MUST; /* adds and syncs */
/* Of durable records. */
uint64_t hsm_core_count(const struct hsm_core *c);
void hsm_core_add_refused(struct hsm_core *c, enum wire_hsm_type type,
    const char *why);
/* Keystore by the token's name in a key's record; CONFIG when the
 * configuration no longer has it. */
enum base_err hsm_core_ks(struct hsm_core *c, const char *token,
    struct hsm_ks **out) BASE_MUST;
/* Removes what unfinished generations left in this token. */
enum base_err hsm_core_sweep(struct hsm_core *c, const char *token) BASE_MUST;
struct hsm_key_ref hsm_key_as_ref(const struct hsm_key *k);
/* Checks that msg was signed by k. */
enum base_err hsm_key_check(struct hsm_key *k, struct base_span msg,
    struct base_span sig) BASE_MUST;
/* An item's refusal: sets its error and sentence, adds the record. OUTAGE is
 * asked again until it is due, also where it is the whole request's: the same
 * within the hour is on record and in the log already. */
void hsm_item_refuse(struct hsm_core *c, enum wire_hsm_type type,
    struct wire_hsm_item *item, enum base_err e);

/* May issuer sign this? profile.c; sets t->kind to OLD_WITH_NEW where the
 * bytes cannot tell. */
enum base_err hsm_profile_check(struct hsm_core *c,
    const struct hsm_key *issuer, struct wire_tbs *t) BASE_MUST;
/* Do the reports shown so far justify what the order takes away? judge.c;
 * the node is known. OUTAGE with the sentence. With presume a trust that was
 * received counts as done, for orders without a finish. */
struct wire_order;
enum base_err hsm_judge(const struct hsm_core *c, const struct wire_order *o,
    bool presume) BASE_MUST;
/* Does the node's excuse under the root take its directions out of the rules?
 * Where there are approvers, when enough of them have approved each one of
 * these: approve.c. */
struct hsm_node;
bool hsm_excuse_counts(const struct hsm_core *c, const struct hsm_node *n,
    const char *root);
/* Where there are approvers: did enough of them let the root come back to a
 * generation that was left because of its key? */
bool hsm_return_is_approved(const struct hsm_core *c, const char *root,
    uint32_t to);
/* May the link be forgotten while its root rolls, if the operator says so?
 * Where there are approvers, when each direction is approved that is under a
 * root which rolls. */
struct hsm_link;
bool hsm_link_may_go(const struct hsm_core *c, const struct hsm_link *l);
/* The same of a whole node. */
bool hsm_node_may_go(const struct hsm_core *c, const struct hsm_node *n);
/* An order that was accepted, or shown with our signature: from here on the
 * generation that it names as compromised is known as stolen, and no other. */
void hsm_stolen_record(struct hsm_core *c, const struct wire_order *o);
/* After the sync: what could not be recorded is not known, and the next order
 * records it. */
void hsm_stolen_settle(struct hsm_core *c);
/* Does the order bring a node back to a stolen generation, or one before it?
 * REFUSED where there are approvers and too few of them let it. */
enum base_err hsm_stolen_check(const struct hsm_core *c,
    const struct wire_order *o) BASE_MUST;
/* Is a root on its way, as far as the nodes that count are known here? */
bool hsm_root_rolls(const struct hsm_core *c, const char *root);
/* A renewal takes nothing away: a node that presents another generation
 * refuses it. So it is enough that n may present this one; OUTAGE when not. */
enum base_err hsm_judge_renewal(const struct hsm_node *n,
    const struct wire_order *o) BASE_MUST;
