/*
 * ca/parcels: the parcels of one node as a file, for a node without a network
 * or one whose relays are all dead. The file is an exchange as on the wire
 * (docs/protocol.md), with the same signed messages in it; nothing about it is
 * believed that would not be believed of a neighbour's.
 */
#pragma once

#include "ca/kedged.h"

/* What was put into a file. */
struct ca_parcels_out {
	size_t orders, acks;
	size_t awaited; /* orders in an earlier file, which the node would not
			 * take any more: their answer may be on its way */
	struct base_time until; /* the node takes the first order until then */
};
struct ca_parcels_for {
	const char *node;
	const char *who; /* for the audit */
	bool again; /* an answer that may be on its way is given up */
};
/* Open orders of the node and acknowledgements that wait for it, appended to
 * file. AGAIN: some order's canaries would be dead before a carrier is there,
 * and it is made again; ask once more. STATE: there is nothing for the node, or
 * nothing but such orders that were in an earlier file: their answer may be on
 * its way, and counts unless they are made again. */
enum base_err ca_parcels_export(struct ca *ca, const struct ca_parcels_for *to,
    struct base_buf *file, struct ca_parcels_out *out) BASE_MUST;

/* What a file has brought. */
struct ca_parcels_in {
	char node[CA_NAME]; /* who wrote it */
	size_t reports, known; /* new ones; others that were there already */
	bool stock; /* what the node holds is news */
	size_t refused;
	char why[512]; /* of the first that was refused; "" */
};
/* A file that is damaged, for somebody else or too old is refused as a whole.
 * EXISTS: nothing in it is news; its reports are acknowledged once more. who:
 * for the audit. */
enum base_err ca_parcels_import(struct ca *ca, struct base_span file,
    const char *who, struct ca_parcels_in *out) BASE_MUST;
