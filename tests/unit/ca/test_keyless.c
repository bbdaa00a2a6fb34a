/* Who must join again for a new link. */
#include <check.h>
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static struct ca ca;

static void
setup(void)
{
	store_setup();
	store_fleet(); /* web1 has joined, app1 has not */
	ca.store = st;
	ck_assert_int_eq(ca_store_key_put(st, "web1", "plant",
			     store_span("key")),
	    BASE_OK);
}

static size_t
notes(const char *client, const char *server, const char *client_root,
    const char *server_root, const char *word)
{
	json_t *list = json_array();
	struct ca_link l;
	size_t n;

	memset(&l, 0, sizeof(l));
	strcpy(l.client, client);
	strcpy(l.server, server);
	strcpy(l.client_root, client_root);
	strcpy(l.server_root, server_root);
	ck_assert_int_eq(ca_link_keyless(&ca, &l, list), BASE_OK);
	n = json_array_size(list);
	for (size_t i = 0; i < n; i++)
		ck_assert_ptr_nonnull(
		    strstr(json_string_value(json_array_get(list, i)), word));
	json_decref(list);
	return n;
}

START_TEST(joined_without_a_key)
{
	/* it has the key, or comes with all it needs */
	ck_assert_uint_eq(notes("app1", "web1", "plant", "plant", ""), 0);
	ck_assert_uint_eq(notes("app1", "nosuch", "", "plant", ""), 0);
	ck_assert_uint_eq(notes("app1", "web1", "", "lab", "root lab"), 1);
	/* each root of the link, once */
	ck_assert_uint_eq(notes("web1", "app1", "lab", "lab", "root lab"), 1);
	ck_assert_uint_eq(notes("web1", "app1", "lab", "plant", "root lab"), 1);
	ck_assert_uint_eq(notes("web1", "app1", "a", "b", "web1"), 2);
}
END_TEST

TCase *
case_keyless(void)
{
	TCase *t = tcase_create("keyless");

	tcase_add_checked_fixture(t, setup, store_teardown);
	tcase_add_test(t, joined_without_a_key);
	return t;
}
