/* The part of HTTP/1.1 that kedge speaks; see http.h. */
#include "wire/http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- lines --------------------------------------------------------------------- */

struct line {
	const char *p;
	size_t n;
};

/* The next line up to its CRLF; the head is known to end with CRLF CRLF. */
static struct line
line_next(struct base_span in, size_t *at)
{
	const char *p = (const char *)in.p + *at;
	const char *end = memmem(p, in.n - *at, "\r\n", 2);
	struct line l = { p, end != NULL ? (size_t)(end - p) : in.n - *at };

	*at += l.n + 2;
	return l;
}

static enum base_err
head_size(struct base_span in, size_t *used)
{
	size_t n = in.n < WIRE_HTTP_HEAD_MAX ? in.n : WIRE_HTTP_HEAD_MAX;
	const uint8_t *end = n == 0 ? NULL : memmem(in.p, n, "\r\n\r\n", 4);

	if (end != NULL) {
		*used = (size_t)(end - in.p) + 4;
		return BASE_OK;
	}
	if (in.n < WIRE_HTTP_HEAD_MAX)
		return BASE_E_AGAIN;
	return base_fail(BASE_E_RANGE, "http: a head over %zu bytes",
	    WIRE_HTTP_HEAD_MAX);
}

/* Field names of RFC 9110 section 5.6.2. */
static bool
is_token(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) &&
		    (p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", p[i]) == NULL))
			return false;
	return n > 0;
}

static bool
is_text(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f)
			return false;
	return true;
}

static bool
line_is(struct line l, const char *word)
{
	return l.n == strlen(word) && strncasecmp(l.p, word, l.n) == 0;
}

/* ---- fields ---------------------------------------------------------------------- */

static enum base_err
number_get(struct line v, size_t *out)
{
	size_t n = 0;

	if (v.n == 0 || v.n > 10)
		return base_fail(BASE_E_SYNTAX, "http: Content-Length");
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return base_fail(BASE_E_SYNTAX, "http: Content-Length");
		n = n * 10 + (size_t)(v.p[i] - '0');
	}
	*out = n;
	return BASE_OK;
}

static enum base_err
field_apply(struct line name, struct line value, bool *sized,
    struct wire_http_head *h)
{
	if (line_is(name, "Transfer-Encoding"))
		return base_fail(BASE_E_SYNTAX,
		    "http: Transfer-Encoding; send a Content-Length");
	if (line_is(name, "Connection"))
		h->close = h->close || line_is(value, "close");
	if (!line_is(name, "Content-Length"))
		return BASE_OK;
	if (*sized)
		return base_fail(BASE_E_SYNTAX, "http: two Content-Length");
	*sized = true;
	return number_get(value, &h->length);
}

static enum base_err
field_get(struct line l, bool *sized, struct wire_http_head *h)
{
	const char *colon = memchr(l.p, ':', l.n);
	struct line name, value;

	if (colon == NULL || !is_text(l.p, l.n))
		return base_fail(BASE_E_SYNTAX, "http: a field");
	name = (struct line){ l.p, (size_t)(colon - l.p) };
	value = (struct line){ colon + 1, l.n - name.n - 1 };
	while (value.n > 0 && (*value.p == ' ' || *value.p == '\t'))
		value.p++, value.n--;
	while (value.n > 0 &&
	    (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	if (!is_token(name.p, name.n))
		return base_fail(BASE_E_SYNTAX, "http: a field's name");
	return field_apply(name, value, sized, h);
}

static enum base_err
fields_get(struct base_span head, size_t at, struct wire_http_head *h,
    bool *sized)
{
	enum base_err e = BASE_OK;

	*sized = false;
	while (e == BASE_OK && at < head.n - 2)
		e = field_get(line_next(head, &at), sized, h);
	return e;
}

/* ---- parse -------------------------------------------------------------------------- */

static bool
path_between(struct line l, const char *verb, const char *version,
    struct wire_http_head *h)
{
	size_t v = strlen(verb), w = strlen(version);

	if (l.n <= v + w || l.n - v - w > WIRE_HTTP_PATH_MAX ||
	    memcmp(l.p, verb, v) != 0 || memcmp(l.p + l.n - w, version, w) != 0)
		return false;
	memcpy(h->path, l.p + v, l.n - v - w);
	h->path[l.n - v - w] = '\0';
	return true;
}

static enum base_err
path_check(const char *path)
{
	if (path[0] != '/' || strpbrk(path, " \t") != NULL ||
	    !is_text(path, strlen(path)))
		return base_fail(BASE_E_SYNTAX, "http: a path");
	return BASE_OK;
}

static enum base_err
request_line(struct line l, struct wire_http_head *h)
{
	if (!path_between(l, "POST ", " HTTP/1.1", h))
		return base_fail(BASE_E_SYNTAX,
		    "http: the request is no POST of HTTP/1.1");
	return path_check(h->path);
}

static enum base_err
get_line(struct line l, struct wire_http_head *h)
{
	if (!path_between(l, "GET ", " HTTP/1.1", h) &&
	    !path_between(l, "GET ", " HTTP/1.0", h))
		return base_fail(BASE_E_SYNTAX,
		    "http: the request is no GET of HTTP/1.1");
	return path_check(h->path);
}

static enum base_err
status_line(struct line l, struct wire_http_head *h)
{
	static const char version[] = "HTTP/1.1 ";
	size_t v = strlen(version);
	const char *p = l.p + v;

	if (l.n < v + 3 || memcmp(l.p, version, v) != 0 || !is_text(l.p, l.n) ||
	    p[0] < '1' || p[0] > '5' || !isdigit((unsigned char)p[1]) ||
	    !isdigit((unsigned char)p[2]) || (l.n > v + 3 && p[3] != ' '))
		return base_fail(BASE_E_SYNTAX, "http: no answer of HTTP/1.1");
	h->status = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	return BASE_OK;
}

static enum base_err
head_parse(struct base_span in, struct wire_http_head *out, size_t *used,
    enum base_err (*first)(struct line, struct wire_http_head *))
{
	struct wire_http_head h = { 0 };
	bool sized;
	size_t at = 0;
	enum base_err e = head_size(in, used);

	if (e != BASE_OK)
		return e;
	in.n = *used;
	if ((e = first(line_next(in, &at), &h)) == BASE_OK)
		e = fields_get(in, at, &h, &sized);
	if (e == BASE_OK && first != get_line && !sized)
		e = base_fail(BASE_E_SYNTAX, "http: no Content-Length");
	if (e == BASE_OK && first == get_line && h.length != 0)
		e = base_fail(BASE_E_SYNTAX, "http: a GET with a body");
	if (e == BASE_OK)
		*out = h;
	return e;
}

enum base_err
wire_http_request_parse(struct base_span in, struct wire_http_head *out,
    size_t *used)
{
	return head_parse(in, out, used, request_line);
}

enum base_err
wire_http_answer_parse(struct base_span in, struct wire_http_head *out,
    size_t *used)
{
	return head_parse(in, out, used, status_line);
}

enum base_err
wire_http_get_parse(struct base_span in, struct wire_http_head *out,
    size_t *used)
{
	return head_parse(in, out, used, get_line);
}

/* ---- compose ---------------------------------------------------------------------------- */

enum base_err
wire_http_request_put(const char *path, const char *host, size_t length,
    struct base_buf *out)
{
	return base_buf_printf(out,
	    "POST %s HTTP/1.1\r\nHost: %s\r\n"
	    "Content-Type: application/kedge\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    path, host, length);
}

static const char *
status_word(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 409:
		return "Conflict";
	case 413:
		return "Content Too Large";
	case 503:
		return "Service Unavailable";
	default:
		return status < 500 ? "Refused" : "Failed";
	}
}

enum base_err
wire_http_answer_put(int status, size_t length, bool close,
    struct base_buf *out)
{
	return base_buf_printf(out,
	    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\n%s\r\n",
	    status, status_word(status),
	    status == 200 ? "application/kedge" : "text/plain; charset=utf-8",
	    length, close ? "Connection: close\r\n" : "");
}

enum base_err
wire_http_page_put(int status, const char *type, size_t length,
    struct base_buf *out)
{
	return base_buf_printf(out,
	    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	    status, status_word(status), type, length);
}
