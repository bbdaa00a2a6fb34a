/*
 * req_orders: ORDERS. Each order is parsed completely and held against what
 * kedge-hsmd knows: every certificate in it must be one that its own keys
 * have signed, for this node, this root and these generations, and what it
 * takes away must be justified by reports (judge.c). Then it is wrapped as
 * CMS by the order signer's key, whose certificates must be ones that were
 * signed here as well.
 */
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"
#include "wire/msg.h"

#define DAY_MS	  INT64_C(86400000)
#define CANARY_MS INT64_C(600000)
#define SKEW_MS	  INT64_C(300000)

struct orders {
	struct hsm_core *c;
	const struct wire_hsm_request *r;
	struct wire_hsm_answer *a;
	struct hsm_key *signer;
	struct hsm_ks *ks;
};

/* ---- certificates within an order ------------------------------------------- */

/* x is signed by k; with tbs_hash also the digest of what was signed. */
static enum base_err
cert_is_by(X509 *x, struct hsm_key *k, uint8_t *tbs_hash)
{
	const ASN1_BIT_STRING *sig = NULL;
	struct base_span tbs;
	uint8_t *der = NULL;
	int n = i2d_re_X509_tbs(x, &der);
	enum base_err e;

	if (n <= 0)
		return base_fail(BASE_E_CRYPTO, "certificate: no TBS");
	X509_get0_signature(&sig, NULL, x);
	tbs = (struct base_span){ der, (size_t)n };
	e = hsm_key_check(k, tbs,
	    (struct base_span){ ASN1_STRING_get0_data(sig),
		(size_t)ASN1_STRING_length(sig) });
	if (e == BASE_OK && tbs_hash != NULL)
		hsm_sha256(tbs, tbs_hash);
	OPENSSL_free(der);
	return e;
}

static bool
span_is(struct base_span a, const struct base_buf *b)
{
	return a.n == b->n && memcmp(a.p, b->p, a.n) == 0;
}

static enum base_err
order_no(const struct wire_order *o, const char *why)
{
	return base_fail(BASE_E_REFUSED, "order %llu for %s, root %s: %s",
	    (unsigned long long)o->epoch, o->node, o->root, why);
}

static enum base_err
order_key(struct orders *b, const struct wire_order *o, uint32_t generation,
    struct hsm_key **out)
{
	*out = hsm_state_key(&b->c->state, o->root, generation, false);
	if (*out == NULL || !(*out)->has_root)
		return order_no(o, "names a generation that this CA has not");
	return BASE_OK;
}

/* A root certificate in an order: for key of, signed by key by. */
static enum base_err
order_root(const struct wire_order *o, X509 *x, const struct hsm_key *of,
    struct hsm_key *by)
{
	struct wire_tbs t = { 0 };
	enum base_err e;

	if ((e = wire_cert_parse(x, &t)) != BASE_OK)
		return e;
	if (t.kind > WIRE_OLD_WITH_NEW || !span_is(t.spki, &of->spki))
		e = order_no(o, "a root certificate in it is for another key");
	else if (cert_is_by(x, by, NULL) != BASE_OK)
		e = order_no(o,
		    "a root certificate in it was not signed by "
		    "the generation that it should be");
	wire_tbs_free(&t);
	return e;
}

/* A node certificate or canary in an order. */
static enum base_err
order_leaf(struct orders *b, const struct wire_order *o, X509 *x,
    uint32_t generation, bool canary)
{
	const struct hsm_node *n = hsm_state_node(&b->c->state, o->node);
	const struct hsm_node_key *k = hsm_node_key(n, o->root);
	bool ca = strcmp(o->node, HSM_CA) == 0;
	struct hsm_key *by = NULL;
	struct wire_tbs t = { 0 };
	enum base_err e;

	if ((e = order_key(b, o, generation, &by)) != BASE_OK ||
	    (e = wire_cert_parse(x, &t)) != BASE_OK)
		return e;
	if (t.kind !=
		(canary	     ? WIRE_CANARY
			: ca ? WIRE_CA_TLS
			     : WIRE_NODE_CERT) ||
	    strcmp(t.node, o->node) != 0 || strcmp(t.root, o->root) != 0)
		e = order_no(o, "a certificate in it is not of this node");
	else if (k == NULL || !hsm_node_key_is(k, t.spki))
		e = order_no(o,
		    "a certificate in it is not for the node's "
		    "key");
	else if (cert_is_by(x, by, NULL) != BASE_OK)
		e = order_no(o,
		    "a certificate in it is not of the "
		    "generation that it should be");
	else if (canary && t.not_after.ms > b->c->now.ms + CANARY_MS)
		e = order_no(o, "a canary in it is valid for too long");
	wire_tbs_free(&t);
	return e;
}

/* ---- orders ----------------------------------------------------------------------- */

/* One that was signed before is signed again while the management root rolls,
 * and may be as old as it likes until it expires. */
static enum base_err
order_dates(struct orders *b, const struct wire_order *o, bool again)
{
	int64_t now = b->c->now.ms;

	if (o->issued.ms > now + SKEW_MS ||
	    (!again &&
		o->issued.ms < now - (int64_t)b->c->conf->backdate_s * 1000))
		return order_no(o, "is not issued about now");
	if (o->expires.ms <= now)
		return order_no(o, "has expired");
	if (o->expires.ms - o->issued.ms > b->c->conf->order_days * DAY_MS)
		return order_no(o, "is valid for longer than configured");
	return BASE_OK;
}

static enum base_err
order_roots(struct orders *b, const struct wire_order *o)
{
	struct hsm_key *to = NULL, *from = NULL;
	enum base_err e;

	if ((e = order_key(b, o, o->to, &to)) != BASE_OK ||
	    (o->from != 0 && (e = order_key(b, o, o->from, &from)) != BASE_OK))
		return e;
	if (o->new_with_new != NULL &&
	    (e = order_root(o, o->new_with_new, to, to)) != BASE_OK)
		return e;
	if (o->old_root != NULL &&
	    (e = order_root(o, o->old_root, from, from)) != BASE_OK)
		return e;
	if (o->new_with_old == NULL)
		return BASE_OK;
	if (from == NULL || from == to)
		return order_no(o, "has a NewWithOld but no old generation");
	return order_root(o, o->new_with_old, to, from);
}

static enum base_err
order_check(struct orders *b, const struct wire_order *o, bool again)
{
	const struct hsm_node *n = hsm_state_node(&b->c->state, o->node);
	enum base_err e;

	if (strcmp(o->fleet, b->c->conf->fleet) != 0)
		return order_no(o, "is of another fleet");
	if (n == NULL || !n->bound)
		return order_no(o, "no node of this name is bound to a key");
	if ((e = order_dates(b, o, again)) != BASE_OK ||
	    (e = order_roots(b, o)) != BASE_OK ||
	    (e = hsm_stolen_check(b->c, o)) != BASE_OK)
		return e;
	if ((o->cert != NULL) != ((o->steps & WIRE_STEP_CERT) != 0))
		return order_no(o, "step and certificate do not agree");
	if (o->cert != NULL &&
	    (e = order_leaf(b, o, o->cert, o->to, false)) != BASE_OK)
		return e;
	for (size_t i = 0; i < o->ncanary && e == BASE_OK; i++)
		e = order_leaf(b, o, o->canary[i].cert, o->canary[i].generation,
		    true);
	return e;
}

/* By what is proven, or else by what the operator's setting presumes: then
 * the journal and the log say so. */
static enum base_err
order_judge(struct orders *b, const struct wire_order *o,
    const struct hsm_order *r)
{
	struct hsm_received v = { .epoch = r->epoch };
	struct base_buf fields;
	enum base_err e = hsm_judge(b->c, o, false);

	if (e != BASE_E_OUTAGE || !b->c->conf->presume ||
	    (e = hsm_judge(b->c, o, true)) != BASE_OK)
		return e;
	memcpy(v.node, r->node, sizeof(v.node));
	memcpy(v.root, r->root, sizeof(v.root));
	memcpy(v.digest, r->digest, sizeof(v.digest));
	base_buf_init(&fields, 0);
	hsm_put_received(&fields, &v);
	hsm_core_add(b->c, HSM_R_PRESUMED, &fields);
	base_log(BASE_NOTICE,
	    "order %llu for %s, root %s: rests on what was received only",
	    (unsigned long long)r->epoch, r->node, r->root);
	return BASE_OK;
}

static bool
order_is_known(struct orders *b, const struct hsm_order *r)
{
	const struct hsm_node *n = hsm_state_node(&b->c->state, r->node);

	return n != NULL &&
	    hsm_held_event(hsm_held_get(n, r->root), r->epoch, r->digest) !=
	    NULL;
}

/* What takes something away must be justified. A first installation takes
 * nothing, and an agent takes one only in the answer to its own request. */
static enum base_err
order_justify(struct orders *b, const struct wire_order *o,
    const struct hsm_order *r)
{
	const struct hsm_node *n = hsm_state_node(&b->c->state, o->node);
	enum base_err e;

	if ((e = hsm_holds_room(n, r)) != BASE_OK ||
	    (o->steps & (WIRE_STEP_CERT | WIRE_STEP_FINISH)) == 0 ||
	    (o->steps & WIRE_STEP_JOIN) != 0)
		return e;
	/* the very same one again: its answer was lost on the way */
	if (order_is_known(b, r))
		return BASE_OK;
	return wire_step_renews(o->steps, o->from, o->to)
	    ? hsm_judge_renewal(n, o)
	    : order_judge(b, o, r);
}

/* Adds the record when the order may be signed. */
static enum base_err
order_accept(struct orders *b, struct base_span der)
{
	struct wire_order o = { 0 };
	struct hsm_order r = { .epoch = 0 };
	struct base_buf fields;
	enum base_err e = wire_order_parse(der, &o);

	if (e != BASE_OK)
		return e;
	memcpy(r.node, o.node, sizeof(r.node));
	memcpy(r.root, o.root, sizeof(r.root));
	r.epoch = o.epoch;
	r.steps = o.steps;
	r.from = o.from;
	r.to = o.to;
	hsm_sha256(der, r.digest);
	hsm_order_key(&o, r.key);
	if ((e = order_check(b, &o, order_is_known(b, &r))) == BASE_OK &&
	    (e = order_justify(b, &o, &r)) == BASE_OK) {
		/* the next one of this batch is judged with it */
		hsm_holds_sent(&b->c->state, &r);
		base_buf_init(&fields, 0);
		hsm_put_order(&fields, &r);
		hsm_core_add(b->c, HSM_R_ORDER, &fields);
		hsm_stolen_record(b->c, &o);
	}
	wire_order_clear(&o);
	return e;
}

/* ---- the signer --------------------------------------------------------------------- */

/* The certificate is one that a management key of ours has signed here for
 * this very order signer's key, and it is valid now. */
static enum base_err
signer_cert(struct orders *b, X509 *x, uint8_t hash[HSM_HASH])
{
	struct hsm_key *k = b->signer, *by = NULL;
	struct wire_tbs t = { 0 };
	bool known = false;
	enum base_err e;

	if ((e = wire_cert_parse(x, &t)) != BASE_OK)
		goto out;
	for (size_t i = 0; i < b->c->state.nkeys; i++)
		if (b->c->state.keys[i]->has_root &&
		    memcmp(b->c->state.keys[i]->ski, t.aki, 20) == 0)
			by = b->c->state.keys[i];
	if (by == NULL || cert_is_by(x, by, hash) != BASE_OK) {
		e = base_fail(BASE_E_REFUSED,
		    "orders: the signer's certificate was not signed here");
		goto out;
	}
	for (size_t i = 0; i < k->norder_tbs; i++)
		known = known || memcmp(k->order_tbs[i], hash, HSM_HASH) == 0;
	if (!known)
		e = base_fail(BASE_E_REFUSED,
		    "orders: the signer's certificate is not of this key");
	else if (b->c->now.ms < t.not_before.ms - SKEW_MS ||
	    b->c->now.ms > t.not_after.ms)
		e = base_fail(BASE_E_EXPIRED,
		    "orders: the signer's certificate is not valid now");
out:
	wire_tbs_free(&t);
	return e;
}

/* One, or, while the management root rolls, one of each generation. */
static enum base_err
orders_signer_certs(struct orders *b)
{
	uint8_t hash[WIRE_SIGNERS_MAX][HSM_HASH];
	STACK_OF(X509) *certs = NULL;
	enum base_err e;

	e = wire_x509_stack_from_der(base_buf_span(&b->r->cert),
	    WIRE_SIGNERS_MAX, "order signer", &certs);
	for (int i = 0; e == BASE_OK && i < sk_X509_num(certs); i++)
		e = signer_cert(b, sk_X509_value(certs, i), hash[i]);
	if (e == BASE_OK && sk_X509_num(certs) == 2 &&
	    memcmp(hash[0], hash[1], HSM_HASH) == 0)
		e = base_fail(BASE_E_REFUSED,
		    "orders: the signer's certificate is there twice");
	sk_X509_pop_free(certs, X509_free);
	return e;
}

/* Signs the items from *at on that may be signed, one chunk. */
static enum base_err
orders_chunk(struct orders *b, size_t *at)
{
	struct hsm_key_ref ref = hsm_key_as_ref(b->signer);
	struct base_span in[HSM_CHUNK];
	struct base_buf out[HSM_CHUNK];
	size_t item[HSM_CHUNK], n = 0;
	enum base_err e;

	for (; *at < b->r->nitems && n < HSM_CHUNK; (*at)++) {
		in[n] = base_buf_span(&b->r->items[*at]);
		if ((e = order_accept(b, in[n])) != BASE_OK) {
			hsm_item_refuse(b->c, WIRE_HSM_ORDERS,
			    &b->a->items[*at], e);
			continue;
		}
		base_buf_init(&out[n], 0);
		item[n++] = *at;
	}
	e = hsm_journal_sync(b->c->journal);
	hsm_stolen_settle(b->c);
	if (e == BASE_OK && n > 0)
		e = b->ks->ops->cms(b->ks->ks, &ref, base_buf_span(&b->r->cert),
		    in, n, out);
	for (size_t i = 0; i < n; i++) {
		if (e == BASE_OK)
			b->a->items[item[i]].data = out[i];
		else
			base_buf_free(&out[i]);
	}
	return e;
}

enum base_err
hsm_do_orders(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	struct orders b = { .c = c, .r = r, .a = a };
	size_t at = 0;
	enum base_err e;

	if (r->nitems == 0)
		return base_fail(BASE_E_REFUSED, "orders: none asked for");
	b.signer =
	    hsm_state_key(&c->state, r->key.root, r->key.generation, true);
	if (b.signer == NULL || !r->key.order_signer)
		return base_fail(BASE_E_NOTFOUND,
		    "orders: %s %u is no order signer of ours", r->key.root,
		    r->key.generation);
	if ((e = hsm_core_ks(c, b.signer->token, &b.ks)) != BASE_OK ||
	    (e = b.ks->ops->ready(b.ks->ks)) != BASE_OK ||
	    (e = orders_signer_certs(&b)) != BASE_OK)
		return e;
	a->items = base_alloc(r->nitems * sizeof(*a->items));
	a->nitems = r->nitems;
	for (size_t i = 0; i < a->nitems; i++)
		base_buf_init(&a->items[i].data, 0);
	while (at < r->nitems && e == BASE_OK)
		e = orders_chunk(&b, &at);
	return e;
}
