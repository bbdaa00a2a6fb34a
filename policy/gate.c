/*
 * gate: may this order be given? The rules over all directions of a node,
 * and the gates around them, each with its id from the rules table. Each
 * gate says on whom it waits, so that the refusal and the explanation are
 * the same code.
 */
#include <stddef.h>

#include "policy/engine.h"

void
gate_why_peer(const struct pol_engine *e, struct pol_why *why, uint32_t peer,
    uint32_t steps)
{
	const struct enode *p = &e->node[peer];

	why->peer = peer;
	why->peer_steps = steps;
	why->outstanding = p->epoch != 0 && (p->steps & steps) != 0;
	why->since.ms = why->outstanding ? p->sent_ms : p->fact_ms;
}

/* ---- the two rules ------------------------------------------------------------ */

/* What an order changes in the node's own two files; the chain as seen with
 * and without the bridge. */
struct own_files {
	bool presumes; /* a trust that was received is enough */
	struct file_set trust_now, trust_next;
	struct file_set shown_now[2], shown_next[2];
	/* something may be taken from chains that are not listed; a finish of
	 * full trust lists always takes something from one that is */
	bool shown_loses;
};

static void
own_files(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct own_files *o)
{
	const struct change c = engine_change(e, node, steps);
	const struct values v = values_possible(e, node);

	*o = (struct own_files){ .trust_now = { { 0 }, v.ntrust },
		.presumes = (steps & POL_FINISH) == 0,
		.shown_loses = v.chain_over &&
		    (change_writes_chain(&c) || (steps & POL_FINISH)) };
	o->trust_next.n = v.ntrust;
	for (unsigned i = 0; i < v.ntrust; i++) {
		struct pol_conf conf = { v.trust[i], 0, 0 };
		o->trust_now.v[i] = conf.trust;
		o->trust_next.v[i] = change_apply(&c, conf).trust;
	}
	for (unsigned b = 0; b < 2; b++) {
		o->shown_now[b].n = o->shown_next[b].n = v.nchain;
		for (unsigned i = 0; i < v.nchain; i++) {
			const struct chain *ch = &v.chain[i];
			struct pol_conf conf = { 0, ch->leaf, ch->bridge };
			o->shown_now[b].v[i] = conf_shown(conf, b);
			o->shown_next[b].v[i] =
			    conf_shown(change_apply(&c, conf), b);
		}
	}
}

static bool
file_changes(const struct file_set *now, const struct file_set *next)
{
	for (unsigned i = 0; i < now->n; i++)
		if (now->v[i] != next->v[i])
			return true;
	return false;
}

static bool
presents_safely(const struct pol_engine *e, uint32_t node, const struct half *h,
    bool is_client, const struct own_files *o)
{
	bool br = direction_bridges(e->shape.graph, node, h->peer, is_client);
	struct file_set trusted = o->presumes
	    ? engine_trusts_presumed(e, h->peer)
	    : engine_trusts(e, h->peer);

	if (o->shown_loses)
		return rule_is_safe(&o->shown_next[br], &trusted);
	return !file_changes(&o->shown_now[br], &o->shown_next[br]) ||
	    rule_holds(&o->shown_now[br], &o->shown_next[br], &trusted);
}

static bool
verifies_safely(const struct pol_engine *e, uint32_t node, const struct half *h,
    bool is_client, const struct own_files *o)
{
	bool br = direction_bridges(e->shape.graph, h->peer, node, !is_client);
	struct file_set shown = engine_shows(e, h->peer, br);

	return !file_changes(&o->trust_now, &o->trust_next) ||
	    rule_holds(&o->trust_now, &o->trust_next, &shown);
}

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

/* Is it plain from the counters that a removal meets somebody not sure? The
 * full answer costs a look at every link, this one nothing. */
static bool
counters_forbid(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	const struct enode *n = &e->node[node];
	const struct values v = values_possible(e, node);
	const uint64_t to = POL_GEN(e->goal.to);
	const bool bridges = (e->shape.role[node] & ROLE_BRIDGES) != 0;
	uint32_t unsure = n->wait_trust;

	if (bridges)
		unsure -= n->wait_trust_client;
	if ((steps & POL_CERT) && unsure > 0)
		for (unsigned i = 0; i < v.nchain; i++)
			if ((v.chain[i].leaf & ~to) != 0)
				return true;
	if ((steps & POL_FINISH) && n->wait_cert > 0)
		for (unsigned i = 0; i < v.ntrust; i++)
			if ((v.trust[i] & ~to) != 0)
				return true;
	return false;
}

/* Asked of each direction that the order would break; false: enough. */
typedef bool
breach_fn(void *arg, const struct half *h, bool is_client, bool presents);

static bool
rules_each(const struct pol_engine *e, struct pol_order order, breach_fn *fn,
    void *arg)
{
	const uint32_t root = e->shape.root, node = order.node;
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;
	struct own_files o;

	own_files(e, node, order.steps, &o);
	while ((h = walk_next(&w)) != NULL) {
		bool c = w.is_client;
		if ((e->node[node].flags | e->node[h->peer].flags) &
		    NODE_EXCUSED)
			continue;
		if ((c ? h->client_root : h->server_root) == root &&
		    !presents_safely(e, node, h, c, &o) && !fn(arg, h, c, true))
			return false;
		if ((c ? h->server_root : h->client_root) == root &&
		    !verifies_safely(e, node, h, c, &o) &&
		    !fn(arg, h, c, false))
			return false;
	}
	return true;
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

	if (why == NULL && !e->goal.presume && counters_forbid(e, node, steps))
		return false;
	return rules_each(e, (struct pol_order){ node, steps }, first_breach,
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
	(void)why;
	return !(e->node[node].flags & NODE_EXCUSED);
}

static bool
gate_held(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	(void)steps;
	if (!(e->node[node].flags & NODE_HELD))
		return true;
	if (why != NULL)
		gate_why_peer(e, why, node, 0);
	return false;
}

static bool
gate_stopped(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const uint32_t group = e->shape.group[node];

	(void)steps;
	if (e->group[group].failed == 0)
		return true;
	for (uint32_t i = e->members_at[group];
	     why != NULL && i < e->members_at[group + 1]; i++)
		if (e->node[e->members[i]].flags & NODE_FAILED) {
			gate_why_peer(e, why, e->members[i],
			    e->node[e->members[i]].last_steps);
			break;
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
	for (uint32_t i = e->members_at[group];
	     why != NULL && i < e->members_at[group + 1]; i++) {
		uint32_t first = steps_of_layer(e, e->members[i], layer);
		if (first != 0) {
			gate_why_peer(e, why, e->members[i], first);
			break;
		}
	}
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
	    e->node[node].wait_trust_client == 0)
		return true;
	while ((h = walk_next(&w)) != NULL && w.is_client)
		if (h->client_root == e->shape.root &&
		    !(e->node[h->peer].sure & SURE_TRUST) &&
		    !engine_presumes(e, h->peer)) {
			if (why != NULL)
				gate_why_peer(e, why, h->peer, POL_TRUST);
			return false;
		}
	return true;
}

static bool
gate_last(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;

	if (!(e->shape.role[node] & ROLE_LAST) || !(steps & POL_FINISH))
		return true;
	while ((h = walk_next(&w)) != NULL)
		if (e->shape.role[h->peer] != 0 &&
		    (engine_todo(e, h->peer) & POL_FINISH)) {
			if (why != NULL)
				gate_why_peer(e, why, h->peer, POL_FINISH);
			return false;
		}
	return true;
}

static bool
gate_fresh(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	struct walk w = walk_start(e->shape.graph, node);
	const int64_t oldest = e->now.ms - e->goal.fresh_ms;
	const uint32_t root = e->shape.root;
	const struct half *h;

	if (e->goal.fresh_ms == 0 || !(steps & (POL_CERT | POL_FINISH)))
		return true;
	while ((h = walk_next(&w)) != NULL) {
		const struct enode *p = &e->node[h->peer];
		if ((h->client_root != root && h->server_root != root) ||
		    (p->flags & NODE_EXCUSED) || p->seen_ms >= oldest)
			continue;
		if (why != NULL) {
			gate_why_peer(e, why, h->peer, 0);
			why->since.ms = p->seen_ms;
		}
		return false;
	}
	return true;
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

static bool
gate_window(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const struct pol_time open =
	    pol_windows_open(e->goal.windows, e->goal.nwindows, e->now);

	(void)node;
	(void)steps;
	if (open.ms == e->now.ms)
		return true;
	if (why != NULL)
		why->until = open;
	return false;
}

static bool
gate_step(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	(void)steps;
	(void)why;
	return !e->goal.step || (e->node[node].flags & NODE_STEP) != 0;
}

static bool
gate_in_flight(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	(void)node;
	(void)steps;
	(void)why;
	return e->goal.max_in_flight == 0 ||
	    e->outstanding < e->goal.max_in_flight;
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

	(void)rules_each(e, o, blocks_by_rule, &b);
	if (!gate_layer(e, o.node, o.steps, NULL))
		blocks_by_layer(e, o, &b);
	if (!gate_courtesy(e, o.node, o.steps, NULL))
		while ((h = walk_next(&w)) != NULL && w.is_client)
			if (h->client_root == e->shape.root &&
			    !(e->node[h->peer].sure & SURE_TRUST))
				fn(arg, h->peer, POL_TRUST);
	if (gate_last(e, o.node, o.steps, NULL))
		return;
	w = walk_start(e->shape.graph, o.node);
	while ((h = walk_next(&w)) != NULL)
		if (e->shape.role[h->peer] != 0)
			fn(arg, h->peer, engine_todo(e, h->peer) & POL_FINISH);
}
