/*
 * Tests of ca/remote.c, ca/ctl.c, ca/cmd_fleet.c and ca/cmd_roll.c: a command
 * line, the request that a stand-in for kedged gets, and what is made of its
 * answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "ca/cli.h"
#include "tests/unit/ca/suites.h"

static char dir[] = "/tmp/kedge-remote-XXXXXX";
static char path[64], seen[64], file[64];
static char output[65536], errors[4096];

static void
setup(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(seen, sizeof(seen), "%s/seen", dir);
	snprintf(file, sizeof(file), "%s/f", dir);
}

static void
teardown(void)
{
	unlink(path);
	unlink(seen);
	unlink(file);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* Each request goes into seen, each gets the same answer. */
static void
serve_one(int c, const char *answer)
{
	FILE *log = fopen(seen, "a"), *peer = fdopen(c, "r");
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, peer) > 0) {
		fputs(line, log);
		fflush(log);
		if (dprintf(c, "%s\n", answer) < 0)
			break;
	}
	_exit(0);
}

/* Until the listening socket is shut down; a process per connection. */
static void
serve(int fd, const char *answer)
{
	int c;

	while ((c = accept(fd, NULL, NULL)) != -1) {
		if (fork() == 0)
			serve_one(c, answer);
		close(c);
	}
	while (wait(NULL) > 0)
		;
	_exit(0);
}

static int
run_against(const char *answer, const char *const *words)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	FILE *out = fmemopen(output, sizeof(output), "w");
	FILE *err = fmemopen(errors, sizeof(errors), "w");
	char *argv[24] = { NULL };
	int argc = 0, code, fd = -1;
	pid_t pid = -1;

	unlink(path);
	unlink(seen);
	if (answer != NULL) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		memcpy(sun.sun_path, path, strlen(path) + 1);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)),
		    0);
		ck_assert_int_eq(listen(fd, 4), 0);
		if ((pid = fork()) == 0)
			serve(fd, answer);
	}
	for (; words[argc] != NULL; argc++)
		argv[argc] = base_strdup(words[argc]);
	argv[argc++] = base_strdup("--socket");
	argv[argc++] = base_strdup(path);
	code = cli_main(argc, argv, out, err);
	fclose(out);
	fclose(err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	if (pid > 0) {
		/* a command that never connects leaves the stand-in waiting */
		shutdown(fd, SHUT_RDWR);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		close(fd);
	}
	return code;
}
#define RUN(answer, ...) \
	run_against(answer, (const char *const[]){ "kedge", __VA_ARGS__, NULL })

static void
assert_request(const char *want)
{
	json_t *a = json_load_file(seen, JSON_DISABLE_EOF_CHECK, NULL);
	json_t *b = json_loads(want, 0, NULL);

	ck_assert_ptr_nonnull(b);
	ck_assert_msg(json_equal(a, b), "asked %s",
	    json_dumps(a, JSON_COMPACT));
	json_decref(a);
	json_decref(b);
}

#define OK "{\"ok\":true}"

START_TEST(test_options_become_fields)
{
	ck_assert_int_eq(RUN(OK, "node", "add", "--reach", "poll", "--via",
			     "web1,web2", "--dual", "--shallow", "yes",
			     "--names", "DNS:a", "--names", "IP:::1", "app1"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"node-add\",\"node\":\"app1\","
		       "\"reach\":\"poll\",\"via\":[\"web1\",\"web2\"],"
		       "\"dual\":true,\"shallow\":true,"
		       "\"names\":[\"DNS:a\",\"IP:::1\"]}");
	ck_assert_int_eq(RUN(OK, "node", "set", "--shallow", "no", "app1"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"node-set\",\"node\":\"app1\","
		       "\"shallow\":false}");
	ck_assert_int_eq(RUN(OK, "roll", "start", "--max-in-flight", "3",
			     "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		       "\"max_in_flight\":3}");
	ck_assert_int_eq(RUN(OK, "roll", "start", "--first", "a,b", "--first",
			     "c", "--window", "Sat,Sun 00:00-24:00", "--window",
			     "22:00-04:00", "--step", "--presume", "received",
			     "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		       "\"first\":[\"a\",\"b\",\"c\"],\"windows\":["
		       "\"Sat,Sun 00:00-24:00\",\"22:00-04:00\"],"
		       "\"step\":true,\"presume\":\"received\"}");
	ck_assert_int_eq(RUN(OK, "roll", "start", "--compromised", "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-start\",\"root\":\"plant\","
		       "\"compromised\":true}");
	ck_assert_int_eq(RUN("{\"ok\":true,\"root\":\"plant\",\"let\":[{"
			     "\"node\":\"a\",\"steps\":[\"trust\","
			     "\"cert\"]}]}",
			     "roll", "step", "plant"),
	    CLI_DONE);
	assert_request("{\"cmd\":\"roll-step\",\"root\":\"plant\"}");
	ck_assert_str_eq(output, "let go: a trust+cert\n");
	ck_assert_int_eq(RUN(OK, "roll", "step", "--rest", "plant"), CLI_DONE);
	assert_request("{\"cmd\":\"roll-step\",\"root\":\"plant\","
		       "\"rest\":true}");
	ck_assert_int_eq(RUN(OK, "explain", "plant/web1/cert"), CLI_DONE);
	assert_request("{\"cmd\":\"explain\",\"root\":\"plant\","
		       "\"node\":\"web1\",\"step\":\"cert\"}");
}
END_TEST

START_TEST(test_bad_command_lines_ask_nothing)
{
	ck_assert_int_eq(RUN(OK, "node", "set", "--shallow", "maybe", "app1"),
	    CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "roll", "start", "--max-in-flight", "3x",
			     "plant"),
	    CLI_USAGE);
	ck_assert_int_eq(access(seen, F_OK), -1);
	ck_assert_int_eq(RUN(OK, "node", "add", "--via", "a,,b", "x"),
	    CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "explain", "plant/web1"), CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "explain", "plant//cert"), CLI_USAGE);
	ck_assert_int_eq(RUN(OK, "explain", "plant/web1/cert/x"), CLI_USAGE);
	ck_assert_int_eq(access(seen, F_OK), -1);
}
END_TEST

START_TEST(test_refusals_keep_code_and_sentence)
{
	static const struct {
		const char *name;
		int code;
	} cases[] = { { "OUTAGE", CLI_OUTAGE }, { "AGAIN", CLI_WAITING },
		{ "INTEGRITY", CLI_INTEGRITY }, { "CONFIG", CLI_CONFIG },
		{ "REFUSED", CLI_FAILED }, { "OK", CLI_FAILED },
		{ "NOSUCH", CLI_FAILED } };
	char answer[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(answer, sizeof(answer),
		    "{\"ok\":false,\"error\":\"%s\",\"message\":\"no %zu\"}",
		    cases[i].name, i);
		ck_assert_int_eq(RUN(answer, "root", "list"), cases[i].code);
		snprintf(answer, sizeof(answer), "no %zu", i);
		ck_assert_ptr_nonnull(strstr(errors, answer));
	}
}
END_TEST

START_TEST(test_no_daemon_and_nonsense_are_said)
{
	ck_assert_int_eq(RUN(NULL, "root", "list"), CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(errors, path));
	ck_assert_int_eq(RUN("[1]", "root", "list"), CLI_FAILED);
	ck_assert_int_eq(RUN("{\"ok\":true,\"ok\":true}", "root", "list"),
	    CLI_FAILED);
}
END_TEST

START_TEST(test_json_is_the_answer)
{
	ck_assert_int_eq(RUN("{\"ok\":true,\"b\":1,\"a\":2}", "root", "list",
			     "--json"),
	    CLI_DONE);
	ck_assert_str_eq(output, "{\"a\":2,\"b\":1,\"ok\":true}\n");
}
END_TEST

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
	ck_assert_ptr_nonnull(strstr(output,
	    "sessions from before go on, end them by hand: app1, web1\n"));
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

START_TEST(test_token_file_is_private_and_new)
{
	const char *answer = "{\"ok\":true,\"token\":\"kedge1.abc\","
			     "\"end\":\"2026-01-01T00:00:00Z\"}";
	struct stat st;
	char text[32];
	FILE *f;

	ck_assert_int_eq(RUN(answer, "node", "token", "--out", file, "app1"),
	    CLI_DONE);
	ck_assert_ptr_null(strstr(output, "kedge1.abc"));
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	f = fopen(file, "r");
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	fclose(f);
	ck_assert_str_eq(text, "kedge1.abc\n");
	ck_assert_int_eq(RUN(answer, "node", "token", "--out", file, "app1"),
	    CLI_FAILED);
	ck_assert_int_eq(RUN(answer, "node", "token", "app1"), CLI_DONE);
	ck_assert_str_eq(output, "kedge1.abc\n");
	/* with --json the file is written as well, and the secret is only there */
	unlink(file);
	ck_assert_int_eq(RUN(answer, "node", "token", "--json", "--out", file,
			     "app1"),
	    CLI_DONE);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_size, (off_t)strlen(text));
	ck_assert_ptr_null(strstr(output, "kedge1.abc"));
	ck_assert_ptr_nonnull(strstr(output, "2026-01-01"));
	ck_assert_int_eq(RUN(answer, "node", "token", "--json", "app1"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "kedge1.abc"));
}
END_TEST

START_TEST(test_join_answer_becomes_bytes)
{
	FILE *f = fopen(seen, "w");
	char text[16];

	/* the request file is not seen again: the stand-in's log replaces it */
	fclose(f);
	snprintf(file, sizeof(file), "%s/f", dir);
	f = fopen(file, "w");
	fputs("abcd", f);
	fclose(f);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"aGVsbG8=\"}", "node",
			     "join", file, "/proc/none/x"),
	    CLI_FAILED);
	assert_request("{\"cmd\":\"node-join\",\"request\":\"YWJjZA==\"}");
	unlink(file);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"aGVsbG8=\"}", "node",
			     "join", "/etc/hostname", file),
	    CLI_DONE);
	f = fopen(file, "r");
	ck_assert_uint_eq(fread(text, 1, sizeof(text), f), 5);
	ck_assert_int_eq(memcmp(text, "hello", 5), 0);
	fclose(f);
	unlink(file);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"aGVsbG8=\"}", "node",
			     "join", "--json", "/etc/hostname", file),
	    CLI_DONE);
	ck_assert_int_eq(access(file, F_OK), 0);
	ck_assert_int_eq(RUN("{\"ok\":true,\"answer\":\"a!\"}", "node", "join",
			     "/etc/hostname", "/tmp/never"),
	    CLI_FAILED);
	ck_assert_int_eq(access("/tmp/never", F_OK), -1);
}
END_TEST

START_TEST(test_topology_shows_before_it_applies)
{
	const char *answer =
	    "{\"ok\":true,\"skipped\":1,\"changes\":[{\"op\":\"+\","
	    "\"kind\":\"node\",\"name\":\"app1\",\"detail\":\"poll\"}]}";
	FILE *f = fopen(file, "w");

	fputs("roots = ();\n", f);
	fclose(f);
	ck_assert_int_eq(RUN(answer, "topology", "apply", "--dry-run",
			     "--exit-code", file),
	    CLI_CHANGES);
	ck_assert_ptr_nonnull(strstr(output, "+ node app1"));
	ck_assert_ptr_nonnull(strstr(output, "--allow-remove"));
	ck_assert_int_eq(RUN(answer, "topology", "apply", "--dry-run",
			     "--exit-code", "--json", file),
	    CLI_CHANGES);
	ck_assert_int_eq(RUN("{\"ok\":true,\"changes\":[],\"skipped\":0}",
			     "topology", "apply", "--dry-run", "--exit-code",
			     file),
	    CLI_DONE);
}
END_TEST

/* A removal that is left out is no change. */
START_TEST(test_topology_says_whether_it_applied)
{
	const char *removal =
	    "{\"ok\":true,\"skipped\":1,\"changes\":[{\"op\":\"-\","
	    "\"kind\":\"node\",\"name\":\"app1\",\"detail\":\"\"}]}";
	const char *change =
	    "{\"ok\":true,\"skipped\":0,\"changes\":[{\"op\":\"+\","
	    "\"kind\":\"node\",\"name\":\"app1\",\"detail\":\"\"}]}";
	FILE *f = fopen(file, "w");

	fputs("roots = ();\n", f);
	fclose(f);
	ck_assert_int_eq(RUN(removal, "topology", "apply", file), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "- node app1"));
	ck_assert_ptr_nonnull(strstr(output, "nothing to do"));
	ck_assert_int_eq(RUN(change, "topology", "apply", "--exit-code", file),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "\napplied\n"));
}
END_TEST

START_TEST(test_graph_is_dot)
{
	const char *answer =
	    "{\"ok\":true,\"nodes\":[{\"name\":\"a\",\"joined\":true,"
	    "\"trust\":[1,2],\"present\":[1]}],\"links\":[{\"client\":\"a\","
	    "\"server\":\"b\",\"auth\":\"mutual\",\"server_root\":\"plant\","
	    "\"safe\":false}]}";

	ck_assert_int_eq(RUN(answer, "graph", "--dot"), CLI_DONE);
	ck_assert_ptr_nonnull(
	    strstr(output, "\"a\" [label=\"a\\ntrusts 1 2\\npresents 1\"]"));
	ck_assert_ptr_nonnull(strstr(output,
	    "\"a\" -> \"b\" [label=\"plant\", dir=both, "
	    "color=red]"));
}
END_TEST

/* One answer that holds what all three questions ask for. */
START_TEST(test_fleet_becomes_a_topology_file_and_a_plan)
{
	const char *answer =
	    "{\"ok\":true,\"roots\":[{\"name\":\"management\"},"
	    "{\"name\":\"plant\"}],\"nodes\":[{\"name\":\"app1\","
	    "\"reach\":\"poll\",\"via\":[\"web1\"],\"dual\":false,"
	    "\"address\":\"\",\"names\":[]},{\"name\":\"web1\","
	    "\"reach\":\"direct\",\"via\":[],\"dual\":true,\"shallow\":true,"
	    "\"address\":\"h:1\",\"names\":[\"DNS:a\",\"IP:::1\"]}],"
	    "\"links\":[{\"client\":\"app1\",\"server\":\"web1\","
	    "\"auth\":\"mutual\",\"client_root\":\"plant\","
	    "\"server_root\":\"plant\"}]}";
	json_t *shown;

	ck_assert_int_eq(RUN(answer, "topology", "show"), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "management"));
	ck_assert_ptr_nonnull(strstr(output,
	    "{ name = \"web1\"; reach = \"direct\"; address = \"h:1\"; "
	    "names = [ \"DNS:a\", \"IP:::1\" ]; dual = true; shallow = true; }"));
	ck_assert_int_eq(RUN(answer, "topology", "show", "--json"), CLI_DONE);
	shown = json_loads(output, 0, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(shown, "roots")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(shown, "nodes")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(shown, "links")), 1);
	json_decref(shown);
	ck_assert_int_eq(RUN(answer, "plan", "--root", "plant"), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "6 orders in 3 rounds"));
	ck_assert_int_eq(RUN(answer, "plan", "--root", "nope"), CLI_FAILED);
	ck_assert_int_eq(RUN(NULL, "plan", "--root", "plant"), CLI_FAILED);
	ck_assert_int_eq(RUN(answer, "plan"), CLI_USAGE);
}
END_TEST

#define TOOK(root, roll, state, settled)                              \
	"{\"root\":\"" root "\",\"roll\":" roll ",\"state\":\"" state \
	"\",\"sent\":\"2026-11-01T12:00:00Z\",\"settled\":\"" settled "\"}"

/* The median of what a node's effective orders of this root took is its pace,
 * and the old root's end the deadline; joins, failures and other roots are
 * none of it. */
START_TEST(test_compare_goes_by_what_was_seen)
{
	static const char answer[] =
	    "{\"ok\":true,\"roots\":[{\"name\":\"a\"}],\"nodes\":["
	    "{\"name\":\"c\",\"reach\":\"direct\",\"via\":[],\"dual\":false,"
	    "\"address\":\"\",\"names\":[]},{\"name\":\"s\","
	    "\"reach\":\"direct\",\"via\":[],\"dual\":false,"
	    "\"address\":\"\",\"names\":[]}],"
	    "\"links\":[{\"client\":\"c\",\"server\":\"s\","
	    "\"auth\":\"mutual\",\"client_root\":\"a\","
	    "\"server_root\":\"a\"}],"
	    "\"current\":1,\"generations\":["
	    "{\"generation\":1,\"not_after\":\"2026-11-22T12:01:15Z\"},"
	    "{\"generation\":2,\"not_after\":\"2036-11-22T12:00:00Z\"}],"
	    "\"orders\":[" TOOK("a", "1", "effective",
		"2026-11-01T12:00:30Z") "," TOOK("a", "1", "effective",
		"2026-11-01T12:00:10Z") "," TOOK("a", "1", "effective",
		"2026-11-01T12:00:20Z") "," TOOK("a", "0", "effective",
		"2026-11-01T12:00:01Z") "," TOOK("a", "1", "failed",
		"2026-11-01T12:00:02Z") "," TOOK("b", "1", "effective",
		"2026-11-01T12:00:03Z") "," TOOK("a", "1", "effective",
		"2026-11-01T11:00:00Z") "]}";
	json_t *doc, *minimal;

	ck_assert_int_eq(RUN(answer, "plan", "--root", "a", "--compare",
			     "--json", "--start", "2026-11-22T12:00:00Z"),
	    CLI_DONE);
	doc = json_loads(output, 0, NULL);
	minimal = json_array_get(json_object_get(doc, "strategies"), 0);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "takes_ms")),
	    60000);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "left_ms")),
	    15000);
	json_decref(doc);
	/* what the operator says of a node goes before what was seen of it */
	ck_assert_int_eq(RUN(answer, "plan", "--root", "a", "--compare",
			     "--json", "--delay", "s=30", "--deadline",
			     "2026-11-22T12:01:00Z", "--start",
			     "2026-11-22T12:00:00Z"),
	    CLI_DONE);
	doc = json_loads(output, 0, NULL);
	minimal = json_array_get(json_object_get(doc, "strategies"), 0);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "takes_ms")),
	    90000);
	ck_assert_int_eq(json_integer_value(
			     json_object_get(minimal, "left_ms")),
	    -30000);
	json_decref(doc);
}
END_TEST

TCase *
case_remote(void)
{
	TCase *t = tcase_create("remote");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_options_become_fields);
	tcase_add_test(t, test_bad_command_lines_ask_nothing);
	tcase_add_test(t, test_refusals_keep_code_and_sentence);
	tcase_add_test(t, test_no_daemon_and_nonsense_are_said);
	tcase_add_test(t, test_json_is_the_answer);
	tcase_add_test(t, test_status_says_who_waits_and_exits_4);
	tcase_add_test(t, test_status_shows_every_node);
	tcase_add_test(t, test_status_says_who_was_proven_by_reload);
	tcase_add_test(t, test_status_says_that_a_key_is_in_wrong_hands);
	tcase_add_test(t, test_token_file_is_private_and_new);
	tcase_add_test(t, test_join_answer_becomes_bytes);
	tcase_add_test(t, test_topology_shows_before_it_applies);
	tcase_add_test(t, test_topology_says_whether_it_applied);
	tcase_add_test(t, test_graph_is_dot);
	tcase_add_test(t, test_fleet_becomes_a_topology_file_and_a_plan);
	tcase_add_test(t, test_compare_goes_by_what_was_seen);
	return t;
}
