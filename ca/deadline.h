/*
 * ca/deadline: who is not heard of (ca/silent.c), and who is given up for that
 * (ca/deadline.c). Part of ca/kedged.h, for all of kedged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ca/store.h"

struct ca;
struct ca_roll;

/* From here on kedged can hear of nodes; nobody is silent yet. */
void ca_listen(struct ca *ca);
/* The same when the clock was set since the last look: how long ago something
 * was, nobody knows then. */
void ca_listen_clock(struct ca *ca);
/* Since when, by today's clock; now while nothing can be heard yet. */
struct base_time ca_listen_since(struct ca *ca);
/* How long it must still listen before silence says anything; 0: no more. */
int64_t ca_listen_left(const struct ca *ca);
/* Nothing was heard of the node, no report, no exchange, for conf.silent_ms, by
 * the monotonic clock, and kedged has listened for so long. */
bool ca_is_silent(const struct ca *ca, uint32_t node);
/* The answer to the order that the node has is out for longer than it can take:
 * one that it has not taken for conf.silent_ms, one that it has for longer than
 * it works on any. False when it has none. */
bool ca_is_unanswered(struct ca *ca, const struct ca_roll *w, uint32_t node);

/* ca/deadline.c: a roll of a stolen key has a time (row.deadline) from which on
 * the nodes that were listed for it (row.cut) and are in the way are excused,
 * where there are approvers when each of their directions is approved. */
struct base_mono ca_deadline_work(struct ca *ca);
/* In the transaction of a recovery: the copy's word on whom to cut is as old as
 * the copy, and what was said since is in no order, nor was kedge-hsmd told; so
 * there is no deadline until it is said again, and that is remembered. */
enum base_err ca_deadline_void(struct ca *ca,
    const struct ca_roll_row *old) BASE_MUST;
/* Deadline and list of want, and its kicks, as far as it says them, for the roll
 * that runs, which is one of a stolen key. STATE. */
enum base_err ca_deadline_set(struct ca *ca, const struct ca_roll_row *want,
    const char *who) BASE_MUST;
/* "; from 2026-… on app4 may be cut"; "" when there is no deadline. */
#define CA_DEADLINE_TEXT (CA_FIRST_MAX + 64)
void ca_deadline_text(const struct ca_roll_row *row,
    char out[CA_DEADLINE_TEXT]);
