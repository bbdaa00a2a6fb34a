/*
 * ca/show: what kedge-hsmd judges orders by: the links of the topology, and
 * the nodes' own reports. Links are told when they have changed, for in the
 * middle of a roll kedge-hsmd forgets none; reports are shown before an order
 * that takes something away. Each is shown once; which ones were is known in
 * memory only, so a kedged that starts, or that is refused, shows them again.
 * An item that kedge-hsmd refuses, or that never got there, was not shown.
 * Used by draft.c, and by core.c whenever there is something to tell.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"
#include "ca/prove.h"
#include "ca/tell.h"

#define BATCH_BYTES   ((size_t)4 << 20)
#define KEEPS_LOOK_MS 60000

/* Items of one kind, up to end. */
struct part {
	enum wire_hsm_type type;
	size_t end;
};
#define PARTS 4

/* Whose report in which roll an item shows: 0, none that a roll counts. */
struct mark {
	uint64_t roll;
	uint32_t node; /* POL_NONE: that a key is stolen */
};

struct show {
	struct ca *ca;
	ca_done_fn *done;
	void *arg;
	struct base_buf *items;
	struct mark *marks; /* one for each item */
	size_t n, room;
	size_t front; /* so many of the nodes have excuses, and go first */
	struct part part[PARTS];
	size_t nparts, in; /* the one that at is in */
	size_t at, batch; /* the request that is on its way */
	bool telling; /* some part is nodes */
	bool again; /* all was shown, to tell once more */
	char keeps[CA_REASON_MAX]; /* first refusal of what was told */
	bool one; /* a single report: its refusal is that of the whole */
	enum base_err refused;
	char why[CA_REASON_MAX];
};

static struct base_buf *
item_add(struct show *s)
{
	if (s->n == s->room) {
		s->room = s->room == 0 ? 64 : 2 * s->room;
		s->items =
		    base_realloc_array(s->items, s->room, sizeof(*s->items));
		s->marks =
		    base_realloc_array(s->marks, s->room, sizeof(*s->marks));
	}
	s->marks[s->n] = (struct mark){ 0, POL_NONE };
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

/* This item was not taken, so it counts as not shown. A roll that has ended
 * meanwhile asks nobody; one with another topology shows all anew. */
static void
unmark(struct show *s, size_t item)
{
	const struct mark *m = &s->marks[item];

	for (struct ca_roll *w = s->ca->rolls; w != NULL; w = w->next) {
		if (m->roll == 0 || w->row.id != m->roll)
			continue;
		if (m->node == POL_NONE)
			w->stolen_shown = false;
		else if (m->node < w->nnodes)
			w->shown[m->node] = false;
	}
}

/* What this one was to tell and show, and nothing else, is still to be. */
static void
show_undo(struct show *s)
{
	for (size_t i = s->at; i < s->n; i++)
		unmark(s, i);
	if (s->telling)
		s->ca->told = false;
}

static void
show_end(struct show *s, enum base_err e)
{
	if (e != BASE_OK)
		show_undo(s);
	else if (s->telling)
		show_keeps(s);
	else if (s->one && s->refused != BASE_OK)
		e = base_fail(s->refused, "kedge-hsmd: %s", s->why);
	s->done(s->arg, e);
	for (size_t i = 0; i < s->n; i++)
		base_buf_free(&s->items[i]);
	free(s->items);
	free(s->marks);
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

/* Excuses are there before the links that go by them. */
static enum base_err
tell_node(void *arg, const struct wire_hsm_node *n)
{
	struct show *s = arg;
	struct base_buf *item = item_add(s), first;
	enum base_err r = wire_hsm_node_compose(n, item);

	if (n->nexcused > 0) {
		first = s->items[s->front];
		s->items[s->front++] = *item;
		*item = first;
	}
	return r;
}

static enum base_err
tell_all(struct show *s)
{
	enum base_err r;

	s->front = s->n;
	r = ca_tell_each(s->ca, tell_node, s);
	part_end(s, WIRE_HSM_TELL);
	s->telling = true;
	s->keeps[0] = '\0';
	s->ca->told = true;
	return r;
}

/* ---- showing reports -------------------------------------------------------------- */

/* Of a roll: one that cannot be composed keeps back nobody else; the orders
 * that rest on it will be refused, and say so. */
static enum base_err
proof_add(struct show *s, struct wire_hsm_proof *p, enum base_err r,
    struct mark m)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	if (r == BASE_OK && (r = wire_hsm_proof_compose(p, &b)) == BASE_OK) {
		*item_add(s) = b;
		s->marks[s->n - 1] = m;
		memset(&b, 0, sizeof(b));
	}
	base_buf_free(&b);
	if (r != BASE_OK && r != BASE_E_NOTFOUND && !s->one) {
		base_log(BASE_WARNING,
		    "node %s, root %s: its report cannot be shown to "
		    "kedge-hsmd: %s",
		    p->node, p->root, base_why());
		r = BASE_OK;
	}
	wire_hsm_proof_clear(p);
	return r == BASE_E_NOTFOUND && !s->one ? BASE_OK : r;
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
		r = ca_proof_order(st, &p, epoch);
	return proof_add(s, &p, r, (struct mark){ w->row.id, node });
}

/* m: which roll counts it. One that has not joined has no report. */
static enum base_err
show_report(struct show *s, const char *root, uint32_t node, bool prove,
    struct mark m)
{
	struct ca_store *st = s->ca->store;
	struct wire_hsm_proof p = { .ndoubts = 0 };
	enum base_err r;

	memcpy(p.node, s->ca->topo->nodes[node].name, sizeof(p.node));
	snprintf(p.root, sizeof(p.root), "%s", root);
	/* kedge-hsmd was not content before: is its state an older one? */
	if ((r = ca_proof_report(st, &p, prove)) == BASE_OK)
		r = ca_proof_doubts(st, &p);
	return proof_add(s, &p, r, m);
}

/* Outside of a roll nothing else would tell kedge-hsmd what the node has come
 * to present. */
static enum base_err
show_renewal(struct show *s, const char *node, const char *root)
{
	struct wire_hsm_proof p = { .ndoubts = 0 };

	snprintf(p.node, sizeof(p.node), "%s", node);
	snprintf(p.root, sizeof(p.root), "%s", root);
	return proof_add(s, &p, ca_proof_report(s->ca->store, &p, true),
	    (struct mark){ 0, POL_NONE });
}

static enum base_err
show_node(struct show *s, struct ca_roll *w, uint32_t node)
{
	enum base_err r;

	if (w->shown[node])
		return BASE_OK;
	w->shown[node] = true;
	r = show_report(s, w->row.root, node, w->prove,
	    (struct mark){ w->row.id, node });
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
			r = show_report(s, t->roots[k].name, i, true,
			    (struct mark){ 0, POL_NONE });
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

	if (w->row.from < w->row.to || w->stolen_shown)
		return BASE_OK;
	w->stolen_shown = true;
	return proof_add(s, &p,
	    ca_proof_stolen(s->ca->store, w->row.root, w->row.to, &p),
	    (struct mark){ w->row.id, POL_NONE });
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
item_refused(struct show *s, enum wire_hsm_type type, size_t item,
    const struct wire_hsm_item *it)
{
	char *first = type == WIRE_HSM_SHOW ? s->why : s->keeps;

	/* a report as late was shown before: there is nothing to learn */
	if (type == WIRE_HSM_SHOW && it->err == BASE_E_EXISTS)
		return;
	if (first[0] == '\0')
		snprintf(first, CA_REASON_MAX, "%.*s", (int)it->data.n,
		    (const char *)it->data.p);
	if (type != WIRE_HSM_SHOW)
		return;
	if (!s->one)
		base_log(BASE_INFO, "kedge-hsmd: %.*s", (int)it->data.n,
		    (const char *)it->data.p);
	unmark(s, item);
	s->refused = it->err;
}

static void
show_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct show *s = arg;

	if ((e = ca_hsm_heard(s->ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	else if (e == BASE_OK && a->nitems != s->batch)
		e = base_fail(BASE_E_INTEGRITY,
		    "kedge-hsmd: %zu answers for %zu items", a->nitems,
		    s->batch);
	if (e != BASE_OK) {
		show_end(s, e);
		return;
	}
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].err != BASE_OK)
			item_refused(s, a->type, s->at + i, &a->items[i]);
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
	enum base_err r;

	s->one = true;
	r = show_renewal(s, node, root);
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
