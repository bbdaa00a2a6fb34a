/*
 * ca/silent: who is not heard of (ca/silent.c). Part of ca/kedged.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ca;
struct ca_roll;

/* From here on kedged can hear of nodes; nobody is silent yet. */
void ca_listen(struct ca *ca);
/* The same when the clock was set since the last look: how long ago something
 * was, nobody knows then. */
void ca_listen_clock(struct ca *ca);
/* How long it must still listen before silence says anything; 0: no more. */
int64_t ca_listen_left(const struct ca *ca);
/* Nothing was heard of the node, no report, no exchange, for conf.silent_ms, by
 * the monotonic clock, and kedged has listened for so long. */
bool ca_is_silent(const struct ca *ca, uint32_t node);
/* The answer to the order that the node has is out for longer than it can take:
 * one that it has not taken for conf.silent_ms, one that it has for longer than
 * it works on any. False when it has none. */
bool ca_is_unanswered(struct ca *ca, const struct ca_roll *w, uint32_t node);
