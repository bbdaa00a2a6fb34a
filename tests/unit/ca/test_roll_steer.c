/* The operator changes his mind in the middle of a roll; see world.h. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const struct ca_roll_abort back = { "plant", "a test", "test", false,
	false };
static const struct ca_roll_abort back_late = { "plant", "", "test", true,
	false };

static struct ca_word
word(const char *node)
{
	return (struct ca_word){ "plant", node, "pump out of order", "test" };
}

/* Everybody who has a part holds this generation and nothing else. */
static void
all_on(struct world *w, uint32_t gen)
{
	struct ca_root r;

	ck_assert_int_eq(ca_store_root_get(w->ca.store, "plant", &r), BASE_OK);
	ck_assert_uint_eq(r.current, gen);
	for (size_t i = 0; i < w->nnodes; i++) {
		const struct pol_conf *c = &w->nodes[i].conf;

		if (c->trust != 0)
			ck_assert_uint_eq(c->trust, POL_GEN(gen));
		if (c->present != 0)
			ck_assert_uint_eq(c->present, POL_GEN(gen));
		ck_assert_uint_eq(c->bridge, 0);
	}
}

static void
run_to_end(struct world *w)
{
	ck_assert_msg(world_run(w, 600, world_rolled), "%s", w->waits);
}

/* In a bad network, from any point; kedged dies now and then. */
static bool
is_checked(struct world *v)
{
	return !v->ca.unchecked;
}

START_TEST(abort_and_roll_again)
{
	struct base_buf before;
	struct ca_gen g;
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, _i % 2 == 0 ? world_fleet : world_pair,
	    (uint64_t)_i + 1);
	w.loss = 30;
	w.repeat = 20;
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_store_gen_get(w.ca.store, "plant", 2, &g), BASE_OK);
	before = g.nwn;
	base_buf_init(&g.nwn, 0);
	ca_gen_clear(&g);
	for (int i = 0; i < 7 * _i && w.ca.rolls != NULL; i++)
		world_turn(&w);
	if (w.ca.rolls == NULL)
		goto over;
	if (ca_roll_abort(&w.ca, &back) != BASE_OK)
		ck_assert_int_eq(ca_roll_abort(&w.ca, &back_late), BASE_OK);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_E_STATE);
	if (_i % 3 == 0)
		world_restart(&w);
	run_to_end(&w);
	all_on(&w, 1);
	world_roll(&w, "plant");
over:
	run_to_end(&w);
	all_on(&w, 2);
	ck_assert_int_eq(ca_store_gen_get(w.ca.store, "plant", 2, &g), BASE_OK);
	ck_assert_uint_eq(g.nwn.n, before.n);
	ck_assert_mem_eq(g.nwn.p, before.p, before.n);
	base_buf_free(&before);
	ca_gen_clear(&g);
	world_close(&w);
}
END_TEST

/* To and fro, faster than the nodes answer. */
START_TEST(turns_in_a_hurry)
{
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_fleet, (uint64_t)_i + 50);
	w.loss = 40;
	world_roll(&w, "plant");
	for (int k = 0; k < 6 && w.ca.rolls != NULL; k++) {
		for (int i = 0; i < 11 + 9 * _i; i++)
			world_turn(&w);
		if (w.ca.rolls == NULL)
			break;
		if (k % 2 == 0)
			ck_assert_int_eq(ca_roll_abort(&w.ca, &back_late),
			    BASE_OK);
		else
			ck_assert_int_eq(ca_roll_again(&w.ca, "plant", "test"),
			    BASE_OK);
	}
	run_to_end(&w);
	for (size_t i = 1; i < w.nnodes; i++)
		ck_assert_uint_eq(w.nodes[i].conf.trust & ~POL_GEN(1) &
			~POL_GEN(2),
		    0);
	world_close(&w);
}
END_TEST

static bool
finish_was_sent(struct world *w)
{
	bool late = false;

	if (w->ca.rolls == NULL)
		return true;
	ck_assert_int_eq(ca_roll_is_late(&w->ca, &w->ca.rolls->row, &late),
	    BASE_OK);
	return late;
}

START_TEST(after_the_first_finish_abort_wants_to_be_told_twice)
{
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_pair, 3);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_E_STATE);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_again(&w.ca, "plant", "test"), BASE_E_STATE);
	ck_assert(world_run(&w, 60, finish_was_sent));
	ck_assert_ptr_nonnull(w.ca.rolls);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "OldWithNew"));
	ck_assert_uint_eq(w.ca.rolls->row.to, 2);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back_late), BASE_OK);
	run_to_end(&w);
	all_on(&w, 1);
	world_close(&w);
}
END_TEST

/* An order of before the abort that a relay kept is refused by its epoch. */
START_TEST(an_aborted_order_is_not_sent_again)
{
	struct ca_order o = { .epoch = 0 };
	struct world_node *n;
	struct world w;

	world_open_joined(&w, world_pair, 4);
	n = world_node(&w, "app1");
	n->deaf = true;
	world_roll(&w, "plant");
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	/* not by a kedged that was killed since either */
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "app1", "plant", 2, &o),
	    BASE_OK);
	ck_assert_int_eq(o.state, CA_ORDER_REPLACED);
	ca_order_clear(&o);
	n->deaf = false;
	run_to_end(&w);
	all_on(&w, 1);
	/* it got one order only: to go back to where it was */
	ck_assert_uint_eq(n->orders, 2);
	world_close(&w);
}
END_TEST

static bool
all_present_new(struct world *w)
{
	bool yes = true;

	for (size_t i = 0; i < w->nnodes; i++)
		yes = yes && w->nodes[i].conf.present == POL_GEN(2);
	return yes;
}

/* The roll turns, or is paused before, while kedge-hsmd signs the finish of a
 * node, and kedge-hsmd judges from then on as if the old
 * root might be forgotten there. That it was not sent, it cannot know. */
START_TEST(a_finish_signed_and_not_sent)
{
	struct ca_order o = { .epoch = 0 };
	struct world w;

	world_open_joined(&w, world_pair, 4);
	world_roll(&w, "plant");
	while (!all_present_new(&w) || !w.ca.rolls->busy) {
		world_turn(&w);
		ca_work(&w.ca);
	}
	if (_i < 2)
		ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	else
		ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", true, "test"),
		    BASE_OK);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	if (_i % 2 == 1)
		world_restart(&w);
	if (_i >= 2) {
		ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
		ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", false, "test"),
		    BASE_OK);
	}
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "app1", "plant", 4, &o),
	    BASE_OK);
	ck_assert_uint_eq(o.steps, WIRE_STEP_FINISH);
	ck_assert_int_eq(o.state, CA_ORDER_REPLACED);
	ca_order_clear(&o);
	run_to_end(&w);
	all_on(&w, 1);
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "app1", "plant", 5, &o),
	    BASE_OK);
	ck_assert_uint_eq(o.steps & WIRE_STEP_TRUST, WIRE_STEP_TRUST);
	ca_order_clear(&o);
	world_close(&w);
}
END_TEST

START_TEST(a_dead_node_is_excused_and_catches_up)
{
	const struct ca_word dead = word("app1");
	struct ca_word none = dead;
	struct world_node *n;
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_fleet, (uint64_t)_i + 5);
	n = world_node(&w, "app1");
	n->deaf = n->excused = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &dead), BASE_E_STATE);
	for (int rolls = 0; rolls <= _i; rolls++) {
		world_roll(&w, "plant");
		if (rolls == 0) {
			ck_assert(!world_run(&w, 60, world_rolled));
			none.reason = "";
			ck_assert_int_eq(ca_roll_excuse(&w.ca, &none),
			    BASE_E_USAGE);
			ck_assert_int_eq(ca_roll_excuse(&w.ca, &dead), BASE_OK);
		}
		for (int i = 0; i < 4000 && w.ca.rolls != NULL; i++)
			world_turn(&w);
		ck_assert_msg(w.ca.rolls == NULL, "%s", w.waits);
	}
	ck_assert_uint_eq(n->conf.trust, POL_GEN(1));
	world_restart(&w);
	/* kedge-hsmd has to say first that this store is the newest */
	ck_assert_int_eq(ca_roll_return(&w.ca, &dead), BASE_E_STATE);
	ck_assert(world_run(&w, 5, is_checked));
	ck_assert_int_eq(ca_roll_return(&w.ca, &dead), BASE_OK);
	n->deaf = false;
	run_to_end(&w);
	n->excused = false;
	all_on(&w, (uint32_t)_i + 2);
	ck_assert_int_eq(ca_roll_return(&w.ca, &dead), BASE_E_STATE);
	world_roll(&w, "plant");
	run_to_end(&w);
	all_on(&w, (uint32_t)_i + 3);
	world_close(&w);
}
END_TEST

/* It had taken a step of the roll; the others went back without it. */
START_TEST(an_excused_node_returns_from_an_aborted_roll)
{
	const struct ca_word dead = word("app1");
	struct world_node *n;
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_fleet, 9);
	n = world_node(&w, "app1");
	world_roll(&w, "plant");
	while (n->conf.trust == POL_GEN(1))
		world_turn(&w);
	n->deaf = n->excused = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &dead), BASE_OK);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	for (int i = 0; i < 4000 && w.ca.rolls != NULL; i++)
		world_turn(&w);
	ck_assert_msg(w.ca.rolls == NULL, "%s", w.waits);
	ck_assert_uint_ne(n->conf.trust, POL_GEN(1));
	ck_assert_int_eq(ca_roll_return(&w.ca, &dead), BASE_OK);
	n->deaf = false;
	run_to_end(&w);
	n->excused = false;
	all_on(&w, 1);
	world_roll(&w, "plant");
	run_to_end(&w);
	all_on(&w, 2);
	world_close(&w);
}
END_TEST

START_TEST(an_excused_node_returns_in_the_same_roll)
{
	const struct ca_word dead = word("app1");
	struct world_node *n;
	struct world w;

	world_open_joined(&w, world_fleet, 8);
	n = world_node(&w, "app1");
	n->deaf = n->excused = true;
	world_node(&w, "app3")->deaf = true;
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &dead), BASE_OK);
	ck_assert(!world_run(&w, 60, world_rolled));
	n->deaf = false;
	world_restart(&w);
	/* kedge-hsmd has to say first that this store is the newest */
	ck_assert_int_eq(ca_roll_return(&w.ca, &dead), BASE_E_STATE);
	ck_assert(world_run(&w, 5, is_checked));
	ck_assert_int_eq(ca_roll_return(&w.ca, &dead), BASE_OK);
	ck_assert(!world_run(&w, 30, world_rolled));
	world_node(&w, "app3")->deaf = false;
	run_to_end(&w);
	n->excused = false;
	all_on(&w, 2);
	world_close(&w);
}
END_TEST

START_TEST(a_node_on_hold_gets_nothing)
{
	const struct ca_word held = word("app1");
	struct world_node *n;
	struct world w;

	world_open_joined(&w, world_pair, 9);
	n = world_node(&w, "app1");
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_hold(&w.ca, &held), BASE_OK);
	ck_assert(!world_run(&w, 60, world_rolled));
	ck_assert_uint_le(n->orders, 2);
	world_restart(&w);
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_ptr_nonnull(strstr(w.waits, "app1"));
	ck_assert_int_eq(ca_roll_release(&w.ca, &held), BASE_OK);
	run_to_end(&w);
	all_on(&w, 2);
	world_close(&w);
}
END_TEST

static bool
app1_gave_up(struct world *w)
{
	return w->ca.rolls != NULL &&
	    ca_roll_is_held(&w->ca, w->ca.rolls,
		ca_topo_node(w->ca.topo, "app1"));
}

/* Nobody shall believe that he has mended something. */
START_TEST(who_is_not_held_is_not_released)
{
	const struct ca_word app1 = word("app1"), web1 = word("web1");
	struct ca_word ghost = word("ghost");
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_pair, 10);
	ck_assert_int_eq(ca_roll_release(&w.ca, &app1), BASE_E_STATE);
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_release(&w.ca, &ghost), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_roll_release(&w.ca, &app1), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "node app1: is not held"));
	/* also while its order is out */
	for (int i = 0; i < 10; i++)
		world_turn(&w);
	ck_assert_int_eq(ca_roll_hold(&w.ca, &app1), BASE_OK);
	ck_assert_int_eq(ca_roll_release(&w.ca, &web1), BASE_E_STATE);
	world_restart(&w);
	ck_assert_int_eq(ca_roll_release(&w.ca, &app1), BASE_OK);
	ck_assert_int_eq(ca_roll_release(&w.ca, &app1), BASE_E_STATE);
	/* and after failures */
	world_node(&w, "app1")->deaf = false;
	world_node(&w, "app1")->fails = true;
	ck_assert(world_run(&w, 60, app1_gave_up));
	ck_assert_int_eq(ca_roll_release(&w.ca, &app1), BASE_OK);
	world_node(&w, "app1")->fails = false;
	run_to_end(&w);
	world_close(&w);
}
END_TEST

/* ---- links and nodes that come and go ------------------------------------------- */

static enum base_err
link_put(struct ca *ca, void *arg)
{
	return ca_store_link_put(ca->store, arg);
}

static enum base_err
link_drop(struct ca *ca, void *arg)
{
	return ca_change_link_drop(ca, arg, "a test", "");
}

static enum base_err
link_drop_silently(struct ca *ca, void *arg)
{
	return ca_change_link_drop(ca, arg, "", "");
}

/* Whenever the engine lets a link in, it holds there and then, and to the
 * end; one that was refused is let in when the roll is over. */
START_TEST(links_come_and_go_in_the_middle)
{
	struct ca_link extra[] = {
		{ "app1", "web2", "plant", "plant" },
		{ "app2", "web2", "plant", "plant" },
		{ "web1", "web2", "plant", "plant" },
	};
	struct world w;
	bool in[3] = { false, false, false };

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_fleet, (uint64_t)_i + 70);
	w.loss = 30;
	world_roll(&w, "plant");
	for (int k = 0; k < 4000 && w.ca.rolls != NULL; k++) {
		struct ca_link *l = &extra[k % 3];
		bool *is_in = &in[k % 3];

		world_turn(&w);
		if (k % 7 != _i % 7)
			continue;
		if (ca_fleet_change(&w.ca, *is_in ? link_drop : link_put, l) ==
		    BASE_OK) {
			*is_in = !*is_in;
		} else {
			ck_assert(!*is_in);
			ck_assert_ptr_nonnull(strstr(base_why(), "rolls"));
		}
		world_links_hold(&w);
	}
	run_to_end(&w);
	for (int k = 0; k < 3; k++)
		ck_assert_int_eq(ca_fleet_change(&w.ca, link_put, &extra[k]),
		    BASE_OK);
	world_links_hold(&w);
	all_on(&w, 2);
	world_close(&w);
}
END_TEST

START_TEST(an_unsafe_link_is_refused_with_the_reason)
{
	struct ca_link l = { "app1", "web2", "plant", "plant" };
	struct world w;

	world_open_joined(&w, world_fleet, 80);
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert(!world_run(&w, 60, world_rolled));
	ck_assert_uint_eq(world_node(&w, "web2")->conf.trust, POL_GEN(2));
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_put, &l), BASE_E_OUTAGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "app1 > web2"));
	ck_assert_uint_eq(w.ca.topo->nlinks, 6);
	world_node(&w, "app1")->deaf = false;
	run_to_end(&w);
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_put, &l), BASE_OK);
	world_links_hold(&w);
	world_close(&w);
}
END_TEST

/* Its link was all that a dead node was waited for. */
START_TEST(a_removed_link_lets_the_roll_go_on)
{
	struct ca_link l = { "app1", "web1", "plant", "plant" };
	struct ca_link *list;
	struct world w;
	bool said;
	size_t n;

	world_open_joined(&w, world_fleet, 90);
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert(!world_run(&w, 60, world_rolled));
	/* the roll is judged by it: not without a word */
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_drop_silently, &l),
	    BASE_E_OUTAGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "--reason"));
	ck_assert_uint_eq(w.ca.topo->nlinks, 6);
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_drop, &l), BASE_OK);
	/* hsmd is told so, also by a kedged that was killed */
	world_restart(&w);
	world_turn(&w);
	world_turn(&w);
	ck_assert_uint_gt(hsm_fake_mood(w.hsm)->gone, 0);
	ck_assert_int_eq(ca_store_gone_has(w.ca.store, &l, &said), BASE_OK);
	ck_assert(said);
	ck_assert_msg(world_run(&w, 200, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(world_node(&w, "web1")->conf.trust, POL_GEN(2));
	for (int i = 0; i < 4; i++)
		world_turn(&w);
	ck_assert_int_eq(ca_store_gone(w.ca.store, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 0);
	free(list);
	/* at rest nobody asks */
	l = (struct ca_link){ "app2", "web1", "plant", "plant" };
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_drop_silently, &l),
	    BASE_OK);
	world_close(&w);
}
END_TEST

static const char late[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

/* At whatever point of the roll: it joins, holds its links at once, and takes
 * part to the end. */
START_TEST(a_node_joins_in_the_middle)
{
	struct ca_link l = { "app2", "web1", "plant", "plant" };
	struct world w;

	world_open(&w, late, (uint64_t)_i + 100);
	world_join(&w, "web1");
	world_join(&w, "app1");
	ck_assert(world_run(&w, 60, world_rolled));
	world_roll(&w, "plant");
	for (int i = 0; i < 4 * _i; i++)
		world_turn(&w);
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_put, &l), BASE_OK);
	for (int i = 0; i < 40; i++)
		world_turn(&w);
	world_join(&w, "app2");
	world_links_hold(&w);
	run_to_end(&w);
	all_on(&w, 2);
	ck_assert_uint_ne(world_node(&w, "app2")->conf.trust, 0);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(world_pair);
	world_ready_make(world_fleet);
}

TCase *
case_roll_steer(void)
{
	TCase *t = tcase_create("roll_steer");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_loop_test(t, abort_and_roll_again, 0, 16);
	tcase_add_loop_test(t, turns_in_a_hurry, 0, 6);
	tcase_add_test(t, after_the_first_finish_abort_wants_to_be_told_twice);
	tcase_add_test(t, an_aborted_order_is_not_sent_again);
	tcase_add_loop_test(t, a_finish_signed_and_not_sent, 0, 4);
	tcase_add_loop_test(t, a_dead_node_is_excused_and_catches_up, 0, 3);
	tcase_add_test(t, an_excused_node_returns_in_the_same_roll);
	tcase_add_test(t, an_excused_node_returns_from_an_aborted_roll);
	tcase_add_test(t, a_node_on_hold_gets_nothing);
	tcase_add_test(t, who_is_not_held_is_not_released);
	tcase_add_loop_test(t, links_come_and_go_in_the_middle, 0, 7);
	tcase_add_test(t, an_unsafe_link_is_refused_with_the_reason);
	tcase_add_test(t, a_removed_link_lets_the_roll_go_on);
	tcase_add_loop_test(t, a_node_joins_in_the_middle, 0, 12);
	return t;
}
