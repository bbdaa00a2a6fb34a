/* The store of store_rig.h. */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/store_rig.h"

static char store_dir[64];
char store_path[96];
struct ca_store *st;

void
store_setup(void)
{
	/* no disk where it can be: syncing takes most of the time */
	snprintf(store_dir, sizeof(store_dir), "%s/kedge-store.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(store_dir));
	snprintf(store_path, sizeof(store_path), "%s/db", store_dir);
	ck_assert_int_eq(ca_store_open(store_path, &st), BASE_OK);
}

void
store_teardown(void)
{
	char cmd[128];

	ca_store_close(st);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", store_dir);
	ck_assert_int_eq(system(cmd), 0);
}

void
store_reopen(void)
{
	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(ca_store_open(store_path, &st), BASE_OK);
}

void
store_sql(const char *text)
{
	sqlite3 *db;

	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(sqlite3_open(store_path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(ca_store_open(store_path, &st), BASE_OK);
}

struct base_span
store_span(const char *s)
{
	return (struct base_span){ (const uint8_t *)s, strlen(s) };
}

void
store_fleet(void)
{
	struct ca_root r = { "plant", WIRE_P384, 100, 1, 90, POL_MERGED };
	struct ca_node a = { .name = "app1",
		.reach = CA_POLL,
		.nvia = 2,
		.via = { "web1", "web2" },
		.dual = true,
		.shallow = true,
		.names = "DNS:a.example IP:192.0.2.1" };
	struct ca_node b = { .name = "web1",
		.reach = CA_DIRECT,
		.address = "127.0.0.1:1",
		.joined = { 5 } };

	ck_assert_int_eq(ca_store_root_put(st, &r), BASE_OK);
	ck_assert_int_eq(ca_store_node_put(st, &b), BASE_OK);
	ck_assert_int_eq(ca_store_node_put(st, &a), BASE_OK);
}
