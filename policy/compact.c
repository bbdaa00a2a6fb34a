/*
 * compact: few orders without bridging. A node that presents and verifies
 * has three steps, and two of them can share an order: trust+cert ("first")
 * or cert+finish ("second"). On a direction u > v the rules say trust(v),
 * then cert(u), then finish(v); so the nodes of the first side must not form
 * a cycle of directions among themselves, nor those of the second, and where
 * neither holds one (docs/policy.md proves it) all goes together. What cannot
 * go on either side takes three orders. Nodes on no cycle at all are free;
 * each knot, a strongly connected component, is divided by itself. Called by
 * shape_make.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/inside.h"

#define BUDGET	  (UINT32_C(1) << 20) /* for all knots of a graph together */
#define CLIMB_MAX 64 /* longer odd cycles do not count for the bound */

enum side {
	SIDE_FIRST,
	SIDE_SECOND,
	SIDE_NONE
};

struct compact {
	struct cycles cycles;
	struct shape *shape;
	uint32_t budget;
	uint32_t *place; /* node: position in the knot; POL_NONE outside */
	/* by position, those with the fewest neighbours first */
	uint32_t *nodes;
	uint8_t *side; /* enum side */
	uint32_t *up, *weight; /* union and find; weight 0: not in it */
	uint8_t *odd; /* on the other side than up */
	uint32_t *mark; /* by position: what the present node asks for */
	uint32_t *depth; /* of the breadth-first search, from 1 */
	uint32_t n;
};

/* ---- neighbours within the knot ------------------------------------------------ */

struct pair {
	uint32_t place;
	bool shows, verifies; /* the node to its neighbour */
};

struct pairs {
	const struct compact *k;
	uint32_t node, c, c_end, s, s_end; /* rows as client, as server */
};

static struct pairs
pairs_start(const struct compact *k, uint32_t node)
{
	const struct pol_graph *g = k->shape->graph;

	return (struct pairs){ k, node, g->as_client.at[node],
		g->as_client.at[node + 1], g->as_server.at[node],
		g->as_server.at[node + 1] };
}

/* Each neighbour once, though two nodes can have a link in each direction. */
static bool
pairs_next(struct pairs *p, struct pair *out)
{
	const struct pol_graph *g = p->k->shape->graph;
	const uint32_t root = p->k->shape->root;
	const struct rows *rc = &g->as_client, *rs = &g->as_server;

	do {
		uint32_t c = p->c < p->c_end ? rc->peer[p->c] : POL_NONE;
		uint32_t s = p->s < p->s_end ? rs->peer[p->s] : POL_NONE;
		uint32_t peer = c < s ? c : s;
		if (peer == POL_NONE)
			return false;
		*out = (struct pair){ p->k->place[peer], false, false };
		if (c == peer) {
			struct half h = rows_half(g, rc, p->c++, c);
			out->shows |= h.client_root == root;
			out->verifies |= h.server_root == root;
		}
		if (s == peer) {
			struct half h = rows_half(g, rs, p->s++, p->node);
			out->shows |= h.server_root == root;
			out->verifies |= h.client_root == root;
		}
	} while (out->place == POL_NONE || !(out->shows || out->verifies));
	return true;
}

static uint32_t
neighbours(const struct compact *k, uint32_t node)
{
	struct pairs p = pairs_start(k, node);
	struct pair q;
	uint32_t n = 0;

	while (pairs_next(&p, &q))
		n++;
	return n;
}

/* ---- all at once where it goes: two colours ------------------------------------- */

static uint32_t
top_of(const struct compact *k, uint32_t i, uint32_t *odd)
{
	for (*odd = 0; k->up[i] != i; i = k->up[i])
		*odd ^= k->odd[i];
	return i;
}

static void
join(struct compact *k, uint32_t a, uint32_t b, uint32_t odd)
{
	uint32_t odd_a, odd_b, top_a = top_of(k, a, &odd_a);
	uint32_t top_b = top_of(k, b, &odd_b);

	if (top_a == top_b)
		return;
	if (k->weight[top_a] > k->weight[top_b]) {
		uint32_t swap = top_a;
		top_a = top_b;
		top_b = swap;
	}
	k->up[top_a] = top_b;
	k->odd[top_a] = (uint8_t)(odd ^ odd_a ^ odd_b);
	k->weight[top_b] += k->weight[top_a];
}

/* May position i join without an odd cycle? Position n stands for the first
 * side, with which the CA's own node has to be. */
static bool
may_join(struct compact *k, uint32_t i)
{
	struct pairs p = pairs_start(k, k->nodes[i]);
	struct pair q = { k->n, false, false };
	bool more = (k->shape->role[k->nodes[i]] & ROLE_LAST) != 0 ||
	    pairs_next(&p, &q);
	uint32_t odd;

	for (; more; more = pairs_next(&p, &q)) {
		uint32_t *mark;
		if (k->weight[q.place] == 0)
			continue;
		mark = &k->mark[top_of(k, q.place, &odd)];
		odd ^= q.place == k->n;
		if (*mark / 2 == i + 1 && *mark % 2 != odd)
			return false;
		*mark = 2 * (i + 1) + odd;
	}
	return true;
}

static void
join_all(struct compact *k, uint32_t i)
{
	struct pairs p = pairs_start(k, k->nodes[i]);
	struct pair q;

	k->weight[i] = 1;
	if (k->shape->role[k->nodes[i]] & ROLE_LAST)
		join(k, i, k->n, 0);
	while (pairs_next(&p, &q))
		if (k->weight[q.place] != 0)
			join(k, i, q.place, 1);
}

/* A set without odd cycles that no node can be added to. Returns how many
 * nodes are left out: none when the knot has no odd cycle. */
static uint32_t
divide_greedily(struct compact *k)
{
	uint32_t left_out = 0, odd, odd_n;

	memset(k->weight, 0, k->n * sizeof(*k->weight));
	memset(k->mark, 0, (k->n + (size_t)1) * sizeof(*k->mark));
	for (uint32_t i = 0; i <= k->n; i++)
		k->up[i] = i;
	k->weight[k->n] = 1;
	for (uint32_t i = 0; i < k->n; i++)
		if (may_join(k, i))
			join_all(k, i);
	(void)top_of(k, k->n, &odd_n);
	for (uint32_t i = 0; i < k->n; i++) {
		(void)top_of(k, i, &odd);
		k->side[i] = k->weight[i] == 0 ? SIDE_NONE
		    : odd == odd_n	       ? SIDE_FIRST
					       : SIDE_SECOND;
		left_out += k->side[i] == SIDE_NONE;
	}
	return left_out;
}

/* ---- a bound: odd cycles of mutual neighbours that share no node ------------------- */

/* a and b are neighbours of one depth parity: their ways up to where they
 * meet close an odd cycle. Takes its nodes, when all are still free. */
static bool
cycle_take(struct compact *k, uint32_t a, uint32_t b)
{
	uint32_t way[CLIMB_MAX], n = 0;

	while (n + 2 < CLIMB_MAX && !k->side[a] && !k->side[b]) {
		uint32_t *low = k->depth[a] > k->depth[b] ? &a : &b;
		way[n++] = *low;
		if (a == b) {
			while (n > 0)
				k->side[way[--n]] = 1;
			return true;
		}
		if (k->up[*low] == *low)
			return false;
		*low = k->up[*low];
	}
	return false;
}

/* Position of a free mutual neighbour of i and of a, whose neighbours are
 * marked; POL_NONE. */
static uint32_t
third_of(struct compact *k, uint32_t a, uint32_t i)
{
	struct pairs p = pairs_start(k, k->nodes[a]);
	struct pair q;
	uint32_t looks = CLIMB_MAX;

	while (looks-- > 0 && pairs_next(&p, &q))
		if (q.shows && q.verifies && !k->side[q.place] &&
		    k->mark[q.place] == i + 1)
			return q.place;
	return POL_NONE;
}

/* Takes a triangle of free nodes at position i, if there is one. */
static uint32_t
triangle_take(struct compact *k, uint32_t i)
{
	struct pairs p = pairs_start(k, k->nodes[i]);
	struct pair q;
	uint32_t third;

	while (!k->side[i] && pairs_next(&p, &q)) {
		if (!q.shows || !q.verifies || k->side[q.place])
			continue;
		third = third_of(k, q.place, i);
		k->mark[q.place] = i + 1;
		if (third == POL_NONE)
			continue;
		k->side[i] = k->side[q.place] = k->side[third] = 1;
		return 1;
	}
	return 0;
}

/* Breadth first from start through free nodes, closing odd cycles. */
static uint32_t
cycles_take(struct compact *k, uint32_t start)
{
	uint32_t found = 0, head = 0, tail = 0;
	uint32_t *queue = k->weight;
	struct pair q;

	k->depth[start] = 1;
	k->up[start] = start;
	for (queue[tail++] = start; head < tail; head++) {
		uint32_t i = queue[head];
		struct pairs p = pairs_start(k, k->nodes[i]);
		while (pairs_next(&p, &q)) {
			if (!q.shows || !q.verifies || k->side[q.place])
				continue;
			if (k->depth[q.place] == 0) {
				k->depth[q.place] = k->depth[i] + 1;
				k->up[q.place] = i;
				queue[tail++] = q.place;
			} else if (k->depth[q.place] == k->depth[i])
				found += cycle_take(k, i, q.place);
		}
	}
	return found;
}

/* How many were found; side tells which nodes are taken, here only. */
static uint32_t
odd_cycles(struct compact *k)
{
	uint32_t found = 0;

	memset(k->depth, 0, k->n * sizeof(*k->depth));
	memset(k->mark, 0, k->n * sizeof(*k->mark));
	memset(k->side, 0, k->n * sizeof(*k->side));
	for (uint32_t i = 0; i < k->n; i++)
		found += triangle_take(k, i);
	for (uint32_t i = 0; i < k->n; i++)
		if (k->depth[i] == 0 && !k->side[i])
			found += cycles_take(k, i);
	return found;
}

/* ---- one knot ------------------------------------------------------------------------ */

/* Tries all ways within the budget. Returns whether *left_out is proven. */
static bool
divide_exactly(struct compact *k, uint32_t least, uint32_t *left_out)
{
	struct sides s = { .n = k->n,
		.least = least,
		.fewest = *left_out,
		.budget = k->budget };
	struct pair q;

	if (k->n > SIDES_MAX)
		return false;
	for (uint32_t i = 0; i < k->n; i++) {
		struct pairs p = pairs_start(k, k->nodes[i]);
		while (pairs_next(&p, &q))
			if (q.shows)
				s.out[i] |= UINT64_C(1) << q.place;
		if (k->shape->role[k->nodes[i]] & ROLE_LAST)
			s.only_first |= UINT64_C(1) << i;
	}
	sides_search(&s);
	k->budget = s.budget;
	for (uint32_t i = 0; i < k->n && s.fewest < *left_out; i++)
		k->side[i] = (s.best[0] >> i & 1) ? SIDE_FIRST
		    : (s.best[1] >> i & 1)	  ? SIDE_SECOND
						  : SIDE_NONE;
	*left_out = s.fewest;
	return s.budget != 0;
}

static enum pol_err
knot_write(struct compact *k, bool is_proven)
{
	struct pair q;

	for (uint32_t i = 0; i < k->n; i++) {
		const uint32_t node = k->nodes[i];
		struct pairs p = pairs_start(k, node);
		enum pol_err e;
		if (k->side[i] == SIDE_SECOND)
			k->shape->role[node] |= ROLE_LATE;
		if (k->side[i] != SIDE_NONE)
			continue;
		k->shape->role[node] |= ROLE_SPLIT;
		(void)pairs_next(&p, &q);
		e = shape_note(k->shape, node,
		    is_proven
			? "takes single steps: of the nodes that verify each "
			  "other in a circle one has to, here beside"
			: "takes single steps: some of the nodes that verify "
			  "each other in circles have to, perhaps not all that "
			  "do; here beside",
		    k->nodes[q.place]);
		if (e != POL_OK)
			return e;
	}
	return POL_OK;
}

/* Positions by number of neighbours, counted out through depth. */
static void
knot_place(struct compact *k, const uint32_t *nodes, uint32_t n)
{
	k->n = n;
	memset(k->depth, 0, (n + (size_t)1) * sizeof(*k->depth));
	for (uint32_t i = 0; i < n; i++)
		k->place[nodes[i]] = 0;
	for (uint32_t i = 0; i < n; i++) {
		k->mark[i] = neighbours(k, nodes[i]);
		k->depth[k->mark[i] + 1]++;
	}
	for (uint32_t i = 0; i < n; i++)
		k->depth[i + 1] += k->depth[i];
	for (uint32_t i = 0; i < n; i++) {
		uint32_t place = k->depth[k->mark[i]]++;
		k->nodes[place] = nodes[i];
		k->place[nodes[i]] = place;
	}
}

static enum pol_err
knot_divide(void *arg, const uint32_t *nodes, uint32_t n)
{
	struct compact *k = arg;
	uint32_t least = 0, left_out;
	bool is_proven;
	enum pol_err e;

	knot_place(k, nodes, n);
	if ((left_out = divide_greedily(k)) != 0) {
		least = odd_cycles(k); /* in the same arrays */
		left_out = divide_greedily(k);
	}
	is_proven = left_out <= least || divide_exactly(k, least, &left_out);
	if (!is_proven)
		k->shape->spare += left_out - least;
	e = knot_write(k, is_proven);
	for (uint32_t i = 0; i < n; i++)
		k->place[nodes[i]] = POL_NONE;
	return e;
}

/* ---- the graph --------------------------------------------------------------------------- */

static bool
has_three_steps(const struct cycles *c, uint32_t node)
{
	return (c->shape->role[node] & ROLE_VERIFIES) &&
	    (c->shape->role[node] & (ROLE_SHOWS_C | ROLE_SHOWS_S));
}

static bool
presents_to(const struct cycles *c, uint32_t node, const struct half *h,
    bool is_client)
{
	(void)node;
	return (is_client ? h->client_root : h->server_root) == c->shape->root;
}

enum pol_err
compact_choose(struct shape *s)
{
	const size_t n = (size_t)s->graph->nnodes + 1;
	struct compact k = {
		.cycles = { s, has_three_steps, presents_to, knot_divide, &k },
		.shape = s,
		.budget = BUDGET,
	};
	enum pol_err e = POL_E_NOMEM;

	k.place = malloc(n * sizeof(*k.place));
	k.nodes = malloc(n * sizeof(*k.nodes));
	k.side = malloc(n);
	k.up = malloc(n * sizeof(*k.up));
	k.weight = malloc(n * sizeof(*k.weight));
	k.odd = malloc(n);
	k.mark = malloc(n * sizeof(*k.mark));
	k.depth = malloc(n * sizeof(*k.depth));
	if (k.place != NULL && k.nodes != NULL && k.side != NULL &&
	    k.up != NULL && k.weight != NULL && k.odd != NULL &&
	    k.mark != NULL && k.depth != NULL) {
		memset(k.place, 0xff, n * sizeof(*k.place));
		/* a client that verifies nobody need not bridge at all */
		for (uint32_t i = 0; i < s->graph->nnodes; i++)
			if ((s->role[i] & ROLE_BRIDGES) &&
			    !(s->role[i] & (ROLE_VERIFIES | ROLE_LAST)))
				s->role[i] |= ROLE_LATE;
		e = cycles_find(&k.cycles);
	}
	free(k.place);
	free(k.nodes);
	free(k.side);
	free(k.up);
	free(k.weight);
	free(k.odd);
	free(k.mark);
	free(k.depth);
	return e;
}
