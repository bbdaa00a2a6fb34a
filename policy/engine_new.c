/*
 * engine_new: an engine that knows nothing yet: counters, groups and their
 * members. engine.c feeds it, ready.c asks it.
 */
#include <stdlib.h>

#include "policy/engine.h"

static void
counters_start(struct pol_engine *e, uint32_t node)
{
	const uint32_t root = e->shape.root;
	struct enode *n = &e->node[node];
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;

	if (!(role_steps(e->shape.role[node]) & POL_FINISH))
		n->sure = SURE_FINISH;
	fresh_forget(n);
	/* nobody is known yet, so nobody is sure of anything else */
	while ((h = walk_next(&w)) != NULL) {
		if ((w.is_client ? h->client_root : h->server_root) == root) {
			const bool bridges = direction_bridges(e->shape.graph,
			    node, h->peer, w.is_client);
			n->wait_trust++;
			n->wait_trust_client += w.is_client;
			n->wait_trust_bridge += bridges;
			n->wait_either += bridges;
			n->wait_presumed++;
			n->wait_presumed_client += w.is_client;
		}
		if ((w.is_client ? h->server_root : h->client_root) == root)
			n->wait_cert++;
		if (e->shape.role[node] & ROLE_LAST)
			n->wait_finish += (role_steps(e->shape.role[h->peer]) &
					      POL_FINISH) != 0;
	}
}

static void
members_fill(struct pol_engine *e)
{
	const struct shape *s = &e->shape;
	uint32_t *at = e->members_at;

	for (uint32_t i = 0; i < s->graph->nnodes; i++)
		if (s->group[i] != POL_NONE)
			at[s->group[i] + 2]++;
	for (uint32_t k = 0; k < s->ngroups; k++)
		at[k + 1] += at[k];
	for (uint32_t i = 0; i < s->graph->nnodes; i++)
		if (s->group[i] != POL_NONE)
			e->members[at[s->group[i] + 1]++] = i;
}

static enum pol_err
engine_alloc(struct pol_engine *e)
{
	const size_t n = (size_t)e->shape.graph->nnodes + 1;
	const size_t ngroups = (size_t)e->shape.ngroups + 2;

	e->node = calloc(n, sizeof(*e->node));
	e->group = calloc(ngroups, sizeof(*e->group));
	e->members = malloc(n * sizeof(*e->members));
	e->members_at = calloc(ngroups, sizeof(*e->members_at));
	e->queue = malloc(n * sizeof(*e->queue));
	e->queued = calloc(n, sizeof(*e->queued));
	e->oldest = malloc(2 * sizeof(*e->oldest));
	if (e->node == NULL || e->group == NULL || e->members == NULL ||
	    e->members_at == NULL || e->queue == NULL || e->queued == NULL ||
	    e->oldest == NULL)
		return POL_E_NOMEM;
	return offers_new(e);
}

enum pol_err
pol_engine_new(const struct pol_graph *g, uint32_t root,
    const struct pol_goal *goal, struct pol_engine **out)
{
	struct pol_engine *e;
	enum pol_err err;

	*out = NULL;
	if (goal->from < 1 || goal->from > 64 || goal->to < 1 ||
	    goal->to > 64 || goal->from == goal->to ||
	    goal->nwindows > POL_WINDOWS_MAX)
		return POL_E_RANGE;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return POL_E_NOMEM;
	e->goal = *goal;
	e->goal.first = NULL;
	if ((err = shape_make(g, root, goal->strategy, &e->shape)) != POL_OK ||
	    (err = engine_alloc(e)) != POL_OK ||
	    (err = first_make(e, goal->first, goal->nfirst)) != POL_OK)
		goto out;
	members_fill(e);
	offers_start(e);
	for (uint32_t i = 0; i < g->nnodes; i++) {
		if (e->shape.role[i] == 0)
			continue;
		counters_start(e, i);
		group_count(e, i, true);
	}
	*out = e;
	e = NULL;
out:
	pol_engine_free(e);
	return err;
}

void
pol_engine_free(struct pol_engine *e)
{
	if (e == NULL)
		return;
	shape_free(&e->shape);
	free(e->node);
	free(e->group);
	free(e->members);
	free(e->members_at);
	free(e->queue);
	free(e->queued);
	free(e->oldest);
	offers_free(&e->offers);
	first_free(&e->first);
	free(e->orders);
	free(e);
}
