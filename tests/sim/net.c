/*
 * net: the wires between agents, and to the CA: exchanges of parcels that
 * are late, lost, repeated, overtaken, or answered in vain. A hop runs over
 * the certificates of its two ends, which must be good. See sim.h.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNDER_WAY 2
#define TIMEOUT	  5000
#define BODY_MAX  ((size_t)1 << 20)

struct message {
	struct sim_node *from, *to; /* NULL: the CA */
	size_t slot; /* of to among the peers of from */
	unsigned life; /* of from */
	struct wire_exchange x; /* until it is known to have come */
	struct base_buf body;
	bool again; /* a copy that nobody waits for */
	bool came;
};

static const char *
name_of(const struct sim_node *n)
{
	return n == NULL ? CA_NODE_CA : n->name;
}

static bool
is_parted(const struct sim_node *a, const struct sim_node *b)
{
	return sim.now < sim.parted &&
	    (a == NULL ? 0 : a->side) != (b == NULL ? 0 : b->side);
}

/* ---- arriving --------------------------------------------------------------------- */

static void
message_free(struct message *m)
{
	wire_exchange_clear(&m->x);
	base_buf_free(&m->body);
	free(m);
}

/* The sender learns whether it came: by its answer, or by none. */
static void
ended(void *arg)
{
	struct message *m = arg;
	struct sim_node *n = m->from;

	if (n != NULL && n->life == m->life && n->relay != NULL) {
		n->under_way[m->slot]--;
		if (m->came)
			ag_relay_done(n->relay, &m->x);
		else
			ag_relay_back(n->relay, name_of(m->to), &m->x);
		sim_net_pump(n);
	}
	message_free(m);
}

static bool
is_there(const struct sim_node *n)
{
	return n == NULL ? sim.ca_up : n->work != NULL && !n->off;
}

static void
give(struct message *m)
{
	struct wire_exchange x;

	if (wire_exchange_parse(base_buf_span(&m->body), &x) != BASE_OK)
		sim_fail("exchange: %s", base_why());
	if (m->to != NULL)
		sim_node_take(m->to, name_of(m->from), &x);
	for (size_t i = 0; m->to == NULL && i < x.nparcels; i++)
		sim_ca_report(name_of(m->from), &x.parcels[i]);
	wire_exchange_clear(&x);
}

static void
arrive(void *arg)
{
	struct message *m = arg;
	bool there = is_there(m->to) && (m->from == NULL || is_there(m->from));

	if (there && m->from != NULL && m->to != NULL)
		there = sim_look_hop(m->from, m->to);
	else if (there)
		sim_look_ca(m->from != NULL ? m->from : m->to);
	if (!there || is_parted(m->from, m->to) ||
	    sim_chance(sim.weather.loss)) {
		sim_at(TIMEOUT, ended, m);
		return;
	}
	give(m);
	m->came = !is_parted(m->from, m->to) &&
	    !sim_chance(sim.weather.loss); /* the answer is lost */
	sim_at(m->came ? 1 : TIMEOUT, ended, m);
}

static void
arrive_again(void *arg)
{
	struct message *m = arg;

	if (is_there(m->to) && !is_parted(m->from, m->to))
		give(m);
	message_free(m);
}

/* ---- setting off ---------------------------------------------------------------------- */

static int64_t
delay(void)
{
	int64_t ms = 1 + (int64_t)sim_dice(50);

	return sim_chance(sim.weather.slow) ? ms * 100 : ms;
}

static void
set_off(struct message *m)
{
	struct message *copy;

	strcpy(m->x.from, name_of(m->from));
	if (wire_exchange_compose(&m->x, &m->body) != BASE_OK)
		sim_fail("exchange: %s", base_why());
	if (sim_chance(sim.weather.twice)) {
		copy = base_alloc(sizeof(*copy));
		copy->from = m->from;
		copy->to = m->to;
		base_buf_init(&copy->body, 0);
		if (base_buf_put(&copy->body, m->body.p, m->body.n) != BASE_OK)
			base_die("sim: out of memory");
		sim_at(delay() * 20, arrive_again, copy);
	}
	sim_at(delay(), arrive, m);
}

static struct message *
message_new(struct sim_node *from, struct sim_node *to)
{
	struct message *m = base_alloc(sizeof(*m));

	m->from = from;
	m->to = to;
	base_buf_init(&m->body, 0);
	return m;
}

static void
pump_node(struct sim_node *n)
{
	for (size_t i = 0; i < n->npeers; i++) {
		struct sim_node *to =
		    n->peer[i] == POL_NONE ? NULL : &sim.nodes[n->peer[i]];
		struct message *m;

		while (n->under_way[i] < UNDER_WAY &&
		    ag_relay_has(n->relay, name_of(to))) {
			m = message_new(n, to);
			m->slot = i;
			m->life = n->life;
			n->under_way[i]++;
			ag_relay_take(n->relay, name_of(to),
			    (struct base_time){ base_time_now().ms + n->skew },
			    &m->x);
			set_off(m);
		}
	}
}

static void
pump_ca(void)
{
	for (size_t i = 0; i < sim.nnodes; i++) {
		struct sim_node *n = &sim.nodes[i];
		struct message *m;

		if (n->npeers == 0 || n->peer[0] != POL_NONE)
			continue;
		m = message_new(NULL, n);
		m->x.nparcels = ca_deliver_collect(sim.ca.deliver,
		    base_mono_now(), n->name, BODY_MAX, &m->x.parcels);
		if (m->x.nparcels > 0)
			set_off(m);
		else
			message_free(m);
	}
}

void
sim_net_pump(struct sim_node *n)
{
	if (n == NULL)
		pump_ca();
	else if (n->relay != NULL)
		pump_node(n);
}

/* ---- the agent's configuration ------------------------------------------------------------ */

struct role {
	bool server, client, shows, checks; /* shows: as client; checks: as
					     * server */
	const char *server_root, *client_root;
};

static struct role
role_of(uint32_t node)
{
	const struct ca_topology *t = sim.topo;
	struct role r = { .server_root = "", .client_root = "" };

	for (size_t i = 0; i < t->nlinks; i++) {
		const struct ca_topo_link *l = &t->links[i];
		bool mutual = l->client_root != POL_NONE;

		if (l->server == node || l->client == node)
			r.server_root = t->roots[l->server_root].name;
		if (mutual && (l->server == node || l->client == node))
			r.client_root = t->roots[l->client_root].name;
		r.server |= l->server == node;
		r.checks |= l->server == node && mutual;
		r.client |= l->client == node;
		r.shows |= l->client == node && mutual;
	}
	return r;
}

static bool
is_via(uint32_t relay, uint32_t node)
{
	const struct ca_topo_node *n = &sim.topo->nodes[node];

	for (uint32_t i = 0; i < n->nvia; i++)
		if (n->via[i] == relay)
			return true;
	return false;
}

bool
sim_is_hop(uint32_t a, uint32_t b)
{
	return is_via(a, b) || is_via(b, a);
}

static void
put_side(struct base_buf *b, const struct sim_node *n, const struct role *r,
    bool client)
{
	const char *own = client ? r->client_root : r->server_root;
	const char *other = client ? r->server_root : r->client_root;
	char c = client ? 'c' : 's';

	sim_put(b, "%s = {\n", client ? "client" : "server");
	if (client ? r->shows : r->server)
		sim_put(b,
		    "root = \"%s\"; chain = \"%s/files/%c-chain.pem\"; "
		    "key = \"%s/files/%c-key.pem\";\n",
		    own, n->dir, c, n->dir, c);
	if (client ? r->client : r->checks)
		sim_put(b,
		    "verify_root = \"%s\"; "
		    "trust = \"%s/files/%c-trust.pem\";\n",
		    other, n->dir, c);
	sim_put(b, "};\n");
}

/* Nobody listens there: the simulator carries the parcels. */
static void
put_hops(struct base_buf *b, const struct sim_node *n, const struct role *r)
{
	const struct ca_topo_node *t = &sim.topo->nodes[n->number];
	const char *comma = "";
	char own[160], other[160];

	if (r->server || r->shows)
		snprintf(own, sizeof(own), "root = \"%s\";",
		    r->server ? r->server_root : r->client_root);
	else
		own[0] = '\0';
	snprintf(other, sizeof(other), "verify_root = \"%s\";",
	    r->client ? r->server_root : r->client_root);
	if (t->reach == CA_DIRECT)
		sim_put(b, "management = { listen = \"127.0.0.1:1\"; };\n");
	else if (t->nvia == 0)
		sim_put(b,
		    "ca = { address = \"127.0.0.1:1\"; poll = true; };\n");
	if (own[0] != '\0')
		sim_put(b, "relay = { listen = \"127.0.0.1:1\"; %s };\n", own);
	sim_put(b, "neighbours = (");
	for (uint32_t i = 0; i < sim.nnodes; i++) {
		bool poll = is_via(i, n->number) && t->reach == CA_POLL;
		bool push =
		    is_via(n->number, i) && sim.topo->nodes[i].reach == CA_PUSH;

		if (!poll && !push)
			continue;
		sim_put(b,
		    "%s{ node = \"%s\"; address = \"127.0.0.1:1\"; "
		    "role = \"%s\"; %s %s }",
		    comma, sim.topo->nodes[i].name, poll ? "poll" : "push", own,
		    other);
		comma = ",\n";
	}
	sim_put(b, ");\n");
}

char *
sim_net_conf(const struct sim_node *n)
{
	struct role r = role_of(n->number);
	struct base_buf b;
	char *text;

	base_buf_init(&b, 0);
	sim_put(&b,
	    "fleet = \"demo\";\nnode = \"%s\";\nstore = \"%s/store\";\n"
	    "wait = 25.0;\nretry = 1.0;\n",
	    n->name, n->dir);
	put_hops(&b, n, &r);
	sim_put(&b,
	    "applications = ( { name = \"app\"; proof = \"reload\";\n"
	    "settle = 2.0; deadline = 10;%s\n",
	    n->number % 3 == 0 ? "" : " kick = [ \"kick\" ];");
	if (r.server)
		put_side(&b, n, &r, false);
	if (r.client)
		put_side(&b, n, &r, true);
	sim_put(&b, "} );\n");
	text = base_strndup((const char *)b.p, b.n);
	base_buf_free(&b);
	return text;
}
