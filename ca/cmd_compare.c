/*
 * cmd_compare: kedge plan --compare: what each strategy costs on this fleet.
 * Orders and rounds come from the plan, times from the engine with a clock.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/ctl.h"
#include "ca/look.h"
#include "ca/outlook_doc.h"

#define CHAIN_MAX	  8 /* orders of a chain that are named in text */
#define ROOT_CERTIFICATES 3 /* NewWithNew, NewWithOld, OldWithNew */

/* What the tokens sign: each order, its canaries, node certificates; a node
 * without finish gets a tidy at the end. */
static json_int_t
signatures(const struct pol_plan *p, const struct ca_look *l)
{
	json_int_t n = ROOT_CERTIFICATES;

	for (uint32_t i = 0; i < pol_plan_count(p); i++) {
		const uint32_t steps = pol_plan_order(p, i).steps;
		n +=
		    2 + ((steps & POL_CERT) != 0) + ((steps & POL_FINISH) != 0);
	}
	for (uint32_t i = 0; i <= l->topology->nnodes; i++) {
		uint32_t steps = pol_graph_steps(l->graph, l->root, i);
		n += steps != 0 && !(steps & POL_FINISH) ? 2 : 0;
	}
	return n;
}

static json_t *
chain_json(const struct ca_look *l, const struct pol_outlook *o)
{
	const size_t n = ca_outlook_chain(o, NULL, 0);
	uint32_t *ids = base_alloc((n + 1) * sizeof(*ids));
	json_t *list = json_array();

	(void)ca_outlook_chain(o, ids, n);
	for (size_t i = 0; i < n; i++) {
		const struct pol_turn *t = &o->turns[ids[i]];
		char *text = base_asprintf("%s %s%s%s%s%s",
		    ca_topology_name(l->topology, t->node),
		    (t->steps & POL_TRUST) ? "trust" : "",
		    (t->steps & POL_TRUST) && (t->steps & ~POL_TRUST) ? "+"
								      : "",
		    (t->steps & POL_CERT) ? "cert" : "",
		    (t->steps & POL_CERT) && (t->steps & POL_FINISH) ? "+" : "",
		    (t->steps & POL_FINISH) ? "finish" : "");
		json_array_append_new(list, json_string(text));
		free(text);
	}
	free(ids);
	return list;
}

/* By how much the end comes before the deadline; null when one is not known. */
static json_t *
left_json(const struct ca_look *l, const struct pol_outlook *o)
{
	const struct ca_pace *p = l->pace;

	if (p->deadline.ms == 0 || !o->is_done)
		return json_null();
	return json_integer(p->deadline.ms - p->start.ms -
	    (o->last == POL_NONE ? 0 : o->turns[o->last].end_ms));
}

static enum base_err
compare_one(struct ca_look *l, enum pol_strategy s, json_t **out)
{
	const struct pol_plan_note *notes;
	struct pol_engine *engine = NULL;
	struct pol_plan *plan = NULL;
	struct pol_outlook o;
	enum pol_err pe;
	enum base_err e;

	l->goal.strategy = s;
	if ((pe = pol_plan_make(l->graph, l->root, s, &plan)) != POL_OK)
		return base_fail(BASE_E_REFUSED,
		    "%s: no plan for root \"%s\": %s", l->topology->file,
		    l->root_name, pol_err_text(pe));
	if ((e = ca_look_make(l, &engine, &o)) == BASE_OK)
		*out = json_pack("{ss, sI, so, sI, sI, so, so, so, sI}",
		    "strategy", pol_strategy_name(s), "orders",
		    (json_int_t)pol_plan_count(plan), "least",
		    pol_plan_least(plan) == 0
			? json_null()
			: json_integer((json_int_t)pol_plan_least(plan)),
		    "rounds", (json_int_t)pol_plan_rounds(plan), "signatures",
		    signatures(plan, l), "chain", chain_json(l, &o), "takes_ms",
		    !o.is_done ? json_null()
			: o.last == POL_NONE
			? json_integer(0)
			: json_integer(o.turns[o.last].end_ms),
		    "left_ms", left_json(l, &o), "fallbacks",
		    (json_int_t)pol_plan_notes(plan, &notes));
	pol_outlook_clear(&o);
	pol_engine_free(engine);
	pol_plan_free(plan);
	return e;
}

/* ---- text ----------------------------------------------------------------------- */

static json_t *
span_json(const json_t *ms, const char *none)
{
	char text[CA_SPAN_TEXT];

	if (!json_is_integer(ms))
		return json_string(none);
	ca_span_text(llabs(json_integer_value(ms)), text);
	return json_string(text);
}

static json_t *
deadline_json(const json_t *row)
{
	const json_t *left = json_object_get(row, "left_ms");
	char text[CA_SPAN_TEXT];
	char *line;
	json_t *j;

	if (!json_is_integer(left))
		return json_string(
		    json_is_null(json_object_get(row, "takes_ms")) ? "no end"
								   : "-");
	ca_span_text(llabs(json_integer_value(left)), text);
	line = json_integer_value(left) < 0
	    ? base_asprintf("missed by %s", text)
	    : base_asprintf("kept, %s left", text);
	j = json_string(line);
	free(line);
	return j;
}

/* The orders that wait for each other longest, by their names. */
static void
chain_print(FILE *f, const json_t *row)
{
	const json_t *chain = json_object_get(row, "chain");
	const size_t n = json_array_size(chain);
	size_t i;
	json_t *v;

	fprintf(f, "%s: ", json_string_value(json_object_get(row, "strategy")));
	json_array_foreach(chain, i, v)
	{
		if (i == CHAIN_MAX && n > CHAIN_MAX + 1) {
			fprintf(f, " > %zu more", n - i);
			break;
		}
		fprintf(f, "%s%s", i == 0 ? "" : " > ", json_string_value(v));
	}
	fprintf(f, "\n");
}

static enum base_err
compare_print(struct cli *c, const json_t *rows)
{
	static const struct ca_column columns[] = {
		{ "STRATEGY", "strategy", false },
		{ "ORDERS", "orders", true },
		{ "AT LEAST", "least", true },
		{ "ROUNDS", "rounds", true },
		{ "SIGNATURES", "signatures", true },
		{ "FALLBACKS", "fallbacks", true },
		{ "TAKES", "takes", true },
		{ "OLD ROOT'S END", "deadline", false },
		{ "CHAIN", "links", true },
		CA_COLUMN_END,
	};
	enum base_err e;
	size_t i;
	json_t *row, *chain;

	json_array_foreach(rows, i, row)
	{
		chain = json_object_get(row, "chain");
		json_object_set_new(row, "takes",
		    span_json(json_object_get(row, "takes_ms"), "for ever"));
		json_object_set_new(row, "deadline", deadline_json(row));
		json_object_set_new(row, "links",
		    json_integer((json_int_t)json_array_size(chain)));
	}
	if ((e = ca_table_print(cli_out(c), columns, rows)) != BASE_OK)
		return e;
	fprintf(cli_out(c), "\nthe longest chain of orders, by time:\n");
	json_array_foreach(rows, i, row) chain_print(cli_out(c), row);
	return BASE_OK;
}

static json_t *
time_json(struct base_time t)
{
	char text[BASE_RFC3339_LEN];

	if (t.ms == 0)
		return json_null();
	base_time_format(t, text);
	return json_string(text);
}

static enum base_err
compare_all(struct cli *c, struct ca_look *l)
{
	json_t *rows = json_array(), *row = NULL, *doc;
	enum base_err e = BASE_OK;

	for (unsigned s = 0; s < POL_STRATEGIES && e == BASE_OK; s++)
		if ((e = compare_one(l, (enum pol_strategy)s, &row)) == BASE_OK)
			json_array_append_new(rows, row);
	if (e == BASE_OK && cli_json(c)) {
		doc = json_pack("{si, ss, so, so, sO}", "version", 1, "root",
		    l->root_name, "start", time_json(l->pace->start),
		    "deadline", time_json(l->pace->deadline), "strategies",
		    rows);
		cli_json_print(c, doc);
		json_decref(doc);
	} else if (e == BASE_OK) {
		e = compare_print(c, rows);
	}
	json_decref(rows);
	return e;
}

enum base_err
ca_plan_compare(struct cli *c, const struct ca_topology *t, const char *root)
{
	struct pol_graph *graph = NULL;
	struct ca_pace pace;
	struct ca_look l = { .topology = t, .root_name = root, .pace = &pace };
	enum base_err e;

	if ((e = ca_pace_read(c, t, &pace)) != BASE_OK ||
	    (cli_get(c, "topology") == NULL &&
		(e = ca_pace_observe(c, t, root, &pace)) != BASE_OK) ||
	    (e = ca_topology_graph(t, root, &graph, &l.root)) != BASE_OK)
		goto out;
	l.graph = graph;
	e = compare_all(c, &l);
out:
	pol_graph_free(graph);
	ca_pace_clear(&pace);
	return e;
}
