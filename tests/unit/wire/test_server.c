/* The HTTPS server: how many it takes at a time, and new contexts. */
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/wire/net_rig.h"
#include "tests/unit/wire/suites.h"

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

/* Who waits keeps nobody out; with its answer it is a stranger again. */
START_TEST(test_vouch_once)
{
	struct wire_client *a, *b, *c;

	n.once = n.hold = true;
	n.conf.strangers.max = 1;
	serve(web());
	a = client(nobody(), "web1");
	b = client(nobody(), "web1");
	c = client(nobody(), "web1");
	call(a, STR("long poll"));
	event_base_dispatch(n.eb);
	ck_assert_ptr_nonnull(n.held[0]);
	n.hold = false;
	OK(ask(b, STR("hello")));
	wire_client_close(b);
	settle();
	wire_request_answer(n.held[0], 200, STR("answer"));
	event_base_dispatch(n.eb);
	ck_assert_int_eq(n.status, 200);
	ck_assert_int_eq(ask(c, STR("hello")), BASE_E_IO);
	wire_client_close(a);
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
	tcase_add_test(tc, test_connections_cap);
	tcase_add_test(tc, test_strangers_cap);
	tcase_add_loop_test(tc, test_address_cap, 0, 2);
	tcase_add_test(tc, test_vouch_once);
	tcase_add_loop_test(tc, test_vouch, 0, 2);
	tcase_add_test(tc, test_server_closes);
	tcase_add_test(tc, test_swap_idle);
	tcase_add_test(tc, test_kept_died);
	tcase_add_loop_test(tc, test_swap_held, 0, 2);
	return tc;
}
