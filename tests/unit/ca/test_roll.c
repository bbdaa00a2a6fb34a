/* Rolls of a whole fleet in virtual time; see world.h. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char one_sided[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"server\";\n"
    "  root = \"plant\"; } );\n";

static uint32_t
current(struct world *w)
{
	struct ca_root r;

	ck_assert_int_eq(ca_store_root_get(w->ca.store, "plant", &r), BASE_OK);
	return r.current;
}

START_TEST(two_nodes_roll)
{
	struct world w;
	uint64_t n, made;
	uint8_t head[32];

	world_open_joined(&w, world_pair, 1);
	made = hsm_fake_mood(w.hsm)->made;
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 120, world_rolled));
	/* as kedge plan --compare says: test_cmd_simulate.c, test_compare */
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->made - made, 19);
	ck_assert_uint_eq(current(&w), 2);
	for (size_t i = 0; i < w.nnodes; i++) {
		ck_assert_uint_eq(w.nodes[i].conf.trust, POL_GEN(2));
		ck_assert_uint_eq(w.nodes[i].conf.present, POL_GEN(2));
		ck_assert_uint_eq(w.nodes[i].orders, 4); /* join and E1 */
	}
	ck_assert_int_eq(ca_store_audit_verify(w.ca.store, &n, head), BASE_OK);
	world_close(&w);
}
END_TEST

/* Again and again: the next generation's key already waits. */
START_TEST(three_rolls_in_a_row)
{
	struct world w;

	world_open_joined(&w, world_pair, 2);
	for (uint32_t g = 2; g <= 4; g++) {
		world_roll(&w, "plant");
		ck_assert(world_run(&w, 120, world_rolled));
		ck_assert_uint_eq(current(&w), g);
	}
	world_close(&w);
}
END_TEST

/* Loss, repetition, and kedged killed every few turns. */
START_TEST(a_bad_day)
{
	struct world w;

	world_open_joined(&w, world_fleet, (uint64_t)_i + 1);
	world_roll(&w, "plant");
	w.loss = 40;
	w.repeat = 30;
	for (int i = 0; i < 6000 && !world_rolled(&w); i++) {
		world_turn(&w);
		if (i % 37 == _i)
			world_restart(&w);
	}
	ck_assert_msg(world_rolled(&w), "seed %d: %s", _i + 1, w.waits);
	ck_assert_uint_eq(current(&w), 2);
	for (size_t i = 0; i < w.nnodes; i++) {
		ck_assert_uint_eq(w.nodes[i].conf.trust & POL_GEN(1), 0);
		ck_assert_uint_eq(w.nodes[i].conf.bridge, 0);
	}
	/* server without a finish is told to tidy up */
	ck_assert_uint_eq(world_node(&w, "lone")->tidies, 1);
	ck_assert_uint_eq(world_node(&w, "web1")->tidies, 0);
	world_close(&w);
}
END_TEST

START_TEST(a_silent_node_is_waited_for_by_name)
{
	struct world w;

	world_open_joined(&w, world_pair, 3);
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert(!world_run(&w, 60, world_rolled));
	ck_assert_ptr_nonnull(strstr(w.waits, "app1: trust"));
	ck_assert_ptr_null(strstr(w.waits, "web1"));
	ck_assert_uint_eq(world_node(&w, "web1")->conf.present, POL_GEN(1));
	world_node(&w, "app1")->deaf = false;
	ck_assert(world_run(&w, 120, world_rolled));
	ck_assert_str_eq(w.waits, "");
	world_close(&w);
}
END_TEST

static void
made(void *arg, enum base_err e)
{
	(void)arg;
	ck_assert_int_eq(e, BASE_OK);
}

/* Twelve hours in which nothing happens, so that all certificates are good
 * when the clock is set back. */
static void
long_ago(struct world *w)
{
	world_join_all(w);
	ca_make_generation(&w->ca, "plant", 2, made, NULL);
	while (hsm_fake_turn(w->hsm) > 0)
		;
	w->now.ms += INT64_C(12) * 3600000;
}

/* The clock is set back or forward by hours while an order is out: it is given
 * again after the same pauses, no later and no more often. */
START_TEST(a_clock_that_jumps_stalls_nothing)
{
	static const int64_t jumps[] = { 0, -6, 6 };
	struct world w;

	world_open(&w, world_pair, 30);
	long_ago(&w);
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert(!world_run(&w, 10, world_rolled));
	w.now.ms += jumps[_i] * 3600000;
	ck_assert(!world_run(&w, 10, world_rolled));
	/* at 0, 1, 3, 7 and 15 seconds */
	ck_assert_uint_eq(ca_deliver_tries(w.ca.deliver, "app1", "plant", 2),
	    5);
	world_node(&w, "app1")->deaf = false;
	ck_assert_msg(world_run(&w, 10, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(world_node(&w, "app1")->highest, 4);
	world_close(&w);
}
END_TEST

/* The same while hsmd is away. */
START_TEST(a_clock_that_jumps_keeps_nobody_from_asking)
{
	static const int64_t jumps[] = { -6, 6 };
	struct world w;
	uint64_t before;

	world_open(&w, world_pair, 31);
	long_ago(&w);
	world_roll(&w, "plant");
	hsm_fake_mood(w.hsm)->down = true;
	ck_assert(!world_run(&w, 2, world_rolled));
	w.now.ms += jumps[_i] * 3600000;
	before = hsm_fake_mood(w.hsm)->asked;
	ck_assert(!world_run(&w, 10, world_rolled));
	ck_assert_uint_le(hsm_fake_mood(w.hsm)->asked - before, 21);
	hsm_fake_mood(w.hsm)->down = false;
	ck_assert_msg(world_run(&w, 10, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

START_TEST(hsmd_away_is_waited_for_by_name)
{
	struct world w;

	world_open_joined(&w, world_pair, 4);
	asked_log();
	world_roll(&w, "plant");
	hsm_fake_mood(w.hsm)->down = true;
	ck_assert(!world_run(&w, 30, world_rolled));
	/* once as it fails, once as that for which the roll waits */
	ck_assert_uint_eq(asked_log_says("waits for kedge-hsmd: no answer\n"),
	    2);
	ck_assert_ptr_nonnull(strstr(w.waits, "waits for kedge-hsmd"));
	hsm_fake_mood(w.hsm)->down = false;
	ck_assert(world_run(&w, 120, world_rolled));
	world_close(&w);
}
END_TEST

static bool
is_held(struct world *w)
{
	uint32_t i = ca_topo_node(w->ca.topo, "app1");

	return w->ca.rolls != NULL && ca_roll_is_held(&w->ca, w->ca.rolls, i);
}

START_TEST(a_failing_node_is_held_and_freed)
{
	struct world w;

	world_open_joined(&w, world_pair, 5);
	world_node(&w, "app1")->fails = true;
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, is_held));
	ck_assert_uint_eq(world_node(&w, "app1")->highest, 1 + 3);
	ck_assert(!world_run(&w, 30, world_rolled));
	ck_assert_uint_eq(world_node(&w, "app1")->highest, 1 + 3);
	world_restart(&w);
	ck_assert(is_held(&w));
	world_node(&w, "app1")->fails = false;
	ck_assert_int_eq(ca_roll_retry(&w.ca, "plant", "app1", "test"),
	    BASE_OK);
	ck_assert(world_run(&w, 120, world_rolled));
	world_close(&w);
}
END_TEST

START_TEST(a_paused_roll_sends_nothing)
{
	struct world w;
	size_t before;

	world_open_joined(&w, world_pair, 6);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", true, "test"), BASE_OK);
	before = world_node(&w, "web1")->orders;
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(world_node(&w, "web1")->orders, before);
	world_restart(&w);
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(world_node(&w, "web1")->orders, before);
	ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", false, "test"), BASE_OK);
	ck_assert(world_run(&w, 120, world_rolled));
	world_close(&w);
}
END_TEST

START_TEST(nobody_joined_is_no_roll)
{
	json_t *problems = json_array();
	struct world w;

	world_open(&w, world_pair, 7);
	world_join(&w, "web1");
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", problems), BASE_OK);
	ck_assert_uint_eq(json_array_size(problems), 2);
	ck_assert_int_eq(ca_roll_check(&w.ca, "nosuch", problems),
	    BASE_E_NOTFOUND);
	json_decref(problems);
	world_close(&w);
}
END_TEST

/* One node that hsmd refuses does not keep the others from going on. */
START_TEST(one_refused_certificate_holds_up_one_node)
{
	struct world w;

	world_open_joined(&w, world_pair, 8);
	world_roll(&w, "plant");
	hsm_fake_mood(w.hsm)->refuse = "app1";
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(world_node(&w, "web1")->conf.trust,
	    POL_GEN(1) | POL_GEN(2));
	ck_assert_uint_eq(world_node(&w, "app1")->conf.trust, POL_GEN(1));
	hsm_fake_mood(w.hsm)->refuse = NULL;
	ck_assert(world_run(&w, 120, world_rolled));
	world_close(&w);
}
END_TEST

START_TEST(another_certificate_than_asked_for_is_not_sent)
{
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_pair, 9);
	world_roll(&w, "plant");
	hsm_fake_mood(w.hsm)->other_cert = true;
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(world_node(&w, "web1")->orders, 1);
	world_close(&w);
}
END_TEST

/* Away until the order's time is over: it is made again, and at last taken,
 * without counting as a failure. */
START_TEST(an_expired_order_is_made_again)
{
	struct world w;

	world_open(&w, world_pair, 10);
	w.conf.order_s = 120;
	w.conf.failure_limit = 1;
	world_join_all(&w);
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert(!world_run(&w, 400, world_rolled));
	world_restart(&w);
	ck_assert(!world_run(&w, 5, world_rolled));
	world_node(&w, "app1")->deaf = false;
	ck_assert_msg(world_run(&w, 200, world_rolled), "%s", w.waits);
	ck_assert_uint_gt(world_node(&w, "app1")->highest, 5);
	world_close(&w);
}
END_TEST

/* A tidy that nobody took expires, and is given again. */
START_TEST(an_expired_tidy_is_made_again)
{
	struct world w;
	struct world_node *n;
	uint64_t before;

	world_open(&w, one_sided, 40);
	w.conf.order_s = 600;
	world_join_all(&w);
	n = world_node(&w, "web1");
	world_roll(&w, "plant");
	while (n->orders < 2) /* join, cert */
		world_turn(&w);
	n->deaf = true;
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(n->tidies, 0);
	before = n->highest;
	w.now.ms += 3600000;
	w.mono.ms += 3600000;
	world_turn(&w);
	n->deaf = false;
	ck_assert(world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(n->tidies, 1);
	ck_assert_uint_eq(n->highest, before + 2);
	/* done once, and for good */
	w.now.ms += 3600000;
	w.mono.ms += 3600000;
	ck_assert(world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(n->tidies, 1);
	world_close(&w);
}
END_TEST

/* The order reaches app1 after its canaries have died. */
static struct world_node *
late(struct world *w, uint64_t seed)
{
	struct world_node *n;

	world_open(w, world_pair, seed);
	w->conf.canary_s = 20;
	w->conf.failure_limit = 1;
	world_join_all(w);
	n = world_node(w, "app1");
	n->deaf = true;
	world_roll(w, "plant");
	ck_assert(!world_run(w, 40, world_rolled));
	n->deaf = false;
	return n;
}

/* It says so: made again, without counting as a failure, and not at once. */
START_TEST(dead_canaries_are_no_failure)
{
	struct world w;
	struct world_node *n = late(&w, 11);
	uint64_t before = n->highest;

	n->stale = true;
	while (n->report.n == 0)
		world_turn(&w);
	ck_assert_uint_eq(n->highest, before + 1);
	for (int i = 0; i < 8; i++)
		world_turn(&w);
	ck_assert_uint_eq(n->highest, before + 1);
	ck_assert(!is_held(&w));
	n->stale = false;
	ck_assert_msg(world_run(&w, 200, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

/* Late as well, but what it says is that its application failed. */
START_TEST(a_late_failure_is_a_failure)
{
	struct world w;

	late(&w, 11)->fails = true;
	ck_assert(world_run(&w, 20, is_held));
	world_close(&w);
}
END_TEST

/* Its clock is wrong: by ours they live, and it would say so for ever. */
START_TEST(canaries_that_are_dead_too_early_are_a_failure)
{
	struct world w;

	world_open_joined(&w, world_pair, 11);
	world_node(&w, "app1")->stale = true;
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 20, is_held));
	world_close(&w);
}
END_TEST

START_TEST(a_dead_relay_is_gone_round)
{
	static const char text[] =
	    "roots = ( { name = \"plant\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
	    "  { name = \"web2\"; reach = \"direct\"; },\n"
	    "  { name = \"app1\"; reach = \"poll\";\n"
	    "    via = [ \"web1\", \"web2\" ]; } );\n"
	    "links = ( { client = \"app1\"; server = \"web1\";\n"
	    "  root = \"plant\"; }, { client = \"app1\"; server = \"web2\";\n"
	    "  root = \"plant\"; } );\n";
	struct world w;

	world_open_joined(&w, text, 12);
	w.dead_relay = "web1";
	world_roll(&w, "plant");
	ck_assert_msg(world_run(&w, 300, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(current(&w), 2);
	world_close(&w);
}
END_TEST

/* A link that gives a joined node a new part asks for a new join. */
START_TEST(a_changed_part_is_no_roll)
{
	struct ca_link l = { "web1", "app1", "plant", "plant" };
	json_t *problems = json_array();
	struct world w;

	world_open_joined(&w, one_sided, 13);
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", problems), BASE_OK);
	ck_assert_uint_eq(json_array_size(problems), 0);
	ck_assert_int_eq(ca_store_link_put(w.ca.store, &l), BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", problems), BASE_OK);
	ck_assert_uint_eq(json_array_size(problems), 2);
	json_decref(problems);
	world_close(&w);
}
END_TEST

/* Added with a relay, but never linked to it. */
START_TEST(a_relay_without_a_link_is_no_roll)
{
	json_t *problems = json_array();
	struct world w;

	world_open_joined(&w, world_pair, 41);
	ck_assert_int_eq(ca_store_link_delete(w.ca.store, "app1", "web1"),
	    BASE_OK);
	ck_assert_int_eq(ca_store_link_put(w.ca.store,
			     &(struct ca_link){ "web1", "app1", "plant",
				 "plant" }),
	    BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", problems), BASE_OK);
	ck_assert_uint_eq(json_array_size(problems), 1);
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_array_get(problems, 0)),
		"there is no link app1>web1"));
	json_decref(problems);
	world_close(&w);
}
END_TEST

/* Joined again, and not heard of since: what it holds is not known. */
START_TEST(a_doubtful_node_is_no_roll)
{
	struct ca_fact f = { .kind = POL_FACT_SENT,
		.node = "app1",
		.root = "plant",
		.epoch = 9,
		.to = 1,
		.steps = WIRE_STEP_JOIN | WIRE_STEP_TRUST | WIRE_STEP_CERT };
	json_t *problems = json_array();
	struct world w;

	world_open_joined(&w, world_pair, 42);
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", problems), BASE_OK);
	ck_assert_uint_eq(json_array_size(problems), 0);
	ck_assert_int_eq(ca_store_fact_add(w.ca.store, &f), BASE_OK);
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", problems), BASE_OK);
	ck_assert_uint_eq(json_array_size(problems), 1);
	/* a tidy that failed says nothing of what it holds */
	f.kind = POL_FACT_HOLDS;
	f.conf =
	    (struct pol_conf){ .trust = POL_GEN(1), .present = POL_GEN(1) };
	ck_assert_int_eq(ca_store_fact_add(w.ca.store, &f), BASE_OK);
	f.kind = POL_FACT_FAILED;
	f.steps = WIRE_STEP_TIDY;
	ck_assert_int_eq(ca_store_fact_add(w.ca.store, &f), BASE_OK);
	json_array_clear(problems);
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", problems), BASE_OK);
	ck_assert_uint_eq(json_array_size(problems), 0);
	json_decref(problems);
	world_close(&w);
}
END_TEST

/* A node that lost everything joins again in the middle of a roll. */
START_TEST(a_node_joins_again_in_the_middle)
{
	struct world w;

	world_open_joined(&w, world_pair, (uint64_t)_i + 14);
	world_roll(&w, "plant");
	for (int i = 0; i < 6 * _i; i++)
		world_turn(&w);
	world_forget(&w, "app1");
	world_join(&w, "app1");
	ck_assert_msg(world_run(&w, 200, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(current(&w), 2);
	ck_assert_uint_eq(world_node(&w, "app1")->conf.trust, POL_GEN(2));
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
case_roll(void)
{
	TCase *t = tcase_create("roll");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_test(t, two_nodes_roll);
	tcase_add_test(t, three_rolls_in_a_row);
	tcase_add_loop_test(t, a_bad_day, 0, 4);
	tcase_add_test(t, a_silent_node_is_waited_for_by_name);
	tcase_add_loop_test(t, a_clock_that_jumps_stalls_nothing, 0, 3);
	tcase_add_loop_test(t, a_clock_that_jumps_keeps_nobody_from_asking, 0,
	    2);
	tcase_add_test(t, hsmd_away_is_waited_for_by_name);
	tcase_add_test(t, a_failing_node_is_held_and_freed);
	tcase_add_test(t, a_paused_roll_sends_nothing);
	tcase_add_test(t, nobody_joined_is_no_roll);
	tcase_add_test(t, one_refused_certificate_holds_up_one_node);
	tcase_add_test(t, another_certificate_than_asked_for_is_not_sent);
	tcase_add_test(t, an_expired_order_is_made_again);
	tcase_add_test(t, an_expired_tidy_is_made_again);
	tcase_add_test(t, dead_canaries_are_no_failure);
	tcase_add_test(t, a_late_failure_is_a_failure);
	tcase_add_test(t, canaries_that_are_dead_too_early_are_a_failure);
	tcase_add_test(t, a_dead_relay_is_gone_round);
	tcase_add_loop_test(t, a_node_joins_again_in_the_middle, 0, 5);
	tcase_add_test(t, a_changed_part_is_no_roll);
	tcase_add_test(t, a_relay_without_a_link_is_no_roll);
	tcase_add_test(t, a_doubtful_node_is_no_roll);
	return t;
}
