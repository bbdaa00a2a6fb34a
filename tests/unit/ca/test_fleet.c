/* Changes of the fleet: the whole that comes out, and links while a root
 * rolls, whoever asks. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

/* app3 leaves its links before the roll; idle never had any. */
static const char fleet[] =
    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app3\"; reach = \"poll\"; },\n"
    "  { name = \"idle\"; reach = \"poll\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app1\"; server = \"web2\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; root = \"plant\"; } );\n";

static struct world w;

static void
ready(void)
{
	world_ready_make(fleet);
}

static void
setup(void)
{
	base_log_open("test", BASE_ERR);
	world_open_joined(&w, fleet, 1);
}

static void
teardown(void)
{
	world_close(&w);
}

/* ---- changes, below all that asks for them ---- */

static enum base_err
link_put(struct ca *ca, void *arg)
{
	return ca_store_link_put(ca->store, arg);
}

static enum base_err
link_drop(struct ca *ca, void *arg)
{
	const struct ca_link *l = arg;

	return ca_store_link_delete(ca->store, l->client, l->server);
}

static enum base_err
link_drop_on_record(struct ca *ca, void *arg)
{
	enum base_err r = ca_store_gone_put(ca->store, arg, true);

	return r == BASE_OK ? link_drop(ca, arg) : r;
}

static enum base_err
node_put(struct ca *ca, void *arg)
{
	return ca_store_node_put(ca->store, arg);
}

static enum base_err
root_drop(struct ca *ca, void *arg)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < ca->topo->nlinks; i++)
		if (strcmp(ca->topo->links[i].server_root, arg) == 0)
			r = link_drop_on_record(ca, &ca->topo->links[i]);
	return r == BASE_OK ? ca_store_root_delete(ca->store, arg) : r;
}

static enum base_err
put_and_fail(struct ca *ca, void *arg)
{
	enum base_err r = link_put(ca, arg);

	return r == BASE_OK ? base_fail(BASE_E_USAGE, "not so") : r;
}

static void
allowed(ca_change_fn *change, const void *arg)
{
	ck_assert_msg(ca_fleet_change(&w.ca, change, (void *)(uintptr_t)arg) ==
		BASE_OK,
	    "%s", base_why());
}

static size_t
stored_links(void)
{
	struct ca_link *list;
	size_t n;

	ck_assert_int_eq(ca_store_links(w.ca.store, &list, &n), BASE_OK);
	free(list);
	return n;
}

/* With this error and these words, and nothing of it stays. */
static void
refused(ca_change_fn *change, const void *arg, enum base_err want,
    const char *says)
{
	const size_t links = stored_links();
	const struct ca_topo *topo = w.ca.topo;

	ck_assert_int_eq(ca_fleet_try(&w.ca, change, (void *)(uintptr_t)arg),
	    want);
	ck_assert_int_eq(ca_fleet_change(&w.ca, change, (void *)(uintptr_t)arg),
	    want);
	ck_assert_msg(strstr(base_why(), says) != NULL, "%s", base_why());
	ck_assert_uint_eq(stored_links(), links);
	ck_assert_ptr_eq(w.ca.topo, topo);
}

static struct ca_link
both(const char *client, const char *server, const char *root)
{
	struct ca_link l;

	memset(&l, 0, sizeof(l));
	strcpy(l.client, client);
	strcpy(l.server, server);
	strcpy(l.client_root, root);
	strcpy(l.server_root, root);
	return l;
}

static struct ca_node
node(const char *name)
{
	struct ca_node n;

	ck_assert_int_eq(ca_store_node_get(w.ca.store, name, &n), BASE_OK);
	return n;
}

static void
run(int seconds)
{
	for (int i = 0; i < seconds * 20; i++)
		world_turn(&w);
}

static void
run_to_end(void)
{
	ck_assert_msg(world_run(&w, 300, world_rolled), "%s", w.waits);
}

/* ---- at rest ---- */

START_TEST(tried_and_done)
{
	const struct ca_link l = both("app2", "web2", "plant");
	const struct ca_link twice = both("app3", "web2", "plant");

	w.ca.told = true;
	ck_assert_int_eq(ca_fleet_try(&w.ca, link_put, (void *)(uintptr_t)&l),
	    BASE_OK);
	ck_assert_uint_eq(stored_links(), 4);
	ck_assert_uint_eq(w.ca.topo->nlinks, 4);
	ck_assert(w.ca.told);
	allowed(link_put, &l);
	ck_assert_uint_eq(stored_links(), 5);
	ck_assert_ptr_nonnull(ca_topo_link(w.ca.topo, "app2", "web2"));
	ck_assert(!w.ca.told);
	/* what the change itself says no to */
	refused(put_and_fail, &twice, BASE_E_USAGE, "not so");
}
END_TEST

START_TEST(a_sound_graph)
{
	struct ca_link l = both("app2", "web1", "lab");

	refused(link_put, &l, BASE_E_REFUSED, "link app2>web1");
	l = both("app2", "idle", CA_MANAGEMENT);
	strcpy(l.client_root, "plant");
	refused(link_put, &l, BASE_E_REFUSED, "carries no links");
	l = both("app2", "web2", "plant");
	strcpy(l.client_root, CA_MANAGEMENT);
	refused(link_put, &l, BASE_E_REFUSED, "carries no links");
	strcpy(l.client_root, "lab");
	allowed(link_put, &l);
}
END_TEST

START_TEST(sound_nodes)
{
	struct ca_node n = { .name = "db.1", .reach = CA_POLL };

	refused(node_put, &n, BASE_E_REFUSED, "db.1");
	strcpy(n.name, "db1");
	strcpy(n.via[n.nvia++], "ghost");
	refused(node_put, &n, BASE_E_NOTFOUND, "ghost");
	strcpy(n.via[0], "web1");
	allowed(node_put, &n);
}
END_TEST

/* ---- relays ---- */

START_TEST(a_relay_keeps_its_link)
{
	const struct ca_link carried = both("app1", "web1", "plant");
	const struct ca_link other = both("app2", "web2", "plant");
	struct ca_node n = node("app2");

	refused(link_drop, &carried, BASE_E_REFUSED, "app1");
	/* another relay needs a link of its own */
	strcpy(n.via[n.nvia++], "web2");
	refused(node_put, &n, BASE_E_REFUSED, "web2");
	allowed(link_put, &other);
	allowed(node_put, &n);
}
END_TEST

START_TEST(with_its_last_link_a_node_leaves)
{
	const struct ca_link last = both("app2", "web1", "plant");

	allowed(link_drop, &last);
}
END_TEST

/* Links come after their nodes. */
START_TEST(what_was_bad_may_stay)
{
	const struct ca_link l = both("db1", "web2", "plant");
	struct ca_node n = { .name = "db1", .reach = CA_POLL, .nvia = 1 };

	strcpy(n.via[0], "web1");
	allowed(node_put, &n);
	allowed(link_put, &l);
}
END_TEST

/* ---- while a root rolls ---- */

START_TEST(flags_stand_still)
{
	struct ca_node a = node("app1"), i = node("idle");

	world_roll(&w, "plant");
	a.dual = true;
	refused(node_put, &a, BASE_E_OUTAGE, "change dual when");
	a.dual = false;
	a.shallow = true;
	refused(node_put, &a, BASE_E_OUTAGE, "change shallow when");
	i.dual = i.shallow = true; /* has no part */
	allowed(node_put, &i);
	run_to_end();
	allowed(node_put, &a);
	/* under management nobody bridges */
	world_roll(&w, CA_MANAGEMENT);
	a.shallow = false;
	allowed(node_put, &a);
}
END_TEST

START_TEST(a_root_that_rolls_stays)
{
	world_roll(&w, "plant");
	refused(root_drop, "plant", BASE_E_OUTAGE,
	    "root plant: rolls just now; remove it when");
	allowed(root_drop, "lab");
	ck_assert_uint_eq(ca_topo_root(w.ca.topo, "lab"), POL_NONE);
}
END_TEST

/* kedge-hsmd would go on judging by it. */
START_TEST(a_link_goes_on_record)
{
	const struct ca_link l = both("app1", "web2", "plant");
	struct ca_link other = both("app1", "web1", "plant");

	world_roll(&w, "plant");
	refused(link_drop, &l, BASE_E_OUTAGE, "--reason");
	allowed(link_drop_on_record, &l);
	/* another kind of link is another link */
	other.client_root[0] = '\0';
	refused(link_put, &other, BASE_E_OUTAGE, "--reason");
	run_to_end();
	allowed(link_put, &other);
}
END_TEST

struct entered {
	size_t app3, others;
};

static enum base_err
count_entered(void *arg, const struct ca_fact *f)
{
	struct entered *n = arg;

	if (f->kind == POL_FACT_HOLDS)
		++*(strcmp(f->node, "app3") == 0 ? &n->app3 : &n->others);
	return BASE_OK;
}

static struct entered
entered(void)
{
	struct entered n = { 0, 0 };

	ck_assert_int_eq(ca_store_facts_of_roll(w.ca.store, 1, count_entered,
			     &n),
	    BASE_OK);
	return n;
}

/* What it holds from before comes into the roll with it. */
START_TEST(a_node_enters_the_roll)
{
	const struct ca_link l = both("app3", "web1", "plant");
	const struct world_node *app3 = world_node(&w, "app3");

	allowed(link_drop, &l);
	run(1);
	world_roll(&w, "plant");
	world_node(&w, "app1")->deaf = true;
	run(5);
	ck_assert_uint_eq(app3->orders, 1);
	ck_assert_uint_eq(entered().app3, 0);
	ck_assert_uint_eq(entered().others, 4);
	allowed(link_put, &l);
	ck_assert_uint_eq(entered().app3, 1);
	ck_assert_uint_eq(entered().others, 4);
	world_links_hold(&w);
	world_node(&w, "app1")->deaf = false;
	run_to_end();
	ck_assert_uint_eq(app3->conf.trust, POL_GEN(2));
	ck_assert_uint_eq(app3->conf.present, POL_GEN(2));
}
END_TEST

static bool
web1_presents_new(struct world *x)
{
	return world_node(x, "web1")->conf.present == POL_GEN(2);
}

/* It would not trust what web1 shows by now. */
START_TEST(a_node_comes_too_late)
{
	const struct ca_link l = both("app3", "web1", "plant");

	allowed(link_drop, &l);
	run(1);
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, web1_presents_new));
	world_node(&w, "app1")->deaf = true;
	run(5);
	refused(link_put, &l, BASE_E_OUTAGE, "rolls just now: ");
	ck_assert_ptr_nonnull(strstr(base_why(), "app3"));
	world_node(&w, "app1")->deaf = false;
	run_to_end();
}
END_TEST

/* Who never held anything gets what suits the link when he joins; not so one
 * whose join is under way. */
START_TEST(nobody_knows_yet)
{
	const struct ca_link l = both("db1", "web1", "plant");
	struct ca_node n = { .name = "db1", .reach = CA_POLL };
	struct ca_fact f = { .root = "plant",
		.node = "db1",
		.kind = POL_FACT_SENT,
		.epoch = 1,
		.steps = WIRE_STEP_JOIN | POL_TRUST | POL_CERT,
		.to = 1 };

	allowed(node_put, &n);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_fleet_try(&w.ca, link_put, (void *)(uintptr_t)&l),
	    BASE_OK);
	ck_assert_int_eq(ca_store_fact_add(w.ca.store, &f), BASE_OK);
	refused(link_put, &l, BASE_E_OUTAGE, "has not reported yet");
}
END_TEST

/* Lost is not the same as never there: it may hold anything. */
START_TEST(nobody_knows_any_more)
{
	const struct ca_link l = both("db1", "web1", "plant");
	struct ca_node n = { .name = "db1", .reach = CA_POLL };
	struct ca_fact f = { .root = "plant",
		.node = "db1",
		.kind = POL_FACT_LOST };

	allowed(node_put, &n);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_store_fact_add(w.ca.store, &f), BASE_OK);
	refused(link_put, &l, BASE_E_OUTAGE, "has not reported yet");
	f.kind = POL_FACT_HOLDS;
	f.conf = (struct pol_conf){ 1, 1, 0 };
	ck_assert_int_eq(ca_store_fact_add(w.ca.store, &f), BASE_OK);
	ck_assert_int_eq(ca_fleet_try(&w.ca, link_put, (void *)(uintptr_t)&l),
	    BASE_OK);
}
END_TEST

static bool
web2_forgot(struct world *x)
{
	return world_node(x, "web2")->own.conf.trust == POL_GEN(2);
}

/* Another relay is another verifier of hellos. */
START_TEST(another_relay_while_management_rolls)
{
	const struct ca_link l = both("app2", "web2", "plant");
	struct ca_node n = node("app2");

	allowed(link_put, &l);
	run(1);
	strcpy(n.via[0], "web2");
	world_roll(&w, CA_MANAGEMENT);
	ck_assert_int_eq(ca_fleet_try(&w.ca, node_put, &n), BASE_OK);
	world_node(&w, "app2")->slow = true;
	for (int i = 0; i < 2400 && !web2_forgot(&w); i++) {
		struct world_node *app2 = world_node(&w, "app2");

		/* it has the trust, and then no word any more */
		app2->deaf = app2->own.conf.trust == (POL_GEN(1) | POL_GEN(2));
		world_turn(&w);
	}
	ck_assert_msg(web2_forgot(&w), "%s", w.waits);
	refused(node_put, &n, BASE_E_OUTAGE, "app2");
	world_node(&w, "app2")->deaf = false;
	run_to_end();
	allowed(node_put, &n);
}
END_TEST

/* ---- roots ---- */

static uint64_t
records(void)
{
	uint64_t n;

	ck_assert_int_eq(ca_store_audit_count(w.ca.store, &n), BASE_OK);
	return n;
}

START_TEST(roots_are_put_once)
{
	struct ca_root r;
	const uint64_t before = records();

	ck_assert_int_eq(ca_fleet_root_put(&w.ca, "No Name", WIRE_P256, 10),
	    BASE_E_USAGE);
	ck_assert_int_eq(ca_fleet_root_put(&w.ca, "plant", WIRE_P384, 10),
	    BASE_OK);
	ck_assert_int_eq(ca_store_root_get(w.ca.store, "plant", &r), BASE_OK);
	ck_assert_int_eq(r.alg, WIRE_P256);
	ck_assert_uint_eq(records(), before);
	ck_assert_int_eq(ca_fleet_root_put(&w.ca, "new", WIRE_P384, 10),
	    BASE_OK);
	ck_assert_int_eq(ca_store_root_get(w.ca.store, "new", &r), BASE_OK);
	ck_assert_int_eq(r.alg, WIRE_P384);
	ck_assert_uint_eq(r.days, 10);
	ck_assert_uint_eq(r.current, 1);
	ck_assert_uint_eq(records(), before + 1);
	ck_assert_uint_ne(ca_topo_root(w.ca.topo, "new"), POL_NONE);
}
END_TEST

TCase *
case_fleet(void)
{
	TCase *t = tcase_create("fleet");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, tried_and_done);
	tcase_add_test(t, a_sound_graph);
	tcase_add_test(t, sound_nodes);
	tcase_add_test(t, a_relay_keeps_its_link);
	tcase_add_test(t, with_its_last_link_a_node_leaves);
	tcase_add_test(t, what_was_bad_may_stay);
	tcase_add_test(t, flags_stand_still);
	tcase_add_test(t, a_root_that_rolls_stays);
	tcase_add_test(t, a_link_goes_on_record);
	tcase_add_test(t, a_node_enters_the_roll);
	tcase_add_test(t, a_node_comes_too_late);
	tcase_add_test(t, nobody_knows_yet);
	tcase_add_test(t, nobody_knows_any_more);
	tcase_add_test(t, another_relay_while_management_rolls);
	tcase_add_test(t, roots_are_put_once);
	return t;
}
