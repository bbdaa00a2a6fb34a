/*
 * agentd/job: the work itself: one root after the other is made live, proven
 * and reported, or put back. An order of a join is not given up, because
 * its applications may start long after the agent. Used by work.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "agentd/work_impl.h"

#define REPORT_DAYS   7
#define AGAIN_MAX_MS  16000u
#define LATER_DOUBLES 32u /* how long the pause becomes, in first pauses */

static void start_next(struct ag_work *w);

static void
set_timer(struct event *e, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (evtimer_add(e, &tv) != 0)
		base_die("work: out of memory");
}

/* ---- sending ---------------------------------------------------------------------- */

static void
send_cms(struct ag_work *w, const struct ag_root *r, struct base_span cms)
{
	struct wire_parcel p = { .kind = WIRE_P_REPORT };

	if (r->state.nroute == 0)
		return; /* the CA will ask again by a route */
	base_buf_init(&p.content, WIRE_PARCEL_MAX);
	p.nroute = r->state.nroute;
	memcpy(p.route, r->state.route, sizeof p.route);
	p.expires =
	    base_time_add_s(base_time_now(), (int64_t)REPORT_DAYS * 86400);
	if (base_buf_put(&p.content, cms.p, cms.n) != BASE_OK)
		base_log(BASE_ERR, "report: %s", base_why());
	else
		w->c.send(w->c.arg, &p);
	wire_parcel_clear(&p);
}

/* What is not stored: received, and refusals. */
void
ag_job_answer(struct ag_work *w, const struct ag_root *r,
    const struct ag_verdict_text *t)
{
	uint8_t digest[32];
	struct base_buf cms;

	base_buf_init(&cms, WIRE_PARCEL_MAX);
	if (ag_report_make(&w->c, &w->boot, t, &cms, digest) != BASE_OK)
		base_log(BASE_ERR, "report: %s", base_why());
	else
		send_cms(w, r, base_buf_span(&cms));
	base_buf_free(&cms);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct ag_work *w = arg;
	bool some = false;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < w->c.holdings->n; i++) {
		const struct ag_root *r = &w->c.holdings->root[i];

		if (r->state.report.n == 0 || r->state.acked)
			continue;
		some = true;
		send_cms(w, r, base_buf_span(&r->state.report));
	}
	w->again_ms =
	    w->again_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : w->again_ms * 2;
	if (some)
		set_timer(w->again, w->again_ms);
}

void
ag_job_answer_stored(struct ag_work *w, struct ag_root *r)
{
	r->state.acked = false;
	send_cms(w, r, base_buf_span(&r->state.report));
	w->again_ms = w->c.conf->retry_ms;
	set_timer(w->again, w->again_ms);
}

/* ---- queue ------------------------------------------------------------------------- */

void
ag_job_free(struct job *j)
{
	wire_order_clear(&j->order);
	free(j->told);
	free(j);
}

void
ag_job_enqueue(struct ag_work *w, struct job *j)
{
	struct job **p = &w->queue;

	while (*p != NULL)
		p = &(*p)->next;
	j->next = NULL;
	*p = j;
	if (w->live == NULL && w->self == NULL)
		set_timer(w->wake, 0);
}

static struct job *
pop(struct ag_work *w)
{
	struct job *j = w->queue;

	w->queue = j->next;
	return j;
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	start_next(arg);
}

bool
ag_work_is_idle(const struct ag_work *w)
{
	return w->queue == NULL;
}

static bool
is_own(const struct job *j)
{
	return strcmp(j->root->name, AG_MANAGEMENT) == 0;
}

static bool
is_busy(const struct ag_work *w)
{
	return w->live != NULL || w->self != NULL;
}

void
ag_job_resign(struct ag_work *w)
{
	for (size_t i = 0; i < w->c.holdings->n; i++) {
		struct ag_root *r = &w->c.holdings->root[i];
		bool changed = false;
		enum base_err e = BASE_OK;

		if (r->state.report.n > 0 && !r->regressed)
			e = ag_report_resign(&w->c, &r->state.report, &changed);
		if (e == BASE_OK && changed)
			e = ag_state_write(w->c.store, r->name, &r->state);
		if (e != BASE_OK)
			base_log(BASE_WARNING, "%s: report signed again: %s",
			    r->name, base_why());
	}
}

/* ---- end of an order ------------------------------------------------------------------ */

static void
say_held(struct ag_work *w, const struct job *j)
{
	const struct ag_verdict_text t = { &j->order, j->root->state.digest,
		WIRE_HELD, WIRE_PROOF_NONE, j->why };

	ag_job_answer(w, j->root, &t);
}

void
ag_job_hold(struct ag_work *w, const struct job *j)
{
	base_log(BASE_ERR, "%s: epoch %llu: %s; it goes on when %s",
	    j->root->name, (unsigned long long)j->order.epoch, j->why,
	    j->no_room ? "there is room" : "the order comes again");
	say_held(w, j);
}

bool
ag_job_say_held(struct ag_work *w, const struct ag_root *r)
{
	const struct job *j = w->queue;

	while (j != NULL && (j->root != r || j->plain || !j->no_room))
		j = j->next;
	if (j != NULL)
		say_held(w, j);
	return j != NULL;
}

void
ag_job_settle(struct ag_work *w, struct job *j, enum wire_status status,
    enum wire_proof proof)
{
	struct ag_state *st = &j->root->state, before = *st;
	struct ag_verdict_text t = { &j->order, st->digest, status, proof,
		status == WIRE_EFFECTIVE ? NULL : j->why };
	enum base_err e;

	base_buf_init(&st->order, 0);
	base_buf_init(&st->report, WIRE_PARCEL_MAX);
	st->phase = status == WIRE_EFFECTIVE ? AG_SETTLED : AG_FAILED;
	st->acked = false;
	st->rekeyed =
	    status == WIRE_EFFECTIVE && ag_rekey_in_use(j->root, &j->order);
	if (status == WIRE_EFFECTIVE)
		memcpy(j->root->probed, j->root->rendered, 32);
	e = ag_report_make(&w->c, &w->boot, &t, &st->report, st->report_digest);
	if (e == BASE_OK)
		e = ag_state_write(w->c.store, j->root->name, st);
	if (e != BASE_OK) {
		/* an unstored report must not be sent: the order stays in
		 * work, and is made live and reported when it comes again */
		ag_state_clear(st);
		*st = before;
		snprintf(j->why, sizeof j->why,
		    "the result cannot be stored: %s", base_why());
		ag_job_hold(w, j);
		return;
	}
	base_buf_free(&before.order);
	base_buf_free(&before.report);
	base_log_change(status == WIRE_EFFECTIVE ? BASE_NOTICE : BASE_WARNING,
	    &(struct base_change){ "order", "received",
		status == WIRE_EFFECTIVE   ? "effective"
		    : status == WIRE_STALE ? "stale"
					   : "failed",
		w->c.conf->node, j->root->name, j->order.roll, j->order.epoch },
	    "%s",
	    status != WIRE_EFFECTIVE	     ? j->why
		: proof == WIRE_PROOF_RELOAD ? "by reload only"
					     : "by probe");
	if (is_own(j))
		ag_job_resign(w);
	ag_job_answer_stored(w, j->root);
	ag_stock_soon(w);
}

/* ---- going live --------------------------------------------------------------------------- */

void
ag_job_use(struct ag_work *w, struct ag_root *r, struct ag_bundle *b)
{
	ag_bundle_free(r->bundle);
	r->bundle = b;
	w->c.changed(w->c.arg, r->name);
}

/* The previous version becomes current again; false when there is none. */
static bool
put_back(struct ag_work *w, struct job *j)
{
	struct ag_bundle *old = NULL;
	struct ag_bundle *b = j->root->bundle;

	if (b->previous == b->epoch)
		return false;
	if (ag_store_get(w->c.store, j->root->name, b->previous, &old) !=
		BASE_OK ||
	    ag_store_swap(w->c.store, j->root->name, b->previous) != BASE_OK) {
		base_log(BASE_ERR, "%s: cannot go back: %s", j->root->name,
		    base_why());
		ag_bundle_free(old);
		return false;
	}
	ag_job_use(w, j->root, old);
	return true;
}

/* While the clock is behind no step is begun and none has failed: its
 * application goes by the same clock. What changes is told. */
static bool
clock_holds(struct ag_work *w)
{
	enum base_err e =
	    ag_clock_check(ag_work_now(w), ag_holdings_mark(w->c.holdings));
	bool behind = e != BASE_OK;

	if (behind == w->behind)
		return behind;
	w->behind = behind;
	base_log_change(behind ? BASE_WARNING : BASE_NOTICE,
	    &(struct base_change){ "clock", behind ? "right" : "behind",
		behind ? "behind" : "right", w->c.conf->node, NULL, 0, 0 },
	    "%s", behind ? base_why() : "steps go on");
	return behind;
}

static void
settle_failed(struct ag_work *w, struct job *j)
{
	ag_job_settle(w, j, j->stale ? WIRE_STALE : WIRE_FAILED,
	    WIRE_PROOF_NONE);
}

static void
enqueue_after(struct ag_work *w, struct job *j, uint32_t ms)
{
	j->not_before = base_mono_now();
	j->not_before.ms += ms;
	ag_job_enqueue(w, j);
}

void
ag_job_tidy_later(struct ag_work *w, struct ag_root *r)
{
	struct job *j = w->queue;

	while (j != NULL && !(j->root == r && j->plain && j->no_room))
		j = j->next;
	if (j != NULL)
		return;
	j = ag_job_new(r, NULL);
	j->no_room = true;
	j->pause_ms = w->c.conf->later_ms;
	enqueue_after(w, j, j->pause_ms);
}

/* The first in the queue. Of an order no application was told anything, and
 * what they have is good. */
static void
no_room(struct ag_work *w, struct job *j)
{
	const uint32_t least = w->c.conf->later_ms;
	const bool first = !j->no_room;

	j->no_room = true;
	if (j->pause_ms == 0)
		j->pause_ms = least;
	else if (j->pause_ms / least < LATER_DOUBLES)
		j->pause_ms *= 2;
	if (first && !j->plain)
		ag_job_hold(w, j);
	enqueue_after(w, pop(w), j->pause_ms);
}

/* There is room now, and what it is about is under way. */
static void
on_written(void *arg)
{
	struct ag_work *w = arg;

	w->queue->no_room = false;
	w->queue->pause_ms = 0;
}

static void
failed(struct ag_work *w, struct job *j, enum base_err e)
{
	snprintf(j->why, sizeof j->why, "%s", base_why());
	/* nor is the CA's absence a failure of the agent's own connections */
	if ((j->order.steps & WIRE_STEP_JOIN && e != BASE_E_AGAIN) ||
	    (is_own(j) && e == BASE_E_AGAIN) || clock_holds(w)) {
		base_log(BASE_INFO, "%s: not live yet: %s", j->root->name,
		    j->why);
		enqueue_after(w, pop(w), w->c.conf->later_ms);
		return;
	}
	if (e == BASE_E_AGAIN) {
		no_room(w, j);
		return;
	}
	base_log(BASE_WARNING, "%s: epoch %llu: %s", j->root->name,
	    (unsigned long long)j->order.epoch, j->why);
	j->no_room = false;
	j->back = true;
	j->stale = e == BASE_E_EXPIRED;
	if (put_back(w, j))
		return; /* still first in the queue */
	settle_failed(w, j);
	ag_job_free(pop(w));
}

/* As the store says, whatever an application says to it. */
static void
put_right(struct ag_work *w, struct job *j, enum base_err e)
{
	if (e != BASE_OK)
		base_log(BASE_WARNING, "%s: %s", j->root->name, base_why());
	if (j->back)
		settle_failed(w, j);
	else
		ag_stock_soon(w);
	if (e == BASE_E_AGAIN && j->plain) {
		no_room(w, j);
		return;
	}
	if (e == BASE_E_AGAIN)
		ag_job_tidy_later(w, j->root);
	ag_job_free(pop(w));
}

static void
on_live(void *arg, enum base_err e, enum wire_proof proof)
{
	struct ag_work *w = arg;
	struct job *j = w->queue;

	w->live = NULL;
	w->self = NULL;
	if (j->plain || j->back) {
		put_right(w, j, e);
	} else if (e == BASE_OK) {
		ag_job_settle(w, j, WIRE_EFFECTIVE, proof);
		ag_job_free(pop(w));
	} else {
		failed(w, j, e);
	}
	start_next(w);
}

static void
begin(struct ag_work *w, struct job *j)
{
	struct wire_order *o = j->plain || j->back ? NULL : &j->order;

	if (j->plain && j->told == NULL)
		j->told = base_alloc((w->c.conf->napps + 1) * sizeof *j->told);
	if (is_own(j))
		w->self = ag_self_start(&(struct ag_self_conf){
		    .eb = w->c.eb,
		    .conf = w->c.conf,
		    .holdings = w->c.holdings,
		    .order = o,
		    .port = w->c.port == NULL ? 0 : w->c.port(w->c.arg),
		    .tls = w->c.tls,
		    .tls_arg = w->c.arg,
		    .done = on_live,
		    .arg = w,
		});
	else
		w->live = ag_live_start(&(struct ag_live_conf){
		    .eb = w->c.eb,
		    .conf = w->c.conf,
		    .holdings = w->c.holdings,
		    .root = j->root->name,
		    .order = o,
		    .undone = j->back ? &j->order : NULL,
		    .held = j->no_room,
		    .told = j->told,
		    .written = on_written,
		    .done = on_live,
		    .arg = w,
		});
}

static void
start_next(struct ag_work *w)
{
	int64_t now = base_mono_now().ms, first = INT64_MAX;
	struct job *j, *end = NULL;

	if (is_busy(w) || w->queue == NULL)
		return;
	/* those that pause go to the back; each is looked at once */
	while ((j = w->queue) != end && j->not_before.ms > now) {
		first = j->not_before.ms < first ? j->not_before.ms : first;
		end = end == NULL ? j : end;
		ag_job_enqueue(w, pop(w));
	}
	if (j->not_before.ms > now) {
		set_timer(w->wake, (uint32_t)(first - now));
		return;
	}
	evtimer_del(w->wake);
	if (!j->plain && !j->back && clock_holds(w)) {
		j->not_before.ms = now + w->c.conf->later_ms;
		ag_job_enqueue(w, pop(w));
		return;
	}
	begin(w, j);
}

struct job *
ag_job_new(struct ag_root *r, struct wire_order *o)
{
	struct job *j = base_alloc(sizeof *j);

	j->root = r;
	if (o == NULL) {
		j->plain = true;
		return j;
	}
	j->order = *o;
	memset(o, 0, sizeof *o);
	return j;
}

void
ag_job_supersede(struct ag_work *w, const struct ag_root *r)
{
	struct job **p = &w->queue, *j;

	if (is_busy(w) && w->queue->root == r) {
		ag_live_cancel(w->live);
		ag_self_cancel(w->self);
		w->live = NULL;
		w->self = NULL;
		set_timer(w->wake, 0);
	}
	while ((j = *p) != NULL) {
		if (j->root != r) {
			p = &j->next;
			continue;
		}
		*p = j->next;
		ag_job_free(j);
	}
}

bool
ag_job_is_queued(const struct ag_work *w, const struct ag_root *r)
{
	const struct job *j = w->queue;

	while (j != NULL && j->root != r)
		j = j->next;
	return j != NULL;
}

bool
ag_job_only_asks(const struct ag_work *w, const struct ag_root *r)
{
	const struct job *j = w->queue;

	while (j != NULL && (j->root != r || j->plain))
		j = j->next;
	return j != NULL && j->order.steps == 0;
}

/* ---- begin, end ---- */

struct ag_work *
ag_work_new(const struct ag_work_conf *c)
{
	struct ag_work *w = base_alloc(sizeof *w);

	w->c = *c;
	w->again_ms = c->conf->retry_ms;
	w->wake = evtimer_new(c->eb, on_wake, w);
	w->again = evtimer_new(c->eb, on_again, w);
	if (w->wake == NULL || w->again == NULL ||
	    RAND_bytes(w->boot.id, sizeof w->boot.id) != 1)
		base_die("work: out of memory");
	ag_stock_open(w);
	return w;
}

void
ag_work_free(struct ag_work *w)
{
	if (w == NULL)
		return;
	ag_live_cancel(w->live);
	ag_self_cancel(w->self);
	while (w->queue != NULL)
		ag_job_free(pop(w));
	ag_stock_close(w);
	event_free(w->wake);
	event_free(w->again);
	free(w);
}

void
ag_job_answer_all(struct ag_work *w)
{
	w->again_ms = w->c.conf->retry_ms;
	set_timer(w->again, 0);
}
