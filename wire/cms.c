/*
 * CMS SignedData (RFC 5652) around the messages of wire/msg.h. The content
 * types are kedge's own, so that no signed message passes as another. The
 * structure is a closed one: what wire_cms_sign does not write, and OpenSSL
 * would put up with, is refused.
 */
#include "wire/msg.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "wire/oid.h"
#include "wire/x509.h"

#define CMS_MAX	    WIRE_PARCEL_MAX
#define CMS_MAX_ANS ((size_t)2 << 20) /* a join answer holds orders */
#define CERTS_MAX   8

static const struct {
	const char *word;
	enum wire_purpose purpose;
} contents[] = {
	[WIRE_C_ORDER] = { "signed order", WIRE_ORDER_SIGNER },
	[WIRE_C_REPORT] = { "signed report", WIRE_NODE_SIGNER },
	[WIRE_C_HELLO] = { "signed hello", WIRE_NODE_SIGNER },
	[WIRE_C_ACK] = { "signed ack", WIRE_CA_SIGNER },
	[WIRE_C_JOIN_ANSWER] = { "signed join answer", WIRE_CA_SIGNER },
	[WIRE_C_STOCK] = { "signed stock", WIRE_NODE_SIGNER },
	[WIRE_C_INVITE] = { "signed invitation", WIRE_CA_SIGNER },
};

static ASN1_OBJECT *
content_oid(enum wire_content type)
{
	char text[sizeof(WIRE_OID_CONTENT) + 4];
	ASN1_OBJECT *o;

	snprintf(text, sizeof(text), "%s.%d", WIRE_OID_CONTENT, (int)type);
	if ((o = OBJ_txt2obj(text, 1)) == NULL)
		base_die("cms: out of memory");
	return o;
}

/* ---- sign ------------------------------------------------------------------ */

static const EVP_MD *
digest_for(const EVP_PKEY *key)
{
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_bits(key) > 256)
		return EVP_sha384();
	return EVP_sha256();
}

static enum base_err
cms_failed(const char *what)
{
	char text[200] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return base_fail(BASE_E_CRYPTO, "%s: OpenSSL says: %s", what, text);
}

static bool
cms_fill(CMS_ContentInfo *cms, enum wire_content type, STACK_OF(X509) *certs,
    EVP_PKEY *key, STACK_OF(X509) *chain)
{
	ASN1_OBJECT *oid = content_oid(type);
	bool ok = CMS_set1_eContentType(cms, oid) == 1;

	for (int i = 0; ok && i < sk_X509_num(certs); i++)
		ok = CMS_add1_signer(cms, sk_X509_value(certs, i), key,
			 digest_for(key), CMS_BINARY | CMS_NOSMIMECAP) != NULL;
	for (int i = 0; ok && i < sk_X509_num(chain); i++)
		ok = CMS_add1_cert(cms, sk_X509_value(chain, i)) == 1;
	ASN1_OBJECT_free(oid);
	return ok;
}

static enum base_err
cms_put(CMS_ContentInfo *cms, struct base_buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der);
	enum base_err e;

	if (n <= 0)
		return cms_failed("cms: encoding");
	e = base_buf_put(out, der, (size_t)n);
	OPENSSL_clear_free(der, (size_t)n);
	return e;
}

enum base_err
wire_cms_sign(enum wire_content type, struct base_span content, X509 *cert,
    EVP_PKEY *key, STACK_OF(X509) *chain, struct base_buf *out)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	enum base_err e;

	if (certs == NULL || sk_X509_push(certs, cert) <= 0)
		base_die("cms: out of memory");
	e = wire_cms_sign_all(type, content, certs, key, chain, out);
	sk_X509_free(certs);
	return e;
}

enum base_err
wire_cms_sign_all(enum wire_content type, struct base_span content,
    STACK_OF(X509) *certs, EVP_PKEY *key, STACK_OF(X509) *chain,
    struct base_buf *out)
{
	CMS_ContentInfo *cms = NULL;
	BIO *bio = NULL;
	enum base_err e = BASE_OK;

	if (sk_X509_num(certs) < 1 || sk_X509_num(certs) > WIRE_SIGNERS_MAX)
		return base_fail(BASE_E_RANGE, "%s: %d signers",
		    contents[type].word, sk_X509_num(certs));
	if (content.n == 0 || content.n > INT_MAX)
		return base_fail(BASE_E_RANGE, "%s: %zu bytes",
		    contents[type].word, content.n);
	bio = BIO_new_mem_buf(content.p, (int)content.n);
	cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_PARTIAL);
	if (bio == NULL || cms == NULL)
		base_die("cms: out of memory");
	if (!cms_fill(cms, type, certs, key, chain) ||
	    CMS_final(cms, bio, NULL, CMS_BINARY) != 1)
		e = cms_failed(contents[type].word);
	if (e == BASE_OK)
		e = cms_put(cms, out);
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
	return e;
}

/* ---- verify: structure ------------------------------------------------------- */

static enum base_err
odd(enum wire_content type, const char *what)
{
	return base_fail(BASE_E_SYNTAX, "%s: %s", contents[type].word, what);
}

static enum base_err
cms_decode(enum wire_content type, struct base_span der, CMS_ContentInfo **out)
{
	size_t max = type == WIRE_C_JOIN_ANSWER ? CMS_MAX_ANS : CMS_MAX;
	const unsigned char *p = der.p;
	unsigned char *again = NULL;
	int n;
	enum base_err e = BASE_OK;

	if (der.n == 0 || der.n > max)
		return base_fail(BASE_E_RANGE, "%s: %zu bytes, %zu is the most",
		    contents[type].word, der.n, max);
	*out = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	ERR_clear_error();
	if (*out == NULL)
		return odd(type, "not a CMS message");
	if (OBJ_obj2nid(CMS_get0_type(*out)) != NID_pkcs7_signed)
		return odd(type, "not SignedData");
	n = i2d_CMS_ContentInfo(*out, &again);
	if (n < 0 || (size_t)n != der.n || memcmp(again, der.p, der.n) != 0)
		e = odd(type, "not DER to the last byte");
	OPENSSL_free(again);
	ERR_clear_error();
	return e;
}

static enum base_err
cms_check_crls(enum wire_content type, CMS_ContentInfo *cms)
{
	STACK_OF(X509_CRL) *crls = CMS_get1_crls(cms);
	int n = sk_X509_CRL_num(crls);

	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	return n > 0 ? odd(type, "carries CRLs") : BASE_OK;
}

/* The envelope: our content type, content inside, nothing beside. */
static enum base_err
cms_check(enum wire_content type, CMS_ContentInfo *cms)
{
	ASN1_OBJECT *oid = content_oid(type);
	bool same = OBJ_cmp(CMS_get0_eContentType(cms), oid) == 0;
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);
	int signers = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms));

	ASN1_OBJECT_free(oid);
	ERR_clear_error();
	if (!same)
		return odd(type, "its content type is another");
	if (content == NULL || *content == NULL ||
	    ASN1_STRING_length(*content) == 0)
		return odd(type, "has no content");
	if (signers < 1 || signers > WIRE_SIGNERS_MAX)
		return odd(type, "does not have one or two signatures");
	return cms_check_crls(type, cms);
}

/* ---- verify: one SignerInfo ----------------------------------------------------- */

static bool
alg_has_parameters(const X509_ALGOR *a)
{
	int ptype;

	X509_ALGOR_get0(NULL, &ptype, NULL, a);
	return ptype != V_ASN1_UNDEF && ptype != V_ASN1_NULL;
}

/* The digest that the algorithms of si name; NULL when they are not in the
 * closed list or do not go together. */
static const EVP_MD *
signer_digest(CMS_SignerInfo *si)
{
	static const struct {
		int digest, signature;
	} list[] = {
		{ NID_sha256, NID_ecdsa_with_SHA256 },
		{ NID_sha384, NID_ecdsa_with_SHA384 },
		{ NID_sha256, NID_rsaEncryption },
		{ NID_sha256, NID_sha256WithRSAEncryption },
	};
	X509_ALGOR *dig, *sig;
	const ASN1_OBJECT *dobj, *sobj;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &dig, &sig);
	if (alg_has_parameters(dig) || alg_has_parameters(sig))
		return NULL;
	X509_ALGOR_get0(&dobj, NULL, NULL, dig);
	X509_ALGOR_get0(&sobj, NULL, NULL, sig);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (OBJ_obj2nid(dobj) == list[i].digest &&
		    OBJ_obj2nid(sobj) == list[i].signature)
			return EVP_get_digestbynid(list[i].digest);
	return NULL;
}

/* The value of the one attribute of that kind, NULL when there is none, more
 * than one, or one of another type. */
static const ASN1_TYPE *
attr_value(CMS_SignerInfo *si, int nid, int type)
{
	int at = CMS_signed_get_attr_by_NID(si, nid, -1);
	X509_ATTRIBUTE *a;
	const ASN1_TYPE *v;

	if (at < 0 || CMS_signed_get_attr_by_NID(si, nid, at) >= 0)
		return NULL;
	a = CMS_signed_get_attr(si, at);
	if (X509_ATTRIBUTE_count(a) != 1)
		return NULL;
	v = X509_ATTRIBUTE_get0_type(a, 0);
	return v != NULL && ASN1_TYPE_get(v) == type ? v : NULL;
}

/* Exactly contentType, messageDigest and signingTime, and the first two say
 * what the content is (RFC 5652 section 5.4). */
static enum base_err
signer_check_attrs(enum wire_content type, CMS_ContentInfo *cms,
    CMS_SignerInfo *si, const EVP_MD *md)
{
	const ASN1_TYPE *oid, *hash;
	const ASN1_STRING *content = *CMS_get0_content(cms);
	unsigned char want[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (CMS_unsigned_get_attr_count(si) > 0)
		return odd(type, "has unsigned attributes");
	if (CMS_signed_get_attr_count(si) != 3 ||
	    (attr_value(si, NID_pkcs9_signingTime, V_ASN1_UTCTIME) == NULL &&
		attr_value(si, NID_pkcs9_signingTime, V_ASN1_GENERALIZEDTIME) ==
		    NULL))
		return odd(type, "its signed attributes are not the three");
	oid = attr_value(si, NID_pkcs9_contentType, V_ASN1_OBJECT);
	hash = attr_value(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING);
	if (oid == NULL || hash == NULL)
		return odd(type, "its signed attributes are not the three");
	if (OBJ_cmp(oid->value.object, CMS_get0_eContentType(cms)) != 0)
		return odd(type, "the signed content type is another");
	if (EVP_Digest(ASN1_STRING_get0_data(content),
		(size_t)ASN1_STRING_length(content), want, &n, md, NULL) != 1)
		base_die("cms: digest not available");
	if (hash->value.octet_string->length != (int)n ||
	    memcmp(hash->value.octet_string->data, want, n) != 0)
		return base_fail(BASE_E_CRYPTO,
		    "%s: the content is not what was signed",
		    contents[type].word);
	return BASE_OK;
}

/* The one certificate that the signature names. */
static enum base_err
signer_cert(enum wire_content type, CMS_SignerInfo *si, STACK_OF(X509) *certs,
    X509 **out)
{
	ASN1_OCTET_STRING *keyid = NULL;
	X509 *found = NULL;

	if (CMS_SignerInfo_get0_signer_id(si, &keyid, NULL, NULL) != 1 ||
	    keyid != NULL)
		return odd(type, "names its signer by a key id");
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);

		if (CMS_SignerInfo_cert_cmp(si, x) != 0)
			continue;
		if (found != NULL)
			return odd(type, "two certificates for one signer");
		found = x;
	}
	*out = found;
	return found != NULL ? BASE_OK
			     : odd(type, "the signer's certificate is missing");
}

static enum base_err
signer_check_cert(enum wire_content type, X509 *cert, STACK_OF(X509) *trust,
    STACK_OF(X509) *certs, struct base_time now)
{
	struct wire_verify v = {
		.purpose = contents[type].purpose,
		.closed = true,
		.now = now,
		.max_depth = -1,
		.name_kind = WIRE_NAME_NONE,
	};

	return wire_verify_cert(&v, cert, trust, certs, NULL);
}

static enum base_err
signer_name(enum wire_content type, X509 *cert, struct wire_signer *out)
{
	enum base_err e;

	if (contents[type].purpose == WIRE_NODE_SIGNER) {
		if ((e = wire_x509_node(cert, out->node)) != BASE_OK)
			return e;
	} else {
		strcpy(out->node, "ca");
	}
	X509_up_ref(cert);
	out->cert = cert;
	return BASE_OK;
}

struct verify {
	enum wire_content type;
	CMS_ContentInfo *cms;
	STACK_OF(X509) *certs, *trust;
	struct base_time now;
	struct base_span spki; /* instead of trust, unless empty */
};

/* The certificate is for this very key. */
static enum base_err
signer_check_key(enum wire_content type, const X509 *cert,
    struct base_span spki)
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool same =
	    n > 0 && (size_t)n == spki.n && memcmp(der, spki.p, spki.n) == 0;

	OPENSSL_free(der);
	return same ? BASE_OK
		    : base_fail(BASE_E_CRYPTO, "%s: signed by another key",
			  contents[type].word);
}

static enum base_err
signer_is_good(const struct verify *v, X509 *cert)
{
	if (v->spki.n > 0)
		return signer_check_key(v->type, cert, v->spki);
	return signer_check_cert(v->type, cert, v->trust, v->certs, v->now);
}

static enum base_err
signer_verify(const struct verify *v, CMS_SignerInfo *si,
    struct wire_signer *out)
{
	const EVP_MD *md = signer_digest(si);
	X509 *cert = NULL;
	enum base_err e;

	if (md == NULL)
		return base_fail(BASE_E_REFUSED,
		    "%s: its algorithms are not in the list",
		    contents[v->type].word);
	if ((e = signer_check_attrs(v->type, v->cms, si, md)) != BASE_OK ||
	    (e = signer_cert(v->type, si, v->certs, &cert)) != BASE_OK ||
	    (e = signer_is_good(v, cert)) != BASE_OK)
		return e;
	CMS_SignerInfo_set1_signer_cert(si, cert);
	if (CMS_SignerInfo_verify(si) != 1) {
		ERR_clear_error();
		return base_fail(BASE_E_CRYPTO,
		    "%s: the signature does not verify",
		    contents[v->type].word);
	}
	return signer_name(v->type, cert, out);
}

/* ---- verify: whole ------------------------------------------------------------------- */

/* An oddity (SYNTAX) in any signature refuses the whole message; otherwise
 * one good signature is enough. */
static enum base_err
cms_verify_signers(const struct verify *v, struct wire_signer *out)
{
	STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(v->cms);
	enum base_err e = BASE_E_CRYPTO;
	bool good = false;

	for (int i = 0; i < sk_CMS_SignerInfo_num(all); i++) {
		struct wire_signer s = { 0 };
		enum base_err one =
		    signer_verify(v, sk_CMS_SignerInfo_value(all, i), &s);

		if (one == BASE_E_SYNTAX) {
			wire_signer_clear(out);
			return one;
		}
		if (one == BASE_OK && !good)
			*out = s;
		else
			wire_signer_clear(&s);
		good = good || one == BASE_OK;
		e = one;
	}
	return good ? BASE_OK : e;
}

/* Two certificates of one key have two issuers, or two serial numbers. */
static bool
same_signer(CMS_SignerInfo *a, CMS_SignerInfo *b)
{
	X509_NAME *issuer[2] = { NULL, NULL };
	ASN1_INTEGER *serial[2] = { NULL, NULL };

	return CMS_SignerInfo_get0_signer_id(a, NULL, &issuer[0], &serial[0]) ==
	    1 &&
	    CMS_SignerInfo_get0_signer_id(b, NULL, &issuer[1], &serial[1]) ==
	    1 &&
	    issuer[0] != NULL && issuer[1] != NULL &&
	    X509_NAME_cmp(issuer[0], issuer[1]) == 0 &&
	    ASN1_INTEGER_cmp(serial[0], serial[1]) == 0;
}

static enum base_err
cms_verify(struct verify *v, struct base_span der, struct wire_signer *out)
{
	STACK_OF(CMS_SignerInfo) *all;
	enum base_err e;
	int n;

	if ((e = cms_decode(v->type, der, &v->cms)) != BASE_OK ||
	    (e = cms_check(v->type, v->cms)) != BASE_OK)
		return e;
	all = CMS_get0_SignerInfos(v->cms);
	if (sk_CMS_SignerInfo_num(all) == 2 &&
	    same_signer(sk_CMS_SignerInfo_value(all, 0),
		sk_CMS_SignerInfo_value(all, 1)))
		return odd(v->type, "two signatures of one signer");
	v->certs = CMS_get1_certs(v->cms);
	n = sk_X509_num(v->certs);
	if (n < 1 || n > CERTS_MAX)
		return odd(v->type, "carries no certificate, or too many");
	return cms_verify_signers(v, out);
}

static enum base_err
cms_take(struct verify *v, struct base_span cms, struct base_buf *content,
    struct wire_signer *signer)
{
	struct wire_signer s = { 0 };
	const ASN1_STRING *text;
	enum base_err e;

	memset(signer, 0, sizeof(*signer));
	e = cms_verify(v, cms, &s);
	if (e == BASE_OK) {
		text = *CMS_get0_content(v->cms);
		e = base_buf_put(content, ASN1_STRING_get0_data(text),
		    (size_t)ASN1_STRING_length(text));
	}
	if (e == BASE_OK)
		*signer = s;
	else
		wire_signer_clear(&s);
	sk_X509_pop_free(v->certs, X509_free);
	CMS_ContentInfo_free(v->cms);
	return e;
}

enum base_err
wire_cms_verify(enum wire_content type, struct base_span cms,
    STACK_OF(X509) *trust, struct base_time now, struct base_buf *content,
    struct wire_signer *signer)
{
	struct verify v = { .type = type, .trust = trust, .now = now };

	return cms_take(&v, cms, content, signer);
}

enum base_err
wire_cms_verify_key(enum wire_content type, struct base_span cms,
    struct base_span spki, struct base_buf *content)
{
	struct verify v = { .type = type, .spki = spki };
	struct wire_signer s = { 0 };
	enum base_err e;

	if (spki.n == 0)
		base_die("cms: verified by no key");
	e = cms_take(&v, cms, content, &s);
	wire_signer_clear(&s);
	return e;
}

void
wire_signer_clear(struct wire_signer *s)
{
	X509_free(s->cert);
	memset(s, 0, sizeof(*s));
}
