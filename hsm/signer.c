/*
 * signer: hash-and-sign with an EVP_PKEY, wherever its private half is, and
 * the check of a signature by the public half alone. Contexts are made once
 * per key: setting one up costs more than the call. Used by the memory and
 * token keystores (signing) and by the front (checking).
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "hsm/keystore.h"
#include "wire/msg.h"

struct hsm_signer {
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx;
	EVP_MD *md;
	enum wire_alg alg;
};

struct hsm_verifier {
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx;
	EVP_MD *md;
};

void
hsm_ks_free(struct hsm_ks *k)
{
	if (k == NULL)
		return;
	k->ops->free(k->ks);
	free(k);
}

const char *
hsm_openssl_why(void)
{
	static _Thread_local char s[256];
	unsigned long e = ERR_peek_last_error();

	if (e == 0)
		return "no reason given";
	ERR_error_string_n(e, s, sizeof(s));
	ERR_clear_error();
	return s;
}

static EVP_MD *
signer_md(enum wire_alg alg)
{
	EVP_MD *md = EVP_MD_fetch(NULL,
	    alg == WIRE_P384 || alg == WIRE_RSA4096 ? "SHA384" : "SHA256",
	    NULL);

	if (md == NULL)
		base_die("hsm: this OpenSSL has no SHA-2: %s",
		    hsm_openssl_why());
	return md;
}

/* ECDSA takes the digest as it is; RSA wraps it in a DigestInfo first. */
static bool
signer_set_rsa(EVP_PKEY_CTX *ctx, const EVP_MD *md)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) > 0;
}

static bool
signer_is_rsa(enum wire_alg alg)
{
	return alg == WIRE_RSA3072 || alg == WIRE_RSA4096;
}

enum base_err
hsm_signer_new(EVP_PKEY *key, enum wire_alg alg, struct hsm_signer **out)
{
	struct hsm_signer *s = base_alloc(sizeof(*s));

	s->alg = alg;
	s->md = signer_md(alg);
	if (EVP_PKEY_up_ref(key) != 1)
		base_die("hsm: key reference count is full");
	s->key = key;
	s->ctx = EVP_PKEY_CTX_new(key, NULL);
	if (s->ctx == NULL || EVP_PKEY_sign_init(s->ctx) != 1 ||
	    (signer_is_rsa(alg) && !signer_set_rsa(s->ctx, s->md))) {
		hsm_signer_free(s);
		return base_fail(BASE_E_CRYPTO, "key: cannot sign with it: %s",
		    hsm_openssl_why());
	}
	*out = s;
	return BASE_OK;
}

enum base_err
hsm_signer_sign(struct hsm_signer *s, struct base_span msg,
    struct base_buf *sig)
{
	uint8_t dig[EVP_MAX_MD_SIZE], raw[HSM_SIG_MAX];
	size_t n = sizeof(raw);
	unsigned dn = 0;

	if (EVP_Digest(msg.p, msg.n, dig, &dn, s->md, NULL) != 1 ||
	    EVP_PKEY_sign(s->ctx, raw, &n, dig, dn) != 1)
		return base_fail(BASE_E_CRYPTO, "key: signing failed: %s",
		    hsm_openssl_why());
	return base_buf_put(sig, raw, n);
}

enum base_err
hsm_signer_cms(struct hsm_signer *s, struct base_span cert,
    struct base_span content, struct base_buf *out)
{
	STACK_OF(X509) *certs = NULL;
	enum base_err e;

	if ((e = wire_x509_stack_from_der(cert, WIRE_SIGNERS_MAX,
		 "order signer", &certs)) == BASE_OK)
		e = wire_cms_sign_all(WIRE_C_ORDER, content, certs, s->key,
		    NULL, out);
	sk_X509_pop_free(certs, X509_free);
	return e;
}

enum base_err
hsm_signer_test(struct hsm_signer *s, struct base_span spki)
{
	struct hsm_verifier *v = NULL;
	struct base_buf sig;
	uint8_t msg[32];
	struct base_span m = { msg, sizeof(msg) };
	enum base_err e;

	base_buf_init(&sig, HSM_SIG_MAX);
	if (RAND_bytes(msg, sizeof(msg)) != 1)
		base_die("hsm: no random bytes: %s", hsm_openssl_why());
	if ((e = hsm_signer_sign(s, m, &sig)) != BASE_OK ||
	    (e = hsm_verifier_new(spki, s->alg, &v)) != BASE_OK)
		goto out;
	e = hsm_verifier_check(v, m, base_buf_span(&sig));
out:
	hsm_verifier_free(v);
	base_buf_free(&sig);
	return e;
}

void
hsm_signer_free(struct hsm_signer *s)
{
	if (s == NULL)
		return;
	EVP_PKEY_CTX_free(s->ctx);
	EVP_PKEY_free(s->key);
	EVP_MD_free(s->md);
	free(s);
}

void
hsm_sigs_init(struct hsm_sigs *q)
{
	memset(q, 0, sizeof(*q));
	for (size_t i = 0; i < HSM_STARTS; i++)
		for (size_t k = 0; k < HSM_CHUNK; k++)
			base_buf_init(&q->sig[i][k], HSM_SIG_MAX);
}

void
hsm_sigs_free(struct hsm_sigs *q)
{
	for (size_t i = 0; i < HSM_STARTS; i++)
		for (size_t k = 0; k < HSM_CHUNK; k++)
			base_buf_free(&q->sig[i][k]);
}

enum base_err
hsm_sigs_start(struct hsm_sigs *q, struct hsm_signer *s,
    const struct base_span *msgs, size_t n)
{
	unsigned at = (q->first + q->used) % HSM_STARTS;
	enum base_err e = BASE_OK;

	if (q->used == HSM_STARTS || n > HSM_CHUNK)
		base_die("keystore: sign_start out of turn");
	for (size_t i = 0; i < n && e == BASE_OK; i++) {
		base_buf_clear(&q->sig[at][i]);
		e = hsm_signer_sign(s, msgs[i], &q->sig[at][i]);
	}
	if (e != BASE_OK)
		return e;
	q->n[at] = n;
	q->used++;
	return BASE_OK;
}

enum base_err
hsm_sigs_finish(struct hsm_sigs *q, struct base_buf *sigs, size_t n)
{
	unsigned at = q->first;
	enum base_err e = BASE_OK;

	if (q->used == 0)
		return base_fail(BASE_E_STATE, "keystore: nothing started");
	if (q->n[at] != n)
		base_die("keystore: sign_finish of another chunk");
	q->first = (at + 1) % HSM_STARTS;
	q->used--;
	for (size_t i = 0; i < n && e == BASE_OK; i++)
		e = base_buf_put(&sigs[i], q->sig[at][i].p, q->sig[at][i].n);
	return e;
}

enum base_err
hsm_verifier_new(struct base_span spki, enum wire_alg alg,
    struct hsm_verifier **out)
{
	struct hsm_verifier *v = base_alloc(sizeof(*v));
	const uint8_t *p = spki.p;

	v->md = signer_md(alg);
	v->key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	if (v->key != NULL && p == spki.p + spki.n)
		v->ctx = EVP_PKEY_CTX_new(v->key, NULL);
	if (v->ctx == NULL || EVP_PKEY_verify_init(v->ctx) != 1 ||
	    (signer_is_rsa(alg) && !signer_set_rsa(v->ctx, v->md))) {
		hsm_verifier_free(v);
		return base_fail(BASE_E_SYNTAX,
		    "public key: not a SubjectPublicKeyInfo: %s",
		    hsm_openssl_why());
	}
	*out = v;
	return BASE_OK;
}

enum base_err
hsm_verifier_check(struct hsm_verifier *v, struct base_span msg,
    struct base_span sig)
{
	uint8_t dig[EVP_MAX_MD_SIZE];
	unsigned dn = 0;

	if (EVP_Digest(msg.p, msg.n, dig, &dn, v->md, NULL) != 1 ||
	    EVP_PKEY_verify(v->ctx, sig.p, sig.n, dig, dn) != 1) {
		ERR_clear_error();
		return base_fail(BASE_E_CRYPTO,
		    "signature: does not verify under the key it was asked "
		    "of; the token or its module is broken");
	}
	return BASE_OK;
}

void
hsm_verifier_free(struct hsm_verifier *v)
{
	if (v == NULL)
		return;
	EVP_PKEY_CTX_free(v->ctx);
	EVP_PKEY_free(v->key);
	EVP_MD_free(v->md);
	free(v);
}
