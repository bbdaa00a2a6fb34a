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

#define LOOK_MS	  60000 /* how soon a clock that was set is noticed */
#define WAITS_MAX 4 /* a node's orders, at most */

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

/* One look at the whole fleet: each node is asked once for whom it waits. */
struct look {
	struct ca *ca;
	struct ca_roll *w;
	uint32_t (*on)[WAITS_MAX]; /* per node: for these; POL_NONE: no more */
	uint32_t *waited; /* per node: so often it is among them */
};

static void
look_node(struct look *k, uint32_t node)
{
	struct pol_why why[WAITS_MAX];
	const size_t n = pol_engine_waits(k->w->engine, node, why, WAITS_MAX);

	k->w->cut_looked++;
	for (size_t i = 0; i < WAITS_MAX; i++) {
		k->on[node][i] = POL_NONE;
		if (i >= n || why[i].peer == POL_NONE ||
		    (strcmp(why[i].rule, "known") != 0 &&
			strcmp(why[i].rule, "fresh") != 0))
			continue;
		k->on[node][i] = why[i].peer;
		k->waited[why[i].peer]++;
	}
}

static struct look
look_make(struct ca *ca, struct ca_roll *w)
{
	const size_t n = ca->topo->nparts;
	struct look k = { .ca = ca,
		.w = w,
		.on = base_alloc(n * sizeof(*k.on)),
		.waited = base_alloc(n * sizeof(*k.waited)) };

	for (uint32_t i = 0; i < n; i++)
		look_node(&k, i);
	return k;
}

static void
look_clear(struct look *k)
{
	free(k->on);
	free(k->waited);
}

/* It was cut, and waits for nobody: so may those for whom only it has waited
 * not be in the way any more. */
static void
look_without(struct look *k, uint32_t node)
{
	for (size_t i = 0; i < WAITS_MAX; i++) {
		if (k->on[node][i] != POL_NONE)
			k->waited[k->on[node][i]]--;
		k->on[node][i] = POL_NONE;
	}
}

/* A node that is heard of is at work on its order, or will be. */
static bool
is_lost(const struct look *k, uint32_t node)
{
	if (!ca_is_silent(k->ca, node))
		return false;
	if (pol_engine_epoch(k->w->engine, node) != 0)
		return ca_is_unanswered(k->ca, k->w, node);
	return k->waited[node] > 0;
}

static bool
is_in_the_way(const struct look *k, uint32_t node)
{
	const struct ca_roll *w = k->w;

	if (pol_engine_is_excused(w->engine, node) || is_done(w, node))
		return false;
	/* who was taken back may fail for a while, and be mended */
	if (k->ca->topo->nodes[node].returned.ms != 0)
		return is_lost(k, node);
	return pol_engine_failures(w->engine, node) > 0 ||
	    ca_roll_is_held(k->ca, w, node) || is_lost(k, node);
}

/* The first such from node on that is listed, or is not. */
static uint32_t
find(const struct look *k, bool listed, uint32_t node)
{
	const struct ca_topo *t = k->ca->topo;

	for (; node < t->nnodes; node++)
		if (ca_topo_steps(t, k->w->root, node) != 0 &&
		    ca_roll_cut_has(&k->w->row, t->nodes[node].name) ==
			listed &&
		    is_in_the_way(k, node))
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

/* Names are padded by zeros, so this is their sequence in a list. */
static int
cut_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wire_hsm_cut));
}

static bool
is_approved(const struct approved *v, const struct wire_hsm_cut *c,
    struct base_time now)
{
	for (size_t i = 1; i < v->n; i++) {
		const struct wire_hsm_cuts *l = &v->list[i];

		if (l->have >= v->need && l->start.ms <= now.ms && l->n > 0 &&
		    bsearch(c, l->cut, l->n, sizeof(*c), cut_cmp) != NULL)
			return true;
	}
	return false;
}

static void
refuse(const struct ca_topo *t, const char *name, bool *refused)
{
	const uint32_t i = ca_topo_node(t, name);

	if (i != POL_NONE)
		refused[i] = true;
}

/* refused, per node: not all directions of those in out are approved; the first
 * that is not says why it waits. */
static void
find_refused(struct look *k, const struct approved *v, const bool *out,
    bool *refused)
{
	struct ca_roll *w = k->w;
	struct wire_hsm_cuts cuts = { .n = 0 };

	if (v->need == 0)
		return;
	ca_cuts_of(k->ca, &w->row, out, &cuts);
	for (size_t i = 0; i < cuts.n; i++) {
		const struct wire_hsm_cut *c = &cuts.cut[i];

		if (is_approved(v, c, ca_now(k->ca)))
			continue;
		refuse(k->ca->topo, c->presenter, refused);
		refuse(k->ca->topo, c->verifier, refused);
		if (w->cut_waits[0] == '\0')
			snprintf(w->cut_waits, sizeof(w->cut_waits),
			    "the deadline is over, and that %s refuses %s is "
			    "not approved (kedge roll cuts %s, kedge roll "
			    "approve)",
			    c->verifier, c->presenter, w->row.root);
	}
	wire_hsm_cuts_clear(&cuts);
}

/* ---- the cut ---------------------------------------------------------------- */

static bool
cut(struct ca *ca, struct ca_roll *w, uint32_t node)
{
	char reason[128], at[BASE_RFC3339_LEN];
	const struct ca_word word = { w->row.root, ca->topo->nodes[node].name,
		reason, CA_NODE_CA };

	base_time_format(w->row.deadline, at);
	snprintf(reason, sizeof(reason),
	    "not reached by the deadline, %s, for which it was listed", at);
	if (ca_roll_excuse(ca, &word) == BASE_OK)
		return true;
	snprintf(w->cut_waits, sizeof(w->cut_waits), "%s", base_why());
	base_log(BASE_ERR, "roll %s: %s", w->row.root, w->cut_waits);
	return false;
}

struct cutting {
	struct ca *ca;
	uint64_t roll;
};

static void
cut_all(struct ca *ca, struct ca_roll *w, const struct approved *v)
{
	struct look k = look_make(ca, w);
	bool *out = base_alloc(ca->topo->nparts * sizeof(*out));
	bool *refused = base_alloc(ca->topo->nparts * sizeof(*refused));

	w->cut_waits[0] = '\0';
	for (uint32_t i = find(&k, true, 0); i != POL_NONE;
	     i = find(&k, true, i + 1))
		out[i] = true;
	find_refused(&k, v, out, refused);
	for (uint32_t i = 0; i < ca->topo->nnodes; i++)
		if (out[i] && !refused[i] && is_in_the_way(&k, i) &&
		    cut(ca, w, i))
			look_without(&k, i);
	look_clear(&k);
	free(out);
	free(refused);
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
say_unlisted(const struct look *k)
{
	const uint32_t i = find(k, false, 0);
	struct ca_roll *w = k->w;

	w->cut_waits[0] = '\0';
	if (i != POL_NONE)
		snprintf(w->cut_waits, sizeof(w->cut_waits),
		    "the deadline is over, and %s was not listed to be cut "
		    "(kedge roll start --compromised --deadline TIME --cut "
		    "NODE,... %s)",
		    k->ca->topo->nodes[i].name, w->row.root);
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

static void
roll_due(struct ca *ca, struct ca_roll *w)
{
	struct look k = look_make(ca, w);

	if (find(&k, true, 0) == POL_NONE)
		say_unlisted(&k);
	else if (cut_ask(ca, w) != BASE_OK)
		base_log(BASE_WARNING, "roll %s: %s", w->row.root, base_why());
	look_clear(&k);
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
	if (is_due(ca, w))
		roll_due(ca, w);
	else
		say_listening(ca, w);
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
