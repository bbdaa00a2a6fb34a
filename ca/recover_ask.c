/*
 * ca/recover_ask: the part of a recovery that speaks with the nodes: orders
 * that only ask, rolls that the store has forgotten but the nodes are in, and
 * the end. A node that was unknown, excused and returns is asked as well. See
 * recover.c, which calls it.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"

#define ASKS_AT_ONCE 128

/* ---- asking -------------------------------------------------------------------------- */

struct asks {
	struct ca_drafts *d;
	size_t lost, nodes; /* parts without an answer, their nodes */
	uint32_t last; /* node of the last of them */
};

uint32_t
ca_top_generation(struct ca *ca, const char *root)
{
	uint32_t gen = 0;
	bool found = false;

	if (ca_store_gen_last(ca->store, root, &gen) != BASE_OK)
		return 0;
	for (; gen > 0 && !found; gen -= !found) {
		struct ca_gen g;

		found = ca_store_gen_get(ca->store, root, gen, &g) == BASE_OK &&
		    g.nwn.n > 0;
		ca_gen_clear(&g);
	}
	return gen;
}

/* One is on its way, or has just come back without an answer. */
static enum base_err
is_asked(struct ca *ca, const char *node, const char *root, bool *yes)
{
	struct ca_order o = { .epoch = 0 };
	int64_t now = ca_now(ca).ms;
	uint64_t epoch;
	enum base_err r;

	*yes = false;
	if ((r = ca_store_epoch_last(ca->store, node, root, &epoch)) !=
		BASE_OK ||
	    epoch == 0 ||
	    (r = ca_store_order_get(ca->store, node, root, epoch, &o)) !=
		BASE_OK)
		goto out;
	if (o.steps != 0 && (o.steps & WIRE_STEP_JOIN) == 0)
		goto out;
	if (o.state == CA_ORDER_SENT || o.state == CA_ORDER_RECEIVED)
		*yes = o.expires.ms > now;
	else
		*yes = o.settled.ms + ca->conf->resend_max_ms > now &&
		    o.settled.ms <= now;
out:
	ca_order_clear(&o);
	return r;
}

static enum base_err
ask_fill(struct ca *ca, uint32_t node, uint32_t root, struct wire_order *o)
{
	const struct ca_roll *w = ca_roll_of(ca, ca->topo->roots[root].name);

	memcpy(o->node, ca->topo->nodes[node].name, sizeof(o->node));
	memcpy(o->root, ca->topo->roots[root].name, sizeof(o->root));
	o->roll = w == NULL ? 0 : w->row.id;
	o->to = ca_top_generation(ca, o->root);
	o->from = o->to > 1 ? o->to - 1 : o->to;
	o->verifies = ca_topo_role(ca->topo, root, node).verifies;
	return ca_epoch_next(ca, o->node, o->root, &o->epoch);
}

static enum base_err
ask_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	struct asks *a = arg;
	bool asked = false, lost;
	enum base_err r = ca_part_is_lost(ca, node, root, &lost);

	if (r != BASE_OK || !lost)
		return r;
	a->lost++;
	if (a->nodes == 0 || a->last != node)
		a->nodes++;
	a->last = node;
	if (a->d == NULL || ca_drafts_count(a->d) >= ASKS_AT_ONCE)
		return BASE_OK;
	r = is_asked(ca, ca->topo->nodes[node].name, ca->topo->roots[root].name,
	    &asked);
	if (r != BASE_OK || asked)
		return r;
	return ask_fill(ca, node, root, &ca_drafts_add(a->d)->order);
}

static enum base_err
asked_store(struct ca *ca, struct ca_drafts *d)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		if (t->err == BASE_OK &&
		    (r = ca_roll_replace(ca, &t->row)) == BASE_OK &&
		    (r = ca_drafts_store(d, i)) == BASE_OK)
			r = ca_audit(ca, CA_NODE_CA, "order",
			    "%s %s epoch %llu: asks what it holds", t->row.node,
			    t->row.root, (unsigned long long)t->row.epoch);
	}
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static void
asked(void *arg, enum base_err e, struct ca_drafts *d)
{
	struct ca *ca = arg;

	ca->recovery.busy = false;
	if (e == BASE_OK)
		e = asked_store(ca, d);
	for (size_t i = 0; e == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		if (t->err != BASE_OK) {
			snprintf(ca->recovery.trouble,
			    sizeof(ca->recovery.trouble), "node %s: %s",
			    t->order.node, t->why);
			base_log(BASE_WARNING, "recovery: %s",
			    ca->recovery.trouble);
			ca->recovery.next = ca_after(ca, ca->conf->retry_ms);
			continue;
		}
		ca_deliver_settled(ca->deliver, t->row.node, t->row.root,
		    t->row.epoch - 1);
		ca_order_send(ca, &t->row);
		ca_event_order(ca, &t->row, 0);
	}
	if (e == BASE_OK)
		ca_recover_goes_on(ca);
	else
		ca_recover_later(ca, "asking the nodes");
	ca->recovery.look = true;
	ca_drafts_free(d);
	ca_kick(ca);
}

enum base_err
ca_recover_leaf(struct ca *ca, const char *node, const char *root, uint32_t gen)
{
	const int64_t life = (int64_t)ca->conf->node_days * 86400000;
	struct ca_leaf l;
	enum base_err r = ca_store_leaf_get(ca->store, node, root, &l);

	if (gen == 0 || (r != BASE_OK && r != BASE_E_NOTFOUND) ||
	    (r == BASE_OK && l.gen == gen))
		return gen == 0 ? BASE_OK : r;
	memset(&l, 0, sizeof(l));
	snprintf(l.node, sizeof(l.node), "%s", node);
	snprintf(l.root, sizeof(l.root), "%s", root);
	l.gen = gen;
	l.not_before.ms = ca_now(ca).ms - life / 4 * 3;
	l.not_after.ms = ca_now(ca).ms + life / 4;
	ca_renew_date(&l);
	return ca_store_leaf_put(ca->store, &l);
}

/* ---- rolls that the store has forgotten ------------------------------------------------ */

struct seen {
	uint32_t root, current; /* which generation all should hold */
	uint32_t top; /* highest that somebody holds */
	bool mixed;
};

static enum base_err
see_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	struct seen *s = arg;
	struct pol_role role = ca_topo_role(ca->topo, root, node);
	struct ca_holding h;
	uint64_t all;
	enum base_err r;

	if (root != s->root ||
	    (r = ca_part_holds(ca, node, root, &h)) != BASE_OK)
		return root != s->root ? BASE_OK : r;
	if (!h.known)
		return BASE_OK;
	all = h.conf.trust | h.conf.present | h.conf.bridge;
	for (uint32_t g = s->top + 1; g <= WIRE_GENERATION_MAX; g++)
		if ((all & POL_GEN(g)) != 0)
			s->top = g;
	if (!h.excused &&
	    ((role.verifies && h.conf.trust != POL_GEN(s->current)) ||
		(role.presents && h.conf.present != POL_GEN(s->current)) ||
		h.conf.bridge != 0))
		s->mixed = true;
	return BASE_OK;
}

static enum base_err
roll_store(struct ca *ca, const struct ca_roll *old, struct ca_roll_row *row)
{
	char made[sizeof(CA_META_MADE) + 24];
	struct ca_root root;
	enum base_err r;

	if ((r = ca_store_root_get(ca->store, row->root, &root)) != BASE_OK)
		return r;
	root.current = row->from;
	if (old != NULL &&
	    (r = ca_store_roll_state(ca->store, old->row.id, CA_ROLL_DONE,
		 ca_now(ca))) != BASE_OK)
		return r;
	if ((r = ca_store_root_put(ca->store, &root)) != BASE_OK ||
	    (r = ca_roll_begin(ca, row)) != BASE_OK ||
	    (r = ca_meta_put_u64(ca, CA_META_RECOVERED, row->id)) != BASE_OK)
		return r;
	snprintf(made, sizeof(made), CA_META_MADE "/%llu",
	    (unsigned long long)row->id);
	if ((r = ca_meta_put_u64(ca, made, 1)) != BASE_OK)
		return r;
	return ca_audit(ca, CA_NODE_CA, "recovery",
	    "roll %llu of root %s, %u to %u: nodes hold it already; it is "
	    "paused until the operator lets it go on%s",
	    (unsigned long long)row->id, row->root, row->from, row->to,
	    row->compromised ? "; the old root's key may be in wrong hands"
			     : "");
}

/* The nodes are on a way to a generation that the store knows no roll to: it
 * is made anew, and goes on when the operator says so, who knows whether it
 * went forward or back, and how it was to be done. */
static enum base_err
roll_again(struct ca *ca, const struct seen *s, uint32_t to)
{
	const char *name = ca->topo->roots[s->root].name;
	struct ca_gen old = { .gen = 0 };
	struct ca_roll_row row = { .from = to - 1,
		.to = to,
		.strategy = POL_MINIMAL,
		.limit = ca->conf->failure_limit,
		.state = CA_ROLL_PAUSED,
		.started = ca_now(ca) };
	enum base_err r;

	memcpy(row.root, name, sizeof(row.root));
	r = ca_store_gen_get(ca->store, name, row.from, &old);
	row.compromised = row.say_again = old.stolen;
	ca_gen_clear(&old);
	if (r != BASE_OK || (r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = roll_store(ca, ca_roll_of(ca, name), &row)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	base_log(BASE_WARNING,
	    "recovery: root %s: nodes hold generation %u, to which this store "
	    "knew no roll; it is roll %llu now, and paused: kedge roll resume "
	    "%s lets it go on%s",
	    name, to, (unsigned long long)row.id, name,
	    row.compromised ? "; the old root's key may be in wrong hands"
			    : "");
	return ca_reload_topo(ca);
}

/* true: something was made, and everything is to be looked at again. */
static enum base_err
roll_of_root(struct ca *ca, uint32_t root, bool end, bool *made)
{
	const char *name = ca->topo->roots[root].name;
	const struct ca_roll *w = ca_roll_of(ca, name);
	struct seen s = { .root = root,
		.current = ca->topo->roots[root].current };
	uint32_t known = s.current, top = ca_top_generation(ca, name);
	enum base_err r = ca_each_part(ca, see_part, &s);

	if (r != BASE_OK)
		return r;
	if (w != NULL)
		known = w->row.from > w->row.to ? w->row.from : w->row.to;
	/* a generation that was never made is nobody's */
	if (s.top > top)
		s.top = top;
	if (s.top <= known && !(end && w == NULL && s.mixed && known > 1))
		return BASE_OK;
	*made = true;
	return roll_again(ca, &s, s.top > known ? s.top : known);
}

/* ---- the end ---------------------------------------------------------------------------- */

static enum base_err
end_store(struct ca *ca, const struct ca_recovery *v)
{
	struct ca_roll_row *rows = NULL;
	uint64_t last = 0;
	size_t n = 0;
	enum base_err r = ca_store_rolls(ca->store, &rows, &n);

	for (size_t i = 0; r == BASE_OK && i < n; i++)
		last = rows[i].id > last ? rows[i].id : last;
	free(rows);
	if (r != BASE_OK || (r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_recovery_put(ca, v)) == BASE_OK &&
	    (r = ca_meta_put_u64(ca, CA_META_RECOVERED, last)) == BASE_OK &&
	    (r = ca_audit(ca, CA_NODE_CA, "recovery",
		 "over: every node has said what it holds, or is excused")) ==
		BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static enum base_err
end(struct ca *ca)
{
	struct ca_recovery v = ca->recovery;
	enum base_err r;

	v.stage = CA_RECOVERY_NONE;
	v.trouble[0] = '\0';
	if ((r = end_store(ca, &v)) != BASE_OK)
		return r;
	ca->recovery = v;
	base_log(BASE_NOTICE,
	    "recovery: over; every node has said what it holds, or is excused");
	ca->tidy_wanted = true;
	ca_renew_soon(ca);
	ca_kick(ca);
	return BASE_OK;
}

enum base_err
ca_recover_look(struct ca *ca)
{
	struct asks a = { .last = POL_NONE };
	bool on = ca->recovery.stage == CA_RECOVERY_ASK, made = false;
	enum base_err r;

	a.d = ca_drafts_new(ca, asked, ca);
	r = ca_each_part(ca, ask_part, &a);
	for (uint32_t k = 0;
	     on && r == BASE_OK && !made && k < ca->topo->nroots; k++)
		r = roll_of_root(ca, k, a.lost == 0, &made);
	ca->recovery.look = ca->recovery.answers = made;
	if (r == BASE_OK && !made && ca_drafts_count(a.d) > 0) {
		ca->recovery.busy = true;
		ca_drafts_go(a.d);
		return BASE_OK;
	}
	ca_drafts_free(a.d);
	if (r == BASE_OK && on && a.lost == 0 && !made)
		r = end(ca);
	/* expired, or failed a while ago: asked again. An answer that comes
	 * meanwhile is looked at soon. */
	if (a.lost > 0) {
		ca->recovery.look = true;
		ca->recovery.next = ca_after(ca, ca->conf->retry_ms);
	}
	return r;
}
