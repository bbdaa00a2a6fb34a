/* Tests of policy/fresh.c: a removal rests on peers that were seen lately. */
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

#define FRESH 1000
#define OLD   POL_GEN(1)
#define BOTH  (POL_GEN(1) | POL_GEN(2))

static struct pol_engine *
engine_of(const struct fleet *f, enum pol_strategy s)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = s,
		.fresh_ms = FRESH };
	struct pol_engine *e;

	ck_assert_int_eq(pol_engine_new(f->graph, 0, &goal, &e), POL_OK);
	for (uint32_t i = 0; i < f->n; i++)
		fleet_holds(e, i, (struct pol_conf){ BOTH, OLD, 0 });
	return e;
}

static void
seen(struct pol_engine *e, uint32_t node, int64_t at)
{
	const struct pol_fact f = { .kind = POL_FACT_SEEN,
		.node = node,
		.at = { at } };

	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

/* The steps that ready has for the node at this time; may_start, and the
 * reasons, say the same. */
static uint32_t
offer_at(struct pol_engine *e, uint32_t node, int64_t now)
{
	const struct pol_order *o;
	struct pol_why w[3];
	uint32_t steps = 0;
	bool stale = false;
	size_t n;

	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ now }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	for (size_t i = 0; i < n; i++)
		if (o[i].node == node)
			steps = o[i].steps;
	ck_assert(pol_engine_may_start(e, (struct pol_time){ now }, node) ==
	    (steps != 0));
	n = pol_engine_waits(e, node, w, 3);
	for (size_t i = 0; i < n; i++)
		stale |= strcmp(w[i].rule, "fresh") == 0;
	ck_assert(!(stale && steps != 0));
	return steps;
}

static struct pol_why
why_at(struct pol_engine *e, uint32_t node, int64_t now)
{
	struct pol_why w[3];

	memset(w, 0, sizeof(w));
	ck_assert_uint_eq(offer_at(e, node, now), 0);
	ck_assert_uint_ge(pol_engine_waits(e, node, w, 3), 1);
	ck_assert_str_eq(w[0].rule, "fresh");
	return w[0];
}

START_TEST(test_a_removal_waits_for_an_inventory)
{
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s:server", "");
	e = engine_of(&f, POL_MINIMAL);
	ck_assert_uint_eq(why_at(e, 1, 5500).peer, 0);
	seen(e, 0, 5000);
	ck_assert_uint_eq(offer_at(e, 1, 5500), C);
	seen(e, 0, 4000); /* an older word changes nothing */
	ck_assert_uint_eq(offer_at(e, 1, 5500), C);
	ck_assert_uint_eq(offer_at(e, 1, 6000), C);
	ck_assert_uint_eq(why_at(e, 1, 6001).peer, 0);
	ck_assert_int_eq(why_at(e, 1, 6001).since.ms, 5000);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Facts are dated by the node's clock or the CA's, and come in any order. */
START_TEST(test_what_was_seen_stays_seen)
{
	struct pol_fact old = { .kind = POL_FACT_HOLDS,
		.node = 0,
		.conf = { BOTH, OLD, 0 },
		.at = { 4000 } };
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s:server", "");
	e = engine_of(&f, POL_MINIMAL);
	seen(e, 0, 5000);
	ck_assert_int_eq(pol_engine_fact(e, &old), POL_OK);
	ck_assert_uint_eq(offer_at(e, 1, 5500), C);
	/* an order that changes nothing, reported with an earlier date */
	old.kind = POL_FACT_EFFECTIVE;
	old.epoch = fleet_send(e, 0, T);
	ck_assert_int_eq(pol_engine_fact(e, &old), POL_OK);
	ck_assert_uint_eq(offer_at(e, 1, 5500), C);
	old.kind = POL_FACT_FAILED;
	old.epoch = fleet_send(e, 0, T);
	ck_assert_int_eq(pol_engine_fact(e, &old), POL_OK);
	ck_assert_uint_eq(offer_at(e, 1, 5500), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* It remembers how far it has looked; several are old, one after the other, and
 * again. */
START_TEST(test_each_peer_counts_at_each_moment)
{
	struct pol_engine *e;
	struct fleet f;

	/* c1 c2 c3 s */
	fleet_make(&f, "c1>s:server c2>s:server c3>s:server", "");
	e = engine_of(&f, POL_MINIMAL);
	seen(e, 0, 5000);
	seen(e, 2, 5000);
	ck_assert_uint_eq(why_at(e, 3, 5500).peer, 1);
	seen(e, 1, 5400);
	ck_assert_uint_eq(offer_at(e, 3, 5500), C);
	/* time goes on */
	ck_assert_uint_eq(why_at(e, 3, 6100).peer, 0);
	seen(e, 0, 6100);
	ck_assert_uint_eq(why_at(e, 3, 6100).peer, 2);
	seen(e, 2, 6100);
	ck_assert_uint_eq(offer_at(e, 3, 6100), C);
	/* the first gets too old while the third is waited for */
	ck_assert_uint_eq(why_at(e, 3, 6500).peer, 1);
	ck_assert_uint_eq(why_at(e, 3, 7200).peer, 0);
	seen(e, 1, 7200);
	ck_assert_uint_eq(why_at(e, 3, 7200).peer, 0);
	seen(e, 0, 7200);
	seen(e, 2, 7200);
	ck_assert_uint_eq(offer_at(e, 3, 7200), C);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_an_excused_peer_is_not_asked_until_it_returns)
{
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c1>s:server c2>s:server", "");
	e = engine_of(&f, POL_MINIMAL);
	seen(e, 1, 5000);
	ck_assert_uint_eq(why_at(e, 2, 5500).peer, 0);
	fleet_tell(e, POL_FACT_EXCUSED, 0, 0);
	ck_assert_uint_eq(offer_at(e, 2, 5500), C);
	/* all that it holds is sure, so no count changes when it is back */
	fleet_tell(e, POL_FACT_RETURNED, 0, 0);
	ck_assert_uint_eq(why_at(e, 2, 5500).peer, 0);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_only_peers_from_whom_something_is_taken)
{
	struct pol_engine *e;
	struct pol_why w;
	struct fleet f;

	/* m is a server of c and a client of s; c m s */
	fleet_make(&f, "c>m:server m>s:server", "");
	e = engine_of(&f, POL_MINIMAL);
	seen(e, 0, 5000);
	ck_assert_uint_eq(offer_at(e, 1, 5500), C); /* s does not matter */
	fleet_do(e, 1, C);
	fleet_do(e, 2, C);
	/* … and c does not when s's root goes */
	w = why_at(e, 1, 6500);
	ck_assert_uint_eq(w.steps, F);
	ck_assert_uint_eq(w.peer, 2);
	ck_assert_uint_eq(w.link_client, 1);
	ck_assert_uint_eq(w.link_server, 2);
	ck_assert(!w.presenter_waits);
	seen(e, 2, 6400);
	ck_assert_uint_eq(offer_at(e, 1, 6500), F);
	w = why_at(e, 0, 9500);
	ck_assert_uint_eq(w.peer, 1);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

static void
doubt(struct pol_engine *e, uint32_t node, struct pol_conf conf, int64_t at)
{
	const struct pol_fact f = { .kind = POL_FACT_DOUBTED,
		.node = node,
		.conf = conf,
		.at = { at } };

	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

/* What was looked at for one order is not good for another. */
START_TEST(test_another_order_rests_on_others)
{
	struct pol_engine *e;
	struct pol_why w[3];
	struct fleet f;

	/* c m s, as above */
	fleet_make(&f, "c>m:server m>s:server", "");
	e = engine_of(&f, POL_MINIMAL);
	seen(e, 0, 5000);
	ck_assert_uint_eq(offer_at(e, 1, 5500), C);
	fleet_do(e, 2, C);
	/* c may have lost its trust: m has its finish left */
	doubt(e, 0, (struct pol_conf){ OLD, 0, 0 }, 5500);
	ck_assert_uint_eq(offer_at(e, 1, 5500), 0);
	ck_assert_uint_eq(pol_engine_waits(e, 1, w, 3), 2);
	ck_assert_str_eq(w[0].rule, "present-trusted");
	ck_assert_str_eq(w[1].rule, "fresh");
	ck_assert_uint_eq(w[1].peer, 2);
	seen(e, 2, 5500);
	ck_assert_uint_eq(offer_at(e, 1, 5500), F);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_what_it_holds_itself_says_on_whom_it_rests)
{
	struct pol_engine *e;
	struct fleet f;

	/* c drops its bridge, which s1 sees; then perhaps a root, under which
	 * s2 may come */
	fleet_make(&f, "c>s1:0/1 c>s2:server", "c");
	e = engine_of(&f, POL_MINIMAL);
	fleet_holds(e, 0, (struct pol_conf){ POL_GEN(2), POL_GEN(2), OLD });
	fleet_holds(e, 2, (struct pol_conf){ 0, POL_GEN(2), 0 });
	seen(e, 1, 5000);
	ck_assert_uint_eq(offer_at(e, 0, 5500), F);
	doubt(e, 0, (struct pol_conf){ BOTH, POL_GEN(2), OLD }, 5500);
	ck_assert_uint_eq(why_at(e, 0, 5500).peer, 2);
	seen(e, 2, 5500);
	ck_assert_uint_eq(offer_at(e, 0, 5500), F);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_a_bridge_takes_nothing)
{
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "c");
	e = engine_of(&f, POL_MINIMAL);
	ck_assert_uint_eq(offer_at(e, 0, 5500), C);
	ck_assert_uint_eq(why_at(e, 1, 5500).peer, 0);
	ck_assert(why_at(e, 1, 5500).presenter_waits);
	fleet_do(e, 0, C);
	/* dropping it does */
	seen(e, 0, 5500);
	fleet_do(e, 1, C);
	ck_assert_uint_eq(why_at(e, 0, 5500).peer, 1);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

TCase *
case_fresh(void)
{
	TCase *t = tcase_create("fresh");

	tcase_add_test(t, test_a_removal_waits_for_an_inventory);
	tcase_add_test(t, test_what_was_seen_stays_seen);
	tcase_add_test(t, test_each_peer_counts_at_each_moment);
	tcase_add_test(t, test_an_excused_peer_is_not_asked_until_it_returns);
	tcase_add_test(t, test_only_peers_from_whom_something_is_taken);
	tcase_add_test(t, test_another_order_rests_on_others);
	tcase_add_test(t, test_what_it_holds_itself_says_on_whom_it_rests);
	tcase_add_test(t, test_a_bridge_takes_nothing);
	return t;
}
