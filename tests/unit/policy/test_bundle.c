/* Tests of where bundles do not hold: whom it splits, and the note on why. */
#include <string.h>

#include "policy/inside.h"
#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

/* Nodes that fell back, as letters in the order of their names. */
static void
split(const char *links, const char *flags, char out[FLEET_MAX + 1],
    const char *word)
{
	struct fleet f;
	struct shape s;
	size_t n = 0;

	fleet_make(&f, links, flags);
	ck_assert_int_eq(shape_make(f.graph, 0, POL_BUNDLED, &s), POL_OK);
	for (uint32_t i = 0; i < f.n; i++)
		if (s.role[i] & ROLE_SPLIT)
			out[n++] = f.name[i][0];
	out[n] = '\0';
	/* one note for each, with the word that tells the cases apart */
	ck_assert_uint_eq(s.nnotes, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_lt(s.notes[i].peer, f.n);
		ck_assert_msg(strstr(s.notes[i].text, word) != NULL, "%s",
		    s.notes[i].text);
	}
	shape_free(&s);
	fleet_free(&f);
}

START_TEST(test_who_falls_back)
{
	static const struct {
		const char *links, *flags, *split, *word;
	} rows[] = {
		/* a dual client bridges: its server takes all at once */
		{ "c>s", "c", "", "" },
		/* one certificate at a time: no state of c lets s through */
		{ "c>s", "", "s", "no dual" },
		/* a server that sees no intermediate sees no bridge */
		{ "c>s", "c s~", "s", "shallow" },
		/* server-only: c shows nothing, s rests on c's trust only */
		{ "c>s:server", "", "", "" },
		/* both roles all round: the bundles wait for each other */
		{ "a>b b>c c>a", "a b c", "abc", "cycle" },
		{ "a>b b>c", "a b c", "", "" },
		/* the last to forget cannot forget with its trust */
		{ "c>s", "c s!", "s", "last to forget" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[FLEET_MAX + 1];

		split(rows[i].links, rows[i].flags, got, rows[i].word);
		ck_assert_msg(strcmp(got, rows[i].split) == 0, "%s (%s): '%s'",
		    rows[i].links, rows[i].flags, got);
	}
}
END_TEST

TCase *
case_bundle(void)
{
	TCase *t = tcase_create("bundle");

	tcase_add_test(t, test_who_falls_back);
	return t;
}
