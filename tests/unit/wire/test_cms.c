/* Signed messages: who may sign what, and every oddity of the structure. */
#include <stdio.h>
#include <string.h>

#include <openssl/cms.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/oid.h"

#define TEXT STR("the content")

/* ---- a management root and its signers -------------------------------------- */

enum who {
	NODE,
	ORDER,
	CA,
	APP,
	NWHO
};

static struct house {
	const struct fleet_key *old, *new, *leaf;
	X509 *root, *new_root, *proof; /* NewWithOld */
	X509 *cert[NWHO], *new_node;
	STACK_OF(X509) *trust, *new_trust;
} h;

static X509 *
issue(enum wire_cert_kind kind, const char *root, const char *node,
    const struct fleet_key *subject, const struct fleet_key *issuer)
{
	struct wire_tbs t = fleet_tbs(kind, root, node, subject, issuer);

	return fleet_issue(&t, issuer);
}

static void
house_build(void)
{
	const char *m = "management";

	h = (struct house){
		.old = fleet_key(WIRE_P256, 0),
		.new = fleet_key(WIRE_P256, 1),
		.leaf = fleet_key(WIRE_P256, 2),
	};
	h.root = issue(WIRE_NEW_WITH_NEW, m, "", h.old, h.old);
	h.new_root = issue(WIRE_NEW_WITH_NEW, m, "", h.new, h.new);
	h.proof = issue(WIRE_NEW_WITH_OLD, m, "", h.new, h.old);
	h.cert[NODE] = issue(WIRE_NODE_CERT, m, "app1", h.leaf, h.old);
	h.cert[ORDER] = issue(WIRE_ORDER_CERT, m, "order", h.leaf, h.old);
	h.cert[CA] = issue(WIRE_CA_TLS, m, "ca", h.leaf, h.old);
	h.cert[APP] = issue(WIRE_NODE_CERT, "plant", "app1", h.leaf, h.old);
	h.new_node = issue(WIRE_NODE_CERT, m, "app1", h.leaf, h.new);
	h.trust = fleet_stack(h.root, NULL);
	h.new_trust = fleet_stack(h.new_root, NULL);
}

static void
house_free(void)
{
	X509 *all[] = { h.root, h.new_root, h.proof, h.new_node };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		X509_free(all[i]);
	for (int i = 0; i < NWHO; i++)
		X509_free(h.cert[i]);
	sk_X509_pop_free(h.trust, X509_free);
	sk_X509_pop_free(h.new_trust, X509_free);
}

static enum who
signer_of(enum wire_content type)
{
	switch (type) {
	case WIRE_C_ORDER:
		return ORDER;
	case WIRE_C_REPORT:
	case WIRE_C_HELLO:
	case WIRE_C_STOCK:
		return NODE;
	case WIRE_C_ACK:
	case WIRE_C_JOIN_ANSWER:
	case WIRE_C_INVITE:
		return CA;
	}
	return NWHO;
}

static struct base_buf
sign(enum wire_content type, X509 *cert, STACK_OF(X509) *chain)
{
	struct base_buf cms;

	base_buf_init(&cms, 0);
	OK(wire_cms_sign(type, TEXT, cert, h.leaf->key, chain, &cms));
	return cms;
}

/* Verifies; what comes back must be the content and the signer. */
static enum base_err
verify(enum wire_content type, struct base_span cms, STACK_OF(X509) *trust,
    struct base_time now)
{
	struct base_buf content;
	struct wire_signer s;
	enum base_err e;

	base_buf_init(&content, 0);
	e = wire_cms_verify(type, cms, trust, now, &content, &s);
	if (e == BASE_OK) {
		ck_assert_uint_eq(content.n, TEXT.n);
		ck_assert_mem_eq(content.p, TEXT.p, TEXT.n);
		ck_assert_str_eq(s.node,
		    signer_of(type) == NODE ? "app1" : "ca");
		ck_assert_ptr_nonnull(s.cert);
	} else {
		ck_assert_uint_eq(content.n, 0);
		ck_assert_ptr_null(s.cert);
	}
	wire_signer_clear(&s);
	base_buf_free(&content);
	return e;
}

/* ---- who, what, when ------------------------------------------------------------ */

START_TEST(test_types)
{
	enum wire_content type = (enum wire_content)_i;
	struct base_buf cms = sign(type, h.cert[signer_of(type)], NULL);

	for (int t = WIRE_C_ORDER; t <= WIRE_C_INVITE; t++) {
		enum base_err e = verify((enum wire_content)t,
		    base_buf_span(&cms), h.trust, ON(1));

		ck_assert_msg((e == BASE_OK) == (t == _i), "%d as %d", _i, t);
	}
	base_buf_free(&cms);
}
END_TEST

START_TEST(test_purposes)
{
	enum wire_content type = (enum wire_content)_i;
	for (int who = 0; who < NWHO; who++) {
		struct base_buf cms = sign(type, h.cert[who], NULL);
		enum base_err e =
		    verify(type, base_buf_span(&cms), h.trust, ON(1));

		ck_assert_msg((e == BASE_OK) == (who == (int)signer_of(type)),
		    "%d by %d: %s", _i, who, base_why());
		base_buf_free(&cms);
	}
}
END_TEST

START_TEST(test_time)
{
	struct base_buf cms = sign(WIRE_C_REPORT, h.cert[NODE], NULL);
	struct base_span s = base_buf_span(&cms);

	OK(verify(WIRE_C_REPORT, s, h.trust, ON(364)));
	ck_assert_int_eq(verify(WIRE_C_REPORT, s, h.trust, ON(366)),
	    BASE_E_EXPIRED);
	ck_assert_int_eq(verify(WIRE_C_REPORT, s, h.trust, ON(-1)),
	    BASE_E_EXPIRED);
	base_buf_free(&cms);
}
END_TEST

START_TEST(test_trust)
{
	STACK_OF(X509) *chain = fleet_stack(h.proof, NULL);
	STACK_OF(X509) *none = sk_X509_new_null();
	struct base_buf bare = sign(WIRE_C_REPORT, h.new_node, NULL);
	struct base_buf with = sign(WIRE_C_REPORT, h.new_node, chain);

	OK(verify(WIRE_C_REPORT, base_buf_span(&bare), h.new_trust, ON(1)));
	ck_assert_int_ne(verify(WIRE_C_REPORT, base_buf_span(&bare), h.trust,
			     ON(1)),
	    BASE_OK);
	/* NewWithOld carries a report through the roll */
	OK(verify(WIRE_C_REPORT, base_buf_span(&with), h.trust, ON(1)));
	OK(verify(WIRE_C_REPORT, base_buf_span(&with), h.new_trust, ON(1)));
	ck_assert_int_ne(verify(WIRE_C_REPORT, base_buf_span(&with), none,
			     ON(1)),
	    BASE_OK);
	sk_X509_free(none);
	sk_X509_pop_free(chain, X509_free);
	base_buf_free(&bare);
	base_buf_free(&with);
}
END_TEST

START_TEST(test_wrong_key)
{
	struct base_buf cms;

	base_buf_init(&cms, 0);
	ck_assert_int_eq(wire_cms_sign(WIRE_C_REPORT, TEXT, h.cert[NODE],
			     h.old->key, NULL, &cms),
	    BASE_E_CRYPTO);
	ck_assert_int_eq(wire_cms_sign(WIRE_C_REPORT, STR(""), h.cert[NODE],
			     h.leaf->key, NULL, &cms),
	    BASE_E_RANGE);
	base_buf_free(&cms);
}
END_TEST

static enum base_err
verify_key(enum wire_content type, struct base_span cms,
    const struct fleet_key *key)
{
	struct base_buf content;
	enum base_err e;

	base_buf_init(&content, 0);
	e = wire_cms_verify_key(type, cms, base_buf_span(&key->spki), &content);
	ck_assert_uint_eq(content.n, e == BASE_OK ? TEXT.n : 0);
	base_buf_free(&content);
	return e;
}

/* By the very key, whatever the certificate's issuer and dates are. */
START_TEST(test_by_key)
{
	struct base_buf cms = sign(WIRE_C_REPORT, h.cert[NODE], NULL);
	struct base_span s = base_buf_span(&cms);

	OK(verify_key(WIRE_C_REPORT, s, h.leaf));
	ck_assert_int_eq(verify_key(WIRE_C_REPORT, s, h.old), BASE_E_CRYPTO);
	ck_assert_int_eq(verify_key(WIRE_C_ORDER, s, h.leaf), BASE_E_SYNTAX);
	cms.p[cms.n - 1] ^= 1;
	ck_assert_int_ne(verify_key(WIRE_C_REPORT, s, h.leaf), BASE_OK);
	base_buf_free(&cms);
	cms = sign(WIRE_C_REPORT, h.new_node, NULL);
	OK(verify_key(WIRE_C_REPORT, base_buf_span(&cms), h.leaf));
	base_buf_free(&cms);
}
END_TEST

START_TEST(test_algorithms)
{
	h.leaf = fleet_key((enum wire_alg)_i, 0);
	if (h.leaf == h.old)
		h.leaf = fleet_key(WIRE_P256, 2);
	X509 *node = issue(WIRE_NODE_CERT, "management", "app1", h.leaf, h.old);
	struct base_buf cms = sign(WIRE_C_REPORT, node, NULL);

	OK(verify(WIRE_C_REPORT, base_buf_span(&cms), h.trust, ON(1)));
	X509_free(node);
	base_buf_free(&cms);
}
END_TEST

/* ---- bytes ------------------------------------------------------------------------- */

START_TEST(test_cut)
{
	struct base_buf cms = sign(WIRE_C_REPORT, h.cert[NODE], NULL);

	for (size_t n = 0; n < cms.n; n++) {
		uint8_t *copy = base_memdup(cms.p, n);

		ck_assert_int_ne(verify(WIRE_C_REPORT,
				     (struct base_span){ copy, n }, h.trust,
				     ON(1)),
		    BASE_OK);
		free(copy);
	}
	OK(base_buf_put_u8(&cms, 0));
	ck_assert_int_eq(verify(WIRE_C_REPORT, base_buf_span(&cms), h.trust,
			     ON(1)),
	    BASE_E_SYNTAX);
	base_buf_free(&cms);
}
END_TEST

/* Any changed byte is refused, but for the version numbers and the list of
 * digests in front, which decide nothing; verify() sees that the content and
 * the signer stay the same. */
START_TEST(test_changed)
{
	struct base_buf cms = sign(WIRE_C_REPORT, h.cert[NODE], NULL);
	size_t taken = 0;

	for (size_t i = 0; i < cms.n; i++)
		for (unsigned mask = 1; mask < 256; mask <<= 1) {
			cms.p[i] ^= (uint8_t)mask;
			taken += verify(WIRE_C_REPORT, base_buf_span(&cms),
				     h.trust, ON(1)) == BASE_OK;
			cms.p[i] ^= (uint8_t)mask;
		}
	ck_assert_msg(taken < 120, "%zu changes were taken", taken);
	base_buf_free(&cms);
}
END_TEST

/* ---- structures that OpenSSL would take --------------------------------------------- */

enum odd {
	PLAIN,
	DETACHED,
	NO_ATTR,
	KEYID,
	NO_CERT,
	UNSIGNED,
	EXTRA,
	CRL,
	MD_SHA1,
	MD_SHA512,
	DATA,
	THREE,
	NODD
};

static X509_CRL *
empty_crl(void)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, T0.ms / 1000);

	ck_assert_int_eq(X509_CRL_set_issuer_name(crl,
			     X509_get_subject_name(h.root)),
	    1);
	ck_assert_int_eq(X509_CRL_set1_lastUpdate(crl, t), 1);
	ck_assert_int_gt(X509_CRL_sign(crl, h.old->key, EVP_sha256()), 0);
	ASN1_TIME_free(t);
	return crl;
}

static void
add_signer(CMS_ContentInfo *cms, X509 *cert, enum odd how)
{
	unsigned flags = CMS_BINARY | CMS_NOSMIMECAP |
	    (how == NO_ATTR ? CMS_NOATTR : 0) |
	    (how == KEYID ? CMS_USE_KEYID : 0) |
	    (how == NO_CERT ? CMS_NOCERTS : 0);
	const EVP_MD *md = how == MD_SHA1 ? EVP_sha1()
	    : how == MD_SHA512		  ? EVP_sha512()
					  : EVP_sha256();
	CMS_SignerInfo *si = CMS_add1_signer(cms, cert, h.leaf->key, md, flags);

	ck_assert_ptr_nonnull(si);
	if (how == UNSIGNED)
		ck_assert_int_eq(CMS_unsigned_add1_attr_by_NID(si,
				     NID_pkcs9_unstructuredName,
				     V_ASN1_UTF8STRING, "x", 1),
		    1);
	if (how == EXTRA)
		ck_assert_int_eq(CMS_signed_add1_attr_by_NID(si,
				     NID_pkcs9_unstructuredName,
				     V_ASN1_UTF8STRING, "x", 1),
		    1);
}

static CMS_ContentInfo *
start(enum odd how)
{
	char oid[sizeof(WIRE_OID_CONTENT) + 4];
	ASN1_OBJECT *o;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL,
	    CMS_BINARY | CMS_PARTIAL | (how == DETACHED ? CMS_DETACHED : 0));

	snprintf(oid, sizeof(oid), "%s.%d", WIRE_OID_CONTENT, WIRE_C_REPORT);
	o = OBJ_txt2obj(how == DATA ? "1.2.840.113549.1.7.1" : oid, 1);
	ck_assert_int_eq(CMS_set1_eContentType(cms, o), 1);
	ASN1_OBJECT_free(o);
	return cms;
}

static struct base_buf
end(CMS_ContentInfo *cms, enum odd how)
{
	BIO *bio = BIO_new_mem_buf(TEXT.p, (int)TEXT.n);
	unsigned char *der = NULL;
	struct base_buf b;
	int n;

	ck_assert_int_eq(CMS_final(cms, bio, NULL,
			     CMS_BINARY | (how == DETACHED ? CMS_DETACHED : 0)),
	    1);
	n = i2d_CMS_ContentInfo(cms, &der);
	ck_assert_int_gt(n, 0);
	b = sample_bytes(der, (size_t)n);
	OPENSSL_free(der);
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
	return b;
}

START_TEST(test_odd)
{
	enum odd how = (enum odd)_i;
	CMS_ContentInfo *cms = start(how);
	struct base_buf der;
	enum base_err e;

	for (int i = 0; i < (how == THREE ? 3 : 1); i++)
		add_signer(cms, h.cert[NODE], i == 0 ? how : NO_CERT);
	if (how == CRL)
		ck_assert_int_eq(CMS_add0_crl(cms, empty_crl()), 1);
	der = end(cms, how);
	e = verify(WIRE_C_REPORT, base_buf_span(&der), h.trust, ON(1));
	ck_assert_msg((e == BASE_OK) == (how == PLAIN), "odd %d", _i);
	base_buf_free(&der);
}
END_TEST

/* Two signatures while the management root rolls: either will do. */
START_TEST(test_two_signers)
{
	CMS_ContentInfo *cms = start(PLAIN);
	STACK_OF(X509) *other;
	struct base_buf der;
	X509 *x;

	add_signer(cms, h.cert[NODE], PLAIN);
	add_signer(cms, h.new_node, PLAIN);
	der = end(cms, PLAIN);
	OK(verify(WIRE_C_REPORT, base_buf_span(&der), h.trust, ON(1)));
	OK(verify(WIRE_C_REPORT, base_buf_span(&der), h.new_trust, ON(1)));
	x = issue(WIRE_NEW_WITH_NEW, "management", "", h.leaf, h.leaf);
	other = fleet_stack(x, NULL);
	ck_assert_int_ne(verify(WIRE_C_REPORT, base_buf_span(&der), other,
			     ON(1)),
	    BASE_OK);
	sk_X509_pop_free(other, X509_free);
	X509_free(x);
	base_buf_free(&der);
}
END_TEST

/* Signed once by each certificate of one key. */
START_TEST(test_sign_all)
{
	STACK_OF(X509) *both = fleet_stack(h.cert[NODE], h.new_node, NULL);
	STACK_OF(X509) *none = sk_X509_new_null();
	struct base_buf cms;

	base_buf_init(&cms, 0);
	OK(wire_cms_sign_all(WIRE_C_REPORT, TEXT, both, h.leaf->key, NULL,
	    &cms));
	OK(verify(WIRE_C_REPORT, base_buf_span(&cms), h.trust, ON(1)));
	OK(verify(WIRE_C_REPORT, base_buf_span(&cms), h.new_trust, ON(1)));
	ck_assert_int_eq(verify(WIRE_C_REPORT, base_buf_span(&cms), none,
			     ON(1)),
	    BASE_E_CRYPTO);
	ck_assert_int_eq(wire_cms_sign_all(WIRE_C_REPORT, TEXT, none,
			     h.leaf->key, NULL, &cms),
	    BASE_E_RANGE);
	X509_up_ref(h.cert[NODE]);
	sk_X509_push(both, h.cert[NODE]);
	ck_assert_int_eq(wire_cms_sign_all(WIRE_C_REPORT, TEXT, both,
			     h.leaf->key, NULL, &cms),
	    BASE_E_RANGE);
	sk_X509_free(none);
	sk_X509_pop_free(both, X509_free);
	base_buf_free(&cms);
}
END_TEST

static void
spoil(CMS_ContentInfo *cms, int at)
{
	CMS_SignerInfo *si =
	    sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), at);
	ASN1_OCTET_STRING *sig = CMS_SignerInfo_get0_signature(si);

	sig->data[sig->length - 1] ^= 1;
}

/* Bit 0 and 1 of the loop: which of the two is spoilt. */
START_TEST(test_bad_of_two)
{
	CMS_ContentInfo *cms = start(PLAIN);
	STACK_OF(X509) *trust = fleet_stack(h.root, h.new_root, NULL);
	BIO *bio = BIO_new_mem_buf(TEXT.p, (int)TEXT.n);
	unsigned char *der = NULL;
	enum base_err e;
	int n;

	add_signer(cms, h.cert[NODE], PLAIN);
	add_signer(cms, h.new_node, PLAIN);
	ck_assert_int_eq(CMS_final(cms, bio, NULL, CMS_BINARY), 1);
	for (int i = 0; i < 2; i++)
		if (_i & (1 << i))
			spoil(cms, i);
	n = i2d_CMS_ContentInfo(cms, &der);
	ck_assert_int_gt(n, 0);
	e = verify(WIRE_C_REPORT, (struct base_span){ der, (size_t)n }, trust,
	    ON(1));
	ck_assert_msg((e == BASE_OK) == (_i != 3), "spoilt: %d", _i);
	sk_X509_pop_free(trust, X509_free);
	OPENSSL_free(der);
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
}
END_TEST

START_TEST(test_one_signer_twice)
{
	CMS_ContentInfo *cms = start(PLAIN);
	struct base_buf der;

	add_signer(cms, h.cert[NODE], PLAIN);
	add_signer(cms, h.cert[NODE], NO_CERT);
	der = end(cms, PLAIN);
	ck_assert_int_eq(verify(WIRE_C_REPORT, base_buf_span(&der), h.trust,
			     ON(1)),
	    BASE_E_SYNTAX);
	base_buf_free(&der);
}
END_TEST

/* An odd second signature spoils the message, also beside a good one. */
START_TEST(test_odd_second)
{
	CMS_ContentInfo *cms = start(PLAIN);
	struct base_buf der;

	add_signer(cms, h.cert[NODE], PLAIN);
	add_signer(cms, h.new_node, EXTRA);
	der = end(cms, PLAIN);
	ck_assert_int_eq(verify(WIRE_C_REPORT, base_buf_span(&der), h.trust,
			     ON(1)),
	    BASE_E_SYNTAX);
	base_buf_free(&der);
}
END_TEST

TCase *
case_cms(void)
{
	TCase *tc = tcase_create("cms");

	tcase_add_checked_fixture(tc, house_build, house_free);
	tcase_set_timeout(tc, 120); /* sanitizers are slow */
	tcase_add_loop_test(tc, test_types, WIRE_C_ORDER, WIRE_C_INVITE + 1);
	tcase_add_loop_test(tc, test_purposes, WIRE_C_ORDER, WIRE_C_INVITE + 1);
	tcase_add_test(tc, test_time);
	tcase_add_test(tc, test_trust);
	tcase_add_test(tc, test_wrong_key);
	tcase_add_test(tc, test_by_key);
	tcase_add_loop_test(tc, test_algorithms, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_changed);
	tcase_add_loop_test(tc, test_odd, PLAIN, NODD);
	tcase_add_test(tc, test_two_signers);
	tcase_add_test(tc, test_sign_all);
	tcase_add_loop_test(tc, test_bad_of_two, 0, 4);
	tcase_add_test(tc, test_one_signer_twice);
	tcase_add_test(tc, test_odd_second);
	return tc;
}
