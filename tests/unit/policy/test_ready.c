/* Tests of what may start now: windows, the operator's word, what is
 * presumed, how many at once. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
/* 5 January 2026, a Monday, 00:00 */
#define MONDAY INT64_C(1767571200000)

static size_t
ready_at(struct pol_engine *e, int64_t now)
{
	const struct pol_order *o;
	size_t n;

	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ now }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	return n;
}

START_TEST(test_orders_start_in_windows_only)
{
	struct pol_goal goal = { .from = 1, .to = 2, .nwindows = 1 };
	struct pol_engine *e;
	struct fleet f;
	uint64_t epoch;

	fleet_make(&f, "c>s", "");
	ck_assert_ptr_null(
	    pol_window_parse("Mon 22:00-23:00", &goal.windows[0]));
	e = fleet_engine_of(&f, &goal);
	ck_assert_uint_eq(ready_at(e, MONDAY), 0);
	ck_assert(!pol_engine_may_start(e, (struct pol_time){ MONDAY }, 0));
	ck_assert_str_eq(fleet_first_wait(e, 0).rule, "window");
	ck_assert_int_eq(fleet_first_wait(e, 0).until.ms, MONDAY + 22 * HOUR);
	ck_assert_uint_eq(ready_at(e, MONDAY + 22 * HOUR), 2);
	ck_assert(pol_engine_may_start(e,
	    (struct pol_time){ MONDAY + 22 * HOUR }, 0));
	/* what has started goes on after it; the rules do not know the hour */
	epoch = fleet_send(e, 0, T);
	ck_assert_uint_eq(ready_at(e, MONDAY + 23 * HOUR), 0);
	fleet_tell(e, POL_FACT_EFFECTIVE, 0, epoch);
	ck_assert_int_eq(pol_engine_step(e, 0, T), POL_STEP_DONE);
	ck_assert_int_eq(pol_engine_allowed(e, 1, T, NULL), POL_OK);
	pol_engine_free(e);
	goal.nwindows = POL_WINDOWS_MAX + 1;
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_E_RANGE);
	fleet_free(&f);
}
END_TEST

/* ---- who goes first ------------------------------------------------------------- */

/* ---- the operator's word ---------------------------------------------------------- */

START_TEST(test_each_order_needs_a_word)
{
	const struct pol_goal goal = { .from = 1, .to = 2, .step = true };
	const struct pol_order *o;
	struct pol_engine *e;
	struct fleet f;
	size_t n;

	fleet_make(&f, "c>s", "");
	e = fleet_engine_of(&f, &goal);
	ck_assert_uint_eq(ready_at(e, 0), 0);
	ck_assert_str_eq(fleet_first_wait(e, 0).rule, "step");
	ck_assert_int_eq(pol_engine_batch(e, (struct pol_time){ 0 }, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(o[0].node, 0);
	ck_assert_uint_eq(o[0].steps, T);
	fleet_tell(e, POL_FACT_STEP, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 0), T);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	/* good for one order: the next one, and a failed one again, need theirs */
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, T));
	ck_assert_uint_eq(fleet_offer(e, 0), 0);
	fleet_tell(e, POL_FACT_STEP, 0, 0);
	fleet_do(e, 0, T);
	fleet_tell(e, POL_FACT_STEP, 1, 0);
	fleet_do(e, 1, T);
	ck_assert_uint_eq(ready_at(e, 0), 0);
	/* the word never opens what the rules close */
	fleet_tell(e, POL_FACT_STEP, 0, 0);
	fleet_send(e, 1, C);
	ck_assert_int_eq(pol_engine_allowed(e, 0, F, NULL), POL_E_UNSAFE);
	ck_assert_uint_eq(fleet_offer(e, 0), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_a_batch_keeps_to_the_other_gates)
{
	const uint32_t first[] = { 1 };
	struct pol_goal goal = { .from = 1,
		.to = 2,
		.step = true,
		.max_in_flight = 1 };
	const struct pol_order *o;
	struct pol_engine *e;
	struct fleet f;
	size_t n;

	fleet_make(&f, "c>s", "");
	e = fleet_engine_of(&f, &goal);
	ck_assert_int_eq(pol_engine_batch(e, (struct pol_time){ 0 }, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 1);
	pol_engine_free(e);
	goal.max_in_flight = 0;
	goal.first = first;
	goal.nfirst = 1;
	e = fleet_engine_of(&f, &goal);
	ck_assert_int_eq(pol_engine_batch(e, (struct pol_time){ 0 }, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(o[0].node, 1);
	fleet_tell(e, POL_FACT_HELD, 1, 0);
	ck_assert_int_eq(pol_engine_batch(e, (struct pol_time){ 0 }, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* ---- presumed ------------------------------------------------------------------------ */

START_TEST(test_received_is_presumed_when_asked_for)
{
	struct pol_goal goal = { .from = 1, .to = 2, .limit = 9 };
	struct pol_engine *e;
	struct fleet f;
	uint64_t epoch;

	fleet_make(&f, "c>s", "");
	for (int presume = 0; presume < 2; presume++) {
		goal.presume = presume != 0;
		e = fleet_engine_of(&f, &goal);
		fleet_do(e, 1, T);
		epoch = fleet_send(e, 0, T);
		/* sent is nothing; received is something, but only then */
		ck_assert_uint_eq(fleet_offer(e, 1), 0);
		ck_assert(!pol_engine_is_presumed(e, 0));
		fleet_tell(e, POL_FACT_RECEIVED, 0, epoch);
		ck_assert_uint_eq(fleet_offer(e, 1), goal.presume ? C : 0);
		ck_assert(pol_engine_is_presumed(e, 0) == goal.presume);
		/* no finish rests on it, alone or in a bundle */
		ck_assert_int_eq(pol_engine_allowed(e, 1, F, NULL),
		    POL_E_UNSAFE);
		ck_assert_int_eq(pol_engine_allowed(e, 1, C | F, NULL),
		    POL_E_UNSAFE);
		fleet_tell(e, POL_FACT_EFFECTIVE, 0, epoch);
		ck_assert(!pol_engine_is_presumed(e, 0));
		ck_assert_uint_eq(fleet_offer(e, 1), C);
		pol_engine_free(e);
	}
	fleet_free(&f);
}
END_TEST

/* A dual client that verifies nobody here drops the old chain in the same
 * order: that takes something away for good. */
START_TEST(test_no_bundle_with_a_finish_rests_on_it)
{
	const struct pol_goal goal = { .from = 1, .to = 2, .presume = true };
	struct pol_engine *e;
	struct fleet f;
	uint64_t epoch;

	fleet_make(&f, "c>s:0/1", "c");
	e = fleet_engine_of(&f, &goal);
	epoch = fleet_send(e, 1, T);
	fleet_tell(e, POL_FACT_RECEIVED, 1, epoch);
	ck_assert(pol_engine_is_presumed(e, 1));
	ck_assert_int_eq(pol_engine_allowed(e, 0, C, NULL), POL_OK);
	ck_assert_int_eq(pol_engine_allowed(e, 0, C | F, NULL), POL_E_UNSAFE);
	fleet_tell(e, POL_FACT_EFFECTIVE, 1, epoch);
	ck_assert_int_eq(pol_engine_allowed(e, 0, C | F, NULL), POL_OK);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* What was risked is a link; it heals by the ordinary steps. A trust that
 * failed is not presumed again. */
START_TEST(test_a_presumed_trust_that_fails)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.limit = 9,
		.presume = true };
	struct pol_engine *e;
	struct fleet f;
	uint64_t epoch, cert;

	fleet_make(&f, "c>s", "");
	e = fleet_engine_of(&f, &goal);
	fleet_do(e, 1, T);
	epoch = fleet_send(e, 0, T);
	fleet_tell(e, POL_FACT_RECEIVED, 0, epoch);
	cert = fleet_send(e, 1, C);
	fleet_tell(e, POL_FACT_FAILED, 0, epoch);
	fleet_tell(e, POL_FACT_EFFECTIVE, 1, cert);
	ck_assert(!pol_engine_is_safe(e, 1, 0));
	ck_assert(pol_engine_is_safe(e, 0, 1));
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	ck_assert_uint_eq(fleet_offer(e, 0), T);
	epoch = fleet_send(e, 0, T);
	fleet_tell(e, POL_FACT_RECEIVED, 0, epoch);
	ck_assert(!pol_engine_is_presumed(e, 0));
	fleet_tell(e, POL_FACT_EFFECTIVE, 0, epoch);
	ck_assert(pol_engine_is_safe(e, 1, 0));
	fleet_do(e, 0, C);
	fleet_do(e, 0, F);
	fleet_do(e, 1, F);
	ck_assert(pol_engine_is_done(e));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* ---- looking ahead ------------------------------------------------------------------ */

START_TEST(test_outlook_knows_windows_and_first)
{
	const struct pol_pace pace[] = { { 10 * MINUTE, 0, 0 },
		{ 10 * MINUTE, 0, 0 } };
	const struct pol_look l = { .pace = pace,
		.epoch = 1000,
		.start = { MONDAY } };
	const uint32_t first[] = { 1 };
	struct pol_goal goal = { .from = 1,
		.to = 2,
		.step = true,
		.nwindows = 1,
		.first = first,
		.nfirst = 1 };
	struct pol_engine *e, *copy;
	struct pol_outlook o;
	struct fleet f;

	/* s, c, s, c, s, c of ten minutes each; five start in the hour, the
	 * last on the next Monday */
	fleet_make(&f, "c>s", "");
	ck_assert_ptr_null(
	    pol_window_parse("Mon 22:00-22:50", &goal.windows[0]));
	e = fleet_engine_of(&f, &goal);
	ck_assert_int_eq(pol_engine_copy(e, &copy), POL_OK);
	ck_assert_int_eq(pol_outlook_make(copy, &l, &o), POL_OK);
	ck_assert(o.is_done);
	ck_assert_uint_eq(o.n, 6);
	ck_assert_uint_eq(o.turns[0].node, 1);
	ck_assert_int_eq(o.turns[0].start_ms, 22 * HOUR);
	ck_assert_int_eq(o.turns[4].start_ms, 22 * HOUR + 40 * MINUTE);
	ck_assert_int_eq(o.turns[5].start_ms, 7 * DAY + 22 * HOUR);
	ck_assert_uint_eq(o.turns[5].after, 4);
	ck_assert_int_eq(o.turns[5].end_ms, 7 * DAY + 22 * HOUR + 10 * MINUTE);
	pol_outlook_clear(&o);
	pol_engine_free(copy);
	/* the original still waits for the word */
	ck_assert_uint_eq(ready_at(e, MONDAY + 22 * HOUR), 0);
	ck_assert_str_eq(fleet_first_wait(e, 1).rule, "step");
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* What is trusted no more does no more harm: where not all may be outstanding,
 * orders that forget go first. */
START_TEST(test_what_forgets_goes_first_when_asked_for)
{
	struct pol_goal goal = { .from = 1, .to = 2, .max_in_flight = 1 };
	const struct pol_order *o;
	struct pol_engine *e;
	struct fleet f;
	size_t n;

	fleet_make(&f, "a>b y>z", "");
	for (int forget = 0; forget < 2; forget++) {
		goal.forget_first = forget != 0;
		goal.max_in_flight = 0;
		e = fleet_engine_of(&f, &goal);
		for (uint32_t s = T; s <= C; s <<= 1) {
			fleet_do(e, 2, s);
			fleet_do(e, 3, s);
		}
		/* all of them, each once */
		ck_assert_uint_eq(ready_at(e, 0), 4);
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 1,
				     &o, &n),
		    POL_OK);
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(o[0].node, forget ? 2 : 0);
		ck_assert_uint_eq(o[0].steps, forget ? F : T);
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 3,
				     &o, &n),
		    POL_OK);
		ck_assert_uint_eq(n, 3);
		ck_assert_uint_eq(o[2].node, forget ? 0 : 2);
		pol_engine_free(e);
	}
	fleet_free(&f);
}
END_TEST

/* Of y and z neither has the new root, the others have it and their certificates:
 * all four could forget. */
static struct pol_engine *
all_but_forget(struct fleet *f, const struct pol_goal *goal)
{
	struct pol_engine *e = fleet_engine_of(f, goal);

	for (uint32_t s = T; s <= C; s <<= 1)
		for (uint32_t k = 0; k < 4; k++)
			fleet_do(e, k, s);
	return e;
}

/* So many that forget at once, and no fewer of the others for it; kept apart from
 * what else may be outstanding. */
START_TEST(test_few_finish_at_once)
{
	struct pol_goal goal = { .from = 1, .to = 2, .forget_first = true };
	const struct pol_order *o;
	struct pol_engine *e;
	struct fleet f;
	size_t n;

	fleet_make(&f, "a>b c>d y>z", "");
	for (int i = 0; i < 3; i++) {
		goal.max_finish = i == 1 ? 0 : i == 2 ? 2 : 1;
		e = all_but_forget(&f, &goal);
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 9,
				     &o, &n),
		    POL_OK);
		/* of the four that could; and trust of y and z */
		ck_assert_uint_eq(n, 2 + (i == 1 ? 4 : goal.max_finish));
		ck_assert_uint_eq(o[0].steps, F);
		ck_assert_uint_eq(o[n - 1].steps, T);
		ck_assert_uint_eq(o[n - 2].steps, T);
		pol_engine_free(e);
	}
	fleet_free(&f);
}
END_TEST

START_TEST(test_a_finish_counts_until_it_is_given_up)
{
	struct pol_goal goal = { .from = 1,
		.to = 2,
		.forget_first = true,
		.max_finish = 1 };
	struct pol_engine *e;
	struct pol_why why[4];
	struct fleet f;
	uint64_t epoch, later;

	fleet_make(&f, "a>b c>d y>z", "");
	e = all_but_forget(&f, &goal);
	epoch = fleet_send(e, 0, F);
	ck_assert_uint_eq(ready_at(e, 0), 2);
	ck_assert_uint_eq(pol_engine_waits(e, 1, why, 4), 1);
	ck_assert_str_eq(why[0].rule, "in-flight");
	ck_assert_uint_eq(why[0].peer, 0);
	ck_assert(pol_engine_may_start(e, (struct pol_time){ 0 }, 1));
	/* one that is given up counts no more, until it is heard of,
	 * or its next */
	pol_engine_overdue(e, 0, false);
	pol_engine_overdue(e, 1, true);
	ck_assert_uint_eq(ready_at(e, 0), 2);
	for (size_t k = 0; k < 4; k++) {
		pol_engine_overdue(e, 0, k % 2 == 0);
		ck_assert_uint_eq(ready_at(e, 0), 3 - k % 2);
	}
	pol_engine_overdue(e, 0, true);
	ck_assert_uint_eq(ready_at(e, 0), 3);
	/* nor is it what another waits for */
	later = fleet_send(e, 1, F);
	ck_assert_uint_eq(pol_engine_waits(e, 2, why, 4), 1);
	ck_assert_str_eq(why[0].rule, "in-flight");
	ck_assert_uint_eq(why[0].peer, 1);
	fleet_tell(e, POL_FACT_FAILED, 1, later);
	fleet_tell(e, POL_FACT_FAILED, 0, epoch);
	ck_assert_uint_eq(ready_at(e, 0), 3);
	epoch = fleet_send(e, 0, F);
	ck_assert_uint_eq(ready_at(e, 0), 2);
	fleet_tell(e, POL_FACT_EFFECTIVE, 0, epoch);
	ck_assert_uint_eq(ready_at(e, 0), 3);
	ck_assert_uint_eq(pol_engine_waits(e, 1, why, 4), 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* What the caller does not want just now keeps nobody from his turn, however
 * often; wanted again, it has its own. */
START_TEST(test_what_is_put_off_takes_nobodys_place)
{
	const struct pol_goal goal = { .from = 1, .to = 2, .max_in_flight = 1 };
	const struct pol_order *o;
	struct pol_engine *e, *copy;
	struct fleet f;
	size_t n;

	fleet_make(&f, "a>b y>z", "");
	e = fleet_engine_of(&f, &goal);
	for (uint32_t i = 0; i < 5; i++) {
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 9,
				     &o, &n),
		    POL_OK);
		ck_assert_uint_eq(n, i < 4);
		if (n == 1)
			ck_assert_uint_eq(o[0].node, i);
		ck_assert(i == 4 ||
		    pol_engine_may_start(e, (struct pol_time){ 0 }, i));
		pol_engine_put_off(e, i, true); /* 4: no such node */
	}
	/* a copy looks ahead, and knows nothing of it */
	ck_assert_int_eq(pol_engine_copy(e, &copy), POL_OK);
	ck_assert_uint_eq(ready_at(copy, 0), 1);
	pol_engine_free(copy);
	pol_engine_put_off(e, 2, false);
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 9, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(o[0].node, 2);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* The operator has given up a node whose order is out: it takes nobody's
 * place, of all orders or of those with a finish; back again, it does. */
START_TEST(test_who_is_excused_takes_nobodys_place)
{
	struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_why why[4];
	struct pol_engine *e;
	struct fleet f;

	/* a b y z */
	fleet_make(&f, "a>b y>z", "");
	goal.max_in_flight = _i == 0;
	goal.max_finish = _i == 1;
	goal.forget_first = _i == 1;
	e = fleet_engine_of(&f, &goal);
	for (uint32_t s = T; s <= C; s <<= 1)
		for (uint32_t i = 0; i < 4; i++)
			fleet_do(e, i, s);
	fleet_send(e, 0, F);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	fleet_tell(e, POL_FACT_EXCUSED, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 1), F);
	fleet_send(e, 1, F);
	/* full again: by the order of b alone */
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	ck_assert_uint_eq(pol_engine_waits(e, 2, why, 4), 1);
	ck_assert_str_eq(why[0].rule, "in-flight");
	ck_assert_uint_eq(why[0].peer, 1);
	fleet_tell(e, POL_FACT_EFFECTIVE, 1, pol_engine_epoch(e, 1));
	ck_assert_uint_eq(fleet_offer(e, 2), F);
	fleet_tell(e, POL_FACT_RETURNED, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	ck_assert_uint_eq(pol_engine_waits(e, 2, why, 4), 1);
	ck_assert_uint_eq(why[0].peer, 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* One order at a time: the next try of one that failed waits for its time,
 * which its caller alone knows, so the place is not kept for it. */
START_TEST(test_who_failed_takes_nobodys_place)
{
	struct pol_goal goal = { .from = 1, .to = 2 };
	const struct pol_order *o;
	struct pol_engine *e;
	struct fleet f;
	size_t n;

	fleet_make(&f, "a>b y>z", "");
	for (int i = 0; i < 4; i++) {
		goal.max_in_flight = (uint32_t)i / 2;
		goal.forget_first = i % 2 != 0;
		e = fleet_engine_of(&f, &goal);
		for (uint32_t s = T; s <= C; s <<= 1) {
			fleet_do(e, 0, s);
			fleet_do(e, 1, s);
		}
		for (int k = 0; k < 2; k++) {
			fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, F));
			fleet_tell(e, POL_FACT_FAILED, 2, fleet_send(e, 2, T));
		}
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 1,
				     &o, &n),
		    POL_OK);
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(o[0].node, goal.max_in_flight != 0 ? 1 : 0);
		fleet_do(e, 1, F);
		fleet_do(e, 3, T);
		/* nobody else is left: it gets its turn */
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 1,
				     &o, &n),
		    POL_OK);
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(o[0].node, 0);
		pol_engine_free(e);
	}
	fleet_free(&f);
}
END_TEST

/* ---- out of memory ---------------------------------------------------------------- */

static bool no_memory;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *
__wrap_realloc(void *p, size_t n)
{
	return no_memory ? NULL : __real_realloc(p, n);
}

/* No room for the note of a group whose bundles have come to rest: nobody's
 * orders are forgotten over it, nor the note. */
START_TEST(test_out_of_memory_forgets_nothing)
{
	const struct pol_goal goal = { .from = 2,
		.to = 3,
		.strategy = POL_BUNDLED };
	const struct pol_plan_note *notes;
	const struct pol_order *o;
	struct pol_engine *e;
	struct fleet f;
	size_t n;

	/* a generation behind (test_turns.c), but for y and z */
	fleet_make(&f, "a>b y>z", "a y");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	for (uint32_t i = 0; i < 4; i++)
		fleet_holds(e, i, (struct pol_conf){ i / 2 + 1, i / 2 + 1, 0 });
	for (int i = 0; i < 2; i++) {
		no_memory = true;
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 9,
				     &o, &n),
		    POL_E_NOMEM);
		no_memory = false;
		ck_assert_uint_eq(n, 0);
		ck_assert_uint_eq(pol_engine_notes(e, &notes), 0);
	}
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, 9, &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(o[0].node, 0);
	ck_assert_uint_eq(o[0].steps, T);
	ck_assert_uint_eq(o[1].node, 1);
	ck_assert_uint_eq(o[1].steps, T);
	ck_assert_uint_eq(o[2].node, 2);
	ck_assert_uint_eq(o[2].steps, T | C);
	ck_assert_uint_eq(pol_engine_notes(e, &notes), 2);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_ready(void)
{
	TCase *t = tcase_create("ready");

	tcase_add_test(t, test_orders_start_in_windows_only);
	tcase_add_test(t, test_each_order_needs_a_word);
	tcase_add_test(t, test_a_batch_keeps_to_the_other_gates);
	tcase_add_test(t, test_received_is_presumed_when_asked_for);
	tcase_add_test(t, test_no_bundle_with_a_finish_rests_on_it);
	tcase_add_test(t, test_a_presumed_trust_that_fails);
	tcase_add_test(t, test_what_forgets_goes_first_when_asked_for);
	tcase_add_test(t, test_few_finish_at_once);
	tcase_add_test(t, test_a_finish_counts_until_it_is_given_up);
	tcase_add_test(t, test_what_is_put_off_takes_nobodys_place);
	tcase_add_test(t, test_who_failed_takes_nobodys_place);
	tcase_add_test(t, test_out_of_memory_forgets_nothing);
	tcase_add_loop_test(t, test_who_is_excused_takes_nobodys_place, 0, 2);
	tcase_add_test(t, test_outlook_knows_windows_and_first);
	return t;
}
