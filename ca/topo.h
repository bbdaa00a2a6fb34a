/*
 * ca/topo: the fleet in memory: nodes, links, roots, the graphs on which they
 * roll, and the ways to the nodes. Part of ca/kedged.h, for all of kedged.
 */
#pragma once

#include "base/base.h"
#include "ca/store.h"
#include "policy/policy.h"
#include "wire/msg.h"

#define CA_MANAGEMENT "management"
#define CA_NODE_CA    "ca"

/* A caller proves itself to a relay, or a relay to whom it calls, under the
 * management root: a direction of its own. */
struct ca_hello {
	uint32_t verifier, presenter;
};
/* Rebuilt from the store after each change; indices are those of the graphs.
 * The node nodes[nnodes] is the CA itself: whoever goes over the nodes of the
 * fleet stops before it, whoever goes over those of a roll does not. */
struct ca_topo {
	struct ca_node *nodes; /* by name, then the CA */
	struct ca_link *links;
	struct ca_root *roots; /* by name, management among them */
	struct ca_hello *hellos; /* by verifier */
	size_t nnodes, nlinks, nroots, nhellos;
	size_t nparts; /* nodes and the CA */
	struct pol_graph *graph; /* of the links */
	struct pol_graph *management; /* CA and nodes, root 0 (FIG. 49) */
	uint32_t *dist; /* hops from the CA; too many: no path */
};
enum base_err ca_topo_load(struct ca_store *st, struct ca_topo **out) BASE_MUST;
/* POL_NONE when unknown. The CA is node "ca". */
uint32_t ca_topo_node(const struct ca_topo *t, const char *name);
uint32_t ca_topo_root(const struct ca_topo *t, const char *name);
/* NULL when there is none. */
const struct ca_link *ca_topo_link(const struct ca_topo *t, const char *client,
    const char *server);
bool ca_topo_is_ca(const struct ca_topo *t, uint32_t node);
/* The graph that a root is rolled on, and the root's number in it. */
const struct pol_graph *ca_topo_graph(const struct ca_topo *t, uint32_t root,
    uint32_t *number);
struct pol_role ca_topo_role(const struct ca_topo *t, uint32_t root,
    uint32_t node);
/* The steps of a whole roll; 0: the node has no part in it. */
uint32_t ca_topo_steps(const struct ca_topo *t, uint32_t root, uint32_t node);
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
/* Reach and via as the reader of the topology file wants them, but for the
 * links: ca_way_check, and NOTFOUND for a relay that is no node or a node that
 * no way leads to. */
enum base_err ca_topo_check_way(const struct ca_topo *t,
    uint32_t node) BASE_MUST;
/* REFUSED: ca_way_carries, of the vth relay in its via. */
enum base_err ca_topo_check_via(const struct ca_topo *t, uint32_t node,
    size_t v) BASE_MUST;
enum base_err ca_pol_fail(enum pol_err e, const char *what);
void ca_topo_free(struct ca_topo *t);
