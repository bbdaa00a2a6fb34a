/*
 * ca/ctl: the CLI's side of kedged's control socket (docs/control.md), and the
 * tables in which the CLI prints what comes back. Used by ca/cmd_*.c only.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "base/base.h"

struct ca_ctl;

/* The sentence of a failure says what to look at: daemon down, no right,
 * wrong path. */
enum base_err ca_ctl_open(const char *path, struct ca_ctl **out) BASE_MUST;
void ca_ctl_close(struct ca_ctl *c);

/* Sends request (reference stolen) and waits for its answer. A refusal by
 * kedged comes back as its error with its sentence; *answer (new reference)
 * is set on success, and on a refusal when kedged sent details with it. */
enum base_err
ca_ctl_call(struct ca_ctl *c, json_t *request, json_t **answer) BASE_MUST;

/* Next event after a request that subscribed. NOTFOUND: end of stream;
 * TIMEOUT after wait_ms (-1: none). */
enum base_err
ca_ctl_event(struct ca_ctl *c, int wait_ms, json_t **event) BASE_MUST;

/* ---- tables --------------------------------------------------------------- */

struct ca_column {
	const char *title;
	const char *key; /* member of each row; missing or null: "-" */
	bool right; /* numbers */
};

/* One line per object of the array rows; strings as they are (control bytes
 * escaped), numbers, true as "yes", false as "no", arrays joined by ','.
 * Ends with COLUMN_END. */
#define CA_COLUMN_END             \
	{                         \
		NULL, NULL, false \
	}
enum base_err ca_table_print(FILE *f, const struct ca_column *columns,
    const json_t *rows) BASE_MUST;

/* Whole JSON value with sorted keys and a newline, for --json. */
void ca_json_print(FILE *f, const json_t *j);
/* Colours and bars only here: a terminal, NO_COLOR unset, TERM not dumb. */
bool ca_is_fancy(FILE *f);
