/*
 * wire/profile: kedge's closed profile on top of RFC 5280: closed lists of
 * extensions, algorithms, key sizes and usages, so that nothing odd is ever
 * in a chain that a node relies on. Names are free: certificates under an
 * issuing CA of somebody else's making pass when they are plain enough.
 * Called by verify.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "wire/der.h"
#include "wire/name.h"
#include "wire/oid.h"
#include "wire/path.h"
#include "wire/spki.h"
#include "wire/verify.h"

static enum base_err
refuse(X509 *x, const char *why)
{
	char label[WIRE_LABEL_LEN];

	return base_fail(BASE_E_REFUSED, "verify: \"%s\": closed profile: %s",
	    wire_x509_label(x, label), why);
}

/* ---- extensions ------------------------------------------------------------ */

enum place {
	IN_ANY,
	IN_LEAF,
	IN_CA
};

static const struct {
	const char *oid;
	enum place place;
	bool critical;
} allowed[] = {
	{ "2.5.29.19", IN_ANY, true }, /* basicConstraints */
	{ "2.5.29.15", IN_ANY, true }, /* keyUsage */
	{ "2.5.29.37", IN_LEAF, false }, /* extKeyUsage */
	{ "2.5.29.17", IN_LEAF, false }, /* subjectAltName */
	{ "2.5.29.14", IN_ANY, false }, /* subjectKeyIdentifier */
	{ "2.5.29.35", IN_ANY, false }, /* authorityKeyIdentifier */
	{ WIRE_OID_ROOT_HASH, IN_CA, false }, /* RFC 8649 */
	{ "2.5.29.56", IN_LEAF, false }, /* noRevAvail: a canary */
};

static bool
is_allowed(X509_EXTENSION *e, bool leaf)
{
	bool critical = X509_EXTENSION_get_critical(e) != 0;
	char oid[80];

	(void)OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(e), 1);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(oid, allowed[i].oid) == 0)
			return critical == allowed[i].critical &&
			    allowed[i].place != (leaf ? IN_CA : IN_LEAF);
	return false;
}

static enum base_err
check_extensions(X509 *x, bool leaf)
{
	char oid[80], why[160];

	for (int i = 0; i < X509_get_ext_count(x); i++) {
		X509_EXTENSION *e = X509_get_ext(x, i);

		if (is_allowed(e, leaf))
			continue;
		(void)OBJ_obj2txt(oid, sizeof(oid),
		    X509_EXTENSION_get_object(e), 0);
		(void)snprintf(why, sizeof(why),
		    "extension %s, %s, is not among those of a %s", oid,
		    X509_EXTENSION_get_critical(e) ? "critical" : "uncritical",
		    leaf ? "leaf" : "CA");
		return refuse(x, why);
	}
	if (X509_get0_subject_key_id(x) == NULL ||
	    X509_get0_authority_key_id(x) == NULL ||
	    X509_get0_authority_issuer(x) != NULL)
		return refuse(x,
		    "needs subjectKeyIdentifier and authorityKeyIdentifier "
		    "with nothing but the key's");
	return BASE_OK;
}

/* ---- algorithms -------------------------------------------------------------- */

/* NULL when it is none of ours. */
static const struct wire_spki_form *
key_form(const X509 *x)
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	const struct wire_spki_form *f = NULL;

	if (n > 0 &&
	    wire_spki_parse((struct base_span){ der, (size_t)n }, &f) !=
		BASE_OK)
		f = NULL;
	OPENSSL_free(der);
	return f;
}

/* The one identifier that the issuer's key signs with. */
static bool
is_signature_of(const X509 *x, const X509 *issuer)
{
	const struct wire_spki_form *f = key_form(issuer);
	uint8_t *der = NULL;
	int n = i2d_X509_ALGOR(X509_get0_tbs_sigalg(x), &der);
	bool same = f != NULL && n > 0 &&
	    wire_span_is_equal((struct base_span){ der, (size_t)n },
		f->sig_alg);

	OPENSSL_free(der);
	return same;
}

/* ---- usages and names ----------------------------------------------------------- */

static bool
is_our_usage(const ASN1_OBJECT *o)
{
	static const char *const oids[] = { "1.3.6.1.5.5.7.3.1",
		"1.3.6.1.5.5.7.3.2", WIRE_OID_KP_NODE, WIRE_OID_KP_ORDER,
		WIRE_OID_KP_CA };
	char oid[80];

	(void)OBJ_obj2txt(oid, sizeof(oid), o, 1);
	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
		if (strcmp(oid, oids[i]) == 0)
			return true;
	return false;
}

static enum base_err
check_usages(X509 *x)
{
	EXTENDED_KEY_USAGE *eku =
	    X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	bool good = eku != NULL;

	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
		good = good && is_our_usage(sk_ASN1_OBJECT_value(eku, i));
	EXTENDED_KEY_USAGE_free(eku);
	return good ? BASE_OK
		    : refuse(x, "needs extKeyUsage, of usages on its list");
}

static enum base_err
check_names(X509 *x)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	bool good = true;
	char *text = NULL;

	for (int i = 0; good && i < sk_GENERAL_NAME_num(names); i++) {
		good = wire_san_to_text(sk_GENERAL_NAME_value(names, i),
			   &text) == BASE_OK;
		free(text);
		text = NULL;
	}
	GENERAL_NAMES_free(names);
	return good ? BASE_OK
		    : refuse(x,
			  "subjectAltName may have host names without "
			  "wildcard and addresses only");
}

static enum base_err
check_leaf(X509 *x)
{
	enum base_err r;

	if ((X509_get_extension_flags(x) & EXFLAG_CA) != 0)
		return refuse(x, "is a CA's own certificate");
	if (X509_get_key_usage(x) != KU_DIGITAL_SIGNATURE)
		return refuse(x, "keyUsage must be digitalSignature alone");
	if ((r = check_usages(x)) != BASE_OK)
		return r;
	return check_names(x);
}

static enum base_err
check_ca(X509 *x)
{
	uint32_t ku = X509_get_key_usage(x);

	if ((X509_get_extension_flags(x) & EXFLAG_CA) == 0)
		return refuse(x, "is no CA's certificate");
	if (ku != KU_KEY_CERT_SIGN && ku != (KU_KEY_CERT_SIGN | KU_CRL_SIGN))
		return refuse(x,
		    "keyUsage must be keyCertSign, and cRLSign at most");
	return BASE_OK;
}

enum base_err
wire_profile_check(X509 *x, const X509 *issuer, bool leaf)
{
	enum base_err r;

	if (key_form(x) == NULL || !is_signature_of(x, issuer))
		return refuse(x,
		    "algorithms must be P-256, P-384, RSA-3072 or RSA-4096 "
		    "with the hash that belongs to it");
	if ((r = check_extensions(x, leaf)) != BASE_OK)
		return r;
	return leaf ? check_leaf(x) : check_ca(x);
}
