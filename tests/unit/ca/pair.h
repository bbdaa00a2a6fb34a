/*
 * pair: two nodes that have joined, web1 and its client app1 under root plant,
 * for the tests of one source of kedged's. They join once for all tests of a
 * case. One per process.
 */
#pragma once

#include <check.h>

#include "tests/unit/ca/world.h"

extern struct world w;

/* A case whose every test begins with such a pair, and ends it. */
TCase *pair_case(const char *name);
/* All that kedge-hsmd has been asked by now is answered. */
void pair_answer(void);
void pair_turns(int n);
void pair_must(enum base_err e);
/* This generation is made, no roll begun. */
void pair_make(const char *root, uint32_t gen);
/* A fact about a node under plant. */
void pair_fact(const char *node, enum pol_fact_kind kind,
    struct pol_conf conf);
/* "WHO WHAT: DETAIL" of the last audit record. */
const char *pair_last_record(void);
struct ca_node *pair_node(const char *name);
