/*
 * hood: what is asked about a node is asked once for each neighbourhood that
 * it can be in. Which orders the rules allow, what an order breaks, and what
 * a fact about it changes depend on the node, its links, and what its peers
 * may hold; so do all checks of these answers. They depend neither on who
 * else is there, nor on what came before, nor on how many mishaps are left as
 * long as there is one. So the answer for one neighbourhood is that for all
 * that look alike, in whichever graph.
 *
 * That the library's answers are like this is a claim about the library. It
 * is not only read off its code: every n-th time that an answer is at hand
 * (--again; 1 is always), all is asked again in the state in which the search
 * stands, and must come out the same.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/star.h"

/* 20 bits for the node with goal and mishaps, as many for each of three
 * peers; the answer above them. No hash: equal keys are equal neighbourhoods.
 */
#define END_BITS    20
#define ANSWER_AT   (2 * END_BITS)
#define KEY_MASK    ((UINT64_C(1) << ANSWER_AT) - 1)
#define ANSWER_KEPT (UINT64_C(1) << 63)

static uint64_t
own_key(const struct search *s, const struct state *st, uint32_t i)
{
	const struct node_state *n = &st->node[i];
	uint64_t key = n->trusts;

	key = key << 4 | n->chains;
	key = key << 3 | n->steps;
	key = key << 1 | (n->to == 2);
	key = key << 1 | n->excused;
	key = key << 3 | s->t.traits[i];
	key = key << 1 | (st->goal == 2);
	/* mishaps that can happen */
	key = key << 1 | (st->failures > 0 && n->steps != 0);
	key = key << 1 | (st->excuses > 0 && !n->excused);
	return key << 1 | (st->doubts > 0);
}

/* Of the peer only what meets the node. */
static uint64_t
peer_key(const struct search *s, const struct state *st, uint32_t node,
    uint32_t i)
{
	const uint8_t out = s->t.shows[node][i], in = s->t.shows[i][node];
	uint64_t key = out == 0 ? 0 : s->may.trust[i];

	key = key << 4 | (in == 0 ? 0 : s->may.show[i]);
	key = key << 1 | st->node[i].excused;
	key = key << 3 | out;
	return key << 3 | in;
}

static struct hood
hood_of(const struct search *s, const struct state *st, uint32_t node)
{
	const uint64_t own = own_key(s, st, node);
	uint64_t peer[3] = { 0, 0, 0 };

	for (uint32_t i = 0; i < s->t.n; i++) {
		uint64_t key;
		if ((s->t.shows[node][i] | s->t.shows[i][node]) == 0)
			continue;
		key = peer_key(s, st, node, i);
		/* the largest first: peers have no numbers here */
		for (unsigned k = 0; k < 3; k++)
			if (key > peer[k]) {
				const uint64_t less = peer[k];
				peer[k] = key;
				key = less;
			}
	}
	return (struct hood){ own << END_BITS | peer[0],
		peer[1] << END_BITS | peer[2] };
}

/* ---- the table ------------------------------------------------------------- */

static size_t
hood_place(const struct hoods *h, struct hood k)
{
	uint64_t x = (k.a & KEY_MASK) ^ k.b * UINT64_C(0x9e3779b97f4a7c15);
	size_t at;

	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	at = (size_t)(x >> 20) & (h->size - 1);
	while (h->at[at].a != 0 &&
	    ((h->at[at].a & KEY_MASK) != k.a || h->at[at].b != k.b))
		at = (at + 1) & (h->size - 1);
	return at;
}

static void
hoods_grow(struct hoods *h)
{
	struct hoods old = *h;

	h->size = old.size == 0 ? 4096 : old.size * 2;
	h->at = search_grown(NULL, h->size, sizeof(*h->at));
	memset(h->at, 0, h->size * sizeof(*h->at));
	for (size_t i = 0; i < old.size; i++)
		if (old.at[i].a != 0)
			h->at[hood_place(h,
			    (struct hood){ old.at[i].a & KEY_MASK,
				old.at[i].b })] = old.at[i];
	free(old.at);
}

/* ---- the checks ------------------------------------------------------------ */

static void
event_check(struct search *s, const struct state *before,
    const struct event *ev)
{
	const uint32_t i = ev->fact.node;
	const char *why;

	if (ev->fact.kind == POL_FACT_SENT &&
	    (why = world_breaks(&s->t, &ev->after, i)) != NULL) {
		fprintf(stderr, "explore: order %u to node %u\n",
		    ev->fact.steps, i);
		search_found(s, before, why);
	}
	resume_check(s, ev);
}

/* An order that may change something. */
static bool
order_changes(const struct search *s, const struct state *st, uint32_t i,
    uint8_t steps)
{
	struct node_state n = st->node[i];

	world_outrank(&s->t, i, &n, steps, st->goal);
	return world_trusts_after(&s->t, i, &n) != n.trusts ||
	    world_chains_after(&s->t, i, &n) != n.chains;
}

static uint8_t
orders_allowed(struct search *s, const struct state *st, uint32_t i)
{
	const uint8_t mine = world_steps(&s->t, i);
	const struct pol_engine *e = resume_here(s, st, i);
	uint8_t allowed = 0;

	for (uint8_t steps = 1; steps < 8 && !st->node[i].excused; steps++) {
		if ((steps & ~mine) != 0 ||
		    pol_engine_allowed(e, i, steps, NULL) != POL_OK)
			continue;
		if (st->node[i].steps != 0 && st->node[i].to == st->goal)
			search_found(s, st,
			    "a second order while one is outstanding");
		if (order_changes(s, st, i, steps))
			allowed |= (uint8_t)(1u << steps);
	}
	return allowed;
}

uint8_t
hood_check(struct search *s, const struct state *st, uint32_t i)
{
	const uint8_t orders = orders_allowed(s, st, i);

	events_of_node(s, st, i, orders, event_check);
	return orders;
}

/* With all peers excused but one, for each: what only this link allows. That
 * the rules are this and no more is what facts.c rests on. */
static void
each_link_check(struct search *s, const struct state *st, uint32_t i,
    uint8_t orders)
{
	uint8_t each = UINT8_MAX;

	if (st->node[i].excused)
		return;
	for (uint32_t k = 0; k < s->t.n; k++) {
		struct state one = *st;
		if ((s->t.shows[i][k] | s->t.shows[k][i]) == 0)
			continue;
		for (uint32_t other = 0; other < s->t.n; other++)
			if (other != i && other != k)
				one.node[other].excused = true;
		each &= orders_allowed(s, &one, i);
	}
	if (each != orders)
		search_found(s, st,
		    "several links allow other orders than each of them does");
}

void
hood_look(struct search *s, const struct state *st)
{
	world_may(&s->t, st, &s->may);
}

uint8_t
hood_orders(struct search *s, const struct state *st, uint32_t i)
{
	struct hoods *h = s->hoods;
	const struct hood k = hood_of(s, st, i);
	size_t at;
	uint8_t orders;

	if (h->n * 2 >= h->size)
		hoods_grow(h);
	at = hood_place(h, k);
	if (h->at[at].a != 0) {
		orders = (uint8_t)(h->at[at].a >> ANSWER_AT);
		if (h->found++ % h->every == 0 &&
		    hood_check(s, st, i) != orders)
			search_found(s, st,
			    "a node is answered otherwise than in the same "
			    "neighbourhood elsewhere");
		return orders;
	}
	if (!locals_have(&s->t, i, &st->node[i]))
		search_found(s, st,
		    "a run leads to what facts.c does not list");
	orders = hood_check(s, st, i);
	each_link_check(s, st, i, orders);
	h->n++;
	h->at[at] =
	    (struct hood){ k.a | (uint64_t)orders << ANSWER_AT | ANSWER_KEPT,
		    k.b };
	return orders;
}

void
hoods_free(struct hoods *h)
{
	free(h->at);
}
