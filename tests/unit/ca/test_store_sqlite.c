/* ca/store.h as SQLite stands behind it: what is put comes back, also after
 * the file was closed; what is not committed does not. */
#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(file_is_private)
{
	struct stat s;

	ck_assert_int_eq(stat(store_path, &s), 0);
	ck_assert_uint_eq(s.st_mode & 0777, 0600);
}
END_TEST

START_TEST(what_is_not_committed_is_gone)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	ck_assert_int_eq(ca_store_meta_put(st, "k", store_span("v")), BASE_OK);
	ca_store_rollback(st);
	ck_assert_int_eq(ca_store_meta_get(st, "k", &b), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	ck_assert_int_eq(ca_store_meta_put(st, "k", store_span("v")), BASE_OK);
	ck_assert_int_eq(ca_store_commit(st), BASE_OK);
	store_reopen();
	ck_assert_int_eq(ca_store_meta_get(st, "k", &b), BASE_OK);
	ck_assert_uint_eq(b.n, 1);
	base_buf_free(&b);
}
END_TEST

/* ---- audit ---------------------------------------------------------------- */

/* ---- files that are none of ours ---------------------------------------------- */

START_TEST(a_damaged_file_is_refused)
{
	int fd;

	ca_store_close(st);
	st = NULL;
	fd = open(store_path, O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "this is no database at all, is it?", 34),
	    34);
	close(fd);
	ck_assert_int_eq(ca_store_open(store_path, &st), BASE_E_INTEGRITY);
	ck_assert_ptr_null(st);
}
END_TEST

TCase *
case_store_sqlite(void)
{
	TCase *t = tcase_create("store_sqlite");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, file_is_private);
	tcase_add_test(t, what_is_not_committed_is_gone);
	tcase_add_test(t, a_damaged_file_is_refused);
	return t;
}
