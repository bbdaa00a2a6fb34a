/* Changes of state, as lines of the log. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

START_TEST(changes_are_lines)
{
	const char *text;

	world_join_all(&asked.w);
	asked_log();
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	text = asked_log_new();
	ck_assert_ptr_nonnull(strstr(text,
	    "test: roll: none -> running node=- root=plant roll=1 epoch=-: "
	    "generation 1 to 2, minimal\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "test: order: none -> sent node=web1 root=plant roll=1 epoch=2: "
	    "trust\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "test: order: sent -> effective node=web1 root=plant roll=1 "
	    "epoch=2: trust by probe\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "test: roll: running -> done node=- root=plant roll=1 epoch=-: "));
}
END_TEST

/* Under which root, in which roll, and why. */
START_TEST(a_word_about_a_node_is_a_line)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	asked_log();
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead disk\"}");
	ck_assert_ptr_nonnull(strstr(asked_log_new(),
	    "test: node: joined -> excused node=app1 root=plant roll=1 "
	    "epoch=-: dead disk\n"));
}
END_TEST

TCase *
case_events(void)
{
	TCase *t = tcase_create("events");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, asked_two_roots, asked_close);
	tcase_add_test(t, changes_are_lines);
	tcase_add_test(t, a_word_about_a_node_is_a_line);
	return t;
}
