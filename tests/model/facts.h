/* facts: the proof that needs no runs. */
#pragma once

#include <stdint.h>

struct facts_count {
	uint64_t stars, asked, events; /* graphs, times the rules were asked */
	uint32_t classes; /* most of one kind of node, see facts.c */
};

/* Stars of up to so many peers. Exits with 1 when something is wrong. */
void facts_run(uint32_t peers, struct facts_count *count);

struct search;
/* The goal from so many states of the graph, picked by *seed among all that
 * its nodes may hold. */
void ends_run(struct search *s, uint32_t states, uint64_t *seed);
