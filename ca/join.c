/*
 * ca/join: a node becomes one of the fleet. Its request carries the secret of
 * a one-time token and a key per root; hsmd binds node and keys, the
 * management certificate and one JOIN order per root are made, and one
 * transaction burns the token and keeps everything. While hsmd signs the fleet
 * may change, or a roll move: then the certificates are made anew. The same
 * request again gets the same answer; the same token with another request is
 * refused.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define TRIES 8

/* What the node is to hold under one root, as the fleet is just now. */
struct part {
	char root[CA_NAME];
	uint64_t epoch;
	uint32_t steps, from, to; /* from: 0, or trusted as well */
	bool verifies;
};

struct parts {
	size_t n;
	struct part list[WIRE_JOIN_ROOTS];
};

struct joining {
	struct ca *ca;
	struct wire_join_request *q;
	uint8_t digest[32], token[32]; /* of the request, of the secret */
	uint8_t root[32]; /* by which the node will verify the answer */
	struct base_buf management_spki;
	struct base_buf spki[WIRE_JOIN_ROOTS]; /* as q->roots */
	struct parts parts; /* for which certificates are made */
	unsigned tries;
	ca_join_fn *done;
	void *arg;
};

static void
join_end(struct joining *j, enum base_err e, struct base_span answer)
{
	if (e == BASE_OK)
		j->done(j->arg, BASE_OK, answer);
	else
		j->done(j->arg, e, (struct base_span){ NULL, 0 });
	for (size_t i = 0; i < WIRE_JOIN_ROOTS; i++)
		base_buf_free(&j->spki[i]);
	base_buf_free(&j->management_spki);
	wire_join_request_clear(j->q);
	free(j->q);
	free(j);
}

static void
join_fail(struct joining *j, enum base_err e)
{
	base_log(BASE_WARNING, "join: %s", base_why());
	join_end(j, e, (struct base_span){ NULL, 0 });
}

/* ---- may it? --------------------------------------------------------------------- */

static enum base_err
check_csrs(struct joining *j)
{
	const char *fleet = j->ca->conf->fleet;
	enum base_err r;

	if ((r = wire_csr_check(base_buf_span(&j->q->management_csr), fleet,
		 j->q->node, &j->management_spki)) != BASE_OK)
		return r;
	for (size_t i = 0; i < j->q->nroots; i++)
		if ((r = wire_csr_check(base_buf_span(&j->q->roots[i].csr),
			 fleet, j->q->node, &j->spki[i])) != BASE_OK)
			return r;
	return BASE_OK;
}

static struct base_span
spki_of(const struct joining *j, const char *root)
{
	if (strcmp(root, CA_MANAGEMENT) == 0)
		return base_buf_span(&j->management_spki);
	for (size_t i = 0; i < j->q->nroots; i++)
		if (strcmp(j->q->roots[i].root, root) == 0)
			return base_buf_span(&j->spki[i]);
	return (struct base_span){ NULL, 0 };
}

/* The join's orders would be above the epoch that the node speaks of, and the
 * answer of kedge-hsmd, who is asked whether it signed that, say nothing. */
static enum base_err
check_claim(const struct joining *j)
{
	const struct ca_topo *t = j->ca->topo;

	for (uint32_t r = 0; r < t->nroots; r++)
		if (ca_claim_is_open(j->ca, j->q->node, t->roots[r].name))
			return base_fail(BASE_E_AGAIN,
			    "join of node %s: it has spoken of an epoch of "
			    "root %s that was never given; kedge-hsmd is asked "
			    "about that first, then the join goes on",
			    j->q->node, t->roots[r].name);
	return BASE_OK;
}

/* Every root that the node has a part in needs a key of it; every key needs
 * a root of this fleet. */
static enum base_err
check_roots(struct joining *j)
{
	const struct ca_topo *t = j->ca->topo;
	uint32_t node = ca_topo_node(t, j->q->node);

	if (node == POL_NONE)
		return base_fail(BASE_E_REFUSED,
		    "join of node %s: it left the fleet", j->q->node);
	for (size_t i = 0; i < j->q->nroots; i++)
		if (ca_topo_root(t, j->q->roots[i].root) == POL_NONE ||
		    strcmp(j->q->roots[i].root, CA_MANAGEMENT) == 0)
			return base_fail(BASE_E_REFUSED,
			    "join of node %s: "
			    "asks for root %s, which this fleet does not have",
			    j->q->node, j->q->roots[i].root);
	for (uint32_t r = 0; r < t->nroots; r++)
		if (ca_topo_steps(t, r, node) != 0 &&
		    spki_of(j, t->roots[r].name).n == 0)
			return base_fail(BASE_E_REFUSED,
			    "join of node %s: its "
			    "links need a key under root %s, but its "
			    "configuration does not name that root",
			    j->q->node, t->roots[r].name);
	return BASE_OK;
}

static enum base_err
check(struct joining *j)
{
	enum base_err r;

	if (!j->ca->ready)
		return base_fail(BASE_E_STATE,
		    "join: this CA is not ready; "
		    "kedge init");
	if (strcmp(j->q->fleet, j->ca->conf->fleet) != 0)
		return base_fail(BASE_E_REFUSED,
		    "join of node %s: asks fleet "
		    "%s, this is %s",
		    j->q->node, j->q->fleet, j->ca->conf->fleet);
	if ((r = ca_token_check(j->ca, j->q->node, j->token, j->root)) !=
		BASE_OK ||
	    (r = check_csrs(j)) != BASE_OK)
		return r;
	return (r = check_roots(j)) != BASE_OK ? r : check_claim(j);
}

/* ---- what it is to hold --------------------------------------------------------- */

/* While a root rolls, a joiner gets what its neighbours are sure to accept,
 * and trusts what they may show: one generation, or both. */
static enum base_err
part_generations(struct joining *j, uint32_t node, uint32_t root,
    struct part *p)
{
	const struct ca_roll *w = ca_roll_of(j->ca, p->root);
	struct pol_conf c;
	uint64_t both;

	p->from = 0;
	p->to = j->ca->topo->roots[root].current;
	if (w == NULL)
		return BASE_OK;
	if (pol_engine_joiner(w->engine, node, &c) != POL_OK)
		return base_fail(BASE_E_AGAIN,
		    "join of node %s: root %s rolls, and at the moment no "
		    "certificate would be accepted by all its neighbours, or "
		    "it would not accept one of theirs; waits until they are "
		    "further, and until who is lost has said what it holds "
		    "or is excused (kedge roll excuse)",
		    j->q->node, p->root);
	both = c.trust | c.present;
	p->to = c.present != 0 ? 64 - (uint32_t)__builtin_clzll(c.present)
			       : 64 - (uint32_t)__builtin_clzll(both);
	both &= ~POL_GEN(p->to);
	if (both != 0)
		p->from = 64 - (uint32_t)__builtin_clzll(both);
	return BASE_OK;
}

static enum base_err
part_add(struct joining *j, uint32_t node, uint32_t root, struct parts *out)
{
	const struct ca_topo *t = j->ca->topo;
	struct pol_role role = ca_topo_role(t, root, node);
	struct part *p;
	enum base_err r;

	if (!role.verifies && !role.presents)
		return BASE_OK;
	if (out->n == WIRE_JOIN_ROOTS)
		return base_fail(BASE_E_REFUSED,
		    "join of node %s: its links are under more than %d roots",
		    j->q->node, WIRE_JOIN_ROOTS);
	p = &out->list[out->n++];
	memcpy(p->root, t->roots[root].name, sizeof(p->root));
	p->steps = WIRE_STEP_JOIN | (role.verifies ? WIRE_STEP_TRUST : 0) |
	    (role.presents ? WIRE_STEP_CERT : 0);
	p->verifies = role.verifies;
	if ((r = part_generations(j, node, root, p)) != BASE_OK)
		return r;
	return ca_epoch_next(j->ca, j->q->node, p->root, &p->epoch);
}

static enum base_err
parts_now(struct joining *j, struct parts *out)
{
	const struct ca_topo *t = j->ca->topo;
	uint32_t node = ca_topo_node(t, j->q->node);
	enum base_err r = check_roots(j);

	if (r == BASE_OK)
		r = check_claim(j);
	out->n = 0;
	for (uint32_t i = 0; r == BASE_OK && i < t->nroots; i++)
		r = part_add(j, node, i, out);
	return r;
}

static bool
parts_equal(const struct parts *a, const struct parts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct part *x = &a->list[i], *y = &b->list[i];

		if (strcmp(x->root, y->root) != 0 || x->epoch != y->epoch ||
		    x->steps != y->steps || x->from != y->from ||
		    x->to != y->to || x->verifies != y->verifies)
			return false;
	}
	return true;
}

/* ---- the answer ---------------------------------------------------------------------- */

/* The request was good: short of a refusal, what is wrong is on our side and
 * can be mended while the node tries again. */
static enum base_err
not_made(const struct joining *j, enum base_err e, const char *why)
{
	return base_fail(e == BASE_E_REFUSED ? e : BASE_E_AGAIN,
	    "join of node %s: %s", j->q->node, why);
}

static enum base_err
answer_fill(struct joining *j, struct ca_drafts *d, struct wire_join_answer *a)
{
	X509 *root = ca_token_root(j->ca, j->root);
	enum base_err r = BASE_OK;

	if (root == NULL)
		return base_fail(BASE_E_AGAIN,
		    "join of node %s: the management root changed meanwhile",
		    j->q->node);
	memcpy(a->fleet, j->q->fleet, sizeof(a->fleet));
	memcpy(a->node, j->q->node, sizeof(a->node));
	memcpy(a->request_digest, j->digest, sizeof(a->request_digest));
	if (!X509_up_ref(root))
		base_die("out of memory");
	a->management_root = root;
	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		if (t->err != BASE_OK)
			return not_made(j, t->err, t->why);
		r = base_buf_put(&a->order[a->norders++], t->row.cms.p,
		    t->row.cms.n);
	}
	return r;
}

static enum base_err
answer_sign(struct joining *j, struct ca_drafts *d, struct base_buf *cms)
{
	struct wire_join_answer *a = base_alloc(sizeof(*a));
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = answer_fill(j, d, a)) == BASE_OK &&
	    (r = wire_join_answer_compose(a, &der)) == BASE_OK)
		r = wire_cms_sign(WIRE_C_JOIN_ANSWER, base_buf_span(&der),
		    j->ca->tls_cert, j->ca->tls_key, j->ca->link, cms);
	base_buf_free(&der);
	wire_join_answer_clear(a);
	free(a);
	return r;
}

/* ---- one transaction -------------------------------------------------------------------- */

/* These are new keys, too. */
static enum base_err
keep_key(struct ca_store *st, const char *node, const char *root,
    struct base_span spki)
{
	enum base_err r = ca_store_key_put(st, node, root, spki);

	return r == BASE_OK ? ca_store_rekey_drop(st, node, root) : r;
}

static enum base_err
keep_keys(struct joining *j)
{
	struct ca_store *st = j->ca->store;
	enum base_err r = keep_key(st, j->q->node, CA_MANAGEMENT,
	    base_buf_span(&j->management_spki));

	for (size_t i = 0; r == BASE_OK && i < j->q->nroots; i++)
		r = keep_key(st, j->q->node, j->q->roots[i].root,
		    base_buf_span(&j->spki[i]));
	return r;
}

/* A node that joins again has lost what it held: while a roll runs, it may
 * hold either, until it reports. */
static enum base_err
keep_doubt(struct joining *j, const struct ca_order *o)
{
	const struct ca_roll *w = ca_roll_of(j->ca, o->root);
	struct ca_fact f = { .kind = POL_FACT_DOUBTED, .at = o->issued };
	struct ca_holding h;
	enum base_err r;

	if (w == NULL ||
	    (r = ca_holding_get(j->ca->store, o->node, o->root, &h)) != BASE_OK)
		return w == NULL ? BASE_OK : r;
	if (!h.known)
		return BASE_OK;
	memcpy(f.root, o->root, sizeof(f.root));
	memcpy(f.node, o->node, sizeof(f.node));
	f.roll = w->row.id;
	f.epoch = h.epoch;
	f.conf = ca_conf_after(h.conf, o);
	return ca_store_fact_add(j->ca->store, &f);
}

static enum base_err
keep_orders(struct joining *j, struct ca_drafts *d)
{
	struct ca_fact f = { .kind = POL_FACT_SENT };
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_order *o = &ca_drafts_get(d, i)->row;

		if ((r = ca_drafts_store(d, i)) != BASE_OK)
			break;
		memcpy(f.root, o->root, sizeof(f.root));
		memcpy(f.node, o->node, sizeof(f.node));
		f.epoch = o->epoch;
		f.steps = o->steps;
		f.from = o->from;
		f.to = o->to;
		f.at = o->issued;
		if ((r = ca_store_fact_add(j->ca->store, &f)) == BASE_OK)
			r = keep_doubt(j, o);
	}
	return r;
}

static enum base_err
keep_node(struct joining *j)
{
	struct ca_node n;
	enum base_err r = ca_store_node_get(j->ca->store, j->q->node, &n);

	if (r != BASE_OK)
		return r;
	n.joined = ca_now(j->ca);
	n.seen = n.joined;
	return ca_store_node_put(j->ca->store, &n);
}

/* changed: nothing is kept, the parts are others now. */
static enum base_err
keep(struct joining *j, struct ca_drafts *d, struct base_span cms,
    bool *changed)
{
	struct ca_store *st = j->ca->store;
	struct parts now;
	enum base_err r;

	*changed = false;
	if ((r = ca_store_begin(st)) != BASE_OK)
		return r;
	if ((r = parts_now(j, &now)) != BASE_OK)
		goto out;
	*changed = !parts_equal(&now, &j->parts);
	if (*changed)
		goto out;
	if ((r = ca_store_token_burn(st, j->token)) == BASE_OK &&
	    (r = keep_keys(j)) == BASE_OK &&
	    (r = keep_orders(j, d)) == BASE_OK &&
	    (r = keep_node(j)) == BASE_OK &&
	    (r = ca_store_join_put(st, j->q->node, j->digest, cms)) ==
		BASE_OK &&
	    (r = ca_audit(j->ca, j->q->node, "join",
		 "%zu keys, "
		 "%zu orders",
		 j->q->nroots + 1, ca_drafts_count(d))) == BASE_OK)
		r = ca_store_commit(st);
out:
	ca_store_rollback(st);
	return r;
}

/* The engine learns the doubts that were just stored, too. */
static void
tell_doubts(struct joining *j, struct ca_drafts *d)
{
	bool doubted = false;

	for (size_t i = 0; i < ca_drafts_count(d); i++)
		doubted |=
		    ca_roll_of(j->ca, ca_drafts_get(d, i)->row.root) != NULL;
	if (doubted && ca_roll_reopen(j->ca) != BASE_OK)
		base_die("join: %s", base_why());
}

static void
joined(struct joining *j, struct ca_drafts *d)
{
	struct ca *ca = j->ca;

	ca->topo->nodes[ca_topo_node(ca->topo, j->q->node)].joined = ca_now(ca);
	ca->peers_changed = true;
	ca->invites_kept = false;
	tell_doubts(j, d);
	ca_event_node(ca, j->q->node, "known", "joined");
	/* the answer carries them too, but the node learns from a parcel by
	 * which route it reports */
	for (size_t i = 0; i < ca_drafts_count(d); i++) {
		ca_event_order(ca, &ca_drafts_get(d, i)->row, 0);
		ca_order_send(ca, &ca_drafts_get(d, i)->row);
	}
	ca_kick(ca);
}

static enum base_err join_draft(struct joining *j);

static void
join_drafted(void *arg, enum base_err e, struct ca_drafts *d)
{
	struct joining *j = arg;
	struct base_buf cms;
	bool again = false;

	base_buf_init(&cms, 0);
	if (e != BASE_OK)
		e = not_made(j, e, base_why());
	else if ((e = answer_sign(j, d, &cms)) == BASE_OK)
		e = keep(j, d, base_buf_span(&cms), &again);
	if (e == BASE_OK && !again)
		joined(j, d);
	ca_drafts_free(d);
	if (e == BASE_OK && again)
		e = join_draft(j);
	if (e != BASE_OK)
		join_fail(j, e);
	else if (!again)
		join_end(j, e, base_buf_span(&cms));
	base_buf_free(&cms);
}

/* ---- certificates and orders ------------------------------------------------------------ */

static void
part_draft(struct joining *j, const struct part *p, struct ca_draft *t)
{
	memcpy(t->order.node, j->q->node, sizeof(t->order.node));
	memcpy(t->order.root, p->root, sizeof(t->order.root));
	t->order.epoch = p->epoch;
	t->order.steps = p->steps;
	t->order.from = p->from;
	t->order.to = p->to;
	t->order.verifies = p->verifies;
	t->spki = spki_of(j, p->root);
}

/* Not BASE_OK: nothing was begun, and j is still the caller's. */
static enum base_err
join_draft(struct joining *j)
{
	struct ca_drafts *d;
	enum base_err r;

	if (++j->tries > TRIES)
		return base_fail(BASE_E_AGAIN,
		    "join of node %s: the fleet changed each time while its "
		    "certificates were made; it is tried again",
		    j->q->node);
	if ((r = parts_now(j, &j->parts)) != BASE_OK)
		return r;
	d = ca_drafts_new(j->ca, join_drafted, j);
	for (size_t k = 0; k < j->parts.n; k++)
		part_draft(j, &j->parts.list[k], ca_drafts_add(d));
	ca_drafts_go(d);
	return BASE_OK;
}

static void
join_bound(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct joining *j = arg;

	if ((e = ca_hsm_heard(j->ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	else if (e == BASE_OK)
		e = join_draft(j);
	if (e != BASE_OK)
		join_fail(j, e);
}

/* ---- requests ----------------------------------------------------------------------------------- */

static enum base_err
ask_bind(struct joining *j)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_BIND };
	struct wire_hsm_ask w = { &q, join_bound, j };
	enum base_err r;

	memcpy(q.fleet, j->ca->conf->fleet, sizeof(q.fleet));
	memcpy(q.node, j->q->node, sizeof(q.node));
	memcpy(q.secret, j->q->secret, sizeof(q.secret));
	q.nitems = j->q->nroots + 1;
	q.items = base_alloc(q.nitems * sizeof(*q.items));
	q.roots = base_alloc(q.nitems * sizeof(*q.roots));
	memcpy(q.roots[0], CA_MANAGEMENT, sizeof(CA_MANAGEMENT));
	r = base_buf_put(&q.items[0], j->management_spki.p,
	    j->management_spki.n);
	for (size_t i = 0; r == BASE_OK && i < j->q->nroots; i++) {
		memcpy(q.roots[i + 1], j->q->roots[i].root, CA_NAME);
		r = base_buf_put(&q.items[i + 1], j->spki[i].p, j->spki[i].n);
	}
	if (r == BASE_OK)
		r = ca_hsm_ask(j->ca, &w);
	wire_hsm_request_clear(&q);
	return r;
}

void
ca_join_request(struct ca *ca, struct base_span der, ca_join_fn *done,
    void *arg)
{
	struct joining *j = base_alloc(sizeof(*j));
	struct base_buf again;
	enum base_err r;

	j->ca = ca;
	j->done = done;
	j->arg = arg;
	j->q = base_alloc(sizeof(*j->q));
	wire_digest(der, j->digest);
	base_buf_init(&again, 0);
	if ((r = ca_store_join_get(ca->store, j->digest, &again)) !=
	    BASE_E_NOTFOUND) {
		join_end(j, r, base_buf_span(&again));
		goto out;
	}
	if ((r = wire_join_request_parse(der, j->q)) == BASE_OK) {
		wire_digest((struct base_span){ j->q->secret,
				sizeof(j->q->secret) },
		    j->token);
		if ((r = check(j)) == BASE_OK)
			r = ask_bind(j);
	}
	if (r != BASE_OK)
		join_fail(j, r);
out:
	base_buf_free(&again);
}
