/*
 * Report: the node's signed answer to an order, with its inventory. The
 * agent composes it, kedged parses it.
 */
#include "wire/asn1.h"
#include "wire/inventory.h"
#include "wire/msg.h"

#include <string.h>

#define REKEY_MAX ((size_t)8 << 10)

/* ---- fields ------------------------------------------------------------------ */

struct report_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node, *root;
	uint64_t roll, epoch;
	ASN1_OCTET_STRING *order_digest;
	uint32_t status, proof;
	ASN1_GENERALIZEDTIME *at;
	uint64_t number;
	ASN1_UTF8STRING *reason;
	OPENSSL_STACK *inventory;
	ASN1_OCTET_STRING *rekey;
	ASN1_BOOLEAN kicked;
};

/* clang-format off */
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
	ASN1_EMBED(struct report_der, number, UINT64),
	ASN1_SIMPLE(struct report_der, reason, ASN1_UTF8STRING),
	ASN1_SEQUENCE_OF(struct report_der, inventory, inventory_der),
	ASN1_EXP_OPT(struct report_der, rekey, ASN1_OCTET_STRING, 0),
	ASN1_EXP_OPT(struct report_der, kicked, ASN1_FBOOLEAN, 1),
} static_ASN1_SEQUENCE_END_name(struct report_der, report_der)
/* clang-format on */

/* ---- rules ------------------------------------------------------------------- */

static enum base_err
report_check(const struct wire_report *r)
{
	bool bad = r->status >= WIRE_FAILED;
	enum base_err e;

	if ((e = wire_asn_range("report: roll", r->roll, 0, INT64_MAX)) !=
		BASE_OK ||
	    (e = wire_asn_range("report: epoch", r->epoch, 1, INT64_MAX)) !=
		BASE_OK ||
	    (e = wire_asn_range("report: status", r->status, WIRE_RECEIVED,
		 WIRE_HELD)) != BASE_OK ||
	    (e = wire_asn_range("report: proof", r->proof, WIRE_PROOF_NONE,
		 WIRE_PROOF_PROBE)) != BASE_OK)
		return e;
	if (bad != (r->reason[0] != '\0'))
		return base_fail(BASE_E_SYNTAX,
		    "report: a reason belongs to failed, refused, stale and "
		    "held, and to nothing else");
	if (r->rekey.n > 0 && r->status != WIRE_EFFECTIVE)
		return base_fail(BASE_E_SYNTAX,
		    "report: a new key belongs to effective only");
	if (r->kicked && r->status != WIRE_EFFECTIVE)
		return base_fail(BASE_E_SYNTAX,
		    "report: ended sessions belong to effective only");
	if ((e = wire_asn_range("report: number", r->number, 0, INT64_MAX)) !=
	    BASE_OK)
		return e;
	return wire_inventories_check(r->inventory, r->ninventory);
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
report_fill(struct report_der *d, const struct wire_report *r)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	d->roll = r->roll;
	d->epoch = r->epoch;
	d->status = r->status;
	d->proof = r->proof;
	d->number = r->number;
	d->kicked = r->kicked ? 0xff : 0;
	wire_asn_put_bytes(d->order_digest, r->order_digest, 32);
	put_reason(d->reason, r->reason, sizeof(r->reason) - 1);
	if ((e = wire_asn_put_name(d->fleet, r->fleet)) != BASE_OK ||
	    (e = wire_asn_put_name(d->node, r->node)) != BASE_OK ||
	    (e = wire_asn_put_name(d->root, r->root)) != BASE_OK)
		return e;
	if (r->rekey.n > 0) {
		if ((d->rekey = ASN1_OCTET_STRING_new()) == NULL)
			base_die("report: out of memory");
		wire_asn_put_buf(d->rekey, &r->rekey);
	}
	e = wire_asn_put_time(d->at, r->at);
	if (e == BASE_OK)
		e = wire_inventories_put(d->inventory, r->inventory,
		    r->ninventory);
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
report_read(const struct report_der *d, struct wire_report *r)
{
	enum base_err e;

	if ((e = wire_asn_version("report", d->version)) != BASE_OK ||
	    (e = wire_asn_range("report: status", d->status, WIRE_RECEIVED,
		 WIRE_HELD)) != BASE_OK ||
	    (e = wire_asn_range("report: proof", d->proof, WIRE_PROOF_NONE,
		 WIRE_PROOF_PROBE)) != BASE_OK)
		return e;
	r->roll = d->roll;
	r->epoch = d->epoch;
	r->number = d->number;
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
	    (e = wire_inventories_get(d->inventory, r->inventory,
		 &r->ninventory)) != BASE_OK ||
	    (e = wire_asn_get_bool(d->kicked, &r->kicked)) != BASE_OK)
		return e;
	if (d->rekey != NULL &&
	    (e = wire_asn_get_buf(d->rekey, REKEY_MAX, &r->rekey)) != BASE_OK)
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
		wire_report_clear(out);
	return e;
}

void
wire_report_clear(struct wire_report *r)
{
	base_buf_free(&r->rekey);
	memset(r, 0, sizeof(*r));
}
