/*
 * ca/store_sqlite_gone: nodes that left, until kedge-hsmd has forgotten them.
 * In the column forgotten: 0 not yet, 1 it has, 2 the row was there when a
 * recovery began, 3 as 2, and kedge-hsmd knows such a node.
 */
#include "ca/store_sqlite.h"

/* The first name that the statement has after that one; "" for none. */
static enum base_err
gone_after(struct ca_store *st, const char *sql, const char *after,
    char out[CA_NAME])
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r = ca_sq_open(st, sql, &s, "s", after);

	if (r == BASE_OK)
		r = ca_sq_next(st, s, &row);
	if (row)
		r = ca_sq_text(s, 0, out, CA_NAME);
	else
		out[0] = '\0';
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_gone_next(struct ca_store *st, const char *after, char out[CA_NAME])
{
	return gone_after(st,
	    "SELECT node FROM gone WHERE forgotten = 0 AND node > ?"
	    " ORDER BY node LIMIT 1",
	    after, out);
}

enum base_err
ca_store_gone_is_open(struct ca_store *st, const char *node, bool *out)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;

	*out = false;
	if ((r = ca_sq_open(st,
		 "SELECT 1 FROM gone WHERE node = ? AND forgotten <> 1", &s,
		 "s", node)) == BASE_OK)
		r = ca_sq_next(st, s, out);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_gone_done(struct ca_store *st, const char *node)
{
	return ca_sq_run(st, NULL,
	    "UPDATE gone SET forgotten = 1 WHERE node = ?", "s", node);
}

/* ---- in what may be an old copy ---------------------------------------------- */

enum base_err
ca_store_gone_hold(struct ca_store *st)
{
	return ca_sq_run(st, NULL,
	    "UPDATE gone SET forgotten = 2 WHERE forgotten IN (0, 3)", "");
}

enum base_err
ca_store_gone_known(struct ca_store *st, const char *node, bool *news)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE gone SET forgotten = 3 WHERE node = ? AND forgotten = 2",
	    "s", node);

	*news = changes > 0;
	return r;
}

enum base_err
ca_store_gone_unknown(struct ca_store *st)
{
	return ca_sq_run(st, NULL,
	    "UPDATE gone SET forgotten = 1 WHERE forgotten = 2", "");
}

enum base_err
ca_store_gone_confirm(struct ca_store *st, const char *node, bool *was)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE gone SET forgotten = 0 WHERE node = ?"
	    " AND forgotten IN (2, 3)",
	    "s", node);

	*was = changes > 0;
	return r;
}

enum base_err
ca_store_gone_held(struct ca_store *st, const char *after, char out[CA_NAME])
{
	return gone_after(st,
	    "SELECT node FROM gone WHERE forgotten = 3 AND node > ?"
	    " AND NOT EXISTS (SELECT 1 FROM node WHERE name = gone.node"
	    " AND joined <> 0) ORDER BY node LIMIT 1",
	    after, out);
}
