/* Joining: who gets in, once, and what is kept. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static struct world w;
static struct wire_join_request q;
static EVP_PKEY *key, *other;
static enum base_err err;
static struct base_buf answer, der;
static char token[512];

static void
token_done(void *arg, enum base_err e, const char *text, struct base_time end)
{
	(void)arg;
	(void)end;
	err = e;
	snprintf(token, sizeof(token), "%s", e == BASE_OK ? text : "");
}

static void
get_token(const char *node, struct wire_token *t)
{
	ca_token_make(&w.ca, node, 60, token_done, NULL);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert_int_eq(err, BASE_OK);
	ck_assert_int_eq(wire_token_parse((struct base_span){ (const uint8_t *)
								  token,
					      strlen(token) },
			     t),
	    BASE_OK);
}

static void
csr(EVP_PKEY *k, struct base_buf *out)
{
	base_buf_clear(out);
	ck_assert_int_eq(wire_csr_make(k, q.fleet, q.node, out), BASE_OK);
}

static void
setup(void)
{
	struct wire_token t;

	world_open(&w, pair, 41);
	ck_assert_int_eq(wire_key_make(WIRE_P256, &key), BASE_OK);
	ck_assert_int_eq(wire_key_make(WIRE_P256, &other), BASE_OK);
	base_buf_init(&answer, 0);
	base_buf_init(&der, 0);
	get_token("web1", &t);
	memset(&q, 0, sizeof(q));
	snprintf(q.fleet, CA_NAME, "demo");
	snprintf(q.node, CA_NAME, "web1");
	memcpy(q.secret, t.secret, sizeof(q.secret));
	q.nroots = 1;
	snprintf(q.roots[0].root, CA_NAME, "plant");
	csr(key, &q.management_csr);
	csr(other, &q.roots[0].csr);
}

static void
teardown(void)
{
	wire_join_request_clear(&q);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	base_buf_free(&answer);
	base_buf_free(&der);
	world_close(&w);
}

static void
join_done(void *arg, enum base_err e, struct base_span b)
{
	(void)arg;
	err = e;
	base_buf_clear(&answer);
	if (e == BASE_OK)
		ck_assert_int_eq(base_buf_put(&answer, b.p, b.n), BASE_OK);
}

static void
ask(void)
{
	base_buf_clear(&der);
	ck_assert_int_eq(wire_join_request_compose(&q, &der), BASE_OK);
	ca_join_request(&w.ca, base_buf_span(&der), join_done, NULL);
}

static enum base_err
join(void)
{
	ask();
	while (hsm_fake_turn(w.hsm) > 0)
		;
	return err;
}

static bool
has_joined(void)
{
	struct ca_node n;

	ck_assert_int_eq(ca_store_node_get(w.ca.store, "web1", &n), BASE_OK);
	return n.joined.ms != 0;
}

START_TEST(the_token_opens_once)
{
	struct base_buf first;

	base_buf_init(&first, 0);
	ck_assert_int_eq(join(), BASE_OK);
	ck_assert(has_joined());
	ck_assert_int_eq(base_buf_put(&first, answer.p, answer.n), BASE_OK);
	/* the same request: the same answer, byte for byte, ever after */
	world_restart(&w);
	ck_assert_int_eq(join(), BASE_OK);
	ck_assert_uint_eq(first.n, answer.n);
	ck_assert_mem_eq(first.p, answer.p, answer.n);
	/* another key with the same token */
	csr(key, &q.roots[0].csr);
	ck_assert_int_eq(join(), BASE_E_DENIED);
	base_buf_free(&first);
}
END_TEST

START_TEST(the_answer_is_bound_to_the_request)
{
	struct wire_signer s = { .cert = NULL };
	struct wire_join_answer a;
	struct base_buf text;
	uint8_t digest[32];

	base_buf_init(&text, 0);
	ck_assert_int_eq(join(), BASE_OK);
	ck_assert_int_eq(wire_cms_verify(WIRE_C_JOIN_ANSWER,
			     base_buf_span(&answer), w.ca.management, w.now,
			     &text, &s),
	    BASE_OK);
	ck_assert_int_eq(wire_join_answer_parse(base_buf_span(&text), &a),
	    BASE_OK);
	wire_digest(base_buf_span(&der), digest);
	ck_assert_mem_eq(a.request_digest, digest, 32);
	ck_assert_str_eq(a.node, "web1");
	ck_assert_uint_eq(a.norders, 2); /* plant's, and management's */
	wire_join_answer_clear(&a);
	wire_signer_clear(&s);
	base_buf_free(&text);
}
END_TEST

START_TEST(a_wrong_secret_is_denied)
{
	q.secret[3] ^= 1;
	ck_assert_int_eq(join(), BASE_E_DENIED);
	ck_assert(!has_joined());
}
END_TEST

START_TEST(another_nodes_token_is_denied)
{
	struct wire_token t;

	get_token("app1", &t);
	memcpy(q.secret, t.secret, sizeof(q.secret));
	ck_assert_int_eq(join(), BASE_E_DENIED);
	ck_assert(!has_joined());
}
END_TEST

START_TEST(an_old_token_is_expired)
{
	w.now.ms += 61000;
	ck_assert_int_eq(join(), BASE_E_EXPIRED);
	ck_assert(!has_joined());
}
END_TEST

START_TEST(a_root_without_a_key_is_refused)
{
	snprintf(q.roots[0].root, CA_NAME, "lab");
	ck_assert_int_eq(join(), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "plant"));
	snprintf(q.roots[0].root, CA_NAME, "nosuch");
	ck_assert_int_eq(join(), BASE_E_REFUSED);
	ck_assert(!has_joined());
}
END_TEST

START_TEST(another_fleet_is_refused)
{
	snprintf(q.fleet, CA_NAME, "elsewhere");
	csr(key, &q.management_csr);
	csr(other, &q.roots[0].csr);
	ck_assert_int_eq(join(), BASE_E_REFUSED);
	ck_assert(!has_joined());
}
END_TEST

START_TEST(a_request_for_somebody_elses_name_is_refused)
{
	base_buf_clear(&q.roots[0].csr);
	ck_assert_int_eq(wire_csr_make(other, "demo", "app1", &q.roots[0].csr),
	    BASE_OK);
	ck_assert_int_ne(join(), BASE_OK);
	ck_assert(!has_joined());
}
END_TEST

/* kedged dies after hsmd has bound the keys, before anything is kept. */
START_TEST(killed_in_the_middle_it_starts_over)
{
	ask();
	world_restart(&w);
	ck_assert_int_eq(join(), BASE_OK);
	ck_assert(has_joined());
}
END_TEST

START_TEST(without_hsmd_the_token_stays_good)
{
	hsm_fake_mood(w.hsm)->down = true;
	ck_assert_int_eq(join(), BASE_E_AGAIN);
	ck_assert(!has_joined());
	hsm_fake_mood(w.hsm)->down = false;
	ck_assert_int_eq(join(), BASE_OK);
}
END_TEST

/* Two at once with one token: one gets in. */
START_TEST(two_at_once_with_one_token)
{
	enum base_err first;

	ask();
	csr(key, &q.roots[0].csr);
	ask();
	first = err;
	while (hsm_fake_turn(w.hsm) > 0)
		;
	(void)first;
	ck_assert(has_joined());
	ck_assert_int_eq(err, BASE_E_STATE);
}
END_TEST

/* hsmd has bound the keys and is about to sign; then the fleet changes. */
static void
ask_and_bind(void)
{
	ask();
	ck_assert(hsm_fake_one(w.hsm));
}

static void
answered(struct wire_join_answer *a)
{
	struct wire_signer s = { .cert = NULL };
	struct base_buf text;

	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert_msg(err == BASE_OK, "%s", base_why());
	base_buf_init(&text, 0);
	ck_assert_int_eq(wire_cms_verify(WIRE_C_JOIN_ANSWER,
			     base_buf_span(&answer), w.ca.management, w.now,
			     &text, &s),
	    BASE_OK);
	ck_assert_int_eq(wire_join_answer_parse(base_buf_span(&text), a),
	    BASE_OK);
	wire_signer_clear(&s);
	base_buf_free(&text);
}

static void
made(void *arg, enum base_err e)
{
	(void)arg;
	ck_assert_int_eq(e, BASE_OK);
}

static uint32_t
generation_of_order(void)
{
	struct ca_order o = { .epoch = 0 };
	uint64_t epoch;
	uint32_t to;

	ck_assert_int_eq(ca_store_epoch_last(w.ca.store, "web1", "plant",
			     &epoch),
	    BASE_OK);
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "web1", "plant", epoch,
			     &o),
	    BASE_OK);
	to = o.to;
	ca_order_clear(&o);
	return to;
}

/* A roll that ends meanwhile: what was signed is of the old generation. */
START_TEST(a_generation_that_changed_is_made_anew)
{
	struct wire_join_answer a;
	struct ca_root root;
	uint64_t before;

	ca_make_generation(&w.ca, "plant", 2, made, NULL);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ask_and_bind();
	ck_assert_int_eq(ca_store_root_get(w.ca.store, "plant", &root),
	    BASE_OK);
	root.current = 2;
	ck_assert_int_eq(ca_store_root_put(w.ca.store, &root), BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	before = hsm_fake_mood(w.hsm)->asked;
	answered(&a);
	ck_assert_uint_eq(a.norders, 2);
	ck_assert_uint_eq(generation_of_order(), 2);
	/* orders of the first try; all certificates and orders of the second */
	ck_assert_uint_ge(hsm_fake_mood(w.hsm)->asked - before, 3);
	ck_assert(has_joined());
	wire_join_answer_clear(&a);
}
END_TEST

/* Nothing changed: nothing is signed twice. */
START_TEST(an_unchanged_fleet_is_signed_for_once)
{
	struct wire_join_answer a;
	uint64_t before;

	ask_and_bind();
	before = hsm_fake_mood(w.hsm)->asked;
	answered(&a);
	ck_assert_uint_eq(generation_of_order(), 1);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->asked - before, 2);
	wire_join_answer_clear(&a);
}
END_TEST

/* Somebody else took the epoch: the joiner gets the next one. */
START_TEST(an_epoch_that_was_taken_is_no_error)
{
	struct ca_order o = { .node = "web1",
		.root = "plant",
		.epoch = 1,
		.steps = WIRE_STEP_TRUST,
		.to = 1,
		.state = CA_ORDER_SENT };
	struct wire_join_answer a;
	uint64_t epoch;

	ask_and_bind();
	ck_assert_int_eq(base_buf_put(&o.cms, "x", 1), BASE_OK);
	ck_assert_int_eq(ca_store_order_add(w.ca.store, &o), BASE_OK);
	answered(&a);
	ck_assert_int_eq(ca_store_epoch_last(w.ca.store, "web1", "plant",
			     &epoch),
	    BASE_OK);
	ck_assert_uint_eq(epoch, 2);
	wire_join_answer_clear(&a);
	ca_order_clear(&o);
}
END_TEST

/* A node that left meanwhile is refused, and nothing of it is kept. */
START_TEST(one_that_left_meanwhile_is_refused)
{
	ask_and_bind();
	ck_assert_int_eq(ca_store_link_delete(w.ca.store, "app1", "web1"),
	    BASE_OK);
	ck_assert_int_eq(ca_store_node_delete(w.ca.store, "web1"), BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	while (hsm_fake_turn(w.hsm) > 0)
		;
	ck_assert_int_eq(err, BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "left the fleet"));
}
END_TEST

/* A certificate that hsmd does not make is final when it says no, and can be
 * mended when it talks nonsense. */
START_TEST(what_the_ca_can_mend_is_tried_again)
{
	hsm_fake_mood(w.hsm)->refuse = "web1";
	ck_assert_int_eq(join(), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "not this one"));
	hsm_fake_mood(w.hsm)->refuse = NULL;
	hsm_fake_mood(w.hsm)->other_cert = true;
	ck_assert_int_eq(join(), BASE_E_AGAIN);
	ck_assert(!has_joined());
	hsm_fake_mood(w.hsm)->other_cert = false;
	ck_assert_int_eq(join(), BASE_OK);
}
END_TEST

TCase *
case_join(void)
{
	TCase *t = tcase_create("kedged_join");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_token_opens_once);
	tcase_add_test(t, the_answer_is_bound_to_the_request);
	tcase_add_test(t, a_wrong_secret_is_denied);
	tcase_add_test(t, another_nodes_token_is_denied);
	tcase_add_test(t, an_old_token_is_expired);
	tcase_add_test(t, a_root_without_a_key_is_refused);
	tcase_add_test(t, another_fleet_is_refused);
	tcase_add_test(t, a_request_for_somebody_elses_name_is_refused);
	tcase_add_test(t, killed_in_the_middle_it_starts_over);
	tcase_add_test(t, without_hsmd_the_token_stays_good);
	tcase_add_test(t, two_at_once_with_one_token);
	tcase_add_test(t, a_generation_that_changed_is_made_anew);
	tcase_add_test(t, an_unchanged_fleet_is_signed_for_once);
	tcase_add_test(t, an_epoch_that_was_taken_is_no_error);
	tcase_add_test(t, one_that_left_meanwhile_is_refused);
	tcase_add_test(t, what_the_ca_can_mend_is_tried_again);
	return t;
}
