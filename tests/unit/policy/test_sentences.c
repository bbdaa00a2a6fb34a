/* The sentence of each rule and gate, word by word, as an engine in the state
 * that needs it gives it. */
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define T POL_TRUST
#define C POL_CERT
#define F POL_FINISH

#define NOON INT64_C(1767614400000) /* Monday 2026-01-05T12:00:00Z */
#define MIN  INT64_C(60000)

static const char *
name_of(const void *arg, uint32_t node)
{
	return ((const struct fleet *)arg)->name[node];
}

/* What has happened: one minute after the other from noon on. */
struct did {
	enum pol_fact_kind kind;
	const char *node; /* NULL: no more */
	uint32_t steps;
};

#define SENT(n, s)                  \
	{                           \
		POL_FACT_SENT, n, s \
	}
#define DID(n, s)                        \
	{ POL_FACT_SENT, n, s },         \
	{                                \
		POL_FACT_EFFECTIVE, n, 0 \
	}
#define FAILS(n, s)                   \
	{ POL_FACT_SENT, n, s },      \
	{                             \
		POL_FACT_FAILED, n, 0 \
	}
#define SAYS(k, n)                 \
	{                          \
		POL_FACT_##k, n, 0 \
	}

static const struct sentence {
	const char *rule, *links, *dual;
	struct pol_goal goal;
	const char *unknown; /* node that has not said what it holds */
	struct did did[8];
	const char *node; /* whose first wait it is */
	const char *text;
} sentences[] = {
	{ "present-trusted", "c>s", "", { .from = 1 }, NULL, { DID("s", T) },
	    "s",
	    "s waits with cert: it may present its new certificate only when "
	    "c is known to trust the new root (link c > s); c has not got its "
	    "order trust yet, and has not changed since 2026-01-05T12:00:00Z" },
	{ "present-trusted", "c>s", "", { .from = 1 }, NULL,
	    { DID("s", T), SENT("c", T), SAYS(SEEN, "c") }, "s",
	    "s waits with cert: it may present its new certificate only when "
	    "c is known to trust the new root (link c > s); the effective "
	    "report of c on trust is missing since 2026-01-05T12:03:00Z" },
	{ "present-trusted", "c>s", "", { .from = 1, .begun = { NOON + MIN } },
	    NULL, { DID("s", T) }, "s",
	    "s waits with cert: it may present its new certificate only when "
	    "c is known to trust the new root (link c > s); c has not got its "
	    "order trust yet, and has not changed since 2026-01-05T12:01:00Z" },
	{ "present-trusted", "c>s", "", { .from = 1, .begun = { NOON - MIN } },
	    "c", { DID("s", T) }, "s",
	    "s waits with cert: it may present its new certificate only when "
	    "c is known to trust the new root (link c > s); nobody knows what "
	    "c holds since 2026-01-05T11:59:00Z; c must join or send an "
	    "inventory" },
	{ "present-trusted", "c>s", "", { .from = 1, .begun = { NOON - MIN } },
	    NULL, { DID("s", T), SENT("c", T), SAYS(LOST, "c") }, "s",
	    "s waits with cert: it may present its new certificate only when "
	    "c is known to trust the new root (link c > s); nobody knows what "
	    "c holds since 2026-01-05T12:04:00Z; c must join or send an "
	    "inventory" },
	{ "forget-unused", "c>s", "", { .from = 1 }, NULL,
	    { DID("s", T), DID("c", T), DID("s", C), SAYS(SEEN, "c") }, "s",
	    "s waits with finish: it may forget the old root only when c is "
	    "known to present nothing under it any more (link c > s); c has "
	    "not got its order cert yet, and has not changed since "
	    "2026-01-05T12:04:00Z" },
	{ "bridge-until-trusted", "c>s", "c",
	    { .from = 1, .strategy = POL_BUNDLED }, NULL, { DID("c", T | C) },
	    "c",
	    "c waits with finish: it may drop the old chain only when s is "
	    "known to trust the new root (link c > s); s has not got its order "
	    "trust yet, and has not changed since 2026-01-05T12:00:00Z" },
	{ "known", "c>s", "", { .from = 1, .begun = { NOON - MIN } }, "c",
	    { SAYS(SEEN, "s") }, "c",
	    "c waits with trust: nobody knows what it holds since "
	    "2026-01-05T11:59:00Z; it must join or send an inventory" },
	{ "known", "c>s", "", { .from = 1, .begun = { NOON - MIN } }, NULL,
	    { SAYS(SEEN, "c"), SAYS(LOST, "c"), SAYS(SEEN, "c") }, "c",
	    "c waits with trust: nobody knows what it holds since "
	    "2026-01-05T12:02:00Z; it must join or send an inventory" },
	{ "excused", "c>s", "", { .from = 1 }, NULL,
	    { SAYS(EXCUSED, "c"), SAYS(EXCUSED, "c") }, "c",
	    "c waits with trust: the operator has excused it since "
	    "2026-01-05T12:01:00Z, and it gets no order until the excuse is "
	    "taken back (kedge roll return)" },
	{ "held", "c>s", "", { .from = 1 }, NULL,
	    { SAYS(HELD, "c"), SAYS(HELD, "c"), SAYS(SEEN, "c") }, "c",
	    "c waits with trust: the operator holds it since "
	    "2026-01-05T12:01:00Z; it goes on when it is freed (kedge roll "
	    "release)" },
	{ "held", "c>s", "", { .from = 1, .limit = 1 }, NULL,
	    { FAILS("c", T), SAYS(SEEN, "c") }, "c",
	    "c waits with trust: it is held since 2026-01-05T12:02:00Z because "
	    "its order trust failed too often in a row; it goes on when it is "
	    "freed (kedge roll retry)" },
	{ "stopped", "c>s", "", { .from = 1, .limit = 1 }, NULL,
	    { FAILS("c", T), SAYS(SEEN, "c") }, "s",
	    "s waits with trust: its group is stopped since "
	    "2026-01-05T12:02:00Z because c failed too often in a row with "
	    "trust; it goes on when c is freed (kedge roll retry)" },
	{ "one-order", "c>s", "", { .from = 1 }, NULL,
	    { SENT("c", T), SAYS(SEEN, "c") }, "c",
	    "c waits with trust: it has its order trust still to answer; the "
	    "effective report of c on trust is missing since "
	    "2026-01-05T12:01:00Z" },
	{ "own-trust", "c>s", "", { .from = 1 }, NULL, { DID("s", T) },
	    "c+cert",
	    "c waits with cert: it must hold the new root before; c has not "
	    "got its order trust yet, and has not changed since "
	    "2026-01-05T12:00:00Z" },
	{ "own-cert", "c>s", "c", { .from = 1 }, NULL,
	    { DID("s", T), DID("c", T) }, "c+finish",
	    "c waits with finish: it must have its new certificate before; c "
	    "has not got its order cert yet, and has not changed since "
	    "2026-01-05T12:04:00Z" },
	{ "layer", "c>s", "", { .from = 1, .strategy = POL_LAYERED }, NULL,
	    { DID("s", T), SENT("c", T) }, "s",
	    "s waits with cert: the strategy does trust of c before; the "
	    "effective report of c on trust is missing since "
	    "2026-01-05T12:03:00Z" },
	{ "courtesy", "c>s", "c", { .from = 1 }, NULL, { DID("c", T) }, "c",
	    "c waits with cert: s does not trust the new root yet, and until "
	    "then c would send it a longer chain; s has not got its order "
	    "trust yet, and has not changed since 2026-01-05T12:00:00Z" },
	{ "last", "c>s", "s!", { .from = 1 }, NULL,
	    { DID("s", T | C), DID("c", T), DID("c", C), SENT("c", F) }, "s",
	    "s waits with finish: it drops the old root after all its nodes, "
	    "and c has not; the effective report of c on finish is missing "
	    "since 2026-01-05T12:07:00Z" },
	{ "fresh", "c>s:server", "", { .from = 1, .fresh_ms = 3 * MIN }, NULL,
	    { DID("c", T), SAYS(HELD, "s"), SAYS(FREED, "s"), SAYS(HELD, "s"),
		SAYS(FREED, "s") },
	    "s",
	    "s waits with cert: it takes something from c, to which it "
	    "presents (link c > s), and c was not heard of since "
	    "2026-01-05T12:02:00Z; it goes on when the next inventory of c "
	    "comes" },
	{ "fresh", "c>s:server", "", { .from = 1, .fresh_ms = MIN / 2 }, NULL,
	    { DID("c", T), DID("s", C), SAYS(HELD, "s") }, "c",
	    "c waits with finish: it takes something from s, which presents to "
	    "it (link c > s), and s was not heard of since "
	    "2026-01-05T12:04:00Z; it goes on when the next inventory of s "
	    "comes" },
	{ "first-failed", "a>b c>d", "", { .from = 1, .nfirst = 1 }, NULL,
	    { FAILS("a", T), SAYS(SEEN, "a") }, "c",
	    "c waits with trust: a, which goes first, has failed with trust, "
	    "and nothing else starts before that works; a has not got its "
	    "order trust yet, and has not changed since "
	    "2026-01-05T12:02:00Z" },
	{ "first", "a>b c>d", "", { .from = 1, .nfirst = 1 }, NULL,
	    { SENT("a", T), SAYS(SEEN, "a") }, "c",
	    "c waits with trust: a goes first, and has not done trust; the "
	    "effective report of a on trust is missing since "
	    "2026-01-05T12:01:00Z" },
	{ "window", "c>s", "",
	    { .from = 1, .nwindows = 1, .windows = { { 1, 22 * 60, 60 } } },
	    NULL, { SAYS(SEEN, "c") }, "c",
	    "c waits with trust: outside the times in which orders may start "
	    "since 2025-12-30T01:00:00Z; the next begins at "
	    "2026-01-05T22:00:00Z (UTC)" },
	{ "window", "c>s", "",
	    { .from = 1,
		.begun = { NOON - MIN },
		.nwindows = 1,
		.windows = { { 1, 22 * 60, 60 } } },
	    NULL, { SAYS(SEEN, "c") }, "c",
	    "c waits with trust: outside the times in which orders may start "
	    "since 2026-01-05T11:59:00Z; the next begins at "
	    "2026-01-05T22:00:00Z (UTC)" },
	{ "step", "c>s", "",
	    { .from = 1, .step = true, .begun = { NOON + MIN } }, NULL,
	    { SAYS(SEEN, "c"), SAYS(STEP, "s") }, "c",
	    "c waits with trust: the operator lets each order go, and has let "
	    "none of c go since 2026-01-05T12:01:00Z: kedge roll step" },
	{ "step", "c>s", "", { .from = 1, .step = true }, NULL,
	    { SAYS(STEP, "s"), DID("s", T), SAYS(SEEN, "s"), DID("c", T) }, "s",
	    "s waits with cert: the operator lets each order go, and has let "
	    "none of s go since 2026-01-05T12:03:00Z: kedge roll step" },
	{ "in-flight", "c1>s c2>s", "", { .from = 1, .max_in_flight = 2 }, NULL,
	    { SENT("s", T), SENT("c1", T), SAYS(SEEN, "s") }, "c2",
	    "c2 waits with trust: as many orders are under way as the operator "
	    "allows, the oldest of them trust of s since "
	    "2026-01-05T12:01:00Z; it goes on when one is answered" },
	{ "in-flight", "c>s:server d>s:server x>y:server", "",
	    { .from = 1, .forget_first = true, .max_finish = 1 }, NULL,
	    { DID("c", T), DID("d", T), DID("s", C), SENT("x", T),
		SENT("c", F) },
	    "d",
	    "d waits with finish: as many orders with a finish, after which a "
	    "node may restart its applications, are under way as may be at "
	    "once, the oldest of them finish of c since 2026-01-05T12:08:00Z; "
	    "it goes on when one is answered, or its node is given up, "
	    "because it is silent" },
	{ "in-flight", "c>s:server d>s:server x>y:server", "",
	    { .from = 1,
		.forget_first = true,
		.max_finish = 1,
		.max_in_flight = 2 },
	    NULL,
	    { DID("c", T), DID("d", T), DID("s", C), SENT("x", T),
		SENT("c", F) },
	    "d",
	    "d waits with finish: as many orders are under way as the operator "
	    "allows, the oldest of them trust of x since "
	    "2026-01-05T12:07:00Z; it goes on when one is answered" },
};
#define NSENTENCES (sizeof(sentences) / sizeof(sentences[0]))

static void
tell(struct pol_engine *e, struct pol_fact f)
{
	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

static struct pol_engine *
engine_of(const struct fleet *f, const struct sentence *s)
{
	static const uint32_t first[] = { 0 };
	struct pol_goal goal = s->goal;
	struct pol_engine *e;

	goal.to = 2;
	goal.first = first;
	ck_assert_int_eq(pol_engine_new(f->graph, 0, &goal, &e), POL_OK);
	for (uint32_t i = 0; i < f->n; i++) {
		struct pol_role r = pol_graph_role(f->graph, 0, i);
		if (s->unknown != NULL && strcmp(s->unknown, f->name[i]) == 0)
			continue;
		tell(e,
		    (struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { r.verifies, r.presents, 0 },
			.at = { NOON } });
	}
	return e;
}

/* Its did, and then a look some seconds later. */
static void
play(struct pol_engine *e, const struct fleet *f, const struct did *did)
{
	const struct pol_order *o;
	uint64_t epoch = 0;
	int64_t now = NOON;
	size_t n;

	for (unsigned i = 0; i < 8 && did[i].node != NULL; i++) {
		now += MIN;
		epoch += did[i].kind == POL_FACT_SENT;
		tell(e,
		    (struct pol_fact){ .kind = did[i].kind,
			.node = fleet_node(f, did[i].node, strlen(did[i].node)),
			.epoch = epoch,
			.steps = did[i].steps,
			.from = 1,
			.to = 2,
			.at = { now } });
	}
	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ now + 5000 },
			     SIZE_MAX, &o, &n),
	    POL_OK);
}

/* "c": what its next order waits for; "c+cert": may it have that now? */
static struct pol_why
why_of(const struct pol_engine *e, const struct fleet *f, const char *node)
{
	const size_t len = strcspn(node, "+");
	const uint32_t n = fleet_node(f, node, len);
	struct pol_why w[3];

	memset(w, 0, sizeof(w));
	if (node[len] == '\0')
		ck_assert_uint_ge(pol_engine_waits(e, n, w, 3), 1);
	else
		ck_assert_int_eq(pol_engine_allowed(e, n,
				     strcmp(node + len, "+cert") == 0 ? C : F,
				     &w[0]),
		    POL_E_UNSAFE);
	return w[0];
}

START_TEST(test_the_sentence)
{
	const struct sentence *s = &sentences[_i];
	struct pol_engine *e;
	struct pol_why w;
	struct fleet f;
	char text[512];

	fleet_make(&f, s->links, s->dual);
	e = engine_of(&f, s);
	play(e, &f, s->did);
	w = why_of(e, &f, s->node);
	ck_assert_str_eq(w.rule, s->rule);
	(void)pol_why_text(&w, name_of, &f, text, sizeof(text));
	ck_assert_str_eq(text, s->text);
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

START_TEST(test_the_sentence_of_a_link)
{
	const struct pol_link l = { 0, 1, 0, 0 };
	struct pol_engine *e;
	struct pol_why w;
	struct fleet f;
	char text[512];

	fleet_make(&f, "c>s x>y", "");
	e = engine_of(&f, &sentences[0]);
	for (uint32_t i = 0; i < 2; i++)
		tell(e,
		    (struct pol_fact){ .kind = POL_FACT_HOLDS,
			.node = i,
			.conf = { 1u + i, 1u + i, 0 },
			.at = { NOON } });
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, &w), POL_E_UNSAFE);
	ck_assert_str_eq(w.rule, "new-link");
	(void)pol_why_text(&w, name_of, &f, text, sizeof(text));
	ck_assert_str_eq(text,
	    "link c > s must wait: c may show a certificate there that the "
	    "other end does not trust; c has not got its order cert yet, and "
	    "has not changed since 2026-01-05T12:00:00Z");
	tell(e,
	    (struct pol_fact){ .kind = POL_FACT_LOST, .at = { NOON + MIN } });
	ck_assert_int_eq(pol_engine_link_allowed(e, &l, &w), POL_E_UNSAFE);
	ck_assert_str_eq(w.rule, "known");
	(void)pol_why_text(&w, name_of, &f, text, sizeof(text));
	ck_assert_str_eq(text,
	    "link c > s must wait: nobody knows what c holds since "
	    "2026-01-05T12:01:00Z; it must join or send an inventory");
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* No rule without its case above; bundle is never a reason to wait. */
START_TEST(test_every_rule_has_its_sentence)
{
	size_t n;
	const struct pol_rule *rules = pol_rules(&n);

	for (size_t i = 0; i < n; i++) {
		bool has = strcmp(rules[i].id, "bundle") == 0 ||
		    strcmp(rules[i].id, "new-link") == 0;
		for (size_t k = 0; k < NSENTENCES; k++)
			has |= strcmp(rules[i].id, sentences[k].rule) == 0;
		ck_assert_msg(has, "no sentence of %s", rules[i].id);
	}
}
END_TEST

TCase *
case_sentences(void)
{
	TCase *t = tcase_create("sentences");

	tcase_add_loop_test(t, test_the_sentence, 0, NSENTENCES);
	tcase_add_test(t, test_the_sentence_of_a_link);
	tcase_add_test(t, test_every_rule_has_its_sentence);
	return t;
}
