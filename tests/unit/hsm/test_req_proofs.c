/*
 * req_proofs, core: links that kedged has no more, and how often a refusal is
 * told. The fleet is app1>web1, mutual, on its way from generation 1 to 2.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

#define BOTH (POL_GEN(1) | POL_GEN(2))

static void
setup(void)
{
	world_open();
	world_fleet();
}

/* As kedged's operator took it away: on record like an excuse, and only this
 * very link. */
START_TEST(link_that_was_taken_away_in_the_middle)
{
	struct wire_hsm_link gone = { "web1", "", "plant" };
	const struct wire_hsm_node n = { .name = "app1",
		.ngone = 1,
		.gone = &gone };
	struct base_buf item;
	struct wire_hsm_request r = { .type = WIRE_HSM_TELL,
		.nitems = 1,
		.items = &item };

	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, BOTH, 1);
	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	world_refused(world_answer.items[0].err, BASE_E_OUTAGE, "app1>web1");
	ck_assert_uint_eq(w.core->state.links.n, 1);
	base_buf_clear(&item);
	strcpy(gone.client_root, "plant");
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_int_eq(world_answer.items[0].err, BASE_OK);
	ck_assert_uint_eq(w.core->state.links.n, 0);
	base_buf_free(&item);
}
END_TEST

/* The state is a copy from before the order that said so, or that said nothing:
 * the order itself, by our own signature, tells what the copy does not know. */
START_TEST(stolen_is_learnt_from_an_order)
{
	char *path = base_asprintf("%s/journal", w.conf.state);
	struct base_buf cms;
	struct stat st;

	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_TRUST, 2), BASE_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	world_last.o.epoch = 3;
	world_last.o.compromised = _i == 1;
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
	base_buf_init(&cms, 0);
	ck_assert_int_eq(base_buf_put(&cms, world_last.cms.p, world_last.cms.n),
	    BASE_OK);
	ck_assert_int_eq(truncate(path, st.st_size), 0);
	world_reopen(NULL);
	ck_assert(!world_key("plant", 1, false)->stolen);
	/* of another node's it is nobody's word */
	ck_assert_int_ne(world_show(WORLD_APP, NULL, &cms, NULL), BASE_OK);
	ck_assert(!world_key("plant", 1, false)->stolen);
	ck_assert_int_eq(world_show(WORLD_WEB, NULL, &cms, NULL), BASE_OK);
	ck_assert_int_eq(world_key("plant", 1, false)->stolen, _i == 1);
	ck_assert(!world_key("plant", 2, false)->stolen);
	world_reopen(NULL);
	ck_assert_int_eq(world_key("plant", 1, false)->stolen, _i == 1);
	base_buf_free(&cms);
	free(path);
}
END_TEST

TCase *
case_req_proofs(void)
{
	TCase *t = tcase_create("req_proofs");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, link_that_was_taken_away_in_the_middle);
	tcase_add_loop_test(t, stolen_is_learnt_from_an_order, 0, 2);
	return t;
}
