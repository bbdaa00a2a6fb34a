/*
 * rekey: a node takes another key for a root. Its signed report says so: the
 * new key has signed, the one that is bound has signed the new one, and the
 * management key has signed the whole, about an order that was signed here.
 * So a kedged that lies binds nothing. Both keys are good until a certificate
 * for the new one is reported effective; from then on the old one is nobody's.
 * Used by req_proofs.c, and by the fold.
 */
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"
#include "wire/msg.h"

static bool
span_is(const struct base_buf *b, struct base_span s)
{
	return b->n > 0 && b->n == s.n && memcmp(b->p, s.p, s.n) == 0;
}

bool
hsm_node_key_is(const struct hsm_node_key *k, struct base_span spki)
{
	return span_is(&k->spki, spki) || span_is(&k->next, spki);
}

/* ---- may it be bound? -------------------------------------------------------- */

static bool
same_node(const struct hsm_node *a, const struct hsm_node *b)
{
	return a == NULL || a == b;
}

static enum base_err
rekey_no(const struct wire_report *w, const char *why)
{
	return base_fail(BASE_E_REFUSED, "rekey of %s, root %s: %s", w->node,
	    w->root, why);
}

/* By the bound key; or by the one that takes its place, when its certificate
 * was never shown here to be in use: this proof shows it. */
static enum base_err
vouched(const struct wire_report *w, const struct hsm_node_key *k,
    struct hsm_rekey *out)
{
	char first[512];
	enum base_err e = wire_rekey_check(base_buf_span(&w->rekey), w->fleet,
	    w->node, base_buf_span(&k->spki), &out->spki);

	out->by_next = false;
	if (e == BASE_OK || k->next.n == 0)
		return e;
	snprintf(first, sizeof(first), "%.511s", base_why());
	base_buf_clear(&out->spki);
	out->by_next =
	    wire_rekey_check(base_buf_span(&w->rekey), w->fleet, w->node,
		base_buf_span(&k->next), &out->spki) == BASE_OK;
	return out->by_next ? BASE_OK
			    : base_fail(e,
				  "%s; nor by the key that is to take its "
				  "place: %s",
				  first, base_why());
}

enum base_err
hsm_rekey_check(struct hsm_core *c, const struct wire_report *w,
    const struct hsm_event *order, struct hsm_rekey *out)
{
	struct base_buf *spki = &out->spki;
	const struct hsm_node *n = hsm_state_node(&c->state, w->node);
	const struct hsm_node_key *k = hsm_node_key(n, w->root);
	struct hsm_verifier *v = NULL;
	enum wire_alg alg;
	enum base_err e;

	if ((order->steps & WIRE_STEP_REKEY) == 0)
		return rekey_no(w, "the order did not ask for a new key");
	if (k == NULL)
		return rekey_no(w, "the node has no key for this root");
	if ((e = vouched(w, k, out)) != BASE_OK ||
	    (e = wire_spki_alg(base_buf_span(spki), &alg)) != BASE_OK ||
	    (e = hsm_verifier_new(base_buf_span(spki), alg, &v)) != BASE_OK)
		return e;
	hsm_verifier_free(v);
	if (!same_node(hsm_state_owner(&c->state, base_buf_span(spki)), n))
		return rekey_no(w, "its new key is that of another node");
	if (hsm_state_key_by_spki(&c->state, base_buf_span(spki)) != NULL)
		return rekey_no(w, "its new key is one of the CA's own");
	return BASE_OK;
}

void
hsm_rekey_record(struct hsm_core *c, const struct wire_report *w,
    const struct hsm_rekey *v)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	hsm_put_rekey(&b, w->node, w->root, v);
	hsm_core_add(c, HSM_R_REKEY, &b);
	base_log(BASE_NOTICE,
	    "node %s, root %s: a new key is bound, by the node's own word",
	    w->node, w->root);
}

void
hsm_order_key(const struct wire_order *o, uint8_t key[HSM_HASH])
{
	struct base_buf spki;

	memset(key, 0, HSM_HASH);
	base_buf_init(&spki, 0);
	/* one that cannot be read is refused elsewhere */
	if (o->cert != NULL &&
	    wire_key_spki(X509_get0_pubkey(o->cert), &spki) == BASE_OK)
		hsm_sha256(base_buf_span(&spki), key);
	base_buf_free(&spki);
}

/* ---- the fold ------------------------------------------------------------------ */

/* The same key may be the node's for another root as well. */
static void
disown(struct hsm_state *s, const struct hsm_node *n, struct base_buf *spki)
{
	uint8_t h[HSM_HASH];
	size_t uses = 0;

	for (size_t i = 0; i < n->nkeys; i++)
		uses += (size_t)span_is(&n->keys[i].spki, base_buf_span(spki)) +
		    (size_t)span_is(&n->keys[i].next, base_buf_span(spki));
	if (spki->n > 0 && uses == 1) {
		hsm_sha256(base_buf_span(spki), h);
		hsm_map_remove(&s->owners, h);
	}
	base_buf_free(spki);
	base_buf_init(spki, 0);
}

static struct hsm_node_key *
key_of(struct hsm_node *n, const char *root)
{
	for (size_t i = 0; n != NULL && i < n->nkeys; i++)
		if (strcmp(n->keys[i].root, root) == 0)
			return &n->keys[i];
	return NULL;
}

/* The next key is in use: the old one is nobody's. */
static void
promote(struct hsm_state *s, struct hsm_node *n, struct hsm_node_key *k)
{
	disown(s, n, &k->spki);
	k->spki = k->next;
	base_buf_init(&k->next, 0);
}

enum base_err
hsm_apply_rekey(struct hsm_state *s, struct base_buf *b)
{
	char node[BASE_NAME_MAX + 1], root[BASE_NAME_MAX + 1];
	struct hsm_node_key *k;
	struct base_span spki;
	struct hsm_node *n;
	uint8_t h[HSM_HASH], by_next;
	enum base_err e;

	if ((e = hsm_get_name(b, node, false)) != BASE_OK ||
	    (e = hsm_get_name(b, root, false)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &by_next)) != BASE_OK ||
	    (e = base_buf_get_blob(b, &spki)) != BASE_OK)
		return e;
	n = hsm_state_node(s, node);
	if ((k = key_of(n, root)) == NULL)
		return base_fail(BASE_E_INTEGRITY, "rekey of no key");
	if (hsm_node_key_is(k, spki))
		return BASE_OK;
	if (by_next != 0)
		promote(s, n, k);
	disown(s, n, &k->next);
	hsm_sha256(spki, h);
	hsm_map_put(&s->owners, h, n);
	return base_buf_put(&k->next, spki.p, spki.n);
}

void
hsm_rekey_proven(struct hsm_state *s, struct hsm_node *n,
    const struct hsm_event *v, const char *root)
{
	struct hsm_node_key *k = key_of(n, root);
	uint8_t h[HSM_HASH];

	if (k == NULL || k->next.n == 0)
		return;
	hsm_sha256(base_buf_span(&k->next), h);
	if (memcmp(h, v->key, HSM_HASH) == 0)
		promote(s, n, k);
}
