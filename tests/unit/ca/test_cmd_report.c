/* kedge roll report: orders by node, then each link. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

#define ROLL(more)                                                          \
	"{\"ok\":true,\"roll\":4,\"root\":\"plant\",\"from\":1,\"to\":2,"   \
	"\"strategy\":\"minimal\",\"state\":\"done\",\"started\":\"then\"," \
	"\"ended\":\"now\",\"nodes\":[{\"node\":\"app1\",\"excused\":true," \
	"\"orders\":[{\"steps\":\"trust\",\"state\":\"effective\","         \
	"\"took_ms\":1234,\"proof\":\"probe\"}]}],\"links\":[{"             \
	"\"presenter\":\"web1\",\"verifier\":\"app1\",\"old_last\":null,"   \
	"\"new_first\":\"later\",\"failures\":2}]" more "}"

START_TEST(two_tables)
{
	ck_assert_int_eq(RUN(ROLL(""), "roll", "report", "--roll", "4",
			     "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-report\",\"root\":\"plant\","
		       "\"roll\":4}");
	ck_assert_ptr_nonnull(strstr(output,
	    "roll 4 of root plant, generation 1 -> 2, minimal: done\n"
	    "started then, ended now\n"));
	ck_assert_ptr_nonnull(strstr(output, "app1 trust effective"));
	ck_assert_ptr_nonnull(strstr(output, "1234 probe"));
	ck_assert_ptr_nonnull(strstr(output, "web1      app1"));
	ck_assert_ptr_nonnull(strstr(output, "later"));
	ck_assert_ptr_nonnull(strstr(output, "excused: app1\n"));
	ck_assert_ptr_null(strstr(output, "COMPROMISED"));
	ck_assert_ptr_nonnull(strstr(output, "is not seen.\n"));
}
END_TEST

START_TEST(key_in_wrong_hands)
{
	ck_assert_int_eq(RUN(ROLL(",\"compromised\":true"), "roll", "report",
			     "plant"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "COMPROMISED"));
	ck_assert_int_eq(RUN(OK, "roll", "report", "--roll", "x", "plant"),
	    CLI_USAGE);
}
END_TEST

TCase *
case_cmd_report(void)
{
	TCase *t = tcase_create("cmd_report");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, two_tables);
	tcase_add_test(t, key_in_wrong_hands);
	return t;
}
