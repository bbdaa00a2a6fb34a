/* Unit tests of ca/base64.c. */
#include <check.h>
#include <string.h>

#include "ca/base64.h"
#include "tests/unit/ca/suites.h"

static const struct {
	const char *bytes, *text;
} good[] = {
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foobar", "Zm9vYmFy" },
};

START_TEST(there_and_back)
{
	const size_t n = strlen(good[_i].bytes);
	json_t *v = ca_base64_new(
	    (struct base_span){ (const uint8_t *)good[_i].bytes, n });
	struct base_buf b;

	ck_assert_str_eq(json_string_value(v), good[_i].text);
	json_decref(v);
	base_buf_init(&b, 0);
	ck_assert_int_eq(ca_base64_read("t", good[_i].text, &b), BASE_OK);
	ck_assert_uint_eq(b.n, n);
	ck_assert_mem_eq(b.p, good[_i].bytes, n);
	base_buf_free(&b);
}
END_TEST

static const char *const bad[] = { "", "Z", "Zg=", "Zm9v\n", " Zm9", "Zm9v Zm",
	"Zm9-", "Z===" };

START_TEST(what_is_none)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(ca_base64_read("t", bad[_i], &b), BASE_E_SYNTAX);
	ck_assert_uint_eq(b.n, 0);
	base_buf_free(&b);
}
END_TEST

START_TEST(more_than_there_is_room_for)
{
	struct base_buf b;

	base_buf_init(&b, 5);
	ck_assert_int_eq(ca_base64_read("t", "Zm9vYmFy", &b), BASE_E_RANGE);
	base_buf_free(&b);
}
END_TEST

TCase *
case_base64(void)
{
	TCase *c = tcase_create("base64");

	tcase_add_loop_test(c, there_and_back, 0, sizeof(good) / sizeof(*good));
	tcase_add_loop_test(c, what_is_none, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(c, more_than_there_is_room_for);
	return c;
}
