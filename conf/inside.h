/* conf/inside: what the sources of conf/ share. */
#pragma once

#include "conf/conf.h"

/* "FILE:LINE: KEY: …"; the key may be NULL. */
enum base_err conf_fail(const char *file, const config_setting_t *s,
    const char *key, const char *fmt, ...) BASE_PRINTF(4, 5) BASE_MUST;
/* scan.c: what libconfig would misread or open. */
enum base_err conf_scan(const char *file, const char *text) BASE_MUST;
/* value.c: every kind but groups and lists. at NULL: only looks. */
enum base_err conf_value(const char *file, const config_setting_t *s,
    const struct conf_key *k, char *at, size_t *count) BASE_MUST;
void conf_value_default(const struct conf_key *k, char *at);
/* [ a, b ] or ( a, b ), as many as k allows. */
enum base_err conf_count(const char *file, const config_setting_t *s,
    const struct conf_key *k, const char *what, unsigned int *n) BASE_MUST;
