/* kedged's listener on the loopback: who is answered and who is not. */
#include <arpa/inet.h>
#include <check.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"poll\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static struct world w;
static char address[32];
static bool answered;
static enum base_err err;
static int status;
static struct base_buf body;

/* A port that was free a moment ago. */
static uint16_t
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(s, (struct sockaddr *)&a, &n), 0);
	close(s);
	return ntohs(a.sin_port);
}

static void
setup(void)
{
	/* TLS looks at the real clock, so this world has it too */
	world_open_at(&w, pair, 31, base_time_now());
	world_join(&w, "web1");
	world_join(&w, "app1");
	snprintf(address, sizeof(address), "127.0.0.1:%u", free_port());
	free(w.conf.listen);
	w.conf.listen = base_strdup(address);
	w.conf.poll_wait_ms = 200;
	w.ca.eb = event_base_new();
	ck_assert_int_eq(ca_net_open(&w.ca, &w.ca.net), BASE_OK);
	base_buf_init(&body, 0);
}

static void
teardown(void)
{
	base_buf_free(&body);
	ca_net_close(w.ca.net);
	w.ca.net = NULL;
	event_base_free(w.ca.eb);
	w.ca.eb = NULL;
	world_close(&w);
}

static void
done(void *arg, enum base_err e, int code, struct base_span b)
{
	(void)arg;
	answered = true;
	err = e;
	status = code;
	base_buf_clear(&body);
	ck_assert_int_eq(base_buf_put(&body, b.p, b.n), BASE_OK);
}

/* One request by this node (NULL: nobody) on a connection of its own, which
 * the caller closes when it is answered. */
static struct wire_client *
begin(const struct world_node *n, const char *path, struct base_span q)
{
	struct wire_tls t = { .trust = w.ca.management,
		.tls13_only = true,
		.closed = true,
		.cert = n == NULL ? NULL : n->cert,
		.key = n == NULL ? NULL : n->management };
	struct wire_client_conf c = { .address = address, .peer = "ca" };
	struct wire_call a = { .path = path, .body = q, .done = done };
	struct wire_client *client;
	SSL_CTX *ctx;

	ck_assert_int_eq(wire_tls_ctx(&t, &ctx), BASE_OK);
	c.ctx = ctx;
	ck_assert_int_eq(wire_client_open(w.ca.eb, &c, &client), BASE_OK);
	SSL_CTX_free(ctx);
	answered = false;
	ck_assert_int_eq(wire_client_call(client, &a), BASE_OK);
	return client;
}

static void
call(const struct world_node *n, const char *path, struct base_span q)
{
	struct wire_client *client = begin(n, path, q);

	while (!answered) {
		event_base_loop(w.ca.eb, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		hsm_fake_turn(w.hsm);
		w.now.ms++;
		w.mono.ms++;
		ca_net_work(w.ca.net);
	}
	wire_client_close(client);
}

static struct base_buf
exchange_body(const char *from, uint32_t wait_ms)
{
	struct wire_exchange x = { .wait_ms = wait_ms };
	struct base_buf q;

	base_buf_init(&q, 0);
	snprintf(x.from, sizeof(x.from), "%s", from);
	ck_assert_int_eq(wire_exchange_compose(&x, &q), BASE_OK);
	return q;
}

static void
exchange(const struct world_node *n, const char *from, uint32_t wait_ms)
{
	struct base_buf q = exchange_body(from, wait_ms);

	call(n, "/kedge/v1/exchange", base_buf_span(&q));
	base_buf_free(&q);
}

START_TEST(a_node_gets_what_is_for_it)
{
	struct wire_exchange x;

	exchange(world_node(&w, "web1"), "web1", 0);
	ck_assert_int_eq(err, BASE_OK);
	ck_assert_int_eq(status, 200);
	ck_assert_int_eq(wire_exchange_parse(base_buf_span(&body), &x),
	    BASE_OK);
	ck_assert_str_eq(x.from, "ca");
	/* its own two join orders and those of the node behind it */
	ck_assert_uint_eq(x.nparcels, 4);
	wire_exchange_clear(&x);
}
END_TEST

START_TEST(a_poll_is_held_and_let_go)
{
	struct wire_exchange x;
	int64_t before;

	exchange(world_node(&w, "web1"), "web1", 0);
	before = w.now.ms;
	exchange(world_node(&w, "web1"), "web1", 100000);
	ck_assert_int_eq(status, 200);
	ck_assert_int_ge(w.now.ms - before, 200);
	ck_assert_int_eq(wire_exchange_parse(base_buf_span(&body), &x),
	    BASE_OK);
	ck_assert_uint_eq(x.nparcels, 0);
	wire_exchange_clear(&x);
}
END_TEST

/* What kedged does when somebody has kicked it; nothing else wakes it here. */
static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)ca_work(arg);
}

/* Turns in which no time goes by; true when the call is answered. */
static bool
timeless_turns(int n)
{
	while (!answered && n-- > 0) {
		event_base_loop(w.ca.eb, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		hsm_fake_turn(w.hsm);
	}
	return answered;
}

/* Within one round trip: no clock moves, so no timer and no next poll can have
 * brought it. */
START_TEST(an_order_reaches_a_held_poll)
{
	struct world_node *web1 = world_node(&w, "web1");
	struct base_buf q = exchange_body("web1", WIRE_WAIT_MAX);
	struct wire_exchange x;
	struct wire_client *client;

	ck_assert(world_run(&w, 60, world_rolled));
	web1->deaf = world_node(&w, "app1")->deaf = true;
	w.conf.poll_wait_ms = WIRE_WAIT_MAX;
	w.ca.work = evtimer_new(w.ca.eb, on_kick, &w.ca);
	client = begin(web1, "/kedge/v1/exchange", base_buf_span(&q));
	ck_assert(!timeless_turns(20000));
	world_roll(&w, "plant");
	ck_assert(timeless_turns(200000));
	ck_assert_int_eq(status, 200);
	ck_assert_int_eq(wire_exchange_parse(base_buf_span(&body), &x),
	    BASE_OK);
	ck_assert_uint_gt(x.nparcels, 0);
	ck_assert_int_eq(x.parcels[0].kind, WIRE_P_ORDER);
	wire_exchange_clear(&x);
	wire_client_close(client);
	event_free(w.ca.work);
	w.ca.work = NULL;
	base_buf_free(&q);
}
END_TEST

START_TEST(nobody_gets_nothing)
{
	exchange(NULL, "web1", 0);
	ck_assert_int_eq(status, 403);
}
END_TEST

START_TEST(another_name_gets_nothing)
{
	exchange(world_node(&w, "web1"), "app1", 0);
	ck_assert_int_eq(status, 400);
}
END_TEST

START_TEST(one_who_left_gets_nothing)
{
	ck_assert_int_eq(ca_store_link_delete(w.ca.store, "app1", "web1"),
	    BASE_OK);
	ck_assert_int_eq(ca_store_node_delete(w.ca.store, "app1"), BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	exchange(world_node(&w, "app1"), "app1", 0);
	ck_assert_int_eq(status, 403);
}
END_TEST

/* It has joined again since: the disk that was lost speaks no more. */
START_TEST(an_earlier_key_gets_nothing)
{
	struct world_node *n = world_node(&w, "app1");
	struct world_node old = *n;

	n->cert = NULL;
	EVP_PKEY_free(n->key);
	world_join(&w, "app1");
	exchange(&old, "app1", 0);
	ck_assert_int_eq(status, 403);
	exchange(n, "app1", 0);
	ck_assert_int_eq(status, 200);
	EVP_PKEY_free(old.management);
	X509_free(old.cert);
}
END_TEST

START_TEST(garbage_is_refused)
{
	static const uint8_t junk[] = { 0x30, 0x03, 1, 2, 3 };
	struct base_span q = { junk, sizeof(junk) };

	call(world_node(&w, "web1"), "/kedge/v1/exchange", q);
	ck_assert_int_eq(status, 400);
	call(NULL, "/kedge/v1/join", q);
	ck_assert_int_eq(status, 400);
}
END_TEST

START_TEST(a_join_with_a_wrong_secret_is_denied)
{
	struct wire_join_request q = { .nroots = 1 };
	const struct world_node *n = world_node(&w, "web1");
	struct base_buf der;

	base_buf_init(&der, 0);
	snprintf(q.fleet, CA_NAME, "demo");
	snprintf(q.node, CA_NAME, "web1");
	memset(q.secret, 0x55, sizeof(q.secret));
	snprintf(q.roots[0].root, CA_NAME, "plant");
	ck_assert_int_eq(wire_csr_make(n->management, "demo", "web1",
			     &q.management_csr),
	    BASE_OK);
	ck_assert_int_eq(wire_csr_make(n->key, "demo", "web1", &q.roots[0].csr),
	    BASE_OK);
	ck_assert_int_eq(wire_join_request_compose(&q, &der), BASE_OK);
	call(NULL, "/kedge/v1/join", base_buf_span(&der));
	ck_assert_int_eq(status, 403);
	/* a secret that was used, with another request */
	memset(q.secret, 1, sizeof(q.secret));
	base_buf_clear(&der);
	ck_assert_int_eq(wire_join_request_compose(&q, &der), BASE_OK);
	call(NULL, "/kedge/v1/join", base_buf_span(&der));
	ck_assert_int_eq(status, 403);
	wire_join_request_clear(&q);
	base_buf_free(&der);
}
END_TEST

TCase *
case_net(void)
{
	TCase *t = tcase_create("net");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_node_gets_what_is_for_it);
	tcase_add_test(t, a_poll_is_held_and_let_go);
	tcase_add_test(t, an_order_reaches_a_held_poll);
	tcase_add_test(t, nobody_gets_nothing);
	tcase_add_test(t, another_name_gets_nothing);
	tcase_add_test(t, one_who_left_gets_nothing);
	tcase_add_test(t, an_earlier_key_gets_nothing);
	tcase_add_test(t, garbage_is_refused);
	tcase_add_test(t, a_join_with_a_wrong_secret_is_denied);
	return t;
}
