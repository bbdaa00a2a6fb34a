/*
 * wire/pem: certificates and lists of them in DER and PEM, strictly. Called
 * by everybody who reads or writes a certificate.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "wire/x509.h"

#define CERT_MAX ((size_t)1 << 20)

enum base_err
wire_x509_from_der(struct base_span der, const char *what, X509 **out)
{
	const uint8_t *p = der.p;
	X509 *x = NULL;

	if (der.n > 0 && der.n <= CERT_MAX)
		x = d2i_X509(NULL, &p, (long)der.n);
	if (x == NULL)
		return base_fail(BASE_E_SYNTAX, "%s: not a certificate in DER",
		    what);
	if (p != der.p + der.n) {
		X509_free(x);
		return base_fail(BASE_E_SYNTAX,
		    "%s: bytes after the end of the certificate", what);
	}
	*out = x;
	return BASE_OK;
}

enum base_err
wire_x509_stack_from_der(struct base_span der, int max, const char *what,
    STACK_OF(X509) **out)
{
	STACK_OF(X509) *sk = sk_X509_new_null();
	/* no bytes may be NULL, which has no end */
	const uint8_t *p = der.p, *end = der.n > 0 ? der.p + der.n : der.p;
	X509 *x = NULL;

	*out = NULL;
	if (sk == NULL)
		base_die("%s: out of memory", what);
	while (p < end && der.n <= CERT_MAX && sk_X509_num(sk) < max &&
	    (x = d2i_X509(NULL, &p, end - p)) != NULL)
		if (sk_X509_push(sk, x) <= 0)
			base_die("%s: out of memory", what);
	ERR_clear_error();
	if (sk_X509_num(sk) == 0 || p != end) {
		sk_X509_pop_free(sk, X509_free);
		return base_fail(BASE_E_SYNTAX,
		    "%s: not from one to %d certificates in DER", what, max);
	}
	*out = sk;
	return BASE_OK;
}

/* ---- PEM ------------------------------------------------------------------ */

/* The line at *at without its end; false at the end of the text. */
static bool
line_next(struct base_span text, size_t *at, struct base_span *line)
{
	const uint8_t *nl;

	if (*at >= text.n)
		return false;
	line->p = text.p + *at;
	nl = memchr(line->p, '\n', text.n - *at);
	line->n = nl != NULL ? (size_t)(nl - line->p) : text.n - *at;
	*at += line->n + (nl != NULL);
	while (line->n > 0 && strchr(" \t\r", line->p[line->n - 1]) != NULL)
		line->n--;
	return true;
}

static bool
line_is(struct base_span line, const char *s)
{
	return line.n == strlen(s) && memcmp(line.p, s, line.n) == 0;
}

/* One block from its BEGIN line to the end of its END line. *der is freed by
 * OPENSSL_free. */
static bool
block_decode(struct base_span block, const char *label, uint8_t **der,
    size_t *n)
{
	BIO *b = BIO_new_mem_buf(block.p, (int)block.n);
	char *name = NULL, *header = NULL;
	uint8_t *data = NULL;
	bool good;
	long len;

	if (b == NULL)
		base_die("pem: out of memory");
	good = PEM_read_bio(b, &name, &header, &data, &len) == 1 &&
	    strcmp(name, label) == 0 && header[0] == '\0' && len > 0;
	if (good) {
		*der = data;
		*n = (size_t)len;
		data = NULL;
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(b);
	return good;
}

/* The next block of that label. NOTFOUND at the end of the text; SYNTAX when
 * there is anything else than blank lines and lines that begin with #. */
static enum base_err
block_next(struct base_span text, size_t *at, const char *label,
    struct base_span *block)
{
	struct base_span line;
	char begin[64], end[64];

	(void)snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
	(void)snprintf(end, sizeof(end), "-----END %s-----", label);
	do {
		if (!line_next(text, at, &line))
			return BASE_E_NOTFOUND;
	} while (line.n == 0 || line.p[0] == '#');
	if (!line_is(line, begin))
		return base_fail(BASE_E_SYNTAX,
		    "text that is neither a %s block nor a # comment", label);
	block->p = line.p;
	while (line_next(text, at, &line)) {
		if (line_is(line, end)) {
			block->n = (size_t)(text.p + *at - block->p);
			return BASE_OK;
		}
	}
	return base_fail(BASE_E_SYNTAX, "%s block without its end", label);
}

/* Takes each block's DER. */
typedef enum base_err add_fn(struct base_span der, const char *what, void *arg);

static enum base_err
blocks_each(struct base_span pem, const char *label, const char *what,
    add_fn *add, void *arg)
{
	struct base_span block;
	size_t at = 0, n = 0, count = 0;
	uint8_t *der;
	enum base_err r;

	if (pem.n > INT32_MAX)
		return base_fail(BASE_E_RANGE, "%s: too large", what);
	while ((r = block_next(pem, &at, label, &block)) == BASE_OK) {
		if (!block_decode(block, label, &der, &n))
			return base_fail(BASE_E_SYNTAX,
			    "%s: %s block %zu is not base64", what, label,
			    count + 1);
		r = add((struct base_span){ der, n }, what, arg);
		OPENSSL_free(der);
		if (r != BASE_OK)
			return r;
		count++;
	}
	if (r != BASE_E_NOTFOUND)
		return base_fail(r, "%s: after %zu blocks: %s", what, count,
		    base_why());
	if (count == 0)
		return base_fail(BASE_E_SYNTAX, "%s: no %s block in it", what,
		    label);
	return BASE_OK;
}

static enum base_err
add_cert(struct base_span der, const char *what, void *arg)
{
	STACK_OF(X509) *sk = arg;
	X509 *x = NULL;
	enum base_err r;

	if ((r = wire_x509_from_der(der, what, &x)) != BASE_OK)
		return r;
	if (sk_X509_push(sk, x) <= 0)
		base_die("pem: out of memory");
	return BASE_OK;
}

enum base_err
wire_x509_stack_from_pem(struct base_span pem, const char *what,
    STACK_OF(X509) **out)
{
	STACK_OF(X509) *sk = sk_X509_new_null();
	enum base_err r;

	if (sk == NULL)
		base_die("pem: out of memory");
	r = blocks_each(pem, "CERTIFICATE", what, add_cert, sk);
	if (r == BASE_OK) {
		*out = sk;
		sk = NULL;
	}
	sk_X509_pop_free(sk, X509_free);
	return r;
}

static enum base_err
add_crl(struct base_span der, const char *what, void *arg)
{
	STACK_OF(X509_CRL) *sk = arg;
	const uint8_t *p = der.p;
	X509_CRL *c = d2i_X509_CRL(NULL, &p, (long)der.n);

	if (c == NULL || p != der.p + der.n) {
		X509_CRL_free(c);
		return base_fail(BASE_E_SYNTAX, "%s: not a CRL in DER", what);
	}
	if (sk_X509_CRL_push(sk, c) <= 0)
		base_die("pem: out of memory");
	return BASE_OK;
}

enum base_err
wire_crl_stack_from_pem(struct base_span pem, const char *what,
    STACK_OF(X509_CRL) **out)
{
	STACK_OF(X509_CRL) *sk = sk_X509_CRL_new_null();
	enum base_err r;

	if (sk == NULL)
		base_die("pem: out of memory");
	r = blocks_each(pem, "X509 CRL", what, add_crl, sk);
	if (r == BASE_OK) {
		*out = sk;
		sk = NULL;
	}
	sk_X509_CRL_pop_free(sk, X509_CRL_free);
	return r;
}

/* ---- writing ---------------------------------------------------------------- */

enum base_err
wire_x509_to_der(const X509 *x, struct base_buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	enum base_err r;

	if (n <= 0)
		base_die("certificate: out of memory");
	r = base_buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return r;
}

enum base_err
wire_x509_to_pem(const X509 *x, struct base_buf *out)
{
	BIO *b = BIO_new(BIO_s_mem());
	enum base_err r;
	char *p = NULL;
	long n;

	if (b == NULL || PEM_write_bio_X509(b, x) != 1 ||
	    (n = BIO_get_mem_data(b, &p)) <= 0)
		base_die("certificate: out of memory");
	r = base_buf_put(out, p, (size_t)n);
	BIO_free(b);
	return r;
}

void
wire_x509_sha256(const X509 *x, uint8_t out[32])
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);

	if (n <= 0)
		base_die("certificate: out of memory");
	SHA256(der, (size_t)n, out);
	OPENSSL_free(der);
}

void
wire_x509_spki_sha256(const X509 *x, uint8_t out[32])
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (n <= 0)
		base_die("certificate: out of memory");
	SHA256(der, (size_t)n, out);
	OPENSSL_free(der);
}

/* ---- words ---- */

const char *
wire_x509_label(const X509 *x, char out[WIRE_LABEL_LEN])
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n;

	if (b == NULL)
		base_die("label: out of memory");
	(void)X509_NAME_print_ex(b, X509_get_subject_name(x), 0,
	    XN_FLAG_RFC2253);
	n = BIO_get_mem_data(b, &p);
	if (n >= WIRE_LABEL_LEN)
		n = WIRE_LABEL_LEN - 1;
	if (n > 0)
		memcpy(out, p, (size_t)n);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(b);
	return out[0] != '\0' ? out : strcpy(out, "(empty name)");
}
