/* Tests of policy/window.c: times of the week, in UTC. */
#include <string.h>

#include "tests/unit/policy/suites.h"
#include "policy/policy.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
/* 5 January 2026, a Monday, 00:00 */
#define MONDAY INT64_C(1767571200000)

static const struct {
	const char *text, *formatted;
} good[] = {
	{ "22:00-04:00", "22:00-04:00 UTC" },
	{ "22:00-04:00 UTC", "22:00-04:00 UTC" },
	{ "Mon 00:00-24:00", "Mon 00:00-24:00 UTC" },
	{ "Mon-Fri 22:00-04:00", "Mon,Tue,Wed,Thu,Fri 22:00-04:00 UTC" },
	{ "Sat-Mon 01:30-02:00", "Mon,Sat,Sun 01:30-02:00 UTC" },
	{ "Sun,Wed-Thu 23:59-00:01", "Wed,Thu,Sun 23:59-00:01 UTC" },
	{ "Mon-Sun 08:00-09:00", "08:00-09:00 UTC" },
};

START_TEST(test_windows_are_read)
{
	struct pol_window w, again;
	char text[POL_WINDOW_TEXT];

	ck_assert_ptr_null(pol_window_parse(good[_i].text, &w));
	pol_window_format(&w, text);
	ck_assert_str_eq(text, good[_i].formatted);
	ck_assert_ptr_null(pol_window_parse(text, &again));
	ck_assert_uint_eq(w.days, again.days);
	ck_assert_uint_eq(w.from, again.from);
	ck_assert_uint_eq(w.to, again.to);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{ "", "a day is" },
	{ "mon 22:00-04:00", "a day is" },
	{ "Monday 22:00-04:00", "one space" },
	{ "Mon-Foo 22:00-04:00", "a day is" },
	{ "Mon,Mon 22:00-04:00", "twice" },
	{ "Mon-Fri,Tue 22:00-04:00", "twice" },
	{ "Mon  22:00-04:00", "hours are written" },
	{ "Mon", "one space" },
	{ "22-04", "hours are written" },
	{ "9:00-10:00", "hours are written" },
	{ "22:60-23:00", "hours are written" },
	{ "22:00-24:01", "hours are written" },
	{ "22:00", "hours are written" },
	{ "22:00-04:00 CET", "UTC" },
	{ "22:00-04:00Z", "UTC" },
	{ "22:00-04:00+01:00", "UTC" },
	{ "22:00-04:00 UTC ", "UTC" },
	{ "22:00-04:00,05:00-06:00", "UTC" },
	{ "24:00-04:00", "before 24:00" },
	{ "22:00-00:00", "after 00:00" },
	{ "04:00-04:00", "00:00-24:00" },
};

START_TEST(test_what_is_no_window)
{
	struct pol_window w;
	const char *why = pol_window_parse(bad[_i].text, &w);

	ck_assert_msg(why != NULL, "accepted: %s", bad[_i].text);
	ck_assert_msg(strstr(why, bad[_i].why) != NULL, "%s: %s", bad[_i].text,
	    why);
}
END_TEST

static int64_t
opens(const char *const *texts, size_t n, int64_t now)
{
	struct pol_window w[POL_WINDOWS_MAX];

	for (size_t i = 0; i < n; i++)
		ck_assert_ptr_null(pol_window_parse(texts[i], &w[i]));
	return pol_windows_open(w, n, (struct pol_time){ now }).ms;
}

START_TEST(test_when_it_opens)
{
	static const char *const night[] = { "Mon-Fri 22:00-04:00" };
	static const char *const two[] = { "Sat 10:00-11:00",
		"Wed 09:00-10:00" };
	static const char *const all[] = { "00:00-24:00" };

	/* Monday at noon: tonight; from the first minute to before the last */
	ck_assert_int_eq(opens(night, 1, MONDAY + 12 * HOUR),
	    MONDAY + 22 * HOUR);
	ck_assert_int_eq(opens(night, 1, MONDAY + 22 * HOUR - 1),
	    MONDAY + 22 * HOUR);
	ck_assert_int_eq(opens(night, 1, MONDAY + 22 * HOUR),
	    MONDAY + 22 * HOUR);
	ck_assert_int_eq(opens(night, 1, MONDAY + 28 * HOUR - 1),
	    MONDAY + 28 * HOUR - 1);
	ck_assert_int_eq(opens(night, 1, MONDAY + 28 * HOUR),
	    MONDAY + DAY + 22 * HOUR);
	/* Friday's reaches into Saturday; then it is Monday; and Sunday's night
	 * is none */
	ck_assert_int_eq(opens(night, 1, MONDAY + 5 * DAY + 3 * HOUR),
	    MONDAY + 5 * DAY + 3 * HOUR);
	ck_assert_int_eq(opens(night, 1, MONDAY + 5 * DAY + 4 * HOUR),
	    MONDAY + 7 * DAY + 22 * HOUR);
	ck_assert_int_eq(opens(night, 1, MONDAY + HOUR), MONDAY + 22 * HOUR);
	/* the next of several; the same day a week later */
	ck_assert_int_eq(opens(two, 2, MONDAY), MONDAY + 2 * DAY + 9 * HOUR);
	ck_assert_int_eq(opens(two, 2, MONDAY + 3 * DAY),
	    MONDAY + 5 * DAY + 10 * HOUR);
	ck_assert_int_eq(opens(two + 1, 1, MONDAY + 2 * DAY + 10 * HOUR),
	    MONDAY + 9 * DAY + 9 * HOUR);
	ck_assert_int_eq(opens(all, 1, MONDAY + 5), MONDAY + 5);
	ck_assert_int_eq(opens(all, 0, MONDAY + 5), MONDAY + 5);
	/* before 1970 days are days, too: 31 December 1969 was a Wednesday */
	ck_assert_int_eq(opens(two + 1, 1, -15 * HOUR), -15 * HOUR);
	ck_assert_int_eq(opens(two + 1, 1, -15 * HOUR - 1), -15 * HOUR);
}
END_TEST

static int64_t
closed(const char *const *texts, size_t n, int64_t now)
{
	struct pol_window w[POL_WINDOWS_MAX];

	for (size_t i = 0; i < n; i++)
		ck_assert_ptr_null(pol_window_parse(texts[i], &w[i]));
	return pol_windows_closed(w, n, (struct pol_time){ now }).ms;
}

START_TEST(test_when_it_has_closed)
{
	static const char *const night[] = { "Mon-Fri 22:00-04:00" };
	static const char *const two[] = { "Sat 10:00-11:00",
		"Wed 09:00-10:00" };
	static const char *const sunday[] = { "Sun 22:00-21:00" };

	/* to the millisecond, and of the night before */
	ck_assert_int_eq(closed(night, 1, MONDAY + 28 * HOUR),
	    MONDAY + 28 * HOUR);
	ck_assert_int_eq(closed(night, 1, MONDAY + 28 * HOUR - 1),
	    MONDAY - 2 * DAY + 4 * HOUR);
	ck_assert_int_eq(closed(night, 1, MONDAY + 12 * HOUR),
	    MONDAY - 2 * DAY + 4 * HOUR);
	/* the later of several, whichever is named first */
	ck_assert_int_eq(closed(two, 2, MONDAY + 4 * DAY),
	    MONDAY + 2 * DAY + 10 * HOUR);
	ck_assert_int_eq(closed(two, 2, MONDAY + 2 * DAY),
	    MONDAY - 2 * DAY + 11 * HOUR);
	ck_assert_int_eq(closed(two, 2, MONDAY + 5 * DAY + 12 * HOUR),
	    MONDAY + 5 * DAY + 11 * HOUR);
	/* a week and a day after it opened, one that is about to open */
	ck_assert_int_eq(closed(sunday, 1, MONDAY + 6 * DAY + 22 * HOUR - 1),
	    MONDAY + 21 * HOUR);
	ck_assert_int_eq(closed(night, 0, MONDAY), 0);
}
END_TEST

TCase *
case_window(void)
{
	TCase *t = tcase_create("window");

	tcase_add_loop_test(t, test_windows_are_read, 0,
	    sizeof(good) / sizeof(*good));
	tcase_add_loop_test(t, test_what_is_no_window, 0,
	    sizeof(bad) / sizeof(*bad));
	tcase_add_test(t, test_when_it_opens);
	tcase_add_test(t, test_when_it_has_closed);
	return t;
}
