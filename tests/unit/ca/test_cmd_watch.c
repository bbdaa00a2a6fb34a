/* kedge roll status: who waits, every node, what was proven how. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

#define ROLL(state)                                                          \
	"{\"ok\":true,\"rolls\":[{\"roll\":1,\"root\":\"plant\",\"from\":1," \
	"\"to\":2,\"strategy\":\"minimal\",\"state\":\"" state "\","         \
	"\"steps_done\":3,\"steps_all\":6,\"waits\":[{"                      \
	"\"node\":\"web1\",\"peer\":\"app1\",\"text\":"                      \
	"\"web1 waits for app1\"}],\"outstanding\":[],\"held\":[]}]}"

START_TEST(test_status_says_who_waits_and_exits_4)
{
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status", "--exit-code"),
	    CLI_WAITING);
	ck_assert_ptr_nonnull(strstr(output, "web1 waits for app1"));
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status", "--exit-code"),
	    CLI_DONE);
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status"), CLI_DONE);
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status", "--exit-code",
			     "--json"),
	    CLI_WAITING);
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status", "--exit-code",
			     "--json"),
	    CLI_DONE);
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status", "--watch"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "done"));
}
END_TEST

START_TEST(test_status_shows_every_node)
{
	static const char nodes[] =
	    "{\"ok\":true,\"rolls\":[{\"roll\":1,\"root\":\"plant\","
	    "\"from\":1,\"to\":2,\"strategy\":\"minimal\","
	    "\"state\":\"running\",\"steps_done\":3,\"steps_all\":6,"
	    "\"old_root_ends\":\"2000-01-01T00:00:00Z\",\"nodes\":["
	    "{\"node\":\"web1\",\"state\":\"done\",\"done\":[\"trust\","
	    "\"cert\"],\"next\":[],\"heard\":\"2000-01-01T00:00:00Z\","
	    "\"waits\":\"\"},"
	    "{\"node\":\"app1\",\"state\":\"sent\",\"done\":[],"
	    "\"next\":[\"trust\"],\"heard\":null,"
	    "\"waits\":\"app1 waits with trust: its report is missing\"}]}]}";
	const char *app1, *web1;

	ck_assert_int_eq(RUN(nodes, "roll", "status", "--nodes"), CLI_DONE);
	assert_request("{\"cmd\":\"roll-status\",\"nodes\":true}");
	ck_assert_ptr_nonnull(strstr(output, "3/6, old root ends in 0s\n"));
	app1 = strstr(output,
	    "\napp1       ---  sent trust          never  "
	    "its report is missing\n");
	web1 = strstr(output, "\nweb1       tc-  done ");
	ck_assert_ptr_nonnull(app1);
	ck_assert_ptr_nonnull(web1);
	/* whoever is not done comes first */
	ck_assert(app1 < web1);
	ck_assert_int_eq(RUN(nodes, "roll", "status"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "never"));
}
END_TEST

START_TEST(test_status_says_who_was_proven_by_reload)
{
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "by reload"));
	ck_assert_int_eq(RUN("{\"ok\":true,\"rolls\":[{\"roll\":1,"
			     "\"by_reload\":[\"app1\",\"web1\"]}]}",
			     "roll", "status"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(
	    strstr(output, "proven by reload only: app1, web1\n"));
}
END_TEST

START_TEST(test_status_says_that_a_key_is_in_wrong_hands)
{
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "COMPROMISED"));
	ck_assert_int_eq(RUN("{\"ok\":true,\"rolls\":[{\"roll\":1,"
			     "\"state\":\"running\",\"compromised\":true,"
			     "\"from\":1,\"to\":2,"
			     "\"not_kicked\":[\"app1\",\"web1\"]}]}",
			     "roll", "status"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "COMPROMISED"));
	ck_assert_ptr_nonnull(strstr(output,
	    "sessions from before go on, end them by hand: app1, web1\n"));
	/* on its way back it ends nothing */
	ck_assert_int_eq(RUN("{\"ok\":true,\"rolls\":[{\"roll\":1,"
			     "\"state\":\"running\",\"compromised\":true,"
			     "\"from\":2,\"to\":1}]}",
			     "roll", "status"),
	    CLI_DONE);
	ck_assert_ptr_null(strstr(output, "COMPROMISED"));
	ck_assert_int_eq(RUN("{\"ok\":true,\"compromised\":true,"
			     "\"not_kicked\":[\"app1\"]}",
			     "roll", "report", "plant"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "COMPROMISED"));
	ck_assert_ptr_nonnull(strstr(output, "by hand: app1\n"));
}
END_TEST

TCase *
case_cmd_watch(void)
{
	TCase *t = tcase_create("cmd_watch");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, test_status_says_who_waits_and_exits_4);
	tcase_add_test(t, test_status_shows_every_node);
	tcase_add_test(t, test_status_says_who_was_proven_by_reload);
	tcase_add_test(t, test_status_says_that_a_key_is_in_wrong_hands);
	return t;
}
