/* Unit tests of wire/crl.c, and of revocation in wire/verify.c. */
#include <string.h>

#include <openssl/x509v3.h>

#include "tests/unit/wire/odd.h"
#include "tests/unit/wire/suites.h"

#define ROOT   fleet_key(WIRE_P256, 0)
#define CA     fleet_key(WIRE_P256, 1)
#define NODE   fleet_key(WIRE_P256, 2)
#define LEAF   77
#define NUMBER "crlNumber=DER:020107"
#define AKI    "authorityKeyIdentifier=keyid:always"

static X509 *root, *ca, *leaf, *far_leaf;

static void
setup(void)
{
	struct odd o = { .cn = "root", .key = ROOT, .exts = { ODD_CA } };

	root = odd_make(&o);
	o = (struct odd){ .cn = "ca",
		.key = CA,
		.issuer = root,
		.issuer_key = ROOT,
		.exts = { ODD_CA } };
	ca = odd_make(&o);
	o = (struct odd){ .cn = "web1",
		.key = NODE,
		.issuer = root,
		.issuer_key = ROOT,
		.exts = { ODD_LEAF },
		.serial = LEAF };
	leaf = odd_make(&o);
	o.issuer = ca;
	o.issuer_key = CA;
	far_leaf = odd_make(&o);
}

static void
teardown(void)
{
	X509_free(root);
	X509_free(ca);
	X509_free(leaf);
	X509_free(far_leaf);
}

static struct odd_crl
crl_of_root(void)
{
	return (struct odd_crl){ .issuer = root,
		.key = ROOT,
		.from = 1,
		.until = 30,
		.exts = { NUMBER, AKI } };
}

/* x under root with these lists, up to two. */
static enum base_err
verify(X509 *x, const struct odd_crl *a, const struct odd_crl *b)
{
	struct wire_verify v = { .purpose = WIRE_SERVER,
		.now = ON(10),
		.max_depth = -1,
		.crls = sk_X509_CRL_new_null() };
	STACK_OF(X509) *trust = fleet_stack(root, NULL);
	STACK_OF(X509) *untrusted = fleet_stack(ca, NULL);
	enum base_err r;

	if (a != NULL)
		sk_X509_CRL_push(v.crls, odd_crl_make(a));
	if (b != NULL)
		sk_X509_CRL_push(v.crls, odd_crl_make(b));
	r = wire_verify_cert(&v, x, trust, untrusted, NULL);
	sk_X509_CRL_pop_free(v.crls, X509_CRL_free);
	sk_X509_pop_free(trust, X509_free);
	sk_X509_pop_free(untrusted, X509_free);
	return r;
}

START_TEST(revoked_or_not)
{
	static const int mine[] = { 3, LEAF, 0 }, others[] = { 3, 4, 0 };
	struct odd_crl c = crl_of_root();

	ck_assert_msg(verify(leaf, &c, NULL) == BASE_OK, "%s", base_why());
	c.serials = others;
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_OK);
	c.serials = mine;
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "revoked"));
}
END_TEST

/* Without a usable list nothing is known, so the answer is no. */
START_TEST(every_issuer_needs_one)
{
	struct odd_crl r = crl_of_root(), c = crl_of_root();
	struct odd other = { .cn = "other", .key = NODE, .exts = { ODD_CA } };
	static const int mine[] = { LEAF, 0 };

	ck_assert_int_ne(verify(leaf, NULL, NULL), BASE_OK);
	c.issuer = ca;
	c.key = CA;
	ck_assert_int_eq(verify(far_leaf, &r, &c), BASE_OK);
	ck_assert_int_ne(verify(far_leaf, &r, NULL), BASE_OK);
	ck_assert_int_ne(verify(far_leaf, &c, NULL), BASE_OK);
	/* the same number on a list of somebody else says nothing */
	c.serials = mine;
	ck_assert_int_eq(verify(leaf, &r, &c), BASE_OK);
	ck_assert_int_ne(verify(far_leaf, &r, &c), BASE_OK);
	c.issuer = odd_make(&other);
	c.key = NODE;
	ck_assert_int_eq(verify(leaf, &r, &c), BASE_OK);
	ck_assert_int_ne(verify(leaf, &c, NULL), BASE_OK);
	X509_free(c.issuer);
}
END_TEST

START_TEST(wrong_signature)
{
	struct odd_crl c = crl_of_root();

	c.key = NODE;
	ck_assert_int_ne(verify(leaf, &c, NULL), BASE_OK);
}
END_TEST

START_TEST(dates)
{
	struct odd_crl c = crl_of_root();

	c.until = 10;
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_OK);
	c.until = 9;
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_E_EXPIRED);
	c.until = 0; /* no nextUpdate */
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_E_REFUSED);
	c.until = 30;
	c.from = 10;
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_OK);
	c.from = 11;
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_E_EXPIRED);
}
END_TEST

START_TEST(extensions)
{
	static const struct {
		const char *a, *b, *c;
		bool good;
	} rows[] = {
		{ NUMBER, AKI, NULL, true },
		{ AKI, NULL, NULL, false },
		{ NUMBER, NULL, NULL, false },
		{ "crlNumber=critical,DER:020107", AKI, NULL, false },
		{ NUMBER, AKI, "1.2.3.4=ASN1:NULL", true },
		{ NUMBER, AKI, "1.2.3.4=critical,ASN1:NULL", false },
		{ NUMBER, AKI, NUMBER, false },
		{ NUMBER, AKI, "deltaCRL=critical,DER:020106", false },
		{ NUMBER, AKI, "issuingDistributionPoint=critical,onlyCA:TRUE",
		    false },
		{ NUMBER, AKI,
		    "issuingDistributionPoint=critical,onlyuser:TRUE", true },
		{ NUMBER, AKI, "issuingDistributionPoint=critical,onlyAA:TRUE",
		    false },
		{ NUMBER, AKI,
		    "issuingDistributionPoint=critical,indirectCRL:TRUE",
		    false },
		{ NUMBER, AKI,
		    "issuingDistributionPoint=critical,"
		    "fullname:URI:http://a.example/",
		    false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct odd_crl c = crl_of_root();

		c.exts[0] = rows[i].a;
		c.exts[1] = rows[i].b;
		c.exts[2] = rows[i].b == NULL ? NULL : rows[i].c;
		ck_assert_msg((verify(leaf, &c, NULL) == BASE_OK) ==
			rows[i].good,
		    "row %zu: %s", i, base_why());
	}
}
END_TEST

START_TEST(same_number_twice)
{
	static const int twice[] = { 5, 3, 5, 0 };
	struct odd_crl c = crl_of_root();

	c.serials = twice;
	ck_assert_int_eq(verify(leaf, &c, NULL), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "twice"));
}
END_TEST

TCase *
case_crl(void)
{
	TCase *c = tcase_create("crl");

	tcase_add_unchecked_fixture(c, setup, teardown);
	tcase_add_test(c, revoked_or_not);
	tcase_add_test(c, every_issuer_needs_one);
	tcase_add_test(c, wrong_signature);
	tcase_add_test(c, dates);
	tcase_add_test(c, extensions);
	tcase_add_test(c, same_number_twice);
	return c;
}
