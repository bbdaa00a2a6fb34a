/*
 * Strict DER for the messages of wire/msg.h: decode, encode again, compare;
 * and the fields that all messages share.
 */
#include "wire/asn1.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "wire/x509.h"

/* ---- whole messages --------------------------------------------------------- */

void *
wire_asn_new(const ASN1_ITEM *it)
{
	void *v = ASN1_item_new(it);

	if (v == NULL)
		base_die("asn1: out of memory");
	return v;
}

void
wire_asn_free(const ASN1_ITEM *it, void *v)
{
	ASN1_item_free(v, it);
}

enum base_err
wire_asn_encode(const ASN1_ITEM *it, const void *v, struct base_buf *out)
{
	unsigned char *der = NULL;
	int n = ASN1_item_i2d(v, &der, it);
	enum base_err e;

	if (n <= 0)
		base_die("asn1: a filled message does not encode");
	e = base_buf_put(out, der, (size_t)n);
	OPENSSL_clear_free(der, (size_t)n);
	return e;
}

/* BER that is not DER, and bytes after the end, come back different. */
static enum base_err
der_same(const ASN1_ITEM *it, const char *what, const void *v,
    struct base_span der)
{
	unsigned char *again = NULL;
	int n = ASN1_item_i2d(v, &again, it);
	bool same =
	    n > 0 && (size_t)n == der.n && memcmp(again, der.p, der.n) == 0;

	if (n > 0)
		OPENSSL_clear_free(again, (size_t)n);
	if (same)
		return BASE_OK;
	return base_fail(BASE_E_SYNTAX, "%s: not DER to the last byte", what);
}

enum base_err
wire_asn_decode(const ASN1_ITEM *it, const char *what, struct base_span der,
    void **out)
{
	const unsigned char *p = der.p;
	void *v;
	enum base_err e;

	if (der.n == 0 || der.n > WIRE_MESSAGE_MAX)
		return base_fail(BASE_E_RANGE, "%s: %zu bytes", what, der.n);
	v = ASN1_item_d2i(NULL, &p, (long)der.n, it);
	ERR_clear_error();
	if (v == NULL)
		return base_fail(BASE_E_SYNTAX,
		    "%s: does not fit its ASN.1 definition", what);
	if ((e = der_same(it, what, v, der)) != BASE_OK) {
		wire_asn_free(it, v);
		return e;
	}
	*out = v;
	return BASE_OK;
}

enum base_err
wire_asn_version(const char *what, uint32_t v)
{
	if (v == WIRE_MSG_VERSION)
		return BASE_OK;
	return base_fail(BASE_E_SYNTAX,
	    "%s: version %u, this release speaks %u", what, v,
	    WIRE_MSG_VERSION);
}

/* ---- fields: C to ASN.1 ------------------------------------------------------ */

void
wire_asn_put_bytes(ASN1_STRING *s, const void *p, size_t n)
{
	if (n > INT_MAX || ASN1_STRING_set(s, p, (int)n) != 1)
		base_die("asn1: out of memory");
}

void
wire_asn_put_buf(ASN1_STRING *s, const struct base_buf *b)
{
	wire_asn_put_bytes(s, b->p != NULL ? b->p : (const uint8_t *)"", b->n);
}

enum base_err
wire_asn_put_name(ASN1_STRING *s, const char *v)
{
	if (!base_name_is_valid(v))
		return base_fail(BASE_E_SYNTAX,
		    "message: '%.64s' is no name; "
		    "use 1 to %d of a-z 0-9 . -",
		    v, BASE_NAME_MAX);
	wire_asn_put_bytes(s, v, strlen(v));
	return BASE_OK;
}

enum base_err
wire_asn_put_time(ASN1_GENERALIZEDTIME *s, struct base_time t)
{
	char text[BASE_GENTIME_LEN];

	/* 0001-01-01 to 9999-12-31: what GeneralizedTime can say */
	if (t.ms < 0 || t.ms / 1000 > 253402300799)
		return base_fail(BASE_E_RANGE,
		    "message: a time outside 1970 to 9999");
	base_time_to_gentime(t, text);
	wire_asn_put_bytes(s, text, BASE_GENTIME_LEN - 1);
	return BASE_OK;
}

enum base_err
wire_asn_put_cert(ASN1_STRING *s, const X509 *x)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = wire_x509_to_der(x, &der)) == BASE_OK)
		wire_asn_put_buf(s, &der);
	base_buf_free(&der);
	return e;
}

void *
wire_asn_push(OPENSSL_STACK *sk, const ASN1_ITEM *it)
{
	void *v = wire_asn_new(it);

	if (OPENSSL_sk_push(sk, v) <= 0)
		base_die("asn1: out of memory");
	return v;
}

/* ---- fields: ASN.1 to C -------------------------------------------------------- */

static struct base_span
span_of(const ASN1_STRING *s)
{
	struct base_span sp = { ASN1_STRING_get0_data(s),
		(size_t)ASN1_STRING_length(s) };

	return sp;
}

bool
wire_utf8_is_valid(const void *p, size_t n)
{
	const unsigned char *s = p;
	unsigned long c;
	int k;

	for (; n > 0; s += k, n -= (size_t)k) {
		k = UTF8_getc(s, n > 6 ? 6 : (int)n, &c);
		if (k <= 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
	}
	return true;
}

enum base_err
wire_asn_get_text(const ASN1_STRING *s, char *out, size_t size)
{
	struct base_span v = span_of(s);

	if (v.n >= size)
		return base_fail(BASE_E_RANGE,
		    "message: a text of %zu bytes, %zu is the most", v.n,
		    size - 1);
	if (v.n != 0 &&
	    (memchr(v.p, 0, v.n) != NULL || !wire_utf8_is_valid(v.p, v.n)))
		return base_fail(BASE_E_SYNTAX, "message: a text is not UTF-8");
	memset(out, 0, size);
	if (v.n != 0)
		memcpy(out, v.p, v.n);
	return BASE_OK;
}

enum base_err
wire_asn_get_name(const ASN1_STRING *s, char out[BASE_NAME_MAX + 1])
{
	enum base_err e = wire_asn_get_text(s, out, BASE_NAME_MAX + 1);

	if (e != BASE_OK)
		return e;
	if (!base_name_is_valid(out))
		return base_fail(BASE_E_SYNTAX, "message: '%s' is no name",
		    out);
	return BASE_OK;
}

enum base_err
wire_asn_get_bytes(const ASN1_STRING *s, void *out, size_t n)
{
	struct base_span v = span_of(s);

	if (v.n != n)
		return base_fail(BASE_E_SYNTAX,
		    "message: %zu bytes where %zu belong", v.n, n);
	memcpy(out, v.p, n);
	return BASE_OK;
}

enum base_err
wire_asn_get_buf(const ASN1_STRING *s, size_t max, struct base_buf *out)
{
	struct base_span v = span_of(s);

	if (v.n == 0 || v.n > max)
		return base_fail(BASE_E_RANGE,
		    "message: a part of %zu bytes, 1 to %zu are allowed", v.n,
		    max);
	base_buf_init(out, 0);
	return base_buf_put(out, v.p, v.n);
}

enum base_err
wire_asn_get_time(const ASN1_GENERALIZEDTIME *s, struct base_time *out)
{
	struct base_span v = span_of(s);
	enum base_err e;

	e = base_time_from_gentime((const char *)v.p, v.n, out);
	if (e == BASE_OK && out->ms < 0)
		e = base_fail(BASE_E_RANGE, "message: a time before 1970");
	return e;
}

enum base_err
wire_asn_get_bool(ASN1_BOOLEAN v, bool *out)
{
	*out = v == 0xff;
	if (v == 0 || v == 0xff)
		return BASE_OK;
	return base_fail(BASE_E_SYNTAX, "message: BOOLEAN 0x%x", (unsigned)v);
}

/* A certificate's outer shell may come in BER; what is composed again is not
 * what was signed then. */
enum base_err
wire_asn_get_cert(const ASN1_STRING *s, const char *what, X509 **out)
{
	struct base_span der = span_of(s);
	unsigned char *again = NULL;
	X509 *x = NULL;
	enum base_err e = wire_x509_from_der(der, what, &x);
	int n;

	if (e != BASE_OK)
		return e;
	n = i2d_X509(x, &again);
	if (n < 0 || (size_t)n != der.n || memcmp(again, der.p, der.n) != 0)
		e = base_fail(BASE_E_SYNTAX, "%s: not DER", what);
	OPENSSL_free(again);
	if (e == BASE_OK)
		*out = x;
	else
		X509_free(x);
	return e;
}

enum base_err
wire_asn_range(const char *what, uint64_t v, uint64_t lo, uint64_t hi)
{
	if (v >= lo && v <= hi)
		return BASE_OK;
	return base_fail(BASE_E_RANGE, "%s is %llu, %llu to %llu are allowed",
	    what, (unsigned long long)v, (unsigned long long)lo,
	    (unsigned long long)hi);
}

enum base_err
wire_asn_count(const char *what, const OPENSSL_STACK *sk, size_t hi, size_t *n)
{
	int k = sk == NULL ? 0 : OPENSSL_sk_num(sk);

	*n = k < 0 ? 0 : (size_t)k;
	return wire_asn_range(what, *n, 0, hi);
}
