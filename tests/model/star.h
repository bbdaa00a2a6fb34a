/*
 * star: one node with its peers, each holding anything at all. facts.c asks
 * the library about them, without a run that leads there.
 */
#pragma once

#include "tests/model/search.h"

#define STAR_PEERS 3

/* A node of a larger graph: what its other links, too, make of it. */
struct kind {
	bool dual;
	uint8_t traits; /* WORLD_VERIFIES|… */
};
#define KINDS 8
extern const struct kind kinds[KINDS];

/* What links the centre to a peer. */
struct bond {
	uint8_t out, in; /* enum link_kind: the centre, the peer is client */
	bool dual; /* the peer is */
};
#define BONDS 16
extern const struct bond bonds[BONDS];

/* The centre is node 0, its peers follow. Beyond them two nodes that are
 * excused, so that no rule asks about them, have the links that make each node
 * what it is: so it is as in a graph of which only the star is looked at. */
struct star {
	struct kind centre;
	struct kind peer[STAR_PEERS];
	struct bond bond[STAR_PEERS];
	uint32_t npeers;
	bool is_ring; /* the peers have links among themselves */
};
/* False: there is no such star, as a link makes more of an end. Freed by
 * search_free. */
bool star_build(struct search *s, const struct star *star);
/* That engine and world agree on what each link by itself makes of its ends;
 * in the stars they have other links as well. */
void star_roles(void);
/* The kind of peer that holds whatever a bond lets one see. */
struct kind star_peer(const struct bond *b);

/* Everything that a node may hold: each set of contents of each file. */
#define LOCALS_MAX 1600
struct locals {
	struct node_state at[LOCALS_MAX];
	size_t n;
};
enum locals_which {
	AT_REST, /* nothing outstanding */
	ASKABLE, /* the same, and with an order of the other goal */
	ALL
};
void locals_make(const struct topology *t, uint32_t node,
    enum locals_which which, uint8_t goal, struct locals *out);
/* Is it among ALL, excused or not? */
bool locals_have(const struct topology *t, uint32_t node,
    const struct node_state *n);
