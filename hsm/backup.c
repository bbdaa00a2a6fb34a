/*
 * backup: see the header. Called by ks_worker.c while no worker writes.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/backup.h"

#define BACKUP_FILE_MAX ((size_t)16 << 20)
#define BACKUP_DEPTH	4

static enum base_err
backup_fail(const char *path)
{
	return base_fail(errno == ENOENT ? BASE_E_NOTFOUND : BASE_E_IO,
	    "%s: %s", path, strerror(errno));
}

/* *same: to exists with the very bytes of from. */
static enum base_err
backup_file(const char *from, const char *to, mode_t mode, size_t *n)
{
	struct base_buf a, b;
	enum base_err e;

	base_buf_init(&a, BACKUP_FILE_MAX);
	base_buf_init(&b, BACKUP_FILE_MAX);
	if ((e = base_file_read(from, BACKUP_FILE_MAX, &a)) != BASE_OK)
		goto out;
	e = base_file_read(to, BACKUP_FILE_MAX, &b);
	if (e == BASE_OK && a.n == b.n &&
	    (a.n == 0 || memcmp(a.p, b.p, a.n) == 0))
		goto out;
	if (e == BASE_OK || e == BASE_E_NOTFOUND) {
		(*n)++;
		e = base_file_write(to, base_buf_span(&a), mode);
	}
out:
	base_buf_free(&a);
	base_buf_free(&b);
	return e;
}

static enum base_err
backup_copy(const char *from, const char *to, int depth, size_t *n)
{
	DIR *d = opendir(from);
	struct dirent *ent;
	enum base_err e = BASE_OK;

	if (d == NULL)
		return backup_fail(from);
	if (depth > BACKUP_DEPTH)
		e = base_fail(BASE_E_RANGE, "%s: nested too deeply", from);
	else
		e = base_dir_make(to, 0700);
	while (e == BASE_OK && (ent = readdir(d)) != NULL) {
		char *a, *b;
		struct stat st;

		if (strcmp(ent->d_name, ".") == 0 ||
		    strcmp(ent->d_name, "..") == 0)
			continue;
		a = base_asprintf("%s/%s", from, ent->d_name);
		b = base_asprintf("%s/%s", to, ent->d_name);
		if (lstat(a, &st) != 0)
			e = backup_fail(a);
		else if (S_ISDIR(st.st_mode))
			e = backup_copy(a, b, depth + 1, n);
		else if (S_ISREG(st.st_mode))
			e = backup_file(a, b, st.st_mode & 0777, n);
		free(a);
		free(b);
	}
	closedir(d);
	return e;
}

/* Removes files of copy that dir does not have; empty directories stay. */
static enum base_err
backup_prune(const char *copy, const char *dir, int depth)
{
	DIR *d = opendir(copy);
	struct dirent *ent;
	enum base_err e = BASE_OK;

	if (d == NULL)
		return backup_fail(copy);
	while (e == BASE_OK && (ent = readdir(d)) != NULL) {
		char *a, *b;
		struct stat st;

		if (strcmp(ent->d_name, ".") == 0 ||
		    strcmp(ent->d_name, "..") == 0)
			continue;
		a = base_asprintf("%s/%s", copy, ent->d_name);
		b = base_asprintf("%s/%s", dir, ent->d_name);
		if (lstat(a, &st) != 0)
			e = backup_fail(a);
		else if (S_ISDIR(st.st_mode)) {
			if (depth < BACKUP_DEPTH)
				e = backup_prune(a, b, depth + 1);
		} else if (access(b, F_OK) != 0 && errno == ENOENT &&
		    unlink(a) != 0)
			e = backup_fail(a);
		free(a);
		free(b);
	}
	closedir(d);
	return e;
}

enum base_err
hsm_backup_take(const char *from, const char *to)
{
	size_t n = 0;
	enum base_err e = backup_copy(from, to, 0, &n);

	return e != BASE_OK ? e : backup_prune(to, from, 0);
}

enum base_err
hsm_backup_restore(const char *copy, const char *dir, size_t *n)
{
	struct stat st;

	*n = 0;
	if (stat(dir, &st) != 0)
		return backup_fail(dir);
	return backup_copy(copy, dir, 0, n);
}
