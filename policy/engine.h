/* engine: what engine.c (facts), ready.c (answers) and explain.c share. */
#pragma once

#include "policy/inside.h"

/* Bits of a node that peers count on. An excused node has all of them. */
#define SURE_TRUST  0x01u /* every possible trust list has the goal */
#define SURE_LEAF   0x02u /* every possible leaf is of the goal */
#define SURE_BRIDGE 0x04u /* every possible client chain verifies there */
#define SURE_FINISH 0x08u /* it has no finish to do */
#define SURE_EITHER 0x10u /* every possible trust list has the goal or the old
			   * generation, both of which a bridged chain shows */
#define SURE_PRESUMED 0x20u /* SURE_TRUST, or its trust is presumed */

#define NODE_KNOWN    0x01u
#define NODE_EXCUSED  0x02u
#define NODE_HELD     0x04u
#define NODE_FAILED   0x08u /* held because it failed too often in a row */
#define NODE_RECEIVED 0x10u /* the outstanding order has arrived */
#define NODE_STEP     0x20u /* the operator lets its next order go */
#define NODE_NOTED    0x40u /* the notes say that it went before its turn */
#define NODE_LOST     0x80u /* known once, until the store was restored */

/* Possible contents of the two files of a node before its outstanding order:
 * trust list, and chain as leaf and bridge. */
struct values {
	uint64_t trust[VALUES_MAX];
	struct chain {
		uint64_t leaf, bridge;
	} chain[VALUES_MAX];
	uint8_t ntrust, nchain;
	/* more is possible than is listed; the last one listed is what the rest
	 * has in common */
	bool trust_over, chain_over;
};

struct enode {
	struct values base;
	uint64_t epoch; /* of the outstanding order; 0: none */
	uint64_t settled; /* no report of an order up to this counts */
	uint64_t outranked; /* the last order that got a successor instead of an
			     * answer: what it may have done is in base */
	int64_t sent_ms; /* when the outstanding order was sent */
	int64_t changed_ms; /* when what it may hold, or its order, did last */
	int64_t excused_ms, held_ms; /* since when */
	int64_t seen_ms; /* last agreement with a signed inventory */
	uint32_t steps, from, to; /* of the outstanding order */
	uint32_t last_steps; /* of the last order that failed */
	uint32_t failures; /* in a row */
	uint32_t wait_trust; /* directions it presents in, verifier not sure */
	uint32_t wait_trust_client; /* … of these as client */
	uint32_t wait_trust_bridge; /* … and of these where its bridge counts */
	uint32_t wait_either; /* … in which it would be of no use */
	uint32_t wait_presumed; /* as wait_trust, whose trust is presumed left
				 * out; goal.presume apart the same */
	uint32_t wait_presumed_client;
	uint32_t wait_cert; /* directions it verifies, presenter not sure */
	uint32_t wait_finish; /* of a node whose finish is the last: links with
			       * peers that have theirs to do */
	/* gate fresh of an order: this many links have been looked at, on
	 * which everybody was seen then or later */
	uint32_t fresh_at;
	int64_t fresh_oldest;
	uint8_t fresh_steps; /* of that order */
	uint8_t flags, sure, done;
	uint8_t offer; /* steps that may be given when their layer is open */
	uint8_t turn; /* of the offer */
	bool put_off; /* the caller does not want it just now */
	bool late; /* its order has no answer for long */
};

/* Which orders come before which, where not all may be outstanding. */
#define TURN_OTHERS 1u /* after those that forget */
#define TURN_FAILED 2u /* after those of nodes that have not failed */
#define TURNS	    4u

struct egroup {
	uint32_t todo[LAYERS_MAX]; /* steps not done, by layer */
	/* of nodes that are not excused: */
	uint32_t outstanding; /* orders */
	uint32_t odd; /* nodes held, or not known */
	uint32_t failed; /* nodes with NODE_FAILED: group stops */
	/* of all again: */
	uint32_t lead[TURNS]; /* who comes first of those on offer; POL_NONE */
	/* for reasons: no member before this place has anything to do in that
	 * layer; and one that has failed, POL_NONE until somebody asks */
	uint32_t behind, stopper;
	unsigned behind_layer;
};

/* Set of nodes that yields its members in ascending order: bits in words,
 * each level telling which words below it are not empty. */
#define SET_LEVELS 6
struct nodeset {
	uint64_t *level[SET_LEVELS];
	unsigned nlevels;
};

/* Orders that rules and strategy let go, see offers.c. */
struct offers {
	struct nodeset shelf[TURNS][LAYERS_MAX]; /* of places, not nodes */
	struct nodeset lead[TURNS]; /* the first node of each group */
	uint32_t *place; /* by node: where it stands in members */
	uint32_t *next, nnext; /* heap of a walk */
	unsigned layers;
};

/* What the gates of those who go first ask; looked at before each answer. */
struct firsts {
	uint32_t *nodes, n; /* that go first, ascending; NULL: nobody does */
	uint8_t *want; /* per node: steps that come before their turn */
	uint32_t *list, nlist; /* nodes with something in want */
	uint32_t who[3]; /* one that has this step to do; POL_NONE */
	uint32_t failed; /* one that failed and has not worked since */
	bool waits; /* none of them can move (after a failure: of those that
		     * failed): others must move before them */
	bool moves; /* and some of these do */
};

struct pol_engine {
	struct shape shape;
	struct pol_goal goal;
	struct enode *node;
	struct egroup *group;
	uint32_t *members, *members_at; /* nodes by group */
	uint32_t *queue; /* nodes to look at again */
	uint8_t *queued;
	uint32_t nqueue;
	struct offers offers;
	struct firsts first;
	struct pol_order *orders; /* answer of pol_engine_ready */
	size_t orders_cap;
	uint32_t outstanding; /* orders, but of nodes that are excused */
	uint32_t finishing; /* of these, with a finish, and not late */
	uint32_t done, all; /* steps, excused nodes left out */
	uint32_t *oldest; /* for reasons: of those that are out, and of those
			   * that count for goal.max_finish, who was sent its
			   * order first; POL_NONE until somebody asks */
	struct pol_time now;
};

/* So many more orders with a finish may be outstanding. */
static inline uint32_t
engine_may_finish(const struct pol_engine *e)
{
	const uint32_t max = e->goal.max_finish;

	if (max == 0 || !e->goal.forget_first)
		return UINT32_MAX;
	return e->finishing < max ? max - e->finishing : 0;
}

/* The outstanding order, if any, moves the node towards the goal; one of
 * before the roll turned round does not. */
static inline bool
engine_serves(const struct pol_engine *e, const struct enode *n)
{
	return n->epoch != 0 &&
	    (n->from < n->to) == (e->goal.from < e->goal.to);
}

/* It counts for goal.max_in_flight. Of who is excused no answer is waited for,
 * so his order takes nobody's place. */
static inline bool
engine_is_out(const struct pol_engine *e, const struct enode *n)
{
	return engine_serves(e, n) && (n->flags & NODE_EXCUSED) == 0;
}

/* It counts for goal.max_finish. */
static inline bool
engine_finishes(const struct pol_engine *e, const struct enode *n)
{
	return engine_is_out(e, n) && (n->steps & POL_FINISH) != 0 && !n->late;
}

/* ---- values.c ---------------------------------------------------------------- */

void values_add(struct values *v, struct pol_conf c);
/* Each possible content as the change leaves it; added to out. */
void values_change(const struct values *v, const struct change *c,
    struct values *out);
/* May this be what the node holds? */
bool values_have(const struct values *v, struct pol_conf conf);
/* Nothing else is possible than the first of each. */
bool values_are_sure(const struct values *v);

/* ---- nodeset.c --------------------------------------------------------------- */

enum pol_err nodeset_new(struct nodeset *s, uint32_t n) POL_MUST;
void nodeset_put(struct nodeset *s, uint32_t i, bool in);
bool nodeset_has(const struct nodeset *s, uint32_t i);
/* The smallest member >= i, or POL_NONE. */
uint32_t nodeset_next(const struct nodeset *s, uint32_t i);
void nodeset_free(struct nodeset *s);

/* ---- offers.c ------------------------------------------------------------------ */

/* Empty shelves, for the goal's turns and the strategy's layers. */
enum pol_err offers_new(struct pol_engine *e) POL_MUST;
/* Nobody has an offer, and no reason was asked for, whatever nodes and groups
 * say; the shelves must be empty. */
void offers_start(struct pol_engine *e);
/* These steps of the node are on offer instead; 0: none. Its group's lead has
 * to be found again, once all of its nodes were seen to. */
void offers_put(struct pol_engine *e, uint32_t node, uint32_t steps);
void offers_lead(struct pol_engine *e, uint32_t group);
/* What is on offer to the node and its layer is open; 0: nothing. */
uint32_t offers_of(const struct pol_engine *e, uint32_t node);
bool offers_are_none(const struct pol_engine *e, uint32_t group);
/* Those of one turn that are on offer in groups that are not stopped, by
 * node; POL_NONE at the end. One walk at a time, and no change meanwhile. */
struct offers_walk {
	unsigned turn;
	uint32_t lead;
};
struct offers_walk offers_walk(struct pol_engine *e, unsigned turn);
uint32_t offers_next(struct pol_engine *e, struct offers_walk *w);
void offers_free(struct offers *o);

/* ---- engine.c ---------------------------------------------------------------- */

void engine_queue(struct pol_engine *e, uint32_t node);
/* Adds (or takes away) the node's share of the counts of its group. */
void group_count(struct pol_engine *e, uint32_t node, bool add);
/* What order steps would do to this node now. */
struct change
engine_change(const struct pol_engine *e, uint32_t node, uint32_t steps);
/* Possible contents of the files of node, outstanding order included. */
struct values values_possible(const struct pol_engine *e, uint32_t node);
struct file_set engine_trusts(const struct pol_engine *e, uint32_t node);
/* The trust that it has received is presumed to work; not when it failed
 * before, or when more than its order makes it unsure. */
bool engine_presumes(const struct pol_engine *e, uint32_t node);
struct file_set
engine_trusts_presumed(const struct pol_engine *e, uint32_t node);
struct file_set
engine_shows(const struct pol_engine *e, uint32_t node, bool bridging);
/* Steps that are in the node's roll and not done. */
uint32_t engine_todo(const struct pol_engine *e, uint32_t node);
unsigned engine_layer(const struct pol_engine *e, uint32_t group);

/* ---- breach.c: what an order does to directions ---------------------------------- */

/* What an order changes in the node's own two files; the chain as seen with
 * and without the bridge. */
struct own_files {
	bool presumes; /* a trust that was received is enough */
	struct file_set trust_now, trust_next;
	struct file_set shown_now[2], shown_next[2];
	/* something may be taken from chains that are not listed, as seen
	 * without and with the bridge; a finish of full trust lists always
	 * takes something from one that is */
	bool shown_loses[2];
};
void own_files(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct own_files *o);

enum counted {
	COUNTED_NOTHING, /* each direction must be asked about */
	COUNTED_OPEN,
	COUNTED_SHUT
};
enum counted
breach_count(const struct pol_engine *e, uint32_t node, uint32_t steps);

/* Asked of each direction that the order would break; false: enough. */
typedef bool
breach_fn(void *arg, const struct half *h, bool is_client, bool presents);
bool breach_each(const struct pol_engine *e, struct pol_order order,
    breach_fn *fn, void *arg);

/* From which directions of this link does it take something away? */
#define TAKES_SHOWN 0x01u /* from what the node shows to its peer */
#define TAKES_TRUST 0x02u /* from what it trusts of its peer's */
unsigned breach_takes(const struct pol_engine *e, uint32_t node,
    const struct half *h, bool is_client, const struct own_files *o);

/* ---- fresh.c: were those seen lately on whom it rests? ---------------------------- */

bool gate_fresh(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why);
static inline void
fresh_forget(struct enode *n)
{
	n->fresh_at = 0;
	n->fresh_oldest = INT64_MAX;
}

/* ---- gate.c: may this order be given? ------------------------------------------ */

/* One gate each; false with *why filled in. */
struct gate {
	const char *rule;
	bool (*open)(const struct pol_engine *e, uint32_t node, uint32_t steps,
	    struct pol_why *why);
};
/* Gates that guard safety, gates of the strategy, gates of the operator and
 * of time, his word for each order; each list is ended by NULL. */
extern const struct gate gates_safety[];
extern const struct gate gates_strategy[];
extern const struct gate gates_when[];
extern const struct gate gates_word[];
/* Outside all windows nothing can start, whatever it is. */
bool gate_window(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why);
/* Of what is so since then, or was so when the roll began. */
struct pol_time gate_since(const struct pol_engine *e, int64_t ms);
/* On whom, and on which of its steps, it waits. */
void gate_why_peer(const struct pol_engine *e, struct pol_why *why,
    uint32_t peer, uint32_t steps);
/* True when all gates of the list are open; *why names the first that is
 * not. */
bool gates_pass(const struct gate *list, const struct pol_engine *e,
    struct pol_order o, struct pol_why *why);
/* The same without the layer, which is its group's: offers.c asks that. */
bool gates_pass_node(const struct gate *list, const struct pol_engine *e,
    struct pol_order o);
/* Every peer on whose steps this order waits by rules and strategy; some
 * twice. */
typedef void gate_blocker_fn(void *arg, uint32_t peer, uint32_t steps);
void gate_blockers(const struct pol_engine *e, struct pol_order o,
    gate_blocker_fn *fn, void *arg);

/* ---- first.c: who goes first ------------------------------------------------------ */

enum pol_err first_make(struct pol_engine *e, const uint32_t *nodes,
    uint32_t n) POL_MUST;
void first_look(struct pol_engine *e);
/* It goes first, has failed and not worked since. */
bool first_has_failed(const struct pol_engine *e, uint32_t node);
/* It does not go first, and one that does has such a step to do. */
bool first_is_early(const struct pol_engine *e, uint32_t node, uint32_t steps);
/* Those that go first (after a failure: those that failed) wait for it, or for
 * nobody that could move. Only asked when some node goes first. */
bool first_is_let_through(const struct pol_engine *e, uint32_t node,
    uint32_t steps);
/* The node's order goes all the same: a note, once. */
enum pol_err first_note(struct pol_engine *e, uint32_t node) POL_MUST;
void first_free(struct firsts *f);
