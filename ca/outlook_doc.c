/* outlook_doc: see ca/outlook_doc.h. */
#include "ca/outlook_doc.h"

#include <stdlib.h>

#include "base/base.h"

#define WAITS_MAX 16 /* sentences; the rest is a number */

json_t *
ca_steps_json(uint32_t steps)
{
	static const char *const words[] = { "trust", "cert", "finish" };
	json_t *list = json_array();

	for (unsigned i = 0; i < 3; i++)
		if (steps & (1u << i))
			json_array_append_new(list, json_string(words[i]));
	return list;
}

static json_t *
ms_json(int64_t ms)
{
	return ms == POL_NEVER ? json_null() : json_integer(ms);
}

static json_t *
turn_json(const struct ca_outlook_view *v, uint32_t i)
{
	const struct pol_turn *t = &v->outlook->turns[i];

	return json_pack("{sI, ss, so, so, so, so, sb}", "id",
	    (json_int_t)i + 1, "node", v->name(v->arg, t->node), "steps",
	    ca_steps_json(t->steps), "start_ms", ms_json(t->start_ms), "end_ms",
	    ms_json(t->end_ms), "after",
	    t->after == POL_NONE ? json_null()
				 : json_integer((json_int_t)t->after + 1),
	    "failed", (int)t->failed);
}

size_t
ca_outlook_chain(const struct pol_outlook *o, uint32_t *out, size_t max)
{
	size_t n = 0, at;

	for (uint32_t i = o->last; i != POL_NONE; i = o->turns[i].after)
		n++;
	at = n;
	for (uint32_t i = o->last; i != POL_NONE; i = o->turns[i].after)
		if (--at < max)
			out[at] = i;
	return n;
}

static json_t *
chain_json(const struct pol_outlook *o)
{
	const size_t n = ca_outlook_chain(o, NULL, 0);
	uint32_t *ids = base_alloc((n + 1) * sizeof(*ids));
	json_t *list = json_array();

	(void)ca_outlook_chain(o, ids, n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list,
		    json_integer((json_int_t)ids[i] + 1));
	free(ids);
	return list;
}

/* The node whose orders make up most of the chain's time. */
static json_t *
bottleneck_json(const struct ca_outlook_view *v)
{
	const struct pol_outlook *o = v->outlook;
	int64_t *ms = base_alloc((v->nnodes + (size_t)1) * sizeof(*ms));
	uint32_t worst = 0;
	json_t *j;

	for (uint32_t i = o->last; i != POL_NONE; i = o->turns[i].after) {
		const struct pol_turn *t = &o->turns[i];
		ms[t->node] += t->end_ms -
		    (t->after == POL_NONE ? 0 : o->turns[t->after].end_ms);
	}
	for (uint32_t i = 1; i < v->nnodes; i++)
		worst = ms[i] > ms[worst] ? i : worst;
	j = o->last == POL_NONE
	    ? json_null()
	    : json_pack("{ss, sI}", "node", v->name(v->arg, worst), "takes_ms",
		  (json_int_t)ms[worst]);
	free(ms);
	return j;
}

/* From then on not every node trusts the old root any more. */
static int64_t
first_finish(const struct pol_outlook *o)
{
	for (uint32_t i = 0; i < o->n; i++)
		if (o->turns[i].steps & POL_FINISH)
			return o->turns[i].start_ms;
	return POL_NEVER;
}

/* Sentences on what never comes to its end, and how many more there are. */
static json_t *
waits_json(const struct ca_outlook_view *v, json_int_t *more)
{
	json_t *list = json_array();
	struct pol_why why[3];
	char text[512];

	*more = 0;
	for (uint32_t i = 0; i < v->nnodes && !v->outlook->is_done; i++) {
		size_t n = pol_engine_waits(v->engine, i, why, 3);
		for (size_t k = 0; k < n; k++) {
			if (json_array_size(list) == WAITS_MAX) {
				++*more;
				continue;
			}
			why[k].since.ms = 0; /* of a clock that starts at 0 */
			(void)pol_why_text(&why[k], v->name, v->arg, text,
			    sizeof(text));
			json_array_append_new(list, json_string(text));
		}
	}
	return list;
}

json_t *
ca_outlook_json(const struct ca_outlook_view *v)
{
	const struct pol_outlook *o = v->outlook;
	json_t *orders = json_array(), *waits;
	json_int_t failed = 0, more;

	for (uint32_t i = 0; i < o->n; i++) {
		json_array_append_new(orders, turn_json(v, i));
		failed += o->turns[i].failed;
	}
	waits = waits_json(v, &more);
	return json_pack("{si, ss, ss, sb, so, so, sI, so, so, so, so, sI}",
	    "version", 1, "root", v->root, "strategy", v->strategy, "done",
	    (int)o->is_done, "takes_ms",
	    ms_json(!o->is_done		  ? POL_NEVER
		    : o->last == POL_NONE ? 0
					  : o->turns[o->last].end_ms),
	    "first_finish_ms", ms_json(first_finish(o)), "failed", failed,
	    "orders", orders, "chain", chain_json(o), "bottleneck",
	    bottleneck_json(v), "waits", waits, "waits_more", more);
}
