/* What kedge-hsmd has signed and nobody was given, when the operator changes
 * his mind more than once; see world.h. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const struct ca_roll_abort back = { "plant", "a test", "test", false,
	false };

/* The finish of app1 is being signed. */
static void
until_the_finish(struct world *w)
{
	bool all;

	do {
		world_turn(w);
		ca_work(&w->ca);
		all = w->ca.rolls->busy;
		for (size_t i = 0; i < w->nnodes; i++)
			all = all && w->nodes[i].conf.present == POL_GEN(2);
	} while (!all);
}

static enum base_err
finish_of_app1(void *arg, const struct ca_fact *f)
{
	*(size_t *)arg += f->kind == POL_FACT_SENT && f->epoch == 4 &&
	    f->steps == POL_FINISH && strcmp(f->node, "app1") == 0;
	return BASE_OK;
}

static size_t
finishes(struct world *w)
{
	size_t n = 0;

	ck_assert_int_eq(ca_store_facts_of_roll(w->ca.store, 1, finish_of_app1,
			     &n),
	    BASE_OK);
	return n;
}

/* It counts as sent for the way back, once, and for nothing else. */
START_TEST(a_finish_nobody_got_is_no_point_of_no_return)
{
	struct ca_root r;
	struct world w;
	bool late = true;

	world_open_joined(&w, world_pair, 4);
	world_roll(&w, "plant");
	until_the_finish(&w);
	if (_i == 0)
		ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	else
		ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", true, "test"),
		    BASE_OK);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	if (_i == 1)
		ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_uint_eq(finishes(&w), 1);
	ck_assert_int_eq(ca_roll_again(&w.ca, "plant", "test"), BASE_OK);
	ck_assert_int_eq(ca_roll_is_late(&w.ca, &w.ca.rolls->row, &late),
	    BASE_OK);
	ck_assert(!late);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_uint_eq(finishes(&w), 1);
	if (_i == 1)
		ck_assert_int_eq(ca_roll_pause(&w.ca, "plant", false, "test"),
		    BASE_OK);
	ck_assert_msg(world_run(&w, 600, world_rolled), "%s", w.waits);
	ck_assert_int_eq(ca_store_root_get(w.ca.store, "plant", &r), BASE_OK);
	ck_assert_uint_eq(r.current, 1);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(world_pair);
}

TCase *
case_unsent(void)
{
	TCase *t = tcase_create("unsent");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_loop_test(t, a_finish_nobody_got_is_no_point_of_no_return, 0,
	    2);
	return t;
}
