/* Tests of the engine from any state to any goal: abort, on again, nodes
 * that are generations behind, several roots. */
#include <stdlib.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

/* Gives whatever is ready, at most n orders; returns how many were given. */
static int
give(struct pol_engine *e, const struct pol_goal *goal, uint64_t *epoch, int n)
{
	const struct pol_order *o;
	struct pol_order first;
	size_t ready;
	int given = 0;

	for (; given < n; given++) {
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 },
				     SIZE_MAX, &o, &ready),
		    POL_OK);
		if (ready == 0)
			break;
		first = o[0];
		struct pol_fact f = { .kind = POL_FACT_SENT,
			.node = first.node,
			.steps = first.steps,
			.epoch = ++*epoch,
			.from = goal->from,
			.to = goal->to };
		ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
		f.kind = POL_FACT_EFFECTIVE;
		ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
	}
	return given;
}

static void
all_safe(const struct pol_engine *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < n; j++)
			ck_assert(pol_engine_is_safe(e, i, j));
}

/* Confirmed configurations of one engine become the start of another. */
static struct pol_engine *
turn(const struct fleet *f, const struct pol_engine *was,
    const struct pol_goal *goal, uint64_t epoch)
{
	struct pol_engine *e;

	ck_assert_int_eq(pol_engine_new(f->graph, 0, goal, &e), POL_OK);
	for (uint32_t i = 0; i < f->n; i++) {
		struct pol_fact h = { .kind = POL_FACT_HOLDS,
			.node = i,
			.epoch = epoch,
			.conf = pol_engine_possible(was, i).before };
		ck_assert_int_eq(pol_engine_fact(e, &h), POL_OK);
	}
	return e;
}

static const char *const walks[][2] = {
	{ "c>s", "" },
	{ "c>s", "c" },
	{ "c1>s1 c2>s1 c3>s1 c3>s2 c4>s2:server", "c1 c3" },
	{ "x>y y>z z>x", "x" },
};

START_TEST(test_abort_and_on_again_from_every_point)
{
	const struct pol_goal there = { .from = 1,
		.to = 2,
		.strategy = (enum pol_strategy)_i };
	const struct pol_goal back = { .from = 2,
		.to = 1,
		.strategy = (enum pol_strategy)_i };
	struct pol_engine *e, *b, *again;
	uint64_t epoch;
	struct fleet f;

	for (size_t w = 0; w < sizeof(walks) / sizeof(walks[0]); w++) {
		fleet_make(&f, walks[w][0], walks[w][1]);
		for (int point = 0; point < 3 * FLEET_MAX; point++) {
			epoch = 0;
			e = fleet_engine(&f, 0, there.strategy);
			bool end = give(e, &there, &epoch, point) < point;
			b = turn(&f, e, &back, epoch);
			(void)give(b, &back, &epoch, point / 2);
			all_safe(b, f.n);
			again = turn(&f, b, &there, epoch);
			(void)give(again, &there, &epoch, 99);
			ck_assert(pol_engine_is_done(again));
			(void)give(b, &back, &epoch, 99);
			ck_assert(pol_engine_is_done(b));
			all_safe(b, f.n);
			pol_engine_free(again);
			pol_engine_free(b);
			pol_engine_free(e);
			if (end)
				break;
		}
		fleet_free(&f);
	}
}
END_TEST

START_TEST(test_generations_behind)
{
	const struct pol_goal goal = { .from = 2, .to = 3 };
	struct fleet f;
	struct pol_engine *e;
	uint64_t epoch = 0;

	/* c1 was away for a whole roll; broken with s, and s goes on */
	fleet_make(&f, "c1>s c2>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, 0, (struct pol_conf){ 1, 1, 0 });
	fleet_holds(e, 1, (struct pol_conf){ 2, 2, 0 });
	fleet_holds(e, 2, (struct pol_conf){ 2, 2, 0 });
	ck_assert(!pol_engine_is_safe(e, 0, 2));
	(void)give(e, &goal, &epoch, 99);
	ck_assert(pol_engine_is_done(e));
	all_safe(e, f.n);
	ck_assert_uint_eq(pol_engine_possible(e, 0).before.trust, POL_GEN(3));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_bundles_split_when_the_state_needs_it)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = POL_BUNDLED };
	struct fleet f;
	const struct pol_goal behind = { .from = 2,
		.to = 3,
		.strategy = POL_BUNDLED };
	const struct pol_plan_note *notes;
	struct pol_engine *e;
	uint64_t epoch = 0;

	/* trust is everywhere: what is left of each bundle goes in one order */
	fleet_make(&f, "c>s", "c");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_C, (struct pol_conf){ 3, 1, 0 });
	fleet_holds(e, NODE_S, (struct pol_conf){ 3, 1, 0 });
	(void)give(e, &goal, &epoch, 99);
	ck_assert(pol_engine_is_done(e));
	all_safe(e, f.n);
	ck_assert_uint_eq(pol_engine_notes(e, &notes), 0);
	pol_engine_free(e);
	/* both are a generation behind: a bridge to the one that they skipped
	 * helps nobody, and each bundle would wait for the other */
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &behind, &e), POL_OK);
	fleet_holds(e, NODE_C, (struct pol_conf){ 1, 1, 0 });
	fleet_holds(e, NODE_S, (struct pol_conf){ 1, 1, 0 });
	(void)give(e, &behind, &epoch, 99);
	ck_assert(pol_engine_is_done(e));
	all_safe(e, f.n);
	ck_assert_uint_eq(pol_engine_notes(e, &notes), 2);
	ck_assert_uint_eq(notes[0].node, NODE_C);
	ck_assert_uint_eq(notes[0].peer, NODE_S);
	ck_assert_uint_eq(notes[1].node, NODE_S);
	ck_assert_uint_eq(notes[1].peer, NODE_C);
	pol_engine_free(e);
	/* from "all old" nothing splits */
	e = fleet_engine(&f, 0, POL_BUNDLED);
	(void)give(e, &goal, &epoch, 99);
	ck_assert(pol_engine_is_done(e));
	ck_assert_uint_eq(pol_engine_notes(e, &notes), 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_two_roots_side_by_side)
{
	struct fleet f;
	struct pol_engine *a, *b;
	struct pol_engine *both[2];
	uint64_t epoch = 0;
	const struct pol_goal goal = { .from = 1, .to = 2 };

	/* FIG. 54: S and C may roll at once */
	fleet_make(&f, "c>s:0/1", "");
	a = fleet_engine(&f, 0, POL_MINIMAL);
	b = fleet_engine(&f, 1, POL_MINIMAL);
	both[0] = a;
	both[1] = b;
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(give(both[i % 2], &goal, &epoch, 1), 1);
	ck_assert(pol_engine_is_done(a) && pol_engine_is_done(b));
	pol_engine_free(a);
	pol_engine_free(b);
	fleet_free(&f);
}
END_TEST

/* Both ends of the log are one roll: what was sent forward stays possible
 * after the turn, and is outranked. */
START_TEST(test_an_abort_outranks_what_is_under_way)
{
	const struct pol_goal back = { .from = 2, .to = 1 };
	struct pol_fact facts[] = {
		{ .kind = POL_FACT_HOLDS, .node = NODE_C, .conf = { 3, 1, 0 } },
		{ .kind = POL_FACT_HOLDS, .node = NODE_S, .conf = { 3, 1, 0 } },
		{ .kind = POL_FACT_SENT,
		    .node = NODE_S,
		    .epoch = 7,
		    .steps = POL_CERT,
		    .from = 1,
		    .to = 2 },
		{ .kind = POL_FACT_SENT,
		    .node = NODE_S,
		    .epoch = 8,
		    .steps = POL_CERT,
		    .from = 2,
		    .to = 1 },
		{ .kind = POL_FACT_EFFECTIVE, .node = NODE_S, .epoch = 7 },
		{ .kind = POL_FACT_EFFECTIVE, .node = NODE_S, .epoch = 8 },
	};
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &back, &e), POL_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pol_engine_fact(e, &facts[i]), POL_OK);
	/* s may show 2: c keeps it, s is told to show 1 again */
	ck_assert_int_eq(pol_engine_step(e, NODE_S, POL_CERT),
	    POL_STEP_WAITING);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), POL_CERT);
	ck_assert_int_eq(pol_engine_fact(e, &facts[3]), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), 0);
	/* the outranked order's late report says nothing any more */
	ck_assert_int_eq(pol_engine_fact(e, &facts[4]), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert(
	    pol_engine_may_hold(e, NODE_S, 8, (struct pol_conf){ 3, 1, 0 }));
	ck_assert(
	    !pol_engine_may_hold(e, NODE_S, 8, (struct pol_conf){ 3, 2, 0 }));
	ck_assert(
	    !pol_engine_may_hold(e, NODE_S, 7, (struct pol_conf){ 3, 1, 0 }));
	ck_assert_int_eq(pol_engine_fact(e, &facts[5]), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), POL_FINISH);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), POL_FINISH);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* c may have the new root by an order that is outranked now, and s shows a
 * certificate under it: what may work is not taken away. */
START_TEST(test_what_an_outranked_order_may_have_done_counts)
{
	const struct pol_goal back = { .from = 2, .to = 1 };
	struct pol_fact sent = { .kind = POL_FACT_SENT,
		.node = NODE_C,
		.epoch = 7,
		.steps = POL_TRUST,
		.from = 1,
		.to = 2 };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &back, &e), POL_OK);
	fleet_holds(e, NODE_C, (struct pol_conf){ 1, 1, 0 });
	fleet_holds(e, NODE_S, (struct pol_conf){ 3, 2, 0 });
	ck_assert_int_eq(pol_engine_fact(e, &sent), POL_OK);
	ck_assert_uint_eq(fleet_offer(e, NODE_C), 0);
	ck_assert_uint_eq(fleet_offer(e, NODE_S), POL_CERT);
	fleet_holds(e, NODE_S, (struct pol_conf){ 3, 1, 0 });
	ck_assert_uint_eq(fleet_offer(e, NODE_C), POL_FINISH);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

struct log {
	struct pol_fact fact[256];
	uint32_t n, rng;
	uint64_t epoch;
};

/* One of those that are ready; answered well, badly, or not at all. */
static bool
one_order(const struct fleet *f, struct pol_engine *e,
    const struct pol_goal *goal, struct log *l)
{
	struct pol_fact s = { .kind = POL_FACT_SENT,
		.from = goal->from,
		.to = goal->to };
	const struct pol_order *o;
	size_t ready;

	l->rng = l->rng * 1664525u + 1013904223u;
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX,
			     &o, &ready),
	    POL_OK);
	if (ready == 0)
		return false;
	s.node = o[(l->rng >> 8) % ready].node;
	s.steps = o[(l->rng >> 8) % ready].steps;
	s.epoch = ++l->epoch;
	l->fact[l->n++] = s;
	ck_assert_int_eq(pol_engine_fact(e, &s), POL_OK);
	all_safe(e, f->n);
	s.kind = (l->rng >> 20) % 8 == 0 ? POL_FACT_FAILED : POL_FACT_EFFECTIVE;
	if ((l->rng >> 24) % 3 == 0)
		return true; /* no answer */
	l->fact[l->n++] = s;
	ck_assert_int_eq(pol_engine_fact(e, &s), POL_OK);
	all_safe(e, f->n);
	return true;
}

/* Orders, lost and failed ones, turns: everything in any order; whatever a
 * node may have done, all links hold, and the last goal is reached. */
START_TEST(test_turns_with_orders_under_way)
{
	struct pol_goal goal = { .from = 1, .to = 2 };
	struct log log = { .rng = (uint32_t)_i * 2654435761u + 12345 };
	struct fleet f;
	struct pol_engine *e = NULL;

	fleet_make(&f, walks[_i % 4][0], walks[_i % 4][1]);
	goal.strategy = (enum pol_strategy)(_i / 4 % POL_STRATEGIES);
	for (uint32_t i = 0; i < f.n; i++)
		log.fact[log.n++] = (struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1, 1, 0 } };
	for (int turns = 0; turns < 5; turns++) {
		ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
		for (uint32_t i = 0; i < log.n; i++)
			ck_assert_int_eq(pol_engine_fact(e, &log.fact[i]),
			    POL_OK);
		all_safe(e, f.n);
		for (int k = 0; turns < 4 && k < 12; k++)
			if (!one_order(&f, e, &goal, &log))
				break;
		goal = (struct pol_goal){ .from = goal.to,
			.to = goal.from,
			.strategy = goal.strategy };
		if (turns < 4)
			pol_engine_free(e);
	}
	/* silence ends: what has no answer yet is answered */
	for (uint32_t i = 0; i < log.n; i++) {
		log.fact[i].kind = POL_FACT_EFFECTIVE;
		if (log.fact[i].epoch != 0)
			(void)!pol_engine_fact(e, &log.fact[i]);
	}
	goal = (struct pol_goal){ .from = goal.to,
		.to = goal.from,
		.strategy = goal.strategy };
	(void)give(e, &goal, &log.epoch, 99);
	ck_assert_msg(pol_engine_is_done(e), "seed %d", _i);
	all_safe(e, f.n);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_turns(void)
{
	TCase *t = tcase_create("turns");

	tcase_add_loop_test(t, test_abort_and_on_again_from_every_point,
	    POL_MINIMAL, POL_STRATEGIES);
	tcase_add_test(t, test_generations_behind);
	tcase_add_test(t, test_bundles_split_when_the_state_needs_it);
	tcase_add_test(t, test_two_roots_side_by_side);
	tcase_add_test(t, test_an_abort_outranks_what_is_under_way);
	tcase_add_test(t, test_what_an_outranked_order_may_have_done_counts);
	tcase_add_loop_test(t, test_turns_with_orders_under_way, 0,
	    4 * POL_STRATEGIES * 10);
	return t;
}
