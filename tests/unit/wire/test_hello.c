/* Hellos: what a poller says of itself, to the second and to the byte. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static struct wire_hello
good(void)
{
	struct wire_hello h = { .fleet = FLEET, .node = "app1", .at = T0 };

	memset(h.binding, 0xc3, sizeof(h.binding));
	return h;
}

START_TEST(fields)
{
	struct wire_hello h = good(), p;
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_hello_compose(&h, &der));
	OK(wire_hello_parse(base_buf_span(&der), &p));
	ck_assert_str_eq(p.fleet, FLEET);
	ck_assert_str_eq(p.node, "app1");
	ck_assert_mem_eq(p.binding, h.binding, sizeof(h.binding));
	ck_assert_int_eq(p.at.ms, T0.ms);
	base_buf_free(&der);
}
END_TEST

START_TEST(names)
{
	struct wire_hello h = good();
	struct base_buf der;

	base_buf_init(&der, 0);
	strcpy(h.fleet, "a b");
	ck_assert_int_eq(wire_hello_compose(&h, &der), BASE_E_SYNTAX);
	h = good();
	strcpy(h.node, "-app1");
	ck_assert_int_eq(wire_hello_compose(&h, &der), BASE_E_SYNTAX);
	ck_assert_uint_eq(der.n, 0);
	base_buf_free(&der);
}
END_TEST

/* The binding is the proof: one byte less is no hello at all. */
START_TEST(a_short_binding)
{
	struct wire_hello h = good(), p, none = { 0 };
	struct base_buf der;
	uint8_t *at;

	base_buf_init(&der, 0);
	OK(wire_hello_compose(&h, &der));
	at = memmem(der.p, der.n, "\x04\x20\xc3", 3);
	ck_assert_ptr_nonnull(at);
	/* 31 bytes, and the rest moved up */
	at[1] = 31;
	memmove(at + 33, at + 34, (size_t)(der.p + der.n - (at + 34)));
	der.n--;
	der.p[1]--;
	ck_assert_int_eq(wire_hello_parse(base_buf_span(&der), &p),
	    BASE_E_SYNTAX);
	ck_assert_mem_eq(&p, &none, sizeof(p));
	base_buf_free(&der);
}
END_TEST

START_TEST(another_version)
{
	struct wire_hello h = good(), p;
	struct base_buf der;
	uint8_t *at;

	base_buf_init(&der, 0);
	OK(wire_hello_compose(&h, &der));
	at = memmem(der.p, der.n, "\x02\x01\x01", 3);
	ck_assert_ptr_nonnull(at);
	at[2] = 2;
	ck_assert_int_ne(wire_hello_parse(base_buf_span(&der), &p), BASE_OK);
	base_buf_free(&der);
}
END_TEST

TCase *
case_hello(void)
{
	TCase *c = tcase_create("hello");

	tcase_add_test(c, fields);
	tcase_add_test(c, names);
	tcase_add_test(c, a_short_binding);
	tcase_add_test(c, another_version);
	return c;
}
