/* Unit tests of base/buf.c. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

START_TEST(round_trip)
{
	struct base_buf b;
	struct base_span s;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;
	char *str;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put_u8(&b, 0xfe), BASE_OK);
	ck_assert_int_eq(base_buf_put_u16(&b, 0xfedc), BASE_OK);
	ck_assert_int_eq(base_buf_put_u32(&b, 0xfedcba98), BASE_OK);
	ck_assert_int_eq(base_buf_put_u64(&b, UINT64_MAX - 1), BASE_OK);
	s = (struct base_span){ (const uint8_t *)"a\0b", 3 };
	ck_assert_int_eq(base_buf_put_blob(&b, s), BASE_OK);
	ck_assert_int_eq(base_buf_put_str(&b, "text"), BASE_OK);
	ck_assert_int_eq(base_buf_put_str(&b, ""), BASE_OK);
	ck_assert_int_eq(base_buf_get_u8(&b, &u8), BASE_OK);
	ck_assert_uint_eq(u8, 0xfe);
	ck_assert_int_eq(base_buf_get_u16(&b, &u16), BASE_OK);
	ck_assert_uint_eq(u16, 0xfedc);
	ck_assert_int_eq(base_buf_get_u32(&b, &u32), BASE_OK);
	ck_assert_uint_eq(u32, 0xfedcba98);
	ck_assert_int_eq(base_buf_get_u64(&b, &u64), BASE_OK);
	ck_assert_uint_eq(u64, UINT64_MAX - 1);
	ck_assert_int_eq(base_buf_get_blob(&b, &s), BASE_OK);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_mem_eq(s.p, "a\0b", 3);
	ck_assert_int_eq(base_buf_get_str(&b, 4, &str), BASE_OK);
	ck_assert_str_eq(str, "text");
	free(str);
	ck_assert_int_eq(base_buf_get_end(&b), BASE_E_SYNTAX);
	ck_assert_int_eq(base_buf_get_str(&b, 0, &str), BASE_OK);
	ck_assert_str_eq(str, "");
	free(str);
	ck_assert_int_eq(base_buf_get_end(&b), BASE_OK);
	base_buf_free(&b);
	base_buf_free(&b);
}
END_TEST

START_TEST(integers_are_big_endian)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put_u32(&b, 0x01020304), BASE_OK);
	ck_assert_uint_eq(b.n, 4);
	ck_assert_mem_eq(b.p, "\1\2\3\4", 4);
	base_buf_free(&b);
}
END_TEST

START_TEST(get_past_end)
{
	struct base_buf b;
	struct base_span s;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_get_u8(&b, &u8), BASE_E_SYNTAX);
	ck_assert_int_eq(base_buf_put_u8(&b, 1), BASE_OK);
	ck_assert_int_eq(base_buf_get_u16(&b, &u16), BASE_E_SYNTAX);
	ck_assert_int_eq(base_buf_get_u32(&b, &u32), BASE_E_SYNTAX);
	ck_assert_int_eq(base_buf_get_u64(&b, &u64), BASE_E_SYNTAX);
	ck_assert_int_eq(base_buf_get_blob(&b, &s), BASE_E_SYNTAX);
	ck_assert_uint_eq(b.at, 0);
	ck_assert_int_eq(base_buf_get_u8(&b, &u8), BASE_OK);
	base_buf_free(&b);
}
END_TEST

START_TEST(blob_longer_than_buffer)
{
	struct base_buf b;
	struct base_span s;
	char *str;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put(&b, "\0\0\0\4abc", 7), BASE_OK);
	ck_assert_int_eq(base_buf_get_blob(&b, &s), BASE_E_SYNTAX);
	ck_assert_ptr_null(s.p);
	ck_assert_int_eq(base_buf_get_str(&b, 100, &str), BASE_E_SYNTAX);
	ck_assert_ptr_null(str);
	ck_assert_uint_eq(b.at, 0);
	ck_assert_int_eq(base_buf_put(&b, "d", 1), BASE_OK);
	ck_assert_int_eq(base_buf_get_blob(&b, &s), BASE_OK);
	base_buf_clear(&b);
	ck_assert_int_eq(base_buf_put_u32(&b, UINT32_MAX), BASE_OK);
	ck_assert_int_eq(base_buf_get_blob(&b, &s), BASE_E_SYNTAX);
	base_buf_free(&b);
}
END_TEST

START_TEST(str_refusals)
{
	struct base_span nul = { (const uint8_t *)"a\0b", 3 };
	struct base_buf b;
	char *str;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put_str(&b, "four"), BASE_OK);
	ck_assert_int_eq(base_buf_get_str(&b, 3, &str), BASE_E_RANGE);
	ck_assert_ptr_null(str);
	ck_assert_uint_eq(b.at, 0);
	base_buf_clear(&b);
	ck_assert_int_eq(base_buf_put_blob(&b, nul), BASE_OK);
	ck_assert_int_eq(base_buf_get_str(&b, 10, &str), BASE_E_SYNTAX);
	ck_assert_ptr_null(str);
	base_buf_free(&b);
}
END_TEST

START_TEST(bound)
{
	struct base_buf b;

	base_buf_init(&b, 10);
	ck_assert_int_eq(base_buf_put(&b, "12345678", 8), BASE_OK);
	ck_assert_int_eq(base_buf_put(&b, "abc", 3), BASE_E_RANGE);
	ck_assert_int_eq(base_buf_put_u32(&b, 1), BASE_E_RANGE);
	ck_assert_int_eq(base_buf_printf(&b, "%d", 100), BASE_E_RANGE);
	ck_assert_uint_eq(b.n, 8);
	ck_assert_int_eq(base_buf_put(&b, "ab", 2), BASE_OK);
	ck_assert_uint_le(b.cap, 10);
	ck_assert_int_eq(base_buf_put(&b, "", 0), BASE_OK);
	ck_assert_int_eq(base_buf_put_u8(&b, 1), BASE_E_RANGE);
	ck_assert_mem_eq(b.p, "12345678ab", 10);
	base_buf_free(&b);
}
END_TEST

START_TEST(blob_is_put_whole_or_not)
{
	struct base_buf b;

	base_buf_init(&b, 6);
	ck_assert_int_eq(base_buf_put_str(&b, "abc"), BASE_E_RANGE);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_int_eq(base_buf_put_str(&b, "ab"), BASE_OK);
	base_buf_free(&b);
}
END_TEST

START_TEST(grows_and_holds)
{
	struct base_buf b;
	uint32_t i, v;

	base_buf_init(&b, 0);
	for (i = 0; i < 10000; i++)
		ck_assert_int_eq(base_buf_put_u32(&b, i), BASE_OK);
	for (i = 0; i < 10000; i++) {
		ck_assert_int_eq(base_buf_get_u32(&b, &v), BASE_OK);
		ck_assert_uint_eq(v, i);
	}
	base_buf_free(&b);
}
END_TEST

START_TEST(puts_its_own_bytes)
{
	struct base_buf b;
	int i;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put(&b, "ab", 2), BASE_OK);
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(base_buf_put(&b, b.p, b.n), BASE_OK);
	ck_assert_uint_eq(b.n, 2048);
	for (i = 0; i < 2048; i++)
		ck_assert_int_eq(b.p[i], "ab"[i % 2]);
	base_buf_free(&b);
}
END_TEST

START_TEST(print_and_span)
{
	struct base_buf b;
	struct base_span s;

	base_buf_init(&b, 0);
	ck_assert_uint_eq(base_buf_span(&b).n, 0);
	ck_assert_int_eq(base_buf_printf(&b, "%s=%d", "x", 12), BASE_OK);
	s = base_buf_span(&b);
	ck_assert_uint_eq(s.n, 4);
	ck_assert_mem_eq(s.p, "x=12", 4);
	base_buf_free(&b);
}
END_TEST

START_TEST(clear_wipes)
{
	uint8_t zero[6] = { 0 };
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put(&b, "secret", 6), BASE_OK);
	base_buf_clear(&b);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_mem_eq(b.p, zero, 6);
	base_buf_free(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

TCase *
case_buf(void)
{
	TCase *tc = tcase_create("buf");

	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, integers_are_big_endian);
	tcase_add_test(tc, get_past_end);
	tcase_add_test(tc, blob_longer_than_buffer);
	tcase_add_test(tc, str_refusals);
	tcase_add_test(tc, bound);
	tcase_add_test(tc, blob_is_put_whole_or_not);
	tcase_add_test(tc, grows_and_holds);
	tcase_add_test(tc, puts_its_own_bytes);
	tcase_add_test(tc, print_and_span);
	tcase_add_test(tc, clear_wipes);
	return tc;
}
