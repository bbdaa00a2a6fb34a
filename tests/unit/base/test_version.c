/* The version that every program prints. */
#include <string.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

START_TEST(version)
{
	const char *v = base_version();

	ck_assert_uint_gt(strlen(v), 0);
	ck_assert_uint_eq(strspn(v, "0123456789."), strlen(v));
}
END_TEST

TCase *
case_version(void)
{
	TCase *tc = tcase_create("version");

	tcase_add_test(tc, version);
	return tc;
}
