/* Orders: what belongs together, and every bound. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static enum base_err
compose(const struct wire_order *o)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	e = wire_order_compose(o, &der);
	base_buf_free(&der);
	return e;
}

START_TEST(test_fields)
{
	struct wire_order o = sample_order(), p;
	struct base_buf der;

	o.compromised = (uint32_t)_i;

	base_buf_init(&der, 0);
	OK(wire_order_compose(&o, &der));
	OK(wire_order_parse(base_buf_span(&der), &p));
	ck_assert_str_eq(p.fleet, FLEET);
	ck_assert_str_eq(p.node, "app1");
	ck_assert_str_eq(p.root, "plant");
	ck_assert_uint_eq(p.roll, 1);
	ck_assert_uint_eq(p.epoch, 7);
	ck_assert_int_eq(p.issued.ms, T0.ms);
	ck_assert_int_eq(p.expires.ms, ON(7).ms);
	ck_assert_uint_eq(p.steps, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	ck_assert_uint_eq(p.from, 1);
	ck_assert_uint_eq(p.to, 2);
	ck_assert(p.bridge && p.verifies);
	ck_assert_int_eq(X509_cmp(p.new_with_new, o.new_with_new), 0);
	ck_assert_int_eq(X509_cmp(p.new_with_old, o.new_with_old), 0);
	ck_assert_int_eq(X509_cmp(p.cert, o.cert), 0);
	ck_assert_uint_eq(p.compromised, o.compromised);
	ck_assert_uint_eq(p.ncanary, 2);
	ck_assert_uint_eq(p.canary[1].generation, 2);
	wire_order_clear(&o);
	wire_order_clear(&p);
	base_buf_free(&der);
}
END_TEST

/* Each change makes the sample bad; none of it leaks through. */
static void
bad_steps(struct wire_order *o)
{
	o->steps |= 0x20;
}
static void
bad_no_steps(struct wire_order *o)
{
	o->steps = 0;
}
static void
bad_roll(struct wire_order *o)
{
	o->roll = 0;
}
static void
bad_roll_big(struct wire_order *o)
{
	o->roll = (uint64_t)INT64_MAX + 1;
}
static void
bad_epoch(struct wire_order *o)
{
	o->epoch = 0;
}
static void
bad_epoch_big(struct wire_order *o)
{
	o->epoch = UINT64_MAX;
}
static void
bad_from(struct wire_order *o)
{
	o->from = 0;
}
static void
bad_to(struct wire_order *o)
{
	o->to = WIRE_GENERATION_MAX + 1;
}
static void
bad_expiry(struct wire_order *o)
{
	o->expires = o->issued;
}
static void
bad_time(struct wire_order *o)
{
	o->issued.ms = -1;
}
static void
bad_node(struct wire_order *o)
{
	strcpy(o->node, "App1");
}
static void
bad_fleet(struct wire_order *o)
{
	o->fleet[0] = '\0';
}
static void
bad_no_cert(struct wire_order *o)
{
	X509_free(o->cert);
	o->cert = NULL;
}
static void
bad_cert_alone(struct wire_order *o)
{
	o->steps = WIRE_STEP_TRUST;
}
static void
bad_no_proof(struct wire_order *o)
{
	X509_free(o->new_with_old);
	o->new_with_old = NULL;
}
static void
bad_no_root(struct wire_order *o)
{
	X509_free(o->new_with_new);
	o->new_with_new = NULL;
}
static void
bad_canary_twice(struct wire_order *o)
{
	o->canary[1].generation = 1;
}
static void
bad_canary_generation(struct wire_order *o)
{
	o->canary[1].generation = 0;
}
static void
bad_canary_count(struct wire_order *o)
{
	o->ncanary = WIRE_CANARY_MAX + 1;
}
static void
bad_canary_empty(struct wire_order *o)
{
	o->ncanary = 3;
	o->canary[2].generation = 3;
}
static void
bad_join_proof(struct wire_order *o)
{
	o->steps |= WIRE_STEP_JOIN;
	o->from = 0;
}
static void
bad_join_from(struct wire_order *o)
{
	bad_no_proof(o);
	o->steps |= WIRE_STEP_JOIN;
}
static void
bad_join_finish(struct wire_order *o)
{
	bad_no_proof(o);
	o->steps |= WIRE_STEP_JOIN | WIRE_STEP_FINISH;
	o->from = 0;
}

static void
bad_old_root(struct wire_order *o)
{
	ck_assert(X509_up_ref(o->new_with_new));
	o->old_root = o->new_with_new;
}

static void
renewal(struct wire_order *o)
{
	bad_no_proof(o);
	o->steps = WIRE_STEP_CERT;
	o->from = o->to;
	o->roll = 0;
	o->bridge = false;
}
static void
bad_renewal_bridge(struct wire_order *o)
{
	renewal(o);
	o->bridge = true;
}
static void
bad_renewal_step(struct wire_order *o)
{
	renewal(o);
	o->steps |= WIRE_STEP_FINISH;
}
static void
bad_renewal_proof(struct wire_order *o)
{
	X509 *proof = o->new_with_old;

	o->new_with_old = NULL;
	renewal(o);
	o->new_with_old = proof;
}
static void
rekey(struct wire_order *o)
{
	renewal(o);
	X509_free(o->cert);
	o->cert = NULL;
	o->steps = WIRE_STEP_REKEY;
}
static void
bad_rekey_cert(struct wire_order *o)
{
	renewal(o);
	o->steps |= WIRE_STEP_REKEY;
}
static void
bad_rekey_moves(struct wire_order *o)
{
	rekey(o);
	o->from = o->to - 1;
}
static void
bad_rekey_join(struct wire_order *o)
{
	rekey(o);
	o->steps |= WIRE_STEP_JOIN;
}

static void
bad_compromised_back(struct wire_order *o)
{
	o->compromised = 1;
	o->from = o->to + 1;
}
static void
bad_compromised_tidy(struct wire_order *o)
{
	o->compromised = 1;
	o->steps |= WIRE_STEP_TIDY;
}
static void
bad_compromised_renewal(struct wire_order *o)
{
	renewal(o);
	o->compromised = 1;
}
static void
bad_compromised_asks(struct wire_order *o)
{
	bad_no_proof(o);
	bad_no_cert(o);
	o->steps = WIRE_STEP_TIDY;
	o->compromised = 1;
}

static void
bad_compromised_number(struct wire_order *o)
{
	o->compromised = WIRE_GENERATION_MAX + 1;
}

static void (*const bad[])(struct wire_order *) = {
	bad_compromised_number,
	bad_steps,
	bad_no_steps,
	bad_roll,
	bad_roll_big,
	bad_epoch,
	bad_epoch_big,
	bad_from,
	bad_to,
	bad_expiry,
	bad_time,
	bad_node,
	bad_fleet,
	bad_no_cert,
	bad_cert_alone,
	bad_no_proof,
	bad_no_root,
	bad_canary_twice,
	bad_canary_generation,
	bad_canary_count,
	bad_canary_empty,
	bad_join_proof,
	bad_join_from,
	bad_join_finish,
	bad_old_root,
	bad_renewal_bridge,
	bad_renewal_step,
	bad_renewal_proof,
	bad_rekey_cert,
	bad_rekey_moves,
	bad_rekey_join,
	bad_compromised_back,
	bad_compromised_tidy,
	bad_compromised_renewal,
	bad_compromised_asks,
};

START_TEST(test_bad)
{
	struct wire_order o = sample_order();

	OK(compose(&o));
	bad[_i](&o);
	ck_assert_int_ne(compose(&o), BASE_OK);
	wire_order_clear(&o);
}
END_TEST

START_TEST(test_rekey)
{
	struct wire_order o = sample_order();

	rekey(&o);
	OK(compose(&o));
	ck_assert(wire_step_renews(o.steps, o.from, o.to));
	wire_order_clear(&o);
}
END_TEST

START_TEST(test_renewal)
{
	struct wire_order o = sample_order();

	renewal(&o);
	OK(compose(&o));
	ck_assert(wire_step_renews(o.steps, o.from, o.to));
	o.from = o.to - 1;
	ck_assert(!wire_step_renews(o.steps, o.from, o.to));
	ck_assert_int_ne(compose(&o), BASE_OK); /* no roll, no proof */
	wire_order_clear(&o);
}
END_TEST

/* The same bound in the parser: epoch 7 becomes 0 in the bytes. */
START_TEST(test_parse_bound)
{
	static const uint8_t seven[] = { 0x02, 0x01, 0x07 };
	struct wire_order o;
	struct base_buf der;
	uint8_t *at;

	base_buf_init(&der, 0);
	sample_find("order")->make(&der);
	at = memmem(der.p, der.n, seven, sizeof(seven));
	ck_assert_ptr_nonnull(at);
	at[2] = 0;
	ck_assert_int_eq(wire_order_parse(base_buf_span(&der), &o),
	    BASE_E_RANGE);
	ck_assert_ptr_null(o.new_with_new);
	at[2] = 8;
	OK(wire_order_parse(base_buf_span(&der), &o));
	ck_assert_uint_eq(o.epoch, 8);
	wire_order_clear(&o);
	base_buf_free(&der);
}
END_TEST

START_TEST(test_join)
{
	struct wire_order o = sample_order();

	bad_no_proof(&o);
	o.steps |= WIRE_STEP_JOIN;
	o.from = 0;
	o.roll = 0;
	o.to = 1;
	OK(compose(&o));
	/* in the middle of a roll: both roots */
	ck_assert(X509_up_ref(o.new_with_new));
	o.old_root = o.new_with_new;
	ck_assert_int_ne(compose(&o), BASE_OK);
	o.from = 2;
	OK(compose(&o));
	wire_order_clear(&o);
}
END_TEST

/* One that only asks carries nothing to install. */
START_TEST(test_ask)
{
	struct wire_order o = sample_order();

	o.steps = 0;
	bad_no_cert(&o);
	ck_assert_int_ne(compose(&o), BASE_OK);
	bad_no_proof(&o);
	ck_assert_int_ne(compose(&o), BASE_OK);
	for (size_t i = 0; i < o.ncanary; i++) {
		X509_free(o.canary[i].cert);
		o.canary[i].cert = NULL;
	}
	o.ncanary = 0;
	OK(compose(&o));
	o.roll = 0; /* also outside of a roll */
	OK(compose(&o));
	wire_order_clear(&o);
}
END_TEST

START_TEST(test_finish)
{
	struct wire_order o = sample_order();

	bad_no_proof(&o);
	bad_no_cert(&o);
	o.steps = WIRE_STEP_FINISH;
	o.bridge = o.verifies = false;
	OK(compose(&o));
	wire_order_clear(&o);
}
END_TEST

TCase *
case_order(void)
{
	TCase *tc = tcase_create("order");

	tcase_add_loop_test(tc, test_fields, 0, 3);
	tcase_add_loop_test(tc, test_bad, 0,
	    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tc, test_parse_bound);
	tcase_add_test(tc, test_rekey);
	tcase_add_test(tc, test_renewal);
	tcase_add_test(tc, test_join);
	tcase_add_test(tc, test_ask);
	tcase_add_test(tc, test_finish);
	return tc;
}
