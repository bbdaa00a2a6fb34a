/*
 * quick: OpenSSL without what a fleet does not need. For each key that it
 * reads it walks through the decoders of all algorithms that it knows: here
 * it knows those of elliptic curves only. And a signature that was good once,
 * over the same digest by the same key, is not computed again, but in every
 * fiftieth seed. See sim.h.
 */
#undef OPENSSL_NO_DEPRECATED /* a key's method has no successor */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/sim/sim.h"

#include <openssl/core_dispatch.h>
#include <openssl/ec.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <string.h>

#define KNOWN	 65536u
#define ALGS_MAX 64

OSSL_LIB_CTX *sim_openssl;

/* ---- algorithms ------------------------------------------------------------------ */

static OSSL_FUNC_provider_query_operation_fn *query_all;

/* Of what is walked through: curves, and what takes PEM apart. */
static bool
is_needed(const OSSL_ALGORITHM *a)
{
	return strcmp(a->algorithm_names, "EC") == 0 ||
	    strncmp(a->algorithm_names, "EC:", 3) == 0 ||
	    strcmp(a->algorithm_names, "DER") == 0;
}

static const OSSL_ALGORITHM *
query_needed(void *ctx, int operation, int *no_cache)
{
	static OSSL_ALGORITHM kept[OSSL_OP__HIGHEST + 1][ALGS_MAX];
	const OSSL_ALGORITHM *all = query_all(ctx, operation, no_cache);
	OSSL_ALGORITHM *k;

	if (operation != OSSL_OP_KEYMGMT && operation != OSSL_OP_DECODER &&
	    operation != OSSL_OP_ENCODER)
		return all;
	k = kept[operation];
	memset(k, 0, sizeof(kept[operation]));
	for (; all != NULL && all->algorithm_names != NULL; all++)
		if (is_needed(all))
			*k++ = *all;
	return kept[operation];
}

/* The default provider, that of a library context of its own. */
static int
init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **ctx)
{
	static OSSL_DISPATCH d[ALGS_MAX];
	OSSL_PROVIDER *p = OSSL_PROVIDER_load(sim_openssl, "default");
	const OSSL_DISPATCH *from;
	size_t n = 0;

	(void)core;
	(void)in;
	if (p == NULL)
		return 0;
	for (from = OSSL_PROVIDER_get0_dispatch(p); from->function_id != 0;
	     from++) {
		if (from->function_id == OSSL_FUNC_PROVIDER_TEARDOWN)
			continue;
		d[n] = *from;
		if (from->function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION) {
			query_all = OSSL_FUNC_provider_query_operation(from);
			d[n].function = (void (*)(void))query_needed;
		}
		n++;
	}
	*out = d;
	*ctx = OSSL_PROVIDER_get0_provider_ctx(p);
	return 1;
}

/* ---- signatures ------------------------------------------------------------------- */

static int (*verify_real)(int, const unsigned char *, int,
    const unsigned char *, int, EC_KEY *);

static size_t
put(uint8_t *to, size_t at, const void *p, int n)
{
	memcpy(to + at, &n, sizeof(n));
	memcpy(to + at + sizeof(n), p, (size_t)n);
	return at + sizeof(n) + (size_t)n;
}

static int
verify(int type, const unsigned char *digest, int ndigest,
    const unsigned char *sig, int nsig, EC_KEY *key)
{
	static uint8_t good[KNOWN][32];
	uint8_t all[512], sum[32];
	unsigned char *point = NULL;
	size_t n, len, i;
	int r;

	len = EC_KEY_key2buf(key, POINT_CONVERSION_COMPRESSED, &point, NULL);
	if (sim.seed % 50 == 0 || len == 0 || len > 128 || ndigest > 128 ||
	    nsig > 160) {
		OPENSSL_free(point);
		return verify_real(type, digest, ndigest, sig, nsig, key);
	}
	n = put(all, 0, point, (int)len);
	n = put(all, n, digest, ndigest);
	n = put(all, n, sig, nsig);
	OPENSSL_free(point);
	SHA256(all, n, sum);
	i = (size_t)(sum[0] | sum[1] << 8) % KNOWN;
	if (memcmp(good[i], sum, sizeof(sum)) == 0)
		return 1;
	if ((r = verify_real(type, digest, ndigest, sig, nsig, key)) == 1)
		memcpy(good[i], sum, sizeof(sum));
	return r;
}

static void
remember_signatures(void)
{
	EC_KEY_METHOD *m = EC_KEY_METHOD_new(EC_KEY_get_default_method());
	int (*verify_sig)(const unsigned char *, int, const ECDSA_SIG *,
	    EC_KEY *);

	EC_KEY_METHOD_get_verify(m, &verify_real, &verify_sig);
	EC_KEY_METHOD_set_verify(m, verify, verify_sig);
	EC_KEY_set_default_method(m);
}

void
sim_quick(void)
{
	static OSSL_PROVIDER *curves; /* until the end: no leak */

	sim_openssl = OSSL_LIB_CTX_new();
	if (sim_openssl == NULL ||
	    OSSL_PROVIDER_add_builtin(NULL, "curves", init) != 1 ||
	    (curves = OSSL_PROVIDER_load(NULL, "curves")) == NULL)
		base_die("sim: OpenSSL does not take another provider");
	remember_signatures();
}
