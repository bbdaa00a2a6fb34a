/*
 * agentd/report: what the node says about an order, and what it holds. Used
 * by job.c and stock.c.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "agentd/work_impl.h"

/* How far before its last number a clock may be set back and the numbers go
 * on; the CA believes none that is further off its own clock (ca/stock.c). */
#define AHEAD_MS 300000u

/* Later than all before, also when the clock is not. What was given by a
 * clock that was far ahead, nobody has believed: the numbers start again. */
static uint64_t
next_number(struct ag_boot *b)
{
	uint64_t now = (uint64_t)base_time_now().ms;

	if (b->number > now + AHEAD_MS)
		b->number = 0;
	b->number = now > b->number ? now : b->number + 1;
	return b->number;
}

static size_t
fill_inventory(const struct ag_work_conf *c, const struct ag_boot *b,
    struct wire_inventory *list)
{
	size_t n = 0;

	for (size_t i = 0; i < c->holdings->n && n < WIRE_INVENTORY_MAX; i++) {
		const struct ag_root *h = &c->holdings->root[i];
		struct wire_inventory *v = &list[n++];

		memcpy(v->store_id, c->store->id, sizeof v->store_id);
		memcpy(v->boot_id, b->id, sizeof v->boot_id);
		strcpy(v->root, h->name);
		v->highest = h->state.highest;
		memcpy(v->rendered_digest, h->rendered, 32);
		memcpy(v->probe_digest, h->probed, 32);
		ag_store_digest(c->store, h->name, v->store_digest);
		if (h->bundle == NULL)
			continue;
		v->trust = ag_bundle_generations(h->bundle);
		v->cert = h->bundle->cert_gen;
		v->bridging = h->bundle->bridging;
	}
	return n;
}

static enum base_err
sign(const struct ag_work_conf *c, enum wire_content type, struct base_span der,
    struct base_buf *cms)
{
	const struct ag_root *m = ag_holdings_find(c->holdings, AG_MANAGEMENT);
	STACK_OF(X509) *chain = NULL;
	X509 *link;
	enum base_err e;

	if (m->bundle == NULL || m->bundle->cert == NULL)
		return base_fail(BASE_E_STATE, "report: not joined yet");
	link = ag_bundle_link(m->bundle, false);
	if (link != NULL &&
	    ((chain = sk_X509_new_null()) == NULL ||
		sk_X509_push(chain, link) <= 0))
		base_die("report: out of memory");
	e = wire_cms_sign(type, der, m->bundle->cert,
	    ag_root_key(m, m->bundle->cert), chain, cms);
	sk_X509_free(chain);
	return e;
}

enum base_err
ag_report_resign(const struct ag_work_conf *c, struct base_buf *cms,
    bool *changed)
{
	const struct ag_root *m = ag_holdings_find(c->holdings, AG_MANAGEMENT);
	STACK_OF(X509) *trust = ag_bundle_stack(m->bundle);
	struct wire_signer s = { .cert = NULL };
	struct base_buf der, new;
	enum base_err e;

	*changed = false;
	base_buf_init(&der, 0);
	base_buf_init(&new, WIRE_PARCEL_MAX);
	if ((e = wire_cms_verify(WIRE_C_REPORT, base_buf_span(cms), trust,
		 base_time_now(), &der, &s)) != BASE_OK ||
	    X509_cmp(s.cert, m->bundle->cert) == 0 ||
	    (e = sign(c, WIRE_C_REPORT, base_buf_span(&der), &new)) != BASE_OK)
		goto out;
	base_buf_free(cms);
	*cms = new;
	base_buf_init(&new, 0);
	*changed = true;
out:
	sk_X509_pop_free(trust, X509_free);
	wire_signer_clear(&s);
	base_buf_free(&der);
	base_buf_free(&new);
	return e;
}

/* Has every application been told to end the sessions of before? */
static bool
has_kicked(const struct ag_config *c, const struct ag_verdict_text *t)
{
	const struct wire_order *o = t->order;

	for (size_t i = 0; i < c->napps; i++)
		if (ag_app_must_kick(&c->apps[i], o) && c->apps[i].kick == NULL)
			return false;
	return t->status == WIRE_EFFECTIVE && o->compromised != 0 &&
	    (o->steps & WIRE_STEP_FINISH) != 0;
}

enum base_err
ag_report_make(const struct ag_work_conf *c, struct ag_boot *b,
    const struct ag_verdict_text *t, struct base_buf *cms, uint8_t digest[32])
{
	struct wire_report *r = base_alloc(sizeof *r);
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	strcpy(r->fleet, c->conf->fleet);
	strcpy(r->node, c->conf->node);
	strcpy(r->root, t->order->root);
	r->roll = t->order->roll;
	r->epoch = t->order->epoch;
	memcpy(r->order_digest, t->digest, 32);
	r->status = t->status;
	r->proof = t->proof;
	r->kicked = has_kicked(c->conf, t);
	r->at = c->now != NULL ? c->now() : base_time_now();
	if (t->reason != NULL)
		strncpy(r->reason, t->reason, sizeof r->reason - 1);
	r->number = next_number(b);
	r->ninventory = fill_inventory(c, b, r->inventory);
	base_buf_init(&r->rekey, 0);
	if (t->order->steps & WIRE_STEP_REKEY && t->status == WIRE_EFFECTIVE &&
	    (e = ag_rekey_prove(c, t->order, &r->rekey)) != BASE_OK)
		goto out;
	if ((e = wire_report_compose(r, &der)) != BASE_OK)
		goto out;
	wire_digest(base_buf_span(&der), digest);
	e = sign(c, WIRE_C_REPORT, base_buf_span(&der), cms);
out:
	base_buf_free(&der);
	wire_report_clear(r);
	free(r);
	return e;
}

enum base_err
ag_stock_make(const struct ag_work_conf *c, struct ag_boot *b,
    struct base_buf *cms)
{
	struct wire_stock *s = base_alloc(sizeof *s);
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	strcpy(s->fleet, c->conf->fleet);
	strcpy(s->node, c->conf->node);
	s->number = next_number(b);
	s->ninventory = fill_inventory(c, b, s->inventory);
	if ((e = wire_stock_compose(s, &der)) == BASE_OK)
		e = sign(c, WIRE_C_STOCK, base_buf_span(&der), cms);
	base_buf_free(&der);
	free(s);
	return e;
}
