/*
 * agentd/render: the files that applications read, made of the versions in
 * the store. All are written before the first is swapped, each by itself; the
 * engine assumes nothing between two files. Used by live.c and agent.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd/agent.h"

#define FILE_MAX ((size_t)1 << 20)

static const struct {
	enum ag_file file;
	mode_t mode;
} kinds[] = {
	/* the trust list first: it only grows where a new leaf comes with it */
	{ AG_F_TRUST, 0644 },
	{ AG_F_KEY, 0600 },
	{ AG_F_CHAIN, 0644 },
	{ AG_F_PEM, 0600 },
};
#define KINDS (sizeof kinds / sizeof kinds[0])
#define SIDES (sizeof((struct ag_app *)NULL)->side / sizeof(struct ag_side))

static const char *
path_of(const struct ag_side *d, enum ag_file f)
{
	switch (f) {
	case AG_F_TRUST:
		return d->trust;
	case AG_F_CHAIN:
		return d->chain;
	case AG_F_KEY:
		return d->key;
	case AG_F_PEM:
		return d->pem;
	}
	base_die("render: file %d", (int)f);
}

/* {NewWithNew, old}; or, where asked for, {NewWithOld, old}. */
static enum base_err
put_trust(const struct ag_bundle *b, enum ag_form form, struct base_buf *out)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < b->ntrust; i++) {
		bool proof = form == AG_OLD_AND_NWO && b->nwo != NULL &&
		    b->ntrust > 1 && b->trust_gen[i] == b->nwo_gen;

		r = wire_x509_to_pem(proof ? b->nwo : b->trust[i], out);
	}
	return r;
}

static enum base_err
put_chain(const struct ag_bundle *b, bool client, struct base_buf *out)
{
	X509 *link = ag_bundle_link(b, client);
	enum base_err r = BASE_OK;

	if (b->cert != NULL)
		r = wire_x509_to_pem(b->cert, out);
	if (r == BASE_OK && link != NULL)
		r = wire_x509_to_pem(link, out);
	return r;
}

enum base_err
ag_render_content(const struct ag_holdings *h, const struct ag_side *side,
    enum ag_form form, enum ag_file f, struct base_buf *out)
{
	const struct ag_root *shows = ag_holdings_find(h, side->root);
	const struct ag_root *checks = ag_holdings_find(h, side->verify_root);
	enum base_err r = BASE_OK;

	if (f == AG_F_TRUST) {
		if (checks != NULL && checks->bundle != NULL)
			r = put_trust(checks->bundle, form, out);
		return r;
	}
	if (shows == NULL || shows->bundle == NULL ||
	    shows->bundle->cert == NULL)
		return BASE_OK;
	if (f != AG_F_KEY)
		r = put_chain(shows->bundle, side->client, out);
	if (r == BASE_OK && f != AG_F_CHAIN)
		r = wire_key_to_pem(ag_root_key(shows, shows->bundle->cert),
		    out);
	return r;
}

static bool
differs(const char *path, const struct base_buf *content)
{
	struct base_buf b;
	bool yes;

	base_buf_init(&b, FILE_MAX);
	yes = base_file_read(path, FILE_MAX, &b) != BASE_OK ||
	    b.n != content->n || memcmp(b.p, content->p, b.n) != 0;
	base_buf_free(&b);
	return yes;
}

static char *
parent_of(const char *path)
{
	char *dir = base_strdup(path), *slash = strrchr(dir, '/');

	slash[slash == dir] = '\0';
	return dir;
}

static enum base_err
make_parent(const char *path)
{
	char *dir = parent_of(path);
	enum base_err r = base_dir_make(dir, 0755);

	free(dir);
	return r;
}

static enum base_err
sync_parent(const char *path)
{
	char *dir = parent_of(path);
	enum base_err r = base_dir_sync(dir);

	free(dir);
	return r;
}

/* Want of room goes by. Right after the call that failed. */
static enum base_err
sort(enum base_err r)
{
	return r == BASE_E_IO && (errno == ENOSPC || errno == EDQUOT)
	    ? BASE_E_AGAIN
	    : r;
}

/* ---- what is written, and not in its place yet ------------------------------------ */

struct staged {
	char *temp; /* owned; NULL: in its place */
	const char *path;
	bool *changed; /* of its application */
};

struct batch {
	struct staged *f; /* owned */
	size_t n;
};

static void
batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->f[i].temp != NULL)
			unlink(b->f[i].temp);
		free(b->f[i].temp);
	}
	free(b->f);
}

static enum base_err
stage_file(const struct ag_holdings *h, const struct ag_app *a, size_t side,
    size_t kind, struct staged *f)
{
	const struct ag_side *d = &a->side[side];
	struct base_buf b;
	enum base_err r;

	f->path = path_of(d, kinds[kind].file);
	if (f->path == NULL)
		return BASE_OK;
	base_buf_init(&b, FILE_MAX);
	r = ag_render_content(h, d, a->form, kinds[kind].file, &b);
	if (r != BASE_OK || b.n == 0 || !differs(f->path, &b))
		goto out;
	if ((r = sort(make_parent(f->path))) == BASE_OK)
		r = sort(base_file_stage(f->path, base_buf_span(&b),
		    kinds[kind].mode, &f->temp));
out:
	base_buf_free(&b);
	return r;
}

static enum base_err
stage_app(const struct ag_holdings *h, const struct ag_app *a, bool *changed,
    struct batch *b)
{
	enum base_err r;

	for (size_t i = 0; i < SIDES * KINDS; i++) {
		struct staged f = { .changed = changed };

		if (!a->side[i / KINDS].on)
			continue;
		r = stage_file(h, a, i / KINDS, i % KINDS, &f);
		if (r != BASE_OK)
			return base_fail(r, "%s: %s", a->name, base_why());
		if (f.temp != NULL)
			b->f[b->n++] = f;
	}
	return BASE_OK;
}

/* In their order. A directory that cannot be synced keeps none of the others
 * out of its place: they belong together. */
static enum base_err
place(struct batch *b)
{
	enum base_err r = BASE_OK, e;

	for (size_t i = 0; i < b->n; i++) {
		struct staged *f = &b->f[i];

		if ((e = sort(base_file_place(f->temp, f->path))) != BASE_OK)
			return e;
		free(f->temp);
		f->temp = NULL;
		*f->changed = true;
		if ((e = sort(sync_parent(f->path))) != BASE_OK)
			r = e;
	}
	return r;
}

static void
note_digest(struct ag_holdings *h, const struct ag_app *a, size_t side)
{
	const struct ag_side *d = &a->side[side];
	struct ag_root *roots[2] = { ag_holdings_find(h, d->root),
		ag_holdings_find(h, d->verify_root) };
	struct base_buf b;

	base_buf_init(&b, FILE_MAX);
	for (size_t k = 0; k < 2; k++)
		if (ag_render_content(h, d, a->form,
			k == 0 ? AG_F_TRUST : AG_F_CHAIN, &b) != BASE_OK)
			base_log(BASE_WARNING, "render: %s", base_why());
	for (size_t i = 0; i < 2; i++)
		if (roots[i] != NULL)
			wire_digest(base_buf_span(&b), roots[i]->rendered);
	base_buf_free(&b);
}

/* All n of them; root NULL: whatever they use. */
static enum base_err
render(struct ag_holdings *h, const struct ag_app *a, size_t n,
    const char *root, bool *changed)
{
	struct batch b = {
		.f = base_alloc((n * SIDES * KINDS + 1) * sizeof *b.f),
	};
	enum base_err r = BASE_OK;

	memset(changed, 0, n * sizeof *changed);
	for (size_t i = 0; r == BASE_OK && i < n; i++)
		if (root == NULL || ag_app_uses(&a[i], root))
			r = stage_app(h, &a[i], &changed[i], &b);
	if (r == BASE_OK)
		r = place(&b);
	batch_free(&b);
	for (size_t i = 0; r == BASE_OK && i < n * SIDES; i++) {
		const struct ag_app *one = &a[i / SIDES];

		if (one->side[i % SIDES].on &&
		    (root == NULL || ag_app_uses(one, root)))
			note_digest(h, one, i % SIDES);
	}
	return r;
}

enum base_err
ag_render_app(struct ag_holdings *h, const struct ag_app *a, bool *changed)
{
	return render(h, a, 1, NULL, changed);
}

enum base_err
ag_render_root(struct ag_holdings *h, const struct ag_config *c,
    const char *root, bool *changed)
{
	return render(h, c->apps, c->napps, root, changed);
}

bool
ag_app_uses(const struct ag_app *a, const char *root)
{
	for (size_t i = 0; i < 2; i++) {
		const struct ag_side *d = &a->side[i];

		if ((d->root != NULL && strcmp(d->root, root) == 0) ||
		    (d->verify_root != NULL &&
			strcmp(d->verify_root, root) == 0))
			return true;
	}
	return false;
}

bool
ag_app_must_kick(const struct ag_app *a, const struct wire_order *o)
{
	if (o->compromised == 0 || !(o->steps & WIRE_STEP_FINISH))
		return false;
	for (size_t i = 0; i < 2; i++)
		if (a->side[i].verify_root != NULL &&
		    strcmp(a->side[i].verify_root, o->root) == 0)
			return true;
	return false;
}
