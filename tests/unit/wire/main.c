/* Runs the unit tests of wire/. */
#include <stdlib.h>

#include "tests/unit/wire/suites.h"

static TCase *(*const cases[])(void) = {
	case_ack,
	case_addr,
	case_asn1,
	case_ber,
	case_client,
	case_cms,
	case_crl,
	case_csr,
	case_der,
	case_digest,
	case_exchange,
	case_general,
	case_hello,
	case_hsm_conn,
	case_hsm_msg,
	case_hsm_told,
	case_http,
	case_inventory,
	case_invite,
	case_join,
	case_key,
	case_loop,
	case_name,
	case_node,
	case_order,
	case_pages,
	case_path,
	case_pem,
	case_pkix,
	case_profile,
	case_purpose,
	case_report,
	case_rekey,
	case_root,
	case_seal,
	case_server,
	case_server_conn,
	case_spki,
	case_stock,
	case_tbs,
	case_tbs_ext,
	case_tls,
	case_token,
	case_verify,
};

int
main(void)
{
	Suite *suite = suite_create("wire");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		suite_add_tcase(suite, cases[i]());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
