/* inside: what the sources of policy/ share; nobody else includes it. */
#pragma once

#include "policy/policy.h"

/* ---- graph.c: sealed links as two adjacencies ---------------------------- */

#define ROOT_NONE UINT16_MAX

/* One link as one of its ends sees it. */
struct half {
	uint32_t peer;
	uint16_t client_root; /* ROOT_NONE: the client shows nothing */
	uint16_t server_root;
};

/* One row per node, peers ascending; four bytes per link as long as every
 * client is certified under the root of its server. */
struct rows {
	uint32_t *at; /* nnodes + 1 */
	uint32_t *peer;
	uint16_t *client_root; /* per link; NULL: the server's root */
};

struct pol_graph {
	uint32_t nnodes, nroots;
	bool sealed;
	bool mixed; /* some client_root is not the server's */
	uint8_t *flags; /* POL_NODE_* */
	uint16_t *server_root; /* of each node's server endpoint */
	struct pol_link *raw; /* until sealed */
	size_t nlinks, cap;
	struct rows as_client; /* peers are servers */
	struct rows as_server; /* peers are clients */
};

static inline struct half
rows_half(const struct pol_graph *g, const struct rows *r, uint32_t i,
    uint32_t server)
{
	const uint16_t root = g->server_root[server];

	return (struct half){ r->peer[i],
		r->client_root == NULL ? root : r->client_root[i], root };
}

/* A node's links, first those in which it is the client, then those in which
 * it is the server. */
struct walk {
	const struct pol_graph *graph;
	uint32_t node, at, end;
	bool is_client;
	struct half half;
};

static inline struct walk
walk_start(const struct pol_graph *g, uint32_t node)
{
	return (struct walk){
		.graph = g,
		.node = node,
		.at = g->as_client.at[node],
		.end = g->as_client.at[node + 1],
		.is_client = true,
	};
}

/* The same without the first n of them. */
static inline struct walk
walk_from(const struct pol_graph *g, uint32_t node, uint32_t n)
{
	struct walk w = walk_start(g, node);

	if (n <= w.end - w.at) {
		w.at += n;
		return w;
	}
	n -= w.end - w.at;
	w.is_client = false;
	w.at = g->as_server.at[node] + n;
	w.end = g->as_server.at[node + 1];
	return w;
}

/* The next link, or NULL; it stays until the next call. */
static inline const struct half *
walk_next(struct walk *w)
{
	const struct pol_graph *g = w->graph;

	if (w->at == w->end && w->is_client) {
		w->at = g->as_server.at[w->node];
		w->end = g->as_server.at[w->node + 1];
		w->is_client = false;
	}
	if (w->at == w->end)
		return NULL;
	w->half = w->is_client
	    ? rows_half(g, &g->as_client, w->at, g->as_client.peer[w->at])
	    : rows_half(g, &g->as_server, w->at, w->node);
	w->at++;
	return &w->half;
}

/* ---- rule.c: what the rules need ------------------------------------------ */

/* Steps of the peer that must be effective before steps, done ones being
 * done, from "all old": asks rule_holds. NEED_NEVER: no state of the peer
 * makes it safe. */
#define NEED_NEVER 0xffu
struct needs {
	/* [bridging direction][node presents][done][steps] */
	uint8_t peer[2][2][8][8];
};
void needs_derive(struct needs *n);
/* ---- shape.c: what one root's roll looks like on a graph ----------------- */

#define ROLE_CLIENT   0x01u /* client of a link that the root touches */
#define ROLE_SERVER   0x02u
#define ROLE_SHOWS_C  0x04u /* presents as client */
#define ROLE_SHOWS_S  0x08u /* presents as server */
#define ROLE_VERIFIES 0x10u
#define ROLE_BRIDGES  0x20u /* dual, and presents as client */
#define ROLE_SPLIT    0x40u /* fell back to single steps */

#define ROLE_LAST 0x80u /* its finish waits for its peers' finish */
#define ROLE_LATE 0x100u /* compact: trust, then cert+finish */
#define ROLES	  0x200u

#define PARTS_MAX  3
#define LAYERS_MAX 7

/* A node's orders, each a mask of steps; zero beyond n. */
struct parts {
	uint8_t part[PARTS_MAX], n;
};

struct shape {
	const struct pol_graph *graph;
	uint32_t root;
	enum pol_strategy strategy;
	uint16_t *role; /* per node */
	uint32_t *group; /* per node; POL_NONE without part */
	uint32_t ngroups;
	bool has_last; /* some node has ROLE_LAST */
	struct parts parts[ROLES]; /* by role */
	struct pol_plan_note *notes;
	size_t nnotes, notes_cap;
	uint32_t spare; /* compact: orders that may be more than needed */
};

enum pol_err shape_make(const struct pol_graph *g, uint32_t root,
    enum pol_strategy s, struct shape *out) POL_MUST;
void shape_free(struct shape *s);

uint32_t role_steps(unsigned role);
unsigned role_of(const struct pol_graph *g, uint32_t root, uint32_t node);
/* Step masks of the node's orders in their sequence. */
static inline const struct parts *
shape_parts(const struct shape *s, uint32_t node)
{
	return &s->parts[s->role[node]];
}
/* Barrier of a step in the node's group, from 0. */
unsigned shape_layer(const struct shape *s, unsigned role, uint32_t step);
bool shape_has_layers(const struct shape *s);
bool shape_is_courteous(const struct shape *s);

/* A part of a node's orders, and the steps that went before it. */
struct asked {
	uint32_t node, done, part;
};
/* The peer's steps that come first on this link, or NEED_NEVER. */
uint8_t link_needs(const struct shape *s, const struct needs *needs,
    const struct asked *a, const struct half *h, bool is_client);

enum pol_err shape_note(struct shape *s, uint32_t node, const char *text,
    uint32_t peer) POL_MUST;

/* ---- cycle.c -------------------------------------------------------------- */

/* A relation between neighbours. take gets each strongly connected component
 * of two nodes or more; it may not change is_in for other nodes. */
struct cycles {
	const struct shape *shape;
	bool (*is_in)(const struct cycles *c, uint32_t node);
	bool (*is_arc)(const struct cycles *c, uint32_t node,
	    const struct half *h, bool is_client);
	enum pol_err (*take)(void *arg, const uint32_t *nodes, uint32_t n);
	void *arg;
};
enum pol_err cycles_find(const struct cycles *c) POL_MUST;

/* ---- compact.c, compact_exact.c --------------------------------------------- */

/* Says for each node in which two of its three steps go together: ROLE_LATE,
 * or ROLE_SPLIT with a note where none do. */
enum pol_err compact_choose(struct shape *s) POL_MUST;

#define SIDES_MAX 64
/* Which nodes of a knot go on which of two sides, so that neither holds a
 * cycle and as few as possible are left out. */
struct sides {
	uint32_t n;
	uint64_t out[SIDES_MAX]; /* nodes that it presents to */
	uint64_t only_first; /* nodes that cannot go on the second side */
	uint32_t least; /* known: no fewer can be left out */
	uint32_t fewest; /* left out in the best answer; in: known answer */
	uint64_t best[2]; /* valid when fewest went down */
	uint32_t budget; /* nodes of the search tree; 0 at the end: gave up */
	/* while it searches */
	uint64_t side[2];
	uint32_t left_out;
};
void sides_search(struct sides *s);

/* ---- bundle.c ------------------------------------------------------------- */

/* Marks ROLE_SPLIT where a bundle cannot hold, with a note. */
enum pol_err bundle_split(struct shape *s) POL_MUST;

/* ---- window.c -------------------------------------------------------------- */

struct span {
	int64_t from, to; /* ms since 1970; to is outside */
};

/* ---- rule.c: the two rules ------------------------------------------------ */

#define VALUES_MAX 4

/* What a file may hold: n masks of generations. n = 0: nobody knows. */
struct file_set {
	uint64_t v[VALUES_MAX];
	unsigned n;
};

/* A step changes a file from now->v[i] to next->v[i] while the other end may
 * hold any of other->v. Both rules in one question. */
bool rule_holds(const struct file_set *now, const struct file_set *next,
    const struct file_set *other);
/* The same of an order, which may leave the file as it is: then the direction
 * is as it was. What breach.c asks, and tests/model/prove.c proves. */
bool rule_allows(const struct file_set *now, const struct file_set *next,
    const struct file_set *other);
bool rule_is_safe(const struct file_set *shown, const struct file_set *trusted);
/* Does it take anything away? */
bool rule_is_removal(const struct file_set *now, const struct file_set *next);

/* What an order makes of a configuration. */
struct change {
	uint32_t steps, from, to;
	bool bridges, verifies, presents;
};
struct pol_conf change_apply(const struct change *c, struct pol_conf conf);
/* Is the file the same afterwards, whatever it was before? */
bool change_writes_trust(const struct change *c);
bool change_writes_chain(const struct change *c);
/* What a client (through) or server shows to one verifier. */
uint64_t conf_shown(struct pol_conf c, bool through);
/* Does the presenter's bridge count in this direction? */
bool direction_bridges(const struct pol_graph *g, uint32_t presenter,
    uint32_t verifier, bool presenter_is_client);

/* Own steps that come before or with these. */
uint32_t needs_own(unsigned role, uint32_t steps);
