/*
 * agentd/knock: how a node without a certificate reaches the CA: by itself,
 * or through a relay. The CA is known by the SHA-256 of its root in the token.
 * The relay is nobody: it hands out what the CA has signed, takes what is
 * sealed to the CA, and brings back what the CA has signed; so nothing depends
 * on who it is. Used by agent.c.
 */
#include <stdlib.h>
#include <string.h>

#include "agentd/join.h"
#include "wire/net.h"

#define ANSWER_MAX ((size_t)2 << 20)
#define ANSWER_MS  60000u
#define TEXT_MAX   300

static bool
has_relay(const struct ag_config *c)
{
	for (size_t i = 0; i < c->npeers; i++)
		if (!c->peers[i].push)
			return true;
	return false;
}

/* ---- one call --------------------------------------------------------------------- */

struct call {
	struct event_base *eb;
	const char *whom;
	struct base_buf *answer;
	bool heard; /* it is whom it should be, and has spoken */
	enum base_err result;
};

static void
on_done(void *arg, enum base_err e, int status, struct base_span body)
{
	struct call *c = arg;

	c->heard = e == BASE_OK;
	if (e == BASE_OK && status != 200)
		e = base_fail(status == 503 ? BASE_E_TIMEOUT : BASE_E_DENIED,
		    "join: %s %s: %.*s", c->whom,
		    status == 503 ? "is not ready" : "refuses",
		    (int)(body.n > TEXT_MAX ? TEXT_MAX : body.n),
		    (const char *)body.p);
	if (e == BASE_OK)
		e = base_buf_put(c->answer, body.p, body.n);
	c->result = e;
	event_base_loopbreak(c->eb);
}

static enum base_err
post(struct event_base *eb, struct wire_client *client, const char *whom,
    struct base_span body, struct base_buf *answer, bool *heard)
{
	struct call call = { eb, whom, answer, false, BASE_E_AGAIN };
	enum base_err e = wire_client_call(client,
	    &(struct wire_call){
		.path = WIRE_PATH_JOIN,
		.body = body,
		.done = on_done,
		.arg = &call,
	    });

	if (e != BASE_OK)
		return e;
	event_base_dispatch(eb);
	if (heard != NULL)
		*heard = call.heard;
	if (call.result != BASE_E_AGAIN)
		return call.result;
	wire_client_cancel(client);
	return base_fail(BASE_E_AGAIN, "join: interrupted");
}

static enum base_err
dial(struct event_base *eb, const struct wire_tls *t, const char *address,
    const char *peer, struct wire_client **out)
{
	SSL_CTX *ctx = NULL;
	enum base_err e = wire_tls_ctx(t, &ctx);

	if (e == BASE_OK)
		e = wire_client_open(eb,
		    &(struct wire_client_conf){
			.address = address,
			.peer = peer,
			.ctx = ctx,
			.answer_ms = ANSWER_MS,
			.max_body = ANSWER_MAX,
		    },
		    out);
	SSL_CTX_free(ctx);
	return e;
}

/* ---- the CA itself ------------------------------------------------------------------ */

static enum base_err
call_ca(const struct ag_join_conf *c, struct event_base *eb,
    const char *address, struct base_span request, struct base_buf *answer)
{
	const struct wire_tls t = { .pin = c->token->root_sha256,
		.tls13_only = true,
		.closed = true };
	struct wire_client *client = NULL;
	bool heard = false;
	enum base_err e;

	if ((e = dial(eb, &t, address, "ca", &client)) == BASE_OK)
		e = post(eb, client, "the CA", request, answer, &heard);
	wire_client_close(client);
	/* somebody else listens there: that says nothing of the relays */
	if (e != BASE_OK && e != BASE_E_AGAIN && !heard && has_relay(c->conf))
		e = base_fail(BASE_E_TIMEOUT, "join: at %s: %s", address,
		    base_why());
	return e;
}

/* ---- the relay's invitation ----------------------------------------------------------- */

static X509 *
root_of(const struct ag_join_conf *c, const struct wire_invite *v)
{
	uint8_t sum[32];

	for (size_t i = 0; i < v->nroots; i++) {
		wire_x509_sha256(v->root[i], sum);
		if (memcmp(sum, c->token->root_sha256, sizeof sum) == 0)
			return v->root[i];
	}
	return NULL;
}

static enum base_err
invited_check(const struct ag_join_conf *c, const char *relay,
    const struct wire_invite *v)
{
	uint8_t hash[32], word[32], admit[32];

	wire_digest((struct base_span){ c->token->secret,
			sizeof c->token->secret },
	    hash);
	wire_join_word(hash, word, admit);
	if (strcmp(v->fleet, c->conf->fleet) != 0 ||
	    strcmp(v->node, c->conf->node) != 0 ||
	    strcmp(v->relay, relay) != 0 ||
	    !base_equal_ct(v->admit, admit, sizeof admit))
		return base_fail(BASE_E_DENIED,
		    "the invitation is for node %s at relay %s, or for "
		    "another token",
		    v->node, v->relay);
	if (v->expires.ms <= base_time_now().ms)
		return base_fail(BASE_E_EXPIRED,
		    "the invitation is over; kedge node token %s",
		    c->conf->node);
	return BASE_OK;
}

enum base_err
ag_join_invited(const struct ag_join_conf *c, struct base_span cms,
    const char *relay, struct wire_invite *v)
{
	STACK_OF(X509) *trust = sk_X509_new_null();
	struct wire_signer s = { .cert = NULL };
	struct base_buf der, again;
	X509 *root;
	enum base_err e;

	memset(v, 0, sizeof *v);
	base_buf_init(&der, ANSWER_MAX);
	base_buf_init(&again, ANSWER_MAX);
	if ((e = ag_join_peek(cms, &der)) != BASE_OK ||
	    (e = wire_invite_parse(base_buf_span(&der), v)) != BASE_OK)
		goto out;
	if ((root = root_of(c, v)) == NULL) {
		e = base_fail(BASE_E_CRYPTO,
		    "the invitation is of another management root than the "
		    "token names");
		goto out;
	}
	if (trust == NULL || sk_X509_push(trust, root) <= 0)
		base_die("join: out of memory");
	if ((e = wire_verify_root(root, base_time_now())) == BASE_OK &&
	    (e = wire_cms_verify(WIRE_C_INVITE, cms, trust, base_time_now(),
		 &again, &s)) == BASE_OK)
		e = invited_check(c, relay, v);
out:
	sk_X509_free(trust);
	wire_signer_clear(&s);
	base_buf_free(&der);
	base_buf_free(&again);
	return e;
}

/* ---- through a relay ------------------------------------------------------------------- */

static enum base_err
call_body(const struct ag_join_conf *c, const struct base_buf *sealed,
    struct base_buf *out)
{
	struct wire_join_call q = { .sealed = { 0 } };
	uint8_t hash[32], admit[32];
	enum base_err e;

	strcpy(q.fleet, c->conf->fleet);
	strcpy(q.node, c->conf->node);
	wire_digest((struct base_span){ c->token->secret,
			sizeof c->token->secret },
	    hash);
	wire_join_word(hash, q.word, admit);
	if (sealed != NULL)
		q.sealed = *sealed; /* borrowed */
	e = wire_join_call_compose(&q, out);
	base_wipe(&q, sizeof q);
	return e;
}

static enum base_err
seal(const struct ag_join_conf *c, const struct wire_invite *v,
    struct base_span request, struct base_buf *out)
{
	static const char info[] = WIRE_SEAL_JOIN;
	struct base_buf sealed;
	enum base_err e;

	base_buf_init(&sealed, 0);
	e = wire_seal(v->key,
	    (struct base_span){ (const uint8_t *)info, sizeof info - 1 },
	    (struct base_span){ (const uint8_t *)c->conf->node,
		strlen(c->conf->node) },
	    request, &sealed);
	if (e == BASE_OK)
		e = call_body(c, &sealed, out);
	base_buf_free(&sealed);
	return e;
}

/* Whether it is the CA's answer, so that a relay that answers by itself does
 * not end the asking. *final: it is, and says no. */
static enum base_err
answer_check(const struct ag_join_conf *c, struct base_span request,
    struct base_span answer, bool *final)
{
	struct wire_join_answer *a = base_alloc(sizeof *a);
	uint8_t digest[32];
	enum base_err e;

	wire_digest(request, digest);
	if ((e = ag_join_verify(c, answer, digest, a)) == BASE_OK &&
	    (e = ag_join_allowed(a)) != BASE_OK) {
		*final = true;
		ag_join_forget(c);
	}
	wire_join_answer_clear(a);
	free(a);
	return e;
}

static enum base_err
ask_relay(const struct ag_join_conf *c, struct event_base *eb,
    const struct ag_peer *r, struct base_span request, struct base_buf *answer,
    bool *final)
{
	const struct wire_tls t = { .blind = true };
	struct wire_client *client = NULL;
	struct wire_invite v = { .nroots = 0 };
	struct base_buf body, invite;
	enum base_err e;

	base_buf_init(&body, 0);
	base_buf_init(&invite, ANSWER_MAX);
	if ((e = dial(eb, &t, r->address, NULL, &client)) != BASE_OK ||
	    (e = call_body(c, NULL, &body)) != BASE_OK ||
	    (e = post(eb, client, r->node, base_buf_span(&body), &invite,
		 NULL)) != BASE_OK ||
	    (e = ag_join_invited(c, base_buf_span(&invite), r->node, &v)) !=
		BASE_OK)
		goto out;
	base_buf_clear(&body);
	if ((e = seal(c, &v, request, &body)) == BASE_OK &&
	    (e = post(eb, client, r->node, base_buf_span(&body), answer,
		 NULL)) == BASE_OK)
		e = answer_check(c, request, base_buf_span(answer), final);
out:
	wire_client_close(client);
	wire_invite_clear(&v);
	base_buf_free(&body);
	base_buf_free(&invite);
	return e;
}

/* Only what the CA itself has signed is final. */
static enum base_err
call_relay(const struct ag_join_conf *c, struct event_base *eb,
    const struct ag_peer *r, struct base_span request, struct base_buf *answer)
{
	bool final = false;
	enum base_err e = ask_relay(c, eb, r, request, answer, &final);

	if (e == BASE_OK || final || e == BASE_E_AGAIN)
		return e;
	base_buf_clear(answer);
	return base_fail(BASE_E_TIMEOUT, "join through %s: %s", r->node,
	    base_why());
}

/* ---- whatever works -------------------------------------------------------------------- */

static bool
may_work_later(enum base_err e)
{
	return e == BASE_E_IO || e == BASE_E_TIMEOUT;
}

static enum base_err
call_relays(const struct ag_join_conf *c, struct event_base *eb,
    struct base_span request, struct base_buf *answer)
{
	enum base_err e = BASE_E_IO;

	for (size_t i = 0; may_work_later(e) && i < c->conf->npeers; i++) {
		const struct ag_peer *p = &c->conf->peers[i];

		if (p->push)
			continue;
		e = call_relay(c, eb, p, request, answer);
		if (may_work_later(e))
			base_log(BASE_NOTICE, "%s", base_why());
	}
	return e;
}

/* To both addresses that may be known; the configuration's is the nearer. */
static enum base_err
call_direct(const struct ag_join_conf *c, struct event_base *eb,
    struct base_span request, struct base_buf *answer)
{
	const char *own = c->conf->ca_address, *told = c->token->address;
	enum base_err e = BASE_E_IO;

	if (own != NULL)
		e = call_ca(c, eb, own, request, answer);
	if (may_work_later(e) && told[0] != '\0' &&
	    (own == NULL || strcmp(own, told) != 0)) {
		if (own != NULL)
			base_log(BASE_NOTICE, "join: %s", base_why());
		e = call_ca(c, eb, told, request, answer);
	}
	return e;
}

/* Whose configuration names a relay, but not the CA, is told by it that the CA
 * is out of reach, whatever the token says; so that comes last. */
enum base_err
ag_join_call(const struct ag_join_conf *c, struct event_base *eb,
    struct base_span request, struct base_buf *answer)
{
	const struct ag_config *f = c->conf;
	bool direct = f->ca_address != NULL || c->token->address[0] != '\0';
	bool relays = has_relay(f), last = relays && f->ca_address == NULL;
	enum base_err e = BASE_E_IO;

	if (!direct && !relays)
		return base_fail(BASE_E_CONFIG,
		    "join: the token names no address of the CA and the "
		    "configuration no ca.address; join by files");
	if (last)
		e = call_relays(c, eb, request, answer);
	if (may_work_later(e) && direct)
		e = call_direct(c, eb, request, answer);
	if (may_work_later(e) && relays && !last)
		e = call_relays(c, eb, request, answer);
	return e;
}
