/* The management root rolls, with the CA as one of its nodes; see world.h. */
#include <check.h>
#include <string.h>

#include "ca/control.h"
#include "ca/topology.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char one[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"web2\"; server = \"web1\"; root = \"plant\"; } "
    ");\n";

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"push\"; via = [ \"app3\" ]; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; },\n"
    "  { name = \"app3\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app6\"; reach = \"poll\"; via = [ \"web2\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web2\"; root = \"plant\"; },\n"
    "  { client = \"app6\"; server = \"web2\"; root = \"plant\"; } );\n";

static const char none[] =
    "roots = ( { name = \"plant\"; } );\nnodes = ();\nlinks = ();\n";

static uint32_t
current(struct world *w, const char *root)
{
	struct ca_root r;

	ck_assert_int_eq(ca_store_root_get(w->ca.store, root, &r), BASE_OK);
	return r.current;
}

/* Everybody is under this generation alone, the CA too. */
static void
all_on(struct world *w, uint32_t gen)
{
	struct ca_holding h;
	X509 *root;

	ck_assert_uint_eq(current(w, CA_MANAGEMENT), gen);
	for (size_t i = 0; i < w->nnodes; i++) {
		ck_assert_uint_eq(w->nodes[i].own.conf.trust, POL_GEN(gen));
		ck_assert_uint_eq(w->nodes[i].own.conf.present, POL_GEN(gen));
	}
	ck_assert_int_eq(ca_holding_get(w->ca.store, CA_NODE_CA, CA_MANAGEMENT,
			     &h),
	    BASE_OK);
	ck_assert(h.confirmed);
	ck_assert_uint_eq(h.conf.trust, POL_GEN(gen));
	ck_assert_uint_eq(h.conf.present, POL_GEN(gen));
	ck_assert_int_eq(sk_X509_num(w->ca.management), 1);
	ck_assert_int_eq(sk_X509_num(w->ca.order_certs), 1);
	ck_assert_int_eq(sk_X509_num(w->ca.link), 0);
	ck_assert_int_eq(ca_issuer_root(&w->ca, CA_MANAGEMENT, gen, &root),
	    BASE_OK);
	ck_assert_int_eq(X509_cmp(root, sk_X509_value(w->ca.management, 0)), 0);
	world_own_holds(w);
}

/* The first root may be made before the CA has carried out its own first
 * order, when there is no node yet. */
START_TEST(the_cas_own_join_outlives_a_change_of_the_fleet)
{
	struct ca_order o = { .node = "" };
	struct world w;

	world_open(&w, none, 70);
	for (int i = 0; i < 20 && ca_self_order(&w.ca, &o) != BASE_OK; i++)
		world_turn(&w);
	ck_assert_str_eq(o.node, CA_NODE_CA);
	o.state = CA_ORDER_SENT;
	ck_assert_int_eq(ca_store_begin(w.ca.store), BASE_OK);
	ck_assert_int_eq(ca_store_order_update(w.ca.store, &o), BASE_OK);
	ck_assert_int_eq(ca_store_commit(w.ca.store), BASE_OK);
	ca_order_clear(&o);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	ck_assert_int_eq(ca_self_order(&w.ca, &o), BASE_OK);
	ck_assert_int_eq(o.state, CA_ORDER_SENT);
	ca_order_clear(&o);
	world_close(&w);
}
END_TEST

START_TEST(direct_nodes_roll)
{
	struct world w;

	world_open_joined(&w, one, 1);
	all_on(&w, 1);
	world_roll(&w, CA_MANAGEMENT);
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 2);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	all_on(&w, 2);
	ck_assert_uint_eq(w.nodes[0].own.orders, 4); /* join and the three */
	ck_assert_uint_eq(w.disbelieved, 0);
	/* and a root of the links, as ever */
	world_roll(&w, "plant");
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(current(&w, "plant"), 2);
	world_close(&w);
}
END_TEST

static void
name_count(void *arg, const char *name)
{
	(void)name;
	++*(size_t *)arg;
}

/* Orders say so to every node, the sessions of all end with it, the CA's own
 * too, and going back takes a word of its own; in peace nobody says so. */
START_TEST(its_key_is_stolen)
{
	const bool stolen = _i == 1;
	const struct ca_roll_row want = { .root = CA_MANAGEMENT,
		.compromised = stolen };
	const struct ca_roll_abort back = { CA_MANAGEMENT, "a test", "test",
		true, false };
	size_t unkicked = 0;
	struct world w;

	world_open_joined(&w, fleet, 12);
	world_roll_as(&w, &want);
	if (stolen)
		ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_E_OUTAGE);
	ck_assert_msg(world_run(&w, 240, world_rolled), "%s", w.waits);
	all_on(&w, 2);
	ck_assert_uint_eq(w.disbelieved, 0);
	for (size_t i = 0; i < w.nnodes; i++)
		ck_assert_uint_eq(w.nodes[i].compromised, stolen ? 3 : 0);
	ck_assert_int_eq(ca_store_roll_unkicked(w.ca.store, 1, name_count,
			     &unkicked),
	    BASE_OK);
	ck_assert_uint_eq(unkicked, 0);
	world_close(&w);
}
END_TEST

START_TEST(three_rolls_in_a_row)
{
	struct world w;

	world_open_joined(&w, fleet, 2);
	for (uint32_t g = 2; g <= 4; g++) {
		world_roll(&w, CA_MANAGEMENT);
		ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
		all_on(&w, g);
	}
	world_close(&w);
}
END_TEST

/* Loss, repetition, and kedged killed every few turns. */
START_TEST(a_bad_day)
{
	struct world w;

	world_open_joined(&w, fleet, (uint64_t)_i + 7);
	world_roll(&w, CA_MANAGEMENT);
	w.loss = 40;
	w.repeat = 30;
	for (int i = 0; i < 6000 && !world_rolled(&w); i++) {
		world_turn(&w);
		if (i % 37 == _i)
			world_restart(&w);
	}
	ck_assert_msg(world_rolled(&w), "seed %d: %s", _i, w.waits);
	all_on(&w, 2);
	world_close(&w);
}
END_TEST

START_TEST(a_silent_node_keeps_the_old_root_alive)
{
	const struct ca_word excuse = { CA_MANAGEMENT, CA_NODE_CA, "a test",
		"test" };
	struct world w;

	world_open_joined(&w, one, 3);
	world_node(&w, "web2")->deaf = true;
	world_roll(&w, CA_MANAGEMENT);
	ck_assert(!world_run(&w, 30, world_rolled));
	/* it trusts the old one only: the CA still shows that */
	ck_assert_uint_eq(world_node(&w, "web1")->own.conf.present, POL_GEN(2));
	ck_assert_uint_eq(world_node(&w, "web1")->own.conf.trust, 3);
	world_own_holds(&w);
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &excuse), BASE_E_REFUSED);
	/* and has meanwhile signed again what is out */
	ck_assert(!w.ca.resign_wanted);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->old_copies, 0);
	world_node(&w, "web2")->deaf = false;
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	all_on(&w, 2);
	world_close(&w);
}
END_TEST

/* Back from wherever it has got to, and on again: NewWithNew is the same. */
START_TEST(an_abort_goes_back)
{
	struct ca_roll_abort back = { CA_MANAGEMENT, "a test", "test", false,
		false };
	struct world w;
	enum base_err e;

	world_open_joined(&w, fleet, (uint64_t)_i + 40);
	world_roll(&w, CA_MANAGEMENT);
	for (int i = 0; i < 8 * _i; i++)
		world_turn(&w);
	ck_assert_ptr_nonnull(ca_roll_of(&w.ca, CA_MANAGEMENT));
	e = ca_roll_abort(&w.ca, &back);
	back.late = e == BASE_E_REFUSED;
	if (back.late)
		e = ca_roll_abort(&w.ca, &back);
	ck_assert_msg(e == BASE_OK, "%s", base_why());
	ck_assert_msg(world_run(&w, 240, world_rolled), "%s", w.waits);
	all_on(&w, 1);
	world_restart(&w);
	world_roll(&w, CA_MANAGEMENT);
	ck_assert_msg(world_run(&w, 240, world_rolled), "%s", w.waits);
	all_on(&w, 2);
	world_close(&w);
}
END_TEST

static enum base_err
of_the_ca(void *arg, const struct ca_order *o)
{
	if (strcmp(o->node, CA_NODE_CA) == 0)
		*(uint64_t *)arg = o->epoch;
	return BASE_OK;
}

static enum base_err
sent_to_the_ca(void *arg, const struct ca_fact *f)
{
	uint64_t *epoch = arg;

	if (f->kind == POL_FACT_SENT && strcmp(f->node, CA_NODE_CA) == 0 &&
	    f->epoch == *epoch)
		*epoch = 0;
	return BASE_OK;
}

/* What kedge-hsmd signs while the roll is paused. */
static void
unsent_by_a_pause(struct world *w, uint64_t *unsent)
{
	for (int i = 0; i < 2000 && !ca_roll_of(&w->ca, CA_MANAGEMENT)->busy;
	     i++) {
		world_turn(w);
		ca_work(&w->ca);
	}
	ck_assert_int_eq(ca_roll_pause(&w->ca, CA_MANAGEMENT, true, "test"),
	    BASE_OK);
	while (hsm_fake_turn(w->hsm) > 0)
		;
	ck_assert_int_eq(ca_store_orders_unsent(w->ca.store, 1, of_the_ca,
			     unsent),
	    BASE_OK);
}

/* The CA's own order is signed when the roll turns, and nobody is given it:
 * kedge-hsmd judges by it as by that of any node. */
START_TEST(an_abort_knows_of_the_cas_own_order)
{
	const struct ca_roll_abort back = { CA_MANAGEMENT, "a test", "test",
		false, false };
	uint64_t unsent = 0, missing;
	struct world w;

	world_open_joined(&w, one, 4);
	world_roll(&w, CA_MANAGEMENT);
	for (int i = 0; i < 20 && unsent == 0; i++) {
		ck_assert_int_eq(ca_roll_pause(&w.ca, CA_MANAGEMENT, false,
				     "test"),
		    BASE_OK);
		unsent_by_a_pause(&w, &unsent);
	}
	ck_assert_uint_gt(unsent, 0);
	missing = unsent;
	ck_assert_int_eq(ca_store_facts_of_roll(w.ca.store, 1, sent_to_the_ca,
			     &missing),
	    BASE_OK);
	ck_assert_uint_eq(missing, unsent);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_int_eq(ca_store_facts_of_roll(w.ca.store, 1, sent_to_the_ca,
			     &missing),
	    BASE_OK);
	ck_assert_uint_eq(missing, 0);
	ck_assert_int_eq(ca_roll_pause(&w.ca, CA_MANAGEMENT, false, "test"),
	    BASE_OK);
	ck_assert_msg(world_run(&w, 240, world_rolled), "%s", w.waits);
	all_on(&w, 1);
	world_close(&w);
}
END_TEST

/* The token names the root that the CA showed when it was made. */
START_TEST(a_token_of_before_the_roll_is_good)
{
	struct wire_token t, late;
	struct world w;
	uint32_t shown;
	X509 *first;

	world_open_joined(&w, fleet, 90);
	world_token(&w, "app2", &t);
	world_token(&w, "web1", &late); /* one node has one token */
	world_roll(&w, CA_MANAGEMENT);
	do {
		world_turn(&w);
		ck_assert_ptr_nonnull(ca_roll_of(&w.ca, CA_MANAGEMENT));
		ck_assert_int_eq(ca_issuer_root(&w.ca, CA_MANAGEMENT, 1,
				     &first),
		    BASE_OK);
		shown = X509_cmp(first, sk_X509_value(w.ca.management, 0)) == 0
		    ? 1
		    : 2;
	} while (shown == 1);
	world_forget(&w, "app2");
	ck_assert_int_eq(world_join_by(&w, "app2", &t), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	all_on(&w, 2);
	/* nobody shows that root any more */
	world_forget(&w, "web1");
	ck_assert_int_eq(world_join_by(&w, "web1", &late), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(base_why(), "forgotten meanwhile"));
	world_close(&w);
}
END_TEST

/* ---- planned offline and rolled online --------------------------------------- */

struct planned {
	struct pol_plan *plan;
	const char *(*name)(const void *arg, uint32_t node);
	const void *arg;
};

static const char *
name_offline(const void *arg, uint32_t node)
{
	return ca_topology_name(arg, node);
}

static const char *
name_online(const void *arg, uint32_t node)
{
	const struct ca_topo *t = arg;

	return node == t->nnodes ? CA_NODE_CA : t->nodes[node].name;
}

static int
line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "node steps", and of whom it waits for one line each, sorted. */
static char *
planned_text(const struct planned *p)
{
	const uint32_t n = pol_plan_count(p->plan);
	char *line[512], *all = base_strdup("");
	size_t nlines = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct pol_plan_order o = pol_plan_order(p->plan, i);
		const uint32_t *after;
		size_t nafter;

		ck_assert_int_eq(pol_plan_after(p->plan, i, &after, &nafter),
		    POL_OK);
		ck_assert_uint_lt(nlines + nafter, 511);
		line[nlines++] = base_asprintf("%s %u in round %u",
		    p->name(p->arg, o.node), o.steps, o.round);
		for (size_t k = 0; k < nafter; k++) {
			const struct pol_plan_order b =
			    pol_plan_order(p->plan, after[k]);

			line[nlines++] = base_asprintf("%s %u < %s %u",
			    p->name(p->arg, o.node), o.steps,
			    p->name(p->arg, b.node), b.steps);
		}
	}
	qsort(line, nlines, sizeof(line[0]), line_cmp);
	for (size_t i = 0; i < nlines; i++) {
		char *more = base_asprintf("%s%s\n", all, line[i]);

		free(all);
		free(line[i]);
		all = more;
	}
	return all;
}

/* `kedge plan --root management` knows the hellos that a roll goes by. */
START_TEST(planned_as_it_rolls)
{
	const enum pol_strategy s = (enum pol_strategy)_i;
	struct ca_topology *file;
	struct planned off = { .name = name_offline },
		       on = { .name = name_online };
	struct pol_graph *graph;
	uint32_t root, number;
	char *want, *got;
	struct world w;

	world_open(&w, fleet, 1);
	on.arg = w.ca.topo;
	ck_assert_uint_eq(w.ca.topo->nhellos, 4);
	ck_assert_int_eq(ca_topology_parse("fleet",
			     (struct base_span){ (const uint8_t *)fleet,
				 strlen(fleet) },
			     &file),
	    BASE_OK);
	off.arg = file;
	ck_assert_int_eq(ca_topology_graph(file, CA_MANAGEMENT, &graph, &root),
	    BASE_OK);
	ck_assert_int_eq(pol_plan_make(graph, root, s, &off.plan), POL_OK);
	ck_assert_int_eq(pol_plan_make(ca_topo_graph(w.ca.topo,
					   ca_topo_root(w.ca.topo,
					       CA_MANAGEMENT),
					   &number),
			     number, s, &on.plan),
	    POL_OK);
	want = planned_text(&on);
	got = planned_text(&off);
	ck_assert_str_eq(got, want);
	/* app1 shows a hello to web1, which cannot forget before app1's cert */
	if (s == POL_MINIMAL)
		ck_assert_ptr_nonnull(strstr(got, "web1 4 < app1 2\n"));
	free(want);
	free(got);
	pol_plan_free(off.plan);
	pol_plan_free(on.plan);
	pol_graph_free(graph);
	ca_topology_free(file);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(fleet);
	world_ready_make(one);
}

TCase *
case_management(void)
{
	TCase *tc = tcase_create("management");

	tcase_set_timeout(tc, 120);
	tcase_add_unchecked_fixture(tc, ready, world_ready_clear);
	tcase_add_test(tc, the_cas_own_join_outlives_a_change_of_the_fleet);
	tcase_add_test(tc, direct_nodes_roll);
	tcase_add_loop_test(tc, its_key_is_stolen, 0, 2);
	tcase_add_test(tc, three_rolls_in_a_row);
	tcase_add_loop_test(tc, a_bad_day, 0, 2);
	tcase_add_test(tc, a_silent_node_keeps_the_old_root_alive);
	tcase_add_loop_test(tc, an_abort_goes_back, 0, 8);
	tcase_add_test(tc, an_abort_knows_of_the_cas_own_order);
	tcase_add_test(tc, a_token_of_before_the_roll_is_good);
	tcase_add_loop_test(tc, planned_as_it_rolls, 0, POL_STRATEGIES);
	return tc;
}
