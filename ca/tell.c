/*
 * ca/tell: the fleet as kedge-hsmd is told it: each node with the links in
 * which it is the client, those that were taken away, whose hellos it
 * verifies, and its excuses. Called by show.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/excuses.h"
#include "ca/tell.h"

/* Whose hellos it verifies: one-way links of the management root, told as
 * what they are to a verifier. The CA's own links kedge-hsmd knows. */
static void
node_hellos(const struct ca_topo *t, uint32_t node, struct wire_hsm_node *n)
{
	for (size_t i = 0; i < t->nhellos; i++) {
		struct wire_hsm_link *l;

		if (t->hellos[i].verifier != node)
			continue;
		n->links = base_realloc_array(n->links, n->nlinks + 1,
		    sizeof(*n->links));
		l = &n->links[n->nlinks++];
		memset(l, 0, sizeof(*l));
		memcpy(l->server, t->nodes[t->hellos[i].presenter].name,
		    CA_NAME);
		memcpy(l->server_root, CA_MANAGEMENT, sizeof(CA_MANAGEMENT));
	}
}

/* Links, sorted by their client, of which those before at are told. */
struct rows {
	const struct ca_link *link;
	size_t n, at;
};

/* Those of the client that comes next. */
static struct wire_hsm_link *
rows_take(struct rows *w, const char *client, size_t *n)
{
	size_t first = w->at;
	struct wire_hsm_link *list;

	while (w->at < w->n && strcmp(w->link[w->at].client, client) == 0)
		w->at++;
	*n = w->at - first;
	list = base_alloc((*n + 1) * sizeof(*list));
	for (size_t i = 0; i < *n; i++) {
		memcpy(list[i].server, w->link[first + i].server, CA_NAME);
		memcpy(list[i].client_root, w->link[first + i].client_root,
		    CA_NAME);
		memcpy(list[i].server_root, w->link[first + i].server_root,
		    CA_NAME);
	}
	return list;
}

static void
tell_node(const struct ca_topo *t, uint32_t node,
    const struct ca_excuses *excuses, struct rows *links, struct rows *gone,
    struct wire_hsm_node *n)
{
	memcpy(n->name, t->nodes[node].name, sizeof(n->name));
	n->dual = t->nodes[node].dual;
	n->shallow = t->nodes[node].shallow;
	ca_excuses_of(excuses, node, n);
	n->links = rows_take(links, n->name, &n->nlinks);
	n->gone = rows_take(gone, n->name, &n->ngone);
	node_hellos(t, node, n);
}

enum base_err
ca_tell_each(struct ca *ca, ca_tell_fn *fn, void *arg)
{
	struct rows links = { ca->topo->links, ca->topo->nlinks, 0 };
	struct rows gone = { NULL, 0, 0 };
	struct ca_link *list = NULL;
	struct ca_excuses *excuses = NULL;
	enum base_err r;

	if ((r = ca_store_gone(ca->store, &list, &gone.n)) == BASE_OK)
		r = ca_excuses_load(ca, &excuses);
	gone.link = list;
	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nnodes; i++) {
		struct wire_hsm_node n = { .dual = false };

		tell_node(ca->topo, i, excuses, &links, &gone, &n);
		r = fn(arg, &n);
		wire_hsm_node_clear(&n);
	}
	if (r == BASE_OK && (links.at != links.n || gone.at != gone.n))
		base_die("tell: links are not sorted by their client");
	ca_excuses_free(excuses);
	free(list);
	return r;
}
