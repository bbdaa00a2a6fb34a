/*
 * ca/topo: nodes, links and roots of the store as one picture in memory, with
 * the policy engine's graph and the routes. Built anew after each change.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"
#include "ca/node.h"

enum base_err
ca_pol_fail(enum pol_err e, const char *what)
{
	if (e == POL_OK)
		return BASE_OK;
	if (e == POL_E_NOMEM)
		base_die("policy: out of memory");
	return base_fail(e == POL_E_UNSAFE ? BASE_E_OUTAGE : BASE_E_REFUSED,
	    "%s: %s", what, pol_err_text(e));
}

static int
name_cmp(const void *key, const void *row)
{
	/* a row begins with its name */
	return strcmp(key, row);
}

uint32_t
ca_topo_node(const struct ca_topo *t, const char *name)
{
	const struct ca_node *n = t->nnodes == 0
	    ? NULL
	    : bsearch(name, t->nodes, t->nnodes, sizeof(*t->nodes), name_cmp);

	if (n == NULL && strcmp(name, CA_NODE_CA) == 0)
		return (uint32_t)t->nnodes;
	return n == NULL ? POL_NONE : (uint32_t)(n - t->nodes);
}

bool
ca_topo_is_ca(const struct ca_topo *t, uint32_t node)
{
	return node == t->nnodes;
}

uint32_t
ca_topo_root(const struct ca_topo *t, const char *name)
{
	const struct ca_root *r = t->nroots == 0
	    ? NULL
	    : bsearch(name, t->roots, t->nroots, sizeof(*t->roots), name_cmp);

	return r == NULL ? POL_NONE : (uint32_t)(r - t->roots);
}

const struct pol_graph *
ca_topo_graph(const struct ca_topo *t, uint32_t root, uint32_t *number)
{
	const bool own =
	    root < t->nroots && strcmp(t->roots[root].name, CA_MANAGEMENT) == 0;

	*number = own ? 0 : root;
	return own ? t->management : t->graph;
}

struct pol_role
ca_topo_role(const struct ca_topo *t, uint32_t root, uint32_t node)
{
	uint32_t number;
	const struct pol_graph *g = ca_topo_graph(t, root, &number);

	return pol_graph_role(g, number, node);
}

uint32_t
ca_topo_steps(const struct ca_topo *t, uint32_t root, uint32_t node)
{
	uint32_t number;
	const struct pol_graph *g = ca_topo_graph(t, root, &number);

	return pol_graph_steps(g, number, node);
}

/* ---- graphs --------------------------------------------------------------- */

static struct pol_link
topo_link(const struct ca_topo *t, const struct ca_link *l)
{
	return (struct pol_link){
		.client = ca_topo_node(t, l->client),
		.server = ca_topo_node(t, l->server),
		.client_root = l->client_root[0] == '\0'
		    ? POL_NONE
		    : ca_topo_root(t, l->client_root),
		.server_root = ca_topo_root(t, l->server_root),
	};
}

/* A server shows one certificate, under one root. */
static enum base_err
topo_split(const struct ca_topo *t, const struct ca_link *l)
{
	const struct ca_link *first = t->links;

	while (strcmp(first->server, l->server) != 0)
		first++;
	return base_fail(BASE_E_REFUSED,
	    "link %s>%s: root %s, but for link %s>%s the server shows a "
	    "certificate of root %s, and it has only one; remove that link, or "
	    "make the second endpoint a node of its own",
	    l->client, l->server, l->server_root, first->client, first->server,
	    first->server_root);
}

/* Why the links do not make a graph: the first that cannot be added. */
static enum base_err
topo_culprit(const struct ca_topo *t, const struct pol_link *l)
{
	char what[2 * CA_NAME + 16] = "topology";
	struct pol_graph *g = NULL;
	enum pol_err e =
	    pol_graph_new((uint32_t)t->nparts, (uint32_t)t->nroots, &g);
	size_t i;

	for (i = 0; i < t->nlinks && e == POL_OK; i++) {
		snprintf(what, sizeof(what), "link %s>%s", t->links[i].client,
		    t->links[i].server);
		e = pol_graph_link(g, &l[i]);
	}
	if (e == POL_OK)
		e = pol_graph_seal(g);
	pol_graph_free(g);
	return e == POL_E_SPLIT ? topo_split(t, &t->links[i - 1])
				: ca_pol_fail(e, what);
}

static enum base_err
topo_graph(struct ca_topo *t)
{
	struct pol_link *l = base_alloc((t->nlinks + 1) * sizeof(*l));
	enum pol_err e =
	    pol_graph_new((uint32_t)t->nparts, (uint32_t)t->nroots, &t->graph);
	enum base_err r;

	for (uint32_t i = 0; i < t->nnodes && e == POL_OK; i++)
		e = pol_graph_node_flags(t->graph, i,
		    (t->nodes[i].dual ? POL_NODE_DUAL : 0) |
			(t->nodes[i].shallow ? POL_NODE_SHALLOW : 0));
	for (size_t i = 0; i < t->nlinks; i++)
		l[i] = topo_link(t, &t->links[i]);
	if (e == POL_OK)
		e = pol_graph_fill(t->graph, l, t->nlinks);
	r = e == POL_OK ? BASE_OK : topo_culprit(t, l);
	free(l);
	return r;
}

static int
hello_cmp(const void *x, const void *y)
{
	const struct ca_hello *a = x, *b = y;

	return a->verifier != b->verifier
	    ? (a->verifier > b->verifier) - (a->verifier < b->verifier)
	    : (a->presenter > b->presenter) - (a->presenter < b->presenter);
}

/* Who polls a relay shows a hello to it, a relay that pushes shows one to
 * whom it calls; each pair once. */
static void
topo_hellos(struct ca_topo *t)
{
	size_t n = 0;

	t->hellos =
	    base_alloc((t->nnodes * CA_VIA_MAX + 1) * sizeof(*t->hellos));
	for (uint32_t i = 0; i < t->nnodes; i++) {
		const struct ca_node *node = &t->nodes[i];

		for (size_t v = 0; v < node->nvia; v++) {
			uint32_t r = ca_topo_node(t, node->via[v]);

			if (r == POL_NONE || r == i || node->reach == CA_DIRECT)
				continue;
			t->hellos[n++] = node->reach == CA_POLL
			    ? (struct ca_hello){ r, i }
			    : (struct ca_hello){ i, r };
		}
	}
	qsort(t->hellos, n, sizeof(*t->hellos), hello_cmp);
	for (size_t i = 0; i < n; i++)
		if (i == 0 ||
		    hello_cmp(&t->hellos[i], &t->hellos[t->nhellos - 1]) != 0)
			t->hellos[t->nhellos++] = t->hellos[i];
}

/* A graph of its own: a direct node is a server of the CA, too, and a server
 * shows one certificate only in a graph. Between CA and node all goes both
 * ways: reports one, orders the other. */
static enum base_err
topo_management(struct ca_topo *t)
{
	const uint32_t ca = (uint32_t)t->nnodes;
	struct pol_link *l = base_alloc((ca + t->nhellos + 1) * sizeof(*l));
	enum pol_err e = pol_graph_new(ca + 1, 1, &t->management);
	size_t n = 0;

	if (e == POL_OK)
		e = pol_graph_node_flags(t->management, ca, POL_NODE_LAST);
	for (uint32_t i = 0; i < ca; i++) {
		const bool dials = t->nodes[i].reach == CA_POLL;

		l[n++] =
		    (struct pol_link){ dials ? i : ca, dials ? ca : i, 0, 0 };
	}
	for (size_t i = 0; i < t->nhellos; i++)
		l[n++] = (struct pol_link){ t->hellos[i].verifier,
			t->hellos[i].presenter, POL_NONE, 0 };
	if (e == POL_OK)
		e = pol_graph_fill(t->management, l, n);
	free(l);
	return ca_pol_fail(e, "topology");
}

static bool
is_neighbour(const struct ca_node *n)
{
	return n->reach == CA_DIRECT || n->nvia == 0;
}

/* Distance of every node from the CA by relaxing until nothing changes:
 * routes are a few hops long. */
static void
topo_distances(struct ca_topo *t)
{
	uint32_t *dist = base_alloc((t->nnodes + 1) * sizeof(*dist));
	bool changed = true;

	t->dist = dist;
	dist[t->nnodes] = WIRE_ROUTE_MAX + 1; /* no parcel is for the CA */
	for (size_t i = 0; i < t->nnodes; i++)
		dist[i] = is_neighbour(&t->nodes[i]) ? 1 : WIRE_ROUTE_MAX + 1;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < t->nnodes; i++) {
			const struct ca_node *n = &t->nodes[i];

			for (size_t v = 0; v < n->nvia; v++) {
				uint32_t r = ca_topo_node(t, n->via[v]);

				if (r == POL_NONE || dist[r] + 1 >= dist[i])
					continue;
				dist[i] = dist[r] + 1;
				changed = true;
			}
		}
	}
}

static void
topo_ca(struct ca_topo *t)
{
	struct ca_node *ca;

	t->nparts = t->nnodes + 1;
	t->nodes = base_realloc_array(t->nodes, t->nparts, sizeof(*t->nodes));
	ca = &t->nodes[t->nnodes];
	memset(ca, 0, sizeof(*ca));
	memcpy(ca->name, CA_NODE_CA, sizeof(CA_NODE_CA));
}

enum base_err
ca_topo_load(struct ca_store *st, struct ca_topo **out)
{
	struct ca_topo *t = base_alloc(sizeof(*t));
	enum base_err r;

	*out = NULL;
	if ((r = ca_store_nodes(st, &t->nodes, &t->nnodes)) != BASE_OK ||
	    (r = ca_store_roots(st, &t->roots, &t->nroots)) != BASE_OK ||
	    (r = ca_store_links(st, &t->links, &t->nlinks)) != BASE_OK)
		goto out;
	topo_ca(t);
	topo_hellos(t);
	if ((r = topo_graph(t)) != BASE_OK ||
	    (r = topo_management(t)) != BASE_OK)
		goto out;
	topo_distances(t);
	*out = t;
	t = NULL;
out:
	ca_topo_free(t);
	return r;
}

/* ---- routes --------------------------------------------------------------- */

/* The first relay in via that is nearest to the CA. */
static uint32_t
route_relay(const struct ca_topo *t, uint32_t node)
{
	const struct ca_node *n = &t->nodes[node];
	uint32_t best = POL_NONE;

	for (size_t v = 0; v < n->nvia; v++) {
		uint32_t r = ca_topo_node(t, n->via[v]);

		if (r != POL_NONE &&
		    (best == POL_NONE || t->dist[r] < t->dist[best]))
			best = r;
	}
	return best;
}

enum base_err
ca_topo_route(const struct ca_topo *t, uint32_t node, struct ca_route *out)
{
	uint32_t at = node;

	out->n = t->dist[node];
	if (out->n > WIRE_ROUTE_MAX)
		return base_fail(BASE_E_NOTFOUND,
		    "node %s: no path from the "
		    "CA; check reach and via of it and of its relays",
		    t->nodes[node].name);
	for (size_t i = out->n; i-- > 0;) {
		memcpy(out->hop[i], t->nodes[at].name, CA_NAME);
		if (i > 0)
			at = route_relay(t, at);
	}
	return BASE_OK;
}

/* Relays of node that lead to the CA, nearest first; equals as in via. */
static size_t
relays_of(const struct ca_topo *t, uint32_t node, uint32_t out[CA_VIA_MAX])
{
	const struct ca_node *n = &t->nodes[node];
	size_t have = 0;

	for (size_t v = 0; v < n->nvia; v++) {
		uint32_t r = ca_topo_node(t, n->via[v]);
		size_t at = have;

		if (r == POL_NONE || t->dist[r] > WIRE_ROUTE_MAX)
			continue;
		while (at > 0 && t->dist[out[at - 1]] > t->dist[r]) {
			out[at] = out[at - 1];
			at--;
		}
		out[at] = r;
		have++;
	}
	return have;
}

static bool
is_in(const uint32_t *list, size_t n, uint32_t node)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == node)
			return true;
	return false;
}

enum base_err
ca_topo_detour(const struct ca_topo *t, uint32_t node, uint32_t nth,
    struct ca_route *out)
{
	uint32_t path[WIRE_ROUTE_MAX], relays[CA_VIA_MAX], at = node;
	size_t n = 0;

	while (!is_neighbour(&t->nodes[at])) {
		size_t k = relays_of(t, at, relays);

		path[n++] = at;
		if (k == 0 || n == WIRE_ROUTE_MAX)
			return ca_topo_route(t, node, out);
		at = relays[nth % k];
		nth /= (uint32_t)k;
		if (is_in(path, n, at))
			return ca_topo_route(t, node, out);
	}
	path[n++] = at;
	out->n = n;
	for (size_t i = 0; i < n; i++)
		memcpy(out->hop[i], t->nodes[path[n - 1 - i]].name, CA_NAME);
	return BASE_OK;
}

/* ---- relays --------------------------------------------------------------- */

static int
link_cmp(const void *x, const void *y)
{
	const struct ca_link *a = x, *b = y;
	int c = strcmp(a->client, b->client);

	return c != 0 ? c : strcmp(a->server, b->server);
}

const struct ca_link *
ca_topo_link(const struct ca_topo *t, const char *client, const char *server)
{
	struct ca_link l;

	snprintf(l.client, sizeof(l.client), "%s", client);
	snprintf(l.server, sizeof(l.server), "%s", server);
	return t->nlinks == 0
	    ? NULL
	    : bsearch(&l, t->links, t->nlinks, sizeof(l), link_cmp);
}

static bool
has_link(const struct ca_topo *t, const char *client, const char *server)
{
	return ca_topo_link(t, client, server) != NULL;
}

static struct ca_way
way_of(const struct ca_node *n, const char *via[CA_VIA_MAX])
{
	for (size_t v = 0; v < n->nvia; v++)
		via[v] = n->via[v];
	return (struct ca_way){ n->name, n->reach, via, n->nvia };
}

enum base_err
ca_topo_check_way(const struct ca_topo *t, uint32_t node)
{
	const struct ca_node *n = &t->nodes[node];
	const char *via[CA_VIA_MAX];
	const struct ca_way w = way_of(n, via);
	struct ca_route route;
	enum base_err r = ca_way_check(&w);

	for (size_t v = 0; r == BASE_OK && v < n->nvia; v++)
		if (ca_topo_node(t, via[v]) == POL_NONE)
			r = base_fail(BASE_E_NOTFOUND,
			    "node %s: via names %s, which is no node; add it "
			    "first, or take it out of via",
			    n->name, via[v]);
	return r == BASE_OK ? ca_topo_route(t, node, &route) : r;
}

enum base_err
ca_topo_check_via(const struct ca_topo *t, uint32_t node, size_t v)
{
	const struct ca_node *n = &t->nodes[node];
	const char *via[CA_VIA_MAX];
	const struct ca_way w = way_of(n, via);

	return ca_way_carries(&w, via[v], has_link(t, n->name, via[v]),
	    has_link(t, via[v], n->name));
}

void
ca_topo_free(struct ca_topo *t)
{
	if (t == NULL)
		return;
	pol_graph_free(t->graph);
	pol_graph_free(t->management);
	free(t->hellos);
	free(t->nodes);
	free(t->links);
	free(t->roots);
	free(t->dist);
	free(t);
}
