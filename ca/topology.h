/*
 * topology: the file that says which roots, nodes and links a fleet has.
 * Read by `kedge plan --topology` offline and by kedged for `topology
 * apply`. A file is taken whole or refused whole: the error (CONFIG) names
 * file and line, what is wrong, why, and what to do.
 *
 * Names are sorted; everything refers to nodes and roots by their position.
 * The node `ca` and the root `management` are implied and never in the file.
 */
#pragma once

#include "base/base.h"
#include "ca/store.h"
#include "policy/policy.h"

#define CA_NODE_CA	   "ca"
#define CA_ROOT_MANAGEMENT "management"

struct ca_topo_root {
	char *name;
	unsigned line;
};

struct ca_topo_node {
	char *name;
	enum ca_reach reach;
	bool dual, shallow;
	uint32_t *via; /* nodes, as listed; at most CA_VIA_MAX */
	uint32_t nvia;
	char *address; /* "" or HOST:PORT */
	char *names; /* "" or DNS:… IP:…, separated by spaces */
	uint32_t next; /* relay of its route; POL_NONE: the CA itself */
	uint32_t hops; /* nodes on its route, itself included */
	unsigned line;
};

struct ca_topo_link {
	uint32_t client, server;
	uint32_t client_root; /* POL_NONE: server-only authentication */
	uint32_t server_root;
	unsigned line;
};

struct ca_topology {
	char *file; /* for messages */
	struct ca_topo_root *roots;
	struct ca_topo_node *nodes;
	struct ca_topo_link *links; /* by (client, server), each once */
	uint32_t nroots, nnodes;
	size_t nlinks;
};

/* file names the text in messages. *out is the caller's. */
enum base_err ca_topology_parse(const char *file, struct base_span text,
    struct ca_topology **out) BASE_MUST;
enum base_err
ca_topology_read(const char *path, struct ca_topology **out) BASE_MUST;
void ca_topology_free(struct ca_topology *t);

/* Position of a name, POL_NONE when there is none. */
uint32_t ca_topology_node(const struct ca_topology *t, const char *name);
uint32_t ca_topology_root(const struct ca_topology *t, const char *name);

/* Nodes of the route from the CA's neighbour to node itself: hops of them. */
void
ca_topology_route(const struct ca_topology *t, uint32_t node, uint32_t *route);

/* A finish may restart a node's applications: of so many nodes that have one,
 * that many at once in a roll with --compromised, if the operator says no other
 * number. */
static inline uint32_t
ca_topology_kicks(uint32_t nodes)
{
	return nodes < 20 ? 1 : nodes / 10;
}

/* ---- for the policy engine ------------------------------------------------
 * The graph has one node more than the file: `ca`, in its place among the
 * names. For root `management` it holds the links between `ca` and every
 * node, otherwise the links of the file: the agents' endpoints are not those
 * of the applications. *root_number is the root's number in that graph.
 * NOTFOUND when there is no such root. */
enum base_err ca_topology_graph(const struct ca_topology *t, const char *root,
    struct pol_graph **out, uint32_t *root_number) BASE_MUST;
/* Number in the graph from position in the file, and back (POL_NONE: ca). */
uint32_t ca_topology_number(const struct ca_topology *t, uint32_t node);
uint32_t ca_topology_position(const struct ca_topology *t, uint32_t number);
const char *ca_topology_name(const struct ca_topology *t, uint32_t number);
