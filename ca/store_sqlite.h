/*
 * ca/store_sqlite: what the store_sqlite*.c files share; nobody else includes
 * it.
 */
#pragma once

#include <sqlite3.h>

#include "ca/store.h"

#define CA_SQ_CACHE 128

struct ca_store {
	sqlite3 *db;
	/* prepared statements by the address of their SQL literal */
	struct {
		const char *sql;
		sqlite3_stmt *stmt;
	} cache[CA_SQ_CACHE];
	size_t ncache;
	int64_t last_fact; /* highest number that was given to one */
	uint64_t reports;  /* added by this connection */
};

/* Binds by format: s string, e string with "" as NULL, i int64_t, b struct
 * base_span (NULL when empty). Arguments are borrowed until ca_sq_close. */
enum base_err ca_sq_open(struct ca_store *st, const char *sql,
    sqlite3_stmt **out, const char *fmt, ...) BASE_MUST;
/* *row is false after the last one. */
enum base_err
ca_sq_next(struct ca_store *st, sqlite3_stmt *s, bool *row) BASE_MUST;
void ca_sq_close(sqlite3_stmt *s); /* NULL is fine */
/* Open, run to the end, close. *changes may be NULL. */
enum base_err ca_sq_run(struct ca_store *st, int *changes, const char *sql,
    const char *fmt, ...) BASE_MUST;

/* All rows of sql into one allocation of the caller's, elements of size. */
typedef enum base_err ca_sq_read_fn(sqlite3_stmt *s, void *row);
enum base_err ca_sq_list(struct ca_store *st, const char *sql, size_t size,
    ca_sq_read_fn *read, void **out, size_t *n) BASE_MUST;

/* Columns; text longer than its place is INTEGRITY, so are numbers that do
 * not fit. */
enum base_err
ca_sq_text(sqlite3_stmt *s, int col, char *out, size_t max) BASE_MUST;
enum base_err ca_sq_u32(sqlite3_stmt *s, int col, uint32_t *out) BASE_MUST;
enum base_err
ca_sq_blob(sqlite3_stmt *s, int col, struct base_buf *out) BASE_MUST;
enum base_err
ca_sq_fixed(sqlite3_stmt *s, int col, uint8_t *out, size_t n) BASE_MUST;
struct base_span ca_sq_span(sqlite3_stmt *s, int col);
struct base_time ca_sq_time(sqlite3_stmt *s, int col);

/* Brings the tables up to the newest version. */
enum base_err ca_sq_schema(struct ca_store *st) BASE_MUST;
/* Are they of that version? INTEGRITY. */
enum base_err ca_sq_schema_check(struct ca_store *st) BASE_MUST;
