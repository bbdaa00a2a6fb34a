/*
 * What the node says of an order and of itself: signed by its management
 * identity, in numbers that grow.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

static struct ag_boot boot;
static struct wire_order order;

static void
setup(void)
{
	node_new();
	node_up("");
	memset(&boot, 0, sizeof boot);
	memset(boot.id, 7, sizeof boot.id);
	order = rig_order(WIRE_STEP_TRUST);
}

static void
teardown(void)
{
	wire_order_clear(&order);
	node_down();
	node_remove();
}

static struct ag_work_conf
where(void)
{
	return (struct ag_work_conf){ .eb = eb,
		.conf = conf,
		.store = store,
		.holdings = &held };
}

static STACK_OF(X509) *
roots(void)
{
	return fleet_stack(rig_management(), NULL);
}

/* As the CA opens it; the node must be its signer. */
static struct wire_report
opened(const struct base_buf *cms)
{
	STACK_OF(X509) *trust = roots();
	struct wire_signer s = { .cert = NULL };
	struct wire_report r;
	struct base_buf der;
	char node[BASE_NAME_MAX + 1];

	base_buf_init(&der, 0);
	OK(wire_cms_verify(WIRE_C_REPORT, base_buf_span(cms), trust,
	    base_time_now(), &der, &s));
	OK(wire_x509_node(s.cert, node));
	ck_assert_str_eq(node, NODE);
	OK(wire_report_parse(base_buf_span(&der), &r));
	wire_signer_clear(&s);
	base_buf_free(&der);
	sk_X509_pop_free(trust, X509_free);
	return r;
}

static struct wire_report
said(enum wire_status status, const char *reason)
{
	const struct ag_work_conf c = where();
	const uint8_t digest[32] = { 9 };
	const struct ag_verdict_text t = { .order = &order,
		.digest = digest,
		.status = status,
		.proof = WIRE_PROOF_PROBE,
		.reason = reason };
	struct wire_report r;
	struct base_buf cms;
	uint8_t of_der[32];

	base_buf_init(&cms, 0);
	OK(ag_report_make(&c, &boot, &t, &cms, of_der));
	r = opened(&cms);
	base_buf_free(&cms);
	return r;
}

START_TEST(of_an_order)
{
	struct wire_report r = said(WIRE_FAILED, "no such file");

	ck_assert_str_eq(r.fleet, "acme");
	ck_assert_str_eq(r.root, "plant");
	ck_assert_uint_eq(r.epoch, order.epoch);
	ck_assert_uint_eq(r.roll, order.roll);
	ck_assert_uint_eq(r.order_digest[0], 9);
	ck_assert_int_eq(r.status, WIRE_FAILED);
	ck_assert_str_eq(r.reason, "no such file");
	ck_assert(!r.kicked);
	wire_report_clear(&r);
}
END_TEST

START_TEST(with_all_that_it_holds)
{
	struct wire_report r = said(WIRE_EFFECTIVE, NULL);

	ck_assert_uint_eq(r.ninventory, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct wire_inventory *v = &r.inventory[i];

		ck_assert_mem_eq(v->boot_id, boot.id, 16);
		ck_assert_mem_eq(v->store_id, store->id, 16);
		if (strcmp(v->root, "plant") != 0)
			continue;
		ck_assert_uint_eq(v->trust, 1);
		ck_assert_uint_eq(v->cert, 1);
		ck_assert_uint_eq(v->highest, 1);
	}
	wire_report_clear(&r);
}
END_TEST

/* Each later than all before, also when the clock is not; and what a clock
 * far ahead gave, nobody has believed. */
START_TEST(numbers_grow)
{
	const uint64_t now = (uint64_t)base_time_now().ms;
	struct wire_report r = said(WIRE_EFFECTIVE, NULL);
	uint64_t first = r.number;

	wire_report_clear(&r);
	ck_assert_uint_ge(first, now);
	boot.number = now + 200000;
	r = said(WIRE_EFFECTIVE, NULL);
	ck_assert_uint_eq(r.number, now + 200001);
	wire_report_clear(&r);
	boot.number = now + 10000000;
	r = said(WIRE_EFFECTIVE, NULL);
	ck_assert_uint_lt(r.number, now + 200000);
	wire_report_clear(&r);
}
END_TEST

/* An inventory by itself is a stock, and no report. */
START_TEST(a_stock)
{
	const struct ag_work_conf c = where();
	STACK_OF(X509) *trust = roots();
	struct wire_signer s = { .cert = NULL };
	struct base_buf cms, der;

	base_buf_init(&cms, 0);
	base_buf_init(&der, 0);
	OK(ag_stock_make(&c, &boot, &cms));
	ck_assert_int_ne(wire_cms_verify(WIRE_C_REPORT, base_buf_span(&cms),
			     trust, base_time_now(), &der, &s),
	    BASE_OK);
	base_buf_clear(&der);
	OK(wire_cms_verify(WIRE_C_STOCK, base_buf_span(&cms), trust,
	    base_time_now(), &der, &s));
	wire_signer_clear(&s);
	base_buf_free(&der);
	base_buf_free(&cms);
	sk_X509_pop_free(trust, X509_free);
}
END_TEST

/* Under another certificate of the node the same words are signed again. */
START_TEST(signed_again)
{
	const struct ag_work_conf c = where();
	const uint8_t digest[32] = { 9 };
	const struct ag_verdict_text t = { .order = &order,
		.digest = digest,
		.status = WIRE_EFFECTIVE };
	struct ag_root *m = ag_holdings_find(&held, AG_MANAGEMENT);
	struct wire_report one, two;
	struct base_buf cms;
	uint8_t of_der[32];
	bool changed;

	base_buf_init(&cms, 0);
	OK(ag_report_make(&c, &boot, &t, &cms, of_der));
	one = opened(&cms);
	OK(ag_report_resign(&c, &cms, &changed));
	ck_assert(!changed);
	X509_free(m->bundle->cert);
	m->bundle->cert = rig_management_cert(WIRE_NODE_CERT, NODE,
	    rig_management_node_key());
	OK(ag_report_resign(&c, &cms, &changed));
	ck_assert(changed);
	two = opened(&cms);
	ck_assert_uint_eq(one.number, two.number);
	/* what nobody of ours signed is not */
	cms.p[cms.n - 1] ^= 1;
	ck_assert_int_ne(ag_report_resign(&c, &cms, &changed), BASE_OK);
	wire_report_clear(&one);
	wire_report_clear(&two);
	base_buf_free(&cms);
}
END_TEST

TCase *
case_report(void)
{
	TCase *t = tcase_create("report");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, of_an_order);
	tcase_add_test(t, with_all_that_it_holds);
	tcase_add_test(t, numbers_grow);
	tcase_add_test(t, a_stock);
	tcase_add_test(t, signed_again);
	return t;
}
