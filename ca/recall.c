/*
 * ca/recall: what kedge-hsmd remembers and the store does not, because it is
 * an old copy: certificates of roots, which are made once and stay the same
 * to the byte, roots, nodes, their keys and links, and the highest epochs.
 * Only what is missing is taken; what the store has, it keeps. What the CA
 * itself holds comes last (recall_own.c). Used by make.c and recover.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"

/* ---- certificates of a root ------------------------------------------------- */

static bool
has_cert(const struct ca_gen *g, enum wire_cert_kind kind)
{
	return (kind == WIRE_NEW_WITH_NEW	   ? g->nwn.n
		       : kind == WIRE_NEW_WITH_OLD ? g->nwo.n
						   : g->own.n) > 0;
}

/* Signed by the generation that it should be of. */
static enum base_err
check_signed(struct ca *ca, const char *root, const struct wire_hsm_recalled *r,
    X509 *x)
{
	uint32_t by =
	    r->kind == WIRE_NEW_WITH_OLD ? r->generation - 1 : r->generation;
	X509 *issuer = x;
	enum base_err e = BASE_OK;

	if (r->kind != WIRE_NEW_WITH_NEW)
		e = ca_issuer_root(ca, root, by, &issuer);
	if (e == BASE_OK && X509_verify(x, X509_get0_pubkey(issuer)) != 1)
		e = base_fail(BASE_E_INTEGRITY,
		    "root %s: a certificate that kedge-hsmd recalls is not "
		    "signed by generation %u",
		    root, by);
	return e;
}

/* A root that the store does not know at all comes with its first one. */
static enum base_err
keep_root(struct ca *ca, const struct wire_tbs *t)
{
	struct ca_root row = { .current = 1,
		.days = (uint32_t)((t->not_after.ms - t->not_before.ms) /
		    86400000) };
	struct ca_root old;
	enum base_err r = ca_store_root_get(ca->store, t->root, &old);

	if (r != BASE_E_NOTFOUND)
		return r;
	memcpy(row.name, t->root, sizeof(row.name));
	if ((r = wire_spki_alg(t->spki, &row.alg)) != BASE_OK ||
	    (r = ca_store_root_put(ca->store, &row)) != BASE_OK)
		return r;
	return ca_audit(ca, CA_NODE_CA, "recalled", "root %s", row.name);
}

static enum base_err
keep_cert(struct ca *ca, const struct wire_hsm_recalled *r,
    const struct wire_tbs *t)
{
	struct ca_gen g = { .gen = r->generation };
	enum base_err e;

	memcpy(g.root, t->root, sizeof(g.root));
	if (r->kind == WIRE_NEW_WITH_NEW) {
		g.nwn = r->der;
		if ((e = keep_root(ca, t)) != BASE_OK ||
		    (e = base_buf_put(&g.spki, t->spki.p, t->spki.n)) !=
			BASE_OK)
			return e;
	} else if (r->kind == WIRE_NEW_WITH_OLD) {
		g.nwo = r->der;
	} else {
		g.own = r->der;
	}
	e = ca_store_gen_put(ca->store, &g);
	base_buf_free(&g.spki);
	if (e != BASE_OK)
		return e;
	return ca_audit(ca, CA_NODE_CA, "recalled",
	    "%s of root %s generation %u",
	    r->kind == WIRE_NEW_WITH_NEW       ? "new-with-new"
		: r->kind == WIRE_NEW_WITH_OLD ? "new-with-old"
					       : "old-with-new",
	    t->root, r->generation);
}

/* Once, for the audit. */
static enum base_err
keep_stolen(struct ca *ca, const char *root, uint32_t generation)
{
	struct ca_gen g = { .gen = 0 };
	enum base_err r = ca_store_gen_get(ca->store, root, generation, &g);
	const bool known = g.stolen;

	ca_gen_clear(&g);
	if (r != BASE_OK || known ||
	    (r = ca_store_gen_stolen(ca->store, root, generation)) != BASE_OK)
		return r;
	base_log(BASE_WARNING,
	    "root %s: generation %u was left because its key may be in wrong "
	    "hands, as kedge-hsmd remembers",
	    root, generation);
	return ca_audit(ca, CA_NODE_CA, "recalled",
	    "root %s generation %u: its key may be in wrong hands", root,
	    generation);
}

static enum base_err
take_cert(struct ca *ca, const char *root, struct base_span item)
{
	struct wire_hsm_recalled r;
	struct ca_gen g = { .gen = 0 };
	struct wire_tbs t = { 0 };
	X509 *x = NULL;
	enum base_err e;

	if ((e = wire_hsm_recalled_parse(item, &r)) != BASE_OK)
		return e;
	e = ca_store_gen_get(ca->store, root, r.generation, &g);
	if (e == BASE_OK && has_cert(&g, r.kind))
		goto out;
	if ((e != BASE_OK && e != BASE_E_NOTFOUND) ||
	    (e = wire_x509_from_der(base_buf_span(&r.der), "kedge-hsmd: root",
		 &x)) != BASE_OK ||
	    (e = wire_cert_parse(x, &t)) != BASE_OK)
		goto out;
	if (strcmp(t.root, root) != 0 || strcmp(t.fleet, ca->conf->fleet) != 0)
		e = base_fail(BASE_E_INTEGRITY,
		    "root %s: kedge-hsmd recalls a certificate of root %s",
		    root, t.root);
	else if ((e = check_signed(ca, root, &r, x)) == BASE_OK)
		e = keep_cert(ca, &r, &t);
out:
	if (e == BASE_OK && r.stolen)
		e = keep_stolen(ca, root, r.generation);
	wire_tbs_free(&t);
	X509_free(x);
	ca_gen_clear(&g);
	wire_hsm_recalled_clear(&r);
	return e;
}

enum base_err
ca_recall_root(struct ca *ca, const char *root, const struct wire_hsm_answer *a)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < a->nitems; i++)
		r = take_cert(ca, root, base_buf_span(&a->items[i].data));
	return r;
}

/* ---- nodes -------------------------------------------------------------------- */

/* How a node is reached kedge-hsmd does not know: it may call us, until the
 * operator says more. */
static enum base_err
keep_node(struct ca *ca, const struct wire_hsm_known *k)
{
	struct ca_node n = { .reach = CA_POLL };
	enum base_err r = ca_store_node_get(ca->store, k->node.name, &n);

	if (r == BASE_E_NOTFOUND) {
		memset(&n, 0, sizeof(n));
		n.reach = CA_POLL;
		n.dual = k->node.dual;
		n.shallow = k->node.shallow;
		memcpy(n.name, k->node.name, sizeof(n.name));
		base_log(BASE_WARNING,
		    "node %s: kedge-hsmd knows it, the store did not; until "
		    "the topology is applied again it is expected to poll",
		    n.name);
		if ((r = ca_audit(ca, CA_NODE_CA, "recalled", "node %s",
			 n.name)) != BASE_OK)
			return r;
	} else if (r != BASE_OK || n.joined.ms != 0) {
		return r;
	}
	n.joined = ca_now(ca);
	return ca_store_node_put(ca->store, &n);
}

static bool
same(const struct base_buf *a, const struct base_buf *b)
{
	return b->n > 0 && a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* The node has made it, and may use it already: it gets its certificate. */
static enum base_err
keep_next(struct ca *ca, const char *node, const struct wire_hsm_part *p,
    const struct base_buf *have)
{
	enum base_err r;

	if (p->next.n == 0 || same(have, &p->next))
		return BASE_OK;
	if ((r = ca_store_rekey_put(ca->store, node, p->root,
		 base_buf_span(&p->next))) != BASE_OK)
		return r;
	return ca_audit(ca, CA_NODE_CA, "recalled",
	    "next key of node %s under root %s", node, p->root);
}

static enum base_err
keep_key(struct ca *ca, const char *node, const struct wire_hsm_part *p)
{
	struct base_buf have;
	enum base_err r;

	base_buf_init(&have, 0);
	r = ca_store_key_get(ca->store, node, p->root, &have);
	if (r != BASE_OK && r != BASE_E_NOTFOUND)
		goto out;
	/* which of the two is in use, kedge-hsmd may not have heard yet */
	if (r == BASE_OK && (same(&have, &p->spki) || same(&have, &p->next))) {
		r = keep_next(ca, node, p, &have);
		goto out;
	}
	if (strcmp(p->root, CA_MANAGEMENT) == 0 &&
	    (r = ca_recover_leaf(ca, node, p->root, 1)) != BASE_OK)
		goto out;
	if ((r = ca_store_key_put(ca->store, node, p->root,
		 base_buf_span(&p->spki))) == BASE_OK &&
	    (r = ca_audit(ca, CA_NODE_CA, "recalled",
		 "key of node %s under root %s", node, p->root)) == BASE_OK)
		r = keep_next(ca, node, p, &p->spki);
out:
	base_buf_free(&have);
	return r;
}

static bool
is_bound(const struct wire_hsm_known *k)
{
	for (size_t i = 0; i < k->nparts; i++)
		if (k->parts[i].spki.n > 0)
			return true;
	return false;
}

/* Put back since the copy, or kedge-hsmd was not told before it: nobody knows,
 * so it is neither let in nor forgotten without a word. */
static enum base_err
leave_node(struct ca *ca, const char *node)
{
	bool news;
	enum base_err r = ca_store_gone_known(ca->store, node, &news);

	if (r != BASE_OK || !news)
		return r;
	base_log(BASE_WARNING,
	    "node %s: kedge-hsmd knows it, and this store says that it was "
	    "removed: it stays away. kedge node remove %s says so again; if it "
	    "was put back since the copy: kedge node add, and let it join anew",
	    node, node);
	return ca_audit(ca, CA_NODE_CA, "recovery",
	    "node %s was removed, and kedge-hsmd knows it still: not taken up",
	    node);
}

static enum base_err
take_node(struct ca *ca, const struct wire_hsm_known *k)
{
	bool gone = false;
	enum base_err r = ca_store_gone_is_open(ca->store, k->node.name, &gone);

	if (r != BASE_OK)
		return r;
	if (gone)
		return leave_node(ca, k->node.name);
	if (!is_bound(k))
		return BASE_OK; /* of no use until it joins */
	r = keep_node(ca, k);
	for (size_t i = 0; r == BASE_OK && i < k->nparts; i++) {
		const struct wire_hsm_part *p = &k->parts[i];

		r = ca_epoch_floor(ca, k->node.name, p->root, p->epoch);
		if (r == BASE_OK && p->spki.n > 0)
			r = keep_key(ca, k->node.name, p);
	}
	return r;
}

/* ---- links, when all nodes are there ------------------------------------------- */

/* The operator has taken it away, or the server, in a roll or outside, and
 * kedge-hsmd was not told yet. */
static enum base_err
is_link_gone(struct ca *ca, const struct ca_link *l, bool *yes)
{
	enum base_err r = ca_store_gone_is_open(ca->store, l->server, yes);

	if (r != BASE_OK || *yes)
		return r;
	return ca_store_gone_has(ca->store, l, yes);
}

static enum base_err
leave_link(struct ca *ca, const struct ca_link *l)
{
	if (ca->recovery.left)
		return BASE_OK;
	base_log(BASE_WARNING,
	    "link %s>%s: kedge-hsmd knows it, and this store says that it was "
	    "removed: it stays away; if it was put back since the copy, kedge "
	    "link add it again",
	    l->client, l->server);
	return ca_audit(ca, CA_NODE_CA, "recovery",
	    "link %s>%s was removed, and kedge-hsmd knows it still: not taken "
	    "up",
	    l->client, l->server);
}

static enum base_err
take_link(struct ca *ca, const char *client, const struct wire_hsm_link *from)
{
	struct ca_link l = { .client = "" };
	struct ca_node n;
	bool gone;
	enum base_err r;

	/* hellos follow from how the nodes are reached */
	if (strcmp(from->server_root, CA_MANAGEMENT) == 0 ||
	    ca_topo_link(ca->topo, client, from->server) != NULL)
		return BASE_OK;
	if (ca_store_node_get(ca->store, client, &n) != BASE_OK ||
	    ca_store_node_get(ca->store, from->server, &n) != BASE_OK)
		return BASE_OK;
	memcpy(l.client, client, strlen(client));
	memcpy(l.server, from->server, sizeof(l.server));
	memcpy(l.client_root, from->client_root, sizeof(l.client_root));
	memcpy(l.server_root, from->server_root, sizeof(l.server_root));
	if ((r = is_link_gone(ca, &l, &gone)) != BASE_OK)
		return r;
	if (gone)
		return leave_link(ca, &l);
	if (ca_store_link_put(ca->store, &l) != BASE_OK) {
		base_log(BASE_ERR, "link %s>%s: not taken up: %s", client,
		    l.server, base_why());
		return BASE_OK;
	}
	return ca_audit(ca, CA_NODE_CA, "recalled", "link %s>%s", client,
	    l.server);
}

/* The operator's word, as kedge-hsmd was told last. */
static enum base_err
take_excuse(struct ca *ca, const char *node, const char *root, bool excused)
{
	const struct ca_roll *w = ca_roll_of(ca, root);
	struct ca_fact f = { .kind =
				 excused ? POL_FACT_EXCUSED : POL_FACT_RETURNED,
		.roll = w == NULL ? 0 : w->row.id,
		.at = ca_now(ca) };
	struct ca_holding h;
	enum base_err r = ca_holding_get(ca->store, node, root, &h);

	if (r != BASE_OK || h.excused == excused)
		return r;
	snprintf(f.node, sizeof(f.node), "%s", node);
	snprintf(f.root, sizeof(f.root), "%s", root);
	if ((r = ca_store_fact_add(ca->store, &f)) == BASE_OK)
		r = ca_audit(ca, CA_NODE_CA, "recalled",
		    "node %s is %s under root %s", node,
		    excused ? "excused" : "excused no more", root);
	return r;
}

static bool
is_excused(const struct wire_hsm_known *k, const char *root)
{
	for (size_t i = 0; i < k->node.nexcused; i++)
		if (strcmp(k->node.excused[i], root) == 0)
			return true;
	return false;
}

static enum base_err
take_links(struct ca *ca, const struct wire_hsm_known *k)
{
	bool gone;
	enum base_err r = ca_store_gone_is_open(ca->store, k->node.name, &gone);

	if (r != BASE_OK || gone)
		return r;
	for (size_t i = 0; r == BASE_OK && i < k->node.nlinks; i++)
		r = take_link(ca, k->node.name, &k->node.links[i]);
	for (size_t i = 0; r == BASE_OK && i < k->node.nexcused; i++)
		r = take_excuse(ca, k->node.name, k->node.excused[i], true);
	for (size_t i = 0; r == BASE_OK && i < ca->topo->nroots; i++)
		if (!is_excused(k, ca->topo->roots[i].name))
			r = take_excuse(ca, k->node.name,
			    ca->topo->roots[i].name, false);
	return r;
}

/* ---- the whole of it, one request after the other -------------------------------- */

enum pass {
	ROOTS, /* their names, from the nodes */
	CERTS,
	NODES,
	LINKS,
	OWN
};

struct recall {
	struct ca *ca;
	enum pass pass;
	char after[CA_NAME]; /* with all but CERTS */
	char (*roots)[CA_NAME];
	size_t nroots, at;
	struct ca_own_known own;
	ca_done_fn *done;
	void *arg;
};

static void recall_next(struct recall *c);

static void
recall_end(struct recall *c, enum base_err e)
{
	c->done(c->arg, e);
	free(c->roots);
	free(c);
}

static void
add_root(struct recall *c, const char *root)
{
	for (size_t i = 0; i < c->nroots; i++)
		if (strcmp(c->roots[i], root) == 0)
			return;
	c->roots =
	    base_realloc_array(c->roots, c->nroots + 1, sizeof(*c->roots));
	snprintf(c->roots[c->nroots++], CA_NAME, "%s", root);
}

static void
take_own(struct recall *c, const struct wire_hsm_known *k)
{
	for (size_t i = 0; i < k->nparts; i++)
		if (strcmp(k->parts[i].root, CA_MANAGEMENT) == 0)
			c->own = (struct ca_own_known){ k->parts[i].epoch,
				k->parts[i].trust, k->parts[i].present };
}

static enum base_err
take_known(struct recall *c, struct base_span item)
{
	struct wire_hsm_known k;
	enum base_err r = wire_hsm_known_parse(item, &k);

	if (r != BASE_OK)
		return r;
	memcpy(c->after, k.node.name, sizeof(c->after));
	if (c->pass == ROOTS)
		for (size_t i = 0; i < k.nparts; i++)
			add_root(c, k.parts[i].root);
	else if (c->pass == NODES && strcmp(k.node.name, CA_NODE_CA) == 0)
		take_own(c, &k);
	else if (c->pass == NODES)
		r = take_node(c->ca, &k);
	else
		r = take_links(c->ca, &k);
	wire_hsm_known_clear(&k);
	return r;
}

static enum base_err
take_page(struct recall *c, const struct wire_hsm_answer *a)
{
	enum base_err r = BASE_OK;

	if (c->pass == CERTS)
		return ca_recall_root(c->ca, c->roots[c->at], a);
	for (size_t i = 0; r == BASE_OK && i < a->nitems; i++)
		r = take_known(c, base_buf_span(&a->items[i].data));
	return r;
}

/* Is this pass over? */
static void
advance(struct recall *c, size_t nitems)
{
	if (c->pass == CERTS ? ++c->at < c->nroots : nitems > 0)
		return;
	if (c->pass == LINKS)
		c->ca->recovery.left = true;
	c->after[0] = '\0';
	c->pass++;
}

static void
recall_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct recall *c = arg;
	struct ca_store *st = c->ca->store;

	if (e != BASE_OK)
		e = base_fail(BASE_E_AGAIN, "waits for kedge-hsmd: %s",
		    base_why());
	else if (a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	else if ((e = ca_store_begin(st)) == BASE_OK) {
		if ((e = take_page(c, a)) == BASE_OK)
			e = ca_store_commit(st);
		ca_store_rollback(st);
	}
	if (e != BASE_OK) {
		recall_end(c, e);
		return;
	}
	advance(c, a->nitems);
	recall_next(c);
}

static void
recall_own_done(void *arg, enum base_err e)
{
	recall_end(arg, e);
}

static void
recall_next(struct recall *c)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_KNOWN };
	struct wire_hsm_ask w = { &q, recall_answered, c };
	enum base_err r;

	if (c->pass == OWN) {
		ca_recall_own(c->ca, &c->own, recall_own_done, c);
		return;
	}
	memcpy(q.fleet, c->ca->conf->fleet, sizeof(q.fleet));
	memcpy(q.after, c->after, sizeof(q.after));
	if (c->pass == CERTS) {
		q.type = WIRE_HSM_RECALL;
		q.key.generation = 1;
		q.key.alg = WIRE_P256;
		memcpy(q.key.root, c->roots[c->at], sizeof(q.key.root));
	}
	if ((r = ca_hsm_ask(c->ca, &w)) != BASE_OK)
		recall_end(c, r);
}

void
ca_recall_go(struct ca *ca, ca_done_fn *done, void *arg)
{
	struct recall *c = base_alloc(sizeof(*c));

	c->ca = ca;
	c->done = done;
	c->arg = arg;
	add_root(c, CA_MANAGEMENT);
	for (size_t i = 0; i < ca->topo->nroots; i++)
		add_root(c, ca->topo->roots[i].name);
	recall_next(c);
}
