/* Tables and JSON as the CLI prints them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/ctl.h"
#include "tests/unit/ca/suites.h"

static const struct ca_column columns[] = { { "NAME", "name", false },
	{ "N", "n", true }, { "WHAT", "what", false }, CA_COLUMN_END };

static const char *
printed(const char *rows)
{
	static char text[2048];
	FILE *f = fmemopen(text, sizeof(text), "w");
	json_t *j = json_loads(rows, 0, NULL);

	ck_assert_ptr_nonnull(j);
	ck_assert_int_eq(ca_table_print(f, columns, j), BASE_OK);
	fclose(f);
	json_decref(j);
	return text;
}

START_TEST(every_kind_of_value)
{
	const char *text =
	    printed("[{\"name\":\"a\",\"n\":5,\"what\":true},"
		    "{\"name\":\"bb\",\"n\":1234,\"what\":[\"x\",7,false]},"
		    "{\"n\":null,\"what\":{\"k\":1}}]");

	ck_assert_ptr_nonnull(strstr(text, "NAME"));
	ck_assert_ptr_nonnull(strstr(text, "a       5 yes"));
	ck_assert_ptr_nonnull(strstr(text, "bb   1234 x,7,no"));
	ck_assert_ptr_nonnull(strstr(text, "-       - {\"k\":1}"));
}
END_TEST

/* What an application said may be no command to the terminal. */
START_TEST(control_bytes)
{
	const char *text =
	    printed("[{\"name\":\"\\u001b[2Jx\\u0007\",\"n\":1}]");

	ck_assert_ptr_null(strchr(text, 0x1b));
	ck_assert_ptr_null(strchr(text, 7));
	ck_assert_ptr_nonnull(strstr(text, "[2Jx"));
}
END_TEST

START_TEST(json_is_sorted)
{
	char text[128];
	FILE *f = fmemopen(text, sizeof(text), "w");
	json_t *j = json_loads("{\"b\":1,\"a\":[true,null]}", 0, NULL);

	ca_json_print(f, j);
	fclose(f);
	json_decref(j);
	ck_assert_str_eq(text, "{\"a\":[true,null],\"b\":1}\n");
}
END_TEST

/* No terminal, no colour. */
START_TEST(fancy)
{
	FILE *f = tmpfile();

	ck_assert(!ca_is_fancy(f));
	fclose(f);
}
END_TEST

TCase *
case_table(void)
{
	TCase *t = tcase_create("table");

	tcase_add_test(t, every_kind_of_value);
	tcase_add_test(t, control_bytes);
	tcase_add_test(t, json_is_sorted);
	tcase_add_test(t, fancy);
	return t;
}
