/*
 * Hello: proves a poller to whom it polls, over the very TLS connection
 * whose exporter value it carries. The agent composes it; relays and kedged
 * parse it.
 */
#include "wire/asn1.h"
#include "wire/msg.h"

#include <string.h>

struct hello_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node;
	ASN1_OCTET_STRING *binding;
	ASN1_GENERALIZEDTIME *at;
};

/* clang-format off */
ASN1_SEQUENCE(hello_der) = {
	ASN1_EMBED(struct hello_der, version, UINT32),
	ASN1_SIMPLE(struct hello_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct hello_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct hello_der, binding, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct hello_der, at, ASN1_GENERALIZEDTIME),
} static_ASN1_SEQUENCE_END_name(struct hello_der, hello_der)
/* clang-format on */

enum base_err
wire_hello_compose(const struct wire_hello *h, struct base_buf *out)
{
	struct hello_der *d = wire_asn_new(ASN1_ITEM_rptr(hello_der));
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	wire_asn_put_bytes(d->binding, h->binding, sizeof(h->binding));
	if ((e = wire_asn_put_name(d->fleet, h->fleet)) == BASE_OK &&
	    (e = wire_asn_put_name(d->node, h->node)) == BASE_OK &&
	    (e = wire_asn_put_time(d->at, h->at)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(hello_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(hello_der), d);
	return e;
}

static enum base_err
hello_read(const struct hello_der *d, struct wire_hello *h)
{
	enum base_err e;

	if ((e = wire_asn_version("hello", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, h->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, h->node)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->binding, h->binding,
		 sizeof(h->binding))) != BASE_OK)
		return e;
	return wire_asn_get_time(d->at, &h->at);
}

enum base_err
wire_hello_parse(struct base_span der, struct wire_hello *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(hello_der), "hello", der, &d);
	if (e == BASE_OK)
		e = hello_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(hello_der), d);
	if (e != BASE_OK)
		memset(out, 0, sizeof(*out));
	return e;
}
