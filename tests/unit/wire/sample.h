/*
 * One good message of every kind, and "parse, then compose again" for each:
 * what the tests of wire/, the samples in tests/data/msg and the fuzz
 * targets share.
 */
#pragma once

#include "tests/unit/wire/fleet.h"
#include "wire/hsm.h"
#include "wire/msg.h"

struct sample {
	const char *name;
	void (*make)(struct base_buf *out);
	/* Parses; when that is good, composes into out. */
	enum base_err (*again)(struct base_span in, struct base_buf *out);
};
extern const struct sample samples[];
extern const size_t nsamples;
const struct sample *sample_find(const char *name);

/* The structures behind them; borrowed names, owned certificates. */
struct wire_order sample_order(void);
struct wire_report sample_report(void);
struct wire_stock sample_stock(void);
struct wire_join_request sample_join_request(void);
struct wire_join_answer sample_join_answer(void);
struct wire_invite sample_invite(void);
struct wire_join_call sample_join_call(void);
/* The receiver of RFC 9180, A.3.1; the caller frees it. */
EVP_PKEY *sample_seal_key(void);
struct wire_parcel sample_parcel(void);
struct wire_exchange sample_exchange(void);
struct wire_hsm_request sample_hsm_request(enum wire_hsm_type type);
struct wire_hsm_answer sample_hsm_answer(enum wire_hsm_type type);

struct base_buf sample_bytes(const void *p, size_t n);
#define STR(s) ((struct base_span){ (const uint8_t *)(s), strlen(s) })
/* Fails the running test with base_why() unless e is OK. */
#define OK(e) ck_assert_msg((e) == BASE_OK, "%s", base_why())
