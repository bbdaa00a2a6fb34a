/* paced: a roll with nodes that go first, windows and the operator's word. */
#pragma once

#include "policy/policy.h"
#include "tests/model/world.h"

/* Under each strategy, with nodes chosen by seed; NULL, or what is wrong. */
const char *paced_all(const struct topology *t, const struct pol_graph *g,
    uint64_t *seed);
