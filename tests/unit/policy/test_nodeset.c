/* Tests of the set of node numbers, against a plain array of bools. */
#include <stdlib.h>
#include <string.h>

#include "policy/engine.h"
#include "tests/unit/policy/suites.h"

#define MAX 5000

static void
same(const struct nodeset *s, const bool in[MAX], uint32_t n)
{
	uint32_t at = nodeset_next(s, 0);

	for (uint32_t i = 0; i < n; i++) {
		ck_assert(nodeset_has(s, i) == in[i]);
		if (!in[i])
			continue;
		ck_assert_uint_eq(at, i);
		at = nodeset_next(s, i + 1);
	}
	ck_assert_uint_eq(at, POL_NONE);
}

/* Sizes on both sides of a word, and of a word of words. */
static const uint32_t sizes[] = { 1, 63, 64, 65, 128, 4095, 4096, 4097, MAX };
#define NSIZES (int)(sizeof(sizes) / sizeof(sizes[0]))

START_TEST(test_goes_in_and_out)
{
	const uint32_t n = sizes[_i];
	static bool in[MAX];
	struct nodeset s;
	uint32_t x = 1;

	/* once per size, maybe in one process */
	memset(in, 0, sizeof(in));
	ck_assert_int_eq(nodeset_new(&s, n), POL_OK);
	same(&s, in, n);
	for (unsigned k = 0; k < 300; k++) {
		uint32_t i;

		x = x * 1103515245u + 12345u;
		i = (x >> 8) % n;
		in[i] = (x & 4) != 0;
		nodeset_put(&s, i, in[i]);
		if (k % 50 == 0)
			same(&s, in, n);
	}
	same(&s, in, n);
	nodeset_free(&s);
}
END_TEST

/* The two ends, and a gap that is wider than a word of words. */
START_TEST(test_ends_and_gaps)
{
	struct nodeset s;

	ck_assert_int_eq(nodeset_new(&s, MAX), POL_OK);
	nodeset_put(&s, 0, true);
	nodeset_put(&s, MAX - 1, true);
	ck_assert_uint_eq(nodeset_next(&s, 0), 0);
	ck_assert_uint_eq(nodeset_next(&s, 1), MAX - 1);
	ck_assert_uint_eq(nodeset_next(&s, MAX - 1), MAX - 1);
	nodeset_put(&s, MAX - 1, false);
	ck_assert_uint_eq(nodeset_next(&s, 1), POL_NONE);
	ck_assert_uint_eq(nodeset_next(&s, 0), 0);
	nodeset_free(&s);
	nodeset_free(&s); /* again is harmless */
}
END_TEST

TCase *
case_nodeset(void)
{
	TCase *t = tcase_create("nodeset");

	tcase_add_loop_test(t, test_goes_in_and_out, 0, NSIZES);
	tcase_add_test(t, test_ends_and_gaps);
	return t;
}
