/*
 * ca/excuses: which nodes are excused under which root, for kedge-hsmd.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/excuses.h"

/* One table for each root; an excuse outlives its roll. */
struct ca_excuses {
	bool *node;
	char root[CA_NAME];
	struct ca_excuses *next;
};
struct excusing {
	const struct ca_topo *topo;
	struct ca_excuses **list;
};

static enum base_err
excuse_fact(void *arg, const struct ca_fact *f)
{
	const struct excusing *e = arg;
	uint32_t i = ca_topo_node(e->topo, f->node);
	struct ca_excuses *x = *e->list;

	if (i == POL_NONE)
		return BASE_OK; /* left the fleet since */
	while (x != NULL && strcmp(x->root, f->root) != 0)
		x = x->next;
	if (x == NULL) {
		x = base_alloc(sizeof(*x));
		x->node = base_alloc(e->topo->nparts);
		memcpy(x->root, f->root, sizeof(x->root));
		x->next = *e->list;
		*e->list = x;
	}
	x->node[i] = f->kind == POL_FACT_EXCUSED;
	return BASE_OK;
}

enum base_err
ca_excuses_load(struct ca *ca, struct ca_excuses **list)
{
	struct excusing e = { ca->topo, list };

	return ca_store_facts_of_excuses(ca->store, excuse_fact, &e);
}

void
ca_excuses_free(struct ca_excuses *list)
{
	struct ca_excuses *next;

	for (; list != NULL; list = next) {
		next = list->next;
		free(list->node);
		free(list);
	}
}

void
ca_excuses_of(const struct ca_excuses *list, uint32_t node,
    struct wire_hsm_node *n)
{
	for (const struct ca_excuses *x = list; x != NULL; x = x->next) {
		if (!x->node[node])
			continue;
		n->excused = base_realloc_array(n->excused, n->nexcused + 1,
		    sizeof(*n->excused));
		snprintf(n->excused[n->nexcused++], CA_NAME, "%s", x->root);
	}
}

bool
ca_excuses_has(const struct ca_excuses *list, uint32_t node, const char *root)
{
	for (const struct ca_excuses *x = list; x != NULL; x = x->next)
		if (strcmp(x->root, root) == 0)
			return x->node[node];
	return false;
}
