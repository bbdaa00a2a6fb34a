/* Roots, generations, nodes, keys, tokens and joins in the store. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(nodes_come_back_sorted)
{
	struct ca_node *list, one;
	size_t n;

	store_fleet();
	store_reopen();
	ck_assert_int_eq(ca_store_nodes(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(list[0].name, "app1");
	ck_assert_uint_eq(list[0].nvia, 2);
	ck_assert_str_eq(list[0].via[1], "web2");
	ck_assert(list[0].dual && list[0].shallow);
	ck_assert(!list[1].dual && !list[1].shallow);
	ck_assert_str_eq(list[0].names, "DNS:a.example IP:192.0.2.1");
	ck_assert_str_eq(list[1].address, "127.0.0.1:1");
	ck_assert_int_eq(list[1].joined.ms, 5);
	free(list);
	ck_assert_int_eq(ca_store_node_get(st, "nosuch", &one),
	    BASE_E_NOTFOUND);
}
END_TEST

static enum base_err
gen_put(const char *spki, const char *nwn)
{
	struct ca_gen g = { .root = "plant", .gen = 1 };
	enum base_err r;

	ck_assert_int_eq(base_buf_put(&g.spki, spki, strlen(spki)), BASE_OK);
	ck_assert_int_eq(base_buf_put(&g.nwn, nwn, strlen(nwn)), BASE_OK);
	r = ca_store_gen_put(st, &g);
	ca_gen_clear(&g);
	return r;
}

START_TEST(a_generation_is_written_once)
{
	struct ca_gen g;
	uint32_t last;

	store_fleet();
	ck_assert_int_eq(gen_put("key", ""), BASE_OK);
	ck_assert_int_eq(gen_put("key", "cert"), BASE_OK);
	ck_assert_int_eq(gen_put("key", "cert"), BASE_OK);
	ck_assert_int_eq(gen_put("other key", ""), BASE_E_EXISTS);
	ck_assert_int_eq(gen_put("key", "other cert"), BASE_E_EXISTS);
	store_reopen();
	ck_assert_int_eq(ca_store_gen_get(st, "plant", 1, &g), BASE_OK);
	ck_assert_uint_eq(g.nwn.n, 4);
	ck_assert_uint_eq(g.nwo.n, 0);
	ca_gen_clear(&g);
	ck_assert_int_eq(ca_store_gen_get(st, "plant", 2, &g), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_gen_last(st, "plant", &last), BASE_OK);
	ck_assert_uint_eq(last, 1);
}
END_TEST

START_TEST(a_token_burns_once)
{
	const uint8_t hash[32] = { 3 }, other[32] = { 4 };
	const struct ca_token mine = { .node = "app1",
		.end = { 77 },
		.root = { 5 } },
			      nobodys = { .node = "nosuch", .end = { 77 } };
	struct ca_token t;

	store_fleet();
	ck_assert_int_eq(ca_store_token_add(st, hash, &mine), BASE_OK);
	ck_assert_int_eq(ca_store_token_add(st, other, &nobodys),
	    BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_token_get(st, other, &t), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_token_get(st, hash, &t), BASE_OK);
	ck_assert_str_eq(t.node, "app1");
	ck_assert_int_eq(t.end.ms, 77);
	ck_assert_mem_eq(t.root, mine.root, sizeof(t.root));
	ck_assert(!t.burned);
	ck_assert_int_eq(ca_store_token_burn(st, hash), BASE_OK);
	ck_assert_int_eq(ca_store_token_burn(st, hash), BASE_E_STATE);
	ck_assert_int_eq(ca_store_token_get(st, hash, &t), BASE_OK);
	ck_assert(t.burned);
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
	struct ca_root r;
	struct ca_node n;

	store_fleet();
	store_sql("UPDATE root SET alg = 77; UPDATE node SET reach = 9");
	ck_assert_int_eq(ca_store_root_get(st, "plant", &r), BASE_E_INTEGRITY);
	ck_assert_int_eq(ca_store_node_get(st, "app1", &n), BASE_E_INTEGRITY);
}
END_TEST

TCase *
case_store_sqlite_fleet(void)
{
	TCase *t = tcase_create("store_sqlite_fleet");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, nodes_come_back_sorted);
	tcase_add_test(t, a_generation_is_written_once);
	tcase_add_test(t, a_token_burns_once);
	tcase_add_test(t, numbers_out_of_range_are_refused);
	return t;
}
