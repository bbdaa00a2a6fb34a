/* The two clocks: the world's in milliseconds, and one that never goes back. */
#include <time.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

static int64_t
ms_of(clockid_t id)
{
	struct timespec ts;

	ck_assert_int_eq(clock_gettime(id, &ts), 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

START_TEST(world)
{
	int64_t before = ms_of(CLOCK_REALTIME), now = base_time_now().ms;

	ck_assert_int_le(before, now);
	ck_assert_int_le(now, ms_of(CLOCK_REALTIME));
}
END_TEST

/* The one that goes on while the machine sleeps. */
START_TEST(monotonic)
{
	int64_t before = ms_of(CLOCK_BOOTTIME), now = base_mono_now().ms;

	ck_assert_int_le(before, now);
	ck_assert_int_le(now, ms_of(CLOCK_BOOTTIME));
}
END_TEST

TCase *
case_clock(void)
{
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, world);
	tcase_add_test(tc, monotonic);
	return tc;
}
