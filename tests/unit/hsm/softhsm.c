/* softhsm: see the header. */
#include <check.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/hsm/softhsm.h"

extern char **environ;

void
test_run(const char *const *argv)
{
	posix_spawn_file_actions_t fa;
	char **av = NULL;
	pid_t pid;
	int status;

	memcpy(&av, &argv, sizeof(av));
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null",
	    O_WRONLY, 0);
	ck_assert_int_eq(posix_spawnp(&pid, argv[0], &fa, NULL, av, environ),
	    0);
	posix_spawn_file_actions_destroy(&fa);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

struct softhsm *
softhsm_make(void)
{
	char dir[] = "/tmp/kedge-hsm-XXXXXX";
	struct softhsm *s = base_alloc(sizeof(*s));
	struct base_buf conf;
	char *path;
	const char *argv[] = { "softhsm2-util", "--init-token", "--free",
		"--label", "kedge", "--pin", SOFTHSM_PIN, "--so-pin",
		"0000-test", NULL };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	s->dir = base_strdup(dir);
	s->tokens = base_asprintf("%s/tokens", dir);
	s->copy = base_asprintf("%s/copy", dir);
	ck_assert_int_eq(mkdir(s->tokens, 0700), 0);
	path = base_asprintf("%s/softhsm2.conf", dir);
	base_buf_init(&conf, 0);
	ck_assert_int_eq(base_buf_printf(&conf,
			     "directories.tokendir = %s\n"
			     "objectstore.backend = file\nlog.level = ERROR\n",
			     s->tokens),
	    BASE_OK);
	ck_assert_int_eq(base_file_write(path, base_buf_span(&conf), 0600),
	    BASE_OK);
	ck_assert_int_eq(setenv("SOFTHSM2_CONF", path, 1), 0);
	base_buf_free(&conf);
	free(path);
	test_run(argv);
	return s;
}

void
softhsm_remove(struct softhsm *s)
{
	const char *argv[] = { "rm", "-rf", s->dir, NULL };

	test_run(argv);
	free(s->dir);
	free(s->tokens);
	free(s->copy);
	free(s);
}

struct hsm_pin *
softhsm_pin(const char *pin)
{
	struct hsm_pin *p = NULL;
	struct base_buf b;

	base_buf_init(&b, HSM_PIN_MAX);
	ck_assert_int_eq(base_buf_put(&b, pin, strlen(pin)), BASE_OK);
	ck_assert_int_eq(hsm_pin_new(&b, &p), BASE_OK);
	return p;
}
