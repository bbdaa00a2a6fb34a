/* The node that a certificate speaks for: one CN, and the first dNSName. */
#include <string.h>

#include "tests/unit/wire/odd.h"
#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

#define ROOT fleet_key(WIRE_P256, 0)
#define KEY  fleet_key(WIRE_P256, 1)

static enum base_err
node_of(const char *cn, const char *names, char out[BASE_NAME_MAX + 1])
{
	struct odd o = { .cn = cn, .key = KEY, .exts = { names } };
	X509 *x = odd_make(&o);
	enum base_err e = wire_x509_node(x, out);

	X509_free(x);
	return e;
}

START_TEST(its_own)
{
	struct wire_tbs t =
	    fleet_tbs(WIRE_NODE_CERT, "plant", "web1", KEY, ROOT);
	char node[BASE_NAME_MAX + 1];
	X509 *x;

	t.san[t.nsan++] = "DNS:www.acme.example";
	x = fleet_issue(&t, ROOT);
	OK(wire_x509_node(x, node));
	ck_assert_str_eq(node, "web1");
	X509_free(x);
	/* an address in front is no dNSName */
	OK(node_of("web1", "subjectAltName=IP:192.0.2.1,DNS:web1", node));
	ck_assert_str_eq(node, "web1");
}
END_TEST

START_TEST(somebody_elses)
{
	static const struct {
		const char *cn, *names;
	} rows[] = { { "web1", "subjectAltName=DNS:web2,DNS:web1" },
		{ "web1", "subjectAltName=DNS:web11" },
		{ "web1", "subjectAltName=DNS:web" },
		{ "web1", "subjectAltName=DNS:WEB1" },
		{ "web1", "subjectAltName=IP:192.0.2.1" }, { "web1", NULL },
		{ NULL, "subjectAltName=DNS:web1" },
		{ "Web1", "subjectAltName=DNS:Web1" },
		{ "web1/x", "subjectAltName=DNS:web1" },
		{ "a123456789b123456789c123456789d123456789e123456789f123456789"
		  "abcd",
		    "subjectAltName=DNS:web1" } };
	char node[BASE_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(node_of(rows[i].cn, rows[i].names, node) ==
			BASE_E_REFUSED,
		    "row %zu", i);
}
END_TEST

static X509 *
with_cn(const char *p, int n)
{
	struct odd o = { .cn = "web1",
		.key = KEY,
		.exts = { "subjectAltName=DNS:web1" } };
	X509 *x = odd_make(&o);

	ck_assert_int_eq(X509_NAME_add_entry_by_NID(X509_get_subject_name(x),
			     NID_commonName, MBSTRING_ASC, (const uint8_t *)p,
			     n, -1, 0),
	    1);
	return x;
}

/* Two names, the same one twice, and one that a zero byte cuts. */
START_TEST(more_than_one)
{
	char node[BASE_NAME_MAX + 1];
	X509 *x = with_cn("web1", 4);
	X509_NAME *dn;

	ck_assert_int_eq(wire_x509_node(x, node), BASE_E_REFUSED);
	X509_free(x);
	x = with_cn("web1\0evil", 9);
	dn = X509_get_subject_name(x);
	X509_NAME_ENTRY_free(X509_NAME_delete_entry(dn, 0));
	ck_assert_int_eq(wire_x509_node(x, node), BASE_E_REFUSED);
	X509_free(x);
}
END_TEST

TCase *
case_node(void)
{
	TCase *c = tcase_create("node");

	tcase_add_test(c, its_own);
	tcase_add_test(c, somebody_elses);
	tcase_add_test(c, more_than_one);
	return c;
}
