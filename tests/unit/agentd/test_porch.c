/* Unit tests of agentd/porch.c: a node without a certificate calls at a
 * relay, over real TLS; the CA's side of it are parcels put into its hands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/net.h"
#include "agentd/net_impl.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

struct answer {
	bool done;
	int status;
	struct base_buf body;
};

static struct event_base *eb;
static char *dir;
static struct ag_config *conf;
static struct ag_root roots[2];
static struct ag_holdings held;
static struct ag_net *net;
static struct wire_client *client[2];
static struct answer got[2];
static struct wire_join_call call;
static struct wire_invite invite;
static unsigned nlocal;

static void
on_local(void *arg, const struct wire_parcel *p)
{
	(void)arg;
	(void)p;
	nlocal++;
}

static void
hold(void)
{
	const struct fleet_key *mine = fleet_key(WIRE_P256, 0);
	struct ag_bundle *b = rig_bundle(), *m;

	memset(roots, 0, sizeof roots);
	X509_free(b->cert);
	b->cert = rig_leaf_of("web1", mine, 1, 0, 365);
	m = ag_bundle_new(AG_MANAGEMENT, 0);
	m->ntrust = m->trust_gen[0] = m->cert_gen = 1;
	m->trust[0] = rig_ref(rig_management());
	m->cert = rig_management_cert(WIRE_NODE_CERT, "web1", mine);
	strcpy(roots[0].name, "plant");
	strcpy(roots[1].name, AG_MANAGEMENT);
	roots[0].bundle = b;
	roots[1].bundle = m;
	roots[0].key = roots[1].key = mine->key;
	held = (struct ag_holdings){ roots, 2 };
}

static void
client_up(size_t i)
{
	struct wire_tls t = { .blind = true };
	char address[64];
	SSL_CTX *ctx;

	snprintf(address, sizeof address, "127.0.0.1:%u",
	    (unsigned)ag_net_relay_port(net));
	OK(wire_tls_ctx(&t, &ctx));
	OK(wire_client_open(eb,
	    &(struct wire_client_conf){ .address = address, .ctx = ctx },
	    &client[i]));
	SSL_CTX_free(ctx);
}

static void
setup(void)
{
	uint8_t hash[32] = { 7 };
	char *text;

	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	eb = event_base_new();
	dir = rig_dir();
	text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s\";"
	    "management = { listen = \"127.0.0.1:0\"; };"
	    "relay = { listen = \"127.0.0.1:0\"; root = \"plant\";"
	    " verify_root = \"plant\"; };",
	    dir);
	OK(ag_config_parse(text, "t", &conf));
	free(text);
	hold();
	OK(ag_net_open(&(struct ag_net_conf){ eb, conf, &held, on_local, NULL },
	    &net));
	for (size_t i = 0; i < 2; i++) {
		client_up(i);
		base_buf_init(&got[i].body, 0);
	}
	memset(&invite, 0, sizeof invite);
	strcpy(invite.fleet, FLEET);
	strcpy(invite.node, "app1");
	strcpy(invite.relay, "web1");
	invite.issued = RIG(9);
	invite.expires = RIG(11);
	memset(&call, 0, sizeof call);
	strcpy(call.fleet, FLEET);
	strcpy(call.node, "app1");
	wire_join_word(hash, call.word, invite.admit);
	base_buf_init(&call.sealed, 0);
	nlocal = 0;
}

static void
teardown(void)
{
	for (size_t i = 0; i < 2; i++) {
		wire_client_close(client[i]);
		base_buf_free(&got[i].body);
	}
	wire_join_call_clear(&call);
	ag_net_close(net);
	for (size_t i = 0; i < 2; i++)
		ag_bundle_free(roots[i].bundle);
	ag_config_free(conf);
	wire_loop_free(eb);
	rig_dir_remove(dir);
}

/* ---- the CA: what comes to the relay, what it has for the CA ---------------------- */

static void
come(enum wire_parcel_kind kind, size_t hops, struct base_span content)
{
	struct wire_exchange x = { .nparcels = 1 };

	x.parcels = base_alloc(sizeof *x.parcels);
	x.parcels[0] = (struct wire_parcel){ .kind = kind,
		.down = true,
		.nroute = (uint8_t)hops,
		.route = { "web1", "app1" },
		.expires = RIG(11) };
	OK(base_buf_put(&x.parcels[0].content, content.p, content.n));
	ag_net_take(net, "ca", &x);
	wire_exchange_clear(&x);
}

static void
invited(void)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 4);
	X509 *cert = rig_management_cert(WIRE_CA_TLS, "ca", k);
	struct base_buf der, cms;

	base_buf_init(&der, 0);
	base_buf_init(&cms, 0);
	invite.root[0] = rig_management();
	invite.nroots = 1;
	OK(wire_invite_compose(&invite, &der));
	OK(wire_cms_sign(WIRE_C_INVITE, base_buf_span(&der), cert, k->key, NULL,
	    &cms));
	come(WIRE_P_INVITE, 1, base_buf_span(&cms));
	base_buf_free(&der);
	base_buf_free(&cms);
	X509_free(cert);
}

static void
answered(const char *text)
{
	come(WIRE_P_JOIN_ANSWER, 2,
	    (struct base_span){ (const uint8_t *)text, strlen(text) });
}

/* One parcel for the CA, a join with this content. */
static void
carries(const char *text)
{
	struct wire_exchange x = { .nparcels = 0 };

	ag_relay_take(net->relay, "ca", base_time_now(), &x);
	ck_assert_uint_eq(x.nparcels, 1);
	ck_assert_int_eq(x.parcels[0].kind, WIRE_P_JOIN);
	ck_assert_uint_eq(x.parcels[0].nroute, 2);
	ck_assert_str_eq(x.parcels[0].route[1], "app1");
	ck_assert_uint_eq(x.parcels[0].content.n, strlen(text));
	ck_assert_mem_eq(x.parcels[0].content.p, text, strlen(text));
	wire_exchange_clear(&x);
}

/* ---- the node ------------------------------------------------------------------------ */

static void
on_done(void *arg, enum base_err e, int status, struct base_span body)
{
	struct answer *a = arg;

	OK(e);
	a->done = true;
	a->status = status;
	OK(base_buf_put(&a->body, body.p, body.n));
}

static void
post(size_t i, const char *sealed)
{
	struct base_buf body;

	base_buf_init(&body, 0);
	base_buf_clear(&call.sealed);
	OK(base_buf_put(&call.sealed, sealed, strlen(sealed)));
	OK(wire_join_call_compose(&call, &body));
	got[i].done = false;
	base_buf_clear(&got[i].body);
	OK(wire_client_call(client[i],
	    &(struct wire_call){ .path = WIRE_PATH_JOIN,
		.body = base_buf_span(&body),
		.done = on_done,
		.arg = &got[i] }));
	base_buf_free(&body);
}

static int
status(size_t i)
{
	while (!got[i].done)
		ck_assert_int_eq(event_base_loop(eb, EVLOOP_ONCE), 0);
	return got[i].status;
}

/* Until the relay holds the call. */
static void
until_carried(void)
{
	while (!ag_relay_has(net->relay, "ca"))
		ck_assert_int_eq(event_base_loop(eb, EVLOOP_ONCE), 0);
}

/* ---- tests --------------------------------------------------------------------------- */

/* Closed, until the CA says so. */
START_TEST(not_expected)
{
	post(0, "sealed");
	ck_assert_int_eq(status(0), 503);
	ck_assert(!ag_relay_has(net->relay, "ca"));
	invited();
	call.word[0] ^= 1;
	post(0, "sealed");
	ck_assert_int_eq(status(0), 403);
	ck_assert(!ag_relay_has(net->relay, "ca"));
	ck_assert_uint_eq(nlocal, 0);
}
END_TEST

START_TEST(joins)
{
	invited();
	post(0, "");
	ck_assert_int_eq(status(0), 200);
	ck_assert_uint_gt(got[0].body.n, 100);
	post(0, "sealed");
	until_carried();
	carries("sealed");
	ck_assert(!got[0].done);
	answered("answer");
	ck_assert_int_eq(status(0), 200);
	ck_assert_uint_eq(got[0].body.n, 6);
	ck_assert_mem_eq(got[0].body.p, "answer", 6);
	ck_assert_uint_eq(nlocal, 0);
}
END_TEST

/* The answer that found nobody is there for the next call. */
START_TEST(late_answer)
{
	invited();
	answered("answer");
	post(0, "sealed");
	ck_assert_int_eq(status(0), 200);
	ck_assert_mem_eq(got[0].body.p, "answer", 6);
	ck_assert(!ag_relay_has(net->relay, "ca"));
}
END_TEST

/* One call of each guest: a second one ends the first. */
START_TEST(one_at_a_time)
{
	invited();
	post(0, "one");
	until_carried();
	carries("one");
	post(1, "two");
	ck_assert_int_eq(status(0), 503);
	carries("two");
	answered("answer");
	ck_assert_int_eq(status(1), 200);
}
END_TEST

/* It hung up: the answer waits. */
START_TEST(gone)
{
	invited();
	post(0, "sealed");
	until_carried();
	carries("sealed");
	wire_client_cancel(client[0]);
	/* all that another connection takes comes after that */
	post(1, "");
	ck_assert_int_eq(status(1), 200);
	answered("answer");
	post(1, "again");
	ck_assert_int_eq(status(1), 200);
	ck_assert_mem_eq(got[1].body.p, "answer", 6);
}
END_TEST

/* Of one address so many connections without a certificate are the most, but
 * whoever has said the word and waits is none of them. */
START_TEST(who_waits_keeps_nobody_out)
{
	struct wire_client *more[16];

	invited();
	post(0, "sealed");
	until_carried();
	for (size_t i = 0; i < 16; i++) {
		if (i > 0)
			client_up(1);
		more[i] = client[1];
		post(1, "");
		ck_assert_int_eq(status(1), 200);
	}
	for (size_t i = 0; i < 15; i++)
		wire_client_close(more[i]);
	ck_assert(!got[0].done);
}
END_TEST

/* An answer for whom nobody expects goes nowhere, and what is no call is none. */
START_TEST(odd)
{
	answered("answer");
	invited();
	post(0, "sealed");
	until_carried();
	ck_assert(!got[0].done);
	OK(wire_client_call(client[1],
	    &(struct wire_call){ .path = WIRE_PATH_JOIN,
		.body = { (const uint8_t *)"x", 1 },
		.done = on_done,
		.arg = &got[1] }));
	ck_assert_int_eq(status(1), 400);
}
END_TEST

/* Neighbours may send more than somebody who joins. */
START_TEST(too_large)
{
	uint8_t *big = base_alloc(200 << 10);

	invited();
	OK(wire_client_call(client[0],
	    &(struct wire_call){ .path = WIRE_PATH_JOIN,
		.body = { big, 200 << 10 },
		.done = on_done,
		.arg = &got[0] }));
	ck_assert_int_eq(status(0), 413);
	free(big);
}
END_TEST

/* The relay's own certificate changes: who waits asks again. */
START_TEST(refreshed)
{
	invited();
	post(0, "sealed");
	until_carried();
	ag_net_refresh(net, "plant");
	ck_assert_int_eq(status(0), 503);
}
END_TEST

TCase *
case_porch(void)
{
	TCase *tc = tcase_create("porch");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, not_expected);
	tcase_add_test(tc, joins);
	tcase_add_test(tc, late_answer);
	tcase_add_test(tc, one_at_a_time);
	tcase_add_test(tc, gone);
	tcase_add_test(tc, who_waits_keeps_nobody_out);
	tcase_add_test(tc, odd);
	tcase_add_test(tc, too_large);
	tcase_add_test(tc, refreshed);
	return tc;
}
