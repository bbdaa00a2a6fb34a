/*
 * wire/verify: the one verification that CA, nodes and `kedge verify` share.
 * path.c offers chains; each is judged here by OpenSSL with nothing else in
 * its hands, then by the checks of RFC 5280 that OpenSSL leaves out (pkix.c),
 * then by kedge's closed profile when that is wanted (profile.c).
 */
#include <stdio.h>

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "wire/path.h"
#include "wire/verify.h"

#define DEPTH_DEFAULT 8
#define LEVEL	      2 /* 112 bits: no SHA-1, no RSA below 2048 bits */

struct judge {
	const struct wire_verify *v;
	STACK_OF(X509) *found; /* owned; the accepted chain */
};

/* ---- OpenSSL --------------------------------------------------------------- */

static enum base_err
err_of(int code)
{
	switch (code) {
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return BASE_E_CRYPTO;
	default:
		return BASE_E_REFUSED;
	}
}

static enum base_err
fail_as_openssl(X509_STORE_CTX *ctx)
{
	int code = X509_STORE_CTX_get_error(ctx);
	X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	char label[WIRE_LABEL_LEN] = "chain";

	if (x != NULL)
		(void)wire_x509_label(x, label);
	return base_fail(err_of(code), "verify: \"%s\": %s", label,
	    X509_verify_cert_error_string(code));
}

static void
set_param(X509_VERIFY_PARAM *p, const struct wire_verify *v, int depth)
{
	/* dates are checked here: OpenSSL takes notAfter for expired */
	unsigned long flags = X509_V_FLAG_X509_STRICT |
	    X509_V_FLAG_CHECK_SS_SIGNATURE | X509_V_FLAG_POLICY_CHECK |
	    X509_V_FLAG_NO_CHECK_TIME;
	int purpose = v->purpose == WIRE_SERVER ? X509_PURPOSE_SSL_SERVER
	    : v->purpose == WIRE_CLIENT		? X509_PURPOSE_SSL_CLIENT
						: X509_PURPOSE_ANY;

	if (v->crls != NULL)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	if (!X509_VERIFY_PARAM_set_flags(p, flags) ||
	    !X509_VERIFY_PARAM_set_purpose(p, purpose))
		base_die("verify: out of memory");
	X509_VERIFY_PARAM_set_depth(p, depth);
	X509_VERIFY_PARAM_set_auth_level(p, LEVEL);
}

/* The anchor is trusted by decision, not by a list of its own making; but a
 * list that revokes it is believed. */
static int
skip_list_of_anchor(int ok, X509_STORE_CTX *ctx)
{
	int code = X509_STORE_CTX_get_error(ctx);
	int last = X509_STORE_CTX_get_num_untrusted(ctx);

	if (ok == 1 || X509_STORE_CTX_get_error_depth(ctx) < last ||
	    (code != X509_V_ERR_UNABLE_TO_GET_CRL &&
		code != X509_V_ERR_DIFFERENT_CRL_SCOPE))
		return ok;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

/* chain is cert, intermediates, anchor, and no other certificate is there
 * for OpenSSL to take. */
static enum base_err
judge_openssl(const struct wire_verify *v, STACK_OF(X509) *chain,
    STACK_OF(X509) **found)
{
	STACK_OF(X509) *middle = sk_X509_dup(chain);
	STACK_OF(X509) *anchors = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum base_err r = BASE_OK;

	if (middle == NULL || anchors == NULL || ctx == NULL ||
	    sk_X509_push(anchors, sk_X509_pop(middle)) <= 0 ||
	    !X509_STORE_CTX_init(ctx, NULL, sk_X509_shift(middle), middle))
		base_die("verify: out of memory");
	if (X509_STORE_CTX_get0_cert(ctx) == NULL)
		base_die("verify: a chain of one");
	X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
	X509_STORE_CTX_set0_crls(ctx, v->crls);
	X509_STORE_CTX_set_verify_cb(ctx, skip_list_of_anchor);
	set_param(X509_STORE_CTX_get0_param(ctx), v, sk_X509_num(middle));
	if (X509_verify_cert(ctx) != 1)
		r = fail_as_openssl(ctx);
	else if ((*found = X509_STORE_CTX_get1_chain(ctx)) == NULL)
		base_die("verify: out of memory");
	X509_STORE_CTX_free(ctx);
	sk_X509_free(anchors);
	sk_X509_free(middle);
	return r;
}

/* ---- dates ---------------------------------------------------------------------- */

static const char *
date_text(const ASN1_TIME *date, char out[BASE_RFC3339_LEN])
{
	struct tm tm = { .tm_year = 0 };

	if (ASN1_TIME_to_tm(date, &tm) != 1)
		return "a malformed date";
	base_time_format((struct base_time){ timegm(&tm) * INT64_C(1000) },
	    out);
	return out;
}

/* Both ends belong to the period (RFC 5280 4.1.2.5), and a whole second to
 * each of them: the rest of now's second is dropped. */
static enum base_err
check_period(const struct wire_verify *v, const char *label,
    const ASN1_TIME *from, const ASN1_TIME *until)
{
	time_t now = (time_t)(v->now.ms / 1000 - (v->now.ms % 1000 < 0));
	int a = ASN1_TIME_cmp_time_t(from, now);
	int b = ASN1_TIME_cmp_time_t(until, now);
	char text[BASE_RFC3339_LEN], end[BASE_RFC3339_LEN];

	base_time_format(v->now, text);
	if (a == -2 || b == -2)
		return base_fail(BASE_E_SYNTAX, "verify: %s: malformed date",
		    label);
	if (a > 0)
		return base_fail(BASE_E_EXPIRED,
		    "verify: %s: valid from %s, which is after %s; are the "
		    "clocks right?",
		    label, date_text(from, end), text);
	if (b < 0)
		return base_fail(BASE_E_EXPIRED,
		    "verify: %s: expired at %s, which is before %s", label,
		    date_text(until, end), text);
	return BASE_OK;
}

static enum base_err
check_dates(const struct wire_verify *v, X509 *x)
{
	char name[WIRE_LABEL_LEN], label[WIRE_LABEL_LEN + 2];

	(void)snprintf(label, sizeof(label), "\"%s\"",
	    wire_x509_label(x, name));
	return check_period(v, label, X509_get0_notBefore(x),
	    X509_get0_notAfter(x));
}

/* ---- a whole chain ------------------------------------------------------------- */

static enum base_err
check_each(const struct wire_verify *v, STACK_OF(X509) *chain)
{
	int last = sk_X509_num(chain) - 1;
	enum base_err r;

	for (int i = 0; i <= last; i++) {
		X509 *x = sk_X509_value(chain, i);
		X509 *issuer = sk_X509_value(chain, i < last ? i + 1 : i);

		if ((r = check_dates(v, x)) != BASE_OK ||
		    (r = wire_pkix_check(x, i == last)) != BASE_OK)
			return r;
		if (v->closed &&
		    (r = wire_profile_check(x, issuer, i == 0)) != BASE_OK)
			return r;
	}
	return wire_pkix_check_chain(chain);
}

static enum base_err
judge(void *arg, STACK_OF(X509) *chain)
{
	struct judge *j = arg;
	STACK_OF(X509) *found = NULL;
	enum base_err r;

	if ((r = judge_openssl(j->v, chain, &found)) != BASE_OK ||
	    (r = check_each(j->v, found)) != BASE_OK)
		goto out;
	j->found = found;
	found = NULL;
out:
	sk_X509_pop_free(found, X509_free);
	return r;
}

static enum base_err
check_crls(const struct wire_verify *v)
{
	enum base_err r;

	for (int i = 0; i < sk_X509_CRL_num(v->crls); i++) {
		X509_CRL *c = sk_X509_CRL_value(v->crls, i);

		if ((r = wire_crl_check(c)) != BASE_OK ||
		    (r = check_period(v, "CRL", X509_CRL_get0_lastUpdate(c),
			 X509_CRL_get0_nextUpdate(c))) != BASE_OK)
			return r;
	}
	return BASE_OK;
}

enum base_err
wire_verify_cert(const struct wire_verify *v, X509 *cert, STACK_OF(X509) *trust,
    STACK_OF(X509) *untrusted, STACK_OF(X509) **chain)
{
	struct judge j = { .v = v };
	int depth = v->max_depth < 0 ? DEPTH_DEFAULT : v->max_depth;
	enum base_err r;

	if ((r = wire_purpose_check(v, cert)) != BASE_OK ||
	    (r = check_crls(v)) != BASE_OK ||
	    (r = wire_path_search(cert, trust, untrusted, depth, judge, &j)) !=
		BASE_OK)
		return r;
	if (chain != NULL)
		*chain = j.found;
	else
		sk_X509_pop_free(j.found, X509_free);
	return BASE_OK;
}
