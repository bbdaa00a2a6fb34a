/* What a roll did to each link. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static json_t *
link_of(const char *presenter)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(asked.answer, "links"), i,
	    o) if (strcmp(json_string_value(json_object_get(o, "presenter")),
		       presenter) == 0) return o;
	ck_abort_msg("no link from %s", presenter);
}

static const char *
word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

START_TEST(a_roll_is_told)
{
	json_t *web1;

	asked.w.conf.failure_limit = 1000;
	world_join_all(&asked.w);
	asked_no("{\"cmd\":\"roll-report\",\"root\":\"plant\"}", "NOTFOUND");
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	world_node(&asked.w, "app1")->deaf = true;
	ck_assert(world_run(&asked.w, 30, asked_web1_trusts));
	/* half way: nothing is claimed */
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("links"), 2);
	ck_assert_str_eq(word(link_of("web1"), "new_first"), "");
	ck_assert_str_eq(word(link_of("web1"), "proof"), "none");
	ck_assert_str_ne(word(link_of("web1"), "old_last"), "");
	world_node(&asked.w, "app1")->deaf = false;
	world_node(&asked.w, "app1")->fails = true;
	for (int i = 0; i < 20 && world_node(&asked.w, "app1")->highest < 3;
	     i++)
		world_run(&asked.w, 1, world_rolled);
	world_node(&asked.w, "app1")->fails = false;
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\",\"roll\":1}");
	web1 = link_of("web1");
	ck_assert_str_eq(word(web1, "verifier"), "app1");
	ck_assert_str_eq(word(web1, "proof"), "probe");
	ck_assert_int_ge(json_integer_value(json_object_get(web1, "failures")),
	    1);
	ck_assert_int_gt(strcmp(word(web1, "new_first"),
			     word(web1, "old_last")),
	    0);
	ck_assert_uint_eq(asked_size_of("nodes"), 2);
	asked_no("{\"cmd\":\"roll-report\",\"root\":\"plant\",\"roll\":2}",
	    "NOTFOUND");
}
END_TEST

/* When the last such order of the node was effective. */
static const char *
settled(const char *node, const char *step)
{
	const char *found = "";
	size_t i, k;
	json_t *n, *o;

	json_array_foreach(json_object_get(asked.answer, "nodes"), i, n)
	{
		if (strcmp(word(n, "node"), node) != 0)
			continue;
		json_array_foreach(json_object_get(n, "orders"), k, o) if (
		    strcmp(json_string_value(
			       json_array_get(json_object_get(o, "steps"), 0)),
			step) == 0 &&
		    strcmp(word(o, "state"), "effective") == 0) found =
		    word(o, "settled");
	}
	return found;
}

static void
proven_by(const char *node, uint64_t epoch, enum wire_proof proof)
{
	struct ca_order o;

	ck_assert_int_eq(ca_store_order_get(asked.w.ca.store, node, "plant",
			     epoch, &o),
	    BASE_OK);
	o.proof = proof;
	ck_assert_int_eq(ca_store_order_update(asked.w.ca.store, &o), BASE_OK);
	ca_order_clear(&o);
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
}

/* Both ends have shown it by then, and the weaker proof counts. */
START_TEST(the_first_under_the_new_root)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	world_node(&asked.w, "app1")->deaf = true;
	for (int i = 0; i < 60; i++)
		world_turn(&asked.w);
	world_node(&asked.w, "app1")->deaf = false;
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
	ck_assert_str_eq(word(link_of("web1"), "new_first"),
	    settled("web1", "cert"));
	ck_assert_str_eq(word(link_of("web1"), "old_last"),
	    settled("web1", "trust"));
	ck_assert_str_ne(settled("web1", "trust"), settled("web1", "cert"));
	ck_assert_str_eq(word(link_of("web1"), "proof"), "probe");
	/* 2 is the trust, 4 the finish */
	proven_by("app1", 4, WIRE_PROOF_RELOAD);
	ck_assert_str_eq(word(link_of("web1"), "proof"), "probe");
	proven_by("app1", 2, WIRE_PROOF_RELOAD);
	ck_assert_str_eq(word(link_of("web1"), "proof"), "reload");
	ck_assert_str_eq(word(link_of("app1"), "proof"), "reload");
	proven_by("app1", 2, WIRE_PROOF_PROBE);
	ck_assert_str_eq(word(link_of("web1"), "proof"), "probe");
}
END_TEST

static bool
is_excused(const char *node)
{
	size_t i;
	json_t *n;

	json_array_foreach(json_object_get(asked.answer, "nodes"), i,
	    n) if (strcmp(word(n, "node"), node) ==
	    0) return json_is_true(json_object_get(n, "excused"));
	ck_abort_msg("no node %s", node);
}

START_TEST(who_was_excused)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	world_node(&asked.w, "app1")->deaf = true;
	world_node(&asked.w, "app1")->excused = true;
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead\"}");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
	ck_assert(is_excused("app1"));
	ck_assert(!is_excused("web1"));
}
END_TEST

/* Which generation a direction was seen under is not by the kind of a step. */
static bool
web1_presents_new(struct world *x)
{
	return pol_engine_step(x->ca.rolls->engine,
		   ca_topo_node(x->ca.topo, "web1"), POL_CERT) == POL_STEP_DONE;
}

static json_t *
seen_by(const char *verifier, const char *presenter)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(asked.answer, "links"), i,
	    o) if (strcmp(word(o, "presenter"), presenter) == 0 &&
	    strcmp(word(o, "verifier"), verifier) == 0) return o;
	ck_abort_msg("no link from %s to %s", presenter, verifier);
}

/* Who comes with the new certificate was never seen under the old one. */
START_TEST(who_joined_in_the_middle)
{
	struct ca_order o;
	char joined[BASE_RFC3339_LEN];

	world_join(&asked.w, "web1");
	world_join(&asked.w, "app1");
	ck_assert(world_run(&asked.w, 60, world_rolled));
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"strategy\":\"layered\"}");
	ck_assert(world_run(&asked.w, 60, web1_presents_new));
	asked_ok(
	    "{\"cmd\":\"link-add\",\"client\":\"app2\","
	    "\"server\":\"web1\",\"auth\":\"mutual\",\"client_root\":\"plant\","
	    "\"server_root\":\"plant\"}");
	world_join(&asked.w, "app2");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
	ck_assert_int_eq(ca_store_order_get(asked.w.ca.store, "app2", "plant",
			     1, &o),
	    BASE_OK);
	base_time_format(o.settled, joined);
	ca_order_clear(&o);
	ck_assert_str_eq(word(seen_by("web1", "app2"), "old_last"), "");
	ck_assert_str_eq(word(seen_by("web1", "app2"), "new_first"), joined);
	ck_assert_str_eq(word(seen_by("web1", "app2"), "proof"), "probe");
	ck_assert_str_eq(word(seen_by("app2", "web1"), "new_first"), joined);
}
END_TEST

static void
rest(void)
{
	asked_ok("{\"cmd\":\"roll-pause\",\"root\":\"plant\"}");
	for (int i = 0; i < 20; i++)
		world_turn(&asked.w);
	asked_ok("{\"cmd\":\"roll-resume\",\"root\":\"plant\"}");
}

/* Generation 2 to 1: what it leaves is 2, seen last when web1 had just got it. */
START_TEST(a_roll_that_went_back)
{
	char there[BASE_RFC3339_LEN];

	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"strategy\":\"layered\"}");
	ck_assert(world_run(&asked.w, 60, asked_web1_trusts));
	rest();
	ck_assert(world_run(&asked.w, 60, web1_presents_new));
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
	snprintf(there, sizeof(there), "%s", settled("web1", "cert"));
	rest();
	asked_ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\","
		 "\"reason\":\"a test\",\"after_finish\":true}");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
	ck_assert_str_eq(word(link_of("web1"), "old_last"), there);
	ck_assert_str_eq(word(link_of("web1"), "new_first"),
	    settled("web1", "cert"));
	ck_assert_str_ne(word(link_of("web1"), "new_first"), there);
}
END_TEST

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static void
open_fleet(void)
{
	asked_open(fleet);
}

TCase *
case_roll_report(void)
{
	TCase *t = tcase_create("roll_report");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_fleet, asked_close);
	tcase_add_test(t, a_roll_is_told);
	tcase_add_test(t, the_first_under_the_new_root);
	tcase_add_test(t, who_was_excused);
	tcase_add_test(t, who_joined_in_the_middle);
	tcase_add_test(t, a_roll_that_went_back);
	return t;
}
