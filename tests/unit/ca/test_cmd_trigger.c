/* kedge roll start and root set. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(one_root_or_all)
{
	ck_assert_int_eq(RUN(OK, "roll", "start"), CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "roll", "start", "--all", "plant"), CLI_USAGE);
	ck_assert_int_eq(RUN("{\"ok\":true,\"roll\":7,\"from\":1,\"to\":2}",
			     "roll", "start", "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert_str_eq(output, "roll 7 started, generation 1 -> 2\n");
	ck_assert_int_eq(RUN("{\"ok\":true,\"from\":1,\"to\":2}", "roll",
			     "start", "--dry-run", "plant"),
	    CLI_DONE);
	ck_assert_str_eq(output, "ready, generation 1 -> 2\n");
}
END_TEST

/* A window may have commas, so it is no list. */
START_TEST(windows)
{
	ck_assert_int_eq(RUN(OK, "roll", "start", "--window",
			     "Mon,Tue 22:00-04:00", "--window", "12:00-13:00",
			     "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		       "\"windows\":[\"Mon,Tue 22:00-04:00\","
		       "\"12:00-13:00\"]}");
}
END_TEST

/* Some of all did not start: said, and no success. */
START_TEST(some_of_all)
{
	ck_assert_int_eq(
	    RUN("{\"ok\":true,\"started\":[{\"root\":\"lab\",\"roll\":3,"
		"\"from\":1,\"to\":2}],\"not_started\":[]}",
		"roll", "start", "--all"),
	    CLI_DONE);
	ck_assert_str_eq(output,
	    "root lab: roll 3 started, generation 1 -> 2\n");
	ck_assert_int_eq(
	    RUN("{\"ok\":true,\"started\":[],\"not_started\":["
		"{\"root\":\"plant\",\"reason\":\"app1 has not joined\"}]}",
		"roll", "start", "--all"),
	    CLI_FAILED);
	ck_assert_str_eq(output,
	    "root plant: not started: app1 has not joined\n");
}
END_TEST

START_TEST(schedule)
{
	ck_assert_int_eq(
	    RUN("{\"ok\":true,\"name\":\"plant\",\"roll_before\":90,"
		"\"rolls_at\":\"2035-09-30T23:59:00Z\","
		"\"roll_strategy\":\"minimal\"}",
		"root", "set", "--roll-before", "90", "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"root-set\",\"root\":\"plant\","
		       "\"roll_before\":90}");
	ck_assert_str_eq(output,
	    "root plant: rolls by itself at 2035-09-30T23:59:00Z, 90 days "
	    "before its end, minimal\n");
	ck_assert_int_eq(
	    RUN("{\"ok\":true,\"name\":\"plant\",\"roll_before\":0}", "root",
		"set", "--roll-before", "0", "plant"),
	    CLI_DONE);
	ck_assert_str_eq(output, "root plant: rolls when it is told to\n");
}
END_TEST

TCase *
case_cmd_trigger(void)
{
	TCase *t = tcase_create("cmd_trigger");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, one_root_or_all);
	tcase_add_test(t, windows);
	tcase_add_test(t, some_of_all);
	tcase_add_test(t, schedule);
	return t;
}
