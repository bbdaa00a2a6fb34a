/*
 * agentd/dial: one peer whom this agent calls: the CA or a relay that it
 * polls, or a node that it pushes to. Two connections: one hangs in a poll,
 * one sends what comes up meanwhile. Used by net.c.
 */
#include <stdlib.h>
#include <string.h>

#include "agentd/net_impl.h"

#define BACKOFF_MAX 16u
/* An empty answer before its time means that the peer does not hold polls. */
#define QUICK_MS 200

struct lane {
	struct ag_dial *dial;
	bool poll;
	struct wire_client *client; /* NULL: no context yet */
	struct event *timer;
	struct wire_exchange out; /* under way */
	struct base_mono begun;
	uint32_t pause_ms;
	bool failing;
};

struct ag_dial {
	struct ag_net *net;
	struct ag_dial_conf c;
	struct lane lane[2]; /* poll, send */
};

static void
after(struct lane *l, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (evtimer_add(l->timer, &tv) != 0)
		base_die("dial: out of memory");
}

static enum base_err
fill(void *arg, SSL *ssl, struct base_buf *body)
{
	struct lane *l = arg;

	return ag_net_body(l->dial->net, &l->out, ssl, body);
}

static void
lane_failed(struct lane *l)
{
	struct ag_dial *d = l->dial;
	uint32_t first = d->net->c.conf->retry_ms;

	base_log(l->failing ? BASE_DEBUG : BASE_WARNING, "%s: %s", d->c.peer,
	    base_why());
	l->failing = true;
	ag_relay_back(d->net->relay, d->c.peer, &l->out);
	wire_exchange_clear(&l->out);
	after(l, l->pause_ms);
	l->pause_ms = l->pause_ms * 2 > first * BACKOFF_MAX
	    ? first * BACKOFF_MAX
	    : l->pause_ms * 2;
}

static enum base_err
read_answer(struct lane *l, int status, struct base_span body,
    struct wire_exchange *x)
{
	const char *peer = l->dial->c.peer;
	enum base_err e;

	if (status != 200)
		return base_fail(BASE_E_DENIED, "HTTP %d: %.*s", status,
		    (int)(body.n > 200 ? 200 : body.n), (const char *)body.p);
	if ((e = wire_exchange_parse(body, x)) != BASE_OK)
		return e;
	if (strcmp(x->from, peer) != 0)
		return base_fail(BASE_E_DENIED, "answers as %s", x->from);
	return BASE_OK;
}

static void
on_done(void *arg, enum base_err e, int status, struct base_span body)
{
	struct lane *l = arg;
	struct ag_dial *d = l->dial;
	struct wire_exchange x = { 0 };
	bool quick;

	if (e == BASE_OK)
		e = read_answer(l, status, body, &x);
	if (e != BASE_OK) {
		lane_failed(l);
		wire_exchange_clear(&x);
		return;
	}
	if (l->failing)
		base_log(BASE_NOTICE, "%s: reached again", d->c.peer);
	l->failing = false;
	l->pause_ms = d->net->c.conf->retry_ms;
	ag_net_handed(d->net, &l->out);
	wire_exchange_clear(&l->out);
	quick = x.nparcels == 0 && base_mono_now().ms - l->begun.ms < QUICK_MS;
	if (l->poll)
		after(l, quick ? QUICK_MS : 0);
	else if (ag_relay_has(d->net->relay, d->c.peer))
		after(l, 0);
	ag_net_take(d->net, d->c.peer, &x);
	wire_exchange_clear(&x);
}

static enum base_err
lane_open(struct lane *l)
{
	struct ag_dial *d = l->dial;
	uint32_t wait = l->poll ? d->net->c.conf->wait_ms : 0;
	SSL_CTX *ctx;
	enum base_err e;

	if (l->client != NULL)
		return BASE_OK;
	if ((e = ag_end_ctx(d->net, &d->c.end, &ctx)) != BASE_OK)
		return e;
	e = wire_client_open(d->net->c.eb,
	    &(struct wire_client_conf){
		.address = d->c.address,
		.peer = d->c.peer,
		.ctx = ctx,
		.answer_ms = wait + 15000,
		.max_body = AG_BODY_MAX,
	    },
	    &l->client);
	SSL_CTX_free(ctx);
	return e;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct lane *l = arg;
	struct ag_dial *d = l->dial;
	struct wire_call call = {
		.path = WIRE_PATH_EXCHANGE,
		.before = fill,
		.done = on_done,
		.arg = l,
	};
	enum base_err e;

	(void)fd;
	(void)what;
	if (l->client != NULL && wire_client_is_busy(l->client))
		return;
	if (!l->poll && !ag_relay_has(d->net->relay, d->c.peer))
		return;
	if (!l->poll)
		ag_relay_take(d->net->relay, d->c.peer, base_time_now(),
		    &l->out);
	l->out.wait_ms = l->poll ? d->net->c.conf->wait_ms : 0;
	l->begun = base_mono_now();
	if ((e = lane_open(l)) != BASE_OK ||
	    (e = wire_client_call(l->client, &call)) != BASE_OK)
		lane_failed(l);
}

struct ag_dial *
ag_dial_new(struct ag_net *n, const struct ag_dial_conf *c)
{
	struct ag_dial *d = base_alloc(sizeof *d);

	d->net = n;
	d->c = *c;
	for (size_t i = 0; i < 2; i++) {
		struct lane *l = &d->lane[i];

		l->dial = d;
		l->poll = i == 0;
		l->pause_ms = n->c.conf->retry_ms;
		l->timer = evtimer_new(n->c.eb, on_timer, l);
		if (l->timer == NULL)
			base_die("dial: out of memory");
	}
	after(&d->lane[0], 0);
	after(&d->lane[1], 0); /* what was kept over a restart */
	return d;
}

bool
ag_dial_is_to(const struct ag_dial *d, const char *peer)
{
	return strcmp(d->c.peer, peer) == 0;
}

void
ag_dial_flush(struct ag_dial *d)
{
	struct lane *l = &d->lane[1];

	/* a failing peer is called when its pause is over */
	if (!l->failing || !evtimer_pending(l->timer, NULL))
		after(l, 0);
}

void
ag_dial_refresh(struct ag_dial *d, const char *root)
{
	SSL_CTX *ctx;

	if (!ag_end_uses(&d->c.end, root))
		return;
	if (ag_end_ctx(d->net, &d->c.end, &ctx) != BASE_OK) {
		base_log(BASE_WARNING, "%s: %s", d->c.peer, base_why());
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (d->lane[i].client != NULL)
			wire_client_set_ctx(d->lane[i].client, ctx);
	SSL_CTX_free(ctx);
}

void
ag_dial_free(struct ag_dial *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < 2; i++) {
		wire_client_close(d->lane[i].client);
		wire_exchange_clear(&d->lane[i].out);
		event_free(d->lane[i].timer);
	}
	free(d);
}
