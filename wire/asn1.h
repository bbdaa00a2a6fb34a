/*
 * wire/asn1: what the message files (order.c, report.c, …) share. Their field
 * lists are OpenSSL ASN.1 templates; here is the strictness: bytes are
 * decoded, encoded again and must be the same. Internal to wire/.
 */
#pragma once

#include <openssl/asn1t.h>
#include <openssl/x509.h>

#include "base/base.h"

#define WIRE_MSG_VERSION 1
#define WIRE_MESSAGE_MAX ((size_t)32 << 20) /* an exchange, the largest */

/* ---- whole messages ------------------------------------------------------ */

/* what names the message in errors. The value is freed by wire_asn_free. */
enum base_err wire_asn_decode(const ASN1_ITEM *it, const char *what,
    struct base_span der, void **out) BASE_MUST;
/* Appends; v as filled by the composer. */
enum base_err wire_asn_encode(const ASN1_ITEM *it, const void *v,
    struct base_buf *out) BASE_MUST;
void *wire_asn_new(const ASN1_ITEM *it);
void wire_asn_free(const ASN1_ITEM *it, void *v);
enum base_err wire_asn_version(const char *what, uint32_t v) BASE_MUST;

/* ---- fields: C to ASN.1 ---------------------------------------------------- */

/* SYNTAX unless it is a valid name. */
enum base_err wire_asn_put_name(ASN1_STRING *s, const char *v) BASE_MUST;
void wire_asn_put_bytes(ASN1_STRING *s, const void *p, size_t n);
void wire_asn_put_buf(ASN1_STRING *s, const struct base_buf *b);
enum base_err wire_asn_put_time(ASN1_GENERALIZEDTIME *s, struct base_time t)
    BASE_MUST;
enum base_err wire_asn_put_cert(ASN1_STRING *s, const X509 *x) BASE_MUST;
/* Element made and appended. */
void *wire_asn_push(OPENSSL_STACK *sk, const ASN1_ITEM *it);

/* ---- fields: ASN.1 to C ------------------------------------------------------ */

enum base_err wire_asn_get_name(const ASN1_STRING *s, char out[BASE_NAME_MAX + 1])
    BASE_MUST;
/* UTF-8 without NUL, less than size bytes. */
enum base_err wire_asn_get_text(const ASN1_STRING *s, char *out, size_t size)
    BASE_MUST;
enum base_err wire_asn_get_bytes(const ASN1_STRING *s, void *out, size_t n)
    BASE_MUST;
/* 1 to max bytes. */
enum base_err wire_asn_get_buf(const ASN1_STRING *s, size_t max,
    struct base_buf *out) BASE_MUST;
enum base_err wire_asn_get_time(const ASN1_GENERALIZEDTIME *s,
    struct base_time *out) BASE_MUST;
enum base_err wire_asn_get_cert(const ASN1_STRING *s, const char *what, X509 **out)
    BASE_MUST;
/* DER knows one TRUE. */
enum base_err wire_asn_get_bool(ASN1_BOOLEAN v, bool *out) BASE_MUST;
/* RANGE unless lo <= v <= hi. */
enum base_err wire_asn_range(const char *what, uint64_t v, uint64_t lo,
    uint64_t hi) BASE_MUST;
/* Number of elements, RANGE unless lo <= n <= hi; NULL counts as none. */
enum base_err wire_asn_count(const char *what, const OPENSSL_STACK *sk,
    size_t hi, size_t *n) BASE_MUST;
bool wire_utf8_is_valid(const void *p, size_t n);
