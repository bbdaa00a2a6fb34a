/* suites: one test case per file of this folder; main.c runs them all. */
#pragma once

#include <check.h>

TCase *case_cli(void);
TCase *case_cmd_plan(void);
TCase *case_roll(void);
TCase *case_remote(void);
TCase *case_topology(void);
TCase *case_cmd_verify(void);
