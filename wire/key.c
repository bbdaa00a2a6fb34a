/*
 * wire/key: the private keys of nodes and of kedged's TLS, in files. Keys of
 * roots never come here; they live in tokens. Called by agentd and ca.
 */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "wire/spki.h"

enum base_err
wire_key_make(enum wire_alg alg, EVP_PKEY **out)
{
	EVP_PKEY *k = NULL;

	switch (alg) {
	case WIRE_P256:
		k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		break;
	case WIRE_P384:
		k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
		break;
	case WIRE_RSA3072:
		k = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
		break;
	case WIRE_RSA4096:
		k = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096);
		break;
	}
	if (k == NULL)
		return base_fail(BASE_E_CRYPTO,
		    "key: %s cannot be made; is OpenSSL's default provider "
		    "active?",
		    wire_alg_name(alg));
	*out = k;
	return BASE_OK;
}

enum base_err
wire_key_to_pem(EVP_PKEY *key, struct base_buf *out)
{
	/* a secure memory BIO wipes what it frees or moves */
	BIO *b = BIO_new(BIO_s_secmem());
	enum base_err r;
	char *p = NULL;
	long n;

	if (b == NULL)
		base_die("key: out of memory");
	if (PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) !=
		1 ||
	    (n = BIO_get_mem_data(b, &p)) <= 0)
		r = base_fail(BASE_E_CRYPTO,
		    "key: cannot be written out; is it in a token?");
	else
		r = base_buf_put(out, p, (size_t)n);
	BIO_free(b);
	return r;
}

/* OpenSSL would ask the terminal. */
static int
no_passphrase(char *buf, int size, int rw, void *arg)
{
	(void)buf;
	(void)size;
	(void)rw;
	(void)arg;
	return -1;
}

enum base_err
wire_key_from_pem(struct base_span pem, EVP_PKEY **out)
{
	struct base_buf spki;
	EVP_PKEY *k = NULL;
	enum base_err r;
	BIO *b;

	base_buf_init(&spki, 0);
	if (pem.n > INT32_MAX ||
	    (b = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL)
		return base_fail(BASE_E_RANGE, "key: too large");
	k = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
	BIO_free(b);
	if (k == NULL)
		return base_fail(BASE_E_SYNTAX,
		    "key: not one private key in PEM without a passphrase");
	/* refuses keys of other algorithms, too */
	if ((r = wire_key_spki(k, &spki)) == BASE_OK) {
		*out = k;
		k = NULL;
	}
	EVP_PKEY_free(k);
	base_buf_free(&spki);
	return r;
}

enum base_err
wire_key_spki(EVP_PKEY *key, struct base_buf *out)
{
	const struct wire_spki_form *f;
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	enum base_err r;

	if (n <= 0)
		return base_fail(BASE_E_CRYPTO, "key: has no public half");
	r = wire_spki_parse((struct base_span){ der, (size_t)n }, &f);
	if (r == BASE_OK)
		r = base_buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return r;
}
