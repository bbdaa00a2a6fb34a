/*
 * agentd/courier: see courier.h. Used by agent.c.
 */
#include "agentd/courier.h"

#include <stdlib.h>
#include <string.h>

struct ag_courier {
	const struct ag_config *conf;
	struct ag_holdings *holdings;
	struct wire_exchange said;
};

static void
set_way(struct ag_state *st, const char *node)
{
	st->nroute = 1;
	strcpy(st->route[0], node);
}

struct ag_courier *
ag_courier_new(const struct ag_config *conf, struct ag_holdings *holdings)
{
	struct ag_courier *k = base_alloc(sizeof *k);

	k->conf = conf;
	k->holdings = holdings;
	strcpy(k->said.from, conf->node);
	for (size_t i = 0; i < holdings->n; i++)
		if (holdings->root[i].state.nroute == 0)
			set_way(&holdings->root[i].state, conf->node);
	return k;
}

void
ag_courier_free(struct ag_courier *k)
{
	if (k == NULL)
		return;
	wire_exchange_clear(&k->said);
	free(k);
}

/* ---- what the node says ---------------------------------------------------------- */

static void
drop(struct wire_exchange *x, size_t i)
{
	wire_parcel_clear(&x->parcels[i]);
	memmove(&x->parcels[i], &x->parcels[i + 1],
	    (--x->nparcels - i) * sizeof *x->parcels);
}

/* The newest stock says it all, and a report that is sent again is one. */
static bool
says_no_more(const struct wire_parcel *old, const struct wire_parcel *p)
{
	if (old->kind != p->kind)
		return false;
	return p->kind == WIRE_P_STOCK ||
	    (old->content.n == p->content.n &&
		memcmp(old->content.p, p->content.p, p->content.n) == 0);
}

void
ag_courier_put(struct ag_courier *k, struct wire_parcel *p)
{
	struct wire_exchange *x = &k->said;

	for (size_t i = x->nparcels; i-- > 0;)
		if (says_no_more(&x->parcels[i], p))
			drop(x, i);
	if (x->nparcels == WIRE_PARCELS)
		drop(x, 0);
	x->parcels =
	    base_realloc_array(x->parcels, x->nparcels + 1, sizeof *x->parcels);
	p->nroute = 1;
	strcpy(p->route[0], k->conf->node);
	x->parcels[x->nparcels++] = *p;
	memset(p, 0, sizeof *p);
}

enum base_err
ag_courier_write(struct ag_courier *k, struct base_buf *file)
{
	return wire_exchange_compose(&k->said, file);
}

/* ---- what the CA says ------------------------------------------------------------ */

static enum base_err
check_parcel(const struct ag_courier *k, struct base_time now,
    const struct wire_parcel *p)
{
	char end[BASE_RFC3339_LEN];

	if (p->kind != WIRE_P_ORDER && p->kind != WIRE_P_ACK)
		return base_fail(BASE_E_REFUSED,
		    "the file holds what is nothing for a node");
	if (strcmp(p->route[p->nroute - 1], k->conf->node) != 0)
		return base_fail(BASE_E_REFUSED,
		    "the file is for node %s, and this is node %s",
		    p->route[p->nroute - 1], k->conf->node);
	if (p->expires.ms > now.ms)
		return BASE_OK;
	base_time_format(p->expires, end);
	return base_fail(BASE_E_EXPIRED,
	    "the file was good until %s: kedge parcel export %s makes "
	    "another; or this node's clock is ahead",
	    end, k->conf->node);
}

static enum base_err
check_file(const struct ag_courier *k, struct base_time now,
    const struct wire_exchange *x)
{
	enum base_err e = BASE_OK;

	if (strcmp(x->from, "ca") != 0)
		return base_fail(BASE_E_REFUSED,
		    "the file is what node %s says to the CA: it goes to "
		    "kedge parcel import there",
		    x->from);
	for (size_t i = 0; e == BASE_OK && i < x->nparcels; i++)
		e = check_parcel(k, now, &x->parcels[i]);
	return e;
}

/* Reports go on by the way that is known, should there be a network after all;
 * the file's own is none. */
static void
take_parcel(struct ag_courier *k, struct ag_work *w, struct wire_parcel *p,
    enum base_err *first, char *why, size_t max)
{
	const struct ag_state *st = &k->holdings->root[0].state;
	enum base_err e = BASE_OK;

	p->nroute = st->nroute;
	memcpy(p->route, st->route, sizeof p->route);
	if (p->kind == WIRE_P_ACK)
		ag_work_ack(w, p);
	else
		e = ag_work_order(w, p, false);
	if (e == BASE_OK || *first != BASE_OK)
		return;
	*first = e;
	strncpy(why, base_why(), max - 1);
}

enum base_err
ag_courier_take(struct ag_courier *k, struct ag_work *w, struct base_time now,
    struct base_span file)
{
	struct wire_exchange x = { 0 };
	char why[400] = "";
	enum base_err e, first = BASE_OK;

	if ((e = wire_exchange_parse(file, &x)) != BASE_OK)
		return base_fail(e,
		    "the file is no parcel file, or it is damaged: %s",
		    base_why());
	e = check_file(k, now, &x);
	for (size_t i = 0; e == BASE_OK && i < x.nparcels; i++)
		take_parcel(k, w, &x.parcels[i], &first, why, sizeof why);
	wire_exchange_clear(&x);
	if (e == BASE_OK && first != BASE_OK)
		e = base_fail(first, "%s", why);
	return e;
}
