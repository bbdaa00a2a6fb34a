/*
 * cycle: nodes that stand on cycles of some relation between neighbours, by
 * Tarjan's strongly connected components with stacks of its own. Called by
 * bundle.c and compact.c, which say what the relation is.
 */
#include <stdlib.h>

#include "policy/inside.h"

struct frame {
	uint32_t node;
	struct walk walk;
};

struct tarjan {
	const struct cycles *c;
	uint32_t *index, *low; /* 0: not seen yet */
	uint32_t *stack; /* POL_NONE in low: off the stack */
	struct frame *frames;
	uint32_t nindex, nstack, nframes;
};

static uint32_t
next_arc(const struct tarjan *t, struct frame *f)
{
	const struct half *h;

	while ((h = walk_next(&f->walk)) != NULL)
		if (t->c->is_in(t->c, h->peer) &&
		    t->c->is_arc(t->c, f->node, h, f->walk.is_client))
			return h->peer;
	return POL_NONE;
}

static void
frame_push(struct tarjan *t, uint32_t node)
{
	t->index[node] = t->low[node] = ++t->nindex;
	t->stack[t->nstack++] = node;
	t->frames[t->nframes++] =
	    (struct frame){ node, walk_start(t->c->shape->graph, node) };
}

/* node is the first of its component: take the component off the stack. */
static enum pol_err
component_close(struct tarjan *t, uint32_t node)
{
	const uint32_t end = t->nstack;

	do
		t->low[t->stack[--t->nstack]] = POL_NONE;
	while (t->stack[t->nstack] != node);
	return end - t->nstack == 1
	    ? POL_OK
	    : t->c->take(t->c->arg, &t->stack[t->nstack], end - t->nstack);
}

static enum pol_err
component_search(struct tarjan *t, uint32_t start)
{
	enum pol_err e = POL_OK;

	frame_push(t, start);
	while (t->nframes > 0 && e == POL_OK) {
		struct frame *f = &t->frames[t->nframes - 1];
		uint32_t node = f->node, v = next_arc(t, f);
		if (v != POL_NONE && t->index[v] == 0) {
			frame_push(t, v);
		} else if (v != POL_NONE) {
			if (t->low[v] != POL_NONE && t->index[v] < t->low[node])
				t->low[node] = t->index[v];
		} else {
			uint32_t low = t->low[node];
			if (low == t->index[node])
				e = component_close(t, node);
			if (--t->nframes > 0) {
				uint32_t up = t->frames[t->nframes - 1].node;
				if (low < t->low[up])
					t->low[up] = low;
			}
		}
	}
	return e;
}

enum pol_err
cycles_find(const struct cycles *c)
{
	const uint32_t nnodes = c->shape->graph->nnodes;
	const size_t n = (size_t)nnodes + 1;
	struct tarjan t = { .c = c };
	enum pol_err e = POL_E_NOMEM;

	t.index = calloc(n, sizeof(*t.index));
	t.low = calloc(n, sizeof(*t.low));
	t.stack = malloc(n * sizeof(*t.stack));
	t.frames = malloc(n * sizeof(*t.frames));
	if (t.index == NULL || t.low == NULL || t.stack == NULL ||
	    t.frames == NULL)
		goto out;
	e = POL_OK;
	for (uint32_t i = 0; i < nnodes && e == POL_OK; i++)
		if (t.index[i] == 0 && c->is_in(c, i))
			e = component_search(&t, i);
out:
	free(t.index);
	free(t.low);
	free(t.stack);
	free(t.frames);
	return e;
}
