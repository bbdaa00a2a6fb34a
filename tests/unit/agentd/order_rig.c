/* See order_rig.h. */
#include <string.h>

#include <check.h>

#include "tests/unit/agentd/order_rig.h"

void
order_begin(struct order_world *w, uint32_t steps)
{
	memset(w, 0, sizeof *w);
	w->bundle = rig_bundle();
	w->o = rig_order(steps);
	w->state.highest = 1;
	w->state.phase = AG_SETTLED;
	w->k = (struct ag_known){
		.node = NODE,
		.presents = true,
		.verifies = true,
		.bundle = w->bundle,
		.state = &w->state,
		.key = rig_node_key()->key,
		.now = NOW,
	};
}

void
order_end(struct order_world *w)
{
	ag_bundle_free(w->next);
	ag_bundle_free(w->bundle);
	wire_order_clear(&w->o);
	memset(w, 0, sizeof *w);
}

enum ag_verdict
order_judge(struct order_world *w)
{
	return ag_order_judge(&w->k, &w->o, w->digest, &w->next);
}

void
order_refused(struct order_world *w, const char *word)
{
	ck_assert_int_eq(order_judge(w), AG_REFUSE);
	ck_assert_ptr_null(w->next);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
	order_end(w);
}

void
order_taken(struct order_world *w)
{
	ck_assert_msg(order_judge(w) == AG_TAKE, "%s", base_why());
	ck_assert_ptr_nonnull(w->next);
}

void
order_swap(X509 **slot, X509 *x)
{
	X509_free(*slot);
	*slot = x;
}
