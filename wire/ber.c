/*
 * wire/ber: finds encodings that are BER but not DER (X.690 sections 10, 11):
 * OpenSSL reads some of them, other verifiers do not, and two verifiers that
 * read different things is how a certificate gets two meanings. Also holds
 * times to the one form of RFC 5280 4.1.2.5. Called by pkix.c.
 */
#include <ctype.h>
#include <string.h>

#include <openssl/asn1.h>

#include "wire/verify.h"

#define DEPTH_MAX 32

struct tlv {
	uint8_t first; /* class, constructed bit, low tag number */
	struct base_span value;
	struct base_span whole;
};

static bool
length_read(struct base_span *in, size_t *out)
{
	uint8_t b;
	size_t n;

	if (in->n == 0)
		return false;
	b = *in->p++;
	in->n--;
	if (b < 0x80) {
		*out = b;
		return true;
	}
	n = b & 0x7f;
	if (n == 0 || n > 4 || n > in->n || in->p[0] == 0)
		return false;
	for (*out = 0; n > 0; n--, in->n--)
		*out = *out << 8 | *in->p++;
	return *out >= 0x80;
}

/* The next element of in. Tag numbers above 30 do not occur in X.509. */
static bool
tlv_next(struct base_span *in, struct tlv *t)
{
	const uint8_t *start = in->p;
	size_t n;

	if (in->n == 0 || (in->p[0] & 0x1f) == 0x1f)
		return false;
	t->first = *in->p++;
	in->n--;
	if (!length_read(in, &n) || n > in->n)
		return false;
	t->value = (struct base_span){ in->p, n };
	in->p += n;
	in->n -= n;
	t->whole = (struct base_span){ start, (size_t)(in->p - start) };
	return true;
}

/* ---- primitive types ------------------------------------------------------ */

static bool
is_good_integer(struct base_span v)
{
	if (v.n == 0)
		return false;
	return v.n == 1 ||
	    !((v.p[0] == 0 && (v.p[1] & 0x80) == 0) ||
		(v.p[0] == 0xff && (v.p[1] & 0x80) != 0));
}

static bool
is_good_bits(struct base_span v)
{
	if (v.n == 0 || v.p[0] > 7 || (v.n == 1 && v.p[0] != 0))
		return false;
	return (v.p[v.n - 1] & ((1u << v.p[0]) - 1)) == 0 || v.n == 1;
}

static bool
is_good_oid(struct base_span v)
{
	bool first = true;

	for (size_t i = 0; i < v.n; i++) {
		if (first && v.p[i] == 0x80)
			return false;
		first = (v.p[i] & 0x80) == 0;
	}
	return v.n > 0 && first;
}

static bool
is_good_time(struct base_span v, size_t n)
{
	if (v.n != n || v.p[n - 1] != 'Z')
		return false;
	for (size_t i = 0; i < n - 1; i++)
		if (!isdigit(v.p[i]))
			return false;
	return true;
}

static bool
is_good_primitive(uint8_t tag, struct base_span v)
{
	switch (tag) {
	case V_ASN1_BOOLEAN:
		return v.n == 1 && (v.p[0] == 0 || v.p[0] == 0xff);
	case V_ASN1_INTEGER:
	case V_ASN1_ENUMERATED:
		return is_good_integer(v);
	case V_ASN1_BIT_STRING:
		return is_good_bits(v);
	case V_ASN1_NULL:
		return v.n == 0;
	case V_ASN1_OBJECT:
		return is_good_oid(v);
	case V_ASN1_UTCTIME:
		return is_good_time(v, 13);
	case V_ASN1_GENERALIZEDTIME:
		return is_good_time(v, 15);
	case V_ASN1_SEQUENCE:
	case V_ASN1_SET:
	case V_ASN1_EOC:
		return false;
	default:
		return true;
	}
}

/* ---- structure --------------------------------------------------------------- */

/* X.690 11.6: the elements of a SET OF stand in ascending order. */
static bool
is_in_order(struct base_span a, struct base_span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = memcmp(a.p, b.p, n);

	return c < 0 || (c == 0 && a.n <= b.n);
}

static bool
is_der(struct base_span in, bool sorted, int depth)
{
	struct base_span last = { NULL, 0 };
	struct tlv t;

	if (depth > DEPTH_MAX)
		return false;
	while (in.n > 0) {
		if (!tlv_next(&in, &t) ||
		    (sorted && last.p != NULL && !is_in_order(last, t.whole)))
			return false;
		last = t.whole;
		if ((t.first & V_ASN1_CONSTRUCTED) != 0) {
			uint8_t tag = t.first & 0xdf;

			if (tag < 0x40 && tag != V_ASN1_SEQUENCE &&
			    tag != V_ASN1_SET)
				return false;
			if (!is_der(t.value, tag == V_ASN1_SET, depth + 1))
				return false;
		} else if (t.first < 0x40 &&
		    !is_good_primitive(t.first, t.value)) {
			return false;
		}
	}
	return true;
}

enum base_err
wire_der_check(struct base_span der, const char *what)
{
	struct base_span in = der;
	struct tlv t;

	if (!tlv_next(&in, &t) || in.n != 0 || !is_der(der, false, 0))
		return base_fail(BASE_E_SYNTAX,
		    "verify: %s: encoded in BER, not in DER", what);
	return BASE_OK;
}
