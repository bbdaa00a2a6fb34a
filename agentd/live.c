/*
 * agentd/live: makes the present versions live in every application that
 * uses a root, one application after the other, and proves it. Used by
 * job.c and agent.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "agentd/agent.h"
#include "agentd/probe.h"
#include "agentd/proc.h"

#define PAUSE_FIRST_MS 20u
#define PAUSE_MAX_MS   500u
#define ATTEMPT_MS     2000u

/* The old canary must be refused, and the new one still accepted right after:
 * an application that refuses everybody proves nothing. */
enum which {
	P_NEW,
	P_OLD,
	P_NEW_AGAIN,
	PROBES
};

enum stage {
	S_WRITE, /* for all at once */
	S_RENDER,
	S_CHECK,
	S_RELOAD,
	S_OLD,
	S_PROBE,
	S_SETTLE,
	S_NEXT
};

struct ag_live {
	struct ag_live_conf c;
	size_t app;
	enum stage stage;
	size_t probe; /* side * PROBES + which */
	struct event *timer;
	struct base_mono deadline;
	uint32_t pause_ms;
	bool ended;
	bool *changed; /* owned; files, by application */
	bool *told; /* c.told, or behind changed */
	bool written; /* those of all */
	bool no_room; /* for some application's files */
	struct ag_pids old;
	struct ag_proc *proc;
	struct ag_probe *attempt;
	char refused[300]; /* what the last attempt met; "" nothing */
	enum wire_proof proof;
	enum base_err result;
	char why[400];
};

static const struct ag_app *
app_of(const struct ag_live *l)
{
	return &l->c.conf->apps[l->app];
}

static void
after(struct ag_live *l, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (evtimer_add(l->timer, &tv) != 0)
		base_die("live: out of memory");
}

/* Goes to a stage; its time starts now. */
static void
enter(struct ag_live *l, enum stage s)
{
	l->stage = s;
	l->pause_ms = PAUSE_FIRST_MS;
	l->deadline = base_mono_now();
	l->deadline.ms += app_of(l)->deadline_ms;
	after(l, 0);
}

static void
end(struct ag_live *l, enum base_err e)
{
	/* putting back goes on to the next application, whatever one says */
	if (l->c.order == NULL && e != BASE_OK) {
		base_log(BASE_WARNING, "%s", base_why());
		enter(l, S_NEXT);
		return;
	}
	l->ended = true;
	/* these two are no word of an application */
	l->result =
	    e == BASE_E_EXPIRED || e == BASE_E_AGAIN ? BASE_E_REFUSED : e;
	if (e != BASE_OK)
		strncpy(l->why, base_why(), sizeof l->why - 1);
	after(l, 0);
}

/* When all others are put back, it is told. */
static void
end_no_room(struct ag_live *l)
{
	l->no_room = true;
	strncpy(l->why, base_why(), sizeof l->why - 1);
	end(l, BASE_E_AGAIN);
	if (l->c.order != NULL)
		l->result = BASE_E_AGAIN;
}

/* The canary is dead. What was shown before that and refused is a failure. */
static void
end_stale(struct ag_live *l)
{
	if (l->refused[0] != '\0') {
		end(l, base_fail(BASE_E_REFUSED, "%s", l->refused));
		return;
	}
	end(l,
	    base_fail(BASE_E_EXPIRED,
		"canary expired before it was shown; is this node's clock "
		"right?"));
	l->result = BASE_E_EXPIRED;
}

static void
weaken(struct ag_live *l, enum wire_proof p)
{
	if (p < l->proof)
		l->proof = p;
}

/* Not yet: again after a pause, until the deadline of the stage. */
static void
again(struct ag_live *l, enum base_err e)
{
	if (base_mono_now().ms >= l->deadline.ms) {
		end(l, base_fail(e, "%s: %s", app_of(l)->name, base_why()));
		return;
	}
	after(l, l->pause_ms);
	l->pause_ms =
	    l->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : l->pause_ms * 2;
}

/* A join may meet an application that is just starting and has missed its
 * reload: soon another one is due. */
static void
enter_old(struct ag_live *l)
{
	l->told[l->app] = true;
	enter(l, S_OLD);
	if (l->c.order != NULL && l->c.order->steps & WIRE_STEP_JOIN &&
	    app_of(l)->deadline_ms > ATTEMPT_MS)
		l->deadline.ms -= app_of(l)->deadline_ms - ATTEMPT_MS;
}

/* ---- commands ------------------------------------------------------------------ */

/* By what the application reads its files; a kick ends its sessions, too. */
static bool
is_kicked(const struct ag_live *l)
{
	const struct wire_order *o =
	    l->c.order != NULL ? l->c.order : l->c.undone;

	return o != NULL && app_of(l)->kick != NULL &&
	    ag_app_must_kick(app_of(l), o);
}

static const char *
command_name(const struct ag_live *l)
{
	return l->stage == S_CHECK ? "check" : is_kicked(l) ? "kick" : "reload";
}

static void
on_command(void *arg, enum base_err e, struct base_span output)
{
	struct ag_live *l = arg;

	(void)output;
	l->proc = NULL;
	if (e == BASE_OK) {
		if (l->stage == S_CHECK)
			enter(l, S_RELOAD);
		else
			enter_old(l);
		return;
	}
	base_log(BASE_WARNING, "%s: %s: %s", app_of(l)->name, command_name(l),
	    base_why());
	end(l,
	    base_fail(e, "%s: %s: %s", app_of(l)->name, command_name(l),
		base_why()));
}

static void
command(struct ag_live *l, char *const *argv)
{
	l->proc = ag_proc_run(&(struct ag_proc_conf){
	    .eb = l->c.eb,
	    .argv = argv,
	    .deadline_ms = app_of(l)->deadline_ms,
	    .done = on_command,
	    .arg = l,
	});
}

static void
step_reload(struct ag_live *l)
{
	const struct ag_app *a = app_of(l);
	enum base_err e = BASE_OK;

	memset(&l->old, 0, sizeof l->old);
	if (a->pidfile != NULL)
		e = ag_pids_take(a->pidfile, &l->old);
	if (e != BASE_OK && a->signal != 0 && l->old.main == 0 &&
	    !is_kicked(l)) {
		again(l, BASE_E_STATE);
		return;
	}
	if (e != BASE_OK) {
		base_log(BASE_WARNING,
		    "%s: %s; nobody knows which processes hold the old files: "
		    "not waited for, proven by reload only",
		    a->name, base_why());
		weaken(l, WIRE_PROOF_RELOAD);
	}
	if (is_kicked(l) || a->reload != NULL) {
		command(l, is_kicked(l) ? a->kick : a->reload);
		return;
	}
	if (a->signal != 0 && kill(l->old.main, a->signal) != 0) {
		base_fail(BASE_E_IO, "signal to process %d: %m",
		    (int)l->old.main);
		again(l, BASE_E_IO);
		return;
	}
	enter_old(l);
}

static void
step_old(struct ag_live *l)
{
	const struct ag_app *a = app_of(l);

	if (a->pidfile == NULL || !ag_pids_has_old(&l->old, a->pidfile)) {
		l->probe = 0;
		enter(l, l->c.order == NULL ? S_NEXT : S_PROBE);
		return;
	}
	if (l->c.order == NULL) { /* putting back waits for nobody */
		enter(l, S_NEXT);
		return;
	}
	l->pause_ms = PAUSE_FIRST_MS;
	base_fail(BASE_E_TIMEOUT,
	    "processes that hold the old files still run; let the "
	    "application end them (worker_shutdown_timeout, "
	    "hard-stop-after)");
	again(l, BASE_E_TIMEOUT);
}

/* ---- probe ------------------------------------------------------------------------ */

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static X509 *
canary(const struct wire_order *o, uint32_t generation)
{
	for (size_t i = 0; i < o->ncanary; i++)
		if (o->canary[i].generation == generation)
			return o->canary[i].cert;
	return NULL;
}

static bool
is_expired(const X509 *x)
{
	time_t now = (time_t)(base_time_now().ms / 1000);

	return x != NULL &&
	    ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), now) <= 0;
}

/* What a side can be shown: the canary when its verifying root is the one
 * that changes, else the node's own certificate under that root, if any. */
static void
choose_shown(const struct ag_live *l, const struct ag_side *d,
    struct ag_probe_conf *p)
{
	const struct ag_root *r =
	    ag_holdings_find(l->c.holdings, d->verify_root);
	X509 *x = NULL;

	if (r == NULL || r->bundle == NULL)
		return;
	if (same(d->verify_root, l->c.root))
		x = canary(l->c.order, l->c.order->to);
	/* in a join the own certificate proves as much, and stays good */
	if (l->c.order->steps & WIRE_STEP_JOIN && is_expired(x))
		x = NULL;
	if (x == NULL && r->bundle->cert != NULL &&
	    ag_bundle_trust(r->bundle, r->bundle->cert_gen) != NULL)
		x = r->bundle->cert;
	p->shown = x;
	p->key = ag_root_key(r, x);
}

static bool
must_refuse(const struct ag_live *l, const struct ag_side *d)
{
	const struct wire_order *o = l->c.order;

	return o->steps & WIRE_STEP_FINISH && o->from != o->to &&
	    same(d->verify_root, l->c.root);
}

/* Whether there is something to probe, and what. */
static bool
plan_probe(const struct ag_live *l, struct ag_probe_conf *p)
{
	const struct ag_app *a = app_of(l);
	const struct ag_side *d = &a->side[l->probe / PROBES];
	const struct ag_root *shows = ag_holdings_find(l->c.holdings, d->root);
	X509 *old = canary(l->c.order, l->c.order->from);

	*p = (struct ag_probe_conf){ .eb = l->c.eb, .side = d };
	p->timeout_ms =
	    a->deadline_ms < ATTEMPT_MS ? a->deadline_ms : ATTEMPT_MS;
	if (!d->on || a->proof != WIRE_PROOF_PROBE ||
	    (!same(d->root, l->c.root) && !same(d->verify_root, l->c.root)))
		return false;
	if (l->probe % PROBES != P_NEW && !(must_refuse(l, d) && old != NULL))
		return false;
	choose_shown(l, d, p);
	if (l->probe % PROBES == P_OLD) {
		p->refuse = true;
		p->shown = old;
		return true;
	}
	if (shows != NULL && shows->bundle != NULL) {
		p->leaf = shows->bundle->cert;
		p->link = ag_bundle_link(shows->bundle, d->client);
	}
	p->bytes = d->verify_root == NULL || p->shown != NULL;
	return true;
}

static void
next_probe(struct ag_live *l)
{
	l->probe++;
	if (l->probe == 2 * PROBES) {
		enter(l, S_SETTLE);
		after(l, app_of(l)->settle_ms);
	} else if (l->probe % PROBES == P_NEW_AGAIN) {
		after(l, 0); /* one proof, one deadline */
	} else {
		enter(l, S_PROBE);
	}
}

static void
on_probe(void *arg, enum base_err e)
{
	struct ag_live *l = arg;

	l->attempt = NULL;
	if (e == BASE_OK) {
		l->refused[0] = '\0';
		next_probe(l);
		return;
	}
	if (l->probe % PROBES == P_NEW_AGAIN) {
		l->probe--;
		base_fail(e,
		    "right after it has refused the old generation: %s",
		    base_why());
	}
	base_log(BASE_DEBUG, "%s: probe: %s", app_of(l)->name, base_why());
	snprintf(l->refused, sizeof l->refused, "%s: %s", app_of(l)->name,
	    base_why());
	again(l, e);
}

static void
step_probe(struct ag_live *l)
{
	struct ag_probe_conf p;

	if (!plan_probe(l, &p)) {
		/* no probe at all, or no old canary that it could refuse */
		if (app_of(l)->proof != WIRE_PROOF_PROBE ||
		    (l->probe % PROBES == P_OLD && p.side->on &&
			must_refuse(l, p.side)))
			weaken(l, WIRE_PROOF_RELOAD);
		next_probe(l);
		return;
	}
	/* no certificate that the application would accept: nothing to show */
	if (p.side->client && p.shown == NULL) {
		weaken(l, WIRE_PROOF_RELOAD);
		next_probe(l);
		return;
	}
	/* only the served leaf was looked at */
	if (!p.bytes && !p.refuse)
		weaken(l, WIRE_PROOF_RELOAD);
	if (is_expired(p.shown)) {
		end_stale(l);
		return;
	}
	p.done = on_probe;
	p.arg = l;
	l->attempt = ag_probe_start(&p);
}

/* ---- the chain of stages ------------------------------------------------------------ */

/* Before anybody is told anything. */
static void
step_write(struct ag_live *l)
{
	enum base_err e =
	    ag_render_root(l->c.holdings, l->c.conf, l->c.root, l->changed);

	/* some are in their places, whatever came after that */
	for (size_t i = 0; i < l->c.conf->napps; i++)
		l->told[i] = l->told[i] && !l->changed[i];
	if (e == BASE_E_AGAIN) {
		l->app = l->c.conf->napps - 1; /* whatever it is, the last */
		end_no_room(l);
		return;
	}
	/* putting right goes by one application after the other */
	if (e != BASE_OK && l->c.order != NULL) {
		end(l, e);
		return;
	}
	l->written = e == BASE_OK;
	if (l->written && l->c.written != NULL)
		l->c.written(l->c.arg);
	enter(l, S_RENDER);
}

static void
step_render(struct ag_live *l)
{
	const struct ag_app *a = app_of(l);
	enum base_err e = BASE_OK;

	if (!ag_app_uses(a, l->c.root)) {
		enter(l, S_NEXT);
		return;
	}
	if (!l->written)
		e = ag_render_app(l->c.holdings, a, &l->changed[l->app]);
	l->told[l->app] = l->told[l->app] && !l->changed[l->app];
	if (e == BASE_E_AGAIN) {
		end_no_room(l);
		return;
	}
	if (e != BASE_OK) {
		end(l, e);
		return;
	}
	base_log(BASE_INFO, "%s: files %s", a->name,
	    l->changed[l->app] ? "rendered" : "are as they should be");
	if (l->told[l->app]) {
		enter(l, S_NEXT);
		return;
	}
	/* who only asks gets an answer, and no application is disturbed */
	if (!l->changed[l->app] && !l->c.held && l->c.order != NULL &&
	    l->c.order->steps == 0) {
		l->probe = 0;
		enter(l, S_PROBE);
		return;
	}
	enter(l, S_CHECK);
}

static void
step_next(struct ag_live *l)
{
	if (++l->app == l->c.conf->napps) {
		end(l, BASE_OK);
		if (l->no_room)
			l->result = BASE_E_AGAIN;
		return;
	}
	enter(l, S_RENDER);
}

static void
step(struct ag_live *l)
{
	switch (l->stage) {
	case S_WRITE:
		step_write(l);
		break;
	case S_RENDER:
		step_render(l);
		break;
	case S_CHECK:
		if (app_of(l)->check != NULL && l->c.order != NULL)
			command(l, app_of(l)->check);
		else
			enter(l, S_RELOAD);
		break;
	case S_RELOAD:
		step_reload(l);
		break;
	case S_OLD:
		step_old(l);
		break;
	case S_PROBE:
		step_probe(l);
		break;
	case S_SETTLE:
		enter(l, S_NEXT);
		break;
	case S_NEXT:
		step_next(l);
		break;
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ag_live *l = arg;
	struct ag_live_conf c = l->c;
	enum wire_proof proof = l->proof;
	enum base_err e = l->result;

	(void)fd;
	(void)what;
	if (!l->ended) {
		step(l);
		return;
	}
	if (e != BASE_OK)
		e = base_fail(e, "%s", l->why);
	ag_live_cancel(l);
	c.done(c.arg, e, proof);
}

struct ag_live *
ag_live_start(const struct ag_live_conf *c)
{
	struct ag_live *l = base_alloc(sizeof *l);
	bool some = false;

	l->c = *c;
	l->changed = base_alloc((2 * c->conf->napps + 1) * sizeof *l->changed);
	l->told = c->told != NULL ? c->told : l->changed + c->conf->napps;
	l->timer = evtimer_new(c->eb, on_timer, l);
	if (l->timer == NULL)
		base_die("live: out of memory");
	for (size_t i = 0; i < c->conf->napps; i++)
		some = some || ag_app_uses(&c->conf->apps[i], c->root);
	/* Only the agent's own connections use the root: they are swapped
	 * with the version, and no probe looks at them. */
	l->proof = some ? WIRE_PROOF_PROBE : WIRE_PROOF_RELOAD;
	if (c->conf->napps == 0)
		end(l, BASE_OK);
	else
		enter(l, c->order != NULL || c->held ? S_WRITE : S_RENDER);
	return l;
}

void
ag_live_cancel(struct ag_live *l)
{
	if (l == NULL)
		return;
	ag_proc_cancel(l->proc);
	ag_probe_cancel(l->attempt);
	event_free(l->timer);
	free(l->changed);
	free(l);
}
