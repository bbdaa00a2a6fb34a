/* The document of an outlook: times, turns and dates. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

START_TEST(test_simulated_times)
{
	json_t *doc = words_json(SIMULATE_E1 "--rtt 1 --poll 10 --work 2", 0);

	/* s is direct: 3 s; c polls behind s: 2 hops, one pause, 14 s */
	ck_assert_int_eq(words_number(doc, "takes_ms"), 3 * 14000);
	ck_assert(json_is_true(json_object_get(doc, "done")));
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "orders")), 6);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "chain")), 3);
	ck_assert_str_eq(json_string_value(
			     json_object_get(json_object_get(doc, "bottleneck"),
				 "node")),
	    "c");
	ck_assert_ptr_null(json_object_get(doc, "end"));
	json_decref(doc);
	/* its own delay goes before the route's */
	doc = words_json(SIMULATE_E1 "--delay c=1 --delay s=1.5", 0);
	ck_assert_int_eq(words_number(doc, "takes_ms"), 4500);
	json_decref(doc);
	/* the same question, the same answer */
	ck_assert_int_eq(words_run(SIMULATE_E1 "--fail s=1"), 0);
	char *first = base_strdup(words_out);
	ck_assert_int_eq(words_run(SIMULATE_E1 "--fail s=1"), 0);
	ck_assert_str_eq(first, words_out);
	free(first);
}
END_TEST

START_TEST(test_simulated_dates)
{
	json_t *doc = words_json(SIMULATE_E1
	    "--delay c=10 --delay s=10 --start 2026-11-22T12:00:00Z "
	    "--deadline 2026-11-22T12:00:20Z",
	    0);

	ck_assert_str_eq(json_string_value(json_object_get(doc, "end")),
	    "2026-11-22T12:00:30Z");
	ck_assert_int_eq(words_number(doc, "left_ms"), -10000);
	json_decref(doc);
	ck_assert_int_eq(words_run(
			     "kedge simulate --topology " E1 " a --delay c=10 "
			     "--delay s=10 --start 2026-11-22T12:00:00Z "
			     "--deadline 2026-11-22T12:00:20Z"),
	    0);
	ck_assert(strstr(words_out, "the old root ends 10.0 s before that"));
}
END_TEST

TCase *
case_outlook_doc(void)
{
	TCase *t = tcase_create("outlook_doc");

	tcase_add_test(t, test_simulated_times);
	tcase_add_test(t, test_simulated_dates);
	return t;
}
