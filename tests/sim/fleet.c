/*
 * fleet: a topology from the seed: clients, servers and nodes that are both,
 * mutual and server-only links, circles of them, one root or one for each
 * side, dual clients; reached directly, by polling, by pushing, over several
 * hops and by several relays. Some come later. See sim.h.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTNERS 3

struct pick { /* one node as it will be */
	uint32_t partner[PARTNERS]; /* among those before it */
	size_t npartners;
	bool client; /* of its first partner; else the server */
	bool other[PARTNERS]; /* it is the other way round with this one */
	bool mutual, dual, direct, polls;
	bool late;
	bool serves, checks; /* others, early: who is late may join them */
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

		p.other[k] = k > 0 && sim_chance(30);
		bool twice = false;

		if (sim_chance(50))
			j = (uint32_t)sim_dice(j + 1);
		for (size_t m = 0; m < p.npartners; m++)
			twice |= p.partner[m] == j;
		if (!twice)
			p.partner[p.npartners++] = j;
	}
	p.other[0] = false;
	return p;
}

static bool
is_client(const struct pick *p, size_t k)
{
	return p->client != p->other[k];
}

static void
note_roles(struct pick *all, uint32_t i)
{
	const struct pick *p = &all[i];

	for (size_t k = 0; k < p->npartners; k++) {
		struct pick *server = &all[is_client(p, k) ? p->partner[k] : i];

		server->serves = true;
		server->checks |= p->mutual;
	}
}

/* Who comes late is a client of some who serve such already. */
static void
make_late(struct pick *all, uint32_t i)
{
	struct pick *p = &all[i];

	p->late = p->client = true;
	for (size_t k = 0; k < p->npartners; k++) {
		const struct pick *s = &all[p->partner[k]];

		p->late &= !s->late && s->serves && (s->checks || !p->mutual);
		p->late &= !p->other[k];
	}
}

/* Nobody else is in need of who comes late: node 0 is there. */
static void
drop_partner(struct pick *p, size_t k)
{
	if (p->npartners == 1) {
		p->partner[0] = 0;
		return;
	}
	p->npartners--;
	p->partner[k] = p->partner[p->npartners];
	p->other[k] = k > 0 && p->other[p->npartners];
}

static void
pick_nodes(struct pick *all, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		all[i] = pick_node(i);
		if (i > n / 2 && sim_chance(15))
			make_late(all, i);
		for (size_t k = 0; k < all[i].npartners; k++)
			if (all[all[i].partner[k]].late)
				drop_partner(&all[i], k--);
		if (!all[i].late)
			note_roles(all, i);
	}
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
		if (!p->other[k])
			sim_put(b, "%s \"n%03u\"", k == 0 ? "" : ",",
			    p->partner[k]);
	sim_put(b, " ];");
}

static void
put_links(struct base_buf *b, uint32_t i, const struct pick *p,
    const char *clients, bool first)
{
	for (size_t k = 0; k < p->npartners; k++) {
		uint32_t c = is_client(p, k) ? i : p->partner[k];
		uint32_t s = is_client(p, k) ? p->partner[k] : i;

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
		sim_put(b, "%s%s }", p[i].dual ? " dual = true;" : "",
		    i % 5 == 3 ? " shallow = true;" : "");
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
	/* the smaller of two: more seeds in the same time */
	size_t n = least + sim_dice(most - least + 1);
	size_t m = least + sim_dice(most - least + 1);
	struct pick *p;
	struct base_buf b;

	n = m < n ? m : n;
	p = base_alloc(n * sizeof(*p));
	pick_nodes(p, (uint32_t)n);
	base_buf_init(&b, 0);
	compose(&b, p, n);
	if (ca_topology_parse("seed", base_buf_span(&b), &sim.topo) != BASE_OK)
		sim_fail("topology: %s\n%.*s", base_why(), (int)b.n, b.p);
	sim_say("%zu nodes\n%.*s", n, (int)b.n, b.p);
	sim.nnodes = n;
	make_nodes();
	for (size_t i = 0; i < n; i++)
		sim.nodes[i].late = p[i].late;
	base_buf_free(&b);
	free(p);
}
