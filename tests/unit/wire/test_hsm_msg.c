/* Requests to kedge-hsmd, its answers, and the frames around them. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

START_TEST(test_request)
{
	enum wire_hsm_type type = (enum wire_hsm_type)_i;
	struct wire_hsm_request r = sample_hsm_request(type), p;
	struct base_buf msg;

	base_buf_init(&msg, 0);
	OK(wire_hsm_request_compose(&r, &msg));
	OK(wire_hsm_request_parse(base_buf_span(&msg), &p));
	ck_assert_int_eq(p.type, type);
	ck_assert_uint_eq(p.id, 77);
	for (size_t n = 0; n < msg.n; n++) {
		struct wire_hsm_request q;

		ck_assert_int_ne(
		    wire_hsm_request_parse((struct base_span){ msg.p, n }, &q),
		    BASE_OK);
	}
	wire_hsm_request_clear(&r);
	wire_hsm_request_clear(&p);
	base_buf_free(&msg);
}
END_TEST

START_TEST(test_answer)
{
	enum wire_hsm_type type = (enum wire_hsm_type)_i;
	struct wire_hsm_answer a = sample_hsm_answer(type), p;
	struct base_buf msg;

	base_buf_init(&msg, 0);
	OK(wire_hsm_answer_compose(&a, &msg));
	OK(wire_hsm_answer_parse(base_buf_span(&msg), &p));
	ck_assert_int_eq(p.type, type);
	wire_hsm_answer_clear(&p);
	base_buf_clear(&msg);
	a.err = BASE_E_AGAIN;
	strcpy(a.why, "token: restarting");
	OK(wire_hsm_answer_compose(&a, &msg));
	OK(wire_hsm_answer_parse(base_buf_span(&msg), &p));
	ck_assert_int_eq(p.err, BASE_E_AGAIN);
	ck_assert_str_eq(p.why, a.why);
	ck_assert_ptr_null(p.items);
	wire_hsm_answer_clear(&a);
	wire_hsm_answer_clear(&p);
	base_buf_free(&msg);
}
END_TEST

START_TEST(test_marked)
{
	ck_assert(wire_hsm_is_marked(WIRE_HSM_ORDERS));
	ck_assert(wire_hsm_is_marked(WIRE_HSM_TELL));
	ck_assert(wire_hsm_is_marked(WIRE_HSM_BIND));
	ck_assert(!wire_hsm_is_marked(WIRE_HSM_AUDIT));
	ck_assert(!wire_hsm_is_marked(WIRE_HSM_SHOW));
	ck_assert(!wire_hsm_is_marked((enum wire_hsm_type)0));
	ck_assert(!wire_hsm_is_marked((enum wire_hsm_type)99));
}
END_TEST

START_TEST(test_fields)
{
	struct wire_hsm_request r = sample_hsm_request(WIRE_HSM_BIND), p;
	struct base_buf msg;

	base_buf_init(&msg, 0);
	OK(wire_hsm_request_compose(&r, &msg));
	OK(wire_hsm_request_parse(base_buf_span(&msg), &p));
	ck_assert_str_eq(p.fleet, FLEET);
	ck_assert_str_eq(p.node, "app1");
	ck_assert_mem_eq(p.secret, r.secret, sizeof(r.secret));
	ck_assert_uint_eq(p.nitems, 2);
	ck_assert_str_eq(p.roots[0], "management");
	ck_assert_mem_eq(p.items[1].p, "item2", 5);
	ck_assert_uint_eq(p.cert.n, 0); /* does not travel with BIND */
	wire_hsm_request_clear(&r);
	wire_hsm_request_clear(&p);
	base_buf_free(&msg);
}
END_TEST

START_TEST(test_bad)
{
	struct wire_hsm_request r = sample_hsm_request(WIRE_HSM_CERTS), p;
	struct base_buf msg;

	base_buf_init(&msg, 0);
	OK(wire_hsm_request_compose(&r, &msg));
	msg.p[0] = 2; /* version */
	ck_assert_int_eq(wire_hsm_request_parse(base_buf_span(&msg), &p),
	    BASE_E_SYNTAX);
	msg.p[0] = 1;
	msg.p[1] = WIRE_HSM_APPROVE + 1;
	ck_assert_int_eq(wire_hsm_request_parse(base_buf_span(&msg), &p),
	    BASE_E_SYNTAX);
	base_buf_clear(&msg);
	r.key.generation = 0;
	OK(wire_hsm_request_compose(&r, &msg));
	ck_assert_int_eq(wire_hsm_request_parse(base_buf_span(&msg), &p),
	    BASE_E_RANGE);
	r.key.generation = 1;
	r.key.alg = (enum wire_alg)9;
	base_buf_clear(&msg);
	OK(wire_hsm_request_compose(&r, &msg));
	ck_assert_int_eq(wire_hsm_request_parse(base_buf_span(&msg), &p),
	    BASE_E_SYNTAX);
	wire_hsm_request_clear(&r);
	base_buf_free(&msg);
}
END_TEST

START_TEST(test_batch)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.id = 1,
		.fleet = FLEET },
				p;
	struct base_buf msg;

	base_buf_init(&msg, 0);
	strcpy(r.key.root, "plant");
	r.key.generation = 1;
	r.key.alg = WIRE_P256;
	r.nitems = WIRE_HSM_BATCH;
	r.items = base_alloc((WIRE_HSM_BATCH + 1) * sizeof(*r.items));
	OK(wire_hsm_request_compose(&r, &msg));
	OK(wire_hsm_request_parse(base_buf_span(&msg), &p));
	ck_assert_uint_eq(p.nitems, WIRE_HSM_BATCH);
	wire_hsm_request_clear(&p);
	base_buf_clear(&msg);
	r.nitems++;
	ck_assert_int_eq(wire_hsm_request_compose(&r, &msg), BASE_E_RANGE);
	wire_hsm_request_clear(&r);
	base_buf_free(&msg);
}
END_TEST

START_TEST(test_frame)
{
	struct base_span m;
	struct base_buf b;
	size_t used = 0;

	base_buf_init(&b, 0);
	OK(wire_hsm_frame_put(&b, STR("hello")));
	OK(wire_hsm_frame_put(&b, STR("more")));
	OK(wire_hsm_frame_get(base_buf_span(&b), &m, &used));
	ck_assert_uint_eq(used, 9);
	ck_assert_uint_eq(m.n, 5);
	ck_assert_mem_eq(m.p, "hello", 5);
	for (size_t n = 0; n < 9; n++)
		ck_assert_int_eq(wire_hsm_frame_get((struct base_span){ b.p,
							n },
				     &m, &used),
		    BASE_E_AGAIN);
	ck_assert_int_eq(wire_hsm_frame_put(&b, STR("")), BASE_E_RANGE);
	memset(b.p, 0, 4);
	ck_assert_int_eq(wire_hsm_frame_get(base_buf_span(&b), &m, &used),
	    BASE_E_RANGE);
	memcpy(b.p, "\x00\x80\x00\x01", 4); /* 8 MiB and one */
	ck_assert_int_eq(wire_hsm_frame_get(base_buf_span(&b), &m, &used),
	    BASE_E_RANGE);
	memcpy(b.p, "\x00\x80\x00\x00", 4);
	ck_assert_int_eq(wire_hsm_frame_get(base_buf_span(&b), &m, &used),
	    BASE_E_AGAIN);
	base_buf_free(&b);
}
END_TEST

TCase *
case_hsm_msg(void)
{
	TCase *tc = tcase_create("hsm_msg");

	tcase_add_loop_test(tc, test_request, WIRE_HSM_INFO,
	    WIRE_HSM_APPROVE + 1);
	tcase_add_loop_test(tc, test_answer, WIRE_HSM_INFO,
	    WIRE_HSM_APPROVE + 1);
	tcase_add_test(tc, test_marked);
	tcase_add_test(tc, test_fields);
	tcase_add_test(tc, test_bad);
	tcase_add_test(tc, test_batch);
	tcase_add_test(tc, test_frame);
	return tc;
}
