/*
 * quick: a provider of our own in the place of the default one, whose functions
 * it hands on, but for the lists of algorithms and the verifying of ECDSA. See
 * quick.h.
 */
#include "tests/unit/quick.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/base.h"

#define KNOWN	  65536u
#define ALGS_MAX  64
#define FUNCS_MAX 64
#define CTXS_MAX  16
#define POINT_MAX 160

static struct {
	OSSL_LIB_CTX *openssl;
	const char *const *algs;
	bool (*is_off)(void);
	OSSL_FUNC_provider_query_operation_fn *query_all;
} quick;

/* ---- signatures ------------------------------------------------------------------- */

/* What is being verified: of which key, and all that was signed. */
struct verifying {
	void *ctx; /* the provider's; NULL: free slot */
	uint8_t point[POINT_MAX];
	size_t npoint; /* 0: not to be remembered */
	char md[16];
	struct base_buf data;
};

static struct verifying verifying[CTXS_MAX];
static uint8_t good[KNOWN][32];

static struct {
	OSSL_FUNC_signature_digest_verify_init_fn *init;
	OSSL_FUNC_signature_digest_verify_update_fn *update;
	OSSL_FUNC_signature_digest_verify_final_fn *final;
	OSSL_FUNC_signature_dupctx_fn *dup;
	OSSL_FUNC_signature_freectx_fn *free;
	OSSL_FUNC_keymgmt_get_params_fn *key_get;
} real;

static struct verifying *
slot(const void *ctx)
{
	for (size_t i = 0; i < CTXS_MAX; i++)
		if (verifying[i].ctx == ctx)
			return &verifying[i];
	return NULL;
}

static void
forget(struct verifying *v)
{
	if (v == NULL)
		return;
	base_buf_free(&v->data);
	memset(v, 0, sizeof(*v));
}

static int
verify_init(void *ctx, const char *md, void *key, const OSSL_PARAM params[])
{
	struct verifying *v;
	OSSL_PARAM get[] = { OSSL_PARAM_END, OSSL_PARAM_END };

	forget(slot(ctx));
	if (key != NULL && md != NULL && strlen(md) < sizeof(v->md) &&
	    (v = slot(NULL)) != NULL) {
		get[0] = OSSL_PARAM_construct_octet_string(
		    OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, v->point, POINT_MAX);
		v->ctx = ctx;
		strcpy(v->md, md);
		base_buf_init(&v->data, 0);
		if (real.key_get(key, get) == 1)
			v->npoint = get[0].return_size;
	}
	return real.init(ctx, md, key, params);
}

static int
verify_update(void *ctx, const unsigned char *p, size_t n)
{
	struct verifying *v = slot(ctx);

	if (v != NULL && base_buf_put(&v->data, p, n) != BASE_OK)
		base_die("quick: out of memory");
	return real.update(ctx, p, n);
}

static void
sum_of(struct verifying *v, const unsigned char *sig, size_t n, uint8_t sum[32])
{
	size_t sizes[] = { v->npoint, v->data.n, n };

	if (base_buf_put(&v->data, v->point, v->npoint) != BASE_OK ||
	    base_buf_put(&v->data, sig, n) != BASE_OK ||
	    base_buf_put(&v->data, v->md, sizeof(v->md)) != BASE_OK ||
	    base_buf_put(&v->data, sizes, sizeof(sizes)) != BASE_OK)
		base_die("quick: out of memory");
	SHA256(v->data.p, v->data.n, sum);
}

static int
verify_final(void *ctx, const unsigned char *sig, size_t n)
{
	struct verifying *v = slot(ctx);
	uint8_t sum[32], *at;
	int r;

	if (v == NULL || v->npoint == 0 ||
	    (quick.is_off != NULL && quick.is_off())) {
		forget(v);
		return real.final(ctx, sig, n);
	}
	sum_of(v, sig, n, sum);
	forget(v);
	at = good[(size_t)(sum[0] | sum[1] << 8) % KNOWN];
	if (memcmp(at, sum, sizeof(sum)) == 0)
		return 1;
	if ((r = real.final(ctx, sig, n)) == 1)
		memcpy(at, sum, sizeof(sum));
	return r;
}

static void *
verify_dup(void *ctx)
{
	struct verifying *from = slot(ctx), *v;
	void *other = real.dup(ctx);

	if (other == NULL || from == NULL || (v = slot(NULL)) == NULL)
		return other;
	*v = *from;
	v->ctx = other;
	base_buf_init(&v->data, 0);
	if (base_buf_put(&v->data, from->data.p, from->data.n) != BASE_OK)
		base_die("quick: out of memory");
	return other;
}

static void
verify_free(void *ctx)
{
	if (ctx != NULL)
		forget(slot(ctx));
	real.free(ctx);
}

/* Puts ours in the place of the provider's. */
static const OSSL_DISPATCH *
ours(const OSSL_DISPATCH *from)
{
	static OSSL_DISPATCH kept[FUNCS_MAX];
	OSSL_DISPATCH *d = kept;

	for (; from->function_id != 0 && d < kept + FUNCS_MAX - 1; from++) {
		*d = *from;
		switch (from->function_id) {
		case OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT:
			real.init =
			    OSSL_FUNC_signature_digest_verify_init(from);
			d->function = (void (*)(void))verify_init;
			break;
		case OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE:
			real.update =
			    OSSL_FUNC_signature_digest_verify_update(from);
			d->function = (void (*)(void))verify_update;
			break;
		case OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL:
			real.final =
			    OSSL_FUNC_signature_digest_verify_final(from);
			d->function = (void (*)(void))verify_final;
			break;
		case OSSL_FUNC_SIGNATURE_DUPCTX:
			real.dup = OSSL_FUNC_signature_dupctx(from);
			d->function = (void (*)(void))verify_dup;
			break;
		case OSSL_FUNC_SIGNATURE_FREECTX:
			real.free = OSSL_FUNC_signature_freectx(from);
			d->function = (void (*)(void))verify_free;
			break;
		default:
			break;
		}
		d++;
	}
	return kept;
}

/* ---- algorithms ------------------------------------------------------------------ */

static bool
is_first(const char *names, const char *name)
{
	size_t n = strlen(name);

	return strncmp(names, name, n) == 0 &&
	    (names[n] == '\0' || names[n] == ':');
}

/* What takes PEM apart is needed by all. */
static bool
is_needed(const OSSL_ALGORITHM *a)
{
	for (const char *const *n = quick.algs; *n != NULL; n++)
		if (is_first(a->algorithm_names, *n))
			return true;
	return is_first(a->algorithm_names, "DER");
}

static void
find_key_get(const OSSL_DISPATCH *from)
{
	for (; from->function_id != 0; from++)
		if (from->function_id == OSSL_FUNC_KEYMGMT_GET_PARAMS)
			real.key_get = OSSL_FUNC_keymgmt_get_params(from);
}

static OSSL_ALGORITHM
one_of(int operation, const OSSL_ALGORITHM *a)
{
	OSSL_ALGORITHM one = *a;

	if (operation == OSSL_OP_KEYMGMT && is_first(a->algorithm_names, "EC"))
		find_key_get(a->implementation);
	if (operation == OSSL_OP_SIGNATURE &&
	    is_first(a->algorithm_names, "ECDSA"))
		one.implementation = ours(a->implementation);
	return one;
}

static const OSSL_ALGORITHM *
query(void *ctx, int operation, int *no_cache)
{
	static OSSL_ALGORITHM kept[OSSL_OP__HIGHEST + 1][ALGS_MAX];
	const OSSL_ALGORITHM *all = quick.query_all(ctx, operation, no_cache);
	OSSL_ALGORITHM *k;

	if (operation != OSSL_OP_KEYMGMT && operation != OSSL_OP_DECODER &&
	    operation != OSSL_OP_ENCODER && operation != OSSL_OP_SIGNATURE)
		return all;
	k = kept[operation];
	memset(k, 0, sizeof(kept[operation]));
	for (; all != NULL && all->algorithm_names != NULL; all++)
		if (operation == OSSL_OP_SIGNATURE || is_needed(all))
			*k++ = one_of(operation, all);
	return kept[operation];
}

/* The default provider, that of a library context of its own. */
static int
init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **ctx)
{
	static OSSL_DISPATCH d[FUNCS_MAX];
	OSSL_PROVIDER *p = OSSL_PROVIDER_load(quick.openssl, "default");
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
			quick.query_all =
			    OSSL_FUNC_provider_query_operation(from);
			d[n].function = (void (*)(void))query;
		}
		n++;
	}
	*out = d;
	*ctx = OSSL_PROVIDER_get0_provider_ctx(p);
	return 1;
}

void
quick_use(const char *const *algs, bool (*is_off)(void))
{
	static OSSL_PROVIDER *provider; /* until the end: no leak */

	quick.algs = algs;
	quick.is_off = is_off;
	quick.openssl = OSSL_LIB_CTX_new();
	if (quick.openssl == NULL ||
	    OSSL_PROVIDER_add_builtin(NULL, "quick", init) != 1 ||
	    (provider = OSSL_PROVIDER_load(NULL, "quick")) == NULL)
		base_die("quick: OpenSSL does not take another provider");
}

OSSL_LIB_CTX *
quick_openssl(void)
{
	return quick.openssl;
}
