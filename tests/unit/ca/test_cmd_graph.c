/* Tests of ca/cmd_graph.c, offline, from files of tests/data/topology. Run from the top of the tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/drawing.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

START_TEST(test_dot_of_a_file)
{
	ck_assert_int_eq(words_run(GRAPH "e1.conf --dot"), CLI_DONE);
	ck_assert(strstr(words_out, "\"c\" -> \"s\" [label=\"a\", dir=both]"));
	ck_assert_int_eq(words_run(GRAPH "e1.conf --dot --strategy compact a"),
	    CLI_DONE);
	ck_assert(strstr(words_out, "\"s trust\" -> \"c trust+cert\";"));
	ck_assert(strstr(words_out, "{ rank=same; \"s trust\"; }"));
	/* only links under the root */
	ck_assert_int_eq(words_run(GRAPH "root-per-link.conf --dot a"),
	    CLI_DONE);
	ck_assert_uint_eq(words_count(" -> "), 1);
}
END_TEST

START_TEST(test_graph_as_json)
{
	json_t *o;

	ck_assert_int_eq(words_run(GRAPH "e1.conf --json"), CLI_DONE);
	ck_assert_ptr_nonnull(o = json_loads(words_out, 0, NULL));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "nodes")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "links")), 1);
	json_decref(o);
	/* the orders are the plan's document */
	ck_assert_int_eq(words_run(GRAPH "e1.conf --json --strategy minimal a"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(o = json_loads(words_out, 0, NULL));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "orders")), 6);
	json_decref(o);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --json z"), CLI_FAILED);
}
END_TEST

START_TEST(test_graph_refusals)
{
	ck_assert_int_eq(words_run(GRAPH "e1.conf --dot --svg"), CLI_USAGE);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --strategy minimal"),
	    CLI_USAGE);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --strategy best a"),
	    CLI_USAGE);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --svg z"), CLI_FAILED);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --strategy minimal z"),
	    CLI_FAILED);
	ck_assert_str_eq(words_out, "");
}
END_TEST

TCase *
case_cmd_graph(void)
{
	TCase *t = tcase_create("cmd_graph");

	tcase_add_test(t, test_dot_of_a_file);
	tcase_add_test(t, test_graph_as_json);
	tcase_add_test(t, test_graph_refusals);
	return t;
}
