/* What happens to a PIN: tried once, and not to be seen anywhere. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hsm/pin.h"
#include "tests/unit/hsm/daemon.h"
#include "tests/unit/hsm/suites.h"

START_TEST(wrong_pin_locks_out)
{
	ck_assert(daemon_start("wrong"));
	ck_assert(daemon_info_says("token soft locked-out"));
	ck_assert_int_eq(daemon_keygen(1, NULL), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(daemon_answer.why, "PIN was refused"));
	/* the token remembers: not even the right one is tried on its own */
	daemon_stop(SIGTERM);
	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, NULL), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(daemon_answer.why, "log in once by hand"));
}
END_TEST

/* The PIN is nowhere where others look: command lines, environment (which
 * only root can read). Both processes must have been looked at. */
START_TEST(pin_is_not_to_be_seen)
{
	char *path, *cmd;
	const char *argv[] = { "sh", "-c", NULL, NULL };

	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, NULL), BASE_OK);
	path = base_asprintf("%s/seen", soft->dir);
	cmd =
	    base_asprintf("for p in %d $(pgrep -P %d); do cat /proc/$p/cmdline"
			  " /proc/$p/environ >>%s; done; "
			  "[ $(grep -ao kedge-hsmd %s | wc -l) -ge 2 ] && "
			  "[ -s %s/journal ] && ! grep -q %s %s %s/journal",
		daemon_pid, daemon_pid, path, path, state_dir, SOFTHSM_PIN,
		path, state_dir);
	argv[2] = cmd;
	test_run(argv);
	free(cmd);
	free(path);
}
END_TEST

/* How often s is in the memory of a process; -1 when we may not look, which
 * takes root: kedge-hsmd lets nobody else trace it. */
static int
count_in_memory(pid_t pid, const char *s)
{
	char *maps = base_asprintf("/proc/%d/maps", pid),
	     *mem = base_asprintf("/proc/%d/mem", pid), line[512];
	FILE *f = fopen(maps, "r");
	int fd = open(mem, O_RDONLY | O_CLOEXEC), n = -1;
	unsigned long lo, hi;

	while (f != NULL && fd >= 0 && fgets(line, sizeof(line), f) != NULL) {
		uint8_t *p, *at;
		ssize_t got;

		if (sscanf(line, "%lx-%lx", &lo, &hi) != 2 ||
		    hi - lo > (64UL << 20))
			continue;
		n = n < 0 ? 0 : n;
		p = base_alloc(hi - lo);
		got = pread(fd, p, hi - lo, (off_t)lo);
		at = p;
		while (got > 0 &&
		    (at = memmem(at, (size_t)(p + got - at), s, strlen(s))) !=
			NULL) {
			at++;
			n++;
		}
		free(p);
	}
	if (f != NULL)
		fclose(f);
	if (fd >= 0)
		close(fd);
	free(maps);
	free(mem);
	return n;
}

/* One copy, in the front's locked page; none where the module is. */
START_TEST(pin_is_in_memory_once)
{
	char *cmd, line[32] = "";
	FILE *f;

	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, NULL), BASE_OK);
	cmd = base_asprintf("pgrep -P %d", daemon_pid);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	pclose(f);
	free(cmd);
	if (geteuid() != 0 || count_in_memory(daemon_pid, SOFTHSM_PIN) < 0) {
		fprintf(stderr,
		    "NOT CHECKED: how often the PIN is in memory; that takes "
		    "root and ptrace\n");
		return;
	}
	ck_assert_int_eq(count_in_memory(daemon_pid, SOFTHSM_PIN), 1);
	ck_assert_int_eq(count_in_memory((pid_t)strtol(line, NULL, 10),
			     SOFTHSM_PIN),
	    0);
}
END_TEST

START_TEST(pin_takes_the_only_copy)
{
	struct base_buf b;
	struct hsm_pin *p = NULL;

	base_buf_init(&b, 0);
	ck_assert_int_eq(hsm_pin_new(&b, &p), BASE_E_CONFIG);
	ck_assert_int_eq(base_buf_put(&b, "1234", 4), BASE_OK);
	ck_assert_int_eq(hsm_pin_new(&b, &p), BASE_OK);
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(hsm_pin_span(p).n, 4);
	ck_assert_mem_eq(hsm_pin_span(p).p, "1234", 4);
	hsm_pin_free(p);
	hsm_pin_free(NULL);
}
END_TEST

TCase *
case_pin(void)
{
	TCase *t = tcase_create("pin");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, daemon_setup, daemon_teardown);
	tcase_add_test(t, pin_takes_the_only_copy);
	tcase_add_test(t, wrong_pin_locks_out);
	tcase_add_test(t, pin_is_not_to_be_seen);
	tcase_add_test(t, pin_is_in_memory_once);
	return t;
}
