/*
 * judge, holds, req_proofs: a kedged that lies does not get the order that
 * breaks a link; one that shows what nodes reported does. The fleet is
 * app1>web1, mutual, on its way from generation 1 to 2.
 */
#include <string.h>

#include "hsm/holds.h"
#include "policy/policy.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

#define OLD  POL_GEN(1)
#define NEW  POL_GEN(2)
#define BOTH (OLD | NEW)

static void
setup(void)
{
	world_open();
	world_fleet();
}

static void
trusted(void)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	world_step(WORLD_APP, WIRE_STEP_TRUST, 2, BOTH, 1);
}

static void
certified(void)
{
	trusted();
	world_step(WORLD_WEB, WIRE_STEP_CERT, 3, BOTH, 2);
	world_step(WORLD_APP, WIRE_STEP_CERT, 3, BOTH, 2);
}

/* ---- the roll ------------------------------------------------------------------ */

START_TEST(whole_roll_is_signed)
{
	certified();
	world_step(WORLD_WEB, WIRE_STEP_FINISH, 4, NEW, 2);
	ck_assert(hsm_root_rolls(w.core, "plant"));
	world_step(WORLD_APP, WIRE_STEP_FINISH, 4, NEW, 2);
	ck_assert(!hsm_root_rolls(w.core, "plant"));
}
END_TEST

START_TEST(cert_before_the_peer_trusts)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "app1");
	world_step(WORLD_APP, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
}
END_TEST

START_TEST(finish_before_the_peer_has_its_cert)
{
	trusted();
	world_step(WORLD_WEB, WIRE_STEP_CERT, 3, BOTH, 2);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4),
	    BASE_E_OUTAGE, "app1");
	world_step(WORLD_APP, WIRE_STEP_CERT, 3, BOTH, 2);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4), BASE_OK);
}
END_TEST

/* Sent is not effective. */
START_TEST(order_without_report)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "app1");
}
END_TEST

/* Another certificate of the same generation. */
static enum base_err
renew(int node, uint32_t generation, uint64_t epoch)
{
	static const char *const names[] = { "web1", "app1" };
	struct wire_order o = { .fleet = "test",
		.root = "plant",
		.epoch = epoch,
		.issued = world_time,
		.expires = { world_time.ms + WORLD_DAY },
		.steps = WIRE_STEP_CERT,
		.from = generation,
		.to = generation,
		.verifies = true };
	struct wire_tbs t = world_tbs(WIRE_NODE_CERT, "plant", generation,
	    names[node], base_buf_span(&w.node_spki[node]));
	enum base_err e;

	strcpy(o.node, names[node]);
	ck_assert_int_eq(world_sign(&t, generation, &o.cert), BASE_OK);
	o.new_with_new = world_root("plant", generation);
	e = world_order_ask(&o);
	wire_order_clear(&o);
	return e;
}

START_TEST(renewal_of_what_is_presented)
{
	ck_assert_int_eq(renew(WORLD_WEB, 1, 2), BASE_OK);
	/* it moves nothing: no root rolls, and what comes is judged as before */
	ck_assert(!hsm_root_rolls(w.core, "plant"));
	world_refused(renew(WORLD_WEB, 2, 3), BASE_E_OUTAGE,
	    "not known to present");
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 3, BOTH, 1);
	world_step(WORLD_APP, WIRE_STEP_TRUST, 2, BOTH, 1);
	world_step(WORLD_WEB, WIRE_STEP_CERT, 4, BOTH, 2);
	world_refused(renew(WORLD_WEB, 1, 5), BASE_E_OUTAGE,
	    "not known to present");
	ck_assert_int_eq(renew(WORLD_WEB, 2, 5), BASE_OK);
	/* sent and not answered: it may present either */
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_CERT, 3), BASE_OK);
	ck_assert_int_eq(renew(WORLD_APP, 1, 4), BASE_OK);
	ck_assert_int_eq(renew(WORLD_APP, 2, 5), BASE_OK);
}
END_TEST

/* However often it is made again, it is one order without an answer. */
START_TEST(renewals_of_a_dead_node)
{
	for (uint64_t epoch = 2; epoch < 40; epoch++)
		ck_assert_int_eq(renew(WORLD_APP, 1, epoch), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 40), BASE_OK);
}
END_TEST

/* Its old certificate again, by OldWithNew. */
static enum base_err
back(int node, uint64_t epoch)
{
	static const char *const names[] = { "web1", "app1" };
	struct wire_order o = { .fleet = "test",
		.root = "plant",
		.roll = 1,
		.epoch = epoch,
		.issued = world_time,
		.expires = { world_time.ms + WORLD_DAY },
		.steps = WIRE_STEP_CERT,
		.from = 2,
		.to = 1,
		.verifies = true };
	struct wire_tbs t = world_tbs(WIRE_NODE_CERT, "plant", 1, names[node],
	    base_buf_span(&w.node_spki[node]));
	enum base_err e;

	strcpy(o.node, names[node]);
	ck_assert_int_eq(world_sign(&t, 1, &o.cert), BASE_OK);
	o.new_with_new = world_root("plant", 1);
	t = world_tbs(WIRE_OLD_WITH_NEW, "plant", 2, NULL,
	    base_buf_span(&world_key("plant", 1, false)->spki));
	t.not_before = world_key("plant", 1, false)->not_before;
	t.not_after = world_key("plant", 1, false)->not_after;
	ck_assert_msg(world_sign(&t, 2, &o.new_with_old) == BASE_OK, "%.*s",
	    (int)world_answer.items[0].data.n,
	    (char *)world_answer.items[0].data.p);
	e = world_order_ask(&o);
	wire_order_clear(&o);
	return e;
}

/* An order that was signed may be at work: the other end is judged by it. */
START_TEST(open_order_counts_as_done_and_not_done)
{
	certified();
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4), BASE_OK);
	/* back to 1: web1 may have dropped it */
	world_refused(back(WORLD_APP, 4), BASE_E_OUTAGE, "web1");
}
END_TEST

/* An abort is a roll the other way, under the same rules. */
START_TEST(abort_is_judged_too)
{
	certified();
	ck_assert_int_eq(back(WORLD_APP, 4), BASE_OK);
	/* app1 may be back already: web1 keeps the old root */
	world_refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4),
	    BASE_E_OUTAGE, "app1");
	ck_assert_int_eq(back(WORLD_WEB, 4), BASE_OK);
}
END_TEST

START_TEST(trust_needs_no_reason)
{
	ck_assert_int_eq(world_tell(false, false), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_TRUST, 2), BASE_OK);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_TRUST | WIRE_STEP_CERT,
			  3),
	    BASE_E_OUTAGE, "no link");
}
END_TEST

START_TEST(part_that_differs)
{
	trusted();
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
	world_last.o.epoch = 4;
	world_last.o.bridge = true;
	world_refused(world_order_ask(&world_last.o), BASE_E_OUTAGE,
	    "its part");
	world_last.o.bridge = false;
	world_last.o.verifies = false;
	world_refused(world_order_ask(&world_last.o), BASE_E_OUTAGE,
	    "its part");
	world_last.o.verifies = true;
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
}
END_TEST

START_TEST(order_again_and_older)
{
	trusted();
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
	/* an answer that was lost; and another try of the same epoch */
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 5), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 4),
	    BASE_E_EXISTS);
}
END_TEST

/* Nine kinds of orders in turn, none answered. */
START_TEST(too_many_open_orders)
{
	enum base_err e = BASE_OK;
	uint64_t epoch = 2;

	while (e == BASE_OK && epoch < 20)
		e = world_order(WORLD_WEB,
		    epoch % 2 == 0 ? WIRE_STEP_TRUST : WIRE_STEP_TIDY, epoch),
		epoch++;
	/* the ninth was refused */
	ck_assert_uint_eq(epoch, 2 + HSM_EVENTS + 1);
	world_refused(e, BASE_E_STATE, "wait for its report");
}
END_TEST

/* ---- reports ---------------------------------------------------------------------- */

static enum base_err
show(struct world_report r)
{
	struct base_buf cms;
	enum base_err e;

	world_report(&r, &cms);
	e = world_show(r.node, &cms, NULL, NULL);
	base_buf_free(&cms);
	return e;
}

static const struct world_report good = { .node = WORLD_APP,
	.signer = WORLD_APP,
	.status = WIRE_EFFECTIVE,
	.epoch = 2,
	.trust = BOTH,
	.cert = 1 };

START_TEST(reports_that_do_not_count)
{
	struct world_report r = good;

	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	r.status = WIRE_FAILED;
	world_refused(show(r), BASE_E_REFUSED, "does not say effective");
	r.status = WIRE_RECEIVED;
	world_refused(show(r), BASE_E_REFUSED, "does not say effective");
	r = good;
	r.epoch = 3;
	world_refused(show(r), BASE_E_REFUSED, "names no order");
	r = good;
	r.trust = OLD;
	world_refused(show(r), BASE_E_REFUSED, "contradicts");
	r = good;
	r.fleet = "other";
	world_refused(show(r), BASE_E_REFUSED, "not the one");
	r = good;
	r.signer = WORLD_WEB;
	world_refused(show(r), BASE_E_CRYPTO, "another key");
	ck_assert_int_eq(show(good), BASE_OK);
	/* signed anew: nothing to learn */
	ck_assert_int_eq(show(good), BASE_E_EXISTS);
}
END_TEST

/* Only where the operator has said so, and never for a finish; journal and
 * restart keep it. */
START_TEST(received_is_presumed_by_the_operators_setting)
{
	struct world_report r = good;
	struct hsm_ks *ks = w.core->ks[0];
	uint64_t before, presumed;

	w.conf.presume = true;
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "app1");
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	r.status = WIRE_RECEIVED;
	r.epoch = 3;
	world_refused(show(r), BASE_E_REFUSED, "names no order");
	r.epoch = 2;
	r.signer = WORLD_WEB;
	world_refused(show(r), BASE_E_CRYPTO, "another key");
	r.signer = WORLD_APP;
	ck_assert_int_eq(show(r), BASE_OK);
	w.core->ks[0] = NULL;
	world_reopen(ks);
	before = hsm_core_count(w.core);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
	presumed = hsm_core_count(w.core) - before;
	world_refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4),
	    BASE_E_OUTAGE, "app1");
	w.conf.presume = false;
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 5), BASE_E_OUTAGE,
	    "app1");
	/* proven, the same takes one record less */
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	ck_assert_int_eq(show(good), BASE_OK);
	before = hsm_core_count(w.core);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 6), BASE_OK);
	ck_assert_uint_eq(hsm_core_count(w.core) - before, presumed - 1);
}
END_TEST

START_TEST(report_of_another_order)
{
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_TRUST, 2), BASE_OK);
	world_refused(show(good), BASE_E_REFUSED, "names no order");
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	ck_assert_int_eq(show(good), BASE_OK);
}
END_TEST

START_TEST(report_of_another_node)
{
	struct base_buf cms;

	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	world_report(&good, &cms);
	ck_assert_int_ne(world_show(WORLD_WEB, &cms, NULL, NULL), BASE_OK);
	ck_assert_int_eq(world_show(WORLD_APP, &cms, NULL, NULL), BASE_OK);
	/* the very same again is known */
	ck_assert_int_eq(world_show(WORLD_APP, &cms, NULL, NULL), BASE_OK);
	base_buf_free(&cms);
}
END_TEST

START_TEST(report_that_was_overtaken)
{
	struct base_buf cms;

	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	world_report(&good, &cms);
	world_step(WORLD_APP, WIRE_STEP_TRUST, 3, BOTH, 1);
	world_refused(world_show(WORLD_APP, &cms, NULL, NULL), BASE_E_EXISTS,
	    "a later one");
	base_buf_free(&cms);
}
END_TEST

START_TEST(report_that_is_forged)
{
	struct base_buf cms;

	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	world_report(&good, &cms);
	cms.p[cms.n - 1] ^= 1;
	ck_assert_int_ne(world_show(WORLD_APP, &cms, NULL, NULL), BASE_OK);
	cms.p[cms.n - 1] ^= 1;
	ck_assert_int_eq(world_show(WORLD_APP, &cms, NULL, NULL), BASE_OK);
	base_buf_free(&cms);
}
END_TEST

/* Back from a backup, the order's own signature says that it was signed. */
START_TEST(order_that_was_forgotten)
{
	struct hsm_held *h;
	struct base_buf cms;

	trusted();
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_CERT, 3), BASE_OK);
	h = hsm_held_get(hsm_state_node(&w.core->state, "app1"), "plant");
	h->nevents = 0;
	world_report(&(struct world_report){ .node = WORLD_APP,
			 .signer = WORLD_APP,
			 .status = WIRE_EFFECTIVE,
			 .epoch = 3,
			 .trust = BOTH,
			 .cert = 2 },
	    &cms);
	world_refused(world_show(WORLD_APP, &cms, NULL, NULL), BASE_E_REFUSED,
	    "names no order");
	/* a report does not pass as an order */
	ck_assert_int_ne(world_show(WORLD_APP, &cms, &cms, NULL), BASE_OK);
	ck_assert_int_ne(world_show(WORLD_WEB, NULL, &world_last.cms, NULL),
	    BASE_OK);
	ck_assert_int_eq(world_show(WORLD_APP, &cms, &world_last.cms, NULL),
	    BASE_OK);
	base_buf_free(&cms);
}
END_TEST

START_TEST(doubt_withdraws)
{
	const struct wire_hsm_holds old = { OLD, OLD, 0 };

	certified();
	ck_assert_int_eq(world_show(WORLD_APP, NULL, NULL, &old), BASE_OK);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4),
	    BASE_E_OUTAGE, "app1");
	world_step(WORLD_APP, WIRE_STEP_TRUST, 4, BOTH, 2);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4), BASE_OK);
}
END_TEST

START_TEST(too_many_doubts)
{
	struct wire_hsm_holds d = { BOTH, NEW, 0 };

	certified();
	for (uint64_t i = 0; i <= HSM_DOUBTS; i++) {
		d.trust = BOTH | POL_GEN(3 + i);
		ck_assert_int_eq(world_show(WORLD_APP, NULL, NULL, &d),
		    BASE_OK);
	}
	world_refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4),
	    BASE_E_OUTAGE, "app1");
}
END_TEST

/* ---- links, excuses, the journal ----------------------------------------------------- */

START_TEST(link_that_was_told_stays)
{
	uint8_t before[HSM_HASH], after[HSM_HASH];

	hsm_topology_digest(&w.core->state, before);
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	world_refused(world_tell(false, false), BASE_E_OUTAGE, "app1>web1");
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "app1");
	hsm_topology_digest(&w.core->state, after);
	ck_assert_mem_eq(before, after, HSM_HASH);
}
END_TEST

START_TEST(link_goes_when_nothing_rolls)
{
	uint8_t before[HSM_HASH], after[HSM_HASH];

	hsm_topology_digest(&w.core->state, before);
	ck_assert_int_eq(world_tell(false, false), BASE_OK);
	ck_assert_uint_eq(w.core->state.links.n, 0);
	hsm_topology_digest(&w.core->state, after);
	ck_assert_mem_ne(before, after, HSM_HASH);
	ck_assert_int_eq(world_tell(true, false), BASE_OK);
	hsm_topology_digest(&w.core->state, after);
	ck_assert_mem_eq(before, after, HSM_HASH);
}
END_TEST

START_TEST(excused_peer_does_not_count)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "app1");
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
	ck_assert_int_eq(world_tell(true, false), BASE_OK);
	world_refused(world_order(WORLD_APP, WIRE_STEP_TRUST | WIRE_STEP_FINISH,
			  3),
	    BASE_E_OUTAGE, "web1");
}
END_TEST

START_TEST(excuse_under_another_root)
{
	struct wire_hsm_link l = { "web1", "plant", "plant" };
	char roots[1][BASE_NAME_MAX + 1] = { "shop" };
	const struct wire_hsm_node n = { .name = "app1",
		.nexcused = 1,
		.excused = roots,
		.nlinks = 1,
		.links = &l };
	struct base_buf item;
	struct wire_hsm_request r = { .type = WIRE_HSM_TELL,
		.nitems = 1,
		.items = &item };

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_int_eq(world_answer.items[0].err, BASE_OK);
	base_buf_free(&item);
	ck_assert(
	    hsm_is_excused(hsm_state_node(&w.core->state, "app1"), "shop"));
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "app1");
}
END_TEST

START_TEST(all_of_it_is_in_the_journal)
{
	uint8_t before[HSM_HASH], after[HSM_HASH];
	struct hsm_ks *ks = w.core->ks[0];

	trusted();
	hsm_topology_digest(&w.core->state, before);
	w.core->ks[0] = NULL;
	world_reopen(ks);
	hsm_topology_digest(&w.core->state, after);
	ck_assert_mem_eq(before, after, HSM_HASH);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 3),
	    BASE_E_OUTAGE, "app1");
	world_step(WORLD_WEB, WIRE_STEP_CERT, 3, BOTH, 2);
	world_step(WORLD_APP, WIRE_STEP_CERT, 3, BOTH, 2);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4), BASE_OK);
}
END_TEST

START_TEST(node_that_left)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_FORGET, .node = "app1" };
	struct world_report gone = good;

	trusted();
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_uint_eq(w.core->state.links.n, 0);
	gone.signer = WORLD_WEB;
	ck_assert_int_eq(show(gone), BASE_E_NOTFOUND);
}
END_TEST

TCase *
case_judge(void)
{
	TCase *t = tcase_create("judge");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, renewal_of_what_is_presented);
	tcase_add_test(t, renewals_of_a_dead_node);
	tcase_add_test(t, whole_roll_is_signed);
	tcase_add_test(t, cert_before_the_peer_trusts);
	tcase_add_test(t, finish_before_the_peer_has_its_cert);
	tcase_add_test(t, order_without_report);
	tcase_add_test(t, open_order_counts_as_done_and_not_done);
	tcase_add_test(t, abort_is_judged_too);
	tcase_add_test(t, trust_needs_no_reason);
	tcase_add_test(t, part_that_differs);
	tcase_add_test(t, order_again_and_older);
	tcase_add_test(t, too_many_open_orders);
	return t;
}

TCase *
case_proofs(void)
{
	TCase *t = tcase_create("proofs");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, reports_that_do_not_count);
	tcase_add_test(t, received_is_presumed_by_the_operators_setting);
	tcase_add_test(t, report_of_another_order);
	tcase_add_test(t, report_of_another_node);
	tcase_add_test(t, report_that_was_overtaken);
	tcase_add_test(t, report_that_is_forged);
	tcase_add_test(t, order_that_was_forgotten);
	tcase_add_test(t, doubt_withdraws);
	tcase_add_test(t, too_many_doubts);
	tcase_add_test(t, link_that_was_told_stays);
	tcase_add_test(t, link_goes_when_nothing_rolls);
	tcase_add_test(t, excused_peer_does_not_count);
	tcase_add_test(t, excuse_under_another_root);
	tcase_add_test(t, all_of_it_is_in_the_journal);
	tcase_add_test(t, node_that_left);
	return t;
}
