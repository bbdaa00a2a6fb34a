/*
 * Tests of the search for the fewest nodes that must stand out, against all
 * ways to put few nodes on two sides.
 */
#include <string.h>

#include "policy/inside.h"
#include "tests/unit/policy/suites.h"

#define N 5

static bool
has_cycle(const uint64_t out[N], uint64_t side)
{
	/* without a cycle a node without a way out can always be taken away */
	while (side != 0) {
		uint64_t left = side;

		for (unsigned i = 0; i < N; i++)
			if (((side >> i) & 1) && (out[i] & side) == 0)
				left &= ~(UINT64_C(1) << i);
		if (left == side)
			return true;
		side = left;
	}
	return false;
}

static uint32_t
fewest_of_all(const uint64_t out[N], uint64_t only_first)
{
	uint32_t best = N;

	for (unsigned a = 0; a < 1u << N; a++)
		for (unsigned b = 0; b < 1u << N; b++) {
			const unsigned left_out =
			    N - (unsigned)__builtin_popcount(a | b);

			if ((a & b) != 0 || (b & only_first) != 0 ||
			    left_out >= best || has_cycle(out, a) ||
			    has_cycle(out, b))
				continue;
			best = left_out;
		}
	return best;
}

START_TEST(test_as_few_as_of_all_ways)
{
	uint32_t x = 7;

	for (unsigned k = 0; k < 200; k++) {
		struct sides s = { .n = N, .fewest = N + 1, .budget = 100000 };

		for (unsigned i = 0; i < N; i++) {
			x = x * 1103515245u + 12345u;
			s.out[i] = (x >> 16) & ((1u << N) - 1) & ~(1u << i);
		}
		x = x * 1103515245u + 12345u;
		s.only_first = (x >> 16) & (x >> 20) & ((1u << N) - 1);
		sides_search(&s);
		ck_assert_uint_gt(s.budget, 0);
		ck_assert_uint_eq(s.fewest, fewest_of_all(s.out, s.only_first));
		ck_assert(!has_cycle(s.out, s.best[0]));
		ck_assert(!has_cycle(s.out, s.best[1]));
		ck_assert_uint_eq(s.best[0] & s.best[1], 0);
		ck_assert_uint_eq(s.best[1] & s.only_first, 0);
		ck_assert_uint_eq(s.fewest,
		    N - (unsigned)__builtin_popcountll(s.best[0] | s.best[1]));
	}
}
END_TEST

/* Everybody to everybody: one node a side, the rest stands out. */
static struct sides
crowd(uint32_t budget)
{
	struct sides s = { .n = N, .fewest = N + 1, .budget = budget };

	for (unsigned i = 0; i < N; i++)
		s.out[i] = ((1u << N) - 1) & ~(1u << i);
	return s;
}

START_TEST(test_bounds)
{
	struct sides s = crowd(100000);
	uint32_t used;

	sides_search(&s);
	ck_assert_uint_eq(s.fewest, N - 2);
	used = 100000 - s.budget;
	/* what is known to be the least ends the search at once */
	s = crowd(100000);
	s.least = N - 2;
	sides_search(&s);
	ck_assert_uint_eq(s.fewest, N - 2);
	ck_assert_uint_lt(100000 - s.budget, used);
	/* an answer that is no better than the known one is none */
	s = crowd(100000);
	s.fewest = N - 2;
	sides_search(&s);
	ck_assert_uint_eq(s.best[0] | s.best[1], 0);
	/* out of budget: it says so and holds the best so far */
	s = crowd(4);
	sides_search(&s);
	ck_assert_uint_eq(s.budget, 0);
	ck_assert_uint_eq(s.fewest, N + 1);
}
END_TEST

TCase *
case_compact_exact(void)
{
	TCase *t = tcase_create("compact_exact");

	tcase_add_test(t, test_as_few_as_of_all_ways);
	tcase_add_test(t, test_bounds);
	return t;
}
