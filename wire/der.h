/*
 * wire/der: OpenSSL's ASN.1 items to and from bytes, to the last byte, and
 * the distinguished name that all of kedge's structures share. Internal to
 * wire/.
 */
#pragma once

#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/safestack.h>
#include <openssl/x509.h>

#include "base/base.h"

/* Appends the DER of v; RANGE when out is too small for it. */
enum base_err wire_der_put(const void *v, const ASN1_ITEM *it,
    struct base_buf *out) BASE_MUST;
/* NULL unless der is one such structure and nothing after it; the caller
 * frees it with ASN1_item_free. Encodings that are not DER may pass: compose
 * again and compare. */
void *wire_der_get(struct base_span der, const ASN1_ITEM *it);
/* A new, empty structure; never NULL. */
void *wire_der_new(const ASN1_ITEM *it);
void wire_der_set(ASN1_STRING *s, struct base_span bytes);
struct base_span wire_der_bytes(const ASN1_STRING *s);

static inline bool
wire_span_is_equal(struct base_span a, struct base_span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Name { O, CN }, both UTF8String. The template macros need a type name of
 * one word. */
typedef struct wire_ava_st {
	ASN1_OBJECT *type;
	ASN1_UTF8STRING *value;
} WIRE_AVA;
DEFINE_STACK_OF(WIRE_AVA)
typedef struct wire_dn_st {
	STACK_OF(WIRE_AVA) *o, *cn;
} WIRE_DN;
DECLARE_ASN1_ITEM(WIRE_DN)

/* dn is fresh from its template. */
void wire_dn_set(WIRE_DN *dn, const char *fleet, const char *cn);
/* False when it is not one O and one CN with valid names. The types are left
 * to composing again. */
bool wire_dn_get(const WIRE_DN *dn, char fleet[BASE_NAME_MAX + 1],
    char cn[BASE_NAME_MAX + 1]);
