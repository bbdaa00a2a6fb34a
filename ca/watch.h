/*
 * watch: kedge roll status --watch and --nodes, for cmd_roll.c.
 */
#pragma once

#include <jansson.h>

#include "ca/cli.h"

bool ca_roll_is_over(const json_t *roll);
/* Of two times as RFC 3339; 0 where one is none. */
int64_t ca_seconds_between(const char *from, const char *to);
/* "12s", "5m", "3h", "9d". */
#define CA_AGE_TEXT 24
void ca_age_text(int64_t seconds, char out[CA_AGE_TEXT]);
/* Every node of each roll in this answer that runs; it was asked with nodes.
 * columns: in lines so long, and reasons shortened for them; 0: whole. */
void ca_nodes_print(FILE *f, size_t columns, const json_t *answer);
/* Until every roll asked for is over; takes request. */
enum base_err ca_roll_watch(struct cli *c, json_t *request) BASE_MUST;
