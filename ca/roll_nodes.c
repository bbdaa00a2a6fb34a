/*
 * ca/roll_nodes: every node of a roll as kedge roll status --watch shows it:
 * how far it is, its last word, and why it waits. Called by control_json.c.
 */
#include <string.h>

#include "ca/control.h"

struct far {
	uint32_t done, next; /* steps; next: the first that is not done */
	enum pol_done state; /* of next */
};

static struct far
how_far(const struct ca_roll *w, uint32_t node)
{
	struct far x = { .state = POL_STEP_DONE };

	for (uint32_t step = POL_TRUST; step <= POL_FINISH; step <<= 1) {
		enum pol_done d = pol_engine_step(w->engine, node, step);

		if (d == POL_STEP_DONE) {
			x.done |= step;
		} else if (d != POL_STEP_NONE &&
		    (x.next == 0 || d == x.state)) {
			x.next |= step;
			x.state = d;
		}
	}
	return x;
}

static const char *
word_of(struct ca *ca, const struct ca_roll *w, uint32_t node,
    const struct far *x)
{
	if (pol_engine_is_excused(w->engine, node))
		return "excused";
	if (x->next == 0)
		return "done";
	if (ca_roll_is_held(ca, w, node))
		return "held";
	switch (x->state) {
	case POL_STEP_SENT:
		return "sent";
	case POL_STEP_RECEIVED:
		return "received";
	case POL_STEP_FAILED:
		return "failed";
	case POL_STEP_NONE:
	case POL_STEP_WAITING:
	case POL_STEP_DONE:
		break;
	}
	return "waiting";
}

static enum base_err
one(struct ca *ca, const struct ca_roll *w, uint32_t node, json_t *list)
{
	struct far x = how_far(w, node);
	struct base_time heard;
	struct pol_why why = { .rule = "", .peer = POL_NONE };
	char text[CA_REASON_MAX + 32] = "";
	enum base_err r = ca_node_heard(ca, node, &heard);

	if (r != BASE_OK)
		return r;
	if (x.state == POL_STEP_SENT || x.state == POL_STEP_RECEIVED)
		ca_held_text(ca, w->row.root, node, text, sizeof(text));
	if (x.next != 0 && pol_engine_waits(w->engine, node, &why, 1) > 0 &&
	    text[0] == '\0')
		ca_why_text(ca, &why, text, sizeof(text));
	json_array_append_new(list,
	    json_pack("{ss, ss, so, so, so, ss, ss, so, so}", "node",
		ca->topo->nodes[node].name, "state", word_of(ca, w, node, &x),
		"done", ca_json_steps(x.done), "next", ca_json_steps(x.next),
		"heard", ca_json_time(heard), "waits", text, "rule", why.rule,
		"peer",
		why.peer == POL_NONE
		    ? json_null()
		    : json_string(ca->topo->nodes[why.peer].name),
		"peer_steps", ca_json_steps(why.peer_steps)));
	return BASE_OK;
}

enum base_err
ca_json_roll_nodes(struct ca *ca, const struct ca_roll_row *row, json_t *o)
{
	const struct ca_roll *w = ca_roll_of(ca, row->root);
	json_t *list = json_array();
	enum base_err r = BASE_OK;

	json_object_set_new(o, "nodes", list);
	for (uint32_t i = 0; r == BASE_OK && w != NULL &&
	     w->row.id == row->id && i < ca->topo->nparts;
	     i++)
		if (ca_topo_steps(ca->topo, w->root, i) != 0)
			r = one(ca, w, i, list);
	return r;
}
