/* Unit tests of agentd/order.c: whose order is it, and is it whole? */
#include <string.h>

#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static enum base_err
open_as(struct base_buf *cms, const char *fleet, const char *node,
    uint8_t digest[32])
{
	STACK_OF(X509) *roots = fleet_stack(rig_management(), NULL);
	struct ag_addressee us = { roots, fleet, node, NOW };
	struct wire_order o = { 0 };
	enum base_err e;

	e = ag_order_open(&us, base_buf_span(cms), &o, digest);
	wire_order_clear(&o);
	sk_X509_pop_free(roots, X509_free);
	return e;
}

static enum base_err
open_cms(struct base_buf *cms, const char *fleet, const char *node)
{
	uint8_t digest[32];

	return open_as(cms, fleet, node, digest);
}

START_TEST(open)
{
	struct wire_order o = rig_order(WIRE_STEP_TRUST);
	struct base_buf cms = rig_sign(&o, false);

	OK(open_cms(&cms, FLEET, NODE));
	NO(open_cms(&cms, FLEET, "web2"), BASE_E_DENIED);
	NO(open_cms(&cms, "other", NODE), BASE_E_DENIED);
	base_buf_free(&cms);
	wire_order_clear(&o);
}
END_TEST

/* A node of the same fleet cannot give orders. */
START_TEST(open_by_node)
{
	struct wire_order o = rig_order(WIRE_STEP_TRUST);
	struct base_buf cms = rig_sign(&o, true);

	ck_assert_int_ne(open_cms(&cms, FLEET, NODE), BASE_OK);
	base_buf_free(&cms);
	wire_order_clear(&o);
}
END_TEST

/* What is not signed (CMS's list of digest algorithms) may change; the order
 * may not. */
START_TEST(open_tampered)
{
	struct wire_order o = rig_order(WIRE_STEP_TRUST);
	struct base_buf cms = rig_sign(&o, false);
	uint8_t want[32], got[32];
	int passed = 0;

	OK(open_as(&cms, FLEET, NODE, want));
	for (size_t i = 0; i < cms.n; i += 7) {
		cms.p[i] ^= 0x10;
		if (open_as(&cms, FLEET, NODE, got) == BASE_OK) {
			ck_assert_mem_eq(got, want, 32);
			passed++;
		}
		cms.p[i] ^= 0x10;
	}
	ck_assert_int_lt(passed, 4);
	cms.n--;
	ck_assert_int_ne(open_cms(&cms, FLEET, NODE), BASE_OK);
	base_buf_free(&cms);
	wire_order_clear(&o);
}
END_TEST

TCase *
case_order_open(void)
{
	TCase *t = tcase_create("order open");

	tcase_add_test(t, open);
	tcase_add_test(t, open_by_node);
	tcase_add_test(t, open_tampered);
	return t;
}
