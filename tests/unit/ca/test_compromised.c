/* A roll whose old key may be in wrong hands: what its orders say, what does
 * not slow it down, and whose sessions go on; see world.h. */
#include <check.h>
#include <string.h>

#include <stdlib.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static struct world w;

static void
start(bool compromised)
{
	const struct ca_roll_row want = { .root = "plant",
		.compromised = compromised };

	base_log_open("test", BASE_ERR);
	world_open(&w, world_pair, 5);
	world_join_all(&w);
	world_node(&w, "app1")->unkicked = true;
	world_roll_as(&w, &want);
}

static size_t
marked(void)
{
	size_t n = 0;

	for (size_t i = 0; i < w.nnodes; i++)
		n += w.nodes[i].compromised;
	return n;
}

static size_t
carried_out(void)
{
	size_t n = 0;

	for (size_t i = 0; i < w.nnodes; i++)
		n += w.nodes[i].orders - w.nodes[i].tidies - 1;
	return n;
}

/* The roll as the control socket shows it; the caller's. */
static json_t *
shown_at(size_t at)
{
	struct ca_roll_row *rows = NULL;
	json_t *o = NULL;
	size_t n = 0;

	ck_assert_int_eq(ca_store_rolls(w.ca.store, &rows, &n), BASE_OK);
	ck_assert_uint_gt(n, at);
	ck_assert_int_eq(ca_json_roll(&w.ca, &rows[at], &o), BASE_OK);
	free(rows);
	return o;
}

static json_t *
shown(void)
{
	return shown_at(0);
}

/* Nodes whose sessions go on, by that roll. */
static size_t
go_on(size_t at)
{
	json_t *o = shown_at(at);
	const size_t n = json_array_size(json_object_get(o, "not_kicked"));

	json_decref(o);
	return n;
}

/* Each of its orders says so, also after a death; none in peace. */
START_TEST(orders_say_so)
{
	const bool compromised = _i == 1;
	json_t *o, *names;

	start(compromised);
	for (int i = 0; i < 10; i++)
		world_turn(&w);
	world_restart(&w);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(marked(), compromised ? carried_out() : 0);
	ck_assert_uint_gt(carried_out(), 3);
	o = shown();
	ck_assert(
	    json_is_true(json_object_get(o, "compromised")) == compromised);
	/* app1 has said that some of its sessions go on */
	names = json_object_get(o, "not_kicked");
	ck_assert((names != NULL) == compromised);
	ck_assert_uint_eq(json_array_size(names), compromised);
	if (compromised)
		ck_assert_str_eq(json_string_value(json_array_get(names, 0)),
		    "app1");
	json_decref(o);
	world_close(&w);
}
END_TEST

/* The theft is found out in the middle of a roll that goes step by step. */
START_TEST(no_pace_binds_it)
{
	const struct ca_roll_row want = { .root = "plant",
		.step = true,
		.windows = "Mon 00:00-00:01 UTC" };

	base_log_open("test", BASE_ERR);
	world_open(&w, world_pair, 6);
	world_join_all(&w);
	world_roll_as(&w, &want);
	ck_assert(!world_run(&w, 60, world_rolled));
	ck_assert_uint_eq(carried_out(), 0);
	ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "test"), BASE_OK);
	ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "test"),
	    BASE_E_STATE);
	ck_assert_int_eq(ca_roll_step_rest(&w.ca, "plant", "test"),
	    BASE_E_STATE);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(marked(), carried_out());
	ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "test"),
	    BASE_E_STATE);
	world_close(&w);
}
END_TEST

/* What goes back to the old root says nothing of the kind. */
START_TEST(the_way_back_is_in_peace)
{
	struct ca_roll_abort back = { .root = "plant",
		.reason = "a test",
		.who = "test" };
	size_t before;

	start(true);
	world_node(&w, "app1")->deaf = true;
	world_node(&w, "web1")->slow = true;
	for (int i = 0; i < 40; i++)
		world_turn(&w);
	world_node(&w, "web1")->slow = world_node(&w, "app1")->deaf = false;
	before = marked();
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_E_OUTAGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "--to-compromised"));
	ck_assert_uint_eq(w.ca.rolls->row.to, 2);
	back.compromised = true;
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "test"),
	    BASE_E_STATE);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(marked(), before);
	/* the key is no better since, in whichever roll */
	world_roll(&w, "plant");
	back.compromised = false;
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_E_OUTAGE);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	world_close(&w);
}
END_TEST

/* A silent node is waited for by the rules, however great the hurry, until an
 * excuse; what works is never broken for it. */
START_TEST(the_rules_hold)
{
	const struct ca_word excuse = { "plant", "app1", "dead", "test" };

	start(true);
	world_node(&w, "app1")->deaf = true;
	ck_assert(!world_run(&w, 60, world_rolled));
	ck_assert_uint_eq(world_node(&w, "web1")->conf.trust, 3);
	ck_assert_uint_eq(world_node(&w, "web1")->conf.present, 1);
	world_node(&w, "app1")->excused = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &excuse), BASE_OK);
	for (int i = 0; i < 1000 && w.ca.rolls != NULL; i++)
		world_turn(&w);
	ck_assert_ptr_null(w.ca.rolls);
	ck_assert_uint_eq(world_node(&w, "web1")->conf.trust, 2);
	/* later it catches up in the same way */
	ck_assert_uint_eq(world_node(&w, "app1")->compromised, 0);
	world_node(&w, "app1")->deaf = false;
	ck_assert_int_eq(ca_roll_return(&w.ca, &excuse), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(world_node(&w, "app1")->conf.trust, 2);
	ck_assert_uint_gt(world_node(&w, "app1")->compromised, 2);
	world_close(&w);
}
END_TEST

/* Who missed it and returns while the root rolls in peace is kicked all the
 * same; nobody else is. */
START_TEST(back_in_peace)
{
	const struct ca_word excuse = { "plant", "app1", "dead", "test" };
	size_t others;

	start(true);
	world_node(&w, "app1")->deaf = world_node(&w, "app1")->excused = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &excuse), BASE_OK);
	for (int i = 0; i < 1000 && w.ca.rolls != NULL; i++)
		world_turn(&w);
	ck_assert_ptr_null(w.ca.rolls);
	ck_assert_uint_eq(go_on(0), 0);
	others = marked();
	world_node(&w, "web1")->slow = true;
	world_roll(&w, "plant");
	for (int i = 0; i < 20; i++)
		world_turn(&w);
	ck_assert_ptr_nonnull(w.ca.rolls);
	world_node(&w, "web1")->slow = world_node(&w, "app1")->deaf = false;
	ck_assert_int_eq(ca_roll_return(&w.ca, &excuse), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(world_node(&w, "app1")->conf.trust, 4);
	ck_assert_uint_gt(world_node(&w, "app1")->compromised, 2);
	ck_assert_uint_eq(marked() - world_node(&w, "app1")->compromised,
	    others);
	ck_assert_uint_eq(go_on(1), 1); /* it has said so */
	world_close(&w);
}
END_TEST

static bool
late_has_finished(struct world *of)
{
	return world_node(of, "app1")->conf.trust == POL_GEN(3);
}

static bool
no_roll(struct world *of)
{
	return of->ca.rolls == NULL;
}

/* When it has finished, and the roll in peace goes back all the same, its orders
 * accuse nobody of the theft of what is gone back to. */
START_TEST(way_back_after_a_late_node)
{
	const struct ca_word excuse = { "plant", "app1", "dead", "test" };
	const struct ca_roll_abort back = { .root = "plant",
		.reason = "",
		.who = "test",
		.late = true };
	uint64_t before;

	start(true);
	world_node(&w, "app1")->deaf = world_node(&w, "app1")->excused = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &excuse), BASE_OK);
	ck_assert(world_run(&w, 1000, no_roll));
	world_node(&w, "web1")->slow = true;
	world_roll(&w, "plant");
	for (int i = 0; i < 20; i++)
		world_turn(&w);
	world_node(&w, "app1")->deaf = false;
	ck_assert_int_eq(ca_roll_return(&w.ca, &excuse), BASE_OK);
	world_node(&w, "web1")->slow = false;
	ck_assert(world_run(&w, 120, late_has_finished));
	ck_assert_ptr_nonnull(w.ca.rolls);
	before = hsm_fake_mood(w.hsm)->accused;
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->accused, before);
	world_close(&w);
}
END_TEST

/* They go on until a later finish has ended them. */
START_TEST(ended_by_the_next)
{
	const struct ca_roll_row again = { .root = "plant",
		.compromised = _i == 1 };

	start(true);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(go_on(0), 1);
	world_node(&w, "app1")->unkicked = false;
	world_roll_as(&w, &again);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(go_on(0), _i == 1 ? 0 : 1);
	ck_assert_uint_eq(go_on(1), 0);
	world_close(&w);
}
END_TEST

static uint32_t
since(const char *root, uint32_t above)
{
	uint32_t out;

	ck_assert_int_eq(ca_store_root_compromised(w.ca.store, root, above,
			     &out),
	    BASE_OK);
	return out;
}

/* A roll in peace after it needs no more than peace. */
START_TEST(only_who_missed_it)
{
	start(true);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert(since("plant", 1) && since("plant", 0));
	ck_assert(!since("plant", 2) && !since("management", 0));
	world_close(&w);
	start(false);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert(!since("plant", 0));
	world_close(&w);
}
END_TEST

/* By the control socket: at the start, and of a roll that runs. */
START_TEST(said_by_the_operator)
{
	asked_open(world_pair);
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true,\"dry_run\":true}");
	ck_assert_ptr_null(asked.w.ca.rolls);
	if (_i == 1) {
		asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
		asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
			 "\"compromised\":true,\"max_in_flight\":1}",
		    "USAGE");
		ck_assert(!asked.w.ca.rolls->row.compromised);
	}
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true}");
	ck_assert(asked.w.ca.rolls->row.compromised);
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true}",
	    "STATE");
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"finish\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"end their sessions"));
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"cert\"}");
	ck_assert_ptr_null(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"end their sessions"));
	asked_close();
}
END_TEST

/* It goes as fast as the rules allow, and is said of one root. */
START_TEST(with_no_pace)
{
	asked_open(world_pair);
	world_join_all(&asked.w);
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true,\"step\":true}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true,\"windows\":[\"00:00-01:00\"]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true,\"presume\":\"received\"}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"all\":true,\"compromised\":true}",
	    "USAGE");
	ck_assert_ptr_null(asked.w.ca.rolls);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true,\"max_in_flight\":1}");
	asked_close();
}
END_TEST

/* Two pairs, so that two could finish at once: one does, as a tenth of the fleet
 * is less than one; more when the operator says so, also in the middle; in peace
 * nobody is counted. */
static const char two_pairs[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; },\n"
    "  { name = \"app2\"; reach = \"poll\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web2\"; root = \"plant\"; } );\n";

static bool
never(struct world *x)
{
	(void)x;
	return false;
}

static size_t
finishing(void)
{
	size_t n = 0;

	for (uint32_t i = 0; i < asked.w.nnodes; i++)
		n += pol_engine_step(asked.w.ca.rolls->engine, i, POL_FINISH) ==
			POL_STEP_SENT ||
		    pol_engine_step(asked.w.ca.rolls->engine, i, POL_FINISH) ==
			POL_STEP_RECEIVED;
	return n;
}

static bool
have_certs(struct world *x)
{
	for (size_t i = 0; i < x->nnodes; i++)
		if (x->nodes[i].conf.present != POL_GEN(2))
			return false;
	return true;
}

START_TEST(few_are_kicked_at_once)
{
	static const char *const start[] = {
		"{\"cmd\":\"roll-start\",\"root\":\"plant\","
		"\"compromised\":true}",
		"{\"cmd\":\"roll-start\",\"root\":\"plant\","
		"\"compromised\":true,\"kicks\":3}",
		"{\"cmd\":\"roll-start\",\"root\":\"plant\"}",
	};

	asked_open(two_pairs);
	asked.w.conf.silent_ms = 20000;
	world_join_all(&asked.w);
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\",\"kicks\":3}",
	    "USAGE");
	asked_ok(start[_i]);
	ck_assert(world_run(&asked.w, 60, have_certs));
	for (size_t i = 0; i < asked.w.nnodes; i++)
		asked.w.nodes[i].slow = true;
	for (int i = 0; i < 100; i++)
		world_turn(&asked.w);
	if (_i == 0) {
		ck_assert_uint_eq(finishing(), 1);
		/* it has its order, and is counted as long as it may be at
		 * work on that, heard of or not */
		for (size_t i = 0; i < asked.w.nnodes; i++)
			asked.w.nodes[i].deaf = true;
		(void)world_run(&asked.w, 120, never);
		ck_assert_uint_eq(finishing(), 1);
		asked.w.now.ms += 31 * 60000;
		asked.w.mono.ms += 31 * 60000;
		(void)world_run(&asked.w, 10, never);
		ck_assert_uint_eq(finishing(), 2);
		/* the other one does not even have its own */
		(void)world_run(&asked.w, 20, never);
		ck_assert_uint_eq(finishing(), 3);
		asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
			 "\"compromised\":true,\"kicks\":2}");
		for (int i = 0; i < 100; i++)
			world_turn(&asked.w);
		ck_assert_uint_ge(finishing(), 3);
	} else {
		ck_assert_uint_ge(finishing(), 2);
	}
	asked_close();
}
END_TEST

TCase *
case_compromised(void)
{
	TCase *t = tcase_create("compromised");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, orders_say_so, 0, 2);
	tcase_add_test(t, no_pace_binds_it);
	tcase_add_test(t, the_way_back_is_in_peace);
	tcase_add_test(t, the_rules_hold);
	tcase_add_test(t, back_in_peace);
	tcase_add_test(t, way_back_after_a_late_node);
	tcase_add_loop_test(t, ended_by_the_next, 0, 2);
	tcase_add_test(t, only_who_missed_it);
	tcase_add_loop_test(t, few_are_kicked_at_once, 0, 3);
	tcase_add_test(t, with_no_pace);
	tcase_add_loop_test(t, said_by_the_operator, 0, 2);
	return t;
}
