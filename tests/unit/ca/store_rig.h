/*
 * store_rig: one open store in a directory of its own, for the tests of
 * ca/store_sqlite*.c.
 */
#pragma once

#include "ca/store.h"

extern char store_path[96];
extern struct ca_store *st;

void store_setup(void);
void store_teardown(void);
/* Closed and opened again. */
void store_reopen(void);
/* Behind the store's back. */
void store_sql(const char *text);
struct base_span store_span(const char *s);
/* Root plant, node app1 behind web1 and web2, node web1. */
void store_fleet(void);
