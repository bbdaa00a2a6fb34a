/* Unit tests of base/log.c: what arrives at standard error. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

static int out_fd;

/* check runs each test in a process of its own: descriptor 2 may go. */
static void
capture(void)
{
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	close(p[1]);
	out_fd = p[0];
}

/* All that was written so far; the pipe holds more than any test writes. */
static const char *
captured(void)
{
	static char text[8192];
	ssize_t n;

	close(STDERR_FILENO);
	n = read(out_fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

START_TEST(plain)
{
	const char *s;

	unsetenv("JOURNAL_STREAM");
	base_log_open("prog", BASE_INFO);
	capture();
	base_log(BASE_INFO, "subject: cause %d", 5);
	s = captured();
	ck_assert_uint_gt(strlen(s), 22);
	ck_assert_int_eq(s[10], 'T');
	ck_assert_str_eq(s + 20, " prog: subject: cause 5\n");
}
END_TEST

START_TEST(changes)
{
	struct base_change c = { "order", "sent", "effective", "web1", "plant",
		3, 17 };

	setenv("JOURNAL_STREAM", "8:1234", 1);
	base_log_open("prog", BASE_INFO);
	capture();
	base_log_change(BASE_INFO, &c, "trust by %s", "probe");
	c = (struct base_change){ .subject = "node",
		.old = "known",
		.now = "joined",
		.node = "web1" };
	base_log_change(BASE_NOTICE, &c, "%s", "");
	base_log_change(BASE_DEBUG, &c, "not this");
	ck_assert_str_eq(captured(),
	    "<6>order: sent -> effective node=web1 root=plant roll=3 epoch=17: "
	    "trust by probe\n"
	    "<5>node: known -> joined node=web1 root=- roll=- epoch=-\n");
}
END_TEST

START_TEST(journal)
{
	setenv("JOURNAL_STREAM", "8:1234", 1);
	base_log_open("prog", BASE_INFO);
	capture();
	base_log(BASE_WARNING, "a");
	base_log(BASE_INFO, "b");
	ck_assert_str_eq(captured(), "<4>a\n<6>b\n");
}
END_TEST

START_TEST(above_max_is_dropped)
{
	setenv("JOURNAL_STREAM", "8:1234", 1);
	base_log_open("prog", BASE_NOTICE);
	capture();
	base_log(BASE_INFO, "not this");
	base_log(BASE_NOTICE, "this");
	ck_assert_str_eq(captured(), "<5>this\n");
}
END_TEST

START_TEST(control_bytes_are_shown)
{
	setenv("JOURNAL_STREAM", "8:1234", 1);
	base_log_open("prog", BASE_NOTICE);
	capture();
	base_log(BASE_NOTICE, "%s", "x\n<0>y\x1b[2J\x7f\xc2\x9b ü");
	ck_assert_str_eq(captured(), "<5>x\\x0a<0>y\\x1b[2J\\x7f\\xc2\x9b ü\n");
}
END_TEST

START_TEST(long_line_is_one_line)
{
	char big[5000];
	const char *s;

	memset(big, '\1', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	base_log_open("prog", BASE_NOTICE);
	capture();
	base_log(BASE_NOTICE, "%s", big);
	s = captured();
	ck_assert_ptr_nonnull(strchr(s, '\n'));
	ck_assert_str_eq(strchr(s, '\n'), "\n");
}
END_TEST

START_TEST(errno_is_kept)
{
	base_log_open("prog", BASE_NOTICE);
	capture();
	close(STDERR_FILENO);
	errno = EXDEV;
	base_log(BASE_NOTICE, "nobody reads this");
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(die)
{
	capture();
	base_die("the end");
}
END_TEST

TCase *
case_log(void)
{
	TCase *tc = tcase_create("log");

	tcase_add_test(tc, plain);
	tcase_add_test(tc, journal);
	tcase_add_test(tc, changes);
	tcase_add_test(tc, above_max_is_dropped);
	tcase_add_test(tc, control_bytes_are_shown);
	tcase_add_test(tc, long_line_is_one_line);
	tcase_add_test(tc, errno_is_kept);
	tcase_add_test_raise_signal(tc, die, SIGABRT);
	return tc;
}
