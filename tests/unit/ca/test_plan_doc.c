/* The plan as a document: whole, with its notes and its risks. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/plan_doc.h"
#include "tests/unit/ca/plan_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(test_plan_says_what_is_risked)
{
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--presume", "received", "--json"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(plan_out,
	    "\"presumed\":[{\"order\":3,\"peer\":\"s\"},"
	    "{\"order\":4,\"peer\":\"c\"}]}"));
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--presume", "received"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(plan_out, "PRESUMED"));
	ck_assert_ptr_nonnull(strstr(plan_out,
	    "4  goes when c has received its trust; if that fails, c refuses "
	    "s until its next try works"));
	/* layers wait for what is effective; bundles with a finish, too */
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--presume", "received", "--strategy", "layered",
			     "--json"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(plan_out, "\"presumed\":[]}"));
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--presume", "effective"),
	    CLI_USAGE);
}
END_TEST

START_TEST(test_whole_document)
{
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--json"),
	    CLI_DONE);
	ck_assert_str_eq(plan_out,
	    "{\"version\":1,\"root\":\"a\",\"strategy\":\"minimal\","
	    "\"groups\":[[\"c\",\"s\"]],\"orders\":["
	    "{\"id\":1,\"node\":\"c\",\"steps\":[\"trust\"],"
	    "\"route\":[\"s\",\"c\"],\"after\":[]},"
	    "{\"id\":2,\"node\":\"s\",\"steps\":[\"trust\"],"
	    "\"route\":[\"s\"],\"after\":[]},"
	    "{\"id\":3,\"node\":\"c\",\"steps\":[\"cert\"],"
	    "\"route\":[\"s\",\"c\"],\"after\":[1,2]},"
	    "{\"id\":4,\"node\":\"s\",\"steps\":[\"cert\"],"
	    "\"route\":[\"s\"],\"after\":[1,2]},"
	    "{\"id\":5,\"node\":\"c\",\"steps\":[\"finish\"],"
	    "\"route\":[\"s\",\"c\"],\"after\":[1,4]},"
	    "{\"id\":6,\"node\":\"s\",\"steps\":[\"finish\"],"
	    "\"route\":[\"s\"],\"after\":[2,3]}],"
	    "\"rounds\":3,\"notes\":[]}\n");
}
END_TEST

START_TEST(test_notes_say_where_a_bundle_falls_back)
{
	json_t *doc, *notes;

	ck_assert_int_eq(PLAN("--topology", DATA "both-roles-dual.conf",
			     "--root", "a", "--strategy", "bundled", "--json"),
	    CLI_DONE);
	doc = json_loads(plan_out, 0, NULL);
	notes = json_object_get(doc, "notes");
	ck_assert_uint_eq(json_array_size(notes), 2);
	ck_assert(strstr(json_string_value(json_array_get(notes, 0)),
		      "client and server on a cycle") != NULL);
	json_decref(doc);
	ck_assert_int_eq(PLAN("--topology", DATA "e3-shallow.conf", "--root",
			     "a", "--strategy", "bundled"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(plan_out,
	    "s takes trust, cert and finish in orders of their own: it takes "
	    "no intermediate (shallow), so it does not see the bridge of c"));
}
END_TEST

static const char *
any_name(const void *arg, uint32_t node)
{
	(void)arg;
	(void)node;
	return "n";
}

static size_t
no_route(const void *arg, uint32_t node, uint32_t *out, size_t max)
{
	(void)arg;
	(void)node;
	(void)out;
	(void)max;
	return 0;
}

/* 80 nodes that are clients of each other, three links each: too many cycles
 * for an exact answer. */
static struct pol_plan *
plan_of_a_tangle(struct pol_graph **g)
{
	struct pol_plan *p;

	ck_assert_int_eq(pol_graph_new(80, 1, g), POL_OK);
	for (uint32_t i = 0; i < 80; i++)
		for (uint32_t k = 1; k <= 3; k++) {
			const struct pol_link l = { i,
				(i + k * k * k + 7 * k * (i % 5) + 1) % 80, 0,
				0 };
			if (l.client != l.server)
				ck_assert_int_eq(pol_graph_link(*g, &l),
				    POL_OK);
		}
	ck_assert_int_eq(pol_graph_seal(*g), POL_OK);
	ck_assert_int_eq(pol_plan_make(*g, 0, POL_COMPACT, &p), POL_OK);
	return p;
}

START_TEST(test_how_far_it_may_be_from_the_fewest)
{
	struct pol_graph *g;
	struct ca_plan_view v = { .plan = plan_of_a_tangle(&g),
		.nnodes = 80,
		.root = "a",
		.strategy = "compact",
		.name = any_name,
		.route = no_route };
	const unsigned long least = pol_plan_least(v.plan);
	const unsigned long n = pol_plan_count(v.plan);
	char *text = NULL, want[128];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ck_assert_uint_gt(least, 80);
	ck_assert_uint_lt(least, n);
	ca_plan_print_text(f, &v);
	fclose(f);
	snprintf(want, sizeof(want),
	    "any plan without dual has at least %lu orders; whether %lu are "
	    "needed is not known\n",
	    least, n);
	ck_assert_ptr_nonnull(strstr(text, want));
	free(text);
	pol_plan_free(v.plan);
	pol_graph_free(g);
	/* where it is exact it says so */
	ck_assert_int_eq(PLAN("--topology", DATA "e1.conf", "--root", "a",
			     "--strategy", "compact"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(
	    strstr(plan_out, "no plan without dual has fewer orders\n"));
}
END_TEST

TCase *
case_plan_doc(void)
{
	TCase *t = tcase_create("plan_doc");

	tcase_add_test(t, test_plan_says_what_is_risked);
	tcase_add_test(t, test_whole_document);
	tcase_add_test(t, test_notes_say_where_a_bundle_falls_back);
	tcase_add_test(t, test_how_far_it_may_be_from_the_fewest);
	return t;
}
