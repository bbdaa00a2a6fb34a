/*
 * Tests of the plan: every case of the seed's figures with its whole partial
 * order, and its mirror: with one dependency less the rule check refuses the
 * order, and with exactly its own dependencies done the engine gives it, so
 * that any further one would be superfluous.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

struct plan_case {
	const char *figure;
	const char *links, *dual;
	uint32_t root;
	enum pol_strategy strategy;
	const char *expected;
	size_t notes;
};

#define E1_ORDER                                                \
	"cert s < trust s, trust c; cert c < trust c, trust s;" \
	"finish s < trust s, cert c; finish c < trust c, cert s"
#define E1_LAYERS                                     \
	"cert c < trust c, trust s; cert s < cert c;" \
	"finish s < cert s; finish c < cert s"
#define C3  "c1>s c2>s c3>s"
#define S3  "c>s1 c>s2 c>s3"
#define M49 "c1>s c2>s ca>c1:1/1 ca>c2:1/1"
#define V46 "c1>s1 c2>s1 c3>s1 c3>s2 c4>s2"

static const struct plan_case cases[] = {
	{ "E1 FIG. 13", "c>s", "", 0, POL_MINIMAL, E1_ORDER, 0 },
	{ "E2 FIG. 23", "c>s", "", 0, POL_MINIMAL, E1_ORDER, 0 },
	{ "E3 FIG. 24-27", "c>s", "c", 0, POL_BUNDLED,
	    "trust+cert+finish s < trust+cert c;"
	    "finish c < trust+cert+finish s",
	    0 },
	{ "E4 FIG. 28-30", "c>s", "c", 0, POL_BUNDLED,
	    "trust+cert+finish s < trust+cert c;"
	    "finish c < trust+cert+finish s",
	    0 },
	/* a node may store the bare key (the page after FIG. 12): its finish
	 * then only says what to discard, at the same moment */
	{ "keys without certificates", "c>s", "", 0, POL_MINIMAL, E1_ORDER, 0 },
	{ "E1, fewest orders", "c>s", "", 0, POL_COMPACT,
	    "trust+cert c < trust s; cert+finish s < trust+cert c;"
	    "finish c < cert+finish s",
	    0 },
	{ "E5, fewest orders", C3, "", 0, POL_COMPACT,
	    "trust+cert c1 < trust s; trust+cert c2 < trust s;"
	    "trust+cert c3 < trust s;"
	    "cert+finish s < trust+cert c1, trust+cert c2, trust+cert c3;"
	    "finish c1 < cert+finish s; finish c2 < cert+finish s;"
	    "finish c3 < cert+finish s",
	    0 },
	{ "E5 FIG. 35", C3, "", 0, POL_MINIMAL,
	    "cert s < trust s, trust c1, trust c2, trust c3;"
	    "cert c1 < trust c1, trust s; cert c2 < trust c2, trust s;"
	    "cert c3 < trust c3, trust s;"
	    "finish s < trust s, cert c1, cert c2, cert c3;"
	    "finish c1 < trust c1, cert s; finish c2 < trust c2, cert s;"
	    "finish c3 < trust c3, cert s",
	    0 },
	{ "E5 FIG. 36", C3, "", 0, POL_LAYERED,
	    "cert c1 < trust s, trust c1, trust c2, trust c3;"
	    "cert c2 < trust s, trust c1, trust c2, trust c3;"
	    "cert c3 < trust s, trust c1, trust c2, trust c3;"
	    "cert s < cert c1, cert c2, cert c3; finish s < cert s;"
	    "finish c1 < cert s; finish c2 < cert s; finish c3 < cert s",
	    0 },
	{ "E5 FIG. 37", C3, "", 0, POL_SEQUENTIAL,
	    "trust c1 < trust s; trust c2 < trust s; trust c3 < trust s;"
	    "cert c1 < trust c1, trust c2, trust c3;"
	    "cert c2 < trust c1, trust c2, trust c3;"
	    "cert c3 < trust c1, trust c2, trust c3;"
	    "cert s < cert c1, cert c2, cert c3; finish s < cert s;"
	    "finish c1 < cert s; finish c2 < cert s; finish c3 < cert s",
	    0 },
	{ "E5 FIG. 38", C3, "", 0, POL_MERGED,
	    "trust+cert c1 < trust s; trust+cert c2 < trust s;"
	    "trust+cert c3 < trust s;"
	    "cert s < trust+cert c1, trust+cert c2, trust+cert c3;"
	    "finish s < cert s; finish c1 < cert s; finish c2 < cert s;"
	    "finish c3 < cert s",
	    0 },
	{ "E6 FIG. 42", S3, "", 0, POL_MINIMAL,
	    "cert s1 < trust c, trust s1; cert s2 < trust c, trust s2;"
	    "cert s3 < trust c, trust s3;"
	    "cert c < trust c, trust s1, trust s2, trust s3;"
	    "finish s1 < trust s1, cert c; finish s2 < trust s2, cert c;"
	    "finish s3 < trust s3, cert c;"
	    "finish c < trust c, cert s1, cert s2, cert s3",
	    0 },
	{ "E6 as FIG. 36", S3, "", 0, POL_LAYERED,
	    "cert c < trust c, trust s1, trust s2, trust s3;"
	    "cert s1 < cert c; cert s2 < cert c; cert s3 < cert c;"
	    "finish c < cert s1, cert s2, cert s3;"
	    "finish s1 < cert s1, cert s2, cert s3;"
	    "finish s2 < cert s1, cert s2, cert s3;"
	    "finish s3 < cert s1, cert s2, cert s3",
	    0 },
	{ "E6 as FIG. 37", S3, "", 0, POL_SEQUENTIAL,
	    "trust c < trust s1, trust s2, trust s3; cert c < trust c;"
	    "cert s1 < cert c; cert s2 < cert c; cert s3 < cert c;"
	    "finish c < cert s1, cert s2, cert s3;"
	    "finish s1 < cert s1, cert s2, cert s3;"
	    "finish s2 < cert s1, cert s2, cert s3;"
	    "finish s3 < cert s1, cert s2, cert s3",
	    0 },
	{ "E6 as FIG. 38", S3, "", 0, POL_MERGED,
	    "trust+cert c < trust s1, trust s2, trust s3;"
	    "cert s1 < trust+cert c; cert s2 < trust+cert c;"
	    "cert s3 < trust+cert c;"
	    "finish c < cert s1, cert s2, cert s3;"
	    "finish s1 < cert s1, cert s2, cert s3;"
	    "finish s2 < cert s1, cert s2, cert s3;"
	    "finish s3 < cert s1, cert s2, cert s3",
	    0 },
	{ "E7 FIG. 43", C3, "c1 c2 c3", 0, POL_BUNDLED,
	    "trust+cert+finish s < trust+cert c1, trust+cert c2,"
	    "trust+cert c3; finish c1 < trust+cert+finish s;"
	    "finish c2 < trust+cert+finish s;"
	    "finish c3 < trust+cert+finish s",
	    0 },
	{ "E8 FIG. 44", S3, "c", 0, POL_BUNDLED,
	    "trust+cert+finish s1 < trust+cert c;"
	    "trust+cert+finish s2 < trust+cert c;"
	    "trust+cert+finish s3 < trust+cert c;"
	    "finish c < trust+cert+finish s1, trust+cert+finish s2,"
	    "trust+cert+finish s3",
	    0 },
	{ "V45", "c1>s1 c2>s1 c3>s1 c4>s2 c5>s2", "", 0, POL_MINIMAL,
	    "cert s1 < trust s1, trust c1, trust c2, trust c3;"
	    "cert s2 < trust s2, trust c4, trust c5;"
	    "cert c1 < trust c1, trust s1; cert c2 < trust c2, trust s1;"
	    "cert c3 < trust c3, trust s1; cert c4 < trust c4, trust s2;"
	    "cert c5 < trust c5, trust s2;"
	    "finish s1 < trust s1, cert c1, cert c2, cert c3;"
	    "finish s2 < trust s2, cert c4, cert c5;"
	    "finish c1 < trust c1, cert s1; finish c2 < trust c2, cert s1;"
	    "finish c3 < trust c3, cert s1; finish c4 < trust c4, cert s2;"
	    "finish c5 < trust c5, cert s2",
	    0 },
	{ "V46 FIG. 47", V46, "", 0, POL_MINIMAL,
	    "cert s1 < trust s1, trust c1, trust c2, trust c3;"
	    "cert s2 < trust s2, trust c3, trust c4;"
	    "cert c1 < trust c1, trust s1; cert c2 < trust c2, trust s1;"
	    "cert c3 < trust c3, trust s1, trust s2;"
	    "cert c4 < trust c4, trust s2;"
	    "finish s1 < trust s1, cert c1, cert c2, cert c3;"
	    "finish s2 < trust s2, cert c3, cert c4;"
	    "finish c1 < trust c1, cert s1; finish c2 < trust c2, cert s1;"
	    "finish c3 < trust c3, cert s1, cert s2;"
	    "finish c4 < trust c4, cert s2",
	    0 },
	{ "V46 FIG. 48", V46, "c1 c2 c3 c4", 0, POL_BUNDLED,
	    "trust+cert+finish s1 < trust+cert c1, trust+cert c2,"
	    "trust+cert c3;"
	    "trust+cert+finish s2 < trust+cert c3, trust+cert c4;"
	    "finish c1 < trust+cert+finish s1;"
	    "finish c2 < trust+cert+finish s1;"
	    "finish c3 < trust+cert+finish s1, trust+cert+finish s2;"
	    "finish c4 < trust+cert+finish s2",
	    0 },
	/* the second root is that of ca and its nodes, who listen; ca is the
	 * last to forget, and neither root waits for the other */
	{ "FIG. 49, second root", M49, "ca!", 1, POL_MINIMAL,
	    "cert ca < trust ca, trust c1, trust c2;"
	    "cert c1 < trust c1, trust ca; cert c2 < trust c2, trust ca;"
	    "finish c1 < trust c1, cert ca; finish c2 < trust c2, cert ca;"
	    "finish ca < trust ca, cert c1, cert c2, finish c1, finish c2",
	    0 },
	{ "FIG. 49, second root by layers", M49, "ca!", 1, POL_LAYERED,
	    "cert ca < trust ca, trust c1, trust c2;"
	    "cert c1 < cert ca; cert c2 < cert ca;"
	    "finish c1 < cert c1, cert c2; finish c2 < cert c1, cert c2;"
	    "finish ca < finish c1, finish c2",
	    0 },
	{ "FIG. 49, second root, fewest orders", M49, "ca!", 1, POL_COMPACT,
	    "trust+cert ca < trust c1, trust c2;"
	    "cert+finish c1 < trust+cert ca; cert+finish c2 < trust+cert ca;"
	    "finish ca < cert+finish c1, cert+finish c2",
	    0 },
	{ "FIG. 49, first root", M49, "ca!", 0, POL_MINIMAL,
	    "cert s < trust s, trust c1, trust c2;"
	    "cert c1 < trust c1, trust s; cert c2 < trust c2, trust s;"
	    "finish s < trust s, cert c1, cert c2;"
	    "finish c1 < trust c1, cert s; finish c2 < trust c2, cert s",
	    0 },
	{ "V52", "c>s:server", "", 0, POL_MINIMAL,
	    "cert s < trust c; finish c < trust c, cert s", 0 },
	{ "V54 FIG. 59, roll of S", "c>s:0/1", "", 1, POL_MINIMAL,
	    "cert s < trust c; finish c < trust c, cert s", 0 },
	{ "V54 FIG. 59, roll of C", "c>s:0/1", "", 0, POL_MINIMAL,
	    "cert c < trust s; finish s < trust s, cert c", 0 },
	{ "V54, roll of C, dual: stops bridging", "c>s:0/1", "c", 0,
	    POL_MINIMAL,
	    "cert c < trust s; finish s < trust s, cert c;"
	    "finish c < cert c, trust s",
	    0 },
	{ "root per link, roll of A", "c>s1:0/0 c>s2:1/1", "", 0, POL_MINIMAL,
	    "cert s1 < trust s1, trust c; cert c < trust c, trust s1;"
	    "finish s1 < trust s1, cert c; finish c < trust c, cert s1",
	    0 },
	{ "both roles", "x>y y>x", "", 0, POL_MINIMAL,
	    "cert x < trust x, trust y; cert y < trust x, trust y;"
	    "finish x < trust x, cert y; finish y < trust y, cert x",
	    0 },
	{ "both roles, layered", "x>y y>x", "", 0, POL_LAYERED,
	    "cert x < trust x, trust y; cert y < trust x, trust y;"
	    "finish x < cert x, cert y; finish y < cert x, cert y",
	    0 },
	{ "both roles, bundled falls back", "x>y y>x", "x y", 0, POL_BUNDLED,
	    "cert x < trust x, trust y; cert y < trust x, trust y;"
	    "finish x < cert x, cert y; finish y < cert x, cert y",
	    2 },
	{ "a cycle of three falls back", "x>y y>z z>x", "x y z", 0, POL_BUNDLED,
	    "cert x < trust x, trust z; cert y < trust y, trust x;"
	    "cert z < trust z, trust y;"
	    "finish x < cert x, cert y, cert z, trust y;"
	    "finish y < cert y, cert z, cert x, trust z;"
	    "finish z < cert z, cert x, cert y, trust x",
	    3 },
	{ "only the cycle falls back", "x>y y>x c>x x>s", "c x y", 0,
	    POL_BUNDLED,
	    "cert x < trust x, trust y, trust+cert c;"
	    "cert y < trust y, trust x;"
	    "trust+cert+finish s < trust x, cert x;"
	    "finish c < trust+cert c, trust x, cert x;"
	    "finish x < cert x, cert y, trust+cert c, trust+cert+finish s;"
	    "finish y < cert y, cert x",
	    2 },
	{ "a chain does not fall back", "a>x x>s", "a x", 0, POL_BUNDLED,
	    "trust+cert x < trust+cert a; trust+cert+finish s < trust+cert x;"
	    "finish x < trust+cert a, trust+cert+finish s;"
	    "finish a < trust+cert x",
	    0 },
	{ "one client without dual", "c1>s c2>s", "c1", 0, POL_BUNDLED,
	    "trust+cert c2 < trust s;"
	    "cert s < trust s, trust+cert c1, trust+cert c2;"
	    "finish s < trust s, trust+cert c1, trust+cert c2;"
	    "finish c1 < trust+cert c1, cert s; finish c2 < cert s",
	    1 },
	{ "dual clients are courteous", "c>s", "c", 0, POL_MINIMAL,
	    "cert s < trust s, trust c; cert c < trust c, trust s;"
	    "finish s < trust s, cert c; finish c < cert c, cert s",
	    0 },
	{ "layers by role", "a>x x>s", "", 0, POL_SEQUENTIAL,
	    "trust a < trust x, trust s; cert a < trust a; cert x < cert a;"
	    "cert s < cert x; finish a < cert s; finish x < cert s;"
	    "finish s < cert s",
	    0 },
};
#define NCASES ((int)(sizeof(cases) / sizeof(cases[0])))

static const char *
order_name(const struct fleet *f, struct pol_order o)
{
	static char text[4][64];
	static int turn;
	char *t = text[turn = (turn + 1) % 4];

	snprintf(t, sizeof(text[0]), "%s%s%s %s",
	    (o.steps & POL_TRUST) ? "trust " : "",
	    (o.steps & POL_CERT) ? "cert " : "",
	    (o.steps & POL_FINISH) ? "finish" : "", f->name[o.node]);
	return t;
}

static void
sets_compare(const struct plan_case *c, const struct fleet *f,
    const struct order_set *plan, const struct order_set *want)
{
	ck_assert_msg(plan->n == want->n, "%s: %u orders instead of %u",
	    c->figure, plan->n, want->n);
	for (uint32_t i = 0; i < plan->n; i++) {
		uint32_t w = order_set_find(want, plan->order[i]);
		ck_assert_msg(w != POL_NONE, "%s: %s is too much", c->figure,
		    order_name(f, plan->order[i]));
		for (uint32_t j = 0; j < plan->n; j++) {
			uint32_t v = order_set_find(want, plan->order[j]);
			bool is = (plan->after[i] >> j) & 1;
			bool should = (want->after[w] >> v) & 1;
			ck_assert_msg(is == should, "%s: %s %s after %s",
			    c->figure, order_name(f, plan->order[i]),
			    is ? "is" : "is not",
			    order_name(f, plan->order[j]));
		}
	}
}

START_TEST(test_case_comes_out)
{
	const struct plan_case *c = &cases[_i];
	const struct pol_plan_note *notes;
	struct order_set plan, want;
	struct pol_plan *p;
	struct fleet f;

	fleet_make(&f, c->links, c->dual);
	ck_assert_int_eq(pol_plan_make(f.graph, c->root, c->strategy, &p),
	    POL_OK);
	order_set_of_plan(&plan, p);
	order_set_close(&plan);
	order_set_parse(&want, &f, c->expected);
	order_set_close(&want);
	sets_compare(c, &f, &plan, &want);
	ck_assert_uint_eq(pol_plan_notes(p, &notes), c->notes);
	for (uint32_t i = 1; i < plan.n; i++) {
		struct pol_plan_order a = pol_plan_order(p, i - 1);
		struct pol_plan_order b = pol_plan_order(p, i);
		ck_assert(a.round < b.round ||
		    (a.round == b.round && a.node <= b.node));
	}
	pol_plan_free(p);
	fleet_free(&f);
}
END_TEST

/* An engine in which exactly the orders of the set are effective. */
static struct pol_engine *
engine_with(const struct plan_case *c, const struct fleet *f,
    const struct order_set *s, uint64_t done)
{
	struct pol_engine *e = fleet_engine(f, c->root, c->strategy);

	for (uint32_t i = 0; i < s->n; i++)
		if ((done >> i) & 1)
			fleet_do(e, s->order[i].node, s->order[i].steps);
	return e;
}

/* Without j, and what rests on j, order i must not start. */
static void
less_is_unsafe(const struct plan_case *c, const struct fleet *f,
    const struct order_set *s, uint32_t i, uint32_t j)
{
	uint64_t done = s->after[i] & ~(UINT64_C(1) << j);
	struct pol_engine *e;
	/* a layer, a courtesy and being last are wishes, the rest is a rule */
	const bool layered = c->strategy == POL_LAYERED ||
	    c->strategy == POL_SEQUENTIAL || c->strategy == POL_MERGED;
	const bool courteous = *c->dual != '\0' && c->strategy != POL_BUNDLED;

	for (uint32_t k = 0; k < s->n; k++)
		if ((s->after[k] >> j) & 1)
			done &= ~(UINT64_C(1) << k);
	e = engine_with(c, f, s, done);
	ck_assert_msg(fleet_offer(e, s->order[i].node) != s->order[i].steps,
	    "%s: %s is given without %s", c->figure, order_name(f, s->order[i]),
	    order_name(f, s->order[j]));
	if (!layered && !courteous)
		ck_assert_msg(pol_engine_allowed(e, s->order[i].node,
				  s->order[i].steps, NULL) == POL_E_UNSAFE,
		    "%s: %s is allowed without %s", c->figure,
		    order_name(f, s->order[i]), order_name(f, s->order[j]));
	pol_engine_free(e);
}

/* Direct prerequisites: those that no other prerequisite implies. */
static uint64_t
reduced(const struct order_set *s, uint32_t i)
{
	uint64_t direct = s->after[i];

	for (uint32_t j = 0; j < s->n; j++)
		if ((s->after[i] >> j) & 1)
			direct &= ~s->after[j];
	return direct;
}

START_TEST(test_mirror_one_dependency_less_or_more)
{
	const struct plan_case *c = &cases[_i];
	struct order_set s;
	struct pol_plan *p;
	struct fleet f;

	fleet_make(&f, c->links, c->dual);
	ck_assert_int_eq(pol_plan_make(f.graph, c->root, c->strategy, &p),
	    POL_OK);
	order_set_of_plan(&s, p);
	order_set_close(&s);
	for (uint32_t i = 0; i < s.n; i++) {
		struct pol_engine *e = engine_with(c, &f, &s, s.after[i]);
		uint32_t offer = fleet_offer(e, s.order[i].node);
		bool other = offer != 0 && offer != s.order[i].steps;
		ck_assert_msg(offer == s.order[i].steps ||
			(other &&
			    pol_engine_allowed(e, s.order[i].node,
				s.order[i].steps, NULL) == POL_OK),
		    "%s: %s waits for more than the plan says", c->figure,
		    order_name(&f, s.order[i]));
		pol_engine_free(e);
		for (uint32_t j = 0; j < s.n; j++)
			if ((reduced(&s, i) >> j) & 1)
				less_is_unsafe(c, &f, &s, i, j);
	}
	pol_plan_free(p);
	fleet_free(&f);
}
END_TEST

START_TEST(test_groups)
{
	struct pol_plan *p;
	struct fleet f;

	/* FIG. 45: neither group waits for the other */
	fleet_make(&f, "c1>s1 c2>s1 c3>s1 c4>s2 c5>s2", "");
	ck_assert_int_eq(pol_plan_make(f.graph, 0, POL_LAYERED, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_groups(p), 2);
	for (uint32_t i = 0; i < f.n; i++)
		ck_assert_uint_eq(pol_plan_group_of(p, i),
		    i == 3 || i == 4 || i == 6);
	pol_plan_free(p);
	/* a node without part is in no group */
	ck_assert_int_eq(pol_plan_make(f.graph, 1, POL_LAYERED, &p), POL_OK);
	ck_assert_uint_eq(pol_plan_group_of(p, 0), POL_NONE);
	pol_plan_free(p);
	fleet_free(&f);
}
END_TEST

START_TEST(test_strategy_names)
{
	enum pol_strategy s;

	for (unsigned i = POL_MINIMAL; i < POL_STRATEGIES; i++) {
		ck_assert(
		    pol_strategy_parse(pol_strategy_name((enum pol_strategy)i),
			&s));
		ck_assert_uint_eq(s, i);
	}
	ck_assert(!pol_strategy_parse("mini", &s));
	ck_assert(!pol_strategy_parse("minimally", &s));
}
END_TEST

START_TEST(test_last_comes_last)
{
	struct order_set s;
	struct pol_graph *g;
	struct pol_plan *p;
	uint32_t last;

	/* FIG. 49: the CA (node 1) under its own root, in a star */
	ck_assert_int_eq(pol_graph_new(3, 1, &g), POL_OK);
	ck_assert_int_eq(pol_graph_node_flags(g, 1, POL_NODE_LAST), POL_OK);
	ck_assert_int_eq(pol_graph_link(g, &(struct pol_link){ 1, 0, 0, 0 }),
	    POL_OK);
	ck_assert_int_eq(pol_graph_link(g, &(struct pol_link){ 2, 1, 0, 0 }),
	    POL_OK);
	ck_assert_int_eq(pol_graph_seal(g), POL_OK);
	for (unsigned st = POL_MINIMAL; st < POL_STRATEGIES; st++) {
		ck_assert_int_eq(pol_plan_make(g, 0, (enum pol_strategy)st, &p),
		    POL_OK);
		order_set_of_plan(&s, p);
		order_set_close(&s);
		last = order_set_find(&s, (struct pol_order){ 1, POL_FINISH });
		ck_assert_uint_ne(last, POL_NONE);
		ck_assert_uint_eq((uint32_t)__builtin_popcountll(s.after[last]),
		    s.n - 1);
		pol_plan_free(p);
	}
	pol_graph_free(g);
}
END_TEST

TCase *
case_plan(void)
{
	TCase *t = tcase_create("plan");

	tcase_add_loop_test(t, test_case_comes_out, 0, NCASES);
	tcase_add_loop_test(t, test_mirror_one_dependency_less_or_more, 0,
	    NCASES);
	tcase_add_test(t, test_groups);
	tcase_add_test(t, test_strategy_names);
	tcase_add_test(t, test_last_comes_last);
	return t;
}
