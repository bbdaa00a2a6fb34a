/*
 * agentd/store_key: the node's private keys on disk: one under each root, and
 * for the time of a rekey a second one. Used by holdings.c and rekey.c.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "agentd/store.h"

#define KEY_MAX ((size_t)1 << 16)

static enum base_err
read_key(const char *path, EVP_PKEY **out)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, KEY_MAX);
	if ((r = base_file_read(path, KEY_MAX, &b)) == BASE_OK)
		r = wire_key_from_pem(base_buf_span(&b), out);
	base_buf_free(&b);
	return r;
}

static enum base_err
make_key(const char *dir, const char *path, enum wire_alg alg, EVP_PKEY **out)
{
	EVP_PKEY *key = NULL;
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, KEY_MAX);
	if ((r = base_dir_make(dir, 0700)) == BASE_OK &&
	    (r = wire_key_make(alg, &key)) == BASE_OK &&
	    (r = wire_key_to_pem(key, &b)) == BASE_OK &&
	    (r = base_file_write(path, base_buf_span(&b), 0600)) == BASE_OK) {
		*out = key;
		key = NULL;
	}
	EVP_PKEY_free(key);
	base_buf_free(&b);
	return r;
}

enum base_err
ag_store_key(struct ag_store *s, const char *root, enum wire_alg alg,
    EVP_PKEY **out)
{
	char *dir = base_asprintf("%s/%s", s->dir, root);
	char *path = base_asprintf("%s/key.pem", dir);
	enum base_err r = read_key(path, out);

	if (r == BASE_E_NOTFOUND)
		r = make_key(dir, path, alg, out);
	free(path);
	free(dir);
	return r;
}

enum base_err
ag_store_next_key(struct ag_store *s, const char *root, bool make,
    enum wire_alg alg, EVP_PKEY **out)
{
	char *dir = base_asprintf("%s/%s", s->dir, root);
	char *path = base_asprintf("%s/next.pem", dir);
	EVP_PKEY *key = NULL, *now = NULL;
	enum base_err r = read_key(path, &key);

	/* it has taken the place already, but died before the rest */
	if (r == BASE_OK && ag_store_key(s, root, alg, &now) == BASE_OK &&
	    EVP_PKEY_eq(key, now) == 1) {
		unlink(path);
		EVP_PKEY_free(key);
		key = NULL;
		r = base_fail(BASE_E_NOTFOUND, "%s: is in use", path);
	}
	if (r == BASE_E_NOTFOUND && make)
		r = make_key(dir, path, alg, &key);
	if (r == BASE_OK)
		*out = key;
	EVP_PKEY_free(now);
	free(path);
	free(dir);
	return r;
}

/* What it was on the disk, as far as a file system lets us reach it. */
static void
overwrite(int fd)
{
	static const uint8_t zeros[512];
	off_t n = lseek(fd, 0, SEEK_END);
	bool bad = n < 0 || lseek(fd, 0, SEEK_SET) != 0;

	while (!bad && n > 0) {
		size_t part =
		    n > (off_t)sizeof(zeros) ? sizeof(zeros) : (size_t)n;

		bad = write(fd, zeros, part) != (ssize_t)part;
		n -= (off_t)part;
	}
	if (bad || fsync(fd) != 0)
		base_log(BASE_WARNING, "store: old key not overwritten: %m");
}

enum base_err
ag_store_key_swap(struct ag_store *s, const char *root)
{
	char *path = base_asprintf("%s/%s/key.pem", s->dir, root);
	char *next = base_asprintf("%s/%s/next.pem", s->dir, root);
	int old = open(path, O_WRONLY | O_CLOEXEC);
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, KEY_MAX);
	if ((r = base_file_read(next, KEY_MAX, &b)) == BASE_OK &&
	    (r = base_file_write(path, base_buf_span(&b), 0600)) == BASE_OK) {
		if (old >= 0)
			overwrite(old);
		unlink(next);
	}
	if (old >= 0)
		close(old);
	base_buf_free(&b);
	free(next);
	free(path);
	return r;
}
