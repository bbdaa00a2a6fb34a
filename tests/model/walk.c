/*
 * walk: one roll from "all old" under each strategy, reports in random
 * order. At every moment the engine offers exactly what the plan says: for
 * each node the first order whose prerequisites are effective. And all that
 * is offered may be given at once.
 */
#include <stdlib.h>
#include "tests/model/pick.h"
#include "tests/model/walk.h"

#include <stddef.h>
#include <string.h>

#define ORDERS_MAX (3 * NODES_MAX)

struct walker {
	const struct topology *t;
	struct pol_plan *plan;
	struct pol_engine *engine;
	uint32_t norders;
	uint64_t after[ORDERS_MAX]; /* bit per order */
	uint64_t given, effective;
	uint64_t epoch[ORDERS_MAX], last_epoch;
	struct state state; /* the world's */
	uint64_t *seed;
};

/* The first order of the node that the plan lets start now; POL_NONE. */
static uint32_t
plan_offers(const struct walker *w, uint32_t node)
{
	uint32_t best = POL_NONE;

	for (uint32_t i = 0; i < w->norders; i++) {
		struct pol_plan_order o = pol_plan_order(w->plan, i);
		if (o.node != node)
			continue;
		if ((w->given & ~w->effective) >> i & 1)
			return POL_NONE; /* one at a time */
		if ((w->given >> i & 1) || (w->after[i] & ~w->effective) != 0)
			continue;
		if (best == POL_NONE ||
		    o.steps < pol_plan_order(w->plan, best).steps)
			best = i;
	}
	return best;
}

static const char *
offers_compare(struct walker *w)
{
	const struct pol_order *o;
	size_t n, at = 0;

	if (pol_engine_ready(w->engine, (struct pol_time){ 0 }, SIZE_MAX, &o,
		&n) != POL_OK)
		return "the engine fails";
	for (uint32_t i = 0; i < w->t->n; i++) {
		uint32_t plan = plan_offers(w, i);
		bool is = at < n && o[at].node == i;
		if (is != (plan != POL_NONE))
			return is ? "the engine offers what the plan holds "
				    "back"
				  : "the engine holds back what the plan "
				    "offers";
		if (is && o[at].steps != pol_plan_order(w->plan, plan).steps)
			return "engine and plan bundle differently";
		at += is;
	}
	return at == n ? NULL : "the engine offers a node out of order";
}

/* Everything that is offered, given at the same time. */
static const char *
offers_together(struct walker *w)
{
	struct state all = w->state;
	const char *why = NULL;

	for (uint32_t i = 0; i < w->t->n; i++) {
		uint32_t plan = plan_offers(w, i);
		if (plan == POL_NONE)
			continue;
		all.node[i].steps =
		    (uint8_t)pol_plan_order(w->plan, plan).steps;
		all.node[i].to = 2;
	}
	for (uint32_t i = 0; i < w->t->n && why == NULL; i++)
		if (all.node[i].steps != 0)
			why = world_breaks(w->t, &all, i);
	return why != NULL || world_is_whole(w->t, &all)
	    ? why
	    : "what is offered together breaks a direction";
}

/* Somebody who is to forget before the last one does has not. */
static bool
is_too_early(const struct walker *w, struct pol_plan_order o)
{
	if (!w->t->last[o.node] || !(o.steps & POL_FINISH))
		return false;
	for (uint32_t i = 0; i < w->t->n; i++) {
		const struct node_state *n = &w->state.node[i];
		if ((w->t->shows[i][o.node] | w->t->shows[o.node][i]) == 0)
			continue;
		if (n->steps != 0 ||
		    ((w->t->traits[i] & WORLD_VERIFIES) &&
			n->trusts != 1u << 1) ||
		    ((w->t->traits[i] & WORLD_BRIDGES) && n->chains != 1u << 1))
			return true;
	}
	return false;
}

static const char *
give(struct walker *w, uint32_t i)
{
	const struct pol_plan_order o = pol_plan_order(w->plan, i);
	const struct pol_fact f = { .kind = POL_FACT_SENT,
		.node = o.node,
		.epoch = ++w->last_epoch,
		.steps = o.steps,
		.from = 1,
		.to = 2 };

	if (is_too_early(w, o))
		return "the last one does not come last";
	w->epoch[i] = f.epoch;
	w->given |= UINT64_C(1) << i;
	w->state.node[o.node].steps = (uint8_t)o.steps;
	w->state.node[o.node].to = 2;
	return pol_engine_fact(w->engine, &f) == POL_OK ? NULL
							: "a fact is refused";
}

static const char *
report(struct walker *w, uint32_t i)
{
	const struct pol_plan_order o = pol_plan_order(w->plan, i);
	const struct pol_fact f = { .kind = POL_FACT_EFFECTIVE,
		.node = o.node,
		.epoch = w->epoch[i] };
	struct node_state *n = &w->state.node[o.node];
	const uint8_t trusts = world_trusts_effective(w->t, o.node, n);
	const uint8_t chains = world_chains_after(w->t, o.node, n);

	*n = (struct node_state){ .trusts = trusts, .chains = chains };
	w->effective |= UINT64_C(1) << i;
	return pol_engine_fact(w->engine, &f) == POL_OK ? NULL
							: "a fact is refused";
}

/* Gives an order that is offered, or reports one that was given. */
static const char *
walk_step(struct walker *w)
{
	uint32_t choice[ORDERS_MAX + NODES_MAX], n = 0, i;

	for (i = 0; i < w->norders; i++)
		if ((w->given & ~w->effective) >> i & 1)
			choice[n++] = i;
	for (i = 0; i < w->t->n; i++)
		if (plan_offers(w, i) != POL_NONE)
			choice[n++] = plan_offers(w, i);
	if (n == 0)
		return "the plan comes to rest before its end";
	i = choice[model_pick(w->seed, n)];
	return (w->given >> i & 1) ? report(w, i) : give(w, i);
}

static void
plan_read(struct walker *w)
{
	w->norders = pol_plan_count(w->plan);
	for (uint32_t i = 0; i < w->norders; i++) {
		const uint32_t *after;
		size_t n;
		if (pol_plan_after(w->plan, i, &after, &n) != POL_OK)
			abort();
		for (size_t k = 0; k < n; k++)
			w->after[i] |= UINT64_C(1) << after[k];
	}
}

static const char *
walk_one(struct walker *w)
{
	const uint64_t all = (UINT64_C(1) << w->norders) - 1;
	const char *why = NULL;

	for (uint32_t i = 0; i < w->t->n && why == NULL; i++) {
		const struct pol_fact f = { .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1, 1, 0 } };
		w->state.node[i].trusts = w->state.node[i].chains = 1;
		if (pol_engine_fact(w->engine, &f) != POL_OK)
			why = "a fact is refused";
	}
	while (why == NULL && w->effective != all)
		if ((why = offers_compare(w)) == NULL &&
		    (why = offers_together(w)) == NULL)
			why = walk_step(w);
	if (why == NULL &&
	    (!pol_engine_is_done(w->engine) || !world_is_done(w->t, &w->state)))
		why = "the plan's end is not the goal";
	return why;
}

const char *
walk_all(const struct topology *t, const struct pol_graph *g, uint64_t *seed)
{
	const char *why = NULL;

	for (unsigned s = POL_MINIMAL; s < POL_STRATEGIES && why == NULL; s++) {
		const struct pol_goal goal = { .from = 1,
			.to = 2,
			.strategy = (enum pol_strategy)s };
		struct walker w = { .t = t,
			.seed = seed,
			.state = { .goal = 2 } };
		if (pol_plan_make(g, 0, goal.strategy, &w.plan) != POL_OK ||
		    pol_engine_new(g, 0, &goal, &w.engine) != POL_OK)
			why = "the library refuses the graph";
		if (why == NULL) {
			plan_read(&w);
			why = walk_one(&w);
		}
		pol_plan_free(w.plan);
		pol_engine_free(w.engine);
	}
	return why;
}
