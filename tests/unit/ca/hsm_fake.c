/*
 * hsm_fake: see hsm_fake.h.
 */
#include "tests/unit/ca/hsm_fake.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct fake_key {
	struct fake_key *next;
	char root[CA_NAME];
	uint32_t gen;
	bool order;
	EVP_PKEY *key;
};

struct waiting {
	struct waiting *next;
	struct wire_hsm_request q;
	void (*done)(void *, enum base_err, struct wire_hsm_answer *);
	void *arg;
};

/* What a real one has in its journal. */
struct fake_cert {
	struct fake_cert *next;
	char root[CA_NAME];
	struct wire_hsm_recalled c;
};

struct fake_node {
	struct fake_node *next; /* by name */
	struct wire_hsm_known k;
};

struct hsm_fake {
	uint64_t mark;
	struct fake_cert *certs;
	struct fake_node *nodes;
	struct fake_key *keys;
	struct waiting *queue;
	struct hsm_fake_mood mood;
	uint8_t tokens;
};

struct hsm_fake *
hsm_fake_new(void)
{
	return base_alloc(sizeof(struct hsm_fake));
}

struct hsm_fake_mood *
hsm_fake_mood(struct hsm_fake *f)
{
	return &f->mood;
}

static void
must(enum base_err e)
{
	if (e != BASE_OK)
		base_die("fake hsm: %s", base_why());
}

static EVP_PKEY *
key_of(struct hsm_fake *f, const char *root, uint32_t gen, bool order)
{
	struct fake_key *k;

	for (k = f->keys; k != NULL; k = k->next)
		if (k->order == order &&
		    (order || (k->gen == gen && strcmp(k->root, root) == 0)))
			return k->key;
	k = base_alloc(sizeof(*k));
	snprintf(k->root, sizeof(k->root), "%s", root);
	k->gen = gen;
	k->order = order;
	must(wire_key_make(WIRE_P256, &k->key));
	k->next = f->keys;
	f->keys = k;
	return k->key;
}

/* ---- answers --------------------------------------------------------------- */

static void
sign(EVP_PKEY *key, struct base_span tbs, struct base_buf *out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t sig[256];
	size_t n = sizeof(sig);

	if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(md, sig, &n, tbs.p, tbs.n) != 1)
		base_die("fake hsm: signing");
	EVP_MD_CTX_free(md);
	must(wire_cert_assemble(tbs, WIRE_P256, (struct base_span){ sig, n },
	    out));
}

/* A certificate of a root: NewWithOld is for the key of the next one. */
static void
remember(struct hsm_fake *f, const struct wire_hsm_request *q,
    const struct wire_tbs *t, const struct base_buf *der)
{
	struct fake_cert *c = base_alloc(sizeof(*c)), **at;
	struct base_buf next;

	snprintf(c->root, sizeof(c->root), "%s", q->key.root);
	c->c.kind = t->kind;
	c->c.generation = q->key.generation;
	base_buf_init(&next, 0);
	must(wire_key_spki(key_of(f, c->root, c->c.generation + 1, false),
	    &next));
	if (t->kind == WIRE_NEW_WITH_NEW)
		;
	else if (next.n == t->spki.n && memcmp(next.p, t->spki.p, next.n) == 0)
		c->c.generation++;
	else
		c->c.kind = WIRE_OLD_WITH_NEW;
	base_buf_free(&next);
	must(base_buf_put(&c->c.der, der->p, der->n));
	for (at = &f->certs; *at != NULL; at = &(*at)->next)
		;
	*at = c;
}

static struct fake_node *
node_of(struct hsm_fake *f, const char *name)
{
	struct fake_node **at = &f->nodes, *n;

	while (*at != NULL && strcmp((*at)->k.node.name, name) < 0)
		at = &(*at)->next;
	if (*at != NULL && strcmp((*at)->k.node.name, name) == 0)
		return *at;
	n = base_alloc(sizeof(*n));
	snprintf(n->k.node.name, CA_NAME, "%s", name);
	n->k.parts = base_alloc(8 * sizeof(*n->k.parts));
	n->next = *at;
	*at = n;
	return n;
}

static struct wire_hsm_part *
part_of(struct hsm_fake *f, const char *name, const char *root)
{
	struct wire_hsm_known *k = &node_of(f, name)->k;

	for (size_t i = 0; i < k->nparts; i++)
		if (strcmp(k->parts[i].root, root) == 0)
			return &k->parts[i];
	snprintf(k->parts[k->nparts].root, CA_NAME, "%s", root);
	return &k->parts[k->nparts++];
}

static void
cert(struct hsm_fake *f, const struct wire_hsm_request *q, size_t i,
    struct wire_hsm_item *it)
{
	EVP_PKEY *key = key_of(f, q->key.root, q->key.generation, false);
	struct wire_tbs t;
	struct base_buf other;

	must(wire_tbs_parse(base_buf_span(&q->items[i]), &t));
	if (f->mood.refuse != NULL && strcmp(t.node, f->mood.refuse) == 0) {
		it->err = BASE_E_REFUSED;
		must(base_buf_printf(&it->data, "not this one"));
	} else if (f->mood.other_cert) {
		base_buf_init(&other, 0);
		t.serial[5] ^= 1;
		must(wire_tbs_compose(&t, &other));
		sign(key, base_buf_span(&other), &it->data);
		base_buf_free(&other);
	} else {
		sign(key, base_buf_span(&q->items[i]), &it->data);
		if (t.kind <= WIRE_OLD_WITH_NEW)
			remember(f, q, &t, &it->data);
	}
	wire_tbs_free(&t);
}

/* What was signed is taken as done; what it drops may be there still. */
static void
may_hold(struct wire_hsm_part *p, const struct wire_order *o)
{
	const struct ca_order row = { .steps = o->steps,
		.from = o->from,
		.to = o->to,
		.bridge = o->bridge };
	const struct pol_conf c =
	    ca_conf_after((struct pol_conf){ p->trust, p->present, 0 }, &row);

	p->trust =
	    (o->steps & WIRE_STEP_FINISH) != 0 ? p->trust | c.trust : c.trust;
	p->present = c.present;
}

static void
remember_stolen(struct hsm_fake *f, const struct wire_order *o)
{
	for (struct fake_cert *c = f->certs; c != NULL; c = c->next)
		if (c->c.kind == WIRE_NEW_WITH_NEW &&
		    c->c.generation == o->compromised &&
		    strcmp(c->root, o->root) == 0)
			c->c.stolen = true;
}

static void
order(struct hsm_fake *f, const struct wire_hsm_request *q, size_t i,
    struct wire_hsm_item *it)
{
	STACK_OF(X509) *certs = NULL;
	EVP_PKEY *key = key_of(f, "", 0, true);
	struct wire_hsm_part *p;
	struct wire_order o;
	struct base_buf der;

	must(wire_order_parse(base_buf_span(&q->items[i]), &o));
	p = part_of(f, o.node, o.root);
	if (o.epoch < p->epoch) {
		it->err = BASE_E_EXISTS;
		must(base_buf_printf(&it->data, "a later one was signed"));
		wire_order_clear(&o);
		return;
	}
	p->epoch = o.epoch;
	if (o.compromised != 0)
		remember_stolen(f, &o);
	may_hold(p, &o);
	f->mood.asks += o.steps == 0;
	base_buf_init(&der, 0);
	o.epoch += f->mood.other_order;
	must(wire_order_compose(&o, &der));
	wire_order_clear(&o);
	if (f->mood.unjustified > 0 || f->mood.older > 0) {
		it->err = f->mood.older > 0 ? BASE_E_EXISTS : BASE_E_OUTAGE;
		--*(f->mood.older > 0 ? &f->mood.older : &f->mood.unjustified);
		must(base_buf_printf(&it->data, "not this order"));
		base_buf_free(&der);
		return;
	}
	must(wire_x509_stack_from_der(base_buf_span(&q->cert), WIRE_SIGNERS_MAX,
	    "order", &certs));
	if (sk_X509_num(certs) == 1)
		must(wire_cms_sign(WIRE_C_ORDER, base_buf_span(&der),
		    sk_X509_value(certs, 0), key, NULL, &it->data));
	else
		must(wire_cms_sign_all(WIRE_C_ORDER, base_buf_span(&der), certs,
		    key, NULL, &it->data));
	sk_X509_pop_free(certs, X509_free);
	base_buf_free(&der);
}

static void
tell(struct hsm_fake *f, const struct wire_hsm_request *q, size_t i,
    struct wire_hsm_item *it)
{
	struct wire_hsm_node n;
	struct fake_node *at;

	must(wire_hsm_node_parse(base_buf_span(&q->items[i]), &n));
	f->mood.told++;
	f->mood.links += n.nlinks;
	f->mood.gone += n.ngone;
	f->mood.excused += n.nexcused;
	if (f->mood.keeps > 0) {
		f->mood.keeps--;
		it->err = BASE_E_OUTAGE;
		must(
		    base_buf_printf(&it->data, "link %s>old: is kept", n.name));
	}
	at = node_of(f, n.name);
	wire_hsm_node_clear(&at->k.node);
	at->k.node = n;
}

static void
show(struct hsm_fake *f, const struct wire_hsm_request *q, size_t i,
    struct wire_hsm_item *it)
{
	struct wire_hsm_proof p;

	must(wire_hsm_proof_parse(base_buf_span(&q->items[i]), &p));
	f->mood.shown++;
	if (f->mood.deny != NULL && strcmp(f->mood.deny, p.node) == 0) {
		it->err = f->mood.deny_as;
		must(base_buf_printf(&it->data, "not of %s", p.node));
		f->mood.denied++;
	}
	f->mood.proven += p.order.n > 0;
	f->mood.accused += p.order.n > 0 && p.report.n == 0;
	f->mood.expected += p.report.n == f->mood.expect.n && p.report.n > 0 &&
	    memcmp(p.report.p, f->mood.expect.p, p.report.n) == 0;
	wire_hsm_proof_clear(&p);
}

static void
items(struct hsm_fake *f, const struct wire_hsm_request *q,
    struct wire_hsm_answer *a)
{
	a->nitems = q->nitems;
	a->items = base_alloc((a->nitems + 1) * sizeof(*a->items));
	for (size_t i = 0; i < a->nitems; i++) {
		(q->type == WIRE_HSM_CERTS	     ? cert
			: q->type == WIRE_HSM_ORDERS ? order
			: q->type == WIRE_HSM_TELL
			? tell
			: show)(f, q, i, &a->items[i]);
		f->mood.made += a->items[i].err == BASE_OK &&
		    (q->type == WIRE_HSM_CERTS || q->type == WIRE_HSM_ORDERS);
	}
	if (q->type != WIRE_HSM_SHOW || f->mood.miscounted == 0)
		return;
	if (f->mood.miscounted-- % 2 == 0)
		base_buf_free(&a->items[--a->nitems].data);
	else
		a->items[a->nitems++].err = BASE_E_REFUSED;
}

static void
recall(struct hsm_fake *f, const struct wire_hsm_request *q,
    struct wire_hsm_answer *a)
{
	a->items = base_alloc(WIRE_HSM_BATCH * sizeof(*a->items));
	for (struct fake_cert *c = f->certs; c != NULL; c = c->next)
		if (strcmp(c->root, q->key.root) == 0)
			must(wire_hsm_recalled_compose(&c->c,
			    &a->items[a->nitems++].data));
}

/* Two at a time, so that pages are turned. */
static void
known(struct hsm_fake *f, const struct wire_hsm_request *q,
    struct wire_hsm_answer *a)
{
	f->mood.knew++;
	a->err = f->mood.unknowing;
	snprintf(a->why, sizeof(a->why), "told to");
	a->items = base_alloc(2 * sizeof(*a->items));
	for (struct fake_node *n = f->nodes; n != NULL && a->nitems < 2;
	     n = n->next)
		if (strcmp(n->k.node.name, q->after) > 0)
			must(wire_hsm_known_compose(&n->k,
			    &a->items[a->nitems++].data));
}

void
hsm_fake_next(struct hsm_fake *f, const char *node, const char *root,
    struct base_span spki)
{
	struct wire_hsm_part *p = part_of(f, node, root);

	base_buf_clear(&p->next);
	must(base_buf_put(&p->next, spki.p, spki.n));
}

static void
approved(struct hsm_fake *f, struct wire_hsm_answer *a)
{
	const struct wire_hsm_cuts none = { .need = f->mood.need };

	a->items = base_alloc(2 * sizeof(*a->items));
	must(wire_hsm_cuts_compose(&none, &a->items[a->nitems++].data));
	if (f->mood.approved != NULL)
		must(wire_hsm_cuts_compose(f->mood.approved,
		    &a->items[a->nitems++].data));
}

static void
bind_node(struct hsm_fake *f, const struct wire_hsm_request *q)
{
	if (strcmp(q->node, CA_NODE_CA) == 0)
		return;
	for (size_t i = 0; i < q->nitems; i++) {
		struct wire_hsm_part *p = part_of(f, q->node, q->roots[i]);

		base_buf_clear(&p->spki);
		must(base_buf_put(&p->spki, q->items[i].p, q->items[i].n));
	}
}

static void
info(struct hsm_fake *f, struct wire_hsm_answer *a)
{
	a->items = base_alloc(4 * sizeof(*a->items));
	while (a->nitems < 4 && f->mood.info[a->nitems] != NULL) {
		must(base_buf_printf(&a->items[a->nitems].data, "%s",
		    f->mood.info[a->nitems]));
		a->nitems++;
	}
}

static void
answer(struct hsm_fake *f, struct waiting *w)
{
	struct wire_hsm_answer a = { .type = w->q.type };
	EVP_PKEY *key;

	if (wire_hsm_is_marked(w->q.type) && w->q.mark < f->mark) {
		f->mood.old_copies++;
		a.err = BASE_E_EXISTS;
		snprintf(a.why, sizeof(a.why), "an old copy");
		w->done(w->arg, BASE_OK, &a);
		return;
	}
	if (wire_hsm_is_marked(w->q.type))
		f->mark = w->q.mark;
	if (w->q.type == WIRE_HSM_KEYGEN) {
		key = key_of(f, w->q.key.root, w->q.key.generation,
		    w->q.key.order_signer);
		must(wire_key_spki(key, &a.key.spki));
	} else if (w->q.type == WIRE_HSM_CERTS ||
	    w->q.type == WIRE_HSM_ORDERS || w->q.type == WIRE_HSM_TELL ||
	    w->q.type == WIRE_HSM_SHOW) {
		items(f, &w->q, &a);
	} else if (w->q.type == WIRE_HSM_FORGET && w->q.only_ask) {
		if (f->mood.stays != NULL &&
		    strcmp(f->mood.stays, w->q.node) == 0)
			a.err = BASE_E_OUTAGE;
		snprintf(a.why, sizeof(a.why), "not approved");
	} else if (w->q.type == WIRE_HSM_FORGET && f->mood.remembers != NULL &&
	    strcmp(f->mood.remembers, w->q.node) == 0) {
		f->mood.remembered++;
		a.err = BASE_E_OUTAGE;
		snprintf(a.why, sizeof(a.why), "not this node");
	} else if (w->q.type == WIRE_HSM_FORGET) {
		memcpy(f->mood.forgotten, w->q.node, CA_NAME);
	} else if (w->q.type == WIRE_HSM_AUDIT) {
		a.mark = f->mark;
	} else if (w->q.type == WIRE_HSM_RECALL) {
		recall(f, &w->q, &a);
	} else if (w->q.type == WIRE_HSM_KNOWN) {
		known(f, &w->q, &a);
	} else if (w->q.type == WIRE_HSM_APPROVE) {
		approved(f, &a);
	} else if (w->q.type == WIRE_HSM_BIND) {
		bind_node(f, &w->q);
	} else if (w->q.type == WIRE_HSM_INFO) {
		info(f, &a);
	} else if (w->q.type == WIRE_HSM_TOKEN) {
		memset(a.secret, ++f->tokens, sizeof(a.secret));
	}
	w->done(w->arg, BASE_OK, &a);
	wire_hsm_answer_clear(&a);
}

bool
hsm_fake_one(struct hsm_fake *f)
{
	struct waiting *w = f->queue;

	if (w == NULL)
		return false;
	f->queue = w->next;
	if (f->mood.down)
		w->done(w->arg, base_fail(BASE_E_TIMEOUT, "no answer"), NULL);
	else
		answer(f, w);
	wire_hsm_request_clear(&w->q);
	free(w);
	return true;
}

size_t
hsm_fake_turn(struct hsm_fake *f)
{
	size_t n = 0;

	while (hsm_fake_one(f))
		n++;
	return n;
}

/* ---- asking ------------------------------------------------------------------- */

static enum base_err
ask(void *self, const struct wire_hsm_ask *a)
{
	struct hsm_fake *f = self;
	struct waiting *w = base_alloc(sizeof(*w)), **at;
	struct base_buf b;

	base_buf_init(&b, 0);
	a->request->id = (uint32_t)++f->mood.asked;
	must(wire_hsm_request_compose(a->request, &b));
	must(wire_hsm_request_parse(base_buf_span(&b), &w->q));
	base_buf_free(&b);
	w->done = a->done;
	w->arg = a->arg;
	for (at = &f->queue; *at != NULL; at = &(*at)->next)
		;
	*at = w;
	return BASE_OK;
}

struct ca_hsm
hsm_fake_hsm(struct hsm_fake *f)
{
	return (struct ca_hsm){ ask, f };
}

void
hsm_fake_again(struct hsm_fake *f)
{
	for (struct waiting *w = f->queue; w != NULL; w = w->next)
		if (wire_hsm_is_marked(w->q.type) && w->q.mark > f->mark)
			f->mark = w->q.mark;
}

void
hsm_fake_drop(struct hsm_fake *f)
{
	struct waiting *next;

	for (struct waiting *w = f->queue; w != NULL; w = next) {
		next = w->next;
		wire_hsm_request_clear(&w->q);
		free(w);
	}
	f->queue = NULL;
}

void
hsm_fake_free(struct hsm_fake *f)
{
	struct fake_key *next;

	hsm_fake_drop(f);
	while (f->certs != NULL) {
		struct fake_cert *c = f->certs;

		f->certs = c->next;
		wire_hsm_recalled_clear(&c->c);
		free(c);
	}
	while (f->nodes != NULL) {
		struct fake_node *n = f->nodes;

		f->nodes = n->next;
		wire_hsm_known_clear(&n->k);
		free(n);
	}
	for (struct fake_key *k = f->keys; k != NULL; k = next) {
		next = k->next;
		EVP_PKEY_free(k->key);
		free(k);
	}
	free(f);
}
