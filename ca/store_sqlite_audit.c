/*
 * ca/store_sqlite_audit: the audit table as a hash chain. Each record's hash
 * is SHA-256 over the previous hash and the whole record; the head is kept a
 * second time in tally, so that a chain cut short is found as well.
 */
#include <string.h>

#include "ca/store_sqlite.h"

static enum base_err
audit_hash(const uint8_t prev[32], const struct ca_audit *a, uint8_t out[32])
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = base_buf_put(&b, prev, 32)) != BASE_OK ||
	    (r = base_buf_put_u64(&b, a->seq)) != BASE_OK ||
	    (r = base_buf_put_u64(&b, (uint64_t)a->at.ms)) != BASE_OK ||
	    (r = base_buf_put_str(&b, a->who)) != BASE_OK ||
	    (r = base_buf_put_str(&b, a->what)) != BASE_OK ||
	    (r = base_buf_put_str(&b, a->detail)) != BASE_OK)
		goto out;
	wire_digest(base_buf_span(&b), out);
out:
	base_buf_free(&b);
	return r;
}

static enum base_err
audit_read(sqlite3_stmt *s, struct ca_audit *a)
{
	enum base_err r;

	memset(a, 0, sizeof(*a));
	a->seq = (uint64_t)sqlite3_column_int64(s, 0);
	a->at = ca_sq_time(s, 1);
	if ((r = ca_sq_text(s, 2, a->who, sizeof(a->who))) != BASE_OK ||
	    (r = ca_sq_text(s, 3, a->what, sizeof(a->what))) != BASE_OK)
		return r;
	a->detail = (const char *)sqlite3_column_text(s, 4);
	return ca_sq_fixed(s, 5, a->hash, sizeof(a->hash));
}

/* Last record's number and hash; zeros when there is none. */
static enum base_err
audit_head(struct ca_store *st, uint64_t *seq, uint8_t hash[32])
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	*seq = 0;
	memset(hash, 0, 32);
	if ((r = ca_sq_open(st,
		 "SELECT seq, hash FROM audit"
		 " ORDER BY seq DESC LIMIT 1",
		 &s, "")) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK && row) {
		*seq = (uint64_t)sqlite3_column_int64(s, 0);
		r = ca_sq_fixed(s, 1, hash, 32);
	}
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_audit_add(struct ca_store *st, struct base_time at, const char *who,
    const char *what, const char *detail)
{
	struct ca_audit a = { .at = at, .detail = detail };
	uint8_t prev[32];
	enum base_err r;

	if (strlen(who) >= sizeof(a.who) || strlen(what) >= sizeof(a.what))
		base_die("audit: name too long: %s %s", who, what);
	memcpy(a.who, who, strlen(who) + 1);
	memcpy(a.what, what, strlen(what) + 1);
	if ((r = audit_head(st, &a.seq, prev)) != BASE_OK)
		return r;
	a.seq++;
	if ((r = audit_hash(prev, &a, a.hash)) != BASE_OK ||
	    (r = ca_sq_run(st, NULL,
		 "INSERT INTO audit (seq, at, who, what,"
		 " detail, hash) VALUES (?, ?, ?, ?, ?, ?)",
		 "iisssb", (int64_t)a.seq, at.ms, who, what, detail,
		 (struct base_span){ a.hash, sizeof(a.hash) })) != BASE_OK)
		return r;
	return ca_sq_run(st, NULL,
	    "INSERT INTO tally VALUES ('audit', '', 0, ?)"
	    " ON CONFLICT DO UPDATE SET value = excluded.value",
	    "b", (struct base_span){ a.hash, sizeof(a.hash) });
}

enum base_err
ca_store_audit_list(struct ca_store *st, uint64_t from, uint64_t limit,
    ca_audit_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	struct ca_audit a;
	enum base_err r;
	bool row = true;

	if ((r = ca_sq_open(st,
		 "SELECT seq, at, who, what, detail, hash"
		 " FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?",
		 &s, "ii", (int64_t)from, (int64_t)limit)) != BASE_OK)
		return r;
	while ((r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		if ((r = audit_read(s, &a)) != BASE_OK ||
		    (r = fn(arg, &a)) != BASE_OK)
			break;
	ca_sq_close(s);
	return r;
}

struct chain {
	uint64_t seq;
	uint8_t hash[32];
};

static enum base_err
audit_check_one(void *arg, const struct ca_audit *a)
{
	struct chain *c = arg;
	uint8_t hash[32];
	enum base_err r;

	if (a->seq != c->seq + 1)
		return base_fail(BASE_E_INTEGRITY,
		    "audit: record %llu is missing; kedge audit verify --store "
		    "FILE says whether a copy of the store is whole",
		    (unsigned long long)(c->seq + 1));
	if ((r = audit_hash(c->hash, a, hash)) != BASE_OK)
		return r;
	if (memcmp(hash, a->hash, sizeof(hash)) != 0)
		return base_fail(BASE_E_INTEGRITY,
		    "audit: record %llu was changed after it was written; "
		    "kedge audit verify --store FILE says whether a copy of the "
		    "store is whole",
		    (unsigned long long)a->seq);
	c->seq = a->seq;
	memcpy(c->hash, hash, sizeof(hash));
	return BASE_OK;
}

/* As the last record's transaction kept it; zeros: there was none. */
static enum base_err
audit_kept(struct ca_store *st, uint8_t hash[32])
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r = ca_sq_open(st,
	    "SELECT value FROM tally WHERE what = 'audit'", &s, "");

	memset(hash, 0, 32);
	if (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		r = ca_sq_fixed(s, 0, hash, 32);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_audit_verify(struct ca_store *st, uint64_t *count, uint8_t head[32])
{
	struct chain c = { 0 };
	uint8_t kept[32];
	enum base_err r;

	if ((r = ca_store_audit_list(st, 1, INT64_MAX, audit_check_one, &c)) !=
		BASE_OK ||
	    (r = audit_kept(st, kept)) != BASE_OK)
		return r;
	if (memcmp(kept, c.hash, sizeof(kept)) != 0)
		r = base_fail(BASE_E_INTEGRITY,
		    "audit: the chain ends at "
		    "record %llu, but that is not the last one written",
		    (unsigned long long)c.seq);
	*count = c.seq;
	memcpy(head, c.hash, 32);
	return r;
}
