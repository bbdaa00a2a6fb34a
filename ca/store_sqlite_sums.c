/*
 * ca/store_sqlite_sums: numbers over whole tables, for the metrics.
 */
#include <string.h>

#include "ca/store_sqlite.h"

enum base_err
ca_store_order_sums(struct ca_store *st, ca_order_sum_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	struct ca_order_sum sum;
	uint32_t state;
	bool row = true;
	enum base_err r = ca_sq_open(st,
	    "SELECT root, state, count(*), min(issued) FROM orders"
	    " INDEXED BY orders_open WHERE state < 3 GROUP BY root, state"
	    " UNION ALL SELECT root, state, value, 0 FROM tally"
	    " WHERE what = 'orders' AND value > 0"
	    " ORDER BY 1, 2",
	    &s, "");

	while (
	    r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row) {
		if ((r = ca_sq_text(s, 0, sum.root, CA_NAME)) != BASE_OK ||
		    (r = ca_sq_u32(s, 1, &state)) != BASE_OK)
			break;
		sum.state = (enum ca_order_state)state;
		sum.n = (uint64_t)sqlite3_column_int64(s, 2);
		sum.oldest = ca_sq_time(s, 3);
		fn(arg, &sum);
	}
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_cert_sums(struct ca_store *st, ca_cert_sum_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	struct ca_cert_sum sum;
	bool row = true;
	enum base_err r = ca_sq_open(st,
	    "SELECT root, gen, min(not_after) FROM leaf GROUP BY root, gen"
	    " ORDER BY root, gen",
	    &s, "");

	while (
	    r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row) {
		if ((r = ca_sq_text(s, 0, sum.root, CA_NAME)) != BASE_OK ||
		    (r = ca_sq_u32(s, 1, &sum.gen)) != BASE_OK)
			break;
		sum.first_end = ca_sq_time(s, 2);
		fn(arg, &sum);
	}
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_audit_count(struct ca_store *st, uint64_t *n)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r =
	    ca_sq_open(st, "SELECT coalesce(max(seq), 0) FROM audit", &s, "");

	*n = 0;
	if (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		*n = (uint64_t)sqlite3_column_int64(s, 0);
	ca_sq_close(s);
	return r;
}
