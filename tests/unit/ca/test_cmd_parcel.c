/* Unit tests of ca/cmd_parcel.c: command lines, and files that are written or
 * not; a child stands in for kedged. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "ca/cli.h"
#include "tests/unit/ca/stand_in.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

static char answer[256];

static bool
out_is(const char *want)
{
	struct base_buf b;
	bool same;

	base_buf_init(&b, 64);
	same = base_file_read("out", 64, &b) == BASE_OK &&
	    b.n == strlen(want) && memcmp(b.p, want, b.n) == 0;
	base_buf_free(&b);
	return same;
}

START_TEST(an_export_is_written)
{
	stand_in_answers(
	    "{\"ok\":true,\"file\":\"Zm9v\",\"orders\":2,\"acks\":1,"
	    "\"until\":\"2027-01-01T00:10:00Z\"}");
	ck_assert_int_eq(words_run(
			     "kedge parcel export --out out app1 --socket s"),
	    CLI_DONE);
	ck_assert(out_is("foo"));
	ck_assert_ptr_nonnull(strstr(words_out, "2 orders"));
	ck_assert_ptr_nonnull(
	    strstr(words_out, "takes it until 2027-01-01T00:10:00Z"));
}
END_TEST

START_TEST(what_an_export_leaves_out)
{
	stand_in_answers(_i == 0
		? "{\"ok\":true,\"file\":\"Zm9v\",\"orders\":2,\"acks\":1,"
		  "\"awaited\":3,\"until\":null}"
		: "{\"ok\":true,\"file\":\"Zm9v\",\"orders\":2,\"acks\":1,"
		  "\"awaited\":0,\"until\":null}");
	ck_assert_int_eq(words_run(
			     "kedge parcel export --out out app1 --socket s"),
	    CLI_DONE);
	ck_assert(out_is("foo"));
	ck_assert_int_eq(strstr(words_out, "left out: 3 orders") != NULL,
	    _i == 0);
	ck_assert_int_eq(strstr(words_out, "left out") != NULL, _i == 0);
}
END_TEST

static const char *const no_file[] = {
	"{\"ok\":false,\"error\":\"STATE\",\"message\":\"nothing\"}",
	"{\"ok\":true,\"file\":\"Zm9\",\"orders\":2,\"acks\":1}",
};

START_TEST(nothing_is_written)
{
	stand_in_answers(no_file[_i]);
	ck_assert_int_ne(words_run(
			     "kedge parcel export --out out app1 --socket s"),
	    CLI_DONE);
	ck_assert(!out_is("foo"));
	ck_assert_uint_gt(strlen(words_err), 0);
}
END_TEST

START_TEST(what_is_missing)
{
	ck_assert_int_eq(words_run("kedge parcel export app1 --socket s"),
	    CLI_USAGE);
	ck_assert_ptr_nonnull(strstr(words_err, "out"));
	ck_assert_int_ne(words_run("kedge parcel import none --socket s"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(words_err, "none"));
}
END_TEST

START_TEST(an_import_is_told)
{
	snprintf(answer, sizeof(answer),
	    "{\"ok\":true,\"node\":\"app1\",\"reports\":3,\"known\":1,"
	    "\"holds\":true,\"refused\":1,\"reason\":\"odd\"}");
	stand_in_answers(answer);
	ck_assert_int_eq(base_file_write("in",
			     (struct base_span){ (const uint8_t *)"x", 1 },
			     0600),
	    BASE_OK);
	ck_assert_int_eq(words_run("kedge parcel import in --socket s"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(words_out, "app1: 3 new reports"));
	ck_assert_ptr_nonnull(strstr(words_out, "known before: 1"));
	ck_assert_ptr_nonnull(strstr(words_out, "refused: 1: odd"));
	ck_assert_ptr_null(strstr(words_out, "left out"));
}
END_TEST

/* Not refused, and not taken. */
START_TEST(what_an_import_leaves_out)
{
	stand_in_answers("{\"ok\":true,\"node\":\"app1\",\"reports\":3,"
			 "\"known\":0,\"holds\":false,\"refused\":0,"
			 "\"reason\":\"too old\"}");
	ck_assert_int_eq(base_file_write("in",
			     (struct base_span){ (const uint8_t *)"x", 1 },
			     0600),
	    BASE_OK);
	ck_assert_int_eq(words_run("kedge parcel import in --socket s"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(words_out, "left out: too old"));
	ck_assert_ptr_null(strstr(words_out, "refused"));
}
END_TEST

TCase *
case_cmd_parcel(void)
{
	TCase *c = tcase_create("cmd_parcel");

	tcase_add_checked_fixture(c, stand_in_open, stand_in_close);
	tcase_add_test(c, an_export_is_written);
	tcase_add_loop_test(c, what_an_export_leaves_out, 0, 2);
	tcase_add_loop_test(c, nothing_is_written, 0,
	    sizeof(no_file) / sizeof(*no_file));
	tcase_add_test(c, what_is_missing);
	tcase_add_test(c, an_import_is_told);
	tcase_add_test(c, what_an_import_leaves_out);
	return c;
}
