/* approve: a yes that is withdrawn cuts nothing any more. */
#include <stdlib.h>

#include "hsm/core.h"
#include "policy/policy.h"
#include "tests/unit/hsm/approvers.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

#define BOTH (POL_GEN(1) | POL_GEN(2))

/* Nothing is signed by it any more, also by the next process, and by no old yes
 * that comes again; one to another list counts. */
START_TEST(withdrawn)
{
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	ck_assert(excuse_counts());
	ck_assert_int_eq(withdraws(ANN, 2, 0), BASE_OK);
	ck_assert_uint_eq(yeses(), 1);
	web_waits_for_app(3);
	/* an old yes, of both */
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_E_STATE);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	web_waits_for_app(3);
	world_reopen(NULL);
	ck_assert(!excuse_counts());
	ck_assert_uint_eq(yeses(), 1);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_E_STATE);
	ck_assert(!excuse_counts());
	/* a new list */
	ck_assert_int_eq(lets_cut(ANN, 2, 7), BASE_OK);
	ck_assert(!excuse_counts());
	ck_assert_int_eq(lets_cut(BOB, 2, 7), BASE_OK);
	ck_assert(excuse_counts());
}
END_TEST

/* What a list, in the last answer, is approved by; its head is enough. */
static uint32_t
have_from(int64_t start)
{
	struct wire_hsm_cuts c;
	uint32_t n = UINT32_MAX;

	for (size_t i = 1; i < world_answer.nitems; i++) {
		ck_assert_int_eq(wire_hsm_cuts_parse(base_buf_span(
							 &world_answer.items[i]
							      .data),
				     &c),
		    BASE_OK);
		if (c.start.ms == start)
			n = c.have;
		wire_hsm_cuts_clear(&c);
	}
	return n;
}

/* A yes to another list with a direction of this one would cut that as before:
 * it goes, too, whichever of them is named, and the answer says so, also when it
 * is asked for again. One that shares none stays, and so does another user's. */
START_TEST(withdrawn_wherever_it_is)
{
	struct wire_hsm_cut apart[] = { { "app2", "web1" } };
	const struct wire_hsm_cuts other = { .start = { 2000 },
		.n = 1,
		.cut = apart };
	uint64_t records;

	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, 1, 1000), BASE_OK);
	ck_assert_int_eq(says(ANN, 2, &other), BASE_OK);
	records = hsm_core_count(w.core);
	if (_i == 0)
		ck_assert_int_eq(withdraws(ANN, 1, 1000), BASE_OK);
	else
		ck_assert_int_eq(withdraws(ANN, 2, 0), BASE_OK);
	ck_assert(!excuse_counts());
	for (int again = 0; again < 2; again++) {
		ck_assert_uint_eq(hsm_core_count(w.core), records + 2);
		ck_assert_uint_eq(world_answer.nitems, 3);
		ck_assert_uint_eq(have_from(0), 1);
		ck_assert_uint_eq(have_from(1000), 0);
		ck_assert_int_eq(withdraws(ANN, 2, 0), BASE_OK);
	}
	world_reopen(NULL);
	ck_assert(!excuse_counts());
	ck_assert_int_eq(says(KEDGED, 2, NULL), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 3);
	ck_assert_uint_eq(have_from(0), 1);
	ck_assert_uint_eq(have_from(2000), 1);
	/* a list that was approved since */
	ck_assert_int_eq(lets_cut(ANN, 1, 3000), BASE_OK);
	ck_assert_int_eq(withdraws(ANN, 2, 0), BASE_OK);
	ck_assert_uint_eq(have_from(3000), 0);
}
END_TEST

/* Only one's own yes, to this very list; a kedged that lies can neither withdraw
 * it nor give it again. */
START_TEST(who_withdraws_what)
{
	const uint64_t n = hsm_core_count(w.core);
	uint64_t records;

	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(withdraws(ANN, 2, 0), BASE_E_NOTFOUND);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	ck_assert_uint_gt(hsm_core_count(w.core), n);
	ck_assert_int_eq(withdraws(KEDGED, 2, 0), BASE_E_DENIED);
	ck_assert_int_eq(withdraws(CARL, 2, 0), BASE_E_DENIED);
	ck_assert_int_eq(withdraws(ANN, 1, 0), BASE_E_NOTFOUND);
	ck_assert_int_eq(withdraws(ANN, 2, 1), BASE_E_NOTFOUND);
	ck_assert_int_eq(says_or_not(ANN, 2, NULL, true), BASE_E_USAGE);
	ck_assert(excuse_counts());
	ck_assert_int_eq(withdraws(BOB, 2, 0), BASE_OK);
	ck_assert(!excuse_counts());
	/* again: nothing more, and no record */
	records = hsm_core_count(w.core);
	ck_assert_int_eq(withdraws(BOB, 2, 0), BASE_OK);
	ck_assert_uint_eq(hsm_core_count(w.core), records);
	ck_assert_int_eq(lets_cut(KEDGED, 2, 0), BASE_E_DENIED);
	ck_assert(!excuse_counts());
	/* of the generation: the next one's list is another */
	X509_free(world_root("plant", 3));
	ck_assert_int_eq(withdraws(ANN, 2, 0), BASE_E_STATE);
}
END_TEST

/* What was signed by it stays: its node holds it, and the peers are judged by
 * that. A withdrawn list takes room all the same. */
START_TEST(what_was_signed_stays)
{
	const struct world_report done = { .node = WORLD_WEB,
		.signer = WORLD_WEB,
		.status = WIRE_EFFECTIVE,
		.epoch = 3,
		.trust = BOTH,
		.cert = 2 };
	struct base_buf cms;

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(lets_cut(ANN, 2, 0), BASE_OK);
	ck_assert_int_eq(lets_cut(BOB, 2, 0), BASE_OK);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
	ck_assert_int_eq(withdraws(BOB, 2, 0), BASE_OK);
	/* its answer was lost; and its report counts */
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
	world_report(&done, &cms);
	ck_assert_int_eq(world_show(WORLD_WEB, &cms, NULL, NULL), BASE_OK);
	base_buf_free(&cms);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4),
	    BASE_E_OUTAGE, "app1");
	for (int64_t i = 1; i < 32; i++) {
		ck_assert_int_eq(lets_cut(BOB, 2, i), BASE_OK);
		ck_assert_int_eq(withdraws(BOB, 2, i), BASE_OK);
	}
	ck_assert_int_eq(lets_cut(BOB, 2, 32), BASE_E_REFUSED);
	/* nobody's lists are not answered */
	ck_assert_uint_eq(yeses(), 1);
}
END_TEST

TCase *
case_approve_withdrawn(void)
{
	TCase *t = tcase_create("approve_withdrawn");

	tcase_add_checked_fixture(t, approvers_open, approvers_close);
	tcase_add_test(t, withdrawn);
	tcase_add_loop_test(t, withdrawn_wherever_it_is, 0, 2);
	tcase_add_test(t, who_withdraws_what);
	tcase_add_test(t, what_was_signed_stays);
	return t;
}
