/*
 * ca/control_cuts: `roll-cuts`: which directions stop working, or may, because
 * nodes are excused, or would be: the exact list that approvers say yes to at
 * kedge-hsmd. Fields are in docs/control.md.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/recover.h"

struct cuts {
	const struct ca *ca;
	const struct ca_roll *roll;
	bool *out; /* per node: excused, or asked about */
	struct wire_hsm_cuts list;
};

/* A link that was taken away while its root rolled has to be approved, too. */
static enum base_err
cut_gone(struct cuts *c)
{
	struct ca_link *gone = NULL;
	size_t n = 0;
	enum base_err r = ca_store_gone(c->ca->store, &gone, &n);

	for (size_t i = 0; r == BASE_OK && i < n; i++)
		ca_cuts_link(&c->roll->row, &gone[i], &c->list);
	free(gone);
	return r;
}

/* Those that the operator listed for the deadline count as if they were excused
 * already. */
static enum base_err
cuts_find(struct cuts *c)
{
	const struct ca_topo *t = c->ca->topo;
	enum base_err r;

	for (uint32_t i = 0; i < t->nnodes; i++)
		c->out[i] = c->out[i] ||
		    pol_engine_is_excused(c->roll->engine, i) ||
		    ca_roll_cut_has(&c->roll->row, t->nodes[i].name);
	ca_cuts_of(c->ca, &c->roll->row, c->out, &c->list);
	r = cut_gone(c);
	wire_hsm_cuts_sort(&c->list);
	return r;
}

/* Nodes that would be excused. */
static enum base_err
cuts_asked(struct cuts *c, const json_t *nodes)
{
	size_t i;
	json_t *v;

	if (nodes != NULL && !json_is_array(nodes))
		return base_fail(BASE_E_USAGE, "nodes: is a list of names");
	json_array_foreach(nodes, i, v)
	{
		const char *name = json_string_value(v);
		const uint32_t at =
		    name == NULL ? POL_NONE : ca_topo_node(c->ca->topo, name);

		if (at == POL_NONE || strcmp(name, CA_NODE_CA) == 0)
			return base_fail(BASE_E_NOTFOUND,
			    "node %s: is none that could be excused",
			    name == NULL ? "?" : name);
		c->out[at] = true;
	}
	return BASE_OK;
}

static json_t *
cuts_json(const struct cuts *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->list.n; i++)
		json_array_append_new(list,
		    json_pack("{ss, ss}", "presenter", c->list.cut[i].presenter,
			"verifier", c->list.cut[i].verifier));
	return list;
}

/* Nothing is cut, but an older generation comes back. */
static enum base_err
cuts_back(const struct cuts *c, struct base_time at, json_t **answer)
{
	const struct ca_roll_row *row = &c->roll->row;

	if (row->from < row->to)
		return base_fail(BASE_E_STATE,
		    "root %s: does not go back; kedge roll abort makes it",
		    row->root);
	*answer = json_pack("{ss, ss, sI, so, so}", "fleet", c->ca->conf->fleet,
	    "root", row->root, "to", (json_int_t)row->to, "start",
	    ca_json_time(at), "cuts", json_array());
	return BASE_OK;
}

enum base_err
ca_control_roll_cuts(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	struct cuts c = { .ca = ca };
	const char *cmd, *root, *start = NULL;
	json_t *nodes = NULL;
	struct base_time at = { 0 };
	int back = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?o, s?s, s?b}", "cmd", &cmd, "root",
		 &root, "nodes", &nodes, "start", &start, "back", &back)) !=
		BASE_OK ||
	    (start != NULL && (r = base_time_parse(start, &at)) != BASE_OK))
		return r;
	if ((c.roll = ca_roll_of(ca, root)) == NULL)
		return ca_roll_none(root);
	if (start == NULL && back == 0)
		at = c.roll->row.deadline;
	if (back != 0)
		return cuts_back(&c, at, answer);
	c.out = base_alloc((ca->topo->nparts + 1) * sizeof(*c.out));
	/* the newest, by which kedge-hsmd knows when an approval ends: after an
	 * abort a node catches up to an older one */
	if ((r = cuts_asked(&c, nodes)) == BASE_OK &&
	    (r = cuts_find(&c)) == BASE_OK)
		*answer = json_pack("{ss, ss, sI, so, so}", "fleet",
		    ca->conf->fleet, "root", root, "to",
		    (json_int_t)ca_top_generation(ca, root), "start",
		    ca_json_time(at), "cuts", cuts_json(&c));
	wire_hsm_cuts_clear(&c.list);
	free(c.out);
	return r;
}
