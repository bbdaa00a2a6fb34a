/*
 * Stock: what the node holds now, sent unasked. The agent composes it, kedged
 * parses it and compares it with its facts.
 */
#include "wire/inventory.h"

#include <string.h>

struct stock_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node;
	uint64_t number;
	OPENSSL_STACK *inventory;
};

/* clang-format off */
ASN1_SEQUENCE(stock_der) = {
	ASN1_EMBED(struct stock_der, version, UINT32),
	ASN1_SIMPLE(struct stock_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct stock_der, node, ASN1_UTF8STRING),
	ASN1_EMBED(struct stock_der, number, UINT64),
	ASN1_SEQUENCE_OF(struct stock_der, inventory, inventory_der),
} static_ASN1_SEQUENCE_END_name(struct stock_der, stock_der)
/* clang-format on */

static enum base_err
stock_check(const struct wire_stock *s)
{
	enum base_err e;

	if ((e = wire_asn_range("stock: number", s->number, 1, INT64_MAX)) !=
	    BASE_OK)
		return e;
	return wire_inventories_check(s->inventory, s->ninventory);
}

enum base_err
wire_stock_compose(const struct wire_stock *s, struct base_buf *out)
{
	struct stock_der *d;
	enum base_err e = stock_check(s);

	if (e != BASE_OK)
		return e;
	d = wire_asn_new(ASN1_ITEM_rptr(stock_der));
	d->version = WIRE_MSG_VERSION;
	d->number = s->number;
	if ((e = wire_asn_put_name(d->fleet, s->fleet)) == BASE_OK &&
	    (e = wire_asn_put_name(d->node, s->node)) == BASE_OK &&
	    (e = wire_inventories_put(d->inventory, s->inventory,
		 s->ninventory)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(stock_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(stock_der), d);
	return e;
}

static enum base_err
stock_read(const struct stock_der *d, struct wire_stock *s)
{
	enum base_err e;

	s->number = d->number;
	if ((e = wire_asn_version("stock", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, s->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, s->node)) != BASE_OK ||
	    (e = wire_inventories_get(d->inventory, s->inventory,
		 &s->ninventory)) != BASE_OK)
		return e;
	return stock_check(s);
}

enum base_err
wire_stock_parse(struct base_span der, struct wire_stock *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(stock_der), "stock", der, &d);
	if (e == BASE_OK)
		e = stock_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(stock_der), d);
	if (e != BASE_OK)
		memset(out, 0, sizeof(*out));
	return e;
}
