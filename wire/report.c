/*
 * Report: the node's signed answer to an order, with its inventory. The
 * agent composes it, kedged parses it.
 */
#include "wire/asn1.h"
#include "wire/msg.h"

#include <string.h>

/* ---- fields ------------------------------------------------------------------ */

struct inventory_der {
	ASN1_OCTET_STRING *store_id, *boot_id;
	ASN1_UTF8STRING *root;
	uint64_t highest, trust;
	uint32_t cert;
	ASN1_BOOLEAN bridging;
	ASN1_OCTET_STRING *store, *rendered, *probe;
};

struct report_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node, *root;
	uint64_t roll, epoch;
	ASN1_OCTET_STRING *order_digest;
	uint32_t status, proof;
	ASN1_GENERALIZEDTIME *at;
	ASN1_UTF8STRING *reason;
	OPENSSL_STACK *inventory;
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
} static_ASN1_SEQUENCE_END_name(struct inventory_der, inventory_der)

ASN1_SEQUENCE(report_der) = {
	ASN1_EMBED(struct report_der, version, UINT32),
	ASN1_SIMPLE(struct report_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct report_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct report_der, root, ASN1_UTF8STRING),
	ASN1_EMBED(struct report_der, roll, UINT64),
	ASN1_EMBED(struct report_der, epoch, UINT64),
	ASN1_SIMPLE(struct report_der, order_digest, ASN1_OCTET_STRING),
	ASN1_EMBED(struct report_der, status, UINT32),
	ASN1_EMBED(struct report_der, proof, UINT32),
	ASN1_SIMPLE(struct report_der, at, ASN1_GENERALIZEDTIME),
	ASN1_SIMPLE(struct report_der, reason, ASN1_UTF8STRING),
	ASN1_SEQUENCE_OF(struct report_der, inventory, inventory_der),
} static_ASN1_SEQUENCE_END_name(struct report_der, report_der)
/* clang-format on */

/* ---- rules ------------------------------------------------------------------- */

static enum base_err
inventory_check(const struct wire_report *r)
{
	enum base_err e;

	e = wire_asn_range("report: inventories", r->ninventory, 0,
	    WIRE_INVENTORY_MAX);
	for (size_t i = 0; e == BASE_OK && i < r->ninventory; i++) {
		const struct wire_inventory *v = &r->inventory[i];

		for (size_t k = 0; k < i; k++)
			if (strcmp(v->root, r->inventory[k].root) == 0)
				return base_fail(BASE_E_SYNTAX,
				    "report: root '%s' twice in the inventory",
				    v->root);
		if ((e = wire_asn_range("report: highest epoch", v->highest, 0,
			 INT64_MAX)) == BASE_OK)
			e = wire_asn_range("report: generation presented",
			    v->cert, 0, WIRE_GENERATION_MAX);
	}
	return e;
}

static enum base_err
report_check(const struct wire_report *r)
{
	bool bad = r->status == WIRE_FAILED || r->status == WIRE_ORDER_REFUSED;
	enum base_err e;

	if ((e = wire_asn_range("report: roll", r->roll, 0, INT64_MAX)) !=
		BASE_OK ||
	    (e = wire_asn_range("report: epoch", r->epoch, 1, INT64_MAX)) !=
		BASE_OK ||
	    (e = wire_asn_range("report: status", r->status, WIRE_RECEIVED,
		 WIRE_ORDER_REFUSED)) != BASE_OK ||
	    (e = wire_asn_range("report: proof", r->proof, WIRE_PROOF_NONE,
		 WIRE_PROOF_PROBE)) != BASE_OK)
		return e;
	if (bad != (r->reason[0] != '\0'))
		return base_fail(BASE_E_SYNTAX,
		    "report: a reason belongs to failed and refused, "
		    "and to nothing else");
	return inventory_check(r);
}

/* ---- compose ------------------------------------------------------------------ */

/* An application's words may be any bytes, and a report must not fail to be
 * sent because of them: what is no UTF-8 becomes '?'. */
static void
put_reason(ASN1_UTF8STRING *s, const char *reason, size_t size)
{
	char text[512];
	size_t n = strnlen(reason, size < sizeof(text) ? size : sizeof(text));
	unsigned long c;

	memcpy(text, reason, n);
	for (size_t i = 0; i < n;) {
		size_t left = n - i;
		int k = UTF8_getc((unsigned char *)text + i,
		    left > 6 ? 6 : (int)left, &c);

		if (k > 0 && wire_utf8_is_valid(text + i, (size_t)k))
			i += (size_t)k;
		else
			text[i++] = '?';
	}
	wire_asn_put_bytes(s, text, n);
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

static enum base_err
report_fill(struct report_der *d, const struct wire_report *r)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	d->roll = r->roll;
	d->epoch = r->epoch;
	d->status = r->status;
	d->proof = r->proof;
	wire_asn_put_bytes(d->order_digest, r->order_digest, 32);
	put_reason(d->reason, r->reason, sizeof(r->reason) - 1);
	if ((e = wire_asn_put_name(d->fleet, r->fleet)) != BASE_OK ||
	    (e = wire_asn_put_name(d->node, r->node)) != BASE_OK ||
	    (e = wire_asn_put_name(d->root, r->root)) != BASE_OK)
		return e;
	e = wire_asn_put_time(d->at, r->at);
	for (size_t i = 0; e == BASE_OK && i < r->ninventory; i++)
		e = inventory_fill(wire_asn_push(d->inventory,
				       ASN1_ITEM_rptr(inventory_der)),
		    &r->inventory[i]);
	return e;
}

enum base_err
wire_report_compose(const struct wire_report *r, struct base_buf *out)
{
	struct report_der *d;
	enum base_err e = report_check(r);

	if (e != BASE_OK)
		return e;
	d = wire_asn_new(ASN1_ITEM_rptr(report_der));
	if ((e = report_fill(d, r)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(report_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(report_der), d);
	return e;
}

/* ---- parse ---------------------------------------------------------------------- */

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

static enum base_err
get_inventory(const struct report_der *d, struct wire_report *r)
{
	enum base_err e;

	e = wire_asn_count("report: inventories", d->inventory,
	    WIRE_INVENTORY_MAX, &r->ninventory);
	for (size_t i = 0; e == BASE_OK && i < r->ninventory; i++)
		e = inventory_read(OPENSSL_sk_value(d->inventory, (int)i),
		    &r->inventory[i]);
	return e;
}

static enum base_err
report_read(const struct report_der *d, struct wire_report *r)
{
	enum base_err e;

	if ((e = wire_asn_version("report", d->version)) != BASE_OK ||
	    (e = wire_asn_range("report: status", d->status, WIRE_RECEIVED,
		 WIRE_ORDER_REFUSED)) != BASE_OK ||
	    (e = wire_asn_range("report: proof", d->proof, WIRE_PROOF_NONE,
		 WIRE_PROOF_PROBE)) != BASE_OK)
		return e;
	r->roll = d->roll;
	r->epoch = d->epoch;
	r->status = (enum wire_status)d->status;
	r->proof = (enum wire_proof)d->proof;
	if ((e = wire_asn_get_name(d->fleet, r->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, r->node)) != BASE_OK ||
	    (e = wire_asn_get_name(d->root, r->root)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->order_digest, r->order_digest, 32)) !=
		BASE_OK ||
	    (e = wire_asn_get_time(d->at, &r->at)) != BASE_OK ||
	    (e = wire_asn_get_text(d->reason, r->reason, sizeof(r->reason))) !=
		BASE_OK ||
	    (e = get_inventory(d, r)) != BASE_OK)
		return e;
	return report_check(r);
}

enum base_err
wire_report_parse(struct base_span der, struct wire_report *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(report_der), "report", der, &d);
	if (e == BASE_OK)
		e = report_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(report_der), d);
	if (e != BASE_OK)
		memset(out, 0, sizeof(*out));
	return e;
}
