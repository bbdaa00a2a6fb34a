/* Which nodes are excused under which root, whatever became of the roll. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/excuses.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static void
add(const char *node, const char *root, enum pol_fact_kind kind)
{
	struct ca_fact f = { .kind = kind };

	strcpy(f.node, node);
	strcpy(f.root, root);
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
}

static const char *
excused(const struct ca *ca, const struct ca_excuses *list, const char *node)
{
	static char text[128];
	struct wire_hsm_node n;

	memset(&n, 0, sizeof(n));
	ca_excuses_of(list, ca_topo_node(ca->topo, node), &n);
	text[0] = '\0';
	for (size_t i = 0; i < n.nexcused; i++)
		strcat(strcat(text, n.excused[i]), " ");
	free(n.excused);
	return text;
}

START_TEST(until_they_return)
{
	struct ca_excuses *list = NULL;
	struct ca ca = { .store = st };

	store_fleet();
	ck_assert_int_eq(ca_topo_load(st, &ca.topo), BASE_OK);
	add("app1", "plant", POL_FACT_EXCUSED);
	add("app1", "lab", POL_FACT_EXCUSED);
	add("app1", "lab", POL_FACT_RETURNED);
	add("web1", "lab", POL_FACT_EXCUSED);
	add("left", "plant", POL_FACT_EXCUSED);
	add("web1", "plant", POL_FACT_HELD);
	ck_assert_int_eq(ca_excuses_load(&ca, &list), BASE_OK);
	ck_assert_str_eq(excused(&ca, list, "app1"), "plant ");
	ck_assert_str_eq(excused(&ca, list, "web1"), "lab ");
	ca_excuses_free(list);
	ca_excuses_free(NULL);
	ca_topo_free(ca.topo);
}
END_TEST

TCase *
case_excuses(void)
{
	TCase *t = tcase_create("excuses");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, until_they_return);
	return t;
}
