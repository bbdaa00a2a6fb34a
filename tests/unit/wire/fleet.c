/* The fleet of fleet.h. */
#include <stdarg.h>
#include <string.h>

#include <check.h>
#include <openssl/evp.h>

#include "tests/unit/wire/fleet.h"

/* RSA keys come from files: making one takes seconds. */
static enum base_err
key_get(enum wire_alg alg, EVP_PKEY **out)
{
	struct base_buf pem;
	enum base_err r;

	if (alg == WIRE_P256 || alg == WIRE_P384)
		return wire_key_make(alg, out);
	base_buf_init(&pem, 0);
	r = base_file_read(alg == WIRE_RSA3072 ? "tests/data/test-rsa3072.pem"
					       : "tests/data/test-rsa4096.pem",
	    8192, &pem);
	if (r == BASE_OK)
		r = wire_key_from_pem(base_buf_span(&pem), out);
	base_buf_free(&pem);
	return r;
}

const struct fleet_key *
fleet_key(enum wire_alg alg, int i)
{
	static struct fleet_key keys[WIRE_RSA4096 + 1][8];
	struct fleet_key *k = &keys[alg][i];

	if (k->key != NULL)
		return k;
	k->alg = alg;
	base_buf_init(&k->spki, 0);
	if (key_get(alg, &k->key) != BASE_OK ||
	    wire_key_spki(k->key, &k->spki) != BASE_OK ||
	    wire_spki_id(base_buf_span(&k->spki), k->ski) != BASE_OK)
		base_die("fleet: %s", base_why());
	return k;
}

struct wire_tbs
fleet_tbs(enum wire_cert_kind kind, const char *root, const char *node,
    const struct fleet_key *subject, const struct fleet_key *issuer)
{
	struct wire_tbs t = { .kind = kind, .issuer_alg = issuer->alg };

	wire_serial_make(t.serial);
	strcpy(t.fleet, FLEET);
	strcpy(t.root, root);
	strcpy(t.node, node);
	t.not_before = T0;
	t.not_after = kind == WIRE_CANARY ? base_time_add_s(T0, 600) : ON(365);
	t.spki = base_buf_span(&subject->spki);
	memcpy(t.ski, subject->ski, sizeof(t.ski));
	memcpy(t.aki, issuer->ski, sizeof(t.aki));
	return t;
}

static void
sign(struct base_span tbs, const struct fleet_key *k, uint8_t sig[512],
    size_t *n)
{
	bool sha256 = k->alg == WIRE_P256 || k->alg == WIRE_RSA3072;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	*n = 512;
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL,
			     sha256 ? EVP_sha256() : EVP_sha384(), NULL,
			     k->key),
	    1);
	ck_assert_int_eq(EVP_DigestSign(ctx, sig, n, tbs.p, tbs.n), 1);
	EVP_MD_CTX_free(ctx);
}

X509 *
fleet_sign(struct base_span tbs, const struct fleet_key *issuer)
{
	uint8_t sig[512];
	struct base_buf der;
	X509 *x = NULL;
	enum base_err r;
	size_t n;

	base_buf_init(&der, 0);
	sign(tbs, issuer, sig, &n);
	r = wire_cert_assemble(tbs, issuer->alg, (struct base_span){ sig, n },
	    &der);
	ck_assert_msg(r == BASE_OK, "%s", base_why());
	ck_assert_int_eq(wire_x509_from_der(base_buf_span(&der), "test", &x),
	    BASE_OK);
	base_buf_free(&der);
	return x;
}

X509 *
fleet_issue(const struct wire_tbs *t, const struct fleet_key *issuer)
{
	struct base_buf tbs;
	enum base_err r;
	X509 *x;

	base_buf_init(&tbs, 0);
	r = wire_tbs_compose(t, &tbs);
	ck_assert_msg(r == BASE_OK, "%s", base_why());
	x = fleet_sign(base_buf_span(&tbs), issuer);
	base_buf_free(&tbs);
	return x;
}

STACK_OF(X509) *
fleet_stack(X509 *first, ...)
{
	STACK_OF(X509) *sk = sk_X509_new_null();
	va_list ap;

	va_start(ap, first);
	for (X509 *x = first; x != NULL; x = va_arg(ap, X509 *)) {
		X509_up_ref(x);
		ck_assert_int_gt(sk_X509_push(sk, x), 0);
	}
	va_end(ap);
	return sk;
}
