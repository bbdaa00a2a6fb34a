/*
 * wire/pkix: what RFC 5280 demands of a certificate and OpenSSL does not
 * check, even with X509_V_FLAG_X509_STRICT. In force for both profiles.
 * Called by verify.c for each certificate of a chain that OpenSSL accepts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "wire/der.h"
#include "wire/general.h"
#include "wire/path.h"
#include "wire/verify.h"

static enum base_err
    BASE_PRINTF(2, 3) refuse(const X509 *x, const char *fmt, ...)
{
	char label[WIRE_LABEL_LEN], why[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return base_fail(BASE_E_REFUSED, "verify: \"%s\": %s",
	    wire_x509_label(x, label), why);
}

/* ---- fields (RFC 5280 4.1) --------------------------------------------------- */

#define SERIAL_MAX 20

static enum base_err
check_fields(X509 *x)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	const ASN1_BIT_STRING *iuid, *suid;
	int n = ASN1_STRING_length(serial);

	X509_get0_uids(x, &iuid, &suid);
	if (X509_get_version(x) != X509_VERSION_3)
		return refuse(x, "not a version 3 certificate");
	if (iuid != NULL || suid != NULL)
		return refuse(x, "has a unique identifier (RFC 5280 4.1.2.8)");
	if (n > 0 && (ASN1_STRING_get0_data(serial)[0] & 0x80) != 0)
		n++; /* in DER with a leading zero */
	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || n > SERIAL_MAX ||
	    n < 1 || (n == 1 && ASN1_STRING_get0_data(serial)[0] == 0))
		return refuse(x,
		    "serial number is not positive or over %d bytes "
		    "(RFC 5280 4.1.2.2)",
		    SERIAL_MAX);
	if (!wire_date_is_good(X509_get0_notBefore(x)) ||
	    !wire_date_is_good(X509_get0_notAfter(x)))
		return refuse(x,
		    "a date is not UTCTime until 2049 and GeneralizedTime "
		    "from 2050 on (RFC 5280 4.1.2.5)");
	return BASE_OK;
}

/* ---- extensions: where they may stand and how (RFC 5280 4.2) ---------------- */

enum critical {
	CRIT_ANY,
	CRIT_MUST,
	CRIT_NEVER
};

static const struct {
	int nid;
	enum critical critical;
	bool ca_only;
	const char *name;
} rules[] = {
	{ NID_authority_key_identifier, CRIT_NEVER, false,
	    "authorityKeyIdentifier" },
	{ NID_subject_key_identifier, CRIT_NEVER, false,
	    "subjectKeyIdentifier" },
	{ NID_policy_mappings, CRIT_ANY, true, "policyMappings" },
	{ NID_subject_directory_attributes, CRIT_NEVER, false,
	    "subjectDirectoryAttributes" },
	{ NID_name_constraints, CRIT_MUST, true, "nameConstraints" },
	{ NID_policy_constraints, CRIT_MUST, true, "policyConstraints" },
	{ NID_inhibit_any_policy, CRIT_MUST, true, "inhibitAnyPolicy" },
	{ NID_freshest_crl, CRIT_NEVER, false, "freshestCRL" },
	{ NID_info_access, CRIT_NEVER, false, "authorityInfoAccess" },
	{ NID_sinfo_access, CRIT_NEVER, false, "subjectInfoAccess" },
};

static bool
is_ca(X509 *x)
{
	return (X509_get_extension_flags(x) & EXFLAG_CA) != 0;
}

static enum base_err
check_rules(X509 *x, X509_EXTENSION *e)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
	bool critical = X509_EXTENSION_get_critical(e) != 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].nid != nid)
			continue;
		if (rules[i].critical != CRIT_ANY &&
		    critical != (rules[i].critical == CRIT_MUST))
			return refuse(x, "%s must %sbe critical", rules[i].name,
			    critical ? "not " : "");
		if (rules[i].ca_only && !is_ca(x))
			return refuse(x, "%s in a certificate that is no CA's",
			    rules[i].name);
	}
	return BASE_OK;
}

/* Known extensions must decode, in DER. Of unknown ones nothing is known,
 * not even that their value is ASN.1. */
static enum base_err
check_value(X509 *x, X509_EXTENSION *e)
{
	const X509V3_EXT_METHOD *m = X509V3_EXT_get(e);
	const ASN1_OCTET_STRING *os = X509_EXTENSION_get_data(e);
	struct base_span der = { ASN1_STRING_get0_data(os),
		(size_t)ASN1_STRING_length(os) };
	const uint8_t *p = der.p;
	struct base_buf again;
	bool same = false;
	void *v;

	if (m == NULL || m->it == NULL)
		return BASE_OK;
	base_buf_init(&again, 0);
	v = ASN1_item_d2i(NULL, &p, (long)der.n, ASN1_ITEM_ptr(m->it));
	if (v != NULL)
		same =
		    wire_der_put(v, ASN1_ITEM_ptr(m->it), &again) == BASE_OK &&
		    wire_span_is_equal(base_buf_span(&again), der);
	ASN1_item_free(v, ASN1_ITEM_ptr(m->it));
	base_buf_free(&again);
	if (!same)
		return refuse(x, "extension %s is malformed or not in DER",
		    OBJ_nid2sn(m->ext_nid));
	return wire_der_check(der, OBJ_nid2sn(m->ext_nid));
}

static enum base_err
check_extensions(X509 *x)
{
	int n = X509_get_ext_count(x);
	enum base_err r;

	for (int i = 0; i < n; i++) {
		X509_EXTENSION *e = X509_get_ext(x, i);

		if (X509_get_ext_by_OBJ(x, X509_EXTENSION_get_object(e), i) >=
		    0)
			return refuse(x, "the same extension twice");
		if ((r = check_rules(x, e)) != BASE_OK ||
		    (r = check_value(x, e)) != BASE_OK)
			return r;
	}
	return BASE_OK;
}

/* ---- what single extensions say ------------------------------------------------ */

/* The decoded extension, or NULL when it is not there; check_value has seen
 * that it decodes. */
static void *
ext_get(X509 *x, int nid)
{
	return X509_get_ext_d2i(x, nid, NULL, NULL);
}

static enum base_err
check_key_ids(X509 *x, bool anchor)
{
	AUTHORITY_KEYID *aki = ext_get(x, NID_authority_key_identifier);
	enum base_err r = BASE_OK;

	if (aki == NULL)
		return anchor ? BASE_OK
			      : refuse(x, "has no authorityKeyIdentifier");
	if (aki->keyid == NULL && !anchor)
		r = refuse(x, "authorityKeyIdentifier without keyIdentifier");
	else if ((aki->issuer == NULL) != (aki->serial == NULL))
		r = refuse(x,
		    "authorityKeyIdentifier with only one of issuer and "
		    "serial number");
	AUTHORITY_KEYID_free(aki);
	return r;
}

static enum base_err
check_alt_names(X509 *x)
{
	GENERAL_NAMES *names = ext_get(x, NID_subject_alt_name);
	enum base_err r = BASE_OK;
	const char *fault;

	for (int i = 0; r == BASE_OK && i < sk_GENERAL_NAME_num(names); i++) {
		fault = wire_general_fault(sk_GENERAL_NAME_value(names, i));
		if (fault != NULL)
			r = refuse(x, "subjectAltName has %s", fault);
	}
	GENERAL_NAMES_free(names);
	return r;
}

static enum base_err
check_subtrees(X509 *x, STACK_OF(GENERAL_SUBTREE) *trees)
{
	const char *fault;

	for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
		fault =
		    wire_constraint_fault(sk_GENERAL_SUBTREE_value(trees, i));
		if (fault != NULL)
			return refuse(x, "nameConstraints has %s", fault);
	}
	return BASE_OK;
}

static enum base_err
check_constraints(X509 *x)
{
	NAME_CONSTRAINTS *nc = ext_get(x, NID_name_constraints);
	enum base_err r = BASE_OK;

	if (nc == NULL)
		return BASE_OK;
	if (sk_GENERAL_SUBTREE_num(nc->permittedSubtrees) <= 0 &&
	    sk_GENERAL_SUBTREE_num(nc->excludedSubtrees) <= 0)
		r = refuse(x, "nameConstraints is empty");
	if (r == BASE_OK)
		r = check_subtrees(x, nc->permittedSubtrees);
	if (r == BASE_OK)
		r = check_subtrees(x, nc->excludedSubtrees);
	NAME_CONSTRAINTS_free(nc);
	return r;
}

/* Distribution points are fetched from, by URI or directory (4.2.1.13). */
static enum base_err
check_crl_points(X509 *x)
{
	CRL_DIST_POINTS *points = ext_get(x, NID_crl_distribution_points);
	enum base_err r = BASE_OK;

	for (int i = 0; r == BASE_OK && i < sk_DIST_POINT_num(points); i++)
		if (!wire_dist_point_is_good(
			sk_DIST_POINT_value(points, i)->distpoint))
			r = refuse(x,
			    "cRLDistributionPoints names something that is "
			    "neither URI nor directory");
	CRL_DIST_POINTS_free(points);
	return r;
}

#define KU_ENCRYPTS (KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT)

/* What the key cannot do: RFC 8813 section 3 (EC), RFC 9295 (EdDSA), RFC 9881
 * section 5 (ML-DSA). */
static bool
key_can(X509 *x, uint32_t ku)
{
	const EVP_PKEY *k = X509_get0_pubkey(x);

	if (EVP_PKEY_is_a(k, "EC"))
		return (ku & KU_ENCRYPTS) == 0;
	if (EVP_PKEY_is_a(k, "RSA") || EVP_PKEY_is_a(k, "RSA-PSS"))
		return true;
	return (ku & (KU_ENCRYPTS | KU_KEY_AGREEMENT)) == 0;
}

static enum base_err
check_usage(X509 *x)
{
	EXTENDED_KEY_USAGE *eku = ext_get(x, NID_ext_key_usage);
	uint32_t ku = X509_get_key_usage(x);
	bool empty = eku != NULL && sk_ASN1_OBJECT_num(eku) == 0;

	EXTENDED_KEY_USAGE_free(eku);
	if (empty)
		return refuse(x, "extendedKeyUsage is empty");
	if (ku == 0)
		return refuse(x, "keyUsage is empty");
	if (ku != UINT32_MAX && X509_get0_pubkey(x) != NULL && !key_can(x, ku))
		return refuse(x, "keyUsage is nothing that its key can do");
	return BASE_OK;
}

/* ---- public ---------------------------------------------------------------------- */

/* Without walking into the values of extensions, which are opaque here. The
 * list of extensions is composed again: "critical FALSE" is not DER. */
static enum base_err
check_der(X509 *x)
{
	uint8_t *der = NULL, *exts = NULL;
	int n = i2d_X509(x, &der);
	int m = i2d_X509_EXTENSIONS(X509_get0_extensions(x), &exts);
	enum base_err r;

	if (n <= 0)
		base_die("verify: out of memory");
	r = wire_der_check((struct base_span){ der, (size_t)n }, "certificate");
	if (r == BASE_OK && m > 0 &&
	    memmem(der, (size_t)n, exts, (size_t)m) == NULL)
		r = refuse(x, "extensions are not in DER");
	OPENSSL_free(exts);
	OPENSSL_free(der);
	return r;
}

enum base_err
wire_pkix_check(X509 *x, bool anchor)
{
	enum base_err r;

	if ((r = check_der(x)) != BASE_OK || (r = check_fields(x)) != BASE_OK ||
	    (r = check_extensions(x)) != BASE_OK ||
	    (r = check_key_ids(x, anchor)) != BASE_OK ||
	    (r = check_alt_names(x)) != BASE_OK ||
	    (r = check_constraints(x)) != BASE_OK ||
	    (r = check_crl_points(x)) != BASE_OK)
		return r;
	return check_usage(x);
}

/* ---- a chain -------------------------------------------------------------------- */

/* An excluded "bar.example" and a certificate for "*.example": the peer may
 * call itself bar.example, and OpenSSL compares the two texts only. */
static enum base_err
check_wildcards(X509 *x, const GENERAL_NAMES *names,
    STACK_OF(GENERAL_SUBTREE) *excluded)
{
	int nt, gt;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const ASN1_STRING *name =
		    GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i),
			&nt);

		for (int j = 0;
		     nt == GEN_DNS && j < sk_GENERAL_SUBTREE_num(excluded);
		     j++) {
			const ASN1_STRING *base = GENERAL_NAME_get0_value(
			    sk_GENERAL_SUBTREE_value(excluded, j)->base, &gt);

			if (gt == GEN_DNS &&
			    wire_wildcard_may_match(name, base))
				return refuse(x,
				    "a wildcard stands for a name that "
				    "nameConstraints exclude");
		}
	}
	return BASE_OK;
}

enum base_err
wire_pkix_check_chain(STACK_OF(X509) *chain)
{
	X509 *leaf = sk_X509_value(chain, 0);
	GENERAL_NAMES *names = ext_get(leaf, NID_subject_alt_name);
	enum base_err r = BASE_OK;

	for (int i = 1; r == BASE_OK && i < sk_X509_num(chain); i++) {
		NAME_CONSTRAINTS *nc =
		    ext_get(sk_X509_value(chain, i), NID_name_constraints);

		if (nc != NULL)
			r = check_wildcards(leaf, names, nc->excludedSubtrees);
		NAME_CONSTRAINTS_free(nc);
	}
	GENERAL_NAMES_free(names);
	return r;
}
