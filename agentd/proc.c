/*
 * agentd/proc: runs an application's check, reload or trigger. The end of a
 * command is its SIGCHLD, not the end of its output: what it starts may keep
 * the pipe. Used by live.c and probe_client.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agentd/proc.h"

#define WORDS_MAX 4096

struct ag_proc {
	struct ag_proc_conf c;
	pid_t pid;
	int fd;
	bool late;
	struct event *child, *output, *deadline;
	char words[WORDS_MAX];
	size_t n;
};

static void
proc_free(struct ag_proc *p)
{
	event_free(p->child);
	event_free(p->output);
	event_free(p->deadline);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void
keep(struct ag_proc *p, const char *s, size_t n)
{
	size_t drop = p->n + n > WORDS_MAX ? p->n + n - WORDS_MAX : 0;

	memmove(p->words, p->words + drop, p->n - drop);
	p->n -= drop;
	memcpy(p->words + p->n, s, n);
	p->n += n;
}

static void
on_output(evutil_socket_t fd, short what, void *arg)
{
	struct ag_proc *p = arg;
	char buf[1024];
	ssize_t n;

	(void)what;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		keep(p, buf, (size_t)n);
	if (n == 0)
		event_del(p->output);
}

/* The end of what it said, on one line, for the sentence. */
static void
last_words(const struct ag_proc *p, char *out, size_t max)
{
	size_t end = p->n, start, n = 0;

	while (end > 0 && strchr("\r\n \t", p->words[end - 1]) != NULL)
		end--;
	start = end > max / 2 ? end - max / 2 : 0;
	while (start > 0 && start < end && p->words[start - 1] != '\n')
		start++;
	for (size_t i = start; i < end && n + 3 < max; i++) {
		if (p->words[i] == '\n')
			out[n++] = ';';
		out[n++] = p->words[i] == '\n' ? ' ' : p->words[i];
	}
	out[n] = '\0';
}

static enum base_err
verdict(const struct ag_proc *p, int status)
{
	char words[400];

	last_words(p, words, sizeof words);
	if (p->late)
		return base_fail(BASE_E_TIMEOUT,
		    "%s: no end within %u ms, killed: %s", p->c.argv[0],
		    p->c.deadline_ms, words);
	if (WIFSIGNALED(status))
		return base_fail(BASE_E_REFUSED, "%s: killed by signal %d: %s",
		    p->c.argv[0], WTERMSIG(status), words);
	if (WEXITSTATUS(status) != 0)
		return base_fail(BASE_E_REFUSED, "%s: exit status %d: %s",
		    p->c.argv[0], WEXITSTATUS(status), words);
	return BASE_OK;
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct ag_proc *p = arg;
	struct base_span output;
	int status;

	(void)sig;
	(void)what;
	if (waitpid(p->pid, &status, WNOHANG) != p->pid)
		return;
	on_output(p->fd, 0, p);
	output = (struct base_span){ (const uint8_t *)p->words, p->n };
	p->c.done(p->c.arg, verdict(p, status), output);
	proc_free(p);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct ag_proc *p = arg;

	(void)fd;
	(void)what;
	p->late = true;
	kill(-p->pid, SIGKILL);
}

static _Noreturn void
child_run(char *const *argv, int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* the supervisor's word is the agent's, not its commands' */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("CREDENTIALS_DIRECTORY");
	if (dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2) {
		close_range(3, ~0U, 0);
		execvp(argv[0], argv);
		dprintf(2, "cannot be run: %s", strerror(errno));
	}
	_exit(127);
}

struct ag_proc *
ag_proc_run(const struct ag_proc_conf *c)
{
	struct ag_proc *p = base_alloc(sizeof *p);
	struct timeval tv = { c->deadline_ms / 1000,
		(suseconds_t)(c->deadline_ms % 1000) * 1000 };
	int fd[2];

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0)
		base_die("proc: pipe: %m");
	p->c = *c;
	p->fd = fd[0];
	p->child = evsignal_new(c->eb, SIGCHLD, on_child, p);
	p->output = event_new(c->eb, p->fd, EV_READ | EV_PERSIST, on_output, p);
	p->deadline = evtimer_new(c->eb, on_deadline, p);
	if (p->child == NULL || p->output == NULL || p->deadline == NULL ||
	    event_add(p->child, NULL) != 0 || event_add(p->output, NULL) != 0 ||
	    event_add(p->deadline, &tv) != 0)
		base_die("proc: out of memory");
	p->pid = fork();
	if (p->pid < 0)
		base_die("proc: fork: %m");
	if (p->pid == 0) {
		fcntl(fd[1], F_SETFL, 0);
		child_run(c->argv, fd[1]);
	}
	setpgid(p->pid, p->pid);
	close(fd[1]);
	return p;
}

void
ag_proc_cancel(struct ag_proc *p)
{
	if (p == NULL)
		return;
	kill(-p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	proc_free(p);
}
