/* Unit tests of agentd/order.c: each order that is taken has twins that are
 * refused. */
#include <string.h>

#include "tests/unit/agentd/order_rig.h"
#include "tests/unit/agentd/suites.h"

static void
held(struct order_world *w, const char *word)
{
	ck_assert_int_eq(order_judge(w), AG_HOLD);
	ck_assert_ptr_null(w->next);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
	order_end(w);
}

/* ---- steps ------------------------------------------------------------------- */

START_TEST(trust)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	order_taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	ck_assert_uint_eq(w.next->trust_gen[0], 2);
	ck_assert_uint_eq(w.next->cert_gen, 1);
	ck_assert_uint_eq(w.next->epoch, 2);
	ck_assert_uint_eq(w.next->previous, 1);
	/* NewWithOld never beside an old leaf */
	ck_assert_ptr_nonnull(w.next->nwo);
	ck_assert_ptr_null(ag_bundle_link(w.next, false));
	order_end(&w);
}
END_TEST

START_TEST(trust_not_vouched)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	order_swap(&w.o.new_with_old, rig_ref(rig_link(3, 2)));
	order_refused(&w, "trust:");
	order_begin(&w, WIRE_STEP_TRUST);
	order_swap(&w.o.new_with_new, rig_ref(rig_root(3)));
	order_refused(&w, "trust:");
	order_begin(&w, WIRE_STEP_TRUST);
	order_swap(&w.o.new_with_old, rig_ref(rig_root(2)));
	order_refused(&w, "trust:");
	order_begin(&w, WIRE_STEP_TRUST);
	w.o.from = 3;
	order_swap(&w.o.new_with_old, rig_ref(rig_link(3, 2)));
	order_refused(&w, "is not held");
}
END_TEST

/* The old root names the key of the next (RFC 8649): no other may come. */
START_TEST(trust_next_key)
{
	struct order_world w;
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "",
	    rig_root_key(1), rig_root_key(1));

	t.has_next = true;
	wire_x509_spki_sha256(rig_root(2), t.next_hash);
	order_begin(&w, WIRE_STEP_TRUST);
	order_swap(&w.bundle->trust[0], fleet_issue(&t, rig_root_key(1)));
	order_taken(&w);
	order_end(&w);
	wire_x509_spki_sha256(rig_root(3), t.next_hash);
	order_begin(&w, WIRE_STEP_TRUST);
	order_swap(&w.bundle->trust[0], fleet_issue(&t, rig_root_key(1)));
	order_refused(&w, "trust:");
}
END_TEST

START_TEST(trust_again)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	w.bundle->trust[1] = rig_ref(rig_root(2));
	w.bundle->trust_gen[1] = 2;
	w.bundle->ntrust = 2;
	order_taken(&w);
	ck_assert_uint_eq(w.next->ntrust, 2);
	order_end(&w);
	order_begin(&w, WIRE_STEP_TRUST);
	w.bundle->trust[1] = rig_ref(rig_root(3));
	w.bundle->trust_gen[1] = 2;
	w.bundle->ntrust = 2;
	order_refused(&w, "another certificate");
}
END_TEST

START_TEST(cert)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	order_taken(&w);
	ck_assert_int_eq(X509_cmp(w.next->cert, rig_leaf(2)), 0);
	ck_assert_uint_eq(w.next->cert_gen, 2);
	ck_assert_int_eq(X509_cmp(w.next->anchor, rig_root(2)), 0);
	ck_assert_ptr_eq(ag_bundle_link(w.next, false), w.next->nwo);
	ck_assert_ptr_null(ag_bundle_link(w.next, true));
	order_end(&w);
}
END_TEST

START_TEST(cert_before_trust)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_CERT);
	order_refused(&w, "needs trust first");
	/* the order may say otherwise, the configuration counts, too */
	order_begin(&w, WIRE_STEP_CERT);
	w.o.verifies = false;
	order_refused(&w, "needs trust first");
	/* a server that verifies nobody checks by its anchor */
	order_begin(&w, WIRE_STEP_CERT);
	w.o.verifies = w.k.verifies = false;
	order_taken(&w);
	ck_assert_uint_eq(w.next->anchor_gen, 2);
	order_end(&w);
	order_begin(&w, WIRE_STEP_CERT);
	w.o.verifies = w.k.verifies = false;
	order_swap(&w.bundle->anchor, rig_ref(rig_root(3)));
	order_refused(&w, "cert:");
}
END_TEST

START_TEST(cert_of_others)
{
	struct order_world w;
	uint32_t both = WIRE_STEP_TRUST | WIRE_STEP_CERT;

	order_begin(&w, both);
	order_swap(&w.o.cert,
	    rig_leaf_of(NODE, fleet_key(WIRE_P256, 7), 2, 0, 99));
	order_refused(&w, "another key");
	order_begin(&w, both);
	order_swap(&w.o.cert, rig_leaf_of("web2", rig_node_key(), 2, 0, 99));
	order_refused(&w, "cert:");
	order_begin(&w, both);
	order_swap(&w.o.cert, rig_ref(rig_leaf(1)));
	order_refused(&w, "cert:");
	order_begin(&w, both);
	order_swap(&w.o.cert, rig_leaf_of(NODE, rig_node_key(), 2, 0, 9));
	order_refused(&w, "cert:");
	order_begin(&w, both);
	order_swap(&w.o.cert, rig_leaf_of(NODE, rig_node_key(), 2, 20, 99));
	order_refused(&w, "cert:");
}
END_TEST

START_TEST(bridge)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.bridge = true;
	order_taken(&w);
	ck_assert(w.next->bridging);
	ck_assert_ptr_nonnull(ag_bundle_link(w.next, true));
	order_end(&w);
}
END_TEST

static void
mid_roll(struct order_world *w, uint32_t steps)
{
	order_begin(w, steps);
	w->bundle->trust[1] = w->bundle->trust[0];
	w->bundle->trust_gen[1] = 1;
	w->bundle->trust[0] = rig_ref(rig_root(2));
	w->bundle->trust_gen[0] = 2;
	w->bundle->ntrust = 2;
	order_swap(&w->bundle->cert, rig_ref(rig_leaf(2)));
	w->bundle->cert_gen = 2;
	w->bundle->nwo = rig_ref(rig_link(1, 2));
	w->bundle->nwo_gen = 2;
	w->bundle->bridging = true;
}

START_TEST(finish)
{
	struct order_world w;

	mid_roll(&w, WIRE_STEP_FINISH);
	order_taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 2);
	ck_assert_ptr_null(w.next->nwo);
	ck_assert(!w.next->bridging);
	ck_assert_int_eq(X509_cmp(w.next->cert, rig_leaf(2)), 0);
	order_end(&w);
}
END_TEST

/* An abort: 2 is held and presented, and everything goes back to 1. */
static void
begin_back(struct order_world *w, uint32_t steps)
{
	order_begin(w, steps);
	w->o.from = 2;
	w->o.to = 1;
	w->o.epoch = 3;
	order_swap(&w->o.new_with_new, rig_ref(rig_root(1)));
	order_swap(&w->o.new_with_old, rig_ref(rig_link(2, 1)));
	if (steps & WIRE_STEP_CERT)
		order_swap(&w->o.cert, rig_ref(rig_leaf(1)));
	order_swap(&w->bundle->trust[0], rig_ref(rig_root(2)));
	order_swap(&w->bundle->cert, rig_ref(rig_leaf(2)));
	order_swap(&w->bundle->anchor, rig_ref(rig_root(2)));
	w->bundle->trust_gen[0] = w->bundle->cert_gen = 2;
	w->bundle->anchor_gen = 2;
}

START_TEST(back_while_the_old_root_is_held)
{
	struct order_world w;

	begin_back(&w, WIRE_STEP_CERT);
	w.bundle->trust[1] = rig_ref(rig_root(1));
	w.bundle->trust_gen[1] = 1;
	w.bundle->ntrust = 2;
	order_taken(&w);
	ck_assert_uint_eq(w.next->cert_gen, 1);
	ck_assert_uint_eq(w.next->anchor_gen, 1);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	order_end(&w);
	/* forgotten already: it needs trust first */
	begin_back(&w, WIRE_STEP_CERT);
	order_refused(&w, "needs trust first");
}
END_TEST

START_TEST(back_by_old_with_new)
{
	struct order_world w;

	begin_back(&w, WIRE_STEP_TRUST);
	order_taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	order_end(&w);
	/* a node that verifies nobody moves its check anchor back */
	begin_back(&w, WIRE_STEP_CERT);
	w.k.verifies = w.o.verifies = false;
	w.bundle->ntrust = 0;
	order_taken(&w);
	ck_assert_uint_eq(w.next->anchor_gen, 1);
	X509_free(w.bundle->trust[0]);
	order_end(&w);
	/* vouched for by another root than the one that is held */
	begin_back(&w, WIRE_STEP_TRUST);
	order_swap(&w.o.new_with_old, rig_ref(rig_link(3, 1)));
	order_refused(&w, "trust:");
	begin_back(&w, WIRE_STEP_TRUST);
	order_swap(&w.o.new_with_new, rig_ref(rig_root(3)));
	order_refused(&w, "trust:");
}
END_TEST

START_TEST(finish_too_soon)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_FINISH);
	order_refused(&w, "without a root");
	mid_roll(&w, WIRE_STEP_FINISH);
	order_swap(&w.bundle->trust[0], rig_ref(rig_root(3)));
	order_refused(&w, "another certificate");
	mid_roll(&w, WIRE_STEP_FINISH);
	order_swap(&w.bundle->cert, rig_leaf_of(NODE, rig_node_key(), 2, 0, 9));
	order_refused(&w, "has expired");
}
END_TEST

START_TEST(tidy)
{
	struct order_world w;

	mid_roll(&w, WIRE_STEP_TIDY);
	order_taken(&w);
	ck_assert_uint_eq(w.next->ntrust, 2);
	ck_assert_ptr_null(ag_bundle_link(w.next, false));
	order_end(&w);
}
END_TEST

static void
joins(struct order_world *w, uint32_t steps)
{
	order_begin(w, steps | WIRE_STEP_JOIN);
	w->o.from = 0;
	order_swap(&w->o.new_with_old, NULL);
	w->k.bundle = NULL;
	w->k.joining = true;
	w->state.highest = 0;
	w->state.phase = AG_IDLE;
}

START_TEST(join)
{
	struct order_world w;

	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	order_taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 2);
	ck_assert_uint_eq(w.next->previous, w.next->epoch);
	order_end(&w);
	/* while its neighbours roll */
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.from = 1;
	w.o.old_root = rig_ref(rig_root(1));
	order_taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	ck_assert_uint_eq(w.next->cert_gen, 2);
	order_end(&w);
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.from = 1;
	w.o.old_root = rig_ref(rig_leaf(1));
	order_refused(&w, "join:");
	/* its disk was lost after many epochs */
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.epoch = 5000;
	order_taken(&w);
	order_end(&w);
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.k.joining = false;
	order_refused(&w, "only within the answer");
	joins(&w, WIRE_STEP_TRUST);
	order_refused(&w, "without a certificate");
	joins(&w, WIRE_STEP_CERT);
	order_refused(&w, "");
	joins(&w, WIRE_STEP_TRUST);
	w.k.presents = false;
	order_taken(&w);
	order_end(&w);
	/* nothing is held, and this is no join */
	order_begin(&w, WIRE_STEP_TRUST);
	w.k.bundle = NULL;
	order_refused(&w, "must join");
}
END_TEST

/* ---- epochs, time --------------------------------------------------------------- */

START_TEST(epochs)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	w.state.highest = 3;
	order_refused(&w, "lower than 3");
	order_begin(&w, WIRE_STEP_TRUST);
	w.o.epoch = 1002;
	order_refused(&w, "more than 1000");
	order_begin(&w, WIRE_STEP_TRUST);
	w.o.epoch = 1001;
	order_taken(&w);
	order_end(&w);
	/* many were held while the clock was wrong */
	order_begin(&w, WIRE_STEP_TRUST);
	w.state.mark_epoch = 3000;
	w.o.epoch = 4001;
	order_refused(&w, "more than 1000");
	order_begin(&w, WIRE_STEP_TRUST);
	w.state.mark_epoch = 3000;
	w.o.epoch = 4000;
	order_taken(&w);
	order_end(&w);
}
END_TEST

START_TEST(epoch_again)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	w.state.highest = 2;
	memset(w.digest, 7, 32);
	memset(w.state.digest, 7, 32);
	ck_assert_int_eq(order_judge(&w), AG_ANSWER);
	w.state.phase = AG_FAILED;
	ck_assert_int_eq(order_judge(&w), AG_ANSWER);
	w.state.phase = AG_PENDING;
	ck_assert_int_eq(order_judge(&w), AG_RESUME);
	/* also when it has expired meanwhile */
	w.k.now = RIG(30);
	ck_assert_int_eq(order_judge(&w), AG_RESUME);
	w.state.digest[31] ^= 1;
	order_refused(&w, "other content");
}
END_TEST

START_TEST(times)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(11);
	held(&w, "its time was over");
	order_begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(8);
	held(&w, "is behind");
	order_begin(&w, WIRE_STEP_TRUST);
	w.k.now = base_time_add_s(RIG(9), -AG_CLOCK_SKEW);
	order_taken(&w);
	order_end(&w);
	/* the canaries end before the order does */
	order_begin(&w, WIRE_STEP_TRUST);
	w.o.canary[0] = (struct wire_canary){ 2, rig_canary(2) };
	w.o.ncanary = 1;
	w.k.now = base_time_add_s(RIG(10), 599);
	order_taken(&w);
	ag_bundle_free(w.next);
	w.next = NULL;
	w.k.now.ms += 1000;
	held(&w, "its time was over");
	/* nothing is running yet where one joins: it is told at once */
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.k.now = RIG(8);
	order_refused(&w, "is behind");
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.k.now = RIG(11);
	order_refused(&w, "its time was over");
}
END_TEST

/* An order that was kept back, and a clock that was set back to when it was
 * new: what the CA has signed since says that it is not. */
START_TEST(clock_mark)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(9);
	w.k.mark = base_time_add_s(RIG(9), AG_CLOCK_SKEW);
	order_taken(&w);
	order_end(&w);
	order_begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(9);
	w.k.mark = base_time_add_s(RIG(9), AG_CLOCK_SKEW + 1);
	held(&w, "is behind");
	/* what is refused in any case is not held */
	order_begin(&w, WIRE_STEP_TRUST);
	w.k.mark = RIG(12);
	w.state.highest = 3;
	order_refused(&w, "lower than 3");
}
END_TEST

START_TEST(news)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	ck_assert(ag_order_is_news(&w.k, &w.o));
	w.state.mark_epoch = 2;
	ck_assert(!ag_order_is_news(&w.k, &w.o));
	w.state.mark_epoch = 0;
	w.state.highest = 2;
	ck_assert(!ag_order_is_news(&w.k, &w.o));
	w.o.epoch = 1002;
	ck_assert(ag_order_is_news(&w.k, &w.o));
	w.o.epoch = 1003;
	ck_assert(!ag_order_is_news(&w.k, &w.o));
	w.k.joining = true;
	ck_assert(ag_order_is_news(&w.k, &w.o));
	order_end(&w);
}
END_TEST

/* A failure goes back to what was good, not to an order still in work. */
START_TEST(previous)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	w.bundle->epoch = w.state.highest = 5;
	w.bundle->previous = 4;
	w.o.epoch = 6;
	order_taken(&w);
	ck_assert_uint_eq(w.next->previous, 5);
	ag_bundle_free(w.next);
	w.next = NULL;
	w.state.phase = AG_PENDING;
	order_taken(&w);
	ck_assert_uint_eq(w.next->previous, 4);
	order_end(&w);
}
END_TEST

TCase *
case_order(void)
{
	TCase *t = tcase_create("order");

	tcase_add_test(t, trust);
	tcase_add_test(t, trust_not_vouched);
	tcase_add_test(t, trust_next_key);
	tcase_add_test(t, trust_again);
	tcase_add_test(t, cert);
	tcase_add_test(t, cert_before_trust);
	tcase_add_test(t, cert_of_others);
	tcase_add_test(t, bridge);
	tcase_add_test(t, finish);
	tcase_add_test(t, finish_too_soon);
	tcase_add_test(t, back_while_the_old_root_is_held);
	tcase_add_test(t, back_by_old_with_new);
	tcase_add_test(t, tidy);
	tcase_add_test(t, join);
	tcase_add_test(t, epochs);
	tcase_add_test(t, epoch_again);
	tcase_add_test(t, times);
	tcase_add_test(t, clock_mark);
	tcase_add_test(t, news);
	tcase_add_test(t, previous);
	return t;
}
