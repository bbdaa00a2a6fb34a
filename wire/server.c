/*
 * HTTPS server of kedged and of listening agents: one POST at a time per
 * connection, answered at once or later (long-poll). One event loop.
 */
#include "wire/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <openssl/err.h>

#include "wire/addr.h"
#include "wire/http.h"

#define HANDSHAKE_MS 10000 /* TLS, and each request or answer on its way */
#define LINGER_MS    2000
#define BODY_MAX     ((size_t)4 << 20)
#define READ_CHUNK   ((size_t)64 << 10)

enum state {
	SHAKING, /* TLS handshake */
	IDLE, /* between requests, or in a request's head */
	BODY, /* head read, body on its way */
	HELD, /* the handler has it */
	ANSWERING, /* answer on its way */
	LINGERING, /* answer sent, we hang up; reads what still comes, so
		    * that a reset does not overtake the answer */
};

struct conn;

struct wire_request {
	struct conn *conn;
	void *data;
};

struct conn {
	LIST_ENTRY(conn) entry;
	struct wire_server *server;
	struct bufferevent *bev;
	struct event *timer;
	enum state state;
	bool old; /* made with an earlier context */
	struct wire_http_head head;
	struct base_buf body;
	struct wire_request request;
	char from[64];
};

struct wire_server {
	struct event_base *eb;
	struct wire_server_conf conf;
	struct evconnlistener *listener;
	struct event *pause; /* accept goes on after it */
	LIST_HEAD(, conn) conns;
	uint32_t nconns;
	uint16_t port;
};

/* ---- connection -------------------------------------------------------------- */

static SSL *
conn_ssl(const struct conn *c)
{
	return bufferevent_openssl_get_ssl(c->bev);
}

static void
conn_free(struct conn *c)
{
	struct wire_server *s = c->server;
	SSL *ssl = conn_ssl(c);

	LIST_REMOVE(c, entry);
	s->nconns--;
	if (c->state == HELD && s->conf.on_gone != NULL)
		s->conf.on_gone(s->conf.arg, &c->request);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	if (c->state != SHAKING) {
		/* says goodbye without waiting for the peer's */
		SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
		SSL_shutdown(ssl);
	}
	ERR_clear_error();
	event_free(c->timer);
	bufferevent_free(c->bev);
	base_buf_free(&c->body);
	free(c);
}

/* An old connection's timer runs since the change of context. */
static void
conn_set_timer(struct conn *c, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (!c->old && event_add(c->timer, &tv) != 0)
		base_die("http: a timer cannot be set");
}

static void
conn_await_request(struct conn *c)
{
	c->state = IDLE;
	base_buf_clear(&c->body);
	conn_set_timer(c, c->server->conf.idle_ms);
}

static void
conn_linger(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	c->state = LINGERING;
	SSL_shutdown(conn_ssl(c));
	ERR_clear_error();
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	evbuffer_drain(in, evbuffer_get_length(in));
	conn_set_timer(c, LINGER_MS);
}

static void
conn_answer(struct conn *c, int status, struct base_span body)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct base_buf head;

	base_buf_init(&head, 0);
	c->head.close = c->head.close || c->old;
	if (wire_http_answer_put(status, body.n, c->head.close, &head) !=
		BASE_OK ||
	    evbuffer_add(out, head.p, head.n) != 0 ||
	    evbuffer_add(out, body.p, body.n) != 0)
		base_die("http: out of memory");
	base_buf_free(&head);
	c->state = ANSWERING;
	conn_set_timer(c, HANDSHAKE_MS);
}

/* What does not come from an agent or kedged gets one sentence and a closed
 * connection. */
static void
conn_refuse(struct conn *c, int status, const char *why)
{
	struct base_span body = { (const uint8_t *)why, strlen(why) };

	base_log(BASE_INFO, "http: %s: refused: %s", c->from, why);
	c->head.close = true;
	conn_answer(c, status, body);
}

/* ---- request ------------------------------------------------------------------------ */

static bool
is_path(const char *p)
{
	return strcmp(p, WIRE_PATH_EXCHANGE) == 0 ||
	    strcmp(p, WIRE_PATH_JOIN) == 0;
}

/* False when there is nothing more to do now. */
static bool
read_head(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_length(in), used = 0;
	struct base_span s;
	enum base_err e;

	n = n < WIRE_HTTP_HEAD_MAX ? n : WIRE_HTTP_HEAD_MAX;
	if (n == 0)
		return false;
	s = (struct base_span){ evbuffer_pullup(in, (ev_ssize_t)n), n };
	e = wire_http_request_parse(s, &c->head, &used);
	if (e == BASE_E_AGAIN)
		return false;
	if (e != BASE_OK)
		conn_refuse(c, 400, base_why());
	else if (!is_path(c->head.path))
		conn_refuse(c, 404, "no such path; kedge speaks only to kedge");
	else if (c->head.length > c->server->conf.max_body)
		conn_refuse(c, 413, "the body is too large");
	if (c->state != IDLE)
		return false;
	evbuffer_drain(in, used);
	c->state = BODY;
	conn_set_timer(c, HANDSHAKE_MS);
	return true;
}

static void
read_body(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t want = c->head.length - c->body.n;
	size_t n = evbuffer_get_length(in);
	struct wire_server *s = c->server;

	n = n < want ? n : want;
	if (n > 0) {
		if (base_buf_put(&c->body, evbuffer_pullup(in, (ev_ssize_t)n),
			n) != BASE_OK)
			base_die("http: %s", base_why());
		evbuffer_drain(in, n);
	}
	if (c->body.n < c->head.length)
		return;
	if (evbuffer_get_length(in) > 0) {
		conn_refuse(c, 400, "bytes after the body");
		return;
	}
	c->state = HELD;
	c->request.data = NULL;
	if (!c->old)
		event_del(c->timer);
	s->conf.on_request(s->conf.arg, &c->request, c->head.path,
	    base_buf_span(&c->body));
}

/* ---- events ---------------------------------------------------------------------------- */

static bool
is_answered(const struct conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
}

/* Nobody of ours speaks before the answer has come. */
static void
conn_unruly(struct conn *c)
{
	if (evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)
		return;
	base_log(BASE_INFO, "http: %s: speaks out of turn", c->from);
	conn_free(c);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	switch (c->state) {
	case IDLE:
		if (!read_head(c))
			return;
		read_body(c);
		return;
	case BODY:
		read_body(c);
		return;
	case LINGERING:
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	case ANSWERING:
		if (c->head.close)
			return;
		if (is_answered(c)) {
			/* the next request overtook on_write */
			conn_await_request(c);
			if (read_head(c))
				read_body(c);
			return;
		}
		conn_unruly(c);
		return;
	case SHAKING:
	case HELD:
		conn_unruly(c);
		return;
	}
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->state != ANSWERING || !is_answered(c))
		return;
	if (c->head.close || c->old)
		conn_linger(c);
	else
		conn_await_request(c);
}

static void
on_shaken(struct conn *c)
{
	char node[BASE_NAME_MAX + 1];

	if (c->server->conf.demand_peer &&
	    wire_tls_peer_node(conn_ssl(c), node) != BASE_OK) {
		base_log(BASE_INFO, "http: %s: refused: %s", c->from,
		    base_why());
		conn_free(c);
		return;
	}
	conn_await_request(c);
}

static void
log_handshake(struct conn *c)
{
	unsigned long code = bufferevent_get_openssl_error(c->bev);
	const char *why = wire_tls_why(conn_ssl(c));
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	if (why[0] == '\0')
		why = reason != NULL ? reason : "hung up";
	base_log(BASE_INFO, "http: %s: no TLS handshake: %s", c->from, why);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		on_shaken(c);
		return;
	}
	if (c->state == SHAKING)
		log_handshake(c);
	conn_free(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	if (c->state == SHAKING || c->state == BODY || c->state == ANSWERING)
		base_log(BASE_INFO, "http: %s: too slow", c->from);
	conn_free(c);
}

/* ---- new connections ---------------------------------------------------------------------- */

static void
conn_new(struct wire_server *s, evutil_socket_t fd, const char *from)
{
	SSL *ssl = SSL_new(s->conf.ctx);
	struct conn *c = base_alloc(sizeof(*c));

	if (ssl == NULL)
		base_die("http: out of memory");
	c->server = s;
	c->request.conn = c;
	snprintf(c->from, sizeof(c->from), "%s", from);
	base_buf_init(&c->body, s->conf.max_body);
	c->bev = bufferevent_openssl_socket_new(s->eb, fd, ssl,
	    BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	c->timer = evtimer_new(s->eb, on_timer, c);
	if (c->bev == NULL || c->timer == NULL)
		base_die("http: out of memory");
	LIST_INSERT_HEAD(&s->conns, c, entry);
	s->nconns++;
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_CHUNK);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	conn_set_timer(c, HANDSHAKE_MS);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct wire_server *s = arg;
	char from[64];
	int one = 1;

	(void)l;
	wire_addr_format(sa, (socklen_t)len, from);
	if (s->nconns >= s->conf.max_connections) {
		base_log(BASE_WARNING,
		    "http: %s: refused: %u connections are "
		    "the most",
		    from, s->conf.max_connections);
		close(fd);
		return;
	}
	/* libevent's TLS stalls 40 ms per answer without it */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	conn_new(s, fd, from);
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
conf_set(struct wire_server *s, const struct wire_server_conf *c)
{
	s->conf = *c;
	s->conf.address = NULL; /* not ours */
	if (s->conf.max_body == 0)
		s->conf.max_body = BODY_MAX;
	if (s->conf.max_connections == 0)
		s->conf.max_connections = 4096;
	if (s->conf.idle_ms == 0)
		s->conf.idle_ms = 120000;
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
		if (c->state == IDLE &&
		    evbuffer_get_length(bufferevent_get_input(c->bev)) == 0) {
			conn_free(c);
			continue;
		}
		if (!c->old)
			conn_set_timer(c, drain_ms);
		c->old = true;
	}
}

uint16_t
wire_server_port(const struct wire_server *s)
{
	return s->port;
}

SSL *
wire_request_ssl(struct wire_request *r)
{
	return conn_ssl(r->conn);
}

void *
wire_request_data(struct wire_request *r)
{
	return r->data;
}

void
wire_request_set_data(struct wire_request *r, void *p)
{
	r->data = p;
}

void
wire_request_answer(struct wire_request *r, int status, struct base_span body)
{
	if (r->conn->state != HELD)
		base_die("http: a request answered twice");
	conn_answer(r->conn, status, body);
}

void
wire_server_close(struct wire_server *s)
{
	if (s == NULL)
		return;
	while (!LIST_EMPTY(&s->conns))
		conn_free(LIST_FIRST(&s->conns));
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	event_free(s->pause);
	SSL_CTX_free(s->conf.ctx);
	free(s);
}
