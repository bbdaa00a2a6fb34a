/* look: see ca/look.h. */
#include "ca/look.h"

enum base_err
ca_look_make(const struct ca_look *l, struct pol_engine **engine,
    struct pol_outlook *out)
{
	const struct pol_look look = { .pace = l->pace->node,
		.retry_ms = l->pace->retry_ms,
		.start = { l->pace->start.ms } };
	struct pol_fact holds = { .kind = POL_FACT_HOLDS,
		.conf = { POL_GEN(1), POL_GEN(1), 0 } };
	struct pol_goal goal = l->goal;
	enum pol_err e;

	*engine = NULL;
	*out = (struct pol_outlook){ .last = POL_NONE };
	goal.from = 1;
	goal.to = 2;
	e = pol_engine_new(l->graph, l->root, &goal, engine);
	for (uint32_t i = 0; i <= l->topology->nnodes && e == POL_OK; i++) {
		holds.node = i;
		e = pol_engine_fact(*engine, &holds);
		if (e == POL_OK && l->excused != NULL && l->excused[i])
			e = pol_engine_fact(*engine,
			    &(struct pol_fact){ .kind = POL_FACT_EXCUSED,
				.node = i });
	}
	if (e == POL_OK)
		e = pol_outlook_make(*engine, &look, out);
	if (e == POL_OK)
		return BASE_OK;
	pol_engine_free(*engine);
	*engine = NULL;
	return base_fail(BASE_E_REFUSED, "%s: no outlook for root \"%s\": %s",
	    l->topology->file, l->root_name, pol_err_text(e));
}
