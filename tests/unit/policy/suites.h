/* suites: one test case per subject of policy/; main.c runs them all. */
#pragma once

#include <check.h>

TCase *case_breach(void);
TCase *case_broken(void);
TCase *case_bundle(void);
TCase *case_compact_exact(void);
TCase *case_cycle(void);
TCase *case_engine_new(void);
TCase *case_first(void);
TCase *case_gate(void);
TCase *case_graph(void);
TCase *case_link(void);
TCase *case_nodeset(void);
TCase *case_offers(void);
TCase *case_rule(void);
TCase *case_plan(void);
TCase *case_compact(void);
TCase *case_shape(void);
TCase *case_values(void);
TCase *case_engine(void);
TCase *case_fresh(void);
TCase *case_explain(void);
TCase *case_sentences(void);
TCase *case_turns(void);
TCase *case_outlook(void);
TCase *case_ready(void);
TCase *case_window(void);
