/*
 * wire/csr: PKCS#10 (RFC 2986) in the one form that kedge uses: subject
 * { O fleet, CN node }, no attributes, signed by the key in it. A node proves
 * by it that it has the private key. Made by agentd, checked by ca and hsm.
 */
#include <openssl/evp.h>

#include "wire/der.h"
#include "wire/spki.h"

/* the template macros need type names of one word */
typedef struct csr_info_st {
	ASN1_INTEGER *version;
	WIRE_DN *subject;
	ASN1_STRING *spki; /* whole */
	STACK_OF(ASN1_TYPE) *attributes;
} CSR_INFO;

typedef struct csr_st {
	ASN1_STRING *info, *alg; /* whole */
	ASN1_BIT_STRING *sig;
} CSR;

ASN1_SEQUENCE(CSR_INFO) = {
	ASN1_SIMPLE(CSR_INFO, version, ASN1_INTEGER),
	ASN1_SIMPLE(CSR_INFO, subject, WIRE_DN),
	ASN1_SIMPLE(CSR_INFO, spki, ASN1_SEQUENCE),
	ASN1_IMP_SET_OF(CSR_INFO, attributes, ASN1_ANY, 0),
} static_ASN1_SEQUENCE_END(CSR_INFO)

ASN1_SEQUENCE(CSR) = {
	ASN1_SIMPLE(CSR, info, ASN1_SEQUENCE),
	ASN1_SIMPLE(CSR, alg, ASN1_SEQUENCE),
	ASN1_SIMPLE(CSR, sig, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(CSR)

#define IT(name) ASN1_ITEM_rptr(name)

static const char *
digest_of(enum wire_alg a)
{
	return a == WIRE_P256 || a == WIRE_RSA3072 ? "SHA256" : "SHA384";
}

/* CertificationRequestInfo for that subject and key. */
static enum base_err
info_compose(const char *fleet, const char *node, struct base_span spki,
    struct base_buf *out)
{
	CSR_INFO *i = wire_der_new(IT(CSR_INFO));
	enum base_err r;

	if (!ASN1_INTEGER_set(i->version, 0))
		base_die("request: out of memory");
	wire_dn_set(i->subject, fleet, node);
	wire_der_set(i->spki, spki);
	r = wire_der_put(i, IT(CSR_INFO), out);
	ASN1_item_free((ASN1_VALUE *)i, IT(CSR_INFO));
	return r;
}

static enum base_err
sign(EVP_PKEY *key, enum wire_alg alg, struct base_span info, CSR *c)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum base_err r = BASE_OK;
	uint8_t sig[512];
	size_t n = sizeof(sig);

	if (ctx == NULL)
		base_die("request: out of memory");
	if (EVP_DigestSignInit_ex(ctx, NULL, digest_of(alg), NULL, NULL, key,
		NULL) != 1 ||
	    EVP_DigestSign(ctx, sig, &n, info.p, info.n) != 1)
		r = base_fail(BASE_E_CRYPTO,
		    "request: the key does not sign; is its private half "
		    "there?");
	else
		wire_der_set(c->sig, (struct base_span){ sig, n });
	c->sig->flags |= ASN1_STRING_FLAG_BITS_LEFT; /* no unused bits */
	EVP_MD_CTX_free(ctx);
	return r;
}

enum base_err
wire_csr_make(EVP_PKEY *key, const char *fleet, const char *node,
    struct base_buf *out)
{
	const struct wire_spki_form *f = NULL;
	struct base_buf spki, info;
	enum base_err r;
	CSR *c = NULL;

	base_buf_init(&spki, 0);
	base_buf_init(&info, 0);
	if (!base_name_is_valid(fleet) || !base_name_is_valid(node)) {
		r = base_fail(BASE_E_REFUSED,
		    "request: fleet and node need names of a-z 0-9 . -");
		goto out;
	}
	c = wire_der_new(IT(CSR));
	if ((r = wire_key_spki(key, &spki)) != BASE_OK ||
	    (r = wire_spki_parse(base_buf_span(&spki), &f)) != BASE_OK ||
	    (r = info_compose(fleet, node, base_buf_span(&spki), &info)) !=
		BASE_OK ||
	    (r = sign(key, f->alg, base_buf_span(&info), c)) != BASE_OK)
		goto out;
	wire_der_set(c->info, base_buf_span(&info));
	wire_der_set(c->alg, f->sig_alg);
	r = wire_der_put(c, IT(CSR), out);
out:
	ASN1_item_free((ASN1_VALUE *)c, IT(CSR));
	base_buf_free(&info);
	base_buf_free(&spki);
	return r;
}

static enum base_err
verify(const CSR *c, const struct wire_spki_form *f, struct base_span spki)
{
	struct base_span info = wire_der_bytes(c->info);
	struct base_span sig = wire_der_bytes(c->sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *p = spki.p;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	enum base_err r = BASE_OK;

	if (ctx == NULL)
		base_die("request: out of memory");
	if (key == NULL ||
	    EVP_DigestVerifyInit_ex(ctx, NULL, digest_of(f->alg), NULL, NULL,
		key, NULL) != 1 ||
	    EVP_DigestVerify(ctx, sig.p, sig.n, info.p, info.n) != 1)
		r = base_fail(BASE_E_CRYPTO,
		    "request: its signature is not by the key in it");
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	return r;
}

/* The request and its inner part must be the bytes that we would make. */
static bool
is_as_composed(struct base_span csr, const CSR *c, struct base_span info)
{
	struct base_buf b;
	bool same;

	base_buf_init(&b, 0);
	same = wire_span_is_equal(wire_der_bytes(c->info), info) &&
	    wire_der_put(c, IT(CSR), &b) == BASE_OK &&
	    wire_span_is_equal(base_buf_span(&b), csr);
	base_buf_free(&b);
	return same;
}

enum base_err
wire_csr_check(struct base_span csr, const char *fleet, const char *node,
    struct base_buf *spki)
{
	CSR *c = wire_der_get(csr, IT(CSR));
	const struct wire_spki_form *f = NULL;
	struct base_span key = { NULL, 0 };
	struct base_buf info;
	CSR_INFO *i = NULL;
	enum base_err r;

	base_buf_init(&info, 0);
	if (c == NULL ||
	    (i = wire_der_get(wire_der_bytes(c->info), IT(CSR_INFO))) == NULL) {
		r = base_fail(BASE_E_SYNTAX,
		    "request: not DER of a PKCS#10 request");
		goto out;
	}
	key = wire_der_bytes(i->spki);
	if ((r = wire_spki_parse(key, &f)) != BASE_OK ||
	    (r = info_compose(fleet, node, key, &info)) != BASE_OK)
		goto out;
	if (!is_as_composed(csr, c, base_buf_span(&info)) ||
	    !wire_span_is_equal(wire_der_bytes(c->alg), f->sig_alg)) {
		r = base_fail(BASE_E_REFUSED,
		    "request: not for fleet \"%s\" node \"%s\", or with "
		    "attributes or another algorithm than its key's",
		    fleet, node);
		goto out;
	}
	if ((r = verify(c, f, key)) == BASE_OK)
		r = base_buf_put(spki, key.p, key.n);
out:
	ASN1_item_free((ASN1_VALUE *)i, IT(CSR_INFO));
	ASN1_item_free((ASN1_VALUE *)c, IT(CSR));
	base_buf_free(&info);
	return r;
}
