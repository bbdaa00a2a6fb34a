/* See plan_rig.h. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "tests/unit/ca/plan_rig.h"

char plan_out[262144], plan_err[4096];

int
plan_run(int argc, const char *const *words)
{
	char *argv[16] = { NULL };
	FILE *out, *err;
	int code;

	memset(plan_out, 0, sizeof(plan_out));
	memset(plan_err, 0, sizeof(plan_err));
	out = fmemopen(plan_out, sizeof(plan_out), "w");
	err = fmemopen(plan_err, sizeof(plan_err), "w");
	ck_assert(out != NULL && err != NULL && argc < 16);
	for (int i = 0; i < argc; i++)
		argv[i] = base_strdup(words[i]);
	code = cli_main(argc, argv, out, err);
	fclose(out);
	fclose(err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return code;
}
