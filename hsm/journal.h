/*
 * hsm/journal: the one file of kedge-hsmd's state and its audit record at the
 * same time: append-only, hash-chained, synced before anything is done that a
 * record speaks of. What kedge-hsmd knows is the fold over its records
 * (state.c): at start over the file, later over each record once it is
 * durable, by the same function.
 *
 * Record: u32 length of body; body = u64 number (from 1), u64 ms since 1970,
 * u8 kind, fields; then SHA-256(hash of the record before || body).
 */
#pragma once

#include "base/base.h"

#define HSM_HASH       32
#define HSM_RECORD_MAX ((size_t)1 << 20)

enum hsm_record {
	HSM_R_START = 1, /* u32 format of all records, str fleet */
	HSM_R_INTENT, /* a key is about to be made */
	HSM_R_MADE, /* it was made */
	HSM_R_SWEPT, /* it was not; its remains are gone */
	HSM_R_TOKEN, /* join token given out */
	HSM_R_BIND, /* keys of a node */
	HSM_R_FORGET, /* node left */
	HSM_R_CERT, /* certificate about to be signed */
	HSM_R_ROOT, /* the same for a NewWithNew */
	HSM_R_ORDER_CERT, /* the same for an order signer */
	HSM_R_ORDER, /* order about to be signed */
	HSM_R_REFUSED, /* request or item refused */
	HSM_R_FAILED, /* token failed: what was recorded last was not done */
	HSM_R_NODE, /* whether a node is dual, and shallow, as told */
	HSM_R_LINK, /* a link was told, or is gone */
	HSM_R_HOLDS, /* what a node holds, by its signed report */
	HSM_R_EXCUSE, /* a node is excused under a root, or no more */
	HSM_R_DOUBT, /* what it may hold as well */
	HSM_R_RECEIVED, /* a node has its order, by its signed report */
	HSM_R_PRESUMED, /* the order recorded next rests on receptions */
	HSM_R_SIGNED, /* certificate of a root, as it was signed */
	HSM_R_MARK, /* a request for orders: which one of kedged's store */
	HSM_R_REKEY, /* another key of a node, by its signed report */
	HSM_R_APPROVED, /* an approver lets directions be cut */
	HSM_R_STOLEN, /* an order leaves a generation as compromised */
	HSM_R_WITHDRAWN, /* an approver lets them be cut no more */
};

struct hsm_journal;

/* fields is positioned at the record's fields. An error stops the opening. */
typedef enum base_err hsm_journal_fn(void *arg, enum hsm_record kind,
    struct base_time at, struct base_buf *fields);

/* Creates the file when it is missing. A last record that was cut short by a
 * crash is removed (nothing was answered on it yet); anything else that does
 * not fit the chain is INTEGRITY. */
enum base_err hsm_journal_open(const char *path, hsm_journal_fn *apply,
    void *arg, struct hsm_journal **out) BASE_MUST;
/* In memory until _sync. */
void hsm_journal_add(struct hsm_journal *j, enum hsm_record kind,
    struct base_time at, struct base_span fields);
/* Writes, syncs, then applies what was added. IO: nothing of it counts. */
enum base_err hsm_journal_sync(struct hsm_journal *j) BASE_MUST;
/* Of the last durable record. */
void hsm_journal_head(const struct hsm_journal *j, uint8_t head[HSM_HASH],
    uint64_t *count);
void hsm_journal_close(struct hsm_journal *j); /* NULL is allowed */
