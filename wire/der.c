/*
 * wire/der: structures to bytes and back, and the name { O, CN }. Called by
 * tbs.c and csr.c.
 */
#include "wire/der.h"

enum base_err
wire_der_put(const void *v, const ASN1_ITEM *it, struct base_buf *out)
{
	uint8_t *der = NULL;
	int n = ASN1_item_i2d(v, &der, it);
	enum base_err r;

	if (n <= 0)
		base_die("der: out of memory");
	r = base_buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return r;
}

void *
wire_der_get(struct base_span der, const ASN1_ITEM *it)
{
	const uint8_t *p = der.p;
	void *v;

	if (der.n == 0 || der.n > INT32_MAX)
		return NULL;
	v = ASN1_item_d2i(NULL, &p, (long)der.n, it);
	if (v != NULL && p != der.p + der.n) {
		ASN1_item_free(v, it);
		v = NULL;
	}
	return v;
}

void *
wire_der_new(const ASN1_ITEM *it)
{
	void *v = ASN1_item_new(it);

	if (v == NULL)
		base_die("der: out of memory");
	return v;
}

void
wire_der_set(ASN1_STRING *s, struct base_span bytes)
{
	if (!ASN1_STRING_set(s, bytes.p, (int)bytes.n))
		base_die("der: out of memory");
}

struct base_span
wire_der_bytes(const ASN1_STRING *s)
{
	return (struct base_span){ ASN1_STRING_get0_data(s),
		(size_t)ASN1_STRING_length(s) };
}

/* ---- names ------------------------------------------------------------ */

ASN1_SEQUENCE(WIRE_AVA) = {
	ASN1_SIMPLE(WIRE_AVA, type, ASN1_OBJECT),
	ASN1_SIMPLE(WIRE_AVA, value, ASN1_UTF8STRING),
} static_ASN1_SEQUENCE_END(WIRE_AVA)

ASN1_SEQUENCE(WIRE_DN) = {
	ASN1_SET_OF(WIRE_DN, o, WIRE_AVA),
	ASN1_SET_OF(WIRE_DN, cn, WIRE_AVA),
} ASN1_SEQUENCE_END(WIRE_DN)

static void
rdn_set(STACK_OF(WIRE_AVA) *rdn, int nid, const char *value)
{
	WIRE_AVA *a = wire_der_new(ASN1_ITEM_rptr(WIRE_AVA));

	if (sk_WIRE_AVA_push(rdn, a) <= 0)
		base_die("der: out of memory");
	ASN1_OBJECT_free(a->type);
	a->type = OBJ_nid2obj(nid);
	wire_der_set(a->value,
	    (struct base_span){ (const uint8_t *)value, strlen(value) });
}

void
wire_dn_set(WIRE_DN *dn, const char *fleet, const char *cn)
{
	rdn_set(dn->o, NID_organizationName, fleet);
	rdn_set(dn->cn, NID_commonName, cn);
}

static bool
rdn_get(const STACK_OF(WIRE_AVA) *rdn, char out[BASE_NAME_MAX + 1])
{
	const WIRE_AVA *a =
	    sk_WIRE_AVA_num(rdn) == 1 ? sk_WIRE_AVA_value(rdn, 0) : NULL;
	struct base_span s;

	if (a == NULL || (s = wire_der_bytes(a->value)).n > BASE_NAME_MAX)
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return strlen(out) == s.n && base_name_is_valid(out);
}

bool
wire_dn_get(const WIRE_DN *dn, char fleet[BASE_NAME_MAX + 1],
    char cn[BASE_NAME_MAX + 1])
{
	return rdn_get(dn->o, fleet) && rdn_get(dn->cn, cn);
}
