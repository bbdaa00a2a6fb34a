/* What is cut at the deadline of a roll of a stolen key, and what never is; see
 * asked.h. app1 polls web1, each verifies the other. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

#define START                                                              \
	"{\"cmd\":\"roll-start\",\"root\":\"plant\",\"compromised\":true," \
	"\"deadline\":\"60s\""

#define SILENT_S 20
#define WORK_S	 (31 * 60) /* longer than a node works on an order */

static struct world_node *app1;
static struct hsm_fake_mood *hsm;

static void
setup(void)
{
	asked_pair();
	asked.w.conf.silent_ms = SILENT_S * 1000;
	world_join_all(&asked.w);
	app1 = world_node(&asked.w, "app1");
	hsm = hsm_fake_mood(asked.w.hsm);
	app1->deaf = app1->excused = true;
}

static bool
over(struct world *w)
{
	return w->ca.rolls == NULL;
}

static bool
never(struct world *w)
{
	(void)w;
	return false;
}

/* Nothing happens meanwhile. */
static void
go_by(int seconds)
{
	asked.w.now.ms += (int64_t)seconds * 1000;
	asked.w.mono.ms += (int64_t)seconds * 1000;
}

static enum base_err
hold(void)
{
	const struct ca_word word = { "plant", "app1", "", "test" };

	return ca_roll_hold(&asked.w.ca, &word);
}

static bool
is_cut(void)
{
	struct ca_holding h;

	ck_assert_int_eq(ca_holding_get(asked.w.ca.store, "app1", "plant", &h),
	    BASE_OK);
	return h.excused;
}

static const char *
status(void)
{
	static char text[1024];

	ck_assert_ptr_nonnull(asked.w.ca.rolls);
	ca_waits_text(&asked.w.ca, asked.w.ca.rolls, text, sizeof(text));
	return text;
}

static bool
audit_has(const char *words)
{
	size_t i;
	json_t *v;

	asked_ok("{\"cmd\":\"audit-list\",\"limit\":1000}");
	json_array_foreach(json_object_get(asked.answer, "records"), i,
	    v) if (strstr(json_string_value(json_object_get(v, "detail")),
		       words) != NULL) return true;
	return false;
}

/* Listed, and in the way: from the deadline on, and not before; on record, and
 * the rest goes on to its end. */
START_TEST(who_is_listed_is_cut_at_the_deadline)
{
	asked_ok(START ",\"cut\":[\"app1\"]}");
	ck_assert(audit_has("app1 may be cut"));
	asked_ok("{\"cmd\":\"roll-status\"}");
	(void)world_run(&asked.w, 50, never);
	if (_i == 1)
		asked_restart();
	ck_assert(!is_cut());
	ck_assert(world_run(&asked.w, 60, over));
	ck_assert(is_cut());
	ck_assert(audit_has("app1 of root plant: not reached by the deadline"));
	ck_assert_uint_eq(world_node(&asked.w, "web1")->conf.trust, POL_GEN(2));
	ck_assert_uint_eq(app1->conf.trust, POL_GEN(1));
}
END_TEST

/* Not listed; listed, but not in the way; the roll paused, or on its way
 * back. */
START_TEST(nobody_else_is)
{
	const struct ca_roll_abort back = { .root = "plant",
		.reason = "",
		.who = "test",
		.late = true,
		.compromised = true };

	asked_ok(_i == 0 ? START "}" : START ",\"cut\":[\"app1\"]}");
	if (_i == 1)
		app1->deaf = false;
	if (_i == 2)
		asked_ok("{\"cmd\":\"roll-pause\",\"root\":\"plant\"}");
	(void)world_run(&asked.w, 5, never);
	if (_i == 3)
		ck_assert_int_eq(ca_roll_abort(&asked.w.ca, &back), BASE_OK);
	(void)world_run(&asked.w, 120, over);
	ck_assert(!is_cut());
	ck_assert_int_eq(asked.w.ca.rolls == NULL, _i == 1);
	if (_i != 0)
		return;
	ck_assert_ptr_nonnull(strstr(status(), "app1 was not listed"));
	asked_ok("{\"cmd\":\"roll-status\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(
		       json_array_get(json_object_get(asked.answer, "rolls"),
			   0),
		       "cut_waits")),
		"app1 was not listed"));
	asked_ok("{\"cmd\":\"explain\",\"root\":\"plant\",\"node\":\"web1\","
		 "\"step\":\"finish\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "text")),
		"app1 was not listed"));
	/* the operator lists it after all */
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		 "\"compromised\":true,\"deadline\":\"5s\","
		 "\"cut\":[\"app1\"]}");
	ck_assert(world_run(&asked.w, 30, over));
	ck_assert(is_cut());
}
END_TEST

/* Down when the deadline passes, then up: everybody has the time to answer that
 * he ever has; also who failed before. */
START_TEST(a_start_cuts_nobody)
{
	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(&asked.w, 30, never);
	if (_i == 1)
		ck_assert_int_eq(hold(), BASE_OK);
	go_by(3600);
	asked_restart();
	(void)world_run(&asked.w, SILENT_S - 1, never);
	ck_assert(!is_cut());
	ck_assert_ptr_nonnull(strstr(status(), "nobody is cut before"));
	ck_assert(world_run(&asked.w, 10, over));
	ck_assert(is_cut());
}
END_TEST

/* kedge-hsmd is away, so no order goes out. */
START_TEST(a_start_without_orders_cuts_nobody)
{
	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(&asked.w, 30, never);
	go_by(3600);
	hsm->down = true;
	asked_restart();
	(void)world_run(&asked.w, 5 * SILENT_S, never);
	hsm->down = false;
	(void)world_run(&asked.w, SILENT_S - 1, never);
	ck_assert(!is_cut());
	ck_assert(world_run(&asked.w, 15, over));
	ck_assert(is_cut());
}
END_TEST

/* Forward by a day, which the deadline is not away, or by more than a step of a
 * clock that is steered; back; and by so little that it says nothing. */
START_TEST(a_clock_that_is_set_cuts_nobody)
{
	static const int64_t by[] = { 86400000, 12000, -30000, 5000 };
	struct world *w = &asked.w;

	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(w, _i == 0 ? 30 : 58, never);
	w->now.ms += by[_i];
	(void)world_run(w, 3, never);
	ck_assert_int_eq(is_cut(), _i == 3);
	if (_i == 3)
		return;
	(void)world_run(w, SILENT_S - 4, never);
	ck_assert(!is_cut());
	if (_i != 2)
		ck_assert_ptr_nonnull(strstr(status(), "the clock was set"));
	ck_assert(world_run(w, 60, over));
	ck_assert(is_cut());
}
END_TEST

/* While kedge-hsmd is asked. */
START_TEST(a_clock_that_is_set_meanwhile_counts)
{
	struct world *w = &asked.w;

	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(w, 50, never);
	go_by(11);
	while (!w->ca.rolls->cutting) {
		ck_assert(!is_cut());
		w->now.ms += 50;
		w->mono.ms += 50;
		ca_work(&w->ca);
	}
	w->now.ms += 3600000;
	while (hsm_fake_turn(w->hsm) > 0)
		;
	ck_assert(!is_cut());
}
END_TEST

/* It has the order, and works on it: not before it has had the time for that,
 * and is silent all the while. */
START_TEST(who_is_slow_is_not_cut)
{
	app1->deaf = false;
	app1->slow = true;
	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(&asked.w, 5, never);
	app1->deaf = true; /* its word would be asked for again */
	(void)world_run(&asked.w, 200, never);
	ck_assert(!is_cut());
	ck_assert_str_eq(asked.w.ca.rolls->cut_waits, "");
	go_by(WORK_S);
	ca_seen(&asked.w.ca, "app1");
	(void)world_run(&asked.w, SILENT_S - 5, never);
	ck_assert(!is_cut());
	(void)world_run(&asked.w, 60, over);
	ck_assert_msg(is_cut(), "%s", status());
	ck_assert_ptr_null(asked.w.ca.rolls);
}
END_TEST

/* It calls, and does not come to its order. */
START_TEST(who_is_heard_of_is_not_cut)
{
	asked_ok(START ",\"cut\":[\"app1\"]}");
	for (int i = 0; i < 40; i++) {
		(void)world_run(&asked.w, 5, never);
		ca_seen(&asked.w.ca, "app1");
	}
	ck_assert(!is_cut());
	ck_assert(world_run(&asked.w, 60, over));
	ck_assert(is_cut());
}
END_TEST

/* It was not asked anything for long, and is asked after the deadline. */
START_TEST(who_gets_his_order_late_is_not_cut)
{
	hsm->refuse = "app1";
	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(&asked.w, 120, never);
	ck_assert(!is_cut());
	hsm->refuse = NULL;
	app1->deaf = _i == 1;
	/* the pause after the refusals */
	for (int i = 0; i < 2000 && asked.w.ca.rolls != NULL &&
	     pol_engine_epoch(asked.w.ca.rolls->engine,
		 ca_topo_node(asked.w.ca.topo, "app1")) == 0;
	     i++)
		world_turn(&asked.w);
	(void)world_run(&asked.w, SILENT_S - 5, never);
	ck_assert(!is_cut());
	(void)world_run(&asked.w, 60, over);
	ck_assert_int_eq(is_cut(), _i == 1);
}
END_TEST

static struct wire_hsm_cut both[] = { { "app1", "web1" }, { "web1", "app1" } };

/* Too few approvers, not every direction, not from now on, kedge-hsmd away: the
 * roll waits with that reason, and cuts when it is approved. */
START_TEST(what_is_not_approved_waits)
{
	static const char *const says[] = { "web1 refuses app1",
		"app1 refuses web1", "web1 refuses app1", "kedge-hsmd" };
	struct wire_hsm_cuts list = { .have = _i == 0 ? 1 : 2,
		.need = 2,
		.n = _i == 1 ? 1 : 2,
		.cut = both };

	hsm->need = 2;
	hsm->approved = &list;
	asked_ok(START ",\"cut\":[\"app1\"]}");
	if (_i == 2)
		list.start.ms = asked.w.now.ms + 1000000;
	(void)world_run(&asked.w, 50, never);
	hsm->down = _i == 3;
	(void)world_run(&asked.w, 60, never);
	ck_assert(!is_cut());
	ck_assert_ptr_nonnull(strstr(status(), "the deadline is over"));
	ck_assert_msg(strstr(status(), says[_i]) != NULL, "%s", status());
	hsm->down = false;
	list =
	    (struct wire_hsm_cuts){ .have = 2, .need = 2, .n = 2, .cut = both };
	ck_assert(world_run(&asked.w, 60, over));
	ck_assert(is_cut());
}
END_TEST

static enum base_err
later(void)
{
	struct ca_roll_row want = asked.w.ca.rolls->row;

	want.deadline.ms = asked.w.now.ms + 1000000;
	return ca_deadline_set(&asked.w.ca, &want, "test");
}

/* kedge-hsmd is asked, and before it answers the roll is paused, goes back, or
 * has more time. */
START_TEST(what_is_said_meanwhile_counts)
{
	const struct ca_roll_abort back = { .root = "plant",
		.reason = "",
		.who = "test",
		.late = true,
		.compromised = true };
	struct world *w = &asked.w;
	enum base_err e = BASE_OK;

	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(w, 50, never);
	go_by(11);
	while (!w->ca.rolls->cutting) {
		ck_assert(!is_cut());
		w->now.ms += 50;
		w->mono.ms += 50;
		ca_work(&w->ca);
	}
	if (_i == 0)
		e = ca_roll_pause(&w->ca, "plant", true, "test");
	else if (_i == 1)
		e = ca_roll_abort(&w->ca, &back);
	else if (_i == 2)
		e = later();
	ck_assert_int_eq(e, BASE_OK);
	while (hsm_fake_turn(w->hsm) > 0)
		;
	ck_assert_int_eq(is_cut(), _i == 3);
	(void)world_run(w, 60, over);
	ck_assert_int_eq(is_cut(), _i == 3);
}
END_TEST

/* The copy's list is not cut; and one that is said anew while it is being found
 * out what nodes hold, not before that has ended. */
START_TEST(a_recovery_cuts_nobody)
{
	struct world *w = &asked.w;
	struct ca_roll_row want;

	asked_ok(START ",\"cut\":[\"app1\"]}");
	world_backup(w, "b");
	(void)world_run(w, 20, never);
	asked_restore("b");
	ck_assert(world_run(w, 5, world_recovers));
	ck_assert_int_eq(w->ca.rolls->row.deadline.ms, 0);
	ck_assert_str_eq(w->ca.rolls->row.cut, "");
	(void)world_run(w, 200, never);
	ck_assert(!is_cut());
	ck_assert(world_recovers(w)); /* app1 does not say what it holds */
	want = w->ca.rolls->row;
	want.deadline.ms = w->now.ms + 1000;
	snprintf(want.cut, sizeof(want.cut), "app1");
	ck_assert_int_eq(ca_deadline_set(&w->ca, &want, "test"), BASE_OK);
	ck_assert_int_eq(hold(), BASE_OK);
	(void)world_run(w, 200, never);
	ck_assert(!is_cut());
	ck_assert_ptr_nonnull(strstr(status(), "app1"));
}
END_TEST

static bool
says_again(void)
{
	asked_ok("{\"cmd\":\"roll-status\"}");
	return json_is_true(
	    json_object_get(json_array_get(json_object_get(asked.answer,
					       "rolls"),
				0),
		"say_again"));
}

static bool
doctor_says_again(void)
{
	size_t i;
	json_t *v;

	asked.w.mono.ms += 60000; /* kedge-hsmd is asked anew */
	asked_ok("{\"cmd\":\"doctor\"}");
	json_array_foreach(json_object_get(asked.answer, "findings"), i,
	    v) if (strcmp(json_string_value(json_object_get(v, "check")),
		       "deadline") ==
	    0) return strstr(json_string_value(json_object_get(v, "do")),
	    "roll start --compromised --deadline") != NULL;
	return false;
}

/* What a recovery has voided is named until it is said again: with a deadline,
 * with kicks, or that there is to be none. In a roll in peace there was none. */
START_TEST(what_a_recovery_voids_is_to_be_said_again)
{
	static const char *const again[] = { START ",\"cut\":[\"app1\"]}",
		"{\"cmd\":\"roll-start\",\"root\":\"plant\","
		"\"compromised\":true,\"kicks\":1}",
		"{\"cmd\":\"roll-start\",\"root\":\"plant\","
		"\"compromised\":true}" };
	struct world *w = &asked.w;

	asked_ok(_i == 3 ? "{\"cmd\":\"roll-start\",\"root\":\"plant\"}"
			 : START ",\"cut\":[\"app1\"]}");
	world_backup(w, "b");
	(void)world_run(w, 20, never);
	ck_assert(!says_again() && !doctor_says_again());
	asked_restore("b");
	ck_assert(world_run(w, 5, world_recovers));
	ck_assert_int_eq(says_again(), _i < 3);
	ck_assert_int_eq(doctor_says_again(), _i < 3);
	if (_i == 3)
		return;
	ck_assert(audit_has("are to be said again; the copy has 0 kicks"));
	ck_assert(audit_has("on app1 may be cut"));
	asked_restart();
	ck_assert(says_again());
	asked_ok(again[_i]);
	ck_assert(!says_again() && !doctor_says_again());
	ck_assert_int_eq(w->ca.rolls->row.deadline.ms != 0, _i == 0);
	ck_assert_uint_eq(w->ca.rolls->row.kicks, _i == 1);
}
END_TEST

/* Back, and forward again, without a word on whom to cut: nobody; with one, as
 * it says. */
START_TEST(who_turns_round_says_it_again)
{
	const struct ca_roll_abort back = { .root = "plant",
		.reason = "",
		.who = "test",
		.late = true,
		.compromised = true };

	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(&asked.w, 5, never);
	ck_assert_int_eq(ca_roll_abort(&asked.w.ca, &back), BASE_OK);
	ck_assert_int_eq(asked.w.ca.rolls->row.deadline.ms, 0);
	(void)world_run(&asked.w, 5, never);
	asked_ok(_i == 0 ? "{\"cmd\":\"roll-start\",\"root\":\"plant\","
			   "\"compromised\":true}"
			 : START ",\"cut\":[\"app1\"]}");
	(void)world_run(&asked.w, 200, over);
	ck_assert_int_eq(is_cut(), _i == 1);
}
END_TEST

/* Taken back after it was cut: it has the time again that it ever has, also when
 * it fails; then it is cut as before. */
START_TEST(who_is_taken_back_has_time)
{
	const struct ca_word word = { "plant", "app1", "", "test" };
	struct world *w = &asked.w;

	world_node(w, "web1")->slow = true; /* the roll goes on */
	asked_ok(START ",\"cut\":[\"app1\"]}");
	(void)world_run(w, 70, over);
	ck_assert(is_cut());
	ck_assert_int_eq(ca_roll_return(&w->ca, &word), BASE_OK);
	if (_i == 1)
		ck_assert_int_eq(hold(), BASE_OK);
	(void)world_run(w, SILENT_S - 1, over);
	ck_assert(!is_cut());
	(void)world_run(w, 60, over);
	ck_assert(is_cut());
}
END_TEST

/* The list for approvers is that of the deadline. */
START_TEST(the_list_has_it_by_itself)
{
	asked_ok(START ",\"cut\":[\"app1\"]}");
	asked_ok("{\"cmd\":\"roll-cuts\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("cuts"), 2);
	ck_assert(json_is_string(json_object_get(asked.answer, "start")));
	asked_ok("{\"cmd\":\"roll-status\"}");
	ck_assert(json_is_string(
	    json_object_get(json_array_get(json_object_get(asked.answer,
					       "rolls"),
				0),
		"deadline")));
}
END_TEST

START_TEST(what_is_no_deadline)
{
	static const char *const bad[][2] = {
		{ ",\"deadline\":\"60s\"", "USAGE" },
		{ ",\"compromised\":true,\"cut\":[\"app1\"]", "USAGE" },
		{ ",\"compromised\":true,\"deadline\":\"soon\"", "SYNTAX" },
		{ ",\"compromised\":true,\"deadline\":\"0s\"", "RANGE" },
		{ ",\"compromised\":true,\"deadline\":\"60s\",\"cut\":[\"x\"]",
		    "NOTFOUND" },
		{ ",\"compromised\":true,\"deadline\":\"60s\","
		  "\"cut\":\"app1\"",
		    "USAGE" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text),
		    "{\"cmd\":\"roll-start\",\"root\":\"plant\"%s}", bad[i][0]);
		asked_no(text, bad[i][1]);
	}
	asked_no("{\"cmd\":\"roll-start\",\"root\":\"management\","
		 "\"compromised\":true,\"deadline\":\"60s\","
		 "\"cut\":[\"ca\"]}",
	    "REFUSED");
	ck_assert_ptr_null(asked.w.ca.rolls);
}
END_TEST

TCase *
case_deadline(void)
{
	TCase *t = tcase_create("deadline");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_loop_test(t, who_is_listed_is_cut_at_the_deadline, 0, 2);
	tcase_add_loop_test(t, nobody_else_is, 0, 4);
	tcase_add_loop_test(t, a_start_cuts_nobody, 0, 2);
	tcase_add_test(t, a_start_without_orders_cuts_nobody);
	tcase_add_loop_test(t, a_clock_that_is_set_cuts_nobody, 0, 4);
	tcase_add_test(t, a_clock_that_is_set_meanwhile_counts);
	tcase_add_test(t, who_is_slow_is_not_cut);
	tcase_add_test(t, who_is_heard_of_is_not_cut);
	tcase_add_loop_test(t, who_gets_his_order_late_is_not_cut, 0, 2);
	tcase_add_loop_test(t, what_is_not_approved_waits, 0, 4);
	tcase_add_loop_test(t, what_is_said_meanwhile_counts, 0, 4);
	tcase_add_test(t, a_recovery_cuts_nobody);
	tcase_add_loop_test(t, what_a_recovery_voids_is_to_be_said_again, 0, 4);
	tcase_add_loop_test(t, who_turns_round_says_it_again, 0, 2);
	tcase_add_loop_test(t, who_is_taken_back_has_time, 0, 2);
	tcase_add_test(t, the_list_has_it_by_itself);
	tcase_add_test(t, what_is_no_deadline);
	return t;
}
