/*
 * ready: what may start now, what waits and on whom, how far the roll is.
 * kedged asks after every fact. Only nodes whose own state or whose peers'
 * state changed are looked at again.
 *
 * Orders that are ready together are safe together: within one goal every
 * file that an order replaces or shortens ends with the goal's generation in
 * it, and each was allowed because all its peers already have it in every
 * possible configuration; so any two of the new configurations meet in it,
 * and any new one meets any old one by its own check.
 */
#include <stdlib.h>

#include "policy/engine.h"

/* Could the order be given when its layer is open? */
static bool
is_free(const struct pol_engine *e, uint32_t node, uint32_t steps)
{
	const struct pol_order o = { node, steps };

	/* cheap ones first; the answer is the same */
	return !(e->node[node].flags & NODE_HELD) &&
	    gates_pass_node(gates_strategy, e, o) &&
	    gates_pass(gates_safety, e, o, NULL);
}

/* The first of the node's orders that is free: the layers of those after it are
 * not below its own. */
static void
look_again(struct pol_engine *e, uint32_t node)
{
	const uint32_t todo = engine_todo(e, node);
	const struct parts *parts = shape_parts(&e->shape, node);
	uint32_t offer = 0;

	for (unsigned k = 0; k < parts->n && offer == 0; k++) {
		uint32_t steps = parts->part[k] & todo;
		if (steps != 0 && is_free(e, node, steps))
			offer = steps;
	}
	offers_put(e, node, offer);
}

/* From "all old" a bundle that can never be given has been split by
 * shape_make. From other states a group can come to rest before the goal
 * with nobody to wait for; single steps always go on. */
static bool
group_is_stuck(const struct pol_engine *e, uint32_t group)
{
	const struct egroup *g = &e->group[group];
	uint32_t todo = 0;

	for (unsigned l = 0; l < LAYERS_MAX; l++)
		todo += g->todo[l];
	return todo > 0 && g->outstanding == 0 && g->odd == 0 &&
	    g->failed == 0 && offers_are_none(e, group);
}

/* Splits the node if one of its steps could go now by itself; says on whom
 * the whole order would have waited. */
static enum pol_err
node_unbundle(struct pol_engine *e, uint32_t node)
{
	const uint32_t todo = engine_todo(e, node);
	struct pol_why why = { .peer = POL_NONE };
	enum pol_err err;

	for (uint32_t s = POL_TRUST; s <= POL_FINISH; s <<= 1) {
		if (!(todo & s) || !is_free(e, node, s) ||
		    !gates_pass(gates_strategy, e,
			(struct pol_order){ node, s }, NULL))
			continue;
		(void)pol_engine_waits(e, node, &why, 1);
		err = shape_note(&e->shape, node,
		    "goes on in single steps: as things stand, the steps that "
		    "it should take in one order would wait for ever, for",
		    why.peer == POL_NONE ? node : why.peer);
		if (err != POL_OK)
			return err;
		e->shape.role[node] |= ROLE_SPLIT;
		look_again(e, node);
		return POL_OK;
	}
	return POL_OK;
}

/* Only nodes that a single step helps; others may follow when the group comes
 * to rest again. */
static enum pol_err
group_unbundle(struct pol_engine *e, uint32_t group)
{
	enum pol_err err = POL_OK;

	for (uint32_t i = e->members_at[group];
	     i < e->members_at[group + 1] && err == POL_OK; i++)
		if (!(e->shape.role[e->members[i]] & ROLE_SPLIT))
			err = node_unbundle(e, e->members[i]);
	return err;
}

static bool
has_bundles(enum pol_strategy s)
{
	return s == POL_BUNDLED || s == POL_MERGED || s == POL_COMPACT;
}

static enum pol_err
group_look(struct pol_engine *e, uint32_t group)
{
	enum pol_err err = POL_OK;

	offers_lead(e, group);
	if (has_bundles(e->goal.strategy) && group_is_stuck(e, group)) {
		err = group_unbundle(e, group);
		offers_lead(e, group);
	}
	return err;
}

/* After an error, which is want of memory for a note, all is as it would be
 * without that note's node, and its group is looked at again the next time. */
static enum pol_err
queue_drain(struct pol_engine *e)
{
	uint32_t tried = POL_NONE; /* a group is looked at once */
	uint32_t again = 0;
	enum pol_err err = POL_OK;

	for (uint32_t i = 0; i < e->nqueue; i++) {
		e->queued[e->queue[i]] = 0;
		look_again(e, e->queue[i]);
	}
	for (uint32_t i = 0; i < e->nqueue; i++) {
		const uint32_t node = e->queue[i];
		const uint32_t group = e->shape.group[node];
		if (group != tried && group_look(e, group) != POL_OK) {
			err = POL_E_NOMEM;
			e->queued[node] = 1;
			e->queue[again++] = node;
		}
		tried = group;
	}
	e->nqueue = again;
	return err;
}

static enum pol_err
answer_put(struct pol_engine *e, size_t n, struct pol_order o)
{
	struct pol_order *a;

	if (n == e->orders_cap) {
		size_t cap = e->orders_cap == 0 ? 64 : 2 * e->orders_cap;
		if ((a = realloc(e->orders, cap * sizeof(*a))) == NULL)
			return POL_E_NOMEM;
		e->orders = a;
		e->orders_cap = cap;
	}
	e->orders[n] = o;
	return POL_OK;
}

/* Brings what is ready up to date. */
static enum pol_err
engine_look(struct pol_engine *e, struct pol_time now)
{
	enum pol_err err = queue_drain(e);

	e->now = now;
	if (err == POL_OK)
		first_look(e);
	return err;
}

/* Adds to the answer, up to room, those of this turn that may go, by node. */
static enum pol_err
ready_add(struct pol_engine *e, bool is_batch, unsigned turn, size_t room,
    size_t *n)
{
	struct offers_walk w = offers_walk(e, turn);
	enum pol_err err;
	uint32_t i;

	while (*n < room && (i = offers_next(e, &w)) != POL_NONE) {
		const struct pol_order o = { i, e->node[i].offer };
		if (e->node[i].put_off || !gates_pass(gates_when, e, o, NULL) ||
		    (!is_batch && !gates_pass(gates_word, e, o, NULL)))
			continue;
		if ((err = answer_put(e, *n, o)) != POL_OK ||
		    (err = first_note(e, i)) != POL_OK)
			return err;
		++*n;
	}
	return POL_OK;
}

static enum pol_err
ready_make(struct pol_engine *e, bool is_batch, size_t max,
    const struct pol_order **out, size_t *n)
{
	size_t room = max, finish = engine_may_finish(e);
	enum pol_err err = POL_OK;

	*out = e->orders;
	*n = 0;
	if (e->goal.max_in_flight != 0) {
		uint32_t more = e->outstanding < e->goal.max_in_flight
		    ? e->goal.max_in_flight - e->outstanding
		    : 0;
		room = more < max ? more : max;
	}
	if (!gate_window(e, POL_NONE, 0, NULL))
		room = 0;
	for (unsigned turn = 0; turn < TURNS && err == POL_OK; turn++) {
		/* with forget_first these turns have orders with a finish only */
		const bool all_finish = !(turn & TURN_OTHERS);
		const size_t before = *n;

		err = ready_add(e, is_batch, turn,
		    all_finish && finish < room - before ? before + finish
							 : room,
		    n);
		if (all_finish)
			finish -= *n - before;
	}
	if (err != POL_OK)
		*n = 0;
	*out = e->orders;
	return err;
}

enum pol_err
pol_engine_ready(struct pol_engine *e, struct pol_time now, size_t max,
    const struct pol_order **out, size_t *n)
{
	enum pol_err err = engine_look(e, now);

	*out = NULL;
	*n = 0;
	return err == POL_OK ? ready_make(e, false, max, out, n) : err;
}

enum pol_err
pol_engine_batch(struct pol_engine *e, struct pol_time now,
    const struct pol_order **out, size_t *n)
{
	enum pol_err err = engine_look(e, now);

	*out = NULL;
	*n = 0;
	return err == POL_OK ? ready_make(e, true, SIZE_MAX, out, n) : err;
}

void
pol_engine_put_off(struct pol_engine *e, uint32_t node, bool off)
{
	if (node < e->shape.graph->nnodes)
		e->node[node].put_off = off;
}

void
pol_engine_overdue(struct pol_engine *e, uint32_t node, bool overdue)
{
	if (node >= e->shape.graph->nnodes || e->shape.role[node] == 0 ||
	    e->node[node].epoch == 0 || e->node[node].late == overdue)
		return;
	group_count(e, node, false);
	e->node[node].late = overdue;
	group_count(e, node, true);
}

bool
pol_engine_may_start(struct pol_engine *e, struct pol_time now, uint32_t node)
{
	const uint32_t max = e->goal.max_in_flight;
	const uint32_t max_finish = e->goal.max_finish;
	struct pol_order o = { node, 0 };
	bool may;

	if (node >= e->shape.graph->nnodes || engine_look(e, now) != POL_OK)
		return false;
	o.steps = e->shape.role[node] != 0 ? offers_of(e, node) : 0;
	e->goal.max_in_flight = e->goal.max_finish = 0;
	may = o.steps != 0 && gates_pass(gates_when, e, o, NULL) &&
	    gates_pass(gates_word, e, o, NULL);
	e->goal.max_in_flight = max;
	e->goal.max_finish = max_finish;
	return may;
}

enum pol_err
pol_engine_allowed(const struct pol_engine *e, uint32_t node, uint32_t steps,
    struct pol_why *why)
{
	const struct pol_order o = { node, steps };
	struct pol_why w;

	if (node >= e->shape.graph->nnodes || e->shape.role[node] == 0 ||
	    steps == 0 || (steps & ~role_steps(e->shape.role[node])) != 0)
		return POL_E_RANGE;
	return gates_pass(gates_safety, e, o, why != NULL ? why : &w)
	    ? POL_OK
	    : POL_E_UNSAFE;
}

enum pol_err
pol_order_justified(const struct pol_evidence *v, struct pol_order o,
    struct pol_why *why)
{
	struct pol_engine *e;
	enum pol_err err;

	if ((err = pol_engine_new(v->graph, v->root, &v->goal, &e)) != POL_OK)
		return err;
	for (size_t i = 0; i < v->nfacts && err == POL_OK; i++)
		err = pol_engine_fact(e, &v->facts[i]);
	if (err == POL_OK)
		err = pol_engine_allowed(e, o.node, o.steps, why);
	pol_engine_free(e);
	return err;
}

size_t
pol_engine_waits(const struct pol_engine *e, uint32_t node, struct pol_why *out,
    size_t max)
{
	const struct gate *const lists[] = { gates_strategy, gates_safety,
		gates_when, gates_word };
	const struct parts *parts;
	uint32_t todo;
	size_t n = 0;

	if (node >= e->shape.graph->nnodes || e->shape.role[node] == 0)
		return 0;
	/* an excused node has nothing to do, and waits all the same */
	todo = role_steps(e->shape.role[node]) & ~(uint32_t)e->node[node].done;
	parts = shape_parts(&e->shape, node);
	for (unsigned k = 0; k < parts->n && n < max; k++) {
		const struct pol_order o = { node, parts->part[k] & todo };
		bool open = o.steps != 0;
		for (unsigned i = 0; i < 4 && open; i++)
			open = gates_pass(lists[i], e, o, &out[n]);
		n += o.steps != 0 && !open;
	}
	return n;
}

size_t
pol_engine_notes(const struct pol_engine *e, const struct pol_plan_note **out)
{
	*out = e->shape.notes;
	return e->shape.nnotes;
}

/* ---- how far it is ---------------------------------------------------------------- */

uint32_t
pol_engine_failures(const struct pol_engine *e, uint32_t node)
{
	return node < e->shape.graph->nnodes ? e->node[node].failures : 0;
}

enum pol_done
pol_engine_step(const struct pol_engine *e, uint32_t node, uint32_t step)
{
	const struct enode *n;

	if (node >= e->shape.graph->nnodes ||
	    !(role_steps(e->shape.role[node]) & step))
		return POL_STEP_NONE;
	n = &e->node[node];
	if (n->done & step)
		return POL_STEP_DONE;
	if (engine_serves(e, n) && (n->steps & step))
		return (n->flags & NODE_RECEIVED) ? POL_STEP_RECEIVED
						  : POL_STEP_SENT;
	return (n->last_steps & step) ? POL_STEP_FAILED : POL_STEP_WAITING;
}

bool
pol_engine_is_presumed(const struct pol_engine *e, uint32_t node)
{
	return node < e->shape.graph->nnodes && e->shape.role[node] != 0 &&
	    engine_presumes(e, node);
}

uint64_t
pol_engine_epoch(const struct pol_engine *e, uint32_t node)
{
	return node < e->shape.graph->nnodes ? e->node[node].epoch : 0;
}

bool
pol_engine_is_excused(const struct pol_engine *e, uint32_t node)
{
	return node < e->shape.graph->nnodes &&
	    (e->node[node].flags & NODE_EXCUSED) != 0;
}

bool
pol_engine_is_done(const struct pol_engine *e)
{
	return e->done == e->all;
}

void
pol_engine_progress(const struct pol_engine *e, uint32_t *done, uint32_t *all)
{
	*done = e->done;
	*all = e->all;
}

struct pol_possible
pol_engine_possible(const struct pol_engine *e, uint32_t node)
{
	struct pol_possible p = { .is_sure = false };
	const struct enode *n;
	struct change c;

	if (node >= e->shape.graph->nnodes ||
	    !(e->node[node].flags & NODE_KNOWN))
		return p;
	n = &e->node[node];
	p.is_sure = values_are_sure(&n->base);
	p.before = (struct pol_conf){ n->base.trust[0], n->base.chain[0].leaf,
		n->base.chain[0].bridge };
	p.after = p.before;
	if (n->epoch != 0) {
		c = engine_change(e, node, n->steps);
		c.from = n->from;
		c.to = n->to;
		p.after = change_apply(&c, p.before);
	}
	return p;
}

bool
pol_engine_fits(const struct pol_engine *e, uint32_t node, struct pol_conf conf)
{
	struct values v;

	if (node >= e->shape.graph->nnodes ||
	    !(e->node[node].flags & NODE_KNOWN))
		return true;
	v = values_possible(e, node);
	return values_have(&v, conf);
}

bool
pol_engine_may_hold(const struct pol_engine *e, uint32_t node, uint64_t epoch,
    struct pol_conf conf)
{
	struct values after = { .ntrust = 0 };
	const struct enode *n;
	struct change c;

	if (node >= e->shape.graph->nnodes || epoch == 0 ||
	    e->node[node].epoch != epoch)
		return false;
	n = &e->node[node];
	c = engine_change(e, node, n->steps);
	c.from = n->from;
	c.to = n->to;
	values_change(&n->base, &c, &after);
	return values_have(&after, conf);
}
