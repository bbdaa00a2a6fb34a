/*
 * agentd/work: one order after the other. What is durable is written before
 * what depends on it, so that a kill at any point leaves work to take up:
 *
 *   version written -> state PENDING -> current swapped -> live -> report
 *
 * An order of a join is not given up before it expires, because its
 * applications may start after the agent. Used by agent.c.
 */
#include <stdlib.h>
#include <string.h>

#include "agentd/work_impl.h"

/* ---- time ------------------------------------------------------------------------------------ */

struct base_time
ag_work_now(const struct ag_work *w)
{
	return w->c.now != NULL ? w->c.now() : base_time_now();
}

/* For messages of the CA: it is at least as late as the CA has signed, so
 * they can be read, and say so, while the clock is behind. */
static struct base_time
at_least(const struct ag_work *w)
{
	struct base_time now = ag_work_now(w);
	struct base_time mark = ag_holdings_mark(w->c.holdings);

	return mark.ms > now.ms ? mark : now;
}

/* ---- orders that are stored but not done -------------------------------------------------------- */

static enum base_err
resume_order(struct ag_work *w, struct ag_root *r, struct wire_order *o)
{
	struct ag_known k = {
		.node = w->c.conf->node,
		.presents = ag_config_presents(w->c.conf, o->root),
		.verifies = ag_config_verifies(w->c.conf, o->root),
		.bundle = r->bundle,
		.state = &r->state,
		.key = r->key,
		.next = r->next,
		.now = ag_work_now(w),
		.joining = o->steps & WIRE_STEP_JOIN,
	};
	struct ag_bundle *next = NULL;
	enum base_err e;

	/* on a full disk it may be current in one copy only */
	if (r->bundle != NULL && r->bundle->epoch == o->epoch)
		return ag_store_swap(w->c.store, r->name, o->epoch);
	if ((e = ag_order_apply(&k, o, &next)) != BASE_OK ||
	    (e = ag_store_put(w->c.store, next)) != BASE_OK ||
	    (e = ag_store_swap(w->c.store, r->name, o->epoch)) != BASE_OK) {
		ag_bundle_free(next);
		return e;
	}
	ag_job_use(w, r, next);
	return BASE_OK;
}

static enum base_err
resume(struct ag_work *w, struct ag_root *r, struct wire_order *o)
{
	enum base_err e = resume_order(w, r, o);
	struct job *j = ag_job_new(r, o);

	if (e == BASE_OK) {
		ag_job_enqueue(w, j);
		return e;
	}
	strncpy(j->why, base_why(), sizeof j->why - 1);
	/* of a disk that is full, say: the order is still in work */
	if (e == BASE_E_IO)
		ag_job_hold(w, j);
	else
		ag_job_settle(w, j, WIRE_FAILED, WIRE_PROOF_NONE);
	ag_job_free(j);
	return e;
}

/* ---- orders that come ------------------------------------------------------------------------ */

static void
take_route(struct ag_root *r, const struct wire_parcel *p)
{
	if (p->nroute == 0)
		return;
	r->state.nroute = p->nroute;
	memcpy(r->state.route, p->route, sizeof r->state.route);
}

static enum base_err
commit(struct ag_work *w, struct ag_root *r, const struct wire_order *o,
    const uint8_t digest[32], struct base_span cms, struct ag_bundle *next)
{
	struct ag_state *st = &r->state;
	enum base_err e;

	if ((e = ag_store_put(w->c.store, next)) != BASE_OK)
		return e;
	st->highest = o->epoch;
	memcpy(st->digest, digest, 32);
	st->phase = AG_PENDING;
	st->acked = st->rekeyed = false;
	base_buf_free(&st->report);
	base_buf_free(&st->order);
	base_buf_init(&st->order, 0);
	base_buf_init(&st->report, 0);
	if ((e = base_buf_put(&st->order, cms.p, cms.n)) != BASE_OK ||
	    (e = ag_state_write(w->c.store, r->name, st)) != BASE_OK)
		return e;
	return BASE_OK;
}

/* base_why() is the reason. Answered by the way it came, which is not kept: a
 * route is not signed, and an old order may be repeated by another. */
static void
answer(struct ag_work *w, const struct wire_order *o, const uint8_t digest[32],
    const struct wire_parcel *p, enum wire_status status)
{
	struct ag_root *r = base_alloc(sizeof *r);
	struct ag_verdict_text t = { o, digest, status, WIRE_PROOF_NONE,
		base_why() };

	take_route(r, p);
	ag_job_answer(w, r, &t);
	free(r);
}

static enum base_err
refuse(struct ag_work *w, const struct wire_order *o, const uint8_t digest[32],
    const struct wire_parcel *p)
{
	answer(w, o, digest, p, WIRE_ORDER_REFUSED);
	return BASE_E_REFUSED;
}

/* Nothing was changed; it is taken when it comes again and the cause is gone.
 * first: not told in the log yet. */
static enum base_err
hold(struct ag_work *w, const struct wire_order *o, const uint8_t digest[32],
    const struct wire_parcel *p, bool first)
{
	char *why = base_strdup(base_why());

	if (first)
		base_log_change(BASE_WARNING,
		    &(struct base_change){ "order", "none", "held", o->node,
			o->root, o->roll, o->epoch },
		    "%s", why);
	(void)base_fail(BASE_E_AGAIN, "%s", why);
	answer(w, o, digest, p, WIRE_HELD);
	free(why);
	return BASE_E_AGAIN;
}

/* The order has verified. Also one that is held or refused then: when it was
 * signed is true in any case. */
static bool
note_mark(struct ag_root *r, const struct ag_known *k,
    const struct wire_order *o)
{
	if (!ag_order_is_news(k, o))
		return false;
	r->state.mark_epoch = o->epoch;
	r->state.mark = o->issued;
	return true;
}

static enum base_err
take(struct ag_work *w, struct ag_root *r, struct wire_order *o,
    const uint8_t digest[32], const struct wire_parcel *p,
    struct ag_bundle *next)
{
	struct ag_state before = r->state;
	struct ag_verdict_text t = { o, digest, WIRE_RECEIVED, WIRE_PROOF_NONE,
		NULL };
	enum base_err e;

	base_buf_init(&r->state.order, 0);
	base_buf_init(&r->state.report, 0);
	take_route(r, p);
	if ((e = ag_rekey_prepare(&w->c, r, o)) == BASE_OK)
		e = commit(w, r, o, digest, base_buf_span(&p->content), next);
	if (e != BASE_OK) {
		ag_state_clear(&r->state);
		r->state = before;
		ag_bundle_free(next);
		(void)base_fail(e, "the order cannot be stored: %s",
		    base_why());
		/* who joins is told at once */
		return o->steps & WIRE_STEP_JOIN ? refuse(w, o, digest, p)
						 : hold(w, o, digest, p, true);
	}
	base_buf_free(&before.order);
	base_buf_free(&before.report);
	ag_job_supersede(w, r);
	e = ag_store_swap(w->c.store, r->name, o->epoch);
	if (e != BASE_OK) {
		/* the order is ours from here on, also after a restart: no
		 * refusal; it goes on when it comes again */
		ag_bundle_free(next);
		(void)base_fail(e, "the order is stored, but not current: %s",
		    base_why());
		return hold(w, o, digest, p, true);
	}
	ag_job_use(w, r, next);
	base_log_change(BASE_NOTICE,
	    &(struct base_change){ "order", "none", "received", w->c.conf->node,
		r->name, o->roll, o->epoch },
	    "stored");
	ag_job_answer(w, r, &t);
	ag_job_enqueue(w, ag_job_new(r, o));
	return BASE_OK;
}

static void resume_root(struct ag_work *w, struct ag_root *r);

static enum base_err
decide(struct ag_work *w, struct ag_root *r, struct wire_order *o,
    const uint8_t digest[32], const struct wire_parcel *p, bool joining)
{
	struct ag_verdict_text t = { o, digest, WIRE_RECEIVED, WIRE_PROOF_NONE,
		NULL };
	struct ag_bundle *next = NULL;
	struct ag_known k = {
		.node = w->c.conf->node,
		.presents = ag_config_presents(w->c.conf, o->root),
		.verifies = ag_config_verifies(w->c.conf, o->root),
		.bundle = r->bundle,
		.state = &r->state,
		.key = r->key,
		.next = r->next,
		.now = ag_work_now(w),
		.joining = joining,
		.asked = ag_job_only_asks(w, r),
	};
	bool news = note_mark(r, &k, o);
	enum base_err e = BASE_OK;

	k.mark = ag_holdings_mark(w->c.holdings);
	switch (ag_order_judge(&k, o, digest, &next)) {
	case AG_TAKE:
		return take(w, r, o, digest, p, next);
	case AG_RESUME:
		take_route(r, p);
		if (ag_job_say_held(w, r))
			return BASE_OK;
		ag_job_answer(w, r, &t);
		/* not in work: at start it could not be verified, or its end
		 * not be stored */
		return ag_job_is_queued(w, r) ? BASE_OK : resume(w, r, o);
	case AG_ANSWER:
		take_route(r, p);
		ag_job_answer_stored(w, r);
		return BASE_OK;
	case AG_HOLD:
		e = hold(w, o, digest, p, news);
		break;
	case AG_LATER:
		base_log(BASE_INFO,
		    "%s: epoch %llu asks what is held: when epoch %llu is "
		    "settled",
		    r->name, (unsigned long long)o->epoch,
		    (unsigned long long)r->state.highest);
		/* one that stands still, a disk was full, would never be */
		if (!ag_job_say_held(w, r) && !ag_job_is_queued(w, r))
			resume_root(w, r);
		break;
	case AG_REFUSE:
		e = refuse(w, o, digest, p);
		break;
	}
	/* one that is taken keeps it by itself */
	if (news && ag_state_write(w->c.store, r->name, &r->state) != BASE_OK)
		base_log(BASE_WARNING, "clock mark: not stored: %s",
		    base_why());
	return e;
}

static STACK_OF(X509) *
management_trust(struct ag_work *w)
{
	const struct ag_root *m =
	    ag_holdings_find(w->c.holdings, AG_MANAGEMENT);

	return ag_bundle_stack(m->bundle);
}

static enum base_err
open_order(struct ag_work *w, struct base_span cms, struct wire_order *o,
    uint8_t digest[32])
{
	struct ag_addressee us = { management_trust(w), w->c.conf->fleet,
		w->c.conf->node, at_least(w) };
	enum base_err e = ag_order_open(&us, cms, o, digest);

	sk_X509_pop_free(us.trust, X509_free);
	return e;
}

/* An order about a root that this node does not keep, or cannot any more. */
static enum base_err
refuse_root(struct ag_work *w, const struct wire_order *o,
    const uint8_t digest[32], const struct wire_parcel *p)
{
	if (ag_holdings_find(w->c.holdings, o->root) == NULL)
		base_fail(BASE_E_REFUSED,
		    "order: root %s is not in this node's configuration",
		    o->root);
	else
		base_fail(BASE_E_REFUSED,
		    "order: root %s: the store is damaged (regressed); the "
		    "node must be joined again",
		    o->root);
	base_log(BASE_WARNING, "%s", base_why());
	return refuse(w, o, digest, p);
}

enum base_err
ag_work_order(struct ag_work *w, const struct wire_parcel *p, bool joining)
{
	struct wire_order o = { 0 };
	uint8_t digest[32];
	struct ag_root *r;
	enum base_err e;

	e = open_order(w, base_buf_span(&p->content), &o, digest);
	if (e != BASE_OK) {
		base_log(BASE_WARNING, "order: dropped: %s", base_why());
		goto out;
	}
	r = ag_holdings_find(w->c.holdings, o.root);
	if (r == NULL || r->regressed) {
		e = refuse_root(w, &o, digest, p);
		goto out;
	}
	e = decide(w, r, &o, digest, p, joining);
	if (e == BASE_OK)
		w->way = r;
out:
	wire_order_clear(&o);
	return e;
}

/* ---- acknowledgements -------------------------------------------------------------------------- */

static enum base_err
open_ack(struct ag_work *w, struct base_span cms, struct wire_ack *a)
{
	STACK_OF(X509) *trust = management_trust(w);
	struct wire_signer s = { 0 };
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = wire_cms_verify(WIRE_C_ACK, cms, trust, at_least(w), &der,
		 &s)) == BASE_OK &&
	    (e = wire_ack_parse(base_buf_span(&der), a)) == BASE_OK &&
	    (strcmp(a->fleet, w->c.conf->fleet) != 0 ||
		strcmp(a->node, w->c.conf->node) != 0))
		e = base_fail(BASE_E_DENIED, "ack: for another node");
	base_buf_free(&der);
	wire_signer_clear(&s);
	sk_X509_pop_free(trust, X509_free);
	return e;
}

void
ag_work_ack(struct ag_work *w, const struct wire_parcel *p)
{
	struct wire_ack a = { 0 };
	struct ag_root *r;

	if (open_ack(w, base_buf_span(&p->content), &a) != BASE_OK) {
		base_log(BASE_WARNING, "ack: dropped: %s", base_why());
		return;
	}
	r = ag_holdings_find(w->c.holdings, a.root);
	if (r == NULL || r->state.acked || a.epoch != r->state.highest ||
	    memcmp(a.report_digest, r->state.report_digest, 32) != 0)
		return;
	r->state.acked = true;
	if (ag_state_write(w->c.store, r->name, &r->state) != BASE_OK)
		base_log(BASE_WARNING, "ack: %s", base_why());
	else
		ag_rekey_finish(&w->c, r);
}

/* ---- after a restart ------------------------------------------------------------------------------ */

static void
resume_root(struct ag_work *w, struct ag_root *r)
{
	struct wire_order o = { 0 };
	uint8_t digest[32];

	if (open_order(w, base_buf_span(&r->state.order), &o, digest) !=
	    BASE_OK) {
		base_log(BASE_ERR,
		    "%s: stored order: %s; it goes on when the CA sends it "
		    "again",
		    r->name, base_why());
		return;
	}
	base_log(BASE_NOTICE, "%s: epoch %llu: going on", r->name,
	    (unsigned long long)o.epoch);
	if (resume(w, r, &o) != BASE_OK)
		base_log(BASE_ERR, "%s: %s", r->name, base_why());
	wire_order_clear(&o);
}

/* Files that cannot be written stop neither the agent nor what it relays. */
static void
tidy_files(struct ag_work *w)
{
	const struct ag_config *c = w->c.conf;
	bool changed;

	for (size_t i = 0; i < c->napps; i++) {
		const struct ag_side *s = &c->apps[i].side[0];
		struct ag_root *r;
		enum base_err e;

		s = s->on ? s : s + 1;
		e = ag_render_app(w->c.holdings, &c->apps[i], &changed);
		if (e != BASE_OK)
			base_log(BASE_ERR, "files: %s", base_why());
		r = ag_holdings_find(w->c.holdings,
		    s->root != NULL ? s->root : s->verify_root);
		if (r == NULL || r->state.phase == AG_PENDING)
			continue;
		if (e == BASE_E_AGAIN)
			ag_job_tidy_later(w, r);
		if (e == BASE_E_AGAIN || !changed)
			continue;
		base_log(BASE_WARNING,
		    "%s: files were not what the store says; put right",
		    c->apps[i].name);
		ag_job_enqueue(w, ag_job_new(r, NULL));
	}
}

/* The CA shall know that what it was told is no longer so. */
static void
report_regressed(struct ag_work *w)
{
	for (size_t i = 0; i < w->c.holdings->n; i++) {
		const struct ag_root *r = &w->c.holdings->root[i];
		struct wire_order o = { .epoch = r->state.highest };
		struct ag_verdict_text t = { &o, r->state.digest, WIRE_FAILED,
			WIRE_PROOF_NONE,
			"regressed: the stored version is damaged; nothing "
			"was changed, the node must be joined again" };

		if (!r->regressed || o.epoch == 0)
			continue;
		strcpy(o.root, r->name);
		ag_job_answer(w, r, &t);
	}
}

void
ag_work_resume(struct ag_work *w)
{
	for (size_t i = 0; i < w->c.holdings->n; i++) {
		struct ag_root *r = &w->c.holdings->root[i];

		if (!r->regressed && r->state.phase == AG_PENDING &&
		    !ag_job_is_queued(w, r))
			resume_root(w, r);
		ag_rekey_finish(&w->c, r);
	}
	ag_job_resign(w);
	report_regressed(w);
	tidy_files(w);
	ag_stock_soon(w);
	ag_job_answer_all(w);
}
