/*
 * agentd/relay: parcels for neighbours, in bounded mailboxes. No clock, and no
 * I/O but the spool's, from which a restart takes up what was not handed on.
 * Whoever sends a parcel sends it again until it is answered, so nothing
 * rests on a relay alone.
 */
#pragma once

#include "agentd/config.h"
#include "agentd/spool.h"
#include "base/base.h"
#include "wire/msg.h"

#define AG_BOX_MAX       256             /* parcels in one mailbox, */
#define AG_SHARE_MAX     128             /* of one sender in it */
#define AG_BOXES_MAX     4096            /* mailboxes */
#define AG_BOX_BYTES_MAX ((size_t)32 << 20)  /* in all mailboxes, */
#define AG_SENDER_MAX    1024            /* of one sender: parcels */
#define AG_SENDER_BYTES  ((size_t)8 << 20)   /* and bytes */
#define AG_KEEP_S        (31 * 86400)    /* whatever a parcel says */
#define AG_HINT_S        300             /* a hint is worth something */
#define AG_HINTS_MAX     (AG_SHARE_MAX / 2)  /* of one sender; older ones go */
#define AG_TAKE_BYTES    ((size_t)2 << 20)   /* in one exchange */

struct ag_relay;
/* Borrowed: conf says whom this node can reach; spool keeps the parcels of
 * others, NULL: only in memory. */
struct ag_relay *ag_relay_new(const struct ag_config *conf,
    const struct ag_spool *spool);
void ag_relay_free(struct ag_relay *r);
/* What the spool holds, before anything else. */
enum base_err ag_relay_load(struct ag_relay *r, struct base_time now) BASE_MUST;

/* A parcel that came from a neighbour ("ca" is one), or from this node itself.
 * local: it is for this node and stays with the caller. Otherwise it has moved
 * into the mailbox of next and *p is empty; the same parcel again is swallowed.
 * REFUSED or EXPIRED: not on its way through here; RANGE: no room for it, or
 * its sender has had his share. */
enum base_err ag_relay_put(struct ag_relay *r, const char *from,
    struct wire_parcel *p, struct base_time now, bool *local,
    char next[BASE_NAME_MAX + 1]) BASE_MUST;
bool ag_relay_has(const struct ag_relay *r, const char *peer);
/* Moves what fits into one exchange into x; expired parcels are dropped. */
void ag_relay_take(struct ag_relay *r, const char *peer, struct base_time now,
    struct wire_exchange *x);
/* The parcels of x were handed over. */
void ag_relay_done(struct ag_relay *r, const struct wire_exchange *x);
/* p was handed over: is it an order for somebody behind this relay? Then hint
 * becomes the word on it for the CA; clear it. */
bool ag_relay_handed(const struct ag_relay *r, const struct wire_parcel *p,
    struct base_time now, struct wire_parcel *hint);
/* The exchange failed: its parcels go back to the front of the mailbox. */
void ag_relay_back(struct ag_relay *r, const char *peer,
    struct wire_exchange *x);
