/*
 * config: the tables of docs/hsm.md, and what one setting demands of
 * another. Called by hsmd_main.c.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "hsm/config.h"
#include "hsm/p11_uri.h"

#define DAY_MAX 36500

/* ---- single values --------------------------------------------------------- */

static enum base_err
check_uri(const char *text)
{
	struct hsm_p11_uri u = { 0 };
	enum base_err e = hsm_p11_uri_parse(text, &u);

	hsm_p11_uri_clear(&u);
	return e;
}

static enum base_err
check_variable(const char *text)
{
	const char *eq = strchr(text, '=');

	if (eq == NULL || eq == text)
		return base_fail(BASE_E_CONFIG, "must be \"NAME=value\"");
	return BASE_OK;
}

static const struct conf_word algorithms[] = {
	{ "p256", WIRE_P256 },
	{ "p384", WIRE_P384 },
	{ "rsa3072", WIRE_RSA3072 },
	{ "rsa4096", WIRE_RSA4096 },
	{ NULL, 0 },
};
static const struct conf_word other_names[] = {
	{ "listed", HSM_LISTED },
	{ "unclaimed", HSM_UNCLAIMED },
	{ NULL, 0 },
};

/* ---- tables ------------------------------------------------------------------- */

#define TEXT(k, s, f) .name = k, .kind = CONF_TEXT, CONF_AT(s, f)
#define NAME(k, s, f) .name = k, .kind = CONF_NAME, CONF_AT(s, f)
#define NUMBER(k, s, f, v, a, b)                                             \
	.name = k, .kind = CONF_NUMBER, CONF_AT(s, f), .value = v, .min = a, \
	.max = b

static const struct conf_key token_keys[] = {
	{ NAME("name", hsm_conf_token, name), .needed = true },
	{ TEXT("module", hsm_conf_token, module), .needed = true },
	{ TEXT("uri", hsm_conf_token, uri), .needed = true,
	    .check_text = check_uri },
	{ TEXT("backup_of", hsm_conf_token, backup_of) },
	{ NAME("credential", hsm_conf_token, credential) },
	/* two tokens of one software module often need a setting each */
	{ .name = "environment",
	    .kind = CONF_TEXTS,
	    CONF_AT(hsm_conf_token, env),
	    .min = 1,
	    .max = 64,
	    .check_text = check_variable },
	{ 0 },
};

static const struct conf_key root_keys[] = {
	{ NAME("name", hsm_conf_root, name), .needed = true },
	/* which token holds generation 1, 2, 3 (the first again)… */
	{ .name = "tokens",
	    .kind = CONF_NAMES,
	    CONF_AT(hsm_conf_root, tokens),
	    .min = 1,
	    .max = HSM_TOKENS },
	{ .name = "algorithm",
	    .kind = CONF_WORD,
	    CONF_AT(hsm_conf_root, alg),
	    .words = algorithms },
	{ NUMBER("root_days", hsm_conf_root, root_days, 0, 1, DAY_MAX) },
	{ NUMBER("node_days", hsm_conf_root, node_days, 0, 1, DAY_MAX) },
	{ 0 },
};

static const struct conf_key names_keys[] = {
	{ NAME("node", hsm_conf_names, node), .needed = true },
	{ .name = "allow",
	    .kind = CONF_TEXTS,
	    CONF_AT(hsm_conf_names, allow),
	    .needed = true,
	    .min = 1,
	    .max = 1024 },
	{ 0 },
};

static const struct conf_key top_keys[] = {
	{ NAME("fleet", hsm_conf, fleet), .needed = true },
	{ TEXT("socket", hsm_conf, socket), .needed = true },
	{ TEXT("state", hsm_conf, state), .needed = true },
	{ .name = "uids",
	    .kind = CONF_UIDS,
	    CONF_AT(hsm_conf, uids),
	    .count = offsetof(struct hsm_conf, nuids),
	    .min = 1,
	    .max = 64 },
	{ .name = "approvers",
	    .kind = CONF_UIDS,
	    CONF_AT(hsm_conf, approvers),
	    .count = offsetof(struct hsm_conf, napprovers),
	    .min = 1,
	    .max = 64 },
	{ NUMBER("approvals", hsm_conf, approvals, 0, 1, 64) },
	{ .name = "tokens",
	    .kind = CONF_LIST,
	    CONF_AT(hsm_conf, tokens),
	    .needed = true,
	    .unique = true,
	    .keys = token_keys,
	    .size = sizeof(struct hsm_conf_token),
	    .count = offsetof(struct hsm_conf, ntokens),
	    .min = 1,
	    .max = HSM_TOKENS },
	{ NUMBER("root_days", hsm_conf, any.root_days, 7320, 1, DAY_MAX) },
	{ NUMBER("node_days", hsm_conf, any.node_days, 825, 1, DAY_MAX) },
	{ NUMBER("order_days", hsm_conf, order_days, 30, 1, 3650) },
	{ NUMBER("backdate_s", hsm_conf, backdate_s, 86400, 0, 31536000) },
	{ .name = "presume", .kind = CONF_BOOL, CONF_AT(hsm_conf, presume) },
	{ .name = "roots",
	    .kind = CONF_LIST,
	    CONF_AT(hsm_conf, roots),
	    .unique = true,
	    .keys = root_keys,
	    .size = sizeof(struct hsm_conf_root),
	    .count = offsetof(struct hsm_conf, nroots),
	    .min = 1,
	    .max = 1024 },
	{ .name = "names",
	    .kind = CONF_LIST,
	    CONF_AT(hsm_conf, names),
	    .keys = names_keys,
	    .size = sizeof(struct hsm_conf_names),
	    .count = offsetof(struct hsm_conf, nnames),
	    .min = 1,
	    .max = 1000000 },
	{ .name = "other_names",
	    .kind = CONF_WORD,
	    CONF_AT(hsm_conf, other_names),
	    .words = other_names,
	    .value = HSM_UNCLAIMED },
	{ NUMBER("open_ms", hsm_conf, open_ms, 15000, 10, 600000) },
	{ NUMBER("sign_ms", hsm_conf, sign_ms, 10000, 10, 600000) },
	{ NUMBER("keygen_ms", hsm_conf, keygen_ms, 120000, 10, 3600000) },
	{ NUMBER("backoff_ms", hsm_conf, backoff_ms, 250, 0, 60000) },
	{ NUMBER("client_ms", hsm_conf, client_ms, 30000, 100, 600000) },
	{ 0 },
};

/* ---- the file ------------------------------------------------------------------ */

static enum base_err
root_tokens(const struct hsm_conf *c, struct hsm_conf_root *r)
{
	for (char **name = r->tokens; name != NULL && *name != NULL; name++) {
		size_t k = 0;

		while (k < c->ntokens && strcmp(c->tokens[k].name, *name) != 0)
			k++;
		if (k == c->ntokens)
			return base_fail(BASE_E_CONFIG,
			    "root \"%s\": \"%s\" is none of the tokens",
			    r->name, *name);
		r->token[r->ntokens++] = k;
	}
	if (r->ntokens == 0)
		r->ntokens = 1; /* the first of all */
	return BASE_OK;
}

bool
hsm_conf_is_asker(const struct hsm_conf *c, uid_t uid)
{
	for (size_t i = 0; i < c->nuids; i++)
		if (c->uids[i] == uid)
			return true;
	return c->nuids == 0 && uid == geteuid();
}

bool
hsm_conf_is_approver(const struct hsm_conf *c, uid_t uid)
{
	for (size_t i = 0; i < c->napprovers; i++)
		if (c->approvers[i] == uid)
			return true;
	return false;
}

/* Who asks for a cut does not approve it, and each approver counts once. */
static enum base_err
check_approvers(const struct hsm_conf *c)
{
	for (size_t i = 0; i < c->napprovers; i++) {
		if (hsm_conf_is_asker(c, c->approvers[i]))
			return base_fail(BASE_E_CONFIG,
			    "approvers: user %u may ask for orders (uids); an "
			    "approver must be somebody else",
			    c->approvers[i]);
		for (size_t k = 0; k < i; k++)
			if (c->approvers[k] == c->approvers[i])
				return base_fail(BASE_E_CONFIG,
				    "approvers: user %u is there twice",
				    c->approvers[i]);
	}
	if (c->napprovers == 0 && c->approvals > 0)
		return base_fail(BASE_E_CONFIG,
		    "approvals: %u are wanted, but without approvers nobody "
		    "has to approve anything; name them",
		    c->approvals);
	if (c->napprovers > 0 && c->approvals > c->napprovers)
		return base_fail(BASE_E_CONFIG,
		    "approvals: %u are wanted of %zu approvers", c->approvals,
		    c->napprovers);
	return BASE_OK;
}

static enum base_err
finish(void *conf)
{
	struct hsm_conf *c = conf;
	enum base_err e;

	if ((e = check_approvers(c)) != BASE_OK)
		return e;
	if (c->approvals == 0)
		c->approvals = 1;
	c->any.ntokens = 1;
	for (size_t i = 0; i < c->nroots; i++) {
		struct hsm_conf_root *r = &c->roots[i];

		if (r->root_days == 0)
			r->root_days = c->any.root_days;
		if (r->node_days == 0)
			r->node_days = c->any.node_days;
		if ((e = root_tokens(c, r)) != BASE_OK)
			return e;
	}
	return BASE_OK;
}

enum base_err
hsm_conf_read(const char *path, struct hsm_conf *out)
{
	memset(out, 0, sizeof(*out));
	return conf_read(path, top_keys, finish, out);
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
	conf_free(top_keys, c);
	memset(c, 0, sizeof(*c));
}
