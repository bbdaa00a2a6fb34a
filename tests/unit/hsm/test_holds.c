/* Links, and what nodes hold: by records, and by what was signed for them. */
#include <stdlib.h>
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"
#include "tests/unit/hsm/suites.h"
#include "wire/msg.h"

static struct hsm_state s;
static struct base_buf b;
static const struct hsm_link_names one = { "app1", "web1", "plant", "plant" };
static const struct hsm_link_names lab = { "app1", "web1", "", "lab" };

static void
setup(void)
{
	memset(&s, 0, sizeof(s));
	base_buf_init(&b, 0);
}

static void
teardown(void)
{
	hsm_state_clear(&s);
	base_buf_free(&b);
}

static void
did(enum hsm_record kind)
{
	b.at = 0;
	ck_assert_int_eq(hsm_state_apply(&s, kind, (struct base_time){ 1 }, &b),
	    BASE_OK);
	base_buf_clear(&b);
	b.at = 0;
}

static void
link_is(const struct hsm_link_names *l, enum hsm_link_word word)
{
	hsm_put_link(&b, l, word);
	did(HSM_R_LINK);
}

START_TEST(links)
{
	uint8_t none[HSM_HASH], with[HSM_HASH], now[HSM_HASH];

	hsm_topology_digest(&s, none);
	link_is(&one, HSM_LINK_TOLD);
	hsm_topology_digest(&s, with);
	ck_assert_mem_ne(none, with, HSM_HASH);
	link_is(&one, HSM_LINK_TOLD); /* again is nothing new */
	link_is(&lab, HSM_LINK_TOLD);
	ck_assert_uint_eq(hsm_state_node(&s, "app1")->nas_client, 2);
	ck_assert_uint_eq(hsm_state_node(&s, "web1")->nas_server, 2);
	ck_assert_ptr_nonnull(hsm_link_get(&s, &one));
	link_is(&lab, HSM_LINK_EXCUSED);
	ck_assert_ptr_null(hsm_link_get(&s, &lab));
	hsm_topology_digest(&s, now);
	ck_assert_mem_eq(now, with, HSM_HASH);
	link_is(&one, HSM_LINK_GONE);
	link_is(&one, HSM_LINK_GONE);
	ck_assert_uint_eq(hsm_state_node(&s, "web1")->nas_server, 0);
	hsm_topology_digest(&s, now);
	ck_assert_mem_eq(now, none, HSM_HASH);
}
END_TEST

/* dual of one node is not shallow of it, nor dual of another. */
START_TEST(flags_are_in_the_digest)
{
	static const struct {
		const char *node;
		bool dual, shallow;
	} rows[] = { { "a", false, false }, { "a", true, false },
		{ "a", false, true }, { "a", true, true } };
	uint8_t seen[4][HSM_HASH];

	for (size_t i = 0; i < 4; i++) {
		hsm_put_node(&b, rows[i].node, rows[i].dual, rows[i].shallow);
		did(HSM_R_NODE);
		hsm_topology_digest(&s, seen[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_mem_ne(seen[i], seen[k], HSM_HASH);
	}
}
END_TEST

static struct hsm_order
order(uint64_t epoch, uint32_t steps)
{
	struct hsm_order o = { .node = "web1",
		.root = "plant",
		.epoch = epoch,
		.steps = steps,
		.from = 1,
		.to = 2 };

	o.digest[0] = (uint8_t)epoch;
	return o;
}

static void
sent(uint64_t epoch, uint32_t steps)
{
	struct hsm_order o = order(epoch, steps);

	ck_assert_int_eq(hsm_holds_room(hsm_state_node(&s, "web1"), &o),
	    BASE_OK);
	hsm_put_order(&b, &o);
	did(HSM_R_ORDER);
}

static void
proven(uint64_t epoch, struct pol_conf conf)
{
	struct hsm_proven v = { .node = "web1",
		.root = "plant",
		.epoch = epoch,
		.conf = conf };

	v.order[0] = (uint8_t)epoch;
	hsm_put_holds(&b, &v);
	did(HSM_R_HOLDS);
}

static struct hsm_held *
held(void)
{
	return hsm_held_get(hsm_state_node(&s, "web1"), "plant");
}

/* A report settles its order and all before; a later one stays open. */
START_TEST(reports_settle)
{
	struct hsm_order o;

	link_is(&one, HSM_LINK_TOLD);
	ck_assert_ptr_null(held());
	sent(1, WIRE_STEP_JOIN);
	ck_assert(!held()->known);
	proven(1, (struct pol_conf){ 1, 1, 0 });
	ck_assert(held()->known);
	ck_assert_uint_eq(held()->nevents, 0);
	sent(2, WIRE_STEP_TRUST);
	sent(3, WIRE_STEP_CERT);
	sent(4, WIRE_STEP_FINISH);
	ck_assert_uint_eq(held()->nevents, 3);
	proven(3, (struct pol_conf){ 3, 2, 0 });
	ck_assert_uint_eq(held()->nevents, 1);
	ck_assert_uint_eq(held()->event[0].epoch, 4);
	ck_assert_uint_eq(held()->conf.trust, 3);
	/* an older word changes nothing */
	proven(2, (struct pol_conf){ 1, 1, 0 });
	ck_assert_uint_eq(held()->conf.trust, 3);
	ck_assert_uint_eq(held()->epoch, 3);
	/* nor is an older order signed again */
	o = order(3, WIRE_STEP_CERT);
	ck_assert_int_eq(hsm_holds_room(hsm_state_node(&s, "web1"), &o),
	    BASE_E_EXISTS);
	o = order(4, WIRE_STEP_FINISH);
	o.digest[5] = 1; /* another one of the newest epoch may be */
	ck_assert_int_eq(hsm_holds_room(hsm_state_node(&s, "web1"), &o),
	    BASE_OK);
}
END_TEST

START_TEST(received)
{
	struct hsm_received r = { .node = "web1", .root = "plant", .epoch = 2 };
	uint8_t digest[HSM_HASH] = { 2 };

	link_is(&one, HSM_LINK_TOLD);
	sent(2, WIRE_STEP_TRUST);
	hsm_put_received(&b, &r); /* of another digest */
	did(HSM_R_RECEIVED);
	ck_assert(!hsm_held_event(held(), 2, digest)->received);
	r.digest[0] = 2;
	hsm_put_received(&b, &r);
	did(HSM_R_PRESUMED); /* for readers only */
	ck_assert(!hsm_held_event(held(), 2, digest)->received);
	hsm_put_received(&b, &r);
	did(HSM_R_RECEIVED);
	ck_assert(hsm_held_event(held(), 2, digest)->received);
	digest[0] = 3;
	ck_assert_ptr_null(hsm_held_event(held(), 2, digest));
	ck_assert_ptr_null(hsm_held_event(NULL, 2, digest));
}
END_TEST

/* The same step again takes no room; different ones do, to a bound. */
START_TEST(room)
{
	struct hsm_order o;

	link_is(&one, HSM_LINK_TOLD);
	for (uint64_t e = 1; e <= 20; e++)
		sent(e, WIRE_STEP_TRUST);
	ck_assert_uint_eq(held()->nevents, 1);
	for (uint64_t e = 21; e < 21 + HSM_EVENTS - 1; e++)
		sent(e, e % 2 ? WIRE_STEP_CERT : WIRE_STEP_TRUST);
	ck_assert_uint_eq(held()->nevents, HSM_EVENTS);
	o = order(40, WIRE_STEP_FINISH);
	ck_assert_int_eq(hsm_holds_room(hsm_state_node(&s, "web1"), &o),
	    BASE_E_STATE);
	/* a join begins anew */
	sent(41, WIRE_STEP_JOIN);
	ck_assert_uint_eq(held()->nevents, 1);
	ck_assert(!held()->known);
}
END_TEST

START_TEST(doubts)
{
	link_is(&one, HSM_LINK_TOLD);
	hsm_put_doubt(&b, "web1", "plant", (struct pol_conf){ 1, 1, 0 });
	did(HSM_R_DOUBT); /* of what nobody holds */
	ck_assert_ptr_null(held());
	sent(1, WIRE_STEP_JOIN);
	proven(1, (struct pol_conf){ 1, 1, 0 });
	for (int i = 0; i < HSM_DOUBTS; i++) {
		hsm_put_doubt(&b, "web1", "plant",
		    (struct pol_conf){ 1, 1, 0 });
		did(HSM_R_DOUBT);
	}
	ck_assert_uint_eq(held()->ndoubts, HSM_DOUBTS);
	ck_assert(held()->known);
	hsm_put_doubt(&b, "web1", "plant", (struct pol_conf){ 2, 2, 0 });
	did(HSM_R_DOUBT); /* one more: anything is possible */
	ck_assert(!held()->known);
	proven(2, (struct pol_conf){ 1, 1, 0 });
	ck_assert(held()->known);
	ck_assert_uint_eq(held()->ndoubts, 0);
}
END_TEST

static void
excuse(bool excused)
{
	hsm_put_excuse(&b, "web1", "plant", excused);
	did(HSM_R_EXCUSE);
	ck_assert(
	    hsm_is_excused(hsm_state_node(&s, "web1"), "plant") == excused);
}

/* Where nobody has to approve. */
static bool
rolls(const char *root)
{
	struct hsm_conf conf = { .napprovers = 0 };
	struct hsm_core c = { .conf = &conf, .state = s };

	return hsm_root_rolls(&c, root);
}

/* While somebody who counts holds two generations, or may. */
START_TEST(a_root_rolls)
{
	link_is(&one, HSM_LINK_TOLD);
	sent(1, WIRE_STEP_JOIN);
	ck_assert(!rolls("plant"));
	proven(1, (struct pol_conf){ 1, 1, 0 });
	ck_assert(!rolls("plant"));
	sent(2, WIRE_STEP_TRUST);
	ck_assert(rolls("plant"));
	ck_assert(!rolls("lab"));
	excuse(true);
	ck_assert(!rolls("plant"));
	excuse(false);
	proven(2, (struct pol_conf){ 3, 1, 0 });
	ck_assert(rolls("plant"));
	proven(3, (struct pol_conf){ 2, 2, 0 });
	ck_assert(!rolls("plant"));
	/* what tidies up, and what renews, moves nothing */
	sent(4, WIRE_STEP_TIDY);
	ck_assert(!rolls("plant"));
	/* who has no link under it does not count */
	sent(5, WIRE_STEP_TRUST);
	ck_assert(rolls("plant"));
	link_is(&one, HSM_LINK_GONE);
	ck_assert(!rolls("plant"));
}
END_TEST

START_TEST(a_node_takes_its_links_along)
{
	link_is(&one, HSM_LINK_TOLD);
	link_is(&lab, HSM_LINK_TOLD);
	sent(1, WIRE_STEP_JOIN);
	hsm_put_forget(&b, "web1");
	did(HSM_R_FORGET);
	ck_assert_ptr_null(hsm_link_get(&s, &one));
	ck_assert_uint_eq(hsm_state_node(&s, "app1")->nas_client, 0);
	/* an order of one that has left is nobody's */
	{
		struct hsm_order o = order(2, WIRE_STEP_TRUST);

		hsm_put_order(&b, &o);
		did(HSM_R_ORDER);
		ck_assert_ptr_null(hsm_state_node(&s, "web1"));
	}
}
END_TEST

TCase *
case_holds(void)
{
	TCase *t = tcase_create("holds");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, links);
	tcase_add_test(t, flags_are_in_the_digest);
	tcase_add_test(t, reports_settle);
	tcase_add_test(t, received);
	tcase_add_test(t, room);
	tcase_add_test(t, doubts);
	tcase_add_test(t, a_root_rolls);
	tcase_add_test(t, a_node_takes_its_links_along);
	return t;
}
