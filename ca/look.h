/*
 * look: an outlook of a whole roll from "all on the old generation", for
 * kedge plan --compare and kedge simulate without a roll that runs.
 */
#pragma once

#include "ca/pace.h"

struct ca_look {
	const struct ca_topology *topology;
	const struct pol_graph *graph;
	uint32_t root; /* its number in the graph */
	const char *root_name;
	const struct ca_pace *pace;
	struct pol_goal goal; /* strategy, limit, max_in_flight */
	const bool *excused; /* by number in the graph; NULL: nobody */
};

/* Both are owned by the caller. */
enum base_err ca_look_make(const struct ca_look *l, struct pol_engine **engine,
    struct pol_outlook *out) BASE_MUST;

/* cmd_plan.c: the file of --topology, or the fleet that kedged keeps. */
enum base_err ca_topology_load(struct cli *c, struct ca_topology **out)
    BASE_MUST;
/* cmd_plan.c: the whole plan, as text or JSON, with what presuming receptions
 * would risk when presume is set; *orders is how many it has. */
enum base_err ca_plan_print(struct cli *c, const struct ca_topology *t,
    const char *root, enum pol_strategy strategy, bool presume,
    uint32_t *orders) BASE_MUST;
/* cmd_plan_cuts.c: kedge plan --compromised: who would be cut at a deadline. */
enum base_err ca_plan_cuts(struct cli *c, const struct ca_topology *t,
    const char *root) BASE_MUST;
/* cmd_compare.c: kedge plan --compare. */
enum base_err ca_plan_compare(struct cli *c, const struct ca_topology *t,
    const char *root) BASE_MUST;
