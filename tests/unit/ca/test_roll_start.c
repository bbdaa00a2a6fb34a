/* What must be right before a roll is accepted, what each node brings into it,
 * and the one transaction that makes it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

/* ---- readiness ---- */

static size_t
problems_of(const char *root, const char *says)
{
	json_t *list = json_array();
	size_t all, n = 0;

	ck_assert_int_eq(ca_roll_check(&w.ca, root, list), BASE_OK);
	all = json_array_size(list);
	for (size_t i = 0; i < all; i++)
		n += strstr(json_string_value(json_array_get(list, i)), says) !=
		    NULL;
	json_decref(list);
	ck_assert_uint_eq(n, all);
	return n;
}

static size_t
problems(const char *says)
{
	return problems_of("plant", says);
}

START_TEST(not_a_root_that_can_roll)
{
	json_t *list = json_array();
	const uint32_t plant = ca_topo_root(w.ca.topo, "plant");

	ck_assert_int_eq(ca_roll_check(&w.ca, "nosuch", list), BASE_E_NOTFOUND);
	w.ca.topo->roots[plant].current = 63;
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", list), BASE_E_RANGE);
	w.ca.topo->roots[plant].current = 1;
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", list), BASE_OK);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_check(&w.ca, "plant", list), BASE_E_STATE);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

START_TEST(its_end_is_over)
{
	struct base_time end;

	pair_must(ca_root_end(&w.ca, "plant", 1, &end));
	w.now.ms = end.ms - 1;
	ck_assert_uint_eq(problems("root plant"), 0);
	w.now = end;
	ck_assert_uint_eq(problems("root plant: generation 1 ended at"), 1);
}
END_TEST

START_TEST(nodes_that_are_not_there)
{
	ck_assert_uint_eq(problems(""), 0);
	pair_node("app1")->joined.ms = 0;
	ck_assert_uint_eq(problems("node app1: has not joined"), 1);
	pair_node("app1")->joined.ms = 1;
	pair_node("web1")->address[0] = '\0';
	ck_assert_uint_eq(problems("node web1: is dialled by the CA"), 1);
	strcpy(pair_node("web1")->address, "127.0.0.1:1");
	ck_assert_uint_eq(problems(""), 0);
}
END_TEST

START_TEST(nodes_that_no_way_leads_to)
{
	uint32_t *dist = &w.ca.topo->dist[ca_topo_node(w.ca.topo, "app1")];
	const size_t nlinks = w.ca.topo->nlinks;

	*dist = WIRE_ROUTE_MAX + 1;
	ck_assert_uint_eq(problems("node app1: no path"), 1);
	*dist = 2;
	ck_assert_uint_eq(problems(""), 0);
	/* a relay that shares no link with it */
	w.ca.topo->nlinks = 0;
	ck_assert_uint_eq(problems("app1"), 1);
	w.ca.topo->nlinks = nlinks;
	ck_assert_uint_eq(problems(""), 0);
}
END_TEST

START_TEST(the_ca_has_not_said_it_either)
{
	struct ca_fact lost = { .node = "ca",
		.root = CA_MANAGEMENT,
		.kind = POL_FACT_LOST };

	ck_assert_uint_eq(problems_of(CA_MANAGEMENT, ""), 0);
	pair_must(ca_store_fact_add(w.ca.store, &lost));
	ck_assert_uint_eq(problems_of(CA_MANAGEMENT,
			      "node ca: waits for kedge-hsmd"),
	    1);
}
END_TEST

START_TEST(nodes_that_hold_something_else)
{
	pair_fact("app1", POL_FACT_LOST, (struct pol_conf){ 0, 0, 0 });
	ck_assert_uint_eq(problems("node app1: has not reported"), 1);
	/* nothing is asked of who is excused */
	pair_fact("app1", POL_FACT_EXCUSED, (struct pol_conf){ 0, 0, 0 });
	ck_assert_uint_eq(problems(""), 0);
	pair_fact("app1", POL_FACT_RETURNED, (struct pol_conf){ 0, 0, 0 });
	pair_fact("app1", POL_FACT_HOLDS, (struct pol_conf){ 1, 1, 0 });
	ck_assert_uint_eq(problems(""), 0);
	/* its links ask for both */
	pair_fact("app1", POL_FACT_HOLDS, (struct pol_conf){ 1, 0, 0 });
	ck_assert_uint_eq(problems("node app1: its links under root plant"), 1);
	pair_fact("app1", POL_FACT_HOLDS, (struct pol_conf){ 0, 1, 0 });
	ck_assert_uint_eq(problems("have changed since it joined"), 1);
	pair_fact("app1", POL_FACT_HOLDS, (struct pol_conf){ 3, 1, 0 });
	ck_assert_uint_eq(problems(""), 0);
}
END_TEST

START_TEST(nobody_uses_it)
{
	json_t *list = json_array();

	ck_assert_int_eq(ca_fleet_root_put(&w.ca, "lab", WIRE_P256, 10),
	    BASE_OK);
	pair_make("lab", 1);
	pair_must(ca_roll_check(&w.ca, "lab", list));
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(json_string_value(json_array_get(list, 0)),
	    "root lab: no link uses it");
	json_decref(list);
}
END_TEST

START_TEST(kedge_hsmd_keeps_other_links)
{
	strcpy(w.ca.keeps, "link a>b: kept");
	ck_assert_uint_eq(problems("kedge-hsmd has other links than kedged: "
				   "link a>b"),
	    1);
	w.ca.keeps[0] = '\0';
	ck_assert_uint_eq(problems(""), 0);
}
END_TEST

/* ---- what a node brings ---- */

static struct ca ca;
static struct ca_roll_row row = { .root = "plant",
	.from = 1,
	.to = 2,
	.state = CA_ROLL_RUNNING };
static struct ca_fact f = { .root = "plant", .node = "app1" };

static void
enter_setup(void)
{
	const struct ca_link l = { "app1", "web1", "plant", "plant" };

	store_setup();
	store_fleet(); /* app1 is dual */
	ck_assert_int_eq(ca_store_link_put(st, &l), BASE_OK);
	ck_assert_int_eq(ca_store_roll_add(st, &row), BASE_OK);
	ca.store = st;
	ck_assert_int_eq(ca_topo_load(st, &ca.topo), BASE_OK);
}

static void
enter_teardown(void)
{
	ca_topo_free(ca.topo);
	store_teardown();
}

static void
had(enum pol_fact_kind kind)
{
	f.kind = kind;
	f.at.ms = 77;
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
}

static void
had_sent(uint32_t steps, uint64_t epoch)
{
	f.steps = steps;
	f.from = 1;
	f.to = 2;
	f.epoch = epoch;
	had(POL_FACT_SENT);
}

static void
had_conf(enum pol_fact_kind kind, uint64_t trust, uint64_t present)
{
	f.conf = (struct pol_conf){ trust, present, 0 };
	f.steps = 0;
	had(kind);
}

/* "HOLDS 1 1 0, DOUBTED 3 1 0": kind as a number. */
static enum base_err
write_fact(void *arg, const struct ca_fact *is)
{
	char *out = arg;
	const size_t at = strlen(out);

	ck_assert_str_eq(is->node, "app1");
	ck_assert_int_eq(is->at.ms, 0);
	snprintf(out + at, 256 - at, "%s%ju %ju %ju; ",
	    is->kind == POL_FACT_HOLDS	       ? "holds "
		: is->kind == POL_FACT_DOUBTED ? "may hold "
		: is->kind == POL_FACT_EXCUSED ? "excused "
		: is->kind == POL_FACT_LOST    ? "lost "
					       : "? ",
	    (uintmax_t)is->conf.trust, (uintmax_t)is->conf.present,
	    (uintmax_t)is->conf.bridge);
	return BASE_OK;
}

static const char *
enters(void)
{
	static char out[256];

	out[0] = '\0';
	ck_assert_int_eq(ca_roll_enter(&ca, ca.topo, &row,
			     ca_topo_node(ca.topo, "app1")),
	    BASE_OK);
	ck_assert_int_eq(ca_store_facts_of_roll(st, row.id, write_fact, out),
	    BASE_OK);
	return out;
}

START_TEST(who_is_not_known)
{
	ck_assert_str_eq(enters(), "");
	had(POL_FACT_EXCUSED);
	ck_assert_str_eq(enters(), "excused 0 0 0; ");
}
END_TEST

/* It may hold anything, and for having taken this epoch. */
START_TEST(who_is_lost)
{
	struct ca_holding h;

	had_conf(POL_FACT_HOLDS, 1, 1);
	f.epoch = 9;
	had(POL_FACT_LOST);
	had(POL_FACT_EXCUSED);
	f.epoch = 0;
	ck_assert_str_eq(enters(), "lost 0 0 0; excused 0 0 0; ");
	ck_assert_int_eq(ca_holding_get(st, "app1", "plant", &h), BASE_OK);
	ck_assert(h.lost && h.excused && !h.known);
	ck_assert_uint_eq(h.claim, 9);
}
END_TEST

START_TEST(who_is_sure)
{
	had_conf(POL_FACT_HOLDS, 1, 1);
	f.steps = WIRE_STEP_TIDY;
	had(POL_FACT_FAILED);
	ck_assert_str_eq(enters(), "holds 1 1 0; ");
}
END_TEST

START_TEST(who_has_not_answered)
{
	had_conf(POL_FACT_HOLDS, 1, 1);
	had_sent(POL_TRUST, 5);
	ck_assert_str_eq(enters(), "holds 1 1 0; may hold 3 1 0; ");
}
END_TEST

START_TEST(who_has_failed)
{
	had_conf(POL_FACT_HOLDS, 3, 1);
	had_sent(POL_CERT, 5);
	had(POL_FACT_FAILED);
	/* it bridges */
	ck_assert_str_eq(enters(), "holds 3 1 0; may hold 3 2 1; ");
}
END_TEST

/* It joined again in peace, under one generation, and is dual. */
START_TEST(who_has_not_said_that_it_joined_again)
{
	had_conf(POL_FACT_HOLDS, 2, 2);
	f.steps = WIRE_STEP_JOIN | POL_TRUST | POL_CERT;
	f.from = 0;
	f.to = 2;
	f.epoch = 5;
	had(POL_FACT_SENT);
	had(POL_FACT_EXCUSED);
	f.epoch = 0;
	ck_assert_str_eq(enters(),
	    "holds 2 2 0; may hold 2 2 0; excused 2 2 0; ");
}
END_TEST

START_TEST(who_is_doubted_and_excused)
{
	had_conf(POL_FACT_HOLDS, 2, 2);
	had_conf(POL_FACT_DOUBTED, 1, 1);
	had(POL_FACT_EXCUSED);
	ck_assert_str_eq(enters(),
	    "holds 2 2 0; may hold 1 1 0; excused 1 1 0; ");
}
END_TEST

/* ---- start ---- */

struct got {
	unsigned times;
	enum base_err err;
	struct ca_roll_row row;
};

static void
got(void *arg, enum base_err e, const struct ca_roll_row *r)
{
	struct got *g = arg;

	g->times++;
	g->err = e;
	g->row = *r;
}

static const struct ca_roll_row want = { .root = "plant",
	.strategy = POL_LAYERED,
	.max_in_flight = 3 };

static size_t
rolls(void)
{
	struct ca_roll_row *rows;
	size_t n;

	ck_assert_int_eq(ca_store_rolls(w.ca.store, &rows, &n), BASE_OK);
	free(rows);
	return n;
}

/* As the engine gets it. */
static void
fact_in_roll(enum pol_fact_kind kind, uint64_t gen)
{
	const struct ca_fact said = { .node = "app1",
		.root = "plant",
		.roll = w.ca.rolls->row.id,
		.kind = kind,
		.conf = { gen, gen, 0 } };

	pair_must(ca_store_fact_add(w.ca.store, &said));
	pair_must(ca_roll_reopen(&w.ca));
}

/* app1 was lost before the roll began: what web1 gets now it might refuse. */
START_TEST(who_joins_beside_a_lost_one_waits)
{
	struct wire_token t;

	pair_fact("app1", POL_FACT_LOST, (struct pol_conf){ 0, 0, 0 });
	pair_fact("app1", POL_FACT_EXCUSED, (struct pol_conf){ 0, 0, 0 });
	world_roll(&w, "plant");
	fact_in_roll(POL_FACT_RETURNED, 0);
	world_forget(&w, "web1");
	world_token(&w, "web1", &t);
	ck_assert_int_eq(world_join_by(&w, "web1", &t), BASE_E_AGAIN);
	ck_assert_ptr_nonnull(strstr(base_why(), "who is lost"));
	fact_in_roll(POL_FACT_HOLDS, 1);
	world_forget(&w, "web1");
	pair_must(world_join_by(&w, "web1", &t));
}
END_TEST

START_TEST(accepted_once)
{
	struct got first = { .times = 0 }, second = first, third = first;
	const struct ca_roll_row none = { .root = "nosuch" };
	const unsigned events = w.events;

	pair_make("plant", 2);
	ca_roll_start(&w.ca, &want, got, &first);
	ca_roll_start(&w.ca, &want, got, &second);
	ca_roll_start(&w.ca, &none, got, &third);
	ck_assert_int_eq(third.err, BASE_E_NOTFOUND);
	pair_answer();
	ck_assert_uint_eq(first.times + second.times + third.times, 3);
	ck_assert_int_eq(first.err, BASE_OK);
	ck_assert_int_eq(second.err, BASE_E_STATE);
	ck_assert_uint_eq(rolls(), 1);
	ck_assert_uint_eq(w.events, events + 1);
	ck_assert_uint_eq(first.row.from, 1);
	ck_assert_uint_eq(first.row.to, 2);
	ck_assert_uint_eq(first.row.limit, w.conf.failure_limit);
	ck_assert_uint_eq(first.row.max_in_flight, 3);
	ck_assert_int_eq(first.row.strategy, POL_LAYERED);
	ck_assert_int_eq(first.row.started.ms, w.now.ms);
	ck_assert_ptr_nonnull(ca_roll_of(&w.ca, "plant"));
}
END_TEST

START_TEST(on_record)
{
	struct got g = { .times = 0 };
	struct ca_roll_row stolen = want;

	stolen.compromised = true;
	w.ca.who = "uid 7";
	ca_roll_start(&w.ca, &stolen, got, &g);
	w.ca.who = NULL;
	pair_answer();
	ck_assert_str_eq(pair_last_record(),
	    "uid 7 roll: 1 of root plant: started, 1 to 2, layered; the old "
	    "root's key may be in wrong hands");
}
END_TEST

/* What each node holds comes with it; nobody else does. */
START_TEST(begins_with_what_is_held)
{
	struct pol_possible p;

	world_roll(&w, "plant");
	for (uint32_t i = 0; i < w.ca.topo->nnodes; i++) {
		p = pol_engine_possible(w.ca.rolls->engine, i);
		ck_assert_uint_eq(p.before.trust, POL_GEN(1));
		ck_assert_uint_eq(p.before.present, POL_GEN(1));
		ck_assert(p.is_sure);
	}
}
END_TEST

START_TEST(no_certificates_no_roll)
{
	struct got g = { .times = 0 };

	hsm_fake_mood(w.hsm)->down = true;
	ca_roll_start(&w.ca, &want, got, &g);
	pair_answer();
	ck_assert_uint_eq(g.times, 1);
	ck_assert_int_eq(g.err, BASE_E_AGAIN);
	ck_assert_uint_eq(rolls(), 0);
	ck_assert_ptr_null(w.ca.rolls);
	hsm_fake_mood(w.hsm)->down = false;
	ca_roll_start(&w.ca, &want, got, &g);
	pair_answer();
	ck_assert_int_eq(g.err, BASE_OK);
	ck_assert_uint_eq(g.row.to, 2);
}
END_TEST

/* From its start on orders are signed under both generations. */
START_TEST(of_the_management_root)
{
	const uint64_t made = hsm_fake_mood(w.hsm)->made;

	world_roll(&w, "plant");
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 1);
	world_roll(&w, CA_MANAGEMENT);
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 2);
	ck_assert_uint_gt(hsm_fake_mood(w.hsm)->made, made);
}
END_TEST

TCase *
case_roll_start(void)
{
	TCase *t = pair_case("roll_start");

	tcase_add_test(t, not_a_root_that_can_roll);
	tcase_add_test(t, its_end_is_over);
	tcase_add_test(t, nodes_that_are_not_there);
	tcase_add_test(t, nodes_that_no_way_leads_to);
	tcase_add_test(t, the_ca_has_not_said_it_either);
	tcase_add_test(t, nodes_that_hold_something_else);
	tcase_add_test(t, nobody_uses_it);
	tcase_add_test(t, kedge_hsmd_keeps_other_links);
	tcase_add_test(t, who_joins_beside_a_lost_one_waits);
	tcase_add_test(t, accepted_once);
	tcase_add_test(t, on_record);
	tcase_add_test(t, begins_with_what_is_held);
	tcase_add_test(t, no_certificates_no_roll);
	tcase_add_test(t, of_the_management_root);
	return t;
}

TCase *
case_roll_enter(void)
{
	TCase *t = tcase_create("roll_enter");

	tcase_add_checked_fixture(t, enter_setup, enter_teardown);
	tcase_add_test(t, who_is_not_known);
	tcase_add_test(t, who_is_lost);
	tcase_add_test(t, who_is_sure);
	tcase_add_test(t, who_has_not_answered);
	tcase_add_test(t, who_has_failed);
	tcase_add_test(t, who_has_not_said_that_it_joined_again);
	tcase_add_test(t, who_is_doubted_and_excused);
	return t;
}
