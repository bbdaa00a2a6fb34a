/*
 * token_p11: the keystore in a PKCS#11 token, through libp11. Runs only in a
 * worker process (hsm/worker.c): a module may hang or crash at any call, and
 * libp11 0.4.12 hangs for ever when a session cannot be opened. Object
 * handles are looked up once, by CKA_ID and public key value, and live as
 * long as the process.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

/* libp11.h names two types that OPENSSL_NO_DEPRECATED hides; nothing here
 * uses them. */
typedef struct rsa_meth_st RSA_METHOD;
typedef struct ec_key_method_st EC_KEY_METHOD;
#include <libp11.h>

#include "hsm/keystore.h"
#include "hsm/p11_uri.h"
#include "hsm/token_raw.h"

struct token_key {
	uint8_t id[HSM_ID];
	struct base_buf spki;
	struct hsm_signer *signer;
	struct token_key *next;
};

struct token {
	char *module;
	PKCS11_CTX *ctx;
	bool loaded;
	PKCS11_SLOT *slots;
	unsigned nslots;
	PKCS11_SLOT *slot;
	struct hsm_raw *raw;
	struct token_key *keys; /* handle cache */
	struct hsm_sigs sigs;
};

static void
token_key_free(struct token_key *k)
{
	if (k == NULL)
		return;
	hsm_signer_free(k->signer);
	base_buf_free(&k->spki);
	free(k);
}

/* libp11's object for this id: by id alone; the caller compares values. */
static enum base_err
token_private(struct token *t, const uint8_t id[HSM_ID], EVP_PKEY **out)
{
	PKCS11_KEY *keys = NULL;
	unsigned n = 0;

	if (PKCS11_enumerate_keys(t->slot->token, &keys, &n) != 0)
		return base_fail(BASE_E_IO, "token: cannot list its keys: %s",
		    hsm_openssl_why());
	for (unsigned i = 0; i < n; i++) {
		if (keys[i].id_len != HSM_ID ||
		    memcmp(keys[i].id, id, HSM_ID) != 0)
			continue;
		*out = PKCS11_get_private_key(&keys[i]);
		if (*out == NULL)
			return base_fail(BASE_E_IO,
			    "token: cannot use a private key: %s",
			    hsm_openssl_why());
		return BASE_OK;
	}
	return base_fail(BASE_E_NOTFOUND,
	    "token: no private key with this CKA_ID");
}

static enum base_err
token_spki(EVP_PKEY *key, struct base_buf *spki)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	enum base_err e;

	if (n <= 0)
		return base_fail(BASE_E_IO,
		    "token: public half of a key is unreadable: %s",
		    hsm_openssl_why());
	e = base_buf_put(spki, der, (size_t)n);
	OPENSSL_free(der);
	return e;
}

/* Reads a key anew from the token into a cache entry. */
static enum base_err
token_load(struct token *t, const uint8_t id[HSM_ID], enum wire_alg alg,
    struct token_key **out)
{
	struct token_key *k = base_alloc(sizeof(*k));
	EVP_PKEY *key = NULL;
	enum base_err e;

	memcpy(k->id, id, HSM_ID);
	base_buf_init(&k->spki, 0);
	if ((e = hsm_raw_check(t->raw, id)) != BASE_OK ||
	    (e = token_private(t, id, &key)) != BASE_OK ||
	    (e = token_spki(key, &k->spki)) != BASE_OK ||
	    (e = hsm_signer_new(key, alg, &k->signer)) != BASE_OK)
		goto out;
	*out = k;
	k = NULL;
out:
	EVP_PKEY_free(key);
	token_key_free(k);
	return e;
}

static enum base_err
token_find(struct token *t, const struct hsm_key_ref *r,
    struct hsm_signer **out)
{
	struct token_key *k;
	enum base_err e;

	for (k = t->keys; k != NULL; k = k->next)
		if (memcmp(k->id, r->id, HSM_ID) == 0)
			break;
	if (k == NULL) {
		if ((e = token_load(t, r->id, r->alg, &k)) != BASE_OK)
			return e;
		if ((e = hsm_signer_test(k->signer, r->spki)) != BASE_OK) {
			token_key_free(k);
			return base_fail(BASE_E_INTEGRITY,
			    "token: the key with the right CKA_ID does not "
			    "sign for the public key in the inventory");
		}
		k->next = t->keys;
		t->keys = k;
	}
	if (k->spki.n != r->spki.n ||
	    memcmp(k->spki.p, r->spki.p, r->spki.n) != 0)
		return base_fail(BASE_E_INTEGRITY,
		    "token: the key with the right CKA_ID has another public "
		    "key than the inventory");
	*out = k->signer;
	return BASE_OK;
}

static enum base_err
token_generate(void *ks, const uint8_t id[HSM_ID], enum wire_alg alg,
    const char *label, struct base_buf *spki)
{
	struct token *t = ks;
	struct token_key *k = NULL;
	enum base_err e;

	if ((e = hsm_raw_generate(t->raw, id, alg, label)) != BASE_OK ||
	    (e = token_load(t, id, alg, &k)) != BASE_OK ||
	    (e = hsm_signer_test(k->signer, base_buf_span(&k->spki))) !=
		BASE_OK ||
	    (e = base_buf_put(spki, k->spki.p, k->spki.n)) != BASE_OK)
		goto out;
	k->next = t->keys;
	t->keys = k;
	k = NULL;
out:
	token_key_free(k);
	return e;
}

static enum base_err
token_sweep(void *ks, const uint8_t id[HSM_ID])
{
	struct token *t = ks;
	size_t n = 0;
	enum base_err e = hsm_raw_destroy(t->raw, id, &n);

	if (e == BASE_OK && n > 0)
		base_log(BASE_NOTICE,
		    "token: %zu objects of a key that was never finished "
		    "removed",
		    n);
	return e;
}

static enum base_err
token_sign_start(void *ks, const struct hsm_key_ref *key,
    const struct base_span *msgs, size_t n)
{
	struct token *t = ks;
	struct hsm_signer *s = NULL;
	enum base_err e = token_find(t, key, &s);

	return e != BASE_OK ? e : hsm_sigs_start(&t->sigs, s, msgs, n);
}

static enum base_err
token_sign_finish(void *ks, struct base_buf *sigs, size_t n)
{
	struct token *t = ks;

	return hsm_sigs_finish(&t->sigs, sigs, n);
}

static enum base_err
token_cms(void *ks, const struct hsm_key_ref *key, struct base_span cert,
    const struct base_span *contents, size_t n, struct base_buf *out)
{
	struct hsm_signer *s = NULL;
	enum base_err e = token_find(ks, key, &s);

	for (size_t i = 0; i < n && e == BASE_OK; i++)
		e = hsm_signer_cms(s, cert, contents[i], &out[i]);
	return e;
}

static enum base_err
token_ready(void *ks)
{
	(void)ks;
	return BASE_OK;
}

static void
token_free(void *ks)
{
	struct token *t = ks;

	while (t->keys != NULL) {
		struct token_key *k = t->keys;

		t->keys = k->next;
		token_key_free(k);
	}
	hsm_raw_close(t->raw);
	if (t->slots != NULL)
		PKCS11_release_all_slots(t->ctx, t->slots, t->nslots);
	/* libp11 0.4.12 crashes when it unloads what did not load */
	if (t->loaded)
		PKCS11_CTX_unload(t->ctx);
	if (t->ctx != NULL)
		PKCS11_CTX_free(t->ctx);
	hsm_sigs_free(&t->sigs);
	free(t->module);
	free(t);
}

static const struct hsm_ks_ops token_ops = {
	.generate = token_generate,
	.sweep = token_sweep,
	.sign_start = token_sign_start,
	.sign_finish = token_sign_finish,
	.cms = token_cms,
	.ready = token_ready,
	.free = token_free,
};

/* The one token that the URI fits. */
static enum base_err
token_choose(struct token *t, const char *uri)
{
	struct hsm_p11_uri want = { 0 };
	unsigned hits = 0;
	enum base_err e = hsm_p11_uri_parse(uri, &want);

	if (e != BASE_OK)
		return e;
	for (unsigned i = 0; i < t->nslots; i++) {
		PKCS11_TOKEN *k = t->slots[i].token;

		if (k == NULL || !k->initialized)
			continue;
		struct hsm_p11_uri have = { k->label, k->serialnr,
			k->manufacturer, k->model };

		if (!hsm_p11_uri_is_match(&want, &have))
			continue;
		t->slot = &t->slots[i];
		hits++;
	}
	hsm_p11_uri_clear(&want);
	if (hits == 0)
		return base_fail(BASE_E_NOTFOUND,
		    "token: none of %u slots holds %s; is it plugged in? "
		    "pkcs11-tool --module MODULE --list-slots shows labels and "
		    "serial numbers",
		    t->nslots, uri);
	if (hits > 1)
		return base_fail(BASE_E_REFUSED,
		    "token: %u tokens fit %s; add its serial", hits, uri);
	return BASE_OK;
}

enum base_err
hsm_token_open(const struct hsm_token_conf *c, struct hsm_ks **out)
{
	struct token *t = base_alloc(sizeof(*t));
	enum base_err e = BASE_OK;

	hsm_sigs_init(&t->sigs);
	t->module = base_strdup(c->module);
	if ((t->ctx = PKCS11_CTX_new()) == NULL)
		base_die("libp11: no context");
	if (PKCS11_CTX_load(t->ctx, c->module) != 0)
		e = base_fail(BASE_E_IO,
		    "%s: does not load as a PKCS#11 "
		    "module: %s",
		    c->module, hsm_openssl_why());
	else
		t->loaded = true;
	if (e == BASE_OK &&
	    PKCS11_enumerate_slots(t->ctx, &t->slots, &t->nslots) != 0)
		e = base_fail(BASE_E_IO, "%s: cannot list its slots: %s",
		    c->module, hsm_openssl_why());
	if (e == BASE_OK)
		e = token_choose(t, c->uri);
	if (e != BASE_OK) {
		token_free(t);
		return e;
	}
	*out = base_alloc(sizeof(**out));
	(*out)->ops = &token_ops;
	(*out)->ks = t;
	return BASE_OK;
}

enum base_err
hsm_token_login(struct hsm_ks *k, struct base_span pin)
{
	struct token *t = k->ks;
	enum base_err e;

	e = hsm_raw_open(t->module, PKCS11_get_slotid_from_slot(t->slot),
	    &t->raw);
	return e != BASE_OK ? e : hsm_raw_login(t->raw, pin);
}
