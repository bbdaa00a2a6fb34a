/*
 * ca/topo: the topology in memory, and ways through it (topo.c). Part of
 * kedged.h.
 */
#pragma once

#include "ca/store.h"
#include "policy/policy.h"

/* Rebuilt from the store after each change; indices are those of graph. */
struct ca_topo {
	struct ca_node *nodes; /* by name */
	struct ca_link *links;
	struct ca_root *roots; /* by name, management among them */
	size_t nnodes, nlinks, nroots;
	struct pol_graph *graph;
	uint32_t *dist; /* hops from the CA; too many: no path */
};
enum base_err ca_topo_load(struct ca_store *st, struct ca_topo **out) BASE_MUST;
/* POL_NONE when unknown. */
uint32_t ca_topo_node(const struct ca_topo *t, const char *name);
uint32_t ca_topo_root(const struct ca_topo *t, const char *name);
struct ca_route {
	size_t n;
	char hop[WIRE_ROUTE_MAX][CA_NAME]; /* CA's neighbour … node */
};
/* Shortest, ties by the order in via. NOTFOUND: no path from the CA. */
enum base_err ca_topo_route(const struct ca_topo *t, uint32_t node,
    struct ca_route *out) BASE_MUST;
/* The nth way round, when relays are dead: 0 is the route, each node with
 * several relays in via counts them through. The route where there is none. */
enum base_err ca_topo_detour(const struct ca_topo *t, uint32_t node,
    uint32_t nth, struct ca_route *out) BASE_MUST;
/* REFUSED: the node shares no link with the vth relay in its via, and a relay
 * carries over such a link only. */
enum base_err ca_topo_check_via(const struct ca_topo *t, uint32_t node,
    size_t v) BASE_MUST;
enum base_err ca_pol_fail(enum pol_err e, const char *what);
void ca_topo_free(struct ca_topo *t);
