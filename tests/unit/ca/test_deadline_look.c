/* What a look past the deadline costs, and what it finds while it cuts; the rest
 * of ca/deadline.c is in test_deadline.c. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

#define START                                                              \
	"{\"cmd\":\"roll-start\",\"root\":\"plant\",\"compromised\":true," \
	"\"deadline\":\"60s\""

#define SILENT_S 20

static void
open_joined(const char *fleet)
{
	asked_open(fleet);
	asked.w.conf.silent_ms = SILENT_S * 1000;
	world_join_all(&asked.w);
}

static bool
never(struct world *w)
{
	(void)w;
	return false;
}

static bool
is_cut(const char *node)
{
	struct ca_holding h;

	ck_assert_int_eq(ca_holding_get(asked.w.ca.store, node, "plant", &h),
	    BASE_OK);
	return h.excused;
}

#define PAIR(n) \
	"{ client = \"app" n "\"; server = \"web" n "\"; root = \"plant\"; }"
#define NODES(n)                                        \
	"{ name = \"app" n "\"; reach = \"direct\"; }," \
	"{ name = \"web" n "\"; reach = \"direct\"; }"

/* What a look costs grows by the fleet: none of these is approved, so each is
 * in the way at every look, and is asked once by the one that finds them and
 * once by the one that would cut. */
START_TEST(a_look_asks_each_once)
{
	static const char *const fleet[] = {
		"roots = ( { name = \"plant\"; } );"
		"nodes = (" NODES("1") "); links = (" PAIR("1") ");",
		"roots = ( { name = \"plant\"; } );"
		"nodes = (" NODES("1") "," NODES("2") "," NODES("3") "," NODES(
		    "4") "); links = (" PAIR("1") "," PAIR("2") "," PAIR("3") "," PAIR("4") ");"
	};
	static const char *const cut[] = { "\"app1\",\"web1\"",
		"\"app1\",\"web1\",\"app2\",\"web2\",\"app3\",\"web3\","
		"\"app4\",\"web4\"" };
	struct world *w = &asked.w;
	const struct ca_roll *roll;
	char text[512];
	unsigned looks = 0;

	open_joined(fleet[_i]);
	hsm_fake_mood(w->hsm)->need = 2;
	for (size_t i = 0; i < w->nnodes; i++)
		w->nodes[i].deaf = true;
	snprintf(text, sizeof(text), START ",\"cut\":[%s]}", cut[_i]);
	asked_ok(text);
	(void)world_run(w, 55, never);
	roll = w->ca.rolls;
	ck_assert_uint_eq(roll->cut_looked, 0);
	for (int i = 0; i < 60 * 20; i++) {
		const uint64_t before = roll->cut_looked;

		world_turn(w);
		if (roll->cut_looked == before)
			continue;
		looks++;
		ck_assert_uint_eq((roll->cut_looked - before) %
			w->ca.topo->nparts,
		    0);
		ck_assert_uint_le(roll->cut_looked - before,
		    2 * w->ca.topo->nparts);
	}
	ck_assert_uint_ge(looks, 2);
	ck_assert_ptr_nonnull(strstr(roll->cut_waits, "is not approved"));
	asked_close();
}
END_TEST

static bool
both_have_certs(struct world *w)
{
	return w->nodes[0].conf.present == POL_GEN(2) &&
	    w->nodes[1].conf.present == POL_GEN(2);
}

static bool
one_is_cut(struct world *w)
{
	return w->ca.rolls == NULL || is_cut("app1");
}

/* web1 is silent and has no order; only app1, whose finish fails, waits to hear
 * of it. With app1's cut nobody does: web1 is not cut with it. */
START_TEST(who_is_waited_for_no_more_is_not_cut)
{
	struct world *w = &asked.w;

	open_joined(world_pair);
	w->conf.fresh_ms = 10000;
	for (size_t i = 0; i < w->nnodes; i++)
		w->nodes[i].excused = true;
	asked_ok(START ",\"kicks\":1,\"cut\":[\"app1\",\"web1\"]}");
	ck_assert(world_run(w, 30, both_have_certs));
	world_node(w, "app1")->fails = true;
	world_node(w, "web1")->deaf = true;
	hsm_fake_mood(w->hsm)->refuse = "web1";
	ck_assert(world_run(w, 120, one_is_cut));
	ck_assert(is_cut("app1") && !is_cut("web1"));
	asked_close();
}
END_TEST

TCase *
case_deadline_look(void)
{
	TCase *t = tcase_create("deadline_look");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_look_asks_each_once, 0, 2);
	tcase_add_test(t, who_is_waited_for_no_more_is_not_cut);
	return t;
}
