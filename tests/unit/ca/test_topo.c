/* The fleet in memory: graphs, roles, and the ways to its nodes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/topo.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static struct ca_topo *t;

static void
node(const char *name, enum ca_reach reach, const char *via)
{
	struct ca_node n = { .reach = reach };
	char *copy = base_strdup(via), *save = NULL;

	strcpy(n.name, name);
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		strcpy(n.via[n.nvia++], w);
	ck_assert_int_eq(ca_store_node_put(st, &n), BASE_OK);
	free(copy);
}

static void
join(const char *client, const char *server, const char *client_root,
    const char *server_root)
{
	struct ca_link l;

	memset(&l, 0, sizeof(l));
	strcpy(l.client, client);
	strcpy(l.server, server);
	strcpy(l.client_root, client_root);
	strcpy(l.server_root, server_root);
	ck_assert_int_eq(ca_store_link_put(st, &l), BASE_OK);
}

static void
setup(void)
{
	struct ca_root plant = { "plant", WIRE_P256, 100, 1, 0, POL_MINIMAL };
	struct ca_root own = plant;

	store_setup();
	strcpy(own.name, CA_MANAGEMENT);
	ck_assert_int_eq(ca_store_root_put(st, &plant), BASE_OK);
	ck_assert_int_eq(ca_store_root_put(st, &own), BASE_OK);
	/* r1 and r2 are direct; a polls by either, b behind a, c nowhere */
	node("r1", CA_DIRECT, "");
	node("r2", CA_DIRECT, "");
	node("a", CA_POLL, "r1 r2");
	node("b", CA_POLL, "a");
	join("a", "r1", "plant", "plant");
	join("a", "r2", "", "plant");
	join("b", "a", "plant", "plant");
	ck_assert_msg(ca_topo_load(st, &t) == BASE_OK, "%s", base_why());
}

static void
teardown(void)
{
	ca_topo_free(t);
	store_teardown();
}

START_TEST(names)
{
	ck_assert_uint_eq(t->nnodes, 4);
	ck_assert_str_eq(t->nodes[ca_topo_node(t, "b")].name, "b");
	ck_assert_uint_eq(ca_topo_node(t, "nosuch"), POL_NONE);
	ck_assert(ca_topo_is_ca(t, ca_topo_node(t, "ca")));
	ck_assert(!ca_topo_is_ca(t, ca_topo_node(t, "a")));
	ck_assert_uint_ne(ca_topo_root(t, "plant"), POL_NONE);
	ck_assert_uint_eq(ca_topo_root(t, "lab"), POL_NONE);
	ck_assert_ptr_nonnull(ca_topo_link(t, "a", "r2"));
	ck_assert_ptr_null(ca_topo_link(t, "r2", "a"));
}
END_TEST

START_TEST(roles)
{
	const uint32_t plant = ca_topo_root(t, "plant");
	const uint32_t own = ca_topo_root(t, CA_MANAGEMENT);
	uint32_t number;

	ck_assert_ptr_eq(ca_topo_graph(t, plant, &number), t->graph);
	ck_assert_ptr_eq(ca_topo_graph(t, own, &number), t->management);
	/* r2 is a server that shows itself, and verifies nobody */
	ck_assert_uint_eq(ca_topo_steps(t, plant, ca_topo_node(t, "r2")),
	    POL_CERT);
	ck_assert_uint_eq(ca_topo_steps(t, plant, ca_topo_node(t, "r1")),
	    POL_TRUST | POL_CERT | POL_FINISH);
	ck_assert(!ca_topo_role(t, plant, ca_topo_node(t, "r2")).verifies);
	/* the CA has its part in the management root only */
	ck_assert_uint_eq(ca_topo_steps(t, plant, ca_topo_node(t, "ca")), 0);
	ck_assert_uint_eq(ca_topo_steps(t, own, ca_topo_node(t, "ca")),
	    POL_TRUST | POL_CERT | POL_FINISH);
}
END_TEST

static const char *
way(const char *to, uint32_t nth)
{
	static char text[128];
	struct ca_route r;

	ck_assert_int_eq(ca_topo_detour(t, ca_topo_node(t, to), nth, &r),
	    BASE_OK);
	text[0] = '\0';
	for (size_t i = 0; i < r.n; i++)
		strcat(strcat(text, r.hop[i]), " ");
	return text;
}

START_TEST(ways)
{
	struct ca_route r;

	ck_assert_int_eq(ca_topo_route(t, ca_topo_node(t, "b"), &r), BASE_OK);
	ck_assert_uint_eq(r.n, 3);
	ck_assert_str_eq(r.hop[0], "r1");
	ck_assert_str_eq(way("r1", 0), "r1 ");
	ck_assert_str_eq(way("a", 0), "r1 a ");
	ck_assert_str_eq(way("a", 1), "r2 a ");
	ck_assert_str_eq(way("a", 2), "r1 a ");
	ck_assert_str_eq(way("b", 1), "r2 a b ");
	ck_assert_int_eq(ca_topo_check_way(t, ca_topo_node(t, "b")), BASE_OK);
}
END_TEST

/* A relay that shares no link with the node, or one that only its server
 * could be. */
START_TEST(no_way)
{
	ca_topo_free(t);
	t = NULL;
	node("c", CA_POLL, "b");
	node("d", CA_POLL, "r1");
	join("r1", "d", "plant", "plant");
	ck_assert_int_eq(ca_topo_load(st, &t), BASE_OK);
	ck_assert_int_eq(ca_topo_check_via(t, ca_topo_node(t, "c"), 0),
	    BASE_E_REFUSED);
	ck_assert_int_eq(ca_topo_check_via(t, ca_topo_node(t, "d"), 0),
	    BASE_E_REFUSED);
	ck_assert_int_eq(ca_topo_check_via(t, ca_topo_node(t, "a"), 1),
	    BASE_OK);
	ca_topo_free(t);
	t = NULL;
	/* two that only reach each other */
	node("e", CA_POLL, "f");
	node("f", CA_POLL, "e");
	ck_assert_int_eq(ca_topo_load(st, &t), BASE_OK);
	ck_assert_int_eq(ca_topo_check_way(t, ca_topo_node(t, "e")),
	    BASE_E_NOTFOUND);
	{
		struct ca_route r;

		ck_assert_int_eq(ca_topo_route(t, ca_topo_node(t, "e"), &r),
		    BASE_E_NOTFOUND);
	}
}
END_TEST

TCase *
case_topo(void)
{
	TCase *c = tcase_create("topo");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, names);
	tcase_add_test(c, roles);
	tcase_add_test(c, ways);
	tcase_add_test(c, no_way);
	return c;
}
