/* The command `simulate`: what a roll that runs would do from now on. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

#define PACE(node, takes, away, failures)                                 \
	"{\"node\":\"" node "\",\"takes_ms\":" takes ",\"away_ms\":" away \
	",\"failures\":" failures "}"
#define SIMULATE(root, retry, pace)                                       \
	"{\"cmd\":\"simulate\",\"root\":\"" root "\",\"retry_ms\":" retry \
	",\"pace\":" pace "}"

static const json_t *
outlook(void)
{
	return json_object_get(asked.answer, "outlook");
}

static json_int_t
number(const char *key)
{
	return json_integer_value(json_object_get(outlook(), key));
}

static void
begin(void)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
}

START_TEST(nothing_rolls)
{
	asked_ok(SIMULATE("plant", "0", "[]"));
	ck_assert(json_is_null(outlook()));
}
END_TEST

START_TEST(at_the_paces_of_the_caller)
{
	begin();
	/* one whom nobody knows may have left since */
	asked_ok(SIMULATE("plant", "1000",
	    "[" PACE("app1", "100", "0", "1") "," PACE("web1", "50", "0",
		"0") "," PACE("ghost", "9", "0", "0") "]"));
	ck_assert(json_is_true(json_object_get(outlook(), "done")));
	/* three after each other, and one once more after a pause */
	ck_assert_int_eq(number("takes_ms"), 4 * 100 + 1000);
	asked_ok(SIMULATE("plant", "1000",
	    "[" PACE("app1", "100", "700", "0") "," PACE("web1", "50", "0",
		"0") "]"));
	ck_assert_int_gt(number("takes_ms"), 700);
	ck_assert_int_lt(number("takes_ms"), 1400);
	/* it was a copy that ran */
	ck_assert(!pol_engine_is_done(asked.w.ca.rolls->engine));
}
END_TEST

START_TEST(away_for_ever)
{
	begin();
	asked_ok(
	    SIMULATE("plant", "0", "[" PACE("app1", "100", "null", "0") "]"));
	ck_assert(json_is_false(json_object_get(outlook(), "done")));
	ck_assert(json_is_null(json_object_get(outlook(), "takes_ms")));
}
END_TEST

START_TEST(what_is_no_pace)
{
	static const char *const bad[] = {
		SIMULATE("plant", "0", "7"),
		SIMULATE("plant", "-1", "[]"),
		SIMULATE("plant", "0", "[" PACE("app1", "-1", "0", "0") "]"),
		SIMULATE("plant", "0", "[" PACE("app1", "1", "-1", "0") "]"),
		SIMULATE("plant", "0", "[" PACE("app1", "1", "\"x\"", "0") "]"),
		SIMULATE("plant", "0", "[" PACE("app1", "1", "0", "-1") "]"),
		SIMULATE("plant", "0",
		    "[" PACE("app1", "1", "0", "4294967296") "]"),
		SIMULATE("plant", "0", "[{\"node\":\"app1\"}]"),
	};

	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		asked_no(bad[i], "USAGE");
}
END_TEST

TCase *
case_control_look(void)
{
	TCase *t = tcase_create("control_look");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_pair, asked_close);
	tcase_add_test(t, nothing_rolls);
	tcase_add_test(t, at_the_paces_of_the_caller);
	tcase_add_test(t, away_for_ever);
	tcase_add_test(t, what_is_no_pace);
	return t;
}
