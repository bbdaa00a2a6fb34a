/* The order in work: what it ends with when disk, files or application fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

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

TCase *
case_job(void)
{
	TCase *t = tcase_create("job");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, node_new, node_remove);
	tcase_add_test(t, end_not_stored);
	tcase_add_test(t, not_current);
	tcase_add_test(t, stale);
	tcase_add_test(t, refuses_everybody);
	tcase_add_test(t, cannot_write_files);
	tcase_add_test(t, canary_is_dead);
	return t;
}
