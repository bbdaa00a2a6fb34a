/* Unit tests of base/process.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

/* A descriptor from which n bytes of text come. */
static int
pipe_with(const char *text, size_t n)
{
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(write(p[1], text, n), (ssize_t)n);
	close(p[1]);
	return p[0];
}

static enum base_err
secret_of(const char *text, size_t max, struct base_buf *b)
{
	return base_secret_read_fd(pipe_with(text, strlen(text)), max, b);
}

START_TEST(secret_good)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(secret_of("1234\n", 4, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 4);
	ck_assert_mem_eq(b.p, "1234", 4);
	ck_assert_int_eq(secret_of("a b\xc3\xa4", 63, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 5);
	ck_assert_int_eq(secret_of("one\ntwo\n", 63, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 3);
	base_buf_free(&b);
}
END_TEST

START_TEST(secret_bad)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(secret_of("12345\n", 4, &b), BASE_E_RANGE);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_int_eq(secret_of("", 4, &b), BASE_E_SYNTAX);
	ck_assert_int_eq(secret_of("\n", 4, &b), BASE_E_SYNTAX);
	ck_assert_int_eq(secret_of("12\r\n", 4, &b), BASE_E_SYNTAX);
	ck_assert_int_eq(base_secret_read_fd(pipe_with("1\0002", 3), 4, &b),
	    BASE_E_SYNTAX);
	ck_assert_int_eq(base_secret_read_fd(-1, 4, &b), BASE_E_IO);
	ck_assert_uint_eq(b.n, 0);
	base_buf_free(&b);
}
END_TEST

START_TEST(secret_closes)
{
	int fd = pipe_with("1234", 4);
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_secret_read_fd(fd, 10, &b), BASE_OK);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(errno, EBADF);
	base_buf_free(&b);
}
END_TEST

START_TEST(credential)
{
	char dir[] = "/tmp/kedge-unit-XXXXXX";
	struct base_buf b;
	char *path;

	base_buf_init(&b, 0);
	unsetenv("CREDENTIALS_DIRECTORY");
	ck_assert_int_eq(base_secret_read_credential("pin", 10, &b),
	    BASE_E_NOTFOUND);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	ck_assert_int_eq(base_secret_read_credential("pin", 10, &b),
	    BASE_E_NOTFOUND);
	path = base_asprintf("%s/pin", dir);
	ck_assert_int_eq(base_file_write(path,
			     (struct base_span){ (const uint8_t *)"1234\n", 5 },
			     0600),
	    BASE_OK);
	ck_assert_int_eq(base_secret_read_credential("pin", 10, &b), BASE_OK);
	ck_assert_mem_eq(b.p, "1234", 4);
	ck_assert_int_eq(base_secret_read_credential("../pin", 10, &b),
	    BASE_E_SYNTAX);
	unlink(path);
	rmdir(dir);
	free(path);
	base_buf_free(&b);
}
END_TEST

/* A supervisor's socket at the given address, and what arrives there. */
static void
notified(const char *where, const char *expected)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(where);
	char got[64];
	ssize_t len;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, where, n);
	if (where[0] == '@')
		sun.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&sun,
			     (socklen_t)(offsetof(struct sockaddr_un,
					     sun_path) +
				 n)),
	    0);
	setenv("NOTIFY_SOCKET", where, 1);
	base_notify(expected);
	len = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	ck_assert_int_eq(len, (ssize_t)strlen(expected));
	ck_assert_mem_eq(got, expected, strlen(expected));
	close(fd);
}

START_TEST(notify)
{
	char *where = base_asprintf("@kedge-unit-%d", (int)getpid());
	char dir[] = "/tmp/kedge-unit-XXXXXX";

	notified(where, "READY=1");
	free(where);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	where = base_asprintf("%s/s", dir);
	notified(where, "STOPPING=1");
	unlink(where);
	rmdir(dir);
	free(where);
}
END_TEST

START_TEST(notify_nobody)
{
	base_log_open("unit", BASE_ERR);
	unsetenv("NOTIFY_SOCKET");
	base_notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	base_notify("READY=1");
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	base_notify("READY=1");
}
END_TEST

START_TEST(harden)
{
	struct rlimit lim;

	base_harden_memory();
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &lim), 0);
	ck_assert_uint_eq(lim.rlim_max, 0);
}
END_TEST

TCase *
case_process(void)
{
	TCase *tc = tcase_create("process");

	tcase_add_test(tc, secret_good);
	tcase_add_test(tc, secret_bad);
	tcase_add_test(tc, secret_closes);
	tcase_add_test(tc, credential);
	tcase_add_test(tc, notify);
	tcase_add_test(tc, notify_nobody);
	tcase_add_test(tc, harden);
	return tc;
}
