/* The HTTPS client: kept connections, hellos, names, ends. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/wire/net_rig.h"
#include "tests/unit/wire/suites.h"

/* ---- good --------------------------------------------------------------------------- */

START_TEST(test_mutual)
{
	struct wire_client *c;

	n.ask_node = true;
	serve(net_ctx(true, n.web, n.root, _i == 1));
	c = client(net_ctx(false, n.app, n.root, _i == 1), "web1");
	OK(ask(c, STR("hello")));
	ck_assert_int_eq(n.status, 200);
	ck_assert_uint_eq(n.body.n, 4);
	ck_assert_mem_eq(n.body.p, "app1", 4);
	wire_client_close(c);
}
END_TEST

START_TEST(test_large)
{
	size_t size = 300000;
	uint8_t *big = base_alloc(size);
	struct wire_client *c;

	for (size_t i = 0; i < size; i++)
		big[i] = (uint8_t)(i * 7);
	serve(web());
	c = client(app(), "web1");
	for (int i = 0; i < 3; i++) {
		OK(ask(c, (struct base_span){ big, size }));
		ck_assert_uint_eq(n.body.n, size);
		ck_assert_mem_eq(n.body.p, big, size);
	}
	OK(ask(c, STR("")));
	ck_assert_uint_eq(n.body.n, 0);
	free(big);
	wire_client_close(c);
}
END_TEST

static enum base_err
before(void *arg, SSL *ssl, struct base_buf *body)
{
	uint8_t mine[32];

	(void)arg;
	n.befores++;
	OK(wire_tls_binding(ssl, mine));
	return base_buf_put(body, mine, sizeof(mine));
}

/* A hello is bound to the connection it goes over, and the connection is
 * kept. */
START_TEST(test_binding)
{
	struct wire_call k = {
		.path = WIRE_PATH_EXCHANGE,
		.before = before,
		.done = on_done,
	};
	struct wire_client *c;
	uint8_t first[32];

	serve(web());
	c = client(app(), "web1");
	OK(wire_client_call(c, &k));
	event_base_dispatch(n.eb);
	OK(n.err);
	ck_assert_uint_eq(n.body.n, 32);
	ck_assert_mem_eq(n.body.p, n.binding, 32);
	memcpy(first, n.binding, 32);
	OK(wire_client_call(c, &k));
	event_base_dispatch(n.eb);
	OK(n.err);
	ck_assert_mem_eq(n.binding, first, 32);
	ck_assert_int_eq(n.befores, 2);
	wire_client_close(c);
	c = client(app(), "web1");
	OK(wire_client_call(c, &k));
	event_base_dispatch(n.eb);
	OK(n.err);
	ck_assert_mem_ne(n.binding, first, 32);
	wire_client_close(c);
}
END_TEST

static enum base_err
before_fails(void *arg, SSL *ssl, struct base_buf *body)
{
	(void)arg, (void)ssl, (void)body;
	return base_fail(BASE_E_STATE, "not now");
}

START_TEST(test_before_fails)
{
	struct wire_call k = {
		.path = WIRE_PATH_EXCHANGE,
		.before = before_fails,
		.done = on_done,
	};
	struct wire_client *c;

	serve(web());
	c = client(app(), "web1");
	OK(wire_client_call(c, &k));
	event_base_dispatch(n.eb);
	ck_assert_int_eq(n.err, BASE_E_STATE);
	ck_assert_int_eq(n.requests, 0);
	OK(ask(c, STR("again")));
	wire_client_close(c);
}
END_TEST

START_TEST(test_host_name)
{
	struct wire_client *c;

	serve(web());
	snprintf(n.address, sizeof(n.address), "localhost:%u",
	    wire_server_port(n.server));
	c = client(app(), "web1");
	OK(ask(c, STR("hello")));
	wire_client_close(c);
}
END_TEST

START_TEST(test_close_in_done)
{
	serve(web());
	n.close_in_done = client(app(), "web1");
	OK(ask(n.close_in_done, STR("bye")));
	settle();
}
END_TEST

/* Without a name any node of the fleet would pass for the one that is meant: a
 * call goes out only where nobody is verified at all. */
START_TEST(test_no_name)
{
	const struct wire_tls t = { .blind = true };
	struct wire_client *c;
	SSL_CTX *blind = NULL;

	serve(web());
	c = client(app(), NULL);
	ck_assert_int_eq(ask(c, STR("secret")), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(n.why, "nothing was sent"));
	ck_assert_int_eq(n.requests, 0);
	wire_client_close(c);
	OK(wire_tls_ctx(&t, &blind));
	c = client(blind, NULL);
	OK(ask(c, STR("sealed")));
	wire_client_close(c);
}
END_TEST

START_TEST(test_addresses)
{
	static const char *const bad[] = { "", "host", ":1", "host:", "host:0",
		"host:65536", "host:1x", "2001:db8::1:443", "[]:1", "[::1:1" };
	struct wire_client_conf conf = { .peer = "x" };
	struct wire_client *c;

	conf.ctx = app();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		conf.address = bad[i];
		ck_assert_msg(wire_client_open(n.eb, &conf, &c) ==
			BASE_E_CONFIG,
		    "%s", bad[i]);
	}
	n.conf.address = "nowhere";
	n.conf.ctx = conf.ctx;
	ck_assert_int_eq(wire_server_open(n.eb, &n.conf, &n.server),
	    BASE_E_CONFIG);
	SSL_CTX_free(conf.ctx);
}
END_TEST

START_TEST(test_nobody_there)
{
	struct wire_client *c;

	serve(web());
	wire_server_close(n.server);
	n.server = NULL;
	c = client(app(), "web1");
	ck_assert_int_eq(ask(c, STR("x")), BASE_E_IO);
	ck_assert_int_eq(ask(c, STR("x")), BASE_E_IO);
	wire_client_close(c);
}
END_TEST

TCase *
case_client(void)
{
	TCase *tc = tcase_create("client");

	tcase_add_checked_fixture(tc, net_setup, net_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, test_mutual, 0, 2);
	tcase_add_test(tc, test_large);
	tcase_add_test(tc, test_binding);
	tcase_add_test(tc, test_before_fails);
	tcase_add_test(tc, test_host_name);
	tcase_add_test(tc, test_close_in_done);
	tcase_add_test(tc, test_no_name);
	tcase_add_test(tc, test_addresses);
	tcase_add_test(tc, test_nobody_there);
	return tc;
}
