/* Orders that nodes hold, because their clocks are wrong or their disks full:
 * what ca/report.c makes of that, and how it is told. */
#include <check.h>
#include <string.h>

#include "ca/net.h"
#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

#define WHY "this node's clock is behind"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; } );\n";

static struct world_node *app1;

static void
setup(void)
{
	asked_open(fleet);
	asked.w.conf.failure_limit = 1;
	world_join_all(&asked.w);
	app1 = world_node(&asked.w, "app1");
	app1->holds = WHY;
}

static void
rolls(int seconds)
{
	ck_assert(!world_run(&asked.w, seconds, world_rolled));
}

static void
ends(void)
{
	app1->holds = NULL;
	ck_assert_msg(world_run(&asked.w, 300, world_rolled), "%s",
	    asked.w.waits);
}

static struct ca_order
order(uint64_t epoch)
{
	struct ca_order o = { .epoch = 0 };

	ck_assert_int_eq(ca_store_order_get(asked.w.ca.store, "app1", "plant",
			     epoch, &o),
	    BASE_OK);
	ca_order_clear(&o);
	return o;
}

static uint64_t
last_epoch(void)
{
	uint64_t epoch;

	ck_assert_int_eq(ca_store_epoch_last(asked.w.ca.store, "app1", "plant",
			     &epoch),
	    BASE_OK);
	return epoch;
}

static const char *
text(const char *key)
{
	return json_string_value(json_object_get(asked.answer, key));
}

static void
ck_says_why(const char *in)
{
	ck_assert_ptr_nonnull(in);
	ck_assert_msg(strstr(in, WHY) != NULL, "%s", in);
}

/* Neither a failure nor silence: the order stays out, with the reason. */
START_TEST(held_is_no_failure)
{
	struct ca_order o;

	world_roll(&asked.w, "plant");
	rolls(60);
	ck_assert_uint_eq(last_epoch(), app1->highest + 1);
	o = order(last_epoch());
	ck_assert_int_eq(o.state, CA_ORDER_SENT);
	ck_assert_int_eq(o.settled.ms, 0);
	ck_assert_str_eq(o.reason, WHY);
	ends();
	o = order(app1->highest);
	ck_assert_int_eq(o.state, CA_ORDER_EFFECTIVE);
	ck_assert_str_eq(o.reason, "");
}
END_TEST

START_TEST(held_is_told)
{
	const json_t *roll;

	world_roll(&asked.w, "plant");
	rolls(60);
	ck_says_why(asked.w.waits);
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"trust\"}");
	ck_assert_str_eq(text("text"),
	    "trust of app1 is sent, held by the node: " WHY);
	asked_ok("{\"cmd\":\"roll-status\",\"root\":\"plant\","
		 "\"nodes\":true}");
	roll = json_array_get(json_object_get(asked.answer, "rolls"), 0);
	ck_says_why(json_string_value(
	    json_object_get(json_array_get(json_object_get(roll, "nodes"), 0),
		"waits")));
	ck_says_why(json_string_value(json_object_get(roll, "text")));
	ck_says_why(json_string_value(
	    json_object_get(json_array_get(json_object_get(roll, "outstanding"),
				0),
		"reason")));
	/* and no more when it is over */
	app1->holds = NULL;
	app1->slow = true;
	rolls(60);
	ck_assert_ptr_null(strstr(asked.w.waits, WHY));
	app1->slow = false;
	ends();
}
END_TEST

/* web1 says that it has handed on what has these bytes; and that they are of
 * this length. */
static void
web1_says(struct base_span cms, size_t length)
{
	struct wire_parcel p = { .kind = WIRE_P_HANDED,
		.nroute = 1,
		.route = { "web1" },
		.expires = { asked.w.now.ms + 60000 } };
	struct wire_exchange x = { .from = "web1",
		.parcels = &p,
		.nparcels = 1 };
	struct ca_taken got;
	struct base_buf body;
	uint8_t digest[32];

	wire_digest(cms, digest);
	base_buf_init(&body, 0);
	ck_assert_int_eq(base_buf_put(&p.content, digest, length), BASE_OK);
	ck_assert_int_eq(wire_exchange_compose(&x, &body), BASE_OK);
	ck_assert_int_eq(ca_exchange_take(&asked.w.ca, "web1",
			     base_buf_span(&body), &got),
	    BASE_OK);
	ck_assert_uint_eq(got.reports, length == 32);
	base_buf_free(&p.content);
	base_buf_free(&body);
}

/* explain says it of app1's trust. */
static bool
is_told(void)
{
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"trust\"}");
	return strstr(text("text"),
		   "web1 says that it handed it over to app1 "
		   "at") != NULL;
}

/* A relay's word is shown, and changes nothing. */
START_TEST(handed_over_is_told)
{
	struct ca_order o;
	const json_t *roll;

	app1->holds = NULL;
	app1->deaf = true;
	world_roll(&asked.w, "plant");
	rolls(20);
	ck_assert_int_eq(ca_store_order_get(asked.w.ca.store, "app1", "plant",
			     last_epoch(), &o),
	    BASE_OK);
	web1_says((struct base_span){ (const uint8_t *)"x", 1 }, 32);
	web1_says(base_buf_span(&o.cms), 31);
	ck_assert(!is_told());
	web1_says(base_buf_span(&o.cms), 32);
	ck_assert(is_told());
	asked_ok("{\"cmd\":\"roll-status\",\"root\":\"plant\"}");
	roll = json_array_get(json_object_get(asked.answer, "rolls"), 0);
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(roll, "text")),
		"; web1 says that it handed it over to app1 at"));
	ck_assert_int_eq(order(o.epoch).state, CA_ORDER_SENT);
	ck_assert_int_eq(pol_engine_step(asked.w.ca.rolls->engine,
			     ca_topo_node(asked.w.ca.topo, "app1"), POL_TRUST),
	    POL_STEP_SENT);
	/* and no more when the node has said a word itself */
	app1->deaf = false;
	app1->slow = true;
	rolls(20);
	ck_assert(!is_told());
	app1->slow = false;
	ends();
	ca_order_clear(&o);
}
END_TEST

/* It has answered that it holds it: a relay's word is of no use then. */
START_TEST(handed_over_and_held)
{
	struct ca_order o;
	const json_t *list;

	world_roll(&asked.w, "plant");
	rolls(60);
	ck_assert_int_eq(ca_store_order_get(asked.w.ca.store, "app1", "plant",
			     last_epoch(), &o),
	    BASE_OK);
	web1_says(base_buf_span(&o.cms), 32);
	asked_ok("{\"cmd\":\"roll-status\",\"root\":\"plant\"}");
	list = json_object_get(json_array_get(json_object_get(asked.answer,
						  "rolls"),
				   0),
	    "outstanding");
	ck_assert_uint_eq(json_array_size(list), 1);
	list = json_array_get(list, 0);
	ck_says_why(json_string_value(json_object_get(list, "reason")));
	ck_assert(json_is_null(json_object_get(list, "handed")));
	ck_assert(!is_told());
	ca_order_clear(&o);
}
END_TEST

/* By the CA's clock its canaries are dead, so it would be held for ever: it is
 * made again, as often as it takes, and that is no failure either. */
START_TEST(held_too_long_is_made_again)
{
	uint64_t first;

	asked.w.conf.canary_s = 20;
	world_roll(&asked.w, "plant");
	rolls(10);
	first = last_epoch();
	ck_assert_int_eq(order(first).state, CA_ORDER_SENT);
	rolls(60);
	ck_assert_uint_gt(last_epoch(), first);
	ck_assert_int_eq(order(first).state, CA_ORDER_REPLACED);
	ck_assert_int_eq(order(last_epoch()).steps, order(first).steps);
	ends();
}
END_TEST

/* The CA's own clock was ahead: only a new order does. */
START_TEST(made_by_a_clock_that_was_ahead)
{
	uint64_t first;

	world_roll(&asked.w, "plant");
	asked.w.now.ms += 6 * 3600000;
	rolls(10);
	first = last_epoch();
	ck_assert_int_eq(order(first).state, CA_ORDER_SENT);
	asked.w.now.ms -= 6 * 3600000;
	rolls(150);
	ck_assert_int_eq(order(first).state, CA_ORDER_REPLACED);
	ck_assert_int_lt(order(last_epoch()).issued.ms, asked.w.now.ms);
	ends();
}
END_TEST

/* What a node says of an order that is settled changes nothing. */
START_TEST(held_after_the_end)
{
	struct wire_report r;
	struct base_buf cms;
	struct ca_order o;

	app1->holds = NULL;
	world_roll(&asked.w, "plant");
	ends();
	base_buf_init(&cms, 0);
	ck_assert_int_eq(ca_store_order_get(asked.w.ca.store, "app1", "plant",
			     app1->highest, &o),
	    BASE_OK);
	world_report_fill(&asked.w, app1, &o, &r);
	r.status = WIRE_HELD;
	strcpy(r.reason, WHY);
	world_report(&asked.w, app1, &r, &cms);
	ck_assert_int_eq(ca_report_in(&asked.w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	base_buf_free(&cms);
	ca_order_clear(&o);
	o = order(app1->highest);
	ck_assert_int_eq(o.state, CA_ORDER_EFFECTIVE);
	ck_assert_str_eq(o.reason, "");
}
END_TEST

/* Nobody makes a join's order again: it stays out, with the reason, however
 * long that takes. */
START_TEST(held_when_it_joins)
{
	uint64_t joined;

	asked.w.conf.canary_s = 20;
	world_forget(&asked.w, "app1");
	world_join(&asked.w, "app1");
	joined = last_epoch();
	rolls(60);
	ck_assert_uint_eq(last_epoch(), joined);
	ck_assert_int_eq(order(joined).state, CA_ORDER_SENT);
	ck_says_why(order(joined).reason);
	ends();
	ck_assert_int_eq(order(joined).state, CA_ORDER_EFFECTIVE);
}
END_TEST

TCase *
case_held(void)
{
	TCase *t = tcase_create("held");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, held_is_no_failure);
	tcase_add_test(t, held_is_told);
	tcase_add_test(t, handed_over_is_told);
	tcase_add_test(t, handed_over_and_held);
	tcase_add_test(t, held_too_long_is_made_again);
	tcase_add_test(t, made_by_a_clock_that_was_ahead);
	tcase_add_test(t, held_after_the_end);
	tcase_add_test(t, held_when_it_joins);
	return t;
}
