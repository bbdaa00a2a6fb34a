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

static uint8_t
shows_of(const struct topology *t, uint32_t presenter, uint32_t verifier)
{
	uint8_t shows = 0;

	if (t->kind[verifier][presenter] != LINK_NONE && !t->foreign[presenter])
		shows |= WORLD_AS_SERVER;
	if (t->kind[presenter][verifier] != LINK_MUTUAL)
		return shows;
	shows |= WORLD_AS_CLIENT;
	if (t->dual[presenter] && !t->shallow[verifier])
		shows |= WORLD_BRIDGED;
	return shows;
}

static uint8_t
traits_of(const struct topology *t, uint32_t node)
{
	uint8_t traits = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		if (t->shows[i][node] != 0)
			traits |= WORLD_VERIFIES;
		if (t->shows[node][i] != 0)
			traits |= WORLD_PRESENTS;
		if ((t->shows[node][i] & WORLD_AS_CLIENT) && t->dual[node])
			traits |= WORLD_BRIDGES;
	}
	return traits;
}

void
world_look(struct topology *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		for (uint32_t k = 0; k < t->n; k++)
			t->shows[i][k] = shows_of(t, i, k);
	for (uint32_t i = 0; i < t->n; i++)
		t->traits[i] = traits_of(t, i);
}

static bool
verifies(const struct topology *t, uint32_t node)
{
	return (t->traits[node] & WORLD_VERIFIES) != 0;
}

static bool
presents(const struct topology *t, uint32_t node)
{
	return (t->traits[node] & WORLD_PRESENTS) != 0;
}

static bool
bridges(const struct topology *t, uint32_t node)
{
	return (t->traits[node] & WORLD_BRIDGES) != 0;
}

uint8_t
world_steps(const struct topology *t, uint32_t node)
{
	uint8_t steps = 0;

	if (verifies(t, node))
		steps |= STEP_TRUST | STEP_FINISH;
	if (presents(t, node))
		steps |= STEP_CERT;
	if (bridges(t, node))
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

	if (!verifies(t, node))
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
	    verifies(t, node))
		able.trusts &= (uint8_t)~lacks;
	return world_trusts_after(t, node, &able);
}

uint8_t
world_chains_after(const struct topology *t, uint32_t node,
    const struct node_state *s)
{
	uint8_t out = 0;

	if (!presents(t, node))
		return s->chains;
	for (uint8_t v = 0; v < 4; v++)
		if (s->chains & (1u << v))
			out |= (uint8_t)(1u << chain_after(v, s->steps, s->to,
					     bridges(t, node)));
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
	/* by mask: those that it does not meet */
	static const uint8_t strangers[4] = { 0xf, 0x5, 0x3, 0x1 };

	for (uint8_t i = 0; i < 4; i++)
		if ((a & (1u << i)) && (b & strangers[i]))
			return false;
	return true;
}

static uint8_t
may_trust(const struct topology *t, const struct state *s, uint32_t i)
{
	const struct node_state *n = &s->node[i];

	return n->steps == 0 ? n->trusts
			     : n->trusts | world_trusts_after(t, i, n);
}

static uint8_t
may_show(const struct topology *t, const struct state *s, uint32_t i)
{
	const struct node_state *n = &s->node[i];

	return n->steps == 0 ? n->chains
			     : n->chains | world_chains_after(t, i, n);
}

void
world_may(const struct topology *t, const struct state *s, struct may *m)
{
	for (uint32_t i = 0; i < t->n; i++) {
		m->trust[i] = may_trust(t, s, i);
		m->show[i] = may_show(t, s, i);
	}
}

/* A direction: presenter, verifier, and whether the presenter's bridge is
 * seen by the verifier. */
struct direction {
	uint32_t presenter, verifier;
	bool bridging;
};

static bool
direction_is_whole(const struct state *s, const struct may *m,
    struct direction d)
{
	if (s->node[d.presenter].touched || s->node[d.verifier].touched)
		return true;
	return all_meet(shown_set(m->show[d.presenter], d.bridging),
	    trusted_set(m->trust[d.verifier]));
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
	const uint8_t others = trusted_set(may_trust(t, s, d.verifier));
	const char *why = NULL;

	for (uint8_t v = 0; v < 4 && why == NULL; v++)
		if (n->chains & (1u << v)) {
			uint8_t w = chain_after(v, n->steps, n->to,
			    bridges(t, d.presenter));
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
	    shown_set(may_show(t, s, d.presenter), d.bridging);
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
	    (n->steps & STEP_TRUST) || !verifies(t, node))
		return NULL;
	for (uint8_t v = 0; v < 4; v++)
		if ((n->trusts & (1u << v)) && !(trust_mask[v] & n->to))
			return "the node may not hold the new root that it "
			       "needs for this";
	return NULL;
}

/* The directions between two nodes, as presenter and verifier; returns how
 * many there are: as server, as client. */
static unsigned
directions(const struct topology *t, uint32_t p, uint32_t v,
    struct direction d[2])
{
	const uint8_t shows = t->shows[p][v];
	unsigned n = 0;

	if (shows & WORLD_AS_SERVER)
		d[n++] = (struct direction){ p, v, false };
	if (shows & WORLD_AS_CLIENT)
		d[n++] =
		    (struct direction){ p, v, (shows & WORLD_BRIDGED) != 0 };
	return n;
}

const char *
world_breaks(const struct topology *t, const struct state *s, uint32_t node)
{
	const char *why = own_breaks(t, s, node);
	struct direction d[2];

	for (uint32_t p = 0; p < t->n; p++)
		for (uint32_t v = 0; v < t->n; v++)
			for (unsigned k = directions(t, p, v, d);
			     k > 0 && why == NULL; k--)
				why = direction_breaks(t, s, d[k - 1], node);
	return why;
}

bool
world_is_whole(const struct topology *t, const struct state *s)
{
	struct direction d[2];
	struct may m;

	world_may(t, s, &m);
	for (uint32_t p = 0; p < t->n; p++)
		for (uint32_t v = 0; v < t->n; v++)
			for (unsigned k = directions(t, p, v, d); k > 0; k--)
				if (!direction_is_whole(s, &m, d[k - 1]))
					return false;
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
		if (verifies(t, i) && n->trusts != value)
			return false;
		if (presents(t, i) && n->chains != value)
			return false;
	}
	return true;
}
