/* From what is wanted to signed orders: which certificates they carry, and
 * whose fate a refusal is. */
#include <openssl/x509v3.h>
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static struct ca_drafts *d;
static unsigned times;
static enum base_err end;

static void
done(void *arg, enum base_err e, struct ca_drafts *is)
{
	(void)arg;
	ck_assert_ptr_eq(is, d);
	times++;
	end = e;
}

static struct ca_draft *
add(const char *node, uint32_t steps)
{
	struct wire_order *o;

	if (d == NULL)
		d = ca_drafts_new(&w.ca, done, NULL);
	o = &ca_drafts_add(d)->order;
	strcpy(o->node, node);
	strcpy(o->root, "plant");
	pair_must(ca_epoch_next(&w.ca, node, "plant", &o->epoch));
	o->steps = steps;
	o->roll = 1;
	o->from = 1;
	o->to = 2;
	o->verifies = true;
	return ca_drafts_get(d, ca_drafts_count(d) - 1);
}

static void
go(enum base_err want)
{
	ca_drafts_go(d);
	pair_answer();
	ck_assert_uint_eq(times, 1);
	ck_assert_int_eq(end, want);
}

static const struct ca_draft *
of(size_t i, enum base_err want)
{
	const struct ca_draft *t = ca_drafts_get(d, i);

	ck_assert_msg(t->err == want, "%d: %s", t->err, t->why);
	return t;
}

static void
over(void)
{
	ca_drafts_free(d);
	d = NULL;
	times = 0;
}

/* What was signed, as a node reads it; wire_order_clear it. */
static struct wire_order
signed_order(const struct ca_draft *t)
{
	struct wire_signer s = { .cert = NULL };
	struct wire_order o;
	struct base_buf der;
	uint8_t digest[32];

	base_buf_init(&der, 0);
	pair_must(wire_cms_verify(WIRE_C_ORDER, base_buf_span(&t->row.cms),
	    w.ca.management, w.now, &der, &s));
	wire_digest(base_buf_span(&der), digest);
	ck_assert_mem_eq(digest, t->row.digest, sizeof(digest));
	pair_must(wire_order_parse(base_buf_span(&der), &o));
	wire_signer_clear(&s);
	base_buf_free(&der);
	return o;
}

static bool
is_for(X509 *x, const char *node)
{
	struct base_buf bound;
	uint8_t want[32], is[32];

	base_buf_init(&bound, 0);
	pair_must(ca_store_key_get(w.ca.store, node, "plant", &bound));
	wire_digest(base_buf_span(&bound), want);
	wire_x509_spki_sha256(x, is);
	base_buf_free(&bound);
	return memcmp(want, is, sizeof(want)) == 0;
}

/* ---- what an order carries ---- */

START_TEST(trust_carries_a_canary)
{
	const struct ca_draft *t;
	struct wire_order o;

	pair_make("plant", 2);
	add("app1", WIRE_STEP_TRUST)->order.compromised = 1;
	go(BASE_OK);
	t = of(0, BASE_OK);
	o = signed_order(t);
	ck_assert_uint_eq(o.ncanary, 1);
	ck_assert_uint_eq(o.canary[0].generation, 2);
	ck_assert(is_for(o.canary[0].cert, "app1"));
	ck_assert(wire_cert_is_canary(o.canary[0].cert));
	ck_assert_ptr_null(o.cert);
	ck_assert_ptr_nonnull(o.new_with_old);
	ck_assert_str_eq(o.fleet, "demo");
	ck_assert_int_eq(o.expires.ms - o.issued.ms, 86400000);
	ck_assert_int_eq(t->row.state, CA_ORDER_SENT);
	ck_assert_str_eq(t->row.node, "app1");
	ck_assert_str_eq(t->row.root, "plant");
	ck_assert_uint_eq(t->row.steps, WIRE_STEP_TRUST);
	ck_assert_uint_eq(t->row.epoch, o.epoch);
	ck_assert_uint_eq(t->row.roll, 1);
	ck_assert_int_eq(t->row.issued.ms, w.now.ms);
	ck_assert_int_eq(t->row.expires.ms, o.expires.ms);
	ck_assert_int_eq(t->row.leaf_to.ms, 0);
	ck_assert_uint_eq(t->row.compromised, 1);
	wire_order_clear(&o);
	over();
}
END_TEST

START_TEST(cert_carries_a_certificate)
{
	const struct ca_draft *t;
	struct wire_order o;
	struct base_time from, to;

	pair_make("plant", 2);
	strcpy(pair_node("app1")->names, "DNS:app.example");
	add("app1", WIRE_STEP_CERT)->order.bridge = true;
	go(BASE_OK);
	t = of(0, BASE_OK);
	o = signed_order(t);
	ck_assert_ptr_nonnull(o.cert);
	ck_assert(is_for(o.cert, "app1"));
	ck_assert(!wire_cert_is_canary(o.cert));
	ck_assert_int_eq(X509_check_host(o.cert, "app.example", 0, 0, NULL), 1);
	ck_assert_int_eq(X509_check_host(o.cert, "web1", 0, 0, NULL), 0);
	ck_assert_uint_eq(o.ncanary, 1);
	ck_assert(t->row.bridge);
	pair_must(ca_issue_dates(o.cert, &from, &to));
	ck_assert_int_eq(t->row.leaf_from.ms, from.ms);
	ck_assert_int_eq(t->row.leaf_to.ms, to.ms);
	wire_order_clear(&o);
	over();
}
END_TEST

/* The old one must be refused, so there must be one. */
START_TEST(finish_carries_two_canaries)
{
	struct wire_order o;
	const uint64_t made = hsm_fake_mood(w.hsm)->made;

	pair_make("plant", 2);
	add("app1", WIRE_STEP_FINISH);
	go(BASE_OK);
	o = signed_order(of(0, BASE_OK));
	ck_assert_uint_eq(o.ncanary, 2);
	ck_assert_uint_eq(o.canary[0].generation + o.canary[1].generation, 3);
	ck_assert_uint_ge(hsm_fake_mood(w.hsm)->made - made, 3);
	wire_order_clear(&o);
	over();
}
END_TEST

START_TEST(a_question_carries_nothing)
{
	const uint64_t made = hsm_fake_mood(w.hsm)->made;
	struct wire_order o;

	add("app1", 0)->order.to = 1;
	go(BASE_OK);
	o = signed_order(of(0, BASE_OK));
	ck_assert_uint_eq(o.ncanary, 0);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->made - made, 1);
	wire_order_clear(&o);
	over();
}
END_TEST

/* Nobody probes the CA: it is this process. */
START_TEST(the_ca_itself)
{
	struct ca_draft *t = add("ca", WIRE_STEP_CERT);
	struct wire_order o;

	strcpy(t->order.root, CA_MANAGEMENT);
	t->order.from = t->order.to = 1;
	t->order.roll = 0;
	go(BASE_OK);
	o = signed_order(of(0, BASE_OK));
	ck_assert_uint_eq(o.ncanary, 0);
	ck_assert_ptr_nonnull(o.cert);
	ck_assert_int_eq(X509_check_private_key(o.cert, w.ca.tls_key), 1);
	wire_order_clear(&o);
	over();
}
END_TEST

/* In place of the store's; and kedge-hsmd is shown the proof first. */
START_TEST(another_key)
{
	const uint64_t made = hsm_fake_mood(w.hsm)->made;
	EVP_PKEY *key = NULL;
	struct ca_draft *t = add("app1", WIRE_STEP_CERT);
	struct wire_order o;

	t->order.to = 1;
	t->order.roll = 0;
	pair_must(wire_key_make(WIRE_P256, &key));
	pair_must(wire_key_spki(key, &t->new_key));
	ca_drafts_go(d);
	ck_assert(hsm_fake_one(w.hsm));
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->made, made);
	pair_answer();
	ck_assert_int_eq(end, BASE_OK);
	o = signed_order(of(0, BASE_OK));
	ck_assert_int_eq(X509_check_private_key(o.cert, key), 1);
	ck_assert(!is_for(o.cert, "app1"));
	wire_order_clear(&o);
	EVP_PKEY_free(key);
	over();
}
END_TEST

START_TEST(one_request_per_key)
{
	struct hsm_fake_mood *m = hsm_fake_mood(w.hsm);
	uint64_t asked;

	pair_make("plant", 2);
	asked = m->asked;
	add("app1", WIRE_STEP_TRUST);
	add("web1", WIRE_STEP_TRUST);
	go(BASE_OK);
	ck_assert_uint_eq(ca_drafts_count(d), 2);
	of(0, BASE_OK);
	of(1, BASE_OK);
	/* certificates, orders */
	ck_assert_uint_eq(m->asked - asked, 2);
	over();
}
END_TEST

/* ---- refusals ---- */

START_TEST(one_refusal_is_one_fate)
{
	const struct ca_draft *t;

	pair_make("plant", 2);
	hsm_fake_mood(w.hsm)->refuse = "app1";
	add("app1", WIRE_STEP_TRUST);
	add("web1", WIRE_STEP_TRUST);
	go(BASE_OK);
	t = of(0, BASE_E_REFUSED);
	ck_assert_str_eq(t->why, "kedge-hsmd: not this one");
	ck_assert_uint_eq(t->row.cms.n, 0);
	t = of(1, BASE_OK);
	ck_assert_uint_gt(t->row.cms.n, 0);
	over();
}
END_TEST

START_TEST(a_node_without_a_key)
{
	pair_make("plant", 2);
	add("app1", WIRE_STEP_TRUST);
	strcpy(add("ghost", WIRE_STEP_TRUST)->order.root, "plant");
	go(BASE_OK);
	of(0, BASE_OK);
	of(1, BASE_E_NOTFOUND);
	over();
}
END_TEST

START_TEST(another_certificate_than_asked_for)
{
	pair_make("plant", 2);
	hsm_fake_mood(w.hsm)->other_cert = true;
	add("app1", WIRE_STEP_TRUST);
	go(BASE_OK);
	of(0, BASE_E_INTEGRITY);
	over();
}
END_TEST

START_TEST(another_order_than_asked_for)
{
	const struct ca_draft *t;

	pair_make("plant", 2);
	hsm_fake_mood(w.hsm)->other_order = true;
	add("app1", WIRE_STEP_TRUST);
	go(BASE_OK);
	t = of(0, BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(t->why, "another order for app1"));
	ck_assert_uint_eq(t->row.cms.n, 0);
	over();
}
END_TEST

/* kedge-hsmd may have died with the answer: the whole is tried again. */
START_TEST(no_answer_is_the_end_of_all)
{
	pair_make("plant", 2);
	hsm_fake_mood(w.hsm)->down = true;
	add("app1", WIRE_STEP_TRUST);
	add("web1", WIRE_STEP_TRUST);
	go(BASE_E_AGAIN);
	over();
}
END_TEST

/* It wants to see it all again, orders too. */
START_TEST(not_justified)
{
	world_roll(&w, "plant");
	w.ca.rolls->shown[ca_topo_node(w.ca.topo, "app1")] = true;
	ck_assert(!w.ca.rolls->prove);
	hsm_fake_mood(w.hsm)->refuse = "app1";
	add("app1", WIRE_STEP_TRUST);
	go(BASE_OK);
	ck_assert(!w.ca.rolls->prove);
	over();
	hsm_fake_mood(w.hsm)->refuse = NULL;
	hsm_fake_mood(w.hsm)->unjustified = 1;
	add("app1", WIRE_STEP_TRUST);
	go(BASE_OK);
	of(0, BASE_E_OUTAGE);
	ck_assert(w.ca.rolls->prove);
	ck_assert(!w.ca.rolls->shown[ca_topo_node(w.ca.topo, "app1")]);
	over();
}
END_TEST

START_TEST(a_taken_epoch_is_skipped)
{
	uint64_t before, after;

	pair_make("plant", 2);
	hsm_fake_mood(w.hsm)->older = 1;
	before = add("app1", WIRE_STEP_TRUST)->order.epoch;
	go(BASE_OK);
	of(0, BASE_E_EXISTS);
	over();
	pair_must(ca_epoch_next(&w.ca, "app1", "plant", &after));
	ck_assert_uint_eq(after, before + 1);
}
END_TEST

/* ---- into the store ---- */

static enum base_err
count_cert(void *arg, const struct ca_cert *c)
{
	ck_assert_int_ne(c->kind, WIRE_CANARY);
	++*(size_t *)arg;
	return BASE_OK;
}

static size_t
certs(void)
{
	size_t n = 0;

	pair_must(ca_store_certs_of_node(w.ca.store, "app1", count_cert, &n));
	return n;
}

START_TEST(stored_but_for_canaries)
{
	const size_t before = certs();
	struct ca_order o;

	pair_make("plant", 2);
	add("app1", WIRE_STEP_TRUST);
	add("app1", WIRE_STEP_CERT)->order.epoch++;
	go(BASE_OK);
	pair_must(ca_store_begin(w.ca.store));
	pair_must(ca_drafts_store(d, 0));
	ck_assert_uint_eq(certs(), before);
	pair_must(ca_drafts_store(d, 1));
	ck_assert_uint_eq(certs(), before + 1);
	pair_must(ca_store_commit(w.ca.store));
	pair_must(ca_store_order_get(w.ca.store, "app1", "plant",
	    ca_drafts_get(d, 1)->row.epoch, &o));
	ck_assert_uint_eq(o.steps, WIRE_STEP_CERT);
	ca_order_clear(&o);
	over();
}
END_TEST

TCase *
case_draft(void)
{
	TCase *t = pair_case("draft");

	tcase_add_test(t, trust_carries_a_canary);
	tcase_add_test(t, cert_carries_a_certificate);
	tcase_add_test(t, finish_carries_two_canaries);
	tcase_add_test(t, a_question_carries_nothing);
	tcase_add_test(t, the_ca_itself);
	tcase_add_test(t, another_key);
	tcase_add_test(t, one_request_per_key);
	tcase_add_test(t, one_refusal_is_one_fate);
	tcase_add_test(t, a_node_without_a_key);
	tcase_add_test(t, another_certificate_than_asked_for);
	tcase_add_test(t, another_order_than_asked_for);
	tcase_add_test(t, no_answer_is_the_end_of_all);
	tcase_add_test(t, not_justified);
	tcase_add_test(t, a_taken_epoch_is_skipped);
	tcase_add_test(t, stored_but_for_canaries);
	return t;
}
