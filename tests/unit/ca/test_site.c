/* A site that was cut off comes back: a walk through orders, aborts and epochs,
 * as docs/operations.md says it; see world.h. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

#define LYING_MAX 128

/* All that was ever sent to the site. */
struct lying {
	struct world *w;
	struct world_node *n; /* that is asked about just now */
	struct {
		struct world_node *n;
		uint64_t epoch;
		struct base_buf cms;
	} order[LYING_MAX];
	size_t norders;
};

static enum base_err
lying_add(void *arg, const struct ca_order *o)
{
	struct lying *l = arg;

	if (o->cms.n == 0 || strcmp(o->root, "plant") != 0 ||
	    o->epoch <= l->n->highest)
		return BASE_OK;
	for (size_t i = 0; i < l->norders; i++)
		if (l->order[i].n == l->n && l->order[i].epoch == o->epoch)
			return BASE_OK;
	ck_assert_uint_lt(l->norders, LYING_MAX);
	l->order[l->norders].n = l->n;
	l->order[l->norders].epoch = o->epoch;
	base_buf_init(&l->order[l->norders].cms, 0);
	return base_buf_put(&l->order[l->norders++].cms, o->cms.p, o->cms.n);
}

static void
run(struct lying *l, int turns)
{
	struct world *w = l->w;

	for (int i = 0; i < turns; i++) {
		world_turn(w);
		for (size_t k = 0; i % 4 == 0 && k < w->nnodes; k++) {
			l->n = &w->nodes[k];
			if (l->n->deaf)
				ck_assert_int_eq(
				    ca_store_orders_of_node(w->ca.store,
					l->n->name, lying_add, l),
				    BASE_OK);
		}
	}
}

/* In any sequence, and before anybody hears of any of it: after each order every
 * link is looked at (world.c). */
static void
take_all(struct lying *l, unsigned seed)
{
	for (size_t i = 0; i < l->w->nnodes; i++)
		l->w->nodes[i].deaf = false;
	while (l->norders > 0) {
		const size_t i =
		    (seed = seed * 1103515245u + 12345u) / 65536u % l->norders;

		world_order(l->w, l->order[i].n,
		    base_buf_span(&l->order[i].cms));
		world_links_hold(l->w);
		base_buf_free(&l->order[i].cms);
		l->order[i] = l->order[--l->norders];
	}
}

/* Cut off at any moment of a roll, which goes on, or turns round once or
 * twice. Afterwards it comes to its end. */
START_TEST(takes_all_that_lies_there_at_once)
{
	static const struct ca_roll_abort back = { "plant", "", "test", true,
		false };
	const unsigned site = 1u + (unsigned)_i * 37u % 127u;
	struct lying *l = base_alloc(sizeof(*l));
	struct world w;

	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_fleet, 700 + (uint64_t)_i);
	w.late = 30;
	world_roll(&w, "plant");
	l->w = &w;
	run(l, _i % 6);
	for (size_t i = 0; i < w.nnodes; i++)
		w.nodes[i].deaf = (site >> i & 1) != 0;
	run(l, 100);
	if (_i % 3 > 0)
		ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	run(l, 100);
	if (_i % 3 > 1)
		ck_assert_int_eq(ca_roll_again(&w.ca, "plant", "test"),
		    BASE_OK);
	run(l, 100);
	ck_assert_uint_gt(l->norders, 0);
	take_all(l, (unsigned)_i);
	ck_assert_msg(world_run(&w, 600, world_rolled), "%s", w.waits);
	for (size_t i = 0; i < w.nnodes; i++)
		if (w.nodes[i].conf.trust != 0)
			ck_assert_uint_eq(w.nodes[i].conf.trust,
			    POL_GEN(_i % 3 == 1 ? 1 : 2));
	free(l);
	world_close(&w);
}
END_TEST

TCase *
case_site(void)
{
	TCase *t = tcase_create("site");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, takes_all_that_lies_there_at_once, 0, 12);
	return t;
}
