/* A roll's row and the engine's goal; the operator's words to its pace. */
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static struct ca_roll_row row = { .root = "plant",
	.from = 1,
	.to = 2,
	.strategy = POL_BUNDLED,
	.limit = 4,
	.max_in_flight = 5,
	.first = "web1 ghost app1",
	.windows = "Mon 01:00-02:00 UTC;Tue 03:00-04:00 UTC",
	.step = true,
	.presume = true };

static struct ca_goal
goal(void)
{
	struct ca_goal g;

	pair_must(ca_roll_goal(&w.ca, w.ca.topo, &row, &g));
	return g;
}

START_TEST(all_of_it)
{
	struct ca_goal g;

	w.conf.fresh_ms = 777;
	g = goal();
	ck_assert_uint_eq(g.goal.from, 1);
	ck_assert_uint_eq(g.goal.to, 2);
	ck_assert_int_eq(g.goal.strategy, POL_BUNDLED);
	ck_assert_uint_eq(g.goal.limit, 4);
	ck_assert_uint_eq(g.goal.max_in_flight, 5);
	ck_assert_int_eq(g.goal.fresh_ms, 777);
	ck_assert(g.goal.step && g.goal.presume && !g.goal.forget_first);
	/* who has left since is left out */
	ck_assert_uint_eq(g.goal.nfirst, 2);
	ck_assert_uint_eq(g.first[0], ca_topo_node(w.ca.topo, "web1"));
	ck_assert_uint_eq(g.first[1], ca_topo_node(w.ca.topo, "app1"));
	ck_assert_uint_eq(g.goal.nwindows, 2);
	ck_assert_uint_eq(g.goal.windows[1].from, 180);
}
END_TEST

/* Who goes back goes back now, and a thief waits for nobody. */
START_TEST(without_a_pace)
{
	struct ca_goal g;

	if (_i == 0) {
		row.from = 2;
		row.to = 1;
	} else {
		row.compromised = true;
	}
	g = goal();
	ck_assert(!g.goal.step && !g.goal.presume);
	ck_assert_uint_eq(g.goal.nfirst + g.goal.nwindows, 0);
	ck_assert_int_eq(g.goal.forget_first, _i == 1);
	ck_assert_uint_eq(g.goal.limit, 4);
}
END_TEST

START_TEST(a_broken_row)
{
	struct ca_goal g;

	strcpy(row.windows, "Mon 01:00-02:00 UTC;some day");
	ck_assert_int_eq(ca_roll_goal(&w.ca, w.ca.topo, &row, &g),
	    BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "some day"));
}
END_TEST

START_TEST(words_for_a_row)
{
	struct ca_roll_row r = { .root = "plant" };

	pair_must(ca_roll_first_add(&w.ca, &r, "app1"));
	pair_must(ca_roll_first_add(&w.ca, &r, "web1"));
	ck_assert_str_eq(r.first, "app1 web1");
	ck_assert_int_eq(ca_roll_first_add(&w.ca, &r, "ghost"),
	    BASE_E_NOTFOUND);
	/* the CA has no link under plant */
	ck_assert_int_eq(ca_roll_first_add(&w.ca, &r, "ca"), BASE_E_REFUSED);
	ck_assert_str_eq(r.first, "app1 web1");
	memset(r.first, 'x', CA_FIRST_MAX - 6);
	r.first[CA_FIRST_MAX - 6] = '\0';
	pair_must(ca_roll_first_add(&w.ca, &r, "app1"));
	r.first[CA_FIRST_MAX - 5] = '\0';
	r.first[CA_FIRST_MAX - 6] = 'x';
	ck_assert_int_eq(ca_roll_first_add(&w.ca, &r, "app1"), BASE_E_RANGE);
	/* so it is of whom to cut, and what to do is said */
	memset(r.cut, 'x', CA_FIRST_MAX - 6);
	pair_must(ca_roll_cut_add(&w.ca, &r, "app1"));
	ck_assert_int_eq(ca_roll_cut_add(&w.ca, &r, "web1"), BASE_E_RANGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "1023 characters"));
	ck_assert_ptr_nonnull(strstr(base_why(), "the others when these are"));
	ck_assert(!ca_roll_cut_has(&r, "web1"));
	for (int i = 0; i < POL_WINDOWS_MAX; i++)
		pair_must(ca_roll_window_add(&r, "01:00-02:00"));
	ck_assert_int_eq(ca_roll_window_add(&r, "01:00-02:00"), BASE_E_USAGE);
	r.windows[0] = '\0';
	ck_assert_int_eq(ca_roll_window_add(&r, "now"), BASE_E_USAGE);
	pair_must(ca_roll_window_add(&r, "Sat,Sun 22:00-04:00"));
	ck_assert_ptr_nonnull(strstr(r.windows, "22:00-04:00 UTC"));
}
END_TEST

START_TEST(when_it_opens)
{
	struct ca_roll_row want = { .root = "plant" };
	struct ca_roll *r;

	world_roll_as(&w, &want);
	r = w.ca.rolls;
	ck_assert_int_eq(ca_roll_opens(&w.ca, r).ms, w.now.ms);
	strcpy(r->row.windows, "Thu 22:00-23:00 UTC");
	/* the world begins on a Thursday at 00:00 */
	ck_assert_int_eq(ca_roll_opens(&w.ca, r).ms,
	    INT64_C(1767225600000) + 22 * 3600000);
	r->row.compromised = true;
	ck_assert_int_eq(ca_roll_opens(&w.ca, r).ms, w.now.ms);
}
END_TEST

/* ---- the operator's word ---- */

static char let_go[128];

static void
let(void *arg, const char *node, uint32_t steps)
{
	(void)arg;
	sprintf(let_go + strlen(let_go), "%s:%u ", node, steps);
}

static enum base_err
step(void)
{
	let_go[0] = '\0';
	return ca_roll_step(&w.ca, "plant", "uid 4", let, NULL);
}

static void
begin_stepping(void)
{
	const struct ca_roll_row want = { .root = "plant", .step = true };

	world_roll_as(&w, &want);
}

START_TEST(each_order_needs_a_word)
{
	begin_stepping();
	pair_turns(10);
	ck_assert_uint_eq(world_node(&w, "app1")->orders, 1);
	pair_must(step());
	ck_assert_str_eq(let_go, "app1:1 web1:1 ");
	ck_assert_ptr_nonnull(strstr(pair_last_record(),
	    "uid 4 roll: 1 of "
	    "root plant: "
	    "trust of"));
	pair_turns(20);
	ck_assert_uint_eq(world_node(&w, "app1")->conf.trust, 3);
	ck_assert_uint_eq(world_node(&w, "app1")->conf.present, 1);
	/* also by a kedged that was killed */
	pair_must(step());
	ck_assert_str_eq(let_go, "app1:2 web1:2 ");
	world_restart(&w);
	pair_turns(20);
	ck_assert_uint_eq(world_node(&w, "app1")->conf.present, 2);
}
END_TEST

START_TEST(no_order_waits_for_a_word)
{
	ck_assert_int_eq(step(), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "does not roll"));
	begin_stepping();
	pair_must(step());
	world_node(&w, "app1")->deaf = world_node(&w, "web1")->deaf = true;
	pair_turns(10);
	ck_assert_int_eq(step(), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "there is no order"));
	w.ca.rolls->row.state = CA_ROLL_PAUSED;
	ck_assert_int_eq(step(), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "roll resume plant"));
	w.ca.rolls->row.state = CA_ROLL_RUNNING;
	w.ca.rolls->row.step = false;
	ck_assert_int_eq(step(), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "need no word"));
	ck_assert_int_eq(ca_roll_step_rest(&w.ca, "plant", "x"), BASE_E_STATE);
	w.ca.rolls->row.step = true;
	w.ca.rolls->row.compromised = true;
	ck_assert_int_eq(step(), BASE_E_STATE);
}
END_TEST

START_TEST(all_the_others_may_go)
{
	begin_stepping();
	pair_must(ca_roll_step_rest(&w.ca, "plant", "uid 4"));
	ck_assert_str_eq(pair_last_record(),
	    "uid 4 roll: 1 of root plant: all other orders may go");
	world_restart(&w);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
}
END_TEST

/* ---- a key in wrong hands ---- */

START_TEST(it_becomes_one_of_a_stolen_key)
{
	ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "x"), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "does not roll"));
	begin_stepping();
	pair_must(ca_roll_compromise(&w.ca, "plant", "uid 4"));
	ck_assert_str_eq(pair_last_record(),
	    "uid 4 roll: 1 of root plant: the old root's key may be in wrong "
	    "hands");
	ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "x"), BASE_E_STATE);
	world_restart(&w);
	ck_assert(w.ca.rolls->row.compromised);
	/* no pace binds it, and orders say so */
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_gt(world_node(&w, "app1")->compromised, 0);
}
END_TEST

START_TEST(not_one_that_goes_back)
{
	const struct ca_roll_abort back = { "plant", "", "x", false, false };

	world_roll(&w, "plant");
	pair_must(ca_roll_abort(&w.ca, &back));
	ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "x"), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "goes back"));
}
END_TEST

TCase *
case_roll_goal(void)
{
	TCase *t = pair_case("roll_goal");

	tcase_add_test(t, all_of_it);
	tcase_add_loop_test(t, without_a_pace, 0, 2);
	tcase_add_test(t, a_broken_row);
	tcase_add_test(t, words_for_a_row);
	tcase_add_test(t, when_it_opens);
	tcase_add_test(t, each_order_needs_a_word);
	tcase_add_test(t, no_order_waits_for_a_word);
	tcase_add_test(t, all_the_others_may_go);
	tcase_add_test(t, it_becomes_one_of_a_stolen_key);
	tcase_add_test(t, not_one_that_goes_back);
	return t;
}
