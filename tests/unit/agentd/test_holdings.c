/* What the node holds, as the store has it at the start. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir;
static struct ag_config *conf;
static struct ag_store *store;
static struct ag_holdings held;

static void
setup(void)
{
	char *text, *path;

	dir = rig_dir();
	rig_joined(dir);
	path = base_asprintf("%s/s", dir);
	text =
	    base_asprintf("fleet = \"acme\"; node = \"web1\"; store = \"%s\";"
			  "applications = ( { name = \"a\"; proof = \"reload\";"
			  " server = { root = \"plant\"; pem = \"%s/a.pem\"; };"
			  " reload = [ \"true\" ]; } );"
			  "ca = { address = \"127.0.0.1:1\"; poll = true; };",
		path, dir);
	OK(ag_config_parse(text, "t", &conf));
	OK(ag_store_open(path, &store));
	free(text);
	free(path);
}

static void
teardown(void)
{
	ag_holdings_close(&held);
	ag_store_close(store);
	ag_config_free(conf);
	rig_dir_remove(dir);
}

START_TEST(as_after_a_join)
{
	struct ag_root *plant;

	OK(ag_holdings_open(store, conf, &held));
	ck_assert_uint_eq(held.n, 2);
	plant = ag_holdings_find(&held, "plant");
	ck_assert_ptr_nonnull(plant);
	ck_assert_ptr_nonnull(ag_holdings_find(&held, AG_MANAGEMENT));
	ck_assert_ptr_null(ag_holdings_find(&held, "office"));
	ck_assert_ptr_null(ag_holdings_find(&held, NULL));
	ck_assert(!plant->regressed && plant->bundle != NULL);
	ck_assert_uint_eq(plant->bundle->epoch, 1);
	ck_assert_uint_eq(plant->state.highest, 1);
	ck_assert_ptr_nonnull(plant->key);
	ck_assert_ptr_null(plant->next);
}
END_TEST

static void
state_says(uint64_t highest, enum ag_phase phase)
{
	struct ag_state st;

	OK(ag_state_read(store, "plant", &st));
	st.highest = highest;
	st.phase = phase;
	OK(ag_state_write(store, "plant", &st));
	ag_state_clear(&st);
}

/* A version was reported effective, and an older one is there: nothing is
 * changed any more. One that was only in work may be missing. */
START_TEST(regressed)
{
	state_says(2, _i == 0 ? AG_SETTLED : AG_PENDING);
	OK(ag_holdings_open(store, conf, &held));
	ck_assert(ag_holdings_find(&held, "plant")->regressed == (_i == 0));
	ck_assert(!ag_holdings_find(&held, AG_MANAGEMENT)->regressed);
}
END_TEST

START_TEST(damaged)
{
	char *sub = base_asprintf("%s/s", dir);

	rig_damage(sub, "state");
	OK(ag_holdings_open(store, conf, &held));
	ck_assert(ag_holdings_find(&held, "plant")->regressed);
	free(sub);
}
END_TEST

START_TEST(latest_mark)
{
	OK(ag_holdings_open(store, conf, &held));
	held.root[0].state.mark = RIG(3);
	held.root[1].state.mark = RIG(5);
	ck_assert_int_eq(ag_holdings_mark(&held).ms, RIG(5).ms);
	held.root[0].state.mark = RIG(6);
	ck_assert_int_eq(ag_holdings_mark(&held).ms, RIG(6).ms);
}
END_TEST

/* The key that fits a certificate, of the two of a rekey. */
START_TEST(which_key)
{
	const struct fleet_key *next = fleet_key(WIRE_P256, 5);
	X509 *new = rig_leaf_of(NODE, next, 1, 0, 365);
	struct ag_root *r;

	OK(ag_holdings_open(store, conf, &held));
	r = ag_holdings_find(&held, "plant");
	ck_assert(!ag_root_is_next(r, new));
	ck_assert_ptr_eq(ag_root_key(r, new), r->key);
	r->next = next->key;
	ck_assert(ag_root_is_next(r, new));
	ck_assert(!ag_root_is_next(r, rig_leaf(1)));
	ck_assert(!ag_root_is_next(r, NULL));
	ck_assert_ptr_eq(ag_root_key(r, new), next->key);
	ck_assert_ptr_eq(ag_root_key(r, rig_leaf(1)), r->key);
	r->next = NULL;
	X509_free(new);
}
END_TEST

TCase *
case_holdings(void)
{
	TCase *t = tcase_create("holdings");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, as_after_a_join);
	tcase_add_loop_test(t, regressed, 0, 2);
	tcase_add_test(t, damaged);
	tcase_add_test(t, latest_mark);
	tcase_add_test(t, which_key);
	return t;
}
