/* Tests of what an order does to the directions of its node. */
#include <string.h>

#include "policy/engine.h"
#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

struct seen {
	unsigned shown, trusted; /* directions that would break */
	bool stop;
};

static bool
count(void *arg, const struct half *h, bool is_client, bool presents)
{
	struct seen *s = arg;

	(void)h, (void)is_client;
	*(presents ? &s->shown : &s->trusted) += 1;
	return !s->stop;
}

static struct seen
breaches(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	struct seen s = { 0 };

	ck_assert(breach_each(e, (struct pol_order){ node, steps }, count, &s));
	return s;
}

START_TEST(test_each_direction_that_would_break)
{
	struct seen s;
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "a>s b>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	/* more trust breaks nothing; another certificate breaks both, as long
	 * as nobody trusts its root; forgetting breaks what they show */
	s = breaches(e, 2, T);
	ck_assert_uint_eq(s.shown + s.trusted, 0);
	s = breaches(e, 2, C);
	ck_assert_uint_eq(s.shown, 2);
	ck_assert_uint_eq(s.trusted, 0);
	fleet_do(e, 2, T);
	s = breaches(e, 2, F);
	ck_assert_uint_eq(s.shown, 0);
	ck_assert_uint_eq(s.trusted, 2);
	fleet_do(e, 0, T);
	s = breaches(e, 2, C);
	ck_assert_uint_eq(s.shown, 1);
	/* an excused peer is nobody's business */
	fleet_tell(e, POL_FACT_EXCUSED, 1, 0);
	s = breaches(e, 2, C);
	ck_assert_uint_eq(s.shown, 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_one_may_be_enough)
{
	struct seen s = { .stop = true };
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "a>s b>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	ck_assert(!breach_each(e, (struct pol_order){ 2, C }, count, &s));
	ck_assert_uint_eq(s.shown, 1);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* The counters answer without a look at the links, and the same. */
START_TEST(test_counted)
{
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	ck_assert_int_eq(breach_count(e, NODE_S, T), COUNTED_OPEN);
	ck_assert_int_eq(breach_count(e, NODE_S, C), COUNTED_SHUT);
	fleet_do(e, NODE_C, T);
	fleet_do(e, NODE_S, T);
	ck_assert_int_eq(breach_count(e, NODE_S, C), COUNTED_OPEN);
	ck_assert_int_eq(breach_count(e, NODE_S, F), COUNTED_SHUT);
	fleet_do(e, NODE_S, C);
	fleet_do(e, NODE_C, C);
	ck_assert_int_eq(breach_count(e, NODE_S, F), COUNTED_OPEN);
	pol_engine_free(e);
	fleet_free(&f);
	/* a bridging client shows either, to whoever has one of them */
	fleet_make(&f, "c>s", "c");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	ck_assert_int_eq(breach_count(e, NODE_C, C), COUNTED_OPEN);
	ck_assert_int_eq(breach_count(e, NODE_C, C | F), COUNTED_SHUT);
	fleet_holds(e, NODE_S, (struct pol_conf){ 4, 1, 0 });
	ck_assert_int_eq(breach_count(e, NODE_C, C), COUNTED_NOTHING);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

static unsigned
takes(const struct pol_engine *e, const struct fleet *f, uint32_t node,
    uint32_t steps)
{
	struct walk w = walk_start(f->graph, node);
	const struct half *h = walk_next(&w);
	struct own_files o;

	own_files(e, node, steps, &o);
	return breach_takes(e, node, h, w.is_client, &o);
}

START_TEST(test_what_is_taken)
{
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s", "c");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_C, T);
	fleet_do(e, NODE_S, T);
	ck_assert_uint_eq(takes(e, &f, NODE_S, C), TAKES_SHOWN);
	ck_assert_uint_eq(takes(e, &f, NODE_S, F), TAKES_TRUST);
	/* a bridge adds; its end takes */
	ck_assert_uint_eq(takes(e, &f, NODE_C, C), 0);
	fleet_do(e, NODE_C, C);
	ck_assert_uint_eq(takes(e, &f, NODE_C, F), TAKES_SHOWN | TAKES_TRUST);
	pol_engine_free(e);
	fleet_free(&f);
	/* who shows nothing has nothing to be taken */
	fleet_make(&f, "c>s:server", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, NODE_C, T);
	ck_assert_uint_eq(takes(e, &f, NODE_C, F), TAKES_TRUST);
	ck_assert_uint_eq(takes(e, &f, NODE_S, C), TAKES_SHOWN);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* A dual client that has its certificate, under a root of its own: whether it
 * may drop its old chain is counted, and no server's report has all its links
 * looked at. A server that sees no bridge loses nothing by it. */
START_TEST(test_a_bridge_is_counted)
{
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s:0/1 c>t:0/1", _i == 0 ? "c" : "c s~ t~");
	e = fleet_engine(&f, 0, POL_BUNDLED);
	fleet_holds(e, 0, (struct pol_conf){ 1, 2, 1 });
	ck_assert_int_eq(breach_count(e, 0, F),
	    _i == 0 ? COUNTED_SHUT : COUNTED_NOTHING);
	ck_assert_uint_eq(breaches(e, 0, F).shown, _i == 0 ? 2 : 0);
	fleet_do(e, 1, T);
	ck_assert_int_eq(breach_count(e, 0, F),
	    _i == 0 ? COUNTED_SHUT : COUNTED_NOTHING);
	ck_assert_uint_eq(breaches(e, 0, F).shown, _i == 0 ? 1 : 0);
	fleet_do(e, 2, T);
	ck_assert_int_eq(breach_count(e, 0, F), COUNTED_OPEN);
	ck_assert_uint_eq(breaches(e, 0, F).shown, 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* ---- counted as each link says, whatever happened -------------------------------- */

static uint64_t
pick(uint64_t *x, uint64_t n)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x % n;
}

/* Anything that may come of the node. */
static struct pol_fact
any_fact(struct pol_engine *e, uint64_t *x, uint32_t node, uint64_t *epoch)
{
	static const enum pol_fact_kind kinds[] = { POL_FACT_HOLDS,
		POL_FACT_SENT, POL_FACT_SENT, POL_FACT_SENT, POL_FACT_RECEIVED,
		POL_FACT_RECEIVED, POL_FACT_EFFECTIVE, POL_FACT_FAILED,
		POL_FACT_EXCUSED, POL_FACT_RETURNED, POL_FACT_DOUBTED,
		POL_FACT_LOST, POL_FACT_HELD, POL_FACT_FREED };
	const uint64_t settled = e->node[node].settled;
	const bool back = pick(x, 4) == 0;
	struct pol_fact f = {
		.kind = kinds[pick(x, sizeof(kinds) / sizeof(kinds[0]))],
		.node = node,
		.epoch = pol_engine_epoch(e, node),
		.steps = 1 + (uint32_t)pick(x, 7),
		.from = back ? 2 : 1,
		.to = back ? 1 : 2,
		.conf = { pick(x, 8), POL_GEN(1 + pick(x, 3)), pick(x, 8) },
	};

	if (f.kind == POL_FACT_SENT)
		f.epoch = ++*epoch;
	/* of before the outstanding order, between two, or of after it */
	if (f.kind == POL_FACT_HOLDS) {
		f.epoch = settled + pick(x, *epoch + 2 - settled);
		if (f.epoch > *epoch)
			*epoch = f.epoch;
	}
	return f;
}

/* Of who is excused or not known nobody asks. */
static void
counted_as_each(const struct pol_engine *e, uint32_t node, unsigned *times)
{
	if ((e->node[node].flags & (NODE_KNOWN | NODE_EXCUSED)) != NODE_KNOWN)
		return;
	for (uint32_t s = T; s <= (T | C | F); s++) {
		const struct seen each = breaches(e, node, s);
		const enum counted c = breach_count(e, node, s);

		times[c]++;
		if (c == COUNTED_OPEN)
			ck_assert_uint_eq(each.shown + each.trusted, 0);
		if (c == COUNTED_SHUT)
			ck_assert_uint_gt(each.shown + each.trusted, 0);
	}
}

/* What is on offer, found as facts came, and found anew. */
static void
offered_as_anew(struct pol_engine *e, uint32_t n)
{
	struct pol_engine *copy;

	ck_assert_int_eq(pol_engine_copy(e, &copy), POL_OK);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(fleet_offer(e, i), fleet_offer(copy, i));
	pol_engine_free(copy);
}

START_TEST(test_counted_as_each_link)
{
	static const char *const links[] = { "a>s b>s c>s", "h>a h>b h>c a>h",
		"a>b b>c c>a", "a>b:server b>c c>d:0/1 b>a" };
	static const char *const flags[][3] = { { "", "a b", "a s~ c" },
		{ "", "h a", "h b~ c!" }, { "", "a b", "a b~ c!" },
		{ "", "b c a", "d a~ c" } };
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.limit = 2,
		.max_in_flight = 2,
		.presume = _i % 2 != 0,
		.strategy = (enum pol_strategy)(_i / 2 % POL_STRATEGIES) };
	uint64_t x = 88172645463325252u + (uint64_t)_i, epoch = 0;
	unsigned times[COUNTED_SHUT + 1] = { 0 };
	struct pol_engine *e;
	struct fleet f;

	for (int k = 0; k < 24; k++) {
		fleet_make(&f, links[k % 4], flags[k % 4][k / 4 % 3]);
		e = fleet_engine_of(&f, &goal);
		epoch = 0;
		for (int i = 0; i < 60; i++) {
			const uint32_t node = (uint32_t)pick(&x, f.n);
			const struct pol_fact fact =
			    any_fact(e, &x, node, &epoch);

			(void)!pol_engine_fact(e, &fact);
			for (uint32_t n = 0; n < f.n; n++)
				counted_as_each(e, n, times);
			offered_as_anew(e, f.n);
		}
		pol_engine_free(e);
		fleet_free(&f);
	}
	/* they do answer, either way */
	ck_assert_uint_gt(times[COUNTED_OPEN], 0);
	ck_assert_uint_gt(times[COUNTED_SHUT], 0);
}
END_TEST

TCase *
case_breach(void)
{
	TCase *t = tcase_create("breach");

	tcase_add_test(t, test_each_direction_that_would_break);
	tcase_add_test(t, test_one_may_be_enough);
	tcase_add_test(t, test_counted);
	tcase_add_test(t, test_what_is_taken);
	tcase_add_loop_test(t, test_a_bridge_is_counted, 0, 2);
	tcase_add_loop_test(t, test_counted_as_each_link, 0,
	    2 * POL_STRATEGIES);
	return t;
}
