/*
 * Sealing: HPKE (RFC 9180), base mode, one message: DHKEM(P-256,
 * HKDF-SHA256), HKDF-SHA256, AES-128-GCM. A joining node seals its request to
 * the key in the CA's invitation, kedged opens it. CMS EnvelopedData would ask
 * for a certificate of that key, and put OpenSSL's largest parser before the
 * first check of what strangers send; here it is a point and a ciphertext.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "wire/msg.h"
#include "wire/x509.h"

#define POINT WIRE_SEAL_POINT
#define HASH  32
#define KEY   16
#define NONCE 12
#define TAG   16

/* suite_id of the KEM alone, and of the whole (section 4.1 and 5.1) */
static const uint8_t kem_id[] = { 'K', 'E', 'M', 0x00, 0x10 };
static const uint8_t hpke_id[] = { 'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01,
	0x00, 0x01 };

#define SUITE(id) ((struct base_span){ (id), sizeof(id) })
static const struct base_span nothing = { (const uint8_t *)"", 0 };

/* ---- labelled HKDF (section 4) ------------------------------------------------ */

/* Extract: key is the salt, data the key material. Expand: key is the
 * pseudorandom key, data the info. */
static void
hkdf(int mode, struct base_span key, struct base_span data, uint8_t *out,
    size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *c = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	bool extract = mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	char sha256[] = "SHA256";
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256,
		    0),
		OSSL_PARAM_construct_octet_string(extract ? OSSL_KDF_PARAM_SALT
							  : OSSL_KDF_PARAM_KEY,
		    (void *)(uintptr_t)key.p, key.n),
		OSSL_PARAM_construct_octet_string(extract ? OSSL_KDF_PARAM_KEY
							  : OSSL_KDF_PARAM_INFO,
		    (void *)(uintptr_t)data.p, data.n),
		OSSL_PARAM_construct_end(),
	};

	if (c == NULL || EVP_KDF_derive(c, out, n, p) != 1)
		base_die("seal: OpenSSL has no HKDF");
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
}

static void
put(struct base_buf *b, const void *p, size_t n)
{
	if (base_buf_put(b, p, n) != BASE_OK)
		base_die("seal: %s", base_why());
}

static struct base_buf
labelled(struct base_span suite, const char *label, struct base_span data)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	put(&b, "HPKE-v1", 7);
	put(&b, suite.p, suite.n);
	put(&b, label, strlen(label));
	put(&b, data.p, data.n);
	return b;
}

static void
extract(struct base_span suite, struct base_span salt, const char *label,
    struct base_span ikm, uint8_t out[HASH])
{
	struct base_buf b = labelled(suite, label, ikm);

	hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, salt, base_buf_span(&b), out,
	    HASH);
	base_wipe(b.p, b.n);
	base_buf_free(&b);
}

static void
expand(struct base_span suite, const uint8_t prk[HASH], const char *label,
    struct base_span info, struct base_span out)
{
	struct base_buf b = labelled(suite, label, info), all;
	const uint8_t n[2] = { (uint8_t)(out.n >> 8), (uint8_t)out.n };

	base_buf_init(&all, 0);
	put(&all, n, sizeof(n));
	put(&all, b.p, b.n);
	hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, (struct base_span){ prk, HASH },
	    base_buf_span(&all), (uint8_t *)(uintptr_t)out.p, out.n);
	base_buf_free(&all);
	base_buf_free(&b);
}

/* ---- points --------------------------------------------------------------------- */

enum base_err
wire_seal_point(const EVP_PKEY *key, uint8_t out[POINT])
{
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(key,
		OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, out, POINT, &n) != 1 ||
	    n != POINT || out[0] != 0x04) {
		ERR_clear_error();
		return base_fail(BASE_E_CRYPTO, "seal: not a P-256 key");
	}
	return BASE_OK;
}

/* CRYPTO when it is not on the curve. */
static enum base_err
point_key(const uint8_t point[POINT], EVP_PKEY **out)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char group[] = "P-256";
	uint8_t copy[POINT];
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy,
		    POINT),
		OSSL_PARAM_construct_end(),
	};
	bool ok;

	memcpy(copy, point, POINT);
	*out = NULL;
	if (c == NULL || EVP_PKEY_fromdata_init(c) != 1)
		base_die("seal: OpenSSL has no EC keys");
	ok = copy[0] == 0x04 &&
	    EVP_PKEY_fromdata(c, out, EVP_PKEY_PUBLIC_KEY, p) == 1;
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return ok ? BASE_OK
		  : base_fail(BASE_E_CRYPTO, "seal: no point of P-256");
}

static enum base_err
agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t dh[HASH])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	size_t n = HASH;
	bool ok = c != NULL && EVP_PKEY_derive_init(c) == 1 &&
	    EVP_PKEY_derive_set_peer(c, peer) == 1 &&
	    EVP_PKEY_derive(c, dh, &n) == 1 && n == HASH;

	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return ok ? BASE_OK
		  : base_fail(BASE_E_CRYPTO, "seal: the keys do not agree");
}

/* ---- key schedule (section 4.1 and 5.1) ------------------------------------------- */

struct keys {
	uint8_t key[KEY], nonce[NONCE];
};

static void
schedule(const uint8_t shared[HASH], struct base_span info, struct keys *k)
{
	uint8_t context[1 + 2 * HASH] = { 0 /* mode_base */ }, secret[HASH];
	const struct base_span all = { context, sizeof(context) };

	extract(SUITE(hpke_id), nothing, "psk_id_hash", nothing, context + 1);
	extract(SUITE(hpke_id), nothing, "info_hash", info, context + 1 + HASH);
	extract(SUITE(hpke_id), (struct base_span){ shared, HASH }, "secret",
	    nothing, secret);
	expand(SUITE(hpke_id), secret, "key", all,
	    (struct base_span){ k->key, KEY });
	expand(SUITE(hpke_id), secret, "base_nonce", all,
	    (struct base_span){ k->nonce, NONCE });
	base_wipe(secret, sizeof(secret));
}

/* Both sides come to the same: enc is the sender's point, to the receiver's. */
static enum base_err
keys_make(EVP_PKEY *own, EVP_PKEY *peer, const uint8_t enc[POINT],
    const uint8_t to[POINT], struct base_span info, struct keys *k)
{
	uint8_t dh[HASH], prk[HASH], shared[HASH], context[2 * POINT];
	enum base_err e = agree(own, peer, dh);

	if (e == BASE_OK) {
		memcpy(context, enc, POINT);
		memcpy(context + POINT, to, POINT);
		extract(SUITE(kem_id), nothing, "eae_prk",
		    (struct base_span){ dh, HASH }, prk);
		expand(SUITE(kem_id), prk, "shared_secret",
		    (struct base_span){ context, sizeof(context) },
		    (struct base_span){ shared, HASH });
		schedule(shared, info, k);
	}
	base_wipe(dh, sizeof(dh));
	base_wipe(prk, sizeof(prk));
	base_wipe(shared, sizeof(shared));
	return e;
}

/* ---- AES-128-GCM -------------------------------------------------------------------- */

static EVP_CIPHER_CTX *
gcm(bool seal, const struct keys *k, struct base_span aad)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	if (c == NULL ||
	    EVP_CipherInit_ex(c, EVP_aes_128_gcm(), NULL, k->key, k->nonce,
		seal) != 1 ||
	    EVP_CipherUpdate(c, NULL, &n, aad.p, (int)aad.n) != 1)
		base_die("seal: OpenSSL has no AES-GCM");
	return c;
}

static void
encrypt(const struct keys *k, struct base_span aad, struct base_span plain,
    uint8_t *out)
{
	EVP_CIPHER_CTX *c = gcm(true, k, aad);
	int n = 0, m = 0;

	if (EVP_CipherUpdate(c, out, &n, plain.p, (int)plain.n) != 1 ||
	    EVP_CipherFinal_ex(c, out + n, &m) != 1 ||
	    (size_t)(n + m) != plain.n ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, out + plain.n) !=
		1)
		base_die("seal: AES-GCM failed");
	EVP_CIPHER_CTX_free(c);
}

static enum base_err
decrypt(const struct keys *k, struct base_span aad, struct base_span in,
    uint8_t *out)
{
	EVP_CIPHER_CTX *c = gcm(false, k, aad);
	size_t plain = in.n - TAG;
	uint8_t tag[TAG];
	int n = 0, m = 0;
	bool ok;

	memcpy(tag, in.p + plain, TAG);
	ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
	    EVP_CipherUpdate(c, out, &n, in.p, (int)plain) == 1 &&
	    EVP_CipherFinal_ex(c, out + n, &m) == 1;
	EVP_CIPHER_CTX_free(c);
	ERR_clear_error();
	return ok ? BASE_OK
		  : base_fail(BASE_E_CRYPTO,
			"seal: altered, or sealed to another key");
}

/* ---- public --------------------------------------------------------------------------- */

static enum base_err
size_check(struct base_span info, struct base_span aad, size_t n, size_t min)
{
	if (n < min || n > WIRE_PARCEL_MAX || aad.n > WIRE_PARCEL_MAX ||
	    info.n > WIRE_PARCEL_MAX)
		return base_fail(BASE_E_RANGE, "seal: %zu bytes", n);
	return BASE_OK;
}

enum base_err
wire_seal(const uint8_t to[POINT], struct base_span info, struct base_span aad,
    struct base_span plain, struct base_buf *out)
{
	EVP_PKEY *peer = NULL, *once = NULL;
	struct keys k = { .key = { 0 } };
	uint8_t enc[POINT], *sealed = NULL;
	size_t n = POINT + plain.n + TAG;
	enum base_err e;

	if ((e = size_check(info, aad, n, POINT + TAG + 1)) != BASE_OK ||
	    (e = point_key(to, &peer)) != BASE_OK ||
	    (e = wire_key_make(WIRE_P256, &once)) != BASE_OK ||
	    (e = wire_seal_point(once, enc)) != BASE_OK ||
	    (e = keys_make(once, peer, enc, to, info, &k)) != BASE_OK)
		goto out;
	sealed = base_alloc(n);
	memcpy(sealed, enc, POINT);
	encrypt(&k, aad, plain, sealed + POINT);
	e = base_buf_put(out, sealed, n);
out:
	free(sealed);
	base_wipe(&k, sizeof(k));
	EVP_PKEY_free(peer);
	EVP_PKEY_free(once);
	return e;
}

enum base_err
wire_unseal(EVP_PKEY *key, struct base_span info, struct base_span aad,
    struct base_span sealed, struct base_buf *out)
{
	EVP_PKEY *peer = NULL;
	struct keys k = { .key = { 0 } };
	uint8_t to[POINT], *plain = NULL;
	size_t n = 0;
	enum base_err e;

	if ((e = size_check(info, aad, sealed.n, POINT + TAG + 1)) != BASE_OK ||
	    (e = point_key(sealed.p, &peer)) != BASE_OK ||
	    (e = wire_seal_point(key, to)) != BASE_OK ||
	    (e = keys_make(key, peer, sealed.p, to, info, &k)) != BASE_OK)
		goto out;
	n = sealed.n - POINT - TAG;
	plain = base_alloc(n);
	e = decrypt(&k, aad,
	    (struct base_span){ sealed.p + POINT, sealed.n - POINT }, plain);
	if (e == BASE_OK)
		e = base_buf_put(out, plain, n);
out:
	if (plain != NULL)
		base_wipe(plain, n);
	free(plain);
	base_wipe(&k, sizeof(k));
	EVP_PKEY_free(peer);
	return e;
}
