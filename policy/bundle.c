/*
 * bundle: where the strategy `bundled` cannot hold. A node falls back to
 * single steps when no state of a peer lets its bundle through (a client
 * that keeps one certificate), when it stands on a cycle of nodes whose
 * bundles wait for each other's trust (nodes in both roles), or when it is to
 * forget after its peers, who wait for its trust. Called by shape_make.
 */
#include "policy/inside.h"

static const char *
impossible_text(const struct shape *s, uint32_t node, uint32_t peer)
{
	if ((s->graph->flags[node] & POL_NODE_SHALLOW) &&
	    (s->graph->flags[peer] & POL_NODE_DUAL))
		return "takes trust, cert and finish in orders of their own: "
		       "it takes no intermediate (shallow), so it does not "
		       "see the bridge of";
	return "takes trust, cert and finish in orders of their own: with one "
	       "certificate at a time (no dual) they cannot go together beside";
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
			return shape_note(s, node,
			    impossible_text(s, node, h->peer), h->peer);
		}
	return POL_OK;
}

/* The last to forget waits for its peers' finish, and they for its trust: so
 * no bundle of it holds both. */
static enum pol_err
split_last(struct shape *s, uint32_t node)
{
	struct walk w = walk_start(s->graph, node);
	const struct half *h;

	if (!(s->role[node] & ROLE_LAST) || (s->role[node] & ROLE_SPLIT) ||
	    !(shape_parts(s, node)->part[0] & POL_FINISH))
		return POL_OK;
	while ((h = walk_next(&w)) != NULL)
		if (role_steps(s->role[h->peer]) & POL_FINISH) {
			s->role[node] |= ROLE_SPLIT;
			return shape_note(s, node,
			    "takes trust, cert and finish in orders of their "
			    "own: it is the last to forget the old root, "
			    "after",
			    h->peer);
		}
	return POL_OK;
}

/* ---- nodes whose bundles wait for each other -------------------------------- */

struct bundles {
	struct cycles cycles;
	struct shape *shape;
	const struct needs *needs;
};

static bool
is_bundle(const struct cycles *c, uint32_t node)
{
	const struct shape *s = c->shape;

	return !(s->role[node] & ROLE_SPLIT) &&
	    (shape_parts(s, node)->part[0] & (POL_TRUST | POL_CERT)) ==
	    (POL_TRUST | POL_CERT);
}

/* Does the node's bundle wait for the peer's trust, inside its bundle? */
static bool
waits_for(const struct cycles *c, uint32_t node, const struct half *h,
    bool is_client)
{
	const struct bundles *b = c->arg;
	const struct asked a = { node, 0,
		shape_parts(c->shape, node)->part[0] };

	return (link_needs(c->shape, b->needs, &a, h, is_client) & POL_TRUST) !=
	    0;
}

static enum pol_err
split_cycle(void *arg, const uint32_t *nodes, uint32_t n)
{
	struct bundles *b = arg;
	enum pol_err e = POL_OK;

	for (uint32_t i = 0; i < n && e == POL_OK; i++) {
		b->shape->role[nodes[i]] |= ROLE_SPLIT;
		e = shape_note(b->shape, nodes[i],
		    "takes single steps: it is client and server on a cycle "
		    "of nodes whose bundles would wait for each other, through",
		    nodes[i + 1 < n ? i + 1 : 0]);
	}
	return e;
}

static enum pol_err
split_cycles(struct shape *s, const struct needs *needs)
{
	struct bundles b = {
		.cycles = { s, is_bundle, waits_for, split_cycle, &b },
		.shape = s,
		.needs = needs,
	};

	return cycles_find(&b.cycles);
}

enum pol_err
bundle_split(struct shape *s)
{
	struct needs needs;
	enum pol_err e = POL_OK;

	needs_derive(&needs);
	for (uint32_t i = 0; i < s->graph->nnodes && e == POL_OK; i++)
		if ((e = split_impossible(s, &needs, i)) == POL_OK)
			e = split_last(s, i);
	return e == POL_OK ? split_cycles(s, &needs) : e;
}
