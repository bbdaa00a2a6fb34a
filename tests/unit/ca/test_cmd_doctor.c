/* kedge doctor: the worst first, and no success when something is wrong. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

#define FINDING(level, subject)                                 \
	"{\"level\":\"" level "\",\"subject\":\"" subject "\"," \
	"\"what\":\"it is so\",\"why\":\"because\",\"do\":\"this\"}"

START_TEST(healthy)
{
	ck_assert_int_eq(
	    RUN("{\"ok\":true,\"healthy\":true,\"findings\":[" FINDING("note",
		    "") "]}",
		"doctor"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"doctor\"}");
	ck_assert_str_eq(output,
	    "note: it is so\n    why: because\n    do: this\n"
	    "healthy: 0 faults, 0 warnings, 1 notes\n");
}
END_TEST

START_TEST(not_healthy)
{
	const char *fault, *warning;

	ck_assert_int_eq(
	    RUN("{\"ok\":true,\"healthy\":false,\"findings\":[" FINDING(
		    "warning", "app1") "," FINDING("fault", "web1") "]}",
		"doctor"),
	    CLI_FAILED);
	fault = strstr(output, "fault: web1: it is so");
	warning = strstr(output, "warning: app1: it is so");
	ck_assert(fault != NULL && warning != NULL && fault < warning);
	ck_assert_ptr_nonnull(
	    strstr(output, "not healthy: 1 faults, 1 warnings, 0 notes\n"));
	/* the same code for programs */
	ck_assert_int_eq(RUN("{\"ok\":true,\"healthy\":false,\"findings\":[]}",
			     "doctor", "--json"),
	    CLI_FAILED);
}
END_TEST

TCase *
case_cmd_doctor(void)
{
	TCase *t = tcase_create("cmd_doctor");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, healthy);
	tcase_add_test(t, not_healthy);
	return t;
}
