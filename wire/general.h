/*
 * wire/general: whether a GeneralName is well formed (RFC 5280 4.2.1.6 as a
 * name, 4.2.1.10 as a constraint). Internal to wire/.
 */
#pragma once

#include <openssl/x509v3.h>

#include "wire/x509.h"

/* NULL, or what is wrong with it. Forms that nobody here compares (otherName,
 * x400Address, …) pass. */
const char *wire_general_fault(const GENERAL_NAME *g);
const char *wire_constraint_fault(const GENERAL_SUBTREE *s);
/* Whether wildcard (a dNSName) can stand for a name within base, a dNSName
 * constraint, without lying within it itself. */
bool wire_wildcard_may_match(const ASN1_STRING *wildcard,
    const ASN1_STRING *base);
/* A distributionPoint of a certificate or CRL (NULL is fine) that one can
 * fetch from: URIs and directory names only. */
bool wire_dist_point_is_good(const DIST_POINT_NAME *p);
/* UTCTime until 2049, GeneralizedTime after (RFC 5280 4.1.2.5, 5.1.2.4). */
bool wire_date_is_good(const ASN1_TIME *t);
