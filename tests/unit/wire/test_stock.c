/* Stocks: fields and bounds; what is in an inventory is test_report's. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static enum base_err
round_trip(const struct wire_stock *in, struct wire_stock *out)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = wire_stock_compose(in, &der)) == BASE_OK)
		e = wire_stock_parse(base_buf_span(&der), out);
	base_buf_free(&der);
	return e;
}

START_TEST(test_fields)
{
	struct wire_stock s = sample_stock(), p;

	OK(round_trip(&s, &p));
	ck_assert_str_eq(p.node, "app1");
	ck_assert_uint_eq(p.number, s.number);
	ck_assert_uint_eq(p.ninventory, 2);
	ck_assert_str_eq(p.inventory[1].root, "office");
	ck_assert_mem_eq(p.inventory[0].store_id, s.inventory[0].store_id, 16);
	ck_assert_mem_eq(p.inventory[1].boot_id, s.inventory[1].boot_id, 16);
	ck_assert_uint_eq(p.inventory[0].trust, 3);
}
END_TEST

START_TEST(test_bounds)
{
	struct wire_stock s = sample_stock(), p;

	s.number = 0;
	ck_assert_int_eq(round_trip(&s, &p), BASE_E_RANGE);
	s.number = UINT64_MAX;
	ck_assert_int_eq(round_trip(&s, &p), BASE_E_RANGE);
	s = sample_stock();
	s.ninventory = WIRE_INVENTORY_MAX + 1;
	ck_assert_int_eq(round_trip(&s, &p), BASE_E_RANGE);
	s = sample_stock();
	strcpy(s.inventory[1].root, "plant");
	ck_assert_int_eq(round_trip(&s, &p), BASE_E_SYNTAX);
	s = sample_stock();
	strcpy(s.node, "Not A Name");
	ck_assert_int_eq(round_trip(&s, &p), BASE_E_SYNTAX);
	s = sample_stock();
	s.ninventory = 0;
	OK(round_trip(&s, &p));
}
END_TEST

/* What a report says is no stock, and the other way round. */
START_TEST(test_is_no_report)
{
	struct wire_stock s = sample_stock();
	struct wire_report r = sample_report();
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_report_compose(&r, &der));
	ck_assert_int_ne(wire_stock_parse(base_buf_span(&der), &s), BASE_OK);
	base_buf_clear(&der);
	s = sample_stock();
	OK(wire_stock_compose(&s, &der));
	ck_assert_int_ne(wire_report_parse(base_buf_span(&der), &r), BASE_OK);
	base_buf_free(&der);
}
END_TEST

TCase *
case_stock(void)
{
	TCase *tc = tcase_create("stock");

	tcase_add_test(tc, test_fields);
	tcase_add_test(tc, test_bounds);
	tcase_add_test(tc, test_is_no_report);
	return tc;
}
