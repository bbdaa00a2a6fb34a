/*
 * events: what can happen to one node in a state. search.c makes states of
 * it, hood.c checks it.
 */
#include "tests/model/search.h"

static void
event_order(struct search *s, const struct state *before, uint32_t i,
    uint8_t steps, event_fn *fn)
{
	struct event ev = { .after = *before,
		.by_kedge = true,
		.fact = { .kind = POL_FACT_SENT,
		    .node = i,
		    .epoch = before->node[i].steps == 0 ? 2 : 3,
		    .steps = steps,
		    .from = before->goal == 2 ? 1 : 2,
		    .to = before->goal } };

	world_outrank(&s->t, i, &ev.after.node[i], steps, before->goal);
	fn(s, before, &ev);
}

static void
event_report(struct search *s, const struct state *before, uint32_t i,
    event_fn *fn)
{
	const struct node_state *n = &before->node[i];
	struct event ev = { .after = *before,
		.by_kedge = true,
		.fact = { .kind = POL_FACT_EFFECTIVE, .node = i, .epoch = 2 } };
	struct node_state *a = &ev.after.node[i];
	const uint8_t chains = world_chains_after(&s->t, i, n);

	a->steps = 0;
	a->to = 0;
	a->trusts = world_trusts_effective(&s->t, i, n);
	a->chains = chains;
	if (a->trusts != 0)
		fn(s, before, &ev);
	if (before->failures == 0)
		return;
	ev.by_kedge = false;
	ev.fact.kind = POL_FACT_FAILED;
	ev.after.failures--;
	a->trusts = n->trusts | world_trusts_after(&s->t, i, n);
	a->chains = n->chains | chains;
	fn(s, before, &ev);
}

static void
event_excuse(struct search *s, const struct state *before, uint32_t i,
    event_fn *fn)
{
	struct event ev = { .after = *before,
		.fact = { .kind = POL_FACT_RETURNED, .node = i } };

	if (before->node[i].excused) {
		ev.after.node[i].excused = false;
	} else if (before->excuses > 0) {
		ev.fact.kind = POL_FACT_EXCUSED;
		ev.after.node[i].excused = ev.after.node[i].touched = true;
		ev.after.excuses--;
	} else {
		return;
	}
	fn(s, before, &ev);
}

/* The node may hold this as well, or again: what it had at first, or a
 * snapshot of any moment of a roll. */
static void
event_doubt(struct search *s, const struct state *before, uint32_t i,
    uint8_t trust, uint8_t chain, event_fn *fn)
{
	struct event ev = { .after = *before,
		.fact = { .kind = POL_FACT_DOUBTED,
		    .node = i,
		    .conf = { trust_gens[trust], leaf_gens[chain],
			bridge_gens[chain] } } };
	struct node_state *a = &ev.after.node[i];

	ev.after.doubts--;
	a->touched = true;
	a->trusts |= (uint8_t)(1u << trust);
	a->chains |= (uint8_t)(1u << chain);
	fn(s, before, &ev);
}

void
events_of_node(struct search *s, const struct state *before, uint32_t i,
    uint8_t orders, event_fn *fn)
{
	const uint8_t traits = s->t.traits[i];
	const uint8_t trusts = (traits & WORLD_VERIFIES) ? 3 : 1;
	const uint8_t chains = (traits & WORLD_BRIDGES) ? 4
	    : (traits & WORLD_PRESENTS)			? 2
							: 1;

	for (uint8_t steps = 1; steps < 8; steps++)
		if (orders >> steps & 1)
			event_order(s, before, i, steps, fn);
	if (before->node[i].steps != 0)
		event_report(s, before, i, fn);
	event_excuse(s, before, i, fn);
	for (uint8_t t = 0; t < trusts && before->doubts > 0; t++)
		for (uint8_t c = 0; c < chains; c++)
			event_doubt(s, before, i, t, c, fn);
}
