/*
 * stolen: generations whose key may be in wrong hands, as orders have said. It is known for good; where there are approvers no order brings
 * such a generation back without them (approve.c). Called by req_orders.c and
 * req_proofs.c.
 */
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"
#include "wire/msg.h"

bool
hsm_is_stolen(const struct hsm_state *s, const char *root, uint32_t generation)
{
	for (size_t i = 0; i < s->nkeys; i++)
		if (s->keys[i]->stolen &&
		    s->keys[i]->generation >= generation &&
		    strcmp(s->keys[i]->root, root) == 0)
			return true;
	return false;
}

enum base_err
hsm_apply_stolen(struct hsm_state *s, struct base_buf *b)
{
	char root[BASE_NAME_MAX + 1];
	uint32_t generation = 0;
	struct hsm_key *k;
	enum base_err e;

	if ((e = hsm_get_name(b, root, false)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &generation)) != BASE_OK)
		return e;
	if ((k = hsm_state_key(s, root, generation, false)) == NULL)
		return base_fail(BASE_E_INTEGRITY, "generation without a key");
	k->stolen = k->stolen_kept = true;
	return BASE_OK;
}

/* By the order's own words, at whatever time it is shown: what its node holds
 * is another thing by then, and the one who shows it may choose the time. */
void
hsm_stolen_record(struct hsm_core *c, const struct wire_order *o)
{
	const uint32_t generation = o->compromised;
	struct hsm_key *k =
	    hsm_state_key(&c->state, o->root, generation, false);
	struct base_buf b;

	if (generation == 0 || k == NULL || k->stolen)
		return;
	/* the rest of this request is judged with it */
	k->stolen = true;
	base_buf_init(&b, 0);
	hsm_put_stolen(&b, o->root, generation);
	hsm_core_add(c, HSM_R_STOLEN, &b);
	base_log(BASE_WARNING,
	    "root %s, generation %u: its key may be in wrong hands, as an "
	    "order says",
	    o->root, generation);
}

void
hsm_stolen_settle(struct hsm_core *c)
{
	for (size_t i = 0; i < c->state.nkeys; i++)
		c->state.keys[i]->stolen = c->state.keys[i]->stolen_kept;
}

enum base_err
hsm_stolen_check(const struct hsm_core *c, const struct wire_order *o)
{
	if (o->from <= o->to || (o->steps & WIRE_STEP_JOIN) != 0 ||
	    !hsm_is_stolen(&c->state, o->root, o->to) ||
	    c->conf->napprovers == 0 ||
	    hsm_return_is_approved(c, o->root, o->to))
		return BASE_OK;
	return base_fail(BASE_E_REFUSED,
	    "order %llu for %s, root %s: brings back generation %u, whose key "
	    "may be in wrong hands, and that is not approved (kedge roll cuts "
	    "--back %s, kedge roll approve)",
	    (unsigned long long)o->epoch, o->node, o->root, o->to, o->root);
}
