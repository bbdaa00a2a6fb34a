/* Unit tests of wire/name.c. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/wire/suites.h"
#include "wire/name.h"

static bool
valid(const char *s)
{
	return wire_dns_is_valid(s, strlen(s));
}

START_TEST(dns)
{
	char label[70], name[300] = "";

	ck_assert(valid("a"));
	ck_assert(valid("web1.acme.example"));
	ck_assert(valid("xn--bcher-kva.example"));
	ck_assert(valid("WEB1"));
	ck_assert(valid("1.a"));
	ck_assert(!valid(""));
	ck_assert(!valid("."));
	ck_assert(!valid(".a"));
	ck_assert(!valid("a."));
	ck_assert(!valid("a..b"));
	ck_assert(!valid("-a"));
	ck_assert(!valid("a-.b"));
	ck_assert(!valid("a_b"));
	ck_assert(!valid("*.a"));
	ck_assert(!valid("a b"));
	ck_assert(!valid("b\xc3\xbc"));
	ck_assert(!valid("10.0.0.1"));
	ck_assert(!wire_dns_is_valid("a\0b", 3));
	memset(label, 'x', sizeof(label));
	ck_assert(wire_dns_is_valid(label, 63));
	ck_assert(!wire_dns_is_valid(label, 64));
	for (int i = 0; i < 126; i++)
		strcat(name, "a.");
	strcat(name, "ab");
	ck_assert(wire_dns_is_valid(name, 253));
	ck_assert(!wire_dns_is_valid(name, 254));
}
END_TEST

START_TEST(san)
{
	static const char *const good[] = { "DNS:web1.acme.example",
		"IP:192.0.2.7", "IP:::1", "IP:2001:db8::7" };
	GENERAL_NAME *g = NULL;
	char *s = NULL;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(wire_san_from_text(good[i], &g), BASE_OK);
		ck_assert_int_eq(wire_san_to_text(g, &s), BASE_OK);
		ck_assert_str_eq(s, good[i]);
		GENERAL_NAME_free(g);
		free(s);
	}
	g = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_EMAIL, "a@b.example", 0);
	ck_assert_int_eq(wire_san_to_text(g, &s), BASE_E_SYNTAX);
	GENERAL_NAME_free(g);
	g = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_DNS, "*.b.example", 0);
	ck_assert_int_eq(wire_san_to_text(g, &s), BASE_E_SYNTAX);
	GENERAL_NAME_free(g);
}
END_TEST

TCase *
case_name(void)
{
	TCase *c = tcase_create("name");

	tcase_add_test(c, dns);
	tcase_add_test(c, san);
	return c;
}
