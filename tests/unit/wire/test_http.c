/* Heads of requests and answers: what kedge sends, and nothing else. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/http.h"

#define REQ "POST /kedge/v1/exchange HTTP/1.1\r\n"
#define ANS "HTTP/1.1 200 OK\r\n"

START_TEST(test_request)
{
	struct wire_http_head h;
	struct base_buf b;
	size_t used;

	base_buf_init(&b, 0);
	OK(wire_http_request_put("/kedge/v1/join", "ca:7443", 12, &b));
	for (size_t n = 0; n < b.n; n++)
		ck_assert_int_eq(wire_http_request_parse(
				     (struct base_span){ b.p, n }, &h, &used),
		    BASE_E_AGAIN);
	OK(wire_http_request_parse(base_buf_span(&b), &h, &used));
	ck_assert_uint_eq(used, b.n);
	ck_assert_str_eq(h.path, "/kedge/v1/join");
	ck_assert_uint_eq(h.length, 12);
	ck_assert(!h.close);
	base_buf_free(&b);
}
END_TEST

START_TEST(test_answer)
{
	struct wire_http_head h;
	struct base_buf b;
	size_t used;

	base_buf_init(&b, 0);
	OK(wire_http_answer_put(503, 4, true, &b));
	OK(base_buf_put(&b, "busy", 4));
	OK(wire_http_answer_parse(base_buf_span(&b), &h, &used));
	ck_assert_uint_eq(used, b.n - 4);
	ck_assert_int_eq(h.status, 503);
	ck_assert_uint_eq(h.length, 4);
	ck_assert(h.close);
	base_buf_free(&b);
}
END_TEST

START_TEST(test_liberal)
{
	static const char *const good[] = {
		REQ "content-length:3\r\n\r\n",
		REQ "Content-Length: \t 3 \r\nX-Y: caf\xc3\xa9\r\n\r\n",
		REQ "Connection: CLOSE\r\nContent-Length: 3\r\n\r\n",
	};
	struct wire_http_head h;
	size_t used;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		OK(wire_http_request_parse(STR(good[i]), &h, &used));
		ck_assert_uint_eq(h.length, 3);
		ck_assert_int_eq(h.close, i == 2);
	}
}
END_TEST

START_TEST(test_bad_requests)
{
	static const char *const bad[] = {
		"\r\n\r\n",
		"GET /kedge/v1/exchange HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
		"POST /kedge/v1/exchange HTTP/1.0\r\nContent-Length: 3\r\n\r\n",
		"POST  HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
		"POST x HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
		"POST /a b HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
		"POST /\x01 HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
		REQ "\r\n",
		REQ "Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
		REQ "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		REQ "Content-Length: -3\r\n\r\n",
		REQ "Content-Length: +3\r\n\r\n",
		REQ "Content-Length: 0x3\r\n\r\n",
		REQ "Content-Length: 3, 3\r\n\r\n",
		REQ "Content-Length:\r\n\r\n",
		REQ "Content-Length: 12345678901\r\n\r\n",
		REQ "Content-Length : 3\r\n\r\n",
		REQ " Content-Length: 3\r\n\r\n",
		REQ "Content-Length: 3\r\n folded\r\n\r\n",
		REQ "Content-Length: 3\r\nX: a\rb\r\n\r\n",
		REQ "Content-Length: 3\r\nX: a\nb\r\n\r\n",
		REQ "Content-Length: 3\r\nno colon\r\n\r\n",
		REQ "Content-Length: 3\r\n: empty\r\n\r\n",
	};
	struct wire_http_head h;
	size_t used;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(wire_http_request_parse(STR(bad[i]), &h, &used) ==
			BASE_E_SYNTAX,
		    "request %zu", i);
}
END_TEST

START_TEST(test_get)
{
	static const char *const good[] = {
		"GET /metrics HTTP/1.1\r\n\r\n",
		"GET /metrics HTTP/1.0\r\nHost: a\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
	};
	static const char *const bad[] = {
		"GET /metrics\r\n\r\n",
		"GET /metrics HTTP/1.2\r\n\r\n",
		"GET metrics HTTP/1.1\r\n\r\n",
		"GET /a b HTTP/1.1\r\n\r\n",
		"get /metrics HTTP/1.1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nTransfer-Encoding: a\r\n\r\n",
		"HEAD /metrics HTTP/1.1\r\n\r\n",
		REQ "Content-Length: 3\r\n\r\n",
	};
	struct wire_http_head h;
	size_t used;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		OK(wire_http_get_parse(STR(good[i]), &h, &used));
		ck_assert_str_eq(h.path, "/metrics");
		ck_assert_uint_eq(used, strlen(good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(wire_http_get_parse(STR(bad[i]), &h, &used) ==
			BASE_E_SYNTAX,
		    "get %zu", i);
}
END_TEST

START_TEST(test_bad_answers)
{
	static const char *const bad[] = {
		"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 600 OK\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 200 O\x01K\r\nContent-Length: 3\r\n\r\n",
		ANS "\r\n",
	};
	struct wire_http_head h;
	size_t used;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(wire_http_answer_parse(STR(bad[i]), &h, &used) ==
			BASE_E_SYNTAX,
		    "answer %zu", i);
}
END_TEST

START_TEST(test_too_long)
{
	struct wire_http_head h;
	struct base_buf b;
	size_t used;

	base_buf_init(&b, 0);
	OK(base_buf_printf(&b, REQ "X: "));
	while (b.n < WIRE_HTTP_HEAD_MAX - 1)
		OK(base_buf_put_u8(&b, 'x'));
	ck_assert_int_eq(wire_http_request_parse(base_buf_span(&b), &h, &used),
	    BASE_E_AGAIN);
	OK(base_buf_put_u8(&b, 'x'));
	ck_assert_int_eq(wire_http_request_parse(base_buf_span(&b), &h, &used),
	    BASE_E_RANGE);
	base_buf_free(&b);
}
END_TEST

TCase *
case_http(void)
{
	TCase *tc = tcase_create("http");

	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_liberal);
	tcase_add_test(tc, test_bad_requests);
	tcase_add_test(tc, test_get);
	tcase_add_test(tc, test_bad_answers);
	tcase_add_test(tc, test_too_long);
	return tc;
}
