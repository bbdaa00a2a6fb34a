/*
 * ca/store_sqlite_rolls: the rows of rolls, and sums over what they did.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/store_sqlite.h"

enum base_err
ca_store_roll_add(struct ca_store *st, struct ca_roll_row *w)
{
	enum base_err r = ca_sq_run(st, NULL,
	    "INSERT INTO roll (root, gen_from, gen_to, strategy, failures,"
	    " in_flight, state, started, ended, first, windows, stepping,"
	    " presume, compromised, deadline, cut, kicks, say_again)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "siiiiiiiissiiiisii", w->root, (int64_t)w->from, (int64_t)w->to,
	    (int64_t)w->strategy, (int64_t)w->limit, (int64_t)w->max_in_flight,
	    (int64_t)w->state, w->started.ms, w->ended.ms, w->first, w->windows,
	    (int64_t)w->step, (int64_t)w->presume, (int64_t)w->compromised,
	    w->deadline.ms, w->cut, (int64_t)w->kicks, (int64_t)w->say_again);

	if (r == BASE_E_EXISTS)
		return base_fail(BASE_E_EXISTS,
		    "roll: root %s rolls already; see kedge roll status",
		    w->root);
	if (r == BASE_OK)
		w->id = (uint64_t)sqlite3_last_insert_rowid(st->db);
	return r;
}

enum base_err
ca_store_roll_state(struct ca_store *st, uint64_t id, enum ca_roll_state state,
    struct base_time ended)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE roll SET state = ?,"
	    " ended = ? WHERE id = ?",
	    "iii", (int64_t)state, ended.ms, (int64_t)id);

	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_NOTFOUND, "roll %llu: not known",
		    (unsigned long long)id);
	return r;
}

enum base_err
ca_store_roll_stepping(struct ca_store *st, uint64_t id, bool step)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE roll SET stepping = ? WHERE id = ? AND state < 3", "ii",
	    (int64_t)step, (int64_t)id);

	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_NOTFOUND, "roll %llu: does not run",
		    (unsigned long long)id);
	return r;
}

enum base_err
ca_store_roll_compromised(struct ca_store *st, uint64_t id)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE roll SET compromised = 1 WHERE id = ? AND state < 3", "i",
	    (int64_t)id);

	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_NOTFOUND, "roll %llu: does not run",
		    (unsigned long long)id);
	return r;
}

enum base_err
ca_store_roll_deadline(struct ca_store *st, const struct ca_roll_row *w)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE roll SET deadline = ?, cut = ?, kicks = ?,"
	    " say_again = ? WHERE id = ? AND state < 3",
	    "isiii", w->deadline.ms, w->cut, (int64_t)w->kicks,
	    (int64_t)w->say_again, (int64_t)w->id);

	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_NOTFOUND, "roll %llu: does not run",
		    (unsigned long long)w->id);
	return r;
}

enum base_err
ca_store_root_compromised(struct ca_store *st, const char *root, uint32_t above,
    uint32_t *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r = ca_sq_open(st,
	    "SELECT coalesce(max(g), 0) FROM (SELECT gen_from AS g FROM roll"
	    " WHERE root = ?1 AND compromised = 1 AND gen_from < gen_to"
	    " AND gen_to > ?2 UNION ALL SELECT gen FROM generation"
	    " WHERE root = ?1 AND stolen = 1 AND gen >= ?2)",
	    &s, "si", root, (int64_t)above);

	*out = 0;
	if (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		r = ca_sq_u32(s, 0, out);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_root_stolen(struct ca_store *st, const char *root, uint32_t generation,
    bool *out)
{
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT 1 FROM roll WHERE root = ?1 AND compromised = 1"
	    " AND min(gen_from, gen_to) >= ?2 UNION ALL"
	    " SELECT 1 FROM generation WHERE root = ?1 AND stolen = 1"
	    " AND gen >= ?2 LIMIT 1",
	    &s, "si", root, (int64_t)generation);

	*out = false;
	if (r == BASE_OK)
		r = ca_sq_next(st, s, out);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_roll_turn(struct ca_store *st, uint64_t id, uint32_t from, uint32_t to)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE roll SET gen_from = ?, gen_to = ?, deadline = 0, cut = '',"
	    " say_again = 0 WHERE id = ? AND state < 3",
	    "iii", (int64_t)from, (int64_t)to, (int64_t)id);

	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_NOTFOUND, "roll %llu: does not run",
		    (unsigned long long)id);
	return r;
}

static enum base_err
roll_read(sqlite3_stmt *s, struct ca_roll_row *w)
{
	uint32_t strategy, state, step, presume, compromised, again;
	enum base_err r;

	memset(w, 0, sizeof(*w));
	w->id = (uint64_t)sqlite3_column_int64(s, 0);
	if ((r = ca_sq_text(s, 1, w->root, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_u32(s, 2, &w->from)) != BASE_OK ||
	    (r = ca_sq_u32(s, 3, &w->to)) != BASE_OK ||
	    (r = ca_sq_u32(s, 4, &strategy)) != BASE_OK ||
	    (r = ca_sq_u32(s, 5, &w->limit)) != BASE_OK ||
	    (r = ca_sq_u32(s, 6, &w->max_in_flight)) != BASE_OK ||
	    (r = ca_sq_u32(s, 7, &state)) != BASE_OK ||
	    (r = ca_sq_text(s, 10, w->first, CA_FIRST_MAX)) != BASE_OK ||
	    (r = ca_sq_text(s, 11, w->windows, CA_WINDOWS_MAX)) != BASE_OK ||
	    (r = ca_sq_u32(s, 12, &step)) != BASE_OK ||
	    (r = ca_sq_u32(s, 13, &presume)) != BASE_OK ||
	    (r = ca_sq_u32(s, 14, &compromised)) != BASE_OK ||
	    (r = ca_sq_text(s, 16, w->cut, CA_FIRST_MAX)) != BASE_OK ||
	    (r = ca_sq_u32(s, 17, &w->kicks)) != BASE_OK ||
	    (r = ca_sq_u32(s, 18, &again)) != BASE_OK)
		return r;
	w->deadline = ca_sq_time(s, 15);
	w->step = step != 0;
	w->presume = presume != 0;
	w->compromised = compromised != 0;
	w->say_again = again != 0;
	if (strategy >= POL_STRATEGIES || state < CA_ROLL_RUNNING ||
	    state > CA_ROLL_DONE)
		return base_fail(BASE_E_INTEGRITY,
		    "store: roll %llu: unknown "
		    "strategy or state",
		    (unsigned long long)w->id);
	w->strategy = (enum pol_strategy)strategy;
	w->state = (enum ca_roll_state)state;
	w->started = ca_sq_time(s, 8);
	w->ended = ca_sq_time(s, 9);
	return BASE_OK;
}

enum base_err
ca_store_rolls(struct ca_store *st, struct ca_roll_row **out, size_t *n)
{
	sqlite3_stmt *s = NULL;
	struct ca_roll_row *list = NULL;
	enum base_err r;
	bool row = true;
	size_t have = 0;

	*out = NULL;
	*n = 0;
	if ((r = ca_sq_open(st,
		 "SELECT id, root, gen_from, gen_to, strategy,"
		 " failures, in_flight, state, started, ended, first, windows,"
		 " stepping, presume, compromised, deadline, cut,"
		 " kicks, say_again FROM roll"
		 " ORDER BY id",
		 &s, "")) != BASE_OK)
		goto out;
	while ((r = ca_sq_next(st, s, &row)) == BASE_OK && row) {
		list = base_realloc_array(list, have + 1, sizeof(*list));
		if ((r = roll_read(s, &list[have])) != BASE_OK)
			goto out;
		have++;
	}
	if (r != BASE_OK)
		goto out;
	*out = list;
	*n = have;
	list = NULL;
out:
	ca_sq_close(s);
	free(list);
	return r;
}

enum base_err
ca_store_roll_sum(struct ca_store *st, uint64_t roll, struct ca_roll_sum *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r = ca_sq_open(st,
	    "SELECT coalesce(min(at) FILTER (WHERE kind = ?), 0),"
	    " coalesce(max(at) FILTER (WHERE kind = ?), 0) FROM fact"
	    " WHERE roll = ? AND steps & ? <> 0",
	    &s, "iiii", (int64_t)POL_FACT_SENT, (int64_t)POL_FACT_EFFECTIVE,
	    (int64_t)roll, (int64_t)(POL_TRUST | POL_CERT | POL_FINISH));

	if (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK) {
		out->first_order = ca_sq_time(s, 0);
		out->last_report = ca_sq_time(s, 1);
	}
	ca_sq_close(s);
	return r;
}

/* Of the roll's effective orders with one of these steps. */
static enum base_err
roll_names(struct ca_store *st, const char *sql, uint64_t roll, uint32_t steps,
    ca_name_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	char name[CA_NAME];
	bool row = true;
	enum base_err r = ca_sq_open(st, sql, &s, "iii", (int64_t)roll,
	    (int64_t)CA_ORDER_EFFECTIVE, (int64_t)steps);

	while (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		if ((r = ca_sq_text(s, 0, name, CA_NAME)) == BASE_OK)
			fn(arg, name);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_roll_reloads(struct ca_store *st, uint64_t roll, ca_name_fn *fn,
    void *arg)
{
	return roll_names(st,
	    "SELECT DISTINCT node FROM orders WHERE roll = ? AND proof = 1"
	    " AND state = ? AND steps & ? <> 0 ORDER BY node",
	    roll, POL_TRUST | POL_CERT | POL_FINISH, fn, arg);
}

enum base_err
ca_store_roll_unkicked(struct ca_store *st, uint64_t roll, ca_name_fn *fn,
    void *arg)
{
	_Static_assert(POL_FINISH == 4, "the step has a number in SQL");
	return roll_names(st,
	    "SELECT DISTINCT o.node FROM roll AS w CROSS JOIN orders AS o"
	    " INDEXED BY orders_finish ON o.roll = w.id AND o.steps & 4 <> 0"
	    " WHERE w.id = ? AND o.kicked = 0"
	    " AND (w.compromised = 1 OR o.compromised > 0)"
	    " AND o.gen_from < o.gen_to AND o.state = ? AND o.steps & ? <> 0"
	    " AND NOT EXISTS (SELECT 1 FROM orders AS k WHERE"
	    " k.node = o.node AND k.root = o.root AND k.epoch > o.epoch"
	    " AND k.kicked = 1) ORDER BY o.node",
	    roll, POL_FINISH, fn, arg);
}
