/* Keys in the store: made once, swapped once, the old one erased. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir;
static struct ag_store *store;

static void
setup(void)
{
	dir = rig_dir();
	OK(ag_store_open(dir, &store));
}

static void
teardown(void)
{
	ag_store_close(store);
	rig_dir_remove(dir);
}

static EVP_PKEY *
key(void)
{
	EVP_PKEY *k = NULL;

	OK(ag_store_key(store, "plant", WIRE_P256, &k));
	return k;
}

static bool
is_there(const char *name, mode_t mode)
{
	char *path = base_asprintf("%s/plant/%s", dir, name);
	struct stat st;
	bool is = stat(path, &st) == 0;

	if (is)
		ck_assert_uint_eq(st.st_mode & 0777, mode);
	free(path);
	return is;
}

START_TEST(made_once)
{
	EVP_PKEY *a = key(), *b = key();

	ck_assert_int_eq(EVP_PKEY_eq(a, b), 1);
	ck_assert(is_there("key.pem", 0600));
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
}
END_TEST

/* A key that cannot be read is no reason for another. */
START_TEST(damaged_is_not_replaced)
{
	EVP_PKEY *a = key(), *b = NULL;

	rig_damage(dir, "key.pem");
	ck_assert_int_ne(ag_store_key(store, "plant", WIRE_P256, &b), BASE_OK);
	ck_assert_ptr_null(b);
	EVP_PKEY_free(a);
}
END_TEST

START_TEST(swapped)
{
	EVP_PKEY *old = key(), *next = NULL, *now;

	NO(ag_store_next_key(store, "plant", false, WIRE_P256, &next),
	    BASE_E_NOTFOUND);
	OK(ag_store_next_key(store, "plant", true, WIRE_P256, &next));
	ck_assert_int_ne(EVP_PKEY_eq(old, next), 1);
	ck_assert(is_there("next.pem", 0600));
	OK(ag_store_key_swap(store, "plant"));
	now = key();
	ck_assert_int_eq(EVP_PKEY_eq(now, next), 1);
	ck_assert(!is_there("next.pem", 0600));
	/* nothing to take its place again */
	NO(ag_store_key_swap(store, "plant"), BASE_E_NOTFOUND);
	EVP_PKEY_free(old);
	EVP_PKEY_free(next);
	EVP_PKEY_free(now);
}
END_TEST

/* The old key's bytes are gone from where they were. */
START_TEST(erased)
{
	char *path = base_asprintf("%s/plant/key.pem", dir);
	char *other = base_asprintf("%s/other-name", dir);
	EVP_PKEY *old = key(), *next = NULL;
	struct base_buf b;

	/* a second name keeps the file in sight after its removal */
	ck_assert_int_eq(link(path, other), 0);
	OK(ag_store_next_key(store, "plant", true, WIRE_P256, &next));
	OK(ag_store_key_swap(store, "plant"));
	base_buf_init(&b, 0);
	OK(base_file_read(other, 65536, &b));
	ck_assert_uint_gt(b.n, 100);
	for (size_t i = 0; i < b.n; i++)
		ck_assert_uint_eq(b.p[i], 0);
	base_buf_free(&b);
	EVP_PKEY_free(old);
	EVP_PKEY_free(next);
	free(other);
	free(path);
}
END_TEST

/* Died between the two: the next key is in use, and still lies there. */
START_TEST(died_in_the_middle)
{
	char *from = base_asprintf("%s/plant/next.pem", dir);
	char *to = base_asprintf("%s/plant/key.pem", dir);
	EVP_PKEY *next = NULL, *none = NULL;
	struct base_buf b;

	EVP_PKEY_free(key());
	OK(ag_store_next_key(store, "plant", true, WIRE_P256, &next));
	base_buf_init(&b, 0);
	OK(base_file_read(from, 65536, &b));
	OK(base_file_write(to, base_buf_span(&b), 0600));
	NO(ag_store_next_key(store, "plant", false, WIRE_P256, &none),
	    BASE_E_NOTFOUND);
	ck_assert(!is_there("next.pem", 0600));
	base_buf_free(&b);
	EVP_PKEY_free(next);
	free(from);
	free(to);
}
END_TEST

TCase *
case_store_key(void)
{
	TCase *t = tcase_create("store_key");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, made_once);
	tcase_add_test(t, damaged_is_not_replaced);
	tcase_add_test(t, swapped);
	tcase_add_test(t, erased);
	tcase_add_test(t, died_in_the_middle);
	return t;
}
