/*
 * ca/net: the wire between the CA and its neighbours. A node that polls (or
 * joins) dials our listener; a node that is reached directly is dialled: one
 * connection holds a long-poll for its reports, another takes parcels to it
 * at once. What is in the parcels is deliver's and report's business.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define PATH_EXCHANGE	"/kedge/v1/exchange"
#define PATH_JOIN	"/kedge/v1/join"
#define BODY_MAX	((size_t)1 << 20) /* of parcels in one exchange */
#define ANSWER_EXTRA_MS 10000

/* One neighbour: dialled by us, or with a request of it in our hands. */
struct peer {
	struct peer *next;
	struct ca_net *net;
	char name[CA_NAME];
	char address[CA_ADDRESS_MAX]; /* "": it dials us */
	struct wire_client *send, *poll;
	struct base_mono send_after, poll_after; /* pauses after errors */
	bool reached; /* last call worked */
	struct wire_request *held; /* its long-poll */
	struct base_mono held_until;
};

struct ca_net {
	struct ca *ca;
	struct wire_server *server;
	SSL_CTX *server_ctx, *client_ctx;
	struct peer *peers;
};

/* ---- what comes in ---------------------------------- */

static void
take_parcel(struct ca_net *n, const char *from, const struct wire_parcel *p)
{
	struct ca_route by = { .n = p->nroute };

	if (p->kind != WIRE_P_REPORT || p->down || p->nroute == 0 ||
	    strcmp(p->route[0], from) != 0) {
		base_log(BASE_WARNING,
		    "parcel from %s: is no report on its way up through it",
		    from);
		return;
	}
	memcpy(by.hop, p->route, sizeof(by.hop));
	if (ca_report_in(n->ca, base_buf_span(&p->content), &by) != BASE_OK)
		base_log(BASE_WARNING, "parcel from %s: %s", from, base_why());
}

static enum base_err
take_exchange(struct ca_net *n, const char *from, struct base_span body,
    uint32_t *wait_ms)
{
	struct wire_exchange x = { .wait_ms = 0 };
	enum base_err r;

	if ((r = wire_exchange_parse(body, &x)) != BASE_OK)
		return r;
	if (strcmp(x.from, from) != 0) {
		r = base_fail(BASE_E_REFUSED,
		    "exchange from %s: says it is "
		    "from %s",
		    from, x.from);
		goto out;
	}
	ca_seen(n->ca, from);
	for (size_t i = 0; i < x.nparcels; i++)
		take_parcel(n, from, &x.parcels[i]);
	if (wait_ms != NULL)
		*wait_ms = x.wait_ms;
out:
	wire_exchange_clear(&x);
	return r;
}

/* ---- what goes out ---------------------------------- */

/* An exchange with all parcels that are due for the neighbour. */
static enum base_err
give_exchange(struct ca_net *n, const char *to, uint32_t wait_ms,
    struct base_buf *body)
{
	struct wire_exchange x = { .wait_ms = wait_ms };
	enum base_err r;

	memcpy(x.from, CA_NODE_CA, sizeof(CA_NODE_CA));
	x.nparcels = ca_deliver_collect(n->ca->deliver, ca_mono(n->ca), to,
	    BODY_MAX, &x.parcels);
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

static struct peer *
peer_find(struct ca_net *n, const char *name)
{
	struct peer *p;

	for (p = n->peers; p != NULL; p = p->next)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static struct peer *
peer_add(struct ca_net *n, const char *name)
{
	struct peer *p = base_alloc(sizeof(*p));

	snprintf(p->name, sizeof(p->name), "%s", name);
	p->net = n;
	p->next = n->peers;
	n->peers = p;
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
	if (give_exchange(n, to, 0, &body) == BASE_OK)
		wire_request_answer(r, 200, base_buf_span(&body));
	else
		answer_error(r, 500);
	base_buf_free(&body);
}

static void
held_answer(struct peer *p)
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
	struct peer *p;
	uint32_t wait = 0;
	SSL *ssl = wire_request_ssl(r);

	if (wire_tls_peer_node(ssl, from) != BASE_OK ||
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
	if (take_exchange(n, from, body, &wait) != BASE_OK) {
		base_log(BASE_WARNING, "exchange of %s: %s", from, base_why());
		answer_error(r, 400);
		return;
	}
	if (wait == 0 || has_due(n, from)) {
		answer_exchange(n, r, from);
		return;
	}
	if ((p = peer_find(n, from)) == NULL)
		p = peer_add(n, from);
	held_answer(p);
	if (wait > n->ca->conf->poll_wait_ms)
		wait = n->ca->conf->poll_wait_ms;
	p->held = r;
	p->held_until = ca_after(n->ca, wait);
	wire_request_set_data(r, p);
	ca_kick(n->ca);
}

/* ---- join ---------------------------------- */

struct join_wait {
	struct wire_request *r; /* NULL: hung up meanwhile */
};

/* The node takes 503 as "try again" and all else as final: final is only
 * what lies in the request itself. */
static int
join_status(enum base_err e)
{
	static const struct {
		enum base_err e;
		int status;
	} map[] = {
		{ BASE_E_DENIED, 403 },
		{ BASE_E_EXPIRED, 403 },
		{ BASE_E_SYNTAX, 400 },
		{ BASE_E_RANGE, 400 },
		{ BASE_E_CRYPTO, 400 },
		{ BASE_E_REFUSED, 409 },
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].e == e)
			return map[i].status;
	return 503;
}

static void
join_done(void *arg, enum base_err e, struct base_span answer)
{
	struct join_wait *w = arg;

	if (w->r != NULL) {
		wire_request_set_data(w->r, NULL);
		if (e == BASE_OK)
			wire_request_answer(w->r, 200, answer);
		else
			answer_error(w->r, join_status(e));
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
	for (struct peer *p = n->peers; p != NULL; p = p->next)
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

	if (strcmp(path, PATH_EXCHANGE) == 0) {
		on_exchange(n, r, body);
		return;
	}
	if (strcmp(path, PATH_JOIN) != 0) {
		(void)base_fail(BASE_E_NOTFOUND, "no such path");
		answer_error(r, 404);
		return;
	}
	w = base_alloc(sizeof(*w));
	w->r = r;
	wire_request_set_data(r, w);
	ca_join_request(n->ca, body, join_done, w);
}

/* ---- neighbours that we dial ---------------------------------- */

static void
call_came(struct peer *p, enum base_err e, int status, struct base_span body,
    struct base_mono *after)
{
	struct ca *ca = p->net->ca;

	if (e == BASE_OK && status != 200)
		e = base_fail(BASE_E_REFUSED, "status %d: %.*s", status,
		    (int)(body.n > 200 ? 200 : body.n), (const char *)body.p);
	if (e == BASE_OK)
		e = take_exchange(p->net, p->name, body, NULL);
	if (e != BASE_OK) {
		*after = ca_after(ca, ca->conf->retry_ms);
		if (p->reached || after == &p->send_after)
			base_log(BASE_NOTICE, "node %s at %s: %s", p->name,
			    p->address, base_why());
		p->reached = false;
	} else {
		if (!p->reached)
			base_log(BASE_INFO, "node %s at %s: reached", p->name,
			    p->address);
		p->reached = true;
		after->ms = 0;
	}
	ca_kick(ca);
}

static void
send_done(void *arg, enum base_err e, int status, struct base_span body)
{
	struct peer *p = arg;

	call_came(p, e, status, body, &p->send_after);
}

static void
poll_done(void *arg, enum base_err e, int status, struct base_span body)
{
	struct peer *p = arg;

	call_came(p, e, status, body, &p->poll_after);
}

static void
peer_call(struct peer *p, struct wire_client *c, uint32_t wait_ms,
    void (*done)(void *, enum base_err, int, struct base_span))
{
	struct wire_call call = { .path = PATH_EXCHANGE,
		.done = done,
		.arg = p };
	struct base_buf body;

	base_buf_init(&body, 0);
	if (give_exchange(p->net, p->name, wait_ms, &body) != BASE_OK)
		base_die("exchange for %s: %s", p->name, base_why());
	call.body = base_buf_span(&body);
	if (wire_client_call(c, &call) != BASE_OK)
		base_log(BASE_ERR, "node %s: %s", p->name, base_why());
	base_buf_free(&body);
}

static enum base_err
peer_dial(struct peer *p)
{
	const struct ca_conf *conf = p->net->ca->conf;
	struct wire_client_conf c = {
		.address = p->address,
		.peer = p->name,
		.ctx = p->net->client_ctx,
		.connect_ms = conf->connect_ms,
		.answer_ms = conf->poll_wait_ms + ANSWER_EXTRA_MS,
	};
	enum base_err r;

	if ((r = wire_client_open(p->net->ca->eb, &c, &p->send)) != BASE_OK)
		return r;
	return wire_client_open(p->net->ca->eb, &c, &p->poll);
}

static void
peer_hang_up(struct peer *p)
{
	if (p->send != NULL)
		wire_client_close(p->send);
	if (p->poll != NULL)
		wire_client_close(p->poll);
	p->send = p->poll = NULL;
	p->address[0] = '\0';
}

/* The neighbours as the topology has them now. */
static void
peers_follow(struct ca_net *n)
{
	const struct ca_topo *t = n->ca->topo;

	for (struct peer *p = n->peers; p != NULL; p = p->next) {
		uint32_t i = ca_topo_node(t, p->name);

		if (p->address[0] != '\0' &&
		    (i == POL_NONE || t->nodes[i].reach != CA_DIRECT ||
			strcmp(t->nodes[i].address, p->address) != 0))
			peer_hang_up(p);
	}
	for (size_t i = 0; i < t->nnodes; i++) {
		const struct ca_node *d = &t->nodes[i];
		struct peer *p = peer_find(n, d->name);

		if (d->reach != CA_DIRECT || d->address[0] == '\0' ||
		    d->joined.ms == 0 || (p != NULL && p->send != NULL))
			continue;
		if (p == NULL)
			p = peer_add(n, d->name);
		memcpy(p->address, d->address, sizeof(p->address));
		if (peer_dial(p) != BASE_OK) {
			base_log(BASE_WARNING, "node %s: %s", p->name,
			    base_why());
			peer_hang_up(p);
		}
	}
}

static struct base_mono
dialled_work(struct peer *p, struct base_mono now)
{
	struct base_mono next = CA_NEVER, due;

	if (!wire_client_is_busy(p->poll)) {
		if (p->poll_after.ms <= now.ms)
			peer_call(p, p->poll, p->net->ca->conf->poll_wait_ms,
			    poll_done);
		else
			next = p->poll_after;
	}
	due = ca_deliver_due(p->net->ca->deliver, p->name);
	if (due.ms == INT64_MAX || wire_client_is_busy(p->send))
		return next;
	if (due.ms < p->send_after.ms)
		due = p->send_after;
	if (due.ms > now.ms)
		return ca_sooner(next, due);
	peer_call(p, p->send, 0, send_done);
	return next;
}

static struct base_mono
held_work(struct peer *p, struct base_mono now)
{
	struct base_mono due;

	due = ca_sooner(p->held_until,
	    ca_deliver_due(p->net->ca->deliver, p->name));
	if (due.ms > now.ms)
		return due;
	held_answer(p);
	return CA_NEVER;
}

struct base_mono
ca_net_work(struct ca_net *n)
{
	struct base_mono next = CA_NEVER, now = ca_mono(n->ca);

	if (n->ca->peers_changed)
		peers_follow(n);
	n->ca->peers_changed = false;
	for (struct peer *p = n->peers; p != NULL; p = p->next) {
		if (p->send != NULL)
			next = ca_sooner(next, dialled_work(p, now));
		if (p->held != NULL)
			next = ca_sooner(next, held_work(p, now));
	}
	return next;
}

/* ---- opening ---------------------------------- */

static enum base_err
net_contexts(struct ca_net *n)
{
	struct ca *ca = n->ca;
	struct wire_tls t = {
		.server = true,
		.cert = ca->tls_cert,
		/* a joining node knows the root by its hash only */
		.chain = ca->management,
		.key = ca->tls_key,
		.trust = ca->management,
		.tls13_only = true,
		.closed = true,
	};
	enum base_err r;

	if ((r = wire_tls_ctx(&t, &n->server_ctx)) != BASE_OK)
		return r;
	t.server = false;
	return wire_tls_ctx(&t, &n->client_ctx);
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
	enum base_err r;

	n->ca = ca;
	*out = NULL;
	if ((r = net_contexts(n)) != BASE_OK)
		goto out;
	c.ctx = n->server_ctx;
	if ((r = wire_server_open(ca->eb, &c, &n->server)) != BASE_OK)
		goto out;
	*out = n;
	n = NULL;
out:
	ca_net_close(n);
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
	struct peer *next;

	if (n == NULL)
		return;
	for (struct peer *p = n->peers; p != NULL; p = next) {
		next = p->next;
		peer_hang_up(p);
		if (p->held != NULL)
			wire_request_set_data(p->held, NULL);
		free(p);
	}
	n->peers = NULL;
	if (n->server != NULL)
		wire_server_close(n->server);
	SSL_CTX_free(n->server_ctx);
	SSL_CTX_free(n->client_ctx);
	free(n);
}
