/* The certificates and CRLs of odd.h. */
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/x509v3.h>

#include "tests/unit/wire/odd.h"

static void
name_add(X509_NAME *n, const char *cn)
{
	if (cn != NULL)
		ck_assert_int_eq(X509_NAME_add_entry_by_NID(n, NID_commonName,
				     MBSTRING_ASC, (const uint8_t *)cn, -1, -1,
				     0),
		    1);
}

static X509_EXTENSION *
ext_of(X509V3_CTX *ctx, const char *text)
{
	const char *eq = strchr(text, '=');
	char *name = base_strndup(text, (size_t)(eq - text));
	X509_EXTENSION *e = X509V3_EXT_nconf(NULL, ctx, name, eq + 1);

	ck_assert_msg(e != NULL, "%s", text);
	free(name);
	return e;
}

static void
raw_add(X509 *x, const struct odd *o)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(o->raw_oid, 1);
	ASN1_OCTET_STRING *os = ASN1_OCTET_STRING_new();
	uint8_t der[512];
	size_t n = strlen(o->raw_hex) / 2;
	X509_EXTENSION *e;

	ck_assert_int_eq(base_unhex(o->raw_hex, der, n), BASE_OK);
	ck_assert_int_eq(ASN1_OCTET_STRING_set(os, der, (int)n), 1);
	e = X509_EXTENSION_create_by_OBJ(NULL, oid, o->raw_critical, os);
	ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(os);
	ASN1_OBJECT_free(oid);
}

static void
exts_add(X509 *x, const struct odd *o)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, o->issuer == NULL ? x : o->issuer, x, NULL, NULL,
	    0);
	for (size_t i = 0; o->exts[i] != NULL; i++) {
		X509_EXTENSION *e = ext_of(&ctx, o->exts[i]);

		ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
		X509_EXTENSION_free(e);
	}
	if (o->raw_oid != NULL)
		raw_add(x, o);
}

static void
date_set(ASN1_TIME *t, long days)
{
	ck_assert_ptr_nonnull(
	    X509_time_adj_ex(t, (int)days, 0, &(time_t){ T0.ms / 1000 }));
}

static void
serial_fill(ASN1_INTEGER *n, int bytes)
{
	uint8_t b[32];

	memset(b, 0x40, sizeof(b));
	ck_assert_int_eq(ASN1_STRING_set(n, b, bytes), 1);
}

X509 *
odd_make(const struct odd *o)
{
	static int serial = 1000;
	X509 *x = X509_new();
	const EVP_MD *md =
	    EVP_get_digestbyname(o->md == NULL ? "SHA256" : o->md);
	int number = o->serial == 0 ? serial++ : o->serial;

	ck_assert_int_eq(X509_set_version(x, X509_VERSION_3), 1);
	ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(x),
			     number == -1 ? 0 : number),
	    1);
	if (o->serial_bytes != 0)
		serial_fill(X509_get_serialNumber(x), o->serial_bytes);
	name_add(X509_get_subject_name(x), o->cn);
	ck_assert_int_eq(X509_set_issuer_name(x,
			     X509_get_subject_name(
				 o->issuer == NULL ? x : o->issuer)),
	    1);
	date_set(X509_getm_notBefore(x), o->from);
	date_set(X509_getm_notAfter(x), o->until == 0 ? 365 : o->until);
	ck_assert_int_eq(X509_set_pubkey(x, o->key->key), 1);
	exts_add(x, o);
	ck_assert_int_gt(X509_sign(x,
			     o->issuer == NULL ? o->key->key
					       : o->issuer_key->key,
			     md),
	    0);
	return x;
}

X509 *
odd_ca(const char *cn, const struct fleet_key *key, X509 *issuer,
    const struct fleet_key *issuer_key)
{
	struct odd o = { .cn = cn,
		.key = key,
		.issuer = issuer,
		.issuer_key = issuer_key,
		.exts = { ODD_CA } };

	return odd_make(&o);
}

X509 *
odd_leaf(const struct fleet_key *key, X509 *issuer,
    const struct fleet_key *issuer_key)
{
	struct odd o = { .cn = "web1",
		.key = key,
		.issuer = issuer,
		.issuer_key = issuer_key,
		.exts = { ODD_LEAF } };

	return odd_make(&o);
}

static void
crl_exts_add(X509_CRL *c, const struct odd_crl *o)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, o->issuer, NULL, NULL, c, 0);
	for (size_t i = 0; o->exts[i] != NULL; i++) {
		X509_EXTENSION *e = ext_of(&ctx, o->exts[i]);

		ck_assert_int_eq(X509_CRL_add_ext(c, e, -1), 1);
		X509_EXTENSION_free(e);
	}
}

/* OpenSSL looks at the extensions of a list while it decodes it. */
static X509_CRL *
crl_reread(X509_CRL *c)
{
	uint8_t *der = NULL;
	int n = i2d_X509_CRL(c, &der);
	const uint8_t *p = der;
	X509_CRL *again = d2i_X509_CRL(NULL, &p, n);

	ck_assert_ptr_nonnull(again);
	OPENSSL_free(der);
	X509_CRL_free(c);
	return again;
}

X509_CRL *
odd_crl_make(const struct odd_crl *o)
{
	X509_CRL *c = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();

	ck_assert_int_eq(X509_CRL_set_version(c, X509_CRL_VERSION_2), 1);
	ck_assert_int_eq(X509_CRL_set_issuer_name(c,
			     X509_get_subject_name(o->issuer)),
	    1);
	date_set(t, o->from);
	ck_assert_int_eq(X509_CRL_set1_lastUpdate(c, t), 1);
	for (size_t i = 0; o->serials != NULL && o->serials[i] != 0; i++) {
		X509_REVOKED *r = X509_REVOKED_new();
		ASN1_INTEGER *n = ASN1_INTEGER_new();

		ck_assert_int_eq(ASN1_INTEGER_set(n, o->serials[i]), 1);
		ck_assert_int_eq(X509_REVOKED_set_serialNumber(r, n), 1);
		ck_assert_int_eq(X509_REVOKED_set_revocationDate(r, t), 1);
		ck_assert_int_eq(X509_CRL_add0_revoked(c, r), 1);
		ASN1_INTEGER_free(n);
	}
	if (o->until != 0) {
		date_set(t, o->until);
		ck_assert_int_eq(X509_CRL_set1_nextUpdate(c, t), 1);
	}
	crl_exts_add(c, o);
	ck_assert_int_gt(X509_CRL_sign(c, o->key->key, EVP_sha256()), 0);
	ASN1_TIME_free(t);
	return crl_reread(c);
}
