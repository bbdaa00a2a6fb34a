/*
 * Rekey: the part of a report by which a node takes another key: a request
 * signed by the new key, signed once more by the old one. The report around
 * it is signed by the node's management key and names the order that asked
 * for it, so that nobody else can say it, and nobody can say it again. The
 * agent makes it; kedged and kedge-hsmd each check it for themselves.
 */
#include <openssl/evp.h>

#include "wire/asn1.h"
#include "wire/msg.h"
#include "wire/spki.h"
#include "wire/x509.h"

#define CSR_MAX ((size_t)4 << 10)
#define SIG_MAX ((size_t)512)

struct rekey_der {
	ASN1_OCTET_STRING *csr, *old_signature;
};

/* clang-format off */
ASN1_SEQUENCE(rekey_der) = {
	ASN1_SIMPLE(struct rekey_der, csr, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct rekey_der, old_signature, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END_name(struct rekey_der, rekey_der)
/* clang-format on */

static const char *
digest_of(const struct wire_spki_form *f)
{
	return f->alg == WIRE_P256 || f->alg == WIRE_RSA3072 ? "SHA256"
							     : "SHA384";
}

/* ---- make ------------------------------------------------------------------ */

static enum base_err
sign(EVP_PKEY *old, struct base_span csr, struct rekey_der *d)
{
	const struct wire_spki_form *f = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[SIG_MAX];
	size_t n = sizeof(sig);
	struct base_buf spki;
	enum base_err e;

	if (ctx == NULL)
		base_die("rekey: out of memory");
	base_buf_init(&spki, 0);
	if ((e = wire_key_spki(old, &spki)) != BASE_OK ||
	    (e = wire_spki_parse(base_buf_span(&spki), &f)) != BASE_OK)
		goto out;
	if (EVP_DigestSignInit_ex(ctx, NULL, digest_of(f), NULL, NULL, old,
		NULL) != 1 ||
	    EVP_DigestSign(ctx, sig, &n, csr.p, csr.n) != 1)
		e = base_fail(BASE_E_CRYPTO, "rekey: the old key cannot sign");
	else
		wire_asn_put_bytes(d->old_signature, sig, n);
out:
	base_buf_free(&spki);
	EVP_MD_CTX_free(ctx);
	return e;
}

enum base_err
wire_rekey_make(EVP_PKEY *old, EVP_PKEY *new, const char *fleet,
    const char *node, struct base_buf *out)
{
	struct rekey_der *d = wire_asn_new(ASN1_ITEM_rptr(rekey_der));
	struct base_buf csr;
	enum base_err e;

	base_buf_init(&csr, CSR_MAX);
	if ((e = wire_csr_make(new, fleet, node, &csr)) == BASE_OK &&
	    (e = sign(old, base_buf_span(&csr), d)) == BASE_OK) {
		wire_asn_put_buf(d->csr, &csr);
		e = wire_asn_encode(ASN1_ITEM_rptr(rekey_der), d, out);
	}
	base_buf_free(&csr);
	wire_asn_free(ASN1_ITEM_rptr(rekey_der), d);
	return e;
}

/* ---- check ----------------------------------------------------------------- */

static enum base_err
verify(const struct rekey_der *d, struct base_span old_spki)
{
	const struct wire_spki_form *f = NULL;
	const uint8_t *p = old_spki.p;
	EVP_MD_CTX *ctx = NULL;
	EVP_PKEY *old = NULL;
	enum base_err e;

	if ((e = wire_spki_parse(old_spki, &f)) != BASE_OK)
		return e;
	if ((ctx = EVP_MD_CTX_new()) == NULL)
		base_die("rekey: out of memory");
	old = d2i_PUBKEY(NULL, &p, (long)old_spki.n);
	if (old == NULL ||
	    EVP_DigestVerifyInit_ex(ctx, NULL, digest_of(f), NULL, NULL, old,
		NULL) != 1 ||
	    EVP_DigestVerify(ctx, ASN1_STRING_get0_data(d->old_signature),
		(size_t)ASN1_STRING_length(d->old_signature),
		ASN1_STRING_get0_data(d->csr),
		(size_t)ASN1_STRING_length(d->csr)) != 1)
		e = base_fail(BASE_E_CRYPTO,
		    "rekey: the new key is not vouched for by the one that "
		    "the node has");
	EVP_PKEY_free(old);
	EVP_MD_CTX_free(ctx);
	return e;
}

enum base_err
wire_rekey_check(struct base_span rekey, const char *fleet, const char *node,
    struct base_span old_spki, struct base_buf *new_spki)
{
	struct rekey_der *d = NULL;
	struct base_buf csr;
	void *v = NULL;
	enum base_err e;

	base_buf_init(&csr, CSR_MAX);
	if ((e = wire_asn_decode(ASN1_ITEM_rptr(rekey_der), "rekey", rekey,
		 &v)) != BASE_OK)
		goto out;
	d = v;
	if ((e = wire_asn_get_buf(d->csr, CSR_MAX, &csr)) != BASE_OK ||
	    (e = verify(d, old_spki)) != BASE_OK ||
	    (e = wire_csr_check(base_buf_span(&csr), fleet, node, new_spki)) !=
		BASE_OK)
		goto out;
	if (new_spki->n == old_spki.n &&
	    memcmp(new_spki->p, old_spki.p, old_spki.n) == 0)
		e = base_fail(BASE_E_REFUSED, "rekey: it is the old key again");
out:
	base_buf_free(&csr);
	wire_asn_free(ASN1_ITEM_rptr(rekey_der), v);
	return e;
}
