/* What certificates say that kedged asks for, and the check of what comes
 * back. */
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

#define DAY INT64_C(86400000)

static struct base_buf tbs;

static struct base_span
key_of(const char *root, uint32_t gen)
{
	static struct base_buf spki;
	struct ca_gen g;

	pair_must(ca_store_gen_get(w.ca.store, root, gen, &g));
	base_buf_clear(&spki);
	pair_must(base_buf_put(&spki, g.spki.p, g.spki.n));
	ca_gen_clear(&g);
	return base_buf_span(&spki);
}

static struct base_span
node_key(void)
{
	static struct base_buf spki;

	base_buf_clear(&spki);
	pair_must(ca_store_key_get(w.ca.store, "app1", "plant", &spki));
	return base_buf_span(&spki);
}

static struct ca_issue
leaf(enum wire_cert_kind kind)
{
	return (struct ca_issue){ .kind = kind,
		.node = "app1",
		.root = "plant",
		.gen = 1,
		.spki = node_key() };
}

static struct ca_issue
link_of(enum wire_cert_kind kind)
{
	const bool back = kind == WIRE_OLD_WITH_NEW;

	return (struct ca_issue){ .kind = kind,
		.root = "plant",
		.gen = back ? 2 : 1,
		.spki = key_of("plant", back ? 1 : 2) };
}

/* As it is sent to kedge-hsmd, and read there; borrows from tbs. */
static struct wire_tbs
composed(const struct ca_issue *i)
{
	struct wire_tbs t;

	base_buf_clear(&tbs);
	pair_must(ca_issue_tbs(&w.ca, i, &tbs));
	pair_must(wire_tbs_parse(base_buf_span(&tbs), &t));
	return t;
}

/* Without what it owned. */
static struct wire_tbs
root_cert(const char *root, uint32_t gen)
{
	struct wire_tbs t, copy;
	X509 *x;

	pair_must(ca_issuer_root(&w.ca, root, gen, &x));
	pair_must(wire_cert_parse(x, &t));
	copy = t;
	wire_tbs_free(&t);
	return copy;
}

static int64_t
second(int64_t ms)
{
	return ms - ms % 1000;
}

static void
later(int64_t ms)
{
	w.now.ms += ms;
}

/* ---- dates ---- */

START_TEST(of_a_node)
{
	const struct wire_tbs root = root_cert("plant", 1);
	struct ca_issue i = leaf(WIRE_NODE_CERT);
	struct wire_tbs t;
	struct base_time end;

	later(DAY);
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, second(w.now.ms) - 60000);
	ck_assert_int_eq(t.not_after.ms, t.not_before.ms + 397 * DAY);
	ck_assert_mem_eq(t.aki, root.ski, sizeof(t.aki));
	ck_assert_str_eq(t.fleet, "demo");
	pair_must(ca_issue_end(&w.ca, "plant", 1, &end));
	ck_assert_int_eq(end.ms, t.not_after.ms);
	/* within its issuer's, at either end */
	w.conf.node_days = 36500;
	w.conf.backdate_s = 7 * 86400;
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, root.not_before.ms);
	ck_assert_int_eq(t.not_after.ms, root.not_after.ms);
	pair_must(ca_issue_end(&w.ca, "plant", 1, &end));
	ck_assert_int_eq(end.ms, root.not_after.ms);
	ck_assert_int_eq(ca_issue_end(&w.ca, "plant", 7, &end),
	    BASE_E_NOTFOUND);
}
END_TEST

START_TEST(of_a_canary)
{
	struct ca_issue i = leaf(WIRE_CANARY);
	struct wire_tbs t;

	later(DAY);
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, second(w.now.ms) - 60000);
	ck_assert_int_eq(t.not_after.ms, t.not_before.ms + 600000);
	/* most of its life lies ahead */
	w.conf.backdate_s = 3600;
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, second(w.now.ms) - 150000);
}
END_TEST

/* The signer's key is in the token: as long as its root. */
START_TEST(of_the_order_signer)
{
	const struct wire_tbs root = root_cert(CA_MANAGEMENT, 1);
	const struct ca_issue i = { .kind = WIRE_ORDER_CERT,
		.node = "order",
		.root = CA_MANAGEMENT,
		.gen = 1,
		.spki = node_key() };
	struct wire_tbs t;

	later(DAY);
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, second(w.now.ms) - 60000);
	ck_assert_int_eq(t.not_after.ms, root.not_after.ms);
}
END_TEST

/* Its own key's, and it names the key that waits (RFC 8649). */
START_TEST(of_a_root)
{
	struct ca_issue i = { .kind = WIRE_NEW_WITH_NEW,
		.root = "plant",
		.gen = 1,
		.spki = key_of("plant", 1) };
	uint8_t next[32];
	struct wire_tbs t;

	later(DAY);
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, second(w.now.ms) - 60000);
	ck_assert_int_eq(t.not_after.ms - t.not_before.ms, 3650 * DAY);
	ck_assert_mem_eq(t.aki, t.ski, sizeof(t.aki));
	ck_assert(t.has_next);
	wire_digest(key_of("plant", 2), next);
	ck_assert_mem_eq(t.next_hash, next, sizeof(next));
	/* no key waits */
	i.gen = 2;
	base_buf_clear(&tbs);
	ck_assert_int_eq(ca_issue_tbs(&w.ca, &i, &tbs), BASE_E_NOTFOUND);
}
END_TEST

/* RFC 9810, section 4.4. */
START_TEST(of_links_between_roots)
{
	struct wire_tbs old, new, t;
	struct ca_issue i;

	later(30 * DAY);
	pair_make("plant", 2);
	old = root_cert("plant", 1);
	new = root_cert("plant", 2);
	i = link_of(WIRE_NEW_WITH_OLD);
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, new.not_before.ms);
	ck_assert_int_eq(t.not_after.ms, old.not_after.ms);
	ck_assert_mem_eq(t.ski, new.ski, sizeof(t.ski));
	ck_assert_mem_eq(t.aki, old.ski, sizeof(t.aki));
	i = link_of(WIRE_OLD_WITH_NEW);
	t = composed(&i);
	ck_assert_int_eq(t.not_before.ms, old.not_before.ms);
	ck_assert_int_eq(t.not_after.ms, old.not_after.ms);
	ck_assert_mem_eq(t.ski, old.ski, sizeof(t.ski));
	ck_assert_mem_eq(t.aki, new.ski, sizeof(t.aki));
}
END_TEST

START_TEST(names)
{
	struct ca_issue i = leaf(WIRE_NODE_CERT);
	struct wire_tbs t;

	i.names = "DNS:a.example IP:192.0.2.1";
	t = composed(&i);
	ck_assert_uint_eq(t.nsan, 2);
	ck_assert_str_eq(t.san[1], "IP:192.0.2.1");
	wire_tbs_free(&t);
	i.names = "DNS:a DNS:b DNS:c DNS:d DNS:e DNS:f DNS:g DNS:h";
	t = composed(&i);
	ck_assert_uint_eq(t.nsan, WIRE_SAN_MAX);
	wire_tbs_free(&t);
	i.names = "DNS:a DNS:b DNS:c DNS:d DNS:e DNS:f DNS:g DNS:h DNS:i";
	base_buf_clear(&tbs);
	ck_assert_int_eq(ca_issue_tbs(&w.ca, &i, &tbs), BASE_E_RANGE);
}
END_TEST

START_TEST(issuers)
{
	enum wire_alg alg;
	X509 *x, *again;

	pair_must(ca_issuer_root(&w.ca, "plant", 1, &x));
	pair_must(ca_issuer_root(&w.ca, "plant", 1, &again));
	ck_assert_ptr_eq(x, again);
	pair_must(ca_issuer_root(&w.ca, CA_MANAGEMENT, 1, &again));
	ck_assert_int_ne(X509_cmp(x, again), 0);
	pair_must(ca_issuer_alg(&w.ca, "plant", 1, &alg));
	ck_assert_int_eq(alg, WIRE_P256);
	/* its key waits */
	ck_assert_int_eq(ca_issuer_root(&w.ca, "plant", 2, &x), BASE_E_STATE);
	ck_assert_ptr_null(x);
	ck_assert_int_eq(ca_issuer_root(&w.ca, "lab", 1, &x), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_issuer_alg(&w.ca, "lab", 1, &alg), BASE_E_NOTFOUND);
}
END_TEST

/* ---- what comes back ---- */

static void
take_signed(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	pair_must(e);
	ck_assert_uint_eq(a->nitems, 1);
	pair_must(a->items[0].err);
	pair_must(base_buf_put(arg, a->items[0].data.p, a->items[0].data.n));
}

/* tbs, signed by this generation of plant. */
static struct base_buf
signed_by(uint32_t gen)
{
	struct base_buf der;
	struct wire_hsm_request q = { .type = WIRE_HSM_CERTS,
		.key = { .root = "plant", .generation = gen, .alg = WIRE_P256 },
		.fleet = "demo",
		.nitems = 1 };
	struct wire_hsm_ask ask = { &q, take_signed, &der };

	base_buf_init(&der, 0);
	q.items = base_alloc(sizeof(*q.items));
	pair_must(base_buf_put(q.items, tbs.p, tbs.n));
	pair_must(ca_hsm_ask(&w.ca, &ask));
	pair_answer();
	wire_hsm_request_clear(&q);
	return der;
}

static enum base_err
checked(const struct ca_issue *i, const struct base_buf *der)
{
	X509 *x = w.ca.tls_cert; /* it is set in any case */
	enum base_err r = ca_issue_check(&w.ca, i, base_buf_span(&tbs),
	    base_buf_span(der), &x);

	ck_assert_int_eq(x == NULL, r != BASE_OK);
	X509_free(x);
	return r;
}

START_TEST(a_certificate_as_asked_for)
{
	struct ca_issue i = leaf(WIRE_NODE_CERT), other = i;
	struct base_buf der, cut;

	pair_make("plant", 2);
	(void)composed(&i);
	der = signed_by(1);
	ck_assert_int_eq(checked(&i, &der), BASE_OK);
	/* not whole, or followed by something */
	cut = der;
	cut.n -= 3;
	ck_assert_int_ne(checked(&i, &cut), BASE_OK);
	pair_must(base_buf_put(&der, "x", 1));
	ck_assert_int_ne(checked(&i, &der), BASE_OK);
	base_buf_free(&der);
	/* signed by another generation than it says */
	der = signed_by(2);
	ck_assert_int_eq(checked(&i, &der), BASE_E_CRYPTO);
	base_buf_free(&der);
	/* of another node */
	der = signed_by(1);
	strcpy(other.node, "web1");
	ck_assert_int_eq(checked(&other, &der), BASE_E_REFUSED);
	/* another serial number is another certificate */
	(void)composed(&i);
	ck_assert_int_eq(checked(&i, &der), BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "plant/app1"));
	base_buf_free(&der);
}
END_TEST

START_TEST(a_link_as_asked_for)
{
	static const enum wire_cert_kind kinds[] = { WIRE_NEW_WITH_OLD,
		WIRE_OLD_WITH_NEW };
	struct base_buf der;
	struct ca_issue i;

	later(DAY);
	pair_make("plant", 2);
	i = link_of(kinds[_i]);
	(void)composed(&i);
	der = signed_by(i.gen);
	ck_assert_int_eq(checked(&i, &der), BASE_OK);
	base_buf_free(&der);
	der = signed_by(3 - i.gen);
	ck_assert_int_eq(checked(&i, &der), BASE_E_CRYPTO);
	base_buf_free(&der);
}
END_TEST

START_TEST(a_root_as_asked_for)
{
	const struct ca_issue i = { .kind = WIRE_NEW_WITH_NEW,
		.root = "plant",
		.gen = 1,
		.spki = key_of("plant", 1) };
	struct base_buf der;

	(void)composed(&i);
	der = signed_by(1);
	ck_assert_int_eq(checked(&i, &der), BASE_OK);
	base_buf_free(&der);
	der = signed_by(2);
	ck_assert_int_eq(checked(&i, &der), BASE_E_CRYPTO);
	base_buf_free(&der);
}
END_TEST

/* ---- into the store ---- */

static enum base_err
is_there(void *arg, const struct ca_cert *c)
{
	const struct ca_cert *want = arg;

	if (c->kind == want->kind && c->gen == want->gen &&
	    strcmp(c->root, want->root) == 0 &&
	    c->not_after.ms == want->not_after.ms &&
	    memcmp(c->serial, want->serial, sizeof(c->serial)) == 0)
		return BASE_E_EXISTS;
	return BASE_OK;
}

START_TEST(stored)
{
	struct ca_issue i = leaf(WIRE_NODE_CERT);
	struct ca_cert want = { .root = "plant",
		.gen = 1,
		.kind = WIRE_NODE_CERT };
	struct base_buf der, own;
	struct wire_tbs t = composed(&i);
	X509 *x;

	memcpy(want.serial, t.serial, sizeof(want.serial));
	want.not_after = t.not_after;
	der = signed_by(1);
	pair_must(ca_issue_check(&w.ca, &i, base_buf_span(&tbs),
	    base_buf_span(&der), &x));
	ck_assert_int_eq(ca_store_certs_of_node(w.ca.store, "app1", is_there,
			     &want),
	    BASE_OK);
	pair_must(ca_issue_store(&w.ca, &i, x));
	ck_assert_int_eq(ca_store_certs_of_node(w.ca.store, "app1", is_there,
			     &want),
	    BASE_E_EXISTS);
	/* the CA's own can be had by their generation */
	base_buf_init(&own, 0);
	ck_assert_int_eq(ca_identity_cert_get(&w.ca, WIRE_CA_TLS, 7, &own),
	    BASE_E_NOTFOUND);
	i.gen = 7;
	pair_must(ca_issue_store(&w.ca, &i, x));
	ck_assert_int_eq(ca_identity_cert_get(&w.ca, WIRE_ORDER_CERT, 7, &own),
	    BASE_E_NOTFOUND);
	i.kind = WIRE_CA_TLS;
	i.gen = 8;
	pair_must(ca_issue_store(&w.ca, &i, x));
	pair_must(ca_identity_cert_get(&w.ca, WIRE_CA_TLS, 8, &own));
	ck_assert_uint_eq(own.n, der.n);
	ck_assert_mem_eq(own.p, der.p, own.n);
	base_buf_free(&own);
	base_buf_free(&der);
	X509_free(x);
}
END_TEST

/* ---- roots in an order ---- */

static const struct carried {
	uint32_t steps, from, to;
	uint32_t new, link, old; /* generations; link: by which it is signed */
} carried[] = {
	{ WIRE_STEP_TRUST, 1, 2, 2, 1, 0 },
	{ WIRE_STEP_TRUST, 2, 1, 1, 2, 0 },
	{ WIRE_STEP_CERT, 2, 2, 2, 0, 0 },
	{ 0, 1, 2, 2, 0, 0 },
	{ WIRE_STEP_JOIN | WIRE_STEP_TRUST, 0, 1, 1, 0, 0 },
	{ WIRE_STEP_JOIN | WIRE_STEP_TRUST, 1, 2, 2, 0, 1 },
};

START_TEST(roots_of_an_order)
{
	const struct carried *p = &carried[_i];
	struct wire_order o = { .root = "plant",
		.steps = p->steps,
		.from = p->from,
		.to = p->to };
	X509 *x;

	pair_make("plant", 2);
	pair_must(ca_order_roots(&w.ca, &o));
	pair_must(ca_issuer_root(&w.ca, "plant", p->new, &x));
	ck_assert_int_eq(X509_cmp(o.new_with_new, x), 0);
	ck_assert_int_eq(o.new_with_old != NULL, p->link != 0);
	if (p->link != 0) {
		pair_must(ca_issuer_root(&w.ca, "plant", p->link, &x));
		ck_assert_int_eq(X509_verify(o.new_with_old,
				     X509_get0_pubkey(x)),
		    1);
	}
	ck_assert_int_eq(o.old_root != NULL, p->old != 0);
	wire_order_clear(&o);
}
END_TEST

START_TEST(sums)
{
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf };
	uint8_t sum[32];

	wire_digest((struct base_span){ (const uint8_t *)"abc", 3 }, sum);
	ck_assert_mem_eq(sum, abc, sizeof(abc));
}
END_TEST

TCase *
case_issue(void)
{
	TCase *t = pair_case("issue");

	tcase_add_test(t, of_a_node);
	tcase_add_test(t, of_a_canary);
	tcase_add_test(t, of_the_order_signer);
	tcase_add_test(t, of_a_root);
	tcase_add_test(t, of_links_between_roots);
	tcase_add_test(t, names);
	tcase_add_test(t, issuers);
	tcase_add_test(t, a_certificate_as_asked_for);
	tcase_add_loop_test(t, a_link_as_asked_for, 0, 2);
	tcase_add_test(t, a_root_as_asked_for);
	tcase_add_test(t, stored);
	tcase_add_loop_test(t, roots_of_an_order, 0, 6);
	tcase_add_test(t, sums);
	return t;
}
