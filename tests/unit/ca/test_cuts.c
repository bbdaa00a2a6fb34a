/* The directions of nodes that are taken out of a roll; see ca/cuts.c. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static struct world w;

static size_t
cuts_of(const char *root, const char *node, struct wire_hsm_cuts *list)
{
	bool out[WORLD_NODES + 1] = { false };
	struct ca_roll_row row = { .from = 1, .to = 2 };
	const uint32_t i = ca_topo_node(w.ca.topo, node);

	strcpy(row.root, root);
	if (i != POL_NONE)
		out[i] = true;
	*list = (struct wire_hsm_cuts){ .n = 0 };
	ca_cuts_of(&w.ca, &row, out, list);
	return list->n;
}

static bool
has(const struct wire_hsm_cuts *list, const char *presenter,
    const char *verifier)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->cut[i].presenter, presenter) == 0 &&
		    strcmp(list->cut[i].verifier, verifier) == 0)
			return true;
	return false;
}

/* Under its root and no other; under management those to the CA and the hello
 * that app1 shows to its relay. */
START_TEST(of_one_node)
{
	struct wire_hsm_cuts l;

	ck_assert_uint_eq(cuts_of("plant", "app1", &l), 2);
	ck_assert(has(&l, "app1", "web1") && has(&l, "web1", "app1"));
	wire_hsm_cuts_clear(&l);
	ck_assert_uint_eq(cuts_of("plant", "nobody", &l), 0);
	wire_hsm_cuts_clear(&l);
	ck_assert_uint_eq(cuts_of("lab", "app1", &l), 0);
	wire_hsm_cuts_clear(&l);
	(void)cuts_of("management", "app1", &l);
	ck_assert(has(&l, "app1", "ca") && has(&l, "ca", "app1"));
	ck_assert_int_eq(has(&l, "app1", "web1"), w.ca.topo->nhellos > 0);
	ck_assert(!has(&l, "web1", "ca"));
	wire_hsm_cuts_clear(&l);
}
END_TEST

static void
setup(void)
{
	world_open(&w, world_pair, 3);
}

static void
teardown(void)
{
	world_close(&w);
}

TCase *
case_cuts(void)
{
	TCase *t = tcase_create("cuts");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, of_one_node);
	return t;
}
