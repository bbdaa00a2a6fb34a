/* Parcels and exchanges: directions, routes, bounds. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static enum base_err
compose(const struct wire_parcel *p)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	e = wire_parcel_compose(p, &der);
	base_buf_free(&der);
	return e;
}

START_TEST(test_direction)
{
	struct wire_parcel p = sample_parcel();

	OK(compose(&p));
	p.down = false;
	ck_assert_int_eq(compose(&p), BASE_E_SYNTAX);
	p.kind = WIRE_P_REPORT;
	OK(compose(&p));
	p.kind = WIRE_P_STOCK;
	OK(compose(&p));
	p.kind = WIRE_P_ACK;
	ck_assert_int_eq(compose(&p), BASE_E_SYNTAX);
	p.down = true;
	OK(compose(&p));
	p.kind = WIRE_P_STOCK;
	ck_assert_int_eq(compose(&p), BASE_E_SYNTAX);
	p.kind = WIRE_P_JOIN;
	ck_assert_int_eq(compose(&p), BASE_E_SYNTAX);
	p.kind = WIRE_P_JOIN_ANSWER;
	OK(compose(&p));
	p.kind = WIRE_P_INVITE;
	OK(compose(&p));
	p.down = false;
	ck_assert_int_eq(compose(&p), BASE_E_SYNTAX);
	p.kind = WIRE_P_JOIN;
	OK(compose(&p));
	p.kind = (enum wire_parcel_kind)(WIRE_P_HANDED + 1);
	ck_assert_int_eq(compose(&p), BASE_E_RANGE);
	wire_parcel_clear(&p);
}
END_TEST

START_TEST(test_route)
{
	struct wire_parcel p = sample_parcel();

	strcpy(p.route[1], "web1");
	ck_assert_int_eq(compose(&p), BASE_E_SYNTAX);
	strcpy(p.route[1], "../etc");
	ck_assert_int_eq(compose(&p), BASE_E_SYNTAX);
	p.nroute = 0;
	ck_assert_int_eq(compose(&p), BASE_E_RANGE);
	p.nroute = WIRE_ROUTE_MAX + 1;
	ck_assert_int_eq(compose(&p), BASE_E_RANGE);
	wire_parcel_clear(&p);
}
END_TEST

START_TEST(test_content)
{
	struct wire_parcel p = sample_parcel();
	uint8_t *big = base_alloc(WIRE_PARCEL_MAX + 1);

	base_buf_free(&p.content);
	ck_assert_int_eq(compose(&p), BASE_E_RANGE);
	p.content = sample_bytes(big, WIRE_PARCEL_MAX);
	OK(compose(&p));
	OK(base_buf_put_u8(&p.content, 0));
	ck_assert_int_eq(compose(&p), BASE_E_RANGE);
	free(big);
	wire_parcel_clear(&p);
}
END_TEST

START_TEST(test_exchange)
{
	struct wire_exchange x = sample_exchange();
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_exchange_compose(&x, &der));
	x.wait_ms = WIRE_WAIT_MAX + 1;
	ck_assert_int_eq(wire_exchange_compose(&x, &der), BASE_E_RANGE);
	x.wait_ms = 0;
	x.from[0] = '\0';
	ck_assert_int_eq(wire_exchange_compose(&x, &der), BASE_E_SYNTAX);
	wire_exchange_clear(&x);
	base_buf_free(&der);
}
END_TEST

START_TEST(test_exchange_many)
{
	struct wire_exchange x = { .from = "ca" }, y;
	struct base_buf der;

	base_buf_init(&der, 0);
	x.nparcels = WIRE_PARCELS;
	x.parcels = base_alloc((WIRE_PARCELS + 1) * sizeof(*x.parcels));
	for (size_t i = 0; i <= WIRE_PARCELS; i++)
		x.parcels[i] = sample_parcel();
	OK(wire_exchange_compose(&x, &der));
	OK(wire_exchange_parse(base_buf_span(&der), &y));
	ck_assert_uint_eq(y.nparcels, WIRE_PARCELS);
	ck_assert_uint_eq(y.hello.n, 0);
	wire_exchange_clear(&y);
	x.nparcels++;
	ck_assert_int_eq(wire_exchange_compose(&x, &der), BASE_E_RANGE);
	wire_exchange_clear(&x);
	base_buf_free(&der);
}
END_TEST

TCase *
case_exchange(void)
{
	TCase *tc = tcase_create("exchange");

	tcase_add_test(tc, test_direction);
	tcase_add_test(tc, test_route);
	tcase_add_test(tc, test_content);
	tcase_add_test(tc, test_exchange);
	tcase_add_test(tc, test_exchange_many);
	return tc;
}
