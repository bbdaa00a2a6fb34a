/*
 * How long a program takes from exec to READY=1, and what memory it then
 * has; against a second program in turn, so that the machine's moods hit
 * both. Usage: ready RUNS PROGRAM ARG... -- PROGRAM ARG...
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

#define RUNS_MAX 100
#define READY_S	 10

struct figures {
	double start_ms[RUNS_MAX], rss_kb[RUNS_MAX], private_kb[RUNS_MAX];
};

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Sum of all lines of the file that begin with key. */
static double
proc_kb(pid_t pid, const char *file, const char *key)
{
	char *path = base_asprintf("/proc/%d/%s", (int)pid, file), line[256];
	FILE *f = fopen(path, "r");
	double sum = 0;

	if (f == NULL)
		base_die("ready: %s", path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			sum += strtod(strchr(line, ':') + 1, NULL);
	fclose(f);
	free(path);
	return sum;
}

static int
notify_open(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = READY_S };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1,
	    "kedge-bench-%d", (int)getpid());
	char *name = base_asprintf("@%s", sun.sun_path + 1);

	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		    (size_t)n)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) !=
		0 ||
	    setenv("NOTIFY_SOCKET", name, 1) != 0)
		base_die("ready: notify socket");
	free(name);
	return fd;
}

static pid_t
start(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static void
measure(int fd, char **argv, struct figures *f, int i)
{
	double begun = now_ms();
	pid_t pid = start(argv);
	char text[256];
	ssize_t n;

	do {
		n = recv(fd, text, sizeof(text) - 1, 0);
		if (n < 0)
			base_die("ready: %s is not ready within %d s", argv[0],
			    READY_S);
		text[n] = '\0';
	} while (strstr(text, "READY=1") == NULL);
	f->start_ms[i] = now_ms() - begun;
	f->rss_kb[i] = proc_kb(pid, "status", "VmRSS:");
	f->private_kb[i] = proc_kb(pid, "smaps_rollup", "Private_");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[n / 2];
}

static void
show(const char *what, const char *unit, double a, double b)
{
	printf("agent %s: %.1f %s, floor %.1f %s, ratio %.2f\n", what, a, unit,
	    b, unit, a / b);
}

int
main(int argc, char **argv)
{
	static struct figures a, b;
	int runs = argc > 2 ? atoi(argv[1]) : 0, split = 2, fd;

	while (split < argc && strcmp(argv[split], "--") != 0)
		split++;
	if (runs < 1 || runs > RUNS_MAX || split + 1 >= argc) {
		fprintf(stderr,
		    "usage: ready RUNS PROGRAM ARG... -- PROGRAM ARG...\n");
		return 2;
	}
	argv[split] = NULL;
	fd = notify_open();
	for (int i = 0; i < runs; i++) {
		measure(fd, argv + 2, &a, i);
		measure(fd, argv + split + 1, &b, i);
	}
	show("RSS", "kB", median(a.rss_kb, runs), median(b.rss_kb, runs));
	show("private memory", "kB", median(a.private_kb, runs),
	    median(b.private_kb, runs));
	show("start", "ms", median(a.start_ms, runs), median(b.start_ms, runs));
	close(fd);
	return 0;
}
