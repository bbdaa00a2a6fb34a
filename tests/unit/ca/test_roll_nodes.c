/* Every node of a roll, by its state. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

/* Of every roll and node: "NODE:STATE". */
static void
nodes_text(char *out, size_t max)
{
	const json_t *rolls;
	size_t i, k, at = 0;
	json_t *r, *o;

	asked_ok("{\"cmd\":\"roll-status\",\"nodes\":true}");
	rolls = json_object_get(asked.answer, "rolls");
	out[0] = '\0';
	json_array_foreach(rolls, i, r)
	{
		ck_assert_str_eq(json_string_value(
				     json_object_get(r, "old_root_ends")),
		    "2035-12-29T23:59:00Z");
		json_array_foreach(json_object_get(r, "nodes"), k, o) at +=
		    (size_t)snprintf(out + at, max - at, "%s:%s ",
			json_string_value(json_object_get(o, "node")),
			json_string_value(json_object_get(o, "state")));
	}
}

START_TEST(every_node_of_a_roll)
{
	char text[256];

	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "app1:waiting web1:waiting ");
	world_node(&asked.w, "app1")->deaf = true;
	ck_assert(world_run(&asked.w, 30, asked_web1_trusts));
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "app1:sent web1:waiting ");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead\"}");
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "app1:excused web1:waiting ");
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	world_node(&asked.w, "app1")->deaf = false;
	ck_assert(world_run(&asked.w, 100, world_rolled));
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

TCase *
case_roll_nodes(void)
{
	TCase *t = tcase_create("roll_nodes");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, asked_two_roots, asked_close);
	tcase_add_test(t, every_node_of_a_roll);
	return t;
}
