/* Acks: fields, bounds, and that nothing is left of a refused one. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static struct wire_ack
good(void)
{
	struct wire_ack a = { .fleet = FLEET,
		.node = "app1",
		.root = "plant",
		.epoch = 7 };

	memset(a.report_digest, 0x5a, sizeof(a.report_digest));
	return a;
}

static enum base_err
compose(const struct wire_ack *a)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	e = wire_ack_compose(a, &der);
	base_buf_free(&der);
	return e;
}

START_TEST(fields)
{
	struct wire_ack a = good(), p;
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_ack_compose(&a, &der));
	OK(wire_ack_parse(base_buf_span(&der), &p));
	ck_assert_str_eq(p.fleet, FLEET);
	ck_assert_str_eq(p.node, "app1");
	ck_assert_str_eq(p.root, "plant");
	ck_assert_uint_eq(p.epoch, 7);
	ck_assert_mem_eq(p.report_digest, a.report_digest, 32);
	base_buf_free(&der);
}
END_TEST

START_TEST(bounds)
{
	struct wire_ack a = good();

	a.epoch = INT64_MAX;
	OK(compose(&a));
	a.epoch++;
	ck_assert_int_eq(compose(&a), BASE_E_RANGE);
	a.epoch = 0;
	ck_assert_int_eq(compose(&a), BASE_E_RANGE);
	a = good();
	strcpy(a.fleet, "Acme");
	ck_assert_int_eq(compose(&a), BASE_E_SYNTAX);
	a = good();
	strcpy(a.node, "");
	ck_assert_int_eq(compose(&a), BASE_E_SYNTAX);
	a = good();
	strcpy(a.root, "a/b");
	ck_assert_int_eq(compose(&a), BASE_E_SYNTAX);
}
END_TEST

/* The first byte with this value, in a message that a test spoils. */
static uint8_t *
find(struct base_buf *der, const char *bytes)
{
	uint8_t *at = memmem(der->p, der->n, bytes, strlen(bytes));

	ck_assert_ptr_nonnull(at);
	return at;
}

START_TEST(refused_ones_leave_nothing)
{
	struct wire_ack a = good(), p, none = { 0 };
	struct base_buf der;
	uint8_t *at;

	base_buf_init(&der, 0);
	OK(wire_ack_compose(&a, &der));
	at = find(&der, "\x02\x01\x07"); /* the epoch */
	at[2] = 0;
	ck_assert_int_eq(wire_ack_parse(base_buf_span(&der), &p), BASE_E_RANGE);
	ck_assert_mem_eq(&p, &none, sizeof(p));
	at[2] = 7;
	at = find(&der, "\x02\x01\x01"); /* the version */
	at[2] = 2;
	ck_assert_int_ne(wire_ack_parse(base_buf_span(&der), &p), BASE_OK);
	ck_assert_mem_eq(&p, &none, sizeof(p));
	at[2] = 1;
	*find(&der, "plant") = 'P';
	ck_assert_int_eq(wire_ack_parse(base_buf_span(&der), &p),
	    BASE_E_SYNTAX);
	ck_assert_mem_eq(&p, &none, sizeof(p));
	base_buf_free(&der);
}
END_TEST

TCase *
case_ack(void)
{
	TCase *c = tcase_create("ack");

	tcase_add_test(c, fields);
	tcase_add_test(c, bounds);
	tcase_add_test(c, refused_ones_leave_nothing);
	return c;
}
