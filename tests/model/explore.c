/*
 * explore: visits every state that a fleet can get into, with the real
 * policy library saying which orders may be given, and checks each against
 * the world of world.c:
 *  - no order that the rules allow can stop a handshake that works, in any
 *    combination of what may have arrived, been stored or be live;
 *  - from every state the goal can be reached;
 *  - the engine that lived through the facts equals one that is built anew
 *    from the state (the CA may crash at any moment), late copies of settled
 *    reports included.
 * Messages may arrive never, once or often and in any order: what an
 * outstanding order has done so far is never assumed.
 *
 * usage: explore [--nodes N] [--links MAX] [--dual] [--flips N]
 *     [--failures N] [--excuses N] [--doubts N] [--resume-every N]
 *     [--walks-only] [--seed N] [--only GRAPH] [--verbose]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/engine.h"
#include "tests/model/walk.h"
#include "tests/model/world.h"

struct options {
	uint32_t nodes;
	bool dual, verbose, walks_only;
	uint64_t seed;
	uint8_t flips, failures, excuses, doubts;
	unsigned resume_every; /* events between two resume checks */
	long only;
	uint32_t links_max;
};

static struct options options = { .nodes = 3,
	.only = -1,
	.links_max = 12,
	.resume_every = 1,
	.seed = 1 };
static uint64_t states_total, edges_total, graphs_total;

/* ---- engines that can be put back --------------------------------------------- */

struct saved {
	struct enode node[NODES_MAX];
	struct egroup group[NODES_MAX];
	uint8_t role[NODES_MAX];
	uint32_t outstanding, done, all;
};

static void
engine_save(const struct pol_engine *e, struct saved *s)
{
	const uint32_t n = e->shape.graph->nnodes;

	memcpy(s->node, e->node, n * sizeof(*e->node));
	memcpy(s->group, e->group, e->shape.ngroups * sizeof(*e->group));
	memcpy(s->role, e->shape.role, n);
	s->outstanding = e->outstanding;
	s->done = e->done;
	s->all = e->all;
}

static void
engine_restore(struct pol_engine *e, const struct saved *s)
{
	const uint32_t n = e->shape.graph->nnodes;

	memcpy(e->node, s->node, n * sizeof(*e->node));
	memcpy(e->group, s->group, e->shape.ngroups * sizeof(*e->group));
	memcpy(e->shape.role, s->role, n);
	memset(e->queued, 0, n);
	e->nqueue = 0;
	for (uint32_t i = 0; i < n; i++)
		nodeset_put(&e->ready, i, false);
	for (uint32_t i = 0; i < n; i++)
		e->node[i].offer = 0;
	for (uint32_t i = 0; i < e->shape.ngroups; i++)
		e->group[i].ready = 0;
	e->outstanding = s->outstanding;
	e->done = s->done;
	e->all = s->all;
}

/* ---- one graph ------------------------------------------------------------------- */

struct edge {
	uint32_t from, to;
};

struct search {
	struct topology t;
	long number;
	struct pol_graph *graph;
	struct pol_engine *engine[2]; /* by goal - 1 */
	struct saved fresh[2];
	struct state *states;
	uint32_t nstates, cap;
	uint32_t *table; /* index + 1 by hash */
	uint32_t table_size;
	struct edge *edges;
	size_t nedges, edges_cap;
	bool pristine; /* no excuse, doubt can be in states */
};

static void
graph_print(const struct search *s, FILE *f)
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

_Noreturn static void
found(const struct search *s, const struct state *st, const char *what)
{
	fprintf(stderr, "explore: %s\n", what);
	graph_print(s, stderr);
	if (st != NULL)
		state_print(s, st, stderr);
	exit(1);
}

static void *
grown(void *p, size_t n, size_t size)
{
	if ((p = realloc(p, n * size)) == NULL) {
		fprintf(stderr, "explore: out of memory\n");
		exit(2);
	}
	return p;
}

/* ---- the library's engine in a given state ------------------------------------------ */

static const uint64_t trust_gens[4] = { 1, 2, 3, 0 };
static const uint64_t leaf_gens[4] = { 1, 2, 2, 1 };
static const uint64_t bridge_gens[4] = { 0, 0, 1, 2 };

static void
tell(struct search *s, struct pol_engine *e, const struct pol_fact *f)
{
	if (pol_engine_fact(e, f) != POL_OK)
		found(s, NULL, "the engine refuses a fact");
}

/* All values that the state's node may hold, each in some pair. */
static void
tell_values(struct search *s, struct pol_engine *e, uint32_t i,
    const struct node_state *n)
{
	struct pol_fact f = { .kind = POL_FACT_HOLDS, .node = i, .epoch = 1 };
	uint8_t v = 0, w = 0, trusts = n->trusts, chains = n->chains;

	while (trusts != 0 || chains != 0) {
		if (trusts != 0)
			v = (uint8_t)__builtin_ctz(trusts);
		if (chains != 0)
			w = (uint8_t)__builtin_ctz(chains);
		trusts &= (uint8_t) ~(1u << v);
		chains &= (uint8_t) ~(1u << w);
		f.conf = (struct pol_conf){ trust_gens[v], leaf_gens[w],
			bridge_gens[w] };
		tell(s, e, &f);
		f.kind = POL_FACT_DOUBTED;
	}
}

static void
engine_at(struct search *s, struct pol_engine *e, const struct state *st)
{
	engine_restore(e, &s->fresh[e == s->engine[1]]);
	for (uint32_t i = 0; i < s->t.n; i++) {
		const struct node_state *n = &st->node[i];
		struct pol_fact f = { .kind = POL_FACT_EXCUSED, .node = i };
		tell_values(s, e, i, n);
		if (n->excused)
			tell(s, e, &f);
		if (n->steps != 0) {
			f.kind = POL_FACT_SENT;
			f.epoch = 2;
			f.steps = n->steps;
			f.from = n->to == 2 ? 1 : 2;
			f.to = n->to;
			tell(s, e, &f);
			f.kind = POL_FACT_RECEIVED; /* proves nothing */
			tell(s, e, &f);
		}
		/* copies of what is settled may come at any time */
		f.epoch = 1;
		f.kind = POL_FACT_EFFECTIVE;
		tell(s, e, &f);
		f.kind = POL_FACT_FAILED;
		tell(s, e, &f);
	}
}

static uint32_t
values_bits(const struct values *v)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < v->ntrust; i++)
		bits |= 1u << v->trust[i];
	for (unsigned i = 0; i < v->nchain; i++)
		bits |= 1u << (8 + v->chain[i].leaf * 4 + v->chain[i].bridge);
	return bits;
}

static bool
nodes_are_equal(const struct enode *a, const struct enode *b)
{
	const uint8_t kept = NODE_KNOWN | NODE_EXCUSED;

	return values_bits(&a->base) == values_bits(&b->base) &&
	    (a->epoch != 0) == (b->epoch != 0) &&
	    (a->epoch == 0 ||
		(a->steps == b->steps && a->from == b->from &&
		    a->to == b->to)) &&
	    a->wait_trust == b->wait_trust &&
	    a->wait_trust_client == b->wait_trust_client &&
	    a->wait_cert == b->wait_cert &&
	    (a->flags & kept) == (b->flags & kept) && a->sure == b->sure &&
	    a->done == b->done;
}

/* The engine that takes one more fact against one that starts in the state
 * to which the fact leads. */
static void
resume_check(struct search *s, const struct state *before,
    const struct pol_fact *f, const struct state *after)
{
	struct pol_engine *e = s->engine[before->goal - 1];
	struct saved lived, anew;

	if (s->nedges % options.resume_every != 0)
		return;
	engine_at(s, e, before);
	tell(s, e, f);
	engine_save(e, &lived);
	engine_at(s, e, after);
	engine_save(e, &anew);
	for (uint32_t i = 0; i < s->t.n; i++)
		if (!nodes_are_equal(&lived.node[i], &anew.node[i]))
			found(s, after,
			    "an engine that resumes differs from "
			    "the one that lived on");
	if (lived.done != anew.done || lived.all != anew.all ||
	    lived.outstanding != anew.outstanding)
		found(s, after, "counts of the group differ after a resume");
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
	uint32_t at = hash_of(state_key(&s->t, &s->states[index]));

	while (s->table[at % s->table_size] != 0)
		at++;
	s->table[at % s->table_size] = index + 1;
}

static void
table_grow(struct search *s)
{
	s->table_size *= 2;
	s->table = grown(s->table, s->table_size, sizeof(*s->table));
	memset(s->table, 0, s->table_size * sizeof(*s->table));
	for (uint32_t i = 0; i < s->nstates; i++)
		table_put(s, i);
}

/* Index of the state, which is new to the search when it was not there. */
static uint32_t
state_put(struct search *s, const struct state *st)
{
	const uint64_t key = state_key(&s->t, st);
	uint32_t at = hash_of(key), i;

	for (; (i = s->table[at % s->table_size]) != 0; at++)
		if (state_key(&s->t, &s->states[i - 1]) == key)
			return i - 1;
	if (s->nstates == s->cap) {
		s->cap *= 2;
		s->states = grown(s->states, s->cap, sizeof(*s->states));
	}
	s->states[s->nstates] = *st;
	s->table[at % s->table_size] = ++s->nstates;
	if (s->nstates * 2 > s->table_size)
		table_grow(s);
	return s->nstates - 1;
}

static void
edge_put(struct search *s, uint32_t from, const struct state *to)
{
	if (s->nedges == s->edges_cap) {
		s->edges_cap *= 2;
		s->edges = grown(s->edges, s->edges_cap, sizeof(*s->edges));
	}
	s->edges[s->nedges++] = (struct edge){ from, state_put(s, to) };
}

/* ---- what can happen ------------------------------------------------------------------------ */

static void
event_order(struct search *s, uint32_t from, uint32_t i, uint8_t steps)
{
	const struct state before = s->states[from];
	struct state after = before;
	struct node_state *n = &after.node[i];
	const char *why;
	const struct pol_fact f = { .kind = POL_FACT_SENT,
		.node = i,
		.epoch = 2,
		.steps = steps,
		.from = before.goal == 2 ? 1 : 2,
		.to = before.goal };

	if (n->steps != 0)
		found(s, &before, "a second order while one is outstanding");
	n->steps = steps;
	n->to = before.goal;
	if (world_trusts_after(&s->t, i, n) == n->trusts &&
	    world_chains_after(&s->t, i, n) == n->chains)
		return;
	if ((why = world_breaks(&s->t, &after, i)) != NULL) {
		fprintf(stderr, "explore: order %u to node %u\n", steps, i);
		found(s, &before, why);
	}
	resume_check(s, &before, &f, &after);
	edge_put(s, from, &after);
}

static void
events_orders(struct search *s, uint32_t from)
{
	struct pol_engine *e = s->engine[s->states[from].goal - 1];
	uint8_t allowed[NODES_MAX * 8], n = 0;

	engine_at(s, e, &s->states[from]);
	for (uint32_t i = 0; i < s->t.n; i++) {
		const uint8_t mine = world_steps(&s->t, i);
		if (s->states[from].node[i].excused)
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
	const struct state before = s->states[from];
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
	edge_put(s, from, &after);
}

/* Excuse and return, and a node that is re-imaged with what it had first. */
static void
event_operator(struct search *s, uint32_t from, uint32_t i)
{
	const struct state before = s->states[from];
	struct state after = before;
	struct pol_fact f = { .kind = POL_FACT_RETURNED, .node = i };

	if (before.node[i].excused) {
		after.node[i].excused = false;
		resume_check(s, &before, &f, &after);
		edge_put(s, from, &after);
	} else if (before.excuses > 0) {
		f.kind = POL_FACT_EXCUSED;
		after.node[i].excused = true;
		after.excuses--;
		resume_check(s, &before, &f, &after);
		edge_put(s, from, &after);
	}
	if (before.doubts == 0)
		return;
	after = before;
	f.kind = POL_FACT_DOUBTED;
	f.conf = (struct pol_conf){ 1, 1, 0 };
	after.doubts--;
	after.node[i].trusts |= 1u;
	after.node[i].chains |= 1u;
	resume_check(s, &before, &f, &after);
	edge_put(s, from, &after);
}

static void
events(struct search *s, uint32_t from)
{
	struct state after;

	events_orders(s, from);
	for (uint32_t i = 0; i < s->t.n; i++) {
		if (s->states[from].node[i].steps != 0)
			event_report(s, from, i);
		event_operator(s, from, i);
	}
	if (s->states[from].flips > 0) {
		after = s->states[from];
		after.flips--;
		after.goal = after.goal == 2 ? 1 : 2;
		edge_put(s, from, &after);
	}
}

/* ---- the goal can be reached from everywhere ---------------------------------------------------- */

static void
goal_check(struct search *s, uint32_t i)
{
	struct pol_engine *e = s->engine[s->states[i].goal - 1];
	const bool done = world_is_done(&s->t, &s->states[i]);
	bool idle = true;

	for (uint32_t k = 0; k < s->t.n; k++)
		if (s->states[i].node[k].steps != 0)
			idle = false;
	engine_at(s, e, &s->states[i]);
	if (idle && pol_engine_is_done(e) != done)
		found(s, &s->states[i],
		    "engine and world differ on whether "
		    "the goal is reached");
}

/* Backwards from the states that are done. */
static void
liveness_check(struct search *s)
{
	uint32_t *at = grown(NULL, s->nstates + 2, sizeof(*at));
	uint32_t *back = grown(NULL, s->nedges + 1, sizeof(*back));
	uint32_t *queue = grown(NULL, s->nstates + 1, sizeof(*queue));
	uint8_t *seen = grown(NULL, s->nstates + 1, 1);
	uint32_t head = 0, tail = 0;

	memset(at, 0, (s->nstates + 2) * sizeof(*at));
	memset(seen, 0, s->nstates + 1);
	for (size_t k = 0; k < s->nedges; k++)
		at[s->edges[k].to + 1]++;
	for (uint32_t i = 0; i < s->nstates; i++)
		at[i + 1] += at[i];
	for (size_t k = 0; k < s->nedges; k++)
		back[at[s->edges[k].to]++] = s->edges[k].from;
	for (uint32_t i = 0; i < s->nstates; i++)
		if (world_is_done(&s->t, &s->states[i])) {
			seen[i] = 1;
			queue[tail++] = i;
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
		if (!seen[i])
			found(s, &s->states[i],
			    "from here the goal is out of reach");
	free(at);
	free(back);
	free(queue);
	free(seen);
}

/* ---- graphs ---------------------------------------------------------------------------------------- */

static void
graph_build(struct search *s)
{
	const struct pol_goal goals[2] = { { .from = 2, .to = 1 },
		{ .from = 1, .to = 2 } };
	bool ok = pol_graph_new(s->t.n, 1, &s->graph) == POL_OK;

	for (uint32_t c = 0; c < s->t.n; c++)
		for (uint32_t v = 0; v < s->t.n; v++) {
			struct pol_link l = { c, v, 0, 0 };
			if (s->t.kind[c][v] == LINK_NONE)
				continue;
			if (s->t.kind[c][v] == LINK_SERVER_ONLY)
				l.client_root = POL_NONE;
			ok = ok && pol_graph_link(s->graph, &l) == POL_OK;
		}
	for (uint32_t i = 0; i < s->t.n; i++)
		if (s->t.dual[i])
			ok = ok &&
			    pol_graph_node_flags(s->graph, i, POL_NODE_DUAL) ==
				POL_OK;
	ok = ok && pol_graph_seal(s->graph) == POL_OK;
	for (unsigned g = 0; g < 2 && ok; g++) {
		ok = pol_engine_new(s->graph, 0, &goals[g], &s->engine[g]) ==
		    POL_OK;
		if (ok)
			engine_save(s->engine[g], &s->fresh[g]);
	}
	if (!ok)
		found(s, NULL, "the library refuses the graph");
}

static void
graph_walk(struct search *s)
{
	const uint64_t seed = options.seed;
	const char *why;

	if ((why = walk_all(&s->t, s->graph, &options.seed)) == NULL)
		return;
	fprintf(stderr, "explore: walk with seed %llu\n",
	    (unsigned long long)seed);
	found(s, NULL, why);
}

static void
graph_free(struct search *s)
{
	pol_engine_free(s->engine[0]);
	pol_engine_free(s->engine[1]);
	pol_graph_free(s->graph);
	free(s->states);
	free(s->table);
	free(s->edges);
}

static void
graph_explore(struct search *s)
{
	struct state start = { .goal = 2 };

	s->cap = 1024;
	s->states = grown(NULL, s->cap, sizeof(*s->states));
	s->table_size = 4096;
	s->table = grown(NULL, s->table_size, sizeof(*s->table));
	memset(s->table, 0, s->table_size * sizeof(*s->table));
	s->edges_cap = 4096;
	s->edges = grown(NULL, s->edges_cap, sizeof(*s->edges));
	for (uint32_t i = 0; i < s->t.n; i++)
		start.node[i].trusts = start.node[i].chains = 1;
	start.flips = options.flips;
	start.failures = options.failures;
	start.excuses = options.excuses;
	start.doubts = options.doubts;
	s->pristine = start.excuses == 0 && start.doubts == 0;
	(void)state_put(s, &start);
	for (uint32_t i = 0; i < s->nstates; i++) {
		if (s->pristine && !world_is_whole(&s->t, &s->states[i]))
			found(s, &s->states[i],
			    "a direction does not authenticate");
		goal_check(s, i);
		events(s, i);
	}
	liveness_check(s);
	states_total += s->nstates;
	edges_total += s->nedges;
	if (options.verbose) {
		graph_print(s, stdout);
		printf("  %u states, %zu events\n", s->nstates, s->nedges);
	}
}

/* A graph as one number: a digit of base 3 per ordered pair, then a bit per
 * dual node. */
static void
topology_of(struct topology *t, uint32_t n, long code)
{
	memset(t, 0, sizeof(*t));
	t->n = n;
	for (uint32_t i = 0; i < n; i++, code /= 2)
		t->dual[i] = code % 2 != 0;
	for (uint32_t c = 0; c < n; c++)
		for (uint32_t v = 0; v < n; v++)
			if (c != v) {
				t->kind[c][v] = (uint8_t)(code % 3);
				code /= 3;
			}
}

static long
code_of(const struct topology *t, const uint32_t *perm)
{
	long code = 0;

	for (uint32_t c = t->n; c-- > 0;)
		for (uint32_t v = t->n; v-- > 0;)
			if (c != v)
				code = code * 3 + t->kind[perm[c]][perm[v]];
	for (uint32_t i = t->n; i-- > 0;)
		code = code * 2 + t->dual[perm[i]];
	return code;
}

static bool
perm_next(uint32_t *p, uint32_t n)
{
	uint32_t i = n - 1, j = n - 1, swap;

	while (i > 0 && p[i - 1] >= p[i])
		i--;
	if (i == 0)
		return false;
	while (p[j] <= p[i - 1])
		j--;
	swap = p[i - 1];
	p[i - 1] = p[j];
	p[j] = swap;
	for (j = n - 1; i < j; i++, j--) {
		swap = p[i];
		p[i] = p[j];
		p[j] = swap;
	}
	return true;
}

/* The smallest number of its isomorphism class stands for all of it. */
static bool
is_first_of_class(const struct topology *t, long code)
{
	uint32_t perm[NODES_MAX] = { 0, 1, 2, 3 };

	do
		if (code_of(t, perm) < code)
			return false;
	while (perm_next(perm, t->n));
	return true;
}

static bool
is_connected(const struct topology *t)
{
	uint32_t seen = 1, before = 0;

	while (seen != before) {
		before = seen;
		for (uint32_t c = 0; c < t->n; c++)
			for (uint32_t v = 0; v < t->n; v++)
				if (t->kind[c][v] != LINK_NONE &&
				    ((seen >> c | seen >> v) & 1))
					seen |= 1u << c | 1u << v;
	}
	return seen == (1u << t->n) - 1;
}

static uint32_t
links_of(const struct topology *t)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < t->n; c++)
		for (uint32_t v = 0; v < t->n; v++)
			n += t->kind[c][v] != LINK_NONE;
	return n;
}

static void
graphs_of_size(uint32_t n)
{
	long codes = 1L << n;

	for (uint32_t i = 0; i < n * (n - 1); i++)
		codes *= 3;
	for (long code = 0; code < codes; code++) {
		struct search s = { .number = code };
		if (options.only >= 0 && code != options.only)
			continue;
		topology_of(&s.t, n, code);
		if (!options.dual && code % (1L << n) != 0)
			continue;
		if (links_of(&s.t) > options.links_max || !is_connected(&s.t) ||
		    !is_first_of_class(&s.t, code))
			continue;
		graphs_total++;
		graph_build(&s);
		graph_walk(&s);
		if (!options.walks_only)
			graph_explore(&s);
		graph_free(&s);
	}
}

static const struct option longs[] = {
	{ "nodes", required_argument, NULL, 'n' },
	{ "links", required_argument, NULL, 'l' },
	{ "only", required_argument, NULL, 'o' },
	{ "flips", required_argument, NULL, 'f' },
	{ "failures", required_argument, NULL, 'F' },
	{ "excuses", required_argument, NULL, 'e' },
	{ "doubts", required_argument, NULL, 'D' },
	{ "resume-every", required_argument, NULL, 'r' },
	{ "seed", required_argument, NULL, 's' },
	{ "walks-only", no_argument, NULL, 'w' },
	{ "dual", no_argument, NULL, 'd' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static bool
option_take(int c, const char *value)
{
	const unsigned long n = value == NULL ? 0 : strtoul(value, NULL, 10);

	switch (c) {
	case 'n':
		options.nodes = (uint32_t)n;
		return n >= 2 && n <= NODES_MAX;
	case 'l':
		options.links_max = (uint32_t)n;
		return true;
	case 'o':
		options.only = (long)n;
		return true;
	case 'f':
		options.flips = (uint8_t)n;
		return n <= 3;
	case 'F':
		options.failures = (uint8_t)n;
		return n <= 3;
	case 'e':
		options.excuses = (uint8_t)n;
		return n <= 1;
	case 'D':
		options.doubts = (uint8_t)n;
		return n <= 1;
	case 'r':
		options.resume_every = (unsigned)n;
		return n > 0;
	case 's':
		options.seed = n;
		return n > 0;
	case 'w':
		options.walks_only = true;
		return true;
	case 'd':
		options.dual = true;
		return true;
	case 'v':
		options.verbose = true;
		return true;
	default:
		return false;
	}
}

int
main(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (!option_take(c, optarg)) {
			fprintf(stderr, "explore: bad option\n");
			return 2;
		}
	graphs_of_size(options.nodes);
	printf("explore: %u nodes, at most %u links%s; %u goal changes, %u "
	       "failures, %u excuses, %u re-imaged: %llu graphs, %llu states, "
	       "%llu events, none breaks, the goal is in reach\n",
	    options.nodes, options.links_max, options.dual ? ", dual" : "",
	    options.flips, options.failures, options.excuses, options.doubts,
	    (unsigned long long)graphs_total, (unsigned long long)states_total,
	    (unsigned long long)edges_total);
	return 0;
}
