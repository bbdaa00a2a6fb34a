/* suites of tests/unit/wire, one per source of wire/; called by main.c. */
#pragma once

#include <check.h>

TCase *case_csr(void);
TCase *case_key(void);
TCase *case_name(void);
TCase *case_pem(void);
TCase *case_root(void);
TCase *case_tbs(void);
