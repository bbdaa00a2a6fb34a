/* Unit tests of base/mem.c. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

START_TEST(alloc_is_zeroed)
{
	unsigned char *p = base_alloc(300);
	size_t i;

	for (i = 0; i < 300; i++)
		ck_assert_uint_eq(p[i], 0);
	free(p);
	p = base_alloc(0);
	ck_assert_ptr_nonnull(p);
	free(p);
}
END_TEST

START_TEST(realloc_array)
{
	int *p = base_realloc_array(NULL, 2, sizeof(*p));

	p[1] = 5;
	p = base_realloc_array(p, 2000, sizeof(*p));
	ck_assert_int_eq(p[1], 5);
	free(p);
}
END_TEST

START_TEST(realloc_array_overflow)
{
	free(base_realloc_array(NULL, SIZE_MAX / 2, 3));
}
END_TEST

START_TEST(strings)
{
	char *a = base_strdup("abc"), *b = base_strndup("abcdef", 2);
	char *c = base_strndup("ab", 10), *d = base_asprintf("%s-%d", "x", 1);
	char *e = base_memdup("a\0b", 4);

	ck_assert_str_eq(a, "abc");
	ck_assert_str_eq(b, "ab");
	ck_assert_str_eq(c, "ab");
	ck_assert_str_eq(d, "x-1");
	ck_assert_mem_eq(e, "a\0b", 4);
	free(a);
	free(b);
	free(c);
	free(d);
	free(e);
}
END_TEST

START_TEST(wipe)
{
	char s[8] = "secret", zero[8] = "";

	base_wipe(s, sizeof(s));
	ck_assert_mem_eq(s, zero, sizeof(s));
	base_wipe(NULL, 0);
}
END_TEST

START_TEST(equal)
{
	ck_assert(base_equal_ct("abc", "abc", 3));
	ck_assert(!base_equal_ct("abc", "abd", 3));
	ck_assert(!base_equal_ct("xbc", "abc", 3));
	ck_assert(base_equal_ct("abc", "abd", 2));
	ck_assert(base_equal_ct("a", "b", 0));
}
END_TEST

TCase *
case_mem(void)
{
	TCase *tc = tcase_create("mem");

	tcase_add_test(tc, alloc_is_zeroed);
	tcase_add_test(tc, realloc_array);
	tcase_add_test_raise_signal(tc, realloc_array_overflow, SIGABRT);
	tcase_add_test(tc, strings);
	tcase_add_test(tc, wipe);
	tcase_add_test(tc, equal);
	return tc;
}
