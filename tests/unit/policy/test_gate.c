/* Tests of the gates, and of why one is shut. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

START_TEST(test_doubt_blocks_what_rests_on_it)
{
	struct pol_fact doubt = { .kind = POL_FACT_DOUBTED,
		.node = NODE_C,
		.conf = { 1, 1, 0 } };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_C, T);
	fleet_do(e, NODE_S, T);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), C);
	/* c comes back from an old snapshot */
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ 3, 1, 0 }));
	ck_assert(!pol_engine_fits(e, NODE_C, doubt.conf));
	ck_assert(!pol_engine_fits(e, NODE_C, (struct pol_conf){ 3, 1, 2 }));
	ck_assert_int_eq(pol_engine_fact(e, &doubt), POL_OK);
	ck_assert(pol_engine_fits(e, NODE_C, doubt.conf));
	ck_assert_uint_eq(fleet_offer(e, NODE_S), 0);
	ck_assert_int_eq(pol_engine_step(e, NODE_C, T), POL_STEP_WAITING);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), T);
	fleet_do(e, NODE_C, T);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), C);
	/* an order that is out: before and after fit */
	fleet_send(e, NODE_C, C);
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ 3, 1, 0 }));
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ 3, 2, 0 }));
	ck_assert(!pol_engine_fits(e, NODE_C, (struct pol_conf){ 1, 1, 0 }));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_one_order_at_a_time_and_in_flight)
{
	const struct pol_goal goal = { .from = 1, .to = 2, .max_in_flight = 2 };
	const struct pol_order *o;
	struct fleet f;
	struct pol_engine *e;
	size_t n;

	fleet_make(&f, "c1>s c2>s c3>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	for (uint32_t i = 0; i < f.n; i++)
		fleet_holds(e, i, (struct pol_conf){ 1, 1, 0 });
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(o[0].node, 0);
	ck_assert_uint_eq(o[1].node, 1);
	fleet_send(e, 0, T);
	ck_assert_int_eq(pol_engine_allowed(e, 0, T, NULL), POL_E_UNSAFE);
	ck_assert_uint_eq(fleet_offer(e, 0), 0);
	ck_assert_uint_eq(fleet_offer(e, 1), T);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	ck_assert_str_eq(fleet_first_wait(e, 0).rule, "one-order");
	fleet_send(e, 1, T);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	ck_assert_str_eq(fleet_first_wait(e, 2).rule, "in-flight");
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_why_names_the_direction)
{
	struct pol_why w;
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_S, T);
	fleet_send(e, NODE_C, T);
	ck_assert_int_eq(pol_engine_allowed(e, NODE_S, C, &w), POL_E_UNSAFE);
	ck_assert_str_eq(w.rule, "present-trusted");
	ck_assert_uint_eq(w.node, NODE_S);
	ck_assert_uint_eq(w.peer, NODE_C);
	ck_assert_uint_eq(w.peer_steps, T);
	ck_assert_uint_eq(w.link_client, NODE_C);
	ck_assert_uint_eq(w.link_server, NODE_S);
	ck_assert(w.presenter_waits && w.outstanding);
	ck_assert_int_eq(pol_engine_allowed(e, NODE_S, F, &w), POL_E_UNSAFE);
	ck_assert_str_eq(w.rule, "forget-unused");
	ck_assert_uint_eq(w.peer_steps, C);
	ck_assert(!w.presenter_waits);
	ck_assert_int_eq(pol_engine_allowed(e, NODE_S, 8, &w), POL_E_RANGE);
	ck_assert_int_eq(pol_engine_allowed(e, 7, T, &w), POL_E_RANGE);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Who is named is looked for once, and again when something happened. */
START_TEST(test_reasons_follow_what_happens)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = POL_LAYERED,
		.limit = 1 };
	struct pol_engine *e;
	struct fleet f;

	/* c1 c2 s */
	fleet_make(&f, "c1>s c2>s", "");
	e = fleet_engine_of(&f, &goal);
	fleet_do(e, 0, POL_TRUST);
	fleet_do(e, 1, POL_TRUST);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(fleet_first_wait(e, 1).rule, "layer");
		ck_assert_uint_eq(fleet_first_wait(e, 1).peer, 2);
	}
	fleet_holds(e, 0, (struct pol_conf){ 1, 1, 0 });
	ck_assert_uint_eq(fleet_first_wait(e, 1).peer, 0);
	fleet_do(e, 0, POL_TRUST);
	fleet_do(e, 2, POL_TRUST);
	fleet_tell(e, POL_FACT_FAILED, 0, fleet_send(e, 0, POL_CERT));
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(fleet_first_wait(e, 1).rule, "stopped");
		ck_assert_uint_eq(fleet_first_wait(e, 1).peer, 0);
	}
	fleet_tell(e, POL_FACT_FAILED, 2, fleet_send(e, 2, POL_TRUST));
	fleet_tell(e, POL_FACT_FREED, 0, 0);
	ck_assert_str_eq(fleet_first_wait(e, 1).rule, "stopped");
	ck_assert_uint_eq(fleet_first_wait(e, 1).peer, 2);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_gate(void)
{
	TCase *t = tcase_create("gate");

	tcase_add_test(t, test_doubt_blocks_what_rests_on_it);
	tcase_add_test(t, test_one_order_at_a_time_and_in_flight);
	tcase_add_test(t, test_reasons_follow_what_happens);
	tcase_add_test(t, test_why_names_the_direction);
	return t;
}
