/*
 * fresh: a removal rests on what peers hold, which is known from what they last
 * said; one that has not been heard of lately may have been restored since.
 * Asked of every order that could go otherwise, at every turn, so a node
 * remembers how far it has looked: while one peer is too old nobody else is
 * looked at, and when all were young enough nobody is until the oldest of them
 * has aged.
 */
#include "policy/engine.h"

static bool
rests_on(const struct pol_engine *e, uint32_t node, const struct half *h,
    bool is_client, const struct own_files *o)
{
	return !(e->node[h->peer].flags & NODE_EXCUSED) &&
	    breach_takes(e, node, h, is_client, o) != 0;
}

/* The order that is on offer. Times seen never go back, so what was young
 * enough is at least as young as it was then. */
static bool
offer_is_fresh(const struct pol_engine *e, uint32_t node, uint32_t steps,
    int64_t oldest)
{
	struct enode *n = &e->node[node];
	const struct half *h;
	struct own_files o;
	struct walk w;

	if (n->fresh_oldest < oldest || n->fresh_steps != steps)
		fresh_forget(n);
	n->fresh_steps = (uint8_t)steps;
	w = walk_from(e->shape.graph, node, n->fresh_at);
	own_files(e, node, steps, &o);
	for (; (h = walk_next(&w)) != NULL; n->fresh_at++) {
		const int64_t seen = e->node[h->peer].seen_ms;
		if (!rests_on(e, node, h, w.is_client, &o))
			continue;
		if (seen < oldest)
			return false;
		if (seen < n->fresh_oldest)
			n->fresh_oldest = seen;
	}
	return true;
}

static bool
why_fresh(const struct pol_engine *e, int64_t oldest, struct pol_why *why)
{
	const uint32_t node = why->node;
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;
	struct own_files o;

	own_files(e, node, why->steps, &o);
	while ((h = walk_next(&w)) != NULL) {
		if (!rests_on(e, node, h, w.is_client, &o) ||
		    e->node[h->peer].seen_ms >= oldest)
			continue;
		gate_why_peer(e, why, h->peer, 0);
		why->since.ms = e->node[h->peer].seen_ms;
		why->link_client = w.is_client ? node : h->peer;
		why->link_server = w.is_client ? h->peer : node;
		why->presenter_waits =
		    (breach_takes(e, node, h, w.is_client, &o) & TAKES_SHOWN) !=
		    0;
		return false;
	}
	return true;
}

bool
gate_fresh(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const int64_t oldest = e->now.ms - e->goal.fresh_ms;

	if (e->goal.fresh_ms == 0 || !(steps & (POL_CERT | POL_FINISH)))
		return true;
	return why != NULL ? why_fresh(e, oldest, why)
			   : offer_is_fresh(e, node, steps, oldest);
}
