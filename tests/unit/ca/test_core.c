/* kedged as a whole: what it loads, what a change of the fleet renews, and
 * whose turn it is. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

START_TEST(times)
{
	const struct base_mono a = { 5 }, b = { 7 };

	ck_assert_int_eq(ca_sooner(a, b).ms, 5);
	ck_assert_int_eq(ca_sooner(b, a).ms, 5);
	ck_assert_int_eq(ca_sooner(CA_NEVER, b).ms, 7);
	ck_assert_int_eq(ca_after(&w.ca, 30).ms, w.mono.ms + 30);
	/* no change of the clock touches a pause */
	w.now.ms += 1000;
	ck_assert_int_eq(ca_after(&w.ca, 30).ms, w.mono.ms + 30);
	ck_assert_int_eq(ca_now(&w.ca).ms, w.now.ms);
}
END_TEST

START_TEST(who_and_what)
{
	ck_assert_str_eq(ca_who(&w.ca), "ca");
	w.ca.who = "uid 5";
	ck_assert_str_eq(ca_who(&w.ca), "uid 5");
	pair_must(ca_audit(&w.ca, ca_who(&w.ca), "root", "%s: %d", "x", 3));
	ck_assert_str_eq(pair_last_record(), "uid 5 root: x: 3");
}
END_TEST

START_TEST(seen)
{
	pair_node("app1")->seen.ms = pair_node("web1")->seen.ms = 1;
	ca_seen(&w.ca, "web1");
	ca_seen(&w.ca, "ghost");
	ck_assert_int_eq(pair_node("web1")->seen.ms, w.now.ms);
	ck_assert_int_eq(pair_node("app1")->seen.ms, 1);
}
END_TEST

/* ---- the key of an earlier join ---- */

START_TEST(a_certificate_of_before)
{
	X509 *old = world_node(&w, "app1")->cert;

	pair_must(ca_check_node_key(&w.ca, "app1", old));
	ck_assert_int_eq(ca_check_node_key(&w.ca, "web1", old), BASE_E_REFUSED);
	ck_assert_int_eq(ca_check_node_key(&w.ca, "ghost", old),
	    BASE_E_NOTFOUND);
	X509_up_ref(old);
	world_forget(&w, "app1");
	world_join(&w, "app1");
	ck_assert_int_eq(ca_check_node_key(&w.ca, "app1", old), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "kedge node token app1"));
	pair_must(
	    ca_check_node_key(&w.ca, "app1", world_node(&w, "app1")->cert));
	X509_free(old);
}
END_TEST

/* It is proven, and the node may use it already. */
START_TEST(a_key_that_is_on_its_way)
{
	X509 *next = world_node(&w, "web1")->cert;
	struct base_buf spki;

	base_buf_init(&spki, 0);
	pair_must(ca_store_key_get(w.ca.store, "web1", CA_MANAGEMENT, &spki));
	pair_must(ca_store_rekey_put(w.ca.store, "app1", "plant",
	    base_buf_span(&spki)));
	ck_assert_int_eq(ca_check_node_key(&w.ca, "app1", next),
	    BASE_E_REFUSED);
	pair_must(ca_store_rekey_put(w.ca.store, "app1", CA_MANAGEMENT,
	    base_buf_span(&spki)));
	pair_must(ca_check_node_key(&w.ca, "app1", next));
	base_buf_free(&spki);
}
END_TEST

/* ---- loading ---- */

START_TEST(of_another_fleet)
{
	pair_must(ca_load(&w.ca));
	strcpy(w.conf.fleet, "demon");
	ck_assert_int_eq(ca_load(&w.ca), BASE_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(base_why(), "\"demon\""));
	ck_assert_ptr_nonnull(strstr(base_why(), "of fleet \"demo\""));
	strcpy(w.conf.fleet, "dema");
	ck_assert_int_eq(ca_load(&w.ca), BASE_E_CONFIG);
	strcpy(w.conf.fleet, "demo");
	pair_must(ca_load(&w.ca));
}
END_TEST

static void
give(const char *node, const char *root, enum ca_order_state state)
{
	struct ca_order o = { .epoch = 30,
		.steps = POL_TRUST,
		.roll = 9,
		.issued = w.now,
		.expires = { w.now.ms + 86400000 },
		.state = state };

	strcpy(o.node, node);
	strcpy(o.root, root);
	pair_must(base_buf_put(&o.cms, "x", 1));
	pair_must(ca_store_order_add(w.ca.store, &o));
	pair_must(ca_store_order_update(w.ca.store, &o));
	ca_order_clear(&o);
}

static enum ca_order_state
state_of(const char *node, const char *root)
{
	struct ca_order o;

	pair_must(ca_store_order_get(w.ca.store, node, root, 30, &o));
	ca_order_clear(&o);
	return o.state;
}

static size_t
due(void)
{
	struct wire_parcel *list = NULL;
	size_t n =
	    ca_deliver_collect(w.ca.deliver, w.mono, NULL, 1 << 20, &list);

	for (size_t i = 0; i < n; i++)
		wire_parcel_clear(&list[i]);
	free(list);
	return n;
}

/* What nobody waits for any more is replaced, not sent. */
START_TEST(open_orders)
{
	give("app1", "plant", CA_ORDER_SENT);
	give("web1", "plant", CA_ORDER_RECEIVED);
	give("ghost", "plant", CA_ORDER_SENT);
	give("app1", "lab", CA_ORDER_SENT);
	w.ca.self_look = false;
	pair_must(ca_orders_load(&w.ca));
	/* the one that was received is in no hurry */
	ck_assert_uint_eq(due(), 1);
	ck_assert_int_eq(ca_deliver_due(w.ca.deliver, NULL).ms,
	    w.mono.ms + w.conf.resend_ms);
	ck_assert_int_eq(state_of("app1", "plant"), CA_ORDER_SENT);
	ck_assert_int_eq(state_of("web1", "plant"), CA_ORDER_RECEIVED);
	ck_assert_int_eq(state_of("ghost", "plant"), CA_ORDER_REPLACED);
	ck_assert_int_eq(state_of("app1", "lab"), CA_ORDER_REPLACED);
	ck_assert(!w.ca.self_look);
}
END_TEST

/* The CA's own orders have a part before the first node has joined. */
START_TEST(its_own_open_order)
{
	pair_must(ca_store_link_delete(w.ca.store, "app1", "web1"));
	pair_must(ca_store_node_delete(w.ca.store, "app1"));
	pair_must(ca_store_node_delete(w.ca.store, "web1"));
	pair_must(ca_reload_topo(&w.ca));
	give("ca", CA_MANAGEMENT, CA_ORDER_SENT);
	w.ca.self_look = false;
	pair_must(ca_orders_load(&w.ca));
	ck_assert(w.ca.self_look);
	ck_assert_int_eq(state_of("ca", CA_MANAGEMENT), CA_ORDER_SENT);
}
END_TEST

/* Its link is gone: the order leaves the mailbox as well. */
START_TEST(an_order_without_a_part_leaves)
{
	give("app1", "plant", CA_ORDER_SENT);
	pair_must(ca_orders_load(&w.ca));
	ck_assert_uint_eq(due(), 1);
	pair_must(ca_store_link_delete(w.ca.store, "app1", "web1"));
	pair_must(ca_reload_topo(&w.ca));
	ck_assert_int_eq(state_of("app1", "plant"), CA_ORDER_REPLACED);
	ck_assert_int_eq(ca_deliver_due(w.ca.deliver, NULL).ms, INT64_MAX);
}
END_TEST

START_TEST(after_a_change)
{
	struct ca_node n = { .name = "aaa", .reach = CA_POLL };

	world_roll(&w, "plant");
	ca_seen(&w.ca, "app1");
	w.ca.told = w.ca.invites_kept = true;
	w.ca.peers_changed = w.ca.tidy_wanted = w.ca.self_look = false;
	w.ca.resign_wanted = true;
	pair_must(ca_store_node_put(w.ca.store, &n));
	pair_must(ca_reload_topo(&w.ca));
	ck_assert_uint_eq(w.ca.topo->nnodes, 3);
	ck_assert_int_eq(pair_node("app1")->seen.ms, w.now.ms);
	ck_assert_int_eq(pair_node("aaa")->seen.ms, 0);
	ck_assert(!w.ca.told && !w.ca.invites_kept);
	ck_assert(w.ca.peers_changed && w.ca.tidy_wanted && w.ca.self_look);
	ck_assert(!w.ca.resign_wanted);
	ck_assert_ptr_nonnull(ca_roll_of(&w.ca, "plant"));
	pair_must(ca_store_node_delete(w.ca.store, "aaa"));
	pair_must(ca_reload_topo(&w.ca));
	world_roll(&w, CA_MANAGEMENT);
	pair_must(ca_reload_topo(&w.ca));
	ck_assert(w.ca.resign_wanted);
}
END_TEST

/* Nothing is sent from a store that may be an old copy. */
START_TEST(while_the_store_may_be_old)
{
	give("app1", "plant", CA_ORDER_SENT);
	w.ca.unchecked = true;
	pair_must(ca_reload_topo(&w.ca));
	ck_assert_uint_eq(due(), 0);
	w.ca.unchecked = false;
	pair_must(ca_reload_topo(&w.ca));
	ck_assert_uint_eq(due(), 1);
}
END_TEST

/* ---- turns ---- */

START_TEST(not_ready)
{
	const uint64_t asked = hsm_fake_mood(w.hsm)->asked;

	w.ca.told = false;
	w.ca.ready = false;
	ck_assert_int_eq(ca_work(&w.ca).ms, CA_NEVER.ms);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->asked, asked);
	w.ca.ready = true;
	ck_assert_int_lt(ca_work(&w.ca).ms, CA_NEVER.ms);
	ck_assert_uint_gt(hsm_fake_mood(w.hsm)->asked, asked);
}
END_TEST

START_TEST(unchecked_asks_only_whether_it_is_old)
{
	const uint64_t made = hsm_fake_mood(w.hsm)->made;
	const uint64_t told = hsm_fake_mood(w.hsm)->told;

	world_roll(&w, "plant");
	w.ca.told = false;
	w.ca.unchecked = true;
	w.ca.identity_next = w.ca.unsafe_next = w.mono;
	hsm_fake_mood(w.hsm)->down = true;
	for (int i = 0; i < 10; i++) {
		(void)ca_work(&w.ca);
		pair_answer();
	}
	ck_assert(w.ca.unchecked);
	ck_assert_int_eq(w.ca.identity_next.ms, w.mono.ms);
	ck_assert_int_eq(w.ca.unsafe_next.ms, w.mono.ms);
	hsm_fake_mood(w.hsm)->down = false;
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->told, told);
	pair_turns(200);
	ck_assert(!w.ca.unchecked);
	ck_assert_uint_gt(hsm_fake_mood(w.hsm)->told, told);
	ck_assert_uint_gt(hsm_fake_mood(w.hsm)->made, made);
}
END_TEST

TCase *
case_core(void)
{
	TCase *t = pair_case("core");

	tcase_add_test(t, times);
	tcase_add_test(t, who_and_what);
	tcase_add_test(t, seen);
	tcase_add_test(t, a_certificate_of_before);
	tcase_add_test(t, a_key_that_is_on_its_way);
	tcase_add_test(t, of_another_fleet);
	tcase_add_test(t, open_orders);
	tcase_add_test(t, its_own_open_order);
	tcase_add_test(t, an_order_without_a_part_leaves);
	tcase_add_test(t, after_a_change);
	tcase_add_test(t, while_the_store_may_be_old);
	tcase_add_test(t, not_ready);
	tcase_add_test(t, unchecked_asks_only_whether_it_is_old);
	return t;
}
