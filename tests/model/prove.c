/*
 * prove: for CBMC. One step of an induction over all histories, on the real
 * policy/rule.c: whatever a presenter and a verifier hold, with whichever
 * orders outstanding at either, an order to one of them that rule_allows (the
 * function that breach.c asks) leaves the direction safe when it was safe,
 * stops no pair that worked when it was not, and so does what may come of it.
 *
 * One direction is enough for a graph of any size: that all directions are
 * safe is one claim per direction, an order changes the files of one node,
 * and breach.c asks about each of its directions by itself. All masks of
 * generations are free; so are roles, dual and shallow nodes. Run by prove.sh
 * for either end as the one that gets the order.
 *
 * Not here: that breach.c asks about every direction, with the sets of
 * engine.c (that is for the explorer, and the mutants of both); a file of
 * which more is possible than is listed; a trust that is presumed; an order
 * that outranks another (the explorer, on two to four nodes).
 *   -DEND=0  the presenter gets it; -DEND=1 the verifier
 *   -DWRONG  the rules are not asked: must be refuted
 */
#include <assert.h>

#include "policy/inside.h"

/* An order doubles them, up to VALUES_MAX. Both may be one and the same, and an
 * order that changes nothing is none: sets of one size, as CBMC likes them. */
#define BASES 2

struct end {
	struct pol_conf base[BASES];
	bool has_order;
	struct change order;
};

void __CPROVER_assume(_Bool);
void __CPROVER_havoc_object(void *);

static struct end presenter, verifier;
static struct change change; /* the order that is asked for */
static uint8_t flags[2];
static bool by_client; /* the presenter is the client of the link */
static struct pol_graph graph = { .nnodes = 2, .flags = flags };

static struct pol_conf
after(const struct change *c, struct pol_conf conf)
{
	return c == NULL ? conf : change_apply(c, conf);
}

static struct file_set
trusts_of(const struct end *e, const struct change *c)
{
	struct file_set f = { .n = BASES };

	for (unsigned i = 0; i < BASES; i++)
		f.v[i] = after(c, e->base[i]).trust;
	return f;
}

static struct file_set
shown_of(const struct end *e, const struct change *c, bool br)
{
	struct file_set f = { .n = BASES };

	for (unsigned i = 0; i < BASES; i++)
		f.v[i] = conf_shown(after(c, e->base[i]), br);
	return f;
}

static struct file_set
both(struct file_set a, struct file_set b)
{
	for (unsigned i = 0; i < BASES; i++)
		a.v[BASES + i] = b.v[i];
	a.n = 2 * BASES;
	return a;
}

static bool
bridges(void)
{
	return direction_bridges(&graph, 0, 1, by_client);
}

static const struct change *
order_of(const struct end *e)
{
	return e->has_order ? &e->order : NULL;
}

static struct file_set
possible_shown(void)
{
	return both(shown_of(&presenter, NULL, bridges()),
	    shown_of(&presenter, order_of(&presenter), bridges()));
}

static struct file_set
possible_trusts(void)
{
	return both(trusts_of(&verifier, NULL),
	    trusts_of(&verifier, order_of(&verifier)));
}

static bool
is_safe(void)
{
	struct file_set a = possible_shown(), b = possible_trusts();

	return rule_is_safe(&a, &b);
}

/* The file of the end that gets the order, before or after. */
static struct file_set
own_file(const struct change *c)
{
	return END == 0 ? shown_of(&presenter, c, bridges())
			: trusts_of(&verifier, c);
}

/* What works before works after. */
static bool
nothing_stops(const struct file_set *now, const struct file_set *next,
    const struct file_set *other)
{
	for (unsigned i = 0; i < BASES; i++)
		for (unsigned j = 0; j < 2 * BASES; j++)
			if ((now->v[i] & other->v[j]) != 0 &&
			    (next->v[i] & other->v[j]) == 0)
				return false;
	return true;
}

static void
change_assume(const struct change *c)
{
	__CPROVER_assume(c->steps >= 1 && c->steps <= 7);
	__CPROVER_assume(c->from >= 1 && c->from <= 64);
	__CPROVER_assume(c->to >= 1 && c->to <= 64 && c->to != c->from);
}

int
main(void)
{
	struct end *own = END == 0 ? &presenter : &verifier;
	struct file_set now, next, other;
	bool safe;

	__CPROVER_havoc_object(&presenter);
	__CPROVER_havoc_object(&verifier);
	__CPROVER_havoc_object(&change);
	__CPROVER_havoc_object(flags);
	__CPROVER_havoc_object(&by_client);
	change_assume(&presenter.order);
	change_assume(&verifier.order);
	change_assume(&change);
	__CPROVER_assume(!own->has_order); /* gate one-order */
	safe = is_safe();
	now = own_file(NULL);
	next = own_file(&change);
	other = END == 0 ? possible_trusts() : possible_shown();
#ifndef WRONG
	__CPROVER_assume(rule_allows(&now, &next, &other));
#endif
	assert(nothing_stops(&now, &next, &other));
	/* sent: before and after are possible; failed leaves the same */
	own->has_order = true;
	own->order = change;
	assert(!safe || is_safe());
	/* effective: only after */
	own->has_order = false;
	for (unsigned i = 0; i < BASES; i++)
		own->base[i] = change_apply(&change, own->base[i]);
	assert(!safe || is_safe());
	return 0;
}
