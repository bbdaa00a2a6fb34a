/*
 * agentd/schema: reads libconfig settings into a struct by a table of keys.
 * Unknown keys, wrong types and missing keys are refused with file and line.
 */
#pragma once

#include <libconfig.h>

#include "base/base.h"

enum ag_kind {
	AG_K_NAME,       /* char *: base_name_is_valid */
	AG_K_TEXT,       /* char *: not empty */
	AG_K_PATH,       /* char *: absolute */
	AG_K_ADDRESS,    /* char *: HOST:PORT */
	AG_K_IP,         /* char *: the same, HOST by number */
	AG_K_ARGV,       /* char **: NULL terminated, not empty */
	AG_K_NAMES,      /* char **: NULL terminated names */
	AG_K_SECONDS,    /* uint32_t in ms; 0 to 86400 s, fractions */
	AG_K_BOOL,       /* bool */
	AG_K_WORD,       /* int: one of words */
	AG_K_GROUP,      /* struct at off by sub; on, when not SIZE_MAX, is
			  * the offset of a bool in the same struct */
	AG_K_LIST,       /* void * at off to an array of size bytes each,
			  * size_t at on counts */
};

struct ag_word {
	const char *word;
	int value;
};

struct ag_key {
	const char *name;
	enum ag_kind kind;
	size_t off;
	bool required;
	const struct ag_word *words;
	const struct ag_key *sub;
	size_t size, on;
};

/* keys ends with name NULL. What was read before an error stays in out. */
enum base_err ag_schema_read(const config_setting_t *group,
    const struct ag_key *keys, void *out) BASE_MUST;
/* CONFIG with "file:line: " of the setting in front. */
enum base_err ag_schema_fail(const config_setting_t *s, const char *fmt, ...)
    BASE_PRINTF(2, 3) BASE_MUST;
/* Frees all strings, vectors and lists of a struct that was read. */
void ag_schema_free(const struct ag_key *keys, void *p);
