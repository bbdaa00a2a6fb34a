/*
 * ca/store_sqlite_gone: nodes that left, until kedge-hsmd has forgotten them.
 */
#include "ca/store_sqlite.h"

enum base_err
ca_store_gone_next(struct ca_store *st, const char *after, char out[CA_NAME])
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st,
		 "SELECT node FROM gone WHERE forgotten = 0 AND node > ?"
		 " ORDER BY node LIMIT 1",
		 &s, "s", after)) == BASE_OK)
		r = ca_sq_next(st, s, &row);
	if (row)
		r = ca_sq_text(s, 0, out, CA_NAME);
	else
		out[0] = '\0';
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_gone_is_open(struct ca_store *st, const char *node, bool *out)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;

	*out = false;
	if ((r = ca_sq_open(st,
		 "SELECT 1 FROM gone WHERE node = ? AND forgotten = 0", &s, "s",
		 node)) == BASE_OK)
		r = ca_sq_next(st, s, out);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_gone_void(struct ca_store *st)
{
	enum base_err r =
	    ca_sq_run(st, NULL, "UPDATE gone SET forgotten = 1", "");

	return r != BASE_OK ? r
			    : ca_sq_run(st, NULL, "DELETE FROM link_gone", "");
}

enum base_err
ca_store_gone_done(struct ca_store *st, const char *node)
{
	return ca_sq_run(st, NULL,
	    "UPDATE gone SET forgotten = 1 WHERE node = ?", "s", node);
}
