/*
 * ca/invite: joins by way of a relay, and their parcels (ca/deliver.c). Part of
 * ca/kedged.h, for core.c and net.c.
 */
#pragma once

#include "base/base.h"
#include "ca/topo.h"

struct ca;
struct ca_deliver;
struct ca_delivery;

/* Invitations for the relays of the nodes whose tokens are open, when they
 * may be others now (invites_kept is false). */
struct base_mono ca_invites_work(struct ca *ca);
/* A sealed request that a relay let in; by is its way. CRYPTO and the like: it
 * is not answered. */
enum base_err ca_join_in(struct ca *ca, struct base_span sealed,
    const struct ca_route *by) BASE_MUST;
void ca_invites_free(struct ca *ca);

/* The HTTP status of a join's error. */
#define CA_JOIN_AGAIN 503
int ca_join_status(enum base_err e);

/* The answer of a join, as an acknowledgement goes. */
void ca_deliver_join(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o);
/* An invitation for relay o->root to let o->node in: again and again, for
 * life_ms. o->report: digest of what it says. */
void ca_deliver_invite(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o, int64_t life_ms);
/* Is one with this digest out? It goes on as it does, by this route. */
bool ca_deliver_invited(struct ca_deliver *d, const uint8_t what[32],
    const struct ca_route *route);
/* Those neither given nor found between the two are over. */
void ca_deliver_invites_begin(struct ca_deliver *d);
void ca_deliver_invites_end(struct ca_deliver *d);
