/* Unit tests of base/time.c. */
#include <string.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

static const struct {
	const char *text;
	int64_t ms;
} good[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-01-02T03:04:05Z", INT64_C(1767323045000) },
	{ "2026-01-02t03:04:05z", INT64_C(1767323045000) },
	{ "2026-01-02T05:04:05+02:00", INT64_C(1767323045000) },
	{ "2026-01-01T23:34:05-03:30", INT64_C(1767323045000) },
	{ "2026-01-02T03:04:05.5Z", INT64_C(1767323045500) },
	{ "2026-01-02T03:04:05.12399999999999999999999Z",
	    INT64_C(1767323045123) },
	{ "2024-02-29T00:00:00Z", INT64_C(1709164800000) },
	{ "1969-12-31T23:59:59Z", -1000 },
	{ "0000-01-01T00:00:00Z", INT64_C(-62167219200000) },
	{ "9999-12-31T23:59:59Z", INT64_C(253402300799000) },
};

static const char *const bad[] = {
	"",
	"now",
	"2026-01-02",
	"2026-01-02T03:04:05",
	"2026-01-02T03:04:05Zz",
	"2026-01-02T03:04:05 Z",
	" 2026-01-02T03:04:05Z",
	"2026-1-2T03:04:05Z",
	"2026-13-02T03:04:05Z",
	"2026-00-02T03:04:05Z",
	"2025-02-29T00:00:00Z",
	"2026-04-31T00:00:00Z",
	"2026-01-00T00:00:00Z",
	"2026-01-02T24:00:00Z",
	"2026-01-02T03:60:05Z",
	"2026-01-02T03:04:60Z",
	"2026-01-02T03:04:05.Z",
	"2026-01-02T03:04:05.5",
	"2026-01-02T03:04:05+24:00",
	"2026-01-02T03:04:05+02:60",
	"2026-01-02T03:04:05+0200",
	"2026/01/02T03:04:05Z",
	"-026-01-02T03:04:05Z",
	"12026-01-02T03:04:05Z",
};

START_TEST(parse_good)
{
	struct base_time t;

	ck_assert_int_eq(base_time_parse(good[_i].text, &t), BASE_OK);
	ck_assert_int_eq(t.ms, good[_i].ms);
}
END_TEST

START_TEST(parse_bad)
{
	struct base_time t = { 42 };

	ck_assert_int_eq(base_time_parse(bad[_i], &t), BASE_E_SYNTAX);
	ck_assert_int_eq(t.ms, 42);
	ck_assert_ptr_nonnull(strstr(base_why(), "is not a time"));
}
END_TEST

/* Or so long after a time. */
START_TEST(parse_after)
{
	static const char *const no[] = { "12", "h", "1.5h", "-3h", "12w",
		"3hh", "1234567890s", " 3h", "" };
	const struct base_time from = { 1000 };
	struct base_time t = { 42 };

	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		ck_assert_int_eq(base_time_parse_after(no[i], from, &t),
		    BASE_E_SYNTAX);
	ck_assert_int_eq(t.ms, 42);
	ck_assert_int_eq(base_time_parse_after("0s", from, &t), BASE_OK);
	ck_assert_int_eq(t.ms, 1000);
	ck_assert_int_eq(base_time_parse_after("90m", from, &t), BASE_OK);
	ck_assert_int_eq(t.ms, 1000 + 90 * 60000);
	ck_assert_int_eq(base_time_parse_after("12h", from, &t), BASE_OK);
	ck_assert_int_eq(t.ms, 1000 + 12 * 3600000);
	ck_assert_int_eq(base_time_parse_after("2d", from, &t), BASE_OK);
	ck_assert_int_eq(t.ms, 1000 + 2 * INT64_C(86400000));
	ck_assert_int_eq(base_time_parse_after("2026-01-02T03:04:05Z", from,
			     &t),
	    BASE_OK);
	ck_assert_int_eq(t.ms, INT64_C(1767323045000));
}
END_TEST

START_TEST(format)
{
	char out[BASE_RFC3339_LEN];

	base_time_format((struct base_time){ INT64_C(1767323045999) }, out);
	ck_assert_str_eq(out, "2026-01-02T03:04:05Z");
	base_time_format((struct base_time){ -1 }, out);
	ck_assert_str_eq(out, "1969-12-31T23:59:59Z");
	base_time_format((struct base_time){ INT64_C(-62167219200000) }, out);
	ck_assert_str_eq(out, "0000-01-01T00:00:00Z");
	base_time_format((struct base_time){ INT64_MAX }, out);
	ck_assert_str_eq(out, "9999-12-31T23:59:59Z");
	base_time_format((struct base_time){ INT64_MIN }, out);
	ck_assert_str_eq(out, "0000-01-01T00:00:00Z");
}
END_TEST

START_TEST(gentime_good)
{
	char out[BASE_GENTIME_LEN];
	struct base_time t;

	base_time_to_gentime((struct base_time){ INT64_C(1767323045999) }, out);
	ck_assert_str_eq(out, "20260102030405Z");
	ck_assert_int_eq(base_time_from_gentime(out, 15, &t), BASE_OK);
	ck_assert_int_eq(t.ms, INT64_C(1767323045000));
	ck_assert_int_eq(base_time_from_gentime("99991231235959Zrest", 15, &t),
	    BASE_OK);
	ck_assert_int_eq(t.ms, INT64_C(253402300799000));
}
END_TEST

START_TEST(gentime_bad)
{
	static const char *const text[] = { "20260102030405", "202601020304Z",
		"20260102030405+", "20260230030405Z", "20260102030405.5Z",
		"2026010203040aZ", "", "20260102030460Z" };
	struct base_time t = { 42 };
	size_t i;

	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		ck_assert_int_eq(base_time_from_gentime(text[i],
				     strlen(text[i]), &t),
		    BASE_E_SYNTAX);
	ck_assert_int_eq(base_time_from_gentime("20260102030405Z", 14, &t),
	    BASE_E_SYNTAX);
	ck_assert_int_eq(t.ms, 42);
}
END_TEST

START_TEST(add)
{
	struct base_time t = { 500 };

	ck_assert_int_eq(base_time_add_s(t, 2).ms, 2500);
	ck_assert_int_eq(base_time_add_s(t, -2).ms, -1500);
	ck_assert_int_eq(base_time_add_s(t, INT64_MAX).ms, INT64_MAX);
	ck_assert_int_eq(base_time_add_s(t, INT64_MIN).ms, INT64_MIN);
	t.ms = INT64_MAX;
	ck_assert_int_eq(base_time_add_s(t, 1).ms, INT64_MAX);
}
END_TEST

TCase *
case_time(void)
{
	TCase *tc = tcase_create("time");

	tcase_add_loop_test(tc, parse_good, 0,
	    (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(tc, parse_bad, 0,
	    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tc, parse_after);
	tcase_add_test(tc, format);
	tcase_add_test(tc, gentime_good);
	tcase_add_test(tc, gentime_bad);
	tcase_add_test(tc, add);
	return tc;
}
