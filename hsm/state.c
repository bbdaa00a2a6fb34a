/*
 * state: the fold over the journal and the look-ups in it, see the header.
 * Reading of record fields stands here, their composing in record.c.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "hsm/holds.h"

void
hsm_sha256(struct base_span s, uint8_t out[HSM_HASH])
{
	static EVP_MD *md;

	if (md == NULL && (md = EVP_MD_fetch(NULL, "SHA256", NULL)) == NULL)
		base_die("hsm: this OpenSSL has no SHA-256");
	if (EVP_Digest(s.p, s.n, out, NULL, md, NULL) != 1)
		base_die("hsm: SHA-256 failed");
}

static void
state_name_hash(const char *name, uint8_t out[HSM_HASH])
{
	hsm_sha256((struct base_span){ (const uint8_t *)name, strlen(name) },
	    out);
}

/* ---- look-ups --------------------------------------------------------------- */

struct hsm_key *
hsm_state_key(const struct hsm_state *s, const char *root, uint32_t generation,
    bool order_signer)
{
	for (size_t i = 0; i < s->nkeys; i++) {
		struct hsm_key *k = s->keys[i];

		if (k->state == HSM_KEY_MADE && k->generation == generation &&
		    k->order_signer == order_signer &&
		    strcmp(k->root, root) == 0)
			return k;
	}
	return NULL;
}

struct hsm_key *
hsm_state_key_by_spki(const struct hsm_state *s, struct base_span spki)
{
	for (size_t i = 0; i < s->nkeys; i++) {
		struct hsm_key *k = s->keys[i];

		if (k->state == HSM_KEY_MADE && k->spki.n == spki.n &&
		    memcmp(k->spki.p, spki.p, spki.n) == 0)
			return k;
	}
	return NULL;
}

struct hsm_node *
hsm_state_node(const struct hsm_state *s, const char *name)
{
	uint8_t h[HSM_HASH];

	state_name_hash(name, h);
	return hsm_map_get(&s->nodes, h);
}

const struct hsm_node_key *
hsm_node_key(const struct hsm_node *n, const char *root)
{
	for (size_t i = 0; i < n->nkeys; i++)
		if (strcmp(n->keys[i].root, root) == 0)
			return &n->keys[i];
	return NULL;
}

struct hsm_node *
hsm_state_owner(const struct hsm_state *s, struct base_span spki)
{
	uint8_t h[HSM_HASH];

	hsm_sha256(spki, h);
	return hsm_map_get(&s->owners, h);
}

/* ---- reading fields ---------------------------------------------------------- */

enum base_err
hsm_get_bytes(struct base_buf *b, uint8_t *out, size_t n)
{
	if (b->n - b->at < n)
		return base_fail(BASE_E_SYNTAX, "record too short");
	memcpy(out, b->p + b->at, n);
	b->at += n;
	return BASE_OK;
}

enum base_err
hsm_get_name(struct base_buf *b, char out[BASE_NAME_MAX + 1], bool may_be_empty)
{
	struct base_span s;
	enum base_err e = base_buf_get_blob(b, &s);

	if (e != BASE_OK)
		return e;
	if (s.n > BASE_NAME_MAX || (s.n == 0 && !may_be_empty))
		return base_fail(BASE_E_SYNTAX, "not a name");
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return BASE_OK;
}

static enum base_err
get_time(struct base_buf *b, struct base_time *t)
{
	uint64_t ms = 0;
	enum base_err e = base_buf_get_u64(b, &ms);

	t->ms = (int64_t)ms;
	return e;
}

static struct hsm_key *
state_key_by_id(const struct hsm_state *s, const uint8_t id[HSM_ID])
{
	for (size_t i = s->nkeys; i-- > 0;)
		if (memcmp(s->keys[i]->id, id, HSM_ID) == 0)
			return s->keys[i];
	return NULL;
}

static enum base_err
get_key(struct hsm_state *s, struct base_buf *b, struct hsm_key **out)
{
	uint8_t id[HSM_ID];
	enum base_err e = hsm_get_bytes(b, id, HSM_ID);

	if (e != BASE_OK)
		return e;
	*out = state_key_by_id(s, id);
	return *out != NULL
	    ? BASE_OK
	    : base_fail(BASE_E_INTEGRITY, "key without an intent");
}

/* ---- one function per kind ------------------------------------------------------ */

static enum base_err
apply_start(struct hsm_state *s, struct base_buf *b)
{
	char fleet[BASE_NAME_MAX + 1];
	uint32_t format;
	enum base_err e = base_buf_get_u32(b, &format);

	if (e == BASE_OK && format != HSM_FORMAT)
		return base_fail(BASE_E_STATE,
		    "the journal is of format %u, this kedge-hsmd knows %d; "
		    "use the release that wrote it",
		    format, HSM_FORMAT);
	if (e == BASE_OK)
		e = hsm_get_name(b, fleet, false);
	if (e == BASE_OK && s->fleet[0] == '\0')
		memcpy(s->fleet, fleet, sizeof(fleet));
	return e;
}

static enum base_err
apply_intent(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_key *k = base_alloc(sizeof(*k));
	uint8_t order = 0, alg = 0;
	enum base_err e;

	base_buf_init(&k->spki, 0);
	base_buf_init(&k->nwn, 0);
	base_buf_init(&k->nwo, 0);
	base_buf_init(&k->own, 0);
	if ((e = hsm_get_bytes(b, k->id, HSM_ID)) != BASE_OK ||
	    (e = hsm_get_name(b, k->root, false)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &k->generation)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &order)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &alg)) != BASE_OK ||
	    (e = hsm_get_name(b, k->token, false)) != BASE_OK) {
		free(k);
		return e;
	}
	k->order_signer = order != 0;
	k->alg = (enum wire_alg)alg;
	k->state = HSM_KEY_INTENT;
	s->keys =
	    base_realloc_array(s->keys, s->nkeys + 1, sizeof(struct hsm_key *));
	s->keys[s->nkeys++] = k;
	return BASE_OK;
}

static enum base_err
apply_made(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_key *k = NULL;
	struct base_span spki;
	enum base_err e;

	if ((e = get_key(s, b, &k)) != BASE_OK ||
	    (e = base_buf_get_blob(b, &spki)) != BASE_OK ||
	    (e = base_buf_put(&k->spki, spki.p, spki.n)) != BASE_OK ||
	    (e = wire_spki_id(spki, k->ski)) != BASE_OK)
		return e;
	hsm_sha256(spki, k->spki_hash);
	k->state = HSM_KEY_MADE;
	return BASE_OK;
}

static enum base_err
apply_swept(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_key *k = NULL;
	enum base_err e = get_key(s, b, &k);

	if (e == BASE_OK)
		k->state = HSM_KEY_SWEPT;
	return e;
}

struct hsm_node *
hsm_state_node_make(struct hsm_state *s, const char *name)
{
	struct hsm_node *n = hsm_state_node(s, name);
	uint8_t h[HSM_HASH];

	if (n != NULL)
		return n;
	n = base_alloc(sizeof(*n));
	memcpy(n->name, name, strlen(name));
	state_name_hash(name, h);
	hsm_map_put(&s->nodes, h, n);
	return n;
}

static enum base_err
apply_token(struct hsm_state *s, struct base_buf *b)
{
	char name[BASE_NAME_MAX + 1];
	uint8_t hash[HSM_HASH];
	struct base_time end;
	struct hsm_node *n;
	enum base_err e;

	if ((e = hsm_get_name(b, name, false)) != BASE_OK ||
	    (e = hsm_get_bytes(b, hash, HSM_HASH)) != BASE_OK ||
	    (e = get_time(b, &end)) != BASE_OK)
		return e;
	n = hsm_state_node_make(s, name);
	n->has_token = true;
	memcpy(n->token, hash, HSM_HASH);
	n->token_end = end;
	return BASE_OK;
}

static void
node_unbind(struct hsm_state *s, struct hsm_node *n)
{
	for (size_t i = 0; i < n->nkeys; i++) {
		uint8_t h[HSM_HASH];

		hsm_sha256(base_buf_span(&n->keys[i].spki), h);
		hsm_map_remove(&s->owners, h);
		if (n->keys[i].next.n > 0) {
			hsm_sha256(base_buf_span(&n->keys[i].next), h);
			hsm_map_remove(&s->owners, h);
		}
		base_buf_free(&n->keys[i].spki);
		base_buf_free(&n->keys[i].next);
	}
	free(n->keys);
	n->keys = NULL;
	n->nkeys = 0;
	n->bound = false;
}

static enum base_err
node_add_key(struct hsm_state *s, struct hsm_node *n, struct base_buf *b)
{
	struct hsm_node_key *k = &n->keys[n->nkeys];
	struct base_span spki;
	uint8_t h[HSM_HASH];
	enum base_err e;

	base_buf_init(&k->spki, 0);
	base_buf_init(&k->next, 0);
	if ((e = hsm_get_name(b, k->root, false)) != BASE_OK ||
	    (e = base_buf_get_blob(b, &spki)) != BASE_OK ||
	    (e = base_buf_put(&k->spki, spki.p, spki.n)) != BASE_OK)
		return e;
	n->nkeys++;
	hsm_sha256(spki, h);
	hsm_map_put(&s->owners, h, n);
	return BASE_OK;
}

static enum base_err
apply_bind(struct hsm_state *s, struct base_buf *b)
{
	char name[BASE_NAME_MAX + 1];
	uint8_t hash[HSM_HASH];
	uint16_t count = 0;
	struct hsm_node *n;
	enum base_err e;

	if ((e = hsm_get_name(b, name, false)) != BASE_OK ||
	    (e = hsm_get_bytes(b, hash, HSM_HASH)) != BASE_OK ||
	    (e = base_buf_get_u16(b, &count)) != BASE_OK)
		return e;
	if (count == 0 || count > HSM_NODE_ROOTS)
		return base_fail(BASE_E_SYNTAX, "impossible number of keys");
	n = hsm_state_node_make(s, name);
	node_unbind(s, n);
	n->keys = base_alloc(count * sizeof(*n->keys));
	for (uint16_t i = 0; i < count && e == BASE_OK; i++)
		e = node_add_key(s, n, b);
	n->bound = true;
	n->has_token = false;
	memcpy(n->used, hash, HSM_HASH);
	return e;
}

static enum base_err
apply_forget(struct hsm_state *s, struct base_buf *b)
{
	char name[BASE_NAME_MAX + 1];
	uint8_t h[HSM_HASH];
	struct hsm_node *n;
	enum base_err e = hsm_get_name(b, name, false);

	if (e != BASE_OK || (n = hsm_state_node(s, name)) == NULL)
		return e;
	state_name_hash(name, h);
	hsm_map_remove(&s->nodes, h);
	node_unbind(s, n);
	hsm_holds_forget(s, n);
	free(n);
	return BASE_OK;
}

struct cert_fields {
	struct hsm_key *issuer;
	uint8_t kind, serial[16], next[HSM_HASH], tbs[HSM_HASH], ski[20];
	char node[BASE_NAME_MAX + 1];
	struct base_time nb, na;
};

static enum base_err
get_cert(struct hsm_state *s, struct base_buf *b, struct cert_fields *c)
{
	enum base_err e;

	if ((e = get_key(s, b, &c->issuer)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &c->kind)) != BASE_OK ||
	    (e = hsm_get_name(b, c->node, true)) != BASE_OK ||
	    (e = hsm_get_bytes(b, c->serial, sizeof(c->serial))) != BASE_OK ||
	    (e = get_time(b, &c->nb)) != BASE_OK ||
	    (e = get_time(b, &c->na)) != BASE_OK ||
	    (e = hsm_get_bytes(b, c->next, HSM_HASH)) != BASE_OK ||
	    (e = hsm_get_bytes(b, c->tbs, HSM_HASH)) != BASE_OK ||
	    (e = hsm_get_bytes(b, c->ski, sizeof(c->ski))) != BASE_OK)
		return e;
	return BASE_OK;
}

static enum base_err
apply_cert(struct hsm_state *s, struct base_buf *b)
{
	struct cert_fields c;
	enum base_err e = get_cert(s, b, &c);

	if (e == BASE_OK)
		s->certs++;
	return e;
}

static enum base_err
apply_root(struct hsm_state *s, struct base_buf *b)
{
	struct cert_fields c;
	enum base_err e = get_cert(s, b, &c);

	if (e != BASE_OK)
		return e;
	c.issuer->has_root = true;
	c.issuer->not_before = c.nb;
	c.issuer->not_after = c.na;
	memcpy(c.issuer->next_hash, c.next, HSM_HASH);
	s->certs++;
	return BASE_OK;
}

static enum base_err
apply_order_cert(struct hsm_state *s, struct base_buf *b)
{
	struct cert_fields c;
	enum base_err e = get_cert(s, b, &c);

	if (e != BASE_OK)
		return e;
	s->certs++;
	for (size_t i = 0; i < s->nkeys; i++) {
		struct hsm_key *k = s->keys[i];

		if (!k->order_signer || k->state != HSM_KEY_MADE ||
		    memcmp(k->ski, c.ski, sizeof(c.ski)) != 0)
			continue;
		k->order_tbs = base_realloc_array(k->order_tbs,
		    k->norder_tbs + 1, HSM_HASH);
		memcpy(k->order_tbs[k->norder_tbs++], c.tbs, HSM_HASH);
		return BASE_OK;
	}
	return base_fail(BASE_E_INTEGRITY, "order signer without a key");
}

static enum base_err
apply_signed(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_key *k = NULL;
	struct base_buf *at;
	struct base_span der;
	uint8_t kind = 0;
	enum base_err e;

	if ((e = get_key(s, b, &k)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &kind)) != BASE_OK ||
	    (e = base_buf_get_blob(b, &der)) != BASE_OK)
		return e;
	at = kind == WIRE_NEW_WITH_NEW	? &k->nwn
	    : kind == WIRE_NEW_WITH_OLD ? &k->nwo
					: &k->own;
	base_buf_clear(at);
	return base_buf_put(at, der.p, der.n);
}

static enum base_err
apply_mark(struct hsm_state *s, struct base_buf *b)
{
	return base_buf_get_u64(b, &s->mark);
}

static enum base_err
apply_refused(struct hsm_state *s, struct base_buf *b)
{
	b->at = b->n;
	s->refused++;
	return BASE_OK;
}

static enum base_err
apply_failed(struct hsm_state *s, struct base_buf *b)
{
	(void)s;
	b->at = b->n;
	return BASE_OK;
}

enum base_err
hsm_state_apply(void *state, enum hsm_record kind, struct base_time at,
    struct base_buf *fields)
{
	static enum base_err (*const table[])(struct hsm_state *,
	    struct base_buf *) = {
		[HSM_R_START] = apply_start,
		[HSM_R_INTENT] = apply_intent,
		[HSM_R_MADE] = apply_made,
		[HSM_R_SWEPT] = apply_swept,
		[HSM_R_TOKEN] = apply_token,
		[HSM_R_BIND] = apply_bind,
		[HSM_R_FORGET] = apply_forget,
		[HSM_R_CERT] = apply_cert,
		[HSM_R_ROOT] = apply_root,
		[HSM_R_ORDER_CERT] = apply_order_cert,
		[HSM_R_ORDER] = hsm_apply_order,
		[HSM_R_REFUSED] = apply_refused,
		[HSM_R_FAILED] = apply_failed,
		[HSM_R_NODE] = hsm_apply_node,
		[HSM_R_EXCUSE] = hsm_apply_excuse,
		[HSM_R_LINK] = hsm_apply_link,
		[HSM_R_HOLDS] = hsm_apply_holds,
		[HSM_R_DOUBT] = hsm_apply_doubt,
		[HSM_R_RECEIVED] = hsm_apply_received,
		[HSM_R_PRESUMED] = hsm_apply_presumed,
		[HSM_R_SIGNED] = apply_signed,
		[HSM_R_MARK] = apply_mark,
		[HSM_R_REKEY] = hsm_apply_rekey,
		[HSM_R_APPROVED] = hsm_apply_approved,
		[HSM_R_STOLEN] = hsm_apply_stolen,
		[HSM_R_WITHDRAWN] = hsm_apply_withdrawn,
	};
	enum base_err e;

	(void)at;
	if ((size_t)kind >= sizeof(table) / sizeof(table[0]) ||
	    table[kind] == NULL)
		return base_fail(BASE_E_STATE,
		    "record of kind %d, which this kedge-hsmd does not know; "
		    "use the release that wrote it, or a newer one",
		    (int)kind);
	e = table[kind](state, fields);
	return e != BASE_OK ? e : base_buf_get_end(fields);
}

static void
node_free(void *p)
{
	struct hsm_node *n = p;

	for (size_t i = 0; i < n->nkeys; i++) {
		base_buf_free(&n->keys[i].spki);
		base_buf_free(&n->keys[i].next);
	}
	free(n->keys);
	hsm_holds_free(n);
	free(n);
}

void
hsm_state_clear(struct hsm_state *s)
{
	for (size_t i = 0; i < s->nkeys; i++) {
		base_buf_free(&s->keys[i]->spki);
		base_buf_free(&s->keys[i]->nwn);
		base_buf_free(&s->keys[i]->nwo);
		base_buf_free(&s->keys[i]->own);
		hsm_verifier_free(s->keys[i]->verifier);
		free(s->keys[i]->order_tbs);
		free(s->keys[i]);
	}
	free(s->keys);
	hsm_map_free(&s->owners, NULL);
	hsm_map_free(&s->nodes, node_free);
	hsm_map_free(&s->links, free);
	for (size_t i = 0; i < s->nroots; i++)
		free(s->roots[i]);
	free(s->roots);
	hsm_approvals_free(s);
	memset(s, 0, sizeof(*s));
}
