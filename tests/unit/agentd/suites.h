/* suites of tests/unit/agentd, one per source of agentd/; called by main.c. */
#pragma once

#include <check.h>

TCase *case_config(void);
TCase *case_guests(void);
TCase *case_join(void);
TCase *case_courier(void);
TCase *case_knock(void);
TCase *case_porch(void);
TCase *case_net(void);
TCase *case_order(void);
TCase *case_order_compromised(void);
TCase *case_order_open(void);
TCase *case_order_renew(void);
TCase *case_probe(void);
TCase *case_proc(void);
TCase *case_rekey(void);
TCase *case_relay(void);
TCase *case_render(void);
TCase *case_spool(void);
TCase *case_stock(void);
TCase *case_store(void);
TCase *case_work(void);
TCase *case_clock(void);
TCase *case_death(void);
