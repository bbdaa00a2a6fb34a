/* A roll by command: started, paused, explained, steered. */
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ca/control.h"
#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static void
looks_ahead(bool comes, const char *away)
{
	char *q = base_asprintf("{\"cmd\":\"simulate\",\"root\":\"plant\","
				"\"retry_ms\":0,\"pace\":[{\"node\":\"web1\","
				"\"takes_ms\":1000,\"away_ms\":%s,"
				"\"failures\":0}]}",
	    away);
	const json_t *o;

	asked_ok(q);
	o = json_object_get(asked.answer, "outlook");
	ck_assert(json_is_object(o));
	ck_assert(json_is_true(json_object_get(o, "done")) == comes);
	ck_assert(json_is_integer(json_object_get(o, "takes_ms")) == comes);
	free(q);
}

static void
a_node_is_steered(void)
{
	const json_t *o;

	asked_ok(
	    "{\"cmd\":\"roll-hold\",\"root\":\"plant\",\"node\":\"app1\"}");
	ck_assert_uint_eq(asked_size_of("held"), 1);
	asked_ok("{\"cmd\":\"roll-release\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	asked_no("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\"}",
	    "USAGE");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead\"}");
	ck_assert_uint_eq(asked_size_of("excused"), 1);
	/* as kedge plan asks for it: what that costs, under this root only */
	asked_ok("{\"cmd\":\"unsafe\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("excused"), 1);
	o = json_array_get(json_object_get(asked.answer, "excused"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(o, "node")), "app1");
	ck_assert_str_eq(json_string_value(
			     json_array_get(json_object_get(o, "suffers"), 0)),
	    "app1 accepts web1 by the NewWithOld that it serves, until that "
	    "has finished");
	asked_ok("{\"cmd\":\"unsafe\",\"root\":\"management\"}");
	ck_assert_uint_eq(asked_size_of("excused"), 0);
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	ck_assert_uint_eq(asked_size_of("excused"), 0);
	asked_ok("{\"cmd\":\"unsafe\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("excused"), 0);
}

static void
explained(const char *step, const char *words)
{
	char q[128];
	const char *text;

	snprintf(q, sizeof(q),
	    "{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"web1\","
	    "\"step\":\"%s\"}",
	    step);
	asked_ok(q);
	text = json_string_value(json_object_get(asked.answer, "text"));
	ck_assert_msg(text != NULL && strstr(text, words) != NULL, "%s: %s",
	    words, text);
}

/* Nothing that the engine knows forbids the first step. */
static void
what_is_ready_is_explained(void)
{
	explained("trust", "trust of web1 is ready, and the roll is paused");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"web1\",\"reason\":\"dead\"}");
	explained("trust",
	    "web1 waits with trust: the operator has excused it "
	    "since 2026-");
	explained("finish", "the operator has excused it since 2026-");
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"web1\"}");
	explained("trust", "and the roll is paused");
}

START_TEST(a_roll_is_started_paused_explained)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"simulate\",\"root\":\"plant\",\"pace\":[],"
		 "\"retry_ms\":0}");
	ck_assert(json_is_null(json_object_get(asked.answer, "outlook")));
	asked_ok(
	    "{\"cmd\":\"roll-start\",\"root\":\"plant\",\"dry_run\":true}");
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "to")),
	    2);
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\"}", "STATE");
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"web1\","
		 "\"step\":\"cert\"}");
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "state")),
	    "waiting");
	ck_assert_uint_ge(asked_size_of("waits"), 1);
	looks_ahead(true, "0");
	looks_ahead(false, "null");
	asked_ok("{\"cmd\":\"roll-pause\",\"root\":\"plant\"}");
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "state")),
	    "paused");
	what_is_ready_is_explained();
	/* links come and go meanwhile, as the engine allows */
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\",\"reason\":\"sold\"}");
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"app1\","
		 "\"server\":\"web1\",\"auth\":\"mutual\","
		 "\"root\":\"plant\"}");
	a_node_is_steered();
	asked_ok("{\"cmd\":\"roll-resume\",\"root\":\"plant\"}");
	asked_ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\"}");
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "state")),
	    "aborting");
	asked_no("{\"cmd\":\"roll-abort\",\"root\":\"plant\"}", "STATE");
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "roll")),
	    1);
	asked_ok("{\"cmd\":\"roll-status\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("rolls"), 1);
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-status\"}");
	ck_assert_str_eq(json_string_value(json_object_get(
			     json_array_get(json_object_get(asked.answer,
						"rolls"),
				 0),
			     "state")),
	    "done");
}
END_TEST

START_TEST(a_refused_order_is_explained)
{
	world_join_all(&asked.w);
	world_roll(&asked.w, "plant");
	hsm_fake_mood(asked.w.hsm)->unjustified = 100000;
	for (int i = 0; i < 40; i++)
		world_turn(&asked.w);
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"web1\","
		 "\"step\":\"trust\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"not this order"));
	hsm_fake_mood(asked.w.hsm)->unjustified = 0;
	ck_assert(world_run(&asked.w, 100, world_rolled));
}
END_TEST

TCase *
case_control_roll(void)
{
	TCase *t = tcase_create("control_roll");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_pair, asked_close);
	tcase_add_test(t, a_roll_is_started_paused_explained);
	tcase_add_test(t, a_refused_order_is_explained);
	return t;
}
