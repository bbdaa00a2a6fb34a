/*
 * cmd_plan_cuts: `kedge plan --compromised [--deadline TIME]`: whom a roll of a
 * stolen key would not reach by then, as far as can be estimated, and each
 * direction that would be cut so that the others go on. Nothing is changed. An
 * outlook is made; who has an order at the deadline and no answer is taken out,
 * and it is looked again, until nobody else is in the way.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/ctl.h"
#include "ca/look.h"
#include "ca/outlook_doc.h"
#include "ca/remote.h"

#define SILENT_MS INT64_C(600000) /* not heard of for so long: not there */

/* A node that would be cut. */
struct cut {
	uint32_t node, steps; /* of the order that is not answered in time */
	int64_t end_ms; /* POL_NEVER: never answered */
};

struct cuts {
	struct ca_look look;
	int64_t deadline_ms; /* from the start; POL_NEVER - 1: none was given */
	bool *out; /* per node: it is among list */
	struct cut *list;
	size_t n;
	bool is_done; /* the rest comes to its end */
	int64_t takes_ms;
	struct base_time since; /* kedged listens; 0: it was not asked */
	json_t *unheard; /* owned; names: not since then, nor for long */
};

/* ---- who -------------------------------------------------------------------- */

static void
cut_add(struct cuts *k, struct cut c)
{
	const char *name = ca_topology_name(k->look.topology, c.node);

	if (k->out[c.node] || strcmp(name, CA_NODE_CA) == 0)
		return;
	k->out[c.node] = true;
	k->list = base_realloc_array(k->list, k->n + 1, sizeof(*k->list));
	k->list[k->n++] = c;
}

static void
cut_late(struct cuts *k, const struct pol_outlook *o)
{
	for (uint32_t i = 0; i < o->n; i++) {
		const struct pol_turn *t = &o->turns[i];

		if (t->start_ms <= k->deadline_ms && t->end_ms > k->deadline_ms)
			cut_add(k,
			    (struct cut){ t->node, t->steps, t->end_ms });
	}
}

/* Its orders fail, and the last of them was one too many. */
static void
cut_held(struct cuts *k, const struct pol_engine *e)
{
	struct pol_why why[4];

	for (uint32_t i = 0; i <= k->look.topology->nnodes; i++) {
		size_t n = pol_engine_waits(e, i, why, 4);

		for (size_t w = 0; w < n; w++)
			if (strcmp(why[w].rule, "held") == 0)
				cut_add(k,
				    (struct cut){ i, why[w].steps, POL_NEVER });
	}
}

static enum base_err
cuts_find(struct cuts *k)
{
	enum base_err e = BASE_OK;
	size_t before;

	do {
		struct pol_engine *engine = NULL;
		struct pol_outlook o;

		before = k->n;
		k->look.excused = k->out;
		if ((e = ca_look_make(&k->look, &engine, &o)) != BASE_OK)
			return e;
		cut_late(k, &o);
		if (!o.is_done)
			cut_held(k, engine);
		k->is_done = o.is_done;
		k->takes_ms = o.last == POL_NONE ? 0 : o.turns[o.last].end_ms;
		pol_outlook_clear(&o);
		pol_engine_free(engine);
	} while (k->n > before);
	return e;
}

/* ---- who is silent, of the fleet that kedged keeps -------------------------------- */

static bool
has_word(struct cli *c, const char *name)
{
	const size_t n = strlen(name);
	const char *text;

	for (int i = 0; (text = cli_get_nth(c, "away", i)) != NULL; i++)
		if (strncmp(text, name, n) == 0 &&
		    (text[n] == '=' || text[n] == '\0'))
			return true;
	return false;
}

enum heard {
	HEARD,
	UNHEARD,
	SILENT
};

/* Who was not heard of while kedged could hear nobody is not silent by that. */
static enum heard
heard_of(const json_t *node, struct base_time since, struct base_time now)
{
	const char *seen = json_string_value(json_object_get(node, "seen"));
	struct base_time t;

	if (!json_is_true(json_object_get(node, "joined")))
		return SILENT;
	if (seen != NULL && base_time_parse(seen, &t) == BASE_OK &&
	    now.ms - t.ms <= SILENT_MS)
		return HEARD;
	return now.ms - since.ms > SILENT_MS ? SILENT : UNHEARD;
}

static void
node_hear(struct cuts *k, const json_t *node, struct ca_pace *p)
{
	const struct ca_topology *t = k->look.topology;
	const char *name = ca_text_of(node, "name");
	const uint32_t at = ca_topology_node(t, name);

	if (at == POL_NONE)
		return;
	switch (heard_of(node, k->since, base_time_now())) {
	case SILENT:
		p->node[ca_topology_number(t, at)].away_ms = POL_NEVER;
		break;
	case UNHEARD:
		json_array_append_new(k->unheard, json_string(name));
		break;
	case HEARD:
		break;
	}
}

static enum base_err
silent_read(struct cli *c, struct cuts *k, struct ca_pace *p)
{
	struct ca_ctl *ctl = NULL;
	json_t *answer = NULL, *o;
	enum base_err e;
	size_t i;

	if ((e = ca_ctl_open(cli_socket(c), &ctl)) == BASE_OK &&
	    (e = ca_ctl_call(ctl, json_pack("{ss}", "cmd", "node-list"),
		 &answer)) == BASE_OK)
		e = base_time_parse(ca_text_of(answer, "listening_since"),
		    &k->since);
	json_array_foreach(json_object_get(answer, "nodes"), i,
	    o) if (e == BASE_OK && !has_word(c, ca_text_of(o, "name")))
	    node_hear(k, o, p);
	json_decref(answer);
	ca_ctl_close(ctl);
	return e;
}

/* ---- what is cut -------------------------------------------------------------- */

static void
cut_put(json_t *list, const char *presenter, const char *verifier)
{
	json_array_append_new(list,
	    json_pack("{ss, ss}", "presenter", presenter, "verifier",
		verifier));
}

/* Each direction of the node under the root. */
static json_t *
directions_json(const struct cuts *k, uint32_t number)
{
	const struct ca_topology *t = k->look.topology;
	const uint32_t node = ca_topology_position(t, number);
	const uint32_t root = ca_topology_root(t, k->look.root_name);
	json_t *list = json_array();

	if (root == POL_NONE) { /* management */
		cut_put(list, t->nodes[node].name, CA_NODE_CA);
		cut_put(list, CA_NODE_CA, t->nodes[node].name);
	}
	for (size_t i = 0; root != POL_NONE && i < t->nlinks; i++) {
		const struct ca_topo_link *l = &t->links[i];
		const char *client = t->nodes[l->client].name;
		const char *server = t->nodes[l->server].name;

		if (l->client != node && l->server != node)
			continue;
		if (l->client_root == root)
			cut_put(list, client, server);
		if (l->server_root == root)
			cut_put(list, server, client);
	}
	return list;
}

static json_t *
time_json(struct base_time t)
{
	char text[BASE_RFC3339_LEN];

	base_time_format(t, text);
	return json_string(text);
}

static json_t *
span_json(const struct cuts *k, int64_t ms)
{
	return ms >= POL_NEVER - 1
	    ? json_null()
	    : time_json((struct base_time){ k->look.pace->start.ms + ms });
}

static json_t *
cuts_json(const struct cuts *k)
{
	json_t *nodes = json_array();

	for (size_t i = 0; i < k->n; i++) {
		const struct cut *c = &k->list[i];

		json_array_append_new(nodes,
		    json_pack("{ss, so, so, so}", "node",
			ca_topology_name(k->look.topology, c->node), "steps",
			ca_steps_json(c->steps), "ends",
			span_json(k, c->end_ms), "cuts",
			directions_json(k, c->node)));
	}
	return json_pack("{si, ss, so, so, sb, so, so, sO}", "version", 1,
	    "root", k->look.root_name, "deadline", span_json(k, k->deadline_ms),
	    "nodes", nodes, "done", (int)k->is_done, "takes_ms",
	    k->is_done ? json_integer(k->takes_ms) : json_null(),
	    "listening_since",
	    k->since.ms == 0 ? json_null() : time_json(k->since),
	    "not_known_yet", k->unheard);
}

/* ---- text ------------------------------------------------------------------------ */

static void
node_print(FILE *f, const json_t *node)
{
	const json_t *ends = json_object_get(node, "ends");
	size_t i;
	json_t *v;

	fprintf(f, "%s: ", ca_text_of(node, "node"));
	json_array_foreach(json_object_get(node, "steps"), i, v)
	    fprintf(f, "%s%s", i == 0 ? "" : "+", json_string_value(v));
	if (json_is_string(ends))
		fprintf(f, " is answered at %s only\n",
		    json_string_value(ends));
	else
		fprintf(f, " is never answered\n");
	json_array_foreach(json_object_get(node, "cuts"), i, v)
	    fprintf(f, "  %s refuses %s\n", ca_text_of(v, "verifier"),
		ca_text_of(v, "presenter"));
}

static void
unheard_print(FILE *f, const json_t *doc)
{
	const json_t *names = json_object_get(doc, "not_known_yet");
	const char *since = ca_text_of(doc, "listening_since");
	char again[BASE_RFC3339_LEN];
	struct base_time t;
	size_t i;
	json_t *v;

	if (json_array_size(names) == 0 ||
	    base_time_parse(since, &t) != BASE_OK)
		return;
	t.ms += SILENT_MS + 1000;
	base_time_format(t, again);
	fprintf(f,
	    "\nnot known yet (listening since %s): whether these are "
	    "there; taken as\nthere, ask again at %s, or say --away NODE:",
	    since, again);
	json_array_foreach(names, i, v) fprintf(f, " %s", json_string_value(v));
	fprintf(f, "\n");
}

static void
command_print(FILE *f, const json_t *doc)
{
	const json_t *deadline = json_object_get(doc, "deadline");
	size_t i;
	json_t *o;

	fprintf(f, "\nkedge roll start --compromised --deadline %s --cut ",
	    json_is_string(deadline) ? json_string_value(deadline) : "TIME");
	json_array_foreach(json_object_get(doc, "nodes"), i, o)
	    fprintf(f, "%s%s", i == 0 ? "" : ",", ca_text_of(o, "node"));
	fprintf(f, " %s\n", ca_text_of(doc, "root"));
}

static void
cuts_print(FILE *f, const json_t *doc)
{
	const json_t *nodes = json_object_get(doc, "nodes");
	const json_t *deadline = json_object_get(doc, "deadline");
	const size_t n = json_array_size(nodes);
	char text[CA_SPAN_TEXT];
	size_t i;
	json_t *o;

	fprintf(f, "root %s, %s%s: ", ca_text_of(doc, "root"),
	    json_is_string(deadline) ? "deadline " : "no deadline",
	    json_is_string(deadline) ? json_string_value(deadline) : "");
	if (n == 0)
		fprintf(f, "nothing would be cut\n");
	else
		fprintf(f, "%zu %s not be reached, and these directions cut\n",
		    n, n == 1 ? "node would" : "nodes would");
	json_array_foreach(nodes, i, o) node_print(f, o);
	if (json_is_true(json_object_get(doc, "done"))) {
		ca_span_text(ca_number_of(doc, "takes_ms"), text);
		fprintf(f, "the orders of the rest take %s\n", text);
	} else {
		fprintf(f, "the rest does not come to its end\n");
	}
	unheard_print(f, doc);
	if (n > 0)
		command_print(f, doc);
}

/* ---- the command ------------------------------------------------------------------ */

static enum base_err
goal_read(struct cli *c, struct pol_goal *goal)
{
	const char *word = cli_get(c, "strategy");

	*goal = (struct pol_goal){ .strategy = POL_MINIMAL,
		.limit = 5,
		.forget_first = true };
	if (word != NULL && !pol_strategy_parse(word, &goal->strategy))
		return base_fail(BASE_E_USAGE,
		    "kedge plan: no strategy \"%s\"; see kedge help plan",
		    word);
	return BASE_OK;
}

/* As kedged bounds it: under the management root no application is kicked. */
static uint32_t
kicks_at_once(const struct ca_look *l)
{
	uint32_t n = 0;

	if (strcmp(l->root_name, CA_ROOT_MANAGEMENT) == 0)
		return 0;
	for (uint32_t i = 0; i <= l->topology->nnodes; i++)
		n += (pol_graph_steps(l->graph, l->root, i) & POL_FINISH) != 0;
	return ca_topology_kicks(n);
}

static enum base_err
pace_read(struct cli *c, struct cuts *k, struct ca_pace *p)
{
	const struct ca_topology *t = k->look.topology;
	enum base_err e = ca_pace_read(c, t, p);

	if (e == BASE_OK && !cli_has(c, "topology") &&
	    (e = ca_pace_observe(c, t, k->look.root_name, p)) == BASE_OK)
		e = silent_read(c, k, p);
	if (e == BASE_OK && p->start.ms == 0)
		p->start = base_time_now();
	k->deadline_ms = cli_has(c, "deadline") ? p->deadline.ms - p->start.ms
						: POL_NEVER - 1;
	if (e == BASE_OK && k->deadline_ms < 0)
		e = base_fail(BASE_E_USAGE,
		    "kedge plan: --deadline lies before the start");
	return e;
}

enum base_err
ca_plan_cuts(struct cli *c, const struct ca_topology *t, const char *root)
{
	struct ca_pace pace = { .node = NULL };
	struct cuts k = {
		.look = { .topology = t, .root_name = root, .pace = &pace },
		.unheard = json_array(),
	};
	struct pol_graph *graph = NULL;
	json_t *doc;
	enum base_err e;

	if ((e = goal_read(c, &k.look.goal)) != BASE_OK ||
	    (e = ca_topology_graph(t, root, &graph, &k.look.root)) != BASE_OK ||
	    (e = pace_read(c, &k, &pace)) != BASE_OK)
		goto out;
	k.look.graph = graph;
	k.look.goal.max_finish = kicks_at_once(&k.look);
	k.out = base_alloc((t->nnodes + (size_t)1) * sizeof(*k.out));
	if ((e = cuts_find(&k)) != BASE_OK)
		goto out;
	doc = cuts_json(&k);
	if (cli_json(c))
		cli_json_print(c, doc);
	else
		cuts_print(cli_out(c), doc);
	json_decref(doc);
	if (!k.is_done)
		cli_exit_set(c, CLI_WAITING);
	if (cli_has(c, "exit-code") && k.n > 0)
		cli_exit_set(c, CLI_CHANGES);
out:
	json_decref(k.unheard);
	free(k.out);
	free(k.list);
	pol_graph_free(graph);
	ca_pace_clear(&pace);
	return e;
}
