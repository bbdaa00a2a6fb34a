/*
 * journal: see the header. Used by core.c and the req_*.c files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "hsm/journal.h"

#define BODY_MIN 17 /* number, time, kind */

struct hsm_journal {
	int fd;
	char *path;
	hsm_journal_fn *apply;
	void *arg;
	bool dead; /* a sync failed: memory and file may differ */
	off_t size; /* durable bytes */
	uint64_t count; /* durable records */
	uint8_t head[HSM_HASH];
	struct base_buf pending; /* whole records, not yet written */
	uint64_t npending;
	uint8_t tip[HSM_HASH]; /* hash of the last pending record */
};

static void
journal_hash(const uint8_t prev[HSM_HASH], struct base_span body,
    uint8_t out[HSM_HASH])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (c == NULL || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(c, prev, HSM_HASH) != 1 ||
	    EVP_DigestUpdate(c, body.p, body.n) != 1 ||
	    EVP_DigestFinal_ex(c, out, NULL) != 1)
		base_die("journal: SHA-256 failed");
	EVP_MD_CTX_free(c);
}

/* One record out of bytes that may end early. AGAIN: cut short. */
static enum base_err
journal_next(struct base_span in, struct base_span *body, size_t *used)
{
	size_t n;

	if (in.n < 4)
		return BASE_E_AGAIN;
	n = (size_t)in.p[0] << 24 | (size_t)in.p[1] << 16 |
	    (size_t)in.p[2] << 8 | in.p[3];
	if (n < BODY_MIN || n > HSM_RECORD_MAX)
		return BASE_E_INTEGRITY;
	if (in.n < 4 + n + HSM_HASH)
		return BASE_E_AGAIN;
	*body = (struct base_span){ in.p + 4, n };
	*used = 4 + n + HSM_HASH;
	return BASE_OK;
}

/* Hands one record's fields to the fold; number must be the next one. */
static enum base_err
journal_apply(struct hsm_journal *j, struct base_span body)
{
	struct base_buf b = { .n = body.n, .cap = body.n, .max = body.n };
	uint64_t number = 0, ms = 0;
	uint8_t kind = 0;
	enum base_err e;

	/* only read from, so the const that base_buf cannot carry holds */
	memcpy(&b.p, &body.p, sizeof(b.p));
	if ((e = base_buf_get_u64(&b, &number)) == BASE_OK &&
	    (e = base_buf_get_u64(&b, &ms)) == BASE_OK &&
	    (e = base_buf_get_u8(&b, &kind)) == BASE_OK) {
		struct base_time at = { (int64_t)ms };

		e = number != j->count + 1
		    ? base_fail(BASE_E_INTEGRITY, "record out of sequence")
		    : j->apply(j->arg, (enum hsm_record)kind, at, &b);
	}
	return e;
}

static enum base_err
journal_broken(const struct hsm_journal *j, const char *what)
{
	return base_fail(BASE_E_INTEGRITY,
	    "%s: record %llu: %s; the file was changed from outside: restore "
	    "it from a backup that is not older than the last signature",
	    j->path, (unsigned long long)j->count + 1, what);
}

/* The chain holds: it is what was written. STATE: by another release. */
static enum base_err
journal_unread(const struct hsm_journal *j, enum base_err e)
{
	char *why = base_strdup(base_why());

	e = e == BASE_E_STATE ? base_fail(e, "%s: record %llu: %s", j->path,
				    (unsigned long long)j->count + 1, why)
			      : journal_broken(j, why);
	free(why);
	return e;
}

/* What a crash of the machine may leave behind the last durable record. */
static bool
journal_is_zero(struct base_span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != 0)
			return false;
	return true;
}

static enum base_err
journal_replay(struct hsm_journal *j, struct base_span in)
{
	while (in.n > 0) {
		struct base_span body;
		uint8_t h[HSM_HASH];
		size_t used = 0;
		enum base_err e = journal_next(in, &body, &used);

		if (e == BASE_E_AGAIN || journal_is_zero(in))
			return BASE_OK; /* size says where to cut */
		if (e != BASE_OK)
			return journal_broken(j, "impossible length");
		journal_hash(j->head, body, h);
		if (memcmp(h, body.p + body.n, HSM_HASH) != 0) {
			if (in.n == used &&
			    journal_is_zero((
				struct base_span){ body.p + body.n, HSM_HASH }))
				return BASE_OK;
			return journal_broken(j, "hash chain broken");
		}
		if ((e = journal_apply(j, body)) != BASE_OK)
			return journal_unread(j, e);
		memcpy(j->head, h, HSM_HASH);
		j->count++;
		j->size += (off_t)used;
		in.p += used;
		in.n -= used;
	}
	return BASE_OK;
}

/* Cuts what a crash left behind the last whole record. */
static enum base_err
journal_cut(struct hsm_journal *j, off_t have)
{
	if (j->size == have)
		return BASE_OK;
	base_log(BASE_WARNING,
	    "%s: last record was cut short by a crash, %lld bytes removed",
	    j->path, (long long)(have - j->size));
	if (ftruncate(j->fd, j->size) != 0 || fsync(j->fd) != 0)
		return base_fail(BASE_E_IO, "%s: %s", j->path, strerror(errno));
	return BASE_OK;
}

static enum base_err
journal_load(struct hsm_journal *j)
{
	struct stat st;
	void *map;
	enum base_err e;

	if (fstat(j->fd, &st) != 0)
		return base_fail(BASE_E_IO, "%s: %s", j->path, strerror(errno));
	if (st.st_size == 0)
		return BASE_OK;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, j->fd, 0);
	if (map == MAP_FAILED)
		return base_fail(BASE_E_IO, "%s: %s", j->path, strerror(errno));
	e = journal_replay(j, (struct base_span){ map, (size_t)st.st_size });
	(void)munmap(map, (size_t)st.st_size);
	memcpy(j->tip, j->head, HSM_HASH);
	return e != BASE_OK ? e : journal_cut(j, st.st_size);
}

/* A new file is durable only with its directory entry. */
static enum base_err
journal_sync_parent(const char *path)
{
	char *dir = base_strdup(path), *slash = strrchr(dir, '/');
	enum base_err e;

	if (slash != NULL)
		*slash = '\0';
	e = base_dir_sync(slash == NULL ? "." : slash == dir ? "/" : dir);
	free(dir);
	return e;
}

enum base_err
hsm_journal_open(const char *path, hsm_journal_fn *apply, void *arg,
    struct hsm_journal **out)
{
	struct hsm_journal *j = base_alloc(sizeof(*j));
	enum base_err e;

	j->path = base_strdup(path);
	j->apply = apply;
	j->arg = arg;
	base_buf_init(&j->pending, 0);
	j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (j->fd < 0)
		e = base_fail(BASE_E_IO, "%s: %s", path, strerror(errno));
	else if ((e = journal_sync_parent(path)) == BASE_OK)
		e = journal_load(j);
	if (e != BASE_OK) {
		hsm_journal_close(j);
		return e;
	}
	*out = j;
	return BASE_OK;
}

void
hsm_journal_add(struct hsm_journal *j, enum hsm_record kind,
    struct base_time at, struct base_span fields)
{
	size_t start = j->pending.n, n = BODY_MIN + fields.n;
	struct base_span body;

	/* out of memory and out of bounds are our own bugs here */
	if (n > HSM_RECORD_MAX ||
	    base_buf_put_u32(&j->pending, (uint32_t)n) != BASE_OK ||
	    base_buf_put_u64(&j->pending, j->count + j->npending + 1) !=
		BASE_OK ||
	    base_buf_put_u64(&j->pending, (uint64_t)at.ms) != BASE_OK ||
	    base_buf_put_u8(&j->pending, (uint8_t)kind) != BASE_OK ||
	    base_buf_put(&j->pending, fields.p, fields.n) != BASE_OK)
		base_die("journal: %s", base_why());
	body = (struct base_span){ j->pending.p + start + 4, n };
	journal_hash(j->tip, body, j->tip);
	if (base_buf_put(&j->pending, j->tip, HSM_HASH) != BASE_OK)
		base_die("journal: %s", base_why());
	j->npending++;
}

static void
journal_drop(struct hsm_journal *j)
{
	base_buf_clear(&j->pending);
	j->npending = 0;
	memcpy(j->tip, j->head, HSM_HASH);
}

static enum base_err
journal_write(struct hsm_journal *j)
{
	struct base_span s = base_buf_span(&j->pending);

	while (s.n > 0) {
		ssize_t w = write(j->fd, s.p, s.n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return base_fail(BASE_E_IO,
			    "%s: %s; without an audit record nothing is signed",
			    j->path, strerror(errno));
		s.p += w;
		s.n -= (size_t)w;
	}
	return BASE_OK;
}

enum base_err
hsm_journal_sync(struct hsm_journal *j)
{
	struct base_span in = base_buf_span(&j->pending), body;
	size_t used = 0;

	if (in.n == 0)
		return BASE_OK;
	if (j->dead) {
		journal_drop(j);
		return base_fail(BASE_E_IO,
		    "%s: an earlier sync failed; restart kedge-hsmd once the "
		    "disk is well",
		    j->path);
	}
	if (journal_write(j) != BASE_OK) {
		journal_drop(j);
		j->dead = ftruncate(j->fd, j->size) != 0;
		return BASE_E_IO;
	}
	if (fdatasync(j->fd) != 0) {
		journal_drop(j);
		j->dead = true;
		return base_fail(BASE_E_IO, "%s: sync: %s", j->path,
		    strerror(errno));
	}
	while (in.n > 0) {
		if (journal_next(in, &body, &used) != BASE_OK ||
		    journal_apply(j, body) != BASE_OK)
			base_die("journal: own record does not apply: %s",
			    base_why());
		memcpy(j->head, body.p + body.n, HSM_HASH);
		j->count++;
		j->size += (off_t)used;
		in.p += used;
		in.n -= used;
	}
	journal_drop(j);
	return BASE_OK;
}

void
hsm_journal_head(const struct hsm_journal *j, uint8_t head[HSM_HASH],
    uint64_t *count)
{
	memcpy(head, j->head, HSM_HASH);
	*count = j->count;
}

void
hsm_journal_close(struct hsm_journal *j)
{
	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	base_buf_free(&j->pending);
	free(j->path);
	free(j);
}
