/*
 * record: the calls of libc that change a disk, wrapped by the linker and
 * written down; and how a careless program would have made them. See trace.h.
 */
#include "tests/crash/trace_impl.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS 1024

struct trace_calls rec;
struct trace_first first;

static struct { /* open ones */
	int file;
	char *path;
} fds[FDS];

void
trace_must(bool good, const char *what)
{
	if (!good)
		base_die("crash: %s: %m", what);
}

/* ---- recording --------------------------------------------------------------------- */

static bool
is_ours(const char *path)
{
	return rec.dir != NULL && strncmp(path, rec.dir, strlen(rec.dir)) == 0;
}

static struct call *
call_add(enum trace_kind kind, const char *path, int file)
{
	struct call *c = &rec.call[rec.n++];

	must(rec.n < CALLS, "too many calls");
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->path = path == NULL ? NULL : base_strdup(path);
	c->file = file;
	return c;
}

/* Which inode a path names after all calls so far. */
static int
file_at(const char *path)
{
	int file = -1;

	for (size_t i = 0; i < rec.n; i++) {
		const struct call *c = &rec.call[i];

		if (c->kind == TRACE_CREATE && strcmp(c->path, path) == 0)
			file = c->file;
		else if (c->kind == TRACE_RENAME && strcmp(c->to, path) == 0)
			file = c->file;
		else if ((c->kind == TRACE_UNLINK || c->kind == TRACE_RENAME) &&
		    strcmp(c->path, path) == 0)
			file = -1;
	}
	return file;
}

static void
fd_add(int fd, const char *path, int file)
{
	must(fd < FDS, "a high descriptor");
	free(fds[fd].path);
	fds[fd].path = base_strdup(path);
	fds[fd].file = file;
}

int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd, file;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	file = is_ours(path) ? file_at(path) : -1;
	if ((fd = __real_open(path, flags, mode)) < 0 || !is_ours(path))
		return fd;
	if ((flags & O_CREAT) != 0 && file < 0)
		(void)call_add(TRACE_CREATE, path, file = rec.nfiles++);
	else if ((flags & O_TRUNC) != 0)
		(void)call_add(TRACE_TRUNCATE, path, file);
	fd_add(fd, path, file);
	return fd;
}

int
__wrap_mkostemp(char *path, int flags)
{
	int fd = __real_mkostemp(path, flags);

	if (fd >= 0 && is_ours(path)) {
		(void)call_add(TRACE_CREATE, path, rec.nfiles);
		fd_add(fd, path, rec.nfiles++);
	}
	return fd;
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	ssize_t got = __real_write(fd, p, n);
	struct call *c;

	if (rec.dir != NULL && fd < FDS && fds[fd].path != NULL && got > 0) {
		c = call_add(TRACE_WRITE, NULL, fds[fd].file);
		c->p = base_alloc((size_t)got);
		memcpy(c->p, p, (size_t)got);
		c->n = (size_t)got;
	}
	return got;
}

int
__wrap_fsync(int fd)
{
	struct stat st;

	if (rec.dir != NULL && fd < FDS && fds[fd].path != NULL) {
		must(fstat(fd, &st) == 0, "fstat");
		(void)call_add(S_ISDIR(st.st_mode) ? TRACE_SYNC_DIR
						   : TRACE_SYNC,
		    fds[fd].path, fds[fd].file);
	}
	return __real_fsync(fd);
}

int
__wrap_close(int fd)
{
	if (fd >= 0 && fd < FDS) {
		free(fds[fd].path);
		fds[fd].path = NULL;
	}
	return __real_close(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	int file = is_ours(from) ? file_at(from) : -1;
	int rc = __real_rename(from, to);

	if (rc == 0 && is_ours(from))
		call_add(TRACE_RENAME, from, file)->to = base_strdup(to);
	return rc;
}

int
__wrap_unlink(const char *path)
{
	int rc = __real_unlink(path);

	if (rc == 0 && is_ours(path))
		(void)call_add(TRACE_UNLINK, path, -1);
	return rc;
}

int
__wrap_remove(const char *path)
{
	int rc = __real_remove(path);

	if (rc == 0 && is_ours(path))
		(void)call_add(TRACE_UNLINK, path, -1);
	return rc;
}

int
__wrap_mkdir(const char *path, mode_t mode)
{
	int rc = __real_mkdir(path, mode);

	if (rc == 0 && is_ours(path))
		(void)call_add(TRACE_MKDIR, path, -1);
	return rc;
}

void
trace_promise(int what)
{
	if (rec.dir != NULL)
		call_add(TRACE_PROMISE, NULL, -1)->value = what;
}

/* ---- the disk as it was at the beginning ---------------------------------------------- */

static int
take_found(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	struct name *n = &first.name[first.nnames];
	struct inode *i = &first.file[first.nnames];

	(void)st;
	(void)ftw;
	must(first.nnames < FILES, "too many files");
	n->path = base_strdup(path);
	n->file = (int)first.nnames++;
	i->dir = flag == FTW_D;
	base_buf_init(&i->safe, 0);
	base_buf_init(&i->now, 0);
	if (!i->dir)
		must(base_file_read(path, 1 << 20, &i->safe) == BASE_OK &&
			base_buf_put(&i->now, i->safe.p, i->safe.n) == BASE_OK,
		    path);
	return 0;
}

void
trace_begin(const char *dir)
{
	memset(&first, 0, sizeof(first));
	memset(&rec, 0, sizeof(rec));
	must(nftw(dir, take_found, 16, FTW_PHYS) == 0, dir);
	rec.dir = base_strdup(dir);
	/* names of files that were there before */
	for (size_t i = 0; i < first.nnames; i++)
		if (!first.file[i].dir)
			(void)call_add(TRACE_CREATE, first.name[i].path,
			    first.name[i].file);
	rec.nfiles = (int)first.nnames;
}

void
trace_end(void)
{
	rec.dir = NULL;
}

/* ---- carelessness ------------------------------------------------------------------------- */

static void
drop_call(size_t at)
{
	memmove(&rec.call[at], &rec.call[at + 1],
	    (rec.n - at - 1) * sizeof(rec.call[0]));
	rec.n--;
}

/* A rename comes before the first byte of its file. */
static void
hurry(size_t at)
{
	struct call c = rec.call[at];
	size_t to = at;

	while (to > 0 && rec.call[to - 1].kind != TRACE_CREATE)
		to--;
	memmove(&rec.call[to + 1], &rec.call[to],
	    (at - to) * sizeof(rec.call[0]));
	rec.call[to] = c;
}

void
trace_spoil(enum trace_break how)
{
	for (size_t i = 0; i < rec.n; i++) {
		enum trace_kind k = rec.call[i].kind;

		if ((how == TRACE_NO_SYNC && k == TRACE_SYNC) ||
		    (how == TRACE_NO_SYNC_DIR && k == TRACE_SYNC_DIR))
			drop_call(i--);
		else if (how == TRACE_EARLY_RENAME && k == TRACE_RENAME)
			hurry(i);
	}
}
