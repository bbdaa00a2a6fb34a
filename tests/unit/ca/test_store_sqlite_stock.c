/* What each node said last of what it holds. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(the_last_one_is_kept)
{
	struct base_buf der;
	uint64_t number;

	base_buf_init(&der, 0);
	store_fleet();
	ck_assert_int_eq(ca_store_stock_get(st, "app1", &number, &der),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_stock_put(st, "app1", 7, store_span("old")),
	    BASE_OK);
	ck_assert_int_eq(ca_store_stock_put(st, "app1", INT64_MAX,
			     store_span("newer")),
	    BASE_OK);
	store_reopen();
	ck_assert_int_eq(ca_store_stock_get(st, "app1", &number, &der),
	    BASE_OK);
	ck_assert_uint_eq(number, INT64_MAX);
	ck_assert_uint_eq(der.n, 5);
	ck_assert_mem_eq(der.p, "newer", 5);
	ck_assert_int_eq(ca_store_stock_get(st, "web1", &number, &der),
	    BASE_E_NOTFOUND);
	/* it goes with its node, and comes with none that is not there */
	ck_assert_int_eq(ca_store_node_delete(st, "app1"), BASE_OK);
	ck_assert_int_eq(ca_store_stock_get(st, "app1", &number, &der),
	    BASE_E_NOTFOUND);
	ck_assert_int_ne(ca_store_stock_put(st, "app1", 1, store_span("x")),
	    BASE_OK);
	base_buf_free(&der);
}
END_TEST

TCase *
case_store_sqlite_stock(void)
{
	TCase *t = tcase_create("store_sqlite_stock");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, the_last_one_is_kept);
	return t;
}
