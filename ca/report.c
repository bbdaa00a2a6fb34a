/*
 * ca/report: a report comes in. It is believed when its CMS verifies under
 * the management root, its signer is the node it speaks for, and it names
 * the digest of an order that this CA gave. Then: stored with its fact in one
 * transaction, told to engine and mailboxes, acknowledged. The same report
 * again is only acknowledged again.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

/* So far a node's clock may be behind the time of an order that it takes
 * (agentd/order.h). */
#define AHEAD_MS INT64_C(300000)

/* What a believed report changes. */
struct verdict {
	bool settled; /* it changes the order's fate */
	enum ca_order_state state;
	bool has_fact;
	enum pol_fact_kind fact;
};

/* Its canaries are dead by our clock too; otherwise the node's is wrong, and
 * however often the order is made again, it would not do. */
static bool
may_be_stale(const struct ca *ca, const struct ca_order *o)
{
	return ca_now(ca).ms >
	    base_time_add_s(o->issued, ca->conf->canary_s).ms &&
	    (o->steps & (WIRE_STEP_JOIN | WIRE_STEP_TIDY)) == 0;
}

/* What a node held will not do any more, by our clock: its canaries are dead,
 * or our clock was ahead when it was made. Otherwise it waits for the node's
 * clock, or for room on its disk. */
static bool
is_spent(const struct ca *ca, const struct ca_order *o)
{
	int64_t now = ca_now(ca).ms;

	if ((o->steps & WIRE_STEP_JOIN) != 0)
		return false; /* it goes on by itself, and is not made again */
	return now > base_time_add_s(o->issued, ca->conf->canary_s).ms ||
	    o->issued.ms > now + AHEAD_MS;
}

/* Held: the reason is kept, for whoever asks why the roll waits. */
static struct verdict
judge_held(const struct ca *ca, const struct ca_order *o)
{
	struct verdict v = { .state = o->state };

	v.settled = is_spent(ca, o) || o->reason[0] == '\0';
	if (is_spent(ca, o))
		v.state = CA_ORDER_REPLACED;
	return v;
}

/* A fate once settled stays: effective is not undone by an old failed. */
static struct verdict
judge(struct ca *ca, const struct ca_order *o, enum wire_status status)
{
	struct verdict v = { .state = o->state };

	if (o->state > CA_ORDER_RECEIVED)
		return v;
	switch (status) {
	case WIRE_RECEIVED:
		v.settled = o->state == CA_ORDER_SENT;
		v.state = CA_ORDER_RECEIVED;
		v.fact = POL_FACT_RECEIVED;
		break;
	case WIRE_EFFECTIVE:
		v.settled = true;
		v.state = CA_ORDER_EFFECTIVE;
		v.fact = POL_FACT_EFFECTIVE;
		break;
	case WIRE_STALE:
		/* that is no failure of the node, the order is made again */
		if (may_be_stale(ca, o)) {
			v.settled = true;
			v.state = CA_ORDER_REPLACED;
			return v;
		}
		/* fall through */
	case WIRE_FAILED:
		v.settled = true;
		v.state = CA_ORDER_FAILED;
		v.fact = POL_FACT_FAILED;
		break;
	case WIRE_HELD:
		return judge_held(ca, o);
	case WIRE_ORDER_REFUSED:
		v.settled = true;
		v.state = CA_ORDER_REFUSED;
		v.fact = POL_FACT_FAILED;
		break;
	}
	/* who was only asked has failed at nothing */
	v.has_fact = v.settled && !wire_step_renews(o->steps, o->from, o->to) &&
	    (o->steps != 0 || v.fact == POL_FACT_EFFECTIVE);
	return v;
}

/* ---- is it true? ----------------------------------------------------------------- */

static enum base_err
check(struct ca *ca, const struct wire_report *w, const char *signer)
{
	if (strcmp(w->node, signer) != 0)
		return base_fail(BASE_E_REFUSED,
		    "report for node %s is signed "
		    "by node %s",
		    w->node, signer);
	if (strcmp(w->fleet, ca->conf->fleet) != 0)
		return base_fail(BASE_E_REFUSED,
		    "report of node %s is for "
		    "fleet %s",
		    w->node, w->fleet);
	if (ca_topo_node(ca->topo, w->node) == POL_NONE)
		return base_fail(BASE_E_REFUSED,
		    "report of node %s, which is "
		    "not in the fleet",
		    w->node);
	return BASE_OK;
}

static enum base_err
check_order(const struct wire_report *w, const struct ca_order *o)
{
	if (memcmp(w->order_digest, o->digest, sizeof(o->digest)) != 0)
		return base_fail(BASE_E_REFUSED,
		    "report of node %s names "
		    "another order than epoch %llu of root %s",
		    w->node, (unsigned long long)w->epoch, w->root);
	if (w->roll != o->roll)
		return base_fail(BASE_E_REFUSED,
		    "report of node %s names "
		    "roll %llu, its order is of roll %llu",
		    w->node, (unsigned long long)w->roll,
		    (unsigned long long)o->roll);
	return BASE_OK;
}

/* Does the inventory show what the order must have led to? Where an order
 * before it was outranked or failed, several answers are right: the engine
 * knows which, and *after becomes the one that was given. */
static bool
inventory_fits(struct ca *ca, const struct wire_report *w,
    const struct ca_order *o, struct pol_conf *after)
{
	const struct wire_inventory *v =
	    ca_inventory_under(w->inventory, w->ninventory, w->root);
	const struct ca_roll *roll = ca_roll_of(ca, w->root);
	struct pol_conf is = *after;

	if (v == NULL)
		return false; /* no word about the root: nothing that proves it */
	if (wire_step_renews(o->steps, o->from, o->to))
		return v->cert == o->to;
	is.trust = v->trust;
	is.present = v->cert == 0 ? 0 : POL_GEN(v->cert);
	if (v->bridging != (after->bridge != 0))
		is.bridge = v->bridging && roll != NULL
		    ? (POL_GEN(roll->row.from) | POL_GEN(roll->row.to)) &
			~is.present
		    : 0;
	if (memcmp(&is, after, sizeof(is)) == 0)
		return true;
	if (roll == NULL ||
	    !pol_engine_may_hold(roll->engine, ca_topo_node(ca->topo, w->node),
		w->epoch, is))
		return false;
	*after = is;
	return true;
}

/* ---- keeping it -------------------------------------------------------------------- */

/* f->conf is what the node holds if it says effective. */
static enum base_err
keep_fact(struct ca *ca, struct ca_order *o, const struct verdict *v,
    struct ca_fact *f)
{
	const struct pol_conf after = f->conf;
	enum base_err r;

	*f = (struct ca_fact){ .roll = o->roll,
		.kind = v->fact,
		.epoch = o->epoch,
		.steps = o->steps,
		.from = o->from,
		.to = o->to,
		.at = ca_now(ca) };
	memcpy(f->root, o->root, sizeof(f->root));
	memcpy(f->node, o->node, sizeof(f->node));
	if (v->fact == POL_FACT_EFFECTIVE)
		f->conf = after;
	if (o->steps == 0 || (o->steps & WIRE_STEP_JOIN) != 0) {
		/* from here on it takes part in a roll that runs */
		f->kind =
		    v->fact == POL_FACT_EFFECTIVE ? POL_FACT_HOLDS : v->fact;
		f->roll = ca_roll_of(ca, o->root) == NULL
		    ? 0
		    : ca_roll_of(ca, o->root)->row.id;
	}
	if (o->steps == 0 && f->conf.present != 0 &&
	    (r = ca_recover_leaf(ca, f->node, f->root,
		 (uint32_t)__builtin_ctzll(f->conf.present) + 1)) != BASE_OK)
		return r;
	return ca_store_fact_add(ca->store, f);
}

static enum base_err
keep_order(struct ca *ca, struct ca_order *o, const struct wire_report *w,
    const struct verdict *v)
{
	const bool same = v->state == o->state;
	char steps[CA_STEPS_TEXT];
	enum base_err r;

	o->state = v->state;
	o->proof = w->proof;
	o->kicked = w->kicked;
	if (v->state == CA_ORDER_RECEIVED && !same)
		o->received = ca_now(ca);
	else if (!same)
		o->settled = ca_now(ca);
	snprintf(o->reason, sizeof(o->reason), "%s", w->reason);
	ca_steps_text(o->steps, steps);
	if ((r = ca_store_order_update(ca->store, o)) != BASE_OK)
		return r;
	return ca_audit(ca, o->node, "report", "%s epoch %llu: %s %s%s%s",
	    o->root, (unsigned long long)o->epoch, steps,
	    same ? "held" : ca_order_state_name(o->state),
	    o->reason[0] == '\0' ? "" : ": ", o->reason);
}

static enum base_err
keep_took(struct ca *ca, const struct ca_order *o, const struct wire_report *w,
    bool *rekeyed)
{
	enum base_err r;

	if ((r = ca_store_orders_replace(ca->store, o->node, o->root,
		 o->epoch)) != BASE_OK ||
	    (r = ca_renew_took(ca, o)) != BASE_OK)
		return r;
	return ca_rekey_took(ca, w, o, rekeyed);
}

/* The acknowledgement lets the node erase its old key: so what it did of an
 * order that was replaced counts, unless it has a later certificate. */
static enum base_err
keep_late(struct ca *ca, const struct ca_order *o, const struct wire_report *w,
    bool *rekeyed)
{
	struct ca_leaf l;
	enum base_err r = ca_store_leaf_get(ca->store, o->node, o->root, &l);

	if (r == BASE_E_NOTFOUND || (r == BASE_OK && l.epoch >= o->epoch))
		return BASE_OK;
	if (r == BASE_OK)
		r = ca_rekey_took(ca, w, o, rekeyed);
	return r == BASE_OK && *rekeyed ? ca_renew_took(ca, o) : r;
}

/* What follows from a report that was not there before. */
static enum base_err
keep_new(struct ca *ca, struct ca_order *o, const struct wire_report *w,
    struct ca_fact *f, bool *rekeyed)
{
	struct verdict v = judge(ca, o, w->status);
	enum base_err r;

	if ((r = ca_stock_from_report(ca, w)) != BASE_OK)
		return r;
	if (v.settled && (r = keep_order(ca, o, w, &v)) != BASE_OK)
		return r;
	if (v.fact == POL_FACT_EFFECTIVE && v.settled &&
	    (r = keep_took(ca, o, w, rekeyed)) != BASE_OK)
		return r;
	if (w->status == WIRE_EFFECTIVE && !v.settled &&
	    o->state == CA_ORDER_REPLACED &&
	    (o->steps & WIRE_STEP_REKEY) == 0 &&
	    (r = keep_late(ca, o, w, rekeyed)) != BASE_OK)
		return r;
	if (v.has_fact && (r = keep_fact(ca, o, &v, f)) != BASE_OK)
		return r;
	return *rekeyed ? ca_store_unshown_put(ca->store, o->node, o->root)
			: BASE_OK;
}

/* EXISTS: the same report again. What else is in the way of its rows is no such
 * thing: the report is not kept, and must not be acknowledged. */
static enum base_err
keep(struct ca *ca, const struct ca_report *row, struct ca_order *o,
    const struct wire_report *w, struct ca_fact *f)
{
	bool rekeyed = false;
	char why[512];
	enum base_err r;

	f->node[0] = '\0';
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_report_add(ca->store, row)) != BASE_OK)
		goto out;
	if ((r = keep_new(ca, o, w, f, &rekeyed)) == BASE_OK)
		r = ca_store_commit(ca->store);
	if (r == BASE_E_EXISTS) {
		snprintf(why, sizeof(why), "%s", base_why());
		r = base_fail(BASE_E_INTEGRITY,
		    "report of node %s, epoch %llu of root %s, is not kept: "
		    "%s; kedge audit verify says whether the store is sound",
		    w->node, (unsigned long long)w->epoch, w->root, why);
	}
out:
	ca_store_rollback(ca->store);
	if (r == BASE_OK && rekeyed)
		ca_rekey_in_use(ca, o->node, o->root);
	return r;
}

/* ---- answering ----------------------------------------------------------------------- */

static enum base_err
acknowledge(struct ca *ca, const struct wire_report *w,
    const uint8_t digest[32], const struct ca_route *by)
{
	struct wire_ack a = { .epoch = w->epoch };
	struct ca_route route;
	struct base_buf der, cms;
	enum base_err r;

	base_buf_init(&der, 0);
	base_buf_init(&cms, 0);
	memcpy(a.fleet, w->fleet, sizeof(a.fleet));
	memcpy(a.node, w->node, sizeof(a.node));
	memcpy(a.root, w->root, sizeof(a.root));
	memcpy(a.report_digest, digest, 32);
	if ((r = wire_ack_compose(&a, &der)) != BASE_OK ||
	    (r = wire_cms_sign(WIRE_C_ACK, base_buf_span(&der), ca->tls_cert,
		 ca->tls_key, ca->link, &cms)) != BASE_OK)
		goto out;
	/* the way it came is a way that works */
	if (by != NULL && strcmp(by->hop[by->n - 1], w->node) == 0)
		route = *by;
	else if ((r = ca_topo_route(ca->topo, ca_topo_node(ca->topo, w->node),
		      &route)) != BASE_OK)
		goto out;
	ca_deliver_ack(ca->deliver, ca_mono(ca),
	    &(struct ca_delivery){ .node = w->node,
		.root = w->root,
		.epoch = w->epoch,
		.expires = base_time_add_s(ca_now(ca), ca->conf->order_s),
		.cms = base_buf_span(&cms),
		.route = &route,
		.report = digest });
out:
	base_buf_free(&der);
	base_buf_free(&cms);
	return r;
}

void
ca_order_moved(struct ca *ca, const struct ca_order *o, enum ca_order_state old)
{
	struct ca_roll *roll = ca_roll_of(ca, o->root);

	if (o->state == CA_ORDER_REPLACED && (o->steps & WIRE_STEP_TIDY) != 0)
		ca_tidy_later(ca);
	if (o->state != CA_ORDER_RECEIVED)
		ca_deliver_settled(ca->deliver, o->node, o->root, o->epoch);
	ca_event_order(ca, o, old);
	if (o->state == CA_ORDER_REPLACED && roll != NULL)
		roll->reissue_at = ca_sooner(roll->reissue_at,
		    ca_after(ca, ca->conf->retry_ms));
	if (wire_step_renews(o->steps, o->from, o->to))
		ca_renew_soon(ca);
	ca_kick(ca);
}

static void
tell(struct ca *ca, const struct ca_order *o, enum ca_order_state old,
    const struct ca_fact *f)
{
	if (o->state == CA_ORDER_RECEIVED)
		ca_deliver_received(ca->deliver, ca_mono(ca), o->node, o->root,
		    o->epoch);
	if (o->state == old)
		return;
	ca_order_moved(ca, o, old);
	if ((o->steps & WIRE_STEP_TIDY) != 0 && f->kind == POL_FACT_FAILED)
		ca->tidy_wanted = true;
	ca_recover_soon(ca);
	ca->recovery.answers = true;
	if (f->node[0] != '\0' &&
	    ((o->steps & WIRE_STEP_JOIN) == 0 || f->kind == POL_FACT_HOLDS))
		ca_roll_tell(ca, f);
}

/* Is the inventory what this report stands or falls by? */
static bool
must_show(const struct wire_report *w, const struct ca_order *o)
{
	return w->status == WIRE_EFFECTIVE && o->state <= CA_ORDER_RECEIVED &&
	    (o->steps == 0 ||
		(o->steps &
		    (WIRE_STEP_TRUST | WIRE_STEP_CERT | WIRE_STEP_FINISH)) !=
		    0);
}

/* Who was asked says it himself: there is nothing to compare it with. */
static bool
answered(struct ca *ca, const struct wire_report *w, struct pol_conf *out)
{
	const struct wire_inventory *v =
	    ca_inventory_under(w->inventory, w->ninventory, w->root);

	if (v != NULL)
		*out = ca_conf_said(v, ca_roll_of(ca, w->root));
	return v != NULL;
}

static enum base_err
take(struct ca *ca, struct wire_report *w, struct ca_report *row,
    const struct ca_route *by)
{
	struct ca_order o = { .epoch = 0 };
	struct ca_fact f = { .id = 0 };
	struct ca_holding h;
	enum ca_order_state old;
	bool was_held;
	enum base_err r;

	if ((r = ca_store_order_get(ca->store, w->node, w->root, w->epoch,
		 &o)) != BASE_OK ||
	    (r = check_order(w, &o)) != BASE_OK ||
	    (r = ca_holding_get(ca->store, w->node, w->root, &h)) != BASE_OK)
		goto out;
	old = o.state;
	was_held = o.reason[0] != '\0';
	f.conf = ca_conf_after(h.conf, &o);
	if (must_show(w, &o) && (r = ca_stock_check_report(ca, w)) != BASE_OK)
		goto out;
	if (must_show(w, &o) &&
	    !(o.steps == 0 ? answered(ca, w, &f.conf)
			   : inventory_fits(ca, w, &o, &f.conf))) {
		w->status = WIRE_FAILED;
		snprintf(w->reason, sizeof(w->reason),
		    "says effective, but its inventory does not show that "
		    "for root %s",
		    w->root);
	}
	ca_rekey_judge(ca, w, &o);
	r = keep(ca, row, &o, w, &f);
	if (r == BASE_OK && o.state == old && !was_held && o.reason[0] != '\0')
		ca_event_order(ca, &o, old);
	if (r == BASE_OK)
		tell(ca, &o, old, &f);
	else if (r == BASE_E_EXISTS)
		r = BASE_OK; /* the same report again */
	if (r == BASE_OK && strcmp(w->node, CA_NODE_CA) != 0)
		r = acknowledge(ca, w, row->digest, by);
out:
	ca_order_clear(&o);
	return r;
}

static void
row_fill(struct ca *ca, const struct wire_report *w, struct base_span der,
    struct ca_report *row)
{
	memcpy(row->node, w->node, sizeof(row->node));
	memcpy(row->root, w->root, sizeof(row->root));
	row->epoch = w->epoch;
	row->status = w->status;
	wire_digest(der, row->digest);
	row->at = w->at;
	row->stored = ca_now(ca);
}

/* kedge-hsmd sees it signed by the CA's own key, as it does those of nodes;
 * a node's profile, which reports are signed under, that key has not. */
enum base_err
ca_report_own(struct ca *ca, struct wire_report *w)
{
	struct ca_report row = { .epoch = 0 };
	struct base_buf der, cms;
	enum base_err r;

	base_buf_init(&der, 0);
	base_buf_init(&cms, 0);
	if ((r = wire_report_compose(w, &der)) == BASE_OK &&
	    (r = wire_cms_sign(WIRE_C_REPORT, base_buf_span(&der), ca->tls_cert,
		 ca->tls_key, ca->link, &cms)) == BASE_OK) {
		row_fill(ca, w, base_buf_span(&der), &row);
		row.cms = base_buf_span(&cms);
		r = take(ca, w, &row, NULL);
	}
	base_buf_free(&der);
	base_buf_free(&cms);
	return r;
}

enum base_err
ca_report_in(struct ca *ca, struct base_span cms, const struct ca_route *by)
{
	struct wire_report *w = base_alloc(sizeof(*w));
	struct wire_signer signer = { .cert = NULL };
	struct ca_report row = { .cms = cms };
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = wire_cms_verify(WIRE_C_REPORT, cms, ca->management, ca_now(ca),
		 &der, &signer)) != BASE_OK ||
	    (r = wire_report_parse(base_buf_span(&der), w)) != BASE_OK ||
	    (r = check(ca, w, signer.node)) != BASE_OK ||
	    (r = ca_check_node_key(ca, w->node, signer.cert)) != BASE_OK)
		goto out;
	/* also from one about an order that nobody here knows any more */
	ca_epochs_learn(ca, w->node, w->inventory, w->ninventory);
	row_fill(ca, w, base_buf_span(&der), &row);
	if ((r = take(ca, w, &row, by)) == BASE_OK)
		ca_seen(ca, w->node);
out:
	wire_signer_clear(&signer);
	base_buf_free(&der);
	wire_report_clear(w);
	free(w);
	return r;
}
