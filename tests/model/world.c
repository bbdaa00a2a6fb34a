/* world: see world.h. */
#include "tests/model/world.h"

#include <stddef.h>

static const uint8_t trust_mask[4] = { 1, 2, 3, 0 };
/* shown to a verifier: by a server or a plain client, and by a dual one */
static const uint8_t chain_mask[2][4] = { { 1, 2, 2, 1 }, { 1, 2, 3, 3 } };

#define NODE_BITS 14

static uint64_t
node_key(const struct node_state *n)
{
	uint64_t key = n->trusts;

	key = key << 4 | n->chains;
	key = key << 3 | n->steps;
	key = key << 1 | (n->to == 2);
	key = key << 1 | n->touched;
	return key << 1 | n->excused;
}

static struct node_state
node_unkey(uint64_t key)
{
	struct node_state n = { .excused = key & 1, .touched = key >> 1 & 1 };

	n.steps = (key >> 3) & 7;
	n.to = n.steps == 0 ? 0 : (key >> 2 & 1) + 1;
	n.chains = (key >> 6) & 15;
	n.trusts = (key >> 10) & 15;
	return n;
}

uint64_t
state_key(const struct symmetry *y, const struct state *s)
{
	uint64_t head = s->goal - 1u, least = UINT64_MAX, node[NODES_MAX];

	head = head << 2 | s->flips;
	head = head << 1 | s->excuses;
	head = head << 1 | s->doubts;
	head = head << 2 | s->failures;
	for (uint32_t i = 0; i < y->nnodes; i++)
		node[i] = node_key(&s->node[i]);
	for (uint32_t k = 0; k < y->nperms; k++) {
		uint64_t key = head;
		for (uint32_t i = 0; i < y->nnodes; i++)
			key = key << NODE_BITS | node[y->perm[k][i]];
		least = key < least ? key : least;
	}
	return least;
}

struct state
state_unkey(const struct symmetry *y, uint64_t key)
{
	struct state s = { .goal = 0 };

	for (uint32_t i = y->nnodes; i-- > 0; key >>= NODE_BITS)
		s.node[i] = node_unkey(key & ((1u << NODE_BITS) - 1));
	s.failures = key & 3;
	s.doubts = (key >> 2) & 1;
	s.excuses = (key >> 3) & 1;
	s.flips = (key >> 4) & 3;
	s.goal = (key >> 6 & 1) + 1;
	return s;
}

/* ---- roles, straight from the links --------------------------------------- */

bool
world_verifies(const struct topology *t, uint32_t node)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->kind[node][i] != LINK_NONE ||
		    t->kind[i][node] == LINK_MUTUAL)
			return true;
	return false;
}

bool
world_presents(const struct topology *t, uint32_t node)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->kind[node][i] == LINK_MUTUAL ||
		    t->kind[i][node] != LINK_NONE)
			return true;
	return false;
}

bool
world_bridges(const struct topology *t, uint32_t node)
{
	for (uint32_t i = 0; i < t->n && t->dual[node]; i++)
		if (t->kind[node][i] == LINK_MUTUAL)
			return true;
	return false;
}

uint8_t
world_steps(const struct topology *t, uint32_t node)
{
	uint8_t steps = 0;

	if (world_verifies(t, node))
		steps |= STEP_TRUST | STEP_FINISH;
	if (world_presents(t, node))
		steps |= STEP_CERT;
	if (world_bridges(t, node))
		steps |= STEP_FINISH;
	return steps;
}

/* ---- what an order does ------------------------------------------------------- */

static uint8_t
trust_after(uint8_t value, uint8_t steps, uint8_t to)
{
	uint8_t mask = trust_mask[value];

	if (steps & STEP_TRUST)
		mask |= to;
	/* forgetting brings nothing new; the agent refuses what would leave
	 * it without a root */
	if ((steps & STEP_FINISH) && (mask & to))
		mask &= to;
	for (uint8_t i = 0; i < 4; i++)
		if (trust_mask[i] == mask)
			return i;
	return 3;
}

static uint8_t
chain_after(uint8_t value, uint8_t steps, uint8_t to, bool bridges)
{
	static const uint8_t plain[4] = { 0, 1, 1, 0 };

	if (steps & STEP_CERT)
		value = to == 2 ? (bridges ? 2 : 1) : (bridges ? 3 : 0);
	if (steps & STEP_FINISH)
		value = plain[value];
	return value;
}

uint8_t
world_trusts_after(const struct topology *t, uint32_t node,
    const struct node_state *s)
{
	uint8_t out = 0;

	if (!world_verifies(t, node))
		return s->trusts;
	for (uint8_t v = 0; v < 4; v++)
		if (s->trusts & (1u << v))
			out |= (uint8_t)(1u << trust_after(v, s->steps, s->to));
	return out;
}

uint8_t
world_trusts_effective(const struct topology *t, uint32_t node,
    const struct node_state *s)
{
	const uint8_t lacks = s->to == 2 ? 1u << 0 : 1u << 1;
	struct node_state able = *s;

	if ((s->steps & STEP_FINISH) && !(s->steps & STEP_TRUST) &&
	    world_verifies(t, node))
		able.trusts &= (uint8_t)~lacks;
	return world_trusts_after(t, node, &able);
}

uint8_t
world_chains_after(const struct topology *t, uint32_t node,
    const struct node_state *s)
{
	uint8_t out = 0;

	if (!world_presents(t, node))
		return s->chains;
	for (uint8_t v = 0; v < 4; v++)
		if (s->chains & (1u << v))
			out |= (uint8_t)(1u << chain_after(v, s->steps, s->to,
					     world_bridges(t, node)));
	return out;
}

void
world_outrank(const struct topology *t, uint32_t node, struct node_state *s,
    uint8_t steps, uint8_t to)
{
	if (s->steps != 0) {
		const uint8_t trusts = world_trusts_after(t, node, s);
		s->chains |= world_chains_after(t, node, s);
		s->trusts |= trusts;
	}
	s->steps = steps;
	s->to = to;
}

/* ---- handshakes ------------------------------------------------------------------ */

/* Sets of what one end may show or trust: bit m set when mask m may be. */
static uint8_t
shown_set(uint8_t chains, bool bridging)
{
	uint8_t out = 0;

	for (uint8_t v = 0; v < 4; v++)
		if (chains & (1u << v))
			out |= (uint8_t)(1u << chain_mask[bridging][v]);
	return out;
}

static uint8_t
trusted_set(uint8_t trusts)
{
	uint8_t out = 0;

	for (uint8_t v = 0; v < 4; v++)
		if (trusts & (1u << v))
			out |= (uint8_t)(1u << trust_mask[v]);
	return out;
}

static bool
all_meet(uint8_t a, uint8_t b)
{
	for (uint8_t i = 0; i < 4; i++)
		for (uint8_t j = 0; j < 4; j++)
			if ((a & (1u << i)) && (b & (1u << j)) && !(i & j))
				return false;
	return true;
}

static uint8_t
possible_trusts(const struct topology *t, const struct state *s, uint32_t i)
{
	const struct node_state *n = &s->node[i];

	return n->steps == 0 ? n->trusts
			     : n->trusts | world_trusts_after(t, i, n);
}

static uint8_t
possible_chains(const struct topology *t, const struct state *s, uint32_t i)
{
	const struct node_state *n = &s->node[i];

	return n->steps == 0 ? n->chains
			     : n->chains | world_chains_after(t, i, n);
}

/* A direction: presenter, verifier, and whether the presenter's bridge is
 * seen by the verifier. */
struct direction {
	uint32_t presenter, verifier;
	bool bridging;
};

static bool
direction_is_whole(const struct topology *t, const struct state *s,
    struct direction d)
{
	if (s->node[d.presenter].touched || s->node[d.verifier].touched)
		return true;
	return all_meet(shown_set(possible_chains(t, s, d.presenter),
			    d.bridging),
	    trusted_set(possible_trusts(t, s, d.verifier)));
}

/* One value of the changing file becomes another: does a handshake stop that
 * works, or is something taken away that leaves the direction broken? */
static const char *
change_breaks(uint8_t before, uint8_t after, uint8_t others)
{
	for (uint8_t o = 0; o < 4; o++)
		if ((others & (1u << o)) && (before & o) && !(after & o))
			return "a handshake that works would stop working";
	if ((before & ~after) == 0)
		return NULL;
	for (uint8_t o = 0; o < 4; o++)
		if ((others & (1u << o)) && !(after & o))
			return "something is taken away in a direction that "
			       "stays broken";
	return NULL;
}

static const char *
presenter_breaks(const struct topology *t, const struct state *s,
    struct direction d)
{
	const struct node_state *n = &s->node[d.presenter];
	const uint8_t others = trusted_set(possible_trusts(t, s, d.verifier));
	const char *why = NULL;

	for (uint8_t v = 0; v < 4 && why == NULL; v++)
		if (n->chains & (1u << v)) {
			uint8_t w = chain_after(v, n->steps, n->to,
			    world_bridges(t, d.presenter));
			if (chain_mask[d.bridging][v] !=
			    chain_mask[d.bridging][w])
				why = change_breaks(chain_mask[d.bridging][v],
				    chain_mask[d.bridging][w], others);
		}
	return why;
}

static const char *
verifier_breaks(const struct topology *t, const struct state *s,
    struct direction d)
{
	const struct node_state *n = &s->node[d.verifier];
	const uint8_t others =
	    shown_set(possible_chains(t, s, d.presenter), d.bridging);
	const char *why = NULL;

	for (uint8_t v = 0; v < 4 && why == NULL; v++)
		if (n->trusts & (1u << v)) {
			uint8_t w = trust_after(v, n->steps, n->to);
			if (v != w)
				why = change_breaks(trust_mask[v],
				    trust_mask[w], others);
		}
	return why;
}

static const char *
direction_breaks(const struct topology *t, const struct state *s,
    struct direction d, uint32_t node)
{
	if (s->node[d.presenter].excused || s->node[d.verifier].excused)
		return NULL;
	if (node == d.presenter)
		return presenter_breaks(t, s, d);
	if (node == d.verifier)
		return verifier_breaks(t, s, d);
	return NULL;
}

/* The agent checks a new certificate with a root that it must hold. */
static const char *
own_breaks(const struct topology *t, const struct state *s, uint32_t node)
{
	const struct node_state *n = &s->node[node];

	if (!(n->steps & (STEP_CERT | STEP_FINISH)) ||
	    (n->steps & STEP_TRUST) || !world_verifies(t, node))
		return NULL;
	for (uint8_t v = 0; v < 4; v++)
		if ((n->trusts & (1u << v)) && !(trust_mask[v] & n->to))
			return "the node may not hold the new root that it "
			       "needs for this";
	return NULL;
}

const char *
world_breaks(const struct topology *t, const struct state *s, uint32_t node)
{
	const char *why = own_breaks(t, s, node);

	for (uint32_t c = 0; c < t->n && why == NULL; c++)
		for (uint32_t v = 0; v < t->n && why == NULL; v++) {
			if (t->kind[c][v] == LINK_NONE)
				continue;
			why = direction_breaks(t, s,
			    (struct direction){ v, c, false }, node);
			if (why == NULL && t->kind[c][v] == LINK_MUTUAL)
				why = direction_breaks(t, s,
				    (struct direction){ c, v, t->dual[c] },
				    node);
		}
	return why;
}

bool
world_is_whole(const struct topology *t, const struct state *s)
{
	for (uint32_t c = 0; c < t->n; c++)
		for (uint32_t v = 0; v < t->n; v++) {
			if (t->kind[c][v] == LINK_NONE)
				continue;
			if (!direction_is_whole(t, s,
				(struct direction){ v, c, false }))
				return false;
			if (t->kind[c][v] == LINK_MUTUAL &&
			    !direction_is_whole(t, s,
				(struct direction){ c, v, t->dual[c] }))
				return false;
		}
	return true;
}

bool
world_is_done(const struct topology *t, const struct state *s)
{
	const uint8_t value = s->goal == 2 ? 1u << 1 : 1u << 0;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct node_state *n = &s->node[i];
		if (n->excused)
			continue;
		if (n->steps != 0)
			return false;
		if (world_verifies(t, i) && n->trusts != value)
			return false;
		if (world_presents(t, i) && n->chains != value)
			return false;
	}
	return true;
}
