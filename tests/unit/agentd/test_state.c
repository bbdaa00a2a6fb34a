/* The state of a root: order in work and last report, whole or not at all. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir;
static struct ag_store *store;

static void
setup(void)
{
	char *root;

	dir = rig_dir();
	OK(ag_store_open(dir, &store));
	root = base_asprintf("%s/plant", dir);
	OK(base_dir_make(root, 0700));
	free(root);
}

static void
teardown(void)
{
	ag_store_close(store);
	rig_dir_remove(dir);
}

static struct ag_state
sample_state(void)
{
	struct ag_state st = {
		.highest = 7,
		.phase = AG_PENDING,
		.acked = true,
		.rekeyed = true,
		.mark_epoch = 9,
		.mark = RIG(3),
		.nroute = 2,
		.route = { "web1", "app1" },
	};

	base_buf_init(&st.order, 0);
	base_buf_init(&st.report, 0);
	memset(st.digest, 3, 32);
	memset(st.report_digest, 4, 32);
	OK(base_buf_put(&st.order, "order", 5));
	OK(base_buf_put(&st.report, "report", 6));
	return st;
}

START_TEST(state)
{
	struct ag_state st = sample_state(), got;

	OK(ag_state_read(store, "plant", &got));
	ck_assert_uint_eq(got.highest, 0);
	ck_assert_int_eq(got.phase, AG_IDLE);
	ag_state_clear(&got);
	OK(ag_state_write(store, "plant", &st));
	OK(ag_state_read(store, "plant", &got));
	ck_assert_uint_eq(got.highest, 7);
	ck_assert_int_eq(got.phase, AG_PENDING);
	ck_assert(got.acked && got.rekeyed);
	ck_assert_uint_eq(got.mark_epoch, 9);
	ck_assert_int_eq(got.mark.ms, RIG(3).ms);
	ck_assert_mem_eq(got.digest, st.digest, 32);
	ck_assert_mem_eq(got.report_digest, st.report_digest, 32);
	ck_assert_uint_eq(got.nroute, 2);
	ck_assert_str_eq(got.route[1], "app1");
	ck_assert_uint_eq(got.order.n, 5);
	ck_assert_mem_eq(got.report.p, "report", 6);
	ag_state_clear(&got);
	rig_damage(dir, "state");
	NO(ag_state_read(store, "plant", &got), BASE_E_INTEGRITY);
	ag_state_clear(&got);
	ag_state_clear(&st);
}
END_TEST

/* Whole, and written by another release: nothing is made of it, and the node
 * is not called damaged. */
START_TEST(state_of_another_release)
{
	struct ag_state st = sample_state(), got;
	char *file = base_asprintf("%s/plant/state", dir);
	struct base_buf b;
	uint8_t *at;

	OK(ag_state_write(store, "plant", &st));
	base_buf_init(&b, 0);
	OK(base_file_read(file, 65536, &b));
	at = memmem(b.p, b.n, "kedge state ", 12);
	ck_assert_ptr_nonnull(at);
	at[12]++;
	ck_assert_int_eq(EVP_Digest(b.p, b.n - 32, b.p + b.n - 32, NULL,
			     EVP_sha256(), NULL),
	    1);
	OK(base_file_write(file, base_buf_span(&b), 0600));
	NO(ag_state_read(store, "plant", &got), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "the release that wrote it"));
	ag_state_clear(&got);
	ag_state_clear(&st);
	base_buf_free(&b);
	free(file);
}
END_TEST

/* Cut anywhere, also where nothing of it is left: never another state. */
START_TEST(state_cut)
{
	struct ag_state st = sample_state(), got;
	char *file = base_asprintf("%s/plant/state", dir);
	struct base_buf b;

	OK(ag_state_write(store, "plant", &st));
	base_buf_init(&b, 0);
	OK(base_file_read(file, 65536, &b));
	for (size_t n = 0; n < b.n; n += 5) {
		OK(base_file_write(file, (struct base_span){ b.p, n }, 0600));
		NO(ag_state_read(store, "plant", &got), BASE_E_INTEGRITY);
		ag_state_clear(&got);
	}
	base_buf_free(&b);
	ag_state_clear(&st);
	free(file);
}
END_TEST

TCase *
case_state(void)
{
	TCase *t = tcase_create("state");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, state);
	tcase_add_test(t, state_of_another_release);
	tcase_add_test(t, state_cut);
	return t;
}
