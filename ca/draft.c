/*
 * ca/draft: a number of orders on their way to become signed orders. First
 * all their certificates, one request per issuing key; then hsmd is shown
 * what the orders rest on; then the orders themselves. One node's refusal is that draft's own fate; only when hsmd
 * does not answer does the whole fail. Used by roll, tidy and join.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

/* One certificate that is wanted for an order. */
struct wish {
	struct ca_issue issue;
	size_t draft;
	bool asked;
	struct base_buf spki, tbs;
	X509 *cert; /* NULL until it came */
};

struct ca_drafts {
	struct ca *ca;
	ca_drafts_fn *done;
	void *arg;
	struct ca_draft *list;
	size_t n;
	struct wish *wishes;
	size_t nwishes;
	size_t *batch; /* of wishes or drafts, in request order */
	size_t nbatch;
	struct base_buf *ders; /* of the orders, by draft */
	bool shown; /* what they rest on */
};

struct ca_drafts *
ca_drafts_new(struct ca *ca, ca_drafts_fn *done, void *arg)
{
	struct ca_drafts *d = base_alloc(sizeof(*d));

	d->ca = ca;
	d->done = done;
	d->arg = arg;
	return d;
}

struct ca_draft *
ca_drafts_add(struct ca_drafts *d)
{
	d->list = base_realloc_array(d->list, d->n + 1, sizeof(*d->list));
	memset(&d->list[d->n], 0, sizeof(*d->list));
	base_buf_init(&d->list[d->n].new_key, 0);
	return &d->list[d->n++];
}

static struct wish *
wish_add(struct ca_drafts *d, size_t draft)
{
	struct wish *w;

	d->wishes =
	    base_realloc_array(d->wishes, d->nwishes + 1, sizeof(*d->wishes));
	w = &d->wishes[d->nwishes++];
	memset(w, 0, sizeof(*w));
	w->draft = draft;
	return w;
}

static void
draft_fail(struct ca_draft *t, enum base_err e)
{
	t->err = e;
	snprintf(t->why, sizeof(t->why), "%s", base_why());
}

static void
wish_fail(struct ca_drafts *d, struct wish *w, enum base_err e)
{
	struct ca_draft *t;

	w->asked = true;
	t = &d->list[w->draft];
	if (t->err == BASE_OK)
		draft_fail(t, e);
}

/* ---- which certificates an order carries ------------------------------------- */

static void
wish_for(struct ca_drafts *d, size_t at, enum wire_cert_kind kind, uint32_t gen)
{
	const struct wire_order *o = &d->list[at].order;
	struct wish *w = wish_add(d, at);
	enum base_err r;

	w->issue.kind = kind;
	w->issue.gen = gen;
	memcpy(w->issue.node, o->node, sizeof(o->node));
	memcpy(w->issue.root, o->root, sizeof(o->root));
	if (d->list[at].new_key.n > 0)
		r = base_buf_put(&w->spki, d->list[at].new_key.p,
		    d->list[at].new_key.n);
	else if (d->list[at].spki.n > 0)
		r = base_buf_put(&w->spki, d->list[at].spki.p,
		    d->list[at].spki.n);
	else if (strcmp(o->node, CA_NODE_CA) == 0)
		r = wire_key_spki(d->ca->tls_key, &w->spki);
	else
		r = ca_store_key_get(d->ca->store, o->node, o->root, &w->spki);
	if (r != BASE_OK)
		wish_fail(d, w, r);
}

static void
wishes_of(struct ca_drafts *d, size_t at)
{
	const struct wire_order *o = &d->list[at].order;
	const bool ca = strcmp(o->node, CA_NODE_CA) == 0;
	enum base_err r;

	if (d->list[at].err != BASE_OK || o->steps == 0)
		return;
	/* stored, it is in force */
	if (ca && (o->steps & WIRE_STEP_CERT) != 0 &&
	    (r = ca_identity_can_sign(d->ca, o->to)) != BASE_OK) {
		draft_fail(&d->list[at], r);
		return;
	}
	if ((o->steps & WIRE_STEP_CERT) != 0)
		wish_for(d, at, ca ? WIRE_CA_TLS : WIRE_NODE_CERT, o->to);
	if (ca)
		return; /* nobody probes it: it is this process */
	wish_for(d, at, WIRE_CANARY, o->to);
	if ((o->steps & WIRE_STEP_FINISH) != 0)
		wish_for(d, at, WIRE_CANARY, o->from);
}

/* SANs of the node go into its lasting certificate and its canaries. */
static const char *
names_of(const struct ca *ca, const char *node)
{
	uint32_t i = ca->topo == NULL ? POL_NONE : ca_topo_node(ca->topo, node);

	if (strcmp(node, CA_NODE_CA) == 0)
		return ca->conf->names;
	return i == POL_NONE ? NULL : ca->topo->nodes[i].names;
}

/* ---- certificates ---------------------------------------------------------------- */

static bool
same_issuer(const struct wish *a, const struct wish *b)
{
	return a->issue.gen == b->issue.gen &&
	    strcmp(a->issue.root, b->issue.root) == 0;
}

/* The next wishes of one issuer, composed, into the batch. */
static void
batch_certs(struct ca_drafts *d)
{
	const struct wish *first = NULL;

	d->nbatch = 0;
	for (size_t i = 0; i < d->nwishes; i++) {
		struct wish *w = &d->wishes[i];
		enum base_err r;

		if (d->list[w->draft].err != BASE_OK)
			w->asked = true;
		if (w->asked || (first != NULL && !same_issuer(first, w)) ||
		    d->nbatch == WIRE_HSM_BATCH)
			continue;
		w->issue.spki = base_buf_span(&w->spki);
		w->issue.names = names_of(d->ca, w->issue.node);
		if ((r = ca_issue_tbs(d->ca, &w->issue, &w->tbs)) != BASE_OK) {
			wish_fail(d, w, r);
			continue;
		}
		first = w;
		d->batch[d->nbatch++] = i;
	}
}

static void
take_cert(struct ca_drafts *d, struct wish *w, const struct wire_hsm_item *it)
{
	enum base_err r;

	w->asked = true;
	if (it->err != BASE_OK)
		r = base_fail(it->err, "kedge-hsmd: %.*s", (int)it->data.n,
		    (const char *)it->data.p);
	else
		r = ca_issue_check(d->ca, &w->issue, base_buf_span(&w->tbs),
		    base_buf_span(&it->data), &w->cert);
	if (r != BASE_OK)
		wish_fail(d, w, r);
}

static void drafts_next(struct ca_drafts *d);

static enum base_err
answer_ok(const struct ca_drafts *d, enum base_err e,
    const struct wire_hsm_answer *a)
{
	if ((e = ca_hsm_heard(d->ca, e, a)) != BASE_OK)
		return e;
	if (a->err != BASE_OK)
		return base_fail(a->err, "kedge-hsmd: %s", a->why);
	if (a->nitems != d->nbatch)
		return base_fail(BASE_E_INTEGRITY,
		    "kedge-hsmd: %zu answers "
		    "for %zu questions",
		    a->nitems, d->nbatch);
	return BASE_OK;
}

static void
certs_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct ca_drafts *d = arg;

	if ((e = answer_ok(d, e, a)) != BASE_OK) {
		d->done(d->arg, e, d);
		return;
	}
	for (size_t i = 0; i < d->nbatch; i++)
		take_cert(d, &d->wishes[d->batch[i]], &a->items[i]);
	drafts_next(d);
}

static enum base_err
ask(struct ca_drafts *d, struct wire_hsm_request *q,
    void (*done)(void *, enum base_err, struct wire_hsm_answer *))
{
	struct wire_hsm_ask w = { q, done, d };

	memcpy(q->fleet, d->ca->conf->fleet, sizeof(q->fleet));
	return ca_hsm_ask(d->ca, &w);
}

static enum base_err
ask_certs(struct ca_drafts *d)
{
	const struct wish *first = &d->wishes[d->batch[0]];
	struct wire_hsm_request q = { .type = WIRE_HSM_CERTS };
	enum base_err r;

	memcpy(q.key.root, first->issue.root, sizeof(q.key.root));
	q.key.generation = first->issue.gen;
	q.nitems = d->nbatch;
	q.items = base_alloc(d->nbatch * sizeof(*q.items));
	r = ca_issuer_alg(d->ca, first->issue.root, first->issue.gen,
	    &q.key.alg);
	for (size_t i = 0; r == BASE_OK && i < d->nbatch; i++) {
		const struct wish *w = &d->wishes[d->batch[i]];

		r = base_buf_put(&q.items[i], w->tbs.p, w->tbs.n);
	}
	if (r == BASE_OK)
		r = ask(d, &q, certs_answered);
	wire_hsm_request_clear(&q);
	return r;
}

/* ---- orders -------------------------------------------------------------------------- */

static void
order_take_wishes(struct ca_drafts *d, size_t at)
{
	struct wire_order *o = &d->list[at].order;

	for (size_t i = 0; i < d->nwishes; i++) {
		struct wish *w = &d->wishes[i];

		if (w->draft != at || w->cert == NULL)
			continue;
		if (!X509_up_ref(w->cert))
			base_die("out of memory");
		if (w->issue.kind == WIRE_CANARY) {
			o->canary[o->ncanary].generation = w->issue.gen;
			o->canary[o->ncanary++].cert = w->cert;
		} else {
			o->cert = w->cert;
		}
	}
}

static enum base_err
order_compose(struct ca_drafts *d, size_t at)
{
	struct wire_order *o = &d->list[at].order;
	struct ca_order *row = &d->list[at].row;
	enum base_err r;

	memcpy(o->fleet, d->ca->conf->fleet, sizeof(o->fleet));
	o->issued = ca_now(d->ca);
	o->issued.ms -= o->issued.ms % 1000;
	o->expires = base_time_add_s(o->issued, d->ca->conf->order_s);
	order_take_wishes(d, at);
	if ((r = ca_order_roots(d->ca, o)) != BASE_OK ||
	    (r = wire_order_compose(o, &d->ders[at])) != BASE_OK)
		return r;
	memcpy(row->node, o->node, sizeof(row->node));
	memcpy(row->root, o->root, sizeof(row->root));
	row->roll = o->roll;
	row->epoch = o->epoch;
	row->steps = o->steps;
	row->from = o->from;
	row->to = o->to;
	row->bridge = o->bridge;
	row->compromised = o->compromised;
	row->issued = ca_now(d->ca);
	row->expires = o->expires;
	row->state = CA_ORDER_SENT;
	if (o->cert != NULL &&
	    (r = ca_issue_dates(o->cert, &row->leaf_from, &row->leaf_to)) !=
		BASE_OK)
		return r;
	wire_digest(base_buf_span(&d->ders[at]), row->digest);
	return BASE_OK;
}

static void
batch_orders(struct ca_drafts *d)
{
	d->nbatch = 0;
	for (size_t i = 0; i < d->n; i++) {
		enum base_err r;

		if (d->list[i].err != BASE_OK || d->list[i].row.cms.n > 0)
			continue;
		if (d->ders[i].n == 0 && (r = order_compose(d, i)) != BASE_OK) {
			draft_fail(&d->list[i], r);
			continue;
		}
		if (d->nbatch < WIRE_HSM_BATCH)
			d->batch[d->nbatch++] = i;
	}
}

/* What hsmd signed is what was asked for, and a node would believe it. */
static enum base_err
take_order(struct ca_drafts *d, size_t at, struct wire_hsm_item *it)
{
	struct wire_signer signer = { .cert = NULL };
	struct base_buf content;
	enum base_err r;

	base_buf_init(&content, 0);
	if (it->err != BASE_OK) {
		r = base_fail(it->err, "kedge-hsmd: %.*s", (int)it->data.n,
		    (const char *)it->data.p);
		goto out;
	}
	if ((r = wire_cms_verify(WIRE_C_ORDER, base_buf_span(&it->data),
		 d->ca->management, ca_now(d->ca), &content, &signer)) !=
	    BASE_OK)
		goto out;
	if (content.n != d->ders[at].n ||
	    memcmp(content.p, d->ders[at].p, content.n) != 0) {
		r = base_fail(BASE_E_INTEGRITY,
		    "kedge-hsmd signed another "
		    "order for %s than was asked for",
		    d->list[at].order.node);
		goto out;
	}
	d->list[at].row.cms = it->data;
	memset(&it->data, 0, sizeof(it->data));
out:
	wire_signer_clear(&signer);
	base_buf_free(&content);
	return r;
}

/* The next try shows it all again, or takes the next epoch. */
static void
order_unwanted(struct ca_drafts *d, const struct ca_draft *t)
{
	struct ca_roll *w = ca_roll_of(d->ca, t->order.root);

	if (t->err == BASE_E_OUTAGE) {
		ca_show_again(d->ca);
		if (w != NULL)
			w->prove = true;
	} else if (t->err == BASE_E_EXISTS &&
	    ca_epoch_seen(d->ca, t->order.node, t->order.root,
		t->order.epoch) != BASE_OK)
		base_log(BASE_WARNING, "%s", base_why());
}

static void
orders_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct ca_drafts *d = arg;

	if ((e = answer_ok(d, e, a)) != BASE_OK) {
		d->done(d->arg, e, d);
		return;
	}
	for (size_t i = 0; i < d->nbatch; i++)
		if ((e = take_order(d, d->batch[i], &a->items[i])) != BASE_OK) {
			draft_fail(&d->list[d->batch[i]], e);
			order_unwanted(d, &d->list[d->batch[i]]);
		}
	drafts_next(d);
}

enum base_err
ca_order_signer(struct ca *ca, struct wire_hsm_request *q)
{
	enum base_err r;

	memcpy(q->key.root, CA_MANAGEMENT, sizeof(CA_MANAGEMENT));
	q->key.generation = 1; /* the signer's own, made at init */
	q->key.order_signer = true;
	r = ca_issuer_alg(ca, CA_MANAGEMENT, 1, &q->key.alg);
	for (int i = 0; r == BASE_OK && i < sk_X509_num(ca->order_certs); i++)
		r = wire_x509_to_der(sk_X509_value(ca->order_certs, i),
		    &q->cert);
	return r;
}

static enum base_err
ask_orders(struct ca_drafts *d)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_ORDERS };
	enum base_err r;

	q.nitems = d->nbatch;
	q.items = base_alloc(d->nbatch * sizeof(*q.items));
	r = ca_order_signer(d->ca, &q);
	for (size_t i = 0; r == BASE_OK && i < d->nbatch; i++) {
		const struct base_buf *der = &d->ders[d->batch[i]];

		r = base_buf_put(&q.items[i], der->p, der->n);
	}
	if (r == BASE_OK)
		r = ask(d, &q, orders_answered);
	wire_hsm_request_clear(&q);
	return r;
}

/* ---- turns ------------------------------------------------------------------------------ */

static void
drafts_shown(void *arg, enum base_err e)
{
	struct ca_drafts *d = arg;

	if (e == BASE_OK)
		drafts_next(d);
	else
		d->done(d->arg, e, d);
}

/* kedge-hsmd certifies a new key only when it has seen the proof. */
static bool
must_show_first(const struct ca_drafts *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].new_key.n > 0)
			return true;
	return false;
}

static void
drafts_show(struct ca_drafts *d)
{
	d->shown = true;
	ca_show_go(d->ca, d, drafts_shown, d);
}

static void
drafts_next(struct ca_drafts *d)
{
	enum base_err r = BASE_OK;

	if (!d->shown && must_show_first(d)) {
		drafts_show(d);
		return;
	}
	batch_certs(d);
	if (d->nbatch > 0) {
		r = ask_certs(d);
	} else if (!d->shown) {
		drafts_show(d);
		return;
	} else {
		batch_orders(d);
		if (d->nbatch == 0) {
			d->done(d->arg, BASE_OK, d);
			return;
		}
		r = ask_orders(d);
	}
	if (r != BASE_OK)
		d->done(d->arg, r, d);
}

void
ca_drafts_go(struct ca_drafts *d)
{
	size_t max;

	for (size_t i = 0; i < d->n; i++)
		wishes_of(d, i);
	max = d->nwishes + d->n + 1;
	d->batch = base_alloc(max * sizeof(*d->batch));
	d->ders = base_alloc(max * sizeof(*d->ders));
	drafts_next(d);
}

/* ---- results ------------------------------------------------------------------------------ */

size_t
ca_drafts_count(const struct ca_drafts *d)
{
	return d->n;
}

struct ca_draft *
ca_drafts_get(struct ca_drafts *d, size_t i)
{
	return &d->list[i];
}

static enum base_err
store_wishes(struct ca_drafts *d, size_t draft)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < d->nwishes; i++) {
		const struct wish *w = &d->wishes[i];

		/* canaries are never kept: ten minutes, for the probe */
		if (w->draft == draft && w->cert != NULL &&
		    w->issue.kind != WIRE_CANARY)
			r = ca_issue_store(d->ca, &w->issue, w->cert);
	}
	return r;
}

enum base_err
ca_drafts_store(struct ca_drafts *d, size_t i)
{
	enum base_err r = store_wishes(d, i);

	return r != BASE_OK ? r
			    : ca_store_order_add(d->ca->store, &d->list[i].row);
}

void
ca_drafts_free(struct ca_drafts *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->nwishes; i++) {
		base_buf_free(&d->wishes[i].spki);
		base_buf_free(&d->wishes[i].tbs);
		X509_free(d->wishes[i].cert);
	}
	for (size_t i = 0; i < d->n; i++) {
		wire_order_clear(&d->list[i].order);
		ca_order_clear(&d->list[i].row);
		base_buf_free(&d->list[i].new_key);
		if (d->ders != NULL)
			base_buf_free(&d->ders[i]);
	}
	free(d->wishes);
	free(d->list);
	free(d->batch);
	free(d->ders);
	free(d);
}
