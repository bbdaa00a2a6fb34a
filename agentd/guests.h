/*
 * agentd/guests: whom the CA told this relay to expect: nodes that join
 * through it. Before that they have no certificate, so here are the bounds of
 * what somebody without one may do. No clock, no I/O. Used by porch.c.
 */
#pragma once

#include "agentd/config.h"
#include "base/base.h"
#include "wire/msg.h"

#define AG_GUESTS_MAX    64  /* nodes at a time */
#define AG_GUEST_CALLS   30  /* requests of each in a minute */

struct ag_guests;
struct ag_guests *ag_guests_new(const struct ag_config *conf);
void ag_guests_free(struct ag_guests *g);

/* An invitation that came down by p, if the CA signed it for this relay, it
 * has not ended, and is not older than one that is here. */
enum base_err ag_guests_invite(struct ag_guests *g,
    const struct wire_parcel *p, STACK_OF(X509) *trust, struct base_time now)
    BASE_MUST;
/* Somebody calls. NOTFOUND: nobody is expected under that name; DENIED: it
 * does not know the word; RANGE: too often. Otherwise, when c has a request,
 * *up is the parcel with it. */
enum base_err ag_guests_call(struct ag_guests *g,
    const struct wire_join_call *c, struct base_time now,
    struct wire_parcel *up) BASE_MUST;
/* For a guest that was let in; lives until the next invitation. */
struct base_span ag_guests_invitation(const struct ag_guests *g,
    const char *node);
/* An answer for whom nobody waits just now: kept for the next call. NOTFOUND
 * when nobody of that name is expected. */
enum base_err ag_guests_keep(struct ag_guests *g, const char *node,
    struct base_span answer, struct base_time now) BASE_MUST;
/* It was given its answer at once: its place goes to another when there is no
 * other. */
void ag_guests_answered(struct ag_guests *g, const char *node);
/* Moves it out, which is the same; false: there is none. */
bool ag_guests_answer(struct ag_guests *g, const char *node,
    struct base_buf *out);
