/*
 * resume: the library's engine in any state of the search. An engine that is
 * built from a state must equal one that lived through the facts, because
 * the CA may stop and resume at any moment. Late copies of settled reports
 * and a reception are always among the facts: they prove nothing.
 */
#include <string.h>

#include "tests/model/search.h"

void
resume_save(const struct pol_engine *e, struct saved *s)
{
	const uint32_t n = e->shape.graph->nnodes;

	memcpy(s->node, e->node, n * sizeof(*e->node));
	memcpy(s->group, e->group, e->shape.ngroups * sizeof(*e->group));
	memcpy(s->role, e->shape.role, n * sizeof(*e->shape.role));
	s->outstanding = e->outstanding;
	s->done = e->done;
	s->all = e->all;
}

static void
engine_restore(struct pol_engine *e, const struct saved *s)
{
	const uint32_t n = e->shape.graph->nnodes;

	memcpy(e->node, s->node, n * sizeof(*e->node));
	memcpy(e->group, s->group, e->shape.ngroups * sizeof(*e->group));
	memcpy(e->shape.role, s->role, n * sizeof(*s->role));
	memset(e->queued, 0, n);
	e->nqueue = 0;
	for (uint32_t i = 0; i < n; i++)
		nodeset_put(&e->ready, i, false);
	for (uint32_t i = 0; i < n; i++)
		e->node[i].offer = 0;
	for (uint32_t i = 0; i < e->shape.ngroups; i++)
		e->group[i].ready = 0;
	e->outstanding = s->outstanding;
	e->done = s->done;
	e->all = s->all;
}

/* ---- the library's engine in a given state ------------------------------------------ */

const uint64_t trust_gens[4] = { 1, 2, 3, 0 };
const uint64_t leaf_gens[4] = { 1, 2, 2, 1 };
const uint64_t bridge_gens[4] = { 0, 0, 1, 2 };

static void
tell(struct search *s, struct pol_engine *e, const struct pol_fact *f)
{
	if (pol_engine_fact(e, f) != POL_OK)
		search_found(s, NULL, "the engine refuses a fact");
}

/* All values that the state's node may hold, each in some pair. */
static void
tell_values(struct search *s, struct pol_engine *e, uint32_t i,
    const struct node_state *n)
{
	struct pol_fact f = { .kind = POL_FACT_HOLDS, .node = i, .epoch = 1 };
	uint8_t v = 0, w = 0, trusts = n->trusts, chains = n->chains;

	while (trusts != 0 || chains != 0) {
		if (trusts != 0)
			v = (uint8_t)__builtin_ctz(trusts);
		if (chains != 0)
			w = (uint8_t)__builtin_ctz(chains);
		trusts &= (uint8_t) ~(1u << v);
		chains &= (uint8_t) ~(1u << w);
		f.conf = (struct pol_conf){ trust_gens[v], leaf_gens[w],
			bridge_gens[w] };
		tell(s, e, &f);
		f.kind = POL_FACT_DOUBTED;
	}
}

void
resume_at(struct search *s, struct pol_engine *e, const struct state *st,
    bool late)
{
	engine_restore(e, &s->fresh[e == s->engine[1]]);
	for (uint32_t i = 0; i < s->t.n; i++) {
		const struct node_state *n = &st->node[i];
		struct pol_fact f = { .kind = POL_FACT_EXCUSED, .node = i };
		tell_values(s, e, i, n);
		if (n->excused)
			tell(s, e, &f);
		if (n->steps != 0) {
			f.kind = POL_FACT_SENT;
			f.epoch = 2;
			f.steps = n->steps;
			f.from = n->to == 2 ? 1 : 2;
			f.to = n->to;
			tell(s, e, &f);
			f.kind = POL_FACT_RECEIVED; /* proves nothing */
			if (late)
				tell(s, e, &f);
		}
		if (!late)
			continue;
		/* copies of what is settled may come at any time */
		f.epoch = 1;
		f.kind = POL_FACT_EFFECTIVE;
		tell(s, e, &f);
		f.kind = POL_FACT_FAILED;
		tell(s, e, &f);
	}
}

static uint32_t
values_bits(const struct values *v)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < v->ntrust; i++)
		bits |= 1u << v->trust[i];
	for (unsigned i = 0; i < v->nchain; i++)
		bits |= 1u << (8 + v->chain[i].leaf * 4 + v->chain[i].bridge);
	return bits;
}

static bool
nodes_are_equal(const struct enode *a, const struct enode *b)
{
	const uint8_t kept = NODE_KNOWN | NODE_EXCUSED;

	return values_bits(&a->base) == values_bits(&b->base) &&
	    (a->epoch != 0) == (b->epoch != 0) &&
	    (a->epoch == 0 ||
		(a->steps == b->steps && a->from == b->from &&
		    a->to == b->to)) &&
	    a->wait_trust == b->wait_trust &&
	    a->wait_trust_client == b->wait_trust_client &&
	    a->wait_cert == b->wait_cert &&
	    (a->flags & kept) == (b->flags & kept) && a->sure == b->sure &&
	    a->done == b->done;
}

/* The engine that takes one more fact against one that starts in the state
 * to which the fact leads. */
void
resume_check(struct search *s, const struct state *before,
    const struct pol_fact *f, const struct state *after)
{
	struct pol_engine *e = s->engine[before->goal - 1];
	struct saved lived, anew;

	if (s->nevents % s->resume_every != 0)
		return;
	resume_at(s, e, before, true);
	tell(s, e, f);
	resume_save(e, &lived);
	resume_at(s, e, after, true);
	resume_save(e, &anew);
	for (uint32_t i = 0; i < s->t.n; i++)
		if (!nodes_are_equal(&lived.node[i], &anew.node[i]))
			search_found(s, after,
			    "an engine that resumes differs from "
			    "the one that lived on");
	if (lived.done != anew.done || lived.all != anew.all ||
	    lived.outstanding != anew.outstanding)
		search_found(s, after,
		    "counts of the group differ after a resume");
}
