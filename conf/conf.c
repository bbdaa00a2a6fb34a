/*
 * Groups and lists by their tables, and whole files. Called by the
 * configuration readers of hsm/, ca/ and agentd/.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/inside.h"

#define FILE_MAX ((size_t)64 << 20)

enum base_err
conf_fail(const char *file, const config_setting_t *s, const char *key,
    const char *fmt, ...)
{
	unsigned int line = config_setting_source_line(s);
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return base_fail(BASE_E_CONFIG, "%s:%u: %s%s%s", file,
	    line > 0 ? line : 1, key != NULL ? key : "",
	    key != NULL ? ": " : "", text);
}

/* ---- groups and lists ---------------------------------------------------------- */

static enum base_err read_group(const char *file, const config_setting_t *g,
    const struct conf_key *keys, char *out);

static enum base_err
check_group(const char *file, const config_setting_t *s,
    const struct conf_key *k, char *group)
{
	if (group == NULL || k->check == NULL || k->check(group) == BASE_OK)
		return BASE_OK;
	return conf_fail(file, s, k->name, "%s", base_why());
}

static char *
first_text(const struct conf_key *k, char *array, size_t i)
{
	void *at = array + i * k->size + k->keys[0].offset;

	return *(char **)at;
}

static enum base_err
check_unique(const char *file, const config_setting_t *s,
    const struct conf_key *k, char *array, size_t i)
{
	for (size_t j = 0; array != NULL && k->unique && j < i; j++)
		if (strcmp(first_text(k, array, i), first_text(k, array, j)) ==
		    0)
			return conf_fail(file, s, k->name,
			    "\"%s\" is there twice", first_text(k, array, i));
	return BASE_OK;
}

static enum base_err
read_list(const char *file, const config_setting_t *s, const struct conf_key *k,
    void *at, void *count)
{
	unsigned int n = 0;
	enum base_err r = conf_count(file, s, k, "groups ( { … } )", &n);
	char *array = NULL;

	if (r == BASE_OK && at != NULL && n > 0)
		*(char **)at = array = base_alloc(n * k->size);
	for (unsigned int i = 0; i < n && r == BASE_OK; i++) {
		const config_setting_t *e = config_setting_get_elem(s, i);
		char *group = array != NULL ? array + i * k->size : NULL;

		if (count != NULL)
			*(size_t *)count = i + 1;
		if ((r = read_group(file, e, k->keys, group)) == BASE_OK &&
		    (r = check_unique(file, e, k, array, i)) == BASE_OK)
			r = check_group(file, e, k, group);
	}
	return r;
}

static enum base_err
read_key(const char *file, const config_setting_t *s, const struct conf_key *k,
    char *out)
{
	char *at = out != NULL ? out + k->offset : NULL;
	void *count =
	    out != NULL && k->count != CONF_UNCOUNTED ? out + k->count : NULL;
	enum base_err r;

	if (k->kind == CONF_LIST)
		return read_list(file, s, k, at, count);
	if (k->kind != CONF_GROUP)
		return conf_value(file, s, k, at, count);
	if (count != NULL)
		*(bool *)count = true;
	if ((r = read_group(file, s, k->keys, at)) != BASE_OK)
		return r;
	return check_group(file, s, k, at);
}

static enum base_err
fail_unknown(const char *file, const config_setting_t *s,
    const struct conf_key *keys)
{
	struct base_buf all;
	enum base_err r;

	base_buf_init(&all, 0);
	for (const struct conf_key *k = keys; k->name != NULL; k++)
		if (base_buf_printf(&all, "%s%s", k == keys ? "" : ", ",
			k->name) != BASE_OK)
			base_die("conf: %s", base_why());
	r = conf_fail(file, s, config_setting_name(s),
	    "unknown here; there may be: %.*s", (int)all.n,
	    (const char *)all.p);
	base_buf_free(&all);
	return r;
}

static enum base_err
read_group(const char *file, const config_setting_t *g,
    const struct conf_key *keys, char *out)
{
	const struct conf_key *k;
	enum base_err r;

	if (!config_setting_is_group(g))
		return conf_fail(file, g, config_setting_name(g),
		    "a group is needed: { … }");
	for (int i = 0; i < config_setting_length(g); i++) {
		const config_setting_t *s =
		    config_setting_get_elem(g, (unsigned int)i);

		for (k = keys; k->name != NULL; k++)
			if (strcmp(k->name, config_setting_name(s)) == 0)
				break;
		if (k->name == NULL)
			return fail_unknown(file, s, keys);
		if ((r = read_key(file, s, k, out)) != BASE_OK)
			return r;
	}
	for (k = keys; k->name != NULL; k++) {
		if (config_setting_get_member(g, k->name) != NULL)
			continue;
		if (k->needed)
			return conf_fail(file, g, NULL, "%s is missing here",
			    k->name);
		if (out != NULL)
			conf_value_default(k, out + k->offset);
	}
	return BASE_OK;
}

/* ---- a file ------------------------------------------------------------------------ */

enum base_err
conf_parse(const char *file, struct base_span text, config_t *cfg)
{
	char *copy = base_strndup((const char *)text.p, text.n);
	enum base_err r = BASE_OK;

	config_init(cfg);
	if (strlen(copy) != text.n)
		r = base_fail(BASE_E_CONFIG,
		    "%s:1: a zero byte; this is no text file", file);
	else if ((r = conf_scan(file, copy)) == BASE_OK &&
	    config_read_string(cfg, copy) != CONFIG_TRUE)
		r = base_fail(BASE_E_CONFIG,
		    "%s:%d: %s; look here and just before for a missing "
		    "\";\" behind a setting, \",\" between entries, bracket "
		    "or quote",
		    file, config_error_line(cfg), config_error_text(cfg));
	free(copy);
	return r;
}

enum base_err
conf_check(const char *file, const config_setting_t *group,
    const struct conf_key *keys)
{
	return read_group(file, group, keys, NULL);
}

enum base_err
conf_read_text(const char *file, struct base_span text,
    const struct conf_key *keys, enum base_err (*check)(void *), void *out)
{
	config_t cfg;
	enum base_err r;

	if ((r = conf_parse(file, text, &cfg)) == BASE_OK &&
	    (r = read_group(file, config_root_setting(&cfg), keys, out)) ==
		BASE_OK &&
	    check != NULL && check(out) != BASE_OK)
		r = base_fail(BASE_E_CONFIG, "%s: %s", file, base_why());
	config_destroy(&cfg);
	if (r != BASE_OK)
		conf_free(keys, out);
	return r;
}

enum base_err
conf_read(const char *path, const struct conf_key *keys,
    enum base_err (*check)(void *), void *out)
{
	struct base_buf text;
	enum base_err r;

	base_buf_init(&text, FILE_MAX);
	if (base_file_read(path, FILE_MAX, &text) != BASE_OK)
		r = base_fail(BASE_E_CONFIG, "%s: cannot be read: %s", path,
		    base_why());
	else
		r = conf_read_text(path, base_buf_span(&text), keys, check,
		    out);
	base_buf_free(&text);
	return r;
}

/* ---- end ------------------------------------------------------------------------------ */

static void
free_list(const struct conf_key *k, char *p)
{
	void *at = p + k->offset, *count = p + k->count;
	char *array = *(char **)at;

	for (size_t i = 0; i < *(size_t *)count; i++)
		conf_free(k->keys, array + i * k->size);
	free(array);
	*(char **)at = NULL;
	*(size_t *)count = 0;
}

static void
free_texts(char **v)
{
	for (char **s = v; v != NULL && *s != NULL; s++)
		free(*s);
	free(v);
}

void
conf_free(const struct conf_key *keys, void *p)
{
	for (const struct conf_key *k = keys; k->name != NULL; k++) {
		void *at = (char *)p + k->offset;

		switch (k->kind) {
		case CONF_GROUP:
			conf_free(k->keys, at);
			continue;
		case CONF_LIST:
			free_list(k, p);
			continue;
		case CONF_NAMES:
		case CONF_TEXTS:
			free_texts(*(char ***)at);
			break;
		case CONF_NAME:
		case CONF_TEXT:
		case CONF_PATH:
		case CONF_ADDRESS:
			free(*(char **)at);
			break;
		case CONF_UIDS:
			free(*(uid_t **)at);
			memset((char *)p + k->count, 0, sizeof(size_t));
			break;
		case CONF_NUMBER:
		case CONF_SECONDS:
		case CONF_BOOL:
		case CONF_WORD:
			continue;
		}
		memset(at, 0, sizeof(void *));
	}
}
