/*
 * search: the states of one graph and what can happen in them. See explore.c
 * for what is checked.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/search.h"

void
search_print(const struct search *s, FILE *f)
{
	fprintf(f, "graph %ld:", s->number);
	for (uint32_t c = 0; c < s->t.n; c++)
		for (uint32_t v = 0; v < s->t.n; v++)
			if (s->t.kind[c][v] != LINK_NONE)
				fprintf(f, " %u>%u%s", c, v,
				    s->t.kind[c][v] == LINK_SERVER_ONLY
					? ":server"
					: "");
	for (uint32_t i = 0; i < s->t.n; i++)
		fprintf(f, " %u%s%s%s%s", i, s->t.dual[i] ? " dual" : "",
		    s->t.foreign[i] ? " foreign" : "",
		    s->t.shallow[i] ? " shallow" : "",
		    s->t.last[i] ? " last" : "");
	fprintf(f, "\n");
}

static void
state_print(const struct search *s, const struct state *st, FILE *f)
{
	fprintf(f, "  goal %u, changes left %u\n", st->goal, st->flips);
	for (uint32_t i = 0; i < s->t.n; i++) {
		const struct node_state *n = &st->node[i];
		fprintf(f,
		    "  node %u: trust lists %x, chains %x, order %u to "
		    "%u%s\n",
		    i, n->trusts, n->chains, n->steps, n->to,
		    n->excused ? ", excused" : "");
	}
}

_Noreturn void
search_found(const struct search *s, const struct state *st, const char *what)
{
	fprintf(stderr, "explore: %s\n", what);
	search_print(s, stderr);
	if (st != NULL)
		state_print(s, st, stderr);
	exit(1);
}

void *
search_grown(void *p, size_t n, size_t size)
{
	if ((p = realloc(p, n * size)) == NULL) {
		fprintf(stderr, "explore: out of memory\n");
		exit(2);
	}
	return p;
}

/* ---- the graph, as the library has it ------------------------------------- */

/* What the links make of a node: engines and world must agree. */
static void
roles_check(const struct search *s)
{
	for (uint32_t i = 0; i < s->t.n; i++) {
		const struct pol_role r = pol_graph_role(s->graph, 0, i);
		const uint8_t traits = s->t.traits[i];
		if (r.verifies != ((traits & WORLD_VERIFIES) != 0) ||
		    r.presents != ((traits & WORLD_PRESENTS) != 0) ||
		    r.bridges != ((traits & WORLD_BRIDGES) != 0) ||
		    pol_graph_steps(s->graph, 0, i) != world_steps(&s->t, i))
			search_found(s, NULL,
			    "the links make something else of a node");
	}
}

void
search_build(struct search *s, bool other_root)
{
	const struct pol_goal goals[2] = { { .from = 2, .to = 1 },
		{ .from = 1, .to = 2 } };
	bool ok = pol_graph_new(s->t.n, 2, &s->graph) == POL_OK;

	for (uint32_t c = 0; c < s->t.n; c++)
		for (uint32_t v = 0; v < s->t.n; v++) {
			struct pol_link l = { c, v, 0, s->t.foreign[v] };
			if (s->t.kind[c][v] == LINK_NONE)
				continue;
			if (s->t.kind[c][v] == LINK_SERVER_ONLY)
				l.client_root = other_root ? 1 : POL_NONE;
			ok = ok && pol_graph_link(s->graph, &l) == POL_OK;
		}
	for (uint32_t i = 0; i < s->t.n; i++)
		ok = ok &&
		    pol_graph_node_flags(s->graph, i,
			(s->t.dual[i] ? POL_NODE_DUAL : 0) |
			    (s->t.shallow[i] ? POL_NODE_SHALLOW : 0) |
			    (s->t.last[i] ? POL_NODE_LAST : 0)) == POL_OK;
	ok = ok && pol_graph_seal(s->graph) == POL_OK;
	for (unsigned g = 0; g < 2 && ok; g++) {
		ok = pol_engine_new(s->graph, 0, &goals[g], &s->engine[g]) ==
		    POL_OK;
		if (ok)
			resume_save(s->engine[g], &s->fresh[g]);
	}
	if (!ok)
		search_found(s, NULL, "the library refuses the graph");
	roles_check(s);
}

/* ---- states ------------------------------------------------------------------------------ */

static uint32_t
hash_of(uint64_t key)
{
	key ^= key >> 31;
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(key >> 32);
}

static void
table_put(struct search *s, uint32_t index)
{
	uint32_t at = hash_of(s->keys[index]);

	while (s->table[at & (s->table_size - 1)] != 0)
		at++;
	s->table[at & (s->table_size - 1)] = index + 1;
}

static void
table_grow(struct search *s)
{
	s->table_size *= 2;
	s->table = search_grown(s->table, s->table_size, sizeof(*s->table));
	memset(s->table, 0, s->table_size * sizeof(*s->table));
	for (uint32_t i = 0; i < s->nstates; i++)
		table_put(s, i);
}

/* Index of the state, which is new to the search when it was not there. */
static uint32_t
state_put(struct search *s, const struct state *st)
{
	const uint64_t key = state_key(&s->symmetry, st);
	uint32_t at = hash_of(key), i;

	for (; (i = s->table[at & (s->table_size - 1)]) != 0; at++)
		if (s->keys[i - 1] == key)
			return i - 1;
	if (s->nstates == s->cap) {
		s->cap *= 2;
		s->keys = search_grown(s->keys, s->cap, sizeof(*s->keys));
	}
	s->keys[s->nstates] = key;
	s->table[at & (s->table_size - 1)] = ++s->nstates;
	if (s->nstates * 2 > s->table_size)
		table_grow(s);
	return s->nstates - 1;
}

static struct state
state_at(const struct search *s, uint32_t i)
{
	return state_unkey(&s->symmetry, s->keys[i]);
}

/* What happens to the fleet from outside: nothing that one could count on. */
static void
mishap_put(struct search *s, const struct state *to)
{
	(void)state_put(s, to);
	s->nevents++;
}

/* What kedge does by itself: an order, and the report that it worked. */
static void
edge_put(struct search *s, uint32_t from, const struct state *to)
{
	s->nevents++;
	if (s->nedges == s->edges_cap) {
		s->edges_cap *= 2;
		s->edges =
		    search_grown(s->edges, s->edges_cap, sizeof(*s->edges));
	}
	s->edges[s->nedges++] = (struct edge){ from, state_put(s, to) };
}

/* ---- what can happen ------------------------------------------------------------------------ */

static void
event_put(struct search *s, const struct state *before, const struct event *ev)
{
	(void)before;
	if (ev->by_kedge)
		edge_put(s, s->from, &ev->after);
	else
		mishap_put(s, &ev->after);
}

/* Does the engine see the end when it is there? */
static void
goal_check(struct search *s, const struct state *st)
{
	for (uint32_t k = 0; k < s->t.n; k++)
		if (st->node[k].steps != 0)
			return;
	if (pol_engine_is_done(resume_at(s, st)) != world_is_done(&s->t, st))
		search_found(s, st,
		    "engine and world differ on whether "
		    "the goal is reached");
}

static void
events(struct search *s, const struct state *before)
{
	struct state after = *before;

	goal_check(s, before);
	hood_look(s, before);
	for (uint32_t i = 0; i < s->t.n; i++)
		events_of_node(s, before, i, hood_orders(s, before, i),
		    event_put);
	if (before->flips > 0) {
		after.flips--;
		after.goal = after.goal == 2 ? 1 : 2;
		mishap_put(s, &after);
	}
}

/* ---- the goal can be reached from everywhere ---------------------------------------------------- */

/* Backwards from the states that are done, by what kedge does itself: no
 * change of mind and no mishap is needed to get there. */
static void
liveness_check(struct search *s)
{
	uint32_t *at = search_grown(NULL, s->nstates + 2, sizeof(*at));
	uint32_t *back = search_grown(NULL, s->nedges + 1, sizeof(*back));
	uint32_t *queue = search_grown(NULL, s->nstates + 1, sizeof(*queue));
	uint8_t *seen = search_grown(NULL, s->nstates + 1, 1);
	uint32_t head = 0, tail = 0;

	memset(at, 0, (s->nstates + 2) * sizeof(*at));
	memset(seen, 0, s->nstates + 1);
	for (size_t k = 0; k < s->nedges; k++)
		at[s->edges[k].to + 1]++;
	for (uint32_t i = 0; i < s->nstates; i++)
		at[i + 1] += at[i];
	for (size_t k = 0; k < s->nedges; k++)
		back[at[s->edges[k].to]++] = s->edges[k].from;
	for (uint32_t i = 0; i < s->nstates; i++) {
		const struct state st = state_at(s, i);
		if (world_is_done(&s->t, &st)) {
			seen[i] = 1;
			queue[tail++] = i;
		}
	}
	while (head < tail) {
		uint32_t i = queue[head++];
		for (uint32_t k = i == 0 ? 0 : at[i - 1]; k < at[i]; k++)
			if (!seen[back[k]]) {
				seen[back[k]] = 1;
				queue[tail++] = back[k];
			}
	}
	for (uint32_t i = 0; i < s->nstates; i++)
		if (!seen[i]) {
			const struct state st = state_at(s, i);
			search_found(s, &st,
			    "from here the goal is out of reach");
		}
	free(at);
	free(back);
	free(queue);
	free(seen);
}

/* ---- all of it ------------------------------------------------------------- */

void
search_run(struct search *s, const struct state *start)
{
	s->cap = 1024;
	s->keys = search_grown(NULL, s->cap, sizeof(*s->keys));
	s->table_size = 4096;
	s->table = search_grown(NULL, s->table_size, sizeof(*s->table));
	memset(s->table, 0, s->table_size * sizeof(*s->table));
	s->edges_cap = 4096;
	s->edges = search_grown(NULL, s->edges_cap, sizeof(*s->edges));
	(void)state_put(s, start);
	for (uint32_t i = 0; i < s->nstates; i++) {
		const struct state st = state_at(s, i);
		if (!world_is_whole(&s->t, &st))
			search_found(s, &st,
			    "a direction does not authenticate");
		s->from = i;
		events(s, &st);
	}
	liveness_check(s);
}

void
search_free(struct search *s)
{
	pol_engine_free(s->engine[0]);
	pol_engine_free(s->engine[1]);
	pol_graph_free(s->graph);
	free(s->keys);
	free(s->table);
	free(s->edges);
}
