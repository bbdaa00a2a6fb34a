/*
 * wire/purpose: whether a certificate may be used for what is wanted, and has
 * the wanted name. Called by verify.c before it looks for a chain.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "wire/name.h"
#include "wire/oid.h"
#include "wire/path.h"
#include "wire/verify.h"

#define NAME_LEN_MAX 320

/* ---- extended key usage ------------------------------------------------------ */

static const char *
own_usage(enum wire_purpose p)
{
	switch (p) {
	case WIRE_ORDER_SIGNER:
		return WIRE_OID_KP_ORDER;
	case WIRE_NODE_SIGNER:
		return WIRE_OID_KP_NODE;
	case WIRE_CA_SIGNER:
		return WIRE_OID_KP_CA;
	case WIRE_SERVER:
	case WIRE_CLIENT:
		break;
	}
	return NULL;
}

static bool
has_usage(X509 *x, const char *oid)
{
	EXTENDED_KEY_USAGE *eku =
	    X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	ASN1_OBJECT *want = OBJ_txt2obj(oid, 1);
	bool found = false;

	if (want == NULL)
		base_die("verify: out of memory");
	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
		if (OBJ_cmp(sk_ASN1_OBJECT_value(eku, i), want) == 0)
			found = true;
	ASN1_OBJECT_free(want);
	EXTENDED_KEY_USAGE_free(eku);
	return found;
}

/* OpenSSL looks at the two of TLS itself. */
static enum base_err
check_own_usage(const struct wire_verify *v, X509 *x)
{
	const char *oid = own_usage(v->purpose);
	char label[WIRE_LABEL_LEN];

	if (oid == NULL)
		return BASE_OK;
	if (!has_usage(x, oid) ||
	    (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) == 0)
		return base_fail(BASE_E_REFUSED,
		    "verify: \"%s\": not certified to sign %s",
		    wire_x509_label(x, label),
		    v->purpose == WIRE_ORDER_SIGNER	 ? "orders"
			: v->purpose == WIRE_NODE_SIGNER ? "reports"
							 : "as the CA");
	return BASE_OK;
}

/* ---- names ------------------------------------------------------------------------- */

#define HOST_FLAGS                                 \
	(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |     \
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | \
	    X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS)

/* 1 yes, 0 no, less: the name itself is none of its kind. */
static int
match_name(const struct wire_verify *v, X509 *x)
{
	size_t n = strnlen(v->name, NAME_LEN_MAX + 1);

	if (n == 0 || n > NAME_LEN_MAX)
		return -2;
	switch (v->name_kind) {
	case WIRE_NAME_DNS:
		/* X509_check_host would read a leading dot as "any below" */
		return wire_dns_is_valid(v->name, n)
		    ? X509_check_host(x, v->name, n, HOST_FLAGS, NULL)
		    : -2;
	case WIRE_NAME_IP:
		return X509_check_ip_asc(x, v->name, 0);
	case WIRE_NAME_EMAIL:
		return strchr(v->name, '@') == NULL
		    ? -2
		    : X509_check_email(x, v->name, n,
			  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	case WIRE_NAME_NONE:
		break;
	}
	return 1;
}

static enum base_err
check_name(const struct wire_verify *v, X509 *x)
{
	static const char *const kinds[] = { "", "host name", "address",
		"mailbox" };
	char label[WIRE_LABEL_LEN];
	int m;

	if (v->name_kind == WIRE_NAME_NONE)
		return BASE_OK;
	if (v->name == NULL)
		base_die("verify: a kind of name without name");
	m = match_name(v, x);
	if (m < 0)
		return base_fail(BASE_E_REFUSED,
		    "verify: \"%.*s\" is no %s, so no certificate can be for "
		    "it",
		    NAME_LEN_MAX, v->name, kinds[v->name_kind]);
	if (m == 0)
		return base_fail(BASE_E_REFUSED,
		    "verify: \"%s\": subjectAltName does not have %s \"%s\"",
		    wire_x509_label(x, label), kinds[v->name_kind], v->name);
	return BASE_OK;
}

enum base_err
wire_purpose_check(const struct wire_verify *v, X509 *x)
{
	enum base_err r;

	if ((r = check_own_usage(v, x)) != BASE_OK)
		return r;
	return check_name(v, x);
}
