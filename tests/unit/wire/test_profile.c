/*
 * Unit tests of wire/profile.c: what profile any accepts and the closed
 * profile does not, each beside what both accept.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "tests/unit/wire/odd.h"
#include "tests/unit/wire/suites.h"

#define ROOT fleet_key(WIRE_P256, 0)
#define CA   fleet_key(WIRE_P384, 1)
#define NODE fleet_key(WIRE_P256, 2)
#define SAN  "subjectAltName="
#define EKU  "extendedKeyUsage="
#define KU   "keyUsage=critical,"
#define AKI  "authorityKeyIdentifier="

/* A change to one extension of the CA or of the leaf; good: the closed profile
 * takes it, too. */
static const struct {
	bool leaf;
	const char *ext;
	bool good;
} rows[] = {
	{ true, SAN "DNS:web1.example", true },
	{ true, SAN "DNS:web1.example,IP:192.0.2.7,IP:2001:db8::7", true },
	{ true, SAN "DNS:*.web1.example", false },
	{ true, SAN "email:a@web1.example", false },
	{ true, SAN "DNS:web1.example,URI:http://web1.example/", false },
	{ true, SAN "critical,DNS:web1.example", false },
	{ true, EKU "serverAuth", true },
	{ true, EKU "serverAuth,codeSigning", false },
	{ true, EKU "critical,serverAuth", false },
	{ true, EKU, false }, /* none */
	{ true, KU "digitalSignature", true },
	{ true, KU "digitalSignature,keyAgreement", false },
	{ true, "keyUsage=digitalSignature", false },
	{ true, "keyUsage=", false },
	{ true, "basicConstraints=critical,CA:FALSE", true },
	{ true, "basicConstraints=CA:FALSE", false },
	{ true, "subjectKeyIdentifier=", false },
	{ true, AKI "keyid:always,issuer:always", false },
	{ true, "authorityInfoAccess=caIssuers;URI:http://a.example/", false },
	{ true, "crlDistributionPoints=URI:http://a.example/", false },
	{ true, "certificatePolicies=DER:3007300506032a0304", false },
	{ true, "1.2.3.4=ASN1:NULL", false },
	{ true, "2.5.29.56=ASN1:NULL", true }, /* noRevAvail */
	{ false, KU "keyCertSign", true },
	{ false, KU "keyCertSign,digitalSignature", false },
	{ false, "keyUsage=keyCertSign", false },
	{ false, "basicConstraints=critical,CA:TRUE,pathlen:0", true },
	{ false, EKU "serverAuth", false },
	{ false, "nameConstraints=critical,permitted;DNS:example", false },
	{ false, "1.2.3.4=ASN1:NULL", false },
	{ false, "2.5.29.56=ASN1:NULL", false },
};

struct chain {
	struct odd root, ca, leaf;
};

static void
chain_init(struct chain *c)
{
	c->root = (struct odd){ .cn = "root", .key = ROOT, .exts = { ODD_CA } };
	c->ca = (struct odd){ .cn = "ca",
		.key = CA,
		.issuer_key = ROOT,
		.exts = { ODD_CA } };
	c->leaf = (struct odd){ .cn = "web1",
		.key = NODE,
		.issuer_key = CA,
		.md = "SHA384",
		.exts = { ODD_LEAF } };
}

static void
ext_change(const char **exts, const char *text)
{
	size_t n = (size_t)(strchr(text, '=') - text) + 1, i = 0;

	while (exts[i] != NULL && strncmp(exts[i], text, n) != 0)
		i++;
	if (text[n] != '\0') {
		exts[i] = text;
		return;
	}
	for (; exts[i] != NULL; i++)
		exts[i] = exts[i + 1];
}

static enum base_err
verify(struct chain *c, bool closed)
{
	struct wire_verify v = { .purpose = WIRE_SERVER,
		.closed = closed,
		.now = ON(10),
		.max_depth = -1 };
	X509 *root = odd_make(&c->root), *ca, *leaf;
	STACK_OF(X509) *trust, *untrusted;
	enum base_err r;

	c->ca.issuer = root;
	ca = odd_make(&c->ca);
	c->leaf.issuer = ca;
	leaf = odd_make(&c->leaf);
	trust = fleet_stack(root, NULL);
	untrusted = fleet_stack(ca, NULL);
	r = wire_verify_cert(&v, leaf, trust, untrusted, NULL);
	sk_X509_pop_free(trust, X509_free);
	sk_X509_pop_free(untrusted, X509_free);
	X509_free(root);
	X509_free(ca);
	X509_free(leaf);
	return r;
}

START_TEST(table)
{
	struct chain c;

	chain_init(&c);
	ext_change(rows[_i].leaf ? c.leaf.exts : c.ca.exts, rows[_i].ext);
	ck_assert_msg(verify(&c, false) == BASE_OK, "%s: %s", rows[_i].ext,
	    base_why());
	ck_assert_msg((verify(&c, true) == BASE_OK) == rows[_i].good, "%s: %s",
	    rows[_i].ext, base_why());
	if (!rows[_i].good)
		ck_assert_ptr_nonnull(strstr(base_why(), "closed profile"));
}
END_TEST

START_TEST(algorithms)
{
	struct chain c;

	chain_init(&c);
	ck_assert_int_eq(verify(&c, true), BASE_OK);
	c.leaf.md = "SHA256"; /* not the hash of a P-384 issuer */
	ck_assert_int_eq(verify(&c, false), BASE_OK);
	ck_assert_int_eq(verify(&c, true), BASE_E_REFUSED);
}
END_TEST

START_TEST(key_sizes)
{
	struct fleet_key small = { .alg = WIRE_RSA3072 };
	struct chain c;

	chain_init(&c);
	small.key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	c.leaf.key = &small;
	ck_assert_int_eq(verify(&c, false), BASE_OK);
	ck_assert_int_eq(verify(&c, true), BASE_E_REFUSED);
	EVP_PKEY_free(small.key);
	small.key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	ck_assert_int_ne(verify(&c, false), BASE_OK);
	EVP_PKEY_free(small.key);
	c.leaf.key = fleet_key(WIRE_RSA3072, 0);
	ck_assert_int_eq(verify(&c, true), BASE_OK);
}
END_TEST

TCase *
case_profile(void)
{
	TCase *c = tcase_create("profile");

	tcase_add_loop_test(c, table, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(c, algorithms);
	tcase_add_test(c, key_sizes);
	return c;
}
