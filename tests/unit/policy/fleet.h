/*
 * fleet: small topologies written as text for the tests of policy/, e.g.
 * "c1>s c2>s" (mutual under root 0), "c>s:server" (server-only),
 * "c>s:C/S" (client's root C, server's root S as numbers). Nodes are
 * numbered in the order of their names.
 */
#pragma once

#include "policy/policy.h"

#define FLEET_MAX 16

struct fleet {
	struct pol_graph *graph;
	char name[FLEET_MAX][8];
	uint32_t n;
};

/* dual: names separated by spaces; a name with "!" is POL_NODE_LAST instead,
 * one with "~" POL_NODE_SHALLOW.
 * Both strings must be well formed. */
void fleet_make(struct fleet *f, const char *links, const char *dual);
uint32_t fleet_node(const struct fleet *f, const char *name, size_t len);
void fleet_free(struct fleet *f);

/* A plan as bits: after[i] has bit j when order j comes before order i,
 * directly or not. */
struct order_set {
	struct pol_order order[3 * FLEET_MAX];
	uint64_t after[3 * FLEET_MAX];
	uint32_t n;
};
void order_set_close(struct order_set *s);
/* From "cert s < trust s, trust c; trust+cert c; …". Not yet closed. */
void
order_set_parse(struct order_set *s, const struct fleet *f, const char *text);
void order_set_of_plan(struct order_set *s, struct pol_plan *p);
/* Index of the order, or POL_NONE. */
uint32_t order_set_find(const struct order_set *s, struct pol_order o);

/* An engine on which every node holds the old generation 1, goal 2. */
struct pol_engine *
fleet_engine(const struct fleet *f, uint32_t root, enum pol_strategy s);
/* The same with a goal of the test's own, under root 0. */
struct pol_engine *
fleet_engine_of(const struct fleet *f, const struct pol_goal *goal);
void fleet_holds(struct pol_engine *e, uint32_t node, struct pol_conf conf);
/* Sends the order with the next epoch of the node; returns that. */
uint64_t fleet_send(struct pol_engine *e, uint32_t node, uint32_t steps);
void fleet_tell(struct pol_engine *e, enum pol_fact_kind kind, uint32_t node,
    uint64_t epoch);
void fleet_do(struct pol_engine *e, uint32_t node, uint32_t steps);
/* Steps that ready offers to the node; 0: none. */
uint32_t fleet_offer(struct pol_engine *e, uint32_t node);
/* The first thing that the node waits for. */
struct pol_why fleet_first_wait(const struct pol_engine *e, uint32_t node);

/* In "c>s". */
enum {
	NODE_C,
	NODE_S
};
