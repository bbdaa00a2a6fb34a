/*
 * ca/show: what kedge-hsmd judges orders by: the links of the topology, and
 * the nodes' own reports. Links are told when they have changed, for in the
 * middle of a roll kedge-hsmd forgets none; reports are shown before an order
 * that takes something away. Each is shown once; which ones were is known in
 * memory only, so a kedged that starts, or that is refused, shows them again.
 * Used by draft.c, and by core.c whenever there is something to tell.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/excuses.h"
#include "ca/kedged.h"
#include "ca/prove.h"

#define BATCH_BYTES   ((size_t)4 << 20)
#define KEEPS_LOOK_MS 60000

/* Items of one kind, up to end. */
struct part {
	enum wire_hsm_type type;
	size_t end;
};
#define PARTS 4

struct show {
	struct ca *ca;
	ca_done_fn *done;
	void *arg;
	struct base_buf *items;
	size_t n, room;
	size_t front; /* so many of the nodes have excuses, and go first */
	struct part part[PARTS];
	size_t nparts, in; /* the one that at is in */
	size_t at, batch; /* the request that is on its way */
	bool telling; /* some part is nodes */
	bool again; /* all was shown, to tell once more */
	char keeps[CA_REASON_MAX]; /* first refusal of what was told */
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

/* The items since the part before. */
static void
part_end(struct show *s, enum wire_hsm_type type)
{
	if (s->nparts == PARTS)
		base_die("show: too many parts");
	s->part[s->nparts++] = (struct part){ type, s->n };
}

/* What kedge-hsmd still judges by, though kedged has it no more. */
static void
show_keeps(struct show *s)
{
	struct ca *ca = s->ca;

	if (strcmp(ca->keeps, s->keeps) != 0) {
		snprintf(ca->keeps, sizeof(ca->keeps), "%s", s->keeps);
		base_log(s->keeps[0] == '\0' ? BASE_NOTICE : BASE_WARNING,
		    "kedge-hsmd: %s",
		    s->keeps[0] == '\0' ? "has the links as they are"
					: s->keeps);
	}
	/* what was taken away meanwhile, it was not told */
	if (s->keeps[0] == '\0' && ca->told &&
	    ca_store_gone_clear(ca->store) != BASE_OK)
		base_log(BASE_ERR, "%s", base_why());
}

static void
show_end(struct show *s, enum base_err e)
{
	if (e != BASE_OK)
		ca_show_again(s->ca);
	else if (s->telling)
		show_keeps(s);
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
	for (struct ca_roll *w = ca->rolls; w != NULL; w = w->next) {
		memset(w->shown, 0, ca->topo->nparts * sizeof(*w->shown));
		w->stolen_shown = false;
	}
}

/* ---- telling the topology ----------------------------------------------------- */

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

static enum base_err
tell_node(struct show *s, uint32_t node, const struct ca_excuses *excuses,
    struct rows *links, struct rows *gone)
{
	const struct ca_topo *t = s->ca->topo;
	struct wire_hsm_node n = { .dual = t->nodes[node].dual,
		.shallow = t->nodes[node].shallow };
	struct base_buf *item = item_add(s), first;
	enum base_err r;

	memcpy(n.name, t->nodes[node].name, sizeof(n.name));
	ca_excuses_of(excuses, node, &n);
	n.links = rows_take(links, n.name, &n.nlinks);
	n.gone = rows_take(gone, n.name, &n.ngone);
	node_hellos(t, node, &n);
	r = wire_hsm_node_compose(&n, item);
	/* excuses are there before the links that go by them */
	if (n.nexcused > 0) {
		first = s->items[s->front];
		s->items[s->front++] = *item;
		*item = first;
	}
	wire_hsm_node_clear(&n);
	return r;
}

static enum base_err
tell_all(struct show *s)
{
	struct ca *ca = s->ca;
	struct rows links = { ca->topo->links, ca->topo->nlinks, 0 };
	struct rows gone = { NULL, 0, 0 };
	struct ca_link *list = NULL;
	struct ca_excuses *excuses = NULL;
	enum base_err r;

	s->front = s->n;
	if ((r = ca_store_gone(ca->store, &list, &gone.n)) == BASE_OK)
		r = ca_excuses_load(ca, &excuses);
	gone.link = list;
	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nnodes; i++)
		r = tell_node(s, i, excuses, &links, &gone);
	if (r == BASE_OK && (links.at != links.n || gone.at != gone.n))
		base_die("show: links are not sorted by their client");
	part_end(s, WIRE_HSM_TELL);
	s->telling = true;
	s->keeps[0] = '\0';
	ca->told = true;
	ca_excuses_free(excuses);
	free(list);
	return r;
}

/* ---- showing reports -------------------------------------------------------------- */

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
		r = ca_proof_order(st, &p, epoch);
	if (r == BASE_OK)
		r = wire_hsm_proof_compose(&p, item_add(s));
	wire_hsm_proof_clear(&p);
	return r;
}

static enum base_err
show_report(struct show *s, const char *root, uint32_t node, bool prove)
{
	struct ca_store *st = s->ca->store;
	struct wire_hsm_proof p = { .ndoubts = 0 };
	enum base_err r;

	memcpy(p.node, s->ca->topo->nodes[node].name, sizeof(p.node));
	snprintf(p.root, sizeof(p.root), "%s", root);
	/* kedge-hsmd was not content before: is its state an older one? */
	if ((r = ca_proof_report(st, &p, prove)) == BASE_OK &&
	    (r = ca_proof_doubts(st, &p)) == BASE_OK)
		r = wire_hsm_proof_compose(&p, item_add(s));
	wire_hsm_proof_clear(&p);
	return r == BASE_E_NOTFOUND ? BASE_OK : r; /* has not joined yet */
}

/* Outside of a roll nothing else would tell kedge-hsmd what the node has come
 * to present. */
static enum base_err
show_renewal(struct show *s, const char *node, const char *root)
{
	struct wire_hsm_proof p = { .ndoubts = 0 };
	enum base_err r;

	snprintf(p.node, sizeof(p.node), "%s", node);
	snprintf(p.root, sizeof(p.root), "%s", root);
	if ((r = ca_proof_report(s->ca->store, &p, true)) == BASE_OK)
		r = wire_hsm_proof_compose(&p, item_add(s));
	wire_hsm_proof_clear(&p);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

static enum base_err
show_node(struct show *s, struct ca_roll *w, uint32_t node)
{
	enum base_err r;

	if (w->shown[node])
		return BASE_OK;
	w->shown[node] = true;
	r = show_report(s, w->row.root, node, w->prove);
	return r == BASE_OK ? show_received(s, w, node) : r;
}

/* kedge-hsmd keeps a link because it takes its root for one that rolls: the
 * last reports of a roll that is over justify nothing, and were not shown. */
static enum base_err
show_all(struct show *s)
{
	const struct ca_topo *t = s->ca->topo;
	enum base_err r = BASE_OK;

	for (size_t k = 0; r == BASE_OK && k < t->nroots; k++) {
		if (strcmp(t->roots[k].name, CA_MANAGEMENT) == 0)
			continue;
		for (uint32_t i = 0; r == BASE_OK && i < t->nnodes; i++)
			r = show_report(s, t->roots[k].name, i, true);
	}
	part_end(s, WIRE_HSM_SHOW);
	return r;
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

/* kedge-hsmd, if its state is an older one, shall know by its own signature
 * that what the roll goes back to is stolen, before it signs for that. */
static enum base_err
show_stolen(struct show *s, struct ca_roll *w)
{
	struct wire_hsm_proof p = { .ndoubts = 0 };
	enum base_err r;

	if (w->row.from < w->row.to || w->stolen_shown)
		return BASE_OK;
	w->stolen_shown = true;
	r = ca_proof_stolen(s->ca->store, w->row.root, w->row.to, &p);
	if (r == BASE_OK)
		r = wire_hsm_proof_compose(&p, item_add(s));
	wire_hsm_proof_clear(&p);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

static enum base_err
show_roll(struct show *s, struct ca_roll *w, struct ca_drafts *d)
{
	bool *wanted = base_alloc(s->ca->topo->nparts), any = false;
	enum base_err r = show_stolen(s, w);

	for (size_t i = 0; i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);
		uint32_t node = ca_topo_node(s->ca->topo, t->order.node);

		if (node == POL_NONE || !draft_takes_away(t, w))
			continue;
		wanted[node] = any = true;
	}
	if (r == BASE_OK && any)
		r = show_wanted(s, w, wanted);
	free(wanted);
	return r;
}

/* ---- asking ------------------------------------------------------------------------- */

static void show_next(struct show *s);

/* No reason to stop: the order will say. */
static void
item_refused(struct show *s, enum wire_hsm_type type,
    const struct wire_hsm_item *it)
{
	if (type == WIRE_HSM_SHOW)
		base_log(BASE_INFO, "kedge-hsmd: %.*s", (int)it->data.n,
		    (const char *)it->data.p);
	else if (s->keeps[0] == '\0')
		snprintf(s->keeps, sizeof(s->keeps), "%.*s", (int)it->data.n,
		    (const char *)it->data.p);
}

static void
show_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct show *s = arg;

	if ((e = ca_hsm_heard(s->ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	if (e != BASE_OK) {
		show_end(s, e);
		return;
	}
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].err != BASE_OK)
			item_refused(s, a->type, &a->items[i]);
	s->at += s->batch;
	show_next(s);
}

/* Once more, with all that may change its mind; then it stands. */
static enum base_err
tell_again(struct show *s)
{
	enum base_err r;

	s->again = true;
	if ((r = show_all(s)) != BASE_OK)
		return r;
	return tell_all(s);
}

static void
show_ask(struct show *s)
{
	const struct part *p = &s->part[s->in];
	struct wire_hsm_request q = { .type = p->type };
	struct wire_hsm_ask w = { &q, show_answered, s };
	size_t bytes = 0;
	enum base_err r;

	for (s->batch = 0;
	     s->batch < WIRE_HSM_BATCH && s->at + s->batch < p->end;
	     s->batch++) {
		bytes += s->items[s->at + s->batch].n;
		if (s->batch > 0 && bytes > BATCH_BYTES)
			break;
	}
	memcpy(q.fleet, s->ca->conf->fleet, sizeof(q.fleet));
	q.items = s->items + s->at;
	q.nitems = s->batch;
	if ((r = ca_hsm_ask(s->ca, &w)) != BASE_OK)
		show_end(s, r);
}

static void
show_next(struct show *s)
{
	enum base_err r;

	if (s->at == s->n && s->keeps[0] != '\0' && !s->again &&
	    (r = tell_again(s)) != BASE_OK) {
		show_end(s, r);
		return;
	}
	while (s->in < s->nparts && s->at == s->part[s->in].end)
		s->in++;
	if (s->in == s->nparts)
		show_end(s, BASE_OK);
	else
		show_ask(s);
}

static struct show *
show_new(struct ca *ca, ca_done_fn *done, void *arg)
{
	struct show *s = base_alloc(sizeof(*s));

	s->ca = ca;
	s->done = done;
	s->arg = arg;
	return s;
}

static void
show_go(struct show *s, enum base_err e)
{
	if (e != BASE_OK)
		show_end(s, e);
	else
		show_next(s);
}

void
ca_show_go(struct ca *ca, struct ca_drafts *d, ca_done_fn *done, void *arg)
{
	struct show *s = show_new(ca, done, arg);
	enum base_err r = BASE_OK;

	/* before any order of a roll: with its signature the root rolls */
	if (ca->rolls != NULL && !ca->told)
		r = ca_recover_is_stale(ca)
		    ? base_fail(BASE_E_AGAIN,
			  "recovery: kedge-hsmd is asked first what it knows")
		    : tell_all(s);
	for (struct ca_roll *w = ca->rolls; r == BASE_OK && w != NULL;
	     w = w->next)
		r = show_roll(s, w, d);
	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		if (draft_renews(t))
			r = show_renewal(s, t->order.node, t->order.root);
	}
	part_end(s, WIRE_HSM_SHOW);
	show_go(s, r);
}

void
ca_show_report(struct ca *ca, const char *node, const char *root,
    ca_done_fn *done, void *arg)
{
	struct show *s = show_new(ca, done, arg);
	enum base_err r = show_renewal(s, node, root);

	part_end(s, WIRE_HSM_SHOW);
	show_go(s, r);
}

/* ---- telling, as soon as there is something to tell --------------------------- */

static void
tell_done(void *arg, enum base_err e)
{
	struct ca *ca = arg;

	ca->telling = false;
	ca->tell_failed = e != BASE_OK;
	ca->tell_next =
	    ca_after(ca, e != BASE_OK ? ca->conf->retry_ms : KEEPS_LOOK_MS);
	ca_kick(ca);
}

struct base_mono
ca_tell_work(struct ca *ca)
{
	struct show *s;

	if (ca->told && ca->keeps[0] == '\0')
		return CA_NEVER;
	if (ca->telling || ca_recover_is_stale(ca))
		return CA_NEVER; /* tell_done and the recovery kick */
	/* what it kept, it may give up when more was reported */
	if (ca->tell_next.ms > ca_mono(ca).ms && (ca->told || ca->tell_failed))
		return ca->tell_next;
	ca->telling = true;
	s = show_new(ca, tell_done, ca);
	show_go(s, tell_all(s));
	return CA_NEVER;
}
