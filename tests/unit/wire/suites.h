/* suites of tests/unit/wire, one per source of wire/; called by main.c. */
#pragma once

#include <check.h>

TCase *case_tbs(void);
