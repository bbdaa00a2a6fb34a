/* star: see star.h. */
#include "tests/model/star.h"

#include <string.h>

#define V WORLD_VERIFIES
#define P WORLD_PRESENTS
#define B WORLD_BRIDGES

const struct kind kinds[KINDS] = { { false, V }, { false, P }, { false, V | P },
	{ true, V }, { true, P }, { true, V | P }, { true, P | B },
	{ true, V | P | B } };

const struct bond bonds[BONDS] = {
	{ LINK_MUTUAL, LINK_NONE, false },
	{ LINK_NONE, LINK_MUTUAL, false },
	{ LINK_MUTUAL, LINK_MUTUAL, false },
	{ LINK_SERVER_ONLY, LINK_NONE, false },
	{ LINK_NONE, LINK_SERVER_ONLY, false },
	{ LINK_SERVER_ONLY, LINK_SERVER_ONLY, false },
	{ LINK_MUTUAL, LINK_SERVER_ONLY, false },
	{ LINK_SERVER_ONLY, LINK_MUTUAL, false },
	{ LINK_MUTUAL, LINK_NONE, true },
	{ LINK_NONE, LINK_MUTUAL, true },
	{ LINK_MUTUAL, LINK_MUTUAL, true },
	{ LINK_SERVER_ONLY, LINK_NONE, true },
	{ LINK_NONE, LINK_SERVER_ONLY, true },
	{ LINK_SERVER_ONLY, LINK_SERVER_ONLY, true },
	{ LINK_MUTUAL, LINK_SERVER_ONLY, true },
	{ LINK_SERVER_ONLY, LINK_MUTUAL, true },
};

/* Links to those who are excused; the second serves under another root. */
static void
traits_give(struct topology *t, uint32_t node, uint8_t traits)
{
	const uint32_t plain = t->n - 2, foreign = t->n - 1;

	if (traits & B) {
		t->kind[node][traits & V ? plain : foreign] = LINK_MUTUAL;
		return;
	}
	if (traits & V)
		t->kind[node][plain] = LINK_SERVER_ONLY;
	if (traits & P)
		t->kind[plain][node] = LINK_SERVER_ONLY;
}

static void
topology_fill(struct topology *t, const struct star *star)
{
	memset(t, 0, sizeof(*t));
	t->n = star->npeers + 3;
	t->foreign[t->n - 1] = true;
	t->dual[0] = star->centre.dual;
	traits_give(t, 0, star->centre.traits);
	for (uint32_t i = 0; i < star->npeers; i++) {
		t->dual[i + 1] = star->peer[i].dual;
		traits_give(t, i + 1, star->peer[i].traits);
		t->kind[0][i + 1] = star->bond[i].out;
		t->kind[i + 1][0] = star->bond[i].in;
		for (uint32_t k = 0; k < i && star->is_ring; k++)
			t->kind[i + 1][k + 1] = t->kind[k + 1][i + 1] =
			    LINK_MUTUAL;
	}
	world_look(t);
}

bool
star_build(struct search *s, const struct star *star)
{
	memset(s, 0, sizeof(*s));
	topology_fill(&s->t, star);
	if (s->t.traits[0] != star->centre.traits)
		return false;
	for (uint32_t i = 0; i < star->npeers; i++)
		if (s->t.traits[i + 1] != star->peer[i].traits)
			return false;
	search_build(s, false);
	return true;
}

void
star_roles(void)
{
	for (uint32_t k = 0; k < 2 * BONDS; k++) {
		const struct bond *b = &bonds[k / 2];
		struct search s;
		memset(&s, 0, sizeof(s));
		s.t.n = 2;
		s.t.dual[0] = k % 2 == 1;
		s.t.dual[1] = b->dual;
		s.t.kind[0][1] = b->out;
		s.t.kind[1][0] = b->in;
		world_look(&s.t);
		search_build(&s, false);
		search_free(&s);
	}
}

struct kind
star_peer(const struct bond *b)
{
	return (struct kind){ b->dual, b->dual ? V | P | B : V | P };
}

/* ---- what a node may hold -------------------------------------------------- */

static uint8_t
trusts_most(const struct topology *t, uint32_t node)
{
	return (t->traits[node] & V) ? 7 : 1;
}

static uint8_t
chains_most(const struct topology *t, uint32_t node)
{
	return (t->traits[node] & B) ? 15 : (t->traits[node] & P) ? 3 : 1;
}

bool
locals_have(const struct topology *t, uint32_t node, const struct node_state *n)
{
	if (n->trusts == 0 || n->trusts > trusts_most(t, node) ||
	    n->chains == 0 || n->chains > chains_most(t, node))
		return false;
	if (n->steps == 0)
		return true;
	/* a finish is given to who holds the new root: it can succeed */
	return (n->steps & ~world_steps(t, node)) == 0 &&
	    world_trusts_effective(t, node, n) != 0;
}

void
locals_make(const struct topology *t, uint32_t node, enum locals_which which,
    uint8_t goal, struct locals *out)
{
	struct node_state n = { .trusts = 0 };

	out->n = 0;
	for (uint32_t code = 0; code < 1u << 12; code++) {
		n.trusts = code & 7;
		n.chains = code >> 3 & 15;
		n.steps = code >> 7 & 7;
		n.to = code >> 10 & 3;
		if ((n.steps == 0) != (n.to == 0) || n.to == 3 ||
		    (n.steps != 0 && which == AT_REST) ||
		    (n.to == goal && which == ASKABLE) ||
		    !locals_have(t, node, &n))
			continue;
		out->at[out->n++] = n;
	}
}
