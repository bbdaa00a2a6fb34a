/* Stored orders on their way to the mailboxes, and round a dead relay. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static void
send_to(const char *node)
{
	struct ca_order o = { .root = "plant",
		.epoch = 40,
		.expires = { w.now.ms + 60000 } };

	strcpy(o.node, node);
	pair_must(base_buf_put(&o.cms, "signed", 6));
	ca_order_send(&w.ca, &o);
	ca_order_clear(&o);
}

/* The ways of all parcels that are due, "web1 app1 ". */
static const char *
due(const char *neighbour)
{
	static char text[128];
	struct wire_parcel *list = NULL;
	size_t n =
	    ca_deliver_collect(w.ca.deliver, w.mono, neighbour, 1 << 20, &list);

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(list[i].kind, WIRE_P_ORDER);
		ck_assert_uint_eq(list[i].content.n, 6);
		ck_assert_int_eq(list[i].expires.ms, w.now.ms + 60000);
		for (size_t k = 0; k < list[i].nroute; k++)
			strcat(strcat(text, list[i].route[k]), " ");
		wire_parcel_clear(&list[i]);
	}
	free(list);
	return text;
}

START_TEST(by_its_route)
{
	send_to("app1");
	ck_assert_str_eq(due("app1"), "");
	ck_assert_str_eq(due("web1"), "web1 app1 ");
}
END_TEST

START_TEST(nowhere)
{
	send_to("ghost");
	ck_assert_str_eq(due(NULL), "");
	/* a node that no way leads to */
	w.ca.topo->dist[ca_topo_node(w.ca.topo, "app1")] = WIRE_ROUTE_MAX + 1;
	send_to("app1");
	ck_assert_str_eq(due(NULL), "");
}
END_TEST

/* It needs no parcel: it looks for itself. */
START_TEST(to_itself)
{
	w.ca.self_look = false;
	send_to("app1");
	ck_assert(!w.ca.self_look);
	ck_assert_str_eq(due(NULL), "web1 app1 ");
	send_to("ca");
	ck_assert(w.ca.self_look);
	ck_assert_str_eq(due(NULL), "");
}
END_TEST

START_TEST(another_way)
{
	struct ca_node *n = pair_node("app1");
	struct ca_route r;

	ck_assert(ca_order_detour(&w.ca, "app1", 1, &r));
	ck_assert_uint_eq(r.n, 2);
	ck_assert_str_eq(r.hop[0], "web1");
	ck_assert(!ca_order_detour(&w.ca, "ghost", 1, &r));
	n->nvia = 0;
	ck_assert(ca_order_detour(&w.ca, "app1", 1, &r));
	ck_assert_uint_eq(r.n, 1);
}
END_TEST

TCase *
case_send(void)
{
	TCase *t = pair_case("send");

	tcase_add_test(t, by_its_route);
	tcase_add_test(t, nowhere);
	tcase_add_test(t, to_itself);
	tcase_add_test(t, another_way);
	return t;
}
