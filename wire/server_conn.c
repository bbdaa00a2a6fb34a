/*
 * One connection of the HTTPS server: from the handshake to its end one POST
 * at a time. Used by server.c.
 */
#include "wire/server_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#define HANDSHAKE_MS 10000 /* TLS, and each request or answer on its way */
#define LINGER_MS    2000
#define READ_CHUNK   ((size_t)64 << 10)

/* ---- connection -------------------------------------------------------------- */

static SSL *
conn_ssl(const struct conn *c)
{
	return bufferevent_openssl_get_ssl(c->bev);
}

void
wire_conn_free(struct conn *c)
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

void
wire_conn_set_timer(struct conn *c, uint32_t ms)
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
	wire_conn_set_timer(c,
	    c->stranger ? c->server->conf.strangers.idle_ms
			: c->server->conf.idle_ms);
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
	wire_conn_set_timer(c, LINGER_MS);
}

void
wire_conn_answer(struct conn *c, int status, struct base_span body)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct base_buf head;

	base_buf_init(&head, 0);
	c->head.close = c->head.close || c->old;
	c->stranger = c->stranger || c->once;
	c->once = false;
	if (wire_http_answer_put(status, body.n, c->head.close, &head) !=
		BASE_OK ||
	    evbuffer_add(out, head.p, head.n) != 0 ||
	    evbuffer_add(out, body.p, body.n) != 0)
		base_die("http: out of memory");
	base_buf_free(&head);
	c->state = ANSWERING;
	wire_conn_set_timer(c, HANDSHAKE_MS);
}

/* What does not come from an agent or kedged gets one sentence and a closed
 * connection. */
static void
conn_refuse(struct conn *c, int status, const char *why)
{
	struct base_span body = { (const uint8_t *)why, strlen(why) };

	base_log(BASE_INFO, "http: %s: refused: %s", c->from, why);
	c->head.close = true;
	wire_conn_answer(c, status, body);
}

/* ---- request ------------------------------------------------------------------------ */

static bool
is_path(const char *p)
{
	return strcmp(p, WIRE_PATH_EXCHANGE) == 0 ||
	    strcmp(p, WIRE_PATH_JOIN) == 0;
}

static size_t
body_max(const struct conn *c)
{
	size_t n = c->stranger ? c->server->conf.strangers.max_body
			       : c->server->conf.max_body;

	/* no join is longer, whoever asks */
	if (strcmp(c->head.path, WIRE_PATH_JOIN) == 0 && n > WIRE_JOIN_MAX)
		n = WIRE_JOIN_MAX;
	return n;
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
	else if (c->head.length > body_max(c))
		conn_refuse(c, 413, "the body is too large");
	if (c->state != IDLE)
		return false;
	evbuffer_drain(in, used);
	c->state = BODY;
	wire_conn_set_timer(c, HANDSHAKE_MS);
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
	wire_conn_free(c);
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

/* Whether the server has room for one more without a certificate. */
static bool
may_stay_stranger(const struct conn *c)
{
	const struct wire_server *s = c->server;
	const struct conn *o;
	uint32_t k = 0;

	LIST_FOREACH(o, &s->conns, entry)
		k += o->stranger && o->state != SHAKING;
	return k < s->conf.strangers.max;
}

static enum base_err
admit(struct conn *c)
{
	SSL *ssl = conn_ssl(c);
	char node[BASE_NAME_MAX + 1];

	if (c->server->conf.demand_peer)
		return wire_tls_peer_node(ssl, node);
	if (SSL_get0_peer_certificate(ssl) == NULL && !may_stay_stranger(c))
		return base_fail(BASE_E_AGAIN,
		    "%u peers without a certificate are the most",
		    c->server->conf.strangers.max);
	return BASE_OK;
}

static void
on_shaken(struct conn *c)
{
	if (admit(c) != BASE_OK) {
		base_log(BASE_INFO, "http: %s: refused: %s", c->from,
		    base_why());
		wire_conn_free(c);
		return;
	}
	c->stranger = SSL_get0_peer_certificate(conn_ssl(c)) == NULL;
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
	wire_conn_free(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	if (c->state == SHAKING || c->state == BODY || c->state == ANSWERING)
		base_log(BASE_INFO, "http: %s: too slow", c->from);
	wire_conn_free(c);
}

/* ---- begin and look ------------------------------------------------------------------------- */

void
wire_conn_new(struct wire_server *s, evutil_socket_t fd,
    const struct sockaddr *sa, socklen_t len)
{
	SSL *ssl = SSL_new(s->conf.ctx);
	struct conn *c = base_alloc(sizeof(*c));

	if (ssl == NULL)
		base_die("http: out of memory");
	c->server = s;
	c->request.conn = c;
	c->stranger = true;
	wire_addr_format(sa, len, c->from);
	wire_addr_net(sa, c->net);
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
	wire_conn_set_timer(c, HANDSHAKE_MS);
}

bool
wire_conn_is_silent(const struct conn *c)
{
	return c->state == IDLE &&
	    evbuffer_get_length(bufferevent_get_input(c->bev)) == 0;
}

/* ---- the caller's side of a request --------------------------------------------------------- */

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
	wire_conn_answer(r->conn, status, body);
}

void
wire_request_vouch(struct wire_request *r)
{
	r->conn->stranger = false;
}

void
wire_request_vouch_once(struct wire_request *r)
{
	r->conn->once = r->conn->stranger;
	r->conn->stranger = false;
}
