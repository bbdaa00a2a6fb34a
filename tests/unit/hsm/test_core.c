/*
 * The core: whose request, of which fleet, counted by whom; refusals on
 * record; one state, one process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/holds.h"
#include "policy/policy.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

#define BOTH (POL_GEN(1) | POL_GEN(2))

static void
setup(void)
{
	world_open();
	world_found();
}

static void
setup_fleet(void)
{
	world_open();
	world_fleet();
}

START_TEST(wrong_fleet)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_FORGET,
		.fleet = "other",
		.node = "web1" };

	ck_assert_int_eq(world_ask(&r), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(world_answer.why, "of fleet"));
	ck_assert(hsm_state_node(&w.core->state, "web1")->bound);
	strcpy(r.fleet, "test");
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_ptr_null(hsm_state_node(&w.core->state, "web1"));
}
END_TEST

/* What is not in the table is refused, and on record. */
START_TEST(unknown_type)
{
	struct wire_hsm_request r = { .type = (enum wire_hsm_type)99, .id = 7 };
	struct wire_hsm_answer a;
	uint64_t before = w.core->state.refused;

	hsm_core_handle(w.core, 4711, &r, &a);
	ck_assert_int_eq(a.err, BASE_E_REFUSED);
	ck_assert_uint_eq(a.id, 7);
	ck_assert_ptr_nonnull(strstr(a.why, "unknown"));
	ck_assert_uint_eq(w.core->state.refused, before + 1);
	wire_hsm_answer_clear(&a);
	hsm_core_garbage(w.core, 4711, "no message at all");
	ck_assert_uint_eq(w.core->state.refused, before + 2);
}
END_TEST

/* A number from before: its store is an old copy. */
START_TEST(number_from_before)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_ORDERS,
		.fleet = "test",
		.mark = 9 };
	struct wire_hsm_answer a;

	ck_assert(wire_hsm_is_marked(r.type));
	w.core->state.mark = 10;
	hsm_core_handle(w.core, 1, &r, &a);
	ck_assert_int_eq(a.err, BASE_E_EXISTS);
	ck_assert_ptr_nonnull(strstr(a.why, "old copy"));
	wire_hsm_answer_clear(&a);
	r.mark = 10;
	hsm_core_handle(w.core, 1, &r, &a);
	ck_assert_int_ne(a.err, BASE_E_EXISTS);
	wire_hsm_answer_clear(&a);
}
END_TEST

START_TEST(the_same_refusal_is_recorded_once)
{
	uint64_t before;

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	before = w.core->state.refused;
	for (int i = 0; i < 5; i++)
		world_refused(world_tell(false, false), BASE_E_OUTAGE,
		    "app1>web1");
	ck_assert_uint_eq(w.core->state.refused - before, 1);
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, 3), BASE_E_OUTAGE,
	    "app1");
	ck_assert_uint_eq(w.core->state.refused - before, 2);
	world_time.ms += HSM_SAID_MS;
	world_refused(world_tell(false, false), BASE_E_OUTAGE, "app1>web1");
	ck_assert_uint_eq(w.core->state.refused - before, 3);
}
END_TEST

static struct hsm_core *
open_as(const char *fleet, enum base_err want)
{
	struct hsm_ks *ks[HSM_TOKENS] = { hsm_ks_mem_new() };
	struct hsm_core *other = NULL;
	struct hsm_conf conf = w.conf;
	char *name = base_strdup(fleet);

	conf.fleet = name;
	ck_assert_int_eq(hsm_core_open(&conf, ks, base_time_now, &other), want);
	free(name);
	return other;
}

START_TEST(state_of_another_fleet)
{
	hsm_core_close(w.core);
	w.core = NULL;
	open_as("other", BASE_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(base_why(), "of fleet \"test\""));
	world_reopen(NULL);
}
END_TEST

START_TEST(state_in_use)
{
	open_as("test", BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "another kedge-hsmd"));
	hsm_core_close(NULL);
}
END_TEST

/* A key's token that the configuration has no more: said, not guessed. */
START_TEST(token_that_is_gone)
{
	struct hsm_ks *ks = NULL;

	ck_assert_int_eq(hsm_core_ks(w.core, "mem", &ks), BASE_OK);
	ck_assert_ptr_eq(ks, w.core->ks[0]);
	ck_assert_int_eq(hsm_core_ks(w.core, "gone", &ks), BASE_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(base_why(), "put it back"));
}
END_TEST

/* The key that is asked for signs, or nobody does. */
START_TEST(signature_of_another_key)
{
	struct hsm_key *one = hsm_state_key(&w.core->state, "plant", 1, false);
	struct hsm_key *two = hsm_state_key(&w.core->state, "plant", 2, false);
	struct hsm_key_ref ref = hsm_key_as_ref(one);
	struct base_span msg = { (const uint8_t *)"message", 7 };
	const struct hsm_ks_ops *ops = w.core->ks[0]->ops;
	struct base_buf sig;

	base_buf_init(&sig, 0);
	ck_assert_mem_eq(ref.id, one->id, HSM_ID);
	ck_assert_int_eq(ops->sign_start(w.core->ks[0]->ks, &ref, &msg, 1),
	    BASE_OK);
	ck_assert_int_eq(ops->sign_finish(w.core->ks[0]->ks, &sig, 1), BASE_OK);
	ck_assert_int_eq(hsm_key_check(one, msg, base_buf_span(&sig)), BASE_OK);
	ck_assert_int_eq(hsm_key_check(two, msg, base_buf_span(&sig)),
	    BASE_E_CRYPTO);
	base_buf_free(&sig);
}
END_TEST

static TCase *
core_case(const char *name, SFun before)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, before, world_close);
	return t;
}

TCase *
case_core(void)
{
	TCase *t = core_case("core", setup);

	tcase_add_test(t, wrong_fleet);
	tcase_add_test(t, unknown_type);
	tcase_add_test(t, number_from_before);
	tcase_add_test(t, state_of_another_fleet);
	tcase_add_test(t, state_in_use);
	tcase_add_test(t, token_that_is_gone);
	tcase_add_test(t, signature_of_another_key);
	return t;
}

TCase *
case_core_refusals(void)
{
	TCase *t = core_case("core_refusals", setup_fleet);

	tcase_add_test(t, the_same_refusal_is_recorded_once);
	return t;
}
