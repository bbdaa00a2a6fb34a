/* Certificates live on: renewals of a fleet in virtual time; see world.h. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "ca/kedged.h"
#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ];\n"
    "    dual = true; },\n"
    "  { name = \"app3\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; auth = \"server\";\n"
    "    root = \"plant\"; } );\n";

#define DAY INT64_C(86400000)

/* ---- what is in danger ------------------------------------------------------ */

struct dangers {
	size_t n;
	struct ca_unsafe last;
};

static enum base_err
danger(void *arg, const struct ca_unsafe *u)
{
	struct dangers *d = arg;

	d->n++;
	d->last = *u;
	return BASE_OK;
}

static size_t
dangers(struct world *w, struct dangers *d)
{
	d->n = 0;
	ck_assert_int_eq(ca_certs_unsafe(&w->ca, danger, d), BASE_OK);
	return d->n;
}

static size_t
given(struct world *w, const char *node)
{
	uint64_t plant, management;

	ck_assert_int_eq(ca_store_epoch_last(w->ca.store, node, "plant",
			     &plant),
	    BASE_OK);
	ck_assert_int_eq(ca_store_epoch_last(w->ca.store, node, CA_MANAGEMENT,
			     &management),
	    BASE_OK);
	return plant + management;
}

/* ---- the long run -------------------------------------------------------------- */

START_TEST(six_years)
{
	struct dangers d;
	struct world w;

	world_open_joined(&w, fleet, (uint64_t)_i + 1);
	w.loss = w.repeat = 10;
	for (unsigned year = 0; year < 6; year++) {
		/* every other year a roll, in which some are renewed */
		if (year % 2 == 1)
			world_roll(&w, "plant");
		for (unsigned part = 0; part < 5; part++) {
			world_days(&w, 73);
			ck_assert_uint_eq(dangers(&w, &d), 0);
		}
		if (year == 2)
			world_restart(&w);
	}
	ck_assert(world_run(&w, 120, world_rolled));
	for (size_t i = 0; i < w.nnodes; i++) {
		ck_assert_uint_ge(w.nodes[i].management_renewals, 7);
		ck_assert_uint_le(w.nodes[i].management_renewals, 10);
	}
	ck_assert_uint_ge(world_node(&w, "web1")->renewals, 3);
	/* verifies servers, presents nothing */
	ck_assert_uint_eq(world_node(&w, "app3")->renewals, 0);
	world_close(&w);
}
END_TEST

/* app1 sleeps: web1 cannot present the new certificate, and app2 bridges for
 * most of a year. Renewals leave all that as it is. */
START_TEST(renewals_in_the_middle_of_a_roll)
{
	struct pol_conf web1, app2;
	struct dangers d;
	struct world w;

	world_open_joined(&w, fleet, 1);
	world_roll(&w, "plant");
	world_node(&w, "app1")->deaf = true;
	world_days(&w, 1);
	web1 = world_node(&w, "web1")->conf;
	app2 = world_node(&w, "app2")->conf;
	ck_assert_uint_eq(web1.present, POL_GEN(1));
	ck_assert_uint_eq(web1.trust, POL_GEN(1) | POL_GEN(2));
	ck_assert_uint_eq(app2.present, POL_GEN(2));
	ck_assert_uint_eq(app2.bridge, POL_GEN(1));
	world_days(&w, 300);
	ck_assert_uint_eq(world_node(&w, "web1")->renewals, 1);
	ck_assert_uint_eq(world_node(&w, "app2")->renewals, 1);
	ck_assert_mem_eq(&web1, &world_node(&w, "web1")->conf, sizeof(web1));
	ck_assert_mem_eq(&app2, &world_node(&w, "app2")->conf, sizeof(app2));
	ck_assert_uint_eq(dangers(&w, &d), 0);
	/* the sleeper is named when its last sixth begins */
	world_days(&w, 35);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	ck_assert_str_eq(d.last.leaf.node, "app1");
	ck_assert(!d.last.expired);
	ck_assert_ptr_nonnull(strstr(d.last.text, "app1"));
	world_restart(&w);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	/* it comes back in time */
	world_days(&w, 50);
	world_node(&w, "app1")->deaf = false;
	ck_assert(world_run(&w, 600, world_rolled));
	world_days(&w, 1);
	ck_assert_uint_eq(dangers(&w, &d), 0);
	ck_assert_uint_eq(world_node(&w, "app1")->management_renewals, 1);
	ck_assert_uint_eq(w.ca.topo->roots[ca_topo_root(w.ca.topo, "plant")]
			      .current,
	    2);
	world_close(&w);
}
END_TEST

START_TEST(a_sleeper_expires_and_is_named)
{
	struct dangers d;
	struct world w;

	world_open_joined(&w, fleet, 1);
	world_node(&w, "app1")->deaf = true;
	world_node(&w, "app1")->excused = true; /* from being looked at */
	world_days(&w, 345);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	ck_assert_int_eq(d.last.state, CA_RENEW_SENT);
	ck_assert_uint_eq(d.last.peers, 1);
	ck_assert_ptr_nonnull(strstr(d.last.text, "no answer"));
	world_days(&w, 60);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	ck_assert(d.last.expired);
	world_close(&w);
}
END_TEST

/* ---- what goes wrong ------------------------------------------------------------- */

START_TEST(failures_are_tried_again_less_often)
{
	struct dangers d;
	struct world w;
	size_t before;

	world_open_joined(&w, fleet, 1);
	world_node(&w, "app1")->fails = true;
	before = given(&w, "app1");
	world_days(&w, 345);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 0);
	/* two certificates, about eighty days, once a day after some tries */
	ck_assert_uint_ge(given(&w, "app1") - before, 100);
	ck_assert_uint_le(given(&w, "app1") - before, 260);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	ck_assert_int_eq(d.last.state, CA_RENEW_FAILED);
	ck_assert_uint_ge(d.last.failures, 50);
	ck_assert_ptr_nonnull(strstr(d.last.why, "told to"));
	world_node(&w, "app1")->fails = false;
	world_days(&w, 3);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 1);
	ck_assert_uint_eq(dangers(&w, &d), 0);
	world_close(&w);
}
END_TEST

START_TEST(what_hsmd_does_not_sign_is_said)
{
	struct dangers d;
	struct world w;

	world_open_joined(&w, fleet, 1);
	hsm_fake_mood(w.hsm)->refuse = "app1";
	world_days(&w, 345);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 0);
	ck_assert_uint_eq(world_node(&w, "app2")->renewals, 1);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	ck_assert_int_eq(d.last.state, CA_RENEW_UNSIGNED);
	ck_assert_ptr_nonnull(strstr(d.last.text, "not this one"));
	hsm_fake_mood(w.hsm)->refuse = NULL;
	world_days(&w, 3);
	ck_assert_uint_eq(dangers(&w, &d), 0);
	world_close(&w);
}
END_TEST

/* A kedge-hsmd that came back from a backup learns what the node presents. */
START_TEST(hsmd_is_shown_the_last_report)
{
	struct hsm_fake_mood *mood;
	struct world w;

	world_open_joined(&w, fleet, 1);
	mood = hsm_fake_mood(w.hsm);
	ck_assert_uint_eq(mood->shown, 0);
	world_days(&w, 300);
	/* three present under plant, four under management */
	ck_assert_uint_eq(mood->shown, 7);
	ck_assert_uint_eq(mood->proven, 7);
	world_days(&w, 270);
	ck_assert_uint_eq(mood->proven, 14);
	world_close(&w);
}
END_TEST

START_TEST(a_dead_canary_is_no_failure)
{
	struct world w;

	world_open_joined(&w, fleet, 1);
	world_node(&w, "app1")->deaf = true;
	world_days(&w, 270);
	world_node(&w, "app1")->stale = true;
	world_node(&w, "app1")->deaf = false;
	world_days(&w, 1);
	world_node(&w, "app1")->stale = false;
	world_days(&w, 1);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 1);
	world_close(&w);
}
END_TEST

static struct ca_word
word(const char *node)
{
	return (struct ca_word){ "plant", node, "test", "test" };
}

/* The operator's word is kept, and said; not towards the CA, to which a hold
 * does not reach. */
START_TEST(held_and_excused_nodes_are_left_alone)
{
	struct ca_word app1 = word("app1"), app2 = word("app2");
	struct dangers d;
	struct world w;
	size_t before;

	world_open_joined(&w, fleet, 1);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_hold(&w.ca, &app1), BASE_OK);
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &app2), BASE_OK);
	before = given(&w, "app1") + given(&w, "app2");
	world_days(&w, 345);
	ck_assert_uint_eq(given(&w, "app1") + given(&w, "app2"), before + 2);
	ck_assert_uint_eq(world_node(&w, "app1")->management_renewals, 1);
	ck_assert_uint_eq(world_node(&w, "app2")->management_renewals, 1);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	ck_assert(
	    d.last.state == CA_RENEW_HELD || d.last.state == CA_RENEW_EXCUSED);
	ck_assert_int_eq(ca_roll_release(&w.ca, &app1), BASE_OK);
	ck_assert_int_eq(ca_roll_return(&w.ca, &app2), BASE_OK);
	ck_assert(world_run(&w, 600, world_rolled));
	world_days(&w, 2);
	ck_assert_uint_eq(dangers(&w, &d), 0);
	world_close(&w);
}
END_TEST

static enum base_err
count_renewal(void *arg, const struct ca_order *o)
{
	*(size_t *)arg += wire_step_renews(o->steps, o->from, o->to);
	return BASE_OK;
}

/* A recovery waits for app1 for most of a year: the others are renewed all the
 * while, app1 when it has said what it holds. */
START_TEST(only_who_is_unknown_waits_for_a_recovery)
{
	struct dangers d;
	struct world w;
	size_t n = 0;

	world_open_joined(&w, fleet, 1);
	world_node(&w, "app1")->deaf = true;
	ck_assert_int_eq(ca_recover_want(&w.ca, "a test"), BASE_OK);
	world_days(&w, 345);
	ck_assert_int_eq(w.ca.recovery.stage, CA_RECOVERY_ASK);
	ck_assert_uint_eq(world_node(&w, "web1")->renewals, 1);
	ck_assert_uint_eq(world_node(&w, "web1")->management_renewals, 1);
	ck_assert_uint_eq(world_node(&w, "app2")->renewals, 1);
	ck_assert_int_eq(ca_store_orders_of_node(w.ca.store, "app1",
			     count_renewal, &n),
	    BASE_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(dangers(&w, &d), 2);
	ck_assert_str_eq(d.last.leaf.node, "app1");
	ck_assert_int_eq(d.last.state, CA_RENEW_UNKNOWN);
	ck_assert_str_eq(ca_renew_name(d.last.state), "unknown");
	ck_assert_ptr_nonnull(strstr(d.last.text, "kedge recover status"));
	world_node(&w, "app1")->deaf = false;
	world_days(&w, 2);
	ck_assert_int_eq(w.ca.recovery.stage, CA_RECOVERY_NONE);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 1);
	ck_assert_uint_eq(dangers(&w, &d), 0);
	world_close(&w);
}
END_TEST

/* Not before kedge-hsmd has said what it has signed. */
START_TEST(nobody_is_renewed_from_an_old_copy)
{
	struct world w;

	world_open_joined(&w, fleet, 1);
	ck_assert_int_eq(ca_recover_want(&w.ca, "a test"), BASE_OK);
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_IO;
	world_days(&w, 300);
	ck_assert_int_eq(w.ca.recovery.stage, CA_RECOVERY_RECALL);
	ck_assert_uint_eq(world_node(&w, "web1")->renewals, 0);
	hsm_fake_mood(w.hsm)->unknowing = BASE_OK;
	world_days(&w, 2);
	ck_assert_uint_eq(world_node(&w, "web1")->renewals, 1);
	world_close(&w);
}
END_TEST

/* Where the root ends, another certificate would end no later. */
START_TEST(a_root_that_ends_is_no_reason_for_orders)
{
	struct dangers d;
	struct world w;
	size_t before;

	world_open(&w, fleet, 1);
	w.conf.node_days = 4000;
	world_join_all(&w);
	before = given(&w, "web1");
	world_days(&w, 3300);
	ck_assert_uint_eq(given(&w, "web1"), before + 1); /* management */
	ck_assert_uint_ge(dangers(&w, &d), 1);
	ck_assert_int_eq(d.last.state, CA_RENEW_ROOT);
	ck_assert_str_eq(d.last.leaf.root, "plant");
	ck_assert_ptr_nonnull(strstr(d.last.text, "roll the root"));
	world_close(&w);
}
END_TEST

/* ---- parts -------------------------------------------------------------------------- */

START_TEST(dates_are_spread_by_name)
{
	struct ca_leaf l = { .root = "plant", .not_after = { 300 * DAY } };
	int64_t first = INT64_MAX, last = 0;
	size_t early = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(l.node, sizeof(l.node), "node%d", i);
		ca_renew_date(&l);
		ck_assert_int_le(l.due.ms, 200 * DAY);
		ck_assert_int_ge(l.due.ms, 175 * DAY);
		first = l.due.ms < first ? l.due.ms : first;
		last = l.due.ms > last ? l.due.ms : last;
		early += l.due.ms < 187 * DAY;
	}
	ck_assert_int_ge(last - first, 24 * DAY);
	ck_assert_uint_ge(early, 400);
	ck_assert_uint_le(early, 560);
	/* and the same tomorrow */
	first = l.due.ms;
	ca_renew_date(&l);
	ck_assert_int_eq(l.due.ms, first);
}
END_TEST

START_TEST(whoever_asks_is_told)
{
	const json_t *u;

	asked_open(fleet);
	world_join_all(&asked.w);
	world_roll(&asked.w, "plant");
	world_node(&asked.w, "app1")->deaf = true;
	asked_ok("{\"cmd\":\"unsafe\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 0);
	world_days(&asked.w, 345);
	asked_ok("{\"cmd\":\"unsafe\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 2);
	asked_ok("{\"cmd\":\"unsafe\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 1);
	u = json_array_get(json_object_get(asked.answer, "unsafe"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(u, "node")), "app1");
	ck_assert_str_eq(json_string_value(json_object_get(u, "state")),
	    "busy");
	ck_assert(json_is_false(json_object_get(u, "expired")));
	asked_ok("{\"cmd\":\"node-show\",\"node\":\"app1\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 2);
	asked_ok("{\"cmd\":\"node-show\",\"node\":\"web1\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 0);
	asked_ok("{\"cmd\":\"roll-status\",\"root\":\"plant\"}");
	u = json_array_get(json_object_get(asked.answer, "rolls"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(u, "unsafe")), 1);
	asked_close();
}
END_TEST

static enum base_err
due_leaf(void *arg, const struct ca_leaf *l)
{
	strcat(arg, l->node);
	return BASE_OK;
}

START_TEST(leaves_come_due_in_their_order)
{
	struct ca_leaf l = { .node = "web1", .root = "plant", .gen = 1 };
	struct base_time next;
	char text[64] = "";
	struct world w;

	world_open(&w, fleet, 1);
	l.due.ms = 40;
	ck_assert_int_eq(ca_store_leaf_put(w.ca.store, &l), BASE_OK);
	/* the next one takes its place */
	l.gen = 2;
	l.due.ms = 60;
	ck_assert_int_eq(ca_store_leaf_put(w.ca.store, &l), BASE_OK);
	strcpy(l.node, "app1");
	l.due.ms = 50;
	ck_assert_int_eq(ca_store_leaf_put(w.ca.store, &l), BASE_OK);
	ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "plant", &l),
	    BASE_OK);
	ck_assert_uint_eq(l.gen, 2);
	ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "other", &l),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_leaves_due(w.ca.store,
			     (struct base_time){ 49 }, due_leaf, text),
	    BASE_OK);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(ca_store_leaves_due(w.ca.store,
			     (struct base_time){ 60 }, due_leaf, text),
	    BASE_OK);
	ck_assert_str_eq(text, "app1web1");
	ck_assert_int_eq(ca_store_leaf_next(w.ca.store,
			     (struct base_time){ 50 }, &next),
	    BASE_OK);
	ck_assert_int_eq(next.ms, 60);
	ck_assert_int_eq(ca_store_leaf_next(w.ca.store,
			     (struct base_time){ 60 }, &next),
	    BASE_OK);
	ck_assert_int_eq(next.ms, 0);
	world_close(&w);
}
END_TEST

/* A snapshot from before the renewal: same generation, older certificate. */
START_TEST(a_restored_node_is_renewed_again)
{
	struct wire_inventory v = { .root = "plant" };
	struct ca_leaf l;
	struct world w;

	world_open_joined(&w, fleet, 1);
	world_days(&w, 270);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 1);
	v.highest = world_node(&w, "app1")->highest;
	ck_assert_int_eq(ca_renew_heard(&w.ca, "app1", &v), BASE_OK);
	world_days(&w, 2);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 1);
	v.highest--;
	ck_assert_int_eq(ca_renew_heard(&w.ca, "app1", &v), BASE_OK);
	ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "app1", "plant", &l),
	    BASE_OK);
	ck_assert_int_le(l.due.ms, w.now.ms);
	world_days(&w, 2);
	ck_assert_uint_eq(world_node(&w, "app1")->renewals, 2);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(fleet);
}

TCase *
case_renew(void)
{
	TCase *c = tcase_create("renew");

	tcase_set_timeout(c, 120);
	tcase_add_unchecked_fixture(c, ready, world_ready_clear);
	tcase_add_loop_test(c, six_years, 0, 2);
	tcase_add_test(c, renewals_in_the_middle_of_a_roll);
	tcase_add_test(c, a_sleeper_expires_and_is_named);
	tcase_add_test(c, failures_are_tried_again_less_often);
	tcase_add_test(c, what_hsmd_does_not_sign_is_said);
	tcase_add_test(c, hsmd_is_shown_the_last_report);
	tcase_add_test(c, a_dead_canary_is_no_failure);
	tcase_add_test(c, held_and_excused_nodes_are_left_alone);
	tcase_add_test(c, only_who_is_unknown_waits_for_a_recovery);
	tcase_add_test(c, nobody_is_renewed_from_an_old_copy);
	tcase_add_test(c, a_root_that_ends_is_no_reason_for_orders);
	tcase_add_test(c, whoever_asks_is_told);
	tcase_add_test(c, dates_are_spread_by_name);
	tcase_add_test(c, leaves_come_due_in_their_order);
	tcase_add_test(c, a_restored_node_is_renewed_again);
	return c;
}
