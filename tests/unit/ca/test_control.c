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

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static void
setup(void)
{
	asked_open(pair);
}

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
	{ "{\"cmd\":\"root-add\",\"root\":\"Bad\"}", "SYNTAX" },
	{ "{\"cmd\":\"root-add\",\"root\":\"r\",\"days\":0}", "RANGE" },
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
	    "RANGE" },
	{ "{\"cmd\":\"node-join\",\"request\":\"%%%%\"}", "SYNTAX" },
	{ "{\"cmd\":\"node-join\",\"request\":\"AAAA\"}", "SYNTAX" },
	{ "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"app1\","
	  "\"auth\":\"mutual\",\"root\":\"plant\"}",
	    "REFUSED" },
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
	{ "{\"cmd\":\"audit-list\",\"limit\":0}", "RANGE" },
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

/* Both ends joined before there was such a root. */
START_TEST(a_link_says_who_must_join_again)
{
	static const char add[] =
	    "{\"cmd\":\"link-add\",\"client\":\"web1\",\"server\":\"app1\","
	    "\"auth\":\"mutual\",\"root\":\"%s\",\"replace\":true}";
	char text[256];
	json_t *notes;

	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"other\"}");
	snprintf(text, sizeof(text), add, "other");
	asked_ok(text);
	ck_assert_uint_eq(asked_size_of("notes"), 2);
	notes = json_object_get(asked.answer, "notes");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_array_get(notes, 0)),
		"node web1: joined without a key under root other"));
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_array_get(notes, 1)),
		"node app1: joined without a key under root other"));
	snprintf(text, sizeof(text), add, "plant");
	asked_ok(text);
	ck_assert_uint_eq(asked_size_of("notes"), 0);
}
END_TEST

/* Also when a file leaves the link of the old root where it is. */
START_TEST(a_server_has_one_root)
{
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"other\"}");
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"other\",\"alg\":\"p256\"}");
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\"}");
	asked_no("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
		 "\"auth\":\"server\",\"root\":\"other\"}",
	    "REFUSED");
	asked_no("{\"cmd\":\"topology-apply\",\"file\":\"f\",\"text\":\""
		 "roots = ( { name = \\\"other\\\"; } ); "
		 "nodes = ( { name = \\\"db1\\\"; reach = \\\"poll\\\"; }, "
		 "{ name = \\\"web1\\\"; } ); "
		 "links = ( { client = \\\"db1\\\"; server = \\\"web1\\\"; "
		 "root = \\\"other\\\"; } );\"}",
	    "REFUSED");
	asked_ok("{\"cmd\":\"link-list\"}");
	ck_assert_uint_eq(asked_size_of("links"), 1);
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
		 "\"auth\":\"mutual\",\"server_root\":\"plant\","
		 "\"client_root\":\"other\"}");
}
END_TEST

START_TEST(nodes_come_and_go)
{
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\","
		 "\"via\":[\"web1\"],\"names\":[\"DNS:db.example\"]}");
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
		 "\"auth\":\"server\",\"root\":\"plant\"}");
	asked_ok("{\"cmd\":\"node-set\",\"node\":\"db1\","
		 "\"address\":\"127.0.0.1:9\"}");
	asked_ok("{\"cmd\":\"node-token\",\"node\":\"db1\",\"seconds\":60}");
	ck_assert_int_eq(strncmp(json_string_value(
				     json_object_get(asked.answer, "token")),
			     "kedge1.", 7),
	    0);
	asked_no("{\"cmd\":\"node-remove\",\"node\":\"db1\"}", "STATE");
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"db1\","
		 "\"server\":\"web1\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"db1\"}");
	asked_no("{\"cmd\":\"node-show\",\"node\":\"db1\"}", "NOTFOUND");
	asked_ok("{\"cmd\":\"audit-verify\"}");
}
END_TEST

/* app1 polls over its link to web1: that link stays while app1 has others. */
START_TEST(a_relay_keeps_its_link)
{
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"web2\",\"reach\":\"poll\"}");
	asked_ok(
	    "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"web2\","
	    "\"auth\":\"server\",\"root\":\"plant\"}");
	asked_no("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\"}",
	    "REFUSED");
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web2\"}");
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\"}");
}
END_TEST

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

/* What is wrong with the pace is said before anything is made. */
START_TEST(a_roll_has_its_pace)
{
	world_join_all(&asked.w);
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"first\":[\"nosuch\"]}",
	    "NOTFOUND");
	asked_no(
	    "{\"cmd\":\"roll-start\",\"root\":\"plant\",\"first\":\"web1\"}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\",\"first\":[1]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"windows\":[\"22:00-04:00 CET\"]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\",\"windows\":["
		 "\"00:00-01:00\",\"00:00-01:00\",\"00:00-01:00\","
		 "\"00:00-01:00\",\"00:00-01:00\",\"00:00-01:00\","
		 "\"00:00-01:00\",\"00:00-01:00\",\"00:00-01:00\"]}",
	    "RANGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"max_in_flight\":-1}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"all\":true,\"first\":[\"web1\"]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"presume\":\"sent\"}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-step\",\"root\":\"plant\"}", "STATE");
	asked_ok(
	    "{\"cmd\":\"roll-start\",\"root\":\"plant\",\"first\":[\"web1\"],"
	    "\"windows\":[\"Thu 00:00-01:00\",\"12:00-13:00\"],"
	    "\"step\":true,\"max_in_flight\":7}");
	asked_ok("{\"cmd\":\"roll-step\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("let"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(
			     json_array_get(json_object_get(asked.answer,
						"let"),
				 0),
			     "node")),
	    "web1");
	ck_assert_uint_eq(asked_size_of("first"), 1);
	ck_assert_uint_eq(asked_size_of("windows"), 2);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "max_in_flight")),
	    7);
	ck_assert(json_is_true(json_object_get(asked.answer, "step")));
	ck_assert_ptr_null(json_object_get(asked.answer, "opens"));
	asked.w.now.ms += 7200000;
	asked_ok("{\"cmd\":\"roll-step\",\"root\":\"plant\",\"rest\":true}");
	ck_assert_uint_eq(asked_size_of("let"), 0);
	ck_assert(json_is_false(json_object_get(asked.answer, "step")));
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "opens")),
	    "2026-01-01T12:00:00Z");
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"trust\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"web1 goes first"));
}
END_TEST

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
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, fleet_is_shown);
	tcase_add_loop_test(t, bad_requests_change_nothing, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, a_link_says_who_must_join_again);
	tcase_add_test(t, a_server_has_one_root);
	tcase_add_test(t, nodes_come_and_go);
	tcase_add_test(t, a_relay_keeps_its_link);
	tcase_add_test(t, a_roll_has_its_pace);
	tcase_add_test(t, a_roll_is_started_paused_explained);
	tcase_add_test(t, a_refused_order_is_explained);
	tcase_add_test(t, events_come_to_subscribers);
	tcase_add_test(t, hanging_up_in_the_middle_is_fine);
	tcase_add_test(t, hsmd_away_is_said);
	return t;
}
