/*
 * policy: from who talks to whom to the order in which things may happen.
 *
 * Pure: no I/O, no clock, no globals, no dependency. The same input gives
 * the same answer, byte for byte. Two rules decide everything:
 *   1. Present a certificate only to those who are known to trust its root.
 *   2. Forget a root only when nobody you verify may still present under it.
 *
 * One pol_graph holds the topology. One pol_engine judges one root of it
 * against dated facts; rolls of several roots are several engines on one
 * graph, because a direction is verified under exactly one root.
 *
 * Nodes and roots are numbers from 0; the caller numbers nodes in the order
 * of their names, so "by number" and "by name" are one order. Generations
 * are 1 to 64, relative to a base that the caller chooses; sets of them are
 * bit masks (POL_GEN).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POL_MUST __attribute__((warn_unused_result))
#define POL_NONE UINT32_MAX

enum pol_err {
	POL_OK = 0,
	POL_E_RANGE, /* a number that names nothing, or too many */
	POL_E_SELF, /* link from a node to itself */
	POL_E_ROOT, /* link without a root for its server */
	POL_E_TWICE, /* the same link again with other content */
	POL_E_SPLIT, /* second root on one server endpoint */
	POL_E_UNSAFE, /* refused: a safe direction would become unsafe */
	POL_E_STALE, /* a fact that contradicts a later one */
	POL_E_NOMEM,
};
const char *pol_err_text(enum pol_err e);

struct pol_time {
	int64_t ms;
}; /* UTC, since 1970; never a duration */

/* ---- topology ------------------------------------------------------------ */

struct pol_graph;

#define POL_NODE_DUAL 0x01u /* its client endpoint bridges */
#define POL_NODE_SHALLOW \
	0x02u /* verifies leaves only, no chain: a bridge
				 * towards it does not count */
#define POL_NODE_LAST \
	0x04u /* its finish comes after its peers' finish:
				 * the CA under its own root (FIG. 49) */

struct pol_link {
	uint32_t client, server;
	uint32_t client_root; /* the client's certificate is issued under;
				 * POL_NONE: server-only authentication */
	uint32_t server_root; /* the server's certificate is issued under */
};

/* At most 65534 roots. */
enum pol_err pol_graph_new(uint32_t nnodes, uint32_t nroots,
    struct pol_graph **out) POL_MUST;
/* Optional: room for this many links at once. */
enum pol_err pol_graph_reserve(struct pol_graph *g, size_t nlinks) POL_MUST;
enum pol_err pol_graph_node_flags(struct pol_graph *g, uint32_t node,
    uint32_t flags) POL_MUST;
/* The same link again with the same content is accepted once. */
enum pol_err
pol_graph_link(struct pol_graph *g, const struct pol_link *l) POL_MUST;
/* Sorts and indexes; must be called once before any engine. */
enum pol_err pol_graph_seal(struct pol_graph *g) POL_MUST;
/* All links at once instead, from the caller's array, which is not kept; the
 * graph is sealed then. After an error it can only be freed. */
enum pol_err pol_graph_fill(struct pol_graph *g, const struct pol_link *l,
    size_t n) POL_MUST;
void pol_graph_free(struct pol_graph *g);

/* ---- steps, strategies ----------------------------------------------------- */

#define POL_TRUST  0x01u
#define POL_CERT   0x02u
#define POL_FINISH 0x04u

enum pol_strategy {
	POL_MINIMAL,
	POL_LAYERED,
	POL_SEQUENTIAL,
	POL_MERGED,
	POL_BUNDLED,
	POL_COMPACT
};
#define POL_STRATEGIES 6
/* "minimal", …; false when unknown. */
bool pol_strategy_parse(const char *s, enum pol_strategy *out);
const char *pol_strategy_name(enum pol_strategy s);

#define POL_GEN(g) (UINT64_C(1) << ((g)-1))

/* What one node does under one root: from the graph alone. */
struct pol_role {
	bool verifies; /* is verifier in some direction: trust, finish */
	bool presents; /* is presenter in some direction: cert */
	bool bridges; /* dual client that presents: cert bridges, finish */
};
struct pol_role
pol_graph_role(const struct pol_graph *g, uint32_t root, uint32_t node);
/* The steps of a whole roll for this node: 0 when it has no part in it. */
uint32_t
pol_graph_steps(const struct pol_graph *g, uint32_t root, uint32_t node);

/* ---- plan: a whole roll from "all on the old generation" --------------------- */

struct pol_plan;
struct pol_plan_order {
	uint32_t node;
	uint32_t steps; /* POL_TRUST|… carried by this one order */
	uint32_t round; /* 1 + the largest round among after; from 1 */
};
/* Where a bundle could not hold. The sentence is: NODE TEXT PEER. */
struct pol_plan_note {
	uint32_t node;
	const char *text; /* static */
	uint32_t peer;
};

enum pol_err pol_plan_make(const struct pol_graph *g, uint32_t root,
    enum pol_strategy s, struct pol_plan **out) POL_MUST;
/* Orders sorted by (round, node); index 0 is printed as id 1. */
uint32_t pol_plan_count(const struct pol_plan *p);
uint32_t pol_plan_rounds(const struct pol_plan *p);
struct pol_plan_order pol_plan_order(const struct pol_plan *p, uint32_t i);
/* Indices of the orders whose effective report comes first, ascending, not
 * necessarily the transitive reduction; out is owned by the plan until the
 * next call of this function. */
enum pol_err pol_plan_after(struct pol_plan *p, uint32_t i,
    const uint32_t **out, size_t *n) POL_MUST;
/* With goal.presume: whose trust order i may rest on when it was only received,
 * so that this node, if it fails, refuses order i's certificate for a time. At
 * most max are written; returns how many there are. */
size_t pol_plan_risks(const struct pol_plan *p, uint32_t i, uint32_t *out,
    size_t max);
/* compact: no plan that does without bridging has fewer orders; equals the
 * count where that is proven. 0 for the other strategies. */
uint32_t pol_plan_least(const struct pol_plan *p);
/* Independent groups: number of groups; group of a node (POL_NONE when the
 * node has no part). Groups are numbered by their smallest node. */
uint32_t pol_plan_groups(const struct pol_plan *p);
uint32_t pol_plan_group_of(const struct pol_plan *p, uint32_t node);
size_t
pol_plan_notes(const struct pol_plan *p, const struct pol_plan_note **out);
void pol_plan_free(struct pol_plan *p);

/* ---- engine: facts in, what may start now out ---------------------------------- */

struct pol_engine;

/* Configuration of the files of one node under one root. A server shows
 * present; a client shows present and bridge: the generations under which
 * the chain verifies that it sends beside its leaf (a dual client between
 * its cert and its finish). The NewWithOld that a server sends along is
 * never counted. */
struct pol_conf {
	uint64_t trust; /* T: generations in the trust list */
	uint64_t present; /* generation of the leaf; 0: no certificate */
	uint64_t bridge; /* more of the client's G; 0 for most */
};

enum pol_fact_kind {
	POL_FACT_HOLDS, /* confirmed configuration: conf (joined, inventory);
			      * settles every order up to epoch */
	POL_FACT_SENT, /* order given out: epoch, steps, from, to */
	POL_FACT_RECEIVED, /* node has it: epoch */
	POL_FACT_EFFECTIVE, /* epoch, and all below it, is settled */
	POL_FACT_FAILED, /* epoch failed; before or after are both possible
			      * until a later fact says more */
	POL_FACT_EXCUSED, /* operator took it out; POL_FACT_RETURNED ends it */
	POL_FACT_RETURNED,
	POL_FACT_HELD, /* operator or failure limit; POL_FACT_FREED ends */
	POL_FACT_FREED,
	POL_FACT_SEEN, /* a signed inventory agreed with the facts */
	POL_FACT_DOUBTED, /* an inventory contradicts: conf may hold as well
			      * (re-imaged node, restored snapshot) */
	POL_FACT_STEP, /* the operator lets the node's next order go */
	POL_FACT_LOST, /* what was known is from an old copy of the store:
			* unknown, and nothing outstanding, until HOLDS */
};

struct pol_fact {
	enum pol_fact_kind kind;
	uint32_t node;
	uint64_t epoch;
	uint32_t steps;
	uint32_t from, to; /* generations of the order */
	struct pol_conf conf; /* POL_FACT_HOLDS and POL_FACT_DOUBTED */
	struct pol_time at;
};

/* When orders may start: each of the days it opens at from and closes at to,
 * on the next day when to is not later. UTC, always. */
struct pol_window {
	uint8_t days; /* bit 0 Monday … bit 6 Sunday */
	uint16_t from, to; /* minutes of the day; to may be 1440 */
};
#define POL_WINDOWS_MAX 8
/* "Mon-Fri 22:00-04:00", "Sat,Sun 00:00-24:00", "01:30-03:00" (every day).
 * NULL, or a static sentence on what is wrong. */
const char *pol_window_parse(const char *text, struct pol_window *out);
/* The same, days one by one, with " UTC". */
#define POL_WINDOW_TEXT 48
void pol_window_format(const struct pol_window *w, char out[POL_WINDOW_TEXT]);
/* now, when one of them is open or there is none; else when the first opens
 * next. */
struct pol_time pol_windows_open(const struct pol_window *w, size_t n,
    struct pol_time now);
/* When the last of them closed, none being open; 0 when there is none. */
struct pol_time pol_windows_closed(const struct pol_window *w, size_t n,
    struct pol_time now);

struct pol_goal {
	uint32_t from, to; /* abort: from is the new, to the old one */
	struct pol_time begun; /* for reasons only; 0: nobody says */
	enum pol_strategy strategy;
	uint32_t limit; /* failures in a row that hold a node; 0 none */
	uint32_t max_in_flight; /* orders outstanding at once, but of excused
				 * nodes; 0 no bound */
	int64_t fresh_ms; /* a removal rests on peers seen within this
				   * time; 0: their age does not matter */
	const uint32_t *first; /* nodes that go first; copied; may be NULL */
	uint32_t nfirst;
	struct pol_window windows[POL_WINDOWS_MAX]; /* none: always */
	uint32_t nwindows;
	bool step; /* each order needs a POL_FACT_STEP of its node */
	bool presume; /* a trust that was received counts as held, but never
		       * for an order with a finish */
	bool forget_first; /* orders with a finish come before others, where
			    * not all may be outstanding */
	uint32_t max_finish; /* with forget_first: so many of these outstanding
			      * at once; 0 no bound of their own */
};

/* g must outlive the engine. Every node that has a part must get one
 * POL_FACT_HOLDS before any other fact of it; until then its configuration
 * is unknown and nothing that touches it is allowed. */
enum pol_err pol_engine_new(const struct pol_graph *g, uint32_t root,
    const struct pol_goal *goal, struct pol_engine **out) POL_MUST;
/* Work proportional to the node's links, whatever the strategy: that a layer
 * opens or shuts, or a group is stopped, touches no other node. Of a peer that
 * has no certificate or no trust, or nothing but the goal's already, and of a
 * dual client with a server that is shallow or may hold neither generation, a
 * look may cost its links as well. */
enum pol_err
pol_engine_fact(struct pol_engine *e, const struct pol_fact *f) POL_MUST;
void pol_engine_free(struct pol_engine *e);

struct pol_order {
	uint32_t node, steps;
};

/* The first max (SIZE_MAX: all) of the orders that may start now, by node (with
 * goal.forget_first: those with a finish, then the others; with
 * goal.max_in_flight: those of nodes whose last order failed after all others,
 * so that a try that waits for its time keeps nobody from his), each
 * safe together with all the others and with all that is outstanding. *n gets
 * their number; out is owned by the engine until its next call. Beside the
 * facts since the last call it costs what it answers, and a look at each order
 * before those that only the operator's word or those who go first hold back,
 * or an old inventory, or pol_engine_put_off; of each node that goes first, and
 * when all of these wait for a layer of their group, of those that are in it;
 * and a group is looked at whole when, not begun from "all
 * old", its bundles have brought it to rest. A node with an outstanding order
 * of this goal gets no other; one of another goal (the roll turned round) is
 * outranked. */
enum pol_err
pol_engine_ready(struct pol_engine *e, struct pol_time now, size_t max,
    const struct pol_order **out, size_t *n) POL_MUST;

/* The node's order is not given for a while, for a reason of the caller's: the
 * answers leave it out, and it takes nobody's turn. No fact: a copy, or an
 * engine that is made anew, knows nothing of it. */
void pol_engine_put_off(struct pol_engine *e, uint32_t node, bool off);

/* What the outlook takes for the time after which kedged gives a node up. */
#define POL_OVERDUE_MS INT64_C(900000)
/* The node's order, which is out, counts no more against goal.max_finish, or
 * does again: who is given up keeps nobody waiting. Not at all when it has
 * none; its next order counts. */
void pol_engine_overdue(struct pol_engine *e, uint32_t node, bool overdue);

/* With goal.step: the orders for which only the operator's word is missing, or
 * was given; as above. */
enum pol_err pol_engine_batch(struct pol_engine *e, struct pol_time now,
    const struct pol_order **out, size_t *n) POL_MUST;
/* Would pol_engine_ready have this node's order just now? How many more may be
 * outstanding does not matter. */
bool
pol_engine_may_start(struct pol_engine *e, struct pol_time now, uint32_t node);

/* May this order be given now? Asks the two rules and the gates that guard
 * them (known, one order at a time, own certificate checked by own trust);
 * not the strategy, holds or limits, which only choose when. UNSAFE with
 * *why (may be NULL) filled in when not. */
struct pol_why {
	const char *rule; /* id of the rule or gate, "present-trusted" … */
	uint32_t node, steps; /* what waits */
	uint32_t peer; /* on whom; POL_NONE */
	uint32_t link_client, link_server; /* direction's link; POL_NONE */
	bool presenter_waits; /* node is the presenter of that direction */
	uint32_t peer_steps; /* whose effective report would release it; with
			      * held: the order that failed too often */
	bool outstanding; /* that order was sent: an answer is missing */
	bool is_finish_bound; /* in-flight: what is full is goal.max_finish */
	bool is_peer_unknown; /* nobody knows what it holds: it must say so */
	/* since when: that order was sent, the node is held or excused, the peer
	 * was last seen; else, or since the roll began when that was later: the
	 * peer last changed, or what was known of it is lost; known: the same of
	 * the node; window: the last one closed; step: the node last changed,
	 * without a word since. 0 unknown */
	struct pol_time since;
	struct pol_time until; /* it goes on then by itself; 0 unknown */
};
enum pol_err pol_engine_allowed(const struct pol_engine *e, uint32_t node,
    uint32_t steps, struct pol_why *why) POL_MUST;
/* For each order of node that is not done: the first thing it waits for; an
 * excused node's wait for its return.
 * Returns how many were written (at most max). */
size_t pol_engine_waits(const struct pol_engine *e, uint32_t node,
    struct pol_why *out, size_t max);

/* Where bundles do not hold: as the plan has it, then what showed itself on
 * the way from a state that is not "all old"; and who is let go before those
 * that go first. */
size_t
pol_engine_notes(const struct pol_engine *e, const struct pol_plan_note **out);

enum pol_done {
	POL_STEP_NONE,
	POL_STEP_WAITING,
	POL_STEP_SENT,
	POL_STEP_RECEIVED,
	POL_STEP_DONE,
	POL_STEP_FAILED
};
enum pol_done
pol_engine_step(const struct pol_engine *e, uint32_t node, uint32_t step);
/* So many of the node's orders in a row have failed; 0 again when one worked,
 * or the operator has freed it. */
uint32_t pol_engine_failures(const struct pol_engine *e, uint32_t node);
/* goal.presume: the node has received its trust and not answered; others may
 * get a cert that rests on it. */
bool pol_engine_is_presumed(const struct pol_engine *e, uint32_t node);
/* Of the node's order without an answer; 0: it has none. */
uint64_t pol_engine_epoch(const struct pol_engine *e, uint32_t node);
bool pol_engine_is_excused(const struct pol_engine *e, uint32_t node);
/* Every node with a part holds exactly the goal. */
bool pol_engine_is_done(const struct pol_engine *e);
/* Number of steps of the roll, and how many of them are effective. */
void
pol_engine_progress(const struct pol_engine *e, uint32_t *done, uint32_t *all);
/* The node's configuration, and what its outstanding order would make of
 * it; both are equal when nothing is outstanding. When more than these are
 * possible (a failed order, a doubted inventory), is_sure is false. */
struct pol_possible {
	struct pol_conf before, after;
	bool is_sure;
};
struct pol_possible
pol_engine_possible(const struct pol_engine *e, uint32_t node);
/* Is every direction from presenter to verifier safe in all possible
 * configurations? True when there is none, or an end is excused. */
bool pol_engine_is_safe(const struct pol_engine *e, uint32_t presenter,
    uint32_t verifier);
/* May this link be added now? Its ends are nodes of the graph; whether the
 * graph has the link already does not matter. UNSAFE with *why (may be NULL)
 * when somebody could fail to authenticate on it. Nobody needs to ask whether
 * a link may be removed: that can only free things. */
enum pol_err pol_engine_link_allowed(const struct pol_engine *e,
    const struct pol_link *l, struct pol_why *why) POL_MUST;
/* What a node must hold that joins now, beside the neighbours it has in the
 * graph: nothing but the two generations of the goal. UNSAFE: neither is
 * trusted by all of them at this moment, or one of them, generations behind,
 * may show what verifies under neither, or lost, may hold anything. */
enum pol_err pol_engine_joiner(const struct pol_engine *e, uint32_t node,
    struct pol_conf *out) POL_MUST;
/* Could the node hold this once the order of this epoch is effective?
 * Several answers are right when an order before it got lost or failed. */
bool pol_engine_may_hold(const struct pol_engine *e, uint32_t node,
    uint64_t epoch, struct pol_conf conf);

/* Is this among what the node may hold now, its outstanding order done or
 * not? True also when nothing is known of it, or too much is possible. */
bool pol_engine_fits(const struct pol_engine *e, uint32_t node,
    struct pol_conf conf);

/* ---- look-ahead: the same engine, with a clock ------------------------------ */

#define POL_NEVER INT64_MAX

/* What is assumed about a node. */
struct pol_pace {
	int64_t takes_ms; /* from order given to report in, when it is there */
	int64_t away_ms; /* it is away so long; POL_NEVER: does not come */
	uint32_t failures; /* so many of its orders fail before one works */
};

struct pol_look {
	const struct pol_pace *pace; /* one per node of the graph */
	int64_t retry_ms; /* from a failure to the next try */
	uint64_t epoch; /* above all that were ever given */
	struct pol_time start; /* for windows; 0: it begins on a Thursday */
};

/* One order of the outlook; times are since its beginning. */
struct pol_turn {
	uint32_t node, steps;
	uint32_t after; /* whose end let it start; POL_NONE: nobody's */
	uint64_t epoch;
	int64_t start_ms, end_ms; /* POL_NEVER: no answer */
	bool failed;
};

struct pol_outlook {
	struct pol_turn *turns; /* in the order in which they start */
	uint32_t n;
	uint32_t last; /* the one that ended last; POL_NONE */
	bool is_done; /* then that was the end; else all comes to rest */
};

/* The same state in an engine of its own, on the same graph. */
enum pol_err
pol_engine_copy(const struct pol_engine *e, struct pol_engine **out) POL_MUST;
/* Goes on from the engine's state, giving whatever is ready at once, until
 * all is done or nothing moves. The operator's word (goal.step) is never
 * waited for, nor an inventory. The engine is a copy that the caller can do
 * without: it is as at the end afterwards and says what waits. What is
 * outstanding is a turn from the beginning. */
enum pol_err pol_outlook_make(struct pol_engine *e, const struct pol_look *l,
    struct pol_outlook *out) POL_MUST;
void pol_outlook_clear(struct pol_outlook *o); /* frees what it owns */

/* ---- the rules as a table ------------------------------------------------- */

struct pol_rule {
	const char *id; /* as in pol_why.rule */
	const char *text; /* what must hold */
	const char *figures; /* of the seed; "" for our own */
};
/* Rules first, then gates; docs/policy.md says when each is asked. */
const struct pol_rule *pol_rules(size_t *n);

/* ---- explain ---------------------------------------------------------------- */

/* One plain sentence without full stop: what waits, by which rule, in which
 * direction, for whose report, since when, what would release it. Cut at max
 * (which includes the NUL); returns the length that was needed. name gives a
 * node's name. */
size_t pol_why_text(const struct pol_why *w,
    const char *(*name)(const void *arg, uint32_t node), const void *arg,
    char *out, size_t max);

/* Is this order justified by these facts alone? For a signer that does not
 * believe its caller: the graph holds the node and all its peers, facts what
 * signed reports prove, in the order of their epochs. A node without a
 * POL_FACT_HOLDS is unknown, and nothing is taken away on its account.
 * UNSAFE with *why (may be NULL), STALE when the facts contradict. */
struct pol_evidence {
	const struct pol_graph *graph;
	uint32_t root;
	struct pol_goal goal;
	const struct pol_fact *facts;
	size_t nfacts;
};
enum pol_err pol_order_justified(const struct pol_evidence *v,
    struct pol_order o, struct pol_why *why) POL_MUST;
