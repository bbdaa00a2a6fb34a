/* The next epoch: above what was given, and above what a node has taken. */
#include <check.h>
#include <string.h>

#include "ca/recover.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static struct ca ca;

static void
setup(void)
{
	store_setup();
	ca.store = st;
}

static uint64_t
next(const char *root)
{
	uint64_t n;

	ck_assert_int_eq(ca_epoch_next(&ca, "web1", root, &n), BASE_OK);
	return n;
}

static void
give(uint64_t epoch)
{
	struct ca_order o = { .node = "web1",
		.root = "plant",
		.epoch = epoch,
		.state = CA_ORDER_SENT };

	ck_assert_int_eq(base_buf_put(&o.cms, "x", 1), BASE_OK);
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	ca_order_clear(&o);
}

START_TEST(above_all_given)
{
	ck_assert_uint_eq(next("plant"), 1);
	give(1);
	give(7);
	ck_assert_uint_eq(next("plant"), 8);
	ck_assert_uint_eq(next("lab"), 1);
}
END_TEST

/* What a node says it has taken counts, unless it is beyond any order of
 * ours: a node refuses a jump of more than 1000. */
START_TEST(above_what_was_taken)
{
	give(7);
	ck_assert_int_eq(ca_epoch_seen(&ca, "web1", "plant", 7), BASE_OK);
	ck_assert_uint_eq(next("plant"), 8);
	ck_assert_int_eq(ca_epoch_seen(&ca, "web1", "plant", 20), BASE_OK);
	store_reopen();
	ca.store = st;
	ck_assert_uint_eq(next("plant"), 21);
	ck_assert_int_eq(ca_epoch_seen(&ca, "web1", "plant", 1021),
	    BASE_E_REFUSED);
	ck_assert_uint_eq(next("plant"), 21);
	ck_assert_int_eq(ca_epoch_seen(&ca, "web1", "plant", 1020), BASE_OK);
	ck_assert_uint_eq(next("plant"), 1021);
	/* a lower word takes nothing back */
	ck_assert_int_eq(ca_epoch_seen(&ca, "web1", "plant", 3), BASE_OK);
	ck_assert_uint_eq(next("plant"), 1021);
}
END_TEST

/* kedge-hsmd's word has no such bound: it signed them. */
START_TEST(above_what_was_signed)
{
	ck_assert_int_eq(ca_epoch_floor(&ca, "web1", "plant", 5000), BASE_OK);
	ck_assert_uint_eq(next("plant"), 5001);
	ck_assert_int_eq(ca_epoch_floor(&ca, "web1", "plant", 4000), BASE_OK);
	ck_assert_uint_eq(next("plant"), 5001);
}
END_TEST

TCase *
case_epoch(void)
{
	TCase *t = tcase_create("epoch");

	tcase_add_checked_fixture(t, setup, store_teardown);
	tcase_add_test(t, above_all_given);
	tcase_add_test(t, above_what_was_taken);
	tcase_add_test(t, above_what_was_signed);
	return t;
}
