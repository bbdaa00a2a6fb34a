/* Runs the unit tests of conf/. */
#include <stdlib.h>

#include "tests/unit/conf/suites.h"

int
main(void)
{
	Suite *suite = suite_create("conf");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, case_conf());
	suite_add_tcase(suite, case_scan());
	suite_add_tcase(suite, case_value());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
