/*
 * kedged's connection to kedge-hsmd, against a stand-in that answers, stays
 * silent, hangs up or speaks nonsense.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

enum mood {
	ANSWER,
	SILENT,
	HANG_UP,
	HANG_UP_ONCE,
	NONSENSE,
	OTHER_TYPE,
	BACKWARDS
};

static struct rig {
	struct event_base *eb;
	char dir[32], path[64];
	struct evconnlistener *listener;
	struct bufferevent *bevs[64]; /* of the stand-in */
	enum mood mood;
	int connections, asked;
	struct wire_hsm_request first; /* BACKWARDS keeps it */
	/* what the client got */
	int done;
	enum base_err err;
	char why[512], order[8];
	struct wire_hsm_conn *close_in_done;
} r;

/* ---- the stand-in ------------------------------------------------------------ */

static void
answer(struct bufferevent *bev, const struct wire_hsm_request *q)
{
	struct wire_hsm_answer a = { .type = q->type, .id = q->id };
	struct base_buf msg, frame;

	if (r.mood == OTHER_TYPE)
		a.type = WIRE_HSM_AUDIT;
	a.nitems = 1;
	a.items = base_alloc(sizeof(*a.items));
	a.items[0].data = sample_bytes(q->node, strlen(q->node));
	base_buf_init(&msg, 0);
	base_buf_init(&frame, 0);
	OK(wire_hsm_answer_compose(&a, &msg));
	if (r.mood == NONSENSE)
		msg.p[0] = 99;
	OK(wire_hsm_frame_put(&frame, base_buf_span(&msg)));
	/* in two parts, so that frames come in pieces */
	bufferevent_write(bev, frame.p, 3);
	bufferevent_flush(bev, EV_WRITE, BEV_FLUSH);
	bufferevent_write(bev, frame.p + 3, frame.n - 3);
	wire_hsm_answer_clear(&a);
	base_buf_free(&msg);
	base_buf_free(&frame);
}

static void
hang_up(struct bufferevent *bev)
{
	for (int i = 0; i < 64; i++)
		if (r.bevs[i] == bev)
			r.bevs[i] = NULL;
	bufferevent_free(bev);
}

static void
take(struct bufferevent *bev, struct wire_hsm_request *q)
{
	r.asked++;
	if (r.mood == SILENT)
		return;
	if (r.mood != BACKWARDS) {
		answer(bev, q);
		return;
	}
	if (r.asked == 1) {
		r.first.type = q->type;
		r.first.id = q->id;
		return;
	}
	answer(bev, q);
	answer(bev, &r.first);
}

static void
hsm_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct wire_hsm_request q;
	struct base_span msg, all;
	size_t used;

	(void)arg;
	if (r.mood == HANG_UP ||
	    (r.mood == HANG_UP_ONCE && r.connections == 1)) {
		hang_up(bev);
		return;
	}
	for (;;) {
		all.n = evbuffer_get_length(in);
		all.p = evbuffer_pullup(in, -1);
		if (wire_hsm_frame_get(all, &msg, &used) != BASE_OK)
			return;
		OK(wire_hsm_request_parse(msg, &q));
		evbuffer_drain(in, used);
		take(bev, &q);
		wire_hsm_request_clear(&q);
	}
}

static void
hsm_event(struct bufferevent *bev, short what, void *arg)
{
	(void)what, (void)arg;
	hang_up(bev);
}

static void
hsm_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct bufferevent *bev =
	    bufferevent_socket_new(r.eb, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)l, (void)sa, (void)len, (void)arg;
	ck_assert_int_lt(r.connections, 64);
	r.bevs[r.connections++] = bev;
	bufferevent_setcb(bev, hsm_read, NULL, hsm_event, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void
hsm_start(enum mood mood)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	r.mood = mood;
	strcpy(sun.sun_path, r.path);
	r.listener = evconnlistener_new_bind(r.eb, hsm_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE, 5, (struct sockaddr *)&sun, sizeof(sun));
	ck_assert_ptr_nonnull(r.listener);
}

/* ---- the client ----------------------------------------------------------------- */

static void
on_stuck(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	ck_abort_msg("the loop is stuck");
}

static void
rig_setup(void)
{
	static const struct timeval limit = { .tv_sec = 20 };

	memset(&r, 0, sizeof(r));
	base_log_open("test", BASE_ERR);
	signal(SIGPIPE, SIG_IGN);
	strcpy(r.dir, "/tmp/kedge-hsm-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r.dir));
	snprintf(r.path, sizeof(r.path), "%s/hsm", r.dir);
	r.eb = event_base_new();
	event_base_once(r.eb, -1, EV_TIMEOUT, on_stuck, NULL, &limit);
}

static void
rig_teardown(void)
{
	if (r.listener != NULL)
		evconnlistener_free(r.listener);
	for (int i = 0; i < 64; i++)
		if (r.bevs[i] != NULL)
			bufferevent_free(r.bevs[i]);
	event_base_loop(r.eb, EVLOOP_NONBLOCK);
	event_base_free(r.eb);
	unlink(r.path);
	ck_assert_int_eq(rmdir(r.dir), 0);
}

static void
on_done(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	const char *name = arg;

	r.err = e;
	ck_assert_int_eq(a != NULL, e == BASE_OK);
	snprintf(r.why, sizeof(r.why), "%s", base_why());
	if (name != NULL)
		r.order[r.done] = name[0];
	r.done++;
	if (r.close_in_done != NULL)
		wire_hsm_conn_close(r.close_in_done);
	event_base_loopbreak(r.eb);
}

static struct wire_hsm_conn *
open_conn(uint32_t answer_ms, uint32_t grace_ms)
{
	struct wire_hsm_conf conf = { r.path, answer_ms, grace_ms, 3 };
	struct wire_hsm_conn *c = NULL;

	OK(wire_hsm_conn_open(r.eb, &conf, &c));
	return c;
}

static enum base_err
ask(struct wire_hsm_conn *c, const char *name, uint32_t *id)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_INFO };
	struct wire_hsm_ask a = { &q, on_done, NULL };
	int before = r.done;
	enum base_err e;

	memcpy(&a.arg, &name, sizeof(name));
	e = wire_hsm_conn_ask(c, &a, id);
	ck_assert_int_eq(r.done, before);
	return e;
}

static void
wait_for(int done)
{
	while (r.done < done)
		event_base_dispatch(r.eb);
}

START_TEST(test_answer)
{
	struct wire_hsm_conn *c = open_conn(10000, 10000);

	hsm_start(ANSWER);
	for (int i = 1; i <= 3; i++) {
		OK(ask(c, NULL, NULL));
		wait_for(i);
		OK(r.err);
	}
	ck_assert_int_eq(r.connections, 1);
	wire_hsm_conn_close(c);
}
END_TEST

/* Answers find their requests by id, in any order. */
START_TEST(test_backwards)
{
	struct wire_hsm_conn *c = open_conn(10000, 10000);

	hsm_start(BACKWARDS);
	OK(ask(c, "a", NULL));
	OK(ask(c, "b", NULL));
	wait_for(2);
	ck_assert_str_eq(r.order, "ba");
	wire_hsm_conn_close(c);
}
END_TEST

START_TEST(test_comes_later)
{
	struct wire_hsm_conn *c = open_conn(10000, 10000);

	OK(ask(c, NULL, NULL));
	event_base_loop(r.eb, EVLOOP_NONBLOCK);
	ck_assert_int_eq(r.done, 0);
	hsm_start(ANSWER);
	wait_for(1);
	OK(r.err);
	wire_hsm_conn_close(c);
}
END_TEST

/* Nobody there: said after the grace, long before the deadline, and what to
 * do. The next request has a grace of its own. */
START_TEST(test_never_comes)
{
	struct wire_hsm_conn *c = open_conn(10000, 20);

	OK(ask(c, "a", NULL));
	OK(ask(c, "b", NULL));
	wait_for(2);
	ck_assert_str_eq(r.order, "ab");
	ck_assert_int_eq(r.err, BASE_E_AGAIN);
	ck_assert_ptr_nonnull(strstr(r.why, "is kedge-hsmd running?"));
	ck_assert_ptr_nonnull(strstr(r.why, "systemctl start kedge-hsmd"));
	hsm_start(ANSWER);
	OK(ask(c, NULL, NULL));
	wait_for(3);
	OK(r.err);
	wire_hsm_conn_close(c);
}
END_TEST

/* The deadline comes first. */
START_TEST(test_late)
{
	struct wire_hsm_conn *c = open_conn(20, 10000);

	OK(ask(c, NULL, NULL));
	wait_for(1);
	ck_assert_int_eq(r.err, BASE_E_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(r.why, "is kedge-hsmd running?"));
	wire_hsm_conn_close(c);
}
END_TEST

/* Asked from within the word that nobody is there: an own grace. */
static void
on_asks_again(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct wire_hsm_conn *c = r.close_in_done;

	r.close_in_done = NULL;
	if (c != NULL && r.done == 0) {
		OK(ask(c, NULL, NULL));
		hsm_start(ANSWER);
	}
	on_done(arg, e, a);
}

START_TEST(test_asks_again)
{
	struct wire_hsm_conn *c = open_conn(10000, 20);
	struct wire_hsm_request q = { .type = WIRE_HSM_INFO };
	struct wire_hsm_ask a = { &q, on_asks_again, NULL };

	r.close_in_done = c;
	OK(wire_hsm_conn_ask(c, &a, NULL));
	wait_for(1);
	ck_assert_int_eq(r.err, BASE_E_AGAIN);
	wait_for(2);
	OK(r.err);
	wire_hsm_conn_close(c);
}
END_TEST

START_TEST(test_close_when_gone)
{
	r.close_in_done = open_conn(10000, 20);
	OK(ask(r.close_in_done, NULL, NULL));
	OK(ask(r.close_in_done, NULL, NULL));
	wait_for(1);
	event_base_loop(r.eb, EVLOOP_NONBLOCK);
	ck_assert_int_eq(r.done, 1);
}
END_TEST

START_TEST(test_restarts)
{
	struct wire_hsm_conn *c = open_conn(10000, 10000);

	hsm_start(HANG_UP_ONCE);
	OK(ask(c, NULL, NULL));
	wait_for(1);
	OK(r.err);
	ck_assert_int_eq(r.connections, 2);
	wire_hsm_conn_close(c);
}
END_TEST

/* Silence ends at the deadline; hanging up and nonsense after the grace. */
START_TEST(test_bad)
{
	static const enum mood moods[] = { SILENT, HANG_UP, NONSENSE,
		OTHER_TYPE };
	bool silent = moods[_i] == SILENT;
	struct wire_hsm_conn *c =
	    silent ? open_conn(120, 10000) : open_conn(10000, 120);

	hsm_start(moods[_i]);
	OK(ask(c, NULL, NULL));
	wait_for(1);
	ck_assert_int_eq(r.err, silent ? BASE_E_TIMEOUT : BASE_E_AGAIN);
	ck_assert_int_ge(r.connections, silent ? 1 : 2);
	r.mood = ANSWER;
	OK(ask(c, NULL, NULL));
	wait_for(2);
	OK(r.err);
	wire_hsm_conn_close(c);
}
END_TEST

START_TEST(test_many)
{
	struct wire_hsm_conn *c = open_conn(10000, 10000);
	uint32_t id = 0;

	hsm_start(SILENT);
	OK(ask(c, NULL, NULL));
	OK(ask(c, NULL, NULL));
	OK(ask(c, NULL, &id));
	ck_assert_int_eq(ask(c, NULL, NULL), BASE_E_AGAIN);
	wire_hsm_conn_cancel(c, id);
	wire_hsm_conn_cancel(c, id + 1000);
	OK(ask(c, NULL, NULL));
	wire_hsm_conn_close(c);
	ck_assert_int_eq(r.done, 0);
}
END_TEST

START_TEST(test_close_in_done)
{
	r.close_in_done = open_conn(10000, 10000);
	hsm_start(ANSWER);
	OK(ask(r.close_in_done, NULL, NULL));
	OK(ask(r.close_in_done, NULL, NULL));
	wait_for(1);
	event_base_loop(r.eb, EVLOOP_NONBLOCK);
	ck_assert_int_eq(r.done, 1);
}
END_TEST

/* ---- blocking -------------------------------------------------------------------- */

static enum base_err
block(uint32_t ms)
{
	struct wire_hsm_conf conf = { r.path, ms, 0, 0 };
	struct wire_hsm_request q = { .type = WIRE_HSM_INFO };
	struct wire_hsm_answer a;
	enum base_err e = wire_hsm_call(&conf, &q, &a);

	wire_hsm_answer_clear(&a);
	return e;
}

START_TEST(test_blocking)
{
	static const struct {
		enum mood mood;
		enum base_err want;
	} t[] = {
		{ ANSWER, BASE_OK },
		{ SILENT, BASE_E_TIMEOUT },
		{ HANG_UP, BASE_E_IO },
		{ NONSENSE, BASE_E_SYNTAX },
		{ OTHER_TYPE, BASE_E_SYNTAX },
	};
	pid_t pid;

	ck_assert_int_eq(block(100), BASE_E_IO);
	hsm_start(t[_i].mood);
	pid = fork();
	if (pid == 0) {
		event_reinit(r.eb);
		event_base_dispatch(r.eb);
		_exit(0);
	}
	ck_assert_int_eq(block(t[_i].want == BASE_E_TIMEOUT ? 50 : 10000),
	    t[_i].want);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

TCase *
case_hsm_conn(void)
{
	TCase *tc = tcase_create("hsm_conn");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_backwards);
	tcase_add_test(tc, test_comes_later);
	tcase_add_test(tc, test_never_comes);
	tcase_add_test(tc, test_late);
	tcase_add_test(tc, test_asks_again);
	tcase_add_test(tc, test_close_when_gone);
	tcase_add_test(tc, test_restarts);
	tcase_add_loop_test(tc, test_bad, 0, 4);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_close_in_done);
	tcase_add_loop_test(tc, test_blocking, 0, 5);
	return tc;
}
