/* Changes of the fleet: looked at as a whole, tried first, put on record. */
#include <stdlib.h>
#include <string.h>

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
	asked.w.ca.unchecked = false;
}

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

	asked_ok(dry);
	ck_assert_uint_eq(asked_size_of("changes"), 5);
	ck_assert(json_is_false(json_object_get(asked.answer, "applied")));
	asked_ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(asked_size_of("roots"), 2);
	asked_ok(wet);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "skipped")),
	    2);
	asked_ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(asked_size_of("roots"), 3);
	asked_ok("{\"cmd\":\"node-list\"}");
	ck_assert_uint_eq(asked_size_of("nodes"), 3);
	asked_ok(wet);
	ck_assert_uint_eq(asked_size_of("changes"), 2);
	asked_ok(remove);
	asked_ok("{\"cmd\":\"node-list\"}");
	ck_assert_uint_eq(asked_size_of("nodes"), 2);
	asked_ok(wet);
	ck_assert_uint_eq(asked_size_of("changes"), 0);
	free(dry);
	free(wet);
	free(remove);
}
END_TEST

/* Nothing is left of what was refused, and a dry run says so, too. */
START_TEST(a_refused_topology_leaves_nothing)
{
	static const char bad_name[] =
	    "roots = ( { name = \"plant\"; }, { name = \"ghost\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
	    "  { name = \"n.1\"; reach = \"direct\"; } );\n";
	static const char two_roots[] =
	    "roots = ( { name = \"plant\"; }, { name = \"ghost\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
	    "  { name = \"db1\"; reach = \"direct\"; } );\n"
	    "links = ( { client = \"db1\"; server = \"web1\";\n"
	    "  root = \"ghost\"; } );\n";
	static const char nothing[] = "roots = ( );\n"
				      "nodes = ( );\n";
	char *text = apply(bad_name, "");
	uint64_t before;

	asked_no(text, "CONFIG");
	free(text);
	before = hsm_fake_mood(asked.w.hsm)->asked;
	text = apply(two_roots, "");
	asked_no(text, "REFUSED");
	free(text);
	text = apply(two_roots, "dry_run");
	asked_no(text, "REFUSED");
	free(text);
	ck_assert_uint_eq(hsm_fake_mood(asked.w.hsm)->asked, before);
	asked_ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(asked_size_of("roots"), 2);
	world_join_all(&asked.w);
	world_roll(&asked.w, "plant");
	text = apply(nothing, "allow_remove");
	asked_no(text, "OUTAGE");
	free(text);
	asked_ok("{\"cmd\":\"root-list\"}");
	ck_assert_uint_eq(asked_size_of("roots"), 2);
	ck_assert(world_run(&asked.w, 100, world_rolled));
}
END_TEST

/* ---- what the audit says ------------------------------------------------------ */

static uint64_t
records(void)
{
	uint64_t n;
	uint8_t head[32];

	ck_assert_int_eq(ca_store_audit_verify(asked.w.ca.store, &n, head),
	    BASE_OK);
	return n;
}

static void
last_says(const char *what, const char *detail)
{
	char *q = base_asprintf("{\"cmd\":\"audit-list\",\"from\":%llu}",
	    (unsigned long long)records());
	const json_t *a;

	asked_ok(q);
	free(q);
	a = json_array_get(json_object_get(asked.answer, "records"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(a, "what")), what);
	ck_assert_str_eq(json_string_value(json_object_get(a, "detail")),
	    detail);
}

/* dual and shallow stand still while the root rolls. */
START_TEST(a_dry_run_refuses_what_the_run_would)
{
	static const char dual[] =
	    "roots = ( { name = \"plant\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
	    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ];\n"
	    "    dual = true; } );\n"
	    "links = ( { client = \"app1\"; server = \"web1\";\n"
	    "  root = \"plant\"; } );\n";
	static const char set[] = "{\"cmd\":\"node-set\",\"node\":\"web1\","
				  "\"shallow\":true}";
	char *dry = apply(dual, "dry_run"), *wet = apply(dual, "");

	world_join_all(&asked.w);
	asked_ok(dry);
	world_roll(&asked.w, "plant");
	asked_no(dry, "OUTAGE");
	asked_no(wet, "OUTAGE");
	asked_no(set, "OUTAGE");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok(set);
	last_says("node",
	    "web1: direct, address 127.0.0.1:1 -> direct, "
	    "shallow, address 127.0.0.1:1");
	asked_ok(dry);
	asked_ok(wet);
	free(dry);
	free(wet);
}
END_TEST

START_TEST(depth_is_said_and_audited)
{
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\","
		 "\"dual\":true,\"shallow\":true}");
	ck_assert(json_is_true(json_object_get(asked.answer, "shallow")));
	last_says("node", "db1: added, poll, dual, shallow");
	asked_ok("{\"cmd\":\"node-set\",\"node\":\"db1\",\"shallow\":false}");
	ck_assert(json_is_false(json_object_get(asked.answer, "shallow")));
	last_says("node", "db1: poll, dual, shallow -> poll, dual");
}
END_TEST

START_TEST(changes_are_audited_before_and_after)
{
	static const char same[] =
	    "roots = ( { name = \"plant\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
	    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
	    "links = ( { client = \"app1\"; server = \"web1\";\n"
	    "  root = \"plant\"; } );\n";
	static const char fewer[] =
	    "roots = ( { name = \"plant\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; } );\n";
	char *text;
	uint64_t n;

	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\","
		 "\"via\":[\"web1\",\"app1\"],\"dual\":true}");
	last_says("node", "db1: added, poll via web1,app1, dual");
	asked_ok("{\"cmd\":\"node-set\",\"node\":\"db1\","
		 "\"names\":[\"DNS:db.example\"]}");
	last_says("node",
	    "db1: poll via web1,app1, dual -> poll via web1,app1, dual, names "
	    "DNS:db.example");
	n = records();
	asked_ok("{\"cmd\":\"node-set\",\"node\":\"db1\","
		 "\"names\":[\"DNS:db.example\"]}");
	ck_assert_uint_eq(records(), n);
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"db1\"}");
	last_says("node",
	    "db1: removed, was poll via web1,app1, dual, names "
	    "DNS:db.example");
	asked_ok(
	    "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"web1\","
	    "\"auth\":\"server\",\"root\":\"plant\",\"replace\":true}");
	last_says("link",
	    "app1>web1: mutual, root plant -> server, root plant");
	n = records();
	asked_ok(
	    "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"web1\","
	    "\"auth\":\"server\",\"root\":\"plant\"}");
	ck_assert_uint_eq(records(), n);
	text = apply(same, "");
	asked_ok(
	    "{\"cmd\":\"node-set\",\"node\":\"web1\",\"address\":\"h:1\"}");
	asked_ok(text);
	last_says("link",
	    "app1>web1: server, root plant -> mutual, root plant "
	    "(fleet.conf)");
	n = records();
	asked_ok(text);
	ck_assert_uint_eq(records(), n);
	free(text);
	text = apply(fewer, "allow_remove");
	asked_ok(text);
	last_says("node",
	    "app1: removed, was poll via web1, address "
	    "127.0.0.1:1 (fleet.conf)");
	ck_assert_uint_eq(records(), n + 2);
	free(text);
}
END_TEST

/* In memory only, and not lost when the fleet changes. */
START_TEST(seen_stays_when_the_fleet_changes)
{
	struct base_time seen;

	ca_seen(&asked.w.ca, "web1");
	seen =
	    asked.w.ca.topo->nodes[ca_topo_node(asked.w.ca.topo, "web1")].seen;
	ck_assert_int_ne(seen.ms, 0);
	asked.w.now.ms += 1000;
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"a1\",\"reach\":\"poll\"}");
	ck_assert_int_eq(asked.w.ca.topo
			     ->nodes[ca_topo_node(asked.w.ca.topo, "web1")]
			     .seen.ms,
	    seen.ms);
	ck_assert_int_eq(asked.w.ca.topo
			     ->nodes[ca_topo_node(asked.w.ca.topo, "a1")]
			     .seen.ms,
	    0);
}
END_TEST

static const struct {
	const char *text, *says;
} sentences[] = {
	{ "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"zz\","
	  "\"auth\":\"mutual\",\"root\":\"plant\"}",
	    "link app1>zz: there is no node zz" },
	{ "{\"cmd\":\"link-add\",\"client\":\"zz\",\"server\":\"app1\","
	  "\"auth\":\"mutual\",\"root\":\"plant\"}",
	    "link zz>app1: there is no node zz" },
	{ "{\"cmd\":\"link-add\",\"client\":\"web1\",\"server\":\"app1\","
	  "\"auth\":\"mutual\",\"root\":\"zz\"}",
	    "link web1>app1: there is no root zz" },
	{ "{\"cmd\":\"link-add\",\"client\":\"web1\",\"server\":\"app1\","
	  "\"auth\":\"mutual\"}",
	    "give --root, or --server-root" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"poll\","
	  "\"via\":[\"zz\"]}",
	    "node x: via names zz, which is no node" },
	{ "{\"cmd\":\"node-add\",\"node\":\"x\",\"reach\":\"push\"}",
	    "node x: reach is push, but no via" },
};

START_TEST(refusals_say_which)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++) {
		ck_assert(!asked_try(sentences[i].text));
		ck_assert_msg(strstr(json_string_value(
					 json_object_get(asked.answer,
					     "message")),
				  sentences[i].says) != NULL,
		    "%s",
		    json_string_value(
			json_object_get(asked.answer, "message")));
	}
}
END_TEST

START_TEST(a_second_root_on_one_server)
{
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"lab\"}");
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\","
		 "\"reach\":\"poll\"}");
	ck_assert(!asked_try("{\"cmd\":\"link-add\",\"client\":\"db1\","
			     "\"server\":\"web1\",\"auth\":\"mutual\","
			     "\"root\":\"lab\"}"));
	ck_assert(
	    strstr(json_string_value(json_object_get(asked.answer, "message")),
		"link db1>web1: root lab, but for link app1>web1") != NULL);
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"db1\","
		 "\"server\":\"web1\",\"auth\":\"mutual\","
		 "\"client_root\":\"lab\",\"server_root\":\"plant\"}");
}
END_TEST

TCase *
case_change(void)
{
	TCase *t = tcase_create("change");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, topology_shows_the_difference_first);
	tcase_add_test(t, a_refused_topology_leaves_nothing);
	tcase_add_test(t, a_dry_run_refuses_what_the_run_would);
	tcase_add_test(t, changes_are_audited_before_and_after);
	tcase_add_test(t, depth_is_said_and_audited);
	tcase_add_test(t, refusals_say_which);
	tcase_add_test(t, a_second_root_on_one_server);
	tcase_add_test(t, seen_stays_when_the_fleet_changes);
	return t;
}
