/* Who of an application still runs with the old files. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agentd/proc.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir, *file;

static void
setup(void)
{
	dir = rig_dir();
	file = base_asprintf("%s/pid", dir);
}

static void
teardown(void)
{
	free(file);
	rig_dir_remove(dir);
}

static void
pidfile(const char *text)
{
	OK(base_file_write(file,
	    (struct base_span){ (const uint8_t *)text, strlen(text) }, 0644));
}

static void
pidfile_of(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof text, "%d\n", (int)pid);
	pidfile(text);
}

static pid_t
child(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(no_process)
{
	static const char *const bad[] = { "", "0\n", "1\n", "-5\n", "x\n",
		"99999999999999999999\n" };
	struct ag_pids p;

	NO(ag_pids_take(file, &p), BASE_E_NOTFOUND);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		pidfile(bad[i]);
		NO(ag_pids_take(file, &p), BASE_E_NOTFOUND);
		ck_assert_int_eq(p.main, 0);
		ck_assert(!ag_pids_has_old(&p, file));
	}
}
END_TEST

/* A worker of before the reload: old as long as it runs, and its number, used
 * again, is another process. */
START_TEST(workers)
{
	struct ag_pids p, again;
	pid_t worker = child();
	size_t i = 0;

	pidfile_of(getpid());
	OK(ag_pids_take(file, &p));
	ck_assert_int_eq(p.main, getpid());
	while (i < p.n && p.child[i].pid != worker)
		i++;
	ck_assert_uint_lt(i, p.n);
	ck_assert(ag_pids_has_old(&p, file));
	again = p;
	again.child[i].start++;
	ck_assert(!ag_pids_has_old(&again, file));
	/* a zombie serves nobody */
	kill(worker, SIGKILL);
	{
		siginfo_t info;

		ck_assert_int_eq(waitid(P_PID, (id_t)worker, &info,
				     WEXITED | WNOWAIT),
		    0);
	}
	ck_assert(!ag_pids_has_old(&p, file));
	end(worker);
}
END_TEST

/* Another main process took over: the old one counts until it is gone. */
START_TEST(another_main)
{
	struct ag_pids p;
	pid_t old = child();

	pidfile_of(old);
	OK(ag_pids_take(file, &p));
	ck_assert(!ag_pids_has_old(&p, file));
	pidfile_of(getpid());
	ck_assert(ag_pids_has_old(&p, file));
	end(old);
	ck_assert(!ag_pids_has_old(&p, file));
}
END_TEST

TCase *
case_pids(void)
{
	TCase *t = tcase_create("pids");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, no_process);
	tcase_add_test(t, workers);
	tcase_add_test(t, another_main);
	return t;
}
