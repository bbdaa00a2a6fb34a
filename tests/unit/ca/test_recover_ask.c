/* Tests of ca/recover_ask.c: how often a node is asked what it holds, and what
 * others get meanwhile; see world.h. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static struct world w;

static void
all_hold(uint32_t g)
{
	for (size_t i = 0; i < w.nnodes; i++) {
		ck_assert_uint_eq(w.nodes[i].conf.trust, POL_GEN(g));
		ck_assert_uint_eq(w.nodes[i].conf.present, POL_GEN(g));
	}
}

static uint64_t
asks(void)
{
	return hsm_fake_mood(w.hsm)->asks;
}

/* The copy is from before a roll that is over. */
static void
put_back(uint64_t seed)
{
	world_open_joined(&w, world_pair, seed);
	world_backup(&w, "b");
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, world_rolled));
}

/* One question under each root is enough, until its time is over. */
START_TEST(who_is_silent_is_asked_once_at_a_time)
{
	uint64_t n;

	put_back(53);
	world_node(&w, "web1")->deaf = true;
	world_restore(&w, "b");
	ck_assert(!world_run(&w, 30, world_settled));
	n = asks();
	ck_assert_uint_eq(n, 4);
	ck_assert(!world_run(&w, 300, world_settled));
	ck_assert_uint_eq(asks(), n);
	w.now.ms += INT64_C(86400000);
	w.mono.ms += INT64_C(86400000);
	ck_assert(!world_run(&w, 30, world_settled));
	ck_assert_uint_eq(asks(), n + 2);
	world_node(&w, "web1")->deaf = false;
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* It says failed at once, and is asked again after resend_max_ms. */
START_TEST(who_gives_no_answer_is_asked_again_after_a_pause)
{
	uint64_t n;

	put_back(54);
	world_node(&w, "web1")->fails = true;
	world_restore(&w, "b");
	ck_assert(!world_run(&w, 8, world_settled));
	n = asks();
	ck_assert_uint_ge(n, 4);
	ck_assert(!world_run(&w, 80, world_settled));
	ck_assert_uint_ge(asks(), n + 2 * 4);
	ck_assert_uint_le(asks(), n + 2 * 11);
	world_node(&w, "web1")->fails = false;
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* ---- what goes on meanwhile ------------------------------------------------ */

/* web1 needs a tidy, having no finish. */
static const char one_sided[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"server\";\n"
    "  root = \"plant\"; } );\n";

static enum base_err
count_tidy(void *arg, const struct ca_order *o)
{
	*(size_t *)arg += (o->steps & WIRE_STEP_TIDY) != 0;
	return BASE_OK;
}

static size_t
tidies_given(const char *node)
{
	size_t n = 0;

	ck_assert_int_eq(ca_store_orders_of_node(w.ca.store, node, count_tidy,
			     &n),
	    BASE_OK);
	return n;
}

/* The others do not wait with it for who is unknown; itself gets none. */
START_TEST(a_tidy_in_a_recovery)
{
	struct world_node *web1;

	world_open(&w, one_sided, 40);
	w.conf.order_s = 600;
	world_join_all(&w);
	web1 = world_node(&w, "web1");
	world_roll(&w, "plant");
	while (web1->orders < 2) /* join, cert */
		world_turn(&w);
	web1->deaf = true;
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_uint_eq(tidies_given("web1"), 1);
	world_node(&w, "app1")->deaf = true;
	ck_assert_int_eq(ca_recover_want(&w.ca, "a test"), BASE_OK);
	world_days(&w, 2);
	ck_assert_int_eq(w.ca.recovery.stage, CA_RECOVERY_ASK);
	ck_assert_uint_eq(tidies_given("web1"), 1);
	web1->deaf = false;
	world_days(&w, 2);
	ck_assert_int_eq(w.ca.recovery.stage, CA_RECOVERY_ASK);
	ck_assert_uint_eq(tidies_given("web1"), 2);
	ck_assert_uint_eq(web1->tidies, 1);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(world_pair);
}

/* ---- a key in wrong hands --------------------------------------------------- */

static struct ca_roll_row
the_roll(void)
{
	struct ca_roll_row *rows = NULL, row;
	size_t n = 0;

	ck_assert_int_eq(ca_store_rolls(w.ca.store, &rows, &n), BASE_OK);
	ck_assert_uint_gt(n, 0);
	row = rows[n - 1];
	free(rows);
	return row;
}

/* The copy is from before the theft was known: from before the roll (0, 1), or
 * from its peaceful beginning (2, 3). kedge-hsmd remembers the theft, and the
 * roll goes on as one of a stolen key; where none was, in peace. */
START_TEST(a_stolen_key_stays_stolen)
{
	const bool stolen = _i % 2 == 1, rolls = _i >= 2;
	const struct ca_roll_row want = { .root = "plant",
		.compromised = stolen && !rolls };
	bool out;

	world_open_joined(&w, world_pair, 60);
	world_node(&w, "app1")->deaf = true;
	if (!rolls)
		world_backup(&w, "b");
	world_roll_as(&w, &want);
	(void)world_run(&w, 10, world_rolled);
	if (rolls)
		world_backup(&w, "b");
	if (rolls && stolen)
		ck_assert_int_eq(ca_roll_compromise(&w.ca, "plant", "test"),
		    BASE_OK);
	world_node(&w, "app1")->deaf = false;
	while (world_node(&w, "app1")->conf.trust == POL_GEN(1) ||
	    world_node(&w, "app1")->conf.present == POL_GEN(1))
		world_turn(&w);
	world_restore(&w, "b");
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	ck_assert_int_eq(the_roll().compromised, stolen);
	ck_assert_int_eq(the_roll().say_again, stolen);
	ck_assert_int_eq(ca_store_root_stolen(w.ca.store, "plant", 1, &out),
	    BASE_OK);
	ck_assert_int_eq(out, stolen);
	ck_assert_int_eq(ca_store_root_stolen(w.ca.store, "plant", 2, &out),
	    BASE_OK);
	ck_assert(!out);
	world_close(&w);
}
END_TEST

TCase *
case_recover_ask(void)
{
	TCase *t = tcase_create("recover_ask");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_test(t, who_is_silent_is_asked_once_at_a_time);
	tcase_add_test(t, who_gives_no_answer_is_asked_again_after_a_pause);
	tcase_add_test(t, a_tidy_in_a_recovery);
	tcase_add_loop_test(t, a_stolen_key_stays_stolen, 0, 4);
	return t;
}
