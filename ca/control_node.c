/*
 * ca/control_node: commands about nodes. Fields are in docs/control.md.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/node.h"

enum base_err
ca_control_node_list(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	json_t *list = json_array(), *o;
	const char *cmd;
	enum base_err r = ca_unpack(q, "{s:s}", "cmd", &cmd);

	for (size_t i = 0; r == BASE_OK && i < ca->topo->nnodes; i++)
		if ((r = ca_json_node(ca, &ca->topo->nodes[i], &o)) == BASE_OK)
			json_array_append_new(list, o);
	if (r == BASE_OK)
		*answer = json_pack("{sO, so}", "nodes", list,
		    "listening_since", ca_json_time(ca_listen_since(ca)));
	json_decref(list);
	return r;
}

struct node_lists {
	struct ca *ca;
	json_t *orders, *certs;
};

static enum base_err
node_order(void *arg, const struct ca_order *o)
{
	struct node_lists *l = arg;

	json_array_append_new(l->orders, ca_json_order(l->ca, o));
	return BASE_OK;
}

static enum base_err
node_cert(void *arg, const struct ca_cert *c)
{
	struct node_lists *l = arg;
	char serial[33];

	base_hex(c->serial, sizeof(c->serial), serial);
	json_array_append_new(l->certs,
	    json_pack("{ss, si, ss, so, so, ss}", "root", c->root, "generation",
		(int)c->gen, "serial", serial, "not_before",
		ca_json_time(c->not_before), "not_after",
		ca_json_time(c->not_after), "kind",
		c->kind == WIRE_NODE_CERT ? "node" : "other"));
	return BASE_OK;
}

/* As the store has it, and when it was heard of last. */
static enum base_err
node_now(struct ca *ca, const char *name, struct ca_node *n)
{
	uint32_t i = ca_topo_node(ca->topo, name);
	enum base_err r = ca_store_node_get(ca->store, name, n);

	if (r == BASE_OK && i != POL_NONE)
		n->seen = ca->topo->nodes[i].seen;
	return r;
}

enum base_err
ca_control_node_show(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	struct node_lists l = { ca, json_array(), json_array() };
	const char *cmd, *name;
	struct ca_node n;
	json_t *o = NULL;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s}", "cmd", &cmd, "node", &name)) !=
		BASE_OK ||
	    (r = node_now(ca, name, &n)) != BASE_OK ||
	    (r = ca_json_node(ca, &n, &o)) != BASE_OK ||
	    (r = ca_store_orders_of_node(ca->store, name, node_order, &l)) !=
		BASE_OK ||
	    (r = ca_store_certs_of_node(ca->store, name, node_cert, &l)) !=
		BASE_OK ||
	    (r = ca_json_unsafe(ca, name, NULL, o)) != BASE_OK)
		goto out;
	json_object_set(o, "orders", l.orders);
	json_object_set(o, "certificates", l.certs);
	*answer = o;
	o = NULL;
out:
	json_decref(o);
	json_decref(l.orders);
	json_decref(l.certs);
	return r;
}

static enum base_err
parse_reach(const char *word, enum ca_reach *out)
{
	static const char *const words[] = { "", "direct", "poll", "push" };

	for (int i = CA_DIRECT; i <= CA_PUSH; i++)
		if (strcmp(words[i], word) == 0) {
			*out = (enum ca_reach)i;
			return BASE_OK;
		}
	return base_fail(BASE_E_USAGE, "--reach %s: is direct, poll or push",
	    word);
}

/* What a check of ca/node.h said: the command's words were wrong. */
static enum base_err
usage(enum base_err e)
{
	return e == BASE_OK ? e : base_fail(BASE_E_USAGE, "%s", base_why());
}

/* *out is the caller's, its texts are those of the list. */
static enum base_err
texts_of(const char *node, const json_t *list, const char ***out, size_t *n)
{
	*n = json_array_size(list);
	*out = base_alloc((*n + 1) * sizeof(**out));
	for (size_t i = 0; i < *n; i++) {
		(*out)[i] = json_string_value(json_array_get(list, i));
		if ((*out)[i] == NULL)
			return base_fail(BASE_E_USAGE,
			    "node %s: via and names are lists of texts", node);
	}
	return BASE_OK;
}

static enum base_err
parse_via(const json_t *list, struct ca_node *n)
{
	const char **texts;
	size_t count;
	enum base_err r = texts_of(n->name, list, &texts, &count);

	if (r == BASE_OK)
		r = usage(ca_way_check(
		    &(struct ca_way){ n->name, n->reach, texts, count }));
	for (size_t i = 0; r == BASE_OK && i < count; i++)
		snprintf(n->via[n->nvia++], CA_NAME, "%s", texts[i]);
	free(texts);
	return r;
}

static enum base_err
parse_names(const json_t *list, struct ca_node *n)
{
	const char **texts;
	size_t count;
	enum base_err r = texts_of(n->name, list, &texts, &count);

	if (r == BASE_OK)
		r = usage(ca_node_names_join(n->name, texts, count, n->names));
	free(texts);
	return r;
}

static enum base_err
parse_address(const char *word, struct ca_node *n)
{
	enum base_err r = usage(ca_node_address_check(n->name, word));

	if (r == BASE_OK)
		snprintf(n->address, sizeof(n->address), "%s", word);
	return r;
}

static enum base_err
put_node(struct ca *ca, void *arg)
{
	return ca_change_node(ca, arg, "");
}

enum base_err
ca_control_node_add(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *name, *reach, *address = "";
	json_t *via = NULL, *names = NULL;
	struct ca_node n = { .dual = false };
	int dual = 0, shallow = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s:s, s?o, s?b, s?b, s?s, s?o}", "cmd",
		 &cmd, "node", &name, "reach", &reach, "via", &via, "dual",
		 &dual, "shallow", &shallow, "address", &address, "names",
		 &names)) != BASE_OK)
		return r;
	if ((r = usage(ca_node_name_check(name))) != BASE_OK)
		return r;
	if (ca_topo_node(ca->topo, name) != POL_NONE)
		return base_fail(BASE_E_EXISTS,
		    "node %s: is there already; "
		    "kedge node set changes it",
		    name);
	snprintf(n.name, sizeof(n.name), "%s", name);
	n.dual = dual != 0;
	n.shallow = shallow != 0;
	if ((r = parse_reach(reach, &n.reach)) != BASE_OK ||
	    (r = parse_via(via, &n)) != BASE_OK ||
	    (r = parse_names(names, &n)) != BASE_OK ||
	    (r = parse_address(address, &n)) != BASE_OK ||
	    (r = ca_fleet_change(ca, put_node, &n)) != BASE_OK)
		return r;
	ca_event_node(ca, n.name, "absent", "known");
	return ca_json_node(ca, &n, answer);
}

enum base_err
ca_control_node_set(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *name, *address = NULL;
	json_t *names = NULL;
	int shallow = -1;
	struct ca_node n;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?s, s?b, s?o}", "cmd", &cmd, "node",
		 &name, "address", &address, "shallow", &shallow, "names",
		 &names)) != BASE_OK ||
	    (r = ca_store_node_get(ca->store, name, &n)) != BASE_OK)
		return r;
	if (shallow >= 0)
		n.shallow = shallow != 0;
	if ((address != NULL && (r = parse_address(address, &n)) != BASE_OK) ||
	    (names != NULL && (r = parse_names(names, &n)) != BASE_OK) ||
	    (r = ca_fleet_change(ca, put_node, &n)) != BASE_OK)
		return r;
	return ca_json_node(ca, &n, answer);
}

enum base_err
ca_control_node_rekey(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd, *name, *root = NULL;
	int cancel = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?s, s?b}", "cmd", &cmd, "node",
		 &name, "root", &root, "cancel", &cancel)) != BASE_OK ||
	    (r = (cancel != 0 ? ca_rekey_cancel
			      : ca_rekey_ask)(ca_session_ca(s), name, root)) !=
		BASE_OK)
		return r;
	*answer = json_object();
	return BASE_OK;
}

static enum base_err
drop_node(struct ca *ca, void *arg)
{
	return ca_change_node_drop(ca, arg, "");
}

struct removing {
	struct ca_session *s;
	char node[CA_NAME], who[CA_NAME];
};

static enum base_err
remove_node(struct ca *ca, struct removing *v)
{
	enum base_err r;

	if (ca_topo_node(ca->topo, v->node) == POL_NONE)
		return base_fail(BASE_E_NOTFOUND, "node %s: not known",
		    v->node);
	ca->who = v->who;
	r = ca_fleet_change(ca, drop_node, v->node);
	ca->who = NULL;
	if (r != BASE_OK)
		return r;
	ca_forget_soon(ca);
	ca_event_node(ca, v->node, "known", "absent");
	return BASE_OK;
}

/* kedge-hsmd would take part in it. */
static void
remove_asked(void *arg, enum base_err e)
{
	struct removing *v = arg;

	if (e == BASE_OK)
		e = remove_node(ca_session_ca(v->s), v);
	ca_session_answer(v->s, e, NULL);
	free(v);
}

static bool
has_links(const struct ca_topo *t, const char *node)
{
	for (size_t i = 0; i < t->nlinks; i++)
		if (strcmp(t->links[i].client, node) == 0 ||
		    strcmp(t->links[i].server, node) == 0)
			return true;
	return false;
}

enum base_err
ca_control_node_remove(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *name;
	struct removing *v;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s}", "cmd", &cmd, "node", &name)) !=
	    BASE_OK)
		return r;
	if (ca_topo_node(ca->topo, name) == POL_NONE) {
		ca->who = ca_session_who(s);
		r = ca_forget_confirm(ca, name);
		ca->who = NULL;
		if (r == BASE_OK)
			*answer = json_object();
		return r;
	}
	v = base_alloc(sizeof(*v));
	v->s = s;
	snprintf(v->node, sizeof(v->node), "%s", name);
	snprintf(v->who, sizeof(v->who), "%s", ca_session_who(s));
	/* at rest kedge-hsmd forgets it in any case, now or later; with links it
	 * is refused here */
	if (ca->rolls == NULL || has_links(ca->topo, name)) {
		if ((r = remove_node(ca, v)) == BASE_OK)
			*answer = json_object();
		free(v);
		return r;
	}
	ca_session_hold(s);
	ca_forget_would(ca, name, remove_asked, v);
	return BASE_OK;
}
