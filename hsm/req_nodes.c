/*
 * req_nodes: TOKEN, BIND and FORGET: the table node name -> keys. A new or
 * changed pair needs a join token that was given out here; only its hash is
 * kept, and it is burnt in the record that binds the keys.
 */
#include <string.h>

#include <openssl/rand.h>

#include "hsm/core.h"

#define TOKEN_MAX_MS INT64_C(86400000)

/* ---- TOKEN ----------------------------------------------------------------- */

enum base_err
hsm_do_token(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	uint8_t hash[HSM_HASH];
	struct base_buf b;
	enum base_err e;

	if (strcmp(r->node, HSM_CA) == 0)
		return base_fail(BASE_E_REFUSED,
		    "join token: node \"ca\" needs none and gets none");
	if (r->end.ms <= c->now.ms || r->end.ms > c->now.ms + TOKEN_MAX_MS)
		return base_fail(BASE_E_REFUSED,
		    "join token for %s: must end within 24 hours from now",
		    r->node);
	if (RAND_bytes(a->secret, sizeof(a->secret)) != 1)
		base_die("hsm: no random bytes: %s", hsm_openssl_why());
	hsm_sha256((struct base_span){ a->secret, sizeof(a->secret) }, hash);
	base_buf_init(&b, 0);
	hsm_put_token(&b, r->node, hash, r->end);
	if ((e = hsm_core_record(c, HSM_R_TOKEN, &b)) != BASE_OK)
		return e;
	base_log(BASE_NOTICE, "node %s: join token given out", r->node);
	return BASE_OK;
}

/* ---- BIND --------------------------------------------------------------------- */

static bool
bind_is_same(const struct hsm_node *n, const struct wire_hsm_request *r)
{
	if (!n->bound || n->nkeys != r->nitems)
		return false;
	for (size_t i = 0; i < r->nitems; i++) {
		const struct hsm_node_key *k = hsm_node_key(n, r->roots[i]);

		if (k == NULL || k->spki.n != r->items[i].n ||
		    memcmp(k->spki.p, r->items[i].p, k->spki.n) != 0)
			return false;
	}
	return true;
}

/* A key that is on its curve, belongs to nobody else, and is none of ours. */
static enum base_err
bind_key(struct hsm_core *c, const struct wire_hsm_request *r, size_t i)
{
	struct base_span spki = base_buf_span(&r->items[i]);
	const struct hsm_node *owner = hsm_state_owner(&c->state, spki);
	struct hsm_verifier *v = NULL;
	enum wire_alg alg;
	enum base_err e;

	for (size_t j = 0; j < i; j++)
		if (strcmp(r->roots[i], r->roots[j]) == 0)
			return base_fail(BASE_E_REFUSED,
			    "node %s: two keys for root %s", r->node,
			    r->roots[i]);
	if ((e = wire_spki_alg(spki, &alg)) != BASE_OK ||
	    (e = hsm_verifier_new(spki, alg, &v)) != BASE_OK)
		return e;
	hsm_verifier_free(v);
	if (owner != NULL && strcmp(owner->name, r->node) != 0)
		return base_fail(BASE_E_REFUSED,
		    "node %s: its key for root %s is that of node %s", r->node,
		    r->roots[i], owner->name);
	if (hsm_state_key_by_spki(&c->state, spki) != NULL)
		return base_fail(BASE_E_REFUSED,
		    "node %s: its key for root %s is one of the CA's own",
		    r->node, r->roots[i]);
	return BASE_OK;
}

/* Once, at init, for management only; the same again is fine. */
static enum base_err
bind_ca(const struct hsm_node *n, const struct wire_hsm_request *r)
{
	if (r->nitems != 1 || strcmp(r->roots[0], HSM_MANAGEMENT) != 0)
		return base_fail(BASE_E_REFUSED,
		    "node ca: has one key, under root management");
	if (n != NULL)
		return base_fail(BASE_E_REFUSED,
		    "node ca: is bound to another key already, and no token "
		    "can change that");
	return BASE_OK;
}

static enum base_err
bind_token(struct hsm_core *c, const struct hsm_node *n,
    const struct wire_hsm_request *r, const uint8_t hash[HSM_HASH])
{
	if (n != NULL && n->bound && base_equal_ct(n->used, hash, HSM_HASH))
		return base_fail(BASE_E_REFUSED,
		    "node %s: this join token was used for other keys",
		    r->node);
	if (n == NULL || !n->has_token ||
	    !base_equal_ct(n->token, hash, HSM_HASH))
		return base_fail(BASE_E_REFUSED,
		    "node %s: no such join token; give out a new one", r->node);
	if (c->now.ms > n->token_end.ms)
		return base_fail(BASE_E_EXPIRED,
		    "node %s: the join token has expired; give out a new one",
		    r->node);
	return BASE_OK;
}

enum base_err
hsm_do_bind(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	struct hsm_node *n = hsm_state_node(&c->state, r->node);
	bool ca = strcmp(r->node, HSM_CA) == 0;
	uint8_t hash[HSM_HASH] = { 0 };
	struct hsm_bind v = { r->node, hash, r->nitems, r->roots, r->items };
	struct base_buf b;
	enum base_err e;

	(void)a;
	if (!ca)
		hsm_sha256((struct base_span){ r->secret, sizeof(r->secret) },
		    hash);
	if (n != NULL && bind_is_same(n, r) &&
	    base_equal_ct(n->used, hash, HSM_HASH))
		return BASE_OK;
	if (r->nitems == 0 || r->nitems > HSM_NODE_ROOTS)
		return base_fail(BASE_E_RANGE,
		    "node %s: 1 to %d keys can be bound", r->node,
		    HSM_NODE_ROOTS);
	e = ca ? bind_ca(n, r) : bind_token(c, n, r, hash);
	for (size_t i = 0; i < r->nitems && e == BASE_OK; i++)
		e = bind_key(c, r, i);
	if (e != BASE_OK)
		return e;
	base_buf_init(&b, 0);
	hsm_put_bind(&b, &v);
	if ((e = hsm_core_record(c, HSM_R_BIND, &b)) != BASE_OK)
		return e;
	base_log(BASE_NOTICE, "node %s: bound to %zu keys", r->node, r->nitems);
	return BASE_OK;
}

/* ---- FORGET --------------------------------------------------------------------- */

enum base_err
hsm_do_forget(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	struct base_buf b;
	enum base_err e;

	(void)a;
	if (strcmp(r->node, HSM_CA) == 0)
		return base_fail(BASE_E_REFUSED,
		    "node ca: cannot be forgotten");
	if (hsm_state_node(&c->state, r->node) == NULL)
		return BASE_OK;
	if (!hsm_node_may_go(c, hsm_state_node(&c->state, r->node)))
		return base_fail(BASE_E_OUTAGE,
		    "node %s: is not forgotten while a root of its links "
		    "rolls, unless their directions are approved to be cut",
		    r->node);
	if (r->only_ask)
		return BASE_OK;
	base_buf_init(&b, 0);
	hsm_put_forget(&b, r->node);
	if ((e = hsm_core_record(c, HSM_R_FORGET, &b)) != BASE_OK)
		return e;
	base_log(BASE_NOTICE, "node %s: forgotten", r->node);
	return BASE_OK;
}
