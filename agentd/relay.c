/*
 * agentd/relay: the next hop of a parcel and the mailboxes. Used by net.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agentd/relay.h"

struct item {
	TAILQ_ENTRY(item) entry;
	struct wire_parcel parcel;
};
TAILQ_HEAD(items, item);

struct box {
	LIST_ENTRY(box) entry;
	char peer[BASE_NAME_MAX + 1];
	struct items items;
	size_t n;
};

struct ag_relay {
	char node[BASE_NAME_MAX + 1];
	LIST_HEAD(, box) boxes;
	size_t nboxes, bytes;
};

struct ag_relay *
ag_relay_new(const char *node)
{
	struct ag_relay *r = base_alloc(sizeof *r);

	strncpy(r->node, node, BASE_NAME_MAX);
	LIST_INIT(&r->boxes);
	return r;
}

static struct box *
find(const struct ag_relay *r, const char *peer)
{
	struct box *b;

	LIST_FOREACH(b, &r->boxes, entry)
		if (strcmp(b->peer, peer) == 0)
			return b;
	return NULL;
}

static void
drop(struct ag_relay *r, struct box *b, struct item *i)
{
	TAILQ_REMOVE(&b->items, i, entry);
	b->n--;
	r->bytes -= i->parcel.content.n;
	wire_parcel_clear(&i->parcel);
	free(i);
}

static void
box_free(struct ag_relay *r, struct box *b)
{
	while (!TAILQ_EMPTY(&b->items))
		drop(r, b, TAILQ_FIRST(&b->items));
	LIST_REMOVE(b, entry);
	r->nboxes--;
	free(b);
}

void
ag_relay_free(struct ag_relay *r)
{
	if (r == NULL)
		return;
	while (!LIST_EMPTY(&r->boxes))
		box_free(r, LIST_FIRST(&r->boxes));
	free(r);
}

/* ---- routes --------------------------------------------------------------------- */

/* This node's place in the route; nroute when it is not in it. */
static size_t
place(const struct ag_relay *r, const struct wire_parcel *p)
{
	size_t i = 0;

	while (i < p->nroute && strcmp(p->route[i], r->node) != 0)
		i++;
	return i;
}

static const char *
name_at(const struct wire_parcel *p, size_t i)
{
	return i == 0 ? "ca" : p->route[i - 1];
}

/* NULL in *next: the parcel is for this node. */
static enum base_err
route(const struct ag_relay *r, const char *from, const struct wire_parcel *p,
    const char **next)
{
	size_t i = place(r, p);
	bool last = i + 1 == p->nroute, own = strcmp(from, r->node) == 0;
	const char *up, *down, *sender;

	if (i >= p->nroute)
		return base_fail(BASE_E_REFUSED,
		    "relay: %s is not on the way of a parcel from %s", r->node,
		    from);
	up = name_at(p, i);
	down = last ? r->node : p->route[i + 1];
	sender = p->down ? up : down;
	if (strcmp(from, sender) != 0)
		return base_fail(BASE_E_REFUSED,
		    "relay: a parcel came from %s, its route says %s", from,
		    sender);
	if (own && p->down)
		return base_fail(BASE_E_REFUSED,
		    "relay: a parcel to ourselves");
	*next = p->down ? (last ? NULL : down) : up;
	return BASE_OK;
}

/* ---- mailboxes -------------------------------------------------------------------- */

static bool
same_parcel(const struct wire_parcel *a, const struct wire_parcel *b)
{
	if (a->kind != b->kind || a->down != b->down ||
	    a->nroute != b->nroute || a->content.n != b->content.n ||
	    memcmp(a->content.p, b->content.p, a->content.n) != 0)
		return false;
	for (size_t i = 0; i < a->nroute; i++)
		if (strcmp(a->route[i], b->route[i]) != 0)
			return false;
	return true;
}

static void
drop_expired(struct ag_relay *r, struct box *b, struct base_time now)
{
	struct item *i = TAILQ_FIRST(&b->items), *after;

	for (; i != NULL; i = after) {
		after = TAILQ_NEXT(i, entry);
		if (i->parcel.expires.ms <= now.ms)
			drop(r, b, i);
	}
}

static enum base_err
box_for(struct ag_relay *r, const char *peer, struct box **out)
{
	struct box *b = find(r, peer);

	if (b == NULL && r->nboxes == AG_BOXES_MAX)
		return base_fail(BASE_E_RANGE, "relay: more than %d mailboxes",
		    AG_BOXES_MAX);
	if (b == NULL) {
		b = base_alloc(sizeof *b);
		strncpy(b->peer, peer, BASE_NAME_MAX);
		TAILQ_INIT(&b->items);
		LIST_INSERT_HEAD(&r->boxes, b, entry);
		r->nboxes++;
	}
	*out = b;
	return BASE_OK;
}

static enum base_err
queue(struct ag_relay *r, const char *peer, struct wire_parcel *p,
    struct base_time now)
{
	struct item *i;
	struct box *b;
	enum base_err e;

	if ((e = box_for(r, peer, &b)) != BASE_OK)
		return e;
	drop_expired(r, b, now);
	TAILQ_FOREACH(i, &b->items, entry) {
		if (!same_parcel(&i->parcel, p))
			continue;
		wire_parcel_clear(p);
		return BASE_OK;
	}
	if (b->n == AG_BOX_MAX || r->bytes + p->content.n > AG_BOX_BYTES_MAX)
		return base_fail(BASE_E_RANGE,
		    "relay: the mailbox of %s is full", peer);
	i = base_alloc(sizeof *i);
	i->parcel = *p;
	memset(p, 0, sizeof *p);
	TAILQ_INSERT_TAIL(&b->items, i, entry);
	b->n++;
	r->bytes += i->parcel.content.n;
	return BASE_OK;
}

enum base_err
ag_relay_put(struct ag_relay *r, const char *from, struct wire_parcel *p,
    struct base_time now, bool *local, char next[BASE_NAME_MAX + 1])
{
	const char *to;
	enum base_err e;

	*local = false;
	next[0] = '\0';
	if ((e = route(r, from, p, &to)) != BASE_OK)
		return e;
	if (p->expires.ms <= now.ms)
		return base_fail(BASE_E_EXPIRED,
		    "relay: a parcel from %s has expired", from);
	if (to == NULL) {
		*local = true;
		return BASE_OK;
	}
	strcpy(next, to);
	return queue(r, next, p, now);
}

bool
ag_relay_has(const struct ag_relay *r, const char *peer)
{
	const struct box *b = find(r, peer);

	return b != NULL && b->n > 0;
}

void
ag_relay_take(struct ag_relay *r, const char *peer, struct base_time now,
    struct wire_exchange *x)
{
	struct box *b = find(r, peer);
	size_t bytes = 0;
	struct item *i;

	if (b == NULL)
		return;
	drop_expired(r, b, now);
	x->parcels = base_alloc((b->n + 1) * sizeof *x->parcels);
	while ((i = TAILQ_FIRST(&b->items)) != NULL &&
	    x->nparcels < WIRE_PARCELS &&
	    bytes + i->parcel.content.n <= AG_TAKE_BYTES) {
		bytes += i->parcel.content.n;
		r->bytes -= i->parcel.content.n;
		x->parcels[x->nparcels++] = i->parcel;
		TAILQ_REMOVE(&b->items, i, entry);
		b->n--;
		free(i);
	}
	if (b->n == 0)
		box_free(r, b);
}

void
ag_relay_back(struct ag_relay *r, const char *peer, struct wire_exchange *x)
{
	struct box *b;
	struct item *i;

	if (x->nparcels == 0 || box_for(r, peer, &b) != BASE_OK)
		return;
	while (x->nparcels > 0) {
		i = base_alloc(sizeof *i);
		i->parcel = x->parcels[--x->nparcels];
		r->bytes += i->parcel.content.n;
		TAILQ_INSERT_HEAD(&b->items, i, entry);
		b->n++;
	}
}
