/* Links in the topology file: refusals by file and line. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/topology_rig.h"

static const struct topology_bad bads[] = {
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
};
#define NBADS ((int)(sizeof(bads) / sizeof(bads[0])))

START_TEST(test_refusal_names_file_and_line)
{
	topology_refused(&bads[_i]);
}
END_TEST

/* In order, each once, with the roots of both sides. */
START_TEST(test_taken)
{
	struct ca_topology *t;

	ck_assert_msg(
	    topology_parse(ROOTS NODES LINKS(
			       ", " LINK ",{ client = \"c\"; server = \"d\"; "
			       "client_root = \"a\"; server_root = \"b\"; }"
			       ",{ client = \"s\"; server = \"d\"; "
			       "auth = \"server\"; root = \"b\"; }"),
		&t) == BASE_OK,
	    "%s", base_why());
	ck_assert_uint_eq(t->nlinks, 3);
	ck_assert_uint_eq(t->links[0].server, 1);
	ck_assert_uint_eq(t->links[0].client_root, 0);
	ck_assert_uint_eq(t->links[0].server_root, 1);
	ck_assert_uint_eq(t->links[1].client_root, t->links[1].server_root);
	ck_assert_uint_eq(t->links[2].client_root, POL_NONE);
	ca_topology_free(t);
}
END_TEST

TCase *
case_topology_link(void)
{
	TCase *t = tcase_create("topology_link");

	tcase_add_loop_test(t, test_refusal_names_file_and_line, 0, NBADS);
	tcase_add_test(t, test_taken);
	return t;
}
