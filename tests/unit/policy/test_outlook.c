/* Tests of policy/outlook.c: what the engine would do in given time. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

static struct pol_outlook
look(struct pol_engine *e, const struct pol_pace *pace, int64_t retry_ms)
{
	const struct pol_look l = { pace, retry_ms, 1000, { 0 } };
	struct pol_outlook o;

	ck_assert_int_eq(pol_outlook_make(e, &l, &o), POL_OK);
	return o;
}

/* Each turn starts when the one it names ends, or at the beginning. */
static void
turns_are_sound(const struct pol_outlook *o)
{
	for (uint32_t i = 0; i < o->n; i++) {
		const struct pol_turn *t = &o->turns[i];
		ck_assert(i == 0 || o->turns[i - 1].start_ms <= t->start_ms);
		if (t->after == POL_NONE) {
			ck_assert_int_eq(t->start_ms, 0);
			continue;
		}
		ck_assert_uint_lt(t->after, i);
		ck_assert_int_le(o->turns[t->after].end_ms, t->start_ms);
	}
}

START_TEST(test_minimal_takes_three_times_the_slower)
{
	const struct pol_pace pace[] = { { 10, 0, 0 }, { 3, 0, 0 } };
	struct pol_outlook o;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	o = look(e, pace, 0);
	turns_are_sound(&o);
	ck_assert(o.is_done);
	ck_assert_uint_eq(o.n, 6);
	/* c is busy with one order after the other; s would be done at 23 */
	ck_assert_int_eq(o.turns[o.last].end_ms, 30);
	ck_assert_uint_eq(o.turns[o.last].node, NODE_C);
	for (uint32_t i = 0; i < o.n; i++)
		if (o.turns[i].node == NODE_S && o.turns[i].steps == POL_FINISH)
			ck_assert_int_eq(o.turns[i].end_ms, 23);
	pol_outlook_clear(&o);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_failures_cost_tries)
{
	const struct pol_pace pace[] = { { 10, 0, 2 }, { 10, 0, 0 } };
	struct pol_outlook o;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	o = look(e, pace, 5);
	turns_are_sound(&o);
	ck_assert(o.is_done);
	ck_assert_uint_eq(o.n, 8);
	ck_assert_int_eq(o.turns[o.last].end_ms, 30 + 2 * 15);
	ck_assert(o.turns[0].failed);
	ck_assert_uint_eq(o.turns[2].after, 0);
	pol_outlook_clear(&o);
	pol_engine_free(e);

	/* the third in a row holds the node and stops the group */
	e = fleet_engine(&f, 0, POL_MINIMAL);
	o = look(e, (const struct pol_pace[]){ { 10, 0, 3 }, { 10, 0, 0 } }, 5);
	turns_are_sound(&o);
	ck_assert(!o.is_done);
	ck_assert_uint_eq(o.n, 4);
	ck_assert_int_eq(o.turns[o.last].end_ms, 40);
	pol_outlook_clear(&o);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_who_is_away_is_waited_for)
{
	struct pol_pace pace[] = { { 10, 100, 0 }, { 10, 0, 0 } };
	struct pol_outlook o;
	struct pol_engine *e;
	struct pol_why why[3];
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	o = look(e, pace, 0);
	ck_assert(o.is_done);
	ck_assert_int_eq(o.turns[o.last].end_ms, 130);
	pol_outlook_clear(&o);
	pol_engine_free(e);

	/* and for ever when it never comes; the engine says on whom */
	pace[NODE_C].away_ms = POL_NEVER;
	e = fleet_engine(&f, 0, POL_MINIMAL);
	o = look(e, pace, 0);
	ck_assert(!o.is_done);
	ck_assert_uint_eq(o.n, 2);
	ck_assert_int_eq(o.turns[0].end_ms, POL_NEVER);
	ck_assert_uint_gt(pol_engine_waits(e, NODE_S, why, 3), 0);
	ck_assert_uint_eq(why[0].peer, NODE_C);
	pol_outlook_clear(&o);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_goes_on_from_what_is)
{
	const struct pol_pace pace[] = { { 10, 0, 0 }, { 10, 0, 0 } };
	struct pol_outlook o;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_C, POL_TRUST);
	fleet_send(e, NODE_S, POL_TRUST);
	o = look(e, pace, 0);
	ck_assert(o.is_done);
	ck_assert_uint_eq(o.n, 5);
	ck_assert_uint_eq(o.turns[0].node, NODE_S);
	ck_assert_uint_eq(o.turns[0].after, POL_NONE);
	ck_assert_int_eq(o.turns[o.last].end_ms, 30);
	pol_outlook_clear(&o);
	/* at the end there is nothing to look ahead for */
	o = look(e, pace, 0);
	ck_assert(o.is_done);
	ck_assert_uint_eq(o.n, 0);
	ck_assert_uint_eq(o.last, POL_NONE);
	pol_outlook_clear(&o);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_a_copy_goes_its_own_way)
{
	const struct pol_pace pace[] = { { 10, 0, 0 }, { 10, 0, 0 } };
	struct pol_engine *e, *copy;
	struct pol_outlook o;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_C, POL_TRUST);
	(void)fleet_send(e, NODE_S, POL_TRUST);
	ck_assert_int_eq(pol_engine_copy(e, &copy), POL_OK);
	o = look(copy, pace, 0);
	ck_assert(o.is_done && pol_engine_is_done(copy));
	ck_assert_uint_eq(o.n, 5);
	ck_assert_int_eq(pol_engine_step(e, NODE_S, POL_TRUST), POL_STEP_SENT);
	ck_assert(!pol_engine_is_done(e));
	pol_outlook_clear(&o);
	pol_engine_free(copy);
	/* what is ready is ready in the copy, too */
	fleet_tell(e, POL_FACT_EFFECTIVE, NODE_S, 2);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), POL_CERT);
	ck_assert_int_eq(pol_engine_copy(e, &copy), POL_OK);
	ck_assert_uint_eq(fleet_offer(copy, NODE_S), POL_CERT);
	ck_assert_uint_eq(fleet_offer(copy, NODE_C), POL_CERT);
	pol_engine_free(copy);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_every_strategy_gives_the_plans_orders)
{
	struct pol_pace pace[FLEET_MAX];
	struct pol_outlook o;
	struct pol_engine *e;
	struct pol_plan *p;
	struct fleet f;

	fleet_make(&f, "c1>s1 c2>s1 c3>s1 c3>s2 c4>s2 s1>s2", "c1 c3");
	for (uint32_t i = 0; i < FLEET_MAX; i++)
		pace[i] = (struct pol_pace){ 10, 0, 0 };
	for (unsigned s = 0; s < POL_STRATEGIES; s++) {
		ck_assert_int_eq(pol_plan_make(f.graph, 0, (enum pol_strategy)s,
				     &p),
		    POL_OK);
		e = fleet_engine(&f, 0, (enum pol_strategy)s);
		o = look(e, pace, 0);
		turns_are_sound(&o);
		ck_assert(o.is_done);
		ck_assert_uint_eq(o.n, pol_plan_count(p));
		ck_assert_int_eq(o.turns[o.last].end_ms,
		    10 * (int64_t)pol_plan_rounds(p));
		pol_outlook_clear(&o);
		pol_engine_free(e);
		pol_plan_free(p);
	}
	fleet_free(&f);
}
END_TEST

START_TEST(test_bound_on_orders_in_flight)
{
	const struct pol_pace pace[] = { { 10, 0, 1 }, { 10, 0, 0 } };
	const struct pol_goal goal = { .from = 1, .to = 2, .max_in_flight = 1 };
	struct pol_outlook o;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_C, (struct pol_conf){ 1, 1, 0 });
	fleet_holds(e, NODE_S, (struct pol_conf){ 1, 1, 0 });
	o = look(e, pace, 0);
	turns_are_sound(&o);
	ck_assert(o.is_done);
	ck_assert_int_eq(o.turns[o.last].end_ms, 70);
	pol_outlook_clear(&o);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Nobody reports an inventory in an outlook: nodes go on being heard of. */
START_TEST(test_nobody_grows_old_while_others_are_waited_for)
{
	const struct pol_goal goal = { .from = 1, .to = 2, .fresh_ms = 1000 };
	const struct pol_pace pace[] = { { 6000, 300000, 0 }, { 6000, 0, 0 } };
	struct pol_engine *e, *copy;
	struct pol_outlook o;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_C, (struct pol_conf){ 1, 1, 0 });
	fleet_holds(e, NODE_S, (struct pol_conf){ 1, 1, 0 });
	ck_assert_int_eq(pol_engine_copy(e, &copy), POL_OK);
	o = look(copy, pace, 0);
	turns_are_sound(&o);
	ck_assert(o.is_done);
	ck_assert_int_eq(o.turns[o.last].end_ms, 318000);
	pol_outlook_clear(&o);
	pol_engine_free(copy);
	/* the roll itself does wait for an inventory */
	fleet_do(e, NODE_C, POL_TRUST);
	fleet_do(e, NODE_S, POL_TRUST);
	ck_assert(!pol_engine_may_start(e, (struct pol_time){ 5000 }, NODE_S));
	ck_assert(pol_engine_may_start(e, (struct pol_time){ 500 }, NODE_S));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Who is away keeps the only place of an order with a finish for a minute from
 * when it got it, and not for ever. */
START_TEST(test_who_is_away_lets_others_finish)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.forget_first = true,
		.max_finish = 1 };
	struct pol_pace pace[3] = { { 1000, POL_NEVER, 0 }, { 1000, 0, 0 },
		{ 1000, 0, 0 } };
	const struct pol_look l = { .pace = pace,
		.epoch = 100,
		.start = { 20000 } };
	struct pol_engine *e;
	struct pol_outlook o;
	struct fleet f;

	/* c d s */
	fleet_make(&f, "c>s:server d>s:server", "");
	e = fleet_engine_of(&f, &goal);
	fleet_do(e, 0, T);
	fleet_do(e, 1, T);
	fleet_do(e, 2, C);
	if (_i == 1)
		(void)fleet_send(e, 0, F);
	ck_assert_int_eq(pol_outlook_make(e, &l, &o), POL_OK);
	ck_assert(!o.is_done);
	ck_assert_uint_eq(o.n, 2);
	ck_assert_uint_eq(o.turns[0].node, 0);
	ck_assert_int_eq(o.turns[0].end_ms, POL_NEVER);
	ck_assert_uint_eq(o.turns[1].node, 1);
	ck_assert_uint_eq(o.turns[1].after, POL_NONE);
	ck_assert_int_eq(o.turns[1].start_ms,
	    POL_OVERDUE_MS - (_i == 1 ? l.start.ms : 0));
	ck_assert_uint_eq(o.last, 1);
	pol_outlook_clear(&o);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_outlook(void)
{
	TCase *t = tcase_create("outlook");

	tcase_add_test(t, test_minimal_takes_three_times_the_slower);
	tcase_add_test(t, test_failures_cost_tries);
	tcase_add_test(t, test_who_is_away_is_waited_for);
	tcase_add_test(t, test_goes_on_from_what_is);
	tcase_add_test(t, test_a_copy_goes_its_own_way);
	tcase_add_test(t, test_every_strategy_gives_the_plans_orders);
	tcase_add_test(t, test_bound_on_orders_in_flight);
	tcase_add_test(t, test_nobody_grows_old_while_others_are_waited_for);
	tcase_add_loop_test(t, test_who_is_away_lets_others_finish, 0, 2);
	return t;
}
