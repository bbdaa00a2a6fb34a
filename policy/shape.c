/*
 * shape: what the roll of one root looks like on a graph: who presents, who
 * verifies, which nodes depend on each other at all, and how a strategy
 * bundles a node's steps. Used by plan and engine alike, so that both see
 * the same orders.
 */
#include <stdlib.h>

#include "policy/inside.h"

/* ---- names ---------------------------------------------------------------- */

static const char *const strategy_names[] = {
	[POL_MINIMAL] = "minimal",
	[POL_LAYERED] = "layered",
	[POL_SEQUENTIAL] = "sequential",
	[POL_MERGED] = "merged",
	[POL_BUNDLED] = "bundled",
	[POL_COMPACT] = "compact",
};
#define NSTRATEGIES (sizeof(strategy_names) / sizeof(strategy_names[0]))

static bool
text_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool
pol_strategy_parse(const char *s, enum pol_strategy *out)
{
	for (unsigned i = 0; i < NSTRATEGIES; i++)
		if (text_equal(s, strategy_names[i])) {
			*out = (enum pol_strategy)i;
			return true;
		}
	return false;
}

const char *
pol_strategy_name(enum pol_strategy s)
{
	return (unsigned)s < NSTRATEGIES ? strategy_names[s] : "unknown";
}

/* ---- roles ------------------------------------------------------------------ */

static unsigned
role_as_client(const struct half *h, uint32_t root)
{
	return (h->client_root == root ? ROLE_CLIENT | ROLE_SHOWS_C : 0u) |
	    (h->server_root == root ? ROLE_CLIENT | ROLE_VERIFIES : 0u);
}

static unsigned
role_as_server(const struct half *h, uint32_t root)
{
	return (h->client_root == root ? ROLE_SERVER | ROLE_VERIFIES : 0u) |
	    (h->server_root == root ? ROLE_SERVER | ROLE_SHOWS_S : 0u);
}

static unsigned
role_with_flags(unsigned role, unsigned flags)
{
	if ((role & ROLE_SHOWS_C) && (flags & POL_NODE_DUAL))
		role |= ROLE_BRIDGES;
	if (role != 0 && (flags & POL_NODE_LAST))
		role |= ROLE_LAST;
	return role;
}

/* No link adds to these: there is no need to look at the others. */
#define ROLE_ALL_CLIENT (ROLE_CLIENT | ROLE_SHOWS_C | ROLE_VERIFIES)
#define ROLE_ALL_SERVER (ROLE_SERVER | ROLE_SHOWS_S | ROLE_VERIFIES)

static bool
has_all(unsigned role, unsigned all)
{
	return (role & all) == all;
}

unsigned
role_of(const struct pol_graph *g, uint32_t root, uint32_t node)
{
	const struct rows *c = &g->as_client, *s = &g->as_server;
	unsigned role = 0;

	for (uint32_t i = c->at[node];
	     i < c->at[node + 1] && !has_all(role, ROLE_ALL_CLIENT); i++) {
		const struct half h = rows_half(g, c, i, c->peer[i]);
		role |= role_as_client(&h, root);
	}
	for (uint32_t i = s->at[node];
	     i < s->at[node + 1] && !has_all(role, ROLE_ALL_SERVER); i++) {
		const struct half h = rows_half(g, s, i, node);
		role |= role_as_server(&h, root);
	}
	return role_with_flags(role, g->flags[node]);
}

uint32_t
role_steps(unsigned role)
{
	uint32_t steps = 0;

	if (role & ROLE_VERIFIES)
		steps |= POL_TRUST | POL_FINISH;
	if (role & (ROLE_SHOWS_C | ROLE_SHOWS_S))
		steps |= POL_CERT;
	if (role & ROLE_BRIDGES)
		steps |= POL_FINISH;
	return steps;
}

struct pol_role
pol_graph_role(const struct pol_graph *g, uint32_t root, uint32_t node)
{
	unsigned role = node < g->nnodes ? role_of(g, root, node) : 0;

	return (struct pol_role){
		.verifies = (role & ROLE_VERIFIES) != 0,
		.presents = (role & (ROLE_SHOWS_C | ROLE_SHOWS_S)) != 0,
		.bridges = (role & ROLE_BRIDGES) != 0,
	};
}

uint32_t
pol_graph_steps(const struct pol_graph *g, uint32_t root, uint32_t node)
{
	return node < g->nnodes ? role_steps(role_of(g, root, node)) : 0;
}

/* ---- groups: union and find, the smallest node is the representative ---------- */

/* marks a group's number among representatives; no node has this bit */
#define GROUP_NUMBER UINT32_C(0x80000000)

static uint32_t
group_find(uint32_t *up, uint32_t i)
{
	while (up[i] != i) {
		up[i] = up[up[i]];
		i = up[i];
	}
	return i;
}

/* Returns the representative of both. */
static uint32_t
group_join(uint32_t *up, uint32_t a, uint32_t b)
{
	const uint32_t i = b;

	a = group_find(up, a);
	b = group_find(up, b);
	if (a > b) {
		uint32_t swap = a;
		a = b;
		b = swap;
	}
	up[b] = a;
	up[i] = a;
	return a;
}

static void
groups_number(struct shape *s)
{
	for (uint32_t i = 0; i < s->graph->nnodes; i++)
		s->group[i] = group_find(s->group, i);
	/* a representative comes before its members, so one pass does */
	for (uint32_t i = 0; i < s->graph->nnodes; i++)
		s->group[i] = s->group[i] == i
		    ? GROUP_NUMBER | (s->role[i] != 0 ? s->ngroups++ : 0)
		    : s->group[s->group[i]];
	for (uint32_t i = 0; i < s->graph->nnodes; i++)
		s->group[i] =
		    s->role[i] != 0 ? s->group[i] & ~GROUP_NUMBER : POL_NONE;
}

static void
roles_fill(struct shape *s)
{
	for (uint32_t i = 0; i < s->graph->nnodes; i++) {
		s->role[i] = (uint16_t)role_of(s->graph, s->root, i);
		s->has_last |= (s->role[i] & ROLE_LAST) != 0;
	}
}

static void
groups_join(struct shape *s)
{
	const struct pol_graph *g = s->graph;
	const struct rows *r = &g->as_client;
	const bool all = g->nroots == 1; /* every link is under the root */

	for (uint32_t c = 0; c < g->nnodes; c++) {
		uint32_t top = c;
		for (uint32_t i = r->at[c]; i < r->at[c + 1]; i++) {
			const uint32_t peer = r->peer[i];
			const struct half h = rows_half(g, r, i, peer);
			if (!all && role_as_client(&h, s->root) == 0)
				continue;
			if (s->group[peer] != top)
				top = group_join(s->group, top, peer);
		}
	}
}

/* ---- strategies ------------------------------------------------------------------ */

/* For every role there is, so that asking for a node's orders is a look. */
static void
parts_fill(struct shape *s)
{
	static const uint8_t single[PARTS_MAX] = { POL_TRUST, POL_CERT,
		POL_FINISH };
	static const uint8_t client[PARTS_MAX] = { POL_TRUST | POL_CERT,
		POL_FINISH, 0 };
	static const uint8_t late[PARTS_MAX] = { POL_TRUST,
		POL_CERT | POL_FINISH, 0 };
	static const uint8_t server[PARTS_MAX] = {
		POL_TRUST | POL_CERT | POL_FINISH, 0, 0
	};

	for (unsigned role = 0; role < ROLES; role++) {
		const uint32_t steps = role_steps(role);
		const uint8_t *pattern = single;
		struct parts *p = &s->parts[role];
		if (s->strategy == POL_MERGED &&
		    !(role & (ROLE_SERVER | ROLE_SPLIT)))
			pattern = client;
		if (s->strategy == POL_BUNDLED && !(role & ROLE_SPLIT))
			pattern = (role & ROLE_CLIENT) ? client : server;
		if (s->strategy == POL_COMPACT && !(role & ROLE_SPLIT))
			pattern = (role & ROLE_LATE) ? late : client;
		for (unsigned i = 0; i < PARTS_MAX; i++)
			if ((pattern[i] & steps) != 0)
				p->part[p->n++] = (uint8_t)(pattern[i] & steps);
	}
}

struct layers {
	uint8_t trust_server, trust_client;
	uint8_t cert_client, cert_both, cert_server;
	uint8_t finish;
};

static const struct layers layers[NSTRATEGIES] = {
	[POL_LAYERED] = { 0, 0, 1, 2, 3, 4 }, /* FIG. 36 */
	[POL_SEQUENTIAL] = { 0, 1, 2, 3, 4, 5 }, /* FIG. 37 */
	[POL_MERGED] = { 0, 1, 1, 2, 3, 4 }, /* FIG. 38 */
};

/* A dual client waits for its servers' trust although it need not. */
bool
shape_is_courteous(const struct shape *s)
{
	return s->strategy != POL_BUNDLED;
}

bool
shape_has_layers(const struct shape *s)
{
	return layers[s->strategy].finish != 0;
}

unsigned
shape_layer(const struct shape *s, unsigned role, uint32_t step)
{
	const struct layers *l = &layers[s->strategy];

	if (step & POL_FINISH)
		return (role & ROLE_LAST) && l->finish != 0 ? l->finish + 1u
							    : l->finish;
	if (step & POL_CERT) {
		if (!(role & ROLE_SERVER))
			return l->cert_client;
		return (role & ROLE_CLIENT) ? l->cert_both : l->cert_server;
	}
	return (role & ROLE_SERVER) ? l->trust_server : l->trust_client;
}

/* ---- what a part waits for on one link ------------------------------------------ */

static bool
shows(const struct half *h, bool as_client, uint32_t root)
{
	return (as_client ? h->client_root : h->server_root) == root;
}

uint8_t
link_needs(const struct shape *s, const struct needs *needs,
    const struct asked *a, const struct half *h, bool is_client)
{
	const struct pol_graph *g = s->graph;
	uint8_t need = 0;
	bool br;

	if (shows(h, is_client, s->root)) {
		br = direction_bridges(g, a->node, h->peer, is_client);
		need |= needs->peer[br][1][a->done][a->part];
		if (is_client && (a->part & POL_CERT) && shape_is_courteous(s))
			need |= POL_TRUST;
	}
	if (shows(h, !is_client, s->root)) {
		br = direction_bridges(g, h->peer, a->node, !is_client);
		need |= needs->peer[br][0][a->done][a->part];
	}
	if ((s->role[a->node] & ROLE_LAST) && (a->part & POL_FINISH) &&
	    need != NEED_NEVER)
		need |= POL_FINISH;
	return need;
}

/* ---- notes ------------------------------------------------------------------------ */

enum pol_err
shape_note(struct shape *s, uint32_t node, const char *text, uint32_t peer)
{
	struct pol_plan_note *n;

	if (s->nnotes == s->notes_cap) {
		size_t cap = s->notes_cap == 0 ? 8 : 2 * s->notes_cap;
		if ((n = realloc(s->notes, cap * sizeof(*n))) == NULL)
			return POL_E_NOMEM;
		s->notes = n;
		s->notes_cap = cap;
	}
	s->notes[s->nnotes++] = (struct pol_plan_note){ node, text, peer };
	return POL_OK;
}

/* Notes come as nodes are found; the reader wants them by node. */
static void
notes_sort(struct shape *s)
{
	for (size_t gap = s->nnotes / 2; gap > 0; gap /= 2)
		for (size_t i = gap; i < s->nnotes; i++)
			for (size_t j = i; j >= gap &&
			     s->notes[j - gap].node > s->notes[j].node;
			     j -= gap) {
				struct pol_plan_note n = s->notes[j];
				s->notes[j] = s->notes[j - gap];
				s->notes[j - gap] = n;
			}
}

/* ---- making one ------------------------------------------------------------------- */

enum pol_err
shape_make(const struct pol_graph *g, uint32_t root, enum pol_strategy st,
    struct shape *s)
{
	enum pol_err e = POL_OK;

	*s = (struct shape){ .graph = g, .root = root, .strategy = st };
	if (root >= g->nroots || !g->sealed || (unsigned)st >= NSTRATEGIES)
		return POL_E_RANGE;
	s->role = calloc((size_t)g->nnodes + 1, sizeof(*s->role));
	s->group = malloc(((size_t)g->nnodes + 1) * sizeof(*s->group));
	if (s->role == NULL || s->group == NULL) {
		shape_free(s);
		return POL_E_NOMEM;
	}
	for (uint32_t i = 0; i < g->nnodes; i++)
		s->group[i] = i;
	parts_fill(s);
	roles_fill(s);
	groups_join(s);
	groups_number(s);
	if (st == POL_BUNDLED)
		e = bundle_split(s);
	if (st == POL_COMPACT)
		e = compact_choose(s);
	if (e != POL_OK)
		shape_free(s);
	else
		notes_sort(s);
	return e;
}

void
shape_free(struct shape *s)
{
	free(s->role);
	free(s->group);
	free(s->notes);
	s->role = NULL;
	s->group = NULL;
	s->notes = NULL;
	s->nnotes = 0;
}
