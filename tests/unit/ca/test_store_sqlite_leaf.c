/* Which certificates nodes present, and when each is to be renewed. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static void
put(const char *node, const char *root, int64_t due)
{
	struct ca_leaf l = { .gen = 2,
		.epoch = 7,
		.not_before = { 10 },
		.not_after = { 90 },
		.due = { due } };

	strcpy(l.node, node);
	strcpy(l.root, root);
	ck_assert_int_eq(ca_store_leaf_put(st, &l), BASE_OK);
}

static enum base_err
add_name(void *arg, const struct ca_leaf *l)
{
	strcat(strcat(strcat(arg, l->node), "/"), l->root);
	strcat(arg, " ");
	return strcmp(l->root, "stop") == 0 ? BASE_E_STATE : BASE_OK;
}

static const char *
due(int64_t by)
{
	static char text[256];

	text[0] = '\0';
	ck_assert_int_eq(ca_store_leaves_due(st, (struct base_time){ by },
			     add_name, text),
	    BASE_OK);
	return text;
}

START_TEST(one_of_each_root)
{
	struct ca_leaf l;

	store_fleet();
	ck_assert_int_eq(ca_store_leaf_get(st, "app1", "plant", &l),
	    BASE_E_NOTFOUND);
	put("app1", "plant", 60);
	put("app1", "plant", 70);
	store_reopen();
	ck_assert_int_eq(ca_store_leaf_get(st, "app1", "plant", &l), BASE_OK);
	ck_assert_str_eq(l.node, "app1");
	ck_assert_str_eq(l.root, "plant");
	ck_assert_uint_eq(l.gen, 2);
	ck_assert_uint_eq(l.epoch, 7);
	ck_assert_int_eq(l.not_before.ms, 10);
	ck_assert_int_eq(l.not_after.ms, 90);
	ck_assert_int_eq(l.due.ms, 70);
	ck_assert_int_eq(ca_store_leaf_get(st, "app1", "lab", &l),
	    BASE_E_NOTFOUND);
}
END_TEST

START_TEST(due_in_their_order)
{
	struct base_time next;
	char text[256] = "";

	store_fleet();
	put("web1", "plant", 50);
	put("app1", "plant", 60);
	put("app1", "lab", 60);
	ck_assert_str_eq(due(49), "");
	ck_assert_str_eq(due(50), "web1/plant ");
	ck_assert_str_eq(due(60), "web1/plant app1/lab app1/plant ");
	/* who is to have another key is due at once, and only once */
	ck_assert_int_eq(ca_store_rekey_put(st, "app1", "plant",
			     (struct base_span){ NULL, 0 }),
	    BASE_OK);
	ck_assert_str_eq(due(49), "app1/plant ");
	ck_assert_str_eq(due(60), "web1/plant app1/lab app1/plant ");
	ck_assert_int_eq(ca_store_leaf_next(st, (struct base_time){ 50 },
			     &next),
	    BASE_OK);
	ck_assert_int_eq(next.ms, 60);
	ck_assert_int_eq(ca_store_leaf_next(st, (struct base_time){ 60 },
			     &next),
	    BASE_OK);
	ck_assert_int_eq(next.ms, 0);
	/* an error of the caller's ends it */
	put("app1", "stop", 10);
	ck_assert_int_eq(ca_store_leaves_due(st, (struct base_time){ 60 },
			     add_name, text),
	    BASE_E_STATE);
	ck_assert_str_eq(text, "app1/stop ");
}
END_TEST

TCase *
case_store_sqlite_leaf(void)
{
	TCase *t = tcase_create("store_sqlite_leaf");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, one_of_each_root);
	tcase_add_test(t, due_in_their_order);
	return t;
}
