/*
 * cmd_simulate: kedge simulate: when would a roll be over, and who is in its
 * way. Of a roll that runs kedged looks ahead with a copy of its state; with
 * --topology, or while the root does not roll, a whole roll is looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/look.h"
#include "ca/outlook_doc.h"
#include "ca/remote.h"

/* ---- text ----------------------------------------------------------------------- */

static json_t *
span_of(json_int_t ms)
{
	char text[CA_SPAN_TEXT];

	ca_span_text(ms, text);
	return json_string(text);
}

static json_t *
span_json(const json_t *ms)
{
	return json_is_integer(ms) ? span_of(json_integer_value(ms))
				   : json_string("never");
}

static void
print_end(FILE *f, const json_t *doc)
{
	const json_t *takes = json_object_get(doc, "takes_ms");
	const json_t *left = json_object_get(doc, "left_ms");
	char text[CA_SPAN_TEXT];

	fprintf(f, "root %s, strategy %s: ", ca_text_of(doc, "root"),
	    ca_text_of(doc, "strategy"));
	if (json_is_integer(takes)) {
		ca_span_text(json_integer_value(takes), text);
		fprintf(f, "over after %s", text);
		if (json_object_get(doc, "end") != NULL)
			fprintf(f, ", at %s", ca_text_of(doc, "end"));
	} else {
		fprintf(f, "does not come to its end");
	}
	fprintf(f, ", %zu orders, %" JSON_INTEGER_FORMAT " failed\n",
	    json_array_size(json_object_get(doc, "orders")),
	    ca_number_of(doc, "failed"));
	if (json_is_integer(left)) {
		ca_span_text(llabs(json_integer_value(left)), text);
		fprintf(f,
		    json_integer_value(left) < 0
			? "the old root ends %s before that\n"
			: "the old root ends %s after that\n",
		    text);
	}
}

static bool
has_step(const json_t *order, const char *step)
{
	const json_t *steps = json_object_get(order, "steps");
	size_t i;
	json_t *v;

	json_array_foreach(steps, i,
	    v) if (strcmp(json_string_value(v), step) == 0) return true;
	return false;
}

/* When each kind of step begins and ends. */
static json_t *
timeline_row(const json_t *orders, const char *step)
{
	json_int_t n = 0, first = INT64_MAX, last = 0, start;
	const json_t *end;
	bool is_open = false;
	size_t i;
	json_t *o;

	json_array_foreach(orders, i, o)
	{
		if (!has_step(o, step))
			continue;
		n++;
		start = ca_number_of(o, "start_ms");
		end = json_object_get(o, "end_ms");
		first = start < first ? start : first;
		is_open |= !json_is_integer(end);
		if (json_integer_value(end) > last)
			last = json_integer_value(end);
	}
	if (n == 0)
		return NULL;
	return json_pack("{ss, sI, so, so}", "step", step, "orders", n, "first",
	    span_of(first), "last",
	    is_open ? json_string("never") : span_of(last));
}

static enum base_err
print_timeline(FILE *f, const json_t *doc)
{
	static const struct ca_column columns[] = {
		{ "STEP", "step", false },
		{ "ORDERS", "orders", true },
		{ "FIRST STARTS", "first", true },
		{ "LAST ENDS", "last", true },
		CA_COLUMN_END,
	};
	static const char *const steps[] = { "trust", "cert", "finish" };
	json_t *rows = json_array();
	enum base_err e;

	for (unsigned i = 0; i < 3; i++) {
		json_t *row =
		    timeline_row(json_object_get(doc, "orders"), steps[i]);
		if (row != NULL)
			json_array_append_new(rows, row);
	}
	e = json_array_size(rows) == 0 ? BASE_OK
				       : ca_table_print(f, columns, rows);
	json_decref(rows);
	return e;
}

/* Each order of the chain, and what it adds to the time. */
static enum base_err
print_chain(FILE *f, const json_t *doc)
{
	static const struct ca_column columns[] = {
		{ "NODE", "node", false },
		{ "STEPS", "steps", false },
		{ "STARTS", "starts", true },
		{ "ENDS", "ends", true },
		{ "FAILED", "failed", false },
		CA_COLUMN_END,
	};
	const json_t *orders = json_object_get(doc, "orders");
	json_t *rows = json_array(), *id, *o;
	enum base_err e = BASE_OK;
	size_t i;

	json_array_foreach(json_object_get(doc, "chain"), i, id)
	{
		o = json_array_get(orders, (size_t)json_integer_value(id) - 1);
		json_object_set_new(o, "starts",
		    span_json(json_object_get(o, "start_ms")));
		json_object_set_new(o, "ends",
		    span_json(json_object_get(o, "end_ms")));
		json_array_append(rows, o);
	}
	if (json_array_size(rows) > 0) {
		const json_t *worst = json_object_get(doc, "bottleneck");
		char text[CA_SPAN_TEXT];

		ca_span_text(ca_number_of(worst, "takes_ms"), text);
		fprintf(f, "\nbottleneck: %s, %s\n", ca_text_of(worst, "node"),
		    text);
		fprintf(f, "each of these waited for the one before it:\n");
		e = ca_table_print(f, columns, rows);
	}
	json_decref(rows);
	return e;
}

static enum base_err
outlook_print(struct cli *c, const json_t *doc)
{
	FILE *f = cli_out(c);
	enum base_err e;
	size_t i;
	json_t *o;

	print_end(f, doc);
	if ((e = print_timeline(f, doc)) != BASE_OK ||
	    (e = print_chain(f, doc)) != BASE_OK)
		return e;
	json_array_foreach(json_object_get(doc, "orders"), i, o)
	{
		if (json_is_null(json_object_get(o, "end_ms")))
			fprintf(f, "never answers: %s\n",
			    ca_text_of(o, "node"));
	}
	json_array_foreach(json_object_get(doc, "waits"), i, o)
	    fprintf(f, "waits: %s\n", json_string_value(o));
	if (ca_number_of(doc, "waits_more") > 0)
		fprintf(f, "waits: %" JSON_INTEGER_FORMAT " more\n",
		    ca_number_of(doc, "waits_more"));
	return BASE_OK;
}

/* ---- a whole roll --------------------------------------------------------------------- */

static const char *
look_name(const void *arg, uint32_t number)
{
	return ca_topology_name(arg, number);
}

static enum base_err
number_option(struct cli *c, const char *option, uint32_t *out)
{
	const char *text = cli_get(c, option);
	char *end = NULL;
	unsigned long v;

	if (text == NULL)
		return BASE_OK;
	v = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || *text == '-' || v > UINT32_MAX)
		return base_fail(BASE_E_USAGE,
		    "--%s: '%s' is no whole number from 0 up", option, text);
	*out = (uint32_t)v;
	return BASE_OK;
}

static enum base_err
windows_read(struct cli *c, struct pol_goal *goal)
{
	const char *text, *why;

	for (int i = 0; (text = cli_get_nth(c, "window", i)) != NULL; i++) {
		if (i == POL_WINDOWS_MAX)
			return base_fail(BASE_E_USAGE,
			    "--window: %d are the most", POL_WINDOWS_MAX);
		if ((why = pol_window_parse(text, &goal->windows[i])) != NULL)
			return base_fail(BASE_E_USAGE, "--window '%s': %s",
			    text, why);
		goal->nwindows++;
	}
	return BASE_OK;
}

/* The nodes of --first; *first is owned by the caller. */
static enum base_err
first_read(struct cli *c, const struct ca_topology *t, uint32_t **first,
    uint32_t *n)
{
	char *copy, *save = NULL;
	const char *text;
	enum base_err e = BASE_OK;

	*first = base_alloc((t->nnodes + 1) * sizeof(**first));
	for (int i = 0;
	     e == BASE_OK && (text = cli_get_nth(c, "first", i)) != NULL; i++) {
		copy = base_strdup(text);
		for (char *w = strtok_r(copy, ",", &save);
		     e == BASE_OK && w != NULL; w = strtok_r(NULL, ",", &save))
			e = *n > t->nnodes
			    ? base_fail(BASE_E_USAGE,
				  "--first: a node is named twice")
			    : ca_pace_node(t, "first", w, &(*first)[(*n)++]);
		free(copy);
	}
	return e;
}

static enum base_err
goal_read(struct cli *c, struct pol_goal *goal)
{
	const char *word = cli_get(c, "strategy");
	enum base_err e;

	*goal = (struct pol_goal){ .strategy = POL_MINIMAL, .limit = 5 };
	if (word != NULL && !pol_strategy_parse(word, &goal->strategy))
		return base_fail(BASE_E_USAGE,
		    "kedge simulate: no strategy \"%s\"; see kedge help "
		    "simulate",
		    word);
	if ((e = number_option(c, "limit", &goal->limit)) != BASE_OK ||
	    (e = windows_read(c, goal)) != BASE_OK)
		return e;
	return number_option(c, "max-in-flight", &goal->max_in_flight);
}

static enum base_err
whole_roll(struct cli *c, struct ca_look *l, json_t **doc)
{
	struct pol_engine *engine = NULL;
	struct pol_graph *graph = NULL;
	struct pol_outlook o = { .last = POL_NONE };
	struct ca_outlook_view v = { .outlook = &o,
		.nnodes = l->topology->nnodes + 1,
		.root = l->root_name,
		.name = look_name,
		.arg = l->topology };
	uint32_t *first = NULL;
	enum base_err e;

	if ((e = goal_read(c, &l->goal)) != BASE_OK ||
	    (e = first_read(c, l->topology, &first, &l->goal.nfirst)) !=
		BASE_OK ||
	    (e = ca_topology_graph(l->topology, l->root_name, &graph,
		 &l->root)) != BASE_OK)
		goto out;
	l->graph = graph;
	l->goal.first = first;
	if ((e = ca_look_make(l, &engine, &o)) == BASE_OK) {
		v.engine = engine;
		v.strategy = pol_strategy_name(l->goal.strategy);
		*doc = ca_outlook_json(&v);
	}
out:
	pol_outlook_clear(&o);
	pol_engine_free(engine);
	pol_graph_free(graph);
	free(first);
	return e;
}

/* ---- a roll that runs --------------------------------------------------------------------- */

static json_t *
paces_json(const struct ca_look *l)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i <= l->topology->nnodes; i++) {
		const struct pol_pace *p = &l->pace->node[i];
		json_array_append_new(list,
		    json_pack("{ss, sI, so, sI}", "node",
			ca_topology_name(l->topology, i), "takes_ms",
			(json_int_t)p->takes_ms, "away_ms",
			p->away_ms == POL_NEVER ? json_null()
						: json_integer(p->away_ms),
			"failures", (json_int_t)p->failures));
	}
	return list;
}

/* *doc stays NULL when the root does not roll. */
static enum base_err
running_roll(struct cli *c, const struct ca_look *l, json_t **doc)
{
	struct ca_ctl *ctl = NULL;
	json_t *answer = NULL;
	enum base_err e;

	if ((e = ca_ctl_open(cli_socket(c), &ctl)) != BASE_OK)
		return e;
	e = ca_ctl_call(ctl,
	    json_pack("{ss, ss, so, sI}", "cmd", "simulate", "root",
		l->root_name, "pace", paces_json(l), "retry_ms",
		(json_int_t)l->pace->retry_ms),
	    &answer);
	if (e == BASE_OK && json_is_object(json_object_get(answer, "outlook")))
		*doc = json_incref(json_object_get(answer, "outlook"));
	json_decref(answer);
	ca_ctl_close(ctl);
	return e;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Dates, where the beginning has one. */
static void
doc_dates(json_t *doc, const struct ca_pace *p)
{
	const json_t *takes = json_object_get(doc, "takes_ms");
	char text[BASE_RFC3339_LEN];
	struct base_time end = p->start;

	if (p->start.ms == 0 || !json_is_integer(takes))
		return;
	end.ms += json_integer_value(takes);
	base_time_format(end, text);
	json_object_set_new(doc, "end", json_string(text));
	if (p->deadline.ms != 0)
		json_object_set_new(doc, "left_ms",
		    json_integer(p->deadline.ms - end.ms));
}

static enum base_err
simulate(struct cli *c, struct ca_look *l, struct ca_pace *pace, json_t **doc)
{
	const bool is_live = cli_get(c, "topology") == NULL;
	enum base_err e;

	if ((e = ca_pace_read(c, l->topology, pace)) != BASE_OK)
		return e;
	/* a window is a time of the week */
	if (cli_has(c, "window") && pace->start.ms == 0)
		pace->start = base_time_now();
	if (is_live &&
	    ((e = ca_pace_observe(c, l->topology, l->root_name, pace)) !=
		    BASE_OK ||
		(e = running_roll(c, l, doc)) != BASE_OK))
		return e;
	return *doc == NULL ? whole_roll(c, l, doc) : BASE_OK;
}

enum base_err
ca_cmd_simulate(struct cli *c)
{
	struct ca_topology *t = NULL;
	struct ca_pace pace = { .node = NULL };
	struct ca_look l = { .root_name = cli_arg(c, 0), .pace = &pace };
	json_t *doc = NULL;
	enum base_err e;

	if ((e = ca_topology_load(c, &t)) != BASE_OK)
		return e;
	l.topology = t;
	if ((e = simulate(c, &l, &pace, &doc)) == BASE_OK) {
		doc_dates(doc, &pace);
		if (!json_is_true(json_object_get(doc, "done")))
			cli_exit_set(c, CLI_WAITING);
		if (cli_json(c))
			cli_json_print(c, doc);
		else
			e = outlook_print(c, doc);
	}
	json_decref(doc);
	ca_pace_clear(&pace);
	ca_topology_free(t);
	return e;
}
