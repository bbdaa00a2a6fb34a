/* stolen: what orders say of a key's theft, and what is kept of it. The fleet is
 * app1>web1, mutual, on its way from generation 1 to 2; nobody approves. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "hsm/holds.h"
#include "policy/policy.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

static void
setup(void)
{
	world_open();
	world_fleet();
}

/* Where nobody approves, kedged's word is enough; it is on record. */
START_TEST(stolen_without_approvers)
{
	world_go_on(true);
	ck_assert_int_eq(world_go_back(4), BASE_OK);
	ck_assert(world_key("plant", 1, false)->stolen);
	ck_assert(!world_key("plant", 2, false)->stolen);
	/* also for the next process */
	world_reopen(NULL);
	ck_assert(world_key("plant", 1, false)->stolen);
}
END_TEST

/* No room in the journal: the order is refused, and its word comes with the
 * next one. */
START_TEST(stolen_is_recorded_after_all)
{
	struct rlimit before, small;
	struct stat st;
	char *path = base_asprintf("%s/journal", w.conf.state);

	world_go_on(false);
	ck_assert_int_eq(stat(path, &st), 0);
	free(path);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = (rlim_t)st.st_size + 10;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	world_last.o.epoch = 4;
	world_last.o.compromised = 1;
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_E_IO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert(!world_key("plant", 1, false)->stolen);
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
	world_reopen(NULL);
	ck_assert(world_key("plant", 1, false)->stolen);
}
END_TEST

/* app1 was excused while generation 1 was left as stolen, and comes back when 2
 * is left in peace: its order is about 1, and shown at any time it marks no
 * other, whatever app1 holds by then. */
START_TEST(late_node_marks_what_was_stolen)
{
	struct wire_order o = { .root = "plant",
		.node = "app1",
		.from = 2,
		.to = 3,
		.compromised = 1 };
	struct hsm_held *h =
	    hsm_held_get(hsm_state_node(&w.core->state, "app1"), "plant");

	if (_i != 1)
		world_go_on(true);
	ck_assert_int_eq(world_key("plant", 1, false)->stolen, _i != 1);
	if (_i == 2)
		h->conf.trust = h->conf.present = POL_GEN(3);
	hsm_stolen_record(w.core, &o);
	ck_assert(world_key("plant", 1, false)->stolen);
	ck_assert(!world_key("plant", 2, false)->stolen);
	o.compromised = 2;
	hsm_stolen_record(w.core, &o);
	ck_assert(world_key("plant", 2, false)->stolen);
}
END_TEST

/* Of one that there never was nothing is known. */
START_TEST(unknown_is_not_marked)
{
	struct wire_order o = { .root = "plant",
		.node = "app1",
		.from = 1,
		.to = 2,
		.compromised = 60 };

	hsm_stolen_record(w.core, &o);
	ck_assert(!hsm_is_stolen(&w.core->state, "plant", 1));
}
END_TEST

TCase *
case_stolen(void)
{
	TCase *t = tcase_create("stolen");

	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, stolen_without_approvers);
	tcase_add_test(t, stolen_is_recorded_after_all);
	tcase_add_loop_test(t, late_node_marks_what_was_stolen, 0, 3);
	tcase_add_test(t, unknown_is_not_marked);
	return t;
}
