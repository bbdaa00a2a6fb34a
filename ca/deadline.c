/*
 * ca/deadline: a roll of a stolen key waits for nobody for ever. From its
 * deadline on each node that the operator listed for it and that is in the way
 * is excused: just its directions are cut. Where kedge-hsmd has approvers it is
 * asked first what they have approved, and a node of which something is missing
 * is waited for, with that as the reason; kedge-hsmd judges by its own table in
 * any case. Who is not on the list is never cut.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"
#include "ca/recover.h"

#define LOOK_MS 60000 /* how soon a clock that was set is noticed */

void
ca_deadline_text(const struct ca_roll_row *row, char out[CA_DEADLINE_TEXT])
{
	char at[BASE_RFC3339_LEN];

	out[0] = '\0';
	if (row->deadline.ms == 0)
		return;
	base_time_format(row->deadline, at);
	snprintf(out, CA_DEADLINE_TEXT, "; from %s on %s may be cut", at,
	    row->cut[0] == '\0' ? "nobody" : row->cut);
}

enum base_err
ca_deadline_set(struct ca *ca, const struct ca_roll_row *want, const char *who)
{
	struct ca_roll *w = ca_roll_of(ca, want->root);
	char text[CA_DEADLINE_TEXT];
	struct ca_roll_row next;
	enum base_err r;

	if (w == NULL || !w->row.compromised)
		return base_fail(BASE_E_STATE,
		    "root %s: does not roll because of a stolen key: a "
		    "deadline cuts nothing else",
		    want->root);
	next = w->row;
	if (want->deadline.ms != 0) {
		next.deadline = want->deadline;
		memcpy(next.cut, want->cut, sizeof(next.cut));
	}
	if (want->kicks != 0)
		next.kicks = want->kicks;
	next.say_again = false;
	ca_deadline_text(&next, text);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_roll_deadline(ca->store, &next)) == BASE_OK &&
	    (r = ca_audit(ca, who, "roll",
		 "%llu of root %s: %u kicks at once%s",
		 (unsigned long long)next.id, next.root, next.kicks, text)) ==
		BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	/* w is gone after this: the engine is made anew from its facts */
	if ((r = ca_roll_reopen(ca)) != BASE_OK)
		base_die("roll: %s", base_why());
	base_log(BASE_WARNING, "roll %s: deadline%s", next.root, text);
	ca_kick(ca);
	return BASE_OK;
}

enum base_err
ca_deadline_void(struct ca *ca, const struct ca_roll_row *old)
{
	struct ca_roll_row row = *old;
	char text[CA_DEADLINE_TEXT];
	enum base_err r;

	ca_deadline_text(old, text);
	row.deadline.ms = 0;
	row.cut[0] = '\0';
	row.say_again = true;
	if ((r = ca_store_roll_deadline(ca->store, &row)) != BASE_OK)
		return r;
	return ca_audit(ca, CA_NODE_CA, "recovery",
	    "roll %llu of root %s: its deadline, who may be cut, and how many "
	    "are kicked at once, are to be said again; the copy has %u kicks%s",
	    (unsigned long long)row.id, row.root, row.kicks, text);
}

/* ---- when ---------------------------------------------------------------------- */

static bool
is_set(const struct ca_roll *w)
{
	return w->row.deadline.ms != 0 && w->row.compromised &&
	    w->row.from < w->row.to && w->row.state == CA_ROLL_RUNNING;
}

/* Asked again wherever time has passed: the operator may have said otherwise
 * since. */
static bool
is_due(struct ca *ca, const struct ca_roll *w)
{
	ca_listen_clock(ca);
	return is_set(w) && w->row.deadline.ms <= ca_now(ca).ms &&
	    ca_listen_left(ca) == 0 && !ca->unchecked && !ca->recovery.wanted &&
	    ca->recovery.stage == CA_RECOVERY_NONE;
}

/* ---- who is in the way ------------------------------------------------------- */

static bool
is_done(const struct ca_roll *w, uint32_t node)
{
	for (uint32_t s = POL_TRUST; s <= POL_FINISH; s <<= 1) {
		enum pol_done d = pol_engine_step(w->engine, node, s);

		if (d != POL_STEP_NONE && d != POL_STEP_DONE)
			return false;
	}
	return true;
}

/* Some node waits, by this rule, for that one. */
static bool
is_waited_for(const struct ca *ca, const struct ca_roll *w, uint32_t node,
    const char *rule)
{
	for (uint32_t i = 0; i < ca->topo->nparts; i++) {
		struct pol_why why[4];
		size_t n = pol_engine_waits(w->engine, i, why, 4);

		for (size_t k = 0; k < n; k++)
			if (why[k].peer == node &&
			    strcmp(why[k].rule, rule) == 0)
				return true;
	}
	return false;
}

/* A node that is heard of is at work on its order, or will be. */
static bool
is_lost(struct ca *ca, const struct ca_roll *w, uint32_t node)
{
	if (!ca_is_silent(ca, node))
		return false;
	if (pol_engine_epoch(w->engine, node) != 0)
		return ca_is_unanswered(ca, w, node);
	return is_waited_for(ca, w, node, "known") ||
	    is_waited_for(ca, w, node, "fresh");
}

static bool
is_in_the_way(struct ca *ca, const struct ca_roll *w, uint32_t node)
{
	if (pol_engine_is_excused(w->engine, node) || is_done(w, node))
		return false;
	/* who was taken back may fail for a while, and be mended */
	if (ca->topo->nodes[node].returned.ms != 0)
		return is_lost(ca, w, node);
	return pol_engine_failures(w->engine, node) > 0 ||
	    ca_roll_is_held(ca, w, node) || is_lost(ca, w, node);
}

/* The first such from node on that is listed, or is not. */
static uint32_t
find(struct ca *ca, const struct ca_roll *w, bool listed, uint32_t node)
{
	for (; node < ca->topo->nnodes; node++)
		if (ca_topo_steps(ca->topo, w->root, node) != 0 &&
		    ca_roll_cut_has(&w->row, ca->topo->nodes[node].name) ==
			listed &&
		    is_in_the_way(ca, w, node))
			return node;
	return POL_NONE;
}

/* ---- what is approved --------------------------------------------------------- */

struct approved {
	struct wire_hsm_cuts list[WIRE_HSM_BATCH];
	size_t n;
	uint32_t need; /* 0: nobody approves */
};

static enum base_err
approved_read(const struct wire_hsm_answer *a, struct approved *out)
{
	enum base_err e = BASE_OK;

	for (size_t i = 0; e == BASE_OK && i < a->nitems; i++)
		if ((e = wire_hsm_cuts_parse(base_buf_span(&a->items[i].data),
			 &out->list[i])) == BASE_OK)
			out->n++;
	if (e == BASE_OK && out->n == 0)
		e = base_fail(BASE_E_SYNTAX,
		    "kedge-hsmd: says nothing of approvals");
	if (e == BASE_OK)
		out->need = out->list[0].need;
	return e;
}

static bool
has(const struct wire_hsm_cuts *l, const struct wire_hsm_cut *c)
{
	for (size_t i = 0; i < l->n; i++)
		if (memcmp(&l->cut[i], c, sizeof(*c)) == 0)
			return true;
	return false;
}

static bool
is_approved(const struct approved *v, const struct wire_hsm_cut *c,
    struct base_time now)
{
	if (v->need == 0)
		return true;
	for (size_t i = 1; i < v->n; i++)
		if (v->list[i].have >= v->need &&
		    v->list[i].start.ms <= now.ms && has(&v->list[i], c))
			return true;
	return false;
}

/* All its directions are; else the first that is not says why it waits. */
static bool
may_be_cut(struct ca *ca, struct ca_roll *w, uint32_t node,
    const struct approved *v)
{
	bool *out = base_alloc((ca->topo->nparts + 1) * sizeof(*out));
	struct wire_hsm_cuts cuts = { .n = 0 };
	bool may = true;

	out[node] = true;
	ca_cuts_of(ca, &w->row, out, &cuts);
	for (size_t i = 0; may && i < cuts.n; i++) {
		if ((may = is_approved(v, &cuts.cut[i], ca_now(ca))))
			continue;
		snprintf(w->cut_waits, sizeof(w->cut_waits),
		    "the deadline is over, and that %s refuses %s is not "
		    "approved (kedge roll cuts %s, kedge roll approve)",
		    cuts.cut[i].verifier, cuts.cut[i].presenter, w->row.root);
	}
	wire_hsm_cuts_clear(&cuts);
	free(out);
	return may;
}

/* ---- the cut ---------------------------------------------------------------- */

static void
cut(struct ca *ca, struct ca_roll *w, uint32_t node)
{
	char reason[128], at[BASE_RFC3339_LEN];
	const struct ca_word word = { w->row.root, ca->topo->nodes[node].name,
		reason, CA_NODE_CA };

	base_time_format(w->row.deadline, at);
	snprintf(reason, sizeof(reason),
	    "not reached by the deadline, %s, for which it was listed", at);
	if (ca_roll_excuse(ca, &word) == BASE_OK)
		return;
	snprintf(w->cut_waits, sizeof(w->cut_waits), "%s", base_why());
	base_log(BASE_ERR, "roll %s: %s", w->row.root, w->cut_waits);
}

struct cutting {
	struct ca *ca;
	uint64_t roll;
};

static void
cut_all(struct ca *ca, struct ca_roll *w, const struct approved *v)
{
	w->cut_waits[0] = '\0';
	for (uint32_t i = find(ca, w, true, 0); i != POL_NONE;
	     i = find(ca, w, true, i + 1))
		if (may_be_cut(ca, w, i, v))
			cut(ca, w, i);
}

static void
cut_asked(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct cutting *c = arg;
	struct ca *ca = c->ca;
	struct ca_roll *w = ca->rolls;
	struct approved *v = base_alloc(sizeof(*v));

	while (w != NULL && w->row.id != c->roll)
		w = w->next;
	if ((e = ca_hsm_heard(ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	if (e == BASE_OK)
		e = approved_read(a, v);
	if (w != NULL) {
		w->cutting = false;
		w->cut_next = ca_after(ca, ca->conf->retry_ms);
		if (e == BASE_OK && is_due(ca, w))
			cut_all(ca, w, v);
		else if (e != BASE_OK)
			snprintf(w->cut_waits, sizeof(w->cut_waits),
			    "the deadline is over: %s", base_why());
	}
	for (size_t i = 0; i < v->n; i++)
		wire_hsm_cuts_clear(&v->list[i]);
	free(v);
	free(c);
	ca_kick(ca);
}

static enum base_err
cut_ask(struct ca *ca, struct ca_roll *w)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_APPROVE };
	struct cutting *c = base_alloc(sizeof(*c));
	struct wire_hsm_ask ask = { &q, cut_asked, c };
	enum base_err r;

	c->ca = ca;
	c->roll = w->row.id;
	memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
	memcpy(q.key.root, w->row.root, sizeof(q.key.root));
	q.key.generation = ca_top_generation(ca, w->row.root);
	q.key.alg = WIRE_P256; /* a key's name, not its algorithm, is asked */
	w->cutting = true;
	if ((r = ca_hsm_ask(ca, &ask)) != BASE_OK) {
		w->cutting = false;
		free(c);
	}
	return r;
}

/* Somebody whom nobody may cut is waited for, and that is said. */
static void
say_unlisted(struct ca *ca, struct ca_roll *w)
{
	const uint32_t i = find(ca, w, false, 0);

	w->cut_waits[0] = '\0';
	if (i != POL_NONE)
		snprintf(w->cut_waits, sizeof(w->cut_waits),
		    "the deadline is over, and %s was not listed to be cut "
		    "(kedge roll start --compromised --deadline TIME --cut "
		    "NODE,... %s)",
		    ca->topo->nodes[i].name, w->row.root);
}

/* Who has an answer must have had the time to give it. */
static void
say_listening(struct ca *ca, struct ca_roll *w)
{
	const struct base_time until = { ca_now(ca).ms + ca_listen_left(ca) };
	char at[BASE_RFC3339_LEN];

	base_time_format(until, at);
	snprintf(w->cut_waits, sizeof(w->cut_waits),
	    "the deadline is over, and nobody is cut before %s: until then "
	    "kedged listens to who answers, since it has started or the clock "
	    "was set",
	    at);
}

static struct base_mono
roll_look(struct ca *ca, struct ca_roll *w)
{
	const int64_t left = w->row.deadline.ms - ca_now(ca).ms;

	if (!is_set(w) || w->cutting)
		return CA_NEVER;
	if (left > 0)
		return ca_after(ca, left < LOOK_MS ? left : LOOK_MS);
	if (w->cut_next.ms > ca_mono(ca).ms)
		return w->cut_next;
	w->cut_next = ca_after(ca, ca->conf->retry_ms);
	ca_roll_look(ca, w);
	if (!is_due(ca, w))
		say_listening(ca, w);
	else if (find(ca, w, true, 0) == POL_NONE)
		say_unlisted(ca, w);
	else if (cut_ask(ca, w) != BASE_OK)
		base_log(BASE_WARNING, "roll %s: %s", w->row.root, base_why());
	return w->cutting ? CA_NEVER : w->cut_next;
}

struct base_mono
ca_deadline_work(struct ca *ca)
{
	struct base_mono next = CA_NEVER;

	/* what nodes hold, and who answers, is being found out */
	if (ca->recovery.wanted || ca->recovery.stage != CA_RECOVERY_NONE)
		return ca->rolls == NULL ? next : ca_after(ca, LOOK_MS);
	ca_listen_clock(ca);

	for (struct ca_roll *w = ca->rolls; w != NULL; w = w->next)
		next = ca_sooner(next, roll_look(ca, w));
	return next;
}
