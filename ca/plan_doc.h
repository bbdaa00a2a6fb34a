/*
 * plan_doc: a plan as the JSON document that `kedge plan --json` prints and
 * as text. kedged answers the same document from its store.
 */
#pragma once

#include <stdio.h>

#include "policy/policy.h"

struct ca_plan_view {
	struct pol_plan *plan;
	uint32_t nnodes;
	const char *root, *strategy;
	bool presume; /* say what is risked when receptions are presumed */
	/* Of a node's number in the plan's graph; owned by arg. */
	const char *(*name)(const void *arg, uint32_t node);
	/* Nodes of its route, itself last; at most max, returns how many.
	 * The route of the CA itself is empty. */
	size_t (
	    *route)(const void *arg, uint32_t node, uint32_t *out, size_t max);
	const void *arg;
};

/* One object on one line, keys in the order of the format: version, root,
 * strategy, groups, orders, rounds, least (compact only), notes, presumed (when asked for). */
void ca_plan_print_json(FILE *out, const struct ca_plan_view *v);
void ca_plan_print_text(FILE *out, const struct ca_plan_view *v);
