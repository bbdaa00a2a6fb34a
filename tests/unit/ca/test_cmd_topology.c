/* kedge topology apply: shown before it is applied, and whether it was. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(test_topology_shows_before_it_applies)
{
	const char *answer =
	    "{\"ok\":true,\"skipped\":1,\"changes\":[{\"op\":\"+\","
	    "\"kind\":\"node\",\"name\":\"app1\",\"detail\":\"poll\"}]}";
	FILE *f = fopen(file, "w");

	fputs("roots = ();\n", f);
	fclose(f);
	ck_assert_int_eq(RUN(answer, "topology", "apply", "--dry-run",
			     "--exit-code", file),
	    CLI_CHANGES);
	ck_assert_ptr_nonnull(strstr(output, "+ node app1"));
	ck_assert_ptr_nonnull(strstr(output, "--allow-remove"));
	ck_assert_int_eq(RUN(answer, "topology", "apply", "--dry-run",
			     "--exit-code", "--json", file),
	    CLI_CHANGES);
	ck_assert_int_eq(RUN("{\"ok\":true,\"changes\":[],\"skipped\":0}",
			     "topology", "apply", "--dry-run", "--exit-code",
			     file),
	    CLI_DONE);
}
END_TEST

/* A removal that is left out is no change. */
START_TEST(test_topology_says_whether_it_applied)
{
	const char *removal =
	    "{\"ok\":true,\"skipped\":1,\"changes\":[{\"op\":\"-\","
	    "\"kind\":\"node\",\"name\":\"app1\",\"detail\":\"\"}]}";
	const char *change =
	    "{\"ok\":true,\"skipped\":0,\"changes\":[{\"op\":\"+\","
	    "\"kind\":\"node\",\"name\":\"app1\",\"detail\":\"\"}]}";
	FILE *f = fopen(file, "w");

	fputs("roots = ();\n", f);
	fclose(f);
	ck_assert_int_eq(RUN(removal, "topology", "apply", file), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "- node app1"));
	ck_assert_ptr_nonnull(strstr(output, "nothing to do"));
	ck_assert_int_eq(RUN(change, "topology", "apply", "--exit-code", file),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "\napplied\n"));
}
END_TEST

TCase *
case_cmd_topology(void)
{
	TCase *t = tcase_create("cmd_topology");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, test_topology_shows_before_it_applies);
	tcase_add_test(t, test_topology_says_whether_it_applied);
	return t;
}
