/* An outlook of a whole roll from "all on the old generation". */
#include <check.h>
#include <string.h>

#include "ca/look.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/topology_rig.h"

static struct ca_topology *t;
static struct pol_graph *g;
static struct pol_pace paces[4];
static const struct ca_pace pace = { .node = paces,
	.n = 4,
	.retry_ms = 60000,
	.start = { 1000 } };
static struct ca_look look = { .root_name = "a", .pace = &pace };
static struct pol_engine *engine;
static struct pol_outlook o;

/* c is a client of s under root a; d has no links. */
static void
setup(void)
{
	ck_assert_int_eq(topology_parse(ROOTS NODES LINKS(""), &t), BASE_OK);
	ck_assert_int_eq(ca_topology_graph(t, "a", &g, &look.root), BASE_OK);
	look.topology = t;
	look.graph = g;
	for (size_t i = 0; i < 4; i++)
		paces[i] = (struct pol_pace){ .takes_ms = 100 };
}

static void
teardown(void)
{
	pol_outlook_clear(&o);
	pol_engine_free(engine);
	pol_graph_free(g);
	ca_topology_free(t);
}

START_TEST(to_its_end)
{
	ck_assert_int_eq(ca_look_make(&look, &engine, &o), BASE_OK);
	ck_assert(o.is_done);
	/* trust, cert and finish of either, three after each other */
	ck_assert_uint_eq(o.n, 6);
	ck_assert_int_eq(o.turns[o.last].end_ms, 300);
	ck_assert(pol_engine_is_done(engine));
}
END_TEST

START_TEST(at_the_paces_that_are_assumed)
{
	const uint32_t c = ca_topology_number(t, ca_topology_node(t, "c"));

	paces[c].takes_ms = 500;
	paces[c].failures = 1;
	ck_assert_int_eq(ca_look_make(&look, &engine, &o), BASE_OK);
	ck_assert(o.is_done);
	ck_assert_uint_eq(o.n, 7);
	ck_assert_int_eq(o.turns[o.last].end_ms, 4 * 500 + 60000);
}
END_TEST

/* Then the engine says on whom it waits. */
START_TEST(who_does_not_come)
{
	const uint32_t s = ca_topology_number(t, ca_topology_node(t, "s"));
	const uint32_t c = ca_topology_number(t, ca_topology_node(t, "c"));
	struct pol_why why;

	paces[s].away_ms = POL_NEVER;
	ck_assert_int_eq(ca_look_make(&look, &engine, &o), BASE_OK);
	ck_assert(!o.is_done);
	ck_assert_uint_eq(pol_engine_waits(engine, c, &why, 1), 1);
	ck_assert_uint_eq(why.peer, s);
}
END_TEST

START_TEST(a_goal_that_is_none)
{
	look.goal.strategy = (enum pol_strategy)99;
	ck_assert_int_eq(ca_look_make(&look, &engine, &o), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(
	    strstr(base_why(), "fleet.conf: no outlook for root \"a\""));
	ck_assert_ptr_null(engine);
	ck_assert_uint_eq(o.n, 0);
	look.goal.strategy = POL_MINIMAL;
}
END_TEST

TCase *
case_look(void)
{
	TCase *c = tcase_create("look");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, to_its_end);
	tcase_add_test(c, at_the_paces_that_are_assumed);
	tcase_add_test(c, who_does_not_come);
	tcase_add_test(c, a_goal_that_is_none);
	return c;
}
