/* Join requests and answers: bounds. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

START_TEST(test_request)
{
	struct wire_join_request r = sample_join_request();
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_join_request_compose(&r, &der));
	strcpy(r.roots[1].root, "plant");
	ck_assert_int_eq(wire_join_request_compose(&r, &der), BASE_E_SYNTAX);
	r.nroots = WIRE_JOIN_ROOTS + 1;
	ck_assert_int_eq(wire_join_request_compose(&r, &der), BASE_E_RANGE);
	r.nroots = 0;
	OK(wire_join_request_compose(&r, &der));
	wire_join_request_clear(&r);
	base_buf_free(&der);
}
END_TEST

/* A request without a CSR composes, but nobody takes it. */
START_TEST(test_request_empty)
{
	struct wire_join_request r = sample_join_request(), p;
	struct base_buf der;

	base_buf_init(&der, 0);
	base_buf_clear(&r.roots[1].csr);
	OK(wire_join_request_compose(&r, &der));
	ck_assert_int_eq(wire_join_request_parse(base_buf_span(&der), &p),
	    BASE_E_RANGE);
	wire_join_request_clear(&r);
	base_buf_free(&der);
}
END_TEST

START_TEST(test_answer)
{
	struct wire_join_answer a = sample_join_answer(), p;
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_join_answer_compose(&a, &der));
	OK(wire_join_answer_parse(base_buf_span(&der), &p));
	ck_assert_uint_eq(p.norders, 2);
	ck_assert_mem_eq(p.order[1].p, "order2", 6);
	wire_join_answer_clear(&p);
	a.norders = WIRE_JOIN_ROOTS + 1;
	ck_assert_int_eq(wire_join_answer_compose(&a, &der), BASE_E_RANGE);
	a.norders = 2;
	X509_free(a.management_root);
	a.management_root = NULL;
	ck_assert_int_eq(wire_join_answer_compose(&a, &der), BASE_E_SYNTAX);
	wire_join_answer_clear(&a);
	base_buf_free(&der);
}
END_TEST

/* A no says why, and comes without orders. */
START_TEST(test_refusal)
{
	struct wire_join_answer a = sample_join_answer(), p;
	struct base_buf der;

	base_buf_init(&der, 0);
	strcpy(a.refusal, "the token has expired");
	ck_assert_int_eq(wire_join_answer_compose(&a, &der), BASE_E_SYNTAX);
	a.norders = 0;
	OK(wire_join_answer_compose(&a, &der));
	OK(wire_join_answer_parse(base_buf_span(&der), &p));
	ck_assert_str_eq(p.refusal, "the token has expired");
	wire_join_answer_clear(&p);
	memset(a.refusal, 'x', sizeof(a.refusal));
	ck_assert_int_eq(wire_join_answer_compose(&a, &der), BASE_E_SYNTAX);
	strcpy(a.refusal, "\xff");
	ck_assert_int_eq(wire_join_answer_compose(&a, &der), BASE_E_SYNTAX);
	wire_join_answer_clear(&a);
	base_buf_free(&der);
}
END_TEST

TCase *
case_join(void)
{
	TCase *tc = tcase_create("join");

	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_request_empty);
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_refusal);
	return tc;
}
