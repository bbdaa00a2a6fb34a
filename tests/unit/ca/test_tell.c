/* The fleet as kedge-hsmd is told it; see ca/tell.h. */
#include <check.h>
#include <string.h>

#include "ca/control.h"
#include "ca/tell.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"direct\"; shallow = true; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ];\n"
    "    dual = true; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app1\"; server = \"web2\"; auth = \"server\";\n"
    "    root = \"plant\"; } );\n";

struct heard {
	size_t n;
	char names[128];
	const char *stop;
	const char *node;
	void (*look)(const struct wire_hsm_node *n);
};

static enum base_err
hear(void *arg, const struct wire_hsm_node *n)
{
	struct heard *h = arg;

	if (h->stop != NULL && strcmp(h->stop, n->name) == 0)
		return base_fail(BASE_E_RANGE, "enough");
	h->n++;
	strcat(strcat(h->names, n->name), " ");
	if (h->look != NULL && strcmp(n->name, h->node) == 0)
		h->look(n);
	return BASE_OK;
}

static void
look_app1(const struct wire_hsm_node *n)
{
	ck_assert(n->dual);
	ck_assert(!n->shallow);
	ck_assert_uint_eq(n->nlinks, 1);
	ck_assert_str_eq(n->links[0].server, "web1");
	ck_assert_str_eq(n->links[0].client_root, "plant");
	ck_assert_uint_eq(n->ngone, 1);
	ck_assert_str_eq(n->gone[0].server, "web2");
	ck_assert_str_eq(n->gone[0].client_root, "");
	ck_assert_uint_eq(n->nexcused, 1);
	ck_assert_str_eq(n->excused[0], "plant");
}

/* It verifies the hellos of whom it relays for. */
static void
look_web1(const struct wire_hsm_node *n)
{
	ck_assert(!n->dual);
	ck_assert_uint_eq(n->nlinks, 1);
	ck_assert_str_eq(n->links[0].server, "app1");
	ck_assert_str_eq(n->links[0].client_root, "");
	ck_assert_str_eq(n->links[0].server_root, CA_MANAGEMENT);
	ck_assert_uint_eq(n->ngone + n->nexcused, 0);
}

static void
look_web2(const struct wire_hsm_node *n)
{
	ck_assert(n->shallow);
	ck_assert_uint_eq(n->nlinks + n->ngone + n->nexcused, 0);
}

static enum base_err
link_drop(struct ca *ca, void *arg)
{
	return ca_change_link_drop(ca, arg, "", "");
}

static void
tell(struct world *w, const char *node,
    void (*look)(const struct wire_hsm_node *))
{
	struct heard h = { .node = node, .look = look };

	ck_assert_int_eq(ca_tell_each(&w->ca, hear, &h), BASE_OK);
	ck_assert_str_eq(h.names, "app1 web1 web2 ");
}

START_TEST(each_with_what_is_its_own)
{
	const struct ca_word dead = { "plant", "app1", "dead", "test" };
	struct ca_link l = { "app1", "web2", "", "plant" };
	struct world w;

	world_open(&w, fleet, 1);
	world_join_all(&w);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_store_gone_put(w.ca.store, &l, true), BASE_OK);
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_drop, &l), BASE_OK);
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &dead), BASE_OK);
	tell(&w, "app1", look_app1);
	tell(&w, "web1", look_web1);
	tell(&w, "web2", look_web2);
	world_close(&w);
}
END_TEST

START_TEST(ends_when_told_to)
{
	struct heard h = { .stop = "web1" };
	struct world w;

	world_open(&w, fleet, 1);
	ck_assert_int_eq(ca_tell_each(&w.ca, hear, &h), BASE_E_RANGE);
	ck_assert_uint_eq(h.n, 1);
	world_close(&w);
}
END_TEST

TCase *
case_tell(void)
{
	TCase *t = tcase_create("tell");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, each_with_what_is_its_own);
	tcase_add_test(t, ends_when_told_to);
	return t;
}
