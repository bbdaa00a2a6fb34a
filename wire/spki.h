/*
 * wire/spki: SubjectPublicKeyInfo as bytes, and what belongs to each of the
 * four algorithms. Internal to wire/; the public half is in x509.h.
 */
#pragma once

#include "wire/x509.h"

struct wire_spki_form {
	enum wire_alg alg;
	const char *name;
	const uint8_t *head, *tail; /* DER around the variable bytes */
	size_t head_n, tail_n, var_n;
	size_t bits_at; /* offset of the key bits (RFC 7093) */
	struct base_span sig_alg; /* AlgorithmIdentifier it signs with */
	size_t sig_n; /* RSA: exact length; EC: upper bound */
};

/* NULL when a is no algorithm of ours. */
const struct wire_spki_form *wire_spki_form(enum wire_alg a);
/* SYNTAX when the bytes are none of the four forms. */
enum base_err wire_spki_parse(struct base_span spki,
    const struct wire_spki_form **out) BASE_MUST;
