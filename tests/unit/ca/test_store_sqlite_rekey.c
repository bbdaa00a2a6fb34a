/* Nodes that are to have another key, and whose key is whose. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static bool
asked(const char *node, const char *root, const char *want)
{
	struct base_buf spki;
	bool is;

	base_buf_init(&spki, 0);
	ck_assert_int_eq(ca_store_rekey_get(st, node, root, &is, &spki),
	    BASE_OK);
	ck_assert_uint_eq(spki.n, strlen(want));
	if (spki.n > 0)
		ck_assert_mem_eq(spki.p, want, spki.n);
	base_buf_free(&spki);
	return is;
}

START_TEST(asked_proven_dropped)
{
	store_fleet();
	ck_assert(!asked("app1", "plant", ""));
	ck_assert_int_eq(ca_store_rekey_put(st, "app1", "plant",
			     store_span("")),
	    BASE_OK);
	ck_assert(asked("app1", "plant", ""));
	ck_assert(!asked("app1", "management", ""));
	ck_assert(!asked("web1", "plant", ""));
	ck_assert_int_eq(ca_store_rekey_put(st, "app1", "plant",
			     store_span("new key")),
	    BASE_OK);
	store_reopen();
	ck_assert(asked("app1", "plant", "new key"));
	ck_assert_int_eq(ca_store_rekey_drop(st, "app1", "plant"), BASE_OK);
	ck_assert(!asked("app1", "plant", ""));
	/* of nobody that there is */
	ck_assert_int_ne(ca_store_rekey_put(st, "nosuch", "plant",
			     store_span("")),
	    BASE_OK);
}
END_TEST

static void
next_is(const char *node, const char *root)
{
	char n[CA_NAME] = "", r[CA_NAME] = "";

	ck_assert_int_eq(ca_store_unshown_next(st, n, r), BASE_OK);
	ck_assert_str_eq(n, node);
	ck_assert_str_eq(r, root);
}

START_TEST(to_be_shown)
{
	store_fleet();
	next_is("", "");
	ck_assert_int_eq(ca_store_unshown_put(st, "web1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_store_unshown_put(st, "app1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_store_unshown_put(st, "app1", "plant"), BASE_OK);
	store_reopen();
	next_is("app1", "plant");
	ck_assert_int_eq(ca_store_unshown_done(st, "app1", "management"),
	    BASE_OK);
	next_is("app1", "plant");
	ck_assert_int_eq(ca_store_unshown_done(st, "app1", "plant"), BASE_OK);
	next_is("web1", "plant");
	ck_assert_int_ne(ca_store_unshown_put(st, "nosuch", "plant"), BASE_OK);
}
END_TEST

/* One behind the other, whatever became of those before. */
START_TEST(shown_in_turn)
{
	char n[CA_NAME] = "", r[CA_NAME] = "", why[CA_REASON_MAX];

	store_fleet();
	ck_assert_int_eq(ca_store_unshown_put(st, "web1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_store_unshown_put(st, "app1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_store_unshown_put(st, "app1", "management"),
	    BASE_OK);
	for (size_t i = 0; i < 3; i++) {
		static const char *const node[] = { "app1", "app1", "web1" };

		ck_assert_int_eq(ca_store_unshown_next(st, n, r), BASE_OK);
		ck_assert_str_eq(n, node[i]);
		ck_assert_str_eq(r, i == 0 ? "management" : "plant");
	}
	ck_assert_int_eq(ca_store_unshown_next(st, n, r), BASE_OK);
	ck_assert_str_eq(n, "");
	ck_assert_int_eq(ca_store_unshown_refused(st, "app1", "plant", "no"),
	    BASE_OK);
	store_reopen();
	ck_assert_int_eq(ca_store_unshown_why(st, "app1", "plant", why),
	    BASE_OK);
	ck_assert_str_eq(why, "no");
	ck_assert_int_eq(ca_store_unshown_why(st, "app1", "management", why),
	    BASE_OK);
	ck_assert_str_eq(why, "");
	/* a newer report has a new chance */
	ck_assert_int_eq(ca_store_unshown_put(st, "app1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_store_unshown_why(st, "app1", "plant", why),
	    BASE_OK);
	ck_assert_str_eq(why, "");
	ck_assert_int_eq(ca_store_unshown_why(st, "web9", "plant", why),
	    BASE_OK);
	ck_assert_str_eq(why, "");
}
END_TEST

START_TEST(whose_key)
{
	char name[CA_NAME];

	store_fleet();
	ck_assert_int_eq(ca_store_key_put(st, "app1", "plant",
			     store_span("one")),
	    BASE_OK);
	ck_assert_int_eq(ca_store_key_put(st, "web1", "plant",
			     store_span("two")),
	    BASE_OK);
	ck_assert_int_eq(ca_store_key_owner(st, store_span("two"), name),
	    BASE_OK);
	ck_assert_str_eq(name, "web1");
	ck_assert_int_eq(ca_store_key_owner(st, store_span("tw"), name),
	    BASE_OK);
	ck_assert_str_eq(name, "");
	/* a key that was replaced is nobody's any more */
	ck_assert_int_eq(ca_store_key_put(st, "web1", "plant",
			     store_span("three")),
	    BASE_OK);
	ck_assert_int_eq(ca_store_key_owner(st, store_span("two"), name),
	    BASE_OK);
	ck_assert_str_eq(name, "");
}
END_TEST

TCase *
case_store_sqlite_rekey(void)
{
	TCase *t = tcase_create("store_sqlite_rekey");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, asked_proven_dropped);
	tcase_add_test(t, to_be_shown);
	tcase_add_test(t, shown_in_turn);
	tcase_add_test(t, whose_key);
	return t;
}
