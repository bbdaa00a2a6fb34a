/*
 * ca/unsent: orders that kedge-hsmd has signed and nobody was given, because a
 * roll was paused or has turned meanwhile. kedge-hsmd cannot know that they were
 * not sent, and judges as if their nodes might have carried them out. After a
 * turn kedged does so too, which is safe; that a finish was sent, which an
 * operator asks before he turns a roll, they do not make true.
 */
#include "ca/kedged.h"

#define UNSENT "signed, and not sent: it was not due any more"

/* ---- the point of no return ----------------------------------------------------- */

struct late {
	struct ca *ca;
	const struct ca_roll_row *row;
	bool late;
};

/* Of what a recovery has brought back there is no order: it was sent. */
static enum base_err
was_sent(struct ca *ca, const struct ca_fact *f, bool *out)
{
	struct ca_order o;
	enum base_err r =
	    ca_store_order_get(ca->store, f->node, f->root, f->epoch, &o);

	*out = r == BASE_E_NOTFOUND || !o.unsent;
	ca_order_clear(&o);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

static enum base_err
late_fact(void *arg, const struct ca_fact *f)
{
	struct late *l = arg;

	return !l->late && f->kind == POL_FACT_SENT &&
		(f->steps & POL_FINISH) != 0 && f->to == l->row->to
	    ? was_sent(l->ca, f, &l->late)
	    : BASE_OK;
}

enum base_err
ca_roll_is_late(struct ca *ca, const struct ca_roll_row *row, bool *out)
{
	struct late l = { ca, row, false };
	enum base_err r =
	    ca_store_facts_of_roll(ca->store, row->id, late_fact, &l);

	/* what was sent before a recovery, nobody knows */
	*out = l.late || ca_recover_was_before(ca, row->id);
	return r;
}

/* ---- a turn --------------------------------------------------------------------- */

/* Of a node that left kedge-hsmd has nothing. */
static enum base_err
turn_unsent(void *arg, const struct ca_order *o)
{
	struct ca *ca = arg;
	struct ca_fact f = ca_roll_sent(o);

	return ca_topo_node(ca->topo, o->node) == POL_NONE
	    ? BASE_OK
	    : ca_store_fact_add(ca->store, &f);
}

enum base_err
ca_roll_unsent_turn(struct ca *ca, uint64_t roll)
{
	return ca_store_orders_unsent(ca->store, roll, turn_unsent, ca);
}

/* ---- as it is signed ------------------------------------------------------------ */

/* A later order of kedged's would settle it. */
static bool
is_unsent(struct ca *ca, const struct ca_draft *t)
{
	uint64_t epoch;

	return t->err == BASE_OK &&
	    ca_epoch_next(ca, t->order.node, t->order.root, &epoch) ==
	    BASE_OK &&
	    epoch == t->order.epoch;
}

static enum base_err
unsent_store(struct ca *ca, struct ca_drafts *d, size_t i, bool turned)
{
	struct ca_order *o = &ca_drafts_get(d, i)->row;
	struct ca_fact f = ca_roll_sent(o);
	enum base_err r;

	o->state = CA_ORDER_REPLACED;
	o->unsent = true;
	snprintf(o->reason, sizeof(o->reason), "%s", UNSENT);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_drafts_store(d, i)) == BASE_OK &&
	    (!turned || (r = ca_store_fact_add(ca->store, &f)) == BASE_OK) &&
	    (r = ca_audit(ca, CA_NODE_CA, "order",
		 "%s %s epoch %llu roll %llu: %s", o->node, o->root,
		 (unsigned long long)o->epoch, (unsigned long long)o->roll,
		 UNSENT)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r == BASE_OK && turned)
		ca_roll_tell(ca, &f);
	return r;
}

enum base_err
ca_roll_unsent(struct ca *ca, struct ca_roll *w, struct ca_drafts *d,
    const bool *due)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		if (!due[i] && is_unsent(ca, t))
			r = unsent_store(ca, d, i,
			    ca_roll_has_turned(w, &t->order));
	}
	return r;
}
