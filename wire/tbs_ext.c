/*
 * wire/tbs_ext: which extensions each kind of certificate carries, in which
 * order and with which bytes (docs/protocol.md, "Certificate profiles").
 * Called by tbs.c only.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "wire/name.h"
#include "wire/oid.h"
#include "wire/tbs.h"

#define OID_NO_REV_AVAIL "2.5.29.56" /* RFC 9608 */

/* BasicConstraints { cA TRUE }; leaves have none, since DER leaves FALSE out
 * and an empty sequence says nothing */
static const uint8_t bc_ca[] = { 0x30, 0x03, 0x01, 0x01, 0xff };
/* KeyUsage: keyCertSign and cRLSign; digitalSignature */
static const uint8_t ku_ca[] = { 0x03, 0x02, 0x01, 0x06 };
static const uint8_t ku_leaf[] = { 0x03, 0x02, 0x07, 0x80 };

#define KP_TLS /* serverAuth, clientAuth */                               \
	0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01, 0x06, \
	    0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02
#define KP_OWN(n) 0x06, 0x16, WIRE_OID_ARC_DER, 0x01, (n)

static const uint8_t eku_tls[] = { 0x30, 0x14, KP_TLS };
static const uint8_t eku_node[] = { 0x30, 0x2c, KP_TLS, KP_OWN(1) };
static const uint8_t eku_order[] = { 0x30, 0x18, KP_OWN(2) };
static const uint8_t eku_ca[] = { 0x30, 0x2c, KP_TLS, KP_OWN(3) };

/* What stands before the 20 bytes of SubjectKeyIdentifier, before those of
 * AuthorityKeyIdentifier { [0] keyIdentifier }, and before the hash of
 * HashedRootKey { { sha256 }, OCTET STRING } */
static const uint8_t ski_head[] = { 0x04, 0x14 };
static const uint8_t aki_head[] = { 0x30, 0x16, 0x80, 0x14 };
static const uint8_t next_head[] = { 0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60,
	0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20 };
static const uint8_t der_null[] = { 0x05, 0x00 };

static struct base_span
eku_of(const struct wire_tbs *t)
{
	bool management = strcmp(t->root, "management") == 0;

	switch (t->kind) {
	case WIRE_NODE_CERT:
		return management
		    ? (struct base_span){ eku_node, sizeof(eku_node) }
		    : (struct base_span){ eku_tls, sizeof(eku_tls) };
	case WIRE_ORDER_CERT:
		return (struct base_span){ eku_order, sizeof(eku_order) };
	case WIRE_CA_TLS:
		return (struct base_span){ eku_ca, sizeof(eku_ca) };
	case WIRE_CANARY:
	case WIRE_NEW_WITH_NEW:
	case WIRE_NEW_WITH_OLD:
	case WIRE_OLD_WITH_NEW:
		break;
	}
	return (struct base_span){ eku_tls, sizeof(eku_tls) };
}

/* ---- composing --------------------------------------------------------- */

static void
ext_add_obj(X509_EXTENSIONS *exts, const ASN1_OBJECT *obj, bool critical,
    struct base_span value)
{
	ASN1_OCTET_STRING *os = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e = NULL;

	if (os != NULL && ASN1_OCTET_STRING_set(os, value.p, (int)value.n))
		e = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, os);
	if (e == NULL || sk_X509_EXTENSION_push(exts, e) <= 0)
		base_die("extension: out of memory");
	ASN1_OCTET_STRING_free(os);
}

static void
ext_add(X509_EXTENSIONS *exts, int nid, bool critical, struct base_span value)
{
	ext_add_obj(exts, OBJ_nid2obj(nid), critical, value);
}

static void
ext_add_oid(X509_EXTENSIONS *exts, const char *oid, struct base_span value)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);

	ext_add_obj(exts, obj, false, value);
	ASN1_OBJECT_free(obj);
}

static enum base_err
ext_add_san(X509_EXTENSIONS *exts, const struct wire_tbs *t)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	char *node = base_asprintf("DNS:%s", t->node);
	GENERAL_NAME *g = NULL;
	uint8_t *der = NULL;
	enum base_err r = BASE_OK;
	int n;

	for (size_t i = 0; r == BASE_OK && i <= t->nsan; i++) {
		r = wire_san_from_text(i == 0 ? node : t->san[i - 1], &g);
		if (r == BASE_OK && sk_GENERAL_NAME_push(names, g) <= 0)
			base_die("subjectAltName: out of memory");
	}
	if (r == BASE_OK) {
		if ((n = i2d_GENERAL_NAMES(names, &der)) <= 0)
			base_die("subjectAltName: out of memory");
		ext_add(exts, NID_subject_alt_name, false,
		    (struct base_span){ der, (size_t)n });
	}
	OPENSSL_free(der);
	free(node);
	GENERAL_NAMES_free(names);
	return r;
}

/* head and then n bytes of v, in buf */
static struct base_span
joined(uint8_t buf[64], struct base_span head, const uint8_t *v, size_t n)
{
	memcpy(buf, head.p, head.n);
	memcpy(buf + head.n, v, n);
	return (struct base_span){ buf, head.n + n };
}

#define SPAN(a) ((struct base_span){ (a), sizeof(a) })

enum base_err
wire_tbs_ext_compose(const struct wire_tbs *t, X509_EXTENSIONS **out)
{
	X509_EXTENSIONS *exts = sk_X509_EXTENSION_new_null();
	bool root = wire_kind_is_root(t->kind);
	enum base_err r = BASE_OK;
	uint8_t buf[64];

	if (exts == NULL)
		base_die("extensions: out of memory");
	if (root)
		ext_add(exts, NID_basic_constraints, true, SPAN(bc_ca));
	ext_add(exts, NID_key_usage, true, root ? SPAN(ku_ca) : SPAN(ku_leaf));
	if (!root)
		ext_add(exts, NID_ext_key_usage, false, eku_of(t));
	if (!root && t->kind != WIRE_ORDER_CERT &&
	    (r = ext_add_san(exts, t)) != BASE_OK)
		goto out;
	ext_add(exts, NID_subject_key_identifier, false,
	    joined(buf, SPAN(ski_head), t->ski, sizeof(t->ski)));
	ext_add(exts, NID_authority_key_identifier, false,
	    joined(buf, SPAN(aki_head), t->aki, sizeof(t->aki)));
	if (t->has_next)
		ext_add_oid(exts, WIRE_OID_ROOT_HASH,
		    joined(buf, SPAN(next_head), t->next_hash, 32));
	if (t->kind == WIRE_CANARY)
		ext_add_oid(exts, OID_NO_REV_AVAIL, SPAN(der_null));
	*out = exts;
	exts = NULL;
out:
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	return r;
}

bool
wire_cert_is_canary(const X509 *x)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(OID_NO_REV_AVAIL, 1);
	int at = X509_get_ext_by_OBJ(x, obj, -1);

	ASN1_OBJECT_free(obj);
	return at >= 0;
}

/* ---- parsing ----------------------------------------------------------- */

/* What one extension says; wrong lengths are left for the comparison. */
static bool
ext_is(X509_EXTENSION *e, struct base_span value)
{
	const ASN1_OCTET_STRING *os = X509_EXTENSION_get_data(e);

	return (size_t)ASN1_STRING_length(os) == value.n &&
	    memcmp(ASN1_STRING_get0_data(os), value.p, value.n) == 0;
}

/* The n bytes after a head of head_n, when the lengths fit. */
static bool
ext_tail(X509_EXTENSION *e, size_t head_n, uint8_t *out, size_t n)
{
	const ASN1_OCTET_STRING *os = X509_EXTENSION_get_data(e);

	if ((size_t)ASN1_STRING_length(os) != head_n + n)
		return false;
	memcpy(out, ASN1_STRING_get0_data(os) + head_n, n);
	return true;
}

static enum base_err
ext_parse_san(X509_EXTENSION *e, struct wire_tbs *t)
{
	const ASN1_OCTET_STRING *os = X509_EXTENSION_get_data(e);
	const uint8_t *p = ASN1_STRING_get0_data(os);
	GENERAL_NAMES *names;
	enum base_err r = BASE_OK;
	int n;

	names = d2i_GENERAL_NAMES(NULL, &p, ASN1_STRING_length(os));
	n = sk_GENERAL_NAME_num(names);
	if (n < 1 || n > WIRE_SAN_MAX + 1 || t->nsan != 0) {
		r = base_fail(BASE_E_SYNTAX,
		    "subjectAltName: not a list of 1 to %d names",
		    WIRE_SAN_MAX + 1);
		goto out;
	}
	/* the first is the node itself, which the subject names */
	for (int i = 1; i < n; i++) {
		r = wire_san_to_text(sk_GENERAL_NAME_value(names, i),
		    &t->arena[t->nsan]);
		if (r != BASE_OK)
			goto out;
		t->san[t->nsan] = t->arena[t->nsan];
		t->nsan++;
	}
out:
	GENERAL_NAMES_free(names);
	return r;
}

static void
ext_parse_eku(X509_EXTENSION *e, struct wire_tbs *t)
{
	if (ext_is(e, SPAN(eku_order)))
		t->kind = WIRE_ORDER_CERT;
	else if (ext_is(e, SPAN(eku_ca)))
		t->kind = WIRE_CA_TLS;
	else if (t->kind != WIRE_CANARY)
		t->kind = WIRE_NODE_CERT;
}

static enum base_err
ext_parse_one(X509_EXTENSION *e, struct wire_tbs *t)
{
	char oid[64];

	switch (OBJ_obj2nid(X509_EXTENSION_get_object(e))) {
	case NID_basic_constraints:
		t->kind = WIRE_NEW_WITH_OLD;
		return BASE_OK;
	case NID_ext_key_usage:
		ext_parse_eku(e, t);
		return BASE_OK;
	case NID_subject_alt_name:
		return ext_parse_san(e, t);
	case NID_subject_key_identifier:
		(void)ext_tail(e, sizeof(ski_head), t->ski, sizeof(t->ski));
		return BASE_OK;
	case NID_authority_key_identifier:
		(void)ext_tail(e, sizeof(aki_head), t->aki, sizeof(t->aki));
		return BASE_OK;
	default:
		break; /* OpenSSL 3.0 has no NID for the other two */
	}
	(void)OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(e), 1);
	if (strcmp(oid, WIRE_OID_ROOT_HASH) == 0)
		t->has_next = ext_tail(e, sizeof(next_head), t->next_hash, 32);
	else if (strcmp(oid, OID_NO_REV_AVAIL) == 0)
		t->kind = WIRE_CANARY;
	return BASE_OK;
}

enum base_err
wire_tbs_ext_parse(const X509_EXTENSIONS *exts, struct wire_tbs *t)
{
	enum base_err r;

	for (int i = 0; i < sk_X509_EXTENSION_num(exts); i++) {
		r = ext_parse_one(sk_X509_EXTENSION_value(exts, i), t);
		if (r != BASE_OK)
			return r;
	}
	if (t->kind == WIRE_NEW_WITH_OLD && memcmp(t->ski, t->aki, 20) == 0)
		t->kind = WIRE_NEW_WITH_NEW;
	if (t->kind == 0)
		return base_fail(BASE_E_REFUSED,
		    "certificate: neither BasicConstraints nor "
		    "ExtendedKeyUsage, so none of kedge's kinds");
	return BASE_OK;
}
