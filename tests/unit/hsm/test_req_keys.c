/* req_keys, core: keys are made once, in their order, and journalled first. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

/* A keystore in memory whose next generate fails, before or after the key is
 * made: what a dying worker looks like. */
static bool fail_before, fail_after, absent;
static int swept;

static enum base_err
flaky_generate(void *ks, const uint8_t id[HSM_ID], enum wire_alg alg,
    const char *label, struct base_buf *spki)
{
	struct hsm_ks *inner = ks;
	enum base_err e = BASE_OK;

	if (!fail_before)
		e = inner->ops->generate(inner->ks, id, alg, label, spki);
	if (fail_before || fail_after)
		return base_fail(BASE_E_AGAIN, "token mem: died");
	return e;
}

static enum base_err
flaky_sweep(void *ks, const uint8_t id[HSM_ID])
{
	struct hsm_ks *inner = ks;

	swept++;
	return inner->ops->sweep(inner->ks, id);
}

static enum base_err
flaky_ready(void *ks)
{
	(void)ks;
	return absent ? base_fail(BASE_E_AGAIN, "token mem: absent") : BASE_OK;
}

static void
flaky_free(void *ks)
{
	hsm_ks_free(ks);
}

static const struct hsm_ks_ops flaky_ops = { .generate = flaky_generate,
	.sweep = flaky_sweep,
	.ready = flaky_ready,
	.free = flaky_free };

static struct hsm_ks *
flaky_new(void)
{
	struct hsm_ks *k = base_alloc(sizeof(*k));

	fail_before = fail_after = absent = false;
	swept = 0;
	k->ops = &flaky_ops;
	k->ks = hsm_ks_mem_new();
	return k;
}

START_TEST(same_key_again)
{
	struct base_buf spki;

	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
	spki = world_answer.key.spki;
	memset(&world_answer.key.spki, 0, sizeof(spki));
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
	ck_assert_uint_eq(world_answer.key.spki.n, spki.n);
	ck_assert_mem_eq(world_answer.key.spki.p, spki.p, spki.n);
	world_reopen(NULL);
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
	ck_assert_mem_eq(world_answer.key.spki.p, spki.p, spki.n);
	base_buf_free(&spki);
}
END_TEST

START_TEST(other_algorithm)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_KEYGEN,
		.key = { .root = "plant", .generation = 1, .alg = WIRE_P384 } };

	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
	ck_assert_int_eq(world_ask(&r), BASE_E_REFUSED);
	strcpy(r.key.root, "other");
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_int_eq(world_answer.key.alg, WIRE_P384);
}
END_TEST

START_TEST(configured_algorithm)
{
	struct hsm_conf_root conf = { .name = base_strdup("plant"),
		.ntokens = 1,
		.alg = WIRE_P384,
		.root_days = 1,
		.node_days = 1 };

	w.conf.roots = base_memdup(&conf, sizeof(conf));
	w.conf.nroots = 1;
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_E_REFUSED);
	ck_assert_int_eq(world_keygen("other", 1, false), BASE_OK);
}
END_TEST

START_TEST(generations_in_order)
{
	ck_assert_int_eq(world_keygen("plant", 2, false), BASE_E_STATE);
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
	ck_assert_int_eq(world_keygen("plant", 2, false), BASE_OK);
	/* 3 waits for the NewWithNew of 1 */
	ck_assert_int_eq(world_keygen("plant", 3, false), BASE_E_STATE);
	X509_free(world_root("plant", 1));
	ck_assert_int_eq(world_keygen("plant", 3, false), BASE_OK);
	ck_assert_int_eq(world_keygen("plant", 0, false), BASE_E_RANGE);
}
END_TEST

START_TEST(order_signer_under_management)
{
	ck_assert_int_eq(world_keygen("plant", 1, true), BASE_E_REFUSED);
	ck_assert_int_eq(world_keygen("management", 1, true), BASE_OK);
	ck_assert(world_answer.key.order_signer);
}
END_TEST

START_TEST(token_by_generation)
{
	struct hsm_conf_root conf = { .name = base_strdup("plant"),
		.ntokens = 2,
		.token = { 0, 1 },
		.root_days = 400,
		.node_days = 1 };
	struct hsm_ks *ks[HSM_TOKENS] = { hsm_ks_mem_new(), hsm_ks_mem_new() };

	w.conf.ntokens = 2;
	w.conf.tokens[1].name = base_strdup("spare");
	w.conf.roots = base_memdup(&conf, sizeof(conf));
	w.conf.nroots = 1;
	hsm_ks_free(w.core->ks[0]);
	memcpy(w.core->ks, ks, sizeof(ks));
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
	ck_assert_int_eq(world_keygen("plant", 2, false), BASE_OK);
	ck_assert_str_eq(world_key("plant", 1, false)->token, "mem");
	ck_assert_str_eq(world_key("plant", 2, false)->token, "spare");
	/* a token that is gone from the configuration is a clear error */
	free(w.conf.tokens[1].name);
	w.conf.tokens[1].name = base_strdup("renamed");
	{
		struct wire_tbs t = world_tbs(WIRE_NODE_CERT, "plant", 2, "n",
		    base_buf_span(&w.node_spki[0]));

		ck_assert_int_eq(world_sign(&t, 2, NULL), BASE_E_CONFIG);
	}
}
END_TEST

START_TEST(generate_that_fails_is_swept)
{
	world_reopen(flaky_new());
	fail_before = _i == 0;
	fail_after = _i == 1;
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_E_AGAIN);
	ck_assert_ptr_null(hsm_state_key(&w.core->state, "plant", 1, false));
	ck_assert_int_eq(swept, 0);
	fail_before = fail_after = false;
	if (_i == 0) {
		/* in the same process: before the next key is made */
		ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
		ck_assert_int_eq(swept, 1);
		return;
	}
	/* in the next process: at its start */
	world_reopen(flaky_new());
	ck_assert_int_eq(swept, 1);
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_OK);
	ck_assert_int_eq(swept, 1);
}
END_TEST

/* Asked every second for a night, a missing token must not fill the disk;
 * what was begun and then failed is on record. */
START_TEST(absent_token_leaves_no_records)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_AUDIT };
	uint64_t count;

	world_reopen(flaky_new());
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	count = world_answer.count;
	absent = true;
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_E_AGAIN);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_uint_eq(world_answer.count, count);
	absent = false;
	fail_before = true;
	ck_assert_int_eq(world_keygen("plant", 1, false), BASE_E_AGAIN);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_uint_eq(world_answer.count, count + 2);
}
END_TEST

START_TEST(info_and_audit)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_AUDIT };
	uint8_t head[32];
	uint64_t count;

	ck_assert_int_eq(world_ask(&r), BASE_OK);
	memcpy(head, world_answer.head, sizeof(head));
	count = world_answer.count;
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_mem_eq(world_answer.head, head, sizeof(head));
	/* a refusal moves the chain */
	ck_assert_int_eq(world_keygen("plant", 2, false), BASE_E_STATE);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_mem_ne(world_answer.head, head, sizeof(head));
	ck_assert_uint_eq(world_answer.count, count + 1);
	r.type = WIRE_HSM_INFO;
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_uint_ge(world_answer.nitems, 6);
}
END_TEST

START_TEST(state_survives)
{
	uint8_t secret[16];
	struct wire_hsm_request r = { .type = WIRE_HSM_FORGET, .node = "app1" };

	world_found();
	ck_assert_int_eq(world_token("late", world_time.ms + 1000, secret),
	    BASE_OK);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	world_reopen(NULL);
	ck_assert(hsm_state_node(&w.core->state, "web1")->bound);
	ck_assert_ptr_null(hsm_state_node(&w.core->state, "app1"));
	ck_assert(world_key("plant", 1, false)->has_root);
	ck_assert_int_eq(world_bind("late", secret, &w.node_spki[1], 2),
	    BASE_OK);
	ck_assert_uint_eq(w.core->state.certs, 2);
}
END_TEST

TCase *
case_req_keys(void)
{
	TCase *t = tcase_create("req_keys");

	tcase_set_timeout(t, 60);

	tcase_add_checked_fixture(t, world_open, world_close);
	tcase_add_test(t, same_key_again);
	tcase_add_test(t, other_algorithm);
	tcase_add_test(t, configured_algorithm);
	tcase_add_test(t, generations_in_order);
	tcase_add_test(t, order_signer_under_management);
	tcase_add_test(t, token_by_generation);
	tcase_add_loop_test(t, generate_that_fails_is_swept, 0, 2);
	tcase_add_test(t, absent_token_leaves_no_records);
	tcase_add_test(t, info_and_audit);
	tcase_add_test(t, state_survives);
	return t;
}
