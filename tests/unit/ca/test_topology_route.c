/* Ways in the topology file: whether there is one, and which. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/topology_rig.h"
#include "wire/msg.h"

static const struct topology_bad bads[] = {
	{ ROOTS NODES "links = ( );\n",
	    ":3: ", "there is no link c>s; add it" },
	{ ROOTS "nodes = ( { name = \"c\"; via = [ \"d\" ]; },\n"
		"{ name = \"d\"; } );\n",
	    ":2: ", "reach is direct" },
	{ ROOTS "nodes = ( { name = \"d\"; },\n{ name = \"c\"; "
		"reach = \"push\"; via = [ \"d\" ]; } );\n",
	    ":3: ", "no link c>d, nor d>c; add it" },
	{ ROOTS
	    "nodes = ( { name = \"c\"; reach = \"poll\"; via = [ \"s\" ]; },"
	    "\n{ name = \"s\"; reach = \"push\"; via = [ \"c\" ]; } );\n" LINKS(
		""),
	    ":2: ", "no path to the CA" },
};
#define NBADS ((int)(sizeof(bads) / sizeof(bads[0])))

START_TEST(test_refusal_names_file_and_line)
{
	topology_refused(&bads[_i]);
}
END_TEST

static char *
route_text(const struct ca_topology *t, const char *name)
{
	uint32_t node = ca_topology_node(t, name), route[8];
	char *text = base_strdup("");

	ck_assert_uint_le(t->nodes[node].hops, 8);
	ca_topology_route(t, node, route);
	for (uint32_t i = 0; i < t->nodes[node].hops; i++) {
		char *more =
		    base_asprintf("%s %s", text, t->nodes[route[i]].name);
		free(text);
		text = more;
	}
	return text;
}

START_TEST(test_routes_are_shortest_then_first)
{
	static const char *const want[][2] = {
		{ "r1", " r1" },
		{ "r2", " r1 r2" },
		{ "far", " r1 far" }, /* r2 is listed first, r1 is nearer */
		{ "even", " r3 even" }, /* r3 and r1 are as near: r3 first */
		{ "self", " self" },
	};
	struct ca_topology *t;

	ck_assert_msg(
	    topology_parse(ROOTS
		"nodes = ( { name = \"r1\"; reach = \"direct\"; },"
		"{ name = \"r3\"; reach = \"direct\"; },"
		"{ name = \"r2\"; reach = \"poll\"; via = [ \"r1\" ]; },"
		"{ name = \"far\"; reach = \"poll\"; via = [ \"r2\", \"r1\" ]; },"
		"{ name = \"even\"; reach = \"push\"; via = [ \"r3\", \"r1\" ]; },"
		"{ name = \"self\"; reach = \"poll\"; } );"
		"links = ( { client = \"r2\"; server = \"r1\"; root = \"a\"; },"
		"{ client = \"far\"; server = \"r2\"; root = \"a\"; },"
		"{ client = \"far\"; server = \"r1\"; root = \"a\"; },"
		"{ client = \"r3\"; server = \"even\"; root = \"a\"; },"
		"{ client = \"even\"; server = \"r1\"; root = \"a\"; } );",
		&t) == BASE_OK,
	    "%s", base_why());
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		char *text = route_text(t, want[i][0]);
		ck_assert_str_eq(text, want[i][1]);
		free(text);
	}
	ca_topology_free(t);
}
END_TEST

/* r1 is the CA's neighbour, each further one polls the one before. */
static char *
chain(int n)
{
	char *nodes = base_strdup("{ name = \"r1\"; }");
	char *links = base_strdup("");
	char *all;

	for (int i = 2; i <= n; i++) {
		char *more = base_asprintf("%s,\n{ name = \"r%d\"; reach = "
					   "\"poll\"; via = [ \"r%d\" ]; }",
		    nodes, i, i - 1);

		free(nodes);
		nodes = more;
		more = base_asprintf("%s%s{ client = \"r%d\"; server = "
				     "\"r%d\"; root = \"a\"; }",
		    links, i > 2 ? ", " : "", i, i - 1);
		free(links);
		links = more;
	}
	all = base_asprintf(ROOTS "nodes = ( %s );\nlinks = ( %s );\n", nodes,
	    links);
	free(nodes);
	free(links);
	return all;
}

/* What a parcel has no room for, kedged would refuse, too. */
START_TEST(test_routes_are_no_longer_than_a_parcel_can_say)
{
	struct ca_topology *t;
	char *text = chain(WIRE_ROUTE_MAX);

	ck_assert_int_eq(topology_parse(text, &t), BASE_OK);
	ck_assert_uint_eq(t->nodes[ca_topology_node(t, "r16")].hops,
	    WIRE_ROUTE_MAX);
	ca_topology_free(t);
	free(text);
	text = chain(WIRE_ROUTE_MAX + 1);
	ck_assert_int_eq(topology_parse(text, &t), BASE_E_CONFIG);
	ck_assert(
	    strstr(base_why(), "fleet.conf:18: node r17: 17 nodes") != NULL);
	free(text);
}
END_TEST

TCase *
case_topology_route(void)
{
	TCase *t = tcase_create("topology_route");

	tcase_add_loop_test(t, test_refusal_names_file_and_line, 0, NBADS);
	tcase_add_test(t, test_routes_are_shortest_then_first);
	tcase_add_test(t, test_routes_are_no_longer_than_a_parcel_can_say);
	return t;
}
