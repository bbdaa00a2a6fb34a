/*
 * Single values: type, bounds, default, by the row of the table. Called by
 * conf.c.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "conf/inside.h"

bool
conf_address_is_valid(const char *s)
{
	const char *colon = strrchr(s, ':');
	char *end;
	long port;

	if (colon == NULL || colon == s || colon[1] < '0' || colon[1] > '9')
		return false;
	if (s[0] == '[' ? colon[-1] != ']'
			: memchr(s, ':', (size_t)(colon - s)) != NULL)
		return false;
	port = strtol(colon + 1, &end, 10);
	return *end == '\0' && port >= 0 && port <= 65535 && colon - s < 250;
}

/* ---- texts ------------------------------------------------------------------- */

static enum base_err
read_text(const char *file, const config_setting_t *s, const struct conf_key *k,
    char **out)
{
	const char *v = config_setting_get_string(s);

	if (v == NULL || *v == '\0')
		return conf_fail(file, s, k->name,
		    "a string in quotes is needed");
	if ((k->kind == CONF_NAME || k->kind == CONF_NAMES) &&
	    !base_name_is_valid(v))
		return conf_fail(file, s, k->name,
		    "\"%s\" is no name: 1 to %d of a-z 0-9 . -, first and "
		    "last a letter or digit",
		    v, BASE_NAME_MAX);
	if (k->kind == CONF_PATH && v[0] != '/')
		return conf_fail(file, s, k->name, "\"%s\" is no absolute path",
		    v);
	if (k->kind == CONF_ADDRESS && !conf_address_is_valid(v))
		return conf_fail(file, s, k->name,
		    "\"%s\" is no address: HOST:PORT or [V6]:PORT", v);
	if (k->kind != CONF_NAMES && k->kind != CONF_TEXTS && k->max > 0 &&
	    (double)strlen(v) > k->max)
		return conf_fail(file, s, k->name,
		    "at most %.0f bytes are allowed", k->max);
	if (k->check_text != NULL && k->check_text(v) != BASE_OK)
		return conf_fail(file, s, k->name, "%s", base_why());
	if (out != NULL)
		*out = base_strdup(v);
	return BASE_OK;
}

enum base_err
conf_count(const char *file, const config_setting_t *s,
    const struct conf_key *k, const char *what, unsigned int *n)
{
	int len = config_setting_length(s);

	if (!config_setting_is_list(s) &&
	    (k->kind == CONF_LIST || !config_setting_is_array(s)))
		return conf_fail(file, s, k->name, "a list of %s is needed",
		    what);
	if (len < k->min || (k->max > 0 && len > k->max))
		return conf_fail(file, s, k->name,
		    k->max > 0 ? "a list of %s is needed, %.0f to %.0f of them"
			       : "a list of %s is needed, %.0f or more",
		    what, k->min, k->max);
	*n = (unsigned int)len;
	return BASE_OK;
}

static enum base_err
read_texts(const char *file, const config_setting_t *s,
    const struct conf_key *k, char ***out)
{
	unsigned int n = 0;
	enum base_err r = conf_count(file, s, k, "strings", &n);
	char **v = NULL;

	if (r != BASE_OK)
		return r;
	if (out != NULL)
		*out = v = base_alloc((n + 1) * sizeof(*v));
	for (unsigned int i = 0; i < n && r == BASE_OK; i++)
		r = read_text(file, config_setting_get_elem(s, i), k,
		    v != NULL ? &v[i] : NULL);
	return r;
}

/* ---- numbers, words, users ---------------------------------------------------- */

static enum base_err
read_number(const char *file, const config_setting_t *s,
    const struct conf_key *k, uint32_t *out)
{
	int type = config_setting_type(s);
	bool seconds = k->kind == CONF_SECONDS;
	bool is_number = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	double v = is_number ? (double)config_setting_get_int64(s) : -1;

	if (seconds && type == CONFIG_TYPE_FLOAT) {
		v = config_setting_get_float(s);
		is_number = true;
	}
	if (!is_number || !(v >= k->min && v <= k->max))
		return conf_fail(file, s, k->name, "%s from %.9g to %.9g %s",
		    seconds ? "seconds" : "a whole number", k->min, k->max,
		    seconds ? "are needed" : "is needed");
	if (out != NULL)
		*out = (uint32_t)(seconds ? v * 1000 + 0.5 : v);
	return BASE_OK;
}

static enum base_err
read_word(const char *file, const config_setting_t *s, const struct conf_key *k,
    int *out)
{
	const char *v = config_setting_get_string(s);
	const struct conf_word *w = k->words;
	struct base_buf all;
	enum base_err r;

	while (w->word != NULL && (v == NULL || strcmp(v, w->word) != 0))
		w++;
	if (w->word != NULL) {
		if (out != NULL)
			*out = w->value;
		return BASE_OK;
	}
	base_buf_init(&all, 0);
	for (w = k->words; w->word != NULL; w++)
		if (base_buf_printf(&all, "%s\"%s\"", w == k->words ? "" : ", ",
			w->word) != BASE_OK)
			base_die("conf: %s", base_why());
	r = conf_fail(file, s, k->name, "one of %.*s is needed", (int)all.n,
	    (const char *)all.p);
	base_buf_free(&all);
	return r;
}

/* Packages create users, not numbers. */
static enum base_err
read_uid(const char *file, const config_setting_t *s, const struct conf_key *k,
    uid_t *out)
{
	const char *name = config_setting_get_string(s);
	const struct passwd *pw = name != NULL ? getpwnam(name) : NULL;

	if (name != NULL && pw == NULL)
		return conf_fail(file, s, k->name, "there is no user \"%s\"",
		    name);
	if (pw != NULL) {
		*out = pw->pw_uid;
		return BASE_OK;
	}
	if (config_setting_type(s) != CONFIG_TYPE_INT ||
	    config_setting_get_int(s) < 0)
		return conf_fail(file, s, k->name,
		    "names or numbers of users are needed");
	*out = (uid_t)config_setting_get_int(s);
	return BASE_OK;
}

static enum base_err
read_uids(const char *file, const config_setting_t *s, const struct conf_key *k,
    uid_t **out, size_t *count)
{
	unsigned int n = 0;
	enum base_err r = conf_count(file, s, k, "users", &n);
	uid_t uid = 0;

	if (r == BASE_OK && out != NULL)
		*out = base_alloc((n + 1) * sizeof(**out));
	for (unsigned int i = 0; i < n && r == BASE_OK; i++) {
		r = read_uid(file, config_setting_get_elem(s, i), k, &uid);
		if (r == BASE_OK && out != NULL)
			(*out)[(*count)++] = uid;
	}
	return r;
}

/* ---- all of them --------------------------------------------------------------- */

enum base_err
conf_value(const char *file, const config_setting_t *s,
    const struct conf_key *k, char *at, size_t *count)
{
	void *p = at;

	switch (k->kind) {
	case CONF_NAME:
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_ADDRESS:
		return read_text(file, s, k, p);
	case CONF_NAMES:
	case CONF_TEXTS:
		return read_texts(file, s, k, p);
	case CONF_NUMBER:
	case CONF_SECONDS:
		return read_number(file, s, k, p);
	case CONF_BOOL:
		if (config_setting_type(s) != CONFIG_TYPE_BOOL)
			return conf_fail(file, s, k->name,
			    "true or false is needed");
		if (p != NULL)
			*(bool *)p = config_setting_get_bool(s) != 0;
		return BASE_OK;
	case CONF_WORD:
		return read_word(file, s, k, p);
	case CONF_UIDS:
		return read_uids(file, s, k, p, count);
	case CONF_GROUP:
	case CONF_LIST:
		break;
	}
	base_die("conf: %s: kind %d", k->name, (int)k->kind);
}

void
conf_value_default(const struct conf_key *k, char *at)
{
	void *p = at;

	if (k->text != NULL)
		*(char **)p = base_strdup(k->text);
	else if (k->kind == CONF_NUMBER)
		*(uint32_t *)p = (uint32_t)k->value;
	else if (k->kind == CONF_SECONDS)
		*(uint32_t *)p = (uint32_t)(k->value * 1000 + 0.5);
	else if (k->kind == CONF_WORD)
		*(int *)p = (int)k->value;
}
