/*
 * bundle: where the strategy `bundled` cannot hold. A node falls back to
 * single steps when no state of a peer lets its bundle through (a client
 * that keeps one certificate), or when it stands on a cycle of nodes whose
 * bundles wait for each other's trust (nodes in both roles). Called by
 * shape_make.
 */
#include <stdlib.h>

#include "policy/inside.h"

static enum pol_err
note_add(struct shape *s, uint32_t node, const char *text, uint32_t peer)
{
	struct pol_plan_note *n;

	if (s->nnotes == s->notes_cap) {
		size_t cap = s->notes_cap == 0 ? 8 : 2 * s->notes_cap;
		if ((n = realloc(s->notes, cap * sizeof(*n))) == NULL)
			return POL_E_NOMEM;
		s->notes = n;
		s->notes_cap = cap;
	}
	s->notes[s->nnotes++] = (struct pol_plan_note){ node, text, peer };
	return POL_OK;
}

static enum pol_err
split_impossible(struct shape *s, const struct needs *needs, uint32_t node)
{
	const uint32_t part = shape_parts(s, node)->part[0];
	struct walk w = walk_start(s->graph, node);
	const struct half *h;

	if (part == 0)
		return POL_OK;
	while ((h = walk_next(&w)) != NULL)
		if (link_needs(s, needs, &(struct asked){ node, 0, part }, h,
			w.is_client) == NEED_NEVER) {
			s->role[node] |= ROLE_SPLIT;
			return note_add(s, node,
			    "takes trust, cert and finish in orders of their "
			    "own: with one certificate at a time (no dual) "
			    "they cannot go together beside",
			    h->peer);
		}
	return POL_OK;
}

/* ---- cycles: Tarjan's strongly connected components, with its own stacks -- */

struct frame {
	uint32_t node;
	struct walk walk;
};

struct tarjan {
	struct shape *shape;
	const struct needs *needs;
	uint32_t *index, *low; /* 0: not seen yet */
	uint32_t *stack; /* POL_NONE in low: off the stack */
	struct frame *frames;
	uint32_t nindex, nstack, nframes;
};

static bool
is_bundle(const struct shape *s, uint32_t node)
{
	return !(s->role[node] & ROLE_SPLIT) &&
	    (shape_parts(s, node)->part[0] & (POL_TRUST | POL_CERT)) ==
	    (POL_TRUST | POL_CERT);
}

/* The next node whose trust, inside its bundle, node's bundle waits for. */
static uint32_t
next_waited(const struct tarjan *t, struct frame *f)
{
	const struct shape *s = t->shape;
	const uint32_t part = shape_parts(s, f->node)->part[0];
	const struct half *h;

	while ((h = walk_next(&f->walk)) != NULL)
		if (is_bundle(s, h->peer) &&
		    (link_needs(s, t->needs,
			 &(struct asked){ f->node, 0, part }, h,
			 f->walk.is_client) &
			POL_TRUST))
			return h->peer;
	return POL_NONE;
}

static void
frame_push(struct tarjan *t, uint32_t node)
{
	t->index[node] = t->low[node] = ++t->nindex;
	t->stack[t->nstack++] = node;
	t->frames[t->nframes++] =
	    (struct frame){ node, walk_start(t->shape->graph, node) };
}

/* node is the first of its component: take the component off the stack. */
static enum pol_err
component_close(struct tarjan *t, uint32_t node)
{
	uint32_t first = t->nstack;
	enum pol_err e = POL_OK;

	while (t->stack[--first] != node)
		;
	for (uint32_t i = first; i < t->nstack && e == POL_OK; i++) {
		uint32_t n = t->stack[i];
		uint32_t next = t->stack[i + 1 < t->nstack ? i + 1 : first];
		t->low[n] = POL_NONE;
		if (t->nstack - first == 1)
			continue;
		t->shape->role[n] |= ROLE_SPLIT;
		e = note_add(t->shape, n,
		    "takes single steps: it is client and server on a cycle "
		    "of nodes whose bundles would wait for each other, through",
		    next);
	}
	t->nstack = first;
	return e;
}

static enum pol_err
component_search(struct tarjan *t, uint32_t start)
{
	enum pol_err e = POL_OK;

	frame_push(t, start);
	while (t->nframes > 0 && e == POL_OK) {
		struct frame *f = &t->frames[t->nframes - 1];
		uint32_t node = f->node, v = next_waited(t, f);
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

static enum pol_err
split_cycles(struct shape *s, const struct needs *needs)
{
	const size_t n = (size_t)s->graph->nnodes + 1;
	struct tarjan t = { .shape = s, .needs = needs };
	enum pol_err e = POL_E_NOMEM;

	t.index = calloc(n, sizeof(*t.index));
	t.low = calloc(n, sizeof(*t.low));
	t.stack = malloc(n * sizeof(*t.stack));
	t.frames = malloc(n * sizeof(*t.frames));
	if (t.index == NULL || t.low == NULL || t.stack == NULL ||
	    t.frames == NULL)
		goto out;
	e = POL_OK;
	for (uint32_t i = 0; i < s->graph->nnodes && e == POL_OK; i++)
		if (t.index[i] == 0 && is_bundle(s, i))
			e = component_search(&t, i);
out:
	free(t.index);
	free(t.low);
	free(t.stack);
	free(t.frames);
	return e;
}

/* Notes come from two searches; the reader wants them by node. */
static void
notes_sort(struct shape *s)
{
	for (size_t gap = s->nnotes / 2; gap > 0; gap /= 2)
		for (size_t i = gap; i < s->nnotes; i++)
			for (size_t j = i; j >= gap &&
			     s->notes[j - gap].node > s->notes[j].node;
			     j -= gap) {
				struct pol_plan_note n = s->notes[j];
				s->notes[j] = s->notes[j - gap];
				s->notes[j - gap] = n;
			}
}

enum pol_err
bundle_split(struct shape *s)
{
	struct needs needs;
	enum pol_err e = POL_OK;

	needs_derive(&needs);
	for (uint32_t i = 0; i < s->graph->nnodes && e == POL_OK; i++)
		e = split_impossible(s, &needs, i);
	if (e == POL_OK)
		e = split_cycles(s, &needs);
	if (e == POL_OK)
		notes_sort(s);
	return e;
}
