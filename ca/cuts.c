/*
 * ca/cuts: which directions stop working when nodes are taken out of a roll's
 * rules: the list for approvers. Used by control_cuts.c and deadline.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

static void
cut_add(struct wire_hsm_cuts *list, const char *presenter, const char *verifier)
{
	struct wire_hsm_cut *t;

	list->cut =
	    base_realloc_array(list->cut, list->n + 1, sizeof(*list->cut));
	t = &list->cut[list->n++];
	memset(t, 0, sizeof(*t));
	snprintf(t->presenter, sizeof(t->presenter), "%s", presenter);
	snprintf(t->verifier, sizeof(t->verifier), "%s", verifier);
}

void
ca_cuts_link(const struct ca_roll_row *row, const struct ca_link *l,
    struct wire_hsm_cuts *list)
{
	if (strcmp(l->client_root, row->root) == 0)
		cut_add(list, l->client, l->server);
	if (strcmp(l->server_root, row->root) == 0)
		cut_add(list, l->server, l->client);
}

/* Under the management root the CA is at the other end of each node, and
 * hellos go between neighbours. */
static void
cut_own(const struct ca_topo *t, const bool *out, struct wire_hsm_cuts *list)
{
	for (uint32_t i = 0; i < t->nnodes; i++)
		if (out[i]) {
			cut_add(list, t->nodes[i].name, CA_NODE_CA);
			cut_add(list, CA_NODE_CA, t->nodes[i].name);
		}
	for (size_t i = 0; i < t->nhellos; i++)
		if (out[t->hellos[i].presenter] || out[t->hellos[i].verifier])
			cut_add(list, t->nodes[t->hellos[i].presenter].name,
			    t->nodes[t->hellos[i].verifier].name);
}

static bool
is_out(const struct ca_topo *t, const bool *out, const char *node)
{
	const uint32_t i = ca_topo_node(t, node);

	return i != POL_NONE && out[i];
}

void
ca_cuts_of(const struct ca *ca, const struct ca_roll_row *row, const bool *out,
    struct wire_hsm_cuts *list)
{
	const struct ca_topo *t = ca->topo;

	for (size_t i = 0; i < t->nlinks; i++)
		if (is_out(t, out, t->links[i].client) ||
		    is_out(t, out, t->links[i].server))
			ca_cuts_link(row, &t->links[i], list);
	if (strcmp(row->root, CA_MANAGEMENT) == 0)
		cut_own(t, out, list);
	wire_hsm_cuts_sort(list);
}
