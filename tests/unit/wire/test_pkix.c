/*
 * Unit tests of wire/pkix.c and general.c: one thing wrong in a certificate
 * that is otherwise good, and its good twin. Profile any.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "tests/unit/wire/odd.h"
#include "tests/unit/wire/suites.h"
#include "wire/verify.h"

#define ROOT fleet_key(WIRE_P256, 0)
#define CA   fleet_key(WIRE_P256, 1)
#define NODE fleet_key(WIRE_P256, 2)

/* Which certificate of the chain root, CA, leaf a row is about. */
enum which {
	AT_ROOT,
	AT_CA,
	AT_LEAF
};

struct row {
	const char *what;
	enum which at;
	/* replaces the extension of the same name, or is added; a name with
	 * nothing behind "=" takes it away; the second may be NULL */
	const char *ext, *ext2;
	bool good;
	const char *name; /* wanted; NULL: none */
};

static void
ext_change(const char **exts, const char *text)
{
	size_t n = (size_t)(strchr(text, '=') - text) + 1, i = 0, j;

	while (exts[i] != NULL && strncmp(exts[i], text, n) != 0)
		i++;
	if (text[n] != '\0') {
		exts[i] = text;
		return;
	}
	for (j = i; exts[j] != NULL; j++)
		exts[j] = exts[j + 1];
}

static void
odds_make(struct odd odds[3], X509 *chain[3])
{
	chain[0] = odd_make(&odds[0]);
	odds[1].issuer = chain[0];
	chain[1] = odd_make(&odds[1]);
	odds[2].issuer = chain[1];
	chain[2] = odd_make(&odds[2]);
}

static void
odds_init(struct odd odds[3])
{
	const struct odd proper[3] = {
		{ .cn = "root", .key = ROOT, .exts = { ODD_CA } },
		{ .cn = "ca",
		    .key = CA,
		    .issuer_key = ROOT,
		    .exts = { ODD_CA } },
		{ .cn = "web1",
		    .key = NODE,
		    .issuer_key = CA,
		    .exts = { ODD_LEAF } },
	};

	memcpy(odds, proper, sizeof(proper));
}

static enum base_err
verify_odds(struct odd odds[3], const char *name)
{
	struct wire_verify v = { .purpose = WIRE_SERVER,
		.now = ON(10),
		.max_depth = -1,
		.name_kind = name == NULL ? WIRE_NAME_NONE : WIRE_NAME_DNS,
		.name = name };
	STACK_OF(X509) *trust, *untrusted;
	X509 *chain[3];
	enum base_err r;

	odds_make(odds, chain);
	trust = fleet_stack(chain[0], NULL);
	untrusted = fleet_stack(chain[1], NULL);
	r = wire_verify_cert(&v, chain[2], trust, untrusted, NULL);
	sk_X509_pop_free(trust, X509_free);
	sk_X509_pop_free(untrusted, X509_free);
	for (int i = 0; i < 3; i++)
		X509_free(chain[i]);
	return r;
}

#define SAN(s) "subjectAltName=" s
#define NC(s)  "nameConstraints=critical," s
#define OK(what, at, ext)                       \
	{                                       \
		what, at, ext, NULL, true, NULL \
	}
#define BAD(what, at, ext)                       \
	{                                        \
		what, at, ext, NULL, false, NULL \
	}

/* clang-format off */
static const struct row rows[] = {
	OK("as it is", AT_LEAF, SAN("DNS:web1.example")),
	/* identifiers */
	BAD("leaf without AKI", AT_LEAF, "authorityKeyIdentifier="),
	BAD("CA without AKI", AT_CA, "authorityKeyIdentifier="),
	OK("root without AKI", AT_ROOT, "authorityKeyIdentifier="),
	OK("leaf without SKI", AT_LEAF, "subjectKeyIdentifier="),
	{ "CA without SKI", AT_CA, "subjectKeyIdentifier=",
	    "authorityKeyIdentifier=DER:3003800101", false, NULL },
	BAD("half an AKI", AT_LEAF, "authorityKeyIdentifier=DER:3003820101"),
	BAD("empty AKI", AT_LEAF, "authorityKeyIdentifier=DER:3000"),
	BAD("critical SKI", AT_LEAF, "subjectKeyIdentifier=critical,hash"),
	/* basic constraints, key usage */
	OK("CA FALSE in leaf", AT_LEAF, "basicConstraints=critical,CA:FALSE"),
	BAD("uncritical in CA", AT_CA, "basicConstraints=CA:TRUE"),
	BAD("uncritical in root", AT_ROOT, "basicConstraints=CA:TRUE"),
	BAD("none in CA", AT_CA, "basicConstraints="),
	BAD("CA FALSE in CA", AT_CA, "basicConstraints=critical,CA:FALSE"),
	BAD("root forbids the CA", AT_ROOT,
	    "basicConstraints=critical,CA:TRUE,pathlen:0"),
	OK("root allows the CA", AT_ROOT,
	    "basicConstraints=critical,CA:TRUE,pathlen:1"),
	BAD("pathlen without CA", AT_LEAF,
	    "basicConstraints=critical,CA:FALSE,pathlen:0"),
	BAD("CA may not certify", AT_CA, "keyUsage=critical,cRLSign"),
	BAD("CA without key usage", AT_CA, "keyUsage="),
	OK("leaf without key usage", AT_LEAF, "keyUsage="),
	OK("uncritical key usage", AT_LEAF, "keyUsage=digitalSignature"),
	BAD("leaf may certify", AT_LEAF,
	    "keyUsage=critical,digitalSignature,keyCertSign"),
	BAD("EC key enciphers", AT_LEAF,
	    "keyUsage=critical,digitalSignature,keyEncipherment"),
	OK("EC key agrees", AT_LEAF,
	    "keyUsage=critical,digitalSignature,keyAgreement"),
	/* extended key usage */
	OK("none", AT_LEAF, "extendedKeyUsage="),
	BAD("of clients", AT_LEAF, "extendedKeyUsage=clientAuth"),
	BAD("any", AT_LEAF, "extendedKeyUsage=anyExtendedKeyUsage"),
	BAD("of code in CA", AT_CA, "extendedKeyUsage=codeSigning"),
	OK("of servers in CA", AT_CA, "extendedKeyUsage=serverAuth"),
	/* names */
	OK("wildcard", AT_LEAF, SAN("DNS:*.web1.example")),
	BAD("underscore", AT_LEAF, SAN("DNS:web_1.example")),
	BAD("inner wildcard", AT_LEAF, SAN("DNS:web1.*.example")),
	BAD("part wildcard", AT_LEAF, SAN("DNS:w*.example")),
	BAD("leading dot", AT_LEAF, SAN("DNS:.web1.example")),
	BAD("trailing dot", AT_LEAF, SAN("DNS:web1.example.")),
	BAD("address as name", AT_LEAF, SAN("DNS:192.0.2.1")),
	BAD("blank", AT_LEAF, SAN("DNS:web1 .example")),
	BAD("second name", AT_LEAF, SAN("DNS:web1.example,DNS:a..b")),
	BAD("of a CA", AT_CA, SAN("DNS:a_b.example")),
	OK("mailbox", AT_LEAF, SAN("email:a.b+c@web1.example")),
	OK("literal asterisk", AT_LEAF, SAN("email:*@web1.example")),
	BAD("two @", AT_LEAF, SAN("email:a@b@web1.example")),
	BAD("no @", AT_LEAF, SAN("email:web1.example")),
	BAD("nobody @", AT_LEAF, SAN("email:@web1.example")),
	OK("URI", AT_LEAF, SAN("URI:spiffe://web1.example/x")),
	BAD("relative URI", AT_LEAF, SAN("URI:web1.example/x")),
	/* where extensions may stand, and how */
	BAD("constraints in leaf", AT_LEAF, NC("permitted;DNS:example")),
	BAD("uncritical constraints", AT_CA,
	    "nameConstraints=permitted;DNS:example"),
	OK("policy constraints", AT_CA,
	    "policyConstraints=critical,inhibitPolicyMapping:0"),
	BAD("uncritical ones", AT_CA, "policyConstraints=inhibitPolicyMapping:0"),
	BAD("ones in leaf", AT_LEAF,
	    "policyConstraints=critical,inhibitPolicyMapping:0"),
	BAD("policy required", AT_CA,
	    "policyConstraints=critical,requireExplicitPolicy:0"),
	OK("inhibit any", AT_CA, "inhibitAnyPolicy=critical,0"),
	BAD("uncritical inhibit", AT_CA, "inhibitAnyPolicy=0"),
	OK("AIA", AT_LEAF, "authorityInfoAccess=caIssuers;URI:http://a.example/"),
	BAD("critical AIA", AT_LEAF,
	    "authorityInfoAccess=critical,caIssuers;URI:http://a.example/"),
	OK("CRL point", AT_LEAF, "crlDistributionPoints=URI:http://a.example/"),
	BAD("odd CRL point", AT_LEAF, "crlDistributionPoints=DNS:a.example"),
	OK("unknown", AT_LEAF, "1.2.3.4=ASN1:NULL"),
	BAD("unknown, critical", AT_LEAF, "1.2.3.4=critical,ASN1:NULL"),
	BAD("unknown in root", AT_ROOT, "1.2.3.4=critical,ASN1:NULL"),
	/* name constraints: forms */
	OK("host", AT_CA, NC("permitted;DNS:example")),
	OK("all hosts", AT_CA, NC("DER:3006a00430028200")),
	BAD("dot first", AT_CA, NC("permitted;DNS:.example")),
	BAD("wildcard", AT_CA, NC("permitted;DNS:example,excluded;DNS:*.b")),
	OK("network", AT_CA, NC("excluded;IP:10.0.0.0/255.0.0.0")),
	OK("network 6", AT_CA, NC("excluded;IP:2001:db8::/ffff:ffff::")),
	BAD("holes in mask", AT_CA, NC("excluded;IP:10.0.0.0/255.0.255.0")),
	BAD("no mask", AT_CA, NC("DER:300aa108300687040a000001")),
	BAD("minimum 1", AT_CA, NC("DER:3009a10730058200800101")),
	BAD("empty", AT_CA, NC("DER:3000")),
	OK("mailboxes", AT_CA, NC("excluded;email:.example")),
	OK("mailbox", AT_CA, NC("excluded;email:a@b.example")),
	BAD("two @", AT_CA, NC("excluded;email:a@b@c.example")),
	BAD("URI with scheme", AT_CA, NC("excluded;URI:http://a.example")),
	OK("URI host", AT_CA, NC("excluded;URI:a.example")),
	/* name constraints: what they say */
	BAD("not permitted", AT_CA, NC("permitted;DNS:other.example")),
	OK("other kind", AT_CA, NC("permitted;IP:10.0.0.0/255.0.0.0")),
	BAD("excluded", AT_CA, NC("excluded;DNS:web1.example")),
	BAD("both", AT_CA, NC("permitted;DNS:example,excluded;DNS:example")),
	OK("excluded elsewhere", AT_ROOT, NC("excluded;DNS:web2.example")),
	BAD("of the root", AT_ROOT, NC("excluded;DNS:example")),
	{ "wildcard may be it", AT_CA, NC("excluded;DNS:bar.web1.example"),
	    SAN("DNS:*.web1.example"), false, "foo.web1.example" },
	{ "wildcard cannot", AT_CA, NC("excluded;DNS:a.bar.web1.example"),
	    SAN("DNS:*.web1.example"), true, "foo.web1.example" },
	{ "wildcard is within", AT_CA, NC("permitted;DNS:web1.example"),
	    SAN("DNS:*.web1.example"), true, "foo.web1.example" },
	{ "wildcard is without", AT_CA, NC("permitted;DNS:foo.web1.example"),
	    SAN("DNS:*.web1.example"), false, "foo.web1.example" },
};
/* clang-format on */

START_TEST(table)
{
	const struct row *row = &rows[_i];
	struct odd odds[3];
	enum base_err r;

	odds_init(odds);
	ext_change(odds[row->at].exts, row->ext);
	/* the second is about the leaf always */
	if (row->ext2 != NULL)
		ext_change(odds[AT_LEAF].exts, row->ext2);
	r = verify_odds(odds, row->name);
	ck_assert_msg((r == BASE_OK) == row->good, "row %d, %s: %s", _i,
	    row->what, r == BASE_OK ? "accepted" : base_why());
}
END_TEST

/* ---- what extension texts cannot say ------------------------------------------ */

#define GOOD(o) ck_assert_msg(verify_odds(o, NULL) == BASE_OK, "%s", base_why())
#define FAIL(o) ck_assert_int_ne(verify_odds(o, NULL), BASE_OK)

START_TEST(fields)
{
	struct odd o[3];

	odds_init(o);
	GOOD(o);
	for (int i = 0; i < 3; i++) {
		odds_init(o);
		o[i].serial = -1; /* zero */
		FAIL(o);
		odds_init(o);
		o[i].serial = -5;
		FAIL(o);
		odds_init(o);
		o[i].serial_bytes = 21;
		FAIL(o);
		o[i].serial_bytes = 20;
		GOOD(o);
		odds_init(o);
		o[i].md = "SHA1"; /* nobody relies on the root's own */
		ck_assert_int_eq(verify_odds(o, NULL) == BASE_OK, i == 0);
	}
	odds_init(o);
	o[1].cn = NULL;
	FAIL(o);
	odds_init(o);
	o[2].cn = NULL; /* without critical subjectAltName */
	FAIL(o);
	odds_init(o);
	o[2].cn = NULL;
	ext_change(o[2].exts, "subjectAltName=critical,DNS:web1.example");
	GOOD(o);
}
END_TEST

/* OpenSSL 3.5 cannot be made to sign extensions as version 1: so the number is
 * changed afterwards, and our own check asked alone. */
START_TEST(version)
{
	struct odd o[3];
	X509 *chain[3];

	odds_init(o);
	odds_make(o, chain);
	for (int i = 0; i < 3; i++) {
		ck_assert_msg(wire_pkix_check(chain[i], i == 0) == BASE_OK,
		    "%s", base_why());
		for (long v = X509_VERSION_1; v < X509_VERSION_3; v++) {
			ck_assert_int_eq(X509_set_version(chain[i], v), 1);
			ck_assert_int_eq(wire_pkix_check(chain[i], i == 0),
			    BASE_E_REFUSED);
			ck_assert_ptr_nonnull(strstr(base_why(), "version 3"));
		}
		X509_free(chain[i]);
	}
}
END_TEST

START_TEST(malformed)
{
	static const struct {
		const char *oid, *hex;
		bool good;
	} raw[] = {
		{ "1.2.3.4", "ff", true }, /* unknown: opaque */
		{ "1.3.6.1.5.5.7.1.1", "3000", true },
		{ "1.3.6.1.5.5.7.1.1", "30", false },
		{ "1.3.6.1.5.5.7.1.1", "300000", false },
		{ "1.3.6.1.5.5.7.1.1", "30800000", false },
		{ "1.3.6.1.5.5.7.1.1", "308100", false },
		/* extKeyUsage without usages, with one */
		{ "2.5.29.37", "3000", false },
		{ "2.5.29.37", "300a06082b06010505070301", true },
		/* subjectAltName: none, text, one, an address of five bytes */
		{ "2.5.29.17", "3000", false },
		{ "2.5.29.17", "61626364", false },
		{ "2.5.29.17", "3003820161", true },
		{ "2.5.29.17", "300787050a00000001", false },
		/* basicConstraints: FALSE said aloud, said right */
		{ "2.5.29.19", "3003010100", false },
		{ "2.5.29.19", "3000", true },
		/* keyUsage: no bits, digitalSignature */
		{ "2.5.29.15", "030100", false },
		{ "2.5.29.15", "03020780", true },
		{ "2.5.29.15", "03020781", false },
	};

	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		struct odd o[3];
		char name[64];

		odds_init(o);
		(void)snprintf(name, sizeof(name),
		    "%s=", OBJ_nid2sn(OBJ_txt2nid(raw[i].oid)));
		if (OBJ_txt2nid(raw[i].oid) != NID_undef)
			ext_change(o[2].exts, name);
		o[2].raw_oid = raw[i].oid;
		o[2].raw_hex = raw[i].hex;
		ck_assert_msg((verify_odds(o, NULL) == BASE_OK) == raw[i].good,
		    "row %zu: %s", i, base_why());
	}
}
END_TEST

START_TEST(twice)
{
	struct odd o[3];

	odds_init(o);
	o[2].exts[5] = SAN("DNS:web1.example");
	FAIL(o);
	odds_init(o);
	o[2].exts[5] = "1.2.3.4=ASN1:NULL";
	GOOD(o);
	o[2].exts[6] = "1.2.3.4=ASN1:NULL";
	FAIL(o);
}
END_TEST

TCase *
case_pkix(void)
{
	TCase *c = tcase_create("pkix");

	tcase_add_loop_test(c, table, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(c, fields);
	tcase_add_test(c, version);
	tcase_add_test(c, malformed);
	tcase_add_test(c, twice);
	return c;
}
