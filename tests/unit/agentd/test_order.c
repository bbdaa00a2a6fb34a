/* Unit tests of agentd/order.c: each order that is taken has twins that are
 * refused. */
#include <string.h>

#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

struct world {
	struct ag_state state;
	struct ag_bundle *bundle;
	struct ag_known k;
	struct wire_order o;
	uint8_t digest[32];
	struct ag_bundle *next;
};

static void
begin(struct world *w, uint32_t steps)
{
	memset(w, 0, sizeof *w);
	w->bundle = rig_bundle();
	w->o = rig_order(steps);
	w->state.highest = 1;
	w->state.phase = AG_SETTLED;
	w->k = (struct ag_known){
		.node = NODE,
		.presents = true,
		.verifies = true,
		.bundle = w->bundle,
		.state = &w->state,
		.key = rig_node_key()->key,
		.now = NOW,
	};
}

static void
end(struct world *w)
{
	ag_bundle_free(w->next);
	ag_bundle_free(w->bundle);
	wire_order_clear(&w->o);
	memset(w, 0, sizeof *w);
}

static enum ag_verdict
judge(struct world *w)
{
	return ag_order_judge(&w->k, &w->o, w->digest, &w->next);
}

static void
refused(struct world *w, const char *word)
{
	ck_assert_int_eq(judge(w), AG_REFUSE);
	ck_assert_ptr_null(w->next);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
	end(w);
}

static void
held(struct world *w, const char *word)
{
	ck_assert_int_eq(judge(w), AG_HOLD);
	ck_assert_ptr_null(w->next);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
	end(w);
}

static void
taken(struct world *w)
{
	ck_assert_msg(judge(w) == AG_TAKE, "%s", base_why());
	ck_assert_ptr_nonnull(w->next);
}

static void
swap(X509 **slot, X509 *x)
{
	X509_free(*slot);
	*slot = x;
}

/* ---- steps ------------------------------------------------------------------- */

START_TEST(trust)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	ck_assert_uint_eq(w.next->trust_gen[0], 2);
	ck_assert_uint_eq(w.next->cert_gen, 1);
	ck_assert_uint_eq(w.next->epoch, 2);
	ck_assert_uint_eq(w.next->previous, 1);
	/* NewWithOld never beside an old leaf */
	ck_assert_ptr_nonnull(w.next->nwo);
	ck_assert_ptr_null(ag_bundle_link(w.next, false));
	end(&w);
}
END_TEST

START_TEST(trust_not_vouched)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	swap(&w.o.new_with_old, rig_ref(rig_link(3, 2)));
	refused(&w, "trust:");
	begin(&w, WIRE_STEP_TRUST);
	swap(&w.o.new_with_new, rig_ref(rig_root(3)));
	refused(&w, "trust:");
	begin(&w, WIRE_STEP_TRUST);
	swap(&w.o.new_with_old, rig_ref(rig_root(2)));
	refused(&w, "trust:");
	begin(&w, WIRE_STEP_TRUST);
	w.o.from = 3;
	swap(&w.o.new_with_old, rig_ref(rig_link(3, 2)));
	refused(&w, "is not held");
}
END_TEST

/* The old root names the key of the next (RFC 8649): no other may come. */
START_TEST(trust_next_key)
{
	struct world w;
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "",
	    rig_root_key(1), rig_root_key(1));

	t.has_next = true;
	wire_x509_spki_sha256(rig_root(2), t.next_hash);
	begin(&w, WIRE_STEP_TRUST);
	swap(&w.bundle->trust[0], fleet_issue(&t, rig_root_key(1)));
	taken(&w);
	end(&w);
	wire_x509_spki_sha256(rig_root(3), t.next_hash);
	begin(&w, WIRE_STEP_TRUST);
	swap(&w.bundle->trust[0], fleet_issue(&t, rig_root_key(1)));
	refused(&w, "trust:");
}
END_TEST

START_TEST(trust_again)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	w.bundle->trust[1] = rig_ref(rig_root(2));
	w.bundle->trust_gen[1] = 2;
	w.bundle->ntrust = 2;
	taken(&w);
	ck_assert_uint_eq(w.next->ntrust, 2);
	end(&w);
	begin(&w, WIRE_STEP_TRUST);
	w.bundle->trust[1] = rig_ref(rig_root(3));
	w.bundle->trust_gen[1] = 2;
	w.bundle->ntrust = 2;
	refused(&w, "another certificate");
}
END_TEST

START_TEST(cert)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	taken(&w);
	ck_assert_int_eq(X509_cmp(w.next->cert, rig_leaf(2)), 0);
	ck_assert_uint_eq(w.next->cert_gen, 2);
	ck_assert_int_eq(X509_cmp(w.next->anchor, rig_root(2)), 0);
	ck_assert_ptr_eq(ag_bundle_link(w.next, false), w.next->nwo);
	ck_assert_ptr_null(ag_bundle_link(w.next, true));
	end(&w);
}
END_TEST

START_TEST(cert_before_trust)
{
	struct world w;

	begin(&w, WIRE_STEP_CERT);
	refused(&w, "needs trust first");
	/* the order may say otherwise, the configuration counts, too */
	begin(&w, WIRE_STEP_CERT);
	w.o.verifies = false;
	refused(&w, "needs trust first");
	/* a server that verifies nobody checks by its anchor */
	begin(&w, WIRE_STEP_CERT);
	w.o.verifies = w.k.verifies = false;
	taken(&w);
	ck_assert_uint_eq(w.next->anchor_gen, 2);
	end(&w);
	begin(&w, WIRE_STEP_CERT);
	w.o.verifies = w.k.verifies = false;
	swap(&w.bundle->anchor, rig_ref(rig_root(3)));
	refused(&w, "cert:");
}
END_TEST

START_TEST(cert_of_others)
{
	struct world w;
	uint32_t both = WIRE_STEP_TRUST | WIRE_STEP_CERT;

	begin(&w, both);
	swap(&w.o.cert, rig_leaf_of(NODE, fleet_key(WIRE_P256, 7), 2, 0, 99));
	refused(&w, "another key");
	begin(&w, both);
	swap(&w.o.cert, rig_leaf_of("web2", rig_node_key(), 2, 0, 99));
	refused(&w, "cert:");
	begin(&w, both);
	swap(&w.o.cert, rig_ref(rig_leaf(1)));
	refused(&w, "cert:");
	begin(&w, both);
	swap(&w.o.cert, rig_leaf_of(NODE, rig_node_key(), 2, 0, 9));
	refused(&w, "cert:");
	begin(&w, both);
	swap(&w.o.cert, rig_leaf_of(NODE, rig_node_key(), 2, 20, 99));
	refused(&w, "cert:");
}
END_TEST

START_TEST(bridge)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.bridge = true;
	taken(&w);
	ck_assert(w.next->bridging);
	ck_assert_ptr_nonnull(ag_bundle_link(w.next, true));
	end(&w);
}
END_TEST

static void
mid_roll(struct world *w, uint32_t steps)
{
	begin(w, steps);
	w->bundle->trust[1] = w->bundle->trust[0];
	w->bundle->trust_gen[1] = 1;
	w->bundle->trust[0] = rig_ref(rig_root(2));
	w->bundle->trust_gen[0] = 2;
	w->bundle->ntrust = 2;
	swap(&w->bundle->cert, rig_ref(rig_leaf(2)));
	w->bundle->cert_gen = 2;
	w->bundle->nwo = rig_ref(rig_link(1, 2));
	w->bundle->nwo_gen = 2;
	w->bundle->bridging = true;
}

START_TEST(finish)
{
	struct world w;

	mid_roll(&w, WIRE_STEP_FINISH);
	taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 2);
	ck_assert_ptr_null(w.next->nwo);
	ck_assert(!w.next->bridging);
	ck_assert_int_eq(X509_cmp(w.next->cert, rig_leaf(2)), 0);
	end(&w);
}
END_TEST

/* An abort: 2 is held and presented, and everything goes back to 1. */
static void
begin_back(struct world *w, uint32_t steps)
{
	begin(w, steps);
	w->o.from = 2;
	w->o.to = 1;
	w->o.epoch = 3;
	swap(&w->o.new_with_new, rig_ref(rig_root(1)));
	swap(&w->o.new_with_old, rig_ref(rig_link(2, 1)));
	if (steps & WIRE_STEP_CERT)
		swap(&w->o.cert, rig_ref(rig_leaf(1)));
	swap(&w->bundle->trust[0], rig_ref(rig_root(2)));
	swap(&w->bundle->cert, rig_ref(rig_leaf(2)));
	swap(&w->bundle->anchor, rig_ref(rig_root(2)));
	w->bundle->trust_gen[0] = w->bundle->cert_gen = 2;
	w->bundle->anchor_gen = 2;
}

START_TEST(back_while_the_old_root_is_held)
{
	struct world w;

	begin_back(&w, WIRE_STEP_CERT);
	w.bundle->trust[1] = rig_ref(rig_root(1));
	w.bundle->trust_gen[1] = 1;
	w.bundle->ntrust = 2;
	taken(&w);
	ck_assert_uint_eq(w.next->cert_gen, 1);
	ck_assert_uint_eq(w.next->anchor_gen, 1);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	end(&w);
	/* forgotten already: it needs trust first */
	begin_back(&w, WIRE_STEP_CERT);
	refused(&w, "needs trust first");
}
END_TEST

START_TEST(back_by_old_with_new)
{
	struct world w;

	begin_back(&w, WIRE_STEP_TRUST);
	taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	end(&w);
	/* a node that verifies nobody moves its check anchor back */
	begin_back(&w, WIRE_STEP_CERT);
	w.k.verifies = w.o.verifies = false;
	w.bundle->ntrust = 0;
	taken(&w);
	ck_assert_uint_eq(w.next->anchor_gen, 1);
	X509_free(w.bundle->trust[0]);
	end(&w);
	/* vouched for by another root than the one that is held */
	begin_back(&w, WIRE_STEP_TRUST);
	swap(&w.o.new_with_old, rig_ref(rig_link(3, 1)));
	refused(&w, "trust:");
	begin_back(&w, WIRE_STEP_TRUST);
	swap(&w.o.new_with_new, rig_ref(rig_root(3)));
	refused(&w, "trust:");
}
END_TEST

START_TEST(finish_too_soon)
{
	struct world w;

	begin(&w, WIRE_STEP_FINISH);
	refused(&w, "without a root");
	mid_roll(&w, WIRE_STEP_FINISH);
	swap(&w.bundle->trust[0], rig_ref(rig_root(3)));
	refused(&w, "another certificate");
	mid_roll(&w, WIRE_STEP_FINISH);
	swap(&w.bundle->cert, rig_leaf_of(NODE, rig_node_key(), 2, 0, 9));
	refused(&w, "has expired");
}
END_TEST

START_TEST(tidy)
{
	struct world w;

	mid_roll(&w, WIRE_STEP_TIDY);
	taken(&w);
	ck_assert_uint_eq(w.next->ntrust, 2);
	ck_assert_ptr_null(ag_bundle_link(w.next, false));
	end(&w);
}
END_TEST

static void
joins(struct world *w, uint32_t steps)
{
	begin(w, steps | WIRE_STEP_JOIN);
	w->o.from = 0;
	swap(&w->o.new_with_old, NULL);
	w->k.bundle = NULL;
	w->k.joining = true;
	w->state.highest = 0;
	w->state.phase = AG_IDLE;
}

START_TEST(join)
{
	struct world w;

	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 2);
	ck_assert_uint_eq(w.next->previous, w.next->epoch);
	end(&w);
	/* while its neighbours roll */
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.from = 1;
	w.o.old_root = rig_ref(rig_root(1));
	taken(&w);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	ck_assert_uint_eq(w.next->cert_gen, 2);
	end(&w);
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.from = 1;
	w.o.old_root = rig_ref(rig_leaf(1));
	refused(&w, "join:");
	/* its disk was lost after many epochs */
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.epoch = 5000;
	taken(&w);
	end(&w);
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.k.joining = false;
	refused(&w, "only within the answer");
	joins(&w, WIRE_STEP_TRUST);
	refused(&w, "without a certificate");
	joins(&w, WIRE_STEP_CERT);
	refused(&w, "");
	joins(&w, WIRE_STEP_TRUST);
	w.k.presents = false;
	taken(&w);
	end(&w);
	/* nothing is held, and this is no join */
	begin(&w, WIRE_STEP_TRUST);
	w.k.bundle = NULL;
	refused(&w, "must join");
}
END_TEST

/* ---- epochs, time --------------------------------------------------------------- */

START_TEST(epochs)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	w.state.highest = 3;
	refused(&w, "lower than 3");
	begin(&w, WIRE_STEP_TRUST);
	w.o.epoch = 1002;
	refused(&w, "more than 1000");
	begin(&w, WIRE_STEP_TRUST);
	w.o.epoch = 1001;
	taken(&w);
	end(&w);
	/* many were held while the clock was wrong */
	begin(&w, WIRE_STEP_TRUST);
	w.state.mark_epoch = 3000;
	w.o.epoch = 4001;
	refused(&w, "more than 1000");
	begin(&w, WIRE_STEP_TRUST);
	w.state.mark_epoch = 3000;
	w.o.epoch = 4000;
	taken(&w);
	end(&w);
}
END_TEST

START_TEST(epoch_again)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	w.state.highest = 2;
	memset(w.digest, 7, 32);
	memset(w.state.digest, 7, 32);
	ck_assert_int_eq(judge(&w), AG_ANSWER);
	w.state.phase = AG_FAILED;
	ck_assert_int_eq(judge(&w), AG_ANSWER);
	w.state.phase = AG_PENDING;
	ck_assert_int_eq(judge(&w), AG_RESUME);
	/* also when it has expired meanwhile */
	w.k.now = RIG(30);
	ck_assert_int_eq(judge(&w), AG_RESUME);
	w.state.digest[31] ^= 1;
	refused(&w, "other content");
}
END_TEST

START_TEST(times)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(11);
	held(&w, "its time was over");
	begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(8);
	held(&w, "is behind");
	begin(&w, WIRE_STEP_TRUST);
	w.k.now = base_time_add_s(RIG(9), -AG_CLOCK_SKEW);
	taken(&w);
	end(&w);
	/* the canaries end before the order does */
	begin(&w, WIRE_STEP_TRUST);
	w.o.canary[0] = (struct wire_canary){ 2, rig_canary(2) };
	w.o.ncanary = 1;
	w.k.now = base_time_add_s(RIG(10), 599);
	taken(&w);
	ag_bundle_free(w.next);
	w.next = NULL;
	w.k.now.ms += 1000;
	held(&w, "its time was over");
	/* nothing is running yet where one joins: it is told at once */
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.k.now = RIG(8);
	refused(&w, "is behind");
	joins(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.k.now = RIG(11);
	refused(&w, "its time was over");
}
END_TEST

/* An order that was kept back, and a clock that was set back to when it was
 * new: what the CA has signed since says that it is not. */
START_TEST(clock_mark)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(9);
	w.k.mark = base_time_add_s(RIG(9), AG_CLOCK_SKEW);
	taken(&w);
	end(&w);
	begin(&w, WIRE_STEP_TRUST);
	w.k.now = RIG(9);
	w.k.mark = base_time_add_s(RIG(9), AG_CLOCK_SKEW + 1);
	held(&w, "is behind");
	/* what is refused in any case is not held */
	begin(&w, WIRE_STEP_TRUST);
	w.k.mark = RIG(12);
	w.state.highest = 3;
	refused(&w, "lower than 3");
}
END_TEST

START_TEST(news)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
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
	end(&w);
}
END_TEST

/* A failure goes back to what was good, not to an order still in work. */
START_TEST(previous)
{
	struct world w;

	begin(&w, WIRE_STEP_TRUST);
	w.bundle->epoch = w.state.highest = 5;
	w.bundle->previous = 4;
	w.o.epoch = 6;
	taken(&w);
	ck_assert_uint_eq(w.next->previous, 5);
	ag_bundle_free(w.next);
	w.next = NULL;
	w.state.phase = AG_PENDING;
	taken(&w);
	ck_assert_uint_eq(w.next->previous, 4);
	end(&w);
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
