/*
 * The worker as a process on the other end of a socket pair, without a token:
 * its turns, its answers, its end.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hsm/worker.h"
#include "tests/unit/hsm/softhsm.h"
#include "tests/unit/hsm/suites.h"

static int fd;
static pid_t pid;
static struct base_buf rx;

static void
setup(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };

		close(pair[0]);
		close(STDERR_FILENO); /* it dies aloud */
		setrlimit(RLIMIT_CORE, &no_core);
		_exit(hsm_worker_main(pair[1]));
	}
	close(pair[1]);
	fd = pair[0];
	base_buf_init(&rx, HSM_WORKER_FRAME);
}

static void
teardown(void)
{
	base_buf_free(&rx);
	if (fd >= 0)
		close(fd);
}

static int
its_end(void)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void
say(enum hsm_worker_op op, const char *const *fields)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put_u8(&b, (uint8_t)op), BASE_OK);
	for (; *fields != NULL; fields++)
		ck_assert_int_eq(base_buf_put_str(&b, *fields), BASE_OK);
	ck_assert_int_eq(hsm_frame_send(fd, base_buf_span(&b), 10000), BASE_OK);
	base_buf_free(&b);
}

static const char *const nothing[] = { NULL };
static const char *const no_module[] = { "/nosuch/module.so",
	"pkcs11:token=kedge", NULL };

/* Its socket closes: it ends in peace. */
START_TEST(closed)
{
	int status;

	close(fd);
	fd = -1;
	status = its_end();
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* An error is an answer: the operation, the error, the sentence. */
START_TEST(module_that_is_not_there)
{
	uint8_t op = 0, err = 0;
	char *why = NULL;

	for (int i = 0; i < 2; i++) {
		say(HSM_W_OPEN, no_module);
		ck_assert_int_eq(hsm_frame_recv(fd, &rx, 10000), BASE_OK);
		ck_assert_int_eq(base_buf_get_u8(&rx, &op), BASE_OK);
		ck_assert_int_eq(base_buf_get_u8(&rx, &err), BASE_OK);
		ck_assert_int_eq(base_buf_get_str(&rx, 4096, &why), BASE_OK);
		ck_assert_int_eq(op, HSM_W_OPEN);
		ck_assert_int_eq(err, BASE_E_IO);
		ck_assert_ptr_nonnull(strstr(why, "/nosuch/module.so"));
		free(why);
	}
	close(fd);
	fd = -1;
	ck_assert_int_eq(its_end(), 0);
}
END_TEST

/* Not before it is open and logged in, and nothing that there is not: the
 * front is at fault, so it dies and is started afresh. */
START_TEST(out_of_turn)
{
	static const enum hsm_worker_op ops[] = { HSM_W_LOGIN, HSM_W_GENERATE,
		HSM_W_SWEEP, HSM_W_SIGN, HSM_W_CMS, (enum hsm_worker_op)77 };
	int status;

	say(ops[_i], nothing);
	status = its_end();
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST

/* Open, but not logged in: nothing is signed. */
START_TEST(not_before_the_login)
{
	static const char *const token[] = { SOFTHSM_MODULE,
		"pkcs11:token=kedge", NULL };
	struct softhsm *soft = softhsm_make();
	uint8_t op = 0, err = 99;

	/* once more, with the token's environment */
	close(fd);
	ck_assert_int_eq(its_end(), 0);
	setup();
	say(HSM_W_OPEN, token);
	ck_assert_int_eq(hsm_frame_recv(fd, &rx, 10000), BASE_OK);
	ck_assert_int_eq(base_buf_get_u8(&rx, &op), BASE_OK);
	ck_assert_int_eq(base_buf_get_u8(&rx, &err), BASE_OK);
	ck_assert_int_eq(err, BASE_OK);
	say(HSM_W_SIGN, nothing);
	ck_assert(WIFSIGNALED(its_end()));
	softhsm_remove(soft);
}
END_TEST

START_TEST(empty_message)
{
	ck_assert_int_eq(hsm_frame_send(fd, (struct base_span){ NULL, 0 },
			     10000),
	    BASE_OK);
	ck_assert(WIFSIGNALED(its_end()));
}
END_TEST

TCase *
case_worker(void)
{
	TCase *t = tcase_create("worker");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, closed);
	tcase_add_test(t, module_that_is_not_there);
	tcase_add_loop_test(t, out_of_turn, 0, 6);
	tcase_add_test(t, not_before_the_login);
	tcase_add_test(t, empty_message);
	return t;
}
