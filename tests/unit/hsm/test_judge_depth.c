/*
 * judge, req_proofs: bridges of a dual client towards a server that takes an
 * intermediate, and towards one that does not. The fleet is app1>web1, mutual.
 */
#include "hsm/holds.h"
#include "policy/policy.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

#define BOTH (POL_GEN(1) | POL_GEN(2))

static void
setup(void)
{
	world_open();
	world_fleet();
}

/* The certificate of app1, which is dual. */
static enum base_err
bridge(uint64_t epoch)
{
	ck_assert_int_ne(world_order(WORLD_APP, WIRE_STEP_CERT, epoch),
	    BASE_OK);
	world_last.o.bridge = true;
	return world_order_ask(&world_last.o);
}

START_TEST(bridge_to_a_server_with_depth)
{
	ck_assert_int_eq(world_tell_flags(WORLD_APP, true, false), BASE_OK);
	world_step(WORLD_APP, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(bridge(3), BASE_OK);
}
END_TEST

/* web1 takes no intermediate, and a kedged that lies hides it again. */
START_TEST(bridge_to_a_server_without_depth)
{
	uint8_t before[HSM_HASH], after[HSM_HASH];

	ck_assert_int_eq(world_tell_flags(WORLD_APP, true, false), BASE_OK);
	hsm_topology_digest(&w.core->state, before);
	ck_assert_int_eq(world_tell_flags(WORLD_WEB, false, true), BASE_OK);
	hsm_topology_digest(&w.core->state, after);
	ck_assert_mem_ne(before, after, HSM_HASH);
	world_step(WORLD_APP, WIRE_STEP_TRUST, 2, BOTH, 1);
	world_refused(bridge(3), BASE_E_OUTAGE, "web1");
	world_refused(world_tell_flags(WORLD_WEB, false, false), BASE_E_OUTAGE,
	    "takes no intermediate");
	hsm_topology_digest(&w.core->state, before);
	ck_assert_mem_eq(before, after, HSM_HASH);
	world_refused(bridge(3), BASE_E_OUTAGE, "web1");
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(bridge(3), BASE_OK);
}
END_TEST

/* It is in the journal, and may be taken back when nothing rolls. */
START_TEST(depth_comes_when_nothing_rolls)
{
	struct hsm_ks *ks = w.core->ks[0];

	ck_assert_int_eq(world_tell_flags(WORLD_APP, true, false), BASE_OK);
	ck_assert_int_eq(world_tell_flags(WORLD_WEB, false, true), BASE_OK);
	w.core->ks[0] = NULL;
	world_reopen(ks);
	ck_assert(hsm_state_node(&w.core->state, "web1")->shallow);
	ck_assert(hsm_state_node(&w.core->state, "app1")->dual);
	ck_assert_int_eq(world_tell_flags(WORLD_WEB, false, false), BASE_OK);
	ck_assert(!hsm_state_node(&w.core->state, "web1")->shallow);
	world_step(WORLD_APP, WIRE_STEP_TRUST, 2, BOTH, 1);
	ck_assert_int_eq(bridge(3), BASE_OK);
}
END_TEST

TCase *
case_judge_depth(void)
{
	TCase *t = tcase_create("judge_depth");

	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, bridge_to_a_server_with_depth);
	tcase_add_test(t, bridge_to_a_server_without_depth);
	tcase_add_test(t, depth_comes_when_nothing_rolls);
	return t;
}
