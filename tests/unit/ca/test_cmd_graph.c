/* Tests of ca/cmd_graph.c, ca/drawing.c and ca/drawing_svg.c, offline, from
 * files of tests/data/topology. Run from the top of the tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/drawing.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

#define GRAPH "kedge graph --topology tests/data/topology/"

static unsigned
count(const char *what)
{
	unsigned n = 0;

	for (const char *s = words_out; (s = strstr(s, what)) != NULL; s++)
		n++;
	return n;
}

/* Middle of the text that is drawn. */
static double
x_of(const char *text)
{
	char want[64];
	const char *end, *start;

	snprintf(want, sizeof(want), ">%s</text>", text);
	end = strstr(words_out, want);
	ck_assert_msg(end != NULL, "%s is not drawn", text);
	for (start = end; strncmp(start, "x=\"", 3) != 0; start--)
		ck_assert(start > words_out);
	return strtod(start + 3, NULL);
}

/* Every tag that opens closes: elements are closed at once or are one of
 * svg, style, defs, marker, text. */
static void
is_well_formed(void)
{
	static const char *const names[] = { "svg", "style", "defs", "marker",
		"text" };
	char open[16], closed[16];
	unsigned tags = count("<") - count("</"), opened = 0;

	for (unsigned i = 0; i < 5; i++) {
		snprintf(open, sizeof(open), "<%s", names[i]);
		snprintf(closed, sizeof(closed), "</%s>", names[i]);
		ck_assert_uint_eq(count(open), count(closed));
		opened += count(open);
	}
	ck_assert_uint_eq(tags, opened + count("/>"));
}

START_TEST(test_clients_stand_left_of_servers)
{
	ck_assert_int_eq(words_run(GRAPH "v46.conf --svg"), CLI_DONE);
	is_well_formed();
	ck_assert(x_of("c1") < x_of("s1") && x_of("c4") < x_of("s2"));
	ck_assert(x_of("c1") == x_of("c3") && x_of("s1") == x_of("s2"));
	/* five links, heads at both ends, and one to explain the colour */
	ck_assert_uint_eq(count("marker-start"), 5);
	ck_assert_uint_eq(count("marker-end"), 5);
	/* server-only: one head; a cycle has its place, too */
	ck_assert_int_eq(words_run(GRAPH "v52.conf --svg"), CLI_DONE);
	ck_assert_uint_eq(count("marker-start"), 0);
	ck_assert_int_eq(words_run(GRAPH "both-roles.conf --svg"), CLI_DONE);
	is_well_formed();
	ck_assert(x_of("x") != x_of("y"));
}
END_TEST

START_TEST(test_rounds_are_columns)
{
	ck_assert_int_eq(words_run(GRAPH "e5.conf --svg --strategy minimal a"),
	    CLI_DONE);
	is_well_formed();
	ck_assert(x_of("round 1") == x_of("s trust"));
	ck_assert(x_of("round 2") == x_of("c2 cert"));
	ck_assert(x_of("round 3") == x_of("s finish"));
	ck_assert(strstr(words_out, ">round 4<") == NULL);
	ck_assert_uint_eq(count("rx=\"4\""), 15);
	/* cert s: 5, certs of clients: 2 each; finish s: 4, of clients: own
	 * cert is no prerequisite, own trust comes with cert s: 1 each */
	ck_assert_uint_eq(count("marker-end"), 5 + 8 + 4 + 4);
	ck_assert_uint_eq(count("<circle"), 0);
	/* a layer waits for a layer: through a joint */
	ck_assert_int_eq(words_run(GRAPH "e5.conf --svg --strategy layered a"),
	    CLI_DONE);
	is_well_formed();
	ck_assert(x_of("round 4") == x_of("s finish"));
	ck_assert_uint_eq(count("<circle"), 1);
	ck_assert_uint_eq(count("marker-end"), 4 + 4 + 5);
}
END_TEST

START_TEST(test_dot_of_a_file)
{
	ck_assert_int_eq(words_run(GRAPH "e1.conf --dot"), CLI_DONE);
	ck_assert(strstr(words_out, "\"c\" -> \"s\" [label=\"a\", dir=both]"));
	ck_assert_int_eq(words_run(GRAPH "e1.conf --dot --strategy compact a"),
	    CLI_DONE);
	ck_assert(strstr(words_out, "\"s trust\" -> \"c trust+cert\";"));
	ck_assert(strstr(words_out, "{ rank=same; \"s trust\"; }"));
	/* only links under the root */
	ck_assert_int_eq(words_run(GRAPH "root-per-link.conf --dot a"),
	    CLI_DONE);
	ck_assert_uint_eq(count(" -> "), 1);
}
END_TEST

START_TEST(test_graph_as_json)
{
	json_t *o;

	ck_assert_int_eq(words_run(GRAPH "e1.conf --json"), CLI_DONE);
	ck_assert_ptr_nonnull(o = json_loads(words_out, 0, NULL));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "nodes")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "links")), 1);
	json_decref(o);
	/* the orders are the plan's document */
	ck_assert_int_eq(words_run(GRAPH "e1.conf --json --strategy minimal a"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(o = json_loads(words_out, 0, NULL));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "orders")), 6);
	json_decref(o);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --json z"), CLI_FAILED);
}
END_TEST

START_TEST(test_graph_refusals)
{
	ck_assert_int_eq(words_run(GRAPH "e1.conf --dot --svg"), CLI_USAGE);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --strategy minimal"),
	    CLI_USAGE);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --strategy best a"),
	    CLI_USAGE);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --svg z"), CLI_FAILED);
	ck_assert_int_eq(words_run(GRAPH "e1.conf --strategy minimal z"),
	    CLI_FAILED);
	ck_assert_str_eq(words_out, "");
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
	is_well_formed();
	ck_assert(strstr(words_out, "a &lt; b &amp; c") != NULL);
	ck_assert(strstr(words_out, ">a&gt;b<") != NULL);
	ck_assert(x_of("one") == x_of("two"));
	for (int i = 0; i < CA_DRAWING_MAX; i++)
		(void)ca_drawing_box(&d, "more", NULL, CA_BOX_NODE);
	f = fmemopen(words_out, sizeof(words_out), "w");
	ck_assert_int_eq(ca_drawing_svg(&d, f), BASE_E_REFUSED);
	fclose(f);
	ca_drawing_clear(&d);
}
END_TEST

TCase *
case_cmd_graph(void)
{
	TCase *t = tcase_create("cmd_graph");

	tcase_add_test(t, test_clients_stand_left_of_servers);
	tcase_add_test(t, test_rounds_are_columns);
	tcase_add_test(t, test_dot_of_a_file);
	tcase_add_test(t, test_graph_as_json);
	tcase_add_test(t, test_graph_refusals);
	tcase_add_test(t, test_text_is_escaped);
	return t;
}
