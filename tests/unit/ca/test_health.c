/* How the fleet is: each node's state over its roots, its last word, and what
 * kedge-hsmd says of itself. */
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static enum ca_node_state
state(const char *node)
{
	enum ca_node_state s;

	pair_must(ca_node_state(&w.ca, ca_topo_node(w.ca.topo, node), &s));
	return s;
}

static const struct pol_conf none = { 0, 0, 0 };

START_TEST(the_worst_that_holds)
{
	const struct ca_word hold = { "plant", "app1", "", "test" };

	ck_assert_int_eq(state("app1"), CA_NODE_CONFIRMED);
	world_roll(&w, "plant");
	pair_fact("app1", POL_FACT_FAILED, none);
	ck_assert_int_eq(state("app1"), CA_NODE_PENDING);
	ck_assert_int_eq(state("web1"), CA_NODE_CONFIRMED);
	pair_fact("app1", POL_FACT_DOUBTED, none);
	ck_assert_int_eq(state("app1"), CA_NODE_DOUBTED);
	pair_must(ca_roll_hold(&w.ca, &hold));
	ck_assert_int_eq(state("app1"), CA_NODE_HELD);
	pair_fact("app1", POL_FACT_EXCUSED, none);
	ck_assert_int_eq(state("app1"), CA_NODE_EXCUSED);
	pair_node("app1")->joined.ms = 0;
	ck_assert_int_eq(state("app1"), CA_NODE_KNOWN);
}
END_TEST

/* Under any root that has to do with it. */
START_TEST(over_all_its_roots)
{
	struct ca_fact f = { .node = "app1",
		.root = "lab",
		.kind = POL_FACT_EXCUSED };

	pair_must(ca_store_fact_add(w.ca.store, &f));
	ck_assert_int_eq(state("app1"), CA_NODE_CONFIRMED);
	strcpy(f.root, CA_MANAGEMENT);
	f.kind = POL_FACT_DOUBTED;
	pair_must(ca_store_fact_add(w.ca.store, &f));
	ck_assert_int_eq(state("app1"), CA_NODE_DOUBTED);
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(ca_node_state_word(CA_NODE_CONFIRMED), "confirmed");
	ck_assert_str_eq(ca_node_state_word(CA_NODE_PENDING), "pending");
	ck_assert_str_eq(ca_node_state_word(CA_NODE_KNOWN), "known");
	ck_assert_str_eq(ca_node_state_word(CA_NODE_STATES), "?");
}
END_TEST

START_TEST(heard)
{
	const uint32_t app1 = ca_topo_node(w.ca.topo, "app1");
	struct base_time said, at;

	pair_must(ca_stock_last(&w.ca, "app1", &said));
	ck_assert_int_ne(said.ms, 0);
	pair_node("app1")->seen.ms = said.ms - 1;
	pair_must(ca_node_heard(&w.ca, app1, &at));
	ck_assert_int_eq(at.ms, said.ms);
	pair_node("app1")->seen.ms = said.ms + 1;
	pair_must(ca_node_heard(&w.ca, app1, &at));
	ck_assert_int_eq(at.ms, said.ms + 1);
}
END_TEST

/* ---- kedge-hsmd ---- */

static unsigned told;

static void
done(void *arg, enum base_err e)
{
	(void)arg;
	pair_must(e);
	told++;
}

START_TEST(asked_once_in_a_while)
{
	const struct hsm_fake_mood *m = hsm_fake_mood(w.hsm);
	const uint64_t asked = m->asked;

	ck_assert(!ca_health_hsm(&w.ca)->known);
	ca_health_ask(&w.ca, done, NULL);
	ca_health_ask(&w.ca, done, NULL);
	ca_health_ask(&w.ca, NULL, NULL);
	ck_assert_uint_eq(told, 0);
	pair_answer();
	ck_assert_uint_eq(told, 2);
	ck_assert_uint_eq(m->asked - asked, 1);
	ck_assert(ca_health_hsm(&w.ca)->known && ca_health_hsm(&w.ca)->up);
	/* fresh */
	w.mono.ms += 4999;
	ca_health_ask(&w.ca, done, NULL);
	ck_assert_uint_eq(told, 3);
	ck_assert_uint_eq(m->asked - asked, 1);
	w.mono.ms += 1;
	ca_health_ask(&w.ca, done, NULL);
	ck_assert_uint_eq(told, 3);
	pair_answer();
	ck_assert_uint_eq(told, 4);
	ck_assert_uint_eq(m->asked - asked, 2);
}
END_TEST

START_TEST(away)
{
	hsm_fake_mood(w.hsm)->down = true;
	ca_health_ask(&w.ca, done, NULL);
	pair_answer();
	ck_assert_uint_eq(told, 1);
	ck_assert(ca_health_hsm(&w.ca)->known && !ca_health_hsm(&w.ca)->up);
	ck_assert_ptr_nonnull(strstr(ca_health_hsm(&w.ca)->why, "no answer"));
	hsm_fake_mood(w.hsm)->down = false;
	w.mono.ms += 5000;
	ca_health_ask(&w.ca, NULL, NULL);
	pair_answer();
	ck_assert(ca_health_hsm(&w.ca)->up);
	ck_assert_str_eq(ca_health_hsm(&w.ca)->why, "");
}
END_TEST

START_TEST(its_tokens)
{
	const struct ca_hsm_state *h;

	hsm_fake_mood(w.hsm)->info[0] = "token main up 12 keys";
	hsm_fake_mood(w.hsm)->info[1] = "token spare locked-out PIN refused";
	hsm_fake_mood(w.hsm)->info[2] = "version 1";
	ca_health_ask(&w.ca, NULL, NULL);
	pair_answer();
	h = ca_health_hsm(&w.ca);
	ck_assert_uint_eq(h->ntokens, 2);
	ck_assert_str_eq(h->tokens[0].name, "main");
	ck_assert(h->tokens[0].up);
	ck_assert_str_eq(h->tokens[0].why, "up: 12 keys");
	ck_assert_str_eq(h->tokens[1].name, "spare");
	ck_assert(!h->tokens[1].up);
	ck_assert_str_eq(h->tokens[1].why, "locked-out: PIN refused");
}
END_TEST

TCase *
case_health(void)
{
	TCase *t = pair_case("health");

	tcase_add_test(t, the_worst_that_holds);
	tcase_add_test(t, over_all_its_roots);
	tcase_add_test(t, words);
	tcase_add_test(t, heard);
	tcase_add_test(t, asked_once_in_a_while);
	tcase_add_test(t, away);
	tcase_add_test(t, its_tokens);
	return t;
}
