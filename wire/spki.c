/*
 * wire/spki: the four key algorithms of kedge. DER of a SubjectPublicKeyInfo
 * in any of them is a fixed head, the bytes of the point or modulus, and for
 * RSA the fixed exponent 65537; so a comparison is a complete DER parser, and
 * the key itself is never decoded (that costs 180 us in OpenSSL 3.0). Whether
 * the point is on the curve is proven by the signature on the request.
 * Called by tbs.c, csr.c, key.c and the profile check.
 */
#include <string.h>

#include <openssl/sha.h>

#include "wire/spki.h"

/* id-ecPublicKey, secp256r1, uncompressed point (RFC 5480) */
static const uint8_t p256_head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
	0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
/* id-ecPublicKey, secp384r1 */
static const uint8_t p384_head[] = { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
	0x22, 0x03, 0x62, 0x00, 0x04 };
/* rsaEncryption with NULL parameters (RFC 3279), INTEGER with its leading
 * zero since the top bit of the modulus is set */
static const uint8_t rsa3072_head[] = { 0x30, 0x82, 0x01, 0xa2, 0x30, 0x0d,
	0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
	0x00, 0x03, 0x82, 0x01, 0x8f, 0x00, 0x30, 0x82, 0x01, 0x8a, 0x02, 0x82,
	0x01, 0x81, 0x00 };
static const uint8_t rsa4096_head[] = { 0x30, 0x82, 0x02, 0x22, 0x30, 0x0d,
	0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
	0x00, 0x03, 0x82, 0x02, 0x0f, 0x00, 0x30, 0x82, 0x02, 0x0a, 0x02, 0x82,
	0x02, 0x01, 0x00 };
static const uint8_t rsa_tail[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

/* ecdsa-with-SHA256, -SHA384 (RFC 5758) */
static const uint8_t p256_sig[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t p384_sig[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x04, 0x03, 0x03 };
/* sha256WithRSAEncryption, sha384WithRSAEncryption (RFC 4055): the hash is as
 * strong as the modulus, and each algorithm has one identifier of its own */
static const uint8_t rsa3072_sig[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
	0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00 };
static const uint8_t rsa4096_sig[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
	0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00 };

/* clang-format off */
static const struct wire_spki_form forms[] = {
	{ WIRE_P256, "p256", p256_head, NULL, sizeof(p256_head), 0, 64,
	    26, { p256_sig, sizeof(p256_sig) }, 72 },
	{ WIRE_P384, "p384", p384_head, NULL, sizeof(p384_head), 0, 96,
	    23, { p384_sig, sizeof(p384_sig) }, 104 },
	{ WIRE_RSA3072, "rsa3072", rsa3072_head, rsa_tail,
	    sizeof(rsa3072_head), sizeof(rsa_tail), 384,
	    24, { rsa3072_sig, sizeof(rsa3072_sig) }, 384 },
	{ WIRE_RSA4096, "rsa4096", rsa4096_head, rsa_tail,
	    sizeof(rsa4096_head), sizeof(rsa_tail), 512,
	    24, { rsa4096_sig, sizeof(rsa4096_sig) }, 512 },
};
/* clang-format on */
#define NFORMS (sizeof(forms) / sizeof(forms[0]))

const struct wire_spki_form *
wire_spki_form(enum wire_alg a)
{
	for (size_t i = 0; i < NFORMS; i++)
		if (forms[i].alg == a)
			return &forms[i];
	return NULL;
}

static bool
spki_has_form(struct base_span s, const struct wire_spki_form *f)
{
	const uint8_t *var;

	if (s.p == NULL || s.n != f->head_n + f->var_n + f->tail_n ||
	    memcmp(s.p, f->head, f->head_n) != 0)
		return false;
	var = s.p + f->head_n;
	if (f->tail_n == 0)
		return true;
	/* exact bit length, and odd as a product of odd primes is */
	return memcmp(var + f->var_n, f->tail, f->tail_n) == 0 &&
	    (var[0] & 0x80) != 0 && (var[f->var_n - 1] & 1) != 0;
}

enum base_err
wire_spki_parse(struct base_span spki, const struct wire_spki_form **out)
{
	for (size_t i = 0; i < NFORMS; i++) {
		if (spki_has_form(spki, &forms[i])) {
			*out = &forms[i];
			return BASE_OK;
		}
	}
	return base_fail(BASE_E_SYNTAX,
	    "public key: not DER of a P-256, P-384, RSA-3072 or RSA-4096 "
	    "key; use one of these");
}

enum base_err
wire_spki_id(struct base_span spki, uint8_t ski[20])
{
	uint8_t md[SHA256_DIGEST_LENGTH];
	const struct wire_spki_form *f;
	enum base_err r;

	if ((r = wire_spki_parse(spki, &f)) != BASE_OK)
		return r;
	SHA256(spki.p + f->bits_at, spki.n - f->bits_at, md);
	memcpy(ski, md, 20);
	return BASE_OK;
}

enum base_err
wire_spki_alg(struct base_span spki, enum wire_alg *out)
{
	const struct wire_spki_form *f;
	enum base_err r;

	if ((r = wire_spki_parse(spki, &f)) != BASE_OK)
		return r;
	*out = f->alg;
	return BASE_OK;
}

enum base_err
wire_alg_parse(const char *s, enum wire_alg *out)
{
	for (size_t i = 0; i < NFORMS; i++) {
		if (strcmp(s, forms[i].name) == 0) {
			*out = forms[i].alg;
			return BASE_OK;
		}
	}
	return base_fail(BASE_E_SYNTAX,
	    "key algorithm \"%s\": unknown; use p256, p384, rsa3072 or "
	    "rsa4096",
	    s);
}

const char *
wire_alg_name(enum wire_alg a)
{
	const struct wire_spki_form *f = wire_spki_form(a);

	return f == NULL ? "unknown" : f->name;
}
