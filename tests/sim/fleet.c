/*
 * fleet: a topology from the seed: clients, servers and nodes that are both,
 * mutual and server-only links, one root or one for each side, dual clients;
 * reached directly, by polling, by pushing, over several hops and by several
 * relays. See sim.h.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTNERS 3

struct pick { /* one node as it will be */
	uint32_t partner[PARTNERS]; /* among those before it */
	size_t npartners;
	bool client; /* of its partners; else their server */
	bool mutual, dual, direct, polls;
};

/* Most find a partner near the beginning: a few busy servers. */
static struct pick
pick_node(uint32_t i)
{
	struct pick p = { .client = !sim_chance(25) };
	size_t want = 1 + (sim_chance(40) ? sim_dice(PARTNERS) : 0);

	p.mutual = !sim_chance(15);
	p.dual = sim_chance(15);
	p.direct = i == 0 || sim_chance(15);
	p.polls = p.direct && i > 0 && sim_chance(50);
	for (size_t k = 0; k < want && i > 0; k++) {
		uint32_t j = (uint32_t)sim_dice(i);
		bool twice = false;

		if (sim_chance(50))
			j = (uint32_t)sim_dice(j + 1);
		for (size_t m = 0; m < p.npartners; m++)
			twice |= p.partner[m] == j;
		if (!twice)
			p.partner[p.npartners++] = j;
	}
	return p;
}

static void
put_reach(struct base_buf *b, const struct pick *p)
{
	if (p->direct) {
		sim_put(b, "reach = \"%s\";", p->polls ? "poll" : "direct");
		return;
	}
	sim_put(b, "reach = \"%s\"; via = [", p->client ? "poll" : "push");
	for (size_t k = 0; k < p->npartners; k++)
		sim_put(b, "%s \"n%03u\"", k == 0 ? "" : ",", p->partner[k]);
	sim_put(b, " ];");
}

static void
put_links(struct base_buf *b, uint32_t i, const struct pick *p,
    const char *clients, bool first)
{
	for (size_t k = 0; k < p->npartners; k++) {
		uint32_t c = p->client ? i : p->partner[k];
		uint32_t s = p->client ? p->partner[k] : i;

		sim_put(b, "%s{ client = \"n%03u\"; server = \"n%03u\"; ",
		    first && k == 0 ? "" : ",\n", c, s);
		if (p->mutual)
			sim_put(b,
			    "auth = \"mutual\"; client_root = \"%s\"; "
			    "server_root = \"plant\"; }",
			    clients);
		else
			sim_put(b,
			    "auth = \"server\"; server_root = \"plant\"; }");
	}
}

static void
compose(struct base_buf *b, const struct pick *p, size_t n)
{
	const char *clients = sim_chance(30) ? "quay" : "plant";

	sim_put(b, "roots = ( { name = \"plant\"; }%s );\nnodes = (\n",
	    strcmp(clients, "quay") == 0 ? ", { name = \"quay\"; }" : "");
	for (uint32_t i = 0; i < n; i++) {
		sim_put(b, "%s{ name = \"n%03u\"; ", i == 0 ? "" : ",\n", i);
		put_reach(b, &p[i]);
		sim_put(b, "%s }", p[i].dual ? " dual = true;" : "");
	}
	sim_put(b, "\n);\nlinks = (\n");
	for (uint32_t i = 1; i < n; i++)
		put_links(b, i, &p[i], clients, i == 1);
	sim_put(b, "\n);\n");
}

static void
add_peer(struct sim_node *n, uint32_t peer)
{
	if (n->npeers == SIM_PEERS)
		sim_fail("%s has too many neighbours", n->name);
	n->peer[n->npeers++] = peer;
}

static void
make_nodes(void)
{
	for (uint32_t i = 0; i < sim.nnodes; i++) {
		const struct ca_topo_node *t = &sim.topo->nodes[i];
		struct sim_node *n = &sim.nodes[i];

		snprintf(n->name, sizeof(n->name), "%s", t->name);
		snprintf(n->dir, sizeof(n->dir), "%s/%s", sim.dir, t->name);
		n->number = i;
		if (t->nvia == 0)
			add_peer(n, POL_NONE);
	}
	for (uint32_t i = 0; i < sim.nnodes; i++) {
		const struct ca_topo_node *t = &sim.topo->nodes[i];

		for (uint32_t k = 0; k < t->nvia; k++) {
			add_peer(&sim.nodes[i], t->via[k]);
			add_peer(&sim.nodes[t->via[k]], i);
		}
	}
}

void
sim_fleet_make(size_t least, size_t most)
{
	size_t n = least + sim_dice(most - least + 1);
	struct pick *p = base_alloc(n * sizeof(*p));
	struct base_buf b;

	for (uint32_t i = 0; i < n; i++)
		p[i] = pick_node(i);
	base_buf_init(&b, 0);
	compose(&b, p, n);
	if (ca_topology_parse("seed", base_buf_span(&b), &sim.topo) != BASE_OK)
		sim_fail("topology: %s\n%.*s", base_why(), (int)b.n, b.p);
	sim_say("%zu nodes\n%.*s", n, (int)b.n, b.p);
	sim.nnodes = n;
	make_nodes();
	base_buf_free(&b);
	free(p);
}
