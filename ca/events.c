/*
 * ca/events: changes of state, as a line of the log and as JSON for whoever
 * watches. Called after the commit, so neither is ever ahead of the store.
 */
#include <string.h>

#include "ca/kedged.h"

json_t *
ca_json_time(struct base_time t)
{
	char s[BASE_RFC3339_LEN];

	if (t.ms == 0)
		return json_null();
	base_time_format(t, s);
	return json_string(s);
}

static const struct {
	uint32_t step;
	const char *name;
} step_names[] = {
	{ WIRE_STEP_JOIN, "join" },
	{ WIRE_STEP_TRUST, "trust" },
	{ WIRE_STEP_CERT, "cert" },
	{ WIRE_STEP_FINISH, "finish" },
	{ WIRE_STEP_TIDY, "tidy" },
	{ WIRE_STEP_REKEY, "rekey" },
};
#define NSTEPS (sizeof(step_names) / sizeof(*step_names))

json_t *
ca_json_steps(uint32_t steps)
{
	json_t *list = json_array();

	for (size_t i = 0; i < NSTEPS; i++)
		if ((steps & step_names[i].step) != 0)
			json_array_append_new(list,
			    json_string(step_names[i].name));
	return list;
}

void
ca_steps_text(uint32_t steps, char out[CA_STEPS_TEXT])
{
	snprintf(out, CA_STEPS_TEXT, "%s", steps == 0 ? "ask" : "");
	for (size_t i = 0; i < NSTEPS; i++) {
		size_t at = strlen(out);

		if ((steps & step_names[i].step) != 0)
			snprintf(out + at, CA_STEPS_TEXT - at, "%s%s",
			    at == 0 ? "" : "+", step_names[i].name);
	}
}

json_t *
ca_json_gens(uint64_t mask)
{
	json_t *list = json_array();

	for (uint32_t g = 1; g <= 64; g++)
		if ((mask & POL_GEN(g)) != 0)
			json_array_append_new(list, json_integer(g));
	return list;
}

const char *
ca_roll_word(const struct ca_roll_row *w)
{
	const bool back = w->from > w->to;

	switch (w->state) {
	case CA_ROLL_RUNNING:
		return back ? "aborting" : "running";
	case CA_ROLL_PAUSED:
		return "paused";
	case CA_ROLL_DONE:
		return back ? "aborted" : "done";
	}
	return "none";
}

const char *
ca_proof_name(enum wire_proof p)
{
	switch (p) {
	case WIRE_PROOF_RELOAD:
		return "reload";
	case WIRE_PROOF_PROBE:
		return "probe";
	case WIRE_PROOF_NONE:
		break;
	}
	return "none";
}

static void
emit(struct ca *ca, json_t *e)
{
	if (e == NULL)
		base_die("event: some text in it is not UTF-8");
	json_object_set_new(e, "seq",
	    json_integer((json_int_t)++ca->event_seq));
	json_object_set_new(e, "time", ca_json_time(ca_now(ca)));
	if (ca->on_event != NULL)
		ca->on_event(ca->on_event_arg, e);
	else
		json_decref(e);
}

static json_t *
route_json(struct ca *ca, const char *node)
{
	json_t *list = json_array();
	uint32_t i = ca_topo_node(ca->topo, node);
	struct ca_route route;

	if (i == POL_NONE || ca_topo_route(ca->topo, i, &route) != BASE_OK)
		return list;
	for (size_t h = 0; h < route.n; h++)
		json_array_append_new(list, json_string(route.hop[h]));
	return list;
}

/* One that stays where it is was held by its node. */
static const char *
new_word(const struct ca_order *o, enum ca_order_state old)
{
	return o->state == old ? "held" : ca_order_state_name(o->state);
}

static void
log_order(const struct ca_order *o, enum ca_order_state old)
{
	bool bad = o->state == CA_ORDER_FAILED ||
	    o->state == CA_ORDER_REFUSED || o->state == old;
	bool told = o->state == CA_ORDER_EFFECTIVE;
	char steps[CA_STEPS_TEXT];

	ca_steps_text(o->steps, steps);
	base_log_change(bad ? BASE_WARNING : BASE_INFO,
	    &(struct base_change){ "order", ca_order_state_name(old),
		new_word(o, old), o->node, o->root, o->roll, o->epoch },
	    "%s%s%s%s%s", steps, told ? " by " : "",
	    told ? ca_proof_name(o->proof) : "",
	    o->reason[0] == '\0' ? "" : ": ", o->reason);
}

void
ca_event_order(struct ca *ca, const struct ca_order *o, enum ca_order_state old)
{
	log_order(o, old);
	emit(ca,
	    json_pack("{ss, ss, ss, sI, sI, so, si, si, ss, ss, ss, ss,"
		      " so}",
		"event", "order", "node", o->node, "root", o->root, "roll",
		(json_int_t)o->roll, "epoch", (json_int_t)o->epoch, "steps",
		ca_json_steps(o->steps), "from", (int)o->from, "to", (int)o->to,
		"old", ca_order_state_name(old), "new", new_word(o, old),
		"proof", ca_proof_name(o->proof), "reason", o->reason, "route",
		route_json(ca, o->node)));
}

void
ca_event_roll(struct ca *ca, const struct ca_roll_row *w, const char *old,
    const char *new)
{
	base_log_change(BASE_NOTICE,
	    &(struct base_change){ .subject = "roll",
		.old = old,
		.now = new,
		.root = w->root,
		.roll = w->id },
	    "generation %u to %u, %s", w->from, w->to,
	    pol_strategy_name(w->strategy));
	emit(ca,
	    json_pack("{ss, ss, sI, ss, ss, si, si}", "event", "roll", "root",
		w->root, "roll", (json_int_t)w->id, "old", old, "new", new,
		"from", (int)w->from, "to", (int)w->to));
}

void
ca_event_node(struct ca *ca, const char *node, const char *old, const char *new)
{
	const struct ca_word whole = { .node = node, .reason = "" };

	ca_event_word(ca, &whole, old, new);
}

void
ca_event_word(struct ca *ca, const struct ca_word *w, const char *old,
    const char *new)
{
	const struct ca_roll *roll =
	    w->root == NULL ? NULL : ca_roll_of(ca, w->root);

	base_log_change(BASE_NOTICE,
	    &(struct base_change){ .subject = "node",
		.old = old,
		.now = new,
		.node = w->node,
		.root = w->root,
		.roll = roll == NULL ? 0 : roll->row.id },
	    "%s", w->reason);
	emit(ca,
	    json_pack("{ss, ss, ss, ss, ss?, ss}", "event", "node", "node",
		w->node, "old", old, "new", new, "root", w->root, "reason",
		w->reason));
}

void
ca_event_waits(struct ca *ca, const char *root, const char *text)
{
	emit(ca,
	    json_pack("{ss, ss, ss}", "event", "waits", "root", root, "text",
		text));
}
