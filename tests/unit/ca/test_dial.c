/* The CA dials a node on the loopback: how often, and as whom. */
#include <check.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

/* web1's agent, as far as the CA sees it. */
static struct {
	struct wire_server *server;
	struct wire_request *held;
	struct base_mono until;
	int64_t hold_ms; /* of polls */
	int status;
	unsigned polls;
	uint8_t ca[32]; /* the last caller's certificate */
} node;

static struct world w;

static void
answer(struct wire_request *r)
{
	struct wire_exchange x = { .wait_ms = 0 };
	struct base_buf b;

	base_buf_init(&b, 0);
	snprintf(x.from, sizeof(x.from), "web1");
	ck_assert_int_eq(wire_exchange_compose(&x, &b), BASE_OK);
	wire_request_answer(r, node.status, base_buf_span(&b));
	base_buf_free(&b);
}

static void
on_request(void *arg, struct wire_request *r, const char *path,
    struct base_span body)
{
	struct wire_exchange x;
	uint32_t wait_ms;

	(void)arg;
	(void)path;
	ck_assert_int_eq(wire_exchange_parse(body, &x), BASE_OK);
	wait_ms = x.wait_ms;
	wire_exchange_clear(&x);
	wire_x509_sha256(SSL_get0_peer_certificate(wire_request_ssl(r)),
	    node.ca);
	if (wait_ms == 0) {
		answer(r);
		return;
	}
	node.polls++;
	if (node.hold_ms == 0) {
		answer(r);
		return;
	}
	node.held = r;
	node.until.ms = w.mono.ms + node.hold_ms;
}

static void
on_gone(void *arg, struct wire_request *r)
{
	(void)arg;
	if (node.held == r)
		node.held = NULL;
}

static void
node_up(void)
{
	const struct world_node *n = world_node(&w, "web1");
	struct wire_tls t = { .server = true,
		.cert = n->cert,
		.key = n->management,
		.trust = w.ca.management,
		.tls13_only = true,
		.closed = true };
	struct wire_server_conf c = { .address = "127.0.0.1:0",
		.on_request = on_request,
		.on_gone = on_gone };

	ck_assert_int_eq(wire_tls_ctx(&t, &c.ctx), BASE_OK);
	ck_assert_int_eq(wire_server_open(w.ca.eb, &c, &node.server), BASE_OK);
	SSL_CTX_free(c.ctx);
}

/* The CA's certificate is so old that it is to be renewed. */
static void
setup(void)
{
	struct base_time now = base_time_now();
	uint32_t i;

	memset(&node, 0, sizeof(node));
	node.status = 200;
	world_open_at(&w, pair, 51, base_time_add_s(now, -300 * 86400));
	w.now = now;
	world_join(&w, "web1");
	free(w.conf.listen);
	w.conf.listen = base_strdup("127.0.0.1:0");
	w.ca.eb = event_base_new();
	node_up();
	i = ca_topo_node(w.ca.topo, "web1");
	snprintf(w.ca.topo->nodes[i].address, CA_ADDRESS_MAX, "127.0.0.1:%u",
	    wire_server_port(node.server));
	ck_assert_int_eq(ca_net_open(&w.ca, &w.ca.net), BASE_OK);
}

static void
teardown(void)
{
	ca_net_close(w.ca.net);
	w.ca.net = NULL;
	wire_server_close(node.server);
	event_base_free(w.ca.eb);
	w.ca.eb = NULL;
	world_close(&w);
}

/* Turns of a millisecond, each with all that the sockets have to say. */
static void
run(int64_t ms)
{
	for (int64_t end = w.mono.ms + ms; w.mono.ms < end; w.mono.ms += 5) {
		for (int i = 0; i < 3; i++)
			event_base_loop(w.ca.eb, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		if (node.held != NULL && node.until.ms <= w.mono.ms) {
			answer(node.held);
			node.held = NULL;
		}
		ca_net_work(w.ca.net);
	}
}

static void
run_until_called(unsigned polls)
{
	for (int i = 0; node.polls < polls && i < 100000; i++)
		run(5);
	ck_assert_uint_ge(node.polls, polls);
}

/* 0.5, 1, 2, 4, 8, 8 … seconds. */
START_TEST(who_answers_at_once_is_asked_less_and_less)
{
	run_until_called(1);
	run(60000);
	ck_assert_uint_ge(node.polls, 5);
	ck_assert_uint_le(node.polls, 13);
}
END_TEST

START_TEST(who_refuses_is_asked_less_and_less)
{
	node.status = 503;
	run_until_called(1);
	run(60000);
	ck_assert_uint_ge(node.polls, 5);
	ck_assert_uint_le(node.polls, 13);
}
END_TEST

START_TEST(who_holds_the_poll_is_asked_again_at_once)
{
	node.hold_ms = 600;
	run_until_called(1);
	run(60000);
	ck_assert_uint_ge(node.polls, 50);
}
END_TEST

/* It was away; back again, the next failure is the first one. */
START_TEST(who_recovers_is_forgiven)
{
	node.status = 503;
	run_until_called(5);
	node.status = 200;
	node.hold_ms = 600;
	run_until_called(7);
	node.hold_ms = 0;
	run_until_called(8);
	w.mono.ms += 600;
	run_until_called(9);
}
END_TEST

static bool
shows(const X509 *x)
{
	uint8_t sha[32];

	wire_x509_sha256(x, sha);
	return memcmp(sha, node.ca, sizeof(sha)) == 0;
}

static enum base_err
on_connected(void *arg, SSL *ssl, struct base_buf *body)
{
	(void)body;
	wire_x509_sha256(SSL_get0_peer_certificate(ssl), node.ca);
	*(bool *)arg = true;
	return BASE_E_STATE; /* seen enough */
}

static void
on_done(void *arg, enum base_err e, int status, struct base_span body)
{
	(void)arg;
	(void)status;
	(void)body;
	ck_assert_int_ne(e, BASE_OK);
}

/* Whom web1 meets when it dials the CA. */
static void
look_at_listener(void)
{
	const struct world_node *n = world_node(&w, "web1");
	struct wire_tls t = { .cert = n->cert,
		.key = n->management,
		.trust = w.ca.management,
		.tls13_only = true,
		.closed = true };
	char address[32];
	struct wire_client_conf c = { .address = address, .peer = "ca" };
	bool seen = false;
	struct wire_call call = { .path = WIRE_PATH_EXCHANGE,
		.before = on_connected,
		.done = on_done,
		.arg = &seen };
	struct wire_client *client;

	snprintf(address, sizeof(address), "127.0.0.1:%u",
	    ca_net_port(w.ca.net));
	ck_assert_int_eq(wire_tls_ctx(&t, &c.ctx), BASE_OK);
	ck_assert_int_eq(wire_client_open(w.ca.eb, &c, &client), BASE_OK);
	SSL_CTX_free(c.ctx);
	memset(node.ca, 0, sizeof(node.ca));
	ck_assert_int_eq(wire_client_call(client, &call), BASE_OK);
	while (!seen)
		event_base_loop(w.ca.eb, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	wire_client_close(client);
}

START_TEST(a_renewed_certificate_is_shown)
{
	X509 *old = w.ca.tls_cert;

	ck_assert(X509_up_ref(old));
	node.hold_ms = 600;
	run_until_called(1);
	ck_assert(shows(old));
	look_at_listener();
	ck_assert(shows(old));
	/* is the store the newest? and then the certificate */
	for (int i = 0; i < 2; i++) {
		ca_work(&w.ca);
		while (hsm_fake_turn(w.hsm) > 0)
			;
	}
	ck_assert_int_ne(X509_cmp(w.ca.tls_cert, old), 0);
	run_until_called(node.polls + 2);
	ck_assert(shows(w.ca.tls_cert));
	look_at_listener();
	ck_assert(shows(w.ca.tls_cert));
	X509_free(old);
}
END_TEST

/* hsmd is away: the old one goes on, and an hour later it is tried again. */
START_TEST(what_is_not_renewed_goes_on)
{
	X509 *old = w.ca.tls_cert;

	hsm_fake_mood(w.hsm)->down = true;
	ck_assert(X509_up_ref(old));
	ca_identity_work(&w.ca);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert_ptr_eq(w.ca.tls_cert, old);
	hsm_fake_mood(w.hsm)->down = false;
	ca_identity_work(&w.ca);
	ck_assert_uint_eq(hsm_fake_turn(w.hsm), 0);
	w.mono.ms += 3600000;
	ca_identity_work(&w.ca);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert_ptr_ne(w.ca.tls_cert, old);
	/* the new one is good for long: nothing is asked any more */
	w.mono.ms += 3600000;
	ca_identity_work(&w.ca);
	ck_assert_uint_eq(hsm_fake_turn(w.hsm), 0);
	X509_free(old);
}
END_TEST

TCase *
case_dial(void)
{
	TCase *t = tcase_create("dial");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, who_answers_at_once_is_asked_less_and_less);
	tcase_add_test(t, who_refuses_is_asked_less_and_less);
	tcase_add_test(t, who_holds_the_poll_is_asked_again_at_once);
	tcase_add_test(t, who_recovers_is_forgiven);
	tcase_add_test(t, a_renewed_certificate_is_shown);
	tcase_add_test(t, what_is_not_renewed_goes_on);
	return t;
}
