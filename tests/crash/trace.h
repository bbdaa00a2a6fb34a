/*
 * crash: what a node does to its disk, recorded call by call while it carries
 * out whole orders, and every state in which a kill or a power cut can leave
 * the disk after each of these calls. record.c writes down, trace.c makes
 * the states, agent.c has the orders and says what must hold in each state.
 *
 * The disk forgets as much as POSIX allows: what was written to a file is safe
 * after its fsync, a name (made, moved, removed) after the fsync of its
 * directory; before that each may be there or not, in any combination, and of
 * written bytes none, some or all.
 */
#pragma once

#include "base/base.h"

enum trace_kind {
	TRACE_CREATE,
	TRACE_TRUNCATE,
	TRACE_WRITE,
	TRACE_SYNC,
	TRACE_RENAME,
	TRACE_UNLINK,
	TRACE_MKDIR,
	TRACE_SYNC_DIR,
	TRACE_PROMISE, /* something was sent; what: value */
};

/* Only calls below dir are recorded, from now on, into an empty trace. */
void trace_begin(const char *dir);
void trace_end(void);
void trace_promise(int what);
/* How a careless programmer would have written it: the control. */
enum trace_break {
	TRACE_SOUND,
	TRACE_NO_SYNC, /* no fsync of files */
	TRACE_NO_SYNC_DIR,
	TRACE_EARLY_RENAME, /* before the bytes are written */
};
void trace_spoil(enum trace_break how);

/* Puts each state into dir and calls fn; states that are equal, with the same
 * highest promise, are seen once. Returns how many. */
typedef void trace_fn(void *arg, int promised);
size_t trace_states(const char *dir, trace_fn *fn, void *arg);
/* The state after the first call that moves something to path, with nothing
 * lost. */
void trace_state_at(const char *dir, const char *path);
