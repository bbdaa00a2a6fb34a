/*
 * topology_route: how the CA reaches each node, and the graph that the
 * policy engine plans on. Routes are the shortest ones; among equals the
 * order in `via` decides.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/node.h"
#include "ca/topology_inside.h"
#include "wire/msg.h"

static bool
link_is(const struct ca_topology *t, uint32_t client, uint32_t server)
{
	size_t low = 0, high = t->nlinks;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct ca_topo_link *l = &t->links[mid];
		if (l->client == client && l->server == server)
			return true;
		if (l->client < client ||
		    (l->client == client && l->server < server))
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static enum base_err
via_check(const struct ca_topology *t, uint32_t node)
{
	const struct ca_topo_node *n = &t->nodes[node];
	const struct ca_way w = { .node = n->name, .reach = n->reach };

	for (uint32_t i = 0; i < n->nvia; i++)
		if (ca_way_carries(&w, t->nodes[n->via[i]].name,
			link_is(t, node, n->via[i]),
			link_is(t, n->via[i], node)) != BASE_OK)
			return ca_topology_wrong(t, n->line);
	return BASE_OK;
}

/* A parcel has room for so many names. */
static enum base_err
hops_check(const struct ca_topology *t, const struct ca_topo_node *n)
{
	if (n->hops == 0)
		return wrong_at(t, n->line,
		    "node %s: no path to the CA: its relays only lead to each "
		    "other; give one of them reach = \"direct\", or \"poll\" "
		    "without via; it goes through %s",
		    n->name, t->nodes[n->via[0]].name);
	if (n->hops > WIRE_ROUTE_MAX)
		return wrong_at(t, n->line,
		    "node %s: %u nodes lie on its route, and more than %d "
		    "cannot; let one of them reach the CA itself",
		    n->name, n->hops, WIRE_ROUTE_MAX);
	return BASE_OK;
}

/* Nodes that name each relay, in arrays: at[relay] to at[relay + 1]. */
static uint32_t *
behind_make(const struct ca_topology *t, size_t **at_out)
{
	size_t *at = base_alloc((t->nnodes + (size_t)3) * sizeof(*at));
	uint32_t *behind;

	for (uint32_t i = 0; i < t->nnodes; i++)
		for (uint32_t k = 0; k < t->nodes[i].nvia; k++)
			at[t->nodes[i].via[k] + 2]++;
	for (uint32_t i = 0; i <= t->nnodes; i++)
		at[i + 1] += at[i];
	behind = base_alloc((at[t->nnodes + 1] + 1) * sizeof(*behind));
	for (uint32_t i = 0; i < t->nnodes; i++)
		for (uint32_t k = 0; k < t->nodes[i].nvia; k++)
			behind[at[t->nodes[i].via[k] + 1]++] = i;
	*at_out = at;
	return behind;
}

/* Breadth first from the CA's own neighbours. */
static void
hops_spread(struct ca_topology *t)
{
	size_t *at;
	uint32_t *behind = behind_make(t, &at);
	uint32_t *queue = base_alloc((t->nnodes + (size_t)1) * sizeof(*queue));
	uint32_t head = 0, tail = 0;

	for (uint32_t i = 0; i < t->nnodes; i++)
		if (t->nodes[i].nvia == 0) {
			t->nodes[i].hops = 1;
			queue[tail++] = i;
		}
	while (head < tail) {
		uint32_t relay = queue[head++];
		for (size_t i = at[relay]; i < at[relay + 1]; i++) {
			struct ca_topo_node *n = &t->nodes[behind[i]];
			if (n->hops != 0)
				continue;
			n->hops = t->nodes[relay].hops + 1;
			queue[tail++] = behind[i];
		}
	}
	free(queue);
	free(behind);
	free(at);
}

enum base_err
ca_topology_check_routes(struct ca_topology *t)
{
	enum base_err e;

	for (uint32_t i = 0; i < t->nnodes; i++)
		if ((e = via_check(t, i)) != BASE_OK)
			return e;
	hops_spread(t);
	for (uint32_t i = 0; i < t->nnodes; i++) {
		struct ca_topo_node *n = &t->nodes[i];
		if ((e = hops_check(t, n)) != BASE_OK)
			return e;
		for (uint32_t k = n->nvia; k-- > 0;)
			if (t->nodes[n->via[k]].hops + 1 == n->hops)
				n->next = n->via[k];
	}
	return BASE_OK;
}

void
ca_topology_route(const struct ca_topology *t, uint32_t node, uint32_t *route)
{
	for (uint32_t i = t->nodes[node].hops; i-- > 0;) {
		route[i] = node;
		node = t->nodes[node].next;
	}
}

/* ---- graph -------------------------------------------------------------------- */

/* How many names come before `ca`: its number in the graph. */
static uint32_t
ca_number(const struct ca_topology *t)
{
	uint32_t low = 0, high = t->nnodes;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (strcmp(t->nodes[mid].name, CA_NODE_CA) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t
ca_topology_number(const struct ca_topology *t, uint32_t node)
{
	return node < ca_number(t) ? node : node + 1;
}

uint32_t
ca_topology_position(const struct ca_topology *t, uint32_t number)
{
	uint32_t ca = ca_number(t);

	if (number == ca)
		return POL_NONE;
	return number < ca ? number : number - 1;
}

const char *
ca_topology_name(const struct ca_topology *t, uint32_t number)
{
	uint32_t i = ca_topology_position(t, number);

	return i == POL_NONE ? CA_NODE_CA : t->nodes[i].name;
}

/* As in topo.c: who polls a relay shows a hello to it, a relay that pushes
 * shows one to whom it calls. Returns how many. */
static size_t
hellos_of_node(const struct ca_topology *t, uint32_t i, struct pol_link *out)
{
	const struct ca_topo_node *n = &t->nodes[i];
	const uint32_t self = ca_topology_number(t, i);

	if (n->reach == CA_DIRECT)
		return 0;
	for (uint32_t v = 0; v < n->nvia; v++) {
		const uint32_t relay = ca_topology_number(t, n->via[v]);
		const bool shows = n->reach == CA_POLL;

		out[v] = (struct pol_link){ shows ? relay : self,
			shows ? self : relay, POL_NONE, 0 };
	}
	return n->nvia;
}

/* FIG. 49: the CA is a node of the management root; whoever dials is the
 * client. */
static enum pol_err
links_of_ca(const struct ca_topology *t, struct pol_graph *g)
{
	struct pol_link *l =
	    base_alloc((t->nnodes * (size_t)(CA_VIA_MAX + 1) + 1) * sizeof(*l));
	const uint32_t ca = ca_number(t);
	enum pol_err e = pol_graph_node_flags(g, ca, POL_NODE_LAST);
	size_t m = t->nnodes;

	for (uint32_t i = 0; i < t->nnodes; i++) {
		const uint32_t n = ca_topology_number(t, i);
		const bool dials = t->nodes[i].reach == CA_POLL;
		l[i] =
		    (struct pol_link){ dials ? n : ca, dials ? ca : n, 0, 0 };
	}
	for (uint32_t i = 0; i < t->nnodes; i++)
		m += hellos_of_node(t, i, &l[m]);
	if (e == POL_OK)
		e = pol_graph_fill(g, l, m);
	free(l);
	return e;
}

static enum pol_err
links_of_file(const struct ca_topology *t, struct pol_graph *g)
{
	struct pol_link *l = base_alloc((t->nlinks + 1) * sizeof(*l));
	enum pol_err e = POL_OK;

	for (uint32_t i = 0; i < t->nnodes && e == POL_OK; i++)
		e = pol_graph_node_flags(g, ca_topology_number(t, i),
		    (t->nodes[i].dual ? POL_NODE_DUAL : 0) |
			(t->nodes[i].shallow ? POL_NODE_SHALLOW : 0));
	for (size_t i = 0; i < t->nlinks; i++) {
		const struct ca_topo_link *from = &t->links[i];
		l[i] = (struct pol_link){ ca_topology_number(t, from->client),
			ca_topology_number(t, from->server), from->client_root,
			from->server_root };
	}
	if (e == POL_OK)
		e = pol_graph_fill(g, l, t->nlinks);
	free(l);
	return e;
}

enum base_err
ca_topology_graph(const struct ca_topology *t, const char *root,
    struct pol_graph **out, uint32_t *root_number)
{
	const bool management = strcmp(root, CA_ROOT_MANAGEMENT) == 0;
	struct pol_graph *g = NULL;
	enum pol_err e;

	*out = NULL;
	*root_number = management ? 0 : ca_topology_root(t, root);
	if (*root_number == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "%s: no root \"%s\" in it; "
		    "name one of its roots, or " CA_ROOT_MANAGEMENT,
		    t->file, root);
	if ((e = pol_graph_new(t->nnodes + 1, management ? 1 : t->nroots,
		 &g)) == POL_OK)
		e = management ? links_of_ca(t, g) : links_of_file(t, g);
	if (e != POL_OK) {
		pol_graph_free(g);
		return base_fail(BASE_E_CONFIG, "%s: cannot plan on this: %s",
		    t->file, pol_err_text(e));
	}
	*out = g;
	return BASE_OK;
}
