/*
 * Join token: one line of text that a person carries from the CA to a new
 * node: "kedge1." and base64url (RFC 4648 section 5, no padding) of DER.
 * The kedge command composes it, the agent parses it. It holds a secret, so
 * every intermediate copy is wiped.
 */
#include "wire/asn1.h"
#include "wire/msg.h"

#include <string.h>

#define PREFIX	  "kedge1."
#define TOKEN_MAX 1024

struct token_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node, *address;
	ASN1_OCTET_STRING *root_sha256, *secret;
	ASN1_GENERALIZEDTIME *end;
};

/* clang-format off */
ASN1_SEQUENCE(token_der) = {
	ASN1_EMBED(struct token_der, version, UINT32),
	ASN1_SIMPLE(struct token_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct token_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct token_der, address, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct token_der, root_sha256, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct token_der, secret, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct token_der, end, ASN1_GENERALIZEDTIME),
} static_ASN1_SEQUENCE_END_name(struct token_der, token_der)
/* clang-format on */

/* ---- base64url ----------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789-_";

static enum base_err
b64_put(struct base_buf *out, struct base_span in)
{
	enum base_err e = BASE_OK;
	uint32_t acc = 0;
	unsigned bits = 0;

	for (size_t i = 0; e == BASE_OK && i < in.n; i++) {
		acc = (acc << 8 | in.p[i]) & 0xffffu;
		for (bits += 8; e == BASE_OK && bits >= 6; bits -= 6)
			e = base_buf_put_u8(out,
			    (uint8_t)digits[acc >> (bits - 6) & 63]);
	}
	if (e == BASE_OK && bits > 0)
		e = base_buf_put_u8(out,
		    (uint8_t)digits[acc << (6 - bits) & 63]);
	return e;
}

/* Only what b64_put writes: no padding, no white space, spare bits zero. */
static enum base_err
b64_get(struct base_buf *out, struct base_span in)
{
	enum base_err e = BASE_OK;
	uint32_t acc = 0;
	unsigned bits = 0;

	for (size_t i = 0; e == BASE_OK && i < in.n; i++) {
		const char *at = in.p[i] == 0 ? NULL : strchr(digits, in.p[i]);

		if (at == NULL)
			return base_fail(BASE_E_SYNTAX,
			    "token: character %zu is not of a token; "
			    "copy the whole line",
			    i + sizeof(PREFIX));
		acc = (acc << 6 | (uint32_t)(at - digits)) & 0x3fffu;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			e = base_buf_put_u8(out, (uint8_t)(acc >> bits));
		}
	}
	if (e == BASE_OK && (bits >= 6 || (acc & ((1u << bits) - 1)) != 0))
		e = base_fail(BASE_E_SYNTAX,
		    "token: cut short; copy the whole line");
	return e;
}

/* ---- compose --------------------------------------------------------------------- */

static enum base_err
token_check(const struct wire_token *t)
{
	size_t n = strnlen(t->address, sizeof(t->address));

	if (n == sizeof(t->address))
		return base_fail(BASE_E_RANGE, "token: address too long");
	for (size_t i = 0; i < n; i++)
		if (t->address[i] <= ' ' || t->address[i] > '~')
			return base_fail(BASE_E_SYNTAX,
			    "token: the address is not HOST:PORT");
	return BASE_OK;
}

static enum base_err
token_fill(struct token_der *d, const struct wire_token *t)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	wire_asn_put_bytes(d->address, t->address, strlen(t->address));
	wire_asn_put_bytes(d->root_sha256, t->root_sha256, 32);
	wire_asn_put_bytes(d->secret, t->secret, sizeof(t->secret));
	if ((e = wire_asn_put_name(d->fleet, t->fleet)) == BASE_OK &&
	    (e = wire_asn_put_name(d->node, t->node)) == BASE_OK)
		e = wire_asn_put_time(d->end, t->end);
	return e;
}

static void
token_der_free(struct token_der *d)
{
	if (d != NULL && d->secret != NULL)
		base_wipe(d->secret->data, (size_t)d->secret->length);
	wire_asn_free(ASN1_ITEM_rptr(token_der), d);
}

enum base_err
wire_token_compose(const struct wire_token *t, struct base_buf *out)
{
	struct token_der *d;
	struct base_buf der;
	enum base_err e = token_check(t);

	if (e != BASE_OK)
		return e;
	base_buf_init(&der, TOKEN_MAX);
	d = wire_asn_new(ASN1_ITEM_rptr(token_der));
	if ((e = token_fill(d, t)) == BASE_OK &&
	    (e = wire_asn_encode(ASN1_ITEM_rptr(token_der), d, &der)) ==
		BASE_OK &&
	    (e = base_buf_put(out, PREFIX, strlen(PREFIX))) == BASE_OK)
		e = b64_put(out, base_buf_span(&der));
	base_buf_free(&der);
	token_der_free(d);
	return e;
}

/* ---- parse ------------------------------------------------------------------------ */

static enum base_err
token_read(const struct token_der *d, struct wire_token *t)
{
	enum base_err e;

	if ((e = wire_asn_version("token", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, t->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, t->node)) != BASE_OK ||
	    (e = wire_asn_get_text(d->address, t->address,
		 sizeof(t->address))) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->root_sha256, t->root_sha256, 32)) !=
		BASE_OK ||
	    (e = wire_asn_get_bytes(d->secret, t->secret, sizeof(t->secret))) !=
		BASE_OK ||
	    (e = wire_asn_get_time(d->end, &t->end)) != BASE_OK)
		return e;
	return token_check(t);
}

static enum base_err
token_decode(struct base_span b64, struct token_der **out)
{
	struct base_buf der;
	void *d = NULL;
	enum base_err e;

	base_buf_init(&der, TOKEN_MAX);
	if ((e = b64_get(&der, b64)) == BASE_OK)
		e = wire_asn_decode(ASN1_ITEM_rptr(token_der), "token",
		    base_buf_span(&der), &d);
	base_buf_free(&der);
	*out = d;
	return e;
}

enum base_err
wire_token_parse(struct base_span text, struct wire_token *out)
{
	size_t skip = strlen(PREFIX);
	struct token_der *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	if (text.n <= skip || memcmp(text.p, PREFIX, skip) != 0)
		return base_fail(BASE_E_SYNTAX,
		    "token: does not begin with \"%s\"", PREFIX);
	e = token_decode((struct base_span){ text.p + skip, text.n - skip },
	    &d);
	if (e == BASE_OK)
		e = token_read(d, out);
	token_der_free(d);
	if (e != BASE_OK)
		base_wipe(out, sizeof(*out));
	return e;
}
