/*
 * world: the explorer's own idea of nodes, files and handshakes. It shares
 * nothing with policy/ but the words, so that a fault there is not repeated
 * here. Two generations are enough: 1 and 2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NODES_MAX 8

#define STEP_TRUST  1u
#define STEP_CERT   2u
#define STEP_FINISH 4u

enum link_kind {
	LINK_NONE,
	LINK_MUTUAL,
	LINK_SERVER_ONLY
};

/* kind[c][s]: what c, as client, and s, as server, do. */
struct topology {
	uint32_t n;
	uint8_t kind[NODES_MAX][NODES_MAX];
	bool dual[NODES_MAX];
	bool foreign[NODES_MAX]; /* serves under another root */
	bool shallow[NODES_MAX]; /* verifies no chain with an intermediate */
	bool last[NODES_MAX]; /* forgets after all its peers have */
	/* by world_look: WORLD_VERIFIES|…; WORLD_AS_SERVER|… from presenter to
	 * verifier */
	uint8_t traits[NODES_MAX];
	uint8_t shows[NODES_MAX][NODES_MAX];
};

/* Possible contents of a node's files, as sets: bit per value. Trust lists:
 * 0 {1}, 1 {2}, 2 {1,2}, 3 {}. Chains: 0 leaf 1, 1 leaf 2, 2 leaf 2 and what
 * it needs to verify under 1, 3 leaf 1 and what it needs under 2. */
struct node_state {
	uint8_t trusts, chains;
	uint8_t steps; /* of the outstanding order; 0: none */
	uint8_t to; /* its goal */
	bool excused;
	bool touched; /* was excused or re-imaged at some time */
};

struct state {
	struct node_state node[NODES_MAX];
	uint8_t goal; /* 1 or 2 */
	uint8_t flips; /* goal changes left */
	uint8_t excuses; /* excuses left */
	uint8_t doubts; /* re-imaged nodes left */
	uint8_t failures; /* failures left */
};

/* The automorphisms of a graph. Node i of the image is node perm[i]. */
#define PERMS_MAX 24
struct symmetry {
	uint32_t nnodes, nperms;
	uint8_t perm[PERMS_MAX][NODES_MAX];
};

/* A whole state in one word, no hash: 14 bits per node, at most four nodes.
 * States that an automorphism makes of each other have one key, that of the
 * least, and state_unkey gives that one. This is sound: world and rules know
 * nodes by their links and contents only, and so do goal and safety, so an
 * automorphism maps runs to runs, what breaks to what breaks, and the end to
 * the end; the engine's numbers decide the sequence of its answers, never
 * whether an order is allowed. */
uint64_t state_key(const struct symmetry *y, const struct state *s);
struct state state_unkey(const struct symmetry *y, uint64_t key);

/* What the links make of a node: bits of topology.traits. */
#define WORLD_VERIFIES 1u
#define WORLD_PRESENTS 2u
#define WORLD_BRIDGES  4u
/* What one node shows to another under the root: bits of topology.shows. */
#define WORLD_AS_SERVER 1u
#define WORLD_AS_CLIENT 2u
#define WORLD_BRIDGED	4u /* as client, and its bridge is seen */
/* Fills in both, once the rest is there. */
void world_look(struct topology *t);
/* The steps of the node's part in a roll. */
uint8_t world_steps(const struct topology *t, uint32_t node);

/* What the outstanding order makes of each possible value; effective: of
 * each from which it can succeed. */
uint8_t world_trusts_after(const struct topology *t, uint32_t node,
    const struct node_state *s);
uint8_t world_trusts_effective(const struct topology *t, uint32_t node,
    const struct node_state *s);
uint8_t world_chains_after(const struct topology *t, uint32_t node,
    const struct node_state *s);

/* All that the files may hold, what is outstanding done or not. */
struct may {
	uint8_t trust[NODES_MAX], show[NODES_MAX];
};
void world_may(const struct topology *t, const struct state *s, struct may *m);

/* Another order takes the place of the outstanding one, which may have done
 * its work or not. */
void world_outrank(const struct topology *t, uint32_t node,
    struct node_state *s, uint8_t steps, uint8_t to);
/* NULL, or what breaks when an order is given in this state: `s` already
 * has it outstanding at node. */
const char *
world_breaks(const struct topology *t, const struct state *s, uint32_t node);
/* Every direction between nodes to which nothing was done from outside
 * authenticates in every possible combination. */
bool world_is_whole(const struct topology *t, const struct state *s);
/* Everybody who is not excused holds exactly the goal. */
bool world_is_done(const struct topology *t, const struct state *s);
