/* Tests of the engine from any state to any goal: abort, on again, nodes
 * that are generations behind, several roots. */
#include <stdlib.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

/* c is node 0, s is node 1 in "c>s". */
enum {
	NODE_C,
	NODE_S
};

/* Gives whatever is ready, at most n orders; returns how many were given. */
static int
give(struct pol_engine *e, const struct pol_goal *goal, uint64_t *epoch, int n)
{
	const struct pol_order *o;
	struct pol_order first;
	size_t ready;
	int given = 0;

	for (; given < n; given++) {
		ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, &o,
				     &ready),
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
	const struct pol_goal there = { 1, 2, (enum pol_strategy)_i, 0, 0, 0 };
	const struct pol_goal back = { 2, 1, (enum pol_strategy)_i, 0, 0, 0 };
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
	struct pol_engine *e;
	uint64_t epoch = 0;

	/* the client has the new certificate alone already, without bridge:
	 * the server's three steps cannot go in one order any more */
	fleet_make(&f, "c>s", "c");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_C, (struct pol_conf){ 3, 1, 0 });
	fleet_holds(e, NODE_S, (struct pol_conf){ 3, 1, 0 });
	(void)give(e, &goal, &epoch, 99);
	ck_assert(pol_engine_is_done(e));
	all_safe(e, f.n);
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

TCase *
case_turns(void)
{
	TCase *t = tcase_create("turns");

	tcase_add_loop_test(t, test_abort_and_on_again_from_every_point,
	    POL_MINIMAL, POL_STRATEGIES);
	tcase_add_test(t, test_generations_behind);
	tcase_add_test(t, test_bundles_split_when_the_state_needs_it);
	tcase_add_test(t, test_two_roots_side_by_side);
	return t;
}
