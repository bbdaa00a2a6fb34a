/* The control socket: no daemon, and answers that are none. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(test_no_daemon_and_nonsense_are_said)
{
	ck_assert_int_eq(RUN(NULL, "root", "list"), CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(errors, remote_socket));
	ck_assert_int_eq(RUN("[1]", "root", "list"), CLI_FAILED);
	ck_assert_int_eq(RUN("{\"ok\":true,\"ok\":true}", "root", "list"),
	    CLI_FAILED);
}
END_TEST

TCase *
case_ctl(void)
{
	TCase *t = tcase_create("ctl");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, test_no_daemon_and_nonsense_are_said);
	return t;
}
