/* Unit tests of agentd/proc.c and pids.c. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agentd/proc.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static struct event_base *eb;
static enum base_err result;
static bool is_done;
static char words[5000];

static void
on_done(void *arg, enum base_err e, struct base_span output)
{
	(void)arg;
	result = e;
	is_done = true;
	memcpy(words, output.p, output.n);
	words[output.n] = '\0';
	event_base_loopbreak(eb);
}

static enum base_err
run(const char *script, uint32_t deadline_ms)
{
	char sh[] = "sh", c[] = "-c", *text = base_strdup(script);
	char *argv[] = { sh, c, text, NULL };

	is_done = false;
	eb = event_base_new();
	ck_assert_ptr_nonnull(ag_proc_run(&(struct ag_proc_conf){
	    .eb = eb,
	    .argv = argv,
	    .deadline_ms = deadline_ms,
	    .done = on_done,
	}));
	event_base_dispatch(eb);
	ck_assert(is_done);
	event_base_free(eb);
	free(text);
	return result;
}

START_TEST(ends)
{
	OK(run("echo one; echo two >&2", 5000));
	ck_assert_str_eq(words, "one\ntwo\n");
	NO(run("echo first; echo last words; exit 7", 5000), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(
	    strstr(base_why(), "status 7: first; last words"));
	NO(run("kill -TERM $$", 5000), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "signal 15"));
	NO(run("cat; exec /nonexistent/x", 5000), BASE_E_REFUSED);
}
END_TEST

START_TEST(deadline)
{
	NO(run("echo waiting; sleep 60 & wait", 100), BASE_E_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(base_why(), "waiting"));
}
END_TEST

/* What it leaves behind may keep its output open: the command has ended. */
START_TEST(daemon_left)
{
	OK(run("sleep 1 & echo started", 5000));
	ck_assert_str_eq(words, "started\n");
}
END_TEST

START_TEST(much_output)
{
	OK(run("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done",
	    20000));
	ck_assert_uint_eq(strlen(words), 4096);
	ck_assert_ptr_nonnull(strstr(words, "2999\n"));
}
END_TEST

START_TEST(cancel)
{
	char sleep_[] = "sleep", n[] = "60";
	char *argv[] = { sleep_, n, NULL };
	struct ag_proc *p;

	eb = event_base_new();
	is_done = false;
	p = ag_proc_run(&(struct ag_proc_conf){ .eb = eb,
	    .argv = argv,
	    .deadline_ms = 1000,
	    .done = on_done });
	ag_proc_cancel(p);
	ag_proc_cancel(NULL);
	event_base_dispatch(eb);
	ck_assert(!is_done);
	event_base_free(eb);
}
END_TEST

/* ---- processes -------------------------------------------------------------------- */

static char *dir, *pidfile;

static void
write_pid(pid_t pid)
{
	char *text = base_asprintf("%d\n", (int)pid);

	OK(base_file_write(pidfile,
	    (struct base_span){ (const uint8_t *)text, strlen(text) }, 0644));
	free(text);
}

static pid_t
child(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(old_ones)
{
	struct ag_pids then;
	pid_t worker, other;

	dir = rig_dir();
	pidfile = base_asprintf("%s/pid", dir);
	NO(ag_pids_take(pidfile, &then), BASE_E_NOTFOUND);
	worker = child();
	write_pid(getpid());
	OK(ag_pids_take(pidfile, &then));
	ck_assert_int_eq(then.main, getpid());
	ck_assert_uint_eq(then.n, 1);
	/* a new worker is none of the old ones */
	other = child();
	ck_assert(ag_pids_has_old(&then, pidfile));
	end(worker);
	ck_assert(!ag_pids_has_old(&then, pidfile));
	/* the main process lives on, but is not the main one any more */
	write_pid(other);
	ck_assert(ag_pids_has_old(&then, pidfile));
	write_pid(getpid());
	ck_assert(!ag_pids_has_old(&then, pidfile));
	/* nobody runs under the number */
	end(other);
	write_pid(other);
	NO(ag_pids_take(pidfile, &then), BASE_E_NOTFOUND);
	rig_dir_remove(dir);
	free(pidfile);
}
END_TEST

TCase *
case_proc(void)
{
	TCase *t = tcase_create("proc");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, ends);
	tcase_add_test(t, deadline);
	tcase_add_test(t, daemon_left);
	tcase_add_test(t, much_output);
	tcase_add_test(t, cancel);
	tcase_add_test(t, old_ones);
	return t;
}
