/*
 * wire/path: candidate chains from a certificate to a trust anchor. Internal
 * to wire/.
 */
#pragma once

#include "wire/x509.h"

/* Judges one chain: cert first, anchor last. */
typedef enum base_err wire_path_judge(void *arg, STACK_OF(X509) *chain);

/*
 * Offers judge every chain of at most max_depth intermediates, self-issued
 * ones not counted (RFC 5280 4.2.1.9), in which each certificate names, and
 * is signed by, the next, until it says OK; returns that or the last refusal.
 * CRYPTO when there is no chain at all.
 * Anchors are the self-signed certificates of trust; its other certificates
 * and untrusted (may be NULL) are intermediates. RANGE when the work has gone
 * over a bound that no honest input needs.
 */
enum base_err wire_path_search(X509 *cert, STACK_OF(X509) *trust,
    STACK_OF(X509) *untrusted, int max_depth, wire_path_judge *judge,
    void *arg) BASE_MUST;
