/* Tests of roles, groups and strategies. */
#include "policy/inside.h"
#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

START_TEST(test_groups)
{
	struct pol_plan *p;
	struct fleet f;

	/* FIG. 45: neither group waits for the other */
	fleet_make(&f, "c1>s1 c2>s1 c3>s1 c4>s2 c5>s2", "");
	ck_assert_int_eq(pol_plan_make(f.graph, 0, POL_LAYERED, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_groups(p), 2);
	for (uint32_t i = 0; i < f.n; i++)
		ck_assert_uint_eq(pol_plan_group_of(p, i),
		    i == 3 || i == 4 || i == 6);
	pol_plan_free(p);
	/* a node without part is in no group */
	ck_assert_int_eq(pol_plan_make(f.graph, 1, POL_LAYERED, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_group_of(p, 0), POL_NONE);
	pol_plan_free(p);
	fleet_free(&f);
}
END_TEST

START_TEST(test_strategy_names)
{
	enum pol_strategy s;

	for (unsigned i = POL_MINIMAL; i < POL_STRATEGIES; i++) {
		ck_assert(
		    pol_strategy_parse(pol_strategy_name((enum pol_strategy)i),
			&s));
		ck_assert_uint_eq(s, i);
	}
	ck_assert(!pol_strategy_parse("mini", &s));
	ck_assert(!pol_strategy_parse("minimally", &s));
}
END_TEST

START_TEST(test_roles)
{
	static const struct {
		const char *links, *dual;
		uint32_t node;
		unsigned role;
		uint32_t steps;
	} rows[] = {
		{ "c>s", "", NODE_C, ROLE_CLIENT | ROLE_SHOWS_C | ROLE_VERIFIES,
		    7 },
		{ "c>s", "", NODE_S, ROLE_SERVER | ROLE_SHOWS_S | ROLE_VERIFIES,
		    7 },
		{ "c>s:server", "", NODE_C, ROLE_CLIENT | ROLE_VERIFIES,
		    POL_TRUST | POL_FINISH },
		/* dual is of clients that present, and of nobody else */
		{ "c>s:server", "c", NODE_C, ROLE_CLIENT | ROLE_VERIFIES,
		    POL_TRUST | POL_FINISH },
		{ "c>s:server", "", NODE_S, ROLE_SERVER | ROLE_SHOWS_S,
		    POL_CERT },
		{ "c>s:0/1", "c", NODE_C,
		    ROLE_CLIENT | ROLE_SHOWS_C | ROLE_BRIDGES,
		    POL_CERT | POL_FINISH },
		{ "c>s:1/0", "", NODE_C, ROLE_CLIENT | ROLE_VERIFIES,
		    POL_TRUST | POL_FINISH },
		{ "c>s:1/1", "", NODE_C, 0, 0 },
		{ "c>s", "s!", NODE_S,
		    ROLE_SERVER | ROLE_SHOWS_S | ROLE_VERIFIES | ROLE_LAST, 7 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fleet f;

		fleet_make(&f, rows[i].links, rows[i].dual);
		ck_assert_msg(role_of(f.graph, 0, rows[i].node) == rows[i].role,
		    "row %zu: %x", i, role_of(f.graph, 0, rows[i].node));
		ck_assert_uint_eq(role_steps(rows[i].role), rows[i].steps);
		ck_assert_uint_eq(pol_graph_steps(f.graph, 0, rows[i].node),
		    rows[i].steps);
		ck_assert_uint_eq(pol_graph_steps(f.graph, 0, f.n), 0);
		fleet_free(&f);
	}
}
END_TEST

/* Layers are barriers: trust of all, certificates of clients before those of
 * servers, forgetting at the end; the last forgets after everybody. */
START_TEST(test_layers)
{
	const unsigned client = ROLE_CLIENT, server = ROLE_SERVER;
	struct shape s = { .strategy = POL_LAYERED };

	ck_assert(shape_has_layers(&s));
	ck_assert_uint_eq(shape_layer(&s, client, POL_TRUST),
	    shape_layer(&s, server, POL_TRUST));
	ck_assert_uint_lt(shape_layer(&s, client, POL_CERT),
	    shape_layer(&s, client | server, POL_CERT));
	ck_assert_uint_lt(shape_layer(&s, client | server, POL_CERT),
	    shape_layer(&s, server, POL_CERT));
	ck_assert_uint_lt(shape_layer(&s, server, POL_CERT),
	    shape_layer(&s, client, POL_FINISH));
	ck_assert_uint_eq(shape_layer(&s, server | ROLE_LAST, POL_FINISH),
	    shape_layer(&s, server, POL_FINISH) + 1);
	s.strategy = POL_SEQUENTIAL;
	ck_assert_uint_lt(shape_layer(&s, server, POL_TRUST),
	    shape_layer(&s, client, POL_TRUST));
	s.strategy = POL_MINIMAL;
	ck_assert(!shape_has_layers(&s));
	ck_assert_uint_eq(shape_layer(&s, server | ROLE_LAST, POL_FINISH), 0);
}
END_TEST

START_TEST(test_notes_come_by_node)
{
	struct fleet f;
	struct shape s;

	fleet_make(&f, "a>b b>c c>a", "a b c");
	ck_assert_int_eq(shape_make(f.graph, 0, POL_BUNDLED, &s), POL_OK);
	ck_assert_uint_eq(s.nnotes, 3);
	for (size_t i = 1; i < s.nnotes; i++)
		ck_assert_uint_le(s.notes[i - 1].node, s.notes[i].node);
	shape_free(&s);
	/* a root or strategy that there is not */
	ck_assert_int_eq(shape_make(f.graph, 99, POL_BUNDLED, &s), POL_E_RANGE);
	ck_assert_int_eq(shape_make(f.graph, 0,
			     (enum pol_strategy)POL_STRATEGIES, &s),
	    POL_E_RANGE);
	fleet_free(&f);
}
END_TEST

TCase *
case_shape(void)
{
	TCase *t = tcase_create("shape");

	tcase_add_test(t, test_groups);
	tcase_add_test(t, test_strategy_names);
	tcase_add_test(t, test_roles);
	tcase_add_test(t, test_layers);
	tcase_add_test(t, test_notes_come_by_node);
	return t;
}
