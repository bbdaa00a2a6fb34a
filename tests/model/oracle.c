/*
 * oracle: random graphs, random strategies, random reports; and in every
 * state OpenSSL shakes hands over every link that the state touches, in each
 * combination of files that an outstanding order may have left, with the
 * certificates that the CA composes and the files that the agent renders.
 * Beside the orders of the plan any other step is tried: one that the rules
 * allow must break nothing; some that they forbid must break a handshake,
 * else the oracle sees nothing and fails.
 *
 * usage: oracle [--seed N] [--graphs N]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "policy/policy.h"
#include "tests/model/oracle.h"
#include "tests/model/pick.h"

#define LINKS_MAX (ORACLE_NODES * (ORACLE_NODES - 1))
#define FACTS_MAX 1024

struct world {
	uint64_t seed, start; /* of this graph: now, and at its begin */
	uint32_t n, nlinks, nfacts, flips, to;
	struct pol_link link[LINKS_MAX];
	uint32_t flags[ORACLE_NODES];
	enum pol_strategy strategy;
	struct pol_graph *graph;
	struct pol_engine *engine; /* rolls root 0 */
	struct version *now[ORACLE_NODES][ORACLE_ROOTS];
	struct version *next[ORACLE_NODES]; /* root 0; NULL: no order */
	uint64_t epoch[ORACLE_NODES];
	struct pol_fact fact[FACTS_MAX];
};

static struct {
	uint64_t states, links, forbidden, broke;
} total;

static _Noreturn void
found(const struct world *w, const char *what, uint32_t node, uint32_t steps)
{
	fprintf(stderr, "oracle: %s (n%u, steps %u, strategy %s, to %u)\n",
	    what, node, steps, pol_strategy_name(w->strategy), w->to);
	for (uint32_t i = 0; i < w->nlinks; i++)
		fprintf(stderr, " n%u>n%u:%d/%d", w->link[i].client,
		    w->link[i].server, (int)w->link[i].client_root,
		    (int)w->link[i].server_root);
	for (uint32_t i = 0; i < w->n; i++)
		if (w->flags[i] & POL_NODE_DUAL)
			fprintf(stderr, " dual n%u", i);
	fprintf(stderr, "\nagain: make oracle GRAPH=%llu\n",
	    (unsigned long long)w->start);
	exit(1);
}

static void
must(const struct world *w, enum pol_err e)
{
	if (e != POL_OK)
		found(w, pol_err_text(e), 0, 0);
}

/* ---- hands over the links -------------------------------------------------- */

static const struct version *
version_of(const struct world *w, uint32_t node, uint32_t root, bool next)
{
	if (root >= ORACLE_ROOTS)
		return NULL;
	if (next && (root != 0 || w->next[node] == NULL))
		return NULL;
	return next ? w->next[node] : w->now[node][root];
}

/* One of the sixteen ways in which four files may be old or new; a way that
 * does not exist works. */
static bool
way_works(const struct world *w, const struct pol_link *l, unsigned way)
{
	const struct version *cc =
	    version_of(w, l->client, l->client_root, way & 1);
	const struct version *ct =
	    version_of(w, l->client, l->server_root, (way >> 1) & 1);
	const struct version *sc =
	    version_of(w, l->server, l->server_root, (way >> 2) & 1);
	const struct version *st =
	    version_of(w, l->server, l->client_root, (way >> 3) & 1);
	struct shake s = { .client_chain = FILE_NONE };

	if (ct == NULL || sc == NULL)
		return true;
	s.client_trust = ct->trust;
	s.server_chain = sc->as_server;
	if (l->client_root == POL_NONE)
		return (way & 9) != 0 || shake_works(&s);
	if (cc == NULL || st == NULL)
		return true;
	s.client_chain = cc->as_client;
	s.server_trust = st->trust;
	return shake_works(&s);
}

/* Every link of the node. */
static bool
links_work(const struct world *w, uint32_t node)
{
	for (uint32_t i = 0; i < w->nlinks; i++) {
		const struct pol_link *l = &w->link[i];
		if (l->client != node && l->server != node)
			continue;
		total.links++;
		for (unsigned way = 0; way < 16; way++)
			if (!way_works(w, l, way))
				return false;
	}
	return true;
}

/* ---- the CA's side ------------------------------------------------------------ */

static void
engine_make(struct world *w)
{
	const struct pol_goal goal = { .from = 3 - w->to,
		.to = w->to,
		.strategy = w->strategy };

	pol_engine_free(w->engine);
	must(w, pol_engine_new(w->graph, 0, &goal, &w->engine));
	for (uint32_t i = 0; i < w->nfacts; i++)
		must(w, pol_engine_fact(w->engine, &w->fact[i]));
}

static void
tell(struct world *w, enum pol_fact_kind kind, uint32_t node, uint32_t steps)
{
	const struct pol_fact f = { .kind = kind,
		.node = node,
		.epoch = kind == POL_FACT_HOLDS ? 0 : w->epoch[node],
		.steps = steps,
		.from = 3 - w->to,
		.to = w->to,
		.conf = { 1, 1, 0 } };

	if (w->nfacts == FACTS_MAX)
		found(w, "does not come to an end", node, steps);
	w->fact[w->nfacts++] = f;
	must(w, pol_engine_fact(w->engine, &f));
}

static struct version *
ordered(const struct world *w, uint32_t node, uint32_t steps)
{
	const struct pol_role role = pol_graph_role(w->graph, 0, node);
	const struct oracle_order o = { .node = node,
		.steps = steps,
		.to = w->to,
		.verifies = role.verifies,
		.presents = role.presents,
		.bridges = role.bridges,
		.epoch = w->epoch[node] + 1 };

	return version_next(w->now[node][0], &o);
}

/* An order of another goal is outranked: it has done its work or has not. */
static void
outrank(struct world *w, uint32_t node)
{
	const bool did = model_pick(&w->seed, 2) == 0;
	struct version *gone = did ? w->now[node][0] : w->next[node];

	if (w->next[node] == NULL)
		return;
	if (did)
		w->now[node][0] = w->next[node];
	w->next[node] = NULL;
	version_free(gone);
}

static void
give(struct world *w, uint32_t node, uint32_t steps)
{
	outrank(w, node);
	if ((w->next[node] = ordered(w, node, steps)) == NULL)
		found(w, base_why(), node, steps);
	w->epoch[node]++;
	tell(w, POL_FACT_SENT, node, steps);
	if (!links_work(w, node))
		found(w, "a handshake fails under way", node, steps);
	total.states++;
}

/* effective: the files are the new ones; failed: the old ones are back. */
static void
report(struct world *w, uint32_t node, bool effective)
{
	struct version *gone = effective ? w->now[node][0] : w->next[node];

	if (effective)
		w->now[node][0] = w->next[node];
	w->next[node] = NULL;
	version_free(gone);
	tell(w, effective ? POL_FACT_EFFECTIVE : POL_FACT_FAILED, node, 0);
	total.states++;
}

/* ---- any other step -------------------------------------------------------------- */

static bool
is_rule(const char *id)
{
	return strcmp(id, "present-trusted") == 0 ||
	    strcmp(id, "forget-unused") == 0 ||
	    strcmp(id, "bridge-until-trusted") == 0;
}

static void
try_any(struct world *w)
{
	const uint32_t node = model_pick(&w->seed, w->n);
	const uint32_t steps =
	    (1 + model_pick(&w->seed, 7)) & pol_graph_steps(w->graph, 0, node);
	struct pol_why why;
	bool allowed, works;

	if (w->next[node] != NULL || steps == 0)
		return;
	allowed = pol_engine_allowed(w->engine, node, steps, &why) == POL_OK;
	if (!allowed && !is_rule(why.rule))
		return;
	if ((w->next[node] = ordered(w, node, steps)) == NULL) {
		if (allowed)
			found(w, base_why(), node, steps);
		return;
	}
	works = links_work(w, node);
	if (allowed && !works)
		found(w, "an allowed step breaks a handshake", node, steps);
	total.forbidden += !allowed;
	total.broke += !works;
	version_free(w->next[node]);
	w->next[node] = NULL;
}

/* ---- one graph --------------------------------------------------------------------- */

static void
links_at_random(struct world *w)
{
	const uint32_t density = 2 + model_pick(&w->seed, 4);
	uint32_t server_root[ORACLE_NODES];

	w->n = 2 + model_pick(&w->seed, ORACLE_NODES - 1);
	for (uint32_t i = 0; i < w->n; i++) {
		server_root[i] = model_pick(&w->seed, 5) == 0;
		if (model_pick(&w->seed, 3) == 0)
			w->flags[i] = POL_NODE_DUAL;
	}
	for (uint32_t c = 0; c < w->n; c++)
		for (uint32_t s = 0; s < w->n; s++) {
			const uint32_t kind = model_pick(&w->seed, 6);
			if (c == s || model_pick(&w->seed, density) != 0)
				continue;
			w->link[w->nlinks++] = (struct pol_link){ c, s,
				kind == 0 ? POL_NONE : kind == 1,
				server_root[s] };
		}
}

static void
world_start(struct world *w)
{
	struct pol_role role;

	must(w, pol_graph_new(w->n, ORACLE_ROOTS, &w->graph));
	for (uint32_t i = 0; i < w->n; i++)
		must(w, pol_graph_node_flags(w->graph, i, w->flags[i]));
	must(w, pol_graph_fill(w->graph, w->link, w->nlinks));
	w->to = 2;
	engine_make(w);
	for (uint32_t i = 0; i < w->n; i++) {
		for (uint32_t r = 0; r < ORACLE_ROOTS; r++) {
			role = pol_graph_role(w->graph, r, i);
			w->now[i][r] =
			    version_first(i, r, role.verifies, role.presents);
		}
		tell(w, POL_FACT_HOLDS, i, 0);
	}
	for (uint32_t i = 0; i < w->n; i++)
		if (!links_work(w, i))
			found(w, "a handshake fails at the start", i, 0);
}

static void
world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		for (uint32_t r = 0; r < ORACLE_ROOTS; r++)
			version_free(w->now[i][r]);
		version_free(w->next[i]);
	}
	pol_engine_free(w->engine);
	pol_graph_free(w->graph);
}

/* A change of mind: a new engine takes all facts anew. */
static void
flip(struct world *w)
{
	w->flips--;
	w->to = 3 - w->to;
	engine_make(w);
}

/* Gives what is ready or reports what was given; false at the end. */
static bool
step(struct world *w)
{
	const struct pol_order *o;
	uint32_t out[ORACLE_NODES], nout = 0, at;
	size_t n;

	must(w,
	    pol_engine_ready(w->engine, (struct pol_time){ 0 }, SIZE_MAX, &o,
		&n));
	for (uint32_t i = 0; i < w->n; i++)
		if (w->next[i] != NULL)
			out[nout++] = i;
	if (n + nout == 0 && !pol_engine_is_done(w->engine))
		found(w, "the roll rests before its end", 0, 0);
	if (n + nout == 0)
		return false;
	at = model_pick(&w->seed, (uint32_t)n + nout);
	if (at < n)
		give(w, o[at].node, o[at].steps);
	else
		report(w, out[at - n], model_pick(&w->seed, 8) != 0);
	return true;
}

static void
graph_walk(uint64_t seed)
{
	struct world w = { .seed = seed, .start = seed };

	/* the first numbers of near seeds are near */
	for (unsigned i = 0; i < 20; i++)
		(void)model_pick(&w.seed, 2);
	links_at_random(&w);
	w.strategy = (enum pol_strategy)model_pick(&w.seed, POL_COMPACT + 1);
	w.flips = model_pick(&w.seed, 3);
	world_start(&w);
	while (step(&w)) {
		try_any(&w);
		if (w.flips > 0 && model_pick(&w.seed, 20) == 0)
			flip(&w);
	}
	for (uint32_t i = 0; i < w.n; i++)
		if (!links_work(&w, i))
			found(&w, "a handshake fails at the end", i, 0);
	world_free(&w);
}

/* ---- it can fail --------------------------------------------------------------------- */

/* c>s as FIG. 13: does the step break the link that just worked? */
static bool
breaks(struct world *w, uint32_t node, uint32_t steps)
{
	bool works;

	if ((w->next[node] = ordered(w, node, steps)) == NULL)
		found(w, base_why(), node, steps);
	works = links_work(w, node);
	version_free(w->next[node]);
	w->next[node] = NULL;
	return !works;
}

static void
control(void)
{
	struct world w = { .n = 2, .nlinks = 1, .link = { { 0, 1, 0, 0 } } };

	world_start(&w);
	for (uint32_t i = 0; i < 2; i++) {
		if (breaks(&w, i, POL_TRUST))
			found(&w, "control: trust breaks", i, POL_TRUST);
		give(&w, i, POL_TRUST);
		if (i == 0 && !breaks(&w, 1, POL_TRUST | POL_FINISH))
			found(&w, "control: finish is not seen", 1, 5);
		report(&w, i, true);
		if (i == 0 && !breaks(&w, 0, POL_CERT))
			found(&w, "control: cert is not seen", 0, POL_CERT);
	}
	if (breaks(&w, 0, POL_CERT) || !breaks(&w, 0, POL_FINISH))
		found(&w, "control: cert breaks, or finish does not", 0, 0);
	world_free(&w);
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = { { "seed", 1, NULL, 's' },
		{ "graphs", 1, NULL, 'g' }, { NULL, 0, NULL, 0 } };
	uint32_t random = 0;
	uint64_t seed = 0;
	unsigned long graphs = 300;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (c == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (c == 'g')
			graphs = strtoul(optarg, NULL, 10);
		else
			return 2;
	while (seed == 0 && getrandom(&random, sizeof(random), 0) > 0)
		seed = random;
	printf("oracle: seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	pki_make();
	control();
	for (unsigned long i = 0; i < graphs; i++)
		graph_walk(seed + i);
	printf("oracle: %lu graphs, %llu states, %llu links looked at, %u "
	       "combinations shaken; of %llu forbidden steps %llu broke a "
	       "handshake\n",
	    graphs, (unsigned long long)total.states,
	    (unsigned long long)total.links, shake_count(),
	    (unsigned long long)total.forbidden,
	    (unsigned long long)total.broke);
	shakes_free();
	files_free();
	pki_free();
	return graphs < 100 || total.broke > 0 ? 0 : 1;
}
