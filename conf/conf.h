/*
 * conf: reads a configuration file into a struct by a table of its keys; the
 * one place that knows the traps of libconfig. Every refusal is CONFIG and
 * says "FILE:LINE: KEY: what is needed". Unknown keys are refused, because a
 * misspelt limit would not limit; so are whole numbers over 31 bits, which
 * libconfig 1.5 cuts without a word, and @include.
 */
#pragma once

#include <libconfig.h>

#include "base/base.h"

enum conf_kind {
	CONF_NAME,       /* char *: base_name_is_valid */
	CONF_TEXT,       /* char * */
	CONF_PATH,       /* char *: absolute */
	CONF_ADDRESS,    /* char *: HOST:PORT */
	CONF_NAMES,      /* char **: ended by NULL */
	CONF_TEXTS,      /* char **: ended by NULL */
	CONF_NUMBER,     /* uint32_t: whole, min to max */
	CONF_SECONDS,    /* uint32_t in ms: min to max seconds, fractions */
	CONF_BOOL,       /* bool */
	CONF_WORD,       /* int, or an enum: one of words */
	CONF_UIDS,       /* uid_t *, size_t at count: numbers or users */
	CONF_GROUP,      /* the struct at offset, by keys; bool at count says
			  * that it is there, unless CONF_UNCOUNTED */
	CONF_LIST,       /* void * to an array of size bytes each, by keys;
			  * size_t at count */
};
#define CONF_UNCOUNTED SIZE_MAX

struct conf_word {
	const char *word;        /* NULL ends a table of them */
	int value;
};

/* One row of a table; a row without a name ends it. */
struct conf_key {
	const char *name;
	enum conf_kind kind;
	size_t offset;           /* in the struct that is read */
	bool needed;
	bool unique;             /* list: no two elements with the same value
				  * of their first key, a char * */
	const char *text;        /* default of a text; NULL: none */
	double value;            /* default of a number or word */
	double min, max;         /* number, seconds: bounds; texts, uids, list:
				  * of the count; text: max bytes; max 0: none */
	const struct conf_word *words;
	const struct conf_key *keys;
	size_t size, count;
	/* Further demands, CONFIG with a sentence; NULL none: on each text;
	 * on a group, or an element of a list, that has been read. */
	enum base_err (*check_text)(const char *text);
	enum base_err (*check)(void *group);
};
#define CONF_AT(struct_name, field) .offset = offsetof(struct struct_name, field)

/* Both begin with a zeroed struct at out, and leave it so after an error.
 * check looks at the whole; NULL none. */
enum base_err conf_read(const char *path, const struct conf_key *keys,
    enum base_err (*check)(void *), void *out) BASE_MUST;
/* file is what the sentences call it. */
enum base_err conf_read_text(const char *file, struct base_span text,
    const struct conf_key *keys, enum base_err (*check)(void *), void *out)
    BASE_MUST;
/* Everything owned by what was read; the struct is as before reading. */
void conf_free(const struct conf_key *keys, void *p);

/* For files too large to be read twice: the parts. cfg is the caller's to
 * destroy, also after an error. */
enum base_err conf_parse(const char *file, struct base_span text,
    config_t *cfg) BASE_MUST;
/* Checks a group by its table, without the hooks for groups. */
enum base_err conf_check(const char *file, const config_setting_t *group,
    const struct conf_key *keys) BASE_MUST;

/* "HOST:PORT" or "[V6]:PORT". */
bool conf_address_is_valid(const char *s);
