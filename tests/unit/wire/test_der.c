/* Structures to bytes and back, to the last byte; the name { O, CN }. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/der.h"

static WIRE_DN *
dn(const char *fleet, const char *cn)
{
	WIRE_DN *d = wire_der_new(ASN1_ITEM_rptr(WIRE_DN));

	wire_dn_set(d, fleet, cn);
	return d;
}

static void
dn_free(WIRE_DN *d)
{
	ASN1_item_free((ASN1_VALUE *)d, ASN1_ITEM_rptr(WIRE_DN));
}

START_TEST(round_trip)
{
	char fleet[BASE_NAME_MAX + 1], cn[BASE_NAME_MAX + 1];
	WIRE_DN *d = dn(FLEET, "web1"), *got;
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_der_put(d, ASN1_ITEM_rptr(WIRE_DN), &der));
	dn_free(d);
	got = wire_der_get(base_buf_span(&der), ASN1_ITEM_rptr(WIRE_DN));
	ck_assert_ptr_nonnull(got);
	ck_assert(wire_dn_get(got, fleet, cn));
	ck_assert_str_eq(fleet, FLEET);
	ck_assert_str_eq(cn, "web1");
	dn_free(got);
	base_buf_free(&der);
}
END_TEST

START_TEST(one_structure_and_nothing_else)
{
	WIRE_DN *d = dn(FLEET, "web1");
	struct base_buf der;
	struct base_span s;

	base_buf_init(&der, 0);
	OK(wire_der_put(d, ASN1_ITEM_rptr(WIRE_DN), &der));
	OK(base_buf_put_u8(&der, 0));
	s = base_buf_span(&der);
	ck_assert_ptr_null(wire_der_get(s, ASN1_ITEM_rptr(WIRE_DN)));
	s.n -= 2;
	ck_assert_ptr_null(wire_der_get(s, ASN1_ITEM_rptr(WIRE_DN)));
	s.n = 0;
	ck_assert_ptr_null(wire_der_get(s, ASN1_ITEM_rptr(WIRE_DN)));
	base_buf_free(&der);
	/* a buffer that is too small says so */
	base_buf_init(&der, 10);
	ck_assert_int_eq(wire_der_put(d, ASN1_ITEM_rptr(WIRE_DN), &der),
	    BASE_E_RANGE);
	base_buf_free(&der);
	dn_free(d);
}
END_TEST

START_TEST(names)
{
	static const struct {
		const char *fleet, *cn;
		bool good;
	} rows[] = { { "a", "b", true }, { "", "web1", false },
		{ FLEET, "", false }, { FLEET, "Web1", false },
		{ FLEET, "web1.", false },
		{ FLEET,
		    "a123456789b123456789c123456789d123456789e123456789f123",
		    true },
		{ FLEET,
		    "a123456789b123456789c123456789d123456789e123456789f1234567"
		    "89",
		    true },
		{ FLEET,
		    "a123456789b123456789c123456789d123456789e123456789f1234567"
		    "89abcd",
		    false } };
	char fleet[BASE_NAME_MAX + 1], cn[BASE_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		WIRE_DN *d = dn(rows[i].fleet, rows[i].cn);

		ck_assert_msg(wire_dn_get(d, fleet, cn) == rows[i].good,
		    "row %zu", i);
		dn_free(d);
	}
}
END_TEST

/* Two of a kind, none, and a zero byte in the middle. */
START_TEST(odd_names)
{
	char fleet[BASE_NAME_MAX + 1], cn[BASE_NAME_MAX + 1];
	WIRE_DN *d = dn(FLEET, "web1");

	wire_dn_set(d, FLEET, "web2");
	ck_assert(!wire_dn_get(d, fleet, cn));
	dn_free(d);
	d = wire_der_new(ASN1_ITEM_rptr(WIRE_DN));
	ck_assert(!wire_dn_get(d, fleet, cn));
	dn_free(d);
	d = dn(FLEET, "web1");
	wire_der_set(sk_WIRE_AVA_value(d->cn, 0)->value,
	    (struct base_span){ (const uint8_t *)"web\0001", 5 });
	ck_assert_uint_eq(wire_der_bytes(sk_WIRE_AVA_value(d->cn, 0)->value).n,
	    5);
	ck_assert(!wire_dn_get(d, fleet, cn));
	dn_free(d);
}
END_TEST

START_TEST(spans)
{
	struct base_span none = { NULL, 0 };

	ck_assert(wire_span_is_equal(STR("ab"), STR("ab")));
	ck_assert(!wire_span_is_equal(STR("ab"), STR("ac")));
	ck_assert(!wire_span_is_equal(STR("ab"), STR("a")));
	ck_assert(wire_span_is_equal(none, STR("")));
}
END_TEST

TCase *
case_der(void)
{
	TCase *c = tcase_create("der");

	tcase_add_test(c, round_trip);
	tcase_add_test(c, one_structure_and_nothing_else);
	tcase_add_test(c, names);
	tcase_add_test(c, odd_names);
	tcase_add_test(c, spans);
	return c;
}
