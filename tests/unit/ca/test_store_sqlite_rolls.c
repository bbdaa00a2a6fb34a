/* Rolls in the store: one at a time of a root, and what became of them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(a_root_rolls_once_at_a_time)
{
	struct ca_roll_row a = { .root = "plant",
		.from = 1,
		.to = 2,
		.first = "app1 web1",
		.windows = "22:00-04:00 UTC",
		.step = true,
		.deadline = { 77 },
		.cut = "app1",
		.say_again = true,
		.state = CA_ROLL_RUNNING,
		.started = { 7 } },
			   b = a;
	struct ca_roll_row *list;
	size_t n;

	ck_assert_int_eq(ca_store_roll_add(st, &a), BASE_OK);
	ck_assert_uint_eq(a.id, 1);
	ck_assert_int_eq(ca_store_roll_add(st, &b), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_roll_state(st, 1, CA_ROLL_DONE,
			     (struct base_time){ 9 }),
	    BASE_OK);
	ck_assert_int_eq(ca_store_roll_state(st, 5, CA_ROLL_DONE,
			     (struct base_time){ 9 }),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_roll_add(st, &b), BASE_OK);
	store_reopen();
	ck_assert_int_eq(ca_store_rolls(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(list[0].state, CA_ROLL_DONE);
	ck_assert_int_eq(list[0].ended.ms, 9);
	ck_assert_str_eq(list[0].first, "app1 web1");
	ck_assert_str_eq(list[0].windows, "22:00-04:00 UTC");
	ck_assert(list[0].step && list[1].step);
	ck_assert_int_eq(ca_store_roll_stepping(st, 1, false), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_roll_stepping(st, 2, false), BASE_OK);
	free(list);
	ck_assert_int_eq(ca_store_rolls(st, &list, &n), BASE_OK);
	ck_assert(list[0].step && !list[1].step);
	ck_assert_int_eq(list[1].deadline.ms, 77);
	ck_assert_str_eq(list[1].cut, "app1");
	ck_assert(list[1].say_again);
	free(list);
	b.deadline.ms = 88;
	b.kicks = 3;
	b.say_again = false;
	strcpy(b.cut, "web1");
	ck_assert_int_eq(ca_store_roll_deadline(st, &a), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_roll_deadline(st, &b), BASE_OK);
	ck_assert_int_eq(ca_store_rolls(st, &list, &n), BASE_OK);
	ck_assert_int_eq(list[0].deadline.ms, 77);
	ck_assert_int_eq(list[1].deadline.ms, 88);
	ck_assert_str_eq(list[1].cut, "web1");
	ck_assert_uint_eq(list[0].kicks, 0);
	ck_assert_uint_eq(list[1].kicks, 3);
	ck_assert(list[0].say_again && !list[1].say_again);
	free(list);
}
END_TEST

static void
put_fact(enum pol_fact_kind kind, uint32_t steps, int64_t at)
{
	struct ca_fact f = { .root = "plant",
		.node = "a",
		.roll = 3,
		.kind = kind,
		.steps = steps,
		.at = { at } };

	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
}

/* From the first order of a step to the last effective report; what tidies up
 * is none. */
START_TEST(a_roll_has_a_begin_and_an_end)
{
	struct ca_roll_sum sum;

	ck_assert_int_eq(ca_store_roll_sum(st, 3, &sum), BASE_OK);
	ck_assert_int_eq(sum.first_order.ms, 0);
	put_fact(POL_FACT_SENT, WIRE_STEP_TIDY, 1);
	put_fact(POL_FACT_SENT, POL_TRUST, 5);
	put_fact(POL_FACT_SENT, POL_CERT, 7);
	ck_assert_int_eq(ca_store_roll_sum(st, 3, &sum), BASE_OK);
	ck_assert_int_eq(sum.first_order.ms, 5);
	ck_assert_int_eq(sum.last_report.ms, 0);
	put_fact(POL_FACT_EFFECTIVE, POL_TRUST, 11);
	put_fact(POL_FACT_EFFECTIVE, POL_CERT, 13);
	put_fact(POL_FACT_RECEIVED, POL_FINISH, 14);
	put_fact(POL_FACT_EFFECTIVE, WIRE_STEP_TIDY, 15);
	ck_assert_int_eq(ca_store_roll_sum(st, 3, &sum), BASE_OK);
	ck_assert_int_eq(sum.last_report.ms, 13);
	ck_assert_int_eq(ca_store_roll_sum(st, 4, &sum), BASE_OK);
	ck_assert_int_eq(sum.last_report.ms, 0);
}
END_TEST

static void
join_name(void *arg, const char *name)
{
	strcat(arg, name);
}

START_TEST(who_was_proven_by_reload)
{
	struct ca_order o = { .root = "plant",
		.roll = 3,
		.epoch = 4,
		.steps = POL_TRUST,
		.state = CA_ORDER_EFFECTIVE };
	char names[CA_NAME] = "";

	ck_assert_int_eq(base_buf_put(&o.cms, "cms", 3), BASE_OK);
	for (char c = 'a'; c <= 'e'; c++) {
		o.node[0] = c;
		o.proof = c == 'b' ? WIRE_PROOF_PROBE : WIRE_PROOF_RELOAD;
		o.steps = c == 'c' ? WIRE_STEP_TIDY : POL_TRUST;
		o.roll = c == 'd' ? 2 : 3;
		ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	}
	o.epoch = 5;
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	ck_assert_int_eq(ca_store_roll_reloads(st, 3, join_name, names),
	    BASE_OK);
	ck_assert_str_eq(names, "ae");
	ca_order_clear(&o);
}
END_TEST

static uint32_t
is_compromised(uint32_t above)
{
	uint32_t is;

	ck_assert_int_eq(ca_store_root_compromised(st, "plant", above, &is),
	    BASE_OK);
	return is;
}

START_TEST(turned_and_in_wrong_hands)
{
	struct ca_roll_row a = { .root = "plant",
		.from = 1,
		.to = 2,
		.state = CA_ROLL_RUNNING },
			   *list;
	size_t n;

	ck_assert_int_eq(ca_store_roll_add(st, &a), BASE_OK);
	ck_assert(!is_compromised(1));
	ck_assert_int_eq(ca_store_roll_compromised(st, a.id), BASE_OK);
	ck_assert_uint_eq(is_compromised(1), 1);
	ck_assert_uint_eq(is_compromised(2), 0);
	ck_assert_int_eq(ca_store_roll_compromised(st, a.id + 1),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_roll_turn(st, a.id, 2, 1), BASE_OK);
	ck_assert_int_eq(ca_store_roll_turn(st, a.id + 1, 2, 1),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_rolls(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(list[0].from, 2);
	ck_assert_uint_eq(list[0].to, 1);
	ck_assert(list[0].compromised);
	free(list);
}
END_TEST

static uint32_t
since(uint32_t above)
{
	uint32_t out;

	ck_assert_int_eq(ca_store_root_compromised(st, "plant", above, &out),
	    BASE_OK);
	return out;
}

static bool
left(uint32_t generation)
{
	bool out;

	ck_assert_int_eq(ca_store_root_stolen(st, "plant", generation, &out),
	    BASE_OK);
	return out;
}

/* What kedge-hsmd has said counts as a roll does. */
START_TEST(stolen_without_a_roll)
{
	struct ca_gen g = { .root = "plant", .gen = 2 };

	store_fleet();
	ck_assert_int_eq(ca_store_gen_put(st, &g), BASE_OK);
	ck_assert(!left(1) && !since(0));
	ck_assert_int_eq(ca_store_gen_stolen(st, "plant", 7), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_gen_stolen(st, "other", 2), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_gen_stolen(st, "plant", 2), BASE_OK);
	store_reopen();
	ck_assert(left(1) && left(2) && !left(3));
	ck_assert(since(0) == 2 && since(2) == 2 && since(3) == 0);
	ck_assert_int_eq(ca_store_gen_get(st, "plant", 2, &g), BASE_OK);
	ck_assert(g.stolen);
	ca_gen_clear(&g);
}
END_TEST

TCase *
case_store_sqlite_rolls(void)
{
	TCase *t = tcase_create("store_sqlite_rolls");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, stolen_without_a_roll);
	tcase_add_test(t, a_root_rolls_once_at_a_time);
	tcase_add_test(t, a_roll_has_a_begin_and_an_end);
	tcase_add_test(t, who_was_proven_by_reload);
	tcase_add_test(t, turned_and_in_wrong_hands);
	return t;
}
