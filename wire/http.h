/*
 * wire/http: the part of HTTP/1.1 (RFC 9112) that kedge speaks: POST and its
 * answer, each with a Content-Length; and GET, for pages.c. Pure functions over
 * bytes; server.c, client.c and pages.c move them. Internal to wire/.
 *
 * evhttp was left aside: it ends the process (event_errx) when bytes arrive
 * while a request waits for its answer and reading is on, and reading must be
 * on to see that a long-poll's peer went away; its client cannot show the SSL
 * before it sends the request, and a hello is bound to the SSL.
 */
#pragma once

#include "base/base.h"

#define WIRE_HTTP_HEAD_MAX ((size_t)8192)
#define WIRE_HTTP_PATH_MAX 64

struct wire_http_head {
	char path[WIRE_HTTP_PATH_MAX + 1]; /* request */
	int status;                        /* answer, 100 to 599 */
	size_t length;                     /* of the body */
	bool close;                        /* "Connection: close" */
};

/* AGAIN while the empty line has not come; RANGE when the head is over
 * WIRE_HTTP_HEAD_MAX; SYNTAX for all that is not what kedge sends, with
 * Transfer-Encoding and a second Content-Length among it. *used is the
 * head's length with the empty line. */
enum base_err wire_http_request_parse(struct base_span in,
    struct wire_http_head *out, size_t *used) BASE_MUST;
enum base_err wire_http_answer_parse(struct base_span in,
    struct wire_http_head *out, size_t *used) BASE_MUST;

/* GET of HTTP/1.0 or 1.1 without a body, for pages.c. */
enum base_err wire_http_get_parse(struct base_span in,
    struct wire_http_head *out, size_t *used) BASE_MUST;

/* Heads with their empty line, appended. */
enum base_err wire_http_request_put(const char *path, const char *host,
    size_t length, struct base_buf *out) BASE_MUST;
enum base_err wire_http_answer_put(int status, size_t length, bool close,
    struct base_buf *out) BASE_MUST;
/* Of a page; the connection ends after it. */
enum base_err wire_http_page_put(int status, const char *type, size_t length,
    struct base_buf *out) BASE_MUST;
