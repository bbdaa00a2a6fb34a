/*
 * ca/roll: the rolls that run. Each has an engine that is fed with the
 * store's facts, is asked what may start, and is told each new fact after it
 * was committed. Killed anywhere, the engines come back from the facts.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define DRAFTS_AT_ONCE	128
#define REISSUE_LOOK_MS 60000

struct ca_roll *
ca_roll_of(struct ca *ca, const char *root)
{
	struct ca_roll *w;

	for (w = ca->rolls; w != NULL; w = w->next)
		if (strcmp(w->row.root, root) == 0)
			return w;
	return NULL;
}

/* Copies of pointers to rolls do not survive a commit of something else:
 * after waiting, find the roll again by its number. */
static struct ca_roll *
roll_by_id(struct ca *ca, uint64_t id)
{
	struct ca_roll *w;

	for (w = ca->rolls; w != NULL; w = w->next)
		if (w->row.id == id)
			return w;
	return NULL;
}

void
ca_roll_free(struct ca_roll *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; w->refused != NULL && i < w->nnodes; i++)
		free(w->refused[i].why);
	free(w->refused);
	pol_engine_free(w->engine);
	free(w->retries);
	free(w->reissues);
	free(w->shown);
	free(w);
}

void
ca_roll_close_all(struct ca *ca)
{
	struct ca_roll *next;

	for (struct ca_roll *w = ca->rolls; w != NULL; w = next) {
		next = w->next;
		ca_roll_free(w);
	}
	ca->rolls = NULL;
}

/* ---- facts ---------------------------------- */

struct feed {
	const struct ca_topo *topo;
	struct ca_roll *roll;
};

static enum base_err
engine_fact(const struct ca_topo *t, struct ca_roll *w, const struct ca_fact *f)
{
	struct pol_fact p = {
		.kind = f->kind,
		.node = ca_topo_node(t, f->node),
		.epoch = f->epoch,
		.steps = f->steps,
		.from = f->from,
		.to = f->to,
		.conf = f->conf,
		.at = { f->at.ms },
	};
	enum pol_err e;

	if (p.node == POL_NONE)
		return BASE_OK; /* left the fleet since */
	e = pol_engine_fact(w->engine, &p);
	if (e == POL_E_STALE)
		return BASE_OK; /* overtaken by a later one */
	return ca_pol_fail(e, f->node);
}

static enum base_err
feed_fact(void *arg, const struct ca_fact *f)
{
	struct feed *d = arg;

	return engine_fact(d->topo, d->roll, f);
}

void
ca_roll_tell(struct ca *ca, const struct ca_fact *f)
{
	struct ca_roll *w = ca_roll_of(ca, f->root);
	uint32_t node = ca_topo_node(ca->topo, f->node);

	/* the tidy of an earlier roll is none of this one's business */
	if (w == NULL || node == POL_NONE || f->roll != w->row.id)
		return;
	if (engine_fact(ca->topo, w, f) != BASE_OK)
		base_log(BASE_ERR, "roll %s: %s", w->row.root, base_why());
	/* hsmd wants to know, too, before the next order */
	w->shown[node] = w->shown[node] && f->kind != POL_FACT_HOLDS &&
	    f->kind != POL_FACT_EFFECTIVE && f->kind != POL_FACT_DOUBTED &&
	    (f->kind != POL_FACT_RECEIVED || !w->row.presume);
	ca->told = ca->told && f->kind != POL_FACT_EXCUSED &&
	    f->kind != POL_FACT_RETURNED;
	if (f->kind == POL_FACT_FAILED)
		ca_retry_failed(ca, w, node);
	/* with an excuse, hsmd may sign for anybody */
	if (f->kind == POL_FACT_EXCUSED)
		memset(w->retries, 0, w->nnodes * sizeof(*w->retries));
	ca_kick(ca);
}

static enum base_err
roll_engine(struct ca *ca, const struct ca_topo *t, struct ca_roll *w)
{
	struct feed feed = { t, w };
	struct ca_goal g;
	const struct pol_graph *graph;
	uint32_t number;
	enum base_err r;

	w->root = ca_topo_root(t, w->row.root);
	if (w->root == POL_NONE)
		return base_fail(BASE_E_INTEGRITY,
		    "roll %llu: its root %s is "
		    "gone",
		    (unsigned long long)w->row.id, w->row.root);
	w->reissues = base_alloc(t->nparts * sizeof(*w->reissues));
	w->retries = base_alloc(t->nparts * sizeof(*w->retries));
	w->shown = base_alloc(t->nparts * sizeof(*w->shown));
	w->refused = base_alloc(t->nparts * sizeof(*w->refused));
	w->nnodes = t->nparts;
	graph = ca_topo_graph(t, w->root, &number);
	if ((r = ca_roll_goal(ca, t, &w->row, &g)) != BASE_OK ||
	    (r = ca_pol_fail(pol_engine_new(graph, number, &g.goal, &w->engine),
		 w->row.root)) != BASE_OK ||
	    (r = ca_store_facts_of_roll(ca->store, w->row.id, feed_fact,
		 &feed)) != BASE_OK)
		return r;
	return ca_stock_load(ca, w);
}

enum base_err
ca_roll_make(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row, struct ca_roll **out)
{
	struct ca_roll *w = base_alloc(sizeof(*w));
	enum base_err r;

	w->row = *row;
	if ((r = roll_engine(ca, t, w)) == BASE_OK) {
		*out = w;
		w = NULL;
	}
	ca_roll_free(w);
	return r;
}

enum base_err
ca_roll_open(struct ca *ca, const struct ca_roll_row *row)
{
	struct ca_roll *w;
	enum base_err r = ca_roll_make(ca, ca->topo, row, &w);

	if (r != BASE_OK)
		return r;
	w->next = ca->rolls;
	ca->rolls = w;
	return BASE_OK;
}

enum base_err
ca_roll_reopen(struct ca *ca)
{
	struct ca_roll_row *rows = NULL;
	size_t n = 0;
	enum base_err r;

	ca_roll_close_all(ca);
	if ((r = ca_store_rolls(ca->store, &rows, &n)) != BASE_OK)
		return r;
	for (size_t i = 0; r == BASE_OK && i < n; i++)
		if (rows[i].state != CA_ROLL_DONE)
			r = ca_roll_open(ca, &rows[i]);
	free(rows);
	return r;
}

/* ---- giving orders ---------------------------------- */

struct giving {
	struct ca *ca;
	uint64_t roll;
};

/* Still allowed? Facts may have come while hsmd signed. */
static bool
draft_is_due(struct ca *ca, struct ca_roll *w, struct ca_draft *t)
{
	uint32_t node = ca_topo_node(ca->topo, t->order.node);
	struct pol_why why;
	uint64_t epoch;

	if (ca_roll_has_turned(w, &t->order))
		return false;
	/* a renewal has taken its epoch: it is asked for once more */
	if (ca_epoch_next(ca, t->order.node, t->order.root, &epoch) ==
		BASE_OK &&
	    epoch != t->order.epoch && t->err == BASE_OK)
		return false;
	/* what is outstanding anyway is no new step */
	if (t->err == BASE_OK && node != POL_NONE && w->reissues[node])
		return ca_roll_is_out(w, node);
	if (t->err == BASE_OK && node != POL_NONE &&
	    w->row.state == CA_ROLL_RUNNING)
		return pol_engine_may_start(w->engine,
			   (struct pol_time){ ca_now(ca).ms }, node) &&
		    pol_engine_allowed(w->engine, node, t->order.steps, &why) ==
		    POL_OK;
	if (t->err != BASE_OK && node != POL_NONE)
		ca_refused_draft(ca, w, node, t);
	return false;
}

struct ca_fact
ca_roll_sent(const struct ca_order *o)
{
	struct ca_fact f = {
		.roll = o->roll,
		.kind = POL_FACT_SENT,
		.epoch = o->epoch,
		.steps = o->steps,
		.from = o->from,
		.to = o->to,
		.at = o->issued,
	};

	memcpy(f.root, o->root, sizeof(f.root));
	memcpy(f.node, o->node, sizeof(f.node));
	return f;
}

/* All due orders in one transaction, before any of them is sent. */
static enum base_err
give_store(struct ca *ca, struct ca_drafts *d, const bool *due)
{
	char steps[CA_STEPS_TEXT];
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_order *o = &ca_drafts_get(d, i)->row;
		struct ca_fact f;

		if (!due[i])
			continue;
		f = ca_roll_sent(o);
		ca_steps_text(o->steps, steps);
		if ((r = ca_roll_replace(ca, o)) == BASE_OK &&
		    (r = ca_drafts_store(d, i)) == BASE_OK &&
		    (r = ca_store_fact_add(ca->store, &f)) == BASE_OK)
			r = ca_audit(ca, CA_NODE_CA, "order",
			    "%s %s epoch "
			    "%llu roll %llu: %s",
			    o->node, o->root, (unsigned long long)o->epoch,
			    (unsigned long long)o->roll, steps);
	}
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static void
give_out(struct ca *ca, struct ca_drafts *d, const bool *due)
{
	for (size_t i = 0; i < ca_drafts_count(d); i++) {
		const struct ca_order *o = &ca_drafts_get(d, i)->row;
		struct ca_fact f;

		if (!due[i])
			continue;
		f = ca_roll_sent(o);
		ca_refused_no_more(ca, o);
		ca_deliver_settled(ca->deliver, o->node, o->root, o->epoch - 1);
		ca_roll_tell(ca, &f);
		ca_order_send(ca, o);
		ca_event_order(ca, o, 0);
	}
}

static void
give_done(void *arg, enum base_err e, struct ca_drafts *d)
{
	struct giving *g = arg;
	struct ca *ca = g->ca;
	struct ca_roll *w = roll_by_id(ca, g->roll);
	bool *due = base_alloc(ca_drafts_count(d) + 1);
	char before[sizeof(w->why)];

	if (w == NULL)
		goto out;
	w->busy = false;
	memcpy(before, w->why, sizeof(before));
	w->why[0] = '\0';
	for (size_t i = 0; e == BASE_OK && i < ca_drafts_count(d); i++)
		due[i] = draft_is_due(ca, w, ca_drafts_get(d, i));
	if (e == BASE_OK && (e = ca_roll_unsent(ca, w, d, due)) == BASE_OK)
		e = give_store(ca, d, due);
	if (e == BASE_OK) {
		give_out(ca, d, due);
		goto out;
	}
	snprintf(w->why, sizeof(w->why), "%s", base_why());
	/* the same words again are no news for the log */
	if (strcmp(before, w->why) != 0)
		base_log(BASE_WARNING, "roll %s: %s", w->row.root, w->why);
	w->retry = ca_after(ca, ca->conf->retry_ms);
out:
	ca_kick(ca);
	free(due);
	free(g);
	ca_drafts_free(d);
}

/* A node that missed whole rolls holds none of the two generations: it is
 * led there one by one, each vouched for by the one before. */
static void
draft_catch_up(const struct ca_roll *w, uint32_t node, struct wire_order *o)
{
	uint64_t has = pol_engine_possible(w->engine, node).before.trust;
	uint32_t last;

	if ((o->steps & WIRE_STEP_TRUST) == 0 || o->from > o->to || has == 0 ||
	    (has & (POL_GEN(o->from) | POL_GEN(o->to))) != 0)
		return;
	last = 64 - (uint32_t)__builtin_clzll(has);
	if (last >= o->from)
		return;
	o->steps = WIRE_STEP_TRUST;
	o->from = last;
	o->to = last + 1;
}

/* One that missed a roll of a stolen key, and comes back in one of peace: its
 * sessions may be a thief's, as the others' were. */
static enum base_err
draft_mark(struct ca *ca, const struct ca_roll *w, uint32_t node,
    struct wire_order *o)
{
	struct pol_conf has = pol_engine_possible(w->engine, node).before;

	if (o->from < o->to && w->row.compromised)
		o->compromised = w->row.from;
	else if (o->from < o->to && ca_conf_lowest(has) != 0)
		return ca_store_root_compromised(ca->store, o->root,
		    ca_conf_lowest(has), &o->compromised);
	return BASE_OK;
}

static enum base_err
draft_fill(struct ca *ca, const struct ca_roll *w, const struct pol_order *p,
    struct ca_draft *t)
{
	struct pol_role role = ca_topo_role(ca->topo, w->root, p->node);
	struct wire_order *o = &t->order;
	enum base_err r;

	memcpy(o->node, ca->topo->nodes[p->node].name, sizeof(o->node));
	memcpy(o->root, w->row.root, sizeof(o->root));
	if ((r = ca_epoch_next(ca, o->node, o->root, &o->epoch)) != BASE_OK)
		return r;
	o->roll = w->row.id;
	o->steps = p->steps;
	o->from = w->row.from;
	o->to = w->row.to;
	o->verifies = role.verifies;
	draft_catch_up(w, p->node, o);
	o->bridge = role.bridges && (o->steps & POL_CERT) != 0;
	return draft_mark(ca, w, p->node, o);
}

/* Returns when the first of those that wait for their next try is due; at once
 * when one of them must make room for others first. */
static struct base_mono
roll_give(struct ca *ca, struct ca_roll *w, const struct pol_order *ready,
    size_t n)
{
	struct giving *g = base_alloc(sizeof(*g));
	struct ca_drafts *d = ca_drafts_new(ca, give_done, g);
	struct base_mono now = ca_mono(ca), next = CA_NEVER;

	*g = (struct giving){ ca, w->row.id };
	for (size_t i = 0; i < n; i++) {
		const char *node = ca->topo->nodes[ready[i].node].name;
		struct base_mono at = w->retries[ready[i].node];

		/* a new key comes first; so does what a claim is about */
		if (at.ms <= now.ms &&
		    (ca_rekey_is_out(ca, node, w->row.root) ||
			ca_claim_is_open(ca, node, w->row.root))) {
			ca_retry_later(ca, w, ready[i].node, 0);
			next = now;
			continue;
		}
		if (at.ms > now.ms) {
			next = ca_sooner(next, at);
			continue;
		}
		if (ca_drafts_count(d) == DRAFTS_AT_ONCE)
			break;
		if (draft_fill(ca, w, &ready[i], ca_drafts_add(d)) != BASE_OK)
			base_die("roll: %s", base_why());
	}
	if (ca_drafts_count(d) == 0) {
		ca_drafts_free(d);
		free(g);
		return next;
	}
	w->busy = true;
	w->busy_since = ca_now(ca);
	w->busy_late = ca_after(ca, ca->conf->resend_ms);
	ca_drafts_go(d);
	return next;
}

/* ---- the end ---------------------------------- */

static enum base_err
finish_store(struct ca *ca, struct ca_roll *w, struct base_time now)
{
	struct ca_root root;
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_root_get(ca->store, w->row.root, &root)) == BASE_OK) {
		root.current = w->row.to;
		r = ca_store_root_put(ca->store, &root);
	}
	if (r == BASE_OK &&
	    (r = ca_store_roll_state(ca->store, w->row.id, CA_ROLL_DONE,
		 now)) == BASE_OK &&
	    (r = ca_audit(ca, CA_NODE_CA, "roll",
		 "%llu of root %s: %s, "
		 "generation %u is current",
		 (unsigned long long)w->row.id, w->row.root,
		 w->row.from < w->row.to ? "done" : "aborted", w->row.to)) ==
		BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static struct base_mono
roll_finish(struct ca *ca, struct ca_roll *w)
{
	struct base_time now = ca_now(ca);
	struct ca_roll **at;

	if (finish_store(ca, w, now) != BASE_OK) {
		base_log(BASE_ERR, "roll %s: %s", w->row.root, base_why());
		w->retry = ca_after(ca, ca->conf->retry_ms);
		return w->retry;
	}
	for (at = &ca->rolls; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	ca->topo->roots[w->root].current = w->row.to;
	w->row.state = CA_ROLL_DONE;
	w->row.ended = now;
	if (w->waits[0] != '\0')
		ca_event_waits(ca, w->row.root, "");
	ca_event_roll(ca, &w->row,
	    w->row.from < w->row.to ? "running" : "aborting",
	    ca_roll_word(&w->row));
	/* orders need the old signature no longer */
	if (strcmp(w->row.root, CA_MANAGEMENT) == 0 &&
	    ca_identity_load(ca) != BASE_OK)
		base_log(BASE_ERR, "the CA's own certificates: %s", base_why());
	ca_roll_free(w);
	/* what it kept while the root rolled */
	ca->told = false;
	ca->tidy_wanted = true;
	ca_kick(ca);
	return CA_NEVER;
}

/* Orders that are out and have to be made again come before new ones. */
static bool
roll_reissue(struct ca *ca, struct ca_roll *w, struct base_mono *next)
{
	struct pol_order *list;
	size_t n = 0;

	memset(w->reissues, 0, ca->topo->nparts * sizeof(*w->reissues));
	if (w->reissue_at.ms > ca_mono(ca).ms)
		return false;
	w->reissue_at = ca_after(ca, REISSUE_LOOK_MS);
	list = base_alloc(ca->topo->nparts * sizeof(*list));
	if (ca_roll_reissues(ca, w, list, &n) != BASE_OK)
		base_log(BASE_ERR, "roll %s: %s", w->row.root, base_why());
	for (size_t i = 0; i < n; i++)
		w->reissues[list[i].node] = true;
	if (n > 0)
		*next = roll_give(ca, w, list, n);
	free(list);
	return w->busy;
}

/* Where the age of inventories counts: the CA knows at any time what it
 * holds itself. */
static void
roll_see_self(struct ca *ca, struct ca_roll *w)
{
	struct pol_fact f = { .kind = POL_FACT_SEEN,
		.node = (uint32_t)ca->topo->nnodes,
		.at = { ca_now(ca).ms } };

	if (ca->conf->fresh_ms == 0 || w->seen_at.ms > ca_mono(ca).ms ||
	    strcmp(w->row.root, CA_MANAGEMENT) != 0)
		return;
	w->seen_at = ca_after(ca, ca->conf->fresh_ms / 4);
	if (ca_pol_fail(pol_engine_fact(w->engine, &f), w->row.root) != BASE_OK)
		base_log(BASE_ERR, "roll %s: %s", w->row.root, base_why());
}

static struct base_mono
roll_next(struct ca *ca, struct ca_roll *w)
{
	struct base_mono next = CA_NEVER;
	const struct pol_order *ready = NULL;
	int64_t opens;
	size_t n = 0;

	if (roll_reissue(ca, w, &next))
		return next;
	roll_see_self(ca, w);
	next = ca_sooner(next, ca_retry_put_off(ca, w));
	if (ca_pol_fail(pol_engine_ready(w->engine,
			    (struct pol_time){ ca_now(ca).ms }, DRAFTS_AT_ONCE,
			    &ready, &n),
		w->row.root) != BASE_OK) {
		base_log(BASE_ERR, "roll %s: %s", w->row.root, base_why());
		return next;
	}
	if (n > 0)
		return ca_sooner(next, roll_give(ca, w, ready, n));
	opens = ca_roll_opens(ca, w).ms - ca_now(ca).ms;
	return opens > 0 ? ca_sooner(next, ca_after(ca, opens)) : next;
}

struct base_mono
ca_roll_work(struct ca *ca, struct ca_roll *w)
{
	struct base_mono next = CA_NEVER;

	if (w->row.state != CA_ROLL_RUNNING || w->busy)
		return next;
	if (w->retry.ms > ca_mono(ca).ms)
		return w->retry;
	if (pol_engine_is_done(w->engine))
		return roll_finish(ca, w);
	/* with its first order the root rolls, to hsmd, which forgets no link
	 * any more */
	if (ca->telling || (!ca->told && !ca->tell_failed))
		return next;
	next = roll_next(ca, w);
	return ca_sooner(next, w->reissue_at);
}
