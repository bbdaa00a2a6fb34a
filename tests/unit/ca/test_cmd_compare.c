/* kedge plan --compare: by what kedged has seen. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

#define TOOK(root, roll, state, settled)                              \
	"{\"root\":\"" root "\",\"roll\":" roll ",\"state\":\"" state \
	"\",\"sent\":\"2026-11-01T12:00:00Z\",\"settled\":\"" settled "\"}"

/* The median of what a node's effective orders of this root took is its pace,
 * and the old root's end the deadline; joins, failures and other roots are
 * none of it. */
START_TEST(test_compare_goes_by_what_was_seen)
{
	static const char answer[] =
	    "{\"ok\":true,\"roots\":[{\"name\":\"a\"}],\"nodes\":["
	    "{\"name\":\"c\",\"reach\":\"direct\",\"via\":[],\"dual\":false,"
	    "\"address\":\"\",\"names\":[]},{\"name\":\"s\","
	    "\"reach\":\"direct\",\"via\":[],\"dual\":false,"
	    "\"address\":\"\",\"names\":[]}],"
	    "\"links\":[{\"client\":\"c\",\"server\":\"s\","
	    "\"auth\":\"mutual\",\"client_root\":\"a\","
	    "\"server_root\":\"a\"}],"
	    "\"current\":1,\"generations\":["
	    "{\"generation\":1,\"not_after\":\"2026-11-22T12:01:15Z\"},"
	    "{\"generation\":2,\"not_after\":\"2036-11-22T12:00:00Z\"}],"
	    "\"orders\":[" TOOK("a", "1", "effective",
		"2026-11-01T12:00:30Z") "," TOOK("a", "1", "effective",
		"2026-11-01T12:00:10Z") "," TOOK("a", "1", "effective",
		"2026-11-01T12:00:20Z") "," TOOK("a", "0", "effective",
		"2026-11-01T12:00:01Z") "," TOOK("a", "1", "failed",
		"2026-11-01T12:00:02Z") "," TOOK("b", "1", "effective",
		"2026-11-01T12:00:03Z") "," TOOK("a", "1", "effective",
		"2026-11-01T11:00:00Z") "]}";
	json_t *doc, *minimal;

	ck_assert_int_eq(RUN(answer, "plan", "--root", "a", "--compare",
			     "--json", "--start", "2026-11-22T12:00:00Z"),
	    CLI_DONE);
	doc = json_loads(output, 0, NULL);
	minimal = json_array_get(json_object_get(doc, "strategies"), 0);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "takes_ms")),
	    60000);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "left_ms")),
	    15000);
	json_decref(doc);
	/* what the operator says of a node goes before what was seen of it */
	ck_assert_int_eq(RUN(answer, "plan", "--root", "a", "--compare",
			     "--json", "--delay", "s=30", "--deadline",
			     "2026-11-22T12:01:00Z", "--start",
			     "2026-11-22T12:00:00Z"),
	    CLI_DONE);
	doc = json_loads(output, 0, NULL);
	minimal = json_array_get(json_object_get(doc, "strategies"), 0);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "takes_ms")),
	    90000);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "left_ms")),
	    -30000);
	json_decref(doc);
}
END_TEST

TCase *
case_cmd_compare(void)
{
	TCase *t = tcase_create("cmd_compare");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, test_compare_goes_by_what_was_seen);
	return t;
}
