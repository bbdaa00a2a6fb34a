/* The HTTPS server: foreign bytes, caps, requests that wait, new contexts. */
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/wire/net_rig.h"
#include "tests/unit/wire/suites.h"

/* ---- bytes that are not ours --------------------------------------------------------------- */

#define HERE "127.0.0.1"

struct raw {
	struct bufferevent *bev;
	struct base_buf got;
	const char *say;
};

static void
raw_event(struct bufferevent *bev, short what, void *arg)
{
	struct raw *r = arg;

	if (what & BEV_EVENT_CONNECTED) {
		bufferevent_write(bev, r->say, strlen(r->say));
		return;
	}
	event_base_loopbreak(n.eb);
}

static void
raw_read(struct bufferevent *bev, void *arg)
{
	struct raw *r = arg;
	char buf[4096];
	size_t k = bufferevent_read(bev, buf, sizeof(buf));

	OK(base_buf_put(&r->got, buf, k));
}

/* A socket that calls from this address of ours. */
static int
raw_socket(const char *from)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss), fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(evutil_parse_sockaddr_port(from,
			     (struct sockaddr *)&ss, &len),
	    0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&ss, (socklen_t)len), 0);
	evutil_make_socket_nonblocking(fd);
	return fd;
}

/* Says something to the server, over TLS or, without cc (taken), not, and
 * collects what comes until the server hangs up. */
static struct raw
raw_talk(const char *say, SSL_CTX *cc, const char *from)
{
	struct raw r = { .say = say };
	struct sockaddr_storage ss;
	int len = sizeof(ss), fd = raw_socket(from);

	ck_assert_int_eq(evutil_parse_sockaddr_port(n.address,
			     (struct sockaddr *)&ss, &len),
	    0);
	r.bev = cc != NULL
	    ? bufferevent_openssl_socket_new(n.eb, fd, SSL_new(cc),
		  BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE)
	    : bufferevent_socket_new(n.eb, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(r.bev, raw_read, NULL, raw_event, &r);
	bufferevent_enable(r.bev, EV_READ | EV_WRITE);
	bufferevent_socket_connect(r.bev, (struct sockaddr *)&ss, len);
	event_base_dispatch(n.eb);
	bufferevent_free(r.bev);
	SSL_CTX_free(cc);
	OK(base_buf_put_u8(&r.got, 0));
	return r;
}

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

START_TEST(test_connections_cap)
{
	struct wire_client *a, *b;

	n.conf.max_connections = 1;
	serve(web());
	a = client(app(), "web1");
	b = client(app(), "web1");
	OK(ask(a, STR("first")));
	ck_assert_int_eq(ask(b, STR("second")), BASE_E_IO);
	OK(ask(a, STR("first")));
	wire_client_close(a);
	settle();
	OK(ask(b, STR("second")));
	wire_client_close(b);
}
END_TEST

/* ---- peers without a certificate ----------------------------------------------------------- */

static SSL_CTX *
nobody(void)
{
	return net_ctx(false, NULL, n.root, true);
}

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

START_TEST(test_strangers_cap)
{
	struct wire_client *a, *b, *c;

	n.conf.strangers.max = 1;
	serve(web());
	a = client(nobody(), "web1");
	b = client(nobody(), "web1");
	c = client(app(), "web1");
	OK(ask(a, STR("first")));
	ck_assert_int_eq(ask(b, STR("second")), BASE_E_IO);
	OK(ask(c, STR("of the fleet")));
	wire_client_close(a);
	settle();
	OK(ask(b, STR("second")));
	wire_client_close(b);
	wire_client_close(c);
}
END_TEST

/* Who has not shown a certificate yet, be it that the handshake hangs, uses up
 * what its address may have; no other address, and nobody with one. */
START_TEST(test_address_cap)
{
	struct wire_client *a = NULL, *b;
	int fd = -1;
	struct raw r;

	n.conf.strangers.max_per_address = 1;
	serve(web());
	b = client(app(), "web1");
	OK(ask(b, STR("of the fleet")));
	if (_i == 0) {
		struct sockaddr_storage ss;
		int len = sizeof(ss);

		fd = raw_socket(HERE);
		evutil_parse_sockaddr_port(n.address, (struct sockaddr *)&ss,
		    &len);
		connect(fd, (struct sockaddr *)&ss, (socklen_t)len);
		settle();
	} else {
		a = client(nobody(), "web1");
		OK(ask(a, STR("stranger")));
	}
	OK(ask(b, STR("of the fleet")));
	wire_client_close(b);
	b = client(app(), "web1");
	ck_assert_int_eq(ask(b, STR("of the fleet, new")), BASE_E_IO);
	r = raw_talk("GET / HTTP/1.1\r\n\r\n", app(), "127.0.0.2");
	ck_assert_msg(strncmp((char *)r.got.p, "HTTP/1.1 400", 12) == 0, "%s",
	    (char *)r.got.p);
	base_buf_free(&r.got);
	if (fd >= 0)
		close(fd);
	wire_client_close(a);
	settle();
	OK(ask(b, STR("of the fleet, new")));
	wire_client_close(b);
}
END_TEST

START_TEST(test_vouch)
{
	struct wire_client *a, *b;

	n.vouch = _i == 0;
	n.conf.strangers.max = 1;
	n.conf.strangers.max_body = 10;
	serve(web());
	a = client(nobody(), "web1");
	b = client(nobody(), "web1");
	OK(ask(a, STR("hello")));
	OK(ask(a, STR("0123456789a")));
	ck_assert_int_eq(n.status, _i == 0 ? 200 : 413);
	OK(ask(a, STR("hello")));
	ck_assert_int_eq(ask(b, STR("hello")), _i == 0 ? BASE_OK : BASE_E_IO);
	wire_client_close(a);
	wire_client_close(b);
}
END_TEST

/* ---- requests that wait -------------------------------------------------------------------- */

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

START_TEST(test_server_closes)
{
	struct wire_client *c;

	n.hold = true;
	serve(web());
	c = client(app(), "web1");
	call(c, STR("long poll"));
	event_base_dispatch(n.eb);
	wire_server_close(n.server);
	n.server = NULL;
	ck_assert_int_eq(n.gone, 1);
	event_base_dispatch(n.eb);
	ck_assert_int_eq(n.done, 1);
	ck_assert_int_eq(n.err, BASE_E_IO);
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

/* ---- change of context ------------------------------------------------------------------------ */

START_TEST(test_swap_idle)
{
	struct wire_client *c;
	SSL_CTX *s;

	serve(web());
	c = client(app(), "web1");
	OK(ask(c, STR("one")));
	s = net_ctx(true, n.web, n.other_root, true);
	wire_server_set_ctx(n.server, s, 1000);
	SSL_CTX_free(s);
	/* the kept connection is dead, and the new one is refused */
	ck_assert_int_ne(ask(c, STR("two")), BASE_OK);
	ck_assert_int_eq(n.requests, 1);
	s = net_ctx(false, n.other_app, n.root, true);
	wire_client_set_ctx(c, s);
	SSL_CTX_free(s);
	OK(ask(c, STR("three")));
	wire_client_close(c);
}
END_TEST

/* A kept connection that died is replaced once, without the caller seeing. */
START_TEST(test_kept_died)
{
	struct wire_client *c;
	SSL_CTX *s = web();

	serve(web());
	c = client(app(), "web1");
	OK(ask(c, STR("one")));
	for (int i = 0; i < 5; i++) {
		wire_server_set_ctx(n.server, s, 1000);
		OK(ask(c, STR("again")));
	}
	SSL_CTX_free(s);
	ck_assert_int_eq(n.requests, 6);
	wire_client_close(c);
}
END_TEST

START_TEST(test_swap_held)
{
	struct wire_client *c;
	SSL_CTX *s = web();

	n.hold = true;
	serve(web());
	c = client(app(), "web1");
	call(c, STR("long poll"));
	event_base_dispatch(n.eb);
	wire_server_set_ctx(n.server, s, _i == 0 ? 10000 : 10);
	SSL_CTX_free(s);
	if (_i == 0) {
		wire_request_answer(n.held[0], 200, STR("last"));
		event_base_dispatch(n.eb);
		OK(n.err);
	} else {
		while (n.done == 0)
			event_base_dispatch(n.eb);
		ck_assert_int_eq(n.gone, 1);
		ck_assert_int_eq(n.err, BASE_E_IO);
	}
	n.hold = false;
	OK(ask(c, STR("next")));
	wire_client_close(c);
}
END_TEST

TCase *
case_server(void)
{
	TCase *tc = tcase_create("server");

	tcase_add_checked_fixture(tc, net_setup, net_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_plain_http);
	tcase_add_test(tc, test_foreign_bytes);
	tcase_add_test(tc, test_body_cap);
	tcase_add_test(tc, test_connections_cap);
	tcase_add_loop_test(tc, test_stranger_slow, 0, 2);
	tcase_add_test(tc, test_stranger_body);
	tcase_add_test(tc, test_strangers_cap);
	tcase_add_loop_test(tc, test_address_cap, 0, 2);
	tcase_add_loop_test(tc, test_vouch, 0, 2);
	tcase_add_test(tc, test_answered_later);
	tcase_add_test(tc, test_peer_gone);
	tcase_add_test(tc, test_server_closes);
	tcase_add_test(tc, test_timeout);
	tcase_add_test(tc, test_swap_idle);
	tcase_add_test(tc, test_kept_died);
	tcase_add_loop_test(tc, test_swap_held, 0, 2);
	return tc;
}
