/*
 * bench policy, reports: what one report costs, in rolls of fleets of each
 * size, under each strategy; it may not grow with the fleet. Neither may what
 * a mishap costs that shuts and opens a layer of the strategy, or stops a
 * group and frees it, while everybody else waits with an order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/policy.h"

#define NOW	 INT64_C(1000000)
#define AT_ONCE	 16 /* orders that are asked for after each report */
#define MISHAPS	 50 /* between two rounds of a roll */
#define UNLUCKY	 1 /* the node that has them */
#define GROWTH	 4 /* at most, from the smallest fleet to the largest */
#define SMALLEST 1000

enum fleet_kind {
	STAR, /* one server: one group, one node with all links */
	PAIRS /* a client and a server each: as many groups as there are */
};
static const char *const fleet_names[] = { "star", "pairs" };

struct roll {
	struct pol_engine *engine;
	uint64_t epoch;
	struct pol_order *given;
	double reports_ms, mishaps_ms;
	uint64_t reports, mishaps; /* reports taken */
};

static struct pol_link *
links_of(enum fleet_kind kind, uint32_t nodes, uint32_t *n)
{
	struct pol_link *l = bench_must(calloc(nodes, sizeof(*l)));

	*n = kind == STAR ? nodes - 1 : nodes / 2;
	for (uint32_t i = 0; i < *n; i++)
		l[i] = kind == STAR
		    ? (struct pol_link){ i + 1, 0, 0, 0 }
		    : (struct pol_link){ 2 * i + 1, 2 * i, 0, 0 };
	return l;
}

/* The server of a star is the CA of FIG. 49, who forgets last; where servers
 * are to get their steps in one order, clients bridge instead. */
static struct pol_graph *
fleet_make(enum fleet_kind kind, uint32_t nodes, enum pol_strategy s)
{
	uint32_t n;
	struct pol_link *l = links_of(kind, nodes, &n);
	struct pol_graph *g;

	bench_check(pol_graph_new(nodes, 1, &g));
	for (uint32_t i = 0; i < n && s == POL_BUNDLED; i++)
		bench_check(
		    pol_graph_node_flags(g, l[i].client, POL_NODE_DUAL));
	if (kind == STAR && s != POL_BUNDLED)
		bench_check(pol_graph_node_flags(g, 0, POL_NODE_LAST));
	bench_check(pol_graph_fill(g, l, n));
	free(l);
	return g;
}

/* kedged's way: whatever a node says, ready is asked after it. */
static void
tell(struct roll *r, struct pol_fact f)
{
	const struct pol_order *o;
	size_t n;

	f.at.ms = NOW;
	f.from = 1;
	f.to = 2;
	bench_check(pol_engine_fact(r->engine, &f));
	if (f.kind != POL_FACT_SENT)
		bench_check(pol_engine_ready(r->engine, f.at, AT_ONCE, &o, &n));
}

static void
mishap(struct roll *r)
{
	const struct pol_possible p = pol_engine_possible(r->engine, UNLUCKY);
	struct pol_fact f = { .node = UNLUCKY };

	/* it comes back from an old snapshot, and is itself again */
	f.kind = POL_FACT_DOUBTED;
	f.conf = (struct pol_conf){ 1, 1, 0 };
	tell(r, f);
	f.kind = POL_FACT_HOLDS;
	f.epoch = r->epoch;
	f.conf = p.before;
	tell(r, f);
	/* an order fails, which stops its group until the operator frees it */
	f.kind = POL_FACT_SENT;
	f.epoch = ++r->epoch;
	f.steps = POL_TRUST;
	tell(r, f);
	f.kind = POL_FACT_FAILED;
	tell(r, f);
	f.kind = POL_FACT_FREED;
	tell(r, f);
	f.kind = POL_FACT_HOLDS;
	tell(r, f);
	r->mishaps += 5;
}

static void
mishaps(struct roll *r)
{
	const double start = bench_ms();

	for (int i = 0; i < MISHAPS; i++)
		mishap(r);
	r->mishaps_ms += bench_ms() - start;
}

/* Gives all that is ready, and hears of each; how many those were. */
static size_t
round_of(struct roll *r)
{
	const struct pol_order *o;
	double start;
	size_t n;

	bench_check(pol_engine_ready(r->engine, (struct pol_time){ NOW },
	    SIZE_MAX, &o, &n));
	memcpy(r->given, o, n * sizeof(*o));
	mishaps(r);
	start = bench_ms();
	for (size_t i = 0; i < n; i++)
		tell(r,
		    (struct pol_fact){ .kind = POL_FACT_SENT,
			.node = r->given[i].node,
			.epoch = r->epoch + i + 1,
			.steps = r->given[i].steps });
	for (size_t i = 0; i < n; i++)
		tell(r,
		    (struct pol_fact){ .kind = POL_FACT_EFFECTIVE,
			.node = r->given[i].node,
			.epoch = r->epoch + i + 1 });
	r->epoch += n;
	r->reports += n;
	r->reports_ms += bench_ms() - start;
	return n;
}

static void
roll_run(struct roll *r, enum fleet_kind kind, uint32_t nodes,
    enum pol_strategy s)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = s,
		.limit = 1,
		.fresh_ms = 1000 };
	struct pol_graph *g = fleet_make(kind, nodes, s);

	r->given = bench_must(malloc((size_t)nodes * sizeof(*r->given)));
	r->epoch = 0;
	bench_check(pol_engine_new(g, 0, &goal, &r->engine));
	for (uint32_t i = 0; i < nodes; i++)
		tell(r,
		    (struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1, 1, 0 } });
	while (round_of(r) > 0)
		;
	if (!pol_engine_is_done(r->engine))
		bench_limit("a roll that is not done", 1, 0);
	pol_engine_free(r->engine);
	free(r->given);
	pol_graph_free(g);
}

static void
one_strategy(enum fleet_kind kind, enum pol_strategy s, uint32_t most)
{
	double report = 0, odd = 0, first[2] = { 0, 0 };

	for (uint32_t n = SMALLEST; n <= most; n *= 10) {
		struct roll r = { .engine = NULL };
		/* of small ones several, so that there is something to measure */
		for (uint32_t i = 0; i <= 30 * SMALLEST / n; i++)
			roll_run(&r, kind, n, s);
		report = r.reports_ms * 1e3 / (double)r.reports;
		odd = r.mishaps_ms * 1e3 / (double)r.mishaps;
		if (n == SMALLEST) {
			first[0] = report;
			first[1] = odd;
		}
		printf("reports %-10s %8u nodes %-5s: %.2f us each, of the "
		       "smallest ratio %.2f; mishaps %.2f us, ratio %.2f\n",
		    pol_strategy_name(s), n, fleet_names[kind], report,
		    report / first[0], odd, odd / first[1]);
		fflush(stdout);
	}
	bench_limit("a report's time in the largest fleet, of the smallest's",
	    report / first[0], GROWTH);
	bench_limit("a mishap's time in the largest fleet, of the smallest's",
	    odd / first[1], GROWTH);
}

/* ---- many links per node ---------------------------------------------------- */

static void
answer_all(struct pol_engine *e, struct pol_order *copy, uint64_t *epoch)
{
	const struct pol_order *o;
	size_t n;

	do {
		bench_check(pol_engine_ready(e, (struct pol_time){ 0 },
		    SIZE_MAX, &o, &n));
		memcpy(copy, o, n * sizeof(*o));
		for (size_t i = 0; i < n; i++) {
			struct pol_fact f = { .kind = POL_FACT_SENT,
				.node = copy[i].node,
				.epoch = ++*epoch,
				.steps = copy[i].steps,
				.from = 1,
				.to = 2 };
			bench_check(pol_engine_fact(e, &f));
			f.kind = POL_FACT_EFFECTIVE;
			bench_check(pol_engine_fact(e, &f));
		}
	} while (n > 0);
}

/* A whole roll: each step of each node is told over each of its links. */
static void
one_roll(uint32_t nodes, uint32_t links)
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_link *l = bench_links(nodes, links);
	struct pol_order *copy = bench_must(malloc(nodes * sizeof(*copy)));
	struct pol_engine *e;
	struct pol_graph *g;
	uint64_t epoch = 0;
	double start;

	bench_check(pol_graph_new(nodes, 1, &g));
	bench_check(pol_graph_fill(g, l, links));
	free(l);
	bench_check(pol_engine_new(g, 0, &goal, &e));
	for (uint32_t i = 0; i < nodes; i++)
		bench_check(pol_engine_fact(e,
		    &(struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1, 1, 0 } }));
	start = bench_ms();
	answer_all(e, copy, &epoch);
	printf("roll %8u nodes %9u links: %6.1f ns per link and step\n", nodes,
	    links, (bench_ms() - start) * 1e6 / (6.0 * links));
	fflush(stdout);
	if (!pol_engine_is_done(e))
		bench_limit("a roll that is not done", 1, 0);
	free(copy);
	pol_engine_free(e);
	pol_graph_free(g);
}

void
bench_reports(uint32_t most)
{
	for (uint32_t n = SMALLEST; n <= most; n *= 10)
		one_roll(n, 10 * n);
	for (unsigned s = POL_MINIMAL; s < POL_STRATEGIES; s++) {
		one_strategy(STAR, (enum pol_strategy)s, most);
		one_strategy(PAIRS, (enum pol_strategy)s, most);
	}
}
