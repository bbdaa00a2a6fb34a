/* kedge roll abort, excuse, return, hold, release. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

static const char answer[] =
    "{\"ok\":true,\"root\":\"plant\",\"state\":\"running\",\"from\":1,\"to\":2,"
    "\"excused\":[{\"node\":\"app1\",\"suffers\":[\"app1>web1 suffers\"]}]}";

START_TEST(of_one_node)
{
	static const char *const words[] = { "excuse", "return", "hold",
		"release" };
	char want[128];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		ck_assert_int_eq(RUN(answer, "roll", words[i], "--reason",
				     "dead disk", "plant", "app1"),
		    CLI_DONE);
		snprintf(want, sizeof(want),
		    "{\"cmd\":\"roll-%s\",\"root\":\"plant\","
		    "\"node\":\"app1\",\"reason\":\"dead disk\"}",
		    words[i]);
		assert_request(want);
		ck_assert_ptr_nonnull(
		    strstr(output, "root plant: running, generation 1 -> 2\n"));
		ck_assert_ptr_nonnull(
		    strstr(output, "  excused: app1\n    app1>web1 suffers\n"));
		ck_assert_int_eq(RUN(answer, "roll", words[i], "plant"),
		    CLI_USAGE);
	}
}
END_TEST

START_TEST(of_the_roll)
{
	ck_assert_int_eq(RUN(answer, "roll", "abort", "--after-finish",
			     "--reason", "no", "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-abort\",\"root\":\"plant\","
		       "\"reason\":\"no\",\"after_finish\":true}");
	ck_assert_int_eq(RUN("{\"ok\":false,\"error\":\"OUTAGE\","
			     "\"message\":\"it would\"}",
			     "roll", "abort", "plant"),
	    CLI_OUTAGE);
	ck_assert_ptr_nonnull(strstr(errors, "it would"));
}
END_TEST

TCase *
case_cmd_steer(void)
{
	TCase *t = tcase_create("cmd_steer");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, of_one_node);
	tcase_add_test(t, of_the_roll);
	return t;
}
