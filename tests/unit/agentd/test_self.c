/*
 * Whether a version under the management root is live in the agent itself: by
 * what its own list accepts and refuses. Its port and the CA take a roll:
 * tests/e2e/management.sh.
 */
#include <string.h>

#include "agentd/self.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

static struct wire_order order;
static enum base_err result;
static enum wire_proof how;
static bool is_done;
static enum base_err (*tls)(void *arg, SSL_CTX **out);

static void
setup(void)
{
	node_new();
	node_up("");
	memset(&order, 0, sizeof order);
	order.steps = WIRE_STEP_FINISH;
	order.from = 1;
	order.to = 2;
	is_done = false;
	tls = NULL;
}

static void
teardown(void)
{
	wire_order_clear(&order);
	node_down();
	node_remove();
}

static void
add_canary(uint32_t generation, X509 *x)
{
	order.canary[order.ncanary].generation = generation;
	order.canary[order.ncanary++].cert = x;
}

/* Under the root that the node trusts; and under one that it does not. */
static X509 *
ours(void)
{
	return rig_management_cert(WIRE_NODE_CERT, NODE,
	    rig_management_node_key());
}

static X509 *
foreign(void)
{
	return rig_canary(1);
}

static void
on_done(void *arg, enum base_err e, enum wire_proof proof)
{
	(void)arg;
	result = e;
	how = proof;
	is_done = true;
	event_base_loopbreak(eb);
}

static enum base_err
prove(const struct wire_order *o)
{
	ck_assert_ptr_nonnull(ag_self_start(&(struct ag_self_conf){ .eb = eb,
	    .conf = conf,
	    .holdings = &held,
	    .order = o,
	    .tls = tls,
	    .done = on_done }));
	ck_assert(!is_done);
	while (!is_done)
		event_base_loop(eb, EVLOOP_ONCE);
	return result;
}

START_TEST(new_and_not_old)
{
	add_canary(2, ours());
	add_canary(1, foreign());
	OK(prove(&order));
}
END_TEST

START_TEST(old_is_still_accepted)
{
	add_canary(2, ours());
	add_canary(1, ours());
	NO(prove(&order), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "still accepts"));
}
END_TEST

START_TEST(new_is_not_accepted)
{
	add_canary(2, foreign());
	ck_assert_int_ne(prove(&order), BASE_OK);
}
END_TEST

/* Nothing to show: by reload only. Put back: nothing is proven at all. */
START_TEST(nothing_to_show)
{
	OK(prove(&order));
	ck_assert_int_eq(how, WIRE_PROOF_RELOAD);
	is_done = false;
	OK(prove(NULL));
}
END_TEST

static enum base_err
calls_nobody(void *arg, SSL_CTX **out)
{
	(void)arg;
	*out = NULL;
	return BASE_OK;
}

static enum base_err
not_yet(void *arg, SSL_CTX **out)
{
	(void)arg, (void)out;
	return base_fail(BASE_E_AGAIN, "not running yet");
}

/* By file there is no CA to ask, and never will be: by reload only, however
 * good the canaries. An agent that is just starting asks later. */
START_TEST(the_ca_is_not_called)
{
	add_canary(2, ours());
	add_canary(1, foreign());
	conf->ca_poll = true;
	tls = calls_nobody;
	OK(prove(&order));
	ck_assert_int_eq(how, WIRE_PROOF_RELOAD);
	is_done = false;
	tls = not_yet;
	NO(prove(&order), BASE_E_AGAIN);
	is_done = false;
	conf->ca_poll = false;
	OK(prove(&order));
	ck_assert_int_eq(how, WIRE_PROOF_PROBE);
}
END_TEST

static void
never(void *arg, enum base_err e, enum wire_proof proof)
{
	(void)arg, (void)e, (void)proof;
	ck_abort_msg("done was called");
}

START_TEST(cancelled)
{
	struct ag_self *s = ag_self_start(&(struct ag_self_conf){ .eb = eb,
	    .conf = conf,
	    .holdings = &held,
	    .done = never });

	ag_self_cancel(s);
	ag_self_cancel(NULL);
	event_base_loop(eb, EVLOOP_NONBLOCK);
}
END_TEST

TCase *
case_self(void)
{
	TCase *t = tcase_create("self");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, new_and_not_old);
	tcase_add_test(t, old_is_still_accepted);
	tcase_add_test(t, new_is_not_accepted);
	tcase_add_test(t, nothing_to_show);
	tcase_add_test(t, the_ca_is_not_called);
	tcase_add_test(t, cancelled);
	return t;
}
