/*
 * One side of an application, canaries of two generations, and a probe that
 * runs to its end: for the tests of probe*.c. The loop and the application
 * are those of node.h.
 */
#pragma once

#include "agentd/probe.h"
#include "tests/unit/agentd/node.h"

extern struct ag_side side;
extern X509 *canary[3];          /* by generation, from 1 */

void probe_setup(void);
void probe_teardown(void);
/* Loop, side, key and end of c are set here. */
enum base_err probe(struct ag_probe_conf c);
/* It failed, with this word in the sentence. */
void says(enum base_err e, const char *word);
