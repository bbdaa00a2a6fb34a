/* Unit tests of agentd/rekey.c and store_key.c: a node makes a key of its
 * own, proves it, uses it, and forgets the old one when the CA knows. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

static struct base_buf proven; /* SPKI of the key in the last report */

/* A certificate for the key of this SPKI, under generation 1. */
static X509 *
cert_for(enum wire_cert_kind kind, const struct base_buf *spki)
{
	struct fleet_key k = *rig_node_key();
	struct wire_tbs t;

	k.spki = *spki;
	OK(wire_spki_id(base_buf_span(spki), k.ski));
	t = fleet_tbs(kind, "plant", NODE, &k, rig_root_key(1));
	t.not_before = RIG(kind == WIRE_CANARY ? 10 : 9);
	t.not_after =
	    kind == WIRE_CANARY ? base_time_add_s(t.not_before, 600) : RIG(200);
	return fleet_issue(&t, rig_root_key(1));
}

/* Within generation 1: rekey, or a certificate for spki. */
static enum wire_status
order(uint32_t steps, uint64_t epoch, const struct base_buf *spki,
    const struct base_buf *canary)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 1,
		.route = { NODE } };
	struct wire_order o = rig_order(steps & ~WIRE_STEP_CERT);

	o.steps = steps;
	o.epoch = epoch;
	o.roll = 0;
	o.from = o.to = 1;
	X509_free(o.new_with_new);
	X509_free(o.new_with_old);
	o.new_with_new = rig_ref(rig_root(1));
	o.new_with_old = NULL;
	if (steps & WIRE_STEP_CERT)
		o.cert = cert_for(WIRE_NODE_CERT, spki);
	o.canary[0].generation = 1;
	o.canary[0].cert = cert_for(WIRE_CANARY, canary);
	o.ncanary = 1;
	p.content = rig_sign(&o, false);
	wire_order_clear(&o);
	if (ag_work_order(work, &p, false) == BASE_OK)
		run_until_idle();
	wire_parcel_clear(&p);
	return last.status;
}

static const struct base_buf *
old_spki(void)
{
	return &rig_node_key()->spki;
}

/* The last report proves another key than the old one. */
static void
asked(uint64_t epoch)
{
	ck_assert_int_eq(order(WIRE_STEP_REKEY, epoch, NULL, old_spki()),
	    WIRE_EFFECTIVE);
	base_buf_free(&proven);
	base_buf_init(&proven, 0);
	OK(wire_rekey_check(base_buf_span(&last.rekey), FLEET, NODE,
	    base_buf_span(old_spki()), &proven));
}

/* The key in a file of the store. */
static bool
is_key(const char *name, const struct base_buf *spki)
{
	char *path = base_asprintf("%s/%s", dir, name);
	EVP_PKEY *key = NULL;
	struct base_buf b, has;
	bool same;

	base_buf_init(&b, 0);
	base_buf_init(&has, 0);
	OK(base_file_read(path, 1 << 16, &b));
	OK(wire_key_from_pem(base_buf_span(&b), &key));
	OK(wire_key_spki(key, &has));
	same = has.n == spki->n && memcmp(has.p, spki->p, has.n) == 0;
	EVP_PKEY_free(key);
	base_buf_free(&has);
	base_buf_free(&b);
	free(path);
	return same;
}

static bool
has_next(void)
{
	char *path = base_asprintf("%s/s/plant/next.pem", dir);
	bool yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

/* The CA has the last report of plant. */
static void
acknowledge(void)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 6);
	X509 *ca = rig_management_cert(WIRE_CA_TLS, "ca", k);
	struct ag_root *r = ag_holdings_find(&held, "plant");
	struct wire_ack a = { .fleet = FLEET,
		.node = NODE,
		.root = "plant",
		.epoch = r->state.highest };
	struct wire_parcel p = { .kind = WIRE_P_ACK };
	struct base_buf der;

	memcpy(a.report_digest, r->state.report_digest, 32);
	base_buf_init(&der, 0);
	base_buf_init(&p.content, 0);
	OK(wire_ack_compose(&a, &der));
	OK(wire_cms_sign(WIRE_C_ACK, base_buf_span(&der), ca, k->key, NULL,
	    &p.content));
	ag_work_ack(work, &p);
	ck_assert(r->state.acked);
	wire_parcel_clear(&p);
	base_buf_free(&der);
	X509_free(ca);
}

static void
teardown(void)
{
	wire_report_clear(&last);
	base_buf_free(&proven);
	node_remove();
}

START_TEST(whole)
{
	node_up("");
	asked(2);
	ck_assert(is_key("s/plant/key.pem", old_spki()));
	ck_assert(is_key("key.pem", old_spki()));
	acknowledge();
	ck_assert(is_key("s/plant/key.pem", old_spki()));
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, &proven, &proven),
	    WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	/* live, but the CA may not know yet */
	ck_assert(is_key("key.pem", &proven));
	ck_assert(is_key("s/plant/key.pem", old_spki()));
	ck_assert(is_key("s/plant/next.pem", &proven));
	acknowledge();
	ck_assert(is_key("s/plant/key.pem", &proven));
	ck_assert(!has_next());
	node_down();
	/* and is it still, after a restart? */
	node_up("");
	ag_work_resume(work);
	run_until_idle();
	ck_assert(is_key("key.pem", &proven));
	ck_assert_int_eq(order(WIRE_STEP_CERT, 4, old_spki(), old_spki()),
	    WIRE_ORDER_REFUSED);
	ck_assert_ptr_nonnull(strstr(last.reason, "another key"));
	node_down();
}
END_TEST

/* Asked twice, also over a restart, it is the same key. */
START_TEST(asked_again)
{
	struct base_buf first;

	node_up("");
	asked(2);
	first = proven;
	base_buf_init(&proven, 0);
	node_down();
	node_up("");
	asked(3);
	ck_assert_uint_eq(first.n, proven.n);
	ck_assert_mem_eq(first.p, proven.p, first.n);
	base_buf_free(&first);
	node_down();
}
END_TEST

/* A key that it did not make, and one that it has not been asked for. */
START_TEST(another_key_is_refused)
{
	const struct base_buf *theirs = &fleet_key(WIRE_P256, 4)->spki;

	node_up("");
	ck_assert_int_eq(order(WIRE_STEP_CERT, 2, theirs, theirs),
	    WIRE_ORDER_REFUSED);
	asked(3);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 4, theirs, theirs),
	    WIRE_ORDER_REFUSED);
	ck_assert_ptr_nonnull(strstr(last.reason, "another key"));
	ck_assert(is_key("key.pem", old_spki()));
	node_down();
}
END_TEST

/* Until the acknowledgement an order for either key may come, and is taken. */
START_TEST(back_to_the_old_key)
{
	node_up("");
	asked(2);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, &proven, &proven),
	    WIRE_EFFECTIVE);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 4, old_spki(), old_spki()),
	    WIRE_EFFECTIVE);
	ck_assert(is_key("key.pem", old_spki()));
	acknowledge();
	ck_assert(is_key("s/plant/key.pem", old_spki()));
	ck_assert(is_key("s/plant/next.pem", &proven));
	node_down();
}
END_TEST

/* An order whose canary is for the old key: the CA does not count on the new
 * one, so its acknowledgement erases nothing. */
START_TEST(acknowledged_without_knowing)
{
	node_up("");
	asked(2);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, &proven, &proven),
	    WIRE_EFFECTIVE);
	asked(4);
	ck_assert(is_key("key.pem", &proven));
	acknowledge();
	ck_assert(is_key("s/plant/key.pem", old_spki()));
	ck_assert_int_eq(order(WIRE_STEP_CERT, 5, &proven, &proven),
	    WIRE_EFFECTIVE);
	acknowledge();
	ck_assert(is_key("s/plant/key.pem", &proven));
	node_down();
}
END_TEST

/* The new certificate does not come to life: the old pair is put back. */
START_TEST(not_live)
{
	node_up("");
	asked(2);
	node_down();
	deadline = "1";
	node_up("check = [ \"false\" ];");
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, &proven, &proven),
	    WIRE_FAILED);
	deadline = "20";
	ck_assert(is_key("key.pem", old_spki()));
	acknowledge();
	ck_assert(is_key("s/plant/key.pem", old_spki()));
	ck_assert(has_next());
	node_down();
}
END_TEST

/* Dead between acknowledgement and erasing; or with the key in its place,
 * and its other name still there. */
START_TEST(dead_in_the_middle)
{
	struct ag_root *r;

	node_up("");
	asked(2);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, &proven, &proven),
	    WIRE_EFFECTIVE);
	r = ag_holdings_find(&held, "plant");
	r->state.acked = true;
	OK(ag_state_write(store, "plant", &r->state));
	node_down();
	node_up("");
	ag_work_resume(work);
	run_until_idle();
	ck_assert(is_key("s/plant/key.pem", &proven));
	ck_assert(!has_next());
	node_down();
}
END_TEST

TCase *
case_rekey(void)
{
	TCase *tc = tcase_create("rekey");

	tcase_add_checked_fixture(tc, node_new, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, whole);
	tcase_add_test(tc, asked_again);
	tcase_add_test(tc, another_key_is_refused);
	tcase_add_test(tc, back_to_the_old_key);
	tcase_add_test(tc, acknowledged_without_knowing);
	tcase_add_test(tc, not_live);
	tcase_add_test(tc, dead_in_the_middle);
	return tc;
}
