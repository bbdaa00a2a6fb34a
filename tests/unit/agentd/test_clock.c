/* Unit tests of the clock mark (agentd/work.c, state.c): what raises it, what
 * a node does whose clock is behind it or ahead. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

#define HOUR 3600

static int64_t off; /* seconds by which the node's clock is wrong */

static struct base_time
wrong(void)
{
	return base_time_add_s(base_time_now(), off);
}

static void
setup(void)
{
	node_new();
	node_now = wrong;
	off = 0;
}

/* Of plant, on the node's disk. */
static int64_t
mark(void)
{
	struct ag_state st;
	int64_t ms;

	OK(ag_state_read(store, "plant", &st));
	ms = st.mark.ms;
	ag_state_clear(&st);
	return ms;
}

static void
restart(void)
{
	node_down();
	node_up("");
}

/* Gives the parcel; what the node says in the end. */
static enum wire_status
says(const struct wire_parcel *p)
{
	memset(&last, 0, sizeof last);
	if (ag_work_order(work, p, false) == BASE_OK)
		run_until_idle();
	return last.status;
}

static void
ck_held(const struct wire_parcel *p, const char *word)
{
	ck_assert_int_eq(says(p), WIRE_HELD);
	ck_assert_msg(strstr(last.reason, word) != NULL, "%s", last.reason);
	ck_assert(ag_work_is_idle(work));
	ck_assert_uint_eq(nchanged, 0);
	ck_assert_uint_eq(inventory()->highest, 1);
	ck_assert_uint_eq(inventory()->trust, 1);
	ck_assert_int_eq(count(trust_file), 1);
}

static void
come_up(void)
{
	node_up("");
	ag_work_resume(work);
	run_until_idle();
	nchanged = 0;
}

/* Set back by hours: held, with a sentence, until it is right; not forgotten
 * by a restart, and nobody has to do anything but set it. */
START_TEST(behind)
{
	struct wire_parcel p =
	    order_parcel_at(WIRE_STEP_TRUST, 2, base_time_now());

	come_up();
	off = -5 * HOUR;
	ck_held(&p, "is behind");
	ck_assert_uint_eq(nsent, 1);
	restart();
	/* before the CA has sent anything: by what it has signed before */
	ck_held(&p, "is behind");
	off = 0;
	ck_assert_int_eq(says(&p), WIRE_EFFECTIVE);
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* By the mark alone: the order itself is from a time that the clock likes. */
START_TEST(kept_back)
{
	struct wire_parcel old = order_parcel(WIRE_STEP_TRUST, 2);
	struct ag_state *own;

	come_up();
	own = &ag_holdings_find(&held, AG_MANAGEMENT)->state;
	own->mark_epoch = own->highest;
	own->mark = base_time_now();
	OK(ag_state_write(store, AG_MANAGEMENT, own));
	restart();
	off = -20 * HOUR;
	ck_held(&old, "is behind");
	off = 0;
	ck_assert_int_eq(says(&old), WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&old);
}
END_TEST

/* The same order with the same clock, and a node that has no mark. */
START_TEST(kept_back_unmarked)
{
	struct wire_parcel old = order_parcel(WIRE_STEP_TRUST, 2);

	come_up();
	off = -20 * HOUR;
	ck_assert_int_eq(says(&old), WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&old);
}
END_TEST

/* Ahead by hours: the time in which the order can be carried out seems to be
 * over. The clock says nothing about what the CA has signed. */
START_TEST(ahead)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);

	come_up();
	off = 5 * HOUR;
	ck_held(&p, "the clock is ahead");
	restart();
	ck_held(&p, "the clock is ahead");
	ck_assert_int_eq(mark(), RIG(9).ms);
	off = 0;
	ck_assert_int_eq(says(&p), WIRE_EFFECTIVE);
	ck_assert_int_eq(mark(), RIG(9).ms);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* What is signed by the CA raises it, taken or not; nothing else does. */
START_TEST(raised_by_the_ca_only)
{
	struct wire_parcel forged = order_parcel(WIRE_STEP_TRUST, 2), p;
	struct wire_order o = rig_order(WIRE_STEP_TRUST);

	come_up();
	ck_assert_int_eq(mark(), 0);
	/* by somebody else of the fleet, and changed on the way */
	base_buf_free(&forged.content);
	forged.content = rig_sign(&o, true);
	ck_assert_int_eq(says(&forged), 0);
	base_buf_free(&forged.content);
	forged.content = rig_sign(&o, false);
	forged.content.p[forged.content.n - 1] ^= 1;
	ck_assert_int_eq(says(&forged), 0);
	ck_assert_int_eq(mark(), 0);
	/* an absurd epoch would count for ever */
	p = order_parcel_at(WIRE_STEP_TRUST, 1002, RIG(10));
	ck_assert_int_eq(says(&p), WIRE_ORDER_REFUSED);
	ck_assert_int_eq(mark(), 0);
	wire_parcel_clear(&p);
	/* refused, and signed all the same */
	p = order_parcel_at(WIRE_STEP_CERT, 2, RIG(9));
	ck_assert_int_eq(says(&p), WIRE_ORDER_REFUSED);
	ck_assert_int_eq(mark(), RIG(9).ms);
	wire_parcel_clear(&p);
	/* older than what was seen: later or not, no news */
	p = order_parcel_at(WIRE_STEP_TRUST, 2, RIG(10));
	ck_assert_int_eq(says(&p), WIRE_EFFECTIVE);
	ck_assert_int_eq(mark(), RIG(9).ms);
	wire_parcel_clear(&p);
	p = order_parcel_at(WIRE_STEP_CERT, 3, RIG(10));
	ck_assert_int_eq(says(&p), WIRE_EFFECTIVE);
	ck_assert_int_eq(mark(), RIG(10).ms);
	node_down();
	wire_parcel_clear(&p);
	wire_parcel_clear(&forged);
	wire_order_clear(&o);
}
END_TEST

/* The CA's clock was ahead for a while. Its next order about the same root
 * says so. */
START_TEST(taken_back_by_the_ca)
{
	struct base_time later = base_time_add_s(RIG(10), 6 * HOUR);
	struct wire_parcel p = order_parcel_at(WIRE_STEP_TRUST, 2, later);

	come_up();
	ck_held(&p, "is behind");
	ck_assert_int_eq(mark(), later.ms);
	wire_parcel_clear(&p);
	p = order_parcel(WIRE_STEP_TRUST, 3);
	ck_assert_int_eq(says(&p), WIRE_EFFECTIVE);
	ck_assert_int_eq(mark(), RIG(9).ms);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* An order in work, and the clock is wrong when the node starts again: the
 * application goes by it, too, and would refuse for no fault of its own. */
START_TEST(in_work)
{
	struct wire_parcel p =
	    order_parcel_at(WIRE_STEP_TRUST, 2, base_time_now());

	come_up();
	OK(ag_work_order(work, &p, false));
	node_down();
	off = -5 * HOUR;
	node_up("");
	ag_work_resume(work);
	for (int i = 0; i < 20; i++)
		event_base_loop(eb, EVLOOP_NONBLOCK);
	ck_assert(!ag_work_is_idle(work));
	ck_assert_uint_eq(nsent, 0);
	off = 0;
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

TCase *
case_clock(void)
{
	TCase *t = tcase_create("clock");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, node_remove);
	tcase_add_test(t, behind);
	tcase_add_test(t, kept_back);
	tcase_add_test(t, kept_back_unmarked);
	tcase_add_test(t, ahead);
	tcase_add_test(t, raised_by_the_ca_only);
	tcase_add_test(t, taken_back_by_the_ca);
	tcase_add_test(t, in_work);
	return t;
}
