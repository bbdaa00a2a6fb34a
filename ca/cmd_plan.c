/*
 * cmd_plan: `kedge plan --topology FILE --root NAME`: the orders of a whole
 * roll from "all on the old generation", offline; without --topology for the
 * fleet that kedged keeps. Called by the CLI's frame.
 */
#include <string.h>

#include "ca/cli.h"
#include "ca/cmd_topology.h"
#include "ca/ctl.h"
#include "ca/look.h"
#include "ca/plan_doc.h"
#include "ca/remote.h"
#include "ca/topology.h"

static const char *
view_name(const void *arg, uint32_t number)
{
	return ca_topology_name(arg, number);
}

static size_t
view_route(const void *arg, uint32_t number, uint32_t *out, size_t max)
{
	const struct ca_topology *t = arg;
	const uint32_t node = ca_topology_position(t, number);

	if (node == POL_NONE || t->nodes[node].hops > max)
		return 0;
	ca_topology_route(t, node, out);
	for (uint32_t i = 0; i < t->nodes[node].hops; i++)
		out[i] = ca_topology_number(t, out[i]);
	return t->nodes[node].hops;
}

enum base_err
ca_plan_print(struct cli *c, const struct ca_topology *t, const char *root,
    enum pol_strategy strategy, bool presume, uint32_t *orders)
{
	struct pol_graph *graph = NULL;
	struct pol_plan *plan = NULL;
	uint32_t number;
	enum base_err e;
	enum pol_err pe;

	if ((e = ca_topology_graph(t, root, &graph, &number)) != BASE_OK)
		return e;
	if ((pe = pol_plan_make(graph, number, strategy, &plan)) != POL_OK) {
		e = base_fail(BASE_E_REFUSED, "%s: no plan for root \"%s\": %s",
		    t->file, root, pol_err_text(pe));
	} else {
		const struct ca_plan_view view = { .plan = plan,
			.nnodes = t->nnodes + 1,
			.root = root,
			.strategy = pol_strategy_name(strategy),
			.presume = presume,
			.name = view_name,
			.route = view_route,
			.arg = t };
		if (cli_json(c))
			ca_plan_print_json(cli_out(c), &view);
		else
			ca_plan_print_text(cli_out(c), &view);
		*orders = pol_plan_count(plan);
	}
	pol_plan_free(plan);
	pol_graph_free(graph);
	return e;
}

static enum base_err
plan_one(struct cli *c, const struct ca_topology *t, const char *root)
{
	const char *word = cli_get(c, "strategy");
	const char *presume = cli_get(c, "presume");
	enum pol_strategy strategy = POL_MINIMAL;
	uint32_t orders = 0;
	enum base_err e;

	if (presume != NULL && strcmp(presume, "received") != 0)
		return base_fail(BASE_E_USAGE,
		    "kedge plan: --presume %s: received is all that can be "
		    "presumed to work",
		    presume);
	if (word != NULL && !pol_strategy_parse(word, &strategy))
		return base_fail(BASE_E_USAGE,
		    "kedge plan: no strategy "
		    "\"%s\"; there are minimal, layered, sequential, merged, "
		    "bundled and compact",
		    word);
	e = ca_plan_print(c, t, root, strategy, presume != NULL, &orders);
	if (cli_has(c, "exit-code") && orders > 0)
		cli_exit_set(c, CLI_CHANGES);
	return e;
}

/* Without a file: the fleet that kedged keeps. */
static enum base_err
plan_of_fleet(struct cli *c, struct ca_topology **out)
{
	struct base_buf text;
	enum base_err e;

	if ((e = ca_topology_fetch(c, &text)) == BASE_OK)
		e = ca_topology_parse("fleet", base_buf_span(&text), out);
	base_buf_free(&text);
	return e;
}

/* A plan supposes that all certificates live on, and that every node takes
 * part: which may not, and who does not? Of the fleet that kedged keeps only. */
static enum base_err
plan_unsafe(struct cli *c, const char *root)
{
	struct ca_ctl *ctl = NULL;
	json_t *answer = NULL;
	enum base_err e;

	if ((e = ca_ctl_open(cli_socket(c), &ctl)) == BASE_OK &&
	    (e = ca_ctl_call(ctl,
		 json_pack("{ss, ss}", "cmd", "unsafe", "root", root),
		 &answer)) == BASE_OK) {
		ca_unsafe_print(cli_out(c), answer, "");
		ca_excused_print(cli_out(c), answer, "");
	}
	json_decref(answer);
	ca_ctl_close(ctl);
	return e;
}

enum base_err
ca_topology_load(struct cli *c, struct ca_topology **out)
{
	const char *file = cli_get(c, "topology");

	return file != NULL ? ca_topology_read(file, out)
			    : plan_of_fleet(c, out);
}

enum base_err
ca_cmd_plan(struct cli *c)
{
	const char *root = cli_get(c, "root");
	struct ca_topology *t = NULL;
	enum base_err e;

	if (cli_has(c, "compare") && cli_has(c, "strategy"))
		return base_fail(BASE_E_USAGE,
		    "kedge plan: --compare is about all strategies; take "
		    "--strategy away");
	if (cli_has(c, "compromised") && cli_has(c, "compare"))
		return base_fail(BASE_E_USAGE,
		    "kedge plan: --compromised is about what would be cut; "
		    "take --compare away");
	if ((e = ca_topology_load(c, &t)) == BASE_OK)
		e = cli_has(c, "compare")	? ca_plan_compare(c, t, root)
		    : cli_has(c, "compromised") ? ca_plan_cuts(c, t, root)
						: plan_one(c, t, root);
	if (e == BASE_OK && root != NULL && !cli_has(c, "topology") &&
	    !cli_json(c))
		e = plan_unsafe(c, root);
	ca_topology_free(t);
	return e;
}
