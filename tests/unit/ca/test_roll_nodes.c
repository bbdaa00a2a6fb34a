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

/* Of the first roll in the last answer. */
static const char *
node_word(const char *node, const char *key)
{
	const json_t *r =
	    json_array_get(json_object_get(asked.answer, "rolls"), 0);
	size_t k;
	json_t *o;

	json_array_foreach(json_object_get(r, "nodes"), k,
	    o) if (strcmp(json_string_value(json_object_get(o, "node")),
		       node) ==
	    0) return json_string_value(json_object_get(o, key));
	ck_abort_msg("no node %s", node);
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
	/* on whom, and for what */
	ck_assert_ptr_nonnull(
	    strstr(node_word("web1", "waits"), "web1 waits with cert: "));
	ck_assert_ptr_nonnull(strstr(node_word("web1", "waits"), "app1"));
	ck_assert_str_eq(node_word("web1", "peer"), "app1");
	ck_assert_str_eq(node_word("web1", "rule"), "present-trusted");
	ck_assert_ptr_nonnull(strstr(node_word("app1", "waits"),
	    "it has its order trust still to answer"));
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
