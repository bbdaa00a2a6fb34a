/* Tests of ca/cmd_simulate.c and ca/cmd_compare.c, offline: the documents
 * from files of tests/data/topology. Run from the top of the tree. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

START_TEST(test_simulated_mishaps)
{
	json_t *doc = words_json(SIMULATE_E1
	    "--delay c=1 --delay s=1 --fail s=2 --retry 5",
	    0);

	ck_assert_int_eq(words_number(doc, "failed"), 2);
	ck_assert_int_eq(words_number(doc, "takes_ms"), 3000 + 2 * 6000);
	json_decref(doc);
	doc = words_json(SIMULATE_E1 "--fail s=2 --limit 2", 4);
	ck_assert(json_is_null(json_object_get(doc, "takes_ms")));
	ck_assert(strstr(words_out, "failed too often in a row") != NULL);
	json_decref(doc);
	doc = words_json(SIMULATE_E1 "--away c", 4);
	ck_assert(json_is_false(json_object_get(doc, "done")));
	json_decref(doc);
	doc = words_json(SIMULATE_E1 "--away c=60 --delay c=1 --delay s=1", 0);
	ck_assert_int_eq(words_number(doc, "takes_ms"), 63000);
	json_decref(doc);
}
END_TEST

START_TEST(test_simulated_windows_and_first)
{
	json_t *doc =
	    words_json(SIMULATE_E1 "--delay c=10 --delay s=10 --first s", 0);

	/* one after the other, three times */
	ck_assert_int_eq(words_number(doc, "takes_ms"), 60000);
	json_decref(doc);
	doc =
	    words_json(SIMULATE_E1 "--delay c=10 --delay s=10 "
				   "--start 2026-11-22T11:59:50Z "
				   "--window 12:00-12:01 --window 06:00-06:01",
		0);
	ck_assert_int_eq(words_number(doc, "takes_ms"), 40000);
	json_decref(doc);
	doc = words_json(SIMULATE_E1 "--delay c=40 --delay s=40 "
				     "--start 2026-11-22T12:00:00Z "
				     "--window 12:00-12:01",
	    0);
	/* the third order starts on the next day */
	ck_assert_int_eq(words_number(doc, "takes_ms"), 86400000 + 40000);
	json_decref(doc);
}
END_TEST

static const char *const wrong[] = {
	SIMULATE_E1 "--window 12-13",
	SIMULATE_E1 "--first nosuch",
	SIMULATE_E1 "--first s,s,s,s",
	"kedge simulate --topology " E1,
	SIMULATE_E1 "--rtt -1",
	SIMULATE_E1 "--rtt 1x",
	SIMULATE_E1 "--poll nan",
	SIMULATE_E1 "--delay c",
	SIMULATE_E1 "--delay nobody=1",
	SIMULATE_E1 "--fail c=-1",
	SIMULATE_E1 "--fail c",
	SIMULATE_E1 "--away c=soon",
	SIMULATE_E1 "--limit -1",
	SIMULATE_E1 "--strategy best",
	"kedge plan --topology " E1 " --root a --compare --strategy minimal",
};

START_TEST(test_wrong_options)
{
	ck_assert_int_eq(words_run(wrong[_i]), CLI_USAGE);
	/* nothing, or with --json what went wrong */
	ck_assert(
	    words_out[0] == '\0' || strstr(words_out, "\"ok\":false") != NULL);
	ck_assert(words_err[0] != '\0');
}
END_TEST

START_TEST(test_compare)
{
	json_t *doc =
	    words_json("kedge plan --json --topology " E1
		       " --root a --compare --delay c=10 --delay s=20 "
		       "--start 2026-11-22T12:00:00Z "
		       "--deadline 2026-11-22T12:01:15Z",
		0);
	const json_t *list = json_object_get(doc, "strategies"), *o;

	ck_assert_uint_eq(json_array_size(list), 6);
	o = json_array_get(list, 0);
	ck_assert_str_eq(json_string_value(json_object_get(o, "strategy")),
	    "minimal");
	ck_assert_int_eq(words_number(o, "orders"), 6);
	ck_assert_int_eq(words_number(o, "rounds"), 3);
	/* 6 orders with a canary each, 2 certificates, 2 more canaries for
	 * the finishes, 3 root certificates */
	ck_assert_int_eq(words_number(o, "signatures"), 19);
	ck_assert_int_eq(words_number(o, "takes_ms"), 60000);
	ck_assert_int_eq(words_number(o, "left_ms"), 15000);
	ck_assert(json_is_null(json_object_get(o, "least")));
	o = json_array_get(list, 5);
	ck_assert_int_eq(words_number(o, "orders"), 4);
	ck_assert_int_eq(words_number(o, "least"), 4);
	ck_assert_str_eq(json_string_value(
			     json_array_get(json_object_get(o, "chain"), 0)),
	    "s trust");
	json_decref(doc);
	ck_assert_int_eq(words_run("kedge plan --topology " E1
				   " --root a --compare --delay s=30"),
	    0);
	ck_assert(strstr(words_out, "compact") != NULL);
	ck_assert(strstr(words_out, "1 min 30 s") != NULL);
	/* which of them would be too late, and by how much */
	ck_assert_int_eq(words_run("kedge plan --topology " E1
				   " --root a --compare --delay c=20 "
				   "--delay s=10 "
				   "--start 2026-11-22T12:00:00Z "
				   "--deadline 2026-11-22T12:01:05Z"),
	    0);
	ck_assert(strstr(words_out, "missed by 15.0 s") != NULL);
	ck_assert(strstr(words_out, "kept, 5.0 s left") != NULL);
}
END_TEST

TCase *
case_cmd_simulate(void)
{
	TCase *t = tcase_create("cmd_simulate");

	tcase_add_test(t, test_simulated_mishaps);
	tcase_add_test(t, test_simulated_windows_and_first);
	tcase_add_loop_test(t, test_wrong_options, 0,
	    (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(t, test_compare);
	return t;
}
