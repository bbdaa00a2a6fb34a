/*
 * graph: who talks to whom, as two adjacencies in arrays. Built once by the
 * plan's or the engine's caller, read by everything else in policy/. Sealing
 * is linear: links are dealt out by client, then by server, which leaves
 * both lists sorted without comparing.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/inside.h"

const char *
pol_err_text(enum pol_err e)
{
	switch (e) {
	case POL_OK:
		return "done";
	case POL_E_RANGE:
		return "a number that names nothing, or too many";
	case POL_E_SELF:
		return "a link from a node to itself";
	case POL_E_ROOT:
		return "a link without a root for its server";
	case POL_E_TWICE:
		return "the same link again with other content";
	case POL_E_SPLIT:
		return "a second root on one server endpoint";
	case POL_E_UNSAFE:
		return "a safe direction would become unsafe";
	case POL_E_STALE:
		return "a fact that contradicts a later one";
	case POL_E_NOMEM:
		return "out of memory";
	}
	return "unknown error";
}

enum pol_err
pol_graph_new(uint32_t nnodes, uint32_t nroots, struct pol_graph **out)
{
	struct pol_graph *g;

	*out = NULL;
	if (nnodes > INT32_MAX / 2 || nroots >= ROOT_NONE)
		return POL_E_RANGE;
	if ((g = calloc(1, sizeof(*g))) == NULL)
		return POL_E_NOMEM;
	g->nnodes = nnodes;
	g->nroots = nroots;
	g->flags = calloc((size_t)nnodes + 1, sizeof(*g->flags));
	g->server_root = malloc(((size_t)nnodes + 1) * sizeof(*g->server_root));
	g->as_client.at = calloc((size_t)nnodes + 2, sizeof(uint32_t));
	g->as_server.at = calloc((size_t)nnodes + 2, sizeof(uint32_t));
	if (g->flags == NULL || g->server_root == NULL ||
	    g->as_client.at == NULL || g->as_server.at == NULL) {
		pol_graph_free(g);
		return POL_E_NOMEM;
	}
	memset(g->server_root, 0xff,
	    ((size_t)nnodes + 1) * sizeof(*g->server_root));
	*out = g;
	return POL_OK;
}

enum pol_err
pol_graph_node_flags(struct pol_graph *g, uint32_t node, uint32_t flags)
{
	if (node >= g->nnodes ||
	    (flags & ~(POL_NODE_DUAL | POL_NODE_SHALLOW | POL_NODE_LAST)) != 0)
		return POL_E_RANGE;
	g->flags[node] = (uint8_t)flags;
	return POL_OK;
}

enum pol_err
pol_graph_reserve(struct pol_graph *g, size_t nlinks)
{
	struct pol_link *raw;

	if (nlinks <= g->cap)
		return POL_OK;
	if (nlinks > UINT32_MAX)
		return POL_E_RANGE;
	if ((raw = realloc(g->raw, nlinks * sizeof(*raw))) == NULL)
		return POL_E_NOMEM;
	g->raw = raw;
	g->cap = nlinks;
	return POL_OK;
}

static enum pol_err
link_check(const struct pol_graph *g, const struct pol_link *l)
{
	if (l->client >= g->nnodes || l->server >= g->nnodes || g->sealed)
		return POL_E_RANGE;
	if (l->client == l->server)
		return POL_E_SELF;
	if (l->server_root == POL_NONE)
		return POL_E_ROOT;
	if (l->server_root >= g->nroots ||
	    (l->client_root != POL_NONE && l->client_root >= g->nroots))
		return POL_E_RANGE;
	if (g->server_root[l->server] != ROOT_NONE &&
	    g->server_root[l->server] != l->server_root)
		return POL_E_SPLIT;
	return POL_OK;
}

/* Checks and counts them. */
static enum pol_err
links_take(struct pol_graph *g, const struct pol_link *l, size_t n)
{
	uint32_t *client_at = g->as_client.at + 1;
	uint32_t *server_at = g->as_server.at + 1;
	bool mixed = g->mixed;
	enum pol_err e = POL_OK;

	for (size_t i = 0; i < n && (e = link_check(g, &l[i])) == POL_OK; i++) {
		mixed |= l[i].client_root != l[i].server_root;
		g->server_root[l[i].server] = (uint16_t)l[i].server_root;
		client_at[l[i].client]++;
		server_at[l[i].server]++;
	}
	g->mixed = mixed;
	return e;
}

enum pol_err
pol_graph_link(struct pol_graph *g, const struct pol_link *l)
{
	enum pol_err e;

	if (g->nlinks == g->cap &&
	    (e = pol_graph_reserve(g, g->cap + g->cap / 2 + 64)) != POL_OK)
		return e;
	if ((e = links_take(g, l, 1)) == POL_OK)
		g->raw[g->nlinks++] = *l;
	return e;
}

/* Counts at [k + 1] become first positions at [k]. */
static void
rows_sum(uint32_t *at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		at[i + 1] += at[i];
}

/* Dealing out has moved every start to the next one's; move them back. */
static void
rows_restore(uint32_t *at, uint32_t n)
{
	memmove(at + 1, at, (size_t)n * sizeof(*at));
	at[0] = 0;
}

static enum pol_err
rows_alloc(const struct pol_graph *g, struct rows *r)
{
	rows_sum(r->at, g->nnodes);
	r->peer = malloc((g->nlinks + 1) * sizeof(*r->peer));
	if (g->mixed)
		r->client_root =
		    malloc((g->nlinks + 1) * sizeof(*r->client_root));
	return r->peer == NULL || (g->mixed && r->client_root == NULL)
	    ? POL_E_NOMEM
	    : POL_OK;
}

static void
deal_links(struct pol_graph *g, const struct pol_link *l)
{
	struct rows *to = &g->as_client;

	for (size_t i = 0; i < g->nlinks; i++) {
		const uint32_t at = to->at[l[i].client]++;
		to->peer[at] = l[i].server;
		if (g->mixed)
			to->client_root[at] = (uint16_t)l[i].client_root;
	}
	rows_restore(to->at, g->nnodes);
}

/* From one adjacency into the other, whose rows come out sorted. Returns
 * whether the rows that were read are sorted too, without repetitions. */
static bool
deal_rows(const struct rows *from, struct rows *to, uint32_t n)
{
	bool sorted = true;

	for (uint32_t k = 0; k < n; k++) {
		int64_t last = -1;
		const uint32_t end = from->at[k + 1];
		for (uint32_t i = from->at[k]; i < end; i++) {
			const uint32_t peer = from->peer[i];
			const uint32_t at = to->at[peer]++;
			sorted &= (int64_t)peer > last;
			last = peer;
			to->peer[at] = k;
			if (to->client_root != NULL)
				to->client_root[at] = from->client_root[i];
		}
	}
	rows_restore(to->at, n);
	return sorted;
}

/* Drops repetitions from the sorted rows of the servers. */
static enum pol_err
rows_unique(struct pol_graph *g)
{
	struct rows *r = &g->as_server;
	uint32_t out = 0, begin = 0;

	for (uint32_t k = 0; k < g->nnodes; k++) {
		uint32_t first = out, end = r->at[k + 1];
		for (uint32_t i = begin; i < end; i++) {
			if (out > first && r->peer[out - 1] == r->peer[i]) {
				if (g->mixed &&
				    r->client_root[out - 1] !=
					r->client_root[i])
					return POL_E_TWICE;
				continue;
			}
			r->peer[out] = r->peer[i];
			if (g->mixed)
				r->client_root[out] = r->client_root[i];
			out++;
		}
		begin = end;
		r->at[k + 1] = out;
	}
	g->nlinks = out;
	return POL_OK;
}

/* The servers' rows without repetitions, and the clients' rows from them. */
static enum pol_err
deal_unique(struct pol_graph *g)
{
	uint32_t *at = g->as_client.at;
	enum pol_err e;

	if ((e = rows_unique(g)) != POL_OK)
		return e;
	memset(at, 0, ((size_t)g->nnodes + 1) * sizeof(*at));
	for (size_t i = 0; i < g->nlinks; i++)
		at[g->as_server.peer[i] + 1]++;
	rows_sum(at, g->nnodes);
	(void)deal_rows(&g->as_server, &g->as_client, g->nnodes);
	return POL_OK;
}

static enum pol_err
graph_deal(struct pol_graph *g, const struct pol_link *l)
{
	enum pol_err e;

	if ((e = rows_alloc(g, &g->as_client)) != POL_OK ||
	    (e = rows_alloc(g, &g->as_server)) != POL_OK)
		return e;
	deal_links(g, l);
	/* a row that is not in order yet is dealt back; what is still not
	 * in order then holds a link twice */
	if (!deal_rows(&g->as_client, &g->as_server, g->nnodes) &&
	    !deal_rows(&g->as_server, &g->as_client, g->nnodes) &&
	    (e = deal_unique(g)) != POL_OK)
		return e;
	g->sealed = true;
	return POL_OK;
}

enum pol_err
pol_graph_seal(struct pol_graph *g)
{
	enum pol_err e;

	if (g->sealed)
		return POL_OK;
	e = graph_deal(g, g->raw);
	free(g->raw);
	g->raw = NULL;
	g->cap = 0;
	return e;
}

enum pol_err
pol_graph_fill(struct pol_graph *g, const struct pol_link *l, size_t n)
{
	enum pol_err e;

	if (g->sealed || g->nlinks != 0 || n > UINT32_MAX)
		return POL_E_RANGE;
	if ((e = links_take(g, l, n)) != POL_OK)
		return e;
	g->nlinks = n;
	return graph_deal(g, l);
}

static void
rows_free(struct rows *r)
{
	free(r->at);
	free(r->peer);
	free(r->client_root);
}

void
pol_graph_free(struct pol_graph *g)
{
	if (g == NULL)
		return;
	free(g->flags);
	free(g->server_root);
	free(g->raw);
	rows_free(&g->as_client);
	rows_free(&g->as_server);
	free(g);
}
