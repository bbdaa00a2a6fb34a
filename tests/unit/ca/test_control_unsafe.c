/* The command `unsafe`, and the same list in the answers about a node and
 * about a roll. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

#define DAY INT64_C(86400000)

static void
ends_soon(const char *node, const char *root)
{
	const struct base_time now = asked.w.now;
	struct ca_leaf l = { .gen = 1,
		.epoch = 1,
		.not_before = { now.ms - 59 * DAY },
		.not_after = { now.ms + DAY },
		.due = { now.ms - 1 } };

	strcpy(l.node, node);
	strcpy(l.root, root);
	ck_assert_int_eq(ca_store_leaf_put(asked.w.ca.store, &l), BASE_OK);
}

static const json_t *
first(void)
{
	return json_array_get(json_object_get(asked.answer, "unsafe"), 0);
}

static const char *
word(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

START_TEST(of_all_and_of_one_root)
{
	const json_t *o;

	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"unsafe\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 0);
	ck_assert_ptr_null(json_object_get(asked.answer, "excused"));
	ends_soon("app1", "plant");
	ends_soon("lab1", "lab");
	asked_ok("{\"cmd\":\"unsafe\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 2);
	asked_ok("{\"cmd\":\"unsafe\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 1);
	ck_assert_ptr_nonnull(json_object_get(asked.answer, "excused"));
	o = first();
	ck_assert_str_eq(word(o, "node"), "app1");
	ck_assert_str_eq(word(o, "root"), "plant");
	ck_assert_str_eq(word(o, "state"), "due");
	ck_assert_ptr_nonnull(strstr(word(o, "text"), "refused by web1"));
	ck_assert_int_eq(strncmp(word(o, "not_after"), "2026-01-02T00:", 14),
	    0);
	ck_assert(json_is_false(json_object_get(o, "expired")));
	ck_assert_int_eq(json_integer_value(json_object_get(o, "peers")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "generation")),
	    1);
	ck_assert(json_is_null(json_object_get(o, "since")));
	asked_no("{\"cmd\":\"unsafe\",\"root\":7}", "USAGE");
}
END_TEST

START_TEST(of_a_node_and_of_a_roll)
{
	const json_t *roll;

	world_join_all(&asked.w);
	ends_soon("app1", "plant");
	asked_ok("{\"cmd\":\"node-show\",\"node\":\"web1\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 0);
	asked_ok("{\"cmd\":\"node-show\",\"node\":\"app1\"}");
	ck_assert_uint_eq(asked_size_of("unsafe"), 1);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"lab\"}");
	asked_ok("{\"cmd\":\"roll-status\",\"root\":\"lab\"}");
	roll = json_array_get(json_object_get(asked.answer, "rolls"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(roll, "unsafe")), 0);
	ends_soon("lab1", "lab");
	asked_ok("{\"cmd\":\"roll-status\",\"root\":\"lab\"}");
	roll = json_array_get(json_object_get(asked.answer, "rolls"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(roll, "unsafe")), 1);
}
END_TEST

TCase *
case_control_unsafe(void)
{
	TCase *t = tcase_create("control_unsafe");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_two_roots, asked_close);
	tcase_add_test(t, of_all_and_of_one_root);
	tcase_add_test(t, of_a_node_and_of_a_roll);
	return t;
}
