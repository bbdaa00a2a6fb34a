/*
 * HTTPS server of kedged and of listening agents: one POST at a time per
 * connection, answered at once or later (long-poll). One event loop. Here are
 * the listener and its bounds; server_conn.c leads each connection.
 */
#include "wire/server_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/listener.h>
#include <event2/util.h>

#define BODY_MAX ((size_t)4 << 20)

/* ---- new connections ---------------------------------------------------------------------- */

/* A peer is known only once it has shown its certificate, so until then its
 * address has to answer for it. */
static enum base_err
may_connect(const struct wire_server *s, const struct sockaddr *sa)
{
	uint8_t net[WIRE_ADDR_NET];
	const struct conn *c;
	uint32_t k = 0;

	if (s->nconns >= s->conf.max_connections)
		return base_fail(BASE_E_AGAIN, "%u connections are the most",
		    s->conf.max_connections);
	wire_addr_net(sa, net);
	LIST_FOREACH(c, &s->conns, entry)
		k += c->stranger && memcmp(c->net, net, sizeof(net)) == 0;
	if (k >= s->conf.strangers.max_per_address)
		return base_fail(BASE_E_AGAIN,
		    "%u connections without a certificate are the most from "
		    "one address",
		    s->conf.strangers.max_per_address);
	return BASE_OK;
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct wire_server *s = arg;
	char from[64];
	int one = 1;

	(void)l;
	if (may_connect(s, sa) != BASE_OK) {
		wire_addr_format(sa, (socklen_t)len, from);
		base_log(BASE_WARNING, "http: %s: refused: %s", from,
		    base_why());
		close(fd);
		return;
	}
	/* libevent's TLS stalls 40 ms per answer without it */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	wire_conn_new(s, fd, sa, (socklen_t)len);
}

static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	struct wire_server *s = arg;
	struct timeval tv = { .tv_usec = 200000 };

	/* descriptors are short: without a pause this would spin */
	base_log(BASE_ERR, "http: accept: %s",
	    evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	evconnlistener_disable(l);
	if (event_add(s->pause, &tv) != 0)
		base_die("http: a timer cannot be set");
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct wire_server *s = arg;

	(void)fd, (void)what;
	evconnlistener_enable(s->listener);
}

/* ---- public ----------------------------------------------------------------------------------- */

static void
set_default(uint32_t *v, uint32_t or)
{
	*v = *v != 0 ? *v : or ;
}

static void
conf_set(struct wire_server *s, const struct wire_server_conf *c)
{
	struct wire_strangers *x = &s->conf.strangers;

	s->conf = *c;
	s->conf.address = NULL; /* not ours */
	s->conf.max_body = c->max_body != 0 ? c->max_body : BODY_MAX;
	set_default(&s->conf.max_connections, 4096);
	set_default(&s->conf.idle_ms, 120000);
	x->max_body = x->max_body != 0 ? x->max_body : WIRE_JOIN_MAX;
	set_default(&x->max, 256);
	set_default(&x->max_per_address, 64);
	set_default(&x->idle_ms, 5000);
	SSL_CTX_up_ref(s->conf.ctx);
}

static enum base_err
server_listen(struct wire_server *s, const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (wire_addr_parse(address, &ss, &len) != BASE_OK)
		return base_fail(BASE_E_CONFIG, "listen: %s", base_why());
	s->listener = evconnlistener_new_bind(s->eb, on_accept, s,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
	    511, (struct sockaddr *)&ss, (int)len);
	if (s->listener == NULL)
		return base_fail(BASE_E_IO, "listen '%s': %s", address,
		    strerror(errno));
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	if (getsockname(evconnlistener_get_fd(s->listener),
		(struct sockaddr *)&ss, &len) != 0)
		return base_fail(BASE_E_IO, "listen '%s': %s", address,
		    strerror(errno));
	s->port = wire_addr_port((struct sockaddr *)&ss);
	return BASE_OK;
}

enum base_err
wire_server_open(struct event_base *eb, const struct wire_server_conf *c,
    struct wire_server **out)
{
	struct wire_server *s = base_alloc(sizeof(*s));
	enum base_err e;

	s->eb = eb;
	LIST_INIT(&s->conns);
	if ((s->pause = evtimer_new(eb, on_pause_over, s)) == NULL)
		base_die("http: out of memory");
	conf_set(s, c);
	e = server_listen(s, c->address);
	if (e == BASE_OK) {
		*out = s;
		s = NULL;
	}
	wire_server_close(s);
	return e;
}

void
wire_server_set_ctx(struct wire_server *s, SSL_CTX *ctx, uint32_t drain_ms)
{
	struct conn *c, *next;

	SSL_CTX_up_ref(ctx);
	SSL_CTX_free(s->conf.ctx);
	s->conf.ctx = ctx;
	for (c = LIST_FIRST(&s->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (wire_conn_is_silent(c)) {
			wire_conn_free(c);
			continue;
		}
		if (!c->old)
			wire_conn_set_timer(c, drain_ms);
		c->old = true;
	}
}

uint16_t
wire_server_port(const struct wire_server *s)
{
	return s->port;
}

void
wire_server_close(struct wire_server *s)
{
	if (s == NULL)
		return;
	while (!LIST_EMPTY(&s->conns))
		wire_conn_free(LIST_FIRST(&s->conns));
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	event_free(s->pause);
	SSL_CTX_free(s->conf.ctx);
	free(s);
}
