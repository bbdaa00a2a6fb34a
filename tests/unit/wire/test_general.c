/* GeneralNames: well formed as a name, as a constraint, and where to fetch. */
#include <string.h>

#include <openssl/x509v3.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/general.h"

/* A form that is a string: DNS, EMAIL, URI and IPADD. */
static GENERAL_NAME *
name(int type, const char *p, size_t n)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_STRING *s = ASN1_STRING_type_new(
	    type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

	ck_assert_int_eq(ASN1_STRING_set(s, p, (int)n), 1);
	GENERAL_NAME_set0_value(g, type, s);
	return g;
}

static const struct {
	int type;
	const char *text;
	bool name, constraint;
} rows[] = {
	{ GEN_DNS, "web1.example", true, true },
	{ GEN_DNS, "*.example", true, false },
	{ GEN_DNS, "a*.example", false, false },
	{ GEN_DNS, "*", false, false },
	{ GEN_DNS, ".example", false, false },
	{ GEN_DNS, "", false, true },
	{ GEN_DNS, "a_b", false, false },
	{ GEN_EMAIL, "ops@acme.example", true, true },
	{ GEN_EMAIL, "@acme.example", false, false },
	{ GEN_EMAIL, "o ps@acme.example", false, false },
	{ GEN_EMAIL, "a@b@acme.example", false, false },
	{ GEN_EMAIL, "a<b@acme.example", false, false },
	{ GEN_EMAIL, "acme.example", false, true },
	{ GEN_EMAIL, ".acme.example", false, true },
	{ GEN_EMAIL, "..acme.example", false, false },
	{ GEN_EMAIL, "", false, false },
	{ GEN_URI, "http://acme.example/x", true, false },
	{ GEN_URI, "urn:x", true, false },
	{ GEN_URI, "acme.example", false, true },
	{ GEN_URI, ".acme.example", false, true },
	{ GEN_URI, "1a:x", false, false },
	{ GEN_URI, "http:", false, false },
	{ GEN_URI, "http://a b", false, false },
	{ GEN_URI, ":x", false, false },
};

START_TEST(texts)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		GENERAL_SUBTREE *s = GENERAL_SUBTREE_new();

		GENERAL_NAME_free(s->base);
		s->base =
		    name(rows[i].type, rows[i].text, strlen(rows[i].text));
		ck_assert_msg((wire_general_fault(s->base) == NULL) ==
			rows[i].name,
		    "name %d '%s'", rows[i].type, rows[i].text);
		ck_assert_msg((wire_constraint_fault(s) == NULL) ==
			rows[i].constraint,
		    "constraint %d '%s'", rows[i].type, rows[i].text);
		GENERAL_SUBTREE_free(s);
	}
}
END_TEST

START_TEST(addresses)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool name, constraint;
	} a[] = {
		{ "\xc0\x00\x02\x01", 4, true, false },
		{ "\xc0\x00\x02", 3, false, false },
		{ "0123456789abcdef", 16, true, false },
		{ "\xc0\x00\x02\x00\xff\xff\xff\x00", 8, false, true },
		{ "\xc0\x00\x02\x00\xff\xff\xff\x80", 8, false, true },
		{ "\xc0\x00\x02\x00\xff\x00\xff\x00", 8, false, false },
		{ "\xc0\x00\x02\x00\xff\xff\xff\x01", 8, false, false },
		{ "\0\0\0\0\0\0\0\0", 8, false, true },
		{ "0123456789abcdef\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0",
		    32, false, true },
		{ "0123456789abcdef\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0", 31,
		    false, false },
	};

	for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++) {
		GENERAL_SUBTREE *s = GENERAL_SUBTREE_new();

		GENERAL_NAME_free(s->base);
		s->base = name(GEN_IPADD, a[i].bytes, a[i].n);
		ck_assert_msg((wire_general_fault(s->base) == NULL) ==
			a[i].name,
		    "name %zu", i);
		ck_assert_msg((wire_constraint_fault(s) == NULL) ==
			a[i].constraint,
		    "constraint %zu", i);
		GENERAL_SUBTREE_free(s);
	}
}
END_TEST

/* RFC 5280 4.2.1.10: minimum 0, no maximum. */
START_TEST(bounds_of_a_constraint)
{
	GENERAL_SUBTREE *s = GENERAL_SUBTREE_new();

	GENERAL_NAME_free(s->base);
	s->base = name(GEN_DNS, "acme.example", 12);
	s->minimum = ASN1_INTEGER_new();
	ASN1_INTEGER_set(s->minimum, 0);
	ck_assert_ptr_null(wire_constraint_fault(s));
	ASN1_INTEGER_set(s->minimum, 1);
	ck_assert_ptr_nonnull(wire_constraint_fault(s));
	ASN1_INTEGER_set(s->minimum, 0);
	s->maximum = ASN1_INTEGER_new();
	ck_assert_ptr_nonnull(wire_constraint_fault(s));
	GENERAL_SUBTREE_free(s);
}
END_TEST

START_TEST(wildcards)
{
	static const struct {
		const char *wildcard, *base;
		bool may;
	} w[] = { { "*.acme.example", "x.acme.example", true },
		{ "*.ACME.example", "x.acme.example", true },
		{ "*.acme.example", "acme.example", false },
		{ "*.acme.example", "x.y.acme.example", false },
		{ "*.acme.example", "x.bcme.example", false },
		{ "x.acme.example", "x.acme.example", false },
		{ "*.acme.example", "", false },
		{ "*.acme.example", "example", false } };

	for (size_t i = 0; i < sizeof(w) / sizeof(w[0]); i++) {
		GENERAL_NAME *a =
		    name(GEN_DNS, w[i].wildcard, strlen(w[i].wildcard));
		GENERAL_NAME *b = name(GEN_DNS, w[i].base, strlen(w[i].base));

		ck_assert_msg(wire_wildcard_may_match(a->d.dNSName,
				  b->d.dNSName) == w[i].may,
		    "%s, %s", w[i].wildcard, w[i].base);
		GENERAL_NAME_free(a);
		GENERAL_NAME_free(b);
	}
}
END_TEST

START_TEST(places)
{
	DIST_POINT_NAME *p = DIST_POINT_NAME_new();

	ck_assert(wire_dist_point_is_good(NULL));
	p->type = 0;
	p->name.fullname = GENERAL_NAMES_new();
	sk_GENERAL_NAME_push(p->name.fullname, name(GEN_URI, "http://a/x", 10));
	ck_assert(wire_dist_point_is_good(p));
	sk_GENERAL_NAME_push(p->name.fullname, name(GEN_DNS, "a", 1));
	ck_assert(!wire_dist_point_is_good(p));
	DIST_POINT_NAME_free(p);
}
END_TEST

/* RFC 5280 4.1.2.5: the form goes by the year. */
START_TEST(dates)
{
	static const struct {
		int type;
		const char *text;
		bool good;
	} d[] = { { V_ASN1_UTCTIME, "491231235959Z", true },
		{ V_ASN1_GENERALIZEDTIME, "20491231235959Z", false },
		{ V_ASN1_GENERALIZEDTIME, "20500101000000Z", true },
		{ V_ASN1_UTCTIME, "500101000000Z", true }, /* 1950 */
		{ V_ASN1_GENERALIZEDTIME, "19500101000000Z", false },
		{ V_ASN1_UTCTIME, "never", false } };

	for (size_t i = 0; i < sizeof(d) / sizeof(d[0]); i++) {
		ASN1_TIME *t = ASN1_STRING_type_new(d[i].type);

		ASN1_STRING_set(t, d[i].text, -1);
		ck_assert_msg(wire_date_is_good(t) == d[i].good, "%s",
		    d[i].text);
		ASN1_STRING_free(t);
	}
}
END_TEST

TCase *
case_general(void)
{
	TCase *c = tcase_create("general");

	tcase_add_test(c, texts);
	tcase_add_test(c, addresses);
	tcase_add_test(c, bounds_of_a_constraint);
	tcase_add_test(c, wildcards);
	tcase_add_test(c, places);
	tcase_add_test(c, dates);
	return c;
}
