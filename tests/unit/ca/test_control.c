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
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static struct world w;
static int fd;
static json_t *answer;

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, w.conf.control, strlen(w.conf.control) + 1);
	ck_assert_int_eq(connect(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return s;
}

static void
setup(void)
{
	world_open(&w, pair, 21);
	w.conf.control = base_asprintf("%s/control", w.dir);
	w.ca.eb = event_base_new();
	ck_assert_int_eq(ca_control_open(&w.ca, &w.ca.control), BASE_OK);
	fd = dial();
	answer = NULL;
}

static void
teardown(void)
{
	json_decref(answer);
	close(fd);
	ca_control_close(w.ca.control);
	event_base_free(w.ca.eb);
	free(w.conf.control);
	world_close(&w);
}

static void
turn(void)
{
	event_base_loop(w.ca.eb, EVLOOP_NONBLOCK);
	hsm_fake_turn(w.hsm);
}

/* The next line that comes, NULL when kedged hung up. */
static json_t *
line(void)
{
	static char buf[1 << 18];
	size_t n = 0;

	for (int i = 0; i < 10000; i++) {
		ssize_t got = read(fd, buf + n, 1);

		if (got == 0)
			return NULL;
		if (got == -1) {
			ck_assert_int_eq(errno, EAGAIN);
			turn();
		} else if (buf[n++] == '\n') {
			return json_loadb(buf, n, 0, NULL);
		} else {
			i = 0;
		}
	}
	ck_abort_msg("no answer");
}

static bool
ask(const char *text)
{
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq((int)write(fd, "\n", 1), 1);
	json_decref(answer);
	answer = line();
	ck_assert_ptr_nonnull(answer);
	return json_is_true(json_object_get(answer, "ok"));
}

static void
ok(const char *text)
{
	ck_assert_msg(ask(text), "%s: %s", text,
	    json_string_value(json_object_get(answer, "message")));
}

static void
no(const char *text, const char *error)
{
	ck_assert_msg(!ask(text), "%s", text);
	ck_assert_str_eq(json_string_value(json_object_get(answer, "error")),
	    error);
	ck_assert_uint_gt(strlen(json_string_value(
			      json_object_get(answer, "message"))),
	    5);
}

static size_t
size_of(const char *key)
{
	return json_array_size(json_object_get(answer, key));
}

START_TEST(fleet_is_shown)
{
	ok("{\"cmd\":\"version\"}");
	ck_assert(json_is_true(json_object_get(answer, "ready")));
	ok("{\"cmd\":\"init\"}");
	ck_assert_str_eq(json_string_value(json_object_get(answer, "fleet")),
	    "demo");
	ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(size_of("roots"), 2);
	ok("{\"cmd\":\"root-show\",\"root\":\"plant\"}");
	ck_assert_uint_eq(size_of("generations"), 2);
	ok("{\"cmd\":\"node-list\"}");
	ck_assert_uint_eq(size_of("nodes"), 2);
	ok("{\"cmd\":\"node-show\",\"node\":\"web1\"}");
	ok("{\"cmd\":\"link-list\"}");
	ck_assert_uint_eq(size_of("links"), 1);
	ok("{\"cmd\":\"graph\",\"root\":\"plant\"}");
	ok("{\"cmd\":\"plan\",\"root\":\"plant\"}");
	ck_assert_uint_eq(json_array_size(
			      json_object_get(json_object_get(answer, "plan"),
				  "orders")),
	    6);
	ok("{\"cmd\":\"roll-status\"}");
	ck_assert_uint_eq(size_of("rolls"), 0);
	ok("{\"cmd\":\"audit-verify\"}");
	ok("{\"cmd\":\"audit-list\",\"limit\":2}");
	ck_assert_uint_eq(size_of("records"), 2);
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
	{ "{\"cmd\":\"node-show\",\"node\":\"nosuch\"}", "NOTFOUND" },
	{ "{\"cmd\":\"node-add\",\"node\":\"ca\",\"reach\":\"poll\"}",
	    "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"a..b\",\"reach\":\"poll\"}",
	    "REFUSED" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"fly\"}", "USAGE" },
	{ "{\"cmd\":\"node-add\",\"node\":\"web1\",\"reach\":\"poll\"}",
	    "EXISTS" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"via\":[\"nosuch\"]}",
	    "NOTFOUND" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"names\":[\"example\"]}",
	    "USAGE" },
	{ "{\"cmd\":\"node-set\",\"node\":\"web1\",\"address\":\"here\"}",
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
	{ "{\"cmd\":\"roll-start\",\"root\":\"management\"}", "REFUSED" },
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

	ck_assert_int_eq(ca_store_audit_verify(w.ca.store, &before, head),
	    BASE_OK);
	no(bad[_i].text, bad[_i].error);
	ck_assert_int_eq(ca_store_audit_verify(w.ca.store, &after, head),
	    BASE_OK);
	ck_assert_uint_eq(before, after);
	ok("{\"cmd\":\"version\"}");
}
END_TEST

/* Also when a file leaves the link of the old root where it is. */
START_TEST(a_server_has_one_root)
{
	ok("{\"cmd\":\"root-add\",\"root\":\"other\"}");
	ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\"}");
	no("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
	   "\"auth\":\"server\",\"root\":\"other\"}",
	    "REFUSED");
	no("{\"cmd\":\"topology-apply\",\"file\":\"f\",\"text\":\""
	   "roots = ( { name = \\\"other\\\"; } ); "
	   "nodes = ( { name = \\\"db1\\\"; reach = \\\"poll\\\"; }, "
	   "{ name = \\\"web1\\\"; } ); "
	   "links = ( { client = \\\"db1\\\"; server = \\\"web1\\\"; "
	   "root = \\\"other\\\"; } );\"}",
	    "REFUSED");
	ok("{\"cmd\":\"link-list\"}");
	ck_assert_uint_eq(size_of("links"), 1);
	ok("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
	   "\"auth\":\"mutual\",\"server_root\":\"plant\","
	   "\"client_root\":\"other\"}");
}
END_TEST

START_TEST(nodes_come_and_go)
{
	ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\","
	   "\"via\":[\"web1\"],\"names\":[\"DNS:db.example\"]}");
	ok("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
	   "\"auth\":\"server\",\"root\":\"plant\"}");
	ok("{\"cmd\":\"node-set\",\"node\":\"db1\","
	   "\"address\":\"127.0.0.1:9\"}");
	ok("{\"cmd\":\"node-token\",\"node\":\"db1\",\"seconds\":60}");
	ck_assert_int_eq(strncmp(json_string_value(
				     json_object_get(answer, "token")),
			     "kedge1.", 7),
	    0);
	no("{\"cmd\":\"node-remove\",\"node\":\"db1\"}", "STATE");
	ok("{\"cmd\":\"link-remove\",\"client\":\"db1\","
	   "\"server\":\"web1\"}");
	ok("{\"cmd\":\"node-remove\",\"node\":\"db1\"}");
	no("{\"cmd\":\"node-show\",\"node\":\"db1\"}", "NOTFOUND");
	ok("{\"cmd\":\"audit-verify\"}");
}
END_TEST

/* app1 polls over its link to web1: that link stays while app1 has others. */
START_TEST(a_relay_keeps_its_link)
{
	ok("{\"cmd\":\"node-add\",\"node\":\"web2\",\"reach\":\"poll\"}");
	ok("{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"web2\","
	   "\"auth\":\"server\",\"root\":\"plant\"}");
	no("{\"cmd\":\"link-remove\",\"client\":\"app1\","
	   "\"server\":\"web1\"}",
	    "REFUSED");
	ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
	   "\"server\":\"web2\"}");
	ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
	   "\"server\":\"web1\"}");
}
END_TEST

static char *
apply(const char *topology, const char *more)
{
	json_t *q = json_pack("{ss, ss, ss}", "cmd", "topology-apply", "text",
	    topology, "file", "fleet.conf");
	char *text;

	if (more[0] != '\0')
		json_object_set_new(q, more, json_true());
	text = json_dumps(q, 0);
	json_decref(q);
	return text;
}

START_TEST(topology_shows_the_difference_first)
{
	static const char bigger[] =
	    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
	    "  { name = \"new1\"; reach = \"direct\"; } );\n"
	    "links = ( { client = \"new1\"; server = \"web1\";\n"
	    "  root = \"plant\"; } );\n";
	char *dry = apply(bigger, "dry_run"), *wet = apply(bigger, "");
	char *remove = apply(bigger, "allow_remove");

	ok(dry);
	ck_assert_uint_eq(size_of("changes"), 5);
	ck_assert(json_is_false(json_object_get(answer, "applied")));
	ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(size_of("roots"), 2);
	ok(wet);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "skipped")),
	    2);
	ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(size_of("roots"), 3);
	ok("{\"cmd\":\"node-list\"}");
	ck_assert_uint_eq(size_of("nodes"), 3);
	ok(wet);
	ck_assert_uint_eq(size_of("changes"), 2);
	ok(remove);
	ok("{\"cmd\":\"node-list\"}");
	ck_assert_uint_eq(size_of("nodes"), 2);
	ok(wet);
	ck_assert_uint_eq(size_of("changes"), 0);
	free(dry);
	free(wet);
	free(remove);
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

	ok(q);
	o = json_object_get(answer, "outlook");
	ck_assert(json_is_object(o));
	ck_assert(json_is_true(json_object_get(o, "done")) == comes);
	ck_assert(json_is_integer(json_object_get(o, "takes_ms")) == comes);
	free(q);
}

START_TEST(a_roll_is_started_paused_explained)
{
	world_join_all(&w);
	ok("{\"cmd\":\"simulate\",\"root\":\"plant\",\"pace\":[],"
	   "\"retry_ms\":0}");
	ck_assert(json_is_null(json_object_get(answer, "outlook")));
	ok("{\"cmd\":\"roll-start\",\"root\":\"plant\",\"dry_run\":true}");
	ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "to")), 2);
	no("{\"cmd\":\"roll-start\",\"root\":\"plant\"}", "STATE");
	ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"web1\","
	   "\"step\":\"cert\"}");
	ck_assert_str_eq(json_string_value(json_object_get(answer, "state")),
	    "waiting");
	ck_assert_uint_ge(size_of("waits"), 1);
	looks_ahead(true, "0");
	looks_ahead(false, "null");
	ok("{\"cmd\":\"roll-pause\",\"root\":\"plant\"}");
	ck_assert_str_eq(json_string_value(json_object_get(answer, "state")),
	    "paused");
	/* links come and go meanwhile, as the engine allows */
	ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
	   "\"server\":\"web1\"}");
	ok("{\"cmd\":\"link-add\",\"client\":\"app1\","
	   "\"server\":\"web1\",\"auth\":\"mutual\","
	   "\"root\":\"plant\"}");
	ok("{\"cmd\":\"roll-hold\",\"root\":\"plant\",\"node\":\"app1\"}");
	ck_assert_uint_eq(size_of("held"), 1);
	ok("{\"cmd\":\"roll-release\",\"root\":\"plant\","
	   "\"node\":\"app1\"}");
	no("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
	   "\"node\":\"app1\"}",
	    "USAGE");
	ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
	   "\"node\":\"app1\",\"reason\":\"dead\"}");
	ck_assert_uint_eq(size_of("excused"), 1);
	ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
	   "\"node\":\"app1\"}");
	ck_assert_uint_eq(size_of("excused"), 0);
	ok("{\"cmd\":\"roll-resume\",\"root\":\"plant\"}");
	ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\"}");
	ck_assert_str_eq(json_string_value(json_object_get(answer, "state")),
	    "aborting");
	no("{\"cmd\":\"roll-abort\",\"root\":\"plant\"}", "STATE");
	ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "roll")),
	    1);
	ok("{\"cmd\":\"roll-status\",\"root\":\"plant\"}");
	ck_assert_uint_eq(size_of("rolls"), 1);
	ck_assert(world_run(&w, 100, world_rolled));
	ok("{\"cmd\":\"roll-status\"}");
	ck_assert_str_eq(json_string_value(json_object_get(
			     json_array_get(json_object_get(answer, "rolls"),
				 0),
			     "state")),
	    "done");
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

	w.ca.on_event = to_control;
	ok("{\"cmd\":\"events\"}");
	world_join(&w, "web1");
	e = line();
	ck_assert_str_eq(json_string_value(json_object_get(e, "event")),
	    "node");
	ck_assert_str_eq(json_string_value(json_object_get(e, "new")),
	    "joined");
	json_decref(e);
	e = line();
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

	ck_assert_int_eq((int)write(fd, q, strlen(q)), (int)strlen(q));
	event_base_loop(w.ca.eb, EVLOOP_NONBLOCK);
	event_base_loop(w.ca.eb, EVLOOP_NONBLOCK);
	close(fd);
	event_base_loop(w.ca.eb, EVLOOP_NONBLOCK);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	fd = dial();
	ok("{\"cmd\":\"root-show\",\"root\":\"lab\"}");
	ck_assert_uint_eq(size_of("generations"), 2);
}
END_TEST

START_TEST(hsmd_away_is_said)
{
	hsm_fake_mood(w.hsm)->down = true;
	no("{\"cmd\":\"root-add\",\"root\":\"lab\"}", "AGAIN");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(answer, "message")),
		"waits for kedge-hsmd"));
	hsm_fake_mood(w.hsm)->down = false;
	ok("{\"cmd\":\"root-add\",\"root\":\"lab\"}");
}
END_TEST

TCase *
case_control(void)
{
	TCase *t = tcase_create("control");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, fleet_is_shown);
	tcase_add_loop_test(t, bad_requests_change_nothing, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, a_server_has_one_root);
	tcase_add_test(t, nodes_come_and_go);
	tcase_add_test(t, a_relay_keeps_its_link);
	tcase_add_test(t, topology_shows_the_difference_first);
	tcase_add_test(t, a_roll_is_started_paused_explained);
	tcase_add_test(t, events_come_to_subscribers);
	tcase_add_test(t, hanging_up_in_the_middle_is_fine);
	tcase_add_test(t, hsmd_away_is_said);
	return t;
}
