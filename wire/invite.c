/*
 * Joining through a relay: the CA's invitation, by which a relay lets a node
 * in that has no certificate yet, and what that node says to the relay.
 * kedged composes invitations, relays and joining nodes parse them; calls go
 * from node to relay. What is in a call is sealed (wire/seal.c).
 */
#include "wire/asn1.h"
#include "wire/msg.h"
#include "wire/x509.h"

#include <string.h>

/* ---- fields -------------------------------------------------------------------- */

struct invite_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node, *relay;
	ASN1_OCTET_STRING *admit, *key;
	ASN1_GENERALIZEDTIME *issued, *expires;
	OPENSSL_STACK *roots;
};

struct join_call_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node;
	ASN1_OCTET_STRING *word, *sealed;
};

/* clang-format off */
ASN1_SEQUENCE(invite_der) = {
	ASN1_EMBED(struct invite_der, version, UINT32),
	ASN1_SIMPLE(struct invite_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct invite_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct invite_der, relay, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct invite_der, admit, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct invite_der, key, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct invite_der, issued, ASN1_GENERALIZEDTIME),
	ASN1_SIMPLE(struct invite_der, expires, ASN1_GENERALIZEDTIME),
	ASN1_SEQUENCE_OF(struct invite_der, roots, ASN1_SEQUENCE),
} static_ASN1_SEQUENCE_END_name(struct invite_der, invite_der)

ASN1_SEQUENCE(join_call_der) = {
	ASN1_EMBED(struct join_call_der, version, UINT32),
	ASN1_SIMPLE(struct join_call_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct join_call_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct join_call_der, word, ASN1_OCTET_STRING),
	ASN1_EXP_OPT(struct join_call_der, sealed, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END_name(struct join_call_der, join_call_der)
/* clang-format on */

/* ---- invitation ------------------------------------------------------------------ */

static enum base_err
invite_check(const struct wire_invite *v)
{
	if (v->expires.ms <= v->issued.ms)
		return base_fail(BASE_E_SYNTAX,
		    "invitation: ends before it begins");
	return wire_asn_range("invitation: roots", v->nroots, 1,
	    WIRE_INVITE_ROOTS);
}

static enum base_err
invite_fill(struct invite_der *d, const struct wire_invite *v)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	wire_asn_put_bytes(d->admit, v->admit, sizeof(v->admit));
	wire_asn_put_bytes(d->key, v->key, sizeof(v->key));
	if ((e = wire_asn_put_name(d->fleet, v->fleet)) != BASE_OK ||
	    (e = wire_asn_put_name(d->node, v->node)) != BASE_OK ||
	    (e = wire_asn_put_name(d->relay, v->relay)) != BASE_OK ||
	    (e = wire_asn_put_time(d->issued, v->issued)) != BASE_OK)
		return e;
	e = wire_asn_put_time(d->expires, v->expires);
	for (size_t i = 0; e == BASE_OK && i < v->nroots; i++)
		e = wire_asn_put_cert(wire_asn_push(d->roots,
					  ASN1_ITEM_rptr(ASN1_SEQUENCE)),
		    v->root[i]);
	return e;
}

enum base_err
wire_invite_compose(const struct wire_invite *v, struct base_buf *out)
{
	struct invite_der *d;
	enum base_err e = invite_check(v);

	if (e != BASE_OK)
		return e;
	d = wire_asn_new(ASN1_ITEM_rptr(invite_der));
	if ((e = invite_fill(d, v)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(invite_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(invite_der), d);
	return e;
}

static enum base_err
invite_read(const struct invite_der *d, struct wire_invite *v)
{
	size_t n = 0;
	enum base_err e;

	if ((e = wire_asn_version("invitation", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, v->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, v->node)) != BASE_OK ||
	    (e = wire_asn_get_name(d->relay, v->relay)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->admit, v->admit, sizeof(v->admit))) !=
		BASE_OK ||
	    (e = wire_asn_get_bytes(d->key, v->key, sizeof(v->key))) !=
		BASE_OK ||
	    (e = wire_asn_get_time(d->issued, &v->issued)) != BASE_OK ||
	    (e = wire_asn_get_time(d->expires, &v->expires)) != BASE_OK)
		return e;
	e = wire_asn_count("invitation: roots", d->roots, WIRE_INVITE_ROOTS,
	    &n);
	for (size_t i = 0; e == BASE_OK && i < n; i++) {
		e = wire_asn_get_cert(OPENSSL_sk_value(d->roots, (int)i),
		    "invitation: root", &v->root[i]);
		v->nroots = i + 1;
	}
	return e == BASE_OK ? invite_check(v) : e;
}

enum base_err
wire_invite_parse(struct base_span der, struct wire_invite *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(invite_der), "invitation", der, &d);
	if (e == BASE_OK)
		e = invite_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(invite_der), d);
	if (e != BASE_OK)
		wire_invite_clear(out);
	return e;
}

void
wire_invite_clear(struct wire_invite *v)
{
	for (size_t i = 0; i < WIRE_INVITE_ROOTS; i++)
		X509_free(v->root[i]);
	memset(v, 0, sizeof(*v));
}

/* ---- call -------------------------------------------------------------------------- */

static enum base_err
call_fill(struct join_call_der *d, const struct wire_join_call *c)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	wire_asn_put_bytes(d->word, c->word, sizeof(c->word));
	if (c->sealed.n != 0) {
		d->sealed = wire_asn_new(ASN1_ITEM_rptr(ASN1_OCTET_STRING));
		wire_asn_put_buf(d->sealed, &c->sealed);
	}
	if ((e = wire_asn_range("join call: bytes", c->sealed.n, 0,
		 WIRE_SEALED_MAX)) == BASE_OK &&
	    (e = wire_asn_put_name(d->fleet, c->fleet)) == BASE_OK)
		e = wire_asn_put_name(d->node, c->node);
	return e;
}

enum base_err
wire_join_call_compose(const struct wire_join_call *c, struct base_buf *out)
{
	struct join_call_der *d = wire_asn_new(ASN1_ITEM_rptr(join_call_der));
	enum base_err e;

	if ((e = call_fill(d, c)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(join_call_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(join_call_der), d);
	return e;
}

static enum base_err
call_read(const struct join_call_der *d, struct wire_join_call *c)
{
	enum base_err e;

	if ((e = wire_asn_version("join call", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, c->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, c->node)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->word, c->word, sizeof(c->word))) !=
		BASE_OK ||
	    d->sealed == NULL)
		return e;
	return wire_asn_get_buf(d->sealed, WIRE_SEALED_MAX, &c->sealed);
}

enum base_err
wire_join_call_parse(struct base_span der, struct wire_join_call *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(join_call_der), "join call", der,
	    &d);
	if (e == BASE_OK)
		e = call_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(join_call_der), d);
	if (e != BASE_OK)
		wire_join_call_clear(out);
	return e;
}

void
wire_join_call_clear(struct wire_join_call *c)
{
	base_buf_free(&c->sealed);
	base_wipe(c, sizeof(*c));
}

/* ---- the word at the door ------------------------------------------------------------ */

void
wire_join_word(const uint8_t secret_sha256[32], uint8_t word[32],
    uint8_t admit[32])
{
	static const char label[] = "kedge join word";
	uint8_t text[sizeof(label) + 32];

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), secret_sha256, 32);
	wire_digest((struct base_span){ text, sizeof(text) }, word);
	wire_digest((struct base_span){ word, 32 }, admit);
}
