/*
 * Ack: the CA's word that a report is in its store; only then may the node
 * and the relays forget it. kedged composes it, the agent parses it.
 */
#include "wire/asn1.h"
#include "wire/msg.h"

#include <string.h>

struct ack_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node, *root;
	uint64_t epoch;
	ASN1_OCTET_STRING *report_digest;
};

/* clang-format off */
ASN1_SEQUENCE(ack_der) = {
	ASN1_EMBED(struct ack_der, version, UINT32),
	ASN1_SIMPLE(struct ack_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct ack_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct ack_der, root, ASN1_UTF8STRING),
	ASN1_EMBED(struct ack_der, epoch, UINT64),
	ASN1_SIMPLE(struct ack_der, report_digest, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END_name(struct ack_der, ack_der)
/* clang-format on */

enum base_err
wire_ack_compose(const struct wire_ack *a, struct base_buf *out)
{
	struct ack_der *d;
	enum base_err e;

	e = wire_asn_range("ack: epoch", a->epoch, 1, INT64_MAX);
	if (e != BASE_OK)
		return e;
	d = wire_asn_new(ASN1_ITEM_rptr(ack_der));
	d->version = WIRE_MSG_VERSION;
	d->epoch = a->epoch;
	wire_asn_put_bytes(d->report_digest, a->report_digest,
	    sizeof(a->report_digest));
	if ((e = wire_asn_put_name(d->fleet, a->fleet)) == BASE_OK &&
	    (e = wire_asn_put_name(d->node, a->node)) == BASE_OK &&
	    (e = wire_asn_put_name(d->root, a->root)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(ack_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(ack_der), d);
	return e;
}

static enum base_err
ack_read(const struct ack_der *d, struct wire_ack *a)
{
	enum base_err e;

	a->epoch = d->epoch;
	if ((e = wire_asn_version("ack", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, a->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, a->node)) != BASE_OK ||
	    (e = wire_asn_get_name(d->root, a->root)) != BASE_OK ||
	    (e = wire_asn_range("ack: epoch", a->epoch, 1, INT64_MAX)) !=
		BASE_OK)
		return e;
	return wire_asn_get_bytes(d->report_digest, a->report_digest,
	    sizeof(a->report_digest));
}

enum base_err
wire_ack_parse(struct base_span der, struct wire_ack *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(ack_der), "ack", der, &d);
	if (e == BASE_OK)
		e = ack_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(ack_der), d);
	if (e != BASE_OK)
		memset(out, 0, sizeof(*out));
	return e;
}
