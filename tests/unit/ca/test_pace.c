/* How fast a roll may go: who goes first, windows, the operator's word, orders
 * at once; see world.h. */
#include <check.h>
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

#define HOUR INT64_C(3600000)

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"web2\"; reach = \"direct\"; },\n"
    "  { name = \"app3\"; reach = \"poll\"; via = [ \"web2\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web2\"; root = \"plant\"; } );\n";

static const struct ca_roll_abort back = { "plant", "a test", "test", false,
	false };

static struct ca_roll_row
plant(void)
{
	return (struct ca_roll_row){ .root = "plant" };
}

static void
start(struct world *w, const struct ca_roll_row *want)
{
	base_log_open("test", BASE_ERR);
	world_open(w, fleet, 1);
	world_join_all(w);
	world_roll_as(w, want);
}

/* Orders that were carried out since the joins. */
static size_t
orders(struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->nnodes; i++)
		n += w->nodes[i].orders - 1;
	return n;
}

static bool
holds(struct world *w, const char *node, uint64_t trust, uint64_t present)
{
	const struct pol_conf *c = &world_node(w, node)->conf;

	return c->trust == trust && c->present == present;
}

static void
run(struct world *w, int turns)
{
	for (int i = 0; i < turns; i++)
		world_turn(w);
}

/* ---- who goes first -------------------------------------------------------------- */

START_TEST(the_first_go_first_through_all_steps)
{
	struct ca_roll_row want = plant();
	struct world w;
	size_t before[3] = { 0 };

	base_log_open("test", BASE_ERR);
	world_open(&w, fleet, 3);
	world_join_all(&w);
	want.root[0] = '\0';
	ck_assert_int_eq(ca_roll_first_add(&w.ca, &want, "app2"),
	    BASE_E_REFUSED);
	want = plant();
	ck_assert_int_eq(ca_roll_first_add(&w.ca, &want, "app2"), BASE_OK);
	ck_assert_int_eq(ca_roll_first_add(&w.ca, &want, "nosuch"),
	    BASE_E_NOTFOUND);
	world_roll_as(&w, &want);
	w.loss = 30;
	for (int i = 0; i < 4000 && !world_rolled(&w); i++) {
		const struct pol_conf *c = &world_node(&w, "app2")->conf;

		world_turn(&w);
		if (i % 23 == 0)
			world_restart(&w);
		for (size_t k = 0; k < w.nnodes; k++) {
			const struct pol_conf *o = &w.nodes[k].conf;
			before[0] += c->trust == 1 && o->trust != 1;
			before[1] += c->present == 1 && o->present != 1;
			before[2] += (c->trust & 1) != 0 && o->trust == 2;
		}
	}
	ck_assert_msg(world_rolled(&w), "%s", w.waits);
	ck_assert_uint_eq(before[0] + before[1] + before[2], 0);
	world_close(&w);
}
END_TEST

START_TEST(a_failure_of_the_first_stops_all_until_a_retry_works)
{
	struct ca_roll_row want = plant();
	struct world w;

	snprintf(want.first, sizeof(want.first), "app1 app3");
	base_log_open("test", BASE_ERR);
	world_open(&w, fleet, 2);
	world_join_all(&w);
	world_node(&w, "app1")->fails = true;
	world_node(&w, "app3")->deaf = true;
	world_roll_as(&w, &want);
	run(&w, 400);
	/* three tries; the other of the first may have had its first */
	ck_assert_uint_eq(world_node(&w, "app1")->highest, 1 + 3);
	ck_assert_uint_eq(orders(&w), 0);
	ck_assert_ptr_nonnull(strstr(w.waits, "app1 is on hold"));
	world_node(&w, "app3")->deaf = false;
	world_restart(&w);
	run(&w, 400);
	ck_assert(holds(&w, "app3", 3, 1));
	ck_assert_uint_eq(orders(&w), 1);
	/* freed, and fails again: nothing else starts */
	ck_assert_int_eq(ca_roll_retry(&w.ca, "plant", "app1", "test"),
	    BASE_OK);
	run(&w, 15);
	ck_assert_uint_gt(world_node(&w, "app1")->highest, 1 + 3);
	ck_assert_uint_eq(orders(&w), 1);
	world_node(&w, "app1")->fails = false;
	ck_assert_int_eq(ca_roll_retry(&w.ca, "plant", "app1", "test"),
	    BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

/* Without any that go first the batch is the independent group. */
START_TEST(a_failure_stops_its_group_at_the_limit)
{
	struct ca_roll_row want = plant();
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open(&w, fleet, 2);
	world_join_all(&w);
	w.conf.failure_limit = 1;
	world_node(&w, "app1")->fails = true;
	world_roll_as(&w, &want);
	run(&w, 600);
	ck_assert(holds(&w, "app3", 2, 2));
	ck_assert(holds(&w, "web2", 2, 2));
	ck_assert(holds(&w, "app2", 3, 1));
	ck_assert(holds(&w, "web1", 3, 1));
	ck_assert_uint_eq(world_node(&w, "app1")->highest, 1 + 1);
	world_node(&w, "app1")->fails = false;
	ck_assert_int_eq(ca_roll_retry(&w.ca, "plant", "app1", "test"),
	    BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

/* ---- windows ---------------------------------------------------------------------- */

START_TEST(orders_start_in_the_window)
{
	struct ca_roll_row want = plant();
	struct world w;

	/* the world begins on a Thursday at 00:00 */
	ck_assert_int_eq(ca_roll_window_add(&want, "Thu 22:00-04:00"), BASE_OK);
	ck_assert_int_eq(ca_roll_window_add(&want, "22:00-04:00 CET"),
	    BASE_E_USAGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "UTC"));
	start(&w, &want);
	run(&w, 100);
	ck_assert_uint_eq(orders(&w), 0);
	ck_assert_ptr_nonnull(
	    strstr(w.waits, "next begins at 2026-01-01T22:00:00Z"));
	/* kedged would sleep exactly until then */
	w.now.ms += 21 * HOUR;
	w.mono.ms += 21 * HOUR;
	world_restart(&w);
	run(&w, 100);
	ck_assert_uint_eq(orders(&w), 0);
	ck_assert_int_le(ca_work(&w.ca).ms,
	    w.mono.ms + (INT64_C(1767304800000) - w.now.ms));
	/* a clock that jumps opens it as well */
	w.now.ms += HOUR;
	run(&w, 20);
	ck_assert_uint_gt(orders(&w), 0);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

/* What has started is carried to its end after the window, and no more. */
START_TEST(what_has_started_goes_on_after_the_window)
{
	struct ca_roll_row want = plant();
	struct world w;

	ck_assert_int_eq(ca_roll_window_add(&want, "00:00-12:00"), BASE_OK);
	start(&w, &want);
	for (size_t i = 0; i < w.nnodes; i++)
		w.nodes[i].deaf = true;
	run(&w, 20);
	w.now.ms += 13 * HOUR;
	for (size_t i = 0; i < w.nnodes; i++)
		w.nodes[i].deaf = false;
	run(&w, 600);
	ck_assert_uint_eq(orders(&w), w.nnodes);
	/* an abort is the operator's hand, and waits for no window */
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert(holds(&w, "web1", 1, 1));
	world_close(&w);
}
END_TEST

/* ---- the operator's word ------------------------------------------------------------- */

static void
let(void *arg, const char *node, uint32_t steps)
{
	(void)node;
	(void)steps;
	++*(size_t *)arg;
}

START_TEST(each_batch_needs_a_word)
{
	struct ca_roll_row want = plant();
	struct ca_goal goal;
	struct world w;
	size_t n = 0;

	want.step = true;
	start(&w, &want);
	run(&w, 100);
	ck_assert_uint_eq(orders(&w), 0);
	ck_assert_ptr_nonnull(strstr(w.waits, "kedge roll step"));
	ck_assert_ptr_nonnull(strstr(w.waits, " go since 20"));
	ck_assert_int_eq(ca_roll_goal(&w.ca, w.ca.topo, &w.ca.rolls->row,
			     &goal),
	    BASE_OK);
	ck_assert_int_gt(goal.goal.begun.ms, 0);
	ck_assert_int_eq(goal.goal.begun.ms, w.ca.rolls->row.started.ms);
	/* one word: all five get trust, and not more; also over a restart */
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_OK);
	ck_assert_uint_eq(n, 5);
	world_restart(&w);
	run(&w, 200);
	ck_assert_uint_eq(orders(&w), 5);
	world_restart(&w);
	run(&w, 200);
	ck_assert_uint_eq(orders(&w), 5);
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_OK);
	run(&w, 200);
	ck_assert_uint_eq(n, 10);
	ck_assert_uint_eq(orders(&w), 10);
	/* enough seen */
	ck_assert_int_eq(ca_roll_step_rest(&w.ca, "plant", "test"), BASE_OK);
	world_restart(&w);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_E_STATE);
	world_close(&w);
}
END_TEST

START_TEST(a_word_is_refused_when_nothing_waits_for_it)
{
	struct ca_roll_row want = plant();
	struct world w;
	size_t n = 0;

	want.step = true;
	start(&w, &want);
	ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", true, "test"), BASE_OK);
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_E_STATE);
	ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", false, "test"), BASE_OK);
	for (size_t i = 0; i < w.nnodes; i++)
		w.nodes[i].deaf = true;
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_OK);
	run(&w, 20);
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_E_STATE);
	ck_assert_uint_eq(n, 5);
	for (size_t i = 0; i < w.nnodes; i++)
		w.nodes[i].deaf = false;
	/* on the way back no order needs one */
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_E_STATE);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_int_eq(ca_roll_step_rest(&w.ca, "plant", "test"),
	    BASE_E_STATE);
	world_close(&w);
}
END_TEST

/* A roll without --step has nothing to let go. */
START_TEST(no_word_where_none_is_needed)
{
	struct ca_roll_row want = plant();
	struct world w;
	size_t n = 0;

	start(&w, &want);
	ck_assert_int_eq(ca_roll_step(&w.ca, "plant", "test", let, &n),
	    BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "--step"));
	ck_assert_int_eq(ca_roll_step_rest(&w.ca, "plant", "test"),
	    BASE_E_STATE);
	world_close(&w);
}
END_TEST

/* ---- presumed --------------------------------------------------------------------------- */

static json_t *
status_of(struct world *w)
{
	json_t *o = NULL;

	ck_assert_int_eq(ca_json_roll(&w->ca, &w->ca.rolls->row, &o), BASE_OK);
	return o;
}

static void
only_received(struct world *w, bool presume)
{
	struct ca_roll_row want = plant();
	struct base_buf received;

	base_buf_init(&received, 0);
	want.presume = presume;
	base_log_open("test", BASE_ERR);
	world_open(w, fleet, 2);
	world_join_all(w);
	/* this is about what is risked: nobody looks at its links */
	world_node(w, "app3")->slow = world_node(w, "app3")->excused = true;
	world_node(w, "web2")->deaf = true;
	world_roll_as(w, &want);
	run(w, 100);
	world_node(w, "web2")->deaf = false;
	ck_assert_int_eq(ca_store_report_received(w->ca.store, "app3", "plant",
			     2, &received),
	    BASE_OK);
	hsm_fake_mood(w->hsm)->expect = base_buf_span(&received);
	run(w, 300);
	ck_assert_uint_eq(hsm_fake_mood(w->hsm)->expected, presume);
	hsm_fake_mood(w->hsm)->expect.n = 0;
	base_buf_free(&received);
	ck_assert(holds(w, "app3", 1, 1));
}

/* A certificate goes on the strength of a reception, a finish does not. */
START_TEST(received_is_presumed_to_work)
{
	struct world w;
	json_t *o, *out;

	only_received(&w, true);
	world_restart(&w);
	run(&w, 200);
	ck_assert(holds(&w, "web2", 3, 2));
	o = status_of(&w);
	out = json_object_get(o, "outstanding");
	ck_assert_uint_eq(json_array_size(out), 1);
	ck_assert(
	    json_is_true(json_object_get(json_array_get(out, 0), "presumed")));
	ck_assert_str_eq(json_string_value(json_object_get(o, "presume")),
	    "received");
	json_decref(o);
	world_node(&w, "app3")->slow = false;
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	world_node(&w, "app3")->excused = false;
	world_links_hold(&w);
	world_close(&w);
}
END_TEST

START_TEST(nothing_is_presumed_unasked)
{
	struct world w;
	json_t *o, *out;

	only_received(&w, false);
	ck_assert(holds(&w, "web2", 3, 1));
	o = status_of(&w);
	out = json_object_get(o, "outstanding");
	ck_assert(
	    json_is_false(json_object_get(json_array_get(out, 0), "presumed")));
	ck_assert_ptr_null(json_object_get(o, "presume"));
	json_decref(o);
	world_node(&w, "app3")->slow = false;
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

/* kedge-hsmd sees what the certificate rests on. */
START_TEST(the_report_of_a_reception)
{
	struct base_buf cms;
	struct world w;

	base_buf_init(&cms, 0);
	only_received(&w, true);
	ck_assert_int_eq(ca_store_report_received(w.ca.store, "app3", "plant",
			     2, &cms),
	    BASE_OK);
	ck_assert_uint_gt(cms.n, 0);
	/* web2 has said effective at once, and nobody order 9 */
	ck_assert_int_eq(ca_store_report_received(w.ca.store, "web2", "plant",
			     2, &cms),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_report_received(w.ca.store, "app3", "plant",
			     9, &cms),
	    BASE_E_NOTFOUND);
	base_buf_free(&cms);
	world_close(&w);
}
END_TEST

/* ---- hold, orders at once ------------------------------------------------------------- */

static enum base_err
count_open(void *arg, const struct ca_order *o)
{
	(void)o;
	++*(size_t *)arg;
	return BASE_OK;
}

START_TEST(no_more_orders_at_once_than_allowed)
{
	struct ca_roll_row want = plant();
	struct world w;
	size_t most = 0, n;

	want.max_in_flight = 2;
	start(&w, &want);
	w.loss = 40;
	for (int i = 0; i < 6000 && !world_rolled(&w); i++) {
		world_turn(&w);
		if (i % 31 == 0)
			world_restart(&w);
		n = 0;
		ck_assert_int_eq(ca_store_orders_open(w.ca.store, true,
				     count_open, &n),
		    BASE_OK);
		most = n > most ? n : most;
	}
	ck_assert_msg(world_rolled(&w), "%s", w.waits);
	ck_assert_uint_eq(most, 2);
	world_close(&w);
}
END_TEST

START_TEST(a_node_on_hold_gets_nothing)
{
	const struct ca_word app1 = { "plant", "app1", "not now", "test" };
	struct ca_roll_row want = plant();
	struct world w;

	start(&w, &want);
	ck_assert_int_eq(ca_roll_hold(&w.ca, &app1), BASE_OK);
	run(&w, 200);
	world_restart(&w);
	run(&w, 200);
	ck_assert_uint_eq(world_node(&w, "app1")->orders, 1);
	ck_assert_ptr_nonnull(strstr(w.waits, "app1 is on hold"));
	ck_assert(holds(&w, "app3", 2, 2));
	ck_assert_int_eq(ca_roll_release(&w.ca, &app1), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

/* hsmd is slow; meanwhile the operator puts the node on hold: the order is not
 * sent any more. */
START_TEST(what_was_held_while_hsmd_signed_is_not_sent)
{
	const struct ca_word web1 = { "plant", "web1", "", "test" };
	struct ca_roll_row want = plant();
	struct world w;

	start(&w, &want);
	ca_work(&w.ca);
	ck_assert(w.ca.rolls->busy);
	ck_assert_int_eq(ca_roll_hold(&w.ca, &web1), BASE_OK);
	run(&w, 100);
	ck_assert_uint_eq(world_node(&w, "web1")->orders, 1);
	ck_assert_uint_eq(world_node(&w, "app1")->orders, 2);
	world_close(&w);
}
END_TEST

TCase *
case_pace(void)
{
	TCase *t = tcase_create("pace");

	tcase_add_test(t, the_first_go_first_through_all_steps);
	tcase_add_test(t, a_failure_of_the_first_stops_all_until_a_retry_works);
	tcase_add_test(t, a_failure_stops_its_group_at_the_limit);
	tcase_add_test(t, orders_start_in_the_window);
	tcase_add_test(t, what_has_started_goes_on_after_the_window);
	tcase_add_test(t, each_batch_needs_a_word);
	tcase_add_test(t, a_word_is_refused_when_nothing_waits_for_it);
	tcase_add_test(t, no_word_where_none_is_needed);
	tcase_add_test(t, received_is_presumed_to_work);
	tcase_add_test(t, nothing_is_presumed_unasked);
	tcase_add_test(t, the_report_of_a_reception);
	tcase_add_test(t, no_more_orders_at_once_than_allowed);
	tcase_add_test(t, a_node_on_hold_gets_nothing);
	tcase_add_test(t, what_was_held_while_hsmd_signed_is_not_sent);
	return t;
}
