/*
 * ca/store_sqlite: connection, transactions and the small layer of prepared
 * statements on which the other store_sqlite_*.c files stand.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca/store_sqlite.h"

static enum base_err
sq_fail(struct ca_store *st, const char *what)
{
	const char *msg = sqlite3_errmsg(st->db);

	switch (sqlite3_errcode(st->db) & 0xff) {
	case SQLITE_CONSTRAINT:
		return base_fail(BASE_E_EXISTS, "store: %s: %s", what, msg);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return base_fail(BASE_E_INTEGRITY,
		    "store: %s: %s; restore it from a backup", what, msg);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return base_fail(BASE_E_AGAIN,
		    "store: %s: %s; is another kedged running?", what, msg);
	case SQLITE_NOMEM:
	case SQLITE_MISUSE:
		base_die("store: %s: %s", what, msg);
	default:
		return base_fail(BASE_E_IO,
		    "store: %s: %s; check disk space and rights", what, msg);
	}
}

/* ---- statements --------------------------------------------------------- */

static enum base_err
sq_prepare(struct ca_store *st, const char *sql, sqlite3_stmt **out)
{
	sqlite3_stmt *s = NULL;

	for (size_t i = 0; i < st->ncache; i++) {
		if (st->cache[i].sql != sql)
			continue;
		s = st->cache[i].stmt;
		if (sqlite3_stmt_busy(s))
			base_die("store: statement used within itself: %s",
			    sql);
		*out = s;
		return BASE_OK;
	}
	if (st->ncache == CA_SQ_CACHE)
		base_die("store: statement cache too small");
	if (sqlite3_prepare_v3(st->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s,
		NULL) != SQLITE_OK)
		return sq_fail(st, sql);
	st->cache[st->ncache].sql = sql;
	st->cache[st->ncache++].stmt = s;
	*out = s;
	return BASE_OK;
}

static int
sq_bind_text(sqlite3_stmt *s, int col, const char *text, bool empty_is_null)
{
	if (empty_is_null && text[0] == '\0')
		return sqlite3_bind_null(s, col);
	return sqlite3_bind_text(s, col, text, -1, SQLITE_STATIC);
}

static int
sq_bind_span(sqlite3_stmt *s, int col, struct base_span span)
{
	if (span.n == 0)
		return sqlite3_bind_null(s, col);
	return sqlite3_bind_blob64(s, col, span.p, span.n, SQLITE_STATIC);
}

static enum base_err
sq_bind(struct ca_store *st, sqlite3_stmt *s, const char *fmt, va_list ap)
{
	for (int i = 0; fmt[i] != '\0'; i++) {
		int rc;

		switch (fmt[i]) {
		case 's':
		case 'e':
			rc = sq_bind_text(s, i + 1, va_arg(ap, const char *),
			    fmt[i] == 'e');
			break;
		case 'i':
			rc = sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
			break;
		case 'b':
			rc = sq_bind_span(s, i + 1,
			    va_arg(ap, struct base_span));
			break;
		default:
			base_die("store: bad bind format %s", fmt);
		}
		if (rc != SQLITE_OK)
			return sq_fail(st, "bind");
	}
	return BASE_OK;
}

enum base_err
ca_sq_open(struct ca_store *st, const char *sql, sqlite3_stmt **out,
    const char *fmt, ...)
{
	va_list ap;
	enum base_err r;

	*out = NULL;
	if ((r = sq_prepare(st, sql, out)) != BASE_OK)
		return r;
	va_start(ap, fmt);
	r = sq_bind(st, *out, fmt, ap);
	va_end(ap);
	if (r != BASE_OK) {
		ca_sq_close(*out);
		*out = NULL;
	}
	return r;
}

enum base_err
ca_sq_next(struct ca_store *st, sqlite3_stmt *s, bool *row)
{
	int rc = sqlite3_step(s);

	*row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return BASE_OK;
	return sq_fail(st, sqlite3_sql(s));
}

void
ca_sq_close(sqlite3_stmt *s)
{
	if (s == NULL)
		return;
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

enum base_err
ca_sq_run(struct ca_store *st, int *changes, const char *sql, const char *fmt,
    ...)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;
	bool row = true;
	va_list ap;

	if ((r = sq_prepare(st, sql, &s)) != BASE_OK)
		return r;
	va_start(ap, fmt);
	r = sq_bind(st, s, fmt, ap);
	va_end(ap);
	while (r == BASE_OK && row)
		r = ca_sq_next(st, s, &row);
	ca_sq_close(s);
	if (changes != NULL)
		*changes = sqlite3_changes(st->db);
	return r;
}

/* ---- columns ------------------------------------------------------------- */

enum base_err
ca_sq_text(sqlite3_stmt *s, int col, char *out, size_t max)
{
	const unsigned char *t = sqlite3_column_text(s, col);
	size_t n = (size_t)sqlite3_column_bytes(s, col);

	if (n >= max)
		return base_fail(BASE_E_INTEGRITY,
		    "store: column %s has %zu bytes, %zu fit",
		    sqlite3_column_name(s, col), n, max - 1);
	if (n > 0)
		memcpy(out, t, n);
	out[n] = '\0';
	return BASE_OK;
}

enum base_err
ca_sq_u32(sqlite3_stmt *s, int col, uint32_t *out)
{
	int64_t v = sqlite3_column_int64(s, col);

	if (v < 0 || v > UINT32_MAX)
		return base_fail(BASE_E_INTEGRITY,
		    "store: column %s holds %lld", sqlite3_column_name(s, col),
		    (long long)v);
	*out = (uint32_t)v;
	return BASE_OK;
}

enum base_err
ca_sq_blob(sqlite3_stmt *s, int col, struct base_buf *out)
{
	struct base_span b = ca_sq_span(s, col);

	return base_buf_put(out, b.p, b.n);
}

enum base_err
ca_sq_fixed(sqlite3_stmt *s, int col, uint8_t *out, size_t n)
{
	struct base_span b = ca_sq_span(s, col);

	if (b.n != n)
		return base_fail(BASE_E_INTEGRITY,
		    "store: column %s has %zu bytes, not %zu",
		    sqlite3_column_name(s, col), b.n, n);
	memcpy(out, b.p, n);
	return BASE_OK;
}

struct base_span
ca_sq_span(sqlite3_stmt *s, int col)
{
	struct base_span b;

	b.p = sqlite3_column_blob(s, col);
	b.n = b.p == NULL ? 0 : (size_t)sqlite3_column_bytes(s, col);
	return b;
}

struct base_time
ca_sq_time(sqlite3_stmt *s, int col)
{
	return (struct base_time){ sqlite3_column_int64(s, col) };
}

/* ---- connection, transactions ---------------------------------------------- */

static enum base_err
sq_make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		return base_fail(BASE_E_IO, "store: %s: %s", path,
		    strerror(errno));
	close(fd);
	return BASE_OK;
}

static enum base_err
sq_pragmas(struct ca_store *st)
{
	static const char *const pragmas[] = {
		/* of a new file: a report changes nine pages by a few bytes
		 * each, and the log is written in whole ones */
		"PRAGMA page_size = 2048",
		"PRAGMA locking_mode = EXCLUSIVE",
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = ON",
		"PRAGMA trusted_schema = OFF",
		"PRAGMA secure_delete = ON",
	};

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(*pragmas); i++)
		if (sqlite3_exec(st->db, pragmas[i], NULL, NULL, NULL) !=
		    SQLITE_OK)
			return sq_fail(st, pragmas[i]);
	return BASE_OK;
}

static enum base_err
sq_last_fact(struct ca_store *st)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r =
	    /* a node that left may have been given one that was rolled back */
	    ca_sq_open(st,
		"SELECT max((SELECT coalesce(max(id), 0) FROM fact),"
		" (SELECT coalesce(max(last_fact), 0) FROM gone))",
		&s, "");

	if (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		st->last_fact = sqlite3_column_int64(s, 0);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_open(const char *path, struct ca_store **out)
{
	struct ca_store *st = base_alloc(sizeof(*st));
	enum base_err r;

	*out = NULL;
	if ((r = sq_make_file(path)) != BASE_OK)
		goto out;
	if (sqlite3_open_v2(path, &st->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_EXRESCODE,
		NULL) != SQLITE_OK) {
		r = sq_fail(st, path);
		goto out;
	}
	sqlite3_busy_timeout(st->db, 2000);
	if ((r = sq_pragmas(st)) != BASE_OK ||
	    (r = ca_sq_schema(st)) != BASE_OK ||
	    (r = sq_last_fact(st)) != BASE_OK)
		goto out;
	*out = st;
	st = NULL;
out:
	ca_store_close(st);
	return r;
}

/* SQLite makes an index beside the file for a log that a crash left. */
enum base_err
ca_store_open_read(const char *path, struct ca_store **out)
{
	struct ca_store *st = base_alloc(sizeof(*st));
	enum base_err r;

	*out = NULL;
	if (access(path, F_OK) != 0) {
		r = base_fail(BASE_E_NOTFOUND, "store: %s: %s", path,
		    strerror(errno));
	} else if (sqlite3_open_v2(path, &st->db,
		       SQLITE_OPEN_READONLY | SQLITE_OPEN_EXRESCODE,
		       NULL) != SQLITE_OK) {
		r = sq_fail(st, path);
	} else if ((r = ca_sq_schema_check(st)) == BASE_OK) {
		*out = st;
		st = NULL;
	} else if (r == BASE_E_AGAIN) {
		r = base_fail(BASE_E_STATE,
		    "store: %s: a running kedged has it; ask that one, without "
		    "--store",
		    path);
	}
	ca_store_close(st);
	return r;
}

void
ca_store_close(struct ca_store *st)
{
	if (st == NULL)
		return;
	for (size_t i = 0; i < st->ncache; i++)
		sqlite3_finalize(st->cache[i].stmt);
	sqlite3_close(st->db);
	free(st);
}

enum base_err
ca_store_begin(struct ca_store *st)
{
	return ca_sq_run(st, NULL, "BEGIN IMMEDIATE", "");
}

enum base_err
ca_store_commit(struct ca_store *st)
{
	return ca_sq_run(st, NULL, "COMMIT", "");
}

void
ca_store_rollback(struct ca_store *st)
{
	if (sqlite3_get_autocommit(st->db))
		return;
	if (ca_sq_run(st, NULL, "ROLLBACK", "") != BASE_OK)
		base_die("store: rollback: %s", base_why());
}

enum base_err
ca_store_check(struct ca_store *st)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;
	bool row = false;
	char text[200];
	uint64_t n;
	uint8_t head[32];

	if ((r = ca_sq_open(st, "PRAGMA quick_check(1)", &s, "")) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	if (!row || ca_sq_text(s, 0, text, sizeof(text)) != BASE_OK ||
	    strcmp(text, "ok") != 0) {
		r = base_fail(BASE_E_INTEGRITY, "store: damaged: %s",
		    row ? text : "no answer");
		goto out;
	}
	ca_sq_close(s);
	s = NULL;
	r = ca_store_audit_verify(st, &n, head);
out:
	ca_sq_close(s);
	return r;
}
