/*
 * outlook: when would a roll be over, and who is in its way? The engine is
 * given the answers that its orders would get, in the order of time. Called
 * by kedge simulate and kedge plan --compare with a copy of the state.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/engine.h"

/* The end of a turn, or the time from which nobody waits for it (is_late); or
 * (turn POL_NONE) the time to try a node again. */
struct event {
	int64_t ms;
	uint32_t turn, node;
	bool is_late;
};

struct outlook {
	struct pol_engine *engine;
	const struct pol_look *look;
	struct pol_outlook *out;
	size_t cap;
	struct event *heap; /* the smallest first */
	size_t nevents, heap_cap;
	uint32_t *failed; /* by node: orders that have failed */
	uint32_t *turn; /* by node: its last failed turn */
	int64_t *not_before; /* by node */
	uint64_t epoch;
	int64_t now;
	int64_t wakes; /* when the next window opens; already an event */
};

static struct pol_time
date_of(const struct outlook *o)
{
	return (struct pol_time){ o->look->start.ms + o->now };
}

/* ---- a copy of the state ----------------------------------------------------------- */

enum pol_err
pol_engine_copy(const struct pol_engine *e, struct pol_engine **out)
{
	const struct shape *s = &e->shape;
	const size_t n = s->graph->nnodes;
	struct pol_goal goal = e->goal;
	struct pol_engine *copy;
	enum pol_err err;

	goal.first = e->first.nodes;
	goal.nfirst = e->first.n;
	if ((err = pol_engine_new(s->graph, s->root, &goal, out)) != POL_OK)
		return err;
	copy = *out;
	memcpy(copy->shape.role, s->role, n * sizeof(*s->role));
	memcpy(copy->node, e->node, n * sizeof(*e->node));
	memcpy(copy->group, e->group, s->ngroups * sizeof(*e->group));
	copy->outstanding = e->outstanding;
	copy->finishing = e->finishing;
	copy->done = e->done;
	copy->all = e->all;
	/* what is ready is found again */
	offers_start(copy);
	for (uint32_t i = 0; i < n; i++) {
		copy->node[i].put_off = false;
		if (s->role[i] != 0)
			engine_queue(copy, i);
	}
	return POL_OK;
}

/* ---- events by time ------------------------------------------------------------ */

static bool
is_before(const struct event *a, const struct event *b)
{
	return a->ms < b->ms || (a->ms == b->ms && a->turn < b->turn);
}

static bool
event_put(struct outlook *o, struct event ev)
{
	size_t i = o->nevents;

	if (o->nevents == o->heap_cap) {
		size_t cap = o->heap_cap == 0 ? 64 : 2 * o->heap_cap;
		struct event *h = realloc(o->heap, cap * sizeof(*h));
		if (h == NULL)
			return false;
		o->heap = h;
		o->heap_cap = cap;
	}
	o->nevents++;
	for (; i > 0 && is_before(&ev, &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
		o->heap[i] = o->heap[(i - 1) / 2];
	o->heap[i] = ev;
	return true;
}

static struct event
event_take(struct outlook *o)
{
	const struct event first = o->heap[0];
	const struct event last = o->heap[--o->nevents];
	size_t i = 0, k;

	while ((k = 2 * i + 1) < o->nevents) {
		k += k + 1 < o->nevents &&
		    is_before(&o->heap[k + 1], &o->heap[k]);
		if (!is_before(&o->heap[k], &last))
			break;
		o->heap[i] = o->heap[k];
		i = k;
	}
	o->heap[i] = last;
	return first;
}

/* ---- turns ------------------------------------------------------------------------ */

static int64_t
plus(int64_t a, int64_t b)
{
	return a > POL_NEVER - b ? POL_NEVER : a + b;
}

/* From when on the order, if it counts for goal.max_finish, does not any more. */
static enum pol_err
late_put(struct outlook *o, uint32_t turn)
{
	const struct pol_turn *t = &o->out->turns[turn];
	const struct enode *n = &o->engine->node[t->node];
	int64_t left = n->sent_ms - date_of(o).ms + POL_OVERDUE_MS, at;

	if (o->engine->goal.max_finish == 0 || !engine_finishes(o->engine, n))
		return POL_OK;
	/* one that is out may have been sent at any time */
	left = left < 0 ? 0 : left > POL_OVERDUE_MS ? POL_OVERDUE_MS : left;
	at = plus(o->now, left);
	if (at >= t->end_ms)
		return POL_OK;
	return event_put(o, (struct event){ at, turn, t->node, true })
	    ? POL_OK
	    : POL_E_NOMEM;
}

/* An order of node is on its way; what lets it start is after. */
static enum pol_err
turn_start(struct outlook *o, struct pol_turn t)
{
	const struct pol_pace *p = &o->look->pace[t.node];
	enum pol_err e;

	if (o->out->n == o->cap) {
		size_t cap = o->cap == 0 ? 64 : 2 * o->cap;
		struct pol_turn *a = realloc(o->out->turns, cap * sizeof(*a));
		if (a == NULL)
			return POL_E_NOMEM;
		o->out->turns = a;
		o->cap = cap;
	}
	t.start_ms = o->now;
	t.failed = o->failed[t.node] < p->failures;
	t.end_ms = plus(o->now > p->away_ms ? o->now : p->away_ms, p->takes_ms);
	o->out->turns[o->out->n++] = t;
	if ((e = late_put(o, o->out->n - 1)) != POL_OK || t.end_ms == POL_NEVER)
		return e;
	return event_put(o,
		   (struct event){ t.end_ms, o->out->n - 1, t.node, false })
	    ? POL_OK
	    : POL_E_NOMEM;
}

static enum pol_err
order_give(struct outlook *o, struct pol_order order, uint32_t after)
{
	const struct pol_goal *goal = &o->engine->goal;
	const struct pol_fact f = { .kind = POL_FACT_SENT,
		.node = order.node,
		.epoch = ++o->epoch,
		.steps = order.steps,
		.from = goal->from,
		.to = goal->to,
		.at = date_of(o) };
	enum pol_err e = pol_engine_fact(o->engine, &f);

	return e == POL_OK ? turn_start(o,
				 (struct pol_turn){ order.node, order.steps,
				     after, f.epoch, 0, 0, false })
			   : e;
}

/* Outside all windows the next thing that can happen is that one opens. */
static enum pol_err
wake_put(struct outlook *o)
{
	const struct pol_goal *goal = &o->engine->goal;
	const int64_t at =
	    pol_windows_open(goal->windows, goal->nwindows, date_of(o)).ms -
	    o->look->start.ms;

	if (at <= o->now || at == o->wakes || pol_engine_is_done(o->engine))
		return POL_OK;
	o->wakes = at;
	return event_put(o, (struct event){ at, POL_NONE, POL_NONE, false })
	    ? POL_OK
	    : POL_E_NOMEM;
}

/* Everything that is ready and not waiting for another try. Giving one order
 * can make no other ready, but can leave less room for others. */
static enum pol_err
give_ready(struct outlook *o, uint32_t after)
{
	const struct pol_order *ready;
	size_t n;
	enum pol_err e;

	e = pol_engine_ready(o->engine, date_of(o), SIZE_MAX, &ready, &n);
	for (size_t i = 0; i < n && e == POL_OK; i++) {
		const uint32_t node = ready[i].node;
		if (o->not_before[node] <= o->now)
			e = order_give(o, ready[i],
			    o->not_before[node] == o->now ? o->turn[node]
							  : after);
	}
	return e == POL_OK ? wake_put(o) : e;
}

static enum pol_err
turn_end(struct outlook *o, uint32_t turn)
{
	const struct pol_turn *t = &o->out->turns[turn];
	const struct pol_fact f = { .kind = t->failed ? POL_FACT_FAILED
						      : POL_FACT_EFFECTIVE,
		.node = t->node,
		.epoch = t->epoch,
		.at = date_of(o) };
	enum pol_err e = pol_engine_fact(o->engine, &f);

	o->out->last = turn;
	if (e != POL_OK || !t->failed)
		return e;
	o->failed[t->node]++;
	o->turn[t->node] = turn;
	o->not_before[t->node] = plus(o->now, o->look->retry_ms);
	return event_put(o,
		   (struct event){ o->not_before[t->node], POL_NONE, t->node,
		       false })
	    ? POL_OK
	    : POL_E_NOMEM;
}

/* What happens now; whose end lets others start. */
static enum pol_err
happen(struct outlook *o, const struct event *ev, uint32_t *after)
{
	*after = ev->turn;
	if (ev->is_late) {
		*after = POL_NONE;
		pol_engine_overdue(o->engine, ev->node, true);
		return POL_OK;
	}
	if (ev->turn != POL_NONE)
		return turn_end(o, ev->turn);
	*after = ev->node == POL_NONE ? o->out->last : o->turn[ev->node];
	return POL_OK;
}

/* ---- the whole -------------------------------------------------------------------------- */

static enum pol_err
start(struct outlook *o)
{
	const uint32_t nnodes = o->engine->shape.graph->nnodes;
	enum pol_err e = POL_OK;

	for (uint32_t i = 0; i < nnodes; i++) {
		o->turn[i] = POL_NONE;
		o->not_before[i] = INT64_MIN;
	}
	for (uint32_t i = 0; i < nnodes && e == POL_OK; i++)
		if (o->engine->node[i].epoch != 0)
			e = turn_start(o,
			    (struct pol_turn){ i, o->engine->node[i].steps,
				POL_NONE, o->engine->node[i].epoch, 0, 0,
				false });
	return e == POL_OK ? give_ready(o, POL_NONE) : e;
}

enum pol_err
pol_outlook_make(struct pol_engine *e, const struct pol_look *l,
    struct pol_outlook *out)
{
	const size_t n = (size_t)e->shape.graph->nnodes + 1;
	struct outlook o = { .engine = e, .look = l, .out = out };
	enum pol_err err = POL_E_NOMEM;

	*out = (struct pol_outlook){ .last = POL_NONE };
	/* the operator gives his word, and nodes go on telling what they hold;
	 * there are no facts for either in here */
	e->goal.step = false;
	e->goal.fresh_ms = 0;
	o.epoch = l->epoch;
	o.failed = calloc(n, sizeof(*o.failed));
	o.turn = malloc(n * sizeof(*o.turn));
	o.not_before = malloc(n * sizeof(*o.not_before));
	if (o.failed != NULL && o.turn != NULL && o.not_before != NULL)
		err = start(&o);
	while (err == POL_OK && o.nevents > 0) {
		const struct event ev = event_take(&o);
		uint32_t after;
		o.now = ev.ms;
		if ((err = happen(&o, &ev, &after)) == POL_OK)
			err = give_ready(&o, after);
	}
	out->is_done = pol_engine_is_done(e);
	free(o.heap);
	free(o.failed);
	free(o.turn);
	free(o.not_before);
	if (err != POL_OK)
		pol_outlook_clear(out);
	return err;
}

void
pol_outlook_clear(struct pol_outlook *o)
{
	free(o->turns);
	*o = (struct pol_outlook){ .last = POL_NONE };
}
