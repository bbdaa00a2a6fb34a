/*
 * ca/holding: what a node holds under a root, derived from its dated facts.
 */
#include <string.h>

#include "ca/kedged.h"

struct pol_conf
ca_conf_after(struct pol_conf before, const struct ca_order *o)
{
	struct pol_conf c = before;
	uint64_t to = POL_GEN(o->to);
	uint64_t from = o->from == 0 ? 0 : POL_GEN(o->from);

	if ((o->steps & WIRE_STEP_JOIN) != 0)
		c = (struct pol_conf){ 0, 0 };
	if ((o->steps & WIRE_STEP_TRUST) != 0)
		c.trust |= to;
	if ((o->steps & WIRE_STEP_CERT) != 0)
		c.present = o->bridge ? c.present | to : to;
	if ((o->steps & WIRE_STEP_FINISH) != 0) {
		c.trust &= ~from;
		if ((c.present & to) != 0)
			c.present &= ~from;
	}
	return c;
}

static enum base_err
holding_fact(void *arg, const struct ca_fact *f)
{
	struct ca_holding *h = arg;

	switch (f->kind) {
	case POL_FACT_HOLDS:
	case POL_FACT_EFFECTIVE:
		h->known = true;
		h->confirmed = true;
		h->conf = f->conf;
		h->epoch = f->epoch;
		break;
	case POL_FACT_SENT:
	case POL_FACT_FAILED:
		h->confirmed = false;
		break;
	case POL_FACT_RECEIVED:
	case POL_FACT_EXCUSED:
	case POL_FACT_RETURNED:
	case POL_FACT_HELD:
	case POL_FACT_FREED:
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
