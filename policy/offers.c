/*
 * offers: the orders that rules and strategy let go, in the order in which
 * they are answered. What is the same for a whole group (which layer of the
 * strategy is open, and whether failures have stopped it) touches none of its
 * nodes: their orders lie on shelves, by turn and layer, and a group knows the
 * first on the shelf that is open. So a fact costs its node's links, and an
 * answer what is in it. Filled and asked by ready.c.
 */
#include <stdlib.h>

#include "policy/engine.h"

static bool
turn_is_used(const struct pol_goal *goal, unsigned turn)
{
	return ((turn & TURN_OTHERS) == 0 || goal->forget_first) &&
	    ((turn & TURN_FAILED) == 0 || goal->max_in_flight != 0);
}

/* A failed order waits for its time to be tried again, which the caller alone
 * knows: it shall not take the place of others meanwhile. */
static unsigned
turn_of(const struct pol_engine *e, const struct enode *n)
{
	const bool forgets = (n->offer & POL_FINISH) != 0;

	return (e->goal.forget_first && !forgets ? TURN_OTHERS : 0) |
	    (e->goal.max_in_flight != 0 && n->failures > 0 ? TURN_FAILED : 0);
}

enum pol_err
offers_new(struct pol_engine *e)
{
	struct offers *o = &e->offers;
	const uint32_t n = e->shape.graph->nnodes;
	enum pol_err err = POL_OK;

	o->layers = shape_has_layers(&e->shape) ? LAYERS_MAX : 1;
	o->place = malloc(((size_t)n + 1) * sizeof(*o->place));
	o->next = malloc(((size_t)e->shape.ngroups + 1) * sizeof(*o->next));
	if (o->place == NULL || o->next == NULL)
		return POL_E_NOMEM;
	for (unsigned t = 0; t < TURNS && err == POL_OK; t++) {
		if (!turn_is_used(&e->goal, t))
			continue;
		err = nodeset_new(&o->lead[t], n);
		for (unsigned l = 0; l < o->layers && err == POL_OK; l++)
			err = nodeset_new(&o->shelf[t][l], n);
	}
	return err;
}

void
offers_start(struct pol_engine *e)
{
	for (uint32_t i = 0; i < e->members_at[e->shape.ngroups]; i++) {
		e->offers.place[e->members[i]] = i;
		e->node[e->members[i]].offer = 0;
	}
	for (uint32_t k = 0; k < e->shape.ngroups; k++) {
		for (unsigned t = 0; t < TURNS; t++)
			e->group[k].lead[t] = POL_NONE;
		e->group[k].behind_layer = LAYERS_MAX;
		e->group[k].stopper = POL_NONE;
	}
	e->oldest[0] = e->oldest[1] = POL_NONE;
}

void
offers_free(struct offers *o)
{
	for (unsigned t = 0; t < TURNS; t++) {
		nodeset_free(&o->lead[t]);
		for (unsigned l = 0; l < LAYERS_MAX; l++)
			nodeset_free(&o->shelf[t][l]);
	}
	free(o->place);
	free(o->next);
}

/* ---- filling ------------------------------------------------------------------- */

static struct nodeset *
shelf_of(struct pol_engine *e, uint32_t node)
{
	const struct enode *n = &e->node[node];

	return &e->offers.shelf[n->turn][shape_layer(&e->shape,
	    e->shape.role[node], n->offer)];
}

void
offers_put(struct pol_engine *e, uint32_t node, uint32_t steps)
{
	const uint32_t place = e->offers.place[node];
	struct enode *n = &e->node[node];

	if (n->offer != 0)
		nodeset_put(shelf_of(e, node), place, false);
	n->offer = (uint8_t)steps;
	n->turn = (uint8_t)turn_of(e, n);
	if (n->offer != 0)
		nodeset_put(shelf_of(e, node), place, true);
}

/* The group's first from this place on, of the layer that is open: of those
 * below it everything is done. */
static uint32_t
group_next(const struct pol_engine *e, uint32_t group, unsigned turn,
    uint32_t place)
{
	const struct offers *o = &e->offers;
	const unsigned layer = engine_layer(e, group);
	uint32_t i = POL_NONE;

	if (layer < o->layers && o->shelf[turn][layer].nlevels > 0)
		i = nodeset_next(&o->shelf[turn][layer], place);
	return i < e->members_at[group + 1] ? e->members[i] : POL_NONE;
}

void
offers_lead(struct pol_engine *e, uint32_t group)
{
	struct egroup *g = &e->group[group];

	for (unsigned t = 0; t < TURNS; t++) {
		const uint32_t first = g->failed == 0
		    ? group_next(e, group, t, e->members_at[group])
		    : POL_NONE;
		if (first == g->lead[t])
			continue;
		if (g->lead[t] != POL_NONE)
			nodeset_put(&e->offers.lead[t], g->lead[t], false);
		if (first != POL_NONE)
			nodeset_put(&e->offers.lead[t], first, true);
		g->lead[t] = first;
	}
}

/* ---- asking -------------------------------------------------------------------- */

uint32_t
offers_of(const struct pol_engine *e, uint32_t node)
{
	const struct enode *n = &e->node[node];

	return n->offer != 0 &&
		shape_layer(&e->shape, e->shape.role[node], n->offer) <=
		    engine_layer(e, e->shape.group[node])
	    ? n->offer
	    : 0;
}

bool
offers_are_none(const struct pol_engine *e, uint32_t group)
{
	bool none = true;

	for (unsigned t = 0; t < TURNS; t++)
		none &= e->group[group].lead[t] == POL_NONE;
	return none;
}

struct offers_walk
offers_walk(struct pol_engine *e, unsigned turn)
{
	const struct nodeset *lead = &e->offers.lead[turn];

	e->offers.nnext = 0;
	return (struct offers_walk){ turn,
		lead->nlevels > 0 ? nodeset_next(lead, 0) : POL_NONE };
}

/* Puts a node where the heap of next ones has a gap, from i upwards. */
static void
heap_up(struct offers *o, uint32_t i, uint32_t node)
{
	for (; i > 0 && node < o->next[(i - 1) / 2]; i = (i - 1) / 2)
		o->next[i] = o->next[(i - 1) / 2];
	o->next[i] = node;
}

/* The same at its top, downwards. */
static void
heap_down(struct offers *o, uint32_t node)
{
	uint32_t i = 0, k;

	while ((k = 2 * i + 1) < o->nnext) {
		k += k + 1 < o->nnext && o->next[k + 1] < o->next[k];
		if (o->next[k] >= node)
			break;
		o->next[i] = o->next[k];
		i = k;
	}
	o->next[i] = node;
}

/* Groups follow each other by number of node, not one after the other: the
 * heap has the next of each group that has begun. */
uint32_t
offers_next(struct pol_engine *e, struct offers_walk *w)
{
	struct offers *o = &e->offers;
	const uint32_t top = o->nnext > 0 ? o->next[0] : POL_NONE;
	const bool begins = w->lead < top;
	const uint32_t node = begins ? w->lead : top;
	uint32_t next;

	if (node == POL_NONE)
		return POL_NONE;
	next = group_next(e, e->shape.group[node], w->turn, o->place[node] + 1);
	if (begins) {
		w->lead = nodeset_next(&o->lead[w->turn], node + 1);
		if (next != POL_NONE)
			heap_up(o, o->nnext++, next);
	} else if (next != POL_NONE)
		heap_down(o, next);
	else if (--o->nnext > 0)
		heap_down(o, o->next[o->nnext]);
	return node;
}
