/*
 * ca/store_sqlite_roll: dated facts, orders, reports, certificates.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/store_sqlite.h"

/* ---- facts ---------------------------------------------------------------------- */

enum base_err
ca_store_fact_add(struct ca_store *st, const struct ca_fact *f)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO fact (node, root, id, roll, kind, epoch, steps,"
	    " gen_from, gen_to, trust, present, bridge, at)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "ssiiiiiiiiiii", f->node, f->root, ++st->last_fact,
	    (int64_t)f->roll, (int64_t)f->kind, (int64_t)f->epoch,
	    (int64_t)f->steps, (int64_t)f->from, (int64_t)f->to,
	    (int64_t)f->conf.trust, (int64_t)f->conf.present,
	    (int64_t)f->conf.bridge, f->at.ms);
}

static enum base_err
fact_read(sqlite3_stmt *s, struct ca_fact *f)
{
	uint32_t kind;
	enum base_err r;

	memset(f, 0, sizeof(*f));
	f->id = (uint64_t)sqlite3_column_int64(s, 0);
	if ((r = ca_sq_text(s, 1, f->root, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_text(s, 2, f->node, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_u32(s, 4, &kind)) != BASE_OK ||
	    (r = ca_sq_u32(s, 6, &f->steps)) != BASE_OK ||
	    (r = ca_sq_u32(s, 7, &f->from)) != BASE_OK ||
	    (r = ca_sq_u32(s, 8, &f->to)) != BASE_OK)
		return r;
	if (kind > POL_FACT_LOST)
		return base_fail(BASE_E_INTEGRITY,
		    "store: fact %llu: unknown kind %u",
		    (unsigned long long)f->id, kind);
	f->roll = (uint64_t)sqlite3_column_int64(s, 3);
	f->kind = (enum pol_fact_kind)kind;
	f->epoch = (uint64_t)sqlite3_column_int64(s, 5);
	f->conf.trust = (uint64_t)sqlite3_column_int64(s, 9);
	f->conf.present = (uint64_t)sqlite3_column_int64(s, 10);
	f->conf.bridge = (uint64_t)sqlite3_column_int64(s, 11);
	f->at = ca_sq_time(s, 12);
	return BASE_OK;
}

static enum base_err
fact_each(struct ca_store *st, sqlite3_stmt *s, ca_fact_fn *fn, void *arg)
{
	enum base_err r;
	struct ca_fact f;
	bool row = true;

	while ((r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		if ((r = fact_read(s, &f)) != BASE_OK ||
		    (r = fn(arg, &f)) != BASE_OK)
			break;
	ca_sq_close(s);
	return r;
}

/* A name that was given again is another node. */
#define FACT_COUNTS                                                      \
	" AND id > coalesce((SELECT last_fact FROM gone WHERE gone.node" \
	" = fact.node), 0)"
#define FACT_COLUMNS                                          \
	"id, root, node, roll, kind, epoch, steps, gen_from," \
	" gen_to, trust, present, bridge, at"

enum base_err
ca_store_facts_of_roll(struct ca_store *st, uint64_t roll, ca_fact_fn *fn,
    void *arg)
{
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT " FACT_COLUMNS " FROM fact"
	    " WHERE roll = ?" FACT_COUNTS " ORDER BY id",
	    &s, "i", (int64_t)roll);

	return r != BASE_OK ? r : fact_each(st, s, fn, arg);
}

enum base_err
ca_store_facts_of_node(struct ca_store *st, const char *node, const char *root,
    ca_fact_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT " FACT_COLUMNS " FROM fact"
	    " WHERE node = ? AND root = ?" FACT_COUNTS " ORDER BY id",
	    &s, "ss", node, root);

	return r != BASE_OK ? r : fact_each(st, s, fn, arg);
}

enum base_err
ca_store_facts_of_excuses(struct ca_store *st, ca_fact_fn *fn, void *arg)
{
	_Static_assert(POL_FACT_EXCUSED == 5 && POL_FACT_RETURNED == 6,
	    "the kinds have numbers in SQL");
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT " FACT_COLUMNS " FROM fact"
	    " WHERE kind IN (5, 6) ORDER BY id",
	    &s, "");

	return r != BASE_OK ? r : fact_each(st, s, fn, arg);
}

/* ---- orders ---------------------------------------------------------------------------- */

const char *
ca_order_state_name(enum ca_order_state s)
{
	static const char *const names[] = { "none", "sent", "received",
		"effective", "failed", "refused", "replaced" };

	return (size_t)s < sizeof(names) / sizeof(*names) ? names[s] : "?";
}

void
ca_order_clear(struct ca_order *o)
{
	base_buf_free(&o->cms);
}

/* n more, or fewer, that are settled so; those that are open nobody counts. */
static enum base_err
tally_add(struct ca_store *st, const char *root, enum ca_order_state state,
    int64_t n)
{
	if (state <= CA_ORDER_RECEIVED || n == 0)
		return BASE_OK;
	return ca_sq_run(st, NULL,
	    "INSERT INTO tally VALUES ('orders', ?, ?, ?)"
	    " ON CONFLICT DO UPDATE SET value = value + excluded.value",
	    "sii", root, (int64_t)state, n);
}

enum base_err
ca_store_order_add(struct ca_store *st, const struct ca_order *o)
{
	enum base_err r = ca_sq_run(st, NULL,
	    "INSERT INTO orders (node, root, epoch, roll, steps, gen_from,"
	    " gen_to, bridge, digest, cms, issued, expires, state, received,"
	    " settled, proof, reason, leaf_from, leaf_to, kicked, compromised,"
	    " unsent) VALUES (?, ?, ?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "ssiiiiiibbiiiiiisiiiii", o->node, o->root, (int64_t)o->epoch,
	    (int64_t)o->roll, (int64_t)o->steps, (int64_t)o->from,
	    (int64_t)o->to, (int64_t)o->bridge,
	    (struct base_span){ o->digest, sizeof(o->digest) },
	    base_buf_span(&o->cms), o->issued.ms, o->expires.ms,
	    (int64_t)o->state, o->received.ms, o->settled.ms, (int64_t)o->proof,
	    o->reason, o->leaf_from.ms, o->leaf_to.ms, (int64_t)o->kicked,
	    (int64_t)o->compromised, (int64_t)o->unsent);

	return r == BASE_OK ? tally_add(st, o->root, o->state, 1) : r;
}

static enum base_err
order_read_states(sqlite3_stmt *s, struct ca_order *o)
{
	uint32_t state, proof, bridge, kicked, compromised, unsent;
	enum base_err r;

	if ((r = ca_sq_u32(s, 7, &bridge)) != BASE_OK ||
	    (r = ca_sq_u32(s, 12, &state)) != BASE_OK ||
	    (r = ca_sq_u32(s, 15, &proof)) != BASE_OK ||
	    (r = ca_sq_u32(s, 19, &kicked)) != BASE_OK ||
	    (r = ca_sq_u32(s, 20, &compromised)) != BASE_OK ||
	    (r = ca_sq_u32(s, 21, &unsent)) != BASE_OK)
		return r;
	if (state < CA_ORDER_SENT || state > CA_ORDER_REPLACED ||
	    proof > WIRE_PROOF_PROBE)
		return base_fail(BASE_E_INTEGRITY,
		    "store: order %s/%s: "
		    "unknown state",
		    o->node, o->root);
	o->bridge = bridge != 0;
	o->kicked = kicked != 0;
	o->unsent = unsent != 0;
	o->compromised = compromised;
	o->state = (enum ca_order_state)state;
	o->proof = (enum wire_proof)proof;
	return BASE_OK;
}

static enum base_err
order_read(sqlite3_stmt *s, struct ca_order *o)
{
	enum base_err r;

	memset(o, 0, sizeof(*o));
	o->epoch = (uint64_t)sqlite3_column_int64(s, 2);
	o->roll = (uint64_t)sqlite3_column_int64(s, 3);
	o->issued = ca_sq_time(s, 10);
	o->expires = ca_sq_time(s, 11);
	o->received = ca_sq_time(s, 13);
	o->settled = ca_sq_time(s, 14);
	o->leaf_from = ca_sq_time(s, 17);
	o->leaf_to = ca_sq_time(s, 18);
	if ((r = ca_sq_text(s, 0, o->node, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_text(s, 1, o->root, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_u32(s, 4, &o->steps)) != BASE_OK ||
	    (r = ca_sq_u32(s, 5, &o->from)) != BASE_OK ||
	    (r = ca_sq_u32(s, 6, &o->to)) != BASE_OK ||
	    (r = ca_sq_fixed(s, 8, o->digest, sizeof(o->digest))) != BASE_OK ||
	    (r = order_read_states(s, o)) != BASE_OK ||
	    (r = ca_sq_text(s, 16, o->reason, sizeof(o->reason))) != BASE_OK)
		return r;
	return ca_sq_blob(s, 9, &o->cms);
}

#define ORDER_COLUMNS_BUT(cms)                                        \
	"node, root, epoch, roll, steps, gen_from, gen_to,"           \
	" bridge, digest, " cms ", issued, expires, state, received," \
	" settled, proof, reason, leaf_from, leaf_to, kicked,"        \
	" compromised, unsent"
#define ORDER_COLUMNS ORDER_COLUMNS_BUT("cms")

enum base_err
ca_store_order_get(struct ca_store *st, const char *node, const char *root,
    uint64_t epoch, struct ca_order *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	memset(out, 0, sizeof(*out));
	if ((r = ca_sq_open(st,
		 "SELECT " ORDER_COLUMNS " FROM orders WHERE"
		 " node = ? AND root = ? AND epoch = ?",
		 &s, "ssi", node, root, (int64_t)epoch)) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	r = row ? order_read(s, out)
		: base_fail(BASE_E_NOTFOUND,
		      "node %s: no order with epoch %llu under root %s", node,
		      (unsigned long long)epoch, root);
out:
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_order_compromised(struct ca_store *st, const char *root,
    uint32_t generation, struct ca_order *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	memset(out, 0, sizeof(*out));
	if ((r = ca_sq_open(st,
		 "SELECT " ORDER_COLUMNS " FROM orders WHERE root = ?"
		 " AND compromised > 0 AND compromised >= ?"
		 " AND node IN (SELECT name FROM node)"
		 " ORDER BY compromised, issued DESC LIMIT 1",
		 &s, "si", root, (int64_t)generation)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK)
		r = row ? order_read(s, out)
			: base_fail(BASE_E_NOTFOUND,
			      "root %s: no order has said that the key of "
			      "generation %u may be in wrong hands",
			      root, generation);
	ca_sq_close(s);
	return r;
}

/* The state that it has in the store, for the tally. */
static enum base_err
order_state(struct ca_store *st, const struct ca_order *o,
    enum ca_order_state *out)
{
	sqlite3_stmt *s = NULL;
	uint32_t state = 0;
	bool row = false;
	enum base_err r = ca_sq_open(st,
	    "SELECT state FROM orders WHERE node = ? AND root = ?"
	    " AND epoch = ?",
	    &s, "ssi", o->node, o->root, (int64_t)o->epoch);

	if (r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK)
		r = row ? ca_sq_u32(s, 0, &state)
			: base_fail(BASE_E_NOTFOUND, "store: no order %s/%s",
			      o->node, o->root);
	ca_sq_close(s);
	*out = (enum ca_order_state)state;
	return r;
}

enum base_err
ca_store_order_update(struct ca_store *st, const struct ca_order *o)
{
	enum ca_order_state old;
	enum base_err r = order_state(st, o, &old);

	if (r != BASE_OK ||
	    (old != o->state &&
		((r = tally_add(st, o->root, old, -1)) != BASE_OK ||
		    (r = tally_add(st, o->root, o->state, 1)) != BASE_OK)))
		return r;
	return ca_sq_run(st, NULL,
	    "UPDATE orders SET state = ?, received = ?, settled = ?,"
	    " proof = ?, kicked = ?, reason = ?"
	    " WHERE node = ? AND root = ? AND epoch = ?",
	    "iiiiisssi", (int64_t)o->state, o->received.ms, o->settled.ms,
	    (int64_t)o->proof, (int64_t)o->kicked, o->reason, o->node, o->root,
	    (int64_t)o->epoch);
}

enum base_err
ca_store_order_signed(struct ca_store *st, const struct ca_order *o,
    struct base_span cms)
{
	return ca_sq_run(st, NULL,
	    "UPDATE orders SET cms = ? WHERE node = ? AND root = ?"
	    " AND epoch = ?",
	    "bssi", cms, o->node, o->root, (int64_t)o->epoch);
}

enum base_err
ca_store_orders_replace(struct ca_store *st, const char *node, const char *root,
    uint64_t below)
{
	/* the plus keeps SQLite from the index of all that are open: these are
	 * as many as the root has nodes, of one node there are a few */
	int n = 0;
	enum base_err r = ca_sq_run(st, &n,
	    "UPDATE orders SET state = 6 WHERE node = ? AND root = ?"
	    " AND epoch < ? AND +state < 3",
	    "ssi", node, root, (int64_t)below);

	return r == BASE_OK ? tally_add(st, root, CA_ORDER_REPLACED, n) : r;
}

enum base_err
ca_store_epoch_last(struct ca_store *st, const char *node, const char *root,
    uint64_t *epoch)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	*epoch = 0;
	if ((r = ca_sq_open(st,
		 "SELECT coalesce(max(epoch), 0) FROM orders"
		 " WHERE node = ? AND root = ?",
		 &s, "ss", node, root)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		*epoch = (uint64_t)sqlite3_column_int64(s, 0);
	ca_sq_close(s);
	return r;
}

static enum base_err
order_each(struct ca_store *st, sqlite3_stmt *s, ca_order_fn *fn, void *arg)
{
	enum base_err r;
	struct ca_order o = { .epoch = 0 };
	bool row = true;

	while ((r = ca_sq_next(st, s, &row)) == BASE_OK && row) {
		if ((r = order_read(s, &o)) == BASE_OK)
			r = fn(arg, &o);
		ca_order_clear(&o);
		if (r != BASE_OK)
			break;
	}
	ca_sq_close(s);
	return r;
}

/* Without the word SQLite would walk all orders there ever were, in this order. */
#define ORDERS_OPEN                                           \
	" FROM orders INDEXED BY orders_open WHERE state < 3" \
	" ORDER BY node, root, epoch"

enum base_err
ca_store_orders_open(struct ca_store *st, bool brief, ca_order_fn *fn,
    void *arg)
{
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    brief ? "SELECT " ORDER_COLUMNS_BUT("NULL") ORDERS_OPEN
		  : "SELECT " ORDER_COLUMNS ORDERS_OPEN,
	    &s, "");

	return r != BASE_OK ? r : order_each(st, s, fn, arg);
}

enum base_err
ca_store_orders_of_node(struct ca_store *st, const char *node, ca_order_fn *fn,
    void *arg)
{
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT " ORDER_COLUMNS " FROM orders"
	    " WHERE node = ? ORDER BY issued, root, epoch",
	    &s, "s", node);

	return r != BASE_OK ? r : order_each(st, s, fn, arg);
}

enum base_err
ca_store_orders_after(struct ca_store *st, const char *node, const char *root,
    uint64_t epoch, ca_order_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT " ORDER_COLUMNS_BUT(
		"NULL") " FROM orders WHERE node = ?"
			" AND root = ? AND epoch > ? ORDER BY epoch",
	    &s, "ssi", node, root, (int64_t)epoch);

	return r != BASE_OK ? r : order_each(st, s, fn, arg);
}

enum base_err
ca_store_orders_unsent(struct ca_store *st, uint64_t roll, ca_order_fn *fn,
    void *arg)
{
	_Static_assert(POL_FACT_SENT == 1, "the kind has a number in SQL");
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT " ORDER_COLUMNS_BUT(
		"NULL") " FROM orders WHERE roll = ? AND unsent = 1"
			" AND NOT EXISTS (SELECT 1 FROM fact AS f WHERE"
			" f.node = orders.node AND f.root = orders.root AND"
			" f.epoch = orders.epoch AND f.kind = 1)"
			" ORDER BY node, root, epoch",
	    &s, "i", (int64_t)roll);

	return r != BASE_OK ? r : order_each(st, s, fn, arg);
}

/* ---- reports ------------------------------------------------------------------------------- */

enum base_err
ca_store_report_add(struct ca_store *st, const struct ca_report *w)
{
	enum base_err r = ca_sq_run(st, NULL,
	    "INSERT INTO report (digest, node, root, epoch, status, cms, at,"
	    " stored) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    "bssiibii", (struct base_span){ w->digest, sizeof(w->digest) },
	    w->node, w->root, (int64_t)w->epoch, (int64_t)w->status, w->cms,
	    w->at.ms, w->stored.ms);

	st->reports += r == BASE_OK;
	return r;
}

uint64_t
ca_store_reports_added(const struct ca_store *st)
{
	return st->reports;
}

enum base_err
ca_store_report_received(struct ca_store *st, const char *node,
    const char *root, uint64_t epoch, struct base_buf *cms)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	/* 1 is WIRE_RECEIVED; there is an index of these */
	if ((r = ca_sq_open(st,
		 "SELECT cms FROM report WHERE node = ? AND root = ?"
		 " AND epoch = ? AND status = 1 ORDER BY stored DESC LIMIT 1",
		 &s, "ssi", node, root, (int64_t)epoch)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK)
		r = row ? ca_sq_blob(s, 0, cms)
			: base_fail(BASE_E_NOTFOUND,
			      "node %s has not said that it received order "
			      "%llu of root %s",
			      node, (unsigned long long)epoch, root);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_report_effective(struct ca_store *st, const char *node,
    const char *root, uint64_t *epoch, struct base_buf *cms)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	/* 2 is WIRE_EFFECTIVE; the index is of these only */
	if ((r = ca_sq_open(st,
		 "SELECT epoch, cms FROM report WHERE node = ? AND root = ?"
		 " AND status = 2 ORDER BY epoch DESC LIMIT 1",
		 &s, "ss", node, root)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK) {
		*epoch = row ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
		r = row ? ca_sq_blob(s, 1, cms)
			: base_fail(BASE_E_NOTFOUND,
			      "node %s has reported nothing effective of root "
			      "%s",
			      node, root);
	}
	ca_sq_close(s);
	return r;
}

/* ---- certificates ------------------------------------------------------------------------------ */

enum base_err
ca_store_cert_add(struct ca_store *st, const struct ca_cert *c)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO cert (serial, node, root, gen, kind, not_before,"
	    " not_after, der) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    "bssiiiib", (struct base_span){ c->serial, sizeof(c->serial) },
	    c->node, c->root, (int64_t)c->gen, (int64_t)c->kind,
	    c->not_before.ms, c->not_after.ms, c->der);
}

static enum base_err
cert_read(sqlite3_stmt *s, struct ca_cert *c)
{
	uint32_t kind;
	enum base_err r;

	memset(c, 0, sizeof(*c));
	if ((r = ca_sq_fixed(s, 0, c->serial, sizeof(c->serial))) != BASE_OK ||
	    (r = ca_sq_text(s, 1, c->node, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_text(s, 2, c->root, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_u32(s, 3, &c->gen)) != BASE_OK ||
	    (r = ca_sq_u32(s, 4, &kind)) != BASE_OK)
		return r;
	c->kind = (enum wire_cert_kind)kind;
	c->not_before = ca_sq_time(s, 5);
	c->not_after = ca_sq_time(s, 6);
	c->der = ca_sq_span(s, 7);
	return BASE_OK;
}

static enum base_err
cert_each(struct ca_store *st, sqlite3_stmt *s, ca_cert_fn *fn, void *arg)
{
	struct ca_cert c;
	enum base_err r;
	bool row = true;

	while ((r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		if ((r = cert_read(s, &c)) != BASE_OK ||
		    (r = fn(arg, &c)) != BASE_OK)
			break;
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_certs_of_node(struct ca_store *st, const char *node, ca_cert_fn *fn,
    void *arg)
{
	sqlite3_stmt *s = NULL;
	enum base_err r = ca_sq_open(st,
	    "SELECT serial, node, root, gen, kind,"
	    " not_before, not_after, der FROM cert WHERE node = ?"
	    " ORDER BY root, gen, not_before",
	    &s, "s", node);

	return r != BASE_OK ? r : cert_each(st, s, fn, arg);
}
