/*
 * values: what the two files of a node may hold. Contents are listed one by
 * one as long as there is room; what no longer has room is kept as what it has
 * in common with the last one listed, and the file is then marked: nothing
 * beyond that can be relied on, and nothing can be ruled out. Asked by engine.c
 * with every fact, and by those who judge an order.
 */
#include "policy/engine.h"

static void
trust_add(struct values *v, uint64_t trust)
{
	for (unsigned i = 0; i < v->ntrust; i++)
		if (v->trust[i] == trust)
			return;
	if (v->ntrust < VALUES_MAX) {
		v->trust[v->ntrust++] = trust;
		return;
	}
	v->trust[VALUES_MAX - 1] &= trust;
	v->trust_over = true;
}

static void
chain_add(struct values *v, struct chain c)
{
	for (unsigned i = 0; i < v->nchain; i++)
		if (v->chain[i].leaf == c.leaf &&
		    v->chain[i].bridge == c.bridge)
			return;
	if (v->nchain < VALUES_MAX) {
		v->chain[v->nchain++] = c;
		return;
	}
	v->chain[VALUES_MAX - 1].leaf &= c.leaf;
	v->chain[VALUES_MAX - 1].bridge &= c.bridge;
	v->chain_over = true;
}

void
values_add(struct values *v, struct pol_conf c)
{
	trust_add(v, c.trust);
	chain_add(v, (struct chain){ c.present, c.bridge });
}

void
values_change(const struct values *v, const struct change *c,
    struct values *out)
{
	for (unsigned i = 0; i < v->ntrust; i++)
		trust_add(out,
		    change_apply(c, (struct pol_conf){ v->trust[i], 0, 0 })
			.trust);
	for (unsigned i = 0; i < v->nchain; i++) {
		struct pol_conf conf = change_apply(c,
		    (struct pol_conf){ 0, v->chain[i].leaf,
			v->chain[i].bridge });
		chain_add(out, (struct chain){ conf.present, conf.bridge });
	}
	out->trust_over |= v->trust_over && !change_writes_trust(c);
	out->chain_over |= v->chain_over && !change_writes_chain(c);
}

bool
values_have(const struct values *v, struct pol_conf conf)
{
	bool trust = v->trust_over, chain = v->chain_over;

	for (unsigned i = 0; i < v->ntrust; i++)
		trust |= v->trust[i] == conf.trust;
	for (unsigned i = 0; i < v->nchain; i++)
		chain |= v->chain[i].leaf == conf.present &&
		    v->chain[i].bridge == conf.bridge;
	return trust && chain;
}

bool
values_are_sure(const struct values *v)
{
	return v->ntrust == 1 && v->nchain == 1 && !v->trust_over &&
	    !v->chain_over;
}
