/*
 * ca/store_sqlite_leaf: which certificates nodes are known to present, and
 * when each is to be renewed.
 */
#include <string.h>

#include "ca/store_sqlite.h"

enum base_err
ca_store_leaf_put(struct ca_store *st, const struct ca_leaf *l)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO leaf (node, root, gen, epoch, not_before, not_after,"
	    " due) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, root)"
	    " DO UPDATE SET gen = excluded.gen, epoch = excluded.epoch,"
	    " not_before = excluded.not_before,"
	    " not_after = excluded.not_after, due = excluded.due",
	    "ssiiiii", l->node, l->root, (int64_t)l->gen, (int64_t)l->epoch,
	    l->not_before.ms, l->not_after.ms, l->due.ms);
}

#define LEAF_COLUMNS "node, root, gen, epoch, not_before, not_after, due"

static enum base_err
leaf_read(sqlite3_stmt *s, struct ca_leaf *l)
{
	enum base_err r;

	memset(l, 0, sizeof(*l));
	l->epoch = (uint64_t)sqlite3_column_int64(s, 3);
	l->not_before = ca_sq_time(s, 4);
	l->not_after = ca_sq_time(s, 5);
	l->due = ca_sq_time(s, 6);
	if ((r = ca_sq_text(s, 0, l->node, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_text(s, 1, l->root, CA_NAME)) != BASE_OK)
		return r;
	return ca_sq_u32(s, 2, &l->gen);
}

enum base_err
ca_store_leaf_get(struct ca_store *st, const char *node, const char *root,
    struct ca_leaf *out)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;
	bool row = false;

	if ((r = ca_sq_open(st,
		 "SELECT " LEAF_COLUMNS
		 " FROM leaf WHERE node = ? AND root = ?",
		 &s, "ss", node, root)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK)
		r = row ? leaf_read(s, out)
			: base_fail(BASE_E_NOTFOUND,
			      "node %s: presents nothing under root %s yet",
			      node, root);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_leaves_due(struct ca_store *st, struct base_time by, ca_leaf_fn *fn,
    void *arg)
{
	sqlite3_stmt *s = NULL;
	struct ca_leaf l;
	bool row = true;
	enum base_err r;

	if ((r = ca_sq_open(st,
		 "SELECT " LEAF_COLUMNS " FROM leaf WHERE due <= ?"
		 " UNION SELECT " LEAF_COLUMNS " FROM rekey"
		 " JOIN leaf USING (node, root) ORDER BY due, node, root",
		 &s, "i", by.ms)) != BASE_OK)
		return r;
	while ((r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		if ((r = leaf_read(s, &l)) != BASE_OK ||
		    (r = fn(arg, &l)) != BASE_OK)
			break;
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_leaf_next(struct ca_store *st, struct base_time after,
    struct base_time *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r = ca_sq_open(st,
	    "SELECT coalesce(min(due), 0) FROM leaf WHERE due > ?", &s, "i",
	    after.ms);

	out->ms = 0;
	if (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		*out = ca_sq_time(s, 0);
	ca_sq_close(s);
	return r;
}
