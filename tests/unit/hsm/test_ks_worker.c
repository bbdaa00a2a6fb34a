/* ks_worker, worker, token_p11, token_raw: one real token per test. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hsm/worker.h"
#include "tests/unit/hsm/softhsm.h"
#include "tests/unit/hsm/suites.h"

struct fix {
	struct softhsm *soft;
	struct hsm_pin *pin;
	struct hsm_worker_conf c;
	struct hsm_ks *ks;
	char *program;
};

static struct fix f;

static const uint8_t id1[HSM_ID] = "0123456789abcde";
static const uint8_t id2[HSM_ID] = "another-id-here";

static void
fix_open(const char *pin, const char *module)
{
	const char *build = getenv("KEDGE_BUILD");

	f.soft = softhsm_make();
	f.pin = softhsm_pin(pin);
	f.program =
	    base_asprintf("%s/bin/kedge-hsmd", build != NULL ? build : "build");
	f.c = (struct hsm_worker_conf){
		.name = "test",
		.program = f.program,
		.module = module,
		.uri = "pkcs11:token=kedge",
		.backup_of = f.soft->tokens,
		.backup_dir = f.soft->copy,
		.pin = f.pin,
		.open_ms = 20000,
		.sign_ms = 20000,
		.keygen_ms = 60000,
		.backoff_ms = 0,
	};
	f.ks = hsm_ks_worker_new(&f.c);
}

static void
setup(void)
{
	fix_open(SOFTHSM_PIN, SOFTHSM_MODULE);
}

static void
teardown(void)
{
	hsm_ks_free(f.ks);
	hsm_pin_free(f.pin);
	softhsm_remove(f.soft);
	free(f.program);
}

static pid_t
worker_pid(void)
{
	pid_t pid;

	(void)hsm_ks_worker_state(f.ks, &pid);
	return pid;
}

/* And waits until it is dead, though not reaped. */
static void
kill_worker(void)
{
	siginfo_t info;

	ck_assert_int_eq(kill(worker_pid(), SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)worker_pid(), &info,
			     WEXITED | WNOWAIT),
	    0);
}

static struct hsm_key_ref
make_key(const uint8_t id[HSM_ID], enum wire_alg alg, struct base_buf *spki)
{
	struct hsm_key_ref ref = { .alg = alg };

	base_buf_init(spki, 0);
	memcpy(ref.id, id, HSM_ID);
	ck_assert_msg(f.ks->ops->generate(f.ks->ks, id, alg, "test", spki) ==
		BASE_OK,
	    "%s", base_why());
	ref.spki = base_buf_span(spki);
	return ref;
}

/* Signs a few messages and checks each signature. */
static enum base_err
sign_some(const struct hsm_key_ref *ref)
{
	struct base_span msgs[3] = { { (const uint8_t *)"one", 3 },
		{ (const uint8_t *)"two", 3 }, { (const uint8_t *)"", 0 } };
	struct base_buf sigs[3];
	struct hsm_verifier *v = NULL;
	enum base_err e;

	for (int i = 0; i < 3; i++)
		base_buf_init(&sigs[i], HSM_SIG_MAX);
	if ((e = f.ks->ops->sign_start(f.ks->ks, ref, msgs, 3)) != BASE_OK ||
	    (e = f.ks->ops->sign_finish(f.ks->ks, sigs, 3)) != BASE_OK ||
	    (e = hsm_verifier_new(ref->spki, ref->alg, &v)) != BASE_OK)
		goto out;
	for (int i = 0; i < 3 && e == BASE_OK; i++)
		e = hsm_verifier_check(v, msgs[i], base_buf_span(&sigs[i]));
	ck_assert(e != BASE_OK ||
	    hsm_verifier_check(v, msgs[0], base_buf_span(&sigs[1])) ==
		BASE_E_CRYPTO);
out:
	hsm_verifier_free(v);
	for (int i = 0; i < 3; i++)
		base_buf_free(&sigs[i]);
	return e;
}

START_TEST(signs_with_every_algorithm)
{
	struct base_buf spki;
	enum wire_alg alg = (enum wire_alg)_i;
	struct hsm_key_ref ref = make_key(id1, alg, &spki);

	ck_assert_msg(sign_some(&ref) == BASE_OK, "%s", base_why());
	base_buf_free(&spki);
}
END_TEST

START_TEST(other_public_key_or_id_is_refused)
{
	struct base_buf a, b;
	struct hsm_key_ref ra = make_key(id1, WIRE_P256, &a);
	struct hsm_key_ref rb = make_key(id2, WIRE_P256, &b), bad = ra;

	ck_assert_int_eq(sign_some(&ra), BASE_OK);
	ck_assert_int_eq(sign_some(&rb), BASE_OK);
	bad.spki = rb.spki;
	ck_assert_int_eq(sign_some(&bad), BASE_E_INTEGRITY);
	bad = ra;
	bad.id[0] ^= 1;
	ck_assert_int_eq(sign_some(&bad), BASE_E_AGAIN);
	/* also when no handle is cached */
	bad = ra;
	bad.spki = rb.spki;
	ck_assert_int_eq(sign_some(&bad), BASE_E_INTEGRITY);
	ck_assert_int_eq(sign_some(&ra), BASE_OK);
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

START_TEST(two_keys_with_one_id_are_refused)
{
	struct base_buf a, b;

	(void)make_key(id1, WIRE_P256, &a);
	base_buf_init(&b, 0);
	ck_assert_int_eq(f.ks->ops->generate(f.ks->ks, id1, WIRE_P256, "twin",
			     &b),
	    BASE_E_REFUSED);
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

START_TEST(sweep_removes_a_pair)
{
	struct base_buf a;
	struct hsm_key_ref ref = make_key(id1, WIRE_P256, &a);

	ck_assert_int_eq(f.ks->ops->sweep(f.ks->ks, id1), BASE_OK);
	ck_assert_int_eq(f.ks->ops->sweep(f.ks->ks, id1), BASE_OK);
	kill_worker();
	ck_assert_int_eq(sign_some(&ref), BASE_E_AGAIN);
	base_buf_free(&a);
}
END_TEST

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
	teardown();
}
END_TEST

START_TEST(missing_module_is_retried_after_a_pause)
{
	fix_open(SOFTHSM_PIN, "/nonexistent.so");
	f.c.backoff_ms = 3600000;
	ck_assert_int_eq(f.ks->ops->ready(f.ks->ks), BASE_E_AGAIN);
	ck_assert_int_eq(f.ks->ops->ready(f.ks->ks), BASE_E_AGAIN);
	ck_assert_ptr_nonnull(strstr(base_why(), "next attempt in"));
	teardown();
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
	teardown();
}
END_TEST

TCase *
case_ks_worker(void)
{
	TCase *t = tcase_create("ks_worker");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, signs_with_every_algorithm, WIRE_P256,
	    WIRE_RSA4096 + 1);
	tcase_add_test(t, other_public_key_or_id_is_refused);
	tcase_add_test(t, two_keys_with_one_id_are_refused);
	tcase_add_test(t, sweep_removes_a_pair);
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
