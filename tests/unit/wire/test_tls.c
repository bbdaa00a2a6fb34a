/* TLS contexts: who is let in, who is not, and what the other side hears. */
#include <string.h>

#include "tests/unit/wire/net_rig.h"
#include "tests/unit/wire/suites.h"

START_TEST(test_pin)
{
	uint8_t pin[32];
	struct wire_tls t = { .pin = pin, .closed = true, .now = day_one };
	STACK_OF(X509) *chain = fleet_stack(n.root, NULL);
	struct wire_tls s = {
		.server = true,
		.cert = n.web,
		.key = n.leaf->key,
		.chain = chain,
	};
	struct wire_client *c;
	SSL_CTX *sc, *cc;

	OK(wire_tls_ctx(&s, &sc));
	serve(sc);
	wire_x509_sha256(n.root, pin);
	OK(wire_tls_ctx(&t, &cc));
	c = client(cc, "web1");
	OK(ask(c, STR("join")));
	wire_client_close(c);
	pin[31] ^= 1;
	OK(wire_tls_ctx(&t, &cc));
	c = client(cc, "web1");
	ck_assert_int_eq(ask(c, STR("join")), BASE_E_CRYPTO);
	ck_assert_int_eq(n.requests, 1);
	wire_client_close(c);
	sk_X509_pop_free(chain, X509_free);
}
END_TEST

static struct base_time
too_late(void)
{
	return ON(400);
}

/* ---- refused --------------------------------------------------------------------------- */

START_TEST(test_server_not_trusted)
{
	struct wire_client *c;

	serve(web());
	c = client(net_ctx(false, n.app, n.other_root, true), "web1");
	ck_assert_int_eq(ask(c, STR("x")), BASE_E_CRYPTO);
	ck_assert_int_eq(n.requests, 0);
	wire_client_close(c);
}
END_TEST

START_TEST(test_client_not_trusted)
{
	struct wire_client *c;
	enum base_err e;

	serve(web());
	c = client(net_ctx(false, n.other_app, n.root, true), "web1");
	e = ask(c, STR("x"));
	/* the alert, or the reset that overtakes it */
	ck_assert_msg(e == BASE_E_DENIED || e == BASE_E_IO, "%s", n.why);
	ck_assert_int_eq(n.requests, 0);
	wire_client_close(c);
}
END_TEST

/* Anybody may shake hands: nobody makes us look at a heap of certificates. */
START_TEST(test_long_chain)
{
	struct wire_tls t = { .cert = n.app,
		.key = n.leaf->key,
		.closed = true,
		.now = day_one };
	STACK_OF(X509) *trust = fleet_stack(n.root, NULL);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct wire_client *c;
	enum base_err e;
	SSL_CTX *ctx;

	serve(web());
	t.trust = trust;
	t.chain = chain;
	for (int i = 0; i < 7; i++)
		ck_assert_int_gt(sk_X509_push(chain, n.root), 0);
	OK(wire_tls_ctx(&t, &ctx));
	c = client(ctx, "web1");
	OK(ask(c, STR("x")));
	wire_client_close(c);
	ck_assert_int_gt(sk_X509_push(chain, n.root), 0);
	OK(wire_tls_ctx(&t, &ctx));
	c = client(ctx, "web1");
	e = ask(c, STR("x"));
	ck_assert_msg(e == BASE_E_DENIED || e == BASE_E_IO, "%s", n.why);
	ck_assert_int_eq(n.requests, 1);
	wire_client_close(c);
	sk_X509_free(chain);
	sk_X509_pop_free(trust, X509_free);
}
END_TEST

START_TEST(test_expired)
{
	struct wire_tls t = { .now = too_late, .closed = true };
	struct wire_client *c;
	SSL_CTX *cc;

	serve(net_ctx(true, n.web, NULL, true));
	t.trust = fleet_stack(n.root, NULL);
	OK(wire_tls_ctx(&t, &cc));
	sk_X509_pop_free(t.trust, X509_free);
	c = client(cc, "web1");
	ck_assert_int_eq(ask(c, STR("x")), BASE_E_CRYPTO);
	ck_assert_ptr_nonnull(strstr(n.why, "expired"));
	wire_client_close(c);
}
END_TEST

static struct base_time
too_early(void)
{
	return ON(-400);
}

static struct base_time
marked(const void *at)
{
	return *(const struct base_time *)at;
}

/* A clock that stands behind, and what was signed since it did not. */
START_TEST(test_mark)
{
	struct base_time at = day_one();
	struct wire_tls t = { .now = too_early,
		.closed = true,
		.mark = marked,
		.mark_arg = &at };
	struct wire_client *c;
	SSL_CTX *cc;

	serve(net_ctx(true, n.web, NULL, true));
	t.trust = fleet_stack(n.root, NULL);
	for (int i = 0; i < 5; i++) {
		/* twice as it is; a mark behind the clock, one too late, none */
		t.now = i == 1 ? day_one : i == 2 ? too_late : too_early;
		at = i == 3 ? too_late() : i == 1 ? too_early() : day_one();
		t.mark = i == 4 ? NULL : marked;
		OK(wire_tls_ctx(&t, &cc));
		c = client(cc, "web1");
		ck_assert_int_eq(ask(c, STR("x")),
		    i < 2 ? BASE_OK : BASE_E_CRYPTO);
		wire_client_close(c);
	}
	ck_assert_int_eq(n.requests, 2);
	sk_X509_pop_free(t.trust, X509_free);
}
END_TEST

START_TEST(test_wrong_name)
{
	struct wire_client *c;

	serve(web());
	c = client(app(), "web2");
	ck_assert_int_eq(ask(c, STR("x")), BASE_E_DENIED);
	settle();
	ck_assert_int_eq(n.requests, 0);
	wire_client_close(c);
}
END_TEST

START_TEST(test_no_certificate)
{
	struct wire_client *c;

	n.conf.demand_peer = _i == 1;
	n.ask_node = true;
	serve(web());
	c = client(net_ctx(false, NULL, n.root, true), "web1");
	if (_i == 1) {
		ck_assert_int_ne(ask(c, STR("x")), BASE_OK);
		ck_assert_int_eq(n.requests, 0);
	} else {
		OK(ask(c, STR("x")));
		ck_assert_int_eq(n.status, 403);
	}
	wire_client_close(c);
}
END_TEST

/* A server that asks nobody says NOTFOUND of everybody. */
START_TEST(test_server_only)
{
	struct wire_client *c;

	n.ask_node = true;
	serve(net_ctx(true, n.web, NULL, true));
	c = client(app(), "web1");
	OK(ask(c, STR("x")));
	ck_assert_int_eq(n.status, 403);
	wire_client_close(c);
}
END_TEST

START_TEST(test_tls12_refused)
{
	struct wire_client *c;
	SSL_CTX *cc = net_ctx(false, n.app, n.root, false);

	SSL_CTX_set_max_proto_version(cc, TLS1_2_VERSION);
	serve(web());
	c = client(cc, "web1");
	ck_assert_int_eq(ask(c, STR("x")), BASE_E_DENIED);
	wire_client_close(c);
}
END_TEST

/* Whoever the server is; but nothing of one's own is shown to it, and its name
 * is nobody's. */
START_TEST(test_blind)
{
	struct wire_tls t = { .blind = true };
	char node[BASE_NAME_MAX + 1];
	SSL_CTX *c = NULL;
	SSL *ssl;

	OK(wire_tls_ctx(&t, &c));
	ssl = SSL_new(c);
	ck_assert_int_ne(wire_tls_peer_node(ssl, node), BASE_OK);
	SSL_free(ssl);
	SSL_CTX_free(c);
	t.server = true;
	t.cert = n.web;
	t.key = n.leaf->key;
	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
	t.server = false;
	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
}
END_TEST

START_TEST(test_contexts)
{
	struct wire_tls t = { .server = true };
	uint8_t pin[32] = { 0 };
	SSL_CTX *c = NULL;

	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
	t.cert = n.web;
	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
	t.key = fleet_key(WIRE_P256, 3)->key;
	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
	t.server = false;
	t.key = n.leaf->key;
	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
	t.trust = fleet_stack(n.root, NULL);
	t.pin = pin;
	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
	t.pin = NULL;
	t.blind = true;
	ck_assert_int_eq(wire_tls_ctx(&t, &c), BASE_E_CONFIG);
	t.pin = pin;
	ck_assert_ptr_null(c);
	sk_X509_pop_free(t.trust, X509_free);
}
END_TEST

TCase *
case_tls(void)
{
	TCase *tc = tcase_create("tls");

	tcase_add_checked_fixture(tc, net_setup, net_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_pin);
	tcase_add_test(tc, test_server_not_trusted);
	tcase_add_test(tc, test_client_not_trusted);
	tcase_add_test(tc, test_long_chain);
	tcase_add_test(tc, test_expired);
	tcase_add_test(tc, test_mark);
	tcase_add_test(tc, test_wrong_name);
	tcase_add_loop_test(tc, test_no_certificate, 0, 2);
	tcase_add_test(tc, test_server_only);
	tcase_add_test(tc, test_tls12_refused);
	tcase_add_test(tc, test_blind);
	tcase_add_test(tc, test_contexts);
	return tc;
}
