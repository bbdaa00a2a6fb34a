/*
 * Inventory: what a node holds under each of its roots. A part of reports
 * and of stocks (report.c, stock.c); the agent composes it, kedged parses it.
 */
#include "wire/inventory.h"

#include <string.h>

struct inventory_der {
	ASN1_OCTET_STRING *store_id, *boot_id;
	ASN1_UTF8STRING *root;
	uint64_t highest, trust;
	uint32_t cert;
	ASN1_BOOLEAN bridging;
	ASN1_OCTET_STRING *store, *rendered, *probe;
};

/* clang-format off */
ASN1_SEQUENCE(inventory_der) = {
	ASN1_SIMPLE(struct inventory_der, store_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct inventory_der, boot_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct inventory_der, root, ASN1_UTF8STRING),
	ASN1_EMBED(struct inventory_der, highest, UINT64),
	ASN1_EMBED(struct inventory_der, trust, UINT64),
	ASN1_EMBED(struct inventory_der, cert, UINT32),
	ASN1_EXP_OPT(struct inventory_der, bridging, ASN1_FBOOLEAN, 0),
	ASN1_SIMPLE(struct inventory_der, store, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct inventory_der, rendered, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct inventory_der, probe, ASN1_OCTET_STRING),
} ASN1_SEQUENCE_END_name(struct inventory_der, inventory_der)
/* clang-format on */

enum base_err
wire_inventories_check(const struct wire_inventory *list, size_t n)
{
	enum base_err e;

	e = wire_asn_range("inventory: roots", n, 0, WIRE_INVENTORY_MAX);
	for (size_t i = 0; e == BASE_OK && i < n; i++) {
		const struct wire_inventory *v = &list[i];

		for (size_t k = 0; k < i; k++)
			if (strcmp(v->root, list[k].root) == 0)
				return base_fail(BASE_E_SYNTAX,
				    "inventory: root '%s' twice", v->root);
		if ((e = wire_asn_range("inventory: highest epoch", v->highest,
			 0, INT64_MAX)) == BASE_OK)
			e = wire_asn_range("inventory: generation presented",
			    v->cert, 0, WIRE_GENERATION_MAX);
	}
	return e;
}

static enum base_err
inventory_fill(struct inventory_der *d, const struct wire_inventory *v)
{
	wire_asn_put_bytes(d->store_id, v->store_id, sizeof(v->store_id));
	wire_asn_put_bytes(d->boot_id, v->boot_id, sizeof(v->boot_id));
	d->highest = v->highest;
	d->trust = v->trust;
	d->cert = v->cert;
	d->bridging = v->bridging ? 0xff : 0;
	wire_asn_put_bytes(d->store, v->store_digest, 32);
	wire_asn_put_bytes(d->rendered, v->rendered_digest, 32);
	wire_asn_put_bytes(d->probe, v->probe_digest, 32);
	return wire_asn_put_name(d->root, v->root);
}

enum base_err
wire_inventories_put(OPENSSL_STACK *sk, const struct wire_inventory *list,
    size_t n)
{
	enum base_err e = BASE_OK;

	for (size_t i = 0; e == BASE_OK && i < n; i++)
		e = inventory_fill(wire_asn_push(sk,
				       ASN1_ITEM_rptr(inventory_der)),
		    &list[i]);
	return e;
}

static enum base_err
inventory_read(const struct inventory_der *d, struct wire_inventory *v)
{
	enum base_err e;

	v->highest = d->highest;
	v->trust = d->trust;
	v->cert = d->cert;
	if ((e = wire_asn_get_bytes(d->store_id, v->store_id, 16)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->boot_id, v->boot_id, 16)) != BASE_OK ||
	    (e = wire_asn_get_name(d->root, v->root)) != BASE_OK ||
	    (e = wire_asn_get_bool(d->bridging, &v->bridging)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->store, v->store_digest, 32)) !=
		BASE_OK ||
	    (e = wire_asn_get_bytes(d->rendered, v->rendered_digest, 32)) !=
		BASE_OK)
		return e;
	return wire_asn_get_bytes(d->probe, v->probe_digest, 32);
}

enum base_err
wire_inventories_get(const OPENSSL_STACK *sk, struct wire_inventory *list,
    size_t *n)
{
	enum base_err e;

	e = wire_asn_count("inventory: roots", sk, WIRE_INVENTORY_MAX, n);
	for (size_t i = 0; e == BASE_OK && i < *n; i++)
		e = inventory_read(OPENSSL_sk_value(sk, (int)i), &list[i]);
	return e;
}
