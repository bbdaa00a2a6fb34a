/*
 * Runs the unit tests of ca/, all cases or a part of them: KEDGE_PART=2/4 is the
 * second quarter. make check runs the parts beside each other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/quick.h"

/* Cases that take long first, so that the parts are alike. */
static TCase *(*const cases[])(void) = {
	case_renew,
	case_roll_steer,
	case_management,
	case_recover,
	case_rekey,
	case_rekey_shown,
	case_roll,
	case_cli,
	case_remote,
	case_topology,
	case_node,
	case_cmd_plan,
	case_cmd_simulate,
	case_cmd_graph,
	case_cmd_verify,
	case_cmd_audit,
	case_store_sqlite,
	case_config,
	case_deliver,
	case_report,
	case_stock,
	case_control,
	case_schedule,
	case_control_steer,
	case_cmd_roll,
	case_metrics,
	case_doctor,
	case_differ,
	case_change,
	case_net,
	case_dial,
	case_invite,
	case_join,
	case_forget,
	case_held,
	case_parcels,
	case_cmd_parcel,
	case_control_parcel,
	case_base64,
	case_prove,
	case_cmd_plan_cuts,
	case_cuts,
	case_deadline,
	case_deadline_look,
	case_site,
	case_refused,
	case_refused_turns,
	case_pace,
	case_show,
	case_tell,
	case_claim,
	case_control_recover,
	case_cmd_recover,
	case_recall_links,
	case_recall_own,
	case_recover_ask,
	case_compromised,
	case_store_sqlite_audit,
	case_store_sqlite_schema,
	case_store_sqlite_fleet,
	case_store_sqlite_link,
	case_store_sqlite_rolls,
	case_store_sqlite_roll,
	case_store_sqlite_gone,
	case_store_sqlite_leaf,
	case_store_sqlite_rekey,
	case_store_sqlite_stock,
	case_store_sqlite_sums,
	case_root_end,
	case_events,
	case_roll_report,
	case_roll_nodes,
	case_control_trigger,
	case_control_fleet,
	case_control_node,
	case_control_pace,
	case_control_roll,
	case_holding,
	case_epoch,
	case_topo,
	case_excuses,
	case_keyless,
	case_table,
	case_cmd_fleet,
	case_cmd_watch,
	case_cmd_topology,
	case_cmd_compare,
	case_ctl,
	case_doctor_host,
	case_doctor_node,
	case_drawing,
	case_drawing_svg,
	case_plan_doc,
	case_outlook_doc,
	case_topology_route,
	case_topology_link,
	case_cmd_steer,
	case_cmd_trigger,
	case_cmd_doctor,
	case_cmd_report,
	case_control_cuts,
	case_cmd_cuts,
	case_fleet,
	case_waits,
	case_roll_start,
	case_roll_enter,
	case_draft,
	case_issue,
	case_send,
	case_unsafe,
	case_unsent,
	case_control_unsafe,
	case_core,
	case_token,
	case_identity,
	case_tidy,
	case_reissue,
	case_roll_goal,
	case_recover_tell,
	case_health,
	case_look,
	case_self,
	case_resign,
	case_control_look,
	case_control_json,
	case_control_topology,
	case_make,
	case_recall,
};
#define NCASES (sizeof(cases) / sizeof(*cases))

int
main(void)
{
	static const char *const algs[] = { "EC", "RSA", "X25519", NULL };
	const char *text = getenv("KEDGE_PART");
	unsigned part = 1, parts = 1;
	Suite *s = suite_create("ca");
	SRunner *r;
	int failed;

	if (text != NULL &&
	    (sscanf(text, "%u/%u", &part, &parts) != 2 || part < 1 ||
		part > parts)) {
		fprintf(stderr, "KEDGE_PART: write N/M\n");
		return EXIT_FAILURE;
	}
	quick_use(algs, NULL);
	for (size_t i = part - 1; i < NCASES; i += parts)
		suite_add_tcase(s, cases[i]());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
