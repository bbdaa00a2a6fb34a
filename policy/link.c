/*
 * link: is a direction safe, may a link be added, and what must a node hold
 * that joins in the middle of a roll. kedged asks before it changes the
 * fleet; an added link can make a pair fail, a removed one can only free
 * those who waited for it.
 */
#include "policy/engine.h"

struct direction {
	uint32_t presenter, verifier;
	bool by_client; /* the presenter is the link's client */
};

static struct file_set
direction_shown(const struct pol_engine *e, const struct direction *d)
{
	return engine_shows(e, d->presenter,
	    direction_bridges(e->shape.graph, d->presenter, d->verifier,
		d->by_client));
}

static bool
is_excused(const struct pol_engine *e, const struct direction *d)
{
	return ((e->node[d->presenter].flags | e->node[d->verifier].flags) &
		   NODE_EXCUSED) != 0;
}

static bool
direction_is_safe(const struct pol_engine *e, const struct direction *d)
{
	struct file_set shown, trusted;

	if (is_excused(e, d))
		return true;
	shown = direction_shown(e, d);
	trusted = engine_trusts(e, d->verifier);
	return rule_is_safe(&shown, &trusted);
}

bool
pol_engine_is_safe(const struct pol_engine *e, uint32_t presenter,
    uint32_t verifier)
{
	const struct pol_graph *g = e->shape.graph;
	struct direction d = { presenter, verifier, false };
	struct walk w;
	const struct half *h;

	if (presenter >= g->nnodes || verifier >= g->nnodes)
		return true;
	w = walk_start(g, presenter);
	while ((h = walk_next(&w)) != NULL) {
		d.by_client = w.is_client;
		if (h->peer == verifier &&
		    (w.is_client ? h->client_root : h->server_root) ==
			e->shape.root &&
		    !direction_is_safe(e, &d))
			return false;
	}
	return true;
}

/* ---- a link that is to be added ------------------------------------------------ */

/* Whose step would make the direction safe: a verifier that lacks the goal's
 * root gets it by its trust; one that has forgotten the old root waits for
 * the presenter's new certificate. */
static void
link_why(const struct pol_engine *e, const struct direction *d,
    struct pol_why *why)
{
	const uint32_t unknown = !(e->node[d->presenter].flags & NODE_KNOWN)
	    ? d->presenter
	    : !(e->node[d->verifier].flags & NODE_KNOWN) ? d->verifier
							 : POL_NONE;
	const bool trusts = (e->node[d->verifier].sure & SURE_TRUST) != 0;

	*why = (struct pol_why){
		.rule = unknown != POL_NONE ? "known" : "new-link",
		.node = unknown != POL_NONE ? unknown : d->presenter,
		.peer = POL_NONE,
		.link_client = d->by_client ? d->presenter : d->verifier,
		.link_server = d->by_client ? d->verifier : d->presenter,
		.presenter_waits = true,
	};
	if (unknown != POL_NONE)
		why->since = gate_since(e, e->node[unknown].changed_ms);
	else
		gate_why_peer(e, why, trusts ? d->presenter : d->verifier,
		    trusts ? POL_CERT : POL_TRUST);
}

enum pol_err
pol_engine_link_allowed(const struct pol_engine *e, const struct pol_link *l,
    struct pol_why *why)
{
	const uint32_t n = e->shape.graph->nnodes;
	const struct direction d[2] = { { l->client, l->server, true },
		{ l->server, l->client, false } };
	const uint32_t root[2] = { l->client_root, l->server_root };

	if (l->client >= n || l->server >= n)
		return POL_E_RANGE;
	if (l->client == l->server)
		return POL_E_SELF;
	for (unsigned i = 0; i < 2; i++) {
		if (root[i] != e->shape.root || direction_is_safe(e, &d[i]))
			continue;
		if (why != NULL)
			link_why(e, &d[i], why);
		return POL_E_UNSAFE;
	}
	return POL_OK;
}

/* ---- a node that joins ------------------------------------------------------------ */

/* What the node's peers may do to it, over all its directions. */
struct asked_of {
	uint64_t trusted; /* in every trust list that it is verified by */
	bool shown_to, shown_from; /* every chain it verifies is of … */
	bool shown_other; /* some chain is, or may be, of neither */
};

static void
ask_direction(const struct pol_engine *e, const struct direction *d,
    bool joiner_presents, struct asked_of *a)
{
	const uint32_t peer = joiner_presents ? d->verifier : d->presenter;
	struct file_set f;
	bool over;

	if (e->node[peer].flags & NODE_EXCUSED)
		return;
	if (e->node[peer].flags & NODE_LOST) {
		/* it may hold anything */
		if (joiner_presents)
			a->trusted = 0;
		else
			a->shown_other = true;
		return;
	}
	/* who joins as well may be given either, and trusts what this one may
	 * show */
	if (!(e->node[peer].flags & NODE_KNOWN)) {
		if (!joiner_presents)
			a->shown_to = a->shown_from = false;
		return;
	}
	f = joiner_presents ? engine_trusts(e, peer) : direction_shown(e, d);
	over = !joiner_presents && values_possible(e, peer).chain_over;
	for (unsigned i = 0; i < f.n; i++) {
		if (joiner_presents) {
			a->trusted &= f.v[i];
			continue;
		}
		if (!(f.v[i] & POL_GEN(e->goal.to)))
			a->shown_to = false;
		if (!(f.v[i] & POL_GEN(e->goal.from)))
			a->shown_from = false;
		/* of chains that are not listed nothing else is known */
		if ((f.v[i] != 0 || over) &&
		    !(f.v[i] & (POL_GEN(e->goal.to) | POL_GEN(e->goal.from))))
			a->shown_other = true;
	}
}

static struct asked_of
ask_peers(const struct pol_engine *e, uint32_t node)
{
	const uint32_t root = e->shape.root;
	struct asked_of a = { UINT64_MAX, true, true, false };
	struct walk w = walk_start(e->shape.graph, node);
	const struct half *h;

	while ((h = walk_next(&w)) != NULL) {
		const bool c = w.is_client;
		if ((c ? h->client_root : h->server_root) == root)
			ask_direction(e,
			    &(struct direction){ node, h->peer, c }, true, &a);
		if ((c ? h->server_root : h->client_root) == root)
			ask_direction(e,
			    &(struct direction){ h->peer, node, !c }, false,
			    &a);
	}
	return a;
}

enum pol_err
pol_engine_joiner(const struct pol_engine *e, uint32_t node,
    struct pol_conf *out)
{
	const uint64_t to = POL_GEN(e->goal.to), from = POL_GEN(e->goal.from);
	struct pol_role role;
	struct asked_of a;

	if (node >= e->shape.graph->nnodes)
		return POL_E_RANGE;
	role = pol_graph_role(e->shape.graph, e->shape.root, node);
	a = ask_peers(e, node);
	*out = (struct pol_conf){ 0, 0, 0 };
	if (role.presents)
		out->present = (a.trusted & to) ? to : a.trusted & from;
	if ((role.presents && out->present == 0) || a.shown_other)
		return POL_E_UNSAFE;
	if (role.verifies)
		out->trust = (a.shown_to	    ? to
				     : a.shown_from ? from
						    : to | from) |
		    out->present;
	return POL_OK;
}
