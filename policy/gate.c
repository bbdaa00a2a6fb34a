/*
 * gate: may this order be given? The rules over all directions of a node,
 * and the gates around them, each with its id from the rules table. Each
 * gate says on whom it waits, so that the refusal and the explanation are
 * the same code.
 */
#include <stddef.h>

#include "policy/engine.h"

struct pol_time
gate_since(const struct pol_engine *e, int64_t ms)
{
	return ms > e->goal.begun.ms ? (struct pol_time){ ms } : e->goal.begun;
}

void
gate_why_peer(const struct pol_engine *e, struct pol_why *why, uint32_t peer,
    uint32_t steps)
{
	const struct enode *p = &e->node[peer];

	why->peer = peer;
	why->peer_steps = steps;
	why->outstanding = p->epoch != 0 && (p->steps & steps) != 0;
	why->is_peer_unknown = (p->flags & NODE_KNOWN) == 0;
	why->since = why->outstanding ? (struct pol_time){ p->sent_ms }
				      : gate_since(e, p->changed_ms);
}

/* ---- the two rules ------------------------------------------------------------ */

static bool
why_link(const struct pol_engine *e, struct pol_why *why, const struct half *h,
    bool is_client, bool presents)
{
	const bool bridge_only = !(why->steps & POL_CERT);

	why->link_client = is_client ? why->node : h->peer;
	why->link_server = is_client ? h->peer : why->node;
	why->presenter_waits = presents;
	why->rule = !presents ? "forget-unused"
	    : bridge_only     ? "bridge-until-trusted"
			      : "present-trusted";
	gate_why_peer(e, why, h->peer, presents ? POL_TRUST : POL_CERT);
	return false;
}

struct first_breach {
	const struct pol_engine *engine;
	struct pol_why *why;
};

static bool
first_breach(void *arg, const struct half *h, bool is_client, bool presents)
{
	const struct first_breach *b = arg;

	return b->why != NULL &&
	    why_link(b->engine, b->why, h, is_client, presents);
}

static bool
gate_rules(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	struct first_breach b = { e, why };

	enum counted quick =
	    why != NULL ? COUNTED_NOTHING : breach_count(e, node, steps);

	if (quick != COUNTED_NOTHING)
		return quick == COUNTED_OPEN;
	return breach_each(e, (struct pol_order){ node, steps }, first_breach,
	    &b);
}

/* ---- gates ------------------------------------------------------------------------ */

static bool
gate_known(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	(void)steps;
	if (e->node[node].flags & NODE_KNOWN)
		return true;
	if (why != NULL)
		gate_why_peer(e, why, node, 0);
	return false;
}

static bool
gate_one_order(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const struct enode *n = &e->node[node];

	(void)steps;
	if (n->epoch == 0)
		return true;
	/* one of another goal is outranked by a higher epoch; what it may
	 * have done is among what is judged */
	if (!engine_serves(e, n))
		return true;
	if (why != NULL)
		gate_why_peer(e, why, node, n->steps);
	return false;
}

static bool
gate_own(const struct pol_engine *e, uint32_t node, uint32_t missing,
    struct pol_why *why)
{
	missing &= ~(uint32_t)e->node[node].done;
	if (missing == 0)
		return true;
	if (why != NULL)
		gate_why_peer(e, why, node, missing);
	return false;
}

static bool
gate_own_trust(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	return gate_own(e, node,
	    needs_own(e->shape.role[node], steps) & POL_TRUST, why);
}

static bool
gate_own_cert(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	return gate_own(e, node,
	    needs_own(e->shape.role[node], steps) & POL_CERT, why);
}

static bool
gate_excused(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	(void)steps;
	if (!(e->node[node].flags & NODE_EXCUSED))
		return true;
	if (why != NULL)
		why->since.ms = e->node[node].excused_ms;
	return false;
}

static bool
gate_held(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	(void)steps;
	if (!(e->node[node].flags & NODE_HELD))
		return true;
	if (why != NULL) {
		why->since.ms = e->node[node].held_ms;
		why->peer_steps = (e->node[node].flags & NODE_FAILED)
		    ? e->node[node].last_steps
		    : 0;
	}
	return false;
}

static bool
gate_stopped(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	struct egroup *g = &e->group[e->shape.group[node]];
	const uint32_t *m = &e->members[e->members_at[e->shape.group[node]]];

	(void)steps;
	if (g->failed == 0)
		return true;
	/* somebody has failed, or there were none to count */
	for (; why != NULL && g->stopper == POL_NONE; m++)
		if ((e->node[*m].flags & (NODE_FAILED | NODE_EXCUSED)) ==
		    NODE_FAILED)
			g->stopper = *m;
	if (why != NULL) {
		gate_why_peer(e, why, g->stopper,
		    e->node[g->stopper].last_steps);
		why->since.ms = e->node[g->stopper].held_ms;
	}
	return false;
}

static uint32_t
steps_of_layer(const struct pol_engine *e, uint32_t node, unsigned layer)
{
	uint32_t steps = 0, todo = engine_todo(e, node);

	for (uint32_t s = POL_TRUST; s <= POL_FINISH; s <<= 1)
		if ((todo & s) &&
		    shape_layer(&e->shape, e->shape.role[node], s) == layer)
			steps |= s;
	return steps;
}

/* The first member of the group with something to do in its open layer. Many
 * may ask for that: those before it are looked at again only when one of them
 * has something to do again. */
static void
why_layer(const struct pol_engine *e, uint32_t group, unsigned layer,
    struct pol_why *why)
{
	struct egroup *g = &e->group[group];
	uint32_t first = 0;

	if (g->behind_layer != layer)
		g->behind = e->members_at[group];
	g->behind_layer = layer;
	while (g->behind < e->members_at[group + 1] &&
	    (first = steps_of_layer(e, e->members[g->behind], layer)) == 0)
		g->behind++;
	if (first != 0)
		gate_why_peer(e, why, e->members[g->behind], first);
}

static bool
gate_layer(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const uint32_t group = e->shape.group[node];
	unsigned layer;

	if (!shape_has_layers(&e->shape))
		return true;
	layer = engine_layer(e, group);
	if (shape_layer(&e->shape, e->shape.role[node], steps) <= layer)
		return true;
	if (why != NULL)
		why_layer(e, group, layer, why);
	return false;
}

static bool
gate_courtesy(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;

	if (!(steps & POL_CERT) || !(e->shape.role[node] & ROLE_BRIDGES) ||
	    !shape_is_courteous(&e->shape) ||
	    e->node[node].wait_presumed_client == 0)
		return true;
	while (why != NULL && (h = walk_next(&w)) != NULL && w.is_client)
		if (h->client_root == e->shape.root &&
		    !(e->node[h->peer].sure & SURE_PRESUMED)) {
			gate_why_peer(e, why, h->peer, POL_TRUST);
			break;
		}
	return false;
}

static bool
gate_last(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;

	if (!(e->shape.role[node] & ROLE_LAST) || !(steps & POL_FINISH) ||
	    e->node[node].wait_finish == 0)
		return true;
	while (why != NULL && (h = walk_next(&w)) != NULL)
		if (engine_todo(e, h->peer) & POL_FINISH) {
			gate_why_peer(e, why, h->peer, POL_FINISH);
			break;
		}
	return false;
}

static bool
gate_first_failed(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const uint32_t failed = e->first.failed;

	if (failed == POL_NONE || first_has_failed(e, node) ||
	    first_is_let_through(e, node, steps))
		return true;
	if (why != NULL)
		gate_why_peer(e, why, failed, e->node[failed].last_steps);
	return false;
}

static bool
gate_first(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const struct firsts *f = &e->first;
	unsigned k = 0;

	if (!first_is_early(e, node, steps) ||
	    first_is_let_through(e, node, steps))
		return true;
	while (!(steps & (1u << k)) || f->who[k] == POL_NONE)
		k++;
	if (why != NULL)
		gate_why_peer(e, why, f->who[k], 1u << k);
	return false;
}

bool
gate_window(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const struct pol_time open =
	    pol_windows_open(e->goal.windows, e->goal.nwindows, e->now);

	(void)node;
	(void)steps;
	if (open.ms == e->now.ms)
		return true;
	if (why != NULL) {
		why->until = open;
		why->since = gate_since(e,
		    pol_windows_closed(e->goal.windows, e->goal.nwindows,
			e->now)
			.ms);
	}
	return false;
}

static bool
gate_step(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	(void)steps;
	if (!e->goal.step || (e->node[node].flags & NODE_STEP) != 0)
		return true;
	if (why != NULL)
		why->since = gate_since(e, e->node[node].changed_ms);
	return false;
}

/* Of all that are outstanding, or of those that count for goal.max_finish. */
static void
why_oldest(const struct pol_engine *e, bool finish, struct pol_why *why)
{
	uint32_t *oldest = &e->oldest[finish];
	const bool is_known = *oldest != POL_NONE;

	for (uint32_t i = 0; !is_known && i < e->shape.graph->nnodes; i++) {
		const struct enode *n = &e->node[i];

		if (e->shape.role[i] == 0 ||
		    !(finish ? engine_finishes(e, n) : engine_is_out(e, n)))
			continue;
		if (*oldest == POL_NONE ||
		    n->sent_ms < e->node[*oldest].sent_ms)
			*oldest = i;
	}
	if (*oldest != POL_NONE)
		gate_why_peer(e, why, *oldest, e->node[*oldest].steps);
	why->is_finish_bound = finish;
}

static bool
gate_in_flight(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const bool all = e->goal.max_in_flight == 0 ||
	    e->outstanding < e->goal.max_in_flight;

	(void)node;
	if (all && (!(steps & POL_FINISH) || engine_may_finish(e) > 0))
		return true;
	if (why != NULL)
		why_oldest(e, all, why);
	return false;
}

const struct gate gates_safety[] = {
	{ "known", gate_known },
	{ "one-order", gate_one_order },
	{ "own-trust", gate_own_trust },
	{ "own-cert", gate_own_cert },
	{ "present-trusted", gate_rules },
	{ NULL, NULL },
};
const struct gate gates_strategy[] = {
	{ "excused", gate_excused },
	{ "layer", gate_layer },
	{ "courtesy", gate_courtesy },
	{ "last", gate_last },
	{ NULL, NULL },
};
const struct gate gates_when[] = {
	{ "fresh", gate_fresh },
	{ "first-failed", gate_first_failed },
	{ "first", gate_first },
	{ "window", gate_window },
	{ "in-flight", gate_in_flight },
	{ "held", gate_held },
	{ "stopped", gate_stopped },
	{ NULL, NULL },
};
const struct gate gates_word[] = {
	{ "step", gate_step },
	{ NULL, NULL },
};

bool
gates_pass(const struct gate *list, const struct pol_engine *e,
    struct pol_order o, struct pol_why *why)
{
	for (; list->open != NULL; list++) {
		if (why != NULL)
			*why = (struct pol_why){
				.rule = list->rule,
				.node = o.node,
				.steps = o.steps,
				.peer = POL_NONE,
				.link_client = POL_NONE,
				.link_server = POL_NONE,
			};
		if (!list->open(e, o.node, o.steps, why))
			return false;
	}
	return true;
}

bool
gates_pass_node(const struct gate *list, const struct pol_engine *e,
    struct pol_order o)
{
	for (; list->open != NULL; list++)
		if (list->open != gate_layer &&
		    !list->open(e, o.node, o.steps, NULL))
			return false;
	return true;
}

/* ---- all that one order waits for ----------------------------------------------- */

struct blockers {
	gate_blocker_fn *fn;
	void *arg;
};

static bool
blocks_by_rule(void *arg, const struct half *h, bool is_client, bool presents)
{
	const struct blockers *b = arg;

	(void)is_client;
	b->fn(b->arg, h->peer, presents ? POL_TRUST : POL_CERT);
	return true;
}

static void
blocks_by_layer(const struct pol_engine *e, struct pol_order o,
    const struct blockers *b)
{
	const uint32_t group = e->shape.group[o.node];
	const unsigned layer = engine_layer(e, group);

	for (uint32_t i = e->members_at[group]; i < e->members_at[group + 1];
	     i++) {
		uint32_t steps = steps_of_layer(e, e->members[i], layer);
		if (steps != 0)
			b->fn(b->arg, e->members[i], steps);
	}
}

void
gate_blockers(const struct pol_engine *e, struct pol_order o,
    gate_blocker_fn *fn, void *arg)
{
	struct walk w = walk_start(e->shape.graph, o.node);
	struct blockers b = { fn, arg };
	const struct half *h;

	(void)breach_each(e, o, blocks_by_rule, &b);
	if (!gate_layer(e, o.node, o.steps, NULL))
		blocks_by_layer(e, o, &b);
	if (!gate_courtesy(e, o.node, o.steps, NULL))
		while ((h = walk_next(&w)) != NULL && w.is_client)
			if (h->client_root == e->shape.root &&
			    !(e->node[h->peer].sure & SURE_PRESUMED))
				fn(arg, h->peer, POL_TRUST);
	if (gate_last(e, o.node, o.steps, NULL))
		return;
	w = walk_start(e->shape.graph, o.node);
	while ((h = walk_next(&w)) != NULL)
		if (e->shape.role[h->peer] != 0)
			fn(arg, h->peer, engine_todo(e, h->peer) & POL_FINISH);
}
