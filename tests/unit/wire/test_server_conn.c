/* One connection of the HTTPS server: foreign bytes, caps, requests that wait. */
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/wire/net_rig.h"
#include "tests/unit/wire/suites.h"

START_TEST(test_plain_http)
{
	struct raw r;

	serve(web());
	r = raw_talk("POST /kedge/v1/exchange HTTP/1.1\r\n"
		     "Content-Length: 0\r\n\r\n",
	    NULL, HERE);
	ck_assert_ptr_null(memmem(r.got.p, r.got.n, "HTTP", 4));
	ck_assert_int_eq(n.requests, 0);
	base_buf_free(&r.got);
}
END_TEST

START_TEST(test_foreign_bytes)
{
	static const struct {
		const char *say, *status;
	} t[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400" },
		{ "POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		    "HTTP/1.1 404" },
		{ "POST /kedge/v1/join HTTP/1.1\r\nContent-Length: 9999\r\n"
		  "\r\nbegin of a long body",
		    "HTTP/1.1 413" },
		{ "POST /kedge/v1/join HTTP/1.1\r\nContent-Length: 1\r\n\r\n"
		  "aPOST /kedge/v1/join HTTP/1.1\r\n",
		    "HTTP/1.1 400" },
	};

	n.conf.max_body = 1000;
	serve(web());
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct raw r = raw_talk(t[i].say, app(), HERE);

		ck_assert_msg(strncmp((char *)r.got.p, t[i].status, 12) == 0,
		    "%zu: %s", i, (char *)r.got.p);
		base_buf_free(&r.got);
	}
	ck_assert_int_eq(n.requests, 0);
}
END_TEST

START_TEST(test_body_cap)
{
	struct wire_client *c;
	struct wire_client_conf conf = { .peer = "web1", .max_body = 10 };
	uint8_t big[1001] = { 0 };

	n.conf.max_body = 1000;
	serve(web());
	c = client(app(), "web1");
	OK(ask(c, (struct base_span){ big, 1000 }));
	ck_assert_int_eq(n.status, 200);
	OK(ask(c, (struct base_span){ big, 1001 }));
	ck_assert_int_eq(n.status, 413);
	OK(ask(c, STR("and on")));
	ck_assert_int_eq(n.status, 200);
	wire_client_close(c);
	conf.address = n.address;
	conf.ctx = app();
	OK(wire_client_open(n.eb, &conf, &c));
	SSL_CTX_free(conf.ctx);
	OK(ask(c, STR("0123456789")));
	ck_assert_int_eq(ask(c, STR("0123456789a")), BASE_E_RANGE);
	wire_client_close(c);
}
END_TEST

/* Says nothing, or half a head: neither holds a connection for long. A peer
 * with a certificate, there before and silent all the while, keeps its own. */
START_TEST(test_stranger_slow)
{
	static const char *const say[] = { "", "POST /kedge/v1/join HTTP/1" };
	uint8_t binding[sizeof(n.binding)];
	struct wire_client *c;
	struct raw r;

	n.conf.strangers.idle_ms = 20;
	serve(web());
	c = client(app(), "web1");
	OK(ask(c, STR("one")));
	memcpy(binding, n.binding, sizeof(binding));
	r = raw_talk(say[_i], nobody(), HERE);
	ck_assert_uint_eq(r.got.n, 1);
	ck_assert_int_eq(n.requests, 1);
	OK(ask(c, STR("two")));
	ck_assert_mem_eq(n.binding, binding, sizeof(binding));
	base_buf_free(&r.got);
	wire_client_close(c);
}
END_TEST

START_TEST(test_stranger_body)
{
	struct wire_client *a, *b;

	n.conf.max_body = 20;
	n.conf.strangers.max_body = 10;
	serve(web());
	a = client(app(), "web1");
	b = client(nobody(), "web1");
	OK(ask(a, STR("0123456789a")));
	ck_assert_int_eq(n.status, 200);
	OK(ask(b, STR("0123456789a")));
	ck_assert_int_eq(n.status, 413);
	OK(ask(b, STR("0123456789")));
	ck_assert_int_eq(n.status, 200);
	wire_client_close(a);
	wire_client_close(b);
}
END_TEST

START_TEST(test_answered_later)
{
	struct wire_client *a, *b;

	n.hold = true;
	serve(web());
	a = client(app(), "web1");
	b = client(app(), "web1");
	call(a, STR("long poll"));
	event_base_dispatch(n.eb);
	ck_assert_ptr_nonnull(n.held[0]);
	n.hold = false;
	OK(ask(b, STR("meanwhile")));
	ck_assert_int_eq(n.done, 1);
	wire_request_answer(n.held[0], 200, STR("at last"));
	event_base_dispatch(n.eb);
	ck_assert_int_eq(n.done, 2);
	ck_assert_mem_eq(n.body.p, "at last", 7);
	OK(ask(a, STR("next")));
	ck_assert_int_eq(n.gone, 0);
	wire_client_close(a);
	wire_client_close(b);
}
END_TEST

START_TEST(test_peer_gone)
{
	struct wire_client *c;

	n.hold = true;
	serve(web());
	c = client(app(), "web1");
	call(c, STR("long poll"));
	event_base_dispatch(n.eb);
	ck_assert_ptr_nonnull(n.held[0]);
	wire_client_cancel(c);
	ck_assert(!wire_client_is_busy(c));
	event_base_dispatch(n.eb);
	ck_assert_int_eq(n.gone, 1);
	ck_assert_int_eq(n.done, 0);
	n.hold = false;
	OK(ask(c, STR("after a cancel")));
	wire_client_close(c);
}
END_TEST

START_TEST(test_timeout)
{
	struct wire_client_conf conf = { .peer = "web1", .answer_ms = 20 };
	struct wire_client *c;

	n.hold = true;
	serve(web());
	conf.address = n.address;
	conf.ctx = app();
	OK(wire_client_open(n.eb, &conf, &c));
	SSL_CTX_free(conf.ctx);
	ck_assert_int_eq(ask(c, STR("x")), BASE_E_TIMEOUT);
	while (n.gone == 0)
		event_base_dispatch(n.eb);
	wire_client_close(c);
}
END_TEST

TCase *
case_server_conn(void)
{
	TCase *tc = tcase_create("server_conn");

	tcase_add_checked_fixture(tc, net_setup, net_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_plain_http);
	tcase_add_test(tc, test_foreign_bytes);
	tcase_add_test(tc, test_body_cap);
	tcase_add_loop_test(tc, test_stranger_slow, 0, 2);
	tcase_add_test(tc, test_stranger_body);
	tcase_add_test(tc, test_answered_later);
	tcase_add_test(tc, test_peer_gone);
	tcase_add_test(tc, test_timeout);
	return tc;
}
