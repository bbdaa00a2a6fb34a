/* The pace of a roll by command. */
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ca/control.h"
#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

/* What is wrong with the pace is said before anything is made. */
START_TEST(a_roll_has_its_pace)
{
	world_join_all(&asked.w);
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"first\":[\"nosuch\"]}",
	    "NOTFOUND");
	asked_no(
	    "{\"cmd\":\"roll-start\",\"root\":\"plant\",\"first\":\"web1\"}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\",\"first\":[1]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"windows\":[\"22:00-04:00 CET\"]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\",\"windows\":["
		 "\"00:00-01:00\",\"00:00-01:00\",\"00:00-01:00\","
		 "\"00:00-01:00\",\"00:00-01:00\",\"00:00-01:00\","
		 "\"00:00-01:00\",\"00:00-01:00\",\"00:00-01:00\"]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"max_in_flight\":-1}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"all\":true,\"first\":[\"web1\"]}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"presume\":\"sent\"}",
	    "USAGE");
	asked_no("{\"cmd\":\"roll-step\",\"root\":\"plant\"}", "STATE");
	asked_ok(
	    "{\"cmd\":\"roll-start\",\"root\":\"plant\",\"first\":[\"web1\"],"
	    "\"windows\":[\"Thu 00:00-01:00\",\"12:00-13:00\"],"
	    "\"step\":true,\"max_in_flight\":7}");
	asked_ok("{\"cmd\":\"roll-step\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("let"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(
			     json_array_get(json_object_get(asked.answer,
						"let"),
				 0),
			     "node")),
	    "web1");
	ck_assert_uint_eq(asked_size_of("first"), 1);
	ck_assert_uint_eq(asked_size_of("windows"), 2);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "max_in_flight")),
	    7);
	ck_assert(json_is_true(json_object_get(asked.answer, "step")));
	ck_assert_ptr_null(json_object_get(asked.answer, "opens"));
	asked.w.now.ms += 7200000;
	asked_ok("{\"cmd\":\"roll-step\",\"root\":\"plant\",\"rest\":true}");
	ck_assert_uint_eq(asked_size_of("let"), 0);
	ck_assert(json_is_false(json_object_get(asked.answer, "step")));
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "opens")),
	    "2026-01-01T12:00:00Z");
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"app1\","
		 "\"step\":\"trust\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"web1 goes first"));
}
END_TEST

TCase *
case_control_pace(void)
{
	TCase *t = tcase_create("control_pace");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_pair, asked_close);
	tcase_add_test(t, a_roll_has_its_pace);
	return t;
}
