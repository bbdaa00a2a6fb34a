/*
 * agentd/config: the tables of docs/agent.md, and what one setting demands of
 * another. Used by agentd_main.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/config.h"
#include "conf/conf.h"
#include "wire/addr.h"

static const struct conf_word algs[] = {
	{ "P-256", WIRE_P256 },
	{ "P-384", WIRE_P384 },
	{ "RSA-3072", WIRE_RSA3072 },
	{ "RSA-4096", WIRE_RSA4096 },
	{ NULL, 0 },
};
static const struct conf_word roles[] = {
	{ "poll", 0 },
	{ "push", 1 },
	{ NULL, 0 },
};
static const struct conf_word proofs[] = {
	{ "probe", WIRE_PROOF_PROBE },
	{ "reload", WIRE_PROOF_RELOAD },
	{ NULL, 0 },
};
static const struct conf_word forms[] = {
	{ "old+new", AG_OLD_AND_NEW },
	{ "old+nwo", AG_OLD_AND_NWO },
	{ NULL, 0 },
};
static const struct conf_word signals[] = {
	{ "HUP", SIGHUP },
	{ "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 },
	{ NULL, 0 },
};

/* A probe asks no name server. */
static enum base_err
check_ip(const char *text)
{
	struct sockaddr_storage ss;
	socklen_t len;

	if (wire_addr_parse(text, &ss, &len) != BASE_OK)
		return base_fail(BASE_E_CONFIG,
		    "\"%s\" is no address by number, 127.0.0.1:PORT or "
		    "[::1]:PORT: a probe asks no name server",
		    text);
	return BASE_OK;
}

#define IP(n, s, f)                                             \
	{                                                       \
		.name = n, .kind = CONF_ADDRESS, CONF_AT(s, f), \
		.check_text = check_ip                          \
	}
#define KEY(n, k, s, f, req)                                       \
	{                                                          \
		.name = n, .kind = k, CONF_AT(s, f), .needed = req \
	}
#define LIST_OF(n, k, s, f)                                                \
	{                                                                  \
		.name = n, .kind = k, CONF_AT(s, f), .min = 1, .max = 4096 \
	}
#define TEXT(n, s, f, d)                                               \
	{                                                              \
		.name = n, .kind = CONF_TEXT, CONF_AT(s, f), .text = d \
	}
#define SECONDS(n, s, f, d)                                                 \
	{                                                                   \
		.name = n, .kind = CONF_SECONDS, CONF_AT(s, f), .value = d, \
		.max = 86400                                                \
	}
#define WORD(n, s, f, w, d, req)                                         \
	{                                                                \
		.name = n, .kind = CONF_WORD, CONF_AT(s, f), .words = w, \
		.value = d, .needed = req                                \
	}
/* a group whose members belong to the struct around it */
#define GROUP(n, sub)                                       \
	{                                                   \
		.name = n, .kind = CONF_GROUP, .keys = sub, \
		.count = CONF_UNCOUNTED                     \
	}
#define SIDE(n, i, sub)                                                   \
	{                                                                 \
		.name = n, .kind = CONF_GROUP, CONF_AT(ag_app, side[i]),  \
		.keys = sub, .count = offsetof(struct ag_app, side[i].on) \
	}

static const struct conf_key server_keys[] = {
	KEY("root", CONF_NAME, ag_side, root, true),
	KEY("verify_root", CONF_NAME, ag_side, verify_root, false),
	KEY("trust", CONF_PATH, ag_side, trust, false),
	KEY("chain", CONF_PATH, ag_side, chain, false),
	KEY("key", CONF_PATH, ag_side, key, false),
	KEY("pem", CONF_PATH, ag_side, pem, false),
	IP("address", ag_side, address),
	KEY("sni", CONF_TEXT, ag_side, sni, false),
	TEXT("request", ag_side, request, "GET / HTTP/1.0\r\n\r\n"),
	TEXT("expect", ag_side, expect, "HTTP/1.1 200"),
	{ 0 },
};

static const struct conf_key trigger_keys[] = {
	IP("connect", ag_side, connect),
	LIST_OF("run", CONF_TEXTS, ag_side, run),
	{ 0 },
};

static const struct conf_key client_keys[] = {
	KEY("root", CONF_NAME, ag_side, root, false),
	KEY("verify_root", CONF_NAME, ag_side, verify_root, true),
	KEY("trust", CONF_PATH, ag_side, trust, true),
	KEY("chain", CONF_PATH, ag_side, chain, false),
	KEY("key", CONF_PATH, ag_side, key, false),
	KEY("pem", CONF_PATH, ag_side, pem, false),
	IP("canary", ag_side, canary),
	GROUP("trigger", trigger_keys),
	{ 0 },
};

static const struct conf_key app_keys[] = {
	KEY("name", CONF_NAME, ag_app, name, true),
	SIDE("server", 0, server_keys),
	SIDE("client", 1, client_keys),
	LIST_OF("check", CONF_TEXTS, ag_app, check),
	LIST_OF("reload", CONF_TEXTS, ag_app, reload),
	LIST_OF("kick", CONF_TEXTS, ag_app, kick),
	WORD("signal", ag_app, signal, signals, 0, false),
	KEY("pidfile", CONF_PATH, ag_app, pidfile, false),
	WORD("proof", ag_app, proof, proofs, WIRE_PROOF_PROBE, false),
	WORD("form", ag_app, form, forms, AG_OLD_AND_NEW, false),
	KEY("depth2", CONF_BOOL, ag_app, depth2, false),
	SECONDS("settle", ag_app, settle_ms, 5),
	SECONDS("deadline", ag_app, deadline_ms, 30),
	{ 0 },
};

static enum base_err
check_files(const struct ag_side *d)
{
	bool some = d->chain != NULL || d->key != NULL;

	if (d->root == NULL && (some || d->pem != NULL))
		return base_fail(BASE_E_CONFIG,
		    "chain, key and pem belong to a root; name it as root");
	if (d->root != NULL && d->pem == NULL &&
	    (d->chain == NULL || d->key == NULL))
		return base_fail(BASE_E_CONFIG,
		    "name chain and key, or pem, for the certificate");
	if ((d->verify_root == NULL) != (d->trust == NULL))
		return base_fail(BASE_E_CONFIG,
		    "trust and verify_root belong together; name both or "
		    "neither");
	return BASE_OK;
}

static enum base_err
check_client(const struct ag_app *a, const struct ag_side *d)
{
	bool trigger = d->connect != NULL || d->run != NULL;

	if (d->connect != NULL && d->run != NULL)
		return base_fail(BASE_E_CONFIG,
		    "trigger: either connect or run, not both");
	if (trigger != (d->canary != NULL))
		return base_fail(BASE_E_CONFIG,
		    "canary and trigger belong together; name both");
	if (a->proof == WIRE_PROOF_PROBE && !trigger)
		return base_fail(BASE_E_CONFIG,
		    "the probe of a client needs canary and trigger; where "
		    "that is impossible say proof = \"reload\"");
	return BASE_OK;
}

/* What is reloaded by systemd can be restarted by it. */
static void
default_kick(struct ag_app *a)
{
	static const char *const words[] = { "systemctl", "restart" };

	if (a->kick != NULL || a->reload == NULL || a->reload[0] == NULL ||
	    strcmp(a->reload[0], words[0]) != 0 || a->reload[1] == NULL ||
	    strcmp(a->reload[1], "reload") != 0 || a->reload[2] == NULL ||
	    a->reload[3] != NULL)
		return;
	a->kick = base_alloc(4 * sizeof *a->kick);
	for (size_t i = 0; i < 3; i++)
		a->kick[i] = base_strdup(i < 2 ? words[i] : a->reload[i]);
}

static enum base_err
check_app(void *group)
{
	struct ag_app *a = group;
	const struct ag_side *server = &a->side[0], *client = &a->side[1];
	enum base_err r;

	if (!server->on && !client->on)
		return base_fail(BASE_E_CONFIG,
		    "%s: a server or a client group is needed", a->name);
	if (a->reload != NULL && a->signal != 0)
		return base_fail(BASE_E_CONFIG,
		    "%s: either reload or signal, not both", a->name);
	default_kick(a);
	if (a->signal != 0 && a->pidfile == NULL)
		return base_fail(BASE_E_CONFIG, "%s: signal needs a pidfile",
		    a->name);
	if (a->form == AG_OLD_AND_NWO && !a->depth2)
		return base_fail(BASE_E_CONFIG,
		    "%s: form old+nwo makes chains with an intermediate; only "
		    "for an application with depth2 = true",
		    a->name);
	if (server->on && a->proof == WIRE_PROOF_PROBE &&
	    server->address == NULL)
		return base_fail(BASE_E_CONFIG,
		    "%s: the probe of a server needs its address; where that "
		    "is impossible say proof = \"reload\"",
		    a->name);
	if (server->on && (r = check_files(server)) != BASE_OK)
		return r;
	if (client->on &&
	    ((r = check_files(client)) != BASE_OK ||
		(r = check_client(a, client)) != BASE_OK))
		return r;
	return BASE_OK;
}

static enum base_err
check_node(const char *text)
{
	if (strcmp(text, "ca") == 0)
		return base_fail(BASE_E_CONFIG,
		    "node \"ca\" is the CA itself; choose another name");
	return BASE_OK;
}

static const struct conf_key peer_keys[] = {
	KEY("node", CONF_NAME, ag_peer, node, true),
	KEY("address", CONF_ADDRESS, ag_peer, address, true),
	WORD("role", ag_peer, push, roles, 0, true),
	KEY("root", CONF_NAME, ag_peer, root, false),
	KEY("verify_root", CONF_NAME, ag_peer, verify_root, true),
	{ 0 },
};

static const struct conf_key ca_keys[] = {
	KEY("address", CONF_ADDRESS, ag_config, ca_address, true),
	KEY("poll", CONF_BOOL, ag_config, ca_poll, false),
	{ 0 },
};

static const struct conf_key management_keys[] = {
	KEY("listen", CONF_ADDRESS, ag_config, management, true),
	{ 0 },
};

static const struct conf_key relay_keys[] = {
	KEY("listen", CONF_ADDRESS, ag_config, relay.address, true),
	KEY("root", CONF_NAME, ag_config, relay.root, true),
	KEY("verify_root", CONF_NAME, ag_config, relay.verify_root, false),
	LIST_OF("accept", CONF_NAMES, ag_config, relay_accept),
	{ 0 },
};

static const struct conf_key top_keys[] = {
	KEY("fleet", CONF_NAME, ag_config, fleet, true),
	{ .name = "node",
	    .kind = CONF_NAME,
	    CONF_AT(ag_config, node),
	    .needed = true,
	    .check_text = check_node },
	KEY("store", CONF_PATH, ag_config, store, true),
	WORD("alg", ag_config, alg, algs, WIRE_P256, false),
	GROUP("ca", ca_keys),
	GROUP("management", management_keys),
	GROUP("relay", relay_keys),
	{ .name = "neighbours",
	    .kind = CONF_LIST,
	    CONF_AT(ag_config, peers),
	    .keys = peer_keys,
	    .size = sizeof(struct ag_peer),
	    .count = offsetof(struct ag_config, npeers),
	    .max = 4096 },
	{ .name = "applications",
	    .kind = CONF_LIST,
	    CONF_AT(ag_config, apps),
	    .unique = true,
	    .check = check_app,
	    .keys = app_keys,
	    .size = sizeof(struct ag_app),
	    .count = offsetof(struct ag_config, napps),
	    .max = 4096 },
	KEY("by_file", CONF_BOOL, ag_config, by_file, false),
	SECONDS("wait", ag_config, wait_ms, 25),
	{ .name = "inventory",
	    .kind = CONF_SECONDS,
	    CONF_AT(ag_config, inventory_ms),
	    .value = 25,
	    .min = 0.1,
	    .max = 86400 },
	SECONDS("retry", ag_config, retry_ms, 1),
	{ .name = "later",
	    .kind = CONF_SECONDS,
	    CONF_AT(ag_config, later_ms),
	    .value = 1,
	    .min = 0.01,
	    .max = 3600 },
	{ 0 },
};

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
		    "root \"management\" is the CA's own "
		    "channel; links need another root");
	/* one slot of a join request is left for the management key */
	if (c->nroots == WIRE_JOIN_ROOTS - 1)
		return base_fail(BASE_E_CONFIG,
		    "more than %d roots on one node", WIRE_JOIN_ROOTS - 1);
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
finish(void *config)
{
	struct ag_config *c = config;
	bool polls = c->ca_poll;

	for (size_t i = 0; i < c->npeers; i++)
		polls = polls || !c->peers[i].push;
	if (!polls && c->management == NULL && c->relay.address == NULL &&
	    !c->by_file)
		return base_fail(BASE_E_CONFIG,
		    "no way for orders to arrive: one of management.listen, "
		    "ca.poll, a neighbour with role \"poll\", or relay.listen "
		    "is needed; or by_file = true, and they are carried");
	for (size_t i = 0; i < c->napps; i++) {
		struct ag_side *side = c->apps[i].side;

		side[1].client = true;
		if (side[0].on && side[0].sni == NULL)
			side[0].sni = base_strdup(c->node);
	}
	return collect_roots(c);
}

/* Takes c. */
static enum base_err
give(enum base_err r, struct ag_config *c, struct ag_config **out)
{
	if (r == BASE_OK) {
		*out = c;
		c = NULL;
	}
	ag_config_free(c);
	return r;
}

enum base_err
ag_config_parse(const char *text, const char *name, struct ag_config **out)
{
	struct ag_config *c = base_alloc(sizeof *c);
	struct base_span span = { (const uint8_t *)text, strlen(text) };

	return give(conf_read_text(name, span, top_keys, finish, c), c, out);
}

enum base_err
ag_config_read(const char *path, struct ag_config **out)
{
	struct ag_config *c = base_alloc(sizeof *c);

	return give(conf_read(path, top_keys, finish, c), c, out);
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
	bool yes = same(root, "management") || same(c->relay.root, root);

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
	bool yes = same(root, "management") || same(c->relay.verify_root, root);

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
	conf_free(top_keys, c);
	for (size_t i = 0; i < c->nroots; i++)
		free(c->roots[i]);
	free(c);
}
