/*
 * ca/net: the wire between the CA and its neighbours. A node that polls (or
 * joins) dials our listener, here; a node that is reached directly is dialled
 * (ca/dial.c). What is in the parcels is deliver's and report's business.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/net.h"

#define BODY_MAX ((size_t)1 << 20) /* of parcels in one exchange */
#define DRAIN_MS 500u /* for connections under an old certificate */

/* A neighbour with a request of it in our hands. */
struct poller {
	struct poller *next;
	struct ca_net *net;
	char name[CA_NAME];
	struct wire_request *held; /* its long-poll */
	struct base_mono until;
};

struct ca_net {
	struct ca *ca;
	struct wire_server *server;
	struct ca_dial *dial;
	struct poller *pollers;
};

/* ---- what comes in ---------------------------------- */

static enum base_err
take_hint(struct ca *ca, struct base_span digest, const struct ca_route *by)
{
	if (digest.n != 32)
		return base_fail(BASE_E_SYNTAX,
		    "handed over: no digest of an order");
	/* one that has been answered meanwhile is nobody's concern */
	if (ca_deliver_handed(ca->deliver, ca_now(ca), by, digest.p) != BASE_OK)
		base_log(BASE_DEBUG, "%s", base_why());
	return BASE_OK;
}

static bool
take_parcel(struct ca *ca, const char *from, const struct wire_parcel *p)
{
	struct base_span cms = base_buf_span(&p->content);
	struct ca_route by = { .n = p->nroute };
	enum base_err r;

	if (p->down || p->nroute == 0 || strcmp(p->route[0], from) != 0) {
		base_log(BASE_WARNING,
		    "parcel from %s: is not on its way up through it", from);
		return false;
	}
	memcpy(by.hop, p->route, sizeof(by.hop));
	if (p->kind == WIRE_P_JOIN)
		r = ca_join_in(ca, cms, &by);
	else if (p->kind == WIRE_P_STOCK)
		r = ca_stock_in(ca, cms);
	else if (p->kind == WIRE_P_HANDED)
		r = take_hint(ca, cms, &by);
	else
		r = ca_report_in(ca, cms, &by);
	if (r == BASE_OK)
		return true;
	base_log(BASE_WARNING, "parcel from %s: %s", from, base_why());
	return false;
}

enum base_err
ca_exchange_take(struct ca *ca, const char *from, struct base_span body,
    struct ca_taken *out)
{
	struct wire_exchange x = { .wait_ms = 0 };
	enum base_err r;

	*out = (struct ca_taken){ .reports = 0 };
	if ((r = wire_exchange_parse(body, &x)) != BASE_OK)
		return r;
	if (strcmp(x.from, from) != 0) {
		r = base_fail(BASE_E_REFUSED,
		    "exchange from %s: says it is from %s", from, x.from);
		goto out;
	}
	ca_seen(ca, from);
	for (size_t i = 0; i < x.nparcels; i++)
		if (take_parcel(ca, from, &x.parcels[i]))
			out->reports++;
	out->wait_ms = x.wait_ms;
out:
	wire_exchange_clear(&x);
	return r;
}

/* ---- what goes out ---------------------------------- */

enum base_err
ca_exchange_give(struct ca *ca, const char *to, uint32_t wait_ms,
    struct base_buf *body)
{
	struct wire_exchange x = { .wait_ms = wait_ms };
	enum base_err r;

	memcpy(x.from, CA_NODE_CA, sizeof(CA_NODE_CA));
	x.nparcels = ca_deliver_collect(ca->deliver, ca_mono(ca), to, BODY_MAX,
	    &x.parcels);
	r = wire_exchange_compose(&x, body);
	wire_exchange_clear(&x);
	return r;
}

static bool
has_due(const struct ca_net *n, const char *to)
{
	return ca_deliver_due(n->ca->deliver, to).ms <= ca_mono(n->ca).ms;
}

/* ---- neighbours that dial us ---------------------------------- */

static struct poller *
poller_of(struct ca_net *n, const char *name)
{
	struct poller *p;

	for (p = n->pollers; p != NULL; p = p->next)
		if (strcmp(p->name, name) == 0)
			return p;
	p = base_alloc(sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->net = n;
	p->next = n->pollers;
	n->pollers = p;
	return p;
}

static void
answer_error(struct wire_request *r, int status)
{
	const char *why = base_why();

	wire_request_answer(r, status,
	    (struct base_span){ (const uint8_t *)why, strlen(why) });
}

static void
answer_exchange(struct ca_net *n, struct wire_request *r, const char *to)
{
	struct base_buf body;

	base_buf_init(&body, 0);
	if (ca_exchange_give(n->ca, to, 0, &body) == BASE_OK)
		wire_request_answer(r, 200, base_buf_span(&body));
	else
		answer_error(r, 500);
	base_buf_free(&body);
}

static void
held_answer(struct poller *p)
{
	struct wire_request *r = p->held;

	p->held = NULL;
	if (r == NULL)
		return;
	wire_request_set_data(r, NULL);
	answer_exchange(p->net, r, p->name);
}

static void
on_exchange(struct ca_net *n, struct wire_request *r, struct base_span body)
{
	char from[CA_NAME];
	struct ca_taken got;
	struct poller *p;
	SSL *ssl = wire_request_ssl(r);

	if (wire_tls_peer_node(ssl, from) != BASE_OK ||
	    strcmp(from, CA_NODE_CA) == 0 ||
	    ca_topo_node(n->ca->topo, from) == POL_NONE ||
	    ca_check_node_key(n->ca, from, SSL_get0_peer_certificate(ssl)) !=
		BASE_OK) {
		base_log(BASE_WARNING,
		    "exchange: a peer without a name in "
		    "this fleet");
		(void)base_fail(BASE_E_DENIED,
		    "exchange: needs the management "
		    "certificate of a node of this fleet");
		answer_error(r, 403);
		return;
	}
	if (ca_exchange_take(n->ca, from, body, &got) != BASE_OK) {
		base_log(BASE_WARNING, "exchange of %s: %s", from, base_why());
		answer_error(r, 400);
		return;
	}
	if (got.wait_ms == 0 || has_due(n, from)) {
		answer_exchange(n, r, from);
		return;
	}
	p = poller_of(n, from);
	held_answer(p);
	if (got.wait_ms > n->ca->conf->poll_wait_ms)
		got.wait_ms = n->ca->conf->poll_wait_ms;
	p->held = r;
	p->until = ca_after(n->ca, got.wait_ms);
	wire_request_set_data(r, p);
	ca_kick(n->ca);
}

/* ---- join ---------------------------------- */

struct join_wait {
	struct wire_request *r; /* NULL: hung up meanwhile */
};

static void
join_done(void *arg, enum base_err e, struct base_span answer)
{
	struct join_wait *w = arg;

	if (w->r != NULL) {
		wire_request_set_data(w->r, NULL);
		if (e == BASE_OK)
			wire_request_answer(w->r, 200, answer);
		else
			answer_error(w->r, ca_join_status(e));
	}
	free(w);
}

/* ---- requests ---------------------------------- */

/* A request has its peer or its join hanging on it. */
static void
on_gone(void *arg, struct wire_request *r)
{
	struct ca_net *n = arg;
	void *data = wire_request_data(r);

	if (data == NULL)
		return;
	for (struct poller *p = n->pollers; p != NULL; p = p->next)
		if (p == data) {
			p->held = NULL;
			return;
		}
	((struct join_wait *)data)->r = NULL;
}

static void
on_request(void *arg, struct wire_request *r, const char *path,
    struct base_span body)
{
	struct ca_net *n = arg;
	struct join_wait *w;

	if (strcmp(path, WIRE_PATH_EXCHANGE) == 0) {
		on_exchange(n, r, body);
		return;
	}
	if (strcmp(path, WIRE_PATH_JOIN) != 0) {
		(void)base_fail(BASE_E_NOTFOUND, "no such path");
		answer_error(r, 404);
		return;
	}
	w = base_alloc(sizeof(*w));
	w->r = r;
	wire_request_set_data(r, w);
	ca_join_request(n->ca, body, join_done, w);
}

/* ---- turns ---------------------------------- */

static struct base_mono
held_work(struct poller *p, struct base_mono now)
{
	struct base_mono due;

	due = ca_sooner(p->until, ca_deliver_due(p->net->ca->deliver, p->name));
	if (due.ms > now.ms)
		return due;
	held_answer(p);
	return CA_NEVER;
}

struct base_mono
ca_net_work(struct ca_net *n)
{
	struct base_mono next, now = ca_mono(n->ca);

	if (n->ca->peers_changed)
		ca_dial_follow(n->dial);
	n->ca->peers_changed = false;
	next = ca_dial_work(n->dial);
	for (struct poller *p = n->pollers; p != NULL; p = p->next)
		if (p->held != NULL)
			next = ca_sooner(next, held_work(p, now));
	return next;
}

/* ---- opening ---------------------------------- */

/* Who vouches for the root goes before the roots: a joining node knows one of
 * these by its hash only, and takes the first that fits. */
static enum base_err
net_ctx(struct ca *ca, bool server, SSL_CTX **out)
{
	STACK_OF(X509) *chain = sk_X509_dup(ca->link);
	enum base_err r;
	struct wire_tls t = {
		.server = server,
		.cert = ca->tls_cert,
		.chain = chain,
		.key = ca->tls_key,
		.trust = ca->management,
		.tls13_only = true,
		.closed = true,
	};

	for (int i = 0; i < sk_X509_num(ca->management); i++)
		if (sk_X509_push(chain, sk_X509_value(ca->management, i)) <= 0)
			base_die("out of memory");
	r = wire_tls_ctx(&t, out);
	sk_X509_free(chain);
	return r;
}

enum base_err
ca_net_open(struct ca *ca, struct ca_net **out)
{
	struct ca_net *n = base_alloc(sizeof(*n));
	struct wire_server_conf c = {
		.address = ca->conf->listen,
		.on_request = on_request,
		.on_gone = on_gone,
		.arg = n,
	};
	SSL_CTX *server = NULL, *client = NULL;
	enum base_err r;

	n->ca = ca;
	*out = NULL;
	if ((r = net_ctx(ca, true, &server)) != BASE_OK ||
	    (r = net_ctx(ca, false, &client)) != BASE_OK)
		goto out;
	c.ctx = server;
	if ((r = wire_server_open(ca->eb, &c, &n->server)) != BASE_OK)
		goto out;
	n->dial = ca_dial_new(ca, client);
	ca->peers_changed = true;
	*out = n;
	n = NULL;
out:
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	ca_net_close(n);
	return r;
}

enum base_err
ca_net_identity(struct ca_net *n)
{
	SSL_CTX *server = NULL, *client = NULL;
	enum base_err r;

	if ((r = net_ctx(n->ca, true, &server)) == BASE_OK &&
	    (r = net_ctx(n->ca, false, &client)) == BASE_OK) {
		for (struct poller *p = n->pollers; p != NULL; p = p->next)
			held_answer(p);
		wire_server_set_ctx(n->server, server, DRAIN_MS);
		ca_dial_set_ctx(n->dial, client);
	}
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	return r;
}

uint16_t
ca_net_port(const struct ca_net *n)
{
	return wire_server_port(n->server);
}

void
ca_net_close(struct ca_net *n)
{
	struct poller *next;

	if (n == NULL)
		return;
	ca_dial_free(n->dial);
	for (struct poller *p = n->pollers; p != NULL; p = next) {
		next = p->next;
		if (p->held != NULL)
			wire_request_set_data(p->held, NULL);
		free(p);
	}
	n->pollers = NULL;
	wire_server_close(n->server);
	free(n);
}
