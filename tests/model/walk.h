/* walk: the plan against the engine, order by order, on one graph. */
#pragma once

#include "policy/policy.h"
#include "tests/model/world.h"

/* Walks a whole roll under every strategy in a random order of events; NULL,
 * or what is wrong. *seed moves on. */
const char *
walk_all(const struct topology *t, const struct pol_graph *g, uint64_t *seed);
