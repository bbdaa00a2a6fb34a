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
		if (s->t.dual[i])
			fprintf(f, " dual %u", i);
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

	while (s->table[at % s->table_size] != 0)
		at++;
	s->table[at % s->table_size] = index + 1;
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

	for (; (i = s->table[at % s->table_size]) != 0; at++)
		if (s->keys[i - 1] == key)
			return i - 1;
	if (s->nstates == s->cap) {
		s->cap *= 2;
		s->keys = search_grown(s->keys, s->cap, sizeof(*s->keys));
	}
	s->keys[s->nstates] = key;
	s->table[at % s->table_size] = ++s->nstates;
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
event_order(struct search *s, uint32_t from, uint32_t i, uint8_t steps)
{
	const struct state before = state_at(s, from);
	struct state after = before;
	struct node_state *n = &after.node[i];
	const char *why;
	const struct pol_fact f = { .kind = POL_FACT_SENT,
		.node = i,
		.epoch = before.node[i].steps == 0 ? 2 : 3,
		.steps = steps,
		.from = before.goal == 2 ? 1 : 2,
		.to = before.goal };

	if (n->steps != 0 && n->to == before.goal)
		search_found(s, &before,
		    "a second order while one is outstanding");
	world_outrank(&s->t, i, n, steps, before.goal);
	if (world_trusts_after(&s->t, i, n) == n->trusts &&
	    world_chains_after(&s->t, i, n) == n->chains)
		return;
	if ((why = world_breaks(&s->t, &after, i)) != NULL) {
		fprintf(stderr, "explore: order %u to node %u\n", steps, i);
		search_found(s, &before, why);
	}
	resume_check(s, &before, &f, &after);
	edge_put(s, from, &after);
}

/* The engine is in the state: does it see the end when it is there? */
static void
goal_check(struct search *s, const struct pol_engine *e, const struct state *st)
{
	bool idle = true;

	for (uint32_t k = 0; k < s->t.n; k++)
		if (st->node[k].steps != 0)
			idle = false;
	if (idle && pol_engine_is_done(e) != world_is_done(&s->t, st))
		search_found(s, st,
		    "engine and world differ on whether "
		    "the goal is reached");
}

static void
events_orders(struct search *s, uint32_t from)
{
	const struct state st = state_at(s, from);
	struct pol_engine *e = s->engine[st.goal - 1];
	uint8_t allowed[NODES_MAX * 8], n = 0;

	resume_at(s, e, &st, from % s->resume_every == 0);
	goal_check(s, e, &st);
	for (uint32_t i = 0; i < s->t.n; i++) {
		const uint8_t mine = world_steps(&s->t, i);
		if (st.node[i].excused)
			continue;
		for (uint8_t steps = 1; steps < 8; steps++)
			if ((steps & ~mine) == 0 &&
			    pol_engine_allowed(e, i, steps, NULL) == POL_OK)
				allowed[n++] = (uint8_t)(i * 8 + steps);
	}
	for (uint8_t k = 0; k < n; k++)
		event_order(s, from, allowed[k] / 8, allowed[k] % 8);
}

static void
event_report(struct search *s, uint32_t from, uint32_t i)
{
	const struct state before = state_at(s, from);
	struct state after = before;
	struct node_state *n = &after.node[i];
	struct pol_fact f = { .kind = POL_FACT_EFFECTIVE,
		.node = i,
		.epoch = 2 };
	const uint8_t trusts = world_trusts_effective(&s->t, i, n);
	const uint8_t chains = world_chains_after(&s->t, i, n);

	n->steps = 0;
	n->to = 0;
	n->trusts = trusts;
	n->chains = chains;
	if (trusts != 0) {
		resume_check(s, &before, &f, &after);
		edge_put(s, from, &after);
	}
	if (before.failures == 0)
		return;
	f.kind = POL_FACT_FAILED;
	after.failures--;
	n->trusts = before.node[i].trusts |
	    world_trusts_after(&s->t, i, &before.node[i]);
	n->chains = before.node[i].chains | chains;
	resume_check(s, &before, &f, &after);
	mishap_put(s, &after);
}

static void
event_excuse(struct search *s, const struct state *before, uint32_t i)
{
	struct state after = *before;
	struct pol_fact f = { .kind = POL_FACT_RETURNED, .node = i };

	if (before->node[i].excused) {
		after.node[i].excused = false;
	} else if (before->excuses > 0) {
		f.kind = POL_FACT_EXCUSED;
		after.node[i].excused = after.node[i].touched = true;
		after.excuses--;
	} else {
		return;
	}
	resume_check(s, before, &f, &after);
	mishap_put(s, &after);
}

/* The node may hold this as well, or again: what it had at first, or a
 * snapshot of any moment of a roll. */
static void
event_doubt(struct search *s, const struct state *before, uint32_t i,
    uint8_t trust, uint8_t chain)
{
	struct state after = *before;
	const struct pol_fact f = { .kind = POL_FACT_DOUBTED,
		.node = i,
		.conf = { trust_gens[trust], leaf_gens[chain],
		    bridge_gens[chain] } };

	after.doubts--;
	after.node[i].touched = true;
	after.node[i].trusts |= (uint8_t)(1u << trust);
	after.node[i].chains |= (uint8_t)(1u << chain);
	resume_check(s, before, &f, &after);
	mishap_put(s, &after);
}

static void
event_operator(struct search *s, uint32_t from, uint32_t i)
{
	const struct state before = state_at(s, from);
	const uint8_t trusts = world_verifies(&s->t, i) ? 3 : 1;
	const uint8_t chains = world_bridges(&s->t, i) ? 4
	    : world_presents(&s->t, i)		       ? 2
						       : 1;

	event_excuse(s, &before, i);
	if (before.doubts == 0)
		return;
	for (uint8_t t = 0; t < trusts; t++)
		for (uint8_t c = 0; c < chains; c++)
			event_doubt(s, &before, i, t, c);
}

static void
events(struct search *s, uint32_t from)
{
	const struct state before = state_at(s, from);
	struct state after = before;

	events_orders(s, from);
	for (uint32_t i = 0; i < s->t.n; i++) {
		if (before.node[i].steps != 0)
			event_report(s, from, i);
		event_operator(s, from, i);
	}
	if (before.flips > 0) {
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
		events(s, i);
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
