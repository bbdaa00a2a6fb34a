/*
 * ca/prove: what the store has to prove to kedge-hsmd: a node's last report,
 * the order that it answers, what the node may hold besides, and that a key is
 * stolen. Called by show.c.
 */
#include <string.h>

#include "ca/prove.h"

/* What it may hold since it reported last. */
static enum base_err
doubt_fact(void *arg, const struct ca_fact *f)
{
	struct wire_hsm_proof *p = arg;

	if (f->kind == POL_FACT_HOLDS || f->kind == POL_FACT_EFFECTIVE)
		p->ndoubts = 0;
	else if (f->kind == POL_FACT_DOUBTED && p->ndoubts < WIRE_HSM_DOUBTS)
		p->doubt[p->ndoubts++] = (struct wire_hsm_holds){ f->conf.trust,
			f->conf.present, f->conf.bridge };
	return BASE_OK;
}

/* The order as well: a kedge-hsmd that came back from a backup learns by it
 * what it has signed. */
enum base_err
ca_proof_order(struct ca_store *st, struct wire_hsm_proof *p, uint64_t epoch)
{
	struct ca_order o = { .epoch = 0 };
	enum base_err r = ca_store_order_get(st, p->node, p->root, epoch, &o);

	if (r == BASE_OK) {
		p->order = o.cms;
		memset(&o.cms, 0, sizeof(o.cms));
	}
	ca_order_clear(&o);
	return r;
}

/* The last report that said effective; with prove also its order. */
enum base_err
ca_proof_report(struct ca_store *st, struct wire_hsm_proof *p, bool prove)
{
	uint64_t epoch = 0;
	enum base_err r =
	    ca_store_report_effective(st, p->node, p->root, &epoch, &p->report);

	return r == BASE_OK && prove ? ca_proof_order(st, p, epoch) : r;
}

enum base_err
ca_proof_doubts(struct ca_store *st, struct wire_hsm_proof *p)
{
	return ca_store_facts_of_node(st, p->node, p->root, doubt_fact, p);
}

enum base_err
ca_proof_stolen(struct ca_store *st, const char *root, uint32_t generation,
    struct wire_hsm_proof *p)
{
	struct ca_order o = { .epoch = 0 };
	enum base_err r = ca_store_order_compromised(st, root, generation, &o);

	if (r == BASE_OK) {
		memcpy(p->node, o.node, sizeof(p->node));
		memcpy(p->root, o.root, sizeof(p->root));
		p->order = o.cms;
		memset(&o.cms, 0, sizeof(o.cms));
	}
	ca_order_clear(&o);
	return r;
}
