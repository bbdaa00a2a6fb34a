/* kedge doctor as kedged answers it: each thing that can be wrong is found,
 * and is not found when it is right. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ca/store_sqlite.h"
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
	base_log_open("test", BASE_ERR);
	asked_open(pair);
	asked.w.conf.silent_ms = 900000;
	asked.w.conf.fresh_ms = 60000;
}

static void
look(void)
{
	/* kedge-hsmd is asked anew */
	asked.w.mono.ms += 60000;
	asked_ok("{\"cmd\":\"doctor\"}");
}

static bool
is(const json_t *o, const char *key, const char *word)
{
	return strcmp(json_string_value(json_object_get(o, key)), word) == 0;
}

/* The level of the first finding of this check about subject; "" none. */
static const char *
found(const char *check, const char *subject)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "findings"), i, o)
	{
		ck_assert_uint_gt(json_string_length(json_object_get(o, "why")),
		    10);
		ck_assert_uint_gt(json_string_length(json_object_get(o, "do")),
		    5);
		if (is(o, "check", check) && is(o, "subject", subject))
			return json_string_value(json_object_get(o, "level"));
	}
	return "";
}

/* What the host of this test can spare is not our business. */
static bool
only_the_disk(void)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "findings"), i,
	    o) if (!is(o, "check", "disk")) return false;
	return true;
}

static void
must(const char *check, const char *subject, const char *level)
{
	look();
	ck_assert_msg(strcmp(found(check, subject), level) == 0,
	    "%s of \"%s\" is \"%s\"", check, subject, found(check, subject));
	if (strcmp(level, "fault") == 0 || strcmp(level, "warning") == 0)
		ck_assert(
		    json_is_false(json_object_get(asked.answer, "healthy")));
}

START_TEST(a_sound_fleet)
{
	world_join_all(&asked.w);
	look();
	ck_assert(only_the_disk());
}
END_TEST

START_TEST(nodes_that_have_not_joined)
{
	must("node", "node web1", "note");
	must("ready", "root plant", "warning");
	world_join_all(&asked.w);
	must("node", "node web1", "");
	must("ready", "root plant", "");
}
END_TEST

START_TEST(silence)
{
	world_join_all(&asked.w);
	asked.w.now.ms += 800000;
	must("silent", "node web1", "");
	asked.w.now.ms += 200000;
	must("silent", "node web1", "warning");
	must("silent", "node app1", "warning");
	ca_seen(&asked.w.ca, "web1");
	must("silent", "node web1", "");
	must("silent", "node app1", "warning");
}
END_TEST

/* A node is added before its links. */
START_TEST(a_relay_without_a_link)
{
	world_join_all(&asked.w);
	must("way", "node app1", "");
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\","
		 "\"via\":[\"web1\"]}");
	must("way", "node db1", "warning");
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"db1\","
		 "\"server\":\"web1\",\"auth\":\"mutual\","
		 "\"root\":\"plant\"}");
	must("way", "node db1", "");
}
END_TEST

START_TEST(held_and_excused)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	must("node", "node app1", "");
	asked_ok("{\"cmd\":\"roll-hold\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	must("node", "node app1", "warning");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead\"}");
	must("node", "node app1", "note");
}
END_TEST

START_TEST(a_doubted_node)
{
	struct ca_fact f = { .root = "plant",
		.node = "app1",
		.kind = POL_FACT_DOUBTED,
		.conf = { 1, 1, 0 } };

	world_join_all(&asked.w);
	ck_assert_int_eq(ca_store_fact_add(asked.w.ca.store, &f), BASE_OK);
	must("node", "node app1", "warning");
	must("node", "node web1", "");
}
END_TEST

START_TEST(clocks)
{
	struct ca_node *n;

	world_join_all(&asked.w);
	n = &asked.w.ca.topo->nodes[ca_topo_node(asked.w.ca.topo, "web1")];
	n->off_ms = 29000;
	must("clock", "node web1", "");
	n->off_ms = 31000;
	must("clock", "node web1", "warning");
	n->off_ms = -31000;
	must("clock", "node web1", "warning");
	n->off_ms = -301000;
	must("clock", "node web1", "fault");
	must("clock", "", "");
	asked.w.now.ms -= 86400000;
	must("clock", "", "fault");
}
END_TEST

START_TEST(hsmd_away)
{
	must("hsmd", "", "");
	hsm_fake_mood(asked.w.hsm)->down = true;
	must("hsmd", "", "fault");
	hsm_fake_mood(asked.w.hsm)->down = false;
	must("hsmd", "", "");
}
END_TEST

START_TEST(ends_of_roots)
{
	world_join_all(&asked.w);
	asked.w.now.ms += INT64_C(2900) * 86400000;
	must("root-end", "root plant", "");
	asked.w.now.ms += INT64_C(30) * 86400000;
	must("root-end", "root plant", "note");
	asked.w.now.ms += INT64_C(365) * 86400000;
	must("root-end", "root plant", "warning");
	asked.w.now.ms += INT64_C(183) * 86400000;
	must("root-end", "root plant", "fault");
}
END_TEST

START_TEST(a_schedule_that_cannot)
{
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":3640}");
	must("schedule", "root plant", "");
	asked.w.now.ms += INT64_C(11) * 86400000;
	asked.w.mono.ms += INT64_C(11) * 86400000;
	(void)ca_schedule_work(&asked.w.ca);
	must("schedule", "root plant", "warning");
}
END_TEST

START_TEST(certificates)
{
	world_join_all(&asked.w);
	asked.w.now.ms += INT64_C(320) * 86400000;
	must("certificate", "node app1", "");
	asked.w.now.ms += INT64_C(20) * 86400000;
	must("certificate", "node app1", "warning");
	asked.w.now.ms += INT64_C(60) * 86400000;
	must("certificate", "node app1", "fault");
}
END_TEST

START_TEST(a_changed_audit)
{
	must("store", "", "");
	ck_assert_int_eq(sqlite3_exec(asked.w.ca.store->db,
			     "UPDATE audit SET detail = 'x' WHERE seq = 2",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	must("store", "", "fault");
}
END_TEST

START_TEST(rights)
{
	char *db = base_asprintf("%s/kedged.db", asked.w.dir);

	must("rights", "", "");
	ck_assert_int_eq(chmod(db, 0640), 0);
	must("rights", "", "fault");
	ck_assert_int_eq(chmod(db, 0600), 0);
	must("rights", "", "");
	ck_assert_int_eq(chmod(asked.w.dir, 0755), 0);
	must("rights", "", "fault");
	/* the socket is in it, too */
	ck_assert_int_eq(chmod(asked.w.dir, 0777), 0);
	must("rights", "", "fault");
	ck_assert_int_eq(chmod(asked.w.dir, 0700), 0);
	must("rights", "", "");
	free(db);
}
END_TEST

START_TEST(a_restored_store)
{
	world_join_all(&asked.w);
	must("recovery", "", "");
	world_node(&asked.w, "app1")->deaf = true;
	ca_recover_want(&asked.w.ca, "a sign");
	world_turn(&asked.w);
	must("recovery", "", "warning");
	for (int i = 0; i < 200; i++)
		world_turn(&asked.w);
	must("recovery", "", "warning");
	world_node(&asked.w, "app1")->deaf = false;
	for (int i = 0; i < 400; i++)
		world_turn(&asked.w);
	must("recovery", "", "");
}
END_TEST

START_TEST(nothing_else_is_taken)
{
	asked_no("{\"cmd\":\"doctor\",\"more\":1}", "USAGE");
}
END_TEST

TCase *
case_doctor(void)
{
	TCase *t = tcase_create("doctor");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, a_sound_fleet);
	tcase_add_test(t, nodes_that_have_not_joined);
	tcase_add_test(t, silence);
	tcase_add_test(t, a_relay_without_a_link);
	tcase_add_test(t, held_and_excused);
	tcase_add_test(t, a_doubted_node);
	tcase_add_test(t, clocks);
	tcase_add_test(t, hsmd_away);
	tcase_add_test(t, ends_of_roots);
	tcase_add_test(t, a_schedule_that_cannot);
	tcase_add_test(t, certificates);
	tcase_add_test(t, a_changed_audit);
	tcase_add_test(t, rights);
	tcase_add_test(t, a_restored_store);
	tcase_add_test(t, nothing_else_is_taken);
	return t;
}
