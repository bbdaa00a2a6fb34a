/*
 * cmd_graph: kedge graph: nodes and links, from kedged or a topology file, or
 * the orders of a whole roll, as Graphviz or SVG.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/drawing.h"
#include "ca/look.h"
#include "ca/remote.h"

static enum base_err
drawing_print(struct cli *c, struct ca_drawing *d)
{
	if (cli_has(c, "svg"))
		return ca_drawing_svg(d, cli_out(c));
	ca_drawing_dot(d, cli_out(c));
	return BASE_OK;
}

/* ---- the fleet, as kedged knows it --------------------------------------------- */

static char *
generations(char *text, const char *what, const json_t *list)
{
	char *more;
	size_t i;
	json_t *v;

	if (json_array_size(list) == 0)
		return text;
	more = text == NULL ? base_strdup(what)
			    : base_asprintf("%s\n%s", text, what);
	free(text);
	text = more;
	json_array_foreach(list, i, v)
	{
		more = base_asprintf("%s %" JSON_INTEGER_FORMAT, text,
		    json_integer_value(v));
		free(text);
		text = more;
	}
	return text;
}

/* The box of a name; a new one for a node that is not in the list. */
static uint32_t
box_of(struct ca_drawing *d, json_t *boxes, const char *name)
{
	json_t *number = json_object_get(boxes, name);

	if (number == NULL) {
		number =
		    json_integer(ca_drawing_box(d, name, NULL, CA_BOX_NODE));
		json_object_set_new(boxes, name, number);
	}
	return (uint32_t)json_integer_value(number);
}

static void
draw_node(struct ca_drawing *d, json_t *boxes, const json_t *o)
{
	const char *name = ca_text_of(o, "name");
	char *detail;
	uint32_t box;

	detail = generations(NULL, "trusts", json_object_get(o, "trust"));
	detail = generations(detail, "presents", json_object_get(o, "present"));
	box = ca_drawing_box(d, name, detail, CA_BOX_NODE);
	d->boxes[box].dashed = !json_is_true(json_object_get(o, "joined"));
	json_object_set_new(boxes, name, json_integer(box));
	free(detail);
}

static void
draw_link(struct ca_drawing *d, json_t *boxes, const json_t *o)
{
	struct ca_arrow *a;
	uint32_t client = box_of(d, boxes, ca_text_of(o, "client"));
	uint32_t server = box_of(d, boxes, ca_text_of(o, "server"));

	ca_drawing_arrow(d, client, server, ca_text_of(o, "server_root"));
	a = &d->arrows[d->narrows - 1];
	a->both = strcmp(ca_text_of(o, "auth"), "mutual") == 0;
	a->wrong = json_is_false(json_object_get(o, "safe"));
}

static enum base_err
fleet_print(struct cli *c, const json_t *answer)
{
	const json_t *nodes = json_object_get(answer, "nodes");
	const json_t *links = json_object_get(answer, "links");
	struct ca_drawing d = { .title = NULL };
	json_t *boxes = json_object(), *o;
	enum base_err e;
	size_t i;

	d.title =
	    base_asprintf("%zu nodes, %zu links%s%s", json_array_size(nodes),
		json_array_size(links), cli_argc(c) > 0 ? ", root " : "",
		cli_argc(c) > 0 ? cli_arg(c, 0) : "");
	json_array_foreach(nodes, i, o) draw_node(&d, boxes, o);
	json_array_foreach(links, i, o) draw_link(&d, boxes, o);
	e = drawing_print(c, &d);
	ca_drawing_clear(&d);
	json_decref(boxes);
	return e;
}

/* ---- the fleet of a file ------------------------------------------------------------ */

static bool
link_is_under(const struct ca_topo_link *l, uint32_t root)
{
	return root == POL_NONE || l->client_root == root ||
	    l->server_root == root;
}

static void
draw_topology(struct ca_drawing *d, const struct ca_topology *t, uint32_t root)
{
	d->title = base_asprintf("%s: %u nodes, %zu links%s%s", t->file,
	    t->nnodes, t->nlinks, root == POL_NONE ? "" : ", root ",
	    root == POL_NONE ? "" : t->roots[root].name);
	for (uint32_t i = 0; i < t->nnodes; i++)
		(void)ca_drawing_box(d, t->nodes[i].name,
		    t->nodes[i].dual ? "dual" : NULL, CA_BOX_NODE);
	for (size_t i = 0; i < t->nlinks; i++) {
		const struct ca_topo_link *l = &t->links[i];
		if (!link_is_under(l, root))
			continue;
		ca_drawing_arrow(d, l->client, l->server,
		    t->roots[l->server_root].name);
		d->arrows[d->narrows - 1].both = l->client_root != POL_NONE;
	}
}

/* ---- the orders of a roll -------------------------------------------------------------- */

/* What each order waits for, without what another of these waits for too. */
struct orders {
	struct pol_plan *plan;
	uint32_t n;
	uint32_t **after; /* owned lists */
	size_t *nafter;
	uint32_t *mark; /* by order: the last that waits for it */
};

static void
orders_read(struct orders *o)
{
	const uint32_t *after;

	for (uint32_t i = 0; i < o->n; i++) {
		if (pol_plan_after(o->plan, i, &after, &o->nafter[i]) != POL_OK)
			base_die("out of memory");
		o->after[i] = base_alloc((o->nafter[i] + 1) * sizeof(*after));
		if (o->nafter[i] > 0)
			memcpy(o->after[i], after,
			    o->nafter[i] * sizeof(*after));
	}
}

/* From the last on, so that the lists looked at are whole. */
static void
orders_reduce(struct orders *o)
{
	for (uint32_t i = o->n; i-- > 0;) {
		size_t n = 0;
		for (size_t k = 0; k < o->nafter[i]; k++) {
			uint32_t j = o->after[i][k];
			for (size_t m = 0; m < o->nafter[j]; m++)
				o->mark[o->after[j][m]] = i + 1;
		}
		for (size_t k = 0; k < o->nafter[i]; k++)
			if (o->mark[o->after[i][k]] != i + 1)
				o->after[i][n++] = o->after[i][k];
		o->nafter[i] = n;
	}
}

static bool
waits_alike(const struct orders *o, uint32_t a, uint32_t b)
{
	return o->nafter[a] == o->nafter[b] &&
	    pol_plan_order(o->plan, a).round ==
	    pol_plan_order(o->plan, b).round &&
	    memcmp(o->after[a], o->after[b],
		o->nafter[a] * sizeof(*o->after[a])) == 0;
}

/* Order i and all later ones that wait for the same: through one joint, when
 * that saves arrows. A list that is drawn becomes empty. */
static void
draw_waits(struct ca_drawing *d, struct orders *o, uint32_t i)
{
	const size_t n = o->nafter[i];
	uint32_t joint = POL_NONE, alike = 0;
	char name[32];

	for (uint32_t k = i; k < o->n; k++)
		alike += waits_alike(o, i, k);
	if (n * alike > n + alike + 1) {
		snprintf(name, sizeof(name), "joint %u", d->nboxes);
		joint = ca_drawing_box(d, name, NULL, CA_BOX_JOINT);
		d->boxes[joint].column =
		    2 * pol_plan_order(o->plan, i).round - 1;
		for (size_t k = 0; k < n; k++)
			ca_drawing_arrow(d, o->after[i][k], joint, NULL);
	}
	for (uint32_t k = o->n; k-- > i;) {
		if (!waits_alike(o, i, k))
			continue;
		if (joint != POL_NONE)
			ca_drawing_arrow(d, joint, k, NULL);
		for (size_t m = 0; m < n && joint == POL_NONE; m++)
			ca_drawing_arrow(d, o->after[k][m], k, NULL);
		o->nafter[k] = 0;
	}
}

static void
draw_order(struct ca_drawing *d, const struct ca_topology *t,
    struct pol_plan_order o)
{
	static const char *const words[] = { "", "trust", "cert", "trust+cert",
		"finish", "trust+finish", "cert+finish", "trust+cert+finish" };
	char *name = base_asprintf("%s %s", ca_topology_name(t, o.node),
	    words[o.steps & 7]);
	uint32_t box = ca_drawing_box(d, name, NULL,
	    (o.steps & POL_FINISH)     ? CA_BOX_FINISH
		: (o.steps & POL_CERT) ? CA_BOX_CERT
				       : CA_BOX_TRUST);

	d->boxes[box].column = 2 * o.round;
	free(name);
}

/* Rounds are even columns and joints odd ones; empty ones go. */
static void
columns_close(struct ca_drawing *d, uint32_t rounds)
{
	uint32_t *to = base_alloc((2 * (size_t)rounds + 2) * sizeof(*to));

	for (uint32_t i = 0; i < d->nboxes; i++)
		to[d->boxes[i].column] = 1;
	for (uint32_t k = 0; k < 2 * rounds + 1; k++)
		if (to[k] != 0)
			to[k] = d->ncolumns++;
	for (uint32_t i = 0; i < d->nboxes; i++)
		d->boxes[i].column = to[d->boxes[i].column];
	free(to);
}

static void
draw_plan(struct ca_drawing *d, const struct ca_topology *t,
    struct pol_plan *plan)
{
	struct orders o = { .plan = plan, .n = pol_plan_count(plan) };

	o.after = base_alloc((o.n + (size_t)1) * sizeof(*o.after));
	o.nafter = base_alloc((o.n + (size_t)1) * sizeof(*o.nafter));
	o.mark = base_alloc((o.n + (size_t)1) * sizeof(*o.mark));
	for (uint32_t i = 0; i < o.n; i++)
		draw_order(d, t, pol_plan_order(plan, i));
	orders_read(&o);
	orders_reduce(&o);
	for (uint32_t i = 0; i < o.n; i++)
		if (o.nafter[i] > 0)
			draw_waits(d, &o, i);
	columns_close(d, pol_plan_rounds(plan));
	d->column_word = "round";
	for (uint32_t i = 0; i < o.n; i++)
		free(o.after[i]);
	free(o.after);
	free(o.nafter);
	free(o.mark);
}

static enum base_err
plan_draw(struct ca_drawing *d, const struct ca_topology *t, const char *root,
    enum pol_strategy s)
{
	struct pol_graph *graph = NULL;
	struct pol_plan *plan = NULL;
	uint32_t number;
	enum base_err e;
	enum pol_err pe;

	if ((e = ca_topology_graph(t, root, &graph, &number)) != BASE_OK)
		return e;
	if ((pe = pol_plan_make(graph, number, s, &plan)) != POL_OK)
		e = base_fail(BASE_E_REFUSED, "%s: no plan for root \"%s\": %s",
		    t->file, root, pol_err_text(pe));
	else if (pol_plan_count(plan) > CA_DRAWING_MAX)
		e = base_fail(BASE_E_REFUSED,
		    "graph: %u orders are more than anybody can read; see "
		    "kedge plan",
		    pol_plan_count(plan));
	if (e == BASE_OK) {
		d->title = base_asprintf(
		    "root %s, strategy %s: %u orders in %u rounds", root,
		    pol_strategy_name(s), pol_plan_count(plan),
		    pol_plan_rounds(plan));
		draw_plan(d, t, plan);
	}
	pol_plan_free(plan);
	pol_graph_free(graph);
	return e;
}

/* ---- the command --------------------------------------------------------------------------- */

static json_t *
root_json(const struct ca_topology *t, uint32_t root)
{
	return root == POL_NONE ? json_null()
				: json_string(t->roots[root].name);
}

/* As kedged answers it, without what only it knows. */
static void
topology_json(struct cli *c, const struct ca_topology *t, uint32_t root)
{
	json_t *nodes = json_array(), *links = json_array(), *all;

	for (uint32_t i = 0; i < t->nnodes; i++)
		json_array_append_new(nodes,
		    json_pack("{s:s,s:b,s:b}", "name", t->nodes[i].name, "dual",
			t->nodes[i].dual, "shallow", t->nodes[i].shallow));
	for (size_t i = 0; i < t->nlinks; i++) {
		const struct ca_topo_link *l = &t->links[i];

		if (!link_is_under(l, root))
			continue;
		json_array_append_new(links,
		    json_pack("{s:s,s:s,s:s,s:o,s:o}", "client",
			t->nodes[l->client].name, "server",
			t->nodes[l->server].name, "auth",
			l->client_root == POL_NONE ? "server" : "mutual",
			"client_root", root_json(t, l->client_root),
			"server_root", root_json(t, l->server_root)));
	}
	all = json_pack("{s:o,s:o}", "nodes", nodes, "links", links);
	cli_json_print(c, all);
	json_decref(all);
}

static enum base_err
topology_draw(struct cli *c, struct ca_drawing *d, const struct ca_topology *t)
{
	const char *word = cli_get(c, "strategy"), *root = cli_arg(c, 0);
	uint32_t number = POL_NONE, orders;
	enum pol_strategy s;

	if (word != NULL && (root == NULL || !pol_strategy_parse(word, &s)))
		return base_fail(BASE_E_USAGE,
		    "kedge graph: --strategy %s: needs a root, and is one of "
		    "minimal, layered, sequential, merged, bundled, compact",
		    word);
	if (word != NULL && cli_json(c))
		return ca_plan_print(c, t, root, s, false, &orders);
	if (word != NULL)
		return plan_draw(d, t, root, s);
	if (root != NULL && (number = ca_topology_root(t, root)) == POL_NONE)
		return base_fail(BASE_E_NOTFOUND, "%s: no root \"%s\"", t->file,
		    root);
	if (cli_json(c))
		topology_json(c, t, number);
	else
		draw_topology(d, t, number);
	return BASE_OK;
}

enum base_err
ca_cmd_graph(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		CA_FIELD_END,
	};
	struct ca_drawing d = { .title = NULL };
	struct ca_topology *t = NULL;
	enum base_err e;

	if (cli_has(c, "dot") && cli_has(c, "svg"))
		return base_fail(BASE_E_USAGE,
		    "kedge graph: --dot or --svg, not both");
	if (cli_get(c, "topology") == NULL && cli_get(c, "strategy") == NULL)
		return ca_remote(c, "graph", args, fleet_print);
	if ((e = ca_topology_load(c, &t)) == BASE_OK &&
	    (e = topology_draw(c, &d, t)) == BASE_OK && !cli_json(c))
		e = drawing_print(c, &d);
	ca_drawing_clear(&d);
	ca_topology_free(t);
	return e;
}
