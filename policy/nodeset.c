/*
 * nodeset: a set of node numbers with cheap put and ordered walk, so that
 * the engine's answer comes out by node without sorting. Used by offers.c.
 */
#include <stdlib.h>

#include "policy/engine.h"

enum pol_err
nodeset_new(struct nodeset *s, uint32_t n)
{
	size_t words = n;

	*s = (struct nodeset){ .nlevels = 0 };
	do {
		words = words / 64 + 1;
		s->level[s->nlevels] = calloc(words, sizeof(uint64_t));
		if (s->level[s->nlevels++] == NULL)
			return POL_E_NOMEM;
	} while (words > 1);
	return POL_OK;
}

void
nodeset_put(struct nodeset *s, uint32_t i, bool in)
{
	for (unsigned l = 0; l < s->nlevels; l++, i /= 64) {
		uint64_t *word = &s->level[l][i / 64];
		const uint64_t bit = UINT64_C(1) << (i % 64);
		if (in)
			*word |= bit;
		else
			*word &= ~bit;
		/* a word that still has members stays marked above */
		if (!in && *word != 0)
			return;
	}
}

bool
nodeset_has(const struct nodeset *s, uint32_t i)
{
	return (s->level[0][i / 64] >> (i % 64)) & 1;
}

/* The smallest marked number >= i within i's word of level l. */
static bool
word_next(const struct nodeset *s, unsigned l, uint32_t *i)
{
	uint64_t word = s->level[l][*i / 64] >> (*i % 64);

	if (word == 0)
		return false;
	*i += (uint32_t)__builtin_ctzll(word);
	return true;
}

uint32_t
nodeset_next(const struct nodeset *s, uint32_t i)
{
	unsigned l = 0;

	/* up until a level has something at or after i, then down to it */
	while (!word_next(s, l, &i)) {
		if (++l == s->nlevels)
			return POL_NONE;
		i = i / 64 + 1;
	}
	while (l-- > 0) {
		i *= 64;
		(void)word_next(s, l, &i);
	}
	return i;
}

void
nodeset_free(struct nodeset *s)
{
	for (unsigned l = 0; l < s->nlevels; l++) {
		free(s->level[l]);
		s->level[l] = NULL;
	}
	s->nlevels = 0;
}
