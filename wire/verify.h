/*
 * wire/verify: the checks that verify.c puts together. Internal to wire/.
 */
#pragma once

#include "wire/x509.h"

/* What RFC 5280 demands of one certificate and OpenSSL does not check:
 * pkix.c. anchor: it is the trusted end of the chain. */
enum base_err wire_pkix_check(X509 *x, bool anchor) BASE_MUST;
/* Name constraints of a whole chain against wildcards. */
enum base_err wire_pkix_check_chain(STACK_OF(X509) *chain) BASE_MUST;
/* The same for a CRL. */
enum base_err wire_crl_check(X509_CRL *crl) BASE_MUST;
/* kedge's closed profile: profile.c. leaf: the certificate itself; the root
 * is its own issuer. */
enum base_err wire_profile_check(X509 *x, const X509 *issuer, bool leaf)
    BASE_MUST;
/* Key usage, extended key usage and name of the certificate itself. */
enum base_err wire_purpose_check(const struct wire_verify *v, X509 *x)
    BASE_MUST;
/* Encodings that are not DER anywhere in der (X.690 10, 11): ber.c. */
enum base_err wire_der_check(struct base_span der, const char *what)
    BASE_MUST;
