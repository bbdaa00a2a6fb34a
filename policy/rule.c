/*
 * rule: the two rules, once, for the offline plan and for the engine; and
 * what an order makes of a node's files. Everything else in policy/ asks
 * here and decides nothing about safety by itself.
 */
#include "policy/inside.h"

static const struct pol_rule rule_table[] = {
	{ "present-trusted",
	    "a certificate is presented only to those who are known to trust "
	    "its root",
	    "13 23 35 42 47 52 59" },
	{ "forget-unused",
	    "a root is forgotten only when nobody whom the node verifies may "
	    "still present under it",
	    "13 23 35 42 47 52 59" },
	{ "bridge-until-trusted",
	    "a dual client stops bridging only when all its verifiers are known "
	    "to trust the new root",
	    "27 30 43 44 48" },
	{ "known", "the node's own configuration is known", "" },
	{ "excused", "the operator has not excused the node", "" },
	{ "held", "the operator has not put the node on hold", "" },
	{ "stopped",
	    "no node of the independent group has failed too often in a row",
	    "13" },
	{ "one-order", "no other order of the node is outstanding", "13" },
	{ "own-trust",
	    "the node holds the new root before it checks its own certificate "
	    "with it or drops the old root",
	    "9 10 13" },
	{ "own-cert",
	    "a dual client has the new certificate before it drops "
	    "the old chain",
	    "27 30" },
	{ "layer", "the strategy's earlier layer of the group is done",
	    "36 37 38" },
	{ "bundle", "the strategy gives these steps in one order",
	    "25 26 28 29 43 44 48" },
	{ "courtesy",
	    "a dual client presents the new certificate when its servers trust "
	    "it, to save them the longer chain",
	    "13 23 35 42 47" },
	{ "last",
	    "the CA drops the old management root when all its nodes have",
	    "49" },
	{ "fresh", "the peers on which a removal rests were seen lately", "" },
	{ "new-link",
	    "a link is added only when both ends are known to authenticate "
	    "on it",
	    "" },
	{ "first-failed",
	    "no order of a node that goes first has failed without one that "
	    "worked since, or its next try waits for this order",
	    "" },
	{ "first",
	    "the nodes that go first have done this kind of step, or all wait "
	    "for others, of whose orders this is one",
	    "" },
	{ "window", "it is a time in which the operator lets orders start",
	    "" },
	{ "in-flight",
	    "fewer orders are outstanding, of nodes that are not excused, than "
	    "the operator allows",
	    "" },
	{ "step", "the operator has let this order go", "" },
};

const struct pol_rule *
pol_rules(size_t *n)
{
	*n = sizeof(rule_table) / sizeof(rule_table[0]);
	return rule_table;
}

/* ---- the question ----------------------------------------------------------- */

static bool
works(uint64_t shown, uint64_t trusted)
{
	return (shown & trusted) != 0;
}

bool
rule_is_safe(const struct file_set *a, const struct file_set *b)
{
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; j < b->n; j++)
			if (!works(a->v[i], b->v[j]))
				return false;
	return a->n > 0 && b->n > 0;
}

bool
rule_is_removal(const struct file_set *now, const struct file_set *next)
{
	for (unsigned i = 0; i < now->n; i++)
		if ((now->v[i] & ~next->v[i]) != 0)
			return true;
	return false;
}

bool
rule_holds(const struct file_set *now, const struct file_set *next,
    const struct file_set *other)
{
	return rule_is_safe(next, other) || !rule_is_removal(now, next);
}

bool
rule_allows(const struct file_set *now, const struct file_set *next,
    const struct file_set *other)
{
	bool changes = false;

	for (unsigned i = 0; i < now->n; i++)
		changes |= now->v[i] != next->v[i];
	return !changes || rule_holds(now, next, other);
}

/* ---- configurations ------------------------------------------------------------ */

struct pol_conf
change_apply(const struct change *c, struct pol_conf conf)
{
	if ((c->steps & POL_TRUST) && c->verifies)
		conf.trust |= POL_GEN(c->to);
	if ((c->steps & POL_CERT) && c->presents) {
		conf.present = POL_GEN(c->to);
		conf.bridge = c->bridges ? POL_GEN(c->from) : 0;
	}
	if (c->steps & POL_FINISH) {
		if (c->verifies)
			conf.trust = POL_GEN(c->to);
		conf.bridge = 0;
	}
	return conf;
}

bool
change_writes_trust(const struct change *c)
{
	return (c->steps & POL_FINISH) && c->verifies;
}

bool
change_writes_chain(const struct change *c)
{
	return (c->steps & POL_CERT) && c->presents;
}

uint64_t
conf_shown(struct pol_conf c, bool through)
{
	if (c.present == 0)
		return 0;
	return through ? c.present | c.bridge : c.present;
}

bool
direction_bridges(const struct pol_graph *g, uint32_t presenter,
    uint32_t verifier, bool presenter_is_client)
{
	return presenter_is_client && (g->flags[presenter] & POL_NODE_DUAL) &&
	    !(g->flags[verifier] & POL_NODE_SHALLOW);
}

/* ---- what the rules need, from "all old" ----------------------------------------- */

/* The file of one end of a direction after some steps: what it shows when it
 * presents, what it trusts when not. */
static uint64_t
end_file(uint32_t steps, bool presents, bool bridging)
{
	struct pol_conf old = { POL_GEN(1), POL_GEN(1), 0 };
	struct change c = { steps, 1, 2, bridging, true, true };
	struct pol_conf conf = change_apply(&c, old);

	return presents ? conf_shown(conf, bridging) : conf.trust;
}

/* Fewest steps first, earlier ones first among equals. */
static const uint8_t subsets[8] = { 0, POL_TRUST, POL_CERT, POL_FINISH,
	POL_TRUST | POL_CERT, POL_TRUST | POL_FINISH, POL_CERT | POL_FINISH,
	POL_TRUST | POL_CERT | POL_FINISH };

static uint8_t
need_peer(bool bridging, bool presents, uint32_t done, uint32_t steps)
{
	struct file_set now = { { end_file(done, presents, bridging) }, 1 };
	struct file_set next = { { end_file(done | steps, presents, bridging) },
		1 };
	struct file_set peer = { { 0 }, 1 };

	if (now.v[0] == next.v[0])
		return 0;
	for (unsigned i = 0; i < 8; i++) {
		peer.v[0] = end_file(subsets[i], !presents, bridging);
		if (rule_is_safe(&now, &peer) && rule_holds(&now, &next, &peer))
			return subsets[i];
	}
	return NEED_NEVER;
}

void
needs_derive(struct needs *n)
{
	for (unsigned b = 0; b < 2; b++)
		for (unsigned p = 0; p < 2; p++)
			for (uint32_t done = 0; done < 8; done++)
				for (uint32_t s = 0; s < 8; s++)
					n->peer[b][p][done][s] =
					    need_peer(b, p, done, s);
}

uint32_t
needs_own(unsigned role, uint32_t steps)
{
	uint32_t own = 0;

	if ((steps & (POL_CERT | POL_FINISH)) && (role & ROLE_VERIFIES))
		own |= POL_TRUST;
	if ((steps & POL_FINISH) && (role & ROLE_BRIDGES))
		own |= POL_CERT;
	return own & ~steps;
}
