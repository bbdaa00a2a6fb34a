/*
 * agentd/schema: libconfig behind a table. libconfig itself accepts unknown
 * keys and cuts large integers; both are caught here. Used by config.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/config.h"
#include "agentd/schema.h"
#include "wire/addr.h"

#define LIST_MAX 4096

enum base_err
ag_schema_fail(const config_setting_t *s, const char *fmt, ...)
{
	char text[512];
	const char *file = config_setting_source_file(s);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return base_fail(BASE_E_CONFIG, "%s:%u: %s",
	    file != NULL ? file : "configuration",
	    (unsigned int)config_setting_source_line(s), text);
}

static enum base_err
read_string(const config_setting_t *s, const char *name, enum ag_kind kind,
    char **out)
{
	const char *v = config_setting_get_string(s);
	struct sockaddr_storage ss;
	socklen_t len;

	if (v == NULL || *v == '\0')
		return ag_schema_fail(s, "%s: a string is needed", name);
	if (kind == AG_K_NAME && !base_name_is_valid(v))
		return ag_schema_fail(s,
		    "%s: \"%s\" is no name: 1 to %d of a-z 0-9 . -, "
		    "first and last a letter or digit",
		    name, v, BASE_NAME_MAX);
	if (kind == AG_K_PATH && v[0] != '/')
		return ag_schema_fail(s, "%s: \"%s\" is no absolute path", name,
		    v);
	if (kind == AG_K_ADDRESS && !ag_address_is_valid(v))
		return ag_schema_fail(s,
		    "%s: \"%s\" is no address: HOST:PORT or [IPV6]:PORT", name,
		    v);
	if (kind == AG_K_IP && wire_addr_parse(v, &ss, &len) != BASE_OK)
		return ag_schema_fail(s,
		    "%s: \"%s\" is no address by number, 127.0.0.1:PORT or "
		    "[::1]:PORT: a probe asks no name server",
		    name, v);
	*out = base_strdup(v);
	return BASE_OK;
}

static enum base_err
read_strings(const config_setting_t *s, const char *name, enum ag_kind kind,
    char ***out)
{
	int n = config_setting_is_array(s) || config_setting_is_list(s)
	    ? config_setting_length(s)
	    : 0;
	char **v;
	enum base_err r;

	if (n <= 0 || n > LIST_MAX)
		return ag_schema_fail(s, "%s: a list of strings is needed",
		    name);
	v = base_alloc((size_t)(n + 1) * sizeof *v);
	*out = v;
	for (int i = 0; i < n; i++) {
		const config_setting_t *e =
		    config_setting_get_elem(s, (unsigned int)i);

		if ((r = read_string(e, name, kind, &v[i])) != BASE_OK)
			return r;
	}
	return BASE_OK;
}

static enum base_err
read_seconds(const config_setting_t *s, const char *name, uint32_t *out)
{
	double v;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
		v = config_setting_get_int(s);
		break;
	case CONFIG_TYPE_FLOAT:
		v = config_setting_get_float(s);
		break;
	default:
		return ag_schema_fail(s, "%s: seconds are needed", name);
	}
	if (!(v >= 0 && v <= 86400))
		return ag_schema_fail(s, "%s: 0 to 86400 seconds are allowed",
		    name);
	*out = (uint32_t)(v * 1000 + 0.5);
	return BASE_OK;
}

static enum base_err
read_word(const config_setting_t *s, const struct ag_key *k, int *out)
{
	const char *v = config_setting_get_string(s);
	const char *list = "";
	char text[256];

	for (const struct ag_word *w = k->words; w->word != NULL; w++) {
		if (v != NULL && strcmp(v, w->word) == 0) {
			*out = w->value;
			return BASE_OK;
		}
	}
	text[0] = '\0';
	for (const struct ag_word *w = k->words; w->word != NULL; w++) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof text - n, "%s\"%s\"", list, w->word);
		list = ", ";
	}
	return ag_schema_fail(s, "%s: one of %s is needed", k->name, text);
}

static enum base_err
read_list(const config_setting_t *s, const struct ag_key *k, char *out)
{
	int n = config_setting_is_list(s) ? config_setting_length(s) : -1;
	char *array;
	enum base_err r;

	if (n < 0 || n > LIST_MAX)
		return ag_schema_fail(s,
		    "%s: a list of groups is needed: ( { … } )", k->name);
	array = n == 0 ? NULL : base_alloc((size_t)n * k->size);
	memcpy(out + k->off, &array, sizeof array);
	for (int i = 0; i < n; i++) {
		size_t count = (size_t)i + 1;
		const config_setting_t *e =
		    config_setting_get_elem(s, (unsigned int)i);

		memcpy(out + k->on, &count, sizeof count);
		r = ag_schema_read(e, k->sub, array + (size_t)i * k->size);
		if (r != BASE_OK)
			return r;
	}
	return BASE_OK;
}

static enum base_err
read_key(const config_setting_t *s, const struct ag_key *k, char *out)
{
	char *at = out + k->off;
	const bool yes = true;

	switch (k->kind) {
	case AG_K_NAME:
	case AG_K_TEXT:
	case AG_K_PATH:
	case AG_K_ADDRESS:
	case AG_K_IP:
		return read_string(s, k->name, k->kind, (void *)at);
	case AG_K_ARGV:
		return read_strings(s, k->name, AG_K_TEXT, (void *)at);
	case AG_K_NAMES:
		return read_strings(s, k->name, AG_K_NAME, (void *)at);
	case AG_K_SECONDS:
		return read_seconds(s, k->name, (void *)at);
	case AG_K_BOOL:
		if (config_setting_type(s) != CONFIG_TYPE_BOOL)
			return ag_schema_fail(s, "%s: true or false is needed",
			    k->name);
		*(bool *)(void *)at = config_setting_get_bool(s) != 0;
		return BASE_OK;
	case AG_K_WORD:
		return read_word(s, k, (void *)at);
	case AG_K_GROUP:
		if (k->on != SIZE_MAX)
			memcpy(out + k->on, &yes, sizeof yes);
		return ag_schema_read(s, k->sub, at);
	case AG_K_LIST:
		return read_list(s, k, out);
	}
	base_die("schema: kind %d", (int)k->kind);
}

static const struct ag_key *
find(const struct ag_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++)
		if (name != NULL && strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

enum base_err
ag_schema_read(const config_setting_t *group, const struct ag_key *keys,
    void *out)
{
	enum base_err r;

	if (!config_setting_is_group(group))
		return ag_schema_fail(group, "a group is needed: { … }");
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s =
		    config_setting_get_elem(group, (unsigned int)i);
		const struct ag_key *k = find(keys, config_setting_name(s));

		if (k == NULL)
			return ag_schema_fail(s, "%s: unknown here",
			    config_setting_name(s));
		if ((r = read_key(s, k, out)) != BASE_OK)
			return r;
	}
	for (const struct ag_key *k = keys; k->name != NULL; k++)
		if (k->required &&
		    config_setting_get_member(group, k->name) == NULL)
			return ag_schema_fail(group, "%s is missing here",
			    k->name);
	return BASE_OK;
}

static void
free_strings(char **v)
{
	for (char **p = v; p != NULL && *p != NULL; p++)
		free(*p);
	free(v);
}

static void
free_list(const struct ag_key *k, char *p)
{
	char *array;
	size_t n;

	memcpy(&array, p + k->off, sizeof array);
	memcpy(&n, p + k->on, sizeof n);
	for (size_t i = 0; i < n; i++)
		ag_schema_free(k->sub, array + i * k->size);
	free(array);
}

void
ag_schema_free(const struct ag_key *keys, void *p)
{
	for (const struct ag_key *k = keys; k->name != NULL; k++) {
		void *at = (char *)p + k->off;

		switch (k->kind) {
		case AG_K_NAME:
		case AG_K_TEXT:
		case AG_K_PATH:
		case AG_K_ADDRESS:
		case AG_K_IP:
			free(*(char **)at);
			break;
		case AG_K_ARGV:
		case AG_K_NAMES:
			free_strings(*(char ***)at);
			break;
		case AG_K_GROUP:
			ag_schema_free(k->sub, at);
			break;
		case AG_K_LIST:
			free_list(k, p);
			break;
		case AG_K_SECONDS:
		case AG_K_BOOL:
		case AG_K_WORD:
			break;
		}
	}
}
