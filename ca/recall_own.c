/*
 * ca/recall_own: what the CA itself holds under the management root, when its
 * store is an old copy. Nodes that have forgotten a generation since would not
 * hear a CA that presents it; so the CA takes up first what it was last told
 * to hold by an order that kedge-hsmd has signed. Such an order was justified
 * by reports, so whether or not this CA has carried it out then, everybody who
 * counts believes the certificate. Called by recall.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"

struct own {
	struct ca *ca;
	struct ca_own_known k;
	uint64_t gens; /* that still need the CA's certificates */
	ca_done_fn *done;
	void *arg;
};

static uint32_t
highest(uint64_t mask)
{
	return mask == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(mask);
}

/* ---- into the store ------------------------------------------------------- */

static enum base_err
own_fact(struct ca *ca, const struct ca_own_known *k)
{
	const struct ca_roll *w = ca_roll_of(ca, CA_MANAGEMENT);
	struct ca_fact f = { .kind = POL_FACT_HOLDS,
		.roll = w == NULL ? 0 : w->row.id,
		.epoch = k->epoch,
		.conf = { .trust = k->trust, .present = k->present },
		.at = ca_now(ca) };

	memcpy(f.node, CA_NODE_CA, sizeof(CA_NODE_CA));
	memcpy(f.root, CA_MANAGEMENT, sizeof(CA_MANAGEMENT));
	return ca_store_fact_add(ca->store, &f);
}

static enum base_err
own_store(struct ca *ca, const struct ca_own_known *k)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_orders_replace(ca->store, CA_NODE_CA, CA_MANAGEMENT,
		 INT64_MAX)) == BASE_OK &&
	    (r = own_fact(ca, k)) == BASE_OK &&
	    (r = ca_epoch_floor(ca, CA_NODE_CA, CA_MANAGEMENT, k->epoch)) ==
		BASE_OK &&
	    (r = ca_audit(ca, CA_NODE_CA, "recalled",
		 "what the CA itself holds: it presents generation %u of the "
		 "management root",
		 highest(k->present))) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

/* By its epoch; what is equal or lower the store knows better. */
static enum base_err
is_news(struct ca *ca, const struct ca_own_known *k, bool *yes)
{
	uint64_t next;
	enum base_err r = ca_epoch_next(ca, CA_NODE_CA, CA_MANAGEMENT, &next);

	*yes = k->present != 0 && k->epoch >= next;
	return r;
}

/* ---- certificates first ------------------------------------------------------ */

static void
own_end(struct own *o)
{
	struct ca *ca = o->ca;
	bool news;
	enum base_err r;

	if ((r = is_news(ca, &o->k, &news)) == BASE_OK && news &&
	    (r = own_store(ca, &o->k)) == BASE_OK)
		r = ca_identity_load(ca);
	o->done(o->arg, r);
	free(o);
}

static void own_next(struct own *o);

/* Without that which it presents the CA can do nothing; of two that it may
 * present it is the higher one. The others are asked for again (identity.c). */
static void
own_made(void *arg, enum base_err e)
{
	struct own *o = arg;
	const uint32_t gen = highest(o->gens);

	o->gens &= ~POL_GEN(gen);
	if (e != BASE_OK && gen == highest(o->k.present)) {
		o->done(o->arg, e);
		free(o);
		return;
	}
	if (e != BASE_OK)
		base_log(BASE_WARNING,
		    "recovery: the CA's own certificates under generation %u: "
		    "%s",
		    gen, base_why());
	own_next(o);
}

static void
own_next(struct own *o)
{
	if (o->gens == 0)
		own_end(o);
	else
		ca_make_own(o->ca, highest(o->gens), true, own_made, o);
}

void
ca_recall_own(struct ca *ca, const struct ca_own_known *k, ca_done_fn *done,
    void *arg)
{
	struct own *o = base_alloc(sizeof(*o));
	const uint32_t top = ca_top_generation(ca, CA_MANAGEMENT);

	*o = (struct own){ ca, *k, k->present, done, arg };
	/* between these two a roll may be under way, and orders need both */
	if (top > 1)
		o->gens |= POL_GEN(top) | POL_GEN(top - 1);
	own_next(o);
}
