/*
 * hsm/p11_uri: the part of a PKCS#11 URI (RFC 7512) that chooses a token.
 */
#pragma once

#include "base/base.h"

struct hsm_p11_uri { /* NULL: any */
	char *token; /* label; owned, as all of them */
	char *serial;
	char *manufacturer;
	char *model;
};
/* SYNTAX: not a URI of this kind. Path attributes other than these four and
 * query attributes are refused: a PIN has no place in a configuration file,
 * and a slot number chooses another token after the next reboot. At least
 * token or serial must be there. */
enum base_err
hsm_p11_uri_parse(const char *s, struct hsm_p11_uri *out) BASE_MUST;
/* The four strings of a token, without their padding; NULL counts as "". */
bool hsm_p11_uri_is_match(const struct hsm_p11_uri *u,
    const struct hsm_p11_uri *token);
void hsm_p11_uri_clear(struct hsm_p11_uri *u);
