/*
 * Order: the signed message from the CA that carries steps to a node.
 * kedged composes it, kedge-hsmd re-checks it before it signs, the agent
 * parses it.
 */
#include "wire/asn1.h"
#include "wire/msg.h"
#include "wire/x509.h"

#include <string.h>

/* ---- fields ------------------------------------------------------------------ */

struct canary_der {
	uint32_t generation;
	ASN1_STRING *cert;
};

struct order_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node, *root;
	uint64_t roll, epoch;
	ASN1_GENERALIZEDTIME *issued, *expires;
	uint32_t steps, from, to;
	ASN1_BOOLEAN bridge, verifies;
	ASN1_STRING *new_with_new, *new_with_old, *cert, *old_root;
	OPENSSL_STACK *canaries;
	uint32_t compromised;
};

/* clang-format off */
ASN1_SEQUENCE(canary_der) = {
	ASN1_EMBED(struct canary_der, generation, UINT32),
	ASN1_SIMPLE(struct canary_der, cert, ASN1_SEQUENCE),
} static_ASN1_SEQUENCE_END_name(struct canary_der, canary_der)

ASN1_SEQUENCE(order_der) = {
	ASN1_EMBED(struct order_der, version, UINT32),
	ASN1_SIMPLE(struct order_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct order_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct order_der, root, ASN1_UTF8STRING),
	ASN1_EMBED(struct order_der, roll, UINT64),
	ASN1_EMBED(struct order_der, epoch, UINT64),
	ASN1_SIMPLE(struct order_der, issued, ASN1_GENERALIZEDTIME),
	ASN1_SIMPLE(struct order_der, expires, ASN1_GENERALIZEDTIME),
	ASN1_EMBED(struct order_der, steps, UINT32),
	ASN1_EMBED(struct order_der, from, UINT32),
	ASN1_EMBED(struct order_der, to, UINT32),
	ASN1_EXP_OPT(struct order_der, bridge, ASN1_FBOOLEAN, 0),
	ASN1_EXP_OPT(struct order_der, verifies, ASN1_FBOOLEAN, 1),
	ASN1_SIMPLE(struct order_der, new_with_new, ASN1_SEQUENCE),
	ASN1_EXP_OPT(struct order_der, new_with_old, ASN1_SEQUENCE, 2),
	ASN1_EXP_OPT(struct order_der, cert, ASN1_SEQUENCE, 3),
	ASN1_EXP_SEQUENCE_OF_OPT(struct order_der, canaries, canary_der, 4),
	ASN1_EXP_OPT(struct order_der, old_root, ASN1_SEQUENCE, 5),
	ASN1_EXP_OPT_EMBED(struct order_der, compromised, ZUINT32, 6),
} static_ASN1_SEQUENCE_END_name(struct order_der, order_der)
/* clang-format on */

/* ---- rules ------------------------------------------------------------------- */

#define STEPS                                                  \
	(WIRE_STEP_TRUST | WIRE_STEP_CERT | WIRE_STEP_FINISH | \
	    WIRE_STEP_TIDY | WIRE_STEP_JOIN | WIRE_STEP_REKEY)

static enum base_err
order_check_certs(const struct wire_order *o)
{
	bool join = o->steps & WIRE_STEP_JOIN;
	bool moves = o->steps & (WIRE_STEP_TRUST | WIRE_STEP_CERT);

	if (o->new_with_new == NULL)
		return base_fail(BASE_E_SYNTAX, "order: no NewWithNew");
	if (join && o->new_with_old != NULL)
		return base_fail(BASE_E_SYNTAX,
		    "order: NewWithOld in a first installation");
	if (o->steps == 0 && (o->new_with_old != NULL || o->ncanary > 0))
		return base_fail(BASE_E_SYNTAX,
		    "order: one that only asks has nothing to install");
	if ((o->old_root != NULL) != (join && o->from != 0))
		return base_fail(BASE_E_SYNTAX,
		    "order: a first installation has from and the old root "
		    "both or none, others have no old root");
	if (!join && moves && o->from != o->to && o->new_with_old == NULL)
		return base_fail(BASE_E_SYNTAX, "order: no NewWithOld");
	if ((o->cert != NULL) != ((o->steps & WIRE_STEP_CERT) != 0))
		return base_fail(BASE_E_SYNTAX,
		    "order: a node certificate belongs to step cert, "
		    "and to no other");
	for (size_t i = 0; i < o->ncanary; i++) {
		if (o->canary[i].cert == NULL)
			return base_fail(BASE_E_SYNTAX,
			    "order: canary without a certificate");
		for (size_t k = 0; k < i; k++)
			if (o->canary[k].generation == o->canary[i].generation)
				return base_fail(BASE_E_SYNTAX,
				    "order: two canaries of generation %u",
				    o->canary[i].generation);
	}
	return BASE_OK;
}

/* A renewal, or the wish for a key for one, comes by itself, and says nothing
 * of bridging. */
static enum base_err
order_check_renewal(const struct wire_order *o)
{
	const bool renews = wire_step_renews(o->steps, o->from, o->to);

	if ((o->steps & WIRE_STEP_REKEY) != 0 && !renews)
		return base_fail(BASE_E_SYNTAX,
		    "order: rekey is within one generation, and not for a "
		    "first installation");
	if (renews &&
	    ((o->steps != WIRE_STEP_CERT && o->steps != WIRE_STEP_REKEY) ||
		o->bridge || o->new_with_old != NULL))
		return base_fail(BASE_E_SYNTAX,
		    "order: cert or rekey within one generation is a renewal, "
		    "which has no other step, no bridge and no NewWithOld");
	return BASE_OK;
}

/* Nobody gives up a root in a hurry but on the way to the next one. */
static enum base_err
order_check_compromised(const struct wire_order *o)
{
	const uint32_t moves =
	    WIRE_STEP_TRUST | WIRE_STEP_CERT | WIRE_STEP_FINISH;

	if (o->compromised != 0 &&
	    ((o->steps & moves) == 0 || (o->steps & ~moves) != 0 ||
		o->from >= o->to))
		return base_fail(BASE_E_SYNTAX,
		    "order: compromised belongs to trust, cert and finish of "
		    "a roll to a later generation");
	return wire_asn_range("order: compromised", o->compromised, 0,
	    WIRE_GENERATION_MAX);
}

/* What compose may send is exactly what parse accepts. */
static enum base_err
order_check(const struct wire_order *o)
{
	bool join = o->steps & WIRE_STEP_JOIN;
	bool free =
	    join || o->steps == 0 || wire_step_renews(o->steps, o->from, o->to);
	enum base_err e;

	if ((o->steps & ~STEPS) != 0)
		return base_fail(BASE_E_SYNTAX, "order: steps 0x%x", o->steps);
	if (join && o->steps & (WIRE_STEP_FINISH | WIRE_STEP_TIDY))
		return base_fail(BASE_E_SYNTAX,
		    "order: finish or tidy in a first installation");
	if ((e = wire_asn_range("order: roll", o->roll, free ? 0 : 1,
		 INT64_MAX)) != BASE_OK ||
	    (e = wire_asn_range("order: epoch", o->epoch, 1, INT64_MAX)) !=
		BASE_OK ||
	    (e = wire_asn_range("order: from", o->from, join ? 0 : 1,
		 WIRE_GENERATION_MAX)) != BASE_OK ||
	    (e = wire_asn_range("order: to", o->to, 1, WIRE_GENERATION_MAX)) !=
		BASE_OK ||
	    (e = wire_asn_range("order: canaries", o->ncanary, 0,
		 WIRE_CANARY_MAX)) != BASE_OK)
		return e;
	for (size_t i = 0; i < o->ncanary; i++)
		if ((e = wire_asn_range("order: canary generation",
			 o->canary[i].generation, 1, WIRE_GENERATION_MAX)) !=
		    BASE_OK)
			return e;
	if (o->expires.ms / 1000 <= o->issued.ms / 1000)
		return base_fail(BASE_E_SYNTAX,
		    "order: expires before it is issued");
	if ((e = order_check_renewal(o)) != BASE_OK ||
	    (e = order_check_compromised(o)) != BASE_OK)
		return e;
	return order_check_certs(o);
}

/* ---- compose ------------------------------------------------------------------ */

static enum base_err
put_opt_cert(ASN1_STRING **field, const X509 *x)
{
	if (x == NULL)
		return BASE_OK;
	if ((*field = ASN1_STRING_type_new(V_ASN1_SEQUENCE)) == NULL)
		base_die("order: out of memory");
	return wire_asn_put_cert(*field, x);
}

static enum base_err
put_canaries(struct order_der *d, const struct wire_order *o)
{
	enum base_err e = BASE_OK;

	if (o->ncanary == 0)
		return BASE_OK;
	if ((d->canaries = OPENSSL_sk_new_null()) == NULL)
		base_die("order: out of memory");
	for (size_t i = 0; e == BASE_OK && i < o->ncanary; i++) {
		struct canary_der *c =
		    wire_asn_push(d->canaries, ASN1_ITEM_rptr(canary_der));

		c->generation = o->canary[i].generation;
		e = wire_asn_put_cert(c->cert, o->canary[i].cert);
	}
	return e;
}

static enum base_err
order_fill(struct order_der *d, const struct wire_order *o)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	d->roll = o->roll;
	d->epoch = o->epoch;
	d->steps = o->steps;
	d->from = o->from;
	d->to = o->to;
	d->bridge = o->bridge ? 0xff : 0;
	d->verifies = o->verifies ? 0xff : 0;
	d->compromised = o->compromised;
	if ((e = wire_asn_put_name(d->fleet, o->fleet)) != BASE_OK ||
	    (e = wire_asn_put_name(d->node, o->node)) != BASE_OK ||
	    (e = wire_asn_put_name(d->root, o->root)) != BASE_OK ||
	    (e = wire_asn_put_time(d->issued, o->issued)) != BASE_OK ||
	    (e = wire_asn_put_time(d->expires, o->expires)) != BASE_OK ||
	    (e = wire_asn_put_cert(d->new_with_new, o->new_with_new)) !=
		BASE_OK ||
	    (e = put_opt_cert(&d->new_with_old, o->new_with_old)) != BASE_OK ||
	    (e = put_opt_cert(&d->cert, o->cert)) != BASE_OK ||
	    (e = put_opt_cert(&d->old_root, o->old_root)) != BASE_OK)
		return e;
	return put_canaries(d, o);
}

enum base_err
wire_order_compose(const struct wire_order *o, struct base_buf *out)
{
	struct order_der *d;
	enum base_err e = order_check(o);

	if (e != BASE_OK)
		return e;
	d = wire_asn_new(ASN1_ITEM_rptr(order_der));
	if ((e = order_fill(d, o)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(order_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(order_der), d);
	return e;
}

/* ---- parse ---------------------------------------------------------------------- */

static enum base_err
get_canaries(const struct order_der *d, struct wire_order *o)
{
	size_t n;
	enum base_err e;

	e = wire_asn_count("order: canaries", d->canaries, WIRE_CANARY_MAX, &n);
	if (e == BASE_OK && n == 0 && d->canaries != NULL)
		e = base_fail(BASE_E_SYNTAX, "order: empty list of canaries");
	for (size_t i = 0; e == BASE_OK && i < n; i++) {
		const struct canary_der *c =
		    OPENSSL_sk_value(d->canaries, (int)i);

		o->ncanary = i + 1;
		o->canary[i].generation = c->generation;
		e = wire_asn_get_cert(c->cert, "order: canary",
		    &o->canary[i].cert);
	}
	return e;
}

static enum base_err
get_opt_cert(const ASN1_STRING *s, const char *what, X509 **out)
{
	return s == NULL ? BASE_OK : wire_asn_get_cert(s, what, out);
}

static enum base_err
order_read(const struct order_der *d, struct wire_order *o)
{
	enum base_err e;

	o->roll = d->roll;
	o->epoch = d->epoch;
	o->steps = d->steps;
	o->from = d->from;
	o->to = d->to;
	o->compromised = d->compromised;
	if ((e = wire_asn_version("order", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, o->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, o->node)) != BASE_OK ||
	    (e = wire_asn_get_name(d->root, o->root)) != BASE_OK ||
	    (e = wire_asn_get_time(d->issued, &o->issued)) != BASE_OK ||
	    (e = wire_asn_get_time(d->expires, &o->expires)) != BASE_OK ||
	    (e = wire_asn_get_cert(d->new_with_new, "order: NewWithNew",
		 &o->new_with_new)) != BASE_OK ||
	    (e = get_opt_cert(d->new_with_old, "order: NewWithOld",
		 &o->new_with_old)) != BASE_OK ||
	    (e = get_opt_cert(d->cert, "order: node certificate", &o->cert)) !=
		BASE_OK ||
	    (e = get_opt_cert(d->old_root, "order: old root", &o->old_root)) !=
		BASE_OK ||
	    (e = wire_asn_get_bool(d->bridge, &o->bridge)) != BASE_OK ||
	    (e = wire_asn_get_bool(d->verifies, &o->verifies)) != BASE_OK ||
	    (e = get_canaries(d, o)) != BASE_OK)
		return e;
	return order_check(o);
}

enum base_err
wire_order_parse(struct base_span der, struct wire_order *out)
{
	struct wire_order o = { 0 };
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(order_der), "order", der, &d);
	if (e == BASE_OK)
		e = order_read(d, &o);
	wire_asn_free(ASN1_ITEM_rptr(order_der), d);
	if (e == BASE_OK)
		*out = o;
	else
		wire_order_clear(&o);
	return e;
}

void
wire_order_clear(struct wire_order *o)
{
	X509_free(o->new_with_new);
	X509_free(o->new_with_old);
	X509_free(o->cert);
	X509_free(o->old_root);
	for (size_t i = 0; i < WIRE_CANARY_MAX; i++)
		X509_free(o->canary[i].cert);
	memset(o, 0, sizeof(*o));
}
