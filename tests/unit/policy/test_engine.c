/* Tests of the engine: facts in, orders and reasons out. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

static enum pol_err
fact(struct pol_engine *e, enum pol_fact_kind kind, uint32_t node,
    uint64_t epoch)
{
	struct pol_fact f = { .kind = kind,
		.node = node,
		.epoch = epoch,
		.steps = POL_TRUST,
		.from = 1,
		.to = 2 };

	return pol_engine_fact(e, &f);
}

START_TEST(test_a_roll_goes_through)
{
	struct fleet f;
	struct pol_engine *e;
	uint32_t done, all;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	pol_engine_progress(e, &done, &all);
	ck_assert_uint_eq(done, 0);
	ck_assert_uint_eq(all, 6);
	for (uint32_t step = T; step <= F; step <<= 1) {
		ck_assert_uint_eq(fleet_offer(e, NODE_C), step);
		ck_assert_uint_eq(fleet_offer(e, NODE_S), step);
		fleet_do(e, NODE_C, step);
		ck_assert(!pol_engine_is_done(e));
		fleet_do(e, NODE_S, step);
		ck_assert(pol_engine_is_safe(e, NODE_C, NODE_S));
		ck_assert(pol_engine_is_safe(e, NODE_S, NODE_C));
	}
	ck_assert(pol_engine_is_done(e));
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert_uint_eq(pol_engine_waits(e, NODE_C, NULL, 0), 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_only_effective_confirms)
{
	struct fleet f;
	struct pol_engine *e;
	uint64_t ec, es;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	ec = fleet_send(e, NODE_C, T);
	es = fleet_send(e, NODE_S, T);
	fleet_tell(e, POL_FACT_EFFECTIVE, NODE_S, es);
	fleet_tell(e, POL_FACT_RECEIVED, NODE_C, ec);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_RECEIVED);
	ck_assert_int_eq(pol_engine_step(e, NODE_S, T), POL_STEP_DONE);
	/* received is not effective: the server's cert still waits */
	ck_assert_uint_eq(fleet_offer(e, NODE_S), 0);
	ck_assert_int_eq(pol_engine_allowed(e, NODE_S, C, NULL), POL_E_UNSAFE);
	fleet_tell(e, POL_FACT_EFFECTIVE, NODE_C, ec);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_failures_count_hold_and_stop_the_group)
{
	struct fleet f;
	struct pol_engine *e;

	/* s1 with c1 and c2; s2 with c3 is another group. Nodes by name:
	 * c1 c2 c3 s1 s2 */
	fleet_make(&f, "c1>s1 c2>s1 c3>s2", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(fleet_offer(e, 0), T);
		fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, T));
	}
	ck_assert_int_eq(pol_engine_step(e, 0, T), POL_STEP_FAILED);
	ck_assert_uint_eq(fleet_offer(e, 0), 0);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	ck_assert_uint_eq(fleet_offer(e, 3), 0);
	ck_assert_str_eq(fleet_first_wait(e, 0).rule, "held");
	ck_assert_str_eq(fleet_first_wait(e, 3).rule, "stopped");
	ck_assert_uint_eq(fleet_first_wait(e, 3).peer, 0);
	ck_assert_uint_eq(fleet_offer(e, 2), T);
	/* everything still authenticates: before or after, both work */
	ck_assert(pol_engine_is_safe(e, 0, 3) && pol_engine_is_safe(e, 3, 0));
	fleet_tell(e, POL_FACT_FREED, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 0), T);
	ck_assert_uint_eq(fleet_offer(e, 3), T);
	/* a success in between starts the count anew */
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, T));
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, T));
	fleet_do(e, 0, T);
	fleet_do(e, 1, T);
	fleet_do(e, 3, T);
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, C));
	ck_assert_uint_eq(fleet_offer(e, 0), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_a_failed_order_is_before_or_after)
{
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_S, T);
	fleet_tell(e, POL_FACT_FAILED, NODE_C, fleet_send(e, NODE_C, T));
	ck_assert(!pol_engine_possible(e, NODE_C).is_sure);
	/* may have it or not: the server may not rely on it */
	ck_assert_int_eq(pol_engine_allowed(e, NODE_S, C, NULL), POL_E_UNSAFE);
	fleet_do(e, NODE_C, T);
	ck_assert(pol_engine_possible(e, NODE_C).is_sure);
	ck_assert_int_eq(pol_engine_allowed(e, NODE_S, C, NULL), POL_OK);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_hold_and_free)
{
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_tell(e, POL_FACT_HELD, NODE_C, 0);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), T);
	ck_assert_str_eq(fleet_first_wait(e, NODE_C).rule, "held");
	fleet_tell(e, POL_FACT_FREED, NODE_C, 0);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), T);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_excuse_and_return)
{
	struct fleet f;
	struct pol_engine *e;

	/* c1 c2 s: c2 is dead */
	fleet_make(&f, "c1>s c2>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, 0, T);
	fleet_do(e, 2, T);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	fleet_tell(e, POL_FACT_EXCUSED, 1, 0);
	ck_assert_uint_eq(fleet_offer(e, 2), C);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	fleet_do(e, 2, C);
	fleet_do(e, 0, C);
	fleet_do(e, 0, F);
	fleet_do(e, 2, F);
	ck_assert(pol_engine_is_done(e));
	/* back again: broken, and it heals by the ordinary steps */
	fleet_tell(e, POL_FACT_RETURNED, 1, 0);
	ck_assert(!pol_engine_is_done(e));
	ck_assert(!pol_engine_is_safe(e, 1, 2));
	ck_assert_uint_eq(fleet_offer(e, 1), T);
	fleet_do(e, 1, T);
	ck_assert(pol_engine_is_safe(e, 2, 1));
	ck_assert_uint_eq(fleet_offer(e, 1), C);
	fleet_do(e, 1, C);
	ck_assert(pol_engine_is_safe(e, 1, 2));
	fleet_do(e, 1, F);
	ck_assert(pol_engine_is_done(e));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* The store is an old copy: what is outstanding and what was known is gone,
 * and a doubt does not bring it back; what the node holds does. */
START_TEST(test_a_lost_node_is_unknown)
{
	struct pol_fact lost = { .kind = POL_FACT_LOST, .node = NODE_C };
	struct pol_fact doubt = { .kind = POL_FACT_DOUBTED,
		.node = NODE_C,
		.conf = { 3, 1, 0 } };
	struct pol_fact holds = { .kind = POL_FACT_HOLDS,
		.node = NODE_C,
		.epoch = 50,
		.conf = { 3, 1, 0 } };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_C, T);
	fleet_do(e, NODE_S, T);
	fleet_send(e, NODE_C, C);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), C);
	ck_assert_int_eq(pol_engine_fact(e, &lost), POL_OK);
	ck_assert_int_eq(pol_engine_fact(e, &doubt), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), 0);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert_str_eq(fleet_first_wait(e, NODE_C).rule, "known");
	ck_assert_int_eq(pol_engine_allowed(e, NODE_S, C, NULL), POL_E_UNSAFE);
	ck_assert_int_eq(pol_engine_fact(e, &holds), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), C);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* What was forgotten of it keeps nobody: neither the failures for which it was
 * on hold, nor that more chains were possible than were listed. The operator's
 * hold stays. */
START_TEST(test_a_lost_node_starts_anew)
{
	struct pol_fact doubt = { .kind = POL_FACT_DOUBTED, .node = NODE_C };
	struct pol_fact holds = { .kind = POL_FACT_HOLDS,
		.node = NODE_C,
		.epoch = 50,
		.conf = { 3, 1, 0 } };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_S, T);
	for (unsigned i = 0; i < 3; i++)
		fleet_tell(e, POL_FACT_FAILED, NODE_C,
		    fleet_send(e, NODE_C, T));
	for (unsigned i = 1; i < 6; i++) {
		doubt.conf = (struct pol_conf){ i, i, 0 };
		ck_assert_int_eq(pol_engine_fact(e, &doubt), POL_OK);
	}
	ck_assert_str_eq(fleet_first_wait(e, NODE_C).rule, "held");
	if (_i != 0)
		fleet_tell(e, POL_FACT_FREED, NODE_C, 0);
	if (_i == 2)
		fleet_tell(e, POL_FACT_HELD, NODE_C, 0);
	fleet_tell(e, POL_FACT_LOST, NODE_C, 0);
	ck_assert_int_eq(pol_engine_fact(e, &holds), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), _i == 2 ? 0 : C);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), C);
	ck_assert(pol_engine_fits(e, NODE_C, holds.conf));
	ck_assert(!pol_engine_fits(e, NODE_C, (struct pol_conf){ 9, 9, 0 }));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_epochs)
{
	struct pol_fact holds = { .kind = POL_FACT_HOLDS,
		.node = NODE_C,
		.conf = { 1, 1, 0 },
		.epoch = 3 };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	/* a report of an order that was never sent */
	ck_assert_int_eq(fact(e, POL_FACT_EFFECTIVE, NODE_C, 7), POL_E_STALE);
	ck_assert_int_eq(fact(e, POL_FACT_SENT, NODE_C, 5), POL_OK);
	ck_assert_int_eq(fact(e, POL_FACT_SENT, NODE_C, 5), POL_OK);
	ck_assert_int_eq(fact(e, POL_FACT_SENT, NODE_C, 4), POL_E_STALE);
	/* an inventory of before the order does not settle it */
	ck_assert_int_eq(pol_engine_fact(e, &holds), POL_OK);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_SENT);
	ck_assert_int_eq(fact(e, POL_FACT_EFFECTIVE, NODE_C, 4), POL_OK);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_SENT);
	ck_assert_int_eq(fact(e, POL_FACT_EFFECTIVE, NODE_C, 5), POL_OK);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_DONE);
	/* late copies and older inventories change nothing */
	ck_assert_int_eq(fact(e, POL_FACT_FAILED, NODE_C, 5), POL_OK);
	ck_assert_int_eq(pol_engine_fact(e, &holds), POL_E_STALE);
	ck_assert_int_eq(fact(e, POL_FACT_SENT, NODE_C, 5), POL_E_STALE);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_DONE);
	ck_assert_int_eq(fact(e, POL_FACT_SENT, NODE_C, 0), POL_E_RANGE);
	ck_assert_int_eq(fact(e, POL_FACT_SENT, 9, 9), POL_E_RANGE);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_issued_again_under_the_next_epoch)
{
	struct fleet f;
	struct pol_engine *e;
	uint64_t first, second;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	first = fleet_send(e, NODE_C, T);
	second = fleet_send(e, NODE_C, T);
	fleet_tell(e, POL_FACT_EFFECTIVE, NODE_C, first);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_SENT);
	fleet_tell(e, POL_FACT_EFFECTIVE, NODE_C, second);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_DONE);
	ck_assert(pol_engine_possible(e, NODE_C).is_sure);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* FIG. 49: the finish of s! is the last, whatever becomes of the others'. */
START_TEST(test_the_last_counts_those_before)
{
	struct pol_fact doubt = { .kind = POL_FACT_DOUBTED,
		.node = 0,
		.conf = { POL_GEN(1) | POL_GEN(2), POL_GEN(2), 0 } };
	struct fleet f;
	struct pol_engine *e;

	/* c1 c2 c3 s */
	fleet_make(&f, "c1>s c2>s c3>s", "s!");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	for (uint32_t step = T; step <= C; step <<= 1)
		for (uint32_t i = 0; i < 4; i++)
			fleet_do(e, i, step);
	fleet_do(e, 0, F);
	fleet_do(e, 1, F);
	ck_assert_uint_eq(fleet_offer(e, 3), 0);
	ck_assert_str_eq(fleet_first_wait(e, 3).rule, "last");
	ck_assert_uint_eq(fleet_first_wait(e, 3).peer, 2);
	fleet_tell(e, POL_FACT_EXCUSED, 2, 0);
	ck_assert_uint_eq(fleet_offer(e, 3), F);
	fleet_tell(e, POL_FACT_RETURNED, 2, 0);
	ck_assert_uint_eq(fleet_offer(e, 3), 0);
	fleet_do(e, 2, F);
	ck_assert_uint_eq(fleet_offer(e, 3), F);
	/* restored: it has its finish to do again */
	ck_assert_int_eq(pol_engine_fact(e, &doubt), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, 3), 0);
	ck_assert_uint_eq(fleet_first_wait(e, 3).peer, 0);
	fleet_do(e, 0, F);
	fleet_do(e, 3, F);
	ck_assert(pol_engine_is_done(e));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_at_most_so_many_are_answered)
{
	const struct pol_order *o;
	struct fleet f;
	struct pol_engine *e;
	size_t n;

	fleet_make(&f, "c1>s c2>s c3>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_send(e, 1, T);
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 2, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(o[0].node, 0);
	ck_assert_uint_eq(o[1].node, 2);
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 0, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 3);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Bundles that wait in a circle are split when nobody else is in the way; who is
 * excused is not, whatever he is. */
START_TEST(test_an_excused_node_keeps_no_group_at_rest)
{
	const struct pol_goal goal = { .from = 2,
		.to = 3,
		.limit = 1,
		.strategy = POL_BUNDLED };
	static const enum pol_fact_kind kinds[] = { POL_FACT_HELD,
		POL_FACT_LOST, POL_FACT_FAILED, POL_FACT_RECEIVED };
	const uint32_t c = 0, x = 2;
	struct pol_engine *e;
	struct fleet f;
	uint64_t epoch = 0;

	fleet_make(&f, "c>s c>x", "c");
	/* all still have generation 1 */
	e = fleet_engine_of(&f, &goal);
	if (_i >= 2)
		epoch = fleet_send(e, x, T);
	fleet_tell(e, kinds[_i], x, epoch);
	ck_assert_uint_eq(fleet_offer(e, c), 0);
	fleet_tell(e, POL_FACT_EXCUSED, x, 0);
	ck_assert_uint_eq(fleet_offer(e, c), T);
	if (_i == 2) {
		fleet_tell(e, POL_FACT_RETURNED, x, 0);
		ck_assert_uint_eq(fleet_offer(e, c), 0);
		ck_assert_str_eq(fleet_first_wait(e, c).rule, "stopped");
	}
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Two orders are out, the first without an answer: what an old report says is
 * no word on what the first has done since. */
START_TEST(test_an_old_report_says_nothing_of_later_orders)
{
	struct pol_fact f = { .kind = POL_FACT_SENT,
		.node = NODE_C,
		.epoch = 5,
		.steps = POL_TRUST,
		.from = 1,
		.to = 2 };
	const struct pol_fact holds = { .kind = POL_FACT_HOLDS,
		.node = NODE_C,
		.epoch = 4 + (uint64_t)_i,
		.conf = { 1, 1, 0 } };
	struct pol_engine *e;
	struct fleet c_s;

	fleet_make(&c_s, "c>s", "");
	e = fleet_engine(&c_s, 0, POL_MINIMAL);
	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
	f.epoch = 6;
	f.from = 2;
	f.to = 1;
	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
	ck_assert_int_eq(pol_engine_fact(e, &holds), POL_OK);
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ 3, 1, 0 }) ==
	    (_i == 0));
	ck_assert_uint_eq(pol_engine_epoch(e, NODE_C), _i < 2 ? 6 : 0);
	pol_engine_free(e);
	fleet_free(&c_s);
}
END_TEST

TCase *
case_engine(void)
{
	TCase *t = tcase_create("engine");

	tcase_add_test(t, test_a_roll_goes_through);
	tcase_add_test(t, test_only_effective_confirms);
	tcase_add_test(t, test_failures_count_hold_and_stop_the_group);
	tcase_add_test(t, test_a_failed_order_is_before_or_after);
	tcase_add_test(t, test_hold_and_free);
	tcase_add_test(t, test_excuse_and_return);
	tcase_add_test(t, test_a_lost_node_is_unknown);
	tcase_add_loop_test(t, test_a_lost_node_starts_anew, 0, 3);
	tcase_add_test(t, test_epochs);
	tcase_add_test(t, test_issued_again_under_the_next_epoch);
	tcase_add_test(t, test_the_last_counts_those_before);
	tcase_add_test(t, test_at_most_so_many_are_answered);
	tcase_add_loop_test(t, test_an_excused_node_keeps_no_group_at_rest, 0,
	    4);
	tcase_add_loop_test(t, test_an_old_report_says_nothing_of_later_orders,
	    0, 3);
	return t;
}
