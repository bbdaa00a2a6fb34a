/* Tests of policy/rule.c: the one question on which everything rests. */
#include <stdio.h>
#include <string.h>

#include "policy/engine.h"
#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

#define OLD	   1u
#define NEW	   2u
#define SET1(a)	   ((struct file_set){ { a }, 1 })
#define SET2(a, b) ((struct file_set){ { a, b }, 2 })
#define UNKNOWN	   ((struct file_set){ { 0 }, 0 })

static bool
holds(struct file_set now, struct file_set next, struct file_set other)
{
	return rule_holds(&now, &next, &other);
}

START_TEST(test_safe_stays_safe)
{
	/* a server's cert: only when the client surely trusts both */
	ck_assert(holds(SET1(OLD), SET1(NEW), SET1(OLD | NEW)));
	ck_assert(!holds(SET1(OLD), SET1(NEW), SET1(OLD)));
	ck_assert(!holds(SET1(OLD), SET1(NEW), SET2(OLD, OLD | NEW)));
	/* finish: only when the peer surely presents the new one */
	ck_assert(holds(SET1(OLD | NEW), SET1(NEW), SET1(NEW)));
	ck_assert(!holds(SET1(OLD | NEW), SET1(NEW), SET1(OLD)));
	ck_assert(!holds(SET1(OLD | NEW), SET1(NEW), SET2(OLD, NEW)));
	/* a bridge lets one atomic swap of the trust list through (FIG. 26) */
	ck_assert(holds(SET1(OLD), SET1(NEW), SET1(OLD | NEW)));
}
END_TEST

START_TEST(test_unsafe_gets_no_worse)
{
	/* broken from the start: adding is fine, and so is what heals */
	ck_assert(holds(SET1(OLD), SET1(OLD | NEW), SET1(NEW)));
	ck_assert(holds(SET1(OLD), SET1(NEW), SET1(NEW)));
	/* a removal that leaves it broken is not */
	ck_assert(!holds(SET1(OLD), SET1(NEW), SET1(4)));
	/* a pair that works may not stop working */
	ck_assert(!holds(SET1(OLD), SET1(NEW), SET2(OLD, NEW)));
	/* nobody knows what the other end has: only additions */
	ck_assert(holds(SET1(OLD), SET1(OLD | NEW), UNKNOWN));
	ck_assert(!holds(SET1(OLD), SET1(NEW), UNKNOWN));
}
END_TEST

START_TEST(test_no_certificate_is_never_safe)
{
	struct file_set none = SET1(0), all = SET1(OLD | NEW);

	ck_assert(!rule_is_safe(&none, &all));
	ck_assert_uint_eq(conf_shown((struct pol_conf){ 0, 0, OLD }, true), 0);
}
END_TEST

START_TEST(test_needs_come_out_of_the_rule)
{
	struct needs n;

	needs_derive(&n);
	/* FIG. 13: cert after the verifier's trust, finish after its cert */
	ck_assert_uint_eq(n.peer[0][1][POL_TRUST][POL_CERT], POL_TRUST);
	ck_assert_uint_eq(n.peer[0][0][POL_TRUST][POL_FINISH], POL_CERT);
	ck_assert_uint_eq(n.peer[0][0][0][POL_TRUST], 0);
	/* FIG. 25: a bridging client's cert waits for nobody */
	ck_assert_uint_eq(n.peer[1][1][0][POL_TRUST | POL_CERT], 0);
	/* FIG. 26: all three at once, after the bridge is there */
	ck_assert_uint_eq(n.peer[1][0][0][7], POL_CERT);
	/* FIG. 27: the bridge goes when the server trusts */
	ck_assert_uint_eq(n.peer[1][1][POL_TRUST | POL_CERT][POL_FINISH],
	    POL_TRUST);
	/* without a bridge no state of the peer lets all three through */
	ck_assert_uint_eq(n.peer[0][0][0][7], NEED_NEVER);
}
END_TEST

START_TEST(test_table_of_rules)
{
	size_t n;
	const struct pol_rule *r = pol_rules(&n);

	ck_assert_uint_gt(n, 10);
	for (size_t i = 0; i < n; i++) {
		ck_assert(r[i].id[0] != '\0' && r[i].text[0] != '\0');
		ck_assert_ptr_nonnull(r[i].figures);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(r[i].id, r[k].id);
	}
}
END_TEST

static const struct {
	const char *name;
	const struct gate *list;
} asked[] = {
	{ "safety", gates_safety },
	{ "strategy", gates_strategy },
	{ "when", gates_when },
	{ "word", gates_word },
};
#define NASKED (sizeof(asked) / sizeof(asked[0]))

/* The list in which the engine asks this; "-": it is no gate. One gate speaks
 * for three rules: test_one_gate_speaks_for_the_rules. */
static const char *
asked_in(const char *id)
{
	const char *in = "-";

	if (strcmp(id, "forget-unused") == 0 ||
	    strcmp(id, "bridge-until-trusted") == 0)
		id = "present-trusted";
	for (size_t i = 0; i < NASKED; i++)
		for (const struct gate *g = asked[i].list; g->open != NULL; g++)
			if (strcmp(g->rule, id) == 0) {
				ck_assert_msg(*in == '-', "%s twice", id);
				in = asked[i].name;
			}
	return in;
}

START_TEST(test_every_gate_is_in_the_table)
{
	size_t n, gates = 0, said = 0;
	const struct pol_rule *r = pol_rules(&n);

	for (size_t i = 0; i < n; i++)
		said += strcmp(asked_in(r[i].id), "-") != 0;
	for (size_t i = 0; i < NASKED; i++)
		for (const struct gate *g = asked[i].list; g->open != NULL; g++)
			gates++;
	/* forget-unused and bridge-until-trusted are the gate's other names */
	ck_assert_uint_eq(said, gates + 2);
	/* a plan's way with orders, and what is asked of a link */
	ck_assert_uint_eq(n - said, 2);
	ck_assert_str_eq(asked_in("bundle"), "-");
	ck_assert_str_eq(asked_in("new-link"), "-");
}
END_TEST

static void
refused(struct pol_engine *e, uint32_t steps, const char *rule)
{
	struct pol_why why;

	ck_assert_int_eq(pol_engine_allowed(e, 0, steps, &why), POL_E_UNSAFE);
	ck_assert_str_eq(why.rule, rule);
}

START_TEST(test_one_gate_speaks_for_the_rules)
{
	struct pol_engine *e;
	struct fleet f;

	fleet_make(&f, "c>s", "");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, 0, POL_TRUST);
	refused(e, POL_CERT, "present-trusted");
	refused(e, POL_FINISH, "forget-unused");
	pol_engine_free(e);
	fleet_free(&f);
	fleet_make(&f, "c>s:0/1", "c");
	e = fleet_engine(&f, 0, POL_MINIMAL);
	fleet_do(e, 0, POL_CERT);
	refused(e, POL_FINISH, "bridge-until-trusted");
	pol_engine_free(e);
	fleet_free(&f);
}
END_TEST

/* docs/policy.md holds the table, and in which list of gates the engine asks
 * each; run from the top of the tree. */
START_TEST(test_table_is_documented)
{
	static char doc[65536];
	char row[512];
	size_t n, rows = 0;
	const struct pol_rule *r = pol_rules(&n);
	FILE *f = fopen("docs/policy.md", "r");

	ck_assert_ptr_nonnull(f);
	doc[fread(doc, 1, sizeof(doc) - 1, f)] = '\0';
	fclose(f);
	for (size_t i = 0; i < n; i++) {
		snprintf(row, sizeof(row), "\n| `%s` | %s | %s | %s |\n",
		    r[i].id, asked_in(r[i].id), r[i].text,
		    *r[i].figures != '\0' ? r[i].figures : "-");
		ck_assert_msg(strstr(doc, row) != NULL, "not there: %s", row);
	}
	/* … and no rule that the code has not */
	for (const char *p = strstr(doc, "## Rules and gates");
	     (p = strstr(p, "\n| `")) != NULL; p++)
		if (p < strstr(doc, "## Strategies"))
			rows++;
	ck_assert_uint_eq(rows, n);
}
END_TEST

TCase *
case_rule(void)
{
	TCase *t = tcase_create("rule");

	tcase_add_test(t, test_safe_stays_safe);
	tcase_add_test(t, test_unsafe_gets_no_worse);
	tcase_add_test(t, test_no_certificate_is_never_safe);
	tcase_add_test(t, test_needs_come_out_of_the_rule);
	tcase_add_test(t, test_table_of_rules);
	tcase_add_test(t, test_every_gate_is_in_the_table);
	tcase_add_test(t, test_one_gate_speaks_for_the_rules);
	tcase_add_test(t, test_table_is_documented);
	return t;
}
