/*
 * A stand-in for kedged: commands of the CLI are run against it, for the tests
 * of ca/remote.c, ca/ctl.c and ca/cmd_*.c. One per process.
 */
#pragma once

#include <jansson.h>

#include "ca/cli.h"

/* What was asked, a line each; a file of the test's own; and what the last
 * command printed. */
extern char remote_dir[], remote_socket[64];
extern char seen[64], file[64], output[65536], errors[4096];

void remote_setup(void);
void remote_teardown(void);
/* answer: to every request; NULL: no daemon. The exit code. */
int run_against(const char *answer, const char *const *words);
#define RUN(answer, ...) \
	run_against(answer, (const char *const[]){ "kedge", __VA_ARGS__, NULL })
/* What the last command asked. */
void assert_request(const char *want);

#define OK "{\"ok\":true}"
