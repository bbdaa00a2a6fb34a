/*
 * facts: what explore finds on small graphs by running, shown for every run of
 * every graph by looking at each node and link by itself; docs/policy.md
 * ("Without runs") has the argument. Everything that a node and its peers may
 * hold is listed, whether a run leads there or not, and the library asked:
 *  - each link by itself: an order that the rules allow breaks nothing and
 *    stops nothing, and can succeed; a direction that is whole stays so; and
 *    trust, then cert, then finish are allowed when everybody has got the one
 *    before, from wherever they stood;
 *  - only what the links show of a peer matters, not how it came to hold it,
 *    nor what else it is;
 *  - several links: an order is allowed exactly when each link by itself
 *    allows it;
 *  - every event leads to something that is on the list, and makes of the
 *    engine what the facts alone make of it.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/facts.h"
#include "tests/model/star.h"

/* What a peer holds, at rest: trust lists and chains; 0: it is excused. */
#define SLOTS 128

struct facts {
	struct kind centre;
	struct locals own[2]; /* by goal - 1 */
	uint8_t *single[BONDS]; /* see single_at; NULL: no such link */
	struct facts_count *count;
};

/* The orders that this link alone allows, for each of f->own[goal - 1]. */
static uint8_t *
single_at(const struct facts *f, uint32_t bond, uint8_t goal, uint32_t slot)
{
	return f->single[bond] +
	    ((size_t)(goal - 1) * SLOTS + slot) * LOCALS_MAX;
}

static void
start_state(const struct search *s, uint8_t goal, struct state *st)
{
	*st = (struct state){ .goal = goal,
		.excuses = 1,
		.doubts = 1,
		.failures = 1 };
	for (uint32_t i = 0; i < s->t.n; i++)
		st->node[i] = (struct node_state){ .trusts = 1, .chains = 1 };
	for (uint32_t i = s->t.n - 2; i < s->t.n; i++)
		st->node[i].excused = st->node[i].touched = true;
}

static void
slot_put(struct state *st, uint32_t peer, uint32_t slot)
{
	struct node_state n = { .trusts = 1,
		.chains = 1,
		.excused = true,
		.touched = true };

	if (slot != 0) {
		n.trusts = slot & 7;
		n.chains = (uint8_t)(slot >> 3);
		n.excused = n.touched = false;
	}
	st->node[peer] = n;
}

/* What this peer lets the centre see, as if it were at rest. */
static uint32_t
slot_of(const struct search *s, const struct state *st, uint32_t peer)
{
	const struct node_state *n = &st->node[peer];
	struct may m;
	uint32_t slot;

	if (n->excused)
		return 0;
	world_may(&s->t, st, &m);
	slot = s->t.shows[0][peer] != 0 ? m.trust[peer] : 1;
	return slot | (s->t.shows[peer][0] != 0 ? m.show[peer] : 1u) << 3;
}

/* Is this what some peer of this bond may let the centre see? */
static bool
slot_is_seen(const struct search *s, uint32_t peer, uint32_t slot)
{
	struct state st = { .goal = 1 };

	slot_put(&st, peer, slot);
	return slot == 0 ||
	    (locals_have(&s->t, peer, &st.node[peer]) &&
		slot_of(s, &st, peer) == slot);
}

/* ---- asking ------------------------------------------------------------------ */

/* The orders that the rules allow the centre, as bits; resume_peers was
 * called for this state. */
static uint8_t
ask(struct search *s, const struct state *st)
{
	struct pol_engine *e = resume_node(s, st, 0);
	const uint8_t mine = world_steps(&s->t, 0);
	uint8_t allowed = 0;

	for (uint8_t steps = 1; steps < 8; steps++) {
		const struct pol_order o = { 0, steps };
		bool is;
		if ((steps & ~mine) != 0)
			continue;
		is = pol_engine_allowed(e, 0, steps, NULL) == POL_OK;
		if (is != gates_pass(gates_safety, e, o, NULL))
			search_found(s, st, "the counters answer otherwise");
		allowed |= (uint8_t)(is << steps);
	}
	return allowed;
}

/* ---- one link ------------------------------------------------------------------ */

static uint8_t
trusts_of_goal(uint8_t goal)
{
	return goal == 2 ? 1u << 1 | 1u << 2 : 1u << 0 | 1u << 2;
}

static uint8_t
chains_of_goal(uint8_t goal)
{
	return goal == 2 ? 1u << 1 | 1u << 2 : 1u << 0 | 1u << 3;
}

/* What the order leads to, sent, failed or effective. */
static void
order_check(struct search *s, const struct state *st, uint8_t steps)
{
	const bool whole = world_is_whole(&s->t, st);
	struct state after = *st;
	struct node_state *n = &after.node[0];
	const char *why;

	world_outrank(&s->t, 0, n, steps, st->goal);
	if (world_trusts_after(&s->t, 0, n) == n->trusts &&
	    world_chains_after(&s->t, 0, n) == n->chains)
		return;
	if ((why = world_breaks(&s->t, &after, 0)) != NULL)
		search_found(s, st, why);
	if (!locals_have(&s->t, 0, n))
		search_found(s, st, "an order that cannot succeed");
	if (whole && !world_is_whole(&s->t, &after))
		search_found(s, st, "a direction does not stay whole");
	n->trusts = world_trusts_effective(&s->t, 0, n);
	n->chains = world_chains_after(&s->t, 0, n);
	n->steps = 0;
	if (whole && !world_is_whole(&s->t, &after))
		search_found(s, st, "effective: a direction does not stay so");
}

/* Of those in the rules: does everybody who verifies the centre surely trust
 * the goal's generation, everybody whom it verifies surely present it? */
static bool
peers_have(const struct search *s, const struct state *st, bool certs)
{
	bool all = true;

	for (uint32_t i = 1; i + 2 < s->t.n; i++) {
		const struct node_state *p = &st->node[i];
		if (p->excused)
			continue;
		if (s->t.shows[0][i] != 0)
			all &= (p->trusts & ~trusts_of_goal(st->goal)) == 0;
		if (certs && s->t.shows[i][0] != 0)
			all &= (p->chains & ~chains_of_goal(st->goal)) == 0;
	}
	return all;
}

/* The way to the goal: everybody's trust is always allowed; then everybody's
 * cert; then everybody's finish. */
static void
way_check(struct search *s, const struct state *st, uint8_t allowed)
{
	const uint8_t mine = world_steps(&s->t, 0);
	struct may m;
	bool trusts, certs;

	world_may(&s->t, st, &m);
	trusts = !(mine & STEP_TRUST) ||
	    (m.trust[0] & ~trusts_of_goal(st->goal)) == 0;
	certs =
	    !(mine & STEP_CERT) || (m.show[0] & ~chains_of_goal(st->goal)) == 0;
	if ((mine & STEP_TRUST) && !(allowed >> STEP_TRUST & 1))
		search_found(s, st, "a trust is not allowed");
	if ((mine & STEP_CERT) && trusts && peers_have(s, st, false) &&
	    !(allowed >> STEP_CERT & 1))
		search_found(s, st, "all trust, and a cert is not allowed");
	if ((mine & STEP_FINISH) && trusts && certs &&
	    peers_have(s, st, true) && !(allowed >> STEP_FINISH & 1))
		search_found(s, st, "all present, and a finish is not allowed");
}

static void
single_slot(struct facts *f, struct search *s, uint32_t bond, struct state *st)
{
	const struct locals *own = &f->own[st->goal - 1];
	uint8_t *single = single_at(f, bond, st->goal, slot_of(s, st, 1));

	resume_peers(s, st, 0);
	for (size_t i = 0; i < own->n; i++) {
		st->node[0] = own->at[i];
		single[i] = ask(s, st);
		for (uint8_t steps = 1; steps < 8; steps++)
			if (single[i] >> steps & 1)
				order_check(s, st, steps);
		way_check(s, st, single[i]);
		if (own->at[i].steps == 0 &&
		    pol_engine_is_done(resume_node(s, st, 0)) !=
			world_is_done(&s->t, st))
			search_found(s, st, "done is what is not");
	}
	f->count->asked += own->n;
}

static void
singles(struct facts *f)
{
	for (uint32_t b = 0; b < BONDS; b++) {
		struct star star = { f->centre, .npeers = 1 };
		struct search s;
		struct state st;
		star.bond[0] = bonds[b];
		star.peer[0] = star_peer(&bonds[b]);
		if (star_build(&s, &star)) {
			f->single[b] = search_grown(NULL,
			    (size_t)2 * SLOTS * LOCALS_MAX, 1);
			f->count->stars++;
			for (uint32_t k = 0; k < 2 * SLOTS; k++) {
				start_state(&s, (uint8_t)(1 + k / SLOTS), &st);
				slot_put(&st, 1, k % SLOTS);
				if (!slot_is_seen(&s, 1, k % SLOTS))
					continue;
				locals_make(&s.t, 0, ASKABLE, st.goal,
				    &f->own[st.goal - 1]);
				single_slot(f, &s, b, &st);
			}
		}
		search_free(&s);
	}
}

/* ---- any peer ------------------------------------------------------------------- */

/* The centre at rest is answered as the same peer at rest would have it. */
static void
peer_check(struct facts *f, struct search *s, uint32_t bond, struct state *st)
{
	const struct locals *own = &f->own[st->goal - 1];
	const uint8_t *single = single_at(f, bond, st->goal, slot_of(s, st, 1));

	resume_peers(s, st, 0);
	for (size_t i = 0; i < own->n; i++) {
		if (own->at[i].steps != 0)
			continue;
		st->node[0] = own->at[i];
		if (ask(s, st) != single[i])
			search_found(s, st,
			    "more of a peer matters than what it shows");
		f->count->asked++;
	}
}

static void
event_check(struct search *s, const struct state *before,
    const struct event *ev)
{
	(void)before;
	if (!locals_have(&s->t, 0, &ev->after.node[0]))
		search_found(s, before, "this leads to what is not listed");
}

/* A prime that divides no number of things, or some could never have a turn. */
#define PEER_STEP 11u

/* Everything that can happen to the centre, whatever it holds, beside one of
 * the things that the peer may hold, in turn. */
static void
events_check(struct facts *f, struct search *s, const struct locals *peer,
    struct state *st)
{
	static struct locals own;
	size_t at = 0;

	if (peer->n % PEER_STEP == 0) {
		fprintf(stderr, "explore: not each thing has its turn\n");
		exit(2);
	}
	locals_make(&s->t, 0, ALL, st->goal, &own);
	for (size_t i = 0; i < 2 * own.n; i++) {
		uint8_t orders;
		st->node[0] = own.at[i / 2];
		st->node[0].excused = i % 2 == 1;
		at = (at + PEER_STEP) % peer->n;
		st->node[1] = peer->at[at];
		orders = hood_check(s, st, 0);
		events_of_node(s, st, 0, orders, event_check);
		f->count->events++;
	}
}

/* all: every kind of peer, and all that it may hold; else half of the events,
 * for make check. */
static void
peers(struct facts *f, bool all)
{
	static struct locals peer;

	for (uint32_t k = 0; k < BONDS * KINDS * 2; k++) {
		const uint32_t b = k / 2 / KINDS;
		struct star star = { f->centre, .npeers = 1 };
		struct search s;
		struct state st;
		star.bond[0] = bonds[b];
		star.peer[0] = kinds[k / 2 % KINDS];
		if (!all)
			star.peer[0] = star_peer(&bonds[b]);
		if ((!all && k / 2 % KINDS != 0) ||
		    star.peer[0].dual != star.bond[0].dual)
			continue;
		if (star_build(&s, &star)) {
			start_state(&s, (uint8_t)(1 + k % 2), &st);
			f->count->stars += k % 2;
			locals_make(&s.t, 1, ALL, st.goal, &peer);
			for (size_t i = 0; i < peer.n && all; i++) {
				st.node[1] = peer.at[i];
				peer_check(f, &s, b, &st);
			}
			if (all || (b + k) % 2 == 0)
				events_check(f, &s, &peer, &st);
		}
		search_free(&s);
	}
}

/* ---- several links ----------------------------------------------------------------- */

/* One peer as the centre sees it. */
struct seen {
	uint32_t bond, slot;
};

static void
both_check(struct facts *f, struct search *s, const struct seen *p, uint32_t n,
    struct state *st)
{
	const struct locals *own = &f->own[st->goal - 1];

	for (uint32_t k = 0; k < n; k++)
		slot_put(st, k + 1, p[k].slot);
	resume_peers(s, st, 0);
	for (size_t i = 0; i < own->n; i++) {
		uint8_t each = UINT8_MAX;
		if (n == 2 && own->at[i].steps != 0)
			continue;
		for (uint32_t k = 0; k < n; k++)
			each &= single_at(f, p[k].bond, st->goal, p[k].slot)[i];
		st->node[0] = own->at[i];
		if (ask(s, st) != each)
			search_found(s, st,
			    "several links allow other orders than each "
			    "of them does");
		f->count->asked++;
	}
}

static void
together(struct facts *f, const struct seen *p, uint32_t n, bool is_ring,
    struct search *s)
{
	struct star star = { f->centre, .npeers = n, .is_ring = is_ring };

	for (uint32_t k = 0; k < n; k++) {
		star.bond[k] = bonds[p[k].bond];
		star.peer[k] = star_peer(&bonds[p[k].bond]);
	}
	if (!star_build(s, &star))
		search_found(s, NULL, "no such star");
	f->count->stars++;
}

static void
pair_slots(struct facts *f, struct search *s, struct seen p[2], uint8_t goal)
{
	struct state st;

	start_state(s, goal, &st);
	for (p[0].slot = 0; p[0].slot < SLOTS; p[0].slot++) {
		if (!slot_is_seen(s, 1, p[0].slot))
			continue;
		p[1].slot = p[0].bond == p[1].bond ? p[0].slot : 0;
		for (; p[1].slot < SLOTS; p[1].slot++)
			if (slot_is_seen(s, 2, p[1].slot))
				both_check(f, s, p, 2, &st);
	}
}

/* Each two peers, whatever they let the centre see. */
static void
pairs(struct facts *f)
{
	for (uint32_t k = 0; k < BONDS * BONDS; k++) {
		struct seen p[2] = { { k / BONDS, 0 }, { k % BONDS, 0 } };
		struct search s;
		if (p[0].bond > p[1].bond || f->single[p[0].bond] == NULL ||
		    f->single[p[1].bond] == NULL)
			continue;
		together(f, p, 2, true, &s);
		pair_slots(f, &s, p, 1);
		pair_slots(f, &s, p, 2);
		search_free(&s);
	}
}

/* Of peers that by themselves make no difference to any answer one is enough. */
#define CLASSES_MAX 256
struct classes {
	struct seen at[CLASSES_MAX];
	uint32_t n;
};

static bool
is_alike(const struct facts *f, struct seen a, struct seen b)
{
	return memcmp(single_at(f, a.bond, 1, a.slot),
		   single_at(f, b.bond, 1, b.slot), f->own[0].n) == 0 &&
	    memcmp(single_at(f, a.bond, 2, a.slot),
		single_at(f, b.bond, 2, b.slot), f->own[1].n) == 0;
}

static void
classes_add(const struct facts *f, struct seen p, struct classes *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (is_alike(f, c->at[i], p))
			return;
	if (c->n == CLASSES_MAX) {
		fprintf(stderr, "explore: more classes than there is room\n");
		exit(2);
	}
	c->at[c->n++] = p;
}

static void
classes_make(struct facts *f, struct classes *c)
{
	c->n = 0;
	for (uint32_t b = 0; b < BONDS; b++) {
		struct seen p = { b, 0 };
		struct search s;
		if (f->single[b] == NULL)
			continue;
		together(f, &p, 1, false, &s);
		for (; p.slot < SLOTS; p.slot++)
			if (slot_is_seen(&s, 1, p.slot))
				classes_add(f, p, c);
		search_free(&s);
	}
	if (c->n > f->count->classes)
		f->count->classes = c->n;
}

static void
triple(struct facts *f, const struct seen p[3])
{
	struct search s;
	struct state st;

	together(f, p, 3, true, &s);
	for (uint8_t goal = 1; goal <= 2; goal++) {
		start_state(&s, goal, &st);
		both_check(f, &s, p, 3, &st);
	}
	search_free(&s);
}

static void
triples(struct facts *f)
{
	struct classes c;

	classes_make(f, &c);
	for (uint32_t i = 0; i < c.n; i++)
		for (uint32_t j = i; j < c.n; j++)
			for (uint32_t k = j; k < c.n; k++)
				triple(f,
				    (struct seen[3]){ c.at[i], c.at[j],
					c.at[k] });
}

void
facts_run(uint32_t npeers, struct facts_count *count)
{
	static struct facts f;

	star_roles();
	for (uint32_t k = 0; k < KINDS; k++) {
		memset(&f, 0, sizeof(f));
		f.centre = kinds[k];
		f.count = count;
		singles(&f);
		peers(&f, npeers >= 2);
		if (npeers >= 2)
			pairs(&f);
		if (npeers >= 3)
			triples(&f);
		for (uint32_t b = 0; b < BONDS; b++)
			free(f.single[b]);
	}
}
