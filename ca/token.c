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
	uint8_t root[32]; /* as in the token */
	ca_token_fn *done;
	void *arg;
};

static enum base_err
token_keep(struct token *k, const uint8_t secret[16])
{
	struct ca_store *st = k->ca->store;
	struct ca_token row = { .end = k->end };
	uint8_t hash[32];
	enum base_err r;

	wire_digest((struct base_span){ secret, 16 }, hash);
	memcpy(row.node, k->node, sizeof(row.node));
	memcpy(row.root, k->root, sizeof(row.root));
	if ((r = ca_store_begin(st)) != BASE_OK)
		return r;
	/* a relay lets in by one word at a time: the newest token's */
	if ((r = ca_store_tokens_void(st, k->node)) == BASE_OK &&
	    (r = ca_store_token_add(st, hash, &row)) == BASE_OK &&
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
	memcpy(t.root_sha256, k->root, sizeof(t.root_sha256));
	memcpy(t.secret, secret, sizeof(t.secret));
	return wire_token_compose(&t, text);
}

static enum base_err
token_answer(struct token *k, const uint8_t secret[16], struct base_buf *text)
{
	enum base_err e;

	/* of the certificate that the CA shows just now */
	wire_x509_sha256(sk_X509_value(k->ca->management, 0), k->root);
	if ((e = token_keep(k, secret)) == BASE_OK &&
	    (e = token_text(k, secret, text)) == BASE_OK)
		e = base_buf_put_u8(text, '\0');
	return e;
}

static void
token_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct token *k = arg;
	struct base_buf text;

	base_buf_init(&text, 0);
	if ((e = ca_hsm_heard(k->ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	else if (e == BASE_OK)
		e = token_answer(k, a->secret, &text);
	k->ca->invites_kept = false;
	ca_kick(k->ca);
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
		    "this name that left; it is asked again and again, but "
		    "not while kedge recover status names the node",
		    node);
	else if (r == BASE_OK) {
		memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
		memcpy(q.node, k->node, sizeof(q.node));
		q.end = k->end;
		r = ca_hsm_ask(ca, &w);
	}
	wire_hsm_request_clear(&q);
	if (r != BASE_OK) {
		done(arg, r, NULL, k->end);
		free(k);
	}
}

/* ---- taking -------------------------------------------------------------------- */

X509 *
ca_token_root(const struct ca *ca, const uint8_t root[32])
{
	uint8_t sum[32];

	for (int i = 0; i < sk_X509_num(ca->management); i++) {
		X509 *x = sk_X509_value(ca->management, i);

		wire_x509_sha256(x, sum);
		if (memcmp(sum, root, sizeof(sum)) == 0)
			return x;
	}
	return NULL;
}

enum base_err
ca_token_check(struct ca *ca, const char *node, const uint8_t hash[32],
    uint8_t root[32])
{
	struct ca_token t;
	enum base_err r = ca_store_token_get(ca->store, hash, &t);
	const char *why;

	if (r == BASE_E_NOTFOUND || (r == BASE_OK && strcmp(t.node, node) != 0))
		return base_fail(BASE_E_DENIED,
		    "join of node %s: the token is not one of this CA's for "
		    "that node",
		    node);
	if (r != BASE_OK)
		return r;
	memcpy(root, t.root, sizeof(t.root));
	if (t.burned)
		why = "was used already, with another request, or a newer one "
		      "has taken its place";
	else if (t.end.ms < ca_now(ca).ms)
		why = "has expired";
	else if (ca_token_root(ca, root) == NULL)
		why = "names a management root that the CA has forgotten "
		      "meanwhile";
	else
		return BASE_OK;
	return base_fail(t.end.ms < ca_now(ca).ms && !t.burned ? BASE_E_EXPIRED
							       : BASE_E_DENIED,
	    "join of node %s: the token %s; make a new one by kedge node "
	    "token %s",
	    node, why, node);
}
