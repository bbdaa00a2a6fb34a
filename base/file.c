/*
 * file: whole files in and out. A written file is either the old one or the
 * new one, also after a power cut; all state of kedge goes through here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

/* Directory part of path, "." or "/" when there is none; free it. */
static char *
parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return base_strdup(".");
	if (slash == path)
		return base_strdup("/");
	return base_strndup(path, (size_t)(slash - path));
}

enum base_err
base_dir_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum base_err r = BASE_OK;

	if (fd < 0)
		return base_fail(BASE_E_IO,
		    "file: cannot open directory "
		    "%s: %m",
		    path);
	if (fsync(fd) != 0)
		r = base_fail(BASE_E_IO, "file: cannot sync directory %s: %m",
		    path);
	close(fd);
	return r;
}

static enum base_err
write_all(int fd, struct base_span data)
{
	ssize_t n;

	for (; data.n != 0; data.p += n, data.n -= (size_t)n) {
		n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return BASE_E_IO;
	}
	return BASE_OK;
}

/* Fills the open temporary file; closes fd. */
static enum base_err
file_settle(int fd, const char *path, struct base_span data, mode_t mode)
{
	bool bad = write_all(fd, data) != BASE_OK || fchmod(fd, mode) != 0 ||
	    fsync(fd) != 0;
	int saved = errno;

	if (close(fd) != 0 && !bad) {
		bad = true;
		saved = errno;
	}
	errno = saved;
	if (bad)
		return base_fail(BASE_E_IO,
		    "file: cannot write %s: %m; the "
		    "old content is kept",
		    path);
	return BASE_OK;
}

/* errno stays. */
static void
discard(char *temp)
{
	const int saved = errno;

	unlink(temp);
	free(temp);
	errno = saved;
}

enum base_err
base_file_stage(const char *path, struct base_span data, mode_t mode,
    char **temp)
{
	char *dir = parent_of(path);
	const char *name = strrchr(path, '/');
	enum base_err r;
	int fd;

	name = name != NULL ? name + 1 : path;
	*temp = base_asprintf("%s/.%s.XXXXXX", dir, name);
	fd = mkostemp(*temp, O_CLOEXEC);
	if (fd < 0) {
		r = base_fail(BASE_E_IO,
		    "file: cannot create a file in %s: "
		    "%m",
		    dir);
		free(*temp);
	} else if ((r = file_settle(fd, path, data, mode)) != BASE_OK) {
		discard(*temp);
	}
	if (r != BASE_OK)
		*temp = NULL;
	free(dir);
	return r;
}

enum base_err
base_file_place(const char *temp, const char *path)
{
	if (rename(temp, path) == 0)
		return BASE_OK;
	return base_fail(BASE_E_IO,
	    "file: cannot write %s: %m; the "
	    "old content is kept",
	    path);
}

enum base_err
base_file_write(const char *path, struct base_span data, mode_t mode)
{
	char *dir, *temp;
	enum base_err r = base_file_stage(path, data, mode, &temp);

	if (r != BASE_OK)
		return r;
	if ((r = base_file_place(temp, path)) != BASE_OK) {
		discard(temp);
		return r;
	}
	free(temp);
	dir = parent_of(path);
	r = base_dir_sync(dir);
	free(dir);
	return r;
}

enum base_err
base_file_put(const char *path, struct base_span data, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	bool bad = fd < 0 || write_all(fd, data) != BASE_OK ||
	    fchmod(fd, mode) != 0 || fsync(fd) != 0;
	enum base_err r = BASE_OK;

	if (bad)
		r = base_fail(BASE_E_IO, "file: cannot write %s: %m", path);
	if (fd >= 0 && close(fd) != 0 && r == BASE_OK)
		r = base_fail(BASE_E_IO, "file: cannot write %s: %m", path);
	return r;
}

static enum base_err
read_all(int fd, const char *path, size_t max, struct base_buf *b)
{
	uint8_t chunk[4096];
	enum base_err r = BASE_OK;
	size_t total = 0;
	ssize_t n;

	do {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = base_fail(BASE_E_IO, "file: cannot read %s: %m",
			    path);
		else if ((size_t)n > max - total)
			r = base_fail(BASE_E_RANGE,
			    "file: %s is longer than "
			    "%zu bytes",
			    path, max);
		else
			r = base_buf_put(b, chunk, (size_t)n);
		total += n > 0 && r == BASE_OK ? (size_t)n : 0;
	} while (r == BASE_OK && n != 0);
	base_wipe(chunk, sizeof(chunk));
	return r;
}

enum base_err
base_file_read(const char *path, size_t max, struct base_buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t before = b->n;
	enum base_err r;

	if (fd < 0)
		return base_fail(errno == ENOENT ? BASE_E_NOTFOUND : BASE_E_IO,
		    "file: cannot open %s: %m", path);
	r = read_all(fd, path, max, b);
	if (r != BASE_OK)
		b->n = before;
	close(fd);
	return r;
}

static enum base_err
dir_make_one(const char *path, mode_t mode)
{
	enum base_err r;
	struct stat st;
	char *parent;

	if (mkdir(path, mode) == 0) {
		parent = parent_of(path);
		r = base_dir_sync(parent);
		free(parent);
		return r;
	}
	if (errno != EEXIST)
		return base_fail(BASE_E_IO,
		    "file: cannot make directory %s: "
		    "%m",
		    path);
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return base_fail(BASE_E_EXISTS,
		    "file: %s is there and is no "
		    "directory; move it away",
		    path);
	return BASE_OK;
}

enum base_err
base_dir_make(const char *path, mode_t mode)
{
	char *part = base_strdup(path);
	enum base_err r = BASE_OK;
	char *p;

	for (p = part + (*part == '/'); r == BASE_OK && *p != '\0'; p++) {
		if (*p != '/' || p[-1] == '/')
			continue;
		*p = '\0';
		r = dir_make_one(part, mode);
		*p = '/';
	}
	if (r == BASE_OK)
		r = dir_make_one(part, mode);
	free(part);
	return r;
}
