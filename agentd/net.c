/*
 * agentd/net: parcels between connections, relay and this node; TLS contexts
 * of the present versions. Used by agent.c.
 */
#include <stdlib.h>
#include <string.h>

#include "agentd/net_impl.h"

/* ---- TLS ------------------------------------------------------------------------ */

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

bool
ag_end_uses(const struct ag_end *e, const char *root)
{
	return same(e->root, root) || same(e->verify_root, root);
}

static enum base_err
lacking(const char *what, const char *root)
{
	return base_fail(BASE_E_STATE,
	    "link: no %s under %s yet; an order of the CA brings it", what,
	    root);
}

static struct base_time
clock_mark(const void *holdings)
{
	return ag_holdings_mark(holdings);
}

enum base_err
ag_end_ctx(const struct ag_net *n, const struct ag_end *e, SSL_CTX **out)
{
	const struct ag_root *shows = ag_holdings_find(n->c.holdings, e->root);
	const struct ag_root *checks =
	    ag_holdings_find(n->c.holdings, e->verify_root);
	STACK_OF(X509) *chain = NULL, *trust = NULL;
	struct wire_tls t = {
		.server = e->server,
		.tls13_only = e->management,
		.closed = true,
		.mark = clock_mark,
		.mark_arg = n->c.holdings,
	};
	X509 *link;
	enum base_err r;

	if (e->root != NULL &&
	    (shows->bundle == NULL || shows->bundle->cert == NULL))
		return lacking("certificate", e->root);
	if (e->verify_root != NULL &&
	    (checks->bundle == NULL || checks->bundle->ntrust == 0))
		return lacking("trusted root", e->verify_root);
	if (shows != NULL) {
		t.cert = shows->bundle->cert;
		t.key = ag_root_key(shows, t.cert);
		link = ag_bundle_link(shows->bundle, !e->server);
		if (link != NULL &&
		    ((chain = sk_X509_new_null()) == NULL ||
			sk_X509_push(chain, link) <= 0))
			base_die("link: out of memory");
	}
	if (checks != NULL)
		trust = ag_bundle_stack(checks->bundle);
	t.chain = chain;
	t.trust = trust;
	r = wire_tls_ctx(&t, out);
	sk_X509_free(chain);
	sk_X509_pop_free(trust, X509_free);
	return r;
}

enum base_err
ag_net_ca_ctx(const struct ag_net *n, SSL_CTX **out)
{
	const struct ag_end ca = { false, true, AG_MANAGEMENT, AG_MANAGEMENT };

	return ag_end_ctx(n, &ca, out);
}

/* ---- hello ---------------------------------------------------------------------- */

static enum base_err
put_hello(struct ag_net *n, SSL *ssl, struct base_buf *out)
{
	const struct ag_root *m =
	    ag_holdings_find(n->c.holdings, AG_MANAGEMENT);
	X509 *link = ag_bundle_link(m->bundle, false);
	STACK_OF(X509) *chain = NULL;
	struct wire_hello h = { .at = base_time_now() };
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	strcpy(h.fleet, n->c.conf->fleet);
	strcpy(h.node, n->c.conf->node);
	if (link != NULL &&
	    ((chain = sk_X509_new_null()) == NULL ||
		sk_X509_push(chain, link) <= 0))
		base_die("hello: out of memory");
	if ((e = wire_tls_binding(ssl, h.binding)) == BASE_OK &&
	    (e = wire_hello_compose(&h, &der)) == BASE_OK)
		e = wire_cms_sign(WIRE_C_HELLO, base_buf_span(&der),
		    m->bundle->cert, ag_root_key(m, m->bundle->cert), chain,
		    out);
	sk_X509_free(chain);
	base_buf_free(&der);
	return e;
}

static enum base_err
check_hello(const struct ag_net *n, const struct wire_exchange *x,
    const struct wire_hello *h, const char *signer, SSL *ssl)
{
	uint8_t binding[32];
	enum base_err e;

	if ((e = wire_tls_binding(ssl, binding)) != BASE_OK)
		return e;
	if (strcmp(h->fleet, n->c.conf->fleet) != 0 ||
	    strcmp(h->node, signer) != 0 || strcmp(x->from, signer) != 0)
		return base_fail(BASE_E_DENIED,
		    "hello: %s of fleet %s, signed by %s, calls itself %s",
		    h->node, h->fleet, signer, x->from);
	if (!base_equal_ct(h->binding, binding, sizeof binding))
		return base_fail(BASE_E_DENIED,
		    "hello: %s: made for another connection", signer);
	return BASE_OK;
}

/* As of a certificate in TLS (wire/net.h): by a clock that stands behind once
 * more at the mark. */
static enum base_err
open_hello(const struct ag_net *n, struct base_span cms, struct base_buf *der,
    struct wire_signer *s)
{
	const struct ag_root *m =
	    ag_holdings_find(n->c.holdings, AG_MANAGEMENT);
	const struct base_time now = base_time_now(),
			       mark = ag_holdings_mark(n->c.holdings);
	STACK_OF(X509) *trust = ag_bundle_stack(m->bundle);
	enum base_err e =
	    wire_cms_verify(WIRE_C_HELLO, cms, trust, now, der, s);

	if (e == BASE_E_EXPIRED && mark.ms > now.ms)
		e = wire_cms_verify(WIRE_C_HELLO, cms, trust, mark, der, s);
	sk_X509_pop_free(trust, X509_free);
	return e;
}

enum base_err
ag_net_hello(const struct ag_net *n, const struct wire_exchange *x, SSL *ssl)
{
	struct wire_signer s = { 0 };
	struct wire_hello h;
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = open_hello(n, base_buf_span(&x->hello), &der, &s)) ==
		BASE_OK &&
	    (e = wire_hello_parse(base_buf_span(&der), &h)) == BASE_OK)
		e = check_hello(n, x, &h, s.node, ssl);
	base_buf_free(&der);
	wire_signer_clear(&s);
	return e;
}

/* ---- parcels ----------------------------------------------------------------------- */

enum base_err
ag_net_body(struct ag_net *n, struct wire_exchange *x, SSL *ssl,
    struct base_buf *out)
{
	enum base_err e = BASE_OK;

	strcpy(x->from, n->c.conf->node);
	base_buf_clear(&x->hello);
	if (ssl != NULL)
		e = put_hello(n, ssl, &x->hello);
	if (e == BASE_OK)
		e = wire_exchange_compose(x, out);
	return e;
}

void
ag_net_flush(struct ag_net *n, const char *peer)
{
	if (n->management != NULL)
		ag_listen_flush(n->management, peer);
	if (n->link != NULL)
		ag_listen_flush(n->link, peer);
	for (size_t i = 0; i < n->ndial; i++)
		if (ag_dial_is_to(n->dial[i], peer))
			ag_dial_flush(n->dial[i]);
}

static enum base_err
take_parcel(struct ag_net *n, const char *from, struct wire_parcel *p)
{
	char next[BASE_NAME_MAX + 1];
	bool local;
	enum base_err e;

	e = ag_relay_put(n->relay, from, p, base_time_now(), &local, next);
	if (e != BASE_OK)
		return e;
	if (local &&
	    (p->kind == WIRE_P_INVITE || p->kind == WIRE_P_JOIN_ANSWER))
		ag_porch_take(n->porch, p);
	else if (local)
		n->c.local(n->c.arg, p);
	else
		ag_net_flush(n, next);
	return BASE_OK;
}

enum base_err
ag_net_forward(struct ag_net *n, const char *from, struct wire_parcel *p)
{
	return take_parcel(n, from, p);
}

void
ag_net_handed(struct ag_net *n, const struct wire_exchange *x)
{
	struct wire_parcel hint;

	ag_relay_done(n->relay, x);
	for (size_t i = 0; i < x->nparcels; i++)
		if (ag_relay_handed(n->relay, &x->parcels[i], base_time_now(),
			&hint)) {
			ag_net_send(n, &hint);
			wire_parcel_clear(&hint);
		}
}

void
ag_net_take(struct ag_net *n, const char *from, struct wire_exchange *x)
{
	size_t refused = 0;

	for (size_t i = 0; i < x->nparcels; i++)
		if (take_parcel(n, from, &x->parcels[i]) != BASE_OK &&
		    refused++ == 0)
			base_log(BASE_WARNING, "%s", base_why());
	if (refused > 1)
		base_log(BASE_WARNING,
		    "relay: %zu more parcels from %s refused", refused - 1,
		    from);
}

void
ag_net_send(struct ag_net *n, struct wire_parcel *p)
{
	if (take_parcel(n, n->c.conf->node, p) != BASE_OK)
		base_log(BASE_WARNING, "%s", base_why());
}

void
ag_net_refresh(struct ag_net *n, const char *root)
{
	if (n->management != NULL)
		ag_listen_refresh(n->management, root);
	if (n->link != NULL)
		ag_listen_refresh(n->link, root);
	for (size_t i = 0; i < n->ndial; i++)
		ag_dial_refresh(n->dial[i], root);
}

/* ---- begin, end --------------------------------------------------------------------- */

static void
open_dials(struct ag_net *n)
{
	const struct ag_config *c = n->c.conf;
	struct ag_dial_conf d = {
		.peer = "ca",
		.address = c->ca_address,
		.end = { false, true, AG_MANAGEMENT, AG_MANAGEMENT },
	};

	n->dial = base_alloc((c->npeers + 1) * sizeof *n->dial);
	if (c->ca_poll)
		n->dial[n->ndial++] = ag_dial_new(n, &d);
	for (size_t i = 0; i < c->npeers; i++) {
		const struct ag_peer *p = &c->peers[i];

		d = (struct ag_dial_conf){ p->node, p->address,
			{ false, false, p->root, p->verify_root } };
		n->dial[n->ndial++] = ag_dial_new(n, &d);
	}
}

static enum base_err
open_relay(struct ag_net *n)
{
	const struct ag_config *c = n->c.conf;
	bool relays = c->relay.address != NULL;
	enum base_err e = BASE_OK;
	char *dir;

	for (size_t i = 0; i < c->npeers; i++)
		relays = relays || c->peers[i].push;
	if (relays) {
		/* no root's name has a _ in it */
		dir = base_asprintf("%s/relay_parcels", c->store);
		e = ag_spool_open(dir, &n->spool);
		free(dir);
	}
	if (e != BASE_OK)
		return e;
	n->relay = ag_relay_new(c, n->spool);
	return ag_relay_load(n->relay, base_time_now());
}

enum base_err
ag_net_open(const struct ag_net_conf *c, struct ag_net **out)
{
	struct ag_net *n = base_alloc(sizeof *n);
	struct ag_end ca = { true, true, AG_MANAGEMENT, AG_MANAGEMENT };
	struct ag_end link = { true, false, c->conf->relay.root,
		c->conf->relay.verify_root };
	enum base_err e;

	n->c = *c;
	n->porch = ag_porch_new(n);
	e = open_relay(n);
	if (e == BASE_OK && c->conf->management != NULL)
		e = ag_listen_new(n, c->conf->management, &ca, &n->management);
	if (e == BASE_OK && c->conf->relay.address != NULL)
		e = ag_listen_new(n, c->conf->relay.address, &link, &n->link);
	if (e == BASE_OK) {
		open_dials(n);
		*out = n;
		n = NULL;
	}
	ag_net_close(n);
	return e;
}

uint16_t
ag_net_management_port(const struct ag_net *n)
{
	return n->management == NULL ? 0 : ag_listen_port(n->management);
}

uint16_t
ag_net_relay_port(const struct ag_net *n)
{
	return n->link == NULL ? 0 : ag_listen_port(n->link);
}

void
ag_net_close(struct ag_net *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->ndial; i++)
		ag_dial_free(n->dial[i]);
	free(n->dial);
	ag_listen_free(n->management);
	ag_listen_free(n->link);
	ag_porch_free(n->porch);
	ag_relay_free(n->relay);
	ag_spool_close(n->spool);
	free(n);
}
