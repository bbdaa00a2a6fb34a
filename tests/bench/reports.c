/*
 * Durable reports per second through kedged's store (report, order, fact and
 * audit record in one transaction) against bare SQLite that commits one row
 * with the same report. Rounds alternate, so that a drift of the disk hits
 * both. Usage: reports DIRECTORY [ROUNDS]
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ca/store.h"

#define NODES	  50 /* reports of one round, one for each node */
#define CMS_BYTES 1500 /* about the size of a signed report */

static uint8_t cms[CMS_BYTES];

static void
must(enum base_err e)
{
	if (e != BASE_OK)
		base_die("bench: %s", base_why());
}

/* ---- bare --------------------------------------------------------------------- */

static void
sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		base_die("bench: %s: %s", text, sqlite3_errmsg(db));
}

static sqlite3 *
bare_open(const char *path)
{
	sqlite3 *db;

	unlink(path);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		base_die("bench: %s", path);
	sql(db, "PRAGMA journal_mode = WAL");
	sql(db, "PRAGMA synchronous = FULL");
	sql(db,
	    "CREATE TABLE report (node TEXT, root TEXT, epoch INTEGER, "
	    "cms BLOB, PRIMARY KEY (node, root, epoch)) STRICT");
	return db;
}

static void
bare_round(sqlite3_stmt *s, uint64_t epoch)
{
	char node[16];

	for (int i = 0; i < NODES; i++) {
		snprintf(node, sizeof(node), "node%d", i);
		sqlite3_bind_text(s, 1, node, -1, SQLITE_TRANSIENT);
		sqlite3_bind_text(s, 2, "plant", -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 3, (sqlite3_int64)epoch);
		sqlite3_bind_blob(s, 4, cms, sizeof(cms), SQLITE_STATIC);
		if (sqlite3_step(s) != SQLITE_DONE)
			base_die("bench: insert");
		sqlite3_reset(s);
	}
}

/* ---- kedged's store -------------------------------------------------------------- */

static struct ca_order
order_make(int i, uint64_t epoch)
{
	struct ca_order o = { .roll = 1,
		.epoch = epoch,
		.steps = POL_TRUST,
		.from = 1,
		.to = 2,
		.state = CA_ORDER_SENT };

	snprintf(o.node, sizeof(o.node), "node%d", i);
	snprintf(o.root, sizeof(o.root), "plant");
	o.issued = o.expires = base_time_now();
	memcpy(o.digest, &epoch, sizeof(epoch));
	base_buf_init(&o.cms, 0);
	must(base_buf_put(&o.cms, cms, sizeof(cms)));
	return o;
}

static void
fleet_make(struct ca_store *st)
{
	struct ca_root root = { .name = "plant",
		.alg = WIRE_P256,
		.days = 3650,
		.current = 1 };
	struct ca_roll_row roll = { .root = "plant",
		.from = 1,
		.to = 2,
		.strategy = POL_MINIMAL,
		.state = CA_ROLL_RUNNING };

	must(ca_store_begin(st));
	must(ca_store_root_put(st, &root));
	for (int i = 0; i < NODES; i++) {
		struct ca_node n = { .reach = CA_POLL };

		snprintf(n.name, sizeof(n.name), "node%d", i);
		must(ca_store_node_put(st, &n));
	}
	must(ca_store_roll_add(st, &roll));
	must(ca_store_commit(st));
}

/* The orders are there before the reports come; they are not timed. */
static void
orders_make(struct ca_store *st, uint64_t epoch)
{
	must(ca_store_begin(st));
	for (int i = 0; i < NODES; i++) {
		struct ca_order o = order_make(i, epoch);

		must(ca_store_order_add(st, &o));
		ca_order_clear(&o);
	}
	must(ca_store_commit(st));
}

static void
report_keep(struct ca_store *st, struct ca_order *o)
{
	struct ca_report r = { .epoch = o->epoch,
		.status = WIRE_EFFECTIVE,
		.cms = { cms, sizeof(cms) },
		.at = o->issued,
		.stored = o->issued };
	struct ca_fact f = { .roll = 1,
		.kind = POL_FACT_EFFECTIVE,
		.epoch = o->epoch,
		.steps = o->steps,
		.from = 1,
		.to = 2,
		.at = o->issued };

	memcpy(r.node, o->node, sizeof(r.node));
	memcpy(r.root, o->root, sizeof(r.root));
	memcpy(f.node, o->node, sizeof(f.node));
	memcpy(f.root, o->root, sizeof(f.root));
	/* each report is another one; its digest is made before the store */
	memcpy(r.digest, &o->epoch, sizeof(o->epoch));
	memcpy(r.digest + sizeof(o->epoch), o->node, 16);
	o->state = CA_ORDER_EFFECTIVE;
	o->settled = o->issued;
	must(ca_store_begin(st));
	must(ca_store_report_add(st, &r));
	must(ca_store_order_update(st, o));
	must(ca_store_fact_add(st, &f));
	must(ca_store_audit_add(st, o->issued, o->node, "report",
	    "plant: trust effective"));
	must(ca_store_commit(st));
}

static void
kedge_round(struct ca_store *st, uint64_t epoch)
{
	for (int i = 0; i < NODES; i++) {
		struct ca_order o = order_make(i, epoch);

		report_keep(st, &o);
		ca_order_clear(&o);
	}
}

int
main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 40;
	int64_t bare = 0, kedge = 0;
	struct ca_store *st = NULL;
	sqlite3_stmt *s = NULL;
	char *bare_path, *path;
	sqlite3 *db;

	if (argc < 2 || rounds < 1) {
		fprintf(stderr, "usage: reports DIRECTORY [ROUNDS]\n");
		return 2;
	}
	bare_path = base_asprintf("%s/bare.db", argv[1]);
	path = base_asprintf("%s/kedge.db", argv[1]);
	unlink(path);
	db = bare_open(bare_path);
	must(ca_store_open(path, &st));
	fleet_make(st);
	if (sqlite3_prepare_v2(db, "INSERT INTO report VALUES (?, ?, ?, ?)", -1,
		&s, NULL) != SQLITE_OK)
		base_die("bench: prepare");
	for (int i = 1; i <= rounds; i++) {
		int64_t t0, t1, t2;

		orders_make(st, (uint64_t)i);
		t0 = base_mono_now().ms;
		bare_round(s, (uint64_t)i);
		t1 = base_mono_now().ms;
		kedge_round(st, (uint64_t)i);
		t2 = base_mono_now().ms;
		bare += t1 - t0;
		kedge += t2 - t1;
	}
	printf("reports: bare SQLite %.0f/s, kedged's store %.0f/s, "
	       "ratio %.2f\n",
	    rounds * NODES * 1000.0 / (double)bare,
	    rounds * NODES * 1000.0 / (double)kedge,
	    (double)bare / (double)kedge);
	sqlite3_finalize(s);
	sqlite3_close(db);
	ca_store_close(st);
	free(bare_path);
	free(path);
	return 0;
}
