/* Unit tests of wire/loop.c: what a broken loop leaves behind ends with it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "tests/unit/wire/suites.h"
#include "wire/net.h"

static void
on_signal(evutil_socket_t fd, short what, void *eb)
{
	(void)fd, (void)what;
	event_base_loopbreak(eb);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev, (void)arg;
	ck_abort_msg("it was freed before");
}

/* A loop broken off between an event and its deferred callback, as a signal
 * does that comes with the last bytes of a connection; then the connection is
 * freed. Its descriptor. */
static int
broken(struct event_base *eb)
{
	int a[2], b[2];
	struct bufferevent *bev;
	struct event *ev;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a),
	    0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b),
	    0);
	bev = bufferevent_socket_new(eb, a[0],
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	ev = event_new(eb, b[0], EV_READ, on_signal, eb);
	bufferevent_setcb(bev, on_read, NULL, NULL, NULL);
	bufferevent_enable(bev, EV_READ);
	event_add(ev, NULL);
	ck_assert_int_eq((int)write(a[1], "x", 1), 1);
	ck_assert_int_eq((int)write(b[1], "x", 1), 1);
	event_base_dispatch(eb);
	event_free(ev);
	bufferevent_free(bev);
	close(a[1]);
	close(b[0]);
	close(b[1]);
	return a[0];
}

START_TEST(what_is_deferred_ends)
{
	struct event_base *eb = event_base_new();
	int fd = broken(eb);

	/* or this would test nothing */
	ck_assert_int_ne(fcntl(fd, F_GETFD), -1);
	wire_loop_free(eb);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(errno, EBADF);
	wire_loop_free(NULL);
}
END_TEST

TCase *
case_loop(void)
{
	TCase *t = tcase_create("loop");

	tcase_add_test(t, what_is_deferred_ends);
	return t;
}
