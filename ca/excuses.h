/*
 * ca/excuses: which nodes are excused under which root, also beyond the roll
 * in which they were. Used by show.c and
 * control_steer.c.
 */
#pragma once

#include "ca/kedged.h"

struct ca_excuses;
/* *list begins NULL, and is the caller's also on error. */
enum base_err
ca_excuses_load(struct ca *ca, struct ca_excuses **list) BASE_MUST;
/* Appends the roots to n->excused. */
void ca_excuses_of(const struct ca_excuses *list, uint32_t node,
    struct wire_hsm_node *n);
bool ca_excuses_has(const struct ca_excuses *list, uint32_t node,
    const char *root);
void ca_excuses_free(struct ca_excuses *list);
