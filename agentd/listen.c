/*
 * agentd/listen: a port on which the CA, or neighbours, call. A call that
 * finds nothing for it hangs until something comes or its wait is over. Used
 * by net.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agentd/net_impl.h"
#include "agentd/self.h"

#define WAITERS_MAX 1024

struct waiter {
	LIST_ENTRY(waiter) entry;
	struct ag_listen *listen;
	struct wire_request *request;
	struct event *timer;
	char peer[BASE_NAME_MAX + 1];
};

struct ag_listen {
	struct ag_net *net;
	struct ag_end end;
	const char *address;
	struct wire_server *server; /* NULL: no certificate yet */
	LIST_HEAD(, waiter) waiters;
	size_t nwaiters;
};

/* ---- answers -------------------------------------------------------------------- */

static void
refuse(struct wire_request *r, int status)
{
	const char *why = base_why();

	wire_request_answer(r, status,
	    (struct base_span){ (const uint8_t *)why, strlen(why) });
}

static void
answer(struct ag_listen *l, struct wire_request *r, const char *peer)
{
	struct wire_exchange x = { 0 };
	struct base_buf body;

	base_buf_init(&body, AG_BODY_MAX);
	ag_relay_take(l->net->relay, peer, base_time_now(), &x);
	if (ag_net_body(l->net, &x, NULL, &body) != BASE_OK) {
		base_log(BASE_ERR, "%s: %s", peer, base_why());
		ag_relay_back(l->net->relay, peer, &x);
		refuse(r, 500);
	} else {
		wire_request_answer(r, 200, base_buf_span(&body));
		ag_net_handed(l->net, &x);
	}
	wire_exchange_clear(&x);
	base_buf_free(&body);
}

static void
waiter_free(struct waiter *w)
{
	LIST_REMOVE(w, entry);
	w->listen->nwaiters--;
	event_free(w->timer);
	free(w);
}

static void
waiter_answer(struct waiter *w)
{
	struct ag_listen *l = w->listen;
	struct wire_request *r = w->request;
	char peer[BASE_NAME_MAX + 1];

	strcpy(peer, w->peer);
	waiter_free(w);
	answer(l, r, peer);
}

static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	waiter_answer(arg);
}

static struct waiter *
waiter_find(const struct ag_listen *l, const char *peer)
{
	struct waiter *w;

	LIST_FOREACH(w, &l->waiters, entry)
		if (strcmp(w->peer, peer) == 0)
			return w;
	return NULL;
}

void
ag_listen_flush(struct ag_listen *l, const char *peer)
{
	struct waiter *w = waiter_find(l, peer);

	if (w != NULL)
		waiter_answer(w);
}

/* ---- requests --------------------------------------------------------------------- */

static void
hold(struct ag_listen *l, struct wire_request *r, const char *peer,
    uint32_t wait_ms)
{
	struct waiter *w = waiter_find(l, peer);
	struct timeval tv = { wait_ms / 1000,
		(suseconds_t)(wait_ms % 1000) * 1000 };

	/* one waiting call per peer: an earlier one is stale */
	if (w != NULL)
		waiter_answer(w);
	if (l->nwaiters == WAITERS_MAX) {
		answer(l, r, peer);
		return;
	}
	w = base_alloc(sizeof *w);
	w->listen = l;
	w->request = r;
	strcpy(w->peer, peer);
	w->timer = evtimer_new(l->net->c.eb, on_wait_over, w);
	if (w->timer == NULL || evtimer_add(w->timer, &tv) != 0)
		base_die("listen: out of memory");
	LIST_INSERT_HEAD(&l->waiters, w, entry);
	l->nwaiters++;
	wire_request_set_data(r, w);
}

/* The CA shows its management identity in TLS; a neighbour proves itself by
 * its hello, whatever its link's certificate says. */
static enum base_err
who(const struct ag_listen *l, const struct wire_exchange *x, SSL *ssl)
{
	char node[BASE_NAME_MAX + 1];
	enum base_err e;

	if (!l->end.management) {
		if ((e = ag_net_hello(l->net, x, ssl)) != BASE_OK)
			return e;
		if (!ag_config_accepts(l->net->c.conf, x->from))
			return base_fail(BASE_E_DENIED,
			    "%s is not in relay.accept of %s; add it there if "
			    "it is to have its orders from here",
			    x->from, l->net->c.conf->node);
		return BASE_OK;
	}
	if ((e = wire_tls_peer_node(ssl, node)) != BASE_OK)
		return e;
	if (strcmp(node, "ca") != 0 || strcmp(x->from, "ca") != 0)
		return base_fail(BASE_E_DENIED, "%s is not the CA", node);
	return BASE_OK;
}

/* The agent's own probe (agentd/self.c), with a certificate of this node. */
static bool
is_self(const struct ag_listen *l, struct wire_request *r)
{
	char node[BASE_NAME_MAX + 1];

	return l->end.management &&
	    wire_tls_peer_node(wire_request_ssl(r), node) == BASE_OK &&
	    strcmp(node, l->net->c.conf->node) == 0;
}

static void
on_request(void *arg, struct wire_request *r, const char *path,
    struct base_span body)
{
	struct ag_listen *l = arg;
	struct wire_exchange x = { 0 };
	enum base_err e;

	if (is_self(l, r)) {
		wire_request_answer(r, 200,
		    (struct base_span){ (const uint8_t *)AG_SELF_WORD,
			sizeof(AG_SELF_WORD) - 1 });
		return;
	}

	if (strcmp(path, WIRE_PATH_JOIN) == 0 && !l->end.management) {
		ag_porch_request(l->net->porch, r, body);
		return;
	}
	if (strcmp(path, WIRE_PATH_EXCHANGE) != 0)
		e = base_fail(BASE_E_DENIED, "only the CA answers a join");
	else if ((e = wire_exchange_parse(body, &x)) == BASE_OK)
		e = who(l, &x, wire_request_ssl(r));
	if (e != BASE_OK) {
		base_log(BASE_WARNING, "listen: refused: %s", base_why());
		refuse(r, e == BASE_E_DENIED || e == BASE_E_CRYPTO ? 403 : 400);
		goto out;
	}
	wire_request_vouch(r);
	/* Answer first: what we take may have an answer of its own, and that
	 * finds this call waiting. */
	if (x.wait_ms == 0 || ag_relay_has(l->net->relay, x.from))
		answer(l, r, x.from);
	else
		hold(l, r, x.from,
		    x.wait_ms > WIRE_WAIT_MAX ? WIRE_WAIT_MAX : x.wait_ms);
	ag_net_take(l->net, x.from, &x);
out:
	wire_exchange_clear(&x);
}

static void
on_gone(void *arg, struct wire_request *r)
{
	const struct ag_listen *l = arg;
	struct waiter *w = wire_request_data(r);

	if (w != NULL && !ag_porch_gone(l->net->porch, r))
		waiter_free(w);
}

/* ---- begin, change, end -------------------------------------------------------------- */

static enum base_err
open_server(struct ag_listen *l, SSL_CTX *ctx)
{
	struct wire_server_conf c = {
		.address = l->address,
		.ctx = ctx,
		.demand_peer = l->end.management,
		.max_body = AG_BODY_MAX,
		/* the first exchange, which carries the hello, may be long:
		 * so the fewer before it */
		.strangers = { .max = 64,
		    .max_per_address = 16,
		    .max_body = AG_BODY_MAX },
		.on_request = on_request,
		.on_gone = on_gone,
		.arg = l,
	};
	enum base_err e = wire_server_open(l->net->c.eb, &c, &l->server);

	if (e == BASE_OK)
		base_log(BASE_NOTICE, "%s: listening on %s, port %u",
		    l->end.management ? "management" : "relay", l->address,
		    (unsigned int)wire_server_port(l->server));
	return e;
}

enum base_err
ag_listen_new(struct ag_net *n, const char *address, const struct ag_end *end,
    struct ag_listen **out)
{
	struct ag_listen *l = base_alloc(sizeof *l);
	SSL_CTX *ctx = NULL;
	enum base_err e;

	l->net = n;
	l->end = *end;
	l->address = address;
	LIST_INIT(&l->waiters);
	e = ag_end_ctx(n, end, &ctx);
	if (e == BASE_OK) {
		e = open_server(l, ctx);
	} else if (e == BASE_E_STATE) {
		base_log(BASE_WARNING, "%s: not opened: %s", address,
		    base_why());
		e = BASE_OK;
	}
	SSL_CTX_free(ctx);
	if (e == BASE_OK) {
		*out = l;
		l = NULL;
	}
	ag_listen_free(l);
	return e;
}

void
ag_listen_refresh(struct ag_listen *l, const char *root)
{
	SSL_CTX *ctx = NULL;

	if (!ag_end_uses(&l->end, root))
		return;
	if (ag_end_ctx(l->net, &l->end, &ctx) != BASE_OK ||
	    (l->server == NULL && open_server(l, ctx) != BASE_OK)) {
		base_log(BASE_WARNING, "%s: %s", l->address, base_why());
		SSL_CTX_free(ctx);
		return;
	}
	/* waiting calls get their empty answer, so that their connections end
	 * in peace */
	while (!LIST_EMPTY(&l->waiters))
		waiter_answer(LIST_FIRST(&l->waiters));
	if (!l->end.management)
		ag_porch_clear(l->net->porch);
	wire_server_set_ctx(l->server, ctx, AG_DRAIN_MS);
	SSL_CTX_free(ctx);
}

uint16_t
ag_listen_port(const struct ag_listen *l)
{
	return l->server == NULL ? 0 : wire_server_port(l->server);
}

void
ag_listen_free(struct ag_listen *l)
{
	if (l == NULL)
		return;
	wire_server_close(l->server);
	while (!LIST_EMPTY(&l->waiters))
		waiter_free(LIST_FIRST(&l->waiters));
	free(l);
}
