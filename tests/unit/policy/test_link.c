/* Tests of links and joiners in the middle of a roll. */
#include <stdlib.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

START_TEST(test_a_new_link_waits_until_it_is_safe)
{
	struct pol_link l = { 0, 3, 0, 0 };
	struct pol_why why;
	struct fleet f;
	struct pol_engine *e;

	/* nodes c1 c2 s1 s2; c1 > s2 is to be added */
	fleet_make(&f, "c1>s1 c2>s2", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, NULL), POL_OK);
	fleet_do(e, 1, POL_TRUST);
	fleet_do(e, 3, POL_TRUST);
	fleet_do(e, 3, POL_CERT);
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, &why), POL_E_UNSAFE);
	ck_assert_str_eq(why.rule, "new-link");
	ck_assert_uint_eq(why.node, 3);
	ck_assert_uint_eq(why.peer, 0);
	ck_assert_uint_eq(why.peer_steps, POL_TRUST);
	l.server_root = 1;
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, NULL), POL_OK);
	l.server_root = 0;
	fleet_do(e, 0, POL_TRUST);
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, NULL), POL_OK);
	/* s2 forgets the old root: now c1's certificate comes first */
	fleet_do(e, 1, POL_CERT);
	fleet_do(e, 3, POL_FINISH);
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, &why), POL_E_UNSAFE);
	ck_assert_uint_eq(why.node, 0);
	ck_assert_uint_eq(why.peer, 0);
	ck_assert_uint_eq(why.peer_steps, POL_CERT);
	l.server = 9;
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, NULL), POL_E_RANGE);
	l.server = 0;
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, NULL), POL_E_SELF);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* The same facts on the graph without the link: s waits for c2 no more. */
START_TEST(test_a_removed_link_frees)
{
	static const char *const graphs[] = { "c1>s c2>s", "c1>s c2>x" };

	for (int i = 0; i < 2; i++) {
		struct fleet f;
		struct pol_engine *e;
		uint32_t s;

		fleet_make(&f, graphs[i], "");
		e = fleet_engine(&f, 0, POL_MINIMAL);
		s = fleet_node(&f, "s", 1);
		fleet_do(e, 0, POL_TRUST);
		fleet_do(e, s, POL_TRUST);
		ck_assert_uint_eq(fleet_offer(e, s), i == 0 ? 0 : POL_CERT);
		pol_engine_free(e);
		fleet_free(&f);
	}
}
END_TEST

/* c2 joins in the middle: it is given what s is sure to accept and may show.
 * Until it is known, s takes nothing away. */
START_TEST(test_a_joiner_gets_what_the_mixture_requires)
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_conf c;
	struct fleet f;
	struct pol_engine *e;

	/* c1 c2 s */
	fleet_make(&f, "c1>s c2>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, 0, (struct pol_conf){ 3, 1, 0 });
	fleet_holds(e, 2, (struct pol_conf){ 1, 1, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, 1, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 1);
	ck_assert_uint_eq(c.present, 1);
	fleet_holds(e, 2, (struct pol_conf){ 3, 1, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, 1, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 3);
	ck_assert_uint_eq(c.present, 2);
	ck_assert_uint_eq(fleet_offer(e, 2), 0);
	fleet_holds(e, 1, c);
	ck_assert_uint_eq(fleet_offer(e, 2), POL_CERT);
	fleet_holds(e, 2, (struct pol_conf){ 2, 2, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, 1, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 2);
	ck_assert_uint_eq(c.present, 2);
	ck_assert_int_eq(pol_engine_joiner(e, 9, &c), POL_E_RANGE);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* s1 has forgotten the old root, s2 does not have the new one yet. */
START_TEST(test_a_joiner_that_nobody_could_please_waits)
{
	struct pol_conf c;
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c1>s1 c1>s2 c2>s1 c3>s2", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_holds(e, 3, (struct pol_conf){ 2, 2, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, 0, &c), POL_E_UNSAFE);
	ck_assert_int_eq(pol_engine_joiner(e, 1, &c), POL_OK);
	fleet_do(e, 4, POL_TRUST);
	ck_assert_int_eq(pol_engine_joiner(e, 0, &c), POL_OK);
	ck_assert_uint_eq(c.present, 2);
	ck_assert_uint_eq(c.trust, 3);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* s is two generations behind: what it shows would be refused by any joiner
 * that has the two of this roll, until it has its new certificate. */
START_TEST(test_a_joiner_waits_for_who_is_far_behind)
{
	const struct pol_goal goal = { .from = 2, .to = 3 };
	struct pol_conf c;
	struct fleet f;
	struct pol_engine *e;

	fleet_make(&f, "c>s:server", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_S, (struct pol_conf){ 0, 1, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_E_UNSAFE);
	/* who shows nothing yet will show one of the two */
	fleet_holds(e, NODE_S, (struct pol_conf){ 0, 0, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 6);
	fleet_holds(e, NODE_S, (struct pol_conf){ 0, 4, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 4);
	fleet_holds(e, NODE_S, (struct pol_conf){ 0, 1, 0 });
	fleet_tell(e, POL_FACT_EXCUSED, NODE_S, 0);
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* Each has only reported when both have been given their configuration. */
static void
two_join(const struct fleet *f, uint32_t one, uint32_t other)
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_conf c[2];
	struct pol_engine *e;

	ck_assert_int_eq(pol_engine_new(f->graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, 0, (struct pol_conf){ 1, 1, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, one, &c[0]), POL_OK);
	ck_assert_int_eq(pol_engine_joiner(e, other, &c[1]), POL_OK);
	fleet_holds(e, one, c[0]);
	fleet_holds(e, other, c[1]);
	ck_assert(pol_engine_is_safe(e, 0, 1));
	ck_assert(pol_engine_is_safe(e, 1, 0));
	ck_assert(pol_engine_is_safe(e, 1, 2));
	ck_assert(pol_engine_is_safe(e, 2, 1));
	pol_engine_free(e);
}

/* a is old, and b's neighbour; nobody but b is c's. */
START_TEST(test_two_that_join_at_once_authenticate)
{
	struct fleet f;

	fleet_make(&f, _i % 2 == 0 ? "b>a b>c" : "a>b c>b", "");
	if (_i / 2 == 0)
		two_join(&f, 1, 2);
	else
		two_join(&f, 2, 1);
	fleet_free(&f);
}
END_TEST

/* An excused one is not waited for, and decides nothing. */
START_TEST(test_an_excused_stranger_says_nothing)
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_conf c;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 3);
	fleet_tell(e, POL_FACT_EXCUSED, NODE_S, 0);
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 2);
	ck_assert_uint_eq(c.present, 2);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* s held something once; until it says what, nothing suits it for sure. */
START_TEST(test_a_joiner_waits_for_who_is_lost)
{
	static const char *const links[] = { "c>s", "c>s:server",
		"s>c:server" };
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_conf c;
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, links[_i], "");
	ck_assert_int_eq(pol_engine_new(f.graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_S, (struct pol_conf){ 1, 1, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	fleet_tell(e, POL_FACT_LOST, NODE_S, 0);
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_E_UNSAFE);
	fleet_tell(e, POL_FACT_EXCUSED, NODE_S, 0);
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	fleet_tell(e, POL_FACT_RETURNED, NODE_S, 0);
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_E_UNSAFE);
	fleet_holds(e, NODE_S, (struct pol_conf){ 3, 2, 0 });
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* S, whom c joins beside, is doubted four times: more chains are possible then
 * than are listed. Until the last of them c gets an answer. */
static struct pol_engine *
doubted(struct fleet *fl, const struct pol_conf doubts[4])
{
	const struct pol_goal goal = { .from = 1, .to = 2 };
	struct pol_fact f = { .kind = POL_FACT_DOUBTED, .node = NODE_S };
	struct pol_conf c;
	struct pol_engine *e;

	fleet_make(fl, "c>s:server", "");
	ck_assert_int_eq(pol_engine_new(fl->graph, 0, &goal, &e), POL_OK);
	fleet_holds(e, NODE_S, (struct pol_conf){ 0, 1, 0 });
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
		f.conf = doubts[i];
		ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
	}
	return e;
}

/* They have nothing in common. */
START_TEST(test_a_joiner_waits_for_chains_that_are_not_listed)
{
	static const struct pol_conf doubts[] = { { 0, 2, 0 }, { 0, 2, 1 },
		{ 0, 1, 2 }, { 0, 4, 0 } };
	struct pol_conf c;
	struct fleet fl;
	struct pol_engine *e = doubted(&fl, doubts);

	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_E_UNSAFE);
	/* written anew, it is known */
	fleet_do(e, NODE_S, POL_CERT);
	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	pol_engine_free(e);
	fleet_free(&fl);
}
END_TEST

/* All of them verify under the old root. */
START_TEST(test_what_unlisted_chains_have_in_common_is_enough)
{
	static const struct pol_conf doubts[] = { { 0, 1, 2 }, { 0, 1, 4 },
		{ 0, 1, 6 }, { 0, 1, 8 } };
	struct pol_conf c;
	struct fleet fl;
	struct pol_engine *e = doubted(&fl, doubts);

	ck_assert_int_eq(pol_engine_joiner(e, NODE_C, &c), POL_OK);
	ck_assert_uint_eq(c.trust, 1);
	pol_engine_free(e);
	fleet_free(&fl);
}
END_TEST

TCase *
case_link(void)
{
	TCase *t = tcase_create("link");

	tcase_add_test(t, test_a_new_link_waits_until_it_is_safe);
	tcase_add_test(t, test_a_removed_link_frees);
	tcase_add_test(t, test_a_joiner_gets_what_the_mixture_requires);
	tcase_add_test(t, test_a_joiner_that_nobody_could_please_waits);
	tcase_add_test(t, test_a_joiner_waits_for_who_is_far_behind);
	tcase_add_loop_test(t, test_two_that_join_at_once_authenticate, 0, 4);
	tcase_add_test(t, test_an_excused_stranger_says_nothing);
	tcase_add_loop_test(t, test_a_joiner_waits_for_who_is_lost, 0, 3);
	tcase_add_test(t, test_a_joiner_waits_for_chains_that_are_not_listed);
	tcase_add_test(t, test_what_unlisted_chains_have_in_common_is_enough);
	return t;
}
