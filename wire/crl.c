/*
 * wire/crl: what RFC 5280 section 5 demands of a revocation list and OpenSSL
 * does not check. A list that breaks it is refused whole: what it does not
 * say might be what matters. Called by verify.c.
 */
#include <stdlib.h>

#include <openssl/x509v3.h>

#include "wire/general.h"
#include "wire/verify.h"

#define CRL_NUMBER_MAX 20 /* bytes, RFC 5280 5.2.3 */

static void *
ext_get(const X509_CRL *crl, int nid, int *critical)
{
	return X509_CRL_get_ext_d2i(crl, nid, critical, NULL);
}

static const char *
fields_fault(X509_CRL *crl)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

	if (X509_CRL_get_version(crl) != X509_CRL_VERSION_2)
		return "not a version 2 list";
	if (next == NULL)
		return "no nextUpdate";
	if (!wire_date_is_good(X509_CRL_get0_lastUpdate(crl)) ||
	    !wire_date_is_good(next))
		return "a date is not UTCTime until 2049 and GeneralizedTime "
		       "from 2050 on";
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++)
		if (X509_CRL_get_ext_by_OBJ(crl,
			X509_EXTENSION_get_object(X509_CRL_get_ext(crl, i)),
			i) >= 0)
			return "the same extension twice";
	return NULL;
}

static const char *
number_fault(const X509_CRL *crl)
{
	int critical;
	ASN1_INTEGER *n = ext_get(crl, NID_crl_number, &critical);
	bool good = n != NULL && critical == 0 &&
	    ASN1_STRING_type(n) == V_ASN1_INTEGER &&
	    ASN1_STRING_length(n) <= CRL_NUMBER_MAX;

	ASN1_INTEGER_free(n);
	return good ? NULL : "no good, uncritical cRLNumber";
}

static const char *
key_id_fault(const X509_CRL *crl)
{
	int critical;
	AUTHORITY_KEYID *a =
	    ext_get(crl, NID_authority_key_identifier, &critical);
	bool good = a != NULL && critical == 0 && a->keyid != NULL;

	AUTHORITY_KEYID_free(a);
	return good ? NULL : "no good, uncritical authorityKeyIdentifier";
}

/* Partial lists would need their other parts to be complete. */
static const char *
scope_fault(const X509_CRL *crl)
{
	int critical, delta;
	ISSUING_DIST_POINT *p =
	    ext_get(crl, NID_issuing_distribution_point, &critical);
	const char *fault = NULL;

	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return "a delta list";
	if (p == NULL)
		return critical == -1 ? NULL
				      : "a malformed issuingDistributionPoint";
	delta = p->onlysomereasons != NULL;
	if (critical == 0)
		fault = "issuingDistributionPoint is not critical";
	else if (p->indirectCRL || delta)
		fault = "an indirect list or one of some reasons only";
	else if (!wire_dist_point_is_good(p->distpoint))
		fault = "issuingDistributionPoint is neither URI nor directory";
	ISSUING_DIST_POINT_free(p);
	return fault;
}

static int
compare_serials(const void *a, const void *b)
{
	return ASN1_INTEGER_cmp(*(ASN1_INTEGER *const *)a,
	    *(ASN1_INTEGER *const *)b);
}

/* Two entries for one serial number can say different things. */
static const char *
entries_fault(X509_CRL *crl)
{
	STACK_OF(X509_REVOKED) *sk = X509_CRL_get_REVOKED(crl);
	int n = sk_X509_REVOKED_num(sk);
	const char *fault = NULL;
	const ASN1_INTEGER **serials;

	if (n <= 1)
		return NULL;
	serials = base_alloc((size_t)n * sizeof(serials[0]));
	for (int i = 0; i < n; i++)
		serials[i] = X509_REVOKED_get0_serialNumber(
		    sk_X509_REVOKED_value(sk, i));
	qsort(serials, (size_t)n, sizeof(serials[0]), compare_serials);
	for (int i = 1; i < n && fault == NULL; i++)
		if (ASN1_INTEGER_cmp(serials[i - 1], serials[i]) == 0)
			fault = "the same serial number twice";
	free(serials);
	return fault;
}

static enum base_err
check_der(X509_CRL *crl)
{
	uint8_t *der = NULL;
	int n = i2d_X509_CRL(crl, &der);
	enum base_err r;

	if (n <= 0)
		base_die("verify: out of memory");
	r = wire_der_check((struct base_span){ der, (size_t)n }, "CRL");
	OPENSSL_free(der);
	return r;
}

enum base_err
wire_crl_check(X509_CRL *crl)
{
	const char *fault;
	enum base_err r;

	if ((r = check_der(crl)) != BASE_OK)
		return r;
	if ((fault = fields_fault(crl)) != NULL ||
	    (fault = number_fault(crl)) != NULL ||
	    (fault = key_id_fault(crl)) != NULL ||
	    (fault = scope_fault(crl)) != NULL ||
	    (fault = entries_fault(crl)) != NULL)
		return base_fail(BASE_E_REFUSED,
		    "verify: CRL: %s (RFC 5280 section 5)", fault);
	return BASE_OK;
}
