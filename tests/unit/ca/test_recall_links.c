/* Which links an old copy of the store takes up from
 * kedge-hsmd; see world.h. */
#include <check.h>
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static struct world w;

static bool
all_trust_new(struct world *v)
{
	for (size_t i = 0; i < v->nnodes; i++)
		if ((v->nodes[i].conf.trust & POL_GEN(2)) == 0)
			return false;
	return true;
}

/* The old copy is told to kedge-hsmd only when it knows what that knows: a
 * link that is not told is forgotten there. */
START_TEST(a_newer_link_comes_back)
{
	const struct ca_link l = { "app1", "web2", "plant", "plant" };

	world_open_joined(&w, world_relayed, 40);
	world_backup(&w, "b");
	ck_assert_int_eq(ca_store_link_put(w.ca.store, &l), BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	ck_assert(world_run(&w, 60, world_settled));
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, all_trust_new));
	world_restore(&w, "b");
	ck_assert_ptr_null(ca_topo_link(w.ca.topo, "app1", "web2"));
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	ck_assert_ptr_nonnull(ca_topo_link(w.ca.topo, "app1", "web2"));
	ck_assert_uint_eq(world_node(&w, "web2")->conf.trust, POL_GEN(2));
	world_close(&w);
}
END_TEST

static enum base_err
take_away(struct ca *ca, void *arg)
{
	return ca_change_link_drop(ca, arg, "", "test");
}

static enum base_err
put_back(struct ca *ca, void *arg)
{
	return ca_change_link(ca, arg, "test");
}

static enum base_err
count_left(void *arg, const struct ca_audit *a)
{
	*(unsigned *)arg += strcmp(a->what, "recovery") == 0 &&
	    strstr(a->detail, "link app6>web2 was removed") != NULL;
	return BASE_OK;
}

/* The copy is from between its removal and kedge-hsmd's hearing of it, and it
 * was put back since: nobody can know, so it stays away, and is named. */
START_TEST(a_link_put_back_since_is_named)
{
	struct ca_link l;
	unsigned n = 0;

	world_open_joined(&w, world_relayed, 44);
	l = *ca_topo_link(w.ca.topo, "app6", "web2");
	hsm_fake_mood(w.hsm)->down = true;
	ck_assert_int_eq(ca_fleet_change(&w.ca, take_away, &l), BASE_OK);
	world_backup(&w, "b");
	hsm_fake_mood(w.hsm)->down = false;
	ck_assert(world_run(&w, 60, world_settled));
	ck_assert_int_eq(ca_fleet_change(&w.ca, put_back, &l), BASE_OK);
	ck_assert(world_run(&w, 60, world_settled));
	world_restore(&w, "b");
	ck_assert_ptr_null(ca_topo_link(w.ca.topo, "app6", "web2"));
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	ck_assert_ptr_null(ca_topo_link(w.ca.topo, "app6", "web2"));
	ck_assert_int_eq(ca_store_audit_list(w.ca.store, 1, 10000, count_left,
			     &n),
	    BASE_OK);
	ck_assert_uint_eq(n, 1);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(world_relayed);
}

TCase *
case_recall_links(void)
{
	TCase *t = tcase_create("recall_links");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_test(t, a_newer_link_comes_back);
	tcase_add_test(t, a_link_put_back_since_is_named);
	return t;
}
