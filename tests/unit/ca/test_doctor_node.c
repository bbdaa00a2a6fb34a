/* What doctor finds about nodes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ca/store_sqlite.h"
#include "tests/unit/ca/doctor_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(nodes_that_have_not_joined)
{
	doctor_must("node", "node web1", "note");
	doctor_must("ready", "root plant", "warning");
	world_join_all(&asked.w);
	doctor_must("node", "node web1", "");
	doctor_must("ready", "root plant", "");
}
END_TEST

START_TEST(silence)
{
	world_join_all(&asked.w);
	asked.w.now.ms += 800000;
	doctor_must("silent", "node web1", "");
	asked.w.now.ms += 200000;
	doctor_must("silent", "node web1", "warning");
	doctor_must("silent", "node app1", "warning");
	ca_seen(&asked.w.ca, "web1");
	doctor_must("silent", "node web1", "");
	doctor_must("silent", "node app1", "warning");
}
END_TEST

/* A node is added before its links. */
START_TEST(a_relay_without_a_link)
{
	world_join_all(&asked.w);
	doctor_must("way", "node app1", "");
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\","
		 "\"via\":[\"web1\"]}");
	doctor_must("way", "node db1", "warning");
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"db1\","
		 "\"server\":\"web1\",\"auth\":\"mutual\","
		 "\"root\":\"plant\"}");
	doctor_must("way", "node db1", "");
}
END_TEST

START_TEST(held_and_excused)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	doctor_must("node", "node app1", "");
	asked_ok("{\"cmd\":\"roll-hold\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	doctor_must("node", "node app1", "warning");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead\"}");
	doctor_must("node", "node app1", "note");
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
	doctor_must("node", "node app1", "warning");
	doctor_must("node", "node web1", "");
}
END_TEST

/* kedge-hsmd was shown that a new key is in use, and does not take it. */
START_TEST(a_rekey_that_is_not_taken)
{
	struct ca_store *st = asked.w.ca.store;

	world_join_all(&asked.w);
	asked.w.ca.keys_shown = true;
	ck_assert_int_eq(ca_store_unshown_put(st, "app1", "plant"), BASE_OK);
	doctor_must("rekey", "node app1", "");
	ck_assert_int_eq(ca_store_unshown_refused(st, "app1", "plant", "no"),
	    BASE_OK);
	doctor_must("rekey", "node app1", "warning");
	doctor_must("rekey", "node web1", "");
	ck_assert_int_eq(ca_store_unshown_done(st, "app1", "plant"), BASE_OK);
	doctor_must("rekey", "node app1", "");
}
END_TEST

START_TEST(clocks)
{
	struct ca_node *n;

	world_join_all(&asked.w);
	n = &asked.w.ca.topo->nodes[ca_topo_node(asked.w.ca.topo, "web1")];
	n->off_ms = 29000;
	doctor_must("clock", "node web1", "");
	n->off_ms = 31000;
	doctor_must("clock", "node web1", "warning");
	n->off_ms = -31000;
	doctor_must("clock", "node web1", "warning");
	n->off_ms = -301000;
	doctor_must("clock", "node web1", "fault");
	doctor_must("clock", "", "");
	asked.w.now.ms -= 86400000;
	doctor_must("clock", "", "fault");
}
END_TEST

/* What to do about it, as the last doctor said. */
static const char *
advice(const char *check)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "findings"), i,
	    o) if (doctor_is(o, "check",
		       check)) return json_string_value(json_object_get(o,
	    "do"));
	return "";
}

/* What app1 holds and what its relay does, as if the relay had finished while
 * app1 was excused. */
START_TEST(a_node_whose_relay_forgot_it)
{
	struct ca_fact f = { .root = "plant",
		.node = "web1",
		.kind = POL_FACT_EFFECTIVE,
		.conf = { .trust = POL_GEN(1) | POL_GEN(2),
		    .present = POL_GEN(2) } };

	world_join_all(&asked.w);
	doctor_must("cut-off", "node app1", "");
	ck_assert_int_eq(ca_store_fact_add(asked.w.ca.store, &f), BASE_OK);
	doctor_must("cut-off", "node app1", "warning");
	/* the excused have no orders to carry */
	ck_assert_ptr_nonnull(strstr(advice("cut-off"), "kedge roll return"));
	doctor_must("cut-off", "node web1", "");
	f = (struct ca_fact){ .root = "plant",
		.node = "app1",
		.kind = POL_FACT_EFFECTIVE,
		.conf = { .trust = POL_GEN(2), .present = POL_GEN(1) } };
	ck_assert_int_eq(ca_store_fact_add(asked.w.ca.store, &f), BASE_OK);
	doctor_must("cut-off", "node app1", "");
	/* the other direction */
	memcpy(f.node, "web1", sizeof("web1"));
	f.conf =
	    (struct pol_conf){ .trust = POL_GEN(2), .present = POL_GEN(2) };
	ck_assert_int_eq(ca_store_fact_add(asked.w.ca.store, &f), BASE_OK);
	doctor_must("cut-off", "node app1", "warning");
}
END_TEST

TCase *
case_doctor_node(void)
{
	TCase *t = tcase_create("doctor_node");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, doctor_setup, asked_close);
	tcase_add_test(t, nodes_that_have_not_joined);
	tcase_add_test(t, silence);
	tcase_add_test(t, a_relay_without_a_link);
	tcase_add_test(t, held_and_excused);
	tcase_add_test(t, a_doubted_node);
	tcase_add_test(t, a_rekey_that_is_not_taken);
	tcase_add_test(t, clocks);
	tcase_add_test(t, a_node_whose_relay_forgot_it);
	return t;
}
