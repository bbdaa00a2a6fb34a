/* approve: where there are approvers nothing is cut without them, whatever
 * kedged says; and just what they listed, from just then on. The fleet is
 * app1>web1, mutual, on its way from generation 1 to 2. */
#include <stdlib.h>
#include <string.h>

#include "hsm/holds.h"
#include "policy/policy.h"
#include "tests/unit/hsm/approvers.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

#define BOTH (POL_GEN(1) | POL_GEN(2))

/* A kedged that lies: its word alone cuts nothing. */
START_TEST(excuse_alone_cuts_nothing)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	web_waits_for_app(3);
	/* what is missing is said */
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "kedge roll approve");
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_uint_eq(yeses(), 1);
	web_waits_for_app(3);
	/* the same one again is one */
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_uint_eq(yeses(), 1);
	web_waits_for_app(3);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	ck_assert_uint_eq(yeses(), 2);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
}
END_TEST

/* Nor do the approvers alone: the node has to be excused as well. */
START_TEST(approval_alone_cuts_nothing)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	web_waits_for_app(3);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
}
END_TEST

/* One direction of the two; two lists that differ; before their time; of
 * somebody who is an approver no more. */
START_TEST(just_what_was_listed)
{
	const int64_t start = _i == 2 ? world_time.ms + 1000 : 0;
	const size_t n = _i == 0 ? 1 : 2;

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, n, start), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, _i == 1 ? 1 : n, start), BASE_OK);
	if (_i == 3)
		w.conf.approvals = 3;
	web_waits_for_app(3);
	if (_i == 2) {
		world_time.ms += 1000;
		ck_assert_uint_eq(yeses(), 2);
		ck_assert(hsm_excuse_counts(w.core,
		    hsm_state_node(&w.core->state, "app1"), "plant"));
		world_time.ms = WORLD_NOW;
	}
}
END_TEST

/* A new link of an excused node was not on the list. */
START_TEST(new_link_is_judged)
{
	struct wire_hsm_link l = { "app1", "plant", "plant" };
	const struct wire_hsm_node n = { .name = "app2",
		.nlinks = 1,
		.links = &l };
	struct wire_hsm_request r = { .type = WIRE_HSM_TELL, .nitems = 1 };
	struct base_buf item;

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	r.items = &item;
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	base_buf_free(&item);
	web_waits_for_app(3);
}
END_TEST

/* The ways around it: a link that is gone, a node that has left. */
START_TEST(no_way_around)
{
	struct wire_hsm_link l = { "web1", "plant", "plant" };
	const struct wire_hsm_node n = { .name = "app1",
		.ngone = 1,
		.gone = &l };
	struct wire_hsm_request tell = { .type = WIRE_HSM_TELL, .nitems = 1 };
	struct wire_hsm_request forget = { .type = WIRE_HSM_FORGET,
		.node = "app1" };
	struct base_buf item;
	uint64_t records;

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	tell.items = &item;
	ck_assert_int_eq(world_ask(&tell), BASE_OK);
	ck_assert_int_eq(world_answer.items[0].err, BASE_E_OUTAGE);
	forget.only_ask = true;
	ck_assert_int_eq(world_ask(&forget), BASE_E_OUTAGE);
	forget.only_ask = false;
	ck_assert_int_eq(world_ask(&forget), BASE_E_OUTAGE);
	/* asked again for the same, it is on record already */
	records = hsm_core_count(w.core);
	ck_assert_int_eq(world_ask(&forget), BASE_E_OUTAGE);
	ck_assert_uint_eq(hsm_core_count(w.core), records);
	/* excused, the root would seem to be at rest */
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(world_ask(&tell), BASE_OK);
	ck_assert_int_eq(world_answer.items[0].err, BASE_E_OUTAGE);
	web_waits_for_app(3);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	if (_i == 0) {
		ck_assert_int_eq(world_ask(&tell), BASE_OK);
		ck_assert_int_eq(world_answer.items[0].err, BASE_OK);
	} else {
		forget.only_ask = true;
		ck_assert_int_eq(world_ask(&forget), BASE_OK);
		ck_assert_ptr_nonnull(hsm_state_node(&w.core->state, "app1"));
		forget.only_ask = false;
		ck_assert_int_eq(world_ask(&forget), BASE_OK);
		ck_assert_ptr_null(hsm_state_node(&w.core->state, "app1"));
	}
	base_buf_free(&item);
}
END_TEST

/* A link with two roots: only what is under a root that rolls is approved; when
 * both do, both. */
START_TEST(of_two_roots_the_one_that_rolls)
{
	struct wire_hsm_link l = { "web1", "lab", "plant" };
	struct wire_hsm_node n = { .name = "app1", .nlinks = 1, .links = &l };
	struct wire_hsm_request tell = { .type = WIRE_HSM_TELL, .nitems = 1 };
	const struct wire_hsm_cuts shown = { .n = 1, .cut = both_ways + 1 };
	const struct hsm_proven lab = { .node = "app1",
		.root = "lab",
		.epoch = 1,
		.conf = { _i == 1 ? BOTH : POL_GEN(1), POL_GEN(1), 0 } };
	struct base_buf item;

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	base_buf_init(&item, 0);
	tell.items = &item;
	/* in place of the one that world_fleet told: that is excused first */
	w.conf.napprovers = 0;
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	ck_assert_int_eq(world_ask(&tell), BASE_OK);
	ck_assert_int_eq(world_answer.items[0].err, BASE_OK);
	ck_assert_uint_eq(w.core->state.links.n, 1);
	hsm_holds_proven(&w.core->state, &lab);
	w.conf.napprovers = 2;
	n = (struct wire_hsm_node){ .name = "app1", .ngone = 1, .gone = &l };
	base_buf_clear(&item);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	ck_assert_int_eq(world_ask(&tell), BASE_OK);
	ck_assert_int_eq(world_answer.items[0].err, BASE_E_OUTAGE);
	ck_assert_int_eq(says(ANN, 2, &shown), BASE_OK);
	ck_assert_int_eq(says(BOB, 2, &shown), BASE_OK);
	ck_assert_int_eq(world_ask(&tell), BASE_OK);
	ck_assert_int_eq(world_answer.items[0].err,
	    _i == 1 ? BASE_E_OUTAGE : BASE_OK);
	base_buf_free(&item);
}
END_TEST

/* Only approvers approve, and they do nothing else. */
START_TEST(who_may_do_what)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_TOKEN,
		.fleet = "test",
		.node = "web1",
		.end = { world_time.ms + 1000 } };
	const struct wire_hsm_cuts none = { .n = 0 };
	const struct wire_hsm_cuts wrong = { .n = 2, .cut = both_ways };

	ck_assert_int_eq(lets_cut(KEDGED, 2, 0), BASE_E_DENIED);
	ck_assert_int_eq(lets_cut(CARL, 2, 0), BASE_E_DENIED);
	ck_assert_int_eq(says(ANN, 2, &none), BASE_E_USAGE);
	ck_assert_int_eq(says(ANN, 1, &wrong), BASE_E_STATE);
	ck_assert_int_eq(says(ANN, 3, &wrong), BASE_E_STATE);
	ck_assert_uint_eq(yeses(), 0);
	ck_assert_int_eq(says(ANN, 2, NULL), BASE_OK);
	wire_hsm_answer_clear(&world_answer);
	hsm_core_handle(w.core, ANN, &r, &world_answer);
	ck_assert_int_eq(world_answer.err, BASE_E_DENIED);
}
END_TEST

/* It is in the journal, and ends with the generation. */
START_TEST(kept_until_the_next_generation)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	world_reopen(NULL);
	ck_assert_uint_eq(yeses(), 2);
	ck_assert(hsm_excuse_counts(w.core,
	    hsm_state_node(&w.core->state, "app1"), "plant"));
	approvers[1] = CARL;
	ck_assert(!hsm_excuse_counts(w.core,
	    hsm_state_node(&w.core->state, "app1"), "plant"));
	approvers[1] = BOB;
	ck_assert(hsm_excuse_counts(w.core,
	    hsm_state_node(&w.core->state, "app1"), "plant"));
}
END_TEST

START_TEST(next_generation_asks_again)
{
	X509 *x;

	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	ck_assert(hsm_excuse_counts(w.core,
	    hsm_state_node(&w.core->state, "app1"), "plant"));
	x = world_root("plant", 3);
	X509_free(x);
	ck_assert(!hsm_excuse_counts(w.core,
	    hsm_state_node(&w.core->state, "app1"), "plant"));
}
END_TEST

START_TEST(stolen_stays_away)
{
	const struct wire_hsm_cuts nothing = { .n = 0 };
	const struct wire_order back = { .root = "plant",
		.node = "web1",
		.from = 2,
		.to = 1 };

	world_go_on(false);
	ck_assert_int_eq(says(ANN, 1, &nothing), BASE_E_USAGE);
	ck_assert_int_eq(world_go_back(4), BASE_OK);
	world_last.o.epoch = 5;
	world_last.o.compromised = 1;
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
	world_refused(world_go_back(6), BASE_E_REFUSED, "kedge roll approve");
	ck_assert_int_eq(says(ANN, 2, &nothing), BASE_E_USAGE);
	ck_assert_int_eq(says(ANN, 1, &nothing), BASE_OK);
	world_refused(world_go_back(6), BASE_E_REFUSED, "kedge roll approve");
	ck_assert_int_eq(says(BOB, 1, &nothing), BASE_OK);
	ck_assert_int_eq(world_go_back(6), BASE_OK);
	/* and forward again needs nobody */
	world_last.o.epoch = 7;
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
	/* with the next generation it has ended, also for the next process */
	X509_free(world_root("plant", 3));
	world_refused(world_go_back(8), BASE_E_REFUSED, "kedge roll approve");
	world_reopen(NULL);
	ck_assert_int_eq(hsm_stolen_check(w.core, &back), BASE_E_REFUSED);
	ck_assert_int_eq(says(ANN, 1, &nothing), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 2);
	ck_assert_int_ne(hsm_stolen_check(w.core, &back), BASE_OK);
	ck_assert_int_eq(says(BOB, 1, &nothing), BASE_OK);
	ck_assert_int_eq(hsm_stolen_check(w.core, &back), BASE_OK);
}
END_TEST

/* What an approver may not do leaves a record a minute. */
START_TEST(refusals_are_rare)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_APPROVE,
		.fleet = "other" };
	const struct wire_hsm_cuts none = { .n = 0 };
	uint64_t n = hsm_core_count(w.core);

	strcpy(r.key.root, "plant");
	r.key.generation = 2;
	ck_assert_int_eq(says(ANN, 2, &none), BASE_E_USAGE);
	ck_assert_uint_eq(hsm_core_count(w.core), n + 1);
	ck_assert_int_eq(says(BOB, 2, &none), BASE_E_USAGE);
	hsm_core_garbage(w.core, ANN, "no message at all");
	wire_hsm_answer_clear(&world_answer);
	hsm_core_handle(w.core, ANN, &r, &world_answer);
	ck_assert_int_eq(world_answer.err, BASE_E_REFUSED);
	ck_assert_uint_eq(hsm_core_count(w.core), n + 1);
	/* kedged's own are all there */
	wire_hsm_answer_clear(&world_answer);
	hsm_core_handle(w.core, KEDGED, &r, &world_answer);
	ck_assert_uint_eq(hsm_core_count(w.core), n + 2);
	world_time.ms += HSM_APPROVER_SAID_MS;
	ck_assert_int_eq(says(ANN, 2, &none), BASE_E_USAGE);
	ck_assert_uint_eq(hsm_core_count(w.core), n + 3);
	/* nor does a clock that was set back end them */
	world_time.ms -= 10 * HSM_APPROVER_SAID_MS;
	ck_assert_int_eq(says(ANN, 2, &none), BASE_E_USAGE);
	ck_assert_uint_eq(hsm_core_count(w.core), n + 4);
	world_time.ms = WORLD_NOW;
}
END_TEST

/* So many lists of one user, and no more; the answer is about his own only. */
START_TEST(lists_are_few)
{
	for (int64_t i = 0; i < 32; i++) {
		ck_assert_int_eq(lets_cut(ANN, 2, i), BASE_OK);
		ck_assert_uint_eq(world_answer.nitems, 2);
	}
	ck_assert_int_eq(lets_cut(ANN, 2, 32), BASE_E_REFUSED);
	/* one of them again, and another user's */
	ck_assert_int_eq(lets_cut(ANN, 2, 31), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 32), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 2);
	ck_assert_int_eq(says(KEDGED, 2, NULL), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 1 + 33);
	/* the next generation has room again */
	X509_free(world_root("plant", 3));
	ck_assert_int_eq(lets_cut_to(ANN, 3, 2, 32), BASE_OK);
}
END_TEST

TCase *
case_approve(void)
{
	TCase *t = tcase_create("approve");

	tcase_add_checked_fixture(t, approvers_open, approvers_close);
	tcase_add_test(t, excuse_alone_cuts_nothing);
	tcase_add_test(t, approval_alone_cuts_nothing);
	tcase_add_loop_test(t, just_what_was_listed, 0, 4);
	tcase_add_test(t, new_link_is_judged);
	tcase_add_loop_test(t, no_way_around, 0, 2);
	tcase_add_loop_test(t, of_two_roots_the_one_that_rolls, 0, 2);
	tcase_add_test(t, who_may_do_what);
	tcase_add_test(t, kept_until_the_next_generation);
	tcase_add_test(t, next_generation_asks_again);
	tcase_add_test(t, stolen_stays_away);
	tcase_add_test(t, refusals_are_rare);
	tcase_add_test(t, lists_are_few);
	return t;
}
