/*
 * ca/metrics: the page /metrics in the text format of Prometheus. Everything
 * is read when somebody asks; nothing is counted beside the store, so a
 * restart loses no count. Labels are names of the fleet and words of small
 * fixed lists, so there are never more series than the fleet is large. Dates
 * are given, not ages: the reader has a clock of its own. The list of all
 * metrics is in docs/operations.md.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "ca/kedged.h"

/* The first refusal of the buffer stays. */
struct out {
	struct ca *ca;
	struct base_buf *page;
	enum base_err err;
};

static void put(struct out *o, const char *fmt, ...) BASE_PRINTF(2, 3);

static void
put(struct out *o, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		base_die("metrics: a line over %zu bytes", sizeof(line));
	if (o->err == BASE_OK)
		o->err = base_buf_put(o->page, line, (size_t)n);
}

static void
family(struct out *o, const char *name, const char *type, const char *help)
{
	put(o, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
gauge(struct out *o, const char *name, const char *help)
{
	family(o, name, "gauge", help);
}

/* Whole seconds are enough for dates. */
static long long
seconds(struct base_time t)
{
	return (long long)(t.ms / 1000);
}

static void
keep(struct out *o, enum base_err e)
{
	if (o->err == BASE_OK)
		o->err = e;
}

/* ---- kedged itself ------------------------------------------------------------- */

static void
put_hsm(struct out *o)
{
	const struct ca_hsm_state *h = ca_health_hsm(o->ca);

	if (!h->known)
		return;
	gauge(o, "kedge_hsmd_up",
	    "Whether kedge-hsmd answered when it was"
	    " asked last.");
	put(o, "kedge_hsmd_up %d\n", (int)h->up);
	if (h->ntokens > 0)
		gauge(o, "kedge_token_up",
		    "Whether kedge-hsmd can use this"
		    " token.");
	for (size_t i = 0; i < h->ntokens; i++)
		put(o, "kedge_token_up{token=\"%s\"} %d\n", h->tokens[i].name,
		    (int)h->tokens[i].up);
}

static void
put_self(struct out *o)
{
	struct statvfs fs;
	uint64_t records;

	gauge(o, "kedge_build_info", "The program that answers.");
	put(o, "kedge_build_info{program=\"kedged\",version=\"%s\"} 1\n",
	    base_version());
	gauge(o, "kedge_ready", "Whether kedge init has been done.");
	put(o, "kedge_ready %d\n", (int)o->ca->ready);
	keep(o, ca_store_audit_count(o->ca->store, &records));
	family(o, "kedge_audit_records_total", "counter",
	    "Records of the audit chain.");
	put(o, "kedge_audit_records_total %llu\n", (unsigned long long)records);
	if (statvfs(o->ca->conf->state_dir, &fs) == 0) {
		gauge(o, "kedge_state_dir_free_bytes",
		    "Room for the store on its file system.");
		put(o, "kedge_state_dir_free_bytes %llu\n",
		    (unsigned long long)fs.f_bavail * fs.f_frsize);
	}
	put_hsm(o);
}

/* ---- roots ---------------------------------------------------------------------- */

static bool
has_end(struct out *o, const struct ca_root *r, struct base_time *end)
{
	/* one that is being made has none */
	return ca_root_end(o->ca, r->name, r->current, end) == BASE_OK;
}

static void
put_root_ends(struct out *o)
{
	const struct ca_topo *t = o->ca->topo;
	struct base_time end;

	gauge(o, "kedge_root_end_timestamp_seconds",
	    "End of the current generation of the root.");
	for (size_t i = 0; i < t->nroots; i++)
		if (has_end(o, &t->roots[i], &end))
			put(o,
			    "kedge_root_end_timestamp_seconds{root=\"%s\","
			    "generation=\"%u\"} %lld\n",
			    t->roots[i].name, t->roots[i].current,
			    seconds(end));
	gauge(o, "kedge_root_end_level",
	    "0: far; 1, 2, 3: within 730, 365, 182 days; 4: over.");
	for (size_t i = 0; i < t->nroots; i++)
		if (has_end(o, &t->roots[i], &end))
			put(o, "kedge_root_end_level{root=\"%s\"} %u\n",
			    t->roots[i].name,
			    ca_root_end_level(ca_now(o->ca), end));
}

static void
put_schedule(struct out *o)
{
	const struct ca_topo *t = o->ca->topo;
	struct base_time due;

	gauge(o, "kedge_roll_due_timestamp_seconds",
	    "When the schedule of the root starts its next roll.");
	for (size_t i = 0; i < t->nroots; i++)
		if (ca_schedule_due(o->ca, &t->roots[i], &due) == BASE_OK &&
		    due.ms != 0)
			put(o,
			    "kedge_roll_due_timestamp_seconds{root=\"%s\"} "
			    "%lld\n",
			    t->roots[i].name, seconds(due));
	gauge(o, "kedge_roll_blocked",
	    "Whether a roll is due by its schedule and cannot start.");
	for (size_t i = 0; i < t->nroots; i++)
		put(o, "kedge_roll_blocked{root=\"%s\"} %d\n", t->roots[i].name,
		    ca_schedule_blocked(o->ca, t->roots[i].name) != NULL);
}

static void
put_cert(void *arg, const struct ca_cert_sum *s)
{
	put(arg,
	    "kedge_certificate_first_end_timestamp_seconds{root=\"%s\","
	    "generation=\"%u\"} %lld\n",
	    s->root, s->gen, seconds(s->first_end));
}

/* How many of each reason, of a small fixed list. */
static enum base_err
count_unsafe(void *arg, const struct ca_unsafe *u)
{
	((size_t *)arg)[u->state <= CA_RENEW_EXCUSED ? u->state : 0]++;
	return BASE_OK;
}

static void
put_own_end(struct out *o, const char *use, const X509 *x)
{
	struct wire_tbs t = { 0 };

	if (x != NULL && wire_cert_parse(x, &t) == BASE_OK)
		put(o,
		    "kedge_ca_certificate_end_timestamp_seconds{use=\"%s\"} "
		    "%lld\n",
		    use, seconds(t.not_after));
	wire_tbs_free(&t);
}

static void
put_certs(struct out *o)
{
	size_t n[CA_RENEW_EXCUSED + 1] = { 0 };

	gauge(o, "kedge_certificate_first_end_timestamp_seconds",
	    "Of the certificates that nodes present, which ends first.");
	keep(o, ca_store_cert_sums(o->ca->store, put_cert, o));
	gauge(o, "kedge_certificates_unsafe",
	    "Certificates near their end without a renewal, by the reason.");
	keep(o, ca_certs_unsafe(o->ca, count_unsafe, n));
	for (int i = CA_RENEW_DUE; i <= CA_RENEW_EXCUSED; i++)
		put(o, "kedge_certificates_unsafe{reason=\"%s\"} %zu\n",
		    ca_renew_name((enum ca_renew_state)i), n[i]);
	gauge(o, "kedge_ca_certificate_end_timestamp_seconds",
	    "End of the CA's own certificates.");
	put_own_end(o, "tls", o->ca->tls_cert);
	/* while management rolls, of the newer generation */
	put_own_end(o, "orders", sk_X509_value(o->ca->order_certs, 0));
}

/* ---- rolls ----------------------------------------------------------------------- */

static void
put_roll_states(struct out *o)
{
	static const char *const words[] = { "none", "running", "paused",
		"aborting" };
	const struct ca_topo *t = o->ca->topo;

	gauge(o, "kedge_roll_state", "1 for the state of the root's roll.");
	for (size_t i = 0; i < t->nroots; i++) {
		const struct ca_roll *w = ca_roll_of(o->ca, t->roots[i].name);
		const char *is = w == NULL ? "none" : ca_roll_word(&w->row);

		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
			put(o,
			    "kedge_roll_state{root=\"%s\",state=\"%s\"} %d\n",
			    t->roots[i].name, words[k],
			    strcmp(is, words[k]) == 0);
	}
}

static void
put_roll_steps(struct out *o)
{
	uint32_t done, all;

	gauge(o, "kedge_roll_steps", "Steps of the roll that runs.");
	for (struct ca_roll *w = o->ca->rolls; w != NULL; w = w->next) {
		pol_engine_progress(w->engine, &done, &all);
		put(o, "kedge_roll_steps{root=\"%s\"} %u\n", w->row.root, all);
	}
	gauge(o, "kedge_roll_steps_done", "Steps of it that are effective.");
	for (struct ca_roll *w = o->ca->rolls; w != NULL; w = w->next) {
		pol_engine_progress(w->engine, &done, &all);
		put(o, "kedge_roll_steps_done{root=\"%s\"} %u\n", w->row.root,
		    done);
	}
	gauge(o, "kedge_roll_start_timestamp_seconds", "When it was started.");
	for (struct ca_roll *w = o->ca->rolls; w != NULL; w = w->next)
		put(o, "kedge_roll_start_timestamp_seconds{root=\"%s\"} %lld\n",
		    w->row.root, seconds(w->row.started));
}

/* One reason per node, the first; reasons are the rules of docs/policy.md. */
static void
put_waits_of(struct out *o, const struct ca_roll *w)
{
	size_t nrules, others = 0, n[64] = { 0 }, k;
	const struct pol_rule *rules = pol_rules(&nrules);
	struct pol_why why;

	nrules = nrules < 64 ? nrules : 64;
	for (uint32_t i = 0; i < o->ca->topo->nparts; i++) {
		if (pol_engine_waits(w->engine, i, &why, 1) == 0)
			continue;
		for (k = 0; k < nrules; k++)
			if (strcmp(rules[k].id, why.rule) == 0)
				break;
		if (k < nrules)
			n[k]++;
		else
			others++;
	}
	for (k = 0; k < nrules; k++)
		put(o,
		    "kedge_roll_waiting_nodes{root=\"%s\",reason=\"%s\"} %zu\n",
		    w->row.root, rules[k].id, n[k]);
	put(o, "kedge_roll_waiting_nodes{root=\"%s\",reason=\"other\"} %zu\n",
	    w->row.root, others);
}

/* ---- orders ---------------------------------------------------------------------- */

struct sums {
	struct out *o;
	bool open; /* which half is wanted */
};

static void
put_orders(void *arg, const struct ca_order_sum *s)
{
	struct sums *x = arg;

	if ((s->state <= CA_ORDER_RECEIVED) != x->open)
		return;
	put(x->o, "%s{root=\"%s\",%s=\"%s\"} %llu\n",
	    x->open ? "kedge_orders_outstanding" : "kedge_orders_settled_total",
	    s->root, x->open ? "state" : "result",
	    ca_order_state_name(s->state), (unsigned long long)s->n);
}

static void
put_oldest(void *arg, const struct ca_order_sum *s)
{
	if (s->state <= CA_ORDER_RECEIVED)
		put(arg,
		    "kedge_orders_oldest_timestamp_seconds{root=\"%s\","
		    "state=\"%s\"} %lld\n",
		    s->root, ca_order_state_name(s->state), seconds(s->oldest));
}

static void
put_all_orders(struct out *o)
{
	struct sums x = { o, true };
	struct ca_store *st = o->ca->store;

	gauge(o, "kedge_orders_outstanding",
	    "Orders that no effective or failed report has settled.");
	keep(o, ca_store_order_sums(st, put_orders, &x));
	gauge(o, "kedge_orders_oldest_timestamp_seconds",
	    "When the oldest of them was issued.");
	keep(o, ca_store_order_sums(st, put_oldest, o));
	x.open = false;
	family(o, "kedge_orders_settled_total", "counter",
	    "Orders by what became of them.");
	keep(o, ca_store_order_sums(st, put_orders, &x));
}

/* ---- nodes ----------------------------------------------------------------------- */

static void
put_node_states(struct out *o)
{
	const struct ca_topo *t = o->ca->topo;
	size_t n[CA_NODE_STATES] = { 0 };
	enum ca_node_state s;

	gauge(o, "kedge_node_state", "1 for the state of the node.");
	for (uint32_t i = 0; i < t->nnodes; i++) {
		keep(o, ca_node_state(o->ca, i, &s));
		n[s]++;
		put(o, "kedge_node_state{node=\"%s\",state=\"%s\"} 1\n",
		    t->nodes[i].name, ca_node_state_word(s));
	}
	gauge(o, "kedge_nodes", "Nodes by state.");
	for (size_t i = 0; i < CA_NODE_STATES; i++)
		put(o, "kedge_nodes{state=\"%s\"} %zu\n",
		    ca_node_state_word((enum ca_node_state)i), n[i]);
}

static void
put_nodes(struct out *o)
{
	const struct ca_topo *t = o->ca->topo;
	struct base_time at;

	put_node_states(o);
	gauge(o, "kedge_node_heard_timestamp_seconds",
	    "When the last word of the node came; none: never.");
	for (uint32_t i = 0; i < t->nnodes; i++) {
		keep(o, ca_node_heard(o->ca, i, &at));
		if (at.ms != 0)
			put(o,
			    "kedge_node_heard_timestamp_seconds{node=\"%s\"} "
			    "%lld\n",
			    t->nodes[i].name, seconds(at));
	}
	gauge(o, "kedge_links", "Links of the fleet.");
	put(o, "kedge_links %zu\n", t->nlinks);
}

enum base_err
ca_metrics_get(void *arg, const char *path, struct base_buf *page)
{
	struct out o = { arg, page, BASE_OK };

	if (strcmp(path, "/metrics") != 0)
		return base_fail(BASE_E_NOTFOUND, "%s: there is only /metrics",
		    path);
	put_self(&o);
	put_root_ends(&o);
	put_schedule(&o);
	put_certs(&o);
	put_roll_states(&o);
	put_roll_steps(&o);
	gauge(&o, "kedge_roll_waiting_nodes",
	    "Nodes that wait in the roll, by the rule for which they do.");
	for (struct ca_roll *w = o.ca->rolls; w != NULL; w = w->next)
		put_waits_of(&o, w);
	put_all_orders(&o);
	put_nodes(&o);
	/* for the next reader */
	ca_health_ask(o.ca, NULL, NULL);
	return o.err;
}
