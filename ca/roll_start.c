/*
 * ca/roll_start: what must be right before a roll is accepted. The new
 * generation's certificates are made first, once; only then one transaction
 * makes the roll. After an abort the same ones are used again.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

/* ---- readiness ---------------------------------- */

static void problem(json_t *list, const char *fmt, ...) BASE_PRINTF(2, 3);

static void
problem(json_t *list, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

static enum base_err
check_root(struct ca *ca, const struct ca_root *root, json_t *problems)
{
	struct wire_tbs t = { 0 };
	char end[BASE_RFC3339_LEN];
	enum base_err r;
	X509 *x;

	if ((r = ca_issuer_root(ca, root->name, root->current, &x)) !=
		BASE_OK ||
	    (r = wire_cert_parse(x, &t)) != BASE_OK)
		return r;
	base_time_format(t.not_after, end);
	if (t.not_after.ms <= ca_now(ca).ms)
		problem(problems,
		    "root %s: generation %u ended at %s: nodes "
		    "cannot verify the new root by it any more",
		    root->name, root->current, end);
	wire_tbs_free(&t);
	return BASE_OK;
}

/* What it holds is what its links ask for, on the current generation. */
static bool
holds_its_part(const struct ca *ca, const struct ca_root *root, uint32_t i,
    const struct ca_holding *h)
{
	struct pol_role role =
	    ca_topo_role(ca->topo, ca_topo_root(ca->topo, root->name), i);
	uint64_t now = POL_GEN(root->current);

	return (!role.verifies || (h->conf.trust & now) != 0) &&
	    (!role.presents || h->conf.present == now);
}

/* Can an order reach it? */
static void
check_way(struct ca *ca, uint32_t i, json_t *problems)
{
	const struct ca_node *n = &ca->topo->nodes[i];

	if (ca_topo_check_way(ca->topo, i) != BASE_OK)
		problem(problems, "%s", base_why());
	for (size_t v = 0; v < n->nvia; v++)
		if (ca_topo_check_via(ca->topo, i, v) != BASE_OK)
			problem(problems, "%s", base_why());
	if (n->reach == CA_DIRECT && n->address[0] == '\0')
		problem(problems,
		    "node %s: is dialled by the CA, but has no "
		    "address; kedge node set %s --address HOST:PORT",
		    n->name, n->name);
}

static enum base_err
check_node(struct ca *ca, const struct ca_root *root, uint32_t i,
    json_t *problems)
{
	const struct ca_node *n = &ca->topo->nodes[i];
	const bool own = ca_topo_is_ca(ca->topo, i);
	struct ca_holding h;
	enum base_err r;

	if (!own && n->joined.ms == 0) {
		problem(problems,
		    "node %s: has not joined; kedge node token "
		    "%s",
		    n->name, n->name);
		return BASE_OK;
	}
	if (!own)
		check_way(ca, i, problems);
	if ((r = ca_holding_get(ca->store, n->name, root->name, &h)) != BASE_OK)
		return r;
	if (h.excused)
		return BASE_OK; /* and stays so until it returns */
	if (!h.confirmed && own)
		problem(problems,
		    "node ca: waits for kedge-hsmd to sign what it holds "
		    "itself; it goes on by itself");
	else if (!h.confirmed)
		problem(problems,
		    "node %s: has not reported that it holds "
		    "root %s yet; is its agent running? If it joined before "
		    "its links under %s were there, it has no key for it: "
		    "kedge node token %s, and let it join again",
		    n->name, root->name, root->name, n->name);
	else if (!holds_its_part(ca, root, i, &h))
		problem(problems,
		    "node %s: its links under root %s have changed since it "
		    "joined; let it join again, kedge node token %s",
		    n->name, root->name, n->name);
	return BASE_OK;
}

enum base_err
ca_roll_check(struct ca *ca, const char *name, json_t *problems)
{
	uint32_t at = ca_topo_root(ca->topo, name), parts = 0;
	enum base_err r;

	if (at == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "root %s: not known; see "
		    "kedge root list",
		    name);
	if (ca_roll_of(ca, name) != NULL)
		return base_fail(BASE_E_STATE,
		    "root %s: rolls already; see "
		    "kedge roll status",
		    name);
	if (ca->topo->roots[at].current >= 63)
		return base_fail(BASE_E_RANGE,
		    "root %s: generation %u is the "
		    "last one that can be counted",
		    name, ca->topo->roots[at].current);
	if ((r = check_root(ca, &ca->topo->roots[at], problems)) != BASE_OK)
		return r;
	for (uint32_t i = 0; i < ca->topo->nparts; i++) {
		if (ca_topo_steps(ca->topo, at, i) == 0)
			continue;
		parts++;
		if ((r = check_node(ca, &ca->topo->roots[at], i, problems)) !=
		    BASE_OK)
			return r;
	}
	if (parts == 0)
		problem(problems, "root %s: no link uses it", name);
	/* its orders would be refused in the middle */
	if (ca->keeps[0] != '\0')
		problem(problems, "kedge-hsmd has other links than kedged: %s",
		    ca->keeps);
	return BASE_OK;
}

/* ---- start ---------------------------------- */

struct starting {
	struct ca *ca;
	char who[CA_NAME];
	struct ca_roll_row row;
	ca_roll_fn *done;
	void *arg;
};

static enum base_err
enter_excused(struct ca *ca, struct ca_fact *f)
{
	f->kind = POL_FACT_EXCUSED;
	return ca_store_fact_add(ca->store, f);
}

/* It held something once, which is not the same as never having joined. */
static enum base_err
enter_lost(struct ca *ca, struct ca_fact f, const struct ca_holding *h)
{
	f.kind = POL_FACT_LOST;
	f.epoch = h->claim;
	return ca_store_fact_add(ca->store, &f);
}

/* What a node holds as it enters a roll. An answer that never came (it was
 * excused) leaves both possible. */
enum base_err
ca_roll_enter(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row, uint32_t node)
{
	uint32_t root = ca_topo_root(t, row->root);
	struct ca_order last = { .bridge =
				     ca_topo_role(t, root, node).bridges };
	/* no date: nobody was seen because a roll begins */
	struct ca_fact f = { .kind = POL_FACT_HOLDS, .roll = row->id };
	struct ca_holding h;
	enum base_err r;

	memcpy(f.root, row->root, sizeof(f.root));
	memcpy(f.node, t->nodes[node].name, sizeof(f.node));
	if ((r = ca_holding_get(ca->store, f.node, f.root, &h)) != BASE_OK)
		return r;
	if (h.lost && (r = enter_lost(ca, f, &h)) != BASE_OK)
		return r;
	if (!h.known)
		return h.excused ? enter_excused(ca, &f) : BASE_OK;
	f.conf = h.conf;
	f.epoch = h.epoch;
	if ((r = ca_store_fact_add(ca->store, &f)) != BASE_OK)
		return r;
	if (!h.confirmed && h.steps != 0) {
		last.steps = h.steps;
		last.from = h.from;
		last.to = h.to;
		f.kind = POL_FACT_DOUBTED;
		f.conf = ca_conf_after(h.conf, &last);
		if ((r = ca_store_fact_add(ca->store, &f)) != BASE_OK)
			return r;
	}
	if (h.doubted) {
		f.kind = POL_FACT_DOUBTED;
		f.conf = h.doubt;
		if ((r = ca_store_fact_add(ca->store, &f)) != BASE_OK)
			return r;
	}
	return h.excused ? enter_excused(ca, &f) : BASE_OK;
}

enum base_err
ca_roll_begin(struct ca *ca, struct ca_roll_row *row)
{
	uint32_t root = ca_topo_root(ca->topo, row->root);
	enum base_err r = ca_store_roll_add(ca->store, row);

	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nparts; i++)
		if (ca_topo_steps(ca->topo, root, i) != 0)
			r = ca_roll_enter(ca, ca->topo, row, i);
	return r;
}

static enum base_err
start_store(struct ca *ca, struct ca_roll_row *row, const char *who)
{
	char deadline[CA_DEADLINE_TEXT];
	enum base_err r;

	ca_deadline_text(row, deadline);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_roll_begin(ca, row)) == BASE_OK &&
	    (r = ca_audit(ca, who, "roll",
		 "%llu of root %s: started, "
		 "%u to %u, %s%s%s",
		 (unsigned long long)row->id, row->root, row->from, row->to,
		 pol_strategy_name(row->strategy),
		 row->compromised ? "; the old root's key may be in wrong hands"
				  : "",
		 deadline)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static void
start_made(void *arg, enum base_err e)
{
	struct starting *s = arg;
	struct ca *ca = s->ca;

	if (e == BASE_OK && ca_roll_of(ca, s->row.root) != NULL)
		e = base_fail(BASE_E_STATE, "root %s: rolls already",
		    s->row.root);
	if (e == BASE_OK)
		e = start_store(ca, &s->row, s->who);
	if (e == BASE_OK)
		e = ca_roll_open(ca, &s->row);
	/* from here on orders are signed under both generations */
	if (e == BASE_OK && strcmp(s->row.root, CA_MANAGEMENT) == 0)
		e = ca_identity_load(ca);
	if (e == BASE_OK) {
		ca_event_roll(ca, &s->row, "none", "running");
		ca_kick(ca);
	}
	s->done(s->arg, e, &s->row);
	free(s);
}

void
ca_roll_start(struct ca *ca, const struct ca_roll_row *want, ca_roll_fn *done,
    void *arg)
{
	struct starting *s = base_alloc(sizeof(*s));
	uint32_t root = ca_topo_root(ca->topo, want->root);

	s->ca = ca;
	snprintf(s->who, sizeof(s->who), "%s", ca_who(ca));
	s->done = done;
	s->arg = arg;
	s->row = *want;
	if (root == POL_NONE) {
		done(arg,
		    base_fail(BASE_E_NOTFOUND,
			"root %s: not known; see kedge root list", want->root),
		    &s->row);
		free(s);
		return;
	}
	s->row.from = ca->topo->roots[root].current;
	s->row.to = s->row.from + 1;
	s->row.limit = ca->conf->failure_limit;
	s->row.state = CA_ROLL_RUNNING;
	s->row.started = ca_now(ca);
	if (strcmp(want->root, CA_MANAGEMENT) == 0)
		ca_make_own(ca, s->row.to, false, start_made, s);
	else
		ca_make_generation(ca, want->root, s->row.to, start_made, s);
}
