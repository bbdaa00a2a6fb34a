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

TCase *
case_roll_report(void)
{
	TCase *t = tcase_create("roll_report");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, asked_two_roots, asked_close);
	tcase_add_test(t, a_roll_is_told);
	tcase_add_test(t, the_first_under_the_new_root);
	tcase_add_test(t, who_was_excused);
	return t;
}
