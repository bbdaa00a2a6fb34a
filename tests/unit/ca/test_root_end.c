/* The ends of roots: how near, and each level told once. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

START_TEST(levels)
{
	static const struct {
		int64_t days, ms;
		unsigned level;
	} t[] = { { 731, 0, 0 }, { 730, 1, 0 }, { 730, 0, 1 }, { 365, 1, 1 },
		{ 365, 0, 2 }, { 182, 1, 2 }, { 182, 0, 3 }, { 0, 1, 3 },
		{ 0, 0, 4 }, { -1, 0, 4 } };
	const struct base_time now = { INT64_C(1767225600000) };

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct base_time end = base_time_add_s(now, t[i].days * 86400);

		end.ms += t[i].ms;
		ck_assert_uint_eq(ca_root_end_level(now, end), t[i].level);
	}
}
END_TEST

START_TEST(each_level_is_told_once)
{
	static const struct {
		int days;
		const char *line;
	} t[] = {
		{ 2900, NULL },
		{ 30,
		    "root end: far -> within 730 days node=- root=plant "
		    "roll=- epoch=-: generation 1 ends at" },
		{ 350, NULL },
		{ 10, "root end: within 730 days -> within 365 days node=-" },
		{ 170, NULL },
		{ 10, "root end: within 365 days -> within 182 days node=-" },
		{ 200, "root end: within 182 days -> over node=- root=plant" },
	};

	asked_log();
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		asked_days(t[i].days);
		(void)ca_root_ends_work(&asked.w.ca);
		if (t[i].line != NULL)
			ck_assert_ptr_nonnull(
			    strstr(asked_log_new(), t[i].line));
		ck_assert_str_eq(asked_log_new(), "");
		/* neither the next day nor the next kedged says it again */
		asked.w.ca.root_ends_next.ms = 0;
		(void)ca_root_ends_work(&asked.w.ca);
		ck_assert_str_eq(asked_log_new(), "");
		asked_restart();
		(void)ca_root_ends_work(&asked.w.ca);
		ck_assert_str_eq(asked_log_new(), "");
	}
}
END_TEST

TCase *
case_root_end(void)
{
	TCase *t = tcase_create("root_end");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, asked_two_roots, asked_close);
	tcase_add_test(t, levels);
	tcase_add_test(t, each_level_is_told_once);
	return t;
}
