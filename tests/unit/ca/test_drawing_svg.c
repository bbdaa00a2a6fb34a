/* Drawings as SVG: well formed, escaped, rounds as columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/drawing.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

START_TEST(test_rounds_are_columns)
{
	ck_assert_int_eq(words_run(GRAPH "e5.conf --svg --strategy minimal a"),
	    CLI_DONE);
	words_are_svg();
	ck_assert(words_x_of("round 1") == words_x_of("s trust"));
	ck_assert(words_x_of("round 2") == words_x_of("c2 cert"));
	ck_assert(words_x_of("round 3") == words_x_of("s finish"));
	ck_assert(strstr(words_out, ">round 4<") == NULL);
	ck_assert_uint_eq(words_count("rx=\"4\""), 15);
	/* cert s: 5, certs of clients: 2 each; finish s: 4, of clients: own
	 * cert is no prerequisite, own trust comes with cert s: 1 each */
	ck_assert_uint_eq(words_count("marker-end"), 5 + 8 + 4 + 4);
	ck_assert_uint_eq(words_count("<circle"), 0);
	/* a layer waits for a layer: through a joint */
	ck_assert_int_eq(words_run(GRAPH "e5.conf --svg --strategy layered a"),
	    CLI_DONE);
	words_are_svg();
	ck_assert(words_x_of("round 4") == words_x_of("s finish"));
	ck_assert_uint_eq(words_count("<circle"), 1);
	ck_assert_uint_eq(words_count("marker-end"), 4 + 4 + 5);
}
END_TEST

START_TEST(test_text_is_escaped)
{
	struct ca_drawing d = { .title = base_strdup("a < b & c") };
	FILE *f;

	memset(words_out, 0, sizeof(words_out));
	(void)ca_drawing_box(&d, "a>b", "one\ntwo", CA_BOX_NODE);
	f = fmemopen(words_out, sizeof(words_out), "w");
	ck_assert_int_eq(ca_drawing_svg(&d, f), BASE_OK);
	fclose(f);
	words_are_svg();
	ck_assert(strstr(words_out, "a &lt; b &amp; c") != NULL);
	ck_assert(strstr(words_out, ">a&gt;b<") != NULL);
	ck_assert(words_x_of("one") == words_x_of("two"));
	for (int i = 0; i < CA_DRAWING_MAX; i++)
		(void)ca_drawing_box(&d, "more", NULL, CA_BOX_NODE);
	f = fmemopen(words_out, sizeof(words_out), "w");
	ck_assert_int_eq(ca_drawing_svg(&d, f), BASE_E_REFUSED);
	fclose(f);
	ca_drawing_clear(&d);
}
END_TEST

TCase *
case_drawing_svg(void)
{
	TCase *t = tcase_create("drawing_svg");

	tcase_add_test(t, test_rounds_are_columns);
	tcase_add_test(t, test_text_is_escaped);
	return t;
}
