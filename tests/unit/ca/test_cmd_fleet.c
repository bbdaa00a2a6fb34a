/* kedge node token and join: secrets and bytes go into files. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(test_token_file_is_private_and_new)
{
	const char *answer = "{\"ok\":true,\"token\":\"kedge1.abc\","
			     "\"end\":\"2026-01-01T00:00:00Z\"}";
	struct stat st;
	char text[32];
	FILE *f;

	ck_assert_int_eq(RUN(answer, "node", "token", "--out", file, "app1"),
	    CLI_DONE);
	ck_assert_ptr_null(strstr(output, "kedge1.abc"));
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	f = fopen(file, "r");
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	fclose(f);
	ck_assert_str_eq(text, "kedge1.abc\n");
	/* what cannot be kept is not asked for: it would void that in the file */
	unlink(seen);
	ck_assert_int_eq(RUN(answer, "node", "token", "--out", file, "app1"),
	    CLI_FAILED);
	ck_assert_int_eq(access(seen, F_OK), -1);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_size, (off_t)strlen(text));
	ck_assert_int_eq(RUN(answer, "node", "token", "app1"), CLI_DONE);
	ck_assert_str_eq(output, "kedge1.abc\n");
	/* with --json the file is written as well, and the secret is only there */
	unlink(file);
	ck_assert_int_eq(RUN("{\"ok\":false,\"error\":\"NOTFOUND\","
			     "\"message\":\"node app1: not known\"}",
			     "node", "token", "--out", file, "app1"),
	    CLI_FAILED);
	ck_assert_int_eq(access(file, F_OK), -1);
	ck_assert_int_eq(RUN(answer, "node", "token", "--json", "--out", file,
			     "app1"),
	    CLI_DONE);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_size, (off_t)strlen(text));
	ck_assert_ptr_null(strstr(output, "kedge1.abc"));
	ck_assert_ptr_nonnull(strstr(output, "2026-01-01"));
	ck_assert_int_eq(RUN(answer, "node", "token", "--json", "app1"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "kedge1.abc"));
}
END_TEST

START_TEST(test_join_answer_becomes_bytes)
{
	FILE *f = fopen(seen, "w");
	char text[16], answer[80];

	/* the request file is not seen again: the stand-in's log replaces it */
	fclose(f);
	snprintf(file, sizeof(file), "%s/f", remote_dir);
	f = fopen(file, "w");
	fputs("abcd", f);
	fclose(f);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"aGVsbG8=\"}", "node",
			     "join", file, "/proc/none/x"),
	    CLI_FAILED);
	snprintf(answer, sizeof(answer), "%s/a", remote_dir);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"aGVsbG8=\"}", "node",
			     "join", file, answer),
	    CLI_DONE);
	assert_request("{\"cmd\":\"node-join\",\"request\":\"YWJjZA==\"}");
	unlink(answer);
	unlink(file);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"aGVsbG8=\"}", "node",
			     "join", "/etc/hostname", file),
	    CLI_DONE);
	f = fopen(file, "r");
	ck_assert_uint_eq(fread(text, 1, sizeof(text), f), 5);
	ck_assert_int_eq(memcmp(text, "hello", 5), 0);
	fclose(f);
	unlink(file);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"aGVsbG8=\"}", "node",
			     "join", "--json", "/etc/hostname", file),
	    CLI_DONE);
	ck_assert_int_eq(access(file, F_OK), 0);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"a!\"}", "node", "join",
			     "/etc/hostname", "/tmp/never"),
	    CLI_FAILED);
	ck_assert_int_eq(access("/tmp/never", F_OK), -1);
}
END_TEST

TCase *
case_cmd_fleet(void)
{
	TCase *t = tcase_create("cmd_fleet");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, test_token_file_is_private_and_new);
	tcase_add_test(t, test_join_answer_becomes_bytes);
	return t;
}
