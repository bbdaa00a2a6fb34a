/* The control socket as a client sees it; kedged's I/O is real here, hsmd is
 * not. */
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

START_TEST(fleet_is_shown)
{
	asked_ok("{\"cmd\":\"version\"}");
	ck_assert(json_is_true(json_object_get(asked.answer, "ready")));
	asked_ok("{\"cmd\":\"init\"}");
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "fleet")),
	    "demo");
	asked_ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(asked_size_of("roots"), 2);
	asked_ok("{\"cmd\":\"root-show\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("generations"), 2);
	asked_ok("{\"cmd\":\"node-list\"}");
	ck_assert_uint_eq(asked_size_of("nodes"), 2);
	asked_ok("{\"cmd\":\"node-show\",\"node\":\"web1\"}");
	asked_ok("{\"cmd\":\"link-list\"}");
	ck_assert_uint_eq(asked_size_of("links"), 1);
	asked_ok("{\"cmd\":\"graph\",\"root\":\"plant\"}");
	asked_ok("{\"cmd\":\"plan\",\"root\":\"plant\"}");
	ck_assert_uint_eq(json_array_size(
			      json_object_get(json_object_get(asked.answer,
						  "plan"),
				  "orders")),
	    6);
	asked_ok("{\"cmd\":\"roll-status\"}");
	ck_assert_uint_eq(asked_size_of("rolls"), 0);
	asked_ok("{\"cmd\":\"audit-verify\"}");
	asked_ok("{\"cmd\":\"audit-list\",\"limit\":2}");
	ck_assert_uint_eq(asked_size_of("records"), 2);
}
END_TEST

static const struct {
	const char *text, *error;
} bad[] = {
	{ "hello", "SYNTAX" },
	{ "{\"cmd\":\"version\",\"cmd\":\"version\"}", "SYNTAX" },
	{ "[]", "USAGE" },
	{ "{\"cmd\":7}", "USAGE" },
	{ "{\"cmd\":\"nosuch\"}", "USAGE" },
	{ "{\"cmd\":\"version\",\"more\":1}", "USAGE" },
	{ "{\"cmd\":\"root-show\"}", "USAGE" },
	{ "{\"cmd\":\"root-show\",\"root\":5}", "USAGE" },
	{ "{\"cmd\":\"root-show\",\"root\":\"nosuch\"}", "NOTFOUND" },
	{ "{\"cmd\":\"root-add\",\"root\":\"Bad\"}", "USAGE" },
	{ "{\"cmd\":\"root-add\",\"root\":\"r\",\"days\":0}", "USAGE" },
	{ "{\"cmd\":\"root-add\",\"root\":\"plant\",\"alg\":\"rsa4096\"}",
	    "EXISTS" },
	{ "{\"cmd\":\"root-add\",\"root\":\"plant\",\"days\":7}", "EXISTS" },
	{ "{\"cmd\":\"node-show\",\"node\":\"nosuch\"}", "NOTFOUND" },
	{ "{\"cmd\":\"node-add\",\"node\":\"ca\",\"reach\":\"poll\"}",
	    "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"a..b\",\"reach\":\"poll\"}",
	    "USAGE" },
	{ "{\"cmd\":\"root-add\",\"root\":\"management\"}", "REFUSED" },
	{ "{\"cmd\":\"link-add\",\"client\":\"web1\",\"server\":\"app1\","
	  "\"auth\":\"mutual\",\"root\":\"management\"}",
	    "REFUSED" },
	{ "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"web1\","
	  "\"auth\":\"server\",\"root\":\"plant\"}",
	    "EXISTS" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"fly\"}", "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"web1\",\"reach\":\"poll\"}",
	    "EXISTS" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"via\":[\"nosuch\"]}",
	    "NOTFOUND" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"names\":[\"example\"]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"via\":[\"web1\",\"nosuch\"]}",
	    "NOTFOUND" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"via\":[\"web1\",\"web1\"]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"via\":[\"x\"]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"via\":[7]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"push\"}", "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"direct\","
	  "\"via\":[\"web1\"]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-set\",\"node\":\"web1\","
	  "\"names\":[\"DNS:not a name\"]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-set\",\"node\":\"web1\","
	  "\"names\":[\"IP:1.2.3\"]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-set\",\"node\":\"web1\",\"address\":\"here\"}",
	    "USAGE" },
	{ "{\"cmd\":\"node-set\",\"node\":\"web1\",\"address\":\"a:0\"}",
	    "USAGE" },
	{ "{\"cmd\":\"node-remove\",\"node\":\"web1\"}", "STATE" },
	{ "{\"cmd\":\"node-remove\",\"node\":\"nosuch\"}", "NOTFOUND" },
	{ "{\"cmd\":\"node-token\",\"node\":\"nosuch\"}", "NOTFOUND" },
	{ "{\"cmd\":\"node-token\",\"node\":\"web1\",\"seconds\":90000}",
	    "USAGE" },
	{ "{\"cmd\":\"node-join\",\"request\":\"%%%%\"}", "SYNTAX" },
	{ "{\"cmd\":\"node-join\",\"request\":\"AAAA\"}", "SYNTAX" },
	{ "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"app1\","
	  "\"auth\":\"mutual\",\"root\":\"plant\"}",
	    "USAGE" },
	{ "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"web1\","
	  "\"auth\":\"mutual\"}",
	    "USAGE" },
	{ "{\"cmd\":\"link-add\",\"client\":\"web1\",\"server\":\"app1\","
	  "\"auth\":\"mutual\",\"root\":\"nosuch\"}",
	    "NOTFOUND" },
	{ "{\"cmd\":\"link-remove\",\"client\":\"web1\",\"server\":\"app1\"}",
	    "NOTFOUND" },
	{ "{\"cmd\":\"plan\",\"root\":\"plant\",\"strategy\":\"quick\"}",
	    "USAGE" },
	{ "{\"cmd\":\"roll-start\",\"root\":\"plant\"}", "STATE" },
	{ "{\"cmd\":\"roll-start\",\"root\":\"management\"}", "STATE" },
	{ "{\"cmd\":\"roll-pause\",\"root\":\"plant\"}", "STATE" },
	{ "{\"cmd\":\"roll-retry\",\"root\":\"plant\",\"node\":\"web1\"}",
	    "STATE" },
	{ "{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"web1\","
	  "\"step\":\"jump\"}",
	    "USAGE" },
	{ "{\"cmd\":\"simulate\",\"root\":\"plant\",\"pace\":{},"
	  "\"retry_ms\":0}",
	    "USAGE" },
	{ "{\"cmd\":\"simulate\",\"root\":\"plant\",\"pace\":[{"
	  "\"node\":\"web1\",\"takes_ms\":-1,\"away_ms\":0,"
	  "\"failures\":0}],\"retry_ms\":0}",
	    "USAGE" },
	{ "{\"cmd\":\"audit-list\",\"limit\":0}", "USAGE" },
	{ "{\"cmd\":\"topology-apply\",\"text\":\"nodes = 5;\","
	  "\"file\":\"f\"}",
	    "CONFIG" },
};

START_TEST(bad_requests_change_nothing)
{
	uint64_t before, after;
	uint8_t head[32];

	ck_assert_int_eq(ca_store_audit_verify(asked.w.ca.store, &before, head),
	    BASE_OK);
	asked_no(bad[_i].text, bad[_i].error);
	ck_assert_int_eq(ca_store_audit_verify(asked.w.ca.store, &after, head),
	    BASE_OK);
	ck_assert_uint_eq(before, after);
	asked_ok("{\"cmd\":\"version\"}");
}
END_TEST

static void
to_control(void *arg, json_t *event)
{
	ca_control_event(((struct world *)arg)->ca.control, event);
	json_decref(event);
}

START_TEST(events_come_to_subscribers)
{
	json_t *e;

	asked.w.ca.on_event = to_control;
	asked_ok("{\"cmd\":\"events\"}");
	world_join(&asked.w, "web1");
	e = asked_line();
	ck_assert_str_eq(json_string_value(json_object_get(e, "event")),
	    "node");
	ck_assert_str_eq(json_string_value(json_object_get(e, "new")),
	    "joined");
	json_decref(e);
	e = asked_line();
	ck_assert_str_eq(json_string_value(json_object_get(e, "event")),
	    "order");
	ck_assert_str_eq(json_string_value(json_object_get(e, "new")), "sent");
	json_decref(e);
}
END_TEST

/* A client that hangs up while hsmd is at work takes nobody with it. */
START_TEST(hanging_up_in_the_middle_is_fine)
{
	const char *q = "{\"cmd\":\"root-add\",\"root\":\"lab\"}\n";

	ck_assert_int_eq((int)write(asked.fd, q, strlen(q)), (int)strlen(q));
	event_base_loop(asked.w.ca.eb, EVLOOP_NONBLOCK);
	event_base_loop(asked.w.ca.eb, EVLOOP_NONBLOCK);
	close(asked.fd);
	event_base_loop(asked.w.ca.eb, EVLOOP_NONBLOCK);
	while (hsm_fake_turn(asked.w.hsm) > 0)
		;
	asked.fd = asked_dial();
	asked_ok("{\"cmd\":\"root-show\",\"root\":\"lab\"}");
	ck_assert_uint_eq(asked_size_of("generations"), 2);
}
END_TEST

START_TEST(hsmd_away_is_said)
{
	hsm_fake_mood(asked.w.hsm)->down = true;
	asked_no("{\"cmd\":\"root-add\",\"root\":\"lab\"}", "AGAIN");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "message")),
		"waits for kedge-hsmd"));
	hsm_fake_mood(asked.w.hsm)->down = false;
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"lab\"}");
}
END_TEST

TCase *
case_control(void)
{
	TCase *t = tcase_create("control");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_pair, asked_close);
	tcase_add_test(t, fleet_is_shown);
	tcase_add_loop_test(t, bad_requests_change_nothing, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, events_come_to_subscribers);
	tcase_add_test(t, hanging_up_in_the_middle_is_fine);
	tcase_add_test(t, hsmd_away_is_said);
	return t;
}
