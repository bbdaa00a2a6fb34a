/*
 * clock: what time it is. Apart from time.c so that a simulator can link a
 * clock of its own in its place (tests/sim/clock.c).
 */
#include <time.h>

#include "base/base.h"

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		base_die("time: clock %d: %m", (int)id);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct base_time
base_time_now(void)
{
	return (struct base_time){ clock_ms(CLOCK_REALTIME) };
}

struct base_mono
base_mono_now(void)
{
	/* goes on while the machine sleeps: deadlines are about the world */
	return (struct base_mono){ clock_ms(CLOCK_BOOTTIME) };
}
