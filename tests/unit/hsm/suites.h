/* The test cases of hsm/, one per source file. */
#pragma once

#include <check.h>

TCase *case_p11_uri(void);
TCase *case_ks_mem(void);
TCase *case_ks_worker(void);
TCase *case_worker_bad_start(void);
TCase *case_backup(void);
