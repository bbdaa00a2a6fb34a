/* The test cases of hsm/, one or two per source file. */
#pragma once

#include <check.h>

TCase *case_parts(void);
TCase *case_journal(void);
TCase *case_keys(void);
TCase *case_certs(void);
TCase *case_nodes(void);
TCase *case_orders(void);
TCase *case_judge(void);
TCase *case_proofs(void);
TCase *case_gone(void);
TCase *case_hsmd(void);
TCase *case_pin(void);
TCase *case_ks_worker(void);
TCase *case_worker_bad_start(void);
