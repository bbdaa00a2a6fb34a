/*
 * hsm/map: a hash table from 32-byte digests to pointers; state.c finds
 * nodes, keys of nodes and tokens by it.
 */
#pragma once

#include "base/base.h"

#define HSM_MAP_KEY 32

struct hsm_map_entry;
struct hsm_map { /* zeroed is empty */
	struct hsm_map_entry **slot;
	size_t nslots, n;
};
/* NULL when it is not there. */
void *hsm_map_get(const struct hsm_map *m, const uint8_t key[HSM_MAP_KEY]);
/* Replaces what was there. The value stays the caller's. */
void
hsm_map_put(struct hsm_map *m, const uint8_t key[HSM_MAP_KEY], void *value);
void hsm_map_remove(struct hsm_map *m, const uint8_t key[HSM_MAP_KEY]);
/* Calls f for every value, in no order, then empties the table; f may be
 * NULL. */
void hsm_map_free(struct hsm_map *m, void (*f)(void *value));
/* In no order; f must not change the table. */
void hsm_map_each(const struct hsm_map *m, void (*f)(void *arg, void *value),
    void *arg);
