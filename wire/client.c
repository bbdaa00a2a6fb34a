/*
 * HTTPS client of kedged and the agents: one kept connection to one peer,
 * one POST at a time. The peer's name is checked before a byte is sent. One
 * event loop.
 */
#include "wire/net.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <openssl/err.h>

#include "wire/addr.h"
#include "wire/http.h"

#define BODY_MAX ((size_t)4 << 20)

enum state {
	CLOSED, /* no connection */
	RESOLVING, /* host name to addresses */
	RESOLVED, /* found or not, on_kick goes on */
	CONNECTING, /* TCP and TLS */
	READY, /* connection stands, nothing under way */
	WAITING, /* request sent, answer has not come whole */
};

/* libevent calls back also after a cancel, when the client may be gone. */
struct lookup {
	struct wire_client *client; /* NULL: cancelled */
};

struct wire_client {
	struct event_base *eb;
	char *host, *port, *authority, *peer;
	SSL_CTX *ctx;
	uint32_t connect_ms, answer_ms;
	size_t max_body;

	enum state state;
	struct evdns_base *dns; /* made for the first host name */
	struct evdns_getaddrinfo_request *query;
	struct lookup *lookup;
	int lookup_err;
	struct evutil_addrinfo *found, *next; /* addresses, next to try */
	struct bufferevent *bev;
	struct event *kick, *timer;

	bool busy; /* call is valid */
	bool kept; /* the connection has served a call before */
	bool stale; /* the context has changed since it was made */
	struct wire_call call;
	struct base_buf body, answer;
	bool has_head;
	struct wire_http_head head;
};

static void client_connect(struct wire_client *c);

/* ---- connection --------------------------------------------------------------- */

static void
client_drop(struct wire_client *c)
{
	SSL *ssl;

	if (c->lookup != NULL)
		c->lookup->client = NULL;
	c->lookup = NULL;
	if (c->query != NULL)
		evdns_getaddrinfo_cancel(c->query);
	c->query = NULL;
	if (c->bev != NULL) {
		ssl = bufferevent_openssl_get_ssl(c->bev);
		bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
		if (c->state == READY || c->state == WAITING) {
			SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
			SSL_shutdown(ssl);
		}
		bufferevent_free(c->bev);
		ERR_clear_error();
	}
	c->bev = NULL;
	c->state = CLOSED;
	c->kept = c->stale = false;
}

static void
set_timer(struct wire_client *c, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (event_add(c->timer, &tv) != 0)
		base_die("http: a timer cannot be set");
}

/* ---- end of a call ----------------------------------------------------------------- */

/* c may be gone when this returns. */
static void
client_finish(struct wire_client *c, enum base_err e)
{
	struct wire_call call = c->call;
	struct base_buf answer = c->answer;
	struct base_span body = { NULL, 0 };
	int status = 0;

	if (e == BASE_OK) {
		body = base_buf_span(&answer);
		status = c->head.status;
	}
	base_buf_init(&c->answer, c->max_body);
	base_buf_free(&c->body);
	event_del(c->timer);
	if (e != BASE_OK || c->head.close || c->stale)
		client_drop(c);
	else
		c->state = READY;
	c->busy = false;
	if (call.done != NULL)
		call.done(call.arg, e, status, body);
	base_buf_free(&answer);
}

/* The next address, or the end. */
static void
client_connect_failed(struct wire_client *c, enum base_err e)
{
	client_drop(c);
	if (c->next != NULL && e == BASE_E_IO)
		client_connect(c);
	else
		client_finish(c, e);
}

/* ---- request ------------------------------------------------------------------------- */

static enum base_err
client_put(struct wire_client *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct base_buf head;
	enum base_err e;

	base_buf_init(&head, 0);
	e = wire_http_request_put(c->call.path, c->authority, c->body.n, &head);
	if (e == BASE_OK &&
	    (evbuffer_add(out, head.p, head.n) != 0 ||
		evbuffer_add(out, c->body.p, c->body.n) != 0))
		base_die("http: out of memory");
	base_buf_free(&head);
	return e;
}

static void
client_send(struct wire_client *c)
{
	SSL *ssl = bufferevent_openssl_get_ssl(c->bev);
	enum base_err e = BASE_OK;

	c->has_head = false;
	base_buf_clear(&c->answer);
	if (c->call.before != NULL) {
		base_buf_clear(&c->body);
		e = c->call.before(c->call.arg, ssl, &c->body);
	}
	if (e == BASE_OK)
		e = client_put(c);
	if (e != BASE_OK) {
		client_finish(c, e);
		return;
	}
	c->state = WAITING;
	set_timer(c, c->answer_ms);
}

/* ---- answer ---------------------------------------------------------------------------- */

static enum base_err
read_head(struct wire_client *c, struct evbuffer *in)
{
	size_t n = evbuffer_get_length(in), used = 0;
	struct base_span s;
	enum base_err e;

	n = n < WIRE_HTTP_HEAD_MAX ? n : WIRE_HTTP_HEAD_MAX;
	if (n == 0)
		return BASE_E_AGAIN;
	s = (struct base_span){ evbuffer_pullup(in, (ev_ssize_t)n), n };
	if ((e = wire_http_answer_parse(s, &c->head, &used)) != BASE_OK)
		return e;
	evbuffer_drain(in, used);
	c->has_head = true;
	if (c->head.length > c->max_body)
		return base_fail(BASE_E_RANGE,
		    "%s: answers with %zu bytes, %zu is the most", c->authority,
		    c->head.length, c->max_body);
	return BASE_OK;
}

static enum base_err
read_body(struct wire_client *c, struct evbuffer *in)
{
	size_t want = c->head.length - c->answer.n;
	size_t n = evbuffer_get_length(in);
	enum base_err e = BASE_OK;

	n = n < want ? n : want;
	if (n > 0) {
		e = base_buf_put(&c->answer, evbuffer_pullup(in, (ev_ssize_t)n),
		    n);
		evbuffer_drain(in, n);
	}
	if (e == BASE_OK && c->answer.n < c->head.length)
		return BASE_E_AGAIN;
	if (e == BASE_OK && evbuffer_get_length(in) > 0)
		e = base_fail(BASE_E_SYNTAX, "%s: bytes after the answer",
		    c->authority);
	return e;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct wire_client *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	enum base_err e = BASE_OK;

	if (evbuffer_get_length(in) == 0)
		return;
	if (c->state != WAITING) {
		base_log(BASE_INFO, "http: %s: speaks out of turn",
		    c->authority);
		client_drop(c);
		return;
	}
	if (!c->has_head)
		e = read_head(c, in);
	if (e == BASE_OK)
		e = read_body(c, in);
	if (e != BASE_E_AGAIN)
		client_finish(c, e);
}

/* ---- events ----------------------------------------------------------------------------- */

static enum base_err
client_check_peer(struct wire_client *c)
{
	SSL *ssl = bufferevent_openssl_get_ssl(c->bev);
	char node[BASE_NAME_MAX + 1];

	/* without a name any node of the fleet would do: only a blind one */
	if (c->peer == NULL && SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
		return BASE_OK;
	if (wire_tls_peer_node(ssl, node) != BASE_OK)
		return base_fail(BASE_E_DENIED, "%s: %s", c->authority,
		    base_why());
	if (c->peer == NULL || strcmp(node, c->peer) != 0)
		return base_fail(BASE_E_DENIED,
		    "%s: this is node '%s', not '%s'; nothing was sent",
		    c->authority, node, c->peer == NULL ? "" : c->peer);
	return BASE_OK;
}

static void
on_connected(struct wire_client *c)
{
	int one = 1;
	enum base_err e = client_check_peer(c);

	setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &one,
	    sizeof(one));
	setsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_KEEPALIVE, &one,
	    sizeof(one));
	c->state = READY;
	if (e != BASE_OK)
		client_finish(c, e);
	else
		client_send(c);
}

/* The sentence for a connection that broke: our own refusal, the peer's
 * alert, or the system's error. */
static enum base_err
broken_why(struct wire_client *c, short what)
{
	unsigned long code = bufferevent_get_openssl_error(c->bev);
	const char *why = wire_tls_why(bufferevent_openssl_get_ssl(c->bev));
	const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
	int sys = EVUTIL_SOCKET_ERROR();

	if (why[0] != '\0')
		return base_fail(BASE_E_CRYPTO,
		    "%s: its certificate is refused: %s", c->authority, why);
	/* OpenSSL numbers an alert that came 1000 and the alert */
	if (code != 0 && ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
		return base_fail(BASE_E_DENIED, "%s: the peer refuses: %s",
		    c->authority, text != NULL ? text : "TLS alert");
	if (text != NULL)
		return base_fail(BASE_E_IO, "%s: TLS: %s", c->authority, text);
	if (what & BEV_EVENT_EOF || sys == 0)
		return base_fail(BASE_E_IO, "%s: the peer hung up",
		    c->authority);
	return base_fail(BASE_E_IO, "%s: %s", c->authority,
	    evutil_socket_error_to_string(sys));
}

static void
on_broken(struct wire_client *c, short what)
{
	/* the next connection is not a kept one: this happens once */
	bool again = c->state == WAITING && c->kept && !c->has_head;
	enum base_err e;

	if (c->state == READY) {
		client_drop(c);
		return;
	}
	e = broken_why(c, what);
	if (c->state == CONNECTING) {
		client_connect_failed(c, e);
	} else if (again) {
		client_drop(c);
		c->next = c->found;
		client_connect(c);
	} else {
		client_finish(c, e);
	}
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct wire_client *c = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		on_connected(c);
	else
		on_broken(c, what);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct wire_client *c = arg;
	bool waiting = c->state == WAITING;

	(void)fd, (void)what;
	client_finish(c,
	    base_fail(BASE_E_TIMEOUT, "%s: %s within %u ms", c->authority,
		waiting ? "no answer" : "no connection",
		waiting ? c->answer_ms : c->connect_ms));
}

/* ---- connecting ---------------------------------------------------------------------------- */

/* To c->next; a failure on the way there comes back through on_broken. */
static void
client_connect(struct wire_client *c)
{
	SSL *ssl = SSL_new(c->ctx);
	struct evutil_addrinfo *to = c->next;

	if (ssl == NULL ||
	    (c->peer != NULL && SSL_set_tlsext_host_name(ssl, c->peer) != 1))
		base_die("http: out of memory");
	c->bev = bufferevent_openssl_socket_new(c->eb, -1, ssl,
	    BUFFEREVENT_SSL_CONNECTING,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL)
		base_die("http: out of memory");
	c->state = CONNECTING;
	c->next = to->ai_next;
	set_timer(c, c->connect_ms);
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(c->bev, to->ai_addr,
		(int)to->ai_addrlen) != 0)
		client_connect_failed(c,
		    base_fail(BASE_E_IO, "%s: %s", c->authority,
			evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR())));
}

static void
on_found(int err, struct evutil_addrinfo *res, void *arg)
{
	struct lookup *l = arg;
	struct wire_client *c = l->client;

	free(l);
	if (c == NULL) {
		if (res != NULL)
			evutil_freeaddrinfo(res);
		return;
	}
	c->lookup = NULL;
	c->query = NULL;
	if (c->found != NULL)
		evutil_freeaddrinfo(c->found);
	c->found = c->next = res;
	c->lookup_err = err;
	c->state = RESOLVED;
	event_active(c->kick, 0, 0);
}

static void
client_ask_dns(struct wire_client *c)
{
	struct evutil_addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
		.ai_flags = EVUTIL_AI_ADDRCONFIG,
	};
	struct lookup *l = base_alloc(sizeof(*l));
	struct evdns_getaddrinfo_request *q;

	l->client = c;
	c->lookup = l;
	q = evdns_getaddrinfo(c->dns, c->host, c->port, &hints, on_found, l);
	if (c->state == RESOLVING)
		c->query = q;
}

/* The resolver with /etc/resolv.conf and /etc/hosts; an address needs none. */
static void
client_resolve(struct wire_client *c)
{
	struct evutil_addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
		.ai_flags = EVUTIL_AI_NUMERICHOST,
	};
	struct evutil_addrinfo *res = NULL;

	set_timer(c, c->connect_ms);
	if (evutil_getaddrinfo(c->host, c->port, &hints, &res) == 0) {
		if (c->found != NULL)
			evutil_freeaddrinfo(c->found);
		c->found = c->next = res;
		client_connect(c);
		return;
	}
	if (c->dns == NULL)
		c->dns = evdns_base_new(c->eb,
		    EVDNS_BASE_INITIALIZE_NAMESERVERS |
			EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (c->dns == NULL) {
		client_finish(c,
		    base_fail(BASE_E_IO,
			"%s: no name server in /etc/resolv.conf",
			c->authority));
		return;
	}
	c->state = RESOLVING;
	client_ask_dns(c);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct wire_client *c = arg;

	(void)fd, (void)what;
	if (c->state == READY && c->stale)
		client_drop(c);
	if (c->state == READY) {
		c->kept = true;
		client_send(c);
	} else if (c->state == CLOSED) {
		client_resolve(c);
	} else if (c->found != NULL) {
		client_connect(c);
	} else {
		client_finish(c,
		    base_fail(BASE_E_IO, "%s: %s", c->authority,
			evutil_gai_strerror(c->lookup_err)));
	}
}

/* ---- public ------------------------------------------------------------------------------------ */

enum base_err
wire_client_open(struct event_base *eb, const struct wire_client_conf *conf,
    struct wire_client **out)
{
	char *host = NULL, *port = NULL;
	struct wire_client *c;
	enum base_err e = wire_addr_split(conf->address, &host, &port);

	if (e == BASE_OK && port[0] == '0') {
		free(host);
		free(port);
		e = base_fail(BASE_E_CONFIG, "address '%s': port 0",
		    conf->address);
	}
	if (e != BASE_OK)
		return e;
	c = base_alloc(sizeof(*c));
	c->eb = eb;
	c->host = host;
	c->port = port;
	c->authority = base_strdup(conf->address);
	if (conf->peer != NULL)
		c->peer = base_strdup(conf->peer);
	c->ctx = conf->ctx;
	SSL_CTX_up_ref(c->ctx);
	c->connect_ms = conf->connect_ms != 0 ? conf->connect_ms : 5000;
	c->answer_ms = conf->answer_ms != 0 ? conf->answer_ms : 90000;
	c->max_body = conf->max_body != 0 ? conf->max_body : BODY_MAX;
	base_buf_init(&c->body, 0);
	base_buf_init(&c->answer, c->max_body);
	c->kick = event_new(eb, -1, 0, on_kick, c);
	c->timer = evtimer_new(eb, on_timer, c);
	if (c->kick == NULL || c->timer == NULL)
		base_die("http: out of memory");
	*out = c;
	return BASE_OK;
}

void
wire_client_set_ctx(struct wire_client *c, SSL_CTX *ctx)
{
	SSL_CTX_up_ref(ctx);
	SSL_CTX_free(c->ctx);
	c->ctx = ctx;
	c->stale = c->bev != NULL;
}

enum base_err
wire_client_call(struct wire_client *c, const struct wire_call *call)
{
	enum base_err e;

	if (c->busy)
		return base_fail(BASE_E_STATE,
		    "%s: another request is under way", c->authority);
	base_buf_init(&c->body, 0);
	if ((e = base_buf_put(&c->body, call->body.p, call->body.n)) != BASE_OK)
		return e;
	c->call = *call;
	c->call.body = (struct base_span){ NULL, 0 };
	c->busy = true;
	event_active(c->kick, 0, 0);
	return BASE_OK;
}

bool
wire_client_is_busy(const struct wire_client *c)
{
	return c->busy;
}

void
wire_client_cancel(struct wire_client *c)
{
	if (!c->busy)
		return;
	event_del(c->kick);
	event_del(c->timer);
	client_drop(c);
	base_buf_free(&c->body);
	base_buf_clear(&c->answer);
	c->busy = false;
}

void
wire_client_close(struct wire_client *c)
{
	if (c == NULL)
		return;
	wire_client_cancel(c);
	client_drop(c);
	event_free(c->kick);
	event_free(c->timer);
	if (c->dns != NULL)
		evdns_base_free(c->dns, 0);
	if (c->found != NULL)
		evutil_freeaddrinfo(c->found);
	SSL_CTX_free(c->ctx);
	base_buf_free(&c->body);
	base_buf_free(&c->answer);
	free(c->host);
	free(c->port);
	free(c->authority);
	free(c->peer);
	free(c);
}
