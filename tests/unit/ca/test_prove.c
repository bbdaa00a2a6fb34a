/* What the store has to prove to kedge-hsmd; see ca/prove.h. */
#include <check.h>
#include <string.h>

#include "ca/prove.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static void
put_order(const char *node, uint64_t epoch, uint32_t from, uint32_t compromised)
{
	struct ca_order o = { .root = "plant",
		.epoch = epoch,
		.roll = 1,
		.steps = POL_TRUST,
		.from = from,
		.to = from + 1,
		.compromised = compromised,
		.issued = { (int64_t)epoch },
		.state = CA_ORDER_EFFECTIVE };

	strcpy(o.node, node);
	ck_assert_int_eq(base_buf_printf(&o.cms, "%s %d", node, (int)epoch),
	    BASE_OK);
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	ca_order_clear(&o);
}

static bool
is_cms(const struct base_buf *b, const char *text)
{
	return b->n == strlen(text) && memcmp(b->p, text, b->n) == 0;
}

/* An order that names this generation or a later one, of a node that is there. */
START_TEST(of_a_theft)
{
	struct wire_hsm_proof p = { .ndoubts = 0 };

	store_fleet();
	put_order("web1", 4, 1, 0);
	put_order("left", 5, 1, 1);
	put_order("app1", 9, 3, 3);
	/* of one that was away when 1 was left */
	put_order("web1", 9, 4, 1);
	ck_assert_int_eq(ca_proof_stolen(st, "plant", 4, &p), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_proof_stolen(st, "other", 1, &p), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_proof_stolen(st, "plant", 2, &p), BASE_OK);
	ck_assert_str_eq(p.node, "app1");
	ck_assert_str_eq(p.root, "plant");
	ck_assert(is_cms(&p.order, "app1 9"));
	ck_assert_uint_eq(p.report.n, 0);
	wire_hsm_proof_clear(&p);
	ck_assert_int_eq(ca_proof_stolen(st, "plant", 1, &p), BASE_OK);
	ck_assert(is_cms(&p.order, "web1 9"));
	wire_hsm_proof_clear(&p);
}
END_TEST

/* The newest report, with its order when that is asked for; what came after it
 * is doubted, what came before is not. */
START_TEST(of_a_report)
{
	struct wire_hsm_proof p = { .node = "web1", .root = "plant" };
	struct ca_report r = { .node = "web1",
		.root = "plant",
		.epoch = 4,
		.status = WIRE_EFFECTIVE,
		.cms = store_span("says") };
	struct ca_fact f = { .node = "web1",
		.root = "plant",
		.kind = POL_FACT_DOUBTED,
		.conf = { 5, 1, 0 } };

	store_fleet();
	put_order("web1", 4, 1, 0);
	ck_assert_int_eq(ca_proof_report(st, &p, true), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_OK);
	ck_assert_int_eq(ca_proof_report(st, &p, false), BASE_OK);
	ck_assert(is_cms(&p.report, "says"));
	ck_assert_uint_eq(p.order.n, 0);
	base_buf_clear(&p.report);
	ck_assert_int_eq(ca_proof_report(st, &p, true), BASE_OK);
	ck_assert(is_cms(&p.order, "web1 4"));
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	f.kind = POL_FACT_EFFECTIVE;
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	f.kind = POL_FACT_DOUBTED;
	f.conf.trust = 6;
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ck_assert_int_eq(ca_proof_doubts(st, &p), BASE_OK);
	ck_assert_uint_eq(p.ndoubts, 1);
	ck_assert_uint_eq(p.doubt[0].trust, 6);
	wire_hsm_proof_clear(&p);
}
END_TEST

TCase *
case_prove(void)
{
	TCase *t = tcase_create("prove");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, of_a_theft);
	tcase_add_test(t, of_a_report);
	return t;
}
