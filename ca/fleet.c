/*
 * ca/fleet: changes of roots, nodes and links, whoever asks for them. What
 * comes out is looked at as a whole before it is committed: a sound graph, a
 * path to every node, and nothing moved under a roll that runs.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"

static bool
link_is_under(const struct ca_link *l, const char *root)
{
	return strcmp(l->client_root, root) == 0 ||
	    strcmp(l->server_root, root) == 0;
}

static bool
links_equal(const struct ca_link *a, const struct ca_link *b)
{
	return strcmp(a->client, b->client) == 0 &&
	    strcmp(a->server, b->server) == 0 &&
	    strcmp(a->client_root, b->client_root) == 0 &&
	    strcmp(a->server_root, b->server_root) == 0;
}

/* The next link under root from *i on, NULL after the last. */
static const struct ca_link *
next_under(const struct ca_topo *t, const char *root, size_t *i)
{
	while (*i < t->nlinks)
		if (link_is_under(&t->links[(*i)++], root))
			return &t->links[*i - 1];
	return NULL;
}

static bool
node_is_same(const struct ca_topo *a, const struct ca_topo *b, const char *name)
{
	uint32_t x = ca_topo_node(a, name), y = ca_topo_node(b, name);

	return x != POL_NONE && y != POL_NONE &&
	    a->nodes[x].dual == b->nodes[y].dual;
}

/* A roll's engine rests on its links: they stay as they are until it ends. */
static enum base_err
check_roll(const struct ca_topo *old, const struct ca_topo *new,
    const char *root)
{
	size_t i = 0, k = 0;
	const struct ca_link *a, *b;

	do {
		a = next_under(old, root, &i);
		b = next_under(new, root, &k);
		if (a == NULL && b == NULL)
			return BASE_OK;
	} while (a != NULL && b != NULL && links_equal(a, b) &&
	    node_is_same(old, new, a->client) &&
	    node_is_same(old, new, a->server));
	a = a != NULL ? a : b;
	return base_fail(BASE_E_OUTAGE,
	    "link %s>%s: root %s rolls just now, and a change could leave "
	    "two nodes unable to authenticate; change its links and their "
	    "nodes when the roll is done",
	    a->client, a->server, root);
}

/* Names become host names in certificates: RFC 1123 labels. */
static enum base_err
check_name(const char *name)
{
	const char *last = strrchr(name, '.');

	if (strcmp(name, CA_NODE_CA) == 0 || strcmp(name, "order") == 0)
		return base_fail(BASE_E_REFUSED,
		    "node %s: the name is the "
		    "CA's own; take another",
		    name);
	last = last == NULL ? name : last + 1;
	if (strstr(name, "..") != NULL || strstr(name, "-.") != NULL ||
	    strstr(name, ".-") != NULL ||
	    last[strspn(last, "0123456789")] == '\0')
		return base_fail(BASE_E_REFUSED,
		    "node %s: is no host name: "
		    "each part between dots begins and ends with a letter or "
		    "digit, and the last is no number",
		    name);
	return BASE_OK;
}

/* A server shows one certificate, under one root: links come and go one by
 * one, and a topology file may leave an old one standing. */
static enum base_err
check_servers(const struct ca_topo *t)
{
	const struct ca_link **first =
	    base_alloc((t->nnodes + 1) * sizeof(*first));
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < t->nlinks; i++) {
		const struct ca_link *l = &t->links[i];
		const struct ca_link **f = &first[ca_topo_node(t, l->server)];

		if (*f == NULL)
			*f = l;
		else if (strcmp((*f)->server_root, l->server_root) != 0)
			r = base_fail(BASE_E_REFUSED,
			    "link %s>%s: root %s, but for link %s>%s the "
			    "server shows a certificate of root %s, and it has "
			    "only one; remove that link, or make the second "
			    "endpoint a node of its own",
			    l->client, l->server, l->server_root, (*f)->client,
			    (*f)->server, (*f)->server_root);
	}
	free(first);
	return r;
}

static enum base_err
check_whole(struct ca *ca)
{
	struct ca_topo *t = NULL;
	struct ca_route route;
	enum base_err r;

	if ((r = ca_topo_load(ca->store, &t)) != BASE_OK)
		return r;
	for (uint32_t i = 0; r == BASE_OK && i < t->nnodes; i++)
		if ((r = check_name(t->nodes[i].name)) == BASE_OK &&
		    t->dist[i] > WIRE_ROUTE_MAX)
			r = ca_topo_route(t, i, &route);
	if (r == BASE_OK)
		r = check_servers(t);
	for (const struct ca_roll *w = ca->rolls; r == BASE_OK && w != NULL;
	     w = w->next)
		r = check_roll(ca->topo, t, w->row.root);
	ca_topo_free(t);
	return r;
}

enum base_err
ca_fleet_change(struct ca *ca, ca_change_fn *change, void *arg)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = change(ca, arg)) == BASE_OK &&
	    (r = check_whole(ca)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r == BASE_OK)
		r = ca_reload_topo(ca);
	ca_kick(ca);
	return r;
}

/* ---- nodes that leave ----------------------------------------------------------- */

static void
forgotten(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	char *node = arg;

	if (e != BASE_OK)
		base_log(BASE_WARNING,
		    "node %s: kedge-hsmd was not told that "
		    "it left: %s",
		    node, base_why());
	else if (a->err != BASE_OK && a->err != BASE_E_NOTFOUND)
		base_log(BASE_WARNING, "node %s: kedge-hsmd: %s", node, a->why);
	free(node);
}

void
ca_fleet_forget(struct ca *ca, const char *node)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_FORGET };
	char *name = base_strdup(node);
	struct wire_hsm_ask w = { &q, forgotten, name };

	memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
	snprintf(q.node, sizeof(q.node), "%s", node);
	if (ca->hsm.ask(ca->hsm.self, &w) != BASE_OK) {
		base_log(BASE_WARNING, "node %s: %s", node, base_why());
		free(name);
	}
}

/* ---- roots ------------------------------------------------------------------------ */

enum base_err
ca_fleet_root_put(struct ca *ca, const char *name, enum wire_alg alg,
    uint32_t days)
{
	struct ca_root row = { .alg = alg, .days = days, .current = 1 };
	enum base_err r;

	if (!base_name_is_valid(name))
		return base_fail(BASE_E_SYNTAX,
		    "root \"%s\": a name is 1 to "
		    "63 of a-z 0-9 . -",
		    name);
	if (ca_topo_root(ca->topo, name) != POL_NONE)
		return BASE_OK;
	snprintf(row.name, sizeof(row.name), "%s", name);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_root_put(ca->store, &row)) == BASE_OK &&
	    (r = ca_audit(ca, ca_who(ca), "root", "%s added", name)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r == BASE_OK ? ca_reload_topo(ca) : r;
}
