/*
 * ends: the way to the goal on whole graphs, as facts.c has shown it link by
 * link, walked with the real engine from states picked among all that the
 * nodes may hold, excused ones and outstanding orders of either goal included:
 * what is out is answered, then everybody gets trust, then cert, then finish.
 */
#include "tests/model/facts.h"
#include "tests/model/pick.h"
#include "tests/model/star.h"

/* By traits, which are all that matters. */
static struct locals locals[8];

static const struct locals *
locals_of(const struct topology *t, uint32_t node)
{
	struct locals *l = &locals[t->traits[node]];

	if (l->n == 0)
		locals_make(t, node, ALL, 0, l);
	return l;
}

static void
state_pick(const struct search *s, uint64_t *seed, struct state *st)
{
	*st = (struct state){ .goal = (uint8_t)(1 + model_pick(seed, 2)) };
	for (uint32_t i = 0; i < s->t.n; i++) {
		const struct locals *l = locals_of(&s->t, i);
		st->node[i] = l->at[model_pick(seed, (uint32_t)l->n)];
		st->node[i].excused = model_pick(seed, 8) == 0;
	}
}

/* What is outstanding works. */
static void
all_answer(const struct search *s, struct state *st)
{
	for (uint32_t i = 0; i < s->t.n; i++) {
		struct node_state *n = &st->node[i];
		const uint8_t chains = world_chains_after(&s->t, i, n);
		if (n->steps == 0)
			continue;
		n->trusts = world_trusts_effective(&s->t, i, n);
		n->chains = chains;
		n->steps = n->to = 0;
	}
}

static void
all_get(struct search *s, struct state *st, uint8_t step)
{
	const char *why;

	for (uint32_t i = 0; i < s->t.n; i++) {
		if (!(world_steps(&s->t, i) & step) || st->node[i].excused)
			continue;
		if (pol_engine_allowed(resume_at(s, st), i, step, NULL) !=
		    POL_OK)
			search_found(s, st, "the way to the goal is shut");
		world_outrank(&s->t, i, &st->node[i], step, st->goal);
		if ((why = world_breaks(&s->t, st, i)) != NULL)
			search_found(s, st, why);
	}
	all_answer(s, st);
}

void
ends_run(struct search *s, uint32_t states, uint64_t *seed)
{
	struct state st;

	for (uint32_t k = 0; k < states; k++) {
		state_pick(s, seed, &st);
		all_answer(s, &st);
		all_get(s, &st, STEP_TRUST);
		all_get(s, &st, STEP_CERT);
		all_get(s, &st, STEP_FINISH);
		if (!world_is_done(&s->t, &st) ||
		    !pol_engine_is_done(resume_at(s, &st)))
			search_found(s, &st, "this should be the goal");
	}
}
