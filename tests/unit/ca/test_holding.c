/* What a node holds under a root, by its dated facts. */
#include <check.h>
#include <string.h>

#include "ca/kedged.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static struct ca_fact fact = { .root = "plant", .node = "web1" };

static void
add(enum pol_fact_kind kind)
{
	fact.kind = kind;
	ck_assert_int_eq(ca_store_fact_add(st, &fact), BASE_OK);
}

static struct ca_holding
holding(void)
{
	struct ca_holding h;

	ck_assert_int_eq(ca_holding_get(st, "web1", "plant", &h), BASE_OK);
	return h;
}

START_TEST(confirmed_by_effective_only)
{
	ck_assert(!holding().known);
	fact.conf = (struct pol_conf){ 1, 1, 0 };
	fact.epoch = 4;
	add(POL_FACT_HOLDS);
	ck_assert(holding().known && holding().confirmed);
	fact.steps = POL_TRUST;
	fact.from = 1;
	fact.to = 2;
	fact.epoch = 5;
	add(POL_FACT_SENT);
	add(POL_FACT_RECEIVED);
	ck_assert(holding().known && !holding().confirmed);
	ck_assert_uint_eq(holding().epoch, 4);
	ck_assert_uint_eq(holding().steps, POL_TRUST);
	ck_assert_uint_eq(holding().to, 2);
	fact.conf.trust = 3;
	add(POL_FACT_EFFECTIVE);
	ck_assert(holding().confirmed);
	/* nor does one that was sent before and is told after it */
	add(POL_FACT_SENT);
	ck_assert(holding().confirmed);
	ck_assert_uint_eq(holding().conf.trust, 3);
	ck_assert_uint_eq(holding().epoch, 5);
	ck_assert_uint_eq(holding().steps, 0);
	/* of another root nothing is known by that */
	{
		struct ca_holding h;

		ck_assert_int_eq(ca_holding_get(st, "web1", "lab", &h),
		    BASE_OK);
		ck_assert(!h.known);
	}
}
END_TEST

/* A join is answered late, when the next order is out; only the answer to that
 * one ends it, or the loss of all that was known. */
START_TEST(a_late_answer_leaves_the_last_order_open)
{
	struct ca_holding h;

	fact.conf = (struct pol_conf){ 1, 1, 0 };
	fact.from = 1;
	fact.to = 2;
	for (fact.epoch = 1; fact.epoch <= 2; fact.epoch++) {
		fact.steps =
		    fact.epoch == 1 ? WIRE_STEP_JOIN | POL_TRUST : POL_TRUST;
		add(POL_FACT_SENT);
	}
	fact.epoch = 1;
	add(POL_FACT_HOLDS);
	h = holding();
	ck_assert(h.known && !h.confirmed);
	ck_assert_uint_eq(h.conf.trust, 1);
	ck_assert_uint_eq(h.epoch, 1);
	ck_assert_uint_eq(h.steps, POL_TRUST);
	if (_i == 0) {
		fact.epoch = 2;
		add(POL_FACT_EFFECTIVE);
	} else {
		add(POL_FACT_LOST);
		add(POL_FACT_HOLDS);
	}
	h = holding();
	ck_assert(h.confirmed);
	ck_assert_uint_eq(h.steps, 0);
	/* and it is no measure of what is said later */
	fact.epoch = 1;
	add(POL_FACT_HOLDS);
	ck_assert(holding().confirmed);
}
END_TEST

START_TEST(confirmation_is_lost)
{
	static const struct {
		enum pol_fact_kind kind;
		uint32_t steps;
		bool confirmed, doubted, known, lost;
	} rows[] = { { POL_FACT_FAILED, POL_CERT, false, false, true, false },
		{ POL_FACT_FAILED, WIRE_STEP_TIDY, true, false, true, false },
		{ POL_FACT_DOUBTED, 0, false, true, true, false },
		{ POL_FACT_LOST, 0, false, false, false, true },
		{ POL_FACT_SEEN, 0, true, false, true, false },
		{ POL_FACT_HELD, 0, true, false, true, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ca_holding h;

		fact.conf = (struct pol_conf){ 1, 1, 0 };
		add(POL_FACT_HOLDS);
		ck_assert(holding().confirmed && !holding().lost);
		fact.steps = rows[i].steps;
		add(rows[i].kind);
		h = holding();
		ck_assert_msg(h.confirmed == rows[i].confirmed &&
			h.doubted == rows[i].doubted &&
			h.known == rows[i].known && h.lost == rows[i].lost,
		    "row %zu", i);
	}
	add(POL_FACT_EXCUSED);
	ck_assert(holding().excused);
	add(POL_FACT_RETURNED);
	ck_assert(!holding().excused);
}
END_TEST

static struct pol_conf
after(uint32_t steps, bool bridge, struct pol_conf before)
{
	const struct ca_order o = { .steps = steps,
		.from = 1,
		.to = 2,
		.bridge = bridge };

	return ca_conf_after(before, &o);
}

START_TEST(after_an_order)
{
	static const struct {
		uint32_t steps;
		bool bridge;
		struct pol_conf before, want;
	} rows[] = {
		{ POL_TRUST, false, { 1, 1, 0 }, { 3, 1, 0 } },
		{ POL_CERT, false, { 3, 1, 0 }, { 3, 2, 0 } },
		{ POL_CERT, true, { 3, 1, 0 }, { 3, 2, 1 } },
		{ POL_FINISH, false, { 3, 2, 1 }, { 2, 2, 0 } },
		/* who verifies nobody forgets nothing */
		{ POL_FINISH, false, { 0, 2, 1 }, { 0, 2, 0 } },
		{ WIRE_STEP_TIDY, false, { 2, 2, 0 }, { 2, 2, 0 } },
		{ WIRE_STEP_JOIN | POL_TRUST | POL_CERT, false, { 9, 9, 9 },
		    { 3, 2, 0 } },
		{ WIRE_STEP_JOIN | POL_TRUST | POL_CERT, true, { 9, 9, 9 },
		    { 3, 2, 0 } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pol_conf c =
		    after(rows[i].steps, rows[i].bridge, rows[i].before);

		ck_assert_msg(c.trust == rows[i].want.trust &&
			c.present == rows[i].want.present &&
			c.bridge == rows[i].want.bridge,
		    "row %zu", i);
	}
}
END_TEST

START_TEST(oldest_generation)
{
	ck_assert_uint_eq(ca_conf_lowest((struct pol_conf){ 0, 0, 0 }), 0);
	ck_assert_uint_eq(ca_conf_lowest((struct pol_conf){ 6, 4, 0 }), 2);
	ck_assert_uint_eq(ca_conf_lowest((struct pol_conf){ 4, 4, 1 }), 1);
	ck_assert_uint_eq(ca_conf_lowest(
			      (struct pol_conf){ UINT64_C(1) << 63, 0, 0 }),
	    64);
}
END_TEST

TCase *
case_holding(void)
{
	TCase *t = tcase_create("holding");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, confirmed_by_effective_only);
	tcase_add_loop_test(t, a_late_answer_leaves_the_last_order_open, 0, 2);
	tcase_add_test(t, confirmation_is_lost);
	tcase_add_test(t, after_an_order);
	tcase_add_test(t, oldest_generation);
	return t;
}
