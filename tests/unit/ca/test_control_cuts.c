/* roll-cuts: exactly the directions of the excused, of those asked about and
 * of links that were taken away; see asked.h. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

/* Is this direction on the list of the last answer? */
static bool
has(const char *presenter, const char *verifier)
{
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(asked.answer, "cuts"), i,
	    v) if (strcmp(json_string_value(json_object_get(v, "presenter")),
		       presenter) == 0 &&
	    strcmp(json_string_value(json_object_get(v, "verifier")),
		verifier) == 0) return true;
	return false;
}

START_TEST(of_the_excused)
{
	asked_open(world_pair);
	world_join_all(&asked.w);
	asked_no("{\"cmd\":\"roll-cuts\",\"root\":\"plant\"}", "STATE");
	world_node(&asked.w, "app1")->deaf = true;
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true}");
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("cuts"), 0);
	ck_assert(json_is_null(json_object_get(asked.answer, "start")));
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"plant\",\"nodes\":["
		 "\"app1\"],\"start\":\"2030-01-01T00:00:00Z\"}");
	ck_assert_uint_eq(asked_size_of("cuts"), 2);
	ck_assert(has("app1", "web1") && has("web1", "app1"));
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "to")),
	    2);
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "start")),
	    "2030-01-01T00:00:00Z");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"silent\"}");
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("cuts"), 2);
	asked_no("{\"cmd\":\"roll-cuts\",\"root\":\"plant\",\"back\":true}",
	    "STATE");
	/* the same generation when it goes back */
	asked_ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\","
		 "\"to_compromised\":true,\"after_finish\":true}");
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"plant\"}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "to")),
	    2);
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"plant\",\"back\":true}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "to")),
	    1);
	ck_assert_uint_eq(asked_size_of("cuts"), 0);
	asked_close();
}
END_TEST

/* A node catches up to generation 2 after a roll to 3 was aborted: the list is
 * to 3, with which kedge-hsmd lets an approval end. */
START_TEST(to_the_newest_generation)
{
	struct world *w = &asked.w;

	asked_open(world_pair);
	world_join_all(w);
	world_node(w, "app1")->deaf = world_node(w, "app1")->excused = true;
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"silent\"}");
	for (int i = 0; i < 1000 && w->ca.rolls != NULL; i++)
		world_turn(w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	asked_ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\","
		 "\"after_finish\":true}");
	for (int i = 0; i < 1000 && w->ca.rolls != NULL; i++)
		world_turn(w);
	ck_assert_ptr_null(w->ca.rolls);
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	ck_assert_uint_eq(w->ca.rolls->row.to, 2);
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"plant\",\"nodes\":["
		 "\"app1\"]}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "to")),
	    3);
	ck_assert_uint_eq(asked_size_of("cuts"), 2);
	asked_close();
}
END_TEST

/* The CA is at the other end of each node, and only of those asked about. */
START_TEST(under_management)
{
	asked_open(world_pair);
	world_join_all(&asked.w);
	world_node(&asked.w, "app1")->deaf = true;
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"management\"}");
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"management\",\"nodes\":["
		 "\"app1\"]}");
	ck_assert(has("app1", "ca") && has("ca", "app1"));
	ck_assert(!has("web1", "ca") && !has("ca", "web1"));
	asked_no("{\"cmd\":\"roll-cuts\",\"root\":\"management\",\"nodes\":["
		 "\"ca\"]}",
	    "NOTFOUND");
	asked_no("{\"cmd\":\"roll-cuts\",\"root\":\"management\",\"nodes\":["
		 "\"nobody\"]}",
	    "NOTFOUND");
	asked_no("{\"cmd\":\"roll-cuts\",\"root\":\"management\",\"nodes\":"
		 "\"app1\"}",
	    "USAGE");
	asked_close();
}
END_TEST

TCase *
case_control_cuts(void)
{
	TCase *t = tcase_create("control_cuts");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, of_the_excused);
	tcase_add_test(t, to_the_newest_generation);
	tcase_add_test(t, under_management);
	return t;
}
