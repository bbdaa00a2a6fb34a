/*
 * ca/store_sqlite_stock: what each node said last of what it holds.
 */
#include "ca/store_sqlite.h"

enum base_err
ca_store_stock_put(struct ca_store *st, const char *node, uint64_t number,
    struct base_span der)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO stock (node, number, der) VALUES (?, ?, ?)"
	    " ON CONFLICT (node) DO UPDATE SET number = excluded.number,"
	    " der = excluded.der",
	    "sib", node, (int64_t)number, der);
}

enum base_err
ca_store_stock_get(struct ca_store *st, const char *node, uint64_t *number,
    struct base_buf *der)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;
	bool row = false;

	if ((r = ca_sq_open(st, "SELECT number, der FROM stock WHERE node = ?",
		 &s, "s", node)) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	if (!row) {
		r = base_fail(BASE_E_NOTFOUND, "node %s: no inventory of it",
		    node);
		goto out;
	}
	*number = (uint64_t)sqlite3_column_int64(s, 0);
	r = ca_sq_blob(s, 1, der);
out:
	ca_sq_close(s);
	return r;
}
