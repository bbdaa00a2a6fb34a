/*
 * ca/resign: orders that were out before the management root began to roll
 * carry one signature only, which a node that has finished does not believe
 * any more. So they are signed again, the same bytes under both generations,
 * as soon as the CA itself has the new certificate. Which ones lack it is
 * seen by verifying; a restart forgets none.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

struct resign {
	struct ca *ca;
	STACK_OF(X509) *new; /* the generation that all will trust */
	struct ca_order *list; /* without cms */
	struct base_buf *ders;
	size_t n;
};

static void
resign_free(struct resign *s)
{
	for (size_t i = 0; i < s->n; i++)
		base_buf_free(&s->ders[i]);
	free(s->ders);
	free(s->list);
	sk_X509_free(s->new);
	free(s);
}

/* What is signed under the new generation is let alone, and so is what has
 * expired: that is made again anyway. */
static enum base_err
look(void *arg, const struct ca_order *o)
{
	struct resign *s = arg;
	struct wire_signer who = { .cert = NULL };
	struct base_buf der;
	bool good;

	if (s->n == WIRE_HSM_BATCH || o->expires.ms <= ca_now(s->ca).ms ||
	    strcmp(o->node, CA_NODE_CA) == 0)
		return BASE_OK;
	base_buf_init(&der, 0);
	good = wire_cms_verify(WIRE_C_ORDER, base_buf_span(&o->cms), s->new,
		   ca_now(s->ca), &der, &who) == BASE_OK;
	wire_signer_clear(&who);
	if (!good &&
	    wire_cms_verify(WIRE_C_ORDER, base_buf_span(&o->cms),
		s->ca->management, ca_now(s->ca), &der, &who) == BASE_OK) {
		wire_signer_clear(&who);
		s->list =
		    base_realloc_array(s->list, s->n + 1, sizeof(*s->list));
		s->ders =
		    base_realloc_array(s->ders, s->n + 1, sizeof(*s->ders));
		s->list[s->n] = *o;
		memset(&s->list[s->n].cms, 0, sizeof(o->cms));
		s->ders[s->n++] = der;
		return BASE_OK;
	}
	base_buf_free(&der);
	return BASE_OK;
}

static enum base_err
keep(struct resign *s, struct wire_hsm_answer *a)
{
	enum base_err r;

	if ((r = ca_store_begin(s->ca->store)) != BASE_OK)
		return r;
	for (size_t i = 0; r == BASE_OK && i < s->n; i++)
		if (a->items[i].err == BASE_OK)
			r = ca_store_order_signed(s->ca->store, &s->list[i],
			    base_buf_span(&a->items[i].data));
	if (r == BASE_OK)
		r = ca_store_commit(s->ca->store);
	ca_store_rollback(s->ca->store);
	return r;
}

/* Out with the old parcel, in with the new one, unless the order was settled
 * meanwhile. */
static void
send_again(struct resign *s, size_t at)
{
	struct ca_order o = { .epoch = 0 };

	if (ca_store_order_get(s->ca->store, s->list[at].node, s->list[at].root,
		s->list[at].epoch, &o) == BASE_OK &&
	    (o.state == CA_ORDER_SENT || o.state == CA_ORDER_RECEIVED)) {
		ca_deliver_settled(s->ca->deliver, o.node, o.root, o.epoch);
		ca_order_send(s->ca, &o);
	}
	ca_order_clear(&o);
}

static void
answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct resign *s = arg;
	struct ca *ca = s->ca;
	size_t done = 0;

	ca->resigning = false;
	if ((e = ca_hsm_heard(ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	else if (e == BASE_OK && a->nitems != s->n)
		e = base_fail(BASE_E_INTEGRITY, "kedge-hsmd: other answers");
	else if (e == BASE_OK)
		e = keep(s, a);
	for (size_t i = 0; e == BASE_OK && i < s->n; i++) {
		if (a->items[i].err != BASE_OK) {
			base_log(BASE_WARNING, "order for %s, root %s: %.*s",
			    s->list[i].node, s->list[i].root,
			    (int)a->items[i].data.n,
			    (const char *)a->items[i].data.p);
			continue;
		}
		send_again(s, i);
		done++;
	}
	if (e != BASE_OK)
		base_log(BASE_WARNING, "orders signed again: %s", base_why());
	/* there may be more; what is refused waits for the next look */
	ca->resign_wanted = true;
	if (e != BASE_OK || done == 0)
		ca->resign_next = ca_after(ca, ca->conf->resend_max_ms);
	resign_free(s);
	ca_kick(ca);
}

static enum base_err
ask(struct resign *s)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_ORDERS };
	struct wire_hsm_ask w = { &q, answered, s };
	enum base_err r = ca_order_signer(s->ca, &q);

	memcpy(q.fleet, s->ca->conf->fleet, sizeof(q.fleet));
	q.nitems = s->n;
	q.items = base_alloc(s->n * sizeof(*q.items));
	for (size_t i = 0; r == BASE_OK && i < s->n; i++)
		r = base_buf_put(&q.items[i], s->ders[i].p, s->ders[i].n);
	if (r == BASE_OK)
		r = ca_hsm_ask(s->ca, &w);
	wire_hsm_request_clear(&q);
	return r;
}

/* The CA presents the generation towards which its root rolls. */
static bool
has_new(struct ca *ca, X509 **root)
{
	const struct ca_roll *w = ca_roll_of(ca, CA_MANAGEMENT);

	return w != NULL &&
	    ca_issuer_root(ca, CA_MANAGEMENT, w->row.to, root) == BASE_OK &&
	    X509_cmp(*root, sk_X509_value(ca->management, 0)) == 0;
}

struct base_mono
ca_resign_work(struct ca *ca)
{
	struct resign *s;
	X509 *root = NULL;
	enum base_err r;

	if (!ca->resign_wanted || ca->resigning)
		return CA_NEVER;
	if (ca->resign_next.ms > ca_mono(ca).ms)
		return ca->resign_next;
	ca->resign_wanted = false;
	if (!has_new(ca, &root))
		return CA_NEVER;
	s = base_alloc(sizeof(*s));
	s->ca = ca;
	if ((s->new = sk_X509_new_null()) == NULL ||
	    sk_X509_push(s->new, root) <= 0)
		base_die("out of memory");
	r = ca_store_orders_open(ca->store, false, look, s);
	if (r == BASE_OK && s->n > 0) {
		ca->resigning = true;
		if ((r = ask(s)) == BASE_OK)
			return CA_NEVER;
		ca->resigning = false;
	}
	if (r != BASE_OK) {
		base_log(BASE_ERR, "orders signed again: %s", base_why());
		ca->resign_wanted = true;
		ca->resign_next = ca_after(ca, ca->conf->retry_ms);
	}
	resign_free(s);
	return r == BASE_OK ? CA_NEVER : ca->resign_next;
}
