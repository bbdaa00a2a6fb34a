/*
 * agentd/probe_server: connects to the application's real port with the
 * canary as client certificate, compares the certificate on the wire, sends
 * the request and reads. A TLS 1.3 client learns of its refusal only when it
 * reads, and nginx answers HTTP 400 inside a good session.
 */
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>

#include "agentd/probe_impl.h"
#include "wire/addr.h"

/* An application that just restarts hangs up on everybody: only a word of
 * refusal is one. */
static enum base_err
judge_refusal(const struct ag_probe *p, const char *how)
{
	if (p->seen)
		return base_fail(BASE_E_REFUSED,
		    "the application still accepts a certificate of the old "
		    "generation");
	if (!p->reached)
		return base_fail(BASE_E_AGAIN,
		    "the application cannot be reached: %s", how);
	if (!p->refused)
		return base_fail(BASE_E_AGAIN,
		    "the application neither accepts nor refuses a "
		    "certificate of the old generation by a TLS alert or an "
		    "HTTP status 4xx: %s",
		    how);
	return BASE_OK;
}

/* The connection has ended, or nothing more is needed from it. */
static void
settle(struct ag_probe *p, const char *how)
{
	enum base_err r = BASE_OK;

	if (p->c.refuse)
		r = judge_refusal(p, how);
	else if (!p->shaken || (p->c.bytes && !p->seen))
		r = base_fail(BASE_E_REFUSED, "%s%s: %s",
		    p->shaken ? "the application does not answer with \""
			      : "no TLS session with the application",
		    p->shaken ? p->c.side->expect : "", how);
	ag_probe_end(p, r);
}

static bool
is_http_4xx(struct evbuffer *in)
{
	char line[10]; /* "HTTP/1.1 4" */

	return evbuffer_copyout(in, line, sizeof line) == sizeof line &&
	    memcmp(line, "HTTP/1.", 7) == 0 && line[8] == ' ' && line[9] == '4';
}

static void
on_read(struct bufferevent *b, void *arg)
{
	struct ag_probe *p = arg;
	struct evbuffer *in = bufferevent_get_input(b);
	const char *want = p->c.side->expect;

	p->seen = evbuffer_search(in, want, strlen(want), NULL).pos >= 0;
	p->refused = !p->seen && is_http_4xx(in);
	if (p->seen || (p->c.refuse && p->refused))
		settle(p, "");
	else if (evbuffer_get_length(in) >= AG_PROBE_READ_MAX)
		settle(p, "it says something else");
}

static void
on_event(struct bufferevent *b, short what, void *arg)
{
	struct ag_probe *p = arg;
	const char *request = p->c.side->request;
	unsigned long e = 0;

	if (!(what & BEV_EVENT_CONNECTED)) {
		/* under TLS 1.2 the alert comes before the session stands */
		e = bufferevent_get_openssl_error(b);
		p->refused = p->refused || ag_probe_is_alert(e);
		p->reached = p->reached || p->refused;
		bufferevent_disable(b, EV_READ | EV_WRITE);
		settle(p, ag_probe_tls_error(e));
		return;
	}
	p->reached = p->shaken = true;
	if (!ag_probe_cert_is_good(p, bufferevent_openssl_get_ssl(b)))
		return;
	p->good_cert = true;
	if (!p->c.bytes && !p->c.refuse) {
		settle(p, "");
		return;
	}
	bufferevent_write(b, request, strlen(request));
}

void
ag_probe_server_begin(struct ag_probe *p)
{
	struct sockaddr_storage to;
	enum base_err r;
	socklen_t len;
	SSL *ssl;

	r = wire_addr_parse(p->c.side->address, &to, &len);
	if (r != BASE_OK) {
		ag_probe_end(p, r);
		return;
	}
	ssl = SSL_new(p->ctx);
	if (ssl == NULL || SSL_set_tlsext_host_name(ssl, p->c.side->sni) != 1)
		base_die("probe: out of memory");
	p->tls = bufferevent_openssl_socket_new(p->c.eb, -1, ssl,
	    BUFFEREVENT_SSL_CONNECTING,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (p->tls == NULL)
		base_die("probe: out of memory");
	bufferevent_setcb(p->tls, on_read, NULL, on_event, p);
	bufferevent_enable(p->tls, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(p->tls, (struct sockaddr *)&to,
		(int)len) != 0)
		ag_probe_end(p,
		    base_fail(BASE_E_AGAIN, "%s: cannot connect: %m",
			p->c.side->address));
}
