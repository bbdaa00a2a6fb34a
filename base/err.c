/*
 * err: the error type's names and the one sentence per thread that goes with
 * an error. Everybody calls base_fail() where the cause is known; programs
 * call base_why() where it is printed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static _Thread_local char why[1024];

static const char *const names[] = {
	[BASE_OK] = "OK",
	[BASE_E_SYNTAX] = "SYNTAX",
	[BASE_E_RANGE] = "RANGE",
	[BASE_E_EXISTS] = "EXISTS",
	[BASE_E_NOTFOUND] = "NOTFOUND",
	[BASE_E_IO] = "IO",
	[BASE_E_DENIED] = "DENIED",
	[BASE_E_REFUSED] = "REFUSED",
	[BASE_E_OUTAGE] = "OUTAGE",
	[BASE_E_INTEGRITY] = "INTEGRITY",
	[BASE_E_CRYPTO] = "CRYPTO",
	[BASE_E_EXPIRED] = "EXPIRED",
	[BASE_E_STATE] = "STATE",
	[BASE_E_AGAIN] = "AGAIN",
	[BASE_E_TIMEOUT] = "TIMEOUT",
	[BASE_E_CONFIG] = "CONFIG",
	[BASE_E_USAGE] = "USAGE",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

const char *
base_err_name(enum base_err e)
{
	size_t i = (size_t)e;

	if (i >= NAMES)
		return "UNKNOWN";
	return names[i];
}

enum base_err
base_err_parse(const char *name)
{
	for (size_t i = 1; name != NULL && i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return (enum base_err)i;
	return BASE_E_IO;
}

void
base_why_set(const char *fmt, ...)
{
	char fresh[sizeof(why)]; /* an argument may point into why */
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(fresh, sizeof(fresh), fmt, ap) < 0)
		fresh[0] = '\0';
	va_end(ap);
	memcpy(why, fresh, strlen(fresh) + 1);
	errno = saved;
}

const char *
base_why(void)
{
	return why;
}
