/*
 * config: the configuration file, by libconfig behind tables of ours: one
 * row per setting says its name, type, bounds and place. Unknown settings are
 * refused, because a misspelt limit would not limit. Called by hsmd_main.c.
 */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#include "hsm/config.h"
#include "hsm/p11_uri.h"

#define DAY_MAX 36500

struct conf_ctx {
	const char *path;
	struct hsm_conf *c;
};

enum conf_type {
	CONF_STRING,
	CONF_NAME,
	CONF_INT,
	CONF_CUSTOM
};

struct conf_row {
	const char *name;
	enum conf_type type;
	bool needed;
	size_t offset; /* of char * or int64_t in the target */
	int64_t min, max;
	enum base_err (*read)(const struct conf_ctx *x,
	    const config_setting_t *s, void *target);
};

static enum base_err BASE_PRINTF(3, 4) conf_fail(const struct conf_ctx *x,
    const config_setting_t *s, const char *fmt, ...)
{
	va_list ap;
	char *what = NULL;
	enum base_err e;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		base_die("out of memory");
	va_end(ap);
	e = base_fail(BASE_E_CONFIG, "%s:%u: %s", x->path,
	    config_setting_source_line(s), what);
	free(what);
	return e;
}

static enum base_err
conf_string(const struct conf_ctx *x, const config_setting_t *s, bool name,
    char **out)
{
	const char *v = config_setting_get_string(s);

	if (v == NULL || v[0] == '\0')
		return conf_fail(x, s, "%s must be a string in quotes",
		    config_setting_name(s) != NULL ? config_setting_name(s)
						   : "list element");
	if (name && !base_name_is_valid(v))
		return conf_fail(x, s,
		    "\"%s\" is no name; use 1 to 63 of a-z 0-9 . -", v);
	*out = base_strdup(v);
	return BASE_OK;
}

static enum base_err
conf_int(const struct conf_ctx *x, const config_setting_t *s,
    const struct conf_row *row, int64_t *out)
{
	int type = config_setting_type(s);
	int64_t v = config_setting_get_int64(s);

	if ((type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) ||
	    v < row->min || v > row->max)
		return conf_fail(x, s,
		    "%s must be a whole number from %lld to %lld", row->name,
		    (long long)row->min, (long long)row->max);
	*out = v;
	return BASE_OK;
}

static enum base_err
conf_one(const struct conf_ctx *x, const config_setting_t *s,
    const struct conf_row *row, void *target)
{
	void *at = (char *)target + row->offset;

	switch (row->type) {
	case CONF_STRING:
	case CONF_NAME:
		return conf_string(x, s, row->type == CONF_NAME, at);
	case CONF_INT:
		return conf_int(x, s, row, at);
	case CONF_CUSTOM:
		return row->read(x, s, target);
	}
	base_die("config: row of no type");
}

/* Every setting of a group by its row; none twice (libconfig sees to that),
 * none unknown, none missing. */
static enum base_err
conf_group(const struct conf_ctx *x, const config_setting_t *g,
    const struct conf_row *rows, void *target)
{
	int n = config_setting_length(g);
	const struct conf_row *r;

	if (!config_setting_is_group(g))
		return conf_fail(x, g, "a group { … } is wanted here");
	for (int i = 0; i < n; i++) {
		const config_setting_t *s =
		    config_setting_get_elem(g, (unsigned)i);
		enum base_err e;

		for (r = rows; r->name != NULL; r++)
			if (strcmp(r->name, config_setting_name(s)) == 0)
				break;
		if (r->name == NULL)
			return conf_fail(x, s, "unknown setting \"%s\"",
			    config_setting_name(s));
		if ((e = conf_one(x, s, r, target)) != BASE_OK)
			return e;
	}
	for (r = rows; r->name != NULL; r++)
		if (r->needed && config_setting_get_member(g, r->name) == NULL)
			return conf_fail(x, g, "setting \"%s\" is missing",
			    r->name);
	return BASE_OK;
}

/* ( a, b, … ) or [ a, b, … ] with at most max elements. */
static enum base_err
conf_count(const struct conf_ctx *x, const config_setting_t *s, size_t max,
    size_t *n)
{
	int len = config_setting_length(s);

	if (!config_setting_is_list(s) && !config_setting_is_array(s))
		return conf_fail(x, s, "%s must be a list",
		    config_setting_name(s));
	if (len < 1 || (size_t)len > max)
		return conf_fail(x, s, "%s must have 1 to %zu elements",
		    config_setting_name(s), max);
	*n = (size_t)len;
	return BASE_OK;
}

static const config_setting_t *
conf_elem(const config_setting_t *s, size_t i)
{
	return config_setting_get_elem(s, (unsigned)i);
}

/* ---- tokens -------------------------------------------------------------- */

/* Two tokens of one software module often need a setting each. */
static enum base_err
conf_token_env(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf_token *k = t;
	size_t n = 0;
	enum base_err e = conf_count(x, s, 64, &n);

	if (e != BASE_OK)
		return e;
	k->env = base_alloc(n * sizeof(char *));
	for (; k->nenv < n && e == BASE_OK; k->nenv++) {
		const config_setting_t *v = conf_elem(s, k->nenv);
		const char *eq;

		if ((e = conf_string(x, v, false, &k->env[k->nenv])) != BASE_OK)
			break;
		eq = strchr(k->env[k->nenv], '=');
		if (eq == NULL || eq == k->env[k->nenv])
			e = conf_fail(x, v, "must be \"NAME=value\"");
	}
	return e;
}

#define TOKEN_AT(f) offsetof(struct hsm_conf_token, f)
static const struct conf_row token_rows[] = {
	{ "name", CONF_NAME, true, TOKEN_AT(name), 0, 0, NULL },
	{ "module", CONF_STRING, true, TOKEN_AT(module), 0, 0, NULL },
	{ "uri", CONF_STRING, true, TOKEN_AT(uri), 0, 0, NULL },
	{ "backup_of", CONF_STRING, false, TOKEN_AT(backup_of), 0, 0, NULL },
	{ "credential", CONF_NAME, false, TOKEN_AT(credential), 0, 0, NULL },
	{ "environment", CONF_CUSTOM, false, 0, 0, 0, conf_token_env },
	{ 0 },
};

static enum base_err
conf_tokens(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf *c = t;
	enum base_err e = conf_count(x, s, HSM_TOKENS, &c->ntokens);

	for (size_t i = 0; i < c->ntokens && e == BASE_OK; i++) {
		const config_setting_t *g = conf_elem(s, i);
		struct hsm_conf_token *k = &c->tokens[i];
		struct hsm_p11_uri u = { 0 };

		if ((e = conf_group(x, g, token_rows, k)) != BASE_OK)
			break;
		if (hsm_p11_uri_parse(k->uri, &u) != BASE_OK)
			e = conf_fail(x, g, "%s", base_why());
		hsm_p11_uri_clear(&u);
		for (size_t j = 0; j < i && e == BASE_OK; j++)
			if (strcmp(c->tokens[j].name, k->name) == 0)
				e = conf_fail(x, g,
				    "token \"%s\" is there twice", k->name);
	}
	return e;
}

/* ---- roots --------------------------------------------------------------- */

/* tokens = [ "a", "b" ]: which token holds generation 1, 2, 3 (a again)… */
static enum base_err
conf_root_tokens(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf_root *r = t;
	enum base_err e = conf_count(x, s, HSM_TOKENS, &r->ntokens);

	for (size_t i = 0; i < r->ntokens && e == BASE_OK; i++) {
		const config_setting_t *v = conf_elem(s, i);
		const char *name = config_setting_get_string(v);
		size_t k = 0;

		while (k < x->c->ntokens &&
		    (name == NULL || strcmp(x->c->tokens[k].name, name) != 0))
			k++;
		if (k == x->c->ntokens)
			e = conf_fail(x, v,
			    "\"%s\" is none of the tokens, which must stand "
			    "before the roots",
			    name == NULL ? "" : name);
		r->token[i] = k;
	}
	return e;
}

static enum base_err
conf_root_alg(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf_root *r = t;
	const char *v = config_setting_get_string(s);

	if (v == NULL || wire_alg_parse(v, &r->alg) != BASE_OK)
		return conf_fail(x, s,
		    "algorithm must be \"p256\", \"p384\", \"rsa3072\" or "
		    "\"rsa4096\"");
	r->has_alg = true;
	return BASE_OK;
}

#define ROOT_AT(f) offsetof(struct hsm_conf_root, f)
static const struct conf_row root_rows[] = {
	{ "name", CONF_NAME, true, ROOT_AT(name), 0, 0, NULL },
	{ "tokens", CONF_CUSTOM, false, 0, 0, 0, conf_root_tokens },
	{ "algorithm", CONF_CUSTOM, false, 0, 0, 0, conf_root_alg },
	{ "root_days", CONF_INT, false, ROOT_AT(root_days), 1, DAY_MAX, NULL },
	{ "node_days", CONF_INT, false, ROOT_AT(node_days), 1, DAY_MAX, NULL },
	{ 0 },
};

static enum base_err
conf_roots(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf *c = t;
	size_t n = 0;
	enum base_err e = conf_count(x, s, 1024, &n);

	if (e != BASE_OK)
		return e;
	c->roots = base_alloc(n * sizeof(*c->roots));
	for (c->nroots = 0; c->nroots < n && e == BASE_OK;) {
		struct hsm_conf_root *r = &c->roots[c->nroots++];

		*r = c->any;
		e = conf_group(x, conf_elem(s, c->nroots - 1), root_rows, r);
		for (size_t j = 0; j + 1 < c->nroots && e == BASE_OK; j++)
			if (strcmp(c->roots[j].name, r->name) == 0)
				e = conf_fail(x, s,
				    "root \"%s\" is there twice", r->name);
	}
	return e;
}

/* ---- names, uids ------------------------------------------------------------ */

static enum base_err
conf_names_allow(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf_names *v = t;
	size_t n = 0;
	enum base_err e = conf_count(x, s, 1024, &n);

	if (e != BASE_OK)
		return e;
	v->allow = base_alloc(n * sizeof(char *));
	for (; v->n < n && e == BASE_OK; v->n++)
		e = conf_string(x, conf_elem(s, v->n), false, &v->allow[v->n]);
	return e;
}

static const struct conf_row names_rows[] = {
	{ "node", CONF_NAME, true, offsetof(struct hsm_conf_names, node), 0, 0,
	    NULL },
	{ "allow", CONF_CUSTOM, true, 0, 0, 0, conf_names_allow },
	{ 0 },
};

static enum base_err
conf_names(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf *c = t;
	size_t n = 0;
	enum base_err e = conf_count(x, s, 1000000, &n);

	if (e != BASE_OK)
		return e;
	c->names = base_alloc(n * sizeof(*c->names));
	for (; c->nnames < n && e == BASE_OK; c->nnames++)
		e = conf_group(x, conf_elem(s, c->nnames), names_rows,
		    &c->names[c->nnames]);
	return e;
}

static enum base_err
conf_other_names(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf *c = t;
	const char *v = config_setting_get_string(s);

	if (v == NULL ||
	    (strcmp(v, "listed") != 0 && strcmp(v, "unclaimed") != 0))
		return conf_fail(x, s,
		    "other_names must be \"listed\" or \"unclaimed\"");
	c->names_listed = strcmp(v, "listed") == 0;
	return BASE_OK;
}

/* A number, or the name of a user: packages create users, not numbers. */
static enum base_err
conf_uid(const struct conf_ctx *x, const config_setting_t *s, uid_t *out)
{
	static const struct conf_row row = { "uids", CONF_INT, false, 0, 0,
		INT32_MAX, NULL };
	const char *name = config_setting_get_string(s);
	struct passwd *pw = name != NULL ? getpwnam(name) : NULL;
	int64_t v = 0;
	enum base_err e = BASE_OK;

	if (name == NULL)
		e = conf_int(x, s, &row, &v);
	else if (pw == NULL)
		e = conf_fail(x, s, "there is no user \"%s\"", name);
	*out = pw != NULL ? pw->pw_uid : (uid_t)v;
	return e;
}

static enum base_err
conf_uids(const struct conf_ctx *x, const config_setting_t *s, void *t)
{
	struct hsm_conf *c = t;
	size_t n = 0;
	enum base_err e = conf_count(x, s, 64, &n);

	if (e != BASE_OK)
		return e;
	c->uids = base_alloc(n * sizeof(*c->uids));
	for (; c->nuids < n && e == BASE_OK; c->nuids++)
		e = conf_uid(x, conf_elem(s, c->nuids), &c->uids[c->nuids]);
	return e;
}

/* ---- the file ------------------------------------------------------------------ */

#define CONF_AT(f) offsetof(struct hsm_conf, f)
static const struct conf_row top_rows[] = {
	{ "fleet", CONF_NAME, true, CONF_AT(fleet), 0, 0, NULL },
	{ "socket", CONF_STRING, true, CONF_AT(socket), 0, 0, NULL },
	{ "state", CONF_STRING, true, CONF_AT(state), 0, 0, NULL },
	{ "uids", CONF_CUSTOM, false, 0, 0, 0, conf_uids },
	{ "tokens", CONF_CUSTOM, true, 0, 0, 0, conf_tokens },
	{ "root_days", CONF_INT, false, CONF_AT(any.root_days), 1, DAY_MAX,
	    NULL },
	{ "node_days", CONF_INT, false, CONF_AT(any.node_days), 1, DAY_MAX,
	    NULL },
	{ "order_days", CONF_INT, false, CONF_AT(order_days), 1, 3650, NULL },
	{ "backdate_s", CONF_INT, false, CONF_AT(backdate_s), 0, 31536000,
	    NULL },
	{ "roots", CONF_CUSTOM, false, 0, 0, 0, conf_roots },
	{ "names", CONF_CUSTOM, false, 0, 0, 0, conf_names },
	{ "other_names", CONF_CUSTOM, false, 0, 0, 0, conf_other_names },
	{ "open_ms", CONF_INT, false, CONF_AT(open_ms), 10, 600000, NULL },
	{ "sign_ms", CONF_INT, false, CONF_AT(sign_ms), 10, 600000, NULL },
	{ "keygen_ms", CONF_INT, false, CONF_AT(keygen_ms), 10, 3600000, NULL },
	{ "backoff_ms", CONF_INT, false, CONF_AT(backoff_ms), 0, 60000, NULL },
	{ 0 },
};

static const struct hsm_conf conf_defaults = {
	.any = { .ntokens = 1, .root_days = 7320, .node_days = 825 },
	.order_days = 30,
	.backdate_s = 86400,
	.open_ms = 15000,
	.sign_ms = 10000,
	.keygen_ms = 120000,
	.backoff_ms = 250,
};

enum base_err
hsm_conf_read(const char *path, struct hsm_conf *out)
{
	struct hsm_conf c = conf_defaults;
	struct conf_ctx x = { path, &c };
	config_t f;
	enum base_err e;

	config_init(&f);
	if (config_read_file(&f, path) != CONFIG_TRUE)
		e = config_error_type(&f) == CONFIG_ERR_FILE_IO
		    ? base_fail(BASE_E_CONFIG, "%s: cannot be read: %s", path,
			  strerror(errno))
		    : base_fail(BASE_E_CONFIG, "%s:%d: %s",
			  config_error_file(&f) ? config_error_file(&f) : path,
			  config_error_line(&f), config_error_text(&f));
	else
		e = conf_group(&x, config_root_setting(&f), top_rows, &c);
	config_destroy(&f);
	if (e != BASE_OK) {
		hsm_conf_clear(&c);
		return e;
	}
	*out = c;
	return BASE_OK;
}

const struct hsm_conf_root *
hsm_conf_root(const struct hsm_conf *c, const char *name)
{
	for (size_t i = 0; i < c->nroots; i++)
		if (strcmp(c->roots[i].name, name) == 0)
			return &c->roots[i];
	return &c->any;
}

void
hsm_conf_clear(struct hsm_conf *c)
{
	for (size_t i = 0; i < c->ntokens; i++) {
		free(c->tokens[i].name);
		free(c->tokens[i].module);
		free(c->tokens[i].uri);
		free(c->tokens[i].backup_of);
		free(c->tokens[i].credential);
		for (size_t j = 0; j < c->tokens[i].nenv; j++)
			free(c->tokens[i].env[j]);
		free(c->tokens[i].env);
	}
	for (size_t i = 0; i < c->nroots; i++)
		free(c->roots[i].name);
	for (size_t i = 0; i < c->nnames; i++) {
		for (size_t j = 0; j < c->names[i].n; j++)
			free(c->names[i].allow[j]);
		free(c->names[i].allow);
		free(c->names[i].node);
	}
	free(c->roots);
	free(c->names);
	free(c->uids);
	free(c->fleet);
	free(c->socket);
	free(c->state);
	memset(c, 0, sizeof(*c));
}
