/*
 * ca/token: one-time join tokens. hsmd makes the secret and keeps its hash;
 * so does kedged; the text goes to the operator once and is kept nowhere.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

struct token {
	struct ca *ca;
	char node[CA_NAME], who[CA_NAME];
	struct base_time end;
	ca_token_fn *done;
	void *arg;
};

static enum base_err
token_keep(struct token *k, const uint8_t secret[16])
{
	struct ca_store *st = k->ca->store;
	uint8_t hash[32];
	enum base_err r;

	ca_sha256((struct base_span){ secret, 16 }, hash);
	if ((r = ca_store_begin(st)) != BASE_OK)
		return r;
	if ((r = ca_store_token_add(st, k->node, hash, k->end)) == BASE_OK &&
	    (r = ca_audit(k->ca, k->who, "token", "for node %s", k->node)) ==
		BASE_OK)
		r = ca_store_commit(st);
	ca_store_rollback(st);
	return r;
}

static enum base_err
token_text(struct token *k, const uint8_t secret[16], struct base_buf *text)
{
	struct wire_token t = { .end = k->end };
	const struct ca_conf *c = k->ca->conf;

	memcpy(t.fleet, c->fleet, sizeof(t.fleet));
	memcpy(t.node, k->node, sizeof(t.node));
	snprintf(t.address, sizeof(t.address), "%s",
	    c->address != NULL ? c->address : c->listen);
	wire_x509_sha256(sk_X509_value(k->ca->management, 0), t.root_sha256);
	memcpy(t.secret, secret, sizeof(t.secret));
	return wire_token_compose(&t, text);
}

static void
token_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct token *k = arg;
	struct base_buf text;

	base_buf_init(&text, 0);
	if (e != BASE_OK)
		e = base_fail(BASE_E_AGAIN, "waits for kedge-hsmd: %s",
		    base_why());
	else if (a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	else if ((e = token_keep(k, a->secret)) == BASE_OK &&
	    (e = token_text(k, a->secret, &text)) == BASE_OK)
		e = base_buf_put_u8(&text, '\0');
	k->done(k->arg, e, e == BASE_OK ? (const char *)text.p : NULL, k->end);
	base_buf_free(&text);
	free(k);
}

void
ca_token_make(struct ca *ca, const char *node, uint32_t seconds,
    ca_token_fn *done, void *arg)
{
	struct token *k = base_alloc(sizeof(*k));
	struct wire_hsm_request q = { .type = WIRE_HSM_TOKEN };
	struct wire_hsm_ask w = { &q, token_answered, k };
	bool gone = false;
	enum base_err r;

	k->ca = ca;
	k->done = done;
	k->arg = arg;
	snprintf(k->node, sizeof(k->node), "%s", node);
	snprintf(k->who, sizeof(k->who), "%s", ca_who(ca));
	k->end = base_time_add_s(ca_now(ca), seconds);
	k->end.ms -= k->end.ms % 1000;
	if (!ca->ready)
		r = base_fail(BASE_E_STATE,
		    "this CA is not ready; kedge "
		    "init");
	else if (strcmp(node, CA_NODE_CA) == 0 ||
	    ca_topo_node(ca->topo, node) == POL_NONE)
		r = base_fail(BASE_E_NOTFOUND,
		    "node %s: not known; kedge "
		    "node add %s",
		    node, node);
	else if ((r = ca_store_gone_is_open(ca->store, node, &gone)) ==
		BASE_OK &&
	    gone)
		r = base_fail(BASE_E_AGAIN,
		    "node %s: kedge-hsmd has not forgotten yet the node of "
		    "this name that left; it is asked again and again",
		    node);
	else if (r == BASE_OK) {
		memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
		memcpy(q.node, k->node, sizeof(q.node));
		q.end = k->end;
		r = ca->hsm.ask(ca->hsm.self, &w);
	}
	wire_hsm_request_clear(&q);
	if (r != BASE_OK) {
		done(arg, r, NULL, k->end);
		free(k);
	}
}
