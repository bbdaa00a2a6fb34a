/*
 * memo: what OpenSSL has parsed, written or found good once is not asked of
 * it again: it takes most of a run's time for that, and the same few come
 * again and again. Takes the place of some functions of wire/x509.h by the
 * linker's --wrap, and asks those when something is new; in every fiftieth
 * seed always. See sim.h.
 */
#include "tests/sim/sim.h"

#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>

#define KNOWN 16384u
#define SHORT 20 /* of a certificate's SHA-1, which OpenSSL keeps */

enum base_err
__real_wire_x509_from_der(struct base_span der, const char *what, X509 **out);
enum base_err
__wrap_wire_x509_from_der(struct base_span der, const char *what, X509 **out);
enum base_err __real_wire_x509_stack_from_pem(struct base_span pem,
    const char *what, STACK_OF(X509) **out);
enum base_err __wrap_wire_x509_stack_from_pem(struct base_span pem,
    const char *what, STACK_OF(X509) **out);

enum base_err __real_wire_x509_stack_from_der(struct base_span der, int max,
    const char *what, STACK_OF(X509) **out);
enum base_err __wrap_wire_x509_stack_from_der(struct base_span der, int max,
    const char *what, STACK_OF(X509) **out);
enum base_err __real_wire_x509_to_pem(X509 *x, struct base_buf *out);
enum base_err __wrap_wire_x509_to_pem(X509 *x, struct base_buf *out);
enum base_err __real_wire_key_from_pem(struct base_span pem, EVP_PKEY **out);
enum base_err __wrap_wire_key_from_pem(struct base_span pem, EVP_PKEY **out);
enum base_err __real_wire_verify_cert(const struct wire_verify *v, X509 *cert,
    STACK_OF(X509) *trust, STACK_OF(X509) *untrusted, STACK_OF(X509) **chain);
enum base_err __wrap_wire_verify_cert(const struct wire_verify *v, X509 *cert,
    STACK_OF(X509) *trust, STACK_OF(X509) *untrusted, STACK_OF(X509) **chain);

enum base_err __real_wire_key_to_pem(EVP_PKEY *key, struct base_buf *out);
enum base_err __wrap_wire_key_to_pem(EVP_PKEY *key, struct base_buf *out);
enum base_err __real_ag_manifest_parse(struct base_span der,
    struct ag_bundle *b, uint8_t sha256[3][32]);
enum base_err __wrap_ag_manifest_parse(struct base_span der,
    struct ag_bundle *b, uint8_t sha256[3][32]);
int __real_X509_verify(X509 *x, EVP_PKEY *key);
int __wrap_X509_verify(X509 *x, EVP_PKEY *key);

bool
sim_memo_is_off(void)
{
	return sim.seed % 50 == 0;
}

struct slot {
	uint8_t sum[32];
	STACK_OF(X509) *certs; /* owned; NULL: empty slot */
};

static struct slot slots[KNOWN];

/* max: of a list of so many at most. */
static struct slot *
slot_of(struct base_span s, int max)
{
	uint8_t sum[32];
	struct slot *at;

	SHA256(s.p, s.n, sum);
	sum[31] ^= (uint8_t)max;
	at = &slots[(size_t)(sum[0] | sum[1] << 8) % KNOWN];
	if (at->certs != NULL && memcmp(at->sum, sum, sizeof(sum)) == 0)
		return at;
	sk_X509_pop_free(at->certs, X509_free);
	at->certs = NULL;
	memcpy(at->sum, sum, sizeof(sum));
	return at;
}

static X509 *
share(X509 *x)
{
	if (X509_up_ref(x) != 1)
		base_die("sim: reference count");
	return x;
}

enum base_err
__wrap_wire_x509_from_der(struct base_span der, const char *what, X509 **out)
{
	struct slot *at;
	X509 *x = NULL;
	enum base_err e;

	if (sim_memo_is_off())
		return __real_wire_x509_from_der(der, what, out);
	at = slot_of(der, 0);
	if (at->certs == NULL) {
		if ((e = __real_wire_x509_from_der(der, what, &x)) != BASE_OK)
			return e;
		X509_check_purpose(x, -1, 0); /* keeps its SHA-1 */
		at->certs = sk_X509_new_null();
		if (at->certs == NULL || sk_X509_push(at->certs, x) <= 0)
			base_die("sim: out of memory");
	}
	*out = share(sk_X509_value(at->certs, 0));
	return BASE_OK;
}

static STACK_OF(X509) *
share_all(const STACK_OF(X509) *from)
{
	STACK_OF(X509) *s = sk_X509_new_null();

	for (int i = 0; i < sk_X509_num(from); i++)
		if (s == NULL ||
		    sk_X509_push(s, share(sk_X509_value(from, i))) <= 0)
			base_die("sim: out of memory");
	return s;
}

enum base_err
__wrap_wire_x509_stack_from_pem(struct base_span pem, const char *what,
    STACK_OF(X509) **out)
{
	struct slot *at;
	enum base_err e;

	if (sim_memo_is_off())
		return __real_wire_x509_stack_from_pem(pem, what, out);
	at = slot_of(pem, 0);
	if (at->certs == NULL &&
	    (e = __real_wire_x509_stack_from_pem(pem, what, &at->certs)) !=
		BASE_OK)
		return e;
	*out = share_all(at->certs);
	return BASE_OK;
}

enum base_err
__wrap_wire_x509_stack_from_der(struct base_span der, int max, const char *what,
    STACK_OF(X509) **out)
{
	struct slot *at;
	enum base_err e;

	if (sim_memo_is_off())
		return __real_wire_x509_stack_from_der(der, max, what, out);
	at = slot_of(der, max);
	if (at->certs == NULL &&
	    (e = __real_wire_x509_stack_from_der(der, max, what, &at->certs)) !=
		BASE_OK)
		return e;
	*out = share_all(at->certs);
	return BASE_OK;
}

/* ---- written ------------------------------------------------------------------- */

struct written {
	uint8_t sum[SHORT];
	struct base_buf pem;
};

void
sim_memo_sum(X509 *x, uint8_t out[20])
{
	if (X509_digest(x, EVP_sha1(), out, NULL) != 1)
		base_die("sim: SHA-1");
}

static size_t
place(const uint8_t *sum)
{
	return (size_t)(sum[0] | sum[1] << 8) % KNOWN;
}

/* What is written is read soon. */
static void
read_back(X509 *x, struct base_span pem)
{
	struct slot *at = slot_of(pem, 0);

	if (at->certs != NULL)
		return;
	at->certs = sk_X509_new_null();
	if (at->certs == NULL || sk_X509_push(at->certs, share(x)) <= 0)
		base_die("sim: out of memory");
}

enum base_err
__wrap_wire_x509_to_pem(X509 *x, struct base_buf *out)
{
	static struct written table[KNOWN];
	struct written *at;
	uint8_t sum[SHORT];
	enum base_err e;

	if (sim_memo_is_off())
		return __real_wire_x509_to_pem(x, out);
	sim_memo_sum(x, sum);
	at = &table[place(sum)];
	if (at->pem.n == 0 || memcmp(at->sum, sum, sizeof(sum)) != 0) {
		base_buf_free(&at->pem);
		base_buf_init(&at->pem, 0);
		if ((e = __real_wire_x509_to_pem(x, &at->pem)) != BASE_OK)
			return e;
		memcpy(at->sum, sum, sizeof(sum));
		read_back(x, base_buf_span(&at->pem));
	}
	return base_buf_put(out, at->pem.p, at->pem.n);
}

/* ---- keys ------------------------------------------------------------------------ */

enum base_err
__wrap_wire_key_from_pem(struct base_span pem, EVP_PKEY **out)
{
	static struct {
		uint8_t sum[32];
		EVP_PKEY *key;
	} table[KNOWN];
	uint8_t sum[32];
	size_t i;
	enum base_err e;

	if (sim_memo_is_off())
		return __real_wire_key_from_pem(pem, out);
	SHA256(pem.p, pem.n, sum);
	i = place(sum);
	if (table[i].key == NULL || memcmp(table[i].sum, sum, 32) != 0) {
		EVP_PKEY_free(table[i].key);
		table[i].key = NULL;
		if ((e = __real_wire_key_from_pem(pem, &table[i].key)) !=
		    BASE_OK)
			return e;
		memcpy(table[i].sum, sum, 32);
	}
	if (EVP_PKEY_up_ref(table[i].key) != 1)
		base_die("sim: reference count");
	*out = table[i].key;
	return BASE_OK;
}

enum base_err
__wrap_wire_key_to_pem(EVP_PKEY *key, struct base_buf *out)
{
	static struct {
		EVP_PKEY *key; /* a reference, so that it is no other */
		struct base_buf pem;
	} table[KNOWN];
	size_t i = (uintptr_t)key / 64 % KNOWN;
	enum base_err e;

	if (sim_memo_is_off())
		return __real_wire_key_to_pem(key, out);
	if (table[i].key != key) {
		EVP_PKEY_free(table[i].key);
		table[i].key = NULL;
		base_buf_free(&table[i].pem);
		base_buf_init(&table[i].pem, 0);
		if ((e = __real_wire_key_to_pem(key, &table[i].pem)) != BASE_OK)
			return e;
		if (EVP_PKEY_up_ref(key) != 1)
			base_die("sim: reference count");
		table[i].key = key;
	}
	return base_buf_put(out, table[i].pem.p, table[i].pem.n);
}

/* ---- manifests --------------------------------------------------------------------- */

struct manifest {
	uint8_t sum[32];
	uint8_t parts[3][32];
	struct ag_bundle *b; /* as it was parsed */
};

static void
copy_parsed(struct ag_bundle *b, const struct ag_bundle *from)
{
	*b = *from;
	if (b->nwo != NULL)
		share(b->nwo);
	if (b->anchor != NULL)
		share(b->anchor);
}

enum base_err
__wrap_ag_manifest_parse(struct base_span der, struct ag_bundle *b,
    uint8_t sha256[3][32])
{
	static struct manifest table[KNOWN];
	struct manifest *at;
	uint8_t sum[32];
	enum base_err e;

	if (sim_memo_is_off())
		return __real_ag_manifest_parse(der, b, sha256);
	SHA256(der.p, der.n, sum);
	at = &table[place(sum)];
	if (at->b != NULL && memcmp(at->sum, sum, 32) == 0 &&
	    strcmp(at->b->root, b->root) == 0) {
		copy_parsed(b, at->b);
		memcpy(sha256, at->parts, sizeof(at->parts));
		return BASE_OK;
	}
	if ((e = __real_ag_manifest_parse(der, b, sha256)) != BASE_OK)
		return e;
	ag_bundle_free(at->b);
	at->b = ag_bundle_new(b->root, 0);
	copy_parsed(at->b, b);
	memcpy(at->parts, sha256, sizeof(at->parts));
	memcpy(at->sum, sum, 32);
	return BASE_OK;
}

/* ---- verified ---------------------------------------------------------------------- */

/* As long as none of the certificates begins or ends, a verdict stands. */
struct verdict {
	uint8_t sum[32];
	time_t from, until;
};

static time_t
seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

static void
put(struct base_buf *b, const void *p, size_t n)
{
	if (base_buf_put(b, p, n) != BASE_OK)
		base_die("sim: out of memory");
}

static void
add(struct base_buf *b, X509 *x, struct verdict *d)
{
	time_t from = seconds(X509_get0_notBefore(x));
	time_t until = seconds(X509_get0_notAfter(x));
	uint8_t sum[SHORT];

	sim_memo_sum(x, sum);
	put(b, sum, sizeof(sum));
	d->from = from > d->from ? from : d->from;
	d->until = until < d->until ? until : d->until;
}

static void
add_all(struct base_buf *b, const STACK_OF(X509) *s, struct verdict *d)
{
	int n = s == NULL ? -1 : sk_X509_num(s);

	put(b, &n, sizeof(n));
	for (int i = 0; i < n; i++)
		add(b, sk_X509_value(s, i), d);
}

static struct verdict
verdict_on(const struct wire_verify *v, X509 *cert, STACK_OF(X509) *trust,
    STACK_OF(X509) *untrusted)
{
	const int how[] = { (int)v->purpose, v->closed, v->max_depth,
		(int)v->name_kind };
	struct verdict d = { .until = INT32_MAX };
	struct base_buf b;

	base_buf_init(&b, 0);
	put(&b, how, sizeof(how));
	if (v->name != NULL)
		put(&b, v->name, strlen(v->name) + 1);
	add(&b, cert, &d);
	add_all(&b, trust, &d);
	add_all(&b, untrusted, &d);
	SHA256(b.p, b.n, d.sum);
	base_buf_free(&b);
	return d;
}

enum base_err
__wrap_wire_verify_cert(const struct wire_verify *v, X509 *cert,
    STACK_OF(X509) *trust, STACK_OF(X509) *untrusted, STACK_OF(X509) **chain)
{
	static struct verdict good[KNOWN];
	time_t now = (time_t)(v->now.ms / 1000);
	struct verdict d;
	size_t i;
	enum base_err e;

	if (sim_memo_is_off() || chain != NULL || v->crls != NULL)
		return __real_wire_verify_cert(v, cert, trust, untrusted,
		    chain);
	d = verdict_on(v, cert, trust, untrusted);
	i = place(d.sum);
	if (memcmp(&good[i].sum, d.sum, 32) == 0 && now >= good[i].from &&
	    now < good[i].until)
		return BASE_OK;
	e = __real_wire_verify_cert(v, cert, trust, untrusted, NULL);
	if (e == BASE_OK && now >= d.from && now < d.until)
		good[i] = d;
	return e;
}

/* path.c's look at a leaf whose names and key identifiers fit: the chain that
 * it leads to is verified by OpenSSL again, signatures and all. */
int
__wrap_X509_verify(X509 *x, EVP_PKEY *key)
{
	if (sim_memo_is_off() || X509_check_ca(x) != 0)
		return __real_X509_verify(x, key);
	return 1;
}

/* ---- locks ---------------------------------------------------------------------------- */

/* There is one thread; OpenSSL locks all the same, at every turn. */
int
pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	(void)l;
	return 0;
}

int
pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	(void)l;
	return 0;
}

int
pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	(void)l;
	return 0;
}
