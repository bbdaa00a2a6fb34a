/* Unit tests of agentd/net.c: who says hello on which connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/pair.h"
#include "tests/unit/agentd/suites.h"

/* ---- hello ------------------------------------------------------------------------------ */

/* Two ends of one TLS session, in memory. */
struct session {
	SSL *client, *server;
};

static SSL *
end_of(const struct pair_node *n, bool server)
{
	struct ag_end e = { server, false, "plant", "plant" };
	SSL_CTX *ctx = NULL;
	SSL *ssl;

	OK(ag_end_ctx(n->net, &e, &ctx));
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	ck_assert_ptr_nonnull(ssl);
	return ssl;
}

static struct session
shake(void)
{
	struct session s = { end_of(&app1, false), end_of(&web1, true) };
	BIO *a = NULL, *b = NULL;
	int done = 0;

	ck_assert_int_eq(BIO_new_bio_pair(&a, 65536, &b, 65536), 1);
	SSL_set_bio(s.client, a, a);
	SSL_set_bio(s.server, b, b);
	SSL_set_connect_state(s.client);
	SSL_set_accept_state(s.server);
	for (int i = 0; i < 10 && done != 3; i++) {
		done |= SSL_do_handshake(s.client) == 1 ? 1 : 0;
		done |= SSL_do_handshake(s.server) == 1 ? 2 : 0;
	}
	ck_assert_int_eq(done, 3);
	return s;
}

static void
hang_up(struct session *s)
{
	SSL_free(s->client);
	SSL_free(s->server);
}

static struct wire_exchange
greet(SSL *ssl)
{
	struct wire_exchange x = { 0 }, got = { 0 };
	struct base_buf body;

	base_buf_init(&body, 0);
	OK(ag_net_body(app1.net, &x, ssl, &body));
	OK(wire_exchange_parse(base_buf_span(&body), &got));
	wire_exchange_clear(&x);
	base_buf_free(&body);
	return got;
}

START_TEST(hello)
{
	struct session here, there;
	struct wire_exchange x;

	pair_poller_up("root = \"plant\";");
	here = shake();
	there = shake();
	x = greet(here.client);
	OK(ag_net_hello(web1.net, &x, here.server));
	/* taken from one connection to another */
	NO(ag_net_hello(web1.net, &x, there.server), BASE_E_DENIED);
	/* another name on it */
	strcpy(x.from, "app2");
	NO(ag_net_hello(web1.net, &x, here.server), BASE_E_DENIED);
	strcpy(x.from, "app1");
	x.hello.p[x.hello.n - 1] ^= 1;
	ck_assert_int_ne(ag_net_hello(web1.net, &x, here.server), BASE_OK);
	base_buf_free(&x.hello);
	base_buf_init(&x.hello, 0);
	ck_assert_int_ne(ag_net_hello(web1.net, &x, here.server), BASE_OK);
	wire_exchange_clear(&x);
	hang_up(&here);
	hang_up(&there);
}
END_TEST

/* The relay's clock stands behind: the certificate was made after what it says
 * now, and before what the CA has signed since. */
START_TEST(hello_by_the_mark)
{
	struct session s;
	struct wire_exchange x;

	pair_poller_up("root = \"plant\";");
	X509_free(app1.roots[1].bundle->cert);
	app1.roots[1].bundle->cert = rig_management_cert_of(WIRE_NODE_CERT,
	    "app1", fleet_key(WIRE_P256, 3), 11, 365);
	s = shake();
	x = greet(s.client);
	NO(ag_net_hello(web1.net, &x, s.server), BASE_E_EXPIRED);
	web1.roots[1].state.mark = base_time_add_s(RIG(11), -60);
	NO(ag_net_hello(web1.net, &x, s.server), BASE_E_EXPIRED);
	web1.roots[1].state.mark = base_time_add_s(RIG(11), 60);
	OK(ag_net_hello(web1.net, &x, s.server));
	/* a mark says nothing good of what is over by now */
	X509_free(app1.roots[1].bundle->cert);
	app1.roots[1].bundle->cert = rig_management_cert_of(WIRE_NODE_CERT,
	    "app1", fleet_key(WIRE_P256, 3), 1, 9);
	wire_exchange_clear(&x);
	x = greet(s.client);
	NO(ag_net_hello(web1.net, &x, s.server), BASE_E_EXPIRED);
	wire_exchange_clear(&x);
	hang_up(&s);
}
END_TEST

TCase *
case_net(void)
{
	TCase *t = tcase_create("net");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, pair_setup, pair_teardown);
	tcase_add_test(t, hello);
	tcase_add_test(t, hello_by_the_mark);
	return t;
}
