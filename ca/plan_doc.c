/*
 * plan_doc: prints a plan. Called by cmd_plan and kedged. The JSON is
 * written as it goes, without a tree in memory: a plan of a large fleet has
 * millions of prerequisites. Names need no escapes (base_name_is_valid).
 */
#include "ca/plan_doc.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static const struct {
	uint32_t step;
	const char *word;
} step_words[] = {
	{ POL_TRUST, "trust" },
	{ POL_CERT, "cert" },
	{ POL_FINISH, "finish" },
};
#define NSTEPS (sizeof(step_words) / sizeof(step_words[0]))

static const char *
name_of(const struct ca_plan_view *v, uint32_t node)
{
	return v->name(v->arg, node);
}

/* ---- what is presumed ------------------------------------------------------------ */

typedef void risk_fn(FILE *out, const struct ca_plan_view *v, uint32_t order,
    uint32_t peer, bool is_first);

static void
each_risk(FILE *out, const struct ca_plan_view *v, risk_fn *fn)
{
	uint32_t *peers = base_alloc((v->nnodes + (size_t)1) * sizeof(*peers));
	bool is_first = true;

	for (uint32_t i = 0; i < pol_plan_count(v->plan); i++) {
		size_t n = pol_plan_risks(v->plan, i, peers, v->nnodes);
		for (size_t k = 0; k < n && k < v->nnodes; k++) {
			fn(out, v, i, peers[k], is_first);
			is_first = false;
		}
	}
	free(peers);
}

static void
risk_json(FILE *out, const struct ca_plan_view *v, uint32_t order,
    uint32_t peer, bool is_first)
{
	fprintf(out, "%s{\"order\":%lu,\"peer\":\"%s\"}", is_first ? "" : ",",
	    (unsigned long)order + 1, name_of(v, peer));
}

static void
risk_text(FILE *out, const struct ca_plan_view *v, uint32_t order,
    uint32_t peer, bool is_first)
{
	const char *node = name_of(v, pol_plan_order(v->plan, order).node);

	if (is_first)
		fputs("\nPRESUMED: what is risked by going on at reception\n",
		    out);
	fprintf(out,
	    "%6lu  goes when %s has received its trust; if that fails, %s "
	    "refuses %s until its next try works\n",
	    (unsigned long)order + 1, name_of(v, peer), name_of(v, peer), node);
}

/* ---- JSON --------------------------------------------------------------------- */

static void
json_steps(FILE *out, uint32_t steps)
{
	const char *sep = "";

	for (unsigned i = 0; i < NSTEPS; i++)
		if (steps & step_words[i].step) {
			fprintf(out, "%s\"%s\"", sep, step_words[i].word);
			sep = ",";
		}
}

/* Nodes by group, then by number: counted out into at[group]. */
static uint32_t *
groups_deal(const struct ca_plan_view *v, size_t **at_out)
{
	const uint32_t n = pol_plan_groups(v->plan);
	size_t *at = base_alloc((n + (size_t)2) * sizeof(*at));
	uint32_t *nodes = base_alloc((v->nnodes + (size_t)1) * sizeof(*nodes));

	for (uint32_t i = 0; i < v->nnodes; i++) {
		uint32_t g = pol_plan_group_of(v->plan, i);
		if (g != POL_NONE)
			at[g + 1]++;
	}
	for (uint32_t g = 0; g < n; g++)
		at[g + 1] += at[g];
	for (uint32_t i = 0; i < v->nnodes; i++) {
		uint32_t g = pol_plan_group_of(v->plan, i);
		if (g != POL_NONE)
			nodes[at[g]++] = i;
	}
	memmove(at + 1, at, n * sizeof(*at));
	at[0] = 0;
	*at_out = at;
	return nodes;
}

static void
json_groups(FILE *out, const struct ca_plan_view *v)
{
	size_t *at;
	uint32_t *nodes = groups_deal(v, &at);

	for (uint32_t g = 0; g < pol_plan_groups(v->plan); g++) {
		fprintf(out, "%s[", g == 0 ? "" : ",");
		for (size_t i = at[g]; i < at[g + 1]; i++)
			fprintf(out, "%s\"%s\"", i == at[g] ? "" : ",",
			    name_of(v, nodes[i]));
		fputs("]", out);
	}
	free(nodes);
	free(at);
}

static size_t
after_of(struct pol_plan *p, uint32_t i, const uint32_t **out)
{
	size_t n;

	if (pol_plan_after(p, i, out, &n) != POL_OK)
		base_die("out of memory");
	return n;
}

static void
json_order(FILE *out, const struct ca_plan_view *v, uint32_t i, uint32_t *route)
{
	const struct pol_plan_order o = pol_plan_order(v->plan, i);
	const uint32_t *after;
	size_t n;

	fprintf(out, "%s{\"id\":%lu,\"node\":\"%s\",\"steps\":[",
	    i == 0 ? "" : ",", (unsigned long)i + 1, name_of(v, o.node));
	json_steps(out, o.steps);
	fputs("],\"route\":[", out);
	n = v->route(v->arg, o.node, route, v->nnodes);
	for (size_t k = 0; k < n; k++)
		fprintf(out, "%s\"%s\"", k == 0 ? "" : ",",
		    name_of(v, route[k]));
	fputs("],\"after\":[", out);
	n = after_of(v->plan, i, &after);
	for (size_t k = 0; k < n; k++)
		fprintf(out, "%s%lu", k == 0 ? "" : ",",
		    (unsigned long)after[k] + 1);
	fputs("]}", out);
}

void
ca_plan_print_json(FILE *out, const struct ca_plan_view *v)
{
	uint32_t *route = base_alloc((v->nnodes + (size_t)1) * sizeof(*route));
	const struct pol_plan_note *notes;
	size_t nnotes = pol_plan_notes(v->plan, &notes);

	fprintf(out,
	    "{\"version\":1,\"root\":\"%s\",\"strategy\":\"%s\",\"groups\":[",
	    v->root, v->strategy);
	json_groups(out, v);
	fputs("],\"orders\":[", out);
	for (uint32_t i = 0; i < pol_plan_count(v->plan); i++)
		json_order(out, v, i, route);
	fprintf(out, "],\"rounds\":%lu,",
	    (unsigned long)pol_plan_rounds(v->plan));
	if (pol_plan_least(v->plan) > 0)
		fprintf(out, "\"least\":%lu,",
		    (unsigned long)pol_plan_least(v->plan));
	fputs("\"notes\":[", out);
	for (size_t i = 0; i < nnotes; i++)
		fprintf(out, "%s\"%s %s %s\"", i == 0 ? "" : ",",
		    name_of(v, notes[i].node), notes[i].text,
		    name_of(v, notes[i].peer));
	fputs("]", out);
	if (v->presume) {
		fputs(",\"presumed\":[", out);
		each_risk(out, v, risk_json);
		fputs("]", out);
	}
	fputs("}\n", out);
	free(route);
}

/* ---- text ----------------------------------------------------------------------- */

static void
text_steps(FILE *out, uint32_t steps)
{
	int width = 0;

	for (unsigned i = 0; i < NSTEPS; i++)
		if (steps & step_words[i].step)
			width += fprintf(out, "%s%s", width > 0 ? "+" : "",
			    step_words[i].word);
	fprintf(out, "%*s", 19 - width, "");
}

/* 1-5,7: runs of numbers in one word. */
static void
text_after(FILE *out, const uint32_t *after, size_t n)
{
	if (n == 0)
		fputs("-", out);
	for (size_t i = 0; i < n;) {
		size_t last = i;
		while (last + 1 < n && after[last + 1] == after[last] + 1)
			last++;
		fprintf(out, "%s%lu", i == 0 ? "" : ",",
		    (unsigned long)after[i] + 1);
		if (last > i)
			fprintf(out, "-%lu", (unsigned long)after[last] + 1);
		i = last + 1;
	}
}

static void
text_route(FILE *out, const struct ca_plan_view *v, uint32_t node,
    uint32_t *route)
{
	size_t n = v->route(v->arg, node, route, v->nnodes);

	if (n <= 1) {
		fputs(n == 0 ? "  (the CA itself)" : "  directly", out);
		return;
	}
	fputs("  via ", out);
	for (size_t k = 0; k + 1 < n; k++)
		fprintf(out, "%s%s", k == 0 ? "" : ",", name_of(v, route[k]));
}

static int
names_width(const struct ca_plan_view *v)
{
	size_t width = 4;

	for (uint32_t i = 0; i < pol_plan_count(v->plan); i++) {
		size_t n = strlen(name_of(v, pol_plan_order(v->plan, i).node));
		if (n > width)
			width = n;
	}
	return (int)width;
}

static void
text_end(FILE *out, const struct ca_plan_view *v)
{
	const struct pol_plan_note *notes;
	size_t nnotes = pol_plan_notes(v->plan, &notes);
	uint32_t i = 0, n = pol_plan_count(v->plan);
	const uint32_t least = pol_plan_least(v->plan);

	if (least == n && n > 0)
		fputs("\nno plan without dual has fewer orders\n", out);
	else if (least > 0)
		fprintf(out,
		    "\nany plan without dual has at least %lu orders; "
		    "whether %lu are needed is not known\n",
		    (unsigned long)least, (unsigned long)n);
	while (i < n && !(pol_plan_order(v->plan, i).steps & POL_FINISH))
		i++;
	if (i < n)
		fprintf(out,
		    "\npoint of no return: the first finish, order "
		    "%lu in round %lu; before it every node still trusts the "
		    "old root\n",
		    (unsigned long)i + 1,
		    (unsigned long)pol_plan_order(v->plan, i).round);
	for (size_t k = 0; k < nnotes; k++)
		fprintf(out, "note: %s %s %s\n", name_of(v, notes[k].node),
		    notes[k].text, name_of(v, notes[k].peer));
}

void
ca_plan_print_text(FILE *out, const struct ca_plan_view *v)
{
	uint32_t *route = base_alloc((v->nnodes + (size_t)1) * sizeof(*route));
	const int width = names_width(v);
	uint32_t round = 0;

	fprintf(out,
	    "root %s, strategy %s: %lu orders in %lu rounds, "
	    "%lu independent group%s\n",
	    v->root, v->strategy, (unsigned long)pol_plan_count(v->plan),
	    (unsigned long)pol_plan_rounds(v->plan),
	    (unsigned long)pol_plan_groups(v->plan),
	    pol_plan_groups(v->plan) == 1 ? "" : "s");
	for (uint32_t i = 0; i < pol_plan_count(v->plan); i++) {
		const struct pol_plan_order o = pol_plan_order(v->plan, i);
		const uint32_t *after;
		size_t n = after_of(v->plan, i, &after);
		if (o.round != round)
			fprintf(out, "\nround %lu\n", (unsigned long)o.round);
		round = o.round;
		fprintf(out, "%6lu  %-*s  ", (unsigned long)i + 1, width,
		    name_of(v, o.node));
		text_steps(out, o.steps);
		fputs("after ", out);
		text_after(out, after, n);
		text_route(out, v, o.node, route);
		fputs("\n", out);
	}
	text_end(out, v);
	if (v->presume)
		each_risk(out, v, risk_text);
	free(route);
}
