/* Tests of the shelves: whatever happens, ready answers what a look at every
 * node would, and in that order. */
#include <stdlib.h>

#include "policy/engine.h"
#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

#define ROUNDS 120

/* Three groups whose nodes take turns by name; one of them has nodes in both
 * roles, one a dual client. */
static const char graph[] = "a>d d>g a>g b>e h>e b>k c>f c>i l>i";
static const char dual[] = "b l";

struct pace {
	uint32_t max_in_flight;
	bool forget_first;
};
static const struct pace paces[] = { { 0, false }, { 0, true }, { 5, false },
	{ 5, true } };
#define NPACES (sizeof(paces) / sizeof(paces[0]))

static uint32_t
pick(uint32_t *rng, uint32_t n)
{
	*rng = *rng * 1664525u + 1013904223u;
	return (*rng >> 8) % n;
}

/* ---- what should come out ------------------------------------------------------- */

static uint32_t
first_open(const struct pol_engine *e, uint32_t node)
{
	const struct parts *parts = shape_parts(&e->shape, node);

	for (unsigned k = 0; k < parts->n; k++) {
		const struct pol_order o = { node,
			parts->part[k] & engine_todo(e, node) };
		if (o.steps != 0 && !(e->node[node].flags & NODE_HELD) &&
		    gates_pass(gates_strategy, e, o, NULL) &&
		    gates_pass(gates_safety, e, o, NULL))
			return gates_pass(gates_when, e, o, NULL) ? o.steps : 0;
	}
	return 0;
}

static size_t
expect(const struct pol_engine *e, const struct pace *p, uint32_t n,
    struct pol_order *out)
{
	size_t all = 0;

	for (unsigned turn = 0; turn < 4; turn++)
		for (uint32_t i = 0; i < n; i++) {
			const struct pol_order o = { i, first_open(e, i) };
			const unsigned forgets = (o.steps & F) != 0;
			const bool failed = pol_engine_failures(e, i) > 0;
			unsigned his = p->forget_first ? 1 - forgets : 0;
			his += p->max_in_flight != 0 && failed ? 2 : 0;
			if (o.steps != 0 && his == turn)
				out[all++] = o;
		}
	return all;
}

static void
compare(struct pol_engine *e, const struct pace *p, uint32_t n, size_t max)
{
	struct pol_order want[FLEET_MAX];
	const struct pol_order *o;
	size_t got, all, room = max;

	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, max, &o,
			     &got),
	    POL_OK);
	all = expect(e, p, n, want);
	if (p->max_in_flight != 0 && room > p->max_in_flight - e->outstanding)
		room = p->max_in_flight - e->outstanding;
	ck_assert_uint_eq(got, all < room ? all : room);
	for (size_t i = 0; i < got; i++) {
		ck_assert_uint_eq(o[i].node, want[i].node);
		ck_assert_uint_eq(o[i].steps, want[i].steps);
	}
}

/* ---- what happens --------------------------------------------------------------- */

/* A node that is a generation behind, or not; or nobody knows what. */
static void
old_holds(struct pol_engine *e, uint32_t node, uint32_t *rng, uint64_t epoch)
{
	const uint32_t trust = pick(rng, 5);
	struct pol_fact f = { .kind = POL_FACT_HOLDS,
		.node = node,
		.conf = { trust < 3 ? 1 + trust : 3, 1 + pick(rng, 2), 0 },
		.epoch = epoch };

	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
	f.kind = POL_FACT_LOST;
	if (pick(rng, 4) == 0)
		ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

/* An order that is ready; and an answer, now and then of the other kind. */
static void
give(struct pol_engine *e, uint32_t *rng, uint64_t *epoch)
{
	struct pol_fact f = { .kind = POL_FACT_SENT,
		.from = e->goal.from,
		.to = e->goal.to };
	const struct pol_order *o;
	size_t n;

	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	if (n == 0)
		return;
	f.node = o[pick(rng, (uint32_t)n)].node;
	f.steps = e->node[f.node].offer;
	f.epoch = ++*epoch;
	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

static void
happen(struct pol_engine *e, uint32_t n, uint32_t *rng, uint64_t *epoch)
{
	static const enum pol_fact_kind kinds[] = { POL_FACT_EXCUSED,
		POL_FACT_RETURNED, POL_FACT_HELD, POL_FACT_FREED,
		POL_FACT_DOUBTED, POL_FACT_FREED };
	const uint32_t what = pick(rng, 16), node = pick(rng, n);
	struct pol_fact f = { .node = node,
		.conf = { 1, 1, 0 },
		.epoch = pol_engine_epoch(e, node) };

	if (e->goal.to == 3 && pick(rng, 8) == 0) {
		old_holds(e, node, rng, *epoch);
		return;
	}
	if (what < 6)
		f.kind = kinds[what];
	else if (f.epoch != 0)
		f.kind = what == 6 ? POL_FACT_FAILED : POL_FACT_EFFECTIVE;
	else {
		give(e, rng, epoch);
		return;
	}
	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

static void
walk(const struct pace *p, struct pol_goal goal, uint32_t rng)
{
	uint64_t epoch = 0;
	struct pol_engine *e, *copy;
	struct fleet f;

	goal.max_in_flight = p->max_in_flight;
	goal.forget_first = p->forget_first;
	fleet_make(&f, graph, dual);
	e = fleet_engine_of(&f, &goal);
	for (uint32_t i = 0; goal.to == 3 && i < f.n; i++)
		old_holds(e, i, &rng, epoch);
	for (int k = 0; k < ROUNDS; k++) {
		/* several facts between two looks */
		for (uint32_t i = pick(&rng, 3); i > 0; i--)
			happen(e, f.n, &rng, &epoch);
		compare(e, p, f.n, 1 + pick(&rng, 4));
		compare(e, p, f.n, SIZE_MAX);
	}
	/* a copy finds the same by itself */
	ck_assert_int_eq(pol_engine_copy(e, &copy), POL_OK);
	compare(copy, p, f.n, SIZE_MAX);
	pol_engine_free(copy);
	pol_engine_free(e);
	fleet_free(&f);
}

START_TEST(test_ready_is_what_a_look_at_all_would_find)
{
	struct pol_goal goal = { .from = 1,
		.to = 2,
		.limit = 2,
		.strategy = (enum pol_strategy)(
		    (unsigned)_i / NPACES % POL_STRATEGIES) };
	const struct pace *p = &paces[(unsigned)_i % NPACES];

	walk(p, goal, (uint32_t)_i * 2654435761u + 7);
	/* the same a generation on, where some are not yet */
	goal.from = 2;
	goal.to = 3;
	walk(p, goal, (uint32_t)_i * 2654435761u + 11);
}
END_TEST

/* A dual client that is a generation behind shows, in place of 1, 3 signed by
 * 2 to a server that is sure of neither: that server's word counts. */
START_TEST(test_an_offer_to_bridge_ends_with_what_it_rests_on)
{
	const struct pol_goal goal = { .from = 2,
		.to = 3,
		.strategy = POL_BUNDLED };
	struct pol_fact f = { .node = NODE_S, .conf = { 1, 1, 0 } };
	struct pol_engine *e;
	struct fleet fleet;

	fleet_make(&fleet, "c>s", "c");
	e = fleet_engine_of(&fleet, &goal);
	f.kind = _i == 0 ? POL_FACT_DOUBTED : POL_FACT_LOST;
	fleet_holds(e, NODE_S, (struct pol_conf){ 3, 1, 0 });
	ck_assert_uint_eq(fleet_offer(e, NODE_C), T | C);
	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
	ck_assert_int_eq(pol_engine_allowed(e, NODE_C, T | C, NULL),
	    POL_E_UNSAFE);
	/* a doubt leaves single steps */
	ck_assert_uint_eq(fleet_offer(e, NODE_C), _i == 0 ? T : 0);
	pol_engine_free(e);
	fleet_free(&fleet);
}
END_TEST

/* The group's layer shuts and opens: nobody but those told is looked at. */
START_TEST(test_a_layer_moves_nobody)
{
	const struct pol_fact doubt = { .kind = POL_FACT_DOUBTED,
		.node = 0,
		.conf = { 1, 1, 0 } };
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c1>s c2>s c3>s", "");
	e = fleet_engine(&f, 0, POL_LAYERED);
	for (uint32_t i = 0; i < f.n; i++)
		fleet_do(e, i, T);
	ck_assert_uint_eq(fleet_offer(e, 1), C);
	ck_assert_uint_eq(fleet_offer(e, 3), 0); /* the server's comes later */
	ck_assert_int_eq(pol_engine_fact(e, &doubt), POL_OK);
	ck_assert_uint_eq(e->nqueue, 2); /* itself, and its server */
	ck_assert_uint_eq(fleet_offer(e, 1), 0);
	ck_assert(!pol_engine_may_start(e, (struct pol_time){ 0 }, 1));
	ck_assert_uint_eq(offers_of(e, 1), 0);
	ck_assert_uint_eq(fleet_offer(e, 0), T);
	fleet_do(e, 0, T);
	ck_assert_uint_eq(e->nqueue, 2);
	ck_assert_uint_eq(fleet_offer(e, 1), C);
	ck_assert(pol_engine_may_start(e, (struct pol_time){ 0 }, 1));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_a_stopped_group_moves_nobody)
{
	struct pol_goal goal = { .from = 1, .to = 2, .limit = 1 };
	const struct pol_order *o;
	struct pol_engine *e;
	struct fleet f;
	size_t n;

	fleet_make(&f, "a>s b>s c>t", "");
	e = fleet_engine_of(&f, &goal);
	ck_assert_uint_eq(fleet_offer(e, 0), T);
	fleet_tell(e, POL_FACT_FAILED, 1, fleet_send(e, 1, T));
	ck_assert_uint_eq(e->nqueue, 1);
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	/* the other group goes on */
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(o[0].node, 2);
	ck_assert_uint_eq(o[1].node, 4);
	fleet_tell(e, POL_FACT_FREED, 1, 0);
	ck_assert_uint_eq(e->nqueue, 1);
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	ck_assert_uint_eq(n, 5);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_offers(void)
{
	TCase *t = tcase_create("offers");

	tcase_add_loop_test(t, test_ready_is_what_a_look_at_all_would_find, 0,
	    (int)NPACES * POL_STRATEGIES * 4);
	tcase_add_loop_test(t,
	    test_an_offer_to_bridge_ends_with_what_it_rests_on, 0, 2);
	tcase_add_test(t, test_a_layer_moves_nobody);
	tcase_add_test(t, test_a_stopped_group_moves_nobody);
	return t;
}
