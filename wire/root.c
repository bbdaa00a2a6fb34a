/*
 * wire/root: may this be a root, and is this new root the successor of that
 * old one? RFC 9810 section 4.4 with a fleet's extra rules. Called by agentd
 * before it stores a root, by ca and hsm before they hand one out.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "wire/der.h"
#include "wire/oid.h"
#include "wire/path.h"
#include "wire/verify.h"

static enum base_err
refuse(const char *why)
{
	return base_fail(BASE_E_REFUSED, "root: %s", why);
}

/* x verifies under anchor, both by the rules of wire_verify_cert, and has the
 * closed profile of a CA. */
static enum base_err
check_ca_under(X509 *x, X509 *anchor, struct base_time now)
{
	const struct wire_verify v = { .now = now, .max_depth = 0 };
	STACK_OF(X509) *trust = sk_X509_new_null();
	enum base_err r;

	if (trust == NULL || sk_X509_push(trust, anchor) <= 0)
		base_die("root: out of memory");
	r = wire_verify_cert(&v, x, trust, NULL, NULL);
	sk_X509_free(trust);
	if (r != BASE_OK)
		return r;
	return wire_profile_check(x, anchor, false);
}

/* ---- parts ------------------------------------------------------------------ */

static bool
is_same_name(const X509_NAME *a, const X509_NAME *b)
{
	struct base_span x, y;

	/* by bytes, as Go and Java compare */
	return X509_NAME_get0_der(a, &x.p, &x.n) == 1 &&
	    X509_NAME_get0_der(b, &y.p, &y.n) == 1 && wire_span_is_equal(x, y);
}

static bool
is_same_key(const X509 *a, const X509 *b)
{
	uint8_t ha[32], hb[32];

	wire_x509_spki_sha256(a, ha);
	wire_x509_spki_sha256(b, hb);
	return memcmp(ha, hb, sizeof(ha)) == 0;
}

static bool
is_same_id(const ASN1_OCTET_STRING *a, const ASN1_OCTET_STRING *b)
{
	return a != NULL && b != NULL && ASN1_OCTET_STRING_cmp(a, b) == 0;
}

/* RFC 5280 does not count the self-issued NewWithOld, but some verifiers do:
 * with pathLenConstraint 0 in the old root a new leaf fails in them. */
static bool
may_vouch(X509 *old)
{
	long n = X509_get_pathlen(old);

	return n == -1 || n > 0;
}

/* RFC 8649: the hash of the next root's key, when root carries one. */
enum next {
	NEXT_NONE,
	NEXT_IS,
	NEXT_IS_NOT
};

static enum next
next_key(const X509 *root, const X509 *candidate)
{
	/* HashedRootKey { { sha256 }, OCTET STRING (32) } */
	static const uint8_t head[] = { 0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09,
		0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04,
		0x20 };
	ASN1_OBJECT *oid = OBJ_txt2obj(WIRE_OID_ROOT_HASH, 1);
	int i = X509_get_ext_by_OBJ(root, oid, -1);
	uint8_t want[sizeof(head) + 32];
	struct base_span value;

	ASN1_OBJECT_free(oid);
	if (i < 0)
		return NEXT_NONE;
	memcpy(want, head, sizeof(head));
	wire_x509_spki_sha256(candidate, want + sizeof(head));
	value = wire_der_bytes(X509_EXTENSION_get_data(X509_get_ext(root, i)));
	return wire_span_is_equal(value,
		   (struct base_span){ want, sizeof(want) })
	    ? NEXT_IS
	    : NEXT_IS_NOT;
}

/* a is not after b */
static bool
is_not_after(const ASN1_TIME *a, const ASN1_TIME *b)
{
	int c = ASN1_TIME_compare(a, b);

	return c == -1 || c == 0;
}

/* ---- rules -------------------------------------------------------------------- */

/* The three certificates are of one root, and the middle one ties them. */
static enum base_err
check_ties(X509 *old, X509 *nwn, X509 *nwo)
{
	if (!is_same_name(X509_get_subject_name(old),
		X509_get_subject_name(nwn)) ||
	    !is_same_name(X509_get_subject_name(nwo),
		X509_get_subject_name(nwn)) ||
	    !is_same_name(X509_get_issuer_name(nwo),
		X509_get_subject_name(old)))
		return refuse("old root, NewWithNew and NewWithOld do not "
			      "have the same name");
	if (!is_same_key(nwn, nwo))
		return refuse("NewWithOld is for another key than "
			      "NewWithNew; ask the CA for the pair");
	if (is_same_key(old, nwn))
		return refuse("the new root has the old root's key");
	if (!is_same_id(X509_get0_subject_key_id(nwo),
		X509_get0_subject_key_id(nwn)) ||
	    !is_same_id(X509_get0_authority_key_id(nwo),
		X509_get0_subject_key_id(old)))
		return refuse("key identifiers of NewWithOld are not those "
			      "of the new and of the old key; without them "
			      "verifiers cannot tell the roots apart");
	if (!may_vouch(old))
		return refuse("the old root has pathLenConstraint 0 and can "
			      "vouch for no other root");
	return BASE_OK;
}

/* RFC 9810 4.4: NewWithOld begins with the new root, and ends with the old
 * one at the latest. */
static enum base_err
check_periods(const X509 *old, const X509 *nwn, const X509 *nwo)
{
	if (!is_not_after(X509_get0_notBefore(nwn), X509_get0_notBefore(nwo)))
		return refuse("NewWithOld begins before NewWithNew");
	if (!is_not_after(X509_get0_notAfter(nwo), X509_get0_notAfter(old)))
		return refuse("NewWithOld outlives the old root");
	if (!is_not_after(X509_get0_notAfter(nwo), X509_get0_notAfter(nwn)))
		return refuse("NewWithOld outlives NewWithNew");
	return BASE_OK;
}

/* RFC 9810 4.4: OldWithNew has the old root's dates. */
static enum base_err
check_periods_back(const X509 *old, const X509 *own)
{
	if (!is_not_after(X509_get0_notBefore(old), X509_get0_notBefore(own)) ||
	    !is_not_after(X509_get0_notAfter(own), X509_get0_notAfter(old)))
		return refuse("OldWithNew goes beyond the dates of the old "
			      "root");
	return BASE_OK;
}

enum base_err
wire_verify_root(X509 *root, struct base_time now)
{
	enum base_err r;

	if (X509_self_signed(root, 1) != 1)
		return base_fail(BASE_E_CRYPTO,
		    "root: is not signed by its own key");
	if ((r = check_ca_under(root, root, now)) != BASE_OK)
		return r;
	if (!is_same_id(X509_get0_subject_key_id(root),
		X509_get0_authority_key_id(root)))
		return refuse("authorityKeyIdentifier is not its "
			      "subjectKeyIdentifier");
	if (!may_vouch(root))
		return refuse("has pathLenConstraint 0, so it could never be "
			      "rolled; make it without");
	return BASE_OK;
}

enum base_err
wire_verify_new_root(X509 *old, X509 *new_with_new, X509 *new_with_old,
    struct base_time now)
{
	enum base_err r;

	if ((r = wire_verify_root(new_with_new, now)) != BASE_OK ||
	    (r = check_ties(old, new_with_new, new_with_old)) != BASE_OK ||
	    (r = check_ca_under(new_with_old, old, now)) != BASE_OK ||
	    (r = check_periods(old, new_with_new, new_with_old)) != BASE_OK)
		return r;
	if (next_key(old, new_with_new) == NEXT_IS_NOT)
		return refuse("the old root names the hash of another key "
			      "as the next (RFC 8649); this may be an attack "
			      "with a stolen key");
	return BASE_OK;
}

bool
wire_root_names_next(const X509 *old, const X509 *new)
{
	return next_key(old, new) == NEXT_IS;
}

enum base_err
wire_verify_old_root(X509 *new, X509 *old_root, X509 *old_with_new,
    struct base_time now)
{
	enum base_err r;

	if ((r = wire_verify_root(old_root, now)) != BASE_OK ||
	    (r = check_ties(new, old_root, old_with_new)) != BASE_OK ||
	    (r = check_ca_under(old_with_new, new, now)) != BASE_OK ||
	    (r = check_periods_back(old_root, old_with_new)) != BASE_OK)
		return r;
	if (next_key(old_root, new) == NEXT_IS_NOT)
		return refuse("the older root names the hash of another key "
			      "as the next (RFC 8649): it is not the one "
			      "before this");
	return BASE_OK;
}
