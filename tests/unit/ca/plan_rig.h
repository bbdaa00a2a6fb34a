/*
 * kedge plan in this process, on the files of tests/data/topology: for the
 * tests of ca/cmd_plan.c and ca/plan_doc.c.
 */
#pragma once

extern char plan_out[262144], plan_err[4096];
int plan_run(int argc, const char *const *words);
#define PLAN(...)                                               \
	plan_run(2 +                                                 \
		(int)(sizeof((const char *[]){ __VA_ARGS__ }) / \
		    sizeof(char *)),                            \
	    (const char *const[]){ "kedge", "plan", __VA_ARGS__ })

#define DATA "tests/data/topology/"
