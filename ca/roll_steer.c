/*
 * ca/roll_steer: the operator's words to a roll: pause, abort, on again;
 * hold, release, excuse and return of a node. Each is one transaction with
 * its audit record, then memory, then an event; a killed kedged finds all of
 * it in the store.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

enum base_err
ca_roll_none(const char *root)
{
	return base_fail(BASE_E_STATE,
	    "root %s: does not roll; kedge roll start %s begins a roll", root,
	    root);
}

static enum base_err
find(struct ca *ca, const char *root, struct ca_roll **out)
{
	*out = ca_roll_of(ca, root);
	return *out != NULL ? BASE_OK : ca_roll_none(root);
}

/* ---- pause, resume ---------------------------------------------------------- */

enum base_err
ca_roll_pause(struct ca *ca, const char *root, bool pause, const char *who)
{
	struct ca_roll_row row;
	struct ca_roll *w;
	enum base_err r;

	if ((r = find(ca, root, &w)) != BASE_OK)
		return r;
	row = w->row;
	row.state = pause ? CA_ROLL_PAUSED : CA_ROLL_RUNNING;
	if (w->row.state == row.state)
		return BASE_OK;
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_roll_state(ca->store, row.id, row.state,
		 (struct base_time){ 0 })) == BASE_OK &&
	    (r = ca_audit(ca, who, "roll", "%llu of root %s: %s",
		 (unsigned long long)row.id, root, ca_roll_word(&row))) ==
		BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	ca_event_roll(ca, &row, ca_roll_word(&w->row), ca_roll_word(&row));
	w->row.state = row.state;
	ca_kick(ca);
	return BASE_OK;
}

/* ---- the way back, and forward again -------------------------------------------- */

struct turning {
	struct ca *ca;
	const struct ca_roll_row *row;
	struct ca_order *list; /* without cms */
	size_t n;
};

static enum base_err
turn_order(void *arg, const struct ca_order *o)
{
	struct turning *t = arg;

	if (o->roll != t->row->id)
		return BASE_OK;
	t->list = base_realloc_array(t->list, t->n + 1, sizeof(*t->list));
	t->list[t->n] = *o;
	memset(&t->list[t->n++].cms, 0, sizeof(o->cms));
	return BASE_OK;
}

/* Orders under way are outranked: they leave the mailboxes, and whoever has
 * got one is told otherwise under a higher epoch. */
static enum base_err
turn_store(struct turning *t, const struct ca_roll_row *next, const char *what,
    const char *who)
{
	struct ca_store *st = t->ca->store;
	enum base_err r;

	if ((r = ca_store_begin(st)) != BASE_OK)
		return r;
	if ((r = ca_store_orders_open(st, true, turn_order, t)) != BASE_OK ||
	    (r = ca_store_roll_turn(st, next->id, next->from, next->to)) !=
		BASE_OK)
		goto out;
	for (size_t i = 0; r == BASE_OK && i < t->n; i++)
		r = ca_store_orders_replace(st, t->list[i].node,
		    t->list[i].root, t->list[i].epoch + 1);
	if (r == BASE_OK &&
	    (r = ca_roll_unsent_turn(t->ca, next->id)) == BASE_OK &&
	    (r = ca_audit(t->ca, who, "roll", "%llu of root %s: %s",
		 (unsigned long long)next->id, next->root, what)) == BASE_OK)
		r = ca_store_commit(st);
out:
	ca_store_rollback(st);
	return r;
}

static enum base_err
turn(struct ca *ca, struct ca_roll *w, const char *what, const char *who)
{
	struct ca_roll_row was = w->row, next = w->row;
	struct turning t = { ca, &was, NULL, 0 };
	enum base_err r;

	next.from = was.to;
	next.to = was.from;
	if ((r = turn_store(&t, &next, what, who)) != BASE_OK)
		goto out;
	for (size_t i = 0; i < t.n; i++) {
		enum ca_order_state old = t.list[i].state;

		t.list[i].state = CA_ORDER_REPLACED;
		ca_deliver_settled(ca->deliver, t.list[i].node, t.list[i].root,
		    t.list[i].epoch);
		ca_event_order(ca, &t.list[i], old);
	}
	ca_event_roll(ca, &next, ca_roll_word(&was), ca_roll_word(&next));
	/* w is gone after this: the engine is made anew from its facts */
	if ((r = ca_roll_reopen(ca)) != BASE_OK)
		base_die("roll: %s", base_why());
	ca_kick(ca);
out:
	free(t.list);
	return r;
}

/* Nodes that trust the thief's key no more would do so again. */
static enum base_err
abort_check(struct ca *ca, const struct ca_roll_row *row,
    const struct ca_roll_abort *a)
{
	bool late, stolen;
	enum base_err r;

	if ((r = ca_roll_is_late(ca, row, &late)) != BASE_OK ||
	    (r = ca_store_root_stolen(ca->store, a->root, row->from,
		 &stolen)) != BASE_OK)
		return r;
	if (stolen && !a->compromised)
		return base_fail(BASE_E_OUTAGE,
		    "root %s: generation %u, to which an abort goes back, is "
		    "one whose key may be in wrong hands: every node would "
		    "present and trust it again. Where an application cannot "
		    "live with the new root, kedge roll hold or excuse its node; "
		    "to go back all the same say --to-compromised",
		    a->root, row->from);
	if (late && !a->late)
		return base_fail(BASE_E_REFUSED,
		    "root %s: past the point of no return: finish was sent, "
		    "and some node may have forgotten generation %u. Going on "
		    "is the shorter way; with --after-finish those nodes take "
		    "generation %u back by OldWithNew, which takes trust, cert "
		    "and finish once more",
		    a->root, row->from, row->from);
	return BASE_OK;
}

enum base_err
ca_roll_abort(struct ca *ca, const struct ca_roll_abort *a)
{
	struct ca_roll *w;
	char *what;
	enum base_err r;

	if ((r = find(ca, a->root, &w)) != BASE_OK)
		return r;
	if (w->row.from > w->row.to)
		return base_fail(BASE_E_STATE,
		    "root %s: goes back to generation %u already; kedge roll "
		    "start %s turns it forward again",
		    a->root, w->row.to, a->root);
	if ((r = abort_check(ca, &w->row, a)) != BASE_OK)
		return r;
	what = base_asprintf("abort, back to generation %u%s%s%s", w->row.from,
	    a->compromised ? ", whatever became of its key" : "",
	    a->reason[0] == '\0' ? "" : ": ", a->reason);
	r = turn(ca, w, what, a->who);
	free(what);
	return r;
}

enum base_err
ca_roll_again(struct ca *ca, const char *root, const char *who)
{
	struct ca_roll *w;
	enum base_err r;

	if ((r = find(ca, root, &w)) != BASE_OK)
		return r;
	if (w->row.from < w->row.to)
		return base_fail(BASE_E_STATE,
		    "root %s: rolls already; see kedge roll status", root);
	return turn(ca, w, "on again after an abort", who);
}

bool
ca_roll_has_turned(const struct ca_roll *w, const struct wire_order *o)
{
	return (o->from < o->to) != (w->row.from < w->row.to);
}

/* ---- one node ---------------------------------------------------------------------- */

/* Has a part in the root's rolls; or had one, and kedge-hsmd may still judge
 * by what the node holds. */
static enum base_err
word_part(struct ca *ca, const struct ca_word *w, uint32_t root, uint32_t node)
{
	struct ca_holding h = { .known = false };
	enum base_err r = BASE_OK;

	if (ca_topo_steps(ca->topo, root, node) == 0 &&
	    (r = ca_holding_get(ca->store, w->node, w->root, &h)) == BASE_OK &&
	    !h.known)
		r = base_fail(BASE_E_STATE,
		    "node %s: no link of it uses root %s, and it has reported "
		    "nothing under it",
		    w->node, w->root);
	return r;
}

static enum base_err
word_check(struct ca *ca, const struct ca_word *w)
{
	uint32_t root = ca_topo_root(ca->topo, w->root);
	uint32_t node = ca_topo_node(ca->topo, w->node);

	if (root == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "root %s: not known; see kedge root list", w->root);
	if (node == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "node %s: not known; see kedge node list", w->node);
	return word_part(ca, w, root, node);
}

static struct ca_fact
word_fact(struct ca *ca, const struct ca_word *w, enum pol_fact_kind kind)
{
	const struct ca_roll *roll = ca_roll_of(ca, w->root);
	struct ca_fact f = { .kind = kind, .at = ca_now(ca) };

	snprintf(f.root, sizeof(f.root), "%s", w->root);
	snprintf(f.node, sizeof(f.node), "%s", w->node);
	f.roll = roll == NULL ? 0 : roll->row.id;
	return f;
}

static enum base_err
word_store(struct ca *ca, const struct ca_word *w, const struct ca_fact *f,
    const char *what)
{
	enum base_err r;

	if ((r = ca_store_fact_add(ca->store, f)) != BASE_OK)
		return r;
	return ca_audit(ca, w->who, what, "%s of root %s%s%s", w->node, w->root,
	    w->reason[0] == '\0' ? "" : ": ", w->reason);
}

/* A fact about a node of a roll that runs. */
static enum base_err
word_say(struct ca *ca, const struct ca_word *w, enum pol_fact_kind kind,
    const char *what)
{
	struct ca_fact f;
	struct ca_roll *roll;
	enum base_err r;

	if ((r = word_check(ca, w)) != BASE_OK ||
	    (r = find(ca, w->root, &roll)) != BASE_OK)
		return r;
	f = word_fact(ca, w, kind);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = word_store(ca, w, &f, what)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	roll->retries[ca_topo_node(ca->topo, w->node)].ms = 0;
	ca_roll_tell(ca, &f);
	return BASE_OK;
}

enum base_err
ca_roll_hold(struct ca *ca, const struct ca_word *w)
{
	enum base_err r = word_say(ca, w, POL_FACT_HELD, "hold");

	if (r == BASE_OK)
		ca_event_word(ca, w, "joined", "held");
	return r;
}

struct held {
	const char *node;
	bool yes;
};

static enum base_err
held_fact(void *arg, const struct ca_fact *f)
{
	struct held *h = arg;

	if ((f->kind == POL_FACT_HELD || f->kind == POL_FACT_FREED) &&
	    strcmp(f->node, h->node) == 0)
		h->yes = f->kind == POL_FACT_HELD;
	return BASE_OK;
}

/* By the operator, also while an order of it is out, or after failures. */
static enum base_err
held_check(struct ca *ca, const struct ca_word *w)
{
	struct held h = { w->node, false };
	struct ca_roll *roll;
	enum base_err r;

	if ((r = word_check(ca, w)) != BASE_OK ||
	    (r = find(ca, w->root, &roll)) != BASE_OK ||
	    (r = ca_store_facts_of_roll(ca->store, roll->row.id, held_fact,
		 &h)) != BASE_OK)
		return r;
	if (h.yes || ca_roll_is_held(ca, roll, ca_topo_node(ca->topo, w->node)))
		return BASE_OK;
	return base_fail(BASE_E_STATE,
	    "node %s: is not held in the roll of root %s; see kedge roll "
	    "status",
	    w->node, w->root);
}

enum base_err
ca_roll_release(struct ca *ca, const struct ca_word *w)
{
	enum base_err r;

	if ((r = held_check(ca, w)) == BASE_OK &&
	    (r = word_say(ca, w, POL_FACT_FREED, "release")) == BASE_OK)
		ca_event_word(ca, w, "held", "freed");
	return r;
}

enum base_err
ca_roll_retry(struct ca *ca, const char *root, const char *node,
    const char *who)
{
	const struct ca_word w = { root, node, "", who };
	enum base_err r = word_say(ca, &w, POL_FACT_FREED, "retry");

	if (r == BASE_OK)
		ca_event_word(ca, &w, "held", "freed");
	return r;
}

enum base_err
ca_roll_excuse(struct ca *ca, const struct ca_word *w)
{
	enum base_err r;

	if (w->reason[0] == '\0')
		return base_fail(BASE_E_USAGE,
		    "node %s: an excuse needs a reason; it goes into the audit",
		    w->node);
	if (strcmp(w->node, CA_NODE_CA) == 0)
		return base_fail(BASE_E_REFUSED,
		    "node ca: is at the other end of every link of this root; "
		    "it cannot be excused");
	if ((r = ca_recover_keeps_word(ca, w->node)) == BASE_OK &&
	    (r = word_say(ca, w, POL_FACT_EXCUSED, "excuse")) == BASE_OK)
		ca_event_word(ca, w, "joined", "excused");
	return r;
}

/* ---- back after the roll ------------------------------------------------------------- */

/* Under the management root there is no way back: the CA has forgotten what
 * the node still shows, and would not even hear it. */
static enum base_err
return_own(struct ca *ca, const struct ca_word *w, const struct ca_holding *h,
    uint32_t current)
{
	struct ca_fact f = word_fact(ca, w, POL_FACT_RETURNED);
	enum base_err r;

	if (!h->confirmed || h->conf.present != POL_GEN(current))
		return base_fail(BASE_E_STATE,
		    "node %s: the CA has forgotten the management root that "
		    "it holds; let it join again (kedge node token %s), then "
		    "it can return",
		    w->node, w->node);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = word_store(ca, w, &f, "return")) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

/* Where the node may have stayed: ahead, when the roll that it missed the end
 * of was aborted; otherwise one generation behind. 0: the current one is all
 * that ever was. */
static uint32_t
left_at(const struct ca_holding *h, uint32_t current)
{
	uint64_t may = h->conf.trust | h->conf.present | h->conf.bridge;

	if (h->doubted)
		may |= h->doubt.trust | h->doubt.present | h->doubt.bridge;
	if (h->steps != 0 && !h->confirmed)
		may |= POL_GEN(h->to);
	return (may & POL_GEN(current + 1)) != 0 ? current + 1 : current - 1;
}

/* A roll of the last generation once more, or of the way back to it, in which
 * all but the node that returns hold the goal. */
static enum base_err
catch_up(struct ca *ca, const struct ca_word *w, const struct ca_holding *h,
    uint32_t current)
{
	uint32_t from = left_at(h, current), stolen = 0;
	struct ca_roll_row row = { .from = from,
		.to = current,
		.strategy = POL_MINIMAL,
		.limit = ca->conf->failure_limit,
		.state = CA_ROLL_RUNNING,
		.started = ca_now(ca) };
	struct ca_fact f = word_fact(ca, w, POL_FACT_RETURNED);
	enum base_err r;

	snprintf(row.root, sizeof(row.root), "%s", w->root);
	/* its sessions may be a thief's, as the others' were; when it missed
	 * that before, its orders alone say so */
	if (from != 0 && from < current) {
		if ((r = ca_store_root_compromised(ca->store, w->root,
			 ca_conf_lowest(h->conf), &stolen)) != BASE_OK)
			return r;
		row.compromised = stolen == from;
	}
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = word_store(ca, w, &f, "return")) == BASE_OK &&
	    (from == 0 || (r = ca_roll_begin(ca, &row)) == BASE_OK))
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK || from == 0)
		return r;
	ca->told = false;
	if ((r = ca_roll_open(ca, &row)) != BASE_OK)
		return r;
	ca_event_roll(ca, &row, "none", ca_roll_word(&row));
	ca_kick(ca);
	return BASE_OK;
}

enum base_err
ca_roll_return(struct ca *ca, const struct ca_word *w)
{
	struct ca_holding h;
	uint32_t root;
	enum base_err r;

	if ((r = word_check(ca, w)) != BASE_OK ||
	    (r = ca_recover_keeps_word(ca, w->node)) != BASE_OK ||
	    (r = ca_holding_get(ca->store, w->node, w->root, &h)) != BASE_OK)
		return r;
	if (!h.excused)
		return base_fail(BASE_E_STATE,
		    "node %s: is not excused from root %s", w->node, w->root);
	root = ca_topo_root(ca->topo, w->root);
	r = ca_roll_of(ca, w->root) != NULL
	    ? word_say(ca, w, POL_FACT_RETURNED, "return")
	    : strcmp(w->root, CA_MANAGEMENT) == 0
	    ? return_own(ca, w, &h, ca->topo->roots[root].current)
	    : catch_up(ca, w, &h, ca->topo->roots[root].current);
	if (r != BASE_OK)
		return r;
	ca_event_word(ca, w, "excused", "joined");
	/* the operator has seen to it just now */
	ca->topo->nodes[ca_topo_node(ca->topo, w->node)].returned = ca_mono(ca);
	/* a recovery did not wait for what it holds */
	if (h.lost)
		ca_recover_soon(ca);
	return BASE_OK;
}
