/*
 * judge: does what nodes have signed justify an order that takes something
 * away? kedged is not believed: the graph is what it told before (holds.h),
 * the facts are reports, the rules are those of policy/. Called by
 * req_orders.c.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"
#include "wire/msg.h"

#define STEPS (WIRE_STEP_TRUST | WIRE_STEP_CERT | WIRE_STEP_FINISH)
#define ROOT  0 /* in the graph: the order's root */
#define OTHER 1 /* any other */

/* The node and its peers under one root. */
struct judge {
	const struct hsm_core *core;
	const struct wire_order *o;
	bool presume; /* what was received works */
	bool management; /* every bound node has a link with the CA there,
			  * which nobody tells and nobody can forget */
	const struct hsm_node **node; /* sorted by address, each once */
	size_t n;
	struct pol_graph *graph;
	struct pol_fact *fact;
	size_t nfacts;
};

/* ---- graph ------------------------------------------------------------------ */

static bool
link_counts(const struct judge *j, const struct hsm_link *l)
{
	return strcmp(l->client_root, j->o->root) == 0 ||
	    strcmp(l->server_root, j->o->root) == 0;
}

static int
node_cmp(const void *a, const void *b)
{
	const struct hsm_node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static uint32_t
node_index(const struct judge *j, const struct hsm_node *n)
{
	const struct hsm_node **at =
	    bsearch(&n, j->node, j->n, sizeof(*j->node), node_cmp);

	return (uint32_t)(at - j->node);
}

static bool
is_ca(const struct hsm_node *n)
{
	return strcmp(n->name, HSM_CA) == 0;
}

struct peers {
	const struct hsm_node **node;
	size_t n;
};

static void
peer_add(void *arg, void *value)
{
	struct peers *p = arg;
	const struct hsm_node *n = value;

	if (n->bound && !is_ca(n))
		p->node[p->n++] = n;
}

/* Each is there as often as it has a link, and once for itself. */
static void
judge_nodes(struct judge *j, const struct hsm_state *s,
    const struct hsm_node *self)
{
	const struct hsm_node *ca = hsm_state_node(s, HSM_CA);
	size_t n = 0;

	j->node =
	    base_alloc((self->nas_client + self->nas_server + s->nodes.n + 2) *
		sizeof(*j->node));
	if (j->management && is_ca(self)) {
		struct peers p = { j->node, 0 };

		hsm_map_each(&s->nodes, peer_add, &p);
		n = p.n;
	} else if (j->management && ca != NULL) {
		j->node[n++] = ca;
	}
	j->node[n++] = self;
	for (size_t i = 0; i < self->nas_client; i++)
		if (link_counts(j, self->as_client[i]))
			j->node[n++] = self->as_client[i]->server;
	for (size_t i = 0; i < self->nas_server; i++)
		if (link_counts(j, self->as_server[i]))
			j->node[n++] = self->as_server[i]->client;
	qsort(j->node, n, sizeof(*j->node), node_cmp);
	for (size_t i = 0; i < n; i++)
		if (j->n == 0 || j->node[j->n - 1] != j->node[i])
			j->node[j->n++] = j->node[i];
}

static uint32_t
root_index(const struct judge *j, const char *root)
{
	return root[0] == '\0'		    ? POL_NONE
	    : strcmp(root, j->o->root) == 0 ? ROOT
					    : OTHER;
}

static size_t
judge_link(const struct judge *j, const struct hsm_link *l,
    struct pol_link *out)
{
	if (!link_counts(j, l))
		return 0;
	*out = (struct pol_link){ node_index(j, l->client),
		node_index(j, l->server), root_index(j, l->client_root),
		root_index(j, l->server_root) };
	return 1;
}

/* Reports one way, orders the other. Hellos of neighbours are told as links. */
static size_t
judge_own_links(const struct judge *j, const struct hsm_node *self,
    struct pol_link *out)
{
	uint32_t at = node_index(j, self);
	size_t n = 0;

	for (uint32_t i = 0; i < j->n; i++)
		if (i != at && (is_ca(self) || is_ca(j->node[i])))
			out[n++] = (struct pol_link){ i, at, ROOT, ROOT };
	return n;
}

/* A dual client bridges on its links, not towards the CA. */
static uint32_t
judge_flags(const struct judge *j, const struct hsm_node *n)
{
	if (j->management)
		return 0;
	return (n->dual ? POL_NODE_DUAL : 0) |
	    (n->shallow ? POL_NODE_SHALLOW : 0);
}

static enum pol_err
judge_graph(struct judge *j, const struct hsm_node *self)
{
	struct pol_link *l = base_alloc(
	    (j->n + self->nas_client + self->nas_server) * sizeof(*l));
	enum pol_err e = pol_graph_new((uint32_t)j->n, 2, &j->graph);
	size_t n = 0;

	for (uint32_t i = 0; e == POL_OK && i < j->n; i++)
		e = pol_graph_node_flags(j->graph, i,
		    judge_flags(j, j->node[i]));
	if (j->management)
		n = judge_own_links(j, self, l);
	for (size_t i = 0; i < self->nas_client; i++)
		n += judge_link(j, self->as_client[i], &l[n]);
	for (size_t i = 0; i < self->nas_server; i++)
		n += judge_link(j, self->as_server[i], &l[n]);
	if (e == POL_OK)
		e = pol_graph_fill(j->graph, l, n);
	free(l);
	return e;
}

/* ---- facts ------------------------------------------------------------------- */

/* At most, of a node: excused, holds, doubts, two of each event. */
static size_t
facts_max(const struct judge *j)
{
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++) {
		const struct hsm_held *h = hsm_held_get(j->node[i], j->o->root);

		if (h != NULL)
			n += 2 + h->ndoubts + 2 * h->nevents;
	}
	return n;
}

static struct pol_fact *
fact_add(struct judge *j, uint32_t node, enum pol_fact_kind kind)
{
	struct pol_fact *f = &j->fact[j->nfacts++];

	*f = (struct pol_fact){ .kind = kind, .node = node };
	return f;
}

/* An order without an answer may have done its work or not: to the engine it
 * is as one that failed. A join starts from nothing. */
static void
facts_of_event(struct judge *j, uint32_t node, const struct hsm_event *v)
{
	struct pol_fact *f;

	if (v->steps & WIRE_STEP_JOIN) {
		f = fact_add(j, node, POL_FACT_DOUBTED);
		f->conf.trust = v->steps & WIRE_STEP_TRUST
		    ? POL_GEN(v->to) | (v->from == 0 ? 0 : POL_GEN(v->from))
		    : 0;
		f->conf.present =
		    v->steps & WIRE_STEP_CERT ? POL_GEN(v->to) : 0;
	} else if ((v->steps & STEPS) != 0 &&
	    !wire_step_renews(v->steps, v->from, v->to)) {
		f = fact_add(j, node, POL_FACT_SENT);
		f->epoch = v->epoch;
		f->steps = v->steps & STEPS;
		f->from = v->from;
		f->to = v->to;
		fact_add(j, node,
		    j->presume && v->received ? POL_FACT_RECEIVED
					      : POL_FACT_FAILED)
		    ->epoch = v->epoch;
	}
}

static void
facts_of_node(struct judge *j, uint32_t node)
{
	const struct hsm_node *n = j->node[node];
	const struct hsm_held *h = hsm_held_get(n, j->o->root);
	struct pol_fact *f;

	if (hsm_excuse_counts(j->core, n, j->o->root))
		fact_add(j, node, POL_FACT_EXCUSED);
	if (h == NULL || !h->known)
		return;
	f = fact_add(j, node, POL_FACT_HOLDS);
	f->epoch = h->epoch;
	f->conf = h->conf;
	for (size_t i = 0; i < h->ndoubts; i++)
		fact_add(j, node, POL_FACT_DOUBTED)->conf = h->doubt[i];
	for (size_t i = 0; i < h->nevents; i++)
		facts_of_event(j, node, &h->event[i]);
}

/* ---- renewals ------------------------------------------------------------------ */

/* May it present this generation, done or not what was signed for it? */
static bool
may_present(const struct hsm_held *h, uint32_t generation)
{
	const uint64_t bit = POL_GEN(generation);
	bool yes = h->known && h->conf.present == bit;

	for (size_t i = 0; i < h->ndoubts; i++)
		yes = yes || h->doubt[i].present == bit;
	for (size_t i = 0; i < h->nevents; i++)
		yes = yes ||
		    ((h->event[i].steps & WIRE_STEP_CERT) != 0 &&
			h->event[i].to == generation);
	return yes;
}

enum base_err
hsm_judge_renewal(const struct hsm_node *n, const struct wire_order *o)
{
	const struct hsm_held *h = hsm_held_get(n, o->root);

	if (h != NULL && may_present(h, o->to))
		return BASE_OK;
	return base_fail(BASE_E_OUTAGE,
	    "order %llu for %s, root %s: not justified by what was reported: "
	    "it renews a certificate of generation %u, which the node is not "
	    "known to present",
	    (unsigned long long)o->epoch, o->node, o->root, o->to);
}

/* ---- the verdict ----------------------------------------------------------------- */

static enum base_err
judge_no(const struct judge *j, const char *why)
{
	return base_fail(BASE_E_OUTAGE,
	    "order %llu for %s, root %s: not justified by what was reported: "
	    "%s",
	    (unsigned long long)j->o->epoch, j->o->node, j->o->root, why);
}

static const char *
judge_name(const void *arg, uint32_t node)
{
	const struct judge *j = arg;

	return j->node[node]->name;
}

/* What the operator would have to bring. */
static void
judge_unapproved(const struct judge *j, uint32_t peer, char *text, size_t max)
{
	const size_t n = strlen(text);

	if (peer < j->n && hsm_is_excused(j->node[peer], j->o->root))
		snprintf(text + n, max - n,
		    "; %s is excused, and not all its directions are approved "
		    "to be cut (kedge roll cuts %s, kedge roll approve)",
		    j->node[peer]->name, j->o->root);
}

static enum base_err
judge_rules(struct judge *j, uint32_t self)
{
	const struct pol_evidence v = { .graph = j->graph,
		.root = ROOT,
		.goal = { .from = j->o->from,
		    .to = j->o->to,
		    .presume = j->presume },
		.facts = j->fact,
		.nfacts = j->nfacts };
	struct pol_why why = { 0 };
	char text[512];
	enum pol_err e = pol_order_justified(&v,
	    (struct pol_order){ self, j->o->steps & STEPS }, &why);

	if (e == POL_OK)
		return BASE_OK;
	if (e != POL_E_UNSAFE)
		return judge_no(j, pol_err_text(e));
	pol_why_text(&why, judge_name, j, text, sizeof(text));
	judge_unapproved(j, why.peer, text, sizeof(text));
	return judge_no(j, text);
}

/* What the order says of the node is what its links say. */
static enum base_err
judge_role(const struct judge *j, uint32_t self)
{
	const struct wire_order *o = j->o;
	struct pol_role role = pol_graph_role(j->graph, ROOT, self);
	bool cert = o->steps & WIRE_STEP_CERT;

	if (!role.verifies && !role.presents)
		return judge_no(j, "no link of it under this root was told");
	if (o->verifies != role.verifies || o->bridge != (role.bridges && cert))
		return judge_no(j, "its part differs from that in its links");
	return BASE_OK;
}

enum base_err
hsm_judge(const struct hsm_core *c, const struct wire_order *o, bool presume)
{
	const struct hsm_node *self = hsm_state_node(&c->state, o->node);
	struct judge j = { .core = c,
		.o = o,
		.presume = presume,
		.management = strcmp(o->root, HSM_MANAGEMENT) == 0 };
	uint32_t at;
	enum pol_err p;
	enum base_err e;

	judge_nodes(&j, &c->state, self);
	at = node_index(&j, self);
	j.fact = base_alloc((facts_max(&j) + 1) * sizeof(*j.fact));
	for (uint32_t i = 0; i < j.n; i++)
		facts_of_node(&j, i);
	if ((p = judge_graph(&j, self)) != POL_OK)
		e = judge_no(&j, pol_err_text(p));
	else if ((e = judge_role(&j, at)) == BASE_OK)
		e = judge_rules(&j, at);
	pol_graph_free(j.graph);
	free(j.node);
	free(j.fact);
	return e;
}
