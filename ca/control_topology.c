/*
 * ca/control_topology: `topology apply`: the file against the store, the
 * difference, and its application. First the whole of it is tried, in a
 * transaction that is rolled back; then roots that are new are made by hsmd,
 * one after the other; then all nodes and links change in one transaction.
 * What is not in the file is removed only when told so; while a root rolls
 * kedge-hsmd is asked first about each node that would go, and when it would
 * not forget one, nothing is done.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/topology.h"

struct apply {
	struct ca_session *s;
	struct ca *ca;
	struct ca_topology *want;
	bool dry, remove;
	char *reason, *by; /* for links that go; where it is from */
	bool trial; /* it is rolled back */
	size_t change; /* of changes: kedge-hsmd is asked about it next */
	json_t *asked; /* nodes that it would forget */
	uint32_t root; /* of want: being made */
	json_t *changes;
	json_t *notes; /* sentences: what is left to do on nodes */
	int skipped;
};

static void
apply_free(struct apply *a)
{
	ca_topology_free(a->want);
	json_decref(a->changes);
	json_decref(a->notes);
	json_decref(a->asked);
	free(a->reason);
	free(a->by);
	free(a);
}

static void
note(struct apply *a, const char *op, const char *kind, const char *name,
    const char *detail)
{
	json_array_append_new(a->changes,
	    json_pack("{ss, ss, ss, ss}", "op", op, "kind", kind, "name", name,
		"detail", detail));
	if (op[0] == '-' && !a->remove)
		a->skipped++;
}

/* fields is stolen. */
static void
note_fields(struct apply *a, const char *kind, const char *name, json_t *fields)
{
	char *detail = ca_differ_text(fields);

	note(a, "~", kind, name, detail);
	json_object_set_new(json_array_get(a->changes,
				json_array_size(a->changes) - 1),
	    "fields", fields);
	free(detail);
}

/* ---- nodes ---------------------------------- */

static void
node_wanted(const struct apply *a, const struct ca_topo_node *w,
    struct ca_node *n)
{
	snprintf(n->name, sizeof(n->name), "%s", w->name);
	n->reach = w->reach;
	n->dual = w->dual;
	n->shallow = w->shallow;
	n->nvia = w->nvia;
	memset(n->via, 0, sizeof(n->via));
	for (uint32_t i = 0; i < w->nvia; i++)
		snprintf(n->via[i], CA_NAME, "%s",
		    a->want->nodes[w->via[i]].name);
	/* not given: as kedge node set said */
	if (w->address[0] != '\0')
		snprintf(n->address, sizeof(n->address), "%s", w->address);
	if (w->names[0] != '\0')
		snprintf(n->names, sizeof(n->names), "%s", w->names);
}

static enum base_err
node_put(struct apply *a, const struct ca_topo_node *w, bool act)
{
	struct ca_node n = { .nvia = 0 }, old = { .nvia = 0 };
	enum base_err r = ca_store_node_get(a->ca->store, w->name, &old);
	bool is_new = r == BASE_E_NOTFOUND;
	json_t *fields;

	if (r != BASE_OK && !is_new)
		return r;
	if (!is_new)
		n = old;
	node_wanted(a, w, &n);
	if (act)
		return ca_change_node(a->ca, &n, a->by);
	if (is_new) {
		note(a, "+", "node", n.name, "");
		return BASE_OK;
	}
	fields = ca_differ_node(&old, &n);
	if (json_array_size(fields) > 0)
		note_fields(a, "node", n.name, fields);
	else
		json_decref(fields);
	return BASE_OK;
}

static enum base_err
nodes_put(struct apply *a, bool act)
{
	enum base_err r = BASE_OK;

	for (uint32_t i = 0; r == BASE_OK && i < a->want->nnodes; i++)
		r = node_put(a, &a->want->nodes[i], act);
	return r;
}

/* Since it was asked a roll may have begun, or a node may have been added. */
static enum base_err
node_drop(struct apply *a, const char *name)
{
	if (!a->trial && a->ca->rolls != NULL &&
	    json_object_get(a->asked, name) == NULL)
		return base_fail(BASE_E_AGAIN,
		    "node %s: kedge-hsmd was not asked whether it may go, "
		    "because a roll began or the node came while the file was "
		    "applied; nodes and links are as they were: apply it again",
		    name);
	return ca_change_node_drop(a->ca, name, a->by);
}

static enum base_err
nodes_drop(struct apply *a, bool act)
{
	const struct ca_topo *t = a->ca->topo;
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < t->nnodes; i++) {
		if (ca_topology_node(a->want, t->nodes[i].name) != POL_NONE)
			continue;
		if (!act)
			note(a, "-", "node", t->nodes[i].name, "");
		else if (a->remove)
			r = node_drop(a, t->nodes[i].name);
	}
	return r;
}

/* ---- links ---------------------------------- */

static void
link_wanted(const struct apply *a, const struct ca_topo_link *w,
    struct ca_link *l)
{
	const struct ca_topology *t = a->want;

	memset(l, 0, sizeof(*l));
	snprintf(l->client, CA_NAME, "%s", t->nodes[w->client].name);
	snprintf(l->server, CA_NAME, "%s", t->nodes[w->server].name);
	snprintf(l->server_root, CA_NAME, "%s", t->roots[w->server_root].name);
	if (w->client_root != POL_NONE)
		snprintf(l->client_root, CA_NAME, "%s",
		    t->roots[w->client_root].name);
}

static enum base_err
link_note(struct apply *a, const char *op, const struct ca_link *old,
    const struct ca_link *l)
{
	char name[2 * CA_NAME + 2], detail[CA_LINK_TEXT];

	snprintf(name, sizeof(name), "%s>%s", l->client, l->server);
	ca_link_text(l, detail);
	if (old != NULL)
		note_fields(a, "link", name, ca_differ_link(old, l));
	else
		note(a, op, "link", name, detail);
	return op[0] == '-' ? BASE_OK : ca_link_keyless(a->ca, l, a->notes);
}

/* Another link between the same two: the old one is gone. */
static enum base_err
link_put(struct apply *a, const struct ca_link *old, const struct ca_link *l)
{
	enum base_err r;

	if (old != NULL && a->reason[0] != '\0' &&
	    (r = ca_store_gone_put(a->ca->store, old, true)) != BASE_OK)
		return r;
	return ca_change_link(a->ca, l, a->by);
}

static enum base_err
links_put(struct apply *a, bool act)
{
	const struct ca_topo *t = a->ca->topo;
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < a->want->nlinks; i++) {
		const struct ca_link *old;
		struct ca_link l;

		link_wanted(a, &a->want->links[i], &l);
		old = ca_topo_link(t, l.client, l.server);
		if (old != NULL &&
		    strcmp(old->client_root, l.client_root) == 0 &&
		    strcmp(old->server_root, l.server_root) == 0)
			continue;
		r = act ? link_put(a, old, &l) : link_note(a, "+", old, &l);
	}
	return r;
}

static bool
link_is_wanted(const struct apply *a, const struct ca_link *l)
{
	uint32_t client = ca_topology_node(a->want, l->client);
	uint32_t server = ca_topology_node(a->want, l->server);

	for (size_t i = 0; i < a->want->nlinks; i++)
		if (a->want->links[i].client == client &&
		    a->want->links[i].server == server)
			return true;
	return false;
}

static enum base_err
links_drop(struct apply *a, bool act)
{
	const struct ca_topo *t = a->ca->topo;
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < t->nlinks; i++) {
		if (link_is_wanted(a, &t->links[i]))
			continue;
		if (!act)
			r = link_note(a, "-", NULL, &t->links[i]);
		else if (a->remove)
			r = ca_change_link_drop(a->ca, &t->links[i], a->reason,
			    a->by);
	}
	return r;
}

/* ---- roots ---------------------------------- */

static enum base_err
roots_drop(struct apply *a, bool act)
{
	const struct ca_topo *t = a->ca->topo;
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < t->nroots; i++) {
		const char *name = t->roots[i].name;

		if (strcmp(name, CA_MANAGEMENT) == 0 ||
		    ca_topology_root(a->want, name) != POL_NONE)
			continue;
		if (!act)
			note(a, "-", "root", name, "");
		else if (a->remove)
			r = ca_change_root_drop(a->ca, &t->roots[i], a->by);
	}
	return r;
}

static void
roots_note(struct apply *a)
{
	for (uint32_t i = 0; i < a->want->nroots; i++)
		if (ca_topo_root(a->ca->topo, a->want->roots[i].name) ==
		    POL_NONE)
			note(a, "+", "root", a->want->roots[i].name, "");
}

/* ---- the whole ---------------------------------- */

static enum base_err
apply_each(struct apply *a, bool act)
{
	enum base_err r;

	if (!act)
		roots_note(a);
	if ((r = nodes_put(a, act)) != BASE_OK ||
	    (r = links_put(a, act)) != BASE_OK ||
	    (r = links_drop(a, act)) != BASE_OK ||
	    (r = nodes_drop(a, act)) != BASE_OK)
		return r;
	return roots_drop(a, act);
}

static enum base_err
apply_change(struct ca *ca, void *arg)
{
	(void)ca;
	return apply_each(arg, true);
}

/* As if the new roots had been made. */
static enum base_err
apply_trial(struct ca *ca, void *arg)
{
	struct apply *a = arg;
	enum base_err r = BASE_OK;

	for (uint32_t i = 0; r == BASE_OK && i < a->want->nroots; i++) {
		struct ca_root root = { .alg = WIRE_P256,
			.days = ca->conf->root_days,
			.current = 1 };

		snprintf(root.name, CA_NAME, "%s", a->want->roots[i].name);
		if (ca_topo_root(ca->topo, root.name) == POL_NONE)
			r = ca_store_root_put(ca->store, &root);
	}
	a->trial = true;
	if (r == BASE_OK)
		r = apply_each(a, true);
	a->trial = false;
	return r;
}

static void
apply_events(struct apply *a)
{
	size_t i;
	json_t *c;

	json_array_foreach(a->changes, i, c)
	{
		const char *op = json_string_value(json_object_get(c, "op"));
		const char *kind =
		    json_string_value(json_object_get(c, "kind"));
		const char *name =
		    json_string_value(json_object_get(c, "name"));

		if (strcmp(kind, "node") != 0 || op[0] == '~')
			continue;
		if (op[0] == '+') {
			ca_event_node(a->ca, name, "absent", "known");
		} else if (a->remove) {
			ca_forget_soon(a->ca);
			ca_event_node(a->ca, name, "known", "absent");
		}
	}
}

static void
apply_end(struct apply *a, enum base_err e, bool applied)
{
	json_t *answer = NULL;

	if (e == BASE_OK)
		answer = json_pack("{sO, sO, sb, si}", "changes", a->changes,
		    "notes", a->notes, "applied", (int)applied, "skipped",
		    a->skipped);
	ca_session_answer(a->s, e, answer);
	apply_free(a);
}

static void
apply_next(void *arg, enum base_err e)
{
	struct apply *a = arg;
	const char *name;

	a->ca->who = ca_session_who(a->s);
	if (e == BASE_OK && a->root < a->want->nroots) {
		name = a->want->roots[a->root++].name;
		e = ca_fleet_root_put(a->ca, name, WIRE_P256,
		    a->ca->conf->root_days);
		if (e == BASE_OK) {
			a->ca->who = NULL;
			ca_make_generation(a->ca, name, 1, apply_next, a);
			return;
		}
	}
	if (e == BASE_OK && json_array_size(a->changes) > 0)
		e = ca_fleet_change(a->ca, apply_change, a);
	if (e == BASE_OK)
		apply_events(a);
	a->ca->who = NULL;
	apply_end(a, e, true);
}

static void apply_ask(void *arg, enum base_err e);

/* Of the change that it is the turn of: the node that goes, NULL: none does. */
static const char *
leaving(const struct apply *a)
{
	const char *op, *kind, *name;

	return json_unpack(json_array_get(a->changes, a->change),
		   "{s:s, s:s, s:s}", "op", &op, "kind", &kind, "name",
		   &name) == 0 &&
		op[0] == '-' && strcmp(kind, "node") == 0
	    ? name
	    : NULL;
}

static void
apply_asked(void *arg, enum base_err e)
{
	struct apply *a = arg;

	if (e == BASE_OK)
		json_object_set_new(a->asked, leaving(a), json_true());
	a->change++;
	apply_ask(a, e);
}

/* At rest kedge-hsmd forgets a node in any case, now or later. */
static void
apply_ask(void *arg, enum base_err e)
{
	struct apply *a = arg;
	const bool asks = a->remove && a->ca->rolls != NULL;
	const size_t n = asks ? json_array_size(a->changes) : 0;

	while (e == BASE_OK && a->change < n && leaving(a) == NULL)
		a->change++;
	if (e == BASE_OK && a->change < n)
		ca_forget_would(a->ca, leaving(a), apply_asked, a);
	else
		apply_next(a, e);
}

enum base_err
ca_control_topology_apply(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd, *text, *file, *reason = "";
	int dry = 0, remove = 0;
	struct apply *a;
	enum base_err r;

	(void)answer;
	if ((r = ca_unpack(q, "{s:s, s:s, s:s, s?b, s?b, s?s}", "cmd", &cmd,
		 "text", &text, "file", &file, "dry_run", &dry, "allow_remove",
		 &remove, "reason", &reason)) != BASE_OK)
		return r;
	a = base_alloc(sizeof(*a));
	a->s = s;
	a->ca = ca_session_ca(s);
	a->dry = dry != 0;
	a->remove = remove != 0;
	a->reason = base_strdup(reason);
	a->by = base_strdup(file);
	a->changes = json_array();
	a->notes = json_array();
	a->asked = json_object();
	if (!a->ca->ready)
		r = base_fail(BASE_E_STATE,
		    "kedged: the CA has no management "
		    "root yet; kedge init");
	if (r == BASE_OK)
		r = ca_topology_parse(file,
		    (struct base_span){ (const uint8_t *)text, strlen(text) },
		    &a->want);
	if (r == BASE_OK && (r = apply_each(a, false)) == BASE_OK)
		r = ca_fleet_try(a->ca, apply_trial, a);
	if (r != BASE_OK) {
		apply_free(a);
		return r;
	}
	ca_session_hold(s);
	if (a->dry)
		apply_end(a, BASE_OK, false);
	else
		apply_ask(a, BASE_OK);
	return BASE_OK;
}
