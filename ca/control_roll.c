/*
 * ca/control_roll: commands about what happens: plan, rolls, explain, graph,
 * audit, events. Fields are in docs/control.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/plan_doc.h"

static enum base_err
find_root(const struct ca *ca, const char *name, uint32_t *out)
{
	enum base_err r = ca_control_ready(ca);

	*out = ca_topo_root(ca->topo, name);
	if (r == BASE_OK && *out == POL_NONE)
		r = base_fail(BASE_E_NOTFOUND,
		    "root %s: not known; see kedge root list", name);
	return r;
}

/* ---- plan ---------------------------------- */

static const char *
plan_name(const void *arg, uint32_t node)
{
	const struct ca_topo *t = arg;

	return t->nodes[node].name;
}

static size_t
plan_route(const void *arg, uint32_t node, uint32_t *out, size_t max)
{
	const struct ca_topo *t = arg;
	struct ca_route route;

	if (ca_topo_route(t, node, &route) != BASE_OK || route.n > max)
		return 0;
	for (size_t i = 0; i < route.n; i++)
		out[i] = ca_topo_node(t, route.hop[i]);
	return route.n;
}

static json_t *
plan_json(const struct ca_plan_view *v)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	json_t *j;

	if (f == NULL)
		base_die("out of memory");
	ca_plan_print_json(f, v);
	fclose(f);
	j = json_loadb(text, n, 0, NULL);
	free(text);
	return j;
}

static enum base_err
cmd_plan(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *name, *word = "minimal";
	struct ca_plan_view v = { .name = plan_name, .route = plan_route };
	struct pol_plan *plan = NULL;
	enum pol_strategy strategy;
	uint32_t root, number;
	const struct pol_graph *g;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?s}", "cmd", &cmd, "root", &name,
		 "strategy", &word)) != BASE_OK ||
	    (r = ca_control_strategy(word, &strategy)) != BASE_OK ||
	    (r = find_root(ca, name, &root)) != BASE_OK)
		return r;
	g = ca_topo_graph(ca->topo, root, &number);
	if ((r = ca_pol_fail(pol_plan_make(g, number, strategy, &plan),
		 name)) != BASE_OK)
		return r;
	v.plan = plan;
	v.nnodes = (uint32_t)ca->topo->nparts;
	v.root = name;
	v.strategy = pol_strategy_name(strategy);
	v.arg = ca->topo;
	*answer = json_pack("{so}", "plan", plan_json(&v));
	pol_plan_free(plan);
	return BASE_OK;
}

/* ---- rolls ---------------------------------- */

static void
roll_numbers(const struct ca_roll_row *row, json_t **answer)
{
	*answer = json_pack("{sI, si, si}", "roll", (json_int_t)row->id, "from",
	    (int)row->from, "to", (int)row->to);
}

static void
roll_started(void *arg, enum base_err e, const struct ca_roll_row *row)
{
	json_t *answer = NULL;

	if (e == BASE_OK)
		roll_numbers(row, &answer);
	ca_session_answer(arg, e, answer);
}

static enum base_err
roll_check(struct ca *ca, const char *root, json_t **answer)
{
	json_t *problems = json_array();
	enum base_err r = ca_roll_check(ca, root, problems);
	size_t n = json_array_size(problems);

	if (r == BASE_OK && n > 0) {
		*answer = json_pack("{sO}", "problems", problems);
		r = base_fail(BASE_E_STATE, "root %s: cannot roll yet: %s%s",
		    root, json_string_value(json_array_get(problems, 0)),
		    n == 1 ? "" : " (and more)");
	}
	json_decref(problems);
	return r;
}

static enum base_err
start_check(const char *root, bool all)
{
	return (root != NULL) != all
	    ? BASE_OK
	    : base_fail(BASE_E_USAGE,
		  "roll-start: root: names one, or all is true");
}

/* Of a roll that runs: forward again, or in a hurry from here on. */
static enum base_err
start_more(struct ca_session *s, const char *root,
    const struct ca_roll_row *want, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const bool back =
	    ca_roll_of(ca, root)->row.from > ca_roll_of(ca, root)->row.to;
	const bool more = want->deadline.ms != 0 || want->kicks != 0 ||
	    (want->compromised && ca_roll_of(ca, root)->row.say_again);
	enum base_err r = BASE_OK;

	if (want->max_in_flight != 0)
		return base_fail(BASE_E_USAGE,
		    "root %s: rolls already, and keeps the pace that it began "
		    "with; leave out --max-in-flight",
		    root);
	if (back)
		r = ca_roll_again(ca, root, ca_session_who(s));
	if (r == BASE_OK && want->compromised &&
	    !(ca_roll_of(ca, root)->row.compromised && (back || more)))
		r = ca_roll_compromise(ca, root, ca_session_who(s));
	if (r == BASE_OK && more)
		r = ca_deadline_set(ca, want, ca_session_who(s));
	if (r == BASE_OK)
		roll_numbers(&ca_roll_of(ca, root)->row, answer);
	return r;
}

static enum base_err
cmd_roll_start(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	struct ca_roll_row want = { .strategy = POL_MINIMAL };
	struct ca_pace_words pace = { .first = NULL };
	const char *cmd, *root = NULL, *word = "minimal";
	int dry = 0, all = 0;
	uint32_t i = 0;
	enum base_err r;

	if ((r = ca_unpack(q,
		 "{s:s, s?s, s?b, s?s, s?i, s?b, s?o, s?o, s?b, s?s, s?b, s?s, "
		 "s?o, s?i}",
		 "cmd", &cmd, "root", &root, "all", &all, "strategy", &word,
		 "max_in_flight", &pace.max_in_flight, "dry_run", &dry, "first",
		 &pace.first, "windows", &pace.windows, "step", &pace.step,
		 "presume", &pace.presume, "compromised", &pace.compromised,
		 "deadline", &pace.deadline, "cut", &pace.cut, "kicks",
		 &pace.kicks)) != BASE_OK ||
	    (r = ca_control_strategy(word, &want.strategy)) != BASE_OK ||
	    (r = start_check(root, all != 0)) != BASE_OK ||
	    (root != NULL && (r = find_root(ca, root, &i)) != BASE_OK))
		return r;
	snprintf(want.root, sizeof(want.root), "%s", root == NULL ? "" : root);
	if ((r = ca_control_pace(ca, &pace, &want)) != BASE_OK)
		return r;
	if (all != 0) {
		ca_control_roll_start_all(s, &want, dry != 0);
		return BASE_OK;
	}
	if (ca_roll_of(ca, root) != NULL && dry == 0 &&
	    (ca_roll_of(ca, root)->row.from > ca_roll_of(ca, root)->row.to ||
		want.compromised))
		return start_more(s, root, &want, answer);
	if ((r = roll_check(ca, root, answer)) != BASE_OK)
		return r;
	if (dry != 0) {
		*answer = json_pack("{sI, si, si}", "roll", (json_int_t)0,
		    "from", (int)ca->topo->roots[i].current, "to",
		    (int)ca->topo->roots[i].current + 1);
		return BASE_OK;
	}
	ca_session_hold(s);
	ca_roll_start(ca, &want, roll_started, s);
	return BASE_OK;
}

static enum base_err
check_root(const struct ca *ca, const char *root)
{
	if (root == NULL || ca_topo_root(ca->topo, root) != POL_NONE)
		return BASE_OK;
	return base_fail(BASE_E_NOTFOUND, "root %s: there is none", root);
}

static enum base_err
cmd_roll_status(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	struct ca_roll_row *rows = NULL;
	json_t *list = json_array(), *o;
	const char *cmd, *root = NULL;
	int nodes = 0;
	size_t n = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s?s, s?b}", "cmd", &cmd, "root", &root,
		 "nodes", &nodes)) == BASE_OK &&
	    (r = check_root(ca, root)) == BASE_OK &&
	    (r = ca_store_rolls(ca->store, &rows, &n)) == BASE_OK)
		for (size_t i = 0; r == BASE_OK && i < n; i++) {
			if (root != NULL && strcmp(rows[i].root, root) != 0)
				continue;
			if ((r = ca_json_roll(ca, &rows[i], &o)) != BASE_OK)
				break;
			json_array_append_new(list, o);
			if (nodes != 0)
				r = ca_json_roll_nodes(ca, &rows[i], o);
		}
	if (r == BASE_OK)
		*answer = json_pack("{sO}", "rolls", list);
	free(rows);
	json_decref(list);
	return r;
}

static enum base_err
roll_answer(struct ca *ca, const char *root, json_t **answer)
{
	const struct ca_roll *w = ca_roll_of(ca, root);

	if (w == NULL)
		return ca_roll_none(root);
	return ca_json_roll(ca, &w->row, answer);
}

static enum base_err
pause(struct ca_session *s, json_t *q, json_t **answer, bool to)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *root;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s}", "cmd", &cmd, "root", &root)) !=
		BASE_OK ||
	    (r = ca_roll_pause(ca, root, to, ca_session_who(s))) != BASE_OK)
		return r;
	return roll_answer(ca, root, answer);
}

static enum base_err
cmd_roll_pause(struct ca_session *s, json_t *q, json_t **answer)
{
	return pause(s, q, answer, true);
}

static enum base_err
cmd_roll_resume(struct ca_session *s, json_t *q, json_t **answer)
{
	return pause(s, q, answer, false);
}

static enum base_err
cmd_roll_retry(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *root, *node;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s:s}", "cmd", &cmd, "root", &root,
		 "node", &node)) != BASE_OK ||
	    (r = ca_roll_retry(ca, root, node, ca_session_who(s))) != BASE_OK)
		return r;
	return roll_answer(ca, root, answer);
}

#define EXPLAIN_MAX 1024

/* ---- explain ---------------------------------- */

static const char *
done_name(enum pol_done d)
{
	static const char *const names[] = { "none", "waiting", "sent",
		"received", "done", "failed" };

	return (size_t)d < sizeof(names) / sizeof(*names) ? names[d] : "?";
}

static enum base_err
parse_step(const char *word, uint32_t *out)
{
	*out = strcmp(word, "trust") == 0 ? POL_TRUST
	    : strcmp(word, "cert") == 0	  ? POL_CERT
	    : strcmp(word, "finish") == 0 ? POL_FINISH
					  : 0;
	return *out != 0 ? BASE_OK
			 : base_fail(BASE_E_USAGE,
			       "step %s: is trust, cert or finish", word);
}

static void
explain_waits(struct ca *ca, const struct ca_roll *w, uint32_t node,
    uint32_t step, json_t *waits)
{
	struct pol_why why[4];
	size_t n = pol_engine_waits(w->engine, node, why, 4);

	for (size_t i = 0; i < n; i++)
		if ((why[i].steps & step) != 0)
			json_array_append_new(waits, ca_json_why(ca, &why[i]));
}

struct ca_explain {
	const struct ca_roll *roll;
	const char *name, *step;
	uint32_t node;
	enum pol_done done;
	json_t *waits;
};

/* Nothing forbids it any more: what kedged itself waits for. */
static void
explain_ready(const struct ca *ca, const struct ca_roll *w, uint32_t node,
    char *out, size_t max)
{
	const int64_t later = w->retries[node].ms - ca_mono(ca).ms;

	if (w->row.state == CA_ROLL_PAUSED)
		snprintf(out, max,
		    "ready, and the roll is paused (kedge roll resume)");
	else if (w->refused[node].why != NULL || w->why[0] != '\0')
		snprintf(out, max, "ready, and not signed: %s",
		    w->refused[node].why != NULL ? w->refused[node].why
						 : w->why);
	else if (later > 0)
		snprintf(out, max, "ready, and tried again in %lld s",
		    (long long)(later + 999) / 1000);
	else
		snprintf(out, max, "about to be sent");
}

static void
explain_text(struct ca *ca, const struct ca_explain *x, char out[EXPLAIN_MAX])
{
	const char *why = json_string_value(
	    json_object_get(json_array_get(x->waits, 0), "text"));
	char more[EXPLAIN_MAX - 128] = "";

	if (x->done == POL_STEP_SENT || x->done == POL_STEP_RECEIVED)
		ca_held_text(ca, x->roll->row.root, x->node, more,
		    sizeof(more));
	if (x->done == POL_STEP_NONE)
		snprintf(out, EXPLAIN_MAX, "%s has no %s in this roll", x->name,
		    x->step);
	else if (why != NULL && more[0] == '\0')
		snprintf(out, EXPLAIN_MAX, "%s", why);
	else if (x->done == POL_STEP_WAITING || x->done == POL_STEP_FAILED) {
		explain_ready(ca, x->roll, x->node, more, sizeof(more));
		snprintf(out, EXPLAIN_MAX, "%s of %s is %s", x->step, x->name,
		    more);
	} else
		snprintf(out, EXPLAIN_MAX, "%s of %s is %s%s%s", x->step,
		    x->name, done_name(x->done), more[0] == '\0' ? "" : ", ",
		    more);
	if (x->roll->cut_waits[0] != '\0' && why != NULL)
		snprintf(out + strlen(out), EXPLAIN_MAX - strlen(out), "; %s",
		    x->roll->cut_waits);
	if (x->roll->row.compromised && x->roll->row.from < x->roll->row.to &&
	    strcmp(x->step, "finish") == 0 && x->done != POL_STEP_NONE)
		snprintf(out + strlen(out), EXPLAIN_MAX - strlen(out),
		    "; with it the node's applications end their sessions");
}

static enum base_err
cmd_explain(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	struct ca_explain x = { .waits = NULL };
	const char *cmd, *root;
	uint32_t step;
	char text[EXPLAIN_MAX];
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s:s, s:s}", "cmd", &cmd, "root",
		 &root, "node", &x.name, "step", &x.step)) != BASE_OK ||
	    (r = parse_step(x.step, &step)) != BASE_OK)
		return r;
	if ((x.node = ca_topo_node(ca->topo, x.name)) == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "node %s: not known; see kedge node list", x.name);
	if ((x.roll = ca_roll_of(ca, root)) == NULL)
		return base_fail(BASE_E_STATE,
		    "root %s: does not roll; kedge "
		    "plan shows what a roll would do",
		    root);
	ca_roll_look(ca, x.roll);
	x.done = pol_engine_step(x.roll->engine, x.node, step);
	x.waits = json_array();
	explain_waits(ca, x.roll, x.node, step, x.waits);
	explain_text(ca, &x, text);
	*answer = json_pack("{ss, so, ss}", "state", done_name(x.done), "waits",
	    x.waits, "text", text);
	return BASE_OK;
}

/* ---- graph ---------------------------------- */

static enum base_err
graph_node(struct ca *ca, const char *root, const struct ca_node *n,
    json_t *list)
{
	struct ca_holding h = { .known = false };
	json_t *o = NULL;
	enum base_err r;

	if ((r = ca_json_node(ca, n, &o)) != BASE_OK)
		return r;
	json_array_append_new(list, o);
	if (root == NULL)
		return BASE_OK;
	if ((r = ca_holding_get(ca->store, n->name, root, &h)) != BASE_OK)
		return r;
	json_object_set_new(o, "trust", ca_json_gens(h.conf.trust));
	json_object_set_new(o, "present",
	    ca_json_gens(h.conf.present | h.conf.bridge));
	return BASE_OK;
}

static json_t *
graph_link(struct ca *ca, const struct ca_link *l)
{
	json_t *o = ca_json_link(l);
	uint32_t c = ca_topo_node(ca->topo, l->client);
	uint32_t s = ca_topo_node(ca->topo, l->server);
	bool rolls = false, safe = true;

	for (const struct ca_roll *w = ca->rolls; w != NULL; w = w->next) {
		if (strcmp(w->row.root, l->client_root) != 0 &&
		    strcmp(w->row.root, l->server_root) != 0)
			continue;
		rolls = true;
		safe = safe && pol_engine_is_safe(w->engine, c, s) &&
		    pol_engine_is_safe(w->engine, s, c);
	}
	if (rolls)
		json_object_set_new(o, "safe", json_boolean(safe));
	return o;
}

static enum base_err
cmd_graph(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	json_t *nodes = json_array(), *links = json_array();
	const char *cmd, *root = NULL;
	enum base_err r;

	r = ca_unpack(q, "{s:s, s?s}", "cmd", &cmd, "root", &root);
	for (size_t i = 0; r == BASE_OK && i < ca->topo->nnodes; i++)
		r = graph_node(ca, root, &ca->topo->nodes[i], nodes);
	for (size_t i = 0; r == BASE_OK && i < ca->topo->nlinks; i++)
		json_array_append_new(links,
		    graph_link(ca, &ca->topo->links[i]));
	if (r == BASE_OK)
		*answer = json_pack("{sO, sO}", "nodes", nodes, "links", links);
	json_decref(nodes);
	json_decref(links);
	return r;
}

/* ---- audit, events ---------------------------------- */

static enum base_err
audit_record(void *arg, const struct ca_audit *a)
{
	char hash[65];

	base_hex(a->hash, sizeof(a->hash), hash);
	json_array_append_new(arg,
	    json_pack("{sI, so, ss, ss, ss, ss}", "seq", (json_int_t)a->seq,
		"time", ca_json_time(a->at), "who", a->who, "what", a->what,
		"detail", a->detail, "hash", hash));
	return BASE_OK;
}

static enum base_err
cmd_audit_list(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	json_int_t from = 1, limit = 100;
	json_t *list = json_array();
	const char *cmd;
	enum base_err r;

	r = ca_unpack(q, "{s:s, s?I, s?I}", "cmd", &cmd, "from", &from, "limit",
	    &limit);
	if (r == BASE_OK && (from < 1 || limit < 1 || limit > 10000))
		r = base_fail(BASE_E_USAGE,
		    "audit: --from is 1 or more, --limit 1 to 10000");
	if (r == BASE_OK)
		r = ca_store_audit_list(ca->store, (uint64_t)from,
		    (uint64_t)limit, audit_record, list);
	if (r == BASE_OK)
		*answer = json_pack("{sO}", "records", list);
	json_decref(list);
	return r;
}

static enum base_err
cmd_audit_verify(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd;
	uint8_t head[32];
	uint64_t n = 0;
	char hex[65];
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s}", "cmd", &cmd)) != BASE_OK ||
	    (r = ca_store_audit_verify(ca_session_ca(s)->store, &n, head)) !=
		BASE_OK)
		return r;
	base_hex(head, sizeof(head), hex);
	*answer = json_pack("{sI, ss}", "records", (json_int_t)n, "head", hex);
	return BASE_OK;
}

static enum base_err
cmd_events(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s}", "cmd", &cmd)) != BASE_OK)
		return r;
	ca_session_subscribe(s);
	*answer = json_object();
	return BASE_OK;
}

const struct ca_command ca_commands_roll[] = {
	{ "plan", cmd_plan },
	{ "roll-start", cmd_roll_start },
	{ "roll-status", cmd_roll_status },
	{ "roll-report", ca_control_roll_report },
	{ "roll-pause", cmd_roll_pause },
	{ "roll-resume", cmd_roll_resume },
	{ "roll-retry", cmd_roll_retry },
	{ "roll-step", ca_control_roll_step },
	{ "roll-abort", ca_control_roll_abort },
	{ "roll-hold", ca_control_roll_hold },
	{ "roll-release", ca_control_roll_release },
	{ "roll-excuse", ca_control_roll_excuse },
	{ "roll-cuts", ca_control_roll_cuts },
	{ "roll-return", ca_control_roll_return },
	{ "explain", cmd_explain },
	{ "simulate", ca_control_simulate },
	{ "graph", cmd_graph },
	{ "recover-status", ca_control_recover_status },
	{ "recover-start", ca_control_recover_start },
	{ "recover-excuse", ca_control_recover_excuse },
	{ "doctor", ca_control_doctor },
	{ "audit-list", cmd_audit_list },
	{ "audit-verify", cmd_audit_verify },
	{ "events", cmd_events },
	{ NULL, NULL },
};
