/* suites of tests/unit/base, one per source of base/; called by main.c. */
#pragma once

#include <check.h>

TCase *case_clock(void);
TCase *case_err(void);
TCase *case_log(void);
TCase *case_mem(void);
TCase *case_time(void);
TCase *case_buf(void);
TCase *case_text(void);
TCase *case_file(void);
TCase *case_process(void);
TCase *case_version(void);
