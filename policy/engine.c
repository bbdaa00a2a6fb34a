/*
 * engine: dated facts in, possible configurations and counters out. One fact
 * costs work in proportion to the node's links: its own state is derived
 * anew, and only what peers can see of it is counted on to them. ready.c
 * answers questions about the state kept here.
 */
#include "policy/engine.h"

/* ---- what a node may hold -------------------------------------------------- */

static struct change
change_of(const struct pol_engine *e, uint32_t node, uint32_t steps,
    uint32_t from, uint32_t to)
{
	const unsigned role = e->shape.role[node];

	return (struct change){
		.steps = steps,
		.from = from,
		.to = to,
		.bridges = (role & ROLE_BRIDGES) != 0,
		.verifies = (role & ROLE_VERIFIES) != 0,
		.presents = (role & (ROLE_SHOWS_C | ROLE_SHOWS_S)) != 0,
	};
}

struct change
engine_change(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	return change_of(e, node, steps, e->goal.from, e->goal.to);
}

/* Base values, and those that the outstanding order may have made of them. */
struct values
values_possible(const struct pol_engine *e, uint32_t node)
{
	const struct enode *n = &e->node[node];
	struct values v = n->base;
	struct change c;

	if (n->epoch == 0)
		return v;
	c = change_of(e, node, n->steps, n->from, n->to);
	values_change(&n->base, &c, &v);
	return v;
}

struct file_set
engine_trusts(const struct pol_engine *e, uint32_t node)
{
	struct file_set f = { { 0 }, 0 };
	struct values v;

	if (!(e->node[node].flags & NODE_KNOWN))
		return f;
	v = values_possible(e, node);
	for (unsigned i = 0; i < v.ntrust; i++)
		f.v[f.n++] = v.trust[i];
	return f;
}

bool
engine_presumes(const struct pol_engine *e, uint32_t node)
{
	const struct enode *n = &e->node[node];

	return e->goal.presume && (n->flags & NODE_KNOWN) != 0 &&
	    (n->flags & NODE_RECEIVED) != 0 && engine_serves(e, n) &&
	    (n->steps & POL_TRUST) != 0 && (n->steps & POL_FINISH) == 0 &&
	    n->base.ntrust == 1 && !n->base.trust_over;
}

struct file_set
engine_trusts_presumed(const struct pol_engine *e, uint32_t node)
{
	const struct enode *n = &e->node[node];
	struct change c;

	if (!engine_presumes(e, node))
		return engine_trusts(e, node);
	c = change_of(e, node, n->steps, n->from, n->to);
	return (struct file_set){
		{ change_apply(&c, (struct pol_conf){ n->base.trust[0], 0, 0 })
			.trust },
		1
	};
}

struct file_set
engine_shows(const struct pol_engine *e, uint32_t node, bool bridging)
{
	struct file_set f = { { 0 }, 0 };
	struct values v;

	if (!(e->node[node].flags & NODE_KNOWN))
		return f;
	v = values_possible(e, node);
	for (unsigned i = 0; i < v.nchain; i++)
		f.v[f.n++] = conf_shown((struct pol_conf){ 0, v.chain[i].leaf,
					    v.chain[i].bridge },
		    bridging);
	return f;
}

/* ---- derived state -------------------------------------------------------------- */

uint32_t
engine_todo(const struct pol_engine *e, uint32_t node)
{
	const struct enode *n = &e->node[node];

	if (n->flags & NODE_EXCUSED)
		return 0;
	return role_steps(e->shape.role[node]) & ~(uint32_t)n->done;
}

unsigned
engine_layer(const struct pol_engine *e, uint32_t group)
{
	unsigned l = 0;

	while (l + 1 < LAYERS_MAX && e->group[group].todo[l] == 0)
		l++;
	return l;
}

static uint8_t
sure_of(const struct values *v, unsigned flags, const struct pol_goal *goal)
{
	const uint64_t to = POL_GEN(goal->to),
		       either = to | POL_GEN(goal->from);
	uint8_t sure = SURE_TRUST | SURE_LEAF | SURE_BRIDGE | SURE_EITHER;

	if (flags & NODE_EXCUSED)
		return sure;
	if (!(flags & NODE_KNOWN))
		return 0;
	for (unsigned i = 0; i < v->ntrust; i++) {
		if (!(v->trust[i] & to))
			sure &= (uint8_t)~SURE_TRUST;
		if (!(v->trust[i] & either))
			sure &= (uint8_t)~SURE_EITHER;
	}
	for (unsigned i = 0; i < v->nchain; i++) {
		if (!(v->chain[i].leaf & to))
			sure &= (uint8_t)~SURE_LEAF;
		if (v->chain[i].leaf == 0 ||
		    !((v->chain[i].leaf | v->chain[i].bridge) & to))
			sure &= (uint8_t)~SURE_BRIDGE;
	}
	return sure;
}

/* A step is done when every possible configuration is as it leaves it. */
static uint8_t
done_of(const struct values *v, unsigned role, unsigned flags, uint64_t to)
{
	uint8_t done = POL_TRUST | POL_CERT | POL_FINISH;

	if (!(flags & NODE_KNOWN))
		return 0;
	for (unsigned i = 0; i < v->ntrust && (role & ROLE_VERIFIES); i++) {
		if (!(v->trust[i] & to))
			done &= (uint8_t)~POL_TRUST;
		if (v->trust[i] != to)
			done &= (uint8_t)~POL_FINISH;
	}
	for (unsigned i = 0; i < v->nchain; i++) {
		if (v->chain[i].leaf != to)
			done &= (uint8_t)~POL_CERT;
		if (v->chain[i].bridge != 0 || v->chain[i].leaf != to)
			if (role & ROLE_BRIDGES)
				done &= (uint8_t)~POL_FINISH;
	}
	return done & (uint8_t)role_steps(role);
}

void
engine_queue(struct pol_engine *e, uint32_t node)
{
	if (e->queued[node])
		return;
	e->queued[node] = 1;
	e->queue[e->nqueue++] = node;
}

static void
bump(uint32_t *counter, bool up)
{
	*counter += up ? 1u : UINT32_MAX;
}

/* Does the peer still count on node's trust, to which it presents? */
static void
tell_presenter(struct pol_engine *e, uint32_t node, uint32_t presenter,
    bool by_client, uint8_t was)
{
	const uint8_t is = e->node[node].sure;
	const bool bridges =
	    direction_bridges(e->shape.graph, presenter, node, by_client);
	/* who bridges may show its new chain to those who are not sure */
	const uint8_t changed = (was ^ is) &
	    (SURE_TRUST | SURE_PRESUMED | (bridges ? SURE_EITHER : 0));
	struct enode *peer = &e->node[presenter];

	if (changed & SURE_TRUST) {
		bump(&peer->wait_trust, !(is & SURE_TRUST));
		if (by_client)
			bump(&peer->wait_trust_client, !(is & SURE_TRUST));
		if (bridges)
			bump(&peer->wait_trust_bridge, !(is & SURE_TRUST));
	}
	if (changed & SURE_PRESUMED) {
		bump(&peer->wait_presumed, !(is & SURE_PRESUMED));
		if (by_client)
			bump(&peer->wait_presumed_client,
			    !(is & SURE_PRESUMED));
	}
	if (changed & SURE_EITHER)
		bump(&peer->wait_either, !(is & SURE_EITHER));
	if (changed != 0)
		engine_queue(e, presenter);
}

/* One direction of one link of node: does its peer still count on it? */
static void
tell_peer(struct pol_engine *e, uint32_t node, const struct half *h,
    bool is_client, uint8_t was)
{
	const uint32_t root = e->shape.root;
	const uint8_t is = e->node[node].sure;
	struct enode *peer = &e->node[h->peer];
	uint8_t bit;

	if (((was ^ is) & SURE_FINISH) &&
	    (e->shape.role[h->peer] & ROLE_LAST)) {
		bump(&peer->wait_finish, !(is & SURE_FINISH));
		engine_queue(e, h->peer);
	}
	if ((is_client ? h->server_root : h->client_root) == root)
		tell_presenter(e, node, h->peer, !is_client, was);
	if ((is_client ? h->client_root : h->server_root) != root)
		return;
	bit = direction_bridges(e->shape.graph, node, h->peer, is_client)
	    ? SURE_BRIDGE
	    : SURE_LEAF;
	if ((was ^ is) & bit) {
		bump(&peer->wait_cert, !(is & bit));
		engine_queue(e, h->peer);
	}
}

static void
tell_peers(struct pol_engine *e, uint32_t node, uint8_t was)
{
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;

	while ((h = walk_next(&w)) != NULL)
		tell_peer(e, node, h, w.is_client, was);
}

/* What keeps its group at rest; nobody waits for one that is excused. */
static void
rest_count(struct egroup *g, const struct enode *n, bool is_out, bool add)
{
	if (n->flags & NODE_EXCUSED)
		return;
	if (is_out)
		bump(&g->outstanding, add);
	if ((n->flags & NODE_HELD) || !(n->flags & NODE_KNOWN))
		bump(&g->odd, add);
	if (n->flags & NODE_FAILED)
		bump(&g->failed, add);
}

void
group_count(struct pol_engine *e, uint32_t node, bool add)
{
	const unsigned role = e->shape.role[node];
	const struct enode *n = &e->node[node];
	struct egroup *g = &e->group[e->shape.group[node]];
	const uint32_t todo = engine_todo(e, node);
	const bool is_out = engine_is_out(e, n);

	for (uint32_t s = POL_TRUST; s <= POL_FINISH; s <<= 1)
		if (todo & s)
			bump(&g->todo[shape_layer(&e->shape, role, s)], add);
	rest_count(g, n, is_out, add);
	if (todo != 0 && e->offers.place[node] < g->behind)
		g->behind = e->offers.place[node];
	g->stopper = POL_NONE;
	e->oldest[0] = e->oldest[1] = POL_NONE;
	if (is_out)
		bump(&e->outstanding, add);
	if (engine_finishes(e, n))
		bump(&e->finishing, add);
	if (!(n->flags & NODE_EXCUSED)) {
		uint32_t steps = role_steps(role);
		uint32_t all = (uint32_t)__builtin_popcount(steps);
		uint32_t left = (uint32_t)__builtin_popcount(todo);
		e->all += add ? all : 0 - all;
		e->done += add ? all - left : 0 - (all - left);
	}
}

/* They have looked at inventories without its, as it was excused. */
static void
tell_return(struct pol_engine *e, uint32_t node)
{
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;

	while ((h = walk_next(&w)) != NULL) {
		if (e->shape.role[h->peer] == 0)
			continue;
		engine_queue(e, h->peer);
		fresh_forget(&e->node[h->peer]);
	}
}

/* After base, order or flags of node changed: derive all the rest. */
static void
node_derive(struct pol_engine *e, uint32_t node)
{
	struct enode *n = &e->node[node];
	const uint64_t to = POL_GEN(e->goal.to);
	struct values v = values_possible(e, node);
	const uint8_t was = n->sure;

	n->done = done_of(&v, e->shape.role[node], n->flags, to);
	n->sure = sure_of(&v, n->flags, &e->goal);
	if (!(engine_todo(e, node) & POL_FINISH))
		n->sure |= SURE_FINISH;
	if ((n->sure & SURE_TRUST) || engine_presumes(e, node))
		n->sure |= SURE_PRESUMED;
	if (n->sure != was)
		tell_peers(e, node, was);
	fresh_forget(n);
	engine_queue(e, node);
}

static void
seen_at(struct enode *n, struct pol_time at)
{
	if (at.ms > n->seen_ms)
		n->seen_ms = at.ms;
}

/* ---- facts -------------------------------------------------------------------------- */

static enum pol_err
fact_holds(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];

	if (f->epoch < n->settled)
		return POL_E_STALE;
	n->settled = f->epoch;
	/* an order between this and the outstanding one may have come since */
	if (f->epoch >= n->outranked)
		n->base.ntrust = n->base.nchain = 0;
	values_add(&n->base, f->conf);
	n->flags |= NODE_KNOWN;
	n->flags &= (uint8_t)~NODE_LOST;
	seen_at(n, f->at);
	if (n->epoch != 0 && n->epoch <= f->epoch)
		n->epoch = 0;
	return POL_OK;
}

static enum pol_err
fact_sent(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];
	const uint32_t steps = f->steps;

	if (steps == 0 || steps > (POL_TRUST | POL_CERT | POL_FINISH) ||
	    f->from < 1 || f->from > 64 || f->to < 1 || f->to > 64 ||
	    f->epoch == 0)
		return POL_E_RANGE;
	if (f->epoch <= n->settled || f->epoch < n->epoch)
		return POL_E_STALE;
	if (f->epoch == n->epoch)
		return POL_OK; /* the same order again */
	/* what an older order may have done stays possible */
	n->base = values_possible(e, f->node);
	n->outranked = n->epoch;
	n->epoch = f->epoch;
	n->steps = steps;
	n->from = f->from;
	n->to = f->to;
	n->sent_ms = f->at.ms;
	n->late = false;
	n->flags &= (uint8_t) ~(NODE_RECEIVED | NODE_STEP);
	return POL_OK;
}

static enum pol_err
fact_received(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];

	if (f->epoch == n->epoch && f->epoch != 0)
		n->flags |= NODE_RECEIVED;
	return POL_OK;
}

static enum pol_err
fact_effective(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];
	struct values after = { .ntrust = 0 };
	struct change c;

	if (f->epoch == 0 || f->epoch < n->epoch || f->epoch <= n->settled)
		return f->epoch == 0 ? POL_E_RANGE : POL_OK; /* late copy */
	if (f->epoch != n->epoch)
		return POL_E_STALE; /* an order that was never sent */
	c = change_of(e, f->node, n->steps, n->from, n->to);
	values_change(&n->base, &c, &after);
	n->base = after;
	n->settled = n->epoch;
	n->epoch = 0;
	n->failures = 0;
	n->last_steps = 0;
	seen_at(n, f->at);
	return POL_OK;
}

static enum pol_err
fact_failed(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];

	if (f->epoch == 0 || f->epoch < n->epoch || f->epoch <= n->settled)
		return f->epoch == 0 ? POL_E_RANGE : POL_OK;
	if (f->epoch != n->epoch)
		return POL_E_STALE;
	n->base = values_possible(e, f->node);
	n->settled = n->epoch;
	n->last_steps = n->steps;
	n->epoch = 0;
	seen_at(n, f->at);
	if (n->failures < UINT32_MAX)
		n->failures++;
	if (e->goal.limit != 0 && n->failures >= e->goal.limit) {
		n->flags |= NODE_HELD | NODE_FAILED;
		n->held_ms = f->at.ms;
	}
	return POL_OK;
}

static enum pol_err
fact_doubted(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];

	if (n->flags & NODE_LOST)
		return POL_OK; /* anything is possible already */
	if (!(n->flags & NODE_KNOWN))
		return fact_holds(e, f);
	values_add(&n->base, f->conf);
	return POL_OK;
}

static enum pol_err
fact_lost(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];

	n->flags &= (uint8_t) ~(NODE_KNOWN | NODE_RECEIVED);
	/* its failures are forgotten, and what they did; not the operator's word */
	if (n->flags & NODE_FAILED)
		n->flags &= (uint8_t) ~(NODE_HELD | NODE_FAILED);
	n->flags |= NODE_LOST;
	n->base = (struct values){ .ntrust = 0 };
	n->epoch = 0;
	n->failures = 0;
	n->last_steps = 0;
	return POL_OK;
}

static enum pol_err
fact_flags(struct pol_engine *e, const struct pol_fact *f)
{
	struct enode *n = &e->node[f->node];

	if (f->kind == POL_FACT_EXCUSED) {
		if (!(n->flags & NODE_EXCUSED))
			n->excused_ms = f->at.ms;
		n->flags |= NODE_EXCUSED;
	} else if (f->kind == POL_FACT_RETURNED) {
		n->flags &= (uint8_t)~NODE_EXCUSED;
		tell_return(e, f->node);
	} else if (f->kind == POL_FACT_HELD) {
		if (!(n->flags & NODE_HELD))
			n->held_ms = f->at.ms;
		n->flags |= NODE_HELD;
	} else if (f->kind == POL_FACT_STEP)
		n->flags |= NODE_STEP;
	if (f->kind == POL_FACT_FREED) {
		n->flags &= (uint8_t) ~(NODE_HELD | NODE_FAILED);
		n->failures = 0;
	}
	return POL_OK;
}

static enum pol_err
fact_seen(struct pol_engine *e, const struct pol_fact *f)
{
	seen_at(&e->node[f->node], f->at);
	return POL_OK;
}

static enum pol_err (*const fact_take[])(struct pol_engine *,
    const struct pol_fact *) = {
	[POL_FACT_HOLDS] = fact_holds,
	[POL_FACT_SENT] = fact_sent,
	[POL_FACT_RECEIVED] = fact_received,
	[POL_FACT_EFFECTIVE] = fact_effective,
	[POL_FACT_FAILED] = fact_failed,
	[POL_FACT_EXCUSED] = fact_flags,
	[POL_FACT_RETURNED] = fact_flags,
	[POL_FACT_HELD] = fact_flags,
	[POL_FACT_FREED] = fact_flags,
	[POL_FACT_SEEN] = fact_seen,
	[POL_FACT_DOUBTED] = fact_doubted,
	[POL_FACT_STEP] = fact_flags,
	[POL_FACT_LOST] = fact_lost,
};

/* Not an inventory that agrees, a word of the operator, or a reception; what
 * is lost may be anything. */
static bool
changes_files(enum pol_fact_kind k)
{
	return k == POL_FACT_HOLDS || k == POL_FACT_SENT ||
	    k == POL_FACT_EFFECTIVE || k == POL_FACT_FAILED ||
	    k == POL_FACT_DOUBTED || k == POL_FACT_LOST;
}

enum pol_err
pol_engine_fact(struct pol_engine *e, const struct pol_fact *f)
{
	enum pol_err err;

	if ((unsigned)f->kind >= sizeof(fact_take) / sizeof(fact_take[0]) ||
	    f->node >= e->shape.graph->nnodes)
		return POL_E_RANGE;
	if (e->shape.role[f->node] == 0)
		return POL_OK; /* no part in this root's roll */
	group_count(e, f->node, false);
	if ((err = fact_take[f->kind](e, f)) == POL_OK) {
		if (changes_files(f->kind))
			e->node[f->node].changed_ms = f->at.ms;
		node_derive(e, f->node);
	}
	group_count(e, f->node, true);
	return err;
}
