/*
 * Join: a new node's request with its token's secret and its keys, and the
 * CA's answer bound to that request. The agent composes requests and parses
 * answers, kedged the other way round; both also as files.
 */
#include "wire/asn1.h"
#include "wire/msg.h"
#include "wire/x509.h"

#include <string.h>

#define CSR_MAX ((size_t)8 << 10)

/* ---- request: fields --------------------------------------------------------- */

struct join_key_der {
	ASN1_UTF8STRING *root;
	ASN1_OCTET_STRING *csr;
};

struct join_request_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node;
	ASN1_OCTET_STRING *secret, *management_csr;
	OPENSSL_STACK *roots;
};

/* clang-format off */
ASN1_SEQUENCE(join_key_der) = {
	ASN1_SIMPLE(struct join_key_der, root, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct join_key_der, csr, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END_name(struct join_key_der, join_key_der)

ASN1_SEQUENCE(join_request_der) = {
	ASN1_EMBED(struct join_request_der, version, UINT32),
	ASN1_SIMPLE(struct join_request_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct join_request_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct join_request_der, secret, ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct join_request_der, management_csr,
	    ASN1_OCTET_STRING),
	ASN1_SEQUENCE_OF(struct join_request_der, roots, join_key_der),
} static_ASN1_SEQUENCE_END_name(struct join_request_der, join_request_der)
/* clang-format on */

/* ---- request: compose ----------------------------------------------------------- */

static enum base_err
request_check(const struct wire_join_request *r)
{
	enum base_err e;

	e = wire_asn_range("join request: roots", r->nroots, 0,
	    WIRE_JOIN_ROOTS);
	for (size_t i = 0; e == BASE_OK && i < r->nroots; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(r->roots[i].root, r->roots[k].root) == 0)
				return base_fail(BASE_E_SYNTAX,
				    "join request: root '%s' twice",
				    r->roots[i].root);
	return e;
}

static enum base_err
request_fill(struct join_request_der *d, const struct wire_join_request *r)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	wire_asn_put_bytes(d->secret, r->secret, sizeof(r->secret));
	wire_asn_put_buf(d->management_csr, &r->management_csr);
	if ((e = wire_asn_put_name(d->fleet, r->fleet)) == BASE_OK)
		e = wire_asn_put_name(d->node, r->node);
	for (size_t i = 0; e == BASE_OK && i < r->nroots; i++) {
		struct join_key_der *k =
		    wire_asn_push(d->roots, ASN1_ITEM_rptr(join_key_der));

		wire_asn_put_buf(k->csr, &r->roots[i].csr);
		e = wire_asn_put_name(k->root, r->roots[i].root);
	}
	return e;
}

static void
request_der_free(struct join_request_der *d)
{
	if (d != NULL && d->secret != NULL)
		base_wipe(d->secret->data, (size_t)d->secret->length);
	wire_asn_free(ASN1_ITEM_rptr(join_request_der), d);
}

enum base_err
wire_join_request_compose(const struct wire_join_request *r,
    struct base_buf *out)
{
	struct join_request_der *d;
	enum base_err e = request_check(r);

	if (e != BASE_OK)
		return e;
	d = wire_asn_new(ASN1_ITEM_rptr(join_request_der));
	if ((e = request_fill(d, r)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(join_request_der), d, out);
	request_der_free(d);
	return e;
}

/* ---- request: parse ---------------------------------------------------------------- */

static enum base_err
get_keys(const struct join_request_der *d, struct wire_join_request *r)
{
	size_t n;
	enum base_err e;

	e = wire_asn_count("join request: roots", d->roots, WIRE_JOIN_ROOTS,
	    &n);
	for (size_t i = 0; e == BASE_OK && i < n; i++) {
		const struct join_key_der *k =
		    OPENSSL_sk_value(d->roots, (int)i);

		r->nroots = i + 1;
		if ((e = wire_asn_get_name(k->root, r->roots[i].root)) ==
		    BASE_OK)
			e = wire_asn_get_buf(k->csr, CSR_MAX, &r->roots[i].csr);
	}
	return e;
}

static enum base_err
request_read(const struct join_request_der *d, struct wire_join_request *r)
{
	enum base_err e;

	if ((e = wire_asn_version("join request", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, r->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, r->node)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->secret, r->secret, sizeof(r->secret))) !=
		BASE_OK ||
	    (e = wire_asn_get_buf(d->management_csr, CSR_MAX,
		 &r->management_csr)) != BASE_OK ||
	    (e = get_keys(d, r)) != BASE_OK)
		return e;
	return request_check(r);
}

enum base_err
wire_join_request_parse(struct base_span der, struct wire_join_request *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(join_request_der), "join request",
	    der, &d);
	if (e == BASE_OK)
		e = request_read(d, out);
	request_der_free(d);
	if (e != BASE_OK)
		wire_join_request_clear(out);
	return e;
}

void
wire_join_request_clear(struct wire_join_request *r)
{
	base_buf_free(&r->management_csr);
	for (size_t i = 0; i < WIRE_JOIN_ROOTS; i++)
		base_buf_free(&r->roots[i].csr);
	base_wipe(r, sizeof(*r));
}

/* ---- answer: fields ------------------------------------------------------------------ */

struct join_answer_der {
	uint32_t version;
	ASN1_UTF8STRING *fleet, *node;
	ASN1_OCTET_STRING *request_digest;
	ASN1_STRING *management_root;
	OPENSSL_STACK *orders;
	ASN1_UTF8STRING *refusal;
};

/* clang-format off */
ASN1_SEQUENCE(join_answer_der) = {
	ASN1_EMBED(struct join_answer_der, version, UINT32),
	ASN1_SIMPLE(struct join_answer_der, fleet, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct join_answer_der, node, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct join_answer_der, request_digest,
	    ASN1_OCTET_STRING),
	ASN1_SIMPLE(struct join_answer_der, management_root, ASN1_SEQUENCE),
	ASN1_SEQUENCE_OF(struct join_answer_der, orders, ASN1_OCTET_STRING),
	ASN1_EXP_OPT(struct join_answer_der, refusal, ASN1_UTF8STRING, 0),
} static_ASN1_SEQUENCE_END_name(struct join_answer_der, join_answer_der)
/* clang-format on */

/* ---- answer: compose ------------------------------------------------------------------- */

/* A no comes alone, and says why. */
static enum base_err
answer_check(const struct wire_join_answer *a)
{
	size_t n = strnlen(a->refusal, sizeof(a->refusal));

	if (n == sizeof(a->refusal) || !wire_utf8_is_valid(a->refusal, n))
		return base_fail(BASE_E_SYNTAX,
		    "join answer: the refusal is no sentence");
	if (n > 0 && a->norders > 0)
		return base_fail(BASE_E_SYNTAX,
		    "join answer: a refusal with orders");
	return wire_asn_range("join answer: orders", a->norders, 0,
	    WIRE_JOIN_ROOTS);
}

static enum base_err
answer_fill(struct join_answer_der *d, const struct wire_join_answer *a)
{
	enum base_err e;

	d->version = WIRE_MSG_VERSION;
	wire_asn_put_bytes(d->request_digest, a->request_digest,
	    sizeof(a->request_digest));
	for (size_t i = 0; i < a->norders; i++)
		wire_asn_put_buf(wire_asn_push(d->orders,
				     ASN1_ITEM_rptr(ASN1_OCTET_STRING)),
		    &a->order[i]);
	if (a->refusal[0] != '\0') {
		d->refusal = wire_asn_new(ASN1_ITEM_rptr(ASN1_UTF8STRING));
		wire_asn_put_bytes(d->refusal, a->refusal, strlen(a->refusal));
	}
	if ((e = wire_asn_put_name(d->fleet, a->fleet)) == BASE_OK &&
	    (e = wire_asn_put_name(d->node, a->node)) == BASE_OK)
		e = wire_asn_put_cert(d->management_root, a->management_root);
	return e;
}

enum base_err
wire_join_answer_compose(const struct wire_join_answer *a, struct base_buf *out)
{
	struct join_answer_der *d;
	enum base_err e;

	if ((e = answer_check(a)) != BASE_OK)
		return e;
	if (a->management_root == NULL)
		return base_fail(BASE_E_SYNTAX,
		    "join answer: no management root");
	d = wire_asn_new(ASN1_ITEM_rptr(join_answer_der));
	if ((e = answer_fill(d, a)) == BASE_OK)
		e = wire_asn_encode(ASN1_ITEM_rptr(join_answer_der), d, out);
	wire_asn_free(ASN1_ITEM_rptr(join_answer_der), d);
	return e;
}

/* ---- answer: parse ------------------------------------------------------------------------ */

static enum base_err
get_orders(const struct join_answer_der *d, struct wire_join_answer *a)
{
	size_t n;
	enum base_err e;

	e = wire_asn_count("join answer: orders", d->orders, WIRE_JOIN_ROOTS,
	    &n);
	for (size_t i = 0; e == BASE_OK && i < n; i++) {
		a->norders = i + 1;
		e = wire_asn_get_buf(OPENSSL_sk_value(d->orders, (int)i),
		    WIRE_PARCEL_MAX, &a->order[i]);
	}
	return e;
}

static enum base_err
answer_read(const struct join_answer_der *d, struct wire_join_answer *a)
{
	enum base_err e;

	if ((e = wire_asn_version("join answer", d->version)) != BASE_OK ||
	    (e = wire_asn_get_name(d->fleet, a->fleet)) != BASE_OK ||
	    (e = wire_asn_get_name(d->node, a->node)) != BASE_OK ||
	    (e = wire_asn_get_bytes(d->request_digest, a->request_digest,
		 sizeof(a->request_digest))) != BASE_OK ||
	    (e = wire_asn_get_cert(d->management_root,
		 "join answer: management root", &a->management_root)) !=
		BASE_OK ||
	    (e = get_orders(d, a)) != BASE_OK)
		return e;
	if (d->refusal != NULL &&
	    ((e = wire_asn_get_text(d->refusal, a->refusal,
		  sizeof(a->refusal))) != BASE_OK ||
		(e = wire_asn_range("join answer: refusal", strlen(a->refusal),
		     1, sizeof(a->refusal))) != BASE_OK))
		return e;
	return answer_check(a);
}

enum base_err
wire_join_answer_parse(struct base_span der, struct wire_join_answer *out)
{
	void *d = NULL;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	e = wire_asn_decode(ASN1_ITEM_rptr(join_answer_der), "join answer", der,
	    &d);
	if (e == BASE_OK)
		e = answer_read(d, out);
	wire_asn_free(ASN1_ITEM_rptr(join_answer_der), d);
	if (e != BASE_OK)
		wire_join_answer_clear(out);
	return e;
}

void
wire_join_answer_clear(struct wire_join_answer *a)
{
	X509_free(a->management_root);
	for (size_t i = 0; i < WIRE_JOIN_ROOTS; i++)
		base_buf_free(&a->order[i]);
	memset(a, 0, sizeof(*a));
}
