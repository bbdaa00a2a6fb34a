/*
 * agentd/config: the tables of docs/agent.md, and what one setting demands of
 * another. Used by agentd_main.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/config.h"
#include "agentd/schema.h"

static const struct ag_word algs[] = {
	{ "P-256", WIRE_P256 },
	{ "P-384", WIRE_P384 },
	{ "RSA-3072", WIRE_RSA3072 },
	{ "RSA-4096", WIRE_RSA4096 },
	{ NULL, 0 },
};
static const struct ag_word roles[] = {
	{ "poll", 0 },
	{ "push", 1 },
	{ NULL, 0 },
};
static const struct ag_word proofs[] = {
	{ "probe", WIRE_PROOF_PROBE },
	{ "reload", WIRE_PROOF_RELOAD },
	{ NULL, 0 },
};
static const struct ag_word forms[] = {
	{ "old+new", AG_OLD_AND_NEW },
	{ "old+nwo", AG_OLD_AND_NWO },
	{ NULL, 0 },
};
static const struct ag_word signals[] = {
	{ "HUP", SIGHUP },
	{ "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 },
	{ NULL, 0 },
};

/* name, kind, offset, required, words, sub, size, on */
#define KEY(n, k, s, f, req)                                              \
	{                                                                 \
		n, k, offsetof(struct s, f), req, NULL, NULL, 0, SIZE_MAX \
	}
#define WORD(n, s, f, w, req)                                                  \
	{                                                                      \
		n, AG_K_WORD, offsetof(struct s, f), req, w, NULL, 0, SIZE_MAX \
	}
#define GROUP(n, s, f, sub, on)                                               \
	{                                                                     \
		n, AG_K_GROUP, offsetof(struct s, f), false, NULL, sub, 0, on \
	}
#define LIST(n, s, f, sub, size, count)                                      \
	{                                                                    \
		n, AG_K_LIST, offsetof(struct s, f), false, NULL, sub, size, \
		    offsetof(struct s, count)                                \
	}
#define END                                                 \
	{                                                   \
		NULL, AG_K_NAME, 0, false, NULL, NULL, 0, 0 \
	}

static const struct ag_key server_keys[] = {
	KEY("root", AG_K_NAME, ag_side, root, true),
	KEY("verify_root", AG_K_NAME, ag_side, verify_root, false),
	KEY("trust", AG_K_PATH, ag_side, trust, false),
	KEY("chain", AG_K_PATH, ag_side, chain, false),
	KEY("key", AG_K_PATH, ag_side, key, false),
	KEY("pem", AG_K_PATH, ag_side, pem, false),
	KEY("address", AG_K_IP, ag_side, address, false),
	KEY("sni", AG_K_TEXT, ag_side, sni, false),
	KEY("request", AG_K_TEXT, ag_side, request, false),
	KEY("expect", AG_K_TEXT, ag_side, expect, false),
	END,
};

static const struct ag_key trigger_keys[] = {
	KEY("connect", AG_K_IP, ag_side, connect, false),
	KEY("run", AG_K_ARGV, ag_side, run, false),
	END,
};

static const struct ag_key client_keys[] = {
	KEY("root", AG_K_NAME, ag_side, root, false),
	KEY("verify_root", AG_K_NAME, ag_side, verify_root, true),
	KEY("trust", AG_K_PATH, ag_side, trust, true),
	KEY("chain", AG_K_PATH, ag_side, chain, false),
	KEY("key", AG_K_PATH, ag_side, key, false),
	KEY("pem", AG_K_PATH, ag_side, pem, false),
	KEY("canary", AG_K_IP, ag_side, canary, false),
	/* the members of trigger belong to the side itself */
	{ "trigger", AG_K_GROUP, 0, false, NULL, trigger_keys, 0, SIZE_MAX },
	END,
};

static const struct ag_key app_keys[] = {
	KEY("name", AG_K_NAME, ag_app, name, true),
	GROUP("server", ag_app, side[0], server_keys,
	    offsetof(struct ag_app, side[0].on)),
	GROUP("client", ag_app, side[1], client_keys,
	    offsetof(struct ag_app, side[1].on)),
	KEY("check", AG_K_ARGV, ag_app, check, false),
	KEY("reload", AG_K_ARGV, ag_app, reload, false),
	WORD("signal", ag_app, signal, signals, false),
	KEY("pidfile", AG_K_PATH, ag_app, pidfile, false),
	WORD("proof", ag_app, proof, proofs, false),
	WORD("form", ag_app, form, forms, false),
	KEY("depth2", AG_K_BOOL, ag_app, depth2, false),
	KEY("settle", AG_K_SECONDS, ag_app, settle_ms, false),
	KEY("deadline", AG_K_SECONDS, ag_app, deadline_ms, false),
	END,
};

static const struct ag_key peer_keys[] = {
	KEY("node", AG_K_NAME, ag_peer, node, true),
	KEY("address", AG_K_ADDRESS, ag_peer, address, true),
	WORD("role", ag_peer, push, roles, true),
	KEY("root", AG_K_NAME, ag_peer, root, false),
	KEY("verify_root", AG_K_NAME, ag_peer, verify_root, true),
	END,
};

static const struct ag_key ca_keys[] = {
	KEY("address", AG_K_ADDRESS, ag_config, ca_address, true),
	KEY("poll", AG_K_BOOL, ag_config, ca_poll, false),
	END,
};

static const struct ag_key management_keys[] = {
	KEY("listen", AG_K_ADDRESS, ag_config, management, true),
	END,
};

static const struct ag_key relay_keys[] = {
	KEY("listen", AG_K_ADDRESS, ag_config, relay.address, true),
	KEY("root", AG_K_NAME, ag_config, relay.root, true),
	KEY("verify_root", AG_K_NAME, ag_config, relay.verify_root, false),
	KEY("accept", AG_K_NAMES, ag_config, relay_accept, false),
	END,
};

static const struct ag_key top_keys[] = {
	KEY("fleet", AG_K_NAME, ag_config, fleet, true),
	KEY("node", AG_K_NAME, ag_config, node, true),
	KEY("store", AG_K_PATH, ag_config, store, true),
	WORD("alg", ag_config, alg, algs, false),
	{ "ca", AG_K_GROUP, 0, false, NULL, ca_keys, 0, SIZE_MAX },
	{ "management", AG_K_GROUP, 0, false, NULL, management_keys, 0,
	    SIZE_MAX },
	{ "relay", AG_K_GROUP, 0, false, NULL, relay_keys, 0, SIZE_MAX },
	LIST("neighbours", ag_config, peers, peer_keys, sizeof(struct ag_peer),
	    npeers),
	LIST("applications", ag_config, apps, app_keys, sizeof(struct ag_app),
	    napps),
	KEY("wait", AG_K_SECONDS, ag_config, wait_ms, false),
	KEY("retry", AG_K_SECONDS, ag_config, retry_ms, false),
	END,
};

bool
ag_address_is_valid(const char *s)
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

static enum base_err
check_files(const config_setting_t *s, const struct ag_side *d)
{
	bool some = d->chain != NULL || d->key != NULL;

	if (d->root == NULL && (some || d->pem != NULL))
		return ag_schema_fail(s,
		    "chain, key and pem belong to a root; name it as root");
	if (d->root != NULL && d->pem == NULL &&
	    (d->chain == NULL || d->key == NULL))
		return ag_schema_fail(s,
		    "name chain and key, or pem, for the certificate");
	if ((d->verify_root == NULL) != (d->trust == NULL))
		return ag_schema_fail(s,
		    "trust and verify_root belong together; name both or "
		    "neither");
	return BASE_OK;
}

static enum base_err
check_client(const config_setting_t *s, const struct ag_app *a,
    const struct ag_side *d)
{
	bool trigger = d->connect != NULL || d->run != NULL;

	if (d->connect != NULL && d->run != NULL)
		return ag_schema_fail(s,
		    "trigger: either connect or run, not both");
	if (trigger != (d->canary != NULL))
		return ag_schema_fail(s,
		    "canary and trigger belong together; name both");
	if (a->proof == WIRE_PROOF_PROBE && !trigger)
		return ag_schema_fail(s,
		    "the probe of a client needs canary and trigger; where "
		    "that is impossible say proof = \"reload\"");
	return BASE_OK;
}

static enum base_err
check_app(const config_setting_t *s, const struct ag_app *a)
{
	const struct ag_side *server = &a->side[0], *client = &a->side[1];
	enum base_err r;

	if (!server->on && !client->on)
		return ag_schema_fail(s,
		    "%s: a server or a client group is needed", a->name);
	if (a->reload != NULL && a->signal != 0)
		return ag_schema_fail(s,
		    "%s: either reload or signal, not both", a->name);
	if (a->signal != 0 && a->pidfile == NULL)
		return ag_schema_fail(s, "%s: signal needs a pidfile", a->name);
	if (a->form == AG_OLD_AND_NWO && !a->depth2)
		return ag_schema_fail(s,
		    "%s: form old+nwo makes chains with an intermediate; only "
		    "for an application with depth2 = true",
		    a->name);
	if (server->on && a->proof == WIRE_PROOF_PROBE &&
	    server->address == NULL)
		return ag_schema_fail(s,
		    "%s: the probe of a server needs its address; where that "
		    "is impossible say proof = \"reload\"",
		    a->name);
	if (server->on && (r = check_files(s, server)) != BASE_OK)
		return r;
	if (client->on &&
	    ((r = check_files(s, client)) != BASE_OK ||
		(r = check_client(s, a, client)) != BASE_OK))
		return r;
	return BASE_OK;
}

static void
fill_app(struct ag_app *a, const config_setting_t *s, const char *node)
{
	struct ag_side *d = &a->side[0];

	a->side[1].client = true;
	if (a->proof == WIRE_PROOF_NONE)
		a->proof = WIRE_PROOF_PROBE;
	if (config_setting_get_member(s, "settle") == NULL)
		a->settle_ms = 5000;
	if (config_setting_get_member(s, "deadline") == NULL)
		a->deadline_ms = 30000;
	if (!d->on)
		return;
	if (d->sni == NULL)
		d->sni = base_strdup(node);
	if (d->request == NULL)
		d->request = base_strdup("GET / HTTP/1.0\r\n\r\n");
	if (d->expect == NULL)
		d->expect = base_strdup("HTTP/1.1 200");
}

static enum base_err
check_apps(const config_t *cfg, struct ag_config *c)
{
	const config_setting_t *list = config_lookup(cfg, "applications");
	enum base_err r;

	for (size_t i = 0; i < c->napps; i++) {
		const config_setting_t *s =
		    config_setting_get_elem(list, (unsigned int)i);

		fill_app(&c->apps[i], s, c->node);
		if ((r = check_app(s, &c->apps[i])) != BASE_OK)
			return r;
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->apps[i].name, c->apps[j].name) == 0)
				return ag_schema_fail(s, "%s: is there twice",
				    c->apps[i].name);
	}
	return BASE_OK;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum base_err
add_root(struct ag_config *c, const char *root)
{
	if (root == NULL || ag_config_root(c, root) < c->nroots)
		return BASE_OK;
	if (strcmp(root, "management") == 0)
		return base_fail(BASE_E_CONFIG,
		    "configuration: root \"management\" is the CA's own "
		    "channel; links need another root");
	/* one slot of a join request is left for the management key */
	if (c->nroots == WIRE_JOIN_ROOTS - 1)
		return base_fail(BASE_E_CONFIG,
		    "configuration: more than %d roots on one node",
		    WIRE_JOIN_ROOTS - 1);
	c->roots[c->nroots++] = base_strdup(root);
	return BASE_OK;
}

static enum base_err
collect_roots(struct ag_config *c)
{
	enum base_err r;

	if ((r = add_root(c, c->relay.root)) != BASE_OK ||
	    (r = add_root(c, c->relay.verify_root)) != BASE_OK)
		return r;
	for (size_t i = 0; i < c->npeers; i++)
		if ((r = add_root(c, c->peers[i].root)) != BASE_OK ||
		    (r = add_root(c, c->peers[i].verify_root)) != BASE_OK)
			return r;
	for (size_t i = 0; i < c->napps; i++)
		for (size_t k = 0; k < 2; k++) {
			const struct ag_side *d = &c->apps[i].side[k];

			if ((r = add_root(c, d->root)) != BASE_OK ||
			    (r = add_root(c, d->verify_root)) != BASE_OK)
				return r;
		}
	qsort(c->roots, c->nroots, sizeof c->roots[0], compare);
	return BASE_OK;
}

static enum base_err
finish(const config_t *cfg, struct ag_config *c)
{
	const config_setting_t *top = config_root_setting(cfg);
	bool polls = c->ca_poll;
	enum base_err r;

	c->alg = c->alg == 0 ? WIRE_P256 : c->alg;
	if (config_setting_get_member(top, "wait") == NULL)
		c->wait_ms = 25000;
	if (config_setting_get_member(top, "retry") == NULL)
		c->retry_ms = 1000;
	if (strcmp(c->node, "ca") == 0)
		return ag_schema_fail(config_lookup(cfg, "node"),
		    "node \"ca\" is the CA itself; choose another name");
	for (size_t i = 0; i < c->npeers; i++)
		polls = polls || !c->peers[i].push;
	if (!polls && c->management == NULL && c->relay.address == NULL)
		return ag_schema_fail(top,
		    "no way for orders to arrive: one of management.listen, "
		    "ca.poll, a neighbour with role \"poll\", or relay.listen "
		    "is needed");
	if ((r = check_apps(cfg, c)) != BASE_OK)
		return r;
	return collect_roots(c);
}

static enum base_err
read_config(config_t *cfg, struct ag_config **out)
{
	struct ag_config *c = base_alloc(sizeof *c);
	enum base_err r;

	if ((r = ag_schema_read(config_root_setting(cfg), top_keys, c)) ==
		BASE_OK &&
	    (r = finish(cfg, c)) == BASE_OK) {
		*out = c;
		c = NULL;
	}
	ag_config_free(c);
	return r;
}

static enum base_err
syntax(const config_t *cfg, const char *name)
{
	const char *file = config_error_file(cfg);

	if (config_error_type(cfg) == CONFIG_ERR_FILE_IO)
		return base_fail(BASE_E_CONFIG, "%s: cannot be read: %m", name);
	return base_fail(BASE_E_CONFIG, "%s:%d: %s", file != NULL ? file : name,
	    config_error_line(cfg), config_error_text(cfg));
}

enum base_err
ag_config_parse(const char *text, const char *name, struct ag_config **out)
{
	config_t cfg;
	enum base_err r;

	config_init(&cfg);
	if (config_read_string(&cfg, text) != CONFIG_TRUE)
		r = syntax(&cfg, name);
	else
		r = read_config(&cfg, out);
	config_destroy(&cfg);
	return r;
}

enum base_err
ag_config_read(const char *path, struct ag_config **out)
{
	config_t cfg;
	enum base_err r;

	config_init(&cfg);
	if (config_read_file(&cfg, path) != CONFIG_TRUE)
		r = syntax(&cfg, path);
	else
		r = read_config(&cfg, out);
	config_destroy(&cfg);
	return r;
}

size_t
ag_config_root(const struct ag_config *c, const char *root)
{
	size_t i = 0;

	while (i < c->nroots && strcmp(c->roots[i], root) != 0)
		i++;
	return i;
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

bool
ag_config_presents(const struct ag_config *c, const char *root)
{
	bool yes = same(c->relay.root, root);

	for (size_t i = 0; i < c->npeers; i++)
		yes = yes || same(c->peers[i].root, root);
	for (size_t i = 0; i < c->napps; i++)
		yes = yes || same(c->apps[i].side[0].root, root) ||
		    same(c->apps[i].side[1].root, root);
	return yes;
}

bool
ag_config_verifies(const struct ag_config *c, const char *root)
{
	bool yes = same(c->relay.verify_root, root);

	for (size_t i = 0; i < c->npeers; i++)
		yes = yes || same(c->peers[i].verify_root, root);
	for (size_t i = 0; i < c->napps; i++)
		yes = yes || same(c->apps[i].side[0].verify_root, root) ||
		    same(c->apps[i].side[1].verify_root, root);
	return yes;
}

bool
ag_config_accepts(const struct ag_config *c, const char *peer)
{
	char **list = c->relay_accept;

	if (list == NULL)
		return true;
	for (; *list != NULL; list++)
		if (strcmp(*list, peer) == 0)
			return true;
	return false;
}

void
ag_config_free(struct ag_config *c)
{
	if (c == NULL)
		return;
	ag_schema_free(top_keys, c);
	for (size_t i = 0; i < c->nroots; i++)
		free(c->roots[i]);
	free(c);
}
