/*
 * mem: allocation that does not fail, wiping, comparing in constant time.
 * Out of memory ends the process: the supervisor starts it afresh and the
 * state is on disk.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

void *
base_alloc(size_t n)
{
	void *p = calloc(1, n != 0 ? n : 1);

	if (p == NULL)
		base_die("memory: no %zu bytes left", n);
	return p;
}

void *
base_realloc_array(void *p, size_t nmemb, size_t size)
{
	size_t n;
	void *q;

	if (__builtin_mul_overflow(nmemb, size, &n))
		base_die("memory: %zu times %zu overflows", nmemb, size);
	q = realloc(p, n != 0 ? n : 1);
	if (q == NULL)
		base_die("memory: no %zu bytes left", n);
	return q;
}

char *
base_strdup(const char *s)
{
	return base_memdup(s, strlen(s) + 1);
}

char *
base_strndup(const char *s, size_t n)
{
	size_t len = n > 0 ? strnlen(s, n) : 0; /* no bytes may be NULL */
	char *out = base_alloc(len + 1);

	if (len > 0)
		memcpy(out, s, len);
	return out;
}

char *
base_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *out = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&out, fmt, ap);
	va_end(ap);
	if (n < 0)
		base_die("memory: cannot format \"%s\"", fmt);
	return out;
}

void *
base_memdup(const void *p, size_t n)
{
	void *out = base_alloc(n);

	if (n != 0)
		memcpy(out, p, n);
	return out;
}

void
base_wipe(void *p, size_t n)
{
	if (n != 0)
		explicit_bzero(p, n);
}

bool
base_equal_ct(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char diff = 0;
	size_t i;

	for (i = 0; i < n; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}
