/*
 * judge, under the management root: every node has a link with the CA that
 * nobody tells, and the CA is judged as a node. Neighbours' hellos are told as
 * links: here app1 shows its own to web1. On its way from generation 1 to 2.
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
	w.root = "management";
	world_fleet();
}

static void
refused(enum base_err e, const char *whom)
{
	world_refused(e, BASE_E_OUTAGE, whom);
}

static void
trust(int node)
{
	world_step(node, WIRE_STEP_TRUST, 2, BOTH, 1);
}

static void
certify(int node)
{
	world_step(node, WIRE_STEP_CERT, 3, BOTH, 2);
}

START_TEST(the_ca_presents_when_all_trust)
{
	trust(WORLD_CA);
	trust(WORLD_WEB);
	refused(world_order(WORLD_CA, WIRE_STEP_CERT, 3), "app1");
	trust(WORLD_APP);
	ck_assert_int_eq(world_order(WORLD_CA, WIRE_STEP_CERT, 3), BASE_OK);
}
END_TEST

START_TEST(a_node_presents_when_the_ca_trusts)
{
	trust(WORLD_WEB);
	trust(WORLD_APP);
	refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), "ca");
	trust(WORLD_CA);
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_OK);
}
END_TEST

/* app1 proves itself to web1, and not the other way. */
START_TEST(a_hello_is_a_link)
{
	trust(WORLD_CA);
	trust(WORLD_APP);
	refused(world_order(WORLD_APP, WIRE_STEP_CERT, 3), "web1");
	trust(WORLD_WEB);
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_CERT, 3), BASE_OK);
}
END_TEST

START_TEST(the_ca_forgets_last)
{
	trust(WORLD_CA);
	trust(WORLD_WEB);
	trust(WORLD_APP);
	certify(WORLD_WEB);
	/* the CA and app1 show the old generation still: the first by name */
	refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4), "app1");
	certify(WORLD_CA);
	/* app1 may say hello to web1, and report to the CA, under the old */
	refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 5), "app1");
	refused(world_order(WORLD_CA, WIRE_STEP_FINISH, 5), "app1");
	certify(WORLD_APP);
	world_step(WORLD_WEB, WIRE_STEP_FINISH, 6, NEW, 2);
	world_step(WORLD_APP, WIRE_STEP_FINISH, 6, NEW, 2);
	world_step(WORLD_CA, WIRE_STEP_FINISH, 6, NEW, 2);
}
END_TEST

/* What the CA says of itself counts as what others say: signed by its key. */
START_TEST(nobody_speaks_for_the_ca)
{
	struct world_report r = { .node = WORLD_CA,
		.signer = WORLD_APP,
		.status = WIRE_EFFECTIVE,
		.epoch = 2,
		.trust = BOTH,
		.cert = 1 };
	struct base_buf cms;

	trust(WORLD_WEB);
	trust(WORLD_APP);
	ck_assert_int_eq(world_order(WORLD_CA, WIRE_STEP_TRUST, 2), BASE_OK);
	world_report(&r, &cms);
	ck_assert_int_eq(world_show(WORLD_CA, &cms, NULL, NULL), BASE_E_CRYPTO);
	base_buf_free(&cms);
	refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), "ca");
}
END_TEST

/* Nothing that kedged tells takes the link with the CA away. */
START_TEST(the_link_with_the_ca_is_not_told)
{
	ck_assert_int_eq(world_tell(false, false), BASE_OK);
	trust(WORLD_CA);
	trust(WORLD_APP);
	/* web1 is no neighbour of app1 any more */
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_CERT, 3), BASE_OK);
	refused(world_order(WORLD_CA, WIRE_STEP_CERT, 3), "web1");
	trust(WORLD_WEB);
	certify(WORLD_WEB);
	refused(world_order(WORLD_WEB, WIRE_STEP_FINISH, 4), "ca");
	refused(world_order(WORLD_CA, WIRE_STEP_FINISH, 3), "app1");
}
END_TEST

TCase *
case_judge_own(void)
{
	TCase *t = tcase_create("judge_own");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, the_ca_presents_when_all_trust);
	tcase_add_test(t, a_node_presents_when_the_ca_trusts);
	tcase_add_test(t, a_hello_is_a_link);
	tcase_add_test(t, the_ca_forgets_last);
	tcase_add_test(t, nobody_speaks_for_the_ca);
	tcase_add_test(t, the_link_with_the_ca_is_not_told);
	return t;
}
