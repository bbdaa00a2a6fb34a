/* Unit tests of agentd/net.c, dial.c and listen.c: a relay that the CA calls,
 * a node that polls it, and others who must not get through. All in one
 * loop, over real TLS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/net.h"
#include "agentd/net_impl.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

#define CONTENT "order for app1"

struct node {
	const char *name;
	struct ag_config *conf;
	struct ag_root roots[2];
	struct ag_holdings held;
	struct ag_net *net;
	unsigned nlocal;
	bool answers; /* sends a report when something comes */
};

static struct event_base *eb;
static char *dir;
static struct node web1, app1;
static struct wire_client *ca;
static int ca_status;
static struct wire_exchange ca_got;
static bool ca_done;

/* ---- nodes ----------------------------------------------------------------------- */

static void
on_local(void *arg, const struct wire_parcel *p)
{
	struct node *n = arg;
	struct wire_parcel up = *p;

	ck_assert_uint_eq(p->content.n, strlen(CONTENT));
	ck_assert_mem_eq(p->content.p, CONTENT, strlen(CONTENT));
	n->nlocal++;
	if (!n->answers)
		return;
	up.kind = WIRE_P_REPORT;
	up.down = false;
	base_buf_init(&up.content, 0);
	OK(base_buf_put(&up.content, "report", 6));
	ag_net_send(n->net, &up);
	wire_parcel_clear(&up);
}

static void
hold(struct node *n, int key)
{
	const struct fleet_key *mine = fleet_key(WIRE_P256, key);
	struct ag_bundle *b = rig_bundle(), *m;

	X509_free(b->cert);
	b->cert = rig_leaf_of(n->name, mine, 1, 0, 365);
	m = ag_bundle_new(AG_MANAGEMENT, 0);
	m->ntrust = m->trust_gen[0] = m->cert_gen = 1;
	m->trust[0] = rig_ref(rig_management());
	m->cert = rig_management_cert(WIRE_NODE_CERT, n->name, mine);
	strcpy(n->roots[0].name, "plant");
	strcpy(n->roots[1].name, AG_MANAGEMENT);
	n->roots[0].bundle = b;
	n->roots[1].bundle = m;
	n->roots[0].key = n->roots[1].key = mine->key;
	n->held = (struct ag_holdings){ n->roots, 2 };
}

static const char *wait_s = "5"; /* of a poll */

static void
node_up(struct node *n, const char *name, int key, const char *ways)
{
	char *text = base_asprintf("fleet = \"acme\"; node = \"%s\";"
				   "store = \"%s/%s\"; wait = %s; retry = 0.05;"
				   "%s",
	    name, dir, name, wait_s, ways);

	memset(n, 0, sizeof *n);
	n->name = name;
	OK(ag_config_parse(text, "t", &n->conf));
	free(text);
	hold(n, key);
	OK(ag_net_open(&(struct ag_net_conf){ eb, n->conf, &n->held, on_local,
			   n },
	    &n->net));
}

static void
node_down(struct node *n)
{
	ag_net_close(n->net);
	for (size_t i = 0; i < n->held.n; i++)
		ag_bundle_free(n->roots[i].bundle);
	ag_config_free(n->conf);
	memset(n, 0, sizeof *n);
}

static void
poller_up(const char *root)
{
	char *ways = base_asprintf(
	    "neighbours = ( { node = \"web1\"; role = \"poll\";"
	    " address = \"127.0.0.1:%u\"; %s verify_root = \"plant\"; } );",
	    (unsigned)ag_net_relay_port(web1.net), root);

	node_up(&app1, "app1", 3, ways);
	app1.answers = true;
	free(ways);
}

/* ---- the CA -------------------------------------------------------------------------- */

static void
on_ca_done(void *arg, enum base_err e, int status, struct base_span body)
{
	(void)arg;
	OK(e);
	ca_status = status;
	ca_done = true;
	if (status == 200)
		OK(wire_exchange_parse(body, &ca_got));
}

static void
ca_up(enum wire_cert_kind kind, const char *name)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 4);
	STACK_OF(X509) *trust = fleet_stack(rig_management(), NULL);
	X509 *cert = rig_management_cert(kind, name, k);
	struct wire_tls t = { .cert = cert,
		.key = k->key,
		.trust = trust,
		.tls13_only = true,
		.closed = true };
	char address[64];
	SSL_CTX *ctx;

	snprintf(address, sizeof address, "127.0.0.1:%u",
	    (unsigned)ag_net_management_port(web1.net));
	OK(wire_tls_ctx(&t, &ctx));
	OK(wire_client_open(eb,
	    &(struct wire_client_conf){ .address = address,
		.peer = "web1",
		.ctx = ctx },
	    &ca));
	SSL_CTX_free(ctx);
	X509_free(cert);
	sk_X509_pop_free(trust, X509_free);
}

/* An exchange of the CA; with a parcel for route "web1 app1" or "web1". */
static void
ca_call(const char *from, uint32_t wait_ms, size_t hops)
{
	struct wire_exchange x = { .wait_ms = wait_ms };
	struct base_buf body;

	base_buf_init(&body, 0);
	strcpy(x.from, from);
	if (hops > 0) {
		x.parcels = base_alloc(sizeof *x.parcels);
		x.nparcels = 1;
		x.parcels[0] = (struct wire_parcel){ .kind = WIRE_P_ORDER,
			.down = true,
			.nroute = (uint8_t)hops,
			.route = { "web1", "app1" },
			.expires = base_time_add_s(base_time_now(), 60) };
		OK(base_buf_put(&x.parcels[0].content, CONTENT,
		    strlen(CONTENT)));
	}
	OK(wire_exchange_compose(&x, &body));
	wire_exchange_clear(&x);
	wire_exchange_clear(&ca_got);
	memset(&ca_got, 0, sizeof ca_got);
	ca_done = false;
	OK(wire_client_call(ca,
	    &(struct wire_call){ .path = WIRE_PATH_EXCHANGE,
		.body = base_buf_span(&body),
		.done = on_ca_done }));
	base_buf_free(&body);
}

static void
ca_wait(void)
{
	while (!ca_done)
		ck_assert_int_eq(event_base_loop(eb, EVLOOP_ONCE), 0);
}

/* Some turns of the loop, until n parcels have come to the node. */
static void
wait_local(const struct node *n, unsigned want)
{
	struct timeval tv = { 0, 20000 };

	for (int i = 0; n->nlocal < want && i < 500; i++) {
		event_base_loopexit(eb, &tv);
		event_base_dispatch(eb);
	}
	ck_assert_uint_eq(n->nlocal, want);
}

/* ---- begin, end ------------------------------------------------------------------------ */

static void
setup(void)
{
	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	eb = event_base_new();
	dir = rig_dir();
	memset(&ca_got, 0, sizeof ca_got);
	node_up(&web1, "web1", 0,
	    "management = { listen = \"127.0.0.1:0\"; };"
	    "relay = { listen = \"127.0.0.1:0\"; root = \"plant\";"
	    " verify_root = \"plant\"; accept = ( \"app1\" ); };");
}

static void
teardown(void)
{
	wire_client_close(ca);
	ca = NULL;
	wire_exchange_clear(&ca_got);
	if (app1.net != NULL)
		node_down(&app1);
	node_down(&web1);
	event_base_free(eb);
	rig_dir_remove(dir);
}

/* ---- tests -------------------------------------------------------------------------------- */

START_TEST(direct)
{
	ca_up(WIRE_CA_TLS, "ca");
	ca_call("ca", 0, 1);
	ca_wait();
	ck_assert_int_eq(ca_status, 200);
	ck_assert_str_eq(ca_got.from, "web1");
	wait_local(&web1, 1);
}
END_TEST

/* A node of the same fleet is not the CA. */
START_TEST(not_the_ca)
{
	ca_up(WIRE_NODE_CERT, "app1");
	ca_call("app1", 0, 1);
	ca_wait();
	ck_assert_int_eq(ca_status, 403);
	ca_call("ca", 0, 1);
	ca_wait();
	ck_assert_int_eq(ca_status, 403);
	ck_assert_uint_eq(web1.nlocal, 0);
}
END_TEST

/* That the relay has handed it over, on the relay's own route. */
static void
ck_handed(const struct wire_parcel *p)
{
	uint8_t digest[32];

	wire_digest((struct base_span){ (const uint8_t *)CONTENT,
			strlen(CONTENT) },
	    digest);
	ck_assert_int_eq(p->kind, WIRE_P_HANDED);
	ck_assert_uint_eq(p->nroute, 1);
	ck_assert_str_eq(p->route[0], "web1");
	ck_assert_uint_eq(p->content.n, 32);
	ck_assert_mem_eq(p->content.p, digest, 32);
}

/* Down to a node that hangs in its poll, and its report up into the CA's;
 * before that the relay's word. */
static void
relayed(void)
{
	int hints = 0;

	ca_up(WIRE_CA_TLS, "ca");
	ca_call("ca", 0, 2);
	ca_wait();
	while (ca_got.nparcels == 0 ||
	    ca_got.parcels[ca_got.nparcels - 1].kind == WIRE_P_HANDED) {
		for (size_t i = 0; i < ca_got.nparcels; i++, hints++)
			ck_handed(&ca_got.parcels[i]);
		ca_call("ca", 5000, 0);
		ca_wait();
	}
	ck_assert_int_eq(hints, 1);
	ck_assert_uint_eq(app1.nlocal, 1);
	ck_assert_uint_eq(ca_got.nparcels, 1);
	ck_assert_int_eq(ca_got.parcels[0].kind, WIRE_P_REPORT);
	ck_assert_mem_eq(ca_got.parcels[0].content.p, "report", 6);
}

START_TEST(poll)
{
	poller_up("root = \"plant\";");
	relayed();
}
END_TEST

/* Its link shows no certificate: the hello alone says who it is. */
START_TEST(poll_server_only)
{
	node_down(&web1);
	node_up(&web1, "web1", 0,
	    "management = { listen = \"127.0.0.1:0\"; };"
	    "relay = { listen = \"127.0.0.1:0\"; root = \"plant\"; };");
	poller_up("");
	relayed();
}
END_TEST

/* The node's poll hangs at the relay for ten minutes, the CA's at the relay as
 * long: the order and its report each come by a poll that hangs already. */
START_TEST(at_once)
{
	wait_s = "600";
	poller_up("root = \"plant\";");
	ca_up(WIRE_CA_TLS, "ca");
	ca_call("ca", 0, 2);
	ca_wait();
	wait_local(&app1, 1);
	do {
		ca_call("ca", WIRE_WAIT_MAX, 0);
		ca_wait();
	} while (ca_got.parcels[ca_got.nparcels - 1].kind == WIRE_P_HANDED);
	ck_assert_int_eq(ca_got.parcels[ca_got.nparcels - 1].kind,
	    WIRE_P_REPORT);
	/* a second one, when the node hangs in its poll for sure */
	ca_call("ca", 0, 2);
	ca_wait();
	wait_local(&app1, 2);
}
END_TEST

START_TEST(poll_not_accepted)
{
	struct timeval tv = { 0, 300000 };

	poller_up("root = \"plant\";");
	free(web1.conf->relay_accept[0]);
	web1.conf->relay_accept[0] = base_strdup("app2");
	ca_up(WIRE_CA_TLS, "ca");
	ca_call("ca", 0, 2);
	ca_wait();
	event_base_loopexit(eb, &tv);
	event_base_dispatch(eb);
	ck_assert_uint_eq(app1.nlocal, 0);
}
END_TEST

/* What a relay has kept goes on by itself when it is there again. */
START_TEST(kept)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 2,
		.route = { "app1", "web1" },
		.expires = base_time_add_s(base_time_now(), 60) };
	char *box = base_asprintf("%s/app1/relay_parcels", dir);
	char *ways = base_asprintf(
	    "neighbours = ( { node = \"web1\"; role = \"push\";"
	    " address = \"127.0.0.1:%u\"; root = \"plant\";"
	    " verify_root = \"plant\"; } ); ca = { address = \"127.0.0.1:1\";"
	    " poll = true; };",
	    (unsigned)ag_net_relay_port(web1.net));
	struct ag_spool *spool;

	OK(base_buf_put(&p.content, CONTENT, strlen(CONTENT)));
	OK(ag_spool_open(box, &spool));
	OK(ag_spool_put(spool, &p));
	ag_spool_close(spool);
	node_up(&app1, "app1", 3, ways);
	wait_local(&web1, 1);
	wire_parcel_clear(&p);
	free(box);
	free(ways);
}
END_TEST

/* New certificates of the link: calls that hang end in peace, and the next
 * order comes over the new ones. */
START_TEST(refresh)
{
	poller_up("root = \"plant\";");
	relayed();
	for (int i = 0; i < 2; i++) {
		struct node *n = i == 0 ? &web1 : &app1;
		struct ag_bundle *b = n->roots[0].bundle;

		b->trust[1] = rig_ref(rig_root(2));
		b->trust_gen[1] = 2;
		b->ntrust = 2;
		X509_free(b->cert);
		b->cert = rig_leaf_of(n->name,
		    fleet_key(WIRE_P256, i == 0 ? 0 : 3), 2, 0, 365);
		b->cert_gen = 2;
		ag_net_refresh(n->net, "plant");
	}
	ca_call("ca", 0, 2);
	ca_wait();
	wait_local(&app1, 2);
}
END_TEST

/* ---- hello ------------------------------------------------------------------------------ */

/* Two ends of one TLS session, in memory. */
struct session {
	SSL *client, *server;
};

static SSL *
end_of(const struct node *n, bool server)
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

	poller_up("root = \"plant\";");
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

TCase *
case_net(void)
{
	TCase *t = tcase_create("net");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, direct);
	tcase_add_test(t, not_the_ca);
	tcase_add_test(t, poll);
	tcase_add_test(t, at_once);
	tcase_add_test(t, poll_server_only);
	tcase_add_test(t, poll_not_accepted);
	tcase_add_test(t, kept);
	tcase_add_test(t, refresh);
	tcase_add_test(t, hello);
	return t;
}
