/*
 * agentd/pids: who of an application still runs with the old files. A process
 * is its number and its start time, so that a number used again is no match
 * (proc(5)). Used by live.c.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/proc.h"

static enum base_err
read_pidfile(const char *pidfile, pid_t *out)
{
	struct base_buf b;
	char text[32];
	enum base_err r;
	long v;

	base_buf_init(&b, sizeof text);
	if ((r = base_file_read(pidfile, sizeof text - 1, &b)) != BASE_OK)
		goto out;
	if (b.n > 0) /* empty while the application writes it */
		memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	v = strtol(text, NULL, 10);
	if (v <= 1 || v > 0x7fffffff)
		r = base_fail(BASE_E_NOTFOUND, "%s: no process number in it",
		    pidfile);
	else
		*out = (pid_t)v;
out:
	base_buf_free(&b);
	return r;
}

/* parent and start time of a process that runs (no zombie) */
static bool
read_stat(pid_t pid, pid_t *parent, uint64_t *start)
{
	char path[64], text[1024];
	unsigned long long v;
	const char *p;
	char state;
	int ppid;
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return false;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	/* the name in parentheses may hold anything, the rest is numbers */
	if ((p = strrchr(text, ')')) == NULL ||
	    sscanf(p + 1,
		" %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
		"%*d %*d %*d %*d %llu",
		&state, &ppid, &v) != 3)
		return false;
	*parent = ppid;
	*start = v;
	return state != 'Z' && state != 'X';
}

static enum base_err
take_children(struct ag_pids *out)
{
	DIR *d = opendir("/proc");
	const struct dirent *e;
	enum base_err r = BASE_OK;
	uint64_t start;
	pid_t parent;

	if (d == NULL)
		return base_fail(BASE_E_IO, "/proc: cannot be read: %m");
	while ((e = readdir(d)) != NULL) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !read_stat(pid, &parent, &start) || parent != out->main)
			continue;
		if (out->n == AG_PIDS_MAX) {
			r = base_fail(BASE_E_RANGE,
			    "process %d has more than %d children",
			    (int)out->main, AG_PIDS_MAX);
			break;
		}
		out->child[out->n].pid = pid;
		out->child[out->n++].start = start;
	}
	closedir(d);
	return r;
}

enum base_err
ag_pids_take(const char *pidfile, struct ag_pids *out)
{
	uint64_t start;
	pid_t parent;
	enum base_err r;

	memset(out, 0, sizeof *out);
	if ((r = read_pidfile(pidfile, &out->main)) != BASE_OK) {
		out->main = 0;
		return r;
	}
	if (!read_stat(out->main, &parent, &start)) {
		r = base_fail(BASE_E_NOTFOUND, "%s: process %d does not run",
		    pidfile, (int)out->main);
		out->main = 0;
		return r;
	}
	return take_children(out);
}

bool
ag_pids_has_old(const struct ag_pids *then, const char *pidfile)
{
	uint64_t start;
	pid_t parent, now;

	for (size_t i = 0; i < then->n; i++)
		if (read_stat(then->child[i].pid, &parent, &start) &&
		    start == then->child[i].start)
			return true;
	return then->main != 0 && read_pidfile(pidfile, &now) == BASE_OK &&
	    now != then->main && read_stat(then->main, &parent, &start);
}
