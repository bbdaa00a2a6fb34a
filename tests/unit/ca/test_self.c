/* The CA as a node of its own root: its join, its orders, its reports. */
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static struct ca_order
own(void)
{
	struct ca_order o = { .epoch = 0 };

	pair_must(ca_self_order(&w.ca, &o));
	ca_order_clear(&o);
	return o;
}

static struct ca_holding
held(void)
{
	struct ca_holding h;

	pair_must(ca_holding_get(w.ca.store, "ca", CA_MANAGEMENT, &h));
	return h;
}

/* Once, so that its first report, too, is about a signed order. */
START_TEST(it_has_joined)
{
	const struct ca_order o = own();

	ck_assert_uint_eq(o.epoch, 1);
	ck_assert_uint_eq(o.steps,
	    WIRE_STEP_JOIN | WIRE_STEP_TRUST | WIRE_STEP_CERT);
	ck_assert_uint_eq(o.to, 1);
	ck_assert_int_eq(o.state, CA_ORDER_EFFECTIVE);
	/* nobody has looked at it from outside */
	ck_assert_int_eq(o.proof, WIRE_PROOF_RELOAD);
	ck_assert(held().confirmed);
	ck_assert_uint_eq(held().conf.trust, 1);
	ck_assert_uint_eq(held().conf.present, 1);
	w.ca.self_look = true;
	pair_turns(40);
	ck_assert_uint_eq(own().epoch, 1);
}
END_TEST

START_TEST(only_when_there_is_something)
{
	w.ca.self_look = false;
	ck_assert_int_eq(ca_self_work(&w.ca).ms, CA_NEVER.ms);
	w.ca.self_look = w.ca.self_busy = true;
	ck_assert_int_eq(ca_self_work(&w.ca).ms, CA_NEVER.ms);
	ck_assert(w.ca.self_look);
	w.ca.self_busy = false;
	w.ca.self_due.ms = w.mono.ms + 7;
	ck_assert_int_eq(ca_self_work(&w.ca).ms, w.mono.ms + 7);
	ck_assert(w.ca.self_look);
	w.mono.ms += 7;
	ck_assert_int_eq(ca_self_work(&w.ca).ms, CA_NEVER.ms);
	ck_assert(!w.ca.self_look);
}
END_TEST

/* Until its first trust order is stored; kedged's turns are taken one by one
 * from there. */
static void
roll_to_trust(void)
{
	world_roll(&w, CA_MANAGEMENT);
	for (int i = 0; i < 400 && own().epoch == 1; i++)
		world_turn(&w);
	ck_assert_uint_eq(own().steps, POL_TRUST);
	ck_assert_int_eq(own().state, CA_ORDER_SENT);
}

static void
turn(int64_t ms)
{
	w.mono.ms += ms;
	(void)ca_self_work(&w.ca);
}

/* In force at once; reported when nobody can use what was before. */
START_TEST(an_order_of_its_own)
{
	roll_to_trust();
	w.ca.self_look = true;
	turn(0);
	ck_assert_uint_eq(w.ca.self_epoch, own().epoch);
	ck_assert_int_eq(sk_X509_num(w.ca.management), 2);
	ck_assert_int_eq(own().state, CA_ORDER_SENT);
	turn(999);
	ck_assert_int_eq(own().state, CA_ORDER_SENT);
	turn(1);
	ck_assert_int_eq(own().state, CA_ORDER_EFFECTIVE);
	ck_assert_uint_eq(held().conf.trust, 3);
	ck_assert_uint_eq(held().conf.present, 1);
	ck_assert(held().confirmed);
}
END_TEST

/* What failed is not in force any more. */
START_TEST(an_order_that_cannot_be_carried_out)
{
	roll_to_trust();
	/* its key is not there to be read */
	w.ca.self_epoch = 0;
	w.ca.self_look = true;
	pair_must(ca_identity_key_make(&w.ca));
	turn(0);
	ck_assert_int_eq(own().state, CA_ORDER_FAILED);
	ck_assert_ptr_nonnull(strstr(own().reason, "does not belong"));
	ck_assert(!held().confirmed);
	ck_assert_uint_eq(held().conf.trust, 1);
}
END_TEST

static uint32_t
last_steps(void)
{
	return own().steps;
}

/* To its end: it forgets last, and says that its sessions have ended. */
START_TEST(of_a_stolen_key)
{
	struct ca_roll_row want = { .root = CA_MANAGEMENT };

	want.compromised = _i == 1;
	world_roll_as(&w, &want);
	ck_assert_msg(world_run(&w, 300, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(last_steps(), POL_FINISH);
	ck_assert_int_eq(own().state, CA_ORDER_EFFECTIVE);
	ck_assert_int_eq(own().kicked, _i == 1);
	ck_assert_uint_eq(held().conf.trust, 2);
	ck_assert_uint_eq(held().conf.present, 2);
}
END_TEST

/* kedge-hsmd is asked again and again. */
START_TEST(a_join_that_is_not_signed)
{
	struct world fresh;

	world_open(&fresh, world_pair, 3);
	fresh.ca.self_look = true;
	hsm_fake_mood(fresh.hsm)->refuse = "ca";
	for (int i = 0; i < 20; i++)
		world_turn(&fresh);
	{
		struct ca_order o = { .epoch = 0 };

		ck_assert_int_eq(ca_self_order(&fresh.ca, &o), BASE_E_NOTFOUND);
	}
	ck_assert(fresh.ca.self_look && !fresh.ca.self_busy);
	ck_assert_int_gt(fresh.ca.self_due.ms, fresh.mono.ms - 500);
	hsm_fake_mood(fresh.hsm)->refuse = NULL;
	for (int i = 0; i < 60; i++)
		world_turn(&fresh);
	{
		struct ca_order o = { .epoch = 0 };

		pair_must(ca_self_order(&fresh.ca, &o));
		ck_assert_int_eq(o.state, CA_ORDER_EFFECTIVE);
		ca_order_clear(&o);
	}
	world_close(&fresh);
}
END_TEST

TCase *
case_self(void)
{
	TCase *t = pair_case("self");

	tcase_add_test(t, it_has_joined);
	tcase_add_test(t, only_when_there_is_something);
	tcase_add_test(t, an_order_of_its_own);
	tcase_add_test(t, an_order_that_cannot_be_carried_out);
	tcase_add_loop_test(t, of_a_stolen_key, 0, 2);
	tcase_add_test(t, a_join_that_is_not_signed);
	return t;
}
