/* Tests of policy/values.c: what a node may hold, and what remains sure when
 * more is possible than is listed. Generations above 2 come from inventories
 * of restored nodes. */
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define G1 POL_GEN(1)
#define G2 POL_GEN(2)
#define G3 POL_GEN(3)
#define G4 POL_GEN(4)
#define G5 POL_GEN(5)

static struct pol_engine *
engine_of(const struct fleet *f, struct pol_conf c, struct pol_conf s)
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_engine *e;

	ck_assert_int_eq(pol_engine_new(f->graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_C, c);
	fleet_holds(e, NODE_S, s);
	return e;
}

static void
doubt(struct pol_engine *e, uint32_t node, struct pol_conf conf)
{
	const struct pol_fact f = { .kind = POL_FACT_DOUBTED,
		.node = node,
		.conf = conf };

	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

static bool
allowed(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	return pol_engine_allowed(e, node, steps, NULL) == POL_OK;
}

START_TEST(test_full_chains_hide_no_trust_list)
{
	const struct pol_conf restored = { G1, 1, 0 };
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "c");
	e = engine_of(&f, (struct pol_conf){ G1 | G2, G1, 0 },
	    (struct pol_conf){ G1 | G2, G1, 0 });
	ck_assert(!pol_engine_fits(e, NODE_C, restored));
	doubt(e, NODE_C, (struct pol_conf){ G1 | G2, G2, 0 });
	doubt(e, NODE_C, (struct pol_conf){ G1 | G2, G2, G1 });
	doubt(e, NODE_C, (struct pol_conf){ G1 | G2, G1, G2 });
	/* four chains are possible, one trust list */
	ck_assert(
	    pol_engine_fits(e, NODE_C, (struct pol_conf){ G1 | G2, G1, G2 }));
	ck_assert(
	    !pol_engine_fits(e, NODE_C, (struct pol_conf){ G1 | G2, G1, G3 }));
	ck_assert(!pol_engine_fits(e, NODE_C, restored));
	/* a fifth: any chain may be, and still this trust list only */
	doubt(e, NODE_C, (struct pol_conf){ G1 | G2, G3, 0 });
	ck_assert(
	    pol_engine_fits(e, NODE_C, (struct pol_conf){ G1 | G2, G4, G3 }));
	ck_assert(!pol_engine_fits(e, NODE_C, restored));
	/* s may show its new certificate as long as c fits; then no more */
	ck_assert(allowed(e, NODE_S, POL_CERT));
	doubt(e, NODE_C, restored);
	ck_assert(!allowed(e, NODE_S, POL_CERT));
	ck_assert(pol_engine_fits(e, NODE_C, restored));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Four trust lists are listed, of the fourth and later ones what they share. */
START_TEST(test_of_many_trust_lists_the_common_is_sure)
{
	static const uint64_t lists[] = { G2 | G3, G1 | G2 | G3, G2 | G4 };
	const uint64_t fifth = _i == 0 ? G2 | G5 : G1 | G4;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = engine_of(&f, (struct pol_conf){ G1 | G2, G1, 0 },
	    (struct pol_conf){ G1 | G2, G1, 0 });
	for (unsigned i = 0; i < 3; i++)
		doubt(e, NODE_C, (struct pol_conf){ lists[i], G1, 0 });
	ck_assert(allowed(e, NODE_S, POL_CERT));
	ck_assert(!pol_engine_fits(e, NODE_C, (struct pol_conf){ G5, G1, 0 }));
	doubt(e, NODE_C, (struct pol_conf){ fifth, G1, 0 });
	ck_assert(allowed(e, NODE_S, POL_CERT) == (_i == 0));
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ G5, G1, 0 }));
	ck_assert(!pol_engine_fits(e, NODE_C, (struct pol_conf){ G5, G2, 0 }));
	/* trust adds to each of them, whatever they are */
	fleet_do(e, NODE_C, POL_TRUST);
	ck_assert(allowed(e, NODE_S, POL_CERT));
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ G5, G1, 0 }));
	/* finish writes the list anew: then it is known again */
	fleet_send(e, NODE_C, POL_FINISH);
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ G5, G1, 0 }));
	fleet_do(e, NODE_C, POL_FINISH);
	ck_assert(!pol_engine_fits(e, NODE_C, (struct pol_conf){ G5, G1, 0 }));
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ G2, G1, 0 }));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

static const struct {
	struct pol_conf fourth, fifth;
	bool meets; /* every chain verifies under 2 */
} chain_cases[] = {
	{ { 0, G1, G2 }, { 0, G1, G2 | G3 }, true },
	{ { 0, G1, G2 }, { 0, G1, G3 }, false }, /* no bridge in common */
	{ { 0, G2, G3 }, { 0, G1, 0 }, false }, /* no leaf in common */
	{ { 0, G2, G3 }, { 0, G2, G4 }, true },
};

START_TEST(test_of_many_chains_the_common_is_sure)
{
	const uint64_t both = G1 | G2;
	struct pol_conf fourth = chain_cases[_i].fourth;
	struct pol_conf fifth = chain_cases[_i].fifth;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "c");
	fourth.trust = fifth.trust = both;
	e = engine_of(&f, (struct pol_conf){ both, G2, 0 },
	    (struct pol_conf){ both, G2, 0 });
	doubt(e, NODE_C, (struct pol_conf){ both, G2, G1 });
	doubt(e, NODE_C, (struct pol_conf){ both, G2, G1 | G3 });
	doubt(e, NODE_C, fourth);
	ck_assert(allowed(e, NODE_S, POL_FINISH));
	doubt(e, NODE_C, fifth);
	ck_assert(allowed(e, NODE_S, POL_FINISH) == chain_cases[_i].meets);
	ck_assert(pol_engine_fits(e, NODE_C, (struct pol_conf){ both, G5, 0 }));
	/* cert writes the chain anew */
	fleet_do(e, NODE_C, POL_CERT);
	ck_assert(
	    !pol_engine_fits(e, NODE_C, (struct pol_conf){ both, G5, 0 }));
	ck_assert(pol_engine_possible(e, NODE_C).is_sure);
	ck_assert(allowed(e, NODE_S, POL_FINISH));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* The listed chains of c lose nothing by its cert, and the direction does not
 * hold in any case; but one that is not listed is of generation 1, works,
 * and would stop working. */
START_TEST(test_nothing_is_taken_from_what_is_not_listed)
{
	const uint64_t both = G1 | G2;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = engine_of(&f, (struct pol_conf){ both, G2, 0 },
	    (struct pol_conf){ G1, G1, 0 });
	doubt(e, NODE_C, (struct pol_conf){ both, G2, G1 });
	doubt(e, NODE_C, (struct pol_conf){ both, G2, G3 });
	doubt(e, NODE_C, (struct pol_conf){ both, G2, G4 });
	ck_assert(allowed(e, NODE_C, POL_CERT)); /* it changes no leaf */
	doubt(e, NODE_C, (struct pol_conf){ both, G1, 0 });
	ck_assert(!allowed(e, NODE_C, POL_CERT));
	ck_assert(!pol_engine_possible(e, NODE_C).is_sure);
	fleet_do(e, NODE_S, POL_TRUST);
	ck_assert(allowed(e, NODE_C, POL_CERT));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_a_report_may_show_what_is_not_listed)
{
	const uint64_t both = G1 | G2;
	struct pol_engine *e;
	struct fleet f;
	uint64_t epoch;

	fleet_make(&f, "c>s", "");
	e = engine_of(&f, (struct pol_conf){ G1, G1, 0 },
	    (struct pol_conf){ G1, G1, 0 });
	for (unsigned g = 3; g < 6; g++)
		doubt(e, NODE_C, (struct pol_conf){ POL_GEN(g), G1, 0 });
	epoch = fleet_send(e, NODE_C, POL_TRUST);
	ck_assert(pol_engine_may_hold(e, NODE_C, epoch,
	    (struct pol_conf){ both, G1, 0 }));
	ck_assert(!pol_engine_may_hold(e, NODE_C, epoch,
	    (struct pol_conf){ G2 | POL_GEN(7), G1, 0 }));
	doubt(e, NODE_C, (struct pol_conf){ POL_GEN(7), G1, 0 });
	ck_assert(pol_engine_may_hold(e, NODE_C, epoch,
	    (struct pol_conf){ G2 | POL_GEN(7), G1, 0 }));
	ck_assert(!pol_engine_may_hold(e, NODE_C, epoch,
	    (struct pol_conf){ G2 | POL_GEN(7), G2, 0 }));
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_values(void)
{
	TCase *t = tcase_create("values");

	tcase_add_test(t, test_full_chains_hide_no_trust_list);
	tcase_add_loop_test(t, test_of_many_trust_lists_the_common_is_sure, 0,
	    2);
	tcase_add_loop_test(t, test_of_many_chains_the_common_is_sure, 0,
	    sizeof(chain_cases) / sizeof(chain_cases[0]));
	tcase_add_test(t, test_nothing_is_taken_from_what_is_not_listed);
	tcase_add_test(t, test_a_report_may_show_what_is_not_listed);
	return t;
}
