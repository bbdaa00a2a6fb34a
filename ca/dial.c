/*
 * ca/dial: the neighbours that the CA dials, two lines to each: one holds a
 * long-poll for its reports, the other takes parcels to it at once. A line
 * that fails, or whose peer answers a poll at once with nothing, rests, longer
 * each time. Used by ca/net.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/net.h"

#define ANSWER_EXTRA_MS 10000

struct line {
	struct wire_client *client;
	struct base_mono called, rests; /* the last call; not before */
	int64_t pause_ms; /* the last one; 0: all is well */
};

struct peer {
	struct peer *next;
	struct ca *ca;
	char name[CA_NAME];
	char address[CA_ADDRESS_MAX];
	struct line send, poll;
	bool reached; /* last call worked */
};

struct ca_dial {
	struct ca *ca;
	SSL_CTX *ctx;
	struct peer *peers;
};

/* ---- calls ---------------------------------- */

static void
line_rest(struct ca *ca, struct line *l)
{
	int64_t first = ca->conf->retry_ms, max = ca->conf->resend_max_ms;
	int64_t ms = l->pause_ms == 0 ? first : 2 * l->pause_ms;

	max = max < first ? first : max;
	l->pause_ms = ms > max ? max : ms;
	l->rests = ca_after(ca, l->pause_ms);
}

/* A poll that ended at once with nothing: the peer does not hold it. */
static bool
is_idle_answer(const struct peer *p, const struct line *l,
    const struct ca_taken *got)
{
	return l == &p->poll && got->reports == 0 &&
	    ca_mono(p->ca).ms - l->called.ms < p->ca->conf->retry_ms;
}

static void
call_came(struct peer *p, struct line *l, enum base_err e, int status,
    struct base_span body)
{
	struct ca_taken got = { .reports = 0 };

	if (e == BASE_OK && status != 200)
		e = base_fail(BASE_E_REFUSED, "status %d: %.*s", status,
		    (int)(body.n > 200 ? 200 : body.n), (const char *)body.p);
	if (e == BASE_OK)
		e = ca_exchange_take(p->ca, p->name, body, &got);
	if (e != BASE_OK && (p->reached || l == &p->send))
		base_log(BASE_NOTICE, "node %s at %s: %s", p->name, p->address,
		    base_why());
	if (e == BASE_OK && !p->reached)
		base_log(BASE_INFO, "node %s at %s: reached", p->name,
		    p->address);
	p->reached = e == BASE_OK;
	if (e != BASE_OK || is_idle_answer(p, l, &got))
		line_rest(p->ca, l);
	else
		l->pause_ms = 0;
	ca_kick(p->ca);
}

static void
send_done(void *arg, enum base_err e, int status, struct base_span body)
{
	struct peer *p = arg;

	call_came(p, &p->send, e, status, body);
}

static void
poll_done(void *arg, enum base_err e, int status, struct base_span body)
{
	struct peer *p = arg;

	call_came(p, &p->poll, e, status, body);
}

static void
peer_call(struct peer *p, struct line *l, uint32_t wait_ms)
{
	struct wire_call call = { .path = WIRE_PATH_EXCHANGE,
		.done = l == &p->poll ? poll_done : send_done,
		.arg = p };
	struct base_buf body;
	enum base_err r;

	base_buf_init(&body, 0);
	l->called = ca_mono(p->ca);
	if ((r = ca_exchange_give(p->ca, p->name, wait_ms, &body)) == BASE_OK) {
		call.body = base_buf_span(&body);
		r = wire_client_call(l->client, &call);
	}
	if (r != BASE_OK) {
		base_log(BASE_ERR, "node %s: %s", p->name, base_why());
		line_rest(p->ca, l);
	}
	base_buf_free(&body);
}

/* ---- peers ---------------------------------- */

static void
peer_free(struct peer *p)
{
	wire_client_close(p->send.client);
	wire_client_close(p->poll.client);
	free(p);
}

static enum base_err
peer_dial(struct ca_dial *d, const struct ca_node *n)
{
	struct peer *p = base_alloc(sizeof(*p));
	const struct ca_conf *conf = d->ca->conf;
	struct wire_client_conf c = {
		.address = n->address,
		.peer = n->name,
		.ctx = d->ctx,
		.connect_ms = conf->connect_ms,
		.answer_ms = conf->poll_wait_ms + ANSWER_EXTRA_MS,
	};
	enum base_err r;

	p->ca = d->ca;
	memcpy(p->name, n->name, sizeof(p->name));
	memcpy(p->address, n->address, sizeof(p->address));
	if ((r = wire_client_open(d->ca->eb, &c, &p->send.client)) == BASE_OK)
		r = wire_client_open(d->ca->eb, &c, &p->poll.client);
	if (r != BASE_OK) {
		peer_free(p);
		return r;
	}
	p->next = d->peers;
	d->peers = p;
	return BASE_OK;
}

static bool
is_to_be_dialled(const struct ca_node *n)
{
	return n->reach == CA_DIRECT && n->address[0] != '\0' &&
	    n->joined.ms != 0;
}

static bool
has_peer(const struct ca_dial *d, const char *name)
{
	for (const struct peer *p = d->peers; p != NULL; p = p->next)
		if (strcmp(p->name, name) == 0)
			return true;
	return false;
}

void
ca_dial_follow(struct ca_dial *d)
{
	const struct ca_topo *t = d->ca->topo;
	struct peer **at = &d->peers, *p;

	while ((p = *at) != NULL) {
		uint32_t i = ca_topo_node(t, p->name);

		if (i != POL_NONE && is_to_be_dialled(&t->nodes[i]) &&
		    strcmp(t->nodes[i].address, p->address) == 0) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		peer_free(p);
	}
	for (size_t i = 0; i < t->nnodes; i++)
		if (is_to_be_dialled(&t->nodes[i]) &&
		    !has_peer(d, t->nodes[i].name) &&
		    peer_dial(d, &t->nodes[i]) != BASE_OK)
			base_log(BASE_WARNING, "node %s: %s", t->nodes[i].name,
			    base_why());
}

/* ---- turns ---------------------------------- */

static struct base_mono
peer_work(struct peer *p, struct base_mono now)
{
	struct base_mono next = CA_NEVER, due;

	if (!wire_client_is_busy(p->poll.client)) {
		if (p->poll.rests.ms <= now.ms)
			peer_call(p, &p->poll, p->ca->conf->poll_wait_ms);
		if (!wire_client_is_busy(p->poll.client))
			next = p->poll.rests;
	}
	due = ca_deliver_due(p->ca->deliver, p->name);
	if (due.ms == INT64_MAX || wire_client_is_busy(p->send.client))
		return next;
	if (due.ms < p->send.rests.ms)
		due = p->send.rests;
	if (due.ms > now.ms)
		return ca_sooner(next, due);
	peer_call(p, &p->send, 0);
	return wire_client_is_busy(p->send.client)
	    ? next
	    : ca_sooner(next, p->send.rests);
}

struct base_mono
ca_dial_work(struct ca_dial *d)
{
	struct base_mono next = CA_NEVER, now = ca_mono(d->ca);

	for (struct peer *p = d->peers; p != NULL; p = p->next)
		next = ca_sooner(next, peer_work(p, now));
	return next;
}

/* ---- opening ---------------------------------- */

struct ca_dial *
ca_dial_new(struct ca *ca, SSL_CTX *ctx)
{
	struct ca_dial *d = base_alloc(sizeof(*d));

	d->ca = ca;
	SSL_CTX_up_ref(ctx);
	d->ctx = ctx;
	return d;
}

void
ca_dial_set_ctx(struct ca_dial *d, SSL_CTX *ctx)
{
	SSL_CTX_up_ref(ctx);
	SSL_CTX_free(d->ctx);
	d->ctx = ctx;
	for (struct peer *p = d->peers; p != NULL; p = p->next) {
		wire_client_set_ctx(p->send.client, ctx);
		wire_client_set_ctx(p->poll.client, ctx);
	}
}

void
ca_dial_free(struct ca_dial *d)
{
	struct peer *next;

	if (d == NULL)
		return;
	for (struct peer *p = d->peers; p != NULL; p = next) {
		next = p->next;
		peer_free(p);
	}
	SSL_CTX_free(d->ctx);
	free(d);
}
