/* The tables and their version: made once, and of no other release. */
#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca/store_sqlite.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static void
open_as(const char *pragma, enum base_err want, const char *word)
{
	sqlite3 *db;

	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(sqlite3_open(store_path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(ca_store_open(store_path, &st), want);
	if (want != BASE_OK)
		ck_assert_ptr_nonnull(strstr(base_why(), word));
}

START_TEST(another_schema_is_refused)
{
	open_as("PRAGMA user_version", BASE_OK, "");
	open_as("PRAGMA user_version = 999", BASE_E_INTEGRITY, "999");
	/* nobody can tell what tables these have */
	open_as("PRAGMA user_version = 2", BASE_E_INTEGRITY, "before the");
	open_as("PRAGMA user_version = 99", BASE_E_INTEGRITY, "kedge init");
	open_as("PRAGMA user_version = 100", BASE_E_INTEGRITY, "kedge init");
	open_as("PRAGMA user_version = 101", BASE_E_INTEGRITY, "kedge init");
	open_as("PRAGMA user_version = 105", BASE_E_INTEGRITY, "kedge init");
}
END_TEST

/* Only to look: neither made nor brought up to date. */
START_TEST(looking_changes_nothing)
{
	struct ca_store *other = NULL;

	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(ca_store_open_read(store_path, &other), BASE_OK);
	ca_store_close(other);
	open_as("PRAGMA user_version = 106", BASE_E_IO, "already exists");
	ck_assert_int_eq(ca_store_open_read(store_path, &other),
	    BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "schema version 106"));
}
END_TEST

/* How SQLite goes about the last statement that was made. */
static bool
went_by(const char *word)
{
	sqlite3_stmt *s;
	char *sql = base_asprintf("EXPLAIN QUERY PLAN %s",
	    sqlite3_sql(st->cache[st->ncache - 1].stmt));
	bool yes = false;

	ck_assert_int_eq(sqlite3_prepare_v2(st->db, sql, -1, &s, NULL),
	    SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		yes = yes ||
		    strstr((const char *)sqlite3_column_text(s, 3), word) !=
			NULL;
	sqlite3_finalize(s);
	free(sql);
	return yes;
}

static enum base_err
pass(void *arg, const struct ca_order *o)
{
	(void)arg;
	(void)o;
	return BASE_OK;
}

static enum base_err
no_fact(void *arg, const struct ca_fact *f)
{
	(void)arg;
	(void)f;
	return BASE_OK;
}

static void
no_name(void *arg, const char *name)
{
	(void)arg;
	(void)name;
}

/* Neither what is open, nor what is a node's or a roll's is sought among all
 * orders. */
START_TEST(orders_are_found_by_their_index)
{
	struct ca_order o;

	ck_assert_int_eq(ca_store_orders_open(st, true, pass, NULL), BASE_OK);
	ck_assert(went_by("orders_open"));
	ck_assert_int_eq(ca_store_orders_replace(st, "a", "b", 3), BASE_OK);
	ck_assert(went_by("(node=? AND root=? AND epoch<?)"));
	ck_assert_int_eq(ca_store_order_compromised(st, "b", 1, &o),
	    BASE_E_NOTFOUND);
	ck_assert(went_by("orders_theft"));
	ck_assert_int_eq(ca_store_facts_of_roll(st, 1, no_fact, NULL), BASE_OK);
	ck_assert(went_by("fact_roll"));
	ck_assert(!went_by("SCAN fact") && !went_by("TEMP"));
	ck_assert_int_eq(ca_store_roll_unkicked(st, 1, no_name, NULL), BASE_OK);
	ck_assert(went_by("orders_finish"));
	ck_assert_int_eq(ca_store_orders_unsent(st, 1, pass, NULL), BASE_OK);
	ck_assert(went_by("orders_unsent"));
	ck_assert(!went_by("SCAN"));
}
END_TEST

/* Of a new file, before its first table is made. */
START_TEST(pages_are_small)
{
	sqlite3 *db;
	sqlite3_stmt *s;

	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(sqlite3_open(store_path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA page_size", -1, &s,
			     NULL),
	    SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_int(s, 0), 2048);
	sqlite3_finalize(s);
	sqlite3_close(db);
}
END_TEST

TCase *
case_store_sqlite_schema(void)
{
	TCase *t = tcase_create("store_sqlite_schema");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, another_schema_is_refused);
	tcase_add_test(t, looking_changes_nothing);
	tcase_add_test(t, orders_are_found_by_their_index);
	tcase_add_test(t, pages_are_small);
	return t;
}
