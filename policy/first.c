/*
 * first: the nodes that the operator lets go first. For each kind of step
 * they have done it before anybody else may get it. When none of them can
 * move because rules or strategy make them wait for other nodes, the orders of
 * these are let through; and when none of these can move either, the gate is
 * open, so that nobody waits for ever.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/engine.h"

static bool
goes_first(const struct firsts *f, uint32_t node)
{
	uint32_t lo = 0, hi = f->n;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;
		if (f->nodes[mid] < node)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && f->nodes[lo] == node;
}

static int
number_compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

enum pol_err
first_make(struct pol_engine *e, const uint32_t *nodes, uint32_t n)
{
	const size_t all = e->shape.graph->nnodes;
	struct firsts *f = &e->first;

	f->failed = POL_NONE;
	if (n == 0)
		return POL_OK;
	for (uint32_t i = 0; i < n; i++)
		if (nodes[i] >= all)
			return POL_E_RANGE;
	f->nodes = malloc(n * sizeof(*f->nodes));
	f->want = calloc(all, sizeof(*f->want));
	f->list = malloc(all * sizeof(*f->list));
	if (f->nodes == NULL || f->want == NULL || f->list == NULL)
		return POL_E_NOMEM;
	memcpy(f->nodes, nodes, n * sizeof(*f->nodes));
	qsort(f->nodes, n, sizeof(*f->nodes), number_compare);
	f->n = n;
	return POL_OK;
}

/* ---- who must move for them ------------------------------------------------------- */

/* These steps of the node, and all that it does before them, are wanted. */
static void
want_add(struct pol_engine *e, uint32_t node, uint32_t steps)
{
	struct firsts *f = &e->first;
	const struct parts *parts = shape_parts(&e->shape, node);
	uint32_t todo = engine_todo(e, node), add = 0;

	steps &= todo;
	for (unsigned k = parts->n; k-- > 0;)
		if (add != 0 || (parts->part[k] & steps) != 0)
			add |= parts->part[k] & todo;
	if (add == 0)
		return;
	if (f->want[node] == 0)
		f->list[f->nlist++] = node;
	f->want[node] |= (uint8_t)add;
}

static void
want_blocker(void *arg, uint32_t peer, uint32_t steps)
{
	want_add(arg, peer, steps);
}

/* Its order is out, or what is wanted of it may start, or only the operator
 * can help: then that is what is waited for. Otherwise others must move before
 * it; an offer of steps that nobody wants helps nobody. */
static bool
is_moving(const struct pol_engine *e, uint32_t node)
{
	const struct enode *n = &e->node[node];

	return engine_serves(e, n) ||
	    (offers_of(e, node) & e->first.want[node]) != 0 ||
	    (n->flags & NODE_HELD) != 0 || !(n->flags & NODE_KNOWN);
}

static void
want_follow(struct pol_engine *e, uint32_t node)
{
	const struct parts *parts = shape_parts(&e->shape, node);
	const uint32_t todo = engine_todo(e, node);

	for (unsigned k = 0; k < parts->n; k++)
		if ((parts->part[k] & todo) != 0) {
			gate_blockers(e,
			    (struct pol_order){ node, parts->part[k] & todo },
			    want_blocker, e);
			break;
		}
}

bool
first_is_let_through(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	const struct firsts *f = &e->first;

	return f->waits && ((f->want[node] & steps) != 0 || !f->moves);
}

bool
first_has_failed(const struct pol_engine *e, uint32_t node)
{
	return goes_first(&e->first, node) && e->node[node].last_steps != 0 &&
	    engine_todo(e, node) != 0;
}

static void
look_at_first(struct pol_engine *e, uint32_t node)
{
	struct firsts *f = &e->first;
	const uint32_t todo = engine_todo(e, node);

	for (unsigned k = 0; k < 3; k++)
		if ((todo & (1u << k)) != 0 && f->who[k] == POL_NONE)
			f->who[k] = node;
	if (f->failed == POL_NONE && first_has_failed(e, node))
		f->failed = node;
}

/* After a failure only what helps those that failed is of interest. */
static void
want_first(struct pol_engine *e, uint32_t node)
{
	struct firsts *f = &e->first;
	const uint32_t todo = engine_todo(e, node);

	if (f->failed != POL_NONE && !first_has_failed(e, node))
		return;
	want_add(e, node, todo);
	if (todo != 0 && is_moving(e, node))
		f->waits = false;
}

void
first_look(struct pol_engine *e)
{
	struct firsts *f = &e->first;

	for (uint32_t i = 0; i < f->nlist; i++)
		f->want[f->list[i]] = 0;
	f->nlist = 0;
	f->waits = true;
	f->moves = false;
	f->failed = POL_NONE;
	for (unsigned k = 0; k < 3; k++)
		f->who[k] = POL_NONE;
	for (uint32_t i = 0; i < f->n; i++)
		look_at_first(e, f->nodes[i]);
	for (uint32_t i = 0; i < f->n; i++)
		want_first(e, f->nodes[i]);
	for (uint32_t i = 0; i < f->nlist && f->waits; i++) {
		if (is_moving(e, f->list[i]))
			f->moves = true;
		else
			want_follow(e, f->list[i]);
	}
}

/* ---- whose turn it is not ----------------------------------------------------------- */

bool
first_is_early(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	const struct firsts *f = &e->first;

	if (f->n == 0 || goes_first(f, node))
		return false;
	for (unsigned k = 0; k < 3; k++)
		if ((steps & (1u << k)) != 0 && f->who[k] != POL_NONE)
			return true;
	return false;
}

enum pol_err
first_note(struct pol_engine *e, uint32_t node)
{
	const uint32_t steps = e->node[node].offer;
	enum pol_err err;
	unsigned k = 0;

	if (!first_is_early(e, node, steps) ||
	    (e->node[node].flags & NODE_NOTED) != 0)
		return POL_OK;
	while (!(steps & (1u << k)) || e->first.who[k] == POL_NONE)
		k++;
	err = shape_note(&e->shape, node,
	    "goes before its turn: by the rules and the strategy its order "
	    "must come before what is left for those that go first, such as",
	    e->first.who[k]);
	if (err == POL_OK)
		e->node[node].flags |= NODE_NOTED;
	return err;
}

void
first_free(struct firsts *f)
{
	free(f->nodes);
	free(f->want);
	free(f->list);
}
