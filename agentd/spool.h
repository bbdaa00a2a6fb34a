/*
 * agentd/spool: the mailboxes of a relay on disk, one file per parcel, so
 * that what a sleeping node or a CA that is away has handed over survives a
 * restart. How much it may hold is the relay's business.
 */
#pragma once

#include "base/base.h"
#include "wire/msg.h"

struct ag_spool;

/* Makes the directory (0700). */
enum base_err ag_spool_open(const char *dir, struct ag_spool **out) BASE_MUST;
void ag_spool_close(struct ag_spool *s);

/* Durable when it returns OK; nothing is done for one that is there. */
enum base_err ag_spool_put(const struct ag_spool *s,
    const struct wire_parcel *p) BASE_MUST;
/* No longer needed. Not durable: after a crash it may be there once more. */
void ag_spool_drop(const struct ag_spool *s, const struct wire_parcel *p);
/* Each parcel, in no order; fn may empty it. What is damaged is removed and
 * logged. */
enum base_err ag_spool_load(const struct ag_spool *s,
    void (*fn)(void *arg, struct wire_parcel *p), void *arg) BASE_MUST;
