/*
 * Parcels and exchanges: what relays see. One exchange is one HTTP body, in
 * either direction; a parcel in it is opaque but for its route. Agents and
 * kedged compose and parse both.
 */
#include "wire/asn1.h"
#include "wire/msg.h"

#include <stdlib.h>
#include <string.h>

#define HELLO_MAX ((size_t)16 << 10)

/* ---- fields ------------------------------------------------------------------ */

struct parcel_der {
	uint32_t kind;
	ASN1_BOOLEAN down;
	OPENSSL_STACK *route;
	ASN1_GENERALIZEDTIME *expires;
	ASN1_OCTET_STRING *content;
};

struct exchange_der {
	uint32_t version;
	ASN1_UTF8STRING *from;
	uint32_t wait;
	ASN1_OCTET_STRING *hello;
	OPENSSL_STACK *parcels;
};

/* clang-format off */
ASN1_SEQUENCE(parcel_der) = {
	ASN1_EMBED(struct parcel_der, kind, UINT32),
	ASN1_EXP_OPT(struct parcel_der, down, ASN1_FBOOLEAN, 0),
	ASN1_SEQUENCE_OF(struct parcel_der, route, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct parcel_der, expires, ASN1_GENERALIZEDTIME),
	ASN1_SIMPLE(struct parcel_der, content, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END_name(struct parcel_der, parcel_der)

ASN1_SEQUENCE(exchange_der) = {
	ASN1_EMBED(struct exchange_der, version, UINT32),
	ASN1_SIMPLE(struct exchange_der, from, ASN1_UTF8STRING),
	ASN1_EMBED(struct exchange_der, wait, UINT32),
	ASN1_EXP_OPT(struct exchange_der, hello, ASN1_OCTET_STRING, 0),
	ASN1_SEQUENCE_OF(struct exchange_der, parcels, parcel_der),
} static_ASN1_SEQUENCE_END_name(struct exchange_der, exchange_der)
/* clang-format on */

/* ---- parcel: rules -------------------------------------------------------------- */

bool
wire_parcel_is_down(enum wire_parcel_kind kind)
{
	switch (kind) {
	case WIRE_P_ORDER:
	case WIRE_P_ACK:
	case WIRE_P_JOIN_ANSWER:
	case WIRE_P_INVITE:
		return true;
	case WIRE_P_REPORT:
	case WIRE_P_STOCK:
	case WIRE_P_JOIN:
	case WIRE_P_HANDED:
		return false;
	}
	return false;
}

static enum base_err
parcel_check(const struct wire_parcel *p)
{
	enum base_err e;

	if ((e = wire_asn_range("parcel: kind", p->kind, WIRE_P_ORDER,
		 WIRE_P_HANDED)) != BASE_OK ||
	    (e = wire_asn_range("parcel: hops", p->nroute, 1,
		 WIRE_ROUTE_MAX)) != BASE_OK ||
	    (e = wire_asn_range("parcel: bytes", p->content.n, 1,
		 WIRE_PARCEL_MAX)) != BASE_OK)
		return e;
	if (p->down != wire_parcel_is_down(p->kind))
		return base_fail(BASE_E_SYNTAX,
		    "parcel: what the CA says goes down, the rest goes up");
	for (size_t i = 0; i < p->nroute; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(p->route[i], p->route[k]) == 0)
				return base_fail(BASE_E_SYNTAX,
				    "parcel: its route passes '%s' twice",
				    p->route[i]);
	return BASE_OK;
}

/* ---- parcel: compose --------------------------------------------------------------- */

static enum base_err
parcel_fill(struct parcel_der *d, const struct wire_parcel *p)
{
	enum base_err e = parcel_check(p);

	if (e != BASE_OK)
		return e;
	d->kind = p->kind;
	d->down = p->down ? 0xff : 0;
	wire_asn_put_buf(d->content, &p->content);
	e = wire_asn_put_time(d->expires, p->expires);
	for (size_t i = 0; e == BASE_OK && i < p->nroute; i++)
		e = wire_asn_put_name(wire_asn_push(d->route,
					  ASN1_ITEM_rptr(ASN1_UTF8STRING)),
		    p->route[i]);
	return e;
}

enum base_err
wire_parcel_compose(const struct wire_parcel *p, struct base_buf *out)
{
	struct parcel_der *d = wire_asn_new(ASN1_ITEM_rptr(parcel_der));
	enum base_err e;

	if ((e = parcel_fill(d, p)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(parcel_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(parcel_der), d);
	return e;
}

/* ---- parcel: parse ------------------------------------------------------------------- */

static enum base_err
parcel_read(const struct parcel_der *d, struct wire_parcel *p)
{
	size_t n;
	enum base_err e;

	if ((e = wire_asn_range("parcel: kind", d->kind, WIRE_P_ORDER,
		 WIRE_P_HANDED)) != BASE_OK ||
	    (e = wire_asn_get_bool(d->down, &p->down)) != BASE_OK ||
	    (e = wire_asn_get_time(d->expires, &p->expires)) != BASE_OK ||
	    (e = wire_asn_get_buf(d->content, WIRE_PARCEL_MAX, &p->content)) !=
		BASE_OK)
		return e;
	p->kind = (enum wire_parcel_kind)d->kind;
	e = wire_asn_count("parcel: hops", d->route, WIRE_ROUTE_MAX, &n);
	p->nroute = (uint8_t)n;
	for (size_t i = 0; e == BASE_OK && i < n; i++)
		e = wire_asn_get_name(OPENSSL_sk_value(d->route, (int)i),
		    p->route[i]);
	return e == BASE_OK ? parcel_check(p) : e;
}

enum base_err
wire_parcel_parse(struct base_span der, struct wire_parcel *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(parcel_der), "parcel", der, &d);
	if (e == BASE_OK)
		e = parcel_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(parcel_der), d);
	if (e != BASE_OK)
		wire_parcel_clear(out);
	return e;
}

void
wire_parcel_clear(struct wire_parcel *p)
{
	base_buf_free(&p->content);
	memset(p, 0, sizeof(*p));
}

/* ---- exchange: compose ------------------------------------------------------------------- */

static enum base_err
exchange_fill(struct exchange_der *d, const struct wire_exchange *x)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	d->wait = x->wait_ms;
	if (x->hello.n != 0) {
		d->hello = wire_asn_new(ASN1_ITEM_rptr(ASN1_OCTET_STRING));
		wire_asn_put_buf(d->hello, &x->hello);
	}
	if ((e = wire_asn_put_name(d->from, x->from)) != BASE_OK ||
	    (e = wire_asn_range("exchange: wait", x->wait_ms, 0,
		 WIRE_WAIT_MAX)) != BASE_OK ||
	    (e = wire_asn_range("exchange: hello", x->hello.n, 0, HELLO_MAX)) !=
		BASE_OK)
		return e;
	e = wire_asn_range("exchange: parcels", x->nparcels, 0, WIRE_PARCELS);
	for (size_t i = 0; e == BASE_OK && i < x->nparcels; i++)
		e = parcel_fill(wire_asn_push(d->parcels,
				    ASN1_ITEM_rptr(parcel_der)),
		    &x->parcels[i]);
	return e;
}

enum base_err
wire_exchange_compose(const struct wire_exchange *x, struct base_buf *out)
{
	struct exchange_der *d = wire_asn_new(ASN1_ITEM_rptr(exchange_der));
	enum base_err e;

	if ((e = exchange_fill(d, x)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(exchange_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(exchange_der), d);
	return e;
}

/* ---- exchange: parse ------------------------------------------------------------------------ */

static enum base_err
get_parcels(const struct exchange_der *d, struct wire_exchange *x)
{
	size_t n;
	enum base_err e;

	e = wire_asn_count("exchange: parcels", d->parcels, WIRE_PARCELS, &n);
	if (e != BASE_OK || n == 0)
		return e;
	x->parcels = base_alloc(n * sizeof(*x->parcels));
	x->nparcels = n;
	for (size_t i = 0; e == BASE_OK && i < n; i++)
		e = parcel_read(OPENSSL_sk_value(d->parcels, (int)i),
		    &x->parcels[i]);
	return e;
}

static enum base_err
exchange_read(const struct exchange_der *d, struct wire_exchange *x)
{
	enum base_err e;

	x->wait_ms = d->wait;
	if ((e = wire_asn_version("exchange", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->from, x->from)) != BASE_OK ||
	    (e = wire_asn_range("exchange: wait", d->wait, 0, WIRE_WAIT_MAX)) !=
		BASE_OK)
		return e;
	if (d->hello != NULL &&
	    (e = wire_asn_get_buf(d->hello, HELLO_MAX, &x->hello)) != BASE_OK)
		return e;
	return get_parcels(d, x);
}

enum base_err
wire_exchange_parse(struct base_span der, struct wire_exchange *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(exchange_der), "exchange", der, &d);
	if (e == BASE_OK)
		e = exchange_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(exchange_der), d);
	if (e != BASE_OK)
		wire_exchange_clear(out);
	return e;
}

void
wire_exchange_clear(struct wire_exchange *x)
{
	base_buf_free(&x->hello);
	for (size_t i = 0; x->parcels != NULL && i < x->nparcels; i++)
		wire_parcel_clear(&x->parcels[i]);
	free(x->parcels);
	memset(x, 0, sizeof(*x));
}
