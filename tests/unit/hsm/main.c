/* Runs the unit tests of hsm/. */
#include <stdlib.h>

#include "base/base.h"
#include "tests/unit/hsm/suites.h"

int
main(void)
{
	Suite *suite = suite_create("hsm");
	SRunner *runner;
	int failed;

	base_log_open("test", BASE_ERR);
	suite_add_tcase(suite, case_config());
	suite_add_tcase(suite, case_p11_uri());
	suite_add_tcase(suite, case_backup());
	suite_add_tcase(suite, case_map());
	suite_add_tcase(suite, case_journal());
	suite_add_tcase(suite, case_req_keys());
	suite_add_tcase(suite, case_req_certs());
	suite_add_tcase(suite, case_req_nodes());
	suite_add_tcase(suite, case_approve());
	suite_add_tcase(suite, case_approve_withdrawn());
	suite_add_tcase(suite, case_stolen());
	suite_add_tcase(suite, case_rekey());
	suite_add_tcase(suite, case_req_orders());
	suite_add_tcase(suite, case_judge());
	suite_add_tcase(suite, case_judge_own());
	suite_add_tcase(suite, case_judge_depth());
	suite_add_tcase(suite, case_proofs());
	suite_add_tcase(suite, case_req_proofs());
	suite_add_tcase(suite, case_req_recall());
	suite_add_tcase(suite, case_ks_worker());
	suite_add_tcase(suite, case_server());
	suite_add_tcase(suite, case_pin());
	suite_add_tcase(suite, case_worker_bad_start());
	suite_add_tcase(suite, case_core());
	suite_add_tcase(suite, case_core_refusals());
	suite_add_tcase(suite, case_signer());
	suite_add_tcase(suite, case_ks_mem());
	suite_add_tcase(suite, case_worker_io());
	suite_add_tcase(suite, case_worker());
	suite_add_tcase(suite, case_record());
	suite_add_tcase(suite, case_state());
	suite_add_tcase(suite, case_holds());
	suite_add_tcase(suite, case_profile());
	suite_add_tcase(suite, case_token_p11());
	suite_add_tcase(suite, case_token_raw());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
