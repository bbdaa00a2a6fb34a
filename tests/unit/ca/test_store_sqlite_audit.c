/* The audit chain in the store: it goes on, and tampering is found. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static void
audit_three(void)
{
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ca_store_audit_add(st,
				     (struct base_time){ 1000 + i }, "me",
				     "test", "detail"),
		    BASE_OK);
}

static void
audit_is(enum base_err want, const char *word)
{
	uint64_t n;
	uint8_t head[32];

	ck_assert_int_eq(ca_store_audit_verify(st, &n, head), want);
	if (word != NULL)
		ck_assert_ptr_nonnull(strstr(base_why(), word));
}

START_TEST(audit_holds_and_goes_on)
{
	audit_is(BASE_OK, NULL);
	audit_three();
	audit_is(BASE_OK, NULL);
	store_reopen();
	audit_three();
	audit_is(BASE_OK, NULL);
	ck_assert_int_eq(ca_store_check(st), BASE_OK);
}
END_TEST

/* What is rolled back is no part of the chain, nor is what failed. */
START_TEST(audit_goes_on_after_a_rollback)
{
	audit_three();
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	audit_three();
	ca_store_rollback(st);
	audit_three();
	audit_is(BASE_OK, NULL);
	store_sql("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN"
		  " SELECT RAISE(ROLLBACK, 'full'); END");
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	ck_assert_int_ne(ca_store_audit_add(st, (struct base_time){ 1 }, "w",
			     "w", "w"),
	    BASE_OK);
	ca_store_rollback(st);
	store_sql("DROP TRIGGER no");
	audit_three();
	audit_is(BASE_OK, NULL);
}
END_TEST

static const struct {
	const char *sql, *word;
} tampering[] = {
	{ "UPDATE audit SET detail = 'x' WHERE seq = 2", "record 2" },
	{ "UPDATE audit SET at = at + 1 WHERE seq = 1", "record 1" },
	{ "UPDATE audit SET who = 'you' WHERE seq = 3", "record 3" },
	{ "DELETE FROM audit WHERE seq = 2", "record 2" },
	{ "DELETE FROM audit WHERE seq = 3", "not the last" },
	{ "DELETE FROM audit", "not the last" },
	{ "UPDATE audit SET hash = x'00' WHERE seq = 2", "bytes" },
};

START_TEST(audit_tampering_is_found)
{
	audit_three();
	store_sql(tampering[_i].sql);
	audit_is(BASE_E_INTEGRITY, tampering[_i].word);
	ck_assert_int_eq(ca_store_check(st), BASE_E_INTEGRITY);
}
END_TEST

TCase *
case_store_sqlite_audit(void)
{
	TCase *t = tcase_create("store_sqlite_audit");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, audit_holds_and_goes_on);
	tcase_add_test(t, audit_goes_on_after_a_rollback);
	tcase_add_loop_test(t, audit_tampering_is_found, 0,
	    (int)(sizeof(tampering) / sizeof(*tampering)));
	return t;
}
