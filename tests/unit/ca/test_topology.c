/* Tests of ca/topology.c and topology_route.c: refusals by file and line. */
#include <stdlib.h>
#include <string.h>

#include "ca/topology.h"
#include "tests/unit/ca/suites.h"
#include "wire/msg.h"

#define ROOTS "roots = ( { name = \"a\"; }, { name = \"b\"; } );\n"
#define NODES                                                       \
	"nodes = ( { name = \"s\"; reach = \"direct\"; },\n"        \
	"  { name = \"c\"; reach = \"poll\"; via = [ \"s\" ]; },\n" \
	"  { name = \"d\"; } );\n"
#define LINK \
	"{ client = \"c\"; server = \"s\"; auth = \"mutual\"; root = \"a\"; }"
#define LINKS(more) "links = ( " LINK more ");\n"

struct bad {
	const char *text, *line, *words;
};

static const struct bad bads[] = {
	{ "roots = ( { name = \"a\" ", ":1: ", "syntax error" },
	{ ROOTS "nodes = ( { name = \"x\"; } );\nlink = ( );\n",
	    ":3: ", "link: unknown here" },
	{ ROOTS, ":1: ", "nodes is missing" },
	{ "nodes = ( { name = \"x\"; } );\n", ":1: ", "roots is missing" },
	{ "roots = [ \"a\" ];\n", ":1: ", "roots: a list of groups" },
	{ "roots = ( \"a\" );\n", ":1: ", "a group is needed" },
	{ "roots = ( { nme = \"a\"; } );\n",
	    ":1: ", "nme: unknown here; there may be: name" },
	{ "roots = ( { } );\n", ":1: ", "name is missing" },
	{ "roots = ( { name = 3; } );\n", ":1: ", "name: a string in quotes" },
	{ "roots = ( { name = \"A b\"; } );\nnodes = ( );\n",
	    ":1: ", "\"A b\" is no name" },
	{ "roots = ( { name = \"a\"; },\n { name = \"a\"; } );\nnodes = ( );\n",
	    ":2: ", "is there already, in line 1" },
	{ "roots = ( { name = \"management\"; } );\nnodes = ( );\n",
	    ":1: ", "\"management\" is reserved" },
	{ ROOTS "nodes = (\n{ name = \"ca\"; } );\n",
	    ":3: ", "\"ca\" is reserved" },
	{ ROOTS "nodes = (\n{ name = \"order\"; } );\n",
	    ":3: ", "is reserved" },
	{ ROOTS "nodes = ( { name = \"n1\"; },\n{ name = \"n.1\"; } );\n",
	    ":3: ", "node n.1: is no host name" },
	{ ROOTS "nodes = ( { name = \"x\"; },\n{ name = \"x\"; } );\n",
	    ":3: ", "is there already, in line 2" },
	{ ROOTS "nodes = ( { name = \"x\"; reach = \"pull\"; } );\n",
	    ":2: ", "reach \"pull\"" },
	{ ROOTS "nodes = ( { name = \"x\"; dual = 1; } );\n",
	    ":2: ", "dual: true or false" },
	{ ROOTS "nodes = ( { name = \"x\"; via = \"s\"; } );\n",
	    ":2: ", "via: a " },
	{ ROOTS "nodes = ( { name = \"x\"; via = [ 1 ]; } );\n",
	    ":2: ", "via: a " },
	{ ROOTS "nodes = ( { name = \"x\"; reach = \"poll\";\n"
		"via = [ \"y\" ]; } );\n",
	    ":3: ", "via names y, which is no node" },
	{ ROOTS "nodes = ( { name = \"y\"; }, { name = \"x\"; reach = \"poll\";"
		"\nvia = [ \"y\", \"y\" ]; } );\n",
	    ":3: ", "via names y twice" },
	{ ROOTS NODES LINKS(",\n{ client = \"x\"; server = \"s\"; "
			    "root = \"a\"; } "),
	    ":6: ", "\"x\" is no node" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; "
			    "root = \"x\"; } "),
	    ":6: ", "\"x\" is no root" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; "
			    "root = \"management\"; } "),
	    ":6: ", "the CA's own" },
	{ ROOTS NODES LINKS(",\n{ client = \"s\"; server = \"s\"; "
			    "root = \"a\"; } "),
	    ":6: ", "a node does not talk to itself" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; } "),
	    ":6: ", "no root for the server's certificate" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; "
			    "server_root = \"a\"; } "),
	    ":6: ", "no root for the client's certificate" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; "
			    "client_root = \"a\"; } "),
	    ":6: ", "no root for the server's certificate" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; "
			    "auth = \"none\"; root = \"a\"; } "),
	    ":6: ", "auth is \"mutual\" or \"server\"" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; "
			    "root = \"a\"; server_root = \"a\"; } "),
	    ":6: ", "root stands for both sides" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; auth = "
			    "\"server\"; server_root = \"a\"; "
			    "client_root = \"a\"; } "),
	    ":6: ", "the client shows no certificate" },
	{ ROOTS NODES LINKS(",\n{ client = \"c\"; server = \"s\"; "
			    "auth = \"server\"; root = \"a\"; } "),
	    ":6: ", "is there already with other content (line 5)" },
	{ ROOTS NODES LINKS(",\n{ client = \"d\"; server = \"s\"; "
			    "root = \"b\"; } "),
	    ":6: ", "under root \"a\" already (line 5)" },
	{ ROOTS NODES "links = ( );\n",
	    ":3: ", "there is no link c>s; add it" },
	{ ROOTS "nodes = ( { name = \"c\"; via = [ \"d\" ]; },\n"
		"{ name = \"d\"; } );\n",
	    ":2: ", "reach is direct" },
	{ ROOTS "nodes = ( { name = \"c\"; reach = \"push\"; } );\n",
	    ":2: ", "reach is push, but no via" },
	{ ROOTS "nodes = ( { name = \"x\";\naddress = \"here\"; } );\n",
	    ":3: ", "address \"here\" is not HOST:PORT" },
	{ ROOTS "nodes = ( { name = \"x\";\nnames = [ \"DNS:ok.example\", "
		"\"DNS:Not ok\" ]; } );\n",
	    ":3: ", "name \"DNS:Not ok\": not DNS: and" },
	{ ROOTS "nodes = ( { name = \"x\"; names = [\n\"x.example\" ]; } );\n",
	    ":2: ", "name \"x.example\": not DNS: and" },
	{ ROOTS "nodes = ( { name = \"x\"; reach = \"poll\";\n"
		"via = [ \"x\" ]; } );\n",
	    ":3: ", "via names the node itself" },
	{ ROOTS "nodes = ( { name = \"d\"; },\n{ name = \"c\"; "
		"reach = \"push\"; via = [ \"d\" ]; } );\n",
	    ":3: ", "no link c>d, nor d>c; add it" },
	{ ROOTS
	    "nodes = ( { name = \"c\"; reach = \"poll\"; via = [ \"s\" ]; },"
	    "\n{ name = \"s\"; reach = \"push\"; via = [ \"c\" ]; } );\n" LINKS(
		""),
	    ":2: ", "no path to the CA" },
	{ ROOTS NODES LINKS("") " @include \"/etc/passwd\"\n",
	    ":6: ", "@include is not allowed" },
};
#define NBADS ((int)(sizeof(bads) / sizeof(bads[0])))

static enum base_err
parse(const char *text, struct ca_topology **t)
{
	return ca_topology_parse("fleet.conf",
	    (struct base_span){ (const uint8_t *)text, strlen(text) }, t);
}

START_TEST(test_refusal_names_file_and_line)
{
	const struct bad *b = &bads[_i];
	struct ca_topology *t;

	ck_assert_msg(parse(b->text, &t) == BASE_E_CONFIG, "taken: %s",
	    b->text);
	ck_assert_ptr_null(t);
	ck_assert_msg(strncmp(base_why(), "fleet.conf:", 11) == 0, "%s",
	    base_why());
	ck_assert_msg(strncmp(base_why() + 10, b->line, strlen(b->line)) == 0,
	    "not%s: %s", b->line, base_why());
	ck_assert_msg(strstr(base_why(), b->words) != NULL, "not \"%s\": %s",
	    b->words, base_why());
}
END_TEST

START_TEST(test_zero_byte)
{
	struct ca_topology *t;

	ck_assert_int_eq(ca_topology_parse("f",
			     (struct base_span){ (const uint8_t *)"roots\0x",
				 7 },
			     &t),
	    BASE_E_CONFIG);
}
END_TEST

START_TEST(test_taken)
{
	struct ca_topology *t;

	ck_assert_msg(
	    parse(ROOTS NODES LINKS(
		      ", " LINK
		      ",{ client = \"s\"; server = \"d\"; auth = \"server\"; "
		      "root = \"b\"; }, { client = \"c\"; server = \"d\"; "
		      "client_root = \"a\"; server_root = \"b\"; }"),
		&t) == BASE_OK,
	    "%s", base_why());
	ck_assert_uint_eq(t->nroots, 2);
	ck_assert_uint_eq(t->nnodes, 3);
	ck_assert_uint_eq(t->nlinks, 3); /* one was there twice */
	ck_assert_str_eq(t->nodes[0].name, "c");
	ck_assert_str_eq(t->nodes[1].name, "d");
	ck_assert_int_eq(t->nodes[0].reach, CA_POLL);
	ck_assert_int_eq(t->nodes[1].reach, CA_DIRECT);
	ck_assert_uint_eq(t->nodes[0].hops, 2);
	ck_assert_uint_eq(t->links[0].client, 0);
	ck_assert_uint_eq(t->links[0].server, 1);
	ck_assert_uint_eq(t->links[0].client_root, 0);
	ck_assert_uint_eq(t->links[0].server_root, 1);
	ck_assert_uint_eq(t->links[2].client_root, POL_NONE);
	ck_assert_uint_eq(ca_topology_node(t, "s"), 2);
	ck_assert_uint_eq(ca_topology_node(t, "x"), POL_NONE);
	ck_assert_uint_eq(ca_topology_root(t, "b"), 1);
	ca_topology_free(t);
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
	    parse(ROOTS
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

START_TEST(test_graph_numbers_ca_among_the_names)
{
	struct ca_topology *t;
	struct pol_graph *g;
	uint32_t root;

	/* c, ca, d, s */
	ck_assert_int_eq(parse(ROOTS NODES LINKS(""), &t), BASE_OK);
	ck_assert_uint_eq(ca_topology_number(t, 0), 0);
	ck_assert_uint_eq(ca_topology_number(t, 1), 2);
	ck_assert_uint_eq(ca_topology_position(t, 1), POL_NONE);
	ck_assert_uint_eq(ca_topology_position(t, 3), 2);
	ck_assert_str_eq(ca_topology_name(t, 1), "ca");
	ck_assert_str_eq(ca_topology_name(t, 2), "d");
	ck_assert_int_eq(ca_topology_graph(t, "a", &g, &root), BASE_OK);
	ck_assert_uint_eq(pol_graph_steps(g, root, 1), 0);
	ck_assert_uint_eq(pol_graph_steps(g, root, 3), 7);
	pol_graph_free(g);
	ck_assert_int_eq(ca_topology_graph(t, "management", &g, &root),
	    BASE_OK);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(pol_graph_steps(g, root, i), 7);
	pol_graph_free(g);
	ck_assert_int_eq(ca_topology_graph(t, "x", &g, &root), BASE_E_NOTFOUND);
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

	ck_assert_int_eq(parse(text, &t), BASE_OK);
	ck_assert_uint_eq(t->nodes[ca_topology_node(t, "r16")].hops,
	    WIRE_ROUTE_MAX);
	ca_topology_free(t);
	free(text);
	text = chain(WIRE_ROUTE_MAX + 1);
	ck_assert_int_eq(parse(text, &t), BASE_E_CONFIG);
	ck_assert(
	    strstr(base_why(), "fleet.conf:18: node r17: 17 nodes") != NULL);
	free(text);
}
END_TEST

TCase *
case_topology(void)
{
	TCase *t = tcase_create("topology");

	tcase_add_loop_test(t, test_refusal_names_file_and_line, 0, NBADS);
	tcase_add_test(t, test_zero_byte);
	tcase_add_test(t, test_taken);
	tcase_add_test(t, test_routes_are_shortest_then_first);
	tcase_add_test(t, test_routes_are_no_longer_than_a_parcel_can_say);
	tcase_add_test(t, test_graph_numbers_ca_among_the_names);
	return t;
}
