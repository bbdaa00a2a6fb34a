/* The plan as a document: whole, with its notes and its risks. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
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

TCase *
case_plan_doc(void)
{
	TCase *t = tcase_create("plan_doc");

	tcase_add_test(t, test_plan_says_what_is_risked);
	tcase_add_test(t, test_whole_document);
	tcase_add_test(t, test_notes_say_where_a_bundle_falls_back);
	return t;
}
