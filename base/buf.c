/*
 * buf: the one bounded buffer that all bytes pass. Writers put, readers get;
 * every length is checked here and nowhere else. Memory that held bytes is
 * wiped before it goes back, also when the buffer grows.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

void
base_buf_init(struct base_buf *b, size_t max)
{
	*b = (struct base_buf){ .max = max };
}

void
base_buf_free(struct base_buf *b)
{
	if (b->p != NULL)
		base_wipe(b->p, b->cap);
	free(b->p);
	*b = (struct base_buf){ .max = b->max };
}

void
base_buf_clear(struct base_buf *b)
{
	if (b->p != NULL)
		base_wipe(b->p, b->cap);
	b->n = b->at = 0;
}

struct base_span
base_buf_span(const struct base_buf *b)
{
	return (struct base_span){ b->p, b->n };
}

static size_t
buf_bound(const struct base_buf *b)
{
	return b->max != 0 ? b->max : BASE_BUF_MAX;
}

/* A capacity that holds need (which is within the bound): doubled, so that
 * many small puts stay cheap. */
static size_t
buf_next_cap(const struct base_buf *b, size_t need)
{
	size_t cap = b->cap > 32 ? b->cap : 64;

	while (cap < need)
		cap *= 2;
	return cap < buf_bound(b) ? cap : buf_bound(b);
}

enum base_err
base_buf_put(struct base_buf *b, const void *p, size_t n)
{
	uint8_t *old = b->p;
	size_t oldcap = b->cap;

	if (n == 0)
		return BASE_OK;
	if (n > buf_bound(b) || b->n > buf_bound(b) - n)
		return base_fail(BASE_E_RANGE,
		    "buffer: %zu bytes and %zu more go over its bound of %zu",
		    b->n, n, buf_bound(b));
	if (n > b->cap - b->n) {
		b->cap = buf_next_cap(b, b->n + n);
		b->p = base_alloc(b->cap);
		if (b->n != 0)
			memcpy(b->p, old, b->n);
	}
	memmove(b->p + b->n, p, n); /* p may point into b, or into old */
	b->n += n;
	if (b->p != old && old != NULL) {
		base_wipe(old, oldcap);
		free(old);
	}
	return BASE_OK;
}

static enum base_err
put_integer(struct base_buf *b, uint64_t v, size_t width)
{
	uint8_t raw[8];
	size_t i;

	for (i = 0; i < width; i++)
		raw[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
	return base_buf_put(b, raw, width);
}

enum base_err
base_buf_put_u8(struct base_buf *b, uint8_t v)
{
	return put_integer(b, v, 1);
}

enum base_err
base_buf_put_u16(struct base_buf *b, uint16_t v)
{
	return put_integer(b, v, 2);
}

enum base_err
base_buf_put_u32(struct base_buf *b, uint32_t v)
{
	return put_integer(b, v, 4);
}

enum base_err
base_buf_put_u64(struct base_buf *b, uint64_t v)
{
	return put_integer(b, v, 8);
}

enum base_err
base_buf_put_blob(struct base_buf *b, struct base_span s)
{
	size_t before = b->n;
	enum base_err r;

	if (s.n > UINT32_MAX)
		return base_fail(BASE_E_RANGE,
		    "buffer: a blob of %zu bytes is too long", s.n);
	if ((r = base_buf_put_u32(b, (uint32_t)s.n)) != BASE_OK ||
	    (r = base_buf_put(b, s.p, s.n)) != BASE_OK)
		b->n = before; /* whole or not at all */
	return r;
}

enum base_err
base_buf_put_str(struct base_buf *b, const char *s)
{
	struct base_span text = { (const uint8_t *)s, strlen(s) };

	return base_buf_put_blob(b, text);
}

enum base_err
base_buf_printf(struct base_buf *b, const char *fmt, ...)
{
	char *text = NULL;
	enum base_err r;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		base_die("buffer: cannot format \"%s\"", fmt);
	r = base_buf_put(b, text, (size_t)n);
	base_wipe(text, (size_t)n);
	free(text);
	return r;
}

/* n bytes at the read position, without moving it. */
static enum base_err
peek(const struct base_buf *b, size_t n, const uint8_t **p)
{
	if (b->at > b->n)
		base_die("buffer: read position %zu beyond %zu", b->at, b->n);
	if (n > b->n - b->at)
		return base_fail(BASE_E_SYNTAX,
		    "buffer: ends after %zu bytes where %zu are needed",
		    b->n - b->at, n);
	*p = n != 0 ? b->p + b->at : (const uint8_t *)"";
	return BASE_OK;
}

static enum base_err
get_integer(struct base_buf *b, size_t width, uint64_t *v)
{
	const uint8_t *raw;
	enum base_err r;
	size_t i;

	if ((r = peek(b, width, &raw)) != BASE_OK)
		return r;
	for (*v = 0, i = 0; i < width; i++)
		*v = *v << 8 | raw[i];
	b->at += width;
	return BASE_OK;
}

enum base_err
base_buf_get_u8(struct base_buf *b, uint8_t *v)
{
	uint64_t wide = 0;
	enum base_err r = get_integer(b, 1, &wide);

	*v = (uint8_t)wide;
	return r;
}

enum base_err
base_buf_get_u16(struct base_buf *b, uint16_t *v)
{
	uint64_t wide = 0;
	enum base_err r = get_integer(b, 2, &wide);

	*v = (uint16_t)wide;
	return r;
}

enum base_err
base_buf_get_u32(struct base_buf *b, uint32_t *v)
{
	uint64_t wide = 0;
	enum base_err r = get_integer(b, 4, &wide);

	*v = (uint32_t)wide;
	return r;
}

enum base_err
base_buf_get_u64(struct base_buf *b, uint64_t *v)
{
	*v = 0;
	return get_integer(b, 8, v);
}

enum base_err
base_buf_get_blob(struct base_buf *b, struct base_span *s)
{
	size_t before = b->at;
	const uint8_t *p;
	enum base_err r;
	uint32_t n;

	*s = (struct base_span){ NULL, 0 };
	if ((r = base_buf_get_u32(b, &n)) != BASE_OK)
		return r;
	if ((r = peek(b, n, &p)) != BASE_OK) {
		b->at = before;
		return r;
	}
	b->at += n;
	*s = (struct base_span){ p, n };
	return BASE_OK;
}

enum base_err
base_buf_get_str(struct base_buf *b, size_t max, char **out)
{
	size_t before = b->at;
	struct base_span s;
	enum base_err r;

	*out = NULL;
	if ((r = base_buf_get_blob(b, &s)) != BASE_OK)
		return r;
	if (s.n > max)
		r = base_fail(BASE_E_RANGE,
		    "buffer: a string of %zu bytes where %zu are allowed", s.n,
		    max);
	else if (memchr(s.p, '\0', s.n) != NULL)
		r = base_fail(BASE_E_SYNTAX, "buffer: NUL byte in a string");
	if (r != BASE_OK) {
		b->at = before;
		return r;
	}
	*out = base_strndup((const char *)s.p, s.n);
	return BASE_OK;
}

enum base_err
base_buf_get_end(const struct base_buf *b)
{
	if (b->at != b->n)
		return base_fail(BASE_E_SYNTAX,
		    "buffer: %zu bytes after the end", b->n - b->at);
	return BASE_OK;
}
