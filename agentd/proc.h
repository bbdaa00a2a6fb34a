/*
 * agentd/proc: commands of applications as child processes beside the event
 * loop, and which processes an application has.
 */
#pragma once

#include <event2/event.h>

#include "base/base.h"

struct ag_proc;

struct ag_proc_conf {
	struct event_base *eb;
	char *const *argv;       /* borrowed until done */
	uint32_t deadline_ms;
	/* Once, never from within ag_proc_run. OK: it ended with 0. Otherwise
	 * base_why() has its last words. output lives until it returns. */
	void (*done)(void *arg, enum base_err e, struct base_span output);
	void *arg;
};
/* No shell; standard input is empty, output and errors are collected (the
 * last 4 KiB); a process group of its own. */
struct ag_proc *ag_proc_run(const struct ag_proc_conf *c);
/* Kills it; done is not called. NULL is allowed. */
void ag_proc_cancel(struct ag_proc *p);

/* ---- processes of an application ------------------------------------------ */

#define AG_PIDS_MAX 4096

struct ag_pids {                 /* a process and its children at one time */
	pid_t main;              /* 0: not running */
	size_t n;
	struct { pid_t pid; uint64_t start; } child[AG_PIDS_MAX];
};
/* NOTFOUND: no pidfile, or nobody runs under its number; main is 0 then.
 * RANGE, IO: main is right, its children are not all there. */
enum base_err ag_pids_take(const char *pidfile, struct ag_pids *out)
    BASE_MUST;
/* Some process of the snapshot still runs: a child, or the main process when
 * pidfile names another by now. */
bool ag_pids_has_old(const struct ag_pids *then, const char *pidfile);
