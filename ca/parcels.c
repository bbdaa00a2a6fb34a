/*
 * ca/parcels: see parcels.h. Orders go out as often as they are asked for and
 * acknowledgements once, as by a neighbour: who lost one reports again. Used
 * by control_parcel.c.
 */
#include "ca/parcels.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES \
	((size_t)1 << 20) /* of parcels: a line of the control
				      * socket takes it */

/* ---- out ------------------------------------------------------------------------ */

/* An open order that was in a file, and when that was made. */
struct carried {
	char root[CA_NAME];
	uint64_t epoch;
	struct base_time at;
};

struct gather {
	struct ca *ca;
	const struct ca_parcels_for *to;
	struct wire_exchange x;
	struct ca_parcels_out *out;
	size_t bytes;
	struct carried *was, *is; /* in files before; and with this one */
	size_t nwas, nis;
	size_t awaited; /* dead, and in a file before */
	struct base_time awaited_at; /* the last one of these */
	struct ca_order *old; /* too old to be carried, without cms */
	size_t nold;
};

/* ---- what was in a file before ---- */

static char *
carried_key(const char *node)
{
	return base_asprintf("carried %s", node);
}

static void
carry(struct gather *g, const struct ca_order *o, struct base_time at)
{
	struct carried *c;

	g->is = base_realloc_array(g->is, g->nis + 1, sizeof(*g->is));
	c = &g->is[g->nis++];
	memcpy(c->root, o->root, sizeof(c->root));
	c->epoch = o->epoch;
	c->at = at;
}

static enum base_err
carried_read(struct base_buf *b, struct carried *c)
{
	char *root = NULL;
	uint64_t at = 0;
	enum base_err r;

	if ((r = base_buf_get_str(b, CA_NAME - 1, &root)) == BASE_OK &&
	    (r = base_buf_get_u64(b, &c->epoch)) == BASE_OK)
		r = base_buf_get_u64(b, &at);
	snprintf(c->root, sizeof(c->root), "%s", r == BASE_OK ? root : "");
	c->at.ms = (int64_t)at;
	free(root);
	return r;
}

static enum base_err
carried_get(struct gather *g)
{
	char *key = carried_key(g->to->node);
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	r = ca_store_meta_get(g->ca->store, key, &b);
	while (r == BASE_OK && b.at < b.n) {
		g->was =
		    base_realloc_array(g->was, g->nwas + 1, sizeof(*g->was));
		r = carried_read(&b, &g->was[g->nwas++]);
	}
	base_buf_free(&b);
	free(key);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

static enum base_err
carried_compose(const struct gather *g, struct base_buf *b)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < g->nis; i++) {
		const struct carried *c = &g->is[i];

		if ((r = base_buf_put_str(b, c->root)) == BASE_OK &&
		    (r = base_buf_put_u64(b, c->epoch)) == BASE_OK)
			r = base_buf_put_u64(b, (uint64_t)c->at.ms);
	}
	return r;
}

static enum base_err
carried_put(struct gather *g)
{
	struct ca *ca = g->ca;
	char *key = carried_key(g->to->node);
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		goto out;
	if ((r = carried_compose(g, &b)) == BASE_OK &&
	    (r = ca_store_meta_put(ca->store, key, base_buf_span(&b))) ==
		BASE_OK &&
	    (r = ca_audit(ca, g->to->who, "parcel-export",
		 "node %s: %zu orders", g->to->node, g->out->orders)) ==
		BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
out:
	base_buf_free(&b);
	free(key);
	return r;
}

/* Its answer may be on its way, and would count. NULL: it is in no file, or
 * that one is given up. */
static const struct carried *
carried(const struct gather *g, const struct ca_order *o)
{
	for (size_t i = 0; !g->to->again && i < g->nwas; i++)
		if (g->was[i].epoch == o->epoch &&
		    strcmp(g->was[i].root, o->root) == 0)
			return &g->was[i];
	return NULL;
}

/* ---- orders ---- */

static bool
has_canaries(const struct ca_order *o)
{
	return (o->steps & (WIRE_STEP_JOIN | WIRE_STEP_TIDY)) == 0 &&
	    (o->steps &
		(WIRE_STEP_TRUST | WIRE_STEP_CERT | WIRE_STEP_FINISH)) != 0;
}

/* The node holds what comes later. */
static struct base_time
good_until(const struct ca *ca, const struct ca_order *o)
{
	struct base_time end = base_time_add_s(o->issued, ca->conf->canary_s);

	return has_canaries(o) && end.ms < o->expires.ms ? end : o->expires;
}

/* Whoever carries it has at least half of the canaries' life. What the node
 * has received already it answers by itself. */
static bool
is_old(const struct ca *ca, const struct ca_order *o)
{
	return o->state == CA_ORDER_SENT && has_canaries(o) &&
	    ca_now(ca).ms >
	    base_time_add_s(o->issued, ca->conf->canary_s / 2).ms;
}

/* Noted, but not put into the file. */
static bool
put_aside(struct gather *g, const struct ca_order *o)
{
	const struct carried *c = carried(g, o);

	if (!is_old(g->ca, o))
		return false;
	if (c != NULL) {
		/* the same again, as long as it is good for anything */
		if (ca_now(g->ca).ms < good_until(g->ca, o).ms)
			return false;
		carry(g, o, c->at);
		g->awaited++;
		if (c->at.ms > g->awaited_at.ms)
			g->awaited_at = c->at;
		return true;
	}
	g->old = base_realloc_array(g->old, g->nold + 1, sizeof(*g->old));
	g->old[g->nold] = *o;
	memset(&g->old[g->nold++].cms, 0, sizeof(o->cms));
	return true;
}

/* The next file has it. */
static void
put_off(struct gather *g, const struct ca_order *o)
{
	const struct carried *c = carried(g, o);

	if (c != NULL)
		carry(g, o, c->at);
}

static void
gather_add(struct gather *g, struct wire_parcel *p)
{
	struct wire_exchange *x = &g->x;

	x->parcels = base_realloc_array(x->parcels, x->nparcels + 1,
	    sizeof(*x->parcels));
	x->parcels[x->nparcels++] = *p;
	g->bytes += p->content.n + 1024;
	memset(p, 0, sizeof(*p));
}

static bool
is_full(const struct gather *g, size_t more)
{
	return g->x.nparcels == WIRE_PARCELS || g->bytes + more > FILE_BYTES;
}

static enum base_err
gather_order(void *arg, const struct ca_order *o)
{
	struct gather *g = arg;
	struct wire_parcel p = { .kind = WIRE_P_ORDER, .down = true };
	struct base_time end = good_until(g->ca, o);

	if (strcmp(o->node, g->to->node) != 0 ||
	    o->expires.ms <= ca_now(g->ca).ms || put_aside(g, o))
		return BASE_OK;
	if (is_full(g, o->cms.n)) {
		put_off(g, o);
		return BASE_OK;
	}
	p.nroute = 1;
	snprintf(p.route[0], sizeof(p.route[0]), "%s", g->to->node);
	p.expires = o->expires;
	base_buf_init(&p.content, 0);
	if (base_buf_put(&p.content, o->cms.p, o->cms.n) != BASE_OK)
		base_die("parcels: order too large");
	gather_add(g, &p);
	carry(g, o, ca_now(g->ca));
	g->out->orders++;
	if (g->out->until.ms == 0 || end.ms < g->out->until.ms)
		g->out->until = end;
	return BASE_OK;
}

static void
gather_acks(struct gather *g)
{
	struct wire_parcel *list = NULL;
	size_t n =
	    ca_deliver_acks(g->ca->deliver, ca_mono(g->ca), g->to->node, &list);

	for (size_t i = 0; i < n; i++) {
		if (is_full(g, list[i].content.n)) {
			wire_parcel_clear(&list[i]);
			continue;
		}
		gather_add(g, &list[i]);
		g->out->acks++;
	}
	free(list);
}

static enum base_err
make_again(struct ca *ca, struct ca_order *o)
{
	const enum ca_order_state old = o->state;
	enum base_err r;

	o->state = CA_ORDER_REPLACED;
	o->settled = ca_now(ca);
	snprintf(o->reason, sizeof(o->reason),
	    "its canaries would have died on the way of the file");
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_order_update(ca->store, o)) == BASE_OK &&
	    (r = ca_audit(ca, ca_who(ca), "parcel-export",
		 "node %s: %s epoch %llu: %s", o->node, o->root,
		 (unsigned long long)o->epoch, o->reason)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r == BASE_OK)
		ca_order_moved(ca, o, old);
	return r;
}

static enum base_err
check_node(const struct ca *ca, const char *node)
{
	uint32_t i;

	if (!ca->ready || ca->unchecked)
		return base_fail(BASE_E_AGAIN,
		    "parcels: kedged is not ready to give orders; kedge "
		    "doctor says why");
	i = ca_topo_node(ca->topo, node);
	if (i == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "node %s: not known; see kedge node list", node);
	if (ca_topo_is_ca(ca->topo, i))
		return base_fail(BASE_E_USAGE,
		    "node %s: the CA takes its own orders without a file",
		    node);
	if (ca->topo->nodes[i].joined.ms == 0)
		return base_fail(BASE_E_STATE,
		    "node %s: has not joined; by files: kedge node token, "
		    "kedge-agentd --join-request, kedge node join",
		    node);
	return BASE_OK;
}

/* The carrier may be back in a minute, or have lost it: only the operator
 * knows. */
static enum base_err
still_awaited(const struct gather *g)
{
	char at[BASE_RFC3339_LEN];

	base_time_format(g->awaited_at, at);
	return base_fail(BASE_E_STATE,
	    "node %s: its orders are in the file that was made at %s, and no "
	    "answer has come back yet. If one is on its way, import it: it "
	    "counts. If that file never came to the node, kedge parcel export "
	    "--again makes them again, and an answer to the old ones counts no "
	    "more",
	    g->to->node, at);
}

static enum base_err
gather(struct gather *g)
{
	enum base_err r;

	if ((r = carried_get(g)) != BASE_OK ||
	    (r = ca_store_orders_open(g->ca->store, false, gather_order, g)) !=
		BASE_OK)
		return r;
	for (size_t i = 0; i < g->nold; i++)
		if ((r = make_again(g->ca, &g->old[i])) != BASE_OK)
			return r;
	if (g->nold > 0)
		return base_fail(BASE_E_AGAIN,
		    "node %s: what was made for it is too old to be carried "
		    "(the canaries live %u s) and is being made again; ask "
		    "once more",
		    g->to->node, (unsigned)g->ca->conf->canary_s);
	gather_acks(g);
	/* what is awaited keeps nothing else back */
	if (g->x.nparcels == 0 && g->awaited > 0)
		return still_awaited(g);
	g->out->awaited = g->awaited;
	if (g->x.nparcels == 0)
		return base_fail(BASE_E_STATE,
		    "node %s: there is nothing for it just now", g->to->node);
	return g->out->orders > 0 ? carried_put(g) : BASE_OK;
}

enum base_err
ca_parcels_export(struct ca *ca, const struct ca_parcels_for *to,
    struct base_buf *file, struct ca_parcels_out *out)
{
	struct gather g = { .ca = ca, .to = to, .out = out };
	enum base_err r;

	memset(out, 0, sizeof(*out));
	memcpy(g.x.from, CA_NODE_CA, sizeof(CA_NODE_CA));
	if ((r = check_node(ca, to->node)) == BASE_OK &&
	    (r = gather(&g)) == BASE_OK)
		r = wire_exchange_compose(&g.x, file);
	wire_exchange_clear(&g.x);
	free(g.old);
	free(g.was);
	free(g.is);
	return r;
}

/* ---- in ------------------------------------------------------------------------- */

static enum base_err
check_parcel(const struct ca *ca, const char *from, const struct wire_parcel *p)
{
	char end[BASE_RFC3339_LEN];

	if (p->kind != WIRE_P_REPORT && p->kind != WIRE_P_STOCK)
		return base_fail(BASE_E_REFUSED,
		    "file of node %s: holds what no node says about its "
		    "orders",
		    from);
	if (p->nroute != 1 || strcmp(p->route[0], from) != 0)
		return base_fail(BASE_E_REFUSED,
		    "file of node %s: holds a parcel of node %s", from,
		    p->route[p->nroute - 1]);
	/* an inventory's age is judged by itself: the reports beside it are
	 * good for days */
	if (p->kind == WIRE_P_STOCK || p->expires.ms > ca_now(ca).ms)
		return BASE_OK;
	base_time_format(p->expires, end);
	return base_fail(BASE_E_EXPIRED,
	    "file of node %s: it was good until %s; let the node write "
	    "another: kedge-agentd --parcel-export",
	    from, end);
}

static enum base_err
check_file(const struct ca *ca, const struct wire_exchange *x)
{
	enum base_err r = BASE_OK;
	uint32_t i;

	if (!ca->ready)
		return base_fail(BASE_E_STATE,
		    "parcels: kedge init comes "
		    "first");
	if (strcmp(x->from, CA_NODE_CA) == 0)
		return base_fail(BASE_E_REFUSED,
		    "the file is one of the CA for a node: it goes to "
		    "kedge-agentd --parcel-import there");
	if ((i = ca_topo_node(ca->topo, x->from)) == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "the file is of node %s, which is not in this fleet",
		    x->from);
	if (x->nparcels == 0)
		return base_fail(BASE_E_SYNTAX,
		    "file of node %s: there is nothing in it", x->from);
	for (size_t k = 0; r == BASE_OK && k < x->nparcels; k++)
		r = check_parcel(ca, x->from, &x->parcels[k]);
	return r;
}

static void
refused(struct ca_parcels_in *out)
{
	if (out->refused++ == 0)
		snprintf(out->why, sizeof(out->why), "%s", base_why());
}

static enum base_err
take_report(struct ca *ca, const struct wire_parcel *p,
    struct ca_parcels_in *out)
{
	struct ca_route by = { .n = p->nroute };
	const uint64_t before = ca_store_reports_added(ca->store);
	bool known;

	memcpy(by.hop, p->route, sizeof(by.hop));
	if (ca_report_in(ca, base_buf_span(&p->content), &by) != BASE_OK) {
		refused(out);
		return BASE_OK;
	}
	known = ca_store_reports_added(ca->store) == before;
	out->reports += !known;
	out->known += known;
	return BASE_OK;
}

/* One that lay for long says nothing any more, and takes nothing back. */
static void
take_stock(struct ca *ca, const struct wire_parcel *p,
    struct ca_parcels_in *out)
{
	enum base_err r = ca_stock_in(ca, base_buf_span(&p->content));

	if (r == BASE_OK)
		out->stock = true;
	else if (r != BASE_E_EXPIRED)
		refused(out);
	else if (out->why[0] == '\0')
		snprintf(out->why, sizeof(out->why), "%s", base_why());
}

static enum base_err
keep_record(struct ca *ca, const char *who, const struct ca_parcels_in *in)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_audit(ca, who, "parcel-import",
		 "node %s: %zu new reports, %zu known, %zu refused%s", in->node,
		 in->reports, in->known, in->refused,
		 in->stock ? ", what it holds" : "")) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static enum base_err
take_all(struct ca *ca, const struct wire_exchange *x, const char *who,
    struct ca_parcels_in *out)
{
	enum base_err r = BASE_OK;

	snprintf(out->node, sizeof(out->node), "%s", x->from);
	for (size_t i = 0; r == BASE_OK && i < x->nparcels; i++)
		if (x->parcels[i].kind == WIRE_P_STOCK)
			take_stock(ca, &x->parcels[i], out);
		else
			r = take_report(ca, &x->parcels[i], out);
	if (r != BASE_OK)
		return r;
	if (out->reports > 0 || out->stock)
		return keep_record(ca, who, out);
	if (out->refused > 0)
		return base_fail(BASE_E_REFUSED, "file of node %s: %s",
		    out->node, out->why);
	return base_fail(BASE_E_EXISTS,
	    "file of node %s: nothing in it is news: it was imported before, "
	    "or it lay too long%s%s%s",
	    out->node, out->why[0] == '\0' ? "" : " (", out->why,
	    out->why[0] == '\0' ? "" : ")");
}

enum base_err
ca_parcels_import(struct ca *ca, struct base_span file, const char *who,
    struct ca_parcels_in *out)
{
	struct wire_exchange x = { .wait_ms = 0 };
	enum base_err r;

	memset(out, 0, sizeof(*out));
	if ((r = wire_exchange_parse(file, &x)) != BASE_OK)
		return base_fail(r,
		    "the file is no parcel file, or it is damaged: %s",
		    base_why());
	if ((r = check_file(ca, &x)) == BASE_OK)
		r = take_all(ca, &x, who, out);
	wire_exchange_clear(&x);
	ca_kick(ca);
	return r;
}
