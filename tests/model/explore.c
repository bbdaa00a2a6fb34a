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
 * What concerns one node is asked once for each neighbourhood and from time
 * to time again, see hood.c; --again 1 asks in every state.
 * Messages may arrive never, once or often and in any order: what an
 * outstanding order has done so far is never assumed.
 *
 * --stars and --ends go without runs, see facts.c and ends.c.
 *
 * usage: explore [--nodes N] [--links MAX] [--dual] [--kinds] [--flips N]
 *     [--failures N] [--excuses N] [--doubts N] [--again N]
 *     [--stars N | --ends N] [--walks-only | --states-only] [--random GRAPHS] [--seed N]
 *     [--only GRAPH] [--verbose]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/facts.h"
#include "tests/model/search.h"
#include "tests/model/paced.h"
#include "tests/model/pick.h"
#include "tests/model/walk.h"

struct options {
	uint32_t nodes;
	bool dual, kinds, verbose, walks_only, states_only;
	uint64_t seed;
	uint8_t flips, failures, excuses, doubts;
	unsigned again; /* one in so many known answers is asked again */
	long only;
	uint32_t ends; /* states of each graph, instead of all */
	uint32_t stars; /* of so many peers, instead of graphs */
	unsigned long random; /* graphs to walk on, instead of all */
	uint32_t links_max;
};

/* all graphs of this size fit into a long and into the key of a state */
#define ALL_MAX 4

static struct options options = { .nodes = 3,
	.only = -1,
	.links_max = 12,
	.again = 256,
	.seed = 1 };
static uint64_t states_total, edges_total, graphs_total;
static struct hoods hoods;

/* ---- graphs ---------------------------------------------------------------------------------------- */

static void
graph_walk(struct search *s)
{
	const uint64_t seed = options.seed;
	const char *why;

	if ((why = walk_all(&s->t, s->graph, &options.seed)) == NULL &&
	    (why = paced_all(&s->t, s->graph, &options.seed)) == NULL)
		return;
	fprintf(stderr, "explore: walk with seed %llu\n",
	    (unsigned long long)seed);
	search_found(s, NULL, why);
}

static void
graph_explore(struct search *s)
{
	struct state start = { .goal = 2,
		.flips = options.flips,
		.failures = options.failures,
		.excuses = options.excuses,
		.doubts = options.doubts };

	for (uint32_t i = 0; i < s->t.n; i++)
		start.node[i].trusts = start.node[i].chains = 1;
	s->hoods = &hoods;
	hoods.every = options.again;
	search_run(s, &start);
	states_total += s->nstates;
	edges_total += s->nevents;
	if (options.verbose) {
		search_print(s, stdout);
		printf("  %u states, %zu events\n", s->nstates, s->nevents);
	}
}

/* A graph as one number: a digit of base 3 per ordered pair, then a digit for
 * what kind of node each is: dual, or with --kinds any mixture. */
static uint32_t
node_kinds(void)
{
	return options.kinds ? 16 : 2;
}

static void
topology_of(struct topology *t, uint32_t n, long code)
{
	const long kinds = node_kinds();

	memset(t, 0, sizeof(*t));
	t->n = n;
	for (uint32_t i = 0; i < n; i++, code /= kinds) {
		t->dual[i] = (code % kinds & 1) != 0;
		t->foreign[i] = (code % kinds & 2) != 0;
		t->shallow[i] = (code % kinds & 4) != 0;
		t->last[i] = (code % kinds & 8) != 0;
	}
	for (uint32_t c = 0; c < n; c++)
		for (uint32_t v = 0; v < n; v++)
			if (c != v) {
				t->kind[c][v] = (uint8_t)(code % 3);
				code /= 3;
			}
	world_look(t);
}

static long
code_of(const struct topology *t, const uint32_t *perm)
{
	const long kinds = node_kinds();
	long code = 0;

	for (uint32_t c = t->n; c-- > 0;)
		for (uint32_t v = t->n; v-- > 0;)
			if (c != v)
				code = code * 3 + t->kind[perm[c]][perm[v]];
	for (uint32_t i = t->n; i-- > 0;)
		code = code * kinds + t->dual[perm[i]] +
		    2 * t->foreign[perm[i]] + 4 * t->shallow[perm[i]] +
		    8 * t->last[perm[i]];
	return code;
}

/* What changes nothing is left out: a link that the root does not touch, a
 * root or a depth that no link asks for; and only one node is the last. */
static bool
has_idle_kinds(const struct topology *t)
{
	uint32_t last = 0;

	for (uint32_t v = 0; v < t->n; v++) {
		bool serves = false, bridged = false, idle = false;
		for (uint32_t c = 0; c < t->n; c++) {
			serves |= t->kind[c][v] != LINK_NONE;
			bridged |= t->kind[c][v] == LINK_MUTUAL && t->dual[c];
			idle |= t->kind[c][v] == LINK_SERVER_ONLY;
		}
		if ((t->foreign[v] && (idle || !serves)) ||
		    (t->shallow[v] && !bridged))
			return true;
		last += t->last[v];
	}
	return last > 1;
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

/* The smallest number of its isomorphism class stands for all of it. What
 * leaves the number as it is, is an automorphism. */
static bool
is_first_of_class(const struct topology *t, long code, struct symmetry *y)
{
	uint32_t perm[ALL_MAX] = { 0, 1, 2, 3 };

	y->nnodes = t->n;
	y->nperms = 0;
	do {
		const long other = code_of(t, perm);
		if (other < code)
			return false;
		for (uint32_t i = 0; i < t->n && other == code; i++)
			y->perm[y->nperms][i] = (uint8_t)perm[i];
		y->nperms += other == code;
	} while (perm_next(perm, t->n));
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
	long codes = 1;

	for (uint32_t i = 0; i < n; i++)
		codes *= node_kinds();
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
		    (options.kinds && has_idle_kinds(&s.t)) ||
		    !is_first_of_class(&s.t, code, &s.symmetry))
			continue;
		graphs_total++;
		search_build(&s, options.kinds);
		if (options.ends > 0) {
			ends_run(&s, options.ends, &options.seed);
			states_total += options.ends;
		}
		if (options.ends == 0 && !options.states_only)
			graph_walk(&s);
		if (options.ends == 0 && !options.walks_only)
			graph_explore(&s);
		search_free(&s);
	}
}

/* Walks on graphs that are too large to search. */
static void
graphs_at_random(void)
{
	uint64_t seed = options.seed;

	for (unsigned long i = 0; i < options.random; i++) {
		struct search s = { .number = (long)i };
		s.t.n = options.nodes;
		for (uint32_t c = 0; c < s.t.n; c++) {
			s.t.dual[c] = model_pick(&seed, 2) == 1;
			for (uint32_t v = 0; v < s.t.n; v++)
				if (c != v && model_pick(&seed, 3) == 0)
					s.t.kind[c][v] =
					    (uint8_t)(1 + model_pick(&seed, 2));
		}
		world_look(&s.t);
		graphs_total++;
		search_build(&s, options.kinds);
		graph_walk(&s);
		search_free(&s);
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
	{ "again", required_argument, NULL, 'a' },
	{ "seed", required_argument, NULL, 's' },
	{ "random", required_argument, NULL, 'R' },
	{ "ends", required_argument, NULL, 'E' },
	{ "stars", required_argument, NULL, 'p' },
	{ "walks-only", no_argument, NULL, 'w' },
	{ "states-only", no_argument, NULL, 'S' },
	{ "dual", no_argument, NULL, 'd' },
	{ "kinds", no_argument, NULL, 'k' },
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
	case 'a':
		options.again = (unsigned)n;
		return n > 0;
	case 's':
		options.seed = n;
		return n > 0;
	case 'R':
		options.random = n;
		return n > 0;
	case 'E':
		options.ends = (uint32_t)n;
		return n > 0;
	case 'p':
		options.stars = (uint32_t)n;
		return n >= 1 && n <= 3;
	case 'w':
		options.walks_only = true;
		return true;
	case 'k':
		options.kinds = options.dual = true;
		return true;
	case 'S':
		options.states_only = true;
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

/* No runs: see facts.c. */
static void
stars(void)
{
	struct facts_count n = { .stars = 0 };
	/* the rest is what only more peers are asked for, see facts_run */
	const char *what = options.stars > 1
	    ? "each link by itself decides, the goal is in reach"
	    : "the goal is in reach; a part: events by one goal for each link, "
	      "no peer but in both roles, no two links";

	facts_run(options.stars, &n);
	printf("explore: stars of up to %u peers, whatever each holds: %llu "
	       "stars, the rules asked of %llu, %llu with all that can happen, "
	       "%u classes of peers, %ld s of CPU; none breaks, %s\n",
	    options.stars, (unsigned long long)n.stars,
	    (unsigned long long)n.asked, (unsigned long long)n.events,
	    n.classes, (long)(clock() / CLOCKS_PER_SEC), what);
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
	if (options.stars > 0) {
		stars();
		return 0;
	}
	if (options.random > 0)
		graphs_at_random();
	else if (options.nodes <= ALL_MAX)
		graphs_of_size(options.nodes);
	else
		return 2;
	printf(
	    "explore: %u nodes, at most %u links%s; %u goal changes, %u "
	    "failures, %u excuses, %u re-imaged: %llu graphs, %llu states, "
	    "%llu events, %zu neighbourhoods, %ld s of CPU; none breaks, the "
	    "goal is in reach\n",
	    options.nodes, options.links_max,
	    options.kinds      ? ", all kinds of nodes"
		: options.dual ? ", dual"
			       : "",
	    options.flips, options.failures, options.excuses, options.doubts,
	    (unsigned long long)graphs_total, (unsigned long long)states_total,
	    (unsigned long long)edges_total, hoods.n,
	    (long)(clock() / CLOCKS_PER_SEC));
	hoods_free(&hoods);
	return 0;
}
