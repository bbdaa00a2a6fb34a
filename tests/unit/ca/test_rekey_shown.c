/* That a node's new key is in use, kedge-hsmd is shown: a refusal, a report that
 * is not there, and who waits behind them; see world.h. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\";\n"
    "  root = \"plant\"; } );\n";

static bool
rekeyed(struct world *w)
{
	struct base_buf spki;
	bool app, web;

	base_buf_init(&spki, 0);
	ck_assert_int_eq(ca_store_rekey_get(w->ca.store, "app1", "plant", &app,
			     &spki),
	    BASE_OK);
	ck_assert_int_eq(ca_store_rekey_get(w->ca.store, "web1", "plant", &web,
			     &spki),
	    BASE_OK);
	base_buf_free(&spki);
	return !app && !web;
}

static size_t
unshown(struct world *w, const char *node, char why[CA_REASON_MAX])
{
	char n[CA_NAME] = "", r[CA_NAME] = "";
	size_t count = 0;

	for (;;) {
		ck_assert_int_eq(ca_store_unshown_next(w->ca.store, n, r),
		    BASE_OK);
		if (n[0] == '\0')
			return count;
		if (strcmp(n, node) == 0)
			ck_assert_int_eq(ca_store_unshown_why(w->ca.store, n, r,
					     why),
			    BASE_OK);
		count++;
	}
}

static void
turns(struct world *w, int n)
{
	for (int i = 0; i < n; i++)
		world_turn(w);
}

/* What kedge-hsmd refuses is not shown: it stays, with the words, is tried
 * again after pauses that grow, and keeps nobody behind it back. Nor does the
 * fleet's topology go along each time. */
START_TEST(a_refused_one_stays)
{
	char why[CA_REASON_MAX] = "";
	struct hsm_fake_mood *m;
	struct world w;
	uint64_t told;

	world_open_joined(&w, fleet, 1);
	m = hsm_fake_mood(w.hsm);
	m->deny = "app1";
	m->deny_as = BASE_E_REFUSED;
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "app1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	ck_assert(world_run(&w, 600, rekeyed));
	turns(&w, 20);
	m->denied = 0;
	told = m->told;
	ck_assert_uint_eq(unshown(&w, "app1", why), 1);
	ck_assert_ptr_nonnull(strstr(why, "not of app1"));
	turns(&w, 600 * 20);
	ck_assert_uint_ge(m->denied, 4);
	ck_assert_uint_le(m->denied, 12);
	ck_assert_uint_eq(m->told, told);
	world_restart(&w);
	m->deny = NULL;
	turns(&w, 100);
	ck_assert_uint_eq(unshown(&w, "app1", why), 0);
	world_close(&w);
}
END_TEST

/* kedge-hsmd knows a report as late: there is nothing left to show. */
START_TEST(one_that_is_known_is_shown)
{
	char why[CA_REASON_MAX] = "";
	struct hsm_fake_mood *m;
	struct world w;

	world_open_joined(&w, fleet, 1);
	m = hsm_fake_mood(w.hsm);
	m->deny = "app1";
	m->deny_as = BASE_E_EXISTS;
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "app1", "plant"), BASE_OK);
	ck_assert(world_run(&w, 600, rekeyed));
	turns(&w, 20);
	ck_assert_uint_ge(m->denied, 1);
	ck_assert_uint_eq(unshown(&w, "app1", why), 0);
	world_close(&w);
}
END_TEST

/* There is no report under this root, so none can be shown: that is no reason
 * to tell the topology anew, nor to let the one behind it wait. */
START_TEST(one_that_cannot_be_composed)
{
	char why[CA_REASON_MAX] = "";
	struct hsm_fake_mood *m;
	struct world w;
	uint64_t told, shown;

	world_open_joined(&w, fleet, 1);
	m = hsm_fake_mood(w.hsm);
	ck_assert_int_eq(ca_store_unshown_put(w.ca.store, "app1", "gone"),
	    BASE_OK);
	ck_assert_int_eq(ca_store_unshown_put(w.ca.store, "web1", "plant"),
	    BASE_OK);
	turns(&w, 20);
	told = m->told;
	shown = m->shown;
	world_restart(&w);
	turns(&w, 100);
	ck_assert_uint_eq(m->shown, shown);
	ck_assert_uint_le(m->told, told + 4);
	ck_assert_uint_eq(unshown(&w, "app1", why), 1);
	ck_assert_ptr_nonnull(strstr(why, "report"));
	world_close(&w);
}
END_TEST

/* The first answer is on its way when another node has a new key in use. */
static void
while_web1_is_shown(struct world *w, const char *node)
{
	world_open_joined(w, fleet, 1);
	ck_assert_int_eq(ca_rekey_ask(&w->ca, "web1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_rekey_ask(&w->ca, "app1", "plant"), BASE_OK);
	ck_assert(world_run(w, 600, rekeyed));
	turns(w, 20);
	hsm_fake_mood(w->hsm)->shown = 0;
	ck_assert_int_eq(ca_store_unshown_put(w->ca.store, "web1", "plant"),
	    BASE_OK);
	ca_rekey_in_use(&w->ca, "web1", "plant");
	ca_work(&w->ca);
	ck_assert(w->ca.key_showing);
	ck_assert_int_eq(ca_store_unshown_put(w->ca.store, node, "plant"),
	    BASE_OK);
	ca_rekey_in_use(&w->ca, node, "plant");
}

/* In a fleet they come all the time: each that was shown is done, and who comes
 * in front of it has his turn behind it. */
START_TEST(another_one_meanwhile)
{
	char why[CA_REASON_MAX];
	struct world w;

	while_web1_is_shown(&w, "app1");
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert_uint_eq(unshown(&w, "web1", why), 1);
	ck_assert(!w.ca.keys_shown);
	turns(&w, 4);
	ck_assert_uint_eq(unshown(&w, "app1", why), 0);
	ck_assert(w.ca.keys_shown);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->shown, 2);
	world_close(&w);
}
END_TEST

/* Shown was the report before: it is shown once more. */
START_TEST(the_same_one_meanwhile)
{
	char why[CA_REASON_MAX];
	struct world w;

	while_web1_is_shown(&w, "web1");
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert_uint_eq(unshown(&w, "web1", why), 1);
	turns(&w, 4);
	ck_assert_uint_eq(unshown(&w, "web1", why), 0);
	ck_assert(w.ca.keys_shown);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->shown, 2);
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(fleet);
}

TCase *
case_rekey_shown(void)
{
	TCase *tc = tcase_create("rekey_shown");

	tcase_set_timeout(tc, 120);
	tcase_add_unchecked_fixture(tc, ready, world_ready_clear);
	tcase_add_test(tc, a_refused_one_stays);
	tcase_add_test(tc, one_that_is_known_is_shown);
	tcase_add_test(tc, one_that_cannot_be_composed);
	tcase_add_test(tc, another_one_meanwhile);
	tcase_add_test(tc, the_same_one_meanwhile);
	return tc;
}
