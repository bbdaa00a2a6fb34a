/*
 * kedged's connection to kedge-hsmd: requests out, answers in, matched by
 * id. kedge-hsmd may restart at any time, and every request is idempotent:
 * what has no answer when the connection breaks is sent again on the next,
 * until its deadline, or until there was no connection for the grace. At the
 * end a blocking call for commands and tests.
 */
#include "wire/hsm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#define ANSWER_MS    30000
#define GRACE_MS     10000 /* more than RestartSec of kedge-hsmd.service */
#define MAX_WAITING  64
#define BACK_OFF_MIN 50 /* ms */
#define BACK_OFF_MAX 2000

struct ask {
	TAILQ_ENTRY(ask) entry;
	struct wire_hsm_conn *conn;
	uint32_t id;
	enum wire_hsm_type type;
	struct base_buf frame;
	struct event *timer;
	void (*done)(void *arg, enum base_err e, struct wire_hsm_answer *a);
	void *arg;
};

struct wire_hsm_conn {
	struct event_base *eb;
	char *path;
	uint32_t answer_ms, grace_ms, max_waiting, last_id;
	struct bufferevent *bev; /* NULL: not connected */
	struct event *again; /* next try to connect */
	uint32_t back_off;
	uint32_t away_ms; /* without a connection since the last answer */
	char why[256]; /* why the last connection failed or broke */
	TAILQ_HEAD(, ask) asks;
	uint32_t nasks;
	bool *gone; /* set true by _close during a callback */
};

static void conn_try(struct wire_hsm_conn *c);

static struct timeval
ms_to_tv(uint32_t ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	return tv;
}

/* ---- one request ------------------------------------------------------------- */

static void
ask_free(struct ask *a)
{
	TAILQ_REMOVE(&a->conn->asks, a, entry);
	a->conn->nasks--;
	event_free(a->timer);
	base_buf_free(&a->frame);
	free(a);
}

/* The connection may be gone when this returns. */
static void
ask_finish(struct ask *a, enum base_err e, struct wire_hsm_answer *answer)
{
	void (*done)(void *, enum base_err, struct wire_hsm_answer *) = a->done;
	void *arg = a->arg;

	ask_free(a);
	done(arg, e, answer);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct ask *a = arg;
	struct wire_hsm_conn *c = a->conn;

	(void)fd, (void)what;
	ask_finish(a,
	    base_fail(BASE_E_TIMEOUT,
		"kedge-hsmd at %s: no answer within %u ms%s%s; its log says what it waits for; try again",
		c->path, c->answer_ms, c->why[0] != '\0' ? ": " : "", c->why),
	    NULL);
}

static void
ask_send(struct ask *a)
{
	if (bufferevent_write(a->conn->bev, a->frame.p, a->frame.n) != 0)
		base_die("hsm client: out of memory");
}

static struct ask *
ask_find(struct wire_hsm_conn *c, uint32_t id)
{
	struct ask *a;

	TAILQ_FOREACH(a, &c->asks, entry)
		if (a->id == id)
			return a;
	return NULL;
}

/* ---- connection --------------------------------------------------------------- */

/* The next try to connect. Each pause counts, connections that bring no
 * answer do not end the count: a kedge-hsmd that dies of each request is as
 * good as none. */
static void
conn_wait(struct wire_hsm_conn *c)
{
	uint32_t left = c->grace_ms - c->away_ms;
	uint32_t ms = c->back_off < left ? c->back_off : left;
	struct timeval tv = ms_to_tv(ms);

	c->away_ms += ms;
	c->back_off =
	    c->back_off * 2 < BACK_OFF_MAX ? c->back_off * 2 : BACK_OFF_MAX;
	if (event_add(c->again, &tv) != 0)
		base_die("hsm client: a timer cannot be set");
}

/* Nobody is there: all that wait are told. What they ask anew from their
 * callbacks has a grace of its own. */
static void
conn_give_up(struct wire_hsm_conn *c)
{
	uint32_t last = c->last_id;
	char why[sizeof(c->why)];
	bool gone = false;
	struct ask *a;

	memcpy(why, c->why, sizeof(why));
	c->away_ms = 0;
	c->back_off = BACK_OFF_MIN;
	conn_wait(c);
	c->gone = &gone;
	while ((a = TAILQ_FIRST(&c->asks)) != NULL && a->id <= last) {
		ask_finish(a,
		    base_fail(BASE_E_AGAIN,
			"kedge-hsmd at %s: gone for %u ms: %s; start it "
			"(systemctl start kedge-hsmd), see its log when it "
			"does not stay, and try again",
			c->path, c->grace_ms, why),
		    NULL);
		if (gone)
			return;
	}
	c->gone = NULL;
}

static void
conn_drop(struct wire_hsm_conn *c, const char *why)
{
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	c->bev = NULL;
	if (strcmp(c->why, why) != 0)
		base_log(BASE_WARNING, "kedge-hsmd at %s: %s", c->path, why);
	snprintf(c->why, sizeof(c->why), "%s", why);
	if (c->nasks == 0)
		return;
	if (c->away_ms < c->grace_ms)
		conn_wait(c);
	else
		conn_give_up(c);
}

/* True when c lives and the answer was one. */
static bool
conn_take(struct wire_hsm_conn *c, struct base_span msg)
{
	struct wire_hsm_answer answer = { 0 };
	bool gone = false;
	struct ask *a;

	if (wire_hsm_answer_parse(msg, &answer) != BASE_OK) {
		conn_drop(c, base_why());
		return false;
	}
	a = ask_find(c, answer.id);
	if (a != NULL && a->type != answer.type) {
		wire_hsm_answer_clear(&answer);
		conn_drop(c, "an answer of another type");
		return false;
	}
	c->back_off = BACK_OFF_MIN;
	c->away_ms = 0;
	c->why[0] = '\0';
	c->gone = &gone;
	if (a != NULL)
		ask_finish(a, BASE_OK, &answer);
	wire_hsm_answer_clear(&answer);
	if (!gone)
		c->gone = NULL;
	return !gone;
}

/* True when a whole message was taken and there may be another. */
static bool
conn_read_one(struct wire_hsm_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_length(in), used = 0;
	struct base_span msg;
	uint8_t head[4];
	enum base_err e;
	struct base_buf copy;
	bool more;

	if (evbuffer_copyout(in, head, sizeof(head)) != sizeof(head))
		return false;
	e = wire_hsm_frame_get((struct base_span){ head, 4 }, &msg, &used);
	if (e == BASE_E_AGAIN &&
	    n < 4 +
		    ((size_t)head[0] << 24 | (size_t)head[1] << 16 |
			(size_t)head[2] << 8 | head[3]))
		return false;
	if (e == BASE_E_AGAIN)
		e = wire_hsm_frame_get((struct base_span){ evbuffer_pullup(in,
							       (ev_ssize_t)n),
					   n },
		    &msg, &used);
	if (e != BASE_OK) {
		conn_drop(c, base_why());
		return false;
	}
	/* a copy, because the callback may close the connection */
	base_buf_init(&copy, 0);
	if (base_buf_put(&copy, msg.p, msg.n) != BASE_OK)
		base_die("hsm client: %s", base_why());
	evbuffer_drain(in, used);
	more = conn_take(c, base_buf_span(&copy));
	base_buf_free(&copy);
	return more;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct wire_hsm_conn *c = arg;

	(void)bev;
	while (conn_read_one(c))
		if (c->bev == NULL)
			return;
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct wire_hsm_conn *c = arg;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		conn_drop(c, "it closed the connection");
	else
		conn_drop(c, strerror(EVUTIL_SOCKET_ERROR()));
}

static enum base_err
unix_connect(const char *path, int flags, int *out)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return base_fail(BASE_E_CONFIG, "socket path too long");
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return base_fail(BASE_E_IO, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0) {
		enum base_err e = base_fail(BASE_E_IO,
		    "connect: %s (is kedge-hsmd running?)", strerror(errno));

		close(fd);
		return e;
	}
	*out = fd;
	return BASE_OK;
}

static void
conn_try(struct wire_hsm_conn *c)
{
	struct ask *a;
	int fd;

	if (unix_connect(c->path, SOCK_NONBLOCK, &fd) != BASE_OK) {
		conn_drop(c, base_why());
		return;
	}
	c->bev = bufferevent_socket_new(c->eb, fd,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL)
		base_die("hsm client: out of memory");
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	TAILQ_FOREACH(a, &c->asks, entry)
		ask_send(a);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct wire_hsm_conn *c = arg;

	(void)fd, (void)what;
	if (c->bev == NULL && c->nasks > 0)
		conn_try(c);
}

/* ---- public ------------------------------------------------------------------------ */

enum base_err
wire_hsm_conn_open(struct event_base *eb, const struct wire_hsm_conf *conf,
    struct wire_hsm_conn **out)
{
	struct wire_hsm_conn *c;

	if (strlen(conf->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return base_fail(BASE_E_CONFIG,
		    "hsm socket '%s': the path is too long", conf->path);
	c = base_alloc(sizeof(*c));
	c->eb = eb;
	c->path = base_strdup(conf->path);
	c->answer_ms = conf->answer_ms != 0 ? conf->answer_ms : ANSWER_MS;
	c->grace_ms = conf->grace_ms != 0 ? conf->grace_ms : GRACE_MS;
	c->max_waiting =
	    conf->max_waiting != 0 ? conf->max_waiting : MAX_WAITING;
	c->back_off = BACK_OFF_MIN;
	TAILQ_INIT(&c->asks);
	if ((c->again = evtimer_new(eb, on_again, c)) == NULL)
		base_die("hsm client: out of memory");
	*out = c;
	return BASE_OK;
}

static enum base_err
frame_compose(const struct wire_hsm_request *r, struct base_buf *out)
{
	struct base_buf msg;
	enum base_err e;

	base_buf_init(&msg, 0);
	base_buf_init(out, 0);
	if ((e = wire_hsm_request_compose(r, &msg)) == BASE_OK)
		e = wire_hsm_frame_put(out, base_buf_span(&msg));
	base_buf_free(&msg);
	return e;
}

enum base_err
wire_hsm_conn_ask(struct wire_hsm_conn *c, const struct wire_hsm_ask *ask,
    uint32_t *id)
{
	struct timeval tv = ms_to_tv(c->answer_ms);
	struct ask *a;
	enum base_err e;

	if (c->nasks >= c->max_waiting)
		return base_fail(BASE_E_AGAIN,
		    "kedge-hsmd at %s: %u requests "
		    "are waiting for it already",
		    c->path, c->nasks);
	a = base_alloc(sizeof(*a));
	a->conn = c;
	a->id = ask->request->id = ++c->last_id;
	a->type = ask->request->type;
	a->done = ask->done;
	a->arg = ask->arg;
	if ((e = frame_compose(ask->request, &a->frame)) != BASE_OK) {
		base_buf_free(&a->frame);
		free(a);
		return e;
	}
	a->timer = evtimer_new(c->eb, on_deadline, a);
	if (a->timer == NULL || event_add(a->timer, &tv) != 0)
		base_die("hsm client: a timer cannot be set");
	TAILQ_INSERT_TAIL(&c->asks, a, entry);
	if (c->nasks++ == 0)
		c->away_ms = 0;
	if (id != NULL)
		*id = a->id;
	if (c->bev != NULL)
		ask_send(a);
	else if (!event_pending(c->again, EV_TIMEOUT, NULL))
		conn_try(c);
	return BASE_OK;
}

void
wire_hsm_conn_cancel(struct wire_hsm_conn *c, uint32_t id)
{
	struct ask *a = ask_find(c, id);

	if (a != NULL)
		ask_free(a);
}

void
wire_hsm_conn_close(struct wire_hsm_conn *c)
{
	if (c == NULL)
		return;
	if (c->gone != NULL)
		*c->gone = true;
	while (!TAILQ_EMPTY(&c->asks))
		ask_free(TAILQ_FIRST(&c->asks));
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	event_free(c->again);
	free(c->path);
	free(c);
}

/* ---- blocking ------------------------------------------------------------------------ */

static enum base_err
fd_wait(int fd, short events, struct base_mono end)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = end.ms - base_mono_now().ms;
	int n;

	if (left <= 0)
		return base_fail(BASE_E_TIMEOUT, "no answer in time");
	n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
	if (n < 0 && errno != EINTR)
		return base_fail(BASE_E_IO, "poll: %s", strerror(errno));
	return BASE_OK;
}

static enum base_err
fd_write(int fd, struct base_span s, struct base_mono end)
{
	enum base_err e = BASE_OK;

	while (e == BASE_OK && s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n >= 0) {
			s.p += n;
			s.n -= (size_t)n;
		} else if (errno == EAGAIN) {
			e = fd_wait(fd, POLLOUT, end);
		} else if (errno != EINTR) {
			e = base_fail(BASE_E_IO, "send: %s", strerror(errno));
		}
	}
	return e;
}

static enum base_err
fd_read(int fd, struct base_buf *b, struct base_mono end)
{
	uint8_t chunk[4096];
	ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
	enum base_err e;

	if (n > 0)
		e = base_buf_put(b, chunk, (size_t)n);
	else if (n == 0)
		e = base_fail(BASE_E_IO, "it closed the connection");
	else if (errno == EAGAIN)
		e = fd_wait(fd, POLLIN, end);
	else if (errno == EINTR)
		e = BASE_OK;
	else
		e = base_fail(BASE_E_IO, "recv: %s", strerror(errno));
	base_wipe(chunk, sizeof(chunk));
	return e;
}

static enum base_err
fd_call(int fd, struct base_span frame, struct base_mono end,
    struct base_buf *in)
{
	struct base_span msg;
	size_t used;
	enum base_err e = fd_write(fd, frame, end);

	while (e == BASE_OK) {
		e = wire_hsm_frame_get(base_buf_span(in), &msg, &used);
		if (e == BASE_OK && used != in->n)
			return base_fail(BASE_E_SYNTAX,
			    "bytes after the answer");
		if (e != BASE_E_AGAIN)
			return e;
		e = fd_read(fd, in, end);
	}
	return e;
}

static enum base_err
call_answer(struct base_span in, const struct wire_hsm_request *r,
    struct wire_hsm_answer *out)
{
	struct base_span msg = { in.p + 4, in.n - 4 };
	enum base_err e = wire_hsm_answer_parse(msg, out);

	if (e == BASE_OK && (out->id != r->id || out->type != r->type)) {
		wire_hsm_answer_clear(out);
		e = base_fail(BASE_E_SYNTAX, "an answer to something else");
	}
	return e;
}

enum base_err
wire_hsm_call(const struct wire_hsm_conf *c, struct wire_hsm_request *r,
    struct wire_hsm_answer *out)
{
	struct base_mono end = base_mono_now();
	struct base_buf frame, in;
	int fd = -1;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	end.ms += c->answer_ms != 0 ? c->answer_ms : ANSWER_MS;
	r->id = 1;
	base_buf_init(&in, 4 + WIRE_HSM_FRAME);
	if ((e = frame_compose(r, &frame)) == BASE_OK &&
	    (e = unix_connect(c->path, SOCK_NONBLOCK, &fd)) == BASE_OK &&
	    (e = fd_call(fd, base_buf_span(&frame), end, &in)) == BASE_OK)
		e = call_answer(base_buf_span(&in), r, out);
	if (e != BASE_OK)
		e = base_fail(e, "kedge-hsmd at %s: %s", c->path, base_why());
	if (fd >= 0)
		close(fd);
	base_buf_free(&frame);
	base_buf_free(&in);
	return e;
}
