/* Unit tests of ca/cmd_roll.c: what kedge roll status makes of kedged's answer;
 * more of it in test_cmd_watch.c. */
#include <check.h>
#include <string.h>

#include "ca/cli.h"
#include "tests/unit/ca/stand_in.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

#define ROLL(outstanding, excused)                                    \
	"{\"ok\":true,\"rolls\":[{\"roll\":1,\"root\":\"plant\","     \
	"\"from\":1,\"to\":2,\"strategy\":\"minimal\","               \
	"\"state\":\"running\",\"steps_done\":3,\"steps_all\":6,"     \
	"\"waits\":[],\"held\":[],\"outstanding\":[" outstanding "]," \
	"\"excused\":[" excused "]}]}"

#define ORDER                                                              \
	"{\"node\":\"app2\",\"steps\":[\"trust\"],\"epoch\":4,"            \
	"\"state\":\"sent\",\"since\":\"T1\",\"tries\":2,\"reason\":\"\"," \
	"\"handed\":"

static void
status(const char *answer)
{
	stand_in_answers(answer);
	ck_assert_int_eq(words_run("kedge roll status --socket s"), CLI_DONE);
}

/* Who is excused, with what it costs. */
START_TEST(what_an_excuse_costs)
{
	status(ROLL("",
	    "{\"node\":\"app1\",\"suffers\":["
	    "\"web1 refuses app1\"]}"));
	ck_assert_ptr_nonnull(
	    strstr(words_out, "  excused: app1\n    web1 refuses app1\n"));
}
END_TEST

START_TEST(nobody_is_excused)
{
	status(ROLL("", ""));
	ck_assert_ptr_null(strstr(words_out, "excused"));
}
END_TEST

/* A relay's word, as what it is. */
START_TEST(what_a_relay_says)
{
	status(
	    ROLL(ORDER "{\"by\":\"web1\",\"to\":\"app2\",\"at\":\"T2\"}}", ""));
	ck_assert_ptr_nonnull(strstr(words_out,
	    "since T1, 2 tries\n    web1 says that it handed it over to app2 "
	    "at T2; no answer to it since\n"));
}
END_TEST

START_TEST(no_relay_says_anything)
{
	status(ROLL(ORDER "null}", ""));
	ck_assert_ptr_nonnull(strstr(words_out, "since T1, 2 tries\n"));
	ck_assert_ptr_null(strstr(words_out, "handed"));
}
END_TEST

#define LATE(state, heard)                                             \
	"{\"ok\":true,\"rolls\":[{\"roll\":1,\"state\":\"" state "\"," \
	"\"old_root_ends\":\"2000-01-01T00:00:00Z\","                  \
	"\"outstanding\":[" ORDER "null,\"heard\":" heard "}]}]}"

/* The last word of whoever owes one, and how long there is. */
START_TEST(what_is_late)
{
	status(LATE("running", "\"T2\""));
	ck_assert_ptr_nonnull(strstr(words_out,
	    "  old root ends at 2000-01-01T00:00:00Z, in 0s\n"));
	ck_assert_ptr_nonnull(
	    strstr(words_out, "since T1, 2 tries, last heard T2\n"));
}
END_TEST

START_TEST(what_was_never_heard)
{
	status(LATE("done", "null"));
	ck_assert_ptr_nonnull(
	    strstr(words_out, "since T1, 2 tries, last heard never\n"));
	ck_assert_ptr_null(strstr(words_out, "old root ends"));
}
END_TEST

TCase *
case_cmd_roll(void)
{
	TCase *c = tcase_create("cmd_roll");

	tcase_add_checked_fixture(c, stand_in_open, stand_in_close);
	tcase_add_test(c, what_an_excuse_costs);
	tcase_add_test(c, nobody_is_excused);
	tcase_add_test(c, what_a_relay_says);
	tcase_add_test(c, no_relay_says_anything);
	tcase_add_test(c, what_is_late);
	tcase_add_test(c, what_was_never_heard);
	return c;
}
