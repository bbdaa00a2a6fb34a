/* Nodes that left, until kedge-hsmd has forgotten them. */
#include <check.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static const char *
next_after(const char *after)
{
	static char name[CA_NAME];

	ck_assert_int_eq(ca_store_gone_next(st, after, name), BASE_OK);
	return name;
}

static const char *
next(void)
{
	return next_after("");
}

static bool
is_open(const char *node)
{
	bool is;

	ck_assert_int_eq(ca_store_gone_is_open(st, node, &is), BASE_OK);
	return is;
}

START_TEST(until_forgotten)
{
	store_fleet();
	ck_assert_str_eq(next(), "");
	ck_assert(!is_open("app1"));
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_OK);
	ck_assert_int_eq(ca_store_node_delete(st, "app1"), BASE_OK);
	store_reopen();
	ck_assert_str_eq(next(), "app1");
	ck_assert_str_eq(next_after("app1"), "web1");
	ck_assert_str_eq(next_after("web1"), "");
	ck_assert(is_open("web1") && is_open("app1"));
	ck_assert_int_eq(ca_store_gone_done(st, "app1"), BASE_OK);
	ck_assert_str_eq(next(), "web1");
	ck_assert(!is_open("app1"));
	ck_assert_int_eq(ca_store_gone_done(st, "web1"), BASE_OK);
	ck_assert_str_eq(next(), "");
	/* the name is given again, and leaves again */
	store_fleet();
	ck_assert(!is_open("web1"));
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_OK);
	ck_assert_str_eq(next(), "web1");
}
END_TEST

static enum base_err
count(void *arg, const struct ca_fact *f)
{
	(void)f;
	++*(int *)arg;
	return BASE_OK;
}

/* Its successor's facts count, whatever numbers were given and taken back. */
START_TEST(facts_of_a_name_given_again)
{
	struct ca_fact f = { .root = "plant", .node = "web1", .roll = 1 };
	int n = 0;

	store_fleet();
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ca_store_rollback(st);
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_OK);
	store_reopen();
	store_fleet();
	ck_assert_int_eq(ca_store_facts_of_node(st, "web1", "plant", count, &n),
	    BASE_OK);
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ck_assert_int_eq(ca_store_facts_of_node(st, "web1", "plant", count, &n),
	    BASE_OK);
	ck_assert_int_eq(n, 1);
}
END_TEST

static bool
known(const char *node)
{
	bool news;

	ck_assert_int_eq(ca_store_gone_known(st, node, &news), BASE_OK);
	return news;
}

static bool
confirm(const char *node)
{
	bool was;

	ck_assert_int_eq(ca_store_gone_confirm(st, node, &was), BASE_OK);
	return was;
}

static const char *
held(const char *after)
{
	static char name[CA_NAME];

	ck_assert_int_eq(ca_store_gone_held(st, after, name), BASE_OK);
	return name;
}

/* They stay gone, links as well, and kedge-hsmd is told of none. */
START_TEST(held_in_an_old_copy)
{
	const struct ca_link l = { "app1", "web1", "", "plant" };
	bool is;

	store_fleet();
	ck_assert_int_eq(ca_store_gone_put(st, &l, true), BASE_OK);
	ck_assert_int_eq(ca_store_gone_hold(st), BASE_OK);
	ck_assert_int_eq(ca_store_gone_has(st, &l, &is), BASE_OK);
	ck_assert(is);
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_OK);
	ck_assert_int_eq(ca_store_node_delete(st, "app1"), BASE_OK);
	ck_assert(!known("web1"));
	ck_assert(!confirm("web1"));
	ck_assert_int_eq(ca_store_gone_hold(st), BASE_OK);
	ck_assert_str_eq(next(), "");
	ck_assert_str_eq(held(""), "");
	ck_assert(is_open("web1") && is_open("app1"));
	/* kedge-hsmd knows one of them */
	ck_assert(known("web1"));
	ck_assert(!known("web1"));
	ck_assert_int_eq(ca_store_gone_unknown(st), BASE_OK);
	ck_assert(is_open("web1") && !is_open("app1"));
	ck_assert_str_eq(held(""), "web1");
	ck_assert_str_eq(held("web1"), "");
	ck_assert_str_eq(next(), "");
	ck_assert(!confirm("app1"));
	ck_assert(confirm("web1"));
	ck_assert_str_eq(held(""), "");
	ck_assert_str_eq(next(), "web1");
}
END_TEST

TCase *
case_store_sqlite_gone(void)
{
	TCase *t = tcase_create("store_sqlite_gone");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, until_forgotten);
	tcase_add_test(t, held_in_an_old_copy);
	tcase_add_test(t, facts_of_a_name_given_again);
	return t;
}
