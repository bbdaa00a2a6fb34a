/*
 * req_certs: CERTS. A batch is worked on in chunks: while the worker signs
 * one chunk, the signatures of the one before are verified and the next one
 * is checked and recorded. Each item has its own fate; when the token fails,
 * the whole request is for another try.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/core.h"

struct chunk {
	size_t n;
	size_t item[HSM_CHUNK]; /* index in the request */
	struct base_span tbs[HSM_CHUNK]; /* into the request */
	struct base_buf sig[HSM_CHUNK];
	enum wire_cert_kind kind[HSM_CHUNK];
};

struct certs {
	struct hsm_core *c;
	const struct wire_hsm_request *r;
	struct wire_hsm_answer *a;
	struct hsm_key *issuer;
	struct hsm_key_ref ref;
	struct hsm_ks *ks;
	struct chunk chunk[2];
};

static enum base_err
cert_check(struct certs *b, struct base_span tbs, enum wire_cert_kind *kind)
{
	struct wire_tbs t = { 0 };
	struct base_buf fields;
	enum base_err e;

	if ((e = wire_tbs_parse(tbs, &t)) != BASE_OK)
		return e;
	if ((e = hsm_profile_check(b->c, b->issuer, &t)) == BASE_OK) {
		base_buf_init(&fields, 0);
		hsm_put_cert(&fields, b->issuer, &t, tbs);
		hsm_core_add(b->c,
		    t.kind == WIRE_NEW_WITH_NEW	    ? HSM_R_ROOT
			: t.kind == WIRE_ORDER_CERT ? HSM_R_ORDER_CERT
						    : HSM_R_CERT,
		    &fields);
	}
	*kind = t.kind;
	wire_tbs_free(&t);
	return e;
}

/* Fills k from item *at on: checked, and durable in the journal. */
static enum base_err
certs_fill(struct certs *b, struct chunk *k, size_t *at)
{
	k->n = 0;
	for (; *at < b->r->nitems && k->n < HSM_CHUNK; (*at)++) {
		struct base_span tbs = base_buf_span(&b->r->items[*at]);
		enum base_err e = cert_check(b, tbs, &k->kind[k->n]);

		if (e != BASE_OK) {
			hsm_item_refuse(b->c, WIRE_HSM_CERTS, &b->a->items[*at],
			    e);
			continue;
		}
		k->item[k->n] = *at;
		k->tbs[k->n++] = tbs;
	}
	return hsm_journal_sync(b->c->journal);
}

/* A certificate of a root is kept: kedged shall find it again after it came
 * back from a backup. */
static void
certs_keep(struct certs *b, enum wire_cert_kind kind, struct base_span der)
{
	const struct hsm_key *k = b->issuer;
	struct base_buf fields;

	if (kind == WIRE_NEW_WITH_OLD)
		k = hsm_state_key(&b->c->state, k->root, k->generation + 1,
		    false);
	if (kind > WIRE_OLD_WITH_NEW || k == NULL)
		return;
	base_buf_init(&fields, 0);
	hsm_put_signed(&fields, k, kind, der);
	hsm_core_add(b->c, HSM_R_SIGNED, &fields);
}

/* What the token has signed is checked before it leaves. */
static enum base_err
certs_finish(struct certs *b, struct chunk *k)
{
	enum base_err e = BASE_OK;

	for (size_t i = 0; i < k->n && e == BASE_OK; i++) {
		struct base_span sig = base_buf_span(&k->sig[i]);
		struct base_buf *der = &b->a->items[k->item[i]].data;

		if ((e = hsm_key_check(b->issuer, k->tbs[i], sig)) == BASE_OK &&
		    (e = wire_cert_assemble(k->tbs[i], b->issuer->alg, sig,
			 der)) == BASE_OK)
			certs_keep(b, k->kind[i], base_buf_span(der));
		base_buf_clear(&k->sig[i]);
	}
	k->n = 0;
	return e == BASE_OK ? hsm_journal_sync(b->c->journal) : e;
}

/* Whatever is on its way is waited for, so that the next request does not
 * find it. */
static void
certs_drain(struct certs *b, struct chunk *k)
{
	struct base_buf none[HSM_CHUNK];

	if (k->n == 0)
		return;
	for (size_t i = 0; i < k->n; i++)
		base_buf_init(&none[i], HSM_SIG_MAX);
	if (b->ks->ops->sign_finish(b->ks->ks, none, k->n) != BASE_OK)
		base_log(BASE_DEBUG, "certificates: %s", base_why());
	for (size_t i = 0; i < k->n; i++)
		base_buf_free(&none[i]);
	k->n = 0;
}

static enum base_err
certs_run(struct certs *b)
{
	const struct hsm_ks_ops *ops = b->ks->ops;
	struct chunk *now = &b->chunk[0], *before = &b->chunk[1], *swap;
	size_t at = 0;
	enum base_err e;

	do {
		/* before is being signed meanwhile, and now waits behind it */
		if ((e = certs_fill(b, now, &at)) == BASE_OK && now->n > 0)
			e = ops->sign_start(b->ks->ks, &b->ref, now->tbs,
			    now->n);
		if (e != BASE_OK) {
			now->n = 0; /* it was not started */
			break;
		}
		if (before->n > 0 &&
		    (e = ops->sign_finish(b->ks->ks, before->sig, before->n)) ==
			BASE_OK)
			e = certs_finish(b, before);
		before->n = 0; /* it is not on its way any more */
		swap = before;
		before = now;
		now = swap;
	} while (e == BASE_OK && (before->n > 0 || at < b->r->nitems));
	if (e != BASE_OK) {
		char *why = base_strdup(base_why());

		certs_drain(b, before);
		certs_drain(b, now);
		e = base_fail(e, "%s", why);
		free(why);
	}
	return e;
}

enum base_err
hsm_do_certs(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	struct certs *b;
	enum base_err e;

	if (r->nitems == 0)
		return base_fail(BASE_E_REFUSED,
		    "certificates: none asked for");
	b = base_alloc(sizeof(*b));
	b->c = c;
	b->r = r;
	b->a = a;
	for (size_t i = 0; i < HSM_CHUNK; i++) {
		base_buf_init(&b->chunk[0].sig[i], HSM_SIG_MAX);
		base_buf_init(&b->chunk[1].sig[i], HSM_SIG_MAX);
	}
	a->items = base_alloc(r->nitems * sizeof(*a->items));
	a->nitems = r->nitems;
	for (size_t i = 0; i < a->nitems; i++)
		base_buf_init(&a->items[i].data, 0);
	b->issuer = hsm_state_key(&c->state, r->key.root, r->key.generation,
	    r->key.order_signer);
	if (b->issuer == NULL || b->issuer->order_signer)
		e = base_fail(BASE_E_NOTFOUND,
		    "certificates: %s %u is no root key of ours", r->key.root,
		    r->key.generation);
	else if ((e = hsm_core_ks(c, b->issuer->token, &b->ks)) == BASE_OK &&
	    (e = b->ks->ops->ready(b->ks->ks)) == BASE_OK) {
		b->ref = hsm_key_as_ref(b->issuer);
		e = certs_run(b);
	}
	for (size_t i = 0; i < HSM_CHUNK; i++) {
		base_buf_free(&b->chunk[0].sig[i]);
		base_buf_free(&b->chunk[1].sig[i]);
	}
	free(b);
	return e;
}
