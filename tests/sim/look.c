/*
 * look: whether everybody authenticates, by real verification of what the
 * applications have loaded. A leaf counts under its own generation only, the
 * chain beside it only when a client bridges: a NewWithOld that a server sends
 * along is a net and must never be needed. See sim.h.
 */
#include "tests/sim/sim.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

#define KNOWN (1u << 18)
#define HOPS  4099u

/* Verdicts by what they are about, in every seed. The clock is no part of that:
 * no certificate of a link ends while a seed runs. */
static struct {
	uint64_t key;
	bool good;
} known[KNOWN];

static STACK_OF(X509) *
stack_of(const struct base_buf *pem)
{
	STACK_OF(X509) *s = NULL;

	if (wire_x509_stack_from_pem(base_buf_span(pem), "sim", &s) != BASE_OK)
		sim_fail("a file of certificates: %s", base_why());
	return s;
}

struct question {
	const struct base_buf *chain, *trust;
	const char *name;
	bool client; /* the one who presents */
	bool shallow; /* the other takes no intermediate */
};

static bool
verify(const struct question *q)
{
	STACK_OF(X509) *chain = stack_of(q->chain);
	STACK_OF(X509) *trust = stack_of(q->trust);
	const bool bridged = q->client && !q->shallow;
	struct wire_verify v = {
		.purpose = q->client ? WIRE_CLIENT : WIRE_SERVER,
		.now = sim_time(),
		.max_depth = bridged ? 1 : 0,
		.name_kind = WIRE_NAME_DNS,
		.name = q->name,
	};
	X509 *leaf = sk_X509_shift(chain);
	bool good = leaf != NULL &&
	    wire_verify_cert(&v, leaf, trust, bridged ? chain : NULL, NULL) ==
		BASE_OK;

	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(trust, X509_free);
	return good;
}

static bool
is_good(const struct question *q)
{
	uint8_t sums[3][32], sum[32];
	uint64_t key;
	size_t i;

	sim.checks++;
	SHA256(q->chain->p, q->chain->n, sums[0]);
	SHA256(q->trust->p, q->trust->n, sums[1]);
	SHA256((const uint8_t *)q->name, strlen(q->name), sums[2]);
	SHA256(sums[0], sizeof(sums), sum);
	memcpy(&key, sum, sizeof(key));
	key ^= q->client | (uint64_t)q->shallow << 1;
	for (i = key % KNOWN; known[i].key != 0; i = (i + 1) % KNOWN)
		if (known[i].key == key)
			return known[i].good;
	known[i].key = key;
	known[i].good = verify(q);
	sim.looks++;
	return known[i].good;
}

static void
direction(const struct sim_node *from, const struct sim_face *shown,
    const struct sim_node *to, const struct sim_face *held, bool client)
{
	const struct question q = { &shown->chain, &held->trust, from->name,
		client, sim.topo->nodes[to->number].shallow };

	if (!is_good(&q))
		sim_fail("%s refuses %s%s", to->name, from->name,
		    shown->until != INT64_MAX || held->until != INT64_MAX
			? " (a connection that began before)"
			: "");
}

static bool
is_over(const struct sim_face *f)
{
	return f->until < sim.now;
}

static void
look_link(const struct ca_topo_link *l)
{
	const struct sim_node *c = &sim.nodes[l->client];
	const struct sim_node *s = &sim.nodes[l->server];

	if (!c->serves || !s->serves || c->off || s->off ||
	    sim.unlinked[l - sim.topo->links])
		return;
	if ((c->excused || s->excused) && !sim.ending)
		return;
	for (size_t i = 0; i < SIM_FACES; i++) {
		const struct sim_face *cf = &c->face[1][i];

		for (size_t k = 0; k < SIM_FACES; k++) {
			const struct sim_face *sf = &s->face[0][k];

			if (is_over(cf) || is_over(sf))
				continue;
			direction(s, sf, c, cf, false);
			if (l->client_root != POL_NONE)
				direction(c, cf, s, sf, true);
		}
	}
}

void
sim_look(struct sim_node *n)
{
	for (size_t i = 0; i < sim.topo->nlinks; i++) {
		const struct ca_topo_link *l = &sim.topo->links[i];

		if (l->client == n->number || l->server == n->number)
			look_link(l);
	}
}

/* ---- hops ------------------------------------------------------------------------- */

static bool
verify_hop(const struct ag_bundle *shows, const struct ag_bundle *holds,
    const char *name, bool client)
{
	struct base_buf chain, trust;
	const struct question q = { &chain, &trust, name, client, false };
	X509 *link = ag_bundle_link(shows, client);
	bool good;

	base_buf_init(&chain, 0);
	base_buf_init(&trust, 0);
	good = wire_x509_to_pem(shows->cert, &chain) == BASE_OK &&
	    (link == NULL || wire_x509_to_pem(link, &chain) == BASE_OK);
	for (size_t i = 0; good && i < holds->ntrust; i++)
		good = wire_x509_to_pem(holds->trust[i], &trust) == BASE_OK;
	good = good && is_good(&q);
	base_buf_free(&chain);
	base_buf_free(&trust);
	return good;
}

/* Of what a hop rests on; the same certificates are looked at once for whom
 * they are to name. */
static uint64_t
hop_key(const struct ag_bundle *shows, const struct ag_bundle *holds,
    const char *name, bool client)
{
	X509 *link = ag_bundle_link(shows, client);
	uint64_t key, part;
	uint8_t sum[32];

	SHA256((const uint8_t *)name, strlen(name), sum);
	memcpy(&key, sum, sizeof(key));
	key ^= client;
	for (int i = -2; i < (int)holds->ntrust; i++) {
		X509 *x = i == -2 ? shows->cert
		    : i == -1	  ? link
				  : holds->trust[i];

		key *= UINT64_C(0x9e3779b97f4a7c15);
		if (x == NULL)
			continue;
		sim_memo_sum(x, sum);
		memcpy(&part, sum, sizeof(part));
		key += part;
	}
	return key | 1;
}

static bool
hop_direction(const struct sim_node *from, const struct sim_node *to,
    const char *root, bool client)
{
	static uint64_t good[HOPS];
	const struct ag_root *shows = ag_holdings_find(&from->holdings, root);
	const struct ag_root *holds = ag_holdings_find(&to->holdings, root);
	uint64_t key;

	if (shows == NULL || holds == NULL || shows->bundle == NULL ||
	    holds->bundle == NULL)
		return true; /* not joined yet: nothing to look at */
	if (shows->bundle->cert == NULL)
		return false;
	key = hop_key(shows->bundle, holds->bundle, from->name, client);
	if (good[key % HOPS] == key)
		return true;
	if (!verify_hop(shows->bundle, holds->bundle, from->name, client))
		return false;
	good[key % HOPS] = key;
	return true;
}

bool
sim_look_hop(const struct sim_node *a, const struct sim_node *b)
{
	for (size_t i = 0; i < sim.topo->nlinks; i++) {
		const struct ca_topo_link *l = &sim.topo->links[i];
		const struct sim_node *c = &sim.nodes[l->client];
		const struct sim_node *s = &sim.nodes[l->server];
		const char *root;

		if (!((c == a && s == b) || (c == b && s == a)))
			continue;
		/* parcels for somebody left out may go by hand */
		if (c->excused || s->excused)
			return true;
		root = sim.topo->roots[l->server_root].name;
		if (!hop_direction(s, c, root, false))
			sim_fail("hop: %s refuses %s", c->name, s->name);
		if (l->client_root == POL_NONE)
			continue;
		root = sim.topo->roots[l->client_root].name;
		if (!hop_direction(c, s, root, true))
			sim_fail("hop: %s refuses %s", s->name, c->name);
	}
	return true;
}

/* ---- towards the CA ---------------------------------------------------------------- */

static void
look_own(X509 *x, STACK_OF(X509) *trust, bool node, const char *who,
    const char *by)
{
	const struct wire_verify v = {
		.purpose = node ? WIRE_NODE_SIGNER : WIRE_CA_SIGNER,
		.closed = true,
		.now = sim_time(),
		.max_depth = -1,
	};

	sim.checks++;
	if (wire_verify_cert(&v, x, trust, NULL, NULL) != BASE_OK)
		sim_fail("%s refuses %s under the management root: %s", by, who,
		    base_why());
}

void
sim_look_ca(const struct sim_node *n)
{
	const struct ag_root *r = ag_holdings_find(&n->holdings, CA_MANAGEMENT);
	STACK_OF(X509) *trust;

	if (r == NULL || r->bundle == NULL || r->bundle->cert == NULL ||
	    !n->joined || sim.ca.tls_cert == NULL)
		return;
	trust = sk_X509_new_null();
	for (size_t i = 0; i < r->bundle->ntrust; i++)
		if (sk_X509_push(trust, r->bundle->trust[i]) <= 0)
			base_die("sim: out of memory");
	look_own(sim.ca.tls_cert, trust, false, "the CA", n->name);
	look_own(r->bundle->cert, sim.ca.management, true, n->name, "the CA");
	sk_X509_free(trust);
}

/* ---- the end ----------------------------------------------------------------------- */

void
sim_look_end(const char *root, uint32_t generation)
{
	sim.ending = true;
	for (size_t i = 0; i < sim.topo->nlinks; i++)
		look_link(&sim.topo->links[i]);
	for (size_t i = 0; i < sim.nnodes; i++) {
		const struct sim_node *n = &sim.nodes[i];
		const struct ag_root *r = ag_holdings_find(&n->holdings, root);
		uint64_t trust;

		if (r == NULL)
			continue;
		trust = ag_bundle_generations(r->bundle);
		if (trust != 0 && trust != POL_GEN(generation))
			sim_fail("%s trusts %llx of %s at the end", n->name,
			    (unsigned long long)trust, root);
		if (r->bundle->cert_gen != 0 &&
		    r->bundle->cert_gen != generation)
			sim_fail("%s shows generation %u of %s at the end",
			    n->name, r->bundle->cert_gen, root);
	}
}
