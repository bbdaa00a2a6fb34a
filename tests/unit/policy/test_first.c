/* Tests of those who go first: what they hold back, and what they let by. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

START_TEST(test_the_first_go_first)
{
	const uint32_t first[] = { 0 };
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.first = first,
		.nfirst = 1 };
	struct pol_engine *e;
	struct fleet f;

	/* c1 c2 s1 s2: c2>s2 is a group of its own, and waits as well */
	fleet_make(&f, "c1>s1 c2>s2", "");
	e = fleet_engine_of(&f, &goal);
	for (uint32_t step = T; step <= F; step <<= 1) {
		/* nobody of the rest before c1, all of them after */
		ck_assert_uint_eq(fleet_offer(e, 0), step);
		for (uint32_t i = 1; i < 4; i++) {
			ck_assert_uint_eq(fleet_offer(e, i), 0);
			ck_assert_str_eq(fleet_first_wait(e, i).rule, "first");
			ck_assert_uint_eq(fleet_first_wait(e, i).peer, 0);
			ck_assert_uint_eq(fleet_first_wait(e, i).peer_steps,
			    step);
		}
		fleet_do(e, 0, step);
		for (uint32_t i = 1; i < 4; i++) {
			ck_assert_uint_eq(fleet_offer(e, i), step);
			fleet_do(e, i, step);
		}
	}
	ck_assert(pol_engine_is_done(e));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_after_a_failure_of_the_first_nothing_starts)
{
	const uint32_t first[] = { 0, 1 };
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.limit = 2,
		.first = first,
		.nfirst = 2 };
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c1>s1 c2>s2", "");
	e = fleet_engine_of(&f, &goal);
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, T));
	/* it is tried again; even the other of the first waits */
	ck_assert_uint_eq(fleet_offer(e, 0), T);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	ck_assert_str_eq(fleet_first_wait(e, 1).rule, "first-failed");
	ck_assert_uint_eq(fleet_first_wait(e, 1).peer, 0);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	ck_assert_str_eq(fleet_first_wait(e, 2).rule, "first-failed");
	/* held after the second; freed, it is tried, and that alone is not
	 * enough: it has to work */
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, T));
	ck_assert_uint_eq(fleet_offer(e, 0), 0);
	ck_assert_str_eq(fleet_first_wait(e, 0).rule, "held");
	fleet_tell(e, POL_FACT_FREED, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 0), T);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	fleet_do(e, 0, T);
	ck_assert_uint_eq(fleet_offer(e, 1), T);
	fleet_do(e, 1, T);
	ck_assert_uint_eq(fleet_offer(e, 2), T);
	/* a failure of the rest stops none but its own group, at the limit */
	fleet_tell(e, POL_FACT_FAILED, 2, fleet_send(e, 2, T));
	ck_assert_uint_eq(fleet_offer(e, 3), T);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_an_excused_one_is_not_waited_for)
{
	const uint32_t first[] = { 0 };
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.first = first,
		.nfirst = 1 };
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c1>s c2>s", "");
	e = fleet_engine_of(&f, &goal);
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, T));
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	fleet_tell(e, POL_FACT_EXCUSED, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 1), T);
	fleet_tell(e, POL_FACT_RETURNED, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	/* on hold it is waited for: nobody may begin in its place */
	fleet_tell(e, POL_FACT_HELD, 0, 0);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Layers: a server is last with its certificate, so those it waits for are let
 * through, and nobody else; the notes say so. */
START_TEST(test_who_must_go_before_the_first_is_let_through)
{
	const uint32_t first[] = { 2 };
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = POL_LAYERED,
		.first = first,
		.nfirst = 1 };
	const struct pol_plan_note *notes;
	struct pol_engine *e;
	struct fleet f;

	/* c1 c2 s1 s2 */
	fleet_make(&f, "c1>s1 c2>s2", "");
	e = fleet_engine_of(&f, &goal);
	ck_assert_uint_eq(fleet_offer(e, 0), 0);
	for (uint32_t i = 4; i-- > 0;)
		fleet_do(e, i, T);
	ck_assert_uint_eq(pol_engine_notes(e, &notes), 0);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	ck_assert_str_eq(fleet_first_wait(e, 1).rule, "first");
	ck_assert_uint_eq(fleet_offer(e, 0), C);
	ck_assert_uint_eq(pol_engine_notes(e, &notes), 1);
	ck_assert_uint_eq(notes[0].node, 0);
	ck_assert_uint_eq(notes[0].peer, 2);
	ck_assert_ptr_nonnull(strstr(notes[0].text, "before its turn"));
	fleet_do(e, 0, C);
	ck_assert_uint_eq(fleet_offer(e, 2), C);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	fleet_do(e, 2, C);
	ck_assert_uint_eq(fleet_offer(e, 1), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_first_must_be_nodes)
{
	const uint32_t first[] = { 9 };
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.first = first,
		.nfirst = 1 };
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_E_RANGE);
	fleet_free(&f);
}
END_TEST

/* The next try of one that failed can wait for others: these alone go. */
START_TEST(test_what_a_failed_one_waits_for_goes)
{
	const uint32_t first[] = { 0, 1 };
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.first = first,
		.nfirst = 2 };
	const struct pol_fact doubt = { .kind = POL_FACT_DOUBTED,
		.node = 3,
		.conf = { 1, 1, 0 } };
	struct pol_engine *e;
	struct fleet f;

	/* c1 c2 c3 s1 s2 */
	fleet_make(&f, "c1>s1 c2>s2 c3>s2", "");
	e = fleet_engine_of(&f, &goal);
	for (uint32_t i = 0; i < 5; i++)
		fleet_do(e, i, T);
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, C));
	ck_assert_uint_eq(fleet_offer(e, 0), C);
	/* s1 comes back from an old snapshot */
	ck_assert_int_eq(pol_engine_fact(e, &doubt), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, 0), 0);
	ck_assert_uint_eq(fleet_offer(e, 3), T);
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	fleet_do(e, 3, T);
	ck_assert_uint_eq(fleet_offer(e, 0), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* a, with trust done and cert+finish to do, waits for x's certificate, and
 * that for y's trust. x may forget the old root, which nobody waits for: y is
 * let through all the same. */
START_TEST(test_an_offer_that_nobody_wants_is_no_move)
{
	static const struct pol_conf holds[] = { { 3, 1, 0 }, { 3, 0, 0 },
		{ 3, 1, 0 }, { 1, 1, 0 }, { 3, 2, 0 } };
	const uint32_t first[] = { 0 }, x = 2, y = 3, z = 4;
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = POL_COMPACT,
		.first = first,
		.nfirst = 1 };
	struct pol_engine *e;
	struct fleet f;

	/* a shows to z, z to x, x to a and y, y to w */
	fleet_make(&f, "a>x:server z>a:server x>z:server y>x:server w>y:server",
	    "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	for (uint32_t i = 0; i < f.n; i++)
		fleet_holds(e, i, holds[i]);
	ck_assert_uint_eq(fleet_offer(e, 0), 0);
	ck_assert_uint_eq(fleet_offer(e, y), T | C);
	/* x's finish is nobody's business before a's */
	ck_assert_uint_eq(fleet_offer(e, x), 0);
	fleet_do(e, y, T | C);
	ck_assert_uint_eq(fleet_offer(e, x), C);
	fleet_do(e, x, C);
	ck_assert_uint_eq(fleet_offer(e, 0), C | F);
	ck_assert_uint_eq(fleet_offer(e, x), 0);
	ck_assert_uint_eq(fleet_offer(e, z), 0);
	fleet_do(e, 0, C | F);
	ck_assert_uint_eq(fleet_offer(e, x), F);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_first(void)
{
	TCase *t = tcase_create("first");

	tcase_add_test(t, test_the_first_go_first);
	tcase_add_test(t, test_after_a_failure_of_the_first_nothing_starts);
	tcase_add_test(t, test_an_excused_one_is_not_waited_for);
	tcase_add_test(t, test_who_must_go_before_the_first_is_let_through);
	tcase_add_test(t, test_first_must_be_nodes);
	tcase_add_test(t, test_what_a_failed_one_waits_for_goes);
	tcase_add_test(t, test_an_offer_that_nobody_wants_is_no_move);
	return t;
}
