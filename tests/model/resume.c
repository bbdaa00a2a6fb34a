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
	s->finishing = e->finishing;
	s->done = e->done;
	s->all = e->all;
}

static void
engine_restore(struct pol_engine *e, const struct saved *s)
{
	const uint32_t n = e->shape.graph->nnodes;

	for (uint32_t i = 0; i < n; i++)
		if (e->node[i].offer != 0)
			offers_put(e, i, 0);
	for (uint32_t i = 0; i < e->shape.ngroups; i++)
		offers_lead(e, i);
	memcpy(e->node, s->node, n * sizeof(*e->node));
	memcpy(e->group, s->group, e->shape.ngroups * sizeof(*e->group));
	memcpy(e->shape.role, s->role, n * sizeof(*s->role));
	memset(e->queued, 0, n);
	e->nqueue = 0;
	offers_start(e);
	e->outstanding = s->outstanding;
	e->finishing = s->finishing;
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

/* What is outstanding, and what the operator said. */
static void
tell_node(struct search *s, struct pol_engine *e, uint32_t i,
    const struct node_state *n)
{
	struct pol_fact f = { .kind = POL_FACT_EXCUSED, .node = i };

	tell_values(s, e, i, n);
	if (n->excused)
		tell(s, e, &f);
	if (n->steps == 0)
		return;
	f.kind = POL_FACT_SENT;
	f.epoch = 2;
	f.steps = n->steps;
	f.from = n->to == 2 ? 1 : 2;
	f.to = n->to;
	tell(s, e, &f);
}

/* A reception of what is outstanding, and copies of what is settled, may come
 * at any time and prove nothing. */
static void
tell_late(struct search *s, struct pol_engine *e, uint32_t i,
    const struct node_state *n)
{
	struct pol_fact f = { .kind = POL_FACT_RECEIVED,
		.node = i,
		.epoch = 2 };

	if (n->steps != 0)
		tell(s, e, &f);
	f.epoch = 1;
	f.kind = POL_FACT_EFFECTIVE;
	tell(s, e, &f);
	f.kind = POL_FACT_FAILED;
	tell(s, e, &f);
}

struct pol_engine *
resume_at(struct search *s, const struct state *st)
{
	struct pol_engine *e = s->engine[st->goal - 1];

	engine_restore(e, &s->fresh[st->goal - 1]);
	for (uint32_t i = 0; i < s->t.n; i++)
		tell_node(s, e, i, &st->node[i]);
	return e;
}

void
resume_peers(struct search *s, const struct state *st, uint32_t node)
{
	struct pol_engine *e = s->engine[st->goal - 1];

	engine_restore(e, &s->fresh[st->goal - 1]);
	for (uint32_t i = 0; i < s->t.n; i++)
		if (i != node)
			tell_node(s, e, i, &st->node[i]);
	resume_save(e, &s->others);
}

struct pol_engine *
resume_node(struct search *s, const struct state *st, uint32_t node)
{
	struct pol_engine *e = s->engine[st->goal - 1];

	engine_restore(e, &s->others);
	tell_node(s, e, node, &st->node[node]);
	return e;
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
	    a->wait_trust_bridge == b->wait_trust_bridge &&
	    a->wait_either == b->wait_either &&
	    a->wait_presumed == b->wait_presumed &&
	    a->wait_presumed_client == b->wait_presumed_client &&
	    a->wait_cert == b->wait_cert && a->wait_finish == b->wait_finish &&
	    (a->flags & kept) == (b->flags & kept) && a->sure == b->sure &&
	    a->done == b->done;
}

static void
compare(struct search *s, const struct state *st, const struct saved *a,
    const struct pol_engine *b, const char *what)
{
	for (uint32_t i = 0; i < s->t.n; i++)
		if (!nodes_are_equal(&a->node[i], &b->node[i]))
			search_found(s, st, what);
	if (a->done != b->done || a->all != b->all ||
	    a->outstanding != b->outstanding || a->finishing != b->finishing)
		search_found(s, st, what);
}

struct pol_engine *
resume_here(struct search *s, const struct state *st, uint32_t node)
{
	struct pol_engine *e = s->engine[st->goal - 1];

	engine_restore(e, &s->fresh[st->goal - 1]);
	for (uint32_t i = 0; i < s->t.n; i++)
		if (i != node) {
			tell_node(s, e, i, &st->node[i]);
			tell_late(s, e, i, &st->node[i]);
		}
	resume_save(e, &s->others);
	tell_node(s, e, node, &st->node[node]);
	resume_save(e, &s->here);
	tell_late(s, e, node, &st->node[node]);
	compare(s, st, &s->here, e, "what proves nothing makes a difference");
	resume_save(e, &s->here);
	return e;
}

void
resume_check(struct search *s, const struct event *ev)
{
	const struct state *st = &ev->after;
	struct pol_engine *e = s->engine[st->goal - 1];
	const uint32_t node = ev->fact.node;
	struct saved lived;

	engine_restore(e, &s->here);
	tell(s, e, &ev->fact);
	resume_save(e, &lived);
	engine_restore(e, &s->others);
	tell_node(s, e, node, &st->node[node]);
	compare(s, st, &lived, e,
	    "an engine that resumes differs from the one that lived on");
}
