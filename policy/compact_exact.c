/*
 * compact_exact: the fewest nodes of a small knot that must take three
 * orders, by trying the two sides for one node after the other and giving up
 * a branch as soon as it leaves out as many as the best answer so far. The
 * budget makes the effort, and so the answer, the same everywhere. Called by
 * compact.c.
 */
#include "policy/inside.h"

/* Would node close a cycle among the nodes of this side? */
static bool
closes_cycle(const struct sides *s, uint32_t node, uint64_t side)
{
	uint64_t seen = 0, front = s->out[node] & (side | UINT64_C(1) << node);

	while (front != 0) {
		uint64_t next = 0;
		seen |= front;
		for (uint64_t f = front; f != 0; f &= f - 1)
			next |= s->out[__builtin_ctzll(f)];
		if ((next >> node) & 1)
			return true;
		front = next & side & ~seen;
	}
	return false;
}

/* Depth at most SIDES_MAX. The last nodes have the most neighbours. */
static void
search_node(struct sides *s, uint32_t left)
{
	const uint32_t node = left - 1;
	const bool is_first = (s->side[0] | s->side[1] | s->only_first) == 0;

	if (s->left_out >= s->fewest || s->budget == 0)
		return;
	s->budget--;
	if (left == 0) {
		s->fewest = s->left_out;
		s->best[0] = s->side[0];
		s->best[1] = s->side[1];
		return;
	}
	for (unsigned k = 0; k < 2 && s->fewest > s->least; k++) {
		const uint64_t bit = UINT64_C(1) << node;
		if ((k == 1 && (is_first || (s->only_first & bit))) ||
		    closes_cycle(s, node, s->side[k]))
			continue;
		s->side[k] |= bit;
		search_node(s, node);
		s->side[k] &= ~bit;
	}
	if (s->fewest > s->least) {
		s->left_out++;
		search_node(s, node);
		s->left_out--;
	}
}

void
sides_search(struct sides *s)
{
	s->side[0] = s->side[1] = 0;
	s->left_out = 0;
	search_node(s, s->n);
}
