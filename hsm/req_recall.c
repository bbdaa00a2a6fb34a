/*
 * req_recall: RECALL and KNOWN. A kedged whose store came back from a backup
 * asks what was signed here since: certificates of roots, which are made once
 * and must stay the same to the byte, and the nodes with their keys, links
 * and highest epochs. Nothing of it is secret from kedged, which has told or
 * been given all of it before.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"

#define PAGE	   256
#define PAGE_BYTES ((size_t)4 << 20)

/* ---- RECALL -------------------------------------------------------------------- */

static enum base_err
recall_add(struct wire_hsm_answer *a, const struct hsm_key *k,
    enum wire_cert_kind kind, const struct base_buf *der)
{
	const struct wire_hsm_recalled r = { .kind = kind,
		.generation = k->generation,
		.stolen = kind == WIRE_NEW_WITH_NEW && k->stolen,
		.der = *der };

	if (der->n == 0 || a->nitems == WIRE_HSM_BATCH)
		return BASE_OK;
	base_buf_init(&a->items[a->nitems].data, 0);
	return wire_hsm_recalled_compose(&r, &a->items[a->nitems++].data);
}

enum base_err
hsm_do_recall(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	enum base_err e = BASE_OK;

	a->items = base_alloc(WIRE_HSM_BATCH * sizeof(*a->items));
	for (size_t i = 0; i < c->state.nkeys && e == BASE_OK; i++) {
		const struct hsm_key *k = c->state.keys[i];

		if (k->order_signer || strcmp(k->root, r->key.root) != 0)
			continue;
		if ((e = recall_add(a, k, WIRE_NEW_WITH_NEW, &k->nwn)) ==
			BASE_OK &&
		    (e = recall_add(a, k, WIRE_NEW_WITH_OLD, &k->nwo)) ==
			BASE_OK)
			e = recall_add(a, k, WIRE_OLD_WITH_NEW, &k->own);
	}
	return e;
}

/* ---- KNOWN --------------------------------------------------------------------- */

struct names {
	const struct hsm_node **list;
	size_t n;
	const char *after;
};

static void
names_add(void *arg, void *value)
{
	struct names *l = arg;
	const struct hsm_node *n = value;

	if (strcmp(n->name, l->after) > 0)
		l->list[l->n++] = n;
}

static int
names_cmp(const void *a, const void *b)
{
	const struct hsm_node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static struct wire_hsm_part *
part_of(struct wire_hsm_known *k, const char *root)
{
	for (size_t i = 0; i < k->nparts; i++)
		if (strcmp(k->parts[i].root, root) == 0)
			return &k->parts[i];
	strcpy(k->parts[k->nparts].root, root);
	return &k->parts[k->nparts++];
}

static void
known_links(const struct hsm_node *n, struct wire_hsm_node *out)
{
	out->links = base_alloc((n->nas_client + 1) * sizeof(*out->links));
	for (size_t i = 0; i < n->nas_client; i++) {
		const struct hsm_link *from = n->as_client[i];
		struct wire_hsm_link *l = &out->links[out->nlinks++];

		strcpy(l->server, from->server->name);
		strcpy(l->client_root, from->client_root);
		strcpy(l->server_root, from->server_root);
	}
}

static void
may_hold(const struct pol_conf *c, struct wire_hsm_part *p)
{
	p->trust |= c->trust;
	p->present = c->present;
}

/* Each order that was signed since the last report may have done its work. */
static void
known_holds(const struct hsm_held *h, struct wire_hsm_part *p)
{
	struct pol_conf c = h->conf;

	p->epoch = h->epoch;
	for (size_t i = 0; i < h->ndoubts; i++)
		may_hold(&h->doubt[i], p);
	may_hold(&c, p);
	for (size_t i = 0; i < h->nevents; i++) {
		c = hsm_event_after(c, &h->event[i]);
		may_hold(&c, p);
		p->epoch = h->event[i].epoch;
	}
}

static void
known_fill(const struct hsm_node *n, struct wire_hsm_known *k)
{
	strcpy(k->node.name, n->name);
	k->node.dual = n->dual;
	k->node.shallow = n->shallow;
	k->node.excused = base_alloc((n->nheld + 1) * sizeof(*k->node.excused));
	k->parts = base_alloc((n->nheld + n->nkeys + 1) * sizeof(*k->parts));
	known_links(n, &k->node);
	for (size_t i = 0; i < n->nheld; i++) {
		const struct hsm_held *h = &n->held[i];

		known_holds(h, part_of(k, h->root));
		if (h->excused)
			strcpy(k->node.excused[k->node.nexcused++], h->root);
	}
	for (size_t i = 0; i < n->nkeys; i++) {
		const struct hsm_node_key *key = &n->keys[i];
		struct wire_hsm_part *p = part_of(k, key->root);

		if (base_buf_put(&p->spki, key->spki.p, key->spki.n) !=
			BASE_OK ||
		    base_buf_put(&p->next, key->next.p, key->next.n) != BASE_OK)
			base_die("known: %s", base_why());
	}
}

/* A page of them by name; the caller asks on after the last one. */
enum base_err
hsm_do_known(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	struct names l = { .after = r->after };
	size_t bytes = 0;
	enum base_err e = BASE_OK;

	l.list = base_alloc((c->state.nodes.n + 1) * sizeof(struct hsm_node *));
	hsm_map_each(&c->state.nodes, names_add, &l);
	qsort(l.list, l.n, sizeof(struct hsm_node *), names_cmp);
	a->items = base_alloc(PAGE * sizeof(*a->items));
	for (size_t i = 0;
	     e == BASE_OK && i < l.n && i < PAGE && bytes < PAGE_BYTES; i++) {
		struct wire_hsm_known k = { .nparts = 0 };
		struct base_buf *data = &a->items[a->nitems++].data;

		base_buf_init(data, 0);
		known_fill(l.list[i], &k);
		e = wire_hsm_known_compose(&k, data);
		wire_hsm_known_clear(&k);
		bytes += data->n;
	}
	free(l.list);
	return e;
}
