/*
 * ca/change: one node, link or root in the open transaction, with the audit
 * record that says what it was and what it is. What changes nothing leaves no
 * record. Called by the control_*.c files.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"

/* ---- in words ------------------------------------------------------------------ */

static char *
node_text(const struct ca_node *n)
{
	static const char *const reach[] = { "?", "direct", "poll", "push" };
	char via[CA_VIA_MAX * CA_NAME] = "";

	for (size_t i = 0, at = 0; i < n->nvia; i++)
		at += (size_t)snprintf(via + at, sizeof(via) - at, "%s%s",
		    i == 0 ? " via " : ",", n->via[i]);
	return base_asprintf("%s%s%s%s%s%s%s%s", reach[n->reach], via,
	    n->dual ? ", dual" : "", n->shallow ? ", shallow" : "",
	    n->address[0] == '\0' ? "" : ", address ", n->address,
	    n->names[0] == '\0' ? "" : ", names ", n->names);
}

void
ca_link_text(const struct ca_link *l, char out[CA_LINK_TEXT])
{
	if (l->client_root[0] == '\0')
		snprintf(out, CA_LINK_TEXT, "server, root %s", l->server_root);
	else if (strcmp(l->client_root, l->server_root) == 0)
		snprintf(out, CA_LINK_TEXT, "mutual, root %s", l->server_root);
	else
		snprintf(out, CA_LINK_TEXT, "mutual, roots %s and %s",
		    l->client_root, l->server_root);
}

/* " (file)", or " (as was said)". */
static char *
by_text(const char *by)
{
	return by[0] == '\0' ? base_strdup("") : base_asprintf(" (%s)", by);
}

/* before, after: NULL when there is none. */
static enum base_err
record(struct ca *ca, const char *what, const char *name, const char *before,
    const char *after, const char *by)
{
	char *end = by_text(by);
	enum base_err r;

	if (before == NULL)
		r = ca_audit(ca, ca_who(ca), what, "%s: added, %s%s", name,
		    after, end);
	else if (after == NULL)
		r = ca_audit(ca, ca_who(ca), what, "%s: removed, was %s%s",
		    name, before, end);
	else
		r = ca_audit(ca, ca_who(ca), what, "%s: %s -> %s%s", name,
		    before, after, end);
	free(end);
	return r;
}

/* ---- nodes ---------------------------------------------------------------------- */

enum base_err
ca_change_node(struct ca *ca, struct ca_node *n, const char *by)
{
	struct ca_node old;
	bool held = false;
	char *before = NULL, *after = node_text(n);
	enum base_err r = ca_store_node_get(ca->store, n->name, &old);

	if (r == BASE_OK) {
		before = node_text(&old);
		/* what the node did meanwhile stays */
		n->joined = old.joined;
		n->seen = old.seen;
	} else if (r != BASE_E_NOTFOUND) {
		goto out;
	}
	r = BASE_OK;
	/* the one before it is forgotten first, also by a recovery's word */
	if (before == NULL &&
	    (r = ca_store_gone_confirm(ca->store, n->name, &held)) != BASE_OK)
		goto out;
	if (held)
		ca_forget_soon(ca);
	if (before == NULL || strcmp(before, after) != 0)
		if ((r = ca_store_node_put(ca->store, n)) == BASE_OK)
			r = record(ca, "node", n->name, before, after, by);
out:
	free(before);
	free(after);
	return r;
}

enum base_err
ca_change_node_drop(struct ca *ca, const char *name, const char *by)
{
	struct ca_node old;
	char *before;
	enum base_err r;

	if ((r = ca_recover_keeps_removal(ca, "node", name)) != BASE_OK ||
	    (r = ca_store_node_get(ca->store, name, &old)) != BASE_OK)
		return r;
	if ((r = ca_store_node_delete(ca->store, name)) == BASE_E_EXISTS)
		return base_fail(BASE_E_STATE,
		    "node %s: has links; kedge link remove them first", name);
	if (r != BASE_OK)
		return r;
	before = node_text(&old);
	r = record(ca, "node", name, before, NULL, by);
	free(before);
	return r;
}

/* ---- links ---------------------------------------------------------------------- */

/* Of the store as it was before this transaction. */
static const struct ca_link *
link_old(const struct ca *ca, const struct ca_link *l)
{
	return ca_topo_link(ca->topo, l->client, l->server);
}

static bool
link_rolls(struct ca *ca, const struct ca_link *l)
{
	return ca_roll_of(ca, l->server_root) != NULL ||
	    (l->client_root[0] != '\0' &&
		ca_roll_of(ca, l->client_root) != NULL);
}

/* Which of its names is not there; the store knows only that one is not. */
static enum base_err
link_names(struct ca *ca, const struct ca_link *l)
{
	struct ca_node n;
	struct ca_root root;
	const char *const nodes[] = { l->client, l->server };
	const char *const roots[] = { l->server_root, l->client_root };

	for (int i = 0; i < 2; i++)
		if (ca_store_node_get(ca->store, nodes[i], &n) != BASE_OK)
			return base_fail(BASE_E_NOTFOUND,
			    "link %s>%s: there is no node %s; kedge node add "
			    "it first",
			    l->client, l->server, nodes[i]);
	for (int i = 0; i < 2; i++)
		if (roots[i][0] != '\0' &&
		    ca_store_root_get(ca->store, roots[i], &root) != BASE_OK)
			return base_fail(BASE_E_NOTFOUND,
			    "link %s>%s: there is no root %s; kedge root add "
			    "it first",
			    l->client, l->server, roots[i]);
	return BASE_OK;
}

enum base_err
ca_change_link(struct ca *ca, const struct ca_link *l, const char *by)
{
	const struct ca_link *old = link_old(ca, l);
	char name[2 * CA_NAME + 2], before[CA_LINK_TEXT], after[CA_LINK_TEXT];
	enum base_err r;

	snprintf(name, sizeof(name), "%s>%s", l->client, l->server);
	ca_link_text(l, after);
	if (old != NULL)
		ca_link_text(old, before);
	if (old != NULL && strcmp(before, after) == 0)
		return BASE_OK;
	if ((r = link_names(ca, l)) != BASE_OK ||
	    (old != NULL &&
		(r = ca_store_gone_put(ca->store, old, false)) != BASE_OK) ||
	    (r = ca_store_link_put(ca->store, l)) != BASE_OK)
		return r;
	return record(ca, "link", name, old == NULL ? NULL : before, after, by);
}

enum base_err
ca_change_link_drop(struct ca *ca, const struct ca_link *l, const char *reason,
    const char *by)
{
	char name[2 * CA_NAME + 2], before[CA_LINK_TEXT];
	const bool said = reason[0] != '\0' && link_rolls(ca, l);
	enum base_err r;

	snprintf(name, sizeof(name), "%s>%s", l->client, l->server);
	if ((r = ca_recover_keeps_removal(ca, "link", name)) != BASE_OK ||
	    (r = ca_store_gone_put(ca->store, l, said)) != BASE_OK ||
	    (r = ca_store_link_delete(ca->store, l->client, l->server)) !=
		BASE_OK)
		return r;
	ca_link_text(l, before);
	return record(ca, "link", name, before, NULL,
	    reason[0] != '\0' ? reason : by);
}

/* ---- roots ---------------------------------------------------------------------- */

enum base_err
ca_change_root_drop(struct ca *ca, const struct ca_root *root, const char *by)
{
	char before[64];
	enum base_err r;

	if ((r = ca_store_root_delete(ca->store, root->name)) != BASE_OK)
		return r;
	snprintf(before, sizeof(before), "at generation %u", root->current);
	return record(ca, "root", root->name, before, NULL, by);
}
