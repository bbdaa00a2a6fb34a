/*
 * wire/tbs: the extensions of what kedge issues, between tbs.c (structure)
 * and tbs_ext.c (profiles). Internal to wire/.
 */
#pragma once

#include <openssl/x509v3.h>

#include "wire/x509.h"

/* The owned list that t's profile wants. */
enum base_err
wire_tbs_ext_compose(const struct wire_tbs *t, X509_EXTENSIONS **out) BASE_MUST;
/* Reads kind, ski, aki, san and next_hash. What it passes over is found by
 * composing again. */
enum base_err
wire_tbs_ext_parse(const X509_EXTENSIONS *exts, struct wire_tbs *t) BASE_MUST;

static inline bool
wire_kind_is_root(enum wire_cert_kind k)
{
	return k == WIRE_NEW_WITH_NEW || k == WIRE_NEW_WITH_OLD ||
	    k == WIRE_OLD_WITH_NEW;
}
