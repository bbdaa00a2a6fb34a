/*
 * ca/fleet: changes of roots, nodes and links, whoever asks for them. What
 * comes out is looked at as a whole before it is committed: a sound graph, a
 * path to every node, a link to every relay, and, while a root rolls, no link
 * on which somebody could fail. The running roll's engine judges that, made
 * anew on the graph that is to be.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/node.h"

/* ---- links while a root rolls ------------------------------------------------- */

static bool
has_link(const struct ca_topo *t, const struct ca_link *l)
{
	const struct ca_link *b = ca_topo_link(t, l->client, l->server);

	return b != NULL && strcmp(l->client_root, b->client_root) == 0 &&
	    strcmp(l->server_root, b->server_root) == 0;
}

static bool
has_part(const struct ca_topo *t, const char *root, const char *node)
{
	uint32_t i = ca_topo_node(t, node);

	return i != POL_NONE && ca_topo_steps(t, ca_topo_root(t, root), i) != 0;
}

/* A chain that bridges already is not judged as one that does not. */
static const char *
flag_changed(const struct ca_node *a, const struct ca_node *b)
{
	return a->dual != b->dual      ? "dual"
	    : a->shallow != b->shallow ? "shallow"
				       : NULL;
}

static enum base_err
check_flags(const struct ca_topo *old, const struct ca_topo *new,
    const char *root)
{
	for (size_t i = 0; i < old->nnodes; i++) {
		const struct ca_node *n = &old->nodes[i];
		uint32_t k = ca_topo_node(new, n->name);
		const char *flag =
		    k == POL_NONE ? NULL : flag_changed(n, &new->nodes[k]);

		if (flag != NULL && strcmp(root, CA_MANAGEMENT) != 0 &&
		    has_part(old, root, n->name))
			return base_fail(BASE_E_OUTAGE,
			    "node %s: root %s rolls just now; change %s when "
			    "the roll is done",
			    n->name, root, flag);
	}
	return BASE_OK;
}

static const char *
name_of(const void *topo, uint32_t node)
{
	const struct ca_topo *t = topo;

	return node < t->nparts ? t->nodes[node].name : "?";
}

/* Nobody knows yet what one end holds. Who never held anything under the
 * root uses no such link; he is given what suits it when he joins. */
static enum base_err
check_unknown(struct ca *ca, const char *node, const char *root)
{
	struct ca_holding h;
	enum base_err r = ca_holding_get(ca->store, node, root, &h);

	if (r == BASE_OK && (h.known || h.lost || h.steps != 0))
		return base_fail(BASE_E_OUTAGE,
		    "node %s: root %s rolls just now, and the node has not "
		    "reported yet what it holds; ask again when it has, or "
		    "when it is excused (kedge roll excuse)",
		    node, root);
	return r;
}

static enum base_err
check_allowed(struct ca *ca, const struct ca_topo *t, const struct ca_roll *w,
    const struct pol_link *p)
{
	struct pol_why why;
	char text[512];

	if (pol_engine_link_allowed(w->engine, p, &why) == POL_OK)
		return BASE_OK;
	if (strcmp(why.rule, "known") == 0)
		return check_unknown(ca, name_of(t, why.node), w->row.root);
	(void)pol_why_text(&why, name_of, t, text, sizeof(text));
	return base_fail(BASE_E_OUTAGE, "root %s rolls just now: %s",
	    w->row.root, text);
}

static enum base_err
check_link(struct ca *ca, const struct ca_topo *t, const struct ca_roll *w,
    const struct ca_link *l)
{
	struct pol_link p = { ca_topo_node(t, l->client),
		ca_topo_node(t, l->server), POL_NONE,
		ca_topo_root(t, l->server_root) };

	if (l->client_root[0] != '\0')
		p.client_root = ca_topo_root(t, l->client_root);
	return check_allowed(ca, t, w, &p);
}

static bool
has_hello(const struct ca_topo *t, const char *verifier, const char *presenter)
{
	for (size_t i = 0; i < t->nhellos; i++)
		if (strcmp(t->nodes[t->hellos[i].verifier].name, verifier) ==
			0 &&
		    strcmp(t->nodes[t->hellos[i].presenter].name, presenter) ==
			0)
			return true;
	return false;
}

/* Another relay is another verifier of hellos. */
static enum base_err
check_hellos(struct ca *ca, const struct ca_topo *t, const struct ca_roll *w)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < t->nhellos; i++) {
		const struct ca_hello *h = &t->hellos[i];

		if (!has_hello(ca->topo, t->nodes[h->verifier].name,
			t->nodes[h->presenter].name))
			r = check_allowed(ca, t, w,
			    &(struct pol_link){ h->verifier, h->presenter,
				POL_NONE, 0 });
	}
	return r;
}

/* Facts of those who enter the roll by this change; they stay in the store
 * when the change does. */
static enum base_err
enter_roll(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row)
{
	enum base_err r = BASE_OK;

	for (uint32_t i = 0; r == BASE_OK && i < t->nnodes; i++)
		if (has_part(t, row->root, t->nodes[i].name) &&
		    !has_part(ca->topo, row->root, t->nodes[i].name))
			r = ca_roll_enter(ca, t, row, i);
	return r;
}

/* kedge-hsmd goes on judging by a link that is gone, unless the operator says
 * that it shall not: what is on record there as an excuse is asked for here. */
static enum base_err
check_gone(struct ca *ca, const struct ca_topo *new, const char *root)
{
	enum base_err r = BASE_OK;

	for (size_t i = 0; r == BASE_OK && i < ca->topo->nlinks; i++) {
		const struct ca_link *l = &ca->topo->links[i];
		bool said;

		if ((strcmp(l->client_root, root) != 0 &&
			strcmp(l->server_root, root) != 0) ||
		    has_link(new, l))
			continue;
		r = ca_store_gone_said(ca->store, l, &said);
		if (r == BASE_OK && !said)
			r = base_fail(BASE_E_OUTAGE,
			    "link %s>%s: root %s rolls just now, and the roll "
			    "is judged by this link; take it away when the "
			    "roll is done, or at once and on record: kedge "
			    "link remove --reason TEXT %s %s",
			    l->client, l->server, root, l->client, l->server);
	}
	return r;
}

static enum base_err
check_roll(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row)
{
	struct ca_roll *w = NULL;
	enum base_err r;

	if (ca_topo_root(t, row->root) == POL_NONE)
		return base_fail(BASE_E_OUTAGE,
		    "root %s: rolls just now; remove it when the roll is done",
		    row->root);
	if ((r = check_flags(ca->topo, t, row->root)) != BASE_OK ||
	    (r = check_gone(ca, t, row->root)) != BASE_OK ||
	    (r = enter_roll(ca, t, row)) != BASE_OK ||
	    (r = ca_roll_make(ca, t, row, &w)) != BASE_OK)
		goto out;
	if (strcmp(row->root, CA_MANAGEMENT) == 0) {
		r = check_hellos(ca, t, w);
		goto out;
	}
	for (size_t i = 0; r == BASE_OK && i < t->nlinks; i++)
		if (!has_link(ca->topo, &t->links[i]))
			r = check_link(ca, t, w, &t->links[i]);
out:
	ca_roll_free(w);
	return r;
}

/* ---- the fleet as a whole ------------------------------------------------------- */

static enum base_err
check_links(const struct ca_topo *t)
{
	for (size_t i = 0; i < t->nlinks; i++)
		if (strcmp(t->links[i].server_root, CA_MANAGEMENT) == 0 ||
		    strcmp(t->links[i].client_root, CA_MANAGEMENT) == 0)
			return base_fail(BASE_E_REFUSED,
			    "link %s>%s: root management is the CA's own and "
			    "carries no links; take another",
			    t->links[i].client, t->links[i].server);
	return BASE_OK;
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

/* Was there, and as bad as now: links come after their nodes. */
static bool
via_was_bad(const struct ca_topo *old, const struct ca_node *n, size_t v)
{
	uint32_t i = ca_topo_node(old, n->name);

	if (i == POL_NONE)
		return true;
	for (size_t k = 0; k < old->nodes[i].nvia; k++)
		if (strcmp(old->nodes[i].via[k], n->via[v]) == 0)
			return ca_topo_check_via(old, i, k) != BASE_OK;
	return false;
}

/* No change takes the link from under a relay, but with the last one a node
 * leaves. */
static enum base_err
check_relays(const struct ca_topo *old, const struct ca_topo *new)
{
	for (uint32_t i = 0; i < new->nnodes; i++)
		for (size_t v = 0; v < new->nodes[i].nvia; v++)
			if (ca_topo_check_via(new, i, v) != BASE_OK &&
			    !via_was_bad(old, &new->nodes[i], v) &&
			    has_links(new, new->nodes[i].name))
				return ca_topo_check_via(new, i, v);
	return BASE_OK;
}

static enum base_err
check_whole(struct ca *ca)
{
	struct ca_topo *t = NULL;
	enum base_err r;

	if ((r = ca_topo_load(ca->store, &t)) != BASE_OK)
		return r;
	for (uint32_t i = 0; r == BASE_OK && i < t->nnodes; i++)
		if ((r = ca_node_name_check(t->nodes[i].name)) == BASE_OK)
			r = ca_topo_check_way(t, i);
	if (r == BASE_OK)
		r = check_links(t);
	for (const struct ca_roll *w = ca->rolls; r == BASE_OK && w != NULL;
	     w = w->next)
		r = check_roll(ca, t, &w->row);
	if (r == BASE_OK)
		r = check_relays(ca->topo, t);
	ca_topo_free(t);
	return r;
}

static enum base_err
change_store(struct ca *ca, ca_change_fn *change, void *arg, bool keep)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = change(ca, arg)) == BASE_OK &&
	    (r = check_whole(ca)) == BASE_OK && keep)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

enum base_err
ca_fleet_try(struct ca *ca, ca_change_fn *change, void *arg)
{
	return change_store(ca, change, arg, false);
}

enum base_err
ca_fleet_change(struct ca *ca, ca_change_fn *change, void *arg)
{
	enum base_err r = change_store(ca, change, arg, true);

	if (r == BASE_OK)
		r = ca_reload_topo(ca);
	ca_kick(ca);
	return r;
}

/* ---- roots ------------------------------------------------------------------------ */

enum base_err
ca_fleet_root_put(struct ca *ca, const char *name, enum wire_alg alg,
    uint32_t days)
{
	struct ca_root row = { .alg = alg, .days = days, .current = 1 };
	enum base_err r;

	if (!base_name_is_valid(name))
		return base_fail(BASE_E_USAGE,
		    "root \"%s\": is no name; use 1 to %d of a-z, 0-9, \".\" "
		    "and \"-\", first and last a letter or digit",
		    name, BASE_NAME_MAX);
	if (ca_topo_root(ca->topo, name) != POL_NONE)
		return BASE_OK;
	snprintf(row.name, sizeof(row.name), "%s", name);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_root_put(ca->store, &row)) == BASE_OK &&
	    (r = ca_audit(ca, ca_who(ca), "root", "%s added", name)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r == BASE_OK ? ca_reload_topo(ca) : r;
}
