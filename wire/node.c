/*
 * The node that a certificate speaks for: its one CN, which must also be its
 * first dNSName. Used for TLS peers and for signers of messages.
 */
#include "wire/x509.h"

#include <string.h>

#include <openssl/x509v3.h>

static enum base_err
node_cn(const X509 *x, char out[BASE_NAME_MAX + 1])
{
	const X509_NAME *dn = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(dn, NID_commonName, -1);
	const ASN1_STRING *s;
	int n;

	if (at < 0 || X509_NAME_get_index_by_NID(dn, NID_commonName, at) >= 0)
		return base_fail(BASE_E_REFUSED,
		    "certificate: its subject has not one CN");
	s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(dn, at));
	n = ASN1_STRING_length(s);
	if (n <= 0 || n > BASE_NAME_MAX ||
	    memchr(ASN1_STRING_get0_data(s), 0, (size_t)n) != NULL)
		return base_fail(BASE_E_REFUSED,
		    "certificate: its CN is no node name");
	memcpy(out, ASN1_STRING_get0_data(s), (size_t)n);
	out[n] = '\0';
	if (!base_name_is_valid(out))
		return base_fail(BASE_E_REFUSED,
		    "certificate: its CN is no node name");
	return BASE_OK;
}

static bool
first_dns_is(const GENERAL_NAMES *names, const char *node)
{
	size_t n = strlen(node);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *s;

		if (g->type != GEN_DNS)
			continue;
		s = g->d.dNSName;
		return (size_t)ASN1_STRING_length(s) == n &&
		    memcmp(ASN1_STRING_get0_data(s), node, n) == 0;
	}
	return false;
}

enum base_err
wire_x509_node(const X509 *x, char out[BASE_NAME_MAX + 1])
{
	GENERAL_NAMES *names;
	enum base_err e = node_cn(x, out);

	if (e != BASE_OK)
		return e;
	names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	if (names == NULL || !first_dns_is(names, out))
		e = base_fail(BASE_E_REFUSED,
		    "certificate of '%s': its first DNS name is another", out);
	GENERAL_NAMES_free(names);
	return e;
}
