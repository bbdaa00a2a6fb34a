/*
 * plan: a whole roll from "all on the old generation" as a partial order.
 * What an order waits for is what the rule check needs (needs_derive), plus
 * the node's own sequence and the strategy's layers; nothing is known here
 * about topologies. The prerequisites are not stored: pol_plan_after reads
 * them off the graph, so that a plan costs bytes per node, not per link.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/inside.h"

struct pol_plan {
	struct shape shape;
	struct needs needs;
	uint32_t *slot; /* orders, sorted by (round, node); see slot_of */
	uint32_t *round_at; /* [round - 1]: its first order; then the end */
	uint32_t norders, nrounds;
	uint32_t *id; /* [slot]: index above; the round while planning */
	uint32_t *members; /* nodes by group; layered strategies only */
	uint32_t *members_at;
	uint32_t *after; /* answer of pol_plan_after */
	size_t nafter, after_cap;
};

static uint32_t
slot_of(uint32_t node, unsigned part)
{
	return node * PARTS_MAX + part;
}

/* ---- rounds of minimal ----------------------------------------------------------
 * Every trust waits for nothing; every cert for at least one trust and for
 * nothing later; every finish for at least one cert. A test holds this
 * against the count below on random graphs. */

static uint32_t
rounds_of_minimal(const struct shape *s, uint32_t *round)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < s->graph->nnodes; i++) {
		const struct parts *parts = shape_parts(s, i);
		for (unsigned k = 0; k < parts->n; k++) {
			/* 1, 2, 4 become 1, 2, 3 */
			uint32_t r = (parts->part[k] + 2u) / 2u;
			round[slot_of(i, k)] = r;
			last = r > last ? r : last;
		}
	}
	return last;
}

/* ---- rounds by layers ----------------------------------------------------------- */

static enum pol_err
rounds_by_layer(const struct shape *s, uint32_t *round)
{
	uint8_t *seen = calloc((size_t)s->ngroups + 1, 1);

	if (seen == NULL)
		return POL_E_NOMEM;
	for (uint32_t i = 0; i < s->graph->nnodes; i++) {
		const struct parts *parts = shape_parts(s, i);
		for (unsigned k = 0; k < parts->n; k++)
			seen[s->group[i]] |= (uint8_t)(1u
			    << shape_layer(s, s->role[i], parts->part[k]));
	}
	for (uint32_t i = 0; i < s->graph->nnodes; i++) {
		const struct parts *parts = shape_parts(s, i);
		for (unsigned k = 0; k < parts->n; k++) {
			unsigned layer =
			    shape_layer(s, s->role[i], parts->part[k]);
			unsigned below =
			    seen[s->group[i]] & ((1u << layer) - 1);
			round[slot_of(i, k)] =
			    1 + (uint32_t)__builtin_popcount(below);
		}
	}
	free(seen);
	return POL_OK;
}

/* ---- rounds by prerequisites ------------------------------------------------------
 * Orders whose prerequisites are counted down to none, in a queue. */

struct count {
	const struct shape *shape;
	const struct needs *needs;
	uint32_t *left; /* prerequisites not yet in a round */
	uint32_t *round;
	uint32_t *queue;
	uint32_t head, tail;
};

/* How many of the peer's orders carry steps that are needed. */
static unsigned
parts_needed(const struct shape *s, uint32_t peer, uint8_t need)
{
	const struct parts *parts;
	unsigned found = 0;

	if (need == 0)
		return 0;
	parts = shape_parts(s, peer);
	for (unsigned k = 0; k < parts->n; k++)
		found += (parts->part[k] & need) != 0;
	return found;
}

static void
count_node(struct count *c, uint32_t node)
{
	const struct shape *s = c->shape;
	const struct parts *parts = shape_parts(s, node);
	struct asked a = { node, 0, 0 };

	for (unsigned k = 0; k < parts->n; k++) {
		uint32_t left;
		struct walk w = walk_start(s->graph, node);
		const struct half *h;
		a.part = parts->part[k];
		left = parts_needed(s, node,
		    (uint8_t)needs_own(s->role[node], a.part));
		while ((h = walk_next(&w)) != NULL)
			left += parts_needed(s, h->peer,
			    link_needs(s, c->needs, &a, h, w.is_client));
		c->left[slot_of(node, k)] = left;
		if (left == 0)
			c->queue[c->tail++] = slot_of(node, k);
		a.done |= a.part;
	}
}

static void
count_down(struct count *c, uint32_t slot, uint32_t round)
{
	if (c->round[slot] < round)
		c->round[slot] = round;
	if (--c->left[slot] == 0)
		c->queue[c->tail++] = slot;
}

/* steps of peer got a round: tell one neighbour (or itself). */
static void
count_tell(struct count *c, uint32_t node, const struct half *back,
    bool is_client, struct pol_order told, uint32_t round)
{
	const struct shape *s = c->shape;
	const struct parts *parts = shape_parts(s, node);
	struct asked a = { node, 0, 0 };

	for (unsigned k = 0; k < parts->n; k++) {
		uint32_t need;
		a.part = parts->part[k];
		need = back == NULL
		    ? needs_own(s->role[node], a.part)
		    : link_needs(s, c->needs, &a, back, is_client);
		if ((need & told.steps) != 0)
			count_down(c, slot_of(node, k), round);
		a.done |= a.part;
	}
}

static void
count_spread(struct count *c, uint32_t slot)
{
	const struct shape *s = c->shape;
	const uint32_t node = slot / PARTS_MAX;
	const uint32_t round = ++c->round[slot];
	struct walk w = walk_start(s->graph, node);
	struct pol_order told = { node, 0 };
	const struct half *h;

	told.steps = shape_parts(s, node)->part[slot % PARTS_MAX];
	count_tell(c, node, NULL, false, told, round);
	while ((h = walk_next(&w)) != NULL) {
		struct half back = *h;
		back.peer = node;
		count_tell(c, h->peer, &back, !w.is_client, told, round);
	}
}

static enum pol_err
rounds_by_count(const struct shape *s, const struct needs *needs,
    uint32_t *round)
{
	const size_t nslots = (size_t)s->graph->nnodes * PARTS_MAX + 1;
	struct count c = { .shape = s, .needs = needs, .round = round };
	enum pol_err e = POL_E_NOMEM;

	c.left = calloc(nslots, sizeof(*c.left));
	c.queue = malloc(nslots * sizeof(*c.queue));
	if (c.left == NULL || c.queue == NULL)
		goto out;
	for (uint32_t i = 0; i < s->graph->nnodes; i++)
		count_node(&c, i);
	while (c.head < c.tail)
		count_spread(&c, c.queue[c.head++]);
	e = POL_OK;
	for (uint32_t i = 0; i < s->graph->nnodes; i++) {
		const struct parts *parts = shape_parts(s, i);
		for (unsigned k = 0; k < parts->n; k++)
			if (c.left[slot_of(i, k)] != 0)
				e = POL_E_UNSAFE;
	}
out:
	free(c.left);
	free(c.queue);
	return e;
}

/* ---- making a plan ------------------------------------------------------------------- */

static uint32_t
rounds_last(const struct shape *s, const uint32_t *round)
{
	const size_t nslots = (size_t)s->graph->nnodes * PARTS_MAX;
	uint32_t last = 0;

	for (size_t i = 0; i < nslots; i++)
		last = round[i] > last ? round[i] : last;
	return last;
}

/* Orders by (round, node): the nodes are dealt out into the rounds. */
static enum pol_err
orders_sort(struct pol_plan *p)
{
	const size_t nslots = (size_t)p->shape.graph->nnodes * PARTS_MAX;
	uint32_t *at = calloc((size_t)p->nrounds + 2, sizeof(*at));

	if ((p->round_at = at) == NULL)
		return POL_E_NOMEM;
	for (size_t i = 0; i < nslots; i++)
		at[p->id[i]]++;
	/* no round: no order */
	at[0] = 0;
	for (uint32_t r = 1; r <= p->nrounds; r++)
		at[r] += at[r - 1];
	p->norders = at[p->nrounds];
	p->slot = malloc(((size_t)p->norders + 1) * sizeof(*p->slot));
	if (p->slot == NULL)
		return POL_E_NOMEM;
	for (uint32_t i = 0; i < nslots; i++) {
		if (p->id[i] != 0) {
			p->id[i] = at[p->id[i] - 1]++;
			p->slot[p->id[i]] = i;
		}
	}
	/* each start has moved to the next one's: move them back */
	memmove(at + 1, at, (size_t)p->nrounds * sizeof(*at));
	at[0] = 0;
	return POL_OK;
}

static enum pol_err
members_make(struct pol_plan *p)
{
	const struct shape *s = &p->shape;
	const uint32_t nnodes = s->graph->nnodes;

	p->members = malloc(((size_t)nnodes + 1) * sizeof(*p->members));
	p->members_at = calloc((size_t)s->ngroups + 2, sizeof(uint32_t));
	if (p->members == NULL || p->members_at == NULL)
		return POL_E_NOMEM;
	for (uint32_t i = 0; i < nnodes; i++)
		if (s->group[i] != POL_NONE)
			p->members_at[s->group[i] + 2]++;
	for (uint32_t k = 0; k < s->ngroups; k++)
		p->members_at[k + 1] += p->members_at[k];
	/* [k + 1] is the next place of group k; it ends as the start of k + 1 */
	for (uint32_t i = 0; i < nnodes; i++)
		if (s->group[i] != POL_NONE)
			p->members[p->members_at[s->group[i] + 1]++] = i;
	return POL_OK;
}

static enum pol_err
plan_fill(struct pol_plan *p)
{
	const struct shape *s = &p->shape;
	const size_t nslots = (size_t)s->graph->nnodes * PARTS_MAX + 1;
	enum pol_err e = POL_OK;

	p->id = calloc(nslots, sizeof(*p->id));
	if (p->id == NULL)
		e = POL_E_NOMEM;
	else if (shape_has_layers(s))
		e = rounds_by_layer(s, p->id);
	else if (s->strategy == POL_MINIMAL && !s->has_last)
		p->nrounds = rounds_of_minimal(s, p->id);
	else
		e = rounds_by_count(s, &p->needs, p->id);
	if (e == POL_OK && p->nrounds == 0)
		p->nrounds = rounds_last(s, p->id);
	if (e == POL_OK)
		e = orders_sort(p);
	if (e == POL_OK && shape_has_layers(s))
		e = members_make(p);
	return e;
}

enum pol_err
pol_plan_make(const struct pol_graph *g, uint32_t root, enum pol_strategy st,
    struct pol_plan **out)
{
	struct pol_plan *p = calloc(1, sizeof(*p));
	enum pol_err e;

	*out = NULL;
	if (p == NULL)
		return POL_E_NOMEM;
	needs_derive(&p->needs);
	if ((e = shape_make(g, root, st, &p->shape)) == POL_OK)
		e = plan_fill(p);
	if (e != POL_OK) {
		pol_plan_free(p);
		return e;
	}
	*out = p;
	return POL_OK;
}

/* ---- reading it ------------------------------------------------------------------------ */

uint32_t
pol_plan_count(const struct pol_plan *p)
{
	return p->norders;
}

uint32_t
pol_plan_rounds(const struct pol_plan *p)
{
	return p->nrounds;
}

uint32_t
pol_plan_least(const struct pol_plan *p)
{
	return p->shape.strategy == POL_COMPACT ? p->norders - p->shape.spare
						: 0;
}

/* The last round that starts at or before order i. */
static uint32_t
round_of(const struct pol_plan *p, uint32_t i)
{
	uint32_t low = 1, high = p->nrounds;

	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;
		if (p->round_at[middle - 1] <= i)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

struct pol_plan_order
pol_plan_order(const struct pol_plan *p, uint32_t i)
{
	uint32_t node;

	if (i >= p->norders)
		return (struct pol_plan_order){ POL_NONE, 0, 0 };
	node = p->slot[i] / PARTS_MAX;
	return (struct pol_plan_order){ node,
		shape_parts(&p->shape, node)->part[p->slot[i] % PARTS_MAX],
		round_of(p, i) };
}

uint32_t
pol_plan_groups(const struct pol_plan *p)
{
	return p->shape.ngroups;
}

uint32_t
pol_plan_group_of(const struct pol_plan *p, uint32_t node)
{
	return node < p->shape.graph->nnodes ? p->shape.group[node] : POL_NONE;
}

size_t
pol_plan_notes(const struct pol_plan *p, const struct pol_plan_note **out)
{
	*out = p->shape.notes;
	return p->shape.nnotes;
}

/* ---- what an order waits for --------------------------------------------------------------- */

static bool
after_add(struct pol_plan *p, uint32_t id)
{
	if (p->nafter == p->after_cap) {
		size_t cap = p->after_cap == 0 ? 64 : 2 * p->after_cap;
		uint32_t *a = realloc(p->after, cap * sizeof(*a));
		if (a == NULL)
			return false;
		p->after = a;
		p->after_cap = cap;
	}
	p->after[p->nafter++] = id;
	return true;
}

static bool
after_add_parts(struct pol_plan *p, uint32_t node, uint32_t need)
{
	const struct parts *parts = shape_parts(&p->shape, node);

	for (unsigned k = 0; k < parts->n; k++)
		if ((parts->part[k] & need) != 0 &&
		    !after_add(p, p->id[slot_of(node, k)]))
			return false;
	return true;
}

static bool
after_by_layer(struct pol_plan *p, const struct pol_plan_order *o)
{
	const struct shape *s = &p->shape;
	const uint32_t group = s->group[o->node];

	if (o->round == 1)
		return true;
	for (uint32_t i = p->members_at[group]; i < p->members_at[group + 1];
	     i++) {
		uint32_t node = p->members[i];
		const struct parts *parts = shape_parts(s, node);
		for (unsigned k = 0; k < parts->n; k++) {
			uint32_t id = p->id[slot_of(node, k)];
			if (id >= p->round_at[o->round - 2] &&
			    id < p->round_at[o->round - 1] && !after_add(p, id))
				return false;
		}
	}
	return true;
}

static bool
after_by_need(struct pol_plan *p, const struct pol_plan_order *o)
{
	const struct shape *s = &p->shape;
	struct walk w = walk_start(s->graph, o->node);
	struct asked a = { o->node, 0, o->steps };
	const struct parts *parts = shape_parts(s, o->node);
	const struct half *h;

	for (unsigned k = 0; parts->part[k] != o->steps; k++)
		a.done |= parts->part[k];
	if (!after_add_parts(p, o->node, needs_own(s->role[o->node], o->steps)))
		return false;
	while ((h = walk_next(&w)) != NULL)
		if (!after_add_parts(p, h->peer,
			link_needs(s, &p->needs, &a, h, w.is_client)))
			return false;
	return true;
}

/* Ascending and once each; shell sort, because lists are short or sorted. */
static void
after_sort(uint32_t *a, size_t *n)
{
	size_t out = 0;

	for (size_t gap = *n / 2; gap > 0; gap /= 2)
		for (size_t i = gap; i < *n; i++) {
			uint32_t v = a[i];
			size_t j = i;
			for (; j >= gap && a[j - gap] > v; j -= gap)
				a[j] = a[j - gap];
			a[j] = v;
		}
	for (size_t i = 0; i < *n; i++)
		if (out == 0 || a[out - 1] != a[i])
			a[out++] = a[i];
	*n = out;
}

enum pol_err
pol_plan_after(struct pol_plan *p, uint32_t i, const uint32_t **out, size_t *n)
{
	const struct pol_plan_order o = pol_plan_order(p, i);
	bool ok;

	*out = NULL;
	*n = p->nafter = 0;
	if (i >= p->norders)
		return POL_E_RANGE;
	ok = shape_has_layers(&p->shape) ? after_by_layer(p, &o)
					 : after_by_need(p, &o);
	if (!ok)
		return POL_E_NOMEM;
	after_sort(p->after, &p->nafter);
	*out = p->after;
	*n = p->nafter;
	return POL_OK;
}

/* A trust that forgets in the same order is never presumed. */
static bool
may_be_presumed(const struct shape *s, uint32_t node)
{
	const struct parts *parts = shape_parts(s, node);

	for (unsigned k = 0; k < parts->n; k++)
		if (parts->part[k] & POL_TRUST)
			return (parts->part[k] & POL_FINISH) == 0;
	return false;
}

static bool
is_among(const uint32_t *list, size_t n, uint32_t node)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == node)
			return true;
	return false;
}

size_t
pol_plan_risks(const struct pol_plan *p, uint32_t i, uint32_t *out, size_t max)
{
	const struct pol_plan_order o = pol_plan_order(p, i);
	const struct shape *s = &p->shape;
	struct walk w = walk_start(s->graph, o.node);
	const struct half *h;
	size_t n = 0;

	/* layers wait for what is effective */
	if (i >= p->norders || !(o.steps & POL_CERT) ||
	    (o.steps & POL_FINISH) || shape_has_layers(s))
		return 0;
	while ((h = walk_next(&w)) != NULL) {
		bool c = w.is_client;
		if ((c ? h->client_root : h->server_root) != s->root ||
		    direction_bridges(s->graph, o.node, h->peer, c) ||
		    !may_be_presumed(s, h->peer) ||
		    is_among(out, n < max ? n : max, h->peer))
			continue;
		if (n < max)
			out[n] = h->peer;
		n++;
	}
	return n;
}

void
pol_plan_free(struct pol_plan *p)
{
	if (p == NULL)
		return;
	shape_free(&p->shape);
	free(p->slot);
	free(p->round_at);
	free(p->id);
	free(p->members);
	free(p->members_at);
	free(p->after);
	free(p);
}
