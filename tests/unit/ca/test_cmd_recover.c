/* Unit tests of ca/cmd_recover.c: command lines, the requests, and what is shown
 * of the answers; a child stands in for kedged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "ca/cli.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/words.h"

#define NOTHING                                                        \
	"{\"ok\":true,\"stage\":\"none\",\"since\":null,\"why\":\"\"," \
	"\"trouble\":\"\",\"nodes\":2,\"answered\":2,\"missing\":[],"  \
	"\"made\":[]}"
#define ASKS                                                                 \
	"{\"ok\":true,\"stage\":\"ask\",\"since\":\"2026-01-01T00:00:00Z\"," \
	"\"why\":\"it is an old copy\",\"trouble\":\"\",\"nodes\":3,"        \
	"\"answered\":1,\"missing\":["                                       \
	"{\"node\":\"app1\",\"root\":\"plant\",\"heard\":null,"              \
	"\"asked\":\"2026-01-01T00:00:05Z\",\"state\":\"sent\","             \
	"\"reason\":\"\"},"                                                  \
	"{\"node\":\"app2\",\"root\":\"plant\",\"heard\":null,"              \
	"\"asked\":null,\"state\":\"none\",\"reason\":\"\"}],"               \
	"\"made\":[\"plant\"],\"removed\":[\"app9\"]}"

static char dir[32];
static pid_t child;

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/kedge-recover-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	child = 0;
}

static void
teardown(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* To one request, which goes into a file. */
static void
answers(const char *text)
{
	struct sockaddr_un sun = { AF_UNIX, "s" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), c;
	char q[4096];
	ssize_t n;
	FILE *f;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	if ((child = fork()) != 0) {
		close(fd);
		return;
	}
	c = accept(fd, NULL, NULL);
	f = fopen("seen", "w");
	if ((n = read(c, q, sizeof(q))) > 0 && f != NULL) {
		fwrite(q, 1, (size_t)n, f);
		fclose(f);
		(void)dprintf(c, "%s\n", text);
	}
	_exit(0);
}

/* The request had this in it. */
static bool
asked_for(const char *want)
{
	struct base_buf b;
	bool yes;

	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	base_buf_init(&b, 4096);
	ck_assert_int_eq(base_file_read("seen", 4096, &b), BASE_OK);
	yes = memmem(b.p, b.n, want, strlen(want)) != NULL;
	base_buf_free(&b);
	return yes;
}

static bool
shows(const char *text)
{
	return strstr(words_out, text) != NULL;
}

START_TEST(nothing_to_recover)
{
	answers(NOTHING);
	ck_assert_int_eq(words_run("kedge recover status --exit-code --socket "
				   "s"),
	    CLI_DONE);
	ck_assert(shows("no recovery"));
	ck_assert(!shows("starts"));
	ck_assert(asked_for("\"recover-status\""));
}
END_TEST

START_TEST(who_is_waited_for)
{
	answers(ASKS);
	ck_assert_int_eq(words_run("kedge recover status --socket s"),
	    CLI_DONE);
	ck_assert(shows("recovers since 2026-01-01T00:00:00Z: it is an old"));
	ck_assert(shows("1 of 3 nodes"));
	ck_assert(shows("app1, root plant: heard of last -; asked "
			"2026-01-01T00:00:05Z: sent"));
	ck_assert(shows("app2, root plant: heard of last -; not asked yet"));
	ck_assert(shows("kedge roll resume plant"));
	ck_assert(shows("kedge node remove app9"));
	ck_assert(asked_for("\"recover-status\""));
}
END_TEST

START_TEST(the_exit_code_says_whether_it_is_over)
{
	answers(ASKS);
	ck_assert_int_eq(words_run("kedge recover status --exit-code --socket "
				   "s"),
	    CLI_WAITING);
	ck_assert(asked_for("\"recover-status\""));
}
END_TEST

START_TEST(a_word_has_its_reason)
{
	answers(ASKS);
	ck_assert_int_eq(words_run("kedge recover start --reason restored "
				   "--socket s"),
	    CLI_DONE);
	ck_assert(asked_for("\"reason\":\"restored\""));
	ck_assert_int_eq(unlink("s"), 0);
	answers(ASKS);
	ck_assert_int_eq(words_run("kedge recover excuse --reason sold app1 "
				   "--socket s"),
	    CLI_DONE);
	ck_assert(asked_for("\"node\":\"app1\""));
	ck_assert_int_eq(words_run("kedge recover excuse"), CLI_USAGE);
}
END_TEST

TCase *
case_cmd_recover(void)
{
	TCase *t = tcase_create("cmd_recover");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing_to_recover);
	tcase_add_test(t, who_is_waited_for);
	tcase_add_test(t, the_exit_code_says_whether_it_is_over);
	tcase_add_test(t, a_word_has_its_reason);
	return t;
}
