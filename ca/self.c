/*
 * ca/self: the CA as a node of the management root (FIG. 49). Its orders are
 * drafted, judged and signed as those of every node; it carries them out
 * itself: an order is in force as soon as it is stored, for ca/identity loads
 * what the CA holds from its facts and its open order. When no connection can
 * still use what was before, it reports. Before all that it joins itself, so
 * that its first report, too, is about a signed order.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

/* Connections under the old contexts are drained by then (ca/net.c). */
#define SETTLE_MS 1000

enum base_err
ca_self_order(struct ca *ca, struct ca_order *out)
{
	uint64_t epoch;
	enum base_err r;

	if ((r = ca_store_epoch_last(ca->store, CA_NODE_CA, CA_MANAGEMENT,
		 &epoch)) != BASE_OK)
		return r;
	if (epoch == 0)
		return BASE_E_NOTFOUND;
	return ca_store_order_get(ca->store, CA_NODE_CA, CA_MANAGEMENT, epoch,
	    out);
}

/* ---- joining ---------------------------------------------------------------- */

static enum base_err
join_store(struct ca *ca, struct ca_drafts *d)
{
	const struct ca_order *o = &ca_drafts_get(d, 0)->row;
	struct ca_fact f = { .kind = POL_FACT_SENT,
		.epoch = o->epoch,
		.steps = o->steps,
		.to = o->to,
		.at = o->issued };
	enum base_err r;

	memcpy(f.root, o->root, sizeof(f.root));
	memcpy(f.node, o->node, sizeof(f.node));
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_drafts_store(d, 0)) == BASE_OK &&
	    (r = ca_store_fact_add(ca->store, &f)) == BASE_OK &&
	    (r = ca_audit(ca, CA_NODE_CA, "join", "the CA itself")) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static void
join_done(void *arg, enum base_err e, struct ca_drafts *d)
{
	struct ca *ca = arg;
	const struct ca_draft *t = ca_drafts_get(d, 0);

	ca->self_busy = false;
	if (e == BASE_OK && t->err != BASE_OK)
		e = base_fail(t->err, "%s", t->why);
	if (e == BASE_OK)
		e = join_store(ca, d);
	if (e != BASE_OK) {
		base_log(BASE_WARNING,
		    "the CA's own join: %s; it is tried again", base_why());
		ca->self_due = ca_after(ca, ca->conf->retry_ms);
	}
	ca->self_look = true;
	ca_drafts_free(d);
	ca_kick(ca);
}

static void
join(struct ca *ca)
{
	struct ca_drafts *d = ca_drafts_new(ca, join_done, ca);
	struct wire_order *o = &ca_drafts_add(d)->order;
	uint32_t root = ca_topo_root(ca->topo, CA_MANAGEMENT);

	memcpy(o->node, CA_NODE_CA, sizeof(CA_NODE_CA));
	memcpy(o->root, CA_MANAGEMENT, sizeof(CA_MANAGEMENT));
	o->epoch = 1;
	o->steps = WIRE_STEP_JOIN | WIRE_STEP_TRUST | WIRE_STEP_CERT;
	o->to = ca->topo->roots[root].current;
	o->verifies = true;
	ca->self_busy = true;
	ca_drafts_go(d);
}

/* ---- reporting ----------------------------------------------------------------- */

static uint32_t
generation(uint64_t mask)
{
	return mask == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(mask);
}

/* By reload: nobody has looked at it from outside. */
static enum base_err
report(struct ca *ca, const struct ca_order *o, enum base_err e)
{
	struct wire_report *w = base_alloc(sizeof(*w));
	struct wire_inventory *v = &w->inventory[0];
	struct ca_holding h;
	enum base_err r;

	memcpy(w->fleet, ca->conf->fleet, sizeof(w->fleet));
	memcpy(w->node, o->node, sizeof(w->node));
	memcpy(w->root, o->root, sizeof(w->root));
	w->roll = o->roll;
	w->epoch = o->epoch;
	memcpy(w->order_digest, o->digest, sizeof(w->order_digest));
	w->status = e == BASE_OK ? WIRE_EFFECTIVE : WIRE_FAILED;
	w->proof = e == BASE_OK ? WIRE_PROOF_RELOAD : WIRE_PROOF_NONE;
	/* the connections of before are drained by now */
	w->kicked = e == BASE_OK && (o->steps & WIRE_STEP_FINISH) != 0 &&
	    ca_roll_of(ca, o->root) != NULL &&
	    ca_roll_of(ca, o->root)->row.compromised;
	if (e != BASE_OK)
		snprintf(w->reason, sizeof(w->reason), "%s", base_why());
	w->at = ca_now(ca);
	w->at.ms -= w->at.ms % 1000;
	if ((r = ca_holding_get(ca->store, o->node, o->root, &h)) == BASE_OK) {
		const struct pol_conf c =
		    e == BASE_OK ? ca_conf_after(h.conf, o) : h.conf;

		w->ninventory = 1;
		memcpy(v->root, o->root, sizeof(v->root));
		v->highest = o->epoch;
		v->trust = c.trust;
		v->cert = generation(c.present);
		r = ca_report_own(ca, w);
	}
	free(w);
	return r;
}

/* What failed is not in force any more: as before. */
static enum base_err
fail(struct ca *ca, const struct ca_order *o, enum base_err e)
{
	enum base_err r = report(ca, o, e);

	return r != BASE_OK ? r : ca_identity_load(ca);
}

/* ---- turns ------------------------------------------------------------------------ */

static enum base_err
carry_out(struct ca *ca, const struct ca_order *o)
{
	enum base_err r;

	if (ca->self_epoch != o->epoch) {
		if ((r = ca_identity_load(ca)) != BASE_OK)
			return fail(ca, o, r);
		ca->self_epoch = o->epoch;
		ca->self_due = ca_after(ca, SETTLE_MS);
		ca->self_look = true;
		return BASE_OK;
	}
	if ((r = report(ca, o, BASE_OK)) == BASE_OK &&
	    (o->steps & WIRE_STEP_CERT) != 0)
		ca->resign_wanted = o->roll != 0;
	return r;
}

struct base_mono
ca_self_work(struct ca *ca)
{
	struct ca_order o = { .epoch = 0 };
	enum base_err r;

	if (ca->self_busy || !ca->self_look)
		return CA_NEVER;
	if (ca->self_due.ms > ca_mono(ca).ms)
		return ca->self_due;
	ca->self_look = false;
	if ((r = ca_self_order(ca, &o)) == BASE_E_NOTFOUND) {
		join(ca);
		r = BASE_OK;
	} else if (r == BASE_OK &&
	    (o.state == CA_ORDER_SENT || o.state == CA_ORDER_RECEIVED)) {
		r = carry_out(ca, &o);
	}
	if (r != BASE_OK) {
		base_log(BASE_ERR, "the CA's own order: %s", base_why());
		ca->self_look = true;
		ca->self_due = ca_after(ca, ca->conf->retry_ms);
	}
	ca_order_clear(&o);
	return ca->self_look ? ca->self_due : CA_NEVER;
}
