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
	uint32_t outstanding, done, all;
};

struct edge {
	uint32_t from, to;
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
	uint32_t table_size;
	struct edge *edges;
	size_t nedges, edges_cap;
	size_t nevents; /* edges, and what happens from outside */
	unsigned resume_every; /* events between two resume checks */
};

/* Visits everything that can come of start; exits with 1 and the state when
 * something is wrong. */
void search_run(struct search *s, const struct state *start);
void search_free(struct search *s);

void search_print(const struct search *s, FILE *f);
/* st may be NULL. */
_Noreturn void search_found(const struct search *s, const struct state *st,
    const char *what);
void *search_grown(void *p, size_t n, size_t size);

/* ---- resume.c ------------------------------------------------------------- */

/* Contents of files as the library has them, by the number of the value. */
extern const uint64_t trust_gens[4], leaf_gens[4], bridge_gens[4];

void resume_save(const struct pol_engine *e, struct saved *s);
/* Puts e into the state, by facts alone; late: with a reception of what is
 * outstanding and copies of what is settled, which prove nothing. */
void resume_at(struct search *s, struct pol_engine *e, const struct state *st,
    bool late);
/* The engine that takes one more fact against one that starts in the state
 * to which the fact leads: they must be equal. */
void resume_check(struct search *s, const struct state *before,
    const struct pol_fact *f, const struct state *after);
