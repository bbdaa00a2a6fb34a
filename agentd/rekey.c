/*
 * agentd/rekey: another key of the node's own under a root. It is made when
 * an order asks for it, proven in the report, and in use from the order on
 * that brings a certificate for it; until then, and when that fails, the old
 * one is. The old one is erased when the CA has acknowledged that the new one
 * is in use: before that, an order for either may come. Used by work.c, job.c
 * and report.c.
 */
#include <string.h>

#include "agentd/work_impl.h"

enum base_err
ag_rekey_prepare(const struct ag_work_conf *c, struct ag_root *r,
    const struct wire_order *o)
{
	if ((o->steps & WIRE_STEP_REKEY) == 0 || r->next != NULL)
		return BASE_OK;
	return ag_store_next_key(c->store, r->name, true, c->conf->alg,
	    &r->next);
}

enum base_err
ag_rekey_prove(const struct ag_work_conf *c, const struct wire_order *o,
    struct base_buf *out)
{
	const struct ag_root *r = ag_holdings_find(c->holdings, o->root);

	if (r == NULL || r->next == NULL)
		return base_fail(BASE_E_STATE, "rekey: root %s: no new key",
		    o->root);
	return wire_rekey_make(r->key, r->next, c->conf->fleet, c->conf->node,
	    out);
}

/* Only then does the CA count on it: canaries are for the key that it knows,
 * or asks for. */
static bool
is_for_next(const struct ag_root *r, const struct wire_order *o)
{
	for (size_t i = 0; i < o->ncanary; i++)
		if (!ag_root_is_next(r, o->canary[i].cert))
			return false;
	return o->ncanary > 0 || ag_root_is_next(r, o->cert);
}

bool
ag_rekey_in_use(const struct ag_root *r, const struct wire_order *o)
{
	return r->bundle != NULL && ag_root_is_next(r, r->bundle->cert) &&
	    is_for_next(r, o);
}

void
ag_rekey_finish(const struct ag_work_conf *c, struct ag_root *r)
{
	if (!r->state.rekeyed || !r->state.acked || r->next == NULL)
		return;
	if (ag_store_key_swap(c->store, r->name) != BASE_OK) {
		base_log(BASE_ERR, "%s: the old key is not erased yet: %s",
		    r->name, base_why());
		return;
	}
	EVP_PKEY_free(r->key);
	r->key = r->next;
	r->next = NULL;
	base_log(BASE_NOTICE, "%s: the new key is in use, the old one erased",
	    r->name);
}
