/*
 * ca/reissue: orders that are out but will not do any more: their time is over
 * and no relay carries them, or their canaries were dead when the node got
 * to them. They are made again under the next epoch with the same steps,
 * which the rules have allowed already. Found from store and engine, so a
 * restart forgets none.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

struct reissuing {
	struct ca *ca;
	const struct ca_roll *roll;
	bool *open; /* nodes with an open order */
	struct pol_order *list;
	size_t n;
};

static void
reissue_add(struct reissuing *r, uint32_t node, uint32_t steps)
{
	r->list[r->n++] = (struct pol_order){ node,
		steps & (POL_TRUST | POL_CERT | POL_FINISH) };
}

/* Given before the roll turned round: outranked, not made again. */
static bool
is_outranked(const struct reissuing *r, const struct ca_order *o)
{
	return (o->from < o->to) != (r->roll->row.from < r->roll->row.to);
}

static enum base_err
reissue_open(void *arg, const struct ca_order *o)
{
	struct reissuing *r = arg;
	uint32_t node = ca_topo_node(r->ca->topo, o->node);

	if (o->roll != r->roll->row.id || o->steps == 0 || node == POL_NONE ||
	    r->open[node] || is_outranked(r, o))
		return BASE_OK;
	r->open[node] = true;
	if (o->expires.ms <= ca_now(r->ca).ms)
		reissue_add(r, node, o->steps);
	return BASE_OK;
}

bool
ca_roll_is_out(const struct ca_roll *w, uint32_t node)
{
	for (uint32_t step = POL_TRUST; step <= POL_FINISH; step <<= 1) {
		enum pol_done d = pol_engine_step(w->engine, node, step);

		if (d == POL_STEP_SENT || d == POL_STEP_RECEIVED)
			return true;
	}
	return false;
}

static enum base_err
reissue_last(struct reissuing *r, uint32_t node)
{
	const char *name = r->ca->topo->nodes[node].name;
	struct ca_order o = { .epoch = 0 };
	uint64_t epoch;
	enum base_err e;

	if ((e = ca_store_epoch_last(r->ca->store, name, r->roll->row.root,
		 &epoch)) != BASE_OK ||
	    (e = ca_store_order_get(r->ca->store, name, r->roll->row.root,
		 epoch, &o)) != BASE_OK)
		goto out;
	if (o.roll == r->roll->row.id && o.steps != 0 && !is_outranked(r, &o))
		reissue_add(r, node, o.steps);
out:
	ca_order_clear(&o);
	return e;
}

enum base_err
ca_roll_reissues(struct ca *ca, struct ca_roll *w, struct pol_order *list,
    size_t *n)
{
	struct reissuing r = { ca, w, NULL, list, 0 };
	enum base_err e;

	r.open = base_alloc(ca->topo->nparts * sizeof(*r.open));
	e = ca_store_orders_open(ca->store, true, reissue_open, &r);
	for (uint32_t i = 0; e == BASE_OK && i < ca->topo->nparts; i++)
		if (!r.open[i] && ca_roll_is_out(w, i))
			e = reissue_last(&r, i);
	free(r.open);
	*n = e == BASE_OK ? r.n : 0;
	return e;
}

enum base_err
ca_roll_replace(struct ca *ca, const struct ca_order *o)
{
	return ca_store_orders_replace(ca->store, o->node, o->root, o->epoch);
}
