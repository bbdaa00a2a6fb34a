/* Unit tests of agentd/work.c, job.c, live.c and report.c: an order from its
 * parcel to its report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

START_TEST(roll)
{
	node_up("");
	ag_work_resume(work);
	run_until_idle();
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(nsent, 2); /* received, effective */
	ck_assert_uint_eq(nchanged, 1);
	ck_assert_uint_eq(inventory()->trust, 3);
	ck_assert_uint_eq(inventory()->highest, 2);
	ck_assert_int_eq(count(trust_file), 2);
	ck_assert_int_eq(give(WIRE_STEP_CERT, 3), WIRE_EFFECTIVE);
	ck_assert_uint_eq(inventory()->cert, 2);
	ck_assert_int_eq(count(chain_file), 2);
	ck_assert_int_eq(give(WIRE_STEP_FINISH, 4), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(inventory()->trust, 2);
	ck_assert_int_eq(count(trust_file), 1);
	ck_assert_int_eq(count(chain_file), 1);
	node_down();
}
END_TEST

START_TEST(again)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	uint8_t digest[32];

	node_up("");
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	memcpy(digest, last.order_digest, 32);
	memset(&last, 0, sizeof last);
	OK(ag_work_order(work, &p, false));
	ck_assert(ag_work_is_idle(work));
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_mem_eq(last.order_digest, digest, 32);
	/* also after a restart */
	node_down();
	node_up("");
	OK(ag_work_order(work, &p, false));
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* An order that only asks: nothing changes, no application is disturbed, and
 * what is older is outranked. */
START_TEST(asked)
{
	struct wire_parcel late = order_parcel(WIRE_STEP_TRUST, 3);

	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	nchanged = 0;
	ck_assert_int_eq(give(0, 7), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(last.epoch, 7);
	ck_assert_uint_eq(inventory()->highest, 7);
	ck_assert_uint_eq(inventory()->trust, 3);
	ck_assert_uint_eq(inventory()->cert, 1);
	ck_assert_int_eq(count(trust_file), 2);
	NO(ag_work_order(work, &late, false), BASE_E_REFUSED);
	ck_assert_uint_eq(inventory()->highest, 7);
	ck_assert_int_eq(give(WIRE_STEP_CERT, 8), WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&late);
}
END_TEST

/* Half done is no answer: the question waits for the order in work. */
START_TEST(asked_in_the_middle)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	struct wire_parcel ask = order_parcel(0, 3);
	struct wire_parcel newer = order_parcel(0, 4);

	node_up("");
	OK(ag_work_order(work, &p, false));
	nsent = 0;
	OK(ag_work_order(work, &ask, false));
	ck_assert_uint_eq(nsent, 0);
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 2);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	OK(ag_work_order(work, &ask, false));
	/* one question takes the place of another */
	OK(ag_work_order(work, &newer, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 4);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(inventory()->trust, 3);
	node_down();
	wire_parcel_clear(&p);
	wire_parcel_clear(&ask);
	wire_parcel_clear(&newer);
}
END_TEST

START_TEST(refused)
{
	struct wire_parcel p;

	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_CERT, 2), WIRE_ORDER_REFUSED);
	ck_assert_ptr_nonnull(strstr(last.reason, "needs trust first"));
	ck_assert_uint_eq(inventory()->highest, 1);
	ck_assert_uint_eq(nchanged, 0);
	/* what nobody of ours signed is not even answered */
	nsent = 0;
	p = order_parcel(WIRE_STEP_TRUST, 2);
	p.content.p[p.content.n - 1] ^= 1;
	ck_assert_int_ne(ag_work_order(work, &p, false), BASE_OK);
	ck_assert_uint_eq(nsent, 0);
	wire_parcel_clear(&p);
	node_down();
}
END_TEST

/* The route is not signed: an old order that somebody repeats with another
 * one is answered by it, but the node's reports keep their way. */
START_TEST(false_route)
{
	struct wire_parcel old = order_parcel(WIRE_STEP_TRUST, 2), p;

	node_up("");
	OK(ag_work_order(work, &old, false));
	run_until_idle();
	p = order_parcel(WIRE_STEP_CERT, 3);
	OK(ag_work_order(work, &p, false));
	strcpy(old.route[0], "mallory");
	NO(ag_work_order(work, &old, false), BASE_E_REFUSED);
	ck_assert_int_eq(last.status, WIRE_ORDER_REFUSED);
	ck_assert_str_eq(way, "mallory");
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_str_eq(way, NODE);
	/* the order in force, by a detour */
	strcpy(p.route[0], "other");
	OK(ag_work_order(work, &p, false));
	ck_assert_str_eq(way, "other");
	node_down();
	wire_parcel_clear(&old);
	wire_parcel_clear(&p);
}
END_TEST

/* What could not be gone on with at the start, a clock that was wrong, is
 * gone on with when the CA sends it again. */
START_TEST(goes_on_when_sent_again)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);

	node_up("");
	OK(ag_work_order(work, &p, false));
	node_down();
	node_up(""); /* and no ag_work_resume */
	OK(ag_work_order(work, &p, false));
	/* and not twice */
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* The disk is full when all is done: effective is not said before it is
 * stored, however often the CA asks. */
START_TEST(end_not_stored)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	char *state = base_asprintf("%s/s/plant/state", dir);
	char *away = base_asprintf("%s/away", dir);

	node_up("");
	OK(ag_work_order(work, &p, false));
	ck_assert_int_eq(rename(state, away), 0);
	OK(base_dir_make(state, 0700));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_HELD);
	ck_assert_ptr_nonnull(strstr(last.reason, "cannot be stored"));
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_HELD);
	ck_assert_ptr_nonnull(strstr(last.reason, "cannot be stored"));
	ck_assert_uint_eq(nsent, 4);
	ck_assert_int_eq(rmdir(state), 0);
	ck_assert_int_eq(rename(away, state), 0);
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&p);
	free(state);
	free(away);
}
END_TEST

/* Stored, but not made current: a node that starts again takes it up, so it
 * must not be refused. */
START_TEST(not_current)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	char *current = base_asprintf("%s/s/plant/current", dir);
	char *away = base_asprintf("%s/away", dir);

	node_up("");
	ck_assert_int_eq(rename(current, away), 0);
	OK(base_dir_make(current, 0700));
	ck_assert_int_ne(ag_work_order(work, &p, false), BASE_OK);
	ck_assert_uint_eq(nsent, 1);
	ck_assert_int_eq(last.status, WIRE_HELD);
	ck_assert_uint_eq(nchanged, 0);
	ck_assert_int_eq(rmdir(current), 0);
	ck_assert_int_eq(rename(away, current), 0);
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
	wire_parcel_clear(&p);
	free(current);
	free(away);
}
END_TEST

/* The CA has forgotten the order that stands still, and only asks: it goes on
 * all the same, and then there is an answer. */
START_TEST(asked_of_one_that_stands)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	struct wire_parcel ask = order_parcel(0, 3);
	char *current = base_asprintf("%s/s/plant/current", dir);
	char *away = base_asprintf("%s/away", dir);

	node_up("");
	ck_assert_int_eq(rename(current, away), 0);
	OK(base_dir_make(current, 0700));
	ck_assert_int_ne(ag_work_order(work, &p, false), BASE_OK);
	ck_assert_int_eq(last.status, WIRE_HELD);
	/* no room yet: held, not a word that is not true */
	OK(ag_work_order(work, &ask, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 2);
	ck_assert_int_eq(last.status, WIRE_HELD);
	ck_assert_int_eq(rmdir(current), 0);
	ck_assert_int_eq(rename(away, current), 0);
	OK(ag_work_order(work, &ask, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 2);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	OK(ag_work_order(work, &ask, false));
	run_until_idle();
	ck_assert_uint_eq(last.epoch, 3);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(inventory()->trust, 3);
	node_down();
	wire_parcel_clear(&p);
	wire_parcel_clear(&ask);
	free(current);
	free(away);
}
END_TEST

/* The application goes on with its old files: the probe sees that, and the
 * old version comes back. */
START_TEST(stale)
{
	deadline = "0.3";
	node_up("");
	app_stop(app);
	app = app_start(eb,
	    &(struct app_conf){ .cert = rig_leaf(1),
		.trust = { rig_root(1) } });
	free(conf->apps[0].side[0].address);
	conf->apps[0].side[0].address = base_strdup(app_address(app));
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "a: "));
	ck_assert_uint_eq(inventory()->trust, 1);
	ck_assert_uint_eq(inventory()->highest, 2);
	ck_assert_int_eq(count(trust_file), 1);
	ck_assert_uint_eq(nchanged, 2);
	/* failed stays failed; the next epoch is another try */
	nsent = 0;
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_ORDER_REFUSED);
	node_down();
	deadline = "20";
	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 3), WIRE_EFFECTIVE);
	node_down();
}
END_TEST

/* From some connection on it refuses everybody: that its word against the old
 * canary is no proof shows with the next one. */
START_TEST(refuses_everybody)
{
	struct app_conf c = { .trust_file = trust_file,
		.chain_file = chain_file };

	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2),
	    WIRE_EFFECTIVE);
	app_stop(app);
	c.distrusts = 1; /* the new canary, once */
	app = app_start(eb, &c);
	free(conf->apps[0].side[0].address);
	conf->apps[0].side[0].address = base_strdup(app_address(app));
	conf->apps[0].deadline_ms = 300;
	ck_assert_int_eq(give(WIRE_STEP_FINISH, 3), WIRE_FAILED);
	ck_assert_ptr_nonnull(
	    strstr(last.reason, "right after it has refused"));
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
}
END_TEST

/* A directory where a file should be: said at the start, no end of it. */
START_TEST(cannot_write_files)
{
	OK(base_dir_make(trust_file, 0700));
	node_up("");
	ag_work_resume(work);
	run_until_idle();
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_int_eq(rmdir(trust_file), 0);
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 3), WIRE_EFFECTIVE);
	node_down();
}
END_TEST

static struct base_time
earlier(void)
{
	return base_time_add_s(base_time_now(), -1200);
}

/* Its canary died before it could be shown to anybody. */
START_TEST(canary_is_dead)
{
	struct wire_parcel p;

	rig_t0.ms -= 1200000;
	p = order_parcel(WIRE_STEP_TRUST, 2);
	rig_t0.ms += 1200000;
	node_now = earlier;
	node_up("");
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_STALE);
	ck_assert_ptr_nonnull(strstr(last.reason, "canary expired"));
	ck_assert_uint_eq(inventory()->trust, 1);
	ck_assert_int_eq(count(trust_file), 1);
	wire_parcel_clear(&p);
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 3), WIRE_EFFECTIVE);
	node_down();
}
END_TEST

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
case_work(void)
{
	TCase *t = tcase_create("work");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, node_new, node_remove);
	tcase_add_test(t, roll);
	tcase_add_test(t, again);
	tcase_add_test(t, asked);
	tcase_add_test(t, asked_in_the_middle);
	tcase_add_test(t, refused);
	tcase_add_test(t, false_route);
	tcase_add_test(t, goes_on_when_sent_again);
	tcase_add_test(t, end_not_stored);
	tcase_add_test(t, not_current);
	tcase_add_test(t, asked_of_one_that_stands);
	tcase_add_test(t, stale);
	tcase_add_test(t, refuses_everybody);
	tcase_add_test(t, cannot_write_files);
	tcase_add_test(t, canary_is_dead);
	tcase_add_test(t, check_fails);
	tcase_add_test(t, reload_hangs);
	tcase_add_test(t, put_back_all);
	tcase_add_loop_test(t, kicked_at_the_end, 0, 3);
	tcase_add_test(t, kick_fails);
	tcase_add_test(t, by_reload);
	tcase_add_test(t, no_pidfile);
	return t;
}
