/*
 * req_keys: INFO, AUDIT and KEYGEN.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "hsm/core.h"
#include "hsm/holds.h"

/* ---- INFO ---------------------------------------------------------------- */

static void
    BASE_PRINTF(2, 3) info_line(struct wire_hsm_answer *a, const char *fmt, ...)
{
	struct base_buf *b;
	va_list ap;
	char *s = NULL;

	if (a->nitems == WIRE_HSM_BATCH)
		return;
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		base_die("out of memory");
	va_end(ap);
	b = &a->items[a->nitems++].data;
	base_buf_init(b, 0);
	if (base_buf_put(b, s, strlen(s)) != BASE_OK)
		base_die("info: %s", base_why());
	free(s);
}

static void
info_key(struct wire_hsm_answer *a, const struct hsm_key *k)
{
	char hash[2 * HSM_HASH + 1];

	base_hex(k->spki_hash, HSM_HASH, hash);
	info_line(a, "key %s %u %s %s %s %s %s", k->root, k->generation,
	    k->order_signer ? "order" : "root", wire_alg_name(k->alg), k->token,
	    k->has_root || k->norder_tbs > 0 ? "certified" : "waits", hash);
}

/* Lines of words, the first says what it is about; new words may follow. */
static void
info_excused(void *arg, void *value)
{
	const struct hsm_node *n = value;

	for (size_t i = 0; i < n->nheld; i++)
		if (n->held[i].excused)
			info_line(arg, "excused %s %s", n->name,
			    n->held[i].root);
}

enum base_err
hsm_do_info(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	uint8_t digest[HSM_HASH];
	char hex[2 * HSM_HASH + 1];

	(void)r;
	a->items = base_alloc(WIRE_HSM_BATCH * sizeof(*a->items));
	info_line(a, "version 1");
	info_line(a, "fleet %s", c->conf->fleet);
	for (size_t i = 0; i < c->conf->ntokens; i++) {
		const struct hsm_ks *k = c->ks[i];
		enum base_err e = k->ops->ready(k->ks);

		info_line(a, "token %s %s %s", c->conf->tokens[i].name,
		    e == BASE_OK	     ? "up"
			: e == BASE_E_DENIED ? "locked-out"
					     : "down",
		    e == BASE_OK ? c->conf->tokens[i].uri : base_why());
	}
	info_line(a, "nodes %zu", c->state.nodes.n);
	hsm_topology_digest(&c->state, digest);
	base_hex(digest, sizeof(digest), hex);
	info_line(a, "links %zu topology %s", c->state.links.n, hex);
	hsm_map_each(&c->state.nodes, info_excused, a);
	info_line(a, "certificates %llu", (unsigned long long)c->state.certs);
	info_line(a, "orders %llu", (unsigned long long)c->state.orders);
	info_line(a, "refused %llu", (unsigned long long)c->state.refused);
	for (size_t i = 0; i < c->state.nkeys; i++)
		if (c->state.keys[i]->state == HSM_KEY_MADE)
			info_key(a, c->state.keys[i]);
	return BASE_OK;
}

enum base_err
hsm_do_audit(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	(void)r;
	hsm_journal_head(c->journal, a->head, &a->count);
	a->mark = c->state.mark;
	return BASE_OK;
}

/* ---- KEYGEN -------------------------------------------------------------------- */

/* The last generation that has its NewWithNew. */
static uint32_t
key_highest(const struct hsm_state *s, const char *root)
{
	uint32_t g = 0;

	for (size_t i = 0; i < s->nkeys; i++)
		if (s->keys[i]->has_root && s->keys[i]->generation > g &&
		    strcmp(s->keys[i]->root, root) == 0)
			g = s->keys[i]->generation;
	return g;
}

/* One after the other, and not more of them than a roll needs: the key of the
 * coming root and the one that it will name as next. */
static enum base_err
key_is_wanted(struct hsm_core *c, const struct wire_hsm_key *k)
{
	const struct hsm_conf_root *conf = hsm_conf_root(c->conf, k->root);

	if (conf->alg != 0 && conf->alg != k->alg)
		return base_fail(BASE_E_REFUSED,
		    "key %s %u: the configuration wants %s for this root",
		    k->root, k->generation, wire_alg_name(conf->alg));
	if (k->order_signer && strcmp(k->root, HSM_MANAGEMENT) != 0)
		return base_fail(BASE_E_REFUSED,
		    "key %s %u: order signers are under root management only",
		    k->root, k->generation);
	if (k->generation > 1 &&
	    hsm_state_key(&c->state, k->root, k->generation - 1,
		k->order_signer) == NULL)
		return base_fail(BASE_E_STATE,
		    "key %s %u: generation %u has no key yet", k->root,
		    k->generation, k->generation - 1);
	if (!k->order_signer &&
	    k->generation > key_highest(&c->state, k->root) + 2)
		return base_fail(BASE_E_STATE,
		    "key %s %u: too early; generation %u has no NewWithNew "
		    "yet",
		    k->root, k->generation, k->generation - 2);
	return BASE_OK;
}

static enum base_err
key_answer(const struct hsm_key *k, struct wire_hsm_answer *a)
{
	memcpy(a->key.root, k->root, sizeof(a->key.root));
	a->key.generation = k->generation;
	a->key.order_signer = k->order_signer;
	a->key.alg = k->alg;
	base_buf_init(&a->key.spki, 0);
	return base_buf_put(&a->key.spki, k->spki.p, k->spki.n);
}

/* Journal, make, journal. A crash in between leaves an intent, whose remains
 * are swept out of the token before the next key is made in it. */
static enum base_err
key_make(struct hsm_core *c, const struct hsm_key *want)
{
	struct hsm_ks *ks = NULL;
	struct base_buf b, spki;
	char *label;
	enum base_err e;

	base_buf_init(&b, 0);
	base_buf_init(&spki, 0);
	label = base_asprintf("kedge %s %s %s %u", c->conf->fleet, want->root,
	    want->order_signer ? "order" : "root", want->generation);
	if ((e = hsm_core_ks(c, want->token, &ks)) != BASE_OK ||
	    (e = ks->ops->ready(ks->ks)) != BASE_OK ||
	    (e = hsm_core_sweep(c, want->token)) != BASE_OK)
		goto out;
	hsm_put_intent(&b, want);
	if ((e = hsm_core_record(c, HSM_R_INTENT, &b)) != BASE_OK ||
	    (e = ks->ops->generate(ks->ks, want->id, want->alg, label,
		 &spki)) != BASE_OK)
		goto out;
	hsm_put_made(&b, want->id, base_buf_span(&spki));
	e = hsm_core_record(c, HSM_R_MADE, &b);
out:
	base_buf_free(&b);
	base_buf_free(&spki);
	free(label);
	return e;
}

enum base_err
hsm_do_keygen(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	const struct wire_hsm_key *k = &r->key;
	const struct hsm_conf_root *conf = hsm_conf_root(c->conf, k->root);
	const struct hsm_key *have =
	    hsm_state_key(&c->state, k->root, k->generation, k->order_signer);
	struct hsm_key want = { .generation = k->generation,
		.order_signer = k->order_signer,
		.alg = k->alg };
	size_t token;
	enum base_err e;

	if (have != NULL && have->alg != k->alg)
		return base_fail(BASE_E_REFUSED,
		    "key %s %u: exists already, with algorithm %s", k->root,
		    k->generation, wire_alg_name(have->alg));
	if (have != NULL)
		return key_answer(have, a);
	if (k->generation == 0)
		return base_fail(BASE_E_RANGE,
		    "key %s: generations count "
		    "from 1",
		    k->root);
	if ((e = key_is_wanted(c, k)) != BASE_OK)
		return e;
	token = conf->token[(k->generation - 1) % conf->ntokens];
	memcpy(want.root, k->root, sizeof(want.root));
	strcpy(want.token, c->conf->tokens[token].name);
	if (RAND_bytes(want.id, HSM_ID) != 1)
		base_die("hsm: no random bytes: %s", hsm_openssl_why());
	if ((e = key_make(c, &want)) != BASE_OK)
		return e;
	have =
	    hsm_state_key(&c->state, k->root, k->generation, k->order_signer);
	if (have == NULL)
		base_die("key %s %u: made but not there", k->root,
		    k->generation);
	return key_answer(have, a);
}
