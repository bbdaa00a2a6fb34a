/* pick: seeded choices for the explorer's walks and the oracle. */
#pragma once

#include <stdint.h>

/* 0 to n - 1; the seed is never 0 and moves on. */
uint32_t model_pick(uint64_t *seed, uint32_t n);
