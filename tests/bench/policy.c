/*
 * bench policy: planning with `minimal` against a bare program that builds
 * both adjacencies of the same links and counts prerequisites, in one run,
 * for links in three orders; bytes per link; and what the reports of a whole
 * roll cost per link. `make bench-policy`.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void *
must(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "bench: out of memory\n");
		exit(1);
	}
	return p;
}

static size_t
heap_now(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

struct edge {
	uint32_t client, server;
};

enum order {
	DEALT, /* one link of each client, then the next: suits the bare one */
	BY_CLIENT, /* as a store gives them */
	SHUFFLED
};
static const char *const order_names[] = { "dealt", "by client", "shuffled" };

static uint64_t
pick(uint64_t *x, uint64_t n)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x % n;
}

/* Nine in ten nodes are clients, the others servers; every link once. */
static struct edge *
edges_make(uint32_t nodes, uint32_t links, enum order order)
{
	struct edge *e = must(malloc(links * sizeof(*e)));
	const uint32_t servers = nodes / 10, clients = nodes - servers;
	const uint32_t each = links / clients + 1;
	uint64_t x = 88172645463325252u;

	for (uint32_t i = 0; i < links; i++) {
		uint32_t c = order == BY_CLIENT ? i / each : i % clients;
		uint32_t k = order == BY_CLIENT ? i % each : i / clients;
		/* a client's servers differ: each from its own stretch */
		e[i].client = servers + c;
		e[i].server = (uint32_t)((uint64_t)servers * k / each +
		    pick(&x, servers / each));
	}
	for (uint32_t i = links; order == SHUFFLED && i > 1; i--) {
		struct edge *other = &e[pick(&x, i)], swap = *other;
		*other = e[i - 1];
		e[i - 1] = swap;
	}
	return e;
}

static struct edge *
star_make(uint32_t links)
{
	struct edge *e = must(calloc(links, sizeof(*e)));

	for (uint32_t i = 0; i < links; i++)
		e[i] = (struct edge){ i + 1, 0 };
	return e;
}

/* ---- the bare program ------------------------------------------------------ */

static uint64_t
bare(const struct edge *e, uint32_t nodes, uint32_t links)
{
	uint32_t *cat = must(calloc(nodes + 2, 4));
	uint32_t *sat = must(calloc(nodes + 2, 4));
	uint32_t *of_client = must(malloc(links * sizeof(uint32_t)));
	uint32_t *of_server = must(malloc(links * sizeof(uint32_t)));
	uint64_t sum = 0;

	for (uint32_t i = 0; i < links; i++) {
		cat[e[i].client + 2]++;
		sat[e[i].server + 2]++;
	}
	for (uint32_t i = 0; i <= nodes; i++) {
		cat[i + 1] += cat[i];
		sat[i + 1] += sat[i];
	}
	for (uint32_t i = 0; i < links; i++) {
		of_client[cat[e[i].client + 1]++] = e[i].server;
		of_server[sat[e[i].server + 1]++] = e[i].client;
	}
	/* cert: own trust and all peers'; finish: own trust, peers' cert */
	for (uint32_t i = 0; i < nodes; i++) {
		uint64_t peers = cat[i + 1] - cat[i] + sat[i + 1] - sat[i];
		sum += 2 * (peers + 1);
	}
	sum += of_client[links / 2] & 1;
	sum += of_server[links / 2] & 1;
	free(cat);
	free(sat);
	free(of_client);
	free(of_server);
	return sum;
}

/* ---- the library --------------------------------------------------------------- */

static void
check(enum pol_err e)
{
	if (e == POL_OK)
		return;
	fprintf(stderr, "bench: %s\n", pol_err_text(e));
	exit(1);
}

static struct pol_link *
links_make(const struct edge *e, uint32_t links)
{
	struct pol_link *l = must(malloc(links * sizeof(*l)));

	for (uint32_t i = 0; i < links; i++)
		l[i] = (struct pol_link){ e[i].client, e[i].server, 0, 0 };
	return l;
}

static struct pol_graph *
graph_make(const struct pol_link *l, uint32_t nodes, uint32_t links)
{
	struct pol_graph *g;

	check(pol_graph_new(nodes, 1, &g));
	check(pol_graph_fill(g, l, links));
	return g;
}

static double
time_plan(const struct pol_link *l, uint32_t nodes, uint32_t links,
    double *bytes)
{
	const size_t heap = heap_now();
	const double start = now_ms();
	struct pol_graph *g = graph_make(l, nodes, links);
	struct pol_plan *p;
	double ms;

	check(pol_plan_make(g, 0, POL_MINIMAL, &p));
	ms = now_ms() - start;
	*bytes = (double)(heap_now() - heap) / links;
	if (pol_plan_count(p) < 2 * nodes)
		fprintf(stderr, "bench: odd plan\n");
	pol_plan_free(p);
	pol_graph_free(g);
	return ms;
}

/* A whole roll, all reports one by one: nanoseconds per report and link. */
static double
time_reports(const struct pol_link *l, uint32_t nodes, uint32_t links)
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_graph *g = graph_make(l, nodes, links);
	struct pol_engine *e;
	const struct pol_order *o;
	struct pol_order *copy = must(malloc(nodes * sizeof(*copy)));
	size_t n;
	double start;
	uint64_t epoch = 0;

	check(pol_engine_new(g, 0, &goal, &e));
	for (uint32_t i = 0; i < nodes; i++)
		check(pol_engine_fact(e,
		    &(struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1, 1, 0 } }));
	start = now_ms();
	do {
		check(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX, &o,
		    &n));
		memcpy(copy, o, n * sizeof(*o));
		for (size_t i = 0; i < n; i++) {
			struct pol_fact f = { .kind = POL_FACT_SENT,
				.node = copy[i].node,
				.epoch = ++epoch,
				.steps = copy[i].steps,
				.from = 1,
				.to = 2 };
			check(pol_engine_fact(e, &f));
			f.kind = POL_FACT_EFFECTIVE;
			check(pol_engine_fact(e, &f));
		}
	} while (n > 0);
	if (!pol_engine_is_done(e))
		fprintf(stderr, "bench: roll is not done\n");
	start = now_ms() - start;
	free(copy);
	pol_engine_free(e);
	pol_graph_free(g);
	return start * 1e6 / (6.0 * links);
}

static double
best(double a, double b)
{
	return a < b ? a : b;
}

static bool failed;

static void
limit(const char *what, double is, double most)
{
	if (is <= most)
		return;
	printf("bench: %s is %.2f, more than %.2f\n", what, is, most);
	failed = true;
}

/* The order in which links are dealt round the clients is measured and not
 * judged: it keeps the bare program's writes in the cache, and no store gives
 * links like that. Small graphs are in the cache altogether. */
static void
one_order(uint32_t nodes, uint32_t links, enum order order)
{
	struct edge *e = edges_make(nodes, links, order);
	struct pol_link *l = links_make(e, links);
	double plan = 1e300, floor = 1e300, bytes = 0, start;
	uint64_t sum = 0;

	for (int i = 0; i < 7; i++) {
		start = now_ms();
		sum += bare(e, nodes, links);
		floor = best(floor, now_ms() - start);
		plan = best(plan, time_plan(l, nodes, links, &bytes));
	}
	printf("plan %8u nodes %9u links %-9s: %6.1f ns per link, bare "
	       "%6.1f, ratio %.2f, %.1f bytes per link%s\n",
	    nodes, links, order_names[order], plan * 1e6 / links,
	    floor * 1e6 / links, plan / floor, bytes, sum == 0 ? "!" : "");
	fflush(stdout);
	limit("bytes per link", bytes, 25);
	if (order != DEALT && nodes >= 1000000)
		limit("the plan's time of the bare program's", plan / floor, 2);
	free(e);
	free(l);
}

/* ---- one report at a time ------------------------------------------------------- */

struct star {
	struct pol_engine *engine;
	uint64_t epoch;
	size_t answered;
};

static void
star_tell(struct star *s, struct pol_fact f)
{
	const struct pol_order *o;
	size_t n;

	f.at.ms = 1000000;
	f.from = 1;
	f.to = 2;
	check(pol_engine_fact(s->engine, &f));
	if (f.kind != POL_FACT_EFFECTIVE)
		return;
	s->answered++;
	check(pol_engine_ready(s->engine, f.at, 128, &o, &n));
}

/* kedged's way: ready after each report, while other orders wait; the server is
 * the CA of FIG. 49, and removals rest on inventories. Microseconds per report. */
static double
time_star(uint32_t clients)
{
	const struct pol_goal goal = { .from = 1, .to = 2, .fresh_ms = 1000 };
	struct edge *edges = star_make(clients);
	struct pol_link *l = links_make(edges, clients);
	struct pol_order *given = must(malloc((clients + 1) * sizeof(*given)));
	struct star s = { NULL, 0, 0 };
	const struct pol_order *o;
	struct pol_graph *g;
	double start;
	size_t n;

	check(pol_graph_new(clients + 1, 1, &g));
	check(pol_graph_node_flags(g, 0, POL_NODE_LAST));
	check(pol_graph_fill(g, l, clients));
	check(pol_engine_new(g, 0, &goal, &s.engine));
	for (uint32_t i = 0; i <= clients; i++)
		star_tell(&s,
		    (struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1, 1, 0 } });
	start = now_ms();
	do {
		check(pol_engine_ready(s.engine, (struct pol_time){ 1000000 },
		    SIZE_MAX, &o, &n));
		memcpy(given, o, n * sizeof(*o));
		for (size_t i = 0; i < n; i++)
			star_tell(&s,
			    (struct pol_fact){ .kind = POL_FACT_SENT,
				.node = given[i].node,
				.epoch = ++s.epoch,
				.steps = given[i].steps });
		for (size_t i = 0; i < n; i++)
			star_tell(&s,
			    (struct pol_fact){ .kind = POL_FACT_EFFECTIVE,
				.node = given[i].node,
				.epoch = s.epoch - n + i + 1 });
	} while (n > 0);
	start = now_ms() - start;
	if (!pol_engine_is_done(s.engine))
		limit("a roll that is not done", 1, 0);
	free(given);
	free(edges);
	free(l);
	pol_engine_free(s.engine);
	pol_graph_free(g);
	return start * 1e3 / (double)s.answered;
}

static void
one_star(uint32_t most)
{
	double first = 0, us = 0;

	for (uint32_t n = 1000; n <= most; n *= 10) {
		us = time_star(n);
		first = n == 1000 ? us : first;
		printf("star %8u clients, last, fresh, ready after each: %.2f "
		       "us per report\n",
		    n, us);
		fflush(stdout);
	}
	limit("the time per report of the largest star, of the smallest's",
	    us / first, 4);
}

/* A whole roll; with a star, a report of one link must not cost what its
 * server has links. */
static void
one_roll(uint32_t nodes, uint32_t links)
{
	const bool star = links == nodes - 1;
	struct edge *e =
	    star ? star_make(links) : edges_make(nodes, links, BY_CLIENT);
	struct pol_link *l = links_make(e, links);

	free(e);
	printf("roll %8u nodes %9u links %-9s: %6.1f ns per link and step\n",
	    nodes, links, star ? "star" : order_names[BY_CLIENT],
	    time_reports(l, nodes, links));
	fflush(stdout);
	free(l);
}

int
main(int argc, char **argv)
{
	const bool large = argc > 1 && strcmp(argv[1], "--large") == 0;
	const uint32_t most = large ? 1000000 : 100000;

	/* both programs in memory that is there already: the kernel's pages
	 * would cost more than either */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 2047 << 20);
	for (uint32_t n = 1000; n <= most; n *= 10)
		for (unsigned o = DEALT; o <= SHUFFLED; o++)
			one_order(n, 10 * n, (enum order)o);
	for (uint32_t n = 1000; n <= most; n *= 10)
		one_roll(n, 10 * n);
	for (uint32_t n = 1000; n <= most; n *= 10)
		one_roll(n, n - 1);
	one_star(most);
	return failed ? 1 : 0;
}
