/*
 * watch: kedge roll status --watch and --nodes, for cmd_roll.c.
 */
#pragma once

#include <jansson.h>

#include "ca/cli.h"

bool ca_roll_is_over(const json_t *roll);
/* Every node of each roll in this answer that runs; it was asked with nodes. */
void ca_nodes_print(FILE *f, const json_t *answer);
/* Until every roll asked for is over; takes request. */
enum base_err ca_roll_watch(struct cli *c, json_t *request) BASE_MUST;
