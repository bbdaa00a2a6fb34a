/*
 * Tests of `compact` (policy/compact.c): on every small graph no way to put
 * steps into orders needs fewer, tried one by one against the rule check;
 * and on larger ones the division and its bound.
 */
#include <stdlib.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define SMALL_MAX 5

/* ---- all ways to put a node's steps into orders ---------------------------------- */

static const uint8_t ways[][3] = {
	{ POL_TRUST | POL_CERT | POL_FINISH, 0, 0 },
	{ POL_TRUST | POL_CERT, POL_FINISH, 0 },
	{ POL_TRUST, POL_CERT | POL_FINISH, 0 },
	{ POL_TRUST | POL_FINISH, POL_CERT, 0 },
	{ POL_TRUST, POL_CERT, POL_FINISH },
};
#define NWAYS 5

/* Goes on with whatever is allowed; an order done never forbids another. */
static bool
way_comes_to_its_end(const struct fleet *f, const unsigned *way)
{
	struct pol_engine *e = fleet_engine(f, 0, POL_MINIMAL);
	bool moved = true, is_done;

	while (moved) {
		moved = false;
		for (uint32_t i = 0; i < f->n; i++) {
			uint32_t all = pol_graph_steps(f->graph, 0, i);
			for (unsigned k = 0; k < 3; k++) {
				uint32_t steps = ways[way[i]][k] & all;
				if (steps == 0 ||
				    pol_engine_step(e, i,
					steps & (~steps + 1)) ==
					POL_STEP_DONE ||
				    pol_engine_allowed(e, i, steps, NULL) !=
					POL_OK)
					continue;
				fleet_do(e, i, steps);
				moved = true;
			}
		}
	}
	is_done = pol_engine_is_done(e);
	pol_engine_free(e);
	return is_done;
}

static uint32_t
way_orders(const struct fleet *f, const unsigned *way)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n; i++)
		for (unsigned k = 0; k < 3; k++)
			n += (ways[way[i]][k] &
				 pol_graph_steps(f->graph, 0, i)) != 0;
	return n;
}

/* Does any way with fewer orders than these come to its end? */
static bool
is_beaten(const struct fleet *f, uint32_t orders)
{
	unsigned way[SMALL_MAX] = { 0 };
	uint32_t i;

	do {
		if (way_orders(f, way) < orders && way_comes_to_its_end(f, way))
			return true;
		for (i = 0; i < f->n && ++way[i] == NWAYS; i++)
			way[i] = 0;
	} while (i < f->n);
	return false;
}

/* ---- graphs ------------------------------------------------------------------------ */

/* The number's digits say what each ordered pair has: nothing, mutual,
 * server-only. */
static void
graph_make(struct fleet *f, uint32_t n, uint64_t number)
{
	*f = (struct fleet){ .n = n };
	ck_assert_int_eq(pol_graph_new(n, 1, &f->graph), POL_OK);
	for (uint32_t c = 0; c < n; c++)
		for (uint32_t s = 0; s < n; s++) {
			struct pol_link l = { c, s, 0, 0 };
			uint64_t kind = c == s ? 0 : number % 3;
			if (c != s)
				number /= 3;
			if (kind == 0)
				continue;
			if (kind == 2)
				l.client_root = POL_NONE;
			ck_assert_int_eq(pol_graph_link(f->graph, &l), POL_OK);
		}
	ck_assert_int_eq(pol_graph_seal(f->graph), POL_OK);
}

static void
is_minimal(const struct fleet *f, uint64_t number)
{
	struct pol_plan *p;
	const struct pol_plan_note *notes;
	uint32_t orders;

	ck_assert_int_eq(pol_plan_make(f->graph, 0, POL_COMPACT, &p), POL_OK);
	orders = pol_plan_count(p);
	ck_assert_uint_eq(pol_plan_least(p), orders);
	ck_assert_msg(!is_beaten(f, orders),
	    "graph %llu of %u nodes: fewer than %u orders go",
	    (unsigned long long)number, f->n, orders);
	for (size_t i = 0, n = pol_plan_notes(p, &notes); i < n; i++)
		ck_assert_uint_ne(notes[i].node, notes[i].peer);
	pol_plan_free(p);
}

START_TEST(test_fewest_of_all_ways)
{
	struct fleet f;

	/* all graphs of two and three nodes */
	for (uint32_t n = 2; n <= 3; n++)
		for (uint64_t k = 0; k < (n == 2 ? 9 : 729); k++) {
			graph_make(&f, n, k);
			is_minimal(&f, k);
			fleet_free(&f);
		}
}
END_TEST

START_TEST(test_fewest_of_all_ways_in_larger_graphs)
{
	uint64_t seed = 20261122;
	struct fleet f;

	for (int i = 0; i < 32; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1;
		graph_make(&f, i < 30 ? 4 : 5, seed >> 20);
		is_minimal(&f, seed >> 20);
		fleet_free(&f);
	}
}
END_TEST

/* ---- single cases --------------------------------------------------------------------- */

struct compact_case {
	const char *links, *dual;
	uint32_t orders, least;
	size_t notes;
};

static const struct compact_case cases[] = {
	/* bipartite: two orders for everybody */
	{ "c>s", "", 4, 4, 0 },
	{ "c1>s c2>s c3>s", "", 8, 8, 0 },
	{ "x>y y>x", "", 4, 4, 0 },
	{ "a>b b>c c>d d>a", "", 8, 8, 0 },
	/* a server that verifies nobody has one step */
	{ "c>s:server", "", 3, 3, 0 },
	/* odd cycles: one of each */
	{ "x>y y>z z>x", "", 7, 7, 1 },
	{ "a>b b>c c>d d>e e>a", "", 11, 11, 1 },
	{ "a>b b>c c>a d>e e>f f>d c>d", "", 14, 14, 2 },
	/* four that all verify each other: two */
	{ "a>b a>c a>d b>c b>d c>d", "", 10, 10, 2 },
	/* one-way circles are no obstacle, if they are not one side's */
	{ "x>y:server y>z:server z>x:server", "", 6, 6, 0 },
	/* bridging is not used, and not in the way */
	{ "c>s", "c", 4, 4, 0 },
	{ "c>s:0/1", "c", 3, 3, 0 },
};
#define NCASES ((int)(sizeof(cases) / sizeof(cases[0])))

START_TEST(test_case_orders)
{
	const struct compact_case *c = &cases[_i];
	const struct pol_plan_note *notes;
	struct pol_plan *p;
	struct fleet f;

	fleet_make(&f, c->links, c->dual);
	ck_assert_int_eq(pol_plan_make(f.graph, 0, POL_COMPACT, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_count(p), c->orders);
	ck_assert_uint_eq(pol_plan_least(p), c->least);
	ck_assert_uint_eq(pol_plan_notes(p, &notes), c->notes);
	pol_plan_free(p);
	/* the bound is nothing that the other strategies have */
	ck_assert_int_eq(pol_plan_make(f.graph, 0, POL_MERGED, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_least(p), 0);
	pol_plan_free(p);
	fleet_free(&f);
}
END_TEST

/* n nodes; each has mutual links with those at these distances on a ring. */
static struct pol_graph *
ring(uint32_t n, const uint32_t *distance, unsigned ndistances)
{
	struct pol_graph *g;

	ck_assert_int_eq(pol_graph_new(n, 1, &g), POL_OK);
	for (uint32_t i = 0; i < n; i++)
		for (unsigned k = 0; k < ndistances; k++)
			ck_assert_int_eq(pol_graph_link(g,
					     &(struct pol_link){ i,
						 (i + distance[k]) % n, 0, 0 }),
			    POL_OK);
	ck_assert_int_eq(pol_graph_seal(g), POL_OK);
	return g;
}

START_TEST(test_large_even_ring_is_exact)
{
	struct pol_graph *g = ring(20000, (const uint32_t[]){ 1, 7 }, 2);
	struct pol_plan *p;

	ck_assert_int_eq(pol_plan_make(g, 0, POL_COMPACT, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_count(p), 40000);
	ck_assert_uint_eq(pol_plan_least(p), 40000);
	pol_plan_free(p);
	pol_graph_free(g);
}
END_TEST

START_TEST(test_large_triangles_have_a_bound)
{
	struct pol_graph *g = ring(3000, (const uint32_t[]){ 1, 2 }, 2);
	struct pol_plan *p;

	/* one of three at least; what is chosen beyond that is admitted */
	ck_assert_int_eq(pol_plan_make(g, 0, POL_COMPACT, &p), POL_OK);
	ck_assert_uint_ge(pol_plan_count(p), 7000);
	ck_assert_uint_le(pol_plan_count(p), 7600);
	ck_assert_uint_le(pol_plan_least(p), 7000);
	ck_assert_uint_ge(pol_plan_least(p), 6400);
	pol_plan_free(p);
	pol_graph_free(g);
}
END_TEST

START_TEST(test_the_ca_is_never_on_the_second_side)
{
	struct order_set s;
	struct pol_graph *g;
	struct pol_plan *p;
	uint32_t last;

	/* FIG. 49: c > ca in a triangle; ca's finish is the last order */
	for (uint32_t ca = 0; ca < 3; ca++) {
		ck_assert_int_eq(pol_graph_new(3, 1, &g), POL_OK);
		ck_assert_int_eq(pol_graph_node_flags(g, ca, POL_NODE_LAST),
		    POL_OK);
		for (uint32_t i = 0; i < 3; i++)
			ck_assert_int_eq(pol_graph_link(g,
					     &(struct pol_link){ i, (i + 1) % 3,
						 0, 0 }),
			    POL_OK);
		ck_assert_int_eq(pol_graph_seal(g), POL_OK);
		ck_assert_int_eq(pol_plan_make(g, 0, POL_COMPACT, &p), POL_OK);
		ck_assert_uint_eq(pol_plan_count(p), 7);
		order_set_of_plan(&s, p);
		order_set_close(&s);
		last = order_set_find(&s, (struct pol_order){ ca, POL_FINISH });
		ck_assert_uint_ne(last, POL_NONE);
		ck_assert_uint_eq((uint32_t)__builtin_popcountll(s.after[last]),
		    s.n - 1);
		pol_plan_free(p);
		pol_graph_free(g);
	}
}
END_TEST

TCase *
case_compact(void)
{
	TCase *t = tcase_create("compact");

	tcase_add_test(t, test_fewest_of_all_ways);
	tcase_add_test(t, test_fewest_of_all_ways_in_larger_graphs);
	tcase_add_loop_test(t, test_case_orders, 0, NCASES);
	tcase_add_test(t, test_large_even_ring_is_exact);
	tcase_add_test(t, test_large_triangles_have_a_bound);
	tcase_add_test(t, test_the_ca_is_never_on_the_second_side);
	return t;
}
