/*
 * req_proofs: TELL and SHOW: what judge.c rests on. kedged tells the links of
 * its topology; what nodes hold is shown by their own signed reports about
 * orders that were signed here. Telling a link, an order or a doubt can only
 * forbid something; what can allow something needs a node's signature, or is
 * logged for the operator.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"
#include "wire/msg.h"

typedef enum base_err item_fn(struct hsm_core *c, struct base_span item);

/* Each item has its own fate; all that was accepted is durable at the end. */
static enum base_err
each_item(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a, item_fn *fn)
{
	enum base_err e;

	a->items = base_alloc((r->nitems + 1) * sizeof(*a->items));
	a->nitems = r->nitems;
	for (size_t i = 0; i < a->nitems; i++)
		base_buf_init(&a->items[i].data, 0);
	for (size_t i = 0; i < r->nitems; i++) {
		e = fn(c, base_buf_span(&r->items[i]));
		if (e != BASE_OK)
			hsm_item_refuse(c, r->type, &a->items[i], e);
	}
	e = hsm_journal_sync(c->journal);
	hsm_stolen_settle(c);
	return e;
}

/* ---- TELL ------------------------------------------------------------------- */

static void
record_link(struct hsm_core *c, const struct hsm_link_names *l,
    enum hsm_link_word word)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	hsm_put_link(&b, l, word);
	hsm_core_add(c, HSM_R_LINK, &b);
	if (word == HSM_LINK_GONE)
		base_log(BASE_NOTICE, "link %s>%s: forgotten", l->client,
		    l->server);
	else if (word == HSM_LINK_EXCUSED)
		base_log(BASE_WARNING,
		    "link %s>%s: forgotten in the middle of a roll, as the "
		    "operator of kedged says; it is not judged any more",
		    l->client, l->server);
}

static void
record_excuse(struct hsm_core *c, const char *node, const char *root,
    bool excused)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	hsm_put_excuse(&b, node, root, excused);
	hsm_core_add(c, HSM_R_EXCUSE, &b);
	base_log(BASE_WARNING, "node %s, root %s: %s", node, root,
	    !excused			  ? "excused no more; its links are "
					    "judged again"
		: c->conf->napprovers > 0 ? "excused; its links are judged "
					    "until they are approved to be cut"
					  : "excused; its links are not judged "
					    "any more");
}

static bool
told_excused(const struct wire_hsm_node *t, const char *root)
{
	for (size_t i = 0; i < t->nexcused; i++)
		if (strcmp(t->excused[i], root) == 0)
			return true;
	return false;
}

static void
tell_excuses(struct hsm_core *c, const struct wire_hsm_node *t)
{
	const struct hsm_node *n = hsm_state_node(&c->state, t->name);

	for (size_t i = 0; i < t->nexcused; i++)
		if (n == NULL || !hsm_is_excused(n, t->excused[i]))
			record_excuse(c, t->name, t->excused[i], true);
	for (size_t i = 0; n != NULL && i < n->nheld; i++)
		if (n->held[i].excused && !told_excused(t, n->held[i].root))
			record_excuse(c, t->name, n->held[i].root, false);
}

/* New links are taken; old ones are marked as told by this very item. */
static enum base_err
tell_links(struct hsm_core *c, const struct wire_hsm_node *t)
{
	c->told++;
	for (size_t i = 0; i < t->nlinks; i++) {
		const struct wire_hsm_link *l = &t->links[i];
		const struct hsm_link_names names = { t->name, l->server,
			l->client_root, l->server_root };
		struct hsm_link *have = hsm_link_get(&c->state, &names);

		if (strcmp(l->server, t->name) == 0 ||
		    strcmp(l->server, HSM_CA) == 0)
			return base_fail(BASE_E_REFUSED,
			    "link %s>%s: no such link can be", t->name,
			    l->server);
		if (have != NULL)
			have->told = c->told;
		else
			record_link(c, &names, HSM_LINK_TOLD);
	}
	return BASE_OK;
}

static bool
link_rolls_under(const struct hsm_core *c, const struct hsm_link *l,
    const char *root)
{
	return !hsm_excuse_counts(c, l->client, root) &&
	    !hsm_excuse_counts(c, l->server, root) && hsm_root_rolls(c, root);
}

static bool
link_rolls(const struct hsm_core *c, const struct hsm_link *l)
{
	return link_rolls_under(c, l, l->server_root) ||
	    (l->client_root[0] != '\0' &&
		link_rolls_under(c, l, l->client_root));
}

static bool
told_gone(const struct wire_hsm_node *t, const struct hsm_link *l)
{
	for (size_t i = 0; i < t->ngone; i++)
		if (strcmp(t->gone[i].server, l->server->name) == 0 &&
		    strcmp(t->gone[i].client_root, l->client_root) == 0 &&
		    strcmp(t->gone[i].server_root, l->server_root) == 0)
			return true;
	return false;
}

/* Would a bridge towards the node carry something just now? */
static bool
is_bridged_in_roll(const struct hsm_core *c, const struct hsm_node *n)
{
	for (size_t i = 0; i < n->nas_server; i++)
		if (link_rolls(c, n->as_server[i]))
			return true;
	return false;
}

/* That a node takes no intermediate is believed at once, for it only forbids;
 * that it does after all waits for the end of the roll, as a link does. */
static enum base_err
tell_flags(struct hsm_core *c, const struct wire_hsm_node *t)
{
	const struct hsm_node *n = hsm_state_node(&c->state, t->name);
	const bool was_dual = n != NULL && n->dual;
	const bool was = n != NULL && n->shallow;
	const bool keep = was && !t->shallow && is_bridged_in_roll(c, n);
	struct base_buf b;

	if (was_dual != t->dual || was != (t->shallow || keep)) {
		base_buf_init(&b, 0);
		hsm_put_node(&b, t->name, t->dual, t->shallow || keep);
		hsm_core_add(c, HSM_R_NODE, &b);
	}
	return !keep
	    ? BASE_OK
	    : base_fail(BASE_E_OUTAGE,
		  "node %s: takes no intermediate, as was told; that is not "
		  "forgotten while a root of its clients rolls; wait",
		  t->name);
}

/* A link that was told stays while its root rolls: otherwise forgetting it
 * would be the way around every rule. What the operator took away in the
 * middle is to this link what an excuse is to a node: kedged says so, and
 * it is on record. */
static enum base_err
forget_links(struct hsm_core *c, const struct wire_hsm_node *t,
    const struct hsm_node *n)
{
	enum base_err e = BASE_OK;

	for (size_t i = 0; n != NULL && i < n->nas_client; i++) {
		const struct hsm_link *l = n->as_client[i];
		const struct hsm_link_names names = { l->client->name,
			l->server->name, l->client_root, l->server_root };

		if (l->told == c->told)
			continue;
		if (!link_rolls(c, l))
			record_link(c, &names, HSM_LINK_GONE);
		else if (told_gone(t, l) && hsm_link_may_go(c, l))
			record_link(c, &names, HSM_LINK_EXCUSED);
		else
			e = base_fail(BASE_E_OUTAGE,
			    "link %s>%s: is not forgotten while its root "
			    "rolls; excuse one of the two, or wait",
			    names.client, names.server);
	}
	return e;
}

static enum base_err
tell_node(struct hsm_core *c, struct base_span item)
{
	struct wire_hsm_node t;
	enum base_err e = wire_hsm_node_parse(item, &t);

	if (e != BASE_OK)
		return e;
	if (strcmp(t.name, HSM_CA) == 0)
		e = base_fail(BASE_E_REFUSED, "node ca: has no links to tell");
	else if ((e = tell_links(c, &t)) == BASE_OK) {
		enum base_err kept = tell_flags(c, &t);

		tell_excuses(c, &t);
		e = forget_links(c, &t, hsm_state_node(&c->state, t.name));
		e = e == BASE_OK ? kept : e;
	}
	wire_hsm_node_clear(&t);
	return e;
}

enum base_err
hsm_do_tell(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	const uint64_t before = hsm_core_count(c);
	uint8_t digest[HSM_HASH];
	char hex[2 * HSM_HASH + 1];
	enum base_err e = each_item(c, r, a, tell_node);

	if (e != BASE_OK || hsm_core_count(c) == before)
		return e;
	/* the operator's own view, which kedged cannot write */
	hsm_topology_digest(&c->state, digest);
	base_hex(digest, sizeof(digest), hex);
	base_log(BASE_NOTICE, "topology: %zu links, digest %s",
	    c->state.links.n, hex);
	return e;
}

/* ---- SHOW: an order that was signed before a backup was restored ------------- */

static enum base_err
recall_parse(struct hsm_core *c, const struct wire_hsm_proof *p,
    struct base_span der, struct hsm_order *out)
{
	struct wire_order o = { 0 };
	enum base_err e = wire_order_parse(der, &o);

	if (e != BASE_OK)
		return e;
	if (strcmp(o.fleet, c->conf->fleet) != 0 ||
	    strcmp(o.node, p->node) != 0 || strcmp(o.root, p->root) != 0)
		e = base_fail(BASE_E_REFUSED,
		    "order for %s, root %s: shown as "
		    "one for %s, root %s",
		    o.node, o.root, p->node, p->root);
	memcpy(out->node, o.node, sizeof(out->node));
	memcpy(out->root, o.root, sizeof(out->root));
	out->epoch = o.epoch;
	out->steps = o.steps;
	out->from = o.from;
	out->to = o.to;
	hsm_sha256(der, out->digest);
	hsm_order_key(&o, out->key);
	/* also one that is long settled: this state may be from before it */
	if (e == BASE_OK)
		hsm_stolen_record(c, &o);
	wire_order_clear(&o);
	return e;
}

/* Signed by one of our order signers: we did sign it. */
static enum base_err
recall_verify(struct hsm_core *c, struct base_span cms, struct base_buf *der)
{
	enum base_err e = base_fail(BASE_E_CRYPTO, "order: no order signer");

	for (size_t i = 0; i < c->state.nkeys && e != BASE_OK; i++) {
		const struct hsm_key *k = c->state.keys[i];

		if (k->order_signer && k->state == HSM_KEY_MADE)
			e = wire_cms_verify_key(WIRE_C_ORDER, cms,
			    base_buf_span(&k->spki), der);
	}
	return e;
}

static enum base_err
show_order(struct hsm_core *c, const struct wire_hsm_proof *p,
    const struct hsm_node *n)
{
	struct hsm_order o;
	struct base_buf der, fields;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = recall_verify(c, base_buf_span(&p->order), &der)) != BASE_OK ||
	    (e = recall_parse(c, p, base_buf_span(&der), &o)) != BASE_OK)
		goto out;
	/* known, or older than what is known: nothing to learn */
	if (hsm_held_event(hsm_held_get(n, o.root), o.epoch, o.digest) !=
		NULL ||
	    hsm_holds_room(n, &o) != BASE_OK)
		goto out;
	hsm_holds_sent(&c->state, &o);
	base_buf_init(&fields, 0);
	hsm_put_order(&fields, &o);
	hsm_core_add(c, HSM_R_ORDER, &fields);
out:
	base_buf_free(&der);
	return e;
}

/* ---- SHOW: a report ------------------------------------------------------------ */

static enum base_err
report_no(const struct wire_report *w, const char *why)
{
	return base_fail(BASE_E_REFUSED,
	    "report of %s, root %s, order %llu: %s", w->node, w->root,
	    (unsigned long long)w->epoch, why);
}

/* Under which other generation a bridging chain verifies: the last order up
 * to this one that moved the certificate says so. */
static uint64_t
report_bridge(const struct hsm_held *h, const struct hsm_event *v)
{
	uint64_t bridge = h->conf.bridge;

	for (const struct hsm_event *k = h->event; k <= v; k++)
		if ((k->steps & WIRE_STEP_CERT) != 0 && k->from != 0 &&
		    k->from != k->to)
			bridge = POL_GEN(k->from);
	return bridge;
}

/* What the node says it holds, which must be what the order leads to. */
static enum base_err
report_conf(const struct wire_report *w, const struct hsm_held *h,
    const struct hsm_event *v, struct pol_conf *out)
{
	const struct wire_inventory *i = NULL;
	const uint64_t to = POL_GEN(v->to);

	for (size_t k = 0; k < w->ninventory; k++)
		if (strcmp(w->inventory[k].root, w->root) == 0)
			i = &w->inventory[k];
	if (i == NULL)
		return report_no(w, "has no inventory of this root");
	out->trust = i->trust;
	out->present = i->cert == 0 ? 0 : POL_GEN(i->cert);
	out->bridge = i->bridging ? report_bridge(h, v) : 0;
	if (((v->steps & WIRE_STEP_TRUST) && !(i->trust & to)) ||
	    ((v->steps & WIRE_STEP_CERT) && out->present != to) ||
	    ((v->steps & WIRE_STEP_FINISH) &&
		((i->trust & ~to) != 0 || i->bridging)))
		return report_no(w, "its inventory contradicts it");
	return BASE_OK;
}

static enum base_err
report_check(struct hsm_core *c, const struct wire_hsm_proof *p,
    const struct wire_report *w, const struct hsm_held *h,
    struct pol_conf *conf)
{
	const struct hsm_event *v;

	if (strcmp(w->fleet, c->conf->fleet) != 0 ||
	    strcmp(w->node, p->node) != 0 || strcmp(w->root, p->root) != 0)
		return report_no(w, "is not the one that it was shown as");
	if (w->status == WIRE_RECEIVED && !c->conf->presume)
		return report_no(w,
		    "does not say effective; to presume what was only "
		    "received, set presume = true in hsmd.conf");
	if (w->status != WIRE_EFFECTIVE && w->status != WIRE_RECEIVED)
		return report_no(w, "does not say effective");
	/* nothing to be learned from it, and no reason to show it again */
	if (h != NULL && w->epoch <= h->epoch)
		return base_fail(BASE_E_EXISTS,
		    "report of %s, root %s, order %llu: one about this order "
		    "or a later one was shown before",
		    w->node, w->root, (unsigned long long)w->epoch);
	if ((v = hsm_held_event(h, w->epoch, w->order_digest)) == NULL)
		return report_no(w, "names no order that waits for it");
	return w->status == WIRE_RECEIVED ? BASE_OK
					  : report_conf(w, h, v, conf);
}

/* It proves nothing about what the node holds: the operator's setting makes
 * it count. */
static void
report_received(struct hsm_core *c, const struct wire_report *w)
{
	const struct hsm_node *n = hsm_state_node(&c->state, w->node);
	const struct hsm_event *known =
	    hsm_held_event(hsm_held_get(n, w->root), w->epoch, w->order_digest);
	struct hsm_received v = { .epoch = w->epoch };
	struct base_buf fields;

	if (known == NULL || known->received)
		return;
	memcpy(v.node, w->node, sizeof(v.node));
	memcpy(v.root, w->root, sizeof(v.root));
	memcpy(v.digest, w->order_digest, sizeof(v.digest));
	hsm_holds_received(&c->state, &v);
	base_buf_init(&fields, 0);
	hsm_put_received(&fields, &v);
	hsm_core_add(c, HSM_R_RECEIVED, &fields);
}

/* Signed by the node's management key; while that one changes, by either. */
static enum base_err
report_open(const struct hsm_node *n, const struct base_buf *cms,
    struct base_buf *der, struct wire_report *w)
{
	const struct hsm_node_key *key = hsm_node_key(n, HSM_MANAGEMENT);
	enum base_err e;

	if (key == NULL)
		return base_fail(BASE_E_REFUSED,
		    "report of %s: it has no management key", n->name);
	e = wire_cms_verify_key(WIRE_C_REPORT, base_buf_span(cms),
	    base_buf_span(&key->spki), der);
	if (e != BASE_OK && key->next.n > 0) {
		base_buf_clear(der);
		e = wire_cms_verify_key(WIRE_C_REPORT, base_buf_span(cms),
		    base_buf_span(&key->next), der);
	}
	return e != BASE_OK ? e : wire_report_parse(base_buf_span(der), w);
}

/* What it proves becomes what is known. */
static enum base_err
report_proven(struct hsm_core *c, const struct wire_report *w,
    const struct hsm_held *h, struct hsm_proven *v)
{
	struct hsm_rekey rekey = { .by_next = false };
	struct base_buf fields;
	enum base_err e = BASE_OK;

	base_buf_init(&rekey.spki, 0);
	if (w->rekey.n > 0 &&
	    (e = hsm_rekey_check(c, w,
		 hsm_held_event(h, w->epoch, w->order_digest), &rekey)) ==
		BASE_OK)
		hsm_rekey_record(c, w, &rekey);
	base_buf_free(&rekey.spki);
	if (e != BASE_OK)
		return e;
	memcpy(v->node, w->node, sizeof(v->node));
	memcpy(v->root, w->root, sizeof(v->root));
	v->epoch = w->epoch;
	memcpy(v->order, w->order_digest, sizeof(v->order));
	hsm_holds_proven(&c->state, v);
	base_buf_init(&fields, 0);
	hsm_put_holds(&fields, v);
	hsm_core_add(c, HSM_R_HOLDS, &fields);
	return BASE_OK;
}

static enum base_err
show_report(struct hsm_core *c, const struct wire_hsm_proof *p,
    const struct hsm_node *n)
{
	const struct hsm_held *h = hsm_held_get(n, p->root);
	struct wire_report *w = NULL;
	struct hsm_proven v = { .epoch = 0 };
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	hsm_sha256(base_buf_span(&p->report), v.report);
	if (h != NULL && h->known && memcmp(h->report, v.report, HSM_HASH) == 0)
		return BASE_OK;
	w = base_alloc(sizeof(*w));
	if ((e = report_open(n, &p->report, &der, w)) == BASE_OK &&
	    (e = report_check(c, p, w, h, &v.conf)) == BASE_OK) {
		if (w->status == WIRE_RECEIVED)
			report_received(c, w);
		else
			e = report_proven(c, w, h, &v);
	}
	base_buf_free(&der);
	wire_report_clear(w);
	free(w);
	return e;
}

/* ---- SHOW: doubts ---------------------------------------------------------------- */

static bool
conf_equal(struct pol_conf a, struct pol_conf b)
{
	return a.trust == b.trust && a.present == b.present &&
	    a.bridge == b.bridge;
}

/* A doubt needs no proof: what else a node may hold can only forbid. */
static void
show_doubt(struct hsm_core *c, const struct wire_hsm_proof *p,
    const struct hsm_node *n, const struct wire_hsm_holds *d)
{
	const struct pol_conf conf = { d->trust, d->present, d->bridge };
	const struct hsm_held *h = hsm_held_get(n, p->root);
	struct base_buf b;

	if (h == NULL || !h->known || conf_equal(h->conf, conf))
		return;
	for (size_t i = 0; i < h->ndoubts; i++)
		if (conf_equal(h->doubt[i], conf))
			return;
	base_buf_init(&b, 0);
	hsm_put_doubt(&b, p->node, p->root, conf);
	hsm_core_add(c, HSM_R_DOUBT, &b);
	base_log(BASE_NOTICE, "node %s, root %s: doubted", p->node, p->root);
}

static enum base_err
show_proof(struct hsm_core *c, struct base_span item)
{
	struct wire_hsm_proof p;
	const struct hsm_node *n;
	enum base_err e = wire_hsm_proof_parse(item, &p);

	if (e != BASE_OK)
		return e;
	if ((n = hsm_state_node(&c->state, p.node)) == NULL || !n->bound)
		e = base_fail(BASE_E_NOTFOUND,
		    "report of %s: no node of this name is bound to a key",
		    p.node);
	if (e == BASE_OK && p.order.n > 0)
		e = show_order(c, &p, n);
	if (e == BASE_OK && p.report.n > 0)
		e = show_report(c, &p, n);
	for (size_t i = 0; n != NULL && i < p.ndoubts; i++)
		show_doubt(c, &p, n, &p.doubt[i]);
	wire_hsm_proof_clear(&p);
	return e;
}

enum base_err
hsm_do_show(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	return each_item(c, r, a, show_proof);
}
