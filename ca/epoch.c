/*
 * ca/epoch: which epoch the next order of a node under a root has: above all
 * that were given, and above what the node itself says it has taken. The
 * latter matters after kedged came back from a backup: it goes on above what
 * it has forgotten.
 */
#include <stdlib.h>

#include "ca/recover.h"

/* A node refuses a larger jump, so a larger claim is none of ours. */
#define EPOCH_JUMP 1000

static char *
seen_key(const char *node, const char *root)
{
	return base_asprintf("epoch/%s/%s", node, root);
}

/* 0: never heard of more than was given. */
static enum base_err
seen_get(struct ca *ca, const char *node, const char *root, uint64_t *out)
{
	char *key = seen_key(node, root);
	struct base_buf b;
	enum base_err r;

	*out = 0;
	base_buf_init(&b, 0);
	if ((r = ca_store_meta_get(ca->store, key, &b)) == BASE_OK)
		r = base_buf_get_u64(&b, out);
	else if (r == BASE_E_NOTFOUND)
		r = BASE_OK;
	base_buf_free(&b);
	free(key);
	return r;
}

enum base_err
ca_epoch_next(struct ca *ca, const char *node, const char *root, uint64_t *out)
{
	uint64_t given, seen;
	enum base_err r;

	if ((r = ca_store_epoch_last(ca->store, node, root, &given)) !=
		BASE_OK ||
	    (r = seen_get(ca, node, root, &seen)) != BASE_OK)
		return r;
	*out = (given > seen ? given : seen) + 1;
	return BASE_OK;
}

enum base_err
ca_epoch_seen(struct ca *ca, const char *node, const char *root,
    uint64_t highest)
{
	char *key = seen_key(node, root);
	struct base_buf b;
	uint64_t next;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = ca_epoch_next(ca, node, root, &next)) != BASE_OK ||
	    highest < next)
		goto out;
	if (highest - next >= EPOCH_JUMP) {
		r = base_fail(BASE_E_REFUSED,
		    "node %s: claims epoch %llu of "
		    "root %s, but the last one given is %llu",
		    node, (unsigned long long)highest, root,
		    (unsigned long long)next - 1);
		goto out;
	}
	base_log(BASE_WARNING,
	    "node %s: has taken epoch %llu of root %s, "
	    "the last one given is %llu; was kedged restored from a backup?",
	    node, (unsigned long long)highest, root,
	    (unsigned long long)next - 1);
	if ((r = base_buf_put_u64(&b, highest)) == BASE_OK)
		r = ca_store_meta_put(ca->store, key, base_buf_span(&b));
out:
	base_buf_free(&b);
	free(key);
	return r;
}

enum base_err
ca_epoch_floor(struct ca *ca, const char *node, const char *root,
    uint64_t highest)
{
	char *key = seen_key(node, root);
	struct base_buf b;
	uint64_t next;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = ca_epoch_next(ca, node, root, &next)) == BASE_OK &&
	    highest >= next && (r = base_buf_put_u64(&b, highest)) == BASE_OK)
		r = ca_store_meta_put(ca->store, key, base_buf_span(&b));
	base_buf_free(&b);
	free(key);
	return r;
}

/* A node cannot have taken what was never given. false: nobody looks into it
 * now, and it is to be news the next time, too. */
static bool
suspect(struct ca *ca, const char *node, const struct wire_inventory *v)
{
	uint64_t next;

	if (ca_epoch_next(ca, node, v->root, &next) != BASE_OK)
		base_log(BASE_ERR, "%s", base_why());
	else if (v->highest >= next && v->highest - next < EPOCH_JUMP)
		return ca_claim_note(ca, node, v, next - 1);
	return true;
}

void
ca_epochs_learn(struct ca *ca, const char *node,
    const struct wire_inventory *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ca_topo_root(ca->topo, list[i].root) == POL_NONE)
			continue;
		else if (suspect(ca, node, &list[i]) &&
		    ca_epoch_seen(ca, node, list[i].root, list[i].highest) !=
			BASE_OK)
			base_log(BASE_WARNING, "%s", base_why());
}
