/*
 * ca/control_unsafe: the command `unsafe`, and the same list in the answers
 * about a node and about a roll. Fields are in docs/control.md.
 */
#include <string.h>

#include "ca/control.h"

struct unsafe_list {
	const char *node, *root; /* NULL: any */
	json_t *list;
};

static enum base_err
unsafe_add(void *arg, const struct ca_unsafe *u)
{
	struct unsafe_list *l = arg;

	if ((l->node != NULL && strcmp(l->node, u->leaf.node) != 0) ||
	    (l->root != NULL && strcmp(l->root, u->leaf.root) != 0))
		return BASE_OK;
	json_array_append_new(l->list,
	    json_pack("{ss, ss, si, so, sb, ss, si, so, si, ss}", "node",
		u->leaf.node, "root", u->leaf.root, "generation",
		(int)u->leaf.gen, "not_after", ca_json_time(u->leaf.not_after),
		"expired", (int)u->expired, "state", ca_renew_name(u->state),
		"failures", (int)u->failures, "since", ca_json_time(u->since),
		"peers", (int)u->peers, "text", u->text));
	return BASE_OK;
}

enum base_err
ca_json_unsafe(struct ca *ca, const char *node, const char *root, json_t *o)
{
	struct unsafe_list l = { node, root, json_array() };
	enum base_err r = ca_certs_unsafe(ca, unsafe_add, &l);

	json_object_set_new(o, "unsafe", l.list);
	return r;
}

enum base_err
ca_control_unsafe(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *root = NULL;
	enum base_err r =
	    ca_unpack(q, "{s:s, s?s}", "cmd", &cmd, "root", &root);

	if (r != BASE_OK)
		return r;
	*answer = json_object();
	if ((r = ca_json_unsafe(ca, NULL, root, *answer)) == BASE_OK &&
	    root != NULL)
		r = ca_json_excuses(ca, root, *answer);
	return r;
}
