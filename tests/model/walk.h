/* walk: the plan against the engine, order by order, on one graph. */
#pragma once

#include "policy/policy.h"
#include "tests/model/world.h"

/* A number below n; *seed is not 0. */
uint32_t walk_pick(uint64_t *seed, uint32_t n);
/* Walks a whole roll under every strategy in a random order of events; NULL,
 * or what is wrong. *seed moves on. */
const char *
walk_all(const struct topology *t, const struct pol_graph *g, uint64_t *seed);
