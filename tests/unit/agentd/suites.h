/* suites of tests/unit/agentd, one per source of agentd/; called by main.c. */
#pragma once

#include <check.h>

TCase *case_bundle(void);
TCase *case_config(void);
TCase *case_guests(void);
TCase *case_holdings(void);
TCase *case_job(void);
TCase *case_join(void);
TCase *case_courier(void);
TCase *case_knock(void);
TCase *case_live(void);
TCase *case_manifest(void);
TCase *case_pids(void);
TCase *case_porch(void);
TCase *case_net(void);
TCase *case_order(void);
TCase *case_order_compromised(void);
TCase *case_order_open(void);
TCase *case_order_renew(void);
TCase *case_probe(void);
TCase *case_probe_client(void);
TCase *case_probe_server(void);
TCase *case_proc(void);
TCase *case_rekey(void);
TCase *case_relay(void);
TCase *case_render(void);
TCase *case_spool(void);
TCase *case_state(void);
TCase *case_stock(void);
TCase *case_store(void);
TCase *case_store_key(void);
TCase *case_work(void);
TCase *case_clock(void);
TCase *case_death(void);
