/* Runs the unit tests of base/. */
#include <stdlib.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

int
main(void)
{
	Suite *suite = suite_create("base");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, case_err());
	suite_add_tcase(suite, case_log());
	suite_add_tcase(suite, case_mem());
	suite_add_tcase(suite, case_time());
	suite_add_tcase(suite, case_buf());
	suite_add_tcase(suite, case_text());
	suite_add_tcase(suite, case_file());
	suite_add_tcase(suite, case_process());
	suite_add_tcase(suite, case_clock());
	suite_add_tcase(suite, case_version());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
