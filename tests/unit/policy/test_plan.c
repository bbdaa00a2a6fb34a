/*
 * Tests of the plan: every case of the seed's figures with its whole partial
 * order, and its mirror. With one dependency less the rules find the order
 * unsafe and name the gate and the peer; or safety does not ask for it, only
 * the strategy does: then its gate holds the order back, by name, and each case
 * says how many dependencies are of this kind. One dependency more is
 * superfluous: with all else done and that missing the order is free.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

struct plan_case {
	const char *figure;
	const char *links, *dual;
	uint32_t root;
	enum pol_strategy strategy;
	const char *expected;
	size_t notes;
	/* dependencies for which safety does not ask, and who does */
	const char *wish;
	unsigned nwishes;
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
	{ "E1 FIG. 13", "c>s", "", 0, POL_MINIMAL, E1_ORDER, 0, NULL, 0 },
	{ "E2 FIG. 23", "c>s", "", 0, POL_MINIMAL, E1_ORDER, 0, NULL, 0 },
	{ "E3 FIG. 24-27", "c>s", "c", 0, POL_BUNDLED,
	    "trust+cert+finish s < trust+cert c;"
	    "finish c < trust+cert+finish s",
	    0, NULL, 0 },
	{ "E4 FIG. 28-30", "c>s", "c", 0, POL_BUNDLED,
	    "trust+cert+finish s < trust+cert c;"
	    "finish c < trust+cert+finish s",
	    0, NULL, 0 },
	/* a node may store the bare key (the page after FIG. 12): its finish
	 * then only says what to discard, at the same moment */
	{ "keys without certificates", "c>s", "", 0, POL_MINIMAL, E1_ORDER, 0,
	    NULL, 0 },
	{ "E1, fewest orders", "c>s", "", 0, POL_COMPACT,
	    "trust+cert c < trust s; cert+finish s < trust+cert c;"
	    "finish c < cert+finish s",
	    0, NULL, 0 },
	{ "E5, fewest orders", C3, "", 0, POL_COMPACT,
	    "trust+cert c1 < trust s; trust+cert c2 < trust s;"
	    "trust+cert c3 < trust s;"
	    "cert+finish s < trust+cert c1, trust+cert c2, trust+cert c3;"
	    "finish c1 < cert+finish s; finish c2 < cert+finish s;"
	    "finish c3 < cert+finish s",
	    0, NULL, 0 },
	{ "E5 FIG. 35", C3, "", 0, POL_MINIMAL,
	    "cert s < trust s, trust c1, trust c2, trust c3;"
	    "cert c1 < trust c1, trust s; cert c2 < trust c2, trust s;"
	    "cert c3 < trust c3, trust s;"
	    "finish s < trust s, cert c1, cert c2, cert c3;"
	    "finish c1 < trust c1, cert s; finish c2 < trust c2, cert s;"
	    "finish c3 < trust c3, cert s",
	    0, NULL, 0 },
	{ "E5 FIG. 36", C3, "", 0, POL_LAYERED,
	    "cert c1 < trust s, trust c1, trust c2, trust c3;"
	    "cert c2 < trust s, trust c1, trust c2, trust c3;"
	    "cert c3 < trust s, trust c1, trust c2, trust c3;"
	    "cert s < cert c1, cert c2, cert c3; finish s < cert s;"
	    "finish c1 < cert s; finish c2 < cert s; finish c3 < cert s",
	    0, "layer", 10 },
	{ "E5 FIG. 37", C3, "", 0, POL_SEQUENTIAL,
	    "trust c1 < trust s; trust c2 < trust s; trust c3 < trust s;"
	    "cert c1 < trust c1, trust c2, trust c3;"
	    "cert c2 < trust c1, trust c2, trust c3;"
	    "cert c3 < trust c1, trust c2, trust c3;"
	    "cert s < cert c1, cert c2, cert c3; finish s < cert s;"
	    "finish c1 < cert s; finish c2 < cert s; finish c3 < cert s",
	    0, "layer", 13 },
	{ "E5 FIG. 38", C3, "", 0, POL_MERGED,
	    "trust+cert c1 < trust s; trust+cert c2 < trust s;"
	    "trust+cert c3 < trust s;"
	    "cert s < trust+cert c1, trust+cert c2, trust+cert c3;"
	    "finish s < cert s; finish c1 < cert s; finish c2 < cert s;"
	    "finish c3 < cert s",
	    0, "layer", 1 },
	{ "E6 FIG. 42", S3, "", 0, POL_MINIMAL,
	    "cert s1 < trust c, trust s1; cert s2 < trust c, trust s2;"
	    "cert s3 < trust c, trust s3;"
	    "cert c < trust c, trust s1, trust s2, trust s3;"
	    "finish s1 < trust s1, cert c; finish s2 < trust s2, cert c;"
	    "finish s3 < trust s3, cert c;"
	    "finish c < trust c, cert s1, cert s2, cert s3",
	    0, NULL, 0 },
	{ "E6 as FIG. 36", S3, "", 0, POL_LAYERED,
	    "cert c < trust c, trust s1, trust s2, trust s3;"
	    "cert s1 < cert c; cert s2 < cert c; cert s3 < cert c;"
	    "finish c < cert s1, cert s2, cert s3;"
	    "finish s1 < cert s1, cert s2, cert s3;"
	    "finish s2 < cert s1, cert s2, cert s3;"
	    "finish s3 < cert s1, cert s2, cert s3",
	    0, "layer", 12 },
	{ "E6 as FIG. 37", S3, "", 0, POL_SEQUENTIAL,
	    "trust c < trust s1, trust s2, trust s3; cert c < trust c;"
	    "cert s1 < cert c; cert s2 < cert c; cert s3 < cert c;"
	    "finish c < cert s1, cert s2, cert s3;"
	    "finish s1 < cert s1, cert s2, cert s3;"
	    "finish s2 < cert s1, cert s2, cert s3;"
	    "finish s3 < cert s1, cert s2, cert s3",
	    0, "layer", 15 },
	{ "E6 as FIG. 38", S3, "", 0, POL_MERGED,
	    "trust+cert c < trust s1, trust s2, trust s3;"
	    "cert s1 < trust+cert c; cert s2 < trust+cert c;"
	    "cert s3 < trust+cert c;"
	    "finish c < cert s1, cert s2, cert s3;"
	    "finish s1 < cert s1, cert s2, cert s3;"
	    "finish s2 < cert s1, cert s2, cert s3;"
	    "finish s3 < cert s1, cert s2, cert s3",
	    0, "layer", 9 },
	{ "E7 FIG. 43", C3, "c1 c2 c3", 0, POL_BUNDLED,
	    "trust+cert+finish s < trust+cert c1, trust+cert c2,"
	    "trust+cert c3; finish c1 < trust+cert+finish s;"
	    "finish c2 < trust+cert+finish s;"
	    "finish c3 < trust+cert+finish s",
	    0, NULL, 0 },
	{ "E8 FIG. 44", S3, "c", 0, POL_BUNDLED,
	    "trust+cert+finish s1 < trust+cert c;"
	    "trust+cert+finish s2 < trust+cert c;"
	    "trust+cert+finish s3 < trust+cert c;"
	    "finish c < trust+cert+finish s1, trust+cert+finish s2,"
	    "trust+cert+finish s3",
	    0, NULL, 0 },
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
	    0, NULL, 0 },
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
	    0, NULL, 0 },
	{ "V46 FIG. 48", V46, "c1 c2 c3 c4", 0, POL_BUNDLED,
	    "trust+cert+finish s1 < trust+cert c1, trust+cert c2,"
	    "trust+cert c3;"
	    "trust+cert+finish s2 < trust+cert c3, trust+cert c4;"
	    "finish c1 < trust+cert+finish s1;"
	    "finish c2 < trust+cert+finish s1;"
	    "finish c3 < trust+cert+finish s1, trust+cert+finish s2;"
	    "finish c4 < trust+cert+finish s2",
	    0, NULL, 0 },
	/* the second root is that of ca and its nodes, who listen; ca is the
	 * last to forget, and neither root waits for the other */
	{ "FIG. 49, second root", M49, "ca!", 1, POL_MINIMAL,
	    "cert ca < trust ca, trust c1, trust c2;"
	    "cert c1 < trust c1, trust ca; cert c2 < trust c2, trust ca;"
	    "finish c1 < trust c1, cert ca; finish c2 < trust c2, cert ca;"
	    "finish ca < trust ca, cert c1, cert c2, finish c1, finish c2",
	    0, "last", 2 },
	{ "FIG. 49, second root by layers", M49, "ca!", 1, POL_LAYERED,
	    "cert ca < trust ca, trust c1, trust c2;"
	    "cert c1 < cert ca; cert c2 < cert ca;"
	    "finish c1 < cert c1, cert c2; finish c2 < cert c1, cert c2;"
	    "finish ca < finish c1, finish c2",
	    0, "layer", 8 },
	{ "FIG. 49, second root, fewest orders", M49, "ca!", 1, POL_COMPACT,
	    "trust+cert ca < trust c1, trust c2;"
	    "cert+finish c1 < trust+cert ca; cert+finish c2 < trust+cert ca;"
	    "finish ca < cert+finish c1, cert+finish c2",
	    0, NULL, 0 },
	/* the last to forget serves: its one order would hold its finish */
	{ "FIG. 49, second root, in bundles", "c1>ca c2>ca", "c1 c2 ca!", 0,
	    POL_BUNDLED,
	    "cert ca < trust ca, trust+cert c1, trust+cert c2;"
	    "finish c1 < trust+cert c1, trust ca, cert ca;"
	    "finish c2 < trust+cert c2, trust ca, cert ca;"
	    "finish ca < trust ca, cert ca, trust+cert c1, trust+cert c2,"
	    "finish c1, finish c2",
	    1, "last", 2 },
	{ "FIG. 49, first root", M49, "ca!", 0, POL_MINIMAL,
	    "cert s < trust s, trust c1, trust c2;"
	    "cert c1 < trust c1, trust s; cert c2 < trust c2, trust s;"
	    "finish s < trust s, cert c1, cert c2;"
	    "finish c1 < trust c1, cert s; finish c2 < trust c2, cert s",
	    0, NULL, 0 },
	{ "V52", "c>s:server", "", 0, POL_MINIMAL,
	    "cert s < trust c; finish c < trust c, cert s", 0, NULL, 0 },
	{ "V54 FIG. 59, roll of S", "c>s:0/1", "", 1, POL_MINIMAL,
	    "cert s < trust c; finish c < trust c, cert s", 0, NULL, 0 },
	{ "V54 FIG. 59, roll of C", "c>s:0/1", "", 0, POL_MINIMAL,
	    "cert c < trust s; finish s < trust s, cert c", 0, NULL, 0 },
	{ "V54, roll of C, dual: stops bridging", "c>s:0/1", "c", 0,
	    POL_MINIMAL,
	    "cert c < trust s; finish s < trust s, cert c;"
	    "finish c < cert c, trust s",
	    0, "courtesy", 1 },
	{ "root per link, roll of A", "c>s1:0/0 c>s2:1/1", "", 0, POL_MINIMAL,
	    "cert s1 < trust s1, trust c; cert c < trust c, trust s1;"
	    "finish s1 < trust s1, cert c; finish c < trust c, cert s1",
	    0, NULL, 0 },
	{ "both roles", "x>y y>x", "", 0, POL_MINIMAL,
	    "cert x < trust x, trust y; cert y < trust x, trust y;"
	    "finish x < trust x, cert y; finish y < trust y, cert x",
	    0, NULL, 0 },
	{ "both roles, layered", "x>y y>x", "", 0, POL_LAYERED,
	    "cert x < trust x, trust y; cert y < trust x, trust y;"
	    "finish x < cert x, cert y; finish y < cert x, cert y",
	    0, "layer", 2 },
	{ "both roles, bundled falls back", "x>y y>x", "x y", 0, POL_BUNDLED,
	    "cert x < trust x, trust y; cert y < trust x, trust y;"
	    "finish x < cert x, cert y; finish y < cert x, cert y",
	    2, NULL, 0 },
	{ "a cycle of three falls back", "x>y y>z z>x", "x y z", 0, POL_BUNDLED,
	    "cert x < trust x, trust z; cert y < trust y, trust x;"
	    "cert z < trust z, trust y;"
	    "finish x < cert x, cert y, cert z, trust y;"
	    "finish y < cert y, cert z, cert x, trust z;"
	    "finish z < cert z, cert x, cert y, trust x",
	    3, NULL, 0 },
	{ "only the cycle falls back", "x>y y>x c>x x>s", "c x y", 0,
	    POL_BUNDLED,
	    "cert x < trust x, trust y, trust+cert c;"
	    "cert y < trust y, trust x;"
	    "trust+cert+finish s < trust x, cert x;"
	    "finish c < trust+cert c, trust x, cert x;"
	    "finish x < cert x, cert y, trust+cert c, trust+cert+finish s;"
	    "finish y < cert y, cert x",
	    2, NULL, 0 },
	{ "a chain does not fall back", "a>x x>s", "a x", 0, POL_BUNDLED,
	    "trust+cert x < trust+cert a; trust+cert+finish s < trust+cert x;"
	    "finish x < trust+cert a, trust+cert+finish s;"
	    "finish a < trust+cert x",
	    0, NULL, 0 },
	{ "one client without dual", "c1>s c2>s", "c1", 0, POL_BUNDLED,
	    "trust+cert c2 < trust s;"
	    "cert s < trust s, trust+cert c1, trust+cert c2;"
	    "finish s < trust s, trust+cert c1, trust+cert c2;"
	    "finish c1 < trust+cert c1, cert s; finish c2 < cert s",
	    1, NULL, 0 },
	/* a server that takes no intermediate does not see the bridge: beside
	 * it a dual client is as one that keeps one certificate */
	{ "E3, server without depth", "c>s", "c s~", 0, POL_BUNDLED,
	    "trust+cert c < trust s; cert s < trust s, trust+cert c;"
	    "finish s < trust s, trust+cert c;"
	    "finish c < trust+cert c, cert s",
	    1, NULL, 0 },
	{ "E8, one server without depth", "c>s1 c>s2", "c s2~", 0, POL_BUNDLED,
	    "trust+cert c < trust s2; trust+cert+finish s1 < trust+cert c;"
	    "cert s2 < trust s2, trust+cert c;"
	    "finish s2 < trust s2, trust+cert c;"
	    "finish c < trust+cert c, trust+cert+finish s1, cert s2",
	    1, NULL, 0 },
	{ "dual clients are courteous", "c>s", "c", 0, POL_MINIMAL,
	    "cert s < trust s, trust c; cert c < trust c, trust s;"
	    "finish s < trust s, cert c; finish c < cert c, cert s",
	    0, "courtesy", 1 },
	{ "layers by role", "a>x x>s", "", 0, POL_SEQUENTIAL,
	    "trust a < trust x, trust s; cert a < trust a; cert x < cert a;"
	    "cert s < cert x; finish a < cert s; finish x < cert s;"
	    "finish s < cert s",
	    0, "layer", 6 },
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

/* Everything but i, j, and what rests on either. */
static uint64_t
all_without(const struct order_set *s, uint32_t i, uint32_t j)
{
	uint64_t done = 0;

	for (uint32_t k = 0; k < s->n; k++)
		if (k != i && k != j && !((s->after[k] >> i) & 1) &&
		    !((s->after[k] >> j) & 1))
			done |= UINT64_C(1) << k;
	return done;
}

/* What the engine says of this very order; NULL: it does not wait. */
static const struct pol_why *
wait_of(const struct pol_engine *e, struct pol_order o)
{
	static struct pol_why why[3];
	size_t n = pol_engine_waits(e, o.node, why, 3);

	for (size_t i = 0; i < n; i++)
		if (why[i].steps == o.steps)
			return &why[i];
	return NULL;
}

/* Which gate has to find that o lacks `lacks`? */
static bool
is_the_gate(const char *rule, struct pol_order o, struct pol_order lacks)
{
	if (o.node == lacks.node)
		return strcmp(rule,
			   (lacks.steps & POL_TRUST) ? "own-trust"
						     : "own-cert") == 0;
	if (strcmp(rule, "present-trusted") == 0)
		return (o.steps & POL_CERT) && (lacks.steps & POL_TRUST);
	if (strcmp(rule, "forget-unused") == 0)
		return (o.steps & POL_FINISH) && (lacks.steps & POL_CERT);
	return strcmp(rule, "bridge-until-trusted") == 0 &&
	    o.steps == POL_FINISH && (lacks.steps & POL_TRUST);
}

/* Without j order i must not start; true when that is but a wish. */
static bool
less_is_found(const struct plan_case *c, const struct fleet *f,
    const struct order_set *s, uint32_t i, uint32_t j)
{
	struct pol_engine *e = engine_with(c, f, s, all_without(s, i, j));
	const struct pol_order o = s->order[i], lacks = s->order[j];
	const struct pol_why *w = wait_of(e, o);
	struct pol_why unsafe = { .rule = "nothing" };
	const bool wish =
	    pol_engine_allowed(e, o.node, o.steps, &unsafe) == POL_OK;

	ck_assert_msg(fleet_offer(e, o.node) != o.steps && w != NULL,
	    "%s: %s is given without %s", c->figure, order_name(f, o),
	    order_name(f, lacks));
	if (wish)
		unsafe = *w;
	ck_assert_msg(unsafe.peer == lacks.node &&
		(wish ? c->wish != NULL && strcmp(w->rule, c->wish) == 0
		      : is_the_gate(unsafe.rule, o, lacks)),
	    "%s: %s without %s is stopped by %s of %u", c->figure,
	    order_name(f, o), order_name(f, lacks), unsafe.rule, unsafe.peer);
	pol_engine_free(e);
	return wish;
}

START_TEST(test_mirror_one_dependency_less)
{
	const struct plan_case *c = &cases[_i];
	struct order_set s;
	struct pol_plan *p;
	struct fleet f;
	unsigned wishes = 0;

	fleet_make(&f, c->links, c->dual);
	ck_assert_int_eq(pol_plan_make(f.graph, c->root, c->strategy, &p),
	    POL_OK);
	order_set_of_plan(&s, p);
	order_set_close(&s);
	for (uint32_t i = 0; i < s.n; i++)
		for (uint32_t j = 0; j < s.n; j++)
			if ((reduced(&s, i) >> j) & 1)
				wishes += less_is_found(c, &f, &s, i, j);
	ck_assert_msg(wishes == c->nwishes,
	    "%s: %u dependencies are not of safety, not %u", c->figure, wishes,
	    c->nwishes);
	pol_plan_free(p);
	fleet_free(&f);
}
END_TEST

/* The order may start: it is what the engine offers, or would be had the node
 * not another one that may start before. */
static void
order_is_free(const struct plan_case *c, const struct fleet *f,
    const struct order_set *s, uint32_t i, uint64_t done)
{
	struct pol_engine *e = engine_with(c, f, s, done);
	const struct pol_order o = s->order[i];
	const struct pol_why *w = wait_of(e, o);
	const uint32_t offer = fleet_offer(e, o.node);

	ck_assert_msg(w == NULL && offer != 0 &&
		pol_engine_allowed(e, o.node, o.steps, NULL) == POL_OK,
	    "%s: %s waits for more than the plan says: %s", c->figure,
	    order_name(f, o), w != NULL ? w->rule : "nothing");
	pol_engine_free(e);
}

START_TEST(test_mirror_one_dependency_more)
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
		order_is_free(c, &f, &s, i, s.after[i]);
		for (uint32_t j = 0; j < s.n; j++)
			if (j != i && !((s.after[i] >> j) & 1) &&
			    !((s.after[j] >> i) & 1))
				order_is_free(c, &f, &s, i,
				    all_without(&s, i, j));
	}
	pol_plan_free(p);
	fleet_free(&f);
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
	tcase_add_loop_test(t, test_mirror_one_dependency_less, 0, NCASES);
	tcase_add_loop_test(t, test_mirror_one_dependency_more, 0, NCASES);
	tcase_add_test(t, test_last_comes_last);
	return t;
}
