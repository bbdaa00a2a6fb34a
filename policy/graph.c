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
	if (nnodes > INT32_MAX || nroots >= ROOT_NONE)
		return POL_E_RANGE;
	if ((g = calloc(1, sizeof(*g))) == NULL)
		return POL_E_NOMEM;
	g->nnodes = nnodes;
	g->nroots = nroots;
	g->flags = calloc((size_t)nnodes + 1, sizeof(*g->flags));
	g->server_root = malloc(((size_t)nnodes + 1) * sizeof(*g->server_root));
	g->client_at = calloc((size_t)nnodes + 2, sizeof(*g->client_at));
	g->server_at = calloc((size_t)nnodes + 2, sizeof(*g->server_at));
	if (g->flags == NULL || g->server_root == NULL ||
	    g->client_at == NULL || g->server_at == NULL) {
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
	struct raw_link *raw;

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

enum pol_err
pol_graph_link(struct pol_graph *g, const struct pol_link *l)
{
	enum pol_err e;

	if ((e = link_check(g, l)) != POL_OK)
		return e;
	if (g->nlinks == g->cap &&
	    (e = pol_graph_reserve(g, g->cap + g->cap / 2 + 64)) != POL_OK)
		return e;
	g->raw[g->nlinks++] = (struct raw_link){
		.client = l->client,
		.server = l->server,
		.client_root = l->client_root == POL_NONE
		    ? ROOT_NONE
		    : (uint16_t)l->client_root,
		.server_root = (uint16_t)l->server_root,
	};
	g->server_root[l->server] = (uint16_t)l->server_root;
	g->client_at[l->client + 1]++;
	g->server_at[l->server + 1]++;
	return POL_OK;
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

static void
deal_raw(struct pol_graph *g)
{
	for (size_t i = 0; i < g->nlinks; i++) {
		const struct raw_link *l = &g->raw[i];
		g->as_client[g->client_at[l->client]++] =
		    (struct half){ l->server, l->client_root, l->server_root };
	}
	rows_restore(g->client_at, g->nnodes);
}

/* From one adjacency into the other, whose rows come out sorted. Returns
 * whether the rows that were read are sorted too, without repetitions. */
static bool
deal_half(const struct half *from, const uint32_t *from_at, struct half *to,
    uint32_t *to_at, uint32_t n)
{
	bool sorted = true;

	for (uint32_t k = 0; k < n; k++) {
		int64_t last = -1;
		for (uint32_t i = from_at[k]; i < from_at[k + 1]; i++) {
			const uint32_t peer = from[i].peer;
			sorted &= (int64_t)peer > last;
			last = peer;
			to[to_at[peer]++] = (struct half){ k,
				from[i].client_root, from[i].server_root };
		}
	}
	rows_restore(to_at, n);
	return sorted;
}

/* Drops repetitions from the sorted rows of the servers. */
static enum pol_err
rows_unique(struct pol_graph *g)
{
	struct half *h = g->as_server;
	uint32_t out = 0, begin = 0;

	for (uint32_t k = 0; k < g->nnodes; k++) {
		uint32_t first = out, end = g->server_at[k + 1];
		for (uint32_t i = begin; i < end; i++) {
			if (out == first || h[out - 1].peer != h[i].peer)
				h[out++] = h[i];
			else if (h[out - 1].client_root != h[i].client_root)
				return POL_E_TWICE;
		}
		begin = end;
		g->server_at[k + 1] = out;
	}
	g->nlinks = out;
	return POL_OK;
}

static void
clients_again(struct pol_graph *g)
{
	memset(g->client_at, 0,
	    ((size_t)g->nnodes + 1) * sizeof(*g->client_at));
	for (size_t i = 0; i < g->nlinks; i++)
		g->client_at[g->as_server[i].peer + 1]++;
	rows_sum(g->client_at, g->nnodes);
	(void)deal_half(g->as_server, g->server_at, g->as_client, g->client_at,
	    g->nnodes);
}

enum pol_err
pol_graph_seal(struct pol_graph *g)
{
	enum pol_err e;

	if (g->sealed)
		return POL_OK;
	g->as_client = malloc((g->nlinks + 1) * sizeof(*g->as_client));
	if (g->as_client == NULL)
		return POL_E_NOMEM;
	rows_sum(g->client_at, g->nnodes);
	rows_sum(g->server_at, g->nnodes);
	deal_raw(g);
	free(g->raw);
	g->raw = NULL;
	g->as_server = malloc((g->nlinks + 1) * sizeof(*g->as_server));
	if (g->as_server == NULL)
		return POL_E_NOMEM;
	if (!deal_half(g->as_client, g->client_at, g->as_server, g->server_at,
		g->nnodes)) {
		if ((e = rows_unique(g)) != POL_OK)
			return e;
		clients_again(g);
	}
	g->sealed = true;
	return POL_OK;
}

void
pol_graph_free(struct pol_graph *g)
{
	if (g == NULL)
		return;
	free(g->flags);
	free(g->server_root);
	free(g->raw);
	free(g->client_at);
	free(g->server_at);
	free(g->as_client);
	free(g->as_server);
	free(g);
}
