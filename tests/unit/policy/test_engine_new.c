/* Tests of an engine that knows nothing yet. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

START_TEST(test_nothing_is_known_at_first)
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert_str_eq(fleet_first_wait(e, NODE_C).rule, "known");
	ck_assert(!pol_engine_is_safe(e, NODE_C, NODE_S));
	/* c known, s not: c may be given more, but nothing taken away */
	fleet_holds(e, NODE_C, (struct pol_conf){ 1, 1, 0 });
	ck_assert_uint_eq(fleet_offer(e, NODE_C), T);
	fleet_do(e, NODE_C, T);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert_str_eq(fleet_first_wait(e, NODE_C).rule, "present-trusted");
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_goal_must_make_sense)
{
	struct pol_goal goal = { .from = 1, .to = 1 };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_E_RANGE);
	goal.to = 65;
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_E_RANGE);
	goal.to = 2;
	ck_assert_int_eq(pol_engine_new(f.graph, 9, &goal, &e), POL_E_RANGE);
	ck_assert_ptr_null(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_engine_new(void)
{
	TCase *t = tcase_create("engine_new");

	tcase_add_test(t, test_nothing_is_known_at_first);
	tcase_add_test(t, test_goal_must_make_sense);
	return t;
}
