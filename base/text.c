/*
 * text: hex and the one rule for names. Names become file names, dNSNames
 * and words in logs, so the rule is strict and the same everywhere.
 */
#include <string.h>

#include "base/base.h"

void
base_hex(const void *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;
	size_t i;

	for (i = 0; i < n; i++) {
		*out++ = digits[b[i] >> 4];
		*out++ = digits[b[i] & 15];
	}
	*out = '\0';
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum base_err
base_unhex(const char *s, uint8_t *out, size_t n)
{
	size_t i, len = strlen(s);

	/* measured first: nothing is written unless all of it is good */
	if (len % 2 != 0 || len / 2 != n)
		return base_fail(BASE_E_SYNTAX,
		    "hex: %zu digits where %zu are needed", len, 2 * n);
	for (i = 0; i < len; i++)
		if (nibble(s[i]) < 0)
			return base_fail(BASE_E_SYNTAX,
			    "hex: character %zu is no hex digit", i + 1);
	for (i = 0; i < n; i++)
		out[i] =
		    (uint8_t)(nibble(s[2 * i]) << 4 | nibble(s[2 * i + 1]));
	return BASE_OK;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
base_name_is_valid(const char *s)
{
	size_t i, n = strnlen(s, BASE_NAME_MAX + 1);

	if (n == 0 || n > BASE_NAME_MAX)
		return false;
	for (i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '.' && s[i] != '-')
			return false;
	return is_alnum(s[0]) && is_alnum(s[n - 1]);
}
