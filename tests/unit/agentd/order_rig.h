/*
 * One order and what the node knows, for the tests of order.c: taken, or
 * refused with a word.
 */
#pragma once

#include "tests/unit/agentd/rig.h"

struct order_world {
	struct ag_state state;
	struct ag_bundle *bundle;
	struct ag_known k;
	struct wire_order o;
	uint8_t digest[32];
	struct ag_bundle *next;
};
/* The node holds generation 1 of "plant", settled by epoch 1; the order is
 * rig_order's, with these steps. */
void order_begin(struct order_world *w, uint32_t steps);
void order_end(struct order_world *w);
enum ag_verdict order_judge(struct order_world *w);
/* Judges, and ends; the sentence has word in it. */
void order_refused(struct order_world *w, const char *word);
/* Judges: w->next is what it shall hold. */
void order_taken(struct order_world *w);
/* x takes the place of what is in slot. */
void order_swap(X509 **slot, X509 *x);
