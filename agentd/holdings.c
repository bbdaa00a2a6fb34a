/*
 * agentd/holdings: what the node holds, read from the store at start. Used by
 * agent.c and join.c.
 */
#include <stdlib.h>
#include <string.h>

#include "agentd/agent.h"

struct ag_root *
ag_holdings_find(const struct ag_holdings *h, const char *root)
{
	for (size_t i = 0; root != NULL && i < h->n; i++)
		if (strcmp(h->root[i].name, root) == 0)
			return &h->root[i];
	return NULL;
}

struct base_time
ag_holdings_mark(const struct ag_holdings *h)
{
	struct base_time mark = { 0 };

	for (size_t i = 0; i < h->n; i++)
		if (h->root[i].state.mark.ms > mark.ms)
			mark = h->root[i].state.mark;
	return mark;
}

bool
ag_root_is_next(const struct ag_root *r, const X509 *x)
{
	return r->next != NULL && x != NULL &&
	    EVP_PKEY_eq(X509_get0_pubkey(x), r->next) == 1;
}

EVP_PKEY *
ag_root_key(const struct ag_root *r, const X509 *x)
{
	return ag_root_is_next(r, x) ? r->next : r->key;
}

static enum base_err
open_root(struct ag_store *s, const struct ag_config *c, const char *name,
    struct ag_root *r)
{
	enum base_err e;

	strcpy(r->name, name);
	if ((e = ag_store_key(s, name, c->alg, &r->key)) != BASE_OK)
		return e;
	e = ag_store_next_key(s, name, false, c->alg, &r->next);
	if (e != BASE_OK && e != BASE_E_NOTFOUND)
		return e;
	e = ag_state_read(s, name, &r->state);
	if (e == BASE_OK) {
		bool settled = r->state.phase == AG_SETTLED;

		e = ag_store_load(s, name, settled, &r->bundle);
		if (e == BASE_OK && settled &&
		    r->bundle->epoch != r->state.highest)
			e = base_fail(BASE_E_INTEGRITY,
			    "store: root %s: regressed to version %llu, "
			    "%llu was reported effective",
			    name, (unsigned long long)r->bundle->epoch,
			    (unsigned long long)r->state.highest);
	}
	if (e == BASE_E_NOTFOUND)
		return BASE_OK;
	if (e == BASE_E_INTEGRITY) {
		base_log(BASE_ERR, "%s", base_why());
		r->regressed = true;
		return BASE_OK;
	}
	return e;
}

enum base_err
ag_holdings_open(struct ag_store *s, const struct ag_config *c,
    struct ag_holdings *out)
{
	enum base_err e;

	out->root = base_alloc((c->nroots + 1) * sizeof *out->root);
	out->n = 0;
	for (size_t i = 0; i < c->nroots; i++)
		if ((e = open_root(s, c, c->roots[i], &out->root[out->n++])) !=
		    BASE_OK)
			return e;
	return open_root(s, c, AG_MANAGEMENT, &out->root[out->n++]);
}

void
ag_holdings_close(struct ag_holdings *h)
{
	for (size_t i = 0; i < h->n; i++) {
		EVP_PKEY_free(h->root[i].key);
		EVP_PKEY_free(h->root[i].next);
		ag_bundle_free(h->root[i].bundle);
		ag_state_clear(&h->root[i].state);
	}
	free(h->root);
	h->root = NULL;
	h->n = 0;
}
