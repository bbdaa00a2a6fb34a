/* See pair.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "tests/unit/agentd/pair.h"

struct event_base *pair_eb;
char *pair_dir;
struct pair_node web1, app1;
static struct wire_client *ca;
int ca_status;
struct wire_exchange ca_got;
static bool ca_done;
const char *pair_wait_s = "5";

/* ---- nodes ----------------------------------------------------------------------- */

static void
on_local(void *arg, const struct wire_parcel *p)
{
	struct pair_node *n = arg;
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
hold(struct pair_node *n, int key)
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

void
pair_node_up(struct pair_node *n, const char *name, int key, const char *ways)
{
	char *text = base_asprintf("fleet = \"acme\"; node = \"%s\";"
				   "store = \"%s/%s\"; wait = %s; retry = 0.05;"
				   "%s",
	    name, pair_dir, name, pair_wait_s, ways);

	memset(n, 0, sizeof *n);
	n->name = name;
	OK(ag_config_parse(text, "t", &n->conf));
	free(text);
	hold(n, key);
	OK(ag_net_open(&(struct ag_net_conf){ pair_eb, n->conf, &n->held,
			   on_local, n },
	    &n->net));
}

void
pair_node_down(struct pair_node *n)
{
	ag_net_close(n->net);
	for (size_t i = 0; i < n->held.n; i++)
		ag_bundle_free(n->roots[i].bundle);
	ag_config_free(n->conf);
	memset(n, 0, sizeof *n);
}

void
pair_poller_up(const char *root)
{
	char *ways = base_asprintf(
	    "neighbours = ( { node = \"web1\"; role = \"poll\";"
	    " address = \"127.0.0.1:%u\"; %s verify_root = \"plant\"; } );",
	    (unsigned)ag_net_relay_port(web1.net), root);

	pair_node_up(&app1, "app1", 3, ways);
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

void
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
	OK(wire_client_open(pair_eb,
	    &(struct wire_client_conf){ .address = address,
		.peer = "web1",
		.ctx = ctx },
	    &ca));
	SSL_CTX_free(ctx);
	X509_free(cert);
	sk_X509_pop_free(trust, X509_free);
}

void
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

void
ca_wait(void)
{
	while (!ca_done)
		ck_assert_int_eq(event_base_loop(pair_eb, EVLOOP_ONCE), 0);
}

void
wait_local(const struct pair_node *n, unsigned want)
{
	struct timeval tv = { 0, 20000 };

	for (int i = 0; n->nlocal < want && i < 500; i++) {
		event_base_loopexit(pair_eb, &tv);
		event_base_dispatch(pair_eb);
	}
	ck_assert_uint_eq(n->nlocal, want);
}

void
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

/* ---- begin, end ------------------------------------------------------------------------ */

void
pair_setup(void)
{
	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	pair_eb = event_base_new();
	pair_dir = rig_dir();
	memset(&ca_got, 0, sizeof ca_got);
	pair_node_up(&web1, "web1", 0,
	    "management = { listen = \"127.0.0.1:0\"; };"
	    "relay = { listen = \"127.0.0.1:0\"; root = \"plant\";"
	    " verify_root = \"plant\"; accept = ( \"app1\" ); };");
}

void
pair_teardown(void)
{
	wire_client_close(ca);
	ca = NULL;
	wire_exchange_clear(&ca_got);
	if (app1.net != NULL)
		pair_node_down(&app1);
	pair_node_down(&web1);
	event_base_free(pair_eb);
	rig_dir_remove(pair_dir);
}

void
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
