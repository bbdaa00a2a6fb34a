/* Tests of ca/cmd_plan.c: the plan's JSON, from the files that stand for the
 * seed's figures (tests/data/topology). Run from the top of the tree. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "tests/unit/ca/plan_rig.h"
#include "tests/unit/ca/suites.h"

/* The orders of a file without their routes. */
static json_t *
orders_of(const char *path, const char *strategy)
{
	json_t *doc, *orders, *order;
	size_t i;

	ck_assert_int_eq(PLAN("--topology", path, "--root", "a", "--strategy",
			     strategy, "--json"),
	    CLI_DONE);
	doc = json_loads(plan_out, JSON_REJECT_DUPLICATES, NULL);
	orders = json_incref(json_object_get(doc, "orders"));
	json_array_foreach(orders, i, order)
	    ck_assert_int_eq(json_object_del(order, "route"), 0);
	json_decref(doc);
	return orders;
}

/* The seed's variants of where the CA stands: it reaches the server, the
 * client, or all, and may live within a node. */
START_TEST(test_reach_is_no_part_of_the_order)
{
	static const char *const strategies[] = { "minimal", "layered",
		"sequential", "merged", "bundled", "compact" };
	const char *s = strategies[_i];
	json_t *one = orders_of(DATA "e1.conf", s), *other;

	other = orders_of(DATA "e2.conf", s);
	ck_assert(json_equal(one, other));
	json_decref(other);
	other = orders_of(DATA "e1-direct.conf", s);
	ck_assert(json_equal(one, other));
	json_decref(other);
	/* and another topology has other orders */
	other = orders_of(DATA "e5.conf", s);
	ck_assert(!json_equal(one, other));
	json_decref(other);
	json_decref(one);
}
END_TEST

struct routed {
	const char *file, *strategy, *node, *route;
	size_t orders, groups, rounds;
};

static const struct routed routed[] = {
	{ "e2.conf", "minimal", "s", "c s", 6, 1, 3 },
	{ "e3.conf", "bundled", "c", "s c", 3, 1, 3 },
	{ "e3-shallow.conf", "bundled", "c", "s c", 5, 1, 4 },
	{ "e4.conf", "bundled", "s", "c s", 3, 1, 3 },
	{ "e5.conf", "minimal", "c2", "s c2", 15, 1, 3 },
	{ "e5.conf", "layered", "s", "s", 15, 1, 4 },
	{ "e5.conf", "sequential", "s", "s", 15, 1, 5 },
	{ "e5.conf", "merged", "c1", "s c1", 11, 1, 4 },
	{ "e5.conf", "compact", "c1", "s c1", 10, 1, 4 },
	{ "e1-direct.conf", "minimal", "c", "c", 6, 1, 3 },
	{ "e6.conf", "minimal", "s3", "c s3", 12, 1, 3 },
	{ "e7.conf", "bundled", "c4", "s c4", 9, 1, 3 },
	{ "e8.conf", "bundled", "s1", "c s1", 5, 1, 3 },
	{ "v45.conf", "minimal", "c5", "s2 c5", 21, 2, 3 },
	{ "v46.conf", "minimal", "c3", "s1 c3", 18, 1, 3 },
	{ "v46-dual.conf", "bundled", "c4", "s2 c4", 10, 1, 3 },
	{ "v52.conf", "minimal", "c", "s c", 3, 1, 3 },
	{ "root-per-link.conf", "minimal", "s1", "c s1", 6, 1, 3 },
	{ "both-roles.conf", "minimal", "x", "x", 6, 1, 3 },
	{ "both-roles-dual.conf", "bundled", "y", "y", 6, 1, 3 },
};
#define NROUTED ((int)(sizeof(routed) / sizeof(routed[0])))

static void
route_check(const json_t *order, const char *want)
{
	char text[128] = "";
	size_t i;
	json_t *name;

	json_array_foreach(json_object_get(order, "route"), i, name)
	{
		strcat(text, i == 0 ? "" : " ");
		strcat(text, json_string_value(name));
	}
	ck_assert_str_eq(text, want);
}

START_TEST(test_orders_and_routes)
{
	const struct routed *r = &routed[_i];
	char path[128];
	json_t *doc, *order, *orders;
	size_t i, seen = 0;

	snprintf(path, sizeof(path), "%s%s", DATA, r->file);
	ck_assert_int_eq(PLAN("--topology", path, "--root", "a", "--strategy",
			     r->strategy, "--json"),
	    CLI_DONE);
	doc = json_loads(plan_out, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(doc);
	orders = json_object_get(doc, "orders");
	ck_assert_uint_eq(json_array_size(orders), r->orders);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "groups")),
	    r->groups);
	ck_assert_int_eq(json_integer_value(json_object_get(doc, "rounds")),
	    (json_int_t)r->rounds);
	json_array_foreach(orders, i, order)
	{
		ck_assert_int_eq(json_integer_value(
				     json_object_get(order, "id")),
		    (json_int_t)i + 1);
		if (strcmp(json_string_value(json_object_get(order, "node")),
			r->node) != 0)
			continue;
		route_check(order, r->route);
		seen++;
	}
	ck_assert_uint_gt(seen, 0);
	json_decref(doc);
}
END_TEST

START_TEST(test_management_root)
{
	/* FIG. 49: the CA is a node, its finish comes last, no route to it */
	ck_assert_int_eq(PLAN("--topology", DATA "e2.conf", "--root",
			     "management", "--json"),
	    CLI_DONE);
	ck_assert(strstr(plan_out,
		      "{\"id\":9,\"node\":\"ca\",\"steps\":"
		      "[\"finish\"],\"route\":[],") != NULL);
}
END_TEST

START_TEST(test_exit_codes_of_plan)
{
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--exit-code"),
	    CLI_CHANGES);
	ck_assert(strstr(plan_out, "point of no return") != NULL);
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf"), CLI_USAGE);
	/* without a file the fleet of kedged is asked for */
	ck_assert_int_eq(PLAN("--root", "a", "--socket", "/nonexistent"),
	    CLI_FAILED);
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--strategy", "best"),
	    CLI_USAGE);
	ck_assert(strstr(plan_err, "no strategy \"best\"") != NULL);
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "z"),
	    CLI_FAILED);
	ck_assert(strstr(plan_err, "no root \"z\"") != NULL);
	ck_assert_int_eq(PLAN("--topology", "/nonexistent", "--root", "a"),
	    CLI_CONFIG);
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "operand"),
	    CLI_USAGE);
}
END_TEST

TCase *
case_cmd_plan(void)
{
	TCase *t = tcase_create("cmd_plan");

	tcase_add_loop_test(t, test_reach_is_no_part_of_the_order, 0, 6);
	tcase_add_loop_test(t, test_orders_and_routes, 0, NROUTED);
	tcase_add_test(t, test_management_root);
	tcase_add_test(t, test_exit_codes_of_plan);
	return t;
}
