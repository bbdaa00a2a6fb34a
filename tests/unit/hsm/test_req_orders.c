/* req_orders: each order is held against what was signed before. */
#include <string.h>

#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"
#include "wire/msg.h"

static struct wire_order o; /* trust + cert for web1, 1 -> 2 */
static struct base_buf signer; /* DER of the order signer's certificate */
static STACK_OF(X509) *trust;
static X509 *old_cert; /* of web1 under generation 1 */

static X509 *
sign(const struct wire_tbs *t, uint32_t generation)
{
	X509 *x = NULL;

	ck_assert_msg(world_sign(t, generation, &x) == BASE_OK, "%.*s",
	    (int)world_answer.items[0].data.n,
	    (char *)world_answer.items[0].data.p);
	return x;
}

static X509 *
leaf(enum wire_cert_kind kind, uint32_t generation, int key)
{
	struct wire_tbs t = world_tbs(kind, "plant", generation,
	    key == 0 ? "web1" : "app1", base_buf_span(&w.node_spki[key]));

	return sign(&t, generation);
}

static void
setup(void)
{
	struct wire_tbs t;
	X509 *x;

	world_open();
	world_fleet();
	/* what reports justify is the matter of test_judge.c */
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	t = world_tbs(WIRE_ORDER_CERT, "management", 1, "order",
	    base_buf_span(&world_key("management", 1, true)->spki));
	x = sign(&t, 1);
	base_buf_init(&signer, 0);
	ck_assert_int_eq(wire_x509_to_der(x, &signer), BASE_OK);
	X509_free(x);
	trust = sk_X509_new_null();
	sk_X509_push(trust, world_root("management", 1));
	memset(&o, 0, sizeof(o));
	o = (struct wire_order){ .fleet = "test",
		.node = "web1",
		.root = "plant",
		.roll = 1,
		.epoch = 5,
		.issued = world_time,
		.expires = { world_time.ms + WORLD_DAY },
		.steps = WIRE_STEP_TRUST | WIRE_STEP_CERT,
		.from = 1,
		.to = 2,
		.verifies = true };
	o.new_with_new = world_root("plant", 2);
	t = world_tbs(WIRE_NEW_WITH_OLD, "plant", 1, NULL,
	    base_buf_span(&world_key("plant", 2, false)->spki));
	o.new_with_old = sign(&t, 1);
	o.cert = leaf(WIRE_NODE_CERT, 2, 0);
	o.ncanary = 1;
	o.canary[0].generation = 2;
	o.canary[0].cert = leaf(WIRE_CANARY, 2, 0);
	old_cert = leaf(WIRE_NODE_CERT, 1, 0);
}

static void
teardown(void)
{
	wire_order_clear(&o);
	base_buf_free(&signer);
	sk_X509_pop_free(trust, X509_free);
	X509_free(old_cert);
	world_close();
}

/* ORDERS of this one order, in DER; its own fate. */
static enum base_err
ask_der(const struct base_buf *der)
{
	struct base_buf item = *der;
	struct wire_hsm_request r = { .type = WIRE_HSM_ORDERS,
		.nitems = 1,
		.items = &item,
		.cert = signer,
		.key = { .root = "management",
		    .generation = 1,
		    .order_signer = true,
		    .alg = WIRE_P256 } };
	enum base_err e = world_ask(&r);

	return e != BASE_OK ? e : world_answer.items[0].err;
}

static enum base_err
ask(void)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	ck_assert_msg(wire_order_compose(&o, &der) == BASE_OK, "%s",
	    base_why());
	e = ask_der(&der);
	base_buf_free(&der);
	return e;
}

static void
refused(const char *word)
{
	enum base_err e = ask();
	const struct base_buf *why = &world_answer.items[0].data;

	ck_assert_int_eq(e, BASE_E_REFUSED);
	ck_assert_msg(memmem(why->p, why->n, word, strlen(word)) != NULL,
	    "\"%.*s\" does not say \"%s\"", (int)why->n, (char *)why->p, word);
}

START_TEST(order_is_signed_and_verifies)
{
	struct base_buf der, content;
	struct wire_signer who = { 0 };

	ck_assert_msg(ask() == BASE_OK, "%.*s",
	    (int)world_answer.items[0].data.n,
	    (char *)world_answer.items[0].data.p);
	base_buf_init(&der, 0);
	base_buf_init(&content, 0);
	ck_assert_int_eq(wire_order_compose(&o, &der), BASE_OK);
	ck_assert_msg(wire_cms_verify(WIRE_C_ORDER,
			  base_buf_span(&world_answer.items[0].data), trust,
			  world_time, &content, &who) == BASE_OK,
	    "%s", base_why());
	ck_assert_uint_eq(content.n, der.n);
	ck_assert_mem_eq(content.p, der.p, der.n);
	ck_assert_uint_eq(w.core->state.orders, 3);
	wire_signer_clear(&who);
	base_buf_free(&der);
	base_buf_free(&content);
}
END_TEST

START_TEST(order_trailing_bytes)
{
	struct base_buf der;

	base_buf_init(&der, 0);
	ck_assert_int_eq(wire_order_compose(&o, &der), BASE_OK);
	ck_assert_int_eq(ask_der(&der), BASE_OK);
	ck_assert_int_eq(base_buf_put_u8(&der, 0), BASE_OK);
	ck_assert_int_ne(ask_der(&der), BASE_OK);
	base_buf_free(&der);
}
END_TEST

START_TEST(order_dates)
{
	o.expires.ms = o.issued.ms + 31 * WORLD_DAY;
	refused("longer than configured");
	o.expires.ms = o.issued.ms + 30 * WORLD_DAY;
	ck_assert_int_eq(ask(), BASE_OK);
	o.issued.ms = world_time.ms + 3600000;
	refused("about now");
	o.issued.ms = world_time.ms - 3000000;
	o.expires.ms = world_time.ms + WORLD_DAY;
	ck_assert_int_eq(ask(), BASE_OK);
	o.expires.ms = world_time.ms - 1000;
	refused("expired");
}
END_TEST

START_TEST(order_names)
{
	strcpy(o.node, "app1");
	refused("not of this node");
	strcpy(o.node, "nobody");
	refused("no node of this name");
	strcpy(o.node, "web1");
	strcpy(o.fleet, "other");
	refused("another fleet");
	strcpy(o.fleet, "test");
	strcpy(o.root, "management");
	refused("generation that this CA has not");
	strcpy(o.root, "plant");
	ck_assert_int_eq(ask(), BASE_OK);
}
END_TEST

START_TEST(order_generations)
{
	X509 *cert = o.cert;

	o.from = 3;
	refused("generation that this CA has not");
	o.steps = WIRE_STEP_TRUST;
	o.cert = NULL;
	o.from = 1;
	o.to = 1;
	refused("for another key");
	o.to = 2;
	o.from = 2;
	refused("no old generation");
	o.steps = WIRE_STEP_CERT;
	o.cert = cert;
	o.from = 1;
	o.canary[0].generation = 1;
	refused("not of the generation");
}
END_TEST

START_TEST(order_other_certificate)
{
	X509 *good = o.cert;

	o.cert = old_cert;
	refused("not of the generation");
	o.cert = leaf(WIRE_NODE_CERT, 2, 1);
	refused("not of this node");
	X509_free(o.cert);
	o.cert = o.canary[0].cert;
	refused("not of this node");
	o.cert = good;
	ck_assert_int_eq(ask(), BASE_OK);
}
END_TEST

/* A self-made root with the right names: its key is not ours. */
START_TEST(order_foreign_root)
{
	X509 *good = o.new_with_new, *bad = X509_dup(good);

	ck_assert_int_eq(X509_sign(bad, w.node_key[0], EVP_sha256()) > 0, 1);
	o.new_with_new = bad;
	refused("not signed by the generation");
	o.new_with_new = o.new_with_old;
	refused("not signed by the generation");
	o.new_with_new = good;
	X509_free(bad);
	bad = o.new_with_old;
	o.new_with_old = good;
	refused("not signed by the generation");
	o.new_with_old = bad;
}
END_TEST

START_TEST(order_stale_canary)
{
	world_time.ms += WORLD_DAY;
	o.canary[0].cert =
	    (X509_free(o.canary[0].cert), leaf(WIRE_CANARY, 2, 0));
	world_time.ms -= WORLD_DAY;
	refused("valid for too long");
}
END_TEST

START_TEST(order_after_rebinding)
{
	uint8_t secret[16];
	struct wire_hsm_request r = { .type = WIRE_HSM_FORGET, .node = "app1" };

	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_int_eq(world_token("web1", world_time.ms + 1000, secret),
	    BASE_OK);
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[1], 2),
	    BASE_OK);
	refused("not for the node's key");
}
END_TEST

START_TEST(signer_certificate_of_another)
{
	struct base_buf good = signer;

	base_buf_init(&signer, 0);
	ck_assert_int_eq(wire_x509_to_der(old_cert, &signer), BASE_OK);
	ck_assert_int_eq(ask(), BASE_E_REFUSED);
	base_buf_free(&signer);
	ck_assert_int_ne(ask(), BASE_OK);
	signer = good;
	ck_assert_int_eq(ask(), BASE_OK);
	signer.p[signer.n - 1] ^= 1;
	ck_assert_int_eq(ask(), BASE_E_REFUSED);
}
END_TEST

static bool
verifies_under(X509 *root)
{
	STACK_OF(X509) *one = sk_X509_new_null();
	struct wire_signer who = { 0 };
	struct base_buf content;
	enum base_err e;

	base_buf_init(&content, 0);
	sk_X509_push(one, root);
	e = wire_cms_verify(WIRE_C_ORDER,
	    base_buf_span(&world_answer.items[0].data), one, world_time,
	    &content, &who);
	wire_signer_clear(&who);
	base_buf_free(&content);
	sk_X509_free(one);
	return e == BASE_OK;
}

/* While the management root rolls: either generation is enough to believe. */
START_TEST(signed_by_two_generations)
{
	X509 *new = world_root("management", 2), *x;
	struct wire_tbs t = world_tbs(WIRE_ORDER_CERT, "management", 2, "order",
	    base_buf_span(&world_key("management", 1, true)->spki));
	size_t one = signer.n;

	x = sign(&t, 2);
	ck_assert_int_eq(wire_x509_to_der(x, &signer), BASE_OK);
	X509_free(x);
	ck_assert_int_eq(ask(), BASE_OK);
	ck_assert(verifies_under(sk_X509_value(trust, 0)));
	ck_assert(verifies_under(new));
	signer.n = one;
	ck_assert_int_eq(ask(), BASE_OK);
	ck_assert(!verifies_under(new));
	/* the same twice; one of somebody else */
	ck_assert_int_eq(base_buf_put(&signer, signer.p, one), BASE_OK);
	ck_assert_int_eq(ask(), BASE_E_REFUSED);
	signer.n = one;
	ck_assert_int_eq(wire_x509_to_der(old_cert, &signer), BASE_OK);
	ck_assert_int_eq(ask(), BASE_E_REFUSED);
	X509_free(new);
}
END_TEST

START_TEST(signer_certificate_that_is_over)
{
	struct base_buf der;

	base_buf_init(&der, 0);
	world_time.ms += 81 * WORLD_DAY;
	ck_assert_int_eq(wire_order_compose(&o, &der), BASE_OK);
	ck_assert_int_eq(ask_der(&der), BASE_E_EXPIRED);
	world_time.ms -= 81 * WORLD_DAY;
	ck_assert_int_eq(ask_der(&der), BASE_OK);
	base_buf_free(&der);
}
END_TEST

START_TEST(no_orders)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_ORDERS,
		.cert = signer,
		.key = { .root = "management",
		    .generation = 1,
		    .order_signer = true,
		    .alg = WIRE_P256 } };

	ck_assert_int_eq(world_ask(&r), BASE_E_REFUSED);
	ck_assert_uint_eq(world_answer.nitems, 0);
}
END_TEST

START_TEST(signer_key_of_a_root)
{
	struct base_buf item = { 0 };
	struct wire_hsm_request r = { .type = WIRE_HSM_ORDERS,
		.nitems = 1,
		.items = &item,
		.cert = signer,
		.key = { .root = "management",
		    .generation = 1,
		    .alg = WIRE_P256 } };

	ck_assert_int_eq(world_ask(&r), BASE_E_NOTFOUND);
}
END_TEST

TCase *
case_req_orders(void)
{
	TCase *t = tcase_create("req_orders");

	tcase_set_timeout(t, 60);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, order_is_signed_and_verifies);
	tcase_add_test(t, order_trailing_bytes);
	tcase_add_test(t, order_dates);
	tcase_add_test(t, order_names);
	tcase_add_test(t, order_generations);
	tcase_add_test(t, order_other_certificate);
	tcase_add_test(t, order_foreign_root);
	tcase_add_test(t, order_stale_canary);
	tcase_add_test(t, order_after_rebinding);
	tcase_add_test(t, signer_certificate_of_another);
	tcase_add_test(t, signed_by_two_generations);
	tcase_add_test(t, signer_certificate_that_is_over);
	tcase_add_test(t, no_orders);
	tcase_add_test(t, signer_key_of_a_root);
	return t;
}
