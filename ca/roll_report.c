/*
 * ca/roll_report: the command `roll-report`: what became of a roll, per node
 * and per direction of its links, from orders and facts of the store. What is
 * known of a direction are the probes of its two ends: a handshake of the
 * application itself, reported by its agent. Nobody sees the link's traffic.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"

/* A node in this roll; times are when its reports came in, 0 for none. A roll
 * that was aborted is one to the generation at which it ended. */
struct part {
	struct base_time trust, cert; /* first seen with the new one, and has it
				       * since; also who came with it */
	struct base_time old; /* last probe that saw the old certificate */
	bool reload; /* trust or cert proven by reload only */
	bool excused;
	uint32_t failures;
	json_t *orders;
};

struct tale {
	struct ca *ca;
	const struct ca_roll_row *row;
	struct part *parts; /* one per node of topo */
	struct part *now; /* whose orders are read */
};

/* ---- reading ------------------------------------------------------------------- */

static enum base_err
take_order(void *arg, const struct ca_order *o)
{
	const uint32_t real =
	    WIRE_STEP_TRUST | WIRE_STEP_CERT | WIRE_STEP_FINISH;
	struct tale *t = arg;
	json_t *took = json_null();

	if (o->roll != t->row->id || strcmp(o->root, t->row->root) != 0 ||
	    (o->steps & real) == 0)
		return BASE_OK;
	if (o->state == CA_ORDER_FAILED || o->state == CA_ORDER_REFUSED)
		t->now->failures++;
	if (o->state == CA_ORDER_EFFECTIVE)
		took = json_integer(o->settled.ms - o->issued.ms);
	json_array_append_new(t->now->orders,
	    json_pack("{so, sI, ss, so, so, so, so, ss, ss, sb}", "steps",
		ca_json_steps(o->steps), "epoch", (json_int_t)o->epoch, "state",
		ca_order_state_name(o->state), "ordered",
		ca_json_time(o->issued), "received", ca_json_time(o->received),
		"settled", ca_json_time(o->settled), "took_ms", took, "proof",
		ca_proof_name(o->proof), "reason", o->reason, "kicked",
		(int)o->kicked));
	return BASE_OK;
}

/* Who lets go of the new one again, in an abort, has it no more. */
static void
since(struct base_time *first, bool has, struct base_time when)
{
	if (!has)
		first->ms = 0;
	else if (first->ms == 0)
		*first = when;
}

/* What the node holds from this fact on, and the order that it answers: none
 * for what it held when it entered the roll. */
static enum base_err
take_holding(struct tale *t, struct part *p, const struct ca_fact *f)
{
	const uint32_t first = WIRE_STEP_TRUST | WIRE_STEP_CERT;
	const struct ca_roll_row *row = t->row;
	struct ca_order o = { 0 };
	enum base_err r = BASE_OK;

	if (f->at.ms != 0)
		r = ca_store_order_get(t->ca->store, f->node, f->root, f->epoch,
		    &o);
	if (r != BASE_OK && r != BASE_E_NOTFOUND)
		return r;
	since(&p->trust, (f->conf.trust & POL_GEN(row->to)) != 0, o.settled);
	since(&p->cert, f->conf.present == POL_GEN(row->to), o.settled);
	p->reload = p->reload ||
	    ((o.steps & first) != 0 && o.proof != WIRE_PROOF_PROBE);
	if (f->conf.present == POL_GEN(row->from) &&
	    o.proof == WIRE_PROOF_PROBE)
		p->old = o.settled;
	ca_order_clear(&o);
	return BASE_OK;
}

static enum base_err
take_fact(void *arg, const struct ca_fact *f)
{
	struct tale *t = arg;
	uint32_t node = ca_topo_node(t->ca->topo, f->node);

	if (node == POL_NONE)
		return BASE_OK;
	if (f->kind == POL_FACT_EXCUSED)
		t->parts[node].excused = true;
	if (f->kind == POL_FACT_HOLDS || f->kind == POL_FACT_EFFECTIVE)
		return take_holding(t, &t->parts[node], f);
	return BASE_OK;
}

static enum base_err
tale_read(struct tale *t)
{
	const struct ca_topo *topo = t->ca->topo;
	enum base_err r =
	    ca_store_facts_of_roll(t->ca->store, t->row->id, take_fact, t);

	for (uint32_t i = 0; r == BASE_OK && i < topo->nnodes; i++) {
		t->now = &t->parts[i];
		t->now->orders = json_array();
		r = ca_store_orders_of_node(t->ca->store, topo->nodes[i].name,
		    take_order, t);
	}
	return r;
}

/* ---- telling -------------------------------------------------------------------- */

static json_t *
nodes_json(const struct tale *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->ca->topo->nnodes; i++) {
		const struct part *p = &t->parts[i];

		if (json_array_size(p->orders) == 0 && !p->excused)
			continue;
		json_array_append_new(list,
		    json_pack("{ss, sO, si, sb}", "node",
			t->ca->topo->nodes[i].name, "orders", p->orders,
			"failures", (int)p->failures, "excused",
			(int)p->excused));
	}
	return list;
}

/* Both ends have shown that it works under the new root. */
static void
direction(const struct tale *t, const char *from, const char *to, json_t *list)
{
	const struct part *p = &t->parts[ca_topo_node(t->ca->topo, from)];
	const struct part *v = &t->parts[ca_topo_node(t->ca->topo, to)];
	struct base_time first = p->cert.ms > v->trust.ms ? p->cert : v->trust;
	bool both = p->cert.ms != 0 && v->trust.ms != 0;

	json_array_append_new(list,
	    json_pack("{ss, ss, so, so, ss, si}", "presenter", from, "verifier",
		to, "old_last", ca_json_time(p->old), "new_first",
		both ? ca_json_time(first) : json_null(), "proof",
		!both			     ? "none"
		    : p->reload || v->reload ? "reload"
					     : "probe",
		"failures", (int)(p->failures + v->failures)));
}

static json_t *
links_json(const struct tale *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->ca->topo->nlinks; i++) {
		const struct ca_link *l = &t->ca->topo->links[i];

		if (strcmp(l->server_root, t->row->root) == 0)
			direction(t, l->server, l->client, list);
		if (strcmp(l->client_root, t->row->root) == 0)
			direction(t, l->client, l->server, list);
	}
	return list;
}

static enum base_err
report_make(struct ca *ca, const struct ca_roll_row *row, json_t **out)
{
	struct tale t = { .ca = ca, .row = row };
	enum base_err r;

	t.parts = base_alloc((ca->topo->nnodes + 1) * sizeof(*t.parts));
	if ((r = tale_read(&t)) == BASE_OK &&
	    (r = ca_json_roll(ca, row, out)) == BASE_OK) {
		json_object_set_new(*out, "nodes", nodes_json(&t));
		json_object_set_new(*out, "links", links_json(&t));
	}
	for (size_t i = 0; i < ca->topo->nnodes; i++)
		json_decref(t.parts[i].orders);
	free(t.parts);
	return r;
}

enum base_err
ca_control_roll_report(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	struct ca_roll_row *rows = NULL;
	const struct ca_roll_row *row = NULL;
	const char *cmd, *root;
	json_int_t id = 0;
	size_t n = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?I}", "cmd", &cmd, "root", &root,
		 "roll", &id)) != BASE_OK ||
	    (r = ca_store_rolls(ca->store, &rows, &n)) != BASE_OK)
		return r;
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].root, root) == 0 &&
		    (id == 0 || rows[i].id == (uint64_t)id))
			row = &rows[i];
	r = row != NULL ? report_make(ca, row, answer)
			: base_fail(BASE_E_NOTFOUND,
			      "root %s: has not had that roll; see kedge roll "
			      "status",
			      root);
	free(rows);
	return r;
}
