/* What sets rolls off: the schedule of a root, one word for all roots; and the
 * warnings before a root ends. Time is the world's. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const char two_roots[] =
    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"lab1\"; reach = \"direct\"; },\n"
    "  { name = \"lab2\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"lab1\"; server = \"lab2\"; auth = \"mutual\";\n"
    "  root = \"lab\"; } );\n";

static void
setup(void)
{
	asked_open(two_roots);
}

static void
days_pass(int days)
{
	asked.w.now.ms += days * INT64_C(86400000);
	asked.w.mono.ms += days * INT64_C(86400000);
}

/* kedged has looked at its schedule, and hsmd has answered. */
static void
look(void)
{
	days_pass(1);
	(void)ca_schedule_work(&asked.w.ca);
	while (hsm_fake_turn(asked.w.hsm) > 0)
		;
}

static bool
rolls(const char *root)
{
	return ca_roll_of(&asked.w.ca, root) != NULL;
}

static const char *
blocked(void)
{
	return ca_schedule_blocked(&asked.w.ca, "plant");
}

/* ---- root-set ------------------------------------------------------------------ */

static const struct {
	const char *text, *error;
} bad[] = {
	{ "{\"cmd\":\"root-set\"}", "USAGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"nosuch\",\"roll_before\":9}",
	    "NOTFOUND" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\",\"roll_before\":-1}",
	    "RANGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\",\"roll_before\":3650}",
	    "RANGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\",\"roll_before\":\"9\"}",
	    "USAGE" },
	{ "{\"cmd\":\"root-set\",\"root\":\"plant\","
	  "\"roll_strategy\":\"quick\"}",
	    "USAGE" },
	{ "{\"cmd\":\"roll-start\"}", "USAGE" },
	{ "{\"cmd\":\"roll-start\",\"root\":\"plant\",\"all\":true}", "USAGE" },
	{ "{\"cmd\":\"roll-start\",\"all\":true}", "STATE" },
};

START_TEST(bad_requests)
{
	struct ca_root r;

	asked_no(bad[_i].text, bad[_i].error);
	ck_assert_int_eq(ca_store_root_get(asked.w.ca.store, "plant", &r),
	    BASE_OK);
	ck_assert_uint_eq(r.roll_before, 0);
	ck_assert_int_eq(r.strategy, POL_MINIMAL);
	ck_assert(!rolls("plant") && !rolls("lab"));
}
END_TEST

START_TEST(a_schedule_is_kept)
{
	asked_ok("{\"cmd\":\"root-show\",\"root\":\"plant\"}");
	ck_assert(json_is_null(json_object_get(asked.answer, "rolls_at")));
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":90,\"roll_strategy\":\"layered\"}");
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "rolls_at")),
	    "2035-09-30T23:59:00Z");
	asked_restart();
	asked_ok("{\"cmd\":\"root-show\",\"root\":\"plant\"}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "roll_before")),
	    90);
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "roll_strategy")),
	    "layered");
	/* one field alone leaves the other */
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":0}");
	ck_assert(json_is_null(json_object_get(asked.answer, "rolls_at")));
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "roll_strategy")),
	    "layered");
}
END_TEST

/* ---- the schedule --------------------------------------------------------------- */

static void
schedule(void)
{
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":3640,\"roll_strategy\":\"bundled\"}");
}

static enum base_err
find_audit(void *arg, const struct ca_audit *a)
{
	bool *found = arg;

	*found = *found ||
	    (strcmp(a->who, "schedule") == 0 &&
		strstr(a->detail, "root plant: started, 1 to 2, bundled") !=
		    NULL);
	return BASE_OK;
}

START_TEST(a_root_rolls_by_itself)
{
	bool found = false;

	world_join_all(&asked.w);
	schedule();
	for (int day = 1; day < 9; day++) {
		look();
		ck_assert(!rolls("plant"));
		ck_assert_ptr_null(blocked());
	}
	days_pass(1);
	look();
	ck_assert(rolls("plant"));
	ck_assert(!rolls("lab"));
	ck_assert_int_eq(ca_roll_of(&asked.w.ca, "plant")->row.strategy,
	    POL_BUNDLED);
	ck_assert_int_eq(ca_store_audit_list(asked.w.ca.store, 1, 1000,
			     find_audit, &found),
	    BASE_OK);
	ck_assert(found);
	ck_assert(world_run(&asked.w, 100, world_rolled));
	/* the new generation has all its life before it */
	look();
	ck_assert(!rolls("plant"));
}
END_TEST

START_TEST(without_a_schedule_nothing_starts)
{
	world_join_all(&asked.w);
	for (int i = 0; i < 100; i++)
		look();
	ck_assert(!rolls("plant") && !rolls("lab"));
}
END_TEST

START_TEST(what_is_not_ready_is_tried_again)
{
	schedule();
	world_join(&asked.w, "web1");
	for (int day = 0; day < 11; day++)
		look();
	ck_assert(!rolls("plant"));
	ck_assert_ptr_nonnull(blocked());
	ck_assert_ptr_nonnull(strstr(blocked(), "app1"));
	world_join(&asked.w, "app1");
	ck_assert(world_run(&asked.w, 60, world_rolled));
	look();
	ck_assert(rolls("plant"));
	ck_assert_ptr_null(blocked());
}
END_TEST

START_TEST(hsmd_away_is_tried_again)
{
	world_join_all(&asked.w);
	schedule();
	hsm_fake_mood(asked.w.hsm)->down = true;
	for (int day = 0; day < 11; day++)
		look();
	ck_assert(!rolls("plant"));
	ck_assert_ptr_nonnull(blocked());
	hsm_fake_mood(asked.w.hsm)->down = false;
	look();
	ck_assert(rolls("plant"));
}
END_TEST

START_TEST(an_abort_is_respected)
{
	world_join_all(&asked.w);
	schedule();
	for (int day = 0; day < 11; day++)
		look();
	ck_assert(rolls("plant"));
	asked_ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\"}");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	look();
	ck_assert(!rolls("plant"));
	ck_assert_ptr_nonnull(strstr(blocked(), "aborted"));
	asked_restart();
	look();
	ck_assert(!rolls("plant"));
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	look();
	ck_assert(rolls("plant"));
}
END_TEST

/* ---- all at once ------------------------------------------------------------------ */

static const char *
reason_of(const char *root)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "not_started"), i,
	    o) if (strcmp(json_string_value(json_object_get(o, "root")),
		       root) ==
	    0) return json_string_value(json_object_get(o, "reason"));
	return NULL;
}

START_TEST(all_roots_by_one_word)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"all\":true,\"dry_run\":true}");
	ck_assert_uint_eq(asked_size_of("started"), 2);
	ck_assert(!rolls("plant") && !rolls("lab"));
	asked_ok("{\"cmd\":\"roll-start\",\"all\":true,"
		 "\"strategy\":\"layered\"}");
	ck_assert_uint_eq(asked_size_of("started"), 2);
	ck_assert(rolls("plant") && rolls("lab"));
	ck_assert_int_eq(ca_roll_of(&asked.w.ca, "lab")->row.strategy,
	    POL_LAYERED);
	ck_assert(world_run(&asked.w, 100, world_rolled));
}
END_TEST

START_TEST(of_all_the_ready_ones)
{
	world_join(&asked.w, "lab1");
	world_join(&asked.w, "lab2");
	ck_assert(world_run(&asked.w, 60, world_rolled));
	asked_ok("{\"cmd\":\"roll-start\",\"all\":true}");
	ck_assert_uint_eq(asked_size_of("started"), 1);
	ck_assert(rolls("lab") && !rolls("plant"));
	ck_assert_ptr_nonnull(reason_of("plant"));
	ck_assert_ptr_nonnull(strstr(reason_of("plant"), "has not joined"));
	/* what rolls already does not roll twice */
	asked_no("{\"cmd\":\"roll-start\",\"all\":true}", "STATE");
	ck_assert_ptr_nonnull(strstr(reason_of("lab"), "rolls already"));
}
END_TEST

/* ---- what is seen of a roll ----------------------------------------------------------- */

/* Of every roll and node: "NODE:STATE". */
static void
nodes_text(char *out, size_t max)
{
	const json_t *rolls;
	size_t i, k, at = 0;
	json_t *r, *o;

	asked_ok("{\"cmd\":\"roll-status\",\"nodes\":true}");
	rolls = json_object_get(asked.answer, "rolls");
	out[0] = '\0';
	json_array_foreach(rolls, i, r)
	{
		ck_assert_str_eq(json_string_value(
				     json_object_get(r, "old_root_ends")),
		    "2035-12-29T23:59:00Z");
		json_array_foreach(json_object_get(r, "nodes"), k, o) at +=
		    (size_t)snprintf(out + at, max - at, "%s:%s ",
			json_string_value(json_object_get(o, "node")),
			json_string_value(json_object_get(o, "state")));
	}
}

static bool
web1_has_trust(struct world *x)
{
	return pol_engine_step(x->ca.rolls->engine,
		   ca_topo_node(x->ca.topo, "web1"),
		   POL_TRUST) == POL_STEP_DONE;
}

START_TEST(every_node_of_a_roll)
{
	char text[256];

	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "app1:waiting web1:waiting ");
	world_node(&asked.w, "app1")->deaf = true;
	ck_assert(world_run(&asked.w, 30, web1_has_trust));
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "app1:sent web1:waiting ");
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead\"}");
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "app1:excused web1:waiting ");
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	world_node(&asked.w, "app1")->deaf = false;
	ck_assert(world_run(&asked.w, 100, world_rolled));
	nodes_text(text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

/* ---- the ends of roots ------------------------------------------------------------- */

START_TEST(levels)
{
	static const struct {
		int64_t days, ms;
		unsigned level;
	} t[] = { { 731, 0, 0 }, { 730, 1, 0 }, { 730, 0, 1 }, { 365, 1, 1 },
		{ 365, 0, 2 }, { 182, 1, 2 }, { 182, 0, 3 }, { 0, 1, 3 },
		{ 0, 0, 4 }, { -1, 0, 4 } };
	const struct base_time now = { INT64_C(1767225600000) };

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct base_time end = base_time_add_s(now, t[i].days * 86400);

		end.ms += t[i].ms;
		ck_assert_uint_eq(ca_root_end_level(now, end), t[i].level);
	}
}
END_TEST

static int log_fd;

/* check runs each test in a process of its own: descriptor 2 may go. */
static void
log_capture(void)
{
	int p[2];

	base_log_open("test", BASE_INFO);
	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	close(p[1]);
	log_fd = p[0];
	ck_assert_int_eq(fcntl(log_fd, F_SETFL, O_NONBLOCK), 0);
}

/* What was written since the last time. */
static const char *
log_new(void)
{
	static char text[16384];
	ssize_t n = read(log_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(each_level_is_told_once)
{
	static const struct {
		int days;
		const char *line;
	} t[] = {
		{ 2900, NULL },
		{ 30,
		    "root end: far -> within 730 days node=- root=plant "
		    "roll=- epoch=-: generation 1 ends at" },
		{ 350, NULL },
		{ 10, "root end: within 730 days -> within 365 days node=-" },
		{ 170, NULL },
		{ 10, "root end: within 365 days -> within 182 days node=-" },
		{ 200, "root end: within 182 days -> over node=- root=plant" },
	};

	log_capture();
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		days_pass(t[i].days);
		(void)ca_root_ends_work(&asked.w.ca);
		if (t[i].line != NULL)
			ck_assert_ptr_nonnull(strstr(log_new(), t[i].line));
		ck_assert_str_eq(log_new(), "");
		/* neither the next day nor the next kedged says it again */
		asked.w.ca.root_ends_next.ms = 0;
		(void)ca_root_ends_work(&asked.w.ca);
		ck_assert_str_eq(log_new(), "");
		asked_restart();
		(void)ca_root_ends_work(&asked.w.ca);
		ck_assert_str_eq(log_new(), "");
	}
}
END_TEST

static json_t *
link_of(const char *presenter)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(asked.answer, "links"), i,
	    o) if (strcmp(json_string_value(json_object_get(o, "presenter")),
		       presenter) == 0) return o;
	ck_abort_msg("no link from %s", presenter);
}

static const char *
word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

START_TEST(a_roll_is_told)
{
	json_t *web1;

	asked.w.conf.failure_limit = 1000;
	world_join_all(&asked.w);
	asked_no("{\"cmd\":\"roll-report\",\"root\":\"plant\"}", "NOTFOUND");
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	world_node(&asked.w, "app1")->deaf = true;
	ck_assert(world_run(&asked.w, 30, web1_has_trust));
	/* half way: nothing is claimed */
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\"}");
	ck_assert_uint_eq(asked_size_of("links"), 2);
	ck_assert_str_eq(word(link_of("web1"), "new_first"), "");
	ck_assert_str_eq(word(link_of("web1"), "proof"), "none");
	ck_assert_str_ne(word(link_of("web1"), "old_last"), "");
	world_node(&asked.w, "app1")->deaf = false;
	world_node(&asked.w, "app1")->fails = true;
	for (int i = 0; i < 20 && world_node(&asked.w, "app1")->highest < 3;
	     i++)
		world_run(&asked.w, 1, world_rolled);
	world_node(&asked.w, "app1")->fails = false;
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-report\",\"root\":\"plant\",\"roll\":1}");
	web1 = link_of("web1");
	ck_assert_str_eq(word(web1, "verifier"), "app1");
	ck_assert_str_eq(word(web1, "proof"), "probe");
	ck_assert_int_ge(json_integer_value(json_object_get(web1, "failures")),
	    1);
	ck_assert_int_gt(strcmp(word(web1, "new_first"),
			     word(web1, "old_last")),
	    0);
	ck_assert_uint_eq(asked_size_of("nodes"), 2);
	asked_no("{\"cmd\":\"roll-report\",\"root\":\"plant\",\"roll\":2}",
	    "NOTFOUND");
}
END_TEST

START_TEST(changes_are_lines)
{
	const char *text;

	world_join_all(&asked.w);
	log_capture();
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	text = log_new();
	ck_assert_ptr_nonnull(strstr(text,
	    "test: roll: none -> running node=- root=plant roll=1 epoch=-: "
	    "generation 1 to 2, minimal\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "test: order: none -> sent node=web1 root=plant roll=1 epoch=2: "
	    "trust\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "test: order: sent -> effective node=web1 root=plant roll=1 "
	    "epoch=2: trust by probe\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "test: roll: running -> done node=- root=plant roll=1 epoch=-: "));
}
END_TEST

/* Under which root, in which roll, and why. */
START_TEST(a_word_about_a_node_is_a_line)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	log_capture();
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead disk\"}");
	ck_assert_ptr_nonnull(strstr(log_new(),
	    "test: node: joined -> excused node=app1 root=plant roll=1 "
	    "epoch=-: dead disk\n"));
}
END_TEST

TCase *
case_trigger(void)
{
	TCase *t = tcase_create("trigger");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_loop_test(t, bad_requests, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, a_schedule_is_kept);
	tcase_add_test(t, a_root_rolls_by_itself);
	tcase_add_test(t, without_a_schedule_nothing_starts);
	tcase_add_test(t, what_is_not_ready_is_tried_again);
	tcase_add_test(t, hsmd_away_is_tried_again);
	tcase_add_test(t, an_abort_is_respected);
	tcase_add_test(t, all_roots_by_one_word);
	tcase_add_test(t, of_all_the_ready_ones);
	tcase_add_test(t, every_node_of_a_roll);
	tcase_add_test(t, a_roll_is_told);
	tcase_add_test(t, changes_are_lines);
	tcase_add_test(t, a_word_about_a_node_is_a_line);
	tcase_add_test(t, levels);
	tcase_add_test(t, each_level_is_told_once);
	return t;
}
