/*
 * breach: what an order does to the directions of its node. Which of them
 * would it break, by the two rules; from which does it take something away,
 * so that it rests on what the peer is known to hold. Asked by gate.c and
 * fresh.c.
 */
#include "policy/engine.h"

void
own_files(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct own_files *o)
{
	const struct change c = engine_change(e, node, steps);
	const struct values v = values_possible(e, node);

	*o = (struct own_files){ .trust_now = { { 0 }, v.ntrust },
		.presumes = (steps & POL_FINISH) == 0 };
	o->trust_next.n = v.ntrust;
	for (unsigned i = 0; i < v.ntrust; i++) {
		struct pol_conf conf = { v.trust[i], 0, 0 };
		o->trust_now.v[i] = conf.trust;
		o->trust_next.v[i] = change_apply(&c, conf).trust;
	}
	for (unsigned b = 0; b < 2; b++) {
		/* without a cert a finish changes what is seen of the bridge */
		o->shown_loses[b] = v.chain_over &&
		    (change_writes_chain(&c) || (b && (steps & POL_FINISH)));
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
presents_safely(const struct pol_engine *e, uint32_t node, const struct half *h,
    bool is_client, const struct own_files *o)
{
	bool br = direction_bridges(e->shape.graph, node, h->peer, is_client);
	struct file_set trusted = o->presumes
	    ? engine_trusts_presumed(e, h->peer)
	    : engine_trusts(e, h->peer);

	if (o->shown_loses[br])
		return rule_is_safe(&o->shown_next[br], &trusted);
	return rule_allows(&o->shown_now[br], &o->shown_next[br], &trusted);
}

static bool
verifies_safely(const struct pol_engine *e, uint32_t node, const struct half *h,
    bool is_client, const struct own_files *o)
{
	bool br = direction_bridges(e->shape.graph, h->peer, node, !is_client);
	struct file_set shown = engine_shows(e, h->peer, br);

	return rule_allows(&o->trust_now, &o->trust_next, &shown);
}

/* Does a finish take something away from all those who see its bridge? Then
 * they see its new certificate alone. */
static bool
drops_bridge(const struct enode *n, const struct values *v, uint32_t steps)
{
	if ((steps & POL_FINISH) == 0 || (n->done & POL_CERT) == 0)
		return false;
	for (unsigned i = 0; i < v->nchain; i++)
		if ((v->chain[i].bridge & ~v->chain[i].leaf) != 0)
			return true;
	return false;
}

/* With the new certificate the node still shows something to everybody: where
 * its bridge counts they hold either generation, elsewhere the new one. */
static bool
bridges_well(const struct enode *n, uint32_t steps)
{
	return !(steps & POL_FINISH) && n->wait_trust == n->wait_trust_bridge &&
	    n->wait_either == 0;
}

/* Everybody whom a removal concerns is sure of the goal's generation (a dual
 * client's cert apart, see above), and the new content has it. */
static bool
count_opens(const struct enode *n, uint32_t steps, bool bridges,
    uint32_t unsure)
{
	const bool shows =
	    (steps & POL_CERT) || (bridges && (steps & POL_FINISH));

	return (!shows || unsure == 0 || (bridges && bridges_well(n, steps))) &&
	    (!(steps & POL_FINISH) || n->wait_cert == 0) &&
	    (!(steps & POL_FINISH) || ((n->done | steps) & POL_CERT) ||
		!bridges);
}

/* The full answer costs a look at every link, the counters nothing. They
 * forbid: a removal meets somebody who is not sure. They allow as above. What
 * is presumed helps no order with a finish. */
enum counted
breach_count(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	const struct enode *n = &e->node[node];
	const struct values v = values_possible(e, node);
	const uint64_t to = POL_GEN(e->goal.to);
	const bool bridges = (e->shape.role[node] & ROLE_BRIDGES) != 0;
	const bool presumes = (steps & POL_FINISH) == 0;
	uint32_t unsure = presumes ? n->wait_presumed : n->wait_trust;

	if (count_opens(n, steps, bridges, unsure))
		return COUNTED_OPEN;
	if (bridges)
		unsure -=
		    presumes ? n->wait_presumed_client : n->wait_trust_client;
	if ((steps & POL_CERT) && unsure > 0)
		for (unsigned i = 0; i < v.nchain; i++)
			if ((v.chain[i].leaf & ~to) != 0)
				return COUNTED_SHUT;
	if ((steps & POL_FINISH) && n->wait_cert > 0)
		for (unsigned i = 0; i < v.ntrust; i++)
			if ((v.trust[i] & ~to) != 0)
				return COUNTED_SHUT;
	if (n->wait_trust_bridge > 0 && drops_bridge(n, &v, steps))
		return COUNTED_SHUT;
	return COUNTED_NOTHING;
}

bool
breach_each(const struct pol_engine *e, struct pol_order order, breach_fn *fn,
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

unsigned
breach_takes(const struct pol_engine *e, uint32_t node, const struct half *h,
    bool is_client, const struct own_files *o)
{
	const struct pol_graph *g = e->shape.graph;
	const uint32_t root = e->shape.root;
	const bool br = direction_bridges(g, node, h->peer, is_client);
	unsigned takes = 0;

	if ((is_client ? h->client_root : h->server_root) == root &&
	    (o->shown_loses[br] ||
		rule_is_removal(&o->shown_now[br], &o->shown_next[br])))
		takes |= TAKES_SHOWN;
	if ((is_client ? h->server_root : h->client_root) == root &&
	    rule_is_removal(&o->trust_now, &o->trust_next))
		takes |= TAKES_TRUST;
	return takes;
}
