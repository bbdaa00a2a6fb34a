/*
 * ca/control_look: the command `simulate`: what a roll that runs would do
 * from now on, by a copy of its engine and the paces that the caller assumes.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/outlook_doc.h"

static const char *
look_name(const void *arg, uint32_t node)
{
	const struct ca_topo *t = arg;

	return t->nodes[node].name;
}

static enum base_err
pace_take(const struct ca_topo *t, json_t *o, struct pol_pace *paces)
{
	json_int_t takes, failures;
	const char *name;
	json_t *away;
	uint32_t node;
	enum base_err r;

	if ((r = ca_unpack(o, "{s:s, s:I, s:o, s:I}", "node", &name, "takes_ms",
		 &takes, "away_ms", &away, "failures", &failures)) != BASE_OK)
		return r;
	if (takes < 0 || failures < 0 || failures > UINT32_MAX ||
	    json_integer_value(away) < 0 ||
	    !(json_is_null(away) || json_is_integer(away)))
		return base_fail(BASE_E_USAGE, "pace of %s: out of range",
		    name);
	/* the caller may know a node that is gone since */
	if ((node = ca_topo_node(t, name)) != POL_NONE)
		paces[node] = (struct pol_pace){ takes,
			json_is_null(away) ? POL_NEVER
					   : json_integer_value(away),
			(uint32_t)failures };
	return BASE_OK;
}

static enum base_err
look_ahead(struct ca *ca, const struct ca_roll *w, const struct pol_look *look,
    json_t **out)
{
	struct pol_engine *copy = NULL;
	struct pol_outlook o = { .last = POL_NONE };
	struct ca_outlook_view v = { .outlook = &o,
		.nnodes = (uint32_t)ca->topo->nparts,
		.root = w->row.root,
		.strategy = pol_strategy_name(w->row.strategy),
		.name = look_name,
		.arg = ca->topo };
	enum pol_err e;

	if ((e = pol_engine_copy(w->engine, &copy)) == POL_OK &&
	    (e = pol_outlook_make(copy, look, &o)) == POL_OK) {
		v.engine = copy;
		*out = ca_outlook_json(&v);
	}
	pol_outlook_clear(&o);
	pol_engine_free(copy);
	return ca_pol_fail(e, w->row.root);
}

enum base_err
ca_control_simulate(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	/* epochs are numbers of 63 bits; no order can have been above this */
	struct pol_look look = { .epoch = INT64_MAX,
		.start = { ca_now(ca).ms } };
	struct pol_pace *paces;
	const struct ca_roll *w;
	json_t *list, *o, *doc = NULL;
	json_int_t retry = 0;
	const char *cmd, *root;
	enum base_err r;
	size_t i;

	if ((r = ca_unpack(q, "{s:s, s:s, s:o, s:I}", "cmd", &cmd, "root",
		 &root, "pace", &list, "retry_ms", &retry)) != BASE_OK)
		return r;
	if (!json_is_array(list) || retry < 0)
		return base_fail(BASE_E_USAGE,
		    "pace: is a list; retry_ms: is 0 or more");
	paces = base_alloc(ca->topo->nparts * sizeof(*paces));
	json_array_foreach(list, i, o) if (r == BASE_OK) r =
	    pace_take(ca->topo, o, paces);
	look.pace = paces;
	look.retry_ms = retry;
	if (r == BASE_OK && (w = ca_roll_of(ca, root)) != NULL)
		r = look_ahead(ca, w, &look, &doc);
	free(paces);
	if (r == BASE_OK)
		*answer = json_pack("{so}", "outlook",
		    doc != NULL ? doc : json_null());
	return r;
}
