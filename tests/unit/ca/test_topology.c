/* Tests of ca/topology.c: refusals by file and line. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/topology_rig.h"
#include "wire/msg.h"

static const struct topology_bad bads[] = {
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
	{ ROOTS NODES LINKS("") " @include \"/etc/passwd\"\n",
	    ":6: ", "@include is not allowed" },
};
#define NBADS ((int)(sizeof(bads) / sizeof(bads[0])))

START_TEST(test_refusal_names_file_and_line)
{
	topology_refused(&bads[_i]);
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
	    topology_parse(
		ROOTS NODES LINKS(
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

START_TEST(test_graph_numbers_ca_among_the_names)
{
	struct ca_topology *t;
	struct pol_graph *g;
	uint32_t root;

	/* c, ca, d, s */
	ck_assert_int_eq(topology_parse(ROOTS NODES LINKS(""), &t), BASE_OK);
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

TCase *
case_topology(void)
{
	TCase *t = tcase_create("topology");

	tcase_add_loop_test(t, test_refusal_names_file_and_line, 0, NBADS);
	tcase_add_test(t, test_zero_byte);
	tcase_add_test(t, test_taken);
	tcase_add_test(t, test_graph_numbers_ca_among_the_names);
	return t;
}
