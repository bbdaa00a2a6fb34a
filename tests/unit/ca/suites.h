/* suites: one test case per file of this folder; main.c runs them all. */
#pragma once

#include <check.h>

TCase *case_cli(void);
TCase *case_cmd_plan(void);
TCase *case_cmd_simulate(void);
TCase *case_cmd_graph(void);
TCase *case_roll(void);
TCase *case_renew(void);
TCase *case_rekey(void);
TCase *case_forget(void);
TCase *case_held(void);
TCase *case_refused(void);
TCase *case_management(void);
TCase *case_roll_steer(void);
TCase *case_pace(void);
TCase *case_show(void);
TCase *case_join(void);
TCase *case_dial(void);
TCase *case_net(void);
TCase *case_control(void);
TCase *case_trigger(void);
TCase *case_metrics(void);
TCase *case_doctor(void);
TCase *case_change(void);
TCase *case_cmd_audit(void);
TCase *case_store_sqlite(void);
TCase *case_deliver(void);
TCase *case_config(void);
TCase *case_report(void);
TCase *case_stock(void);
TCase *case_recover(void);
TCase *case_remote(void);
TCase *case_topology(void);
TCase *case_node(void);
TCase *case_cmd_verify(void);
