/* Who is told to tidy up after a roll, when, and how often. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

/* web1 is a server that verifies nobody, so it has no finish; web2 has one. */
static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"idle\"; reach = \"poll\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"server\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"app1\"; server = \"web2\"; root = \"plant\"; } );\n";

static struct world w;

static void
ready(void)
{
	world_ready_make(fleet);
}

static void
must(enum base_err e)
{
	ck_assert_msg(e == BASE_OK, "%s", base_why());
}

static void
roll(void)
{
	world_roll(&w, "plant");
	w.ca.tidying = true; /* not yet */
	for (int i = 0; i < 2400 && w.ca.rolls != NULL; i++)
		world_turn(&w);
	ck_assert_ptr_null(w.ca.rolls);
	w.ca.tidying = false;
	w.ca.tidy_wanted = true;
}

/* A roll is over, and nobody has been told. */
static void
setup(void)
{
	base_log_open("test", BASE_ERR);
	world_open_joined(&w, fleet, 1);
	roll();
}

static void
teardown(void)
{
	world_close(&w);
}

struct tidies {
	size_t n, open;
	struct ca_order last;
};

static enum base_err
count(void *arg, const struct ca_order *o)
{
	struct tidies *t = arg;

	if ((o->steps & WIRE_STEP_TIDY) == 0)
		return BASE_OK;
	ck_assert_uint_eq(o->steps, WIRE_STEP_TIDY);
	t->n++;
	t->open += o->state == CA_ORDER_SENT || o->state == CA_ORDER_RECEIVED;
	t->last = *o;
	return BASE_OK;
}

static struct tidies
tidies(const char *node)
{
	struct tidies t = { .n = 0 };

	must(ca_store_orders_of_node(w.ca.store, node, count, &t));
	return t;
}

static void
turns(int n)
{
	for (int i = 0; i < n; i++)
		world_turn(&w);
}

static void
look(void)
{
	(void)ca_tidy_work(&w.ca);
	while (hsm_fake_turn(w.hsm) > 0)
		;
}

START_TEST(who_has_no_finish)
{
	struct tidies t;

	look();
	t = tidies("web1");
	ck_assert_uint_eq(t.n, 1);
	ck_assert_uint_eq(t.last.roll, 1);
	ck_assert_uint_eq(t.last.from, 1);
	ck_assert_uint_eq(t.last.to, 2);
	ck_assert_uint_eq(tidies("web2").n, 0);
	ck_assert_uint_eq(tidies("app1").n, 0);
	ck_assert_uint_eq(tidies("idle").n, 0);
	/* once: it is on its way, and then done */
	w.ca.tidy_wanted = true;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
	turns(20);
	ck_assert_uint_eq(world_node(&w, "web1")->tidies, 1);
	w.ca.tidy_wanted = true;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
	/* after each roll */
	roll();
	look();
	ck_assert_uint_eq(tidies("web1").n, 2);
}
END_TEST

START_TEST(not_while_it_rolls_again)
{
	world_roll(&w, "plant");
	w.ca.tidy_wanted = true;
	(void)ca_tidy_work(&w.ca);
	ck_assert(!w.ca.tidying);
	ck_assert_uint_eq(tidies("web1").n, 0);
	/* of the last roll only */
	ck_assert(world_run(&w, 120, world_rolled));
	ck_assert_uint_eq(tidies("web1").n, 1);
	ck_assert_uint_eq(tidies("web1").last.to, 3);
}
END_TEST

/* They would take each other's epochs. */
START_TEST(not_beside_renewals)
{
	w.ca.renewing = true;
	ck_assert_int_eq(ca_tidy_work(&w.ca).ms, CA_NEVER.ms);
	w.ca.renewing = false;
	w.ca.tidying = true;
	ck_assert_int_eq(ca_tidy_work(&w.ca).ms, CA_NEVER.ms);
	w.ca.tidying = false;
	w.ca.recovery.stage = CA_RECOVERY_RECALL;
	ck_assert_int_eq(ca_tidy_work(&w.ca).ms, CA_NEVER.ms);
	w.ca.recovery.stage = CA_RECOVERY_NONE;
	ck_assert_uint_eq(tidies("web1").n, 0);
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
}
END_TEST

START_TEST(not_who_has_not_said_what_it_holds)
{
	struct ca_fact f = { .node = "web1",
		.root = "plant",
		.kind = POL_FACT_LOST };

	must(ca_store_fact_add(w.ca.store, &f));
	look();
	ck_assert_uint_eq(tidies("web1").n, 0);
	f.kind = POL_FACT_HOLDS;
	f.conf.present = POL_GEN(2);
	must(ca_store_fact_add(w.ca.store, &f));
	w.ca.tidy_wanted = true;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
}
END_TEST

/* Nobody knows with which key it is left. */
START_TEST(not_while_its_key_changes)
{
	struct ca_order o = { .node = "web1",
		.root = "plant",
		.steps = WIRE_STEP_CERT,
		.from = 2,
		.to = 2,
		.expires = { w.now.ms + 86400000 },
		.state = CA_ORDER_SENT };
	struct base_buf spki;

	base_buf_init(&spki, 0);
	must(ca_store_key_get(w.ca.store, "web1", "plant", &spki));
	must(ca_store_rekey_put(w.ca.store, "web1", "plant",
	    base_buf_span(&spki)));
	base_buf_free(&spki);
	must(ca_epoch_next(&w.ca, "web1", "plant", &o.epoch));
	must(base_buf_put(&o.cms, "x", 1));
	must(ca_store_order_add(w.ca.store, &o));
	look();
	ck_assert_uint_eq(tidies("web1").n, 0);
	o.state = CA_ORDER_FAILED;
	must(ca_store_order_update(w.ca.store, &o));
	ca_order_clear(&o);
	w.ca.tidy_wanted = true;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
}
END_TEST

START_TEST(given_up_after_failures)
{
	world_node(&w, "web1")->fails = true;
	for (int i = 0; i < 30; i++) {
		w.ca.tidy_wanted = true;
		w.ca.tidy_next = w.mono;
		turns(20);
	}
	ck_assert_uint_eq(tidies("web1").n, w.conf.failure_limit);
}
END_TEST

/* After a pause. */
START_TEST(refused_by_kedge_hsmd)
{
	hsm_fake_mood(w.hsm)->refuse = "web1";
	look();
	ck_assert_uint_eq(tidies("web1").n, 0);
	hsm_fake_mood(w.hsm)->refuse = NULL;
	ck_assert(w.ca.tidy_wanted);
	look();
	ck_assert_uint_eq(tidies("web1").n, 0);
	w.mono.ms += w.conf.retry_ms;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
}
END_TEST

/* A question took the epoch while kedge-hsmd signed. */
START_TEST(an_epoch_that_is_taken)
{
	struct ca_order o = { .node = "web1",
		.root = "plant",
		.state = CA_ORDER_SENT };

	must(ca_epoch_next(&w.ca, "web1", "plant", &o.epoch));
	(void)ca_tidy_work(&w.ca);
	ck_assert(w.ca.tidying);
	must(base_buf_put(&o.cms, "x", 1));
	must(ca_store_order_add(w.ca.store, &o));
	ca_order_clear(&o);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert(!w.ca.tidying);
	ck_assert_uint_eq(tidies("web1").n, 0);
	w.mono.ms += w.conf.retry_ms;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
	ck_assert_uint_eq(tidies("web1").last.epoch, o.epoch + 1);
}
END_TEST

/* What it rests on is from an old copy of the store. */
START_TEST(a_recovery_begins_meanwhile)
{
	(void)ca_tidy_work(&w.ca);
	w.ca.recovery.stage = CA_RECOVERY_RECALL;
	while (hsm_fake_turn(w.hsm) > 0)
		;
	w.ca.recovery.stage = CA_RECOVERY_NONE;
	ck_assert_uint_eq(tidies("web1").n, 0);
	w.mono.ms += w.conf.retry_ms;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
}
END_TEST

/* One that nobody took expires, and is given again within the hour. */
START_TEST(expired_ones_are_looked_for)
{
	world_node(&w, "web1")->deaf = true;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
	w.now = tidies("web1").last.expires;
	w.mono.ms += 3599000;
	look();
	ck_assert_uint_eq(tidies("web1").n, 1);
	w.mono.ms += 1000;
	look();
	ck_assert_uint_eq(tidies("web1").n, 2);
	ck_assert_uint_eq(tidies("web1").open, 1);
}
END_TEST

TCase *
case_tidy(void)
{
	TCase *t = tcase_create("tidy");

	tcase_set_timeout(t, 30);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, who_has_no_finish);
	tcase_add_test(t, not_while_it_rolls_again);
	tcase_add_test(t, not_beside_renewals);
	tcase_add_test(t, not_who_has_not_said_what_it_holds);
	tcase_add_test(t, not_while_its_key_changes);
	tcase_add_test(t, given_up_after_failures);
	tcase_add_test(t, refused_by_kedge_hsmd);
	tcase_add_test(t, an_epoch_that_is_taken);
	tcase_add_test(t, a_recovery_begins_meanwhile);
	tcase_add_test(t, expired_ones_are_looked_for);
	return t;
}
