/* The schedule of a root: it rolls by itself, when it can. Time is the world's. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

/* kedged has looked at its schedule, and hsmd has answered. */
static void
look(void)
{
	asked_days(1);
	(void)ca_schedule_work(&asked.w.ca);
	while (hsm_fake_turn(asked.w.hsm) > 0)
		;
}

static const char *
blocked(void)
{
	return ca_schedule_blocked(&asked.w.ca, "plant");
}

static void
schedule(void)
{
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":3640,\"roll_strategy\":\"bundled\"}");
}

static enum base_err
find_audit(void *arg, const struct ca_audit *a)
{
	bool *found = arg;

	*found = *found ||
	    (strcmp(a->who, "schedule") == 0 &&
		strstr(a->detail, "root plant: started, 1 to 2, bundled") !=
		    NULL);
	return BASE_OK;
}

START_TEST(a_root_rolls_by_itself)
{
	bool found = false;

	world_join_all(&asked.w);
	schedule();
	for (int day = 1; day < 9; day++) {
		look();
		ck_assert(!asked_rolls("plant"));
		ck_assert_ptr_null(blocked());
	}
	asked_days(1);
	look();
	ck_assert(asked_rolls("plant"));
	ck_assert(!asked_rolls("lab"));
	ck_assert_int_eq(ca_roll_of(&asked.w.ca, "plant")->row.strategy,
	    POL_BUNDLED);
	ck_assert_int_eq(ca_store_audit_list(asked.w.ca.store, 1, 1000,
			     find_audit, &found),
	    BASE_OK);
	ck_assert(found);
	ck_assert(world_run(&asked.w, 100, world_rolled));
	/* the new generation has all its life before it */
	look();
	ck_assert(!asked_rolls("plant"));
}
END_TEST

START_TEST(without_a_schedule_nothing_starts)
{
	world_join_all(&asked.w);
	for (int i = 0; i < 100; i++)
		look();
	ck_assert(!asked_rolls("plant") && !asked_rolls("lab"));
}
END_TEST

START_TEST(what_is_not_ready_is_tried_again)
{
	schedule();
	world_join(&asked.w, "web1");
	for (int day = 0; day < 11; day++)
		look();
	ck_assert(!asked_rolls("plant"));
	ck_assert_ptr_nonnull(blocked());
	ck_assert_ptr_nonnull(strstr(blocked(), "app1"));
	world_join(&asked.w, "app1");
	ck_assert(world_run(&asked.w, 60, world_rolled));
	look();
	ck_assert(asked_rolls("plant"));
	ck_assert_ptr_null(blocked());
}
END_TEST

START_TEST(hsmd_away_is_tried_again)
{
	world_join_all(&asked.w);
	schedule();
	hsm_fake_mood(asked.w.hsm)->down = true;
	for (int day = 0; day < 11; day++)
		look();
	ck_assert(!asked_rolls("plant"));
	ck_assert_ptr_nonnull(blocked());
	hsm_fake_mood(asked.w.hsm)->down = false;
	look();
	ck_assert(asked_rolls("plant"));
}
END_TEST

START_TEST(an_abort_is_respected)
{
	world_join_all(&asked.w);
	schedule();
	for (int day = 0; day < 11; day++)
		look();
	ck_assert(asked_rolls("plant"));
	asked_ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\"}");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	look();
	ck_assert(!asked_rolls("plant"));
	ck_assert_ptr_nonnull(strstr(blocked(), "aborted"));
	asked_restart();
	look();
	ck_assert(!asked_rolls("plant"));
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert_ptr_null(blocked());
	look();
	ck_assert(asked_rolls("plant"));
	ck_assert_ptr_null(blocked());
	/* nor by what was true before it, when it is over */
	ck_assert(world_run(&asked.w, 100, world_rolled));
	ck_assert_ptr_null(blocked());
}
END_TEST

TCase *
case_schedule(void)
{
	TCase *t = tcase_create("schedule");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, asked_two_roots, asked_close);
	tcase_add_test(t, a_root_rolls_by_itself);
	tcase_add_test(t, without_a_schedule_nothing_starts);
	tcase_add_test(t, what_is_not_ready_is_tried_again);
	tcase_add_test(t, hsmd_away_is_tried_again);
	tcase_add_test(t, an_abort_is_respected);
	return t;
}
