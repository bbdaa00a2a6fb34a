/* The store is put back from a copy, and the management root has rolled since:
 * the CA shows what its nodes believe, and every pair goes on; see world.h. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; } );\n";

static struct world w;

/* The CA and all nodes hold this generation of the management root. */
static void
all_on(uint32_t gen)
{
	struct ca_root root;
	struct ca_holding h;

	ck_assert_int_eq(ca_store_root_get(w.ca.store, CA_MANAGEMENT, &root),
	    BASE_OK);
	ck_assert_uint_eq(root.current, gen);
	for (size_t i = 0; i < w.nnodes; i++) {
		ck_assert_uint_eq(w.nodes[i].own.conf.trust, POL_GEN(gen));
		ck_assert_uint_eq(w.nodes[i].own.conf.present, POL_GEN(gen));
	}
	ck_assert_int_eq(ca_holding_get(w.ca.store, CA_NODE_CA, CA_MANAGEMENT,
			     &h),
	    BASE_OK);
	ck_assert_uint_eq(h.conf.present, POL_GEN(gen));
	ck_assert_uint_eq(h.conf.trust, POL_GEN(gen));
	world_own_holds(&w);
}

static void
roll(const char *root)
{
	world_roll(&w, root);
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
}

/* Nobody refuses the CA that came back, nor does it refuse anybody. */
static void
comes_back(const char *copy)
{
	world_restore(&w, copy);
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	world_own_holds(&w);
}

static bool
the_ca_shows_2(struct world *v)
{
	X509 *root;

	return ca_issuer_root(&v->ca, CA_MANAGEMENT, 2, &root) == BASE_OK &&
	    X509_cmp(root, sk_X509_value(v->ca.management, 0)) == 0;
}

static bool
one_has_forgotten(struct world *v)
{
	for (size_t i = 0; i < v->nnodes; i++)
		if (v->nodes[i].own.conf.trust == POL_GEN(2))
			return true;
	return false;
}

START_TEST(a_roll_since)
{
	world_open_joined(&w, fleet, 60);
	world_backup(&w, "b");
	roll(CA_MANAGEMENT);
	all_on(2);
	comes_back("b");
	all_on(2);
	/* and all goes on: links, and this root again */
	roll("plant");
	ck_assert_uint_eq(world_node(&w, "web1")->conf.trust, POL_GEN(2));
	roll(CA_MANAGEMENT);
	all_on(3);
	world_close(&w);
}
END_TEST

/* Nobody remembers anything of what the copy knows. */
START_TEST(two_rolls_since)
{
	world_open_joined(&w, fleet, 61);
	world_backup(&w, "b");
	roll(CA_MANAGEMENT);
	roll(CA_MANAGEMENT);
	all_on(3);
	comes_back("b");
	all_on(3);
	world_close(&w);
}
END_TEST

/* The copy is from within a roll that is over. */
START_TEST(a_roll_that_the_copy_is_in)
{
	world_open_joined(&w, fleet, 62);
	world_roll(&w, CA_MANAGEMENT);
	ck_assert(!the_ca_shows_2(&w));
	for (int i = 0; i < 4; i++)
		world_turn(&w);
	world_backup(&w, "b");
	ck_assert_msg(world_run(&w, 120, world_settled), "%s", w.waits);
	roll(CA_MANAGEMENT);
	all_on(3);
	comes_back("b");
	all_on(3);
	world_close(&w);
}
END_TEST

/* Some have forgotten the old root, and some show it still. */
START_TEST(a_roll_that_is_under_way)
{
	world_open_joined(&w, fleet, 63);
	world_backup(&w, "b");
	world_roll(&w, CA_MANAGEMENT);
	ck_assert(world_run(&w, 120, one_has_forgotten));
	comes_back("b");
	all_on(2);
	world_close(&w);
}
END_TEST

/* The copy shows the new one, and the way back was taken. */
START_TEST(an_abort_since)
{
	const struct ca_roll_abort back = { CA_MANAGEMENT, "a test", "test",
		true, false };

	world_open_joined(&w, fleet, 64);
	world_roll(&w, CA_MANAGEMENT);
	ck_assert(world_run(&w, 120, the_ca_shows_2));
	world_backup(&w, "b");
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_msg(world_run(&w, 240, world_settled), "%s", w.waits);
	all_on(1);
	comes_back("b");
	all_on(2);
	world_close(&w);
}
END_TEST

/* Nothing of the CA's own has changed: it shows what it has shown. */
START_TEST(no_roll_since)
{
	world_open_joined(&w, fleet, 65);
	world_backup(&w, "b");
	roll("plant");
	comes_back("b");
	all_on(1);
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 1);
	world_close(&w);
}
END_TEST

/* kedged dies again and again while it recovers; kedge-hsmd is away at first. */
START_TEST(a_recovery_that_is_killed)
{
	world_open_joined(&w, fleet, 66);
	world_backup(&w, "b");
	roll(CA_MANAGEMENT);
	world_restore(&w, "b");
	for (int i = 0; i < 12; i++) {
		hsm_fake_mood(w.hsm)->down = i % 4 == 0;
		for (int k = 0; k < i; k++)
			world_turn(&w);
		world_restart(&w);
	}
	hsm_fake_mood(w.hsm)->down = false;
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_on(2);
	world_close(&w);
}
END_TEST

static bool
is_made_anew(struct world *v)
{
	const struct ca_roll *r = ca_roll_of(&v->ca, CA_MANAGEMENT);

	return r != NULL && ca_recover_made(&v->ca, r->row.id);
}

static bool
some_trust_2(struct world *v)
{
	for (size_t i = 0; i < v->nnodes; i++)
		if (v->nodes[i].own.conf.trust == (POL_GEN(1) | POL_GEN(2)))
			return true;
	return false;
}

/* The other is made first; it is missing all the same, and asked for each
 * minute. */
static void
missing_though_tls_is_old(void)
{
	const struct base_time was = w.now;

	w.now = base_time_add_s(was, INT64_C(400) * 86400);
	ck_assert(ca_identity_is_old(&w.ca, w.ca.tls_cert));
	ck_assert_uint_eq(ca_identity_missing(&w.ca), 2);
	w.now = was;
}

/* The roll that the copy has forgotten is made anew, and kedge-hsmd makes no
 * certificate for orders under its new generation: kedged starts all the same,
 * signs by the old one, says what is missing, and asks for it again. */
START_TEST(a_signer_that_is_not_made)
{
	world_open_joined(&w, fleet, 68);
	world_backup(&w, "b");
	world_roll(&w, CA_MANAGEMENT);
	ck_assert(world_run(&w, 60, some_trust_2));
	ck_assert(!the_ca_shows_2(&w));
	ck_assert_uint_eq(ca_identity_missing(&w.ca), 0);
	world_restore(&w, "b");
	hsm_fake_mood(w.hsm)->refuse = "order";
	ck_assert(world_run(&w, 60, is_made_anew));
	world_restart(&w);
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 1);
	ck_assert_uint_eq(ca_identity_missing(&w.ca), 2);
	asked_log();
	ck_assert(!world_run(&w, 70, world_settled));
	/* asked for twice or more, and said once */
	ck_assert_uint_eq(asked_log_says("own certificates: not made"), 1);
	ck_assert_uint_eq(ca_identity_missing(&w.ca), 2);
	missing_though_tls_is_old();
	world_own_holds(&w);
	hsm_fake_mood(w.hsm)->refuse = NULL;
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_on(2);
	ck_assert_uint_eq(ca_identity_missing(&w.ca), 0);
	world_close(&w);
}
END_TEST

#define COPIES 30

/* A copy every few turns of a roll, and at some moment one is put back. */
START_TEST(any_copy_at_any_time)
{
	unsigned at = 3 + 7 * (unsigned)_i;
	char name[16];

	world_open_joined(&w, fleet, 67 + (uint64_t)_i);
	world_backup(&w, "b0");
	world_roll(&w, CA_MANAGEMENT);
	w.loss = 10;
	for (unsigned i = 1; i < COPIES && !world_settled(&w); i++) {
		snprintf(name, sizeof(name), "b%u", i);
		for (int k = 0; k < 3; k++)
			world_turn(&w);
		world_backup(&w, name);
		if (i != at % COPIES)
			continue;
		snprintf(name, sizeof(name), "b%u", at % 4 * i / 4);
		world_restore(&w, name);
	}
	ck_assert_msg(world_run(&w, 600, world_settled), "copy %d: %s", _i,
	    w.waits);
	/* what it was before any order of the roll was sent, stays */
	all_on(w.nodes[0].own.conf.trust == POL_GEN(1) ? 1 : 2);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(fleet);
}

TCase *
case_recall_own(void)
{
	TCase *t = tcase_create("recall_own");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_test(t, a_roll_since);
	tcase_add_test(t, two_rolls_since);
	tcase_add_test(t, a_roll_that_the_copy_is_in);
	tcase_add_test(t, a_roll_that_is_under_way);
	tcase_add_test(t, an_abort_since);
	tcase_add_test(t, no_roll_since);
	tcase_add_test(t, a_recovery_that_is_killed);
	tcase_add_test(t, a_signer_that_is_not_made);
	tcase_add_loop_test(t, any_copy_at_any_time, 0, 8);
	return t;
}
