/* Runs the unit tests of agentd/. */
#include <signal.h>
#include <stdlib.h>

#include "base/base.h"
#include "tests/unit/agentd/suites.h"

static TCase *(*const cases[])(void) = {
	case_config,
	case_guests,
	case_join,
	case_courier,
	case_knock,
	case_porch,
	case_net,
	case_order,
	case_order_compromised,
	case_order_open,
	case_order_renew,
	case_probe,
	case_proc,
	case_rekey,
	case_relay,
	case_render,
	case_spool,
	case_stock,
	case_store,
	case_work,
	case_clock,
	case_death,
	case_bundle,
	case_manifest,
	case_holdings,
	case_store_key,
	case_pids,
	case_probe_server,
	case_probe_client,
	case_live,
	case_job,
	case_state,
	case_listen,
	case_dial,
	case_report,
	case_agent,
	case_self,
};

int
main(void)
{
	Suite *suite = suite_create("agentd");
	SRunner *runner;
	int failed;

	/* refusals are logged; the tests look at what comes back */
	base_log_open("agentd-test", BASE_ERR);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		suite_add_tcase(suite, cases[i]());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
