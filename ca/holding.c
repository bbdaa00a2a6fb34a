/*
 * ca/holding: what a node holds under a root, derived from its dated facts.
 */
#include <string.h>

#include "ca/kedged.h"

/* As the policy engine applies an order to its own picture. */
struct pol_conf
ca_conf_after(struct pol_conf before, const struct ca_order *o)
{
	struct pol_conf c = before;

	if ((o->steps & WIRE_STEP_JOIN) != 0)
		c = (struct pol_conf){
			.trust = o->from == 0 ? 0 : POL_GEN(o->from)
		};
	if ((o->steps & WIRE_STEP_TRUST) != 0)
		c.trust |= POL_GEN(o->to);
	if ((o->steps & WIRE_STEP_CERT) != 0 &&
	    !wire_step_renews(o->steps, o->from, o->to)) {
		c.present = POL_GEN(o->to);
		/* who joins has no old chain to send along */
		c.bridge = o->bridge && (o->steps & WIRE_STEP_JOIN) == 0 &&
			o->from != 0
		    ? POL_GEN(o->from)
		    : 0;
	}
	if ((o->steps & WIRE_STEP_FINISH) != 0) {
		if (c.trust != 0)
			c.trust = POL_GEN(o->to);
		c.bridge = 0;
	}
	return c;
}

uint32_t
ca_conf_lowest(struct pol_conf c)
{
	const uint64_t may = c.trust | c.present | c.bridge;

	return may == 0 ? 0 : (uint32_t)__builtin_ctzll(may) + 1;
}

/* A late answer to an earlier order says nothing of the last one. */
static void
holding_is(struct ca_holding *h, const struct ca_fact *f)
{
	h->known = true;
	h->lost = false;
	h->claim = 0;
	h->doubted = false;
	h->conf = f->conf;
	h->epoch = f->epoch;
	h->confirmed = f->epoch >= h->sent;
	if (!h->confirmed)
		return;
	h->sent = 0;
	h->steps = 0;
}

static enum base_err
holding_fact(void *arg, const struct ca_fact *f)
{
	struct ca_holding *h = arg;

	switch (f->kind) {
	case POL_FACT_HOLDS:
	case POL_FACT_EFFECTIVE:
		holding_is(h, f);
		break;
	case POL_FACT_SENT:
		/* one that was found late; a later one is settled */
		if (h->known && f->epoch <= h->epoch)
			break;
		h->sent = f->epoch;
		h->steps = f->steps;
		h->from = f->from;
		h->to = f->to;
		h->confirmed = false;
		break;
	case POL_FACT_FAILED:
		/* a tidy changes nothing that is held */
		if (f->steps == WIRE_STEP_TIDY)
			break;
		h->confirmed = false;
		break;
	case POL_FACT_DOUBTED:
		h->confirmed = false;
		h->doubted = true;
		h->doubt = f->conf;
		break;
	case POL_FACT_LOST:
		h->known = h->confirmed = h->doubted = false;
		h->lost = true;
		h->claim = f->epoch;
		h->sent = 0;
		h->steps = 0;
		break;
	case POL_FACT_EXCUSED:
	case POL_FACT_RETURNED:
		h->excused = f->kind == POL_FACT_EXCUSED;
		break;
	case POL_FACT_RECEIVED:
	case POL_FACT_HELD:
	case POL_FACT_FREED:
	case POL_FACT_SEEN:
	case POL_FACT_STEP:
		break;
	}
	return BASE_OK;
}

enum base_err
ca_holding_get(struct ca_store *st, const char *node, const char *root,
    struct ca_holding *out)
{
	memset(out, 0, sizeof(*out));
	return ca_store_facts_of_node(st, node, root, holding_fact, out);
}
