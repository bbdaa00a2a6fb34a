/* Tests of policy/graph.c: links in, adjacencies out, refusals. */
#include <stdlib.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

static enum pol_err
link_put(struct pol_graph *g, uint32_t c, uint32_t s, uint32_t cr, uint32_t sr)
{
	return pol_graph_link(g, &(struct pol_link){ c, s, cr, sr });
}

static struct pol_graph *
graph_new(void)
{
	struct pol_graph *g;

	ck_assert_int_eq(pol_graph_new(3, 2, &g), POL_OK);
	return g;
}

START_TEST(test_links_are_refused_by_content)
{
	struct pol_graph *g = graph_new();

	ck_assert_int_eq(link_put(g, 0, 3, 0, 0), POL_E_RANGE);
	ck_assert_int_eq(link_put(g, 0, 1, 2, 0), POL_E_RANGE);
	ck_assert_int_eq(link_put(g, 1, 1, 0, 0), POL_E_SELF);
	ck_assert_int_eq(link_put(g, 0, 1, 0, POL_NONE), POL_E_ROOT);
	ck_assert_int_eq(link_put(g, 0, 1, POL_NONE, 0), POL_OK);
	ck_assert_int_eq(link_put(g, 2, 1, 1, 1), POL_E_SPLIT);
	ck_assert_int_eq(link_put(g, 2, 1, 1, 0), POL_OK);
	ck_assert_int_eq(pol_graph_node_flags(g, 3, 0), POL_E_RANGE);
	ck_assert_int_eq(pol_graph_node_flags(g, 0, 0x80), POL_E_RANGE);
	ck_assert_int_eq(pol_graph_seal(g), POL_OK);
	ck_assert_int_eq(link_put(g, 0, 2, 0, 0), POL_E_RANGE);
	pol_graph_free(g);
}
END_TEST

START_TEST(test_same_link_twice)
{
	struct pol_graph *g = graph_new();

	ck_assert_int_eq(link_put(g, 0, 1, 0, 0), POL_OK);
	ck_assert_int_eq(link_put(g, 2, 1, 0, 0), POL_OK);
	ck_assert_int_eq(link_put(g, 0, 1, 0, 0), POL_OK);
	ck_assert_int_eq(pol_graph_seal(g), POL_OK);
	ck_assert_uint_eq(pol_graph_steps(g, 0, 0), 7);
	pol_graph_free(g);

	g = graph_new();
	ck_assert_int_eq(link_put(g, 0, 1, 0, 0), POL_OK);
	ck_assert_int_eq(link_put(g, 2, 1, 0, 0), POL_OK);
	ck_assert_int_eq(link_put(g, 0, 1, POL_NONE, 0), POL_OK);
	ck_assert_int_eq(pol_graph_seal(g), POL_E_TWICE);
	pol_graph_free(g);
}
END_TEST

/* What the two graphs say of every node under every root is equal. */
static void
graphs_compare(const struct pol_graph *a, const struct pol_graph *b)
{
	for (uint32_t root = 0; root < 2; root++)
		for (uint32_t i = 0; i < 3; i++)
			ck_assert_uint_eq(pol_graph_steps(a, root, i),
			    pol_graph_steps(b, root, i));
}

START_TEST(test_all_links_at_once)
{
	/* not in order, one link twice, then with a client of another root */
	struct pol_link l[] = { { 2, 1, 0, 0 }, { 0, 2, 0, 0 }, { 0, 1, 0, 0 },
		{ 2, 1, 0, 0 } };
	struct pol_graph *g, *one;

	for (uint32_t other = 0; other < 2; other++) {
		l[1].client_root = other;
		one = graph_new();
		for (unsigned i = 0; i < 4; i++)
			ck_assert_int_eq(pol_graph_link(one, &l[i]), POL_OK);
		ck_assert_int_eq(pol_graph_seal(one), POL_OK);
		g = graph_new();
		ck_assert_int_eq(pol_graph_fill(g, l, 4), POL_OK);
		graphs_compare(g, one);
		ck_assert_int_eq(pol_graph_fill(g, l, 0), POL_E_RANGE);
		pol_graph_free(g);
		pol_graph_free(one);
	}
	l[3].client_root = 1;
	g = graph_new();
	ck_assert_int_eq(pol_graph_fill(g, l, 4), POL_E_TWICE);
	pol_graph_free(g);
	l[3] = (struct pol_link){ 0, 1, 1, 1 };
	g = graph_new();
	ck_assert_int_eq(pol_graph_fill(g, l, 4), POL_E_SPLIT);
	pol_graph_free(g);
	g = graph_new();
	ck_assert_int_eq(link_put(g, 0, 1, 0, 0), POL_OK);
	ck_assert_int_eq(pol_graph_fill(g, l, 1), POL_E_RANGE);
	pol_graph_free(g);
}
END_TEST

START_TEST(test_roles_and_steps)
{
	struct fleet f;
	struct pol_role r;

	/* FIG. 52: s has no trust and no finish, c has no cert */
	fleet_make(&f, "c>s:server", "c");
	ck_assert_uint_eq(pol_graph_steps(f.graph, 0, 0),
	    POL_TRUST | POL_FINISH);
	ck_assert_uint_eq(pol_graph_steps(f.graph, 0, 1), POL_CERT);
	ck_assert_uint_eq(pol_graph_steps(f.graph, 1, 0), 0);
	r = pol_graph_role(f.graph, 0, 0);
	ck_assert(r.verifies && !r.presents && !r.bridges);
	fleet_free(&f);
	/* a dual client that verifies nothing still gets a finish */
	fleet_make(&f, "c>s:0/1", "c");
	ck_assert_uint_eq(pol_graph_steps(f.graph, 0, 0),
	    POL_CERT | POL_FINISH);
	ck_assert_uint_eq(pol_graph_steps(f.graph, 0, 1),
	    POL_TRUST | POL_FINISH);
	ck_assert(pol_graph_role(f.graph, 0, 0).bridges);
	fleet_free(&f);
}
END_TEST

START_TEST(test_order_of_links_does_not_matter)
{
	struct fleet a, b;
	struct pol_plan *p, *q;

	fleet_make(&a, "c1>s1 c2>s1 c3>s1 c3>s2 c4>s2", "");
	fleet_make(&b, "c4>s2 c3>s2 c3>s1 c1>s1 c2>s1 c3>s2", "");
	ck_assert_int_eq(pol_plan_make(a.graph, 0, POL_MINIMAL, &p), POL_OK);
	ck_assert_int_eq(pol_plan_make(b.graph, 0, POL_MINIMAL, &q), POL_OK);
	ck_assert_uint_eq(pol_plan_count(p), pol_plan_count(q));
	for (uint32_t i = 0; i < pol_plan_count(p); i++) {
		const uint32_t *x, *y;
		size_t n, m;
		ck_assert_int_eq(pol_plan_after(p, i, &x, &n), POL_OK);
		ck_assert_int_eq(pol_plan_after(q, i, &y, &m), POL_OK);
		ck_assert_uint_eq(n, m);
		for (size_t k = 0; k < n; k++)
			ck_assert_uint_eq(x[k], y[k]);
	}
	const uint32_t *none;
	size_t zero = 1;
	ck_assert_int_eq(pol_plan_after(p, pol_plan_count(p), &none, &zero),
	    POL_E_RANGE);
	ck_assert_uint_eq(zero, 0);
	pol_plan_free(p);
	pol_plan_free(q);
	fleet_free(&a);
	fleet_free(&b);
}
END_TEST

START_TEST(test_unknown_root_and_unsealed_graph)
{
	struct pol_graph *g = graph_new();
	struct pol_plan *p;

	ck_assert_int_eq(pol_plan_make(g, 0, POL_MINIMAL, &p), POL_E_RANGE);
	ck_assert_int_eq(pol_graph_seal(g), POL_OK);
	ck_assert_int_eq(pol_plan_make(g, 2, POL_MINIMAL, &p), POL_E_RANGE);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(pol_plan_make(g, 0, POL_MINIMAL, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_count(p), 0);
	ck_assert_uint_eq(pol_plan_groups(p), 0);
	pol_plan_free(p);
	pol_graph_free(g);
}
END_TEST

TCase *
case_graph(void)
{
	TCase *t = tcase_create("graph");

	tcase_add_test(t, test_links_are_refused_by_content);
	tcase_add_test(t, test_same_link_twice);
	tcase_add_test(t, test_all_links_at_once);
	tcase_add_test(t, test_roles_and_steps);
	tcase_add_test(t, test_order_of_links_does_not_matter);
	tcase_add_test(t, test_unknown_root_and_unsealed_graph);
	return t;
}
