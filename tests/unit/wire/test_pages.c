/* Plain pages on loopback: what is answered, what is refused, and that few
 * readers at a time are served. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/wire/net_rig.h"
#include "tests/unit/wire/suites.h"

static struct wire_pages *pages;
static int asked;

static enum base_err
on_get(void *arg, const char *path, struct base_buf *page)
{
	(void)arg;
	asked++;
	if (strcmp(path, "/sick") == 0)
		return base_fail(BASE_E_IO, "the disk is gone");
	if (strcmp(path, "/metrics") != 0)
		return base_fail(BASE_E_NOTFOUND, "%s: no such page", path);
	return base_buf_printf(page, "up 1\n");
}

static void
setup(void)
{
	struct wire_pages_conf c = { .address = "127.0.0.1:0",
		.type = "text/x-test",
		.on_get = on_get };

	net_setup();
	asked = 0;
	OK(wire_pages_open(n.eb, &c, &pages));
}

static void
teardown(void)
{
	wire_pages_close(pages);
	net_teardown();
}

static int
dial(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(wire_pages_port(pages)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	ck_assert_int_eq((int)send(fd, text, strlen(text), MSG_NOSIGNAL),
	    (int)strlen(text));
}

/* All that comes until the end of the connection; not yet: NULL. */
static const char *
hear(int fd, int turns)
{
	static char buf[65536];
	size_t at = 0;

	for (int i = 0; i < turns; i++) {
		ssize_t k =
		    recv(fd, buf + at, sizeof(buf) - at - 1, MSG_DONTWAIT);

		if (k > 0)
			at += (size_t)k;
		buf[at] = '\0';
		if (k == 0 || (k == -1 && errno == ECONNRESET))
			return buf;
		event_base_loop(n.eb, EVLOOP_NONBLOCK);
	}
	return NULL;
}

#define LONG 100000

static const char *
get(const char *request)
{
	int fd = dial();
	const char *answer;

	say(fd, request);
	answer = hear(fd, LONG);
	close(fd);
	ck_assert_ptr_nonnull(answer);
	return answer;
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

START_TEST(test_a_page_is_read)
{
	const char *a = get("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");

	ck_assert(begins(a, "HTTP/1.1 200 OK\r\n"));
	ck_assert_ptr_nonnull(strstr(a, "Content-Type: text/x-test\r\n"));
	ck_assert_ptr_nonnull(strstr(a, "Content-Length: 5\r\n"));
	ck_assert_ptr_nonnull(strstr(a, "\r\n\r\nup 1\n"));
	ck_assert(
	    begins(get("GET /metrics HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 "));
	ck_assert_int_eq(asked, 2);
}
END_TEST

START_TEST(test_a_request_in_pieces)
{
	int fd = dial();

	say(fd, "GET /metrics HT");
	ck_assert_ptr_null(hear(fd, 100));
	say(fd, "TP/1.1\r\n\r");
	ck_assert_ptr_null(hear(fd, 100));
	ck_assert_int_eq(asked, 0);
	say(fd, "\n");
	ck_assert(begins(hear(fd, LONG), "HTTP/1.1 200 "));
	close(fd);
}
END_TEST

START_TEST(test_what_is_refused)
{
	char big[9000];

	ck_assert(begins(get("GET /other HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 "));
	ck_assert(begins(get("GET /sick HTTP/1.1\r\n\r\n"), "HTTP/1.1 503 "));
	ck_assert_ptr_nonnull(
	    strstr(get("GET /sick HTTP/1.1\r\n\r\n"), "the disk is gone"));
	asked = 0;
	ck_assert(
	    begins(get("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
		"HTTP/1.1 400 "));
	ck_assert(
	    begins(get("GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
		"HTTP/1.1 400 "));
	ck_assert(begins(get("GET /metrics\r\n\r\n"), "HTTP/1.1 400 "));
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ck_assert(begins(get(big), "HTTP/1.1 400 "));
	ck_assert_int_eq(asked, 0);
}
END_TEST

START_TEST(test_few_readers_at_a_time)
{
	int idle[16];

	for (size_t i = 0; i < 16; i++)
		idle[i] = dial();
	ck_assert_str_eq(get("GET /metrics HTTP/1.1\r\n\r\n"), "");
	for (size_t i = 0; i < 16; i++)
		close(idle[i]);
	settle();
	ck_assert(
	    begins(get("GET /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 "));
}
END_TEST

START_TEST(test_loopback_only)
{
	static const char *const good[] = { "127.0.0.1:9443", "127.8.0.1:1",
		"[::1]:9443" };
	static const char *const bad[] = { "0.0.0.0:9443", "192.0.2.1:9443",
		"[::]:9443", "[2001:db8::1]:9443", "128.0.0.1:1",
		"localhost:9443", "127.0.0.1", "127.0.0.1:99999" };
	struct wire_pages_conf c = { .type = "a/b", .on_get = on_get };
	struct wire_pages *p;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(wire_pages_check(good[i]) == BASE_OK, "%s",
		    good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(wire_pages_check(bad[i]) == BASE_E_CONFIG, "%s",
		    bad[i]);
		c.address = bad[i];
		ck_assert_int_eq(wire_pages_open(n.eb, &c, &p), BASE_E_CONFIG);
	}
}
END_TEST

TCase *
case_pages(void)
{
	TCase *tc = tcase_create("pages");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_a_page_is_read);
	tcase_add_test(tc, test_a_request_in_pieces);
	tcase_add_test(tc, test_what_is_refused);
	tcase_add_test(tc, test_few_readers_at_a_time);
	tcase_add_test(tc, test_loopback_only);
	return tc;
}
