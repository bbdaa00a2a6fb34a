/*
 * wire/name: DNS names and subjectAltName entries. Internal to wire/.
 */
#pragma once

#include <openssl/x509v3.h>

#include "wire/x509.h"

/* Letters, digits and inner hyphens in labels of 1 to 63, at most 253 in all,
 * last label not a number (RFC 1123 2.1); no wildcard, no trailing dot. Upper
 * case is fine. */
bool wire_dns_is_valid(const char *s, size_t n);

/* "DNS:…" (lower case) or "IP:…" in its shortest form (RFC 5952); the owned
 * name is the caller's. REFUSED for any other text. */
enum base_err wire_san_from_text(const char *s, GENERAL_NAME **out) BASE_MUST;
/* The text of an entry of those two kinds, owned by the caller. */
enum base_err wire_san_to_text(const GENERAL_NAME *g, char **out) BASE_MUST;
