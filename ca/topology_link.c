/*
 * topology_link: the links of a topology file: ends, roots, contradictions.
 * Called by topology.c when roots and nodes are read.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/topology_inside.h"

/* ---- links ------------------------------------------------------------------------- */

static enum base_err
link_root(const struct ca_topology *t, const config_setting_t *g,
    const char *key, uint32_t *out)
{
	const char *name = ca_topology_text(g, key);
	const config_setting_t *s;

	*out = POL_NONE;
	if (name == NULL)
		return BASE_OK;
	s = config_setting_get_member(g, key);
	if (strcmp(name, CA_ROOT_MANAGEMENT) == 0)
		return wrong_at(t, config_setting_source_line(s),
		    "link %s > %s: root \"%s\" is the CA's own and carries no "
		    "links; take another",
		    ca_topology_text(g, "client"),
		    ca_topology_text(g, "server"), name);
	if ((*out = ca_topology_root(t, name)) != POL_NONE)
		return BASE_OK;
	return wrong_at(t, config_setting_source_line(s),
	    "link %s > %s: \"%s\" is no root; add it to roots or correct the "
	    "name",
	    ca_topology_text(g, "client"), ca_topology_text(g, "server"), name);
}

static enum base_err
link_end(const struct ca_topology *t, const config_setting_t *g,
    const char *key, uint32_t *out)
{
	const char *name = ca_topology_text(g, key);

	if ((*out = ca_topology_node(t, name)) != POL_NONE)
		return BASE_OK;
	return wrong_at(t,
	    config_setting_source_line(config_setting_get_member(g, key)),
	    "link %s > %s: \"%s\" is no node; add it to nodes or correct the "
	    "name",
	    ca_topology_text(g, "client"), ca_topology_text(g, "server"), name);
}

static enum base_err
link_wrong(const struct ca_topology *t, const struct ca_topo_link *l,
    const char *what)
{
	return wrong_at(t, l->line, "link %s > %s: %s",
	    t->nodes[l->client].name, t->nodes[l->server].name, what);
}

/* root stands for both sides, client_root and server_root for one each. */
static enum base_err
link_roots(const struct ca_topology *t, const config_setting_t *g,
    struct ca_topo_link *l)
{
	const char *auth = ca_topology_text(g, "auth");
	bool server_only = auth != NULL && strcmp(auth, "server") == 0;
	uint32_t both;
	enum base_err e;

	if (auth != NULL && !server_only && strcmp(auth, "mutual") != 0)
		return link_wrong(t, l, "auth is \"mutual\" or \"server\"");
	if ((e = link_root(t, g, "root", &both)) != BASE_OK ||
	    (e = link_root(t, g, "client_root", &l->client_root)) != BASE_OK ||
	    (e = link_root(t, g, "server_root", &l->server_root)) != BASE_OK)
		return e;
	if (both != POL_NONE &&
	    (l->client_root != POL_NONE || l->server_root != POL_NONE))
		return link_wrong(t, l,
		    "root stands for both sides; give "
		    "either root, or client_root and server_root");
	if (server_only && l->client_root != POL_NONE)
		return link_wrong(t, l,
		    "client_root with auth = \"server\": "
		    "the client shows no certificate; remove it or take "
		    "auth = \"mutual\"");
	if (both != POL_NONE) {
		l->server_root = both;
		l->client_root = server_only ? POL_NONE : both;
	}
	if (l->server_root == POL_NONE)
		return link_wrong(t, l,
		    "no root for the server's certificate; "
		    "add root or server_root");
	if (!server_only && l->client_root == POL_NONE)
		return link_wrong(t, l,
		    "no root for the client's certificate; "
		    "add client_root, or take auth = \"server\"");
	return BASE_OK;
}

static enum base_err
link_read(const struct ca_topology *t, const config_setting_t *g,
    struct ca_topo_link *l)
{
	enum base_err e;

	l->line = config_setting_source_line(g);
	if ((e = link_end(t, g, "client", &l->client)) != BASE_OK ||
	    (e = link_end(t, g, "server", &l->server)) != BASE_OK)
		return e;
	if (l->client == l->server)
		return link_wrong(t, l,
		    "a node does not talk to itself; "
		    "remove the link");
	return link_roots(t, g, l);
}

static int
link_compare(const void *a, const void *b)
{
	const struct ca_topo_link *x = a, *y = b;

	if (x->client != y->client)
		return x->client < y->client ? -1 : 1;
	if (x->server != y->server)
		return x->server < y->server ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

/* A server shows one certificate; whoever came first in the file says under
 * which root. */
static enum base_err
server_roots_check(const struct ca_topology *t)
{
	const struct ca_topo_link **first =
	    base_alloc((t->nnodes + (size_t)1) * sizeof(*first));
	const struct ca_topo_link *bad = NULL;
	enum base_err e = BASE_OK;

	for (size_t i = 0; i < t->nlinks && bad == NULL; i++) {
		const struct ca_topo_link *l = &t->links[i];
		if (first[l->server] == NULL)
			first[l->server] = l;
		else if (first[l->server]->server_root != l->server_root)
			bad = l;
	}
	if (bad != NULL)
		e = wrong_at(t, bad->line,
		    "link %s > %s: server \"%s\" has its "
		    "certificate under root \"%s\" already (line %u) and can "
		    "show only one; make the second endpoint a node of its own",
		    t->nodes[bad->client].name, t->nodes[bad->server].name,
		    t->nodes[bad->server].name,
		    t->roots[first[bad->server]->server_root].name,
		    first[bad->server]->line);
	free(first);
	return e;
}

static enum base_err
links_unique(struct ca_topology *t)
{
	size_t out = 0;

	for (size_t i = 0; i < t->nlinks; i++) {
		const struct ca_topo_link *l = &t->links[i];
		const struct ca_topo_link *before = &t->links[out - (out > 0)];
		if (out == 0 || before->client != l->client ||
		    before->server != l->server) {
			t->links[out++] = *l;
			continue;
		}
		if (before->client_root != l->client_root ||
		    before->server_root != l->server_root)
			return wrong_at(t, l->line,
			    "link %s > %s is there "
			    "already with other content (line %u); keep one",
			    t->nodes[l->client].name, t->nodes[l->server].name,
			    before->line);
	}
	t->nlinks = out;
	return BASE_OK;
}

enum base_err
ca_topology_read_links(struct topo_reader *r)
{
	struct ca_topology *t = r->t;
	const unsigned n = ca_topology_length(r->lists[TOPO_LINKS]);
	enum base_err e;

	t->links = base_alloc((n + (size_t)1) * sizeof(*t->links));
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *g =
		    config_setting_get_elem(r->lists[TOPO_LINKS], i);
		if ((e = link_read(t, g, &t->links[i])) != BASE_OK)
			return e;
		t->nlinks++;
	}
	/* in the file's order, for the line numbers */
	if ((e = server_roots_check(t)) != BASE_OK)
		return e;
	qsort(t->links, t->nlinks, sizeof(*t->links), link_compare);
	return links_unique(t);
}
