/* Tests of ca/cmd_audit.c: the chain in a file that no kedged has open. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ca/cli.h"
#include "ca/store.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

static char dir[64], path[96];

static void
setup(void)
{
	struct ca_store *st;

	strcpy(dir, "/tmp/kedge-audit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kedged.db", dir);
	ck_assert_int_eq(ca_store_open(path, &st), BASE_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ca_store_audit_add(st,
				     (struct base_time){ 1000 + i }, "me",
				     "test", "detail"),
		    BASE_OK);
	ca_store_close(st);
}

static void
teardown(void)
{
	char *cmd = base_asprintf("rm -r '%s'", dir);

	ck_assert_int_eq(system(cmd), 0);
	free(cmd);
}

static int
verify(const char *file, bool json)
{
	char line[256];

	snprintf(line, sizeof(line), "kedge audit verify --store %s%s", file,
	    json ? " --json" : "");
	return words_run(line);
}

static void
change(const char *text)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(a_whole_chain_is_found_whole)
{
	ck_assert_int_eq(verify(path, false), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(words_out, "3 records, unbroken"));
	ck_assert_int_eq(verify(path, true), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(words_out, "\"records\":3"));
}
END_TEST

START_TEST(a_broken_chain_exits_6_and_names_the_record)
{
	change("UPDATE audit SET detail = 'x' WHERE seq = 2");
	ck_assert_int_eq(verify(path, false), CLI_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(words_err, "record 2"));
	ck_assert_int_eq(verify(path, true), CLI_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(words_out, "record 2"));
}
END_TEST

START_TEST(a_log_that_a_crash_left_counts)
{
	char copy[128], *cmd;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db,
			     "PRAGMA journal_mode = WAL;"
			     "UPDATE audit SET detail = 'x' WHERE seq = 3",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	snprintf(copy, sizeof(copy), "%s/copy", dir);
	cmd = base_asprintf("cp %s %s && cp %s-wal %s-wal", path, copy, path,
	    copy);
	ck_assert_int_eq(system(cmd), 0);
	free(cmd);
	sqlite3_close(db);
	ck_assert_int_eq(verify(copy, false), CLI_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(words_err, "record 3"));
}
END_TEST

START_TEST(what_is_no_store_is_said)
{
	char other[128];
	int fd;

	snprintf(other, sizeof(other), "%s/none", dir);
	ck_assert_int_eq(verify(other, false), CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(words_err, "No such file"));
	ck_assert_int_ne(access(other, F_OK), 0);
	fd = open(other, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "no database, is it? no, none", 28), 28);
	close(fd);
	ck_assert_int_eq(verify(other, false), CLI_INTEGRITY);
	change("PRAGMA user_version = 0");
	ck_assert_int_eq(verify(path, false), CLI_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(words_err, "version 0"));
}
END_TEST

START_TEST(a_store_in_use_is_left_alone)
{
	struct ca_store *st;

	ck_assert_int_eq(ca_store_open(path, &st), BASE_OK);
	ck_assert_int_eq(verify(path, false), CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(words_err, "running kedged"));
	ca_store_close(st);
	ck_assert_int_eq(verify(path, false), CLI_DONE);
}
END_TEST

TCase *
case_cmd_audit(void)
{
	TCase *t = tcase_create("cmd_audit");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_whole_chain_is_found_whole);
	tcase_add_test(t, a_broken_chain_exits_6_and_names_the_record);
	tcase_add_test(t, a_log_that_a_crash_left_counts);
	tcase_add_test(t, what_is_no_store_is_said);
	tcase_add_test(t, a_store_in_use_is_left_alone);
	return t;
}
