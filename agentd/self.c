/*
 * agentd/self: the agent as its own application, for the management root: its
 * connections have taken the new version already, and this proves it. What
 * orders and hellos are verified by accepts the new generation and, after a
 * finish, refuses the old one; the port on which the CA calls shows the stored
 * certificate and does the same in real handshakes; a node that polls the CA
 * is answered by it. Used by job.c.
 */
#include "agentd/self.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "agentd/probe.h"
#include "wire/addr.h"
#include "wire/net.h"

#define DEADLINE_MS 30000
#define ATTEMPT_MS  2000u
#define PAUSE_MS    500u
#define SETTLE_MS   1000u /* what was before is drained by then (net.c) */

enum stage {
	S_LIST,
	S_NEW,
	S_OLD,
	S_NEW_AGAIN,
	S_CA,
	S_SETTLE,
	S_END
};

struct ag_self {
	struct ag_self_conf c;
	enum stage stage;
	struct event *timer;
	struct base_mono deadline;
	struct ag_probe *probe;
	struct wire_client *client;
	struct ag_side side;
	char address[64];
	enum base_err result;
	enum wire_proof proof;
	char why[400];
};

static const struct ag_root *
management(const struct ag_self *s)
{
	return ag_holdings_find(s->c.holdings, AG_MANAGEMENT);
}

static X509 *
canary(const struct ag_self *s, uint32_t generation)
{
	const struct wire_order *o = s->c.order;

	for (size_t i = 0; i < o->ncanary; i++)
		if (o->canary[i].generation == generation)
			return o->canary[i].cert;
	return NULL;
}

/* In a join the own certificate proves as much, and stays good. */
static X509 *
shown(const struct ag_self *s)
{
	return s->c.order->steps & WIRE_STEP_JOIN ? management(s)->bundle->cert
						  : canary(s, s->c.order->to);
}

static X509 *
forgotten(const struct ag_self *s)
{
	const struct wire_order *o = s->c.order;

	return o->steps & WIRE_STEP_FINISH && o->from != o->to
	    ? canary(s, o->from)
	    : NULL;
}

/* ---- turns --------------------------------------------------------------------- */

static void
after(struct ag_self *s, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (evtimer_add(s->timer, &tv) != 0)
		base_die("self: out of memory");
}

static void
enter(struct ag_self *s, enum stage stage)
{
	s->stage = stage;
	if (stage != S_NEW_AGAIN) {
		s->deadline = base_mono_now();
		s->deadline.ms += DEADLINE_MS;
	}
	after(s, stage == S_SETTLE ? SETTLE_MS : 0);
}

static void
end(struct ag_self *s, enum base_err e)
{
	s->result = e;
	if (e != BASE_OK)
		strncpy(s->why, base_why(), sizeof s->why - 1);
	s->stage = S_END;
	after(s, 0);
}

/* Not yet, until the deadline; only what was refused is a failure then. */
static void
again(struct ag_self *s, enum base_err e)
{
	if (base_mono_now().ms >= s->deadline.ms)
		end(s, e);
	else
		after(s, PAUSE_MS);
}

/* ---- what orders and hellos are verified by ------------------------------------ */

static enum base_err
accepts(const struct ag_self *s, X509 *x)
{
	struct wire_verify v = {
		.purpose = WIRE_CLIENT,
		.closed = true,
		.now = base_time_now(),
		.max_depth = -1,
		.name_kind = WIRE_NAME_DNS,
		.name = s->c.conf->node,
	};
	STACK_OF(X509) *trust = ag_bundle_stack(management(s)->bundle);
	enum base_err e = wire_verify_cert(&v, x, trust, NULL, NULL);

	sk_X509_pop_free(trust, X509_free);
	return e;
}

static void
step_list(struct ag_self *s)
{
	X509 *new = shown(s), *old = forgotten(s);
	enum base_err e;

	if (new == NULL) {
		s->proof = WIRE_PROOF_RELOAD;
		enter(s, S_CA);
		return;
	}
	if ((e = accepts(s, new)) != BASE_OK) {
		end(s, e); /* EXPIRED: the canary was dead, nothing failed */
		return;
	}
	if (old != NULL && accepts(s, old) == BASE_OK) {
		end(s,
		    base_fail(BASE_E_REFUSED,
			"the agent still accepts a certificate of the old "
			"generation"));
		return;
	}
	enter(s, s->c.port == 0 ? S_CA : S_NEW);
}

/* ---- the port on which the CA calls ---------------------------------------------- */

static void
on_probe(void *arg, enum base_err e)
{
	struct ag_self *s = arg;

	s->probe = NULL;
	if (e != BASE_OK && s->stage == S_NEW_AGAIN)
		s->stage = S_OLD;
	if (e != BASE_OK)
		again(s, e);
	else if (s->stage == S_NEW && forgotten(s) == NULL)
		enter(s, S_CA);
	else
		enter(s, s->stage + 1);
}

/* Where the port listens on every address, by loopback. */
static enum base_err
own_address(struct ag_self *s)
{
	struct sockaddr_storage at;
	socklen_t len;
	enum base_err e = wire_addr_parse(s->c.conf->management, &at, &len);

	if (e != BASE_OK)
		return e;
	if (at.ss_family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&at;

		if (v4->sin_addr.s_addr == htonl(INADDR_ANY))
			v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		v4->sin_port = htons(s->c.port);
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;

		if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
			v6->sin6_addr = in6addr_loopback;
		v6->sin6_port = htons(s->c.port);
	}
	wire_addr_format((struct sockaddr *)&at, len, s->address);
	return BASE_OK;
}

static void
step_probe(struct ag_self *s)
{
	static char request[] = AG_SELF_REQUEST, word[] = AG_SELF_WORD;
	const struct ag_bundle *b = management(s)->bundle;
	X509 *x = s->stage == S_OLD ? forgotten(s) : shown(s);
	struct ag_probe_conf p = {
		.eb = s->c.eb,
		.side = &s->side,
		.shown = x,
		.key = ag_root_key(management(s), x),
		.bytes = true,
		.refuse = s->stage == S_OLD,
		.timeout_ms = ATTEMPT_MS,
		.done = on_probe,
		.arg = s,
	};
	enum base_err e = own_address(s);

	if (e != BASE_OK) {
		end(s, e);
		return;
	}
	s->side = (struct ag_side){ .on = true,
		.address = s->address,
		.sni = s->c.conf->node,
		.request = request,
		.expect = word };
	if (!p.refuse) {
		p.leaf = b->cert;
		p.link = ag_bundle_link(b, false);
	}
	s->probe = ag_probe_start(&p);
}

/* ---- the CA ------------------------------------------------------------------------ */

static enum base_err
fill(void *arg, SSL *ssl, struct base_buf *body)
{
	const struct ag_self *s = arg;
	struct wire_exchange x = { .wait_ms = 0 };

	(void)ssl;
	strcpy(x.from, s->c.conf->node);
	return wire_exchange_compose(&x, body);
}

/* Parcels that come along come again: the CA waits for reports. */
static void
on_answer(void *arg, enum base_err e, int status, struct base_span body)
{
	struct ag_self *s = arg;

	(void)body;
	if (e == BASE_OK && status != 200)
		e = base_fail(BASE_E_REFUSED, "the CA answers with status %d",
		    status);
	if (e == BASE_OK) {
		enter(s, S_SETTLE);
	} else if (e == BASE_E_DENIED || e == BASE_E_CRYPTO ||
	    e == BASE_E_REFUSED || e == BASE_E_EXPIRED) {
		again(s, base_fail(BASE_E_REFUSED, "the CA: %s", base_why()));
	} else {
		/* it is away: nothing is known, and nobody could be told */
		end(s, base_fail(BASE_E_AGAIN, "the CA: %s", base_why()));
	}
}

static void
step_ca(struct ag_self *s)
{
	struct wire_client_conf c = {
		.address = s->c.conf->ca_address,
		.peer = "ca",
		.answer_ms = ATTEMPT_MS * 5,
	};
	enum base_err e = BASE_OK;

	wire_client_close(s->client);
	s->client = NULL;
	if (s->c.conf->ca_poll && s->c.tls != NULL)
		e = s->c.tls(s->c.tls_arg, &c.ctx);
	if (e == BASE_OK && c.ctx == NULL) {
		if (s->c.conf->ca_poll)
			s->proof = WIRE_PROOF_RELOAD;
		enter(s, S_SETTLE);
		return;
	}
	if (e == BASE_OK &&
	    (e = wire_client_open(s->c.eb, &c, &s->client)) == BASE_OK)
		e = wire_client_call(s->client,
		    &(struct wire_call){ .path = WIRE_PATH_EXCHANGE,
			.before = fill,
			.done = on_answer,
			.arg = s });
	SSL_CTX_free(c.ctx);
	if (e != BASE_OK)
		end(s, e);
}

/* ---- begin, end ----------------------------------------------------------------------- */

static void
step_end(struct ag_self *s)
{
	struct ag_self_conf c = s->c;
	enum wire_proof proof = s->proof;
	enum base_err e = s->result;

	if (e != BASE_OK)
		e = base_fail(e, "%s", s->why);
	ag_self_cancel(s);
	c.done(c.arg, e, proof);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ag_self *s = arg;

	(void)fd;
	(void)what;
	switch (s->stage) {
	case S_LIST:
		step_list(s);
		break;
	case S_NEW:
	case S_OLD:
	case S_NEW_AGAIN:
		step_probe(s);
		break;
	case S_CA:
		step_ca(s);
		break;
	case S_SETTLE:
		end(s, BASE_OK);
		break;
	case S_END:
		step_end(s);
		break;
	}
}

struct ag_self *
ag_self_start(const struct ag_self_conf *c)
{
	struct ag_self *s = base_alloc(sizeof *s);

	s->c = *c;
	s->proof = WIRE_PROOF_PROBE;
	s->timer = evtimer_new(c->eb, on_timer, s);
	if (s->timer == NULL)
		base_die("self: out of memory");
	enter(s, c->order == NULL ? S_END : S_LIST);
	return s;
}

void
ag_self_cancel(struct ag_self *s)
{
	if (s == NULL)
		return;
	ag_probe_cancel(s->probe);
	wire_client_close(s->client);
	event_free(s->timer);
	free(s);
}
