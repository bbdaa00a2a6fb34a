/* Unit tests of agentd/join.c: the answer of a join by files, and everything
 * about it that may be wrong. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd/join.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir;
static struct event_base *eb;
static struct ag_config *conf;
static struct ag_store *store;
static struct ag_holdings held;
static struct ag_work *work;
static struct wire_token token;
static struct ag_join_conf join;
static struct base_buf request;

static void
on_send(void *arg, struct wire_parcel *p)
{
	(void)arg;
	(void)p;
}

static void
on_changed(void *arg, const char *root)
{
	(void)arg;
	(void)root;
}

static void
make_work(void)
{
	work = ag_work_new(&(struct ag_work_conf){
	    .eb = eb,
	    .conf = conf,
	    .store = store,
	    .holdings = &held,
	    .send = on_send,
	    .changed = on_changed,
	});
}

static void
setup(void)
{
	char *text;

	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	dir = rig_dir();
	text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s\";"
	    "management = { listen = \"127.0.0.1:0\"; };"
	    "neighbours = ( { node = \"app1\"; address = \"127.0.0.1:1\";"
	    " role = \"push\"; root = \"plant\"; verify_root = \"plant\"; } );",
	    dir);
	OK(ag_config_parse(text, "t", &conf));
	free(text);
	OK(ag_store_open(dir, &store));
	OK(ag_holdings_open(store, conf, &held));
	eb = event_base_new();
	make_work();
	token = (struct wire_token){ .fleet = FLEET, .node = NODE };
	token.end = base_time_add_s(base_time_now(), 3600);
	memset(token.secret, 5, sizeof token.secret);
	wire_x509_sha256(rig_management(), token.root_sha256);
	join = (struct ag_join_conf){ conf, store, &held, &token };
	base_buf_init(&request, 0);
}

static void
teardown(void)
{
	base_buf_free(&request);
	ag_work_free(work);
	ag_holdings_close(&held);
	ag_store_close(store);
	ag_config_free(conf);
	event_base_free(eb);
	rig_dir_remove(dir);
}

/* ---- the CA's side ------------------------------------------------------------- */

static struct fleet_key
key_of(const char *root)
{
	struct fleet_key k = { .alg = WIRE_P256 };

	k.key = ag_holdings_find(&held, root)->key;
	base_buf_init(&k.spki, 0);
	OK(wire_key_spki(k.key, &k.spki));
	OK(wire_spki_id(base_buf_span(&k.spki), k.ski));
	return k;
}

static struct base_buf
join_order(void)
{
	struct fleet_key k = key_of("plant");
	struct wire_order o = rig_order(WIRE_STEP_JOIN | WIRE_STEP_TRUST);
	struct base_buf cms;

	X509_free(o.new_with_old);
	o.new_with_old = NULL;
	o.from = 0;
	o.roll = 0;
	o.epoch = 1;
	o.expires = RIG(20);
	o.steps |= WIRE_STEP_CERT;
	o.cert = rig_leaf_of(NODE, &k, 2, 0, 99);
	cms = rig_sign(&o, false);
	wire_order_clear(&o);
	base_buf_free(&k.spki);
	return cms;
}

/* The node's own identity. */
static struct base_buf
own_order(const struct fleet_key *k)
{
	struct wire_order o = { .fleet = FLEET,
		.node = NODE,
		.root = AG_MANAGEMENT,
		.epoch = 1,
		.issued = RIG(9),
		.expires = RIG(20),
		.steps = WIRE_STEP_JOIN | WIRE_STEP_TRUST | WIRE_STEP_CERT,
		.to = 1,
		.verifies = true };
	struct base_buf cms;

	o.new_with_new = rig_ref(rig_management());
	o.cert = rig_management_cert(WIRE_NODE_CERT, NODE, k);
	cms = rig_sign(&o, false);
	wire_order_clear(&o);
	return cms;
}

static struct wire_join_answer
answer(void)
{
	struct wire_join_answer a = { .fleet = FLEET, .node = NODE };
	struct fleet_key k = key_of(AG_MANAGEMENT);

	wire_digest(base_buf_span(&request), a.request_digest);
	a.management_root = rig_ref(rig_management());
	a.order[0] = join_order();
	a.order[1] = own_order(&k);
	a.norders = 2;
	base_buf_free(&k.spki);
	return a;
}

static enum base_err
take(struct wire_join_answer *a, bool by_ca)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 4);
	X509 *cert = rig_management_cert(by_ca ? WIRE_CA_TLS : WIRE_NODE_CERT,
	    by_ca ? "ca" : "app1", k);
	struct base_buf der, cms;
	enum base_err e;

	base_buf_init(&der, 0);
	base_buf_init(&cms, 0);
	OK(wire_join_answer_compose(a, &der));
	OK(wire_cms_sign(WIRE_C_JOIN_ANSWER, base_buf_span(&der), cert, k->key,
	    NULL, &cms));
	e = ag_join_take(&join, work, base_buf_span(&cms));
	wire_join_answer_clear(a);
	base_buf_free(&der);
	base_buf_free(&cms);
	X509_free(cert);
	return e;
}

static void
refused(struct wire_join_answer *a, bool by_ca, const char *word)
{
	ck_assert_int_ne(take(a, by_ca), BASE_OK);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
	ck_assert(!ag_join_is_done(&held));
}

/* ---- tests ------------------------------------------------------------------------ */

START_TEST(good)
{
	struct wire_join_answer a;
	struct ag_holdings again;

	OK(ag_join_request(&join, &request));
	ck_assert(!ag_join_is_done(&held));
	a = answer();
	OK(take(&a, true));
	ck_assert(ag_join_is_done(&held));
	/* and so it is after a restart */
	OK(ag_holdings_open(store, conf, &again));
	ck_assert(ag_join_is_done(&again));
	ck_assert_uint_eq(ag_holdings_find(&again, "plant")->bundle->cert_gen,
	    2);
	ck_assert_int_eq(ag_holdings_find(&again, "plant")->state.phase,
	    AG_PENDING);
	ck_assert_uint_eq(ag_holdings_find(&again, AG_MANAGEMENT)
			      ->bundle->epoch,
	    1);
	ag_holdings_close(&again);
}
END_TEST

/* Killed before the identity was current: the same answer once more. */
START_TEST(cut_short)
{
	struct wire_join_answer a, same;
	char *path = base_asprintf("%s/management/current", dir);
	char *copy = base_asprintf("%s/management/current.b", dir);
	struct ag_root *m;

	OK(ag_join_request(&join, &request));
	a = same = answer();
	for (size_t i = 0; i < a.norders; i++) {
		base_buf_init(&same.order[i], 0);
		OK(base_buf_put(&same.order[i], a.order[i].p, a.order[i].n));
	}
	rig_ref(same.management_root);
	OK(take(&a, true));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(unlink(copy), 0);
	ag_work_free(work);
	ag_holdings_close(&held);
	OK(ag_holdings_open(store, conf, &held));
	ck_assert(!ag_join_is_done(&held));
	make_work();
	base_buf_clear(&request);
	OK(ag_join_request(&join, &request));
	wire_digest(base_buf_span(&request), same.request_digest);
	m = ag_holdings_find(&held, AG_MANAGEMENT);
	ck_assert_uint_eq(m->state.highest, 1);
	OK(take(&same, true));
	ck_assert(ag_join_is_done(&held));
	ck_assert_uint_eq(m->bundle->epoch, 1);
	free(path);
	free(copy);
}
END_TEST

START_TEST(same_request)
{
	struct base_buf second;

	base_buf_init(&second, 0);
	OK(ag_join_request(&join, &request));
	OK(ag_join_request(&join, &second));
	ck_assert_uint_eq(request.n, second.n);
	ck_assert_mem_eq(request.p, second.p, request.n);
	/* another token, another request */
	token.secret[0] ^= 1;
	base_buf_clear(&second);
	OK(ag_join_request(&join, &second));
	ck_assert(request.n != second.n ||
	    memcmp(request.p, second.p, request.n) != 0);
	base_buf_free(&second);
}
END_TEST

START_TEST(bad_token)
{
	strcpy(token.node, "web2");
	NO(ag_join_request(&join, &request), BASE_E_DENIED);
	strcpy(token.node, NODE);
	strcpy(token.fleet, "other");
	NO(ag_join_request(&join, &request), BASE_E_DENIED);
	strcpy(token.fleet, FLEET);
	token.end = base_time_now();
	NO(ag_join_request(&join, &request), BASE_E_EXPIRED);
}
END_TEST

START_TEST(bad_answer)
{
	struct wire_join_answer a;
	struct fleet_key other = *fleet_key(WIRE_P256, 3);

	OK(ag_join_request(&join, &request));
	a = answer();
	refused(&a, false, "");
	a = answer();
	a.request_digest[0] ^= 1;
	refused(&a, true, "another node or request");
	a = answer();
	strcpy(a.node, "web2");
	refused(&a, true, "another node or request");
	a = answer();
	base_buf_free(&a.order[1]);
	a.order[1] = own_order(&other);
	refused(&a, true, "another key");
	token.root_sha256[0] ^= 1;
	a = answer();
	refused(&a, true, "another management root");
}
END_TEST

START_TEST(bad_orders)
{
	struct wire_join_answer a;

	OK(ag_join_request(&join, &request));
	a = answer();
	base_buf_free(&a.order[0]);
	a.order[0] = a.order[1];
	base_buf_init(&a.order[1], 0);
	a.norders = 1;
	refused(&a, true, "nothing under root plant");
	a = answer();
	base_buf_free(&a.order[1]);
	a.norders = 1;
	refused(&a, true, "no management certificate");
	a = answer();
	a.order[0].p[a.order[0].n - 1] ^= 1;
	refused(&a, true, "");
}
END_TEST

START_TEST(no_request)
{
	struct wire_join_answer a = answer();

	refused(&a, true, "no request was made");
}
END_TEST

TCase *
case_join(void)
{
	TCase *t = tcase_create("join");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, good);
	tcase_add_test(t, cut_short);
	tcase_add_test(t, same_request);
	tcase_add_test(t, bad_token);
	tcase_add_test(t, bad_answer);
	tcase_add_test(t, bad_orders);
	tcase_add_test(t, no_request);
	return t;
}
