/*
 * ca/deliver: which parcel goes to which neighbour when. No I/O and no clock,
 * and nothing here is stored. Part of ca/kedged.h.
 */
#pragma once

#include "ca/store.h"
#include "ca/topo.h"
#include "wire/msg.h"

struct ca_deliver;

/* Asked for another route whenever an order went three times without a word
 * from the node; false: keep it. */
typedef bool
ca_detour_fn(void *arg, const char *node, uint32_t nth, struct ca_route *route);
struct ca_delivery {
	const char *node, *root;
	uint64_t epoch;
	struct base_time expires;
	struct base_span cms;
	const struct ca_route *route;
	const uint8_t *report; /* acks and answers of joins: digest of what is
				* acknowledged, or of the answer */
};
struct ca_deliver *ca_deliver_new(uint32_t resend_ms, uint32_t max_ms);
/* Starts at once. The same (node, root, epoch) again changes the route. */
void ca_deliver_order(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o);
/* Goes once, at once. The same report again changes the route; what nobody
 * takes for ten minutes is dropped, for the node will report again. */
void ca_deliver_ack(struct ca_deliver *d, struct base_mono now,
    const struct ca_delivery *o);
/* A relay at the end of by says that it has handed on the order whose CMS has
 * this digest. Nobody has signed that, and nothing rests on it. NOTFOUND: no
 * order that is out, or not on its way through there. */
enum base_err ca_deliver_handed(struct ca_deliver *d, struct base_time now,
    const struct ca_route *by, const uint8_t digest[32]) BASE_MUST;
/* The last such word on this order; false: none, on its present way. */
struct ca_handed {
	char by[CA_NAME], to[CA_NAME];
	struct base_time at;
};
bool ca_deliver_handed_last(const struct ca_deliver *d, const char *node,
    const char *root, uint64_t epoch, struct ca_handed *out);
/* The node has it: no hurry any more. */
void ca_deliver_received(struct ca_deliver *d, struct base_mono now,
    const char *node, const char *root, uint64_t epoch);
/* This epoch and all below it are settled. */
void ca_deliver_settled(struct ca_deliver *d, const char *node,
    const char *root, uint64_t epoch);
/* Parcels for this neighbour that are due now, at most max bytes of them:
 * *out is an owned array (wire_parcel_clear each, free). */
size_t ca_deliver_collect(struct ca_deliver *d, struct base_mono now,
    const char *neighbour, size_t max, struct wire_parcel **out);
/* Acknowledgements that wait for the node, whichever way they would go: they
 * are given with that. As above. */
size_t ca_deliver_acks(struct ca_deliver *d, struct base_mono now,
    const char *node, struct wire_parcel **out);
/* When the next parcel for this neighbour is due (NULL: for any); INT64_MAX
 * when there is none. */
struct base_mono
ca_deliver_due(const struct ca_deliver *d, const char *neighbour);
uint32_t ca_deliver_tries(const struct ca_deliver *d, const char *node,
    const char *root, uint64_t epoch);
void ca_deliver_set_detour(struct ca_deliver *d, ca_detour_fn *fn, void *arg);
void ca_deliver_free(struct ca_deliver *d);
