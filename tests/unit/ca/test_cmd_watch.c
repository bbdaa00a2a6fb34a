/* kedge roll status: who waits, every node, what was proven how. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca/watch.h"
#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

#define ROLL(state)                                                          \
	"{\"ok\":true,\"rolls\":[{\"roll\":1,\"root\":\"plant\",\"from\":1," \
	"\"to\":2,\"strategy\":\"minimal\",\"state\":\"" state "\","         \
	"\"steps_done\":3,\"steps_all\":6,\"waits\":[{"                      \
	"\"node\":\"web1\",\"peer\":\"app1\",\"text\":"                      \
	"\"web1 waits for app1\"}],\"outstanding\":[],\"held\":[]}]}"

START_TEST(test_status_says_who_waits_and_exits_4)
{
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status", "--exit-code"),
	    CLI_WAITING);
	ck_assert_ptr_nonnull(strstr(output, "web1 waits for app1"));
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status", "--exit-code"),
	    CLI_DONE);
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status"), CLI_DONE);
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status", "--exit-code",
			     "--json"),
	    CLI_WAITING);
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status", "--exit-code",
			     "--json"),
	    CLI_DONE);
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status", "--watch"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "done"));
}
END_TEST

START_TEST(test_status_shows_every_node)
{
	static const char nodes[] =
	    "{\"ok\":true,\"rolls\":[{\"roll\":1,\"root\":\"plant\","
	    "\"from\":1,\"to\":2,\"strategy\":\"minimal\","
	    "\"state\":\"running\",\"steps_done\":3,\"steps_all\":6,"
	    "\"old_root_ends\":\"2000-01-01T00:00:00Z\",\"nodes\":["
	    "{\"node\":\"web1\",\"state\":\"done\",\"done\":[\"trust\","
	    "\"cert\"],\"next\":[],\"heard\":\"2000-01-01T00:00:00Z\","
	    "\"waits\":\"\"},"
	    "{\"node\":\"app1\",\"state\":\"sent\",\"done\":[],"
	    "\"next\":[\"trust\"],\"heard\":null,"
	    "\"waits\":\"app1 waits with trust: its report is missing\"}]}]}";
	const char *app1, *web1;

	ck_assert_int_eq(RUN(nodes, "roll", "status", "--nodes"), CLI_DONE);
	assert_request("{\"cmd\":\"roll-status\",\"nodes\":true}");
	ck_assert_ptr_nonnull(strstr(output, "3/6, old root ends in 0s\n"));
	app1 = strstr(output,
	    "\napp1       ---  sent trust          never  "
	    "its report is missing\n");
	web1 = strstr(output, "\nweb1       tc-  done ");
	ck_assert_ptr_nonnull(app1);
	ck_assert_ptr_nonnull(web1);
	/* whoever is not done comes first */
	ck_assert(app1 < web1);
	ck_assert_int_eq(RUN(nodes, "roll", "status"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "never"));
}
END_TEST

START_TEST(test_status_says_who_was_proven_by_reload)
{
	ck_assert_int_eq(RUN(ROLL("done"), "roll", "status"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "by reload"));
	ck_assert_int_eq(RUN("{\"ok\":true,\"rolls\":[{\"roll\":1,"
			     "\"by_reload\":[\"app1\",\"web1\"]}]}",
			     "roll", "status"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(
	    strstr(output, "proven by reload only: app1, web1\n"));
}
END_TEST

START_TEST(test_status_says_that_a_key_is_in_wrong_hands)
{
	ck_assert_int_eq(RUN(ROLL("running"), "roll", "status"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "COMPROMISED"));
	ck_assert_int_eq(RUN("{\"ok\":true,\"rolls\":[{\"roll\":1,"
			     "\"state\":\"running\",\"compromised\":true,"
			     "\"from\":1,\"to\":2,"
			     "\"not_kicked\":[\"app1\",\"web1\"]}]}",
			     "roll", "status"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "COMPROMISED"));
	ck_assert_ptr_null(strstr(output, "SAY AGAIN"));
	ck_assert_ptr_nonnull(strstr(output,
	    "sessions from before go on, end them by hand: app1, web1\n"));
	ck_assert_int_eq(RUN("{\"ok\":true,\"rolls\":[{\"roll\":1,"
			     "\"root\":\"plant\",\"say_again\":true,"
			     "\"state\":\"running\",\"compromised\":true,"
			     "\"from\":1,\"to\":2}]}",
			     "roll", "status"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "SAY AGAIN"));
	ck_assert_ptr_nonnull(strstr(output, "--kicks N plant\n"));
	/* on its way back it ends nothing */
	ck_assert_int_eq(RUN("{\"ok\":true,\"rolls\":[{\"roll\":1,"
			     "\"state\":\"running\",\"compromised\":true,"
			     "\"from\":2,\"to\":1}]}",
			     "roll", "status"),
	    CLI_DONE);
	ck_assert_ptr_null(strstr(output, "COMPROMISED"));
	ck_assert_int_eq(RUN("{\"ok\":true,\"compromised\":true,"
			     "\"not_kicked\":[\"app1\"]}",
			     "roll", "report", "plant"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "COMPROMISED"));
	ck_assert_ptr_nonnull(strstr(output, "by hand: app1\n"));
}
END_TEST

#define SEEN                                                               \
	"{\"rolls\":[{\"roll\":1,\"root\":\"plant\",\"from\":1,\"to\":2,"  \
	"\"strategy\":\"minimal\",\"state\":\"running\",\"steps_done\":3," \
	"\"steps_all\":6,\"old_root_ends\":\"2000-01-01T00:00:00Z\","      \
	"\"nodes\":["
#define NODE(state, peer, waits)                                              \
	"{\"node\":\"app1\",\"state\":\"" state "\",\"done\":[],"             \
	"\"next\":[\"trust\"],\"heard\":null,\"rule\":\"one-order\","         \
	"\"peer\":\"" peer "\",\"peer_steps\":[\"trust\"],\"waits\":\"" waits \
	"\"}]}]}"

static char *
picture(size_t columns, const char *text)
{
	json_t *answer = json_loads(text, 0, NULL);
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	ck_assert_ptr_nonnull(answer);
	ca_nodes_print(f, columns, answer);
	fclose(f);
	json_decref(answer);
	return out;
}

static const struct {
	const char *text, *narrow, *wide;
} rows[] = {
	{ SEEN NODE("sent", "app1", "app1 waits with trust: its report is out"),
	    "sent trust          never  no answer yet\n",
	    "sent trust          never  its report is out\n" },
	{ SEEN NODE("received", "app1", "app1 waits with trust: it is out"),
	    "received trust      never  it has the order; no result yet\n",
	    "received trust      never  it is out\n" },
	/* what only the node knows is not shortened away */
	{ SEEN NODE("sent", "app1", "held by the node: its clock is behind"),
	    "sent trust          never  held by the node: its clock is behind\n",
	    "sent trust          never  held by the node: its clock is behind\n" },
	{ SEEN NODE("waiting", "web1", "app1 waits with trust: a long tale"),
	    "waiting trust       never  web1: trust (one-order)\n",
	    "waiting trust       never  a long tale\n" },
	{ SEEN NODE("failed", "app1", "app1 waits with trust: a long tale"),
	    "failed trust        never  its own trust (one-order)\n",
	    "failed trust        never  a long tale\n" },
};

START_TEST(a_reason_fits_its_line)
{
	char *narrow = picture(80, rows[_i].text);
	char *wide = picture(0, rows[_i].text);

	ck_assert_msg(strstr(narrow, rows[_i].narrow) != NULL, "%s", narrow);
	ck_assert_msg(strstr(wide, rows[_i].wide) != NULL, "%s", wide);
	free(narrow);
	free(wide);
}
END_TEST

START_TEST(lines_are_cut)
{
	char *out = picture(10, rows[0].text);

	for (char *l = strtok(out, "\n"); l != NULL; l = strtok(NULL, "\n"))
		ck_assert_uint_le(strlen(l), 10);
	free(out);
}
END_TEST

static const struct {
	int64_t seconds;
	const char *text;
} ages[] = { { -5, "0s" }, { 0, "0s" }, { 119, "119s" }, { 120, "2m" },
	{ 7199, "119m" }, { 7200, "2h" }, { 172799, "47h" }, { 172800, "2d" } };

START_TEST(ages_are_short)
{
	char out[CA_AGE_TEXT];

	ca_age_text(ages[_i].seconds, out);
	ck_assert_str_eq(out, ages[_i].text);
}
END_TEST

START_TEST(between_two_times)
{
	ck_assert_int_eq(ca_seconds_between("2026-01-01T00:00:00Z",
			     "2026-01-02T00:00:01Z"),
	    86401);
	ck_assert_int_eq(ca_seconds_between("2026-01-01T00:00:00Z", "-"), 0);
}
END_TEST

TCase *
case_cmd_watch(void)
{
	TCase *t = tcase_create("cmd_watch");

	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, test_status_says_who_waits_and_exits_4);
	tcase_add_test(t, test_status_shows_every_node);
	tcase_add_test(t, test_status_says_who_was_proven_by_reload);
	tcase_add_test(t, test_status_says_that_a_key_is_in_wrong_hands);
	tcase_add_loop_test(t, a_reason_fits_its_line, 0,
	    (int)(sizeof(rows) / sizeof(*rows)));
	tcase_add_test(t, lines_are_cut);
	tcase_add_loop_test(t, ages_are_short, 0,
	    (int)(sizeof(ages) / sizeof(*ages)));
	tcase_add_test(t, between_two_times);
	return t;
}
