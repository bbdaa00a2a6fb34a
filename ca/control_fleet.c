/*
 * ca/control_fleet: commands about what the fleet is made of: version, init,
 * roots, nodes, links, tokens, join files. Fields are in docs/control.md.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ca/base64.h"
#include "ca/control.h"

/* ---- version, init ---------------------------------- */

static enum base_err
cmd_version(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s}", "cmd", &cmd)) != BASE_OK)
		return r;
	*answer = json_pack("{ss, ss, sb, so}", "version", base_version(),
	    "fleet", ca->conf->fleet, "ready", (int)ca->ready, "time",
	    ca_json_time(ca_now(ca)));
	if (!ca->ready)
		json_object_set_new(*answer, "waits",
		    json_string("kedge init "
				"has not been done"));
	return BASE_OK;
}

static enum base_err
init_answer(struct ca *ca, json_t **answer)
{
	uint8_t sha[32];
	char hex[65];
	enum base_err r;

	if ((r = ca_load(ca)) != BASE_OK)
		return r;
	if (ca->net == NULL && ca->eb != NULL &&
	    (r = ca_net_open(ca, &ca->net)) != BASE_OK)
		return r;
	wire_x509_sha256(sk_X509_value(ca->management, 0), sha);
	base_hex(sha, sizeof(sha), hex);
	*answer = json_pack("{ss, ss}", "fleet", ca->conf->fleet,
	    "management_sha256", hex);
	ca_kick(ca);
	return BASE_OK;
}

static void
init_done(void *arg, enum base_err e)
{
	struct ca_session *s = arg;
	json_t *answer = NULL;

	if (e == BASE_OK)
		e = init_answer(ca_session_ca(s), &answer);
	ca_session_answer(s, e, answer);
}

static enum base_err
alg_word(const char *word, enum wire_alg *alg)
{
	return wire_alg_parse(word, alg) == BASE_OK
	    ? BASE_OK
	    : base_fail(BASE_E_USAGE, "%s", base_why());
}

static enum base_err
cmd_init(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd, *word = "p256";
	enum wire_alg alg;
	enum base_err r;

	(void)answer;
	if ((r = ca_unpack(q, "{s:s, s?s}", "cmd", &cmd, "alg", &word)) !=
		BASE_OK ||
	    (r = alg_word(word, &alg)) != BASE_OK)
		return r;
	ca_session_hold(s);
	ca_make_init(ca_session_ca(s), alg, init_done, s);
	return BASE_OK;
}

enum base_err
ca_control_ready(const struct ca *ca)
{
	return ca->ready ? BASE_OK
			 : base_fail(BASE_E_STATE,
			       "kedged: the CA "
			       "has no management root yet; kedge init");
}

/* ---- roots ---------------------------------- */

static enum base_err
cmd_root_list(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	json_t *list = json_array(), *o;
	const char *cmd;
	enum base_err r = ca_unpack(q, "{s:s}", "cmd", &cmd);

	for (size_t i = 0; r == BASE_OK && i < ca->topo->nroots; i++)
		if ((r = ca_json_root(ca, &ca->topo->roots[i], false, &o)) ==
		    BASE_OK)
			json_array_append_new(list, o);
	if (r == BASE_OK)
		*answer = json_pack("{sO}", "roots", list);
	json_decref(list);
	return r;
}

static enum base_err
cmd_root_show(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *name;
	struct ca_root root;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s}", "cmd", &cmd, "root", &name)) !=
		BASE_OK ||
	    (r = ca_store_root_get(ca->store, name, &root)) != BASE_OK)
		return r;
	return ca_json_root(ca, &root, true, answer);
}

struct root_add {
	struct ca_session *s;
	char name[CA_NAME];
};

static void
root_added(void *arg, enum base_err e)
{
	struct root_add *a = arg;
	struct ca *ca = ca_session_ca(a->s);
	struct ca_root root;
	json_t *answer = NULL;

	if (e == BASE_OK &&
	    (e = ca_store_root_get(ca->store, a->name, &root)) == BASE_OK)
		e = ca_json_root(ca, &root, false, &answer);
	ca_session_answer(a->s, e, answer);
	free(a);
}

#define NOT_GIVEN INT_MIN

/* What was not given: as it is, for a root that is there already, so that the
 * same command may come again. It stays what it is: other words are refused. */
static enum base_err
root_add_fill(const struct ca *ca, const char *name, const char **alg,
    int *days)
{
	const uint32_t at = ca_topo_root(ca->topo, name);
	const struct ca_root *root;

	if (at == POL_NONE || strcmp(name, CA_MANAGEMENT) == 0) {
		if (*alg == NULL)
			*alg = "p256";
		if (*days == NOT_GIVEN)
			*days = (int)ca->conf->root_days;
		return BASE_OK;
	}
	root = &ca->topo->roots[at];
	if (*alg == NULL)
		*alg = wire_alg_name(root->alg);
	if (*days == NOT_GIVEN)
		*days = (int)root->days;
	if (strcmp(*alg, wire_alg_name(root->alg)) == 0 &&
	    *days == (int)root->days)
		return BASE_OK;
	return base_fail(BASE_E_EXISTS,
	    "root %s: is there, with %s and %u days for each generation; take "
	    "another name",
	    name, wire_alg_name(root->alg), root->days);
}

static enum base_err
cmd_root_add(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *name, *word = NULL;
	int days = NOT_GIVEN;
	struct root_add *a;
	enum wire_alg alg;
	enum base_err r;

	(void)answer;
	if ((r = ca_unpack(q, "{s:s, s:s, s?s, s?i}", "cmd", &cmd, "root",
		 &name, "alg", &word, "days", &days)) != BASE_OK ||
	    (r = ca_control_ready(ca)) != BASE_OK ||
	    (r = root_add_fill(ca, name, &word, &days)) != BASE_OK ||
	    (r = alg_word(word, &alg)) != BASE_OK)
		return r;
	if (strcmp(name, CA_MANAGEMENT) == 0)
		return base_fail(BASE_E_REFUSED,
		    "root management: is the CA's own, made by kedge init; "
		    "take another name");
	if (days < 1 || days > 36500)
		return base_fail(BASE_E_USAGE, "root %s: --days is 1 to 36500",
		    name);
	if ((r = ca_fleet_root_put(ca, name, alg, (uint32_t)days)) != BASE_OK)
		return r;
	a = base_alloc(sizeof(*a));
	a->s = s;
	snprintf(a->name, sizeof(a->name), "%s", name);
	ca_session_hold(s);
	ca_make_generation(ca, a->name, 1, root_added, a);
	return BASE_OK;
}

/* ---- join ---------------------------------- */

static void
token_made(void *arg, enum base_err e, const char *text, struct base_time end)
{
	json_t *answer = e != BASE_OK
	    ? NULL
	    : json_pack("{ss, so}", "token", text, "end", ca_json_time(end));

	ca_session_answer(arg, e, answer);
}

static enum base_err
cmd_node_token(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd, *name;
	int seconds = 3600;
	enum base_err r;

	(void)answer;
	if ((r = ca_unpack(q, "{s:s, s:s, s?i}", "cmd", &cmd, "node", &name,
		 "seconds", &seconds)) != BASE_OK)
		return r;
	if (seconds < 1 || seconds > 86400)
		return base_fail(BASE_E_USAGE,
		    "node %s: --seconds is 1 to 86400: a token ends within a "
		    "day",
		    name);
	ca_session_hold(s);
	ca_token_make(ca_session_ca(s), name, (uint32_t)seconds, token_made, s);
	return BASE_OK;
}

static void
join_made(void *arg, enum base_err e, struct base_span der)
{
	json_t *answer = NULL;

	if (e == BASE_OK)
		answer = json_pack("{so}", "answer", ca_base64_new(der));
	ca_session_answer(arg, e, answer);
}

static enum base_err
cmd_node_join(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd, *text;
	struct base_buf der;
	enum base_err r;

	(void)answer;
	if ((r = ca_unpack(q, "{s:s, s:s}", "cmd", &cmd, "request", &text)) !=
	    BASE_OK)
		return r;
	base_buf_init(&der, 1 << 20);
	if ((r = ca_base64_read("join: the request", text, &der)) == BASE_OK) {
		ca_session_hold(s);
		ca_join_request(ca_session_ca(s), base_buf_span(&der),
		    join_made, s);
	}
	base_buf_free(&der);
	return r;
}

/* ---- links ---------------------------------- */

static enum base_err
cmd_link_list(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	json_t *list;
	const char *cmd;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s}", "cmd", &cmd)) != BASE_OK)
		return r;
	list = json_array();
	for (size_t i = 0; i < ca->topo->nlinks; i++)
		json_array_append_new(list, ca_json_link(&ca->topo->links[i]));
	*answer = json_pack("{so}", "links", list);
	return BASE_OK;
}

struct link_change {
	struct ca_link l;
	const char *reason; /* may be "" */
	bool replace;
};

static enum base_err
put_link(struct ca *ca, void *arg)
{
	const struct link_change *c = arg;
	const struct ca_link *l = &c->l;
	const struct ca_link *old =
	    ca_topo_link(ca->topo, l->client, l->server);
	char was[CA_LINK_TEXT];

	if (strcmp(l->client, l->server) == 0)
		return base_fail(BASE_E_USAGE,
		    "link %s>%s: a node does not talk to itself; name two",
		    l->client, l->server);
	if (old != NULL && !c->replace &&
	    (strcmp(old->client_root, l->client_root) != 0 ||
		strcmp(old->server_root, l->server_root) != 0)) {
		ca_link_text(old, was);
		return base_fail(BASE_E_EXISTS,
		    "link %s>%s: is there already with other content (%s); "
		    "--replace changes it",
		    l->client, l->server, was);
	}
	return ca_change_link(ca, l, "");
}

static enum base_err
link_roots(struct ca_link *l, const char *auth, const char *both,
    const char *client, const char *server)
{
	bool mutual = strcmp(auth, "mutual") == 0;

	if (!mutual && strcmp(auth, "server") != 0)
		return base_fail(BASE_E_USAGE,
		    "link %s>%s: --auth is mutual or server", l->client,
		    l->server);
	if ((both != NULL) == (server != NULL) ||
	    (both != NULL && client != NULL) ||
	    (both == NULL && mutual != (client != NULL)))
		return base_fail(BASE_E_USAGE,
		    "link %s>%s: give --root, or --server-root and, when "
		    "mutual, --client-root",
		    l->client, l->server);
	snprintf(l->server_root, CA_NAME, "%s", both != NULL ? both : server);
	if (mutual)
		snprintf(l->client_root, CA_NAME, "%s",
		    both != NULL ? both : client);
	return BASE_OK;
}

static enum base_err
cmd_link_add(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd, *client, *server, *auth, *both = NULL, *croot = NULL,
						  *sroot = NULL;
	struct link_change c = { .reason = "" };
	struct ca *ca = ca_session_ca(s);
	json_t *notes = json_array();
	int replace = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s:s, s:s, s?s, s?s, s?s, s?b}", "cmd",
		 &cmd, "client", &client, "server", &server, "auth", &auth,
		 "root", &both, "client_root", &croot, "server_root", &sroot,
		 "replace", &replace)) != BASE_OK)
		goto out;
	c.replace = replace != 0;
	snprintf(c.l.client, CA_NAME, "%s", client);
	snprintf(c.l.server, CA_NAME, "%s", server);
	if ((r = link_roots(&c.l, auth, both, croot, sroot)) != BASE_OK ||
	    (r = ca_fleet_change(ca, put_link, &c)) != BASE_OK ||
	    (r = ca_link_keyless(ca, &c.l, notes)) != BASE_OK)
		goto out;
	*answer = ca_json_link(&c.l);
	json_object_set(*answer, "notes", notes);
out:
	json_decref(notes);
	return r;
}

static enum base_err
drop_link(struct ca *ca, void *arg)
{
	const struct link_change *c = arg;

	return ca_change_link_drop(ca, &c->l, c->reason, "");
}

static enum base_err
cmd_link_remove(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *client, *server;
	struct link_change c = { .reason = "" };
	const struct ca_link *old;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s:s, s?s}", "cmd", &cmd, "client",
		 &client, "server", &server, "reason", &c.reason)) != BASE_OK)
		return r;
	if ((old = ca_topo_link(ca->topo, client, server)) == NULL)
		return base_fail(BASE_E_NOTFOUND,
		    "link %s>%s: not known; see kedge link list", client,
		    server);
	c.l = *old;
	if ((r = ca_fleet_change(ca, drop_link, &c)) != BASE_OK)
		return r;
	*answer = json_object();
	return BASE_OK;
}

const struct ca_command ca_commands_fleet[] = {
	{ "version", cmd_version },
	{ "init", cmd_init },
	{ "root-list", cmd_root_list },
	{ "root-show", cmd_root_show },
	{ "root-add", cmd_root_add },
	{ "root-set", ca_control_root_set },
	{ "node-list", ca_control_node_list },
	{ "node-show", ca_control_node_show },
	{ "node-add", ca_control_node_add },
	{ "node-set", ca_control_node_set },
	{ "node-remove", ca_control_node_remove },
	{ "node-rekey", ca_control_node_rekey },
	{ "node-token", cmd_node_token },
	{ "node-join", cmd_node_join },
	{ "link-list", cmd_link_list },
	{ "link-add", cmd_link_add },
	{ "link-remove", cmd_link_remove },
	{ "topology-apply", ca_control_topology_apply },
	{ "unsafe", ca_control_unsafe },
	{ NULL, NULL },
};
