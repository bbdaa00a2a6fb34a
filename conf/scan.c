/*
 * What must not come to libconfig. Its version 1.5 turns 5000000000 into
 * 705032704 and says nothing, and when it answers, the digits are gone: so
 * they are looked at before. Follows its scanner as far as strings, comments,
 * names and numbers go. Called by conf.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/inside.h"

#define NAME   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*_-0123456789"
#define DIGITS "0123456789"

struct scan {
	const char *file;
	const char *p;
	unsigned int line;
	struct base_span key; /* name that came last */
};

static void
skip(struct scan *s, size_t n)
{
	for (; n > 0 && *s->p != '\0'; n--)
		s->line += *s->p++ == '\n';
}

static void
skip_string(struct scan *s)
{
	skip(s, 1);
	while (*s->p != '\0' && *s->p != '"')
		skip(s, *s->p == '\\' ? 2 : 1);
	skip(s, 1);
}

static void
skip_comment(struct scan *s)
{
	const char *end = strstr(s->p + 2, "*/");

	skip(s, end != NULL ? (size_t)(end - s->p) + 2 : strlen(s->p));
}

static void
take_name(struct scan *s)
{
	s->key =
	    (struct base_span){ (const uint8_t *)s->p, strspn(s->p, NAME) };
	skip(s, s->key.n);
}

/* Digits after the point, and the exponent: 0 when there is neither. */
static size_t
fraction(const char *p)
{
	size_t n = 0, e;

	if (p[0] == '.')
		n = 1 + strspn(p + 1, DIGITS);
	if (p[n] != 'e' && p[n] != 'E')
		return n;
	e = n + 1 + (p[n + 1] == '+' || p[n + 1] == '-');
	return isdigit((unsigned char)p[e]) ? e + strspn(p + e, DIGITS) : n;
}

static enum base_err
take_number(struct scan *s)
{
	bool hex = s->p[0] == '0' && (s->p[1] == 'x' || s->p[1] == 'X');
	size_t n = hex ? 2 + strspn(s->p + 2, DIGITS "abcdefABCDEF")
		       : strspn(s->p, DIGITS);
	size_t more = hex ? 0 : fraction(s->p + n);
	unsigned long long v;

	errno = 0;
	v = strtoull(s->p, NULL, hex ? 16 : 10);
	if (more == 0 && (errno != 0 || v > INT32_MAX))
		return base_fail(BASE_E_CONFIG,
		    "%s:%u: %.*s: %.*s is too large; no whole number goes "
		    "beyond %d",
		    s->file, s->line, (int)s->key.n, (const char *)s->key.p,
		    (int)(n < 40 ? n : 40), s->p, INT32_MAX);
	skip(s, n + more);
	return BASE_OK;
}

enum base_err
conf_scan(const char *file, const char *text)
{
	struct scan s = { .file = file, .p = text, .line = 1 };
	enum base_err r = BASE_OK;

	s.key.p = (const uint8_t *)"";
	while (*s.p != '\0' && r == BASE_OK) {
		if (*s.p == '"')
			skip_string(&s);
		else if (*s.p == '#' || strncmp(s.p, "//", 2) == 0)
			skip(&s, strcspn(s.p, "\n"));
		else if (strncmp(s.p, "/*", 2) == 0)
			skip_comment(&s);
		else if (strncmp(s.p, "@include", 8) == 0)
			r = base_fail(BASE_E_CONFIG,
			    "%s:%u: @include is not allowed; put everything "
			    "into one file",
			    file, s.line);
		else if (isdigit((unsigned char)*s.p))
			r = take_number(&s);
		else if (*s.p == '.')
			skip(&s, 1 + strspn(s.p + 1, DIGITS));
		else if (*s.p != '-' && strchr(NAME, *s.p) != NULL)
			take_name(&s);
		else
			skip(&s, 1);
	}
	return r;
}
