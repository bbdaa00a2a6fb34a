/* Tests of the components of a relation: clients that wait for servers. */
#include <string.h>

#include "policy/inside.h"
#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

/* What was taken: one set of nodes per component. */
struct taken {
	uint64_t set[FLEET_MAX];
	unsigned n;
	uint64_t out; /* nodes that are not in the relation */
	enum pol_err err; /* of take */
};

static bool
is_in(const struct cycles *c, uint32_t node)
{
	const struct taken *t = c->arg;

	return !((t->out >> node) & 1);
}

/* A client has an arc to its server. */
static bool
is_arc(const struct cycles *c, uint32_t node, const struct half *h,
    bool is_client)
{
	(void)c, (void)node, (void)h;
	return is_client;
}

static enum pol_err
take(void *arg, const uint32_t *nodes, uint32_t n)
{
	struct taken *t = arg;

	ck_assert_uint_lt(t->n, FLEET_MAX);
	for (uint32_t i = 0; i < n; i++)
		t->set[t->n] |= UINT64_C(1) << nodes[i];
	t->n++;
	return t->err;
}

static enum pol_err
find(const char *links, struct taken *t)
{
	struct shape s;
	struct cycles c = { &s, is_in, is_arc, take, t };
	struct fleet f;
	enum pol_err e;

	fleet_make(&f, links, "");
	ck_assert_int_eq(shape_make(f.graph, 0, POL_MINIMAL, &s), POL_OK);
	e = cycles_find(&c);
	shape_free(&s);
	fleet_free(&f);
	return e;
}

START_TEST(test_components)
{
	static const struct {
		const char *links;
		unsigned n;
		uint64_t set[2];
	} rows[] = {
		{ "a>b b>c", 0, { 0 } },
		{ "a>b b>a", 1, { 3 } },
		{ "a>b b>c c>a", 1, { 7 } },
		/* two rings, one way between them; a tail on each side */
		{ "a>b b>a b>c c>d d>c", 2, { 0xc, 3 } },
		{ "a>b b>c c>d d>b d>e", 1, { 0xe } },
		/* a ring within a ring is one component */
		{ "a>b b>c c>d d>a c>b", 1, { 0xf } },
		/* the ring is closed by what was seen first, and last */
		{ "a>c c>b b>a", 1, { 7 } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct taken t = { .n = 0 };

		ck_assert_int_eq(find(rows[i].links, &t), POL_OK);
		ck_assert_msg(t.n == rows[i].n, "%s: %u", rows[i].links, t.n);
		for (unsigned k = 0; k < t.n; k++)
			ck_assert_uint_eq(t.set[k], rows[i].set[k]);
	}
}
END_TEST

/* Who is not in the relation closes no ring. */
START_TEST(test_left_out)
{
	struct taken t = { .out = 1u << 1 };

	ck_assert_int_eq(find("a>b b>c c>a c>d d>c", &t), POL_OK);
	ck_assert_uint_eq(t.n, 1);
	ck_assert_uint_eq(t.set[0], 0xc);
}
END_TEST

START_TEST(test_an_error_ends_it)
{
	struct taken t = { .err = POL_E_NOMEM };

	ck_assert_int_eq(find("a>b b>a c>d d>c", &t), POL_E_NOMEM);
	ck_assert_uint_eq(t.n, 1);
}
END_TEST

TCase *
case_cycle(void)
{
	TCase *t = tcase_create("cycle");

	tcase_add_test(t, test_components);
	tcase_add_test(t, test_left_out);
	tcase_add_test(t, test_an_error_ends_it);
	return t;
}
