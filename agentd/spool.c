/*
 * agentd/spool: parcels as files. The name is the SHA-256 of the DER, so the
 * same parcel is one file. Used by relay.c.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd/spool.h"

#define FILE_MAX (WIRE_PARCEL_MAX + 4096)

struct ag_spool {
	char *dir;
};

enum base_err
ag_spool_open(const char *dir, struct ag_spool **out)
{
	struct ag_spool *s;
	enum base_err e = base_dir_make(dir, 0700);

	if (e != BASE_OK)
		return e;
	s = base_alloc(sizeof *s);
	s->dir = base_strdup(dir);
	*out = s;
	return BASE_OK;
}

static char *
path_of(const struct ag_spool *s, struct base_span der)
{
	char hex[2 * 32 + 1];
	uint8_t digest[32];

	wire_digest(der, digest);
	base_hex(digest, sizeof digest, hex);
	return base_asprintf("%s/%s", s->dir, hex);
}

enum base_err
ag_spool_put(const struct ag_spool *s, const struct wire_parcel *p)
{
	struct base_buf der;
	char *path = NULL;
	enum base_err e;

	base_buf_init(&der, FILE_MAX);
	if ((e = wire_parcel_compose(p, &der)) != BASE_OK)
		goto out;
	path = path_of(s, base_buf_span(&der));
	if (access(path, F_OK) != 0)
		e = base_file_write(path, base_buf_span(&der), 0600);
out:
	base_buf_free(&der);
	free(path);
	return e;
}

static void
remove_file(const char *path)
{
	if (unlink(path) != 0 && errno != ENOENT)
		base_log(BASE_WARNING, "relay: %s: cannot be removed: %m",
		    path);
}

void
ag_spool_drop(const struct ag_spool *s, const struct wire_parcel *p)
{
	struct base_buf der;
	char *path;

	base_buf_init(&der, FILE_MAX);
	if (wire_parcel_compose(p, &der) == BASE_OK) {
		path = path_of(s, base_buf_span(&der));
		remove_file(path);
		free(path);
	}
	base_buf_free(&der);
}

static enum base_err
load_file(const char *path, struct wire_parcel *p)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, FILE_MAX);
	if ((e = base_file_read(path, FILE_MAX, &der)) == BASE_OK)
		e = wire_parcel_parse(base_buf_span(&der), p);
	base_buf_free(&der);
	return e;
}

enum base_err
ag_spool_load(const struct ag_spool *s,
    void (*fn)(void *arg, struct wire_parcel *p), void *arg)
{
	DIR *d = opendir(s->dir);
	const struct dirent *f;

	if (d == NULL)
		return base_fail(BASE_E_IO, "relay: %s: %m", s->dir);
	while ((f = readdir(d)) != NULL) {
		struct wire_parcel p = { 0 };
		char *path;

		if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
			continue;
		path = base_asprintf("%s/%s", s->dir, f->d_name);
		/* a dot: a write that a crash has cut off */
		if (f->d_name[0] == '.') {
			remove_file(path);
		} else if (load_file(path, &p) == BASE_OK) {
			fn(arg, &p);
		} else {
			base_log(BASE_WARNING, "relay: %s: removed: %s", path,
			    base_why());
			remove_file(path);
		}
		wire_parcel_clear(&p);
		free(path);
	}
	closedir(d);
	return BASE_OK;
}

void
ag_spool_close(struct ag_spool *s)
{
	if (s == NULL)
		return;
	free(s->dir);
	free(s);
}
