/* Boxes and arrows: who stands left of whom, in columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/drawing.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

START_TEST(test_clients_stand_left_of_servers)
{
	ck_assert_int_eq(words_run(GRAPH "v46.conf --svg"), CLI_DONE);
	words_are_svg();
	ck_assert(words_x_of("c1") < words_x_of("s1") &&
	    words_x_of("c4") < words_x_of("s2"));
	ck_assert(words_x_of("c1") == words_x_of("c3") &&
	    words_x_of("s1") == words_x_of("s2"));
	/* five links, heads at both ends, and one to explain the colour */
	ck_assert_uint_eq(words_count("marker-start"), 5);
	ck_assert_uint_eq(words_count("marker-end"), 5);
	/* server-only: one head; a cycle has its place, too */
	ck_assert_int_eq(words_run(GRAPH "v52.conf --svg"), CLI_DONE);
	ck_assert_uint_eq(words_count("marker-start"), 0);
	ck_assert_int_eq(words_run(GRAPH "both-roles.conf --svg"), CLI_DONE);
	words_are_svg();
	ck_assert(words_x_of("x") != words_x_of("y"));
}
END_TEST

TCase *
case_drawing(void)
{
	TCase *t = tcase_create("drawing");

	tcase_add_test(t, test_clients_stand_left_of_servers);
	return t;
}
