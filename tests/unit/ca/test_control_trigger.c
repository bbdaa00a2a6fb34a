/* The commands that set rolls off: a schedule for a root, one word for all. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const struct {
	const char *text, *error;
} bad[] = {
	{ "{\"cmd\":\"root-set\"}", "USAGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"nosuch\",\"roll_before\":9}",
	    "NOTFOUND" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\",\"roll_before\":-1}",
	    "RANGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\",\"roll_before\":3650}",
	    "RANGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\",\"roll_before\":\"9\"}",
	    "USAGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\","
	  "\"roll_strategy\":\"quick\"}",
	    "USAGE" },
	{ "{\"cmd\":\"roll-start\"}", "USAGE" },
	{ "{\"cmd\":\"roll-start\",\"root\":\"plant\",\"all\":true}", "USAGE" },
	{ "{\"cmd\":\"roll-start\",\"all\":true}", "STATE" },
};

START_TEST(bad_requests)
{
	struct ca_root r;

	asked_no(bad[_i].text, bad[_i].error);
	ck_assert_int_eq(ca_store_root_get(asked.w.ca.store, "plant", &r),
	    BASE_OK);
	ck_assert_uint_eq(r.roll_before, 0);
	ck_assert_int_eq(r.strategy, POL_MINIMAL);
	ck_assert(!asked_rolls("plant") && !asked_rolls("lab"));
}
END_TEST

START_TEST(a_schedule_is_kept)
{
	asked_ok("{\"cmd\":\"root-show\",\"root\":\"plant\"}");
	ck_assert(json_is_null(json_object_get(asked.answer, "rolls_at")));
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":90,\"roll_strategy\":\"layered\"}");
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "rolls_at")),
	    "2035-09-30T23:59:00Z");
	asked_restart();
	asked_ok("{\"cmd\":\"root-show\",\"root\":\"plant\"}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "roll_before")),
	    90);
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "roll_strategy")),
	    "layered");
	/* one field alone leaves the other */
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":0}");
	ck_assert(json_is_null(json_object_get(asked.answer, "rolls_at")));
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "roll_strategy")),
	    "layered");
}
END_TEST

static const char *
reason_of(const char *root)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "not_started"), i,
	    o) if (strcmp(json_string_value(json_object_get(o, "root")),
		       root) ==
	    0) return json_string_value(json_object_get(o, "reason"));
	return NULL;
}

START_TEST(all_roots_by_one_word)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"all\":true,\"dry_run\":true}");
	ck_assert_uint_eq(asked_size_of("started"), 2);
	ck_assert(!asked_rolls("plant") && !asked_rolls("lab"));
	asked_ok("{\"cmd\":\"roll-start\",\"all\":true,"
		 "\"strategy\":\"layered\"}");
	ck_assert_uint_eq(asked_size_of("started"), 2);
	ck_assert(asked_rolls("plant") && asked_rolls("lab"));
	ck_assert_int_eq(ca_roll_of(&asked.w.ca, "lab")->row.strategy,
	    POL_LAYERED);
	ck_assert(world_run(&asked.w, 100, world_rolled));
}
END_TEST

START_TEST(of_all_the_ready_ones)
{
	world_join(&asked.w, "lab1");
	world_join(&asked.w, "lab2");
	ck_assert(world_run(&asked.w, 60, world_rolled));
	asked_ok("{\"cmd\":\"roll-start\",\"all\":true}");
	ck_assert_uint_eq(asked_size_of("started"), 1);
	ck_assert(asked_rolls("lab") && !asked_rolls("plant"));
	ck_assert_ptr_nonnull(reason_of("plant"));
	ck_assert_ptr_nonnull(strstr(reason_of("plant"), "has not joined"));
	/* what rolls already does not roll twice */
	asked_no("{\"cmd\":\"roll-start\",\"all\":true}", "STATE");
	ck_assert_ptr_nonnull(strstr(reason_of("lab"), "rolls already"));
}
END_TEST

TCase *
case_control_trigger(void)
{
	TCase *t = tcase_create("control_trigger");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, asked_two_roots, asked_close);
	tcase_add_loop_test(t, bad_requests, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, a_schedule_is_kept);
	tcase_add_test(t, all_roots_by_one_word);
	tcase_add_test(t, of_all_the_ready_ones);
	return t;
}
