/* Facts, orders, reports and certificates in the store. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static enum base_err
count_fact(void *arg, const struct ca_fact *f)
{
	uint64_t *seen = arg;

	ck_assert_uint_eq(f->epoch, ++*seen);
	ck_assert_uint_eq(f->conf.trust, UINT64_C(1) << 63);
	ck_assert_uint_eq(f->conf.bridge, 4);
	return f->epoch == 3 ? BASE_E_STATE : BASE_OK;
}

/* By number, whatever node they are of, also after a restart or a rollback. */
START_TEST(facts_of_a_roll_come_in_their_order)
{
	struct ca_fact f = { .root = "plant",
		.roll = 3,
		.kind = POL_FACT_DOUBTED,
		.conf = { UINT64_C(1) << 63, 2, 4 } };
	uint64_t seen = 0;

	for (f.epoch = 1; f.epoch <= 2; f.epoch++) {
		f.node[0] = f.epoch == 1 ? 'b' : 'a';
		ck_assert_int_eq(ca_store_begin(st), BASE_OK);
		ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
		ca_store_rollback(st);
		ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
		store_reopen();
	}
	ck_assert_int_eq(ca_store_facts_of_roll(st, 3, count_fact, &seen),
	    BASE_OK);
	ck_assert_uint_eq(seen, 2);
}
END_TEST

START_TEST(facts_come_in_their_order)
{
	struct ca_fact f = { .root = "plant",
		.node = "a",
		.roll = 3,
		.kind = POL_FACT_DOUBTED,
		.conf = { UINT64_C(1) << 63, 2, 4 } };
	uint64_t seen = 0;

	for (f.epoch = 1; f.epoch <= 2; f.epoch++)
		ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ck_assert_int_eq(ca_store_facts_of_roll(st, 3, count_fact, &seen),
	    BASE_OK);
	ck_assert_uint_eq(seen, 2);
	seen = 0;
	ck_assert_int_eq(ca_store_facts_of_node(st, "b", "plant", count_fact,
			     &seen),
	    BASE_OK);
	ck_assert_uint_eq(seen, 0);
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ck_assert_int_eq(ca_store_facts_of_node(st, "a", "plant", count_fact,
			     &seen),
	    BASE_E_STATE);
	ck_assert_uint_eq(seen, 3);
}
END_TEST

static enum base_err
count_order(void *arg, const struct ca_order *o)
{
	ck_assert_uint_eq(o->cms.n, 3);
	++*(size_t *)arg;
	return BASE_OK;
}

START_TEST(an_epoch_is_given_once)
{
	struct ca_order o = { .node = "a",
		.root = "plant",
		.epoch = 4,
		.steps = 3,
		.state = CA_ORDER_SENT,
		.digest = { 1 } },
			back;
	uint64_t last;
	size_t n = 0;

	ck_assert_int_eq(base_buf_put(&o.cms, "cms", 3), BASE_OK);
	ck_assert_int_eq(ca_store_epoch_last(st, "a", "plant", &last), BASE_OK);
	ck_assert_uint_eq(last, 0);
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_epoch_last(st, "a", "plant", &last), BASE_OK);
	ck_assert_uint_eq(last, 4);
	ck_assert_int_eq(ca_store_orders_open(st, false, count_order, &n),
	    BASE_OK);
	ck_assert_uint_eq(n, 1);
	o.state = CA_ORDER_EFFECTIVE;
	o.settled.ms = 8;
	ck_assert_int_eq(ca_store_order_update(st, &o), BASE_OK);
	ck_assert_int_eq(ca_store_orders_open(st, false, count_order, &n),
	    BASE_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(ca_store_order_get(st, "a", "plant", 4, &back),
	    BASE_OK);
	ck_assert_int_eq(back.settled.ms, 8);
	ck_assert_int_eq(back.digest[0], 1);
	ca_order_clear(&back);
	ck_assert_int_eq(ca_store_order_get(st, "a", "plant", 5, &back),
	    BASE_E_NOTFOUND);
	o.epoch = 5;
	ck_assert_int_eq(ca_store_order_update(st, &o), BASE_E_NOTFOUND);
	ca_order_clear(&o);
}
END_TEST

static enum base_err
unsent_order(void *arg, const struct ca_order *o)
{
	ck_assert(o->unsent);
	ck_assert_uint_eq(o->roll, 3);
	ck_assert_uint_eq(o->cms.n, 0);
	*(uint64_t *)arg += o->epoch;
	return BASE_OK;
}

START_TEST(what_nobody_was_given_is_known_by_its_roll)
{
	struct ca_order o = { .node = "a",
		.root = "plant",
		.state = CA_ORDER_REPLACED };
	uint64_t sum = 0;

	ck_assert_int_eq(base_buf_put(&o.cms, "cms", 3), BASE_OK);
	for (o.epoch = 1; o.epoch <= 4; o.epoch++) {
		o.roll = o.epoch == 4 ? 4 : 3;
		o.unsent = o.epoch != 1;
		ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	}
	ca_order_clear(&o);
	ck_assert_int_eq(ca_store_orders_unsent(st, 3, unsent_order, &sum),
	    BASE_OK);
	ck_assert_uint_eq(sum, 2 + 3);
	ck_assert_int_eq(ca_store_orders_unsent(st, 5, unsent_order, &sum),
	    BASE_OK);
	ck_assert_uint_eq(sum, 2 + 3);
}
END_TEST

START_TEST(a_report_is_kept_once)
{
	struct ca_report r = { .node = "a",
		.root = "plant",
		.epoch = 1,
		.status = WIRE_EFFECTIVE,
		.digest = { 7 },
		.cms = store_span("x") };

	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_OK);
	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_E_EXISTS);
	r.digest[0]++;
	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_OK);
	ck_assert_uint_eq(ca_store_reports_added(st), 2);
	store_reopen();
	ck_assert_uint_eq(ca_store_reports_added(st), 0);
	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_E_EXISTS);
}
END_TEST

TCase *
case_store_sqlite_roll(void)
{
	TCase *t = tcase_create("store_sqlite_roll");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, facts_come_in_their_order);
	tcase_add_test(t, facts_of_a_roll_come_in_their_order);
	tcase_add_test(t, an_epoch_is_given_once);
	tcase_add_test(t, what_nobody_was_given_is_known_by_its_roll);
	tcase_add_test(t, a_report_is_kept_once);
	return t;
}
