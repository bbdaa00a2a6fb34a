/* Unit tests of base/err.c. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

START_TEST(names)
{
	int e;

	ck_assert_str_eq(base_err_name(BASE_OK), "OK");
	ck_assert_str_eq(base_err_name(BASE_E_SYNTAX), "SYNTAX");
	ck_assert_str_eq(base_err_name(BASE_E_USAGE), "USAGE");
	for (e = BASE_OK; e <= (int)BASE_E_USAGE; e++)
		ck_assert_ptr_nonnull(base_err_name((enum base_err)e));
	ck_assert_str_eq(base_err_name((enum base_err)1000), "UNKNOWN");
}
END_TEST

START_TEST(sentence)
{
	ck_assert_str_eq(base_why(), "");
	ck_assert_int_eq(base_fail(BASE_E_RANGE, "a: %d", 7), BASE_E_RANGE);
	ck_assert_str_eq(base_why(), "a: 7");
	ck_assert_int_eq(base_fail(BASE_E_IO, "b: %s", base_why()), BASE_E_IO);
	ck_assert_str_eq(base_why(), "b: a: 7");
}
END_TEST

START_TEST(sentence_is_cut)
{
	char big[4000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ck_assert_int_eq(base_fail(BASE_E_IO, "%s", big), BASE_E_IO);
	ck_assert_uint_eq(strlen(base_why()), 1023);
}
END_TEST

START_TEST(errno_is_kept)
{
	errno = ENOSPC;
	ck_assert_int_eq(base_fail(BASE_E_IO, "%m"), BASE_E_IO);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_str_eq(base_why(), strerror(ENOSPC));
}
END_TEST

static void *
other_thread(void *arg)
{
	*(bool *)arg = base_why()[0] == '\0';
	base_why_set("other");
	return NULL;
}

START_TEST(each_thread_its_own)
{
	bool fresh = false;
	pthread_t t;

	base_why_set("mine");
	ck_assert_int_eq(pthread_create(&t, NULL, other_thread, &fresh), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert(fresh);
	ck_assert_str_eq(base_why(), "mine");
}
END_TEST

TCase *
case_err(void)
{
	TCase *tc = tcase_create("err");

	tcase_add_test(tc, names);
	tcase_add_test(tc, sentence);
	tcase_add_test(tc, sentence_is_cut);
	tcase_add_test(tc, errno_is_kept);
	tcase_add_test(tc, each_thread_its_own);
	return tc;
}
