/* Runs the unit tests of policy/. */
#include <stdlib.h>

#include "tests/unit/policy/suites.h"

int
main(void)
{
	Suite *s = suite_create("policy");
	SRunner *r;
	int failed;

	suite_add_tcase(s, case_graph());
	suite_add_tcase(s, case_rule());
	suite_add_tcase(s, case_plan());
	suite_add_tcase(s, case_compact());
	suite_add_tcase(s, case_values());
	suite_add_tcase(s, case_engine());
	suite_add_tcase(s, case_fresh());
	suite_add_tcase(s, case_explain());
	suite_add_tcase(s, case_sentences());
	suite_add_tcase(s, case_turns());
	suite_add_tcase(s, case_broken());
	suite_add_tcase(s, case_outlook());
	suite_add_tcase(s, case_ready());
	suite_add_tcase(s, case_window());
	suite_add_tcase(s, case_first());
	suite_add_tcase(s, case_link());
	suite_add_tcase(s, case_engine_new());
	suite_add_tcase(s, case_gate());
	suite_add_tcase(s, case_shape());
	suite_add_tcase(s, case_nodeset());
	suite_add_tcase(s, case_offers());
	suite_add_tcase(s, case_compact_exact());
	suite_add_tcase(s, case_cycle());
	suite_add_tcase(s, case_bundle());
	suite_add_tcase(s, case_breach());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
