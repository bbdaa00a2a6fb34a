/*
 * ca/show: what kedge-hsmd wants to see before it signs an order that takes
 * something away: the links of the topology, and the nodes' own reports.
 * Each is shown once; which ones were is known in memory only, so a kedged
 * that starts, or that is refused, shows them again. Used by draft.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define BATCH_BYTES ((size_t)4 << 20)

struct show {
	struct ca *ca;
	ca_done_fn *done;
	void *arg;
	struct base_buf *items; /* first nodes to tell, then proofs */
	size_t ntell, n, room;
	size_t at, batch; /* the request that is on its way */
};

static struct base_buf *
item_add(struct show *s)
{
	if (s->n == s->room) {
		s->room = s->room == 0 ? 64 : 2 * s->room;
		s->items =
		    base_realloc_array(s->items, s->room, sizeof(*s->items));
	}
	base_buf_init(&s->items[s->n], 0);
	return &s->items[s->n++];
}

static void
show_end(struct show *s, enum base_err e)
{
	if (e != BASE_OK)
		ca_show_again(s->ca);
	s->done(s->arg, e);
	for (size_t i = 0; i < s->n; i++)
		base_buf_free(&s->items[i]);
	free(s->items);
	free(s);
}

void
ca_show_again(struct ca *ca)
{
	ca->told = false;
	for (struct ca_roll *w = ca->rolls; w != NULL; w = w->next)
		memset(w->shown, 0, ca->topo->nparts * sizeof(*w->shown));
}

/* ---- telling the topology ----------------------------------------------------- */

struct excuses {
	const struct ca_topo *topo;
	bool *node;
	const char *root;
	struct excuses *next;
};

static enum base_err
excuse_fact(void *arg, const struct ca_fact *f)
{
	struct excuses *x = arg;
	uint32_t i = ca_topo_node(x->topo, f->node);

	if (i != POL_NONE && f->kind == POL_FACT_EXCUSED)
		x->node[i] = true;
	else if (i != POL_NONE && f->kind == POL_FACT_RETURNED)
		x->node[i] = false;
	return BASE_OK;
}

/* One table for each root that rolls. */
static enum base_err
excuses_load(struct ca *ca, struct excuses **list)
{
	enum base_err r = BASE_OK;

	for (struct ca_roll *w = ca->rolls; r == BASE_OK && w != NULL;
	     w = w->next) {
		struct excuses *x = base_alloc(sizeof(*x));

		x->topo = ca->topo;
		x->node = base_alloc(ca->topo->nparts);
		x->root = w->row.root;
		x->next = *list;
		*list = x;
		r = ca_store_facts_of_roll(ca->store, w->row.id, excuse_fact,
		    x);
	}
	return r;
}

static void
excuses_free(struct excuses *list)
{
	struct excuses *next;

	for (; list != NULL; list = next) {
		next = list->next;
		free(list->node);
		free(list);
	}
}

static void
node_excuses(const struct excuses *list, uint32_t node, struct wire_hsm_node *n)
{
	for (const struct excuses *x = list; x != NULL; x = x->next) {
		if (!x->node[node])
			continue;
		n->excused = base_realloc_array(n->excused, n->nexcused + 1,
		    sizeof(*n->excused));
		snprintf(n->excused[n->nexcused++], CA_NAME, "%s", x->root);
	}
}

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

/* Of one node, whose links are those from *at on: they are sorted by their
 * client. */
static enum base_err
tell_node(struct show *s, uint32_t node, const struct excuses *excuses,
    size_t *at)
{
	const struct ca_topo *t = s->ca->topo;
	struct wire_hsm_node n = { .dual = t->nodes[node].dual };
	size_t first = *at;
	enum base_err r;

	memcpy(n.name, t->nodes[node].name, sizeof(n.name));
	node_excuses(excuses, node, &n);
	while (*at < t->nlinks && strcmp(t->links[*at].client, n.name) == 0)
		++*at;
	n.links = base_alloc((*at - first + 1) * sizeof(*n.links));
	for (size_t i = first; i < *at; i++) {
		struct wire_hsm_link *l = &n.links[n.nlinks++];

		memcpy(l->server, t->links[i].server, CA_NAME);
		memcpy(l->client_root, t->links[i].client_root, CA_NAME);
		memcpy(l->server_root, t->links[i].server_root, CA_NAME);
	}
	node_hellos(t, node, &n);
	r = wire_hsm_node_compose(&n, item_add(s));
	wire_hsm_node_clear(&n);
	return r;
}

static enum base_err
tell_all(struct show *s)
{
	struct ca *ca = s->ca;
	struct excuses *list = NULL;
	enum base_err r = excuses_load(ca, &list);
	size_t at = 0;

	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nnodes; i++)
		r = tell_node(s, i, list, &at);
	excuses_free(list);
	if (r == BASE_OK && at != ca->topo->nlinks)
		base_die("show: links are not sorted by their client");
	s->ntell = s->n;
	ca->told = true;
	return r;
}

/* ---- showing reports -------------------------------------------------------------- */

/* What it may hold since it reported last. */
static enum base_err
doubt_fact(void *arg, const struct ca_fact *f)
{
	struct wire_hsm_proof *p = arg;

	if (f->kind == POL_FACT_HOLDS || f->kind == POL_FACT_EFFECTIVE)
		p->ndoubts = 0;
	else if (f->kind == POL_FACT_DOUBTED && p->ndoubts < WIRE_HSM_DOUBTS)
		p->doubt[p->ndoubts++] = (struct wire_hsm_holds){ f->conf.trust,
			f->conf.present, f->conf.bridge };
	return BASE_OK;
}

/* The order as well: a kedge-hsmd that came back from a backup learns by it
 * what it has signed. */
static enum base_err
take_order(struct ca_store *st, struct wire_hsm_proof *p, uint64_t epoch)
{
	struct ca_order o = { .epoch = 0 };
	enum base_err r = ca_store_order_get(st, p->node, p->root, epoch, &o);

	if (r == BASE_OK) {
		p->order = o.cms;
		memset(&o.cms, 0, sizeof(o.cms));
	}
	ca_order_clear(&o);
	return r;
}

/* The last report that said effective; with prove also its order. */
static enum base_err
take_report(struct ca_store *st, struct wire_hsm_proof *p, bool prove)
{
	uint64_t epoch = 0;
	enum base_err r =
	    ca_store_report_effective(st, p->node, p->root, &epoch, &p->report);

	return r == BASE_OK && prove ? take_order(st, p, epoch) : r;
}

/* That it has its order, where that is presumed to be enough. */
static enum base_err
show_received(struct show *s, struct ca_roll *w, uint32_t node)
{
	struct ca_store *st = s->ca->store;
	const uint64_t epoch = pol_engine_epoch(w->engine, node);
	struct wire_hsm_proof p = { .ndoubts = 0 };
	enum base_err r;

	if (!pol_engine_is_presumed(w->engine, node))
		return BASE_OK;
	memcpy(p.node, s->ca->topo->nodes[node].name, sizeof(p.node));
	memcpy(p.root, w->row.root, sizeof(p.root));
	r = ca_store_report_received(st, p.node, p.root, epoch, &p.report);
	if (r == BASE_OK && w->prove)
		r = take_order(st, &p, epoch);
	if (r == BASE_OK)
		r = wire_hsm_proof_compose(&p, item_add(s));
	wire_hsm_proof_clear(&p);
	return r;
}

static enum base_err
show_node(struct show *s, struct ca_roll *w, uint32_t node)
{
	struct ca_store *st = s->ca->store;
	struct wire_hsm_proof p = { .ndoubts = 0 };
	enum base_err r;

	if (w->shown[node])
		return BASE_OK;
	w->shown[node] = true;
	memcpy(p.node, s->ca->topo->nodes[node].name, sizeof(p.node));
	memcpy(p.root, w->row.root, sizeof(p.root));
	/* kedge-hsmd was not content before: is its state an older one? */
	if ((r = take_report(st, &p, w->prove)) == BASE_OK &&
	    (r = ca_store_facts_of_node(st, p.node, p.root, doubt_fact, &p)) ==
		BASE_OK)
		r = wire_hsm_proof_compose(&p, item_add(s));
	wire_hsm_proof_clear(&p);
	if (r == BASE_E_NOTFOUND)
		return BASE_OK; /* has not joined yet */
	return r == BASE_OK ? show_received(s, w, node) : r;
}

/* Outside of a roll nothing else would tell kedge-hsmd what the node has come
 * to present. */
static enum base_err
show_renewal(struct show *s, const struct ca_draft *t)
{
	struct wire_hsm_proof p = { .ndoubts = 0 };
	enum base_err r;

	memcpy(p.node, t->order.node, sizeof(p.node));
	memcpy(p.root, t->order.root, sizeof(p.root));
	if ((r = take_report(s->ca->store, &p, true)) == BASE_OK)
		r = wire_hsm_proof_compose(&p, item_add(s));
	wire_hsm_proof_clear(&p);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

/* All nodes are the CA's peers, and it is theirs. */
static enum base_err
show_management(struct show *s, struct ca_roll *w, const bool *wanted)
{
	const struct ca_topo *t = s->ca->topo;
	const bool all = wanted[t->nnodes];
	enum base_err r = show_node(s, w, (uint32_t)t->nnodes);

	for (uint32_t i = 0; r == BASE_OK && i < t->nnodes; i++)
		if (all || wanted[i])
			r = show_node(s, w, i);
	for (size_t i = 0; r == BASE_OK && i < t->nhellos; i++) {
		const struct ca_hello *h = &t->hellos[i];

		if ((wanted[h->verifier] || wanted[h->presenter]) &&
		    (r = show_node(s, w, h->verifier)) == BASE_OK)
			r = show_node(s, w, h->presenter);
	}
	return r;
}

/* The wanted nodes and all they have links with: one look at the links,
 * however many nodes there are. */
static enum base_err
show_wanted(struct show *s, struct ca_roll *w, const bool *wanted)
{
	const struct ca_topo *t = s->ca->topo;
	enum base_err r = BASE_OK;

	if (strcmp(w->row.root, CA_MANAGEMENT) == 0)
		return show_management(s, w, wanted);

	for (uint32_t i = 0; r == BASE_OK && i < t->nnodes; i++)
		if (wanted[i])
			r = show_node(s, w, i);
	for (size_t i = 0; r == BASE_OK && i < t->nlinks; i++) {
		uint32_t c = ca_topo_node(t, t->links[i].client);
		uint32_t v = ca_topo_node(t, t->links[i].server);

		if ((wanted[c] || wanted[v]) &&
		    (r = show_node(s, w, c)) == BASE_OK)
			r = show_node(s, w, v);
	}
	return r;
}

static bool
draft_renews(const struct ca_draft *t)
{
	return wire_step_renews(t->order.steps, t->order.from, t->order.to);
}

static bool
draft_takes_away(const struct ca_draft *t, const struct ca_roll *w)
{
	return t->err == BASE_OK && strcmp(t->order.root, w->row.root) == 0 &&
	    (t->order.steps & WIRE_STEP_JOIN) == 0 && !draft_renews(t) &&
	    (t->order.steps & (WIRE_STEP_CERT | WIRE_STEP_FINISH)) != 0;
}

static enum base_err
show_roll(struct show *s, struct ca_roll *w, struct ca_drafts *d)
{
	bool *wanted = base_alloc(s->ca->topo->nparts), any = false;
	enum base_err r = BASE_OK;

	for (size_t i = 0; i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);
		uint32_t node = ca_topo_node(s->ca->topo, t->order.node);

		if (node == POL_NONE || !draft_takes_away(t, w))
			continue;
		wanted[node] = any = true;
	}
	if (any && !s->ca->told)
		r = tell_all(s);
	if (any && r == BASE_OK)
		r = show_wanted(s, w, wanted);
	free(wanted);
	return r;
}

/* ---- asking ------------------------------------------------------------------------- */

static void show_next(struct show *s);

static void
show_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct show *s = arg;

	if (e != BASE_OK)
		e = base_fail(BASE_E_AGAIN, "waits for kedge-hsmd: %s",
		    base_why());
	else if (a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	if (e != BASE_OK) {
		show_end(s, e);
		return;
	}
	/* what was refused is no reason to stop: the order will say */
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].err != BASE_OK)
			base_log(a->type == WIRE_HSM_TELL ? BASE_WARNING
							  : BASE_INFO,
			    "kedge-hsmd: %.*s", (int)a->items[i].data.n,
			    (const char *)a->items[i].data.p);
	s->at += s->batch;
	show_next(s);
}

static void
show_next(struct show *s)
{
	struct wire_hsm_request q = {
		.type = s->at < s->ntell ? WIRE_HSM_TELL : WIRE_HSM_SHOW
	};
	struct wire_hsm_ask w = { &q, show_answered, s };
	size_t end = s->at < s->ntell ? s->ntell : s->n, bytes = 0;
	enum base_err r;

	if (s->at == s->n) {
		show_end(s, BASE_OK);
		return;
	}
	for (s->batch = 0; s->batch < WIRE_HSM_BATCH && s->at + s->batch < end;
	     s->batch++) {
		bytes += s->items[s->at + s->batch].n;
		if (s->batch > 0 && bytes > BATCH_BYTES)
			break;
	}
	memcpy(q.fleet, s->ca->conf->fleet, sizeof(q.fleet));
	q.items = s->items + s->at;
	q.nitems = s->batch;
	if ((r = s->ca->hsm.ask(s->ca->hsm.self, &w)) != BASE_OK)
		show_end(s, r);
}

void
ca_show_go(struct ca *ca, struct ca_drafts *d, ca_done_fn *done, void *arg)
{
	struct show *s = base_alloc(sizeof(*s));
	enum base_err r = BASE_OK;

	s->ca = ca;
	s->done = done;
	s->arg = arg;
	for (struct ca_roll *w = ca->rolls; r == BASE_OK && w != NULL;
	     w = w->next)
		r = show_roll(s, w, d);
	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++)
		if (draft_renews(ca_drafts_get(d, i)))
			r = show_renewal(s, ca_drafts_get(d, i));
	if (r != BASE_OK)
		show_end(s, r);
	else
		show_next(s);
}
