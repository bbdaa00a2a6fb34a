/*
 * agentd/probe: begin and end of a probe, server or client side. TLS contexts
 * of its own: an application may speak versions that our own ports refuse,
 * and nothing is verified here but by comparing.
 */
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agentd/probe_impl.h"

const char *
ag_probe_tls_error(unsigned long e)
{
	const char *s = e == 0 ? NULL : ERR_reason_error_string(e);

	return s != NULL ? s : "connection closed";
}

bool
ag_probe_is_alert(unsigned long e)
{
	/* OpenSSL numbers an alert that came 1000 and the alert */
	return ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    ERR_GET_REASON(e) > SSL_AD_REASON_OFFSET;
}

bool
ag_probe_cert_is_good(struct ag_probe *p, SSL *ssl)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	bool link = p->c.link == NULL;

	if (p->c.leaf == NULL)
		return true;
	if (leaf == NULL || X509_cmp(leaf, p->c.leaf) != 0) {
		ag_probe_end(p,
		    base_fail(BASE_E_REFUSED, "%s",
			leaf == NULL ? "the application shows no certificate"
				     : "the application shows another "
				       "certificate than the stored one"));
		return false;
	}
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);

		if (X509_cmp(x, leaf) == 0 || X509_self_signed(x, 0) == 1)
			continue;
		if (p->c.link == NULL || X509_cmp(x, p->c.link) != 0) {
			ag_probe_end(p,
			    base_fail(BASE_E_REFUSED,
				"the application sends a link certificate "
				"that is not in the store any more"));
			return false;
		}
		link = true;
	}
	if (!link)
		ag_probe_end(p,
		    base_fail(BASE_E_REFUSED,
			"the application does not send NewWithOld along"));
	return link;
}

static void
probe_free(struct ag_probe *p)
{
	if (p->tls != NULL)
		bufferevent_free(p->tls);
	if (p->plain != NULL)
		bufferevent_free(p->plain);
	if (p->listener != NULL)
		evconnlistener_free(p->listener);
	ag_proc_cancel(p->run);
	SSL_CTX_free(p->ctx);
	event_free(p->timer);
	free(p);
}

/* Time is over, or, with over, the answer is due. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ag_probe *p = arg;
	struct ag_probe_conf c = p->c;
	enum base_err r = p->result;

	(void)fd;
	(void)what;
	/* as a client it learns of the session only, not of the connection */
	if (!p->over)
		r = base_fail(BASE_E_TIMEOUT, "%s within %u ms",
		    p->shaken		 ? "not the expected bytes"
			: p->reached	 ? "no end of the TLS handshake"
			: c.side->client ? "no connection"
					 : "no TLS session",
		    c.timeout_ms);
	else if (r != BASE_OK)
		r = base_fail(r, "%s", p->why);
	probe_free(p);
	c.done(c.arg, r);
}

void
ag_probe_end(struct ag_probe *p, enum base_err e)
{
	if (p->over)
		return;
	p->over = true;
	p->result = e;
	strncpy(p->why, e == BASE_OK ? "" : base_why(), sizeof p->why - 1);
	event_active(p->timer, 0, 0);
}

static SSL_CTX *
make_ctx(const struct ag_probe_conf *c)
{
	SSL_CTX *ctx = SSL_CTX_new(
	    c->side->client ? TLS_server_method() : TLS_client_method());

	if (ctx == NULL)
		base_die("probe: out of memory");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	if (c->shown != NULL &&
	    (SSL_CTX_use_certificate(ctx, c->shown) != 1 ||
		SSL_CTX_use_PrivateKey(ctx, c->key) != 1)) {
		SSL_CTX_free(ctx);
		ERR_clear_error();
		return NULL;
	}
	return ctx;
}

struct ag_probe *
ag_probe_start(const struct ag_probe_conf *c)
{
	struct ag_probe *p = base_alloc(sizeof *p);
	struct timeval tv = { c->timeout_ms / 1000,
		(suseconds_t)(c->timeout_ms % 1000) * 1000 };

	p->c = *c;
	p->timer = evtimer_new(c->eb, on_timer, p);
	if (p->timer == NULL || evtimer_add(p->timer, &tv) != 0)
		base_die("probe: out of memory");
	p->ctx = make_ctx(c);
	if (p->ctx == NULL)
		ag_probe_end(p,
		    base_fail(BASE_E_CRYPTO,
			"the canary is not for this node's key"));
	else if (c->side->client)
		ag_probe_client_begin(p);
	else
		ag_probe_server_begin(p);
	return p;
}

void
ag_probe_cancel(struct ag_probe *p)
{
	if (p != NULL)
		probe_free(p);
}
