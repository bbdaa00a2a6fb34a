/*
 * ca/control_recover: the commands `recover-status`, `recover-start` and
 * `recover-excuse`: what a recovery waits for, one that the operator begins
 * though nothing shows an old copy, and a node that will not answer. Fields
 * are in docs/control.md.
 */
#include <string.h>

#include "ca/control.h"
#include "ca/recover.h"

/* ---- what is known, who is waited for --------------------------------------- */

static const char *
stage_word(const struct ca *ca)
{
	if (ca->unchecked)
		return "unchecked";
	if (ca->recovery.wanted)
		return "recall";
	switch (ca->recovery.stage) {
	case CA_RECOVERY_NONE:
		break;
	case CA_RECOVERY_RECALL:
		return "recall";
	case CA_RECOVERY_ASK:
		return "ask";
	}
	return "none";
}

/* The last question, if it was one. */
static enum base_err
json_asked(struct ca *ca, json_t *o, const char *node, const char *root)
{
	struct ca_order last = { .epoch = 0 };
	uint64_t epoch;
	enum base_err r = ca_store_epoch_last(ca->store, node, root, &epoch);

	if (r == BASE_OK && epoch != 0)
		r = ca_store_order_get(ca->store, node, root, epoch, &last);
	if (r == BASE_OK && epoch != 0 && last.steps == 0) {
		json_object_set_new(o, "asked", ca_json_time(last.issued));
		json_object_set_new(o, "state",
		    json_string(ca_order_state_name(last.state)));
		json_object_set_new(o, "reason", json_string(last.reason));
	}
	ca_order_clear(&last);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

static enum base_err
missing_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	const struct ca_node *n = &ca->topo->nodes[node];
	const char *name = ca->topo->roots[root].name;
	json_t *o;
	bool lost;
	enum base_err r = ca_part_is_lost(ca, node, root, &lost);

	if (r != BASE_OK || !lost)
		return r;
	o = json_pack("{ss, ss, so, sn, ss, ss}", "node", n->name, "root", name,
	    "heard", ca_json_time(n->seen), "asked", "state", "none", "reason",
	    "");
	json_array_append_new(arg, o);
	return json_asked(ca, o, n->name, name);
}

/* Rolls that were begun anew, and wait for the operator's word. */
static json_t *
json_made(struct ca *ca)
{
	json_t *list = json_array();

	for (const struct ca_roll *w = ca->rolls; w != NULL; w = w->next)
		if (w->row.state == CA_ROLL_PAUSED &&
		    ca_recover_made(ca, w->row.id))
			json_array_append_new(list, json_string(w->row.root));
	return list;
}

/* Nodes that left, of which kedge-hsmd says otherwise. */
static enum base_err
json_removed(struct ca *ca, json_t *list)
{
	char name[CA_NAME] = "";
	enum base_err r;

	while ((r = ca_store_gone_held(ca->store, name, name)) == BASE_OK &&
	    name[0] != '\0')
		json_array_append_new(list, json_string(name));
	return r;
}

static enum base_err
json_recovery(struct ca *ca, json_t **answer)
{
	const struct ca_recovery *v = &ca->recovery;
	const bool on = v->stage != CA_RECOVERY_NONE || v->wanted;
	const struct base_time since = { on ? v->since.ms : 0 };
	json_t *missing = json_array(), *removed = json_array();
	struct ca_recovery_count n;
	enum base_err r;

	if ((r = ca_recover_count(ca, &n)) != BASE_OK ||
	    (r = ca_each_part(ca, missing_part, missing)) != BASE_OK ||
	    (r = json_removed(ca, removed)) != BASE_OK) {
		json_decref(missing);
		json_decref(removed);
		return r;
	}
	*answer = json_pack("{ss, so, ss, ss, si, si, so, so, so}", "stage",
	    stage_word(ca), "since", ca_json_time(since), "why",
	    on ? v->why : "", "trouble", v->trouble, "nodes", (int)n.nodes,
	    "answered", (int)(n.nodes - n.lost), "missing", missing, "made",
	    json_made(ca), "removed", removed);
	return BASE_OK;
}

enum base_err
ca_control_recover_status(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd;
	enum base_err r = ca_unpack(q, "{s:s}", "cmd", &cmd);

	return r != BASE_OK ? r : json_recovery(ca_session_ca(s), answer);
}

/* ---- the operator's words ------------------------------------------------------ */

/* It is kept whole, or not taken: cut anywhere it may end inside a
 * character. */
static enum base_err
want(struct ca *ca, const char *who, const char *reason)
{
	char why[CA_RECOVERY_WHY];
	const int n =
	    snprintf(why, sizeof(why), "by the word of %s: %s", who, reason);

	if (n < 0 || (size_t)n >= sizeof(why))
		return base_fail(BASE_E_USAGE,
		    "recovery: the reason is longer than there is room for, "
		    "by %d bytes; say it in fewer words",
		    n - (int)sizeof(why) + 1);
	return ca_recover_want(ca, "%s", why);
}

enum base_err
ca_control_recover_start(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *reason;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s}", "cmd", &cmd, "reason", &reason)) !=
	    BASE_OK)
		return r;
	if (reason[0] == '\0')
		return base_fail(BASE_E_USAGE,
		    "recovery: needs a reason; it goes into the audit");
	if (!ca->ready || ca->unchecked)
		return base_fail(BASE_E_STATE, "recovery: %s",
		    ca->ready ? "kedge-hsmd is asked just now whether one is "
				"due"
			      : "there is nothing yet; kedge init first");
	if (ca->recovery.stage != CA_RECOVERY_NONE || ca->recovery.wanted)
		return base_fail(BASE_E_STATE,
		    "recovery: one is under way; see kedge recover status");
	if ((r = want(ca, ca_session_who(s), reason)) != BASE_OK)
		return r;
	return json_recovery(ca, answer);
}

enum base_err
ca_control_recover_excuse(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca_word w = { .root = "", .who = ca_session_who(s) };
	struct ca *ca = ca_session_ca(s);
	const char *cmd;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s:s}", "cmd", &cmd, "node", &w.node,
		 "reason", &w.reason)) != BASE_OK ||
	    (r = ca_recover_excuse(ca, &w)) != BASE_OK)
		return r;
	return json_recovery(ca, answer);
}
