/*
 * ca/deliver: which parcel goes to which neighbour when. Orders are given
 * again with a growing pause until they are settled, invitations until they
 * end; acknowledgements and answers of joins once: a node that lost one
 * reports, or asks, again.
 * No I/O and no clock: net asks by ca_deliver_collect, report tells what
 * came. Nothing here is stored: after a restart the open orders of the store
 * are put in again.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

struct item {
	struct item *next;
	enum wire_parcel_kind kind;
	char node[CA_NAME], root[CA_NAME];
	uint64_t epoch;
	struct base_time expires;
	struct base_mono due;
	uint32_t pause_ms; /* before the next time */
	uint32_t tries;
	uint32_t silent; /* tries since the node was heard */
	uint32_t detours;
	bool received;
	uint8_t report[32]; /* what goes once, or an invitation says */
	bool doubted; /* an invitation, until it is found again */
	struct base_mono end; /* nobody came for it; the invitation is over */
	struct base_buf cms;
	struct ca_route route;
	uint8_t digest[32]; /* of cms */
	size_t handed; /* hops of route that are said to have it */
	struct base_time handed_at;
};

#define DETOUR_TRIES 3
#define ACK_LIFE_MS  INT64_C(600000)

struct ca_deliver {
	struct item *items, **last;
	ca_detour_fn *detour;
	void *detour_arg;
	uint32_t resend_ms, max_ms;
};

struct ca_deliver *
ca_deliver_new(uint32_t resend_ms, uint32_t max_ms)
{
	struct ca_deliver *d = base_alloc(sizeof(*d));

	d->last = &d->items;
	d->resend_ms = resend_ms;
	d->max_ms = max_ms;
	return d;
}

void
ca_deliver_set_detour(struct ca_deliver *d, ca_detour_fn *fn, void *arg)
{
	d->detour = fn;
	d->detour_arg = arg;
}

static void
item_free(struct item *i)
{
	base_buf_free(&i->cms);
	free(i);
}

static void
item_drop(struct ca_deliver *d, struct item **at)
{
	struct item *i = *at;

	*at = i->next;
	if (d->last == &i->next)
		d->last = at;
	item_free(i);
}

static struct item *
item_find(const struct ca_deliver *d, const char *node, const char *root,
    uint64_t epoch)
{
	struct item *i;

	for (i = d->items; i != NULL; i = i->next)
		if (i->kind == WIRE_P_ORDER && i->epoch == epoch &&
		    strcmp(i->node, node) == 0 && strcmp(i->root, root) == 0)
			return i;
	return NULL;
}

static struct item *
item_add(struct ca_deliver *d, enum wire_parcel_kind kind,
    const struct ca_delivery *o)
{
	struct item *i = base_alloc(sizeof(*i));

	i->kind = kind;
	snprintf(i->node, sizeof(i->node), "%s", o->node);
	snprintf(i->root, sizeof(i->root), "%s", o->root);
	i->epoch = o->epoch;
	i->expires = o->expires;
	i->pause_ms = d->resend_ms;
	i->route = *o->route;
	wire_digest(o->cms, i->digest);
	if (base_buf_put(&i->cms, o->cms.p, o->cms.n) != BASE_OK)
		base_die("deliver: order too large");
	*d->last = i;
	d->last = &i->next;
	return i;
}

/* Who had it on another way is not asked any more. */
static void
item_route(struct item *i, const struct ca_route *route)
{
	i->route = *route;
	i->handed = 0;
}

void
ca_deliver_order(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o)
{
	struct item *i = item_find(d, o->node, o->root, o->epoch);

	if (i != NULL) {
		item_route(i, o->route);
		return;
	}
	i = item_add(d, WIRE_P_ORDER, o);
	i->due = now;
}

static bool
goes_once(const struct item *i)
{
	return i->kind == WIRE_P_ACK || i->kind == WIRE_P_JOIN_ANSWER;
}

static void
drop_old(struct ca_deliver *d, struct base_mono now)
{
	struct item **at = &d->items;

	while (*at != NULL)
		if ((*at)->kind != WIRE_P_ORDER && (*at)->end.ms <= now.ms)
			item_drop(d, at);
		else
			at = &(*at)->next;
}

static struct item *
once_find(const struct ca_deliver *d, const uint8_t report[32])
{
	for (struct item *i = d->items; i != NULL; i = i->next)
		if (goes_once(i) &&
		    memcmp(i->report, report, sizeof(i->report)) == 0)
			return i;
	return NULL;
}

static void
deliver_once(struct ca_deliver *d, struct base_mono now,
    enum wire_parcel_kind kind, const struct ca_delivery *o)
{
	struct item *i;

	drop_old(d, now);
	if ((i = once_find(d, o->report)) != NULL) {
		i->route = *o->route;
		return;
	}
	i = item_add(d, kind, o);
	memcpy(i->report, o->report, sizeof(i->report));
	i->end.ms = now.ms + ACK_LIFE_MS;
	i->due = now;
}

void
ca_deliver_ack(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o)
{
	deliver_once(d, now, WIRE_P_ACK, o);
}

void
ca_deliver_join(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o)
{
	deliver_once(d, now, WIRE_P_JOIN_ANSWER, o);
}

void
ca_deliver_invite(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o, int64_t life_ms)
{
	struct item *i = item_add(d, WIRE_P_INVITE, o);

	memcpy(i->report, o->report, sizeof(i->report));
	i->end.ms = now.ms + life_ms;
	i->due = now;
}

bool
ca_deliver_invited(struct ca_deliver *d, const uint8_t what[32],
    const struct ca_route *route)
{
	struct item *i = d->items;

	while (i != NULL &&
	    (i->kind != WIRE_P_INVITE ||
		memcmp(i->report, what, sizeof(i->report)) != 0))
		i = i->next;
	if (i == NULL)
		return false;
	i->doubted = false;
	item_route(i, route);
	return true;
}

void
ca_deliver_invites_begin(struct ca_deliver *d)
{
	for (struct item *i = d->items; i != NULL; i = i->next)
		i->doubted = i->kind == WIRE_P_INVITE;
}

void
ca_deliver_invites_end(struct ca_deliver *d)
{
	struct item **at = &d->items;

	while (*at != NULL)
		if ((*at)->doubted)
			item_drop(d, at);
		else
			at = &(*at)->next;
}

void
ca_deliver_received(struct ca_deliver *d, struct base_mono now,
    const char *node, const char *root, uint64_t epoch)
{
	struct item *i = item_find(d, node, root, epoch);

	if (i == NULL)
		return;
	i->silent = 0;
	if (i->received)
		return;
	i->received = true;
	i->pause_ms = d->max_ms;
	i->due.ms = now.ms + i->pause_ms;
}

void
ca_deliver_settled(struct ca_deliver *d, const char *node, const char *root,
    uint64_t epoch)
{
	struct item **at = &d->items;

	while (*at != NULL) {
		struct item *i = *at;

		if (i->kind != WIRE_P_ORDER || i->epoch > epoch ||
		    strcmp(i->node, node) != 0 || strcmp(i->root, root) != 0) {
			at = &i->next;
			continue;
		}
		item_drop(d, at);
	}
}

static bool
begins_with(const struct ca_route *route, const struct ca_route *by)
{
	for (size_t k = 0; k < by->n && by->n < route->n; k++)
		if (strcmp(route->hop[k], by->hop[k]) != 0)
			return false;
	return by->n > 0 && by->n < route->n;
}

enum base_err
ca_deliver_handed(struct ca_deliver *d, struct base_time now,
    const struct ca_route *by, const uint8_t digest[32])
{
	struct item *i;

	for (i = d->items; i != NULL; i = i->next)
		if (i->kind == WIRE_P_ORDER &&
		    memcmp(i->digest, digest, sizeof(i->digest)) == 0)
			break;
	if (i == NULL || !begins_with(&i->route, by))
		return base_fail(BASE_E_NOTFOUND,
		    "handed over: no order that is on its way through %s",
		    by->n == 0 ? "nobody" : by->hop[by->n - 1]);
	/* the same order again goes the whole way again */
	i->handed = by->n;
	i->handed_at = now;
	return BASE_OK;
}

bool
ca_deliver_handed_last(const struct ca_deliver *d, const char *node,
    const char *root, uint64_t epoch, struct ca_handed *out)
{
	const struct item *i = item_find(d, node, root, epoch);

	if (i == NULL || i->handed == 0)
		return false;
	memcpy(out->by, i->route.hop[i->handed - 1], CA_NAME);
	memcpy(out->to, i->route.hop[i->handed], CA_NAME);
	out->at = i->handed_at;
	return true;
}

static void
parcel_fill(struct wire_parcel *p, const struct item *i)
{
	memset(p, 0, sizeof(*p));
	p->kind = i->kind;
	p->down = true;
	p->nroute = (uint8_t)i->route.n;
	memcpy(p->route, i->route.hop, sizeof(p->route));
	p->expires = i->expires;
	if (base_buf_put(&p->content, i->cms.p, i->cms.n) != BASE_OK)
		base_die("deliver: order too large");
}

/* Given now: gone, or comes again later. */
static void
item_given(struct ca_deliver *d, struct item **at, struct base_mono now)
{
	struct item *i = *at;
	const char *to = i->kind == WIRE_P_INVITE ? i->root : i->node;
	struct ca_route route;

	if (goes_once(i)) {
		item_drop(d, at);
		return;
	}
	i->tries++;
	/* also when the node has it: its result may wait at a dead relay */
	if (d->detour != NULL && ++i->silent == DETOUR_TRIES) {
		i->silent = 0;
		if (d->detour(d->detour_arg, to, ++i->detours, &route))
			item_route(i, &route);
	}
	i->due.ms = now.ms + i->pause_ms;
	i->pause_ms = i->pause_ms > d->max_ms / 2 ? d->max_ms : i->pause_ms * 2;
}

static bool
item_is_for(const struct item *i, const char *neighbour)
{
	return neighbour == NULL || strcmp(i->route.hop[0], neighbour) == 0;
}

size_t
ca_deliver_collect(struct ca_deliver *d, struct base_mono now,
    const char *neighbour, size_t max, struct wire_parcel **out)
{
	struct wire_parcel *list = NULL;
	struct item **at = &d->items;
	size_t n = 0, bytes = 0;

	drop_old(d, now);
	while (*at != NULL && n < WIRE_PARCELS) {
		struct item *i = *at;

		if (!item_is_for(i, neighbour) || i->due.ms > now.ms ||
		    bytes + i->cms.n > max) {
			at = &i->next;
			continue;
		}
		bytes += i->cms.n + 1024;
		list = base_realloc_array(list, n + 1, sizeof(*list));
		parcel_fill(&list[n++], i);
		item_given(d, at, now);
		if (*at == i)
			at = &i->next;
	}
	*out = list;
	return n;
}

size_t
ca_deliver_acks(struct ca_deliver *d, struct base_mono now, const char *node,
    struct wire_parcel **out)
{
	struct wire_parcel *list = NULL;
	struct item **at = &d->items;
	size_t n = 0;

	drop_old(d, now);
	while (*at != NULL) {
		if ((*at)->kind != WIRE_P_ACK ||
		    strcmp((*at)->node, node) != 0) {
			at = &(*at)->next;
			continue;
		}
		list = base_realloc_array(list, n + 1, sizeof(*list));
		parcel_fill(&list[n], *at);
		list[n].nroute = 1;
		snprintf(list[n++].route[0], CA_NAME, "%s", node);
		item_drop(d, at);
	}
	*out = list;
	return n;
}

struct base_mono
ca_deliver_due(const struct ca_deliver *d, const char *neighbour)
{
	struct base_mono t = CA_NEVER;

	for (const struct item *i = d->items; i != NULL; i = i->next)
		if (item_is_for(i, neighbour) && i->due.ms < t.ms)
			t = i->due;
	return t;
}

uint32_t
ca_deliver_tries(const struct ca_deliver *d, const char *node, const char *root,
    uint64_t epoch)
{
	const struct item *i = item_find(d, node, root, epoch);

	return i == NULL ? 0 : i->tries;
}

void
ca_deliver_free(struct ca_deliver *d)
{
	struct item *next;

	if (d == NULL)
		return;
	for (struct item *i = d->items; i != NULL; i = next) {
		next = i->next;
		item_free(i);
	}
	free(d);
}
