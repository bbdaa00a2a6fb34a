/*
 * agentd/probe_client: shows the canary on a loopback port, makes the
 * application connect there (its own plaintext port, or a fresh process with
 * the same files), compares its certificate, and answers a random word that
 * must come back through the application.
 */
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/rand.h>

#include "agentd/probe_impl.h"
#include "wire/addr.h"

#define REQUEST "GET /kedge-canary HTTP/1.0\r\n\r\n"

/* Both ends must have seen their part; a refusal is the application's alert
 * on our listener, and no word. */
static void
look(struct ag_probe *p)
{
	if (p->c.refuse && p->seen)
		ag_probe_end(p,
		    base_fail(BASE_E_REFUSED,
			"the application still accepts a server certificate "
			"of the old generation"));
	else if (p->c.refuse && p->refused)
		ag_probe_end(p, BASE_OK);
	else if (!p->c.refuse && p->good_cert && p->seen)
		ag_probe_end(p, BASE_OK);
}

/* ---- the listener's side ----------------------------------------------------- */

static void
on_tls_read(struct bufferevent *b, void *arg)
{
	struct ag_probe *p = arg;
	struct evbuffer *in = bufferevent_get_input(b);

	if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos < 0)
		return;
	evbuffer_drain(in, evbuffer_get_length(in));
	p->told = true;
	evbuffer_add_printf(bufferevent_get_output(b),
	    "HTTP/1.0 200 OK\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n\r\n%s\n",
	    strlen(p->word) + 1, p->word);
}

/* The word is out: end the session, so that the application passes it on. */
static void
on_tls_written(struct bufferevent *b, void *arg)
{
	const struct ag_probe *p = arg;
	SSL *ssl = bufferevent_openssl_get_ssl(b);

	if (!p->told)
		return;
	SSL_set_quiet_shutdown(ssl, 0);
	SSL_shutdown(ssl);
	shutdown(bufferevent_getfd(b), SHUT_WR);
}

static void
on_tls_event(struct bufferevent *b, short what, void *arg)
{
	struct ag_probe *p = arg;
	unsigned long e;

	if (what & BEV_EVENT_CONNECTED) {
		p->shaken = true;
		if (p->c.refuse)
			return;
		p->good_cert =
		    ag_probe_cert_is_good(p, bufferevent_openssl_get_ssl(b));
		look(p);
		return;
	}
	bufferevent_disable(b, EV_READ | EV_WRITE);
	e = bufferevent_get_openssl_error(b);
	if (p->shaken && !p->c.refuse)
		return;
	/* TLS 1.3: a client that refuses us does so before its Finished */
	p->refused = !p->shaken && ag_probe_is_alert(e);
	if (!p->c.refuse)
		ag_probe_end(p,
		    base_fail(BASE_E_REFUSED,
			"the application refuses the canary: %s",
			ag_probe_tls_error(e)));
	else if (!p->shaken && !p->refused)
		ag_probe_end(p,
		    base_fail(BASE_E_AGAIN,
			"the application hung up without a reason"));
	look(p);
}

static int
take_any(X509_STORE_CTX *x, void *arg)
{
	(void)x;
	(void)arg;
	return 1;
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from,
    int len, void *arg)
{
	struct ag_probe *p = arg;
	SSL *ssl;

	(void)l;
	(void)from;
	(void)len;
	if (p->tls != NULL || p->over) {
		evutil_closesocket(fd);
		return;
	}
	p->reached = true;
	if ((ssl = SSL_new(p->ctx)) == NULL)
		base_die("probe: out of memory");
	p->tls = bufferevent_openssl_socket_new(p->c.eb, fd, ssl,
	    BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (p->tls == NULL)
		base_die("probe: out of memory");
	bufferevent_setcb(p->tls, on_tls_read, on_tls_written, on_tls_event, p);
	bufferevent_enable(p->tls, EV_READ | EV_WRITE);
}

/* ---- the trigger's side --------------------------------------------------------- */

static void
on_plain_read(struct bufferevent *b, void *arg)
{
	struct ag_probe *p = arg;
	struct evbuffer *in = bufferevent_get_input(b);

	if (evbuffer_search(in, p->word, strlen(p->word), NULL).pos >= 0) {
		p->seen = true;
		look(p);
	} else if (evbuffer_get_length(in) >= AG_PROBE_READ_MAX) {
		ag_probe_end(p,
		    base_fail(BASE_E_REFUSED,
			"the application answers something else than the "
			"canary's word"));
	}
}

static void
on_plain_event(struct bufferevent *b, short what, void *arg)
{
	struct ag_probe *p = arg;

	if (what & BEV_EVENT_CONNECTED) {
		bufferevent_write(b, REQUEST, strlen(REQUEST));
		return;
	}
	/* When it ends after it has reached our listener, the listener's side
	 * says why, or the time-out does. */
	bufferevent_disable(b, EV_READ | EV_WRITE);
	if (!p->reached && what & BEV_EVENT_ERROR)
		ag_probe_end(p,
		    base_fail(BASE_E_AGAIN,
			"the application's port %s cannot be reached",
			p->c.side->connect));
}

static void
on_run(void *arg, enum base_err e, struct base_span output)
{
	struct ag_probe *p = arg;

	p->run = NULL;
	p->seen = memmem(output.p, output.n, p->word, strlen(p->word)) != NULL;
	look(p);
	if (p->over || p->c.refuse)
		return;
	ag_probe_end(p,
	    e != BASE_OK ? base_fail(e, "%s", base_why())
			 : base_fail(BASE_E_REFUSED,
			       "%s: did not print the canary's word",
			       p->c.side->run[0]));
}

static void
trigger(struct ag_probe *p)
{
	struct sockaddr_storage to;
	socklen_t len;
	enum base_err r;

	if (p->c.side->run != NULL) {
		p->run = ag_proc_run(&(struct ag_proc_conf){
		    .eb = p->c.eb,
		    .argv = p->c.side->run,
		    .deadline_ms = p->c.timeout_ms,
		    .done = on_run,
		    .arg = p,
		});
		return;
	}
	r = wire_addr_parse(p->c.side->connect, &to, &len);
	if (r != BASE_OK) {
		ag_probe_end(p, r);
		return;
	}
	p->plain = bufferevent_socket_new(p->c.eb, -1,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (p->plain == NULL)
		base_die("probe: out of memory");
	bufferevent_setcb(p->plain, on_plain_read, NULL, on_plain_event, p);
	bufferevent_enable(p->plain, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(p->plain, (struct sockaddr *)&to,
		(int)len) != 0)
		ag_probe_end(p,
		    base_fail(BASE_E_AGAIN, "%s: cannot connect: %m",
			p->c.side->connect));
}

void
ag_probe_client_begin(struct ag_probe *p)
{
	struct sockaddr_storage at;
	uint8_t random[16];
	enum base_err r;
	socklen_t len;

	if (RAND_bytes(random, sizeof random) != 1)
		base_die("probe: no random bytes");
	base_hex(random, sizeof random, p->word);
	if (p->c.leaf != NULL) {
		SSL_CTX_set_verify(p->ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		SSL_CTX_set_cert_verify_callback(p->ctx, take_any, NULL);
	}
	r = wire_addr_parse(p->c.side->canary, &at, &len);
	if (r != BASE_OK) {
		ag_probe_end(p, r);
		return;
	}
	p->listener = evconnlistener_new_bind(p->c.eb, on_accept, p,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
	    8, (struct sockaddr *)&at, (int)len);
	if (p->listener == NULL) {
		ag_probe_end(p,
		    base_fail(BASE_E_IO, "%s: cannot listen: %m",
			p->c.side->canary));
		return;
	}
	trigger(p);
}
