/* From any broken start to any goal: a world of its own has the files that the
 * nodes really hold; each of its directions that works goes on working, at every
 * moment, and at the end all of them do. */
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

#define SEEDS 20
#define TURNS 2000

static const char *const graphs[][2] = {
	{ "c>s", "" },
	{ "c>s", "c" }, /* dual */
	{ "c>s", "c s~" }, /* and a server that takes no intermediates */
	{ "c>s:server", "c" },
	{ "c>s:0/1", "c" }, /* a root per side */
	{ "c>m m>s", "m s!" },
	{ "x>y y>x", "x" }, /* both roles */
	{ "x>y y>z z>x", "x y z~" },
	{ "c>s d>s d>t:server", "c d t~" },
	{ "a>b b>c c>b a>c", "a b c~" },
};
#define NGRAPHS (sizeof(graphs) / sizeof(graphs[0]))

/* A step on; back; over a generation, to where nobody has been. */
static const struct pol_goal goals[] = { { .from = 2, .to = 3 },
	{ .from = 3, .to = 2 }, { .from = 1, .to = 3 } };
#define NGOALS (sizeof(goals) / sizeof(goals[0]))

struct world {
	struct fleet f;
	struct pol_engine *e;
	struct pol_goal goal;
	struct pol_conf conf[FLEET_MAX]; /* what it really holds */
	bool dual[FLEET_MAX]; /* and presents as client */
	struct direction {
		uint32_t presenter, verifier;
		bool bridges, worked;
	} dir[FLEET_MAX];
	uint32_t ndirs, rng, seed;
	uint64_t epoch, out[FLEET_MAX]; /* of the outstanding order */
	uint32_t steps[FLEET_MAX];
};

static uint32_t
pick(struct world *w, uint32_t n)
{
	w->rng = w->rng * 1664525u + 1013904223u;
	return (w->rng >> 8) % n;
}

/* ---- the world ------------------------------------------------------------------ */

static bool
has_mark(const char *marks, char name, const char *mark)
{
	const char *p = strchr(marks, name);

	return p != NULL &&
	    (*mark == '\0' ? strcspn(p, " ") == 1
			   : strncmp(p + 1, mark, 1) == 0);
}

static void
direction_add(struct world *w, char presenter, char verifier, bool bridges)
{
	w->dir[w->ndirs++] = (struct direction){
		.presenter = fleet_node(&w->f, &presenter, 1),
		.verifier = fleet_node(&w->f, &verifier, 1),
		.bridges = bridges,
	};
}

static void
directions_read(struct world *w, const char *links, const char *marks)
{
	for (const char *s = links; *s != '\0';
	     s += strcspn(s, " "), s += strspn(s, " ")) {
		const char c = s[0], v = s[2], *tail = s + 3;
		const bool dual = has_mark(marks, c, "");
		if (strncmp(tail, ":server", 7) != 0) {
			direction_add(w, c, v,
			    dual && !has_mark(marks, v, "~"));
			w->dual[fleet_node(&w->f, &c, 1)] |= dual;
		}
		if (strncmp(tail, ":0/1", 4) != 0)
			direction_add(w, v, c, false);
	}
}

static bool
works(const struct world *w, const struct direction *d)
{
	const struct pol_conf *p = &w->conf[d->presenter];
	const uint64_t shown = p->present | (d->bridges ? p->bridge : 0);

	return p->present != 0 && (shown & w->conf[d->verifier].trust) != 0;
}

static void
look(struct world *w)
{
	for (uint32_t i = 0; i < w->ndirs; i++) {
		const bool is = works(w, &w->dir[i]);
		ck_assert_msg(is || !w->dir[i].worked, "seed %u: %s > %s broke",
		    w->seed, w->f.name[w->dir[i].presenter],
		    w->f.name[w->dir[i].verifier]);
		w->dir[i].worked = is;
	}
}

static void
write_trust(struct world *w, uint32_t node)
{
	if (w->steps[node] & T)
		w->conf[node].trust |= POL_GEN(w->goal.to);
	if (w->steps[node] & F)
		w->conf[node].trust = POL_GEN(w->goal.to);
}

static void
write_chain(struct world *w, uint32_t node)
{
	if (w->steps[node] & C) {
		w->conf[node].present = POL_GEN(w->goal.to);
		w->conf[node].bridge =
		    w->dual[node] ? POL_GEN(w->goal.from) : 0;
	}
	if ((w->steps[node] & F) && w->dual[node])
		w->conf[node].bridge = 0;
}

/* ---- orders --------------------------------------------------------------------- */

static void
tell(struct world *w, struct pol_fact f)
{
	f.from = w->goal.from;
	f.to = w->goal.to;
	ck_assert_int_eq(pol_engine_fact(w->e, &f), POL_OK);
}

static bool
give(struct world *w)
{
	const struct pol_order *o;
	struct pol_order one;
	size_t n;

	ck_assert_int_eq(pol_engine_ready(w->e, (struct pol_time){ 0 },
			     SIZE_MAX, &o, &n),
	    POL_OK);
	if (n == 0)
		return false;
	one = o[pick(w, (uint32_t)n)];
	w->steps[one.node] = one.steps;
	w->out[one.node] = ++w->epoch;
	tell(w,
	    (struct pol_fact){ .kind = POL_FACT_SENT,
		.node = one.node,
		.epoch = w->epoch,
		.steps = one.steps });
	return true;
}

/* Each file is swapped some time, in any order; a failed order has swapped
 * either, both or none. */
static void
go_on(struct world *w, uint32_t node)
{
	const uint32_t what = pick(w, 8);

	if (what < 3) {
		write_trust(w, node);
	} else if (what < 6) {
		write_chain(w, node);
	} else if (what == 6) {
		write_trust(w, node);
		look(w);
		write_chain(w, node);
	}
	look(w);
	if (what < 6)
		return;
	tell(w,
	    (struct pol_fact){ .kind = what == 6 ? POL_FACT_EFFECTIVE
						 : POL_FACT_FAILED,
		.node = node,
		.epoch = w->out[node] });
	w->out[node] = 0;
}

/* A trust list may have lost something that it had, a chain be of any
 * generation, or not there. */
static void
start(struct world *w)
{
	ck_assert_int_eq(pol_engine_new(w->f.graph, 0, &w->goal, &w->e),
	    POL_OK);
	for (uint32_t i = 0; i < w->f.n; i++) {
		const uint32_t leaf = pick(w, 7);
		w->conf[i] = (struct pol_conf){ .trust = pick(w, 8),
			.present = leaf == 6 ? 0 : POL_GEN(1 + leaf % 3) };
		if (w->dual[i] && leaf != 6)
			w->conf[i].bridge = pick(w, 8) & ~w->conf[i].present;
		tell(w,
		    (struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = w->conf[i] });
	}
	look(w);
}

static void
roll(struct world *w)
{
	start(w);
	for (int k = 0; k < TURNS && !pol_engine_is_done(w->e); k++) {
		const uint32_t i = pick(w, w->f.n);
		if (w->out[i] != 0)
			go_on(w, i);
		else
			(void)give(w);
	}
	ck_assert_msg(pol_engine_is_done(w->e), "seed %u: no end", w->seed);
	for (uint32_t i = 0; i < w->ndirs; i++)
		ck_assert(w->dir[i].worked);
	pol_engine_free(w->e);
}

START_TEST(test_a_broken_start_heals_and_never_worsens)
{
	const char *const *g = graphs[(size_t)_i / POL_STRATEGIES];
	struct world w;

	for (uint32_t k = 0; k < NGOALS * SEEDS; k++) {
		memset(&w, 0, sizeof(w));
		fleet_make(&w.f, g[0], g[1]);
		w.goal = goals[k % NGOALS];
		w.goal.strategy = (enum pol_strategy)(_i % POL_STRATEGIES);
		w.rng = w.seed = (uint32_t)_i * 2246822519u + k * 2654435761u;
		directions_read(&w, g[0], g[1]);
		roll(&w);
		fleet_free(&w.f);
	}
}
END_TEST

TCase *
case_broken(void)
{
	TCase *t = tcase_create("broken");

	tcase_add_loop_test(t, test_a_broken_start_heals_and_never_worsens, 0,
	    (int)NGRAPHS * POL_STRATEGIES);
	return t;
}
