/*
 * ca/base64: bytes of files in the control socket's JSON.
 */
#pragma once

#include <jansson.h>

#include "base/base.h"

/* A new string. */
json_t *ca_base64_new(struct base_span s);
/* Appended to out. SYNTAX, with what in front: it is none, or it is empty. */
enum base_err ca_base64_read(const char *what, const char *text,
    struct base_buf *out) BASE_MUST;
