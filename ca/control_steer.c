/*
 * ca/control_steer: the operator changes his mind about a roll that runs:
 * abort, and a word about one node. Fields are in docs/control.md.
 */
#include <string.h>

#include "ca/control.h"
#include "ca/excuses.h"

static enum base_err
roll_now(struct ca *ca, const char *root, json_t **answer)
{
	const struct ca_roll *w = ca_roll_of(ca, root);

	if (w != NULL)
		return ca_json_roll(ca, &w->row, answer);
	*answer = json_object(); /* a node returned to generation 1 */
	return BASE_OK;
}

enum base_err
ca_control_roll_abort(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	struct ca_roll_abort a = { .reason = "", .who = ca_session_who(s) };
	const char *cmd;
	int late = 0, stolen = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?s, s?b, s?b}", "cmd", &cmd, "root",
		 &a.root, "reason", &a.reason, "after_finish", &late,
		 "to_compromised", &stolen)) != BASE_OK)
		return r;
	a.late = late != 0;
	a.compromised = stolen != 0;
	if ((r = ca_roll_abort(ca, &a)) != BASE_OK)
		return r;
	return roll_now(ca, a.root, answer);
}

/* ---- one node ---------------------------------------------------------------- */

typedef enum base_err say_fn(struct ca *ca, const struct ca_word *w);

static enum base_err
say(struct ca_session *s, json_t *q, json_t **answer, say_fn *fn)
{
	struct ca_word w = { .reason = "", .who = ca_session_who(s) };
	struct ca *ca = ca_session_ca(s);
	const char *cmd;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s:s, s?s}", "cmd", &cmd, "root",
		 &w.root, "node", &w.node, "reason", &w.reason)) != BASE_OK ||
	    (r = fn(ca, &w)) != BASE_OK)
		return r;
	return roll_now(ca, w.root, answer);
}

enum base_err
ca_control_roll_hold(struct ca_session *s, json_t *q, json_t **answer)
{
	return say(s, q, answer, ca_roll_hold);
}

enum base_err
ca_control_roll_release(struct ca_session *s, json_t *q, json_t **answer)
{
	return say(s, q, answer, ca_roll_release);
}

enum base_err
ca_control_roll_excuse(struct ca_session *s, json_t *q, json_t **answer)
{
	return say(s, q, answer, ca_roll_excuse);
}

enum base_err
ca_control_roll_return(struct ca_session *s, json_t *q, json_t **answer)
{
	return say(s, q, answer, ca_roll_return);
}

/* ---- what an excuse costs ------------------------------------------------------ */

/* The excused node verifies a server that serves NewWithOld beside its new
 * certificate: that carries it as long as the server serves it. Nothing
 * carries a certificate that others have forgotten the root of. */
static void
suffers(json_t *list, const char *node, const struct ca_link *l,
    const char *root)
{
	const bool is_client = strcmp(l->client, node) == 0;
	const char *peer = is_client ? l->server : l->client;
	char text[512];

	if (is_client && strcmp(l->server_root, root) == 0) {
		snprintf(text, sizeof(text),
		    "%s accepts %s by the NewWithOld that it serves, until "
		    "that has finished",
		    node, peer);
		json_array_append_new(list, json_string(text));
	}
	if (!is_client && strcmp(l->client_root, root) == 0) {
		snprintf(text, sizeof(text),
		    "%s refuses %s from its new certificate on, unless that "
		    "is dual",
		    node, peer);
		json_array_append_new(list, json_string(text));
	}
	if (strcmp(is_client ? l->client_root : l->server_root, root) == 0) {
		snprintf(text, sizeof(text),
		    "%s refuses %s from its finish on; nothing carries that",
		    peer, node);
		json_array_append_new(list, json_string(text));
	}
}

static json_t *
excused_json(const struct ca *ca, const char *name, const char *root)
{
	json_t *links = json_array();

	for (size_t k = 0; k < ca->topo->nlinks; k++) {
		const struct ca_link *l = &ca->topo->links[k];

		if (strcmp(l->client, name) == 0 ||
		    strcmp(l->server, name) == 0)
			suffers(links, name, l, root);
	}
	return json_pack("{ss, so}", "node", name, "suffers", links);
}

json_t *
ca_json_excused(const struct ca *ca, const struct ca_roll *w)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < ca->topo->nparts; i++)
		if (pol_engine_is_excused(w->engine, i))
			json_array_append_new(list,
			    excused_json(ca, ca->topo->nodes[i].name,
				w->row.root));
	return list;
}

/* An excuse outlives its roll: also of a root that does not roll just now. */
enum base_err
ca_json_excuses(struct ca *ca, const char *root, json_t *o)
{
	struct ca_excuses *all = NULL;
	json_t *list = json_array();
	enum base_err r = ca_excuses_load(ca, &all);

	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nparts; i++)
		if (ca_excuses_has(all, i, root))
			json_array_append_new(list,
			    excused_json(ca, ca->topo->nodes[i].name, root));
	json_object_set_new(o, "excused", list);
	ca_excuses_free(all);
	return r;
}
