/* Nodes that speak of epochs which were never given: one stops nobody else;
 * see world.h. */
#include <check.h>
#include <string.h>

#include "ca/control.h"
#include "ca/recover.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static struct world w;

/* All trust and show this one. */
static void
all_hold(uint32_t g)
{
	for (size_t i = 0; i < w.nnodes; i++) {
		const struct pol_conf c = w.nodes[i].conf;

		ck_assert(c.trust == 0 || c.trust == POL_GEN(g));
		ck_assert(c.present == 0 || c.present == POL_GEN(g));
	}
}

static enum base_err
count_suspect(void *arg, const struct ca_audit *a)
{
	*(unsigned *)arg += strcmp(a->what, "suspect") == 0;
	return BASE_OK;
}

static unsigned
suspects(void)
{
	unsigned n = 0;

	ck_assert_int_eq(ca_store_audit_list(w.ca.store, 1, 10000,
			     count_suspect, &n),
	    BASE_OK);
	return n;
}

static bool
all_known(struct world *v)
{
	struct ca_recovery_count n;

	return ca_recover_count(&v->ca, &n) == BASE_OK && n.lost == 0;
}

/* kedge-hsmd knows no such epoch: only this node is unknown, and asked. */
START_TEST(one_that_lies_stops_nobody_else)
{
	const struct wire_inventory claims = { .root = "plant", .highest = 9 };
	struct ca_holding h;

	world_open(&w, world_relayed, 44);
	world_join_all(&w);
	world_node(&w, "web1")->deaf = true;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 10, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	ck_assert_int_eq(ca_holding_get(w.ca.store, "web1", "plant", &h),
	    BASE_OK);
	ck_assert(h.lost);
	ck_assert_int_eq(ca_holding_get(w.ca.store, "app6", "plant", &h),
	    BASE_OK);
	ck_assert(h.confirmed);
	world_node(&w, "web1")->deaf = false;
	ck_assert(world_run(&w, 60, all_known));
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->asks, 1);
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 120, world_settled));
	ck_assert_uint_gt(world_node(&w, "web1")->highest, 9);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* kedge-hsmd's journal is an old copy, too: a second one says so. */
START_TEST(two_that_say_so_are_believed)
{
	const struct wire_inventory claims = { .root = "plant", .highest = 9 };

	world_open(&w, world_relayed, 45);
	world_join_all(&w);
	world_node(&w, "app6")->deaf = true;
	ca_epochs_learn(&w.ca, "app6", &claims, 1);
	ck_assert(!world_run(&w, 10, world_recovers));
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(world_run(&w, 10, world_recovers));
	world_node(&w, "app6")->deaf = false;
	ck_assert(world_run(&w, 120, world_settled));
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->asks, 13);
	world_close(&w);
}
END_TEST

/* kedge-hsmd has signed it: the store is old, whatever the count says. */
START_TEST(a_claim_that_hsmd_knows_shows_an_old_copy)
{
	struct wire_inventory claims = { .root = "plant" };

	world_open(&w, world_relayed, 46);
	world_join_all(&w);
	world_backup(&w, "b");
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, world_rolled));
	world_restore(&w, "b");
	w.ca.unchecked = false;
	claims.highest = world_node(&w, "web2")->highest;
	ca_epochs_learn(&w.ca, "web2", &claims, 1);
	ck_assert(world_run(&w, 10, world_recovers));
	ck_assert_uint_eq(suspects(), 0);
	ck_assert(world_run(&w, 120, world_settled));
	all_hold(2);
	world_close(&w);
}
END_TEST

/* A refusal stays one: the node is not asked about again, others are. While
 * kedge-hsmd is only away, it is. */
START_TEST(what_cannot_be_answered_is_dropped)
{
	struct wire_inventory claims = { .root = "plant", .highest = 9 };

	world_open_joined(&w, world_relayed, 48);
	world_node(&w, "web1")->deaf = true;
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_REFUSED;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 10, world_recovers));
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->knew, 1);
	ck_assert_str_eq(w.ca.recovery.claim.node, "");
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_AGAIN;
	claims.highest = 10;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 10, world_recovers));
	ck_assert_uint_gt(hsm_fake_mood(w.hsm)->knew, 3);
	ck_assert_uint_eq(suspects(), 0);
	hsm_fake_mood(w.hsm)->unknowing = BASE_OK;
	ck_assert(!world_run(&w, 10, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	world_close(&w);
}
END_TEST

static enum base_err
drop_app6(struct ca *ca, void *arg)
{
	const struct ca_link l = { "app6", "web2", "", "plant" };
	enum base_err r = ca_change_link_drop(ca, &l, "sold", "test");

	(void)arg;
	return r != BASE_OK ? r : ca_change_node_drop(ca, "app6", "test");
}

/* Nobody is asked about a node that left; not even when the answer is on its
 * way. */
START_TEST(what_a_node_said_goes_with_it)
{
	struct wire_inventory claims = { .root = "plant", .highest = 9 };
	uint64_t knew;

	world_open_joined(&w, world_relayed, 49);
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_AGAIN;
	ca_epochs_learn(&w.ca, "app6", &claims, 1);
	ck_assert(!world_run(&w, 5, world_recovers));
	knew = hsm_fake_mood(w.hsm)->knew;
	ck_assert_uint_gt(knew, 1);
	/* asked, and not answered yet */
	w.ca.recovery.next = w.mono;
	ca_work(&w.ca);
	ck_assert(w.ca.recovery.claim.asked);
	ck_assert_int_eq(ca_fleet_change(&w.ca, drop_app6, NULL), BASE_OK);
	ck_assert_str_eq(w.ca.recovery.claim.node, "");
	hsm_fake_mood(w.hsm)->unknowing = BASE_OK;
	/* another one's is not answered by that */
	world_node(&w, "web1")->deaf = true;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert_str_eq(w.ca.recovery.claim.node, "");
	ck_assert(!world_run(&w, 5, world_recovers));
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->knew, knew + 1);
	ck_assert_uint_eq(suspects(), 0);
	/* web1's was not lost: it is news still */
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 5, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	world_close(&w);
}
END_TEST

/* Said before kedged was killed: the node's epoch is no news any more, so the
 * claim is in the store. */
START_TEST(what_was_said_outlives_a_restart)
{
	const struct wire_inventory claims = { .root = "plant", .highest = 9 };

	world_open_joined(&w, world_relayed, 52);
	world_node(&w, "web1")->deaf = true;
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_AGAIN;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 5, world_recovers));
	world_restart(&w);
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert_str_eq(w.ca.recovery.claim.node, "web1");
	ck_assert_str_eq(w.ca.recovery.claim.root, "plant");
	ck_assert_uint_eq(w.ca.recovery.claim.epoch, 9);
	hsm_fake_mood(w.hsm)->unknowing = BASE_OK;
	ck_assert(!world_run(&w, 5, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	/* answered, it is not asked about again */
	world_restart(&w);
	ck_assert_str_eq(w.ca.recovery.claim.node, "");
	world_close(&w);
}
END_TEST

/* It stayed in the store though it was answered, and orders were given since:
 * that kedge-hsmd has signed them shows no old copy. */
START_TEST(what_was_answered_is_dropped_at_the_start)
{
	const struct wire_inventory claims = { .root = "plant", .highest = 9 };
	const struct ca_claim open = { .node = "web1",
		.root = "plant",
		.epoch = 9,
		.given = 1 };

	world_open_joined(&w, world_relayed, 53);
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 10, world_recovers));
	ck_assert(world_run(&w, 60, all_known));
	ck_assert_uint_gt(world_node(&w, "web1")->highest, 9);
	ck_assert_int_eq(ca_claim_put(&w.ca, &open), BASE_OK);
	world_restart(&w);
	ck_assert_str_eq(w.ca.recovery.claim.node, "");
	ck_assert(!world_run(&w, 20, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	world_close(&w);
}
END_TEST

/* The recovery asks all that a claim would. */
START_TEST(a_recovery_takes_its_place)
{
	const struct wire_inventory claims = { .root = "plant", .highest = 9 };

	world_open_joined(&w, world_relayed, 54);
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_AGAIN;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert_str_eq(w.ca.recovery.claim.node, "web1");
	ck_assert_int_eq(ca_recover_want(&w.ca, "a sign"), BASE_OK);
	ck_assert_int_eq(ca_claim_load(&w.ca), BASE_OK);
	ck_assert_str_eq(w.ca.recovery.claim.node, "");
	world_close(&w);
}
END_TEST

static bool
trust_new(struct world *v)
{
	return world_node(v, "app6")->conf.trust != POL_GEN(1);
}

/* kedge-hsmd would say that it has signed as much, if an order went to the node
 * meanwhile: it gets none, others do. */
START_TEST(no_order_before_it_is_answered)
{
	struct wire_inventory claims = { .root = "plant" };
	struct world_node *web1;
	uint64_t was;

	world_open_joined(&w, world_relayed, 55);
	web1 = world_node(&w, "web1");
	was = web1->highest;
	claims.highest = was + 1;
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_AGAIN;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, trust_new));
	ck_assert(!world_run(&w, 60, world_recovers));
	ck_assert_uint_eq(web1->highest, was);
	hsm_fake_mood(w.hsm)->unknowing = BASE_OK;
	ck_assert(!world_run(&w, 20, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* Nor does it join meanwhile: its token stays good, and is used once kedge-hsmd
 * has answered. */
START_TEST(no_join_before_it_is_answered)
{
	struct wire_inventory claims = { .root = "plant" };
	struct wire_token token;
	uint64_t last;

	world_open_joined(&w, world_relayed, 57);
	claims.highest = world_node(&w, "web1")->highest + 1;
	world_token(&w, "web1", &token);
	world_forget(&w, "web1");
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_AGAIN;
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 5, world_recovers));
	ck_assert_int_eq(world_join_by(&w, "web1", &token), BASE_E_AGAIN);
	ck_assert_int_eq(ca_store_epoch_last(w.ca.store, "web1", "plant",
			     &last),
	    BASE_OK);
	ck_assert_uint_lt(last, claims.highest);
	hsm_fake_mood(w.hsm)->unknowing = BASE_OK;
	ck_assert(!world_run(&w, 5, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	world_forget(&w, "web1");
	ck_assert_int_eq(world_join_by(&w, "web1", &token), BASE_OK);
	world_close(&w);
}
END_TEST

/* It is unknown, but has never spoken of such an epoch. */
START_TEST(who_is_lost_otherwise_is_no_witness)
{
	const struct wire_inventory claims = { .root = "plant", .highest = 9 };
	const struct ca_fact lost = { .node = "app6",
		.root = "plant",
		.kind = POL_FACT_LOST,
		.at = { 1 } };

	world_open_joined(&w, world_relayed, 50);
	world_node(&w, "app6")->deaf = true;
	world_node(&w, "web1")->deaf = true;
	ck_assert_int_eq(ca_store_fact_add(w.ca.store, &lost), BASE_OK);
	ck_assert(!all_known(&w));
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 10, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	world_close(&w);
}
END_TEST

/* The first one was wrong: it has answered, and witnesses nothing. */
START_TEST(who_has_answered_is_no_witness)
{
	const struct wire_inventory claims = { .root = "plant", .highest = 9 };

	world_open_joined(&w, world_relayed, 51);
	ca_epochs_learn(&w.ca, "app6", &claims, 1);
	ck_assert(!world_run(&w, 20, world_recovers));
	ck_assert_uint_eq(suspects(), 1);
	ck_assert(all_known(&w));
	ca_epochs_learn(&w.ca, "web1", &claims, 1);
	ck_assert(!world_run(&w, 20, world_recovers));
	ck_assert_uint_eq(suspects(), 2);
	world_close(&w);
}
END_TEST

TCase *
case_claim(void)
{
	TCase *t = tcase_create("claim");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, one_that_lies_stops_nobody_else);
	tcase_add_test(t, two_that_say_so_are_believed);
	tcase_add_test(t, what_cannot_be_answered_is_dropped);
	tcase_add_test(t, what_a_node_said_goes_with_it);
	tcase_add_test(t, what_was_said_outlives_a_restart);
	tcase_add_test(t, what_was_answered_is_dropped_at_the_start);
	tcase_add_test(t, a_recovery_takes_its_place);
	tcase_add_test(t, no_order_before_it_is_answered);
	tcase_add_test(t, no_join_before_it_is_answered);
	tcase_add_test(t, who_is_lost_otherwise_is_no_witness);
	tcase_add_test(t, who_has_answered_is_no_witness);
	tcase_add_test(t, a_claim_that_hsmd_knows_shows_an_old_copy);
	return t;
}
