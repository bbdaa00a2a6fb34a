/*
 * ca/control_trigger: what sets rolls off: the schedule of a root, and one
 * word for all roots. Fields are in docs/control.md.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"

enum base_err
ca_control_strategy(const char *word, enum pol_strategy *out)
{
	if (!pol_strategy_parse(word, out))
		return base_fail(BASE_E_USAGE,
		    "strategy %s: is minimal, "
		    "layered, sequential, merged, bundled or compact",
		    word);
	return BASE_OK;
}

/* ---- root-set ------------------------------------------------------------------ */

static enum base_err
root_store(struct ca *ca, const struct ca_root *root, const char *who)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_root_put(ca->store, root)) == BASE_OK &&
	    (r = ca_audit(ca, who, "root",
		 "%s: rolls by itself %u days before its end, %s", root->name,
		 root->roll_before, pol_strategy_name(root->strategy))) ==
		BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

/* A schedule as long as the root's life would never come to rest. */
static enum base_err
root_change(struct ca_root *root, json_int_t before, const char *word)
{
	if (before < 0 || before >= root->days)
		return base_fail(BASE_E_RANGE,
		    "root %s: --roll-before: 0 (off) to %u days; the root is "
		    "made for %u",
		    root->name, root->days - 1, root->days);
	root->roll_before = (uint32_t)before;
	return word == NULL ? BASE_OK
			    : ca_control_strategy(word, &root->strategy);
}

enum base_err
ca_control_root_set(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *name, *word = NULL;
	struct ca_root root;
	json_int_t before = -1;
	uint32_t at;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?I, s?s}", "cmd", &cmd, "root",
		 &name, "roll_before", &before, "roll_strategy", &word)) !=
		BASE_OK ||
	    (r = ca_store_root_get(ca->store, name, &root)) != BASE_OK)
		return r;
	if (json_object_get(q, "roll_before") == NULL)
		before = root.roll_before;
	if ((r = root_change(&root, before, word)) != BASE_OK ||
	    (r = root_store(ca, &root, ca_session_who(s))) != BASE_OK)
		return r;
	if ((at = ca_topo_root(ca->topo, name)) != POL_NONE) {
		ca->topo->roots[at].roll_before = root.roll_before;
		ca->topo->roots[at].strategy = root.strategy;
	}
	ca->schedule_next.ms = 0;
	ca_kick(ca);
	return ca_json_root(ca, &root, false, answer);
}

/* ---- roll-start with all --------------------------------------------------------- */

/* Lives until every root has its answer. */
struct all {
	struct ca_session *s;
	json_t *started, *others;
	size_t waiting;
};

struct one {
	struct all *all;
	char root[CA_NAME];
};

static void
all_end(struct all *a)
{
	enum base_err e = BASE_OK;
	json_t *answer;

	if (--a->waiting > 0)
		return;
	answer = json_pack("{sO, sO}", "started", a->started, "not_started",
	    a->others);
	if (json_array_size(a->started) == 0) {
		const char *root = NULL, *reason = NULL;

		(void)json_unpack(json_array_get(a->others, 0), "{s:s, s:s}",
		    "root", &root, "reason", &reason);
		e = base_fail(BASE_E_STATE, "no root can roll now: %s: %s",
		    root != NULL ? root : "there is none",
		    reason != NULL ? reason : "kedge root add makes one");
	}
	json_decref(a->started);
	json_decref(a->others);
	ca_session_answer(a->s, e, answer);
	free(a);
}

static void
all_not(struct all *a, const char *root, json_t *problems)
{
	const char *first = json_string_value(json_array_get(problems, 0));

	json_array_append_new(a->others,
	    json_pack("{ss, ss, sO}", "root", root, "reason",
		first != NULL ? first : base_why(), "problems", problems));
}

static void
all_yes(struct all *a, const char *root, uint64_t roll, uint32_t from,
    uint32_t to)
{
	json_array_append_new(a->started,
	    json_pack("{ss, sI, si, si}", "root", root, "roll",
		(json_int_t)roll, "from", (int)from, "to", (int)to));
}

static void
one_started(void *arg, enum base_err e, const struct ca_roll_row *row)
{
	struct one *o = arg;
	json_t *none = json_array();

	if (e == BASE_OK)
		all_yes(o->all, o->root, row->id, row->from, row->to);
	else
		all_not(o->all, o->root, none);
	json_decref(none);
	all_end(o->all);
	free(o);
}

static void
one_start(struct ca *ca, struct all *a, const struct ca_root *root,
    const struct ca_roll_row *want)
{
	struct ca_roll_row w = *want;
	struct one *o = base_alloc(sizeof(*o));

	o->all = a;
	memcpy(o->root, root->name, sizeof(o->root));
	memcpy(w.root, root->name, sizeof(w.root));
	a->waiting++;
	ca_roll_start(ca, &w, one_started, o);
}

void
ca_control_roll_start_all(struct ca_session *s, const struct ca_roll_row *want,
    bool dry)
{
	struct ca *ca = ca_session_ca(s);
	struct all *a = base_alloc(sizeof(*a));

	*a = (struct all){ s, json_array(), json_array(), 1 };
	ca_session_hold(s);
	for (size_t i = 0; i < ca->topo->nroots; i++) {
		/* a start from inside may load the topology anew */
		const struct ca_root root = ca->topo->roots[i];
		json_t *problems;

		/* the way to the nodes is rolled by its own name */
		if (strcmp(root.name, CA_MANAGEMENT) == 0)
			continue;
		problems = json_array();
		if (ca_roll_check(ca, root.name, problems) != BASE_OK ||
		    json_array_size(problems) > 0)
			all_not(a, root.name, problems);
		else if (dry)
			all_yes(a, root.name, 0, root.current,
			    root.current + 1);
		else
			one_start(ca, a, &root, want);
		json_decref(problems);
	}
	all_end(a);
}
