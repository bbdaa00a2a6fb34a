/*
 * agentd/relay: the next hop of a parcel and the mailboxes. Used by net.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agentd/relay.h"

struct sender { /* who has parcels here */
	LIST_ENTRY(sender) entry;
	char name[BASE_NAME_MAX + 1];
	size_t n, bytes;
};

struct item {
	TAILQ_ENTRY(item) entry;
	struct sender *from;
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
	const struct ag_config *conf;
	const struct ag_spool *spool;
	LIST_HEAD(, box) boxes;
	LIST_HEAD(, sender) senders;
	size_t nboxes, bytes;
};

struct ag_relay *
ag_relay_new(const struct ag_config *conf, const struct ag_spool *spool)
{
	struct ag_relay *r = base_alloc(sizeof *r);

	r->conf = conf;
	r->spool = spool;
	LIST_INIT(&r->boxes);
	LIST_INIT(&r->senders);
	return r;
}

/* ---- items ---------------------------------------------------------------------- */

static struct sender *
sender_of(struct ag_relay *r, const char *name)
{
	struct sender *s;

	LIST_FOREACH(s, &r->senders, entry)
		if (strcmp(s->name, name) == 0)
			return s;
	s = base_alloc(sizeof *s);
	strncpy(s->name, name, BASE_NAME_MAX);
	LIST_INSERT_HEAD(&r->senders, s, entry);
	return s;
}

/* A sender without parcels is forgotten. */
static void
sender_put(struct sender *s)
{
	if (s->n > 0)
		return;
	LIST_REMOVE(s, entry);
	free(s);
}

/* p moves into it */
static struct item *
item_new(struct ag_relay *r, struct box *b, struct sender *from,
    struct wire_parcel *p)
{
	struct item *i = base_alloc(sizeof *i);

	i->from = from;
	i->parcel = *p;
	memset(p, 0, sizeof *p);
	b->n++;
	from->n++;
	from->bytes += i->parcel.content.n;
	r->bytes += i->parcel.content.n;
	return i;
}

/* Out of its mailbox; the parcel is the caller's. */
static struct wire_parcel
item_pull(struct ag_relay *r, struct box *b, struct item *i)
{
	struct wire_parcel p = i->parcel;

	TAILQ_REMOVE(&b->items, i, entry);
	b->n--;
	r->bytes -= p.content.n;
	i->from->n--;
	i->from->bytes -= p.content.n;
	sender_put(i->from);
	free(i);
	return p;
}

static void
drop(struct ag_relay *r, struct box *b, struct item *i)
{
	struct wire_parcel p = item_pull(r, b, i);

	if (r->spool != NULL)
		ag_spool_drop(r->spool, &p);
	wire_parcel_clear(&p);
}

/* ---- mailboxes ------------------------------------------------------------------ */

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
box_free(struct ag_relay *r, struct box *b)
{
	while (!TAILQ_EMPTY(&b->items)) {
		struct wire_parcel p = item_pull(r, b, TAILQ_FIRST(&b->items));

		wire_parcel_clear(&p);
	}
	LIST_REMOVE(b, entry);
	r->nboxes--;
	free(b);
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

/* Everywhere, and mailboxes that are empty then. */
static void
sweep(struct ag_relay *r, struct base_time now)
{
	struct box *b = LIST_FIRST(&r->boxes), *after;

	for (; b != NULL; b = after) {
		after = LIST_NEXT(b, entry);
		drop_expired(r, b, now);
		if (b->n == 0)
			box_free(r, b);
	}
}

static struct box *
box_for(struct ag_relay *r, const char *peer)
{
	struct box *b = find(r, peer);

	if (b != NULL)
		return b;
	b = base_alloc(sizeof *b);
	strncpy(b->peer, peer, BASE_NAME_MAX);
	TAILQ_INIT(&b->items);
	LIST_INSERT_HEAD(&r->boxes, b, entry);
	r->nboxes++;
	return b;
}

/* ---- routes --------------------------------------------------------------------- */

/* This node's place in the route; nroute when it is not in it. */
static size_t
place(const struct ag_relay *r, const struct wire_parcel *p)
{
	size_t i = 0;

	while (i < p->nroute && strcmp(p->route[i], r->conf->node) != 0)
		i++;
	return i;
}

static const char *
name_at(const struct wire_parcel *p, size_t i)
{
	return i == 0 ? "ca" : p->route[i - 1];
}

/* Who hands the parcel to whom, when this node is number i on its way; NULL
 * in *next: it is for this node. */
static const char *
hop(const struct ag_relay *r, const struct wire_parcel *p, size_t i,
    const char **next)
{
	bool last = i + 1 == p->nroute;
	const char *up = name_at(p, i);
	const char *down = last ? r->conf->node : p->route[i + 1];

	*next = p->down ? (last ? NULL : down) : up;
	return p->down ? up : down;
}

static bool
is_reachable(const struct ag_config *c, const char *peer)
{
	if (strcmp(peer, "ca") == 0)
		return c->ca_poll || c->management != NULL;
	for (size_t i = 0; i < c->npeers; i++)
		if (strcmp(c->peers[i].node, peer) == 0)
			return true;
	return c->relay.address != NULL && ag_config_accepts(c, peer);
}

static enum base_err
route(const struct ag_relay *r, const char *from, const struct wire_parcel *p,
    const char **next)
{
	const char *node = r->conf->node, *sender;
	size_t i = place(r, p);

	if (i >= p->nroute)
		return base_fail(BASE_E_REFUSED,
		    "relay: %s is not on the way of a parcel from %s", node,
		    from);
	sender = hop(r, p, i, next);
	if (strcmp(from, sender) != 0)
		return base_fail(BASE_E_REFUSED,
		    "relay: a parcel came from %s, its route says %s", from,
		    sender);
	if (strcmp(from, node) == 0 && p->down)
		return base_fail(BASE_E_REFUSED,
		    "relay: a parcel to ourselves");
	if (*next != NULL && !is_reachable(r->conf, *next))
		return base_fail(BASE_E_REFUSED,
		    "relay: a parcel from %s goes to %s, with whom this "
		    "node's configuration shares no link; compare via in the "
		    "topology with relay.accept and neighbours here",
		    from, *next);
	return BASE_OK;
}

/* ---- in and out ----------------------------------------------------------------- */

static bool
same_way(const struct wire_parcel *a, const struct wire_parcel *b)
{
	if (a->kind != b->kind || a->down != b->down || a->nroute != b->nroute)
		return false;
	for (size_t i = 0; i < a->nroute; i++)
		if (strcmp(a->route[i], b->route[i]) != 0)
			return false;
	return true;
}

static bool
same_parcel(const struct wire_parcel *a, const struct wire_parcel *b)
{
	return same_way(a, b) && a->content.n == b->content.n &&
	    memcmp(a->content.p, b->content.p, a->content.n) == 0;
}

/* The relay behind which the node joins has the answer for it. */
static bool
ends_here(const struct ag_relay *r, const struct wire_parcel *p)
{
	return p->kind == WIRE_P_JOIN_ANSWER && place(r, p) + 2 == p->nroute;
}

/* Comes again by itself: a restart need not find it. */
static bool
is_fleeting(const struct wire_parcel *p)
{
	return p->kind == WIRE_P_STOCK || p->kind == WIRE_P_JOIN ||
	    p->kind == WIRE_P_JOIN_ANSWER || p->kind == WIRE_P_INVITE ||
	    p->kind == WIRE_P_HANDED;
}

/* A node's newest stock says all that an older one did, and so does a join
 * that was sealed again. */
static void
drop_older(struct ag_relay *r, struct box *b, const struct wire_parcel *p)
{
	struct item *i = TAILQ_FIRST(&b->items), *after;

	if (p->kind != WIRE_P_STOCK && p->kind != WIRE_P_JOIN)
		return;
	for (; i != NULL; i = after) {
		after = TAILQ_NEXT(i, entry);
		if (same_way(&i->parcel, p))
			drop(r, b, i);
	}
}

static bool
is_there(const struct box *b, const struct wire_parcel *p)
{
	const struct item *i;

	TAILQ_FOREACH(i, &b->items, entry)
		if (same_parcel(&i->parcel, p))
			return true;
	return false;
}

static size_t
share_of(const struct box *b, const struct sender *s)
{
	const struct item *i;
	size_t n = 0;

	TAILQ_FOREACH(i, &b->items, entry)
		n += i->from == s;
	return n;
}

/* They are worth something for some minutes only, and must not take the place
 * of reports while nobody fetches. NULL: p needs nobody's place. */
static struct item *
oldest_hint(const struct box *b, const struct sender *s,
    const struct wire_parcel *p)
{
	struct item *i, *first = NULL;
	size_t n = 0;

	if (b == NULL || p->kind != WIRE_P_HANDED)
		return NULL;
	TAILQ_FOREACH(i, &b->items, entry)
		if (i->parcel.kind == WIRE_P_HANDED && i->from == s && n++ == 0)
			first = i;
	return n >= AG_HINTS_MAX ? first : NULL;
}

/* What is full; NULL: there is room for p of s, when it takes its place from
 * another that is there. b may be NULL. */
static const char *
no_room(const struct ag_relay *r, const struct box *b, const struct sender *s,
    const struct wire_parcel *p)
{
	const struct item *old = oldest_hint(b, s, p);
	const size_t one = old != NULL;
	const size_t less = old == NULL ? 0 : old->parcel.content.n;
	const size_t n = p->content.n;

	if (b == NULL && r->nboxes == AG_BOXES_MAX)
		return "the number of mailboxes";
	if (b != NULL && b->n - one >= AG_BOX_MAX)
		return "the mailbox";
	if (b != NULL && share_of(b, s) - one >= AG_SHARE_MAX)
		return "the sender's share of the mailbox";
	if (s->n - one >= AG_SENDER_MAX ||
	    s->bytes - less + n > AG_SENDER_BYTES)
		return "the sender's share of all mailboxes";
	if (r->bytes - less + n > AG_BOX_BYTES_MAX)
		return "the memory for mailboxes";
	return NULL;
}

static enum base_err
queue(struct ag_relay *r, const char *from, const char *peer,
    struct wire_parcel *p, struct base_time now)
{
	struct box *b = find(r, peer);
	struct sender *s;
	struct item *i;
	const char *full;

	if (b != NULL) {
		drop_expired(r, b, now);
		drop_older(r, b, p);
	}
	if (b != NULL && is_there(b, p)) {
		wire_parcel_clear(p);
		return BASE_OK;
	}
	s = sender_of(r, from);
	if (no_room(r, b, s, p) != NULL) {
		sweep(r, now);
		b = find(r, peer);
		s = sender_of(r, from);
	}
	if ((full = no_room(r, b, s, p)) != NULL) {
		sender_put(s);
		return base_fail(BASE_E_RANGE,
		    "relay: a parcel from %s to %s: %s is used up", from, peer,
		    full);
	}
	/* our own are in the store; a full disk does not stop the others */
	if (r->spool != NULL && strcmp(from, r->conf->node) != 0 &&
	    !is_fleeting(p) && ag_spool_put(r->spool, p) != BASE_OK)
		base_log(BASE_WARNING, "relay: only in memory: %s", base_why());
	if ((i = oldest_hint(b, s, p)) != NULL)
		drop(r, b, i);
	b = box_for(r, peer);
	i = item_new(r, b, s, p);
	TAILQ_INSERT_TAIL(&b->items, i, entry);
	return BASE_OK;
}

enum base_err
ag_relay_put(struct ag_relay *r, const char *from, struct wire_parcel *p,
    struct base_time now, bool *local, char next[BASE_NAME_MAX + 1])
{
	struct base_time end = base_time_add_s(now, AG_KEEP_S);
	const char *to;
	enum base_err e;

	*local = false;
	next[0] = '\0';
	if ((e = route(r, from, p, &to)) != BASE_OK)
		return e;
	if (p->expires.ms <= now.ms)
		return base_fail(BASE_E_EXPIRED,
		    "relay: a parcel from %s has expired", from);
	if (to == NULL || ends_here(r, p)) {
		*local = true;
		return BASE_OK;
	}
	strcpy(next, to);
	if (p->expires.ms > end.ms)
		p->expires = end;
	return queue(r, from, next, p, now);
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
		x->parcels[x->nparcels++] = item_pull(r, b, i);
	}
	if (b->n == 0)
		box_free(r, b);
}

void
ag_relay_done(struct ag_relay *r, const struct wire_exchange *x)
{
	for (size_t i = 0; r->spool != NULL && i < x->nparcels; i++)
		ag_spool_drop(r->spool, &x->parcels[i]);
}

void
ag_relay_back(struct ag_relay *r, const char *peer, struct wire_exchange *x)
{
	struct wire_parcel *p;
	struct sender *s;
	struct item *i;
	const char *to;
	struct box *b;

	if (x->nparcels == 0)
		return;
	b = box_for(r, peer);
	while (x->nparcels > 0) {
		p = &x->parcels[--x->nparcels];
		s = sender_of(r, hop(r, p, place(r, p), &to));
		i = item_new(r, b, s, p);
		TAILQ_INSERT_HEAD(&b->items, i, entry);
	}
}

bool
ag_relay_handed(const struct ag_relay *r, const struct wire_parcel *p,
    struct base_time now, struct wire_parcel *hint)
{
	const size_t i = place(r, p);
	uint8_t digest[32];

	memset(hint, 0, sizeof *hint);
	if (p->kind != WIRE_P_ORDER || i + 1 >= p->nroute)
		return false;
	hint->kind = WIRE_P_HANDED;
	hint->nroute = (uint8_t)(i + 1);
	memcpy(hint->route, p->route, sizeof hint->route);
	hint->expires = base_time_add_s(now, AG_HINT_S);
	wire_digest((struct base_span){ p->content.p, p->content.n }, digest);
	if (base_buf_put(&hint->content, digest, sizeof digest) != BASE_OK)
		base_die("relay: out of memory");
	return true;
}

struct loading {
	struct ag_relay *relay;
	struct base_time now;
};

/* As if its sender gave it now: the configuration may have changed. */
static void
load_parcel(void *arg, struct wire_parcel *p)
{
	const struct loading *l = arg;
	struct ag_relay *r = l->relay;
	char from[BASE_NAME_MAX + 1] = "nobody", next[BASE_NAME_MAX + 1];
	size_t i = place(r, p);
	const char *to;
	bool local;

	if (i < p->nroute)
		strcpy(from, hop(r, p, i, &to));
	if (ag_relay_put(r, from, p, l->now, &local, next) == BASE_OK)
		return;
	base_log(BASE_WARNING, "%s", base_why());
	ag_spool_drop(r->spool, p);
}

enum base_err
ag_relay_load(struct ag_relay *r, struct base_time now)
{
	struct loading l = { r, now };

	return r->spool == NULL ? BASE_OK
				: ag_spool_load(r->spool, load_parcel, &l);
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
