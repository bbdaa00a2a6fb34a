/* The test cases of hsm/, one or two per source file. */
#pragma once

#include <check.h>

TCase *case_config(void);
TCase *case_core(void);
TCase *case_core_refusals(void);
TCase *case_holds(void);
TCase *case_ks_mem(void);
TCase *case_p11_uri(void);
TCase *case_backup(void);
TCase *case_map(void);
TCase *case_journal(void);
TCase *case_profile(void);
TCase *case_record(void);
TCase *case_req_keys(void);
TCase *case_req_certs(void);
TCase *case_req_nodes(void);
TCase *case_approve(void);
TCase *case_rekey(void);
TCase *case_req_orders(void);
TCase *case_judge(void);
TCase *case_judge_own(void);
TCase *case_judge_depth(void);
TCase *case_proofs(void);
TCase *case_req_proofs(void);
TCase *case_req_recall(void);
TCase *case_server(void);
TCase *case_pin(void);
TCase *case_ks_worker(void);
TCase *case_signer(void);
TCase *case_state(void);
TCase *case_token_p11(void);
TCase *case_token_raw(void);
TCase *case_worker(void);
TCase *case_worker_bad_start(void);
TCase *case_worker_io(void);
