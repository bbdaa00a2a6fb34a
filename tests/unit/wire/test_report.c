/* Reports: reasons, inventories, bounds. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static enum base_err
round_trip(const struct wire_report *in, struct wire_report *out)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = wire_report_compose(in, &der)) == BASE_OK)
		e = wire_report_parse(base_buf_span(&der), out);
	base_buf_free(&der);
	return e;
}

START_TEST(test_fields)
{
	struct wire_report r = sample_report(), p;

	OK(round_trip(&r, &p));
	ck_assert_str_eq(p.node, "app1");
	ck_assert_str_eq(p.reason, r.reason);
	ck_assert_uint_eq(p.status, WIRE_FAILED);
	ck_assert_uint_eq(p.number, r.number);
	ck_assert_uint_eq(p.ninventory, 2);
	ck_assert_str_eq(p.inventory[1].root, "office");
	ck_assert_uint_eq(p.inventory[1].trust, UINT64_MAX);
	ck_assert(p.inventory[0].bridging && !p.inventory[1].bridging);
	ck_assert_mem_eq(p.inventory[0].probe_digest,
	    r.inventory[0].probe_digest, 32);
}
END_TEST

/* An application's words may be any bytes: the report must go out. */
START_TEST(test_reason_is_mended)
{
	struct wire_report r = sample_report(), p;

	strcpy(r.reason, "bad \xff\xc3 byte");
	OK(round_trip(&r, &p));
	ck_assert_str_eq(p.reason, "bad ?? byte");
	memset(r.reason, 'x', sizeof(r.reason)); /* no NUL */
	OK(round_trip(&r, &p));
	ck_assert_uint_eq(strlen(p.reason), sizeof(r.reason) - 1);
}
END_TEST

START_TEST(test_reason_belongs)
{
	struct wire_report r = sample_report(), p;

	r.status = WIRE_EFFECTIVE;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_SYNTAX);
	r.reason[0] = '\0';
	OK(round_trip(&r, &p));
	r.status = WIRE_ORDER_REFUSED;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_SYNTAX);
	r.status = WIRE_STALE;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_SYNTAX);
	strcpy(r.reason, "canary expired");
	OK(round_trip(&r, &p));
	ck_assert_int_eq(p.status, WIRE_STALE);
	r.status = WIRE_HELD;
	OK(round_trip(&r, &p));
	ck_assert_int_eq(p.status, WIRE_HELD);
	r.reason[0] = '\0';
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_SYNTAX);
}
END_TEST

START_TEST(test_kicked_belongs)
{
	struct wire_report r = sample_report(), p;

	r.kicked = true;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_SYNTAX);
	r.status = WIRE_EFFECTIVE;
	r.reason[0] = '\0';
	OK(round_trip(&r, &p));
	ck_assert(p.kicked);
	r.kicked = false;
	OK(round_trip(&r, &p));
	ck_assert(!p.kicked);
}
END_TEST

START_TEST(test_bounds)
{
	struct wire_report r = sample_report(), p;

	r.epoch = 0;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_RANGE);
	r = sample_report();
	r.status = (enum wire_status)7;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_RANGE);
	r = sample_report();
	r.proof = (enum wire_proof)3;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_RANGE);
	r = sample_report();
	r.ninventory = WIRE_INVENTORY_MAX + 1;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_RANGE);
	r = sample_report();
	r.inventory[0].cert = WIRE_GENERATION_MAX + 1;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_RANGE);
	r = sample_report();
	r.inventory[1].highest = UINT64_MAX;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_RANGE);
	r = sample_report();
	strcpy(r.inventory[1].root, "plant");
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_SYNTAX);
	r = sample_report();
	strcpy(r.inventory[1].root, "Not A Name");
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_SYNTAX);
	r = sample_report();
	r.number = UINT64_MAX;
	ck_assert_int_eq(round_trip(&r, &p), BASE_E_RANGE);
	r = sample_report();
	r.ninventory = r.number = 0;
	OK(round_trip(&r, &p));
}
END_TEST

TCase *
case_report(void)
{
	TCase *tc = tcase_create("report");

	tcase_add_test(tc, test_fields);
	tcase_add_test(tc, test_reason_is_mended);
	tcase_add_test(tc, test_reason_belongs);
	tcase_add_test(tc, test_kicked_belongs);
	tcase_add_test(tc, test_bounds);
	return tc;
}
