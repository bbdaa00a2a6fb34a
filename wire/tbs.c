/*
 * wire/tbs: TBSCertificate and Certificate (RFC 5280 4.1) as kedge makes
 * them. ASN.1 templates of our own: names are exactly { O, CN }, algorithm
 * and SubjectPublicKeyInfo stay raw bytes, so that nothing decodes a key.
 * kedged composes, kedge-hsmd parses what it is asked to sign; parse composes
 * again and compares, so a field that is passed over cannot hide anything.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/rand.h>

#include "wire/der.h"
#include "wire/name.h"
#include "wire/spki.h"
#include "wire/tbs.h"

#define CANARY_SECONDS 600

/* ---- structures: the template macros need type names of one word -------- */

typedef struct tbs_st {
	ASN1_INTEGER *version, *serial;
	ASN1_STRING *alg; /* whole AlgorithmIdentifier */
	WIRE_DN *issuer;
	X509_VAL *validity;
	WIRE_DN *subject;
	ASN1_STRING *spki; /* whole SubjectPublicKeyInfo */
	STACK_OF(X509_EXTENSION) *exts;
} TBS;

typedef struct cert_st {
	ASN1_STRING *tbs, *alg; /* whole */
	ASN1_BIT_STRING *sig;
} CERT;

ASN1_SEQUENCE(TBS) = {
	ASN1_EXP(TBS, version, ASN1_INTEGER, 0),
	ASN1_SIMPLE(TBS, serial, ASN1_INTEGER),
	ASN1_SIMPLE(TBS, alg, ASN1_SEQUENCE),
	ASN1_SIMPLE(TBS, issuer, WIRE_DN),
	ASN1_SIMPLE(TBS, validity, X509_VAL),
	ASN1_SIMPLE(TBS, subject, WIRE_DN),
	ASN1_SIMPLE(TBS, spki, ASN1_SEQUENCE),
	ASN1_EXP_SEQUENCE_OF(TBS, exts, X509_EXTENSION, 3),
} static_ASN1_SEQUENCE_END(TBS)

ASN1_SEQUENCE(CERT) = {
	ASN1_SIMPLE(CERT, tbs, ASN1_SEQUENCE),
	ASN1_SIMPLE(CERT, alg, ASN1_SEQUENCE),
	ASN1_SIMPLE(CERT, sig, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(CERT)

#define IT(name) ASN1_ITEM_rptr(name)

static const char *
subject_of(const struct wire_tbs *t)
{
	return wire_kind_is_root(t->kind) ? t->root : t->node;
}

/* ---- dates: UTCTime until 2049, then GeneralizedTime (RFC 5280 4.1.2.5) ---- */

#define YEAR_2050_MS INT64_C(2524608000000)

static void
date_set(ASN1_TIME *v, struct base_time t)
{
	char s[BASE_GENTIME_LEN];
	bool utc = t.ms < YEAR_2050_MS;
	size_t skip = utc ? 2 : 0; /* of the century */

	base_time_to_gentime(t, s);
	v->type = utc ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME;
	wire_der_set(v,
	    (struct base_span){ (const uint8_t *)s + skip, 15 - skip });
}

static enum base_err
date_get(const ASN1_TIME *v, struct base_time *out)
{
	const char *p = (const char *)ASN1_STRING_get0_data(v);
	int n = ASN1_STRING_length(v);
	char s[BASE_GENTIME_LEN + 1];

	if (v->type == V_ASN1_GENERALIZEDTIME)
		return base_time_from_gentime(p, (size_t)n, out);
	if (n != 13)
		return base_fail(BASE_E_SYNTAX,
		    "validity: a UTCTime without seconds or Z");
	(void)snprintf(s, sizeof(s), "%s%.13s", p[0] < '5' ? "20" : "19", p);
	return base_time_from_gentime(s, strlen(s), out);
}

/* ---- what each kind may say --------------------------------------------------- */

static enum base_err
check_names(const struct wire_tbs *t)
{
	bool management = strcmp(t->root, "management") == 0;
	const char *want = t->kind == WIRE_ORDER_CERT ? "order"
	    : t->kind == WIRE_CA_TLS		      ? "ca"
						      : NULL;

	if (!base_name_is_valid(t->fleet) || !base_name_is_valid(t->root))
		return base_fail(BASE_E_REFUSED,
		    "certificate: fleet and root need names of 1 to %d of "
		    "a-z 0-9 . -",
		    BASE_NAME_MAX);
	if (wire_kind_is_root(t->kind))
		return t->node[0] == '\0' && t->nsan == 0
		    ? BASE_OK
		    : base_fail(BASE_E_REFUSED,
			  "certificate: a root has no node name");
	if (!wire_dns_is_valid(t->node, strlen(t->node)))
		return base_fail(BASE_E_REFUSED,
		    "certificate: node \"%s\" is no host name", t->node);
	if (want == NULL)
		return strcmp(t->node, "ca") != 0 &&
			strcmp(t->node, "order") != 0
		    ? BASE_OK
		    : base_fail(BASE_E_REFUSED,
			  "certificate: node name \"%s\" is reserved", t->node);
	if (!management || strcmp(t->node, want) != 0)
		return base_fail(BASE_E_REFUSED,
		    "certificate: only node \"%s\" of root management may "
		    "have it",
		    want);
	return BASE_OK;
}

static enum base_err
check_dates(const struct wire_tbs *t)
{
	int64_t seconds = (t->not_after.ms - t->not_before.ms) / 1000;

	if (t->not_before.ms % 1000 != 0 || t->not_after.ms % 1000 != 0 ||
	    t->not_before.ms < 0 || t->not_after.ms <= t->not_before.ms ||
	    t->not_after.ms > INT64_C(253402300799000))
		return base_fail(BASE_E_REFUSED,
		    "certificate: validity must be whole seconds, from 1970 "
		    "to 9999, and end after it begins");
	if (t->kind == WIRE_CANARY && seconds > CANARY_SECONDS)
		return base_fail(BASE_E_REFUSED,
		    "certificate: a canary lives %d s at most, not %lld",
		    CANARY_SECONDS, (long long)seconds);
	return BASE_OK;
}

static enum base_err
check_key(const struct wire_tbs *t)
{
	const struct wire_spki_form *f;
	enum base_err r;
	uint8_t id[20];
	bool self;

	if ((r = wire_spki_parse(t->spki, &f)) != BASE_OK ||
	    (r = wire_spki_id(t->spki, id)) != BASE_OK)
		return r;
	if (memcmp(id, t->ski, sizeof(id)) != 0)
		return base_fail(BASE_E_REFUSED,
		    "certificate: subject key identifier is not that of the "
		    "key");
	self = memcmp(t->ski, t->aki, sizeof(t->ski)) == 0;
	if (self != (t->kind == WIRE_NEW_WITH_NEW) ||
	    (self && f->alg != t->issuer_alg))
		return base_fail(BASE_E_REFUSED,
		    "certificate: NewWithNew, and no other, is signed by its "
		    "own key");
	if (t->has_next && !self)
		return base_fail(BASE_E_REFUSED,
		    "certificate: only NewWithNew names the next key");
	return BASE_OK;
}

static enum base_err
check_profile(const struct wire_tbs *t)
{
	enum base_err r;

	if (t->nsan > WIRE_SAN_MAX ||
	    (t->kind == WIRE_ORDER_CERT && t->nsan > 0))
		return base_fail(BASE_E_RANGE,
		    "certificate: too many further names");
	if (wire_spki_form(t->issuer_alg) == NULL)
		return base_fail(BASE_E_REFUSED,
		    "certificate: issuer's algorithm is none of kedge's");
	if ((r = check_names(t)) != BASE_OK || (r = check_dates(t)) != BASE_OK)
		return r;
	return check_key(t);
}

/* Positive, and of 16 bytes whatever the random bits. */
static void
serial_trim(uint8_t serial[16])
{
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
}

/* ---- public ---------------------------------------------------------------------- */

enum base_err
wire_tbs_compose(const struct wire_tbs *t, struct base_buf *out)
{
	const struct wire_spki_form *f = wire_spki_form(t->issuer_alg);
	X509_EXTENSIONS *exts = NULL;
	TBS *a = NULL;
	uint8_t serial[16];
	enum base_err r;

	if ((r = check_profile(t)) != BASE_OK ||
	    (r = wire_tbs_ext_compose(t, &exts)) != BASE_OK)
		return r;
	a = wire_der_new(IT(TBS));
	if (!ASN1_INTEGER_set(a->version, X509_VERSION_3))
		base_die("certificate: out of memory");
	memcpy(serial, t->serial, sizeof(serial));
	serial_trim(serial);
	wire_der_set(a->serial, (struct base_span){ serial, sizeof(serial) });
	wire_der_set(a->alg, f->sig_alg);
	wire_dn_set(a->issuer, t->fleet, t->root);
	date_set(a->validity->notBefore, t->not_before);
	date_set(a->validity->notAfter, t->not_after);
	wire_dn_set(a->subject, t->fleet, subject_of(t));
	wire_der_set(a->spki, t->spki);
	sk_X509_EXTENSION_pop_free(a->exts, X509_EXTENSION_free);
	a->exts = exts;
	r = wire_der_put(a, IT(TBS), out);
	ASN1_item_free((ASN1_VALUE *)a, IT(TBS));
	return r;
}

/* The fields of a that the recomposition cannot find wrong by itself. */
static enum base_err
tbs_read(const TBS *a, struct wire_tbs *t)
{
	const struct wire_spki_form *f;
	char o[BASE_NAME_MAX + 1];
	enum base_err r;
	int i;

	for (i = WIRE_P256; i <= WIRE_RSA4096; i++) {
		f = wire_spki_form((enum wire_alg)i);
		if (wire_span_is_equal(wire_der_bytes(a->alg), f->sig_alg))
			t->issuer_alg = f->alg;
	}
	if (ASN1_STRING_length(a->serial) != sizeof(t->serial) ||
	    !wire_dn_get(a->issuer, t->fleet, t->root) ||
	    !wire_dn_get(a->subject, o, t->node))
		return base_fail(BASE_E_REFUSED,
		    "certificate: serial number or names are not kedge's");
	memcpy(t->serial, ASN1_STRING_get0_data(a->serial), sizeof(t->serial));
	if ((r = date_get(a->validity->notBefore, &t->not_before)) != BASE_OK ||
	    (r = date_get(a->validity->notAfter, &t->not_after)) != BASE_OK ||
	    (r = wire_tbs_ext_parse(a->exts, t)) != BASE_OK)
		return r;
	if (wire_kind_is_root(t->kind))
		t->node[0] = '\0';
	return BASE_OK;
}

/* The key's bytes within der; the template only has a copy of them. */
static enum base_err
spki_locate(struct base_span der, const TBS *a, struct wire_tbs *t)
{
	struct base_span s = wire_der_bytes(a->spki);

	t->spki.p = memmem(der.p, der.n, s.p, s.n);
	t->spki.n = s.n;
	return t->spki.p != NULL
	    ? BASE_OK
	    : base_fail(BASE_E_SYNTAX, "certificate: key not found in it");
}

enum base_err
wire_tbs_parse(struct base_span der, struct wire_tbs *out)
{
	struct wire_tbs t = { 0 };
	struct base_buf again;
	TBS *a = wire_der_get(der, IT(TBS));
	enum base_err r;

	base_buf_init(&again, der.n);
	if (a == NULL) {
		r = base_fail(BASE_E_SYNTAX,
		    "certificate: to-be-signed part is not DER of kedge's "
		    "structure");
		goto out;
	}
	if ((r = tbs_read(a, &t)) != BASE_OK ||
	    (r = spki_locate(der, a, &t)) != BASE_OK)
		goto out;
	r = wire_tbs_compose(&t, &again);
	if (r == BASE_E_RANGE ||
	    (r == BASE_OK && !wire_span_is_equal(base_buf_span(&again), der)))
		r = base_fail(BASE_E_REFUSED,
		    "certificate: has bytes that kedge's profile does not "
		    "have; composed again it is different");
	if (r != BASE_OK)
		goto out;
	*out = t;
	memset(&t, 0, sizeof(t));
out:
	wire_tbs_free(&t);
	base_buf_free(&again);
	ASN1_item_free((ASN1_VALUE *)a, IT(TBS));
	return r;
}

void
wire_tbs_free(struct wire_tbs *t)
{
	for (size_t i = 0; i < WIRE_SAN_MAX; i++)
		free(t->arena[i]);
	free(t->der);
	memset(t, 0, sizeof(*t));
}

void
wire_serial_make(uint8_t serial[16])
{
	if (RAND_bytes(serial, 16) != 1)
		base_die("serial number: no random bytes");
	serial_trim(serial);
}

/* ---- certificates -------------------------------------------------------------- */

/* X.509 wants ECDSA-Sig-Value (RFC 3279 2.2.3), not the token's r|s. */
static bool
sig_is_good(const struct wire_spki_form *f, struct base_span sig)
{
	const uint8_t *p = sig.p;
	ECDSA_SIG *s;
	bool good;

	if (f->tail_n != 0)
		return sig.n == f->sig_n;
	if (sig.n == 0 || sig.n > f->sig_n)
		return false;
	s = d2i_ECDSA_SIG(NULL, &p, (long)sig.n);
	good = s != NULL && p == sig.p + sig.n &&
	    i2d_ECDSA_SIG(s, NULL) == (int)sig.n;
	ECDSA_SIG_free(s);
	return good;
}

/* The algorithm inside the TBS stands after version and serial number. */
static bool
tbs_has_alg(struct base_span tbs, const struct wire_spki_form *f)
{
	TBS *a = wire_der_get(tbs, IT(TBS));
	bool same =
	    a != NULL && wire_span_is_equal(wire_der_bytes(a->alg), f->sig_alg);

	ASN1_item_free((ASN1_VALUE *)a, IT(TBS));
	return same;
}

enum base_err
wire_cert_assemble(struct base_span tbs, enum wire_alg alg,
    struct base_span sig, struct base_buf *out)
{
	const struct wire_spki_form *f = wire_spki_form(alg);
	enum base_err r;
	CERT *c;

	if (f == NULL || !tbs_has_alg(tbs, f) || !sig_is_good(f, sig))
		return base_fail(BASE_E_REFUSED,
		    "certificate: TBS and signature are not both of "
		    "algorithm %s",
		    wire_alg_name(alg));
	c = wire_der_new(IT(CERT));
	wire_der_set(c->tbs, tbs);
	wire_der_set(c->alg, f->sig_alg);
	wire_der_set(c->sig, sig);
	c->sig->flags |= ASN1_STRING_FLAG_BITS_LEFT; /* no unused bits */
	r = wire_der_put(c, IT(CERT), out);
	ASN1_item_free((ASN1_VALUE *)c, IT(CERT));
	return r;
}

/* The outside must be what assemble would make of the same parts. */
static enum base_err
outside_check(const CERT *c, const struct wire_tbs *t, struct base_span der)
{
	struct base_buf again;
	enum base_err r;

	base_buf_init(&again, 0);
	r = wire_cert_assemble(wire_der_bytes(c->tbs), t->issuer_alg,
	    wire_der_bytes(c->sig), &again);
	if (r == BASE_OK && !wire_span_is_equal(base_buf_span(&again), der))
		r = base_fail(BASE_E_REFUSED,
		    "certificate: composed again it is different");
	base_buf_free(&again);
	return r;
}

enum base_err
wire_cert_parse(const X509 *x, struct wire_tbs *out)
{
	struct wire_tbs t = { 0 };
	struct base_span tbs;
	struct base_buf der;
	uint8_t *copy = NULL;
	enum base_err r;
	CERT *c = NULL;

	base_buf_init(&der, 0);
	if ((r = wire_x509_to_der(x, &der)) != BASE_OK)
		goto out;
	if ((c = wire_der_get(base_buf_span(&der), IT(CERT))) == NULL) {
		r = base_fail(BASE_E_SYNTAX, "certificate: not DER");
		goto out;
	}
	tbs = wire_der_bytes(c->tbs);
	tbs.p = copy = base_memdup(tbs.p, tbs.n);
	if ((r = wire_tbs_parse(tbs, &t)) != BASE_OK ||
	    (r = outside_check(c, &t, base_buf_span(&der))) != BASE_OK)
		goto out;
	*out = t;
	out->der = copy;
	memset(&t, 0, sizeof(t));
	copy = NULL;
out:
	wire_tbs_free(&t);
	free(copy);
	ASN1_item_free((ASN1_VALUE *)c, IT(CERT));
	base_buf_free(&der);
	return r;
}
