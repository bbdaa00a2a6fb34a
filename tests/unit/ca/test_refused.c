/* How long an order that failed waits for its next try: ca/refused.c. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

#define TURN_MS	 50
#define SLACK_MS 2500 /* a poll, and the way there and back */

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; } );\n";

static const char three[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; } );\n";

static struct world_node *app1;

static void
setup(void)
{
	asked_open(fleet);
	asked.w.conf.failure_limit = 0;
	world_join_all(&asked.w);
	app1 = world_node(&asked.w, "app1");
	app1->fails = true;
	world_roll(&asked.w, "plant");
}

/* Until app1 gets its next order; how long that took. */
static int64_t
next_try(void)
{
	const int64_t begin = asked.w.mono.ms;
	const uint64_t before = app1->highest;

	while (app1->highest == before) {
		world_turn(&asked.w);
		ck_assert_int_lt(asked.w.mono.ms - begin, 3600000);
	}
	return asked.w.mono.ms - begin;
}

static void
ck_after(int64_t pause)
{
	const int64_t is = next_try();

	ck_assert_int_ge(is, pause - TURN_MS);
	ck_assert_int_le(is, pause + SLACK_MS);
}

/* Twice as long each time, and then no longer. */
START_TEST(the_pause_grows)
{
	const int64_t retry = asked.w.conf.retry_ms;

	(void)next_try();
	for (unsigned i = 0; i < 9; i++)
		ck_after(retry << (i < 6 ? i : 6));
}
END_TEST

/* Mended: the operator does not wait for it. */
START_TEST(retry_is_at_once)
{
	for (int i = 0; i < 7; i++)
		(void)next_try();
	for (int i = 0; i < 40; i++) /* its report is in */
		world_turn(&asked.w);
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"trust\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"tried again in"));
	ck_assert_int_eq(ca_roll_retry(&asked.w.ca, "plant", "app1", "test"),
	    BASE_OK);
	ck_after(0);
	/* and what fails then begins with the first pause */
	ck_after(asked.w.conf.retry_ms);
}
END_TEST

START_TEST(what_works_ends_the_row)
{
	for (int i = 0; i < 5; i++)
		(void)next_try();
	app1->fails = false;
	(void)next_try(); /* trust */
	app1->fails = true;
	(void)next_try(); /* cert */
	ck_after(asked.w.conf.retry_ms);
	app1->fails = false;
	ck_assert_msg(world_run(&asked.w, 120, world_rolled), "%s",
	    asked.w.waits);
}
END_TEST

/* One order at a time, and that of app1 is not signed: the others have their
 * turn all the same, and app1 its own when it is signed after all. */
START_TEST(who_is_refused_keeps_nobody_waiting)
{
	const struct ca_roll_row want = { .root = "plant", .max_in_flight = 1 };
	struct world *w = &asked.w;

	asked_open(three);
	world_join_all(w);
	hsm_fake_mood(w->hsm)->refuse = "app1";
	world_roll_as(w, &want);
	for (int i = 0; i < 200; i++)
		world_turn(w);
	ck_assert_uint_eq(world_node(w, "app1")->conf.trust, POL_GEN(1));
	ck_assert_uint_eq(world_node(w, "app2")->conf.trust,
	    POL_GEN(1) | POL_GEN(2));
	ck_assert_uint_eq(world_node(w, "web1")->conf.trust,
	    POL_GEN(1) | POL_GEN(2));
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"trust\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"not signed: kedge-hsmd: not this one"));
	hsm_fake_mood(w->hsm)->refuse = NULL;
	ck_assert_msg(world_run(w, 1200, world_rolled), "%s", w->waits);
	asked_close();
}
END_TEST

TCase *
case_refused(void)
{
	TCase *t = tcase_create("refused");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, the_pause_grows);
	tcase_add_test(t, retry_is_at_once);
	tcase_add_test(t, what_works_ends_the_row);
	return t;
}

TCase *
case_refused_turns(void)
{
	TCase *t = tcase_create("refused_turns");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, who_is_refused_keeps_nobody_waiting);
	return t;
}
