/* Why nothing happens, in one sentence per roll, and how often it is told. */
#include <check.h>
#include <string.h>

#include "ca/recover.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"direct\"; },\n"
    "  { name = \"app3\"; reach = \"direct\"; },\n"
    "  { name = \"app4\"; reach = \"direct\"; },\n"
    "  { name = \"app5\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app4\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app5\"; server = \"web1\"; root = \"plant\"; } );\n";

static struct world w;

static void
ready(void)
{
	world_ready_make(fleet);
}

static void
setup(void)
{
	base_log_open("test", BASE_ERR);
	world_open_joined(&w, fleet, 1);
}

static void
teardown(void)
{
	world_close(&w);
}

static void
turns(int n)
{
	for (int i = 0; i < n; i++)
		world_turn(&w);
}

static const char *
text(void)
{
	static char out[1024];

	ca_waits_text(&w.ca, w.ca.rolls, out, sizeof(out));
	return out;
}

static void
says(const char *part)
{
	const char *is = text();

	ck_assert_msg(strstr(is, part) != NULL, "%s", is);
}

static void
says_not(const char *part)
{
	const char *is = text();

	ck_assert_msg(strstr(is, part) == NULL, "%s", is);
}

/* ---- orders without an answer ---- */

START_TEST(silence_is_told_when_it_is_late)
{
	world_node(&w, "app2")->deaf = true;
	world_node(&w, "app3")->slow = true;
	world_roll(&w, "plant");
	turns(2 * 20 - 2);
	ck_assert_str_eq(text(), "");
	turns(10);
	says("waits for app2: trust (no answer since 20");
	says(", app3: trust (received, no result since 20");
	says_not("app1");
	says_not("more");
}
END_TEST

START_TEST(four_are_named)
{
	for (size_t i = 0; i < w.nnodes; i++)
		w.nodes[i].deaf = strcmp(w.nodes[i].name, "web1") != 0;
	world_roll(&w, "plant");
	turns(60);
	says("app4: trust");
	says_not("app5");
	says(" and 1 more");
}
END_TEST

/* In its own words, and at once. */
START_TEST(held_by_the_node)
{
	struct ca_order o;
	char out[256];

	world_node(&w, "app1")->holds = "the disk is full";
	world_roll(&w, "plant");
	turns(4);
	says("waits for app1: trust (held by the node: the disk is full)");
	ca_held_text(&w.ca, "plant", ca_topo_node(w.ca.topo, "app1"), out,
	    sizeof(out));
	ck_assert_str_eq(out, "held by the node: the disk is full");
	/* settled: nothing is held any more, whatever it said */
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "app2", "plant", 2, &o),
	    BASE_OK);
	strcpy(o.reason, "bad file");
	ck_assert_int_eq(ca_store_order_update(w.ca.store, &o), BASE_OK);
	ca_order_clear(&o);
	ca_held_text(&w.ca, "plant", ca_topo_node(w.ca.topo, "app2"), out,
	    sizeof(out));
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(handed_on_by_a_relay)
{
	const struct ca_route by = { 1, { "web1" } };
	struct ca_order o;
	uint8_t digest[32];
	char out[256];

	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	turns(60);
	says_not("handed");
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "app1", "plant", 2, &o),
	    BASE_OK);
	wire_digest(base_buf_span(&o.cms), digest);
	ca_order_clear(&o);
	ck_assert_int_eq(ca_deliver_handed(w.ca.deliver, w.now, &by, digest),
	    BASE_OK);
	says("; web1 says that it handed it over to app1 at 2026-01-01T");
	ca_held_text(&w.ca, "plant", ca_topo_node(w.ca.topo, "app1"), out,
	    sizeof(out));
	ck_assert_msg(strncmp(out, "web1 says that", 14) == 0, "%s", out);
	/* the node's own word is worth more */
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "app1", "plant", 2, &o),
	    BASE_OK);
	o.state = CA_ORDER_RECEIVED;
	ck_assert_int_eq(ca_store_order_update(w.ca.store, &o), BASE_OK);
	ca_order_clear(&o);
	says("received, no result");
	says_not("handed");
}
END_TEST

START_TEST(only_of_this_roll)
{
	struct ca_order o = { .node = "web1",
		.root = "plant",
		.roll = 99,
		.epoch = 50,
		.steps = POL_TRUST,
		.state = CA_ORDER_SENT };

	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	turns(60);
	ck_assert_int_eq(base_buf_put(&o.cms, "x", 1), BASE_OK);
	ck_assert_int_eq(ca_store_order_add(w.ca.store, &o), BASE_OK);
	ca_order_clear(&o);
	says("app1");
	says_not("web1");
}
END_TEST

/* ---- what comes before all nodes ---- */

START_TEST(paused)
{
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	turns(60);
	ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", true, "test"), BASE_OK);
	ck_assert_str_eq(text(),
	    "paused by the operator; kedge roll resume plant lets it go on");
	ck_assert_int_eq(ca_meta_put_u64(&w.ca, CA_META_MADE "/1", 1), BASE_OK);
	says("begun anew after a recovery");
	says("kedge roll resume plant");
	ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", false, "test"), BASE_OK);
	says("waits for app1");
}
END_TEST

START_TEST(the_store_may_be_old)
{
	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	turns(60);
	strcpy(w.ca.rolls->why, "kedge-hsmd: no");
	w.ca.unchecked = true;
	says("whether this store is the newest");
	says_not("kedge-hsmd: no");
	w.ca.unchecked = false;
	ck_assert_str_eq(text(), "kedge-hsmd: no");
	w.ca.rolls->why[0] = '\0';
	says("waits for app1");
}
END_TEST

START_TEST(kedge_hsmd_is_silent)
{
	struct ca_roll *r;

	world_roll(&w, "plant");
	r = w.ca.rolls;
	r->busy = true;
	r->busy_since = w.now;
	r->busy_late.ms = w.mono.ms + 1;
	ck_assert_str_eq(text(), "");
	r->busy_late.ms = w.mono.ms;
	says("waits for kedge-hsmd: no answer since 2026-01-01T");
	r->busy = false;
	ck_assert_str_eq(text(), "");
}
END_TEST

/* ---- nodes on hold, gates ---- */

START_TEST(on_hold_by_name)
{
	const struct ca_word word = { "plant", "app2", "", "test" };

	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_hold(&w.ca, &word), BASE_OK);
	turns(60);
	says("waits for app1: trust (");
	says(", app2 is on hold (kedge roll release or retry)");
	ck_assert_int_eq(ca_roll_release(&w.ca, &word), BASE_OK);
	says_not("on hold");
}
END_TEST

START_TEST(a_gate_of_the_operators)
{
	struct ca_roll_row want = { .root = "plant", .step = true };

	world_roll_as(&w, &want);
	turns(10);
	says("roll step");
	/* with something out, that is what is waited for */
	world_node(&w, "app1")->deaf = true;
	ck_assert_int_eq(ca_roll_step_rest(&w.ca, "plant", "test"), BASE_OK);
	turns(60);
	says("waits for app1");
	says_not("roll step");
}
END_TEST

START_TEST(a_window_of_the_operators)
{
	struct ca_roll_row want = { .root = "plant" };

	/* the world begins on a Thursday at 00:00 */
	ck_assert_int_eq(ca_roll_window_add(&want, "Thu 22:00-04:00"), BASE_OK);
	world_roll_as(&w, &want);
	turns(10);
	says("next begins at 2026-01-01T22:00:00Z");
	/* as of now */
	w.now.ms += INT64_C(22) * 3600000;
	says_not("next begins");
}
END_TEST

START_TEST(a_failure_of_the_first)
{
	struct ca_roll_row want = { .root = "plant", .first = "app1" };

	w.conf.failure_limit = 0;
	w.conf.retry_ms = 60000;
	world_node(&w, "app1")->fails = true;
	world_roll_as(&w, &want);
	turns(40);
	says("app1, which goes first, has failed");
	/* it is tried again: that is what is waited for */
	world_node(&w, "app1")->deaf = true;
	w.mono.ms += 60000;
	turns(60);
	says("waits for app1: trust");
}
END_TEST

START_TEST(an_old_inventory)
{
	w.conf.fresh_ms = 1000;
	world_roll(&w, "plant");
	for (int i = 0; i < 2000 && strstr(text(), "inventory") == NULL; i++) {
		w.now.ms += 5000;
		world_turn(&w);
		if (w.ca.rolls == NULL)
			break;
	}
	ck_assert_ptr_nonnull(w.ca.rolls);
	says("inventory");
}
END_TEST

/* ---- how often ---- */

START_TEST(told_when_it_changes)
{
	unsigned before;

	ck_assert_int_eq(ca_waits_work(&w.ca).ms, CA_NEVER.ms);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", true, "test"), BASE_OK);
	before = w.events;
	ck_assert_int_eq(ca_waits_work(&w.ca).ms, w.mono.ms + w.conf.resend_ms);
	ck_assert_uint_eq(w.events, before + 1);
	ck_assert_str_eq(w.waits,
	    "paused by the operator; kedge roll resume plant lets it go on");
	/* everything that is open is looked at: not at every turn */
	w.ca.rolls->row.state = CA_ROLL_RUNNING;
	w.mono.ms += w.conf.resend_ms - 1;
	(void)ca_waits_work(&w.ca);
	ck_assert_uint_eq(w.events, before + 1);
	w.ca.rolls->row.state = CA_ROLL_PAUSED;
	w.mono.ms += 1;
	(void)ca_waits_work(&w.ca);
	ck_assert_uint_eq(w.events, before + 1);
	w.ca.rolls->row.state = CA_ROLL_RUNNING;
	w.mono.ms += w.conf.resend_ms;
	(void)ca_waits_work(&w.ca);
	ck_assert_uint_eq(w.events, before + 2);
	ck_assert_str_eq(w.waits, "");
}
END_TEST

/* Orders run out and are made again, day after day: who waits for whom has not
 * changed, and nobody is told so, nor that it goes on. */
START_TEST(told_once_however_often_it_is_made_again)
{
	static const char *const why[] = { NULL, "the disk is full" };
	char first[1024];
	uint64_t epoch;
	unsigned before;

	w.conf.order_s = 300;
	w.conf.canary_s = 60;
	world_node(&w, "app2")->deaf = _i == 0;
	world_node(&w, "app2")->holds = why[_i];
	world_roll(&w, "plant");
	ck_assert(!world_run(&w, 200, world_rolled));
	says("waits for app2: trust");
	memcpy(first, w.waits, sizeof(first));
	before = w.told;
	ck_assert(!world_run(&w, 3000, world_rolled));
	ck_assert_int_eq(ca_store_epoch_last(w.ca.store, "app2", "plant",
			     &epoch),
	    BASE_OK);
	ck_assert_uint_gt(epoch, 5);
	ck_assert_str_eq(w.waits, first);
	ck_assert_uint_eq(w.told, before);
	/* another reason is news */
	world_node(&w, "app2")->deaf = false;
	world_node(&w, "app2")->holds = "its clock is wrong";
	ck_assert(!world_run(&w, 700, world_rolled));
	ck_assert_uint_gt(w.told, before);
	ck_assert_ptr_nonnull(strstr(w.waits, "clock"));
	world_node(&w, "app2")->holds = NULL;
	ck_assert(world_run(&w, 700, world_rolled));
}
END_TEST

/* Times alone make no other sentence; names do, and what comes after. */
START_TEST(times_are_no_news)
{
	static const struct {
		const char *is;
		bool told;
	} then[] = {
		{ "from 2027-01-01T00:00:00Z on", true },
		{ "from 2028-02-03T04:05:06Z on", false },
		{ "from 2028-02-03T04:05:06Z on app1", true },
		{ "from 2028-02-03T04:05:06Z on app2", true },
		{ "from 2028", true },
	};
	unsigned before;

	world_roll(&w, "plant");
	for (size_t i = 0; i < sizeof(then) / sizeof(*then); i++) {
		before = w.told;
		snprintf(w.ca.rolls->why, sizeof(w.ca.rolls->why), "%s",
		    then[i].is);
		w.mono.ms += w.conf.resend_ms;
		(void)ca_waits_work(&w.ca);
		ck_assert_uint_eq(w.told, before + then[i].told);
	}
}
END_TEST

TCase *
case_waits(void)
{
	TCase *t = tcase_create("waits");

	tcase_set_timeout(t, 30);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, silence_is_told_when_it_is_late);
	tcase_add_test(t, four_are_named);
	tcase_add_test(t, held_by_the_node);
	tcase_add_test(t, handed_on_by_a_relay);
	tcase_add_test(t, only_of_this_roll);
	tcase_add_test(t, paused);
	tcase_add_test(t, the_store_may_be_old);
	tcase_add_test(t, kedge_hsmd_is_silent);
	tcase_add_test(t, on_hold_by_name);
	tcase_add_test(t, a_gate_of_the_operators);
	tcase_add_test(t, a_window_of_the_operators);
	tcase_add_test(t, a_failure_of_the_first);
	tcase_add_test(t, an_old_inventory);
	tcase_add_test(t, told_when_it_changes);
	tcase_add_loop_test(t, told_once_however_often_it_is_made_again, 0, 2);
	tcase_add_test(t, times_are_no_news);
	return t;
}
