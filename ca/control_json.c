/*
 * ca/control_json: the shapes of docs/control.md.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/node.h"

json_t *
ca_json_words(const char *words)
{
	json_t *list = json_array();
	char *copy = base_strdup(words), *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		json_array_append_new(list, json_string(w));
	free(copy);
	return list;
}

static json_t *
hex_json(const uint8_t *p, size_t n)
{
	char s[65];

	base_hex(p, n, s);
	return json_string(s);
}

/* ---- roots ---------------------------------- */

static enum base_err
pem_put(json_t *o, const char *key, const struct base_buf *der)
{
	struct base_buf pem;
	X509 *x = NULL;
	enum base_err r;

	if (der->n == 0)
		return BASE_OK;
	base_buf_init(&pem, 0);
	if ((r = wire_x509_from_der(base_buf_span(der), key, &x)) == BASE_OK &&
	    (r = wire_x509_to_pem(x, &pem)) == BASE_OK)
		json_object_set_new(o, key,
		    json_stringn((const char *)pem.p, pem.n));
	X509_free(x);
	base_buf_free(&pem);
	return r;
}

static enum base_err
gen_cert(const struct ca_gen *g, json_t *o)
{
	struct wire_tbs t = { 0 };
	uint8_t sha[32];
	X509 *x = NULL;
	enum base_err r;

	if ((r = wire_x509_from_der(base_buf_span(&g->nwn), "root", &x)) !=
		BASE_OK ||
	    (r = wire_cert_parse(x, &t)) != BASE_OK)
		goto out;
	wire_x509_sha256(x, sha);
	json_object_set_new(o, "sha256", hex_json(sha, sizeof(sha)));
	if (t.has_next)
		json_object_set_new(o, "next_sha256",
		    hex_json(t.next_hash, sizeof(t.next_hash)));
	json_object_set_new(o, "not_before", ca_json_time(t.not_before));
	json_object_set_new(o, "not_after", ca_json_time(t.not_after));
out:
	wire_tbs_free(&t);
	X509_free(x);
	return r;
}

static const char *
gen_state(const struct ca_gen *g, const struct ca_root *r)
{
	if (g->nwn.n == 0)
		return "waiting key";
	return g->gen == r->current ? "current"
	    : g->gen > r->current   ? "next"
				    : "old";
}

static enum base_err
gen_json(const struct ca_gen *g, const struct ca_root *root, bool pems,
    json_t *list)
{
	json_t *o = json_object();
	uint8_t sha[32];
	enum base_err r = BASE_OK;

	json_array_append_new(list, o);
	json_object_set_new(o, "generation", json_integer(g->gen));
	json_object_set_new(o, "state", json_string(gen_state(g, root)));
	wire_digest(base_buf_span(&g->spki), sha);
	json_object_set_new(o, "spki_sha256", hex_json(sha, sizeof(sha)));
	if (g->nwn.n > 0)
		r = gen_cert(g, o);
	if (r == BASE_OK && pems &&
	    (r = pem_put(o, "new_with_new", &g->nwn)) == BASE_OK &&
	    (r = pem_put(o, "new_with_old", &g->nwo)) == BASE_OK)
		r = pem_put(o, "old_with_new", &g->own);
	return r;
}

enum base_err
ca_json_root(struct ca *ca, const struct ca_root *root, bool pems, json_t **out)
{
	const struct ca_roll *w = ca_roll_of(ca, root->name);
	json_t *list = json_array(), *o;
	uint32_t last = 0;
	struct base_time due = { 0 };
	enum base_err r;

	o = json_pack("{ss, ss, si, so, si, ss, so}", "name", root->name, "alg",
	    wire_alg_name(root->alg), "current", (int)root->current, "rolling",
	    w == NULL ? json_null() : json_integer((json_int_t)w->row.id),
	    "roll_before", (int)root->roll_before, "roll_strategy",
	    pol_strategy_name(root->strategy), "generations", list);
	r = ca_store_gen_last(ca->store, root->name, &last);
	if (r == BASE_OK && (r = ca_schedule_due(ca, root, &due)) == BASE_OK)
		json_object_set_new(o, "rolls_at", ca_json_time(due));
	for (uint32_t g = 1; r == BASE_OK && g <= last; g++) {
		struct ca_gen gen;

		if ((r = ca_store_gen_get(ca->store, root->name, g, &gen)) ==
		    BASE_OK)
			r = gen_json(&gen, root, pems, list);
		ca_gen_clear(&gen);
	}
	if (r == BASE_OK) {
		*out = o;
		o = NULL;
	}
	json_decref(o);
	return r;
}

/* ---- nodes, links ---------------------------------- */

static enum base_err
node_roots(struct ca *ca, const struct ca_node *n, json_t *list)
{
	uint32_t node = ca_topo_node(ca->topo, n->name);
	enum base_err r = BASE_OK;

	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nroots; i++) {
		const char *root = ca->topo->roots[i].name;
		struct ca_holding h;

		if (node == POL_NONE || (ca_topo_steps(ca->topo, i, node) == 0))
			continue;
		if ((r = ca_holding_get(ca->store, n->name, root, &h)) !=
		    BASE_OK)
			break;
		json_array_append_new(list,
		    json_pack("{ss, so, so, sI, sb, sb}", "root", root, "trust",
			ca_json_gens(h.conf.trust), "present",
			ca_json_gens(h.conf.present | h.conf.bridge), "epoch",
			(json_int_t)h.epoch, "confirmed", (int)h.confirmed,
			"doubted", (int)h.doubted));
	}
	return r;
}

enum base_err
ca_json_node(struct ca *ca, const struct ca_node *n, json_t **out)
{
	json_t *via = json_array(), *roots = json_array(), *o;
	struct base_time said;
	enum base_err r;

	for (size_t i = 0; i < n->nvia; i++)
		json_array_append_new(via, json_string(n->via[i]));
	o = json_pack("{ss, ss, so, sb, sb, ss, so, sb, so, so}", "name",
	    n->name, "reach", ca_reach_name(n->reach), "via", via, "dual",
	    (int)n->dual, "shallow", (int)n->shallow, "address", n->address,
	    "names", ca_json_words(n->names), "joined",
	    (int)(n->joined.ms != 0), "seen", ca_json_time(n->seen), "roots",
	    roots);
	if ((r = node_roots(ca, n, roots)) == BASE_OK &&
	    (r = ca_stock_last(ca, n->name, &said)) == BASE_OK) {
		json_object_set_new(o, "inventory", ca_json_time(said));
		*out = o;
		o = NULL;
	}
	json_decref(o);
	return r;
}

json_t *
ca_json_link(const struct ca_link *l)
{
	bool mutual = l->client_root[0] != '\0';

	return json_pack("{ss, ss, ss, so, ss}", "client", l->client, "server",
	    l->server, "auth", mutual ? "mutual" : "server", "client_root",
	    mutual ? json_string(l->client_root) : json_null(), "server_root",
	    l->server_root);
}

/* ---- orders, waits, rolls ---------------------------------- */

json_t *
ca_json_order(struct ca *ca, const struct ca_order *o)
{
	return json_pack("{ss, ss, sI, sI, so, si, si, ss, so, so, ss, ss, "
			 "si}",
	    "node", o->node, "root", o->root, "roll", (json_int_t)o->roll,
	    "epoch", (json_int_t)o->epoch, "steps", ca_json_steps(o->steps),
	    "from", (int)o->from, "to", (int)o->to, "state",
	    ca_order_state_name(o->state), "sent", ca_json_time(o->issued),
	    "settled", ca_json_time(o->settled), "proof",
	    ca_proof_name(o->proof), "reason", o->reason, "tries",
	    (int)ca_deliver_tries(ca->deliver, o->node, o->root, o->epoch));
}

static json_t *
name_json(const struct ca *ca, uint32_t node)
{
	return node >= ca->topo->nparts
	    ? json_null()
	    : json_string(ca->topo->nodes[node].name);
}

json_t *
ca_json_why(struct ca *ca, const struct pol_why *y)
{
	json_t *link = json_null();
	char text[512], step[CA_STEPS_TEXT];

	if (y->link_client != POL_NONE && y->link_server != POL_NONE)
		link = json_pack("{so, so}", "client",
		    name_json(ca, y->link_client), "server",
		    name_json(ca, y->link_server));
	ca_why_text(ca, y, text, sizeof(text));
	ca_steps_text(y->steps, step);
	return json_pack("{so, ss, ss, so, so, so, sb, so, so, ss}", "node",
	    name_json(ca, y->node), "step", step, "rule", y->rule, "peer",
	    name_json(ca, y->peer), "peer_steps", ca_json_steps(y->peer_steps),
	    "link", link, "outstanding", (int)y->outstanding, "since",
	    ca_json_time((struct base_time){ y->since.ms }), "until",
	    ca_json_time((struct base_time){ y->until.ms }), "text", text);
}

struct open_orders {
	struct ca *ca;
	uint64_t roll;
	json_t *list;
};

static json_t *
handed_json(struct ca *ca, const struct ca_order *o)
{
	struct ca_handed h;

	/* with a reason the node has answered: it holds it */
	if (o->state != CA_ORDER_SENT || o->reason[0] != '\0' ||
	    !ca_deliver_handed_last(ca->deliver, o->node, o->root, o->epoch,
		&h))
		return json_null();
	return json_pack("{ss, ss, so}", "by", h.by, "to", h.to, "at",
	    ca_json_time(h.at));
}

static enum base_err
roll_open_order(void *arg, const struct ca_order *o)
{
	struct open_orders *w = arg;
	const struct ca_roll *roll = ca_roll_of(w->ca, o->root);
	const uint32_t node = ca_topo_node(w->ca->topo, o->node);
	struct base_time heard = { 0 };
	enum base_err r =
	    node == POL_NONE ? BASE_OK : ca_node_heard(w->ca, node, &heard);

	if (r == BASE_OK && o->roll == w->roll && roll != NULL)
		json_array_append_new(w->list,
		    json_pack("{ss, so, sI, ss, so, si, sb, ss, so, so}",
			"node", o->node, "steps", ca_json_steps(o->steps),
			"epoch", (json_int_t)o->epoch, "state",
			ca_order_state_name(o->state), "since",
			ca_json_time(o->issued), "tries",
			(int)ca_deliver_tries(w->ca->deliver, o->node, o->root,
			    o->epoch),
			"presumed",
			(int)pol_engine_is_presumed(roll->engine, node),
			"reason", o->reason, "heard", ca_json_time(heard),
			"handed", handed_json(w->ca, o)));
	return r;
}

static void
roll_waits(struct ca *ca, const struct ca_roll *w, json_t *waits, json_t *held)
{
	for (uint32_t i = 0; i < ca->topo->nparts; i++) {
		struct pol_why why[4];
		size_t n = pol_engine_waits(w->engine, i, why, 4);

		/* the excused have a list of their own */
		if (pol_engine_is_excused(w->engine, i))
			n = 0;
		for (size_t k = 0; k < n; k++)
			json_array_append_new(waits, ca_json_why(ca, &why[k]));
		if (ca_roll_is_held(ca, w, i))
			json_array_append_new(held,
			    json_pack("{ss, ss}", "node",
				ca->topo->nodes[i].name, "reason",
				"on hold, by the operator or after failures"));
	}
}

static json_t *
roll_notes(struct ca *ca, const struct ca_roll *w)
{
	const struct pol_plan_note *notes;
	const size_t n = pol_engine_notes(w->engine, &notes);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		char *text = base_asprintf("%s %s %s",
		    ca->topo->nodes[notes[i].node].name, notes[i].text,
		    ca->topo->nodes[notes[i].peer].name);
		json_array_append_new(list, json_string(text));
		free(text);
	}
	return list;
}

static enum base_err
roll_running(struct ca *ca, const struct ca_roll *w, json_t *o)
{
	struct open_orders open = { ca, w->row.id, json_array() };
	json_t *waits = json_array(), *held = json_array();
	char text[1024];
	uint32_t done, all;

	ca_roll_look(ca, w);
	pol_engine_progress(w->engine, &done, &all);
	json_object_set_new(o, "steps_done", json_integer(done));
	json_object_set_new(o, "steps_all", json_integer(all));
	json_object_set_new(o, "waits", waits);
	json_object_set_new(o, "notes", roll_notes(ca, w));
	json_object_set_new(o, "held", held);
	json_object_set_new(o, "outstanding", open.list);
	json_object_set_new(o, "excused", ca_json_excused(ca, w));
	roll_waits(ca, w, waits, held);
	ca_waits_text(ca, w, text, sizeof(text));
	if (text[0] != '\0')
		json_object_set_new(o, "text", json_string(text));
	if (w->why[0] != '\0')
		json_object_set_new(o, "hsm", json_string(w->why));
	return ca_store_orders_open(ca->store, true, roll_open_order, &open);
}

static void
roll_over(struct ca *ca, const struct ca_roll_row *row, json_t *o)
{
	uint32_t root = ca_topo_root(ca->topo, row->root);
	int all = 0;

	for (uint32_t i = 0; root != POL_NONE && i < ca->topo->nparts; i++)
		all += __builtin_popcount(ca_topo_steps(ca->topo, root, i));
	json_object_set_new(o, "steps_done", json_integer(all));
	json_object_set_new(o, "steps_all", json_integer(all));
	json_object_set_new(o, "waits", json_array());
	json_object_set_new(o, "held", json_array());
	json_object_set_new(o, "outstanding", json_array());
}

static void
roll_reload(void *arg, const char *name)
{
	json_array_append_new(arg, json_string(name));
}

/* Milliseconds, because a measurement may begin and end with them. */
static enum base_err
roll_sum(struct ca *ca, uint64_t roll, json_t *o)
{
	json_t *names = json_array(), *unkicked = json_array();
	struct ca_roll_sum sum;
	enum base_err r;

	json_object_set_new(o, "by_reload", names);
	r = ca_store_roll_unkicked(ca->store, roll, roll_reload, unkicked);
	if (json_is_true(json_object_get(o, "compromised")) ||
	    json_array_size(unkicked) > 0)
		json_object_set(o, "not_kicked", unkicked);
	json_decref(unkicked);
	if (r != BASE_OK ||
	    (r = ca_store_roll_reloads(ca->store, roll, roll_reload, names)) !=
		BASE_OK ||
	    (r = ca_store_roll_sum(ca->store, roll, &sum)) != BASE_OK)
		return r;
	json_object_set_new(o, "first_order_ms",
	    json_integer(sum.first_order.ms));
	json_object_set_new(o, "last_report_ms",
	    json_integer(sum.last_report.ms));
	return BASE_OK;
}

enum base_err
ca_json_roll(struct ca *ca, const struct ca_roll_row *row, json_t **out)
{
	const struct ca_roll *w = ca_roll_of(ca, row->root);
	struct base_time end = { 0 };
	enum base_err r = ca_root_end(ca, row->root,
	    row->from < row->to ? row->from : row->to, &end);
	json_t *o;

	/* a copy of the store may know a roll and not its roots */
	if (r != BASE_OK && r != BASE_E_NOTFOUND)
		return r;
	o = json_pack("{sI, ss, si, si, ss, ss, so, so, so}", "roll",
	    (json_int_t)row->id, "root", row->root, "from", (int)row->from,
	    "to", (int)row->to, "strategy", pol_strategy_name(row->strategy),
	    "state", ca_roll_word(row), "started", ca_json_time(row->started),
	    "ended", ca_json_time(row->ended), "old_root_ends",
	    ca_json_time(end));
	ca_json_pace(ca, row, o);
	if (w != NULL && w->row.id == row->id)
		r = roll_running(ca, w, o);
	else
		roll_over(ca, row, o);
	if (r == BASE_OK && (r = roll_sum(ca, row->id, o)) == BASE_OK)
		r = ca_json_unsafe(ca, NULL, row->root, o);
	if (r == BASE_OK) {
		*out = o;
		o = NULL;
	}
	json_decref(o);
	return r;
}
