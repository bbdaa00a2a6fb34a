/*
 * bench policy: planning with `minimal` against a bare program that builds
 * both adjacencies of the same links and counts prerequisites, in one run,
 * for links in three orders; bytes per link. Then policy_reports.c: what a
 * report costs. `make bench-policy`.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/policy.h"

double
bench_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void *
bench_must(void *p)
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
	struct edge *e = bench_must(malloc(links * sizeof(*e)));
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

/* ---- the bare program ------------------------------------------------------ */

static uint64_t
bare(const struct edge *e, uint32_t nodes, uint32_t links)
{
	uint32_t *cat = bench_must(calloc(nodes + 2, 4));
	uint32_t *sat = bench_must(calloc(nodes + 2, 4));
	uint32_t *of_client = bench_must(malloc(links * sizeof(uint32_t)));
	uint32_t *of_server = bench_must(malloc(links * sizeof(uint32_t)));
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

void
bench_check(enum pol_err e)
{
	if (e == POL_OK)
		return;
	fprintf(stderr, "bench: %s\n", pol_err_text(e));
	exit(1);
}

static struct pol_link *
links_make(const struct edge *e, uint32_t links)
{
	struct pol_link *l = bench_must(malloc(links * sizeof(*l)));

	for (uint32_t i = 0; i < links; i++)
		l[i] = (struct pol_link){ e[i].client, e[i].server, 0, 0 };
	return l;
}

static struct pol_graph *
graph_make(const struct pol_link *l, uint32_t nodes, uint32_t links)
{
	struct pol_graph *g;

	bench_check(pol_graph_new(nodes, 1, &g));
	bench_check(pol_graph_fill(g, l, links));
	return g;
}

static double
time_plan(const struct pol_link *l, uint32_t nodes, uint32_t links,
    double *bytes)
{
	const size_t heap = heap_now();
	const double start = bench_ms();
	struct pol_graph *g = graph_make(l, nodes, links);
	struct pol_plan *p;
	double ms;

	bench_check(pol_plan_make(g, 0, POL_MINIMAL, &p));
	ms = bench_ms() - start;
	*bytes = (double)(heap_now() - heap) / links;
	if (pol_plan_count(p) < 2 * nodes)
		fprintf(stderr, "bench: odd plan\n");
	pol_plan_free(p);
	pol_graph_free(g);
	return ms;
}

static double
best(double a, double b)
{
	return a < b ? a : b;
}

static bool failed;

void
bench_limit(const char *what, double is, double most)
{
	if (is <= most)
		return;
	printf("bench: %s is %.2f, more than %.2f\n", what, is, most);
	failed = true;
}

/* Nanoseconds per link. */
struct cost {
	double plan, bare;
};

/* Both programs walk the same links in the same order. Dealt round the clients
 * they are measured against it and not judged: that keeps the bare program's
 * writes in the cache, and no store gives links like that. Small graphs are in
 * the cache altogether. */
static struct cost
one_size(uint32_t nodes, uint32_t links, enum order order)
{
	struct edge *e = edges_make(nodes, links, order);
	struct pol_link *l = links_make(e, links);
	double plan = 1e300, floor = 1e300, bytes = 0, start;
	uint64_t sum = 0;

	for (int i = 0; i < 7; i++) {
		start = bench_ms();
		sum += bare(e, nodes, links);
		floor = best(floor, bench_ms() - start);
		plan = best(plan, time_plan(l, nodes, links, &bytes));
	}
	printf("plan %8u nodes %9u links %-9s: %6.1f ns per link, bare "
	       "%6.1f, ratio %.2f, %.1f bytes per link%s\n",
	    nodes, links, order_names[order], plan * 1e6 / links,
	    floor * 1e6 / links, plan / floor, bytes, sum == 0 ? "!" : "");
	fflush(stdout);
	bench_limit("bytes per link", bytes, 25);
	if (order != DEALT && nodes >= 1000000)
		bench_limit("the plan's time of the bare program's",
		    plan / floor, 2);
	free(e);
	free(l);
	return (struct cost){ plan * 1e6 / links, floor * 1e6 / links };
}

/* The bare program is linear; what caches make of it they make of the plan. */
static void
one_order(uint32_t most, enum order order)
{
	struct cost first = { 0, 0 }, c = { 0, 0 };
	double grows;

	for (uint32_t n = 1000; n <= most; n *= 10) {
		c = one_size(n, 10 * n, order);
		first = n == 1000 ? c : first;
	}
	grows = c.plan / first.plan;
	printf("growth of plan, links %-9s: time per link %.2f from 1000 nodes "
	       "to %u, bare %.2f\n",
	    order_names[order], grows, most, c.bare / first.bare);
	bench_limit("the plan's growth of the bare program's",
	    grows / (c.bare / first.bare), 1.5);
}

struct pol_link *
bench_links(uint32_t nodes, uint32_t links)
{
	struct edge *e = edges_make(nodes, links, BY_CLIENT);
	struct pol_link *l = links_make(e, links);

	free(e);
	return l;
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
	for (unsigned o = DEALT; o <= SHUFFLED; o++)
		one_order(most, (enum order)o);
	bench_reports(most);
	return failed ? 1 : 0;
}
