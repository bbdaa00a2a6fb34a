/* ks_worker: workers that die, hang or never start; one real token per test. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/hsm/token_rig.h"
#include "tests/unit/hsm/suites.h"

START_TEST(killed_worker_comes_back)
{
	struct base_buf a;
	struct hsm_key_ref ref = make_key(id1, WIRE_P256, &a);
	pid_t before = worker_pid();

	kill_worker();
	ck_assert_msg(sign_some(&ref) == BASE_OK, "%s", base_why());
	ck_assert_int_ne(worker_pid(), before);
	base_buf_free(&a);
}
END_TEST

START_TEST(killed_while_signing)
{
	struct base_span msg = { (const uint8_t *)"m", 1 };
	struct base_buf a, sig;
	struct hsm_key_ref ref = make_key(id1, WIRE_P256, &a);

	base_buf_init(&sig, HSM_SIG_MAX);
	ck_assert_int_eq(kill(worker_pid(), SIGSTOP), 0);
	ck_assert_int_eq(f.ks->ops->sign_start(f.ks->ks, &ref, &msg, 1),
	    BASE_OK);
	kill_worker();
	ck_assert_int_eq(f.ks->ops->sign_finish(f.ks->ks, &sig, 1),
	    BASE_E_AGAIN);
	ck_assert_uint_eq(sig.n, 0);
	ck_assert_msg(sign_some(&ref) == BASE_OK, "%s", base_why());
	base_buf_free(&a);
}
END_TEST

START_TEST(stopped_worker_is_killed_at_its_deadline)
{
	struct base_buf a;
	struct hsm_key_ref ref = make_key(id1, WIRE_P256, &a);

	ck_assert_int_eq(kill(worker_pid(), SIGSTOP), 0);
	f.c.sign_ms = 50;
	ck_assert_int_eq(sign_some(&ref), BASE_E_AGAIN);
	f.c.sign_ms = 20000;
	ck_assert_msg(sign_some(&ref) == BASE_OK, "%s", base_why());
	base_buf_free(&a);
}
END_TEST

START_TEST(refused_pin_is_never_tried_again)
{
	fix_open("wrong-pin", SOFTHSM_MODULE);
	ck_assert_int_eq(f.ks->ops->ready(f.ks->ks), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(base_why(), "PIN was refused"));
	ck_assert_int_eq(worker_pid(), 0);
	ck_assert_int_eq(f.ks->ops->ready(f.ks->ks), BASE_E_DENIED);
	ck_assert_int_eq(worker_pid(), 0);
	fix_teardown();
}
END_TEST

START_TEST(missing_module_is_retried_after_a_pause)
{
	fix_open(SOFTHSM_PIN, "/nonexistent.so");
	f.c.backoff_ms = 3600000;
	ck_assert_int_eq(f.ks->ops->ready(f.ks->ks), BASE_E_AGAIN);
	ck_assert_int_eq(f.ks->ops->ready(f.ks->ks), BASE_E_AGAIN);
	ck_assert_ptr_nonnull(strstr(base_why(), "next attempt in"));
	fix_teardown();
}
END_TEST

START_TEST(vanished_token_directory_comes_back)
{
	struct base_buf a;
	struct hsm_key_ref ref = make_key(id1, WIRE_P256, &a);
	char *away = base_asprintf("%s/away", f.soft->dir);

	ck_assert_int_eq(rename(f.soft->tokens, away), 0);
	kill_worker();
	ck_assert_int_eq(sign_some(&ref), BASE_E_AGAIN);
	ck_assert_int_eq(rename(away, f.soft->tokens), 0);
	ck_assert_msg(sign_some(&ref) == BASE_OK, "%s", base_why());
	free(away);
	base_buf_free(&a);
}
END_TEST

START_TEST(truncated_token_is_put_back)
{
	struct base_buf a;
	struct hsm_key_ref ref = make_key(id1, WIRE_P256, &a);
	char *cmd =
	    base_asprintf("truncate -s 0 %s/*/token.object", f.soft->tokens);
	const char *argv[] = { "sh", "-c", cmd, NULL };

	kill_worker();
	test_run(argv);
	ck_assert_msg(sign_some(&ref) == BASE_OK, "%s", base_why());
	free(cmd);
	base_buf_free(&a);
}
END_TEST

/* A whole chunk takes a multiple of the deadline, but there is progress. */
START_TEST(slow_token_is_no_dead_token)
{
	const char *build = getenv("KEDGE_BUILD");
	char *module = base_asprintf("%s/test/hang_module.so",
		 build != NULL ? build : "build"),
	     *path;
	struct base_span msgs[HSM_CHUNK],
	    word = { (const uint8_t *)"sign-slow", 9 };
	struct base_buf a, sigs[HSM_CHUNK];
	struct hsm_key_ref ref;

	fix_open(SOFTHSM_PIN, module);
	path = base_asprintf("%s/hang", f.soft->dir);
	ck_assert_int_eq(setenv("KEDGE_TEST_HANG", path, 1), 0);
	hsm_ks_free(f.ks);
	f.ks = hsm_ks_worker_new(&f.c);
	ref = make_key(id1, WIRE_P256, &a);
	ck_assert_int_eq(sign_some(&ref), BASE_OK);
	ck_assert_int_eq(base_file_write(path, word, 0600), BASE_OK);
	f.c.sign_ms = 5 * HSM_FLUSH_MS;
	for (size_t i = 0; i < HSM_CHUNK; i++) {
		msgs[i] = (struct base_span){ (const uint8_t *)"m", 1 };
		base_buf_init(&sigs[i], HSM_SIG_MAX);
	}
	ck_assert_int_eq(f.ks->ops->sign_start(f.ks->ks, &ref, msgs, HSM_CHUNK),
	    BASE_OK);
	ck_assert_msg(f.ks->ops->sign_finish(f.ks->ks, sigs, HSM_CHUNK) ==
		BASE_OK,
	    "%s", base_why());
	for (size_t i = 0; i < HSM_CHUNK; i++) {
		ck_assert_uint_gt(sigs[i].n, 60);
		base_buf_free(&sigs[i]);
	}
	base_buf_free(&a);
	free(path);
	free(module);
	fix_teardown();
}
END_TEST

TCase *
case_ks_worker(void)
{
	TCase *t = tcase_create("ks_worker");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, fix_setup, fix_teardown);
	tcase_add_test(t, killed_worker_comes_back);
	tcase_add_test(t, killed_while_signing);
	tcase_add_test(t, stopped_worker_is_killed_at_its_deadline);
	tcase_add_test(t, vanished_token_directory_comes_back);
	tcase_add_test(t, truncated_token_is_put_back);
	return t;
}

TCase *
case_worker_bad_start(void)
{
	TCase *t = tcase_create("worker_bad_start");

	tcase_set_timeout(t, 60);

	tcase_add_test(t, refused_pin_is_never_tried_again);
	tcase_add_test(t, slow_token_is_no_dead_token);
	tcase_add_test(t, missing_module_is_retried_after_a_pause);
	return t;
}
