/*
 * Going live: check, reload, kick, old processes; and the way back when one of
 * them fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

START_TEST(check_fails)
{
	node_up("check = [ \"sh\", \"-c\", \"echo no such thing; exit 3\" ];");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "status 3: no such thing"));
	ck_assert_int_eq(count(trust_file), 1);
	node_down();
}
END_TEST

START_TEST(reload_hangs)
{
	deadline = "0.3";
	node_up("reload = [ \"sleep\", \"60\" ];");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "no end within"));
	node_down();
}
END_TEST

/* The way back does not stop at an application that cannot be reloaded. */
START_TEST(put_back_all)
{
	char *mark = base_asprintf("%s/mark", dir);
	char *more = base_asprintf(
	    "reload = [ \"false\" ]; }, { name = \"b\"; proof = \"reload\";"
	    " server = { root = \"plant\"; pem = \"%s/b.pem\"; };"
	    " reload = [ \"touch\", \"%s\" ];",
	    dir, mark);

	node_up(more);
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "a: reload"));
	ck_assert_int_eq(access(mark, F_OK), 0);
	node_down();
	free(more);
	free(mark);
}
END_TEST

static int
lines(const char *name)
{
	char *path = base_asprintf("%s/%s", dir, name), text[256];
	FILE *f = fopen(path, "r");
	int n = 0;

	while (f != NULL && fgets(text, sizeof text, f) != NULL)
		n++;
	if (f != NULL)
		fclose(f);
	free(path);
	return n;
}

static void
node_up_kicking(bool kicks)
{
	char *more =
	    base_asprintf("reload = [ \"sh\", \"-c\", \"echo >>%s/reloads\" ];",
		dir);

	if (kicks) {
		char *both = base_asprintf(
		    "%s kick = [ \"sh\", \"-c\", \"echo >>%s/kicks\" ];", more,
		    dir);
		free(more);
		more = both;
	}
	node_up(more);
	free(more);
}

/* Sessions end with the root in wrong hands: not before, and not in a roll in
 * peace. What cannot be ended is said. */
START_TEST(kicked_at_the_end)
{
	node_up_kicking(_i != 1);
	order_compromised = _i != 2;
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(give(WIRE_STEP_CERT, 3), WIRE_EFFECTIVE);
	ck_assert_int_eq(lines("kicks"), 0);
	ck_assert(!last.kicked);
	ck_assert_int_eq(give(WIRE_STEP_FINISH, 4), WIRE_EFFECTIVE);
	ck_assert_int_eq(lines("kicks"), _i == 0);
	ck_assert_int_eq(lines("reloads"), _i == 0 ? 2 : 3);
	ck_assert(last.kicked == (_i == 0));
	order_compromised = false;
	node_down();
}
END_TEST

START_TEST(kick_fails)
{
	/* as a restart that stops it and cannot start it: the first one fails */
	char *kick =
	    base_asprintf("kick = [ \"sh\", \"-c\", \"echo >>%s/kicks; "
			  "test $(wc -l <%s/kicks) -gt 1\" ];",
		dir, dir);

	node_up(kick);
	free(kick);
	order_compromised = true;
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(give(WIRE_STEP_CERT, 3), WIRE_EFFECTIVE);
	ck_assert_int_eq(give(WIRE_STEP_FINISH, 4), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "kick"));
	ck_assert(!last.kicked);
	/* with the old files it was started again, not told to reload */
	ck_assert_int_eq(lines("kicks"), 2);
	order_compromised = false;
	node_down();
}
END_TEST

START_TEST(by_reload)
{
	node_up("reload = [ \"true\" ]; proof = \"reload\";");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_RELOAD);
	node_down();
}
END_TEST

/* Without its pidfile nobody can tell who runs with the old files: the change
 * counts, but the report says so. */
START_TEST(no_pidfile)
{
	char pid[32];

	snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	node_up("reload = [ \"true\" ]; pidfile = \"/nowhere\";");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_RELOAD);
	free(conf->apps[0].pidfile);
	conf->apps[0].pidfile = base_asprintf("%s/pid", dir);
	OK(base_file_write(conf->apps[0].pidfile,
	    (struct base_span){ (uint8_t *)pid, strlen(pid) }, 0644));
	ck_assert_int_eq(give(WIRE_STEP_CERT, 3), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	node_down();
}
END_TEST

TCase *
case_live(void)
{
	TCase *t = tcase_create("live");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, node_new, node_remove);
	tcase_add_test(t, check_fails);
	tcase_add_test(t, reload_hangs);
	tcase_add_test(t, put_back_all);
	tcase_add_loop_test(t, kicked_at_the_end, 0, 3);
	tcase_add_test(t, kick_fails);
	tcase_add_test(t, by_reload);
	tcase_add_test(t, no_pidfile);
	return t;
}
