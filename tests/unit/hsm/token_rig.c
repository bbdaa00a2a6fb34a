/* See token_rig.h. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/hsm/token_rig.h"

struct fix f;

const uint8_t id1[HSM_ID] = "0123456789abcde";
const uint8_t id2[HSM_ID] = "another-id-here";

void
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

void
fix_setup(void)
{
	fix_open(SOFTHSM_PIN, SOFTHSM_MODULE);
}

void
fix_teardown(void)
{
	hsm_ks_free(f.ks);
	hsm_pin_free(f.pin);
	softhsm_remove(f.soft);
	free(f.program);
}

pid_t
worker_pid(void)
{
	pid_t pid;

	(void)hsm_ks_worker_state(f.ks, &pid);
	return pid;
}

void
kill_worker(void)
{
	siginfo_t info;

	ck_assert_int_eq(kill(worker_pid(), SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)worker_pid(), &info,
			     WEXITED | WNOWAIT),
	    0);
}

struct hsm_key_ref
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

enum base_err
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
