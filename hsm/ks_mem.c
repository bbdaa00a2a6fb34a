/*
 * ks_mem: keys in memory. For unit tests of everything above a keystore; no
 * configuration leads here.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/keystore.h"

struct mem_key {
	uint8_t id[HSM_ID];
	struct base_buf spki;
	struct hsm_signer *signer;
	struct mem_key *next;
};

struct mem_ks {
	struct mem_key *keys;
	struct hsm_sigs sigs;
};

static void
mem_key_free(struct mem_key *k)
{
	hsm_signer_free(k->signer);
	base_buf_free(&k->spki);
	free(k);
}

static enum base_err
mem_generate(void *ks, const uint8_t id[HSM_ID], enum wire_alg alg,
    const char *label, struct base_buf *spki)
{
	struct mem_ks *m = ks;
	struct mem_key *k = base_alloc(sizeof(*k));
	EVP_PKEY *key = NULL;
	enum base_err e;

	(void)label;
	memcpy(k->id, id, HSM_ID);
	base_buf_init(&k->spki, 0);
	if ((e = wire_key_make(alg, &key)) != BASE_OK ||
	    (e = wire_key_spki(key, &k->spki)) != BASE_OK ||
	    (e = hsm_signer_new(key, alg, &k->signer)) != BASE_OK ||
	    (e = hsm_signer_test(k->signer, base_buf_span(&k->spki))) !=
		BASE_OK ||
	    (e = base_buf_put(spki, k->spki.p, k->spki.n)) != BASE_OK)
		goto out;
	k->next = m->keys;
	m->keys = k;
	k = NULL;
out:
	EVP_PKEY_free(key);
	if (k != NULL)
		mem_key_free(k);
	return e;
}

static enum base_err
mem_sweep(void *ks, const uint8_t id[HSM_ID])
{
	struct mem_ks *m = ks;
	struct mem_key **at = &m->keys;

	while (*at != NULL) {
		struct mem_key *k = *at;

		if (memcmp(k->id, id, HSM_ID) != 0) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		mem_key_free(k);
	}
	return BASE_OK;
}

static enum base_err
mem_find(struct mem_ks *m, const struct hsm_key_ref *r, struct hsm_signer **out)
{
	for (struct mem_key *k = m->keys; k != NULL; k = k->next)
		if (memcmp(k->id, r->id, HSM_ID) == 0 &&
		    k->spki.n == r->spki.n &&
		    memcmp(k->spki.p, r->spki.p, r->spki.n) == 0) {
			*out = k->signer;
			return BASE_OK;
		}
	return base_fail(BASE_E_NOTFOUND, "key: not in memory");
}

static enum base_err
mem_sign_start(void *ks, const struct hsm_key_ref *key,
    const struct base_span *msgs, size_t n)
{
	struct mem_ks *m = ks;
	struct hsm_signer *s = NULL;
	enum base_err e = mem_find(m, key, &s);

	return e != BASE_OK ? e : hsm_sigs_start(&m->sigs, s, msgs, n);
}

static enum base_err
mem_sign_finish(void *ks, struct base_buf *sigs, size_t n)
{
	struct mem_ks *m = ks;

	return hsm_sigs_finish(&m->sigs, sigs, n);
}

static enum base_err
mem_cms(void *ks, const struct hsm_key_ref *key, struct base_span cert,
    const struct base_span *contents, size_t n, struct base_buf *out)
{
	struct hsm_signer *s = NULL;
	enum base_err e = mem_find(ks, key, &s);

	for (size_t i = 0; i < n && e == BASE_OK; i++)
		e = hsm_signer_cms(s, cert, contents[i], &out[i]);
	return e;
}

static enum base_err
mem_ready(void *ks)
{
	(void)ks;
	return BASE_OK;
}

static void
mem_free(void *ks)
{
	struct mem_ks *m = ks;

	while (m->keys != NULL) {
		struct mem_key *k = m->keys;

		m->keys = k->next;
		mem_key_free(k);
	}
	hsm_sigs_free(&m->sigs);
	free(m);
}

static const struct hsm_ks_ops mem_ops = {
	.generate = mem_generate,
	.sweep = mem_sweep,
	.sign_start = mem_sign_start,
	.sign_finish = mem_sign_finish,
	.cms = mem_cms,
	.ready = mem_ready,
	.free = mem_free,
};

struct hsm_ks *
hsm_ks_mem_new(void)
{
	struct hsm_ks *k = base_alloc(sizeof(*k));
	struct mem_ks *m = base_alloc(sizeof(*m));

	hsm_sigs_init(&m->sigs);
	k->ops = &mem_ops;
	k->ks = m;
	return k;
}
