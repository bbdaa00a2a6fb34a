/*
 * paced: gates that only say when. One roll from "all old" under each
 * strategy, some nodes go first, some orders fail, the clock jumps in and out
 * of a window, and (half of the time) each order needs the operator's word.
 *  - the goal is reached;
 *  - whatever starts is allowed by the rules, and breaks nothing;
 *  - nobody gets a step that one of the first has still to do, unless none of
 *    the first can move, and one of them could never get its next step without;
 *  - after a failure of one of the first only those that failed go on;
 *  - outside the window, and without the word, nothing starts;
 *  - where a trust that was received is presumed to work (a third of the
 *    time), an order breaks nothing if it does, and one with a finish breaks
 *    nothing even if it does not.
 */
#include <stddef.h>

#include "tests/model/paced.h"
#include "tests/model/pick.h"

#define HOUR_MS INT64_C(3600000)
#define TURNS	1000

struct paced {
	const struct topology *t;
	const struct pol_graph *graph;
	struct pol_engine *engine;
	struct pol_goal goal;
	struct pol_time now;
	uint32_t first[NODES_MAX];
	uint32_t steps[NODES_MAX]; /* outstanding */
	bool failed[NODES_MAX], let[NODES_MAX], received[NODES_MAX];
	uint64_t epoch[NODES_MAX], last_epoch;
	struct state state; /* the world's */
	uint64_t *seed;
};

static bool
goes_first(const struct paced *p, uint32_t node)
{
	for (uint32_t i = 0; i < p->goal.nfirst; i++)
		if (p->first[i] == node)
			return true;
	return false;
}

static bool
one_has_failed(const struct paced *p)
{
	for (uint32_t i = 0; i < p->goal.nfirst; i++)
		if (p->failed[p->first[i]])
			return true;
	return false;
}

/* For whom others may go: all that go first, or those of them that failed. */
static bool
is_waited_for(const struct paced *p, uint32_t node)
{
	return goes_first(p, node) && (!one_has_failed(p) || p->failed[node]);
}

static uint32_t
todo_of(const struct paced *p, const struct pol_engine *e, uint32_t node)
{
	uint32_t todo = 0;

	for (uint32_t s = POL_TRUST; s <= POL_FINISH; s <<= 1)
		if ((pol_graph_steps(p->graph, 0, node) & s) != 0 &&
		    pol_engine_step(e, node, s) != POL_STEP_DONE)
			todo |= s;
	return todo;
}

static bool
tell(struct pol_engine *e, enum pol_fact_kind kind, uint32_t node,
    uint64_t epoch)
{
	const struct pol_fact f = { .kind = kind,
		.node = node,
		.epoch = epoch };

	return pol_engine_fact(e, &f) == POL_OK;
}

/* ---- could the first do without this node? ------------------------------------- */

/* The same facts in an engine that knows nothing of who goes first. */
static struct pol_engine *
engine_free_of_gates(const struct paced *p)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = p->goal.strategy };
	static const uint64_t trusts[] = { 1, 2, 3, 0 };
	static const struct pol_conf chains[] = { { 0, 1, 0 }, { 0, 2, 0 },
		{ 0, 2, 1 }, { 0, 1, 2 } };
	struct pol_engine *e;

	if (pol_engine_new(p->graph, 0, &goal, &e) != POL_OK)
		return NULL;
	for (uint32_t i = 0; i < p->t->n; i++) {
		const struct node_state *n = &p->state.node[i];
		struct pol_fact f = { .kind = POL_FACT_HOLDS, .node = i };
		for (unsigned k = 0; k < 16; k++) {
			if (!(n->trusts >> (k / 4) & 1) ||
			    !(n->chains >> (k % 4) & 1))
				continue;
			f.conf = chains[k % 4];
			f.conf.trust = trusts[k / 4];
			if (pol_engine_fact(e, &f) != POL_OK)
				return NULL;
			f.kind = POL_FACT_DOUBTED;
		}
	}
	return e;
}

/* One of those that are waited for has an order out, or could have one. */
static bool
first_move(const struct paced *p, struct pol_engine *e)
{
	const struct pol_order *o;
	bool move = false;
	size_t n = 0;

	if (pol_engine_ready(e, p->now, SIZE_MAX, &o, &n) != POL_OK)
		return true;
	for (size_t i = 0; i < n; i++)
		move |= is_waited_for(p, o[i].node);
	for (uint32_t i = 0; i < p->t->n; i++)
		move |= is_waited_for(p, i) && p->steps[i] != 0;
	return move;
}

/* Everybody but node goes on for as long as anything moves. */
static bool
can_do_without(const struct paced *p, uint32_t node)
{
	struct pol_engine *e = engine_free_of_gates(p);
	uint32_t next[NODES_MAX] = { 0 };
	const struct pol_order *o;
	bool can = e == NULL || first_move(p, e);
	uint64_t epoch = 0;
	size_t n = 1;

	for (uint32_t i = 0; i < p->t->n && !can; i++)
		next[i] = todo_of(p, e, i) & (0 - todo_of(p, e, i));
	if (can || !tell(e, POL_FACT_HELD, node, 0)) {
		pol_engine_free(e);
		return true;
	}
	can = true;
	while (can && n > 0) {
		can = pol_engine_ready(e, p->now, SIZE_MAX, &o, &n) == POL_OK;
		if (n > 0) {
			const struct pol_fact f = { .kind = POL_FACT_SENT,
				.node = o[0].node,
				.epoch = ++epoch,
				.steps = o[0].steps,
				.from = 1,
				.to = 2 };
			can = can && pol_engine_fact(e, &f) == POL_OK &&
			    tell(e, POL_FACT_EFFECTIVE, f.node, epoch);
		}
	}
	for (uint32_t i = 0; i < p->t->n && can; i++)
		if (is_waited_for(p, i) && (todo_of(p, e, i) & next[i]) != 0)
			can = false;
	pol_engine_free(e);
	return can;
}

/* ---- what may start --------------------------------------------------------------- */

static const char *
order_judge(const struct paced *p, const struct pol_order *o)
{
	if (pol_engine_allowed(p->engine, o->node, o->steps, NULL) != POL_OK)
		return "an order starts that the rules forbid";
	if (one_has_failed(p) && !is_waited_for(p, o->node) &&
	    can_do_without(p, o->node))
		return "an order starts after one of the first has failed";
	if (goes_first(p, o->node))
		return NULL;
	for (uint32_t i = 0; i < p->goal.nfirst; i++)
		if ((todo_of(p, p->engine, p->first[i]) & o->steps) != 0)
			return can_do_without(p, o->node)
			    ? "an order starts before those that go first"
			    : NULL;
	return NULL;
}

/* Orders that may start now into o; NULL, or what is wrong. */
static const char *
look(struct paced *p, const struct pol_order **o, size_t *n)
{
	/* the explorer's own idea of the window below */
	const int64_t hour = p->now.ms / HOUR_MS % 24;
	const bool open = p->goal.nwindows == 0 || hour >= 22 || hour < 2;
	const char *why = NULL;

	if (pol_engine_ready(p->engine, p->now, SIZE_MAX, o, n) != POL_OK)
		return "the engine fails";
	if (*n > 0 && !open)
		return "an order starts outside of the window";
	if (open !=
	    (pol_windows_open(p->goal.windows, p->goal.nwindows, p->now).ms ==
		p->now.ms))
		return "the window is not open when it should be";
	for (size_t i = 0; i < *n && why == NULL; i++) {
		why = order_judge(p, &(*o)[i]);
		if (p->goal.step && !p->let[(*o)[i].node])
			why = "an order starts without the operator's word";
	}
	return why;
}

/* Lets go some of those that only wait for the word. */
static const char *
say_word(struct paced *p)
{
	const struct pol_order *o;
	size_t n;

	if (pol_engine_batch(p->engine, p->now, &o, &n) != POL_OK)
		return "the engine fails";
	for (size_t i = 0; i < n; i++)
		if (model_pick(p->seed, 2) == 0) {
			p->let[o[i].node] = true;
			if (!tell(p->engine, POL_FACT_STEP, o[i].node, 0))
				return "a fact is refused";
		}
	return NULL;
}

/* ---- turns ---------------------------------------------------------------------------- */

/* The world as it is presumed to be when this order goes. */
static struct state
state_presumed(const struct paced *p, struct pol_order o)
{
	struct state s = p->state;

	if (!p->goal.presume || (o.steps & STEP_FINISH) != 0)
		return s;
	for (uint32_t i = 0; i < p->t->n; i++) {
		struct node_state *n = &s.node[i];
		if (p->received[i] && (n->steps & STEP_TRUST) != 0 &&
		    (n->steps & STEP_FINISH) == 0 &&
		    (n->trusts & (n->trusts - 1)) == 0)
			n->trusts = world_trusts_effective(p->t, i, n);
	}
	return s;
}

static const char *
give(struct paced *p, struct pol_order o)
{
	struct state presumed;

	const struct pol_fact f = { .kind = POL_FACT_SENT,
		.node = o.node,
		.epoch = ++p->last_epoch,
		.steps = o.steps,
		.from = 1,
		.to = 2 };

	p->epoch[o.node] = f.epoch;
	p->steps[o.node] = o.steps;
	p->let[o.node] = p->received[o.node] = false;
	p->state.node[o.node].steps = (uint8_t)o.steps;
	p->state.node[o.node].to = 2;
	if (pol_engine_fact(p->engine, &f) != POL_OK)
		return "a fact is refused";
	presumed = state_presumed(p, o);
	return world_breaks(p->t, &presumed, o.node);
}

static const char *
answer(struct paced *p, uint32_t node)
{
	struct node_state *n = &p->state.node[node];
	const bool fails = model_pick(p->seed, 6) == 0;
	const uint8_t trusts = fails
	    ? n->trusts | world_trusts_after(p->t, node, n)
	    : world_trusts_effective(p->t, node, n);
	const uint8_t chains =
	    world_chains_after(p->t, node, n) | (fails ? n->chains : 0);

	n->trusts = trusts;
	n->chains = chains;
	n->steps = 0;
	p->steps[node] = 0;
	p->failed[node] = fails;
	return tell(p->engine, fails ? POL_FACT_FAILED : POL_FACT_EFFECTIVE,
		   node, p->epoch[node])
	    ? NULL
	    : "a fact is refused";
}

static const char *
turn(struct paced *p)
{
	const uint32_t node = model_pick(p->seed, p->t->n);
	const struct pol_order *o;
	const char *why;
	size_t n;

	p->now.ms += (int64_t)model_pick(p->seed, 5) * HOUR_MS;
	if (p->goal.step && (why = say_word(p)) != NULL)
		return why;
	if ((why = look(p, &o, &n)) != NULL)
		return why;
	/* an answer or an order, of the first node from this one on */
	for (uint32_t k = node; k < node + p->t->n; k++) {
		const uint32_t i = k % p->t->n;
		if (p->steps[i] != 0 && !p->received[i] && p->goal.presume &&
		    model_pick(p->seed, 3) > 0) {
			p->received[i] = true;
			return tell(p->engine, POL_FACT_RECEIVED, i,
				   p->epoch[i])
			    ? NULL
			    : "a fact is refused";
		}
		/* an answer comes when nothing else can, or some time */
		if (p->steps[i] != 0 && (n == 0 || model_pick(p->seed, 2) == 0))
			return answer(p, i);
		for (size_t j = 0; j < n; j++)
			if (o[j].node == i)
				return give(p, o[j]);
	}
	return NULL;
}

static const char *
start(struct paced *p)
{
	/* every night of four hours */
	p->goal.windows[0] = (struct pol_window){ 0x7f, 22 * 60, 2 * 60 };
	p->goal.nwindows = model_pick(p->seed, 2);
	p->goal.step = model_pick(p->seed, 2) == 0;
	p->goal.presume = model_pick(p->seed, 3) == 0;
	for (uint32_t i = 0; i < p->t->n; i++)
		if (model_pick(p->seed, 3) == 0)
			p->first[p->goal.nfirst++] = i;
	p->goal.first = p->first;
	if (pol_engine_new(p->graph, 0, &p->goal, &p->engine) != POL_OK)
		return "the library refuses the graph";
	for (uint32_t i = 0; i < p->t->n; i++) {
		const struct pol_fact f = { .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1, 1, 0 } };
		p->state.node[i].trusts = p->state.node[i].chains = 1;
		if (pol_engine_fact(p->engine, &f) != POL_OK)
			return "a fact is refused";
	}
	return NULL;
}

static const char *
paced_one(struct paced *p)
{
	const char *why = start(p);

	for (int k = 0; why == NULL && k < TURNS * (int)p->t->n &&
	     !pol_engine_is_done(p->engine);
	     k++)
		why = turn(p);
	if (why == NULL && !pol_engine_is_done(p->engine))
		why = "gates that only say when keep it from its end";
	if (why == NULL && !world_is_whole(p->t, &p->state))
		why = "at the end somebody cannot authenticate";
	pol_engine_free(p->engine);
	return why;
}

const char *
paced_all(const struct topology *t, const struct pol_graph *g, uint64_t *seed)
{
	/* of large graphs there are many: one strategy each */
	const unsigned one = model_pick(seed, POL_STRATEGIES);
	const char *why = NULL;

	for (unsigned s = POL_MINIMAL; s < POL_STRATEGIES && why == NULL; s++) {
		struct paced p = { .t = t,
			.graph = g,
			.goal = { .from = 1,
			    .to = 2,
			    .strategy = (enum pol_strategy)s },
			.state = { .goal = 2 },
			.seed = seed };
		if (t->n <= 4 || s == one)
			why = paced_one(&p);
	}
	return why;
}
