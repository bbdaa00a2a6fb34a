/* Links in the store, and those taken away. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(links_need_their_ends)
{
	struct ca_link l = { "app1", "web1", "", "plant" }, *list;
	struct ca_link bad = { "app1", "nosuch", "", "plant" };
	struct ca_link self = { "app1", "app1", "", "plant" };
	size_t n;

	store_fleet();
	ck_assert_int_eq(ca_store_link_put(st, &l), BASE_OK);
	ck_assert_int_eq(ca_store_link_put(st, &bad), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_link_put(st, &self), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_links(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(list[0].client_root, "");
	free(list);
	ck_assert_int_eq(ca_store_link_delete(st, "app1", "web1"), BASE_OK);
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_OK);
}
END_TEST

static bool
is_said(const struct ca_link *l)
{
	bool is;

	ck_assert_int_eq(ca_store_gone_said(st, l, &is), BASE_OK);
	return is;
}

static bool
is_gone(const struct ca_link *l)
{
	bool is;

	ck_assert_int_eq(ca_store_gone_has(st, l, &is), BASE_OK);
	return is;
}

/* Taken away while its root rolls: remembered until no root of it does. */
START_TEST(taken_away_in_a_roll)
{
	struct ca_link l = { "app1", "web1", "", "plant" }, *list;
	struct ca_link other = { "app1", "web1", "plant", "plant" };
	struct ca_roll_row roll = { .root = "plant",
		.from = 1,
		.to = 2,
		.state = CA_ROLL_PAUSED };
	size_t n;

	store_fleet();
	ck_assert_int_eq(ca_store_roll_add(st, &roll), BASE_OK);
	ck_assert_int_eq(ca_store_gone_put(st, &l, true), BASE_OK);
	ck_assert_int_eq(ca_store_gone_put(st, &l, true), BASE_OK);
	ck_assert(is_gone(&l) && !is_gone(&other));
	ck_assert_int_eq(ca_store_gone_clear(st), BASE_OK);
	store_reopen();
	ck_assert_int_eq(ca_store_gone(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(list[0].server, "web1");
	ck_assert_str_eq(list[0].client_root, "");
	free(list);
	/* with other roots it is another link; put again itself, it is back */
	ck_assert_int_eq(ca_store_link_put(st, &other), BASE_OK);
	ck_assert(is_gone(&l));
	ck_assert_int_eq(ca_store_link_put(st, &l), BASE_OK);
	ck_assert(!is_gone(&l));
	ck_assert_int_eq(ca_store_gone_put(st, &other, true), BASE_OK);
	ck_assert_int_eq(ca_store_roll_state(st, roll.id, CA_ROLL_DONE,
			     (struct base_time){ 9 }),
	    BASE_OK);
	ck_assert_int_eq(ca_store_gone_clear(st), BASE_OK);
	ck_assert(!is_gone(&other));
}
END_TEST

/* Taken away in peace: until kedge-hsmd has heard it, whatever rolls; and it
 * is told as what is not there, not as the operator's word. */
START_TEST(taken_away_in_peace)
{
	struct ca_link l = { "app1", "web1", "", "plant" }, *list;
	struct ca_roll_row roll = { .root = "plant",
		.from = 1,
		.to = 2,
		.state = CA_ROLL_PAUSED };
	size_t n;

	store_fleet();
	ck_assert_int_eq(ca_store_roll_add(st, &roll), BASE_OK);
	ck_assert_int_eq(ca_store_gone_put(st, &l, false), BASE_OK);
	store_reopen();
	ck_assert(is_gone(&l) && !is_said(&l));
	ck_assert_int_eq(ca_store_gone(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 0);
	free(list);
	ck_assert_int_eq(ca_store_gone_clear(st), BASE_OK);
	ck_assert(!is_gone(&l));
	/* the word stays, whatever comes after */
	ck_assert_int_eq(ca_store_gone_put(st, &l, true), BASE_OK);
	ck_assert_int_eq(ca_store_gone_put(st, &l, false), BASE_OK);
	ck_assert(is_gone(&l) && is_said(&l));
	ck_assert_int_eq(ca_store_gone_clear(st), BASE_OK);
	ck_assert(is_said(&l));
}
END_TEST

TCase *
case_store_sqlite_link(void)
{
	TCase *t = tcase_create("store_sqlite_link");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, links_need_their_ends);
	tcase_add_test(t, taken_away_in_a_roll);
	tcase_add_test(t, taken_away_in_peace);
	return t;
}
