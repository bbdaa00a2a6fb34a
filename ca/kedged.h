/*
 * ca/kedged: what the parts of kedged know of each other. One thread, one
 * event loop: nothing here blocks, what must wait takes a callback.
 *
 * The direction of things: control and net put requests and reports in;
 * make, issue and draft have hsmd sign; roll decides by the policy engine;
 * deliver says which parcel goes to which neighbour when. Whatever changes
 * the state is committed to the store first and acted on after.
 */
#pragma once

#include <event2/event.h>
#include <jansson.h>

#include "base/base.h"
#include "ca/deadline.h"
#include "ca/observe.h"
#include "ca/recovery.h"
#include "ca/rekey.h"
#include "ca/renew.h"
#include "ca/steer.h"
#include "ca/identity.h"
#include "ca/deliver.h"
#include "ca/invite.h"
#include "ca/store.h"
#include "ca/topo.h"
#include "policy/policy.h"
#include "wire/hsm.h"
#include "wire/net.h"

/* ---- configuration (ca/config.c, kedged.conf) ---------------------------------- */

struct ca_conf {
	char fleet[CA_NAME];
	char *state_dir; /* store, CA's TLS key */
	char *control; /* unix socket of the CLI */
	uid_t *uids; /* beside root and kedged's own */
	size_t nuids;
	char *hsm; /* unix socket of kedge-hsmd */
	char *listen; /* HOST:PORT for nodes */
	char *address; /* HOST:PORT that goes into join tokens;
				      * NULL: listen */
	char names[CA_NAMES_MAX]; /* further SANs of CA's TLS certificate */
	uint32_t resend_ms, resend_max_ms; /* back-off of open orders */
	uint32_t poll_wait_ms; /* how long a long-poll is held */
	uint32_t retry_ms; /* after a refusal by hsmd, dead peer */
	uint32_t connect_ms;
	uint32_t hsm_ms; /* deadline of a request to hsmd */
	uint32_t hsm_grace_ms; /* how long one that is away is waited for */
	uint32_t order_s; /* lifetime of an order */
	uint32_t canary_s; /* at most 600 */
	uint32_t backdate_s; /* notBefore lies so far back */
	uint32_t root_days, node_days;
	uint32_t failure_limit; /* failures in a row that hold a node */
	char *metrics; /* HOST:PORT on loopback; NULL: none */
	uint32_t silent_ms; /* a node not heard of for so long is told */
	uint32_t fresh_ms; /* a removal rests on inventories younger than
			    * this; 0: on any */
};
/* CONFIG with file and line. _free takes one that is zero. */
enum base_err ca_conf_read(const char *path, struct ca_conf *out) BASE_MUST;
void ca_conf_free(struct ca_conf *c);

/* ---- the daemon ---------------------------------- */

struct ca_roll;
struct ca_net;
struct ca_control;
struct ca_issuer;
struct ca_schedule;
struct ca_health;
struct ca_invites;
struct ca_kept;

/* hsmd as a function, so that tests can put their own in its place. */
struct ca_hsm {
	enum base_err (*ask)(void *self, const struct wire_hsm_ask *ask);
	void *self;
};

struct ca {
	const struct ca_conf *conf;
	struct event_base *eb; /* NULL in unit tests */
	struct event *work; /* see ca_kick */
	struct ca_store *store;
	struct ca_hsm hsm;
	struct wire_hsm_conn *hsm_conn;
	/* dates; and pauses, which no change of the clock may touch */
	struct base_time (*now)(void *arg);
	struct base_mono (*mono)(void *arg);
	void *now_arg; /* of both */
	struct ca_topo *topo;
	struct ca_roll *rolls; /* that are not done */
	struct ca_deliver *deliver;
	struct ca_net *net;
	struct ca_control *control;
	bool ready; /* init is complete */
	bool peers_changed; /* nodes, addresses, joins: for net */
	EVP_PKEY *tls_key; /* CA's TLS identity, once ready */
	X509 *tls_cert;
	STACK_OF(X509) *management; /* roots that nodes may be under; that of
				     * tls_cert is the first */
	STACK_OF(X509) *link; /* who vouches for that root, or none */
	STACK_OF(X509) *order_certs; /* one, or two while management rolls */
	struct ca_invites *invites; /* of ca/invite.c */
	bool invites_kept; /* they are those of the open tokens */
	bool self_look, self_busy; /* an order for the CA itself; its join */
	uint64_t self_epoch; /* that order is in force */
	struct base_mono self_due; /* and is reported then, or tried again */
	char own_why[CA_REASON_MAX]; /* its certificates were not renewed; "" */
	bool resign_wanted, resigning; /* open orders by the new generation */
	struct base_mono resign_next;
	struct ca_issuer *issuers; /* cache of ca/issue.c */
	bool told; /* hsmd has this topology */
	bool telling, tell_failed; /* it is on its way; the last one was lost */
	struct base_mono tell_next; /* not before, after such */
	char keeps[CA_REASON_MAX]; /* what hsmd does not forget; "" */
	bool unchecked; /* is the store the newest? No order goes out */
	struct base_mono listens; /* since then, ca/silent.c */
	int64_t clock_ms; /* now less mono, as of the last look */
	struct ca_recovery recovery;
	bool tidying, tidy_wanted; /* drafts on their way; look again */
	struct base_mono tidy_look, tidy_next, waits_next, identity_next,
	    root_ends_next, schedule_next;
	struct ca_schedule *schedule; /* of ca/schedule.c */
	struct ca_health *health; /* of ca/health.c */
	bool renewing; /* drafts of renewals are on their way */
	bool forgetting; /* hsmd is asked to, ca/forget.c */
	struct ca_kept *kept; /* and has not, of ca/forget.c */
	bool keys_shown, key_showing; /* that new ones are in use, ca/rekey.c */
	struct ca_key_turn {
		char node[CA_NAME], root[CA_NAME]; /* shown last; "": none */
		bool left, anew; /* one was not taken; this has a new one */
		bool more; /* there are new ones: another round follows */
		uint32_t pause_ms; /* until those are shown again */
	} key_turn;
	struct base_mono renew_next, unsafe_next, forget_next, keys_next;
	struct ca_unsigned *renewals_unsigned; /* ca/renew.c */
	const char *who; /* asks just now, for the audit; NULL: nobody */
	void (*on_event)(void *arg, json_t *event); /* steals event */
	void *on_event_arg;
	uint64_t event_seq;
};

/* "uid 0", or the CA itself. */
const char *ca_who(const struct ca *ca);
struct base_time ca_now(const struct ca *ca);
struct base_mono ca_mono(const struct ca *ca);
/* ms from now on. */
struct base_mono ca_after(const struct ca *ca, int64_t ms);
struct base_mono ca_sooner(struct base_mono a, struct base_mono b);
#define CA_NEVER ((struct base_mono){ INT64_MAX })
/* Have ca_work run soon: after each change of state. */
void ca_kick(struct ca *ca);
/* Gives the engines and mailboxes their turn; returns when to look again. */
struct base_mono ca_work(struct ca *ca);
/* Loads topology, rolls, open orders, TLS identity: at start, after init. */
enum base_err ca_load(struct ca *ca) BASE_MUST;
/* After a change of nodes or links. */
enum base_err ca_reload_topo(struct ca *ca) BASE_MUST;
/* Open orders of the store into the mailboxes, once the store is known to be
 * the newest. */
enum base_err ca_orders_load(struct ca *ca) BASE_MUST;
void ca_unload(struct ca *ca);
/* One audit record within a transaction. */
enum base_err ca_audit(struct ca *ca, const char *who, const char *what,
    const char *fmt, ...) BASE_MUST BASE_PRINTF(4, 5);

/* ---- events (ca/events.c): after the commit ---------------------------------- */

void ca_event_order(struct ca *ca, const struct ca_order *o,
    enum ca_order_state old);
void ca_event_roll(struct ca *ca, const struct ca_roll_row *w, const char *old,
    const char *new);
void ca_event_node(struct ca *ca, const char *node, const char *old,
    const char *new);
/* Of one that is said of a node under one root; root NULL: of the node. */
struct ca_word;
void ca_event_word(struct ca *ca, const struct ca_word *w, const char *old,
    const char *new);
void ca_event_waits(struct ca *ca, const char *root, const char *text);
/* New references. */
json_t *ca_json_time(struct base_time t); /* null for 0 */
json_t *ca_json_steps(uint32_t steps);
json_t *ca_json_gens(uint64_t mask);
/* running, paused, aborting (on the way back), done, aborted */
const char *ca_roll_word(const struct ca_roll_row *w);
const char *ca_proof_name(enum wire_proof p);
/* "trust+cert" into out. */
#define CA_STEPS_TEXT 48
void ca_steps_text(uint32_t steps, char out[CA_STEPS_TEXT]);

/* ---- issuing (ca/issue.c, ca/draft.c) ---------------------------------- */

/* What a certificate is to be made for. */
struct ca_issue {
	enum wire_cert_kind kind;
	char node[CA_NAME]; /* "" for roots */
	char root[CA_NAME];
	uint32_t gen; /* issuer's generation */
	struct base_span spki; /* of the subject */
	const char *names; /* further SANs; NULL none */
};
enum base_err ca_issue_tbs(struct ca *ca, const struct ca_issue *i,
    struct base_buf *tbs) BASE_MUST;
/* The certificate that came back is the TBS that was asked for, signed by
 * the issuer: INTEGRITY or CRYPTO otherwise. */
enum base_err ca_issue_check(struct ca *ca, const struct ca_issue *i,
    struct base_span tbs, struct base_span der, X509 **out) BASE_MUST;
enum base_err
ca_issue_store(struct ca *ca, const struct ca_issue *i, X509 *x) BASE_MUST;
/* NewWithNew of a generation; borrowed, lives as long as ca. */
enum base_err ca_issuer_root(struct ca *ca, const char *root, uint32_t gen,
    X509 **out) BASE_MUST;
enum base_err ca_issuer_alg(struct ca *ca, const char *root, uint32_t gen,
    enum wire_alg *out) BASE_MUST;
void ca_issuers_free(struct ca *ca);
/* When a node certificate ends that is made now. */
enum base_err ca_issue_end(struct ca *ca, const char *root, uint32_t gen,
    struct base_time *out) BASE_MUST;
enum base_err ca_issue_dates(const X509 *x, struct base_time *from,
    struct base_time *to) BASE_MUST;
/* The root certificates that o carries, by its names, steps, from and to. */
enum base_err ca_order_roots(struct ca *ca, struct wire_order *o) BASE_MUST;

/* A number of orders, with all certificates that they carry, made by hsmd in
 * as few requests as possible. */
struct ca_drafts;
struct ca_draft {
	struct wire_order order; /* the caller fills names, roll, epoch,
				      * steps, from, to, bridge, verifies */
	struct base_span spki; /* the node's key; empty: the store's. Must
				      * live until ca_drafts_go returns */
	struct base_buf new_key; /* owned: in place of both, a key that the
				  * node has proven in its last report */
	struct ca_order row; /* ready for the store when err is OK */
	enum base_err err;
	char why[CA_REASON_MAX];
};
typedef void ca_drafts_fn(void *arg, enum base_err e, struct ca_drafts *d);
struct ca_drafts *ca_drafts_new(struct ca *ca, ca_drafts_fn *done, void *arg);
/* Valid until the next _add. */
struct ca_draft *ca_drafts_add(struct ca_drafts *d);
/* done is called exactly once, maybe from inside: BASE_OK when hsmd
 * answered; each draft then has a fate of its own. d belongs to the caller
 * again. */
void ca_drafts_go(struct ca_drafts *d);
size_t ca_drafts_count(const struct ca_drafts *d);
struct ca_draft *ca_drafts_get(struct ca_drafts *d, size_t i);
/* Order rows and certificates of draft i into the open transaction. */
enum base_err ca_drafts_store(struct ca_drafts *d, size_t i) BASE_MUST;
void ca_drafts_free(struct ca_drafts *d);
/* Key and certificates of an ORDERS request. */
enum base_err ca_order_signer(struct ca *ca,
    struct wire_hsm_request *q) BASE_MUST;

/* ---- showing hsmd what justifies orders (ca/show.c) ---------------------- */

/* Shows what these drafts rest on, as far as it was not shown before. done is
 * called exactly once, maybe from inside. */
void ca_show_go(struct ca *ca, struct ca_drafts *d, ca_done_fn *done,
    void *arg);
/* hsmd was not content, or may have forgotten: all over again. */
void ca_show_again(struct ca *ca);
/* Tells hsmd the links when they have changed; returns when to look again. */
struct base_mono ca_tell_work(struct ca *ca);

/* Shows the node's last effective report; done as for ca_show_go. NOTFOUND: there
 * is none; AGAIN: kedge-hsmd is away; else: it does not take this one. */
void ca_show_report(struct ca *ca, const char *node, const char *root,
    ca_done_fn *done, void *arg);

/* ---- making roots (ca/make.c) ---------------------------------- */

/* All of generation gen of root: its key, the waiting key of the next,
 * NewWithNew and, from 2 on, NewWithOld and OldWithNew. What exists is kept.
 * done is called exactly once, maybe from inside. */
void ca_make_generation(struct ca *ca, const char *root, uint32_t gen,
    ca_done_fn *done, void *arg);
/* What the CA needs under a generation of the management root beside it: the
 * order signer's certificate and, with tls, the CA's own; also when what is
 * there is old. */
void ca_make_own(struct ca *ca, uint32_t gen, bool tls, ca_done_fn *done,
    void *arg);
/* Management root, order signer, CA's TLS identity; loads them. */
void
ca_make_init(struct ca *ca, enum wire_alg alg, ca_done_fn *done, void *arg);
bool ca_make_is_ready(struct ca *ca);

/* ---- nodes that left (ca/forget.c) ---------------------------------- */

/* kedge-hsmd shall no longer count on them, nor certify their keys. */
void ca_forget_soon(struct ca *ca);
/* Would kedge-hsmd forget the node now? Asked before a removal while a root
 * rolls: nothing is stored of one that it takes no part in, or the rolls would
 * wait for a node that kedged knows no more. done is called exactly once, maybe
 * from inside. OUTAGE: it would not; AGAIN: it does not answer. */
void ca_forget_would(struct ca *ca, const char *node, ca_done_fn *done,
    void *arg);
struct base_mono ca_forget_work(struct ca *ca);
void ca_forget_free(struct ca *ca);

/* ---- rolls (ca/roll.c) ---------------------------------- */

struct ca_roll {
	struct ca_roll *next;
	struct ca_roll_row row;
	struct pol_engine *engine;
	uint32_t root; /* in topo */
	bool busy; /* drafts are on their way */
	struct base_time busy_since;
	struct base_mono busy_late; /* worth telling from then on */
	struct base_mono retry; /* not before */
	struct base_mono *retries; /* the same per node of topo; 0: at once */
	size_t nretries; /* no more of them are not 0, as of the last turn */
	bool *reissues; /* per node: its open order is made again */
	bool *shown; /* per node: hsmd has seen its newest report */
	bool prove; /* show the orders, too: hsmd knew too little */
	bool stolen_shown; /* that what it goes back to is stolen */
	struct ca_refused { /* per node: its last order was not made */
		char *why; /* NULL: it was */
		unsigned times; /* in a row, so the pause grows */
	} *refused;
	size_t nnodes;
	struct base_mono reissue_at; /* look again for such */
	struct base_mono seen_at; /* tell again that the CA is there */
	char why[512]; /* last refusal by hsmd; "" none */
	struct base_mono overdue_next; /* look for answers that do not come */
	bool cutting; /* kedge-hsmd is asked what is approved */
	struct base_mono cut_next; /* not before */
	uint64_t cut_looked; /* nodes asked so far for whom they wait: each look
			      * asks each once */
	char cut_waits[512]; /* why a node is not cut, the deadline being over */
	char waits[1024]; /* sentence last told */
};
/* Engine from topology and the facts of the store. */
enum base_err
ca_roll_open(struct ca *ca, const struct ca_roll_row *row) BASE_MUST;
/* Orders that were not made, or failed (ca/refused.c): the node's next one not
 * before the pause, which doubles so often. */
void ca_retry_later(const struct ca *ca, struct ca_roll *w, uint32_t node,
    unsigned doubled);
/* The same after an order of the node has failed: the more of them in a row,
 * the longer. */
void ca_retry_failed(const struct ca *ca, struct ca_roll *w, uint32_t node);
/* Orders that wait for their next try, or with a finish for an answer that does
 * not come, keep nobody from his turn. Returns when to look again. */
struct base_mono ca_retry_put_off(struct ca *ca, struct ca_roll *w);
void ca_refused_draft(struct ca *ca, struct ca_roll *w, uint32_t node,
    const struct ca_draft *t);
void ca_refused_no_more(struct ca *ca, const struct ca_order *o);
/* One beside the list, on a topology that is not in force yet. */
enum base_err ca_roll_make(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row, struct ca_roll **out) BASE_MUST;
void ca_roll_free(struct ca_roll *w);
enum base_err ca_roll_reopen(struct ca *ca) BASE_MUST; /* all of them */
void ca_roll_close_all(struct ca *ca);
struct ca_roll *ca_roll_of(struct ca *ca, const char *root);
/* STATE: the root does not roll, and how it would. */
enum base_err ca_roll_none(const char *root) BASE_MUST;
/* One turn; returns when to look again. */
struct base_mono ca_roll_work(struct ca *ca, struct ca_roll *w);
struct base_mono ca_tidy_work(struct ca *ca);
void ca_tidy_later(struct ca *ca);   /* look again, after a pause */
/* The engine learns a fact that was committed. */
void ca_roll_tell(struct ca *ca, const struct ca_fact *f);
/* Somebody heard of the node just now. */
void ca_seen(struct ca *ca, const char *node);
/* REFUSED when x, a good management certificate of node, is not for the key
 * with which it joined last. */
enum base_err ca_check_node_key(struct ca *ca, const char *node,
    const X509 *x) BASE_MUST;
/* A stored order goes to the mailboxes (ca/send.c). */
void ca_order_send(struct ca *ca, const struct ca_order *o);
ca_detour_fn ca_order_detour; /* arg is ca */
/* An order of this roll is on its way to the node, as the engine knows. */
bool ca_roll_is_out(const struct ca_roll *w, uint32_t node);
/* Orders that were given out and must be given again under the next epoch:
 * expired, or put aside because their canaries were (ca/reissue.c). Adds them
 * to list, which has room for every node. */
enum base_err ca_roll_reissues(struct ca *ca, struct ca_roll *w,
    struct pol_order *list, size_t *n) BASE_MUST;
/* Within the transaction that stores the new order o. */
enum base_err
ca_roll_replace(struct ca *ca, const struct ca_order *o) BASE_MUST;
/* Readiness: appends sentences to problems (a JSON array). */
enum base_err
ca_roll_check(struct ca *ca, const char *root, json_t *problems) BASE_MUST;
/* A row's pace (ca/roll_goal.c): NOTFOUND, USAGE or RANGE say what is wrong. */
enum base_err ca_roll_first_add(struct ca *ca, struct ca_roll_row *row,
    const char *name) BASE_MUST;
enum base_err ca_roll_cut_add(struct ca *ca, struct ca_roll_row *row,
    const char *name) BASE_MUST;
bool ca_roll_cut_has(const struct ca_roll_row *row, const char *name);
enum base_err
ca_roll_window_add(struct ca_roll_row *row, const char *text) BASE_MUST;
struct ca_goal {
	struct pol_goal goal; /* its first is the array below */
	uint32_t first[CA_FIRST_MAX / 2];
};
enum base_err ca_roll_goal(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row, struct ca_goal *out) BASE_MUST;
/* Before anybody asks on whom it waits just now. */
void ca_roll_look(struct ca *ca, const struct ca_roll *w);
/* When orders may start: now, or when the next window opens. */
struct base_time ca_roll_opens(struct ca *ca, const struct ca_roll *w);
/* The operator lets all orders go that wait for nothing but his word; STATE
 * when there is none. let is called for each. */
typedef void ca_let_fn(void *arg, const char *node, uint32_t steps);
enum base_err ca_roll_step(struct ca *ca, const char *root, const char *who,
    ca_let_fn *let, void *arg) BASE_MUST;
/* From here on no order needs a word. */
/* A roll that runs becomes one whose old key may be in wrong hands: no pace
 * binds it, and orders that are made from here on say so. */
enum base_err ca_roll_compromise(struct ca *ca, const char *root,
    const char *who) BASE_MUST;
enum base_err ca_roll_step_rest(struct ca *ca, const char *root,
    const char *who) BASE_MUST;
typedef void
ca_roll_fn(void *arg, enum base_err e, const struct ca_roll_row *row);
/* want has root, strategy and pace; the rest of the row is filled in. */
void ca_roll_start(struct ca *ca, const struct ca_roll_row *want,
    ca_roll_fn *done, void *arg);
/* Row and first facts, within a transaction; fills in the number. */
enum base_err
ca_roll_begin(struct ca *ca, struct ca_roll_row *row) BASE_MUST;

/* What a node holds as it enters a roll, as facts, within a transaction. */
enum base_err ca_roll_enter(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row, uint32_t node) BASE_MUST;

/* ca/waits.c: failed too often in a row, or held by the operator. */
bool
ca_roll_is_held(const struct ca *ca, const struct ca_roll *w, uint32_t node);
/* Why the node has not taken an order that is out, in its own words, or as far
 * as a relay knows; "". */
void ca_held_text(struct ca *ca, const char *root, uint32_t node, char *out,
    size_t max);
/* Each direction of nodes that are out (per node of topo) under the roll's
 * root; sorted, each once (ca/cuts.c). The caller clears it. */
void ca_cuts_of(const struct ca *ca, const struct ca_roll_row *row,
    const bool *out, struct wire_hsm_cuts *list);
/* One link's, at the end and not sorted. */
void ca_cuts_link(const struct ca_roll_row *row, const struct ca_link *l,
    struct wire_hsm_cuts *list);

/* Why the roll does not go on now; "" when it does (ca/waits.c). */
void
ca_waits_text(struct ca *ca, const struct ca_roll *w, char *out, size_t max);
struct base_mono ca_waits_work(struct ca *ca);

/* Sentence for a wait; out is terminated. */
void ca_why_text(const struct ca *ca, const struct pol_why *y, char *out,
    size_t max);

/* Last confirmed configuration of a node under a root, from its facts. */
struct ca_holding {
	bool known; /* some HOLDS or EFFECTIVE is there */
	bool confirmed; /* nothing outstanding or failed after */
	bool excused;
	bool doubted; /* it may hold doubt as well */
	bool lost; /* the store was restored, and it has not answered since */
	struct pol_conf conf, doubt;
	uint64_t epoch;
	uint64_t claim; /* lost for having taken this one, which nobody gave */
	/* of the order that was given after it; 0: none */
	uint64_t sent;
	uint32_t steps, from, to;
};
enum base_err ca_holding_get(struct ca_store *st, const char *node,
    const char *root, struct ca_holding *out) BASE_MUST;
/* Configuration after an order. */
struct pol_conf ca_conf_after(struct pol_conf before, const struct ca_order *o);
/* The oldest generation that is trusted or presented; 0: none. */
uint32_t ca_conf_lowest(struct pol_conf c);

/* ---- what nodes say they hold (ca/stock.c) ---- */

/* A stock that came in. EXPIRED: not newer than what the node said before, or
 * too far from the CA's time; REFUSED and the like: none of ours. */
enum base_err ca_stock_in(struct ca *ca, struct base_span cms) BASE_MUST;
/* Within the transaction that stores a report: its inventory is the node's
 * latest word, when it is. */
enum base_err ca_stock_from_report(struct ca *ca,
    const struct wire_report *w) BASE_MUST;
/* REFUSED: the node has said since that it holds something else. */
enum base_err ca_stock_check_report(struct ca *ca,
    const struct wire_report *w) BASE_MUST;
/* When the node said last what it holds; 0: never. */
enum base_err ca_stock_last(struct ca *ca, const char *node,
    struct base_time *out) BASE_MUST;
/* The engine of a roll learns when the nodes were last seen. */
enum base_err ca_stock_load(struct ca *ca, struct ca_roll *w) BASE_MUST;
/* Of what an inventory says; w: of a roll that runs, or NULL. */
struct pol_conf ca_conf_said(const struct wire_inventory *v,
    const struct ca_roll *w);
/* NULL when it says nothing about the root. */
const struct wire_inventory *
ca_inventory_under(const struct wire_inventory *list, size_t n,
    const char *root);
/* ---- reports (ca/report.c) ---------------------------------- */

/* A report that came in by a neighbour: verified, stored, told to engine and
 * mailboxes, acknowledged. REFUSED and the like when it is none of ours. */
/* by is the way it came, for the acknowledgement; NULL: the node's route. */
enum base_err ca_report_in(struct ca *ca, struct base_span cms,
    const struct ca_route *by) BASE_MUST;
/* The order has another state than old, which is committed: mailboxes, events
 * and those who make it again hear of it. */
void ca_order_moved(struct ca *ca, const struct ca_order *o,
    enum ca_order_state old);
/* The CA's own, about an order of its own. */
enum base_err ca_report_own(struct ca *ca, struct wire_report *w) BASE_MUST;

/* ---- join (ca/join.c) ---------------------------------- */

typedef void ca_join_fn(void *arg, enum base_err e, struct base_span answer);
/* Request DER in, answer CMS out. The callback may come from inside. */
void ca_join_request(struct ca *ca, struct base_span der, ca_join_fn *done,
    void *arg);
typedef void
ca_token_fn(void *arg, enum base_err e, const char *text, struct base_time end);
void ca_token_make(struct ca *ca, const char *node, uint32_t seconds,
    ca_token_fn *done, void *arg);
/* May node join by the token whose secret has this hash? root: SHA-256 of the
 * management root that it names. DENIED, EXPIRED. */
enum base_err ca_token_check(struct ca *ca, const char *node,
    const uint8_t hash[32], uint8_t root[32]) BASE_MUST;
/* That root, borrowed, while the CA itself trusts it: while the management
 * root rolls, a token may name either. NULL: neither. */
X509 *ca_token_root(const struct ca *ca, const uint8_t root[32]);

/* ---- network (ca/net.c), control socket (ca/control.c) ---------------------------------- */

enum base_err ca_net_open(struct ca *ca, struct ca_net **out) BASE_MUST;
/* Topology or mailboxes changed: dial, answer, send what is due. */
struct base_mono ca_net_work(struct ca_net *n);
/* The CA has another certificate: new connections show it. */
enum base_err ca_net_identity(struct ca_net *n) BASE_MUST;
uint16_t ca_net_port(const struct ca_net *n);
void ca_net_close(struct ca_net *n);

enum base_err ca_control_open(struct ca *ca, struct ca_control **out) BASE_MUST;
void ca_control_event(struct ca_control *c, json_t *event);
void ca_control_close(struct ca_control *c);
