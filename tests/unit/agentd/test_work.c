/* Orders from parcel to report: taken, taken again, asked, refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

START_TEST(roll)
{
	node_up("");
	ag_work_resume(work);
	run_until_idle();
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(nsent, 2); /* received, effective */
	ck_assert_uint_eq(nchanged, 1);
	ck_assert_uint_eq(inventory()->trust, 3);
	ck_assert_uint_eq(inventory()->highest, 2);
	ck_assert_int_eq(count(trust_file), 2);
	ck_assert_int_eq(give(WIRE_STEP_CERT, 3), WIRE_EFFECTIVE);
	ck_assert_uint_eq(inventory()->cert, 2);
	ck_assert_int_eq(count(chain_file), 2);
	ck_assert_int_eq(give(WIRE_STEP_FINISH, 4), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(inventory()->trust, 2);
	ck_assert_int_eq(count(trust_file), 1);
	ck_assert_int_eq(count(chain_file), 1);
	node_down();
}
END_TEST

START_TEST(again)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	uint8_t digest[32];

	node_up("");
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	memcpy(digest, last.order_digest, 32);
	memset(&last, 0, sizeof last);
	OK(ag_work_order(work, &p, false));
	ck_assert(ag_work_is_idle(work));
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_mem_eq(last.order_digest, digest, 32);
	/* also after a restart */
	node_down();
	node_up("");
	OK(ag_work_order(work, &p, false));
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* An order that only asks: nothing changes, no application is disturbed, and
 * what is older is outranked. */
START_TEST(asked)
{
	struct wire_parcel late = order_parcel(WIRE_STEP_TRUST, 3);

	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	nchanged = 0;
	ck_assert_int_eq(give(0, 7), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(last.epoch, 7);
	ck_assert_uint_eq(inventory()->highest, 7);
	ck_assert_uint_eq(inventory()->trust, 3);
	ck_assert_uint_eq(inventory()->cert, 1);
	ck_assert_int_eq(count(trust_file), 2);
	NO(ag_work_order(work, &late, false), BASE_E_REFUSED);
	ck_assert_uint_eq(inventory()->highest, 7);
	ck_assert_int_eq(give(WIRE_STEP_CERT, 8), WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&late);
}
END_TEST

/* Half done is no answer: the question waits for the order in work. */
START_TEST(asked_in_the_middle)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	struct wire_parcel ask = order_parcel(0, 3);
	struct wire_parcel newer = order_parcel(0, 4);

	node_up("");
	OK(ag_work_order(work, &p, false));
	nsent = 0;
	OK(ag_work_order(work, &ask, false));
	ck_assert_uint_eq(nsent, 0);
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 2);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	OK(ag_work_order(work, &ask, false));
	/* one question takes the place of another */
	OK(ag_work_order(work, &newer, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 4);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(inventory()->trust, 3);
	node_down();
	wire_parcel_clear(&p);
	wire_parcel_clear(&ask);
	wire_parcel_clear(&newer);
}
END_TEST

START_TEST(refused)
{
	struct wire_parcel p;

	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_CERT, 2), WIRE_ORDER_REFUSED);
	ck_assert_ptr_nonnull(strstr(last.reason, "needs trust first"));
	ck_assert_uint_eq(inventory()->highest, 1);
	ck_assert_uint_eq(nchanged, 0);
	/* what nobody of ours signed is not even answered */
	nsent = 0;
	p = order_parcel(WIRE_STEP_TRUST, 2);
	p.content.p[p.content.n - 1] ^= 1;
	ck_assert_int_ne(ag_work_order(work, &p, false), BASE_OK);
	ck_assert_uint_eq(nsent, 0);
	wire_parcel_clear(&p);
	node_down();
}
END_TEST

/* The route is not signed: an old order that somebody repeats with another
 * one is answered by it, but the node's reports keep their way. */
START_TEST(false_route)
{
	struct wire_parcel old = order_parcel(WIRE_STEP_TRUST, 2), p;

	node_up("");
	OK(ag_work_order(work, &old, false));
	run_until_idle();
	p = order_parcel(WIRE_STEP_CERT, 3);
	OK(ag_work_order(work, &p, false));
	strcpy(old.route[0], "mallory");
	NO(ag_work_order(work, &old, false), BASE_E_REFUSED);
	ck_assert_int_eq(last.status, WIRE_ORDER_REFUSED);
	ck_assert_str_eq(way, "mallory");
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_str_eq(way, NODE);
	/* the order in force, by a detour */
	strcpy(p.route[0], "other");
	OK(ag_work_order(work, &p, false));
	ck_assert_str_eq(way, "other");
	node_down();
	wire_parcel_clear(&old);
	wire_parcel_clear(&p);
}
END_TEST

/* What could not be gone on with at the start, a clock that was wrong, is
 * gone on with when the CA sends it again. */
START_TEST(goes_on_when_sent_again)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);

	node_up("");
	OK(ag_work_order(work, &p, false));
	node_down();
	node_up(""); /* and no ag_work_resume */
	OK(ag_work_order(work, &p, false));
	/* and not twice */
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* The CA has forgotten the order that stands still, and only asks: it goes on
 * all the same, and then there is an answer. */
START_TEST(asked_of_one_that_stands)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	struct wire_parcel ask = order_parcel(0, 3);
	char *current = base_asprintf("%s/s/plant/current", dir);
	char *away = base_asprintf("%s/away", dir);

	node_up("");
	ck_assert_int_eq(rename(current, away), 0);
	OK(base_dir_make(current, 0700));
	ck_assert_int_ne(ag_work_order(work, &p, false), BASE_OK);
	ck_assert_int_eq(last.status, WIRE_HELD);
	/* no room yet: held, not a word that is not true */
	OK(ag_work_order(work, &ask, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 2);
	ck_assert_int_eq(last.status, WIRE_HELD);
	ck_assert_int_eq(rmdir(current), 0);
	ck_assert_int_eq(rename(away, current), 0);
	OK(ag_work_order(work, &ask, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 2);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	OK(ag_work_order(work, &ask, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 3);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(inventory()->trust, 3);
	node_down();
	wire_parcel_clear(&p);
	wire_parcel_clear(&ask);
	free(current);
	free(away);
}
END_TEST

TCase *
case_work(void)
{
	TCase *t = tcase_create("work");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, node_new, node_remove);
	tcase_add_test(t, roll);
	tcase_add_test(t, again);
	tcase_add_test(t, asked);
	tcase_add_test(t, asked_in_the_middle);
	tcase_add_test(t, refused);
	tcase_add_test(t, false_route);
	tcase_add_test(t, goes_on_when_sent_again);
	tcase_add_test(t, asked_of_one_that_stands);
	return t;
}
