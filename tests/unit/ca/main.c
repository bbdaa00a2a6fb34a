/* Runs the unit tests of ca/. */
#include <stdlib.h>

#include "tests/unit/ca/suites.h"

int
main(void)
{
	Suite *s = suite_create("ca");
	SRunner *r;
	int failed;

	suite_add_tcase(s, case_cli());
	suite_add_tcase(s, case_remote());
	suite_add_tcase(s, case_topology());
	suite_add_tcase(s, case_node());
	suite_add_tcase(s, case_cmd_plan());
	suite_add_tcase(s, case_cmd_simulate());
	suite_add_tcase(s, case_cmd_graph());
	suite_add_tcase(s, case_cmd_verify());
	suite_add_tcase(s, case_cmd_audit());
	suite_add_tcase(s, case_store_sqlite());
	suite_add_tcase(s, case_config());
	suite_add_tcase(s, case_deliver());
	suite_add_tcase(s, case_report());
	suite_add_tcase(s, case_stock());
	suite_add_tcase(s, case_recover());
	suite_add_tcase(s, case_claim());
	suite_add_tcase(s, case_control());
	suite_add_tcase(s, case_trigger());
	suite_add_tcase(s, case_metrics());
	suite_add_tcase(s, case_doctor());
	suite_add_tcase(s, case_differ());
	suite_add_tcase(s, case_change());
	suite_add_tcase(s, case_net());
	suite_add_tcase(s, case_dial());
	suite_add_tcase(s, case_join());
	suite_add_tcase(s, case_roll());
	suite_add_tcase(s, case_renew());
	suite_add_tcase(s, case_rekey());
	suite_add_tcase(s, case_forget());
	suite_add_tcase(s, case_held());
	suite_add_tcase(s, case_refused());
	suite_add_tcase(s, case_management());
	suite_add_tcase(s, case_roll_steer());
	suite_add_tcase(s, case_compromised());
	suite_add_tcase(s, case_pace());
	suite_add_tcase(s, case_show());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
