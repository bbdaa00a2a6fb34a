/* Unit tests of base/text.c. */
#include <string.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

START_TEST(hex)
{
	char out[9];

	base_hex("\x00\x01\xab\xff", 4, out);
	ck_assert_str_eq(out, "0001abff");
	base_hex("", 0, out);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(unhex)
{
	uint8_t out[3] = { 9, 9, 9 };

	ck_assert_int_eq(base_unhex("00aBFf", out, 3), BASE_OK);
	ck_assert_mem_eq(out, "\x00\xab\xff", 3);
	ck_assert_int_eq(base_unhex("", out, 0), BASE_OK);
}
END_TEST

START_TEST(unhex_bad)
{
	static const char *const bad[] = { "", "00", "0000000", "00000000",
		"00000g", "0x0000", "00 000", "-00000", "00000\xc3" };
	uint8_t out[3] = { 9, 9, 9 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(base_unhex(bad[i], out, 3), BASE_E_SYNTAX);
		ck_assert_mem_eq(out, "\x09\x09\x09", 3);
	}
	ck_assert_int_eq(base_unhex("00", out, SIZE_MAX), BASE_E_SYNTAX);
}
END_TEST

START_TEST(names)
{
	static const char *const good[] = {
		"a", "0", "web1", "web-1.example", "a--b", "a..b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	static const char *const bad[] = {
		"", ".", "..", "-a", "a-", ".a", "a.", "A", "a/b", "a b", "a_b",
		"a\n", "\xc3\xa4", "../a",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(base_name_is_valid(good[i]), "%s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!base_name_is_valid(bad[i]), "%s", bad[i]);
}
END_TEST

TCase *
case_text(void)
{
	TCase *tc = tcase_create("text");

	tcase_add_test(tc, hex);
	tcase_add_test(tc, unhex);
	tcase_add_test(tc, unhex_bad);
	tcase_add_test(tc, names);
	return tc;
}
