/*
 * agentd/bundle: one version of what a node holds under one root, in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "agentd/store.h"

struct ag_bundle *
ag_bundle_new(const char *root, uint64_t epoch)
{
	struct ag_bundle *b = base_alloc(sizeof *b);

	if (strlen(root) >= sizeof b->root)
		base_die("bundle: root name is too long");
	strcpy(b->root, root);
	b->epoch = epoch;
	b->previous = epoch;
	return b;
}

static X509 *
share(X509 *x)
{
	if (x != NULL && X509_up_ref(x) != 1)
		base_die("bundle: reference count");
	return x;
}

struct ag_bundle *
ag_bundle_copy(const struct ag_bundle *b)
{
	struct ag_bundle *c = base_memdup(b, sizeof *b);

	for (size_t i = 0; i < c->ntrust; i++)
		share(c->trust[i]);
	share(c->cert);
	share(c->nwo);
	share(c->anchor);
	return c;
}

uint64_t
ag_bundle_generations(const struct ag_bundle *b)
{
	uint64_t set = 0;

	for (size_t i = 0; i < b->ntrust; i++)
		if (b->trust_gen[i] >= 1 && b->trust_gen[i] <= 64)
			set |= (uint64_t)1 << (b->trust_gen[i] - 1);
	return set;
}

X509 *
ag_bundle_trust(const struct ag_bundle *b, uint32_t generation)
{
	for (size_t i = 0; i < b->ntrust; i++)
		if (b->trust_gen[i] == generation)
			return b->trust[i];
	return NULL;
}

STACK_OF(X509) *
ag_bundle_stack(const struct ag_bundle *b)
{
	STACK_OF(X509) *s = sk_X509_new_null();

	if (s == NULL)
		base_die("bundle: out of memory");
	for (size_t i = 0; i < b->ntrust; i++)
		if (sk_X509_push(s, share(b->trust[i])) <= 0)
			base_die("bundle: out of memory");
	return s;
}

X509 *
ag_bundle_link(const struct ag_bundle *b, bool client)
{
	if (b->cert == NULL || b->nwo == NULL || b->nwo_gen != b->cert_gen)
		return NULL;
	return client && !b->bridging ? NULL : b->nwo;
}

void
ag_bundle_free(struct ag_bundle *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->ntrust; i++)
		X509_free(b->trust[i]);
	X509_free(b->cert);
	X509_free(b->nwo);
	X509_free(b->anchor);
	free(b);
}
