/*
 * trace: every state that a crash can leave, made of the calls that record.c
 * has written down. See trace.h.
 */
#include "tests/crash/trace_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PENDING 256
#define ALL_MAX 6 /* of so many names every combination is tried */
#define SEEN	(1u << 16)

static struct {
	struct inode file[FILES];
	struct name name[FILES]; /* safe ones */
	size_t nnames;
	const struct call *pending[PENDING]; /* names that are not */
	size_t npending;
	int promised;
} disk;

/* ---- one call after the other ------------------------------------------------------------------ */

static bool
is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' &&
	    strchr(path + n + 1, '/') == NULL;
}

static void
copy(struct base_buf *to, const struct base_buf *from)
{
	base_buf_clear(to);
	must(base_buf_put(to, from->p, from->n) == BASE_OK, "memory");
}

static void
name_set(struct name *names, size_t *n, const char *path, int file)
{
	size_t i;

	for (i = 0; i < *n && strcmp(names[i].path, path) != 0; i++)
		;
	if (file == -2) { /* gone */
		if (i < *n)
			names[i] = names[--*n];
		return;
	}
	must(i < FILES, "too many names");
	names[i].path = path;
	names[i].file = file;
	*n += i == *n;
}

/* A directory is an inode of its own. */
static void
name_apply(struct name *names, size_t *n, const struct call *c)
{
	if (c->kind == TRACE_CREATE || c->kind == TRACE_MKDIR)
		name_set(names, n, c->path, c->file);
	else
		name_set(names, n, c->path, -2);
	if (c->kind == TRACE_RENAME)
		name_set(names, n, c->to, c->file);
}

static void
sync_dir(const char *dir)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk.npending; i++) {
		const struct call *c = disk.pending[i];

		if (is_in(c->path, dir))
			name_apply(disk.name, &disk.nnames, c);
		else
			disk.pending[kept++] = c;
	}
	disk.npending = kept;
}

static void
step(const struct call *c)
{
	struct inode *i = c->file >= 0 ? &disk.file[c->file] : NULL;

	switch (c->kind) {
	case TRACE_WRITE:
		must(base_buf_put(&i->now, c->p, c->n) == BASE_OK, "memory");
		i->dirty = true;
		break;
	case TRACE_TRUNCATE:
		base_buf_clear(&i->now);
		i->dirty = true;
		break;
	case TRACE_SYNC:
		copy(&i->safe, &i->now);
		i->dirty = false;
		break;
	case TRACE_SYNC_DIR:
		sync_dir(c->path);
		break;
	case TRACE_PROMISE:
		disk.promised =
		    c->value > disk.promised ? c->value : disk.promised;
		break;
	case TRACE_CREATE:
		base_buf_init(&i->now, 0);
		base_buf_init(&i->safe, 0);
		/* fall through */
	case TRACE_RENAME:
	case TRACE_UNLINK:
	case TRACE_MKDIR:
		must(disk.npending < PENDING, "too many names in the air");
		disk.pending[disk.npending++] = c;
		break;
	}
}

/* ---- what a crash leaves ---------------------------------------------------------------------------- */

/* Which of the pending names are there, and what of unsynced bytes. */
struct crash {
	bool there[PENDING];
	int bytes; /* 0 none, 1 half, 2 all */
};

static void
bytes_of(const struct inode *i, int bytes, struct base_buf *out)
{
	copy(out, i->dirty && bytes == 0 ? &i->safe : &i->now);
	if (i->dirty && bytes == 1)
		out->n /= 2;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->path,
	    ((const struct name *)b)->path);
}

static size_t
names_after(const struct crash *k, struct name *names)
{
	size_t n = disk.nnames;

	memcpy(names, disk.name, n * sizeof(*names));
	for (size_t i = 0; i < disk.npending; i++)
		if (k->there[i])
			name_apply(names, &n, disk.pending[i]);
	qsort(names, n, sizeof(*names), by_path);
	return n;
}

static int
remove_found(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	return ftw->level == 0 ? 0 : __real_remove(path);
}

static uint64_t seen[SEEN];

static bool
is_new(const struct name *names, size_t n, int bytes)
{
	struct base_buf all, one;
	uint8_t sum[32];
	uint64_t key;
	size_t at;

	base_buf_init(&all, 0);
	base_buf_init(&one, 0);
	must(base_buf_put_u32(&all, (uint32_t)disk.promised) == BASE_OK,
	    "memory");
	for (size_t i = 0; i < n; i++) {
		must(base_buf_put_str(&all, names[i].path) == BASE_OK,
		    "memory");
		if (names[i].file < 0 || disk.file[names[i].file].dir)
			continue;
		bytes_of(&disk.file[names[i].file], bytes, &one);
		must(base_buf_put_blob(&all, base_buf_span(&one)) == BASE_OK,
		    "memory");
	}
	SHA256(all.p, all.n, sum);
	memcpy(&key, sum, sizeof(key));
	base_buf_free(&all);
	base_buf_free(&one);
	for (at = key % SEEN; seen[at] != 0; at = (at + 1) % SEEN)
		if (seen[at] == key)
			return false;
	seen[at] = key;
	return true;
}

static void
put_file(const char *path, const struct base_buf *b)
{
	int fd = __real_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	/* no directory to be in: lost with it */
	if (fd < 0 && errno == ENOENT)
		return;
	must(fd >= 0 && __real_write(fd, b->p, b->n) == (ssize_t)b->n &&
		__real_close(fd) == 0,
	    path);
}

static void
put_state(const char *dir, const struct name *names, size_t n, int bytes)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	must(nftw(dir, remove_found, 16, FTW_PHYS | FTW_DEPTH) == 0, dir);
	for (size_t i = 0; i < n; i++) {
		if (names[i].file < 0 || disk.file[names[i].file].dir) {
			(void)__real_mkdir(names[i].path, 0700);
			continue;
		}
		bytes_of(&disk.file[names[i].file], bytes, &b);
		put_file(names[i].path, &b);
	}
	base_buf_free(&b);
}

struct visit {
	const char *dir;
	trace_fn *fn;
	void *arg;
	size_t n;
};

static void
look(struct visit *v, struct crash *k)
{
	static struct name names[FILES];
	bool dirty = false;
	size_t n = names_after(k, names);

	for (int i = 0; i < rec.nfiles; i++)
		dirty |= disk.file[i].dirty;
	for (k->bytes = dirty ? 0 : 2; k->bytes <= 2; k->bytes++) {
		if (!is_new(names, n, k->bytes))
			continue;
		put_state(v->dir, names, n, k->bytes);
		v->fn(v->arg, disk.promised);
		v->n++;
	}
}

/* Every combination of few names in the air; of many: as far as each, all but
 * each, and only each. */
static void
look_all(struct visit *v)
{
	struct crash k;
	size_t n = disk.npending;

	for (uint32_t mask = 0; n <= ALL_MAX && mask < 1u << n; mask++) {
		for (size_t i = 0; i < n; i++)
			k.there[i] = (mask >> i & 1) != 0;
		look(v, &k);
	}
	for (size_t one = 0; n > ALL_MAX && one <= n; one++)
		for (int how = 0; how < 3; how++) {
			for (size_t i = 0; i < n; i++)
				k.there[i] = how == 0 ? i < one
				    : how == 1	      ? i != one
						      : i == one;
			look(v, &k);
		}
}

static void
rewind_disk(void)
{
	for (int i = 0; i < FILES; i++) {
		base_buf_free(&disk.file[i].now);
		base_buf_free(&disk.file[i].safe);
	}
	memset(&disk, 0, sizeof(disk));
	disk.nnames = first.nnames;
	memcpy(disk.name, first.name, sizeof(disk.name));
	for (size_t i = 0; i < first.nnames; i++) {
		disk.file[i].dir = first.file[i].dir;
		base_buf_init(&disk.file[i].now, 0);
		base_buf_init(&disk.file[i].safe, 0);
		copy(&disk.file[i].now, &first.file[i].now);
		copy(&disk.file[i].safe, &first.file[i].safe);
	}
}

/* Those that were there before are no calls. */
static size_t
first_call(void)
{
	size_t n = 0;

	for (size_t i = 0; i < first.nnames; i++)
		n += !first.file[i].dir;
	return n;
}

size_t
trace_states(const char *dir, trace_fn *fn, void *arg)
{
	struct visit v = { dir, fn, arg, 0 };

	memset(seen, 0, sizeof(seen));
	rewind_disk();
	look_all(&v);
	for (size_t i = first_call(); i < rec.n; i++) {
		step(&rec.call[i]);
		look_all(&v);
	}
	return v.n;
}

void
trace_state_at(const char *dir, const char *path)
{
	static struct name names[FILES];
	struct crash k;
	bool there = false;

	rewind_disk();
	for (size_t i = first_call(); i < rec.n && !there; i++) {
		step(&rec.call[i]);
		there = rec.call[i].kind == TRACE_RENAME &&
		    strcmp(rec.call[i].to, path) == 0;
	}
	must(there, path);
	memset(k.there, 1, sizeof(k.there));
	put_state(dir, names, names_after(&k, names), 2);
}
