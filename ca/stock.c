/*
 * ca/stock: a node says what it holds. Believed when its CMS verifies, its
 * signer is the node it speaks for, and it is newer than all that the node
 * said before; a copy from earlier changes nothing. What agrees with the
 * facts makes the node seen; what does not makes them doubtful: the engine
 * then reckons with both, and the rules give the orders that mend it.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

/* So far may a node's clock be off, and so long a stock be on its way. */
#define OFF_MS INT64_C(300000)

/* ---- does it fit? -------------------------------------------------------------- */

const struct wire_inventory *
ca_inventory_under(const struct wire_inventory *list, size_t n,
    const char *root)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].root, root) == 0)
			return &list[i];
	return NULL;
}

/* It says that there is a bridge, not from which generation: from the other
 * one of the roll, or the one before. */
struct pol_conf
ca_conf_said(const struct wire_inventory *v, const struct ca_roll *w)
{
	struct pol_conf c = { .trust = v->trust };
	uint32_t from = v->cert - 1;

	if (v->cert == 0)
		return c;
	c.present = POL_GEN(v->cert);
	if (w != NULL)
		from = v->cert == w->row.from ? w->row.to : w->row.from;
	if (v->bridging && from > 0)
		c.bridge = POL_GEN(from);
	return c;
}

static bool
same_conf(struct pol_conf a, struct pol_conf b)
{
	return a.trust == b.trust && a.present == b.present &&
	    (a.bridge != 0) == (b.bridge != 0);
}

/* While the root rolls the engine knows all that is possible; otherwise the
 * facts alone. */
static bool
fits(const struct ca_roll *w, uint32_t node, const struct ca_holding *h,
    struct pol_conf conf)
{
	if (w != NULL)
		return pol_engine_fits(w->engine, node, conf);
	return !h->known || (!h->confirmed && !h->doubted) ||
	    same_conf(h->conf, conf) ||
	    (h->doubted && same_conf(h->doubt, conf));
}

/* ---- doubts -------------------------------------------------------------------- */

struct stock {
	struct ca *ca;
	const struct wire_stock *said;
	struct base_span der;
	uint32_t node;
	struct ca_fact doubt[WIRE_INVENTORY_MAX];
	size_t ndoubts;
};

static enum base_err
compare(struct stock *s, const struct wire_inventory *v)
{
	struct ca *ca = s->ca;
	uint32_t root = ca_topo_root(ca->topo, v->root);
	struct ca_roll *w = ca_roll_of(ca, v->root);
	struct ca_fact *f = &s->doubt[s->ndoubts];
	struct pol_conf conf = ca_conf_said(v, w);
	struct ca_holding h;
	enum base_err r;

	if (root == POL_NONE)
		return BASE_OK;
	if (ca_topo_steps(ca->topo, root, s->node) == 0)
		w = NULL;
	if ((r = ca_holding_get(ca->store, s->said->node, v->root, &h)) !=
		BASE_OK ||
	    fits(w, s->node, &h, conf))
		return r;
	*f = (struct ca_fact){ .kind = POL_FACT_DOUBTED,
		.roll = w == NULL ? 0 : w->row.id,
		.epoch = h.epoch,
		.conf = conf,
		.at = ca_now(ca) };
	memcpy(f->root, v->root, sizeof(f->root));
	memcpy(f->node, s->said->node, sizeof(f->node));
	s->ndoubts++;
	return BASE_OK;
}

static void
gens_text(uint64_t mask, char *out, size_t max)
{
	size_t n = 0;

	snprintf(out, max, "none");
	for (uint32_t g = 1; g <= WIRE_GENERATION_MAX && n < max; g++)
		if ((mask & POL_GEN(g)) != 0)
			n += (size_t)snprintf(out + n, max - n, "%s%u",
			    n == 0 ? "" : "+", g);
}

static void
doubt_text(const struct ca_fact *f, char *out, size_t max)
{
	char trust[64], shows[64];

	gens_text(f->conf.trust, trust, sizeof(trust));
	gens_text(f->conf.present | f->conf.bridge, shows, sizeof(shows));
	snprintf(out, max,
	    "root %s: trusts generation %s and presents %s, which is not "
	    "what it reported",
	    f->root, trust, shows);
}

static enum base_err
keep(struct stock *s)
{
	struct ca_store *st = s->ca->store;
	char text[320];
	enum base_err r;

	if ((r = ca_store_begin(st)) != BASE_OK)
		return r;
	r = ca_store_stock_put(st, s->said->node, s->said->number, s->der);
	for (size_t i = 0; r == BASE_OK && i < s->said->ninventory; i++)
		r = ca_renew_heard(s->ca, s->said->node,
		    &s->said->inventory[i]);
	for (size_t i = 0; r == BASE_OK && i < s->ndoubts; i++) {
		doubt_text(&s->doubt[i], text, sizeof(text));
		if ((r = ca_store_fact_add(st, &s->doubt[i])) == BASE_OK)
			r = ca_audit(s->ca, s->said->node, "doubt", "%s", text);
	}
	if (r == BASE_OK)
		r = ca_store_commit(st);
	ca_store_rollback(st);
	return r;
}

/* When it was signed: what lay in a mailbox is as old as it is. */
static struct base_time
said_at(const struct ca *ca, uint64_t number)
{
	struct base_time now = ca_now(ca);

	if (number < (uint64_t)now.ms)
		now.ms = (int64_t)number;
	return now;
}

enum base_err
ca_stock_last(struct ca *ca, const char *node, struct base_time *out)
{
	uint64_t number = 0;
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	r = ca_store_stock_get(ca->store, node, &number, &der);
	base_buf_free(&der);
	out->ms = 0;
	if (r == BASE_OK)
		*out = said_at(ca, number);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

/* ---- telling -------------------------------------------------------------------- */

static void
tell_seen(struct ca_roll *w, uint32_t node, struct base_time at)
{
	struct pol_fact f = { .kind = POL_FACT_SEEN,
		.node = node,
		.at = { at.ms } };

	if (ca_pol_fail(pol_engine_fact(w->engine, &f), w->row.root) != BASE_OK)
		base_log(BASE_ERR, "roll %s: %s", w->row.root, base_why());
}

static void
tell(struct stock *s)
{
	struct ca *ca = s->ca;
	char text[320];

	ca_seen(ca, s->said->node);
	for (struct ca_roll *w = ca->rolls; w != NULL; w = w->next)
		if (ca_inventory_under(s->said->inventory, s->said->ninventory,
			w->row.root) != NULL)
			tell_seen(w, s->node, said_at(ca, s->said->number));
	for (size_t i = 0; i < s->ndoubts; i++) {
		doubt_text(&s->doubt[i], text, sizeof(text));
		base_log(BASE_WARNING,
		    "node %s: %s; was it restored from a snapshot?",
		    s->said->node, text);
		ca_event_word(ca,
		    &(struct ca_word){ .root = s->doubt[i].root,
			.node = s->said->node,
			.reason = text },
		    "confirmed", "doubted");
		ca_roll_tell(ca, &s->doubt[i]);
	}
	ca_kick(ca);
}

enum base_err
ca_stock_load(struct ca *ca, struct ca_roll *w)
{
	struct base_time at;
	enum base_err r = BASE_OK;

	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nnodes; i++) {
		if (ca_topo_steps(ca->topo, w->root, i) == 0)
			continue;
		r = ca_stock_last(ca, ca->topo->nodes[i].name, &at);
		if (r == BASE_OK && at.ms != 0)
			tell_seen(w, i, at);
	}
	return r;
}

/* ---- is it news? ------------------------------------------------------------------ */

/* 0: none. One from the time to come was believed before the CA's clock was
 * set back, and orders nothing any more. */
static enum base_err
last_word(struct ca *ca, const char *node, uint64_t *number,
    struct base_buf *der)
{
	enum base_err r = ca_store_stock_get(ca->store, node, number, der);

	if (r == BASE_E_NOTFOUND ||
	    (r == BASE_OK && *number > (uint64_t)(ca_now(ca).ms + OFF_MS))) {
		*number = 0;
		return BASE_OK;
	}
	return r;
}

static enum base_err
check_number(struct ca *ca, const struct wire_stock *s)
{
	int64_t off = (int64_t)s->number - ca_now(ca).ms;
	struct base_buf der;
	uint64_t last;
	enum base_err r;

	if (off > OFF_MS || off < -OFF_MS)
		return base_fail(BASE_E_EXPIRED,
		    "node %s: its inventory is from %lld s %s now; it is not "
		    "believed: look at the node's clock, and the CA's",
		    s->node, (long long)(off < 0 ? -off : off) / 1000,
		    off < 0 ? "before" : "after");
	base_buf_init(&der, 0);
	r = last_word(ca, s->node, &last, &der);
	base_buf_free(&der);
	if (r == BASE_OK && s->number <= last)
		r = base_fail(BASE_E_EXPIRED,
		    "node %s: an inventory that is older than its last one",
		    s->node);
	return r;
}

static enum base_err
check(struct ca *ca, const struct wire_stock *s,
    const struct wire_signer *signer)
{
	enum base_err r;

	if (strcmp(s->node, signer->node) != 0)
		return base_fail(BASE_E_REFUSED,
		    "inventory of node %s is signed by node %s", s->node,
		    signer->node);
	if (strcmp(s->fleet, ca->conf->fleet) != 0)
		return base_fail(BASE_E_REFUSED,
		    "inventory of node %s is for fleet %s", s->node, s->fleet);
	if (ca_topo_node(ca->topo, s->node) == POL_NONE)
		return base_fail(BASE_E_REFUSED,
		    "inventory of node %s, which is not in the fleet", s->node);
	if ((r = ca_check_node_key(ca, s->node, signer->cert)) != BASE_OK)
		return r;
	/* also of one that is not believed for it */
	ca->topo->nodes[ca_topo_node(ca->topo, s->node)].off_ms =
	    (int64_t)s->number - ca_now(ca).ms;
	return check_number(ca, s);
}

static enum base_err
take(struct ca *ca, const struct wire_stock *said, struct base_span der)
{
	struct stock *s = base_alloc(sizeof(*s));
	enum base_err r = BASE_OK;

	s->ca = ca;
	s->said = said;
	s->der = der;
	s->node = ca_topo_node(ca->topo, said->node);
	ca_epochs_learn(ca, said->node, said->inventory, said->ninventory);
	for (size_t i = 0; r == BASE_OK && i < said->ninventory; i++)
		r = compare(s, &said->inventory[i]);
	if (r == BASE_OK && (r = keep(s)) == BASE_OK)
		tell(s);
	free(s);
	return r;
}

enum base_err
ca_stock_in(struct ca *ca, struct base_span cms)
{
	struct wire_stock *s = base_alloc(sizeof(*s));
	struct wire_signer signer = { .cert = NULL };
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = wire_cms_verify(WIRE_C_STOCK, cms, ca->management, ca_now(ca),
		 &der, &signer)) == BASE_OK &&
	    (r = wire_stock_parse(base_buf_span(&der), s)) == BASE_OK &&
	    (r = check(ca, s, &signer)) == BASE_OK)
		r = take(ca, s, base_buf_span(&der));
	wire_signer_clear(&signer);
	base_buf_free(&der);
	free(s);
	return r;
}

/* ---- the inventory of a report ------------------------------------------------------ */

enum base_err
ca_stock_from_report(struct ca *ca, const struct wire_report *w)
{
	struct wire_stock *s = base_alloc(sizeof(*s));
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	memcpy(s->fleet, w->fleet, sizeof(s->fleet));
	memcpy(s->node, w->node, sizeof(s->node));
	memcpy(s->inventory, w->inventory, sizeof(s->inventory));
	s->number = w->number;
	s->ninventory = w->ninventory;
	/* late ones, and those without a number, prove their order only */
	if (check_number(ca, s) != BASE_OK)
		r = BASE_OK;
	else if ((r = wire_stock_compose(s, &der)) == BASE_OK)
		r = ca_store_stock_put(ca->store, w->node, w->number,
		    base_buf_span(&der));
	base_buf_free(&der);
	free(s);
	return r;
}

static bool
same_files(const struct wire_inventory *v, const struct wire_report *w)
{
	const struct wire_inventory *then =
	    ca_inventory_under(w->inventory, w->ninventory, w->root);

	return then != NULL && then->trust == v->trust &&
	    then->cert == v->cert && then->bridging == v->bridging;
}

enum base_err
ca_stock_check_report(struct ca *ca, const struct wire_report *w)
{
	struct wire_stock *s = base_alloc(sizeof(*s));
	const struct wire_inventory *v;
	struct base_buf der;
	uint64_t last;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = last_word(ca, w->node, &last, &der)) != BASE_OK ||
	    w->number >= last ||
	    (r = wire_stock_parse(base_buf_span(&der), s)) != BASE_OK)
		goto out;
	v = ca_inventory_under(s->inventory, s->ninventory, w->root);
	if (v == NULL || !same_files(v, w))
		r = base_fail(BASE_E_REFUSED,
		    "report of node %s on epoch %llu of root %s: the node has "
		    "said since that this is not what it holds",
		    w->node, (unsigned long long)w->epoch, w->root);
out:
	base_buf_free(&der);
	free(s);
	return r;
}
