/*
 * agentd/store: versions on disk (layout in store.h). Used by job.c, join.c
 * and agentd_main.c.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "agentd/store.h"

#define FILE_MAX ((size_t)1 << 20)

static const char *const names[3] = { "trust.pem", "cert.pem", "chain.pem" };

struct pointer {
	uint64_t epoch, previous;
	uint8_t manifest[32];
};

static void
sha256(struct base_span s, uint8_t out[32])
{
	if (EVP_Digest(s.p, s.n, out, NULL, EVP_sha256(), NULL) != 1)
		base_die("store: SHA-256 fails");
}

static char *
version_dir(const struct ag_store *s, const char *root, uint64_t epoch,
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

static enum base_err
compose_files(const struct ag_bundle *b, struct base_buf f[3])
{
	X509 *nwo = ag_bundle_link(b, false);
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < b->ntrust; i++)
		r = wire_x509_to_pem(b->trust[i], &f[0]);
	if (r == BASE_OK && b->cert != NULL)
		r = wire_x509_to_pem(b->cert, &f[1]);
	if (r == BASE_OK && b->cert != NULL)
		r = wire_x509_to_pem(b->cert, &f[2]);
	if (r == BASE_OK && nwo != NULL)
		r = wire_x509_to_pem(nwo, &f[2]);
	return r;
}

static enum base_err
put_dir(const char *dir, struct base_buf f[3], const struct base_buf *manifest)
{
	enum base_err r;
	char *path;

	if ((r = base_dir_make(dir, 0700)) != BASE_OK)
		return r;
	for (size_t i = 0; r == BASE_OK && i < 4; i++) {
		path = base_asprintf("%s/%s", dir,
		    i < 3 ? names[i] : "manifest.der");
		r = base_file_write(path,
		    base_buf_span(i < 3 ? &f[i] : manifest), 0600);
		free(path);
	}
	return r;
}

enum base_err
ag_store_put(struct ag_store *s, const struct ag_bundle *b)
{
	struct base_buf f[3], manifest;
	uint8_t sha[3][32];
	enum base_err r;

	base_buf_init(&manifest, FILE_MAX);
	for (size_t i = 0; i < 3; i++)
		base_buf_init(&f[i], FILE_MAX);
	if ((r = compose_files(b, f)) != BASE_OK)
		goto out;
	for (size_t i = 0; i < 3; i++)
		sha256(base_buf_span(&f[i]), sha[i]);
	if ((r = ag_manifest_compose(b, sha, &manifest)) != BASE_OK)
		goto out;
	for (int copy = 1; r == BASE_OK && copy >= 0; copy--) {
		char *dir = version_dir(s, b->root, b->epoch, copy == 1);

		r = put_dir(dir, f, &manifest);
		free(dir);
	}
out:
	base_buf_free(&manifest);
	for (size_t i = 0; i < 3; i++)
		base_buf_free(&f[i]);
	return r;
}

static void
remove_version(const char *dir)
{
	for (size_t i = 0; i < 4; i++) {
		char *path = base_asprintf("%s/%s", dir,
		    i < 3 ? names[i] : "manifest.der");

		unlink(path);
		free(path);
	}
	if (rmdir(dir) != 0)
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

/* want: SHA-256 of the manifest; NULL: any */
static enum base_err
read_dir(const char *dir, const char *root, const uint8_t *want,
    struct ag_bundle **out)
{
	struct ag_bundle *b = ag_bundle_new(root, 0);
	struct base_buf f[3], manifest;
	uint8_t sha[3][32], sum[32];
	enum base_err r;

	base_buf_init(&manifest, FILE_MAX);
	for (size_t i = 0; i < 3; i++)
		base_buf_init(&f[i], FILE_MAX);
	if ((r = read_file(dir, "manifest.der", &manifest)) != BASE_OK)
		goto out;
	sha256(base_buf_span(&manifest), sum);
	if (want != NULL && memcmp(sum, want, 32) != 0) {
		r = base_fail(BASE_E_INTEGRITY,
		    "%s/manifest.der: not what current names", dir);
		goto out;
	}
	r = ag_manifest_parse(base_buf_span(&manifest), b, sha);
	for (size_t i = 0; r == BASE_OK && i < 3; i++) {
		if ((r = read_file(dir, names[i], &f[i])) != BASE_OK)
			break;
		sha256(base_buf_span(&f[i]), sum);
		if (memcmp(sum, sha[i], 32) != 0)
			r = base_fail(BASE_E_INTEGRITY, "%s/%s: damaged", dir,
			    names[i]);
	}
	if (r != BASE_OK ||
	    (r = take_trust(b, base_buf_span(&f[0]))) != BASE_OK ||
	    (r = take_cert(b, base_buf_span(&f[1]))) != BASE_OK)
		goto out;
	*out = b;
	b = NULL;
out:
	base_buf_free(&manifest);
	for (size_t i = 0; i < 3; i++)
		base_buf_free(&f[i]);
	ag_bundle_free(b);
	return r;
}

static enum base_err
read_version(struct ag_store *s, const char *root, uint64_t epoch,
    const uint8_t *want, struct ag_bundle **out)
{
	enum base_err r = BASE_E_NOTFOUND;

	for (int copy = 0; r != BASE_OK && copy < 2; copy++) {
		char *dir = version_dir(s, root, epoch, copy == 1);

		r = read_dir(dir, root, want, out);
		if (r != BASE_OK)
			base_log(BASE_WARNING, "store: %s", base_why());
		else if (copy == 1)
			base_log(BASE_WARNING,
			    "store: %s: using the second copy", dir);
		free(dir);
	}
	return r;
}

enum base_err
ag_store_get(struct ag_store *s, const char *root, uint64_t epoch,
    struct ag_bundle **out)
{
	return read_version(s, root, epoch, NULL, out);
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
		    (r = read_version(s, root, p.epoch, p.manifest, out)) ==
			BASE_OK)
			return BASE_OK;
	}
	if (first == BASE_E_NOTFOUND && r == BASE_E_NOTFOUND && p.epoch == 0)
		return base_fail(BASE_E_NOTFOUND,
		    "store: nothing under root %s yet", root);
	if (!settled && p.previous != p.epoch &&
	    read_version(s, root, p.previous, NULL, out) == BASE_OK) {
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
	char *dir = version_dir(s, root, epoch, false);
	struct ag_bundle *b = NULL;
	struct base_buf m;
	struct pointer p;
	enum base_err r;

	base_buf_init(&m, FILE_MAX);
	if ((r = read_version(s, root, epoch, NULL, &b)) != BASE_OK ||
	    (r = read_file(dir, "manifest.der", &m)) != BASE_OK)
		goto out;
	p.epoch = epoch;
	p.previous = b->previous;
	sha256(base_buf_span(&m), p.manifest);
	if ((r = write_pointer(s, root, &p, "current")) != BASE_OK ||
	    (r = write_pointer(s, root, &p, "current.b")) != BASE_OK)
		goto out;
	prune(s, root, &p);
out:
	base_buf_free(&m);
	ag_bundle_free(b);
	free(dir);
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

enum base_err
ag_store_key(struct ag_store *s, const char *root, enum wire_alg alg,
    EVP_PKEY **out)
{
	char *dir = base_asprintf("%s/%s", s->dir, root);
	char *path = base_asprintf("%s/key.pem", dir);
	EVP_PKEY *key = NULL;
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, FILE_MAX);
	r = base_file_read(path, FILE_MAX, &b);
	if (r == BASE_OK)
		r = wire_key_from_pem(base_buf_span(&b), &key);
	else if (r == BASE_E_NOTFOUND)
		if ((r = base_dir_make(dir, 0700)) == BASE_OK &&
		    (r = wire_key_make(alg, &key)) == BASE_OK &&
		    (r = wire_key_to_pem(key, &b)) == BASE_OK)
			r = base_file_write(path, base_buf_span(&b), 0600);
	if (r == BASE_OK) {
		*out = key;
		key = NULL;
	}
	EVP_PKEY_free(key);
	base_buf_free(&b);
	free(path);
	free(dir);
	return r;
}
