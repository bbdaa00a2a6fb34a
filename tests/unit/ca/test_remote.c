/*
 * Tests of ca/remote.c: a command line, the request that a stand-in for kedged
 * gets, and what is made of its answer.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(test_options_become_fields)
{
	ck_assert_int_eq(RUN(OK, "node", "add", "--reach", "poll", "--via",
			     "web1,web2", "--dual", "--shallow", "yes",
			     "--names", "DNS:a", "--names", "IP:::1", "app1"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"node-add\",\"node\":\"app1\","
		       "\"reach\":\"poll\",\"via\":[\"web1\",\"web2\"],"
		       "\"dual\":true,\"shallow\":true,"
		       "\"names\":[\"DNS:a\",\"IP:::1\"]}");
	ck_assert_int_eq(RUN(OK, "node", "set", "--shallow", "no", "app1"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"node-set\",\"node\":\"app1\","
		       "\"shallow\":false}");
	ck_assert_int_eq(RUN(OK, "roll", "start", "--max-in-flight", "3",
			     "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		       "\"max_in_flight\":3}");
	ck_assert_int_eq(RUN(OK, "roll", "start", "--first", "a,b", "--first",
			     "c", "--window", "Sat,Sun 00:00-24:00", "--window",
			     "22:00-04:00", "--step", "--presume", "received",
			     "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		       "\"first\":[\"a\",\"b\",\"c\"],\"windows\":["
		       "\"Sat,Sun 00:00-24:00\",\"22:00-04:00\"],"
		       "\"step\":true,\"presume\":\"received\"}");
	ck_assert_int_eq(RUN(OK, "roll", "start", "--compromised", "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		       "\"compromised\":true}");
	ck_assert_int_eq(RUN("{\"ok\":true,\"root\":\"plant\",\"let\":[{"
			     "\"node\":\"a\",\"steps\":[\"trust\","
			     "\"cert\"]}]}",
			     "roll", "step", "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-step\",\"root\":\"plant\"}");
	ck_assert_str_eq(output, "let go: a trust+cert\n");
	ck_assert_int_eq(RUN(OK, "roll", "step", "--rest", "plant"), CLI_DONE);
	assert_request("{\"cmd\":\"roll-step\",\"root\":\"plant\","
		       "\"rest\":true}");
	ck_assert_int_eq(RUN(OK, "explain", "plant/web1/cert"), CLI_DONE);
	assert_request("{\"cmd\":\"explain\",\"root\":\"plant\","
		       "\"node\":\"web1\",\"step\":\"cert\"}");
}
END_TEST

START_TEST(test_bad_command_lines_ask_nothing)
{
	ck_assert_int_eq(RUN(OK, "node", "set", "--shallow", "maybe", "app1"),
	    CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "roll", "start", "--max-in-flight", "3x",
			     "plant"),
	    CLI_USAGE);
	ck_assert_int_eq(access(seen, F_OK), -1);
	ck_assert_int_eq(RUN(OK, "node", "add", "--via", "a,,b", "x"),
	    CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "explain", "plant/web1"), CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "explain", "plant//cert"), CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "explain", "plant/web1/cert/x"), CLI_USAGE);
	ck_assert_int_eq(access(seen, F_OK), -1);
}
END_TEST

START_TEST(test_refusals_keep_code_and_sentence)
{
	static const struct {
		const char *name;
		int code;
	} cases[] = { { "OUTAGE", CLI_OUTAGE }, { "AGAIN", CLI_WAITING },
		{ "INTEGRITY", CLI_INTEGRITY }, { "CONFIG", CLI_CONFIG },
		{ "REFUSED", CLI_FAILED }, { "OK", CLI_FAILED },
		{ "NOSUCH", CLI_FAILED } };
	char answer[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(answer, sizeof(answer),
		    "{\"ok\":false,\"error\":\"%s\",\"message\":\"no %zu\"}",
		    cases[i].name, i);
		ck_assert_int_eq(RUN(answer, "root", "list"), cases[i].code);
		snprintf(answer, sizeof(answer), "no %zu", i);
		ck_assert_ptr_nonnull(strstr(errors, answer));
	}
}
END_TEST

START_TEST(test_json_is_the_answer)
{
	ck_assert_int_eq(RUN("{\"ok\":true,\"b\":1,\"a\":2}", "root", "list",
			     "--json"),
	    CLI_DONE);
	ck_assert_str_eq(output, "{\"a\":2,\"b\":1,\"ok\":true}\n");
}
END_TEST

START_TEST(test_graph_is_dot)
{
	const char *answer =
	    "{\"ok\":true,\"nodes\":[{\"name\":\"a\",\"joined\":true,"
	    "\"trust\":[1,2],\"present\":[1]}],\"links\":[{\"client\":\"a\","
	    "\"server\":\"b\",\"auth\":\"mutual\",\"server_root\":\"plant\","
	    "\"safe\":false}]}";

	ck_assert_int_eq(RUN(answer, "graph", "--dot"), CLI_DONE);
	ck_assert_ptr_nonnull(
	    strstr(output, "\"a\" [label=\"a\\ntrusts 1 2\\npresents 1\"]"));
	ck_assert_ptr_nonnull(strstr(output,
	    "\"a\" -> \"b\" [label=\"plant\", dir=both, "
	    "color=red]"));
}
END_TEST

/* One answer that holds what all three questions ask for. */
START_TEST(test_fleet_becomes_a_topology_file_and_a_plan)
{
	const char *answer =
	    "{\"ok\":true,\"roots\":[{\"name\":\"management\"},"
	    "{\"name\":\"plant\"}],\"nodes\":[{\"name\":\"app1\","
	    "\"reach\":\"poll\",\"via\":[\"web1\"],\"dual\":false,"
	    "\"address\":\"\",\"names\":[]},{\"name\":\"web1\","
	    "\"reach\":\"direct\",\"via\":[],\"dual\":true,\"shallow\":true,"
	    "\"address\":\"h:1\",\"names\":[\"DNS:a\",\"IP:::1\"]}],"
	    "\"links\":[{\"client\":\"app1\",\"server\":\"web1\","
	    "\"auth\":\"mutual\",\"client_root\":\"plant\","
	    "\"server_root\":\"plant\"}]}";
	json_t *shown;

	ck_assert_int_eq(RUN(answer, "topology", "show"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "management"));
	ck_assert_ptr_nonnull(strstr(output,
	    "{ name = \"web1\"; reach = \"direct\"; address = \"h:1\"; "
	    "names = [ \"DNS:a\", \"IP:::1\" ]; dual = true; shallow = true; }"));
	ck_assert_int_eq(RUN(answer, "topology", "show", "--json"), CLI_DONE);
	shown = json_loads(output, 0, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(shown, "roots")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(shown, "nodes")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(shown, "links")), 1);
	json_decref(shown);
	ck_assert_int_eq(RUN(answer, "plan", "--root", "plant"), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "6 orders in 3 rounds"));
	ck_assert_int_eq(RUN(answer, "plan", "--root", "nope"), CLI_FAILED);
	ck_assert_int_eq(RUN(NULL, "plan", "--root", "plant"), CLI_FAILED);
	ck_assert_int_eq(RUN(answer, "plan"), CLI_USAGE);
}
END_TEST

TCase *
case_remote(void)
{
	TCase *t = tcase_create("remote");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, test_options_become_fields);
	tcase_add_test(t, test_bad_command_lines_ask_nothing);
	tcase_add_test(t, test_refusals_keep_code_and_sentence);
	tcase_add_test(t, test_json_is_the_answer);
	tcase_add_test(t, test_graph_is_dot);
	tcase_add_test(t, test_fleet_becomes_a_topology_file_and_a_plan);
	return t;
}
