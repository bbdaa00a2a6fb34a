/* Tests of policy/explain.c, and of the judgement for a signer. */
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

static const char *
name_of(const void *arg, uint32_t node)
{
	return ((const struct fleet *)arg)->name[node];
}

START_TEST(test_sentence_of_a_rule)
{
	struct pol_fact sent = { .kind = POL_FACT_SENT,
		.node = 0,
		.epoch = 99,
		.steps = POL_TRUST,
		.from = 1,
		.to = 2,
		.at = { INT64_C(1709210096789) } };
	struct pol_engine *e;
	struct pol_why w[3];
	struct fleet f;
	char text[512];

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, 1, POL_TRUST);
	ck_assert_uint_eq(pol_engine_waits(e, 1, w, 3), 2);
	(void)pol_why_text(&w[0], name_of, &f, text, sizeof(text));
	ck_assert_str_eq(text,
	    "s waits with cert: it may present its new certificate only when "
	    "c is known to trust the new root (link c > s); c has not got its "
	    "order trust yet");
	ck_assert_int_eq(pol_engine_fact(e, &sent), POL_OK);
	ck_assert_uint_eq(pol_engine_waits(e, 1, w, 3), 2);
	(void)pol_why_text(&w[0], name_of, &f, text, sizeof(text));
	ck_assert_str_eq(text,
	    "s waits with cert: it may present its new certificate only when "
	    "c is known to trust the new root (link c > s); the effective "
	    "report of c on trust is missing since 2024-02-29T12:34:56Z");
	(void)pol_why_text(&w[1], name_of, &f, text, sizeof(text));
	ck_assert(strstr(text, "forget the old root only when c") != NULL);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_text_is_cut)
{
	struct pol_why w = { .rule = "known",
		.node = 0,
		.steps = POL_CERT,
		.peer = POL_NONE };
	struct fleet f;
	char text[16];
	size_t n;

	fleet_make(&f, "c>s", "");
	n = pol_why_text(&w, name_of, &f, text, sizeof(text));
	ck_assert_uint_gt(n, sizeof(text));
	ck_assert_str_eq(text, "c waits with ce");
	ck_assert_uint_eq(pol_why_text(&w, name_of, &f, text, 0), n);
	ck_assert_uint_eq(pol_why_text(&w, name_of, &f, text, 1), n);
	ck_assert_str_eq(text, "");
	fleet_free(&f);
}
END_TEST

START_TEST(test_signer_judges_by_reports)
{
	const struct pol_order cert = { 1, POL_CERT };
	struct pol_fact facts[] = {
		{ .kind = POL_FACT_HOLDS, .node = 0, .conf = { 1, 1, 0 } },
		{ .kind = POL_FACT_HOLDS, .node = 1, .conf = { 3, 1, 0 } },
		{ .kind = POL_FACT_SENT,
		    .node = 0,
		    .epoch = 1,
		    .steps = POL_TRUST,
		    .from = 1,
		    .to = 2 },
		{ .kind = POL_FACT_EFFECTIVE, .node = 0, .epoch = 1 },
	};
	struct pol_evidence v = { .goal = { .from = 1, .to = 2 },
		.facts = facts,
		.nfacts = 4 };
	struct pol_why why;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	v.graph = f.graph;
	ck_assert_int_eq(pol_order_justified(&v, cert, &why), POL_OK);
	/* a kedged that lies: the report is missing, or is only `received` */
	v.nfacts = 3;
	ck_assert_int_eq(pol_order_justified(&v, cert, &why), POL_E_UNSAFE);
	ck_assert_str_eq(why.rule, "present-trusted");
	v.nfacts = 4;
	facts[3].kind = POL_FACT_RECEIVED;
	ck_assert_int_eq(pol_order_justified(&v, cert, NULL), POL_E_UNSAFE);
	facts[3].epoch = 2;
	facts[3].kind = POL_FACT_EFFECTIVE;
	ck_assert_int_eq(pol_order_justified(&v, cert, NULL), POL_E_STALE);
	/* … or the peer is left out altogether */
	v.facts = facts + 1;
	v.nfacts = 1;
	ck_assert_int_eq(pol_order_justified(&v, cert, NULL), POL_E_UNSAFE);
	fleet_free(&f);
}
END_TEST

TCase *
case_explain(void)
{
	TCase *t = tcase_create("explain");

	tcase_add_test(t, test_sentence_of_a_rule);
	tcase_add_test(t, test_text_is_cut);
	tcase_add_test(t, test_signer_judges_by_reports);
	return t;
}
