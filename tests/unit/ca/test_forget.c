/* Nodes leave in the middle of a roll: ca/forget.c, and what the store and
 * the engine make of their names afterwards. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; } );\n";

/* The roll waits for app1, which does not answer. */
static void
setup(void)
{
	asked_open(fleet);
	world_join_all(&asked.w);
	world_roll(&asked.w, "plant");
	world_node(&asked.w, "app1")->deaf = true;
	ck_assert(!world_run(&asked.w, 60, world_rolled));
}

static void
remove_app1(void)
{
	asked_no("{\"cmd\":\"node-remove\",\"node\":\"app1\"}", "STATE");
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\",\"reason\":\"sold\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"app1\"}");
}

static bool
never(struct world *w)
{
	(void)w;
	return false;
}

static const char *
forgotten(void)
{
	return hsm_fake_mood(asked.w.hsm)->forgotten;
}

START_TEST(a_roll_goes_on_without_who_left)
{
	struct ca_order o = { .epoch = 0 };
	uint64_t epoch;

	remove_app1();
	ck_assert(world_run(&asked.w, 60, world_rolled));
	ck_assert_str_eq(forgotten(), "app1");
	ck_assert_uint_eq(world_node(&asked.w, "web1")->conf.trust, POL_GEN(2));
	/* nothing waits for it any more */
	ck_assert_int_eq(ca_store_epoch_last(asked.w.ca.store, "app1", "plant",
			     &epoch),
	    BASE_OK);
	ck_assert_int_eq(ca_store_order_get(asked.w.ca.store, "app1", "plant",
			     epoch, &o),
	    BASE_OK);
	ck_assert_int_eq(o.state, CA_ORDER_REPLACED);
	ca_order_clear(&o);
}
END_TEST

/* kedge-hsmd is away, and kedged dies: it is told all the same. */
START_TEST(hsmd_is_told_in_the_end)
{
	hsm_fake_mood(asked.w.hsm)->remembers = "app1";
	remove_app1();
	hsm_fake_mood(asked.w.hsm)->remembers = NULL;
	hsm_fake_mood(asked.w.hsm)->down = true;
	ck_assert(!world_run(&asked.w, 10, world_rolled));
	ck_assert_str_eq(forgotten(), "");
	asked_restart();
	ck_assert(!world_run(&asked.w, 10, world_rolled));
	hsm_fake_mood(asked.w.hsm)->down = false;
	ck_assert(world_run(&asked.w, 60, world_rolled));
	ck_assert_str_eq(forgotten(), "app1");
	/* once is enough */
	strcpy(hsm_fake_mood(asked.w.hsm)->forgotten, "");
	asked_restart();
	ck_assert(world_run(&asked.w, 10, world_rolled));
	world_days(&asked.w, 1);
	ck_assert_str_eq(forgotten(), "");
}
END_TEST

/* What the first one held says nothing about the second. */
START_TEST(a_name_given_again_is_another_node)
{
	struct ca_holding h;

	hsm_fake_mood(asked.w.hsm)->remembers = "app1";
	remove_app1();
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"app1\","
		 "\"reach\":\"poll\",\"via\":[\"web1\"]}");
	asked_no("{\"cmd\":\"node-token\",\"node\":\"app1\"}", "AGAIN");
	hsm_fake_mood(asked.w.hsm)->remembers = NULL;
	ck_assert_int_eq(ca_holding_get(asked.w.ca.store, "app1", "plant", &h),
	    BASE_OK);
	ck_assert(!h.known);
	ck_assert_uint_eq(h.steps, 0);
	ck_assert(world_run(&asked.w, 60, world_rolled));
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"app1\","
		 "\"server\":\"web1\",\"auth\":\"mutual\",\"root\":\"plant\"}");
	world_forget(&asked.w, "app1");
	world_node(&asked.w, "app1")->deaf = false;
	world_join(&asked.w, "app1");
	ck_assert(world_run(&asked.w, 60, world_rolled));
	ck_assert_uint_eq(world_node(&asked.w, "app1")->conf.present,
	    POL_GEN(2));
}
END_TEST

/* kedge-hsmd does not forget app1: app2, which comes after it, is forgotten all
 * the same, and app1 is asked about less and less often, in the log once. */
START_TEST(one_that_is_kept_keeps_nobody_waiting)
{
	struct hsm_fake_mood *m = hsm_fake_mood(asked.w.hsm);
	const char *log;
	unsigned n;

	asked_log();
	m->remembers = "app1";
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app2\","
		 "\"server\":\"web1\",\"reason\":\"sold\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"app2\"}");
	strcpy(m->forgotten, "");
	remove_app1();
	(void)world_run(&asked.w, 3, never);
	ck_assert_uint_ge(m->remembered, 1);
	log = strstr(asked_log_new(), "app1: kedge-hsmd has not forgotten");
	ck_assert_ptr_nonnull(log);
	ck_assert_ptr_nonnull(strstr(log, "not this node"));
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"app3\","
		 "\"reach\":\"poll\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"app3\"}");
	(void)world_run(&asked.w, 3, never);
	ck_assert_str_eq(m->forgotten, "app3");
	(void)world_run(&asked.w, 600, never);
	n = m->remembered;
	ck_assert_uint_ge(n, 6);
	ck_assert_uint_le(n, 2 + 5 + 600000 / (asked.w.conf.retry_ms << 5));
	ck_assert_ptr_null(strstr(asked_log_new(), "has not forgotten"));
	m->remembers = NULL;
	(void)world_run(&asked.w, 2 + (int)(asked.w.conf.retry_ms << 5) / 1000,
	    never);
	ck_assert_str_eq(m->forgotten, "app1");
}
END_TEST

/* kedge-hsmd has not forgotten it yet. */
static bool
is_open(const char *node)
{
	bool open;

	ck_assert_int_eq(ca_store_gone_is_open(asked.w.ca.store, node, &open),
	    BASE_OK);
	return open;
}

/* kedge-hsmd would not forget it, or does not answer: then nothing is stored of
 * its removal; and it is done when it is asked for again. */
START_TEST(refused_before_anything_is_stored)
{
	struct hsm_fake_mood *m = hsm_fake_mood(asked.w.hsm);
	const char *remove = "{\"cmd\":\"node-remove\",\"node\":\"app1\"}";

	asked_no(remove, "STATE"); /* it has links */
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\",\"reason\":\"sold\"}");
	m->stays = "app1";
	asked_no(remove, "OUTAGE");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "message")),
		"kedge roll approve"));
	m->down = true;
	asked_no(remove, "AGAIN");
	m->down = false;
	ck_assert_uint_ne(ca_topo_node(asked.w.ca.topo, "app1"), POL_NONE);
	ck_assert(!is_open("app1"));
	/* nor is it asked about others */
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"app3\","
		 "\"reach\":\"poll\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"app3\"}");
	m->stays = NULL;
	asked_ok(remove);
	ck_assert(is_open("app1"));
	ck_assert_uint_eq(ca_topo_node(asked.w.ca.topo, "app1"), POL_NONE);
	ck_assert(world_run(&asked.w, 60, world_rolled));
	(void)world_run(&asked.w, 3, never);
	ck_assert(!is_open("app1") && !is_open("app3"));
}
END_TEST

TCase *
case_forget(void)
{
	TCase *c = tcase_create("forget");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, asked_close);
	tcase_add_test(c, a_roll_goes_on_without_who_left);
	tcase_add_test(c, hsmd_is_told_in_the_end);
	tcase_add_test(c, a_name_given_again_is_another_node);
	tcase_add_test(c, one_that_is_kept_keeps_nobody_waiting);
	tcase_add_test(c, refused_before_anything_is_stored);
	return c;
}
