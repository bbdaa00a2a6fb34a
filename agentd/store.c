/*
 * agentd/store: versions on disk (layout in store.h). Used by job.c, join.c
 * and agentd_main.c.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "agentd/store.h"

#define FILE_MAX ((size_t)1 << 20)

/* The parts of a version; those before MANIFEST are what it is about. */
enum {
	TRUST,
	CERT,
	CHAIN,
	MANIFEST,
	PARTS
};
static const char *const names[PARTS] = { "trust.pem", "cert.pem", "chain.pem",
	"manifest.der" };

struct pointer {
	uint64_t epoch, previous;
	uint8_t manifest[32];
};

static char *
version_path(const struct ag_store *s, const char *root, uint64_t epoch,
    bool copy)
{
	return base_asprintf("%s/%s/v%06llu%s", s->dir, root,
	    (unsigned long long)epoch, copy ? ".b" : "");
}

enum base_err
ag_store_open(const char *dir, struct ag_store **out)
{
	struct ag_store *s = base_alloc(sizeof *s);
	char *path = base_asprintf("%s/id", dir);
	char hex[33];
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 64);
	s->dir = base_strdup(dir);
	if ((r = base_dir_make(dir, 0700)) != BASE_OK)
		goto out;
	r = base_file_read(path, 33, &b);
	if (r == BASE_E_NOTFOUND) {
		if (RAND_bytes(s->id, sizeof s->id) != 1)
			base_die("store: no random bytes");
		base_hex(s->id, sizeof s->id, hex);
		r = base_file_write(path,
		    (struct base_span){ (uint8_t *)hex, 32 }, 0600);
	} else if (r == BASE_OK) {
		memcpy(hex, b.p, b.n < 32 ? b.n : 32);
		hex[b.n < 32 ? b.n : 32] = '\0';
		r = base_unhex(hex, s->id, sizeof s->id);
	}
	if (r != BASE_OK)
		goto out;
	*out = s;
	s = NULL;
out:
	base_buf_free(&b);
	free(path);
	ag_store_close(s);
	return r;
}

void
ag_store_close(struct ag_store *s)
{
	if (s == NULL)
		return;
	free(s->dir);
	free(s);
}

/* ---- writing --------------------------------------------------------------- */

static void
parts_init(struct base_buf f[PARTS])
{
	for (size_t i = 0; i < PARTS; i++)
		base_buf_init(&f[i], FILE_MAX);
}

static void
parts_free(struct base_buf f[PARTS])
{
	for (size_t i = 0; i < PARTS; i++)
		base_buf_free(&f[i]);
}

static enum base_err
compose_parts(const struct ag_bundle *b, struct base_buf f[PARTS])
{
	X509 *nwo = ag_bundle_link(b, false);
	uint8_t sha[3][32];
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < b->ntrust; i++)
		r = wire_x509_to_pem(b->trust[i], &f[TRUST]);
	if (r == BASE_OK && b->cert != NULL)
		r = wire_x509_to_pem(b->cert, &f[CERT]);
	if (r == BASE_OK && b->cert != NULL)
		r = wire_x509_to_pem(b->cert, &f[CHAIN]);
	if (r == BASE_OK && nwo != NULL)
		r = wire_x509_to_pem(nwo, &f[CHAIN]);
	for (size_t i = 0; i < MANIFEST; i++)
		wire_digest(base_buf_span(&f[i]), sha[i]);
	if (r == BASE_OK)
		r = ag_manifest_compose(b, sha, &f[MANIFEST]);
	return r;
}

static enum base_err
put_dir(const char *dir, struct base_buf f[PARTS])
{
	enum base_err r = base_dir_make(dir, 0700);
	char *path;

	for (size_t i = 0; r == BASE_OK && i < PARTS; i++) {
		path = base_asprintf("%s/%s", dir, names[i]);
		r = base_file_put(path, base_buf_span(&f[i]), 0600);
		free(path);
	}
	return r == BASE_OK ? base_dir_sync(dir) : r;
}

static enum base_err
put_copy(const char *path, struct base_buf f[PARTS])
{
	struct base_buf b;
	enum base_err r = BASE_OK;

	base_buf_init(&b, PARTS * FILE_MAX);
	for (size_t i = 0; r == BASE_OK && i < PARTS; i++)
		r = base_buf_put_blob(&b, base_buf_span(&f[i]));
	/* its fsync of the parent makes the directory's name durable, too */
	if (r == BASE_OK)
		r = base_file_write(path, base_buf_span(&b), 0600);
	base_buf_free(&b);
	return r;
}

enum base_err
ag_store_put(struct ag_store *s, const struct ag_bundle *b)
{
	char *dir = version_path(s, b->root, b->epoch, false);
	char *copy = version_path(s, b->root, b->epoch, true);
	struct base_buf f[PARTS];
	enum base_err r;

	parts_init(f);
	if ((r = compose_parts(b, f)) == BASE_OK &&
	    (r = put_dir(dir, f)) == BASE_OK)
		r = put_copy(copy, f);
	parts_free(f);
	free(copy);
	free(dir);
	return r;
}

static void
remove_version(const char *dir)
{
	for (size_t i = 0; i < PARTS; i++) {
		char *path = base_asprintf("%s/%s", dir, names[i]);

		unlink(path);
		free(path);
	}
	if (remove(dir) != 0)
		base_log(BASE_WARNING, "store: %s: cannot be removed: %m", dir);
}

static void
prune(struct ag_store *s, const char *root, const struct pointer *keep)
{
	char *dir = base_asprintf("%s/%s", s->dir, root);
	DIR *d = opendir(dir);
	const struct dirent *e;
	char *end;

	while (d != NULL && (e = readdir(d)) != NULL) {
		unsigned long long n;
		char *path;

		if (e->d_name[0] != 'v' || e->d_name[1] < '0' ||
		    e->d_name[1] > '9')
			continue;
		n = strtoull(e->d_name + 1, &end, 10);
		if (n == keep->epoch || n == keep->previous)
			continue;
		path = base_asprintf("%s/%s", dir, e->d_name);
		remove_version(path);
		free(path);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
}

static enum base_err
write_pointer(struct ag_store *s, const char *root, const struct pointer *p,
    const char *name)
{
	char *path = base_asprintf("%s/%s/%s", s->dir, root, name);
	char hex[65];
	char *text;
	enum base_err r;

	base_hex(p->manifest, 32, hex);
	text = base_asprintf("%llu %llu %s\n", (unsigned long long)p->epoch,
	    (unsigned long long)p->previous, hex);
	r = base_file_write(path,
	    (struct base_span){ (uint8_t *)text, strlen(text) }, 0600);
	free(text);
	free(path);
	return r;
}

/* ---- reading ----------------------------------------------------------------- */

static enum base_err
read_pointer(struct ag_store *s, const char *root, const char *name,
    struct pointer *out)
{
	char *path = base_asprintf("%s/%s/%s", s->dir, root, name);
	unsigned long long epoch, previous;
	char hex[65], text[160];
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, sizeof text);
	if ((r = base_file_read(path, sizeof text - 1, &b)) != BASE_OK)
		goto out;
	if (b.n > 0)
		memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	if (sscanf(text, "%llu %llu %64[0-9a-f]", &epoch, &previous, hex) !=
		3 ||
	    base_unhex(hex, out->manifest, 32) != BASE_OK) {
		r = base_fail(BASE_E_INTEGRITY, "%s: damaged", path);
		goto out;
	}
	out->epoch = epoch;
	out->previous = previous;
out:
	base_buf_free(&b);
	free(path);
	return r;
}

static enum base_err
read_file(const char *dir, const char *name, struct base_buf *out)
{
	char *path = base_asprintf("%s/%s", dir, name);
	enum base_err r = base_file_read(path, FILE_MAX, out);

	free(path);
	return r;
}

static enum base_err
take_trust(struct ag_bundle *b, struct base_span pem)
{
	STACK_OF(X509) *stack = NULL;
	size_t want = 0;
	enum base_err r;

	while (want < AG_TRUST_MAX && b->trust_gen[want] != 0)
		want++;
	if (want == 0 && pem.n == 0)
		return BASE_OK;
	r = wire_x509_stack_from_pem(pem, "trust.pem", &stack);
	if (r != BASE_OK)
		return r;
	if ((size_t)sk_X509_num(stack) != want)
		r = base_fail(BASE_E_INTEGRITY,
		    "store: trust.pem and manifest.der disagree");
	while (r == BASE_OK && b->ntrust < want)
		b->trust[b->ntrust++] = sk_X509_shift(stack);
	sk_X509_pop_free(stack, X509_free);
	return r;
}

static enum base_err
take_cert(struct ag_bundle *b, struct base_span pem)
{
	STACK_OF(X509) *stack = NULL;
	enum base_err r;

	if (b->cert_gen == 0 && pem.n == 0)
		return BASE_OK;
	r = wire_x509_stack_from_pem(pem, "cert.pem", &stack);
	if (r == BASE_OK && sk_X509_num(stack) != 1)
		r = base_fail(BASE_E_INTEGRITY,
		    "store: cert.pem is not one certificate");
	if (r == BASE_OK)
		b->cert = sk_X509_shift(stack);
	sk_X509_pop_free(stack, X509_free);
	return r;
}

static enum base_err
read_dir(const char *dir, struct base_buf f[PARTS])
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < PARTS; i++)
		r = read_file(dir, names[i], &f[i]);
	return r;
}

static enum base_err
read_copy(const char *path, struct base_buf f[PARTS])
{
	struct base_span part;
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, PARTS * FILE_MAX);
	r = base_file_read(path, PARTS * FILE_MAX, &b);
	for (size_t i = 0; r == BASE_OK && i < PARTS; i++)
		if ((r = base_buf_get_blob(&b, &part)) == BASE_OK)
			r = base_buf_put(&f[i], part.p, part.n);
	if (r == BASE_OK)
		r = base_buf_get_end(&b);
	base_buf_free(&b);
	return r;
}

/* want: SHA-256 of the manifest; NULL: any */
static enum base_err
parse_parts(const char *path, struct base_buf f[PARTS], const uint8_t *want,
    struct ag_bundle *b)
{
	uint8_t sha[3][32], sum[32];
	enum base_err r;

	wire_digest(base_buf_span(&f[MANIFEST]), sum);
	if (want != NULL && memcmp(sum, want, 32) != 0)
		return base_fail(BASE_E_INTEGRITY,
		    "store: %s: not what current names", path);
	r = ag_manifest_parse(base_buf_span(&f[MANIFEST]), b, sha);
	for (size_t i = 0; r == BASE_OK && i < MANIFEST; i++) {
		wire_digest(base_buf_span(&f[i]), sum);
		if (memcmp(sum, sha[i], 32) != 0)
			r = base_fail(BASE_E_INTEGRITY,
			    "store: %s: %s is damaged", path, names[i]);
	}
	if (r != BASE_OK ||
	    (r = take_trust(b, base_buf_span(&f[TRUST]))) != BASE_OK)
		return r;
	return take_cert(b, base_buf_span(&f[CERT]));
}

static enum base_err
read_one(struct ag_store *s, const char *root, uint64_t epoch,
    const uint8_t *want, struct ag_bundle **out)
{
	enum base_err r = BASE_E_NOTFOUND;

	for (int copy = 0; r != BASE_OK && copy < 2; copy++) {
		char *path = version_path(s, root, epoch, copy == 1);
		struct ag_bundle *b = ag_bundle_new(root, 0);
		struct base_buf f[PARTS];

		parts_init(f);
		r = copy == 1 ? read_copy(path, f) : read_dir(path, f);
		if (r == BASE_OK)
			r = parse_parts(path, f, want, b);
		if (r != BASE_OK)
			base_log(BASE_WARNING, "%s", base_why());
		else if (copy == 1)
			base_log(BASE_WARNING,
			    "store: %s: the second copy is used", path);
		if (r == BASE_OK) {
			*out = b;
			b = NULL;
		}
		parts_free(f);
		ag_bundle_free(b);
		free(path);
	}
	return r;
}

enum base_err
ag_store_get(struct ag_store *s, const char *root, uint64_t epoch,
    struct ag_bundle **out)
{
	return read_one(s, root, epoch, NULL, out);
}

enum base_err
ag_store_load(struct ag_store *s, const char *root, bool settled,
    struct ag_bundle **out)
{
	struct pointer p = { 0 };
	enum base_err r, first = BASE_E_NOTFOUND;

	for (int i = 0; i < 2; i++) {
		r = read_pointer(s, root, i == 0 ? "current" : "current.b", &p);
		if (i == 0)
			first = r;
		if (r == BASE_OK &&
		    (r = read_one(s, root, p.epoch, p.manifest, out)) ==
			BASE_OK)
			return BASE_OK;
	}
	if (first == BASE_E_NOTFOUND && r == BASE_E_NOTFOUND && p.epoch == 0)
		return base_fail(BASE_E_NOTFOUND,
		    "store: nothing under root %s yet", root);
	if (!settled && p.previous != p.epoch &&
	    read_one(s, root, p.previous, NULL, out) == BASE_OK) {
		base_log(BASE_WARNING,
		    "store: root %s: back to version %llu, the newer one was "
		    "never reported effective",
		    root, (unsigned long long)p.previous);
		return BASE_OK;
	}
	return base_fail(BASE_E_INTEGRITY,
	    "store: root %s: regressed: both copies of version %llu are "
	    "damaged; nothing is changed, the node must be joined again",
	    root, (unsigned long long)p.epoch);
}

enum base_err
ag_store_swap(struct ag_store *s, const char *root, uint64_t epoch)
{
	struct pointer p = { .epoch = epoch };
	struct base_buf f[PARTS];
	struct ag_bundle *b = NULL;
	enum base_err r;

	parts_init(f);
	if ((r = read_one(s, root, epoch, NULL, &b)) != BASE_OK ||
	    (r = compose_parts(b, f)) != BASE_OK)
		goto out;
	p.previous = b->previous;
	wire_digest(base_buf_span(&f[MANIFEST]), p.manifest);
	if ((r = write_pointer(s, root, &p, "current")) != BASE_OK ||
	    (r = write_pointer(s, root, &p, "current.b")) != BASE_OK)
		goto out;
	prune(s, root, &p);
out:
	parts_free(f);
	ag_bundle_free(b);
	return r;
}

void
ag_store_digest(struct ag_store *s, const char *root, uint8_t out[32])
{
	struct pointer p;

	if (read_pointer(s, root, "current", &p) == BASE_OK ||
	    read_pointer(s, root, "current.b", &p) == BASE_OK)
		memcpy(out, p.manifest, 32);
	else
		memset(out, 0, 32);
}
