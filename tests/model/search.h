/*
 * search: all states of one graph. explore.c makes the graphs, search.c
 * visits the states, resume.c puts the library's engine into them.
 */
#pragma once

#include <stdio.h>

#include "policy/engine.h"
#include "tests/model/world.h"

/* What makes an engine what it is, to put it back. */
struct saved {
	struct enode node[NODES_MAX];
	struct egroup group[NODES_MAX];
	uint16_t role[NODES_MAX];
	uint32_t outstanding, finishing, done, all;
};

struct edge {
	uint32_t from, to;
};

/* What happens to a node: the fact that the CA gets of it, and the state
 * afterwards. */
struct event {
	struct pol_fact fact;
	struct state after;
	bool by_kedge; /* an order, or the report that it worked; the rest is
			* nothing that one could count on */
};

/* Answers by neighbourhood, see hood.c. */
struct hood {
	uint64_t a, b;
};
struct hoods {
	struct hood *at;
	size_t n, size;
	size_t found; /* times that the answer was there */
	unsigned every; /* of these, one in so many is asked again */
};

struct search {
	struct topology t;
	struct symmetry symmetry;
	long number;
	struct pol_graph *graph;
	struct pol_engine *engine[2]; /* by goal - 1 */
	struct saved fresh[2];
	uint64_t *keys; /* of the states */
	uint32_t nstates, cap;
	uint32_t *table; /* index + 1 by hash */
	uint32_t table_size; /* a power of two */
	struct edge *edges;
	size_t nedges, edges_cap;
	size_t nevents; /* edges, and what happens from outside */
	uint32_t from; /* the state whose events are looked at */
	struct may may; /* of the state that is looked at */
	struct hoods *hoods; /* of all graphs */
	struct saved here, others; /* engine in the state that is checked,
				    * and before the facts of its node */
};

/* Graph and engines of s->t, which world_look has seen. other_root: where only
 * the server authenticates the client shows what is of another root, which is
 * as good as nothing. */
void search_build(struct search *s, bool other_root);
/* Visits everything that can come of start; exits with 1 and the state when
 * something is wrong. */
void search_run(struct search *s, const struct state *start);
void search_free(struct search *s);

void search_print(const struct search *s, FILE *f);
/* st may be NULL. */
_Noreturn void
search_found(const struct search *s, const struct state *st, const char *what);
void *search_grown(void *p, size_t n, size_t size);

/* ---- resume.c ------------------------------------------------------------- */

/* Contents of files as the library has them, by the number of the value. */
extern const uint64_t trust_gens[4], leaf_gens[4], bridge_gens[4];

void resume_save(const struct pol_engine *e, struct saved *s);
/* The engine of the state's goal in the state, by facts alone. */
struct pol_engine *resume_at(struct search *s, const struct state *st);
/* The same in two parts: everybody but the node, kept; then the node, again and
 * again. */
void resume_peers(struct search *s, const struct state *st, uint32_t node);
struct pol_engine *
resume_node(struct search *s, const struct state *st, uint32_t node);
/* The same for checks of one node, whose facts come last; late facts must
 * not make a difference. */
struct pol_engine *
resume_here(struct search *s, const struct state *st, uint32_t node);
/* The engine of resume_here that takes one more fact of this node against
 * one that starts in the state to which the fact leads: they must be equal. */
void resume_check(struct search *s, const struct event *ev);

/* ---- events.c ------------------------------------------------------------- */

typedef void
event_fn(struct search *s, const struct state *before, const struct event *ev);
/* Everything that can happen to the node; orders: bit per order's steps. */
void events_of_node(struct search *s, const struct state *before, uint32_t node,
    uint8_t orders, event_fn *fn);

/* ---- hood.c --------------------------------------------------------------- */

/* The state that hood_orders is asked about next. */
void hood_look(struct search *s, const struct state *st);
/* The orders that the rules allow the node, as bits, without those that would
 * change nothing. All that can happen to it has then been checked. */
uint8_t hood_orders(struct search *s, const struct state *st, uint32_t node);
/* All that can happen to the node is checked; the orders as above. */
uint8_t hood_check(struct search *s, const struct state *st, uint32_t node);
void hoods_free(struct hoods *h);
