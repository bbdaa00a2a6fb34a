/* The tables and their version: made once, and of no other release. */
#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	open_as("PRAGMA user_version = 102", BASE_E_IO, "already exists");
	ck_assert_int_eq(ca_store_open_read(store_path, &other),
	    BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "schema version 102"));
}
END_TEST

TCase *
case_store_sqlite_schema(void)
{
	TCase *t = tcase_create("store_sqlite_schema");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, another_schema_is_refused);
	tcase_add_test(t, looking_changes_nothing);
	return t;
}
